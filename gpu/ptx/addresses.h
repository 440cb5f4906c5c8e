// Where device addresses flow within a kernel: what keeps a result from being the same on another
// device, whose memory lies elsewhere.
#pragma once

#include <span>
#include <unordered_map>
#include <vector>

#include "gpu/ptx/module.h"

namespace souk::ptx {

// What a value owes to addresses, from little to much.
enum class Holds : uint8_t {
  kNothing,
  kAddress,  // one as the launch gave it: never null, else not known
  kPlace,    // an address plus an offset that owes nothing to one: good in [ ] only
  kDerived,  // anything else computed from one, or decided by one
};

// What a workload's launches give a kernel for a parameter.
enum class Bound : uint8_t {
  kAddress,  // a buffer's, each of them
  kNumber,   // none of them
  kEither,
};

// Follows addresses through registers, predicates, .shared, .local and .param memory, calls and
// relocated initialisers of one kernel and the functions that it reaches (ReachableFunctions).
// Sources are kernel parameters of eight bytes that no float type names (the only ones a buffer can
// be bound to) where none is known to be bound, variables, and what makes addresses (cvta, alloca).
// Memory of buffers holds none, as long as nothing stores one there, which Classify reports.
class AddressFlow {
 public:
  // bound: of each of the kernel's parameters; empty where nothing is known.
  AddressFlow(const Module& module, const std::vector<const Function*>& functions,
              std::span<const Bound> bound);

  Holds Of(const Function& f, const Operand& operand) const;
  // Of the register in [ ]; kNothing for variables and immediates.
  Holds OfBase(const Function& f, const Operand& address) const;
  Holds OfRegister(const Function& f, uint32_t index) const;
  // Anything in .shared memory.
  Holds SharedHolds() const { return shared_; }

 private:
  struct Levels {
    std::vector<Holds> registers = {};
    std::vector<Holds> variables = {};  // .param ones: what was stored there
    Holds carry = Holds::kNothing;      // CC.CF
  };

  void Seed(const Function& kernel, std::span<const Bound> bound);
  void Run(const std::vector<const Function*>& functions);
  void Step(const Function& f, const Instruction& i);
  void Call(const Function& f, std::span<const Operand> operands);
  void Store(const Function& f, const Operation& op, const Operand& to, Holds what);
  Holds Load(const Function& f, const Operation& op, const Operand& from) const;
  Holds LoadParameter(const Function& f, const Operation& op, const Operand& from) const;
  Holds Computed(const Function& f, const Operation& op, std::span<const Operand> operands) const;
  void Mark(const Function& f, const Operand& operand, Holds what);
  void Raise(Holds& held, Holds what);
  Levels& At(const Function& f) { return levels_.at(&f); }
  const Levels& At(const Function& f) const { return levels_.at(&f); }

  const Module& module_;
  std::unordered_map<const Function*, Levels> levels_ = {};
  struct Source {  // a byte range of the kernel's parameters
    uint64_t first = 0;
    uint64_t last = 0;
    Holds holds = Holds::kAddress;
  };
  std::vector<Source> sources_ = {};
  Holds shared_ = Holds::kNothing;
  Holds local_ = Holds::kNothing;
  bool relocated_ = false;         // some named variable holds addresses from the start
  bool parameters_named_ = false;  // some parameter's own address is taken
  bool changed_ = false;
};

}  // namespace souk::ptx
