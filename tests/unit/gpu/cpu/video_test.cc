// Video instructions (PTX ISA 9.7.17, 9.7.18) against formulas for each, element by element.
#include <gtest/gtest.h>

#include <algorithm>

#include "gpu/ptx/module.h"
#include "unit/gpu/cpu/run_ptx.h"

namespace souk::gpu::cpu_test {
namespace {

using Row = std::vector<uint64_t>;

int64_t Part(uint64_t value, uint32_t shift, uint32_t bits, bool is_signed) {
  const uint64_t part = value >> shift & ((uint64_t{1} << bits) - 1);
  const bool negative = is_signed && (part >> (bits - 1)) != 0;
  return static_cast<int64_t>(part) - (negative ? int64_t{1} << bits : 0);
}
int64_t Limited(int64_t value, uint32_t bits, bool is_signed) {
  const int64_t low = is_signed ? -(int64_t{1} << (bits - 1)) : 0;
  const int64_t high = (int64_t{1} << (is_signed ? bits - 1 : bits)) - 1;
  return std::min(std::max(value, low), high);
}
uint64_t Low32(int64_t value) {
  return static_cast<uint32_t>(value);
}

using Combine = int64_t (*)(int64_t, int64_t);
struct Named {
  const char* name;
  Combine f;
};
const Named kOperations[] = {
    {"vadd", [](int64_t a, int64_t b) { return a + b; }},
    {"vsub", [](int64_t a, int64_t b) { return a - b; }},
    {"vabsdiff", [](int64_t a, int64_t b) { return a > b ? a - b : b - a; }},
    {"vmin", [](int64_t a, int64_t b) { return std::min(a, b); }},
    {"vmax", [](int64_t a, int64_t b) { return std::max(a, b); }},
};

std::string Code(const std::string& spelling, const std::string& operands) {
  return spelling + " " + operands + ";";
}
const std::vector<std::string> kThree = {"u32", "u32", "u32"};

TEST(Video, ScalarFormsWidenComputeSaturateAndCombine) {
  for (const Named& op : kOperations) {
    for (const std::string d : {"u32", "s32"}) {
      for (const std::string a : {"u32", "s32"}) {
        for (const std::string b : {"u32", "s32"}) {
          const std::string base = std::string(op.name) + "." + d + "." + a + "." + b;
          const bool sd = d == "s32";
          const auto value = [&](const Row& r) {
            return op.f(Part(r[0], 0, 32, a == "s32"), Part(r[1], 0, 32, b == "s32"));
          };
          ExpectRows({Code(base, "%d, %a, %b"), "u32", kThree}, Samples(kThree, 200),
                     [&](const Row& r) { return Low32(value(r)); });
          ExpectRows({Code(base + ".sat", "%d, %a, %b"), "u32", kThree}, Samples(kThree, 200),
                     [&](const Row& r) { return Low32(Limited(value(r), 32, sd)); });
          ExpectRows({Code(base + ".sat.max", "%d, %a, %b, %c"), "u32", kThree},
                     Samples(kThree, 200), [&](const Row& r) {
                       return Low32(std::max(Limited(value(r), 32, sd), Part(r[2], 0, 32, sd)));
                     });
        }
      }
    }
  }
}

TEST(Video, ScalarFormsReadAndWriteBytesAndHalves) {
  ExpectRows(
      {"vadd.s32.s32.u32 %d, %a.b2, %b.h1;", "u32", kThree}, Samples(kThree, 300),
      [](const Row& r) { return Low32(Part(r[0], 16, 8, true) + Part(r[1], 16, 16, false)); });
  ExpectRows({"vsub.s32.u32.s32.sat %d.h1, %a.b3, %b, %c;", "u32", kThree}, Samples(kThree, 300),
             [](const Row& r) {
               const int64_t v =
                   Limited(Part(r[0], 24, 8, false) - Part(r[1], 0, 32, true), 16, true);
               return (Low32(v) & 0xffff) << 16 | (r[2] & 0xffff);
             });
  ExpectRows({"vabsdiff.u32.u32.u32 %d.b1, %a.h0, %b.h0, %c;", "u32", kThree}, Samples(kThree, 300),
             [](const Row& r) {
               const int64_t x = Part(r[0], 0, 16, false) - Part(r[1], 0, 16, false);
               return (Low32(x < 0 ? -x : x) & 0xff) << 8 | (r[2] & 0xffff00ff);
             });
}

TEST(Video, ShiftsClampOrWrapTheirCount) {
  ExpectRows(
      {"vshl.u32.u32.u32.clamp %d, %a, %b;", "u32", kThree}, Samples(kThree, 300),
      [](const Row& r) { return r[1] >= 32 ? 0 : Low32(static_cast<int64_t>(r[0] << r[1])); });
  ExpectRows({"vshl.u32.u32.u32.wrap.add %d, %a, %b, %c;", "u32", kThree}, Samples(kThree, 300),
             [](const Row& r) { return ((r[0] << (r[1] & 31)) + r[2]) & 0xffffffff; });
  ExpectRows(
      {"vshr.s32.s32.u32.clamp %d, %a, %b;", "u32", kThree}, Samples(kThree, 300),
      [](const Row& r) { return Low32(Part(r[0], 0, 32, true) >> std::min<uint64_t>(r[1], 32)); });
  ExpectRows({"vshr.u32.u32.u32.wrap %d, %a.h1, %b.b1;", "u32", kThree}, Samples(kThree, 300),
             [](const Row& r) { return r[0] >> 16 >> (r[1] >> 8 & 31); });
}

TEST(Video, MultiplyAddIsExactUntilItIsScaled) {
  using I128 = __int128;
  const auto wide = [](uint64_t v, bool s) { return static_cast<I128>(Part(v, 0, 32, s)); };
  ExpectRows({"vmad.u32.u32.u32.shr15 %d, %a, %b, %c;", "u32", kThree}, Samples(kThree, 400),
             [&](const Row& r) {
               return static_cast<uint32_t>(
                   (wide(r[0], false) * wide(r[1], false) + wide(r[2], false)) >> 15);
             });
  ExpectRows(
      {"vmad.s32.s32.s32.sat.shr7 %d, %a, -%b, %c;", "u32", kThree}, Samples(kThree, 400),
      [&](const Row& r) {
        const I128 v = (wide(r[2], true) - wide(r[0], true) * wide(r[1], true)) >> 7;
        return static_cast<uint32_t>(std::min<I128>(std::max<I128>(v, INT32_MIN), INT32_MAX));
      });
  ExpectRows(
      {"vmad.s32.s32.s32.sat %d, %a, %b, -%c;", "u32", kThree}, Samples(kThree, 400),
      [&](const Row& r) {
        const I128 v = wide(r[0], true) * wide(r[1], true) - wide(r[2], true);
        return static_cast<uint32_t>(std::min<I128>(std::max<I128>(v, INT32_MIN), INT32_MAX));
      });
  ExpectRows({"vmad.u32.u32.u32.po %d, %a.h0, %b.h1, %c;", "u32", kThree}, Samples(kThree, 400),
             [&](const Row& r) {
               return static_cast<uint32_t>((r[0] & 0xffff) * (r[1] >> 16) + r[2] + 1);
             });
}

TEST(Video, ComparisonsAreOneOrZero) {
  ExpectRows({"vset.s32.s32.lt %d, %a, %b;", "u32", kThree}, Samples(kThree, 300),
             [](const Row& r) -> uint64_t {
               return Part(r[0], 0, 32, true) < Part(r[1], 0, 32, true) ? 1 : 0;
             });
  ExpectRows({"vset.u32.s32.ge.add %d, %a.b0, %b.b1, %c;", "u32", kThree}, Samples(kThree, 300),
             [](const Row& r) {
               const bool holds = Part(r[0], 0, 8, false) >= Part(r[1], 8, 8, true);
               return (r[2] + (holds ? 1 : 0)) & 0xffffffff;
             });
}

struct Simd {
  uint32_t ways;
  bool sd, sa, sb, sat;
};

uint64_t ByElements(const Simd& s, const Row& r, Combine f) {
  const uint32_t bits = 32 / s.ways;
  uint64_t out = 0;
  for (uint32_t i = 0; i < s.ways; ++i) {
    int64_t v = f(Part(r[0], i * bits, bits, s.sa), Part(r[1], i * bits, bits, s.sb));
    if (s.sat) v = Limited(v, bits, s.sd);
    out |= (static_cast<uint64_t>(v) & ((uint64_t{1} << bits) - 1)) << (i * bits);
  }
  return out;
}

TEST(Video, SimdFormsWorkOnEachElement) {
  std::vector<Named> operations(std::begin(kOperations), std::end(kOperations));
  operations.push_back(
      {"vavrg", [](int64_t a, int64_t b) { return a + b >= 0 ? (a + b + 1) >> 1 : (a + b) >> 1; }});
  for (const Named& op : operations) {
    for (const uint32_t ways : {2u, 4u}) {
      for (int types = 0; types < 16; ++types) {
        const Simd s{ways, (types & 1) != 0, (types & 2) != 0, (types & 4) != 0, (types & 8) != 0};
        const auto name = [](bool is_signed) { return is_signed ? ".s32" : ".u32"; };
        const std::string spelling = op.name + std::to_string(ways) + name(s.sd) + name(s.sa) +
                                     name(s.sb) + (s.sat ? ".sat" : "");
        ExpectRows({Code(spelling, "%d, %a, %b, %c"), "u32", kThree}, Samples(kThree, 200),
                   [&](const Row& r) { return ByElements(s, r, op.f); });
      }
    }
  }
}

TEST(Video, SimdFormsAddTheirElementsUp) {
  ExpectRows({"vabsdiff4.u32.u32.u32.add %d, %a, %b, %c;", "u32", kThree}, Samples(kThree, 400),
             [](const Row& r) {
               uint64_t sum = r[2];
               for (uint32_t i = 0; i < 4; ++i) {
                 const int64_t x = Part(r[0], 8 * i, 8, false) - Part(r[1], 8 * i, 8, false);
                 sum += static_cast<uint64_t>(x < 0 ? -x : x);
               }
               return sum & 0xffffffff;
             });
  ExpectRows({"vadd2.s32.s32.s32.add %d.h1, %a, %b, %c;", "u32", kThree}, Samples(kThree, 400),
             [](const Row& r) {
               return Low32(static_cast<int64_t>(r[2]) + Part(r[0], 16, 16, true) +
                            Part(r[1], 16, 16, true));
             });
}

TEST(Video, SimdSelectorsPickFromBothSourcesAndMasksMerge) {
  // .b7016: element 0 is a's third byte, 1 is a's second, 2 is a's lowest, 3 is b's highest.
  ExpectRows({"vmax4.u32.u32.u32 %d.b310, %a.b7016, %b.b3333, %c;", "u32", kThree},
             Samples(kThree, 400), [](const Row& r) -> uint64_t {
               const uint64_t row = r[0] | r[1] << 32;
               const uint32_t from[] = {6, 1, 0, 7};
               uint64_t out = r[2] & 0x00ff0000;
               for (const uint32_t i : {0u, 1u, 3u}) {
                 const uint64_t x = row >> (8 * from[i]) & 0xff;
                 const uint64_t y = row >> 24 & 0xff;
                 out |= std::max(x, y) << (8 * i);
               }
               return out;
             });
  ExpectRows({"vset2.s32.s32.gt %d.h0, %a.h23, %b, %c;", "u32", kThree}, Samples(kThree, 400),
             [](const Row& r) -> uint64_t {
               const bool holds = Part(r[1], 16, 16, true) > Part(r[1], 0, 16, true);
               return (r[2] & 0xffff0000) | (holds ? 1u : 0u);
             });
}

TEST(Video, SelectorsThatPtxasRefusesAreRefused) {
  for (const char* text :
       {"vadd2.u32.u32.u32 %r1.h01, %r2, %r3, %r4;", "vadd2.u32.u32.u32 %r1, %r2.h1, %r3, %r4;",
        "vadd2.u32.u32.u32 %r1, %r2.b10, %r3, %r4;", "vadd4.u32.u32.u32 %r1.b02, %r2, %r3, %r4;",
        "vadd4.u32.u32.u32 %r1.b3, %r2.b654, %r3.b0123, %r4;",
        "vadd.u32.u32.u32.add %r1.b1, %r2, %r3, %r4;", "vadd.u32.u32.u32 %r1, -%r2, %r3;",
        "vmad.s32.s32.s32 %r1, -%r2, %r3, -%r4;", "vadd4.u32.u32.u32 %r1, 5, %r3, %r4;",
        "vmad.s32.s32.s32 %r1.b0, %r2, %r3, %r4;"}) {
    const std::string kernel =
        ".visible .entry k()\n{\n.reg .b32 %r<5>;\n" + std::string(text) + "\nret;\n}\n";
    EXPECT_FALSE(LoadText(*NewDevice(SimdLevel::kBaseline), kernel)) << text;
  }
}

}  // namespace
}  // namespace souk::gpu::cpu_test
