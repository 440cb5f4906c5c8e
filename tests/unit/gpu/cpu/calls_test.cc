// Calls that are not inlined: recursion, function pointers; and the stack: PTX ISA 7.2, 9.7.12
// (call), 9.7.17 (alloca, stacksave, stackrestore).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "gpu/ptx/module.h"
#include "unit/gpu/cpu/run_ptx.h"

namespace souk::gpu::cpu_test {
namespace {

using ::testing::HasSubstr;

// A kernel whose threads write %r1 to a word each; %r0 is the thread's number.
std::string WordKernel(const std::string& body) {
  return ".visible .entry k(.param .u64 p0) {\n"
         ".reg .pred %p<9>; .reg .b16 %h<4>; .reg .b32 %r<20>; .reg .b64 %rd<9>;\n"
         "mov.u32 %r0, %tid.x; ld.param.u64 %rd0, [p0];\n"
         "mul.wide.u32 %rd1, %r0, 4; add.s64 %rd0, %rd0, %rd1;\n" +
         body + "\nst.global.u32 [%rd0], %r1;\nret;\n}\n";
}

Result<std::vector<uint32_t>> Words(const std::string& text, uint32_t threads,
                                    SimdLevel level = BestSimdLevel()) {
  PtxRun run;
  run.text = text;
  run.block = Dim3{threads, 1, 1};
  run.buffers = {Bytes(threads * 4, 0)};
  run.level = level;
  run.budget.thread_instructions = 50'000'000;
  ASSIGN_OR_RETURN([[maybe_unused]] const LaunchStats stats, run.Go());
  return FromBuffer<uint32_t>(run.buffers[0]);
}

template <typename F>
void ExpectWords(const std::string& text, uint32_t threads, F want) {
  for (const SimdLevel level : Levels()) {
    const Result<std::vector<uint32_t>> words = Words(text, threads, level);
    ASSERT_TRUE(words) << words.error().message;
    for (uint32_t i = 0; i < threads; ++i) {
      ASSERT_EQ((*words)[i], want(i)) << "thread " << i << " at " << SimdLevelName(level);
    }
  }
}

std::string FaultOf(const std::string& text) {
  const Result<std::vector<uint32_t>> words = Words(text, 40);
  if (words) return "no fault";
  return CodeName(words.error().code) + std::string(": ") + words.error().message;
}

// f(n) = n + f(n - 1); kept: 2n, 3n as 64 bits, n's low bit as a predicate, n as 16 bits.
const char* const kSum =
    ".func (.param .b32 r) f(.param .b32 n) {\n"
    ".reg .pred %p<3>; .reg .b16 %h<2>; .reg .b32 %r<9>; .reg .b64 %rd<3>;\n"
    "ld.param.u32 %r1, [n]; setp.eq.u32 %p1, %r1, 0; mov.u32 %r5, 0; @%p1 bra DONE;\n"
    "add.u32 %r2, %r1, %r1; mul.wide.u32 %rd1, %r1, 3; cvt.u16.u32 %h1, %r1;\n"
    "and.b32 %r3, %r1, 1; setp.ne.u32 %p2, %r3, 0;\n"
    "sub.u32 %r4, %r1, 1;\n"
    "{ .param .b32 a; .param .b32 b; st.param.b32 [a], %r4; call (b), f, (a);\n"
    "ld.param.b32 %r5, [b]; }\n"
    "cvt.u32.u64 %r6, %rd1; sub.u32 %r6, %r6, %r2; add.u32 %r5, %r5, %r6;\n"
    "@%p2 add.u32 %r5, %r5, 1000; cvt.u32.u16 %r7, %h1; xor.b32 %r7, %r7, %r1;\n"
    "add.u32 %r5, %r5, %r7;\n"
    "DONE: st.param.b32 [r], %r5; ret; }\n";

TEST(Calls, RegistersOfEveryWidthOutliveRecursion) {
  ExpectWords(
      std::string(kSum) + WordKernel("{ .param .b32 a; .param .b32 b; st.param.b32 [a], %r0; "
                                     "call (b), f, (a); ld.param.b32 %r1, [b]; }"),
      77, [](uint32_t n) { return n * (n + 1) / 2 + 1000 * ((n + 1) / 2); });
}

TEST(Calls, AStackThatIsFullIsAFault) {
  const std::string text =
      std::string(kSum) + WordKernel(
                              "mov.u32 %r2, 100000; { .param .b32 a; .param .b32 b; "
                              "st.param.b32 [a], %r2; call (b), f, (a); "
                              "ld.param.b32 %r1, [b]; }");
  EXPECT_THAT(FaultOf(text), HasSubstr("fault: kernel k, line"));
  EXPECT_THAT(FaultOf(text), HasSubstr("stack overflow"));
  EXPECT_THAT(FaultOf(".func f() { call.uni f, (); ret; }\n" + WordKernel("call.uni f, ();")),
              HasSubstr("stack overflow"));
  EXPECT_THAT(FaultOf(".func g() { .local .b8 l[60000]; .reg .b64 %rd<2>; mov.u64 %rd1, l; "
                      "st.local.u8 [%rd1], 1; call.uni g, (); ret; }\n" +
                      WordKernel("call.uni g, ();")),
              HasSubstr("stack overflow"));
}

TEST(Calls, AStackThatIsFullIsAFaultOfTheFunctionThatHadNoRoom) {
  const std::string text = ".func f() { call.uni f, (); ret; }\n" + WordKernel("call.uni f, ();");
  auto module = ptx::Parse(WithHeader(text));
  ASSERT_TRUE(module);
  module = ptx::Canonicalize(std::move(*module));
  ASSERT_TRUE(module);
  const std::string canonical = ptx::Write(*module);
  const size_t body = canonical.find("\n.func f") + 1;
  const auto line =
      1 + std::count(canonical.begin(), canonical.begin() + static_cast<ptrdiff_t>(body), '\n');
  EXPECT_THAT(FaultOf(text), HasSubstr(", line " + std::to_string(line) + ", ")) << canonical;
}

TEST(Calls, AFrameLargerThanTheStackIsRefused) {
  EXPECT_THAT(FaultOf(".func g() { .local .b8 l[70000]; .reg .b64 %rd<2>; mov.u64 %rd1, l; "
                      "st.local.u8 [%rd1], 1; call.uni g, (); ret; }\n" +
                      WordKernel("call.uni g, ();")),
              HasSubstr("too_large: kernel k: a frame of g"));
}

// Three functions of one type and one of another.
const char* const kFunctions =
    ".func (.param .b32 r) twice(.param .b32 n) { .reg .b32 %r<3>; ld.param.u32 %r1, [n]; "
    "add.u32 %r1, %r1, %r1; st.param.b32 [r], %r1; ret; }\n"
    ".func (.param .b32 r) square(.param .b32 n) { .reg .b32 %r<3>; ld.param.u32 %r1, [n]; "
    "mul.lo.u32 %r1, %r1, %r1; st.param.b32 [r], %r1; ret; }\n"
    ".func (.param .b32 r) next(.param .b32 n) { .reg .b32 %r<3>; ld.param.u32 %r1, [n]; "
    "add.u32 %r1, %r1, 1; st.param.b32 [r], %r1; ret; }\n"
    ".func (.param .b64 r) wide(.param .b64 n) { .reg .b64 %rd<3>; ld.param.u64 %rd1, [n]; "
    "st.param.b64 [r], %rd1; ret; }\n"
    ".global .align 8 .u64 table[4] = {twice, square, next, wide};\n";

std::string CallThrough(const std::string& pointer, const std::string& target = "proto") {
  return kFunctions + WordKernel(pointer +
                                 "\n{ .param .b32 a; .param .b32 b; st.param.b32 [a], %r0;\n"
                                 "proto: .callprototype (.param .b32 _) _ (.param .b32 _);\n"
                                 "some: .calltargets twice, next;\n"
                                 "call (b), %rd2, (a), " +
                                 target + "; ld.param.b32 %r1, [b]; }");
}
const char* const kFromTable =
    "rem.u32 %r2, %r0, 3; mul.wide.u32 %rd3, %r2, 8; mov.u64 %rd4, table; "
    "add.s64 %rd4, %rd4, %rd3; ld.global.u64 %rd2, [%rd4];";

TEST(Calls, EachLaneCallsWhatItsPointerNames) {
  ExpectWords(CallThrough(kFromTable), 50, [](uint32_t n) {
    return n % 3 == 0 ? 2 * n : n % 3 == 1 ? n * n : n + 1;
  });
  ExpectWords(CallThrough("mov.u64 %rd2, square;"), 33, [](uint32_t n) { return n * n; });
  ExpectWords(CallThrough("and.b32 %r2, %r0, 1; setp.ne.u32 %p1, %r2, 0; mov.u64 %rd3, next; "
                          "mov.u64 %rd2, twice; selp.u64 %rd2, %rd3, %rd2, %p1;",
                          "some"),
              40, [](uint32_t n) { return n % 2 == 0 ? 2 * n : n + 1; });
}

TEST(Calls, APointerToWhatIsNoFunctionOfTheTypeIsAFault) {
  const char* const kWhy = "a call of what is no function";
  EXPECT_THAT(FaultOf(CallThrough("mov.u64 %rd2, 0;")), HasSubstr(kWhy));
  EXPECT_THAT(FaultOf(CallThrough("mov.u64 %rd2, -1;")), HasSubstr(kWhy));
  EXPECT_THAT(FaultOf(CallThrough("mov.u64 %rd2, %rd0;")), HasSubstr(kWhy));
  EXPECT_THAT(FaultOf(CallThrough("mov.u64 %rd2, twice; add.s64 %rd2, %rd2, 4;")), HasSubstr(kWhy));
  EXPECT_THAT(FaultOf(CallThrough("mov.u64 %rd2, wide;")), HasSubstr(kWhy));
  EXPECT_THAT(FaultOf(CallThrough("mov.u64 %rd2, square;", "some")), HasSubstr(kWhy));
}

TEST(Calls, ParametersMayBeRegistersAndConstants) {
  // Inlined, called by itself, and mixed with .param variables.
  ExpectWords(
      ".func (.reg .b32 %out) three(.reg .b32 %x, .reg .b64 %y, .param .b32 z) "
      "{ .reg .b32 %r<4>; ld.param.u32 %r1, [z]; cvt.u32.u64 %r2, %y; "
      "mad.lo.u32 %out, %x, %r1, %r2; ret; }\n" +
          WordKernel("mov.u64 %rd2, 7; call (%r1), three, (%r0, %rd2, 5);"),
      40, [](uint32_t n) { return 5 * n + 7; });
  ExpectWords(
      ".func (.reg .b32 %out) f(.reg .b32 %n) { .reg .b32 %m; .reg .pred %p; "
      "mov.u32 %out, 1; setp.eq.u32 %p, %n, 0; @%p ret; sub.u32 %m, %n, 1; "
      "call (%out), f, (%m); mul.lo.u32 %out, %out, %n; ret; }\n" +
          WordKernel("rem.u32 %r2, %r0, 10; call (%r1), f, (%r2);"),
      40, [](uint32_t n) {
        uint32_t product = 1;
        for (uint32_t k = 2; k <= n % 10; ++k) product *= k;
        return product;
      });
}

TEST(Calls, AllocaGrowsTheFrameUntilItIsLeft) {
  // Each thread fills n + 1 words and adds them up; a second piece lies behind the first.
  ExpectWords(WordKernel("mul.wide.u32 %rd2, %r0, 4; add.s64 %rd2, %rd2, 4;\n"
                         "alloca.u64 %rd3, %rd2, 16; alloca.u64 %rd6, 4;\n"
                         "st.local.u32 [%rd6], 1000000; mov.u32 %r2, 0; mov.u64 %rd4, %rd3;\n"
                         "L: st.local.u32 [%rd4], %r2; add.s64 %rd4, %rd4, 4; "
                         "add.u32 %r2, %r2, 1; setp.le.u32 %p1, %r2, %r0; @%p1 bra L;\n"
                         "ld.local.u32 %r1, [%rd6]; mov.u32 %r2, 0;\n"
                         "M: ld.local.u32 %r3, [%rd3]; add.u32 %r1, %r1, %r3; "
                         "add.s64 %rd3, %rd3, 4; add.u32 %r2, %r2, 1; "
                         "setp.le.u32 %p1, %r2, %r0; @%p1 bra M;"),
              77, [](uint32_t n) { return 1000000 + n * (n + 1) / 2; });
}

TEST(Calls, StackrestoreAndReturnsGiveBackWhatAllocaTook) {
  const char* const kLoop =
      "mov.u32 %r1, 0;\nL: BODY\nadd.u32 %r1, %r1, 1; setp.lt.u32 %p1, %r1, 1000; @%p1 bra L;";
  const auto loop = [&](const std::string& body) {
    std::string text = kLoop;
    return text.replace(text.find("BODY"), 4, body);
  };
  const auto thousand = [](uint32_t) { return 1000u; };
  ExpectWords(WordKernel(loop("stacksave.u64 %rd2; alloca.u64 %rd3, 4096; "
                              "st.local.u32 [%rd3], %r1; stackrestore.u64 %rd2;")),
              8, thousand);
  ExpectWords(
      ".func f() { .reg .b32 %r<2>; alloca.u32 %r1, 4096, 32; st.local.u32 [%r1], 5; "
      "ret; }\n" +
          WordKernel(loop("call.uni f, ();")),
      8, thousand);
  EXPECT_THAT(FaultOf(WordKernel(loop("alloca.u64 %rd3, 4096;"))), HasSubstr("stack overflow"));
  EXPECT_THAT(FaultOf(WordKernel("mov.u32 %r1, 0; mov.u64 %rd2, -16; alloca.u64 %rd3, %rd2;")),
              HasSubstr("stack overflow"));
}

TEST(Calls, AGuardKeepsLanesOutOfACall) {
  ExpectWords(
      std::string(kSum) + WordKernel("mov.u32 %r1, 77; setp.lt.u32 %p1, %r0, 9;\n"
                                     "{ .param .b32 a; .param .b32 b; st.param.b32 [a], 4; "
                                     "@%p1 call (b), f, (a); @%p1 ld.param.b32 %r1, [b]; }"),
      40, [](uint32_t n) { return n < 9 ? 2010u : 77u; });
}

// The whole of the thread's local memory is written over while three calls are open.
TEST(Calls, ADamagedStackEndsInATypedError) {
  for (const uint32_t word : {0u, 1u, 0xffffffffu, 64u}) {
    const std::string text =
        ".func f(.param .b32 n) { .reg .pred %p<3>; .reg .b32 %r<5>; ld.param.u32 %r1, [n]; "
        "setp.eq.u32 %p1, %r1, 0; @%p1 bra DEEP; sub.u32 %r1, %r1, 1; "
        "{ .param .b32 a; st.param.b32 [a], %r1; call f, (a); } ret;\n"
        "DEEP: mov.u32 %r2, 0;\nL: st.local.u32 [%r2], " +
        std::to_string(word) +
        "; add.u32 %r2, %r2, 4; setp.lt.u32 %p2, %r2, 4096; @%p2 bra L; ret; }\n" +
        WordKernel("mov.u32 %r1, 1; { .param .b32 a; st.param.b32 [a], 3; call f, (a); }");
    const Result<std::vector<uint32_t>> words = Words(text, 3);
    if (words) continue;
    EXPECT_TRUE(words.error().code == Code::kFault || words.error().code == Code::kExhausted)
        << words.error().message;
  }
}

}  // namespace
}  // namespace souk::gpu::cpu_test
