// The reference itself: its arithmetic against the host's in every rounding mode, and values that
// the ISA's text gives.
#include <gtest/gtest.h>

#include <bit>
#include <cfenv>
#include <cmath>
#include <cstring>

#include "reference/floats.h"
#include "reference/interpret.h"
#include "reference/values.h"
#include "sanitized.h"

namespace souk::reference {
namespace {

struct HostMode {
  Mode mode;
  int host;
};
constexpr HostMode kModes[] = {{Mode::kNearestEven, FE_TONEAREST},
                               {Mode::kTowardZero, FE_TOWARDZERO},
                               {Mode::kDown, FE_DOWNWARD},
                               {Mode::kUp, FE_UPWARD}};

// The host's operation under its own rounding mode; volatile, so that nothing is folded.
template <typename T, typename F>
T OnHost(int host_mode, F operation) {
  std::fesetround(host_mode);
  volatile T result = operation();
  std::fesetround(FE_TONEAREST);
  return result;
}

template <typename T, typename U>
void CompareWithHost(const Format& format) {
  sim::Rng rng(7);
  for (size_t i = 0; i < Thinned(200'000); ++i) {
    const auto bits = [&] { return static_cast<U>(EdgeValue(rng, 8 * sizeof(T))); };
    const U a = bits();
    const U b = bits();
    const U c = bits();
    volatile T x = std::bit_cast<T>(a);
    volatile T y = std::bit_cast<T>(b);
    volatile T z = std::bit_cast<T>(c);
    const Number m = Unpack(format, a);
    const Number n = Unpack(format, b);
    for (const HostMode& each : kModes) {
      const Mode mode = each.mode;
      const int host = each.host;
      const auto check = [&](const char* what, const Number& exact, T want) {
        if (exact.IsNan()) {
          ASSERT_TRUE(std::isnan(want)) << what;
          return;
        }
        ASSERT_EQ(Pack(format, exact, mode, false), std::bit_cast<U>(want))
            << what << " of " << std::hex << a << " " << b << " " << c << " in mode "
            << static_cast<int>(mode);
      };
      check("sum", Add(m, n, mode), OnHost<T>(host, [&] { return x + y; }));
      check("difference", Add(m, Negate(n), mode), OnHost<T>(host, [&] { return x - y; }));
      check("product", Multiply(m, n), OnHost<T>(host, [&] { return x * y; }));
      check("quotient", Divide(m, n), OnHost<T>(host, [&] { return x / y; }));
      check("root", SquareRoot(m), OnHost<T>(host, [&] { return std::sqrt(x); }));
      check("fused", Add(Multiply(m, n), Unpack(format, c), mode),
            OnHost<T>(host, [&] { return std::fma(x, y, z); }));
      check("integral", ToIntegral(m, mode), OnHost<T>(host, [&] { return std::nearbyint(x); }));
    }
  }
}

TEST(Number, SinglesRoundAsTheHostDoesInEachMode) {
  CompareWithHost<float, uint32_t>(kSingle);
}
TEST(Number, DoublesRoundAsTheHostDoesInEachMode) {
  CompareWithHost<double, uint64_t>(kDouble);
}

// Every half has a neighbour, and what lies between is rounded to one of the two.
TEST(Number, HalvesRoundToTheNearestOfTheirNeighbours) {
  for (uint64_t h = 0; h < kHalf.infinity() - 1; ++h) {
    const Number low = Unpack(kHalf, h);
    Number middle = Add(low, Unpack(kHalf, h + 1), Mode::kNearestEven);
    middle.exponent -= 1;
    EXPECT_EQ(Pack(kHalf, low, Mode::kNearestEven, false), h);
    EXPECT_EQ(Pack(kHalf, middle, Mode::kNearestEven, false), h + (h & 1));
    EXPECT_EQ(Pack(kHalf, middle, Mode::kTowardZero, false), h);
    EXPECT_EQ(Pack(kHalf, middle, Mode::kUp, false), h + 1);
    EXPECT_EQ(Pack(kHalf, Negate(middle), Mode::kDown, false), (h + 1) | 0x8000);
  }
}

TEST(Number, FlushLooksAtTheResultRoundedWithUnboundedExponents) {
  // 2^-126 × (1 - 2^-25): subnormal before rounding to 24 bits, the least normal number after.
  const Number product = Multiply(Unpack(kSingle, 0x3f7fffff), Unpack(kSingle, 0x00800000));
  EXPECT_EQ(Pack(kSingle, product, Mode::kNearestEven, false), 0x00800000u);
  EXPECT_EQ(Pack(kSingle, product, Mode::kNearestEven, true), 0u);
  const Number nearer = Add(Unpack(kDouble, 0x3810000000000000),  // 2^-126
                            Unpack(kDouble, 0xb660000000000000), Mode::kDown);
  EXPECT_EQ(Pack(kSingle, nearer, Mode::kNearestEven, true), 0x00800000u);
}

uint64_t Of(const char* spelling, const Sources& s) {
  const ptx::Operation op = ptx::DecodeOperation(spelling);
  EXPECT_NE(op.opcode, ptx::Opcode::kUnknown) << spelling;
  if (op.opcode == ptx::Opcode::kCvt) return ConvertResult(op, s);
  if (ptx::IsFloat(op.type)) return FloatResult(op, s);
  return IntegerResult(op, s);
}
uint64_t BitsOf(const char* spelling, const Sources& s) {
  return BitResult(ptx::DecodeOperation(spelling), s);
}

TEST(Rules, IntegersAsTheIsaSays) {
  EXPECT_EQ(Of("div.u32", {7, 0}), 0xffffffffu);
  EXPECT_EQ(Of("rem.u64", {7, 0}), ~uint64_t{0});
  EXPECT_EQ(Of("div.s32", {0x80000000, 0xffffffff}), 0x80000000u);
  EXPECT_EQ(Of("rem.s32", {0xfffffff9, 2}), 0xffffffffu);  // the dividend's sign
  EXPECT_EQ(Of("add.sat.s32", {0x7fffffff, 1}), 0x7fffffffu);
  EXPECT_EQ(Of("mul.hi.s32", {0xffffffff, 0xffffffff}), 0u);
  EXPECT_EQ(Of("mul.hi.u64", {~uint64_t{0}, ~uint64_t{0}}), ~uint64_t{1});
  EXPECT_EQ(Of("mul24.hi.u32", {0xff800000, 2}), 0x100u);
  EXPECT_EQ(Of("dp4a.s32.u32", {0xff, 2, 10}), 8u);
  EXPECT_EQ(Of("dp2a.hi.u32.s32", {0x00030002, 0xff050000, 0}), 7u);
  // The adder's carry: set where nothing is borrowed.
  EXPECT_FALSE(CarryResult(ptx::DecodeOperation("sub.cc.u32"), {1, 2}, false).carry);
  EXPECT_TRUE(CarryResult(ptx::DecodeOperation("sub.cc.u32"), {2, 2}, false).carry);
  EXPECT_EQ(CarryResult(ptx::DecodeOperation("subc.u32"), {5, 2}, true).bits, 3u);
  EXPECT_EQ(CarryResult(ptx::DecodeOperation("subc.u32"), {5, 2}, false).bits, 2u);
  EXPECT_TRUE(CarryResult(ptx::DecodeOperation("addc.cc.u64"), {~uint64_t{0}, 0}, true).carry);
}

TEST(Rules, BitsAsTheIsaSays) {
  EXPECT_EQ(BitsOf("shl.b32", {1, 32}), 0u);
  EXPECT_EQ(BitsOf("shr.s32", {0x80000000, 99}), 0xffffffffu);
  EXPECT_EQ(BitsOf("shf.l.clamp.b32", {0x12345678, 0xabcdef01, 99}), 0x12345678u);
  EXPECT_EQ(BitsOf("shf.r.wrap.b32", {0x12345678, 0xabcdef01, 36}), 0x11234567u);
  EXPECT_EQ(BitsOf("bfe.s32", {0x00000008, 0, 4}), 0xfffffff8u);
  EXPECT_EQ(BitsOf("bfe.s32", {0x80000000, 40, 3}), 0xffffffffu);
  EXPECT_EQ(BitsOf("bfi.b32", {0xff, 0, 28, 8}), 0xf0000000u);
  EXPECT_EQ(BitsOf("bfind.s32", {0xffffffff}), 0xffffffffu);
  EXPECT_EQ(BitsOf("bfind.shiftamt.u32", {1}), 31u);
  EXPECT_EQ(BitsOf("fns.b32", {0xf0, 5, 0xffffffff}), 5u);
  EXPECT_EQ(BitsOf("lop3.b32", {0xf0, 0xcc, 0xaa, 0x1a}), 0x1au);  // the ISA's own example
  EXPECT_EQ(BitsOf("prmt.b32", {0x33221180, 0x77665544, 0x4708}), 0x447780ffu);
  EXPECT_EQ(BitsOf("bmsk.clamp.b32", {28, 32}), 0xf0000000u);
  EXPECT_EQ(BitsOf("szext.wrap.s32", {0xff, 35}), 0xffffffffu);
}

TEST(Rules, FloatsAsTheIsaSays) {
  EXPECT_EQ(Of("add.rn.f32", {0x7f800000, 0xff800000}), 0x7fffffffu);  // canonical NaN
  EXPECT_EQ(Of("add.rm.f32", {0x3f800000, 0xbf800000}), 0x80000000u);
  EXPECT_EQ(Of("add.rn.ftz.f32", {0x00000001, 0x80000000}), 0u);
  EXPECT_EQ(Of("fma.rn.sat.f32", {0x7fc00000, 0, 0}), 0u);
  EXPECT_EQ(Of("min.f32", {0x00000000, 0x80000000}), 0x80000000u);
  EXPECT_EQ(Of("max.f32", {0x7fc00000, 0x3f800000}), 0x3f800000u);
  EXPECT_EQ(Of("max.NaN.f32", {0x7fc00000, 0x3f800000}), 0x7fffffffu);
  EXPECT_EQ(Of("min.xorsign.abs.f32", {0xc0000000, 0x3f800000}), 0xbf800000u);
  EXPECT_EQ(Of("fma.rn.relu.f16", {0xbc00, 0x3c00, 0}), 0u);
  EXPECT_EQ(Of("cvt.rzi.s32.f32", {0x7fc00000}), 0u);
  EXPECT_EQ(Of("cvt.rzi.s32.f64", {0x7ff8000000000000}), 0x80000000u);
  EXPECT_EQ(Of("cvt.rzi.u64.f32", {0x7fc00000}), uint64_t{1} << 63);
  EXPECT_EQ(Of("cvt.rni.u8.f32", {0x43ff8000}), 0xffu);
  EXPECT_EQ(Of("cvt.rn.satfinite.f16.f32", {0x7f800000}), 0x7bffu);
  EXPECT_EQ(Of("cvt.rni.f32.f32", {0x40200000}), 0x40000000u);  // 2.5 to even
}

TEST(Approximation, BoundsRefuseWhatIsBeyondThem) {
  const ptx::Operation op = ptx::DecodeOperation("rcp.approx.f32");
  const Bounded third = Approximate(op, {0x40400000});
  EXPECT_TRUE(Accepts(third, 0x3eaaaaab));
  EXPECT_TRUE(Accepts(third, 0x3eaaaaaa));
  EXPECT_FALSE(Accepts(third, 0x3eaaaaae));
  EXPECT_FALSE(Accepts(third, 0xbeaaaaab));
  EXPECT_FALSE(Accepts(third, 0x7fffffff));
  EXPECT_TRUE(Accepts(Approximate(op, {0x80000000}), 0xff800000));
  EXPECT_FALSE(Accepts(Approximate(op, {0x80000000}), 0x7f800000));
}

Result<std::vector<BoundedStore>> RunText(const std::string& body, Bytes& memory) {
  const auto module = ptx::Parse(
      ".version 8.0\n.target sm_80\n.address_size 64\n.visible .entry k(.param .u64 p)\n{\n"
      ".reg .b64 %a; .reg .b32 %r<4>; .reg .f32 %f<4>; .reg .pred %q; ld.param.u64 %a, [p];\n" +
      body + "ret;\n}\n");
  if (!module) return module.error();
  Launch launch;
  launch.block = {2, 1, 1};
  const uint64_t address = 4096;
  launch.params.resize(8);
  std::memcpy(launch.params.data(), &address, sizeof address);
  launch.globals = {{address, memory}};
  return Run(*module, module->functions[0], launch);
}

TEST(Interpreter, RunsEachThreadByItself) {
  Bytes memory(8, 0);
  ASSERT_TRUE(
      RunText("mov.u32 %r0, %tid.x; mad.wide.u32 %a, %r0, 4, %a; add.u32 %r0, %r0, 7;\n"
              "setp.eq.u32 %q, %r0, 8; @%q st.global.u32 [%a], %r0;\n",
              memory));
  EXPECT_EQ(memory, Bytes({0, 0, 0, 0, 8, 0, 0, 0}));
}

TEST(Interpreter, SaysWhatItDoesNotRun) {
  Bytes memory(8, 0);
  EXPECT_EQ(RunText("bar.sync 0;\n", memory).error().code, Code::kUnsupported);
  EXPECT_EQ(RunText("st.global.u32 [%a+8], %r0;\n", memory).error().code, Code::kFault);
  EXPECT_EQ(RunText("st.global.u32 [%a+2], %r0;\n", memory).error().code, Code::kFault);
  EXPECT_EQ(
      RunText("rcp.approx.f32 %f0, 0f40400000; add.rn.f32 %f1, %f0, %f0;\n", memory).error().code,
      Code::kUnsupported);
  EXPECT_EQ(RunText("rcp.approx.f32 %f0, 0f40400000; st.global.f32 [%a], %f0;\n", memory)->size(),
            2u);
}

}  // namespace
}  // namespace souk::reference
