// Others' signed heads, as counterparties and gossip show them, compared with each other (R3). Two
// that no append-only log has both are evidence of a fork: it is kept, handed on to everyone, and
// its signer gets no new leases.
//
// The life of a head: somebody sees a newer one in a hello or a receipt -> at the next round it is
// wrapped as a `head` and goes into gossip -> whoever gets it compares it with those it holds: at
// one size at once, at another by asking the log's owner for a consistency proof.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "ledger/witness/fork_evidence.h"
#include "node/agent/turn.h"

namespace souk::node {

// Loop thread only. Bounded: kPeers logs, kHeadsKept heads of each, kStrangersForks forks of peers
// that are no counterparties.
class Heads {
 public:
  static constexpr const char* kForkKey = "fork/";
  static constexpr Duration kRound = Seconds(5);
  static constexpr size_t kHeadsKept = 64;
  static constexpr size_t kStrangersForks = 1024;
  // News and questions of one round.
  static constexpr size_t kPerRound = 64;
  // Proofs that an owner may fail to give, one after the other, before it is trusted no more.
  static constexpr int kFailuresForgiven = 2;

  // Why somebody gets no new leases.
  enum class Doubt : uint8_t { kNone, kUnproven, kForked };

  struct KnownFork {
    DocumentRef document = {};  // the `fork`, as gossip carries it
    ledger::Fork fork = {};
    std::string evidence = {};
    std::string vkey = {};  // of the log's key
  };

  // At the start: a fork that an earlier run knew; none where it is no such fact, or damaged.
  DocumentRef Restore(std::string_view key, ByteView value);

  // The peer itself showed a checkpoint of its log. Ignored where the card's key did not sign it.
  void Observe(Turn& turn, const PeerId& peer, const Card& card, const std::string& note);
  // A receipt proved that this note, signed, continues what this node saw before.
  void ObserveProven(Turn& turn, const PeerId& peer, const std::string& note);
  // Somebody here found that the peer's log has forked.
  void OnEvidence(Turn& turn, const PeerId& peer, const ledger::ForkEvidence& evidence);
  // A `head` or `fork` from gossip. True where it was news, to be handed on.
  Result<bool> Accept(Turn& turn, const DocumentRef& document);
  // A newcomer is told of every fork.
  void OnBound(Turn& turn, ConnectionId connection) const;
  // Answers the question that this node asked of its log's owner.
  void OnConsistency(Turn& turn, const From& from, const Consistency& answer);
  void OnRefusal(const From& from, const Refusal& refusal);
  void RunTimers(Turn& turn);

  // The largest head of that log that was seen; none where there is none, or it has forked.
  struct Newest {
    uint64_t size = 0;
    std::string note = {};
  };
  std::optional<Newest> NewestOf(const PeerId& peer) const;
  Doubt DoubtOf(const PeerId& peer) const;
  // For people: why not; empty where there is no doubt.
  std::string WhyDoubted(const PeerId& peer) const;
  const std::map<PeerId, KnownFork>& forks() const { return forks_; }

 private:
  struct Seen {
    Digest root = {};
    std::string note = {};  // with the log's own signature alone
    bool proven = false;
  };
  struct Question {
    Digest id = {};  // of the consistency-get
    uint64_t from = 0;
    uint64_t to = 0;
    Duration asked = {};
  };
  struct Log {
    std::map<uint64_t, Seen> heads = {};  // by size
    uint64_t gossiped = 0;                // the largest that gossip has carried here
    DocumentRef document = {};            // its `head`, where it is in gossip still
    std::optional<Question> question = {};
    bool direct = false;  // this node meets the log itself, not by gossip alone
    int failures = 0;
  };

  Result<bool> AcceptHead(Turn& turn, const DocumentRef& document);
  Result<bool> AcceptFork(Turn& turn, const DocumentRef& document);
  // False: nothing new, or there is no room.
  bool Insert(Turn& turn, const PeerId& peer, const ledger::NoteVerifier& key,
              const std::string& note, bool proven, bool direct);
  void Compare(Turn& turn, const PeerId& peer, const std::string& one, const std::string& other,
               std::span<const Digest> proof);
  void Gossip(Turn& turn, const PeerId& peer, Log& log);
  void Ask(Turn& turn, const PeerId& peer, Log& log);
  static void Trim(Log& log);

  std::map<PeerId, Log> logs_ = {};
  std::map<PeerId, KnownFork> forks_ = {};
  std::set<PeerId> fresh_ = {};  // with heads that gossip has not carried, or that are not proven
  Duration next_round_ = {};
};

}  // namespace souk::node
