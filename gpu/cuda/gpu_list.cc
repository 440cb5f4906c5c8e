#include "gpu/cuda/gpu_list.h"

#include <cstdio>

namespace souk::gpu {
namespace {

// A reason is a sentence.
constexpr size_t kMostLineBytes = 4096;

Result<std::vector<cuda::GpuRecord>> ReadSystemInventory() {
  const Result<cuda::Nvml>& nvml = cuda::SystemNvml();
  if (nvml) return cuda::ReadInventory(*nvml);
  if (nvml.error().code == Code::kNotFound) return std::vector<cuda::GpuRecord>();
  return nvml.error();
}

std::vector<std::string> SplitAtTabs(std::string_view line) {
  std::vector<std::string> parts;
  while (true) {
    const size_t tab = line.find('\t');
    parts.emplace_back(line.substr(0, tab));
    if (tab == std::string_view::npos) return parts;
    line.remove_prefix(tab + 1);
  }
}

}  // namespace

std::vector<ListedGpu> ListedGpus(const std::vector<cuda::GpuRecord>& gpus) {
  std::vector<ListedGpu> listed;
  for (const cuda::GpuRecord& gpu : gpus) {
    if (!gpu.mig || gpu.instances.empty()) listed.push_back({"cuda:" + gpu.uuid, gpu.verdict});
    for (const cuda::MigInstance& instance : gpu.instances) {
      listed.push_back({"cuda:" + instance.uuid, gpu.verdict});
    }
  }
  return listed;
}

std::string ToLine(const ListedGpu& gpu) {
  std::string line = gpu.name + "\t" + cuda::FitnessName(gpu.verdict.fitness);
  for (const std::string& reason : gpu.verdict.reasons) line += "\t" + reason;
  return line;
}

Result<ListedGpu> ParseLine(std::string_view line) {
  std::vector<std::string> parts = SplitAtTabs(line);
  if (line.size() > kMostLineBytes || parts.size() < 2 || !parts[0].starts_with("cuda:")) {
    return Error(Code::kMalformed, "no line of a list of GPUs");
  }
  ListedGpu gpu{.name = parts[0]};
  for (const cuda::Fitness fitness :
       {cuda::Fitness::kFit, cuda::Fitness::kDegraded, cuda::Fitness::kNotFit}) {
    if (parts[1] != cuda::FitnessName(fitness)) continue;
    gpu.verdict.fitness = fitness;
    gpu.verdict.reasons.assign(parts.begin() + 2, parts.end());
    return gpu;
  }
  return Error(Code::kMalformed, "a list of GPUs with the verdict \"" + parts[1] + "\"");
}

std::string VerdictText(const cuda::Verdict& verdict) {
  std::string text = cuda::FitnessName(verdict.fitness);
  for (size_t i = 0; i < verdict.reasons.size(); ++i) {
    text += (i == 0 ? ": " : "; ") + verdict.reasons[i];
  }
  return text;
}

Result<std::vector<ListedGpu>> ListGpus() {
  ASSIGN_OR_RETURN(const std::vector<cuda::GpuRecord> gpus, ReadSystemInventory());
  return ListedGpus(gpus);
}

Status CheckFit(const DeviceInfo& device) {
  if (device.kind != "cuda") return Ok();
  const Result<std::vector<cuda::GpuRecord>> gpus = ReadSystemInventory();
  if (!gpus) return Ok();
  const cuda::Verdict verdict = cuda::VerdictOn(*gpus, device.uuid);
  const std::string text = device.name + " is " + VerdictText(verdict);
  if (verdict.fitness == cuda::Fitness::kNotFit) return Error(Code::kUnavailable, text);
  if (verdict.fitness == cuda::Fitness::kDegraded) std::fprintf(stderr, "%s\n", text.c_str());
  return Ok();
}

}  // namespace souk::gpu
