#include "gpu/workload/run.h"

#include <gtest/gtest.h>

#include "gpu/cpu/cpu_device.h"
#include "gpu/ptx/module.h"
#include "gpu/workload/npy.h"
#include "gpu/workload/state_root.h"
#include "gpu/workload/workload_class.h"

namespace souk::gpu {
namespace {

// add: to[i] = from[i] + by for 32 words. wild: writes far outside. spin: never ends. invert: the
// reciprocal of the first word, approximately.
constexpr std::string_view kPtx = R"(
.version 6.3
.target sm_75
.address_size 64
.visible .entry add(.param .u64 to, .param .u64 from, .param .u32 by)
{
  .reg .b32 %r<4>; .reg .b64 %d<6>;
  ld.param.u64 %d1, [to];
  ld.param.u64 %d2, [from];
  ld.param.u32 %r1, [by];
  mov.u32 %r2, %tid.x;
  mul.wide.u32 %d3, %r2, 4;
  add.s64 %d4, %d1, %d3;
  add.s64 %d5, %d2, %d3;
  ld.global.u32 %r3, [%d5];
  add.s32 %r3, %r3, %r1;
  st.global.u32 [%d4], %r3;
  ret;
}
.visible .entry wild(.param .u64 to)
{
  .reg .b32 %r<2>; .reg .b64 %d<3>;
  ld.param.u64 %d1, [to];
  mov.u32 %r1, 1;
  st.global.u32 [%d1+1073741824], %r1;
  ret;
}
.visible .entry mingle(.param .u64 to)
{
  .reg .b32 %r<5>; .reg .b64 %d<4>;
  ld.param.u64 %d1, [to];
  mov.u32 %r1, %ctaid.x;
  mov.u32 %r2, %tid.x;
  add.u32 %r3, %r1, %r2;
  and.b32 %r3, %r3, 31;
  mul.wide.u32 %d2, %r3, 4;
  add.s64 %d3, %d1, %d2;
  ld.global.u32 %r4, [%d3];
  mad.lo.u32 %r4, %r4, 5, %r1;
  st.global.u32 [%d3], %r4;
  ret;
}
.visible .entry spin()
{
again:
  bra again;
}
.visible .entry invert(.param .u64 to)
{
  .reg .f32 %f; .reg .b64 %d;
  ld.param.u64 %d, [to];
  ld.global.f32 %f, [%d];
  rcp.approx.f32 %f, %f;
  st.global.f32 [%d], %f;
  ret;
}
)";

struct Job {
  Workload workload;
  MemoryBlobs blobs;
};

Argument Pointer(uint32_t buffer, int64_t offset = 0) {
  return {.kind = ArgumentKind::kPointer, .buffer = buffer, .value = Expression::Integer(offset)};
}
Argument U32(Expression value) {
  return {.kind = ArgumentKind::kInteger, .width = 4, .value = std::move(value)};
}
Step Launch(const std::string& kernel, std::vector<Argument> arguments) {
  Step step;
  step.launch =
      KernelLaunch{.kernel = kernel, .block = {32, 1, 1}, .arguments = std::move(arguments)};
  return step;
}

// Five rounds of b = a + (10 + i), a and b changing places after each: a ends as 100 + 60.
Job Rounds() {
  Job job;
  Workload& w = job.workload;
  w.name = "rounds";
  const std::string text = ptx::Write(*ptx::Canonicalize(*ptx::Parse(kPtx)));
  w.modules = {job.blobs.Add(ToBytes(AsBytes(text)))};
  Bytes input;
  for (uint32_t i = 0; i < 32; ++i) PutLe(input, i + 100);
  w.buffers = {Buffer{.name = "a",
                      .dtype = DType::kU32,
                      .shape = {32},
                      .input = job.blobs.Add(WriteNpy(DType::kU32, {32}, input))},
               Buffer{.name = "b", .dtype = DType::kU32, .shape = {32}},
               Buffer{.name = "c", .dtype = DType::kU16, .shape = {3000}, .fill = Bytes{3, 1}}};
  Step loop;
  loop.loop = Loop{.count = 5,
                   .swaps = {{0, 1}},
                   .body = {Launch("add", {Pointer(1), Pointer(0),
                                           U32(Expression{.steps = {{ExprOp::kVariable, 0},
                                                                    {ExprOp::kInt, 10},
                                                                    {ExprOp::kAdd, 0}}})})}};
  w.steps = {loop};
  w.outputs = {Output{.buffer = 0, .file = "a.npy"}, Output{.buffer = 2, .file = "c.npy"}};
  w.limits = {1 << 20, 60'000, 1'000'000};
  w.commit_interval = 2;
  return job;
}

constexpr uint64_t kDeviceBytes = 1 << 20;
std::unique_ptr<Device> Cpu() {
  return MakeCpuDevice({.memory_bytes = kDeviceBytes});
}

Error Failure(Job& job, const RunOptions& options = {}) {
  const std::unique_ptr<Device> device = Cpu();
  const Result<RunResult> result = RunWorkload(job.workload, job.blobs, *device, options);
  EXPECT_FALSE(result);
  return result ? Error(Code::kIo, "") : result.error();
}

uint32_t Word(const Bytes& npy, size_t index) {
  return GetLe<uint32_t>(&npy[ParseNpy(npy)->data_offset + 4 * index]);
}

Digest StateOf(uint32_t a, uint32_t b) {
  MerkleRoot merkle;
  for (const uint32_t first : {a, b}) {
    Bytes bytes;
    for (uint32_t i = 0; i < 32; ++i) PutLe(bytes, first == 0 ? 0 : first + i);
    merkle.Add(bytes);
  }
  Bytes filled;
  for (int i = 0; i < 3000; ++i) Append(filled, Bytes{3, 1});
  merkle.Add(ByteView(filled).first(kStatePageBytes));
  merkle.Add(ByteView(filled).subspan(kStatePageBytes));
  return merkle.Root();
}

TEST(RunWorkload, HandsBackTheOutputsUnderTheNamesThatSwapsLeave) {
  Job job = Rounds();
  const std::unique_ptr<Device> device = Cpu();
  const Result<RunResult> result = RunWorkload(job.workload, job.blobs, *device);
  ASSERT_TRUE(result) << result.error().message;
  ASSERT_EQ(result->outputs.size(), 2u);
  EXPECT_EQ(result->outputs[0].file, "a.npy");
  for (uint32_t i = 0; i < 32; ++i) EXPECT_EQ(Word(result->outputs[0].npy, i), 160 + i);
  Bytes filled;
  for (int i = 0; i < 3000; ++i) Append(filled, Bytes{3, 1});
  EXPECT_EQ(result->outputs[1].npy, WriteNpy(DType::kU16, {3000}, filled));
  EXPECT_EQ(result->outputs[1].digest, Sha256(result->outputs[1].npy));
  EXPECT_EQ(result->stats.launches, 5u);
  EXPECT_GT(result->stats.thread_instructions, 5 * 32 * 5u);
}

TEST(RunWorkload, ClaimsTheWeakestClassOfTheKernelsThatItLaunches) {
  Job job = Rounds();
  const Result<RunResult> exact = RunWorkload(job.workload, job.blobs, *Cpu());
  ASSERT_TRUE(exact) << exact.error().message;
  EXPECT_EQ(exact->result_class, ptx::Class::kExact) << "invert stands there and is not launched";
  job.workload.steps.push_back(Launch("invert", {Pointer(0)}));
  const Result<RunResult> tolerant = RunWorkload(job.workload, job.blobs, *Cpu());
  ASSERT_TRUE(tolerant) << tolerant.error().message;
  EXPECT_EQ(tolerant->result_class, ptx::Class::kTolerant);
}

// A size in 64 bits is no address, nor is a number where the kernel wants one.
TEST(RunWorkload, KnowsWhichParametersAreAddresses) {
  const auto module = ptx::Canonicalize(*ptx::Parse(
      ".version 8.0\n.target sm_75\n.address_size 64\n.visible .entry k(.param .u64 to, .param "
      ".u64 "
      "n) { .reg .b64 %l<4>; .reg .pred %p; ld.param.u64 %l0, [to]; ld.param.u64 %l1, [n]; "
      "setp.gt.u64 %p, %l1, 3; @%p st.global.u32 [%l0], 1; ret; }"));
  ASSERT_TRUE(module);
  const Argument number{
      .kind = ArgumentKind::kInteger, .width = 8, .value = Expression::Integer(5)};
  const auto of = [&](std::vector<Step> steps) {
    Workload workload;
    workload.modules.resize(1);
    workload.steps = std::move(steps);
    return ClassOfWorkload(workload, {*module});
  };
  EXPECT_EQ(of({Launch("k", {Pointer(0), number})}), ptx::Class::kExact);
  EXPECT_EQ(of({Launch("k", {Pointer(0), Pointer(1)})}), ptx::Class::kExactOrdered);
  EXPECT_EQ(of({Launch("k", {number, number})}), ptx::Class::kExactOrdered);
  EXPECT_EQ(of({Launch("k", {Pointer(0), number}), Launch("k", {number, number})}),
            ptx::Class::kExactOrdered);
}

// Code bases have kernels that no CPU runs beside those that are wanted.
TEST(RunWorkload, LooksOnlyAtTheKernelsThatItLaunches) {
  Job job = Rounds();
  std::string text = std::string(kPtx) + R"(
.visible .entry timed(.param .u64 to)
{
  .reg .b32 %r; .reg .b64 %d;
  ld.param.u64 %d, [to];
  mov.u32 %r, %pm0;
  st.global.u32 [%d], %r;
  ret;
}
)";
  text.insert(text.find(".visible"), ".func helper() { ret; }\n");
  const auto parsed = ptx::Parse(text);
  ASSERT_TRUE(parsed) << parsed.error().message;
  const std::string canonical = ptx::Write(*ptx::Canonicalize(*parsed));
  job.workload.modules = {job.blobs.Add(ToBytes(AsBytes(canonical)))};
  const Result<RunResult> ran = RunWorkload(job.workload, job.blobs, *Cpu());
  ASSERT_TRUE(ran) << ran.error().message;
  EXPECT_EQ(ran->result_class, ptx::Class::kExact);
  EXPECT_EQ(Word(ran->outputs[0].npy, 0), 160u);
  const std::pair<const char*, const char*> refused[] = {{"timed", "the driver's own"}};
  for (const auto& [kernel, what] : refused) {
    Job one = job;
    one.workload.steps.push_back(Launch(kernel, {Pointer(0)}));
    const Error failure = Failure(one);
    EXPECT_EQ(failure.code, Code::kUnsupported) << failure.message;
    EXPECT_NE(failure.message.find(what), std::string::npos) << failure.message;
    EXPECT_NE(failure.message.find("line "), std::string::npos) << failure.message;
    EXPECT_EQ(ClassOfWorkload(one.workload, {*ptx::Canonicalize(*parsed)}), ptx::Class::kOpaque);
  }
}

TEST(RunWorkload, CommitsToMemoryAtTheStartAtEachIntervalAndAtTheEnd) {
  Job job = Rounds();
  const std::unique_ptr<Device> device = Cpu();
  const Result<RunResult> result = RunWorkload(job.workload, job.blobs, *device);
  ASSERT_TRUE(result) << result.error().message;
  // Buffers stand in the order of their declaration: swaps change names, not memory.
  const std::vector<Commitment> expected = {
      {0, StateOf(100, 0)}, {2, StateOf(121, 110)}, {4, StateOf(146, 133)}, {5, StateOf(146, 160)}};
  EXPECT_EQ(result->commitments, expected);
  EXPECT_EQ(result->commitments_root, CommitmentsRoot(expected));
}

// Blocks that read and write each other's words: a data race on a GPU, and here as though they ran
// one after the other.
TEST(RunWorkload, ComesToTheSameOnAnyNumberOfThreads) {
  Job job = Rounds();
  Step step = Launch("mingle", {Pointer(0)});
  step.launch->grid = {500, 1, 1};
  job.workload.steps.assign(6, step);
  job.workload.limits.thread_instructions = 10'000'000;
  const auto run = [&](uint32_t threads) {
    const auto device = MakeCpuDevice({.memory_bytes = kDeviceBytes, .threads = threads});
    Result<RunResult> result = RunWorkload(job.workload, job.blobs, *device);
    EXPECT_TRUE(result) << result.error().message;
    return result ? std::move(*result) : RunResult{};
  };
  const RunResult one = run(1);
  ASSERT_EQ(one.commitments.size(), 4u);
  EXPECT_EQ(one.result_class, ptx::Class::kExact);
  for (const uint32_t threads : {1u, 2u, 3u, 8u, 2u, 3u, 8u}) {
    const RunResult other = run(threads);
    EXPECT_EQ(other.commitments, one.commitments) << threads;
    ASSERT_EQ(other.outputs.size(), one.outputs.size());
    for (size_t i = 0; i < one.outputs.size(); ++i) {
      EXPECT_EQ(other.outputs[i].npy, one.outputs[i].npy) << threads;
    }
    EXPECT_EQ(other.stats.thread_instructions, one.stats.thread_instructions) << threads;
  }
}

TEST(RunWorkload, CommitsOnlyToStartAndEndWithoutAnInterval) {
  Job job = Rounds();
  job.workload.commit_interval = 0;
  const std::unique_ptr<Device> device = Cpu();
  const Result<RunResult> result = RunWorkload(job.workload, job.blobs, *device);
  ASSERT_TRUE(result);
  ASSERT_EQ(result->commitments.size(), 2u);
  EXPECT_EQ(result->commitments[1].launch, 5u);
}

TEST(RunWorkload, ReportsEachLaunchAndStopsWhenTold) {
  Job job = Rounds();
  std::vector<uint64_t> done;
  const std::unique_ptr<Device> device = Cpu();
  const RunOptions watch{.progress = [&done](const RunProgress& progress) {
    EXPECT_EQ(progress.launches_total, 5u);
    done.push_back(progress.launches_done);
    return Ok();
  }};
  ASSERT_TRUE(RunWorkload(job.workload, job.blobs, *device, watch));
  EXPECT_EQ(done, (std::vector<uint64_t>{0, 1, 2, 3, 4, 5}));
  const Error cancelled = Failure(job, {.progress = [](const RunProgress& progress) -> Status {
                                    if (progress.launches_done == 3)
                                      return Error(Code::kDenied, "cancelled");
                                    return Ok();
                                  }});
  EXPECT_EQ(cancelled.code, Code::kDenied);
}

TEST(RunWorkload, SharesTheInstructionBudgetOverAllLaunches) {
  Job job = Rounds();
  const std::unique_ptr<Device> device = Cpu();
  const uint64_t all = RunWorkload(job.workload, job.blobs, *device)->stats.thread_instructions;
  EXPECT_TRUE(
      RunWorkload(job.workload, job.blobs, *device, {.budget = {.thread_instructions = all}}));
  const Error error = Failure(job, {.budget = {.thread_instructions = all - 1}});
  EXPECT_EQ(error.code, Code::kExhausted);
  EXPECT_NE(error.message.find("launch 5 of 5 (add)"), std::string::npos) << error.message;
  job.workload.limits.thread_instructions = all / 2;
  EXPECT_EQ(Failure(job).code, Code::kExhausted);
}

TEST(RunWorkload, StopsAnEndlessLoopAtItsBudget) {
  Job job = Rounds();
  job.workload.steps = {Launch("spin", {})};
  EXPECT_EQ(Failure(job).code, Code::kExhausted);
  job = Rounds();
  EXPECT_EQ(Failure(job, {.budget = {.milliseconds = 0}}).code, Code::kExhausted);
}

TEST(RunWorkload, NamesTheLaunchThatFaults) {
  Job job = Rounds();
  job.workload.steps.push_back(Launch("wild", {Pointer(0)}));
  const Error error = Failure(job);
  EXPECT_EQ(error.code, Code::kFault);
  EXPECT_NE(error.message.find("launch 6 of 6 (wild)"), std::string::npos) << error.message;
}

TEST(RunWorkload, RefusesBlobsThatAreNotWhatTheirDigestSays) {
  class Liar : public BlobSource {
   public:
    explicit Liar(Bytes bytes) : bytes_(std::move(bytes)) {}
    Result<Bytes> Read(const BlobRef&) override { return bytes_; }

   private:
    Bytes bytes_;
  };
  Job job = Rounds();
  Bytes text = *job.blobs.Read(job.workload.modules[0]);
  text[text.size() / 2] ^= 1;
  Liar liar(text);
  const std::unique_ptr<Device> device = Cpu();
  const Result<RunResult> result = RunWorkload(job.workload, liar, *device);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::kMismatch);
  job.workload.modules[0].digest.bytes[0] ^= 1;
  EXPECT_EQ(Failure(job).code, Code::kNotFound);
}

TEST(RunWorkload, RefusesPtxThatIsNotCanonical) {
  Job job = Rounds();
  job.workload.modules[0] = job.blobs.Add(ToBytes(AsBytes(kPtx)));
  EXPECT_EQ(Failure(job).code, Code::kMismatch);
  job.workload.modules[0] = job.blobs.Add(ToBytes(AsBytes("not PTX")));
  EXPECT_EQ(Failure(job).code, Code::kMalformed);
}

TEST(RunWorkload, RefusesInputsOfAnotherShape) {
  Job job = Rounds();
  job.workload.buffers[0].input = job.blobs.Add(WriteNpy(DType::kU32, {8, 4}, Bytes(128)));
  const Error error = Failure(job);
  EXPECT_EQ(error.code, Code::kMismatch);
  EXPECT_NE(error.message.find("buffer \"a\""), std::string::npos);
  job.workload.buffers[0].input = job.blobs.Add(Bytes(300));
  EXPECT_EQ(Failure(job).code, Code::kMalformed);
}

TEST(RunWorkload, RefusesKernelsAndArgumentsThatDoNotFitBeforeAnyLaunch) {
  const auto failure = [](Step step) {
    Job job = Rounds();
    job.workload.steps.push_back(std::move(step));
    uint64_t launches = 0;
    const Error error = Failure(job, {.progress = [&launches](const RunProgress&) {
                                  ++launches;
                                  return Ok();
                                }});
    EXPECT_EQ(launches, 0u);
    return error.code;
  };
  const Argument f32{.kind = ArgumentKind::kFloat, .width = 4, .value = Expression::Float(1)};
  EXPECT_EQ(failure(Launch("none", {})), Code::kNotFound);
  EXPECT_EQ(failure(Launch("add", {Pointer(0), Pointer(1)})), Code::kMismatch);
  EXPECT_EQ(failure(Launch("add", {Pointer(0), Pointer(1), Pointer(2)})), Code::kMismatch);
  EXPECT_EQ(failure(Launch("add", {Pointer(0), Pointer(1), f32})), Code::kMismatch);
}

TEST(RunWorkload, LeavesNoMemoryOnTheDevice) {
  Job job = Rounds();
  const std::unique_ptr<Device> device = Cpu();
  ASSERT_TRUE(RunWorkload(job.workload, job.blobs, *device));
  EXPECT_FALSE(
      RunWorkload(job.workload, job.blobs, *device, {.budget = {.thread_instructions = 10}}));
  EXPECT_TRUE(device->Allocate(kDeviceBytes));
}

TEST(RunWorkload, RefusesAWorkloadLargerThanTheDevice) {
  Job job = Rounds();
  job.workload.limits.memory_bytes = 1ull << 40;
  job.workload.buffers.push_back(
      Buffer{.name = "large", .dtype = DType::kU8, .shape = {1ull << 39}});
  EXPECT_EQ(Failure(job).code, Code::kExhausted);
}

}  // namespace
}  // namespace souk::gpu
