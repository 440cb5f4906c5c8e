// Ways out of the jail, as data: jail_probe tries one, jail_test knows which there are.
#pragma once

#include <span>

namespace souk::gpu {

// Descriptors that jail_test hands to the probe.
inline constexpr int kInheritedFolder = 3;  // the machine's root, for reading
inline constexpr int kInheritedFile = 4;    // a file to write to, as an output is
inline constexpr int kInheritedSocket = 5;  // connected to the test, as a worker is to its daemon

// Which grades must hold without the strict list of system calls.
enum EarlyGrades : unsigned {
  kByStrictListOnly = 0,
  kEarlyNamespaces = 1,
  kEarlyLandlock = 2,
  kEarlySeccomp = 4
};

struct JailAttempt {
  const char* group = "";
  const char* name = "";
  // What its system call returned: negative is refused. outside: the pid of a process outside.
  long (*run)(long outside) = nullptr;
  unsigned early = kByStrictListOnly;
};
std::span<const JailAttempt> JailAttempts();

// System calls that the strict list lets through, for all arguments or for some. Whatever else has
// a number below kSystemCalls must be refused.
inline constexpr long kSystemCalls = 600;
bool MayBeCalled(long system_call);

// Of x86-64, kept from filters by Linux itself: from elsewhere than its own trampolines the first
// ends with SIGILL, the second fails with ENXIO.
inline constexpr long kUretprobe = 335;
inline constexpr long kUprobe = 336;

}  // namespace souk::gpu
