// Arithmetic that traps, or is undefined, in the language that the device is written in: here it
// has a result. Where PTX ISA leaves one open ("Division by zero yields an unspecified,
// machine-specific value") it is that of NVIDIA's hardware.
#include "hostile/hostile_set.h"

namespace souk::gpu::hostile {
namespace {

// `code` leaves its result in %r9.
Case Gives(const std::string& name, const std::string& code, uint32_t result) {
  return {.name = "arithmetic-" + name,
          .make = [=] { return JobOf(Kernel{.body = code + " st.global.u32 [%rd0], %r9;"}); },
          .words = {result}};
}
// Of a 64-bit result in %rd1, both halves.
Case Gives64(const std::string& name, const std::string& code, uint64_t result) {
  return {.name = "arithmetic-" + name,
          .make = [=] { return JobOf(Kernel{.body = code + " st.global.u64 [%rd0], %rd1;"}); },
          .words = {static_cast<uint32_t>(result), static_cast<uint32_t>(result >> 32)}};
}

constexpr uint32_t kOnes = 0xffffffff;
constexpr uint32_t kLeast = 0x80000000;

void AddDivisions(std::vector<Case>& out) {
  // Operands from registers, or the compiler of a driver would fold them.
  const std::string zero = "mov.u32 %r1, 7; sub.s32 %r2, %r0, %r0; ";
  const std::string least = "mov.u32 %r1, 0x80000000; mov.u32 %r2, -1; ";
  const std::string zero64 = "mov.u64 %rd2, 7; sub.s64 %rd3, %rd0, %rd0; ";
  const std::string least64 = "mov.u64 %rd2, 0x8000000000000000; mov.u64 %rd3, -1; ";
  out.push_back(Gives("divide-u32-by-zero", zero + "div.u32 %r9, %r1, %r2;", kOnes));
  out.push_back(Gives("divide-s32-by-zero", zero + "div.s32 %r9, %r1, %r2;", kOnes));
  out.push_back(Gives("remainder-u32-by-zero", zero + "rem.u32 %r9, %r1, %r2;", kOnes));
  out.push_back(Gives("remainder-s32-by-zero", zero + "rem.s32 %r9, %r1, %r2;", kOnes));
  out.push_back(Gives("divide-least-by-minus-one", least + "div.s32 %r9, %r1, %r2;", kLeast));
  out.push_back(Gives("remainder-least-by-minus-one", least + "rem.s32 %r9, %r1, %r2;", 0));
  out.push_back(Gives64("divide-u64-by-zero", zero64 + "div.u64 %rd1, %rd2, %rd3;", UINT64_MAX));
  out.push_back(Gives64("remainder-s64-by-zero", zero64 + "rem.s64 %rd1, %rd2, %rd3;", UINT64_MAX));
  out.push_back(Gives64("divide-least-64-by-minus-one", least64 + "div.s64 %rd1, %rd2, %rd3;",
                        uint64_t{1} << 63));
  out.push_back(
      Gives64("remainder-least-64-by-minus-one", least64 + "rem.s64 %rd1, %rd2, %rd3;", 0));
  out.push_back(Gives("divide-s16-least-by-minus-one",
                      "mov.u16 %h1, 0x8000; mov.u16 %h2, 0xffff; div.s16 %h3, %h1, %h2; "
                      "cvt.u32.u16 %r9, %h3;",
                      0x8000));
  out.push_back(Gives("divide-float-by-zero",
                      "mov.f32 %f1, 0f3F800000; mov.f32 %f2, 0f00000000; div.rn.f32 %f3, %f1, %f2; "
                      "mov.b32 %r9, %f3;",
                      0x7f800000));
  out.push_back(Gives("square-root-of-minus-one",
                      "mov.f32 %f1, 0fBF800000; sqrt.rn.f32 %f3, %f1; mov.b32 %r9, %f3;",
                      0x7fffffff));
}

void AddShiftsAndBits(std::vector<Case>& out) {
  const std::string all = "mov.u32 %r1, -1; mov.u32 %r2, -1; mov.u32 %r3, -1; ";
  out.push_back(Gives("shift-left-by-all-ones", all + "shl.b32 %r9, %r1, %r2;", 0));
  out.push_back(Gives("shift-right-by-all-ones", all + "shr.u32 %r9, %r1, %r2;", 0));
  out.push_back(Gives("shift-right-signed-by-all-ones",
                      "mov.u32 %r1, 0x80000000; mov.u32 %r2, -1; shr.s32 %r9, %r1, %r2;", kOnes));
  out.push_back(Gives64("shift-left-64-by-all-ones",
                        "mov.u64 %rd2, -1; mov.u32 %r2, -1; shl.b64 %rd1, %rd2, %r2;", 0));
  out.push_back(
      Gives("funnel-shift-clamps", all + "mov.u32 %r4, 5; shf.l.clamp.b32 %r9, %r4, %r1, %r2;", 5));
  out.push_back(Gives("funnel-shift-wraps",
                      all + "mov.u32 %r4, 0; shf.l.wrap.b32 %r9, %r1, %r4, %r2;", 0x7fffffff));
  out.push_back(Gives("extract-field-beyond", all + "bfe.u32 %r9, %r1, %r2, %r3;", 0));
  out.push_back(Gives("extract-signed-field-beyond", all + "bfe.s32 %r9, %r1, %r2, %r3;", kOnes));
  out.push_back(
      Gives("extract-field-of-no-bits", all + "mov.u32 %r3, 0; bfe.s32 %r9, %r1, %r2, %r3;", 0));
  out.push_back(
      Gives("insert-field-beyond", all + "mov.u32 %r4, 9; bfi.b32 %r9, %r1, %r4, %r2, %r3;", 9));
  out.push_back(Gives("permute-by-all-ones",
                      "mov.u32 %r1, 0x12345678; mov.u32 %r2, 0x80aabbcc; mov.u32 %r3, -1; prmt.b32 "
                      "%r9, %r1, %r2, %r3;",
                      kOnes));
  out.push_back(Gives("find-nth-from-beyond",
                      "mov.u32 %r1, -1; mov.u32 %r2, -1; fns.b32 %r9, %r1, %r2, 1;", kOnes));
  out.push_back(Gives(
      "find-nth-of-the-least-offset",
      "mov.u32 %r1, -1; mov.u32 %r2, 31; mov.u32 %r3, 0x80000000; fns.b32 %r9, %r1, %r2, %r3;",
      kOnes));
  out.push_back(Gives("find-leading-of-none", "mov.u32 %r1, 0; bfind.u32 %r9, %r1;", kOnes));
  out.push_back(
      Gives("absolute-of-the-least", "mov.u32 %r1, 0x80000000; abs.s32 %r9, %r1;", kLeast));
  out.push_back(
      Gives("negation-of-the-least", "mov.u32 %r1, 0x80000000; neg.s32 %r9, %r1;", kLeast));
  out.push_back(Gives("sum-wraps", "mov.u32 %r1, 0x7fffffff; add.s32 %r9, %r1, 1;", kLeast));
  out.push_back(
      Gives("product-wraps", "mov.u32 %r1, 0x80000000; mul.lo.s32 %r9, %r1, -1;", kLeast));
}

void AddConversions(std::vector<Case>& out) {
  out.push_back(Gives("convert-nan", "mov.f32 %f1, 0f7FC00000; cvt.rzi.s32.f32 %r9, %f1;", 0));
  out.push_back(
      Gives("convert-infinity", "mov.f32 %f1, 0f7F800000; cvt.rzi.s32.f32 %r9, %f1;", 0x7fffffff));
  out.push_back(Gives("convert-minus-infinity-to-unsigned",
                      "mov.f32 %f1, 0fFF800000; cvt.rzi.u32.f32 %r9, %f1;", 0));
  out.push_back(Gives64("convert-huge-to-s64",
                        "mov.f64 %fd1, 0d7FEFFFFFFFFFFFFF; cvt.rzi.s64.f64 %rd1, %fd1;",
                        uint64_t{INT64_MAX}));
  out.push_back(Gives(
      "convert-huge-to-float",
      "mov.f64 %fd1, 0d7FEFFFFFFFFFFFFF; cvt.rn.f32.f64 %f1, %fd1; mov.b32 %r9, %f1;", 0x7f800000));
}

}  // namespace

std::vector<Case> ArithmeticCases() {
  std::vector<Case> out;
  AddDivisions(out);
  AddShiftsAndBits(out);
  AddConversions(out);
  return out;
}

}  // namespace souk::gpu::hostile
