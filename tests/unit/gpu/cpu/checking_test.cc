// The checking mode against CUDA kernels that are right and their neighbours that are not
// (checking/kernels.cu), and against PTX that no compiler writes.
#include "gpu/cpu/checking.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

#include "gpu/ptx/module.h"
#include "protocol/base/file.h"
#include "unit/gpu/cpu/run_ptx.h"

namespace souk::gpu::cpu_test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr FindingKind kBlocks = FindingKind::kBlockConflict;
constexpr FindingKind kRace = FindingKind::kRace;
constexpr FindingKind kAtomics = FindingKind::kAtomicOrder;
constexpr FindingKind kUninitialised = FindingKind::kUninitialised;

struct Checked {
  CheckReport report = {};
  std::vector<Bytes> buffers = {};
  std::optional<Error> error = std::nullopt;

  std::vector<FindingKind> Kinds() const {
    std::vector<FindingKind> kinds;
    for (const Finding& f : report.findings) kinds.push_back(f.kind);
    std::sort(kinds.begin(), kinds.end());
    kinds.erase(std::unique(kinds.begin(), kinds.end()), kinds.end());
    return kinds;
  }
};

std::string Describe(const CheckReport& report) {
  std::string text;
  for (const Finding& f : report.findings) {
    text += std::string(FindingKindName(f.kind)) + ": line " + std::to_string(f.first.line) + " " +
            f.first.what + " thread " + std::to_string(f.first.thread) + " and line " +
            std::to_string(f.second.line) + " " + f.second.what + " thread " +
            std::to_string(f.second.thread) + " at " + f.space + " " + std::to_string(f.offset) +
            " " + std::to_string(f.times) + " times\n";
  }
  return text;
}

std::string ReadKernels() {
  const Result<Bytes> text =
      ReadFile(std::string(SOUK_SOURCE_DIR) + "/tests/unit/gpu/cpu/checking/kernels.ptx", 1 << 22);
  EXPECT_TRUE(text);
  return text ? std::string(text->begin(), text->end()) : "";
}

// One launch in checking mode; what it leaves in memory must be what a plain launch leaves, unless
// that would be an error too.
struct CheckedRun {
  std::string text = {};  // empty: kernels.ptx
  std::string kernel = "k";
  Dim3 grid = {};
  Dim3 block = {};
  std::vector<Bytes> buffers = {};
  std::vector<uint32_t> scalars = {};
  uint32_t dynamic_shared_bytes = 0;
  CheckingOptions options = {};

  Result<std::vector<Bytes>> On(Device& device) const {
    static const std::string kKernels = ReadKernels();
    ASSIGN_OR_RETURN(const ptx::Module parsed, ptx::Parse(text.empty() ? kKernels : text));
    ASSIGN_OR_RETURN(const ptx::Module module, ptx::Canonicalize(parsed));
    const std::set<std::string> kernels = {kernel};
    ASSIGN_OR_RETURN(const ModuleHandle handle, device.LoadFor(module, &kernels));
    Params params;
    std::vector<DeviceAddress> addresses;
    for (const Bytes& buffer : buffers) {
      ASSIGN_OR_RETURN(const DeviceAddress address, device.Allocate(buffer.size()));
      RETURN_IF_ERROR(device.Write(address, buffer));
      addresses.push_back(address);
      params.U64(address);
    }
    for (const uint32_t scalar : scalars) params.U32(scalar);
    LaunchRequest request;
    request.kernel = kernel;
    request.grid = grid;
    request.block = block;
    request.dynamic_shared_bytes = dynamic_shared_bytes;
    request.params = params.bytes();
    RETURN_IF_ERROR(device.Launch(handle, request, LaunchBudget{uint64_t{1} << 32}));
    std::vector<Bytes> after = buffers;
    for (size_t i = 0; i < buffers.size(); ++i) {
      RETURN_IF_ERROR(device.Read(addresses[i], after[i]));
    }
    return after;
  }

  Checked Go() const {
    Checked checked;
    const std::unique_ptr<CheckingDevice> device = MakeCheckingDevice(options);
    const Result<std::vector<Bytes>> after = On(*device);
    checked.report = device->TakeReport();
    if (!after) {
      checked.error = after.error();
      return checked;
    }
    checked.buffers = *after;
    const Result<std::vector<Bytes>> plain = On(*NewDevice(SimdLevel::kAvx512));
    // What lies between two variables is another's in a plain launch.
    const bool stray =
        std::any_of(checked.report.findings.begin(), checked.report.findings.end(),
                    [](const Finding& f) { return f.kind == FindingKind::kStrayAddress; });
    EXPECT_TRUE(stray || (plain && *plain == *after))
        << kernel << " leaves other bytes when checked";
    return checked;
  }
};

std::vector<uint32_t> Iota(size_t count) {
  std::vector<uint32_t> values(count);
  for (size_t i = 0; i < count; ++i) values[i] = static_cast<uint32_t>(i);
  return values;
}
Bytes Words(size_t count) {
  return ToBuffer(Iota(count));
}
Bytes Zeros(size_t words) {
  return Bytes(words * 4, 0);
}
Bytes SomeBytes(size_t count) {
  Bytes bytes(count);
  for (size_t i = 0; i < count; ++i) bytes[i] = static_cast<uint8_t>(i * 37);
  return bytes;
}

struct Case {
  CheckedRun run;
  std::vector<FindingKind> kinds;
};

void PrintTo(const Case& c, std::ostream* out) {
  *out << c.run.kernel;
}

class CheckingKernels : public testing::TestWithParam<Case> {};

TEST_P(CheckingKernels, AreJudgedByWhatTheyDo) {
  const Checked checked = GetParam().run.Go();
  ASSERT_FALSE(checked.error) << checked.error->message;
  EXPECT_EQ(checked.Kinds(), GetParam().kinds) << Describe(checked.report);
  EXPECT_EQ(checked.report.clean(), GetParam().kinds.empty());
  EXPECT_EQ(checked.report.launches, 1u);
}

Case Clean(CheckedRun run) {
  return {std::move(run), {}};
}

const Case kCases[] = {
    Clean({.kernel = "vector_add",
           .grid = {5},
           .block = {96},
           .buffers = {Words(450), Words(450), Zeros(450)},
           .scalars = {450}}),
    Clean({.kernel = "scatter",
           .grid = {4},
           .block = {64},
           .buffers = {Words(256), Zeros(256)},
           .scalars = {256}}),
    {{.kernel = "scatter",
      .grid = {4},
      .block = {64},
      .buffers = {ToBuffer([] {
                    std::vector<uint32_t> index = Iota(256);
                    index[200] = 3;  // of another block
                    return index;
                  }()),
                  Zeros(256)},
      .scalars = {256}},
     {kBlocks}},
    {{.kernel = "scatter",
      .grid = {4},
      .block = {64},
      .buffers = {ToBuffer([] {
                    std::vector<uint32_t> index = Iota(256);
                    index[5] = 60;  // of another warp in the block
                    return index;
                  }()),
                  Zeros(256)},
      .scalars = {256}},
     {kRace}},
    {{.kernel = "shift_in_place",
      .grid = {3},
      .block = {64},
      .buffers = {Words(192)},
      .scalars = {192}},
     {kBlocks}},
    Clean({.kernel = "shift_in_place",
           .grid = {1},
           .block = {192},
           .buffers = {Words(192)},
           .scalars = {192}}),
    Clean({.kernel = "shift",
           .grid = {3},
           .block = {64},
           .buffers = {Words(192), Zeros(192)},
           .scalars = {192}}),
    Clean({.kernel = "bytes",
           .grid = {7},
           .block = {33},
           .buffers = {SomeBytes(231), Bytes(231, 0)},
           .scalars = {231}}),
    Clean({.kernel = "histogram",
           .grid = {4},
           .block = {64},
           .buffers = {SomeBytes(256), Zeros(256)},
           .scalars = {256}}),
    {{.kernel = "mixed_atomics", .grid = {2}, .block = {32}, .buffers = {Zeros(32)}}, {kAtomics}},
    Clean({.kernel = "mixed_atomics", .grid = {1}, .block = {32}, .buffers = {Zeros(32)}}),
    {{.kernel = "atomic_and_store", .grid = {2}, .block = {32}, .buffers = {Zeros(32)}}, {kBlocks}},
    {{.kernel = "ticket", .grid = {4}, .block = {1}, .buffers = {Zeros(1), Zeros(4)}}, {kAtomics}},
    {{.kernel = "float_atomics", .grid = {1}, .block = {64}, .buffers = {Zeros(1)}}, {kAtomics}},
    Clean({.kernel = "float_atomics", .grid = {1}, .block = {1}, .buffers = {Zeros(1)}}),

    Clean({.kernel = "matmul",
           .grid = {2, 2},
           .block = {16, 16},
           .buffers = {Words(1024), Words(1024), Zeros(1024)},
           .scalars = {32}}),
    {{.kernel = "matmul_no_first",
      .grid = {2, 2},
      .block = {16, 16},
      .buffers = {Words(1024), Words(1024), Zeros(1024)},
      .scalars = {32}},
     {kRace, kUninitialised}},
    {{.kernel = "matmul_no_second",
      .grid = {2, 2},
      .block = {16, 16},
      .buffers = {Words(1024), Words(1024), Zeros(1024)},
      .scalars = {32}},
     {kRace}},
    Clean({.kernel = "stencil",
           .grid = {4},
           .block = {64},
           .buffers = {Words(250), Zeros(250)},
           .scalars = {250},
           .dynamic_shared_bytes = 68 * 4}),
    Clean({.kernel = "stencil2d",
           .grid = {3, 3},
           .block = {32, 8},
           .buffers = {Words(90 * 20), Zeros(90 * 20)},
           .scalars = {90, 20}}),
    Clean({.kernel = "reduce", .grid = {3}, .block = {256}, .buffers = {Words(768), Zeros(3)}}),
    Clean({.kernel = "reduce_same_thread",
           .grid = {3},
           .block = {256},
           .buffers = {Words(768), Zeros(3)}}),
    {{.kernel = "warp_without_sync", .grid = {2}, .block = {64}, .buffers = {Words(128), Zeros(2)}},
     {kRace}},
    {{.kernel = "warp_volatile", .grid = {2}, .block = {64}, .buffers = {Words(128), Zeros(2)}},
     {kRace}},
    {{.kernel = "warp_half_sync", .grid = {2}, .block = {64}, .buffers = {Words(128), Zeros(2)}},
     {kRace}},
    Clean({.kernel = "warp_with_sync",
           .grid = {2},
           .block = {64},
           .buffers = {Words(128), Zeros(2)}}),
    Clean({.kernel = "halves", .block = {32}, .buffers = {Words(32), Zeros(32)}, .scalars = {0}}),
    {{.kernel = "halves", .block = {32}, .buffers = {Words(32), Zeros(32)}, .scalars = {1}},
     {kRace}},
    {{.kernel = "one_word", .grid = {3}, .block = {32}, .buffers = {Zeros(3)}}, {kRace}},
    Clean({.kernel = "one_word", .grid = {3}, .block = {1}, .buffers = {Zeros(3)}}),
    Clean({.kernel = "one_word_by_one", .grid = {3}, .block = {64}, .buffers = {Zeros(3)}}),
    Clean({.kernel = "bytes_to_words",
           .block = {256},
           .buffers = {SomeBytes(256), Zeros(64)},
           .scalars = {0}}),
    {{.kernel = "bytes_to_words",
      .block = {256},
      .buffers = {SomeBytes(256), Zeros(64)},
      .scalars = {1}},
     {kRace, kUninitialised}},
    Clean({.kernel = "scan", .grid = {2}, .block = {128}, .buffers = {Words(256), Zeros(256)}}),
    Clean({.kernel = "bitonic", .grid = {2}, .block = {256}, .buffers = {Words(512)}}),
    Clean({.kernel = "early_return",
           .block = {128},
           .buffers = {Words(128), Zeros(128)},
           .scalars = {77}}),
    {{.kernel = "store_and_leave", .block = {64}, .buffers = {Words(64), Zeros(64)}}, {kRace}},
    Clean({.kernel = "producer_consumer", .block = {64}, .buffers = {Words(128), Zeros(128)}}),
    {{.kernel = "producer_in_haste", .block = {64}, .buffers = {Words(64), Zeros(32)}}, {kRace}},
    Clean({.kernel = "pairs", .block = {128}, .buffers = {Words(128), Zeros(128)}, .scalars = {0}}),
    {{.kernel = "pairs", .block = {128}, .buffers = {Words(128), Zeros(128)}, .scalars = {1}},
     {kRace}},
    Clean({.kernel = "chain", .block = {96}, .buffers = {Words(32), Zeros(32)}}),
    {{.kernel = "spin", .block = {64}, .buffers = {Zeros(1), Zeros(2)}}, {kRace}},

    Clean({.kernel = "async_right", .block = {64}, .buffers = {Words(128), Zeros(128)}}),
    Clean({.kernel = "async_first", .block = {64}, .buffers = {Words(128), Zeros(128)}}),
    {{.kernel = "async_no_wait", .block = {64}, .buffers = {Words(128), Zeros(128)}}, {kRace}},
    {{.kernel = "async_no_barrier", .block = {64}, .buffers = {Words(128), Zeros(128)}},
     {kRace, kUninitialised}},

    Clean({.kernel = "shared_partly",
           .block = {64},
           .buffers = {Words(64), Zeros(64)},
           .scalars = {64}}),
    {{.kernel = "shared_partly", .block = {64}, .buffers = {Words(64), Zeros(64)}, .scalars = {63}},
     {kUninitialised}},
    Clean({.kernel = "shared_unused",
           .block = {64},
           .buffers = {Words(64), Zeros(64)},
           .scalars = {40}}),
    Clean({.kernel = "local_partly",
           .block = {32},
           .buffers = {Words(64), Zeros(32)},
           .scalars = {16}}),
    {{.kernel = "local_partly", .block = {32}, .buffers = {Words(64), Zeros(32)}, .scalars = {15}},
     {kUninitialised}},
    {{.kernel = "shared_counter", .block = {32}, .buffers = {Zeros(1)}}, {kUninitialised}},

    Clean({.kernel = "shuffle_sum", .grid = {2}, .block = {64}, .buffers = {Words(128), Zeros(4)}}),
    {{.kernel = "shuffle_sum", .block = {48}, .buffers = {Words(48), Zeros(2)}},
     {FindingKind::kAbsentLane}},
    {{.kernel = "shuffle_absent", .block = {32}, .buffers = {Words(32), Zeros(32)}},
     {FindingKind::kAbsentLane}},
    {{.kernel = "active", .block = {32}, .buffers = {Zeros(32)}}, {FindingKind::kDeviceChoice}},
    Clean({.kernel = "ballot", .block = {32}, .buffers = {Words(32), Zeros(1)}}),
    Clean({.kernel = "quotient",
           .block = {32},
           .buffers = {Words(32), ToBuffer(std::vector<uint32_t>(32, 3)), Zeros(32)}}),
    {{.kernel = "quotient", .block = {32}, .buffers = {Words(32), Words(32), Zeros(32)}},
     {FindingKind::kUnspecified}},
    {{.kernel = "stale", .block = {32}, .buffers = {Words(32), Zeros(32)}},
     {FindingKind::kStaleRead}},
    Clean({.kernel = "over_the_end",
           .block = {32},
           .buffers = {Words(32), Zeros(32)},
           .scalars = {0}}),
    {{.kernel = "over_the_end", .block = {32}, .buffers = {Words(32), Zeros(32)}, .scalars = {1}},
     {FindingKind::kStrayAddress}},
    Clean({.kernel = "over_the_local_end",
           .block = {32},
           .buffers = {Zeros(32), Zeros(32)},
           .scalars = {8}}),
    {{.kernel = "over_the_local_end",
      .block = {32},
      .buffers = {Zeros(32), Zeros(32)},
      .scalars = {9}},
     {FindingKind::kStrayAddress}},
};

std::string NameOf(const testing::TestParamInfo<Case>& info) {
  return info.param.run.kernel + "_" + std::to_string(info.index);
}

INSTANTIATE_TEST_SUITE_P(, CheckingKernels, testing::ValuesIn(kCases), NameOf);

// ---- PTX that no compiler writes ----

// Kernel k of a buffer p, whose address is %l0.
std::string Ptx(const std::string& body, const std::string& target = "sm_80") {
  return ".version 8.0\n.target " + target +
         "\n.address_size 64\n.visible .entry k(.param .u64 p) { .reg .pred %p<9>; .reg .b16 "
         "%h<9>; "
         ".reg .b32 %r<9>; .reg .b64 %l<9>; .shared .align 16 .b8 sh[256]; "
         "ld.param.u64 %l0, [p]; mov.u32 %r0, %tid.x; mul.wide.u32 %l1, %r0, 4; "
         "add.s64 %l1, %l1, %l0; mov.u32 %r8, sh;\n" +
         body + "\nret; }";
}

Checked CheckPtx(const std::string& body, const std::string& target = "sm_80") {
  Checked checked =
      CheckedRun{.text = Ptx(body, target), .block = {32}, .buffers = {Words(64)}}.Go();
  EXPECT_FALSE(checked.error) << body << ": " << checked.error->message;
  return checked;
}

TEST(Checking, FindsRegistersThatWereNeverWrittenWhereTheyDecide) {
  for (const char* body :
       {"st.global.u32 [%l1], %r5;", "add.s32 %r6, %r5, 1; st.global.u32 [%l1], %r6;",
        "mov.b32 %r6, %r5; mov.b32 %r7, %r6; st.global.u32 [%l1], %r7;",
        "@%p1 st.global.u32 [%l1], 1;",
        "@%p1 bra L; st.global.u32 [%l1], 1; L:", "@%p1 exit; st.global.u32 [%l1], 1;",
        "setp.lt.u32 %p1, %r5, 4; selp.u32 %r6, 1, 2, %p1; st.global.u32 [%l1], %r6;",
        "mov.u32 %r6, 1; @%p1 mov.u32 %r6, 2; st.global.u32 [%l1], %r6;",
        "setp.lt.u32 %p1, %r0, 9; @%p1 mov.u32 %r6, 2; st.global.u32 [%l1], %r6;",
        ("cvt.u64.u32 %l2, %r5; and.b64 %l2, %l2, 4; add.s64 %l2, %l2, %l0; ld.global.u32 %r1, "
         "[%l2];"),
        "mov.b64 %l2, {%r0, %r5}; st.global.u64 [%l0], %l2;",
        "setp.eq.u32 %p2, %r0, 0; @!%p2 exit; red.global.add.u32 [%l0], %r5;",
        ("shl.b32 %r1, %r0, 2; st.shared.u32 [%r1], %r5; ld.shared.u32 %r2, [%r1]; st.global.u32 "
         "[%l1], %r2;"),
        "shfl.sync.bfly.b32 %r1, %r5, 1, 31, -1; st.global.u32 [%l1], %r1;",
        "vote.sync.any.pred %p2, %p1, -1; selp.u32 %r1, 1, 2, %p2; st.global.u32 [%l1], %r1;",
        "bar.red.popc.u32 %r1, 0, %p1; st.global.u32 [%l1], %r1;", "bar.warp.sync %r5;",
        "add.cc.u32 %r1, %r5, %r5; addc.u32 %r2, 0, 0; st.global.u32 [%l1], %r2;"}) {
    const Checked checked = CheckPtx(body);
    ASSERT_THAT(checked.Kinds(), testing::Contains(kUninitialised)) << body;
    EXPECT_EQ(checked.report.findings[0].second.line, 5u) << body;
  }
}

Checked CheckWarps(const std::string& body, uint32_t warps) {
  return CheckedRun{.text = Ptx("shr.u32 %r7, %r0, 5; setp.lt.u32 %p1, %r7, 2; " + body),
                    .block = {warps * 32},
                    .buffers = {Words(256)}}
      .Go();
}

TEST(Checking, FindsBarriersThatLeaveOpenWhoMeetsWhom) {
  for (const char* body :
       {"bar.sync 1, 64;", "bar.red.popc.u32 %r1, 1, 64, %p1; st.global.u32 [%l1], %r1;",
        "@%p1 bar.sync 1, 64; @!%p1 bar.sync 1, 64;",
        "@!%p1 bar.arrive 1, 64; @%p1 bar.sync 1, 64;"}) {
    const Checked four = CheckWarps(body, 4);
    EXPECT_THAT(four.Kinds(), testing::Contains(FindingKind::kOpenBarrier)) << body;
    EXPECT_THAT(CheckWarps("bar.sync 1, 64;", 2).Kinds(), IsEmpty());
  }
  // Different counts.
  EXPECT_THAT(CheckWarps("@%p1 bar.sync 1, 128; @!%p1 bar.sync 1, 96;", 4).Kinds(),
              testing::Contains(FindingKind::kOpenBarrier));
  // Two pairs with two barriers; with one barrier and all between them.
  EXPECT_THAT(CheckWarps("@%p1 bar.sync 1, 64; @!%p1 bar.sync 2, 64;", 4).Kinds(), IsEmpty());
  EXPECT_THAT(CheckWarps("@%p1 bar.sync 1, 64; bar.sync 0; @!%p1 bar.sync 1, 64;", 4).Kinds(),
              IsEmpty());
}

TEST(Checking, FindsLanesThatAWarpBarrierDoesNotName) {
  EXPECT_THAT(CheckPtx("bar.warp.sync 0xffff;").Kinds(),
              testing::Contains(FindingKind::kAbsentLane));
  EXPECT_THAT(CheckPtx("bar.warp.sync -1;").Kinds(), IsEmpty());
}

TEST(Checking, LetsUndefinedValuesBeMovedAndDropped) {
  for (const char* body :
       {"mov.b32 %r6, %r5; add.s32 %r6, %r6, %r5; shl.b32 %r1, %r0, 2; st.shared.u32 [%r1], %r6;",
        "setp.lt.u32 %p1, %r0, 99; selp.u32 %r6, %r0, %r5, %p1; st.global.u32 [%l1], %r6;",
        "setp.lt.u32 %p1, %r0, 9; @%p1 mov.u32 %r6, 2; @%p1 st.global.u32 [%l1], %r6;",
        "add.s32 %r6, %r5, 1; mov.u32 %r6, 3; st.global.u32 [%l1], %r6;",
        "shfl.sync.bfly.b32 %r1, %r5, 1, 31, -1; mov.u32 %r1, 1; st.global.u32 [%l1], %r1;",
        ("{ .local .b64 x; ld.local.u64 %l2, [x]; st.local.u32 [x], %r0; ld.local.u32 %r1, [x]; "
         "st.global.u32 [%l1], %r1; }")}) {
    const Checked checked = CheckPtx(body);
    EXPECT_TRUE(checked.report.clean()) << body << "\n" << Describe(checked.report);
  }
}

// %f0, %d0: a NaN that the kernel makes.
std::string WithNan(const std::string& body) {
  return ".reg .f32 %f<8>; .reg .f64 %d<8>; mov.f32 %f1, 0f7F800000; sub.f32 %f0, %f1, %f1; "
         "mov.f64 %d1, 0d7FF0000000000000; sub.f64 %d0, %d1, %d1; " +
         body;
}

TEST(Checking, FindsNansWhoseBitsTheIsaLeavesOpenWhereTheyAreSeen) {
  for (
      const char* body :
      {"st.global.f32 [%l1], %f0;", "mov.b32 %r6, %f0; st.global.u32 [%l1], %r6;",
       "add.f32 %f2, %f0, 0f3F800000; st.global.f32 [%l1], %f2;",
       "neg.f32 %f2, %f0; st.global.f32 [%l1], %f2;", "abs.f32 %f2, %f0; st.global.f32 [%l1], %f2;",
       "fma.rn.f64 %d2, %d0, %d0, %d1; st.global.f64 [%l0], %d2;",
       "cvt.f64.f32 %d2, %f0; st.global.f64 [%l0], %d2;",
       "min.f64 %d2, %d0, %d0; st.global.f64 [%l0], %d2;",
       "copysign.f32 %f2, %f0, 0f3F800000; st.global.f32 [%l1], %f2;",
       "mov.b64 {%r6, %r7}, %d0; st.global.u32 [%l1], %r6;",
       "mov.b32 %r6, %f0; setp.lt.s32 %p1, %r6, 0; @%p1 exit;",
       ("shl.b32 %r1, %r0, 2; st.shared.f32 [%r1], %f0; ld.shared.f32 %f3, [%r1]; st.global.f32 "
        "[%l1], %f3;"),
       // The upper word of a double is no number of its own.
       ("shl.b32 %r1, %r0, 3; st.shared.f64 [%r1], %d0; ld.shared.f32 %f3, [%r1+4]; setp.lt.f32 "
        "%p1, %f3, 0f00000000; @%p1 exit;"),
       "mov.b32 %r6, %f0; shfl.sync.bfly.b32 %r1, %r6, 1, 31, -1; st.global.u32 [%l1], %r1;",
       "cvt.rn.f16.f32 %h1, %f0; st.global.b16 [%l1], %h1;",
       "mov.b16 %h1, 0x7C00; sub.f16 %h2, %h1, %h1; st.global.b16 [%l1], %h2;",
       "mov.b16 %h1, 0x7F80; fma.rn.bf16 %h2, %h1, %h1, %h1; neg.bf16 %h3, %h1; fma.rn.bf16 %h2, "
       "%h2, %h3, %h1; st.global.b16 [%l1], %h2;",
       "mov.b32 %r6, 0x7C003C00; sub.f16x2 %r7, %r6, %r6; st.global.u32 [%l1], %r7;",
       "mov.b16 %h1, 0x7E01; cvt.f32.f16 %f2, %h1; st.global.f32 [%l1], %f2;",
       "cvt.rn.f16x2.f32 %r6, %f0, %f1; st.global.u32 [%l1], %r6;",
       // Half of a double, read as a number.
       "mov.b64 %l2, %d0; shl.b32 %r1, %r0, 2; st.shared.u32 [%r1], %l2; ld.shared.f32 %f3, "
       "[%r1]; setp.lt.f32 %p1, %f3, 0f00000000; @%p1 exit;",
       "shl.b32 %r1, %r0, 2; st.shared.f32 [%r1], %f0; ld.shared.u32 %l2, [%r1]; mov.b64 %d2, %l2; "
       "setp.lt.f64 %p1, %d2, 0d0000000000000000; @%p1 exit;",
       "selp.f32 %f2, %f0, %f1, %p1; st.global.f32 [%l1], %f2;"}) {
    const Checked checked = CheckPtx(WithNan("setp.lt.u32 %p1, %r0, 40; " + std::string(body)));
    EXPECT_THAT(checked.Kinds(), testing::Contains(FindingKind::kUnspecified)) << body;
    if (checked.report.findings.empty()) continue;
    EXPECT_EQ(checked.report.findings[0].first.what, "NaN") << body;
  }
}

TEST(Checking, ANanIsANumberLikeAnyOther) {
  for (const char* body :
       {"setp.nan.f32 %p1, %f0, %f0; @%p1 exit;", "testp.infinite.f32 %p1, %f0; @%p1 exit;",
        "max.f32 %f2, %f0, 0f3F800000; st.global.f32 [%l1], %f2;",
        "cvt.rzi.s32.f32 %r6, %f0; st.global.u32 [%l1], %r6;",
        "max.NaN.f32 %f2, %f0, 0f3F800000; st.global.f32 [%l1], %f2;",
        ("add.f32 %f2, %f0, %f0; mov.f32 %f3, %f2; setp.gt.f32 %p1, %f3, 0f00000000; selp.f32 %f4, "
         "%f3, %f1, %p1; st.global.f32 [%l1], %f4;"),
        ("shl.b32 %r1, %r0, 2; st.shared.f32 [%r1], %f0; ld.shared.f32 %f3, [%r1]; max.f32 %f3, "
         "%f3, 0f3F800000; st.global.f32 [%l1], %f3;"),
        ("shl.b32 %r1, %r0, 3; st.shared.f64 [%r1], %d0; ld.shared.f64 %d3, [%r1]; setp.nan.f64 "
         "%p1, %d3, %d3; @%p1 exit;"),
        ("mov.b32 %r6, %f0; shfl.sync.bfly.b32 %r1, %r6, 1, 31, -1; mov.b32 %f2, %r1; min.f32 %f2, "
         "%f2, 0f00000000; st.global.f32 [%l1], %f2;"),
        "mov.b16 %h1, 0x7C00; sub.f16 %h2, %h1, %h1; setp.nan.f16 %p1, %h2, %h2; @%p1 exit;",
        "mov.b16 %h1, 0x7C00; sub.f16 %h2, %h1, %h1; cvt.f32.f16 %f2, %h2; setp.nan.f32 %p1, %f2, "
        "%f2; @%p1 exit;",
        "shl.b32 %r1, %r0, 1; cvt.rn.f16.f32 %h1, %f0; st.shared.b16 [%r1], %h1; ld.shared.b16 "
        "%h2, "
        "[%r1]; setp.nan.f16 %p1, %h2, %h2; @%p1 exit;",
        "add.sat.f32 %f2, %f0, %f0; st.global.f32 [%l1], %f2;"}) {
    const Checked checked = CheckPtx(WithNan(body));
    EXPECT_TRUE(checked.report.clean()) << body << "\n" << Describe(checked.report);
  }
  // What the host gave is fixed, and so is what is only moved.
  const Checked given = CheckedRun{
      .text = Ptx("ld.global.u32 %r1, [%l1]; st.global.u32 [%l1], %r1;"),
      .block = {32},
      .buffers = {
          Bytes(256, 0xff)}}.Go();
  EXPECT_TRUE(given.report.clean()) << Describe(given.report);
}

TEST(Checking, OneOperandOfAnAndMayDecideAlone) {
  for (const char* body : {"setp.lt.u32 %p2, %r0, 0; and.pred %p3, %p1, %p2; @%p3 exit;",
                           "setp.lt.u32 %p2, %r0, 99; or.pred %p3, %p2, %p1; @%p3 exit;",
                           "and.b32 %r6, %r5, 0; st.global.u32 [%l1], %r6;",
                           "or.b32 %r6, -1, %r5; st.global.u32 [%l1], %r6;"}) {
    const Checked checked = CheckPtx(body);
    EXPECT_TRUE(checked.report.clean()) << body << "\n" << Describe(checked.report);
  }
  for (const char* body :
       {"setp.lt.u32 %p2, %r0, 99; and.pred %p3, %p1, %p2; @%p3 exit;",
        "setp.lt.u32 %p2, %r0, 0; or.pred %p3, %p2, %p1; @%p3 exit;",
        "and.pred %p3, %p1, %p1; @%p3 exit;", "and.b32 %r6, %r5, 1; st.global.u32 [%l1], %r6;"}) {
    EXPECT_THAT(CheckPtx(body).Kinds(), testing::Contains(kUninitialised)) << body;
  }
}

TEST(Checking, FindsWhatFnsLeavesOpen) {
  EXPECT_THAT(
      CheckPtx("mov.u32 %r1, 40; fns.b32 %r2, -1, %r1, 1; st.global.u32 [%l1], %r2;").Kinds(),
      ElementsAre(FindingKind::kUnspecified));
  EXPECT_THAT(
      CheckPtx("mov.u32 %r1, 4; fns.b32 %r2, -1, %r1, 1; st.global.u32 [%l1], %r2;").Kinds(),
      IsEmpty());
}

TEST(Checking, FindsLanesThatPartWhereTheyArePromisedNotTo) {
  for (const char* body :
       {"setp.lt.u32 %p2, %r0, 7; @%p2 bra.uni L; st.global.u32 [%l1], 1; L:",
        "setp.lt.u32 %p2, %r0, 7; @%p2 ret.uni;",
        "T: .branchtargets A, B; and.b32 %r1, %r0, 1; brx.idx.uni %r1, T; A: B:"}) {
    EXPECT_THAT(CheckPtx(body).Kinds(), ElementsAre(FindingKind::kUnspecified)) << body;
  }
  for (const char* body : {"setp.lt.u32 %p2, %r0, 32; @%p2 bra.uni L; st.global.u32 [%l1], 1; L:",
                           "bra.uni L; L:", "setp.lt.u32 %p2, %r0, 0; @%p2 ret.uni;",
                           "T: .branchtargets A, B; mov.u32 %r1, 1; brx.idx.uni %r1, T; A: B:"}) {
    EXPECT_THAT(CheckPtx(body).Kinds(), IsEmpty()) << body;
  }
}

// In a loop an inlined body has the registers of the turn before.
TEST(Checking, ACallsRegistersAreNew) {
  const auto check = [](const std::string& callee) {
    const std::string text =
        ".version 8.0\n.target sm_80\n.address_size 64\n.func (.reg .u32 r) f(.reg .u32 n) { .reg "
        ".u32 %a<4>; .reg .pred %p<2>; setp.eq.u32 %p0, n, 0; " +
        callee +
        " ret; }\n.visible .entry k(.param .u64 p) { .reg .pred %p<2>; .reg .u32 %r<4>; .reg .u64 "
        "%l0; ld.param.u64 %l0, [p]; mov.u32 %r0, 0;\nAGAIN: call (%r1), f, (%r0);\n"
        "st.global.u32 [%l0], %r1; add.u32 %r0, %r0, 1; setp.lt.u32 %p0, %r0, 3; @%p0 bra AGAIN; "
        "ret; }";
    return CheckedRun{.text = text, .block = {1}, .buffers = {Words(64)}}.Go();
  };
  EXPECT_THAT(check("@%p0 mov.u32 %a1, 5; mov.u32 r, %a1;").Kinds(), ElementsAre(kUninitialised));
  EXPECT_THAT(check("@%p0 mov.u32 r, 5;").Kinds(), ElementsAre(kUninitialised));
  EXPECT_THAT(check("mov.u32 %a1, 5; add.u32 r, %a1, n;").Kinds(), IsEmpty());
  EXPECT_THAT(check("@%p0 mov.u32 %a1, 5; @!%p0 mov.u32 %a1, 6; mov.u32 r, %a1;").Kinds(),
              IsEmpty());
}

TEST(Checking, ACallsVariablesAreNew) {
  const auto check = [](const std::string& callee) {
    const std::string text =
        ".version 8.0\n.target sm_80\n.address_size 64\n.func (.param .b32 r) f(.param .b32 n) { "
        ".local .align 4 .b8 keep[16]; .reg .u32 %a<4>; .reg .pred %p<2>; ld.param.u32 %a0, [n]; "
        "setp.eq.u32 %p0, %a0, 0; mov.u32 %a1, 5; " +
        callee +
        " ret; }\n.visible .entry k(.param .u64 p) { .reg .pred %p<2>; .reg .u32 %r<4>; .reg .u64 "
        "%l0; .param .b32 arg; .param .b32 res; ld.param.u64 %l0, [p]; mov.u32 %r0, 0;\nAGAIN: "
        "st.param.b32 [arg], %r0; call (res), f, (arg); ld.param.b32 %r1, [res]; "
        "st.global.u32 [%l0], %r1; add.u32 %r0, %r0, 1; setp.lt.u32 %p0, %r0, 3; @%p0 bra AGAIN; "
        "ret; }";
    return CheckedRun{.text = text, .block = {1}, .buffers = {Words(64)}}.Go().Kinds();
  };
  EXPECT_THAT(check("@%p0 st.param.b32 [r], %a1;"), ElementsAre(kUninitialised));
  EXPECT_THAT(check("@%p0 st.local.u32 [keep+4], %a1; ld.local.u32 %a2, [keep+4]; st.param.b32 "
                    "[r], %a2;"),
              ElementsAre(kUninitialised));
  EXPECT_THAT(check("st.local.u32 [keep+4], %a0; ld.local.u32 %a2, [keep+4]; st.param.b32 [r], "
                    "%a2;"),
              IsEmpty());
}

TEST(Checking, ACallLeavesTheCarryFlagOpen) {
  const auto check = [](const std::string& body) {
    const std::string text =
        ".version 8.0\n.target sm_80\n.address_size 64\n.func f() { .reg .u32 %a<3>; mov.u32 %a0, "
        "1; add.cc.u32 %a1, %a0, %a0; addc.u32 %a2, %a1, 0; ret; }\n.visible .entry k(.param .u64 "
        "p) { .reg .u32 %r<4>; .reg .u64 %l0; ld.param.u64 %l0, [p]; mov.u32 %r0, -1; " +
        body + " st.global.u32 [%l0], %r2; ret; }";
    return CheckedRun{.text = text, .block = {1}, .buffers = {Words(64)}}.Go().Kinds();
  };
  EXPECT_THAT(check("add.cc.u32 %r1, %r0, %r0; call f; addc.u32 %r2, 0, 0;"),
              ElementsAre(kUninitialised));
  EXPECT_THAT(check("call f; add.cc.u32 %r1, %r0, %r0; addc.u32 %r2, 0, 0;"), IsEmpty());
}

TEST(Checking, FindsUnwrittenBytesOfAWord) {
  EXPECT_THAT(CheckPtx("shl.b32 %r1, %r0, 2; st.shared.u16 [%r1], %r0; ld.shared.u32 %r2, [%r1]; "
                       "st.global.u32 [%l1], %r2;")
                  .Kinds(),
              ElementsAre(kUninitialised));
  EXPECT_THAT(CheckPtx("{ .local .align 8 .b8 x[8]; st.local.u32 [x], %r0; ld.local.v2.u32 {%r1, "
                       "%r2}, [x]; st.global.u32 [%l1], %r1; }")
                  .Kinds(),
              IsEmpty());
  EXPECT_THAT(CheckPtx("{ .local .align 8 .b8 x[8]; st.local.u32 [x], %r0; ld.local.v2.u32 {%r1, "
                       "%r2}, [x]; st.global.u32 [%l1], %r2; }")
                  .Kinds(),
              ElementsAre(kUninitialised));
}

// Each lane writes 8 bytes of sh.
const std::string kFill =
    "shl.b32 %r1, %r0, 3; mov.b64 %l2, {%r0, %r0}; st.shared.u64 [%r1], %l2; ";
const std::string kLoadA = "wmma.load.a.sync.aligned.row.m16n16k16.shared.s8 {%r2, %r3}, [%r8]; ";
const std::string kSquare =
    "mma.sync.aligned.m8n8k16.row.col.s32.s8.s8.s32 {%r4, %r5}, {%r2}, {%r3}, {%r2, %r3}; ";

TEST(Checking, FollowsMatrixInstructions) {
  const std::string store = "st.global.u32 [%l1], %r4;";
  EXPECT_THAT(CheckPtx(kFill + "bar.warp.sync -1; " + kLoadA + kSquare + store).Kinds(), IsEmpty());
  EXPECT_THAT(CheckPtx(kFill + kLoadA + kSquare + store).Kinds(), ElementsAre(kRace));
  EXPECT_THAT(CheckPtx(kLoadA + kSquare + store).Kinds(), ElementsAre(kUninitialised));
  EXPECT_THAT(CheckPtx("mov.u32 %r2, 1; " + kSquare + store).Kinds(), ElementsAre(kUninitialised));
  EXPECT_THAT(CheckPtx("mov.u32 %r2, 1; " + kSquare).Kinds(), IsEmpty());
}

// The rest of a product of what kLoadA has loaded.
std::string Product(const std::string& sums, const std::string& before) {
  return "{ .reg .b32 %b<2>, %c<8>, %q; " + before +
         "wmma.load.b.sync.aligned.col.m16n16k16.shared.s8 {%b0, %b1}, [%r8]; "
         "wmma.mma.sync.aligned.row.col.m16n16k16.s32.s8.s8.s32 {%c0, %c1, %c2, %c3, %c4, %c5, "
         "%c6, "
         "%c7}, {%r2, %r3}, {%b0, %b1}, " +
         sums +
         "; wmma.store.d.sync.aligned.row.m16n16k16.global.s32 [%l0], {%c0, %c1, %c2, %c3, %c4, "
         "%c5, %c6, %c7}; }";
}

TEST(Checking, FindsResultsThatDependOnWhereTheDevicePutsAMatrix) {
  const std::string load = kFill + "bar.warp.sync -1; " + kLoadA;
  const std::string sums = "{%c0, %c1, %c2, %c3, %c4, %c5, %c6, %c7}";
  const auto kinds = [&](const std::string& values, const std::string& before) {
    CheckedRun run{.text = Ptx(load + Product(values, before)), .block = {32}};
    run.buffers = {Words(256)};
    const Checked checked = run.Go();
    EXPECT_FALSE(checked.error) << checked.error->message;
    return checked.Kinds();
  };
  std::string zeros = "mov.u32 %c0, 0; ";
  for (const char* c : {"%c1", "%c2", "%c3", "%c4", "%c5", "%c6", "%c7"}) {
    zeros += std::string("mov.u32 ") + c + ", %c0; ";
  }
  EXPECT_THAT(kinds(sums, zeros), IsEmpty());
  EXPECT_THAT(kinds(sums, "ld.global.u32 %c0, [%l0+12]; bar.warp.sync -1; " +
                              zeros.substr(zeros.find(';') + 1)),
              IsEmpty());
  // The same in all lanes, or from a matrix; not now in some.
  const std::vector<FindingKind> choice = {FindingKind::kDeviceChoice};
  EXPECT_EQ(kinds(sums, zeros + "mov.u32 %c3, %r0; "), choice);
  EXPECT_EQ(kinds(sums, zeros + "setp.lt.u32 %p1, %r0, 9; @%p1 mov.u32 %c3, 0; "), choice);
  EXPECT_EQ(kinds(sums, zeros + "setp.lt.u32 %p1, %r0, 9; @%p1 bra L; mov.u32 %c3, 0; L: "),
            choice);
  EXPECT_EQ(kinds("{%r0, %c1, %c2, %c3, %c4, %c5, %c6, %c7}", zeros), choice);
  // A register of A, and sums in another order.
  const std::string loaded =
      "wmma.load.c.sync.aligned.row.m16n16k16.global.s32 " + sums + ", [%l0]; ";
  EXPECT_THAT(kinds(sums, loaded), IsEmpty());
  for (const std::string values :
       {"{%r2, %c1, %c2, %c3, %c4, %c5, %c6, %c7}", "{%c1, %c0, %c2, %c3, %c4, %c5, %c6, %c7}"}) {
    const Checked checked = CheckedRun{
        .text = Ptx(load + Product(values, loaded)),
        .block = {32},
        .buffers = {Words(256)}}.Go();
    ASSERT_TRUE(checked.error) << values;
    EXPECT_EQ(checked.error->code, Code::kUnsupported) << checked.error->message;
  }
}

// Rows are undefined one by one: lanes 0 to 7 have written those of the first matrix.
TEST(Checking, FollowsTheRowsOfLdmatrix) {
  const std::string first =
      "and.b32 %r1, %r0, 15; mad.lo.u32 %r1, %r1, 16, %r8; setp.lt.u32 %p1, %r0, 8; mov.b64 %l2, "
      "{%r0, %r0}; @%p1 st.shared.v2.u64 [%r1], {%l2, %l2}; ";
  for (const char* transposed : {"", ".trans"}) {
    const std::string load = std::string("ldmatrix.sync.aligned.m8n8.x2") + transposed +
                             ".shared.b16 {%r2, %r3}, [%r1]; ";
    const std::string synced = first + "bar.warp.sync -1; " + load;
    EXPECT_THAT(CheckPtx(synced + "st.global.u32 [%l1], %r2;").Kinds(), IsEmpty());
    EXPECT_THAT(CheckPtx(synced + "st.global.u32 [%l1], %r3;").Kinds(),
                ElementsAre(kUninitialised));
  }
}

TEST(Checking, ForgetsWhatAnEarlierBlockWroteToItsSharedMemory) {
  const std::string body =
      "mov.u32 %r2, %ctaid.x; setp.eq.u32 %p1, %r2, 0; shl.b32 %r1, %r0, 2; "
      "@%p1 st.shared.u32 [%r1], %r0; ld.shared.u32 %r3, [%r1]; @!%p1 st.global.u32 [%l1], %r3;";
  const Checked checked =
      CheckedRun{.text = Ptx(body), .grid = {2}, .block = {32}, .buffers = {Words(32)}}.Go();
  EXPECT_THAT(checked.Kinds(), ElementsAre(kUninitialised)) << Describe(checked.report);
}

TEST(Checking, FindsWhatTheDeviceChooses) {
  for (const char* body :
       {"mov.u32 %r1, %warpid; st.global.u32 [%l1], %r1;",
        "mov.u32 %r1, %smid; setp.eq.u32 %p1, %r1, 0; @%p1 bra L; st.global.u32 [%l1], 1; L:",
        "mov.u32 %r1, %nsmid; st.global.u32 [%l1], %r1;", "activemask.b32 %r1; bar.warp.sync %r1;",
        "elect.sync %r1|%p1, -1; @%p1 st.global.u32 [%l0], 1;"}) {
    EXPECT_THAT(CheckPtx(body, "sm_90").Kinds(), ElementsAre(FindingKind::kDeviceChoice)) << body;
  }
  EXPECT_TRUE(CheckPtx("mov.u32 %r1, %smid; mov.u32 %r2, %laneid; st.global.u32 [%l1], %r2;")
                  .report.clean());
}

TEST(Checking, FindsLanesThatMeetAtDifferentInstructionsOrAreNotNamed) {
  for (const char* body :
       {("setp.lt.u32 %p1, %r0, 9; @%p1 bra L; shfl.sync.idx.b32 %r1, %r0, 0, 31, -1; bra M; "
         "L: shfl.sync.idx.b32 %r1, %r0, 3, 31, -1; M: st.global.u32 [%l1], %r1;"),
        "vote.sync.any.pred %p1, 1, 0x7fffffff;", "match.any.sync.b32 %r1, %r0, 0xfffffffe;",
        ("setp.lt.u32 %p1, %r0, 31; @!%p1 exit; shfl.sync.down.b32 %r1, %r0, 1, 31, -1; "
         "st.global.u32 [%l1], %r1;")}) {
    EXPECT_THAT(CheckPtx(body).Kinds(), ElementsAre(FindingKind::kAbsentLane)) << body;
  }
  // Exited lanes may be named, and what comes from them dropped.
  EXPECT_TRUE(CheckPtx("setp.lt.u32 %p1, %r0, 31; @!%p1 exit; shfl.sync.down.b32 %r1, %r0, 1, 31, "
                       "-1; setp.lt.u32 %p1, %r0, 30; @%p1 st.global.u32 [%l1], %r1;")
                  .report.clean());
}

TEST(Checking, OrdersLanesThatMeetAtDifferentWarpBarriers) {
  const std::string meet =
      "shl.b32 %r1, %r0, 2; st.shared.u32 [%r1], %r0; setp.lt.u32 %p1, %r0, 16; @%p1 bra L; "
      "bar.warp.sync -1; bra M; L: bar.warp.sync ";
  const std::string read =
      "; M: xor.b32 %r1, %r1, 64; ld.shared.u32 %r2, [%r1]; st.global.u32 [%l1], %r2;";
  EXPECT_TRUE(CheckPtx(meet + "-1" + read).report.clean());
  EXPECT_THAT(CheckPtx("shl.b32 %r1, %r0, 2; st.shared.u32 [%r1], %r0; setp.lt.u32 %p1, %r0, 16; "
                       "@%p1 bra L; bar.warp.sync 0xffff0000; bra M; L: bar.warp.sync 0xffff" +
                       read)
                  .Kinds(),
              testing::Contains(kRace));
}

TEST(Checking, FollowsGenericAddressesToTheirWindow) {
  const std::string body =
      "cvta.shared.u64 %l2, 0; mul.wide.u32 %l3, %r0, 4; add.s64 %l3, %l3, %l2; st.u32 [%l3], "
      "%r0; ";
  const std::string read =
      "xor.b32 %r1, %r0, 1; shl.b32 %r1, %r1, 2; ld.shared.u32 %r2, [%r1]; st.global.u32 [%l1], "
      "%r2;";
  EXPECT_THAT(CheckPtx(body + read).Kinds(), ElementsAre(kRace));
  EXPECT_THAT(CheckPtx(body + "bar.sync 0; " + read).Kinds(), IsEmpty());
}

TEST(Checking, TakesACopysSourceToBeReadUntilItsThreadHasWaited) {
  const std::string copy = "shl.b32 %r1, %r0, 2; cp.async.ca.shared.global [%r1], [%l1], 4; ";
  const std::string use =
      "cp.async.wait_all; ld.shared.u32 %r2, [%r1]; st.global.u32 [%l1+128], %r2;";
  EXPECT_THAT(CheckPtx(copy + use).Kinds(), IsEmpty());
  EXPECT_THAT(CheckPtx(copy + "st.global.u32 [%l1], 5; " + use).Kinds(), ElementsAre(kRace));
  EXPECT_THAT(CheckPtx(copy + "st.shared.u32 [%r1], 5; " + use).Kinds(), ElementsAre(kRace));
}

// ---- Reports ----

TEST(Checking, NamesLinesThreadsAndPlaces) {
  const Checked checked = CheckedRun{
      .text = Ptx("add.s32 %r1, %r0, 1;\nst.global.u32 [%l0+8], %r1;"),
      .grid = {2, 3},
      .block = {2, 2},
      .buffers = {Words(8)}}.Go();
  ASSERT_EQ(checked.report.findings.size(), 2u);
  const Finding& race = checked.report.findings[0];
  EXPECT_EQ(race.kind, kRace);
  EXPECT_EQ(race.kernel, "k");
  EXPECT_EQ(race.launch, 0u);
  EXPECT_EQ(race.first.line, 6u);
  EXPECT_EQ(race.first.what, "store");
  EXPECT_EQ(race.first.block, 0u);
  EXPECT_EQ(race.first.thread, 0u);
  EXPECT_EQ(race.second.line, 6u);
  EXPECT_EQ(race.second.block, 0u);
  EXPECT_EQ(race.second.thread, 1u);
  EXPECT_STREQ(race.space, "global");
  EXPECT_EQ(race.allocation, 0u);
  EXPECT_EQ(race.offset, 8u);
  EXPECT_EQ(race.times, 6u * 3);
  EXPECT_EQ(race.grid.y, 3u);
  const Finding& conflict = checked.report.findings[1];
  EXPECT_EQ(conflict.kind, kBlocks);
  EXPECT_EQ(conflict.first.block, 0u);
  EXPECT_EQ(conflict.second.block, 1u);
  EXPECT_EQ(conflict.times, 5u);
  EXPECT_EQ(checked.report.distinct, 2u);
}

TEST(Checking, NamesTheVariableAndTheRegisterThatWasNotWritten) {
  const Checked checked = CheckPtx("st.global.u32 [%l1], %r5;");
  ASSERT_EQ(checked.report.findings.size(), 1u);
  EXPECT_EQ(checked.report.findings[0].first.line, 0u);
  EXPECT_EQ(checked.report.findings[0].first.what, "a register that was never written");
  EXPECT_EQ(checked.report.findings[0].times, 32u);
  const Checked load =
      CheckPtx("shl.b32 %r1, %r0, 2;\nld.shared.u32 %r2, [%r1+64];\nst.global.u32 [%l1], %r2;");
  ASSERT_EQ(load.report.findings.size(), 1u);
  EXPECT_EQ(load.report.findings[0].first.line, 6u);
  EXPECT_EQ(load.report.findings[0].second.line, 7u);
  EXPECT_STREQ(load.report.findings[0].space, "shared");
  EXPECT_EQ(load.report.findings[0].offset, 64u);
}

TEST(Checking, ListsTheFirstPairsOfLinesAndCountsTheRest) {
  std::string body;
  for (int i = 0; i < 100; ++i) body += "st.global.u32 [%l0+" + std::to_string(i * 4) + "], 1;\n";
  const Checked checked =
      CheckedRun{.text = Ptx(body), .block = {32}, .buffers = {Zeros(100)}}.Go();
  EXPECT_EQ(checked.report.findings.size(), 64u);
  EXPECT_EQ(checked.report.distinct, 100u);
}

TEST(Checking, ReportsEveryLaunchUntilItIsAsked) {
  const std::unique_ptr<CheckingDevice> device = MakeCheckingDevice();
  CheckedRun run{.text = Ptx("st.global.u32 [%l0], %r0;"), .block = {1}, .buffers = {Words(8)}};
  ASSERT_TRUE(run.On(*device));
  run.block = {2};
  ASSERT_TRUE(run.On(*device));
  ASSERT_TRUE(run.On(*device));
  const CheckReport report = device->TakeReport();
  EXPECT_EQ(report.launches, 3u);
  ASSERT_EQ(report.findings.size(), 2u) << "of two modules";
  EXPECT_EQ(report.findings[0].launch, 1u);
  EXPECT_EQ(report.findings[0].allocation, 1u);
  EXPECT_TRUE(device->TakeReport().clean());
  EXPECT_EQ(device->TakeReport().launches, 0u);
}

// ---- Bounds ----

TEST(Checking, RefusesALaunchThatIsTooLargeAndGoesOn) {
  const CheckingOptions small{.record_bytes = 1 << 20};
  const std::unique_ptr<CheckingDevice> device = MakeCheckingDevice(small);
  CheckedRun run{.kernel = "vector_add",
                 .grid = {1024},
                 .block = {128},
                 .buffers = {Zeros(1 << 17), Zeros(1 << 17), Zeros(1 << 17)},
                 .scalars = {1 << 17}};
  const Result<std::vector<Bytes>> after = run.On(*device);
  ASSERT_FALSE(after);
  EXPECT_EQ(after.error().code, Code::kExhausted);
  EXPECT_THAT(after.error().message, testing::HasSubstr("too large to check"));
  run.scalars = {32};
  EXPECT_TRUE(run.On(*device)) << "the records of the launch before were given back";
  EXPECT_TRUE(device->TakeReport().clean());
}

TEST(Checking, RefusesCopiesThatPileUp) {
  const Checked checked =
      CheckedRun{.text = Ptx("L: cp.async.ca.shared.global [sh], [%l0], 4; bra L;"),
                 .block = {1},
                 .buffers = {Words(8)},
                 .options = {.record_bytes = 1 << 20}}
          .Go();
  ASSERT_TRUE(checked.error);
  EXPECT_EQ(checked.error->code, Code::kExhausted);
}

TEST(Checking, StopsAtTheBudget) {
  const std::unique_ptr<CheckingDevice> device = MakeCheckingDevice();
  const Result<ModuleHandle> module =
      LoadText(*device, ".visible .entry k() { L: bar.warp.sync -1; bra L; }");
  ASSERT_TRUE(module);
  LaunchRequest request;
  request.kernel = "k";
  const Result<LaunchStats> stats = device->Launch(*module, request, {.thread_instructions = 1000});
  ASSERT_FALSE(stats);
  EXPECT_EQ(stats.error().code, Code::kExhausted);
}

TEST(Checking, FaultsWhereAnAddressLeavesItsBufferEvenForAnother) {
  const CheckedRun run{
      .kernel = "beyond", .block = {32}, .buffers = {Words(32), Zeros(128)}, .scalars = {96}};
  const Result<std::vector<Bytes>> plain = run.On(*NewDevice(SimdLevel::kAvx512));
  EXPECT_TRUE(plain) << "the neighbour's bytes: " << plain.error().message;
  const Checked checked = run.Go();
  ASSERT_TRUE(checked.error);
  EXPECT_EQ(checked.error->code, Code::kFault);
}

// The distance between two buffers is known here, and another one elsewhere.
TEST(Checking, FindsABufferThatIsReachedFromAnother) {
  const std::string body = R"(.visible .entry k(.param .u64 a, .param .u64 b, .param .u64 to) {
.reg .b64 %l<9>; .reg .b32 %r<4>; .reg .pred %p;
ld.param.u64 %l0, [a]; ld.param.u64 %l1, [b]; ld.param.u64 %l2, [to];
ld.global.u64 %l3, [%l2]; add.s64 %l4, %l0, %l3; ld.global.u32 %r1, [%l4]; st.global.u32 [%l2+8], %r1;
mov.u32 %r2, %tid.x; setp.eq.u32 %p, %r2, 0; selp.b64 %l5, %l0, %l1, %p; ld.global.u32 %r1, [%l5];
ret; })";
  const std::unique_ptr<CheckingDevice> device = MakeCheckingDevice();
  const Result<ModuleHandle> module = LoadText(*device, body);
  ASSERT_TRUE(module) << module.error().message;
  const DeviceAddress a = *device->Allocate(64);
  const DeviceAddress b = *device->Allocate(64);
  const DeviceAddress to = *device->Allocate(64);
  LaunchRequest request;
  request.kernel = "k";
  request.params = Params().U64(a).U64(b).U64(to).bytes();
  for (const uint64_t distance : {uint64_t{16}, b - a}) {
    ASSERT_TRUE(device->Write(to, ToBuffer(std::vector<uint64_t>{distance})));
    ASSERT_TRUE(device->Launch(*module, request, {}));
    const CheckReport report = device->TakeReport();
    if (distance == 16) {
      EXPECT_TRUE(report.clean()) << Describe(report);
      continue;
    }
    ASSERT_EQ(report.findings.size(), 1u) << Describe(report);
    EXPECT_EQ(report.findings[0].kind, FindingKind::kStrayAddress);
    EXPECT_EQ(report.findings[0].allocation, 1u);
  }
}

TEST(Checking, KeepsWhatItFoundBeforeAFault) {
  const Checked checked = CheckedRun{
      .text = Ptx("st.global.u32 [%l0], 1; trap;"),
      .block = {32},
      .buffers = {Words(8)}}.Go();
  ASSERT_TRUE(checked.error);
  EXPECT_EQ(checked.error->code, Code::kFault);
  EXPECT_THAT(checked.Kinds(), ElementsAre(kRace));
}

}  // namespace
}  // namespace souk::gpu::cpu_test
