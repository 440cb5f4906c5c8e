// Looking at a job's result on the CPU reference (R7 "Replay"): sampled blocks and changed words,
// with what such samples say, or the whole of it.
#pragma once

#include <functional>
#include <optional>

#include "gpu/cpu/checking.h"
#include "gpu/workload/states_file.h"

namespace souk::gpu {

// What a receipt says a run came to.
struct ClaimedResult {
  Digest commitments_root = {};
  struct Output {
    std::string file = {};
    Digest digest = {};
    Bytes npy = {};  // empty: not at hand, only its digest is
  };
  std::vector<Output> outputs = {};  // of the workload's
};

// A place where claim and reference part.
struct ReplayDifference {
  std::string what = {};    // "output histogram.npy", "state after launch 12", "commitments"
  uint64_t launch = 0;      // from 1; 0: none in particular
  std::string kernel = {};  // of the launch
  std::optional<uint64_t> block = {};  // linear, where one block was run
  std::string buffer = {};             // empty: no place is known
  uint64_t offset = 0;                 // bytes into it
  Bytes expected = {};                 // the reference's word there
  Bytes claimed = {};
};

struct ReplayReport {
  bool whole = false;  // everything was run, not a sample
  std::string why_whole = {};
  ptx::Class result_class = ptx::Class::kOpaque;
  uint64_t launches = 0;
  uint64_t blocks = 0;          // of all launches
  uint64_t blocks_checked = 0;  // their writes stand in the state after them
  uint64_t words_changed = 0;   // between commitments; of 4 bytes
  uint64_t words_checked = 0;   // a block that writes it was found
  uint64_t difference_count = 0;
  std::vector<ReplayDifference> differences = {};  // the first of them
  // Of whole launches in checking mode: where it is not clean, or the class not exact, differences
  // prove nothing against anyone.
  std::optional<CheckReport> check = {};
  bool agrees() const { return difference_count == 0; }
};

inline constexpr size_t kMostDifferences = 16;

struct ReplayOptions {
  uint64_t blocks = 64;  // samples
  uint64_t words = 64;
  uint64_t seed = 0;  // of the samples; the claimant must not know it beforehand
  bool whole = false;
  bool check = false;                  // whole, in checking mode
  uint32_t threads = 1;                // of the reference, where it is whole
  uint64_t milliseconds = UINT64_MAX;  // of wall time, loading not counted; then kExhausted
  // Called before the first launch and after each; of samples, after each launch that was looked
  // at. An error ends the replay with that error.
  std::function<Status(const RunProgress&)> progress = {};
};

// Errors are the replay's own: a blob that is missing, a kernel that faults on the reference. What
// does not fit the claim is a difference. Without `states`, or where a kernel is not exact, only
// the whole can be replayed: report.whole says so.
Result<ReplayReport> Replay(const Workload& workload, BlobSource& blobs, const ClaimedResult& claim,
                            const StatesFile* states, const ReplayOptions& options);

// The largest number of bad ones among `all` that `checked` drawn without replacement would all
// have missed with a probability of at least 1 - confidence (hypergeometric). 0 where all were
// checked.
uint64_t MostMissed(uint64_t all, uint64_t checked, double confidence);
// The probability that at least one of `bad` among `all` is in `checked` draws without replacement.
double CatchProbability(uint64_t all, uint64_t bad, uint64_t checked);

}  // namespace souk::gpu
