#include "protocol/identity.h"

#include <algorithm>

#include "protocol/base/check.h"
#include "protocol/bech32m.h"
#include "protocol/sodium.h"

namespace souk {
namespace {

constexpr std::string_view kPrefix = "souk";
using Seed = std::array<uint8_t, 32>;

static_assert(crypto_sign_SEEDBYTES == 32 && crypto_sign_PUBLICKEYBYTES == 32);
static_assert(crypto_sign_SECRETKEYBYTES == 64 && crypto_sign_BYTES == 64);
static_assert(crypto_kdf_KEYBYTES == 32 && crypto_kdf_CONTEXTBYTES == 8);
static_assert(crypto_scalarmult_BYTES == 32);

void Wipe(Seed& seed) {
  sodium_memzero(seed.data(), seed.size());
}

// libsodium keeps the seed as the first half of the secret key.
Seed DeriveSubkey(const std::array<uint8_t, 64>& secret, const char (&context)[9], uint64_t id) {
  Seed out = {};
  CHECK(crypto_kdf_derive_from_key(out.data(), out.size(), id, context, secret.data()) == 0);
  return out;
}

Seed KeyedHash(ByteView key, ByteView message) {
  Seed out = {};
  CHECK(crypto_generichash(out.data(), out.size(), message.data(), message.size(), key.data(),
                           key.size()) == 0);
  return out;
}

// The key for a derived seed; the seed is wiped.
SigningKey TakeSeed(Seed seed) {
  SigningKey key = SigningKey::FromSeed(seed);
  Wipe(seed);
  return key;
}

}  // namespace

Result<PublicKey> PublicKey::FromBytes(ByteView bytes) {
  if (bytes.size() != 32) return Error(Code::kMalformed, "a public key has 32 bytes");
  PublicKey out;
  std::copy(bytes.begin(), bytes.end(), out.bytes.begin());
  return out;
}

std::string PublicKey::ToString() const {
  return EncodeBech32m(kPrefix, ToFiveBits(bytes));
}

Result<PublicKey> PublicKey::Parse(std::string_view text) {
  auto decoded = DecodeBech32m(text);
  if (!decoded) return decoded.error().Within("peer id");
  if (decoded->prefix != kPrefix) {
    return Error(Code::kMalformed, "peer id: it begins with '" + std::string(kPrefix) + "1'");
  }
  auto raw = FromFiveBits(decoded->groups);
  if (!raw) return raw.error().Within("peer id");
  if (raw->size() != 32) return Error(Code::kMalformed, "peer id: it has 63 characters");
  return FromBytes(*raw);
}

bool VerifySignature(const PublicKey& key, ByteView message, const Signature& signature) {
  EnsureSodium();
  return crypto_sign_verify_detached(signature.bytes.data(), message.data(), message.size(),
                                     key.bytes.data()) == 0;
}

SigningKey SigningKey::FromSeed(const Seed& seed) {
  EnsureSodium();
  SigningKey key;
  CHECK(crypto_sign_seed_keypair(key.public_.bytes.data(), key.secret_.data(), seed.data()) == 0);
  return key;
}

SigningKey SigningKey::Generate() {
  EnsureSodium();
  Seed seed = {};
  randombytes_buf(seed.data(), seed.size());
  return TakeSeed(seed);
}

SigningKey::SigningKey(SigningKey&& other) noexcept
    : secret_(other.secret_), public_(other.public_) {
  sodium_memzero(other.secret_.data(), other.secret_.size());
}

SigningKey& SigningKey::operator=(SigningKey&& other) noexcept {
  if (this != &other) {
    secret_ = other.secret_;
    public_ = other.public_;
    sodium_memzero(other.secret_.data(), other.secret_.size());
  }
  return *this;
}

SigningKey::~SigningKey() {
  sodium_memzero(secret_.data(), secret_.size());
}

Signature SigningKey::Sign(ByteView message) const {
  Signature out;
  CHECK(crypto_sign_detached(out.bytes.data(), nullptr, message.data(), message.size(),
                             secret_.data()) == 0);
  return out;
}

CurveKeyPair::CurveKeyPair(CurveKey public_key, const Seed& secret)
    : public_(public_key), secret_(secret) {}

CurveKeyPair::CurveKeyPair(CurveKeyPair&& other) noexcept
    : public_(other.public_), secret_(other.secret_) {
  Wipe(other.secret_);
}

CurveKeyPair::~CurveKeyPair() {
  Wipe(secret_);
}

Identity Identity::FromSeed(const Seed& seed, uint32_t epoch) {
  return Identity(SigningKey::FromSeed(seed), epoch);
}

Identity Identity::Generate() {
  return Identity(SigningKey::Generate(), 1);
}

CurveKeyPair Identity::Curve() const {
  Seed secret = DeriveSubkey(key_.secret_, "soukcurv", epoch_);
  CurveKey public_key;
  CHECK(crypto_scalarmult_base(public_key.bytes.data(), secret.data()) == 0);
  CurveKeyPair pair(public_key, secret);
  Wipe(secret);
  return pair;
}

SigningKey Identity::CheckpointKey() const {
  return TakeSeed(DeriveSubkey(key_.secret_, "soukckpt", epoch_));
}

SigningKey Identity::WitnessKey() const {
  return TakeSeed(DeriveSubkey(key_.secret_, "soukwitn", epoch_));
}

SigningKey Identity::AccountKey(const PeerId& book) const {
  Seed base = DeriveSubkey(key_.secret_, "soukacct", 0);
  SigningKey key = TakeSeed(KeyedHash(base, book.bytes));
  Wipe(base);
  return key;
}

SigningKey Identity::VoucherKey(const Digest& order_nonce) const {
  Seed base = DeriveSubkey(key_.secret_, "soukvchr", 0);
  SigningKey key = TakeSeed(KeyedHash(base, order_nonce.bytes));
  Wipe(base);
  return key;
}

Digest Identity::DeriveNonce(std::string_view label, uint64_t counter) const {
  Bytes message = ToBytes(AsBytes("souk/nonce/"));
  Append(message, AsBytes(label));
  message.push_back(0);
  PutLe(message, counter);
  const ByteView seed = ByteView(key_.secret_).first(32);
  return Digest{KeyedHash(seed, message)};
}

}  // namespace souk
