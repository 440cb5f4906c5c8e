// Folds a log's entries in order and decides each outcome anew. Internal to the auditor.
#pragma once

#include "ledger/audit/audit_clearing.h"
#include "ledger/audit/audit_provider.h"
#include "ledger/audit/audit_renter.h"

namespace souk::ledger {

class AuditFold;

// The file of SavedAudit, of a fold that ends at the checkpoint.
Bytes SaveAudit(AuditFold& fold, const std::string& checkpoint);

// One thread.
class AuditFold {
 public:
  AuditFold(const PeerId& self, const AuditOptions& options)
      : self_(self),
        details_(options.details),
        known_(options.rules),
        findings_(options.max_findings),
        provider_(self, options.details, findings_),
        renter_(self, options.details, findings_),
        clearing_(self, findings_) {}

  void Add(CheckedEntry& checked);
  AuditReport Finish(uint64_t entries);
  Findings& findings() { return findings_; }
  bool details() const { return details_; }
  uint32_t newest_rules() const { return NewestOf(known_); }
  // All that it knows, to or from an archive (audit_archive.h).
  template <typename Archive>
  void Keep(Archive& archive);
  // Whether what was read refers to nothing that is not there.
  bool IsWhole() const { return provider_.IsWhole() && renter_.IsWhole(); }

 private:
  void CheckFrame(EntryCheck& check);
  void OnOutcome(EntryCheck& check);
  void OnOpened(EntryCheck& check, const Opened& opened);
  void CheckVersion(EntryCheck& check);

  PeerId self_;
  bool details_;
  RuleSets known_;
  Findings findings_;
  ProviderAudit provider_;
  RenterAudit renter_;
  ClearingAudit clearing_;
  AuditReport report_ = {};
  bool any_ = false;
  Time previous_ = {};        // of the entry before
  uint32_t rules_ = 0;        // in force; 0 before the first entry
  uint64_t newer_rules_ = 0;  // entries that this program is too old for
  uint64_t first_newer_ = 0;
  uint32_t newest_seen_ = 0;  // of those
  uint64_t openings_ = 0;     // of challenges
};

}  // namespace souk::ledger
