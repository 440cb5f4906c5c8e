// A log as a directory in the layout of C2SP tlog-tiles, which any client of that format reads.
// https://c2sp.org/tlog-tiles
//
//   checkpoint                the signed note, byte for byte
//   tile/<L>/<N>[.p/<W>]      hashes
//   tile/entries/<N>[.p/<W>]  entries, each after its length as 16 bits, big-endian
//   vkey                      the log's verifier key and a newline; Souk's addition
#pragma once

#include <filesystem>
#include <functional>

#include "ledger/log/log.h"

namespace souk::ledger {

// The one tile of a level that is not full in a tree of `size` leaves.
TileId EdgeTile(unsigned level, uint64_t size);

struct ExportedTiles {
  uint64_t entries = 0;
  uint64_t files = 0;
  uint64_t bytes = 0;  // in them
};

// Entries that are written, of so many. On the caller's thread, after every bundle.
using ExportProgress = std::function<void(uint64_t done, uint64_t total)>;

// Writes the tree of the log's checkpoint; entries beyond it are left out. `key` is the log's.
// All or nothing: it grows beside `out` under another name, `checkpoint` last, and is renamed once
// it is on the disk. The folder is its owner's alone, as a ledger is. kDuplicate where `out` is
// there already; kCorrupt where the entries do not lead to the checkpoint's root.
Result<ExportedTiles> ExportTiles(const LogReader& log, const NoteVerifier& key,
                                  const std::filesystem::path& out,
                                  const ExportProgress& progress = {});

}  // namespace souk::ledger
