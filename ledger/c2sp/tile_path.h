// What a tlog-tiles path names. https://c2sp.org/tlog-tiles
#pragma once

#include <string>
#include <string_view>

#include "ledger/c2sp/tiles.h"

namespace souk::ledger {

// tlog-tiles numbers tile levels up to this; a tree below 2^63 leaves has less than kMaxTileLevels.
inline constexpr unsigned kHighestTileLevel = 63;
// The longest: "tile/entries/", seven groups of an index below 2^63, ".p/255".
inline constexpr size_t kMaxLogPath = 64;

// A resource of a log, relative to the log's prefix.
struct LogResource {
  enum class Kind { kCheckpoint, kHashTile, kEntryBundle };
  Kind kind = Kind::kCheckpoint;
  TileId tile = {};             // of a bundle: level 0
  uint64_t width = kTileWidth;  // 1 to 256; 256 is full and stands in no path

  bool operator==(const LogResource&) const = default;
  // "checkpoint", or as TilePath and EntryBundlePath write it.
  std::string ToPath() const;
};

// Strict: a resource has one path, "tile/0/x001/067.p/5", and what is taken here ToPath writes
// again. No leading slash, no "." and nothing escaped. kMalformed otherwise.
Result<LogResource> ParseLogPath(std::string_view path);

}  // namespace souk::ledger
