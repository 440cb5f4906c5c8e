#include "gpu/worker/process_id.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <cstdlib>
#include <cstring>

namespace souk::gpu {
namespace {

std::string ReadSmall(const std::string& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return {};
  char text[1024];
  const ssize_t got = ::read(file.get(), text, sizeof(text));
  return got <= 0 ? std::string() : std::string(text, static_cast<size_t>(got));
}

}  // namespace

uint64_t ProcessStartTime(pid_t pid) {
  const std::string stat = ReadSmall("/proc/" + std::to_string(pid) + "/stat");
  // The name stands in parentheses and may hold anything, more parentheses too.
  const size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos) return 0;
  size_t at = name_end + 1;
  for (int field = 3; field < 22; ++field) {
    at = stat.find(' ', at + 1);
    if (at == std::string::npos) return 0;
  }
  return std::strtoull(stat.c_str() + at + 1, nullptr, 10);
}

uint64_t PidNamespaceOf(pid_t pid) {
  struct stat info = {};
  const std::string path = "/proc/" + std::to_string(pid) + "/ns/pid";
  return ::stat(path.c_str(), &info) == 0 ? static_cast<uint64_t>(info.st_ino) : 0;
}

std::string BootId() {
  std::string id = ReadSmall("/proc/sys/kernel/random/boot_id");
  while (!id.empty() && id.back() == '\n') id.pop_back();
  return id;
}

Descriptor OpenPidfd(pid_t pid) {
  if (pid <= 0) return {};
  return Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

bool HasEnded(const Descriptor& pidfd) {
  if (!pidfd) return true;
  struct pollfd one = {pidfd.get(), POLLIN, 0};
  return ::poll(&one, 1, 0) > 0;
}

void KillByPidfd(const Descriptor& pidfd) {
  if (pidfd) ::syscall(SYS_pidfd_send_signal, pidfd.get(), SIGKILL, nullptr, 0);
}

void PreferWhenMemoryRunsOut(pid_t pid) {
  const std::string path = "/proc/" + std::to_string(pid) + "/oom_score_adj";
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (file) static_cast<void>(!::write(file.get(), "1000", 4));
}

std::string SignalName(int signal) {
  const char* name = ::sigabbrev_np(signal);
  return name == nullptr ? "signal " + std::to_string(signal) : std::string("SIG") + name;
}

}  // namespace souk::gpu
