#include "protocol/lease.h"

#include <string>

namespace souk {
namespace {

using S = LeaseState;
using E = LeaseEvent;

// R5's table, row by row. What is not here is refused: a closed lease has no row, Draining none for
// an extension, and a lease that never was ready cannot be paused, since resuming would meter it.
constexpr LeaseTransition kTransitions[] = {
    // The order's checks passed, capacity is held.
    {S::kNone, E::kAccepted, S::kReserved},
    // Whichever the provider appends first decides.
    {S::kReserved, E::kCommitted, S::kActive},
    {S::kReserved, E::kCommitExpired, S::kClosed},
    {S::kReserved, E::kReleased, S::kClosed},
    {S::kReserved, E::kDeviceLost, S::kClosed},
    // Active, and metering once the device answered and the first voucher is in hand.
    {S::kActive, E::kReady, S::kActive},
    {S::kActive, E::kFirstVoucher, S::kMetering},
    // Nothing is due: no answer of the device, or no assent of the renter, by ready_by.
    {S::kActive, E::kReadyExpired, S::kClosed},
    {S::kMetering, E::kVoucherLate, S::kPaused},
    {S::kMetering, E::kPauseAsked, S::kPaused},
    {S::kPaused, E::kResumed, S::kMetering},
    {S::kPaused, E::kHoldUnpaid, S::kClosing},
    {S::kActive, E::kExtended, S::kActive},
    {S::kMetering, E::kExtended, S::kMetering},
    {S::kPaused, E::kExtended, S::kPaused},
    {S::kActive, E::kNoticeGiven, S::kDraining},
    {S::kMetering, E::kNoticeGiven, S::kDraining},
    {S::kPaused, E::kNoticeGiven, S::kDraining},
    {S::kDraining, E::kVoucherLate, S::kClosing},
    {S::kDraining, E::kNoticeOver, S::kClosing},
    {S::kActive, E::kReleased, S::kClosing},
    {S::kActive, E::kEndReached, S::kClosing},
    {S::kActive, E::kDeviceLost, S::kClosing},
    {S::kMetering, E::kReleased, S::kClosing},
    {S::kMetering, E::kEndReached, S::kClosing},
    {S::kMetering, E::kDeviceLost, S::kClosing},
    {S::kPaused, E::kReleased, S::kClosing},
    {S::kPaused, E::kEndReached, S::kClosing},
    {S::kPaused, E::kDeviceLost, S::kClosing},
    {S::kDraining, E::kReleased, S::kClosing},
    {S::kDraining, E::kEndReached, S::kClosing},
    {S::kDraining, E::kDeviceLost, S::kClosing},
    // Results handed over and the last voucher in hand, or time is up.
    {S::kClosing, E::kSettled, S::kClosed},
    {S::kClosing, E::kSettleExpired, S::kClosed},
};

}  // namespace

const char* LeaseStateName(LeaseState state) {
  switch (state) {
    case LeaseState::kNone:
      return "None";
    case LeaseState::kReserved:
      return "Reserved";
    case LeaseState::kActive:
      return "Active";
    case LeaseState::kMetering:
      return "Active, metering";
    case LeaseState::kPaused:
      return "Paused";
    case LeaseState::kDraining:
      return "Draining";
    case LeaseState::kClosing:
      return "Closing";
    case LeaseState::kClosed:
      return "Closed";
  }
  return "unknown";
}

const char* LeaseEventName(LeaseEvent event) {
  switch (event) {
    case LeaseEvent::kAccepted:
      return "accepted";
    case LeaseEvent::kCommitted:
      return "committed";
    case LeaseEvent::kCommitExpired:
      return "commit expired";
    case LeaseEvent::kReady:
      return "ready";
    case LeaseEvent::kFirstVoucher:
      return "first voucher";
    case LeaseEvent::kReadyExpired:
      return "ready expired";
    case LeaseEvent::kVoucherLate:
      return "voucher late";
    case LeaseEvent::kPauseAsked:
      return "pause asked";
    case LeaseEvent::kResumed:
      return "resumed";
    case LeaseEvent::kHoldUnpaid:
      return "hold unpaid";
    case LeaseEvent::kExtended:
      return "extended";
    case LeaseEvent::kNoticeGiven:
      return "notice given";
    case LeaseEvent::kNoticeOver:
      return "notice over";
    case LeaseEvent::kReleased:
      return "released";
    case LeaseEvent::kEndReached:
      return "end reached";
    case LeaseEvent::kDeviceLost:
      return "device lost";
    case LeaseEvent::kSettled:
      return "settled";
    case LeaseEvent::kSettleExpired:
      return "settle expired";
  }
  return "unknown";
}

std::span<const LeaseTransition> LeaseTransitions() {
  return kTransitions;
}

Result<LeaseState> NextLeaseState(LeaseState from, LeaseEvent event) {
  for (const LeaseTransition& row : kTransitions) {
    if (row.from == from && row.event == event) return row.to;
  }
  return Error(Code::kWrongState, std::string("a lease that is ") + LeaseStateName(from) +
                                      " has no step \"" + LeaseEventName(event) + "\"");
}

}  // namespace souk
