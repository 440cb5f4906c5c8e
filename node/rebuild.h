// A node's ledger made again from a copy of its log: a mirror's folder, exported tiles, or the URL
// that serves them (R3).
#pragma once

#include <functional>

#include "ledger/log/tile_reader.h"
#include "node/node_dir.h"

namespace souk::node {

struct Rebuilt {
  uint64_t entries = 0;
  // What this node's own checkpoint file, where there was one, had signed: not more than `entries`.
  uint64_t signed_before = 0;
  // Of a mirror: the newest checkpoint that it knows signs so many, not more than `entries`.
  uint64_t mirror_knew = 0;
};

// Writes DIR/ledger and DIR/checkpoint, all or nothing, and proves that the copy holds every entry
// that the old checkpoint file signed, in the same tree. Facts, jobs and blobs are not in a log and
// do not come back. What the log signed later, nobody here can know: the next start asks
// counterparties, as ever.
//
// kDuplicate where DIR/ledger is still there; kConflict where the copy is shorter than, or another
// than, what this node signed; kInvalidArgument where it is another's log. `progress`: entries
// written.
Result<Rebuilt> RebuildLedger(const NodeDir& dir, const Identity& identity,
                              const ledger::LogReader& copy,
                              const std::function<void(uint64_t, uint64_t)>& progress = {});

// As `soukd rebuild --from`: a directory of tiles, a URL, or the directory of a node that mirrors
// this one (or its `mirror`), which may be running. kConflict too where the mirror has seen a
// newer checkpoint than it has entries for.
Result<Rebuilt> RebuildFrom(const NodeDir& dir, const Identity& identity, const std::string& from,
                            const std::function<void(uint64_t, uint64_t)>& progress = {});

}  // namespace souk::node
