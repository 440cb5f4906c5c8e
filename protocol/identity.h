// Keys (R1). One Ed25519 seed is the identity; every working key is derived from it.
#pragma once

#include <array>
#include <compare>
#include <filesystem>
#include <string>
#include <string_view>

#include "protocol/base/bytes.h"
#include "protocol/base/sha256.h"

namespace souk {

// An Ed25519 public key. A peer's name to machines; people see ToString().
struct PublicKey {
  std::array<uint8_t, 32> bytes = {};
  auto operator<=>(const PublicKey&) const = default;
  bool IsZero() const { return *this == PublicKey{}; }
  ByteView view() const { return bytes; }
  static Result<PublicKey> FromBytes(ByteView bytes);
  // bech32m (BIP 350) with the prefix "souk".
  std::string ToString() const;
  // Refuses other prefixes, bech32 (not m), mixed case and wrong lengths.
  static Result<PublicKey> Parse(std::string_view text);
};
using PeerId = PublicKey;

// An X25519 public key, as CURVE wants it.
struct CurveKey {
  std::array<uint8_t, 32> bytes = {};
  auto operator<=>(const CurveKey&) const = default;
  ByteView view() const { return bytes; }
};

struct Signature {
  std::array<uint8_t, 64> bytes = {};
  auto operator<=>(const Signature&) const = default;
};

// R1: valid where libsodium's crypto_sign_verify_detached says so. Thread-safe.
bool VerifySignature(const PublicKey& key, ByteView message, const Signature& signature);

// An Ed25519 key pair. Wiped on destruction; never printed. Movable.
class SigningKey {
 public:
  static SigningKey FromSeed(const std::array<uint8_t, 32>& seed);
  static SigningKey Generate();
  SigningKey(SigningKey&& other) noexcept;
  SigningKey& operator=(SigningKey&& other) noexcept;
  ~SigningKey();

  const PublicKey& public_key() const { return public_; }
  // Deterministic (RFC 8032). Thread-safe.
  Signature Sign(ByteView message) const;

 private:
  SigningKey() = default;
  friend class Identity;
  std::array<uint8_t, 64> secret_ = {};  // libsodium's layout: seed, public key
  PublicKey public_ = {};
};

// A CURVE key pair; the secret is wiped on destruction.
class CurveKeyPair {
 public:
  CurveKeyPair(CurveKey public_key, const std::array<uint8_t, 32>& secret);
  CurveKeyPair(CurveKeyPair&&) noexcept;
  ~CurveKeyPair();
  const CurveKey& public_key() const { return public_; }
  const std::array<uint8_t, 32>& secret() const { return secret_; }

 private:
  CurveKey public_ = {};
  std::array<uint8_t, 32> secret_ = {};
};

// The identity and what is derived from it with crypto_kdf (master key: the seed). Contexts
// "soukcurv", "soukckpt" and "soukwitn" with subkey id = epoch give the keys that rotate. Contexts
// "soukacct" and "soukvchr" with subkey id 0 give keys that are mixed (BLAKE2b, keyed) with the
// book's key and with the order's nonce: they do not rotate, because money lies under them.
class Identity {
 public:
  static Identity FromSeed(const std::array<uint8_t, 32>& seed, uint32_t epoch = 1);
  static Identity Generate();

  const PeerId& id() const { return key_.public_key(); }
  const SigningKey& key() const { return key_; }
  uint32_t epoch() const { return epoch_; }
  CurveKeyPair Curve() const;
  SigningKey CheckpointKey() const;
  SigningKey WitnessKey() const;
  // R3: one fresh account key per book.
  SigningKey AccountKey(const PeerId& book) const;
  SigningKey VoucherKey(const Digest& order_nonce) const;
  // Deterministic nonces: BLAKE2b keyed by the seed over "souk/nonce/", the label (without zero
  // bytes), a zero byte and the counter as eight bytes, little-endian; so that `step` needs no
  // source of chance and a restart that lost an unsent order makes the same one again.
  Digest DeriveNonce(std::string_view label, uint64_t counter) const;

 private:
  Identity(SigningKey key, uint32_t epoch) : key_(std::move(key)), epoch_(epoch) {}
  SigningKey key_;
  uint32_t epoch_ = 1;
};

// The identity file: 0600, TOML-like text; the seed is sealed with Argon2id + XSalsa20-Poly1305
// where a passphrase is given. Creating over an existing file is kDuplicate. Refuses to load a file
// that others may read (kDenied), and says chmod 600.
struct IdentityFile {
  // Also makes the offline successor key: its digest goes on the card (R1), the secret is written
  // to `successor_path` (0600), which the owner is told to move off the machine.
  static Result<Identity> Create(const std::filesystem::path& path,
                                 const std::filesystem::path& successor_path,
                                 std::string_view passphrase);
  static Result<Identity> Load(const std::filesystem::path& path, std::string_view passphrase);
  static Result<Digest> SuccessorDigest(const std::filesystem::path& path);
};

}  // namespace souk
