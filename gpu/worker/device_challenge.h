// Answers challenges (challenge.h) on a device.
#pragma once

#include "gpu/worker/challenge.h"

namespace souk::gpu {

// Invariants: the device outlives it. Where the device's thread is.
class DeviceChallenge {
 public:
  // Loads the kernel and runs it once, so that all that a device does lazily has been done before
  // the jail closes.
  static Result<DeviceChallenge> Load(Device& device);

  Result<Digest> Answer(const Nonce& nonce);

 private:
  DeviceChallenge(Device& device, ModuleHandle module) : device_(&device), module_(module) {}

  Device* device_;
  ModuleHandle module_;
};

}  // namespace souk::gpu
