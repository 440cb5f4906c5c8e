#include "node/agent/agent.h"

#include <algorithm>

#include "protocol/base/check.h"
#include "protocol/text.h"

namespace souk::node {
namespace {

// What a role that is switched off says.
void RefuseRole(Turn& turn, const From& from, const char* role) {
  turn.Refuse(from, RefusalCode::kUnsupported, std::string("this node is no ") + role);
}

}  // namespace

Agent::Agent(const Identity& identity, Settings settings, const View& view)
    : identity_(identity),
      settings_(std::move(settings)),
      view_(view),
      witnessing_(identity),
      holds_(settings_.keep_results),
      clearing_(identity.id()),
      rules_(NewestOf(settings_.rules)) {
  std::set<PeerId> believed(settings_.trusted_verifiers.begin(), settings_.trusted_verifiers.end());
  believed.insert(settings_.provider.clearing_peers.begin(),
                  settings_.provider.clearing_peers.end());
  believed.insert(identity.id());
  directory_.Trust(std::move(believed));
}

Status Agent::Restore(uint64_t index, ByteView leaf) {
  CHECK(index == log_size_ && !opened_);
  ASSIGN_OR_RETURN(const Entry entry, DecodeEntry(leaf, NewestOf(settings_.rules)));
  if (entry.sequence != index) return Error(Code::kCorrupt, "an entry's sequence is not its index");
  ++log_size_;
  Fold(entry);
  return Ok();
}

void Agent::RestoreFact(std::string_view key, ByteView value) {
  counterparties_.Restore(key, value);
  if (key.starts_with(Counterparties::kNoteKey) || key.starts_with(Counterparties::kCardKey)) {
    const auto peer = PeerId::Parse(key.substr(key.find('/') + 1));
    if (peer) earlier_.insert(*peer);
  }
  if (const DocumentRef fork = heads_.Restore(key, value)) directory_.RestoreRelayed(fork);
  witnessing_.Restore(key, value);
  provider_.Restore(key, value);
  if (key.substr(0, 5) == Counterparties::kCardKey) {
    const auto card = Document::Open(value);
    if (card) directory_.Restore(*card);
  }
}

void Agent::Fold(const Entry& entry) {
  last_time_ = std::max(last_time_, entry.time);
  rules_ = entry.rules;
  const RuleSet& rules = RulesOf(settings_.rules, entry.rules);
  provider_.Fold(entry, rules);
  renter_.Fold(entry, rules);
  clearing_.Fold(entry, rules);
  holds_.Fold(entry);
  if (std::holds_alternative<Settled>(entry.outcome)) ++settled_;
}

// Those whom the log names, and whom the owner names as its witnesses and mirrors: a ledger that
// was rebuilt has no other facts. RestoreFact noted the others.
void Agent::NoteEarlierPeers() {
  for (const auto& [id, lease] : provider_.leases()) {
    earlier_.insert({lease.renter, lease.order.book});
  }
  for (const auto& [id, lease] : renter_.leases()) {
    earlier_.insert({lease.order.provider, lease.order.book});
  }
  for (const auto& [id, escrow] : clearing_.escrows()) earlier_.insert(escrow.escrow.payee);
  earlier_.insert(settings_.log.witnesses.begin(), settings_.log.witnesses.end());
  earlier_.insert(settings_.log.readers.begin(), settings_.log.readers.end());
  earlier_.erase(identity_.id());
}

// R4: non-decreasing, following the monotonic clock from where it stood at the start. Nothing
// expires in a renter's own log: it goes on paying.
Time Agent::LogTime(Now now) const {
  const bool decides = settings_.provider.enabled || settings_.clearing.enabled;
  return std::max(last_time_, decides ? clock_.At(now) : clock_.Running(now));
}

std::string Agent::ClockDoubt(Now now) const {
  if (!clock_.doubtful()) return "";
  if (clock_.contradicted()) {
    return "two counterparties say that this node's clock is wrong: nothing expires and no lease "
           "begins until the clock is set right, two others agree with it, or it is restarted with "
           "--alone";
  }
  const Duration departure = clock_.Departure(now);
  const bool ahead = departure > Duration{};
  const Duration apart = ahead ? departure : Duration{} - departure;
  return "this node's clock is " + FormatDuration(Duration{apart.ms / 1000 * 1000}) +
         (ahead ? " ahead of" : " behind") +
         " its log's time: nothing expires and no lease begins until the clock is set right, two "
         "counterparties agree with the log's time, or it is restarted with --alone";
}

Turn Agent::MakeTurn(Now now) {
  return Turn({*this, identity_, settings_, view_, connections_, counterparties_, directory_, asks_,
               heads_, cosigning_},
              log_size_, LogTime(now), now);
}

Effects Agent::Finish(Turn& turn) {
  log_size_ = turn.log_size();
  return turn.TakeEffects();
}

void Agent::PublishCard(Turn& turn) {
  Card card{.name = settings_.name,
            .endpoints = settings_.endpoints,
            .curve = identity_.Curve().public_key(),
            .checkpoint_key = identity_.CheckpointKey().public_key(),
            .log_name = LogName(identity_.id()),
            .epoch = identity_.epoch(),
            .successor = settings_.successor,
            .provides = settings_.provider.enabled,
            .clears = settings_.clearing.enabled,
            .rents = settings_.renter.enabled,
            // Grows with every start as long as the clock does.
            .sequence = static_cast<uint64_t>(turn.wall().ms),
            .issued = turn.wall(),
            .expires = turn.wall() + limits::kCardLife,
            .peer = identity_.id(),
            .open_log = settings_.log.everyone,
            .readers = settings_.log.readers,
            .log_url = settings_.log.everyone ? settings_.log.url : ""};
  if (settings_.witness.enabled || settings_.mirror.enabled())
    card.witness_key = identity_.WitnessKey().public_key();
  directory_.SetOwnCard(turn.Sign(card), card);
  next_card_ = turn.monotonic() + Millis(limits::kCardLife.ms / 2);
}

Effects Agent::Begin(Now now, bool may_sign) {
  CHECK(!opened_);
  // A log with entries may sign at once where the operator says so.
  clock_.Start(last_time_, now, /*vouched=*/may_sign && log_size_ > 0);
  opened_ = true;
  NoteEarlierPeers();
  Turn turn = MakeTurn(now);
  PublishCard(turn);
  if (may_sign) Open(turn);
  connections_.RunTimers(turn);
  return Finish(turn);
}

// The log may sign: from here on the roles decide.
void Agent::Open(Turn& turn) {
  may_sign_ = true;
  if (turn.log_size() == 0) {
    // The card names the checkpoint's key: the log says by itself how it is to be verified.
    turn.Append(Opened{.name = settings_.name, .peer = identity_.id()}, {directory_.own_card()});
  } else {
    // Deadlines that were missed are moved by the rules under which they were set.
    turn.Append(Resumed{.down_since = last_time_}, {});
    const uint32_t newest = NewestOf(settings_.rules);
    if (rules_ < newest) turn.Append(Upgraded{.from = rules_, .to = newest}, {});
    // What stays due, such as a lease's end, is resolved beside it: the next start finds nothing
    // left over, wherever this one ends.
    RunRoleTimers(turn);
  }
  if (settings_.provider.enabled) provider_.Start(turn);
  if (settings_.renter.enabled) renter_.Start(turn);
}

void Agent::RunTimers(Turn& turn) {
  connections_.RunTimers(turn);
  directory_.RunTimers(turn, connections_);
  heads_.RunTimers(turn);
  if (turn.monotonic() >= next_card_) {
    PublishCard(turn);
    Directory::Announce(turn, {directory_.own_card()->id()}, /*from=*/0, connections_.AllBound());
  }
  if (may_sign_) RunRoleTimers(turn);
}

void Agent::RunRoleTimers(Turn& turn) {
  if (settings_.clearing.enabled) clearing_.RunTimers(turn);
  if (settings_.provider.enabled) provider_.RunTimers(turn);
}

Effects Agent::Step(const Event& event, Now now) {
  CHECK(opened_);
  clock_.Look(now);
  Turn turn = MakeTurn(now);
  // R4: each turn resolves what is due first.
  RunTimers(turn);
  On(turn, event);
  if (may_sign_) {
    if (settings_.provider.enabled) {
      provider_.FetchBlobs(turn, blobs_);
      provider_.OfferWhatIsFree(turn);
    }
    if (settings_.renter.enabled) renter_.RunTimers(turn, blobs_);
    blobs_.RunTimers(turn);
    holds_.RunTimers(turn);
    cosigning_.RunTimers(turn);
    mirroring_.RunTimers(turn);
    asks_.RunTimers(turn);
  }
  return Finish(turn);
}

Effects Agent::End(Now now) {
  CHECK(opened_);
  Turn turn = MakeTurn(now);
  if (may_sign_ && settings_.provider.enabled) provider_.WithdrawOffers(turn);
  return Finish(turn);
}

void Agent::On(Turn& turn, const Event& event) {
  if (const auto* document = std::get_if<DocumentArrived>(&event))
    return OnDocument(turn, *document);
  if (const auto* refused = std::get_if<MessageRefused>(&event)) {
    turn.TellConnection(refused->connection,
                        turn.Sign(Refusal{.code = refused->code, .sentence = refused->sentence}));
    // Too fast is no nonsense: honest peers are, where others make them answer.
    if (refused->code != RefusalCode::kRateLimited) connections_.Strike(turn, refused->connection);
    return;
  }
  if (const auto* lost = std::get_if<ConnectionLost>(&event)) {
    cosigning_.OnLost(lost->connection);
    log_reading_.OnLost(lost->connection);
    return connections_.OnLost(turn, lost->connection);
  }
  if (std::holds_alternative<LogConfirmed>(event)) {
    if (!may_sign_) Open(turn);
    return;
  }
  if (const auto* command = std::get_if<CommandArrived>(&event)) return OnCommand(turn, *command);
  // What workers and blobs do is asked for again once the log may sign (Provider::Start).
  if (!may_sign_) return;
  if (const auto* landed = std::get_if<BlobLanded>(&event)) {
    blobs_.OnLanded(turn, *landed);
    return provider_.OnBlobLanded(*landed);
  }
  if (const auto* ready = std::get_if<WorkerReady>(&event))
    return provider_.OnWorkerReady(turn, *ready);
  if (const auto* gone = std::get_if<WorkerGone>(&event))
    return provider_.OnWorkerGone(turn, *gone);
  if (const auto* progress = std::get_if<JobProgressed>(&event)) {
    return provider_.OnJobProgressed(turn, *progress);
  }
  if (const auto* ended = std::get_if<JobEnded>(&event)) return provider_.OnJobEnded(turn, *ended);
  if (const auto* committed = std::get_if<ChallengeCommitted>(&event)) {
    return provider_.OnChallengeCommitted(turn, *committed);
  }
  if (const auto* opened = std::get_if<ChallengeOpened>(&event)) {
    return provider_.OnChallengeOpened(turn, *opened);
  }
  if (const auto* failed = std::get_if<ChallengeFailed>(&event)) {
    return provider_.OnChallengeFailed(turn, *failed);
  }
  if (const auto* stored = std::get_if<MirrorStored>(&event)) {
    mirroring_.OnStored(turn, *stored);
    for (const DocumentArrived& waited : mirroring_.TakeReady(turn)) {
      const PeerId& peer = waited.document->signer();
      if (connections_.Bound(waited.connection) != peer) continue;
      OnAddCheckpoint(turn, From{waited.connection, peer, &waited});
    }
    return;
  }
  if (const auto* checked = std::get_if<OpeningChecked>(&event)) {
    return renter_.OnOpeningChecked(*checked);
  }
}

void Agent::OnDocument(Turn& turn, const DocumentArrived& event) {
  const DocumentRef& document = event.document;
  const From from{event.connection, document->signer(), &event};
  if (document->kind() == Kind::kHello) {
    HearClock(turn, from);
    switch (connections_.OnHello(turn, event)) {
      case Connections::HelloResult::kRefused:
        return connections_.Strike(turn, event.connection);
      case Connections::HelloResult::kKnown:
        // The answer to a hello that said again what was seen of its log (Turn::CheckReceipt): the
        // receipt that was refused can now be proven, and need not wait for its question's pause.
        return asks_.OnBound(turn, from.peer);
      case Connections::HelloResult::kBound:
        break;
    }
    // The card came with the hello and is the signer's own.
    const DocumentRef card = event.carried[0];
    if (directory_.Accept(card, turn.now()).value_or(false)) {
      turn.Remember(Counterparties::kCardKey + from.peer.ToString(), card->envelope());
      Directory::Announce(turn, {card->id()}, event.connection, connections_.AllBound());
    }
    directory_.OnBound(turn, event.connection);
    heads_.OnBound(turn, event.connection);
    asks_.OnBound(turn, from.peer);
    blobs_.OnBound(turn, from.peer);
    return;
  }
  const auto bound = connections_.Bound(event.connection);
  if (!bound) {
    // A refusal is never refused: two strangers would go on for ever.
    if (document->kind() == Kind::kRefusal) return OnRefusal(turn, from);
    return turn.Refuse(from, RefusalCode::kNotBound, "say hello first", "hello");
  }
  if (*bound != document->signer()) {
    turn.Refuse(from, RefusalCode::kWrongSigner,
                "signed by another than this connection's identity");
    return connections_.Strike(turn, event.connection);
  }
  OnBoundDocument(turn, from);
}

// A hello says when it was sent, also one that is refused.
void Agent::HearClock(const Turn& turn, const From& from) {
  if (!KnewBefore(from.peer)) return;
  const auto hello = Decode<Hello>(*from.document());
  if (hello) clock_.OnHello(from.peer, hello->sent, {turn.wall(), turn.monotonic()});
}

void Agent::OnRefusal(Turn& turn, const From& from) {
  const auto refusal = Decode<Refusal>(*from.document());
  if (!refusal) return;
  if (refusal->code == RefusalCode::kNotBound) {
    connections_.OnNotBound(turn, from.connection);
  } else if (!connections_.Bound(from.connection)) {
    // A hello is refused so where it says a time that is none over there.
    if (refusal->code == RefusalCode::kExpired && KnewBefore(from.peer)) {
      clock_.OnContradiction(from.peer);
    }
    connections_.OnHelloRefused(from, *refusal);
  }
  if (connections_.Bound(from.connection) != from.peer) return;
  heads_.OnRefusal(from, *refusal);
  if (!may_sign_) return;
  mirroring_.OnRefusal(turn, from, *refusal);
  if (blobs_.OnRefusal(from, *refusal)) return;
  if (settings_.provider.enabled && provider_.OnRefusal(turn, from, *refusal)) return;
  if (settings_.renter.enabled) renter_.OnRefusal(turn, from, *refusal);
}

void Agent::OnReply(Turn& turn, const From& from) {
  const auto reply = Decode<Reply>(*from.document());
  if (!reply) return;
  const uint64_t settled = settled_;
  const bool taken = settings_.provider.enabled && provider_.OnReply(turn, from, *reply);
  if (!taken && settings_.renter.enabled) renter_.OnReply(turn, from, *reply);
  // The book is shown the log that ends with its word: a copy from before the lease meets it there.
  if (settled_ > settled) connections_.SayHello(turn, from.connection, from.peer, /*answer=*/true);
}

void Agent::OnCarried(Turn& turn, const From& from) {
  for (const DocumentRef& document : from.event->carried) {
    if (document->kind() == Kind::kVoucher) {
      if (!settings_.provider.enabled) return RefuseRole(turn, from, "provider");
      provider_.OnVoucher(turn, from, document);
    } else if (document->kind() == Kind::kEscrow || document->kind() == Kind::kAccountQuery) {
      if (!settings_.clearing.enabled) return RefuseRole(turn, from, "clearing peer");
      if (document->kind() == Kind::kEscrow && clock_.doubtful()) {
        return turn.Refuse(from, RefusalCode::kBusy, ClockDoubt({turn.wall(), turn.monotonic()}));
      }
      if (document->kind() == Kind::kEscrow) clearing_.OnEscrow(turn, from, document);
      if (document->kind() == Kind::kAccountQuery) clearing_.OnAccountQuery(turn, from, document);
    } else if (document->kind() == Kind::kEntryGet) {
      log_reading_.OnEntryGet(turn, from, document);
    } else {
      turn.Refuse(from, RefusalCode::kUnsupported, "that kind of document is not carried");
    }
  }
}

void Agent::OnBlobGet(Turn& turn, const From& from) {
  const auto get = Decode<BlobGet>(*from.document());
  if (!get) return turn.Refuse(from, RefusalCode::kMalformed, get.error().message);
  if (!provider_.MayRead(from.peer, get->job, get->blob) &&
      !renter_.MayRead(from.peer, get->job, get->blob)) {
    return turn.Refuse(from, RefusalCode::kNotYours, "the blob belongs to no job of yours");
  }
  const auto size = view_.BlobSize(get->blob);
  if (!size || get->offset > *size || get->length > *size - get->offset) {
    return turn.Refuse(from, RefusalCode::kNotFound, "no such bytes of that blob here");
  }
  turn.SendChunk(
      from.connection,
      {.blob = get->blob, .offset = get->offset, .length = get->length, .job = get->job});
}

// What everyone may see of a log: that two of its heads are of one tree.
void Agent::OnConsistencyGet(Turn& turn, const From& from) const {
  const auto get = Decode<ConsistencyGet>(*from.document());
  if (!get) return turn.Refuse(from, RefusalCode::kMalformed, get.error().message);
  auto hashes = view_.Consistency(get->from, get->to);
  if (!hashes) {
    return turn.Refuse(from, RefusalCode::kNotFound, "this log has not so many entries");
  }
  turn.TellConnection(from.connection, turn.Sign(Consistency{.re = from.document()->id(),
                                                             .from = get->from,
                                                             .to = get->to,
                                                             .hashes = std::move(*hashes)}));
}

// A mirror cosigns what it holds; who witnesses cosigns any other log too.
void Agent::OnAddCheckpoint(Turn& turn, const From& from) {
  const auto asked = Witnessing::WhatIsAsked(*from.document());
  const bool mirrored = asked && mirroring_.Follows(asked->owner);
  if (!mirrored && !settings_.witness.enabled) {
    return turn.Refuse(
        from, RefusalCode::kUnsupported,
        settings_.mirror.enabled() ? "this node mirrors other logs" : "this node is no witness");
  }
  if (mirrored && !mirroring_.Ready(turn, from, asked->owner, asked->note)) return;
  witnessing_.OnAddCheckpoint(turn, from);
}

void Agent::OnBoundDocument(Turn& turn, const From& from) {
  const DocumentArrived& event = *from.event;
  // Gossip and hellos work before the log may sign; nothing else does.
  switch (event.document->kind()) {
    case Kind::kHave: {
      const auto have = Decode<Have>(*event.document);
      if (have) directory_.OnHave(turn, event.connection, *have);
      return;
    }
    case Kind::kWant: {
      const auto want = Decode<Want>(*event.document);
      if (want) directory_.OnWant(turn, event.connection, *want);
      return;
    }
    case Kind::kBundle:
      return directory_.OnBundle(turn, event.connection, event.carried, connections_.AllBound());
    case Kind::kRefusal:
      return OnRefusal(turn, from);
    case Kind::kConsistency: {
      const auto answer = Decode<Consistency>(*event.document);
      if (answer) heads_.OnConsistency(turn, from, *answer);
      return;
    }
    default:
      break;
  }
  if (!may_sign_) {
    return turn.Refuse(from, RefusalCode::kBusy,
                       "this node waits for a counterparty to confirm its log");
  }
  switch (event.document->kind()) {
    case Kind::kReply:
      return OnReply(turn, from);
    case Kind::kCarry:
      return OnCarried(turn, from);
    case Kind::kConsistencyGet:
      return OnConsistencyGet(turn, from);
    case Kind::kEntriesGet:
      return log_reading_.OnEntriesGet(turn, from);
    case Kind::kEntryGet:
      return log_reading_.OnEntryGet(turn, from, event.document);
    case Kind::kAddCheckpoint:
      return OnAddCheckpoint(turn, from);
    case Kind::kEntries: {
      const auto answer = Decode<Entries>(*event.document);
      if (answer) mirroring_.OnEntries(turn, from, *answer);
      return;
    }
    case Kind::kCosigned: {
      const auto answer = Decode<Cosigned>(*event.document);
      if (answer) cosigning_.OnCosigned(turn, from, *answer);
      return;
    }
    case Kind::kBlobGet:
      return OnBlobGet(turn, from);
    case Kind::kBlobChunk: {
      const auto chunk = Decode<BlobChunk>(*event.document);
      if (chunk) blobs_.OnChunk(turn, from, *chunk, event.chunk);
      return;
    }
    case Kind::kReady:
    case Kind::kVoucherAck:
    case Kind::kJobReceipt:
    case Kind::kJobSeal:
    case Kind::kProgress:
    case Kind::kClose:
    case Kind::kChallengeRoot:
    case Kind::kChallengeOpening:
      if (settings_.renter.enabled) renter_.OnLeaseDocument(turn, from, event.document);
      return;
    case Kind::kOrder:
    case Kind::kCommit:
    case Kind::kJob:
    case Kind::kJobReveal:
    case Kind::kRelease:
    case Kind::kLeaseQuery:
    case Kind::kChallenge:
    case Kind::kChallengeRows:
    case Kind::kChallengeVerdict:
      if (!settings_.provider.enabled) return RefuseRole(turn, from, "provider");
      break;
    case Kind::kEscrowFetch:
    case Kind::kShow:
    case Kind::kPost:
    case Kind::kVoid:
      if (!settings_.clearing.enabled) return RefuseRole(turn, from, "clearing peer");
      break;
    default:
      return turn.Refuse(from, RefusalCode::kUnsupported,
                         "a document of this kind is not a request");
  }
  switch (event.document->kind()) {
    case Kind::kOrder:
      if (clock_.doubtful()) {
        return turn.Refuse(from, RefusalCode::kBusy, ClockDoubt({turn.wall(), turn.monotonic()}));
      }
      return provider_.OnOrder(turn, from);
    case Kind::kCommit:
      return provider_.OnCommit(turn, from);
    case Kind::kJob:
      return provider_.OnJob(turn, from);
    case Kind::kJobReveal:
      return provider_.OnJobReveal(turn, from);
    case Kind::kRelease:
      return provider_.OnRelease(turn, from);
    case Kind::kLeaseQuery:
      return provider_.OnLeaseQuery(turn, from);
    case Kind::kChallenge:
      return provider_.OnChallenge(turn, from);
    case Kind::kChallengeRows:
      return provider_.OnChallengeRows(turn, from);
    case Kind::kChallengeVerdict:
      return provider_.OnChallengeVerdict(turn, from);
    case Kind::kEscrowFetch:
      return clearing_.OnEscrowFetch(turn, from);
    case Kind::kShow:
      return clearing_.OnShow(turn, from);
    case Kind::kPost:
      return clearing_.OnPost(turn, from);
    case Kind::kVoid:
      return clearing_.OnVoid(turn, from);
    default:
      return;
  }
}

void Agent::OnCommand(Turn& turn, const CommandArrived& event) {
  const auto refuse = [&](Code code, const char* sentence) {
    turn.Answer({.command = event.command, .status = Error(code, sentence)});
  };
  if (!may_sign_) {
    return refuse(Code::kUnavailable,
                  "the log waits for a counterparty's checkpoint; restart with --alone if you "
                  "are sure that nothing newer was ever signed");
  }
  if (const auto* drain = std::get_if<DrainCommand>(&event.what)) {
    if (!settings_.provider.enabled) return refuse(Code::kUnsupported, "this node is no provider");
    provider_.OnDrain(turn, drain->drain);
    return turn.Answer({.command = event.command});
  }
  if (const auto* issue = std::get_if<IssueCommand>(&event.what)) {
    if (!settings_.clearing.enabled)
      return refuse(Code::kUnsupported, "this node is no clearing peer");
    return clearing_.OnIssue(turn, event.command, *issue);
  }
  if (!settings_.renter.enabled) return refuse(Code::kUnsupported, "this node is no renter");
  if (const auto* rent = std::get_if<RentCommand>(&event.what)) {
    if (clock_.doubtful()) {
      const std::string doubt = ClockDoubt({turn.wall(), turn.monotonic()});
      return refuse(Code::kUnavailable, doubt.c_str());
    }
    renter_.OnRent(turn, event.command, *rent);
  } else if (const auto* release = std::get_if<ReleaseCommand>(&event.what)) {
    renter_.OnReleaseCommand(turn, event.command, *release);
  } else if (const auto* job = std::get_if<JobCommand>(&event.what)) {
    renter_.OnJobCommand(turn, event.command, *job);
  } else if (const auto* replicate = std::get_if<ReplicateCommand>(&event.what)) {
    renter_.OnReplicateCommand(turn, event.command, *replicate);
  } else if (const auto* challenge = std::get_if<ChallengeCommand>(&event.what)) {
    renter_.OnChallengeCommand(turn, event.command, *challenge);
  } else if (const auto* balance = std::get_if<BalanceCommand>(&event.what)) {
    renter_.OnBalanceCommand(turn, event.command, *balance);
  }
}

}  // namespace souk::node
