// A workload on a device, launch by launch: what running one and checking one have in common.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>

#include "gpu/device.h"
#include "gpu/ptx/classify.h"
#include "gpu/workload/schedule.h"
#include "gpu/workload/state_root.h"
#include "gpu/workload/workload.h"

namespace souk::gpu {

// Where blobs come from: a folder, a map, files handed to a jailed process.
class BlobSource {
 public:
  virtual ~BlobSource() = default;
  // The blob's bytes. The caller checks size and digest; a source need not. kNotFound.
  virtual Result<Bytes> Read(const BlobRef& blob) = 0;
};

// The blob, checked. kMismatch where it is not what its digest says.
Result<Bytes> ReadChecked(BlobSource& blobs, const BlobRef& ref);

// Blobs in memory, by digest.
class MemoryBlobs : public BlobSource {
 public:
  BlobRef Add(Bytes bytes);
  Result<Bytes> Read(const BlobRef& blob) override;
  const std::map<Digest, Bytes>& all() const { return blobs_; }

 private:
  std::map<Digest, Bytes> blobs_;
};

struct RunOutput {
  std::string file = {};
  Bytes npy = {};
  Digest digest = {};  // of npy
};

// Where the device's thread is. The workload outlives it; whatever happens, its memory is freed.
// Invariants: (1) buffers stand in the device's memory in their order; (2) next() launches have
// been run or passed over.
class WorkloadSession {
 public:
  // Checks the workload, every blob's digest, that each module is canonical, and each launch's
  // arguments against the kernel's parameters; then puts S0 into memory.
  static Result<std::unique_ptr<WorkloadSession>> Open(const Workload& workload, BlobSource& blobs,
                                                       Device& device);
  ~WorkloadSession();
  WorkloadSession(const WorkloadSession&) = delete;
  WorkloadSession& operator=(const WorkloadSession&) = delete;

  const std::vector<ptx::Module>& modules() const { return modules_; }
  ptx::Class result_class() const { return result_class_; }
  uint64_t launches() const { return launches_; }
  uint64_t next() const { return next_; }
  const StatePages& pages() const { return *pages_; }

  // Runs the next launch, or of it the blocks `only` (LaunchRequest::only). Errors name the launch.
  // There must be one.
  Result<LaunchStats> Launch(const LaunchBudget& budget, const std::vector<uint64_t>& only = {});
  // Goes on to the next launch without running it: its state is put by hand.
  Status PassOver();
  // The launch that Launch would run; nullptr after the last. For its kernel and grid.
  Result<const KernelLaunch*> Upcoming();

  // Of buffer `buffer` in its order of declaration, whatever swaps have been.
  Status Read(size_t buffer, uint64_t offset, std::span<uint8_t> to);
  Status Write(size_t buffer, uint64_t offset, ByteView from);

  // Hashes every page; changed: called with each whose hash is not what it was at the last call.
  using Changed = std::function<Status(uint64_t page, ByteView bytes)>;
  Result<Digest> StateRoot(const Changed& changed = {});
  const StateTree& tree() const { return *tree_; }

  // After all launches.
  Result<std::vector<RunOutput>> Outputs();

 private:
  WorkloadSession(const Workload& workload, BlobSource& blobs, Device& device)
      : workload_(workload), blobs_(blobs), device_(device) {}

  Status Load();
  Status LoadModules();
  Status LoadBuffer(const Buffer& buffer);
  Status Peek();
  Bytes ParameterBytes(const ScheduledLaunch& next) const;

  const Workload& workload_;
  BlobSource& blobs_;
  Device& device_;
  std::vector<ptx::Module> modules_ = {};
  std::vector<ModuleHandle> handles_ = {};
  std::vector<DeviceAddress> addresses_ = {};  // of the buffers
  ptx::Class result_class_ = ptx::Class::kOpaque;
  uint64_t launches_ = 0;
  uint64_t next_ = 0;
  std::optional<StatePages> pages_ = {};
  std::optional<StateTree> tree_ = {};
  std::optional<Schedule> schedule_ = {};
  std::optional<ScheduledLaunch> upcoming_ = {};
};

}  // namespace souk::gpu
