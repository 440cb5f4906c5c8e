// A clearing peer's log decided anew (R6). Internal to the auditor.
#pragma once

#include <set>
#include <unordered_map>

#include "ledger/audit/audit_rules.h"
#include "ledger/book/node_book.h"

namespace souk::ledger {

// One thread.
class ClearingAudit {
 public:
  ClearingAudit(const PeerId& self, Findings& findings)
      : self_(self), findings_(findings), book_(AccountId(self)) {}

  void OnBooked(EntryCheck& check, const Booked& booked);
  void OnShown(EntryCheck& check, const Shown& shown);
  void OnResumed(EntryCheck& check, Time down_since);
  void Finish(AuditReport& report, bool details) const;
  // All that it knows, to or from an archive (audit_archive.h).
  template <typename Archive>
  void Keep(Archive& archive);

 private:
  // An escrow that is not resolved yet.
  struct Open {
    Escrow terms = {};
    uint64_t entry = 0;
    Time accept_by = {};  // as downtime may have moved it
    bool shown = false;
    uint64_t shown_entry = 0;
    Digest lease = {};
    Time due = {};  // as it stands in due_
    template <typename Archive>
    static void Keep(Archive& archive, Open& value);
  };

  void OnIssue(EntryCheck& check, const souk::TransferRecord& record, size_t place);
  void OnEscrow(EntryCheck& check, const souk::TransferRecord& record, size_t place);
  void OnPost(EntryCheck& check, const souk::TransferRecord& record, size_t place);
  void OnVoid(EntryCheck& check, const souk::TransferRecord& record, size_t place);
  void OnExpiry(EntryCheck& check, const souk::TransferRecord& record);
  // Null, with a finding, where there is no such escrow or it is resolved already.
  Open* FindOpen(EntryCheck& check, const Digest& escrow, const char* step);
  bool Decide(EntryCheck& check, const souk::TransferRecord& record);
  void Fold(EntryCheck& check, const souk::TransferRecord& record);
  void Resolve(const EntryCheck& check, const Digest& escrow);
  // A request was answered: whatever was due before it had to be resolved before it.
  void CheckNothingOverdue(EntryCheck& check);
  void Schedule(const Digest& escrow, Open& open);

  PeerId self_;
  Findings& findings_;
  NodeBook book_;
  std::unordered_map<Digest, Open, DigestHash> open_ = {};
  std::set<std::pair<Time, Digest>> due_ = {};  // when an open escrow returns of itself
  std::unordered_map<Digest, uint64_t, DigestHash> resolved_ = {};  // escrow, entry
  std::unordered_map<std::string, uint64_t> references_ = {};
  std::unordered_map<Digest, PublicKey, DigestHash> owners_ = {};  // account, its key
  uint64_t transfers_ = 0;
  uint64_t last_entry_ = 0;
};

}  // namespace souk::ledger
