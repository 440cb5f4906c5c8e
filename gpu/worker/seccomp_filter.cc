#include "gpu/worker/seccomp_filter.h"

#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "protocol/base/file.h"

namespace souk::gpu {
namespace {

// No library calls these by itself: whoever does has taken the process over.
constexpr const char* kTripwires[] = {
    "acct",
    "add_key",
    "bpf",
    "chroot",
    "delete_module",
    "fanotify_init",
    "finit_module",
    "fsconfig",
    "fsmount",
    "fsopen",
    "fspick",
    "init_module",
    "ioperm",
    "iopl",
    "kcmp",
    "kexec_file_load",
    "kexec_load",
    "keyctl",
    "mount",
    "mount_setattr",
    "move_mount",
    "name_to_handle_at",
    "nfsservctl",
    "open_by_handle_at",
    "open_tree",
    "perf_event_open",
    "pidfd_getfd",
    "pivot_root",
    "process_vm_readv",
    "process_vm_writev",
    "ptrace",
    "quotactl",
    "reboot",
    "request_key",
    "setdomainname",
    "sethostname",
    "setns",
    "settimeofday",
    "swapoff",
    "swapon",
    "umount2",
    "unshare",
    "userfaultfd",
    "vhangup",
    "io_uring_setup",
    "io_uring_enter",
    "io_uring_register",
};

// More of these once nothing is to be started any more.
constexpr const char* kStrictTripwires[] = {"execve", "execveat", "fork", "vfork"};

// Only on descriptors that are there, on the process's own memory, or harmless.
constexpr const char* kAllowed[] = {
    "accept4",
    "brk",
    "clock_getres",
    "clock_gettime",
    "clock_nanosleep",
    "close",
    "close_range",
    "epoll_create1",
    "epoll_ctl",
    "epoll_pwait",
    "epoll_wait",
    "eventfd2",
    "exit",
    "exit_group",
    "fdatasync",
    "fstat",
    "fsync",
    "ftruncate",
    "futex",
    "getcpu",
    "getegid",
    "geteuid",
    "getgid",
    "getpid",
    "getrandom",
    "getresgid",
    "getresuid",
    "getrlimit",
    "getrusage",
    "gettid",
    "gettimeofday",
    "getuid",
    "lseek",
    "madvise",
    "membarrier",
    "mincore",
    "mremap",
    "munmap",
    "nanosleep",
    "pipe2",
    "poll",
    "ppoll",
    "pread64",
    "preadv",
    "pwrite64",
    "pwritev",
    "read",
    "readv",
    "recvfrom",
    "recvmsg",
    "restart_syscall",
    "rseq",
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "sched_getaffinity",
    "sched_yield",
    "sendmsg",
    "sendto",
    "set_robust_list",
    "setitimer",
    "shutdown",
    "sigaltstack",
    "sysinfo",
    "timerfd_create",
    "timerfd_settime",
    "uname",
    "write",
    "writev",
};

// What NVIDIA's user-space driver does after its context is there: it opens nodes and /proc files
// again (the mount namespace or Landlock says which), and maps memory that it then runs code from.
constexpr const char* kAllowedForGpu[] = {
    "access",
    "dup",
    "dup3",
    "epoll_pwait2",
    "faccessat",
    "faccessat2",
    "fadvise64",
    "fcntl",
    "fstatfs",
    "get_mempolicy",
    "getdents64",
    "ioctl",
    "lstat",
    "mbind",
    "memfd_create",
    "mlock",
    "mlock2",
    "mmap",
    "mprotect",
    "munlock",
    "newfstatat",
    "open",
    "openat",
    "pipe",
    "prctl",
    "readlink",
    "readlinkat",
    "sched_get_priority_max",
    "sched_get_priority_min",
    "sched_getparam",
    "sched_getscheduler",
    "sched_setaffinity",
    "sched_setscheduler",
    "set_mempolicy",
    "socketpair",
    "stat",
    "statfs",
    "statx",
    "timerfd_gettime",
};

struct FilterRelease {
  void operator()(void* filter) const { seccomp_release(filter); }
};
using Filter = std::unique_ptr<void, FilterRelease>;

Error FilterError(const char* doing, int code) {
  return ErrnoError(std::string("seccomp: ") + doing, -code);
}

// A call that this architecture or libseccomp does not know cannot be made here either (the
// default action stands for it), so it is left out.
Status AddRule(void* filter, uint32_t action, const char* name) {
  const int number = seccomp_syscall_resolve_name(name);
  if (number == __NR_SCMP_ERROR) return Ok();
  const int code = seccomp_rule_add(filter, action, number, 0);
  // EACCES: the action is the default's own.
  if (code != 0 && code != -EACCES && code != -EDOM) return FilterError(name, code);
  return Ok();
}

Status AddArgumentRule(void* filter, uint32_t action, int number, scmp_arg_cmp compare) {
  const int code = seccomp_rule_add_array(filter, action, number, 1, &compare);
  if (code != 0) return FilterError("adding a rule on an argument", code);
  return Ok();
}

Status AddAll(void* filter, uint32_t action, const char* const* names, size_t count) {
  for (size_t i = 0; i < count; ++i) RETURN_IF_ERROR(AddRule(filter, action, names[i]));
  return Ok();
}

scmp_arg_cmp MaskIs(unsigned argument, uint64_t mask, uint64_t value) {
  return {argument, SCMP_CMP_MASKED_EQ, mask, value};
}
scmp_arg_cmp Is(unsigned argument, uint64_t value) {
  return {argument, SCMP_CMP_EQ, value, 0};
}

// Threads yes, processes no: clone must ask for what pthread_create asks for.
Status AddThreadRules(void* filter) {
  constexpr uint64_t kThread = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD;
  constexpr uint64_t kNew = CLONE_NEWNS | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET |
                            CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
  RETURN_IF_ERROR(
      AddArgumentRule(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), MaskIs(0, kThread | kNew, kThread)));
  RETURN_IF_ERROR(
      AddArgumentRule(filter, SCMP_ACT_KILL_PROCESS, SCMP_SYS(clone), MaskIs(0, CLONE_THREAD, 0)));
  // Its flags lie in memory, where a filter cannot look. The C library then takes clone.
  const int code = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
  if (code != 0) return FilterError("clone3", code);
  return Ok();
}

Status AddCpuRules(void* filter) {
  RETURN_IF_ERROR(AddArgumentRule(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), MaskIs(2, PROT_EXEC, 0)));
  RETURN_IF_ERROR(
      AddArgumentRule(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), MaskIs(2, PROT_EXEC, 0)));
  for (const int command : {F_GETFL, F_GETFD, F_SETFD, F_SETFL}) {
    RETURN_IF_ERROR(AddArgumentRule(filter, SCMP_ACT_ALLOW, SCMP_SYS(fcntl),
                                    Is(1, static_cast<uint64_t>(command))));
  }
  return AddArgumentRule(filter, SCMP_ACT_ALLOW, SCMP_SYS(prctl), Is(0, PR_SET_NAME));
}

Status AddStrictRules(void* filter, FilterFor use) {
  RETURN_IF_ERROR(AddAll(filter, SCMP_ACT_ALLOW, kAllowed, std::size(kAllowed)));
  RETURN_IF_ERROR(AddAll(filter, SCMP_ACT_KILL_PROCESS, kTripwires, std::size(kTripwires)));
  RETURN_IF_ERROR(
      AddAll(filter, SCMP_ACT_KILL_PROCESS, kStrictTripwires, std::size(kStrictTripwires)));
  RETURN_IF_ERROR(AddThreadRules(filter));
  // abort() and pthread_kill, to this process only.
  RETURN_IF_ERROR(AddArgumentRule(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill),
                                  Is(0, static_cast<uint64_t>(::getpid()))));
  // Reading one's limits; setting them would name a new limit.
  const scmp_arg_cmp own_limits[] = {Is(0, 0), Is(2, 0)};
  const int code =
      seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 2, own_limits);
  if (code != 0) return FilterError("prlimit64", code);
  switch (use) {
    case FilterFor::kCpu:
      return AddCpuRules(filter);
    case FilterFor::kGpu:
      return AddAll(filter, SCMP_ACT_ALLOW, kAllowedForGpu, std::size(kAllowedForGpu));
  }
  return Ok();
}

}  // namespace

Result<Descriptor> StartFilterProgram() {
  const Filter filter(seccomp_init(SCMP_ACT_ALLOW));
  if (!filter) return Error(Code::kIo, "seccomp: no memory for a filter");
  RETURN_IF_ERROR(AddAll(filter.get(), SCMP_ACT_ERRNO(EPERM), kTripwires, std::size(kTripwires)));
  Descriptor file(::memfd_create("souk-start-filter", MFD_CLOEXEC));
  if (!file) return ErrnoError("memfd_create", errno);
  const int code = seccomp_export_bpf(filter.get(), file.get());
  if (code != 0) return FilterError("exporting the program", code);
  if (::lseek(file.get(), 0, SEEK_SET) != 0) return ErrnoError("lseek", errno);
  return file;
}

Status InstallStrictFilter(FilterFor use) {
  const Filter filter(seccomp_init(SCMP_ACT_ERRNO(EPERM)));
  if (!filter) return Error(Code::kIo, "seccomp: no memory for a filter");
  // Calls of another architecture's table (32-bit int 0x80) are an attack as well.
  int code = seccomp_attr_set(filter.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
  if (code == 0) code = seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_TSYNC, 1);
  if (code == 0) code = seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);
  if (code != 0) return FilterError("setting attributes", code);
  RETURN_IF_ERROR(AddStrictRules(filter.get(), use));
  code = seccomp_load(filter.get());
  if (code != 0) return FilterError("loading the filter", code);
  return Ok();
}

}  // namespace souk::gpu
