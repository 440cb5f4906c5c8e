// The prover's side of a capability challenge (R7): A, B and C on a device, the commitment to C,
// and the rows that are asked for afterwards.
#pragma once

#include <functional>
#include <optional>

#include "gpu/challenge/matrix.h"
#include "gpu/challenge/opening.h"
#include "gpu/device.h"

namespace souk::gpu {

// Where the device's thread is; the device outlives it.
// Invariants: C stays in the device's memory as it was committed to, until the object goes.
class DeviceProduct {
 public:
  // Asked between launches; an error ends the computation with it.
  using Continue = std::function<Status()>;

  // kInvalidArgument for what is no size; kUnsupported where the device does not run the kernels.
  static Result<DeviceProduct> Load(Device& device, uint32_t size);
  DeviceProduct(DeviceProduct&& other) noexcept;
  DeviceProduct& operator=(DeviceProduct&&) = delete;
  ~DeviceProduct();

  // Computes C and returns the root over its rows. kExhausted where the device's memory does not
  // hold ProductBytes(size) (plan.h). Once.
  Result<Digest> Commit(const Digest& seed, const Continue& go_on);
  // Of rows below the size; after Commit.
  Result<Opening> Open(std::span<const uint32_t> rows);

 private:
  DeviceProduct(Device& device, ModuleHandle module, uint32_t size);
  Status Fill(DeviceAddress to, const MatrixKey& key, Matrix matrix);
  Status Multiply(const Continue& go_on);
  Status HashSegments();
  Result<std::vector<Digest>> ReadLeaves();
  Status Launch(const char* kernel, Dim3 grid, Dim3 block, Bytes params);

  Device* device_;
  ModuleHandle module_;
  uint32_t size_;
  DeviceAddress a_ = 0, b_ = 0, c_ = 0, digests_ = 0;  // 0 where there is none
  std::optional<ProductTree> tree_ = {};
};

}  // namespace souk::gpu
