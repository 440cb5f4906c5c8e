#include "reference/thread.h"

#include <fmt/format.h>

namespace souk::reference {

using ptx::Instruction;
using ptx::Operand;
using ptx::OperandKind;
using ptx::Operation;
using ptx::Special;
using ptx::Type;

Status Thread::Run() {
  for (const Instruction& instruction : kernel_.body) {
    const Operation& op = module_.OperationOf(instruction);
    if (instruction.guard != ptx::kNoIndex) {
      const bool holds = registers_[instruction.guard] != 0;
      if (holds == instruction.guard_negated) continue;
    }
    if (FamilyOf(op) == Family::kEnd) return Ok();
    if (Status done = One(op, kernel_.Operands(instruction)); !done) {
      return done.error().Within(fmt::format("line {}: {}", instruction.line, op.spelling));
    }
  }
  return Ok();
}

Status Thread::One(const Operation& op, Operands o) {
  const Family family = FamilyOf(op);
  switch (family) {
    case Family::kInteger:
    case Family::kCarry:
    case Family::kBits:
    case Family::kFloat:
    case Family::kCvt:
    case Family::kTestp:
    case Family::kSlct:
      return Plain(op, o, family);
    case Family::kApproximate:
      return Approximation(op, o);
    case Family::kLop3:
      return Lop3(op, o);
    case Family::kSelp: {
      ASSIGN_OR_RETURN(const uint64_t p, Fetch(o[3], Type::kPred));
      ASSIGN_OR_RETURN(const uint64_t chosen, Fetch(p != 0 ? o[1] : o[2], op.type));
      return Write(o[0], op.type, chosen);
    }
    case Family::kSet:
      return Set(op, o);
    case Family::kSetp:
      return Setp(op, o);
    case Family::kMov:
      return Mov(op, o);
    case Family::kVideo:
      return Video(op, o);
    case Family::kLoad:
      return Load(op, o);
    case Family::kStore:
      return Store(op, o);
    case Family::kAtom:
      return Atom(op, o);
    case Family::kCvta:
      return Cvta(op, o);
    case Family::kIsspacep:
      return Isspacep(op, o);
    case Family::kEnd:
    case Family::kNothing:
      return Ok();
    case Family::kNone:
      break;
  }
  return Error(Code::kUnsupported, "not a straight-line instruction that the reference knows");
}

Result<uint64_t> Thread::SpecialValue(const Operand& o) const {
  const uint32_t lane = place_.thread % 32;
  const Extent& block = launch_.block;
  const uint32_t threads = block.x * block.y * block.z;
  switch (static_cast<Special>(o.index)) {
    case Special::kTidX:
      return place_.tid.x;
    case Special::kTidY:
      return place_.tid.y;
    case Special::kTidZ:
      return place_.tid.z;
    case Special::kNtidX:
      return block.x;
    case Special::kNtidY:
      return block.y;
    case Special::kNtidZ:
      return block.z;
    case Special::kCtaidX:
      return place_.ctaid.x;
    case Special::kCtaidY:
      return place_.ctaid.y;
    case Special::kCtaidZ:
      return place_.ctaid.z;
    case Special::kNctaidX:
      return launch_.grid.x;
    case Special::kNctaidY:
      return launch_.grid.y;
    case Special::kNctaidZ:
      return launch_.grid.z;
    case Special::kLaneid:
      return lane;
    case Special::kWarpid:
      return place_.thread / 32;
    case Special::kNwarpid:
      return (threads + 31) / 32;
    case Special::kLanemaskEq:
      return uint64_t{1} << lane;
    case Special::kLanemaskLt:
      return (uint64_t{1} << lane) - 1;
    case Special::kLanemaskLe:
      return (uint64_t{2} << lane) - 1;
    case Special::kLanemaskGt:
      return ~((uint64_t{2} << lane) - 1) & 0xffffffff;
    case Special::kLanemaskGe:
      return ~((uint64_t{1} << lane) - 1) & 0xffffffff;
    default:
      return Error(Code::kUnsupported, "a special register that the reference does not know");
  }
}

// ISA 9.2: of a register wider than the type the low bits; a constant is cut to the type.
Result<uint64_t> Thread::Fetch(const Operand& o, Type type) {
  switch (o.kind) {
    case OperandKind::kRegister: {
      if (!bounded_[o.index].empty()) {
        return Error(Code::kUnsupported, "an approximate result is used");
      }
      const uint64_t bits = registers_[o.index];
      if (type == Type::kPred) return uint64_t{(bits != 0) != o.negated};
      return Truncate(type, bits);
    }
    case OperandKind::kInteger:
      if (type == Type::kPred) return uint64_t{o.value != 0};
      if (ptx::IsFloat(type)) return ptx::FloatBits(o, type);
      return Truncate(type, o.value);
    case OperandKind::kFloat32:
    case OperandKind::kFloat64:
      return ptx::FloatBits(o, ptx::TypeBits(type) == 64 ? Type::kF64 : Type::kF32);
    case OperandKind::kSpecial: {
      ASSIGN_OR_RETURN(const uint64_t value, SpecialValue(o));
      return Truncate(type, value);
    }
    case OperandKind::kVariable: {
      ASSIGN_OR_RETURN(const uint64_t address, memory_.AddressOf(o.scope, o.index));
      return Truncate(type, address + o.value);
    }
    default:
      return Error(Code::kUnsupported, "an operand that the reference does not read");
  }
}

// ISA 9.2, table 27: what is narrower than its register is extended by its type's sign.
Status Thread::Write(const Operand& o, Type type, uint64_t bits) {
  if (o.kind == OperandKind::kSink) return Ok();
  if (o.kind != OperandKind::kRegister || o.component != ptx::Component::kAll) {
    return Error(Code::kUnsupported, "a destination that the reference does not write");
  }
  const Type reg = kernel_.registers[o.index].type;
  if (ptx::TypeBits(reg) < ptx::TypeBits(type))
    return Error(Code::kUnsupported, "a narrow register");
  bounded_[o.index].clear();
  registers_[o.index] = type == Type::kPred || ptx::IsFloat(type)
                            ? Truncate(type, bits)
                            : TruncateTo(ptx::TypeBits(reg), ValueOf(type, bits));
  return Ok();
}

}  // namespace souk::reference
