// Random programs, in short: some thousands against the reference. SOUK_PTXDIFF_PROGRAMS says how
// many; tools/check --long asks for a million.
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <thread>

#include "gpu/ptx/module.h"
#include "protocol/base/processors.h"
#include "reference/differ.h"
#include "sanitized.h"

namespace souk::reference {
namespace {

uint64_t Programs() {
  const char* const text = std::getenv("SOUK_PTXDIFF_PROGRAMS");
  return text != nullptr ? std::strtoull(text, nullptr, 10) : Thinned(3000);
}

void Print(const Totals& t) {
  std::cout << "seed 1, " << t.programs << " programs, " << t.instructions << " instructions in "
            << t.spellings.size() << " spellings, " << t.thread_programs
            << " runs by a thread; compared: " << t.results << " results bit for bit, " << t.bounded
            << " against a bound\n";
}

void ExpectNone(const std::vector<Mismatch>& mismatches) {
  for (const Mismatch& m : mismatches) {
    ADD_FAILURE() << "seed " << m.seed << ": " << m.what << "\ninputs:\n" << m.inputs << m.ptx;
  }
}

TEST(PtxDiff, TheReferenceKnowsEveryStraightLineInstructionThatTheDeviceRuns) {
  const Catalogue catalogue("");
  for (const std::string& spelling : catalogue.unknown()) ADD_FAILURE() << spelling;
  EXPECT_GT(catalogue.forms().size(), 200u);
}

TEST(PtxDiff, RandomProgramsAgreeWithTheReference) {
  const Catalogue catalogue("");
  const uint64_t cores = UsableProcessors();
  const uint64_t share = (Programs() + cores - 1) / cores;
  std::vector<Differ> differs(cores, Differ(catalogue));
  std::vector<std::thread> threads;
  for (uint64_t core = 0; core < cores; ++core) {
    threads.emplace_back([&, core] { differs[core].Compare(1 + core * share, share); });
  }
  for (std::thread& thread : threads) thread.join();
  Totals totals;
  for (const Differ& differ : differs) {
    totals.Add(differ.totals());
    ExpectNone(differ.mismatches());
  }
  Print(totals);
  EXPECT_GE(totals.programs, Programs());
}

TEST(PtxDiff, EverySpellingOfEveryFormAgreesByItself) {
  if (kSanitized) GTEST_SKIP() << "the release preset's";
  const Catalogue catalogue("");
  Differ differ(catalogue);
  differ.CompareEach(1);
  ExpectNone(differ.mismatches());
  EXPECT_GT(differ.totals().spellings.size(), 10'000u);
}

TEST(PtxDiff, AWrongInstructionIsFoundAndTheProgramShortened) {
  const Catalogue catalogue("add.s32");
  ASSERT_EQ(catalogue.forms().size(), 1u);
  // What the device runs has one instruction replaced.
  Differ differ(catalogue, [](std::string text) {
    for (size_t at = 0; (at = text.find("add.s32", at)) != std::string::npos; at += 7) {
      text.replace(at, 7, "sub.s32");
    }
    return text;
  });
  differ.Compare(1, 1);
  ASSERT_EQ(differ.mismatches().size(), 1u);
  EXPECT_EQ(differ.mismatches()[0].lines, 1u);
  EXPECT_EQ(differ.mismatches()[0].what.compare(0, 7, "thread "), 0) << differ.mismatches()[0].what;
}

TEST(PtxDiff, AnApproximationBeyondItsBoundIsFound) {
  const Catalogue catalogue("rcp.approx.f32");
  Differ differ(catalogue, [](std::string text) {
    for (size_t at = 0; (at = text.find("rcp.approx.f32", at)) != std::string::npos;) {
      text.replace(at, 14, "sqrt.approx.f32");
    }
    return text;
  });
  differ.Compare(1, 1);
  ASSERT_EQ(differ.mismatches().size(), 1u);
  EXPECT_NE(differ.mismatches()[0].what.find("beyond what is allowed"), std::string::npos)
      << differ.mismatches()[0].what;
}

}  // namespace
}  // namespace souk::reference
