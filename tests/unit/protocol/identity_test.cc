// R1: identities, their text, what is derived from them, and the files that hold them.
#include "protocol/identity.h"

#include <gtest/gtest.h>
#include <sodium.h>
#include <sys/stat.h>

#include <set>

#include "protocol/base/file.h"
#include "protocol/bech32m.h"
#include "test_folder.h"

namespace souk {
namespace {

// ---- bech32m: the vectors of BIP 350

TEST(Bech32m, AcceptsTheVectorsOfBip350) {
  for (
      const char* text :
      {"A1LQFN3A", "a1lqfn3a",
       "an83characterlonghumanreadablepartthatcontainsthetheexcludedcharactersbioandnumber11sg7hg6",
       "abcdef1l7aum6echk45nj3s0wdvt2fg8x9yrzpqzd3ryx",
       "11llllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllludsr8",
       "split1checkupstagehandshakeupstreamerranterredcaperredlc445v", "?1v759aa"}) {
    const auto decoded = DecodeBech32m(text);
    ASSERT_TRUE(decoded) << text << ": " << decoded.error().message;
    std::string lower = text;
    for (char& c : lower) c = static_cast<char>(std::tolower(c));
    EXPECT_EQ(EncodeBech32m(decoded->prefix, decoded->groups), lower);
  }
}

TEST(Bech32m, RefusesTheInvalidVectorsOfBip350) {
  for (const char* text : {"\x20"
                           "1xj0phk",
                           "\x7f"
                           "1g6xzxy",
                           "\x80"
                           "1vctc34",
                           "an84characterslonghumanreadablepartthatcontainsthetheexcludedcharacters"
                           "bioandnumber11d6pts4",
                           "qyrz8wqd2c9m", "1qyrz8wqd2c9m", "y1b0jsk6g", "lt1igcx5c0", "in1muywd",
                           "mm1crxm3i", "au1s5cgom", "M1VUXWEZ", "16plkw9", "1p2gdwpf"}) {
    EXPECT_FALSE(DecodeBech32m(text)) << text;
  }
}

TEST(Bech32m, RefusesBech32WithoutTheM) {
  // Valid by BIP 173.
  for (const char* text : {"A12UEL5L", "abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw"}) {
    EXPECT_FALSE(DecodeBech32m(text)) << text;
  }
}

// ---- peer ids

PublicKey SomeKey() {
  return SigningKey::FromSeed({1}).public_key();
}

TEST(PeerId, ReadsWhatItWritesInEitherCase) {
  const std::string text = SomeKey().ToString();
  EXPECT_EQ(text.size(), 63u);
  EXPECT_EQ(text.substr(0, 5), "souk1");
  EXPECT_EQ(*PublicKey::Parse(text), SomeKey());
  std::string upper = text;
  for (char& c : upper) c = static_cast<char>(std::toupper(c));
  EXPECT_EQ(*PublicKey::Parse(upper), SomeKey());
  EXPECT_FALSE(PublicKey::Parse("S" + text.substr(1)));
}

TEST(PeerId, SurvivesNoTypo) {
  const std::string text = SomeKey().ToString();
  for (size_t i = 0; i < text.size(); ++i) {
    for (const char c : std::string("qpzry9x8gf2tvdw0s3jn54khce6mua7l1bio ")) {
      std::string typo = text;
      typo[i] = c;
      if (typo != text) {
        EXPECT_FALSE(PublicKey::Parse(typo)) << typo;
      }
    }
    EXPECT_FALSE(PublicKey::Parse(text.substr(0, i)));
    EXPECT_FALSE(PublicKey::Parse(text.substr(0, i) + text.substr(i + 1)));
  }
}

TEST(PeerId, RefusesOtherPrefixesLengthsAndPadding) {
  const Bytes groups = ToFiveBits(SomeKey().view());
  EXPECT_TRUE(PublicKey::Parse(EncodeBech32m("souk", groups)));
  EXPECT_FALSE(PublicKey::Parse(EncodeBech32m("bc", groups)));
  EXPECT_FALSE(PublicKey::Parse(EncodeBech32m("souk", ToFiveBits(Bytes(31)))));
  EXPECT_FALSE(PublicKey::Parse(EncodeBech32m("souk", ToFiveBits(Bytes(33)))));
  Bytes padded = groups;
  padded.back() |= 1;  // 256 bits leave four of padding
  EXPECT_FALSE(PublicKey::Parse(EncodeBech32m("souk", padded)));
  padded = groups;
  padded.push_back(0);
  EXPECT_FALSE(PublicKey::Parse(EncodeBech32m("souk", padded)));
}

// ---- signatures

TEST(Signature, IsThatOfRfc8032) {
  // Section 7.1, test 2.
  const Bytes seed = *FromHex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
  std::array<uint8_t, 32> raw = {};
  std::copy(seed.begin(), seed.end(), raw.begin());
  const SigningKey key = SigningKey::FromSeed(raw);
  EXPECT_EQ(ToHex(key.public_key().bytes),
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
  const Bytes message = {0x72};
  const Signature signature = key.Sign(message);
  EXPECT_EQ(ToHex(signature.bytes),
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
            "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00");
  EXPECT_TRUE(VerifySignature(key.public_key(), message, signature));
}

TEST(Signature, IsRefusedWithAnyBitFlipped) {
  const SigningKey key = SigningKey::FromSeed({2});
  const Bytes message = ToBytes(AsBytes("message"));
  const Signature signature = key.Sign(message);
  for (size_t bit = 0; bit < 512; ++bit) {
    Signature flipped = signature;
    flipped.bytes[bit / 8] = static_cast<uint8_t>(flipped.bytes[bit / 8] ^ (1 << bit % 8));
    EXPECT_FALSE(VerifySignature(key.public_key(), message, flipped)) << bit;
  }
  for (size_t bit = 0; bit < 256; ++bit) {
    PublicKey other = key.public_key();
    other.bytes[bit / 8] = static_cast<uint8_t>(other.bytes[bit / 8] ^ (1 << bit % 8));
    EXPECT_FALSE(VerifySignature(other, message, signature)) << bit;
  }
}

TEST(Signature, IsRefusedUnderLowOrderKeys) {
  // The points of order 1, 2, 4 and 8, canonical and not. R = A, S = 0 satisfies the cofactored
  // equation under each.
  for (const char* hex : {"0100000000000000000000000000000000000000000000000000000000000000",
                          "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                          "0000000000000000000000000000000000000000000000000000000000000000",
                          "0000000000000000000000000000000000000000000000000000000000000080",
                          "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
                          "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
                          "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                          "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"}) {
    const Bytes point = *FromHex(hex);
    const PublicKey key = *PublicKey::FromBytes(point);
    Signature signature;
    std::copy(point.begin(), point.end(), signature.bytes.begin());
    for (int message = 0; message < 16; ++message) {
      EXPECT_FALSE(VerifySignature(key, Bytes{static_cast<uint8_t>(message)}, signature)) << hex;
    }
  }
}

TEST(Signature, IsRefusedWithANonCanonicalScalar) {
  const SigningKey key = SigningKey::FromSeed({3});
  const Bytes message = ToBytes(AsBytes("message"));
  Signature signature = key.Sign(message);
  // S + L, with L the group's order.
  const Bytes order = *FromHex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
  unsigned carry = 0;
  for (size_t i = 0; i < 32; ++i) {
    carry += unsigned{signature.bytes[32 + i]} + order[i];
    signature.bytes[32 + i] = static_cast<uint8_t>(carry);
    carry >>= 8;
  }
  EXPECT_FALSE(VerifySignature(key.public_key(), message, signature));
}

// ---- derived keys

TEST(Identity, DerivesDistinctKeysThatStayTheSame) {
  const Identity identity = Identity::FromSeed({4});
  const Identity again = Identity::FromSeed({4});
  const PeerId book = SomeKey();
  std::set<std::array<uint8_t, 32>> keys;
  const auto add = [&](const auto& key) { keys.insert(key.bytes); };
  add(identity.id());
  add(identity.Curve().public_key());
  add(identity.CheckpointKey().public_key());
  add(identity.WitnessKey().public_key());
  add(identity.AccountKey(book).public_key());
  add(identity.AccountKey(identity.id()).public_key());
  add(identity.VoucherKey(Sha256({})).public_key());
  add(identity.VoucherKey(Digest{}).public_key());
  EXPECT_EQ(keys.size(), 8u);
  add(again.id());
  add(again.Curve().public_key());
  add(again.CheckpointKey().public_key());
  add(again.WitnessKey().public_key());
  add(again.AccountKey(book).public_key());
  add(again.VoucherKey(Sha256({})).public_key());
  EXPECT_EQ(keys.size(), 8u);
}

TEST(Identity, RotatesWorkingKeysButNotThoseThatMoneyLiesUnder) {
  const Identity one = Identity::FromSeed({4}, 1);
  const Identity two = Identity::FromSeed({4}, 2);
  EXPECT_EQ(one.id(), two.id());
  EXPECT_NE(one.Curve().public_key(), two.Curve().public_key());
  EXPECT_NE(one.CheckpointKey().public_key(), two.CheckpointKey().public_key());
  EXPECT_NE(one.WitnessKey().public_key(), two.WitnessKey().public_key());
  EXPECT_EQ(one.AccountKey(SomeKey()).public_key(), two.AccountKey(SomeKey()).public_key());
  EXPECT_EQ(one.VoucherKey(Digest{}).public_key(), two.VoucherKey(Digest{}).public_key());
}

TEST(Identity, GivesCurveTheKeyOfItsSecret) {
  const CurveKeyPair pair = Identity::FromSeed({5}).Curve();
  CurveKey expected;
  ASSERT_EQ(crypto_scalarmult_base(expected.bytes.data(), pair.secret().data()), 0);
  EXPECT_EQ(pair.public_key(), expected);
}

TEST(Identity, DerivesNoncesFromLabelAndCounter) {
  const Identity identity = Identity::FromSeed({6});
  std::set<Digest> nonces;
  for (uint64_t counter = 0; counter < 300; ++counter) {
    nonces.insert(identity.DeriveNonce("order", counter));
    nonces.insert(identity.DeriveNonce("commit", counter));
  }
  EXPECT_EQ(nonces.size(), 600u);
  EXPECT_EQ(identity.DeriveNonce("order", 7), Identity::FromSeed({6}).DeriveNonce("order", 7));
  EXPECT_NE(identity.DeriveNonce("order", 7), Identity::FromSeed({7}).DeriveNonce("order", 7));
}

// Second implementations can check themselves against these; see docs/protocol.md.
TEST(Identity, DerivesWhatTheProtocolPageSays) {
  std::array<uint8_t, 32> seed = {};
  for (size_t i = 0; i < seed.size(); ++i) seed[i] = static_cast<uint8_t>(i);
  const Identity identity = Identity::FromSeed(seed);
  EXPECT_EQ(identity.id().ToString(),
            "souk1qwss00lnecgtu8tsm5vwwj7qn9n7f43snwjs6hcamjrxgyj4xxuqcx0k4a");
  EXPECT_EQ(ToHex(identity.Curve().public_key().bytes),
            "b5b11bccf8a731db5aaa0b706ace3330de1541b7c68cc18d6b6bb0ccb1acb853");
  EXPECT_EQ(ToHex(identity.CheckpointKey().public_key().bytes),
            "91342c67674d85ac7d418406075a87b4f5ca5c3cbb601b82f7e85bd69187403c");
  EXPECT_EQ(ToHex(identity.WitnessKey().public_key().bytes),
            "0029f153a38e069b5ecc9d80052a754a45a20a7f19180767eb93879381a90271");
  EXPECT_EQ(ToHex(identity.AccountKey(identity.id()).public_key().bytes),
            "f43cdf925b1fd5d0d6aa798e1ac55b64b8718bb55823f2ee5ed8b0c4dc891d2a");
  EXPECT_EQ(ToHex(identity.VoucherKey(Digest{}).public_key().bytes),
            "e7ae2e34881098969c5fdb743a81a06062390c2d7eda987444621f4bde9bdce2");
  EXPECT_EQ(identity.DeriveNonce("order", 1).Hex(),
            "8f006360ae1f5868d9e2a1c903c895d76917b7a9e8c305fe940cb2da4ee21abf");
}

// ---- files

class IdentityFiles : public testing::Test {
 protected:
  std::filesystem::path Path() const { return folder_.path() / "identity"; }
  std::filesystem::path Successor() const { return folder_.path() / "successor"; }
  std::string Text() const { return std::string(AsText(*ReadFile(Path(), 10'000))); }
  void Write(const std::string& text) { ASSERT_TRUE(WriteFileAtomic(Path(), AsBytes(text), 0600)); }
  static mode_t Mode(const std::filesystem::path& path) {
    struct stat info = {};
    EXPECT_EQ(::stat(path.c_str(), &info), 0);
    return info.st_mode & 0777;
  }

  TestFolder folder_;
};

TEST_F(IdentityFiles, AreReadableByTheirOwnerOnly) {
  const auto created = IdentityFile::Create(Path(), Successor(), "");
  ASSERT_TRUE(created) << created.error().message;
  EXPECT_EQ(Mode(Path()), mode_t{0600});
  EXPECT_EQ(Mode(Successor()), mode_t{0600});
  const auto loaded = IdentityFile::Load(Path(), "");
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->id(), created->id());
  for (const mode_t mode : {0640, 0604, 0660, 0602}) {
    ASSERT_EQ(::chmod(Path().c_str(), mode), 0);
    const auto refused = IdentityFile::Load(Path(), "");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::kDenied);
    EXPECT_NE(refused.error().message.find("chmod 600"), std::string::npos);
  }
}

TEST_F(IdentityFiles, AreNeverWrittenOver) {
  ASSERT_TRUE(IdentityFile::Create(Path(), Successor(), ""));
  const std::string before = Text();
  EXPECT_EQ(IdentityFile::Create(Path(), folder_ / "other", "").error().code, Code::kDuplicate);
  EXPECT_EQ(IdentityFile::Create(folder_ / "other", Successor(), "").error().code,
            Code::kDuplicate);
  EXPECT_EQ(Text(), before);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "other"));
}

TEST_F(IdentityFiles, NameTheSuccessorByItsDigest) {
  ASSERT_TRUE(IdentityFile::Create(Path(), Successor(), ""));
  const std::string successor(AsText(*ReadFile(Successor(), 10'000)));
  const size_t at = successor.find("souk1");
  ASSERT_NE(at, std::string::npos);
  const auto key = PublicKey::Parse(successor.substr(at, 63));
  ASSERT_TRUE(key);
  EXPECT_EQ(*IdentityFile::SuccessorDigest(Path()), Sha256(key->bytes));
}

TEST_F(IdentityFiles, OpenOnlyWithTheirPassphrase) {
  const auto created = IdentityFile::Create(Path(), Successor(), "correct horse");
  ASSERT_TRUE(created) << created.error().message;
  EXPECT_EQ(Text().find("seed"), std::string::npos);
  const auto loaded = IdentityFile::Load(Path(), "correct horse");
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->id(), created->id());
  EXPECT_EQ(IdentityFile::Load(Path(), "").error().code, Code::kDenied);
  EXPECT_EQ(IdentityFile::Load(Path(), "wrong").error().code, Code::kDenied);
  EXPECT_TRUE(IdentityFile::SuccessorDigest(Path())) << "the card can be made before unlocking";
}

TEST_F(IdentityFiles, AreRefusedWhenAnythingInThemIsWrong) {
  ASSERT_TRUE(IdentityFile::Create(Path(), Successor(), ""));
  const std::string good = Text();
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    const size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
    return text;
  };
  const std::string other = SomeKey().ToString();
  for (const std::string& bad :
       {std::string(), std::string("seed"), with("souk-identity-1", "souk-identity-2"),
        with("id = \"souk1", "id = \"other = \"souk1"), with("epoch = \"1\"", "epoch = \"0\""),
        with("epoch = \"1\"", "epoch = \"4294967296\""), with("epoch = \"1\"", "epoch = 1"),
        with("sha256:", "sha1:"), good + "more = \"x\"\n", good + "epoch = \"1\"\n",
        with("seed", "sealed"), std::string(5000, '#')}) {
    Write(bad);
    EXPECT_FALSE(IdentityFile::Load(Path(), "")) << bad;
  }
  std::string text = good;
  text.replace(text.find("souk1"), 63, other);
  Write(text);
  EXPECT_EQ(IdentityFile::Load(Path(), "").error().code, Code::kCorrupt);
  Write(good);
  EXPECT_TRUE(IdentityFile::Load(Path(), ""));
  EXPECT_EQ(IdentityFile::Load(folder_ / "none", "").error().code, Code::kNotFound);
}

TEST_F(IdentityFiles, CannotAskForAllMemory) {
  Write(std::string("format = \"souk-identity-1\"\nid = \"") + SomeKey().ToString() +
        "\"\nepoch = \"1\"\nsuccessor = \"" + Digest{}.ToString() +
        "\"\nsalt = \"AAAAAAAAAAAAAAAAAAAAAA==\"\noperations = \"3\"\n"
        "memory = \"1099511627776\"\nnonce = \"" +
        ToBase64(Bytes(24)) + "\"\nsealed = \"" + ToBase64(Bytes(48)) + "\"\n");
  EXPECT_EQ(IdentityFile::Load(Path(), "x").error().code, Code::kMalformed);
}

}  // namespace
}  // namespace souk
