// Launches in checking mode, for the tests of it.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "gpu/cpu/checking.h"
#include "unit/gpu/cpu/run_ptx.h"

namespace souk::gpu::cpu_test {

struct Checked {
  CheckReport report = {};
  std::vector<Bytes> buffers = {};
  std::optional<Error> error = std::nullopt;

  std::vector<FindingKind> Kinds() const;  // sorted, each once
};

std::string Describe(const CheckReport& report);

// One launch in checking mode; what it leaves in memory must be what a plain launch leaves, unless
// that would be an error too.
struct CheckedRun {
  std::string text = {};  // empty: kernels.ptx
  std::string kernel = "k";
  Dim3 grid = {};
  Dim3 block = {};
  std::vector<Bytes> buffers = {};
  std::vector<uint32_t> scalars = {};
  uint32_t dynamic_shared_bytes = 0;
  CheckingOptions options = {};

  Result<std::vector<Bytes>> On(Device& device) const;
  Checked Go() const;
};

std::vector<uint32_t> Iota(size_t count);
Bytes Words(size_t count);
Bytes Zeros(size_t words);
Bytes SomeBytes(size_t count);

// Kernel k of a buffer p, whose address is %l0; %l1: that of the thread's own word in it, %r8: that
// of 256 shared bytes.
std::string CheckedText(const std::string& body, const std::string& target = "sm_80");
// It, run by one warp on 64 words.
Checked CheckPtx(const std::string& body, const std::string& target = "sm_80");

}  // namespace souk::gpu::cpu_test
