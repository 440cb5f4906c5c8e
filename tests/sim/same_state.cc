#include "sim/same_state.h"

#include <fmt/format.h>

#include <map>
#include <vector>

namespace souk::sim {
namespace {

// Names of what Fold owns, with their values as text.
using Fields = std::vector<std::pair<const char*, std::string>>;

std::string Text(const DocumentRef& document) {
  return document ? document->id().Hex() : "none";
}
std::string Text(const Digest& digest) {
  return digest.Hex();
}
std::string Text(Time time) {
  return fmt::format("{} ms", time.ms);
}
std::string Text(Duration duration) {
  return fmt::format("{} ms", duration.ms);
}
std::string Text(Credits credits) {
  return fmt::format("{} ucr", credits.micro);
}
std::string Text(uint64_t number) {
  return fmt::format("{}", number);
}
std::string Text(bool yes) {
  return yes ? "yes" : "no";
}

Fields FieldsOf(const node::Provider::Lease& lease) {
  return {{"renter", lease.renter.ToString()},
          {"order", Text(lease.order_document)},
          {"acceptance", Text(lease.acceptance_document)},
          {"commit", Text(lease.commit_document)},
          {"ready", Text(lease.ready_document)},
          {"voucher", Text(lease.voucher_document)},
          {"close", Text(lease.close_document)},
          {"state", LeaseStateName(lease.state)},
          {"reason", fmt::format("{}", static_cast<int>(lease.reason))},
          {"accepted entry", Text(lease.accepted_entry)},
          {"committed entry", Text(lease.committed_entry)},
          {"renter's number", Text(lease.renter_number)},
          {"provider's number", Text(lease.provider_number)},
          {"renter's documents", Text(uint64_t{lease.renter_documents.size()})},
          {"nonce", Text(lease.nonce)},
          {"reserved", Text(lease.reserved)},
          {"best", Text(lease.best)},
          {"commit_by", Text(lease.commit_by)},
          {"ready_by", Text(lease.ready_by)},
          {"settle_at", Text(lease.settle_at)},
          {"end", Text(lease.end)},
          {"metering since", Text(lease.metering_since.value_or(Time{}))},
          {"first metered", Text(lease.first_metered)},
          {"metered", Text(lease.metered)},
          {"paused", Text(lease.paused)},
          {"grace", Text(lease.grace)},
          {"not late before", Text(lease.not_late_before)},
          {"due", Text(lease.due)},
          {"escrow ends", Text(lease.escrow_ends)},
          {"stored", Text(lease.stored_bytes)},
          {"open challenge", Text(lease.open_challenge.value_or(Digest{}))},
          {"challenges", Text(uint64_t{lease.challenges})},
          {"settled", Text(lease.settled)},
          {"paid", Text(lease.paid)}};
}

Fields FieldsOf(const node::Provider::JobState& job) {
  return {{"lease", Text(job.lease)},     {"step", fmt::format("{}", static_cast<int>(job.at))},
          {"started", Text(job.started)}, {"document", Text(job.document)},
          {"receipt", Text(job.receipt)}, {"revealed", Text(job.revealed)}};
}

Fields FieldsOf(const node::Provider::ChallengeState& one) {
  return {{"lease", Text(one.lease)},     {"step", fmt::format("{}", static_cast<int>(one.at))},
          {"since", Text(one.since)},     {"document", Text(one.document)},
          {"root", Text(one.root)},       {"rows", Text(one.rows)},
          {"opening", Text(one.opening)}, {"verdict", Text(one.verdict)}};
}

// What was decided and not judged yet is decided again.
Fields FieldsOf(const node::Renter::ChallengeState& one) {
  return {{"lease", Text(one.lease)},
          {"step", fmt::format("{}", static_cast<int>(one.at))},
          {"asked", Text(one.asked)},
          {"since", Text(one.since)},
          {"took", Text(one.took)},
          {"document", Text(one.document)},
          {"root", Text(one.root_document)},
          {"rows", Text(one.rows_document)},
          {"opening", Text(one.opening_document)},
          {"verdict", Text(one.verdict_document)}};
}

Fields FieldsOf(const node::Renter::Lease& lease) {
  std::string story;
  for (const auto& [at, what] : lease.story) story += fmt::format("{} {}, ", at.ms, what);
  return {{"escrow", Text(lease.escrow_document)},
          {"order", Text(lease.order_document)},
          {"acceptance", Text(lease.acceptance_document)},
          {"ready", Text(lease.ready_document)},
          {"voucher", Text(lease.voucher_document)},
          {"release", Text(lease.release_document)},
          {"close", Text(lease.close_document)},
          {"accepted entry", Text(lease.accepted_entry)},
          {"number", Text(lease.number)},
          {"best", Text(lease.best)},
          {"ready at", Text(lease.ready)},
          {"end", Text(lease.end)},
          {"due", Text(lease.due)},
          {"reason", fmt::format("{}", static_cast<int>(lease.reason))},
          {"settled", Text(lease.settled)},
          {"paid", Text(lease.paid)},
          {"open challenge", Text(lease.open_challenge.value_or(Digest{}))},
          {"story", story}};
}

Fields FieldsOf(const node::Renter::JobState& job) {
  return {{"lease", Text(job.lease)},        {"step", fmt::format("{}", static_cast<int>(job.at))},
          {"document", Text(job.document)},  {"receipt", Text(job.receipt_document)},
          {"seal", Text(job.seal_document)}, {"reveal", Text(job.reveal_document)},
          {"revealed", Text(job.revealed)},  {"round", Text(job.round.value_or(Digest{}))},
          {"late", Text(job.late)}};
}

Fields FieldsOf(const node::Renter::Replication& round) {
  return {{"jobs", Text(uint64_t{round.jobs.size()})},
          {"agree", Text(uint64_t{round.agree})},
          {"asked", Text(round.asked)},
          {"enough sealed", Text(round.enough_sealed)},
          {"reveal by", Text(round.reveal_by)},
          {"is revealed", Text(round.revealed)}};
}

Fields FieldsOf(const node::Clearing::EscrowState& escrow) {
  return {{"document", Text(escrow.document)},     {"held entry", Text(escrow.held_entry)},
          {"last entry", Text(escrow.last_entry)}, {"shown", Text(escrow.shown)},
          {"lease", Text(escrow.lease)},           {"settled by", Text(escrow.settled_by)}};
}

Fields FieldsOf(const ledger::Account& account) {
  return {{"debits pending", Text(uint64_t{account.debits_pending})},
          {"debits posted", Text(uint64_t{account.debits_posted})},
          {"credits pending", Text(uint64_t{account.credits_pending})},
          {"credits posted", Text(uint64_t{account.credits_posted})}};
}

template <typename State>
std::optional<std::string> Compare(const char* what, const std::map<Digest, State>& live,
                                   const std::map<Digest, State>& restored) {
  for (const auto& [id, state] : live) {
    const std::string name = fmt::format("{} {}", what, id.Short());
    const auto other = restored.find(id);
    if (other == restored.end()) return name + " is not in its log";
    const Fields mine = FieldsOf(state), theirs = FieldsOf(other->second);
    for (size_t i = 0; i < mine.size(); ++i) {
      if (mine[i].second == theirs[i].second) continue;
      return fmt::format("{}: {} is {}, its log says {}", name, mine[i].first, mine[i].second,
                         theirs[i].second);
    }
  }
  if (live.size() == restored.size()) return std::nullopt;
  return fmt::format("its log holds {} of kind {}, it {}", restored.size(), what, live.size());
}

// A refused order is given up without an entry: the book's word about its escrow is recorded.
std::optional<std::string> ComparePhases(const node::Renter& live, const node::Renter& restored) {
  using Phase = node::Renter::Phase;
  for (const auto& [id, lease] : live.leases()) {
    const Phase logged = restored.leases().at(id).phase;
    const bool given_up = lease.phase == Phase::kLost && logged <= Phase::kCommitting;
    if (lease.phase == logged || given_up) continue;
    return fmt::format("rented lease {}: it is {}, its log says {}", id.Short(),
                       node::Renter::PhaseName(lease.phase), node::Renter::PhaseName(logged));
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> Difference(const node::Agent& live, const node::Agent& restored) {
  const auto accounts = [](const ledger::NodeBook& book) { return book.book().accounts(); };
  const node::Provider &provider = live.provider(), &provider2 = restored.provider();
  const node::Renter &renter = live.renter(), &renter2 = restored.renter();
  const node::Clearing &clearing = live.clearing(), &clearing2 = restored.clearing();
  if (live.log_size() != restored.log_size()) return "it counts other entries than its log holds";
  for (auto found : {Compare("lease", provider.leases(), provider2.leases()),
                     Compare("job", provider.jobs(), provider2.jobs()),
                     Compare("device", accounts(provider.book()), accounts(provider2.book())),
                     Compare("rented lease", renter.leases(), renter2.leases()),
                     Compare("own job", renter.jobs(), renter2.jobs()),
                     Compare("round", renter.replications(), renter2.replications()),
                     Compare("challenge", provider.challenges(), provider2.challenges()),
                     Compare("own challenge", renter.challenges(), renter2.challenges()),
                     Compare("escrow", clearing.escrows(), clearing2.escrows()),
                     Compare("account", accounts(clearing.book()), accounts(clearing2.book()))}) {
    if (found) return found;
  }
  if (clearing.owners() != clearing2.owners()) return "it knows other owners than its log names";
  return ComparePhases(renter, renter2);
}

}  // namespace souk::sim
