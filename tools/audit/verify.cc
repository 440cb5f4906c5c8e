// souk-audit verify: the whole of R3 to R6 that one log can show.
#include <fmt/format.h>

#include <chrono>

#include "ledger/audit/audit.h"
#include "protocol/entry.h"
#include "protocol/text.h"
#include "tools/audit/commands.h"
#include "tools/audit/open_ledger.h"
#include "tools/common/json.h"
#include "tools/common/terminal.h"

namespace souk::tools {
namespace {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

struct Verified {
  std::string dir = {};
  ledger::AuditReport report = {};
  ledger::NoteVerifier key = {};
  std::string key_from = {};
  std::string root = {};  // base64, as the checkpoint says it
  double seconds = 0;
};

// What could not even be opened: the tree, the checkpoint or the database broke R3.
Verified Unopened(const AuditTarget& target, const Error& error) {
  Verified out{.dir = target.dir.string()};
  out.report.verdict = ledger::Verdict::kInvalid;
  out.report.findings.push_back({0, "R3", "the log is what was signed", error.message, {}});
  return out;
}

bool IsDamage(const Error& error) {
  return error.code == Code::kCorrupt || error.code == Code::kBadSignature ||
         error.code == Code::kMismatch || error.code == Code::kMalformed ||
         error.code == Code::kTooLarge || error.code == Code::kConflict;
}

Json FindingJson(const ledger::Finding& finding) {
  return {{"entry", finding.entry},
          {"rule", finding.rule},
          {"name", finding.name},
          {"what", finding.what},
          {"see", finding.see}};
}

void PrintAsJson(const Verified& verified) {
  const ledger::AuditReport& report = verified.report;
  Json findings = Json::array();
  for (const ledger::Finding& finding : report.findings) findings.push_back(FindingJson(finding));
  PrintJson({{"verdict", ledger::VerdictName(report.verdict)},
             {"ok", report.verdict == ledger::Verdict::kValid},
             {"dir", verified.dir},
             {"name", report.name},
             {"peer", report.peer.IsZero() ? Json() : Json(report.peer.ToString())},
             {"key", verified.key.name.empty() ? Json() : Json(verified.key.ToVkey())},
             {"key_from", verified.key_from},
             {"entries", report.entries},
             {"root", verified.root},
             {"from", JsonTime(report.from)},
             {"to", JsonTime(report.to)},
             {"signatures", report.signatures},
             {"leases", report.leases},
             {"jobs", report.jobs},
             {"transfers", report.transfers},
             {"debits_micro", report.debits.micro},
             {"credits_micro", report.credits.micro},
             {"findings", std::move(findings)},
             {"more_findings", report.more_findings},
             {"unchecked", report.unchecked},
             {"seconds", verified.seconds}});
}

std::string Mark(bool good) {
  return good ? Styled(stdout, Style::kGood, "✓") : Styled(stdout, Style::kBad, "✗");
}

bool Breaks(const ledger::AuditReport& report, std::initializer_list<const char*> rules) {
  for (const ledger::Finding& finding : report.findings) {
    for (const char* rule : rules) {
      if (finding.rule == rule) return true;
    }
  }
  return false;
}

bool BreaksNamed(const ledger::AuditReport& report, const char* name) {
  for (const ledger::Finding& finding : report.findings) {
    if (finding.name == name) return true;
  }
  return false;
}

void PrintMarks(const ledger::AuditReport& r) {
  std::string line =
      fmt::format("{} {} signature{}  {} tree  {} times", Mark(!Breaks(r, {"R1"})),
                  WithCommas(r.signatures), r.signatures == 1 ? "" : "s",
                  Mark(!BreaksNamed(r, "the log is what was signed")), Mark(!Breaks(r, {"R4"})));
  if (r.leases > 0) {
    line += fmt::format("  {} {} lease{}", Mark(!Breaks(r, {"R5"})), WithCommas(r.leases),
                        r.leases == 1 ? "" : "s");
  }
  if (r.jobs > 0) {
    line += fmt::format("  {} {} job{}", Mark(!Breaks(r, {"R7"})), WithCommas(r.jobs),
                        r.jobs == 1 ? "" : "s");
  }
  if (r.transfers > 0) line += fmt::format("  {} debits = credits", Mark(!Breaks(r, {"R6"})));
  PrintFolded(line + "\n");
}

void PrintFinding(const Verified& verified, const ledger::Finding& finding) {
  PrintFolded(fmt::format("{} entry {} breaks {} \"{}\": {}\n", Styled(stdout, Style::kBad, "✗"),
                          finding.entry, finding.rule, finding.name, finding.what));
  std::string see = fmt::format("  see: souk-audit show {} {}", verified.dir, finding.entry);
  for (const uint64_t other : finding.see) {
    see += fmt::format(", souk-audit show {} {}", verified.dir, other);
  }
  if (verified.report.entries > 0) PrintFolded(see + "\n", /*indent=*/4);
}

void PrintAsText(const Verified& verified) {
  const ledger::AuditReport& report = verified.report;
  const bool opened = !verified.key.name.empty();
  if (opened) {
    Print(fmt::format("{}, {} entr{}, checkpoint signed (key from {})\n",
                      report.name.empty() ? verified.dir : report.name, WithCommas(report.entries),
                      report.entries == 1 ? "y" : "ies", verified.key_from));
    Print(Styled(stdout, Style::kFaint, report.peer.ToString()) + "\n");
    PrintMarks(report);
  } else {
    Print(verified.dir + "\n");
  }
  for (const ledger::Finding& finding : report.findings) {
    if (opened) {
      PrintFinding(verified, finding);
    } else {
      PrintFolded(fmt::format("{} {}\n", Styled(stdout, Style::kBad, "✗"), finding.what));
    }
  }
  if (report.more_findings > 0) Print(fmt::format("  … and {} more\n", report.more_findings));
  for (const std::string& unchecked : report.unchecked) {
    PrintFolded(fmt::format("{} {}\n", Styled(stdout, Style::kWarn, "?"), unchecked));
  }
  const bool valid = report.verdict == ledger::Verdict::kValid;
  Print(fmt::format(
      "{} {}\n",
      Styled(stdout, valid ? Style::kGood : Style::kBad, ledger::VerdictName(report.verdict)),
      FormatElapsed(verified.seconds)));
}

ledger::AuditReport AuditWithProgress(const ledger::LogReader& log, const VerifyOptions& options) {
  ProgressLine line;
  const auto start = Clock::now();
  ledger::AuditOptions audit{.threads = options.threads};
  if (IsTerminal(stderr)) {
    audit.progress = [&](uint64_t done, uint64_t total) {
      const double share = total == 0 ? 1 : static_cast<double>(done) / static_cast<double>(total);
      const double spent = SecondsSince(start);
      std::string left;
      if (share > 0.02 && spent > 0.5) {
        left = FormatElapsed(spent * (1 - share) / share) + " left";
      }
      line.Show("audit", fmt::format("entry {}", WithCommas(done)), share, left);
    };
  }
  return ledger::Audit(log, audit);
}

}  // namespace

int RunVerify(const AuditTarget& target, const VerifyOptions& options) {
  const auto start = Clock::now();
  if (!target.vkey.empty()) {
    const auto key = ledger::NoteVerifier::ParseVkey(target.vkey);
    if (!key) return Misuse(fmt::format("--key {}: {}", target.vkey, key.error().message));
  }
  auto opened = OpenLedger(target.dir, target.vkey);
  Verified verified;
  if (!opened) {
    if (!IsDamage(opened.error())) return Fail(opened.error());
    verified = Unopened(target, opened.error());
  } else {
    verified = {.dir = target.dir.string(), .key = opened->key, .key_from = opened->key_from};
    verified.root = ToBase64(opened->log().head().root.view());
    verified.report = AuditWithProgress(opened->log(), options);
  }
  verified.seconds = SecondsSince(start);
  if (target.json) {
    PrintAsJson(verified);
  } else {
    PrintAsText(verified);
  }
  return verified.report.verdict == ledger::Verdict::kValid ? kDone : kFailed;
}

}  // namespace souk::tools
