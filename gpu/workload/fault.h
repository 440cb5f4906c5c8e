// A wrong result as evidence that needs no dialogue (R7 "A fault is a document"): what a receipt
// binds, opened where the reference comes to something else.
#pragma once

#include "gpu/workload/replay.h"

namespace souk::gpu {

// Either a step between two commitments whose second one is wrong, or an output.
struct FaultEvidence {
  // Of an output: its file. The receipt holds its digest, and all launches are run from S0.
  std::string output = {};

  // Of a step, where `output` is empty: commitments[step - 1] to commitments[step].
  std::vector<Commitment> commitments = {};  // all, for the receipt's root is over them
  uint64_t step = 0;
  struct Page {
    uint64_t page = 0;
    Bytes bytes = {};
  };
  std::vector<Page> before = {};  // of the state before, those that differ from S0
  Page after = {};                // of the state after, as it was committed to
  std::vector<Digest> path = {};  // from it to commitments[step]
};

struct FaultOptions {
  uint64_t milliseconds = UINT64_MAX;  // of wall time, loading not counted; then kExhausted
  // Called before the first launch and after each; an error ends the search with that error.
  std::function<Status(const RunProgress&)> progress = {};
};

// Finds the first thing that is wrong, with all launches up to it in checking mode. Nothing where
// the reference comes to the same; kDenied, with the reason, where what differs proves nothing: a
// kernel that is not exact, a launch that is not clean.
Result<std::optional<FaultEvidence>> FindFault(const Workload& workload, BlobSource& blobs,
                                               const ClaimedResult& claim, const StatesFile* states,
                                               const FaultOptions& options = {});

// Whether the evidence proves that the claim is wrong. Ok: it does. kMismatch, with the reason: the
// evidence does not fit the claim, or the reference comes to the very same. kDenied: it differs,
// and that proves nothing, as above.
Status CheckFault(const Workload& workload, BlobSource& blobs, const ClaimedResult& claim,
                  const FaultEvidence& evidence, const FaultOptions& options = {});

}  // namespace souk::gpu
