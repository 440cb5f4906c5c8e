#include "protocol/base/sha256.h"

#include <openssl/evp.h>

#include <algorithm>

#include "protocol/base/check.h"

namespace souk {

Result<Digest> Digest::FromBytes(ByteView bytes) {
  if (bytes.size() != 32) return Error(Code::kMalformed, "a digest has 32 bytes");
  Digest out;
  std::copy(bytes.begin(), bytes.end(), out.bytes.begin());
  return out;
}

Result<Digest> Digest::Parse(std::string_view text) {
  constexpr std::string_view prefix = "sha256:";
  if (text.substr(0, prefix.size()) == prefix) text.remove_prefix(prefix.size());
  if (text.size() != 64) return Error(Code::kMalformed, "a digest is sha256: and 64 hex digits");
  ASSIGN_OR_RETURN(const Bytes raw, FromHex(text));
  return FromBytes(raw);
}

struct Sha256Hasher::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  ~State() { EVP_MD_CTX_free(context); }
};

namespace {
// Fetched once: EVP_sha256() makes OpenSSL 3 look the algorithm up on every digest.
const EVP_MD* Algorithm() {
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  CHECK(algorithm != nullptr);
  return algorithm;
}
}  // namespace

Sha256Hasher::Sha256Hasher() : state_(std::make_unique<State>()) {
  CHECK(EVP_DigestInit_ex(state_->context, Algorithm(), nullptr) == 1);
}
Sha256Hasher::~Sha256Hasher() = default;
Sha256Hasher::Sha256Hasher(Sha256Hasher&&) noexcept = default;
Sha256Hasher& Sha256Hasher::operator=(Sha256Hasher&&) noexcept = default;

Sha256Hasher& Sha256Hasher::Update(ByteView bytes) {
  CHECK(EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()) == 1);
  return *this;
}

Digest Sha256Hasher::Finish() {
  Digest out;
  unsigned int size = 0;
  CHECK(EVP_DigestFinal_ex(state_->context, out.bytes.data(), &size) == 1 && size == 32);
  CHECK(EVP_DigestInit_ex(state_->context, nullptr, nullptr) == 1);
  return out;
}

Digest Sha256(ByteView bytes) {
  thread_local Sha256Hasher hasher;
  return hasher.Update(bytes).Finish();
}

}  // namespace souk
