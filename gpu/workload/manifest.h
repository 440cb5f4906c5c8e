// workload.toml, as a person writes it, resolved into a Workload and the blobs it names.
// docs: workloads/README.md shows every key.
#pragma once

#include <filesystem>

#include "gpu/workload/run.h"

namespace souk::gpu {

inline constexpr size_t kMaxManifestBytes = 1 << 20;
inline constexpr size_t kMaxInputBytes = 1ull << 32;

// What the renter wants of the market. It stays with the renter: it is not part of the workload.
struct MarketWish {
  std::string query = {};          // in the query language of protocol/, not parsed here
  uint64_t duration_ms = 600'000;  // how long to rent
  uint64_t max_cost_ucredits = 0;  // 0: ask
  bool allow_cpu = true;           // the CPU reference device will do
  bool allow_weak_jail = false;
  std::string replicate = {};  // a policy (protocol/replication.h), not parsed here; empty: none
};

struct Manifest {
  std::filesystem::path path = {};  // of the .toml
  Workload workload = {};
  MarketWish market = {};
  MemoryBlobs blobs = {};                 // everything that BlobsOf(workload) names
  std::vector<ptx::Module> modules = {};  // the workload's, with the source's lines where known
};

// Reads the manifest and every file it names (paths are relative to it, and may not leave its
// folder). Errors name the file and the key: "workload.toml:12: launch[2].args[1]: no buffer "x"".
// Unknown keys are errors. A .cu module is compiled with NVRTC (kUnavailable
// without the CUDA Toolkit).
Result<Manifest> LoadManifest(const std::filesystem::path& path);

// The same from text, for fuzzing; folder is where its files are.
Result<Manifest> ParseManifest(std::string_view toml, const std::filesystem::path& path);

}  // namespace souk::gpu
