// What can be promised of a kernel's results, and the report behind
// `souk inspect`. Static: a claim about instructions, never about data (R7).
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "gpu/ptx/addresses.h"
#include "gpu/ptx/module.h"

namespace souk::ptx {

enum class Class : uint8_t {
  kExact,         // every block re-executable bit for bit, alone
  kExactOrdered,  // exact arithmetic, but blocks talk, or something but the inputs shows
  kTolerant,      // approximate instructions, compared within the ISA's stated bounds
  kOpaque,        // something that the reference does not run
};
const char* ClassName(Class c);  // "exact", "exact-ordered", "tolerant", "opaque"

// Asked once per instruction that a kernel can reach: nothing where the reference device runs it,
// else the reason in a few words ("texture instructions"). Must be a pure function.
using SupportCheck =
    std::function<std::optional<std::string>(const Module&, const Function&, const Instruction&)>;

struct Verdict {
  Class cls = Class::kOpaque;
  std::string why = {};  // "line 41: atom.global.add.u32: atomics on global memory order blocks"
  uint32_t line = 0;     // of the instruction that decides; 0 where none does
};

struct Unsupported {
  uint32_t line = 0;
  std::string instruction = {};  // its text
  std::string reason = {};
};

struct ParameterReport {
  std::string name = {};
  std::string type = {};  // "u64", "b8[32]"
  uint64_t size = 0;
  uint64_t offset = 0;
};

struct RegisterCount {
  std::string type = {};  // "b32", ".v4 f32" as "v4.f32"
  uint64_t count = 0;
};

struct KernelReport {
  std::string name = {};
  Verdict verdict = {};
  std::vector<ParameterReport> parameters = {};
  uint64_t parameter_bytes = 0;
  uint64_t instructions = 0;                  // of the kernel and every function that it can reach
  std::vector<RegisterCount> registers = {};  // virtual registers of the kernel itself, by type
  uint64_t shared_bytes = 0;    // static, laid out by alignment; module scope counts where used
  bool dynamic_shared = false;  // uses an extern .shared array
  uint64_t local_bytes = 0;
  // Of a thread, along the longest way with every loop once; 0 where the reference does not run the
  // kernel. Times the threads of a launch, and the turns of its loops, what it takes of a budget.
  uint64_t path_instructions = 0;
  uint32_t loops = 0;
  std::vector<std::string> calls = {};        // functions it can reach, sorted
  std::vector<Unsupported> unsupported = {};  // all, by line
  // Why the checking mode does not follow the kernel, where it is exact and yet no differing result
  // can be held against anyone; else empty. Only the device knows (ReportKernels).
  std::string unchecked = {};
};

// kernel must be a defined .entry of module. bound: what launches give it, by parameter. Empty
// where that is not known: 64-bit integers then count as addresses, so that a size or a seed in 64
// bits can keep the kernel from exact.
Verdict Classify(const Module& module, const Function& kernel, const SupportCheck& check,
                 std::span<const Bound> bound = {});
// What the kernel itself declares: name, parameters, registers, instructions. The class is opaque.
KernelReport Outline(const Function& kernel);
KernelReport Report(const Module& module, const Function& kernel, const SupportCheck& check);
std::vector<KernelReport> ReportAll(const Module& module, const SupportCheck& check);

}  // namespace souk::ptx
