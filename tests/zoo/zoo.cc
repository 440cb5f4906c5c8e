#include "zoo/zoo.h"

#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "gpu/cpu/checking.h"
#include "gpu/cpu/supported.h"
#include "gpu/ptx/module.h"
#include "gpu/ptx/nvrtc.h"
#include "protocol/base/file.h"
#include "unit/gpu/cpu/run_ptx.h"

namespace souk::gpu::zoo {
namespace {

// Another folder of the same kernels, compiled in another way (tests/zoo/build FOLDER OPTIONS), or
// null.
const char* OtherFolder() {
  return std::getenv("SOUK_ZOO");
}

Result<ptx::Module> LoadZoo(const std::string& file) {
  const std::string ours = std::string(SOUK_SOURCE_DIR) + "/tests/zoo";
  const std::string folder = OtherFolder() == nullptr ? ours : OtherFolder();
  const std::string path = folder + "/" + file + ".ptx";
  std::string text;
  if (std::filesystem::exists(path)) {
    ASSIGN_OR_RETURN(const Bytes bytes, ReadFile(path, 8 << 20));
    text = AsText(bytes);
  } else {
    ASSIGN_OR_RETURN(const Bytes source, ReadFile(ours + "/" + file + ".cu", 1 << 20));
    ASSIGN_OR_RETURN(text, ptx::CompileCuda(AsText(source), {.name = file + ".cu"}));
  }
  ASSIGN_OR_RETURN(ptx::Module parsed, ptx::Parse(text));
  return ptx::Canonicalize(std::move(parsed));
}

}  // namespace

Zoo::Zoo(const std::string& file) {
  Result<ptx::Module> module = LoadZoo(file);
  EXPECT_TRUE(module) << (module ? "" : module.error().message);
  if (module) module_ = std::move(*module);
}

Arg Zoo::AddBytes(Bytes bytes) {
  Arg arg;
  arg.buffer = static_cast<int>(before_.size());
  before_.push_back(std::move(bytes));
  return arg;
}

void Zoo::Launch(const std::string& kernel, Dim3 grid, Dim3 block, std::vector<Arg> args,
                 uint32_t dynamic_shared_bytes) {
  Step step;
  step.request.kernel = kernel;
  step.request.grid = grid;
  step.request.block = block;
  step.request.dynamic_shared_bytes = dynamic_shared_bytes;
  step.args = std::move(args);
  steps_.push_back(std::move(step));
}

Status Zoo::RunOn(Device& device, std::vector<Bytes>& buffers) const {
  std::set<std::string> kernels;
  for (const Step& step : steps_) kernels.insert(step.request.kernel);
  ASSIGN_OR_RETURN(const ModuleHandle module, device.LoadFor(module_, &kernels));
  std::vector<DeviceAddress> addresses;
  for (const Bytes& buffer : buffers) {
    ASSIGN_OR_RETURN(const DeviceAddress address, device.Allocate(buffer.size()));
    RETURN_IF_ERROR(device.Write(address, buffer));
    addresses.push_back(address);
  }
  for (const Step& step : steps_) {
    const ptx::Function* kernel = module_.FindKernel(step.request.kernel);
    if (kernel == nullptr || kernel->params.size() != step.args.size()) {
      return Error(Code::kInvalidArgument,
                   "no such kernel, or its arguments do not fit: " + step.request.kernel);
    }
    LaunchRequest request = step.request;
    request.params.assign(kernel->param_bytes, 0);
    for (size_t i = 0; i < step.args.size(); ++i) {
      Bytes value = step.args[i].value;
      if (step.args[i].buffer >= 0) {
        value.resize(8);
        std::memcpy(value.data(), &addresses[static_cast<size_t>(step.args[i].buffer)], 8);
      }
      if (value.size() != kernel->variables[kernel->params[i].index].size) {
        return Error(Code::kInvalidArgument,
                     "argument " + std::to_string(i) + " of " + step.request.kernel);
      }
      std::memcpy(request.params.data() + kernel->params[i].offset, value.data(), value.size());
    }
    LaunchBudget budget;
    budget.thread_instructions = uint64_t{1} << 32;
    ASSIGN_OR_RETURN([[maybe_unused]] const LaunchStats stats,
                     device.Launch(module, request, budget));
  }
  for (size_t i = 0; i < buffers.size(); ++i) {
    RETURN_IF_ERROR(device.Read(addresses[i], buffers[i]));
  }
  return Ok();
}

void Zoo::Run() {
  after_ = before_;
  bool first = true;
  for (const SimdLevel level : cpu_test::Levels()) {
    for (const uint32_t threads : {1u, 2u}) {
      std::vector<Bytes> buffers = before_;
      const Status done = RunOn(*cpu_test::NewDevice(level, threads), buffers);
      ASSERT_TRUE(done) << done.error().message;
      if (first) after_ = buffers;
      first = false;
      for (size_t i = 0; i < buffers.size(); ++i) {
        EXPECT_TRUE(buffers[i] == after_[i])
            << "buffer " << i << " at " << SimdLevelName(level) << ", " << threads << " threads";
      }
    }
  }
  Check();
}

void Zoo::Check() {
  bool exact = true;
  for (const Step& step : steps_) {
    const ptx::Function& kernel = *module_.FindKernel(step.request.kernel);
    exact &= ptx::Classify(module_, kernel, &cpu::WhyUnsupported).cls == kExact;
  }
  CheckingOptions options;
  options.memory_bytes = uint64_t{1} << 28;
  const std::unique_ptr<CheckingDevice> device = MakeCheckingDevice(options);
  std::vector<Bytes> buffers = before_;
  const Status done = RunOn(*device, buffers);
  // It does not follow everything, nor kernels with very many variables (debug builds).
  const bool followed =
      done || (done.error().code != Code::kUnsupported && done.error().code != Code::kTooLarge);
  if (!followed) return;
  ASSERT_TRUE(done) << done.error().message;
  for (size_t i = 0; i < buffers.size(); ++i) {
    EXPECT_TRUE(buffers[i] == after_[i]) << "buffer " << i << " in the checking mode";
  }
  if (!exact || may_race_) return;
  for (const Finding& f : device->TakeReport().findings) {
    ADD_FAILURE() << f.kernel << ": " << FindingKindName(f.kind) << " in " << f.space << ": line "
                  << f.first.line << " (" << f.first.what << ", thread " << f.first.thread
                  << "), line " << f.second.line << " (" << f.second.what << ", thread "
                  << f.second.thread << ")";
  }
}

std::string Zoo::RunToError() {
  std::string message;
  for (const SimdLevel level : cpu_test::Levels()) {
    std::vector<Bytes> buffers = before_;
    const Status done = RunOn(*cpu_test::NewDevice(level), buffers);
    EXPECT_FALSE(done);
    if (done) return "";
    if (message.empty()) message = done.error().message;
    EXPECT_EQ(done.error().message, message) << SimdLevelName(level);
  }
  return message;
}

void ExpectClasses(const std::string& file, const std::map<std::string, ptx::Class>& expected) {
  if (OtherFolder() != nullptr) GTEST_SKIP() << "other code may be of other classes";
  const Result<ptx::Module> module = LoadZoo(file);
  ASSERT_TRUE(module) << module.error().message;
  size_t seen = 0;
  for (const ptx::KernelReport& report : cpu::ReportKernels(*module)) {
    std::cout << file << "/" << report.name << ": " << ptx::ClassName(report.verdict.cls) << "\n";
    const auto found = expected.find(report.name);
    if (found == expected.end()) {
      ADD_FAILURE() << file << "/" << report.name << " has no expectation";
      continue;
    }
    ++seen;
    EXPECT_EQ(ptx::ClassName(report.verdict.cls), std::string(ptx::ClassName(found->second)))
        << report.name << ": " << report.verdict.why;
  }
  EXPECT_EQ(seen, expected.size()) << file;
}

}  // namespace souk::gpu::zoo
