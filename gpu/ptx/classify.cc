#include "gpu/ptx/classify.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "gpu/ptx/addresses.h"
#include "gpu/ptx/fragments.h"
#include "gpu/ptx/reach.h"

namespace souk::ptx {
namespace {

// Why an instruction keeps a kernel from a class; empty where it does not.
struct Finding {
  Class cls = Class::kExact;
  const char* why = "";
};
constexpr Finding kFine = {};

Finding Ordered(const char* why) {
  return {Class::kExactOrdered, why};
}
Finding Tolerant(const char* why) {
  return {Class::kTolerant, why};
}

// Special registers whose value is not a function of the launch and the thread's place in it.
Finding SpecialFinding(Special special) {
  switch (special) {
    case Special::kClock:
    case Special::kClockHi:
    case Special::kClock64:
    case Special::kGlobaltimer:
    case Special::kGlobaltimerLo:
    case Special::kGlobaltimerHi:
      return Ordered("reads a clock");
    case Special::kWarpid:
    case Special::kNwarpid:
    case Special::kSmid:
    case Special::kNsmid:
    case Special::kGridid:
    case Special::kPm:
      return Ordered("reads where on the device it runs");
    case Special::kEnvreg:
    case Special::kCurrentGraphExec:
    case Special::kTotalSmemSize:
    case Special::kAggrSmemSize:
    case Special::kReservedSmemOffsetBegin:
    case Special::kReservedSmemOffsetEnd:
    case Special::kReservedSmemOffsetCap:
    case Special::kReservedSmemOffset0:
    case Special::kReservedSmemOffset1:
      return Ordered("reads what the driver chooses");
    default:
      break;
  }
  if (special >= Special::kIsExplicitCluster && special <= Special::kClusterNctarank) {
    return Ordered("blocks of a cluster talk to each other");
  }
  return kFine;
}

bool OnlyThisBlock(Space space) {
  return space == Space::kShared || space == Space::kLocal || space == Space::kParam;
}

// ld and st that say more than "this thread's own access".
Finding AccessFinding(const Operation& op) {
  if (op.space == Space::kSharedCluster) return Ordered("blocks of a cluster talk to each other");
  if (OnlyThisBlock(op.space)) return kFine;
  if (op.is_volatile || op.mmio) return Ordered("volatile access to memory that blocks share");
  if (op.order != Order::kWeak) return Ordered("ordered access to memory that blocks share");
  if (op.cache == CacheOp::kCv) return Ordered("volatile access to memory that blocks share");
  return kFine;
}

Finding FenceFinding(const Operation& op) {
  if (op.scope == Scope::kCta) return kFine;
  if (op.HasRest("proxy") && op.space == Space::kShared) return kFine;
  return Ordered("a fence between blocks");
}

bool IsFloatMatrix(const Operation& op) {
  for (Type type : {op.type, op.type2, op.type3, op.type4}) {
    if (IsFloat(type)) return true;
  }
  return false;
}

// Everything but atomics, whose verdict needs their neighbours.
Finding OperationFinding(const Operation& op) {
  if (op.approx || op.full) return Tolerant("an approximate instruction");
  switch (op.opcode) {
    case Opcode::kTex:
    case Opcode::kTld4:
      return Tolerant("texture filtering is approximate");
    case Opcode::kTcgen05:
      // Types stand in .kind::…, and where its memory lies is the device's affair.
      return Tolerant("the order of sums in a matrix product is open");
    case Opcode::kWmma:
    case Opcode::kMma:
    case Opcode::kWgmma:
      // ISA "mma": "the accumulation order, rounding … of intermediate operations is unspecified".
      return IsFloatMatrix(op) ? Tolerant("the order of sums in a matrix product is open") : kFine;
    case Opcode::kLd:
    case Opcode::kSt:
    case Opcode::kLdu:
      return AccessFinding(op);
    case Opcode::kMembar:
    case Opcode::kFence:
      return FenceFinding(op);
    case Opcode::kBarrier:
      return op.cluster ? Ordered("blocks of a cluster talk to each other") : kFine;
    case Opcode::kMapa:
    case Opcode::kGetctarank:
    case Opcode::kClusterlaunchcontrol:
      return Ordered("blocks of a cluster talk to each other");
    // Its states and its 64 bits in memory are opaque, and what a wait says depends on the moment.
    case Opcode::kMbarrier:
      return Ordered("when a waiting thread wakes is not fixed");
    case Opcode::kGriddepcontrol:
      return Ordered("an order between launches");
    case Opcode::kSuld:
    case Opcode::kSust:
    case Opcode::kSuq:
    case Opcode::kTxq:
      return Ordered("surfaces and textures outlive the launch");
    case Opcode::kTensormap:
      return Ordered("tensor maps are the driver's own");
    case Opcode::kActivemask:
      return Ordered("which lanes run together is not fixed");
    case Opcode::kShfl:
    case Opcode::kVote:
      return op.sync ? kFine : Ordered("which lanes run together is not fixed");
    case Opcode::kElect:
      return Ordered("which lane is elected is not fixed");
    case Opcode::kDiscard:
      return Ordered("memory is left undefined");
    case Opcode::kMultimem:
    case Opcode::kSured:
      return Ordered("reductions on memory that blocks share");
    case Opcode::kCp:
      if (op.HasRest("tensor")) return Ordered("tensor maps are the driver's own");
      return op.HasRest("reduce") || op.space == Space::kSharedCluster
                 ? Ordered("an asynchronous copy that other blocks see")
                 : kFine;
    default:
      return kFine;
  }
}

bool IsAtomic(const Operation& op) {
  return op.opcode == Opcode::kAtom || op.opcode == Opcode::kRed;
}

// Two atomics of one kind on one word commute: the word ends the same in any order.
struct CommutingKind {
  Combine combine = Combine::kNone;
  Type type = Type::kNone;
  bool operator==(const CommutingKind&) const = default;
};

// kNone where even alone the order shows. inc, dec wrap at a bound that may differ, and floating
// point sums round.
CommutingKind KindOf(const Operation& op) {
  CommutingKind kind;
  if (IsFloat(op.type) || op.vector > 1) return kind;
  switch (op.combine) {
    case Combine::kAdd:
    case Combine::kAnd:
    case Combine::kOr:
    case Combine::kXor:
      kind.type = TypeBits(op.type) == 64 ? Type::kB64 : Type::kB32;  // signs do not matter
      break;
    case Combine::kMin:
    case Combine::kMax:
      kind.type = op.type;
      break;
    default:
      return kind;
  }
  kind.combine = op.combine;
  return kind;
}

// How often a register occurs in a function. ret reads those that the function gives back.
std::vector<uint32_t> RegisterUses(const Function& f) {
  std::vector<uint32_t> uses(f.registers.size(), 0);
  for (const Operand& o : f.operands) {
    const bool is_register = o.kind == OperandKind::kRegister ||
                             (o.kind == OperandKind::kAddress && o.base == BaseKind::kRegister);
    if (is_register) ++uses[o.index];
  }
  for (const Instruction& i : f.body) {
    if (i.guard != kNoIndex) ++uses[i.guard];
  }
  for (const Param& given : f.returns) {
    if (given.is_register) ++uses[given.index];
  }
  return uses;
}

// Decides over all instructions that a kernel reaches, in order.
class Classifier {
  static constexpr const char* kNotGiven = "follows a number that no variable or parameter gives";

 public:
  Classifier(const Module& module, const SupportCheck& check) : module_(module), check_(check) {}

  Verdict Decide(const Function& kernel, std::span<const Bound> bound) {
    const std::vector<const Function*> functions = ReachableFunctions(module_, kernel);
    const AddressFlow addresses(module_, functions, bound);
    for (const Function* f : functions) Visit(*f, addresses);
    if (verdict_.why.empty()) {
      verdict_.cls = Class::kExact;
      verdict_.why = "every instruction's result is fixed, and no order between blocks shows";
    }
    return verdict_;
  }

 private:
  void Visit(const Function& f, const AddressFlow& addresses) {
    uses_ = RegisterUses(f);
    const std::vector<bool> looks_into_matrix = FragmentReaders(module_, f);
    for (size_t k = 0; k < f.body.size(); ++k) {
      const Instruction& i = f.body[k];
      if (const std::optional<std::string> reason = Refusal(f, i)) {
        Note(Class::kOpaque, f, i, *reason);
        continue;
      }
      const Operation& op = module_.OperationOf(i);
      Note(f, i, IsAtomic(op) ? AtomicFinding(f, i, op) : OperationFinding(op));
      if (op.opcode == Opcode::kCall) Note(f, i, CallFinding(f, i, addresses));
      Note(f, i, StoredAddress(f, i, op, addresses));
      Note(f, i, DecidedByAddress(f, i, op, addresses));
      Note(f, i, GivenAddress(f, i, op, addresses));
      // On another device it reads another part.
      if (looks_into_matrix[k]) {
        Note(f, i, Ordered("which part of a matrix a lane holds is not fixed"));
      }
      for (const Operand& o : f.Operands(i)) {
        Note(f, i, VariableFinding(f, o));
        if (o.kind == OperandKind::kSpecial) {
          Note(f, i, SpecialFinding(static_cast<Special>(o.index)));
        }
      }
    }
  }

  std::optional<std::string> Refusal(const Function& f, const Instruction& i) const {
    const Operation& op = module_.OperationOf(i);
    if (op.opcode == Opcode::kUnknown) return op.unknown + " is not known";
    return check_(module_, f, i);
  }

  Finding AtomicFinding(const Function& f, const Instruction& i, const Operation& op) {
    if (op.space != Space::kShared) return Ordered("atomics on memory that blocks share");
    const CommutingKind kind = KindOf(op);
    if (kind.combine == Combine::kNone) return Ordered("the order of these atomics shows");
    if (op.opcode == Opcode::kAtom) {
      const Operand& old = f.Operands(i)[0];
      if (old.kind == OperandKind::kRegister && uses_[old.index] > 1) {
        return Ordered("what an atomic found depends on its turn");
      }
    }
    if (kind_.combine != Combine::kNone && kind_ != kind) {
      return Ordered("atomics of two kinds do not commute");
    }
    kind_ = kind;
    return kFine;
  }

  Finding CallFinding(const Function& f, const Instruction& i, const AddressFlow& addresses) const {
    const Operand& callee = f.Operands(i)[1];
    if (callee.kind != OperandKind::kFunction) {
      return addresses.Of(f, callee) == Holds::kNothing ? Ordered(kNotGiven) : kFine;
    }
    const Function& target = module_.functions[callee.index];
    if (target.defined || target.name == "__assertfail") return kFine;
    return Ordered("calls a function of the driver, whose effects are ordered");
  }

  // Where memory lies is the device's affair, so an address in a result is not fixed. Whatever
  // names memory first and values behind it may write them there.
  Finding StoredAddress(const Function& f, const Instruction& i, const Operation& op,
                        const AddressFlow& addresses) const {
    if (op.opcode == Opcode::kLd || op.opcode == Opcode::kLdu || OnlyThisBlock(op.space)) {
      return kFine;
    }
    std::span<const Operand> operands = f.Operands(i);
    if (operands.empty() || operands[0].kind != OperandKind::kAddress) return kFine;
    // A cache policy comes last, and goes nowhere.
    if (op.HasRest("L2::cache_hint")) operands = operands.first(operands.size() - 1);
    bool stores = op.opcode == Opcode::kCp && addresses.SharedHolds() != Holds::kNothing;
    for (const Operand& o : operands.subspan(1)) stores |= addresses.Of(f, o) != Holds::kNothing;
    return stores ? Ordered("stores an address") : kFine;
  }

  // A number is no address: what stands there differs between devices, and no launch binds one.
  static Finding GivenAddress(const Function& f, const Instruction& i, const Operation& op,
                              const AddressFlow& addresses) {
    if (op.opcode == Opcode::kPrefetch || op.opcode == Opcode::kPrefetchu ||
        op.opcode == Opcode::kApplypriority) {
      return kFine;
    }
    const std::span<const Operand> operands = f.Operands(i);
    if (op.opcode == Opcode::kCvta && operands.size() == 2 &&
        addresses.Of(f, operands[1]) == Holds::kNothing) {
      return Ordered(kNotGiven);
    }
    for (const Operand& o : operands) {
      if (o.kind != OperandKind::kAddress || o.base == BaseKind::kVariable) continue;
      if (addresses.OfBase(f, o) == Holds::kNothing) return Ordered(kNotGiven);
    }
    return kFine;
  }

  // Nor is what an address decides: a branch, a guarded instruction, which word is read.
  static Finding DecidedByAddress(const Function& f, const Instruction& i, const Operation& op,
                                  const AddressFlow& addresses) {
    bool decides = i.guard != kNoIndex && addresses.OfRegister(f, i.guard) != Holds::kNothing;
    for (const Operand& o : f.Operands(i)) {
      decides |= addresses.OfBase(f, o) == Holds::kDerived;
      decides |= op.opcode == Opcode::kBrx && addresses.Of(f, o) != Holds::kNothing;
    }
    return decides ? Ordered("depends on an address") : kFine;
  }

  // Variables in .global outlive the launch, and no state root covers them: a launch that names one
  // cannot be run again from a committed state. One that holds addresses leads to others.
  Finding VariableFinding(const Function& f, const Operand& o) const {
    const bool is_variable = o.kind == OperandKind::kVariable ||
                             (o.kind == OperandKind::kAddress && o.base == BaseKind::kVariable);
    if (!is_variable) return kFine;
    const Variable& v =
        o.scope == VariableScope::kModule ? module_.variables[o.index] : f.variables[o.index];
    const bool leads_on = std::any_of(v.relocations.begin(), v.relocations.end(),
                                      [](const Relocation& r) { return !r.is_function; });
    return v.space == Space::kGlobal || leads_on
               ? Ordered("a variable in .global memory outlives the launch")
               : kFine;
  }

  void Note(const Function& f, const Instruction& i, const Finding& finding) {
    if (finding.cls != Class::kExact) Note(finding.cls, f, i, finding.why);
  }

  // The worst class decides; within it, what stands first.
  void Note(Class cls, const Function& f, const Instruction& i, const std::string& reason) {
    if (!verdict_.why.empty() && cls <= verdict_.cls) return;
    verdict_.cls = cls;
    verdict_.line = i.line;
    const Operation& op = module_.OperationOf(i);
    verdict_.why = fmt::format(
        "line {}: {}: {}", i.line,
        op.opcode == Opcode::kUnknown ? op.spelling.substr(0, 60) : WriteInstruction(module_, f, i),
        reason);
  }

  const Module& module_;
  const SupportCheck& check_;
  Verdict verdict_;
  CommutingKind kind_;
  std::vector<uint32_t> uses_;
};

std::string TypeText(const Variable& v) {
  std::string text = v.vector > 1 ? fmt::format("v{}.", v.vector) : "";
  text += TypeName(v.type);
  if (v.is_array) text += fmt::format("[{}]", v.elements);
  return text;
}

void ReportParameters(const Function& kernel, KernelReport& report) {
  report.parameter_bytes = kernel.param_bytes;
  for (const Param& param : kernel.params) {
    if (param.is_register) continue;  // not in kernels
    const Variable& v = kernel.variables[param.index];
    ParameterReport row;
    row.name = v.name;
    row.type = TypeText(v);
    row.size = v.size;
    row.offset = param.offset;
    report.parameters.push_back(std::move(row));
  }
}

void ReportRegisters(const Function& kernel, KernelReport& report) {
  std::map<std::string, uint64_t> counts;
  for (const Register& reg : kernel.registers) {
    const std::string vector = reg.vector > 1 ? fmt::format("v{}.", reg.vector) : "";
    ++counts[vector + TypeName(reg.type)];
  }
  for (const auto& [type, count] : counts) {
    RegisterCount row;
    row.type = type;
    row.count = count;
    report.registers.push_back(std::move(row));
  }
}

void ReportMemory(const Module& module, const std::vector<const Function*>& functions,
                  KernelReport& report) {
  std::set<uint32_t> used;  // of module.variables
  const auto add = [&](const Variable& v) {
    if (v.space == Space::kShared && v.size == 0) report.dynamic_shared = true;
    if (v.space == Space::kShared && v.size != 0) {
      report.shared_bytes = AlignUp(report.shared_bytes, v.align) + v.size;
    }
    if (v.space == Space::kLocal) {
      report.local_bytes = AlignUp(report.local_bytes, v.align) + v.size;
    }
  };
  for (const Function* f : functions) {
    for (const Variable& v : f->variables) add(v);
    for (const Operand& o : f->operands) {
      const bool is_variable = o.kind == OperandKind::kVariable ||
                               (o.kind == OperandKind::kAddress && o.base == BaseKind::kVariable);
      if (is_variable && o.scope == VariableScope::kModule) used.insert(o.index);
    }
  }
  for (const uint32_t i : used) add(module.variables[i]);
}

}  // namespace

const char* ClassName(Class c) {
  switch (c) {
    case Class::kExact:
      return "exact";
    case Class::kExactOrdered:
      return "exact-ordered";
    case Class::kTolerant:
      return "tolerant";
    case Class::kOpaque:
      return "opaque";
  }
  return "?";
}

Verdict Classify(const Module& module, const Function& kernel, const SupportCheck& check,
                 std::span<const Bound> bound) {
  return Classifier(module, check).Decide(kernel, bound);
}

KernelReport Outline(const Function& kernel) {
  KernelReport report;
  report.name = kernel.name;
  ReportParameters(kernel, report);
  ReportRegisters(kernel, report);
  report.instructions = kernel.body.size();
  return report;
}

KernelReport Report(const Module& module, const Function& kernel, const SupportCheck& check) {
  KernelReport report = Outline(kernel);
  report.verdict = Classify(module, kernel, check);
  const std::vector<const Function*> functions = ReachableFunctions(module, kernel);
  ReportMemory(module, functions, report);
  for (const Function* f : functions) {
    if (f != &kernel) {
      report.instructions += f->body.size();
      report.calls.push_back(f->name);
    }
    for (const Instruction& i : f->body) {
      const Operation& op = module.OperationOf(i);
      const bool unknown = op.opcode == Opcode::kUnknown;
      const std::optional<std::string> reason =
          unknown ? op.unknown + " is not known" : check(module, *f, i);
      if (!reason) continue;
      Unsupported row;
      row.line = i.line;
      row.instruction = unknown ? op.spelling : WriteInstruction(module, *f, i);
      row.reason = *reason;
      report.unsupported.push_back(std::move(row));
    }
  }
  std::sort(report.calls.begin(), report.calls.end());
  std::stable_sort(report.unsupported.begin(), report.unsupported.end(),
                   [](const Unsupported& a, const Unsupported& b) { return a.line < b.line; });
  return report;
}

std::vector<KernelReport> ReportAll(const Module& module, const SupportCheck& check) {
  std::vector<KernelReport> reports;
  for (const Function& f : module.functions) {
    if (f.is_entry && f.defined) reports.push_back(Report(module, f, check));
  }
  return reports;
}

}  // namespace souk::ptx
