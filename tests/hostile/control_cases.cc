// Kernels that do not end, wait for who never comes, jump or call where nothing is, or are launched
// as no kernel can be.
#include "hostile/hostile_set.h"

namespace souk::gpu::hostile {
namespace {

Case Ends(const std::string& name, Code code, const std::string& sentence, const Kernel& kernel) {
  return {.name = "control-" + name,
          .make = [=] { return JobOf(kernel); },
          .code = code,
          .sentence = sentence};
}
Case Faults(const std::string& name, const std::string& body, const std::string& sentence) {
  return Ends(name, Code::kFault, sentence, Kernel{.body = body});
}
Case Exhausts(const std::string& name, const std::string& body, Dim3 block = {64, 1, 1}) {
  return Ends(name, Code::kExhausted, "used up its budget of 20000000 thread-instructions",
              Kernel{.body = body, .block = block});
}

void AddLoops(std::vector<Case>& out) {
  out.push_back(Exhausts("loop-of-nothing", "L: bra L;"));
  out.push_back(Exhausts("loop-over-memory",
                         "L: ld.volatile.global.u32 %r1, [%rd0]; add.u32 %r1, %r1, 1; "
                         "st.volatile.global.u32 [%rd0], %r1; bra L;"));
  out.push_back(Exhausts("loop-over-atomics", "L: atom.global.add.u32 %r1, [%rd0], 1; bra L;"));
  out.push_back(Exhausts("loop-over-barriers", "L: bar.sync 0; bra L;", {1024, 1, 1}));
  out.push_back(Exhausts("loop-over-fences", "L: membar.gl; bar.warp.sync -1; bra L;"));
  out.push_back(Exhausts("loop-over-shuffles", "L: shfl.sync.idx.b32 %r1, %r0, 3, 31, -1; bra L;"));
  out.push_back(Exhausts("loop-of-one-lane-while-others-wait",
                         "setp.eq.u32 %p1, %r0, 0; @%p1 bra L; bar.sync 0; bra E;\nL: bra L;\nE:"));
  out.push_back(
      Exhausts("loop-of-one-lane-while-its-warp-waits",
               "setp.eq.u32 %p1, %r0, 0; @%p1 bra L; bar.warp.sync -1; bra E;\nL: bra L;\n"
               "E:"));
  out.push_back(
      Exhausts("loop-of-one-warp-while-others-wait",
               "setp.lt.u32 %p1, %r0, 32; @%p1 bra L; bar.sync 0; bra E;\nL: bra L;\nE:"));
  out.push_back(Exhausts(
      "loop-in-which-all-lanes-diverge",
      "T: .branchtargets " + Each(31, [](const std::string& i) { return "A" + i + ", "; }) +
          "A31;\nL: and.b32 %r1, %r0, 31; brx.idx %r1, T;\n" + Each(32, [](const std::string& i) {
            return "A" + i + ": add.u32 %r2, %r2, " + i + "; bra L;\n";
          })));
  out.push_back(
      Exhausts("spin-on-what-nobody-writes",
               "L: ld.volatile.global.u32 %r1, [%rd0]; setp.eq.u32 %p1, %r1, 0; @%p1 bra L;"));
  out.push_back(Exhausts("spin-on-a-lock-that-is-kept",
                         "L: atom.global.cas.b32 %r1, [%rd0], 0, 1; setp.ne.u32 %p1, %r1, 0; "
                         "@%p1 bra L;"));
  out.push_back(
      Exhausts("spin-on-a-later-block",
               "mov.u32 %r1, %ctaid.x; setp.ne.u32 %p1, %r1, 0; @%p1 bra W;\n"
               "L: ld.volatile.global.u32 %r2, [%rd0]; setp.eq.u32 %p2, %r2, 0; @%p2 bra L; "
               "bra E;\nW: st.volatile.global.u32 [%rd0], 1;\nE:"));
  out.push_back(Exhausts("spin-on-a-warp-that-waits",
                         ".shared .u32 s; setp.lt.u32 %p1, %r0, 32; @%p1 bra L; bar.sync 0; "
                         "st.volatile.shared.u32 [s], 1; bra E;\n"
                         "L: ld.volatile.shared.u32 %r2, [s]; setp.eq.u32 %p2, %r2, 0; @%p2 bra L; "
                         "bar.sync 0;\nE:"));
  out.push_back(
      Ends("loop-past-the-time", Code::kExhausted, "used up the time limit",
           Kernel{.body = "L: bra L;", .thread_instructions = UINT64_MAX, .milliseconds = 100}));
  out.push_back(Ends("sleep-past-the-time", Code::kExhausted, "used up the time limit",
                     Kernel{.body = "L: nanosleep.u32 0xffffffff; bra L;",
                            .thread_instructions = UINT64_MAX,
                            .milliseconds = 100}));
  out.push_back(Ends("all-blocks-of-the-largest-grid", Code::kExhausted, "used up its budget",
                     Kernel{.grid = {2147483647, 65535, 65535}, .block = {1024, 1, 1}}));
  out.push_back(Ends("the-largest-grid-past-the-time", Code::kExhausted, "used up the time limit",
                     Kernel{.grid = {2147483647, 65535, 65535},
                            .block = {1, 1, 1},
                            .thread_instructions = UINT64_MAX,
                            .milliseconds = 100}));
}

// A spin lock within a warp ends only where lanes that hold it go on while others spin.
Case LockWithinAWarp() {
  return {.name = "control-lock-within-a-warp",
          .make =
              [] {
                return JobOf(Kernel{
                    .body = "L: atom.global.cas.b32 %r1, [%rd8], 0, 1; setp.ne.u32 %p1, %r1, 0; "
                            "@%p1 bra L;\nld.volatile.global.u32 %r2, [%rd0]; add.u32 %r2, %r2, 1; "
                            "st.volatile.global.u32 [%rd0], %r2; membar.gl; "
                            "atom.global.exch.b32 %r1, [%rd8], 0;",
                    .thread_instructions = 500'000'000});
              },
          .words = {128}};
}

void AddBarriers(std::vector<Case>& out) {
  const char* const kDivergent = "divergent barrier";
  out.push_back(Faults(
      "barrier-of-two-numbers-in-a-warp",
      "setp.lt.u32 %p1, %r0, 16; @%p1 bra A; bar.sync 1; bra E;\nA: bar.sync 2;\nE:", kDivergent));
  out.push_back(Faults(
      "barrier-at-two-places-in-a-warp",
      "setp.lt.u32 %p1, %r0, 16; @%p1 bra A; bar.sync 0; bra E;\nA: bar.sync 0;\nE:", kDivergent));
  out.push_back(Faults("barrier-that-half-a-warp-skips",
                       "setp.lt.u32 %p1, %r0, 16; @%p1 bra A; bar.sync 0;\n"
                       "A: st.global.u32 [%rd0], %r0;",
                       kDivergent));
  out.push_back(Faults("barrier-deadlock-of-two-warps",
                       "setp.lt.u32 %p1, %r0, 32; @%p1 bra A; bar.sync 1, 64; bra E;\n"
                       "A: bar.sync 2, 64;\nE:",
                       kDivergent));
  out.push_back(Faults("barrier-for-more-than-there-are", "bar.sync 1, 128;", kDivergent));
  out.push_back(
      Faults("barrier-sixteen", "mov.u32 %r1, 16; bar.sync %r1;", "barrier number over 15"));
  out.push_back(
      Faults("barrier-all-ones", "mov.u32 %r1, -1; bar.sync %r1;", "barrier number over 15"));
  out.push_back(
      Faults("barrier-of-33-threads", "mov.u32 %r1, 33; bar.sync 1, %r1;", "multiple of 32"));
  out.push_back(Faults("barrier-of-too-many-threads", "mov.u32 %r1, 0xffffffe0; bar.sync 1, %r1;",
                       "barrier"));
  out.push_back(Faults("barrier-reached-by-arrivals-only",
                       "bar.arrive 1, 128; bar.arrive 1, 128; bar.sync 1, 512;", kDivergent));
  out.push_back(
      Faults("trap", "setp.eq.u32 %p1, %r0, 40; @%p1 trap;", "thread \\(40,0,0\\): trap"));
  out.push_back(Faults("branch-beyond-its-table", "T: .branchtargets A, A;\nbrx.idx %r0, T;\nA:",
                       "branch index beyond its table"));
  out.push_back(Faults("branch-all-ones-into-its-table",
                       "mov.u32 %r1, -1;\nT: .branchtargets A, A;\nbrx.idx %r1, T;\nA:",
                       "branch index beyond its table"));
}

// Masks that name nobody, or lanes that are gone or never come (ISA: undefined): no lane is read
// that is not there, and nothing hangs.
void AddMasks(std::vector<Case>& out) {
  const auto runs = [&](const std::string& name, const std::string& body, uint32_t word) {
    out.push_back({.name = "control-" + name,
                   .make =
                       [=] {
                         return JobOf(Kernel{.body = body + " st.global.u32 [%rd0], %r9;",
                                             .grid = {1, 1, 1},
                                             .block = {32, 1, 1}});
                       },
                   .words = {word}});
  };
  runs("shuffle-from-beyond-the-warp",
       "mov.u32 %r1, 7; mov.u32 %r2, 0xffffffff; shfl.sync.down.b32 %r9, %r1, %r2, 31, -1;", 7);
  runs("shuffle-with-an-empty-mask",
       "mov.u32 %r1, 7; mov.u32 %r2, 0; shfl.sync.idx.b32 %r9, %r1, 3, 31, %r2;", 7);
  runs("shuffle-clamped-to-all-ones",
       "mov.u32 %r1, 7; mov.u32 %r2, -1; shfl.sync.bfly.b32 %r9, %r1, 31, %r2, -1;", 7);
  runs("shuffle-with-lanes-that-left",
       "setp.ge.u32 %p1, %r0, 16; @%p1 exit; mov.u32 %r1, 7; "
       "shfl.sync.bfly.b32 %r9, %r1, 1, 31, -1;",
       7);
  // What it votes is not defined; that it ends is.
  runs("vote-with-an-empty-mask",
       "mov.u32 %r2, 0; setp.eq.u32 %p1, %r2, 0; vote.sync.ballot.b32 %r8, %p1, %r2; "
       "mov.u32 %r9, 7;",
       7);
}

std::string Chain(size_t depth, const std::string& last, const std::string& call) {
  std::string text;
  for (size_t i = 0; i <= depth; ++i) text += ".func f" + std::to_string(i) + "();\n";
  for (size_t i = 0; i < depth; ++i) {
    const std::string next = "f" + std::to_string(i + 1);
    std::string calls = call;
    for (size_t at = 0; (at = calls.find("NEXT", at)) != std::string::npos;)
      calls.replace(at, 4, next);
    text += ".func f" + std::to_string(i) + "() { " + calls + " ret; }\n";
  }
  return text + ".func f" + std::to_string(depth) + "() { " + last + " ret; }\n";
}

void AddCalls(std::vector<Case>& out) {
  const auto refused = [&](const std::string& name, Code code, const std::string& sentence,
                           const std::string& before, const std::string& body) {
    out.push_back(Ends(name, code, sentence, Kernel{.before = before, .body = body}));
  };
  refused("recursion", Code::kFault, "stack overflow", ".func f() { call f; ret; }\n", "call f;");
  refused("recursion-of-two", Code::kFault, "stack overflow",
          ".func g();\n.func f() { call g; ret; }\n.func g() { call f; ret; }\n", "call f;");
  refused("calls-a-thousand-deep", Code::kUnsupported, "too deep", Chain(1000, "", "call NEXT;"),
          "call f0;");
  refused("calls-that-double-forty-times", Code::kTooLarge, "4,194,304 instructions",
          Chain(40, "", "call NEXT; call NEXT;"), "call f0;");
  refused("call-of-a-null-pointer", Code::kFault, "no function of this type", "",
          "mov.u64 %rd1, 0;\nP: .callprototype ()_ ();\ncall %rd1, P;");
  refused("call-of-data", Code::kFault, "no function of this type", "",
          "P: .callprototype ()_ ();\ncall %rd0, P;");
  refused("call-of-what-is-only-declared", Code::kUnsupported, "is not in the module",
          ".extern .func nowhere();\n", "call nowhere;");
  refused("call-of-a-kernel", Code::kUnsupported, "call", ".visible .entry other() { ret; }\n",
          "call other;");
}

void AddShapes(std::vector<Case>& out) {
  // Some shapes no workload can say: those are among the workload cases.
  const auto shape = [&](const std::string& name, Code code, const std::string& sentence,
                         const Kernel& kernel) {
    out.push_back(Ends(name, code, sentence, kernel));
  };
  shape(
      "dynamic-and-static-shared-beyond", Code::kTooLarge, "shared memory over 227 KiB",
      {.body = ".shared .b8 s[40000]; ld.shared.u8 %h1, [s];", .dynamic_shared_bytes = 200 * 1024});
  shape("static-shared-beyond", Code::kTooLarge, "300000 bytes of static shared memory",
        {.body = ".shared .b8 s[300000]; ld.shared.u8 %h1, [s];"});
  shape("shared-of-2-to-the-43", Code::kTooLarge, "8796093022208 bytes of static shared memory",
        {.body = ".shared .b8 s[8796093022208]; ld.shared.u8 %h1, [s];"});
  shape("local-beyond", Code::kTooLarge, "local memory over 512 KiB",
        {.body = ".local .b8 l[524289]; st.local.u8 [l], %h1;"});
  shape("local-of-2-to-the-43", Code::kTooLarge, "local memory over 512 KiB",
        {.body = ".local .b8 l[8796093022208]; st.local.u8 [l], %h1;"});
  shape("local-beyond-by-calls", Code::kTooLarge, "local memory over 512 KiB",
        {.before = ".func f() { .local .b8 l[65536]; st.local.u8 [l], 1; ret; }\n",
         .body = Times(9, "call f;\n")});
  out.push_back({.name = "control-kernel-that-is-not-there",
                 .make =
                     [] {
                       std::vector<Bytes> blobs;
                       Workload work = PlainWorkload(blobs);
                       work.steps[0].launch->kernel = "another";
                       return Encoded(work, blobs);
                     },
                 .code = Code::kNotFound,
                 .sentence = "has no kernel \"another\""});
}

// All of a thread's local memory touched by each of 1,024 threads: 512 MiB, and no more.
Case TouchesAllLocalMemory(bool all) {
  const std::string loop =
      "mov.u64 %rd1, l; mov.u32 %r1, 0;\nL: st.local.u32 [%rd1], %r0; add.s64 %rd1, %rd1, 4096; "
      "add.u32 %r1, %r1, 1; setp.lt.u32 %p1, %r1, 128; @%p1 bra L;";
  return {.name = all ? "control-local-all-touched" : "control-local-one-page-touched",
          .make =
              [=] {
                return JobOf(Kernel{.body = ".local .b8 l[524288]; " +
                                            (all ? loop : "st.local.u32 [l], %r0;") +
                                            " st.global.u32 [%rd0], 7;",
                                    .grid = {1, 1, 1},
                                    .block = {1024, 1, 1}});
              },
          .words = {7},
          .mebibytes = all ? 560u : 32u};
}

}  // namespace

std::vector<Case> ControlCases() {
  std::vector<Case> out;
  AddLoops(out);
  out.push_back(LockWithinAWarp());
  AddBarriers(out);
  AddMasks(out);
  AddCalls(out);
  AddShapes(out);
  out.push_back(TouchesAllLocalMemory(/*all=*/false));
  out.push_back(TouchesAllLocalMemory(/*all=*/true));
  return out;
}

}  // namespace souk::gpu::hostile
