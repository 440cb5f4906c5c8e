#include "gpu/ptx/nvrtc.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string>

namespace souk::ptx {
namespace {

namespace fs = std::filesystem;

// NVRTC's C interface, stable since CUDA 7 (nvrtc.h): results are ints, 0 is success, programs are
// opaque pointers.
using Program = void*;
struct Nvrtc {
  int (*version)(int*, int*) = nullptr;
  int (*create)(Program*, const char*, const char*, int, const char* const*,
                const char* const*) = nullptr;
  int (*destroy)(Program*) = nullptr;
  int (*compile)(Program, int, const char* const*) = nullptr;
  int (*ptx_size)(Program, size_t*) = nullptr;
  int (*ptx)(Program, char*) = nullptr;
  int (*log_size)(Program, size_t*) = nullptr;
  int (*log)(Program, char*) = nullptr;
  const char* (*error)(int) = nullptr;
};

constexpr const char* kLibraries[] = {"libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so.11.2",
                                      "libnvrtc.so"};
constexpr const char* kLibraryFolders[] = {"lib64", "lib", "targets/x86_64-linux/lib"};
constexpr size_t kMaxSourceBytes = 16u << 20;
constexpr size_t kMaxLogBytes = 16u << 10;
constexpr size_t kMaxPtxBytes = 256u << 20;

// The NVRTC library in a toolkit; empty where there is none.
fs::path LibraryIn(const fs::path& toolkit) {
  std::error_code ignored;
  for (const char* folder : kLibraryFolders) {
    for (const char* name : kLibraries) {
      fs::path path = toolkit / folder / name;
      if (fs::exists(path, ignored)) return path;
    }
  }
  return {};
}

std::vector<fs::path> ToolkitCandidates() {
  std::vector<fs::path> candidates;
  for (const char* variable : {"CUDA_HOME", "CUDA_PATH"}) {
    const char* const value = std::getenv(variable);
    if (value != nullptr && *value != '\0') candidates.emplace_back(value);
  }
  const char* const path = std::getenv("PATH");
  std::string_view rest = path != nullptr ? path : "";
  while (!rest.empty()) {
    const size_t end = std::min(rest.find(':'), rest.size());
    const fs::path nvcc = fs::path(rest.substr(0, end)) / "nvcc";
    rest.remove_prefix(std::min(end + 1, rest.size()));
    std::error_code failed;
    if (!fs::exists(nvcc, failed)) continue;
    // nvcc is often a link into the toolkit.
    const fs::path real = fs::canonical(nvcc, failed);
    if (!failed) candidates.push_back(real.parent_path().parent_path());
  }
  candidates.emplace_back("/usr/local/cuda");
  return candidates;
}

template <typename F>
bool Bind(void* library, const char* name, F& function) {
  function = reinterpret_cast<F>(dlsym(library, name));
  return function != nullptr;
}

void* OpenLibrary() {
  const fs::path toolkit = FindToolkit();
  if (!toolkit.empty()) {
    if (void* const library = dlopen(LibraryIn(toolkit).c_str(), RTLD_NOW | RTLD_LOCAL)) {
      return library;
    }
  }
  for (const char* name : kLibraries) {  // where the system's linker finds it
    if (void* const library = dlopen(name, RTLD_NOW | RTLD_LOCAL)) return library;
  }
  return nullptr;
}

Result<Nvrtc> Load() {
  void* const library = OpenLibrary();
  if (library == nullptr) {
    return Error(Code::kUnavailable,
                 "compiling CUDA needs the CUDA Toolkit's NVRTC (libnvrtc.so.13, .12 or .11.2): "
                 "install the toolkit or set CUDA_HOME, or give PTX instead of .cu");
  }
  Nvrtc api;
  const bool bound = Bind(library, "nvrtcVersion", api.version) &&
                     Bind(library, "nvrtcCreateProgram", api.create) &&
                     Bind(library, "nvrtcDestroyProgram", api.destroy) &&
                     Bind(library, "nvrtcCompileProgram", api.compile) &&
                     Bind(library, "nvrtcGetPTXSize", api.ptx_size) &&
                     Bind(library, "nvrtcGetPTX", api.ptx) &&
                     Bind(library, "nvrtcGetProgramLogSize", api.log_size) &&
                     Bind(library, "nvrtcGetProgramLog", api.log) &&
                     Bind(library, "nvrtcGetErrorString", api.error);
  if (!bound) return Error(Code::kUnavailable, "the NVRTC library lacks functions that Souk needs");
  return api;
}

const Result<Nvrtc>& Api() {
  static const Result<Nvrtc>* const api = new Result<Nvrtc>(Load());
  return *api;
}

// What nvcc does without being asked, NVRTC does where it can.
std::vector<std::string> Arguments(const Nvrtc& api, const CompileOptions& options) {
  std::vector<std::string> arguments = {
      fmt::format("--gpu-architecture=compute_{}{}", options.architecture,
                  options.architecture_suffix),
      "--std=c++17",
      "--device-as-default-execution-space"};  // else lambdas that are templates are host code
  int major = 0;
  int minor = 0;
  const bool known = api.version(&major, &minor) == 0;
  const bool has_int128 = known && (major > 11 || (major == 11 && minor >= 5));
  if (has_int128) arguments.emplace_back("--device-int128");
  if (!options.fmad) arguments.emplace_back("--fmad=false");
  if (options.line_info) arguments.emplace_back("--generate-line-info");
  for (const std::string& define : options.defines) arguments.push_back("--define-macro=" + define);
  std::vector<fs::path> folders = options.include_dirs;
  const fs::path toolkit = FindToolkit();
  if (!toolkit.empty()) {
    folders.push_back(toolkit / "include");
    folders.push_back(toolkit / "include" / "cccl");  // since CUDA 13
  }
  for (const fs::path& folder : folders) {
    arguments.push_back("--include-path=" + folder.string());
  }
  return arguments;
}

// Named texts come before all files, so a standard header is left out where there is another one.
std::vector<const Header*> Headers(const CompileOptions& options) {
  std::vector<const Header*> headers;
  for (const Header& header : options.headers) headers.push_back(&header);
  std::vector<fs::path> folders = options.include_dirs;
  folders.push_back(fs::path(options.name).parent_path());
  for (const Header& header : StandardHeaders()) {
    const bool replaced =
        std::any_of(options.headers.begin(), options.headers.end(),
                    [&](const Header& other) { return other.name == header.name; }) ||
        std::any_of(folders.begin(), folders.end(), [&](const fs::path& folder) {
          std::error_code ignored;
          return fs::exists(folder / header.name, ignored);
        });
    if (!replaced) headers.push_back(&header);
  }
  return headers;
}

std::string Log(const Nvrtc& api, Program program) {
  size_t size = 0;
  if (api.log_size(program, &size) != 0 || size == 0 || size > kMaxPtxBytes) return "";
  std::string log(size, '\0');
  if (api.log(program, log.data()) != 0) return "";
  log.resize(std::min(log.find('\0'), log.size()));
  while (!log.empty() && log.back() == '\n') log.pop_back();
  if (log.size() > kMaxLogBytes) {
    log.resize(kMaxLogBytes);
    log += "…";
  }
  return log;
}

Result<std::string> Ptx(const Nvrtc& api, Program program) {
  size_t size = 0;
  int failed = api.ptx_size(program, &size);
  if (failed == 0 && size > kMaxPtxBytes) {
    return Error(Code::kTooLarge, fmt::format("NVRTC wrote {} bytes of PTX", size));
  }
  std::string text(size, '\0');
  if (failed == 0) failed = api.ptx(program, text.data());
  if (failed != 0) {
    return Error(Code::kUnavailable, fmt::format("reading NVRTC's PTX: {}", api.error(failed)));
  }
  text.resize(std::min(text.find('\0'), text.size()));
  return text;
}

}  // namespace

fs::path FindToolkit() {
  for (const fs::path& candidate : ToolkitCandidates()) {
    if (!LibraryIn(candidate).empty()) return candidate;
  }
  return {};
}

Result<std::string> NvrtcVersion() {
  const Result<Nvrtc>& api = Api();
  if (!api) return api.error();
  int major = 0;
  int minor = 0;
  const int failed = api->version(&major, &minor);
  if (failed != 0) return Error(Code::kUnavailable, fmt::format("NVRTC: {}", api->error(failed)));
  return fmt::format("{}.{}", major, minor);
}

Result<std::string> CompileCuda(std::string_view source, const CompileOptions& options) {
  if (source.size() > kMaxSourceBytes) {
    return Error(Code::kTooLarge, fmt::format("{}: {} bytes of source; {} is the most",
                                              options.name, source.size(), kMaxSourceBytes));
  }
  const Result<Nvrtc>& api = Api();
  if (!api) return api.error();
  Program program = nullptr;
  const std::string text(source);  // NVRTC wants a closing NUL
  std::vector<const char*> header_texts, header_names;
  for (const Header* header : Headers(options)) {
    header_texts.push_back(header->text.c_str());
    header_names.push_back(header->name.c_str());
  }
  const int not_created =
      api->create(&program, text.c_str(), options.name.c_str(),
                  static_cast<int>(header_names.size()), header_texts.data(), header_names.data());
  if (not_created != 0) {
    return Error(Code::kUnavailable, fmt::format("NVRTC: {}", api->error(not_created)));
  }
  const auto destroy = [&](Program p) { api->destroy(&p); };
  const std::unique_ptr<void, decltype(destroy)> owner(program, destroy);
  const std::vector<std::string> arguments = Arguments(*api, options);
  std::vector<const char*> pointers;
  pointers.reserve(arguments.size());
  for (const std::string& argument : arguments) pointers.push_back(argument.c_str());
  const int failed = api->compile(program, static_cast<int>(pointers.size()), pointers.data());
  if (failed != 0) {
    const std::string log = Log(*api, program);
    const bool has_host_code = source.find("<<<") != source.npos ||
                               source.find("main(") != source.npos ||
                               log.find("cannot open source file") != log.npos;
    const char* const hint =
        has_host_code ? "\nNVRTC takes device code alone, with the standard headers that kernels "
                        "can use. Of a file with host code too, nvcc -ptx makes PTX."
                      : "";
    return Error(Code::kInvalidArgument, fmt::format("{} does not compile ({}):\n{}{}",
                                                     options.name, api->error(failed), log, hint));
  }
  return Ptx(*api, program);
}

}  // namespace souk::ptx
