// souk-faults: sweeps seeds of faults over a log, and says what broke. For tests/mutants/run.
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "faults/sweeps.h"
#include "protocol/base/file.h"

namespace {

constexpr char kHelp[] =
    R"(souk-faults: faults at every step of a log's life, in memory and on RocksDB

usage: souk-faults [options]
  --from SEED   the first seed; default 1
  --seeds N     how many seeds; default 10
  --points N    steps of each that fail on RocksDB; default 24
  --once        as without: for tests/mutants/run
  -h, --help    this text

Numbers are whole and above 0.
exit status: 0 nothing broke, 1 a seed broke a rule, 2 the command line is wrong
)";

}  // namespace

int main(int argc, char** argv) {
  souk::OpenStandardStreams();
  uint64_t from = 1;
  uint64_t seeds = 10;
  uint64_t points = 24;
  for (int i = 1; i < argc; ++i) {
    const char* const name = argv[i];
    if (std::strcmp(name, "-h") == 0 || std::strcmp(name, "--help") == 0) {
      std::fputs(kHelp, stdout);
      return 0;
    }
    if (std::strcmp(name, "--once") == 0) continue;
    uint64_t* const number = std::strcmp(name, "--from") == 0     ? &from
                             : std::strcmp(name, "--seeds") == 0  ? &seeds
                             : std::strcmp(name, "--points") == 0 ? &points
                                                                  : nullptr;
    if (number == nullptr) {
      std::fprintf(stderr, "souk-faults: there is no option %s; see --help\n", name);
      return 2;
    }
    const char* const text = i + 1 < argc ? argv[++i] : "";
    const char* const end = text + std::strlen(text);
    const auto [stop, failure] = std::from_chars(text, end, *number);
    if (failure != std::errc() || stop != end || *number == 0 || from + seeds < from) {
      std::fprintf(stderr, "souk-faults: %s takes a whole number above 0; see --help\n", name);
      return 2;
    }
  }
  std::string folder = (std::filesystem::temp_directory_path() / "souk-faults-XXXXXX").string();
  if (::mkdtemp(folder.data()) == nullptr) {
    std::perror("souk-faults: making a folder");
    return 2;
  }
  souk::faults::Tally all;
  for (uint64_t seed = from; seed < from + seeds; ++seed) {
    all.Add(souk::faults::SweepMemory(seed));
    all.Add(souk::faults::SweepSlots(seed, 12, folder));
    if (all.violations.empty()) all.Add(souk::faults::SweepRocksDb(seed, points, folder));
  }
  std::filesystem::remove_all(folder);
  for (const std::string& violation : all.violations)
    std::printf("VIOLATION %s\n", violation.c_str());
  std::printf(
      "%llu seeds, %llu points, %llu damaged disks, %llu older copies, %llu "
      "refusals, %zu violations\n",
      static_cast<unsigned long long>(seeds), static_cast<unsigned long long>(all.points),
      static_cast<unsigned long long>(all.damages), static_cast<unsigned long long>(all.restores),
      static_cast<unsigned long long>(all.refusals), all.violations.size());
  return all.violations.empty() ? 0 : 1;
}
