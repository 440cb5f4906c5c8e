// SHA-256 through OpenSSL, and Digest, the name of content: "sha256:<64 hex>", as OCI writes it.
#pragma once

#include <array>
#include <compare>
#include <memory>
#include <string>
#include <string_view>

#include "protocol/base/bytes.h"

namespace souk {

struct Digest {
  std::array<uint8_t, 32> bytes = {};

  auto operator<=>(const Digest&) const = default;
  ByteView view() const { return bytes; }
  std::string Hex() const { return ToHex(bytes); }
  // The first eight digits, as people see ids.
  std::string Short() const { return Hex().substr(0, 8); }
  // "sha256:…"
  std::string ToString() const { return "sha256:" + Hex(); }
  bool IsZero() const { return *this == Digest{}; }

  static Result<Digest> FromBytes(ByteView bytes);
  // Takes "sha256:<hex>" or the bare 64 hex digits.
  static Result<Digest> Parse(std::string_view text);
};

Digest Sha256(ByteView bytes);

// Incremental hashing. One thread at a time.
class Sha256Hasher {
 public:
  Sha256Hasher();
  ~Sha256Hasher();
  Sha256Hasher(Sha256Hasher&&) noexcept;
  Sha256Hasher& operator=(Sha256Hasher&&) noexcept;

  Sha256Hasher& Update(ByteView bytes);
  // The digest of all so far; the hasher starts anew.
  Digest Finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// For unordered containers only; a digest is uniform already.
struct DigestHash {
  size_t operator()(const Digest& digest) const {
    size_t value = 0;
    std::memcpy(&value, digest.bytes.data(), sizeof(value));
    return value;
  }
};

}  // namespace souk
