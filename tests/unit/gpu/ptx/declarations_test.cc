// Declarations, directives and debug sections, judged by ptxas too.
#include <gtest/gtest.h>

#include "unit/gpu/ptx/verdicts.h"

namespace souk::ptx {
namespace {

std::vector<std::string> WithKernel(std::vector<std::string> texts) {
  for (std::string& text : texts) text += " .entry kernel() { ret; }";
  return texts;
}
std::vector<std::string> InBody(std::vector<std::string> texts) {
  for (std::string& text : texts) text = ".entry k() { " + text + " ret; }";
  return texts;
}

TEST(PtxDeclarations, GiveVariablesFundamentalTypes) {
  std::vector<std::string> bad;
  std::vector<std::string> good;
  for (const char* type : {"bf16", "bf16x2", "tf32", "e4m3", "e5m2x2", "e2m1x2", "ue8m0", "s4",
                           "u2", "b4", "b1", "u16x2", "s8x4", "f32x2", "b8x16"}) {
    const std::string x = std::string(".") + type + " x; ";
    for (const char* site : {".global ", ".const ", ".shared "}) bad.push_back(site + x);
    for (const char* site : {".local ", ".param ", ".reg ", ".shared ", ".reg .v2 "}) {
      bad.push_back(".func f() { " + (site + x) + "ret; }");
    }
  }
  for (const char* type : {"b8", "b128", "u16", "s64", "f16", "f16x2", "f32"}) {
    const std::string x = std::string(".") + type + " x; ";
    good.push_back(".global " + x + ".func f() { .local " + x + ".reg .b32 q; { .reg " + x +
                   "} ret; }");
  }
  bad.push_back(".func f() { .param .f16x2 x; ret; }");
  bad.push_back(".func f() { .reg .v2 .pred x; ret; }");
  bad.push_back(".const .texref x;");
  bad.push_back(".func f() { .reg .texref x; ret; }");
  bad.push_back(".global .samplerref x;");
  bad.push_back(".tex .u32 x;");
  good.push_back(".global .texref x;");
  ExpectModules({"9.0", "sm_100a"}, WithKernel(bad), WithKernel(good));
}

TEST(PtxDeclarations, HaveVectorsOf128BitsAtMostAndNoneAsParameters) {
  ExpectModules(
      {},
      WithKernel({".global .v4 .b64 x;", ".global .v2 .b128 x;", ".shared .v4 .f64 x;",
                  ".func f() { .reg .v4 .u64 x; ret; }", ".func f(.param .v2 .u32 x) { ret; }",
                  ".entry k(.param .v4 .f32 x) { ret; }", ".func f() { .param .v2 .b32 x; ret; }"}),
      WithKernel(
          {".global .v2 .b64 x;", ".global .v4 .f32 x;", ".func f(.reg .v2 .u32 x) { ret; }"}));
}

TEST(PtxDeclarations, HaveB128SinceVersion83) {
  const auto texts = [] {
    return WithKernel({".global .b128 x;", ".func f(.param .b128 x) { ret; }",
                       ".func f() { .local .b128 x; ret; }", ".func f() { .reg .b128 x; ret; }"});
  };
  ExpectModules({"8.2", "sm_80"}, texts(), {});
  ExpectModules({"8.3", "sm_80"}, {}, texts());
}

TEST(PtxDeclarations, SayAlignmentAndAttributesBeforeTheType) {
  ExpectModules(
      {},
      WithKernel({".global .v2 .align 8 .u32 x;", ".global .u32 .v2 x;", ".global .u32 .align 8 x;",
                  ".global .u32 .attribute(.managed) x;", ".const .attribute(.managed) .u32 x;",
                  ".func f() { .local .attribute(.managed) .u32 x; ret; }",
                  ".func f() { .param .align 256 .u32 x; ret; }",
                  ".func f(.param .align 256 .b8 x[4]) { ret; }", ".global .u32 _;",
                  ".func f() { .reg .u32 _; ret; }"}),
      WithKernel({".global .align 8 .v2 .u32 x;", ".global .attribute(.managed) .align 8 .u32 x;",
                  ".entry k(.param .align 256 .b8 x[4]) { ret; }"}));
}

TEST(PtxDeclarations, GiveKernelsParametersOfAKnownSizeInMemory) {
  ExpectModules(
      {},
      {".entry k(.reg .u32 a) { ret; }", ".entry k(.param .u32 a[]) { ret; }",
       ".entry k(.param .u32 a[0]) { ret; }", ".entry k(.param .u32 a[2][2]) { ret; }",
       ".entry k(.param .u64 .ptr .param a) { ret; }",
       ".entry k(.param .u64 .ptr .shared::cta a) { ret; }",
       ".entry k(.param .u64 .ptr .align 4 .global a) { ret; }",
       ".entry k(.param .ptr .u64 a) { ret; }", ".entry k(.param .u64 .ptr .ptr a) { ret; }"},
      {".entry k(.param .u64 .ptr .global .align 4 a) { ret; }",
       ".entry k(.param .u64 .ptr a) { ret; }", ".entry k(.param .u32 _) { ret; }"});
  ExpectModules(
      {},
      WithKernel({".func f(.param .u64 .ptr a) { ret; }", ".func f(.param .u32 _) { ret; }",
                  ".func (.param .u32 a, .param .u32 b) f() { ret; }",
                  ".func (.reg .u32 a, .param .u32 b) f() { ret; }",
                  ".func (.param .u32 a[]) f() { ret; }",
                  ".func f(.param .b8 a[], .param .u32 b) { ret; }",
                  ".func f(.param .b8 a[2][2]) { ret; }"}),
      WithKernel({".func f(.param .u32 a, .param .b8 b[]) { ret; }",
                  ".func (.reg .u32 a, .reg .u32 b) f() { ret; }"}));
}

TEST(PtxDeclarations, AlignKernelsParametersTo32768BytesAtMost) {
  ExpectModules({"9.0", "sm_80"}, {".entry k(.param .align 65536 .u32 a) { ret; }"},
                {".entry k(.param .align 32768 .u32 a) { ret; }"});
}

TEST(PtxDeclarations, LinkVariablesOnceAndAlike) {
  ExpectModules(
      {},
      WithKernel({".common .const .u32 x;", ".common .shared .u32 x;", ".common .func f() { ret; }",
                  ".extern .global .u32 x = 5;", ".extern .func f() { ret; }",
                  ".extern .entry k() { ret; }", ".extern .global .u32 x; .global .u32 x;",
                  ".extern .shared .u32 x[]; .shared .u32 x[4];",
                  ".extern .global .u32 x[6]; .visible .global .u32 x[3][2];",
                  ".extern .global .u32 x; .visible .global .u32 x[1];"}),
      WithKernel({".common .global .u32 x = 5;",
                  ".extern .global .u32 x; .visible .global .u32 x = 5;",
                  ".global .u32 x; .extern .global .u32 x;",
                  ".extern .global .u32 x[]; .weak .global .u32 x[4];",
                  ".weak .global .u32 x[4]; .extern .global .u32 x[];",
                  ".extern .global .u32 x[][2]; .visible .global .u32 x[3][2];"}));
}

TEST(PtxDeclarations, InitialiseWithFunctionsAloneAndVariablesWithOffsets) {
  const auto with = [](std::vector<std::string> values) {
    for (std::string& value : values) {
      value = ".func f() { ret; } .global .u32 g; .shared .u32 s; .global .u64 p = " + value + ";";
    }
    return WithKernel(std::move(values));
  };
  ExpectModules(
      {},
      with({"f+4", "f+0", "generic(f)", "generic(f)+4", "g-4", "generic(g+4)", "s", "generic(s)"}),
      with({"f", "g", "g+4", "g+-4", "g+4*2", "generic(g)", "generic(g)+4"}));
  ExpectModules({},
                WithKernel({".func f() { ret; } .global .u8 p = 0xff(generic(f));",
                            ".func f() { ret; } .global .u8 p = 0xff(f+4);"}),
                WithKernel({".func f() { ret; } .global .u8 p[2] = {0xff(f), 0xff00(f)};",
                            ".global .u32 g; .global .u8 p = 0xff(generic(g)+4);"}));
}

TEST(PtxDeclarations, DirectKernelsOnlyAndWithCountsThatAreNotZero) {
  ExpectModules({},
                {".entry k() .maxntid 0 { ret; }", ".entry k() .maxntid 32, 0 { ret; }",
                 ".entry k() .reqntid 0 { ret; }", ".entry k() .minnctapersm 0 { ret; }",
                 ".entry k() .maxnreg 0 { ret; }", ".entry k() .maxnctapersm 2 { ret; }",
                 ".entry k() .noreturn { ret; }", ".entry k() { .maxntid 32 ret; }",
                 ".entry k() .maxntid 32; .entry k() { ret; }",
                 ".entry k() .reqnctapercluster 2 .maxclusterrank 2 { ret; }",
                 ".entry k() .blocksareclusters { ret; }",
                 ".entry k() .blocksareclusters .maxntid 32 .reqnctapercluster 2 { ret; }"},
                {".entry k() .maxntid 2048 .minnctapersm 2 .maxnreg 32 { ret; }",
                 ".entry k(); .entry k() .maxntid 8 { ret; }",
                 ".entry k() .explicitcluster .reqnctapercluster 2 { ret; }",
                 ".entry k() .blocksareclusters .reqntid 32 .reqnctapercluster 2 { ret; }"});
  ExpectModules(
      {},
      WithKernel({".func f() .maxntid 32 { ret; }", ".func f() .minnctapersm 2 { ret; }",
                  ".func f() .pragma \"nounroll\"; { ret; }", ".func f() { .noreturn ret; }",
                  ".func (.param .u32 r) f() .noreturn { trap; }",
                  ".func f() .noreturn .noreturn { trap; }"}),
      WithKernel({".func f() .noreturn { trap; }", ".extern .func f() .noreturn;"}));
}

TEST(PtxDeclarations, HavePragmasWhereAndAsTheyAreMeant) {
  ExpectModules(
      {},
      WithKernel({".pragma \"used_bytes_mask 1\";", ".pragma \"enable_smem_spilling\";",
                  ".pragma \"something\";", ".pragma nounroll;", ".pragma;",
                  ".entry k() .pragma \"frequency 1\"; { ret; }",
                  ".func f() { .pragma \"enable_smem_spilling\"; ret; }"}),
      WithKernel({".pragma \"nounroll\";", ".entry k() .pragma \"something\"; { ret; }"}));
  ExpectModules({},
                InBody({".pragma \"used_bytes_mask\";", ".pragma \"used_bytes_mask all\";",
                        ".pragma \"used_bytes_mask 15 \";", ".pragma \"frequency 0\";",
                        ".pragma \"frequency -1\";", ".pragma \"frequency 5 5\";"}),
                InBody({".pragma \"something\";", ".pragma \"used_bytes_mask 0xfff\";",
                        ".pragma \"frequency 5\";", ".pragma \"enable_smem_spilling\";"}));
}

TEST(PtxDeclarations, WriteDebugSectionsAsTheirGrammarHasIt) {
  const auto section = [](std::vector<std::string> texts) {
    for (std::string& text : texts) text = ".section .debug_str { " + text + " }";
    return WithKernel(std::move(texts));
  };
  ExpectModules(
      {},
      section({"junk", ".u32 5", ".b8 256", ".b8 -129", ".b16 65536", ".b16 a a: .b8 1", ".b8",
               ".b8 1;", ".b8 1+1", ".b8 (1)", ".b8 1.5", ".b8 \"a\"", "a: .b8 1 a: .b8 2",
               ".b32 a, 5 a: .b8 1", ".b32 a-4 a: .b8 1", ".b32 a+4+4 a: .b8 1", ".b128 1"}),
      section({"", "a:", ".b8 65, 0, -1", "$L0: .b8 65 .b8 0", ".b32 a+4 a: .b8 65",
               ".b32 b-a a: .b8 65 b: .b8 5", ".b32 .debug_info+4", ".b64 0xffffffffffffffff"}));
  ExpectModules(
      {},
      WithKernel({".section foo { .b8 1 }", ".file 1 \"a\" .file 1 \"b\"", ".file 1 \"a\", 5, 6, 7",
                  ".section .debug_str { a: .b8 1 } .section .debug_info { a: .b8 2 }"}),
      WithKernel({".file 1 \"a\" .file 2 \"a\"", ".file 1 \"a\", 5, 6",
                  ".section .debug_info { .b8 1 } .section .debug_info { .b8 1 }"}));
}

TEST(PtxDeclarations, InlineAtPlacesThatTheyHaveToldOf) {
  const auto body = [](std::vector<std::string> texts) {
    for (std::string& text : texts) {
      text = ".file 1 \"a\" .section .debug_str { x: .b8 1 } .entry k() { " + text + " ret; }";
    }
    return texts;
  };
  ExpectModules({},
                body({".loc 1 2 2, function_name x, inlined_at 1 1 1",
                      ".loc 1 1 1 .loc 1 2 2, function_name y, inlined_at 1 1 1",
                      ".loc 1 1 1 .loc 1 2 2, function_name x",
                      (".loc 1 1 1 .loc 1 2 2, function_name x-4, "
                       "inlined_at 1 1 1")}),
                body({(".loc 1 1 1 .loc 1 2 2, function_name x+4, inlined_at 1 1 1 "
                       ".loc 1 3 3, function_name x, inlined_at 1 2 2")}));
}

TEST(PtxDeclarations, KeepAFunctionsGlobalVariablesAsLongAsTheModule) {
  ExpectModules(
      {},
      {".entry k() { .visible .global .u32 g; ret; }",
       ".entry k() { .extern .global .u32 g; ret; }", ".entry k() { .global .texref g; ret; }",
       ".entry k() { .global .u32 g; ret; } .global .u64 p = g;",
       ".entry k() { .global .u32 g; .reg .u32 g; ret; }"},
      {".entry k() { .global .u32 g = 5; .reg .u32 r; ld.global.u32 r, [g]; ret; }",
       (".global .u32 g = 1; .entry k(.param .u32 static_0) { .global .u32 g = 2; { .const .u32 "
        "g[2] = {3, 4}; .reg .u32 r; ld.const.u32 r, [g+4]; } ret; }"),
       ".entry k() { .global .u64 g = k; ret; }",
       ".entry k() { .global .u32 g; ret; } .entry l() { .global .u32 g; ret; }",
       (".global .u32 static_0; .func f() { .global .attribute(.managed) .u32 g; ret; } "
        ".entry k() { ret; }")});
}

TEST(PtxDeclarations, GiveFunctionsAliases) {
  const std::string f = ".visible .func f() { ret; } .visible .func g(); ";
  const std::string k = ".entry k() { .reg .u64 l; mov.u64 l, g; call g; ret; } ";
  ExpectModules(
      {},
      {".func f() { ret; } .alias g, f; .entry k() { ret; }",
       ".weak .func f() { ret; } .visible .func g(); .alias g, f; " + k,
       (".visible .func f() { ret; } .visible .func g(.param .u32 a); .alias g, f; .entry "
        "k() { ret; }"),
       ".visible .func f() { ret; } .visible .func g() { ret; } .alias g, f; " + k,
       f + ".alias f, g; " + k, f + ".alias g, f; .alias g, f; " + k,
       f + ".alias g, f .entry k() { ret; }",
       ".visible .entry f() { ret; } .visible .entry g(); .alias g, f;"},
      {f + ".alias g, f; " + k, f + k + ".alias g, f;",
       f + ".visible .func h(); .alias g, f; .alias h, g; .global .u64 p = h; " + k,
       ".visible .func f() { ret; } .extern .func g(); .alias g, f; " + k});
}

TEST(PtxDeclarations, NumberRegistersByAllDigitsAtTheEnd) {
  ExpectModules({},
                InBody({".reg .u32 q1<5>; mov.u32 q12, 5;", ".reg .u32 q0<5>; mov.u32 q01, 5;",
                        ".reg .u32 q<20>; .reg .f32 q1<5>; mov.f32 q12, 0f00000000;",
                        ".reg .f32 q1<5>; .reg .u32 q<20>; mov.f32 q12, 0f00000000;",
                        ".reg .u32 q<20>; { .reg .f32 q1<5>; mov.f32 q12, 0f00000000; }"}),
                InBody({".reg .u32 q<20>; .reg .f32 q1<5>; mov.u32 q12, 5;",
                        ".reg .f32 q1<5>; .reg .u32 q<20>; mov.u32 q12, 5;",
                        ".reg .u32 q1_<5>; mov.u32 q1_2, 5;",
                        ".reg .u32 q1<5>; { .reg .f32 q<20>; mov.f32 q12, 0f00000000; }"}));
}

}  // namespace
}  // namespace souk::ptx
