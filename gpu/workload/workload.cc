#include "gpu/workload/workload.h"

#include <algorithm>
#include <set>

#include "gpu/workload/npy.h"
#include "protocol/base/check.h"

namespace souk::gpu {
namespace {

struct DTypeRow {
  DType dtype;
  const char* name;
  uint32_t bytes;
};
constexpr DTypeRow kDTypes[] = {
    {DType::kBool, "bool", 1}, {DType::kI8, "i8", 1},   {DType::kI16, "i16", 2},
    {DType::kI32, "i32", 4},   {DType::kI64, "i64", 8}, {DType::kU8, "u8", 1},
    {DType::kU16, "u16", 2},   {DType::kU32, "u32", 4}, {DType::kU64, "u64", 8},
    {DType::kF16, "f16", 2},   {DType::kF32, "f32", 4}, {DType::kF64, "f64", 8},
};

const DTypeRow* Find(DType dtype) {
  for (const DTypeRow& row : kDTypes) {
    if (row.dtype == dtype) return &row;
  }
  return nullptr;
}

Error Invalid(std::string what) {
  return {Code::kInvalidArgument, std::move(what)};
}
Error Large(std::string what) {
  return {Code::kTooLarge, std::move(what)};
}

std::string At(const char* what, size_t index) {
  return std::string(what) + " " + std::to_string(index + 1);
}

// Printable ASCII without quotes or backslashes, so that it can stand in any message.
bool IsName(std::string_view name, size_t most) {
  return !name.empty() && name.size() <= most && std::all_of(name.begin(), name.end(), [](char c) {
    return c > ' ' && c < 0x7f && c != '"' && c != '\\';
  });
}

Status CheckBuffer(const Buffer& buffer) {
  if (!IsName(buffer.name, kMaxNameBytes)) {
    return Invalid("its name is empty, too long or not plain text");
  }
  if (Find(buffer.dtype) == nullptr) return Error(Code::kMalformed, "it has an unknown dtype");
  RETURN_IF_ERROR(CheckShape(buffer.shape, buffer.dtype));
  if (buffer.input && buffer.fill) return Invalid("it has both an input and a fill value");
  if (buffer.fill && buffer.fill->size() != DTypeBytes(buffer.dtype)) {
    return Invalid("its fill value is not one element");
  }
  if (buffer.input && buffer.input->bytes < BufferBytes(buffer)) {
    return Error(Code::kMismatch, "its input is smaller than its elements");
  }
  return Ok();
}

Status CheckBuffers(const Workload& workload) {
  if (workload.buffers.size() > kMaxBuffers) return Large("it has too many buffers");
  std::set<std::string> names;
  uint64_t total = 0;
  for (size_t i = 0; i < workload.buffers.size(); ++i) {
    const Buffer& buffer = workload.buffers[i];
    if (Status ok = CheckBuffer(buffer); !ok) return ok.error().Within(At("buffer", i));
    if (!names.insert(buffer.name).second) {
      return Error(Code::kDuplicate,
                   At("buffer", i) + ": the name \"" + buffer.name + "\" is taken");
    }
    // No overflow: each is at most kMaxWorkloadMemory.
    total += (BufferBytes(buffer) + kBufferAlignment - 1) / kBufferAlignment * kBufferAlignment;
  }
  if (total > kMaxWorkloadMemory) {
    return Large("the buffers need " + std::to_string(total) + " bytes, and a workload may have " +
                 std::to_string(kMaxWorkloadMemory));
  }
  if (total > workload.limits.memory_bytes) {
    return Large("the buffers need " + std::to_string(total) + " bytes, above limits.memory (" +
                 std::to_string(workload.limits.memory_bytes) + ")");
  }
  return Ok();
}

Status CheckArgument(const Workload& workload, const Argument& argument, size_t depth) {
  const bool wide = argument.width == 4 || argument.width == 8;
  switch (argument.kind) {
    case ArgumentKind::kPointer:
      if (argument.buffer >= workload.buffers.size()) return Invalid("it names no buffer");
      if (argument.width != 8) return Error(Code::kMalformed, "a pointer has 8 bytes");
      break;
    case ArgumentKind::kInteger:
      if (!wide && argument.width != 1 && argument.width != 2) {
        return Error(Code::kMalformed, "an integer has 1, 2, 4 or 8 bytes");
      }
      break;
    case ArgumentKind::kFloat:
      if (!wide) return Error(Code::kMalformed, "a float has 4 or 8 bytes");
      break;
    case ArgumentKind::kRaw:
      if (argument.raw.empty() || argument.raw.size() > kMaxParameterBytes || argument.width != 8) {
        return Error(Code::kMalformed, "raw bytes are none or too many");
      }
      break;
    default:
      return Error(Code::kMalformed, "its kind is unknown");
  }
  // Fields of another kind would make two encodings of one value.
  const bool is_pointer = argument.kind == ArgumentKind::kPointer;
  const bool is_raw = argument.kind == ArgumentKind::kRaw;
  if ((!is_pointer && argument.buffer != 0) || (!is_raw && !argument.raw.empty()) ||
      (is_raw && !argument.value.steps.empty()) ||
      (argument.kind != ArgumentKind::kInteger && argument.is_signed)) {
    return Error(Code::kMalformed, "it has fields of another kind");
  }
  return is_raw ? Ok() : CheckExpression(argument.value, depth);
}

Status CheckDim(const Dim3& dim, uint64_t x, uint64_t y, uint64_t z, uint64_t product,
                const char* what) {
  if (dim.x == 0 || dim.y == 0 || dim.z == 0) return Invalid(std::string(what) + " has a zero");
  // No overflow: x < 2^31 and y, z < 2^16 are known before the product is formed.
  if (dim.x > x || dim.y > y || dim.z > z || uint64_t{dim.x} * dim.y * dim.z > product) {
    return Large(std::string(what) + " is beyond what CUDA allows");
  }
  return Ok();
}

Status CheckLaunch(const Workload& workload, const KernelLaunch& launch, size_t depth) {
  if (launch.module >= workload.modules.size()) return Invalid("it names no module");
  if (!IsName(launch.kernel, kMaxKernelNameBytes)) return Invalid("its kernel has no plain name");
  // CUDA C++ Programming Guide, table "Technical Specifications per Compute Capability".
  RETURN_IF_ERROR(CheckDim(launch.grid, INT32_MAX, 65535, 65535, UINT64_MAX, "its grid"));
  RETURN_IF_ERROR(CheckDim(launch.block, 1024, 1024, 64, 1024, "its block"));
  if (launch.dynamic_shared_bytes > 227 * 1024) return Large("it wants more than 227 KiB shared");
  if (launch.arguments.size() > kMaxArguments) return Large("it has too many arguments");
  for (size_t i = 0; i < launch.arguments.size(); ++i) {
    if (Status ok = CheckArgument(workload, launch.arguments[i], depth); !ok) {
      return ok.error().Within(At("argument", i));
    }
  }
  return Ok();
}

Status CheckSwaps(const Workload& workload, const Loop& loop) {
  if (loop.swaps.size() > kMaxSwaps) return Large("it has too many swaps");
  for (const auto& [a, b] : loop.swaps) {
    if (a >= workload.buffers.size() || b >= workload.buffers.size() || a == b) {
      return Invalid("a swap does not name two buffers");
    }
    const Buffer& left = workload.buffers[a];
    const Buffer& right = workload.buffers[b];
    if (left.dtype != right.dtype || left.shape != right.shape) {
      return Error(Code::kMismatch, "swapped buffers \"" + left.name + "\" and \"" + right.name +
                                        "\" differ in dtype or shape");
    }
  }
  return Ok();
}

// depth: how many loops stand around these steps; at most kMaxLoopDepth, so the recursion is
// bounded.
Status CheckSteps(const Workload& workload, const std::vector<Step>& steps, size_t depth,
                  size_t& total) {
  for (size_t i = 0; i < steps.size(); ++i) {
    const Step& step = steps[i];
    const std::string where = At(step.loop ? "loop" : "launch", i);
    if (++total > kMaxSteps)
      return Large("it has more than " + std::to_string(kMaxSteps) + " steps");
    if (step.launch.has_value() == step.loop.has_value()) {
      return Error(Code::kMalformed, where + ": neither a launch nor a loop");
    }
    if (step.launch) {
      if (Status ok = CheckLaunch(workload, *step.launch, depth); !ok)
        return ok.error().Within(where);
      continue;
    }
    if (depth == kMaxLoopDepth) return Large(where + ": loops are nested too deeply");
    // A loop over nothing could spin for 2^64 rounds without a launch that is counted.
    if (step.loop->body.empty() || step.loop->count == 0)
      return Invalid(where + ": it runs nothing");
    if (Status ok = CheckSwaps(workload, *step.loop); !ok) return ok.error().Within(where);
    if (Status ok = CheckSteps(workload, step.loop->body, depth + 1, total); !ok) {
      return ok.error().Within(where);
    }
  }
  return Ok();
}

Status CheckOutputs(const Workload& workload) {
  if (workload.outputs.size() > kMaxOutputs) {
    return Large("it has more than " + std::to_string(kMaxOutputs) + " outputs");
  }
  std::set<std::string> files;
  std::set<uint32_t> buffers;
  uint64_t bytes = 0;
  for (size_t i = 0; i < workload.outputs.size(); ++i) {
    const Output& output = workload.outputs[i];
    const std::string where = At("output", i);
    if (output.buffer >= workload.buffers.size()) return Invalid(where + ": it names no buffer");
    if (!buffers.insert(output.buffer).second) {
      return Error(Code::kDuplicate, where + ": its buffer is an output already");
    }
    if (!IsPlainFileName(output.file) || !output.file.ends_with(".npy")) {
      return Invalid(where + ": its file is not a plain NAME.npy");
    }
    if (!files.insert(output.file).second) {
      return Error(Code::kDuplicate, where + ": the file \"" + output.file + "\" is taken");
    }
    const Buffer& buffer = workload.buffers[output.buffer];
    const uint64_t size = BufferBytes(buffer) + kMaxNpyHeaderBytes;
    if (size > kMaxOutputBytes - bytes) {
      return Large(where + ": the outputs are more than 4 GiB together");
    }
    bytes += size;
    if (output.image.empty()) continue;
    const bool grey = buffer.shape.size() == 2;
    const bool rgb = buffer.shape.size() == 3 && buffer.shape[2] == 3;
    if (!IsPlainFileName(output.image) || !output.image.ends_with(".png")) {
      return Invalid(where + ": its image is not a plain NAME.png");
    }
    if (!files.insert(output.image).second) {
      return Error(Code::kDuplicate, where + ": the file \"" + output.image + "\" is taken");
    }
    if (buffer.dtype != DType::kU8 || (!grey && !rgb) || buffer.shape[0] > 65535 ||
        buffer.shape[1] > 65535) {
      return Error(Code::kMismatch, where + ": an image is u8 of height × width, or × 3");
    }
  }
  return Ok();
}

Status CheckModules(const Workload& workload) {
  if (workload.modules.size() > kMaxModules) return Large("it has too many modules");
  for (size_t i = 0; i < workload.modules.size(); ++i) {
    const uint64_t bytes = workload.modules[i].bytes;
    if (bytes == 0) return Invalid(At("module", i) + ": it is empty");
    if (bytes > kMaxModuleBytes) return Large(At("module", i) + ": it is too large");
  }
  return Ok();
}

Status CheckLimits(const Workload& workload, uint64_t launches) {
  if (workload.limits.milliseconds == 0) return Invalid("limits.time is zero");
  if (workload.limits.thread_instructions == 0) return Invalid("limits.instructions is zero");
  if (workload.commit_interval > kMaxLaunches) {
    return Large("the commitment interval is over " + std::to_string(kMaxLaunches) + " launches");
  }
  if (workload.commit_interval != 0 && launches / workload.commit_interval > kMaxCommitments) {
    return Large("the commitment interval asks for more than " + std::to_string(kMaxCommitments) +
                 " state roots");
  }
  return Ok();
}

// The product of counts can leave 64 bits, so it is capped as it grows.
uint64_t CappedLaunches(const std::vector<Step>& steps, size_t depth) {
  if (depth > kMaxLoopDepth) return kMaxLaunches + 1;
  uint64_t total = 0;
  for (const Step& step : steps) {
    uint64_t more = step.launch ? 1 : 0;
    if (step.loop) {
      const uint64_t body = CappedLaunches(step.loop->body, depth + 1);
      more = (body == 0 || step.loop->count == 0)       ? 0
             : step.loop->count > (kMaxLaunches / body) ? kMaxLaunches + 1
                                                        : step.loop->count * body;
    }
    total = std::min(total + more, kMaxLaunches + 1);
  }
  return total;
}

}  // namespace

uint32_t DTypeBytes(DType dtype) {
  const DTypeRow* row = Find(dtype);
  CHECK(row != nullptr);
  return row->bytes;
}

const char* DTypeName(DType dtype) {
  const DTypeRow* row = Find(dtype);
  CHECK(row != nullptr);
  return row->name;
}

std::optional<DType> ParseDType(std::string_view name) {
  for (const DTypeRow& row : kDTypes) {
    if (name == row.name) return row.dtype;
  }
  return std::nullopt;
}

bool operator==(const KernelLaunch& a, const KernelLaunch& b) {
  const auto same = [](const Dim3& left, const Dim3& right) {
    return left.x == right.x && left.y == right.y && left.z == right.z;
  };
  return a.module == b.module && a.kernel == b.kernel && same(a.grid, b.grid) &&
         same(a.block, b.block) && a.dynamic_shared_bytes == b.dynamic_shared_bytes &&
         a.cooperative == b.cooperative && a.arguments == b.arguments;
}

bool operator==(const Loop& a, const Loop& b) {
  return a.count == b.count && a.swaps == b.swaps && a.body == b.body;
}

uint64_t BufferBytes(const Buffer& buffer) {
  uint64_t bytes = DTypeBytes(buffer.dtype);
  for (const uint64_t dimension : buffer.shape) bytes *= dimension;
  return bytes;
}

Status CheckShape(const std::vector<uint64_t>& shape, DType dtype) {
  if (shape.size() > kMaxRank) {
    return Large("its shape has more than " + std::to_string(kMaxRank) + " dimensions");
  }
  uint64_t bytes = DTypeBytes(dtype);
  for (const uint64_t dimension : shape) {
    if (dimension == 0) return Invalid("its shape has a zero");
    if (__builtin_mul_overflow(bytes, dimension, &bytes) || bytes > kMaxWorkloadMemory) {
      return Error(Code::kOverflow,
                   "its shape is beyond " + std::to_string(kMaxWorkloadMemory) + " bytes");
    }
  }
  return Ok();
}

Status CheckWorkload(const Workload& workload) {
  if (!IsName(workload.name, kMaxNameBytes)) {
    return Invalid("the workload's name is empty, too long or not plain text");
  }
  RETURN_IF_ERROR(CheckModules(workload));
  RETURN_IF_ERROR(CheckBuffers(workload));
  size_t total = 0;
  RETURN_IF_ERROR(CheckSteps(workload, workload.steps, 0, total));
  ASSIGN_OR_RETURN(const uint64_t launches, CountLaunches(workload.steps));
  if (launches == 0) return Invalid("it launches nothing");
  RETURN_IF_ERROR(CheckOutputs(workload));
  return CheckLimits(workload, launches);
}

Result<uint64_t> CountLaunches(const std::vector<Step>& steps) {
  const uint64_t launches = CappedLaunches(steps, 0);
  if (launches > kMaxLaunches) {
    return Large("its repeats make more than " + std::to_string(kMaxLaunches) + " launches");
  }
  return launches;
}

std::vector<BlobRef> BlobsOf(const Workload& workload) {
  std::vector<BlobRef> blobs;
  const auto add = [&blobs](const BlobRef& blob) {
    if (std::find(blobs.begin(), blobs.end(), blob) == blobs.end()) blobs.push_back(blob);
  };
  for (const BlobRef& blob : workload.modules) add(blob);
  for (const Buffer& buffer : workload.buffers) {
    if (buffer.input) add(*buffer.input);
  }
  return blobs;
}

bool IsPlainFileName(std::string_view name) {
  return !name.empty() && name.size() <= kMaxNameBytes && name[0] != '.' && name[0] != '-' &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '.' || c == '_' || c == '-';
         });
}

}  // namespace souk::gpu
