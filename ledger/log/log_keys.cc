#include "ledger/log/log_keys.h"

#include <algorithm>

#include "ledger/c2sp/entry_bundle.h"
#include "ledger/log/log.h"

namespace souk::ledger {
namespace {

// Big-endian, so that keys order as the numbers do.
void PutBe(Bytes& out, uint64_t value) {
  for (int shift = 56; shift >= 0; shift -= 8) out.push_back(static_cast<uint8_t>(value >> shift));
}

uint64_t GetBe(const uint8_t* at) {
  uint64_t value = 0;
  for (size_t i = 0; i < 8; ++i) value = value << 8 | at[i];
  return value;
}

}  // namespace

bool IsCallerKey(ByteView key) {
  if (key.empty()) return false;
  return key[0] != kEntryPrefix && key[0] != kTilePrefix && key[0] != kIdPrefix &&
         key[0] != kHeadPrefix;
}

Bytes EntryKey(uint64_t index) {
  Bytes key = {kEntryPrefix};
  PutBe(key, index);
  return key;
}

std::optional<uint64_t> ParseEntryKey(ByteView key) {
  if (key.size() != 9 || key[0] != kEntryPrefix) return std::nullopt;
  return GetBe(&key[1]);
}

Bytes TileKey(TileId tile) {
  Bytes key = {kTilePrefix, static_cast<uint8_t>(tile.level)};
  PutBe(key, tile.index);
  return key;
}

Bytes IdKey(const Digest& id) {
  Bytes key = {kIdPrefix};
  Append(key, id.view());
  return key;
}

Bytes HeadKey() {
  return {kHeadPrefix};
}

Bytes EncodeIndex(uint64_t index) {
  Bytes value;
  PutBe(value, index);
  return value;
}

Result<uint64_t> DecodeIndex(ByteView value) {
  if (value.size() != 8) return Error(Code::kCorrupt, "an id's index has not 8 bytes");
  return GetBe(value.data());
}

Bytes EncodeTile(std::span<const Digest> hashes) {
  return EncodeHashTile(hashes);
}

Result<std::vector<Digest>> DecodeTile(ByteView value) {
  auto hashes = ParseHashTile(value, kTileWidth);
  if (!hashes) return Error(Code::kCorrupt, "a stored tile has not 8192 bytes");
  return hashes;
}

Bytes EncodeHead(const Head& head) {
  Bytes value;
  PutBe(value, head.generation);
  PutBe(value, head.size);
  Append(value, head.root.view());
  return value;
}

Result<Head> DecodeHead(ByteView value) {
  if (value.size() != 48) return Error(Code::kCorrupt, "the stored head has not 48 bytes");
  Head head;
  head.generation = GetBe(&value[0]);
  head.size = GetBe(&value[8]);
  std::copy_n(&value[16], 32, head.root.bytes.begin());
  if (head.size > kMaxTreeSize) return Error(Code::kCorrupt, "the stored head has no valid size");
  return head;
}

}  // namespace souk::ledger
