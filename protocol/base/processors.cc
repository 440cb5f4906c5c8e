#include "protocol/base/processors.h"

#include <sched.h>

#include <algorithm>
#include <thread>

namespace souk {

unsigned UsableProcessors() {
  cpu_set_t set;
  // Fails where the machine has more than a cpu_set_t holds, which is 1,024.
  const bool known = ::sched_getaffinity(0, sizeof(set), &set) == 0;
  const unsigned count =
      known ? static_cast<unsigned>(CPU_COUNT(&set)) : std::thread::hardware_concurrency();
  return std::max(1u, count);
}

}  // namespace souk
