#include "protocol/entry.h"

namespace souk {
namespace {

// In the order of Outcome.
constexpr const char* kOutcomeNames[] = {
    "opened",      "resumed",        "published",  "lease-step", "ordered",
    "escrow-seen", "voucher-taken",  "job-step",   "booked",     "shown",
    "settled",     "challenge-step", "replicated", "upgraded",
};
static_assert(std::size(kOutcomeNames) == std::variant_size_v<Outcome>);

}  // namespace

const char* OutcomeName(const Outcome& outcome) {
  return kOutcomeNames[outcome.index()];
}

std::string LogName(const PeerId& peer) {
  return "souk/" + peer.ToString();
}

std::string WitnessName(const PeerId& peer) {
  return "souk/witness/" + peer.ToString();
}

}  // namespace souk
