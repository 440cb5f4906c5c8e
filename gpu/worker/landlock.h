// Landlock through its system calls, as Debian 12's C library has no wrappers.
#pragma once

#include <span>

#include "protocol/base/result.h"

namespace souk::gpu {

// The kernel's ABI version; 0 where Landlock is absent or switched off.
int LandlockAbi();

struct AllowedTree {
  const char* path = nullptr;  // a file or a folder with all below it; left out where absent
  bool writable = false;       // for device nodes: also ioctl
};

// From now on this thread and those it starts can open, list, make, rename or remove no file
// outside the allowed trees; connect and bind no TCP (ABI 4); reach no abstract socket and signal
// no process outside (ABI 6). Open descriptors stay. Needs no_new_privs. kDenied without Landlock.
Status ForbidFiles(std::span<const AllowedTree> allowed);

}  // namespace souk::gpu
