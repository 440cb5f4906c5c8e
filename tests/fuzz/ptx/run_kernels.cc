#include "fuzz/ptx/run_kernels.h"

#include <algorithm>
#include <cstring>

#include "gpu/cpu/cpu_device.h"
#include "gpu/cpu/supported.h"
#include "gpu/ptx/module.h"
#include "protocol/base/check.h"

namespace souk::ptx {
namespace {

constexpr uint64_t kMemory = uint64_t{1} << 20;
constexpr uint64_t kBuffer = 8192;
constexpr uint64_t kThreadInstructions = 60'000;
constexpr uint32_t kThreads = 40;  // a whole warp and a part of one
constexpr size_t kKernels = 4;
constexpr uint64_t kMostParamBytes = 4096;

Limits KernelLimits() {
  Limits limits;
  limits.tokens = 1u << 14;
  limits.names = 1u << 12;
  limits.initialiser_bytes = 1u << 16;
  return limits;
}

// Every 8 bytes of the parameters are the buffer's address, so that kernels find it wherever they
// look; what is narrower is its low half.
gpu::LaunchRequest RequestFor(const Function& kernel, uint64_t buffer) {
  gpu::LaunchRequest request;
  request.kernel = kernel.name;
  request.grid = {2, 1, 1};
  request.block = {kThreads, 1, 1};
  const auto& wanted = kernel.directives.reqntid;
  if (wanted[0] != 0) request.block = {wanted[0], std::max(wanted[1], 1u), std::max(wanted[2], 1u)};
  request.dynamic_shared_bytes = 64;
  request.params.resize(kernel.param_bytes);
  for (size_t at = 0; at < request.params.size(); at += sizeof buffer) {
    std::memcpy(request.params.data() + at, &buffer,
                std::min(sizeof buffer, request.params.size() - at));
  }
  return request;
}

struct Ending {
  bool done = false;
  Code code = Code::kFault;
  std::string message = {};
  uint64_t instructions = 0;
  Bytes bytes = {};
};

Ending RunOne(const Module& module, const Function& kernel, gpu::SimdLevel level,
              uint32_t threads) {
  const auto device =
      gpu::MakeCpuDevice({.memory_bytes = kMemory, .threads = threads, .simd = level});
  const std::set<std::string> only = {kernel.name};
  const auto failed = [](const Error& error) {
    return Ending{.code = error.code, .message = error.message};
  };
  const auto loaded = device->LoadFor(module, &only);
  if (!loaded) return failed(loaded.error());
  const auto buffer = device->Allocate(kBuffer);
  if (!buffer) return failed(buffer.error());
  Ending ending;
  ending.bytes.resize(kBuffer);
  for (size_t i = 0; i < kBuffer; ++i) ending.bytes[i] = static_cast<uint8_t>(i * 37 >> 3);
  CHECK(device->Write(*buffer, ending.bytes));
  const auto stats = device->Launch(*loaded, RequestFor(kernel, *buffer),
                                    {.thread_instructions = kThreadInstructions});
  if (!stats) return failed(stats.error());
  CHECK(device->Read(*buffer, ending.bytes));
  ending.done = true;
  ending.instructions = stats->thread_instructions;
  return ending;
}

}  // namespace

int RunKernels(std::string_view text) {
  auto module = Parse(text, KernelLimits());
  if (!module) return 0;
  auto canonical = Canonicalize(std::move(*module));
  if (!canonical) return 0;
  gpu::cpu::ReportKernels(*canonical);
  int done = 0;
  size_t tried = 0;
  for (const Function& kernel : canonical->functions) {
    if (!kernel.is_entry || !kernel.defined || kernel.param_bytes > kMostParamBytes) continue;
    if (++tried > kKernels) break;
    const Ending low = RunOne(*canonical, kernel, gpu::SimdLevel::kBaseline, 1);
    const Ending high = RunOne(*canonical, kernel, gpu::BestSimdLevel(), 2);
    CHECK(low.done == high.done);
    CHECK(low.done || (low.code == high.code && low.message == high.message));
    CHECK(low.instructions == high.instructions);
    CHECK(low.bytes == high.bytes);
    done += low.done ? 1 : 0;
  }
  return done;
}

}  // namespace souk::ptx
