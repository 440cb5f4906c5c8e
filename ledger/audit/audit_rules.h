// The rules that an audit names, and the collector of their breaches. Internal to the auditor.
#pragma once

#include <fmt/format.h>

#include <initializer_list>
#include <utility>

#include "ledger/audit/audit.h"
#include "ledger/audit/audit_entry.h"

namespace souk::ledger {

struct Rule {
  const char* rule;
  const char* name;
};

namespace rules {
inline constexpr Rule kSigned{"R1", "every document is signed"};
inline constexpr Rule kSigner{"R1", "documents are signed by whom they bind"};
inline constexpr Rule kNumbers{"R1", "numbers within a lease are used once"};
inline constexpr Rule kReadable{"R3", "every entry can be read"};
inline constexpr Rule kSequence{"R3", "the sequence is the index"};
inline constexpr Rule kOpened{"R3", "a log opens once, under its own name"};
inline constexpr Rule kTree{"R3", "the log is what was signed"};
inline constexpr Rule kAppendOnly{"R3", "a log only grows"};
inline constexpr Rule kVersions{"R3", "rules versions never fall"};
inline constexpr Rule kUpgrades{"R3", "an upgrade starts each rules version"};
inline constexpr Rule kEvidence{"R3", "an outcome stands with its documents"};
inline constexpr Rule kOmitted{"R3", "what its owner signed stands in the log"};
inline constexpr Rule kTimes{"R4", "log time never runs back"};
inline constexpr Rule kEarly{"R4", "nothing expires early"};
inline constexpr Rule kLate{"R4", "nothing succeeds late"};
inline constexpr Rule kOverdue{"R4", "what is due is resolved first"};
inline constexpr Rule kDowntime{"R4", "downtime begins with the entry before it"};
inline constexpr Rule kWitnessed{"R4", "no entry is dated ahead of its witnesses"};
inline constexpr Rule kTable{"R5", "leases follow the table"};
inline constexpr Rule kTerms{"R5", "an order is accepted on the offer's terms"};
inline constexpr Rule kFence{"R5", "the fence is the acceptance's entry"};
inline constexpr Rule kSlices{"R5", "no slice is leased twice"};
inline constexpr Rule kReason{"R5", "a close says why"};
inline constexpr Rule kOffers{"R5", "offers carry a growing sequence"};
inline constexpr Rule kDue{"R6", "due follows from metered time"};
inline constexpr Rule kVouchers{"R6", "vouchers grow, by the order's key, up to its maximum"};
inline constexpr Rule kAuthority{"R6", "every debit has its owner's signature"};
inline constexpr Rule kResolution{"R6", "one resolution per pending"};
inline constexpr Rule kLimit{"R6", "debits never exceed credits"};
inline constexpr Rule kTransfers{"R6", "transfers are what their documents say"};
inline constexpr Rule kReference{"R6", "an outside reference is used once"};
inline constexpr Rule kConserved{"R6", "debits equal credits"};
inline constexpr Rule kEscrow{"R6", "one escrow backs one lease and outlives it"};
inline constexpr Rule kSettlement{"R6", "a settlement stays within the voucher"};
inline constexpr Rule kJobs{"R7", "a receipt answers its job"};
inline constexpr Rule kReplicas{"R7", "replicas are committed to before any is revealed"};
inline constexpr Rule kChallenges{"R7",
                                  "rows are asked for after the root, and judged as they were"};
}  // namespace rules

class Findings {
 public:
  explicit Findings(size_t most) : most_(most) {}
  void Add(uint64_t entry, const Rule& rule, std::string what, std::vector<uint64_t> see = {});
  void Add(Finding finding);
  bool any() const { return !kept_.empty(); }
  // Behind those of the report, of which it keeps as many as this one may. Any make it INVALID.
  void MoveInto(AuditReport& report);
  // All that it knows, to or from an archive (audit_archive.h).
  template <typename Archive>
  void Keep(Archive& archive);

 private:
  size_t most_;
  uint64_t more_ = 0;
  std::vector<Finding> kept_ = {};
};

// One entry under its checks.
class EntryCheck {
 public:
  // `rule_set`: of the version that the entry says.
  EntryCheck(Findings& findings, const CheckedEntry& checked, const RuleSet& rule_set)
      : findings_(findings), checked_(checked), rule_set_(rule_set) {}

  uint64_t index() const { return checked_.index; }
  Time time() const { return checked_.entry.time; }
  const Entry& entry() const { return checked_.entry; }
  // What differs between versions is decided by these.
  const RuleSet& rule_set() const { return rule_set_; }
  size_t documents() const { return checked_.documents.size(); }
  // The document at this place where it is of the kind and reads; otherwise a finding (kEvidence)
  // and nothing.
  template <typename Message>
  std::optional<Message> Take(size_t place) {
    const DocumentRef& document = At(place, KindOf<Message>::value);
    if (!document) return std::nullopt;
    auto message = Decode<Message>(*document);
    if (message) return std::move(*message);
    Fail(rules::kEvidence, message.error().message);
    return std::nullopt;
  }
  // Null where there is none.
  const DocumentRef& DocumentAt(size_t place) const;
  // Of the post at this place, opened; null where it does not open.
  const DocumentRef& VoucherOf(size_t place) const;
  bool ExpectDocuments(size_t count);

  // Returns `holds`; a finding where it does not. The sentence is only written then.
  template <typename... Args>
  bool That(bool holds, const Rule& rule, fmt::format_string<Args...> what, Args&&... args) {
    if (!holds) Fail(rule, fmt::format(what, std::forward<Args>(args)...));
    return holds;
  }
  template <typename... Args>
  bool That(bool holds, const Rule& rule, std::initializer_list<uint64_t> see,
            fmt::format_string<Args...> what, Args&&... args) {
    if (!holds) Fail(rule, fmt::format(what, std::forward<Args>(args)...), see);
    return holds;
  }
  void Fail(const Rule& rule, std::string what, std::vector<uint64_t> see = {});

 private:
  const DocumentRef& At(size_t place, Kind kind);

  Findings& findings_;
  const CheckedEntry& checked_;
  const RuleSet& rule_set_;
};

}  // namespace souk::ledger
