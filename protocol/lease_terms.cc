#include "protocol/lease_terms.h"

#include <algorithm>
#include <cstdlib>

#include "protocol/limits.h"

namespace souk {

const char* MisfitSentence(Misfit misfit) {
  switch (misfit) {
    case Misfit::kOtherCommit:
      return "the ready is for another commit";
    case Misfit::kOtherTimes:
      return "the lease's time is not the order's";
    case Misfit::kTooLong:
      return "more time is metered than was leased";
    case Misfit::kUsedNumber:
      return "the provider used this number before";
  }
  std::abort();
}

std::optional<Misfit> FindMisfit(const Ready& ready, const Order& order, const Digest& commit,
                                 uint64_t last_number) {
  if (ready.commit != commit) return Misfit::kOtherCommit;
  if (ready.end != ready.ready + order.duration) return Misfit::kOtherTimes;
  if (ready.number <= last_number) return Misfit::kUsedNumber;
  return std::nullopt;
}

std::optional<Misfit> FindMisfit(const Close& close, const Order& order, uint64_t last_number) {
  if (close.metered > order.duration) return Misfit::kTooLong;
  if (close.number <= last_number) return Misfit::kUsedNumber;
  return std::nullopt;
}

Credits ClaimOf(const Close& close, const Order& order) {
  // What overflows is out of every bound, so nothing of it is owed.
  const auto metered = AmountDue(order.price, order.slices, close.metered);
  return metered ? std::min(close.due, *metered) : Credits{};
}

uint64_t BytesOf(const std::vector<JobOutput>& outputs) {
  uint64_t total = 0;
  for (const JobOutput& output : outputs) {
    if (output.blob.size > limits::kBlobBytes) return UINT64_MAX;
    total += output.blob.size;
  }
  return total;
}

}  // namespace souk
