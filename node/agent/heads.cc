#include "node/agent/heads.h"

#include <algorithm>

#include "node/agent/counterparties.h"
#include "node/agent/directory.h"

namespace souk::node {
namespace {

constexpr Duration kAnswerWithin = Seconds(10);

// The note with the log's own signature alone: cosignatures would make two notes of one head, and
// evidence too large to hand on.
struct BareHead {
  ledger::Checkpoint checkpoint = {};
  std::string note = {};
};
Result<BareHead> Bare(const std::string& note, const ledger::NoteVerifier& key) {
  ASSIGN_OR_RETURN(const ledger::Note parsed, ledger::ParseNote(note));
  ASSIGN_OR_RETURN(ledger::Checkpoint checkpoint, ledger::ParseCheckpoint(parsed.text));
  return BareHead{std::move(checkpoint), ledger::KeepSignaturesOf(parsed, {&key, 1}).ToText()};
}

// What a `fork` says, checked from itself alone: the card is its peer's own, and names the key.
struct OpenedFork {
  PeerId peer = {};
  Heads::KnownFork known = {};
};
Result<OpenedFork> OpenFork(const DocumentRef& document) {
  ASSIGN_OR_RETURN(const Fork fork, Decode<Fork>(*document));
  ASSIGN_OR_RETURN(const ledger::ForkEvidence evidence, ledger::ParseForkEvidence(fork.evidence));
  ASSIGN_OR_RETURN(const DocumentRef card_document, Document::Open(fork.card));
  if (card_document->kind() != Kind::kCard) return Error(Code::kMalformed, "a fork without a card");
  ASSIGN_OR_RETURN(const Card card, Decode<Card>(*card_document));
  RETURN_IF_ERROR(Directory::CheckCard(card, *card_document));
  // Whoever owns a log may name it only by its own identity: nobody is accused under his name.
  if (card.log_name != LogName(card.peer)) {
    return Error(Code::kMismatch, "the card names another's log");
  }
  const ledger::NoteVerifier key = LogKeyOf(card);
  ASSIGN_OR_RETURN(ledger::Fork shown, ledger::VerifyForkEvidence(evidence, {&key, 1}));
  return OpenedFork{card.peer, {document, std::move(shown), fork.evidence, key.ToVkey()}};
}

}  // namespace

DocumentRef Heads::Restore(std::string_view key, ByteView value) {
  if (!key.starts_with(kForkKey)) return nullptr;
  const auto document = Document::Open(value);
  if (!document || (*document)->kind() != Kind::kFork) return nullptr;
  auto opened = OpenFork(*document);
  if (!opened) return nullptr;
  forks_[opened->peer] = std::move(opened->known);
  return *document;
}

void Heads::Observe(Turn& turn, const PeerId& peer, const Card& card, const std::string& note) {
  if (!ledger::OpenCheckpoint(note, LogKeyOf(card))) return;
  (void)Insert(turn, peer, LogKeyOf(card), note, /*proven=*/false, /*direct=*/true);
}

void Heads::ObserveProven(Turn& turn, const PeerId& peer, const std::string& note) {
  const Directory::KnownCard* known = turn.directory().FindCard(peer);
  if (known == nullptr) return;
  (void)Insert(turn, peer, LogKeyOf(known->card), note, /*proven=*/true, /*direct=*/true);
}

bool Heads::Insert(Turn& turn, const PeerId& peer, const ledger::NoteVerifier& key,
                   const std::string& note, bool proven, bool direct) {
  if (peer == turn.self() || forks_.contains(peer)) return false;
  if (!logs_.contains(peer) && logs_.size() >= limits::kPeers) return false;
  auto bare = Bare(note, key);
  if (!bare || bare->checkpoint.size == 0) return false;
  const ledger::Checkpoint& head = bare->checkpoint;
  Log& log = logs_[peer];
  log.direct = log.direct || direct;
  const auto it = log.heads.find(head.size);
  if (it != log.heads.end()) {
    it->second.proven = it->second.proven || proven;
    if (it->second.root == head.root) return false;
    Compare(turn, peer, it->second.note, bare->note, {});
    return true;
  }
  const bool first = log.heads.empty();
  log.heads[head.size] = {head.root, std::move(bare->note), proven || first};
  Trim(log);
  fresh_.insert(peer);
  return true;
}

// The smallest go: what is newer says more, and a chain of proofs leads from them to it.
void Heads::Trim(Log& log) {
  while (log.heads.size() > kHeadsKept) log.heads.erase(log.heads.begin());
}

void Heads::Compare(Turn& turn, const PeerId& peer, const std::string& one,
                    const std::string& other, std::span<const Digest> proof) {
  const Directory::KnownCard* known = turn.directory().FindCard(peer);
  if (known == nullptr) return;
  const ledger::NoteVerifier key = LogKeyOf(known->card);
  const auto compared = ledger::CompareHeads(one, other, {&key, 1}, proof);
  if (compared && compared->evidence) OnEvidence(turn, peer, *compared->evidence);
}

void Heads::OnEvidence(Turn& turn, const PeerId& peer, const ledger::ForkEvidence& evidence) {
  const Directory::KnownCard* known = turn.directory().FindCard(peer);
  if (known == nullptr || forks_.contains(peer)) return;
  const Fork fork{.card = known->document->envelope(), .evidence = evidence.ToText()};
  const DocumentRef document = turn.Sign(fork);
  // Checked as everyone else will: what convinces nobody is not said.
  auto opened = OpenFork(document);
  if (!opened) return;
  turn.Remember(kForkKey + peer.ToString(), document->envelope());
  forks_[peer] = std::move(opened->known);
  logs_.erase(peer);
  fresh_.erase(peer);
  turn.Relay(document);
}

Result<bool> Heads::Accept(Turn& turn, const DocumentRef& document) {
  return document->kind() == Kind::kFork ? AcceptFork(turn, document) : AcceptHead(turn, document);
}

Result<bool> Heads::AcceptHead(Turn& turn, const DocumentRef& document) {
  ASSIGN_OR_RETURN(const Head head, Decode<Head>(*document));
  if (head.peer == turn.self()) {
    turn.Do(CompareLog{head.note});
    return false;
  }
  const Directory::KnownCard* known = turn.directory().FindCard(head.peer);
  if (known == nullptr) return Error(Code::kNotFound, "whose log it is, no card says");
  const ledger::NoteVerifier key = LogKeyOf(known->card);
  ASSIGN_OR_RETURN(const ledger::Checkpoint checkpoint, ledger::OpenCheckpoint(head.note, key));
  if (!Insert(turn, head.peer, key, head.note, /*proven=*/false, /*direct=*/false)) return false;
  const auto it = logs_.find(head.peer);
  // Gossip carries the newest head of each log; older ones have been compared, and end here.
  if (it == logs_.end() || checkpoint.size <= it->second.gossiped) return false;
  turn.Retire(it->second.document);
  it->second.gossiped = checkpoint.size;
  it->second.document = document;
  return true;
}

Result<bool> Heads::AcceptFork(Turn& turn, const DocumentRef& document) {
  ASSIGN_OR_RETURN(OpenedFork opened, OpenFork(document));
  if (opened.peer == turn.self()) {
    turn.Do(
        Halt{"somebody holds proof that this node's log has forked: another copy of it has "
             "signed under the same key. Find that copy and keep the longer one, or begin anew "
             "elsewhere: soukd init --dir OTHER"});
    return false;
  }
  if (forks_.contains(opened.peer)) return false;
  const bool met = turn.directory().FindCard(opened.peer) != nullptr;
  if (!met && forks_.size() >= kStrangersForks) {
    return Error(Code::kExhausted, "there is no room for more strangers' forks");
  }
  turn.Remember(kForkKey + opened.peer.ToString(), document->envelope());
  logs_.erase(opened.peer);
  fresh_.erase(opened.peer);
  forks_[opened.peer] = std::move(opened.known);
  return true;
}

void Heads::OnBound(Turn& turn, ConnectionId connection) const {
  std::vector<Digest> ids;
  for (const auto& [peer, known] : forks_) ids.push_back(known.document->id());
  Directory::TellHave(turn, connection, ids);
}

void Heads::OnConsistency(Turn& turn, const From& from, const Consistency& answer) {
  const auto it = logs_.find(from.peer);
  if (it == logs_.end() || !it->second.question || it->second.question->id != answer.re) return;
  const Question question = *it->second.question;
  it->second.question.reset();
  const auto earlier = it->second.heads.find(question.from);
  const auto later = it->second.heads.find(question.to);
  if (earlier == it->second.heads.end() || later == it->second.heads.end()) return;
  const bool proven = ledger::VerifyConsistency(question.from, earlier->second.root, question.to,
                                                later->second.root, answer.hashes)
                          .has_value();
  if (!proven) {
    ++it->second.failures;
    return Compare(turn, from.peer, earlier->second.note, later->second.note, answer.hashes);
  }
  it->second.failures = 0;
  earlier->second.proven = later->second.proven = true;
}

void Heads::OnRefusal(const From& from, const Refusal& refusal) {
  const auto it = logs_.find(from.peer);
  if (it == logs_.end() || !it->second.question || it->second.question->id != refusal.re) return;
  it->second.question.reset();
  // A node that waits for its log to be confirmed cannot prove anything yet.
  if (refusal.code != RefusalCode::kBusy && refusal.code != RefusalCode::kRateLimited) {
    ++it->second.failures;
  }
}

void Heads::Gossip(Turn& turn, const PeerId& peer, Log& log) {
  const auto& [size, newest] = *log.heads.rbegin();
  if (size <= log.gossiped) return;
  turn.Retire(log.document);
  log.gossiped = size;
  log.document = turn.Sign(Head{.peer = peer, .note = newest.note});
  turn.Relay(log.document);
}

// The smallest size that is not proven, against its nearest proven neighbour.
void Heads::Ask(Turn& turn, const PeerId& peer, Log& log) {
  if (log.question && turn.monotonic() - log.question->asked < kAnswerWithin) return;
  // To be unreachable is no fault; to let a question pass on a living connection is one.
  if (log.question && turn.Connected(peer)) ++log.failures;
  log.question.reset();
  if (!turn.Connected(peer)) return;
  const auto open = std::find_if(log.heads.begin(), log.heads.end(),
                                 [](const auto& head) { return !head.second.proven; });
  if (open == log.heads.end()) return;
  auto other = open;
  if (open != log.heads.begin()) {
    other = std::prev(open);
  } else {
    while (other != log.heads.end() && !other->second.proven) ++other;
    if (other == log.heads.end()) {
      open->second.proven = true;  // nothing is left that it could be compared with
      return;
    }
  }
  const ConsistencyGet get{.from = std::min(open->first, other->first),
                           .to = std::max(open->first, other->first)};
  const DocumentRef document = turn.Sign(get);
  turn.Tell(peer, document);
  log.question = Question{document->id(), get.from, get.to, turn.monotonic()};
}

void Heads::RunTimers(Turn& turn) {
  if (turn.monotonic() < next_round_) return;
  next_round_ = turn.monotonic() + kRound;
  size_t done = 0;
  std::vector<PeerId> settled;
  for (const PeerId& peer : fresh_) {
    if (++done > kPerRound) break;
    Log& log = logs_[peer];
    Gossip(turn, peer, log);
    if (log.direct) Ask(turn, peer, log);
    const bool open =
        log.direct && std::any_of(log.heads.begin(), log.heads.end(),
                                  [](const auto& head) { return !head.second.proven; });
    if (!open && !log.question) settled.push_back(peer);
  }
  for (const PeerId& peer : settled) fresh_.erase(peer);
}

std::optional<Heads::Newest> Heads::NewestOf(const PeerId& peer) const {
  const auto it = logs_.find(peer);
  if (it == logs_.end() || it->second.heads.empty()) return std::nullopt;
  const auto& [size, head] = *it->second.heads.rbegin();
  return Newest{size, head.note};
}

Heads::Doubt Heads::DoubtOf(const PeerId& peer) const {
  if (forks_.contains(peer)) return Doubt::kForked;
  const auto it = logs_.find(peer);
  const bool unproven = it != logs_.end() && it->second.failures > kFailuresForgiven;
  return unproven ? Doubt::kUnproven : Doubt::kNone;
}

std::string Heads::WhyDoubted(const PeerId& peer) const {
  switch (DoubtOf(peer)) {
    case Doubt::kNone:
      return "";
    case Doubt::kUnproven:
      return "does not prove that its log is one";
    case Doubt::kForked:
      return "has forked its log: it signed two histories";
  }
  return "";
}

}  // namespace souk::node
