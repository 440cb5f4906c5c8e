// The log's keys and head record in its store (log.h lists them). Internal to ledger/.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "ledger/c2sp/tiles.h"
#include "protocol/base/bytes.h"

namespace souk::ledger {

inline constexpr uint8_t kEntryPrefix = 'e';
inline constexpr uint8_t kTilePrefix = 't';
inline constexpr uint8_t kIdPrefix = 'i';
inline constexpr uint8_t kHeadPrefix = 'h';

Bytes EntryKey(uint64_t index);
// None where the key is not an entry's.
std::optional<uint64_t> ParseEntryKey(ByteView key);
Bytes TileKey(TileId tile);
Bytes IdKey(const Digest& id);
Bytes HeadKey();

Bytes EncodeIndex(uint64_t index);
Result<uint64_t> DecodeIndex(ByteView value);
Bytes EncodeTile(std::span<const Digest> hashes);
Result<std::vector<Digest>> DecodeTile(ByteView value);

// What the store says about itself: written with every generation.
struct Head {
  uint64_t generation = 0;
  uint64_t size = 0;
  Digest root;
};
Bytes EncodeHead(const Head& head);
Result<Head> DecodeHead(ByteView value);

}  // namespace souk::ledger
