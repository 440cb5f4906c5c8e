#include "gpu/worker/confine.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <link.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "gpu/worker/landlock.h"
#include "gpu/worker/process_id.h"
#include "protocol/base/file.h"

namespace souk::gpu {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif
#else
constexpr bool kSanitized = false;
#endif

constexpr unsigned kNobody = 65534;
// Threads of the worker. In its own user namespace only they are counted; where root becomes nobody
// all of nobody's are.
constexpr rlim_t kMaxThreads = 256;
constexpr rlim_t kMaxThreadsOfNobody = 1024;
constexpr rlim_t kProcessorGraceSeconds = 5;

// What the NVIDIA driver's libraries open while a context is made and modules are loaded.
constexpr AllowedTree kGpuTrees[] = {
    {"/usr/lib", false},        {"/usr/lib64", false},        {"/lib", false},
    {"/lib64", false},          {"/usr/local/nvidia", false}, {"/proc/driver/nvidia", false},
    {"/proc/self", false},      {"/proc/devices", false},     {"/proc/cpuinfo", false},
    {"/proc/meminfo", false},   {"/sys/devices", false},      {"/sys/bus/pci", false},
    {"/dev/nvidiactl", true},   {"/dev/nvidia-uvm", true},    {"/dev/nvidia-uvm-tools", true},
    {"/dev/nvidia-caps", true}, {"/dev/nvidia0", true},       {"/dev/nvidia1", true},
    {"/dev/nvidia2", true},     {"/dev/nvidia3", true},       {"/dev/nvidia4", true},
    {"/dev/nvidia5", true},     {"/dev/nvidia6", true},       {"/dev/nvidia7", true},
    {"/dev/nvidia8", true},     {"/dev/nvidia9", true},       {"/dev/nvidia10", true},
    {"/dev/nvidia11", true},    {"/dev/nvidia12", true},      {"/dev/nvidia13", true},
    {"/dev/nvidia14", true},    {"/dev/nvidia15", true},
};

// The hard limit lies `grace` above the soft one.
Status Limit(__rlimit_resource what, rlim_t value, const char* name, rlim_t grace = 0) {
  struct rlimit old = {};
  if (::getrlimit(what, &old) != 0) return ErrnoError(name, errno);
  // A limit that is tighter already stays; raising it would need privileges.
  if (value > old.rlim_max) value = old.rlim_max;
  const struct rlimit wanted = {value, std::min(value + grace, old.rlim_max)};
  if (::setrlimit(what, &wanted) != 0) return ErrnoError(name, errno);
  return Ok();
}

// A no-op for who has none. In this order, as each step needs what the next takes away.
Status DropPrivileges() {
  PreferWhenMemoryRunsOut(::getpid());
  for (int capability = 0; capability < 64; ++capability) {
    // EPERM: it has none to drop. EINVAL: past the last that this kernel knows.
    if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) break;
  }
  if (::geteuid() == 0 && ::setgroups(0, nullptr) == 0 &&
      ::setresgid(kNobody, kNobody, kNobody) == 0) {
    // A container's root may have no other ids to change to: it goes on as a root that can nothing.
    if (::setresuid(kNobody, kNobody, kNobody) == 0) {
      RETURN_IF_ERROR(Limit(RLIMIT_NPROC, kMaxThreadsOfNobody, "RLIMIT_NPROC"));
    }
  }
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct none[2] = {};
  if (::syscall(SYS_capset, &header, none) != 0) return ErrnoError("dropping capabilities", errno);
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return ErrnoError("no_new_privs", errno);
  // Nobody of the same user may attach to it or read its memory.
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return ErrnoError("dumpable", errno);
  return Ok();
}

Status CheckNamespaces() {
  // bubblewrap's reaper is 1 in a new pid namespace, its program 2.
  if (::getpid() != 2 || ::getuid() != kNobody) {
    return Error(Code::kDenied, "not in namespaces of its own");
  }
  if (::access("/etc", F_OK) == 0 || ::access("/home", F_OK) == 0) {
    return Error(Code::kDenied, "the machine's files are in sight");
  }
  return Limit(RLIMIT_NPROC, kMaxThreads, "RLIMIT_NPROC");
}

void WriteStatus(int status, const std::string& line) {
  // A status that cannot be written is a status that the daemon does not have; the worker runs on.
  if (::write(status, line.data(), line.size()) < 0) return;
}

int PrintLibrary(dl_phdr_info* info, size_t, void*) {
  if (info->dlpi_name != nullptr && info->dlpi_name[0] == '/') std::puts(info->dlpi_name);
  return 0;
}

}  // namespace

bool AddressSpaceCanBeLimited() {
  return !kSanitized;
}

Status ApplyLimits(const ProcessLimits& limits, FilterFor use) {
  RETURN_IF_ERROR(Limit(RLIMIT_CORE, 0, "RLIMIT_CORE"));
  RETURN_IF_ERROR(Limit(RLIMIT_MSGQUEUE, 0, "RLIMIT_MSGQUEUE"));
  // A GPU's driver pins memory and reserves address space for all that its GPUs could ever map.
  if (use == FilterFor::kCpu) {
    RETURN_IF_ERROR(Limit(RLIMIT_MEMLOCK, 0, "RLIMIT_MEMLOCK"));
    if (limits.address_space != 0 && !kSanitized) {
      RETURN_IF_ERROR(Limit(RLIMIT_AS, limits.address_space, "RLIMIT_AS"));
    }
  }
  if (limits.file_bytes != 0)
    RETURN_IF_ERROR(Limit(RLIMIT_FSIZE, limits.file_bytes, "RLIMIT_FSIZE"));
  if (limits.cpu_seconds != 0) {
    // The soft limit's SIGXCPU says why the process ended; the hard one's SIGKILL is for a process
    // that was taken over and ignores it.
    RETURN_IF_ERROR(Limit(RLIMIT_CPU, limits.cpu_seconds, "RLIMIT_CPU", kProcessorGraceSeconds));
  }
  if (limits.open_files != 0) {
    RETURN_IF_ERROR(Limit(RLIMIT_NOFILE, limits.open_files, "RLIMIT_NOFILE"));
  }
  return Ok();
}

Status EnterGrade(JailGrade grade, FilterFor use) {
  switch (grade) {
    case JailGrade::kNone:
      return Error(Code::kInvalidArgument, "a worker without a jail is never started");
    case JailGrade::kSeccomp:
      return DropPrivileges();
    case JailGrade::kLandlock:
      RETURN_IF_ERROR(DropPrivileges());
      return use == FilterFor::kGpu ? ForbidFiles(kGpuTrees) : ForbidFiles({});
    case JailGrade::kNamespaces:
      return CheckNamespaces();
  }
  std::abort();
}

void Supervise(int status) {
  const pid_t child = ::fork();
  if (child < 0) {
    std::fprintf(stderr, "fork: %s\n", std::strerror(errno));
    ::_exit(1);
  }
  if (child == 0) {
    ::close(status);
    return;
  }
  // Nothing of the worker's stays open here, or its end could not be seen.
  if (status != 3) ::dup2(status, 3);
  ::close_range(4, ~0u, 0);
  WriteStatus(3, "{ \"child-pid\": " + std::to_string(child) +
                     ", \"start-time\": " + std::to_string(ProcessStartTime(child)) + " }\n");
  int ended = 0;
  while (::waitpid(child, &ended, 0) < 0 && errno == EINTR) {
  }
  const int code = WIFSIGNALED(ended) ? 128 + WTERMSIG(ended) : WEXITSTATUS(ended);
  WriteStatus(3, "{ \"exit-code\": " + std::to_string(code) + " }\n");
  ::_exit(code);
}

void PrintLibraries() {
  ::dl_iterate_phdr(PrintLibrary, nullptr);
  std::fflush(stdout);
}

}  // namespace souk::gpu
