#include "gpu/ptx/reach.h"

#include <algorithm>
#include <set>

namespace souk::ptx {
namespace {

// Functions whose address is taken anywhere: an indirect call may lead to each.
std::vector<uint32_t> AddressTaken(const Module& module) {
  std::vector<uint32_t> taken;
  for (const Variable& v : module.variables) {
    for (const Relocation& r : v.relocations) {
      if (r.is_function) taken.push_back(r.target);
    }
  }
  for (const Function& f : module.functions) {
    for (const TargetTable& t : f.tables) {
      if (t.is_calls) taken.insert(taken.end(), t.targets.begin(), t.targets.end());
    }
    for (const Instruction& i : f.body) {
      if (module.OperationOf(i).opcode == Opcode::kCall) continue;
      for (const Operand& o : f.Operands(i)) {
        if (o.kind == OperandKind::kFunction) taken.push_back(o.index);
      }
    }
  }
  return taken;
}

}  // namespace

std::vector<const Function*> ReachableFunctions(const Module& module, const Function& kernel) {
  const uint32_t start = static_cast<uint32_t>(&kernel - module.functions.data());
  // Sets, not vectors over the module: a module of many kernels asks once for each.
  std::set<uint32_t> seen = {start};
  std::vector<uint32_t> open = {start};
  bool indirect_done = false;
  const auto reach = [&](uint32_t index) {
    if (seen.insert(index).second) open.push_back(index);
  };
  while (!open.empty()) {
    const Function& f = module.functions[open.back()];
    open.pop_back();
    bool indirect = false;
    for (const Instruction& i : f.body) {
      if (module.OperationOf(i).opcode != Opcode::kCall) continue;
      const Operand& callee = f.Operands(i)[1];
      if (callee.kind == OperandKind::kFunction) {
        reach(callee.index);
      } else {
        indirect = true;
      }
    }
    if (indirect && !indirect_done) {
      indirect_done = true;
      for (uint32_t index : AddressTaken(module)) reach(index);
    }
  }
  std::vector<const Function*> functions = {&kernel};
  for (const uint32_t i : seen) {
    if (i != start) functions.push_back(&module.functions[i]);
  }
  return functions;
}

namespace {

constexpr uint64_t kEndless = uint64_t{1} << 62;

uint64_t Sum(uint64_t a, uint64_t b) {
  return std::min(a + b, kEndless);
}

uint64_t SizeAlone(const Function& f) {
  return 1 + f.body.size() + (f.registers.size() + f.variables.size() + f.labels.size()) / 8;
}

// Post-order over the call graph, with a stack of its own: chains of calls may be as deep as the
// module is long.
class Sizes {
 public:
  explicit Sizes(const Module& module)
      : module_(module), sizes_(module.functions.size(), 0), states_(sizes_.size(), State::kNew) {
    for (const Function& f : module.functions) whole_ = Sum(whole_, SizeAlone(f));
  }

  uint64_t Of(uint32_t function) {
    if (states_[function] == State::kNew) Enter(function);
    while (!open_.empty()) Advance();
    return sizes_[function];
  }

 private:
  enum class State : uint8_t { kNew, kOpen, kDone };
  struct Frame {
    uint32_t function = 0;
    size_t next = 0;  // instruction
  };

  void Enter(uint32_t function) {
    states_[function] = State::kOpen;
    sizes_[function] = SizeAlone(module_.functions[function]);
    open_.push_back(Frame{function});
  }

  // To the next call of a function whose size is not known yet, or to the end.
  void Advance() {
    Frame& frame = open_.back();
    const Function& f = module_.functions[frame.function];
    uint64_t& size = sizes_[frame.function];
    for (; frame.next < f.body.size(); ++frame.next) {
      const Instruction& i = f.body[frame.next];
      if (module_.OperationOf(i).opcode != Opcode::kCall) continue;
      const Operand& callee = f.Operands(i)[1];
      const bool followed =
          callee.kind == OperandKind::kFunction && states_[callee.index] != State::kOpen;
      if (followed && states_[callee.index] == State::kNew) return Enter(callee.index);
      size = Sum(size, followed ? sizes_[callee.index] : whole_);
    }
    states_[frame.function] = State::kDone;
    open_.pop_back();
  }

  const Module& module_;
  uint64_t whole_ = 0;
  std::vector<uint64_t> sizes_;
  std::vector<State> states_;
  std::vector<Frame> open_ = {};
};

}  // namespace

uint64_t InlinedSize(const Module& module) {
  Sizes sizes(module);
  uint64_t sum = 0;
  for (uint32_t i = 0; i < module.functions.size(); ++i) {
    const Function& f = module.functions[i];
    if (f.is_entry && f.defined) sum = Sum(sum, sizes.Of(i));
  }
  return sum;
}

}  // namespace souk::ptx
