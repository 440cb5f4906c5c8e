// Modules that are large, or make large things of little text. Each may take what the bounds of
// ptx::Limits, gpu/cpu/lower.h and gpu/workload/workload.h leave it, and no more.
#include "hostile/hostile_set.h"

namespace souk::gpu::hostile {
namespace {

using Text = std::function<std::string()>;

Case Ends(const std::string& name, std::optional<Code> code, const std::string& sentence,
          const Text& text, uint32_t mebibytes = 64) {
  return {.name = "size-" + name,
          // One thread: what runs for long here is to be the loading.
          .make =
              [=] {
                return JobOf(text(), Form::kCanonical, {.grid = {1, 1, 1}, .block = {1, 1, 1}});
              },
          .code = code,
          .sentence = sentence,
          .mebibytes = mebibytes};
}
Text Body(const std::function<std::string()>& body) {
  return [=] { return TextOf(Kernel{.body = body()}); };
}
Text Before(const std::function<std::string()>& before) {
  return [=] { return TextOf(Kernel{.before = before(), .body = "st.global.u32 [%rd0], 7;"}); };
}

constexpr size_t kMillion = 1'000'000;

// Seconds of work, half of it to write the module.
constexpr const char* kLong[] = {
    "a-million-labels",
    "700000-functions",
    "300000-functions",
    "600000-variables",
    "400000-registers",
    "more-names-than-a-module-may-have",
    "branches-to-one-place",
    "registers-times-blocks",
    "registers-times-branch-tables",
    "loops-nested-deep",
    "700000-instructions-in-a-row",
    "initialiser-as-far-as-it-may",
};

// As many of everything as sixteen mebibytes of text hold, or ptx::Limits::names allow.
void AddMillions(std::vector<Case>& out) {
  const auto number = [](const char* before, const char* after) {
    return [=](const std::string& i) { return before + i + after; };
  };
  const auto as_written = [](const std::string& name, Code code, const std::string& sentence,
                             const Text& text, uint32_t mebibytes) {
    return Case{.name = "size-" + name,
                .make = [=] { return JobOf(text(), Form::kAsWritten); },
                .code = code,
                .sentence = sentence,
                .mebibytes = mebibytes};
  };
  const char* const kNotCanonical = "not in canonical form";
  out.push_back(as_written("a-million-labels", Code::kMismatch, kNotCanonical,
                           Body([=] { return Each(kMillion, number("L", ":")); }), 512));
  out.push_back(as_written("700000-functions", Code::kMismatch, kNotCanonical,
                           Before([=] { return Each(700'000, number(".func f", "(){ret;}\n")); }),
                           1024));
  out.push_back(Ends("300000-functions", std::nullopt, "",
                     Before([=] { return Each(300'000, number(".func f", "(){ret;}\n")); }), 1024));
  // Those that no kernel names take no memory.
  out.push_back(Ends("600000-variables", std::nullopt, "",
                     Before([=] { return Each(600'000, number(".global .b32 g", ";\n")); }), 1024));
  out.push_back(Ends(
      "66000-variables", Code::kExhausted, "more than 65536 allocations",
      [=] {
        return TextOf(Kernel{.before = Each(66'000, number(".global .b32 g", ";\n")),
                             .body = Each(66'000, number("mov.u64 %rd1, g", ";\n"))});
      },
      128));
  out.push_back(Ends("400000-registers", std::nullopt, "", Body([=] {
                       return Each(400'000, number(".reg .b32 a", ";")) +
                              Each(400'000, number("add.u32 a", ",%r0,1;"));
                     }),
                     768));
  out.push_back(Ends("a-billion-registers-of-which-none-is-used", std::nullopt, "",
                     Body([] { return std::string(".reg .b32 %x<1000000000>;"); })));
  out.push_back(as_written("more-names-than-a-module-may-have", Code::kTooLarge, "names",
                           Body([=] { return Each(1'100'000, number("L", ":")); }), 512));
  out.push_back(as_written(
      "a-million-locations", Code::kMismatch, kNotCanonical,
      [=] {
        return TextOf(
            Kernel{.before = ".file 1 \"a.cu\"\n", .body = Times(kMillion, ".loc 1 1 1\n")});
      },
      512));
  out.push_back(Ends(
      "a-branch-table-of-a-million", Code::kUnsupported, "table",
      Body([] { return "T: .branchtargets A" + Times(kMillion, ",A") + ";\nbrx.idx %r0, T;\nA:"; }),
      512));
}

// More work than text: each was, or would be, a square of its length.
void AddSquares(std::vector<Case>& out) {
  out.push_back(Ends("branch-tables-named-again-and-again", Code::kTooLarge, "branches", Body([] {
                       return "T: .branchtargets A" + Times(9999, ", A") + ";\n" +
                              Times(9999, "@%p1 brx.idx %r0, T;\n") + "A:";
                     }),
                     512));
  out.push_back(Ends(
      "calls-of-many-variables", Code::kTooLarge, "calls inlined",
      [] {
        return TextOf(Kernel{
            .before = ".func f() { .local .b8 x; " + Times(4000, "{ .local .b8 x; }") + "ret; }\n",
            .body = Times(9999, "call f;\n")});
      },
      512));
  out.push_back(Ends(
      "branches-to-one-place", Code::kTooLarge, "too many branches",
      Body([] { return Times(60000, "@%p1 bra END;\n") + "st.global.u32 [%rd0], 1; END:"; }), 256));
  out.push_back(Ends("registers-all-alive", Code::kTooLarge, "too many registers", Body([] {
                       return Each(20'000,
                                   [](const std::string& i) {
                                     return ".reg .b64 a" + i + "; cvt.u64.u32 a" + i + ", %r0; ";
                                   }) +
                              Each(20'000, [](const std::string& i) {
                                return "add.u64 %rd1, %rd1, a" + i + "; ";
                              });
                     }),
                     128));
  out.push_back(Ends("registers-times-blocks", Code::kTooLarge, "too many registers", Body([] {
                       return Each(100'000, [](const std::string& i) {
                         return ".reg .b32 a" + i + "; mov.u32 a" + i + ", %r0; bra L" + i + "; L" +
                                i + ": add.u32 %r1, %r1, a" + i + "; ";
                       });
                     }),
                     512));
  // Live registers along every edge of many tables.
  out.push_back(Ends(
      "registers-times-branch-tables", Code::kTooLarge, "registers for its branches", Body([] {
        const size_t blocks = 900;
        const size_t registers = 100'000;
        std::string text = "T: .branchtargets B0";
        for (size_t i = 1; i < blocks; ++i) text += ", B" + std::to_string(i);
        text +=
            ";\n" + Each(registers, [](const std::string& i) { return ".reg .b32 a" + i + "; "; });
        for (size_t b = 0; b < blocks; ++b) {
          text += "B" + std::to_string(b) + ": ";
          for (size_t r = b; r < registers; r += blocks) {
            text += "@%p1 add.u32 a" + std::to_string(r) + ", a" +
                    std::to_string((r * 7 + 1) % registers) + ", 1; ";
          }
          text += "brx.idx %r0, T;\n";
        }
        return text;
      }),
      512));
  out.push_back(Ends("loops-nested-deep", std::nullopt, "", Body([] {
                       std::string text;
                       for (int i = 0; i < 20'000; ++i) text += "L" + std::to_string(i) + ":\n";
                       for (int i = 20'000; i-- > 0;) {
                         text +=
                             "setp.ne.u32 %p1, %r0, %r0; @%p1 bra L" + std::to_string(i) + ";\n";
                       }
                       return text + "st.global.u32 [%rd0], 7;";
                     }),
                     512));
  out.push_back(Ends("700000-instructions-in-a-row", std::nullopt, "", Body([] {
                       return Times(700'000, "add.u32 %r1,%r1,1;") + "st.global.u32 [%rd0], 7;";
                     }),
                     1024));
  out.push_back(Ends(
      "more-instructions-than-a-kernel-may-have", Code::kTooLarge, "1,048,576 instructions",
      [] {
        return TextOf(
            Kernel{.before = ".func f(){.reg .b32 a;" + Times(10'000, "add.u32 a,a,1;") + "ret;}\n",
                   .body = Times(110, "call f;")});
      },
      1024));
}

// Variables that take more than they say.
void AddData(std::vector<Case>& out) {
  const auto data = [&](const std::string& name, std::optional<Code> code,
                        const std::string& sentence, const std::string& declaration,
                        uint32_t mebibytes = 32) {
    out.push_back(Ends(
        name, code, sentence,
        [=] {
          return TextOf(Kernel{.before = declaration + "\n", .body = "st.global.u32 [%rd0], 7;"});
        },
        mebibytes));
  };
  data("array-of-2-to-the-63", Code::kTooLarge, "too large", ".global .b8 x[9223372036854775807];");
  data("array-of-2-to-the-64", Code::kTooLarge, "array size",
       ".global .b8 x[18446744073709551615];");
  data("array-whose-product-wraps", Code::kTooLarge, "too large",
       ".global .b64 x[8589934592][8589934592][16];");
  const auto named = [&](const std::string& name, const std::string& before) {
    out.push_back(Ends(name, Code::kExhausted, "allocating", [=] {
      return TextOf(Kernel{.before = before, .body = "mov.u64 %rd1, x;"});
    }));
  };
  named("array-of-16-tebibytes", ".global .b8 x[17592186044416];\n");
  named("array-larger-than-the-device", ".global .b8 x[2147483648];\n");
  data("array-of-no-elements", Code::kMalformed, "has no size", ".global .b8 x[0];");
  data("array-of-a-negative-size", Code::kTooLarge, "array size", ".global .b8 x[-1];");
  data("array-of-seventeen-dimensions", Code::kTooLarge, "too many array dimensions",
       ".global .b8 x" + Times(17, "[1]") + ";");
  data("initialiser-far-into-an-array", Code::kTooLarge, "initialisers are too large",
       ".global .b8 x[2][134217728] = {{1}, {1}};");
  // As far as it may: 64 MiB of memory from forty bytes of text, and text of 200 MiB where it is
  // written canonically, to see whether it was.
  out.push_back({.name = "size-initialiser-as-far-as-it-may",
                 .make =
                     [] {
                       return JobOf(Header() + ".global .b8 x[2][67108000] = {{1}, {1}};\n" +
                                        ".visible .entry k(.param .u64 p0, .param .u64 p1) {ret;}",
                                    Form::kAsWritten);
                     },
                 .code = Code::kMismatch,
                 .sentence = "not in canonical form",
                 .mebibytes = 512});
  data("initialiser-of-too-many", Code::kMalformed, "more initialisers than elements",
       ".global .b8 x[2] = {1, 2, 3};");
  data("initialiser-nested-a-million-deep", Code::kMalformed, "line [0-9]+: ",
       ".global .b8 x[2] = " + Times(kMillion, "{") + "1" + Times(kMillion, "}") + ";");
  data("initialiser-of-an-unknown-name", Code::kMalformed, "unknown name",
       ".global .u64 x = nobody;");
  data("alignment-of-2-to-the-31", Code::kTooLarge, "alignment",
       ".global .align 2147483648 .b8 x[4];");
  data("alignment-of-three", Code::kMalformed, "no power of two", ".global .align 3 .b8 x[4];");
  data("alignment-of-none", Code::kMalformed, "no power of two", ".global .align 0 .b8 x[4];");
  out.push_back(Ends("initialisers-that-name-each-other", std::nullopt, "", Before([] {
                       return ".global .u64 g0 = 1;\n" + Each(20'000, [](const std::string& i) {
                                const std::string next = std::to_string(std::stoul(i) + 1);
                                return ".global .u64 g" + next + " = g" + i + ";\n";
                              });
                     }),
                     128));
}

// The workload's own bounds on modules.
void AddModules(std::vector<Case>& out) {
  // Told, not sent: nobody reads a gibibyte to find out.
  out.push_back({.name = "size-module-of-a-gibibyte",
                 .make =
                     [] {
                       Job job = JobOf(Kernel{});
                       Replace(job.encoding, job.blobs[0].size(), uint64_t{1} << 30);
                       return job;
                     },
                 .code = Code::kTooLarge,
                 .sentence = "module 1: it is too large"});
  out.push_back({.name = "size-module-of-blanks",
                 .make =
                     [] {
                       return JobOf(TextOf(Kernel{}) + std::string((16u << 20) - 1000, ' '),
                                    Form::kAsWritten);
                     },
                 .code = Code::kMismatch,
                 .sentence = "not in canonical form"});
  out.push_back(
      {.name = "size-module-of-17-mebibytes",
       .make =
           [] { return JobOf(TextOf(Kernel{}) + std::string(17u << 20, ' '), Form::kAsWritten); },
       .code = Code::kTooLarge,
       .sentence = "module 1: it is too large"});
}

}  // namespace

std::vector<Case> SizeCases() {
  std::vector<Case> out;
  AddMillions(out);
  AddSquares(out);
  AddData(out);
  AddModules(out);
  for (const char* name : kLong) {
    for (Case& one : out) {
      if (one.name != std::string("size-") + name) continue;
      one.is_long = true;
      one.milliseconds = 20'000;
    }
  }
  return out;
}

}  // namespace souk::gpu::hostile
