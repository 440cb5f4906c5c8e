// What the tests see of the stand-in driver: a shared library with libcuda's functions whose
// devices are the cpu interpreter. It is there because lifecycle and faults of a real driver can
// neither be provoked at will nor on machines without a GPU.
//
// It runs PTX, and does what is queued on a stream as late as a driver may: when something waits
// for it, and then only at the second question. A copy that is not waited for, or pinned memory
// that is written too early, shows. Kernels named "endless" never end.
//
// A program that cannot reach the state, because it is another process, says what it wants in the
// environment:
//   SOUK_STANDIN_WRONG  "min.s32=max.s32": every device computes the first instruction as the
//   second SOUK_STANDIN_FAULT  "k7=214": the kernel ends in that CUresult SOUK_STANDIN_DEVICES  how
//   many there are
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace souk::gpu::standin {

struct Launch {
  std::string kernel = {};
  unsigned grid[3] = {};
  unsigned block[3] = {};
  unsigned shared = 0;
  std::vector<uint8_t> params = {};
  int context = 0;
  bool cooperative = false;
};

struct State {
  int devices = 2;
  int version = 13000;
  uint64_t memory_bytes = uint64_t{1} << 30;
  int compute_capability = 90;
  std::string name = {};                  // of every device; empty: "Stand-in A", "Stand-in B"
  bool mig = false;                       // each device is a MIG instance
  int first_instance = 0;                 // the number of the first that is seen
  bool hung = false;                      // nothing that was queued ever ends
  bool same_address = false;              // every allocation is given the same address
  std::map<std::string, int> fail = {};   // the function's next call fails so; consumed
  std::map<std::string, int> fault = {};  // the kernel ends so, and breaks its context
  std::map<std::string, int> calls = {};  // how often each was called
  // Allocations and their sizes, by context (counted from 0) and address.
  std::map<std::pair<int, unsigned long long>, size_t> memory = {};
  int contexts = 0;
  int modules = 0;
  int streams = 0;
  int events = 0;
  int pinned = 0;
  int dirty_frees = 0;  // memory given back that was not zero, pinned memory too
  std::string image = {};
  std::vector<uint8_t> module_global = std::vector<uint8_t>(16, 0xaa);
  int max_shared = 0;
  std::vector<Launch> launches = {};  // as they were queued
  // Copies that were done while a kernel was queued that had not run: the overlap.
  int copies_beside_kernels = 0;
};

// The library's one state; exported as "StandinState".
extern "C" State* StandinState();

}  // namespace souk::gpu::standin
