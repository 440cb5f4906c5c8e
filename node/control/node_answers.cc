// Of the node itself: id, status, peers, and a clearing peer's book.
#include <unistd.h>

#include <algorithm>

#include "node/address.h"
#include "node/agent/witnessing.h"
#include "node/control/answers.h"
#include "node/control/api.h"
#include "node/version.h"

namespace souk::node::control {
namespace {

using nlohmann::json;

json Roles(const Settings& settings) {
  json roles = json::array();
  if (settings.provider.enabled) roles.push_back("provider");
  if (settings.renter.enabled) roles.push_back("renter");
  if (settings.clearing.enabled) roles.push_back("clearing");
  if (settings.witness.enabled) roles.push_back("witness");
  if (settings.mirror.enabled()) roles.push_back("mirror");
  return roles;
}

// What auditors name as --witness; null where the peer cosigns nothing.
json WitnessVkey(const PeerId& peer, const std::optional<PublicKey>& key) {
  return key ? json(WitnessVerifier(peer, *key).ToVkey()) : json();
}

json OwnWitnessVkey(const Agent& agent) {
  const Settings& settings = agent.settings();
  if (!settings.witness.enabled && !settings.mirror.enabled()) return {};
  return WitnessVkey(agent.identity().id(), agent.identity().WitnessKey().public_key());
}

json Addresses(const Agent& agent) {
  json out = json::array();
  for (const std::string& endpoint : agent.settings().endpoints) {
    out.push_back(
        FormatAddress({agent.identity().id(), endpoint, agent.identity().Curve().public_key()}));
  }
  return out;
}

// Cards of others that clear, and this node where it does.
std::vector<std::pair<PeerId, std::string>> ClearingPeers(const Asked& asked) {
  std::vector<std::pair<PeerId, std::string>> out;
  if (asked.settings().clearing.enabled) {
    out.push_back({asked.agent().identity().id(), asked.settings().name});
  }
  for (const Directory::KnownCard& known : asked.agent().directory().Cards()) {
    const PeerId& peer = known.document->signer();
    if (known.card.clears && peer != asked.agent().identity().id())
      out.push_back({peer, known.card.name});
  }
  return out;
}

bool IsConnected(const Agent& agent, const PeerId& peer) {
  for (const ConnectionId connection : agent.connections().AllBound()) {
    if (agent.connections().Bound(connection) == peer) return true;
  }
  return false;
}

json DeviceRow(const Asked& asked, const DeviceForRent& device) {
  const Provider& provider = asked.agent().provider();
  const ledger::Account account = provider.book().Find(ledger::DeviceAccountId(device.uuid));
  json leases = json::array();
  for (const auto& [id, lease] : provider.leases()) {
    if (!lease.reserved || lease.acceptance.device != device.uuid) continue;
    json row = {{"id", id.Hex()}, {"state", LeaseStateName(lease.state)}};
    if (lease.end.ms != 0) row["ends_ms"] = lease.end.ms;
    leases.push_back(std::move(row));
  }
  const char* state = !leases.empty() ? "leased" : provider.draining() ? "draining" : "idle";
  return {{"uuid", device.uuid},
          {"kind", device.kind},
          {"model", device.model},
          {"architecture", device.architecture},
          {"memory_bytes", device.memory_bytes},
          {"driver", device.driver},
          {"slices", device.slices},
          {"free_slices", account.Available()},
          {"price_micro", asked.settings().provider.price.micro_per_hour},
          {"state", state},
          {"leases", std::move(leases)}};
}

// Of a clearing book: credits − debits, where the operator's own account owes.
json Balances(const ledger::Account& account) {
  return {{"posted_micro", account.Balance()},
          {"held_micro", static_cast<int64_t>(account.debits_pending)},
          {"incoming_micro", static_cast<int64_t>(account.credits_pending)}};
}

// What is held of others' logs, and how far it is from what was seen of them.
json MirrorRows(const Asked& asked) {
  json rows = json::array();
  for (const auto& [owner, log] : asked.agent().mirroring().logs()) {
    const ledger::MirroredLog* const held = asked.facts.blobs.Mirrored(LogName(owner));
    const uint64_t entries = held == nullptr ? 0 : held->head.size;
    uint64_t known = held == nullptr ? 0 : held->known_size;
    if (const auto newest = asked.agent().heads().NewestOf(owner)) {
      known = std::max(known, newest->size);
    }
    rows.push_back({{"peer", owner.ToString()},
                    {"name", asked.NameOf(owner)},
                    {"entries", entries},
                    {"known", known},
                    {"behind", known - std::min(entries, known)},
                    {"bytes", held == nullptr ? 0 : held->bytes}});
    if (!log.trouble.empty()) rows.back()["trouble"] = log.trouble;
  }
  return rows;
}

struct Sums {
  int64_t earned = 0, owed = 0, spent = 0;
  uint64_t open_leases = 0, open_jobs = 0;
};

Sums SumUp(const Agent& agent) {
  Sums sums;
  for (const auto& [id, lease] : agent.provider().leases()) {
    sums.earned += lease.paid.micro;
    if (!lease.settled) sums.owed += lease.best.micro;
    if (lease.state != LeaseState::kClosed) ++sums.open_leases;
  }
  for (const auto& [id, lease] : agent.renter().leases()) {
    sums.spent += lease.paid.micro;
    if (lease.phase != Renter::Phase::kClosed) ++sums.open_leases;
  }
  for (const auto& [id, job] : agent.provider().jobs()) {
    if (job.at != JobStep::Event::kFinished) ++sums.open_jobs;
  }
  for (const auto& [id, job] : agent.renter().jobs()) {
    if (job.at == JobStep::Event::kSubmitted) ++sums.open_jobs;
  }
  return sums;
}

}  // namespace

std::string Asked::NameOf(const PeerId& peer) const {
  return peer == agent().identity().id() ? "you" : agent().directory().NameOf(peer);
}

Result<PeerId> OnlyClearingPeer(const Asked& asked) {
  const auto peers = ClearingPeers(asked);
  if (peers.size() == 1) return peers[0].first;
  return Error(Code::kInvalidArgument,
               peers.empty() ? "no clearing peer is known yet; is a bootstrap peer up?"
                             : "several clearing peers are known; say which: --book");
}

Answer AnswerId(const Asked& asked, Fields& fields) {
  RETURN_IF_ERROR(fields.Done());
  const Agent& agent = asked.agent();
  json accounts = json::array();
  for (const auto& [book, name] : ClearingPeers(asked)) {
    accounts.push_back({{"book", book.ToString()},
                        {"book_name", name},
                        {"account", agent.identity().AccountKey(book).public_key().ToString()}});
  }
  return json{{"api", kVersion},
              {"id", agent.identity().id().ToString()},
              {"name", asked.settings().name},
              {"version", kSoukVersion},
              {"dir", asked.facts.dir.string()},
              {"pid", ::getpid()},
              {"roles", Roles(asked.settings())},
              {"addresses", Addresses(agent)},
              {"vkey", asked.facts.log.signer().Verifier().ToVkey()},
              {"witness_vkey", OwnWitnessVkey(agent)},
              {"log_entries", asked.facts.log.size()},
              {"accounts", std::move(accounts)}};
}

Answer AnswerStatus(const Asked& asked, Fields& fields) {
  RETURN_IF_ERROR(fields.Done());
  const Agent& agent = asked.agent();
  const Settings& settings = asked.settings();
  json devices = json::array(), bootstrap = json::array();
  for (const DeviceForRent& device : settings.provider.devices) {
    devices.push_back(DeviceRow(asked, device));
  }
  for (const PeerAddress& address : settings.bootstrap) {
    bootstrap.push_back({{"peer", address.peer.ToString()},
                         {"endpoint", address.endpoint},
                         {"connected", IsConnected(agent, address.peer)}});
    const std::string refused = agent.connections().WhyRefused(address.peer);
    if (!refused.empty()) bootstrap.back()["refused"] = refused;
  }
  const Sums sums = SumUp(agent);
  json out = {{"name", settings.name},
              {"id", agent.identity().id().ToString()},
              {"version", kSoukVersion},
              {"pid", ::getpid()},
              {"uptime_in_ms", (asked.now.wall - asked.facts.started).ms},
              {"listening", asked.facts.listening},
              {"log_url", asked.facts.log_url},
              {"log_open", settings.log.everyone},
              {"roles", Roles(settings)},
              {"draining", agent.provider().draining()},
              {"may_sign", agent.may_sign()},
              {"log_entries", asked.facts.log.size()},
              {"peers_connected", agent.connections().AllBound().size()},
              {"peers_known", agent.directory().Cards().size()},
              {"offers_known", agent.directory().LiveOffers(asked.log_time()).size()},
              {"bootstrap", std::move(bootstrap)},
              {"devices", std::move(devices)},
              {"leases_open", sums.open_leases},
              {"jobs_open", sums.open_jobs},
              {"earned_micro", sums.earned},
              {"owed_micro", sums.owed},
              {"spent_micro", sums.spent}};
  if (settings.mirror.enabled()) {
    out["mirrors"] = MirrorRows(asked);
    out["mirror_bytes"] = asked.facts.blobs.MirrorBytes();
    out["mirror_limit_bytes"] = settings.mirror.most_bytes;
  }
  if (!agent.may_sign()) {
    out["may_sign_why"] =
        "the log waits for a counterparty's checkpoint; restart with --alone if you are sure that "
        "nothing newer was ever signed";
  }
  if (const std::string doubt = agent.ClockDoubt(asked.now); !doubt.empty()) {
    out["clock_why"] = doubt;
  }
  // The clock was ahead once, and log time does not go back (R4).
  const Duration ahead = asked.log_time() - asked.now.wall;
  if (ahead > limits::kMaxSkew) out["log_ahead_in_ms"] = ahead.ms;
  if (!asked.facts.jail.empty()) {
    out["jail"] = {{"grade", asked.facts.jail}};
    if (!asked.facts.jail_why.empty()) out["jail"]["why"] = asked.facts.jail_why;
    if (!asked.facts.device_notes.empty()) out["device_notes"] = asked.facts.device_notes;
  }
  return out;
}

Answer AnswerPeers(const Asked& asked, Fields& fields) {
  RETURN_IF_ERROR(fields.Done());
  json peers = json::array();
  for (const Directory::KnownCard& known : asked.agent().directory().Cards()) {
    const PeerId& peer = known.document->signer();
    const auto& bootstrap = asked.settings().bootstrap;
    const bool first =
        std::any_of(bootstrap.begin(), bootstrap.end(),
                    [&](const PeerAddress& address) { return address.peer == peer; });
    peers.push_back({{"id", peer.ToString()},
                     {"name", known.card.name},
                     {"endpoints", known.card.endpoints},
                     {"provider", known.card.provides},
                     {"renter", known.card.rents},
                     {"clearing", known.card.clears},
                     {"witness", known.card.witness_key.has_value()},
                     {"witness_vkey", WitnessVkey(peer, known.card.witness_key)},
                     {"log_url", known.card.log_url},
                     {"connected", IsConnected(asked.agent(), peer)},
                     {"expires_ms", known.card.expires.ms},
                     {"bootstrap", first}});
  }
  return json{{"peers", std::move(peers)}};
}

Answer AnswerForks(const Asked& asked, Fields& fields) {
  RETURN_IF_ERROR(fields.Done());
  json forks = json::array();
  for (const auto& [peer, known] : asked.agent().heads().forks()) {
    forks.push_back({{"peer", peer.ToString()},
                     {"name", asked.NameOf(peer)},
                     {"size", known.fork.earlier.size},
                     {"root", known.fork.earlier.root.Hex()},
                     {"other_root", known.fork.other_root.Hex()},
                     {"later_size", known.fork.later.size},
                     {"vkey", known.vkey},
                     {"evidence", known.evidence}});
  }
  return json{{"forks", std::move(forks)}};
}

Answer AnswerAccounts(const Asked& asked, Fields& fields) {
  RETURN_IF_ERROR(fields.Done());
  if (!asked.settings().clearing.enabled) {
    return Error(Code::kUnsupported, "this node keeps no book: it is no clearing peer");
  }
  // Account ids are digests of keys; names are known of peers' identities and of escrows' parties.
  std::map<Digest, std::pair<PublicKey, std::string>> named;
  const auto name = [&](const PublicKey& key, const std::string& text) {
    named[ledger::AccountId(key)] = {key, text};
  };
  for (const auto& [id, key] : asked.agent().clearing().owners()) name(key, "");
  for (const Directory::KnownCard& known : asked.agent().directory().Cards()) {
    name(known.document->signer(), known.card.name);
  }
  name(asked.agent().identity().id(), asked.settings().name);
  json accounts = json::array();
  for (const auto& [id, account] : asked.agent().clearing().book().book().accounts()) {
    json row = Balances(account);
    row["account"] = id.Hex();
    const auto it = named.find(id);
    if (it != named.end()) row["key"] = it->second.first.ToString();
    if (it != named.end() && !it->second.second.empty()) row["name"] = it->second.second;
    accounts.push_back(std::move(row));
  }
  return json{{"accounts", std::move(accounts)}};
}

Answer AnswerOwnBalance(const Asked& asked) {
  const ledger::NodeBook& book = asked.agent().clearing().book();
  const ledger::Account source = book.Find(book.source());
  json out = Balances(source);
  out["book"] = asked.agent().identity().id().ToString();
  out["book_name"] = asked.settings().name;
  out["account"] = asked.agent().identity().id().ToString();
  out["issued_micro"] = -source.Balance();
  out["at_ms"] = asked.log_time().ms;
  return out;
}

}  // namespace souk::node::control
