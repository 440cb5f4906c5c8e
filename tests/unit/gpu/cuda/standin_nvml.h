// What the tests see of the stand-in for NVML: a shared library with libnvidia-ml's functions that
// tells what it is told to tell. For programs that cannot reach its state: SOUK_STANDIN_NVML is
// "ecc", "lost", "hot" or "mig"; otherwise the GPU is well.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace souk::gpu::standin {

struct NvmlGpu {
  std::string name = "Stand-in A";
  std::string uuid = "GPU-00010203-0405-0607-0809-0a0b0c0d0e0f";
  std::string pci = "00000000:3B:00.0";
  unsigned long long memory = 1ull << 30;
  int lost = 0;        // what opening it gives: 15, 16
  int lost_later = 0;  // what it answers once it is open
  int ecc = 1;
  unsigned long long uncorrected[2] = {0, 0};  // since the last reset, in all
  unsigned remapped = 0;
  unsigned remap_pending = 0;
  unsigned remap_failed = 0;
  int retirement_pending = 0;
  unsigned celsius = 40;
  unsigned slowdown = 87;
  unsigned shutdown = 92;
  unsigned long long throttle = 1;  // idle
  unsigned sm_mhz = 1200;
  unsigned most_sm_mhz = 1980;
  unsigned milliwatts = 70'000;
  unsigned mig = 0;
  unsigned most_instances = 7;
  std::vector<std::string> instances = {};  // uuids; empty: a gap
};

struct NvmlState {
  std::vector<NvmlGpu> gpus = {NvmlGpu()};
  std::string driver = "580.65.06";
  unsigned count = ~0u;                  // what is said instead of the number of GPUs
  std::map<std::string, int> fail = {};  // the function always fails so
};

extern "C" NvmlState* StandinNvmlState();

}  // namespace souk::gpu::standin
