// A workload as plain data: which code runs on which data in which order. It is what a job fixes by
// digest (R7): canonical PTX, kernels, grids, blocks, dynamic shared memory, arguments, buffer
// layout, inputs, commitment interval. A person writes it as workload.toml (manifest.h); peers hand
// it on as the bytes of workload_codec.h, whose SHA-256 is the workload's digest.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "gpu/device.h"
#include "gpu/workload/expression.h"
#include "protocol/base/sha256.h"

namespace souk::gpu {

// NumPy's element types, little-endian.
enum class DType : uint8_t {
  kBool = 1,
  kI8,
  kI16,
  kI32,
  kI64,
  kU8,
  kU16,
  kU32,
  kU64,
  kF16,
  kF32,
  kF64,
};
uint32_t DTypeBytes(DType dtype);
const char* DTypeName(DType dtype);  // "bool", "i32", "f32": as manifests write it
std::optional<DType> ParseDType(std::string_view name);

// Bounds on one workload; a hostile one is refused before anything is allocated for it.
inline constexpr size_t kMaxWorkloadBytes = 1 << 20;  // its encoding: one blob chunk
inline constexpr size_t kMaxModules = 16;
inline constexpr size_t kMaxModuleBytes = 16 << 20;
inline constexpr size_t kMaxBuffers = 256;
inline constexpr size_t kMaxOutputs = 64;  // what a job's receipt can list (limits::kOutputsPerJob)
// Of all outputs together, as .npy files. limits::kBlobBytes.
inline constexpr uint64_t kMaxOutputBytes = uint64_t{4} << 30;
inline constexpr size_t kMaxRank = 8;
inline constexpr size_t kMaxNameBytes = 64;
inline constexpr size_t kMaxKernelNameBytes = 1024;  // C++ names are mangled
inline constexpr size_t kMaxSteps = 4096;            // launches and loops as written
inline constexpr size_t kMaxLoopDepth = 4;
inline constexpr size_t kMaxSwaps = 16;  // per loop
inline constexpr size_t kMaxArguments = 256;
inline constexpr size_t kMaxParameterBytes = 32764;         // PTX ISA: sm_70 and newer
inline constexpr uint64_t kMaxLaunches = 1'000'000;         // all loops unrolled
inline constexpr uint64_t kMaxWorkloadMemory = 1ull << 40;  // all buffers together
inline constexpr uint64_t kMaxCommitments = 100'000;        // state roots in one receipt's evidence
inline constexpr uint64_t kBufferAlignment = 256;           // as Device::Allocate aligns

struct BlobRef {
  Digest digest = {};
  uint64_t bytes = 0;
  bool operator==(const BlobRef&) const = default;
};

// What a buffer holds in S0. Without either it is cleared.
struct Buffer {
  std::string name = {};
  DType dtype = DType::kF32;
  std::vector<uint64_t> shape = {};   // rank 0 is one element; no dimension is 0
  std::optional<BlobRef> input = {};  // a .npy blob of exactly this dtype and shape
  std::optional<Bytes> fill = {};     // one element's bytes, repeated
  bool operator==(const Buffer&) const = default;
};

// What kernels print comes back under this name, beside the outputs; none of them has it.
inline constexpr std::string_view kPrintedFile = "printed.txt";
// So do the states of a workload that keeps them (states_file.h).
inline constexpr std::string_view kStatesFile = "states.souk";

// A buffer handed back as a .npy blob (version 1.0, npy.h), after all launches.
struct Output {
  uint32_t buffer = 0;     // as named at the end: swaps apply
  std::string file = {};   // a plain file name, "predictions.npy"
  std::string image = {};  // where not empty: the renter also draws this .png from it (png.h)
  bool operator==(const Output&) const = default;
};

enum class ArgumentKind : uint8_t {
  kPointer = 1,  // 8 bytes: the buffer's address plus value elements
  kInteger,      // `width` bytes; value must be in the range of the type
  kFloat,        // 4 or 8 bytes; value rounds to nearest even once
  kRaw,          // `raw` as it is: structures passed by value
};

// One kernel argument, in the order of the kernel's parameters.
struct Argument {
  ArgumentKind kind = ArgumentKind::kPointer;
  uint32_t buffer = 0;     // kPointer
  uint8_t width = 8;       // kInteger: 1, 2, 4, 8; kFloat: 4, 8; else 8
  bool is_signed = false;  // kInteger
  Expression value = {};   // kPointer: offset in elements; kInteger, kFloat; empty for kRaw
  Bytes raw = {};          // kRaw
  bool operator==(const Argument&) const = default;
};

struct KernelLaunch {
  uint32_t module = 0;
  std::string kernel = {};
  Dim3 grid = {};
  Dim3 block = {};
  uint32_t dynamic_shared_bytes = 0;
  bool cooperative = false;  // all blocks at once (LaunchRequest::cooperative)
  std::vector<Argument> arguments = {};
};
bool operator==(const KernelLaunch& a, const KernelLaunch& b);

struct Step;

// Runs body `count` times; the loop's variable counts 0, 1, …, count-1. After each iteration the
// named pairs of buffers change places, for all that follows, outside the loop too: ping-pong.
struct Loop {
  uint64_t count = 1;
  std::vector<std::pair<uint32_t, uint32_t>> swaps = {};
  std::vector<Step> body;  // no initialiser: Step is incomplete here
};
bool operator==(const Loop& a, const Loop& b);

// Either a launch or a loop.
struct Step {
  std::optional<KernelLaunch> launch = {};
  std::optional<Loop> loop = {};
  bool operator==(const Step&) const = default;
};

struct Limits {
  uint64_t memory_bytes = 0;         // ≥ all buffers; what the device must have free
  uint64_t milliseconds = 0;         // wall time of all launches, > 0
  uint64_t thread_instructions = 0;  // of all launches, on a device that counts; > 0
  bool operator==(const Limits&) const = default;
};

struct Workload {
  std::string name = {};
  std::vector<BlobRef> modules = {};  // canonical PTX
  std::vector<Buffer> buffers = {};
  std::vector<Step> steps = {};
  std::vector<Output> outputs = {};
  Limits limits = {};
  uint64_t commit_interval = 0;  // launches between two state roots; 0: only S0 and the end
  // What stood in memory at each of them is handed back too (states_file.h), so that single
  // launches can be looked at later.
  bool keep_states = false;
  bool operator==(const Workload&) const = default;
};

// Bytes of one buffer. The shape must have passed CheckShape.
uint64_t BufferBytes(const Buffer& buffer);
// Rank, zero dimensions, and the product's overflow. kTooLarge, kOverflow, kInvalidArgument.
Status CheckShape(const std::vector<uint64_t>& shape, DType dtype);

// Everything that can be said without the blobs: bounds, references, names, nesting, expressions,
// swaps of equal buffers, and the number of launches. What passes here is safe to walk.
// Errors name the part ("launch 3, argument 2: …").
Status CheckWorkload(const Workload& workload);

// Launches with all loops unrolled. kTooLarge above kMaxLaunches. Needs nesting within bounds.
Result<uint64_t> CountLaunches(const std::vector<Step>& steps);

// Every blob that the workload names, each once, in order of first use: modules, then inputs.
std::vector<BlobRef> BlobsOf(const Workload& workload);

// "name.ext": letters, digits, '.', '_', '-'; not empty, not starting with '.', at most
// kMaxNameBytes. So that a hostile workload cannot name a path.
bool IsPlainFileName(std::string_view name);

}  // namespace souk::gpu
