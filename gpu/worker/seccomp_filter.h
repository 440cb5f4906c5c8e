// The lists of system calls. Where a list says no, a call that only an attacker would make ends the
// process with SIGSYS (kTripwires in the .cc); one that a library might try by itself fails with
// EPERM.
#pragma once

#include "gpu/worker/descriptor.h"
#include "protocol/base/result.h"

namespace souk::gpu {

// Which list. The GPU's drivers need more: ioctl on their nodes, and to open them.
enum class FilterFor { kCpu, kGpu };

// For the time between bubblewrap and the strict list: everything but what neither a loader nor a
// driver needs (mount, ptrace, bpf, keys, namespaces, modules, io_uring …). As a program in an
// unnamed file, for bwrap --seccomp.
Result<Descriptor> StartFilterProgram();

// The strict list, on every thread of this process, for good. Allows: the descriptors that are open
// or come over a socket, memory without PROT_EXEC, threads, clocks, and ending. No file can be
// opened, no socket made, no process started, no signal sent to others. Sets no_new_privs.
Status InstallStrictFilter(FilterFor use);

}  // namespace souk::gpu
