// souk-audit compare and check-fork: whether two copies of a log are one history, and proof that
// they are not (R3).
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "ledger/c2sp/proof.h"
#include "ledger/witness/fork_evidence.h"
#include "protocol/base/file.h"
#include "protocol/text.h"
#include "tools/audit/commands.h"
#include "tools/audit/evidence.h"
#include "tools/audit/open_ledger.h"
#include "tools/common/json.h"
#include "tools/common/terminal.h"

namespace souk::tools {
namespace {

struct Compared {
  ledger::HeadComparison heads = {};
  uint64_t sizes[2] = {};
  // The first entry that differs; none where the smaller is a beginning of the larger.
  std::optional<uint64_t> differs = {};
};

// Both hold the roots of all their sizes: the first that differs is found by halving.
Result<std::optional<uint64_t>> FirstDifference(const ledger::LogReader& a,
                                                const ledger::LogReader& b) {
  uint64_t same = 0;
  uint64_t end = std::min(a.signed_size(), b.signed_size());
  const auto agree = [&](uint64_t size) -> Result<bool> {
    ASSIGN_OR_RETURN(const Digest one, a.RootAt(size));
    ASSIGN_OR_RETURN(const Digest other, b.RootAt(size));
    return one == other;
  };
  ASSIGN_OR_RETURN(const bool all, agree(end));
  if (all) return std::optional<uint64_t>();
  while (end - same > 1) {
    const uint64_t middle = same + (end - same) / 2;
    ASSIGN_OR_RETURN(const bool here, agree(middle));
    (here ? same : end) = middle;
  }
  return std::optional<uint64_t>(same);
}

Status CheckSameLog(const ledger::NoteVerifier& one, const ledger::NoteVerifier& other) {
  if (one.name == other.name && one.key == other.key) return Ok();
  return Error(Code::kInvalidArgument,
               fmt::format("these are two logs, not two copies of one: {} and {}", one.ToVkey(),
                           other.ToVkey()));
}

Result<Compared> Compare(const OpenedLedger& one, const OpenedLedger& other) {
  RETURN_IF_ERROR(CheckSameLog(one.key, other.key));
  const bool ordered = one.log().signed_size() <= other.log().signed_size();
  const ledger::LogReader& earlier = ordered ? one.log() : other.log();
  const ledger::LogReader& later = ordered ? other.log() : one.log();
  Compared out;
  out.sizes[0] = one.log().signed_size();
  out.sizes[1] = other.log().signed_size();
  ASSIGN_OR_RETURN(out.differs, FirstDifference(earlier, later));
  ASSIGN_OR_RETURN(const auto proof, later.Consistency(earlier.signed_size()));
  ASSIGN_OR_RETURN(const Digest claimed, later.RootAt(earlier.signed_size()));
  ASSIGN_OR_RETURN(out.heads, ledger::CompareHeads(earlier.checkpoint(), later.checkpoint(),
                                                   {&one.key, 1}, proof, claimed));
  return out;
}

Json ForkJson(const ledger::Fork& fork) {
  return {{"origin", fork.earlier.origin},
          {"size", fork.earlier.size},
          {"root", ToBase64(fork.earlier.root.view())},
          {"other_root", ToBase64(fork.other_root.view())},
          {"later_size", fork.later.size}};
}

std::string ForkText(const ledger::Fork& fork) {
  return fmt::format(
      "  for its first {} entries this log signed root\n    {}\n  and {} root\n    {}\n",
      fork.earlier.size, ToBase64(fork.earlier.root.view()),
      fork.later.size == fork.earlier.size
          ? std::string("also")
          : fmt::format("its head of {} entries has", fork.later.size),
      ToBase64(fork.other_root.view()));
}

// Without a name of the caller's choice: log.fork, log-2.fork … which holds this or is not there
// yet.
std::filesystem::path FreeProofName(const std::string& text) {
  constexpr int kMost = 1000;  // beyond, the last one is written anew
  for (int i = 1;; ++i) {
    const std::filesystem::path file = i == 1 ? "log.fork" : fmt::format("log-{}.fork", i);
    std::error_code error;
    if (i == kMost || !std::filesystem::exists(file, error)) return file;
    const auto held = ReadFile(file, text.size());
    if (held && AsText(*held) == text) return file;
  }
}

// Writes proof of a fork, and says where. `fork` has evidence.
Result<std::string> WriteProof(const ledger::HeadComparison& fork,
                               const std::filesystem::path& out) {
  const std::string text = fork.evidence->ToText();
  const std::filesystem::path file = out.empty() ? FreeProofName(text) : out;
  RETURN_IF_ERROR(WriteFileAtomic(file, AsBytes(text)));
  return file.string();
}

void PrintProof(const std::string& proof, const ledger::NoteVerifier& key) {
  Print(fmt::format("  proof that anyone can check: {}\n  souk-audit check-fork {} --key '{}'\n",
                    proof, proof, key.ToVkey()));
}

// ---- Evidence bundles: single checkpoints of a log, each of which must be one of its history
// -----

// What a bundle's checkpoints and another copy say about each other.
struct ComparedNotes {
  std::optional<ledger::HeadComparison> fork = {};
  size_t compared = 0;
  size_t open = 0;  // of these the other copy cannot tell
};

// The checkpoints under which the bundle's entries are proven.
Result<std::vector<std::string>> NotesOf(const OpenedEvidence& bundle) {
  std::vector<std::string> notes;
  for (const ledger::EvidenceLeaf& leaf : bundle.evidence.leaves) {
    ASSIGN_OR_RETURN(const ledger::TlogProof proof, ledger::ParseProof(leaf.proof));
    if (std::find(notes.begin(), notes.end(), proof.checkpoint) == notes.end()) {
      notes.push_back(proof.checkpoint);
    }
  }
  return notes;
}

void Count(ledger::HeadComparison heads, ComparedNotes& out) {
  using enum ledger::HeadComparison::Verdict;
  ++(heads.verdict == kUnproven ? out.open : out.compared);
  if (heads.verdict == kFork && !out.fork) out.fork = std::move(heads);
}

Result<ComparedNotes> CompareToLog(const OpenedEvidence& bundle, const OpenedLedger& copy) {
  RETURN_IF_ERROR(CheckSameLog(bundle.key, copy.key));
  ASSIGN_OR_RETURN(const std::vector<std::string> notes, NotesOf(bundle));
  const ledger::LogReader& log = copy.log();
  ComparedNotes out;
  for (const std::string& note : notes) {
    ASSIGN_OR_RETURN(const ledger::Checkpoint head, ledger::OpenCheckpoint(note, bundle.key));
    if (head.size > log.signed_size()) {
      ++out.open;
      continue;
    }
    ASSIGN_OR_RETURN(const auto proof, log.Consistency(head.size));
    ASSIGN_OR_RETURN(const Digest claimed, log.RootAt(head.size));
    ASSIGN_OR_RETURN(auto heads,
                     ledger::CompareHeads(note, log.checkpoint(), {&copy.key, 1}, proof, claimed));
    Count(std::move(heads), out);
  }
  return out;
}

// Only heads of one size can be told apart here.
Result<ComparedNotes> CompareBundles(const OpenedEvidence& one, const OpenedEvidence& other) {
  RETURN_IF_ERROR(CheckSameLog(one.key, other.key));
  ASSIGN_OR_RETURN(const std::vector<std::string> ours, NotesOf(one));
  ASSIGN_OR_RETURN(const std::vector<std::string> theirs, NotesOf(other));
  ComparedNotes out;
  for (const std::string& a : ours) {
    for (const std::string& b : theirs) {
      ASSIGN_OR_RETURN(auto heads, ledger::CompareHeads(a, b, {&one.key, 1}));
      Count(std::move(heads), out);
    }
  }
  return out;
}

Result<ComparedNotes> CompareEvidence(const CompareCommand& command, ledger::NoteVerifier& key) {
  const bool first = IsEvidence(command.one);
  ASSIGN_OR_RETURN(const OpenedEvidence bundle,
                   OpenSoundEvidence(first ? command.one : command.other, command.vkey));
  key = bundle.key;
  const std::filesystem::path& rest = first ? command.other : command.one;
  if (IsEvidence(rest)) {
    ASSIGN_OR_RETURN(const OpenedEvidence other, OpenSoundEvidence(rest, command.vkey));
    return CompareBundles(bundle, other);
  }
  auto copy = OpenLedger(rest, command.vkey);
  if (!copy) return copy.error().Within(rest.string());
  return CompareToLog(bundle, *copy);
}

int RunCompareEvidence(const CompareCommand& command) {
  ledger::NoteVerifier key;
  const auto compared = CompareEvidence(command, key);
  if (!compared) return Fail(compared.error());
  Result<std::string> proof = std::string();
  if (compared->fork) proof = WriteProof(*compared->fork, command.out);
  if (!proof) return Fail(proof.error());
  const bool whole = !compared->fork && compared->open == 0 && compared->compared > 0;
  const char* const verdict = compared->fork ? "FORK" : whole ? "CONSISTENT" : "INCOMPLETE";
  if (command.json) {
    Json out = {{"verdict", verdict},
                {"ok", whole},
                {"key", key.ToVkey()},
                {"checkpoints", compared->compared},
                {"not_compared", compared->open}};
    if (compared->fork) out["proof"] = *proof;
    PrintJson(out);
    return whole ? kDone : kFailed;
  }
  if (compared->fork) {
    Print(fmt::format("{} of {}: the evidence is of another history\n",
                      Styled(stdout, Style::kBad, verdict), key.name));
    PrintProof(*proof, key);
  } else if (whole) {
    Print(fmt::format("{} one history: {} checkpoint{} of the evidence stand{} in it\n",
                      Styled(stdout, Style::kGood, verdict), compared->compared,
                      compared->compared == 1 ? "" : "s", compared->compared == 1 ? "s" : ""));
  } else {
    PrintFolded(
        fmt::format("{}: of {} checkpoint{} the other copy cannot tell; a longer copy of "
                    "the log would be needed\n",
                    verdict, compared->open, compared->open == 1 ? "" : "s"));
  }
  return whole ? kDone : kFailed;
}

// Copies of one log, looked at again and again: each against the largest that was seen.
class Watch {
 public:
  explicit Watch(const WatchCommand& command) : command_(command) {}

  // One look at all; an exit code where it is over.
  std::optional<int> Look() {
    for (const std::filesystem::path& source : command_.sources) {
      auto opened = OpenLedger(source, command_.vkey);
      // A source that is away now may be back the next time.
      if (!opened && opened.error().code == Code::kUnavailable) {
        Say(source, "is away: " + opened.error().message, {{"away", true}});
        continue;
      }
      if (!opened) return Fail(opened.error().Within(source.string()));
      if (!largest_) {
        Say(source, Sizes(opened->log()), {{"size", opened->log().signed_size()}});
        largest_ = std::make_unique<OpenedLedger>(std::move(*opened));
        continue;
      }
      const auto compared = Compare(*largest_, *opened);
      if (!compared) return Fail(compared.error().Within(source.string()));
      if (compared->heads.evidence) return Forked(source, *compared);
      Say(source, Sizes(opened->log()), {{"size", opened->log().signed_size()}});
      if (opened->log().signed_size() > largest_->log().signed_size()) {
        largest_ = std::make_unique<OpenedLedger>(std::move(*opened));
      }
    }
    return std::nullopt;
  }

 private:
  static std::string Sizes(const ledger::LogReader& log) {
    return fmt::format("{} entries, one history so far", log.signed_size());
  }
  void Say(const std::filesystem::path& source, const std::string& sentence, Json what) const {
    if (command_.json) {
      what["source"] = source.string();
      Print(what.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
    } else {
      Print(fmt::format("{}: {}\n", source.string(), sentence));
    }
  }
  int Forked(const std::filesystem::path& source, const Compared& compared) {
    const auto proof = WriteProof(compared.heads, command_.out);
    if (!proof) return Fail(proof.error());
    Say(source,
        fmt::format("{} of {}: it differs from entry {} on", Styled(stdout, Style::kBad, "FORK"),
                    largest_->key.name, compared.differs.value_or(0)),
        {{"verdict", "FORK"},
         {"first_difference", compared.differs.value_or(0)},
         {"key", largest_->key.ToVkey()},
         {"proof", *proof}});
    if (!command_.json) PrintProof(*proof, largest_->key);
    return kFailed;
  }

  const WatchCommand& command_;
  std::unique_ptr<OpenedLedger> largest_ = {};
};

}  // namespace

int RunCompare(const CompareCommand& command) {
  if (IsEvidence(command.one) || IsEvidence(command.other)) return RunCompareEvidence(command);
  const auto one = OpenLedger(command.one, command.vkey);
  if (!one) return Fail(one.error().Within(command.one.string()));
  const auto other = OpenLedger(command.other, command.vkey);
  if (!other) return Fail(other.error().Within(command.other.string()));
  const auto compared = Compare(*one, *other);
  if (!compared) return Fail(compared.error());
  const bool forked = compared->heads.evidence.has_value();
  Result<std::string> proof = std::string();
  if (forked) proof = WriteProof(compared->heads, command.out);
  if (!proof) return Fail(proof.error());
  if (command.json) {
    Json out = {{"verdict", forked ? "FORK" : "CONSISTENT"},
                {"ok", !forked},
                {"key", one->key.ToVkey()},
                {"sizes", {compared->sizes[0], compared->sizes[1]}},
                {"first_difference", compared->differs ? Json(*compared->differs) : Json()}};
    if (forked) out["proof"] = *proof;
    PrintJson(out);
    return forked ? kFailed : kDone;
  }
  if (!forked) {
    Print(fmt::format("{} one history: {} and {} entries, the longer continues the shorter\n",
                      Styled(stdout, Style::kGood, "CONSISTENT"), compared->sizes[0],
                      compared->sizes[1]));
    return kDone;
  }
  Print(fmt::format("{} of {}: the copies differ from entry {} on\n",
                    Styled(stdout, Style::kBad, "FORK"), one->key.name,
                    compared->differs.value_or(0)));
  PrintProof(*proof, one->key);
  return kFailed;
}

int RunWatch(const WatchCommand& command) {
  const auto every = ParseDuration(command.every);
  if (!every) return Misuse("--every: " + every.error().message);
  Watch watch(command);
  for (uint64_t round = 1;; ++round) {
    if (const auto over = watch.Look()) return *over;
    if (command.rounds != 0 && round >= command.rounds) return kDone;
    std::this_thread::sleep_for(std::chrono::milliseconds(every->ms));
  }
}

int RunCheckFork(const std::filesystem::path& file, const std::string& vkey, bool json) {
  const auto key = ledger::NoteVerifier::ParseVkey(vkey);
  if (!key) return Misuse("--key: " + key.error().message);
  const auto text = ReadFile(file, ledger::kMaxForkEvidenceBytes);
  if (!text) return Fail(text.error());
  const auto evidence = ledger::ParseForkEvidence(AsText(*text));
  const auto fork = evidence ? ledger::VerifyForkEvidence(*evidence, {&*key, 1})
                             : Result<ledger::Fork>(evidence.error());
  if (json) {
    Json out = fork ? ForkJson(*fork) : Json{{"error", fork.error().message}};
    out["verdict"] = fork ? "FORK PROVEN" : "NOTHING PROVEN";
    out["ok"] = fork.has_value();
    PrintJson(out);
    return fork ? kDone : kFailed;
  }
  if (!fork) {
    Print(fmt::format("{}: {}\n", Styled(stdout, Style::kBad, "NOTHING PROVEN"),
                      fork.error().message));
    return kFailed;
  }
  Print(fmt::format("{}: {} signed two histories\n{}", Styled(stdout, Style::kGood, "FORK PROVEN"),
                    fork->earlier.origin, ForkText(*fork)));
  return kDone;
}

}  // namespace souk::tools
