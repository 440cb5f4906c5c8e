// What gpu/ptx takes and writes, judged by the toolkit's ptxas: it takes what our parser takes, it
// takes what the canonicaliser writes, and our parser reads that back to the same thing.
// SOUK_PTXAS_… say how much; tools/check --long asks for more.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "gpu/ptx/module.h"
#include "gpu/ptx/nvrtc.h"
#include "gpu/ptx/targets.h"
#include "protocol/base/file.h"
#include "reference/program.h"
#include "reference/wild.h"
#include "sanitized.h"
#include "unit/gpu/ptx/sample.h"

namespace souk::reference {
namespace {

uint64_t Asked(const char* name, uint64_t usual) {
  const char* const text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : Thinned(usual);
}

// The text as the canonicaliser writes it, once it is shown that it stays so.
std::string CanonicalText(const std::string& text) {
  auto module = ptx::Parse(text);
  EXPECT_TRUE(module) << (module ? "" : module.error().message);
  if (!module) return "";
  auto canonical = ptx::Canonicalize(std::move(*module));
  EXPECT_TRUE(canonical) << (canonical ? "" : canonical.error().message);
  if (!canonical) return "";
  const std::string written = ptx::Write(*canonical);
  auto again = ptx::Parse(written);
  EXPECT_TRUE(again) << (again ? "" : again.error().message);
  if (!again) return "";
  auto twice = ptx::Canonicalize(std::move(*again));
  EXPECT_TRUE(twice) << (twice ? "" : twice.error().message);
  EXPECT_TRUE(twice && ptx::Write(*twice) == written) << "not the same when read back";
  return written;
}

TEST(Ptxas, TakesRandomProgramsAndTheirCanonicalForm) {
  if (!ptx::HavePtxas()) GTEST_SKIP() << "no ptxas here";
  const Catalogue catalogue("");
  const uint64_t programs = Asked("SOUK_PTXAS_PROGRAMS", 800);
  constexpr uint64_t kBatch = 200;
  for (uint64_t first = 1; first <= programs; first += kBatch) {
    std::string text = ModuleHeader();
    for (uint64_t i = 0; i < kBatch; ++i) {
      text += KernelText(MakeProgram(catalogue, first + i), "k" + std::to_string(i));
    }
    const std::string errors = ptx::PtxasErrors(text, "sm_100a");
    EXPECT_EQ(errors, "") << "seeds from " << first;
    EXPECT_EQ(ptx::PtxasErrors(CanonicalText(text), "sm_100a"), "") << "seeds from " << first;
  }
  std::cout << "seed 1, " << programs << " programs, as written and canonical\n";
}

TEST(Ptxas, TakesEveryInstructionThatTheParserTakes) {
  if (!ptx::HavePtxas()) GTEST_SKIP() << "no ptxas here";
  const std::vector<std::string> spellings = KnownSpellings(40);
  const uint64_t rounds = Asked("SOUK_PTXAS_ROUNDS", 8);
  constexpr size_t kLines = 600;
  size_t taken = 0;
  size_t tried = 0;
  for (uint64_t round = 1; round <= rounds; ++round) {
    sim::Rng rng(round);
    std::vector<std::string> lines;
    while (lines.size() < kLines) {
      const std::string& spelling = spellings[rng.Next() % spellings.size()];
      const std::string line = WildLine(rng, ptx::DecodeOperation(spelling));
      ++tried;
      const auto module = ptx::Parse(WildModule({line}));
      if (module && ptx::Canonicalize(*module)) lines.push_back(line);
    }
    taken += lines.size();
    for (const auto& [i, why] : JudgedByPtxas(lines)) {
      ADD_FAILURE() << "seed " << round << ": " << lines[i] << "   " << why;
    }
  }
  std::cout << "seed 1, " << tried << " instructions, of which the parser took " << taken << "\n";
}

// The target a module names, or where ptxas has that no more, the least that it has.
std::string TargetOf(const ptx::Module& module) {
  return module.target < 75 ? "sm_75"
                            : "sm_" + std::to_string(module.target) + module.target_suffix;
}

// Parts of modules, of which some have too much.
std::vector<std::string> SharedTexts() {
  const std::string kernel = ".visible .entry k() { .reg .b64 %l; ";
  const std::string end = "st.global.u64 [g], %l; ret; }";
  // Of two functions' variables of one name ptxas counts one, though it has room for both.
  const std::string f = ".func f() { .shared .b8 w[30000]; ret; } .func h() { ret; } ";
  const std::string table = ".global .u64 t[1] = {f}; ";
  const std::string own = ".shared .b8 s[30000]; ";
  const std::string indirect = "ld.global.u64 %l, [g]; p: .callprototype _ (); call %l, p; ret; } ";
  const std::string both = ".shared .b8 a[30000]; .shared .b8 b[30000]; ";
  const std::string dynamic = ".extern .shared .align 32768 .b8 d[]; ";
  return {
      kernel + ".shared .b8 s[49152]; ret; }",
      kernel + ".shared .b8 s[49153]; ret; }",
      ".shared .b8 s[49153]; " + kernel + "ret; }",
      ".shared .b8 s[49153]; " + kernel + "mov.u64 %l, s; ret; }",
      ".shared .b8 s[49153]; " + kernel + "ret; st.shared.u8 [s+4], 0; ret; }",
      ".extern .shared .b8 s[49153]; " + kernel + "mov.u64 %l, s; " + end,
      f + kernel + own + "ret; }",
      f + kernel + own + "call f; ret; }",
      f + kernel + own + "mov.u64 %l, f; " + end,
      f + table + kernel + own + "ret; }",
      f + table + kernel + own + "ld.global.u64 %l, [t]; " + end,
      f + table + ".global .u64 t2[1] = {t}; " + kernel + own + "ld.global.u64 %l, [t2]; " + end,
      f + table + kernel + own + indirect,
      f + kernel + own + indirect + ".visible .entry k2() { .reg .b64 %l; mov.u64 %l, f; " + end,
      f + kernel + own + indirect + ".visible .entry k2() { .reg .b64 %l; mov.u64 %l, h; " + end,
      f + ".func i() { call f; ret; } " + kernel + own + "call i; ret; }",
      both + kernel + "mov.u64 %l, a; " + end,
      both + kernel + "mov.u64 %l, a; st.shared.u64 [b], %l; ret; }",
      both + ".func u() { st.shared.u8 [b], 0; ret; } " + kernel + "call u; mov.u64 %l, a; " + end,
      kernel + own + "ret; } .visible .entry k2() { " + own + "ret; }",
      kernel + ".shared .b8 a; .shared .align 16 .b8 b[49136]; ret; }",
      kernel + ".shared .b8 a; .shared .align 16 .b8 b[49137]; ret; }",
      ".func f() { .shared .b8 a; ret; } " + kernel +
          ".shared .align 16384 .b8 b[32769]; call f; ret; }",
      ".func f() { .shared .align 16384 .b8 b[32769]; ret; } " + kernel +
          ".shared .b8 a; call f; ret; }",
      dynamic + kernel + "mov.u64 %l, d; " + end,
      dynamic + kernel + ".shared .b8 s[32768]; ret; }",
      dynamic + kernel + ".shared .b8 s[32769]; ret; }",
      kernel + ".shared .b8 s[32769]; ret; } " + dynamic};
}

TEST(Ptxas, RefusesAsMuchStaticSharedMemoryAsTheParser) {
  if (!ptx::HavePtxas()) GTEST_SKIP() << "no ptxas here";
  const std::string head = "\n.address_size 64\n.global .align 8 .u64 g;\n";
  for (const std::string& text : SharedTexts()) {
    const std::string whole = ".version 9.0\n.target sm_80" + head + text;
    const std::string errors = ptx::PtxasErrors(whole, "sm_80");
    EXPECT_EQ(ptx::Parse(whole).has_value(), errors.empty()) << text << "\n" << errors;
  }
  for (const auto& [target, most] : {std::pair("sm_75", 49152),
                                     {"sm_90", 49152},
                                     {"sm_90a", 232448},
                                     {"sm_100a", 232448},
                                     {"sm_103f", 49152},
                                     {"sm_110a", 232448},
                                     {"sm_120a", 101376},
                                     {"sm_121", 49152}}) {
    for (const int bytes : {most, most + 1}) {
      const std::string whole =
          fmt::format(".version 9.0\n.target {}{}.visible .entry k() {{ .shared .b8 s[{}]; ret; }}",
                      target, head, bytes);
      EXPECT_EQ(ptx::Parse(whole).has_value(), bytes == most) << target;
      EXPECT_EQ(ptx::PtxasErrors(whole, target).empty(), bytes == most) << target;
    }
  }
}

TEST(Ptxas, RefusesAsManyConstantsAsTheParser) {
  if (!ptx::HavePtxas()) GTEST_SKIP() << "no ptxas here";
  const std::string kernel = ".visible .entry k() { ret; }\n";
  for (const std::string& text :
       {kernel + ".const .b8 c[65536];", kernel + ".const .b8 c[65537];",
        std::string(".const .b8 c[65537];"), kernel + ".extern .const .b8 c[65537];",
        kernel + ".weak .const .b8 c[65537] = {1};", kernel + ".const .b8 c[40000], d[40000];",
        kernel + ".extern .const .b8 c[40000]; .const .b8 d[20000]; .visible .const .b8 c[40000];",
        kernel + ".const .b8 c; .const .align 4 .b8 d[65532];",
        kernel + ".const .b8 c; .const .align 4 .b8 d[65533];",
        kernel + ".const .align 4 .b8 d[65533]; .const .b8 c;"}) {
    const std::string whole = ".version 9.0\n.target sm_80\n.address_size 64\n" + text;
    const std::string errors = ptx::PtxasErrors(whole, "sm_80");
    EXPECT_EQ(ptx::Parse(whole).has_value(), errors.empty()) << text << "\n" << errors;
  }
}

TEST(Ptxas, AsksForTheVersionsAndTargetsThatTheParserAsksFor) {
  if (!ptx::HavePtxas()) GTEST_SKIP() << "no ptxas here";
  struct Row {
    const char* version;
    const char* target;
    const char* text;
    bool taken;
  };
  constexpr Row kRows[] = {
      {"8.0", "sm_90", "$mov.u32 %r0, %aggr_smem_size;", false},
      {"8.1", "sm_89", "$mov.u32 %r0, %aggr_smem_size;", false},
      {"8.1", "sm_90", "$mov.u32 %r0, %aggr_smem_size;", true},
      {"7.8", "sm_75", "$mov.u64 %l0, %current_graph_exec;", false},
      {"7.5", "sm_80", "$mov.u32 %r0, %reserved_smem_offset_0;", false},
      {"9.0", "sm_75", "$mov.u32 %r0, %reserved_smem_offset_0;", false},
      {"7.6", "sm_80", "$mov.u32 %r0, %reserved_smem_offset_0;", true},
      {"9.0", "sm_89", "$mov.u32 %r0, %cluster_ctarank;", false},
      {"7.8", "sm_90", "$mov.u32 %r0, %cluster_ctarank;", true},
      {"8.2", "sm_75", "$.reg .b128 %q; mov.b128 %q, %q;", false},
      {"8.2", "sm_75", "$.pragma \"used_bytes_mask 0xfff\";", false},
      {"6.3", "sm_75", "$p: .callprototype _ () .noreturn;", false},
      {"6.3", "sm_75", ".func f() .noreturn { trap; }", false},
      {"6.4", "sm_75", ".func f() .noreturn { trap; }", true},
      {"7.0", "sm_75", ".global .u32 x; .global .u8 m[1] = {0xff(x)};", false},
      {"7.1", "sm_75", ".global .u32 x; .global .u8 m[1] = {0xff(x)};", true},
      {"9.0", "sm_89", ".entry k() .maxclusterrank 4 { ret; }", false},
      {"9.0", "sm_89", ".entry k() .reqnctapercluster 2 { ret; }", false},
      {"8.8", "sm_90", ".entry k() .blocksareclusters .reqntid 32 .reqnctapercluster 2 { ret; }",
       false},
      {"9.0", "sm_90", ".entry k() .blocksareclusters .reqntid 32 .reqnctapercluster 2 { ret; }",
       true},
      {"9.0", "sm_75", ".entry k() .maxntid 32 .reqntid 32 { ret; }", false},
      {"8.0", "sm_75", ".entry k(.param .b8 p[4352]) { ret; }", true},
      {"8.0", "sm_75", ".entry k(.param .b8 p[4353]) { ret; }", false},
      {"8.1", "sm_62", ".entry k(.param .b8 p[4353]) { ret; }", false},
      {"8.1", "sm_75", ".entry k(.param .b8 p[32764]) { ret; }", true},
      {"9.0", "sm_75", ".entry k(.param .b8 p[32765]) { ret; }", false},
      {"9.0", "sm_75", ".local .b8 l[8];", false}};
  for (const Row& row : kRows) {
    std::string text = row.text;
    if (text[0] == '$') {
      text = ".entry k() { .reg .b32 %r<2>; .reg .b64 %l<2>; " + text.substr(1) + " ret; }";
    }
    const std::string whole =
        fmt::format(".version {}\n.target {}\n.address_size 64\n{}", row.version, row.target, text);
    EXPECT_EQ(ptx::Parse(whole).has_value(), row.taken) << whole;
    const std::string device = std::string(row.target) == "sm_62" ? "sm_75" : row.target;
    EXPECT_EQ(ptx::PtxasErrors(whole, device).empty(), row.taken) << whole;
  }
}

std::string EmptyKernel(uint32_t version, const std::string& target) {
  return fmt::format(".version {}.{}\n.target {}\n.address_size 64\n.visible .entry k() {{ ret; }}",
                     version / 10, version % 10, target);
}

TEST(Ptxas, HasTheVersionsThatTheParserTakes) {
  if (!ptx::HavePtxas()) GTEST_SKIP() << "no ptxas here";
  for (uint32_t version = ptx::kOldestVersion; version < 100; ++version) {
    const std::string text = EmptyKernel(version, "sm_50");
    EXPECT_EQ(ptx::Parse(text).has_value(), ptx::PtxasErrors(text, "sm_75").empty()) << text;
  }
}

TEST(Ptxas, HasTheTargetsThatTheParserTakesFromTheirVersionOn) {
  if (!ptx::HavePtxas()) GTEST_SKIP() << "no ptxas here";
  for (uint32_t number = 50; number < 130; ++number) {
    for (const char* suffix : {"", "a", "f"}) {
      const uint32_t first = ptx::FirstVersionWith(number, suffix);
      const bool plain = *suffix == '\0';
      // One with a suffix runs nowhere else, and CUDA 13 has no sm_101.
      if (first == 0 || (!plain && number == 101)) continue;
      const std::string target = fmt::format("sm_{}{}", number, suffix);
      const std::string device = plain ? "sm_121" : target;
      EXPECT_EQ(ptx::PtxasErrors(EmptyKernel(first, target), device), "");
      // It takes sm_88 before the ISA's notes say so.
      if (first == ptx::kOldestVersion || number == 88) continue;
      uint32_t before = first - 1;
      while (!ptx::IsVersion(before)) --before;
      EXPECT_NE(ptx::PtxasErrors(EmptyKernel(before, target), device), "") << target;
    }
  }
}

TEST(Ptxas, TakesTheFuzzersGoodSeedsAndTheirCanonicalForm) {
  if (!ptx::HavePtxas()) GTEST_SKIP() << "no ptxas here";
  size_t judged = 0;
  for (const char* folder : {"/tests/fuzz/ptx/seeds", "/tests/fuzz/ptx/kernels"}) {
    const std::string path = std::string(SOUK_SOURCE_DIR) + folder;
    for (const auto& entry : std::filesystem::directory_iterator(path)) {
      const auto bytes = ReadFile(entry.path(), 1u << 20);
      ASSERT_TRUE(bytes) << entry.path();
      const std::string text(AsText(*bytes));
      const auto module = ptx::Parse(text);
      if (!module || !ptx::Canonicalize(*module)) continue;
      const std::string target = TargetOf(*module);
      EXPECT_EQ(ptx::PtxasErrors(text, target), "") << entry.path();
      EXPECT_EQ(ptx::PtxasErrors(CanonicalText(text), target), "") << entry.path();
      ++judged;
    }
  }
  EXPECT_GE(judged, 12u);
}

// Every .cu of the samples and of the tests, as its own compiler writes it.
TEST(Ptxas, TakesTheCanonicalFormOfCompiledKernels) {
  if (!ptx::HavePtxas()) GTEST_SKIP() << "no ptxas here";
  size_t files = 0;
  for (const char* folder : {"/workloads", "/tests/unit/gpu/ptx/cuda"}) {
    const std::string path = std::string(SOUK_SOURCE_DIR) + folder;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
      if (entry.path().extension() != ".cu") continue;
      const auto source = ReadFile(entry.path(), 1u << 20);
      ASSERT_TRUE(source) << entry.path();
      for (const uint32_t architecture : {75u, 100u}) {
        ptx::CompileOptions options;
        options.architecture = architecture;
        options.name = entry.path().filename().string();
        const auto text = ptx::CompileCuda(std::string(AsText(*source)), options);
        ASSERT_TRUE(text) << text.error().message;
        const std::string target = "sm_" + std::to_string(architecture);
        EXPECT_EQ(ptx::PtxasErrors(CanonicalText(*text), target), "") << entry.path();
      }
      ++files;
    }
  }
  EXPECT_GE(files, 12u);
}

}  // namespace
}  // namespace souk::reference
