// souk jobs, logs and fetch.
#include <fmt/format.h>

#include "ledger/log/rocksdb_ledger.h"
#include "protocol/base/file.h"
#include "protocol/limits.h"
#include "protocol/text.h"
#include "tools/souk/job.h"

namespace souk::tools {
namespace {

namespace fs = std::filesystem;

void PrintJobs(const Json& jobs) {
  Table table({{"JOB"},
               {"LEASE"},
               {"SIDE"},
               {"TITLE"},
               {"STATE"},
               {"LAUNCHES", Align::kRight},
               {"OUTPUTS", Align::kRight}});
  const std::vector<std::string> ids = ShortIdsOf(jobs);
  for (size_t i = 0; i < jobs.size(); ++i) {
    const Json& job = jobs[i];
    table.Add({ids[i], TextAt(job, "lease").substr(0, 8), TextAt(job, "side"), TextAt(job, "title"),
               TextAt(job, "state"),
               fmt::format("{}/{}", NumberAt(job, "launch"), NumberAt(job, "launches")),
               std::to_string(job["outputs"].size())});
  }
  Print(table.rows() > 0 ? table.ToText(ColumnsOf(stdout)) : "no jobs\n");
}

void PrintOne(const Json& job) {
  Print(fmt::format("{}  {}  {}\n", TextAt(job, "id").substr(0, 8), TextAt(job, "title"),
                    TextAt(job, "state")));
  const auto line = [](const char* name, const std::string& value) {
    if (!value.empty()) Print(fmt::format("  {:<13}{}\n", name, value));
  };
  line("lease", TextAt(job, "lease").substr(0, 8));
  line("refused", TextAt(job, "refused"));
  line("sentence", TextAt(job, "sentence"));
  if (job.contains("receipt")) {
    const Json& receipt = job["receipt"];
    line("device", TextAt(receipt, "device_name"));
    line("class", TextAt(receipt, "class"));
    line("launches", WithCommas(static_cast<uint64_t>(NumberAt(receipt, "launches"))));
    line("instructions",
         WithCommas(static_cast<uint64_t>(NumberAt(receipt, "thread_instructions"))));
    line("states root", TextAt(receipt, "states_root"));
  }
  for (const Json& output : job["outputs"]) {
    line(FlagAt(output, "here") ? "output" : "not here",
         fmt::format("{}  {}  {}", TextAt(output, "name"),
                     FormatSize(static_cast<uint64_t>(NumberAt(output, "size"))),
                     TextAt(output, "digest").substr(0, 8)));
  }
}

// The leaf that names `id` in this node's own log, its inclusion proof, and what it proves.
Status WriteLeaf(const ledger::LogReader& log, const Digest& id, const std::string& name,
                 const fs::path& into) {
  ASSIGN_OR_RETURN(const auto index, log.FindById(id));
  if (!index || *index >= log.signed_size()) {
    return Error(Code::kNotFound, "this node's log does not hold the " + name);
  }
  ASSIGN_OR_RETURN(const Bytes leaf, log.Entry(*index));
  ASSIGN_OR_RETURN(const ledger::TlogProof proof, log.Proof(*index));
  RETURN_IF_ERROR(WriteFileAtomic(into / (name + ".entry"), leaf));
  return WriteFileAtomic(into / (name + ".proof"), AsBytes(proof.ToText()));
}

// What a third party needs to judge the job offline: the signed job and receipt as they stand in
// this node's log with proofs, the workload, and every blob that it names.
Status WriteEvidence(const fs::path& dir, const Json& job, const fs::path& into) {
  const node::NodeDir node_dir{dir};
  ASSIGN_OR_RETURN(const Identity identity, node::LoadIdentity(node_dir));
  const ledger::NoteVerifier key{LogName(identity.id()),
                                 identity.CheckpointKey().public_key().bytes};
  ASSIGN_OR_RETURN(const auto view, ledger::LedgerView::Open(dir, key));
  std::error_code error;
  fs::create_directories(into / "blobs", error);
  RETURN_IF_ERROR(WriteFileAtomic(into / "key", AsBytes(key.ToVkey() + "\n")));
  ASSIGN_OR_RETURN(const Digest job_id, Digest::Parse(TextAt(job, "id")));
  ASSIGN_OR_RETURN(const Digest lease_id, Digest::Parse(TextAt(job, "lease")));
  RETURN_IF_ERROR(WriteLeaf(view->log(), lease_id, "order", into));
  RETURN_IF_ERROR(WriteLeaf(view->log(), job_id, "job", into));
  if (job.contains("receipt")) {
    ASSIGN_OR_RETURN(const Digest receipt, Digest::Parse(TextAt(job["receipt"], "id")));
    RETURN_IF_ERROR(WriteLeaf(view->log(), receipt, "receipt", into));
  }
  ASSIGN_OR_RETURN(const auto index, view->log().FindById(job_id));
  ASSIGN_OR_RETURN(const Bytes leaf, view->log().Entry(*index));
  ASSIGN_OR_RETURN(const Entry entry, DecodeEntry(leaf));
  ASSIGN_OR_RETURN(const DocumentRef document, Document::Open(entry.documents.at(0)));
  ASSIGN_OR_RETURN(const Job signed_job, Decode<Job>(*document));
  std::vector<BlobRef> blobs = signed_job.blobs;
  blobs.push_back(signed_job.workload);
  for (const BlobRef& blob : blobs) {
    ASSIGN_OR_RETURN(const Bytes bytes,
                     ReadFile(dir / "blobs" / "sha256" / blob.digest.Hex(), limits::kBlobBytes));
    RETURN_IF_ERROR(WriteFileAtomic(into / "blobs" / blob.digest.Hex(), bytes));
  }
  return Ok();
}

}  // namespace

int RunJobs(const Common& common, const std::string& id) {
  auto link = DaemonLink::Reach(common);
  if (!link) return Fail(link.error());
  if (!id.empty()) {
    const auto job = link->FindJob(id);
    if (!job) return Fail(job.error());
    if (common.json) {
      PrintJson(*job);
    } else {
      PrintOne(*job);
    }
    return kDone;
  }
  const auto all = link->Ask({{"do", "jobs"}});
  if (!all) return Fail(all.error());
  if (common.json) {
    PrintJson(*all);
  } else {
    PrintJobs((*all)["jobs"]);
  }
  return kDone;
}

int RunLogs(const Common& common, const std::string& id, bool follow) {
  auto link = DaemonLink::Reach(common);
  if (!link) return Fail(link.error());
  const auto job = link->FindJob(id);
  if (!job) return Fail(job.error());
  int64_t from = 0;
  std::string text;
  while (true) {
    const auto part = link->Ask({{"do", "logs"}, {"job", TextAt(*job, "id")}, {"from", from}});
    if (!part) return Fail(part.error());
    const std::string more = TextAt(*part, "text");
    if (common.json) {
      text += more;
    } else {
      Print(more);
    }
    from = NumberAt(*part, "next");
    if (more.empty() && (!follow || FlagAt(*part, "over"))) break;
    if (more.empty()) std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  if (common.json) PrintJson({{"job", TextAt(*job, "id")}, {"text", text}});
  return kDone;
}

int RunFetch(const Common& common, const FetchOptions& options) {
  auto link = DaemonLink::Reach(common);
  if (!link) return Fail(link.error());
  const auto found = link->FindJob(options.job);
  if (!found) return Fail(found.error());
  Json job = *found;
  if (!FlagAt(job, "over")) {
    const auto watched = WatchJob(*link, TextAt(job, "id"));
    if (!watched) return Fail(watched.error());
    job = *watched;
  }
  const auto all = link->Ask({{"do", "jobs"}});
  const std::string id = all ? ShortIdOf(job, (*all)["jobs"]) : TextAt(job, "id").substr(0, 8);
  const fs::path into = options.out.empty() ? fs::path("results") / id : options.out;
  if (TextAt(job, "state") != "done" && !options.evidence) {
    return Fail(fmt::format("job {} {}: {}", id, TextAt(job, "state"), TextAt(job, "sentence")));
  }
  const auto files = FetchResults(link->dir(), job, into);
  if (!files) return Fail(files.error());
  if (options.evidence) {
    const Status written = WriteEvidence(link->dir(), job, into / "evidence");
    if (!written) return Fail(written.error());
  }
  if (common.json) {
    Json list = Json::array();
    for (const ResultFile& file : *files) {
      list.push_back({{"file", file.path.string()}, {"digest", file.digest.ToString()}});
    }
    PrintJson({{"job", TextAt(job, "id")},
               {"dir", into.string()},
               {"files", std::move(list)},
               {"evidence", options.evidence}});
    return kDone;
  }
  PrintFolded(fmt::format("job {} → {}/ ({} file{}, digests match{})\n", id, into.string(),
                          files->size(), files->size() == 1 ? "" : "s",
                          options.evidence ? "; evidence/ holds job, receipt and proofs" : ""));
  return kDone;
}

}  // namespace souk::tools
