// souk-audit replay and check-fault: a job's result looked at on this machine's CPU.
#include "tools/audit/replay.h"

#include <fmt/format.h>

#include <random>

#include "gpu/workload/fault.h"
#include "protocol/base/file.h"
#include "protocol/base/processors.h"
#include "protocol/text.h"
#include "tools/audit/fault_document.h"
#include "tools/common/json.h"
#include "tools/common/terminal.h"

namespace souk::tools {
namespace {

namespace fs = std::filesystem;

constexpr double kConfidence = 0.99;

std::string Percent(double share) {
  return share < 0.0001 ? fmt::format("{:.4f} %", 100 * share)
                        : fmt::format("{:.2f} %", 100 * share);
}

std::string WordText(ByteView word) {
  Bytes turned(word.rbegin(), word.rend());
  return "0x" + ToHex(turned);
}

// "At 99 % at most 6.7 % of the blocks are wrong."
std::string Bound(const char* what, uint64_t all, uint64_t checked) {
  if (all == 0) return fmt::format("{}: there are none\n", what);
  const uint64_t missed = gpu::MostMissed(all, checked, kConfidence);
  if (checked >= all) return fmt::format("{}: all {} looked at\n", what, WithCommas(all));
  return fmt::format("{}: {} of {} looked at; at 99 % confidence at most {} are wrong\n", what,
                     WithCommas(checked), WithCommas(all),
                     Percent(static_cast<double>(missed) / static_cast<double>(all)));
}

Json BoundJson(uint64_t all, uint64_t checked) {
  const uint64_t missed = gpu::MostMissed(all, checked, kConfidence);
  return {
      {"all", all},
      {"checked", checked},
      {"most_wrong", missed},
      {"most_wrong_share", all == 0 ? 0.0 : static_cast<double>(missed) / static_cast<double>(all)},
      {"confidence", kConfidence}};
}

Json DifferenceJson(const gpu::ReplayDifference& one) {
  Json json = {{"what", one.what}};
  if (one.launch != 0) json["launch"] = one.launch;
  if (!one.kernel.empty()) json["kernel"] = one.kernel;
  if (one.block) json["block"] = *one.block;
  if (!one.buffer.empty()) {
    json["buffer"] = one.buffer;
    json["offset"] = one.offset;
  }
  if (!one.expected.empty()) {
    json["expected"] = WordText(one.expected);
    json["claimed"] = WordText(one.claimed);
  }
  return json;
}

Json ReplayJson(const Replayed& replayed) {
  const gpu::ReplayReport& report = replayed.report;
  Json differences = Json::array();
  for (const auto& one : report.differences) differences.push_back(DifferenceJson(one));
  Json json = {{"job", replayed.job.job_document->id().ToString()},
               {"receipt", replayed.job.receipt_document->id().ToString()},
               {"class", ptx::ClassName(report.result_class)},
               {"whole", report.whole},
               {"launches", report.launches},
               {"agrees", report.agrees()},
               {"blocks", BoundJson(report.blocks, report.blocks_checked)},
               {"differences", std::move(differences)},
               {"difference_count", report.difference_count}};
  if (report.whole) json["why_whole"] = report.why_whole;
  if (!report.whole) json["words"] = BoundJson(report.words_changed, report.words_checked);
  if (report.check) {
    json["clean"] = report.check->clean();
    json["findings"] = report.check->distinct;
  }
  if (!replayed.fault_file.empty()) json["fault"] = replayed.fault_file;
  if (!replayed.why_no_fault.empty()) json["no_fault"] = replayed.why_no_fault;
  return json;
}

void PrintDifferences(const gpu::ReplayReport& report) {
  Table table(
      {{"WHERE"}, {"BUFFER"}, {"OFFSET", Align::kRight}, {"EXPECTED"}, {"CLAIMED"}, {"BLOCK"}});
  for (const gpu::ReplayDifference& one : report.differences) {
    table.Add({one.what + (one.kernel.empty() ? "" : " (" + one.kernel + ")"), one.buffer,
               one.buffer.empty() ? "" : WithCommas(one.offset),
               one.expected.empty() ? "" : WordText(one.expected),
               one.claimed.empty() ? "" : WordText(one.claimed),
               one.block ? std::to_string(*one.block) : ""});
  }
  Print(table);
  if (report.difference_count > report.differences.size()) {
    Print(fmt::format("and {} more\n",
                      WithCommas(report.difference_count - report.differences.size())));
  }
}

void PrintReplay(const Replayed& replayed) {
  const gpu::ReplayReport& report = replayed.report;
  const JobReceipt& receipt = replayed.job.receipt;
  PrintFolded(fmt::format(
      "job {}, {}, {} launch{} on {} ({})\n", replayed.job.job_document->id().Short(),
      ptx::ClassName(report.result_class), report.launches, report.launches == 1 ? "" : "es",
      receipt.device_name, receipt.driver.empty() ? "no driver" : receipt.driver));
  if (report.whole) {
    PrintFolded(fmt::format("replayed whole from its inputs: {}\n", report.why_whole));
  } else {
    PrintFolded(Bound("blocks", report.blocks, report.blocks_checked));
    PrintFolded(Bound("changed words", report.words_changed, report.words_checked));
  }
  if (report.check) {
    PrintFolded(
        report.check->clean()
            ? "checking mode: clean\n"
            : fmt::format("checking mode: {} finding{}, so that no difference would count\n",
                          report.check->distinct, report.check->distinct == 1 ? "" : "s"));
  }
  if (report.agrees()) {
    PrintFolded(Styled(stdout, Style::kGood, "AGREES") + " with the CPU reference\n");
    return;
  }
  PrintFolded(Styled(stdout, Style::kBad, "DIFFERS") +
              fmt::format(" in {} place{}\n", WithCommas(report.difference_count),
                          report.difference_count == 1 ? "" : "s"));
  PrintDifferences(report);
  if (!replayed.fault_file.empty()) {
    PrintFolded(fmt::format("fault document: {} (souk-audit check-fault {})\n", replayed.fault_file,
                            replayed.fault_file));
  } else if (!replayed.why_no_fault.empty()) {
    PrintFolded(replayed.why_no_fault + "\n");
  } else {
    PrintFolded(
        "this raises suspicion, it proves nothing: --check writes a fault document where one can "
        "be made\n");
  }
}

std::function<Status(const gpu::RunProgress&)> Drawing(ProgressLine& line, const char* label) {
  return [&line, label](const gpu::RunProgress& now) {
    const double share = now.launches_total == 0 ? 1
                                                 : static_cast<double>(now.launches_done) /
                                                       static_cast<double>(now.launches_total);
    line.Show(label, fmt::format("launch {}/{}", now.launches_done, now.launches_total), share, "");
    return Ok();
  };
}

// The provider's own states, where they are at hand.
struct States {
  Bytes bytes = {};
  std::optional<gpu::StatesFile> file = {};
};

Result<States> ReadStates(const JobCase& job, gpu::BlobSource& blobs) {
  States states;
  const auto ref = job.States();
  if (!ref) return states;
  Result<Bytes> bytes = gpu::ReadChecked(blobs, *ref);
  if (!bytes && bytes.error().code == Code::kNotFound) return states;
  if (!bytes) return bytes.error();
  states.bytes = std::move(*bytes);
  auto file = gpu::StatesFile::Open(states.bytes, job.workload);
  if (!file) return file.error().Within("the states that the provider kept");
  states.file = std::move(*file);
  return states;
}

Status WriteFault(Replayed& replayed, gpu::BlobSource& blobs, const gpu::ClaimedResult& claim,
                  const gpu::StatesFile* states, const ReplayCommand& command,
                  const Countdown& time) {
  ProgressLine line;
  gpu::FaultOptions options;
  options.milliseconds = time.LeftMs();
  options.progress = Drawing(line, "fault");
  const auto evidence = gpu::FindFault(replayed.job.workload, blobs, claim, states, options);
  line.Clear();
  if (!evidence && evidence.error().code == Code::kDenied) {
    replayed.why_no_fault = evidence.error().message;
    return Ok();
  }
  if (!evidence) return evidence.error();
  if (!*evidence) {
    replayed.why_no_fault = "no output or commitment of the receipt is wrong";
    return Ok();
  }
  ASSIGN_OR_RETURN(const Bytes document, EncodeFaultDocument(replayed.job, **evidence, blobs));
  const fs::path out = command.out.empty()
                           ? fs::path(replayed.job.job_document->id().Short() + ".fault")
                           : command.out;
  RETURN_IF_ERROR(WriteFileAtomic(out, document));
  replayed.fault_file = out.string();
  return Ok();
}

}  // namespace

uint64_t Countdown::LeftMs() const {
  const auto passed = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - start_);
  return static_cast<uint64_t>(std::max<int64_t>(0, limit_.ms - passed.count()));
}

Error OutOfTime(const Error& error) {
  return Error(error.code, "nothing is decided: " + error.message + "; --time-limit gives more");
}

// Of a ledger, or of an evidence bundle in which nothing is wrong.
static Result<JobCase> FindJob(const AuditTarget& target, const std::string& id,
                               gpu::BlobSource& blobs) {
  if (IsEvidence(target.dir)) {
    ASSIGN_OR_RETURN(const OpenedEvidence bundle, OpenEvidence(target.dir, target.vkey));
    const auto report = ledger::AuditEvidence(bundle.evidence, bundle.key);
    if (report.verdict == ledger::Verdict::kInvalid) {
      return Error(Code::kCorrupt,
                   "the bundle does not verify; see: souk-audit verify " + target.dir.string());
    }
    return FindJobCase(bundle.evidence, id, blobs);
  }
  ASSIGN_OR_RETURN(const OpenedLedger opened, OpenLedger(target.dir, target.vkey));
  return FindJobCase(opened.log(), id, blobs);
}

Result<Replayed> ReplayJob(JobCase job, FolderBlobs& blobs, const ReplayCommand& command,
                           const Countdown& time) {
  Replayed replayed{.job = std::move(job)};
  const gpu::ClaimedResult claim = replayed.job.Claim(blobs);
  ASSIGN_OR_RETURN(const States states, ReadStates(replayed.job, blobs));
  const gpu::StatesFile* const file = states.file ? &*states.file : nullptr;
  gpu::ReplayOptions options;
  options.blocks = command.blocks;
  options.words = command.words.value_or(command.blocks);
  options.seed = command.seed ? *command.seed : std::random_device()();
  options.whole = command.full;
  options.check = command.check;
  options.threads = UsableProcessors();
  options.milliseconds = time.LeftMs();
  ProgressLine line;
  options.progress = Drawing(line, "replay");
  ASSIGN_OR_RETURN(replayed.report,
                   gpu::Replay(replayed.job.workload, blobs, claim, file, options));
  line.Clear();
  if (command.check && !replayed.report.agrees()) {
    RETURN_IF_ERROR(WriteFault(replayed, blobs, claim, file, command, time));
  }
  return replayed;
}

int RunReplay(const AuditTarget& target, const ReplayCommand& command) {
  const auto limit = ParseDuration(command.time_limit);
  if (!limit) return Misuse("--time-limit: " + limit.error().message);
  const Countdown time(*limit);
  FolderBlobs blobs(IsEvidence(target.dir) ? target.dir / "blobs" : BlobFolder(target.dir));
  auto job = FindJob(target, command.job, blobs);
  if (!job) return Fail(job.error());
  const auto replayed = ReplayJob(std::move(*job), blobs, command, time);
  if (!replayed && replayed.error().code == Code::kExhausted) {
    return Fail(OutOfTime(replayed.error()));
  }
  if (!replayed) return Fail(replayed.error());
  if (target.json) {
    PrintJson(ReplayJson(*replayed));
  } else {
    PrintReplay(*replayed);
  }
  return replayed->report.agrees() ? kDone : kFailed;
}

int RunCheckFault(const CheckFaultCommand& command) {
  const fs::path& file = command.file;
  const auto limit = ParseDuration(command.time_limit);
  if (!limit) return Misuse("--time-limit: " + limit.error().message);
  const auto bytes = ReadFile(file, kMostFaultBytes);
  if (!bytes) return Fail(bytes.error());
  auto document = DecodeFaultDocument(*bytes);
  if (!document) return Fail(document.error().Within(file.string()));
  const JobCase& job = document->job;
  const gpu::ClaimedResult claim = job.Claim(document->blobs);
  ProgressLine line;
  gpu::FaultOptions options;
  options.milliseconds = static_cast<uint64_t>(limit->ms);
  options.progress = Drawing(line, "check");
  const Status proven =
      gpu::CheckFault(job.workload, document->blobs, claim, document->evidence, options);
  line.Clear();
  if (!proven && proven.error().code == Code::kExhausted) {
    return Fail(OutOfTime(proven.error()));
  }
  if (!proven) return Fail(proven.error().Within("no fault is proven"));
  const std::string what =
      document->evidence.output.empty()
          ? "the state after launch " +
                std::to_string(document->evidence.commitments[document->evidence.step].launch)
          : "output " + document->evidence.output;
  if (command.json) {
    PrintJson({{"proven", true},
               {"what", what},
               {"job", job.job_document->id().ToString()},
               {"receipt", job.receipt_document->id().ToString()},
               {"provider", PeerId{job.receipt_document->signer()}.ToString()},
               {"renter", PeerId{job.job_document->signer()}.ToString()}});
    return kDone;
  }
  PrintFolded(fmt::format(
      "{}  {} of job {} is wrong, and {} signed it\n", Styled(stdout, Style::kBad, "FAULT PROVEN"),
      what, job.job_document->id().Short(), PeerId{job.receipt_document->signer()}.ToString()));
  return kDone;
}

}  // namespace souk::tools
