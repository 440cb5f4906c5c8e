#include "gpu/worker/jail.h"

#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>

#include "gpu/worker/process_id.h"
#include "gpu/worker/seccomp_filter.h"
#include "protocol/base/file.h"

namespace souk::gpu {
namespace {

constexpr int kFirstDescriptor = 3;
constexpr size_t kMaxDescriptors = 16;
// Where descriptors wait before they are dealt out as 3, 4, 5, …
constexpr int kParking = 64;
constexpr size_t kMaxProbeOutput = 64 * 1024;
constexpr int kProbeTimeoutMs = 5000;

struct Spawn {
  std::string program = {};
  std::vector<std::string> arguments = {};  // with the name first
  std::vector<int> descriptors = {};        // become 3, 4, 5, …
  int output = -1;                          // stdout and stderr
};

class FileActions {
 public:
  FileActions() { ::posix_spawn_file_actions_init(&actions_); }
  ~FileActions() { ::posix_spawn_file_actions_destroy(&actions_); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;
  posix_spawn_file_actions_t* get() { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_ = {};
};

class Attributes {
 public:
  Attributes() { ::posix_spawnattr_init(&attributes_); }
  ~Attributes() { ::posix_spawnattr_destroy(&attributes_); }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;
  posix_spawnattr_t* get() { return &attributes_; }

 private:
  posix_spawnattr_t attributes_ = {};
};

// posix_spawn rather than fork: it does not copy the page tables of a daemon with gigabytes of
// cache, and is safe beside threads.
Result<pid_t> SpawnProcess(const Spawn& spawn) {
  if (spawn.descriptors.size() > kMaxDescriptors) {
    return Error(Code::kInvalidArgument, "too many descriptors for a jailed program");
  }
  FileActions actions;
  Attributes attributes;
  std::vector<Descriptor> parked;
  const auto park = [&](int fd) {
    parked.emplace_back(::fcntl(fd, F_DUPFD_CLOEXEC, kParking));
    return parked.back().get();
  };
  ::posix_spawn_file_actions_addopen(actions.get(), 0, "/dev/null", O_RDONLY, 0);
  const int output = spawn.output < 0 ? -1 : park(spawn.output);
  for (const int fd : {1, 2}) {
    if (output < 0) {
      ::posix_spawn_file_actions_addopen(actions.get(), fd, "/dev/null", O_WRONLY, 0);
    } else {
      ::posix_spawn_file_actions_adddup2(actions.get(), output, fd);
    }
  }
  int next = kFirstDescriptor;
  for (const int fd : spawn.descriptors) {
    const int from = park(fd);
    if (from < 0) return ErrnoError("duplicating a descriptor", errno);
    ::posix_spawn_file_actions_adddup2(actions.get(), from, next++);
  }
  ::posix_spawn_file_actions_addclosefrom_np(actions.get(), next);
  // A session of its own: a Ctrl-C at the daemon's terminal is not meant for the worker.
  ::posix_spawnattr_setflags(
      attributes.get(),
      static_cast<short>(POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK));
  sigset_t all;
  sigset_t none;
  ::sigfillset(&all);
  ::sigemptyset(&none);
  ::posix_spawnattr_setsigdefault(attributes.get(), &all);
  ::posix_spawnattr_setsigmask(attributes.get(), &none);
  std::vector<char*> argv;
  for (const std::string& argument : spawn.arguments) {
    argv.push_back(const_cast<char*>(argument.c_str()));
  }
  argv.push_back(nullptr);
  char* no_environment[] = {nullptr};
  pid_t pid = -1;
  const int failed = ::posix_spawn(&pid, spawn.program.c_str(), actions.get(), attributes.get(),
                                   argv.data(), no_environment);
  if (failed != 0) return ErrnoError("starting " + spawn.program, failed);
  return pid;
}

std::string FindBwrap() {
  for (const char* path : {"/usr/bin/bwrap", "/bin/bwrap", "/usr/local/bin/bwrap"}) {
    if (::access(path, X_OK) == 0) return path;
  }
  return {};
}

std::vector<std::string> Matching(const std::string& pattern) {
  std::vector<std::string> out;
  glob_t found = {};
  if (::glob(pattern.c_str(), 0, nullptr, &found) == 0) {
    out.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  }
  ::globfree(&found);
  return out;
}

void AppendAll(std::vector<std::string>& out, std::initializer_list<std::string> more) {
  out.insert(out.end(), more);
}

// The driver's nodes, what it reads about the machine, and its libraries wherever the loader's
// usual folders hold them.
void AppendGpu(std::vector<std::string>& out) {
  AppendAll(out, {"--proc", "/proc", "--ro-bind", "/sys", "/sys", "--dir", "/dev"});
  for (const std::string& node : Matching("/dev/nvidia*")) {
    AppendAll(out, {"--dev-bind", node, node});
  }
  for (const char* node : {"/dev/null", "/dev/zero", "/dev/urandom"}) {
    AppendAll(out, {"--dev-bind", node, node});
  }
  for (const char* folder : {"/usr/lib/x86_64-linux-gnu", "/lib/x86_64-linux-gnu", "/usr/lib64",
                             "/usr/lib", "/usr/local/nvidia/lib64"}) {
    // And the parts of the C library that ours was not linked with.
    for (const char* name : {"/libcuda.so*", "/libnvidia-*.so*", "/libdl.so.*", "/librt.so.*",
                             "/libpthread.so.*", "/libm.so.*"}) {
      for (const std::string& library : Matching(std::string(folder) + name)) {
        AppendAll(out, {"--ro-bind-try", library, library});
      }
    }
  }
}

std::vector<std::string> BwrapArguments(const Jail& jail, const JailedCommand& command,
                                        const std::string& seccomp_fd,
                                        const std::string& status_fd) {
  std::vector<std::string> out;
  // No --die-with-parent: the worker outlives the daemon (R5). Its own end is its own business.
  AppendAll(out, {jail.bwrap, "--unshare-user", "--unshare-all", "--disable-userns"});
  AppendAll(out, {"--uid", "65534", "--gid", "65534", "--cap-drop", "ALL", "--new-session"});
  AppendAll(out, {"--hostname", "souk-worker", "--clearenv"});
  for (const std::string& library : jail.libraries) {
    AppendAll(out, {"--ro-bind", library, library});
  }
  AppendAll(out, {"--ro-bind", command.program.string(), "/souk-worker"});
  if (command.gpu) AppendGpu(out);
  AppendAll(out, {"--remount-ro", "/", "--chdir", "/", "--seccomp", seccomp_fd});
  if (!status_fd.empty()) AppendAll(out, {"--json-status-fd", status_fd});
  AppendAll(out, {"--", "/souk-worker", "--grade", JailGradeName(jail.grade)});
  out.insert(out.end(), command.arguments.begin(), command.arguments.end());
  return out;
}

Result<pid_t> StartInNamespaces(const Jail& jail, const JailedCommand& command) {
  ASSIGN_OR_RETURN(const Descriptor filter, StartFilterProgram());
  Spawn spawn;
  spawn.program = jail.bwrap;
  spawn.output = command.log;
  spawn.descriptors = command.descriptors;
  const auto number = [&] {
    return std::to_string(kFirstDescriptor + static_cast<int>(spawn.descriptors.size()) - 1);
  };
  spawn.descriptors.push_back(filter.get());
  const std::string seccomp_fd = number();
  std::string status_fd;
  if (command.status >= 0) {
    spawn.descriptors.push_back(command.status);
    status_fd = number();
  }
  spawn.arguments = BwrapArguments(jail, command, seccomp_fd, status_fd);
  return SpawnProcess(spawn);
}

// The program confines itself, below a parent that only waits to write down how it ended.
Result<pid_t> StartSelfConfined(const Jail& jail, const JailedCommand& command) {
  Spawn spawn;
  spawn.program = command.program.string();
  spawn.output = command.log;
  spawn.descriptors = command.descriptors;
  spawn.arguments = {"souk-worker", "--grade", JailGradeName(jail.grade)};
  if (command.status >= 0) {
    spawn.descriptors.push_back(command.status);
    AppendAll(spawn.arguments,
              {"--supervise",
               std::to_string(kFirstDescriptor + static_cast<int>(spawn.descriptors.size()) - 1)});
  }
  spawn.arguments.insert(spawn.arguments.end(), command.arguments.begin(), command.arguments.end());
  return SpawnProcess(spawn);
}

struct Ended {
  int code = 0;  // 128 + signal where a signal ended it
  std::string output = {};
};

// Waits for the end of a process that starts, prints a little and ends.
Result<Ended> WaitFor(pid_t pid, const Descriptor& output) {
  const auto give_up =
      std::chrono::steady_clock::now() + std::chrono::milliseconds(kProbeTimeoutMs);
  Ended ended;
  bool timed_out = false;
  while (true) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        give_up - std::chrono::steady_clock::now());
    struct pollfd one = {output.get(), POLLIN, 0};
    const int ready = ::poll(&one, 1, static_cast<int>(std::max<int64_t>(left.count(), 0)));
    if (ready < 0 && errno == EINTR) continue;
    char buffer[4096];
    const ssize_t got = ready > 0 ? ::read(output.get(), buffer, sizeof(buffer)) : -1;
    timed_out = ready <= 0;
    if (got <= 0 || ended.output.size() > kMaxProbeOutput) break;
    ended.output.append(buffer, static_cast<size_t>(got));
  }
  if (timed_out) ::kill(pid, SIGKILL);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) return ErrnoError("waiting for a probe", errno);
  }
  if (timed_out) return Error(Code::kUnavailable, "a probe of the jail did not end");
  ended.code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  return ended;
}

// What the program says of itself, outside any jail.
Result<std::vector<std::string>> LinesOf(const std::filesystem::path& program,
                                         const std::string& question) {
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0) return ErrnoError("pipe", errno);
  Descriptor read_end(ends[0]);
  Descriptor write_end(ends[1]);
  Spawn spawn;
  spawn.program = program.string();
  spawn.arguments = {program.string(), question};
  spawn.output = write_end.get();
  ASSIGN_OR_RETURN(const pid_t pid, SpawnProcess(spawn));
  write_end.Close();
  ASSIGN_OR_RETURN(const Ended ended, WaitFor(pid, read_end));
  if (ended.code != 0) {
    return Error(Code::kUnavailable, program.string() + " does not run: " + ended.output);
  }
  std::vector<std::string> lines;
  size_t at = 0;
  while (at < ended.output.size()) {
    size_t end = ended.output.find('\n', at);
    if (end == std::string::npos) end = ended.output.size();
    if (end > at) lines.push_back(ended.output.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

Result<std::vector<std::string>> LibrariesOf(const std::filesystem::path& program) {
  ASSIGN_OR_RETURN(std::vector<std::string> lines, LinesOf(program, "--libraries"));
  std::erase_if(lines, [](const std::string& line) { return line[0] != '/'; });
  return lines;
}

// Ok where the program runs in this jail, confines itself, and ends with 0.
Status TryJail(const Jail& jail, const std::filesystem::path& program) {
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0) return ErrnoError("pipe", errno);
  Descriptor read_end(ends[0]);
  Descriptor write_end(ends[1]);
  JailedCommand command;
  command.program = program;
  command.arguments = {"--probe"};
  command.log = write_end.get();
  ASSIGN_OR_RETURN(const pid_t pid, StartJailed(jail, command));
  write_end.Close();
  ASSIGN_OR_RETURN(Ended ended, WaitFor(pid, read_end));
  if (ended.code == 0) return Ok();
  std::replace(ended.output.begin(), ended.output.end(), '\n', ' ');
  while (!ended.output.empty() && ended.output.back() == ' ') ended.output.pop_back();
  if (ended.output.empty()) ended.output = "exit code " + std::to_string(ended.code);
  return Error(Code::kDenied, ended.output);
}

}  // namespace

const char* JailGradeName(JailGrade grade) {
  switch (grade) {
    case JailGrade::kNone:
      return "none";
    case JailGrade::kSeccomp:
      return "seccomp";
    case JailGrade::kLandlock:
      return "landlock";
    case JailGrade::kNamespaces:
      return "namespaces";
  }
  std::abort();
}

std::optional<JailGrade> ParseJailGrade(std::string_view name) {
  for (const JailGrade grade :
       {JailGrade::kNone, JailGrade::kSeccomp, JailGrade::kLandlock, JailGrade::kNamespaces}) {
    if (name == JailGradeName(grade)) return grade;
  }
  return std::nullopt;
}

Result<Jail> DetectJail(const std::filesystem::path& program, JailGrade at_most) {
  Jail jail;
  ASSIGN_OR_RETURN(jail.libraries, LibrariesOf(program));
  std::string refusals;
  for (const JailGrade grade :
       {JailGrade::kNamespaces, JailGrade::kLandlock, JailGrade::kSeccomp}) {
    if (grade > at_most) continue;
    jail.grade = grade;
    jail.bwrap = grade == JailGrade::kNamespaces ? FindBwrap() : std::string();
    const Status tried = grade == JailGrade::kNamespaces && jail.bwrap.empty()
                             ? Status(Error(Code::kNotFound, "bubblewrap is not installed"))
                             : TryJail(jail, program);
    if (tried) {
      jail.why_not_stronger = refusals;
      return jail;
    }
    if (!refusals.empty()) refusals += "; ";
    refusals += std::string(JailGradeName(grade)) + ": " + tried.error().message;
  }
  jail.grade = JailGrade::kNone;
  jail.bwrap.clear();
  jail.why_not_stronger = refusals;
  return jail;
}

Result<std::vector<std::string>> GpuLines(const std::filesystem::path& program) {
  return LinesOf(program, "--gpus");
}

Result<pid_t> StartJailed(const Jail& jail, const JailedCommand& command) {
  switch (jail.grade) {
    case JailGrade::kNone:
      return Error(Code::kDenied, "this machine offers no jail: " + jail.why_not_stronger);
    case JailGrade::kSeccomp:
    case JailGrade::kLandlock:
      return StartSelfConfined(jail, command);
    case JailGrade::kNamespaces:
      return StartInNamespaces(jail, command);
  }
  std::abort();
}

}  // namespace souk::gpu
