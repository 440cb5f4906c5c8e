#include "gpu/cuda/nvrtc.h"

#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>

namespace souk::gpu {
namespace {

namespace fs = std::filesystem;

using nvrtcResult = int;
using nvrtcProgram = struct _nvrtcProgram*;
constexpr nvrtcResult kSuccess = 0;
constexpr size_t kMaxLogBytes = 8192;  // of a message: templates can fill megabytes

// nvrtc.h, unchanged since CUDA 8.
#define SOUK_NVRTC_FUNCTIONS(X)                                                            \
  X(nvrtcVersion, (int* major, int* minor))                                                \
  X(nvrtcCreateProgram, (nvrtcProgram * program, const char* source, const char* name,     \
                         int headers, const char* const* texts, const char* const* names)) \
  X(nvrtcDestroyProgram, (nvrtcProgram * program))                                         \
  X(nvrtcCompileProgram, (nvrtcProgram program, int count, const char* const* options))    \
  X(nvrtcGetPTXSize, (nvrtcProgram program, size_t * bytes))                               \
  X(nvrtcGetPTX, (nvrtcProgram program, char* text))                                       \
  X(nvrtcGetProgramLogSize, (nvrtcProgram program, size_t * bytes))                        \
  X(nvrtcGetProgramLog, (nvrtcProgram program, char* text))

struct Nvrtc {
#define X(name, signature) nvrtcResult(*name) signature = nullptr;
  SOUK_NVRTC_FUNCTIONS(X)
#undef X
  std::vector<std::string> includes = {};
};

std::vector<fs::path> ToolkitRoots() {
  std::vector<fs::path> roots;
  for (const char* variable : {"CUDA_HOME", "CUDA_PATH"}) {
    if (const char* root = std::getenv(variable); root != nullptr && *root != '\0') {
      roots.push_back(root);
    }
  }
  roots.push_back("/usr/local/cuda");
  roots.push_back("/usr/lib/cuda");
  return roots;
}

void* OpenLibrary() {
  static constexpr const char* kNames[] = {"libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so.11.2"};
  for (const char* name : kNames) {
    if (void* handle = dlopen(name, RTLD_NOW | RTLD_LOCAL)) return handle;
    for (const fs::path& root : ToolkitRoots()) {
      const std::string path = (root / "lib64" / name).string();
      if (void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) return handle;
    }
  }
  return nullptr;
}

Result<Nvrtc> Load() {
  void* handle = OpenLibrary();
  if (handle == nullptr) {
    return Error(
        Code::kUnavailable,
        "compiling .cu needs the CUDA Toolkit's NVRTC (libnvrtc.so.13, .12 or .11.2), which "
        "is not here; PTX runs without it");
  }
  Nvrtc nvrtc;
  std::string missing;
#define X(name, signature)                                                   \
  nvrtc.name = reinterpret_cast<decltype(nvrtc.name)>(dlsym(handle, #name)); \
  if (nvrtc.name == nullptr) missing = #name;
  SOUK_NVRTC_FUNCTIONS(X)
#undef X
  if (!missing.empty()) return Error(Code::kUnavailable, "NVRTC is too old: it lacks " + missing);
  for (const fs::path& root : ToolkitRoots()) {
    std::error_code error;
    if (!fs::is_directory(root / "include", error)) continue;
    nvrtc.includes.push_back("-I" + (root / "include").string());
    nvrtc.includes.push_back("-I" + (root / "include" / "cccl").string());  // CUDA 13 moved CCCL
    break;
  }
  return nvrtc;
}

const Result<Nvrtc>& System() {
  static const Result<Nvrtc> nvrtc = Load();
  return nvrtc;
}

// Destroys the program on every way out.
class Program {
 public:
  explicit Program(const Nvrtc& nvrtc) : nvrtc_(nvrtc) {}
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program() {
    if (program != nullptr) (void)nvrtc_.nvrtcDestroyProgram(&program);
  }
  nvrtcProgram program = nullptr;

 private:
  const Nvrtc& nvrtc_;
};

std::string Log(const Nvrtc& nvrtc, nvrtcProgram program) {
  size_t bytes = 0;
  if (nvrtc.nvrtcGetProgramLogSize(program, &bytes) != kSuccess || bytes <= 1) return "";
  std::string log(bytes, '\0');
  if (nvrtc.nvrtcGetProgramLog(program, log.data()) != kSuccess) return "";
  log.resize(std::min(log.find('\0'), kMaxLogBytes));
  while (!log.empty() && log.back() == '\n') log.pop_back();
  return log;
}

}  // namespace

Result<std::string> CompileCuda(const CudaSource& source) {
  const Result<Nvrtc>& loaded = System();
  if (!loaded) return loaded.error();
  const Nvrtc& nvrtc = *loaded;
  if (source.text.find('\0') != std::string::npos) {
    return Error(Code::kMalformed, source.name + ": a zero byte in the source");
  }
  Program holder(nvrtc);
  if (nvrtc.nvrtcCreateProgram(&holder.program, source.text.c_str(), source.name.c_str(), 0,
                               nullptr, nullptr) != kSuccess) {
    return Error(Code::kUnavailable, "NVRTC refused to start");
  }
  std::vector<std::string> options = nvrtc.includes;
  options.push_back("--gpu-architecture=compute_" + std::to_string(source.arch));
  options.push_back(source.fmad ? "--fmad=true" : "--fmad=false");
  std::vector<const char*> pointers;
  for (const std::string& option : options) pointers.push_back(option.c_str());
  if (nvrtc.nvrtcCompileProgram(holder.program, static_cast<int>(pointers.size()),
                                pointers.data()) != kSuccess) {
    return Error(Code::kMalformed,
                 source.name + " does not compile:\n" + Log(nvrtc, holder.program));
  }
  size_t bytes = 0;
  if (nvrtc.nvrtcGetPTXSize(holder.program, &bytes) != kSuccess || bytes == 0) {
    return Error(Code::kUnavailable, "NVRTC gave no PTX");
  }
  std::string ptx(bytes, '\0');
  if (nvrtc.nvrtcGetPTX(holder.program, ptx.data()) != kSuccess) {
    return Error(Code::kUnavailable, "NVRTC gave no PTX");
  }
  ptx.resize(ptx.find('\0'));
  return ptx;
}

Result<std::string> NvrtcVersion() {
  const Result<Nvrtc>& nvrtc = System();
  if (!nvrtc) return nvrtc.error();
  int major = 0;
  int minor = 0;
  if (nvrtc->nvrtcVersion(&major, &minor) != kSuccess) {
    return Error(Code::kUnavailable, "NVRTC does not tell its version");
  }
  return "NVRTC " + std::to_string(major) + "." + std::to_string(minor);
}

}  // namespace souk::gpu
