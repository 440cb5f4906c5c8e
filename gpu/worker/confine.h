// What a jailed process does to itself before it takes any input. Called by souk-worker's main.
#pragma once

#include <cstdint>

#include "gpu/worker/jail.h"
#include "gpu/worker/seccomp_filter.h"
#include "protocol/base/result.h"

namespace souk::gpu {

// Limits of the operating system (setrlimit), as hard limits. 0 leaves one as it is, but for those
// that need no figure: no core files, no message queues, no locked memory on device "cpu".
struct ProcessLimits {
  uint64_t address_space =
      0;                     // RLIMIT_AS; left out under the sanitizers, whose shadow needs it all
  uint64_t file_bytes = 0;   // RLIMIT_FSIZE; a longer write fails with EFBIG
  uint64_t cpu_seconds = 0;  // RLIMIT_CPU; SIGXCPU ends the process, five seconds later SIGKILL
  uint64_t open_files = 0;   // RLIMIT_NOFILE
};
Status ApplyLimits(const ProcessLimits& limits, FilterFor use);
// False in builds with a sanitizer.
bool AddressSpaceCanBeLimited();

// The grade, from inside, before the device is opened and any thread runs; for good. Per grade:
//   namespaces  checks that it is in namespaces of its own, as an unprivileged user
//   landlock    drops capabilities, and root where the system lets it; refuses all files (but for
//               the GPU driver's), TCP, and signals and abstract sockets of others, as far as the
//               kernel's ABI goes
//   seccomp     drops capabilities, and root where the system lets it
// kDenied where this grade cannot be had; kInvalidArgument for kNone. InstallStrictFilter is the
// last step, once the device is open.
Status EnterGrade(JailGrade grade, FilterFor use);

// Forks; the child returns and goes on. The parent waits for it, writes bubblewrap's two status
// lines to `status`, and exits with the child's code, or 128 + signal. Called with one thread only.
void Supervise(int status);

// Prints the paths of this program's loaded libraries and its loader, one a line.
void PrintLibraries();

}  // namespace souk::gpu
