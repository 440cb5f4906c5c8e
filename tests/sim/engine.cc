#include "sim/engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <set>

#include "protocol/base/check.h"
#include "protocol/limits.h"

namespace souk::sim {
namespace {

constexpr int64_t kEpoch = 1'700'000'000'000;  // 2023-11-14
constexpr int64_t kTickEvery = 250;
constexpr int64_t kHealTickEvery = 200;
// Wall clocks of any two peers differ by no more than what R4 allows.
constexpr int64_t kMostSkew = limits::kMaxSkew.ms / 2;
constexpr int64_t kHealAtMost = 20 * 60'000;

std::array<uint8_t, 32> SeedOf(uint64_t seed, uint8_t who) {
  Bytes bytes;
  PutLe(bytes, seed);
  bytes.push_back(who);
  return Sha256(bytes).bytes;
}

ledger::NoteSigner SignerOf(const Identity& identity) {
  auto key = std::make_shared<SigningKey>(identity.CheckpointKey());
  return {
      LogName(identity.id()), key->public_key().bytes,
      [key](ByteView text) -> Result<ledger::Ed25519Signature> { return key->Sign(text).bytes; }};
}

}  // namespace

Outcome Run(const Options& options) {
  return World(options).Run();
}

World::World(const Options& options)
    : options_(options), rng_(options.seed), faults_(options.faults) {}

void World::Boot() {
  Make();
  for (auto& peer : peers_) {
    Start(*peer);
    const int index = peer->index;
    At(rng_.Between(1, kTickEvery), [this, index] { Tick(index); });
  }
}

void World::RunFor(int64_t ms) {
  const int64_t until = now_ + ms;
  while (!due_.empty() && due_.top().at <= until && outcome_.violations.empty()) {
    Due next = due_.top();
    due_.pop();
    now_ = next.at;
    next.what();
  }
  now_ = until;
}

node::ConnectionId World::Knock(int index, const CurveKey& curve) {
  Peer& target = peer(index);
  const node::ConnectionId id = target.next_incoming;
  target.next_incoming += 2;
  target.links[id] = {-1, 0};
  strangers_[id] = curve;
  return id;
}

void World::Say(int index, node::ConnectionId connection, const node::Frames& frames) {
  Arrive(index, connection, strangers_.at(connection), frames);
}

void World::Restart(int index) {
  Peer& one = peer(index);
  Crash(one);
  RunFor(6000);
}

void World::Make() {
  const auto endpoint = [](int i) { return fmt::format("tcp://10.0.0.{}:7100", i + 1); };
  const int count = 1 + options_.providers + options_.renters;
  std::vector<Identity> identities;
  identities.reserve(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) {
    identities.push_back(Identity::FromSeed(SeedOf(options_.seed, static_cast<uint8_t>(i))));
  }
  std::vector<node::PeerAddress> addresses;
  for (int i = 0; i < count; ++i) {
    const Identity& one = identities[static_cast<size_t>(i)];
    addresses.push_back({one.id(), endpoint(i), one.Curve().public_key()});
  }
  for (int i = 0; i < count; ++i) {
    node::Settings settings;
    settings.endpoints = {endpoint(i)};
    settings.bootstrap = {addresses[0]};
    settings.keep_results = kKeepResults;
    settings.log.readers = options_.readers;
    for (int m = 0; m < options_.mirrors; ++m) {
      settings.log.readers.push_back(
          addresses[static_cast<size_t>(1 + options_.providers + m)].peer);
    }
    for (const int other : {(i + 1) % count, (i * 7 + 3) % count, (i * 13 + 5) % count}) {
      if (!options_.meshed || other == i || other == 0) continue;
      settings.bootstrap.push_back(addresses[static_cast<size_t>(other)]);
    }
    if (i == 0) {
      settings.name = "coop";
      settings.clearing.enabled = true;
      settings.log.quorum = options_.quorum;
      for (int w = 0; w < options_.witnesses; ++w) {
        settings.log.witnesses.push_back(
            addresses[static_cast<size_t>(1 + options_.providers + w)].peer);
      }
    } else if (i <= options_.providers) {
      settings.name = fmt::format("provider{}", i);
      settings.provider.enabled = true;
      settings.provider.price = Rate{rng_.Between(1, 5'000'000)};
      settings.provider.clearing_peers = {identities[0].id()};
      if (options_.providers_clear) {
        settings.clearing.enabled = true;
        settings.provider.clearing_peers.insert(settings.provider.clearing_peers.begin(),
                                                identities[static_cast<size_t>(i)].id());
      }
      settings.provider.offer_life = Minutes(5);
      settings.provider.longest_interval = Seconds(8);
      for (int d = 0; d < 2; ++d) {
        settings.provider.devices.push_back({.uuid = fmt::format("CPU-{}-{}", i, d),
                                             .kind = "cpu",
                                             .model = "CPU reference",
                                             .architecture = 90,
                                             .memory_bytes = 1u << 30,
                                             .newest_ptx = 90});
      }
    } else {
      settings.name = fmt::format("renter{}", i - options_.providers);
      settings.renter.enabled = true;
      const int nth = i - options_.providers;
      settings.witness.enabled = nth <= options_.witnesses && nth > options_.mirrors;
      if (nth <= options_.mirrors) {
        settings.mirror.books = {addresses[0].peer};
        settings.mirror.of = options_.mirrored;
      }
    }
    peers_.push_back(std::make_unique<Peer>(*this, i, std::move(identities[static_cast<size_t>(i)]),
                                            std::move(settings)));
    if (faults_) peers_.back()->skew_ms = rng_.Between(-kMostSkew, kMostSkew);
  }
}

Now World::NowFor(const Peer& peer) const {
  return {.wall = Time{kEpoch + now_ + peer.skew_ms}, .monotonic = Millis(now_ - peer.started_at)};
}

void World::At(int64_t after_ms, std::function<void()> what) {
  due_.push({now_ + after_ms, next_order_++, std::move(what)});
}

int World::FindEndpoint(const std::string& endpoint) const {
  for (const auto& peer : peers_) {
    if (peer->settings.endpoints.front() == endpoint) return peer->index;
  }
  return -1;
}

// ---- Life and death --------------------------------------------------------------------------

// An agent that holds what the peer's log says; null, with a violation, where that cannot be.
std::unique_ptr<node::Agent> World::Restored(Peer& peer) {
  auto agent = std::make_unique<node::Agent>(peer.identity, peer.settings, peer.blobs);
  for (uint64_t i = 0; i < peer.log->size(); ++i) {
    const auto leaf = peer.log->Entry(i);
    if (!leaf || !agent->Restore(i, *leaf)) {
      checker_.Fail(peer.name(), "an entry cannot be folded");
      return nullptr;
    }
  }
  return agent;
}

void World::Start(Peer& peer) {
  peer.faults->Restart();
  auto log =
      ledger::Log::Open(peer.store, peer.slots, SignerOf(peer.identity), {.alone = peer.alone});
  if (!log) return checker_.Fail(peer.name(), "does not start: " + log.error().message);
  peer.log = std::make_unique<ledger::Log>(std::move(*log));
  peer.blobs.log = peer.log.get();
  auto mirrors = ledger::Mirrors::Open(peer.mirror_store);
  if (!mirrors) return checker_.Fail(peer.name(), "does not start: " + mirrors.error().message);
  peer.mirrors = std::move(*mirrors);
  peer.blobs.mirrors = &*peer.mirrors;
  peer.agent = Restored(peer);
  if (!peer.agent) return;
  const Bytes from = {node::Runner::kFactPrefix};
  const Bytes to = {node::Runner::kFactPrefix + 1};
  (void)peer.store.Scan(from, to, [&](ByteView key, ByteView value) {
    peer.agent->RestoreFact(AsText(key.subspan(1)), value);
    return true;
  });
  peer.runner = std::make_unique<node::Runner>(
      node::Runner::Parts{*peer.agent, *peer.log, peer.store, peer, peer.workshop, peer.blobs,
                          peer.checker, &*peer.mirrors},
      [this](const node::CommandAnswer& answer) {
        --open_commands_;
        answered_ = answer.status ? answer.id : Digest{};
      });
  peer.started_at = now_;
  if (options_.verbose) {
    fmt::print("{:>8} {} starts, {} entries{}\n", now_, peer.name(), peer.log->size(),
               peer.log->confirmed() ? "" : ", unconfirmed");
  }
  checker_.OnRestarted(peer.name(), *peer.agent, peer.log->reader());
  if (peer.settings.mirror.enabled() && !peer.mirror_lost) {
    checker_.CheckMirror(peer.name(), *peer.agent, *peer.mirrors);
  }
  const bool alone = peer.log->confirmed();
  if (RunEffects(peer, peer.agent->Begin(NowFor(peer), alone)) && !peer.waiting.empty()) {
    Turn(peer);
  }
}

void World::Crash(Peer& peer) {
  if (!peer.up()) return;
  CheckFold(peer);
  ++outcome_.crashes;
  if (options_.verbose) fmt::print("{:>8} {} crashes\n", now_, peer.name());
  ++peer.incarnation;
  peer.waiting = {};
  peer.turn_due = false;
  peer.runner.reset();
  peer.agent.reset();
  peer.blobs.log = nullptr;
  peer.blobs.mirrors = nullptr;
  peer.mirrors.reset();
  peer.mirror_store.Crash();
  peer.log.reset();
  peer.store.Crash();
  peer.blobs.Crash();
  peer.sends_left.reset();
  for (auto& other : peers_) {
    if (other.get() == &peer) continue;
    std::erase_if(other->incoming,
                  [&](const auto& item) { return item.first.first == peer.index; });
    std::vector<node::ConnectionId> gone;
    for (const auto& [id, link] : other->links) {
      if (link.peer == peer.index) gone.push_back(id);
    }
    for (const node::ConnectionId id : gone) {
      other->links.erase(id);
      // Some find out at once; others keep talking to nobody until their own patience ends.
      At(rng_.Between(1, 8000),
         [this, index = other->index, id] { Tell(index, node::ConnectionLost{id}); });
    }
  }
  peer.links.clear();
  peer.incoming.clear();
  const int64_t down = !faults_          ? away
                       : rng_.Chance(60) ? rng_.Between(10'000, 90'000)
                                         : rng_.Between(50, 5000);
  At(down, [this, &peer] { Start(peer); });
}

// ---- Steps -----------------------------------------------------------------------------------

bool World::RunEffects(Peer& peer, const node::Effects& effects) {
  std::vector<node::Event> follow;
  const Status ran = peer.runner->Run(effects, follow);
  peer.waiting.AddFirst(std::move(follow));
  if (ran) CheckNewEntries(peer);
  const bool dies = !ran || (peer.sends_left && *peer.sends_left == 0);
  // Disks fail with kIo; whatever else stops a node is its own doing.
  if (!ran && ran.error().code != Code::kIo) {
    checker_.Fail(peer.name(), "stops: " + ran.error().message);
  }
  if (dies) Crash(peer);
  return !dies;
}

void World::CheckFold(Peer& peer) {
  // A node that a failed write stops has decided what no disk holds: it tells nobody.
  if (!peer.log->health()) return;
  const std::unique_ptr<node::Agent> restored = Restored(peer);
  if (restored) checker_.CheckFold(peer.name(), *peer.agent, *restored);
}

void World::CheckNewEntries(Peer& peer) {
  for (; peer.checked_entries < peer.log->size(); ++peer.checked_entries) {
    const auto leaf = peer.log->Entry(peer.checked_entries);
    const auto entry = leaf ? DecodeEntry(*leaf) : Result<Entry>(leaf.error());
    if (!entry) return checker_.Fail(peer.name(), "wrote an entry that does not decode");
    if (options_.verbose) {
      const auto* step = std::get_if<LeaseStep>(&entry->outcome);
      fmt::print("{:>8} {} writes {}: {} at {}{}\n", now_, peer.name(), peer.checked_entries,
                 OutcomeName(entry->outcome), entry->time.ms - kEpoch,
                 step == nullptr
                     ? ""
                     : fmt::format(", {} {} to {}", step->lease.Short(),
                                   LeaseEventName(step->event), LeaseStateName(step->to)));
    }
    checker_.OnEntry(peer.name(), *entry);
  }
}

void World::Trace(const Peer& peer, const node::Event& event) {
  Bytes bytes;
  PutLe(bytes, static_cast<uint64_t>(now_));
  bytes.push_back(static_cast<uint8_t>(peer.index));
  bytes.push_back(static_cast<uint8_t>(event.index()));
  if (const auto* document = std::get_if<node::DocumentArrived>(&event)) {
    Append(bytes, document->document->id().view());
  }
  PutLe(bytes, peer.log->size());
  Append(bytes, peer.log->head().root.view());
  trace_.Update(bytes);
}

void World::Add(Peer& peer, const node::Event& event) {
  if (!peer.up() || !outcome_.violations.empty()) return;
  ++outcome_.steps;
  Trace(peer, event);
  peer.waiting.Add(event);
  if (peer.turn_due) return;
  // A busy node finds several events when its turn comes.
  if (!Faulty() || !rng_.Chance(250)) return Turn(peer);
  peer.turn_due = true;
  At(rng_.Between(1, 300), [this, &peer, incarnation = peer.incarnation] {
    if (peer.incarnation == incarnation) Turn(peer);
  });
}

void World::Turn(Peer& peer) {
  peer.turn_due = false;
  while (peer.up() && outcome_.violations.empty()) {
    if (Faulty() && rng_.Chance(4)) {
      // The disk fails somewhere in this turn or the next ones, in one of its ways.
      using Kind = ledger::DiskFaults::Kind;
      constexpr Kind kinds[] = {Kind::kLost, Kind::kTorn, Kind::kApplied};
      peer.faults->FailAt(peer.faults->writes() + static_cast<uint64_t>(rng_.Between(0, 3)),
                          kinds[rng_.Between(0, 2)]);
      ++outcome_.disk_faults;
    }
    if (Faulty() && rng_.Chance(4)) peer.sends_left = static_cast<uint64_t>(rng_.Between(0, 2));
    if (!RunEffects(peer, peer.waiting.Turn(*peer.agent, NowFor(peer)))) return;
    if (peer.settings.provider.enabled) {
      checker_.CheckProvider(peer.name(), *peer.agent, peer.workshop.WorkersPerDevice());
    }
    if (peer.settings.mirror.enabled() && !peer.mirror_lost && outcome_.steps % 16 == 0) {
      checker_.CheckMirror(peer.name(), *peer.agent, *peer.mirrors);
    }
    if (peer.settings.clearing.enabled && outcome_.steps % 16 == 0) {
      checker_.CheckBook(peer.name(), *peer.agent);
    }
    if (peer.waiting.empty()) return;
  }
}

void World::Tell(int index, const node::Event& event) {
  Add(peer(index), event);
}

// A node that nobody can confirm asks its operator, who knows that the disk is whole.
void World::MindTheLonely(Peer& one) {
  if (Faulty() || !one.up() || one.agent->may_sign() || now_ - one.started_at < 30'000) return;
  one.alone = true;
  Crash(one);
}

void World::Tick(int index) {
  MindTheLonely(peer(index));
  Add(peer(index), node::Tick{});
  At(Faulty() ? kTickEvery : kHealTickEvery, [this, index] { Tick(index); });
}

// ---- The network -----------------------------------------------------------------------------

void World::OnSent(Peer& from, const node::Frames& frames) {
  ++outcome_.messages;
  checker_.OnSent(from.name(), frames, from.log->reader());
}

void World::Carry(int from, node::ConnectionId out, const Peer::Link& link, node::Frames frames) {
  const int to = link.peer;
  if (to < 0) return inbox.push_back(std::move(frames));
  if (tap && !tap(from, to, frames)) return;
  if (options_.verbose) {
    const auto document = Document::OpenTrusted(*frames[0]);
    const auto refusal = Decode<Refusal>(**document);
    fmt::print("{:>8} {} -> {} {} {}\n", now_, peer(from).name(), peer(to).name(),
               KindName((*document)->kind()), refusal ? refusal->sentence : "");
  }
  const auto cut = cut_.find({std::min(from, to), std::max(from, to)});
  const bool dropped = (cut != cut_.end() && cut->second > now_) || (Faulty() && rng_.Chance(30));
  if (dropped) {
    ++outcome_.lost;
    return;
  }
  const int copies = Faulty() && rng_.Chance(30) ? 2 : 1;
  const uint64_t incarnation = peer(to).incarnation;
  const uint64_t own = peer(from).incarnation;
  for (int i = 0; i < copies; ++i) {
    int64_t delay = Faulty() ? (rng_.Chance(50) ? rng_.Between(100, 3000) : rng_.Between(1, 60))
                             : rng_.Between(1, 5);
    // Somebody kept it and says it again when nobody expects it.
    if (i == 1 && rng_.Chance(200)) delay = rng_.Between(5000, 120'000);
    if (!Faulty()) {
      // A connection that nothing disturbs keeps its messages in order, as TCP does.
      int64_t& last = arrived_[{from, out}];
      last = std::max(last, now_ + delay);
      delay = last - now_;
    }
    At(delay, [this, from, to, out, theirs = link.theirs, frames, incarnation, own] {
      Peer& target = peer(to);
      Peer& source = peer(from);
      if (!target.up() || target.incarnation != incarnation || source.incarnation != own) return;
      node::ConnectionId connection = theirs;
      if (connection == 0) {
        // The accepting end learns of the connection with its first message.
        node::ConnectionId& id = target.incoming[{from, out}];
        if (id == 0) {
          if (!source.links.contains(out)) return;  // closed before anybody answered
          id = target.next_incoming;
          target.next_incoming += 2;
          target.links[id] = {from, out};
        }
        connection = id;
      }
      if (!target.links.contains(connection)) return;
      Arrive(to, connection, source.curve, frames);
    });
  }
}

void World::HangUp(int from, node::ConnectionId out, const Peer::Link& link) {
  if (link.peer < 0) return;
  const uint64_t incarnation = peer(link.peer).incarnation;
  At(rng_.Between(1, 60), [this, from, out, link, incarnation] {
    Peer& other = peer(link.peer);
    if (!other.up() || other.incarnation != incarnation) return;
    node::ConnectionId connection = link.theirs;
    if (connection == 0) {
      const auto known = other.incoming.find({from, out});
      if (known == other.incoming.end()) return;
      connection = known->second;
    }
    if (other.links.erase(connection) > 0) {
      Tell(link.peer, node::ConnectionLost{connection});
    }
  });
}

void World::Arrive(int to, node::ConnectionId connection, const CurveKey& curve,
                   const node::Frames& frames) {
  auto opened = node::OpenMessage(frames);
  if (!opened) {
    return Tell(
        to, node::MessageRefused{connection, curve, opened.error().code, opened.error().sentence});
  }
  Tell(to, node::DocumentArrived{connection, curve, opened->document, std::move(opened->carried),
                                 opened->receipt, opened->bundle, opened->chunk});
}

// ---- What people and fate do -----------------------------------------------------------------

namespace {

// The first of these leases with each provider.
std::vector<Digest> OfDifferentProviders(const Peer& renter, const std::vector<Digest>& leases) {
  std::vector<Digest> out;
  std::set<PeerId> providers;
  for (const Digest& id : leases) {
    const auto& lease = renter.agent->renter().leases().at(id);
    if (providers.insert(lease.order.provider).second) out.push_back(id);
  }
  return out;
}

}  // namespace

void World::Errand(Peer& renter) {
  if (!renter.up() || !renter.agent->may_sign()) return;
  const auto command = [&](auto what) {
    ++open_commands_;
    Tell(renter.index, node::CommandArrived{next_command_++, what});
  };
  std::vector<Digest> metering;
  for (const auto& [id, lease] : renter.agent->renter().leases()) {
    if (lease.phase == node::Renter::Phase::kMetering) metering.push_back(id);
  }
  if (!metering.empty() && rng_.Chance(600)) {
    const Digest lease = metering[static_cast<size_t>(rng_.Next() % metering.size())];
    if (rng_.Chance(250)) return command(node::ReleaseCommand{lease});
    if (rng_.Chance(300)) {
      return command(node::ChallengeCommand{.leases = {lease}, .rows = 8, .size = 64});
    }
    Bytes input(static_cast<size_t>(rng_.Between(1, 2'500'000)));
    for (size_t i = 0; i < input.size(); i += 4096) input[i] = static_cast<uint8_t>(rng_.Next());
    const BlobRef workload = renter.blobs.Put(Bytes{1, static_cast<uint8_t>(rng_.Next())});
    const BlobRef blob = renter.blobs.Put(std::move(input));
    const node::JobCommand job{.lease = lease,
                               .workload = workload,
                               .blobs = {blob},
                               .title = "sim",
                               .sealed = rng_.Chance(300)};
    const auto several = OfDifferentProviders(renter, metering);
    if (several.size() < 2 || rng_.Chance(300)) return command(job);
    const auto of = static_cast<uint32_t>(several.size());
    const auto agree = static_cast<uint32_t>(rng_.Between(of / 2 + 1, of));
    return command(node::ReplicateCommand{.leases = several, .job = job, .agree = agree});
  }
  const auto offers = renter.agent->directory().LiveOffers(Time{kEpoch + now_});
  if (offers.empty()) return;
  const OfferView& offer = offers[static_cast<size_t>(rng_.Next() % offers.size())];
  command(node::RentCommand{.offer = offer.id,
                            .book = offer.offer.clearing_peers.front(),
                            .duration = Millis(rng_.Between(1000, 40'000)),
                            .max_cost = Credits{1'000'000}});
}

void World::Mischief() {
  if (!Faulty()) return;
  const auto any = [&] { return static_cast<int>(rng_.Next() % peers_.size()); };
  if (rng_.Chance(25)) Crash(peer(any()));
  if (rng_.Chance(60)) {
    const int a = any();
    const int b = any();
    if (a != b) cut_[{std::min(a, b), std::max(a, b)}] = now_ + rng_.Between(500, 20'000);
  }
  if (rng_.Chance(20)) {
    Peer& one = peer(any());
    if (one.up()) one.workshop.KillOne(rng_.Next());
  }
  for (auto& one : peers_) {
    if (one->settings.renter.enabled && rng_.Chance(400)) Errand(*one);
  }
  At(400, [this] { Mischief(); });
}

bool World::Quiet() const {
  for (const auto& peer : peers_) {
    if (!peer->up() || !peer->agent->may_sign()) return false;
    if (!peer->agent->renter().Idle()) return false;
    for (const auto& [id, lease] : peer->agent->provider().leases()) {
      if (lease.state != LeaseState::kClosed || !lease.settled || lease.reserved) return false;
    }
    for (const auto& [id, escrow] : peer->agent->clearing().escrows()) {
      if (escrow.settled_by.IsZero()) return false;
    }
  }
  return true;
}

// Who cheats in SimWorkshop::Challenge never passes, and who does not is never called wrong.
void World::CheckChallenges() {
  for (const auto& peer : peers_) {
    if (!peer->up()) continue;
    for (const auto& [id, one] : peer->agent->renter().challenges()) {
      const node::Renter::Lease& lease = peer->agent->renter().leases().at(one.lease);
      const bool cheats = SimWorkshop::Cheats(gpu::MatrixSeed(
          one.challenge.nonce, lease.order.provider.bytes, one.lease, lease.acceptance.device));
      const bool passed = one.decided == ChallengeStatus::kPassed;
      const bool wrong = one.decided == ChallengeStatus::kWrong;
      if (cheats && passed) checker_.Fail(peer->name(), "passed a device that cheats");
      if (!cheats && wrong) checker_.Fail(peer->name(), "called an honest device's rows wrong");
      outcome_.passed += passed ? 1 : 0;
      outcome_.caught += wrong ? 1 : 0;
    }
  }
}

// A lie never agrees with what honest devices computed, and where enough of them did, theirs holds.
void World::CheckReplications() {
  for (const auto& peer : peers_) {
    if (!peer->up()) continue;
    const node::Renter& renter = peer->agent->renter();
    for (const auto& [id, round] : renter.replications()) {
      const ReplicationVerdict verdict = renter.VerdictOn(round, Time{kEpoch + now_});
      uint32_t honest = 0;
      bool lied = false;
      for (size_t i = 0; i < round.jobs.size(); ++i) {
        const node::Renter::JobState& job = renter.jobs().at(round.jobs[i]);
        const bool counts = job.receipt && !job.late && job.receipt->status == JobStatus::kDone;
        if (!counts) continue;
        const bool lies = SimWorkshop::Lies(job.id);
        lied |= lies;
        if (!lies) ++honest;
        if (verdict.result && lies != SimWorkshop::Lies(round.jobs[*verdict.result]) &&
            verdict.standings[i] == ReplicaStanding::kAgrees) {
          checker_.Fail(peer->name(), "a lie agrees with an honest result");
        }
      }
      if (honest >= round.agree && verdict.outcome != ReplicationOutcome::kAgreed) {
        checker_.Fail(peer->name(), "enough honest results did not agree");
      }
      ++outcome_.rounds;
      outcome_.differing += lied && honest > 0 ? 1 : 0;
    }
  }
}

Outcome World::Run() {
  Boot();
  // Every renter gets some credits, some too few.
  for (auto& one : peers_) {
    if (!one->settings.renter.enabled) continue;
    const PublicKey account = one->identity.AccountKey(peers_[0]->identity.id()).public_key();
    ++open_commands_;
    Tell(0, node::CommandArrived{
                next_command_++,
                node::IssueCommand{account, Credits{rng_.Between(100, 2'000'000)}, one->name()}});
  }
  At(500, [this] { Mischief(); });
  std::optional<int64_t> healing_since;
  while (!due_.empty() && outcome_.violations.empty()) {
    Due next = due_.top();
    due_.pop();
    now_ = next.at;
    next.what();
    if (Faulty()) continue;
    if (!healing_since) {
      healing_since = now_;
      cut_.clear();
    }
    if (Quiet() || now_ - *healing_since > kHealAtMost) break;
  }
  CheckChallenges();
  CheckReplications();
  if (outcome_.violations.empty()) {
    std::map<std::string, const node::Agent*> agents;
    for (const auto& peer : peers_) {
      if (peer->up()) {
        agents[peer->name()] = peer->agent.get();
      } else {
        checker_.Fail(peer->name(), "is down after healing");
      }
    }
    checker_.CheckEnd(agents);
    for (const auto& peer : peers_) {
      if (!peer->up()) continue;
      CheckFold(*peer);
      checker_.CheckLedger(peer->name(), peer->log->reader());
      std::vector<const ledger::LogReader*> others;
      for (const auto& other : peers_) {
        if (other != peer && other->up()) others.push_back(&other->log->reader());
      }
      checker_.CheckNothingLeftOut(peer->name(), peer->log->reader(), others);
    }
  }
  for (const auto& peer : peers_) {
    if (!peer->up()) continue;
    trace_.Update(peer->log->head().root.view());
    outcome_.leases += peer->agent->provider().leases().size();
    for (const auto& [id, job] : peer->agent->renter().jobs()) {
      if (job.receipt && job.receipt->status == JobStatus::kDone) ++outcome_.jobs;
    }
  }
  outcome_.trace = trace_.Finish();
  return outcome_;
}

}  // namespace souk::sim
