// Two readers of one ledger: souk-audit, and tests/reader/souk_reader.py, which shares nothing with
// it but the pages under docs/.
#pragma once

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "unit/tools/run_program.h"

namespace souk::reader {

inline bool PythonIsThere() {
  return tools::RunProgram("python3 -c 'import cryptography'").code == 0;
}

// How much of a rule the second reader checks. It keeps no books.
enum class Share { kWhole, kPart, kNone };
struct RuleShare {
  const char* name;
  Share share;
  const char* why;
};
inline constexpr RuleShare kRuleShares[] = {
    {"every document is signed", Share::kWhole, "each signature stands alone"},
    {"the log is what was signed", Share::kWhole, "checkpoint, tiles and entries are at hand"},
    {"every entry can be read", Share::kWhole, "the layout says so"},
    {"the sequence is the index", Share::kWhole, "the entry says so"},
    {"a log opens once, under its own name", Share::kWhole, "the outcome says so"},
    {"rules versions never fall", Share::kWhole, "the entry before it says so"},
    {"an upgrade starts each rules version", Share::kWhole, "the entry before it says so"},
    {"log time never runs back", Share::kWhole, "the entry before it says so"},
    {"no entry is dated ahead of its witnesses", Share::kWhole, "the checkpoint is at hand"},
    {"downtime begins with the entry before it", Share::kWhole, "the entry before it says so"},
    {"documents are signed by whom they bind", Share::kPart,
     "whom they bind, but for a log's own card, is in entries before"},
    {"an outcome stands with its documents", Share::kPart,
     "their kinds show; which lease or job they must name is in entries before"},
    {"numbers within a lease are used once", Share::kNone, "needs the lease's documents before"},
    {"nothing expires early", Share::kNone, "needs the lease's or escrow's deadlines"},
    {"nothing succeeds late", Share::kNone, "needs the lease's or escrow's deadlines"},
    {"what is due is resolved first", Share::kNone, "needs all open deadlines"},
    {"leases follow the table", Share::kNone, "R5: needs the lease's state"},
    {"an order is accepted on the offer's terms", Share::kNone, "R5: needs the offer"},
    {"the fence is the acceptance's entry", Share::kNone, "R5"},
    {"no slice is leased twice", Share::kNone, "R5: needs the device book"},
    {"a close says why", Share::kNone, "R5: needs the lease's state"},
    {"offers carry a growing sequence", Share::kNone, "R5: needs the offers before"},
    {"due follows from metered time", Share::kNone, "R6: needs the lease's times"},
    {"vouchers grow, by the order's key, up to its maximum", Share::kNone, "R6: needs the order"},
    {"every debit has its owner's signature", Share::kNone, "R6: needs the escrow"},
    {"one resolution per pending", Share::kNone, "R6: needs the book"},
    {"debits never exceed credits", Share::kNone, "R6: needs the book"},
    {"transfers are what their documents say", Share::kNone, "R6: needs the book"},
    {"an outside reference is used once", Share::kNone, "R6: needs the issues before"},
    {"debits equal credits", Share::kNone, "R6: needs the book"},
    {"one escrow backs one lease and outlives it", Share::kNone, "R6: needs the escrows before"},
    {"a settlement stays within the voucher", Share::kNone, "R6: needs the vouchers before"},
    {"a receipt answers its job", Share::kNone, "R7: needs the job"},
    {"replicas are committed to before any is revealed", Share::kNone, "R7: needs the round"},
    {"rows are asked for after the root, and judged as they were", Share::kNone,
     "R7: needs the challenge"},
};

inline const RuleShare* FindRule(const std::string& name) {
  for (const RuleShare& rule : kRuleShares) {
    if (rule.name == name) return &rule;
  }
  return nullptr;
}

struct Verdict {
  int code = -1;
  std::string word = {};  // "VALID"; empty where the reader says none
  uint64_t entries = 0;
  uint64_t signatures = 0;
  std::set<std::pair<uint64_t, std::string>> findings = {};  // entry and rule's name
  std::string said = {};
};

// From the JSON document of either reader.
inline Verdict ToVerdict(int code, const std::string& said) {
  Verdict out{.code = code, .said = said};
  const auto report = nlohmann::json::parse(said, nullptr, /*allow_exceptions=*/false);
  if (!report.is_object()) return out;
  out.word = report.value("verdict", "");
  out.entries = report.value("entries", uint64_t{0});
  out.signatures = report.value("signatures", uint64_t{0});
  for (const auto& finding : report.value("findings", nlohmann::json::array())) {
    const uint64_t entry = finding["entry"].is_null() ? 0 : finding["entry"].get<uint64_t>();
    out.findings.emplace(entry, finding["name"].get<std::string>());
  }
  return out;
}

inline Verdict ReadBySoukAudit(const std::filesystem::path& dir, const std::string& more = "") {
  const tools::Ran ran =
      tools::RunProgram("souk-audit verify --json '" + dir.string() + "' " + more);
  return ToVerdict(ran.code, ran.out);
}
// `more`: options, or further directories, each of which gets a line of what is printed.
inline tools::Ran RunPython(const std::filesystem::path& tiles, const std::string& more = "") {
  return tools::RunProgram("python3 -B " SOUK_SOURCE_DIR "/tests/reader/souk_reader.py --json '" +
                           tiles.string() + "' " + more);
}
inline Verdict ReadByPython(const std::filesystem::path& tiles, const std::string& more = "") {
  const tools::Ran ran = RunPython(tiles, more);
  Verdict verdict = ToVerdict(ran.code, ran.out);
  verdict.said += ran.err;
  return verdict;
}

// That the second reader finds just those of the first one's findings that it can find, and says
// what follows from them.
inline testing::AssertionResult Agree(const Verdict& audit, const Verdict& python) {
  const auto differ = [&](const std::string& what) {
    return testing::AssertionFailure()
           << what << "\nsouk-audit: " << audit.said << "\nsouk_reader.py: " << python.said;
  };
  if (audit.word.empty() || python.word.empty()) return differ("no verdict");
  bool must_find = false;
  for (const auto& finding : audit.findings) {
    const RuleShare* const rule = FindRule(finding.second);
    if (rule == nullptr) return differ("a rule that kRuleShares lacks: " + finding.second);
    if (rule->share != Share::kWhole) continue;
    must_find = true;
    // Where a file is damaged the two say so at different entries.
    const bool whole_log = finding.second == std::string("the log is what was signed");
    if (!whole_log && !python.findings.contains(finding)) {
      return differ("the second reader overlooks entry " + std::to_string(finding.first) + ", " +
                    finding.second + ", though " + rule->why);
    }
  }
  for (const auto& finding : python.findings) {
    const bool whole_log = finding.second == std::string("the log is what was signed");
    if (!whole_log && !audit.findings.contains(finding)) {
      return differ("only the second reader finds entry " + std::to_string(finding.first) + ", " +
                    finding.second);
    }
  }
  if (must_find != (python.word == "INVALID") && python.findings.empty()) {
    return differ("the second reader's verdict does not follow");
  }
  // What only books show is VALID to who keeps none.
  const bool only_books = audit.word == "INVALID" && !must_find && python.findings.empty();
  if (!only_books && audit.word != python.word) return differ("the verdicts differ");
  if (only_books && python.word != "VALID") return differ("more than the books is missing");
  if (audit.entries != python.entries || audit.signatures != python.signatures) {
    return differ("they did not see as much");
  }
  return testing::AssertionSuccess();
}

// Exports a node's directory, live or not, and has both read it.
inline void ExpectBothReadersTake(const std::filesystem::path& dir) {
  if (!PythonIsThere()) return;
  const TestFolder folder;
  const std::filesystem::path tiles = folder.path() / "tiles";
  const tools::Ran exported = tools::RunProgram("souk-audit export '" + dir.string() +
                                                "' --tiles '" + tiles.string() + "'");
  ASSERT_EQ(exported.code, 0) << exported.err;
  const Verdict audit = ReadBySoukAudit(tiles);
  EXPECT_EQ(audit.word, "VALID") << audit.said;
  EXPECT_TRUE(Agree(audit, ReadByPython(tiles)));
  EXPECT_GT(audit.entries, 0u);
  EXPECT_EQ(ReadBySoukAudit(dir).word, "VALID");
}

}  // namespace souk::reader
