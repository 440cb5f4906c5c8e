// The hashes from which a tree's edge is made anew: of entries as they stand, and of stored tiles.
#pragma once

#include <fmt/format.h>

#include "ledger/c2sp/tiles.h"
#include "ledger/log/log_keys.h"
#include "ledger/log/store.h"

namespace souk::ledger {

// kCorrupt where what is asked is missing or damaged. The store outlives it.
class StoredHashes : public HashReader {
 public:
  explicit StoredHashes(const Store& store) : store_(store) {}
  Result<Digest> ReadNode(unsigned level, uint64_t index) const override {
    const TileId tile{level == 0 ? 0 : level / kTileHeight - 1, index};
    ASSIGN_OR_RETURN(const auto stored, store_.Get(level == 0 ? EntryKey(index) : TileKey(tile)));
    if (!stored) {
      return Error(Code::kCorrupt, level == 0 ? fmt::format("entry {} is missing", index)
                                              : TilePath(tile, kTileWidth) + " is missing");
    }
    if (level == 0) return LeafHash(*stored);
    ASSIGN_OR_RETURN(const auto hashes, DecodeTile(*stored));
    return SubtreeRoot(hashes);
  }

 private:
  const Store& store_;
};

}  // namespace souk::ledger
