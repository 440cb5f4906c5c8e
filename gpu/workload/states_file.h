// The states of a run, in one blob beside its outputs (kStatesFile): what stood in memory at each
// commitment, as pages that differ from the one before. With it a single launch can be looked at
// without all that came before it (R7).
//
//   "soukstat" buffers:u32, then each one's bytes:u64; then records, little-endian:
//   1 page:u64 bytes:u16 and the bytes     of the state that the next commitment is of
//   2 launch:u64 root:32                   a commitment; the first is S0's, before any page
#pragma once

#include <functional>
#include <optional>

#include "gpu/workload/run.h"

namespace souk::gpu {

// Appends a run's states to whatever `append` writes to. An error of append ends nothing: the
// states are then not kept (kept() is false), and the run goes on.
class StatesWriter : public StateSink {
 public:
  using Append = std::function<Status(ByteView)>;
  StatesWriter(const Workload& workload, Append append);

  Status OnPage(uint64_t page, ByteView bytes) override;
  Status OnCommitment(const Commitment& commitment) override;
  bool kept() const { return kept_; }

 private:
  void Put(ByteView bytes);
  Append append_;
  bool kept_ = true;
};

// A states file of anybody's. Checks everything but the roots: whoever applies pages compares the
// root of what comes out with the commitment's.
class StatesFile {
 public:
  // `bytes` must outlive it. kMalformed; kMismatch where the buffers are not the workload's.
  static Result<StatesFile> Open(ByteView bytes, const Workload& workload);

  const std::vector<Commitment>& commitments() const { return commitments_; }
  // The pages between commitment `index` - 1 and it, growing. None for index 0.
  struct Page {
    uint64_t page = 0;
    ByteView bytes = {};
  };
  std::vector<Page> PagesOf(size_t index) const;

 private:
  ByteView bytes_ = {};
  std::vector<Commitment> commitments_ = {};
  std::vector<std::pair<uint64_t, uint64_t>> ranges_ = {};  // of each commitment's page records
};

}  // namespace souk::gpu
