// souk-ptxdiff: random straight-line PTX programs on the cpu device, at every level of vector
// instructions, against the slow reference.
#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>

#include "protocol/base/file.h"
#include "reference/differ.h"

namespace {

using souk::reference::Catalogue;
using souk::reference::Differ;
using souk::reference::Mismatch;
using souk::reference::Totals;

constexpr char kHelp[] =
    R"(souk-ptxdiff: random PTX programs on the cpu device, at every level of vector
instructions, against the slow reference

usage: souk-ptxdiff [options]
  --seed S        programs have the seeds S, S + 1, ...; default 1
  --programs N    how many; default 10000
  --form PREFIX   only instructions that begin so: cvt, add.rn, ...
  --jobs N        threads, 1 to 64; default 1
  --each          one program for each instruction instead
  --print         show the programs instead of running them
  --json          one JSON document instead of text
  -h, --help      this text

exit status: 0 all agree, 1 they do not, 2 the command line is wrong
)";

struct Options {
  uint64_t seed = 1;
  uint64_t programs = 10'000;
  uint64_t jobs = 1;
  std::string form = {};
  bool json = false;
  bool print = false;
  bool each = false;
  bool help = false;
};

bool ParseNumber(const char* text, uint64_t& number) {
  const char* const end = text + std::strlen(text);
  const auto [stop, failure] = std::from_chars(text, end, number);
  return failure == std::errc() && stop == end;
}

// Empty, or what is wrong with the command line.
std::string ParseOptions(int argc, char** argv, Options& options) {
  const std::map<std::string, bool*> flags = {{"--json", &options.json},
                                              {"--print", &options.print},
                                              {"--each", &options.each},
                                              {"--help", &options.help},
                                              {"-h", &options.help}};
  const std::map<std::string, uint64_t*> numbers = {
      {"--seed", &options.seed}, {"--programs", &options.programs}, {"--jobs", &options.jobs}};
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    const auto flag = flags.find(name);
    if (flag != flags.end()) {
      *flag->second = true;
      continue;
    }
    const auto number = numbers.find(name);
    if (number == numbers.end() && name != "--form") return "there is no option " + name;
    if (++i == argc) return name + " needs a value";
    if (number == numbers.end()) {
      options.form = argv[i];
    } else if (!ParseNumber(argv[i], *number->second)) {
      return name + " takes a whole number";
    }
  }
  if (options.jobs < 1 || options.jobs > 64) return "--jobs takes a number from 1 to 64";
  return options.programs > 0 ? "" : "--programs takes a number above 0";
}

struct Outcome {
  Totals totals = {};
  std::vector<Mismatch> mismatches = {};
  double seconds = 0;
};

Outcome RunAll(const Options& options, const Catalogue& catalogue) {
  const auto begun = std::chrono::steady_clock::now();
  std::vector<Differ> differs(options.jobs, Differ(catalogue));
  if (options.each) differs[0].CompareEach(options.seed);
  std::vector<std::thread> threads;
  const uint64_t programs = options.each ? 0 : options.programs;
  const uint64_t share = (programs + options.jobs - 1) / options.jobs;
  for (uint64_t job = 0; job < options.jobs; ++job) {
    const uint64_t from = std::min(job * share, programs);
    const uint64_t count = std::min(share, programs - from);
    threads.emplace_back(
        [&, job, from, count] { differs[job].Compare(options.seed + from, count); });
  }
  for (std::thread& thread : threads) thread.join();
  Outcome outcome;
  for (const Differ& differ : differs) {
    outcome.totals.Add(differ.totals());
    outcome.mismatches.insert(outcome.mismatches.end(), differ.mismatches().begin(),
                              differ.mismatches().end());
  }
  outcome.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  return outcome;
}

void PrintText(const Outcome& o, const Catalogue& catalogue) {
  for (const Mismatch& m : o.mismatches) {
    fmt::print("seed {}, shortened to {} lines: {}\ninputs:\n{}{}\n", m.seed, m.lines, m.what,
               m.inputs, m.ptx);
  }
  for (const std::string& spelling : catalogue.unknown()) {
    fmt::print("the reference does not know {}\n", spelling);
  }
  fmt::print(
      "{} programs of {} instructions, {} forms in {} spellings; {} runs by a thread, {} results "
      "compared bit for bit, {} against a bound; {} mismatches; {:.1f} s\n",
      o.totals.programs, o.totals.instructions, catalogue.forms().size(), o.totals.spellings.size(),
      o.totals.thread_programs, o.totals.results, o.totals.bounded, o.mismatches.size(), o.seconds);
}

void PrintJson(const Options& options, const Outcome& o, const Catalogue& catalogue) {
  nlohmann::json mismatches = nlohmann::json::array();
  for (const Mismatch& m : o.mismatches) {
    mismatches.push_back(
        {{"seed", m.seed}, {"what", m.what}, {"inputs", m.inputs}, {"ptx", m.ptx}});
  }
  const nlohmann::json document = {{"seed", options.seed},
                                   {"programs", o.totals.programs},
                                   {"instructions", o.totals.instructions},
                                   {"forms", catalogue.forms().size()},
                                   {"spellings", o.totals.spellings.size()},
                                   {"thread_programs", o.totals.thread_programs},
                                   {"results", o.totals.results},
                                   {"bounded", o.totals.bounded},
                                   {"seconds", o.seconds},
                                   {"mismatches", mismatches}};
  fmt::print("{}\n", document.dump(2));
}

}  // namespace

// Nothing escapes but a lack of memory, which ends the program.
// NOLINTNEXTLINE(bugprone-exception-escape)
int main(int argc, char** argv) {
  souk::OpenStandardStreams();
  Options options;
  const std::string wrong = ParseOptions(argc, argv, options);
  if (options.help) {
    std::fputs(kHelp, stdout);
    return 0;
  }
  if (!wrong.empty()) {
    fmt::print(stderr, "souk-ptxdiff: {}; see --help\n", wrong);
    return 2;
  }
  const Catalogue catalogue(options.form);
  if (catalogue.forms().empty()) {
    fmt::print(stderr, "souk-ptxdiff: no instruction that the device runs begins with '{}'\n",
               options.form);
    return 2;
  }
  if (options.print) {
    std::vector<souk::reference::Program> programs;
    for (uint64_t i = 0; i < options.programs; ++i) {
      programs.push_back(souk::reference::MakeProgram(catalogue, options.seed + i));
    }
    fmt::print("{}", souk::reference::TextOf(programs));
    return 0;
  }
  const Outcome outcome = RunAll(options, catalogue);
  if (options.json) {
    PrintJson(options, outcome, catalogue);
  } else {
    PrintText(outcome, catalogue);
  }
  return outcome.mismatches.empty() ? 0 : 1;
}
