#include "tools/gpucheck/check.h"

#include <algorithm>
#include <cstdio>
#include <memory>

#include "gpu/cpu/cpu_device.h"
#include "gpu/cuda/cuda_device.h"
#include "tools/gpucheck/report.h"

namespace souk::tools {
namespace {

using gpu::Device;
using gpu::DeviceInfo;
namespace conformance = gpu::conformance;

constexpr int kAllWell = 0;
constexpr int kNotWell = 1;
constexpr int kMisuse = 2;
constexpr std::string_view kCuda = "cuda:";

Result<std::unique_ptr<Device>> OpenReference() {
  return gpu::MakeCpuDevice({.memory_bytes = uint64_t{1} << 30});
}

// A device to be checked, by index or, for a MIG instance, by uuid.
struct Subject {
  std::string name = {};
  std::string uuid = {};
};

// Every GPU, or those that the options name. An error where one is not there.
Result<std::vector<Subject>> FindSubjects(const GpuCheckOptions& options) {
  std::vector<Subject> subjects;
  // The first that names a MIG instance decides what the process sees.
  for (const std::string& name : options.devices) {
    if (name.starts_with(std::string(kCuda) + gpu::kMigPrefix)) {
      RETURN_IF_ERROR(gpu::ShowOnly(name.substr(kCuda.size())));
    }
  }
  ASSIGN_OR_RETURN(const std::vector<DeviceInfo> infos, gpu::ListCudaDevices());
  for (size_t i = 0; i < infos.size(); ++i) {
    const std::string name = std::string(kCuda) + std::to_string(i);
    const std::string by_uuid = std::string(kCuda) + infos[i].uuid;
    const auto named = [&](const std::string& one) { return one == name || one == by_uuid; };
    if (options.devices.empty() ||
        std::any_of(options.devices.begin(), options.devices.end(), named)) {
      subjects.push_back({name, infos[i].uuid});
    }
  }
  if (subjects.size() < options.devices.size()) {
    return Error(Code::kNotFound, "not all of the devices that are named are in this machine");
  }
  return subjects;
}

void Say(const GpuCheckOptions& options, const std::string& text) {
  if (options.json) return;
  std::fputs(text.c_str(), stdout);
  std::fflush(stdout);
}

void RunSet(const GpuCheckOptions& options, const conformance::Plan& plan, DeviceCheck& check) {
  Say(options, FamilyHeading());
  const Status ran = conformance::RunPlan(plan, [&](const conformance::FamilyReport& report) {
    Say(options, FamilyText(report));
    check.families.push_back(report);
  });
  if (!ran) check.error = ran.error().message;
}

void RunTimings(const GpuCheckOptions& options, uint32_t index, DeviceCheck& check) {
  Say(options, "\n" + TimingHeading());
  Result<std::vector<KernelTiming>> timings =
      TimeKernels(*gpu::cuda::SystemDriver(), index, options.shrink);
  if (!timings) {
    check.error = "timing: " + timings.error().message;
    return Say(options, check.error + "\n");
  }
  for (const KernelTiming& timing : *timings) Say(options, TimingText(timing));
  check.timings = std::move(*timings);
}

DeviceCheck CheckSubject(const GpuCheckOptions& options, const Subject& subject) {
  DeviceCheck check{.name = subject.name};
  {
    const Result<std::unique_ptr<Device>> device = gpu::MakeCudaDevice(subject.uuid);
    if (!device) {
      check.error = device.error().message;
      Say(options, subject.name + ": " + check.error + "\n");
      return check;
    }
    check.info = (*device)->info();
  }
  Say(options, "\n" + subject.name + "  " + DeviceText(check.info) + "\n");
  RunSet(options,
         {.reference = OpenReference,
          .subject = [&] { return gpu::MakeCudaDevice(subject.uuid); },
          .families = options.families},
         check);
  const auto index = static_cast<uint32_t>(std::stoul(subject.name.substr(kCuda.size())));
  if (options.time) RunTimings(options, index, check);
  return check;
}

DeviceCheck CheckReference(const GpuCheckOptions& options) {
  DeviceCheck check{.name = "cpu"};
  if (const auto device = OpenReference()) check.info = (*device)->info();
  Say(options, "\n");
  RunSet(options, {.reference = OpenReference, .families = options.families}, check);
  return check;
}

int PrintExpectations() {
  const Status ran = conformance::RunPlan(
      {.reference = OpenReference}, [](const conformance::FamilyReport& report) {
        std::fputs(conformance::ExpectationLines(report).c_str(), stdout);
      });
  return ran ? kAllWell : kNotWell;
}

int Misuse(const std::string& why) {
  std::fprintf(stderr, "souk-gpucheck: %s\n", why.c_str());
  return kMisuse;
}

}  // namespace

bool DeviceCheck::Ok() const {
  return error.empty() &&
         std::all_of(families.begin(), families.end(), [](const auto& one) { return one.Ok(); });
}

int RunGpuCheck(const GpuCheckOptions& options, const std::string& version) {
  if (options.print_expectations) return PrintExpectations();
  const std::vector<std::string> families = conformance::Families();
  if (options.list) {
    for (const std::string& family : families) std::printf("%s\n", family.c_str());
    return kAllWell;
  }
  for (const std::string& family : options.families) {
    if (std::find(families.begin(), families.end(), family) == families.end()) {
      return Misuse("no family \"" + family + "\"; --list names them");
    }
  }
  const std::string simd = gpu::SimdLevelName(gpu::BestSimdLevel());
  Say(options, "souk-gpucheck " + version + ", reference: cpu (" + simd + ")\n");
  const Result<std::vector<Subject>> subjects = FindSubjects(options);
  if (!subjects && !options.devices.empty()) return Misuse(subjects.error().message);
  std::string why_no_gpu;
  if (!subjects) why_no_gpu = subjects.error().message;
  if (subjects && subjects->empty()) {
    const auto& driver = gpu::cuda::SystemDriver();
    why_no_gpu = driver ? "the driver has no device" : driver.error().message;
  }
  std::vector<DeviceCheck> checks;
  if (subjects) {
    for (const Subject& subject : *subjects) checks.push_back(CheckSubject(options, subject));
  }
  if (checks.empty()) checks.push_back(CheckReference(options));
  bool ok = std::all_of(checks.begin(), checks.end(), [](const auto& one) { return one.Ok(); });
  // A driver that is there and fails is not "no GPU".
  if (!why_no_gpu.empty() && (options.require_gpu || !subjects)) ok = false;
  const std::string statement = Statement(checks, why_no_gpu);
  Say(options, "\n" + statement + "\n");
  if (options.json) {
    nlohmann::json devices = nlohmann::json::array();
    for (const DeviceCheck& check : checks) devices.push_back(CheckJson(check));
    const nlohmann::json document = {
        {"version", version},        {"reference", {{"device", "cpu"}, {"simd", simd}}},
        {"gpu", why_no_gpu.empty()}, {"devices", std::move(devices)},
        {"statement", statement},    {"ok", ok}};
    std::printf("%s\n", document.dump(2).c_str());
  }
  return ok ? kAllWell : kNotWell;
}

}  // namespace souk::tools
