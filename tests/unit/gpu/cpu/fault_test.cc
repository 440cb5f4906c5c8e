// What hostile or broken kernels meet: a typed error that says where, and a device that is done
// for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "gpu/cpu/supported.h"
#include "gpu/ptx/module.h"
#include "unit/gpu/cpu/run_ptx.h"

namespace souk::gpu::cpu_test {
namespace {

using ::testing::HasSubstr;

std::string Kernel(const std::string& body, const std::string& name = "k") {
  return ".visible .entry " + name +
         "(.param .u64 p0) {\n.reg .pred %p<9>; .reg .b32 %r<20>; .reg .b64 %rd<9>; .reg .f32 "
         "%f<4>;\nmov.u32 %r0, %tid.x; ld.param.u64 %rd0, [p0];\n" +
         body + "\nret;\n}\n";
}

Error FailureOf(const std::string& body, Code code, Dim3 block = Dim3{64, 1, 1},
                LaunchBudget budget = LaunchBudget{}) {
  Error last(Code::kInvalidArgument, "");
  for (const SimdLevel level : Levels()) {
    PtxRun run;
    run.text = Kernel(body);
    run.block = block;
    run.grid = Dim3{2, 1, 1};
    run.level = level;
    run.buffers = {Bytes(1000, 0)};
    run.budget = budget;
    const Result<LaunchStats> stats = run.Go();
    EXPECT_FALSE(stats) << body;
    if (stats) return last;
    EXPECT_EQ(stats.error().code, code) << stats.error().message;
    last = stats.error();
  }
  return last;
}

TEST(Fault, NamesKernelLineBlockThreadAndAddress) {
  const Error e = FailureOf(
      "mul.wide.u32 %rd1, %r0, 16;\nadd.s64 %rd1, %rd1, %rd0;\nst.global.u32 [%rd1], %r0;",
      Code::kFault);
  // 1,000 bytes: thread 63 writes at 1,008.
  EXPECT_THAT(e.message, HasSubstr("kernel k, line 9, block (0,0,0), thread (63,0,0): store of 4 "
                                   "bytes at global address 0x4000000003f0 is outside"));
}

TEST(Fault, BoundsAreThoseOfTheAllocationToTheByte) {
  const auto store_at = [](int64_t offset) {
    PtxRun run;
    run.text = Kernel("st.global.u32 [%rd0+" + std::to_string(offset) + "], %r0;");
    run.buffers = {Bytes(1000, 0), Bytes(1000, 0)};
    run.text.replace(run.text.find("(.param .u64 p0)"), 16, "(.param .u64 p0, .param .u64 p1)");
    return run.Go();
  };
  EXPECT_TRUE(store_at(0));
  EXPECT_TRUE(store_at(996));
  EXPECT_EQ(store_at(1000).error().code, Code::kFault);
  EXPECT_EQ(store_at(-4).error().code, Code::kFault);
  EXPECT_EQ(store_at(998).error().code, Code::kFault);
}

TEST(Fault, TheReportCallsOpaqueWhatLoadRefuses) {
  for (const char* body : {"isspacep.const %p1, %rd0;", ".shared .b32 s; ld.u32 %r1, [s];"}) {
    const auto module = ptx::Parse(WithHeader(Kernel(body) + Kernel("", "fine")));
    ASSERT_TRUE(module);
    const auto reports = cpu::ReportKernels(*module);
    ASSERT_EQ(reports.size(), 2u);
    EXPECT_EQ(reports[0].verdict.cls, ptx::Class::kOpaque) << body;
    ASSERT_EQ(reports[0].unsupported.size(), 1u);
    EXPECT_EQ(reports[0].unsupported[0].line, reports[0].verdict.line);
    EXPECT_NE(reports[0].verdict.line, 0u);
    EXPECT_EQ(reports[1].verdict.cls, ptx::Class::kExact) << reports[1].verdict.why;
    EXPECT_FALSE(LoadText(*NewDevice(Levels().front()), Kernel(body)));
  }
}

TEST(Fault, TheReportSaysWhichExactKernelsCannotBeChecked) {
  const auto report_of = [](const std::string& functions, const std::string& body) {
    const auto module = ptx::Parse(WithHeader(functions + Kernel(body)));
    EXPECT_TRUE(module) << module.error().message;
    return cpu::ReportKernels(*module).at(0);
  };
  const ptx::KernelReport fine = report_of(".func f() { ret; }\n", "call f;");
  EXPECT_EQ(fine.verdict.cls, ptx::Class::kExact) << fine.verdict.why;
  EXPECT_EQ(fine.unchecked, "");
  const ptx::KernelReport recursive = report_of(".func f() { call f; ret; }\n", "call f;");
  EXPECT_EQ(recursive.verdict.cls, ptx::Class::kExact) << recursive.verdict.why;
  EXPECT_NE(recursive.unchecked.find("call themselves"), std::string::npos) << recursive.unchecked;
  const ptx::KernelReport array = report_of("", "alloca.u32 %r1, 16;");
  EXPECT_EQ(array.verdict.cls, ptx::Class::kExact) << array.verdict.why;
  EXPECT_NE(array.unchecked.find("alloca"), std::string::npos) << array.unchecked;
  // Of the others none is ever looked at.
  const ptx::KernelReport ordered =
      report_of(".func f() { call f; ret; }\n", "call f; red.global.add.u32 [%rd0], 1;");
  EXPECT_EQ(ordered.verdict.cls, ptx::Class::kExactOrdered) << ordered.verdict.why;
  EXPECT_EQ(ordered.unchecked, "");
}

TEST(Fault, OnlyKernelsThatNameAVariableWithAMissingFunctionsAddressAreRefused) {
  const std::string text =
      ".extern .func f();\n.extern .func g();\n"
      ".global .align 8 .u64 table[2] = {f, g};\n"
      ".const .align 8 .u64 where[1] = {table};\n"
      ".global .align 8 .u64 plain[2] = {where, 7};\n"
      ".global .align 4 .u32 number = 5;\n"
      ".global .align 8 .u64 pointer = number;\n" +
      Kernel("ld.global.u64 %rd1, [table];", "by_table") +
      Kernel("ld.const.u64 %rd1, [where];", "by_where") +
      Kernel("mov.u64 %rd1, plain;", "by_plain") +
      Kernel("ld.global.u64 %rd1, [pointer]; ld.global.u32 %r1, [%rd1]; st.global.u32 [%rd0], %r1;",
             "fine");
  const auto module = ptx::Parse(WithHeader(text));
  ASSERT_TRUE(module) << module.error().message;
  for (const ptx::KernelReport& report : cpu::ReportKernels(*module)) {
    if (report.name == "fine") {
      EXPECT_TRUE(report.unsupported.empty()) << report.unsupported[0].reason;
      continue;
    }
    EXPECT_EQ(report.verdict.cls, ptx::Class::kOpaque) << report.name;
    ASSERT_EQ(report.unsupported.size(), 1u) << report.name;
    EXPECT_NE(report.unsupported[0].line, 0u) << report.name;
    const std::set<std::string> one = {report.name};
    EXPECT_FALSE(NewDevice(Levels().front())->LoadFor(*module, &one)) << report.name;
  }
  const auto canonical = ptx::Canonicalize(*module);
  ASSERT_TRUE(canonical);
  const auto device = NewDevice(Levels().front());
  const std::set<std::string> fine = {"fine"};
  const auto loaded = device->LoadFor(*canonical, &fine);
  ASSERT_TRUE(loaded) << loaded.error().message;
  const auto memory = device->Allocate(4);
  ASSERT_TRUE(memory);
  ASSERT_TRUE(
      device->Launch(*loaded, {.kernel = "fine", .params = Params().U64(*memory).bytes()}, {}));
  Bytes word(4, 0);
  ASSERT_TRUE(device->Read(*memory, word));
  EXPECT_EQ(FromBuffer<uint32_t>(word)[0], 5u);
  EXPECT_EQ(device->Launch(*loaded, {.kernel = "by_table"}, {}).error().code, Code::kNotFound);
}

TEST(Fault, VariablesThatNoKernelCanReachTakeNoMemory) {
  std::string text =
      ".global .b8 large[2000000];\n.global .align 4 .u32 number = 5;\n"
      ".global .align 8 .u64 pointer = number;\n.global .align 8 .u64 far = pointer;\n";
  const auto device = NewDevice(Levels().front(), 1, 1 << 20);
  const auto module =
      LoadText(*device, text + Kernel("ld.global.u64 %rd1, [far]; ld.global.u64 %rd1, [%rd1];\n"
                                      "ld.global.u32 %r1, [%rd1]; st.global.u32 [%rd0], %r1;"));
  ASSERT_TRUE(module) << module.error().message;
  const auto memory = device->Allocate(4);
  ASSERT_TRUE(memory);
  ASSERT_TRUE(
      device->Launch(*module, {.kernel = "k", .params = Params().U64(*memory).bytes()}, {}));
  Bytes word(4, 0);
  ASSERT_TRUE(device->Read(*memory, word));
  EXPECT_EQ(FromBuffer<uint32_t>(word)[0], 5u);
}

TEST(Fault, AFunctionSharedByManyKernelsIsNotCompiledForEach) {
  std::string text = ".func f() {\n";
  for (int i = 0; i < 50'000; ++i) text += "membar.cta;\n";
  text += "ret; }\n";
  for (int i = 0; i < 1'000; ++i) text += Kernel("call f;", "k" + std::to_string(i));
  const auto module = ptx::Parse(WithHeader(text));
  ASSERT_TRUE(module);
  const auto reports = cpu::ReportKernels(*module);
  ASSERT_EQ(reports.size(), 1'000u);
  for (const ptx::KernelReport& report : reports) {
    EXPECT_EQ(report.verdict.cls, ptx::Class::kOpaque);
    EXPECT_EQ(report.parameters.size(), 1u);
    ASSERT_EQ(report.unsupported.size(), 1u);
    EXPECT_EQ(report.unsupported[0].line, 0u);
  }
  const auto loaded = NewDevice(Levels().front())->Load(*module);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, Code::kTooLarge);
}

TEST(Fault, OffsetsDoNotWrapIntoAWindow) {
  for (const char* body : {".shared .b32 s[4]; ld.shared.u32 %r1, [s+4294967296];",
                           ".shared .b32 s[4]; ld.shared.u32 %r1, [s+-4294967296];",
                           ".shared .b32 s[4], t[4]; ld.shared.u32 %r1, [t+4294967292];",
                           ".local .b32 l[4]; st.local.u32 [l+4294967296], %r0;",
                           "ld.param.u64 %rd1, [p0+4294967296];"}) {
    FailureOf(body, Code::kUnsupported);
  }
}

TEST(Fault, ProgramsThatAskForFarMoreThanTheyHoldAreRefusedSoon) {
  const auto times = [](int n, const std::string& text) {
    std::string all;
    for (int i = 0; i < n; ++i) all += text;
    return all;
  };
  const auto load = [](const std::string& text) {
    const auto device = NewDevice(Levels().front());
    const auto module = LoadText(*device, text);
    return module ? std::nullopt : std::optional(module.error().code);
  };
  // A table of many targets named by many branches.
  EXPECT_EQ(load(Kernel("T: .branchtargets A" + times(9999, ", A") + ";\n" +
                        times(9999, "@%p1 brx.idx %r0, T;\n") + "A:")),
            Code::kTooLarge);
  // A function of many variables called many times.
  EXPECT_EQ(load(".func f() { .local .b8 x; " + times(4000, "{ .local .b8 x; }") + "ret; }\n" +
                 Kernel(times(9999, "call f;\n"))),
            Code::kTooLarge);
  // Many branches to one place.
  EXPECT_EQ(load(Kernel(times(60000, "@%p1 bra END;\n") + "st.global.u32 [%rd0], 1; END:")),
            Code::kTooLarge);
}

TEST(Fault, WildAccessesInEverySpace) {
  FailureOf("mov.u64 %rd1, 0; ld.global.u32 %r1, [%rd1];", Code::kFault);
  FailureOf("mov.u64 %rd1, 0; ld.u32 %r1, [%rd1]; st.global.u32 [%rd0], %r1;", Code::kFault);
  FailureOf("mov.u64 %rd1, -8; st.u64 [%rd1], %rd1;", Code::kFault);
  FailureOf("ld.global.u32 %r1, [%rd0+2]; st.global.u32 [%rd0], %r1;", Code::kFault);
  FailureOf("ld.global.v4.u32 {%r1, %r2, %r3, %r4}, [%rd0+8]; st.global.u32 [%rd0], %r1;",
            Code::kFault);
  FailureOf(".shared .b32 s[4]; ld.shared.u32 %r1, [s+16]; st.global.u32 [%rd0], %r1;",
            Code::kFault);
  FailureOf(
      ".shared .b32 s[4]; mov.u32 %r1, -4; ld.shared.u32 %r1, [%r1]; "
      "st.global.u32 [%rd0], %r1;",
      Code::kFault);
  FailureOf(".shared .b32 s[4]; atom.shared.add.u32 %r1, [s+2], 1;", Code::kFault);
  FailureOf(".local .b32 l[4]; mov.u64 %rd1, l; st.local.u32 [%rd1+16], %r0;", Code::kFault);
  FailureOf(".local .b32 l[4]; mov.u64 %rd1, l; cvta.local.u64 %rd1, %rd1; st.u32 [%rd1+16], %r0;",
            Code::kFault);
  FailureOf("ld.param.u32 %r1, [p0+8]; st.global.u32 [%rd0], %r1;", Code::kFault);
  FailureOf("cvta.param.u64 %rd1, 0; st.u32 [%rd1], %r0;", Code::kFault);
  // A shared address is no global one, nor the other way round.
  FailureOf(
      ".shared .b32 s[4]; mov.u64 %rd1, s; cvta.shared.u64 %rd1, %rd1; "
      "st.global.u32 [%rd1], %r0;",
      Code::kFault);
  FailureOf(".shared .b32 s[4]; cvt.u32.u64 %r1, %rd0; st.shared.u32 [%r1+1024], %r0;",
            Code::kFault);
}

TEST(Fault, OneWildLaneIsEnoughAndIsNamed) {
  const Error e = FailureOf(
      "setp.eq.u32 %p1, %r0, 37; mov.u64 %rd1, %rd0; @%p1 mov.u64 %rd1, 64; "
      "ld.global.u32 %r1, [%rd1]; st.global.u32 [%rd0], %r1;",
      Code::kFault);
  EXPECT_THAT(e.message, HasSubstr("thread (37,0,0)"));
}

TEST(Fault, ConstantsAreReadOnly) {
  PtxRun run;
  run.text = ".const .b32 c[4] = {1, 2, 3, 4};\n" +
             Kernel("mov.u64 %rd1, c; cvta.const.u64 %rd1, %rd1; st.u32 [%rd1], %r0;");
  run.buffers = {Bytes(64, 0)};
  const Result<LaunchStats> stats = run.Go();
  ASSERT_FALSE(stats);
  EXPECT_EQ(stats.error().code, Code::kFault);
  EXPECT_THAT(stats.error().message, HasSubstr("read-only"));
}

TEST(Fault, TrapsAndBranchTablesOutOfRange) {
  EXPECT_THAT(FailureOf("setp.eq.u32 %p1, %r0, 40; @%p1 trap;", Code::kFault).message,
              HasSubstr("thread (40,0,0): trap"));
  FailureOf("T: .branchtargets A, A;\nbrx.idx %r0, T;\nA:", Code::kFault);
}

TEST(Fault, BarriersThatCannotComplete) {
  // The two halves of a warp wait at different barriers.
  EXPECT_THAT(FailureOf("setp.lt.u32 %p1, %r0, 16; @%p1 bra A; bar.sync 1; bra E;\n"
                        "A: bar.sync 2;\nE:",
                        Code::kFault)
                  .message,
              HasSubstr("divergent barrier"));
  // Of two warps that each want to meet two others.
  FailureOf("bar.sync 1, 96;", Code::kFault);
  // One barrier number, but at two places within a warp.
  FailureOf("setp.lt.u32 %p1, %r0, 16; @%p1 bra A; bar.sync 0; bra E;\nA: bar.sync 0;\nE:",
            Code::kFault);
  // Some lanes step over the barrier and go on to what comes behind it.
  FailureOf("setp.lt.u32 %p1, %r0, 16; @%p1 bra A; bar.sync 0;\nA: st.global.u32 [%rd0], %r0;",
            Code::kFault);
  // Lanes leave the loop at different times, the barrier is in the loop.
  FailureOf(
      "mov.u32 %r1, 0;\nL: bar.sync 0; add.u32 %r1, %r1, 1; setp.le.u32 %p1, %r1, %r0; "
      "@%p1 bra L;\nst.global.u32 [%rd0], %r1;",
      Code::kFault);
  // Half a warp of two warps each is no warp.
  FailureOf(
      "and.b32 %r1, %r0, 1; setp.eq.u32 %p1, %r1, 0; @%p1 bra A; barrier.sync 1, 64; bra E;\n"
      "A: barrier.sync 2, 32;\nE:",
      Code::kFault);
  FailureOf("mov.u32 %r1, 16; bar.sync %r1;", Code::kFault);
  FailureOf("mov.u32 %r1, 33; bar.sync 1, %r1;", Code::kFault);
  FailureOf("bar.sync 1, 128;", Code::kFault);
}

TEST(Fault, EndlessLoopsUseUpTheirBudget) {
  LaunchBudget budget;
  budget.thread_instructions = 1000000;
  const Error e = FailureOf("L: bra L;", Code::kExhausted, Dim3{64, 1, 1}, budget);
  EXPECT_THAT(e.message, HasSubstr("1000000"));
  FailureOf("L: add.u32 %r1, %r1, 1; setp.ne.u32 %p1, %r1, %r0; @%p1 bra L; bra L;",
            Code::kExhausted, Dim3{1024, 1, 1}, budget);
  // Spins: on memory that nobody writes, and on a lane of the same warp that never comes.
  FailureOf("L: ld.volatile.global.u32 %r1, [%rd0]; setp.eq.u32 %p1, %r1, 0; @%p1 bra L;",
            Code::kExhausted, Dim3{64, 1, 1}, budget);
  FailureOf("setp.eq.u32 %p1, %r0, 0; @%p1 bra L; bar.warp.sync -1; bra E;\nL: bra L;\nE:",
            Code::kExhausted, Dim3{32, 1, 1}, budget);
}

TEST(Fault, EndlessLoopsUseUpTheirTime) {
  const LaunchBudget budget{.milliseconds = 50};
  const Error e = FailureOf("L: bra L;", Code::kExhausted, Dim3{64, 1, 1}, budget);
  EXPECT_THAT(e.message, HasSubstr("time limit"));
  // Spinning at a barrier's edge, and with nothing but many blocks.
  FailureOf("L: bar.sync 0; bra L;", Code::kExhausted, Dim3{1024, 1, 1}, budget);
}

TEST(Fault, TheBudgetIsExactToTheInstruction) {
  PtxRun run;
  run.text = Kernel("add.u32 %r1, %r0, 1; add.u32 %r1, %r1, 1;");
  run.block = Dim3{33, 1, 1};
  run.grid = Dim3{3, 1, 1};
  run.buffers = {Bytes(64, 0)};
  const Result<LaunchStats> stats = run.Go();
  ASSERT_TRUE(stats);
  EXPECT_EQ(stats->thread_instructions, 99u * 5);  // mov, ld, add, add, ret
  run.budget.thread_instructions = 99 * 5;
  EXPECT_TRUE(run.Go());
  run.budget.thread_instructions = 99 * 5 - 1;
  EXPECT_EQ(run.Go().error().code, Code::kExhausted);
}

TEST(Fault, ADeviceWhoseKernelFaultedRefusesEverything) {
  const auto device = NewDevice(BestSimdLevel());
  const Result<ModuleHandle> module = LoadText(*device, Kernel("trap;"));
  ASSERT_TRUE(module);
  const Result<DeviceAddress> memory = device->Allocate(64);
  ASSERT_TRUE(memory);
  LaunchRequest request;
  request.kernel = "k";
  request.params = Params().U64(*memory).bytes();
  EXPECT_EQ(device->Launch(*module, request, {}).error().code, Code::kFault);
  EXPECT_EQ(device->Launch(*module, request, {}).error().code, Code::kWrongState);
  EXPECT_EQ(device->Allocate(64).error().code, Code::kWrongState);
  Bytes bytes(4);
  EXPECT_EQ(device->Read(*memory, bytes).error().code, Code::kWrongState);
}

TEST(Fault, LaunchesThatMakeNoSenseAreRefusedBeforeTheyRun) {
  const auto device = NewDevice(BestSimdLevel());
  const std::string text = Kernel("") +
                           ".visible .entry big() { .shared .b8 s[40000]; .reg .b32 %r<2>; "
                           "ld.shared.u32 %r1, [s]; ret; }\n"
                           ".visible .entry fixed() .reqntid 32, 2, 1 { ret; }\n"
                           ".visible .entry most() .maxntid 64, 1, 1 { ret; }\n";
  const Result<ModuleHandle> module = LoadText(*device, text);
  ASSERT_TRUE(module) << module.error().message;
  const auto code = [&](const std::string& kernel, Dim3 grid, Dim3 block, size_t params,
                        uint32_t shared = 0) {
    LaunchRequest request;
    request.kernel = kernel;
    request.grid = grid;
    request.block = block;
    request.params = Bytes(params, 0);
    request.dynamic_shared_bytes = shared;
    const Result<LaunchStats> stats = device->Launch(*module, request, {});
    return stats ? std::string("ok") : std::string(CodeName(stats.error().code));
  };
  const Dim3 one{1, 1, 1};
  EXPECT_EQ(code("k", one, one, 8), "ok");
  EXPECT_EQ(code("nobody", one, one, 8), "not_found");
  EXPECT_EQ(code("k", one, one, 0), "invalid_argument");
  EXPECT_EQ(code("k", one, one, 16), "invalid_argument");
  EXPECT_EQ(code("k", one, Dim3{1025, 1, 1}, 8), "invalid_argument");
  EXPECT_EQ(code("k", one, Dim3{32, 33, 1}, 8), "invalid_argument");
  EXPECT_EQ(code("k", one, Dim3{1, 1, 65}, 8), "invalid_argument");
  EXPECT_EQ(code("k", one, Dim3{65536, 65536, 1}, 8), "invalid_argument");
  EXPECT_EQ(code("k", Dim3{0, 1, 1}, one, 8), "invalid_argument");
  EXPECT_EQ(code("k", Dim3{1, 65536, 1}, one, 8), "invalid_argument");
  EXPECT_EQ(code("k", Dim3{0x80000000, 1, 1}, one, 8), "invalid_argument");
  EXPECT_EQ(code("big", one, one, 0, 160000), "ok");
  EXPECT_EQ(code("big", one, one, 0, 200000), "too_large");
  EXPECT_EQ(code("big", one, one, 0, 0xffffffff), "too_large");
  EXPECT_EQ(code("fixed", one, Dim3{32, 2, 1}, 0), "ok");
  EXPECT_EQ(code("fixed", one, Dim3{64, 1, 1}, 0), "invalid_argument");
  EXPECT_EQ(code("most", one, Dim3{65, 1, 1}, 0), "invalid_argument");
  LaunchBudget budget;
  budget.thread_instructions = 100000;
  LaunchRequest huge;
  huge.kernel = "k";
  huge.grid = Dim3{0x7fffffff, 65535, 65535};
  huge.params = Bytes(8, 0);
  EXPECT_EQ(device->Launch(*module, huge, budget).error().code, Code::kExhausted);
}

TEST(Fault, ModulesThatAskForTooMuchOrWhatIsNotRunAreRefused) {
  const auto load = [](const std::string& text) {
    const auto device = NewDevice(BestSimdLevel(), 1, 1 << 20);
    const Result<ModuleHandle> module = LoadText(*device, text);
    return module ? std::string("ok")
                  : CodeName(module.error().code) + std::string(": ") + module.error().message;
  };
  EXPECT_THAT(load(Kernel("mov.u32 %r1, %pm0; st.global.u32 [%rd0], %r1;")),
              HasSubstr("unsupported: kernel k: line 7: mov.u32: the register"));
  EXPECT_THAT(load(".visible .entry k() { .local .b8 l[600000]; .reg .b64 %rd<2>; "
                   "mov.u64 %rd1, l; ret; }"),
              HasSubstr("too_large"));
  EXPECT_THAT(load(".visible .entry k() { .shared .b8 s[300000]; .reg .b64 %rd<2>; "
                   "mov.u64 %rd1, s; ret; }"),
              HasSubstr("too_large"));
  EXPECT_THAT(load(".global .b8 g[2000000];\n.visible .entry k() { .reg .b64 %rd<2>; "
                   "mov.u64 %rd1, g; ret; }"),
              HasSubstr("exhausted"));
  EXPECT_THAT(load(".extern .func (.param .b32 r) cudaMalloc(.param .b64 a, .param .b64 b);\n"
                   ".visible .entry k() { .param .b64 a; .param .b64 b; .param .b32 r; "
                   "call.uni (r), cudaMalloc, (a, b); ret; }"),
              HasSubstr("cudaMalloc"));
}

TEST(Memory, AllocationsAreBoundedZeroedAndApart) {
  const auto device = NewDevice(BestSimdLevel(), 1, 1 << 20);
  EXPECT_EQ(device->Allocate(0).error().code, Code::kInvalidArgument);
  EXPECT_EQ(device->Allocate((1 << 20) + 1).error().code, Code::kExhausted);
  EXPECT_EQ(device->Allocate(UINT64_MAX).error().code, Code::kExhausted);
  const Result<DeviceAddress> a = device->Allocate(1 << 19);
  const Result<DeviceAddress> b = device->Allocate((1 << 19) - 100);
  ASSERT_TRUE(a && b);
  EXPECT_EQ(*a % 256, 0u);
  EXPECT_EQ(*b % 256, 0u);
  EXPECT_EQ(device->Allocate(101).error().code, Code::kExhausted);
  Bytes ones(1 << 19, 1);
  EXPECT_TRUE(device->Write(*a, ones));
  EXPECT_FALSE(device->Write(*a + 1, ones));
  EXPECT_FALSE(device->Write(0, Bytes(4)));
  EXPECT_EQ(device->Free(*a + 256).error().code, Code::kNotFound);
  EXPECT_TRUE(device->Free(*a));
  EXPECT_FALSE(device->Free(*a));
  Bytes four(4);
  EXPECT_FALSE(device->Read(*a, four));
  const Result<DeviceAddress> again = device->Allocate(1 << 19);
  ASSERT_TRUE(again);
  Bytes zeros(1 << 19, 7);
  ASSERT_TRUE(device->Read(*again, zeros));
  EXPECT_EQ(zeros, Bytes(1 << 19, 0));
}

TEST(Threads, ResultsAndErrorsDoNotDependOnTheirNumber) {
  const std::string hash =
      "mov.u32 %r5, %ctaid.x; mov.u32 %r6, %ntid.x; mad.lo.u32 %r7, %r5, %r6, %r0; "
      "mov.u32 %r1, %r7; and.b32 %r8, %r7, 63; mov.u32 %r9, 0;\n"
      "L: mul.lo.u32 %r1, %r1, 1664525; add.u32 %r1, %r1, 1013904223; xor.b32 %r1, %r1, %r9; "
      "add.u32 %r9, %r9, 1; setp.le.u32 %p1, %r9, %r8; @%p1 bra L;\n"
      "mul.wide.u32 %rd1, %r7, 4; add.s64 %rd1, %rd1, %rd0; ";
  std::vector<Bytes> results;
  std::vector<uint64_t> counts;
  for (const uint32_t threads : {1u, 2u, 5u}) {
    PtxRun run;
    run.text = Kernel(hash + "st.global.u32 [%rd1], %r1;");
    run.block = Dim3{100, 1, 1};
    run.grid = Dim3{700, 1, 1};
    run.threads = threads;
    run.buffers = {Bytes(size_t{4} * 70000, 0)};
    const Result<LaunchStats> stats = run.Go();
    ASSERT_TRUE(stats) << stats.error().message;
    results.push_back(run.buffers[0]);
    counts.push_back(stats->thread_instructions);
    // Too small a buffer: the same block and thread is named, however many run.
    PtxRun fault = run;
    fault.buffers = {Bytes(size_t{4} * 33333, 0)};
    const Result<LaunchStats> failed = fault.Go();
    ASSERT_FALSE(failed);
    EXPECT_THAT(failed.error().message, HasSubstr("block (333,0,0), thread (33,0,0)"));
    // A budget that the fault comes too late for.
    fault.budget.thread_instructions = counts[0] / 4;
    EXPECT_EQ(fault.Go().error().code, Code::kExhausted);
  }
  EXPECT_EQ(results[0], results[1]);
  EXPECT_EQ(results[0], results[2]);
  EXPECT_EQ(counts[0], counts[1]);
  EXPECT_EQ(counts[0], counts[2]);
}

}  // namespace
}  // namespace souk::gpu::cpu_test
