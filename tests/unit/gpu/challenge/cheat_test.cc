// Provers that cheat, and how often they are caught (R7): measured over proofs that go through the
// whole check, beside what is computed.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>
#include <functional>
#include <random>

#include "sanitized.h"
#include "unit/gpu/challenge/honest.h"

namespace souk::gpu {
namespace {

constexpr uint32_t kSize = 256;
constexpr uint64_t kProofs = Thinned(1000);

struct Proof {
  Digest root = {};
  std::function<Bytes(const std::vector<uint32_t>& rows)> open = {};
};

// Each proof has a challenge and a secret of its own, so other rows and another r.
uint64_t CountCaught(const Digest& seed, uint32_t count,
                     const std::function<Proof(uint64_t number)>& prove) {
  uint64_t caught = 0;
  for (uint64_t number = 0; number < kProofs; ++number) {
    const Proof proof = prove(number);
    const Digest secret = NumberedDigest("secret", number);
    const Digest challenge = NumberedDigest("challenge", number);
    const ProductClaim claim = {challenge, seed, kSize, proof.root,
                                ChosenRows(secret, challenge, kSize, count)};
    if (!CheckOpening(claim, secret, proof.open(claim.rows))) ++caught;
  }
  return caught;
}

Proof CommitTo(const Rows& rows) {
  auto tree = std::make_shared<ProductTree>(TreeOf(rows));
  return {tree->root(), [rows, tree](const std::vector<uint32_t>& asked) {
            return OpeningOf(rows, *tree, asked);
          }};
}

// Chance that none of `wrong` of kSize rows is among `count` chosen ones.
double EscapeChance(uint32_t wrong, uint32_t count) {
  double chance = 1;
  for (uint32_t i = 0; i < count; ++i) chance *= double(kSize - wrong - i) / double(kSize - i);
  return chance;
}

void Report(const char* cheat, uint32_t count, uint64_t caught, double computed) {
  std::printf("%-44s k=%3u  caught %4llu/%llu  computed %.4f\n", cheat, count,
              static_cast<unsigned long long>(caught), static_cast<unsigned long long>(kProofs),
              computed);
}

class CheatTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { product_ = new Rows(HostProduct(TestSeed(), kSize)); }
  static void TearDownTestSuite() {
    delete product_;
    product_ = nullptr;
  }
  static const Rows& Product() { return *product_; }
  // Every such proof is caught.
  static void ExpectAlwaysCaught(const char* cheat, uint32_t count, const Proof& proof) {
    const uint64_t caught = CountCaught(TestSeed(), count, [&](uint64_t) { return proof; });
    Report(cheat, count, caught, 1);
    EXPECT_EQ(caught, kProofs);
  }

 private:
  static Rows* product_;
};
Rows* CheatTest::product_ = nullptr;

TEST_F(CheatTest, AnHonestProverIsNeverTakenForOne) {
  Proof honest = CommitTo(Product());
  EXPECT_EQ(CountCaught(TestSeed(), 64, [&](uint64_t) { return honest; }), 0u);
}

// A tenth of the rows, other ones each time, is zero.
TEST_F(CheatTest, SkippedRowsAreCaughtAtTheComputedRate) {
  constexpr uint32_t kSkipped = kSize / 10;
  for (const uint32_t count : {4u, 16u, 64u}) {
    std::mt19937 random(count);
    const uint64_t caught = CountCaught(TestSeed(), count, [&](uint64_t) {
      std::vector<uint32_t> order(kSize);
      for (uint32_t i = 0; i < kSize; ++i) order[i] = i;
      for (uint32_t i = 0; i < kSkipped; ++i)
        std::swap(order[i], order[i + random() % (kSize - i)]);
      Rows rows = Product();
      for (uint32_t i = 0; i < kSkipped; ++i) rows[order[i]].assign(kSize, 0);
      return CommitTo(rows);
    });
    const double computed = 1 - EscapeChance(kSkipped, count);
    Report("skips a tenth of the rows", count, caught, computed);
    // Five deviations, and one proof for the rounding.
    const double deviation = std::sqrt(computed * (1 - computed) * double(kProofs));
    EXPECT_NEAR(double(caught), computed * double(kProofs), 5 * deviation + 1);
  }
  EXPECT_GT(1 - EscapeChance(kSkipped, 64), 0.999);
}

TEST_F(CheatTest, FourBitProductsAreCaught) {
  const auto a = HostMatrix(TestSeed(), Matrix::kA, kSize);
  const auto b = HostMatrix(TestSeed(), Matrix::kBTransposed, kSize);
  Rows rows(kSize, std::vector<int32_t>(kSize));
  for (uint32_t i = 0; i < kSize; ++i) {
    for (uint32_t j = 0; j < kSize; ++j) {
      int32_t sum = 0;
      for (uint32_t t = 0; t < kSize; ++t) sum += (a[i][t] >> 4) * (b[j][t] >> 4);
      rows[i][j] = sum * 256;
    }
  }
  ExpectAlwaysCaught("multiplies four bits", 1, CommitTo(rows));
}

// To the nearest half: 11 bits of mantissa.
float AsHalf(float x) {
  const int exponent = x == 0 ? 0 : std::ilogb(x);
  const float step = std::ldexp(1.0f, exponent - 10);
  return std::nearbyint(x / step) * step;
}

TEST_F(CheatTest, SumsInHalfPrecisionAreCaught) {
  const auto a = HostMatrix(TestSeed(), Matrix::kA, kSize);
  const auto b = HostMatrix(TestSeed(), Matrix::kBTransposed, kSize);
  Rows rows(kSize, std::vector<int32_t>(kSize));
  for (uint32_t i = 0; i < kSize; ++i) {
    for (uint32_t j = 0; j < kSize; ++j) {
      float sum = 0;
      for (uint32_t t = 0; t < kSize; ++t) sum = AsHalf(sum + float(a[i][t]) * float(b[j][t]));
      rows[i][j] = static_cast<int32_t>(sum);
    }
  }
  ExpectAlwaysCaught("sums in half precision", 1, CommitTo(rows));
}

TEST_F(CheatTest, OneWrongElementInEachRowIsCaught) {
  Rows rows = Product();
  for (uint32_t i = 0; i < kSize; ++i) rows[i][i] ^= 1;
  ExpectAlwaysCaught("one bit of each row is wrong", 1, CommitTo(rows));
}

// For a vector of its own choice, such as the powers of two, a prover finds rows that fit A·(B·r)
// without multiplying: they fit that vector alone.
TEST_F(CheatTest, RowsThatFitAGuessedVectorAreCaught) {
  std::vector<uint64_t> guess(kSize);
  for (uint32_t j = 0; j < 61; ++j) guess[j] = uint64_t{1} << j;
  const MatrixKey key(TestSeed());
  const auto b_guess = TimesVector(key, guess);
  Rows rows(kSize, std::vector<int32_t>(kSize));
  for (uint32_t i = 0; i < kSize; ++i) {
    std::vector<int8_t> a(kSize);
    FillRow(key, Matrix::kA, i, a);
    uint64_t sum = 0;
    for (uint32_t t = 0; t < kSize; ++t) {
      __extension__ using Signed128 = __int128;
      const auto rest = static_cast<int64_t>(static_cast<Signed128>(b_guess[t]) * a[t] %
                                             static_cast<Signed128>(kChallengePrime));
      const uint64_t term =
          rest < 0 ? kChallengePrime - static_cast<uint64_t>(-rest) : static_cast<uint64_t>(rest);
      sum = (sum + term) % kChallengePrime;
    }
    for (uint32_t j = 0; j < 61; ++j) rows[i][j] = static_cast<int32_t>(sum >> j & 1);
    ASSERT_TRUE(IsRowOfProduct(key, i, rows[i], guess, b_guess));
  }
  ExpectAlwaysCaught("A·(B·r) for a guessed r, without C", 1, CommitTo(rows));
}

// It commits to nothing, and computes the rows once it knows which.
TEST_F(CheatTest, RowsComputedAfterTheyWereAskedForAreCaught) {
  const ProductTree committed = TreeOf(Rows(kSize, std::vector<int32_t>(kSize)));
  ExpectAlwaysCaught("computes the rows after the fact", 1,
                     {committed.root(), [&](const std::vector<uint32_t>& asked) {
                        return OpeningOf(Product(), committed, asked);
                      }});
}

TEST_F(CheatTest, TheProofsOfAnotherTreeAreCaught) {
  const ProductTree committed = TreeOf(Rows(kSize, std::vector<int32_t>(kSize)));
  const ProductTree afterwards = TreeOf(Product());
  ExpectAlwaysCaught("opens another tree than it committed to", 1,
                     {committed.root(), [&](const std::vector<uint32_t>& asked) {
                        return OpeningOf(Product(), afterwards, asked);
                      }});
}

// A product for another nonce, lease, device or peer has another seed.
TEST_F(CheatTest, AnotherChallengesProductIsCaught) {
  const Digest nonce = NumberedDigest("nonce", 0), lease = NumberedDigest("lease", 0);
  const Digest prover = NumberedDigest("prover", 0), other = NumberedDigest("other", 0);
  const struct {
    const char* cheat;
    Digest seed;
  } replays[] = {
      {"replays another nonce's product", MatrixSeed(other, prover.view(), lease, "GPU-1")},
      {"replays another peer's product", MatrixSeed(nonce, other.view(), lease, "GPU-1")},
      {"replays another lease's product", MatrixSeed(nonce, prover.view(), other, "GPU-1")},
      {"replays another device's product", MatrixSeed(nonce, prover.view(), lease, "GPU-2")}};
  ASSERT_EQ(TestSeed(), MatrixSeed(nonce, prover.view(), lease, "GPU-1"));
  for (const auto& replay : replays) {
    ExpectAlwaysCaught(replay.cheat, 1, CommitTo(HostProduct(replay.seed, kSize)));
  }
}

TEST_F(CheatTest, ARootOverAnotherNumberOfRowsIsCaught) {
  Rows half(Product().begin(), Product().begin() + kSize / 2);
  Rows twice = Product();
  twice.insert(twice.end(), Product().begin(), Product().end());
  for (const Rows& rows : {half, twice}) {
    const ProductTree tree = TreeOf(rows);
    const auto open = [&](const std::vector<uint32_t>& asked) {
      Opening opening{.size = kSize};
      for (const uint32_t row : asked) {
        const auto there = row % static_cast<uint32_t>(rows.size());
        opening.rows.push_back({row, rows[there], tree.Proof(there)});
      }
      return EncodeOpening(opening);
    };
    ExpectAlwaysCaught(
        rows.size() < kSize ? "commits to half of the rows" : "commits to each twice", 1,
        {tree.root(), open});
    // With proofs cut, or filled up, to the length that belongs.
    ExpectAlwaysCaught("… with proofs of the right length", 1,
                       {tree.root(), [&](const std::vector<uint32_t>& asked) {
                          Opening opening{.size = kSize};
                          for (const uint32_t row : asked) {
                            const auto there = row % static_cast<uint32_t>(rows.size());
                            auto proof = tree.Proof(there);
                            proof.resize(ProofHashes(kSize));
                            opening.rows.push_back({row, rows[there], proof});
                          }
                          return EncodeOpening(opening);
                        }});
  }
}

TEST_F(CheatTest, AnotherRowOrItsProofIsCaught) {
  const auto tree = std::make_shared<ProductTree>(TreeOf(Product()));
  const auto with = [&](auto alter) {
    return Proof{tree->root(), [tree, alter](const std::vector<uint32_t>& asked) {
                   Opening opening{.size = kSize};
                   for (const uint32_t row : asked) {
                     OpenedRow one = {row, Product()[row], tree->Proof(row)};
                     alter(one);
                     opening.rows.push_back(std::move(one));
                   }
                   return EncodeOpening(opening);
                 }};
  };
  ExpectAlwaysCaught("gives another row with its own proof", 1, with([&](OpenedRow& one) {
                       const uint32_t other = (one.row + 1) % kSize;
                       one = {one.row, Product()[other], tree->Proof(other)};
                     }));
  ExpectAlwaysCaught("gives the row with another's proof", 1,
                     with([&](OpenedRow& one) { one.proof = tree->Proof((one.row + 1) % kSize); }));
  ExpectAlwaysCaught("gives another row under its own number", 1, with([&](OpenedRow& one) {
                       const uint32_t other = (one.row + 1) % kSize;
                       one = {other, Product()[other], tree->Proof(other)};
                     }));
}

TEST_F(CheatTest, FewerRowsOrNoneAreCaught) {
  const auto tree = std::make_shared<ProductTree>(TreeOf(Product()));
  ExpectAlwaysCaught("leaves a row out", 16, {tree->root(), [&](std::vector<uint32_t> asked) {
                                                asked.pop_back();
                                                return OpeningOf(Product(), *tree, asked);
                                              }});
  ExpectAlwaysCaught("gives the first row for each", 16,
                     {tree->root(), [&](const std::vector<uint32_t>& asked) {
                        return OpeningOf(Product(), *tree,
                                         std::vector<uint32_t>(asked.size(), asked[0]));
                      }});
  ExpectAlwaysCaught("gives no rows", 16, {tree->root(), [&](const std::vector<uint32_t>&) {
                                             return OpeningOf(Product(), *tree, {});
                                           }});
  ExpectAlwaysCaught("gives nothing", 16,
                     {tree->root(), [&](const std::vector<uint32_t>&) { return Bytes(); }});
}

}  // namespace
}  // namespace souk::gpu
