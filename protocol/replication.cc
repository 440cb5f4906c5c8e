#include "protocol/replication.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "protocol/limits.h"

namespace souk {
namespace {

constexpr uint32_t kMillion = 1'000'000;
constexpr const char* kForms =
    "a replication policy is \"none\", \"sample P\" (0 < P <= 1, as in: sample 0.05) or \"N of M\" "
    "(as in: 2 of 3)";

Error Wrong(const std::string& why) {
  return Error(Code::kInvalidArgument, why.empty() ? kForms : why + "; " + kForms);
}

std::vector<std::string_view> Words(std::string_view text) {
  std::vector<std::string_view> out;
  while (true) {
    const size_t from = text.find_first_not_of(' ');
    if (from == std::string_view::npos) return out;
    text.remove_prefix(from);
    const size_t to = std::min(text.find(' '), text.size());
    out.push_back(text.substr(0, to));
    text.remove_prefix(to);
  }
}

template <typename Number>
std::optional<Number> Read(std::string_view text) {
  Number value = {};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool Has(const Replica& replica, JobStatus status) {
  return replica.receipt && !replica.late && replica.receipt->status == status;
}

bool IsFixed(const JobReceipt& receipt) {
  return receipt.result_class == "exact" || receipt.result_class == "exact-ordered";
}

bool Same(const JobReceipt& a, const JobReceipt& b) {
  return FindDifference(a, b).empty();
}

}  // namespace

Result<ReplicationPolicy> ParseReplicationPolicy(std::string_view text) {
  const auto words = Words(text);
  if (words.size() == 1 && words[0] == "none") return ReplicationPolicy();
  if (words.size() == 2 && words[0] == "sample") {
    const auto share = Read<double>(words[1]);
    if (!share || !std::isfinite(*share) || *share <= 0 || *share > 1) return Wrong("");
    const auto per_million = static_cast<uint32_t>(std::lround(*share * kMillion));
    if (per_million == 0) return Wrong("a share below one in a million is none");
    return ReplicationPolicy{.agree = 2, .of = 2, .per_million = per_million};
  }
  if (words.size() != 3 || words[1] != "of") return Wrong("");
  const auto agree = Read<uint32_t>(words[0]), of = Read<uint32_t>(words[2]);
  if (!agree || !of || *agree > *of) return Wrong("");
  if (*of < 2 || *of > limits::kReplicas) {
    return Wrong(fmt::format("between 2 and {} providers", limits::kReplicas));
  }
  if (!IsMajority(*agree, *of))
    return Wrong("more than half must agree, or two results could both hold");
  return ReplicationPolicy{.agree = *agree, .of = *of, .per_million = kMillion};
}

std::string FormatReplicationPolicy(const ReplicationPolicy& policy) {
  if (policy.per_million == 0) return "none";
  if (policy.per_million == kMillion) return fmt::format("{} of {}", policy.agree, policy.of);
  return fmt::format("sample {}", policy.per_million / double{kMillion});
}

Time RevealBy(Time asked, Time enough) {
  return enough + std::max(Minutes(1), (enough - asked) * 2);
}

std::string FindDifference(const JobReceipt& a, const JobReceipt& b) {
  if (a.status != b.status) return "whether it failed";
  if (a.outputs.size() != b.outputs.size()) return "which outputs there are";
  for (size_t i = 0; i < a.outputs.size(); ++i) {
    if (a.outputs[i].name != b.outputs[i].name) return "which outputs there are";
    if (!(a.outputs[i].blob == b.outputs[i].blob)) return "output " + a.outputs[i].name;
  }
  if (a.launches != b.launches) return "how many launches there were";
  return a.states_root == b.states_root ? "" : "the states after its launches";
}

bool AreComparable(const JobReceipt& a, const JobReceipt& b) {
  if (IsFixed(a) && IsFixed(b)) return true;
  return a.device_name == b.device_name && a.architecture == b.architecture && a.driver == b.driver;
}

ReplicationVerdict JudgeReplicas(std::span<const Replica> replicas, uint32_t agree) {
  ReplicationVerdict verdict;
  std::vector<size_t> results;
  bool open = false;
  const bool any_done = std::any_of(replicas.begin(), replicas.end(),
                                    [](const Replica& one) { return Has(one, JobStatus::kDone); });
  const JobStatus compared = any_done ? JobStatus::kDone : JobStatus::kFailed;
  for (size_t i = 0; i < replicas.size(); ++i) {
    const Replica& one = replicas[i];
    if (Has(one, compared)) results.push_back(i);
    if (!one.over && !one.late) open = true;
    verdict.standings.push_back(one.late    ? ReplicaStanding::kLate
                                : !one.over ? ReplicaStanding::kOpen
                                            : ReplicaStanding::kNoResult);
  }
  const auto votes = [&](size_t i) {
    return std::count_if(results.begin(), results.end(), [&](size_t j) {
      return Same(*replicas[i].receipt, *replicas[j].receipt);
    });
  };
  for (const size_t i : results) {
    if (votes(i) < static_cast<int64_t>(agree)) continue;
    verdict.result = i;
    break;
  }
  bool contradiction = false;
  for (const size_t i : results) {
    const JobReceipt& mine = *replicas[i].receipt;
    ReplicaStanding& standing = verdict.standings[i];
    if (verdict.result) {
      const JobReceipt& agreed = *replicas[*verdict.result].receipt;
      standing = Same(mine, agreed)            ? ReplicaStanding::kAgrees
                 : AreComparable(mine, agreed) ? ReplicaStanding::kDiffers
                                               : ReplicaStanding::kUnlike;
      continue;
    }
    const bool differs = std::any_of(results.begin(), results.end(), [&](size_t j) {
      const JobReceipt& other = *replicas[j].receipt;
      return !Same(mine, other) && AreComparable(mine, other);
    });
    const bool unlike = std::any_of(results.begin(), results.end(),
                                    [&](size_t j) { return !Same(mine, *replicas[j].receipt); });
    contradiction |= differs;
    standing = differs               ? ReplicaStanding::kDiffers
               : unlike              ? ReplicaStanding::kUnlike
               : results.size() == 1 ? ReplicaStanding::kAlone
                                     : ReplicaStanding::kAgrees;
  }
  verdict.outcome = verdict.result  ? ReplicationOutcome::kAgreed
                    : open          ? ReplicationOutcome::kOpen
                    : contradiction ? ReplicationOutcome::kDisagreed
                                    : ReplicationOutcome::kIncomplete;
  return verdict;
}

bool IsMajority(uint32_t agree, size_t of) {
  return agree <= of && agree * size_t{2} > of;
}

std::string DifferenceOf(std::span<const Replica> replicas, const ReplicationVerdict& verdict,
                         size_t place) {
  const auto counts = [&](size_t i) {
    const ReplicaStanding standing = verdict.standings[i];
    return replicas[i].receipt && standing != ReplicaStanding::kLate &&
           standing != ReplicaStanding::kNoResult;
  };
  if (!counts(place)) return "";
  size_t against = 0;
  while (verdict.result ? against != *verdict.result : !counts(against)) ++against;
  return FindDifference(*replicas[against].receipt, *replicas[place].receipt);
}

const char* ReplicaStandingName(ReplicaStanding standing) {
  switch (standing) {
    case ReplicaStanding::kOpen:
      return "open";
    case ReplicaStanding::kAgrees:
      return "agrees";
    case ReplicaStanding::kDiffers:
      return "differs";
    case ReplicaStanding::kUnlike:
      return "unlike device";
    case ReplicaStanding::kAlone:
      return "alone";
    case ReplicaStanding::kLate:
      return "late";
    case ReplicaStanding::kNoResult:
      return "no result";
  }
  std::abort();
}

const char* ReplicationOutcomeName(ReplicationOutcome outcome) {
  switch (outcome) {
    case ReplicationOutcome::kOpen:
      return "open";
    case ReplicationOutcome::kAgreed:
      return "agreed";
    case ReplicationOutcome::kDisagreed:
      return "disagreed";
    case ReplicationOutcome::kIncomplete:
      return "incomplete";
  }
  std::abort();
}

}  // namespace souk
