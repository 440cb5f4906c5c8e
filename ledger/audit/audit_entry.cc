#include "ledger/audit/audit_entry.h"

#include <fmt/format.h>

#include "ledger/audit/audit_rules.h"

namespace souk::ledger {
namespace {

void Report(CheckedEntry& checked, const Rule& rule, std::string what) {
  checked.findings.push_back({checked.index, rule.rule, rule.name, std::move(what), {}});
}

// `place`: among the entry's documents; that of the post's voucher where there is none.
DocumentRef OpenCounted(CheckedEntry& checked, ByteView envelope, std::optional<size_t> place,
                        Signatures signatures) {
  ++checked.signatures;
  auto document = signatures == Signatures::kChecked ? Document::Open(envelope)
                                                     : Document::OpenTrusted(envelope);
  if (document) return std::move(*document);
  const Rule& rule =
      document.error().code == Code::kBadSignature ? rules::kSigned : rules::kReadable;
  const std::string what = place ? fmt::format("document {}", *place) : "the post's voucher";
  Report(checked, rule, fmt::format("{}: {}", what, document.error().message));
  return nullptr;
}

// A post carries the voucher that it rests on; its signature counts like any other.
DocumentRef OpenVoucher(CheckedEntry& checked, const DocumentRef& document, Signatures signatures) {
  if (!document || document->kind() != Kind::kPost) return nullptr;
  const auto post = Decode<Post>(*document);
  if (!post) return nullptr;  // reported where the post is used
  return OpenCounted(checked, post->voucher, std::nullopt, signatures);
}

}  // namespace

CheckedEntry CheckEntry(uint64_t index, ByteView leaf, Signatures signatures,
                        uint32_t newest_rules) {
  CheckedEntry checked;
  checked.index = index;
  auto entry = DecodeEntry(leaf, newest_rules);
  if (!entry) {
    if (entry.error().code == Code::kUnsupported) checked.newer_rules = RulesOfLeaf(leaf);
    if (checked.newer_rules == 0) Report(checked, rules::kReadable, entry.error().message);
    return checked;
  }
  checked.readable = true;
  checked.entry = std::move(*entry);
  for (size_t i = 0; i < checked.entry.documents.size(); ++i) {
    DocumentRef document = OpenCounted(checked, checked.entry.documents[i], i, signatures);
    checked.vouchers.push_back(OpenVoucher(checked, document, signatures));
    checked.documents.push_back(std::move(document));
  }
  // The documents hold their bytes themselves; what this thread allocated, it frees.
  checked.entry.documents = {};
  return checked;
}

}  // namespace souk::ledger
