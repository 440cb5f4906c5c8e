#include "gpu/conformance/compare.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>

#include "gpu/conformance/approximations.h"

namespace souk::gpu::conformance {
namespace {

using ptx::Type;

uint64_t Bits(float v) {
  return std::bit_cast<uint32_t>(v);
}
// So many places further from zero.
uint64_t Moved(float v, int32_t places) {
  return static_cast<uint32_t>(std::bit_cast<uint32_t>(v) + static_cast<uint32_t>(places));
}
bool Within(Approximation approximation, std::vector<uint64_t> operands, uint64_t result,
            bool ftz = false) {
  return Judge(approximation, ptx::Type::kF32, ftz, operands, result).within;
}

// One slot of one row, with one f32 input.
KernelRun OneValue(Type type, Agreement agreement) {
  KernelRun run;
  run.rows = 1;
  run.output_bytes = 8;
  run.inputs = {{Type::kF32, std::make_shared<const Bytes>(Bytes{1, 0, 0xc0, 0x7f})}};
  run.slots = {{.form = "op.f32", .type = type, .rows = 1, .agreement = agreement}};
  return run;
}
Comparison CompareValues(Type type, Agreement agreement, uint64_t a, uint64_t b) {
  Bytes expected, found;
  PutLe(expected, a);
  PutLe(found, b);
  return CompareOutputs(OneValue(type, agreement), expected, found);
}

TEST(Compare, EveryBitCounts) {
  for (int bit = 0; bit < 64; ++bit) {
    EXPECT_EQ(CompareValues(Type::kF64, Agreement::kBits, 0, uint64_t{1} << bit).wrong, 1u);
  }
  EXPECT_EQ(CompareValues(Type::kB64, Agreement::kBits, 7, 7).wrong, 0u);
  EXPECT_EQ(CompareValues(Type::kB32, Agreement::kBits, 7, 7).values, 1u);
}

TEST(Compare, SignedZerosDiffer) {
  EXPECT_EQ(CompareValues(Type::kF32, Agreement::kAnyNan, 0, 0x80000000).wrong, 1u);
}

TEST(Compare, ANanIsANanOnlyWhereItsPayloadIsOpen) {
  EXPECT_EQ(CompareValues(Type::kF32, Agreement::kBits, 0x7fffffff, 0x7fc00000).wrong, 1u);
  const Comparison open = CompareValues(Type::kF32, Agreement::kAnyNan, 0x7fffffff, 0x7fc00000);
  EXPECT_EQ(open.wrong, 0u);
  EXPECT_EQ(open.nan_payloads, 1u);
  EXPECT_EQ(CompareValues(Type::kF32, Agreement::kAnyNan, 0x7fffffff, 0x7f800000).wrong, 1u);
  EXPECT_EQ(
      CompareValues(Type::kF64, Agreement::kAnyNan, 0x7ff8000000000000, 0xfff0000000000001).wrong,
      0u);
  EXPECT_EQ(CompareValues(Type::kF16, Agreement::kAnyNan, 0x7fff, 0x7c00).wrong, 1u);
  // 0x7fc0 is a number as f16 has it not, but as bf16 a NaN.
  EXPECT_EQ(CompareValues(Type::kBf16, Agreement::kAnyNan, 0x7fc0, 0x7fff).wrong, 0u);
}

TEST(Compare, HalvesOfAPairAreLookedAtOneByOne) {
  EXPECT_EQ(CompareValues(Type::kF16x2, Agreement::kAnyNan, 0x7fff3c00, 0x7e003c00).wrong, 0u);
  EXPECT_EQ(CompareValues(Type::kF16x2, Agreement::kAnyNan, 0x7fff3c00, 0x7e003c01).wrong, 1u);
  EXPECT_EQ(CompareValues(Type::kF16x2, Agreement::kAnyNan, 0x3c007fff, 0x3c017e00).wrong, 1u);
}

TEST(Compare, SaysWhichInputsGaveWhat) {
  const Comparison c = CompareValues(Type::kF32, Agreement::kBits, 1, 2);
  ASSERT_EQ(c.differences.size(), 1u);
  EXPECT_EQ(c.differences[0].Text(), "op.f32 of f32 7fc00001: f32 00000002, expected f32 00000001");
}

TEST(Compare, KeepsTheFirstDifferenceOfEachForm) {
  KernelRun run = OneValue(Type::kB32, Agreement::kBits);
  run.rows = 100;
  run.inputs.clear();
  run.slots.assign(kMostDifferences + 5, run.slots[0]);
  for (Slot& slot : run.slots) slot.rows = 100;
  const Comparison c = CompareOutputs(run, Bytes(400), Bytes(400, 1));
  EXPECT_EQ(c.wrong, 100 * (kMostDifferences + 5));
  EXPECT_EQ(c.differences.size(), kMostDifferences);
}

TEST(Approximations, BoundsAreKeptTo) {
  const uint64_t three = Bits(3.0f);
  EXPECT_TRUE(Within(Approximation::kRcp, {three}, Bits(1 / 3.0f)));
  EXPECT_TRUE(Within(Approximation::kRcp, {three}, Moved(1 / 3.0f, -1)));
  EXPECT_FALSE(Within(Approximation::kRcp, {three}, Moved(1 / 3.0f, 2)));
  EXPECT_FALSE(Within(Approximation::kRcp, {three}, Moved(1 / 3.0f, -2)));
  EXPECT_FALSE(Within(Approximation::kRcp, {three}, Bits(-1 / 3.0f)));
  EXPECT_TRUE(Within(Approximation::kDivFull, {three, Bits(7.0f)}, Moved(3 / 7.0f, 1)));
  EXPECT_FALSE(Within(Approximation::kDivFull, {three, Bits(7.0f)}, Moved(3 / 7.0f, 3)));
  EXPECT_FALSE(Within(Approximation::kSqrt, {three}, Moved(std::sqrt(3.0f), 3)));
  EXPECT_FALSE(Within(Approximation::kRsqrt, {three}, Moved(1 / std::sqrt(3.0f), 4)));
  EXPECT_TRUE(Within(Approximation::kTanh, {three}, Moved(std::tanh(3.0f), 8000)));
  EXPECT_FALSE(Within(Approximation::kTanh, {three}, Moved(std::tanh(3.0f), 9000)));
  EXPECT_FALSE(Within(Approximation::kLg2, {three}, Moved(std::log2(3.0f), 8)));
  EXPECT_FALSE(Within(Approximation::kEx2, {three}, Moved(8.0f, 3)));
}

TEST(Approximations, OfHalvesAreJudgedByTheirOwnBounds) {
  const auto within = [](Approximation approximation, Type type, uint64_t operand, uint64_t result,
                         bool ftz = false) {
    return Judge(approximation, type, ftz, {{operand}}, result).within;
  };
  const auto ex2 = Approximation::kEx2;
  // 2^1 = 2: a place of f16 is 2^-10 of it, of bf16 2^-7.
  EXPECT_TRUE(within(ex2, Type::kF16, 0x3c00, 0x4001));
  EXPECT_FALSE(within(ex2, Type::kF16, 0x3c00, 0x4002));
  EXPECT_TRUE(within(ex2, Type::kBf16, 0x3f80, 0x4001));
  EXPECT_FALSE(within(ex2, Type::kBf16, 0x3f80, 0x4002));
  EXPECT_TRUE(within(ex2, Type::kF16, 0x4c00, 0x7c00)) << "2^16 is beyond the largest";
  EXPECT_FALSE(within(ex2, Type::kF16, 0x4b00, 0x7c00));
  EXPECT_TRUE(within(ex2, Type::kF16, 0xfc00, 0));
  EXPECT_TRUE(within(ex2, Type::kF16, 0x7e00, 0x7fff));
  EXPECT_FALSE(within(ex2, Type::kF16, 0x7e00, 0x3c00));
  EXPECT_TRUE(within(ex2, Type::kBf16, 0xc300, 0, /*ftz=*/true)) << "2^-128";
  EXPECT_FALSE(within(ex2, Type::kBf16, 0xc300, 0));
  const auto tanh = Approximation::kTanh;
  EXPECT_TRUE(within(tanh, Type::kF16, 0x3800, 0x3766)) << "tanh 0.5";
  EXPECT_FALSE(within(tanh, Type::kF16, 0x3800, 0x3768));
  // Both of a pair.
  EXPECT_TRUE(within(ex2, Type::kF16x2, 0x3c003c00, 0x40004001));
  EXPECT_FALSE(within(ex2, Type::kF16x2, 0x3c003c00, 0x40004002));
  EXPECT_FALSE(within(ex2, Type::kF16x2, 0x3c003c00, 0x40024000));
}

TEST(Approximations, SineIsMeasuredAbsolutely) {
  const float pi = 3.14159265f;
  EXPECT_TRUE(Within(Approximation::kSin, {Bits(pi)}, Bits(0.0f)));
  EXPECT_TRUE(Within(Approximation::kSin, {Bits(1.0f)}, Bits(std::sin(1.0f) + 6e-7f)));
  EXPECT_FALSE(Within(Approximation::kSin, {Bits(1.0f)}, Bits(std::sin(1.0f) + 8e-7f)));
  // Less is promised further out.
  EXPECT_TRUE(Within(Approximation::kCos, {Bits(300.0f)}, Bits(std::cos(300.0f) + 3e-5f)));
  EXPECT_FALSE(Within(Approximation::kCos, {Bits(300.0f)}, Bits(std::cos(300.0f) + 5e-5f)));
}

TEST(Approximations, SpecialValuesAreExact) {
  constexpr uint64_t kInfinity = 0x7f800000, kNan = 0x7fffffff;
  EXPECT_TRUE(Within(Approximation::kRcp, {0}, kInfinity));
  EXPECT_FALSE(Within(Approximation::kRcp, {0x80000000}, kInfinity));
  EXPECT_TRUE(Within(Approximation::kSqrt, {Bits(-1.0f)}, kNan));
  EXPECT_FALSE(Within(Approximation::kSqrt, {Bits(-1.0f)}, 0));
  EXPECT_FALSE(Within(Approximation::kSqrt, {Bits(1.0f)}, kNan));
  EXPECT_TRUE(Within(Approximation::kEx2, {Bits(200.0f)}, kInfinity));
  EXPECT_FALSE(Within(Approximation::kEx2, {Bits(100.0f)}, kInfinity));
  EXPECT_FALSE(Within(Approximation::kLg2, {kNan}, 0));
}

TEST(Approximations, OnlyFtzTakesSubnormalsForZeros) {
  const uint64_t tiny = 0x00400000;  // 2^-127
  EXPECT_TRUE(Within(Approximation::kSqrt, {tiny}, Bits(std::sqrt(0x1p-127f))));
  EXPECT_FALSE(Within(Approximation::kSqrt, {tiny}, 0));
  EXPECT_TRUE(Within(Approximation::kSqrt, {tiny}, 0, /*ftz=*/true));
  EXPECT_TRUE(Within(Approximation::kEx2, {Bits(-130.0f)}, 0, /*ftz=*/true));
  EXPECT_FALSE(Within(Approximation::kEx2, {Bits(-130.0f)}, 0));
}

TEST(Approximations, DivApproxPromisesNothingForHugeDivisors) {
  EXPECT_TRUE(Within(Approximation::kDivApprox, {Bits(1.0f), Bits(0x1p127f)}, 0));
  EXPECT_FALSE(Within(Approximation::kDivFull, {Bits(1.0f), Bits(0x1p120f)}, 0));
}

}  // namespace
}  // namespace souk::gpu::conformance
