// souk-audit show: a log's entries, readably or as the exact bytes of a leaf.
#include <fmt/format.h>

#include "protocol/text.h"
#include "tools/audit/commands.h"
#include "tools/audit/open_ledger.h"
#include "tools/common/json.h"
#include "tools/common/terminal.h"

namespace souk::tools {
namespace {

int ShowOne(const OpenedLedger& opened, const AuditTarget& target, const ShowOptions& options) {
  const auto leaf = opened.log().Entry(*options.entry);
  if (!leaf) return Fail(leaf.error());
  if (options.raw) {
    Print(AsText(*leaf));
    return kDone;
  }
  const auto rendered = RenderEntry(*leaf);
  if (!rendered) return Fail(rendered.error());
  if (target.json) {
    PrintJson(ToJson(*rendered));
  } else {
    Print(ToText(*rendered));
  }
  return kDone;
}

int ShowList(const OpenedLedger& opened, const AuditTarget& target, const ShowOptions& options) {
  Table table({{"ENTRY", Align::kRight}, {"TIME"}, {"KIND"}, {"WHAT"}, {"DOCUMENTS"}});
  Json list = Json::array();
  uint64_t left = options.count == 0 ? opened.log().size() : options.count;
  constexpr const char* kEnough = "enough";
  if (options.from >= opened.log().size()) {
    return Fail(fmt::format("the log has {} entries, from 0", opened.log().size()));
  }
  const Status read =
      opened.log().ForEach(options.from, [&](uint64_t index, ByteView leaf) -> Status {
        if (left-- == 0) return Error(Code::kExhausted, kEnough);
        const RenderedEntry entry = RenderAnyEntry(index, leaf);
        if (target.json) {
          list.push_back(ToJson(entry));
          return Ok();
        }
        std::string documents;
        for (const RenderedDocument& document : entry.documents) {
          if (!documents.empty()) documents += ", ";
          documents += document.opened ? document.kind : "✗ " + document.kind;
        }
        table.Add({std::to_string(index), LocalClockMillis(entry.time), entry.kind, entry.summary,
                   documents});
        return Ok();
      });
  if (!read && read.error().message != kEnough) return Fail(read.error());
  if (target.json) {
    PrintJson(list);
  } else {
    Print(table);
  }
  return kDone;
}

}  // namespace

int RunShow(const AuditTarget& target, const ShowOptions& options) {
  const auto opened = OpenLedger(target.dir, target.vkey);
  if (!opened) return Fail(opened.error());
  return options.entry ? ShowOne(*opened, target, options) : ShowList(*opened, target, options);
}

}  // namespace souk::tools
