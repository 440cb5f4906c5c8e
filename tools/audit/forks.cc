// souk-audit compare and check-fork: whether two copies of a log are one history, and proof that
// they are not (R3).
#include <fmt/format.h>

#include <chrono>
#include <thread>

#include "ledger/witness/fork_evidence.h"
#include "protocol/base/file.h"
#include "protocol/text.h"
#include "tools/audit/commands.h"
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

Result<Compared> Compare(const OpenedLedger& one, const OpenedLedger& other) {
  if (one.key.name != other.key.name || one.key.key != other.key.key) {
    return Error(Code::kInvalidArgument,
                 fmt::format("these are two logs, not two copies of one: {} and {}",
                             one.key.ToVkey(), other.key.ToVkey()));
  }
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

// Writes proof of a fork, and says so. `fork` has evidence.
Result<std::string> WriteProof(const ledger::HeadComparison& fork,
                               const std::filesystem::path& out) {
  const std::filesystem::path file = out.empty() ? "log.fork" : out;
  RETURN_IF_ERROR(WriteFileAtomic(file, AsBytes(fork.evidence->ToText())));
  return file.string();
}

void PrintProof(const std::string& proof, const ledger::NoteVerifier& key) {
  Print(fmt::format("  proof that anyone can check: {}\n  souk-audit check-fork {} --key '{}'\n",
                    proof, proof, key.ToVkey()));
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
