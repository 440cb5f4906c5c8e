// Random programs of integer operations on the bits of NaNs, held against plain runs with many
// NaNs: what differs among these must be found.
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <iostream>
#include <random>

#include "sanitized.h"
#include "unit/gpu/cpu/checking_support.h"

namespace souk::gpu::cpu_test {
namespace {

// Registers %r1 to %r8, %l2 to %l5 and %p1 to %p4, of which the first hold NaNs, and one of which
// is stored.
class ProgramOfBits {
 public:
  explicit ProgramOfBits(uint32_t seed) : random_(seed) {
    const uint32_t steps = 1 + Random(8);
    for (uint32_t i = 0; i < steps; ++i) Step();
    switch (Random(6)) {
      case 0:
        text_ += "st.global.u32 [%l1], " + Word() + ";";
        break;
      case 1:
        text_ += "st.global.u64 [%l1], " + Long() + ";";
        break;
      default:
        text_ +=
            "selp.u32 %r9, 1, 2, " + Pick("%p", predicates_, 1) + "; st.global.u32 [%l1], %r9;";
        break;
    }
  }

  // made: by the kernel; else each lane reads its own.
  std::string Text(bool made) const {
    return ".visible .entry k(.param .u64 p, .param .u64 q) { .reg .pred %p<9>; .reg .b32 %r<10>; "
           ".reg .b64 %l<9>; .reg .f32 %f<3>; .reg .f64 %d<3>; .reg .b16 %h<4>; ld.param.u64 %l6, "
           "[p]; ld.param.u64 %l1, [q]; mov.u32 %r0, %tid.x; mul.wide.u32 %l0, %r0, 16; add.s64 "
           "%l6, %l6, %l0; mul.wide.u32 %l0, %r0, 8; add.s64 %l1, %l1, %l0;\n" +
           std::string(made ? "mov.f32 %f1, 0f7F800000; sub.f32 %f0, %f1, %f1; mov.b32 %r1, %f0; "
                              "mov.f64 %d1, 0d7FF0000000000000; sub.f64 %d0, %d1, %d1; mov.b64 "
                              "%l2, %d0;\n"
                            : "ld.global.u32 %r1, [%l6]; ld.global.u64 %l2, [%l6+8];\n") +
           "setp.lt.s32 %p1, %r1, 0;\n" + text_ + "\nret; }";
  }

 private:
  uint32_t Random(uint32_t n) { return static_cast<uint32_t>(random_() % n); }
  std::string Pick(const char* name, uint32_t count, uint32_t first) {
    return name + std::to_string(first + Random(count));
  }
  std::string Word() { return Pick("%r", words_, 1); }
  std::string Long() { return Pick("%l", longs_, 2); }
  std::string NewWord() {
    words_ = std::min(words_ + 1, 8u);
    return "%r" + std::to_string(words_);
  }
  std::string NewLong() {
    longs_ = std::min(longs_ + 1, 4u);
    return "%l" + std::to_string(longs_ + 1);
  }
  std::string NewPredicate() {
    predicates_ = std::min(predicates_ + 1, 4u);
    return "%p" + std::to_string(predicates_);
  }

  std::string Constant() {
    constexpr std::array<uint32_t, 18> kPatterns = {
        0,          1,          8,          20,         23,         31,
        255,        0x7fffffff, 0x80000000, 0xffffffff, 0x7f800000, 0x7fc00000,
        0x7ff00000, 0x7ff80000, 0x00400000, 0x003fffff, 0x007fffff, 0xff000000};
    const uint32_t value = Random(4) == 0
                               ? static_cast<uint32_t>(random_())
                               : kPatterns[Random(static_cast<uint32_t>(kPatterns.size()))];
    return std::to_string(value);
  }
  std::string LongConstant() {
    constexpr std::array<const char*, 8> kLongs = {"0x7ff0000000000000",
                                                   "0x7ff8000000000000",
                                                   "0x7fffffffffffffff",
                                                   "0x8000000000000000",
                                                   "0x000fffffffffffff",
                                                   "0xffffffff",
                                                   "0",
                                                   "1"};
    return kLongs[Random(8)];
  }
  std::string WordOrConstant() { return Random(2) == 0 ? Word() : Constant(); }
  std::string LongOrConstant() { return Random(2) == 0 ? Long() : LongConstant(); }
  std::string Amount() { return std::to_string(Random(36)); }

  void Step() {
    const auto is_wide = Random(3) == 0;
    const std::string bits = is_wide ? "b64" : "b32";
    const std::string number = std::string(Random(2) == 0 ? "u" : "s") + (is_wide ? "64" : "32");
    const auto one = [&] { return is_wide ? Long() : Word(); };
    const auto other = [&] { return is_wide ? LongOrConstant() : WordOrConstant(); };
    const std::string a = one();
    const std::string b = other();
    const std::string p = Pick("%p", predicates_, 1);
    const auto to = [&] { return is_wide ? NewLong() : NewWord(); };
    const auto emit = [&](const std::string& text) { text_ += text + ";\n"; };
    switch (Random(21)) {
      case 20:
        return emit((Random(2) == 0 ? "min." : "max.") + number + " " + to() + ", " + a + ", " + b);
      case 0:
        return emit("and." + bits + " " + to() + ", " + a + ", " + b);
      case 1:
        return emit("or." + bits + " " + to() + ", " + a + ", " + b);
      case 2:
        return emit("xor." + bits + " " + to() + ", " + a + ", " + b);
      case 3:
        return emit("not." + bits + " " + to() + ", " + a);
      case 4:
        return emit("shl." + bits + " " + to() + ", " + a + ", " + Amount());
      case 5:
        return emit("shr." + number + " " + to() + ", " + a + ", " + Amount());
      case 6:
        return emit("add." + number + " " + to() + ", " + a + ", " + b);
      case 7:
        return emit("sub." + number + " " + to() + ", " + a + ", " + b);
      case 8:
        return emit("bfe." + number + " " + to() + ", " + a + ", " + Amount() + ", " + Amount());
      case 9:
        return emit("bfi." + bits + " " + to() + ", " + a + ", " + b + ", " + Amount() + ", " +
                    Amount());
      case 10: {
        const std::string low = Word();
        const std::string high = Word();
        return emit("mov.b64 " + NewLong() + ", {" + low + ", " + high + "}");
      }
      case 11: {
        const std::string whole = Long();
        const std::string low = NewWord();
        return emit("mov.b64 {" + low + ", " + NewWord() + "}, " + whole);
      }
      case 12: {
        const std::string from = Word();
        emit("mov.b32 {%h1, %h2}, " + from);
        return emit("mov.b32 " + NewWord() + (Random(2) == 0 ? ", {%h2, %h1}" : ", {%h2, %h2}"));
      }
      case 13: {
        const std::string from = Word();
        return emit("cvt." + std::string(Random(2) == 0 ? "u64.u32 " : "s64.s32 ") + NewLong() +
                    ", " + from);
      }
      case 14: {
        constexpr std::array<const char*, 5> kTypes = {"u32.u64", "s32.s64", "s32.s8", "u32.u16",
                                                       "s32.s16"};
        const uint32_t type = Random(5);
        const std::string from = type < 2 ? Long() : Word();
        return emit(std::string("cvt.") + kTypes[type] + " " + NewWord() + ", " + from);
      }
      case 15: {
        const std::string x = Word();
        const std::string y = WordOrConstant();
        constexpr std::array<const char*, 5> kShapes = {"0x7610", "0x3210", "0x5432", "0x0123",
                                                        "0xb3a9"};
        return emit("prmt.b32 " + NewWord() + ", " + x + ", " + y + ", " + kShapes[Random(5)]);
      }
      case 16: {
        const std::string x = Word();
        const std::string y = WordOrConstant();
        const std::string z = WordOrConstant();
        const std::string d = NewWord();
        if (Random(2) == 0) {
          return emit("lop3.b32 " + d + ", " + x + ", " + y + ", " + z + ", " +
                      std::to_string(Random(256)));
        }
        return emit("shf." + std::string(Random(2) == 0 ? "l" : "r") + ".wrap.b32 " + d + ", " + x +
                    ", " + y + ", " + Amount());
      }
      case 17: {
        const std::string x = Word();
        const std::string y = WordOrConstant();
        const std::string z = Word();
        const std::string d = NewWord();
        if (Random(2) == 0) return emit("selp.b32 " + d + ", " + x + ", " + y + ", " + p);
        return emit("slct.b32." + std::string(Random(2) == 0 ? "s32 " : "f32 ") + d + ", " + x +
                    ", " + y + ", " + z);
      }
      default: {
        constexpr std::array<const char*, 6> kCompares = {"eq", "ne", "lt", "le", "gt", "ge"};
        constexpr std::array<const char*, 6> kFloats = {"nan", "num", "ltu", "neu", "eq", "gt"};
        if (Random(4) == 0) {
          const std::string c = one();
          return emit(std::string("setp.") + kFloats[Random(6)] + (is_wide ? ".f64 " : ".f32 ") +
                      NewPredicate() + ", " + a + ", " + c);
        }
        return emit(std::string("setp.") + kCompares[Random(6)] + "." + number + " " +
                    NewPredicate() + ", " + a + ", " + b);
      }
    }
  }

  std::mt19937 random_;
  uint32_t words_ = 1;
  uint32_t longs_ = 1;
  uint32_t predicates_ = 1;
  std::string text_ = {};
};

// A quiet NaN for every lane, of both sizes.
Bytes QuietNans(uint32_t seed) {
  std::mt19937_64 random(seed);
  Bytes bytes(32 * 16);
  for (size_t lane = 0; lane < 32; ++lane) {
    uint32_t single = static_cast<uint32_t>(random()) | 0x7fc00000;
    uint64_t wide = random() | 0x7ff8000000000000;
    const uint32_t end = static_cast<uint32_t>(lane) / 2;
    const bool negative = lane % 2 != 0;
    if (end == 0) single = negative ? 0xffc00000 : 0x7fc00000;
    if (end == 1) single = negative ? 0xffffffff : 0x7fffffff;
    if (end == 0 || end == 2) wide = negative ? 0xfff8000000000000 : 0x7ff8000000000000;
    if (end == 1 || end == 3) wide = negative ? UINT64_MAX : 0x7fffffffffffffff;
    std::memcpy(bytes.data() + lane * 16, &single, sizeof(single));
    std::memcpy(bytes.data() + lane * 16 + 8, &wide, sizeof(wide));
  }
  return bytes;
}

TEST(CheckingBits, WhatDiffersAmongNansIsFound) {
  const char* const asked = std::getenv("SOUK_CHECKED_KERNELS");
  const size_t count = asked != nullptr ? std::stoul(asked) : Thinned(1500);
  size_t open = 0;
  size_t clean = 0;
  size_t suspected = 0;
  for (uint32_t seed = 1; seed <= count; ++seed) {
    const ProgramOfBits program(seed);
    const Checked checked = CheckedRun{
        .text = WithHeader(program.Text(/*made=*/true)),
        .block = {32},
        .buffers = {Zeros(1),
                    Zeros(64)}}.Go();
    ASSERT_FALSE(checked.error) << checked.error->message << program.Text(true);
    const std::unique_ptr<Device> device = NewDevice(SimdLevel::kAvx512);
    const Result<std::vector<Bytes>> plain = CheckedRun{
        .text = WithHeader(program.Text(/*made=*/false)),
        .block = {32},
        .buffers = {QuietNans(seed), Zeros(64)}}.On(*device);
    ASSERT_TRUE(plain) << plain.error().message << program.Text(false);
    const Bytes& results = plain->at(1);
    bool differs = false;
    for (size_t i = 8; i < results.size(); ++i) differs |= results[i] != results[i - 8];
    ++(differs ? open : clean);
    if (differs) {
      ASSERT_FALSE(checked.report.clean()) << "seed " << seed << "\n" << program.Text(true);
    } else if (!checked.report.clean()) {
      ++suspected;
    }
  }
  std::cout << open << " with open results, all found; of " << clean << " without, " << suspected
            << " suspected\n";
  EXPECT_GT(open, count / 10);
  EXPECT_GT(clean, count / 20);
  EXPECT_LE(suspected * 4, clean);
}

}  // namespace
}  // namespace souk::gpu::cpu_test
