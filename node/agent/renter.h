// The renter role (R5, R6): rents, pays interval by interval, submits jobs, fetches results, and
// sees to it that what was held and not earned comes back.
#pragma once

#include <map>
#include <optional>
#include <set>

#include "node/agent/blobs.h"
#include "node/agent/turn.h"
#include "protocol/replication.h"

namespace souk::node {

// What an offer says of its devices, as a challenge's plan asks for it.
struct ClaimedModel {
  std::string kind = {}, model = {};
  uint64_t memory_bytes = 0;
  uint64_t fp32_mflops = 0;
};

// Loop thread only.
// Invariants: (1) the state is the fold of this log; (2) a voucher is in this log before it is
// sent, never above what the renter's own clock says, one interval ahead, and follows the last one
// only once the provider has acknowledged that; (3) no job is sent before the lease is metering,
// nor before the provider has the lease's former ones; (4) of a provider's silence no more is paid
// than one interval; (5) which rows a challenge asks for is said only after the root over them is
// in this log, and nothing more of its secret before the verdict is; (6) no sealed job is revealed
// before every job of its round is sealed or over, or the round's time is (protocol/replication.h).
class Renter {
 public:
  enum class Phase : uint8_t {
    kEscrowing,  // the book is asked to hold
    kOrdering,   // the provider is asked to accept
    kLost,       // refused or too late: waiting for the escrow to come back
    kCommitting,
    kWaiting,  // committed; the device is made ready
    kPaying,   // ready; the first voucher is out
    kMetering,
    kPaused,     // the provider paused it
    kReleasing,  // release sent, close awaited
    kClosing,    // close in hand: last voucher, then the book's word
    kClosed,
  };
  static const char* PhaseName(Phase phase);

  struct Lease {
    Digest id = {};
    Phase phase = Phase::kEscrowing;
    Order order = {};
    Escrow escrow = {};
    DocumentRef order_document = {}, escrow_document = {}, acceptance_document = {},
                ready_document = {}, voucher_document = {}, release_document = {},
                close_document = {};
    uint64_t accepted_entry = 0;  // in the provider's log
    Acceptance acceptance = {};
    bool held = false;  // the book's word that it holds the escrow was seen
    Digest commit = {};
    uint64_t number = 0;           // of our documents, last used
    uint64_t provider_number = 0;  // of the provider's
    Credits best = {};             // highest voucher given
    Duration interval = {};        // the last one paid for
    // The offer's, in the run that ordered on it: not in the ledger.
    std::optional<Duration> longest_interval = {};
    std::string device_kind = {}, model = {};
    Time ready = {};  // our log time when it was
    Time end = {};
    Time released = {};  // our log time when we let it go
    Credits due = {};    // as the close says, or less where we dispute it
    CloseReason reason = CloseReason::kNone;
    std::string sentence = {};  // why it was lost
    bool settled = false;
    Credits paid = {};
    std::vector<std::pair<Time, std::string>> story = {};  // what happened, for people
    // Not in the ledger: what is being asked in this phase, and the newest voucher's carrier.
    DocumentRef asking = {};
    Phase asked_in = Phase::kClosed;
    Duration ask_pause = {};  // before the same is asked again although it was answered
    bool release_answered = false;
    DocumentRef voucher_carry = {};
    Credits acknowledged = {};  // what the provider says it has, since this node started
    Duration next_query = {};   // monotonic
    // Since `ready`, how long the provider was heard of, up to when it was last (our log time).
    // After a restart, what was vouched for counts as such.
    Duration served = {};
    Time heard = {};
    std::optional<Digest> open_challenge = {};  // not judged yet
  };
  struct JobState {
    Digest id = {};
    Digest lease = {};
    Job job = {};
    DocumentRef document = {}, receipt_document = {};
    std::optional<JobReceipt> receipt = {};
    JobStep::Event at = JobStep::Event::kSubmitted;
    uint32_t launch = 0, launches = 0;  // not in the ledger
    std::string refused = {};           // not in the ledger
    // Not in the ledger: the provider has said in this run that it has the job; monotonic: when it
    // is asked for the receipt again.
    bool acknowledged = false;
    Duration next_ask = {};
    Credits due = {};
    // Of sealed jobs.
    std::optional<JobSeal> seal = {};
    DocumentRef seal_document = {}, reveal_document = {};
    Time revealed = {};
    std::optional<Digest> round = {};  // where it is replicated
    bool late = false;                 // it had not sealed when its round was revealed
  };

  // One job on several providers.
  struct Replication {
    Digest round = {};
    std::vector<Digest> jobs = {};
    uint32_t agree = 0;
    Time asked = {};
    uint32_t sealed = 0;
    Time enough_sealed = {};  // as many as are to agree; zero: not yet
    Time reveal_by = {};      // seals that are missing then are not waited for
    bool revealed = false;
  };

  struct ChallengeState {
    Digest id = {};
    Digest lease = {};
    Challenge challenge = {};
    ChallengeRoot root = {};
    ChallengeRows rows = {};
    ChallengeOpening opening = {};
    DocumentRef document = {}, root_document = {}, rows_document = {}, opening_document = {},
                verdict_document = {};
    ChallengeStep::Event at = ChallengeStep::Event::kAsked;
    Time asked = {};
    Time since = {};     // of the newest step
    Duration took = {};  // from asked to the root, by this log
    // In the ledger once every device of the round is decided.
    std::optional<ChallengeStatus> decided = {};
    std::string sentence = {};  // why it did not pass
    // Not in the ledger: the newest question that the provider has; monotonic: when it is asked for
    // the answer again; the opening is being checked.
    Digest acknowledged = {};
    Duration next_ask = {};
    bool checking = false;
  };

  void Fold(const Entry& entry, const RuleSet& rules);
  void Start(Turn& turn);
  void RunTimers(Turn& turn, Blobs& blobs);

  void OnRent(Turn& turn, uint64_t command, const RentCommand& rent);
  void OnReleaseCommand(Turn& turn, uint64_t command, const ReleaseCommand& release);
  void OnJobCommand(Turn& turn, uint64_t command, const JobCommand& job);
  void OnReplicateCommand(Turn& turn, uint64_t command, const ReplicateCommand& what);
  void OnChallengeCommand(Turn& turn, uint64_t command, const ChallengeCommand& what);
  void OnBalanceCommand(Turn& turn, uint64_t command, const BalanceCommand& balance);

  bool OnReply(Turn& turn, const From& from, const Reply& reply);
  bool OnRefusal(Turn& turn, const From& from, const Refusal& refusal);
  // Ready, VoucherAck, JobReceipt, JobSeal, Close, Progress, ChallengeRoot, ChallengeOpening:
  // pushed, or within an answer.
  void OnLeaseDocument(Turn& turn, const From& from, const DocumentRef& document);
  void OnOpeningChecked(const OpeningChecked& event);
  bool MayRead(const PeerId& peer, const Digest& job, const Digest& blob) const;

  const std::map<Digest, Lease>& leases() const { return leases_; }
  const std::map<Digest, JobState>& jobs() const { return jobs_; }
  const std::map<Digest, ChallengeState>& challenges() const { return challenges_; }
  const std::map<Digest, Replication>& replications() const { return replications_; }
  // As protocol/replication.h takes them. The round is known; now: log time.
  std::vector<Replica> ReplicasOf(const Replication& replication, Time now) const;
  ReplicationVerdict VerdictOn(const Replication& replication, Time now) const {
    return JudgeReplicas(ReplicasOf(replication, now), replication.agree);
  }
  // Challenges of one nonce: asked at once, judged together.
  const std::map<Digest, std::vector<Digest>>& rounds() const { return rounds_; }
  // Neither lease, job nor challenge lives: a node that only rents may end.
  bool Idle() const {
    return open_leases_.empty() && open_jobs_.empty() && open_challenges_.empty();
  }

 private:
  // What was asked decides who may answer and what the answer means: provider and book may be one
  // node.
  enum class Ask : uint8_t { kEscrow, kOrder, kCommit, kVoucher, kQuery, kRelease };
  struct OpenAsk {
    Digest lease = {};
    Ask what = Ask::kQuery;
  };
  static const PeerId& AskedOf(const Lease& lease, Ask what);

  void FoldLease(const Entry& entry, const LeaseStep& step);
  void FoldJob(const Entry& entry, const JobStep& step);
  DocumentRef CarryOf(Turn& turn, const DocumentRef& document) const;
  void Pursue(Turn& turn, const Digest& lease);
  void PursueJobs(Turn& turn, Blobs& blobs);
  void AskForJobs(Turn& turn);
  // What the provider is asked with next: the job, or its reveal; null while its round waits.
  static DocumentRef QuestionOf(const JobState& job);
  void StopAsking(Turn& turn, const JobState& job);
  // True where this phase's question is out, or was answered a moment ago.
  bool Asked(Turn& turn, const Lease& lease) const;
  void AskNow(Turn& turn, Lease& lease, Ask what, DocumentRef document);
  // How long the answer can matter.
  static AskFor HowLong(const Lease& lease, Ask what);
  // The book is gone, and owes nobody anything: this side gave nothing away.
  void TryGiveUp(Turn& turn, Lease& lease);
  void Query(Turn& turn, Lease& lease, Duration every);
  Digest CommitNonce(Turn& turn, const Lease& lease) const;
  void Lose(Turn& turn, Lease& lease, std::string sentence);
  void OnEscrowRefused(Turn& turn, Lease& lease, const Refusal& refusal);
  void OnEscrowEntry(Turn& turn, Lease& lease, const ProvenEntry& proven);
  void RecordSettled(Turn& turn, Lease& lease, Credits paid);
  bool IsPaid(const Lease& lease, const TransferRecord& record, const Entry& entry) const;
  void OnAcceptance(Turn& turn, const From& from, Lease& lease, const DocumentRef& document);
  void OnCommitted(Turn& turn, const From& from, Lease& lease);
  void OnReady(Turn& turn, Lease& lease, const DocumentRef& document);
  void OnVoucherAck(Turn& turn, Lease& lease, const DocumentRef& document);
  void OnJobReceipt(Turn& turn, const From& from, const DocumentRef& document);
  void OnClose(Turn& turn, Lease& lease, const DocumentRef& document);
  void PayUpTo(Turn& turn, Lease& lease, Credits amount);
  void SendVoucher(Turn& turn, Lease& lease);
  // Of our clock's time since `ready`, what the provider may be paid for.
  static Duration ServedUntil(const Lease& lease, Time until);
  static void Hear(Lease& lease, Time now);
  Credits OwnDue(const Lease& lease, Duration metered) const;
  void PayInterval(Turn& turn, Lease& lease);
  Duration LongestInterval(const Turn& turn, const Lease& lease) const;
  void Release(Turn& turn, Lease& lease);
  void Withdraw(Turn& turn, Lease& lease);
  void EndBalanceAsks(Turn& turn);
  bool OnJobReply(Turn& turn, const From& from, const Digest& re);
  bool OnJobRefusal(Turn& turn, const From& from, const Refusal& refusal, bool passing);

  Result<Lease*> ReadyForJob(const Digest& lease);
  // Signs and records it; its id.
  Digest SubmitJob(Turn& turn, const Lease& lease, const JobCommand& what);
  // What cannot be taken as the job's result, whatever its provider says of it later.
  void RefuseResult(Turn& turn, JobState& job, std::string why);

  // Commit and reveal: renter_replicas.cc.
  void FoldReplicated(const Entry& entry, const Replicated& replicated);
  void FoldSealed(const Entry& entry, JobState& job);
  void FoldRevealed(const Entry& entry, JobState& job);
  void FoldResumedReplicas(const Entry& entry, const RuleSet& rules);
  void OnJobSeal(Turn& turn, const From& from, const DocumentRef& document);
  bool MayReveal(const Turn& turn, const JobState& job) const;
  void RevealJobs(Turn& turn);

  // Challenges: renter_challenges.cc.
  static Digest ChallengeSecret(const Turn& turn, const Digest& nonce);
  void FoldChallenge(const Entry& entry, const ChallengeStep& step);
  void FoldResumedChallenges(const Entry& entry);
  // The first decision counts.
  static void Decide(ChallengeState& one, ChallengeStatus status, std::string sentence);
  static Result<ClaimedModel> ModelOf(const Turn& turn, const Lease& lease);
  Result<std::vector<Lease*>> ToBeChallenged(const ChallengeCommand& what);
  void StartChallenges(Turn& turn);
  void PursueChallenges(Turn& turn, Blobs& blobs);
  void PursueChallenge(Turn& turn, ChallengeState& one, Blobs& blobs);
  void PursueOpening(Turn& turn, ChallengeState& one, Blobs& blobs);
  void AskForStep(Turn& turn, ChallengeState& one, const DocumentRef& document, Time until);
  static ChallengeStatus EndedBy(const Lease& lease);
  void Judge(Turn& turn, const std::vector<Digest>& members);
  void OnChallengeRoot(Turn& turn, const From& from, const DocumentRef& document);
  void OnChallengeOpening(Turn& turn, const From& from, const DocumentRef& document);
  bool OnChallengeReply(Turn& turn, const From& from, const Digest& re);
  bool OnChallengeRefusal(Turn& turn, const From& from, const Refusal& refusal, bool passing);

  std::map<Digest, Lease> leases_ = {};
  std::set<Digest> open_leases_ = {};
  std::map<Digest, ChallengeState> challenges_ = {};
  std::map<Digest, std::vector<Digest>> rounds_ = {};  // by nonce, as they were asked
  std::set<Digest> open_challenges_ = {};              // not judged
  uint64_t challenges_made_ = 0;
  std::map<Digest, Digest> challenge_asks_ = {};  // document, challenge; not in the ledger
  std::map<Digest, JobState> jobs_ = {};
  std::set<Digest> open_jobs_ = {};  // not fetched
  std::map<Digest, Replication> replications_ = {};
  uint64_t orders_made_ = 0;
  // Not in the ledger: what is being asked for, and what the answer is for.
  std::map<Digest, OpenAsk> asks_ = {};     // document
  std::map<Digest, Digest> job_asks_ = {};  // document, job
  struct BalanceAsk {
    uint64_t command = 0;
    PeerId book = {};
    Time until = {};
  };
  std::map<Digest, BalanceAsk> balance_asks_ = {};  // by document
};

}  // namespace souk::node
