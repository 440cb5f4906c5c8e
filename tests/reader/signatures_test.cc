// The second reader calls OpenSSL, which takes signatures that libsodium refuses.
#include <gtest/gtest.h>
#include <sodium.h>

#include <fstream>
#include <random>

#include "reader/reader_testing.h"

namespace souk::reader {
namespace {

using W = AuditWorld;

using Key32 = std::array<uint8_t, 32>;
using Signature64 = std::array<uint8_t, 64>;

Key32 BaseTimes(const Key32& scalar) {
  Key32 point = {};
  EXPECT_EQ(crypto_scalarmult_ed25519_base_noclamp(point.data(), scalar.data()), 0);
  return point;
}
Key32 Reduced(ByteView bytes) {
  std::array<uint8_t, 64> wide = {};
  std::copy(bytes.begin(), bytes.end(), wide.begin());
  Key32 scalar = {};
  crypto_core_ed25519_scalar_reduce(scalar.data(), wide.data());
  return scalar;
}
Key32 RandomScalar(std::mt19937_64& random) {
  std::array<uint8_t, 64> bytes = {};
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
  return Reduced(bytes);
}
Key32 HashOf(const Key32& r, const Key32& key, ByteView message) {
  Bytes all(r.begin(), r.end());
  Append(all, key);
  Append(all, message);
  std::array<uint8_t, 64> hash = {};
  crypto_hash_sha512(hash.data(), all.data(), all.size());
  return Reduced(hash);
}
// S = r + h a, so that S B - h A = R up to what of small order R and A hold.
Signature64 SignWith(const Key32& r, const Key32& r_point, const Key32& a, const Key32& key,
                     ByteView message) {
  const Key32 h = HashOf(r_point, key, message);
  Key32 product = {}, s = {};
  crypto_core_ed25519_scalar_mul(product.data(), h.data(), a.data());
  crypto_core_ed25519_scalar_add(s.data(), product.data(), r.data());
  Signature64 out = {};
  std::copy(r_point.begin(), r_point.end(), out.begin());
  std::copy(s.begin(), s.end(), out.begin() + 32);
  return out;
}
// S + n L, where that fits 32 bytes: the same number to who does not look.
Signature64 WithGreaterS(const Signature64& signature, int n) {
  constexpr uint8_t kOrder[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7,
                                  0xa2, 0xde, 0xf9, 0xde, 0x14, 0,    0,    0,    0,    0,    0,
                                  0,    0,    0,    0,    0,    0,    0,    0,    0,    0x10};
  Signature64 out = signature;
  for (int i = 0; i < n; ++i) sodium_add(&out[32], kOrder, 32);
  return out;
}

// Points of small order, and encodings of them that are not canonical.
std::vector<Key32> SmallOrderPoints() {
  std::vector<Key32> points;
  for (const char* hex : {"0000000000000000000000000000000000000000000000000000000000000000",
                          "0100000000000000000000000000000000000000000000000000000000000000",
                          "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
                          "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
                          "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                          "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                          "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"}) {
    Key32 point = {};
    const Bytes bytes = *FromHex(hex);
    std::copy(bytes.begin(), bytes.end(), point.begin());
    points.push_back(point);
    point[31] |= 0x80;
    points.push_back(point);
  }
  return points;
}

struct Judged {
  Key32 key = {};
  Signature64 signature = {};
  Bytes message = {};
};

// Signatures at the edges of what is valid. Each is made so that the equation itself holds, where
// that can be had.
std::vector<Judged> EdgeSignatures() {
  std::mt19937_64 random(25519);
  std::vector<Judged> out;
  for (uint8_t round = 0; round < 12; ++round) {
    const Bytes message = {'m', round};
    const Key32 a = RandomScalar(random), r = RandomScalar(random), zero = {};
    const Key32 key = BaseTimes(a), r_point = BaseTimes(r);
    const Signature64 good = SignWith(r, r_point, a, key, message);
    out.push_back({key, good, message});
    for (int n = 1; n < 16; ++n) out.push_back({key, WithGreaterS(good, n), message});
    for (int bit = 0; bit < 24; ++bit) {
      Judged flipped{key, good, message};
      flipped.signature[random() % 64] ^= static_cast<uint8_t>(1 << bit % 8);
      out.push_back(flipped);
      flipped = {key, good, message};
      flipped.key[random() % 32] ^= static_cast<uint8_t>(1 << bit % 8);
      out.push_back(flipped);
    }
    for (const Key32& small : SmallOrderPoints()) {
      // Under a key of small order, h A may vanish: S B = R then holds whatever the message.
      out.push_back({small, SignWith(r, r_point, zero, small, message), message});
      // An R of small order, S = h a.
      out.push_back({key, SignWith(zero, small, a, key, message), message});
      out.push_back({small, SignWith(zero, small, zero, small, message), message});
      // Keys and Rs with a part of small order are taken where the equation holds without a
      // cofactor.
      Key32 mixed = {};
      if (crypto_core_ed25519_add(mixed.data(), key.data(), small.data()) == 0) {
        for (uint8_t salt = 0; salt < 10; ++salt) {
          const Bytes salted = {'m', round, salt};
          out.push_back({mixed, SignWith(r, r_point, a, mixed, salted), salted});
        }
      }
      if (crypto_core_ed25519_add(mixed.data(), r_point.data(), small.data()) == 0) {
        out.push_back({key, SignWith(r, mixed, a, key, message), message});
      }
    }
  }
  return out;
}

TEST_F(SecondReader, JudgesSignaturesAsLibsodiumDoes) {
  ASSERT_GE(sodium_init(), 0);
  std::ofstream file(At("signatures"));
  int taken = 0, count = 0;
  for (const Judged& one : EdgeSignatures()) {
    const bool good = crypto_sign_verify_detached(one.signature.data(), one.message.data(),
                                                  one.message.size(), one.key.data()) == 0;
    file << ToHex(one.key) << "," << ToHex(one.signature) << "," << ToHex(one.message) << ","
         << (good ? 1 : 0) << "\n";
    taken += good ? 1 : 0;
    ++count;
  }
  file.close();
  const tools::Ran ran =
      tools::RunProgram("python3 -B " SOUK_SOURCE_DIR "/tests/reader/check_signatures.py '" +
                        At("signatures").string() + "'");
  EXPECT_EQ(ran.code, 0) << ran.err;
  int counted = 0, lenient = 0;
  std::istringstream(ran.out) >> counted >> lenient;
  EXPECT_EQ(counted, count);
  EXPECT_GE(taken, 100) << "some with a part of small order";
  EXPECT_GE(lenient, 100) << "which OpenSSL alone would have taken";
}

// The envelope of a payload under any key and signature.
Bytes ForgedEnvelope(const DocumentRef& document, const Key32& key, const Signature64& signature) {
  Bytes envelope = document->envelope();
  const size_t at = 1 + envelope[0];
  std::copy(key.begin(), key.end(), envelope.begin() + static_cast<long>(at));
  std::copy(signature.begin(), signature.end(), envelope.begin() + static_cast<long>(at) + 32);
  return envelope;
}

TEST_F(SecondReader, RefusesDocumentsThatOpenSslAloneWouldTake) {
  ASSERT_GE(sodium_init(), 0);
  const DocumentRef commit = world_.commit_document;
  Bytes covered = ToBytes(AsBytes("souk/v1/commit"));
  covered.push_back(0);
  Append(covered, commit->payload());
  Key32 own = {};
  std::copy_n(commit->signer().bytes.begin(), 32, own.begin());
  Signature64 good = {};
  std::copy_n(commit->signature().bytes.begin(), 64, good.begin());
  std::mt19937_64 random(7);
  const Key32 r = RandomScalar(random), a = RandomScalar(random), zero = {};
  Key32 identity = {1}, again = {0xee};
  std::fill(again.begin() + 1, again.end(), 0xff);
  again[31] = 0x7f;
  const struct {
    const char* name;
    Bytes envelope;
  } forged[] = {
      {"S + L", ForgedEnvelope(commit, own, WithGreaterS(good, 1))},
      {"a key of order 1",
       ForgedEnvelope(commit, identity, SignWith(r, BaseTimes(r), zero, identity, covered))},
      {"a key of order 1 that is not canonical",
       ForgedEnvelope(commit, again, SignWith(r, BaseTimes(r), zero, again, covered))},
      {"an R of order 1",
       ForgedEnvelope(commit, BaseTimes(a), SignWith(zero, identity, a, BaseTimes(a), covered))},
      {"a bit of the signature",
       [&] {
         Signature64 bad = good;
         bad[40] ^= 1;
         return ForgedEnvelope(commit, own, bad);
       }()},
  };
  for (const auto& one : forged) {
    auto entries = world_.ProviderLog();
    entries[W::kCommitted].documents[0] = one.envelope;
    GrowingLog log(world_.provider);
    log.Add(entries);
    const fs::path tiles = At(one.name);
    log.Export(tiles);
    const Verdict audit = ReadBySoukAudit(tiles), python = ReadByPython(tiles);
    EXPECT_TRUE(Agree(audit, python)) << one.name;
    EXPECT_TRUE(python.findings.contains({W::kCommitted, "every document is signed"})) << one.name;
  }
}

}  // namespace
}  // namespace souk::reader
