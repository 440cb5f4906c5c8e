// The table of instruction forms against a corpus of real kernels and against ptxas.
#include "gpu/ptx/forms.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "gpu/ptx/forms_table.h"
#include "sanitized.h"
#include "unit/gpu/ptx/sample.h"

namespace souk::ptx {
namespace {

std::vector<std::vector<std::string>> ReadCsv(const std::string& name) {
  std::ifstream file(std::string(SOUK_SOURCE_DIR) + "/tests/data/" + name);
  std::vector<std::vector<std::string>> rows;
  for (std::string line; std::getline(file, line);) {
    std::stringstream stream(line);
    std::vector<std::string>& row = rows.emplace_back();
    for (std::string cell; std::getline(stream, cell, ',');) row.push_back(cell);
  }
  if (!rows.empty()) rows.erase(rows.begin());
  return rows;
}

// An architecture that ptxas has and that takes the instruction.
std::string TargetFor(uint32_t needed) {
  for (uint32_t target : {75u, 80u, 86u, 89u, 90u}) {
    if (target >= needed) return fmt::format("sm_{}{}", target, target == 90 ? "a" : "");
  }
  return "sm_100a";
}

uint32_t FirstVersionOf(const std::string& target) {
  const std::map<std::string, uint32_t> versions = {{"sm_75", 63}, {"sm_80", 70},  {"sm_86", 71},
                                                    {"sm_89", 78}, {"sm_90a", 80}, {"sm_100a", 86}};
  return versions.at(target);
}

// The rows of a module's sample lines that ptxas complains of.
std::map<size_t, std::string> RefusedLines(const std::string& errors, size_t lines) {
  std::map<size_t, std::string> refused;
  std::stringstream stream(errors);
  for (std::string line; std::getline(stream, line);) {
    const size_t at = line.find("line ");
    if (at == std::string::npos || line.find("error") == std::string::npos) continue;
    const size_t row = std::stoul(line.substr(at + 5)) - SampleLine(0);
    refused[std::min(row, lines)] = line;
  }
  return refused;
}

TEST(PtxForms, KnowEveryInstructionOfTheCorpus) {
  const auto rows = ReadCsv("ptx-opcodes.csv");
  ASSERT_GT(rows.size(), 600u);
  for (const auto& row : rows) {
    const Operation operation = DecodeOperation(row[0]);
    EXPECT_NE(operation.opcode, Opcode::kUnknown) << row[0] << ": " << operation.unknown;
    EXPECT_EQ(OpcodeName(operation.opcode), row[2]);
    EXPECT_EQ(operation.spelling, row[0]);
  }
}

TEST(PtxForms, ParseKernelsMadeOfTheCorpusInstructions) {
  const auto opcodes = ReadCsv("ptx-opcodes.csv");
  const auto kernels = ReadCsv("ptx-kernels.csv");
  size_t lines = 0;
  for (size_t k = 0; k < kernels.size(); k += kSanitized ? 8 : 1) {
    const auto& kernel = kernels[k];
    std::vector<std::string> body;
    std::stringstream rows(kernel[2]);
    for (size_t row = 0; rows >> row;) {
      const auto line = SampleInstruction(DecodeOperation(opcodes.at(row)[0]));
      if (line) body.push_back(*line);
    }
    lines += body.size();
    auto module = Parse(SampleModule(90, "sm_100a", body));
    ASSERT_TRUE(module) << module.error().message;
    ASSERT_TRUE(Canonicalize(std::move(*module)));
  }
  EXPECT_GT(lines, Thinned(60'000));
}

TEST(PtxForms, RefuseWhatNoInstructionIs) {
  for (const char* spelling : {"add.f32.f32.f32",
                               "add.rn.rn.f32",
                               "ld.u128",
                               "setp.f32",
                               "setp.num.s32",
                               "setp.lo.s32",
                               "mul.s32",
                               "mad.f32",
                               "cvt.f32.s32",
                               "cvt.rn.s32.f32",
                               "shl.s32",
                               "bra.f32",
                               "atom.add.f16",
                               "ld.relaxed.u32",
                               "ld.gpu.u32",
                               "ld.volatile.acquire.gpu.u32",
                               "st.global.v8.u64",
                               "ld.shared.v4.u64",
                               "st.nc.u32",
                               "ld.global.nc.volatile.u32",
                               "shfl.down.f32",
                               "",
                               "add",
                               "add..s32",
                               "fma.f32",
                               "rcp.f32",
                               "sqrt.f32",
                               "vote.sync.ballot.pred",
                               "bar.red.u32",
                               "cvt.sat.s32.u8",
                               "atom.shared.add.L2::cache_hint.u32"}) {
    EXPECT_EQ(DecodeOperation(spelling).opcode, Opcode::kUnknown) << spelling;
    EXPECT_NE(DecodeOperation(spelling).unknown, "") << spelling;
  }
}

// Spellings of every form whose operands are tabled, grouped by what they need, as ptxas compiles
// a whole module at a time.
std::map<std::pair<std::string, uint32_t>, std::vector<std::string>> SamplesByNeed(size_t most) {
  std::map<std::pair<std::string, uint32_t>, std::vector<std::string>> groups;
  for (const FormRow& row : kForms) {
    const std::string form = row.form;
    if (form.find('*') != std::string::npos) continue;
    for (const std::string& spelling : SpellingsOf(form, most)) {
      const Operation operation = DecodeOperation(spelling);
      const auto line = SampleInstruction(operation);
      if (operation.opcode == Opcode::kUnknown || !line) continue;
      const std::string target = TargetFor(operation.needs_target);
      groups[{target, std::max(operation.needs_version, FirstVersionOf(target))}].push_back(*line);
    }
  }
  for (auto& [need, lines] : groups) {
    std::sort(lines.begin(), lines.end());
    lines.erase(std::unique(lines.begin(), lines.end()), lines.end());
  }
  return groups;
}

TEST(PtxForms, AreTakenByPtxasAtTheVersionTheyNeed) {
  if (!HavePtxas()) GTEST_SKIP() << "no ptxas here";
  size_t count = 0;
  for (const auto& [need, lines] : SamplesByNeed(60)) {
    const std::string text = SampleModule(need.second, need.first, lines);
    const auto module = Parse(text);
    ASSERT_TRUE(module) << module.error().message;
    const std::string errors = PtxasErrors(text, need.first);
    const auto refused = RefusedLines(errors, lines.size());
    if (refused.empty()) {
      EXPECT_EQ(errors, "") << need.first;  // about no line, but nevertheless refused
    }
    for (const auto& [row, message] : refused) {
      ADD_FAILURE() << need.first << " " << need.second << ": "
                    << (row < lines.size() ? lines[row] : "?") << ": " << message;
    }
    count += lines.size();
  }
  EXPECT_GT(count, 4000u);
}

// The parser decides line by line what a target has; ptxas must take all that passes.
TEST(PtxForms, AreTakenByEveryTargetForWhichTheParserTakesThem) {
  if (!HavePtxas()) GTEST_SKIP() << "no ptxas here";
  size_t taken = 0;
  size_t tried = 0;
  for (const char* target : {"sm_75", "sm_80", "sm_86", "sm_87", "sm_89", "sm_90", "sm_90a",
                             "sm_100", "sm_100f", "sm_120", "sm_120a"}) {
    std::vector<std::string> lines;
    for (const auto& [need, samples] : SamplesByNeed(6)) {
      for (const std::string& line : samples) {
        ++tried;
        if (Parse(SampleModule(90, target, {line}))) lines.push_back(line);
      }
    }
    taken += lines.size();
    const std::string errors = PtxasErrors(SampleModule(90, target, lines), target);
    const auto refused = RefusedLines(errors, lines.size());
    if (refused.empty()) {
      EXPECT_EQ(errors, "") << target;
    }
    for (const auto& [row, message] : refused) {
      ADD_FAILURE() << target << ": " << (row < lines.size() ? lines[row] : "?") << ": " << message;
    }
  }
  EXPECT_GT(taken, 10000u);
  EXPECT_LT(taken, tried);
}

TEST(PtxForms, NameNoVersionLaterThanTheFirst) {
  if (!HavePtxas()) GTEST_SKIP() << "no ptxas here";
  // ptxas takes these before the ISA's notes say so.
  const std::set<std::string> early = {"cp", "fence"};
  const std::map<uint32_t, uint32_t> before = {
      {65, 64}, {70, 65}, {71, 70}, {72, 71}, {74, 73}, {75, 74}, {76, 75}, {77, 76}, {78, 77},
      {80, 78}, {81, 80}, {82, 81}, {83, 82}, {84, 83}, {86, 85}, {87, 86}, {88, 87}, {90, 88}};
  for (const auto& [need, lines] : SamplesByNeed(20)) {
    const auto at = before.find(need.second);
    if (at == before.end() || at->second < FirstVersionOf(need.first)) continue;
    const std::string text = SampleModule(at->second, need.first, lines);
    const auto refused = RefusedLines(PtxasErrors(text, need.first), lines.size());
    for (size_t i = 0; i < lines.size(); ++i) {
      if (early.count(lines[i].substr(0, lines[i].find('.'))) > 0) continue;
      EXPECT_EQ(refused.count(i), 1u)
          << need.first << " takes at " << at->second << ": " << lines[i];
    }
  }
}

}  // namespace
}  // namespace souk::ptx
