// The GPUs that a provider can rent out, by the names that OpenDevice takes, and how they are. A
// list travels as lines of text, because the daemon loads no driver: it asks `souk-worker --gpus`.
#pragma once

#include <string>
#include <vector>

#include "gpu/cuda/nvml.h"
#include "gpu/device.h"

namespace souk::gpu {

struct ListedGpu {
  std::string name = {};  // "cuda:GPU-…"; "cuda:MIG-…" for each instance where MIG is on
  cuda::Verdict verdict = {};
};

// One for each GPU, or for each of its MIG instances: what is leased as a whole. A lost one without
// a UUID has the name "cuda:".
std::vector<ListedGpu> ListedGpus(const std::vector<cuda::GpuRecord>& gpus);

// "cuda:GPU-…\tdegraded\treason\treason", without a line's end. What is no such line is kMalformed.
std::string ToLine(const ListedGpu& gpu);
Result<ListedGpu> ParseLine(std::string_view line);

// "name: degraded: reason; reason", for people.
std::string VerdictText(const cuda::Verdict& verdict);

// This machine's; empty where there is no NVML.
Result<std::vector<ListedGpu>> ListGpus();

// kUnavailable where the device is a GPU that a lease would lose its work on. Says on stderr what
// degrades it. Knows nothing against it where there is no NVML.
Status CheckFit(const DeviceInfo& device);

}  // namespace souk::gpu
