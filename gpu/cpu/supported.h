// What the cpu device runs: the one table that Load, `souk inspect` and the tests ask.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "gpu/ptx/classify.h"
#include "protocol/base/result.h"

namespace souk::gpu::cpu {

// Nothing where the operation is run, else the reason in a few words. Looks at the opcode and its
// modifiers only.
std::optional<std::string> WhyUnsupportedOperation(const ptx::Operation& operation);

// The same, and what the operands may add (special registers, indirect calls). Has the shape of
// ptx::SupportCheck. Pure.
std::optional<std::string> WhyUnsupported(const ptx::Module& module, const ptx::Function& function,
                                          const ptx::Instruction& instruction);

// Of all modules of a device, calls inlined: ops take 64 bytes each, and a few bytes of PTX can ask
// for many.
inline constexpr size_t kMostOps = 1u << 22;
// kTooLarge where the module's kernels come to more. Bounds what classifying and compiling each of
// them costs, which is why it comes before both.
Status CheckSize(const ptx::Module& module);

// ptx::ReportAll, and each kernel compiled as Load would: one that Load refuses for what no single
// instruction shows (operands, calls, sizes) is opaque too, and its report says why.
// In a module that fails CheckSize every kernel is. Of an exact one the report says, too, why it
// cannot be checked (checking.h), where it cannot.
std::vector<ptx::KernelReport> ReportKernels(const ptx::Module& module);

}  // namespace souk::gpu::cpu
