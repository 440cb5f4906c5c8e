// souk-audit leases and balances: what one log says of each, with the findings of its audit.
#include <fmt/format.h>

#include "ledger/audit/audit.h"
#include "protocol/text.h"
#include "tools/audit/commands.h"
#include "tools/audit/evidence.h"
#include "tools/audit/open_ledger.h"
#include "tools/common/json.h"
#include "tools/common/terminal.h"

namespace souk::tools {
namespace {

using ledger::AuditedAccount;
using ledger::AuditedLease;

struct Audited {
  std::string name = {};
  bool whole = true;  // else an evidence bundle
  ledger::AuditReport report = {};
};

Result<Audited> AuditFully(const AuditTarget& target) {
  if (IsEvidence(target.dir)) {
    ASSIGN_OR_RETURN(const OpenedEvidence bundle, OpenEvidence(target.dir, target.vkey));
    return Audited{"", /*whole=*/false, ledger::AuditEvidence(bundle.evidence, bundle.key)};
  }
  ASSIGN_OR_RETURN(const OpenedLedger opened, OpenLedger(target.dir, target.vkey));
  return Audited{opened.name, /*whole=*/true, ledger::Audit(opened.log(), {.details = true})};
}

// The lists are printed even where something is wrong, and say so.
int Verdict(const Audited& audited, const AuditTarget& target) {
  if (audited.report.verdict != ledger::Verdict::kInvalid) return kDone;
  return Fail(
      fmt::format("the ledger does not verify; see: souk-audit verify {}", target.dir.string()));
}

std::string StateOf(const AuditedLease& lease) {
  std::string out = LeaseStateName(lease.state);
  if (lease.reason != CloseReason::kNone) {
    out += fmt::format(", {}", CloseReasonName(lease.reason));
  }
  return out;
}

Json LeaseJson(const AuditedLease& lease) {
  return {{"id", lease.id.Hex()},
          {"side", lease.provided ? "provider" : "renter"},
          {"with", lease.counterparty.ToString()},
          {"book", lease.book.ToString()},
          {"device", lease.device},
          {"state", LeaseStateName(lease.state)},
          {"reason", CloseReasonName(lease.reason)},
          {"reason_code", static_cast<unsigned>(lease.reason)},
          {"begun", JsonTime(lease.begun)},
          {"closed", JsonTime(lease.closed)},
          {"metered_ms", lease.metered.ms},
          {"due_micro", lease.due.micro},
          {"vouched_micro", lease.vouched.micro},
          {"most_micro", lease.most.micro},
          {"settled", lease.settled},
          {"paid_micro", lease.paid.micro},
          {"jobs", lease.jobs},
          {"first_entry", lease.first_entry},
          {"last_entry", lease.last_entry}};
}

const char* KindOfAccount(AuditedAccount::Kind kind) {
  switch (kind) {
    case AuditedAccount::Kind::kIssues:
      return "issued";
    case AuditedAccount::Kind::kOwner:
      return "owner";
    case AuditedAccount::Kind::kDeclared:
      return "declared";
    case AuditedAccount::Kind::kDevice:
      return "device";
  }
  return "?";
}

bool IsMoney(const AuditedAccount& account) {
  return account.kind == AuditedAccount::Kind::kIssues ||
         account.kind == AuditedAccount::Kind::kOwner;
}

// brief: for narrow terminals, without what `souk-audit show` says of the entries.
Table LeaseTable(const std::vector<AuditedLease>& leases, bool brief) {
  std::vector<Digest> ids;
  ids.reserve(leases.size());
  for (const AuditedLease& lease : leases) ids.push_back(lease.id);
  const std::vector<std::string> names = ShortIds(ids);
  std::vector<Table::Column> columns = {{"LEASE"},
                                        {"WITH"},
                                        {"METERED", Align::kRight},
                                        {"DUE", Align::kRight},
                                        {"VOUCHED", Align::kRight},
                                        {"PAID", Align::kRight},
                                        {"STATE"},
                                        {"ENTRIES"}};
  if (!brief) columns.insert(columns.end(), {{"BEGUN"}, {"JOBS", Align::kRight}});
  Table table(std::move(columns));
  for (size_t i = 0; i < leases.size(); ++i) {
    const AuditedLease& lease = leases[i];
    std::vector<std::string> cells = {
        names[i],
        fmt::format("{} {}", lease.provided ? "renter" : "provider",
                    Shorten(ShortKey(lease.counterparty), brief ? 10 : kAllColumns)),
        FormatDuration(lease.metered),
        FormatCredits(lease.due),
        FormatCredits(lease.vouched),
        lease.settled ? FormatCredits(lease.paid) : "–",
        StateOf(lease),
        fmt::format("{}–{}", lease.first_entry, lease.last_entry)};
    if (!brief) {
      cells.push_back(FormatTime(lease.begun).substr(0, 19) + "Z");
      cells.push_back(std::to_string(lease.jobs));
    }
    table.Add(std::move(cells));
  }
  return table;
}

void PrintMoney(const Audited& audited) {
  Table table({{"ACCOUNT"},
               {"OWNER"},
               {"CREDITS", Align::kRight},
               {"HELD", Align::kRight},
               {"INCOMING", Align::kRight}});
  Credits sum = {};
  for (const AuditedAccount& one : audited.report.account_list) {
    if (!IsMoney(one)) continue;
    sum = sum + Credits{one.balance};
    table.Add({one.account.Short(),
               one.kind == AuditedAccount::Kind::kIssues ? "(issued by the operator)"
                                                         : ShortKey(one.owner),
               FormatCredits({one.balance}), FormatCredits({one.held}),
               FormatCredits({one.incoming})});
  }
  if (table.rows() == 0) return;
  Print(table);
  Print(fmt::format("sum {}: debits = credits = {} cr\n", FormatCredits(sum),
                    FormatCredits(audited.report.credits)));
}

void PrintSlices(const Audited& audited) {
  Table table({{"DEVICE"}, {"FREE", Align::kRight}, {"LEASED", Align::kRight}});
  for (const AuditedAccount& one : audited.report.account_list) {
    if (one.kind != AuditedAccount::Kind::kDevice) continue;
    table.Add({one.device.empty() ? one.account.Short() : one.device,
               std::to_string(one.balance - one.held), std::to_string(one.held)});
  }
  if (table.rows() > 0) Print(table);
}

}  // namespace

int RunLeases(const AuditTarget& target) {
  const auto audited = AuditFully(target);
  if (!audited) return Fail(audited.error());
  const auto& leases = audited->report.lease_list;
  if (target.json) {
    Json list = Json::array();
    for (const AuditedLease& lease : leases) list.push_back(LeaseJson(lease));
    PrintJson({{"name", audited->name}, {"whole", audited->whole}, {"leases", std::move(list)}});
    return Verdict(*audited, target);
  }
  const Table all = LeaseTable(leases, /*brief=*/false);
  if (all.rows() == 0) {
    Print("no leases\n");
  } else {
    Print(all.Fits(ColumnsOf(stdout)) ? all : LeaseTable(leases, /*brief=*/true));
  }
  if (!audited->whole) Print("as far as the entries of this evidence bundle tell\n");
  return Verdict(*audited, target);
}

int RunBalances(const AuditTarget& target) {
  const auto audited = AuditFully(target);
  if (!audited) return Fail(audited.error());
  if (target.json) {
    Json money = Json::array();
    Json devices = Json::array();
    for (const AuditedAccount& one : audited->report.account_list) {
      if (IsMoney(one)) {
        money.push_back({{"account", one.account.Hex()},
                         {"kind", KindOfAccount(one.kind)},
                         {"owner", one.owner.IsZero() ? Json() : Json(one.owner.ToString())},
                         {"credits_micro", one.balance},
                         {"held_micro", one.held},
                         {"incoming_micro", one.incoming}});
      } else if (one.kind == AuditedAccount::Kind::kDevice) {
        devices.push_back({{"account", one.account.Hex()},
                           {"device", one.device},
                           {"free", one.balance - one.held},
                           {"leased", one.held}});
      }
    }
    PrintJson({{"name", audited->name},
               {"accounts", std::move(money)},
               {"devices", std::move(devices)},
               {"whole", audited->whole},
               {"debits_micro", audited->report.debits.micro},
               {"credits_micro", audited->report.credits.micro}});
    return Verdict(*audited, target);
  }
  if (!audited->whole) {
    Print("an evidence bundle holds no book: balances are told by its node's ledger\n");
  } else if (audited->report.account_list.empty()) {
    Print("this node keeps no book\n");
  }
  PrintMoney(*audited);
  PrintSlices(*audited);
  return Verdict(*audited, target);
}

}  // namespace souk::tools
