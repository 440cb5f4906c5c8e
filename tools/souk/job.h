// A workload as a job on a lease: shared by run, fetch and demo.
#pragma once

#include "gpu/workload/manifest.h"
#include "tools/souk/market.h"
#include "tools/souk/results.h"

namespace souk::tools {

// Whether an offer can run the manifest's workload at all: device, memory, PTX, jail.
Status FitsOffer(const gpu::Manifest& manifest, const Json& offer);

// A device counts lines in the canonical text, not in the file that it was made from; says so where
// the sentence names a line; with `modules`, the workload's, the line of their source where they
// know.
std::string WithLineHint(const std::string& sentence, const std::vector<ptx::Module>& modules = {});

// Why a job that is over has no results: "job 5ab0f3a1 failed: …".
std::string WhyNoResult(const Json& job);

// The newest .version over the workload's modules, × 10.
Result<uint32_t> NewestPtx(const gpu::Manifest& manifest);

// Puts workload and blobs into the daemon's store and submits the job; its id. `sealed`: its
// provider is to commit to the result before it gives it.
Result<std::string> SubmitJob(DaemonLink& link, const gpu::Manifest& manifest,
                              const std::string& lease, bool sealed = false);
// The same under each of these leases; the round's id.
Result<std::string> SubmitReplicas(DaemonLink& link, const gpu::Manifest& manifest,
                                   const std::vector<std::string>& leases, uint32_t agree);
// Waits until the round is over, as WatchJob does. Its last row.
Result<Json> WatchRound(DaemonLink& link, const std::string& round);
// The providers of a round, what each did, and what came of it; every line ends in a newline.
std::string ReplicasTable(const Json& round);
// What to do about those who differ, two lines; "" where nobody does. `dir`: the node's.
std::string SettleHint(const Json& round, const std::string& dir);

// Waits until the job is over, drawing its progress on stderr. The job's last row. An error where
// the daemon goes away, and kExhausted where an InterruptGuard heard so; a failed job is none.
Result<Json> WatchJob(DaemonLink& link, const std::string& job);

// The job's outputs out of the daemon's store, each checked against the receipt's digest, and
// images where the workload wants them.
Result<std::vector<ResultFile>> FetchResults(const std::filesystem::path& daemon_dir,
                                             const Json& job, const std::filesystem::path& into);

}  // namespace souk::tools
