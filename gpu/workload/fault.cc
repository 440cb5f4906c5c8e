#include "gpu/workload/fault.h"

#include <algorithm>
#include <map>

#include "gpu/workload/time_limit.h"

namespace souk::gpu {
namespace {

Error ProvesNothing(const std::string& why) {
  return Error(Code::kDenied, "a difference proves nothing here: " + why);
}

Result<Bytes> PageOf(WorkloadSession& session, uint64_t page) {
  const StatePages::Place place = session.pages().PlaceOf(page);
  Bytes bytes(place.bytes);
  RETURN_IF_ERROR(session.Read(place.buffer, place.offset, bytes));
  return bytes;
}

// The reference, launch by launch, in checking mode.
class Reference {
 public:
  static Result<std::unique_ptr<Reference>> Open(const Workload& workload, BlobSource& blobs,
                                                 const FaultOptions& options) {
    std::unique_ptr<Reference> made(new Reference(workload, blobs, options));
    made->device_ = MakeCheckingDevice();
    ASSIGN_OR_RETURN(made->session_, WorkloadSession::Open(workload, blobs, *made->device_));
    made->limit_ = TimeLimit(options.milliseconds);
    return made;
  }

  WorkloadSession& session() { return *session_; }

  // What has been run so far no longer matters: the state that it led to is committed to.
  void Forget() { (void)device_->TakeReport(); }

  Result<Bytes> PageOfS0(uint64_t page) {
    const std::unique_ptr<CheckingDevice> device = MakeCheckingDevice();
    ASSIGN_OR_RETURN(const auto s0, WorkloadSession::Open(workload_, blobs_, *device));
    return PageOf(*s0, page);
  }

  // Until so many launches have been run. Errors of a launch are the job's.
  Status RunTo(uint64_t launch) {
    while (session_->next() < launch) {
      RETURN_IF_ERROR(Report());
      ASSIGN_OR_RETURN(const uint64_t milliseconds,
                       limit_.Left(session_->next(), session_->launches()));
      const LaunchBudget budget{.thread_instructions = workload_.limits.thread_instructions,
                                .milliseconds = milliseconds};
      ASSIGN_OR_RETURN(const LaunchStats stats, session_->Launch(budget));
      thread_instructions_ += stats.thread_instructions;
    }
    return Report();
  }

  // Whether a difference from what has been run so far counts.
  Status Counts() {
    if (session_->result_class() != ptx::Class::kExact) {
      return ProvesNothing(std::string("the workload is ") +
                           ptx::ClassName(session_->result_class()) + ", not exact");
    }
    const CheckReport report = device_->TakeReport();
    if (report.clean()) return Ok();
    const Finding& first = report.findings.front();
    return ProvesNothing("kernel " + first.kernel + ", line " + std::to_string(first.second.line) +
                         ": " + FindingKindText(first.kind));
  }

 private:
  Reference(const Workload& workload, BlobSource& blobs, const FaultOptions& options)
      : workload_(workload), blobs_(blobs), options_(options), limit_(options.milliseconds) {}

  Status Report() const {
    if (!options_.progress) return Ok();
    return options_.progress({session_->next(), session_->launches(), thread_instructions_});
  }

  const Workload& workload_;
  BlobSource& blobs_;
  const FaultOptions& options_;
  TimeLimit limit_;
  uint64_t thread_instructions_ = 0;
  std::unique_ptr<CheckingDevice> device_ = nullptr;
  std::unique_ptr<WorkloadSession> session_ = nullptr;
};

// The step that leads to commitments[step] went wrong: what opens it.
class StepEvidence {
 public:
  StepEvidence(const StatesFile& states, Reference& reference)
      : states_(states), reference_(reference), session_(reference.session()) {}

  // Notes the state before each step: pages that differ from S0.
  Status Note(const std::vector<uint64_t>& changed) {
    for (const uint64_t page : changed) {
      ASSIGN_OR_RETURN(before_[page], PageOf(session_, page));
    }
    return Ok();
  }

  Result<FaultEvidence> Open(size_t step, const std::vector<Digest>& hashes_before) {
    FaultEvidence evidence;
    evidence.commitments = states_.commitments();
    evidence.step = step;
    for (const auto& [page, bytes] : before_) evidence.before.push_back({page, bytes});
    // What the provider committed to, of which one page that is not the reference's is opened.
    std::vector<Digest> hashes = hashes_before;
    std::map<uint64_t, ByteView> claimed;
    for (const StatesFile::Page& page : states_.PagesOf(step)) {
      hashes[page.page] = LeafHash(page.bytes);
      claimed.emplace(page.page, page.bytes);
    }
    for (uint64_t page = 0; page < hashes.size(); ++page) {
      if (hashes[page] == session_.tree().hashes()[page]) continue;
      const auto found = claimed.find(page);
      evidence.after = {page, found != claimed.end() ? ToBytes(found->second) : Bytes()};
      if (found == claimed.end()) {
        ASSIGN_OR_RETURN(evidence.after.bytes, BytesBefore(page));
      }
      evidence.path = MerklePath(hashes, page);
      return evidence;
    }
    return Error(Code::kMismatch, "the states file's pages are not those of its commitments");
  }

 private:
  // A page that the provider left as it was, and the reference did not.
  Result<Bytes> BytesBefore(uint64_t page) {
    if (const auto found = before_.find(page); found != before_.end()) return found->second;
    return reference_.PageOfS0(page);
  }

  const StatesFile& states_;
  Reference& reference_;
  WorkloadSession& session_;
  std::map<uint64_t, Bytes> before_ = {};
};

// Steps of a states file, until one is wrong. Nothing where none is.
Result<std::optional<FaultEvidence>> FindWrongStep(Reference& reference, const StatesFile& states) {
  WorkloadSession& session = reference.session();
  StepEvidence opened(states, reference);
  std::vector<Digest> hashes;
  for (size_t step = 0; step < states.commitments().size(); ++step) {
    const Commitment& claimed = states.commitments()[step];
    if (claimed.launch > session.launches()) break;
    RETURN_IF_ERROR(reference.RunTo(claimed.launch));
    std::vector<uint64_t> changed;
    ASSIGN_OR_RETURN(const Digest root, session.StateRoot([&](uint64_t page, ByteView) {
      changed.push_back(page);
      return Ok();
    }));
    if (root != claimed.state_root) {
      if (step == 0) return Error(Code::kMismatch, "the states file does not begin with S0");
      RETURN_IF_ERROR(reference.Counts());
      ASSIGN_OR_RETURN(FaultEvidence evidence, opened.Open(step, hashes));
      return std::optional<FaultEvidence>(std::move(evidence));
    }
    hashes = session.tree().hashes();
    reference.Forget();
    if (step != 0) RETURN_IF_ERROR(opened.Note(changed));
  }
  return std::optional<FaultEvidence>();
}

Result<std::optional<FaultEvidence>> FindWrongOutput(Reference& reference,
                                                     const ClaimedResult& claim) {
  RETURN_IF_ERROR(reference.RunTo(reference.session().launches()));
  ASSIGN_OR_RETURN(const std::vector<RunOutput> outputs, reference.session().Outputs());
  for (const RunOutput& ours : outputs) {
    for (const ClaimedResult::Output& theirs : claim.outputs) {
      if (theirs.file != ours.file || theirs.digest == ours.digest) continue;
      RETURN_IF_ERROR(reference.Counts());
      FaultEvidence evidence;
      evidence.output = ours.file;
      return std::optional<FaultEvidence>(std::move(evidence));
    }
  }
  return std::optional<FaultEvidence>();
}

Status CheckOutput(Reference& reference, const ClaimedResult& claim, const std::string& file) {
  const auto claimed =
      std::find_if(claim.outputs.begin(), claim.outputs.end(),
                   [&](const ClaimedResult::Output& one) { return one.file == file; });
  if (claimed == claim.outputs.end()) {
    return Error(Code::kMismatch, "the receipt has no output " + file);
  }
  RETURN_IF_ERROR(reference.RunTo(reference.session().launches()));
  ASSIGN_OR_RETURN(const std::vector<RunOutput> outputs, reference.session().Outputs());
  for (const RunOutput& ours : outputs) {
    if (ours.file != file) continue;
    if (ours.digest == claimed->digest) {
      return Error(Code::kMismatch, "the reference comes to the same output " + file);
    }
    return reference.Counts();
  }
  return Error(Code::kMismatch, "the workload has no output " + file);
}

Status CheckStep(Reference& reference, const ClaimedResult& claim, const FaultEvidence& evidence) {
  const auto mismatch = [](const char* why) { return Error(Code::kMismatch, why); };
  WorkloadSession& session = reference.session();
  const std::vector<Commitment>& commitments = evidence.commitments;
  if (CommitmentsRoot(commitments) != claim.commitments_root) {
    return mismatch("the commitments are not those of the receipt");
  }
  if (evidence.step == 0 || evidence.step >= commitments.size()) return mismatch("no such step");
  const Commitment& before = commitments[evidence.step - 1];
  const Commitment& after = commitments[evidence.step];
  if (before.launch >= after.launch || after.launch > session.launches()) {
    return mismatch("the step is of no launches");
  }
  const uint64_t pages = session.pages().count();
  for (const FaultEvidence::Page& page : evidence.before) {
    if (page.page >= pages) return mismatch("no such page");
    const StatePages::Place place = session.pages().PlaceOf(page.page);
    if (page.bytes.size() != place.bytes) return mismatch("a page of another size");
    RETURN_IF_ERROR(session.Write(place.buffer, place.offset, page.bytes));
  }
  ASSIGN_OR_RETURN(const Digest root, session.StateRoot());
  if (root != before.state_root) return mismatch("the state before is not the one committed to");
  if (evidence.after.page >= pages ||
      RootOfPath(LeafHash(evidence.after.bytes), evidence.after.page, pages, evidence.path) !=
          after.state_root) {
    return mismatch("the page after is not of the state committed to");
  }
  while (session.next() < before.launch) RETURN_IF_ERROR(session.PassOver());
  RETURN_IF_ERROR(reference.RunTo(after.launch));
  ASSIGN_OR_RETURN(const Bytes ours, PageOf(session, evidence.after.page));
  if (ours == evidence.after.bytes) return mismatch("the reference comes to the same page");
  return reference.Counts();
}

}  // namespace

Result<std::optional<FaultEvidence>> FindFault(const Workload& workload, BlobSource& blobs,
                                               const ClaimedResult& claim, const StatesFile* states,
                                               const FaultOptions& options) {
  if (states != nullptr && CommitmentsRoot(states->commitments()) == claim.commitments_root) {
    ASSIGN_OR_RETURN(const auto reference, Reference::Open(workload, blobs, options));
    ASSIGN_OR_RETURN(auto found, FindWrongStep(*reference, *states));
    if (found) return found;
  }
  ASSIGN_OR_RETURN(const auto reference, Reference::Open(workload, blobs, options));
  return FindWrongOutput(*reference, claim);
}

Status CheckFault(const Workload& workload, BlobSource& blobs, const ClaimedResult& claim,
                  const FaultEvidence& evidence, const FaultOptions& options) {
  ASSIGN_OR_RETURN(const auto reference, Reference::Open(workload, blobs, options));
  return evidence.output.empty() ? CheckStep(*reference, claim, evidence)
                                 : CheckOutput(*reference, claim, evidence.output);
}

}  // namespace souk::gpu
