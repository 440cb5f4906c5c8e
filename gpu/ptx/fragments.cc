#include "gpu/ptx/fragments.h"

#include "gpu/ptx/operands.h"

namespace souk::ptx {
namespace {

// A register's name may stand for a part here and for another value there: compilers begin sums and
// loop counters with one and the same zero. So within a basic block the last write counts, and from
// one block to another all writes do.
class FragmentFlow {
 public:
  FragmentFlow(const Module& module, const Function& f)
      : module_(module),
        f_(f),
        holds_(f.registers.size(), false),
        plain_in_(f.registers.size(), 0),
        readers_(f.body.size(), false),
        begins_(f.body.size() + 1, false) {
    for (const Label& label : f.labels) {
      if (label.target < begins_.size()) begins_[label.target] = true;
    }
  }

  std::vector<bool> Run() {
    // Copies in program order settle in one round; the bound keeps hostile orders from costing a
    // square.
    constexpr int kRounds = 64;
    for (int round = 0; round < kRounds; ++round) {
      changed_ = false;
      for (size_t k = 0; k < f_.body.size(); ++k) Step(k);
      if (!changed_) return readers_;
      ++block_;
    }
    return std::vector<bool>(f_.body.size(), true);
  }

 private:
  bool MayHold(const Operand& o) const {
    const bool is_register = o.kind == OperandKind::kRegister ||
                             (o.kind == OperandKind::kAddress && o.base == BaseKind::kRegister);
    return is_register && holds_[o.index] && plain_in_[o.index] != block_;
  }
  void Mark(const Operand& o) {
    if (o.kind != OperandKind::kRegister) return;
    if (!holds_[o.index]) holds_[o.index] = changed_ = true;
    plain_in_[o.index] = 0;
  }
  std::span<const Operand> PartsOf(const Operand& o) const {
    const bool group = o.kind == OperandKind::kVector || o.kind == OperandKind::kTuple ||
                       o.kind == OperandKind::kPair;
    return group ? f_.Elements(o) : std::span(&o, 1);
  }

  void Step(size_t k) {
    if (begins_[k]) ++block_;
    const Instruction& i = f_.body[k];
    const Operation& op = module_.OperationOf(i);
    const std::span<const Operand> operands = f_.Operands(i);
    if (operands.empty()) return;
    if (op.opcode == Opcode::kWmma) {
      for (const Operand& o : operands) {
        if (MayHold(o)) readers_[k] = true;  // in an address, as a stride
      }
      if (operands[0].kind != OperandKind::kVector) return;
      for (const Operand& part : f_.Elements(operands[0])) Mark(part);
      return;
    }
    const bool copies = op.opcode == Opcode::kMov && operands.size() == 2 &&
                        operands[0].kind == OperandKind::kRegister &&
                        operands[1].kind == OperandKind::kRegister;
    if (copies && MayHold(operands[1])) return Mark(operands[0]);
    const char* const signature = OperandSignature(op);
    const bool writes =
        signature != nullptr && (*signature == 'D' || *signature == 'V' || *signature == 'M');
    for (const Operand& o : operands.subspan(writes ? 1 : 0)) {
      for (const Operand& part : PartsOf(o)) {
        if (MayHold(part)) readers_[k] = true;
      }
    }
    if (!writes || i.guard != kNoIndex) return;
    for (const Operand& part : PartsOf(operands[0])) {
      if (part.kind == OperandKind::kRegister && part.component == Component::kAll) {
        plain_in_[part.index] = block_;
      }
    }
  }

  const Module& module_;
  const Function& f_;
  std::vector<bool> holds_;         // by register: somewhere
  std::vector<uint64_t> plain_in_;  // by register: the last block that has given it another value
  std::vector<bool> readers_;
  std::vector<bool> begins_;  // a block, at the instruction
  uint64_t block_ = 1;        // one after another, also from round to round
  bool changed_ = false;
};

}  // namespace

std::vector<bool> FragmentReaders(const Module& module, const Function& function) {
  return FragmentFlow(module, function).Run();
}

}  // namespace souk::ptx
