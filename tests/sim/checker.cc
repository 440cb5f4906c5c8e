#include "sim/checker.h"

#include <fmt/format.h>

#include <limits>

#include "ledger/audit/audit_omissions.h"
#include "sim/same_state.h"

namespace souk::sim {
namespace {

// Documents that a node says only once they stand in its log.
bool MustBeLogged(Kind kind) {
  switch (kind) {
    case Kind::kOffer:
    case Kind::kWithdrawal:
    case Kind::kEscrow:
    case Kind::kOrder:
    case Kind::kAcceptance:
    case Kind::kReady:
    case Kind::kVoucher:
    case Kind::kJob:
    case Kind::kJobReceipt:
    case Kind::kJobReveal:
    case Kind::kRelease:
    case Kind::kClose:
    case Kind::kChallenge:
    case Kind::kChallengeRoot:
    case Kind::kChallengeRows:
    case Kind::kChallengeOpening:
    case Kind::kChallengeVerdict:
      return true;
    default:
      return false;
  }
}

// Whether the job of this receipt is sealed, and the log does not say that it was to be revealed.
bool IsHidden(const ledger::LogReader& log, const Document& document) {
  const Digest job = Decode<JobReceipt>(document)->job;
  const auto taken = log.FindById(job);
  if (!taken || !*taken) return false;
  const Entry first = *DecodeEntry(*log.Entry(**taken));
  if (!Decode<Job>(**Document::OpenTrusted(first.documents.at(0)))->sealed) return false;
  for (uint64_t i = **taken + 1; i < log.size(); ++i) {
    const Entry entry = *DecodeEntry(*log.Entry(i));
    const auto* step = std::get_if<JobStep>(&entry.outcome);
    if (step != nullptr && step->job == job && step->event == JobStep::Event::kRevealed) {
      return false;
    }
  }
  return true;
}

}  // namespace

void Checker::Fail(const std::string& node, const std::string& sentence) {
  violations_.push_back(node + ": " + sentence);
}

void Checker::OnSent(const std::string& node, const node::Frames& frames,
                     const ledger::LogReader& log) {
  Told& told = told_[node];
  // The sender's own bytes: what a stranger would find in them is another test's matter.
  const auto open = [](const Bytes& bytes) { return Document::OpenTrusted(bytes); };
  const auto first = open(*frames[0]);
  if (!first) return Fail(node, "sent something that is no document");
  std::vector<DocumentRef> documents = {*first};
  if ((*first)->kind() == Kind::kCarry) {
    const auto carry = Decode<Carry>(**first);
    for (const Bytes& bytes : carry->documents) documents.push_back(*open(bytes));
  }
  if ((*first)->kind() == Kind::kReply) {
    const auto reply = Decode<Reply>(**first);
    for (size_t i = 0; i < reply->documents; ++i) documents.push_back(*open(*frames[1 + i]));
    if (reply->receipt) {
      const auto receipt = DecodeReceipt(*frames[1 + reply->documents]);
      const auto note = ledger::ParseNote(receipt->note);
      const auto head = ledger::ParseCheckpoint(note->text);
      const auto [it, fresh] = told.roots.insert({head->size, head->root});
      if (!fresh && it->second != head->root) {
        Fail(node, "signed two roots at size " + std::to_string(head->size));
      }
    }
  }
  if ((*first)->kind() == Kind::kVoucherAck) {
    const auto ack = Decode<VoucherAck>(**first);
    told.vouchers[ack->lease] = std::max(told.vouchers[ack->lease], ack->best);
  }
  if ((*first)->kind() == Kind::kChallengeRows) {
    const auto root = log.FindById(Decode<ChallengeRows>(**first)->root);
    if (!root || !*root) Fail(node, "asked for rows before the root was in its log");
  }
  // Own documents only: gossip passes on others'.
  const PublicKey self = (*first)->signer();
  for (const DocumentRef& document : documents) {
    if (!MustBeLogged(document->kind())) continue;
    const bool own = document->signer() == self || document->kind() == Kind::kVoucher ||
                     document->kind() == Kind::kEscrow;
    if (!own || !told.documents.insert(document->id()).second) continue;
    const auto index = log.FindById(document->id());
    if (!index || !*index) {
      Fail(node, std::string("told a ") + std::string(KindName(document->kind())) +
                     " that its log does not hold");
    }
    if (document->kind() == Kind::kJobReceipt && IsHidden(log, *document)) {
      Fail(node, "told a sealed job's result before it was to reveal it");
    }
  }
}

void Checker::OnLeaseStep(const std::string& node, Seen& seen, const Entry& entry,
                          const LeaseStep& step) {
  // The renter's log follows the provider's word; the provider's is where the table holds.
  bool provider = false;
  for (const Bytes& envelope : entry.documents) {
    const auto document = Document::OpenTrusted(envelope);
    if (!document || (*document)->kind() != Kind::kOrder) continue;
    provider = true;
    const auto order = Decode<Order>(**document);
    if (!seen.escrows.insert({order->escrow, step.lease}).second) {
      Fail(node, "one escrow backs two leases");
    }
  }
  if (provider) seen.leases[step.lease] = LeaseState::kNone;
  const auto it = seen.leases.find(step.lease);
  if (it == seen.leases.end()) return;
  const auto to = NextLeaseState(it->second, step.event);
  if (!to || *to != step.to) {
    Fail(node, std::string("a lease went from ") + LeaseStateName(it->second) + " to " +
                   LeaseStateName(step.to) + " by " + LeaseEventName(step.event));
  }
  it->second = step.to;
}

void Checker::OnEntry(const std::string& node, const Entry& entry) {
  Seen& seen = seen_[node];
  if (entry.sequence != seen.next) Fail(node, "an entry is out of sequence");
  seen.next = entry.sequence + 1;
  if (entry.time < seen.time) Fail(node, "log time went back");
  seen.time = entry.time;
  if (const auto* step = std::get_if<LeaseStep>(&entry.outcome))
    OnLeaseStep(node, seen, entry, *step);
  if (const auto* taken = std::get_if<VoucherTaken>(&entry.outcome)) {
    Credits& best = seen.vouchers[taken->lease];
    if (taken->best <= best) Fail(node, "took a voucher that is not above the best so far");
    best = taken->best;
  }
  if (const auto* job = std::get_if<JobStep>(&entry.outcome)) {
    if (job->event == JobStep::Event::kFinished && ++seen.jobs_finished[job->job] > 1) {
      Fail(node, "a job finished twice");
    }
  }
}

void Checker::OnRestarted(const std::string& node, const node::Agent& agent,
                          const ledger::LogReader& log) {
  const Told& told = told_[node];
  for (const Digest& id : told.documents) {
    const auto index = log.FindById(id);
    if (!index || !*index) Fail(node, "lost a document that it had told: " + id.Short());
  }
  for (const auto& [size, root] : told.roots) {
    const auto now = size <= log.size() ? log.RootAt(size) : Result<Digest>(Digest{});
    if (!now || *now != root) {
      Fail(node, "lost or changed what it had signed at size " + std::to_string(size));
    }
  }
  for (const auto& [lease, best] : told.vouchers) {
    const auto it = agent.provider().leases().find(lease);
    if (it == agent.provider().leases().end() || it->second.best < best) {
      Fail(node, "lost a voucher that it had acknowledged");
    }
  }
  if (log.size() < seen_[node].next) Fail(node, "lost entries that were committed");
}

void Checker::CheckMirror(const std::string& node, const node::Agent& agent,
                          const ledger::Mirrors& mirrors) {
  for (const auto& [origin, log] : agent.witnessing().logs()) {
    if (!log.head) continue;
    const ledger::Checkpoint& cosigned = log.head->checkpoint;
    const auto root = mirrors.RootAt(origin, cosigned.size);
    if (!root || *root != cosigned.root) {
      Fail(node, fmt::format("cosigned {} entries of {} that it does not hold", cosigned.size,
                             origin.substr(0, 20)));
    }
  }
}

void Checker::CheckProvider(const std::string& node, const node::Agent& agent,
                            const std::map<std::string, int>& workers_per_device) {
  std::map<std::string, uint64_t> held;
  for (const auto& [id, lease] : agent.provider().leases()) {
    if (lease.reserved) held[lease.acceptance.device] += lease.order.slices;
  }
  for (const node::DeviceForRent& device : agent.settings().provider.devices) {
    if (held[device.uuid] > device.slices) Fail(node, "slices of one device are leased twice");
    const auto workers = workers_per_device.find(device.uuid);
    if (workers != workers_per_device.end() && workers->second > static_cast<int>(device.slices)) {
      Fail(node, "more workers live on a device than it has slices");
    }
  }
}

void Checker::CheckBook(const std::string& node, const node::Agent& agent) {
  const ledger::Book& book = agent.clearing().book().book();
  if (const Status sound = book.Reconcile(); !sound) Fail(node, sound.error().message);
  int64_t sum = 0;
  for (const auto& [id, account] : book.accounts()) {
    sum += account.Balance();
    if (id != agent.clearing().book().source() &&
        account.debits_posted + account.debits_pending > account.credits_posted) {
      Fail(node, "an account owes more than it has");
    }
  }
  if (sum != 0) Fail(node, "credits are not conserved");
}

void Checker::CheckFold(const std::string& node, const node::Agent& live,
                        const node::Agent& restored) {
  if (const auto difference = Difference(live, restored)) {
    Fail(node, "a restart would change what it holds: " + *difference);
  }
}

void Checker::CheckLedger(const std::string& node, const ledger::LogReader& log) {
  const ledger::AuditReport report = ledger::Audit(log, {.threads = 1});
  if (report.verdict == ledger::Verdict::kValid) return;
  for (const ledger::Finding& finding : report.findings) {
    Fail(node,
         fmt::format("its ledger is {}: entry {}: {} {}: {}", ledger::VerdictName(report.verdict),
                     finding.entry, finding.rule, finding.name, finding.what));
  }
  if (report.findings.empty()) {
    Fail(node, fmt::format("its ledger is {}", ledger::VerdictName(report.verdict)));
  }
}

void Checker::CheckNothingLeftOut(const std::string& node, const ledger::LogReader& log,
                                  const std::vector<const ledger::LogReader*>& others) {
  std::vector<ledger::LogPart> parts;
  for (const ledger::LogReader* other : others) parts.push_back(ledger::WholeLog(*other));
  ledger::AuditReport report;
  report.to = Time{std::numeric_limits<int64_t>::max() / 2};  // everything has arrived
  const Status held = ledger::AuditOmissions(log, parts, report);
  if (!held) return Fail(node, held.error().message);
  if (report.verdict == ledger::Verdict::kValid) return;
  for (const ledger::Finding& finding : report.findings) {
    Fail(node, fmt::format("entry {}: {}: {}", finding.entry, finding.name, finding.what));
  }
  for (const std::string& doubt : report.unchecked) Fail(node, doubt);
}

void Checker::CheckEnd(const std::map<std::string, const node::Agent*>& agents) {
  std::map<Digest, Credits> paid_by_book;
  std::map<Digest, bool> resolved;
  for (const auto& [name, agent] : agents) {
    const ledger::Book& book = agent->clearing().book().book();
    for (const auto& [id, state] : agent->clearing().escrows()) {
      resolved[id] = !state.settled_by.IsZero();
      if (state.settled_by.IsZero()) Fail(name, "an escrow is neither paid nor returned");
      const ledger::TransferRecord* post = book.FindTransfer(state.settled_by);
      if (post != nullptr && post->transfer.kind == ledger::TransferKind::kPost) {
        paid_by_book[id] = Credits{static_cast<int64_t>(post->transfer.amount)};
      }
    }
  }
  for (const auto& [name, agent] : agents) {
    for (const auto& [id, lease] : agent->renter().leases()) {
      if (lease.phase != node::Renter::Phase::kClosed) {
        Fail(name,
             std::string("an order was never settled: ") + node::Renter::PhaseName(lease.phase));
      } else if (lease.paid != paid_by_book[lease.order.escrow]) {
        Fail(name, "renter and book disagree on what was paid");
      }
      if (lease.paid > lease.best) Fail(name, "paid more than the vouchers say");
    }
    for (const auto& [id, job] : agent->renter().jobs()) {
      if (job.at == JobStep::Event::kSubmitted) Fail(name, "a job was never answered");
      if (job.receipt && !job.receipt->outputs.empty() && job.at != JobStep::Event::kFetched) {
        Fail(name, "a job's outputs were never fetched");
      }
      if (job.refused.empty()) continue;
      for (const auto& [other, provider] : agents) {
        if (provider->provider().jobs().contains(id)) Fail(other, "refused a job and ran it");
      }
    }
    for (const auto& [id, lease] : agent->provider().leases()) {
      if (lease.state != LeaseState::kClosed) {
        Fail(name, std::string("a lease never closed: ") + LeaseStateName(lease.state));
      }
      if (!lease.settled) Fail(name, "a lease was never settled with the book");
      if (lease.reserved) Fail(name, "a closed lease still holds its slices");
      if (lease.settled && lease.paid != paid_by_book[lease.order.escrow]) {
        Fail(name, "provider and book disagree on what was paid");
      }
    }
  }
}

}  // namespace souk::sim
