// Accesses of [base + i * scale], which the device runs on their indices (gpu/cpu/indexed.cc): the
// same values, faults and order as address arithmetic in 64 bits gives.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "unit/gpu/cpu/run_ptx.h"

namespace souk::gpu::cpu_test {
namespace {

using testing::HasSubstr;

// Parameters: out (u64), in (u64), n (u32); %r1 is the thread in the grid.
std::string ArrayKernel(const std::string& body) {
  return ".visible .entry k(.param .u64 o, .param .u64 i, .param .u32 n)\n{\n"
         ".reg .b64 %rd<30>; .reg .b32 %r<30>; .reg .b16 %h<8>; .reg .pred %p<8>; .reg .f64 "
         "%f<4>;\n"
         "ld.param.u64 %rd1, [o]; ld.param.u64 %rd2, [i]; ld.param.u32 %r9, [n];\n"
         "cvta.to.global.u64 %rd1, %rd1; cvta.to.global.u64 %rd2, %rd2;\n"
         "mov.u32 %r2, %ctaid.x; mov.u32 %r3, %ntid.x; mov.u32 %r4, %tid.x;\n"
         "mad.lo.s32 %r1, %r2, %r3, %r4;\n" +
         body + "\nret;\n}\n";
}

// %rd1 and %rd2 are written twice above; a compiler's text has one register each.
std::string Once(const std::string& body) {
  return ".visible .entry k(.param .u64 o, .param .u64 i, .param .u32 n)\n{\n"
         ".reg .b64 %rd<30>; .reg .b32 %r<30>; .reg .b16 %h<8>; .reg .pred %p<8>; .reg .f64 "
         "%f<4>;\n"
         "ld.param.u64 %rd28, [o]; ld.param.u64 %rd29, [i]; ld.param.u32 %r9, [n];\n"
         "cvta.to.global.u64 %rd1, %rd28; cvta.to.global.u64 %rd2, %rd29;\n"
         "mov.u32 %r2, %ctaid.x; mov.u32 %r3, %ntid.x; mov.u32 %r4, %tid.x;\n"
         "mad.lo.s32 %r1, %r2, %r3, %r4;\n" +
         body + "\nret;\n}\n";
}

constexpr uint32_t kThreads = 96;

PtxRun RunOf(const std::string& text, size_t in_bytes, size_t out_bytes) {
  PtxRun run;
  run.text = text;
  run.block = {48, 1, 1};
  run.grid = {kThreads / 48, 1, 1};
  Bytes in(in_bytes);
  for (size_t i = 0; i < in.size(); ++i) in[i] = static_cast<uint8_t>(i * 37 + i / 256 + 5);
  run.buffers = {Bytes(out_bytes, 0), in};
  run.scalars = {kThreads};
  return run;
}

uint64_t Element(const Bytes& bytes, size_t at, size_t size) {
  uint64_t value = 0;
  std::memcpy(&value, bytes.data() + at, size);
  return value;
}

// How the index becomes an address: each way that compilers write it.
struct Form {
  const char* name;
  const char* code;  // of %r5, to %rd5; S: scale, H: its logarithm
};
const Form kForms[] = {
    {"mul.wide.u32", "mul.wide.u32 %rd4, %r5, S; add.s64 %rd5, %rd2, %rd4;"},
    {"mul.wide.s32", "mul.wide.s32 %rd4, %r5, S; add.s64 %rd5, %rd2, %rd4;"},
    {"turned", "mul.wide.u32 %rd4, %r5, S; add.u64 %rd5, %rd4, %rd2;"},
    {"mad.wide.u32", "mad.wide.u32 %rd5, %r5, S, %rd2;"},
    {"mad.wide.s32", "mad.wide.s32 %rd5, %r5, S, %rd2;"},
    {"shl.u32", "cvt.u64.u32 %rd3, %r5; shl.b64 %rd4, %rd3, H; add.s64 %rd5, %rd2, %rd4;"},
    {"shl.s32", "cvt.s64.s32 %rd3, %r5; shl.b64 %rd4, %rd3, H; add.s64 %rd5, %rd2, %rd4;"},
};

std::string Fill(std::string code, uint32_t scale, uint32_t shift) {
  for (size_t at = 0; (at = code.find(", S", at)) != std::string::npos;) {
    code.replace(at, 3, ", " + std::to_string(scale));
  }
  for (size_t at = 0; (at = code.find(", H", at)) != std::string::npos;) {
    code.replace(at, 3, ", " + std::to_string(shift));
  }
  return code;
}

// Indices: in order, all one, backwards, scattered.
const char* const kIndices[] = {"mov.u32 %r5, %r1;", "mov.u32 %r5, 7;", "sub.u32 %r5, 95, %r1;",
                                "mul.lo.u32 %r6, %r1, 29; rem.u32 %r5, %r6, 96;"};
uint32_t IndexOf(size_t kind, uint32_t t) {
  const uint32_t of[] = {t, 7, 95 - t, t * 29 % 96};
  return of[kind];
}

TEST(Array, ReadsWhatTheAddressNames) {
  for (const SimdLevel level : Levels()) {
    for (const Form& form : kForms) {
      for (size_t kind = 0; kind < std::size(kIndices); ++kind) {
        for (uint32_t shift = 0; shift <= 3; ++shift) {
          const uint32_t bytes = uint32_t{1} << shift;
          const std::string load = bytes == 8   ? "ld.global.u64 %rd6, [%rd5+16];"
                                   : bytes == 1 ? "ld.global.u8 %rd6, [%rd5+16];"
                                   : bytes == 2 ? "ld.global.u16 %rd6, [%rd5+16];"
                                                : "ld.global.u32 %rd6, [%rd5+16];";
          PtxRun run = RunOf(Once(kIndices[kind] + Fill(form.code, bytes, shift) + load +
                                  "mul.wide.u32 %rd7, %r1, 8; add.s64 %rd8, %rd1, %rd7;"
                                  "st.global.u64 [%rd8], %rd6;"),
                             kThreads * 8 + 16, kThreads * 8);
          run.level = level;
          const Bytes in = run.buffers[1];
          ASSERT_TRUE(run.Go());
          for (uint32_t t = 0; t < kThreads; ++t) {
            ASSERT_EQ(Element(run.buffers[0], 8 * t, 8),
                      Element(in, 16 + IndexOf(kind, t) * bytes, bytes))
                << form.name << " " << kind << " " << bytes << " thread " << t;
          }
        }
      }
    }
  }
}

TEST(Array, WritesWhereTheAddressNames) {
  for (const SimdLevel level : Levels()) {
    for (const uint32_t scale : {4u, 8u, 12u, 20u}) {
      for (const bool some : {false, true}) {
        const std::string guard = some ? "and.b32 %r7, %r1, 5; setp.ne.u32 %p1, %r7, 4;" : "";
        PtxRun run = RunOf(
            Once(guard + "mul.lo.u32 %r6, %r1, 29; rem.u32 %r5, %r6, 96; mul.wide.u32 %rd4, %r5, " +
                 std::to_string(scale) + "; add.s64 %rd5, %rd1, %rd4;" + (some ? "@%p1 " : "") +
                 "st.global.u32 [%rd5], %r1;"),
            16, kThreads * scale);
        run.level = level;
        ASSERT_TRUE(run.Go());
        for (uint32_t t = 0; t < kThreads; ++t) {
          const bool runs = !some || (t & 5) != 4;
          ASSERT_EQ(Element(run.buffers[0], size_t{t * 29 % 96} * scale, 4), runs ? t : 0) << t;
        }
      }
    }
  }
}

TEST(Array, NegativeIndicesReachBackAndUnsignedOnesDoNotWrap) {
  const std::string store =
      "mul.wide.u32 %rd7, %r1, 4; add.s64 %rd8, %rd1, %rd7; st.global.u32 [%rd8], %r8;";
  PtxRun run = RunOf(Once("sub.s32 %r5, %r1, 40; mul.wide.s32 %rd4, %r5, 4;"
                          "add.s64 %rd5, %rd2, %rd4; ld.global.u32 %r8, [%rd5+160];" +
                          store),
                     kThreads * 4, kThreads * 4);
  const Bytes in = run.buffers[1];
  ASSERT_TRUE(run.Go());
  EXPECT_EQ(run.buffers[0], in);
  // The same with an unsigned index: lanes below 40 name addresses 16 GiB on.
  run = RunOf(Once("sub.s32 %r5, %r1, 40; mul.wide.u32 %rd4, %r5, 4;"
                   "add.s64 %rd5, %rd2, %rd4; ld.global.u32 %r8, [%rd5+160];" +
                   store),
              kThreads * 4, kThreads * 4);
  const auto wild = run.Go();
  ASSERT_FALSE(wild);
  EXPECT_THAT(wild.error().message, HasSubstr("thread (0,0,0): load of 4 bytes"));
  EXPECT_THAT(wild.error().message, HasSubstr("is outside every allocation"));
}

TEST(Array, FaultsNameTheFirstLaneThatIsWrong) {
  for (const char* op : {"ld.global.u32 %r8, [%rd5];", "st.global.u32 [%rd5], %r1;"}) {
    PtxRun run = RunOf(Once(std::string("add.u32 %r5, %r1, 10; mul.wide.u32 %rd4, %r5, 4;"
                                        "add.s64 %rd5, %rd2, %rd4;") +
                            op),
                       kThreads * 4, 16);
    const auto past = run.Go();
    ASSERT_FALSE(past);
    EXPECT_THAT(past.error().message, HasSubstr("block (1,0,0), thread (38,0,0)"));
    run.text = Once(std::string("mul.wide.u32 %rd4, %r1, 3; add.s64 %rd5, %rd2, %rd4;") + op);
    const auto odd = run.Go();
    ASSERT_FALSE(odd);
    EXPECT_THAT(odd.error().message, HasSubstr("thread (1,0,0)"));
    EXPECT_THAT(odd.error().message, HasSubstr("misaligned"));
  }
}

TEST(Array, LanesThatDoNotRunMayNameAnything) {
  PtxRun run = RunOf(Once("setp.lt.u32 %p1, %r1, 50; mov.u32 %r8, 77;"
                          "selp.u32 %r5, %r1, 2000000000, %p1; mul.wide.u32 %rd4, %r5, 4;"
                          "add.s64 %rd5, %rd2, %rd4; @%p1 ld.global.u32 %r8, [%rd5];"
                          "mul.wide.u32 %rd7, %r1, 4; add.s64 %rd8, %rd1, %rd7;"
                          "st.global.u32 [%rd8], %r8;"),
                     kThreads * 4, kThreads * 4);
  const Bytes in = run.buffers[1];
  ASSERT_TRUE(run.Go());
  for (uint32_t t = 0; t < kThreads; ++t) {
    EXPECT_EQ(Element(run.buffers[0], 4 * t, 4), t < 50 ? Element(in, 4 * t, 4) : 77) << t;
  }
}

// What lies between making an address and using it must not change what is read.
TEST(Array, AnAddressKeepsTheIndexItWasMadeOf) {
  const std::string store =
      "mul.wide.u32 %rd7, %r1, 4; add.s64 %rd8, %rd1, %rd7; st.global.u32 [%rd8], %r8;";
  const std::string make = "mul.wide.u32 %rd4, %r5, 4; add.s64 %rd5, %rd2, %rd4;";
  struct Case {
    const char* name;
    std::string code;
    uint32_t (*index)(uint32_t);
  };
  const Case cases[] = {
      {"the index moves on",
       "mov.u32 %r5, %r1;" + make +
           "add.u32 %r5, %r5, 1;"
           "ld.global.u32 %r8, [%rd5];",
       [](uint32_t t) { return t; }},
      {"the index moves on under a guard",
       "mov.u32 %r5, %r1; setp.gt.u32 %p1, %r1, 40;" + make +
           "@%p1 add.u32 %r5, %r5, 1;"
           "ld.global.u32 %r8, [%rd5];",
       [](uint32_t t) { return t; }},
      {"the product is made anew",
       "mov.u32 %r5, %r1;" + make +
           "mul.wide.u32 %rd4, %r5, 8;"
           "ld.global.u32 %r8, [%rd5];",
       [](uint32_t t) { return t; }},
      {"the sum is made under a guard",
       "mov.u32 %r5, %r1; mov.u64 %rd5, %rd2; setp.gt.u32 %p1, %r1, 40; mul.wide.u32 %rd4, %r5, 4;"
       "@%p1 add.s64 %rd5, %rd2, %rd4; ld.global.u32 %r8, [%rd5];",
       [](uint32_t t) { return t > 40 ? t : 0; }},
      // The load in the loop uses the address of the turn before.
      {"a loop uses the last turn's address",
       "mov.u32 %r10, 0; mov.u64 %rd5, %rd2;\n"
       "$again:\n add.u32 %r5, %r1, %r10; ld.global.u32 %r8, [%rd5];" +
           make + "add.u32 %r10, %r10, 1; setp.lt.u32 %p1, %r10, 3; @%p1 bra $again;",
       [](uint32_t t) { return t + 1; }},
      {"a loop uses its own address",
       "mov.u32 %r10, 0;\n$again:\n add.u32 %r5, %r1, %r10;" + make +
           "ld.global.u32 %r8, [%rd5]; add.u32 %r10, %r10, 1; setp.lt.u32 %p1, %r10, 3;"
           "@%p1 bra $again;",
       [](uint32_t t) { return t + 2; }},
      {"the index changes in a loop after the address was made",
       "mov.u32 %r5, %r1;" + make +
           "mov.u32 %r10, 0;\n"
           "$again:\n ld.global.u32 %r8, [%rd5]; add.u32 %r5, %r5, 1; add.u32 %r10, %r10, 1;"
           "setp.lt.u32 %p1, %r10, 3; @%p1 bra $again;",
       [](uint32_t t) { return t; }},
      {"the address is made on one of two paths",
       "mov.u32 %r5, %r1; mov.u64 %rd5, %rd2; setp.lt.u32 %p1, %r1, 40; @%p1 bra $over;" + make +
           "\n$over:\n ld.global.u32 %r8, [%rd5];",
       [](uint32_t t) { return t < 40 ? 0 : t; }},
  };
  for (const SimdLevel level : Levels()) {
    for (const Case& c : cases) {
      for (const bool once : {false, true}) {
        PtxRun run =
            RunOf((once ? Once : ArrayKernel)(c.code + store), kThreads * 4 + 16, kThreads * 4);
        run.level = level;
        const Bytes in = run.buffers[1];
        const auto stats = run.Go();
        ASSERT_TRUE(stats) << c.name << ": " << stats.error().message;
        for (uint32_t t = 0; t < kThreads; ++t) {
          ASSERT_EQ(Element(run.buffers[0], 4 * t, 4), Element(in, 4 * c.index(t), 4))
              << c.name << " thread " << t;
        }
      }
    }
  }
}

TEST(Array, VariablesAreArraysToo) {
  PtxRun run = RunOf(".global .align 4 .b32 table[8] = {11, 22, 33, 44, 55, 66, 77, 88};\n" +
                         Once("and.b32 %r5, %r1, 7; mov.u64 %rd3, table; mul.wide.u32 %rd4, %r5, 4;"
                              "add.s64 %rd5, %rd3, %rd4; ld.global.u32 %r8, [%rd5];"
                              "mul.wide.u32 %rd7, %r1, 4; add.s64 %rd8, %rd1, %rd7;"
                              "st.global.u32 [%rd8], %r8;"),
                     16, kThreads * 4);
  ASSERT_TRUE(run.Go());
  for (uint32_t t = 0; t < kThreads; ++t) {
    EXPECT_EQ(Element(run.buffers[0], 4 * t, 4), 11 * (t % 8 + 1));
  }
}

TEST(Array, CountsWhatItDoesNotCompute) {
  // Nine instructions a thread before the body, six in it and ret.
  PtxRun run = RunOf(Once("mul.wide.u32 %rd4, %r1, 4; add.s64 %rd5, %rd2, %rd4;"
                          "ld.global.u32 %r8, [%rd5]; mul.wide.u32 %rd7, %r1, 4;"
                          "add.s64 %rd8, %rd1, %rd7; st.global.u32 [%rd8], %r8;"),
                     kThreads * 4, kThreads * 4);
  const auto stats = run.Go();
  ASSERT_TRUE(stats);
  EXPECT_EQ(stats->thread_instructions, kThreads * (9 + 6 + 1));
}

// The same access where the base is a parameter, so that it is one of an array, and where memory
// holds it, so that it is not: random indices, signs, offsets, guards and bases that fault as well.
std::string RandomArrayKernel(std::mt19937& random, bool in_memory) {
  const auto below = [&](size_t n) { return static_cast<size_t>(random() % n); };
  const auto pick = [&](std::initializer_list<const char*> of) {
    return std::string(*(of.begin() + below(of.size())));
  };
  const std::string base = in_memory ? "%rd11" : "%rd2";
  std::string code =
      ".local .align 8 .b8 held[8]; st.local.u64 [held], %rd2; ld.local.u64 %rd11, [held];\n";
  code += "mov.u32 %r6, 5; mov.u64 %rd6, 5;\n";
  code += "and.b32 %r7, %r1, " + pick({"1", "3", "7", "31", "16", "0"}) +
          "; setp.ne.u32 %p1, %r7, " + pick({"0", "1", "3", "7"}) + ";\n";
  code +=
      pick({"mov.u32 %r8, %r1;", "mov.u32 %r8, %r1;", "mov.u32 %r8, 7;", "sub.u32 %r8, 60, %r1;",
            "mul.lo.u32 %r8, %r1, 2;", "add.u32 %r8, %r1, 2147483600;", "add.u32 %r8, %r1, -40;"}) +
      "\n";
  code += pick({"", "@%p1 add.u32 %r8, %r8, 1000000;", "@!%p1 mov.u32 %r8, 3;"}) + "\n";
  code += pick({"mov.u32 %r5, %r8;", "add.s32 %r5, %r8, 1;", "add.s32 %r5, %r8, -16;",
                "sub.s32 %r5, %r8, 8;", "add.s32 %r5, %r9, %r8;", "sub.u32 %r5, %r8, %r9;",
                "add.u32 %r5, %r8, 2147483648;", "sub.u32 %r5, %r8, 2147483600;"}) +
          "\n";
  const std::string scale = pick({"4", "4", "4", "8", "8", "12", "1", "2"});
  const std::string sign = pick({"s32", "u32"});
  code += below(2) == 0 ? "mad.wide." + sign + " %rd5, %r5, " + scale + ", " + base + ";\n"
                        : "mul.wide." + sign + " %rd4, %r5, " + scale + "; add.s64 %rd5, %rd4, " +
                              base + ";\n";
  code += pick({"", "", "add.u32 %r5, %r5, 1;", "mov.u32 %r8, 0;"}) + "\n";
  const std::string guard = pick({"", "@%p1 ", "@!%p1 "});
  const std::string place =
      "[%rd5+" + pick({"0", "0", "128", "512", "-128", "4", "2", "260"}) + "];";
  const std::string type = pick({"u32", "u32", "u64", "u16", "s8", "u8"});
  const std::string value = type == "u64" ? "%rd6" : "%r6";
  const std::string access = "ld.global." + type + " " + value + ", " + place;
  switch (below(4)) {
    case 0:
      code += "add.u32 %r6, %r1, 77; cvt.u64.u32 %rd6, %r6;\n";
      code += guard + "st.global." + (type == "s8" ? "u8" : type) + " " +
              place.substr(0, place.size() - 1) + ", " + value + ";\n";
      break;
    case 1:
      code += guard + "bra SKIP;\n" + access + "\nSKIP:\n";
      break;
    default:
      code += guard + access + "\n";
      break;
  }
  code +=
      "cvt.u64.u32 %rd7, %r6; xor.b64 %rd7, %rd7, %rd6; mul.wide.u32 %rd8, %r1, 8;"
      "add.s64 %rd9, %rd1, %rd8; st.global.u64 [%rd9], %rd7;";
  return Once(code);
}

TEST(Array, RandomAccessesAreThoseOfPlainAddresses) {
  const char* const many = std::getenv("SOUK_ARRAY_KERNELS");
  const uint32_t kernels = many != nullptr ? static_cast<uint32_t>(std::atoi(many)) : 1500;
  uint32_t good = 0;
  for (uint32_t seed = 1; seed <= kernels; ++seed) {
    std::string first;
    std::vector<Bytes> buffers;
    const uint32_t block = seed % 3 == 0 ? 20 : seed % 3 == 1 ? 48 : 64;
    for (const bool in_memory : {true, false}) {
      std::mt19937 random(seed);
      const std::string text = RandomArrayKernel(random, in_memory);
      for (const SimdLevel level : Levels()) {
        PtxRun run = RunOf(text, 1001, kThreads * 8);
        run.block = {block, 1, 1};
        run.grid = {(block == 64 ? 64 : kThreads) / block, 1, 1};
        run.scalars = {seed % 2 == 0 ? 5u : 0xfffffffbu};
        run.level = level;
        const Result<LaunchStats> stats = run.Go();
        const std::string end =
            stats ? std::to_string(stats->thread_instructions) : stats.error().message;
        if (buffers.empty()) {
          first = end;
          buffers = run.buffers;
          good += stats ? 1 : 0;
        }
        ASSERT_EQ(end, first) << "seed " << seed << ", " << SimdLevelName(level) << "\n" << text;
        if (stats) {
          ASSERT_TRUE(run.buffers == buffers) << "seed " << seed << "\n" << text;
        }
      }
    }
  }
  EXPECT_GT(good, kernels / 5);
}

}  // namespace
}  // namespace souk::gpu::cpu_test
