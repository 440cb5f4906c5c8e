// souk-audit show: a log's entries, readably or as the exact bytes of a leaf.
#include <fmt/format.h>

#include "protocol/text.h"
#include "tools/audit/commands.h"
#include "tools/audit/evidence.h"
#include "tools/audit/open_ledger.h"
#include "tools/common/json.h"
#include "tools/common/terminal.h"

namespace souk::tools {
namespace {

int ShowLeaf(ByteView leaf, const AuditTarget& target, const ShowOptions& options) {
  if (options.raw) {
    Print(AsText(leaf));
    return kDone;
  }
  const auto rendered = RenderEntry(leaf);
  if (!rendered) return Fail(rendered.error());
  if (target.json) {
    PrintJson(ToJson(*rendered));
  } else {
    Print(ToText(*rendered));
  }
  return kDone;
}

int ShowOne(const OpenedLedger& opened, const AuditTarget& target, const ShowOptions& options) {
  const auto leaf = opened.log().Entry(*options.entry);
  if (!leaf) return Fail(leaf.error());
  return ShowLeaf(*leaf, target, options);
}

class EntryList {
 public:
  explicit EntryList(bool json) : json_(json) {}

  void Add(uint64_t index, ByteView leaf) {
    const RenderedEntry entry = RenderAnyEntry(index, leaf);
    if (json_) {
      list_.push_back(ToJson(entry));
      return;
    }
    std::string documents;
    for (const RenderedDocument& document : entry.documents) {
      if (!documents.empty()) documents += ", ";
      documents += document.opened ? document.kind : "✗ " + document.kind;
    }
    table_.Add({std::to_string(index), LocalClockMillis(entry.time), entry.kind, entry.summary,
                documents});
  }
  int Show() const {
    if (json_) {
      PrintJson(list_);
    } else {
      Print(table_);
    }
    return kDone;
  }

 private:
  bool json_;
  Table table_{{{"ENTRY", Align::kRight}, {"TIME"}, {"KIND"}, {"WHAT"}, {"DOCUMENTS"}}};
  Json list_ = Json::array();
};

int ShowList(const OpenedLedger& opened, const AuditTarget& target, const ShowOptions& options) {
  EntryList list(target.json);
  uint64_t left = options.count == 0 ? opened.log().size() : options.count;
  constexpr const char* kEnough = "enough";
  if (options.from >= opened.log().size()) {
    return Fail(fmt::format("the log has {} entries, from 0", opened.log().size()));
  }
  const Status read =
      opened.log().ForEach(options.from, [&](uint64_t index, ByteView leaf) -> Status {
        if (left-- == 0) return Error(Code::kExhausted, kEnough);
        list.Add(index, leaf);
        return Ok();
      });
  if (!read && read.error().message != kEnough) return Fail(read.error());
  return list.Show();
}

// The entries of an evidence bundle, at their places in the log that they are from.
int ShowEvidence(const AuditTarget& target, const ShowOptions& options) {
  const auto bundle = OpenEvidence(target.dir, target.vkey);
  if (!bundle) return Fail(bundle.error());
  const auto leaves = ledger::PlacesOf(bundle->evidence);
  if (!leaves) return Fail(leaves.error());
  if (options.entry) {
    const auto found = leaves->find(*options.entry);
    if (found == leaves->end()) return Fail(fmt::format("entry {} is not here", *options.entry));
    return ShowLeaf(found->second->leaf, target, options);
  }
  EntryList list(target.json);
  uint64_t left = options.count == 0 ? leaves->size() : options.count;
  for (auto at = leaves->lower_bound(options.from); at != leaves->end() && left > 0; ++at, --left) {
    list.Add(at->first, at->second->leaf);
  }
  return list.Show();
}

}  // namespace

int RunShow(const AuditTarget& target, const ShowOptions& options) {
  if (IsEvidence(target.dir)) return ShowEvidence(target, options);
  const auto opened = OpenLedger(target.dir, target.vkey);
  if (!opened) return Fail(opened.error());
  return options.entry ? ShowOne(*opened, target, options) : ShowList(*opened, target, options);
}

}  // namespace souk::tools
