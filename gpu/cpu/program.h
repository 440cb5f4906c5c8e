// A kernel ready to run. Immutable, shared by all threads.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "gpu/cpu/handlers.h"
#include "gpu/ptx/module.h"

namespace souk::gpu::cpu {

struct ConstantSlot {
  uint32_t offset = 0;
  uint8_t bytes = 4;  // of a lane; 1: a predicate
  uint64_t value = 0;
};
struct SpecialSlot {
  uint32_t offset = 0;
  ptx::Special special = ptx::Special::kTidX;
  uint32_t number = 0;  // %envreg1
};
struct ParamSlot {
  uint32_t offset = 0;
  uint8_t bytes = 4;  // of a lane
  uint32_t at = 0;    // in the parameter space
  uint8_t size = 4;   // there
  bool sign = false;  // extends
};
struct ClearedSlot {
  uint32_t offset = 0;
  uint32_t bytes = 0;  // of the whole warp
};

inline constexpr uint32_t kWordBytes = 4;

struct AddressPlan;
struct CheckPlan;
struct CountedOp;

// Beside what a program does: how it is watched.
enum class Watching : uint8_t { kNothing, kChecked, kCounted };

struct Program {
  std::string name = {};
  std::vector<Op> prologue = {};  // once a launch in each warp, all lanes
  std::vector<Op> ops = {};
  std::vector<uint32_t> extra = {};  // register offsets, branch tables (op indices)
  std::vector<uint32_t> lines = {};  // of each op, in the PTX
  std::vector<ConstantSlot> constants = {};
  std::vector<SpecialSlot> specials = {};
  std::vector<ParamSlot> params = {};
  std::vector<ClearedSlot> cleared = {};
  uint32_t register_bytes = 0;  // of one warp
  uint32_t site_count = 0;
  uint64_t shared_bytes = 0;  // static
  uint64_t dynamic_shared_offset = 0;
  bool dynamic_shared = false;
  uint64_t local_bytes = 0;  // of one thread, a multiple of 16
  uint64_t param_bytes = 0;
  bool exact = false;  // blocks may run in any order (ptx::Class)
  bool uses_heap = false;
  // Of device memory: parameters and addresses that stores go through, as far as is known, and the
  // bytes of the smallest piece that they write, at most kWordBytes.
  std::vector<uint32_t> written_params = {};
  std::vector<uint64_t> written_variables = {};
  std::vector<uint32_t> read_params = {};  // the same of loads and atomics
  std::vector<uint64_t> read_variables = {};
  uint32_t smallest_write = kWordBytes;
  std::shared_ptr<const AddressPlan> addresses = nullptr;  // nullptr: they cannot be followed
  ptx::Directives directives = {};
  uint64_t shared_window = 0;                         // checked: where the dynamic part begins
  std::shared_ptr<const CheckPlan> checks = nullptr;  // compiled for checking
  std::shared_ptr<const std::vector<CountedOp>> counted = nullptr;  // compiled for profiling
  // Estimate of a thread's instructions: the longest way through, every loop once; and how many
  // loops there are.
  uint64_t path_instructions = 0;  // PathEstimate
  uint32_t loops = 0;
};

// Device addresses of .global and .const variables. function: Module::functions' index, or
// ptx::kNoIndex for module scope.
using AddressOf = std::function<uint64_t(uint32_t function, uint32_t variable)>;

// kUnsupported names the instruction and its line. checked: the program runs under a Checker.
Result<Program> Compile(const ptx::Module& module, const ptx::Function& kernel,
                        const AddressOf& address_of, const HandlerTable& handlers,
                        Watching watching = Watching::kNothing);

}  // namespace souk::gpu::cpu
