// souk run --local: a workload on this machine's device, without a market.
#include <fmt/format.h>

#include <chrono>

#include "gpu/cpu/checking.h"
#include "gpu/cuda/open_device.h"
#include "gpu/workload/manifest.h"
#include "gpu/workload/workload_codec.h"
#include "protocol/base/file.h"
#include "protocol/plain_text.h"
#include "tools/common/json.h"
#include "tools/common/terminal.h"
#include "tools/souk/commands.h"
#include "tools/souk/findings.h"
#include "tools/souk/job.h"
#include "tools/souk/profile.h"
#include "tools/souk/results.h"

namespace souk::tools {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

struct LocalRun {
  gpu::Manifest manifest = {};
  Digest workload = {};
  gpu::DeviceInfo device = {};
  gpu::RunResult result = {};
  std::vector<ResultFile> files = {};
  std::string printed = {};                              // by kernels
  std::optional<gpu::CheckReport> check = std::nullopt;  // --check
  std::optional<gpu::Profile> profile = std::nullopt;    // --profile
  fs::path dir = {};
  double seconds = 0;
};

std::function<Status(const gpu::RunProgress&)> Drawing(ProgressLine& line,
                                                       Clock::time_point start) {
  return [&line, start](const gpu::RunProgress& progress) {
    const double share = progress.launches_total == 0
                             ? 1
                             : static_cast<double>(progress.launches_done) /
                                   static_cast<double>(progress.launches_total);
    const double spent = std::chrono::duration<double>(Clock::now() - start).count();
    std::string tail = FormatElapsed(spent);
    if (share > 0.02 && share < 1 && spent > 0.5) {
      tail = FormatElapsed(spent * (1 - share) / share) + " left";
    }
    line.Show("run", fmt::format("launch {}/{}", progress.launches_done, progress.launches_total),
              share, tail);
    return Ok();
  };
}

Result<LocalRun> RunOnce(const RunOptions& options, bool json) {
  LocalRun run;
  ASSIGN_OR_RETURN(run.manifest, gpu::LoadManifest(options.manifest));
  const gpu::Workload& workload = run.manifest.workload;
  RETURN_IF_ERROR(CheckResultsFolder(options.out.empty() ? "results" : options.out));
  ASSIGN_OR_RETURN(const Bytes encoded, gpu::EncodeWorkload(workload));
  run.workload = Sha256(encoded);
  std::unique_ptr<gpu::Device> device;
  gpu::CheckingDevice* checking = nullptr;
  if (options.check) {
    std::unique_ptr<gpu::CheckingDevice> own = gpu::MakeCheckingDevice();
    checking = own.get();
    device = std::move(own);
  } else if (options.profile) {
    device = gpu::MakeProfilingDevice({}, run.profile.emplace());
  } else {
    ASSIGN_OR_RETURN(device, gpu::OpenDevice(options.device.empty() ? "auto" : options.device));
  }
  run.device = device->info();
  ProgressLine line;
  const auto start = Clock::now();
  gpu::RunOptions how;
  how.progress = Drawing(line, start);
  how.printed = [&](std::string_view text) {
    run.printed += text;
    line.Clear();
    if (!json) Print(ToVisible(text));
  };
  auto result = gpu::RunWorkload(workload, run.manifest.blobs, *device, how);
  if (!result) {
    return Error(result.error().code, WithLineHint(result.error().message, run.manifest.modules))
        .Within(options.manifest.string());
  }
  run.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  line.Finish();
  if (checking != nullptr) run.check = checking->TakeReport();
  run.result = std::move(*result);
  run.dir = options.out.empty() ? fs::path("results") / run.workload.Short() : options.out;
  std::vector<ResultBytes> outputs;
  for (gpu::RunOutput& output : run.result.outputs) {
    outputs.push_back({output.file, std::move(output.npy)});
  }
  if (!run.printed.empty()) {
    outputs.push_back({std::string(gpu::kPrintedFile), ToBytes(AsBytes(run.printed))});
  }
  ASSIGN_OR_RETURN(run.files, SaveResults(run.dir, workload, outputs));
  return run;
}

Json RunJson(const LocalRun& run) {
  Json files = Json::array();
  for (const ResultFile& file : run.files) {
    Json one = {
        {"file", file.path.string()}, {"digest", file.digest.ToString()}, {"bytes", file.bytes}};
    if (!file.scalar.empty()) one["value"] = file.scalar;
    files.push_back(std::move(one));
  }
  Json json = {{"workload", run.workload.ToString()},
               {"name", run.manifest.workload.name},
               {"class", ptx::ClassName(run.result.result_class)},
               {"device", run.device.name},
               {"launches", run.result.stats.launches},
               {"thread_instructions", run.result.stats.thread_instructions},
               {"states_root", run.result.commitments_root.ToString()},
               {"seconds", run.seconds},
               {"dir", run.dir.string()},
               {"files", std::move(files)}};
  if (!run.printed.empty()) json["printed"] = ToVisible(run.printed);
  if (run.check) json["check"] = FindingsJson(*run.check, run.manifest);
  if (run.profile) json["profile"] = ProfileJson(*run.profile, run.manifest.modules);
  return json;
}

}  // namespace

int RunLocally(const Common& common, const RunOptions& options) {
  const auto run = RunOnce(options, common.json);
  if (!run) return Fail(run.error());
  const Json json = RunJson(*run);
  // Beside the outputs, so that they can be compared with another run's later.
  const Status noted = WriteFileAtomic(run->dir / "run.json", AsBytes(JsonText(json)));
  if (!noted) return Fail(noted.error());
  const int code = run->check && !run->check->clean() ? kFailed : kDone;
  if (common.json) {
    PrintJson(json);
    return code;
  }
  PrintFolded(fmt::format("done  {}, {}, {} launch{} on {}, {} → {}/ ({} file{})\n",
                          run->manifest.workload.name, ptx::ClassName(run->result.result_class),
                          run->result.stats.launches, run->result.stats.launches == 1 ? "" : "es",
                          run->device.name, FormatElapsed(run->seconds), run->dir.string(),
                          run->files.size(), run->files.size() == 1 ? "" : "s"),
              kDoneIndent);
  for (const ResultFile& file : run->files) {
    if (file.scalar.empty()) continue;
    Print(fmt::format("      {} = {}\n", file.path.stem().string(), file.scalar));
  }
  if (run->check) PrintFolded(FindingsText(*run->check, run->manifest));
  if (run->profile) Print(ProfileText(*run->profile, run->manifest.modules));
  return code;
}

int RunRun(const Common& common, const RunOptions& options) {
  const bool market = !options.leases.empty() || !options.duration.empty() ||
                      !options.max_cost.empty() || !options.book.empty() ||
                      !options.replicate.empty() || options.yes;
  if (options.local && market) {
    return Misuse(
        "--local rents nothing: leave it out, or --lease, --for, --max-cost, --book, --replicate, "
        "--yes");
  }
  if (!options.local && !options.device.empty()) {
    return Misuse("--device is for --local: on the market the offer says what runs");
  }
  if (options.check && !options.local) return Misuse("--check is for --local");
  if (options.profile && !options.local) return Misuse("--profile is for --local");
  if (options.profile && options.check) return Misuse("--profile and --check exclude each other");
  if (options.profile && !options.device.empty() && options.device != "cpu") {
    return Misuse("--profile runs on the cpu device: leave --device out");
  }
  if (options.check && !options.device.empty() && options.device != "cpu") {
    return Misuse("--check runs on the cpu device: leave --device out");
  }
  return options.local ? RunLocally(common, options) : RunRemotely(common, options);
}

}  // namespace souk::tools
