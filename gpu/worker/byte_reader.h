// Reads little-endian fields from bytes of unknown origin. After the first failure every read gives
// zeros and ok() is false, so that a decoder checks once, at its end.
#pragma once

#include <string>

#include "protocol/base/bytes.h"
#include "protocol/base/sha256.h"

namespace souk::gpu {

class ByteReader {
 public:
  explicit ByteReader(ByteView bytes) : left_(bytes) {}

  template <typename T>
  T Int() {
    const ByteView field = Take(sizeof(T));
    return field.empty() ? T{0} : GetLe<T>(field.data());
  }
  // Length as u16, then the text; longer than max fails.
  std::string Text(size_t max) {
    const size_t length = Int<uint16_t>();
    if (length > max) ok_ = false;
    return std::string(AsText(Take(length)));
  }
  template <size_t N>
  std::array<uint8_t, N> Array() {
    std::array<uint8_t, N> out = {};
    const ByteView field = Take(N);
    if (field.size() == N) std::memcpy(out.data(), field.data(), N);
    return out;
  }
  Bytes Raw(size_t length) { return ToBytes(Take(length)); }
  Digest ReadDigest() { return Digest{Array<32>()}; }
  // A count of items of at least item_bytes each; more than the bytes left could hold fails.
  size_t Count(size_t count, size_t item_bytes) {
    if (count > left_.size() / item_bytes) ok_ = false;
    return ok_ ? count : 0;
  }
  void Require(bool condition) {
    if (!condition) ok_ = false;
  }

  bool ok() const { return ok_; }
  // All read, nothing over.
  bool Complete() const { return ok_ && left_.empty(); }

 private:
  ByteView Take(size_t count) {
    if (!ok_ || count > left_.size()) {
      ok_ = false;
      return {};
    }
    const ByteView taken = left_.first(count);
    left_ = left_.subspan(count);
    return taken;
  }

  ByteView left_;
  bool ok_ = true;
};

// The counterpart of ByteReader::Text; what is beyond max is cut.
inline void PutText(Bytes& out, std::string_view text, size_t max) {
  text = text.substr(0, max);
  PutLe<uint16_t>(out, static_cast<uint16_t>(text.size()));
  Append(out, AsBytes(text));
}

}  // namespace souk::gpu
