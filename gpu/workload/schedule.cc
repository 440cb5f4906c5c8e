#include "gpu/workload/schedule.h"

#include <bit>
#include <cmath>
#include <numeric>

namespace souk::gpu {
namespace {

Result<Bytes> IntegerBytes(const Argument& argument, const Number& value) {
  if (value.is_float) return Error(Code::kInvalidArgument, "a float where an integer is due");
  const unsigned bits = argument.width * 8u;
  bool fits = true;
  if (argument.is_signed && bits < 64) {
    fits = value.integer >= -(int64_t{1} << (bits - 1)) && value.integer < int64_t{1} << (bits - 1);
  } else if (!argument.is_signed) {
    fits = value.integer >= 0 && (bits == 64 || value.integer < int64_t{1} << bits);
  }
  if (!fits) {
    return Error(Code::kOverflow, std::to_string(value.integer) + " does not fit " +
                                      (argument.is_signed ? "i" : "u") + std::to_string(bits));
  }
  Bytes bytes;
  PutLe(bytes, static_cast<uint64_t>(value.integer));
  bytes.resize(argument.width);
  return bytes;
}

Result<Bytes> FloatBytes(const Argument& argument, const Number& value) {
  const double real = value.AsReal();
  Bytes bytes;
  if (argument.width == 8) {
    PutLe(bytes, std::bit_cast<uint64_t>(real));
    return bytes;
  }
  // Beyond binary32 the conversion is not defined in C++. This bound is the largest float plus half
  // of its last place, from where IEEE rounding gives infinity.
  if (std::fabs(real) >= 0x1.ffffffp127) {
    return Error(Code::kOverflow, std::to_string(real) + " does not fit f32");
  }
  PutLe(bytes, std::bit_cast<uint32_t>(static_cast<float>(real)));
  return bytes;
}

Result<ArgumentValue> PointerValue(const Workload& workload, uint32_t buffer, const Number& value) {
  if (value.is_float) return Error(Code::kInvalidArgument, "an offset is not an integer");
  const uint64_t width = DTypeBytes(workload.buffers[buffer].dtype);
  const uint64_t elements = BufferBytes(workload.buffers[buffer]) / width;
  if (value.integer < 0 || static_cast<uint64_t>(value.integer) > elements) {
    return Error(Code::kInvalidArgument, "offset " + std::to_string(value.integer) +
                                             " is outside \"" + workload.buffers[buffer].name +
                                             "\" with its " + std::to_string(elements) +
                                             " elements");
  }
  return ArgumentValue{.buffer = buffer,
                       .offset_bytes = static_cast<uint64_t>(value.integer) * width};
}

Result<ArgumentValue> EvaluateArgument(const Workload& workload, const Argument& argument,
                                       const std::vector<int64_t>& variables,
                                       const std::vector<uint32_t>& bindings) {
  if (argument.kind == ArgumentKind::kRaw) return ArgumentValue{.bytes = argument.raw};
  ASSIGN_OR_RETURN(const Number value, Evaluate(argument.value, variables));
  if (argument.kind == ArgumentKind::kPointer) {
    return PointerValue(workload, bindings[argument.buffer], value);
  }
  ArgumentValue out;
  if (argument.kind == ArgumentKind::kInteger) {
    ASSIGN_OR_RETURN(out.bytes, IntegerBytes(argument, value));
  } else {
    ASSIGN_OR_RETURN(out.bytes, FloatBytes(argument, value));
  }
  return out;
}

}  // namespace

Schedule::Schedule(const Workload& workload)
    : workload_(workload), bindings_(workload.buffers.size()) {
  std::iota(bindings_.begin(), bindings_.end(), 0);
  frames_.push_back({&workload.steps, nullptr, 0});
}

Result<std::optional<ScheduledLaunch>> Schedule::Next() {
  while (!frames_.empty()) {
    Frame& frame = frames_.back();
    if (frame.at == frame.body->size()) {
      EndOfBody();
      continue;
    }
    const Step& step = (*frame.body)[frame.at++];
    if (step.loop) {
      frames_.push_back({&step.loop->body, &*step.loop, 0});
      variables_.push_back(0);
      continue;
    }
    ScheduledLaunch scheduled{.index = index_++, .launch = &*step.launch};
    for (const Argument& argument : step.launch->arguments) {
      Result<ArgumentValue> value = EvaluateArgument(workload_, argument, variables_, bindings_);
      if (!value) {
        return value.error().Within("launch " + std::to_string(index_) + " (" +
                                    step.launch->kernel + "), argument " +
                                    std::to_string(scheduled.arguments.size() + 1));
      }
      scheduled.arguments.push_back(std::move(*value));
    }
    return std::optional<ScheduledLaunch>(std::move(scheduled));
  }
  return std::optional<ScheduledLaunch>();
}

void Schedule::EndOfBody() {
  Frame& frame = frames_.back();
  if (frame.loop == nullptr) {
    frames_.pop_back();
    return;
  }
  for (const auto& [a, b] : frame.loop->swaps) std::swap(bindings_[a], bindings_[b]);
  frame.at = 0;
  if (static_cast<uint64_t>(++variables_.back()) < frame.loop->count) return;
  variables_.pop_back();
  frames_.pop_back();
}

}  // namespace souk::gpu
