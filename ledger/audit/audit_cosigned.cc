#include "ledger/audit/audit_cosigned.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

#include "ledger/audit/audit_rules.h"
#include "protocol/limits.h"

namespace souk::ledger {
namespace {

// How far the clocks of two honest parties may lie apart; a cosignature's time has no parts of a
// second.
constexpr Duration kApartFromWitness = limits::kMaxSkew + limits::kMaxSkew + Seconds(1);

class CosignedAudit {
 public:
  CosignedAudit(const LogReader& log, const TrustPolicy& policy, AuditReport& report)
      : log_(log), policy_(policy), report_(report) {
    for (const NoteVerifier& witness : policy.witnesses) {
      report_.witnesses.push_back({.name = witness.name});
    }
    report_.quorum = policy.quorum;
  }

  // Checkpoints with one tree are one, however many files they came in.
  void Take(const CosignedCheckpoint& head);
  void Finish();

 private:
  using Tree = std::pair<uint64_t, Digest>;   // size and root
  using Times = std::map<size_t, PosixTime>;  // by witness: when it cosigned a tree last

  void Judge(const Tree& tree, const Times& times);
  void CheckTime(uint64_t size);
  void Doubt(std::string sentence) {
    report_.verdict = std::max(report_.verdict, Verdict::kIncomplete);
    report_.unchecked.push_back(std::move(sentence));
  }

  const LogReader& log_;
  const TrustPolicy& policy_;
  AuditReport& report_;
  Findings findings_{kMaxFindings};
  std::map<Tree, Times> heads_ = {};
  std::optional<uint64_t> quorum_size_ = {};  // the largest that a quorum has cosigned
  uint64_t beyond_ = 0;                       // the largest that is not here
};

void CosignedAudit::Take(const CosignedCheckpoint& head) {
  if (head.cosigned.empty()) return;
  Times& times = heads_[{head.checkpoint.size, head.checkpoint.root}];
  for (const auto& by : head.cosigned) {
    PosixTime& time = times[by.witness];
    time = std::max(time, by.time);
  }
}

void CosignedAudit::Judge(const Tree& tree, const Times& times) {
  const auto& [size, root_cosigned] = tree;
  if (size > log_.signed_size()) {
    beyond_ = std::max(beyond_, size);
    return;
  }
  const auto root = log_.RootAt(size);
  if (!root) {
    findings_.Add(size == 0 ? 0 : size - 1, rules::kReadable, root.error().message);
    return;
  }
  if (*root != root_cosigned) {
    findings_.Add(
        size == 0 ? 0 : size - 1, rules::kAppendOnly,
        fmt::format("the log's owner signed, and {} cosigned, another tree of {} entries: the log "
                    "was forked",
                    policy_.witnesses[times.begin()->first].name, size));
    return;
  }
  for (const auto& [by, time] : times) {
    AuditedWitness& witness = report_.witnesses[by];
    if (witness.cosigned && witness.size > size) continue;
    witness.cosigned = true;
    witness.size = size;
    witness.seconds = time.seconds;
  }
  if (times.size() >= policy_.quorum) quorum_size_ = std::max(quorum_size_.value_or(0), size);
  if (size > 0) CheckTime(size);
}

// Times never run back, so that the last entry is the latest; whoever cosigned more entries
// cosigned it, too. As many witnesses may be wrong as the quorum leaves over: what only they
// contradict is said, and no more.
void CosignedAudit::CheckTime(uint64_t size) {
  const uint64_t last = size - 1;
  const auto leaf = log_.Entry(last);
  if (!leaf) return;  // found already
  const CheckedEntry checked = CheckEntry(last, *leaf, Signatures::kTrusted);
  if (!checked.readable) return;
  std::map<size_t, PosixTime> early;
  for (auto at = heads_.lower_bound({size, Digest{}}); at != heads_.end(); ++at) {
    for (const auto& [by, time] : at->second) {
      // More seconds than a Time holds are later than every entry.
      constexpr uint64_t kMost = (uint64_t{1} << 53) / 1000;
      if (time.seconds >= kMost) continue;
      const Time cosigned{static_cast<int64_t>(time.seconds) * 1000};
      if (checked.entry.time - cosigned > kApartFromWitness) early.emplace(by, time);
    }
  }
  if (early.empty()) return;
  const auto& [by, time] = *std::max_element(
      early.begin(), early.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  const std::string what =
      fmt::format("it is dated {} s after {} cosigned it, and {} s may lie between clocks",
                  checked.entry.time.ms / 1000 - static_cast<int64_t>(time.seconds),
                  policy_.witnesses[by].name, 2 * limits::kMaxSkew.ms / 1000);
  const size_t wrong = policy_.witnesses.size() - std::max<size_t>(policy_.quorum, 1);
  if (early.size() > wrong) {
    findings_.Add(last, rules::kWitnessed, what);
  } else {
    report_.unchecked.push_back(
        fmt::format("entry {}: {}; {} of {} witnesses say so, and {} may be wrong", last, what,
                    early.size(), policy_.witnesses.size(), wrong));
  }
}

void CosignedAudit::Finish() {
  for (const auto& [tree, times] : heads_) Judge(tree, times);
  const auto cosigned = static_cast<size_t>(
      std::count_if(report_.witnesses.begin(), report_.witnesses.end(),
                    [](const AuditedWitness& witness) { return witness.cosigned; }));
  if (beyond_ > 0) {
    Doubt(
        fmt::format("witnesses cosigned {} entries of this log, and this copy has {}: it is an "
                    "older one",
                    beyond_, log_.signed_size()));
  }
  if (!quorum_size_ && policy_.quorum > 0) {
    Doubt(
        fmt::format("no checkpoint here is cosigned by {} of the {} witnesses ({} cosigned any): "
                    "fetch one from where the node serves its log and give it with --cosigned",
                    policy_.quorum, policy_.witnesses.size(), cosigned));
  } else if (const uint64_t size = quorum_size_.value_or(0); size < log_.signed_size()) {
    report_.unchecked.push_back(fmt::format("{} of {} entries are beyond what witnesses cosigned",
                                            log_.signed_size() - size, log_.signed_size()));
  }
  findings_.MoveInto(report_);
}

}  // namespace

void AuditCosigned(const LogReader& log, const std::vector<CosignedCheckpoint>& heads,
                   const TrustPolicy& policy, AuditReport& report) {
  CosignedAudit audit(log, policy, report);
  for (const CosignedCheckpoint& head : heads) audit.Take(head);
  audit.Finish();
}

}  // namespace souk::ledger
