// What the device joins, moves or computes once a launch (gpu/cpu/fuse.cc, indexed.cc) comes to
// what the instructions say one after the other: random programs against a plain evaluation of each
// thread, and loads of an element's neighbours.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <functional>
#include <random>

#include "sanitized.h"
#include "unit/gpu/cpu/run_ptx.h"

namespace souk::gpu::cpu_test {
namespace {

using testing::HasSubstr;

constexpr uint32_t kFuseBlock = 48;  // a warp and a half
constexpr uint32_t kFuseBlocks = 3;
constexpr uint32_t kFuseThreads = kFuseBlock * kFuseBlocks;
constexpr uint32_t kScalar = 100;
constexpr int kRegisters = 24;
constexpr int kPredicates = 16;

// One thread's registers: %r0 is the thread in its block, %r1 the block, %r2 the parameter.
struct Thread {
  std::array<uint32_t, kRegisters> r = {};
  std::array<bool, kPredicates> p = {};
};

// One instruction, as text and as what it does; a branch skips `skips` of those behind it.
struct Line {
  std::string text = {};
  std::function<void(Thread&)> act = {};
  std::function<bool(const Thread&)> taken = {};
  bool exits = false;
  size_t skips = 0;
};

class Program {
 public:
  explicit Program(uint32_t seed) : random_(seed) {
    const size_t lines = 6 + Below(30);
    for (size_t i = 0; i < lines; ++i) Add();
    turns_ = Below(3) == 0 ? 3 : 1;
  }

  std::string Text() const {
    std::string text =
        ".visible .entry k(.param .u64 o, .param .u32 n)\n{\n.reg .b64 %rd<9>; .reg .b32 %r<" +
        std::to_string(kRegisters + 4) + ">; .reg .pred %p<" + std::to_string(kPredicates + 1) +
        ">;\nld.param.u64 %rd1, [o]; ld.param.u32 %r2, [n];\n"
        "mov.u32 %r0, %tid.x; mov.u32 %r1, %ctaid.x; mov.u32 %r24, 0;\nTURN:\n";
    for (size_t i = 0; i <= lines_.size(); ++i) {
      text += "L" + std::to_string(i) + ":\n";
      if (i == lines_.size()) break;
      text += lines_[i].text;
      if (lines_[i].skips != 0) text += " L" + std::to_string(Target(i)) + ";";
      text += "\n";
    }
    text += "add.u32 %r24, %r24, 1; setp.lt.u32 %p16, %r24, " + std::to_string(turns_) +
            "; @%p16 bra TURN;\nmov.u32 %r25, 0;\n";
    for (int i = 0; i < kRegisters; ++i) {
      text += "mad.lo.u32 %r25, %r25, 31, %r" + std::to_string(i) + ";\n";
    }
    for (int i = 0; i < kPredicates; ++i) {
      text += "@%p" + std::to_string(i) + " xor.b32 %r25, %r25, " + std::to_string(1 << i) + ";\n";
    }
    return text +
           "mad.lo.u32 %r26, %r1, 48, %r0; mad.wide.u32 %rd2, %r26, 4, %rd1;\n"
           "st.global.u32 [%rd2], %r25;\nret;\n}\n";
  }

  uint32_t Expected(uint32_t thread) const {
    Thread t;
    for (uint32_t turn = 0; turn < turns_; ++turn) {
      t.r[0] = thread % kFuseBlock;
      t.r[1] = thread / kFuseBlock;
      t.r[2] = kScalar;
      for (size_t i = 0; i < lines_.size();) {
        const Line& line = lines_[i];
        if (line.taken && line.taken(t)) {
          if (line.exits) return 0;
          i = Target(i);
          continue;
        }
        if (line.act) line.act(t);
        ++i;
      }
    }
    uint32_t sum = 0;
    for (const uint32_t r : t.r) sum = sum * 31 + r;
    for (int i = 0; i < kPredicates; ++i) {
      if (t.p[static_cast<size_t>(i)]) sum ^= uint32_t{1} << i;
    }
    return sum;
  }

 private:
  uint32_t Below(uint32_t n) { return static_cast<uint32_t>(random_() % n); }
  size_t Target(size_t i) const { return std::min(i + lines_[i].skips, lines_.size()); }

  // Few registers are written often; the others seldom more than once.
  size_t To() { return Below(2) == 0 ? 3 + Below(3) : 6 + Below(kRegisters - 6); }
  size_t From() { return Below(2) == 0 ? Below(6) : Below(kRegisters); }
  size_t Flag() { return Below(2) == 0 ? Below(3) : Below(kPredicates); }
  static std::string R(size_t i) { return "%r" + std::to_string(i); }
  static std::string P(size_t i) { return "%p" + std::to_string(i); }

  // With a guard, now and then.
  void Put(const std::string& text, const std::function<void(Thread&)>& act) {
    if (Below(8) != 0) {
      lines_.push_back(Line{text, act});
      return;
    }
    const size_t p = Flag();
    const bool turned = Below(2) == 0;
    lines_.push_back(Line{std::string("@") + (turned ? "!" : "") + P(p) + " " + text,
                          [act, p, turned](Thread& t) {
                            if (t.p[p] != turned) act(t);
                          }});
  }

  void Add() {
    const uint32_t kind = Below(10);
    if (kind < 3) return Compute();
    if (kind < 6) return Compare();
    if (kind < 8) return Combine();
    const size_t p = Flag();
    const bool turned = Below(2) == 0;
    const bool exits = Below(6) == 0;
    Line line{std::string("@") + (turned ? "!" : "") + P(p) + (exits ? " ret;" : " bra")};
    line.taken = [p, turned](const Thread& t) { return t.p[p] != turned; };
    line.exits = exits;
    line.skips = exits ? 0 : 1 + Below(6);
    lines_.push_back(line);
  }

  void Compute() {
    const size_t d = To(), a = From(), b = From();
    const uint32_t c = Below(200);
    const std::string to = R(d) + ", " + R(a) + ", ";
    switch (Below(5)) {
      case 0:
        return Put("add.u32 " + to + std::to_string(c) + ";",
                   [=](Thread& t) { t.r[d] = t.r[a] + c; });
      case 1:
        return Put("sub.u32 " + to + R(b) + ";", [=](Thread& t) { t.r[d] = t.r[a] - t.r[b]; });
      case 2:
        return Put("mad.lo.u32 " + to + R(b) + ", 3;",
                   [=](Thread& t) { t.r[d] = t.r[a] * t.r[b] + 3; });
      case 3:
        return Put("and.b32 " + to + "63;", [=](Thread& t) { t.r[d] = t.r[a] & 63; });
      default: {
        const size_t p = Flag();
        return Put("selp.b32 " + to + R(b) + ", " + P(p) + ";",
                   [=](Thread& t) { t.r[d] = t.p[p] ? t.r[a] : t.r[b]; });
      }
    }
  }

  void Compare() {
    const size_t d = Flag(), a = From(), b = From();
    const bool is_signed = Below(2) == 0;
    const uint32_t how = Below(6);
    const char* const names[] = {"eq", "ne", "lt", "le", "gt", "ge"};
    const auto holds = [=](const Thread& t) {
      const uint32_t flip = is_signed ? 0x80000000 : 0;
      const uint32_t x = t.r[a] ^ flip, y = t.r[b] ^ flip;
      const bool results[] = {x == y, x != y, x<y, x <= y, x> y, x >= y};
      return results[how];
    };
    const uint32_t joined = Below(4);  // .and, .or, .xor, none
    const char* const joins[] = {".and", ".or", ".xor", ""};
    const size_t c = Flag();
    const std::string text = std::string("setp.") + names[how] + joins[joined] +
                             (is_signed ? ".s32 " : ".u32 ") + P(d) + ", " + R(a) + ", " + R(b) +
                             (joined == 3 ? ";" : ", " + P(c) + ";");
    Put(text, [=](Thread& t) {
      const bool x = holds(t);
      t.p[d] = joined == 0   ? x && t.p[c]
               : joined == 1 ? x || t.p[c]
               : joined == 2 ? x != t.p[c]
                             : x;
    });
  }

  void Combine() {
    const size_t d = Flag(), a = Flag(), b = Flag();
    const std::string to = P(d) + ", " + P(a);
    switch (Below(4)) {
      case 0:
        return Put("and.pred " + to + ", " + P(b) + ";",
                   [=](Thread& t) { t.p[d] = t.p[a] && t.p[b]; });
      case 1:
        return Put("or.pred " + to + ", " + P(b) + ";",
                   [=](Thread& t) { t.p[d] = t.p[a] || t.p[b]; });
      case 2:
        return Put("xor.pred " + to + ", " + P(b) + ";",
                   [=](Thread& t) { t.p[d] = t.p[a] != t.p[b]; });
      default:
        return Put("not.pred " + to + ";", [=](Thread& t) { t.p[d] = !t.p[a]; });
    }
  }

  std::mt19937 random_;
  std::vector<Line> lines_ = {};
  uint32_t turns_ = 1;
};

TEST(Fuse, RandomProgramsComeToWhatTheirLinesSay) {
  const char* const many = std::getenv("SOUK_FUSE_PROGRAMS");
  const uint32_t programs = many != nullptr ? static_cast<uint32_t>(std::atoi(many))
                            : kSanitized    ? 100
                                            : 1500;
  const std::vector<SimdLevel> levels = Levels();
  for (uint32_t seed = 1; seed <= programs; ++seed) {
    const Program program(seed);
    PtxRun run;
    run.text = program.Text();
    run.block = {kFuseBlock, 1, 1};
    run.grid = {kFuseBlocks, 1, 1};
    run.buffers = {Bytes(size_t{kFuseThreads} * 4, 0)};
    run.scalars = {kScalar};
    run.level = levels[seed % levels.size()];
    const Result<LaunchStats> stats = run.Go();
    ASSERT_TRUE(stats) << "seed " << seed << ": " << stats.error().message << "\n" << run.text;
    const std::vector<uint32_t> found = FromBuffer<uint32_t>(run.buffers[0]);
    for (uint32_t t = 0; t < kFuseThreads; ++t) {
      ASSERT_EQ(found[t], program.Expected(t))
          << "seed " << seed << ", " << SimdLevelName(run.level) << ", thread " << t << "\n"
          << run.text;
    }
  }
}

// in[i + offset], as compilers write it. %r1: the thread, %r9: the parameter.
struct Neighbour {
  const char* code;  // of %r1, to %r5
  int64_t offset;    // with a parameter of 7
};
const Neighbour kNeighbours[] = {
    {"add.s32 %r5, %r1, 1;", 1},    {"add.s32 %r5, %r1, -1;", -1}, {"sub.s32 %r5, %r1, 3;", -3},
    {"add.s32 %r5, %r9, %r1;", 7},  {"add.u32 %r5, %r1, %r9;", 7}, {"sub.s32 %r5, %r1, %r9;", -7},
    {"sub.s32 %r5, %r9, %r1;", 99},  // no neighbour: the other way round
};

PtxRun NeighbourRun(const std::string& code, size_t bytes, bool is_signed, const char* guard,
                    size_t before) {
  const std::string scale = std::to_string(bytes);
  const std::string type = bytes == 4 ? "u32 %r6" : "u64 %rd6";
  PtxRun run;
  run.text =
      ".visible .entry k(.param .u64 o, .param .u64 i, .param .u32 n)\n{\n"
      ".reg .b64 %rd<9>; .reg .b32 %r<10>; .reg .pred %p<3>;\n"
      "ld.param.u64 %rd1, [o]; ld.param.u64 %rd2, [i]; ld.param.u32 %r9, [n];\n"
      "mov.u32 %r2, %ctaid.x; mov.u32 %r3, %tid.x; mad.lo.s32 %r1, %r2, 48, %r3;\n"
      "add.u32 %r1, %r1, 16; setp.ge.u32 %p1, %r1, 30; mov.u32 %r6, 5; mov.u64 %rd6, 5;\n" +
      code + "mul.wide." + (is_signed ? "s32" : "u32") + " %rd4, %r5, " + scale +
      "; add.s64 %rd5, %rd2, %rd4;\n" + guard + "ld.global." + type + ", [%rd5+" +
      std::to_string(before * bytes) + "];\nsub.u32 %r1, %r1, 16; mul.wide.u32 %rd7, %r1, " +
      scale + "; add.s64 %rd8, %rd1, %rd7; st.global." + (bytes == 4 ? "u32" : "u64") +
      " [%rd8], " + (bytes == 4 ? "%r6" : "%rd6") + "; ret;\n}\n";
  run.block = {kFuseBlock, 1, 1};
  run.grid = {kFuseBlocks, 1, 1};
  Bytes in((kFuseThreads + 160) * bytes);
  for (size_t i = 0; i < in.size(); ++i) in[i] = static_cast<uint8_t>(i * 41 + i / 256 + 3);
  run.buffers = {Bytes(kFuseThreads * bytes, 0), in};
  run.scalars = {7};
  return run;
}

TEST(Fuse, NeighboursOfAnElement) {
  for (const SimdLevel level : Levels()) {
    for (const Neighbour& neighbour : kNeighbours) {
      for (const size_t bytes : {size_t{4}, size_t{8}}) {
        for (const bool is_signed : {false, true}) {
          for (const char* guard : {"", "@%p1 "}) {
            // 144 elements before the buffer's pointer would be wild: the constant brings them
            // back.
            const bool turned = neighbour.offset == 99;
            if (turned && !is_signed) continue;
            const size_t before = turned ? 156 : 0;
            PtxRun run = NeighbourRun(neighbour.code, bytes, is_signed, guard, before);
            run.level = level;
            const Bytes in = run.buffers[1];
            const Result<LaunchStats> stats = run.Go();
            ASSERT_TRUE(stats) << neighbour.code << ": " << stats.error().message;
            for (uint32_t t = 0; t < kFuseThreads; ++t) {
              const int64_t i = t + 16;
              const int64_t at = turned ? 7 - i + 156 : i + neighbour.offset;
              uint64_t want = 0;
              std::memcpy(&want, in.data() + static_cast<size_t>(at) * bytes, bytes);
              if (*guard != 0 && i < 30) want = 5;
              uint64_t got = 0;
              std::memcpy(&got, run.buffers[0].data() + t * bytes, bytes);
              ASSERT_EQ(got, want) << neighbour.code << guard << bytes << " thread " << t;
            }
          }
        }
      }
    }
  }
}

// An unsigned index that wraps around is wild, a signed one reaches back.
TEST(Fuse, NeighboursBeforeTheFirstElement) {
  for (const SimdLevel level : Levels()) {
    PtxRun run = NeighbourRun("sub.s32 %r5, %r1, 17;", 4, /*is_signed=*/false, "", 1);
    run.level = level;
    const Result<LaunchStats> wild = run.Go();
    ASSERT_FALSE(wild);
    EXPECT_THAT(wild.error().message, HasSubstr("block (0,0,0), thread (0,0,0): load of 4 bytes"));
    run = NeighbourRun("sub.s32 %r5, %r1, 17;", 4, /*is_signed=*/true, "", 1);
    run.level = level;
    const Bytes in = run.buffers[1];
    ASSERT_TRUE(run.Go());
    EXPECT_EQ(run.buffers[0], Bytes(in.begin(), in.begin() + kFuseThreads * 4));
  }
}

}  // namespace
}  // namespace souk::gpu::cpu_test
