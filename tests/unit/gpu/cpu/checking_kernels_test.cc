// The checking mode against CUDA kernels that are right and their neighbours that are not
// (checking/kernels.cu).
#include <gtest/gtest.h>

#include "unit/gpu/cpu/checking_support.h"

namespace souk::gpu::cpu_test {
namespace {

constexpr FindingKind kBlocks = FindingKind::kBlockConflict;
constexpr FindingKind kRace = FindingKind::kRace;
constexpr FindingKind kAtomics = FindingKind::kAtomicOrder;
constexpr FindingKind kUninitialised = FindingKind::kUninitialised;

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

}  // namespace
}  // namespace souk::gpu::cpu_test
