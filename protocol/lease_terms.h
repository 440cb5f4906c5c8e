// What a renter takes of its provider's word about a lease, beyond that the provider signed it and
// that it names the lease. One function each for the renter, who records nothing else, and for the
// auditor of its log. Pure.
#pragma once

#include <optional>

#include "protocol/messages.h"

namespace souk {

// How a provider's document does not fit its lease.
enum class Misfit : uint8_t {
  kOtherCommit,  // a ready that answers another commit
  kOtherTimes,   // a ready whose lease would last other than the order says
  kTooLong,      // a close that meters more than was leased
  kUsedNumber,   // R1: each number is used once
};
const char* MisfitSentence(Misfit misfit);

// `last_number`: of the provider's documents in this lease so far.
std::optional<Misfit> FindMisfit(const Ready& ready, const Order& order, const Digest& commit,
                                 uint64_t last_number);
std::optional<Misfit> FindMisfit(const Close& close, const Order& order, uint64_t last_number);

// What a close that fits claims: never more than the time that it meters costs (R6).
Credits ClaimOf(const Close& close, const Order& order);

// Of all outputs together; more than any limit where one is larger than a blob may be. At most
// limits::kBlobBytes are kept and fetched for one job.
uint64_t BytesOf(const std::vector<JobOutput>& outputs);

}  // namespace souk
