#include "gpu/ptx/reach.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <tuple>

namespace souk::ptx {
namespace {

// ".4.4:.8.8": sizes and alignments of parameters, then of return values.
class Signature {
 public:
  void Add(const Variable& v) {
    Add(v.space == Space::kReg ? TypeBytes(v.type) : v.size,
        v.space == Space::kReg ? TypeBytes(v.type) : v.align);
  }
  void Add(const Register& r) { Add(TypeBytes(r.type), TypeBytes(r.type)); }
  void Separate() { text_ += ':'; }
  std::string Take() { return std::move(text_); }

 private:
  void Add(uint64_t size, uint64_t align) {
    text_ += '.' + std::to_string(size) + '.' + std::to_string(align);
  }
  std::string text_ = {};
};

std::string SignatureOf(const Prototype& prototype) {
  Signature signature;
  for (const Variable& v : prototype.params) signature.Add(v);
  signature.Separate();
  for (const Variable& v : prototype.returns) signature.Add(v);
  return signature.Take();
}

std::string SignatureOf(const Function& function) {
  Signature signature;
  const auto add = [&](const Param& p) {
    p.is_register ? signature.Add(function.registers[p.index])
                  : signature.Add(function.variables[p.index]);
  };
  for (const Param& p : function.params) add(p);
  signature.Separate();
  for (const Param& p : function.returns) add(p);
  return signature.Take();
}

bool IsCallable(const Function& f) {
  return f.defined && !f.is_entry;
}

// What has a table or prototype been followed for already: a module may have many calls of one.
class IndirectCalls {
 public:
  explicit IndirectCalls(const Module& module) : module_(module) {}

  template <typename F>
  void Follow(const Function& caller, const Operand& prototype, F reach) {
    if (!seen_.insert({&caller, prototype.kind, prototype.index}).second) return;
    if (prototype.kind == OperandKind::kTable) {
      for (const uint32_t target : caller.tables[prototype.index].targets) reach(target);
      return;
    }
    Group();
    const auto group = groups_.find(SignatureOf(caller.prototypes[prototype.index]));
    if (group == groups_.end()) return;
    for (const uint32_t target : group->second) reach(target);
    group->second.clear();
  }

 private:
  void Group() {
    if (grouped_) return;
    grouped_ = true;
    for (const uint32_t index : AddressTaken(module_)) {
      const Function& f = module_.functions[index];
      if (IsCallable(f)) groups_[SignatureOf(f)].push_back(index);
    }
  }

  const Module& module_;
  bool grouped_ = false;
  std::map<std::string, std::vector<uint32_t>> groups_ = {};
  std::set<std::tuple<const Function*, OperandKind, uint32_t>> seen_ = {};
};

}  // namespace

std::vector<uint32_t> AddressTaken(const Module& module) {
  std::vector<uint32_t> taken;
  const auto relocated = [&](const std::vector<Variable>& variables) {
    for (const Variable& v : variables) {
      for (const Relocation& r : v.relocations) {
        if (r.is_function) taken.push_back(r.target);
      }
    }
  };
  relocated(module.variables);
  for (const Function& f : module.functions) {
    relocated(f.variables);
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
  std::sort(taken.begin(), taken.end());
  taken.erase(std::unique(taken.begin(), taken.end()), taken.end());
  return taken;
}

std::vector<uint32_t> MayLeadTo(const Module& module, const Function& caller,
                                const Operand& prototype, const std::vector<uint32_t>& taken) {
  std::vector<uint32_t> callees;
  if (prototype.kind == OperandKind::kTable) {
    callees = caller.tables[prototype.index].targets;
    std::sort(callees.begin(), callees.end());
    callees.erase(std::unique(callees.begin(), callees.end()), callees.end());
    if (callees.empty()) return callees;
    const std::string signature = SignatureOf(module.functions[callees.front()]);
    std::erase_if(callees, [&](uint32_t index) {
      const Function& f = module.functions[index];
      return !IsCallable(f) || SignatureOf(f) != signature;
    });
    return callees;
  }
  const std::string signature = SignatureOf(caller.prototypes[prototype.index]);
  for (const uint32_t index : taken) {
    const Function& f = module.functions[index];
    if (IsCallable(f) && SignatureOf(f) == signature) callees.push_back(index);
  }
  return callees;
}

std::vector<const Function*> ReachableFunctions(const Module& module, const Function& kernel) {
  const uint32_t start = static_cast<uint32_t>(&kernel - module.functions.data());
  // Sets, not vectors over the module: a module of many kernels asks once for each.
  std::set<uint32_t> seen = {start};
  std::vector<uint32_t> open = {start};
  IndirectCalls indirect(module);
  const auto reach = [&](uint32_t index) {
    if (seen.insert(index).second) open.push_back(index);
  };
  while (!open.empty()) {
    const Function& f = module.functions[open.back()];
    open.pop_back();
    for (const Instruction& i : f.body) {
      if (module.OperationOf(i).opcode != Opcode::kCall) continue;
      const std::span<const Operand> operands = f.Operands(i);
      if (operands[1].kind == OperandKind::kFunction) {
        reach(operands[1].index);
      } else if (operands.size() > 3) {
        indirect.Follow(f, operands[3], reach);
      }
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
