#include "gpu/workload/arguments.h"

namespace souk::gpu {
namespace {

enum class Wants : uint8_t { kInteger, kFloat, kAny };

Wants WantsOf(const ptx::Variable& parameter) {
  if (parameter.is_array || parameter.vector != 1) return Wants::kAny;
  switch (parameter.type) {
    case ptx::Type::kU8:
    case ptx::Type::kU16:
    case ptx::Type::kU32:
    case ptx::Type::kU64:
    case ptx::Type::kS8:
    case ptx::Type::kS16:
    case ptx::Type::kS32:
    case ptx::Type::kS64:
      return Wants::kInteger;
    case ptx::Type::kF32:
    case ptx::Type::kF64:
      return Wants::kFloat;
    default:  // .b8 … .b64, .f16 and packed types: any bytes of that size
      return Wants::kAny;
  }
}

Status CheckArgument(const ptx::Variable& parameter, const Argument& argument) {
  const bool is_raw = argument.kind == ArgumentKind::kRaw;
  const uint64_t given = is_raw ? argument.raw.size() : argument.width;
  if (parameter.size != given) {
    return Error(Code::kMismatch, "the kernel takes " + std::to_string(parameter.size) +
                                      " bytes, " + std::to_string(given) + " are given");
  }
  const Wants wants = WantsOf(parameter);
  if (is_raw || wants == Wants::kAny) return Ok();
  const bool is_float = argument.kind == ArgumentKind::kFloat;
  if (is_float && wants != Wants::kFloat) {
    return Error(Code::kMismatch, "the kernel takes an integer, a float is given");
  }
  if (!is_float && wants == Wants::kFloat) {
    return Error(Code::kMismatch,
                 std::string("the kernel takes a float, ") +
                     (argument.kind == ArgumentKind::kPointer ? "a buffer" : "an integer") +
                     " is given");
  }
  return Ok();
}

// Loops nest at most kMaxLoopDepth deep.
Status CheckSteps(const std::vector<Step>& steps, const std::vector<ptx::Module>& modules) {
  for (const Step& step : steps) {
    if (step.loop) {
      RETURN_IF_ERROR(CheckSteps(step.loop->body, modules));
      continue;
    }
    const KernelLaunch& launch = *step.launch;
    const ptx::Function* kernel = modules[launch.module].FindKernel(launch.kernel);
    if (kernel == nullptr) {
      return Error(Code::kNotFound, "module " + std::to_string(launch.module + 1) +
                                        " has no kernel \"" + launch.kernel + "\"");
    }
    RETURN_IF_ERROR(CheckArguments(*kernel, launch.arguments));
  }
  return Ok();
}

}  // namespace

Status CheckArguments(const ptx::Function& kernel, const std::vector<Argument>& arguments) {
  if (kernel.params.size() != arguments.size()) {
    return Error(Code::kMismatch, "kernel \"" + kernel.name + "\" takes " +
                                      std::to_string(kernel.params.size()) + " arguments, " +
                                      std::to_string(arguments.size()) + " are given");
  }
  for (size_t i = 0; i < arguments.size(); ++i) {
    const ptx::Variable& parameter = kernel.variables[kernel.params[i].index];
    if (Status ok = CheckArgument(parameter, arguments[i]); !ok) {
      return ok.error().Within("kernel \"" + kernel.name + "\", argument " + std::to_string(i + 1) +
                               " (" + parameter.name + ")");
    }
  }
  return Ok();
}

Status CheckKernels(const Workload& workload, const std::vector<ptx::Module>& modules) {
  return CheckSteps(workload.steps, modules);
}

Result<ptx::Module> ParseCanonical(std::string_view text) {
  ASSIGN_OR_RETURN(ptx::Module parsed, ptx::Parse(text));
  ASSIGN_OR_RETURN(ptx::Module module, ptx::Canonicalize(std::move(parsed)));
  // Another text with this meaning would be fused or numbered differently by the driver, and would
  // not be what the job's digest promises.
  if (ptx::Write(module) != text) {
    return Error(Code::kMismatch, "its PTX is not in canonical form");
  }
  return module;
}

}  // namespace souk::gpu
