// Calls and the prototypes of what they call, judged by ptxas too.
#include <gtest/gtest.h>

#include "unit/gpu/ptx/verdicts.h"

namespace souk::ptx {
namespace {

// A function with these parameters, and a kernel that calls it.
std::string Calling(const std::string& params, const std::string& declares,
                    const std::string& arguments) {
  return ".func f(" + params + ") { ret; } .entry k() { " + declares + " call f, (" + arguments +
         "); ret; }";
}
std::string Returning(const std::string& returns, const std::string& declares,
                      const std::string& given) {
  return ".func (" + returns + ") f() { ret; } .entry k() { " + declares + " call (" + given +
         "), f; ret; }";
}
// A call through a register.
std::string Indirect(const std::string& type, const std::string& declares,
                     const std::string& call) {
  return ".func f(.param .u32 a) { ret; } .func g() { ret; }\n.entry k() { .reg .u64 l; " +
         declares + " p: " + type + "; " + call + "; ret; }";
}

TEST(PtxCalls, PassRegistersOfTheParametersType) {
  std::vector<std::string> bad;
  std::vector<std::string> good;
  for (const auto& [formal, actual] : {std::pair("u32", "f32"),
                                       {"b32", "u64"},
                                       {"u32", "u64"},
                                       {"u32", "u16"},
                                       {"f32", "s32"},
                                       {"u16", "f16"},
                                       {"u16", "u16"},
                                       {"u8", "u8"},
                                       {"pred", "pred"},
                                       {"u64", "f64"}}) {
    bad.push_back(Calling(std::string(".reg .") + formal + " a",
                          std::string(".reg .") + actual + " x;", "x"));
  }
  for (const auto& [formal, actual] : {std::pair("u32", "s32"),
                                       {"b32", "f32"},
                                       {"f32", "b32"},
                                       {"u32", "f16x2"},
                                       {"f16", "b16"},
                                       {"b16", "u16"},
                                       {"b8", "b8"},
                                       {"f64", "b64"},
                                       {"b128", "b128"}}) {
    good.push_back(Calling(std::string(".reg .") + formal + " a",
                           std::string(".reg .") + actual + " x;", "x"));
  }
  bad.push_back(Calling(".reg .v2 .u32 a", ".reg .v4 .u32 x;", "x"));
  bad.push_back(Calling(".reg .u32 a", ".reg .v2 .u32 x;", "x"));
  good.push_back(Calling(".reg .v2 .u32 a", ".reg .v2 .b32 x;", "x"));
  good.push_back(Calling(".param .u32 a", ".reg .b32 x;", "x"));
  ExpectModules({}, bad, good);
}

TEST(PtxCalls, PassMemoryOfTheParametersTypeSizeAndAlignment) {
  ExpectModules(
      {},
      {Calling(".param .u32 a", ".param .f32 x;", "x"),
       Calling(".param .b32 a", ".param .b64 x;", "x"),
       Calling(".param .b32 a", ".param .align 4 .b8 x[4];", "x"),
       Calling(".param .b32 a", ".param .b8 x[4000];", "x"),
       Calling(".param .align 4 .b8 a[4]", ".param .b32 x;", "x"),
       Calling(".param .b8 a[4]", ".param .b8 x[8];", "x"),
       Calling(".param .b8 a[8]", ".param .b8 x[4];", "x"),
       Calling(".param .align 8 .b8 a[8]", ".param .align 4 .b8 x[8];", "x"),
       Calling(".param .align 4 .b8 a[8]", ".param .align 8 .b8 x[8];", "x"),
       Calling(".param .b32 a", ".param .b32 x[1];", "x"),
       Calling(".param .f32 a[2]", ".param .u32 x[2];", "x"),
       Calling(".param .align 8 .u64 a[1]", ".param .align 8 .u32 x[2];", "x"),
       Calling(".param .align 8 .u32 a", ".param .u32 x;", "x"),
       Calling(".param .align 8 .b32 a", ".reg .b32 x;", "x"),
       Calling(".param .b8 a[4]", ".reg .b32 x;", "x"),
       Calling(".param .u8 a", ".param .u8 x;", "x"),
       Calling(".param .u32 a", ".local .u32 x;", "x"),
       ".global .u32 g; " + Calling(".param .u64 a", "", "g"),
       ".func f(.param .u32 a) { ret; } .entry k(.param .u32 x) { call f, (x); ret; }"},
      {Calling(".param .u32 a", ".param .u32 x;", "x"),
       Calling(".param .u32 a", ".param .b32 x;", "x"),
       Calling(".param .b32 a", ".param .f32 x;", "x"),
       Calling(".param .align 4 .b8 a[8]", ".param .align 4 .b32 x[2];", "x"),
       Calling(".param .align 8 .b8 a[8]", ".param .b64 x[1];", "x"),
       Calling(".param .b32 a[2]", ".param .f32 x[2];", "x"),
       Calling(".param .b8 a", ".param .b8 x;", "x"),
       Calling(".param .u32 n, .param .align 8 .b8 rest[]", ".param .align 8 .b8 x[16];", "1, x"),
       Calling(".param .u32 n, .param .align 8 .b8 rest[]", "", "1"),
       Calling(".param .b128 a", ".param .b128 x;", "x")});
}

TEST(PtxCalls, PassConstantsWhereTheParameterIsANumber) {
  ExpectModules({},
                {Calling(".reg .f32 a", "", "5"), Calling(".reg .u32 a", "", "5.0"),
                 Calling(".param .f64 a", "", "5"), Calling(".param .b8 a[4]", "", "5"),
                 Calling(".reg .f16 a", "", "5")},
                {Calling(".reg .u32 a", "", "5"), Calling(".reg .f32 a", "", "5.0"),
                 Calling(".reg .b64 a", "", "0f3F800000"), Calling(".param .u32 a", "", "2+3"),
                 Calling(".param .f32 a", "", "5.0"), Calling(".param .u32 a", "", "WARP_SZ")});
}

TEST(PtxCalls, NameTheirArgumentsWithoutSignsPartsAndOffsets) {
  ExpectModules(
      {},
      {Calling(".reg .u32 a", ".reg .u32 x;", "-x"), Calling(".reg .u32 a", ".reg .u32 x;", "_"),
       Calling(".reg .u32 a", ".reg .v2 .u32 x;", "x.x"), Calling(".reg .u32 a", "", "%tid.x"),
       Calling(".reg .u32 a", "", "%laneid"), Calling(".param .u32 a", ".param .u32 x;", "x+0"),
       Calling(".param .u32 a", ".param .u32 x;", "[x]"),
       Calling(".reg .u64 a", ".reg .u32 x, y;", "{x, y}"),
       Calling(".reg .pred a", ".reg .pred x;", "!x"),
       ".func f() { ret; } .entry k() { call _, f; ret; }"},
      {".func f() { ret; } .entry k() { call (), f, (); ret; }"});
}

TEST(PtxCalls, GiveAndTakeAsManyValuesAsTheFunctionHas) {
  ExpectModules(
      {},
      {Calling(".reg .u32 a", ".reg .u32 x;", "x, x"),
       ".func f(.reg .u32 a) { ret; } .entry k() { call f; ret; }",
       ".func (.param .u32 r) f() { ret; } .entry k() { call f; ret; }",
       ".func f() { ret; } .entry k() { .reg .u32 x; call (x), f; ret; }",
       Returning(".param .u32 r", ".param .f32 x;", "x"),
       Returning(".param .u32 r", ".param .u64 x;", "x"),
       Returning(".reg .u32 r", ".reg .f32 x;", "x"),
       Returning(".reg .pred r", ".reg .pred x;", "x"),
       Returning(".param .b8 r[4]", ".param .align 4 .b8 x[4];", "x"),
       Returning(".reg .u32 r", "", "5"),
       (".func (.param .u32 r) f() { ret; } .func (.param .u32 x) g() { call (x), f; ret; } "
        ".entry k() { ret; }"),
       ".entry e() { ret; } .entry k() { call e; ret; }"},
      {Returning(".param .u32 r", ".param .b32 x;", "x"), Returning(".param .u32 r", "", "_"),
       Returning(".reg .u32 r", ".reg .b32 x;", "x"),
       Returning(".reg .u32 r, .reg .u32 s", ".reg .u32 x, y;", "x, y")});
}

TEST(PtxCalls, ThroughRegistersSuitTheirPrototypeOrEveryTarget) {
  ExpectModules(
      {},
      {Indirect(".callprototype _ (.param .u32 _)", ".param .f32 x;", "call l, (x), p"),
       Indirect(".callprototype _ (.param .b8 _[8])", ".param .b32 x[2];", "call l, (x), p"),
       Indirect(".callprototype _ (.param .u32 _)", "", "call l, p"),
       Indirect(".callprototype _ ()", "", "call l, (5), p"),
       Indirect(".callprototype (.param .u32 _) _ ()", "", "call l, p"),
       Indirect(".callprototype (.param .u32 _) _ ()", ".param .u64 x;", "call (x), l, p"),
       Indirect(".callprototype (.param .u32 _, .param .u32 _) _ ()", "", "ret"),
       Indirect(".callprototype (.param .u32 _) _ () .noreturn", "", "ret"),
       Indirect(".callprototype (.param .u32 a) h ()", "", "ret"),
       Indirect(".callprototype _ (.param .u32 _[], .param .u32 _)", "", "ret"),
       Indirect(".callprototype (.param .u32 _[]) _ ()", "", "ret"),
       Indirect(".callprototype _ (.param .bf16 _)", "", "ret"),
       Indirect(".callprototype _ ()", ".reg .f64 m;", "call m, p"),
       Indirect(".callprototype _ ()", ".reg .u16 m;", "call m, p"),
       Indirect(".callprototype _ ()", ".reg .v2 .u64 m;", "call m, p"),
       Indirect(".callprototype _ ()", "", "call -l, p"),
       Indirect(".calltargets f", ".param .u64 x;", "call l, (x), p"),
       Indirect(".calltargets f, g", ".param .u32 x;", "call l, (x), p")},
      {Indirect(".callprototype _ (.param .u32 _)", ".param .b32 x;", "call l, (x), p"),
       Indirect(".callprototype _ (.param .align 4 .b8 _[8])", ".param .b32 x[2];",
                "call l, (x), p"),
       Indirect(".callprototype (.param .u32 _) _ ()", "", "call (_), l, p"),
       Indirect(".callprototype _ (.param .u32 _[])", "", "ret"),
       Indirect(".calltargets f", ".param .u32 x;", "call l, (x), p")});
}

TEST(PtxCalls, KeepOnePrototypeForEveryDeclaration) {
  const std::string kernel = " .entry k() { ret; }";
  ExpectModules(
      {},
      {".func f(.param .u32 a); .func f(.param .f32 a) { ret; }" + kernel,
       ".func f(.param .u32 a); .func f(.param .s32 a) { ret; }" + kernel,
       ".func f(.param .u32 a); .func f(.param .b8 a[4]) { ret; }" + kernel,
       ".func f(.param .align 4 .b8 a[4]); .func f(.param .align 8 .b8 a[4]) { ret; }" + kernel,
       ".func (.param .u32 r) f(); .func (.param .f32 r) f() { ret; }" + kernel,
       ".entry k(.param .u32 a); .entry k(.param .f32 a) { ret; }",
       ".func f() { ret; } .func f();" + kernel, ".func f(); .visible .func f() { ret; }" + kernel,
       ".weak .func f(); .visible .func f() { ret; }" + kernel,
       ".extern .func f(); .visible .func f() { ret; }" + kernel,
       ".func f() .noreturn; .func f() { trap; }" + kernel},
      {".func f(.param .u32 a); .func f(.param .u32 b) { ret; }" + kernel,
       ".visible .func f(); .func f() { ret; }" + kernel,
       ".weak .func f(); .weak .func f() { ret; }" + kernel,
       ".func f(); .func f(); .func f() { ret; }" + kernel});
}

TEST(PtxCalls, ReachWhatTheModuleDefinesOrTheDriverHas) {
  ExpectModules(
      {},
      {".extern .func f(); .entry k() { call f; ret; }", ".func f(); .entry k() { ret; }",
       ".entry k();", ".extern .func f(); .func g() { call f; ret; } .entry k() { ret; }",
       ".extern .func f(); .entry k() { .reg .u64 l; mov.u64 l, f; ret; }",
       ".extern .global .u32 e[]; .entry k() { ret; }",
       ".extern .const .u32 e[]; .entry k() { ret; }"},
      {".extern .func f(); .entry k() { ret; }",
       (".extern .func (.param .b64 r) malloc(.param .b64 a); .entry k() { .param .b64 a; "
        ".param .b64 r; "
        "call (r), malloc, (a); ret; }"),
       ".extern .func __assertfail(); .entry k() { call __assertfail; ret; }",
       ".extern .global .u32 e; .entry k() { .reg .u64 l; mov.u64 l, e; ret; }",
       ".extern .shared .u32 e[]; .entry k() { .reg .u64 l; mov.u64 l, e; ret; }"});
}

}  // namespace
}  // namespace souk::ptx
