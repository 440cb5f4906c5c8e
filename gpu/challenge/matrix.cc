#include "gpu/challenge/matrix.h"

#include <bit>
#include <cstring>

#include "protocol/base/check.h"

namespace souk::gpu {
namespace {

constexpr uint32_t kMultiplier0 = 0xD2511F53, kMultiplier1 = 0xCD9E8D57;
constexpr uint32_t kWeyl0 = 0x9E3779B9, kWeyl1 = 0xBB67AE85;
constexpr int kPhiloxRounds = 10;

}  // namespace

bool IsProductSize(uint32_t size) {
  return size >= kLeastProduct && size <= kMostProduct && std::has_single_bit(size);
}

Digest MatrixSeed(const Digest& nonce, ByteView prover, const Digest& lease,
                  std::string_view device) {
  Bytes length;
  PutLe(length, static_cast<uint32_t>(device.size()));
  return Sha256Hasher()
      .Update(AsBytes("souk/matrix"))
      .Update(nonce.view())
      .Update(prover)
      .Update(lease.view())
      .Update(length)
      .Update(AsBytes(device))
      .Finish();
}

std::array<uint32_t, 4> Philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) {
  for (int round = 0; round < kPhiloxRounds; ++round) {
    const uint64_t product0 = uint64_t{kMultiplier0} * counter[0];
    const uint64_t product1 = uint64_t{kMultiplier1} * counter[2];
    counter = {static_cast<uint32_t>(product1 >> 32) ^ counter[1] ^ key[0],
               static_cast<uint32_t>(product1),
               static_cast<uint32_t>(product0 >> 32) ^ counter[3] ^ key[1],
               static_cast<uint32_t>(product0)};
    key[0] += kWeyl0;
    key[1] += kWeyl1;
  }
  return counter;
}

MatrixKey::MatrixKey(const Digest& seed) {
  const uint8_t* const bytes = seed.bytes.data();
  key = {GetLe<uint32_t>(bytes), GetLe<uint32_t>(bytes + 4)};
  high = {GetLe<uint32_t>(bytes + 8), GetLe<uint32_t>(bytes + 12)};
}

void FillRow(const MatrixKey& key, Matrix matrix, uint32_t row, std::span<int8_t> out) {
  CHECK(out.size() % kBlockElements == 0);
  const auto blocks = static_cast<uint32_t>(out.size() / kBlockElements);
  for (uint32_t block = 0; block < blocks; ++block) {
    // At most 2^28: a matrix has at most 2^32 elements.
    const std::array<uint32_t, 4> words = Philox4x32(
        {row * blocks + block, static_cast<uint32_t>(matrix), key.high[0], key.high[1]}, key.key);
    uint8_t bytes[kBlockElements];
    for (int i = 0; i < 4; ++i) {
      for (int j = 0; j < 4; ++j) bytes[4 * i + j] = static_cast<uint8_t>(words[i] >> 8 * j);
    }
    std::memcpy(out.data() + size_t{block} * kBlockElements, bytes, sizeof(bytes));
  }
}

}  // namespace souk::gpu
