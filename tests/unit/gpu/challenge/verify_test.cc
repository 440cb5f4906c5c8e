#include "gpu/challenge/verify.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "unit/gpu/challenge/honest.h"

namespace souk::gpu {
namespace {

__extension__ using Signed128 = __int128;
__extension__ using Unsigned128 = unsigned __int128;

const Digest kSecret = NumberedDigest("secret", 0);
const Digest kChallenge = NumberedDigest("challenge", 0);

TEST(ChosenRows, AreDistinctGrowingAndFromTheSecret) {
  for (const uint32_t size : {64u, 1024u, 65'536u}) {
    for (const uint32_t count : {1u, 64u}) {
      const auto rows = ChosenRows(kSecret, kChallenge, size, count);
      ASSERT_EQ(rows.size(), count);
      for (size_t i = 1; i < rows.size(); ++i) EXPECT_LT(rows[i - 1], rows[i]);
      EXPECT_LT(rows.back(), size);
      EXPECT_EQ(rows, ChosenRows(kSecret, kChallenge, size, count));
    }
  }
  const auto rows = ChosenRows(kSecret, kChallenge, 65'536, 64);
  EXPECT_NE(rows, ChosenRows(kSecret, NumberedDigest("challenge", 1), 65'536, 64));
  EXPECT_NE(rows, ChosenRows(NumberedDigest("secret", 1), kChallenge, 65'536, 64));
}

// 20,000 choices of 8 of 64 rows: each row 2,500 times, with a deviation of 47; six of them.
TEST(ChosenRows, FallOnEveryRowAlike) {
  std::vector<int> times(64);
  for (uint64_t i = 0; i < 20'000; ++i) {
    for (const uint32_t row : ChosenRows(NumberedDigest("secret", i), kChallenge, 64, 8)) {
      ++times[row];
    }
  }
  for (const int count : times) EXPECT_NEAR(count, 2500, 282);
}

TEST(SecretVector, LiesWithinTheField) {
  const auto r = SecretVector(kSecret, kChallenge, 4096);
  ASSERT_EQ(r.size(), 4096u);
  EXPECT_TRUE(std::all_of(r.begin(), r.end(), [](uint64_t x) { return x < kChallengePrime; }));
  // Some are in each sixteenth.
  std::vector<int> parts(16);
  for (const uint64_t x : r) ++parts[x >> 57];
  for (const int part : parts) EXPECT_GT(part, 128);
}

uint64_t AddProduct(uint64_t sum, int64_t element, uint64_t x) {
  const uint64_t factor = element < 0 ? kChallengePrime - static_cast<uint64_t>(-element)
                                      : static_cast<uint64_t>(element);
  return static_cast<uint64_t>((static_cast<Unsigned128>(factor) * x + sum) % kChallengePrime);
}

TEST(TimesVector, IsExactWhereTheSumsAreLargest) {
  constexpr uint32_t kSize = 256;
  const Digest seed = TestSeed();
  // All of r is p − 1, then random.
  for (const bool largest : {true, false}) {
    const auto r = largest ? std::vector<uint64_t>(kSize, kChallengePrime - 1)
                           : SecretVector(kSecret, kChallenge, kSize);
    const auto b = HostMatrix(seed, Matrix::kBTransposed, kSize);
    const auto got = TimesVector(MatrixKey(seed), r);
    for (uint32_t t = 0; t < kSize; ++t) {
      uint64_t sum = 0;
      for (uint32_t j = 0; j < kSize; ++j) sum = AddProduct(sum, b[j][t], r[j]);
      ASSERT_EQ(got[t], sum) << t;
    }
  }
}

TEST(IsRowOfProduct, HoldsForRowsOfTheProductAlone) {
  constexpr uint32_t kSize = 64;
  const Digest seed = TestSeed();
  const MatrixKey key(seed);
  const Rows c = HostProduct(seed, kSize);
  const auto r = SecretVector(kSecret, kChallenge, kSize);
  const auto b_r = TimesVector(key, r);
  for (uint32_t row = 0; row < kSize; ++row) {
    EXPECT_TRUE(IsRowOfProduct(key, row, c[row], r, b_r)) << row;
    EXPECT_FALSE(IsRowOfProduct(key, row, c[(row + 1) % kSize], r, b_r)) << row;
    // Any one element by any one bit, the sign's too.
    for (uint32_t bit = 0; bit < 32; ++bit) {
      auto wrong = c[row];
      const size_t at = (row * 32 + bit) % kSize;
      wrong[at] = static_cast<int32_t>(static_cast<uint32_t>(wrong[at]) ^ 1u << bit);
      ASSERT_FALSE(IsRowOfProduct(key, row, wrong, r, b_r)) << row << " " << bit;
    }
  }
}

class OpeningTest : public testing::Test {
 protected:
  static constexpr uint32_t kSize = 128, kCount = 8;
  const Digest seed_ = TestSeed();
  const Rows c_ = HostProduct(seed_, kSize);
  const ProductTree tree_ = TreeOf(c_);
  const std::vector<uint32_t> rows_ = ChosenRows(kSecret, kChallenge, kSize, kCount);
  const ProductClaim claim_ = {kChallenge, seed_, kSize, tree_.root(), rows_};
};

TEST_F(OpeningTest, OfAnHonestProverPasses) {
  const Bytes bytes = OpeningOf(c_, tree_, rows_);
  EXPECT_EQ(bytes.size(), OpeningBytes(kSize, kCount));
  const Status checked = CheckOpening(claim_, kSecret, bytes);
  EXPECT_TRUE(checked) << checked.error().message;
}

TEST_F(OpeningTest, ComesBackAsItWasWritten) {
  Opening opening{.size = kSize};
  for (const uint32_t row : rows_) opening.rows.push_back({row, c_[row], tree_.Proof(row)});
  const auto back = DecodeOpening(EncodeOpening(opening), kSize, rows_);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(*back, opening);
}

TEST_F(OpeningTest, IsRefusedAtEveryOtherLength) {
  Bytes bytes = OpeningOf(c_, tree_, rows_);
  for (size_t size = 0; size < bytes.size(); size += 37) {
    EXPECT_EQ(CheckOpening(claim_, kSecret, ByteView(bytes).first(size)).error().code,
              Code::kMalformed);
  }
  bytes.push_back(0);
  EXPECT_EQ(CheckOpening(claim_, kSecret, bytes).error().code, Code::kMalformed);
}

TEST_F(OpeningTest, IsRefusedWithAnyByteAltered) {
  const Bytes bytes = OpeningOf(c_, tree_, rows_);
  for (size_t at = 0; at < bytes.size(); at += 1 + at % 97) {
    Bytes altered = bytes;
    altered[at] ^= 1;
    EXPECT_FALSE(CheckOpening(claim_, kSecret, altered)) << at;
  }
}

TEST_F(OpeningTest, IsRefusedForSizesAndRowsOutOfBounds) {
  const Bytes bytes = OpeningOf(c_, tree_, rows_);
  EXPECT_EQ(DecodeOpening(bytes, 96, rows_).error().code, Code::kInvalidArgument);
  EXPECT_EQ(DecodeOpening(bytes, 1u << 31, rows_).error().code, Code::kInvalidArgument);
  EXPECT_EQ(DecodeOpening(bytes, kSize, {}).error().code, Code::kInvalidArgument);
  const std::vector<uint32_t> many(kMostOpenedRows + 1);
  EXPECT_EQ(DecodeOpening(bytes, kSize, many).error().code, Code::kInvalidArgument);
}

}  // namespace
}  // namespace souk::gpu
