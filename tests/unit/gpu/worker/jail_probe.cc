// A break-out artist: enters the jail as souk-worker does, then tries one thing a hostile program
// would. Exit code 0: refused; 50: it got through; 128 + signal: it was ended for trying.
//   jail_probe --grade GRADE [--early] ATTEMPT [NUMBER]
// --early skips the strict list, so that the grade alone must hold.
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <string>

#include "gpu/worker/confine.h"
#include "unit/gpu/worker/jail_attempts.h"

namespace {

constexpr int kRefused = 0;
constexpr int kEscaped = 50;
constexpr int kUnknownAttempt = 51;

long number = 0;  // an attempt's argument: a pid, a port, a descriptor

// An attempt returns what its system call returned: negative is refused.
long Forked(long child) {
  if (child == 0) ::_exit(0);
  return child;
}

long Connect(int family, const sockaddr* address, socklen_t size) {
  const int fd = ::socket(family, SOCK_STREAM, 0);
  if (fd < 0) return -1;
  return ::connect(fd, address, size);
}

long ConnectTcp() {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(number));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return Connect(AF_INET, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
}

long ConnectAbstract() {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  const std::string name = "souk-jail-test-" + std::to_string(number);
  std::memcpy(address.sun_path + 1, name.data(), name.size());
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  return Connect(AF_UNIX, reinterpret_cast<const sockaddr*>(&address), size);
}

long ReadOtherMemory() {
  char buffer[8];
  iovec here = {buffer, sizeof(buffer)};
  iovec there = {reinterpret_cast<void*>(0x400000), sizeof(buffer)};
  return ::process_vm_readv(static_cast<pid_t>(number), &here, 1, &there, 1, 0);
}

long MapExecutable() {
  void* at =
      ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return at == MAP_FAILED ? -1 : 0;
}

long MakeExecutable() {
  void* at = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) return -1;
  return ::mprotect(at, 4096, PROT_READ | PROT_EXEC);
}

long EatMemory() {
  // More address space than any limit of the tests leaves.
  void* at = ::mmap(nullptr, size_t{64} << 30, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return at == MAP_FAILED ? -1 : 0;
}

void* SleepForEver(void*) {
  while (true) ::poll(nullptr, 0, -1);  // pause is not on the strict list
}

// Refused once the limit on threads stands in the way.
long BombThreads() {
  for (int i = 0; i < 1500; ++i) {
    pthread_t thread;
    pthread_attr_t attributes;
    ::pthread_attr_init(&attributes);
    ::pthread_attr_setstacksize(&attributes, 64 * 1024);
    if (::pthread_create(&thread, &attributes, SleepForEver, nullptr) != 0) return -1;
  }
  return 0;
}

long OpenManyFiles() {
  for (int i = 0; i < 4096; ++i) {
    if (::syscall(SYS_eventfd2, 0, 0) < 0) return -1;
  }
  return 0;
}

long WriteHugeFile() {
  ::signal(SIGXFSZ, SIG_IGN);
  return ::pwrite(static_cast<int>(number), "x", 1, off_t{1} << 40);
}

long RaiseLimit() {
  const struct rlimit more = {RLIM_INFINITY, RLIM_INFINITY};
  return ::setrlimit(RLIMIT_AS, &more);
}

#if defined(__x86_64__)
// The 32-bit table through int 0x80: number 11 is execve there.
long OldTable() {
  long result = 20;  // getpid of the i386 table
  asm volatile("int $0x80" : "+a"(result) : : "memory");
  return result;
}
long X32Table() {
  return ::syscall(0x40000000 | SYS_getpid);
}
#endif

// Every system call from `number` on that the strict list does not let through. Which one it is at
// stands in the inherited file, for one that ends the process; the test then goes on behind it.
long CallEverything() {
  for (long call = number; call < souk::gpu::kSystemCalls; ++call) {
    if (souk::gpu::MayBeCalled(call)) continue;
    if (::pwrite(souk::gpu::kInheritedFile, &call, sizeof(call), 0) != sizeof(call)) return 0;
    const bool refused = ::syscall(call, 0, 0, 0, 0, 0, 0) < 0 && errno == EPERM;
    if (!refused && call != souk::gpu::kUprobe) return 0;
  }
  return -1;
}

using Attempt = std::function<long()>;

const std::map<std::string, Attempt>& Attempts() {
  static const std::map<std::string, Attempt> all = {
    {"open_passwd", [] { return ::open("/etc/passwd", O_RDONLY); }},
    {"open_own_program", [] { return ::open("/proc/self/exe", O_RDONLY); }},
    {"open_root", [] { return ::open("/", O_RDONLY | O_DIRECTORY); }},
    {"list_proc", [] { return ::open("/proc", O_RDONLY | O_DIRECTORY); }},
    {"create_file", [] { return ::open("/tmp/souk-escaped", O_WRONLY | O_CREAT, 0600); }},
    {"create_in_root", [] { return ::open("/souk-escaped", O_WRONLY | O_CREAT, 0600); }},
    {"make_folder", [] { return ::mkdir("/tmp/souk-escaped-dir", 0700); }},
    {"leave_by_folder_descriptor",
     [] { return ::openat(static_cast<int>(number), "../../../etc/passwd", O_RDONLY); }},
    {"socket_inet", [] { return ::socket(AF_INET, SOCK_STREAM, 0); }},
    {"socket_unix", [] { return ::socket(AF_UNIX, SOCK_STREAM, 0); }},
    {"socket_netlink", [] { return ::socket(AF_NETLINK, SOCK_RAW, 0); }},
    {"connect_tcp", ConnectTcp},
    {"connect_abstract", ConnectAbstract},
    {"fork", [] { return Forked(::fork()); }},
    {"fork_raw", [] { return Forked(::syscall(SYS_fork)); }},
    {"clone3_process",
     [] {
       uint64_t arguments[11] = {0, 0, 0, 0, SIGCHLD};
       return Forked(::syscall(SYS_clone3, arguments, sizeof(arguments)));
     }},
    {"clone_namespace",
     [] { return Forked(::syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0)); }},
    {"execve",
     [] {
       char* none[] = {nullptr};
       return ::execve("/proc/self/exe", none, none);
     }},
    {"execveat",
     [] {
       char* none[] = {nullptr};
       return ::syscall(SYS_execveat, 3, "", none, none, AT_EMPTY_PATH);
     }},
    {"ptrace", [] { return ::ptrace(PTRACE_ATTACH, static_cast<pid_t>(number), 0, 0); }},
    {"ptrace_traceme", [] { return ::ptrace(PTRACE_TRACEME, 0, 0, 0); }},
    {"kill", [] { return ::kill(static_cast<pid_t>(number), 0); }},
    {"kill_all", [] { return ::kill(-1, 0); }},
    {"tgkill_other", [] { return ::syscall(SYS_tgkill, number, number, 0); }},
    {"pidfd_open", [] { return ::syscall(SYS_pidfd_open, number, 0); }},
    {"read_other_memory", ReadOtherMemory},
    {"mount", [] { return ::mount("none", "/", "tmpfs", 0, nullptr); }},
    {"umount", [] { return ::umount2("/", MNT_DETACH); }},
    {"unshare", [] { return ::unshare(CLONE_NEWUSER); }},
    {"setns", [] { return ::setns(0, 0); }},
    {"chroot", [] { return ::chroot("/"); }},
    {"pivot_root", [] { return ::syscall(SYS_pivot_root, "/", "/"); }},
    {"bpf", [] { return ::syscall(SYS_bpf, BPF_PROG_LOAD, nullptr, 0); }},
    {"io_uring", [] { return ::syscall(SYS_io_uring_setup, 1, nullptr); }},
    {"perf", [] { return ::syscall(SYS_perf_event_open, nullptr, 0, -1, -1, 0); }},
    {"keyctl", [] { return ::syscall(SYS_keyctl, 0, -3, 1); }},
    {"userfaultfd", [] { return ::syscall(SYS_userfaultfd, 0); }},
    {"init_module", [] { return ::syscall(SYS_init_module, nullptr, 0, ""); }},
    {"map_executable", MapExecutable},
    {"make_executable", MakeExecutable},
    {"new_seccomp", [] { return ::prctl(PR_SET_SECCOMP, 1, 0, 0, 0); }},
    {"prctl_dumpable", [] { return ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); }},
    {"setuid", [] { return ::setresuid(12345, 12345, 12345); }},
    {"raise_limit", RaiseLimit},
    {"type_at_terminal", [] { return ::ioctl(0, TIOCSTI, "x"); }},
    {"memfd", [] { return ::memfd_create("x", 0); }},
    {"shared_memory", [] { return ::syscall(SYS_shmget, 1, 4096, 0600 | 01000); }},
    {"eat_memory", EatMemory},
    {"bomb_threads", BombThreads},
    {"open_many_files", OpenManyFiles},
    {"call_everything", CallEverything},
    {"write_huge_file", WriteHugeFile},
#if defined(__x86_64__)
    {"old_system_call_table", OldTable},
    {"x32_system_call_table", X32Table},
#endif
    // Not attempts: what must go on working.
    {"allowed_memory",
     [] {
       void* at =
           ::mmap(nullptr, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
       return at == MAP_FAILED ? -1 : 0;
     }},
    {"allowed_thread",
     [] {
       pthread_t thread;
       const auto nothing = [](void*) -> void* { return nullptr; };
       if (::pthread_create(&thread, nullptr, nothing, nullptr) != 0) return -1;
       return -::pthread_join(thread, nullptr);
     }},
    {"allowed_write",
     [] { return static_cast<long>(::pwrite(static_cast<int>(number), "x", 1, 0)); }},
  };
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace souk::gpu;
  JailGrade grade = JailGrade::kNone;
  bool early = false;
  int supervise = -1;
  std::string attempt;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--libraries") {
      PrintLibraries();
      return 0;
    }
    if (argument == "--grade" && i + 1 < argc) {
      grade = ParseJailGrade(argv[++i]).value_or(JailGrade::kNone);
    } else if (argument == "--supervise" && i + 1 < argc) {
      supervise = std::atoi(argv[++i]);
    } else if (argument == "--early") {
      early = true;
    } else if (attempt.empty()) {
      attempt = argument;
    } else {
      number = std::atol(argv[i]);
    }
  }
  if (supervise >= 0) Supervise(supervise);
  ProcessLimits limits;
  limits.address_space = uint64_t{4} << 30;
  limits.file_bytes = 1 << 20;
  limits.open_files = 1024;
  souk::Status entered = ApplyLimits(limits, souk::gpu::FilterFor::kCpu);
  if (entered) entered = EnterGrade(grade, souk::gpu::FilterFor::kCpu);
  if (entered && !early) entered = InstallStrictFilter(souk::gpu::FilterFor::kCpu);
  if (!entered) {
    std::fprintf(stderr, "%s\n", entered.error().message.c_str());
    ::_exit(12);
  }
  if (attempt == "--probe") ::_exit(0);
  const auto found = Attempts().find(attempt);
  const auto more = std::find_if(
      JailAttempts().begin(), JailAttempts().end(),
      [&](const JailAttempt& one) { return one.group + std::string("/") + one.name == attempt; });
  if (found == Attempts().end() && more == JailAttempts().end()) ::_exit(kUnknownAttempt);
  errno = 0;
  const long result = found != Attempts().end() ? found->second() : more->run(number);
  if (result < 0) {
    // Unbuffered and without a look at the descriptor, as the strict list wants.
    const char* name = ::strerrorname_np(errno);
    static_cast<void>(!::write(1, name, std::strlen(name)));
    ::_exit(kRefused);
  }
  ::_exit(kEscaped);
}
