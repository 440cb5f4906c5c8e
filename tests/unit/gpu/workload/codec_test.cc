#include <gtest/gtest.h>

#include <random>

#include "gpu/workload/workload_codec.h"
#include "unit/gpu/workload/sample.h"

namespace souk::gpu {
namespace {

// Resealed by hand: the check that Encode does is what some tests must get around.
Code DecodeCode(const Bytes& bytes) {
  const Result<Workload> workload = DecodeWorkload(bytes);
  EXPECT_FALSE(workload);
  return workload ? Code::kIo : workload.error().code;
}
Code CheckCode(const Workload& workload) {
  const Status checked = CheckWorkload(workload);
  EXPECT_FALSE(checked);
  EXPECT_FALSE(EncodeWorkload(workload));
  return checked ? Code::kIo : checked.error().code;
}

TEST(WorkloadCodec, DecodesWhatItEncodes) {
  const Workload workload = SampleWorkload();
  const Result<Bytes> bytes = EncodeWorkload(workload);
  ASSERT_TRUE(bytes) << bytes.error().message;
  const Result<Workload> decoded = DecodeWorkload(*bytes);
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(*decoded, workload);
}

TEST(WorkloadCodec, KeepsItsBytesForever) {
  // A changed digest would be another workload to every ledger that names it.
  EXPECT_EQ(Sha256(*EncodeWorkload(SampleWorkload())).Hex(), kSampleDigest);
}

TEST(WorkloadCodec, RefusesEveryTruncationAndAnyTrail) {
  Bytes bytes = *EncodeWorkload(SampleWorkload());
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(DecodeWorkload(ByteView(bytes).first(size))) << size;
  }
  bytes.push_back(0);
  EXPECT_EQ(DecodeCode(bytes), Code::kMalformed);
}

TEST(WorkloadCodec, HasOneEncodingPerValueUnderRandomChanges) {
  const Bytes original = *EncodeWorkload(SampleWorkload());
  std::mt19937_64 random(7);
  size_t decoded_count = 0;
  for (int round = 0; round < 20'000; ++round) {
    Bytes bytes = original;
    const size_t changes = 1 + random() % 3;
    for (size_t i = 0; i < changes; ++i) {
      bytes[random() % bytes.size()] ^= static_cast<uint8_t>(1u << random() % 8);
    }
    const Result<Workload> decoded = DecodeWorkload(bytes);
    if (!decoded) continue;
    ++decoded_count;
    const Result<Bytes> again = EncodeWorkload(*decoded);
    ASSERT_TRUE(again);
    EXPECT_EQ(*again, bytes);
  }
  EXPECT_GT(decoded_count, 1000u);  // otherwise the loop above checked nothing
}

TEST(WorkloadCodec, RefusesCountsThatTheBytesCannotHoldBeforeAllocating) {
  Bytes bytes = ToBytes(AsBytes("soukwkl1"));
  bytes.push_back(1);
  bytes.push_back('x');
  PutLe(bytes, uint32_t{0xffffffff});  // modules
  EXPECT_EQ(DecodeCode(bytes), Code::kMalformed);
  EXPECT_EQ(DecodeCode(Bytes(kMaxWorkloadBytes + 1)), Code::kTooLarge);
  EXPECT_EQ(DecodeCode({}), Code::kMalformed);
}

TEST(WorkloadCodec, RefusesLoopsNestedBeyondTheirBound) {
  Workload workload = SampleWorkload();
  for (size_t depth = 0; depth < kMaxLoopDepth; ++depth) {
    Step step;
    step.loop = Loop{.count = 1, .body = workload.steps};
    workload.steps = {step};
  }
  EXPECT_EQ(CheckCode(workload), Code::kTooLarge);
}

TEST(Workload, RefusesMoreLaunchesThanTheBoundWithoutCountingThemOneByOne) {
  Workload workload = SampleWorkload();
  Step step;
  step.loop = Loop{.count = kMaxLaunches, .body = workload.steps};
  workload.steps = {step};
  EXPECT_EQ(CheckCode(workload), Code::kTooLarge);
  workload.steps[0].loop->count = UINT64_MAX;
  EXPECT_EQ(CheckCode(workload), Code::kTooLarge);
}

TEST(Workload, RefusesLoopsOverNothing) {
  Workload workload = SampleWorkload();
  Step empty;
  empty.loop = Loop{.count = UINT64_MAX};
  workload.steps.push_back(empty);
  EXPECT_EQ(CheckCode(workload), Code::kInvalidArgument);
  workload.steps.back().loop = Loop{.count = 0, .body = {workload.steps[0]}};
  EXPECT_EQ(CheckCode(workload), Code::kInvalidArgument);
  workload.steps.clear();
  EXPECT_EQ(CheckCode(workload), Code::kInvalidArgument);
}

TEST(Workload, RefusesShapesWhoseBytesOverflow) {
  Workload workload = SampleWorkload();
  workload.buffers[0].shape = {1ull << 32, 1ull << 32};
  EXPECT_EQ(CheckCode(workload), Code::kOverflow);
  workload.buffers[0].shape = {0};
  EXPECT_EQ(CheckCode(workload), Code::kInvalidArgument);
  workload.buffers[0].shape = std::vector<uint64_t>(kMaxRank + 1, 1);
  EXPECT_EQ(CheckCode(workload), Code::kTooLarge);
}

TEST(Workload, RefusesBuffersBeyondItsMemoryLimit) {
  Workload workload = SampleWorkload();
  workload.limits.memory_bytes = 1;
  EXPECT_EQ(CheckCode(workload), Code::kTooLarge);
}

TEST(Workload, RefusesMoreOutputsThanAReceiptCanList) {
  Workload workload = SampleWorkload();
  workload.outputs.clear();
  for (uint32_t i = 0; i <= kMaxOutputs; ++i) {
    const uint32_t buffer = static_cast<uint32_t>(workload.buffers.size());
    workload.buffers.push_back({.name = "out" + std::to_string(i), .shape = {1}});
    workload.outputs.push_back({.buffer = buffer, .file = std::to_string(i) + ".npy"});
  }
  EXPECT_EQ(CheckCode(workload), Code::kTooLarge);
  workload.outputs.pop_back();
  EXPECT_TRUE(CheckWorkload(workload));
}

TEST(Workload, RefusesOutputsThatAreTooLargeTogether) {
  Workload workload = SampleWorkload();
  workload.limits.memory_bytes = uint64_t{1} << 40;
  workload.outputs.clear();
  for (uint32_t i = 0; i < 2; ++i) {
    const uint32_t buffer = static_cast<uint32_t>(workload.buffers.size());
    workload.buffers.push_back(
        {.name = "out" + std::to_string(i), .dtype = DType::kU8, .shape = {uint64_t{2} << 30}});
    workload.outputs.push_back({.buffer = buffer, .file = std::to_string(i) + ".npy"});
  }
  EXPECT_EQ(CheckCode(workload), Code::kTooLarge);
  workload.outputs.pop_back();
  EXPECT_TRUE(CheckWorkload(workload));
}

TEST(Workload, RefusesReferencesToWhatIsNotThere) {
  const auto code = [](void (*change)(Workload&)) {
    Workload workload = SampleWorkload();
    change(workload);
    return CheckCode(workload);
  };
  EXPECT_EQ(code([](Workload& w) { w.steps[0].launch->module = 9; }), Code::kInvalidArgument);
  EXPECT_EQ(code([](Workload& w) { w.steps[0].launch->arguments[0].buffer = 99; }),
            Code::kInvalidArgument);
  EXPECT_EQ(code([](Workload& w) { w.outputs[0].buffer = 99; }), Code::kInvalidArgument);
  EXPECT_EQ(code([](Workload& w) { w.steps[1].loop->swaps[0].second = 99; }),
            Code::kInvalidArgument);
  EXPECT_EQ(code([](Workload& w) { w.steps[1].loop->swaps[0].second = 2; }), Code::kMismatch);
  EXPECT_EQ(
      code([](Workload& w) { w.steps[0].launch->arguments[0].value = Expression::Variable(0); }),
      Code::kMalformed);
}

TEST(Workload, RefusesFileNamesThatLeaveAFolder) {
  for (const char* name :
       {"../x.npy", "/x.npy", "a/b.npy", ".npy", "", "x", "x.npy\n", "-x.npy", "x.png"}) {
    Workload workload = SampleWorkload();
    workload.outputs[0].file = name;
    EXPECT_EQ(CheckCode(workload), Code::kInvalidArgument) << name;
  }
}

TEST(Workload, RefusesGridsAndBlocksBeyondWhatCudaAllows) {
  const auto code = [](Dim3 grid, Dim3 block) {
    Workload workload = SampleWorkload();
    workload.steps[0].launch->grid = grid;
    workload.steps[0].launch->block = block;
    return CheckCode(workload);
  };
  EXPECT_EQ(code({0, 1, 1}, {1, 1, 1}), Code::kInvalidArgument);
  EXPECT_EQ(code({1, 65536, 1}, {1, 1, 1}), Code::kTooLarge);
  EXPECT_EQ(code({1, 1, 1}, {1025, 1, 1}), Code::kTooLarge);
  EXPECT_EQ(code({1, 1, 1}, {64, 64, 1}), Code::kTooLarge);
  EXPECT_EQ(code({1, 1, 1}, {1, 1, 65}), Code::kTooLarge);
  EXPECT_EQ(code({UINT32_MAX, UINT32_MAX, UINT32_MAX}, {1, 1, 1}), Code::kTooLarge);
}

TEST(Workload, RefusesACommitmentIntervalThatAsksForTooManyRoots) {
  Workload workload = SampleWorkload();
  workload.steps[1].loop->count = 200'000;
  workload.commit_interval = 1;
  EXPECT_EQ(CheckCode(workload), Code::kTooLarge);
}

}  // namespace
}  // namespace souk::gpu
