#include "gpu/workload/workload_codec.h"

namespace souk::gpu {
namespace {

constexpr std::string_view kWorkloadMagic = "soukwkl1";
constexpr uint64_t kKeepStates = uint64_t{1} << 63;  // in the commitment interval

// ---- encoding: the workload has been checked, so every length fits its field ----

void PutText8(Bytes& out, std::string_view text) {
  PutLe(out, static_cast<uint8_t>(text.size()));
  Append(out, AsBytes(text));
}
void PutText16(Bytes& out, ByteView bytes) {
  PutLe(out, static_cast<uint16_t>(bytes.size()));
  Append(out, bytes);
}
void PutCount(Bytes& out, size_t count) {
  PutLe(out, static_cast<uint32_t>(count));
}

void PutBlob(Bytes& out, const BlobRef& blob) {
  Append(out, blob.digest.view());
  PutLe(out, blob.bytes);
}

void PutBuffer(Bytes& out, const Buffer& buffer) {
  PutText8(out, buffer.name);
  PutLe(out, static_cast<uint8_t>(buffer.dtype));
  PutLe(out, static_cast<uint8_t>(buffer.shape.size()));
  for (const uint64_t dimension : buffer.shape) PutLe(out, dimension);
  if (buffer.input) {
    PutLe(out, uint8_t{1});
    PutBlob(out, *buffer.input);
  } else if (buffer.fill) {
    PutLe(out, uint8_t{2});
    Append(out, *buffer.fill);
  } else {
    PutLe(out, uint8_t{0});
  }
}

void PutExpression(Bytes& out, const Expression& expression) {
  PutCount(out, expression.steps.size());
  for (const ExprStep& step : expression.steps) {
    PutLe(out, static_cast<uint8_t>(step.op));
    if (HasOperand(step.op)) PutLe(out, step.operand);
  }
}

void PutArgument(Bytes& out, const Argument& argument) {
  PutLe(out, static_cast<uint8_t>(argument.kind));
  switch (argument.kind) {
    case ArgumentKind::kPointer:
      PutLe(out, argument.buffer);
      PutExpression(out, argument.value);
      break;
    case ArgumentKind::kInteger:
      PutLe(out, argument.width);
      PutLe(out, static_cast<uint8_t>(argument.is_signed));
      PutExpression(out, argument.value);
      break;
    case ArgumentKind::kFloat:
      PutLe(out, argument.width);
      PutExpression(out, argument.value);
      break;
    case ArgumentKind::kRaw:
      PutText16(out, argument.raw);
      break;
  }
}

void PutDim(Bytes& out, const Dim3& dim) {
  PutLe(out, dim.x);
  PutLe(out, dim.y);
  PutLe(out, dim.z);
}

void PutSteps(Bytes& out, const std::vector<Step>& steps) {
  PutCount(out, steps.size());
  for (const Step& step : steps) {
    PutLe(out, static_cast<uint8_t>(!step.launch ? 2 : step.launch->cooperative ? 3 : 1));
    if (step.launch) {
      PutLe(out, step.launch->module);
      PutText16(out, AsBytes(step.launch->kernel));
      PutDim(out, step.launch->grid);
      PutDim(out, step.launch->block);
      PutLe(out, step.launch->dynamic_shared_bytes);
      PutCount(out, step.launch->arguments.size());
      for (const Argument& argument : step.launch->arguments) PutArgument(out, argument);
    } else {
      PutLe(out, step.loop->count);
      PutCount(out, step.loop->swaps.size());
      for (const auto& [a, b] : step.loop->swaps) {
        PutLe(out, a);
        PutLe(out, b);
      }
      PutSteps(out, step.loop->body);
    }
  }
}

// ---- decoding ----

// Reads fields one after the other; after the first that does not fit every read gives zeros and
// ok() is false, so that callers check once per structure.
class Reader {
 public:
  explicit Reader(ByteView bytes) : bytes_(bytes) {}

  bool ok() const { return ok_; }
  bool AtEnd() const { return ok_ && bytes_.empty(); }
  void Fail() {
    ok_ = false;
    bytes_ = {};
  }

  template <typename T>
  T Get() {
    if (bytes_.size() < sizeof(T)) {
      Fail();
      return T{};
    }
    const T value = GetLe<T>(bytes_.data());
    bytes_ = bytes_.subspan(sizeof(T));
    return value;
  }
  Bytes GetBytes(size_t count) {
    if (bytes_.size() < count) {
      Fail();
      return {};
    }
    Bytes out = ToBytes(bytes_.first(count));
    bytes_ = bytes_.subspan(count);
    return out;
  }
  std::string GetText8() {
    const Bytes bytes = GetBytes(Get<uint8_t>());
    return std::string(AsText(bytes));
  }
  Bytes GetBytes16() { return GetBytes(Get<uint16_t>()); }
  // A list's length: refused where the items, each of at least item_bytes, could not follow.
  size_t GetCount(size_t item_bytes, size_t most) {
    const size_t count = Get<uint32_t>();
    if (count > most || count > bytes_.size() / item_bytes) {
      Fail();
      return 0;
    }
    return count;
  }

 private:
  ByteView bytes_;
  bool ok_ = true;
};

BlobRef GetBlob(Reader& in) {
  BlobRef blob;
  const Bytes digest = in.GetBytes(blob.digest.bytes.size());
  if (in.ok()) std::copy(digest.begin(), digest.end(), blob.digest.bytes.begin());
  blob.bytes = in.Get<uint64_t>();
  return blob;
}

Buffer GetBuffer(Reader& in) {
  Buffer buffer;
  buffer.name = in.GetText8();
  const uint8_t dtype = in.Get<uint8_t>();
  if (dtype < static_cast<uint8_t>(DType::kBool) || dtype > static_cast<uint8_t>(DType::kF64)) {
    in.Fail();
    return buffer;
  }
  buffer.dtype = static_cast<DType>(dtype);
  const size_t rank = in.Get<uint8_t>();
  if (rank > kMaxRank) in.Fail();
  for (size_t i = 0; in.ok() && i < rank; ++i) buffer.shape.push_back(in.Get<uint64_t>());
  switch (in.Get<uint8_t>()) {
    case 0:
      break;
    case 1:
      buffer.input = GetBlob(in);
      break;
    case 2:
      buffer.fill = in.GetBytes(DTypeBytes(buffer.dtype));
      break;
    default:
      in.Fail();
  }
  return buffer;
}

Expression GetExpression(Reader& in) {
  Expression expression;
  const size_t count = in.GetCount(1, kMaxExpressionSteps);
  expression.steps.reserve(count);
  for (size_t i = 0; in.ok() && i < count; ++i) {
    const uint8_t op = in.Get<uint8_t>();
    if (op < static_cast<uint8_t>(ExprOp::kInt) || op > static_cast<uint8_t>(ExprOp::kPick)) {
      in.Fail();
      break;
    }
    ExprStep step{static_cast<ExprOp>(op), 0};
    if (HasOperand(step.op)) step.operand = in.Get<uint64_t>();
    expression.steps.push_back(step);
  }
  return expression;
}

Argument GetArgument(Reader& in) {
  Argument argument;
  const uint8_t kind = in.Get<uint8_t>();
  switch (kind) {
    case 1:
      argument.kind = ArgumentKind::kPointer;
      argument.buffer = in.Get<uint32_t>();
      argument.value = GetExpression(in);
      break;
    case 2: {
      argument.kind = ArgumentKind::kInteger;
      argument.width = in.Get<uint8_t>();
      const uint8_t is_signed = in.Get<uint8_t>();
      if (is_signed > 1) in.Fail();
      argument.is_signed = is_signed == 1;
      argument.value = GetExpression(in);
      break;
    }
    case 3:
      argument.kind = ArgumentKind::kFloat;
      argument.width = in.Get<uint8_t>();
      argument.value = GetExpression(in);
      break;
    case 4:
      argument.kind = ArgumentKind::kRaw;
      argument.raw = in.GetBytes16();
      break;
    default:
      in.Fail();
  }
  return argument;
}

Dim3 GetDim(Reader& in) {
  Dim3 dim;
  dim.x = in.Get<uint32_t>();
  dim.y = in.Get<uint32_t>();
  dim.z = in.Get<uint32_t>();
  return dim;
}

KernelLaunch GetLaunch(Reader& in) {
  KernelLaunch launch;
  launch.module = in.Get<uint32_t>();
  const Bytes kernel = in.GetBytes16();
  launch.kernel = AsText(kernel);
  launch.grid = GetDim(in);
  launch.block = GetDim(in);
  launch.dynamic_shared_bytes = in.Get<uint32_t>();
  const size_t count = in.GetCount(3, kMaxArguments);
  for (size_t i = 0; in.ok() && i < count; ++i) launch.arguments.push_back(GetArgument(in));
  return launch;
}

// depth bounds the recursion: loops nest at most kMaxLoopDepth deep.
std::vector<Step> GetSteps(Reader& in, size_t depth) {
  std::vector<Step> steps;
  // A step is at least a loop's tag, count, and two list lengths; in memory it is some 30 times
  // that.
  const size_t count = in.GetCount(1 + 8 + 4 + 4, kMaxSteps);
  for (size_t i = 0; in.ok() && i < count; ++i) {
    Step step;
    const uint8_t tag = in.Get<uint8_t>();
    if (tag == 1 || tag == 3) {
      step.launch = GetLaunch(in);
      step.launch->cooperative = tag == 3;
    } else if (tag == 2 && depth < kMaxLoopDepth) {
      Loop loop;
      loop.count = in.Get<uint64_t>();
      const size_t swaps = in.GetCount(8, kMaxSwaps);
      for (size_t s = 0; in.ok() && s < swaps; ++s) {
        const uint32_t a = in.Get<uint32_t>();
        const uint32_t b = in.Get<uint32_t>();
        loop.swaps.push_back({a, b});
      }
      loop.body = GetSteps(in, depth + 1);
      step.loop = std::move(loop);
    } else {
      in.Fail();
    }
    steps.push_back(std::move(step));
  }
  return steps;
}

Workload GetWorkload(Reader& in) {
  Workload workload;
  workload.name = in.GetText8();
  const size_t modules = in.GetCount(32 + 8, kMaxModules);
  for (size_t i = 0; in.ok() && i < modules; ++i) workload.modules.push_back(GetBlob(in));
  const size_t buffers = in.GetCount(4, kMaxBuffers);
  for (size_t i = 0; in.ok() && i < buffers; ++i) workload.buffers.push_back(GetBuffer(in));
  workload.steps = GetSteps(in, 0);
  const size_t outputs = in.GetCount(6, kMaxBuffers);
  for (size_t i = 0; in.ok() && i < outputs; ++i) {
    Output output;
    output.buffer = in.Get<uint32_t>();
    output.file = in.GetText8();
    output.image = in.GetText8();
    workload.outputs.push_back(std::move(output));
  }
  workload.limits.memory_bytes = in.Get<uint64_t>();
  workload.limits.milliseconds = in.Get<uint64_t>();
  workload.limits.thread_instructions = in.Get<uint64_t>();
  const uint64_t interval = in.Get<uint64_t>();
  workload.commit_interval = interval & ~kKeepStates;
  workload.keep_states = (interval & kKeepStates) != 0;
  return workload;
}

}  // namespace

Result<Bytes> EncodeWorkload(const Workload& workload) {
  RETURN_IF_ERROR(CheckWorkload(workload));
  Bytes out = ToBytes(AsBytes(kWorkloadMagic));
  PutText8(out, workload.name);
  PutCount(out, workload.modules.size());
  for (const BlobRef& blob : workload.modules) PutBlob(out, blob);
  PutCount(out, workload.buffers.size());
  for (const Buffer& buffer : workload.buffers) PutBuffer(out, buffer);
  PutSteps(out, workload.steps);
  PutCount(out, workload.outputs.size());
  for (const Output& output : workload.outputs) {
    PutLe(out, output.buffer);
    PutText8(out, output.file);
    PutText8(out, output.image);
  }
  PutLe(out, workload.limits.memory_bytes);
  PutLe(out, workload.limits.milliseconds);
  PutLe(out, workload.limits.thread_instructions);
  PutLe(out, workload.commit_interval | (workload.keep_states ? kKeepStates : 0));
  if (out.size() > kMaxWorkloadBytes) {
    return Error(Code::kTooLarge, "the workload's description exceeds " +
                                      std::to_string(kMaxWorkloadBytes) + " bytes");
  }
  return out;
}

Result<Workload> DecodeWorkload(ByteView bytes) {
  if (bytes.size() > kMaxWorkloadBytes) {
    return Error(Code::kTooLarge, "a workload's description exceeds " +
                                      std::to_string(kMaxWorkloadBytes) + " bytes");
  }
  if (bytes.size() < kWorkloadMagic.size() ||
      AsText(bytes.first(kWorkloadMagic.size())) != kWorkloadMagic) {
    return Error(Code::kMalformed, "these bytes are no workload description");
  }
  Reader in(bytes.subspan(kWorkloadMagic.size()));
  Workload workload = GetWorkload(in);
  if (!in.ok()) {
    return Error(Code::kMalformed,
                 "a workload's description is cut short, or a count, tag or type "
                 "in it is out of range");
  }
  if (!in.AtEnd()) return Error(Code::kMalformed, "bytes follow a workload's description");
  RETURN_IF_ERROR(CheckWorkload(workload));
  return workload;
}

}  // namespace souk::gpu
