// libsodium, ready for use.
#pragma once

#include <sodium.h>

#include "protocol/base/check.h"

namespace souk {

// Before any use of libsodium: it picks its implementations and opens its source of chance.
// Threads: any.
inline void EnsureSodium() {
  static const bool ready = sodium_init() >= 0;
  CHECK(ready);
}

}  // namespace souk
