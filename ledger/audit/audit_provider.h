// A provider's log decided anew (R5, R6). Internal to the auditor.
#pragma once

#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "ledger/audit/audit_challenge.h"
#include "ledger/audit/audit_rules.h"
#include "ledger/audit/audit_voucher.h"
#include "ledger/book/node_book.h"

namespace souk::ledger {

// One thread.
class ProviderAudit {
 public:
  ProviderAudit(const PeerId& self, bool details, Findings& findings);

  void OnPublished(EntryCheck& check, const Published& published);
  void OnEscrowSeen(EntryCheck& check, const EscrowSeen& seen);
  void OnStep(EntryCheck& check, const LeaseStep& step);
  void OnVoucher(EntryCheck& check, const VoucherTaken& taken);
  void OnJob(EntryCheck& check, const JobStep& step);
  void OnChallenge(EntryCheck& check, const ChallengeStep& step);
  void OnSettled(EntryCheck& check, const Settled& settled);
  void OnResumed(EntryCheck& check, Time down_since);
  void Finish(AuditReport& report) const;
  // All that it knows, to or from an archive (audit_archive.h).
  template <typename Archive>
  void Keep(Archive& archive);
  // Whether what was read refers to nothing that is not there.
  bool IsWhole() const;

  // Whether this log accepted the lease as its provider.
  bool Knows(const Digest& lease) const { return leases_.contains(lease); }
  bool KnowsJob(const Digest& job) const { return jobs_.contains(job); }

 private:
  struct PublishedOffer {
    Offer offer = {};
    uint64_t entry = 0;
    uint64_t withdrawn = 0;  // the entry; 0 where it was not
    template <typename Archive>
    static void Keep(Archive& archive, PublishedOffer& value);
  };
  struct SeenEscrow {
    Escrow terms = {};
    uint64_t entry = 0;
    template <typename Archive>
    static void Keep(Archive& archive, SeenEscrow& value);
  };
  struct Lease {
    PeerId renter = {};
    Order order = {};
    Acceptance acceptance = {};
    Digest acceptance_id = {};
    Digest commit_id = {};
    Duration grace = {};
    LeaseState state = LeaseState::kNone;
    CloseReason reason = CloseReason::kNone;
    uint64_t first_entry = 0;
    uint64_t last_entry = 0;
    uint64_t renter_number = 0;
    uint64_t own_number = 0;
    Credits best = {};
    bool ready = false;
    bool reserved = true;
    bool settled = false;
    Credits paid = {};
    Time commit_by = {}, ready_by = {}, settle_at = {}, end = {}, paused = {}, closed = {};
    Time not_late_before = {};
    std::optional<Time> metering_since = {};
    Duration metered = {};
    Credits due = {};
    uint32_t jobs = 0;
    Time due_at = {};  // as it stands in due_; zero where nothing is due
    template <typename Archive>
    static void Keep(Archive& archive, Lease& value);
  };
  struct JobState {
    Digest lease = {};
    Digest workload = {};
    JobStep::Event at = JobStep::Event::kAccepted;
    uint64_t entry = 0;
    bool sealed = false;
    bool revealed = false;
    template <typename Archive>
    static void Keep(Archive& archive, JobState& value);
  };

  void OnOfferPublished(EntryCheck& check, size_t place);
  void OnWithdrawn(EntryCheck& check, size_t place);
  void OnFunding(EntryCheck& check, const souk::TransferRecord& record);
  void OnFreed(EntryCheck& check, const souk::TransferRecord& record);
  void Decide(EntryCheck& check, const souk::TransferRecord& record);
  static void OnRevealed(EntryCheck& check, const Lease& lease, JobState& job, const JobStep& step);
  void OnAccepted(EntryCheck& check, const LeaseStep& step);
  void CheckOffer(EntryCheck& check, const Order& order, Lease& lease);
  void CheckEscrow(EntryCheck& check, const LeaseStep& step, const Lease& lease);
  void CheckReservation(EntryCheck& check, const LeaseStep& step, const Lease& lease);
  void CheckCommit(EntryCheck& check, Lease& lease, const Digest& id);
  void CheckReady(EntryCheck& check, Lease& lease, const Digest& id);
  void CheckClose(EntryCheck& check, Lease& lease, const LeaseStep& step, size_t place);
  void CheckRenterNumber(EntryCheck& check, Lease& lease, uint64_t number);
  void CheckOwnNumber(EntryCheck& check, Lease& lease, uint64_t number);
  // Whether the event was due, and its documents.
  void CheckEvent(EntryCheck& check, Lease& lease, const LeaseStep& step, bool closes);
  void CheckAmounts(EntryCheck& check, const Lease& lease, const LeaseStep& step, bool closes);
  static void Advance(const EntryCheck& check, Lease& lease, const LeaseStep& step);
  // A message was answered: whatever was due before it had to be resolved before it.
  void CheckNothingOverdue(EntryCheck& check);
  void Schedule(const Digest& id, Lease& lease);
  static Duration MeteredAt(const Lease& lease, Time now);
  static Credits DueAt(const Lease& lease, Time now);
  Lease* Find(EntryCheck& check, const Digest& id);

  PeerId self_;
  bool details_;
  Findings& findings_;
  NodeBook book_;
  std::map<Digest, PublishedOffer> offers_ = {};
  uint64_t offer_sequence_ = 0;
  std::unordered_map<Digest, SeenEscrow, DigestHash> seen_ = {};  // lease, until accepted
  std::unordered_map<Digest, uint64_t, DigestHash> backed_ = {};  // escrow, entry
  std::unordered_map<Digest, Lease, DigestHash> leases_ = {};
  std::set<std::pair<Time, Digest>> due_ = {};  // when a lease changes of itself
  std::map<Digest, Digest> reservations_ = {};  // account, reserved lease
  std::unordered_map<Digest, JobState, DigestHash> jobs_ = {};
  ChallengeAudit challenges_{ChallengeAudit::Side::kProver};
  std::map<Digest, std::string> devices_ = {};  // account, uuid
  std::vector<Digest> order_ = {};              // leases as they began
  uint64_t transfers_ = 0;
  uint64_t last_entry_ = 0;
};

}  // namespace souk::ledger
