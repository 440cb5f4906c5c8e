// The bodies that tlog-tiles serves: hash tiles and entry bundles. https://c2sp.org/tlog-tiles
#pragma once

#include <span>
#include <vector>

#include "ledger/c2sp/tiles.h"

namespace souk::ledger {

// A bundle carries an entry's length in 16 bits.
inline constexpr size_t kMaxBundledEntryBytes = 65535;
inline constexpr size_t kMaxEntryBundleBytes = kTileWidth * (2 + kMaxBundledEntryBytes);

// 1 to 256 hashes, each 32 bytes, in order.
Bytes EncodeHashTile(std::span<const Digest> hashes);
// kMalformed unless there are exactly `width` hashes.
Result<std::vector<Digest>> ParseHashTile(ByteView bytes, uint64_t width);

// Adds an entry to a bundle: its length in two bytes, big-endian, and itself. CHECKs its length.
void AppendToBundle(Bytes& bundle, ByteView entry);
// Views of the entries. kMalformed unless there are exactly `width` and nothing after them. Whether
// they are the log's is for their hashes to say, in the tile of level 0 with the same index.
Result<std::vector<ByteView>> ParseEntryBundle(ByteView bytes, uint64_t width);

}  // namespace souk::ledger
