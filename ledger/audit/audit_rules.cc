#include "ledger/audit/audit_rules.h"

#include <fmt/format.h>

namespace souk::ledger {
namespace {

const DocumentRef kNoDocument = nullptr;

}  // namespace

void Findings::Add(uint64_t entry, const Rule& rule, std::string what, std::vector<uint64_t> see) {
  Add({entry, rule.rule, rule.name, std::move(what), std::move(see)});
}

void Findings::Add(Finding finding) {
  if (kept_.size() < most_) {
    kept_.push_back(std::move(finding));
  } else {
    ++more_;
  }
}

void Findings::MoveInto(AuditReport& report) {
  if (any()) report.verdict = Verdict::kInvalid;
  report.more_findings += more_;
  for (Finding& finding : kept_) {
    if (report.findings.size() < most_) {
      report.findings.push_back(std::move(finding));
    } else {
      ++report.more_findings;
    }
  }
  kept_.clear();
}

const DocumentRef& EntryCheck::DocumentAt(size_t place) const {
  return place < checked_.documents.size() ? checked_.documents[place] : kNoDocument;
}

const DocumentRef& EntryCheck::VoucherOf(size_t place) const {
  return place < checked_.vouchers.size() ? checked_.vouchers[place] : kNoDocument;
}

const DocumentRef& EntryCheck::At(size_t place, Kind kind) {
  if (place >= checked_.documents.size()) {
    Fail(rules::kEvidence, fmt::format("there is no {} with it", KindName(kind)));
    return kNoDocument;
  }
  const DocumentRef& document = checked_.documents[place];
  if (document && document->kind() != kind) {
    Fail(rules::kEvidence, fmt::format("document {} is a {} where a {} belongs", place,
                                       KindName(document->kind()), KindName(kind)));
    return kNoDocument;
  }
  return document;  // one that did not open was reported already
}

bool EntryCheck::ExpectDocuments(size_t count) {
  return That(documents() == count, rules::kEvidence, "{} documents where {} belong", documents(),
              count);
}

void EntryCheck::Fail(const Rule& rule, std::string what, std::vector<uint64_t> see) {
  findings_.Add(index(), rule, std::move(what), std::move(see));
}

}  // namespace souk::ledger
