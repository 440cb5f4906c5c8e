// Runs PTX text on cpu devices for the tests.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "gpu/cpu/cpu_device.h"

namespace souk::gpu::cpu_test {

// Every level this machine has, baseline first.
std::vector<SimdLevel> Levels();

std::unique_ptr<Device> NewDevice(SimdLevel level, uint32_t threads = 1,
                                  uint64_t memory_bytes = uint64_t{1} << 28);

// ".version 9.0 .target sm_90 .address_size 64" and the text.
std::string WithHeader(const std::string& text);
// Parses, canonicalises, loads; Whole: what has its own header.
Result<ModuleHandle> LoadText(Device& device, const std::string& text);
Result<ModuleHandle> LoadWhole(Device& device, const std::string& text);

// A parameter space, each value at its own alignment.
class Params {
 public:
  Params& U32(uint32_t v) { return Put(v, 4); }
  Params& U64(uint64_t v) { return Put(v, 8); }
  Params& F32(float v);
  const Bytes& bytes() const { return bytes_; }

 private:
  Params& Put(uint64_t v, size_t size);
  Bytes bytes_ = {};
};

// One kernel run on fresh memory: buffer i is parameter i (a u64 address), then the scalars.
struct PtxRun {
  std::string text = {};
  std::string kernel = "k";
  Dim3 grid = {};
  Dim3 block = {};
  uint32_t dynamic_shared_bytes = 0;
  std::vector<Bytes> buffers = {};  // replaced by what they hold after the run
  std::vector<uint32_t> scalars = {};
  LaunchBudget budget = {};
  uint32_t threads = 1;
  SimdLevel level = SimdLevel::kAvx512;
  bool cooperative = false;
  bool whole = false;        // text has its own header
  std::string printed = {};  // by the run, whatever its end

  Result<LaunchStats> Go();
};

template <typename T>
Bytes ToBuffer(const std::vector<T>& values) {
  Bytes bytes(values.size() * sizeof(T));
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}
template <typename T>
std::vector<T> FromBuffer(const Bytes& bytes) {
  std::vector<T> values(bytes.size() / sizeof(T));
  std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

// What an instruction makes of each row of inputs. `code` names %d and %a, %b, %c, %e, whose types
// are given ("s32", "f64", "b16", "pred"); values are bits. Runs at every level, with all lanes of
// a warp and with some, and with a guard; all must agree.
struct Instruction {
  std::string code = {};
  std::string result = {};
  std::vector<std::string> sources = {};
};
std::vector<uint64_t> Apply(const Instruction& instruction,
                            const std::vector<std::vector<uint64_t>>& columns);

// Applies and compares with the reference, row by row.
using Reference = std::function<uint64_t(const std::vector<uint64_t>&)>;
void ExpectRows(const Instruction& instruction, const std::vector<std::vector<uint64_t>>& columns,
                const Reference& reference);

// `count` rows of the type: its corner values first, in all pairings of the columns as far as they
// go, then pseudo-random ones.
std::vector<std::vector<uint64_t>> Samples(const std::vector<std::string>& types, size_t count);

uint32_t BitsOf(float v);
uint64_t BitsOf(double v);
float FloatOf(uint64_t bits);
double DoubleOf(uint64_t bits);

}  // namespace souk::gpu::cpu_test
