#include "tools/audit/pace.h"

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ledger/log/rocksdb_ledger.h"

namespace souk::tools {
namespace {

// ioprio_set(2) has no wrapper and no header of its own.
constexpr int kWhoProcess = 1;
constexpr int kIdleClass = 3 << 13;

}  // namespace

bool YieldToNode(const std::filesystem::path& dir) {
  if (!ledger::IsInUse(dir)) return false;
  const sched_param none = {};
  const bool idle = ::sched_setscheduler(0, SCHED_IDLE, &none) == 0;
  ::syscall(SYS_ioprio_set, kWhoProcess, 0, kIdleClass);
  return idle;
}

}  // namespace souk::tools
