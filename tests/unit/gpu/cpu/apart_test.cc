// Which launches' blocks keep to places of their own (gpu/cpu/apart.h): kernels as compilers write
// them, kernels that only seem so, and random ones whose addresses are all counted out.
#include "gpu/cpu/apart.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <random>
#include <set>

#include "gpu/cpu/lower.h"
#include "sanitized.h"
#include "unit/gpu/cpu/run_ptx.h"

namespace souk::gpu::cpu_test {
namespace {

constexpr uint64_t kBufferBytes = 1 << 16;

// Buffers x and y, far apart, and two numbers. %r1 to %r3: tid.x + ctaid.x * ntid.x, and y and z;
// %rd1, %rd2: x and y; %r9, %r8: the numbers.
std::string ApartKernel(const std::string& body) {
  return WithHeader(
      ".visible .entry k(.param .u64 x, .param .u64 y, .param .u32 m, .param .u32 n)\n{\n"
      ".reg .b64 %rd<20>; .reg .b32 %r<40>; .reg .pred %p<9>;\n"
      "ld.param.u64 %rd1, [x]; ld.param.u64 %rd2, [y];\n"
      "ld.param.u32 %r9, [m]; ld.param.u32 %r8, [n];\n"
      "mov.u32 %r10, %ctaid.x; mov.u32 %r11, %ntid.x; mov.u32 %r12, %tid.x;\n"
      "mad.lo.s32 %r1, %r10, %r11, %r12;\n"
      "mov.u32 %r13, %ctaid.y; mov.u32 %r14, %ntid.y; mov.u32 %r15, %tid.y;\n"
      "mad.lo.s32 %r2, %r13, %r14, %r15;\n"
      "mov.u32 %r16, %ctaid.z; mov.u32 %r17, %ntid.z; mov.u32 %r18, %tid.z;\n"
      "mad.lo.s32 %r3, %r16, %r17, %r18;\n" +
      body + "\nret;\n}\n");
}

struct ApartLaunch {
  Dim3 grid = {8, 1, 1};
  Dim3 block = {32, 1, 1};
  uint32_t m = 0;
  uint32_t n = 0;
};

bool IsApart(const std::string& body, const ApartLaunch& launch) {
  Result<ptx::Module> parsed = ptx::Parse(ApartKernel(body));
  EXPECT_TRUE(parsed) << parsed.error().message << body;
  if (!parsed) return false;
  const Result<ptx::Module> module = ptx::Canonicalize(std::move(*parsed));
  EXPECT_TRUE(module) << module.error().message << body;
  if (!module) return false;
  const cpu::AddressOf nowhere = [](uint32_t, uint32_t) { return uint64_t{0}; };
  const auto program = cpu::Compile(*module, module->functions.front(), nowhere,
                                    cpu::Handlers(SimdLevel::kBaseline));
  EXPECT_TRUE(program) << program.error().message;
  if (!program || program->addresses == nullptr) return false;
  std::vector<cpu::Allocation> allocations(2);
  for (uint64_t i = 0; i < 2; ++i) {
    allocations[i].begin = cpu::kGlobalBase + 2 * i * kBufferBytes;
    allocations[i].end = allocations[i].begin + kBufferBytes;
  }
  cpu::Memory memory;
  memory.allocations = allocations.data();
  memory.allocation_count = allocations.size();
  cpu::LaunchShape shape;
  shape.grid = launch.grid;
  shape.block = launch.block;
  const Bytes params = Params()
                           .U64(allocations[0].begin)
                           .U64(allocations[1].begin)
                           .U32(launch.m)
                           .U32(launch.n)
                           .bytes();
  return cpu::AreBlocksApart(*program->addresses, shape, memory, params);
}

const char* const kStoreOwn = "mad.wide.u32 %rd3, %r1, 4, %rd2; st.global.u32 [%rd3], %r1;";

TEST(Apart, KernelsAsCompilersWriteThem) {
  const std::string row = "mad.lo.s32 %r4, %r2, %r9, %r1; ";
  EXPECT_TRUE(IsApart(kStoreOwn, {}));
  EXPECT_TRUE(IsApart(
      std::string("mad.wide.u32 %rd4, %r1, 4, %rd1; ld.global.u32 %r5, [%rd4];") + kStoreOwn, {}));
  // One word a block, by one thread or by all.
  const std::string block = "mul.wide.u32 %rd4, %r10, 4; add.s64 %rd5, %rd2, %rd4;";
  EXPECT_TRUE(
      IsApart("setp.ne.s32 %p1, %r12, 0; @%p1 ret; " + block + "st.global.u32 [%rd5], 1;", {}));
  EXPECT_TRUE(IsApart(block + "st.global.u32 [%rd5], %r12;", {}));
  // Rows and columns.
  const std::string matrix = row + "mul.wide.s32 %rd4, %r4, 4; add.s64 %rd5, %rd2, %rd4;";
  EXPECT_TRUE(IsApart(matrix + "st.global.u32 [%rd5], 1;", {{4, 8, 1}, {16, 4, 1}, 64, 0}));
  EXPECT_FALSE(IsApart(matrix + "st.global.u32 [%rd5], 1;", {{4, 8, 1}, {16, 4, 1}, 63, 0}))
      << "rows overlap";
  // The same with a guard, where the grid is larger than the matrix.
  const std::string guard =
      "setp.ge.s32 %p1, %r1, %r9; setp.ge.s32 %p2, %r2, %r8; or.pred %p3, %p1, %p2; @%p3 bra END;";
  EXPECT_TRUE(
      IsApart(guard + matrix + "st.global.u32 [%rd5], 1; END:", {{4, 8, 1}, {16, 4, 1}, 61, 30}));
  // The last rows would leave the buffer without it.
  EXPECT_TRUE(
      IsApart("setp.ge.u32 %p1, %r1, %r9; @%p1 bra END; shl.b32 %r4, %r1, 6;"
              "mad.wide.u32 %rd3, %r4, 4, %rd2; st.global.u32 [%rd3], %r1; END:",
              {{9, 1, 1}, {32, 1, 1}, 256, 0}));
  EXPECT_FALSE(
      IsApart("shl.b32 %r4, %r1, 6; mad.wide.u32 %rd3, %r4, 4, %rd2;"
              "st.global.u32 [%rd3], %r1;",
              {{9, 1, 1}, {32, 1, 1}, 256, 0}));
  // Elements of 16 bytes, and each of their words alone.
  EXPECT_TRUE(
      IsApart("mad.wide.u32 %rd3, %r1, 16, %rd2;"
              "st.global.v4.u32 [%rd3], {%r1, %r1, %r1, %r1};",
              {}));
  EXPECT_TRUE(
      IsApart("mad.wide.u32 %rd3, %r1, 16, %rd2; st.global.u32 [%rd3], %r1;"
              "st.global.u32 [%rd3+4], %r1; st.global.u32 [%rd3+12], %r1;",
              {}));
  // From the end on.
  EXPECT_TRUE(
      IsApart("sub.s32 %r4, %r9, %r1; mad.wide.s32 %rd3, %r4, 4, %rd2;"
              "st.global.u32 [%rd3], %r1;",
              {{8, 1, 1}, {32, 1, 1}, 255, 0}));
  // A five-point stencil, whose inner cells alone read their neighbours.
  EXPECT_TRUE(IsApart(
      "setp.eq.s32 %p1, %r1, 0; setp.eq.s32 %p2, %r2, 0; or.pred %p3, %p1, %p2;"
      "add.s32 %r20, %r9, -1; setp.ge.u32 %p4, %r1, %r20; or.pred %p5, %p3, %p4;"
      "add.s32 %r21, %r8, -1; setp.ge.u32 %p6, %r2, %r21; or.pred %p7, %p5, %p6;" +
          row +
          "@%p7 bra EDGE;"
          "sub.s32 %r22, %r4, %r9; mad.wide.u32 %rd4, %r22, 4, %rd1; ld.global.u32 %r23, [%rd4];"
          "add.s32 %r24, %r4, %r9; mad.wide.u32 %rd5, %r24, 4, %rd1; ld.global.u32 %r25, [%rd5];"
          "EDGE: mul.wide.s32 %rd6, %r4, 4; add.s64 %rd7, %rd2, %rd6; st.global.u32 [%rd7], %r4;",
      {{4, 8, 1}, {16, 4, 1}, 64, 32}));
}

TEST(Apart, KernelsThatOnlySeemSo) {
  // Each writes what it reads: run again it would come to something else.
  EXPECT_FALSE(
      IsApart("mad.wide.u32 %rd3, %r1, 4, %rd2; ld.global.u32 %r5, [%rd3];"
              "st.global.u32 [%rd3], %r5;",
              {}));
  EXPECT_FALSE(IsApart("mad.wide.u32 %rd3, %r1, 4, %rd2; atom.global.add.u32 %r5, [%rd3], 1;", {}));
  // All write one word; the second axis is left out; blocks overlap by a thread.
  EXPECT_FALSE(IsApart("st.global.u32 [%rd2], %r1;", {}));
  EXPECT_TRUE(IsApart("st.global.u32 [%rd2], %r1;", {{1, 1, 1}, {32, 1, 1}, 0, 0}));
  EXPECT_FALSE(IsApart(kStoreOwn, {{8, 2, 1}, {32, 1, 1}, 0, 0}));
  EXPECT_FALSE(
      IsApart("mad.lo.s32 %r4, %r10, 31, %r12; mad.wide.u32 %rd3, %r4, 4, %rd2;"
              "st.global.u32 [%rd3], %r1;",
              {}));
  // Neighbouring words, written as pairs.
  EXPECT_FALSE(
      IsApart("mad.wide.u32 %rd3, %r1, 4, %rd2; st.global.v2.u32 [%rd3], {%r1, %r1};", {}));
  EXPECT_FALSE(IsApart(std::string(kStoreOwn) + "st.global.u32 [%rd3+128], %r1;", {}));
  // From the second turn of a loop on the address is another one.
  EXPECT_FALSE(
      IsApart("mov.u32 %r4, %r1; L: mad.wide.u32 %rd3, %r4, 4, %rd2;"
              "st.global.u32 [%rd3], %r1; add.u32 %r4, %r4, 32; setp.lt.u32 %p1, %r4, 900;"
              "@%p1 bra L;",
              {}));
  // 32 bits wrap around: blocks 0 and 4 meet.
  EXPECT_FALSE(
      IsApart("shl.b32 %r4, %r10, 30; mad.wide.u32 %rd3, %r4, 1, %rd2;"
              "st.global.u32 [%rd3], %r1;",
              {}));
  // Beyond the buffer, in the other one for all that is known.
  EXPECT_FALSE(IsApart("mad.wide.u32 %rd3, %r1, 1024, %rd1; st.global.u32 [%rd3], %r1;", {}));
  // An address that memory holds.
  EXPECT_FALSE(IsApart("ld.global.u64 %rd4, [%rd1]; st.global.u32 [%rd4], 1;", {}));
  // The guard is of another value, or on another way.
  EXPECT_FALSE(
      IsApart("setp.ge.u32 %p1, %r12, 4; @%p1 bra SKIP; mov.u32 %r30, 1; SKIP:"
              "mad.wide.u32 %rd3, %r1, 1024, %rd2; st.global.u32 [%rd3], %r1;",
              {{2, 1, 1}, {64, 1, 1}, 0, 0}));
}

// ---- counted out ----

class Random {
 public:
  explicit Random(uint32_t seed) : source_(seed) {}
  uint32_t Below(size_t n) { return static_cast<uint32_t>(source_() % n); }

 private:
  std::mt19937 source_;
};

// A random address: sums of coordinates times small numbers, with guards now and then; as text, and
// as a function of the thread.
struct Coordinates6 {
  uint32_t t[3];
  uint32_t b[3];
};
class RandomAccess {
 public:
  RandomAccess(Random& random, uint32_t index) : index_(index) {
    const uint32_t axes = 1 + random.Below(3);
    for (uint32_t i = 0; i < axes; ++i) {
      const uint32_t factors[] = {1, 2, 3, 4, 7, 8, 16, 24, 32, 61, 64};
      factors_[random.Below(3)] = factors[random.Below(std::size(factors))];
    }
    if (random.Below(3) == 0) thread_only_ = random.Below(6);
    offset_ = random.Below(3) == 0 ? static_cast<int32_t>(random.Below(40)) - 20 : 0;
    words_ = random.Below(5) == 0 ? 2 : 1;
    store_ = random.Below(3) != 0;
    second_ = random.Below(3) != 0;
    for (Guard& guard : guards_) {
      if (random.Below(3) != 0) continue;
      guard.on = true;
      guard.axis = random.Below(3);
      guard.kind = random.Below(4);
      guard.n = random.Below(24);
    }
  }

  std::string Text() const {
    const std::string i = std::to_string(index_);
    std::string text;
    uint32_t p = 1;
    for (const Guard& guard : guards_) {
      if (!guard.on) continue;
      const char* const kinds[] = {"ge.u32", "gt.s32", "eq.s32", "lt.u32"};
      text += std::string("setp.") + kinds[guard.kind] + " %p" +
              std::to_string(p + 3 * (index_ % 2)) + ", %r" + std::to_string(1 + guard.axis) +
              ", " + std::to_string(guard.n) + "; @%p" + std::to_string(p + 3 * (index_ % 2)) +
              " bra SKIP" + i + ";\n";
      ++p;
    }
    const std::string sum = "%r" + std::to_string(20 + index_ * 4);
    // Registers that are written once: a sum for each axis.
    std::string last = std::to_string(offset_);
    for (uint32_t axis = 0; axis < 3; ++axis) {
      const std::string next = "%r" + std::to_string(20 + index_ * 4 + axis);
      std::string of = "%r" + std::to_string(1 + axis);
      if (thread_only_ == axis) of = "%r" + std::to_string(12 + 3 * axis);      // tid
      if (thread_only_ == 3 + axis) of = "%r" + std::to_string(10 + 3 * axis);  // ctaid
      text += "mad.lo.s32 " + next + ", " + of + ", " + std::to_string(factors_[axis]) + ", " +
              last + ";\n";
      last = next;
    }
    const std::string address = "%rd" + std::to_string(5 + index_);
    text += "mad.wide.s32 " + address + ", " + last + ", 4, " + (second_ ? "%rd2" : "%rd1") + ";\n";
    const std::string place = "[" + address + "+2048]";
    text += store_ ? (words_ == 2 ? "st.global.v2.u32 " + place + ", {%r1, %r2};"
                                  : "st.global.u32 " + place + ", %r1;")
                   : (words_ == 2 ? "ld.global.v2.u32 {%r38, %r39}, " + place + ";"
                                  : "ld.global.u32 %r38, " + place + ";");
    return text + "\nSKIP" + i + ":\n";
  }

  // The first word, where the thread makes the access; words of y come behind those of x.
  bool Word(const Coordinates6& c, const ApartLaunch& launch, int64_t* word) const {
    const uint32_t block[] = {launch.block.x, launch.block.y, launch.block.z};
    int64_t at = offset_ + 512;
    int64_t value[3];
    for (uint32_t axis = 0; axis < 3; ++axis) {
      value[axis] = int64_t{c.b[axis]} * block[axis] + c.t[axis];
      const int64_t of = thread_only_ == axis       ? c.t[axis]
                         : thread_only_ == 3 + axis ? c.b[axis]
                                                    : value[axis];
      at += of * factors_[axis];
    }
    for (const Guard& guard : guards_) {
      if (!guard.on) continue;
      const int64_t v = value[guard.axis];
      const int64_t n = guard.n;
      const bool skips[] = {v >= n, v > n, v == n, v < n};
      if (skips[guard.kind]) return false;
    }
    *word = at + (second_ ? int64_t{1} << 40 : 0);
    return true;
  }
  bool store() const { return store_; }
  uint32_t words() const { return words_; }

 private:
  struct Guard {
    bool on = false;
    uint32_t axis = 0;
    uint32_t kind = 0;
    uint32_t n = 0;
  };
  uint32_t index_;
  uint32_t factors_[3] = {};
  uint32_t thread_only_ = 9;
  int32_t offset_ = 0;
  uint32_t words_ = 1;
  bool store_ = true;
  bool second_ = true;
  Guard guards_[2] = {};
};

bool MeetsAnywhere(const std::vector<RandomAccess>& accesses, const ApartLaunch& launch) {
  std::map<int64_t, std::set<uint32_t>> writers, readers;
  uint32_t number = 0;
  Coordinates6 c{};
  const Dim3& g = launch.grid;
  const Dim3& b = launch.block;
  for (c.b[2] = 0; c.b[2] < g.z; ++c.b[2]) {
    for (c.b[1] = 0; c.b[1] < g.y; ++c.b[1]) {
      for (c.b[0] = 0; c.b[0] < g.x; ++c.b[0], ++number) {
        for (c.t[2] = 0; c.t[2] < b.z; ++c.t[2]) {
          for (c.t[1] = 0; c.t[1] < b.y; ++c.t[1]) {
            for (c.t[0] = 0; c.t[0] < b.x; ++c.t[0]) {
              for (const RandomAccess& access : accesses) {
                int64_t word = 0;
                if (!access.Word(c, launch, &word)) continue;
                for (uint32_t w = 0; w < access.words(); ++w) {
                  (access.store() ? writers : readers)[word + w].insert(number);
                }
              }
            }
          }
        }
      }
    }
  }
  for (const auto& [word, blocks] : writers) {
    if (blocks.size() > 1 || readers.contains(word)) return true;
  }
  return false;
}

TEST(Apart, WhatIsSaidToBeApartIsApart) {
  const char* const many = std::getenv("SOUK_APART_KERNELS");
  const uint32_t kernels = many != nullptr ? static_cast<uint32_t>(std::atoi(many))
                           : kSanitized    ? 300
                                           : 6000;
  uint32_t apart = 0;
  for (uint32_t seed = 1; seed <= kernels; ++seed) {
    Random random(seed);
    std::vector<RandomAccess> accesses;
    std::string body;
    const uint32_t count = 1 + random.Below(3);
    for (uint32_t i = 0; i < count; ++i) {
      accesses.emplace_back(random, i);
      body += accesses.back().Text();
    }
    const uint32_t extents[] = {1, 1, 2, 3, 4, 8};
    const auto extent = [&] { return extents[random.Below(std::size(extents))]; };
    ApartLaunch launch;
    launch.grid = {extent(), extent(), random.Below(3) == 0 ? 2u : 1u};
    launch.block = {extent(), extent(), random.Below(3) == 0 ? 2u : 1u};
    const bool meets = MeetsAnywhere(accesses, launch);
    if (IsApart(body, launch)) {
      ++apart;
      ASSERT_FALSE(meets) << "seed " << seed << "\n" << body;
    }
  }
  EXPECT_GT(apart, kernels / 8);
}

}  // namespace
}  // namespace souk::gpu::cpu_test
