// What the conformance set is made of: modules of kernels, each of which applies many instruction
// forms to the same rows of inputs and writes what each form makes of them into one buffer.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "gpu/device.h"
#include "gpu/ptx/operation.h"
#include "protocol/base/bytes.h"

namespace souk::gpu::conformance {

// When two devices agree on a value.
enum class Agreement : uint8_t {
  kBits,    // every bit
  kAnyNan,  // every bit, but a NaN is a NaN: PTX ISA 9.7.3 leaves payloads of most results open
  kBounded  // each within the ISA's bound of the true value (approximations.h)
};

// An approximate instruction; see approximations.h.
enum class Approximation : uint8_t {
  kNone,
  kDivApprox,
  kDivFull,
  kRcp,
  kSqrt,
  kRsqrt,
  kSin,
  kCos,
  kLg2,
  kEx2,
  kTanh,
  kRcpFtz64,
  kRsqrtFtz64,
  kRsqrt64
};

// One form's results: `rows` values of the type, natural width (predicates are u32, bytes u16).
struct Slot {
  std::string form = {};   // "add.rn.ftz.f32", or what a kernel is about: "shfl.up, width 8"
  std::string group = {};  // what has one stored expectation: "f32 add"
  ptx::Type type = ptx::Type::kB32;
  uint64_t offset = 0;  // in the output buffer
  uint32_t rows = 0;
  Agreement agreement = Agreement::kBits;
  Approximation approximation = Approximation::kNone;
  bool ftz = false;  // of an approximation
};

// A column of inputs, shared by all kernels that read it.
struct Column {
  ptx::Type type = ptx::Type::kB32;
  std::shared_ptr<const Bytes> bytes = {};
};

// One launch. Parameters: the output buffer, the inputs (u64 each), the rows (u32).
struct KernelRun {
  std::string kernel = {};
  Dim3 grid = {};
  Dim3 block = {};
  // Rows are independent of each other: any grid and block that cover them give the same.
  bool any_block = false;
  uint32_t rows = 0;
  std::vector<Column> inputs = {};
  uint64_t output_bytes = 0;
  std::vector<Slot> slots = {};
};

struct Module {
  std::string family = {};  // "shifts"
  std::string text = {};    // PTX
  uint32_t target = 50;     // the least sm_ that runs it
  uint32_t version = 60;    // the least .version × 10
  std::vector<KernelRun> runs = {};
};

uint32_t SlotBytes(ptx::Type type);  // of one value in a slot or column

}  // namespace souk::gpu::conformance
