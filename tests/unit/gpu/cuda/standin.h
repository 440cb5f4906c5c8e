// What the tests see of the stand-in driver: a shared library with libcuda's functions that keeps
// "device" memory on the host and runs no code. It is there because lifecycle and errors of a real
// driver can neither be provoked at will nor on machines without a GPU.
//
// Kernels behave by name: "store" writes 42 to the u32 that its first parameter points to, "fault"
// ends in CUDA_ERROR_ILLEGAL_ADDRESS, "endless" never ends; all others do nothing.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace souk::gpu::standin {

struct Launch {
  std::string kernel = {};
  unsigned grid[3] = {};
  unsigned block[3] = {};
  unsigned shared = 0;
  std::vector<uint8_t> params = {};
};

struct State {
  int devices = 2;
  int version = 13000;
  int sticky = 0;                         // every call in a context fails with it
  std::map<std::string, int> fail = {};   // the function's next call fails so; consumed
  std::map<std::string, int> calls = {};  // how often each was called
  std::map<unsigned long long, std::vector<uint8_t>> memory = {};
  int contexts = 0;
  int modules = 0;
  int dirty_frees = 0;  // memory given back that was not zero
  std::string image = {};
  std::vector<uint8_t> module_global = std::vector<uint8_t>(16, 0xaa);
  int max_shared = 0;
  std::vector<Launch> launches = {};
};

// The library's one state; exported as "StandinState".
extern "C" State* StandinState();

}  // namespace souk::gpu::standin
