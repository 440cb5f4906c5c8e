// R1: signed documents, byte by byte.
#include "protocol/document.h"

#include <gtest/gtest.h>
#include <sodium.h>

#include <set>

#include "protocol/codec.h"
#include "protocol/limits.h"

namespace souk {
namespace {

SigningKey Key(uint8_t n) {
  return SigningKey::FromSeed({n});
}

DocumentRef Sample() {
  Release release;
  release.lease = Sha256(AsBytes("lease"));
  release.number = 3;
  return SignMessage(release, Key(1));
}

Bytes EnvelopeOf(std::string_view kind, const PublicKey& signer, const Signature& signature,
                 ByteView payload) {
  Bytes out = {static_cast<uint8_t>(kind.size())};
  Append(out, AsBytes(kind));
  Append(out, signer.bytes);
  Append(out, signature.bytes);
  PutLe(out, static_cast<uint32_t>(payload.size()));
  Append(out, payload);
  return out;
}

Bytes Covered(std::string_view kind, ByteView payload) {
  Bytes out = ToBytes(AsBytes("souk/v1/"));
  Append(out, AsBytes(kind));
  out.push_back(0);
  Append(out, payload);
  return out;
}

Code CodeOf(ByteView envelope) {
  const auto opened = Document::Open(envelope);
  EXPECT_FALSE(opened);
  return opened ? Code::kInvalidArgument : opened.error().code;
}

TEST(Document, IsReadAsItWasSigned) {
  const DocumentRef signed_here = Sample();
  const auto opened = Document::Open(signed_here->envelope());
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ((*opened)->kind(), Kind::kRelease);
  EXPECT_EQ((*opened)->signer(), Key(1).public_key());
  EXPECT_EQ((*opened)->id(), signed_here->id());
  EXPECT_EQ((*opened)->envelope(), signed_here->envelope());
  EXPECT_EQ(Decode<Release>(**opened)->number, 3u);
}

TEST(Document, HasTheLayoutOfTheProtocolPage) {
  const Bytes payload = ToBytes(AsBytes("payload"));
  const Bytes covered = Covered("order", payload);
  const Bytes envelope = EnvelopeOf("order", Key(2).public_key(), Key(2).Sign(covered), payload);
  const DocumentRef document = Document::Sign(Kind::kOrder, payload, Key(2));
  EXPECT_EQ(document->envelope(), envelope);
  EXPECT_EQ(document->id(), Sha256(covered));
  EXPECT_TRUE(Document::Open(envelope));
}

TEST(Document, NamesEveryKindOnce) {
  std::set<std::string_view> names;
  for (int kind = 0; kind <= static_cast<int>(kLastKind); ++kind) {
    const std::string_view name = KindName(static_cast<Kind>(kind));
    names.insert(name);
    EXPECT_LE(name.size(), limits::kKindBytes);
    EXPECT_EQ(*ParseKind(name), static_cast<Kind>(kind));
  }
  EXPECT_EQ(names.size(), static_cast<size_t>(kLastKind) + 1);
  EXPECT_EQ(ParseKind("offers").error().code, Code::kUnsupported);
  EXPECT_EQ(ParseKind("").error().code, Code::kUnsupported);
}

TEST(Document, IsNamedByWhatItsSignatureCovers) {
  const DocumentRef document = Sample();
  EXPECT_NE(document->id(), Sha256(document->envelope()));
  EXPECT_EQ(document->id(), Sha256(Covered("release", document->payload())));
}

// Anyone who holds a key can make many valid signatures of one payload: RFC 8032's choice of the
// nonce is not checked by who verifies.
TEST(Document, HasOneIdWhicheverValidSignatureItCarries) {
  const DocumentRef first = Sample();
  const Bytes covered = Covered("release", first->payload());
  std::array<uint8_t, 64> expanded = {};
  const std::array<uint8_t, 32> seed = {1};
  crypto_hash_sha512(expanded.data(), seed.data(), seed.size());
  expanded[0] &= 248;
  expanded[31] = static_cast<uint8_t>((expanded[31] & 127) | 64);

  std::array<uint8_t, 32> nonce = {42};
  Signature second;
  ASSERT_EQ(crypto_scalarmult_ed25519_base_noclamp(second.bytes.data(), nonce.data()), 0);
  Bytes hashed(second.bytes.begin(), second.bytes.begin() + 32);
  Append(hashed, first->signer().bytes);
  Append(hashed, covered);
  std::array<uint8_t, 64> wide = {};
  crypto_hash_sha512(wide.data(), hashed.data(), hashed.size());
  std::array<uint8_t, 32> challenge = {};
  crypto_core_ed25519_scalar_reduce(challenge.data(), wide.data());
  std::array<uint8_t, 32> secret = {};
  std::array<uint8_t, 64> secret_wide = {};
  std::copy(expanded.begin(), expanded.begin() + 32, secret_wide.begin());
  crypto_core_ed25519_scalar_reduce(secret.data(), secret_wide.data());
  std::array<uint8_t, 32> product = {};
  crypto_core_ed25519_scalar_mul(product.data(), challenge.data(), secret.data());
  crypto_core_ed25519_scalar_add(second.bytes.data() + 32, nonce.data(), product.data());

  const auto other =
      Document::Open(EnvelopeOf("release", first->signer(), second, first->payload()));
  ASSERT_TRUE(other) << other.error().message;
  EXPECT_NE((*other)->envelope(), first->envelope());
  EXPECT_EQ((*other)->id(), first->id());
}

TEST(Document, IsRefusedWithAnyBitFlipped) {
  const Bytes envelope = Sample()->envelope();
  for (size_t bit = 0; bit < 8 * envelope.size(); ++bit) {
    Bytes flipped = envelope;
    flipped[bit / 8] = static_cast<uint8_t>(flipped[bit / 8] ^ (1 << bit % 8));
    ASSERT_FALSE(Document::Open(flipped)) << bit;
  }
}

TEST(Document, IsRefusedAtEveryTruncationAndWithAnythingBehindIt) {
  Bytes envelope = Sample()->envelope();
  for (size_t size = 0; size < envelope.size(); ++size) {
    ASSERT_EQ(CodeOf(ByteView(envelope).first(size)), Code::kMalformed) << size;
  }
  envelope.push_back(0);
  EXPECT_EQ(CodeOf(envelope), Code::kMalformed);
}

TEST(Document, IsRefusedUnderAnotherKind) {
  const DocumentRef document = Sample();
  const Bytes moved =
      EnvelopeOf("commit", document->signer(), document->signature(), document->payload());
  EXPECT_EQ(CodeOf(moved), Code::kBadSignature);
}

// A kind cannot run over into the payload: the zero byte keeps them apart.
TEST(Document, KeepsKindAndPayloadApart) {
  const Bytes payload = ToBytes(AsBytes("-query"));
  const Bytes covered = Covered("lease", payload);
  const Bytes same_letters =
      EnvelopeOf("lease-query", Key(1).public_key(), Key(1).Sign(covered), {});
  EXPECT_EQ(CodeOf(same_letters), Code::kBadSignature);
}

TEST(Document, IsRefusedFromAnotherSigner) {
  const DocumentRef document = Sample();
  EXPECT_EQ(CodeOf(EnvelopeOf("release", Key(2).public_key(), document->signature(),
                              document->payload())),
            Code::kBadSignature);
}

TEST(Document, SaysWhichKindItDoesNotKnow) {
  const Bytes payload = {1};
  const Bytes envelope =
      EnvelopeOf("gift", Key(1).public_key(), Key(1).Sign(Covered("gift", payload)), payload);
  const auto opened = Document::Open(envelope);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::kUnsupported);
  EXPECT_NE(opened.error().message.find("gift"), std::string::npos);
}

TEST(Document, RefusesKindsOfOtherCharacters) {
  for (const std::string& kind :
       {std::string("Release"), std::string("rel ease"), std::string("rel\0ase", 7),
        std::string(33, 'a'), std::string()}) {
    EXPECT_EQ(CodeOf(EnvelopeOf(kind, Key(1).public_key(), {}, {})), Code::kMalformed) << kind;
  }
}

TEST(Document, IsAtMost16KiB) {
  const size_t overhead = EnvelopeOf("order", {}, {}, {}).size();
  const DocumentRef largest =
      Document::Sign(Kind::kOrder, Bytes(limits::kDocumentBytes - overhead), Key(1));
  EXPECT_EQ(largest->envelope().size(), limits::kDocumentBytes);
  EXPECT_TRUE(Document::Open(largest->envelope()));
  Bytes larger = largest->envelope();
  larger.push_back(0);
  EXPECT_EQ(CodeOf(larger), Code::kTooLarge);
}

TEST(Document, IsTakenUnverifiedOnlyFromWhatTheLogHolds) {
  Bytes envelope = Sample()->envelope();
  EXPECT_EQ((*Document::OpenTrusted(envelope))->id(), Sample()->id());
  envelope[20] = static_cast<uint8_t>(envelope[20] ^ 1);
  EXPECT_TRUE(Document::OpenTrusted(envelope));
  EXPECT_FALSE(Document::OpenTrusted(ByteView(envelope).first(50)));
}

// Second implementations can check themselves against this; see docs/protocol.md.
TEST(Document, HasTheBytesOfTheProtocolPage) {
  std::array<uint8_t, 32> seed = {};
  for (size_t i = 0; i < seed.size(); ++i) seed[i] = static_cast<uint8_t>(i);
  Release release;
  release.lease = Sha256(AsBytes("lease"));
  release.number = 3;
  const DocumentRef document = SignMessage(release, SigningKey::FromSeed(seed));
  EXPECT_EQ(ToHex(document->payload()),
            "00000000070000000000000001000100"
            "03000000000000000100000002010000"
            "b544a7686d1186680a9d8f24ff542b00d8ae60da4dd2613a38f6292a8337cc37");
  EXPECT_EQ(ToHex(document->signature().bytes),
            "66e06d08a5d9dd256d9d592242491475730303bbb1bddae63e954c5f277de9c6"
            "7b4e19b086fe2deb2e1982366603e46ba215e1e979bcf5ca3b943b5a798bb100");
  EXPECT_EQ(document->id().Hex(),
            "d3700e5de0efc603fe4c58a6abe18587bb5b2925b3983581a8d48a62e7e8eb12");
}

}  // namespace
}  // namespace souk
