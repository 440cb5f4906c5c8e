// Which launches' blocks keep to places of their own (gpu/cpu/apart.h): kernels as compilers write
// them, kernels that only seem so, and random ones whose addresses are all counted out.
#include "gpu/cpu/apart.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <functional>
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

// Kernels in which each term or predicate stands twice in the next one: as many as there are ways
// through would never be looked at.
TEST(Apart, WhatIsSharedIsLookedAtOnce) {
  std::string sums = ".reg .b32 %q<61>; mov.u32 %q0, %r9;";
  std::string predicates = ".reg .pred %q<61>; setp.lt.u64 %q0, %rd1, %rd2;";
  for (int i = 1; i <= 60; ++i) {
    const std::string last = "%q" + std::to_string(i - 1);
    const std::string both = "%q" + std::to_string(i) + ", " + last + ", " + last + ";";
    sums += "add.u32 " + both;
    predicates += "and.pred " + both;
  }
  EXPECT_TRUE(IsApart(sums + "setp.ge.u32 %p1, %r1, %q60; @%p1 bra END;" + kStoreOwn + "END:", {}));
  EXPECT_TRUE(IsApart(predicates + "@%q60 bra NEXT; bra END; NEXT:" + kStoreOwn + "END:", {}));
}

// Each address is a sum on top of the one before: the stack must not follow them all down.
TEST(Apart, AddressesOfManyStepsAreNotFollowed) {
  const auto chain = [](int steps) {
    std::string body = ".reg .b64 %q<3001>; mov.u64 %q0, %rd1;";
    for (int i = 1; i <= steps; ++i) {
      const std::string next = "%q" + std::to_string(i);
      body += "add.s64 " + next + ", %q" + std::to_string(i - 1) + ", 4;";
      if (i % 50 == 0) body += "ld.global.u32 %r20, [" + next + "];";
    }
    return body + kStoreOwn;
  };
  EXPECT_TRUE(IsApart(chain(150), {}));
  EXPECT_FALSE(IsApart(chain(3000), {}));
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

uint32_t KernelCount() {
  const char* const many = std::getenv("SOUK_APART_KERNELS");
  if (many != nullptr) return static_cast<uint32_t>(std::atoi(many));
  return kSanitized ? 300 : 6000;
}

TEST(Apart, WhatIsSaidToBeApartIsApart) {
  const uint32_t kernels = KernelCount();
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

// ---- worked out step by step ----

// Programs of one write a register, now and then of two, with numbers that wrap around, signs, and
// guards of any kind, against what each thread does.
struct Stepped {
  std::array<uint32_t, 60> r = {};
  std::array<uint64_t, 20> wide = {};
  std::array<bool, 20> p = {};
};
struct Step {
  std::string text = {};
  std::function<void(Stepped&)> act = {};
  int guard = -1;  // the step is made, or the way goes on here, where the predicate is `holds`
  bool holds = true;
  bool exits = false;
  bool skips = false;  // to the next access's end
  bool ends = false;   // an access's end
  int access = -1;     // the wide register
  int64_t offset = 0;
  uint32_t bytes = 4;
  bool store = true;
};

class SteppedProgram {
 public:
  SteppedProgram(Random& random, const ApartLaunch& launch) : random_(random), launch_(launch) {
    const uint32_t accesses = 1 + random_.Below(2);
    for (uint32_t i = 0; i < accesses; ++i) AddAccess(i);
  }

  std::string Text() const {
    std::string text = ".reg .b32 %q<60>; .reg .b64 %w<20>; .reg .pred %g<20>;\n";
    for (const Step& step : steps_) {
      if (step.guard >= 0) {
        text +=
            std::string("@") + (step.holds ? "" : "!") + "%g" + std::to_string(step.guard) + " ";
      }
      text += step.text + "\n";
    }
    return text;
  }

  using Touch = std::function<void(uint64_t address, uint32_t bytes, bool store)>;
  void Run(const Coordinates6& c, const Touch& touch) const {
    Stepped t;
    const uint32_t block[] = {launch_.block.x, launch_.block.y, launch_.block.z};
    for (uint32_t axis = 0; axis < 3; ++axis) {
      t.r[axis] = c.b[axis] * block[axis] + c.t[axis];
      t.r[3 + axis] = c.t[axis];
      t.r[6 + axis] = c.b[axis];
    }
    t.r[9] = launch_.m;
    t.r[10] = launch_.n;
    t.wide[0] = cpu::kGlobalBase;
    t.wide[1] = cpu::kGlobalBase + 2 * kBufferBytes;
    bool skipping = false;
    for (const Step& step : steps_) {
      if (step.ends) skipping = false;
      if (skipping) continue;
      const bool goes = step.guard < 0 || t.p[static_cast<size_t>(step.guard)] == step.holds;
      if (!goes) continue;
      if (step.exits) return;
      skipping = step.skips;
      if (step.act) step.act(t);
      if (step.access >= 0) {
        touch(t.wide[static_cast<size_t>(step.access)] + static_cast<uint64_t>(step.offset),
              step.bytes, step.store);
      }
    }
  }

 private:
  static std::string R(size_t i) {
    const char* const first[] = {"%r1",  "%r2",  "%r3",  "%r12", "%r15", "%r18",
                                 "%r10", "%r13", "%r16", "%r9",  "%r8"};
    return i < std::size(first) ? first[i] : "%q" + std::to_string(i);
  }
  static std::string W(size_t i) {
    return i < 2 ? "%rd" + std::to_string(i + 1) : "%w" + std::to_string(i);
  }
  size_t From() { return random_.Below(3) == 0 ? random_.Below(next_) : random_.Below(9); }
  uint32_t Number() {
    const uint32_t numbers[] = {
        0,  1,   2,          3,          4,          8,          16,         31,         32,
        64, 100, 0xffffffff, 0xfffffffe, 0x80000000, 0x7fffffff, 0x40000000, 0xffffff00, launch_.m};
    return numbers[random_.Below(random_.Below(3) == 0 ? std::size(numbers) : 11)];
  }
  void Put(const std::string& text, const std::function<void(Stepped&)>& act) {
    steps_.push_back(Step{text, act});
  }

  // A new register, or one that was written before.
  size_t To() {
    if (next_ > 13 && random_.Below(25) == 0) return 11 + random_.Below(next_ - 11);
    return next_++;
  }
  size_t Compute() {
    const size_t a = From(), b = From();
    const uint32_t n = Number();
    const size_t d = To();
    const std::string to = R(d) + ", " + R(a) + ", ";
    const std::string number = std::to_string(static_cast<int32_t>(n));
    switch (random_.Below(7)) {
      case 0:
        Put("add.u32 " + to + R(b) + ";", [=](Stepped& t) { t.r[d] = t.r[a] + t.r[b]; });
        break;
      case 1:
        Put("sub.s32 " + to + R(b) + ";", [=](Stepped& t) { t.r[d] = t.r[a] - t.r[b]; });
        break;
      case 2:
        Put("mul.lo.s32 " + to + number + ";", [=](Stepped& t) { t.r[d] = t.r[a] * n; });
        break;
      case 3:
        Put("mad.lo.s32 " + to + number + ", " + R(b) + ";",
            [=](Stepped& t) { t.r[d] = t.r[a] * n + t.r[b]; });
        break;
      case 4: {
        const uint32_t by = random_.Below(8) == 0 ? random_.Below(40) : random_.Below(6);
        Put("shl.b32 " + to + std::to_string(by) + ";",
            [=](Stepped& t) { t.r[d] = by > 31 ? 0 : t.r[a] << by; });
        break;
      }
      case 5:
        Put("sub.s32 " + R(d) + ", " + number + ", " + R(a) + ";",
            [=](Stepped& t) { t.r[d] = n - t.r[a]; });
        break;
      default:
        Put("add.s32 " + to + number + ";", [=](Stepped& t) { t.r[d] = t.r[a] + n; });
        break;
    }
    return d;
  }
  int Compare(size_t about) {
    const int p = static_cast<int>(next_p_++);
    const auto d = static_cast<size_t>(p);
    const bool turned = random_.Below(4) == 0;
    const bool is_signed = random_.Below(2) == 0;
    const uint32_t how = random_.Below(6);
    const bool with_number = random_.Below(3) != 0;
    const size_t other = random_.Below(2) == 0 ? 9 + random_.Below(2) : From();
    const uint32_t n = Number();
    const char* const names[] = {"eq", "ne", "lt", "le", "gt", "ge"};
    const std::string right =
        with_number
            ? std::to_string(is_signed ? static_cast<int64_t>(static_cast<int32_t>(n)) : int64_t{n})
            : R(other);
    Put(std::string("setp.") + names[how] + (is_signed ? ".s32 %g" : ".u32 %g") +
            std::to_string(p) + ", " +
            (turned ? right + ", " + R(about) : R(about) + ", " + right) + ";",
        [=](Stepped& t) {
          const uint32_t flip = is_signed ? 0x80000000 : 0;
          uint32_t x = t.r[about] ^ flip;
          uint32_t y = (with_number ? n : t.r[other]) ^ flip;
          if (turned) std::swap(x, y);
          const bool results[] = {x == y, x != y, x<y, x <= y, x> y, x >= y};
          t.p[d] = results[how];
        });
    return p;
  }
  int Guard(size_t about) {
    const int a = Compare(about);
    if (random_.Below(3) != 0) return a;
    const int b = Compare(random_.Below(2) == 0 ? about : From());
    const int d = static_cast<int>(next_p_++);
    const bool both = random_.Below(2) == 0;
    Put(std::string(both ? "and" : "or") + ".pred %g" + std::to_string(d) + ", %g" +
            std::to_string(a) + ", %g" + std::to_string(b) + ";",
        [=](Stepped& t) {
          const bool x = t.p[static_cast<size_t>(a)], y = t.p[static_cast<size_t>(b)];
          t.p[static_cast<size_t>(d)] = both ? x && y : x || y;
        });
    return d;
  }

  void AddAccess(uint32_t index) {
    size_t at = From();
    const uint32_t steps = random_.Below(4);
    for (uint32_t i = 0; i < steps; ++i) at = Compute();
    const std::string end = "END" + std::to_string(index);
    Step access;
    const uint32_t guards = random_.Below(3);
    for (uint32_t i = 0; i < guards; ++i) {
      const int p = Guard(random_.Below(3) == 0 ? From() : at);
      const bool holds = random_.Below(2) == 0;
      const uint32_t kind = random_.Below(5);
      if (kind == 0) {
        access.guard = p;
        access.holds = holds;
      } else if (kind == 1) {
        steps_.push_back(Step{.text = "exit;", .guard = p, .holds = holds, .exits = true});
      } else {
        steps_.push_back(
            Step{.text = "bra " + end + ";", .guard = p, .holds = holds, .skips = true});
      }
      if (random_.Below(4) == 0) at = Compute();
    }
    const bool is_signed = random_.Below(2) == 0;
    const uint32_t factor = random_.Below(4) == 0 ? Number() : 4;
    const size_t buffer = random_.Below(3) == 0 ? 0 : 1;
    const auto d = static_cast<size_t>(next_wide_++);
    const int64_t number = is_signed ? int64_t{static_cast<int32_t>(factor)} : int64_t{factor};
    Put(std::string("mad.wide.") + (is_signed ? "s32 " : "u32 ") + W(d) + ", " + R(at) + ", " +
            std::to_string(number) + ", " + W(buffer) + ";",
        [=](Stepped& t) {
          const uint64_t x = is_signed
                                 ? static_cast<uint64_t>(int64_t{static_cast<int32_t>(t.r[at])})
                                 : uint64_t{t.r[at]};
          t.wide[d] = x * static_cast<uint64_t>(number) + t.wide[buffer];
        });
    access.access = static_cast<int>(d);
    access.store = random_.Below(4) != 0;
    access.offset = random_.Below(2) == 0 ? 0 : 4 * (int64_t{random_.Below(9000)} - 50);
    const bool pair = random_.Below(6) == 0;
    access.bytes = pair ? 8 : 4;
    const std::string place = "[" + W(d) + "+" + std::to_string(access.offset) + "]";
    access.text = access.store ? (pair ? "st.global.v2.u32 " + place + ", {%r1, %r2};"
                                       : "st.global.u32 " + place + ", %r1;")
                               : (pair ? "ld.global.v2.u32 {%r38, %r39}, " + place + ";"
                                       : "ld.global.u32 %r38, " + place + ";");
    steps_.push_back(access);
    steps_.push_back(Step{.text = end + ":", .ends = true});
  }

  Random& random_;
  const ApartLaunch& launch_;
  std::vector<Step> steps_ = {};
  size_t next_ = 11;
  size_t next_p_ = 0;
  size_t next_wide_ = 2;
};

// False: a place that one block writes is another's too, or is read, or lies in no buffer.
bool AreApart(const SteppedProgram& program, const ApartLaunch& launch) {
  std::map<uint64_t, std::pair<uint32_t, bool>> writers;  // of a byte: the block; whether more
  std::set<uint64_t> read;
  bool inside = true;
  uint32_t number = 0;
  Coordinates6 c{};
  for (c.b[2] = 0; c.b[2] < launch.grid.z; ++c.b[2]) {
    for (c.b[1] = 0; c.b[1] < launch.grid.y; ++c.b[1]) {
      for (c.b[0] = 0; c.b[0] < launch.grid.x; ++c.b[0], ++number) {
        for (c.t[2] = 0; c.t[2] < launch.block.z; ++c.t[2]) {
          for (c.t[1] = 0; c.t[1] < launch.block.y; ++c.t[1]) {
            for (c.t[0] = 0; c.t[0] < launch.block.x; ++c.t[0]) {
              program.Run(c, [&](uint64_t address, uint32_t bytes, bool store) {
                const uint64_t at = address - cpu::kGlobalBase;
                inside = inside && at / kBufferBytes % 2 == 0 && at < 3 * kBufferBytes &&
                         at % kBufferBytes + bytes <= kBufferBytes;
                for (uint64_t i = address; i < address + bytes; ++i) {
                  if (!store) read.insert(i);
                  if (!store) continue;
                  const auto [entry, is_new] = writers.try_emplace(i, number, false);
                  if (!is_new && entry->second.first != number) entry->second.second = true;
                }
              });
            }
          }
        }
      }
    }
  }
  for (const auto& [at, writer] : writers) {
    if (writer.second || read.contains(at)) return false;
  }
  return inside;
}

TEST(Apart, WhatIsSaidToBeApartIsApartStepByStep) {
  const uint32_t kernels = KernelCount();
  uint32_t apart = 0;
  for (uint32_t seed = 1; seed <= kernels; ++seed) {
    Random random(seed);
    const uint32_t extents[] = {1, 1, 2, 3, 4, 8};
    const auto extent = [&] { return extents[random.Below(std::size(extents))]; };
    ApartLaunch launch;
    launch.grid = {extent(), random.Below(2) == 0 ? extent() : 1, 1};
    launch.block = {extent(), random.Below(2) == 0 ? extent() : 1, 1};
    const uint32_t numbers[] = {0, 1, 5, 12, 64, 0x80000000, 0xffffffff, 0x7fffffff};
    launch.m = numbers[random.Below(std::size(numbers))];
    launch.n = numbers[random.Below(std::size(numbers))];
    const SteppedProgram program(random, launch);
    const std::string body = program.Text();
    if (!IsApart(body, launch)) continue;
    ++apart;
    ASSERT_TRUE(AreApart(program, launch)) << "seed " << seed << "\n" << body;
  }
  EXPECT_GT(apart, kernels / 30);
}

}  // namespace
}  // namespace souk::gpu::cpu_test
