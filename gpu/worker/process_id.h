// Which process a number means: pids are used again, so a second mark goes with each.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "gpu/worker/descriptor.h"

namespace souk::gpu {

// Field 22 of /proc/PID/stat: clock ticks since boot. 0 where there is no such process.
uint64_t ProcessStartTime(pid_t pid);

// The inode of the pid namespace that the process lives in; 0 where it cannot be seen.
uint64_t PidNamespaceOf(pid_t pid);

// /proc/sys/kernel/random/boot_id; another one means that every process of before is gone.
std::string BootId();

// pidfd_open(2): stays with this process whatever the number means later. Empty where it is gone.
Descriptor OpenPidfd(pid_t pid);

// True once the process is gone (or a zombie).
bool HasEnded(const Descriptor& pidfd);

// pidfd_send_signal(2) with SIGKILL; nothing where it is gone.
void KillByPidfd(const Descriptor& pidfd);

// Where memory runs out the kernel shall end this process before others (oom_score_adj), as far as
// we may say so.
void PreferWhenMemoryRunsOut(pid_t pid);

// "SIGSEGV"; "signal 77" where it has no name.
std::string SignalName(int signal);

}  // namespace souk::gpu
