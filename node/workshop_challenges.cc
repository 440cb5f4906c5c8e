// JailedWorkshop: challenges, from the spare that takes one to its opened rows.
#include "gpu/worker/worker_folder.h"
#include "node/blob_store.h"
#include "node/workshop.h"
#include "node/workshop_folders.h"
#include "protocol/base/file.h"
#include "protocol/limits.h"

namespace souk::node {

void JailedWorkshop::Challenge(const StartChallenge& start) {
  const auto it = benches_.find(start.lease);
  if (it == benches_.end() || it->second.stopping) {
    events_.push_back(ChallengeFailed{start.challenge, "its lease has no worker"});
    return;
  }
  Bench& bench = it->second;
  if (bench.proof && bench.proof->start.challenge == start.challenge) {
    if (bench.proof->committed) events_.push_back(*bench.proof->committed);
    return;
  }
  EndProof(bench);
  bench.proof = Proof{.start = start};
  Pump(bench);
}

// The spare becomes the challenge's worker.
Status JailedWorkshop::Begin(Bench& bench) {
  const StartChallenge& start = bench.proof->start;
  const std::filesystem::path folder = JobFolder(options_.dir, start.challenge);
  (void)gpu::KillStray(folder);
  RETURN_IF_ERROR(FreshFolder(folder));
  RETURN_IF_ERROR(WriteFileAtomic(folder / kLeaseFile, AsBytes(start.lease.Hex()), 0600));
  Note(start.challenge,
       "challenged on lease " + start.lease.Short() + ", n = " + std::to_string(start.size));
  gpu::WorkerProof proof;
  proof.challenge = start.challenge;
  proof.fence = start.fence;
  proof.folder = folder;
  proof.seed = start.seed;
  proof.size = start.size;
  const Status begun = bench.spare->Prove(proof);
  bench.proof->worker = std::move(bench.spare);
  // Its exit is still to come.
  if (!begun) (void)bench.proof->worker->Kill();
  StartSpare(bench);
  return Ok();
}

void JailedWorkshop::Open(const OpenRows& open) {
  const auto it = benches_.find(open.lease);
  const bool here = it != benches_.end() && it->second.proof && it->second.proof->committed &&
                    it->second.proof->start.challenge == open.challenge;
  // Otherwise it is being computed again, and the agent asks once it is there.
  if (!here) return;
  const Status asked = it->second.proof->worker->Open(open.rows);
  if (!asked) ProofFailed(it->second, asked.error().message);
}

void JailedWorkshop::GiveUp(const StopChallenge& stop) {
  const auto it = benches_.find(stop.lease);
  if (it == benches_.end() || !it->second.proof) return;
  if (it->second.proof->start.challenge != stop.challenge) return;
  EndProof(it->second);
  Pump(it->second);
}

void JailedWorkshop::EndProof(Bench& bench) {
  if (!bench.proof) return;
  Dismiss(bench, std::move(bench.proof->worker));
  bench.proof.reset();
}

void JailedWorkshop::ProofFailed(Bench& bench, const std::string& why) {
  const Digest challenge = bench.proof->start.challenge;
  Note(challenge, why);
  events_.push_back(ChallengeFailed{challenge, why});
  EndProof(bench);
}

// Takes the opened rows into the blob store, on the errands' thread.
void JailedWorkshop::KeepOpening(const Proof& proof, const gpu::wire::Opened& opened) {
  const std::filesystem::path dir = options_.dir;
  const Digest challenge = proof.start.challenge;
  errands_.Run([dir, challenge, opened]() -> Event {
    const std::filesystem::path file = JobFolder(dir, challenge) / gpu::kOpeningFile;
    const Status kept = FileBlobStore::TakeIn(dir, file, opened.digest);
    if (!kept) return ChallengeFailed{challenge, "keeping the rows: " + kept.error().message};
    std::error_code error;
    const uint64_t bytes =
        std::filesystem::file_size(FileBlobStore::PathOf(dir, opened.digest), error);
    if (error || bytes != opened.bytes) {
      return ChallengeFailed{challenge, "the opened rows have another size"};
    }
    return ChallengeOpened{challenge, {opened.digest, bytes}};
  });
}

void JailedWorkshop::ReadProof(Bench& bench) {
  if (!bench.proof || !bench.proof->worker) return;
  for (const gpu::WorkerEvent& event : bench.proof->worker->Receive()) {
    if (const auto* committed = std::get_if<gpu::WorkerCommitted>(&event)) {
      const uint64_t most = static_cast<uint64_t>(limits::kLongestLease.ms);
      bench.proof->committed = ChallengeCommitted{
          bench.proof->start.challenge, committed->committed.root,
          Millis(static_cast<int64_t>(std::min(committed->committed.milliseconds, most)))};
      Note(bench.proof->start.challenge,
           "committed after " + std::to_string(committed->committed.milliseconds) + " ms");
      events_.push_back(*bench.proof->committed);
    } else if (const auto* opened = std::get_if<gpu::WorkerOpened>(&event)) {
      KeepOpening(*bench.proof, opened->opened);
      return EndProof(bench);
    } else if (const auto* failed = std::get_if<gpu::WorkerProofFailed>(&event)) {
      return ProofFailed(bench, failed->failed.message);
    } else if (const auto* refused = std::get_if<gpu::WorkerRefused>(&event)) {
      return ProofFailed(bench, refused->error.message);
    } else if (const auto* exited = std::get_if<gpu::WorkerExited>(&event)) {
      Unwatch(*bench.proof->worker);
      bench.proof->worker.reset();
      return ProofFailed(bench, exited->failure.message);
    }
  }
}

}  // namespace souk::node
