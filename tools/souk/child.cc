#include "tools/souk/child.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <thread>
#include <utility>

#include "protocol/base/file.h"

namespace souk::tools {

Result<Child> Child::Start(const std::filesystem::path& program,
                           const std::vector<std::string>& arguments,
                           const std::filesystem::path& log) {
  const std::string path = program.string();
  std::vector<char*> argv = {const_cast<char*>(path.c_str())};  // NOLINT: execv's type
  for (const std::string& one : arguments) {
    argv.push_back(const_cast<char*>(one.c_str()));  // NOLINT
  }
  argv.push_back(nullptr);
  const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (out < 0) return ErrnoError("opening " + log.string(), errno);
  const int in = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::dup2(in, 0);
    ::dup2(out, 1);
    ::dup2(out, 2);
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (::getppid() == parent) ::execv(path.c_str(), argv.data());
    ::_exit(127);
  }
  const int error = errno;
  ::close(out);
  ::close(in);
  if (pid < 0) return ErrnoError("starting " + path, error);
  return Child(pid);
}

Child::Child(Child&& other) noexcept : pid_(std::exchange(other.pid_, 0)), code_(other.code_) {}

Child& Child::operator=(Child&& other) noexcept {
  if (this != &other) {
    Stop();
    pid_ = std::exchange(other.pid_, 0);
    code_ = other.code_;
  }
  return *this;
}

Child::~Child() {
  Stop();
}

bool Child::Running() {
  return Wait(Duration{}) == -1;
}

int Child::Wait(Duration at_most) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(at_most.ms);
  while (pid_ != 0) {
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) == pid_) {
      pid_ = 0;
      code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
      break;
    }
    if (std::chrono::steady_clock::now() >= until) return -1;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return code_;
}

int Child::Stop(Duration patience) {
  if (pid_ == 0) return code_;
  ::kill(pid_, SIGTERM);
  if (Wait(patience) == -1) {
    ::kill(pid_, SIGKILL);
    Wait(Seconds(5));
  }
  return code_;
}

}  // namespace souk::tools
