// Texts that are no PTX, or only just.
#include "hostile/hostile_set.h"

namespace souk::gpu::hostile {
namespace {

constexpr size_t kMillion = 1'000'000;

Case Refused(const std::string& name, Code code, const std::string& sentence,
             const std::function<std::string()>& text) {
  return {.name = "text-" + name,
          .make = [=] { return JobOf(text(), Form::kAsWritten); },
          .code = code,
          // Whoever reads it wants to know where.
          .sentence = sentence.empty() ? "line [0-9]+: " : sentence,
          .mebibytes = 64};
}
Case Malformed(const std::string& name, const std::string& sentence, const std::string& text,
               Code code = Code::kMalformed) {
  return Refused(name, code, sentence, [=] { return text; });
}
Case Body(const std::string& name, Code code, const std::string& sentence,
          const std::function<std::string()>& body) {
  return Refused(name, code, sentence, [=] { return TextOf(Kernel{.body = body()}); });
}

void AddHeaders(std::vector<Case>& out) {
  out.push_back(Malformed("blank", "", " "));
  out.push_back(Malformed("an-elf-file", "line 1",
                          "\x7f"
                          "ELF\x02\x01\x01"));
  out.push_back(
      Malformed("version-999", "version", ".version 999\n.target sm_80\n.address_size 64\n"));
  out.push_back(Malformed("version-99", "", ".version 99.0\n.target sm_80\n.address_size 64\n",
                          Code::kUnsupported));
  out.push_back(
      Malformed("version-of-40-digits", "", ".version " + Times(40, "9") + ".0\n.target sm_80\n"));
  out.push_back(Malformed("version-twice", "", Header() + Header()));
  out.push_back(Malformed("no-version", "version", ".target sm_80\n.address_size 64\n"));
  out.push_back(Malformed("no-target", "target",
                          ".version 8.0\n.address_size 64\n.visible .entry k(){ret;}"));
  out.push_back(Malformed("target-of-another-make", "",
                          ".version 8.0\n.target gfx_90a\n.address_size 64\n", Code::kUnsupported));
  out.push_back(Malformed("target-of-ten-digits", "",
                          ".version 8.0\n.target sm_9000000000\n.address_size 64\n",
                          Code::kUnsupported));
  out.push_back(Malformed("address-size-32", "", ".version 8.0\n.target sm_80\n.address_size 32\n",
                          Code::kUnsupported));
}

void AddBytes(std::vector<Case>& out) {
  using namespace std::string_literals;
  const std::string start = Header();
  out.push_back(Malformed("nul-within", "", start + ".visible .entry k(){ \0 ret; }"s));
  out.push_back(Malformed("nul-in-a-name", "", start + ".visible .entry k\0k(){ ret; }"s));
  out.push_back(
      Malformed("invalid-utf-8", "", start + ".visible .entry \xc3\x28\xff\xfe(){ ret; }"));
  out.push_back(Malformed("a-million-bytes-of-0xff", "", start + Times(kMillion, "\xff")));
  out.push_back(Malformed("comment-without-end", "comment that never ends", start + "/* ..."));
  out.push_back(Malformed("string-without-end", "", start + ".file 1 \"a.cu"));
  out.push_back(Malformed("escape-without-end", "", start + ".file 1 \"a\\"));
  out.push_back(Malformed("body-without-end", "", start + ".visible .entry k(){ ret;"));
  out.push_back(Malformed("parameters-without-end", "", start + ".visible .entry k(.param .u64 "));
  out.push_back(Refused("name-of-megabytes", Code::kTooLarge, "identifier too long", [=] {
    return start + ".visible .entry " + Times(4 * kMillion, "k") + "(){ ret; }";
  }));
  out.push_back(Refused("string-of-megabytes", Code::kTooLarge, "string too long",
                        [=] { return start + ".file 1 \"" + Times(4 * kMillion, "k") + "\""; }));
  out.push_back(Body("sixteen-million-tokens", Code::kMismatch, "not in canonical form",
                     [] { return Times(8'300'000, "{}"); }));
  out.back().is_long = true;
  out.back().milliseconds = 20'000;
}

void AddLiterals(std::vector<Case>& out) {
  const auto literal = [&](const std::string& name, const std::string& text,
                           Code code = Code::kMalformed) {
    out.push_back(Body("literal-" + name, code, "", [=] { return "mov.u64 %rd1, " + text + ";"; }));
  };
  literal("beyond-64-bits", "18446744073709551616");
  literal("of-a-million-digits", Times(kMillion, "9"));
  literal("hexadecimal-beyond-64-bits", "0x1ffffffffffffffff");
  literal("hexadecimal-of-no-digits", "0x");
  literal("octal-of-nines", "0999");
  literal("float-of-seven-digits", "0f3F8000");
  literal("double-of-letters", "0dZZZZZZZZZZZZZZZZ");
  literal("of-a-million-minuses", Times(kMillion, "-") + "1", Code::kTooLarge);
}

void AddNests(std::vector<Case>& out) {
  out.push_back(Body("scopes-a-million-deep", Code::kTooLarge, "",
                     [] { return Times(kMillion, "{") + Times(kMillion, "}"); }));
  out.push_back(Body("parentheses-a-million-deep", Code::kTooLarge, "", [] {
    return "mov.u32 %r1, " + Times(kMillion, "(") + "1" + Times(kMillion, ")") + ";";
  }));
  out.push_back(Body("conditions-a-million-deep", Code::kTooLarge, "", [] {
    return ".local .b8 x[" + Times(kMillion, "1?") + "1" + Times(kMillion, ":1") + "];";
  }));
  out.push_back(Body("vectors-a-million-deep", Code::kMalformed, "", [] {
    return "mov.b64 %rd1, " + Times(kMillion, "{") + "%r1" + Times(kMillion, "}") + ";";
  }));
  out.push_back(Body("brackets-a-million-deep", Code::kMalformed, "", [] {
    return "ld.global.u32 %r1, " + Times(kMillion, "[") + "%rd0" + Times(kMillion, "]") + ";";
  }));
  out.push_back(Body("calls-a-million-deep", Code::kTooLarge, "nested too deeply", [] {
    return "call " + Times(kMillion, "(") + "%r1" + Times(kMillion, ")") + ", k;";
  }));
  out.push_back(Body("pairs-without-end", Code::kMalformed, "",
                     [] { return "setp.eq.u32 %p1" + Times(kMillion, "|%p1") + ", %r0, 0;"; }));
  out.push_back(Body("guards-without-end", Code::kMalformed, "",
                     [] { return Times(kMillion, "@%p1 ") + "ret;"; }));
  out.push_back(Body("a-vector-of-a-million", Code::kTooLarge, "",
                     [] { return "mov.b64 %rd1, {%r1" + Times(kMillion, ",%r1") + "};"; }));
  out.push_back(Body("suffixes-without-end", Code::kTooLarge, "",
                     [] { return "add" + Times(kMillion, ".u32") + " %r1, %r1, 1;"; }));
}

void AddDeclarations(std::vector<Case>& out) {
  out.push_back(Refused("500000-parameters", Code::kTooLarge, "parameters", [] {
    return Header() + ".visible .entry k(.param .u64 p" +
           Each(500'000, [](const std::string& i) { return ", .param .u64 q" + i; }) + "){ret;}";
  }));
  out.push_back(Malformed("directive-repeated-a-hundred-thousand-times", "not in canonical form",
                          Header() + ".visible .entry k(.param .u64 p0, .param .u64 p1) " +
                              Times(100'000, ".reqntid 32 ") + "{ ret; }",
                          Code::kMismatch));
  out.push_back(Malformed("directive-of-2-to-the-64", "",
                          Header() + ".visible .entry k(.param .u64 p0, .param .u64 p1) "
                                     ".maxntid 18446744073709551615 { ret; }",
                          Code::kTooLarge));
  out.push_back(Malformed("entry-twice", "twice",
                          TextOf(Kernel{}) + TextOf(Kernel{}).substr(Header().size())));
  out.push_back(
      Malformed("unknown-register", "%nobody", TextOf(Kernel{.body = "add.u32 %r1, %nobody, 1;"})));
  out.push_back(Malformed("unknown-label", "", TextOf(Kernel{.body = "bra NOWHERE;"})));
  out.push_back(
      Malformed("unknown-variable", "", TextOf(Kernel{.body = "ld.global.u32 %r1, [nobody];"})));
  out.push_back(Malformed("label-twice", "twice", TextOf(Kernel{.body = "L: L: ret;"})));
  out.push_back({.name = "text-instruction-of-nobody",
                 .make = [] { return JobOf(Kernel{.body = "launch.missiles.u32 %r1, %r1;"}); },
                 .code = Code::kUnsupported,
                 .sentence = "is not known"});
  out.push_back(
      {.name = "text-everything-extern",
       .make =
           [] {
             return JobOf(Kernel{.before = ".extern .global .b32 g[4];\n.extern .const .b32 c[4];\n"
                                           ".extern .func (.param .b32 r) f(.param .b32 a);\n",
                                 .body = "ld.global.u32 %r1, [g]; ld.const.u32 %r2, [c];"});
           },
       .code = Code::kUnsupported,
       .sentence = "variable g is not defined"});
}

}  // namespace

std::vector<Case> TextCases() {
  std::vector<Case> out;
  AddHeaders(out);
  AddBytes(out);
  AddLiterals(out);
  AddNests(out);
  AddDeclarations(out);
  return out;
}

}  // namespace souk::gpu::hostile
