// souk-bench: each figure beside its floor, both from this run.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cmath>

#include "protocol/base/file.h"
#include "tools/bench_append.h"
#include "tools/bench_kernel.h"
#include "tools/bench_lease.h"
#include "tools/bench_live.h"
#include "tools/bench_verify.h"
#include "tools/common/cli.h"
#include "tools/common/json.h"
#include "tools/common/terminal.h"
#include "tools/souk/programs.h"

namespace souk::bench {
namespace {

namespace fs = std::filesystem;
using tools::Align;
using tools::Json;

// Small numbers keep their digits, larger ones their commas; of millions three digits are left.
std::string Number(double value) {
  if (value >= 1e6) {
    return fmt::format("{:.{}f} M", value / 1e6, value < 1e7 ? 2 : value < 1e8 ? 1 : 0);
  }
  if (value >= 10'000) return tools::WithCommas(static_cast<uint64_t>(std::llround(value)));
  return value >= 100 ? fmt::format("{:.0f}", value) : fmt::format("{:.3g}", value);
}

int Report(const Result<std::vector<BenchRow>>& rows, bool json, const std::string& note = "") {
  if (!rows) return tools::Fail(rows.error());
  if (json) {
    Json list = Json::array();
    for (const BenchRow& row : *rows) {
      const bool judged = row.ok.has_value();
      const bool compared = row.floor > 0;
      list.push_back({{"name", row.name},
                      {"value", row.value},
                      {"unit", row.unit},
                      {"floor", compared ? Json(row.floor) : Json()},
                      {"ratio", compared ? Json(row.ratio) : Json()},
                      {"target", judged ? Json(row.target) : Json()},
                      {"ok", judged ? Json(*row.ok) : Json()}});
    }
    tools::PrintJson(list);
    return tools::kDone;
  }
  tools::Table table({{"FIGURE"},
                      {"VALUE", Align::kRight},
                      {"FLOOR", Align::kRight},
                      {"UNIT"},
                      {"RATIO", Align::kRight},
                      {"TARGET", Align::kRight},
                      {""}});
  for (const BenchRow& row : *rows) {
    table.Add({row.name, Number(row.value), row.floor == 0 ? "–" : Number(row.floor), row.unit,
               row.ratio == 0 ? "–" : fmt::format("{:.2f}", row.ratio),
               row.target == 0 ? "–" : fmt::format("{:.2f}", row.target),
               !row.ok   ? "–"
               : *row.ok ? "✓"
                         : "✗"});
  }
  tools::Print(table);
  if (!note.empty()) tools::PrintFolded(note + "\n");
  return tools::kDone;
}

// A folder of the bench's own, gone when it ends.
class Scratch {
 public:
  explicit Scratch(const fs::path& parent) {
    std::error_code error;
    std::string pattern =
        ((parent.empty() ? fs::temp_directory_path(error) : parent) / "souk-bench-XXXXXX").string();
    if (::mkdtemp(pattern.data()) != nullptr) path_ = pattern;
  }
  ~Scratch() {
    std::error_code error;
    if (!path_.empty()) fs::remove_all(path_, error);
  }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_ = {};
};

template <typename Bench>
int InScratch(const fs::path& parent, bool json, const Bench& bench) {
  const Scratch scratch(parent);
  if (scratch.path().empty()) {
    return tools::Fail("no folder can be made there: choose another with --dir");
  }
  return Report(bench(scratch.path()), json);
}

int RunVerify(const fs::path& parent, bool json, uint64_t entries) {
  const auto program = tools::FindProgram("souk-audit");
  if (!program) return tools::Fail(program.error());
  return InScratch(parent, json, [&](const fs::path& dir) {
    return RunVerifyBench({.dir = dir, .audit_program = *program, .entries = entries});
  });
}

int RunAudited(const fs::path& parent, bool json, double seconds) {
  const auto program = tools::FindProgram("souk-audit");
  if (!program) return tools::Fail(program.error());
  return InScratch(parent, json, [&](const fs::path& dir) {
    return RunLiveBench({.dir = dir, .audit_program = *program, .seconds = seconds});
  });
}

// CLI::Range lets nan through: it is neither below nor above.
const CLI::Validator kSeconds(
    [](std::string& text) -> std::string {
      char* end = nullptr;
      const double seconds = std::strtod(text.c_str(), &end);
      return *end == '\0' && seconds >= 0.001 && seconds <= 3600 ? ""
                                                                 : text + " is not 0.001 to 3600";
    },
    "0.001 to 3600");

int Main(int argc, char** argv) {
  tools::SetProgramName("souk-bench");
  CLI::App app("measures Souk beside the floors of the same run", "souk-bench");
  app.footer(
      "Only ratios from one run are compared. Examples:\n"
      "  souk-bench append --dir /var/tmp\n  souk-bench verify --entries 1000000 --json");
  std::function<int()> action;
  bool json = false;
  fs::path dir;
  const auto add = [&](const char* name, const char* what, bool with_dir) {
    CLI::App* command = app.add_subcommand(name, what);
    command->add_flag("--json", json, "A list of rows on stdout");
    if (with_dir) {
      command->add_option("--dir", dir, "On the disk that is to be measured")->type_name("DIR");
    }
    return command;
  };
  AppendBench append;
  CLI::App* append_command = add("append", "Whole appends with verification, by group size", true);
  append_command->add_option("--groups", append.groups, "Group sizes")
      ->check(CLI::Range(1, 65'536))
      ->capture_default_str();
  append_command->add_option("--seconds", append.seconds, "Per group")
      ->check(kSeconds)
      ->capture_default_str();
  bool audited = false;
  append_command->add_flag("--audited", audited,
                           "Beside souk-audit verify of the same ledger, and without it");
  append_command->callback([&] {
    action = [&] {
      if (audited) return RunAudited(dir, json, append.seconds);
      return InScratch(dir, json, [&](const fs::path& scratch) {
        append.dir = scratch;
        return RunAppendBench(append);
      });
    };
  });
  uint64_t entries = 100'000;
  CLI::App* verify = add("verify", "souk-audit verify beside bare libsodium on all cores", true);
  verify->add_option("--entries", entries, "How long a ledger")
      ->check(CLI::Range(100, 100'000'000))
      ->capture_default_str();
  verify->callback([&] { action = [&] { return RunVerify(dir, json, entries); }; });
  LeaseBench lease;
  CLI::App* lease_command = add("lease", "From the order to the acceptance in hand", true);
  lease_command->add_option("--leases", lease.leases, "How many")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  lease_command->callback([&] {
    action = [&] {
      return InScratch(dir, json, [&](const fs::path& scratch) {
        lease.dir = scratch;
        return RunLeaseBench(lease);
      });
    };
  });
  KernelBench kernel;
  CLI::App* kernel_command = add("kernel", "Kernels on the cpu device beside PoCL", false);
  kernel_command->add_option("--seconds", kernel.seconds, "Per kernel")
      ->check(kSeconds)
      ->capture_default_str();
  kernel_command->add_option("--shrink", kernel.shrink, "Divides the sizes")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  kernel_command->add_option("--only", kernel.only, "Kernels whose name holds this");
  kernel_command->callback([&] {
    action = [&] {
      std::string note;
      const auto rows = RunKernelBench(kernel, &note);
      if (rows && rows->empty()) {
        return tools::Misuse(fmt::format("no kernel's name holds \"{}\"", kernel.only));
      }
      return Report(rows, json, note);
    };
  });
  return tools::RunCommandLine(app, argc, argv, action);
}

}  // namespace
}  // namespace souk::bench

// Nothing escapes but a mistake in declaring the options, which ends the program.
// NOLINTNEXTLINE(bugprone-exception-escape)
int main(int argc, char** argv) {
  souk::OpenStandardStreams();
  return souk::bench::Main(argc, argv);
}
