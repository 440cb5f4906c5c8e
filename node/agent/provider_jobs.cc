// Jobs within a lease: accepted, fetched, run, receipted.
#include <algorithm>

#include "node/agent/provider.h"
#include "protocol/lease_terms.h"

namespace souk::node {
namespace {

// Whether every peer will decode it: a worker's word must not stop the node, nor spoil its log.
bool Fits(const JobReceipt& receipt) {
  const auto plain = [](const JobOutput& output) {
    return !output.name.empty() && output.name.size() <= limits::kNameBytes &&
           output.blob.size <= limits::kBlobBytes;
  };
  return receipt.outputs.size() <= limits::kOutputsPerJob &&
         BytesOf(receipt.outputs) <= limits::kBlobBytes &&
         std::all_of(receipt.outputs.begin(), receipt.outputs.end(), plain) &&
         EncodePayload(receipt).size() + limits::kEnvelopeBytes <= limits::kDocumentBytes;
}

}  // namespace

void Provider::OnJob(Turn& turn, const From& from) {
  const Digest id = from.document()->id();
  const auto job = Decode<Job>(*from.document());
  if (!job) return turn.Refuse(from, RefusalCode::kMalformed, job.error().message);
  Lease* lease = FindFor(turn, from, job->lease);
  if (lease == nullptr) return;
  const auto known = jobs_.find(id);
  if (known != jobs_.end()) {
    if (known->second.receipt) {
      turn.TellConnection(from.connection, ResultOf(turn, known->second));
    }
    return turn.Reply(from, {});
  }
  if (lease->state != LeaseState::kMetering) {
    return turn.Refuse(
        from,
        lease->state == LeaseState::kPaused ? RefusalCode::kNotPaid : RefusalCode::kLeaseWrongState,
        std::string("the lease is ") + LeaseStateName(lease->state),
        "a job while the lease is metering");
  }
  if (lease->open_challenge) {
    return turn.Refuse(from, RefusalCode::kBusy, "the device is being challenged under this lease");
  }
  const auto open = std::count_if(open_jobs_.begin(), open_jobs_.end(), [&](const Digest& one) {
    return jobs_.at(one).lease == lease->id;
  });
  if (static_cast<size_t>(open) >= limits::kOpenJobsPerLease) {
    return turn.Refuse(from, RefusalCode::kBusy, "the lease has as many open jobs as it may have",
                       "at most " + std::to_string(limits::kOpenJobsPerLease));
  }
  if (!CheckNumber(turn, from, *lease, job->number)) return;
  uint64_t total = job->workload.size;
  for (const BlobRef& blob : job->blobs) {
    if (blob.size > limits::kBlobBytes - std::min(total, limits::kBlobBytes)) {
      return turn.Refuse(from, RefusalCode::kTooLarge, "the job's blobs are too large together",
                         "at most " + std::to_string(limits::kBlobBytes) + " bytes");
    }
    total += blob.size;
  }
  std::vector<BlobRef> blobs = job->blobs;
  blobs.push_back(job->workload);
  const uint64_t most = turn.settings().provider.lease_bytes;
  if (!HasRoom(*lease, blobs, most)) {
    return turn.Refuse(from, RefusalCode::kTooLarge,
                       "the lease's jobs would have too much stored together",
                       "at most " + std::to_string(most - std::min(most, lease->stored_bytes)) +
                           " bytes of blobs that the lease has not brought yet");
  }
  turn.Append(JobStep{.job = id, .lease = lease->id, .event = JobStep::Event::kAccepted},
              {from.document()});
  turn.Reply(from, {});
}

bool Provider::HasRoom(const Lease& lease, const std::vector<BlobRef>& blobs, uint64_t most) {
  std::map<Digest, uint64_t> sizes;
  for (const BlobRef& blob : blobs) {
    uint64_t& size = sizes[blob.digest];
    size = std::max(size, blob.size);
  }
  uint64_t total = lease.stored_bytes;
  for (const auto& [digest, size] : sizes) {
    const auto known = lease.stored.find(digest);
    const uint64_t here = known == lease.stored.end() ? 0 : known->second;
    if (size > here) total += size - here;
  }
  return total <= most;
}

void Provider::FetchBlobs(Turn& turn, Blobs& blobs) {
  const std::set<Digest> open = open_jobs_;
  for (const Digest& id : open) {
    const JobState& job = jobs_.at(id);
    if (job.at != JobStep::Event::kAccepted) continue;
    const Lease& lease = leases_.at(job.lease);
    // Until the book holds the escrow for this lease, work might be done for nothing.
    if (!lease.shown) continue;
    bool complete = true;
    std::vector<BlobRef> wanted = job.job.blobs;
    wanted.push_back(job.job.workload);
    const std::set<Digest>& brought = brought_[lease.renter];
    for (const BlobRef& blob : wanted) {
      // There is one empty blob, and nothing to keep from anybody.
      const auto here = blob.size == 0 || brought.contains(blob.digest)
                            ? turn.view().BlobSize(blob.digest)
                            : std::nullopt;
      if (here == blob.size) continue;
      complete = false;
      // Where it is here the digest is right, so the job's word on the size is wrong.
      const Status comes = here ? Error(Code::kMismatch, "it has not the size that the job says")
                                : blobs.Fetch(turn, blob, lease.renter, id);
      if (comes) continue;
      FinishJob(turn, job,
                {.job = id,
                 .status = JobStatus::kFailed,
                 .sentence = "blob " + blob.digest.ToString() + ": " + comes.error().message});
      break;
    }
    if (!complete) continue;
    turn.Append(JobStep{.job = id, .lease = job.lease, .event = JobStep::Event::kStarted}, {});
    turn.Do(StartJob{job.lease, lease.acceptance.fence, id, job.job.workload, job.job.blobs});
  }
}

void Provider::OnBlobLanded(const BlobLanded& event) {
  if (event.matches) brought_[event.from].insert(event.blob);
}

void Provider::OnJobProgressed(Turn& turn, const JobProgressed& event) {
  const auto it = jobs_.find(event.job);
  if (it == jobs_.end() || it->second.at != JobStep::Event::kStarted) return;
  it->second.launch = event.launch;
  it->second.launches = event.launches;
  const Lease& lease = leases_.at(it->second.lease);
  turn.Tell(lease.renter, turn.Sign(Progress{.job = event.job,
                                             .launch = event.launch,
                                             .launches = event.launches,
                                             .due = DueAt(lease, turn.now())}));
}

void Provider::OnJobEnded(Turn& turn, const JobEnded& event) {
  const auto it = jobs_.find(event.job);
  if (it == jobs_.end()) return;
  if (it->second.at == JobStep::Event::kStarted) return FinishJob(turn, it->second, event);
  if (!HasResults(it->second)) DropMade(turn, event);
}

bool Provider::HasResults(const JobState& job) {
  if (!job.receipt) return true;
  const auto receipt = Decode<JobReceipt>(*job.receipt);
  return receipt->status == JobStatus::kDone || !receipt->outputs.empty();
}

void Provider::DropMade(Turn& turn, const JobEnded& event) {
  for (const JobOutput& output : event.outputs) {
    turn.Do(RemoveBlob{.blob = output.blob.digest, .even_new = true});
  }
  turn.Do(DropJob{.job = event.job, .but_log = true});
}

void Provider::FinishJob(Turn& turn, const JobState& job, const JobEnded& event) {
  const Lease& lease = leases_.at(job.lease);
  const auto& devices = turn.settings().provider.devices;
  const auto device = std::find_if(devices.begin(), devices.end(), [&](const DeviceForRent& one) {
    return one.uuid == lease.acceptance.device;
  });
  JobReceipt receipt{.job = job.id,
                     .lease = job.lease,
                     .fence = lease.acceptance.fence,
                     .status = event.status,
                     .sentence = event.sentence.substr(0, limits::kSentenceBytes),
                     .device = lease.acceptance.device,
                     .workload = job.job.workload.digest,
                     .outputs = event.outputs,
                     .states_root = event.states_root,
                     .launches = event.launches,
                     .thread_instructions = event.thread_instructions,
                     .result_class = event.result_class,
                     .started = job.started.ms != 0 ? job.started : turn.now(),
                     .finished = turn.now()};
  if (device != devices.end()) {
    receipt.device_name = device->model;
    receipt.architecture = device->architecture;
    receipt.driver = device->driver;
  }
  std::vector<BlobRef> made;
  for (const JobOutput& output : event.outputs) made.push_back(output.blob);
  // A failed job has nothing but what its kernels printed.
  bool keeps = receipt.status == JobStatus::kDone || receipt.status == JobStatus::kFailed;
  const auto refuse = [&](const char* sentence) {
    keeps = false;
    if (receipt.status == JobStatus::kFailed) return;
    receipt.status = JobStatus::kFailed;
    receipt.sentence = sentence;
  };
  if (!Fits(receipt)) {
    refuse("the job's outputs do not fit a receipt");
  } else if (!HasRoom(lease, made, turn.settings().provider.lease_bytes)) {
    refuse("the job's outputs are more than this lease may still have stored");
  }
  if (!keeps && !made.empty()) {
    receipt.outputs.clear();
    DropMade(turn, event);
  }
  const DocumentRef document = turn.Sign(receipt);
  const PeerId renter = lease.renter;
  turn.Append(JobStep{.job = job.id,
                      .lease = job.lease,
                      .event = JobStep::Event::kFinished,
                      .status = receipt.status},
              {document});
  turn.Tell(renter, ResultOf(turn, job));
}

DocumentRef Provider::ResultOf(const Turn& turn, const JobState& job) const {
  if (!job.job.sealed || job.revealed) return job.receipt;
  return turn.Sign(JobSeal{.job = job.id,
                           .lease = job.lease,
                           .fence = leases_.at(job.lease).acceptance.fence,
                           .receipt = job.receipt->id()});
}

// The renter is told nothing of a sealed job's result before; what it asks in vain it asks again.
void Provider::OnJobReveal(Turn& turn, const From& from) {
  const auto reveal = Decode<JobReveal>(*from.document());
  if (!reveal) return turn.Refuse(from, RefusalCode::kMalformed, reveal.error().message);
  const Lease* lease = FindFor(turn, from, reveal->lease);
  if (lease == nullptr) return;
  const auto it = jobs_.find(reveal->job);
  if (it == jobs_.end() || it->second.lease != lease->id) {
    return turn.Refuse(from, RefusalCode::kNotFound, "no such job under this lease");
  }
  const JobState& job = it->second;
  if (!job.job.sealed || !job.receipt ||
      (!job.revealed && ResultOf(turn, job)->id() != reveal->seal)) {
    return turn.Refuse(from, RefusalCode::kLeaseWrongState,
                       "nothing was sealed for this job, or something else");
  }
  if (!job.revealed) {
    turn.Append(JobStep{.job = job.id, .lease = job.lease, .event = JobStep::Event::kRevealed},
                {from.document()});
  }
  turn.TellConnection(from.connection, job.receipt);
  turn.Reply(from, {});
}

void Provider::CancelJobs(Turn& turn, const Digest& lease, JobStatus status,
                          const std::string& why) {
  const std::set<Digest> open = open_jobs_;
  for (const Digest& id : open) {
    const JobState& job = jobs_.at(id);
    if (job.lease == lease) FinishJob(turn, job, {.job = id, .status = status, .sentence = why});
  }
}

// Where the worker goes with its lease, nothing needs to be said of its jobs.
void Provider::StopJobs(Turn& turn, const Digest& lease) const {
  for (const Digest& id : open_jobs_) {
    const JobState& job = jobs_.at(id);
    if (job.lease == lease && job.at == JobStep::Event::kStarted) turn.Do(StopJob{lease, id});
  }
}

bool Provider::HasOpenJob(const Digest& lease) const {
  return std::any_of(open_jobs_.begin(), open_jobs_.end(),
                     [&](const Digest& id) { return jobs_.at(id).lease == lease; });
}

bool Provider::MayRead(const PeerId& peer, const Digest& job, const Digest& blob) const {
  if (MayReadOpening(peer, job, blob)) return true;
  const auto it = jobs_.find(job);
  if (it == jobs_.end() || leases_.at(it->second.lease).renter != peer || !it->second.receipt)
    return false;
  if (it->second.job.sealed && !it->second.revealed) return false;
  const auto receipt = Decode<JobReceipt>(*it->second.receipt);
  return receipt &&
         std::any_of(receipt->outputs.begin(), receipt->outputs.end(),
                     [&](const JobOutput& output) { return output.blob.digest == blob; });
}

}  // namespace souk::node
