// The lease state machine (R5): one transition table for provider, renter, auditor and simulator.
// Pure. Times and money are checked by who decides; the table says which step may follow which.
#pragma once

#include <cstdint>
#include <span>

#include "protocol/base/result.h"
#include "protocol/messages.h"

namespace souk {

enum class LeaseState : uint8_t {
  kNone,  // no order accepted yet
  kReserved,
  kActive,    // committed, not ready yet
  kMetering,  // "Active, metering"
  kPaused,
  kDraining,
  kClosing,
  kClosed,
};
const char* LeaseStateName(LeaseState state);

enum class LeaseEvent : uint8_t {
  kAccepted,       // the order's checks passed
  kCommitted,      // the renter's commit appended
  kCommitExpired,  // commit_by passed
  kReady,          // the device answered; no state change until the first voucher
  kFirstVoucher,
  kReadyExpired,  // ready_by passed
  kVoucherLate,   // beyond grace
  kPauseAsked,
  kResumed,
  kHoldUnpaid,  // beyond grace, or the pause limit
  kExtended,
  kNoticeGiven,  // drain or displacement
  kNoticeOver,
  kReleased,
  kEndReached,
  kDeviceLost,
  kSettled,        // results handed over and last voucher in hand
  kSettleExpired,  // settle_by passed
};
const char* LeaseEventName(LeaseEvent event);

struct LeaseTransition {
  LeaseState from;
  LeaseEvent event;
  LeaseState to;
};
std::span<const LeaseTransition> LeaseTransitions();

// kWrongState, naming both, where the table has no row.
Result<LeaseState> NextLeaseState(LeaseState from, LeaseEvent event);

}  // namespace souk
