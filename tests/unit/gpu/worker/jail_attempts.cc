#include "unit/gpu/worker/jail_attempts.h"

#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/bpf.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <mqueue.h>
#include <sched.h>
#include <signal.h>
#include <sys/fsuid.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/sendfile.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <iterator>

namespace souk::gpu {
namespace {

constexpr unsigned kEarly = kEarlyNamespaces | kEarlyLandlock;
// By what an unprivileged user may do anywhere.
constexpr unsigned kByPrivilege = kEarly | kEarlySeccomp;

long Open(const char* path, int flags = O_RDONLY) {
  return ::open(path, flags | O_CLOEXEC, 0600);
}
// Of a call that makes a process: the child is gone before it does anything.
long Made(long child) {
  if (child == 0) ::_exit(0);
  return child;
}
long Clone(unsigned long flags) {
  return Made(::syscall(SYS_clone, flags, nullptr, nullptr, nullptr, 0));
}
constexpr unsigned long kThread =
    CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;
long Pointer(void* at) {
  return at == MAP_FAILED ? -1 : 0;
}
void* Page(int protection) {
  return ::mmap(nullptr, 4096, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}
long Raise(__rlimit_resource what) {
  const rlimit more = {RLIM_INFINITY, RLIM_INFINITY};
  return ::prlimit(0, what, &more, nullptr);
}

// Every family there may be, in every type.
long AnySocket() {
  for (int family = 0; family < 64; ++family) {
    for (const int type : {SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET, SOCK_RDM}) {
      if (::socket(family, type, 0) >= 0) return 0;
    }
  }
  return -1;
}

// No more of a file than jail_probe's limit, a mebibyte.
long FillDisk() {
  ::signal(SIGXFSZ, SIG_IGN);
  static char megabyte[1 << 20];
  for (off_t at = 0; at < off_t{1} << 32; at += sizeof(megabyte)) {
    if (::pwrite(kInheritedFile, megabyte, sizeof(megabyte), at) < 0) {
      return at <= off_t{1} << 20 ? -1 : 0;
    }
  }
  return 0;
}

long StretchFile() {
  ::signal(SIGXFSZ, SIG_IGN);
  return ::ftruncate(kInheritedFile, off_t{1} << 40);
}

// Code that was written where data stands.
long RunData() {
  void* at = Page(PROT_READ | PROT_WRITE);
  if (at == MAP_FAILED) return -1;
  *static_cast<unsigned char*>(at) = 0xc3;  // ret
  if (::mprotect(at, 4096, PROT_READ | PROT_EXEC) != 0) return -1;
  reinterpret_cast<void (*)()>(at)();
  return 0;
}

const JailAttempt kAttempts[] = {
    // ---- files, by path
    {"files", "open_shadow", [](long) { return Open("/etc/shadow"); }, kEarly},
    {"files", "open_home", [](long) { return Open("/root", O_DIRECTORY); }, kEarly},
    {"files", "open_memory_of_itself", [](long) { return Open("/proc/self/mem", O_RDWR); }, kEarly},
    {"files", "open_maps", [](long) { return Open("/proc/self/maps"); }, kEarly},
    {"files", "open_environment_of_1", [](long) { return Open("/proc/1/environ"); }, kEarly},
    {"files", "open_kernel_memory", [](long) { return Open("/proc/kcore"); }, kEarly},
    {"files", "open_sysctl", [](long) { return Open("/proc/sys/kernel/core_pattern", O_WRONLY); },
     kEarly},
    {"files", "open_sysrq", [](long) { return Open("/proc/sysrq-trigger", O_WRONLY); }, kEarly},
    {"files", "open_sys", [](long) { return Open("/sys/kernel", O_DIRECTORY); }, kEarly},
    {"files", "open_cgroup", [](long) { return Open("/sys/fs/cgroup", O_DIRECTORY); }, kEarly},
    {"files", "open_null", [](long) { return Open("/dev/null", O_RDWR); }, kEarly},
    {"files", "open_physical_memory", [](long) { return Open("/dev/mem", O_RDWR); }, kEarly},
    {"files", "open_kvm", [](long) { return Open("/dev/kvm", O_RDWR); }, kEarly},
    {"files", "open_fuse", [](long) { return Open("/dev/fuse", O_RDWR); }, kEarly},
    {"files", "open_terminal", [](long) { return Open("/dev/tty", O_RDWR); }, kEarly},
    {"files", "open_new_terminal", [](long) { return Open("/dev/ptmx", O_RDWR); }, kEarly},
    {"files", "create_shared_memory",
     [](long) { return Open("/dev/shm/souk-escaped", O_RDWR | O_CREAT); }, kEarly},
    {"files", "create_temporary", [](long) { return Open("/tmp", O_RDWR | O_TMPFILE); }, kEarly},
    {"files", "reopen_output", [](long) { return Open("/proc/self/fd/4", O_RDWR); }, kEarly},
    {"files", "open_program_of_another",
     [](long pid) {
       char path[64];
       std::snprintf(path, sizeof(path), "/proc/%ld/exe", pid);
       return Open(path);
     },
     kEarly},
    {"files", "make_symlink",
     [](long) { return long{::symlink("/etc/passwd", "/tmp/souk-escaped-link")}; }, kEarly},
    {"files", "make_node",
     [](long) { return long{::mknod("/tmp/souk-escaped-node", S_IFCHR | 0666, 0x101)}; }, kEarly},
    {"files", "change_folder", [](long) { return long{::chdir("/tmp")}; }, kByStrictListOnly},
    {"files", "look_at_path",
     [](long) {
       struct stat info;
       return long{::stat("/etc/passwd", &info)};
     },
     kEarlyNamespaces},
    {"files", "read_link",
     [](long) {
       char link[64];
       return long{::readlink("/proc/self/exe", link, sizeof(link))};
     },
     kEarlyNamespaces},
    {"files", "watch_files", [](long) { return long{::inotify_init1(0)}; }},
    {"files", "truncate_path", [](long) { return long{::truncate("/etc/hostname", 0)}; }, kEarly},
    {"files", "set_times",
     [](long) { return ::syscall(SYS_utimensat, AT_FDCWD, "/etc/passwd", nullptr, 0); },
     kEarlyNamespaces},
    // ---- files, from descriptors
    {"descriptors", "open_beneath_folder",
     [](long) { return long{::openat(kInheritedFolder, "etc/passwd", O_RDONLY)}; }, kEarlyLandlock},
    {"descriptors", "open_beneath_folder_2",
     [](long) {
       uint64_t how[3] = {};
       return ::syscall(SYS_openat2, kInheritedFolder, "etc/passwd", how, sizeof(how));
     },
     kEarlyLandlock},
    {"descriptors", "list_folder",
     [](long) {
       char names[512];
       return ::syscall(SYS_getdents64, kInheritedFolder, names, sizeof(names));
     }},
    {"descriptors", "enter_folder", [](long) { return long{::fchdir(kInheritedFolder)}; }},
    {"descriptors", "link_beneath_folder",
     [](long) {
       return long{::symlinkat("/etc/passwd", kInheritedFolder, "tmp/souk-escaped-link")};
     },
     kEarlyLandlock},
    {"descriptors", "link_output",
     [](long) {
       return long{
           ::linkat(kInheritedFile, "", kInheritedFolder, "tmp/souk-escaped-hard", AT_EMPTY_PATH)};
     },
     kEarlyLandlock},
    {"descriptors", "rename_beneath_folder",
     [](long) { return long{::renameat(kInheritedFolder, "tmp/a", kInheritedFolder, "tmp/b")}; }},
    {"descriptors", "remove_beneath_folder",
     [](long) { return long{::unlinkat(kInheritedFolder, "tmp/souk-no-such-file", 0)}; }},
    {"descriptors", "chmod_output", [](long) { return long{::fchmod(kInheritedFile, 04777)}; }},
    {"descriptors", "chown_output", [](long) { return long{::fchown(kInheritedFile, 0, 0)}; }},
    {"descriptors", "label_output",
     [](long) { return long{::fsetxattr(kInheritedFile, "user.souk", "x", 1, 0)}; }},
    {"descriptors", "lock_output",
     [](long) {
       struct flock all = {F_WRLCK, SEEK_SET, 0, 0, 0};
       return long{::fcntl(kInheritedFile, F_SETLK, &all)};
     }},
    {"descriptors", "lease_output",
     [](long) { return long{::fcntl(kInheritedFile, F_SETLEASE, F_WRLCK)}; }},
    {"descriptors", "own_signals_of_output",
     [](long pid) { return long{::fcntl(kInheritedSocket, F_SETOWN, static_cast<int>(pid))}; }},
    {"descriptors", "duplicate", [](long) { return long{::dup(kInheritedFile)}; }},
    {"descriptors", "control_device",
     [](long) {
       int size = 0;
       return long{::ioctl(kInheritedSocket, FIONREAD, &size)};
     }},
    {"descriptors", "fill_disk", [](long) { return FillDisk(); }},
    {"descriptors", "stretch_file", [](long) { return StretchFile(); }},
    {"descriptors", "reserve_disk",
     [](long) { return long{::fallocate(kInheritedFile, 0, 0, 4096)}; }},
    {"descriptors", "copy_between_files",
     [](long) {
       return ::syscall(SYS_copy_file_range, kInheritedFile, nullptr, kInheritedFile, nullptr, 1,
                        0);
     }},
    {"descriptors", "send_file",
     [](long) { return long{::sendfile(kInheritedSocket, kInheritedFile, nullptr, 1)}; }},
    {"descriptors", "splice",
     [](long) {
       return ::syscall(SYS_splice, kInheritedFile, nullptr, kInheritedSocket, nullptr, 1, 0);
     }},
    // ---- the network
    {"network", "socket_of_any_family", [](long) { return AnySocket(); }},
    {"network", "socket_pair",
     [](long) {
       int ends[2];
       return long{::socketpair(AF_UNIX, SOCK_STREAM, 0, ends)};
     }},
    {"network", "connect_again",
     [](long) {
       const sockaddr unspecified = {};
       return long{::connect(kInheritedSocket, &unspecified, sizeof(unspecified))};
     }},
    {"network", "bind_again",
     [](long) {
       const sockaddr here = {AF_UNIX, "x"};
       return long{::bind(kInheritedSocket, &here, sizeof(here))};
     }},
    {"network", "listen_again", [](long) { return long{::listen(kInheritedSocket, 1)}; }},
    {"network", "change_socket",
     [](long) {
       const int on = 1;
       return long{::setsockopt(kInheritedSocket, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on))};
     }},
    {"network", "ask_socket",
     [](long) {
       int value = 0;
       socklen_t size = sizeof(value);
       return long{::getsockopt(kInheritedSocket, SOL_SOCKET, SO_PEERCRED, &value, &size)};
     }},
    {"network", "send_many",
     [](long) { return ::syscall(SYS_sendmmsg, kInheritedSocket, nullptr, 0, 0); }},
    // ---- processes
    {"processes", "vfork", [](long) { return Made(::syscall(SYS_vfork)); }},
    {"processes", "clone_process", [](long) { return Clone(SIGCHLD); }},
    {"processes", "clone_sibling", [](long) { return Clone(CLONE_PARENT | SIGCHLD); }},
    {"processes", "clone_with_shared_memory",
     [](long) { return Clone(CLONE_VM | CLONE_VFORK | SIGCHLD); }},
    {"processes", "clone_mounts", [](long) { return Clone(CLONE_NEWNS | SIGCHLD); }},
    {"processes", "clone_pids", [](long) { return Clone(CLONE_NEWPID | SIGCHLD); }},
    {"processes", "clone_network", [](long) { return Clone(CLONE_NEWNET | SIGCHLD); }},
    {"processes", "thread_with_user_namespace",
     [](long) { return Clone(kThread | CLONE_NEWUSER); }},
    {"processes", "thread_with_network", [](long) { return Clone(kThread | CLONE_NEWNET); }},
    {"processes", "exec_shell",
     [](long) {
       char* const none[] = {nullptr};
       return long{::execve("/bin/sh", none, none)};
     }},
    {"processes", "exec_output",
     [](long) {
       char* const none[] = {nullptr};
       return ::syscall(SYS_execveat, kInheritedFile, "", none, none, AT_EMPTY_PATH);
     }},
    {"processes", "exec_memory",
     [](long) {
       const int file = ::memfd_create("x", 0);
       char* const none[] = {nullptr};
       return file < 0 ? -1 : ::syscall(SYS_execveat, file, "", none, none, AT_EMPTY_PATH);
     }},
    {"processes", "seize",
     [](long pid) { return ::ptrace(PTRACE_SEIZE, static_cast<pid_t>(pid), 0, 0); },
     kEarlyNamespaces},
    {"processes", "write_other_memory",
     [](long pid) {
       char byte = 0;
       const iovec here = {&byte, 1};
       const iovec there = {reinterpret_cast<void*>(0x400000), 1};
       return long{::process_vm_writev(static_cast<pid_t>(pid), &here, 1, &there, 1, 0)};
     },
     kEarlyNamespaces},
    {"processes", "advise_other_memory",
     [](long pid) { return ::syscall(SYS_process_madvise, pid, nullptr, 0, 0, 0); }},
    {"processes", "signal_parent", [](long) { return long{::kill(::getppid(), SIGTERM)}; }},
    {"processes", "signal_group", [](long) { return long{::kill(0, 0)}; }},
    {"processes", "signal_thread_of_another", [](long pid) { return ::syscall(SYS_tkill, pid, 0); },
     kEarlyNamespaces},
    {"processes", "queue_signal",
     [](long pid) {
       siginfo_t info = {};
       info.si_code = SI_QUEUE;
       return ::syscall(SYS_rt_sigqueueinfo, pid, SIGUSR1, &info);
     },
     kEarlyNamespaces},
    {"processes", "signal_by_descriptor",
     [](long) { return ::syscall(SYS_pidfd_send_signal, kInheritedFolder, 0, nullptr, 0); }},
    {"processes", "take_descriptor_of_another",
     [](long) { return ::syscall(SYS_pidfd_getfd, kInheritedFolder, 0, 0); }},
    {"processes", "limit_another",
     [](long pid) {
       const rlimit none = {0, 0};
       return long{::prlimit(static_cast<pid_t>(pid), RLIMIT_CPU, &none, nullptr)};
     },
     kEarlyNamespaces},
    {"processes", "read_limit_of_another",
     [](long pid) {
       rlimit limit = {};
       return long{::prlimit(static_cast<pid_t>(pid), RLIMIT_CPU, nullptr, &limit)};
     },
     kEarlyNamespaces},
    {"processes", "move_another_to_a_core",
     [](long pid) {
       cpu_set_t set;
       CPU_ZERO(&set);
       CPU_SET(0, &set);
       return long{::sched_setaffinity(static_cast<pid_t>(pid), sizeof(set), &set)};
     },
     kEarlyNamespaces},
    {"processes", "slow_another_down",
     [](long pid) { return long{::setpriority(PRIO_PROCESS, static_cast<id_t>(pid), 19)}; },
     kEarlyNamespaces},
    {"processes", "new_session", [](long) { return long{::setsid()}; }},
    {"processes", "wait_for_another", [](long) { return long{::waitpid(-1, nullptr, WNOHANG)}; }},
    // ---- memory that runs
    {"memory", "run_data", [](long) { return RunData(); }},
    {"memory", "map_output_executable",
     [](long) {
       return Pointer(::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, kInheritedFile, 0));
     }},
    {"memory", "protect_with_key",
     [](long) { return ::syscall(SYS_pkey_mprotect, Page(PROT_READ), 4096, PROT_EXEC, -1); }},
    {"memory", "all_reads_execute", [](long) { return long{::personality(READ_IMPLIES_EXEC)}; }},
    {"memory", "secret_memory", [](long) { return ::syscall(447, 0); }},
    // The calls themselves: the sanitizers' own mlock does nothing.
    {"memory", "lock_memory", [](long) { return ::syscall(SYS_mlock, Page(PROT_READ), 4096); }},
    {"memory", "lock_all_memory", [](long) { return ::syscall(SYS_mlockall, MCL_CURRENT); }},
    {"memory", "attach_shared_memory",
     [](long) { return ::syscall(SYS_shmat, 0, nullptr, SHM_EXEC); }},
    {"memory", "move_pages_of_another",
     [](long pid) { return ::syscall(SYS_move_pages, pid, 0, nullptr, nullptr, nullptr, 0); }},
#if defined(__x86_64__)
    {"memory", "segment_descriptors",
     [](long) { return ::syscall(SYS_modify_ldt, 0, nullptr, 0); }},
    {"memory", "input_and_output_ports", [](long) { return ::syscall(SYS_iopl, 3); }, kByPrivilege},
#endif
    // ---- undoing the jail
    {"undo", "new_privileges", [](long) { return long{::prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0)}; },
     kByPrivilege},
    {"undo", "another_filter",
     [](long) { return ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, nullptr); }},
    {"undo", "ask_for_filters",
     [](long) { return ::syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, nullptr); }},
    {"undo", "ambient_capability",
     [](long) { return long{::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 21, 0, 0)}; },
     kByPrivilege},
    {"undo", "let_others_trace",
     [](long) { return long{::prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0)}; }},
    {"undo", "move_own_memory_map",
     [](long) { return long{::prctl(PR_SET_MM, PR_SET_MM_BRK, 0, 0, 0)}; }},
    {"undo", "die_with_parent", [](long) { return long{::prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0)}; }},
    {"undo", "take_orphans",
     [](long) { return long{::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)}; }},
    {"undo", "set_capabilities", [](long) { return ::syscall(SYS_capset, nullptr, nullptr); }},
    {"undo", "become_root", [](long) { return long{::setuid(0)}; }, kByPrivilege},
    {"undo", "become_roots_group", [](long) { return long{::setgid(0)}; }, kByPrivilege},
    {"undo", "join_groups",
     [](long) {
       const gid_t root = 0;
       return ::syscall(SYS_setgroups, 1, &root);
     },
     kByPrivilege},
    {"undo", "change_file_user", [](long) { return ::syscall(SYS_setfsuid, 0); }},
    {"undo", "another_landlock", [](long) { return ::syscall(444, nullptr, 0, 1); }},
    {"undo", "raise_address_space", [](long) { return Raise(RLIMIT_AS); }, kByPrivilege},
    {"undo", "raise_file_size", [](long) { return Raise(RLIMIT_FSIZE); }, kByPrivilege},
    {"undo", "raise_open_files", [](long) { return Raise(RLIMIT_NOFILE); }, kByPrivilege},
    {"undo", "raise_core_size", [](long) { return Raise(RLIMIT_CORE); }, kByPrivilege},
    {"undo", "raise_locked_memory", [](long) { return Raise(RLIMIT_MEMLOCK); }, kByPrivilege},
    {"undo", "run_in_real_time",
     [](long) {
       const sched_param most = {99};
       return long{::sched_setscheduler(0, SCHED_FIFO, &most)};
     },
     kByPrivilege},
    // ---- into the kernel
    {"kernel", "key_ring",
     [](long) { return ::syscall(SYS_add_key, "user", "souk", "x", 1, KEY_SPEC_SESSION_KEYRING); },
     kEarlyNamespaces},
    {"kernel", "ask_for_key",
     [](long) { return ::syscall(SYS_request_key, "user", "souk", nullptr, 0); }, kEarlyNamespaces},
    {"kernel", "io_uring_enter",
     [](long) { return ::syscall(SYS_io_uring_enter, kInheritedFile, 0, 0, 0, nullptr, 0); },
     kEarlyNamespaces},
    {"kernel", "io_uring_register",
     [](long) { return ::syscall(SYS_io_uring_register, kInheritedFile, 0, nullptr, 0); },
     kEarlyNamespaces},
    {"kernel", "asynchronous_io",
     [](long) {
       aio_context_t context = 0;
       return ::syscall(SYS_io_setup, 1, &context);
     }},
    {"kernel", "bpf_map",
     [](long) {
       union bpf_attr map = {};
       return ::syscall(SYS_bpf, BPF_MAP_CREATE, &map, sizeof(map));
     },
     kEarlyNamespaces},
    {"kernel", "compare_processes",
     [](long pid) { return ::syscall(SYS_kcmp, ::getpid(), pid, 0, 0, 0); }, kEarlyNamespaces},
    {"kernel", "open_by_handle",
     [](long) { return ::syscall(SYS_open_by_handle_at, kInheritedFolder, nullptr, O_RDONLY); },
     kByPrivilege},
    {"kernel", "watch_whole_machine", [](long) { return ::syscall(SYS_fanotify_init, 0, 0); },
     kEarlyNamespaces},
    {"kernel", "new_mount", [](long) { return ::syscall(SYS_fsopen, "tmpfs", 0); }, kByPrivilege},
    {"kernel", "clone_mount", [](long) { return ::syscall(SYS_open_tree, AT_FDCWD, "/", 1); },
     kByPrivilege},
    {"kernel", "read_kernel_log", [](long) { return ::syscall(SYS_syslog, 3, nullptr, 0); }},
    {"kernel", "set_clock",
     [](long) {
       const timespec then = {0, 0};
       return long{::clock_settime(CLOCK_REALTIME, &then)};
     },
     kByPrivilege},
    {"kernel", "adjust_clock",
     [](long) {
       timex change = {};
       change.modes = ADJ_OFFSET;
       return long{::adjtimex(&change)};
     },
     kByPrivilege},
    {"kernel", "host_name", [](long) { return long{::sethostname("souk", 4)}; }, kByPrivilege},
    {"kernel", "accounting", [](long) { return long{::acct("/tmp/souk-escaped-acct")}; },
     kByPrivilege},
    {"kernel", "swap", [](long) { return ::syscall(SYS_swapon, "/tmp/souk-escaped-swap", 0); },
     kByPrivilege},
    {"kernel", "reboot",
     [](long) { return ::syscall(SYS_reboot, 0xfee1dead, 672274793, 0, nullptr); }, kByPrivilege},
    {"kernel", "load_kernel", [](long) { return ::syscall(SYS_kexec_load, 0, 0, nullptr, 0); },
     kByPrivilege},
    {"kernel", "load_module",
     [](long) { return ::syscall(SYS_finit_module, kInheritedFile, "", 0); }, kByPrivilege},
    // ---- between processes
    {"ipc", "message_queue",
     [](long) { return ::syscall(SYS_mq_open, "souk", O_RDWR | O_CREAT, 0600, nullptr); }},
    {"ipc", "semaphores", [](long) { return long{::semget(IPC_PRIVATE, 1, 0600)}; }},
    {"ipc", "messages", [](long) { return long{::msgget(IPC_PRIVATE, 0600)}; }},
    {"ipc", "timer_with_signal",
     [](long) {
       sigevent event = {};
       event.sigev_notify = SIGEV_SIGNAL;
       event.sigev_signo = SIGKILL;
       timer_t timer = nullptr;
       return ::syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &timer);
     }},
    {"ipc", "signal_descriptor",
     [](long) {
       sigset_t none;
       ::sigemptyset(&none);
       return ::syscall(SYS_signalfd4, -1, &none, 8, 0);
     }},
};

// Of gpu/worker/seccomp_filter.cc, said a second time on purpose: what is added there must be added
// here too. With arguments: clone (threads), clone3 (told that it is not there), fcntl, mmap,
// mprotect, prctl, prlimit64, tgkill.
constexpr long kMayBeCalled[] = {
    SYS_accept4,
    SYS_brk,
    SYS_clock_getres,
    SYS_clock_gettime,
    SYS_clock_nanosleep,
    SYS_clone,
    SYS_clone3,
    SYS_close,
    SYS_close_range,
    SYS_epoll_create1,
    SYS_epoll_ctl,
    SYS_epoll_pwait,
    SYS_eventfd2,
    SYS_exit,
    SYS_exit_group,
    SYS_fcntl,
    SYS_fdatasync,
    SYS_fstat,
    SYS_fsync,
    SYS_ftruncate,
    SYS_futex,
    SYS_getcpu,
    SYS_getegid,
    SYS_geteuid,
    SYS_getgid,
    SYS_getpid,
    SYS_getrandom,
    SYS_getresgid,
    SYS_getresuid,
    SYS_getrusage,
    SYS_gettid,
    SYS_gettimeofday,
    SYS_getuid,
    SYS_lseek,
    SYS_madvise,
    SYS_membarrier,
    SYS_mincore,
    SYS_mmap,
    SYS_mprotect,
    SYS_mremap,
    SYS_munmap,
    SYS_nanosleep,
    SYS_pipe2,
    SYS_ppoll,
    SYS_prctl,
    SYS_pread64,
    SYS_preadv,
    SYS_prlimit64,
    SYS_pwrite64,
    SYS_pwritev,
    SYS_read,
    SYS_readv,
    SYS_recvfrom,
    SYS_recvmsg,
    SYS_restart_syscall,
    SYS_rseq,
    SYS_rt_sigaction,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_sched_getaffinity,
    SYS_sched_yield,
    SYS_sendmsg,
    SYS_sendto,
    SYS_set_robust_list,
    SYS_setitimer,
    SYS_shutdown,
    SYS_sigaltstack,
    SYS_sysinfo,
    SYS_tgkill,
    SYS_timerfd_create,
    SYS_timerfd_settime,
    SYS_uname,
    SYS_write,
    SYS_writev,
#if defined(__x86_64__)
    SYS_epoll_wait,
    SYS_getrlimit,
    SYS_poll,
#endif
};

}  // namespace

std::span<const JailAttempt> JailAttempts() {
  return kAttempts;
}

bool MayBeCalled(long system_call) {
  return std::find(std::begin(kMayBeCalled), std::end(kMayBeCalled), system_call) !=
         std::end(kMayBeCalled);
}

}  // namespace souk::gpu
