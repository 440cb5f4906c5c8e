#include "ledger/c2sp/entry_bundle.h"

#include <algorithm>

#include "protocol/base/check.h"

namespace souk::ledger {
namespace {

constexpr size_t kLengthBytes = 2;

Error BadBundle(const char* why) {
  return Error(Code::kMalformed, std::string("entry bundle: ") + why);
}

}  // namespace

Bytes EncodeHashTile(std::span<const Digest> hashes) {
  Bytes out;
  out.reserve(hashes.size() * 32);
  for (const Digest& hash : hashes) Append(out, hash.view());
  return out;
}

Result<std::vector<Digest>> ParseHashTile(ByteView bytes, uint64_t width) {
  if (width == 0 || width > kTileWidth || bytes.size() != 32 * width) {
    return Error(Code::kMalformed, "hash tile: not " + std::to_string(width) + " hashes");
  }
  std::vector<Digest> hashes(width);
  for (size_t i = 0; i < hashes.size(); ++i) {
    std::copy_n(&bytes[32 * i], 32, hashes[i].bytes.begin());
  }
  return hashes;
}

void AppendToBundle(Bytes& bundle, ByteView entry) {
  CHECK(entry.size() <= kMaxBundledEntryBytes);
  bundle.push_back(static_cast<uint8_t>(entry.size() >> 8));
  bundle.push_back(static_cast<uint8_t>(entry.size()));
  Append(bundle, entry);
}

Result<std::vector<ByteView>> ParseEntryBundle(ByteView bytes, uint64_t width) {
  if (width == 0 || width > kTileWidth) return BadBundle("holds 1 to 256 entries");
  std::vector<ByteView> entries;
  entries.reserve(width);
  while (entries.size() < width) {
    if (bytes.size() < kLengthBytes) return BadBundle("ends before its last entry");
    const size_t length = static_cast<size_t>(bytes[0]) << 8 | bytes[1];
    bytes = bytes.subspan(kLengthBytes);
    if (bytes.size() < length) return BadBundle("an entry is cut off");
    entries.push_back(bytes.first(length));
    bytes = bytes.subspan(length);
  }
  if (!bytes.empty()) return BadBundle("has bytes after its last entry");
  return entries;
}

}  // namespace souk::ledger
