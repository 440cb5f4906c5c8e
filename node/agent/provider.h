// The provider role (R5): offers devices, accepts orders, runs leases and jobs, asks the book to
// pay.
#pragma once

#include <map>
#include <optional>
#include <set>

#include "ledger/book/node_book.h"
#include "node/agent/blobs.h"
#include "node/agent/turn.h"

namespace souk::node {

// Loop thread only.
// Invariants: (1) the state is the fold of this log; (2) a device's reserved slices never exceed
// its slices: an overlap is an overdraft of the device book; (3) an escrow backs at most one lease;
// (4) a lease's best voucher only grows, and is durable before it is acknowledged.
class Provider {
 public:
  // Leases come and go by the orders of others: they make this node gossip, and its log grow, no
  // more often than this; but that what was leased out is free again is said at once.
  static constexpr Duration kNewsEvery = Seconds(1);
  // Versions of offers on which an order is still taken: those of the last minutes at least.
  static constexpr size_t kOwnOffers = 512;

  Provider();

  struct Lease {
    Digest id = {};
    PeerId renter = {};
    Order order = {};
    Acceptance acceptance = {};
    LeaseState state = LeaseState::kNone;
    CloseReason reason = CloseReason::kNone;
    DocumentRef order_document = {}, acceptance_document = {}, commit_document = {},
                ready_document = {}, voucher_document = {}, close_document = {};
    uint64_t accepted_entry = 0, committed_entry = 0;
    uint64_t renter_number = 0;  // last used (R1)
    uint64_t provider_number = 0;
    std::set<Digest> renter_documents = {};
    std::vector<Digest> jobs = {};  // in the order of their numbers
    Digest nonce = {};
    bool reserved = false;  // its slices are held in the device book
    bool shown = false;     // the book has seen the acceptance (remembered)
    Time accept_by = {};    // until then the book must have, on its own log's clock
    Time escrow_ends = {};  // its timeout, on the book's clock
    Credits best = {};
    Time commit_by = {}, ready_by = {}, settle_at = {}, end = {};
    std::optional<Time> metering_since = {};  // of the running span
    Time first_metered = {};
    Duration metered = {};  // of the spans before it
    Time paused = {};
    Duration grace = {};        // the offer's
    Time not_late_before = {};  // after downtime (R4)
    Credits due = {};           // set when closing
    bool settled = false;       // the book paid or returned the escrow
    // What its jobs have this node store: each blob once, at the largest size that was said.
    std::map<Digest, uint64_t> stored = {};  // until it is closed
    uint64_t stored_bytes = 0;
    Credits paid = {};
    std::optional<Digest> open_challenge = {};  // its device computes, or waits to be asked
    size_t challenges = 0;                      // that were taken
  };
  struct JobState {
    Digest id = {};
    Digest lease = {};
    Job job = {};
    JobStep::Event at = JobStep::Event::kAccepted;
    Time started = {};
    DocumentRef document = {}, receipt = {};
    bool revealed = false;              // of a sealed job: its renter may have the receipt
    uint32_t launch = 0, launches = 0;  // not in the ledger
  };

  struct ChallengeState {
    Digest id = {};
    Digest lease = {};
    Challenge challenge = {};
    ChallengeStep::Event at = ChallengeStep::Event::kTaken;
    Time since = {};  // of the newest step
    DocumentRef document = {}, root = {}, rows = {}, opening = {}, verdict = {};
    std::string sentence = {};  // why it lapsed
  };

  void Fold(const Entry& entry, const RuleSet& rules);
  // What an earlier run remembered beside its log.
  void Restore(std::string_view key, ByteView value);
  // After a restart, and once when the log opens: publishes offers, asks what is open.
  void Start(Turn& turn);
  void RunTimers(Turn& turn);
  // Until the next start, or PublishOffers: nobody is to order here.
  void WithdrawOffers(Turn& turn);

  void OnOrder(Turn& turn, const From& from);
  void OnCommit(Turn& turn, const From& from);
  void OnVoucher(Turn& turn, const From& from, const DocumentRef& voucher);
  void OnJob(Turn& turn, const From& from);
  void OnJobReveal(Turn& turn, const From& from);
  void OnRelease(Turn& turn, const From& from);
  void OnChallenge(Turn& turn, const From& from);
  void OnChallengeRows(Turn& turn, const From& from);
  void OnChallengeVerdict(Turn& turn, const From& from);
  void OnLeaseQuery(Turn& turn, const From& from);
  // An answer of a clearing peer to something this role asked; false where it was not ours.
  bool OnReply(Turn& turn, const From& from, const Reply& reply);
  bool OnRefusal(Turn& turn, const From& from, const Refusal& refusal);

  void OnWorkerReady(Turn& turn, const WorkerReady& event);
  void OnWorkerGone(Turn& turn, const WorkerGone& event);
  void OnJobProgressed(Turn& turn, const JobProgressed& event);
  void OnJobEnded(Turn& turn, const JobEnded& event);
  void OnChallengeCommitted(Turn& turn, const ChallengeCommitted& event);
  void OnChallengeOpened(Turn& turn, const ChallengeOpened& event);
  void OnChallengeFailed(Turn& turn, const ChallengeFailed& event);
  void OnBlobLanded(const BlobLanded& event);
  void OnDrain(Turn& turn, bool drain);
  // Slices were leased or came back, or a verdict did: says so in a new version of the offer.
  // Earlier versions stay good, so that no order on its way fails by this. Called every turn.
  void OfferWhatIsFree(Turn& turn);
  // Fetches what jobs wait for; called every turn.
  void FetchBlobs(Turn& turn, Blobs& blobs);
  // Whether the peer may read the blob as part of this job, or of this challenge.
  bool MayRead(const PeerId& peer, const Digest& job, const Digest& blob) const;

  const std::map<Digest, Lease>& leases() const { return leases_; }
  const std::map<Digest, JobState>& jobs() const { return jobs_; }
  const std::map<Digest, ChallengeState>& challenges() const { return challenges_; }
  const ledger::NodeBook& book() const { return book_; }
  bool draining() const { return draining_; }
  // What the lease costs up to `now`, as the provider meters it.
  static Duration MeteredAt(const Lease& lease, Time now);
  static Credits DueAt(const Lease& lease, Time now);

 private:
  struct OpenOrder {
    Order order = {};
    DocumentRef fetch = {};
    Time until = {};
    DocumentArrived event = {};  // for the reply
  };
  void FoldLease(const Entry& entry, const LeaseStep& step, const RuleSet& rules);
  void FoldResumed(const Entry& entry, const Resumed& resumed, const RuleSet& rules);
  void FoldJob(const Entry& entry, const JobStep& step);
  static void Store(Lease& lease, const BlobRef& blob);
  // Whether the lease may have these stored as well.
  static bool HasRoom(const Lease& lease, const std::vector<BlobRef>& blobs, uint64_t most);
  std::vector<Offer> CurrentOffers(const Settings& settings, const PeerId& self, Time now) const;
  void PublishOffers(Turn& turn);
  void PublishOffer(Turn& turn, Offer offer);
  uint32_t SlicesLeft(const DeviceForRent& device) const;
  const Offer* NewestLike(const Offer& offer) const;
  void ForgetOldOffers(Time now);
  void FundDevices(Turn& turn);
  bool CheckOrder(Turn& turn, const From& from, const Order& order) const;
  const DeviceForRent* FreeDevice(const Settings& settings, const Offer& offer,
                                  uint32_t slices) const;
  void OnEscrowProven(Turn& turn, const OpenOrder& open, const ProvenEntry& proven);
  void Accept(Turn& turn, const OpenOrder& open, const DocumentRef& escrow_document,
              const ProvenEntry& proven);
  void OnBookReply(Turn& turn, const From& from, const Digest& lease, const Entry& entry);
  void LoseEscrow(Turn& turn, const Digest& lease);
  void TryGiveUp(Turn& turn, const Digest& lease);
  Lease* FindFor(Turn& turn, const From& from, const Digest& lease);
  bool CheckNumber(Turn& turn, const From& from, const Lease& lease, uint64_t number) const;
  void Step(Turn& turn, const Digest& lease, LeaseEvent event, CloseReason reason,
            const std::vector<DocumentRef>& documents = {});
  void StartClosing(Turn& turn, const Digest& lease, LeaseEvent event, CloseReason reason,
                    std::vector<DocumentRef> documents = {});
  void TrySettle(Turn& turn, const Digest& lease, bool expired);
  void FreeSlices(Turn& turn, const Digest& lease);
  void AskBook(Turn& turn, const Digest& lease);
  void RunLeaseTimers(Turn& turn, const Digest& lease);
  void AckVoucher(Turn& turn, const From& from, const Lease& lease);
  void FinishJob(Turn& turn, const JobState& job, const JobEnded& event);
  // Or may still have.
  static bool HasResults(const JobState& job);
  // What a job made that no receipt names: no lease's store counts it.
  static void DropMade(Turn& turn, const JobEnded& event);
  // What the renter may have of a finished job: its receipt, or the commitment to it.
  DocumentRef ResultOf(const Turn& turn, const JobState& job) const;
  void CancelJobs(Turn& turn, const Digest& lease, JobStatus status, const std::string& why);
  void StopJobs(Turn& turn, const Digest& lease) const;
  bool HasOpenJob(const Digest& lease) const;
  // Challenges: provider_challenges.cc.
  void FoldChallenge(const Entry& entry, const ChallengeStep& step);
  bool CheckChallenge(Turn& turn, const From& from, const Lease& lease,
                      const Challenge& challenge) const;
  void BeginChallenge(Turn& turn, const ChallengeState& one) const;
  // What a renter that asks again has not heard.
  void TellChallenge(Turn& turn, const From& from, const ChallengeState& one) const;
  void LapseChallenge(Turn& turn, const Digest& lease, const std::string& why);
  void RunChallengeTimers(Turn& turn, const Digest& lease);
  bool FitsChallenge(const ChallengeVerdict& verdict, const ChallengeResult& result,
                     const PeerId& self) const;
  DocumentRef VerdictFor(const ProviderSettings& mine, const Offer& offer, Time now) const;
  bool MayReadOpening(const PeerId& peer, const Digest& challenge, const Digest& blob) const;

  ledger::NodeBook book_;
  std::map<Digest, Lease> leases_ = {};
  std::set<Digest> open_leases_ = {};  // not closed, or not settled with the book
  std::map<Digest, JobState> jobs_ = {};
  std::set<Digest> open_jobs_ = {};  // not finished
  std::map<Digest, ChallengeState> challenges_ = {};
  struct KnownVerdict {
    ChallengeVerdict verdict = {};
    DocumentRef document = {};
  };
  std::map<Digest, KnownVerdict> verdicts_ = {};  // passed ones; expired ones are dropped
  bool verdicts_moved_ = false;                   // since the offers were published
  // By renter: what its own jobs brought or made. A digest proves nothing: what another renter's
  // job put here is fetched again from who names it.
  std::map<PeerId, std::set<Digest>> brought_ = {};
  std::map<Digest, Digest> escrows_ = {};       // escrow, lease
  std::map<Digest, Escrow> escrows_seen_ = {};  // of leases that are not accepted yet
  uint64_t offer_sequence_ = 0;
  struct OwnOffer {
    Offer offer = {};
    DocumentRef document = {};
  };
  std::map<Digest, OwnOffer> own_offers_ = {};  // not withdrawn; expired and old ones are dropped
  std::set<Digest> withdrawn_ = {};
  DocumentRef withdrawal_ = {};  // the newest
  // Not in the ledger.
  static constexpr const char* kDrainingKey = "draining";
  static constexpr const char* kShownKey = "shown/";  // with the lease's id
  std::map<Digest, OpenOrder> orders_ = {};           // by order id
  std::map<Digest, Digest> fetches_ = {};             // fetch document, order
  std::map<Digest, Digest> book_asks_ = {};           // show, post or void document, lease
  // What this role has published in this run; gossip starts empty.
  Time republish_at_ = {};
  Duration next_news_ = {};    // monotonic
  bool slices_moved_ = false;  // since the offers said how many are free
  bool draining_ = false;      // remembered: drained nodes stay so over a restart
};

}  // namespace souk::node
