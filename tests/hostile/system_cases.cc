// Calls of what CUDA's driver gives to kernels (gpu/cpu/system_calls.h), and cooperative grids.
#include "hostile/hostile_set.h"

namespace souk::gpu::hostile {
namespace {

// Declares `name` with these widths of its arguments; 0 for no result.
std::string Extern(const std::string& name, int result, const std::vector<int>& arguments) {
  std::string text = ".extern .func ";
  if (result != 0) text += "(.param .b" + std::to_string(result) + " result) ";
  text += name + " (";
  for (size_t i = 0; i < arguments.size(); ++i) {
    text += (i == 0 ? "" : ", ") + std::string(".param .b") + std::to_string(arguments[i]) + " a" +
            std::to_string(i);
  }
  return text + ");\n";
}
const std::string kSystem = Extern("vprintf", 32, {64, 64}) + Extern("malloc", 64, {64}) +
                            Extern("free", 0, {64}) +
                            Extern("__assertfail", 0, {64, 64, 32, 64, 64});

// Each leaves its result in %r9 or %rd7.
std::string Print(const std::string& format, const std::string& arguments) {
  return "{ .param .b64 a; .param .b64 b; .param .b32 r; st.param.b64 [a], " + format +
         "; st.param.b64 [b], " + arguments +
         "; call (r), vprintf, (a, b); ld.param.b32 %r9, [r]; }\n";
}
std::string Malloc(const std::string& bytes) {
  return "{ .param .b64 a; .param .b64 r; st.param.b64 [a], " + bytes +
         "; call (r), malloc, (a); ld.param.b64 %rd7, [r]; }\n";
}
std::string Free(const std::string& address) {
  return "{ .param .b64 a; st.param.b64 [a], " + address + "; call free, (a); }\n";
}
std::string Assert(const std::string& message, const std::string& file) {
  return "{ .param .b64 a; .param .b64 b; .param .b32 c; .param .b64 d; .param .b64 e; "
         "st.param.b64 [a], " +
         message + "; st.param.b64 [b], " + file + "; st.param.b32 [c], 7; st.param.b64 [d], " +
         file + "; st.param.b64 [e], 1; call __assertfail, (a, b, c, d, e); }\n";
}
// A variable of these bytes, with a NUL behind them, whose generic address goes to `into`.
std::string Text(const std::string& name, const std::string& bytes) {
  std::string text = ".global .b8 " + name + "[" + std::to_string(bytes.size() + 1) + "] = {";
  for (const char c : bytes) text += std::to_string(static_cast<unsigned char>(c)) + ",";
  return text + "0};\n";
}
std::string AddressOf(const std::string& name, const std::string& into) {
  return "mov.u64 " + into + ", " + name + "; cvta.global.u64 " + into + ", " + into + ";\n";
}

Case Ends(const std::string& name, std::optional<Code> code, const std::string& sentence,
          Kernel kernel, uint32_t mebibytes = 32) {
  kernel.before = kSystem + kernel.before;
  return {.name = "system-" + name,
          .make = [=] { return JobOf(kernel); },
          .code = code,
          .sentence = sentence,
          .mebibytes = mebibytes};
}
Case Gives(const std::string& name, const std::string& before, const std::string& body,
           uint32_t word) {
  Case one = Ends(name, std::nullopt, "",
                  {.before = before,
                   .body = body + "st.global.u32 [%rd0], %r9;",
                   .grid = {1, 1, 1},
                   .block = {1, 1, 1}});
  one.words = {word};
  return one;
}

void AddPrints(std::vector<Case>& out) {
  const std::string number = Text("f", "%d\n");
  const std::string at_number = AddressOf("f", "%rd1");
  out.push_back(Ends("print-without-end", Code::kExhausted, "used up its budget",
                     {.before = Text("f", std::string(1000, 'x')),
                      .body = AddressOf("f", "%rd1") + "L: " + Print("%rd1", "%rd0") + "bra L;"}));
  out.push_back(Ends("print-of-a-wild-format", Code::kFault,
                     "load of 1 byte at generic address 0x40",
                     {.body = "mov.u64 %rd1, 64;\n" + Print("%rd1", "%rd0")}));
  out.push_back(
      Ends("print-of-wild-arguments", Code::kFault, "load of 4 bytes at generic address 0x0",
           {.before = number, .body = at_number + "mov.u64 %rd2, 0;\n" + Print("%rd1", "%rd2")}));
  out.push_back(
      Ends("print-of-a-wild-string", Code::kFault, "load of 1 byte at generic address",
           {.before = Text("f", "%s"),
            .body = AddressOf("f", "%rd1") + "mov.u64 %rd2, -7; st.global.u64 [%rd0], %rd2;\n" +
                    Print("%rd1", "%rd0")}));
  // The end of the buffer comes before that of the text.
  out.push_back(
      Ends("print-of-a-text-without-end", Code::kFault, "is outside every allocation",
           {.body = "mov.u32 %r1, 0;\nL: cvt.u64.u32 %rd1, %r1; add.u64 %rd1, %rd0, %rd1; "
                    "mov.u16 %h1, 120; st.global.u8 [%rd1], %h1; add.u32 %r1, %r1, 1; "
                    "setp.lt.u32 %p1, %r1, 1000; @%p1 bra L;\n" +
                    Print("%rd0", "%rd0"),
            .grid = {1, 1, 1},
            .block = {1, 1, 1}}));
  for (const auto& [name, format] :
       std::vector<std::pair<std::string, std::string>>{{"of-a-written-count", "%n"},
                                                        {"of-a-huge-width", "%999999999d"},
                                                        {"of-a-huge-precision", "%.999999999f"},
                                                        {"of-half-a-conversion", "%-0+ #"}}) {
    out.push_back(Gives("print-" + name, Text("f", format),
                        AddressOf("f", "%rd1") + Print("%rd1", "%rd0"), 0xfffffffe));
  }
  // CUDA's printf takes 32 arguments.
  out.push_back(Gives("print-of-a-thousand-arguments", Text("f", Times(1000, "%d")),
                      AddressOf("f", "%rd1") + Print("%rd1", "%rd0"), 32));
  // Reads much, prints nothing, and says so.
  Case slow = Ends("print-that-only-reads", Code::kExhausted, "used up the time limit",
                   {.before = Text("f", Times(32, "%s") + "%n") + Text("s", std::string(8000, 'x')),
                    .body = AddressOf("f", "%rd1") + AddressOf("s", "%rd2") +
                            Each(32,
                                 [](const std::string& i) {
                                   return "st.global.u64 [%rd0+" +
                                          std::to_string(8 * std::stoi(i)) + "], %rd2;\n";
                                 }) +
                            "L: " + Print("%rd1", "%rd0") + "bra L;",
                    .thread_instructions = UINT64_MAX,
                    .milliseconds = 200});
  slow.milliseconds = 3000;
  out.push_back(std::move(slow));
}

void AddAssertions(std::vector<Case>& out) {
  out.push_back(
      Ends("assertion-of-garbage", Code::kFault, "assertion `",
           {.before = Text("m", Times(2000, "\x1b[2J\xff")) + Text("f", Times(3000, "../")),
            .body = AddressOf("m", "%rd1") + AddressOf("f", "%rd2") + Assert("%rd1", "%rd2")}));
  // What a receipt says is cut, and shown without what moves a terminal's cursor.
  out.back().sentence = "kernel k, line [0-9]+, block \\(0,0,0\\), thread \\(0,0,0\\): \\.\\./";
  out.push_back(Ends("assertion-at-null", Code::kFault, "load of 1 byte at generic address 0x0",
                     {.body = "mov.u64 %rd1, 0;\n" + Assert("%rd1", "%rd0")}));
}

void AddHeaps(std::vector<Case>& out) {
  out.push_back(Gives("malloc-of-2-to-the-64", "",
                      "mov.u64 %rd1, -1;\n" + Malloc("%rd1") + "cvt.u32.u64 %r9, %rd7;\n", 0));
  out.push_back(Gives("malloc-until-there-is-no-more", "",
                      "mov.u64 %rd1, 65536; mov.u32 %r9, 0;\nL: " + Malloc("%rd1") +
                          "add.u32 %r9, %r9, 1; setp.ne.u64 %p1, %rd7, 0; @%p1 bra L;\n",
                      129));
  // Half a million pieces, and then holes between all of them.
  out.push_back(Ends("malloc-of-grains", Code::kExhausted, "used up its budget",
                     {.body = "mov.u64 %rd1, 1;\nL: " + Malloc("%rd1") + "bra L;"}, 160));
  out.push_back(
      Ends("free-of-a-buffer", Code::kFault, "which malloc did not give", {.body = Free("%rd0")}));
  out.push_back(
      Ends("free-twice", Code::kFault, "which malloc did not give",
           {.body = "mov.u64 %rd1, 64;\n" + Malloc("%rd1") + Free("%rd7") + Free("%rd7")}));
  out.push_back(Ends("free-within", Code::kFault, "which malloc did not give",
                     {.body = "mov.u64 %rd1, 64;\n" + Malloc("%rd1") + "add.u64 %rd7, %rd7, 16;\n" +
                              Free("%rd7")}));
  out.push_back(
      Ends("heap-end", Code::kFault, "outside every allocation",
           {.body = "mov.u64 %rd1, 8388608;\n" + Malloc("%rd1") + "st.u8 [%rd7+8388608], %h1;",
            .grid = {1, 1, 1},
            .block = {1, 1, 1}}));
  out.push_back({.name = "system-call-declared-in-another-way",
                 .make =
                     [] {
                       return JobOf(Kernel{
                           .before = Extern("malloc", 0, {32}),
                           .body = "{ .param .b32 a; st.param.b32 [a], 1; call malloc, (a); }"});
                     },
                 .code = Code::kUnsupported,
                 .sentence = "declared in another way"});
}

void AddGrids(std::vector<Case>& out) {
  const auto together = [&](const std::string& name, Code code, const std::string& sentence,
                            const Kernel& kernel) {
    out.push_back({.name = "system-" + name,
                   .make =
                       [=] {
                         std::vector<Bytes> blobs;
                         Workload work = PlainWorkload(blobs);
                         const Job job = JobOf(kernel);
                         work.modules[0] = {Sha256(job.blobs[0]), job.blobs[0].size()};
                         KernelLaunch& launch = *work.steps[0].launch;
                         launch.cooperative = true;
                         launch.grid = kernel.grid;
                         launch.block = kernel.block;
                         work.limits.thread_instructions = kernel.thread_instructions;
                         return Encoded(work, job.blobs);
                       },
                   .code = code,
                   .sentence = sentence,
                   .mebibytes = 64});
  };
  together("cooperative-grid-of-2-to-the-31", Code::kTooLarge, "cannot all be resident",
           {.grid = {2147483647, 65535, 65535}});
  together("cooperative-grid-of-much-local-memory", Code::kTooLarge, "cannot all be resident",
           {.body = ".local .b8 l[524288]; st.local.u8 [l], %h1;",
            .grid = {1000, 1, 1},
            .block = {1024, 1, 1}});
  together(
      "cooperative-grid-that-waits-for-who-left", Code::kExhausted, "used up its budget",
      {.body = "mov.u32 %r1, %ctaid.x; setp.eq.u32 %p1, %r1, 7; @%p1 exit;\n"
               "atom.global.add.u32 %r2, [%rd0], 1;\n"
               "L: ld.volatile.global.u32 %r2, [%rd0]; setp.lt.u32 %p1, %r2, 1024; @%p1 bra L;",
       .grid = {16, 1, 1},
       .block = {64, 1, 1}});
}

}  // namespace

std::vector<Case> SystemCases() {
  std::vector<Case> out;
  AddPrints(out);
  AddAssertions(out);
  AddHeaps(out);
  AddGrids(out);
  return out;
}

}  // namespace souk::gpu::hostile
