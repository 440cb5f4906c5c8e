#include "gpu/ptx/nvrtc.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <optional>
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
constexpr int kOutOfMemory = 1;  // NVRTC_ERROR_OUT_OF_MEMORY
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

// The first line of the log that is an error, and no longer than fits a sentence.
std::string FirstError(const std::string& log) {
  constexpr size_t kMost = 300;
  for (size_t at = 0; at < log.size();) {
    const size_t end = std::min(log.find('\n', at), log.size());
    const std::string line = log.substr(at, end - at);
    if (line.find("error") != line.npos) {
      return line.size() > kMost ? line.substr(0, kMost) + "…" : line;
    }
    at = end + 1;
  }
  return "";
}

Error TooMuchMemory(const CompileOptions& options) {
  return Error(Code::kExhausted, fmt::format("{} takes more than {} MiB of memory to compile",
                                             options.name, options.memory_bytes >> 20));
}

Error DoesNotCompile(const std::string& log, const char* what, std::string_view source,
                     const CompileOptions& options) {
  // The front end says it in its log; what comes after it is noise.
  if (log.find("catastrophic error: out of memory") != log.npos) return TooMuchMemory(options);
  const bool has_host_code = source.find("<<<") != source.npos ||
                             source.find("main(") != source.npos ||
                             log.find("cannot open source file") != log.npos ||
                             log.find("not allowed in JIT mode") != log.npos;
  const char* const hint =
      has_host_code ? "\nNVRTC takes device code alone, with the standard headers that kernels "
                      "can use. Of a file with host code too, nvcc -ptx makes PTX."
                    : "";
  if (log.find("invalid value for --gpu-architecture") != log.npos) {
    return Error(
        Code::kUnsupported,
        fmt::format("this NVRTC compiles nothing for compute_{}{}: a newer toolkit may, or "
                    "an older one; 75 is what most take",
                    options.architecture, options.architecture_suffix));
  }
  const std::string first = FirstError(log);
  return Error(Code::kInvalidArgument, fmt::format("{} does not compile: {}\n{}{}", options.name,
                                                   first.empty() ? what : first, log, hint));
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

Result<std::string> CompileHere(const Nvrtc& api, std::string_view source,
                                const CompileOptions& options) {
  Program program = nullptr;
  const std::string text(source);  // NVRTC wants a closing NUL
  std::vector<const char*> header_texts, header_names;
  for (const Header* header : Headers(options)) {
    header_texts.push_back(header->text.c_str());
    header_names.push_back(header->name.c_str());
  }
  const int not_created =
      api.create(&program, text.c_str(), options.name.c_str(),
                 static_cast<int>(header_names.size()), header_texts.data(), header_names.data());
  if (not_created != 0) {
    return Error(Code::kUnavailable, fmt::format("NVRTC: {}", api.error(not_created)));
  }
  const auto destroy = [&](Program p) { api.destroy(&p); };
  const std::unique_ptr<void, decltype(destroy)> owner(program, destroy);
  const std::vector<std::string> arguments = Arguments(api, options);
  std::vector<const char*> pointers;
  pointers.reserve(arguments.size());
  for (const std::string& argument : arguments) pointers.push_back(argument.c_str());
  const int failed = api.compile(program, static_cast<int>(pointers.size()), pointers.data());
  if (failed == kOutOfMemory) return TooMuchMemory(options);
  if (failed != 0) {
    return DoesNotCompile(Log(api, program), api.error(failed), source, options);
  }
  return Ptx(api, program);
}

// What the compiling process hands over: kDone or kNot, of an error its code, and the text.
constexpr char kDone = 'd';
constexpr char kNot = 'n';

std::string ToAnswer(const Result<std::string>& compiled) {
  if (compiled) return kDone + *compiled;
  return std::string{kNot, static_cast<char>(compiled.error().code)} + compiled.error().message;
}

// Nothing where it ended before it could answer.
std::optional<Result<std::string>> FromAnswer(const std::string& answer) {
  if (answer.starts_with(kDone)) return answer.substr(1);
  if (answer.size() > 1 && answer[0] == kNot) {
    return Error(static_cast<Code>(answer[1]), answer.substr(2));
  }
  return std::nullopt;
}

void WriteAnswer(int to, std::string_view answer) {
  while (!answer.empty()) {
    const ssize_t wrote = ::write(to, answer.data(), answer.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return;
    answer.remove_prefix(static_cast<size_t>(wrote));
  }
}

// Of address space, in pages of the kernel's first figure in statm (proc(5)); 0 where unknown.
uint64_t AddressSpaceInUse() {
  std::ifstream statm("/proc/self/statm");
  uint64_t pages = 0;
  statm >> pages;
  return pages * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

// In the compiling process. Whatever has no memory left ends it with a line on stderr.
[[noreturn]] void CompileInChild(const Nvrtc& api, std::string_view source,
                                 const CompileOptions& options, pid_t parent, int to, int log) {
  // Whoever waits for it may be killed.
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::getppid() != parent) ::_exit(1);
  const uint64_t most = AddressSpaceInUse() + options.memory_bytes;
  const rlimit limit = {.rlim_cur = most, .rlim_max = most};
  const rlimit no_core = {.rlim_cur = 0, .rlim_max = 0};
  if (::setrlimit(RLIMIT_AS, &limit) != 0 || ::setrlimit(RLIMIT_CORE, &no_core) != 0) ::_exit(1);
  if (::dup2(log, STDERR_FILENO) < 0) ::_exit(1);
  WriteAnswer(to, ToAnswer(CompileHere(api, source, options)));
  ::_exit(0);
}

// What the compiling process said before it ended without an answer.
Error WithoutAnswer(int log, int status, const CompileOptions& options) {
  char text[4096];
  const ssize_t got = ::pread(log, text, sizeof(text), 0);
  const std::string_view said(text, got > 0 ? static_cast<size_t>(got) : 0);
  if (said.find("out of memory") != said.npos || said.find("bad_alloc") != said.npos) {
    return TooMuchMemory(options);
  }
  const std::string how = WIFSIGNALED(status) ? fmt::format("signal {}", WTERMSIG(status))
                                              : fmt::format("exit {}", WEXITSTATUS(status));
  return Error(Code::kUnavailable,
               fmt::format("the compiler ended without a result for {} ({})", options.name, how));
}

// Until the other end is closed; false where the time is up before.
bool ReadAnswer(int from, uint64_t milliseconds, std::string& answer) {
  const auto start = std::chrono::steady_clock::now();
  char piece[65536];
  while (true) {
    const auto passed = static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                                  std::chrono::steady_clock::now() - start)
                                                  .count());
    if (passed >= milliseconds) return false;
    pollfd ready = {.fd = from, .events = POLLIN, .revents = 0};
    const uint64_t wait = std::min<uint64_t>(milliseconds - passed, 60'000);
    if (::poll(&ready, 1, static_cast<int>(wait)) <= 0) continue;
    const ssize_t got = ::read(from, piece, sizeof(piece));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return true;
    answer.append(piece, static_cast<size_t>(got));
  }
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
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return Error(Code::kIo, "no pipe to the compiler");
  const int log = ::memfd_create("souk-nvrtc-log", MFD_CLOEXEC);
  const pid_t parent = ::getpid();
  const pid_t child = log < 0 ? -1 : ::fork();
  if (child == 0) CompileInChild(*api, source, options, parent, ends[1], log);
  ::close(ends[1]);
  std::string answer;
  const bool in_time = child > 0 && ReadAnswer(ends[0], options.milliseconds, answer);
  ::close(ends[0]);
  if (child > 0 && !in_time) ::kill(child, SIGKILL);
  int status = 0;
  while (child > 0 && ::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  auto result = FromAnswer(answer);
  if (child < 0) {
    result = Error(Code::kUnavailable, "no process for the compiler");
  } else if (!in_time) {
    result = Error(Code::kExhausted, fmt::format("{} takes longer than {} s to compile",
                                                 options.name, options.milliseconds / 1000));
  } else if (!result) {
    result = WithoutAnswer(log, status, options);
  }
  if (log >= 0) ::close(log);
  return std::move(*result);
}

}  // namespace souk::ptx
