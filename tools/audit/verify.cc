// souk-audit verify: the whole of R3 to R6 that one log can show.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <optional>

#include "ledger/audit/audit_cosigned.h"
#include "ledger/audit/audit_omissions.h"
#include "protocol/base/file.h"
#include "protocol/entry.h"
#include "protocol/text.h"
#include "tools/audit/commands.h"
#include "tools/audit/log_source.h"
#include "tools/audit/pace.h"
#include "tools/common/json.h"
#include "tools/common/terminal.h"

namespace souk::tools {
namespace {

using Clock = std::chrono::steady_clock;

// Of the year 9999: what a stranger signs is shown within it.
constexpr uint64_t kLastSecond = 253'402'300'799;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

struct Verified {
  std::string dir = {};
  ledger::AuditReport report = {};
  ledger::NoteVerifier key = {};
  std::string key_from = {};
  std::string root = {};  // base64, as the checkpoint says it
  // What an earlier audit found is believed of it, as sentences.
  std::vector<std::string> believed = {};
  uint64_t bytes = 0;  // of the database's files
  double seconds = 0;

  uint64_t BytesPerLease() const { return report.leases == 0 ? 0 : bytes / report.leases; }
};

// What could not even be opened: the tree, the checkpoint or the database broke R3.
Verified Unopened(const AuditTarget& target, const Error& error) {
  Verified out{.dir = target.dir.string()};
  out.report.verdict = ledger::Verdict::kInvalid;
  out.report.findings.push_back({0, "R3", "the log is what was signed", error.message, {}});
  return out;
}

// Without the file nothing says what was signed; with a newer copy of it something would.
Verified WithoutCheckpoint(const AuditTarget& target) {
  Verified out{.dir = target.dir.string()};
  out.report.verdict = ledger::Verdict::kIncomplete;
  out.report.unchecked.push_back(
      "the checkpoint file beside the ledger is missing: nothing says which entries were signed, "
      "and whether these are all. Needed: that file, or a copy of the log from a mirror. What to "
      "do: souk-audit verify --repair-plan " +
      target.dir.string());
  return out;
}

bool LacksCheckpoint(const std::filesystem::path& where) {
  const std::filesystem::path dir = NodeDirectory(where);
  std::error_code error;
  return std::filesystem::exists(dir / "ledger" / "CURRENT", error) &&
         !std::filesystem::exists(dir / "checkpoint", error) && !error;
}

bool IsDamage(const Error& error) {
  return error.code == Code::kCorrupt || error.code == Code::kBadSignature ||
         error.code == Code::kMismatch || error.code == Code::kMalformed ||
         error.code == Code::kTooLarge || error.code == Code::kConflict;
}

Json WithJson(const ledger::AuditReport& report) {
  Json with = Json::array();
  for (const ledger::AuditedCounterparty& one : report.with) {
    with.push_back({{"name", one.name},
                    {"peer", one.peer.ToString()},
                    {"key_from", one.key_from},
                    {"leases", one.leases},
                    {"documents", one.documents},
                    {"roots", one.roots}});
  }
  return with;
}

Json WitnessesJson(const ledger::AuditReport& report) {
  Json witnesses = Json::array();
  for (const ledger::AuditedWitness& one : report.witnesses) {
    witnesses.push_back({{"name", one.name},
                         {"size", one.cosigned ? Json(one.size) : Json()},
                         {"seconds", one.cosigned ? Json(one.seconds) : Json()}});
  }
  return witnesses;
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
             {"with", WithJson(report)},
             {"witnesses", WitnessesJson(report)},
             {"quorum", report.quorum},
             {"resumed_from", report.resumed_from},
             {"signatures_from", report.trusted},
             {"believed", verified.believed},
             {"bytes", verified.bytes},
             {"bytes_per_lease", report.leases == 0 ? Json() : Json(verified.BytesPerLease())},
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

// "", or ", 2 of 3 witnesses".
std::string WitnessCount(const ledger::AuditReport& report) {
  if (report.witnesses.empty()) return "";
  const auto cosigned =
      std::count_if(report.witnesses.begin(), report.witnesses.end(),
                    [](const ledger::AuditedWitness& witness) { return witness.cosigned; });
  return fmt::format(", {} of {} witness{}", cosigned, report.witnesses.size(),
                     report.witnesses.size() == 1 ? "" : "es");
}

std::string Counted(uint64_t count, const char* what) {
  return fmt::format("{} {}{}", WithCommas(count), what, count == 1 ? "" : "s");
}

void PrintOthers(const ledger::AuditReport& report) {
  for (const ledger::AuditedWitness& one : report.witnesses) {
    if (!one.cosigned) continue;
    const Time at{static_cast<int64_t>(std::min<uint64_t>(one.seconds, kLastSecond)) * 1000};
    PrintFolded(fmt::format("{} {} cosigned {} at {}\n", Mark(true), one.name,
                            one.size == 1 ? "1 entry" : WithCommas(one.size) + " entries",
                            FormatTime(at)));
  }
  for (const ledger::AuditedCounterparty& one : report.with) {
    PrintFolded(
        fmt::format("{} of what {} has (key from {}), {} and {} stand here; it tells of {}\n",
                    Mark(true), one.name, one.key_from, Counted(one.documents, "document"),
                    Counted(one.roots, "root"), Counted(one.leases, "lease")));
  }
}

void PrintAsText(const Verified& verified) {
  const ledger::AuditReport& report = verified.report;
  const bool opened = !verified.key.name.empty();
  if (opened) {
    PrintFolded(fmt::format("{}, {} entr{}, checkpoint signed (key from {}){}\n",
                            report.name.empty() ? verified.dir : report.name,
                            WithCommas(report.entries), report.entries == 1 ? "y" : "ies",
                            verified.key_from, WitnessCount(report)));
    Print(Styled(stdout, Style::kFaint, report.peer.ToString()) + "\n");
    PrintMarks(report);
    PrintOthers(report);
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
  for (const std::string& believed : verified.believed) {
    PrintFolded(fmt::format("{} {}\n", Styled(stdout, Style::kWarn, "?"), believed));
  }
  for (const std::string& unchecked : report.unchecked) {
    PrintFolded(fmt::format("{} {}\n", Styled(stdout, Style::kWarn, "?"), unchecked));
  }
  const bool valid = report.verdict == ledger::Verdict::kValid;
  std::string line = fmt::format(
      "{} {}",
      Styled(stdout, valid ? Style::kGood : Style::kBad, ledger::VerdictName(report.verdict)),
      FormatElapsed(verified.seconds));
  if (verified.bytes > 0) line += fmt::format("; {} on disk", FormatSize(verified.bytes));
  if (report.leases > 0 && verified.bytes > 0) {
    line += fmt::format(", {} per lease", FormatSize(verified.BytesPerLease()));
  }
  PrintFolded(line + "\n");
}

// What the options name: at most one of the two.
struct Earlier {
  std::optional<ledger::SavedAudit> saved = {};
  std::optional<ledger::Checkpoint> from = {};

  uint64_t size() const { return saved ? saved->head().size : from ? from->size : 0; }
};

ledger::AuditReport AuditWithProgress(const ledger::LogReader& log, const VerifyOptions& options,
                                      Earlier earlier) {
  ProgressLine line;
  const auto start = Clock::now();
  ledger::AuditOptions audit{.threads = options.threads, .save = !options.save.empty()};
  if (earlier.from) audit.trusted = earlier.from->size;
  const uint64_t resumed = earlier.saved ? earlier.saved->head().size : 0;
  if (IsTerminal(stderr)) {
    audit.progress = [&, resumed](uint64_t done, uint64_t total) {
      const auto part = [](uint64_t a, uint64_t b) {
        return b == 0 ? 1 : static_cast<double>(a) / static_cast<double>(b);
      };
      const double share = part(done - resumed, total - resumed);
      const double spent = SecondsSince(start);
      std::string left;
      if (share > 0.02 && spent > 0.5) {
        left = FormatElapsed(spent * (1 - share) / share) + " left";
      }
      line.Show("audit", fmt::format("entry {}", WithCommas(done)), part(done, total), left);
    };
  }
  return earlier.saved ? ledger::Audit(log, std::move(*earlier.saved), audit)
                       : ledger::Audit(log, audit);
}

// A whole ledger's, gigabytes of leases among them.
constexpr size_t kMaxSavedBytes = size_t{4} << 30;

// What is wrong with it says nothing of the log.
Result<Bytes> ReadOption(const std::filesystem::path& file, size_t most) {
  auto bytes = ReadFile(file, most);
  if (!bytes && IsDamage(bytes.error())) {
    return Error(Code::kInvalidArgument, bytes.error().message);
  }
  return bytes;
}

// With the key that was found: reads what the options name.
Result<ledger::Checkpoint> ReadEarlier(const VerifyOptions& options,
                                       const ledger::NoteVerifier& key, Earlier& out) {
  if (!options.resume.empty()) {
    if (!out.saved) {
      ASSIGN_OR_RETURN(const Bytes file, ReadOption(options.resume, kMaxSavedBytes));
      auto saved = ledger::SavedAudit::Parse(file, key);
      if (!saved) {
        return Error(Code::kInvalidArgument,
                     options.resume.string() + ": " + saved.error().message);
      }
      out.saved = std::move(*saved);
    }
    return out.saved->head();
  }
  ASSIGN_OR_RETURN(const Bytes note, ReadOption(options.from, ledger::kMaxNoteBytes));
  auto head = ledger::OpenCheckpoint(AsText(note), key);
  if (!head) {
    return Error(Code::kInvalidArgument, options.from.string() + ": " + head.error().message);
  }
  out.from = *head;
  return *head;
}

std::vector<std::string> Believed(const VerifyOptions& options, const Earlier& earlier) {
  if (earlier.size() == 0) return {};
  const std::string entries = fmt::format("entries 0 to {}", WithCommas(earlier.size() - 1));
  if (earlier.saved) {
    return {
        fmt::format("{} were not read again: what {} says of them was believed; the log "
                    "continues their tree",
                    entries, options.resume.string())};
  }
  return {fmt::format("{} stand under {}: their signatures were believed", entries,
                      options.from.string())};
}

uint64_t BytesOnDisk(const std::filesystem::path& dir) {
  uint64_t bytes = 0;
  std::error_code error;
  for (std::filesystem::directory_iterator at(NodeDirectory(dir) / "ledger", error), end;
       !error && at != end; at.increment(error)) {
    std::error_code gone;  // a node at work deletes files
    const uintmax_t size = at->file_size(gone);
    if (!gone) bytes += size;
  }
  return bytes;
}

// A node's directory changes by its node alone.
Status CheckOutside(const std::filesystem::path& file, const std::filesystem::path& dir) {
  std::error_code error;
  const auto where = std::filesystem::weakly_canonical(file, error);
  const auto node = std::filesystem::weakly_canonical(NodeDirectory(dir), error);
  const auto at = std::mismatch(node.begin(), node.end(), where.begin(), where.end());
  if (error || at.first != node.end()) return Ok();
  return Error(Code::kInvalidArgument, "--save: an audit writes nothing into " + dir.string());
}

Status Save(const ledger::AuditReport& report, const std::filesystem::path& file) {
  if (report.saved.empty()) {
    return Error(Code::kCorrupt, "nothing was saved: the log could not be read to its end");
  }
  return WriteFileAtomic(file, report.saved, 0600);
}

// The checkpoints that witnesses cosigned, as bytes, with what to call them. Read before the log:
// what a node at work cosigns later would lie beyond it.
struct CosignedNote {
  std::string from = {};
  std::string note = {};
  // The log's own checkpoint, a file that the reader named, or the node's, on which nothing rests.
  enum class Kind : uint8_t { kOwn, kNamed, kBeside };
  Kind kind = Kind::kOwn;
};

Result<std::vector<CosignedNote>> ReadCosigned(const AuditTarget& target,
                                               const VerifyOptions& options) {
  std::vector<CosignedNote> notes;
  if (options.witnesses.empty()) return notes;
  const std::filesystem::path beside = NodeDirectory(target.dir) / ledger::kCosignedFile;
  if (auto note = ReadFile(beside, ledger::kMaxNoteBytes)) {
    notes.push_back({beside.string(), std::string(AsText(*note)), CosignedNote::Kind::kBeside});
  }
  for (const std::filesystem::path& file : options.cosigned) {
    ASSIGN_OR_RETURN(const Bytes note, ReadOption(file, ledger::kMaxNoteBytes));
    notes.push_back({file.string(), std::string(AsText(note)), CosignedNote::Kind::kNamed});
  }
  return notes;
}

Result<ledger::TrustPolicy> Witnesses(const VerifyOptions& options) {
  ledger::TrustPolicy policy;
  for (const std::string& vkey : options.witnesses) {
    auto witness = ledger::NoteVerifier::ParseVkey(vkey, ledger::NoteKeyType::kCosignature);
    if (!witness) return witness.error().Within("--witness " + vkey);
    policy.witnesses.push_back(std::move(*witness));
  }
  const size_t count = policy.witnesses.size();
  policy.quorum = options.quorum.value_or(ledger::SafeQuorum(count));
  // The log's key is found with the log.
  ledger::TrustPolicy checked = policy;
  checked.logs.emplace_back();
  RETURN_IF_ERROR(checked.Check());
  return policy;
}

// A note that the reader named and that is not this log's is a mistake; the log's own checkpoint
// with a witness's bad signature on it is a finding.
Status HoldAgainstWitnesses(const ledger::LogReader& log, const ledger::NoteVerifier& key,
                            std::vector<CosignedNote> notes, ledger::TrustPolicy policy,
                            ledger::AuditReport& report) {
  if (policy.witnesses.empty()) return Ok();
  policy.logs = {key};
  ledger::TrustPolicy any = policy;
  any.quorum = 0;
  notes.push_back({"the checkpoint", log.checkpoint(), CosignedNote::Kind::kOwn});
  std::vector<ledger::CosignedCheckpoint> heads;
  for (const CosignedNote& note : notes) {
    auto head = ledger::OpenCosigned(note.note, any);
    if (head) {
      heads.push_back(std::move(*head));
    } else if (note.kind == CosignedNote::Kind::kNamed) {
      return Error(Code::kInvalidArgument, note.from + ": " + head.error().message);
    } else if (note.kind == CosignedNote::Kind::kBeside) {
      report.unchecked.push_back(note.from +
                                 " is no checkpoint of this log: " + head.error().message);
    } else {
      report.verdict = ledger::Verdict::kInvalid;
      report.findings.push_back({log.signed_size() == 0 ? 0 : log.signed_size() - 1,
                                 "R3",
                                 "the log is what was signed",
                                 note.from + ": " + head.error().message,
                                 {}});
    }
  }
  ledger::AuditCosigned(log, heads, policy, report);
  return Ok();
}

Status HoldAgainstOthers(const ledger::LogReader& log, const VerifyOptions& options,
                         ledger::AuditReport& report) {
  if (options.with.empty()) return Ok();
  std::vector<std::unique_ptr<LogSource>> sources;
  std::vector<ledger::LogPart> parts;
  for (const std::string& key : options.with_keys) {
    const auto parsed = ledger::NoteVerifier::ParseVkey(key);
    if (!parsed) return parsed.error().Within("--with-key " + key);
  }
  for (const std::filesystem::path& dir : options.with) {
    auto source = OpenLogSource(dir, options.with_keys);
    if (!source) return source.error().Within("--with");
    parts.push_back((*source)->Part());
    sources.push_back(std::move(*source));
  }
  for (const std::string& key : options.with_keys) {
    if (std::any_of(sources.begin(), sources.end(), [&](const std::unique_ptr<LogSource>& source) {
          return source->key().ToVkey() == key;
        })) {
      continue;
    }
    return Error(Code::kInvalidArgument, "--with-key " + key + " is the key of none of these");
  }
  const Status held = ledger::AuditOmissions(log, parts, report);
  return held ? held : held.error().Within("--with");
}

Verified VerifiedEvidence(const AuditTarget& target, const OpenedEvidence& bundle,
                          Clock::time_point start) {
  Verified verified{.dir = target.dir.string(), .key = bundle.key, .key_from = bundle.key_from};
  verified.report = ledger::AuditEvidence(bundle.evidence, bundle.key);
  if (target.vkey.empty()) {
    verified.report.unchecked.insert(
        verified.report.unchecked.begin(),
        "the key came with the bundle: give the peer's own with --key");
  }
  verified.seconds = SecondsSince(start);
  return verified;
}

int Report(const Verified& verified, const AuditTarget& target) {
  if (target.json) {
    PrintAsJson(verified);
  } else {
    PrintAsText(verified);
  }
  return verified.report.verdict == ledger::Verdict::kValid ? kDone : kFailed;
}

std::vector<std::filesystem::path> Directories(const AuditTarget& target,
                                               const VerifyOptions& options) {
  std::vector<std::filesystem::path> all = options.with;
  all.push_back(target.dir);
  return all;
}

}  // namespace

int RunVerify(const AuditTarget& target, const VerifyOptions& options) {
  const auto start = Clock::now();
  if (!target.vkey.empty()) {
    const auto key = ledger::NoteVerifier::ParseVkey(target.vkey);
    if (!key) return Misuse(fmt::format("--key {}: {}", target.vkey, key.error().message));
  }
  if (IsEvidence(target.dir)) {
    if (!options.save.empty() || !options.resume.empty() || !options.from.empty() ||
        !options.with.empty() || !options.witnesses.empty()) {
      return Misuse(
          "--from, --resume, --save, --with and --witness are for ledgers, and this is an evidence "
          "bundle");
    }
    const auto bundle = OpenEvidence(target.dir, target.vkey);
    if (!bundle) return Fail(bundle.error());
    return Report(VerifiedEvidence(target, *bundle, start), target);
  }
  if (!options.save.empty()) {
    const Status outside = CheckOutside(options.save, target.dir);
    if (!outside) return Misuse(outside.error().message);
  }
  bool live = false;
  for (const std::filesystem::path& dir : Directories(target, options)) {
    live = live || (!options.full_speed && YieldToNode(NodeDirectory(dir)));
  }
  if (live && IsTerminal(stderr)) {
    std::fputs("a node is at work here: read in its pauses (--full-speed does not wait)\n", stderr);
  }
  const auto policy = Witnesses(options);
  if (!policy) return Misuse(policy.error().message);
  auto cosigned = ReadCosigned(target, options);
  if (!cosigned) return Fail(cosigned.error());
  Earlier earlier;
  ledger::LedgerView::Options view;
  if (!options.resume.empty() || !options.from.empty()) {
    view.known = [&](const ledger::NoteVerifier& key) {
      return ReadEarlier(options, key, earlier);
    };
    view.skip_known = !options.resume.empty();
  }
  auto opened = OpenLedger(target.dir, target.vkey, view);
  Verified verified;
  Status saved = Ok();
  if (!opened) {
    if (LacksCheckpoint(target.dir)) {
      const auto found = FindLedger(target.dir, target.vkey);
      if (!found && !IsDamage(found.error())) return Fail(found.error());
      verified = WithoutCheckpoint(target);
    } else if (IsDamage(opened.error())) {
      verified = Unopened(target, opened.error());
    } else {
      return Fail(opened.error());
    }
  } else {
    verified = {.dir = target.dir.string(), .key = opened->key, .key_from = opened->key_from};
    verified.root = ToBase64(opened->log().head().root.view());
    verified.believed = Believed(options, earlier);
    verified.report = AuditWithProgress(opened->log(), options, std::move(earlier));
    verified.bytes = BytesOnDisk(target.dir);
    const Status witnessed = HoldAgainstWitnesses(opened->log(), opened->key, std::move(*cosigned),
                                                  *policy, verified.report);
    if (!witnessed) return Fail(witnessed.error());
    const Status complete = HoldAgainstOthers(opened->log(), options, verified.report);
    if (!complete) return Fail(complete.error());
    if (!options.save.empty()) saved = Save(verified.report, options.save);
  }
  verified.seconds = SecondsSince(start);
  const int code = Report(verified, target);
  return saved ? code : Fail(saved.error());
}

}  // namespace souk::tools
