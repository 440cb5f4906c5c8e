// Integer and bit instructions against what their ISA pages say, one lane at a time.
#include <gtest/gtest.h>

#include "unit/gpu/cpu/run_ptx.h"

namespace souk::gpu::cpu_test {
namespace {

using Row = std::vector<uint64_t>;
using I128 = __int128;

int64_t Sign(uint64_t v, int bits) {
  return bits == 64 ? static_cast<int64_t>(v)
                    : static_cast<int64_t>(v << (64 - bits)) >> (64 - bits);
}
uint64_t Cut(I128 v, int bits) {
  const auto low = static_cast<uint64_t>(v);
  return bits == 64 ? low : low & ((uint64_t{1} << bits) - 1);
}
// The value of bits as the type has it.
I128 Value(uint64_t v, const std::string& type) {
  const int bits = std::stoi(type.substr(1));
  return type[0] == 's' ? static_cast<I128>(Sign(v, bits)) : static_cast<I128>(Cut(v, bits));
}

const char* const kTypes[] = {"u16", "s16", "u32", "s32", "u64", "s64"};
int BitsOfType(const std::string& type) {
  return std::stoi(type.substr(1));
}

void Binary(const std::string& name, const std::string& type,
            const std::function<I128(I128, I128)>& f) {
  const int bits = BitsOfType(type);
  ExpectRows({name + "." + type + " %d, %a, %b;", type, {type, type}}, Samples({type, type}, 600),
             [&](const Row& r) { return Cut(f(Value(r[0], type), Value(r[1], type)), bits); });
}

TEST(Integer, AddsSubtractsAndMultipliesModuloItsWidth) {
  for (const std::string type : kTypes) {
    Binary("add", type, [](I128 a, I128 b) { return a + b; });
    Binary("sub", type, [](I128 a, I128 b) { return a - b; });
    Binary("mul.lo", type, [](I128 a, I128 b) {
      return static_cast<I128>(static_cast<unsigned __int128>(a) *
                               static_cast<unsigned __int128>(b));
    });
    Binary("min", type, [](I128 a, I128 b) { return a < b ? a : b; });
    Binary("max", type, [](I128 a, I128 b) { return a > b ? a : b; });
  }
}

TEST(Integer, MultipliesHighAndWide) {
  for (const std::string type : kTypes) {
    const int bits = BitsOfType(type);
    Binary("mul.hi", type, [&](I128 a, I128 b) {
      if (type == "u64") {
        return static_cast<I128>((static_cast<unsigned __int128>(a) * static_cast<uint64_t>(b)) >>
                                 64);
      }
      return (a * b) >> bits;
    });
    if (bits == 64) continue;
    const std::string wide = type.substr(0, 1) + std::to_string(2 * bits);
    ExpectRows({"mul.wide." + type + " %d, %a, %b;", wide, {type, type}},
               Samples({type, type}, 400),
               [&](const Row& r) { return Cut(Value(r[0], type) * Value(r[1], type), 2 * bits); });
    ExpectRows({"mad.wide." + type + " %d, %a, %b, %c;", wide, {type, type, wide}},
               Samples({type, type, wide}, 400), [&](const Row& r) {
                 return Cut(Value(r[0], type) * Value(r[1], type) + Value(r[2], wide), 2 * bits);
               });
  }
}

TEST(Integer, MultiplyAddAndSumOfDifferences) {
  for (const std::string type : {"u32", "s32", "u64", "s16"}) {
    const int bits = BitsOfType(type);
    ExpectRows({"mad.lo." + type + " %d, %a, %b, %c;", type, {type, type, type}},
               Samples({type, type, type}, 500),
               [&](const Row& r) { return Cut(r[0] * r[1] + r[2], bits); });
    ExpectRows({"sad." + type + " %d, %a, %b, %c;", type, {type, type, type}},
               Samples({type, type, type}, 500), [&](const Row& r) {
                 const I128 a = Value(r[0], type);
                 const I128 b = Value(r[1], type);
                 return Cut(Value(r[2], type) + (a < b ? b - a : a - b), bits);
               });
  }
  ExpectRows({"mad.hi.s32 %d, %a, %b, %c;", "s32", {"s32", "s32", "s32"}},
             Samples({"s32", "s32", "s32"}, 500), [](const Row& r) {
               return Cut(((Value(r[0], "s32") * Value(r[1], "s32")) >> 32) + Value(r[2], "s32"),
                          32);
             });
}

TEST(Integer, TwentyFourBitProducts) {
  const auto low24 = [](uint64_t v, bool is_signed) {
    return is_signed ? static_cast<I128>(Sign(v & 0xffffff, 24)) : static_cast<I128>(v & 0xffffff);
  };
  for (const std::string type : {"u32", "s32"}) {
    const bool is_signed = type == "s32";
    ExpectRows(
        {"mul24.lo." + type + " %d, %a, %b;", type, {type, type}}, Samples({type, type}, 400),
        [&](const Row& r) { return Cut(low24(r[0], is_signed) * low24(r[1], is_signed), 32); });
    ExpectRows({"mul24.hi." + type + " %d, %a, %b;", type, {type, type}},
               Samples({type, type}, 400), [&](const Row& r) {
                 return Cut((low24(r[0], is_signed) * low24(r[1], is_signed)) >> 16, 32);
               });
    ExpectRows({"mad24.lo." + type + " %d, %a, %b, %c;", type, {type, type, type}},
               Samples({type, type, type}, 400), [&](const Row& r) {
                 return Cut(low24(r[0], is_signed) * low24(r[1], is_signed) + Value(r[2], type),
                            32);
               });
  }
}

TEST(Integer, DivisionByZeroGivesAllOnesAndTheMostNegativeWraps) {
  for (const std::string type : kTypes) {
    const int bits = BitsOfType(type);
    Binary("div", type, [](I128 a, I128 b) { return b == 0 ? I128{-1} : a / b; });
    Binary("rem", type, [](I128 a, I128 b) { return b == 0 ? I128{-1} : a % b; });
    (void)bits;
  }
}

TEST(Integer, SaturatingAddClamps) {
  const auto clamp = [](I128 v) {
    return Cut(v > INT32_MAX ? INT32_MAX : v < INT32_MIN ? INT32_MIN : v, 32);
  };
  ExpectRows({"add.sat.s32 %d, %a, %b;", "s32", {"s32", "s32"}}, Samples({"s32", "s32"}, 400),
             [&](const Row& r) { return clamp(Value(r[0], "s32") + Value(r[1], "s32")); });
  ExpectRows({"sub.sat.s32 %d, %a, %b;", "s32", {"s32", "s32"}}, Samples({"s32", "s32"}, 400),
             [&](const Row& r) { return clamp(Value(r[0], "s32") - Value(r[1], "s32")); });
}

TEST(Integer, NegAndAbs) {
  for (const std::string type : {"s16", "s32", "s64"}) {
    const int bits = BitsOfType(type);
    ExpectRows({"neg." + type + " %d, %a;", type, {type}}, Samples({type}, 100),
               [&](const Row& r) { return Cut(-Value(r[0], type), bits); });
    ExpectRows({"abs." + type + " %d, %a;", type, {type}}, Samples({type}, 100), [&](const Row& r) {
      const I128 v = Value(r[0], type);
      return Cut(v < 0 ? -v : v, bits);
    });
  }
}

TEST(Integer, CarryChainsAddWideNumbers) {
  ExpectRows({"{ .reg .b32 %x<6>; mov.b64 {%x0, %x1}, %a; mov.b64 {%x2, %x3}, %b; "
              "add.cc.u32 %x4, %x0, %x2; addc.u32 %x5, %x1, %x3; mov.b64 %d, {%x4, %x5}; }",
              "u64",
              {"u64", "u64"}},
             Samples({"u64", "u64"}, 400), [](const Row& r) { return r[0] + r[1]; });
  ExpectRows({"{ .reg .b32 %x<6>; mov.b64 {%x0, %x1}, %a; mov.b64 {%x2, %x3}, %b; "
              "sub.cc.u32 %x4, %x0, %x2; subc.u32 %x5, %x1, %x3; mov.b64 %d, {%x4, %x5}; }",
              "u64",
              {"u64", "u64"}},
             Samples({"u64", "u64"}, 400), [](const Row& r) { return r[0] - r[1]; });
  // Three words, with a carry on the way.
  ExpectRows({"{ .reg .b32 %x<4>; .reg .b32 %y; mov.b64 {%x0, %x1}, %a; mov.b64 {%x2, %x3}, %b; "
              "sub.cc.u32 %x0, %x0, %x2; subc.cc.u32 %x1, %x1, %x3; subc.u32 %d, 0, 0; }",
              "u32",
              {"u64", "u64"}},
             Samples({"u64", "u64"}, 400),
             [](const Row& r) { return r[0] < r[1] ? 0xffffffffu : 0u; });
  // 64 × 64 bits from 32-bit halves.
  ExpectRows({"{ .reg .b32 %x<7>; mov.b64 {%x0, %x1}, %a; mov.b64 {%x2, %x3}, %b; "
              "mul.lo.u32 %x4, %x0, %x2; mul.hi.u32 %x5, %x0, %x2; "
              "mad.lo.cc.u32 %x5, %x0, %x3, %x5; madc.hi.u32 %x6, %x0, %x3, 0; "
              "mad.lo.u32 %x5, %x1, %x2, %x5; mov.b64 %d, {%x4, %x5}; }",
              "u64",
              {"u64", "u64"}},
             Samples({"u64", "u64"}, 400), [](const Row& r) { return r[0] * r[1]; });
}

// ptxas makes a + ~b + 1 of sub.cc and hands the adder's carry on to whatever reads it.
TEST(Integer, TheCarryOfASubtractionIsSetWhereNothingWasBorrowed) {
  for (const std::string type : {"u32", "u64"}) {
    ExpectRows(
        {"{ .reg ." + type + " %x; sub.cc." + type + " %x, %a, %b; addc." + type + " %d, 0, 0; }",
         type,
         {type, type}},
        Samples({type, type}, 400), [](const Row& r) { return r[0] >= r[1] ? 1u : 0u; });
    const uint64_t mask = type == "u32" ? 0xffffffff : ~uint64_t{0};
    ExpectRows(
        {"{ .reg ." + type + " %x; add.cc." + type + " %x, %a, %b; subc." + type + " %d, 10, 3; }",
         type,
         {type, type}},
        Samples({type, type}, 400),
        [&](const Row& r) { return ((r[0] + r[1]) & mask) < r[0] ? 7u : 6u; });
  }
}

TEST(Integer, PairsOfSixteenBitsAreTwoNumbers) {
  using Half = int (*)(int, int);
  const auto check = [](const std::string& code, bool is_signed, Half f) {
    ExpectRows({code + " %d, %a, %b;", "b32", {"b32", "b32"}}, Samples({"b32", "b32"}, 400),
               [&](const Row& r) {
                 uint64_t both = 0;
                 for (int shift = 0; shift < 32; shift += 16) {
                   const auto part = [&](uint64_t v) {
                     const auto bits = static_cast<uint16_t>(v >> shift);
                     return is_signed ? int{static_cast<int16_t>(bits)} : int{bits};
                   };
                   const auto half = static_cast<uint16_t>(f(part(r[0]), part(r[1])));
                   both |= uint64_t{half} << shift;
                 }
                 return both;
               });
  };
  for (const char* type : {"u16x2", "s16x2"}) {
    const bool is_signed = type[0] == 's';
    check(std::string("add.") + type, is_signed, [](int a, int b) { return a + b; });
    check(std::string("min.") + type, is_signed, [](int a, int b) { return std::min(a, b); });
    check(std::string("max.") + type, is_signed, [](int a, int b) { return std::max(a, b); });
  }
  check("min.s16x2.relu", true, [](int a, int b) { return std::max(std::min(a, b), 0); });
  check("max.s16x2.relu", true, [](int a, int b) { return std::max({a, b, 0}); });
}

TEST(Bits, LogicOnEveryWidth) {
  for (const std::string type : {"b16", "b32", "b64"}) {
    const int bits = BitsOfType(type);
    const auto binary = [&](const std::string& name, uint64_t (*f)(uint64_t, uint64_t)) {
      ExpectRows({name + "." + type + " %d, %a, %b;", type, {type, type}},
                 Samples({type, type}, 300),
                 [&](const Row& r) { return Cut(static_cast<I128>(f(r[0], r[1])), bits); });
    };
    binary("and", [](uint64_t a, uint64_t b) { return a & b; });
    binary("or", [](uint64_t a, uint64_t b) { return a | b; });
    binary("xor", [](uint64_t a, uint64_t b) { return a ^ b; });
    ExpectRows({"not." + type + " %d, %a;", type, {type}}, Samples({type}, 60),
               [&](const Row& r) { return Cut(~r[0], bits); });
    ExpectRows({"cnot." + type + " %d, %a;", type, {type}}, Samples({type}, 60),
               [&](const Row& r) { return r[0] == 0 ? 1 : 0; });
  }
  ExpectRows({"xor.pred %d, %a, %b;", "pred", {"pred", "pred"}}, Samples({"pred", "pred"}, 40),
             [](const Row& r) { return r[0] ^ r[1]; });
  ExpectRows({"not.pred %d, %a;", "pred", {"pred"}}, Samples({"pred"}, 40),
             [](const Row& r) { return r[0] ^ 1; });
}

TEST(Bits, ShiftsClampAtTheWidth) {
  for (const std::string type : {"b16", "b32", "b64"}) {
    const int bits = BitsOfType(type);
    ExpectRows({"shl." + type + " %d, %a, %b;", type, {type, "u32"}}, Samples({type, "u32"}, 400),
               [&](const Row& r) {
                 return r[1] >= static_cast<uint64_t>(bits) ? 0 : Cut(r[0] << r[1], bits);
               });
  }
  for (const std::string type : kTypes) {
    const int bits = BitsOfType(type);
    ExpectRows({"shr." + type + " %d, %a, %b;", type, {type, "u32"}}, Samples({type, "u32"}, 400),
               [&](const Row& r) {
                 const uint64_t n = r[1] > 100 ? 100 : r[1];
                 return Cut(Value(r[0], type) >> n, bits);
               });
  }
}

TEST(Bits, FunnelShiftsWrapOrClamp) {
  for (const bool right : {false, true}) {
    for (const bool wrap : {false, true}) {
      const std::string code = std::string("shf.") + (right ? "r" : "l") +
                               (wrap ? ".wrap" : ".clamp") + ".b32 %d, %a, %b, %c;";
      ExpectRows({code, "b32", {"b32", "b32", "u32"}}, Samples({"b32", "b32", "u32"}, 600),
                 [&](const Row& r) {
                   const uint64_t n = wrap ? r[2] & 31 : std::min<uint64_t>(r[2], 32);
                   const uint64_t both = r[1] << 32 | r[0];
                   return right ? (both >> n) & 0xffffffff : (both << n) >> 32;
                 });
    }
  }
}

TEST(Bits, Lop3FollowsItsTable) {
  for (const uint32_t table : {0x00u, 0x80u, 0x96u, 0xeau, 0x1bu, 0xffu, 0x3cu}) {
    ExpectRows(
        {"lop3.b32 %d, %a, %b, %c, " + std::to_string(table) + ";", "b32", {"b32", "b32", "b32"}},
        Samples({"b32", "b32", "b32"}, 200), [&](const Row& r) {
          uint64_t d = 0;
          for (int i = 0; i < 32; ++i) {
            const uint64_t k = ((r[0] >> i) & 1) * 4 + ((r[1] >> i) & 1) * 2 + ((r[2] >> i) & 1);
            d |= static_cast<uint64_t>((table >> k) & 1) << i;
          }
          return d;
        });
  }
}

TEST(Bits, PermutesBytes) {
  ExpectRows({"prmt.b32 %d, %a, %b, %c;", "b32", {"b32", "b32", "b32"}},
             Samples({"b32", "b32", "b32"}, 600), [](const Row& r) {
               const uint64_t both = r[1] << 32 | r[0];
               uint64_t d = 0;
               for (int i = 0; i < 4; ++i) {
                 const uint64_t s = (r[2] >> (4 * i)) & 15;
                 uint64_t byte = (both >> (8 * (s & 7))) & 0xff;
                 if (s & 8) byte = byte & 0x80 ? 0xff : 0;
                 d |= byte << (8 * i);
               }
               return d;
             });
  // ISA table "prmt: modes": bytes from high to low for selectors 0 to 3.
  const struct {
    const char* mode;
    int bytes[4][4];
  } kModes[] = {
      {"f4e", {{3, 2, 1, 0}, {4, 3, 2, 1}, {5, 4, 3, 2}, {6, 5, 4, 3}}},
      {"b4e", {{5, 6, 7, 0}, {6, 7, 0, 1}, {7, 0, 1, 2}, {0, 1, 2, 3}}},
      {"rc8", {{0, 0, 0, 0}, {1, 1, 1, 1}, {2, 2, 2, 2}, {3, 3, 3, 3}}},
      {"ecl", {{3, 2, 1, 0}, {3, 2, 1, 1}, {3, 2, 2, 2}, {3, 3, 3, 3}}},
      {"ecr", {{0, 0, 0, 0}, {1, 1, 1, 0}, {2, 2, 1, 0}, {3, 2, 1, 0}}},
      {"rc16", {{1, 0, 1, 0}, {3, 2, 3, 2}, {1, 0, 1, 0}, {3, 2, 3, 2}}},
  };
  for (const auto& mode : kModes) {
    ExpectRows(
        {std::string("prmt.b32.") + mode.mode + " %d, %a, %b, %c;", "b32", {"b32", "b32", "b32"}},
        Samples({"b32", "b32", "b32"}, 200), [&](const Row& r) {
          const uint64_t both = r[1] << 32 | r[0];
          uint64_t d = 0;
          for (int i = 0; i < 4; ++i) {
            d = d << 8 | ((both >> (8 * mode.bytes[r[2] & 3][i])) & 0xff);
          }
          return d;
        });
  }
}

TEST(Bits, ExtractsAndInsertsFields) {
  for (const std::string type : {"u32", "s32", "u64", "s64"}) {
    const int bits = BitsOfType(type);
    ExpectRows({"bfe." + type + " %d, %a, %b, %c;", type, {type, "u32", "u32"}},
               Samples({type, "u32", "u32"}, 900), [&](const Row& r) {
                 const uint64_t pos = r[1] & 0xff;
                 const uint64_t len = r[2] & 0xff;
                 const uint64_t msb = static_cast<uint64_t>(bits) - 1;
                 uint64_t sign = 0;
                 if (type[0] == 's' && len != 0) sign = (r[0] >> std::min(pos + len - 1, msb)) & 1;
                 uint64_t d = 0;
                 for (uint64_t i = 0; i <= msb; ++i) {
                   const uint64_t bit = i < len && pos + i <= msb ? (r[0] >> (pos + i)) & 1 : sign;
                   d |= bit << i;
                 }
                 return d;
               });
  }
  for (const std::string type : {"b32", "b64"}) {
    const int bits = BitsOfType(type);
    ExpectRows({"bfi." + type + " %d, %a, %b, %c, %e;", type, {type, type, "u32", "u32"}},
               Samples({type, type, "u32", "u32"}, 900), [&](const Row& r) {
                 const uint64_t pos = r[2] & 0xff;
                 const uint64_t len = r[3] & 0xff;
                 uint64_t d = r[1];
                 for (uint64_t i = 0; i < len && pos + i < static_cast<uint64_t>(bits); ++i) {
                   const uint64_t at = uint64_t{1} << (pos + i);
                   d = (d & ~at) | (((r[0] >> i) & 1) << (pos + i));
                 }
                 return d;
               });
  }
}

TEST(Bits, CountsFindsAndReverses) {
  for (const std::string type : {"b32", "b64"}) {
    const int bits = BitsOfType(type);
    ExpectRows({"popc." + type + " %d, %a;", "u32", {type}}, Samples({type}, 200),
               [](const Row& r) { return static_cast<uint64_t>(__builtin_popcountll(r[0])); });
    ExpectRows({"clz." + type + " %d, %a;", "u32", {type}}, Samples({type}, 200),
               [&](const Row& r) {
                 uint64_t n = 0;
                 while (n < static_cast<uint64_t>(bits) && ((r[0] >> (bits - 1 - n)) & 1) == 0) ++n;
                 return n;
               });
    ExpectRows({"brev." + type + " %d, %a;", type, {type}}, Samples({type}, 200),
               [&](const Row& r) {
                 uint64_t d = 0;
                 for (int i = 0; i < bits; ++i) d |= ((r[0] >> i) & 1) << (bits - 1 - i);
                 return d;
               });
  }
  for (const std::string type : {"u32", "s32", "u64", "s64"}) {
    const int bits = BitsOfType(type);
    for (const bool shift : {false, true}) {
      ExpectRows(
          {std::string("bfind.") + (shift ? "shiftamt." : "") + type + " %d, %a;", "u32", {type}},
          Samples({type}, 200), [&](const Row& r) -> uint64_t {
            const bool negative = type[0] == 's' && ((r[0] >> (bits - 1)) & 1);
            for (int i = bits - 1; i >= 0; --i) {
              if (((r[0] >> i) & 1) != (negative ? 1u : 0u)) {
                return static_cast<uint64_t>(shift ? bits - 1 - i : i);
              }
            }
            return 0xffffffff;
          });
    }
  }
}

TEST(Bits, DotProductsOfBytes) {
  ExpectRows({"dp4a.s32.u32 %d, %a, %b, %c;", "s32", {"b32", "b32", "s32"}},
             Samples({"b32", "b32", "s32"}, 400), [](const Row& r) {
               int64_t sum = Sign(r[2], 32);
               for (int i = 0; i < 4; ++i) {
                 sum += Sign((r[0] >> (8 * i)) & 0xff, 8) *
                        static_cast<int64_t>((r[1] >> (8 * i)) & 0xff);
               }
               return Cut(sum, 32);
             });
}

TEST(Bits, SelectsAndCompares) {
  ExpectRows({"selp.b32 %d, %a, %b, %c;", "b32", {"b32", "b32", "pred"}},
             Samples({"b32", "b32", "pred"}, 200), [](const Row& r) { return r[2] ? r[0] : r[1]; });
  ExpectRows({"slct.u64.s32 %d, %a, %b, %c;", "u64", {"u64", "u64", "s32"}},
             Samples({"u64", "u64", "s32"}, 600),
             [](const Row& r) { return Sign(r[2], 32) >= 0 ? r[0] : r[1]; });
  const struct {
    const char* name;
    bool (*holds)(I128, I128);
  } kCompares[] = {
      {"eq", [](I128 a, I128 b) { return a == b; }}, {"ne", [](I128 a, I128 b) { return a != b; }},
      {"lt", [](I128 a, I128 b) { return a < b; }},  {"le", [](I128 a, I128 b) { return a <= b; }},
      {"gt", [](I128 a, I128 b) { return a > b; }},  {"ge", [](I128 a, I128 b) { return a >= b; }},
  };
  for (const std::string type : kTypes) {
    for (const auto& compare : kCompares) {
      ExpectRows(
          {std::string("setp.") + compare.name + "." + type + " %d, %a, %b;", "pred", {type, type}},
          Samples({type, type}, 300), [&](const Row& r) -> uint64_t {
            return compare.holds(Value(r[0], type), Value(r[1], type)) ? 1 : 0;
          });
    }
  }
  ExpectRows({"setp.lt.and.s32 %d, %a, %b, !%c;", "pred", {"s32", "s32", "pred"}},
             Samples({"s32", "s32", "pred"}, 600), [](const Row& r) -> uint64_t {
               return Value(r[0], "s32") < Value(r[1], "s32") && r[2] == 0 ? 1 : 0;
             });
  ExpectRows(
      {"{ .reg .pred %q; setp.gt.or.u32 %q|%d, %a, %b, %c; }", "pred", {"u32", "u32", "pred"}},
      Samples({"u32", "u32", "pred"}, 600),
      [](const Row& r) -> uint64_t { return !(r[0] > r[1]) || r[2] != 0 ? 1 : 0; });
  ExpectRows({"set.lt.u32.s32 %d, %a, %b;", "u32", {"s32", "s32"}}, Samples({"s32", "s32"}, 300),
             [](const Row& r) -> uint64_t {
               return Value(r[0], "s32") < Value(r[1], "s32") ? 0xffffffff : 0;
             });
  ExpectRows({"set.ge.f32.s32 %d, %a, %b;", "f32", {"s32", "s32"}}, Samples({"s32", "s32"}, 300),
             [](const Row& r) -> uint64_t {
               return Value(r[0], "s32") >= Value(r[1], "s32") ? 0x3f800000 : 0;
             });
}

TEST(Bits, MasksExtensionsAndNthSetBits) {
  ExpectRows({"bmsk.clamp.b32 %d, %a, %b;", "b32", {"u32", "u32"}}, Samples({"u32", "u32"}, 500),
             [](const Row& r) {
               uint64_t d = 0;
               for (uint64_t i = 0; i < 32; ++i) {
                 if (i >= r[0] && i - r[0] < r[1]) d |= uint64_t{1} << i;
               }
               return d;
             });
  ExpectRows({"szext.clamp.s32 %d, %a, %b;", "s32", {"s32", "u32"}}, Samples({"s32", "u32"}, 500),
             [](const Row& r) -> uint64_t {
               if (r[1] >= 32) return r[0];
               if (r[1] == 0) return 0;
               return Cut(Sign(r[0], static_cast<int>(r[1])), 32);
             });
  ExpectRows({"fns.b32 %d, %a, %b, %c;", "b32", {"b32", "b32", "s32"}},
             {{0xffffffff, 0x10101010, 0x10101010, 0x80000001, 0, 0xf0, 0xf0},
              {0, 4, 4, 31, 3, 5, 4},
              {1, 2, 0, static_cast<uint32_t>(-2), 1, 0, static_cast<uint32_t>(-1)}},
             [](const Row& r) -> uint64_t {
               const int64_t offset = Sign(r[2], 32);
               int64_t left = offset < 0 ? -offset : offset;
               if (left == 0) return (r[0] >> r[1]) & 1 ? r[1] : 0xffffffff;
               for (int64_t pos = static_cast<int64_t>(r[1]); pos >= 0 && pos < 32;
                    pos += offset < 0 ? -1 : 1) {
                 if (((r[0] >> pos) & 1) && --left == 0) return static_cast<uint64_t>(pos);
               }
               return 0xffffffff;
             });
}

TEST(Bits, VectorsOfUntypedAndFloatRegistersKeepTheirBits) {
  ExpectRows(
      {"{ .local .align 8 .b8 m[8]; .reg .f32 f; mov.b32 f, %a; st.local.v2.u32 [m], {f, %b}; "
       "ld.local.v2.s32 {%a, f}, [m]; mov.b64 %d, {f, %a}; }",
       "b64",
       {"b32", "b32"}},
      Samples({"b32", "b32"}, 100), [](const Row& r) { return r[0] << 32 | r[1]; });
}

TEST(Bits, MovesPackAndUnpack) {
  ExpectRows({"mov.b64 %d, {%a, %b};", "b64", {"b32", "b32"}}, Samples({"b32", "b32"}, 100),
             [](const Row& r) { return r[1] << 32 | r[0]; });
  ExpectRows({"mov.b32 %d, {%a, %b};", "b32", {"b16", "b16"}}, Samples({"b16", "b16"}, 100),
             [](const Row& r) { return r[1] << 16 | r[0]; });
  ExpectRows({"mov.b64 {_, %d}, %a;", "b32", {"b64"}}, Samples({"b64"}, 100),
             [](const Row& r) { return r[0] >> 32; });
  ExpectRows({"{ .reg .b16 %x<4>; mov.b64 {%x0, %x1, %x2, %x3}, %a; mov.b64 %d, {%x3, %x2, %x1, "
              "%x0}; }",
              "b64",
              {"b64"}},
             Samples({"b64"}, 100), [](const Row& r) {
               return (r[0] & 0xffff) << 48 | (r[0] & 0xffff0000) << 16 |
                      ((r[0] >> 16) & 0xffff0000) | r[0] >> 48;
             });
  ExpectRows({"{ .reg .v2 .u32 v; mov.b64 v, %a; mov.b64 %d, {v.y, v.x}; mov.b64 v, %d; "
              "mov.b64 %d, v; }",
              "b64",
              {"b64"}},
             Samples({"b64"}, 100), [](const Row& r) { return r[0] << 32 | r[0] >> 32; });
}

// ISA 4.5.2: a 0d constant is 64 bits, which an untyped operand takes as they are.
TEST(Bits, DoubleConstantsKeepTheirBitsInUntypedOperands) {
  ExpectRows({"xor.b64 %d, %a, 0dDC8F587D4014ED30;", "b64", {"b64"}}, Samples({"b64"}, 50),
             [](const Row& r) { return r[0] ^ 0xdc8f587d4014ed30; });
  ExpectRows({"{ .local .b64 m; st.local.b64 [m], 0d36FAE5D3102B186E; ld.local.b64 %d, [m]; }",
              "b64",
              {"b64"}},
             Samples({"b64"}, 50), [](const Row&) { return uint64_t{0x36fae5d3102b186e}; });
  ExpectRows({"{ .reg .pred %q; setp.eq.b64 %q, %a, 0d3FF0000000000000; selp.b64 %d, 1, 0, %q; }",
              "b64",
              {"b64"}},
             {{0x3ff0000000000000, 0x3f800000}},
             [](const Row& r) { return uint64_t{r[0] == 0x3ff0000000000000}; });
}

}  // namespace
}  // namespace souk::gpu::cpu_test
