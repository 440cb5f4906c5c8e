// souk-sim: runs seeds of the simulator, each twice, and says what broke.
#include <charconv>
#include <cstdio>
#include <cstring>

#include "protocol/base/file.h"
#include "sim/world.h"

namespace {

constexpr char kHelp[] =
    R"(souk-sim: whole markets in virtual time, over a lossy network and crashing disks

usage: souk-sim [options]
  --from SEED   the first seed; default 1
  --seeds N     how many seeds; default 100
  --steps N     steps of each; default 2000
  --mirrors N   1 or 2 renters mirror the book, and its receipts wait for them;
                default none
  --once        each seed once; else twice, and both runs must be the same
  --verbose     a line for every seed
  -h, --help    this text

Numbers are whole and above 0.
exit status: 0 nothing broke, 1 a seed broke a rule, 2 the command line is wrong
)";

}  // namespace

int main(int argc, char** argv) {
  souk::OpenStandardStreams();
  uint64_t from = 1;
  uint64_t seeds = 100;
  bool once = false;
  souk::sim::Options options;
  bool understood = true;
  for (int i = 1; i < argc; ++i) {
    const char* const name = argv[i];
    const auto value = [&] {
      uint64_t number = 0;
      const char* const text = i + 1 < argc ? argv[++i] : "";
      const char* const end = text + std::strlen(text);
      const auto [stop, failure] = std::from_chars(text, end, number);
      understood = understood && failure == std::errc() && stop == end && number > 0;
      return number;
    };
    if (std::strcmp(argv[i], "--from") == 0) {
      from = value();
    } else if (std::strcmp(argv[i], "--seeds") == 0) {
      seeds = value();
    } else if (std::strcmp(argv[i], "--steps") == 0) {
      options.steps = value();
    } else if (std::strcmp(argv[i], "--mirrors") == 0) {
      const uint64_t mirrors = value();
      understood = understood && mirrors <= static_cast<uint64_t>(options.renters);
      options.mirrors = options.witnesses = static_cast<int>(mirrors);
      options.quorum = mirrors;
    } else if (std::strcmp(argv[i], "--once") == 0) {
      once = true;
    } else if (std::strcmp(argv[i], "--verbose") == 0) {
      options.verbose = true;
    } else if (std::strcmp(argv[i], "-h") == 0 || std::strcmp(argv[i], "--help") == 0) {
      std::fputs(kHelp, stdout);
      return 0;
    } else {
      std::fprintf(stderr, "souk-sim: there is no option %s; see --help\n", argv[i]);
      return 2;
    }
    if (!understood || from + seeds < from) {
      std::fprintf(stderr, "souk-sim: %s takes another number; see --help\n", name);
      return 2;
    }
  }
  uint64_t steps = 0, crashes = 0, faults = 0, messages = 0, lost = 0, leases = 0, jobs = 0,
           passed = 0, caught = 0, rounds = 0, differing = 0, bad = 0;
  for (uint64_t seed = from; seed < from + seeds; ++seed) {
    options.seed = seed;
    const souk::sim::Outcome outcome = souk::sim::Run(options);
    steps += outcome.steps;
    crashes += outcome.crashes;
    faults += outcome.disk_faults;
    messages += outcome.messages;
    lost += outcome.lost;
    leases += outcome.leases;
    jobs += outcome.jobs;
    passed += outcome.passed;
    caught += outcome.caught;
    rounds += outcome.rounds;
    differing += outcome.differing;
    if (options.verbose) {
      std::printf(
          "seed %llu: %llu steps, %llu leases, %llu jobs, trace %s\n",
          static_cast<unsigned long long>(seed), static_cast<unsigned long long>(outcome.steps),
          static_cast<unsigned long long>(outcome.leases),
          static_cast<unsigned long long>(outcome.jobs), outcome.trace.Hex().substr(0, 16).c_str());
    }
    for (const std::string& violation : outcome.violations) {
      std::printf("seed %llu VIOLATION %s\n", static_cast<unsigned long long>(seed),
                  violation.c_str());
    }
    bool failed = !outcome.violations.empty();
    if (!once && !failed && souk::sim::Run(options).trace != outcome.trace) {
      std::printf("seed %llu VIOLATION two runs differ\n", static_cast<unsigned long long>(seed));
      failed = true;
    }
    bad += failed ? 1 : 0;
    std::fflush(stdout);
  }
  std::printf(
      "%llu seeds, %llu steps, %llu crashes, %llu disk faults, %llu messages (%llu lost), "
      "%llu leases, %llu jobs done, %llu challenges passed, %llu cheats caught, "
      "%llu rounds of replicas, %llu with a lie, %llu seeds "
      "violated\n",
      static_cast<unsigned long long>(seeds), static_cast<unsigned long long>(steps),
      static_cast<unsigned long long>(crashes), static_cast<unsigned long long>(faults),
      static_cast<unsigned long long>(messages), static_cast<unsigned long long>(lost),
      static_cast<unsigned long long>(leases), static_cast<unsigned long long>(jobs),
      static_cast<unsigned long long>(passed), static_cast<unsigned long long>(caught),
      static_cast<unsigned long long>(rounds), static_cast<unsigned long long>(differing),
      static_cast<unsigned long long>(bad));
  return bad == 0 ? 0 : 1;
}
