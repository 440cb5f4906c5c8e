// A node's ledger made again from a copy of its log: a mirror, over the wire or its folder,
// exported tiles, or the URL that serves them (R3).
#pragma once

#include <functional>

#include "ledger/log/tile_reader.h"
#include "node/node_dir.h"

namespace souk::node {

struct Rebuilt {
  uint64_t entries = 0;
  // What this node had signed, as its checkpoint file or the cosigned one says, where there was
  // one: not more than `entries`.
  uint64_t signed_before = 0;
  // Of a mirror: the newest checkpoint that it knows signs so many, not more than `entries`.
  uint64_t mirror_knew = 0;
};

// Of `total` entries so many are fetched, and then written.
using RebuildProgress = std::function<void(uint64_t done, uint64_t total)>;

// Writes DIR/ledger and DIR/checkpoint, all or nothing, and proves that the copy holds every entry
// that the old checkpoint file signed, in the same tree. Facts, jobs and blobs are not in a log and
// do not come back. What the log signed later, nobody here can know: the next start asks
// counterparties, as ever.
//
// kDuplicate where DIR/ledger is still there; kConflict where the copy is shorter than, or another
// than, what this node signed; kInvalidArgument where it is another's log.
Result<Rebuilt> RebuildLedger(const NodeDir& dir, const Identity& identity,
                              const ledger::LogReader& copy, const RebuildProgress& progress = {});

// As `soukd rebuild --from`: a directory of tiles, a URL, the directory of a node that mirrors this
// one (or its `mirror`), which may be running, or the address of such a node (mirror_client.h).
// kConflict too where the mirror has seen a newer checkpoint than it has entries for.
Result<Rebuilt> RebuildFrom(const NodeDir& dir, const Identity& identity, const std::string& from,
                            const RebuildProgress& progress = {});

}  // namespace souk::node
