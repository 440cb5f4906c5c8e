// A renter's log decided anew (R5, R6). Internal to the auditor.
#pragma once

#include <unordered_map>

#include "ledger/audit/audit_challenge.h"
#include "ledger/audit/audit_rules.h"
#include "ledger/audit/audit_voucher.h"
#include "protocol/lease_terms.h"

namespace souk::ledger {

// One thread.
class RenterAudit {
 public:
  RenterAudit(const PeerId& self, bool details, Findings& findings)
      : self_(self), details_(details), findings_(findings) {}

  void OnOrdered(EntryCheck& check, const Ordered& ordered);
  void OnEscrowSeen(EntryCheck& check, const EscrowSeen& seen);
  void OnStep(EntryCheck& check, const LeaseStep& step);
  void OnVoucher(EntryCheck& check, const VoucherTaken& taken);
  void OnJob(EntryCheck& check, const JobStep& step);
  void OnReplicated(EntryCheck& check, const Replicated& replicated);
  void OnChallenge(EntryCheck& check, const ChallengeStep& step);
  void OnSettled(EntryCheck& check, const Settled& settled);
  void Finish(AuditReport& report) const;
  // All that it knows, to or from an archive (audit_archive.h).
  template <typename Archive>
  void Keep(Archive& archive);
  // Whether what was read refers to nothing that is not there.
  bool IsWhole() const;

  bool Knows(const Digest& lease) const { return leases_.contains(lease); }

 private:
  struct Lease {
    Order order = {};
    Time escrow_timeout = {};
    Digest acceptance_id = {};
    uint64_t fence = 0;
    std::string device = {};
    LeaseState state = LeaseState::kNone;
    CloseReason reason = CloseReason::kNone;
    uint64_t first_entry = 0;
    uint64_t last_entry = 0;
    uint64_t own_number = 0;
    uint64_t provider_number = 0;
    Digest commit_id = {};
    Credits best = {};
    bool escrow_seen = false;
    bool ready = false;
    bool closed_by_provider = false;
    bool settled = false;
    Credits paid = {};
    Credits due = {};
    Duration metered = {};
    Time closed = {};
    uint32_t jobs = 0;
    template <typename Archive>
    static void Keep(Archive& archive, Lease& value);
  };
  struct JobState {
    Digest lease = {};
    Digest workload = {};
    JobStep::Event at = JobStep::Event::kSubmitted;
    uint64_t entry = 0;
    bool sealed = false;    // it is to be committed to first
    Digest seal = {};       // id of the JobSeal
    Digest committed = {};  // id of the receipt that it commits to; zero: not yet
    bool revealed = false;
    std::optional<Digest> round = {};
    template <typename Archive>
    static void Keep(Archive& archive, JobState& value);
  };
  struct Round {
    std::vector<Digest> jobs = {};
    uint32_t agree = 0;
    uint64_t entry = 0;
    Time asked = {};
    uint32_t sealed = 0;
    Time enough = {};  // when as many were sealed as are to agree; zero: not yet
    bool revealed = false;
    template <typename Archive>
    static void Keep(Archive& archive, Round& value);
  };

  Lease* Find(EntryCheck& check, const Digest& id);
  void OnOwnStep(EntryCheck& check, Lease& lease, const LeaseStep& step);
  void OnAccepted(EntryCheck& check, Lease& lease, const LeaseStep& step);
  void OnCommitted(EntryCheck& check, Lease& lease, const LeaseStep& step);
  void OnReady(EntryCheck& check, Lease& lease, const LeaseStep& step);
  void OnReleased(EntryCheck& check, Lease& lease, const LeaseStep& step);
  void OnClose(EntryCheck& check, Lease& lease, const LeaseStep& step);
  static void CheckFits(EntryCheck& check, std::optional<Misfit> misfit);
  void OnReceipt(EntryCheck& check, const Lease& lease, const JobState& job, const JobStep& step);
  void OnSealed(EntryCheck& check, const Lease& lease, JobState& job, const JobStep& step);
  void OnRevealed(EntryCheck& check, JobState& job, const JobStep& step);

  PeerId self_;
  bool details_;
  Findings& findings_;
  std::unordered_map<Digest, Lease, DigestHash> leases_ = {};
  std::unordered_map<Digest, uint64_t, DigestHash> escrows_ = {};  // escrow, entry
  std::unordered_map<Digest, JobState, DigestHash> jobs_ = {};
  std::unordered_map<Digest, Round, DigestHash> rounds_ = {};
  ChallengeAudit challenges_{ChallengeAudit::Side::kVerifier};
  std::vector<Digest> order_ = {};  // leases as they began
};

}  // namespace souk::ledger
