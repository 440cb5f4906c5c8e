// souk-audit compare and check-fork: whether two copies of a log are one history, and proof that
// they are not (R3).
#include <fmt/format.h>

#include "ledger/witness/fork_evidence.h"
#include "protocol/base/file.h"
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

}  // namespace

int RunCompare(const CompareCommand& command) {
  const auto one = OpenLedger(command.one, command.vkey);
  if (!one) return Fail(one.error().Within(command.one.string()));
  const auto other = OpenLedger(command.other, command.vkey);
  if (!other) return Fail(other.error().Within(command.other.string()));
  const auto compared = Compare(*one, *other);
  if (!compared) return Fail(compared.error());
  const bool forked = compared->heads.evidence.has_value();
  std::string proof;
  if (forked) {
    proof = command.out.empty() ? "log.fork" : command.out.string();
    const auto wrote = WriteFileAtomic(proof, AsBytes(compared->heads.evidence->ToText()));
    if (!wrote) return Fail(wrote.error());
  }
  if (command.json) {
    Json out = {{"verdict", forked ? "FORK" : "CONSISTENT"},
                {"ok", !forked},
                {"key", one->key.ToVkey()},
                {"sizes", {compared->sizes[0], compared->sizes[1]}},
                {"first_difference", compared->differs ? Json(*compared->differs) : Json()}};
    if (forked) out["proof"] = proof;
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
  Print(fmt::format("  proof that anyone can check: {}\n  souk-audit check-fork {} --key '{}'\n",
                    proof, proof, one->key.ToVkey()));
  return kFailed;
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
