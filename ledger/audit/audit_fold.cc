#include "ledger/audit/audit_fold.h"

#include <fmt/format.h>

namespace souk::ledger {

void AuditFold::Add(CheckedEntry& checked) {
  report_.signatures += checked.signatures;
  for (Finding& finding : checked.findings) findings_.Add(std::move(finding));
  if (!checked.readable) {
    if (checked.newer_rules == 0) return;
    if (newer_rules_++ == 0) first_newer_ = checked.index;
    newest_seen_ = std::max(newest_seen_, checked.newer_rules);
    return;
  }
  EntryCheck check(findings_, checked, RulesOf(known_, checked.entry.rules));
  check.That(newer_rules_ == 0, rules::kVersions, {first_newer_},
             "known rules after newer ones in {}", first_newer_);
  previous_ = report_.to;
  CheckFrame(check);
  OnOutcome(check);
}

void AuditFold::CheckFrame(EntryCheck& check) {
  const Entry& entry = check.entry();
  check.That(entry.sequence == check.index(), rules::kSequence, "it says {}", entry.sequence);
  CheckVersion(check);
  if (any_) {
    check.That(entry.time >= report_.to, rules::kTimes, "{} ms before the entry before it",
               report_.to.ms - entry.time.ms);
  } else {
    report_.from = entry.time;
  }
  report_.to = std::max(report_.to, entry.time);
  any_ = true;
}

// A log begins under the version that its owner's program writes, and leaves it by an upgrade
// alone.
void AuditFold::CheckVersion(EntryCheck& check) {
  const uint32_t version = check.entry().rules;
  const uint32_t before = rules_;
  rules_ = std::max(rules_, version);
  if (!check.That(version >= before, rules::kVersions, "rules version {} after {}", version,
                  before)) {
    return;
  }
  const auto* upgraded = std::get_if<Upgraded>(&check.entry().outcome);
  if (upgraded == nullptr) {
    check.That(!any_ || version == before, rules::kUpgrades,
               "rules version {} after {}, and no upgrade between them", version, before);
    return;
  }
  check.That(upgraded->from == before && upgraded->to > before && upgraded->to == version,
             rules::kUpgrades, "it leads from version {} to {}, is decided under {} and follows {}",
             upgraded->from, upgraded->to, version, before);
  check.ExpectDocuments(0);
}

void AuditFold::OnOpened(EntryCheck& check, const Opened& opened) {
  check.That(check.index() == 0, rules::kOpened, "a log opens with its first entry only");
  check.That(opened.peer == self_, rules::kOpened,
             "it names another peer than the checkpoint's name does");
  report_.name = opened.name;
  if (check.documents() == 0) return;
  const auto card = check.Take<Card>(0);
  if (!check.ExpectDocuments(1) || !card) return;
  check.That(check.DocumentAt(0)->signer() == self_ && card->log_name == LogName(self_),
             rules::kSigner, "the card beside it is not this peer's own");
}

void AuditFold::OnOutcome(EntryCheck& check) {
  const Outcome& outcome = check.entry().outcome;
  if (check.index() == 0) {
    check.That(std::holds_alternative<Opened>(outcome), rules::kOpened,
               "the first entry is \"{}\", not \"opened\"", OutcomeName(outcome));
  }
  if (const auto* opened = std::get_if<Opened>(&outcome)) return OnOpened(check, *opened);
  if (const auto* resumed = std::get_if<Resumed>(&outcome)) {
    check.That(resumed->down_since == previous_, rules::kDowntime,
               "it was down since {} ms after it", resumed->down_since.ms - previous_.ms);
    check.ExpectDocuments(0);
    provider_.OnResumed(check, resumed->down_since);
    return clearing_.OnResumed(check, resumed->down_since);
  }
  if (const auto* published = std::get_if<Published>(&outcome)) {
    return provider_.OnPublished(check, *published);
  }
  if (const auto* ordered = std::get_if<Ordered>(&outcome)) {
    return renter_.OnOrdered(check, *ordered);
  }
  if (const auto* seen = std::get_if<EscrowSeen>(&outcome)) {
    return renter_.Knows(seen->lease) ? renter_.OnEscrowSeen(check, *seen)
                                      : provider_.OnEscrowSeen(check, *seen);
  }
  if (const auto* step = std::get_if<LeaseStep>(&outcome)) {
    return renter_.Knows(step->lease) ? renter_.OnStep(check, *step)
                                      : provider_.OnStep(check, *step);
  }
  if (const auto* taken = std::get_if<VoucherTaken>(&outcome)) {
    return renter_.Knows(taken->lease) ? renter_.OnVoucher(check, *taken)
                                       : provider_.OnVoucher(check, *taken);
  }
  if (const auto* step = std::get_if<JobStep>(&outcome)) {
    return renter_.Knows(step->lease) ? renter_.OnJob(check, *step) : provider_.OnJob(check, *step);
  }
  if (const auto* step = std::get_if<ChallengeStep>(&outcome)) {
    if (step->event == ChallengeStep::Event::kOpened) ++openings_;
    return renter_.Knows(step->lease) ? renter_.OnChallenge(check, *step)
                                      : provider_.OnChallenge(check, *step);
  }
  if (const auto* replicated = std::get_if<Replicated>(&outcome)) {
    return renter_.OnReplicated(check, *replicated);
  }
  if (const auto* settled = std::get_if<Settled>(&outcome)) {
    return renter_.Knows(settled->lease) ? renter_.OnSettled(check, *settled)
                                         : provider_.OnSettled(check, *settled);
  }
  if (const auto* booked = std::get_if<Booked>(&outcome)) return clearing_.OnBooked(check, *booked);
  if (const auto* shown = std::get_if<Shown>(&outcome)) return clearing_.OnShown(check, *shown);
}

AuditReport AuditFold::Finish(uint64_t entries) {
  report_.peer = self_;
  report_.entries = entries;
  provider_.Finish(report_);
  renter_.Finish(report_);
  clearing_.Finish(report_, details_);
  if (report_.debits != report_.credits) {
    findings_.Add(entries == 0 ? 0 : entries - 1, rules::kConserved,
                  "the accounts' debits and credits differ");
  }
  if (newer_rules_ > 0) {
    report_.unchecked.push_back(fmt::format(
        "{} {} from {} on follow rules version {}, and this program knows versions up to "
        "{}: a newer souk-audit is needed to judge them",
        newer_rules_, newer_rules_ == 1 ? "entry" : "entries", first_newer_, newest_seen_,
        newest_rules()));
    report_.verdict = Verdict::kIncomplete;
  }
  if (openings_ > 0) {
    report_.unchecked.push_back(
        fmt::format("the rows of {} challenge{}: souk-audit challenge computes them again",
                    openings_, openings_ == 1 ? "" : "s"));
  }
  report_.unchecked.emplace_back(kNoReceipts);
  findings_.MoveInto(report_);
  return std::move(report_);
}

}  // namespace souk::ledger
