#include "tools/souk/job.h"

#include <fmt/format.h>

#include <charconv>

#include "gpu/cuda/open_device.h"
#include "gpu/ptx/module.h"
#include "gpu/ptx/source_lines.h"
#include "gpu/workload/workload_codec.h"
#include "protocol/base/file.h"
#include "protocol/limits.h"
#include "protocol/text.h"

namespace souk::tools {
namespace fs = std::filesystem;
namespace {

fs::path BlobPath(const fs::path& daemon_dir, const Digest& digest) {
  return daemon_dir / "blobs" / "sha256" / digest.Hex();
}

// What is there already is whole: it came by a rename. Made new, it is not removed before the
// daemon hears of the job.
Status PutBlob(const fs::path& daemon_dir, ByteView bytes, const Digest& digest) {
  std::error_code error;
  const fs::path path = BlobPath(daemon_dir, digest);
  fs::create_directories(path.parent_path(), error);
  if (fs::exists(path, error) && fs::file_size(path, error) == bytes.size()) {
    const auto there = ReadFile(path, bytes.size());
    if (there && Sha256(*there) == digest) {
      fs::last_write_time(path, fs::file_time_type::clock::now(), error);
      if (!error) return Ok();
    }
  }
  return WriteFileAtomic(path, bytes, 0600);
}

Json RefOf(const Digest& digest, uint64_t size) {
  return {{"digest", digest.Hex()}, {"size", size}};
}

std::string SentText(const Json& job) {
  const auto total = static_cast<uint64_t>(NumberAt(job["sent"], "total"));
  const int64_t blobs =
      job["blobs"].is_number() ? NumberAt(job, "blobs") : static_cast<int64_t>(job["blobs"].size());
  return fmt::format("{} blob{}, {}", blobs + 1, blobs == 0 ? "" : "s", FormatSize(total));
}

double Share(const Json& part, const char* done, const char* total) {
  const int64_t whole = NumberAt(part, total);
  return whole == 0 ? 1 : static_cast<double>(NumberAt(part, done)) / static_cast<double>(whole);
}

// Draws one line per phase: what is sent, what runs.
class JobLines {
 public:
  void Show(const Json& job) {
    const std::string state = TextAt(job, "state");
    const bool running = state == "running" || NumberAt(job, "launch") > 0;
    if (!running && !FlagAt(job, "over")) {
      line_.Show("send", SentText(job), Share(job["sent"], "bytes", "total"), "");
      sending_ = true;
      return;
    }
    if (sending_) {
      line_.Show("send", SentText(job), 1, "");
      line_.Finish();
      sending_ = false;
    }
    if (!running) return;
    if (start_ == std::chrono::steady_clock::time_point{}) {
      start_ = std::chrono::steady_clock::now();
    }
    const double spent =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
    const double share = NumberAt(job, "launches") == 0 ? 0 : Share(job, "launch", "launches");
    std::string tail = share > 0.02 && share < 1 && spent > 0.5
                           ? FormatElapsed(spent * (1 - share) / share) + " left  "
                           : FormatElapsed(spent) + "  ";
    line_.Show("run",
               fmt::format("launch {}/{}", NumberAt(job, "launch"), NumberAt(job, "launches")),
               share, tail + FormatCredits({NumberAt(job, "due_micro")}) + " cr");
    ran_ = true;
  }
  void End(const Json& job) {
    if (!ran_) return;
    const int64_t launches =
        job.contains("receipt") ? NumberAt(job["receipt"], "launches") : NumberAt(job, "launch");
    const int64_t total = std::max(launches, NumberAt(job, "launches"));
    line_.Show("run", fmt::format("launch {}/{}", launches, total),
               total == 0 ? 1 : static_cast<double>(launches) / static_cast<double>(total),
               FormatCredits({NumberAt(job, "due_micro")}) + " cr");
    line_.Finish();
  }

 private:
  ProgressLine line_;
  bool sending_ = false;
  bool ran_ = false;
  std::chrono::steady_clock::time_point start_ = {};
};

// "kernel.cu:12" of "… kernel k, line 48, …", where exactly one module has that kernel and knows.
std::string SourceOf(const std::string& sentence, const std::vector<ptx::Module>& modules) {
  constexpr std::string_view kKernel = "kernel ", kLine = ", line ";
  const size_t line_at = sentence.find(kLine);
  if (line_at == sentence.npos) return "";
  const size_t kernel_at = sentence.rfind(kKernel, line_at);
  if (kernel_at == sentence.npos) return "";
  const size_t name_at = kernel_at + kKernel.size();
  const std::string kernel = sentence.substr(name_at, line_at - name_at);
  uint32_t line = 0;
  const char* const digits = sentence.data() + line_at + kLine.size();
  std::from_chars(digits, sentence.data() + sentence.size(), line);
  const ptx::Module* of = nullptr;
  for (const ptx::Module& module : modules) {
    if (module.FindKernel(kernel) == nullptr) continue;
    if (of != nullptr) return "";
    of = &module;
  }
  if (of == nullptr) return "";
  const auto lines = ptx::SourceLinesOf(*of);
  const auto found = lines.find(line);
  return found == lines.end() ? "" : ptx::PlaceText(found->second);
}

}  // namespace

Result<uint32_t> NewestPtx(const gpu::Manifest& manifest) {
  uint32_t newest = 0;
  gpu::MemoryBlobs blobs = manifest.blobs;
  for (const gpu::BlobRef& ref : manifest.workload.modules) {
    ASSIGN_OR_RETURN(const Bytes text, blobs.Read(ref));
    ASSIGN_OR_RETURN(const ptx::Module module, ptx::Parse(AsText(text)));
    newest = std::max(newest, module.version);
  }
  return newest;
}

namespace {

// What the reference device does not run it would refuse when the job is there, and paid for.
Status RunsOnCpu(const gpu::Manifest& manifest) {
  ASSIGN_OR_RETURN(const auto device, gpu::OpenDevice("cpu"));
  gpu::MemoryBlobs blobs = manifest.blobs;
  for (const gpu::BlobRef& ref : manifest.workload.modules) {
    ASSIGN_OR_RETURN(const Bytes text, blobs.Read(ref));
    ASSIGN_OR_RETURN(const ptx::Module module, ptx::Parse(AsText(text)));
    const auto loaded = device->Load(module);
    if (loaded) continue;
    return Error(loaded.error().code,
                 "the CPU reference does not run it: " + WithLineHint(loaded.error().message));
  }
  return Ok();
}

}  // namespace

Status FitsOffer(const gpu::Manifest& manifest, const Json& offer) {
  const bool cpu = TextAt(offer, "kind") == "cpu";
  if (cpu && !manifest.market.allow_cpu) {
    return Error(Code::kUnsupported, "the workload wants a GPU, and this is the CPU reference");
  }
  if (!cpu && !manifest.market.allow_weak_jail && TextAt(offer, "jail") != "namespaces") {
    return Error(Code::kUnsupported, "its jail is weak, which the manifest does not allow");
  }
  const uint64_t memory = manifest.workload.limits.memory_bytes;
  if (memory > static_cast<uint64_t>(NumberAt(offer, "memory_bytes"))) {
    return Error(Code::kUnsupported,
                 "it has less memory than the workload's " + FormatSize(memory));
  }
  if (cpu) RETURN_IF_ERROR(RunsOnCpu(manifest));
  ASSIGN_OR_RETURN(const uint32_t ptx, NewestPtx(manifest));
  const auto takes = static_cast<uint32_t>(NumberAt(offer, "newest_ptx"));
  if (takes != 0 && ptx > takes) {
    return Error(Code::kUnsupported, fmt::format("its driver takes PTX up to {}.{}, the workload "
                                                 "is {}.{}",
                                                 takes / 10, takes % 10, ptx / 10, ptx % 10));
  }
  return Ok();
}

std::string WithLineHint(const std::string& sentence, const std::vector<ptx::Module>& modules) {
  if (sentence.find("line ") == std::string::npos) return sentence;
  const std::string source = SourceOf(sentence, modules);
  return sentence + (source.empty() ? " (a line of the canonical PTX: souk compile FILE -o -)"
                                    : " (the PTX's line, which comes from " + source + ")");
}

std::string WhyNoResult(const Json& job) {
  const std::string id = TextAt(job, "id").substr(0, 8);
  std::string why = TextAt(job, "refused");
  if (why.empty()) why = TextAt(job, "sentence");
  if (why.empty()) why = "without a receipt, given up or refused; see: souk logs " + id;
  return fmt::format("job {} {}: {}", id, TextAt(job, "state"), WithLineHint(why));
}

namespace {

// Puts everything into the daemon's store; the fields of a request that say what is to be run.
Result<Json> PutWorkload(DaemonLink& link, const gpu::Manifest& manifest) {
  ASSIGN_OR_RETURN(const Bytes encoded, gpu::EncodeWorkload(manifest.workload));
  const Digest workload = Sha256(encoded);
  RETURN_IF_ERROR(PutBlob(link.dir(), encoded, workload));
  Json blobs = Json::array();
  gpu::MemoryBlobs source = manifest.blobs;
  for (const gpu::BlobRef& ref : gpu::BlobsOf(manifest.workload)) {
    ASSIGN_OR_RETURN(const Bytes bytes, source.Read(ref));
    RETURN_IF_ERROR(PutBlob(link.dir(), bytes, ref.digest));
    blobs.push_back(RefOf(ref.digest, ref.bytes));
  }
  return Json{{"workload", RefOf(workload, encoded.size())},
              {"blobs", std::move(blobs)},
              {"title", manifest.workload.name}};
}

}  // namespace

Result<std::string> SubmitJob(DaemonLink& link, const gpu::Manifest& manifest,
                              const std::string& lease, bool sealed) {
  ASSIGN_OR_RETURN(Json request, PutWorkload(link, manifest));
  request.update({{"do", "job"}, {"lease", lease}, {"sealed", sealed}});
  ASSIGN_OR_RETURN(const Json answer, link.Ask(request));
  return TextAt(answer, "job");
}

Result<std::string> SubmitReplicas(DaemonLink& link, const gpu::Manifest& manifest,
                                   const std::vector<std::string>& leases, uint32_t agree) {
  ASSIGN_OR_RETURN(Json request, PutWorkload(link, manifest));
  request.update({{"do", "replicate"}, {"leases", leases}, {"agree", agree}});
  ASSIGN_OR_RETURN(const Json answer, link.Ask(request));
  return TextAt(answer, "round");
}

Result<Json> WatchJob(DaemonLink& link, const std::string& id) {
  JobLines lines;
  Json job;
  while (true) {
    ASSIGN_OR_RETURN(job, link.JobById(id));
    lines.Show(job);
    if (FlagAt(job, "over")) break;
    if (InterruptGuard::Interrupted()) return Error(Code::kExhausted, "interrupted");
    std::this_thread::sleep_for(std::chrono::milliseconds(25));
  }
  lines.End(job);
  return job;
}

Result<std::vector<ResultFile>> FetchResults(const fs::path& daemon_dir, const Json& job,
                                             const fs::path& into) {
  const Json& named = job["workload"];
  ASSIGN_OR_RETURN(const Digest digest, Digest::Parse(named.is_string() ? named.get<std::string>()
                                                                        : TextAt(named, "digest")));
  const auto encoded = ReadFile(BlobPath(daemon_dir, digest), gpu::kMaxWorkloadBytes);
  if (!encoded)
    return encoded.error().Within("the job's workload, which says what its results are");
  ASSIGN_OR_RETURN(const gpu::Workload workload, gpu::DecodeWorkload(*encoded));
  std::vector<ResultBytes> outputs;
  for (const Json& output : job["outputs"]) {
    ASSIGN_OR_RETURN(const Digest wanted, Digest::Parse(TextAt(output, "digest")));
    auto bytes = ReadFile(BlobPath(daemon_dir, wanted), limits::kBlobBytes);
    if (!bytes) return bytes.error().Within("output " + TextAt(output, "name"));
    if (Sha256(*bytes) != wanted) {
      return Error(Code::kMismatch,
                   "output " + TextAt(output, "name") + " has other bytes than the receipt says");
    }
    outputs.push_back({TextAt(output, "name"), std::move(*bytes)});
  }
  return SaveResults(into, workload, outputs);
}

}  // namespace souk::tools
