#include "reference/interpret.h"

#include <fmt/format.h>

#include <array>

#include "gpu/ptx/operands.h"
#include "reference/memory.h"

namespace souk::reference {
namespace {

using ptx::Combine;
using ptx::Instruction;
using ptx::Opcode;
using ptx::Operand;
using ptx::OperandKind;
using ptx::Operation;
using ptx::Special;
using ptx::Type;
using Operands = std::span<const Operand>;

enum class Family : uint8_t {
  kNone,
  kInteger,
  kCarry,
  kBits,
  kFloat,
  kApproximate,
  kLop3,
  kSelp,
  kSlct,
  kSet,
  kSetp,
  kTestp,
  kMov,
  kCvt,
  kVideo,
  kLoad,
  kStore,
  kAtom,
  kCvta,
  kIsspacep,
  kEnd,
  kNothing,
};

bool IsScalarFloat(Type t) {
  return t == Type::kF16 || t == Type::kBf16 || t == Type::kF32 || t == Type::kF64;
}
bool IsKnownFloat(Type t) {
  return IsScalarFloat(t) || t == Type::kF16x2 || t == Type::kBf16x2 || t == Type::kF32x2;
}
bool IsPlainInteger(Type t) {
  return !ptx::IsFloat(t) && ptx::TypeBits(t) >= 8 && ptx::TypeBits(t) <= 64 && t != Type::kU8x4 &&
         t != Type::kS8x4;
}

Family ConversionFamily(const Operation& op) {
  if (op.rounding == ptx::Rounding::kRs || op.rounding == ptx::Rounding::kRna) return Family::kNone;
  if (op.HasRest("pack")) return ptx::TypeBits(op.type) >= 8 ? Family::kCvt : Family::kNone;
  const bool pairs = op.type == Type::kF16x2 || op.type == Type::kBf16x2;
  if (pairs) return op.type2 == Type::kF32 ? Family::kCvt : Family::kNone;
  const auto known = [](Type t) { return IsScalarFloat(t) || IsPlainInteger(t); };
  return known(op.type) && known(op.type2) ? Family::kCvt : Family::kNone;
}

Family MemoryFamily(const Operation& op, Family family) {
  switch (op.space) {
    case ptx::Space::kSharedCluster:
    case ptx::Space::kTex:
      return Family::kNone;
    default:
      break;
  }
  for (const std::string& rest : op.rest) {
    // A policy says nothing about values.
    if (rest == "L2::cache_hint" && family != Family::kAtom) continue;
    if (rest == "L2::cache_hint" || rest == "unified" || rest == "async" || rest == "bulk") {
      return Family::kNone;
    }
  }
  return ptx::TypeBits(op.type) <= 64 ? family : Family::kNone;
}

Family ArithmeticFamily(const Operation& op) {
  if (ptx::IsFloat(op.type)) {
    if (IsApproximate(op)) return Family::kApproximate;
    return IsKnownFloat(op.type) ? Family::kFloat : Family::kNone;
  }
  const bool reads_carry =
      op.opcode == Opcode::kAddc || op.opcode == Opcode::kSubc || op.opcode == Opcode::kMadc;
  return op.cc || reads_carry ? Family::kCarry : Family::kInteger;
}

Family FamilyOf(const Operation& op) {
  switch (op.opcode) {
    case Opcode::kAdd:
    case Opcode::kAddc:
    case Opcode::kSub:
    case Opcode::kSubc:
    case Opcode::kMul:
    case Opcode::kMad:
    case Opcode::kMadc:
    case Opcode::kFma:
    case Opcode::kDiv:
    case Opcode::kRcp:
    case Opcode::kSqrt:
    case Opcode::kRem:
    case Opcode::kAbs:
    case Opcode::kNeg:
    case Opcode::kMin:
    case Opcode::kMax:
    case Opcode::kCopysign:
    case Opcode::kEx2:
    case Opcode::kLg2:
    case Opcode::kSin:
    case Opcode::kCos:
    case Opcode::kTanh:
    case Opcode::kRsqrt:
      return ArithmeticFamily(op);
    case Opcode::kMul24:
    case Opcode::kMad24:
    case Opcode::kSad:
    case Opcode::kDp4a:
    case Opcode::kDp2a:
      return Family::kInteger;
    case Opcode::kAnd:
    case Opcode::kOr:
    case Opcode::kXor:
    case Opcode::kNot:
    case Opcode::kCnot:
    case Opcode::kShl:
    case Opcode::kShr:
    case Opcode::kShf:
    case Opcode::kBfe:
    case Opcode::kBfi:
    case Opcode::kBfind:
    case Opcode::kFns:
    case Opcode::kBmsk:
    case Opcode::kSzext:
    case Opcode::kPrmt:
    case Opcode::kPopc:
    case Opcode::kClz:
    case Opcode::kBrev:
      return Family::kBits;
    case Opcode::kLop3:
      return Family::kLop3;
    case Opcode::kSelp:
      return Family::kSelp;
    case Opcode::kSlct:
      return Family::kSlct;
    case Opcode::kSet:
      return Family::kSet;
    case Opcode::kSetp:
      return IsKnownFloat(op.type) || IsPlainInteger(op.type) ? Family::kSetp : Family::kNone;
    case Opcode::kTestp:
      return Family::kTestp;
    case Opcode::kMov:
      return op.type == Type::kB128 ? Family::kNone : Family::kMov;
    case Opcode::kCvt:
      return ConversionFamily(op);
    case Opcode::kVabsdiff:
    case Opcode::kVabsdiff2:
    case Opcode::kVabsdiff4:
    case Opcode::kVadd:
    case Opcode::kVadd2:
    case Opcode::kVadd4:
    case Opcode::kVavrg2:
    case Opcode::kVavrg4:
    case Opcode::kVmad:
    case Opcode::kVmax:
    case Opcode::kVmax2:
    case Opcode::kVmax4:
    case Opcode::kVmin:
    case Opcode::kVmin2:
    case Opcode::kVmin4:
    case Opcode::kVset:
    case Opcode::kVset2:
    case Opcode::kVset4:
    case Opcode::kVshl:
    case Opcode::kVshr:
    case Opcode::kVsub:
    case Opcode::kVsub2:
    case Opcode::kVsub4:
      return Family::kVideo;
    case Opcode::kLd:
    case Opcode::kLdu:
      return MemoryFamily(op, Family::kLoad);
    case Opcode::kSt:
      return MemoryFamily(op, Family::kStore);
    case Opcode::kAtom:
    case Opcode::kRed:
      return MemoryFamily(op, Family::kAtom);
    case Opcode::kCvta:
      return op.type == Type::kU64 ? Family::kCvta : Family::kNone;
    case Opcode::kIsspacep:
      return Family::kIsspacep;
    case Opcode::kRet:
    case Opcode::kExit:
      return Family::kEnd;
    // One thread alone has nothing to order or to wait for.
    case Opcode::kMembar:
    case Opcode::kFence:
    case Opcode::kNanosleep:
    case Opcode::kPrefetch:
    case Opcode::kPrefetchu:
    case Opcode::kPmevent:
      return Family::kNothing;
    default:
      return Family::kNone;
  }
}

// The type by which source i (from 0) is read.
Type SourceType(const Operation& op, size_t i) {
  switch (op.opcode) {
    case Opcode::kShl:
    case Opcode::kShr:
    case Opcode::kSzext:
      return i == 1 ? Type::kU32 : op.type;
    case Opcode::kBfe:
      return i >= 1 ? Type::kU32 : op.type;
    case Opcode::kBfi:
      return i >= 2 ? Type::kU32 : op.type;
    case Opcode::kDp4a:
    case Opcode::kDp2a:
      return Type::kU32;
    case Opcode::kMad:
      if (op.mul_mode != ptx::MulMode::kWide || i != 2) return op.type;
      return ptx::TypeBits(op.type) == 16 ? Type::kU32 : Type::kU64;
    case Opcode::kSlct:
      return i == 2 ? op.type2 : op.type;
    case Opcode::kSet:
    case Opcode::kCvt:
      if (op.HasRest("pack") && i == 2) return Type::kB32;
      return op.type2;
    case Opcode::kAdd:
    case Opcode::kSub:
      return op.type2 != Type::kNone && i == 0 ? op.type2 : op.type;
    case Opcode::kFma:
      return op.type2 != Type::kNone && i <= 1 ? op.type2 : op.type;
    default:
      return op.type;
  }
}

Type DestinationType(const Operation& op) {
  switch (op.opcode) {
    case Opcode::kMul:
    case Opcode::kMad:
      if (op.mul_mode != ptx::MulMode::kWide || ptx::IsFloat(op.type)) return op.type;
      return ptx::TypeBits(op.type) == 16 ? Type::kU32 : Type::kU64;
    case Opcode::kPopc:
    case Opcode::kClz:
    case Opcode::kBfind:
    case Opcode::kDp4a:
    case Opcode::kDp2a:
      return Type::kU32;
    case Opcode::kCvt:
      return op.HasRest("pack") ? Type::kU32 : op.type;
    default:
      return op.type;
  }
}

struct Place {
  uint32_t thread = 0;  // linear, within its block
  Extent tid = {};
  Extent ctaid = {};
};

// What set writes for true: all ones, or 1.0 (ISA 9.7.6.1, 9.7.7.1).
uint64_t TrueOf(Type type) {
  switch (type) {
    case Type::kF32:
      return 0x3f800000;
    case Type::kF16:
      return 0x3c00;
    case Type::kBf16:
      return 0x3f80;
    default:
      return Truncate(type, ~uint64_t{0});
  }
}

bool Combined(Combine combine, bool a, bool b) {
  switch (combine) {
    case Combine::kAnd:
      return a && b;
    case Combine::kOr:
      return a || b;
    case Combine::kXor:
      return a != b;
    default:
      return a;
  }
}

// atom, red (ISA 9.7.13.4): what is stored for `old`.
uint64_t AtomResult(const Operation& op, bool shared, uint64_t old, uint64_t b, uint64_t c) {
  Operation add = op;
  switch (op.combine) {
    case Combine::kAdd:
      if (!ptx::IsFloat(op.type))
        return IntegerResult({.opcode = Opcode::kAdd, .type = op.type}, {old, b});
      // "atom.add.f32 flushes subnormal inputs and results" in global memory only.
      add = Operation{.opcode = Opcode::kAdd, .type = op.type};
      add.ftz = op.type == Type::kF32 && !shared;
      return FloatResult(add, {old, b});
    case Combine::kMin:
    case Combine::kMax:
      add = Operation{.opcode = op.combine == Combine::kMin ? Opcode::kMin : Opcode::kMax,
                      .type = op.type};
      return IntegerResult(add, {old, b});
    case Combine::kAnd:
      return old & b;
    case Combine::kOr:
      return old | b;
    case Combine::kXor:
      return old ^ b;
    case Combine::kExch:
      return b;
    case Combine::kCas:
      return old == b ? c : old;
    case Combine::kInc:
      return old >= b ? 0 : old + 1;
    case Combine::kDec:
      return old == 0 || old > b ? b : old - 1;
    default:
      return old;
  }
}

class Thread {
 public:
  Thread(const ptx::Module& module, const ptx::Function& kernel, const Launch& launch,
         const Place& place, Memory& memory, std::vector<BoundedStore>& stores)
      : module_(module),
        kernel_(kernel),
        launch_(launch),
        place_(place),
        memory_(memory),
        stores_(stores),
        registers_(kernel.registers.size(), 0),
        bounded_(kernel.registers.size()) {}

  Status Run() {
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

 private:
  Status One(const Operation& op, Operands o);
  Status Plain(const Operation& op, Operands o, Family family);
  Status Approximation(const Operation& op, Operands o);
  Status Lop3(const Operation& op, Operands o);
  Status Set(const Operation& op, Operands o);
  Status Setp(const Operation& op, Operands o);
  Status Mov(const Operation& op, Operands o);
  Status Video(const Operation& op, Operands o);
  Status Load(const Operation& op, Operands o);
  Status Store(const Operation& op, Operands o);
  Status StoreBounded(uint32_t reg, uint64_t address, uint32_t size);
  Status Atom(const Operation& op, Operands o);
  Status Cvta(const Operation& op, Operands o);
  Status Isspacep(const Operation& op, Operands o);

  Result<uint64_t> Fetch(const Operand& o, Type type);
  Result<uint64_t> SpecialValue(const Operand& o) const;
  Result<uint64_t> AddressIn(const Operand& o, ptx::Space space);
  Status Write(const Operand& o, Type type, uint64_t bits);
  Operands Parts(const Operand& o) const {
    if (o.kind == OperandKind::kVector || o.kind == OperandKind::kPair) return kernel_.Elements(o);
    return {&o, 1};
  }
  const ptx::Variable& VariableOf(const Operand& o) const {
    return o.scope == ptx::VariableScope::kModule ? module_.variables[o.index]
                                                  : kernel_.variables[o.index];
  }

  const ptx::Module& module_;
  const ptx::Function& kernel_;
  const Launch& launch_;
  const Place place_;
  Memory& memory_;
  std::vector<BoundedStore>& stores_;
  std::vector<uint64_t> registers_;            // each with no bits beyond its type's
  std::vector<std::vector<Bounded>> bounded_;  // empty, or the parts of an approximate result
  bool carry_ = false;
};

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

Status Thread::Plain(const Operation& op, Operands o, Family family) {
  Sources s = {};
  if (o.empty() || o.size() - 1 > s.size()) return Error(Code::kUnsupported, "operands");
  for (size_t i = 0; i + 1 < o.size(); ++i) {
    ASSIGN_OR_RETURN(s[i], Fetch(o[i + 1], SourceType(op, i)));
  }
  const Type type = DestinationType(op);
  switch (family) {
    case Family::kInteger:
      return Write(o[0], type, IntegerResult(op, s));
    case Family::kBits:
      return Write(o[0], type, BitResult(op, s));
    case Family::kFloat: {
      // min, max of three (ISA 9.7.3.11): the first two, then the third.
      const bool three = (op.opcode == Opcode::kMin || op.opcode == Opcode::kMax) && o.size() == 4;
      const uint64_t first = FloatResult(op, s);
      return Write(o[0], type, three ? FloatResult(op, {first, s[2]}) : first);
    }
    case Family::kCvt:
      return Write(o[0], type, ConvertResult(op, s));
    case Family::kTestp:
      return Write(o[0], Type::kPred, TestResult(op, s[0]) ? 1 : 0);
    case Family::kSlct:
      return Write(o[0], type, SlctTakesFirst(op, s[2]) ? s[0] : s[1]);
    default: {
      const WithCarry r = CarryResult(op, s, carry_);
      if (op.cc) carry_ = r.carry;
      return Write(o[0], type, r.bits);
    }
  }
}

Status Thread::Approximation(const Operation& op, Operands o) {
  Sources s = {};
  for (size_t i = 0; i + 1 < o.size(); ++i) {
    ASSIGN_OR_RETURN(s[i], Fetch(o[i + 1], op.type));
  }
  // Of a pair each half by itself.
  Operation part = op;
  if (op.type == Type::kF16x2) part.type = Type::kF16;
  if (op.type == Type::kBf16x2) part.type = Type::kBf16;
  const uint32_t width = ptx::TypeBits(part.type);
  std::vector<Bounded> results;
  uint64_t bits = 0;
  for (uint32_t at = 0; at < ptx::TypeBits(op.type); at += width) {
    results.push_back(Approximate(part, {s[0] >> at, s[1] >> at}));
    bits |= Truncate(part.type, results.back().bits) << at;
  }
  RETURN_IF_ERROR(Write(o[0], op.type, bits));
  if (o[0].kind == OperandKind::kRegister) bounded_[o[0].index] = std::move(results);
  return Ok();
}

// ISA 9.7.8.5: d, and with a Boolean operation p = (d != 0) BoolOp q.
Status Thread::Lop3(const Operation& op, Operands o) {
  Sources s = {};
  for (size_t i = 0; i < 3; ++i) {
    ASSIGN_OR_RETURN(s[i], Fetch(o[i + 1], Type::kB32));
  }
  s[3] = o[4].value;
  const uint64_t d = BitResult(op, s);
  if (op.combine == Combine::kNone) return Write(o[0], Type::kB32, d);
  ASSIGN_OR_RETURN(const uint64_t q, Fetch(o[5], Type::kPred));
  const Operands pair = Parts(o[0]);
  RETURN_IF_ERROR(Write(pair[0], Type::kB32, d));
  return Write(pair[1], Type::kPred, Combined(op.combine, d != 0, q != 0) ? 1 : 0);
}

// ISA 9.7.6.1, 9.7.7.1: pairs compare half by half; with an integer result each half is all ones.
Status Thread::Set(const Operation& op, Operands o) {
  ASSIGN_OR_RETURN(const uint64_t a, Fetch(o[1], op.type2));
  ASSIGN_OR_RETURN(const uint64_t b, Fetch(o[2], op.type2));
  uint64_t c = 0;
  if (op.combine != Combine::kNone) {
    ASSIGN_OR_RETURN(c, Fetch(o[3], Type::kPred));
  }
  const bool pair = op.type2 == Type::kF16x2 || op.type2 == Type::kBf16x2;
  if (!pair) {
    const bool holds = Combined(op.combine, Holds(op, op.type2, a, b), c != 0);
    return Write(o[0], op.type, holds ? TrueOf(op.type) : 0);
  }
  const Type half = op.type2 == Type::kF16x2 ? Type::kF16 : Type::kBf16;
  const uint64_t one = ptx::IsFloat(op.type) ? TrueOf(half) : 0xffff;
  const bool low = Combined(op.combine, Holds(op, half, a, b), c != 0);
  const bool high = Combined(op.combine, Holds(op, half, a >> 16, b >> 16), c != 0);
  return Write(o[0], op.type, (high ? one << 16 : 0) | (low ? one : 0));
}

// ISA 9.7.6.2: p = (a CMP b) BoolOp c, q = !(a CMP b) BoolOp c; of pairs (9.7.7.2) p is the low
// half's, q the high half's.
Status Thread::Setp(const Operation& op, Operands o) {
  ASSIGN_OR_RETURN(const uint64_t a, Fetch(o[1], op.type));
  ASSIGN_OR_RETURN(const uint64_t b, Fetch(o[2], op.type));
  uint64_t c = 0;
  if (op.combine != Combine::kNone) {
    ASSIGN_OR_RETURN(c, Fetch(o[3], Type::kPred));
  }
  bool first = false;
  bool second = false;
  if (op.type == Type::kF16x2 || op.type == Type::kBf16x2) {
    const Type half = op.type == Type::kF16x2 ? Type::kF16 : Type::kBf16;
    first = Holds(op, half, a, b);
    second = Holds(op, half, a >> 16, b >> 16);
  } else {
    first = Holds(op, op.type, a, b);
    second = !first;
  }
  const Operands pair = Parts(o[0]);
  RETURN_IF_ERROR(Write(pair[0], Type::kPred, Combined(op.combine, first, c != 0) ? 1 : 0));
  if (pair.size() == 1) return Ok();
  return Write(pair[1], Type::kPred, Combined(op.combine, second, c != 0) ? 1 : 0);
}

// ISA 9.7.9.3, .4: elements pack low first.
Status Thread::Mov(const Operation& op, Operands o) {
  const uint32_t whole = ptx::TypeBits(op.type);
  const auto part_type = [&](size_t parts) {
    switch (whole / parts) {
      case 8:
        return Type::kB8;
      case 16:
        return Type::kB16;
      default:
        return Type::kB32;
    }
  };
  if (o[1].kind == OperandKind::kVector) {
    const Operands parts = Parts(o[1]);
    uint64_t bits = 0;
    for (size_t i = 0; i < parts.size(); ++i) {
      ASSIGN_OR_RETURN(const uint64_t part, Fetch(parts[i], part_type(parts.size())));
      bits |= part << (i * whole / parts.size());
    }
    return Write(o[0], op.type, bits);
  }
  ASSIGN_OR_RETURN(const uint64_t bits, Fetch(o[1], op.type));
  if (o[0].kind != OperandKind::kVector) return Write(o[0], op.type, bits);
  const Operands parts = Parts(o[0]);
  const Type type = part_type(parts.size());
  for (size_t i = 0; i < parts.size(); ++i) {
    RETURN_IF_ERROR(Write(parts[i], type, Truncate(type, bits >> (i * whole / parts.size()))));
  }
  return Ok();
}

Part PartOf(ptx::Component component) {
  switch (component) {
    case ptx::Component::kB0:
      return Part::kB0;
    case ptx::Component::kB1:
      return Part::kB1;
    case ptx::Component::kB2:
      return Part::kB2;
    case ptx::Component::kB3:
      return Part::kB3;
    case ptx::Component::kH0:
      return Part::kH0;
    case ptx::Component::kH1:
      return Part::kH1;
    default:
      return Part::kAll;
  }
}

// ".h32", ".b7654" of a source: an element of the row {b, a} for each place; by default a's own,
// and b's own. Of the destination, ".h0", ".b20": which elements are written; by default all.
void FillSimd(Operands o, uint8_t ways, VideoOperands& v) {
  for (uint8_t i = 0; i < ways; ++i) {
    v.picks[0][i] = i;
    v.picks[1][i] = static_cast<uint8_t>(ways + i);
    v.written[i] = o[0].component == ptx::Component::kAll;
  }
  for (size_t source = 0; source < 2; ++source) {
    if (o[source + 1].component != ptx::Component::kPicks) continue;
    const ptx::Picks picks = ptx::Picks::Decode(o[source + 1].value);
    for (uint8_t i = 0; i < ways; ++i) v.picks[source][i] = picks.at[i];
  }
  if (o[0].component == ptx::Component::kPicks) {
    const ptx::Picks picks = ptx::Picks::Decode(o[0].value);
    for (uint8_t i = 0; i < picks.count; ++i) v.written[picks.at[i]] = true;
  } else if (o[0].component != ptx::Component::kAll) {
    const ptx::Component first = ways == 2 ? ptx::Component::kH0 : ptx::Component::kB0;
    v.written[static_cast<int>(o[0].component) - static_cast<int>(first)] = true;
  }
}

Status Thread::Video(const Operation& op, Operands o) {
  VideoOperands v;
  v.destination = PartOf(o[0].component);
  for (size_t i = 0; i + 1 < o.size(); ++i) {
    ASSIGN_OR_RETURN(v.s[i], Fetch(o[i + 1], Type::kB32));
    v.parts[i] = PartOf(o[i + 1].component);
    v.negated[i] = o[i + 1].negated;
  }
  const auto ways = static_cast<uint8_t>(ptx::VideoWays(op.opcode));
  if (ways > 1) FillSimd(o, ways, v);
  Operand whole = o[0];
  whole.component = ptx::Component::kAll;
  return Write(whole, Type::kB32, VideoResult(op, v));
}

Result<uint64_t> Thread::AddressIn(const Operand& o, ptx::Space space) {
  uint64_t address = o.value;
  if (o.base == ptx::BaseKind::kVariable) {
    ASSIGN_OR_RETURN(const uint64_t base, memory_.AddressOf(o.scope, o.index));
    address += base;
    // A variable's name stands for its address within its own space.
    if (space == ptx::Space::kGeneric) return memory_.Generic(VariableOf(o).space, address);
  } else if (o.base == ptx::BaseKind::kRegister) {
    if (!bounded_[o.index].empty()) return Error(Code::kUnsupported, "an approximate address");
    address += registers_[o.index];
  }
  return memory_.Generic(space, address);
}

Status Thread::Load(const Operation& op, Operands o) {
  ASSIGN_OR_RETURN(const uint64_t address, AddressIn(o[1], op.space));
  const Operands parts = Parts(o[0]);
  const uint32_t size = ptx::TypeBytes(op.type);
  RETURN_IF_ERROR(memory_.Aligned(address, size * op.vector));
  if (parts.size() != op.vector) return Error(Code::kUnsupported, "elements");
  std::array<uint64_t, 8> values = {};
  for (size_t i = 0; i < parts.size(); ++i) {
    ASSIGN_OR_RETURN(values.at(i), memory_.Read(address + i * size, size));
  }
  for (size_t i = 0; i < parts.size(); ++i) RETURN_IF_ERROR(Write(parts[i], op.type, values.at(i)));
  return Ok();
}

// Notes that an approximate result is stored, if the register holds one.
Status Thread::StoreBounded(uint32_t reg, uint64_t address, uint32_t size) {
  const std::vector<Bounded>& parts = bounded_[reg];
  if (parts.empty()) return Ok();
  const uint32_t width = ptx::TypeBytes(parts[0].type);
  if (width * parts.size() != size) return Error(Code::kUnsupported, "part of a result");
  for (size_t i = 0; i < parts.size(); ++i) {
    stores_.push_back({address + i * width, width, parts[i]});
  }
  return Ok();
}

Status Thread::Store(const Operation& op, Operands o) {
  ASSIGN_OR_RETURN(const uint64_t address, AddressIn(o[0], op.space));
  const Operands parts = Parts(o[1]);
  const uint32_t size = ptx::TypeBytes(op.type);
  RETURN_IF_ERROR(memory_.Aligned(address, size * op.vector));
  if (parts.size() != op.vector) return Error(Code::kUnsupported, "elements");
  for (size_t i = 0; i < parts.size(); ++i) {
    const bool is_register = parts[i].kind == OperandKind::kRegister;
    if (is_register) RETURN_IF_ERROR(StoreBounded(parts[i].index, address + i * size, size));
    uint64_t bits = 0;
    if (is_register) {
      bits = registers_[parts[i].index];
    } else {
      ASSIGN_OR_RETURN(bits, Fetch(parts[i], op.type));
    }
    RETURN_IF_ERROR(memory_.Write(address + i * size, size, Truncate(op.type, bits)));
  }
  return Ok();
}

// Of a vector each element by itself; all sources are read before a result is written.
Status Thread::Atom(const Operation& op, Operands o) {
  const size_t first = op.opcode == Opcode::kAtom ? 1 : 0;
  ASSIGN_OR_RETURN(const uint64_t address, AddressIn(o[first], op.space));
  const uint32_t size = ptx::TypeBytes(op.type);
  RETURN_IF_ERROR(memory_.Aligned(address, size * op.vector));
  const Operands parts = Parts(o[first + 1]);
  if (parts.size() != op.vector) return Error(Code::kUnsupported, "elements");
  const bool shared = memory_.IsIn(ptx::Space::kShared, address);
  std::array<uint64_t, 8> old = {};
  for (size_t i = 0; i < parts.size(); ++i) {
    ASSIGN_OR_RETURN(const uint64_t b, Fetch(parts[i], op.type));
    uint64_t c = 0;
    if (op.combine == Combine::kCas) {
      ASSIGN_OR_RETURN(c, Fetch(o[first + 2], op.type));
    }
    ASSIGN_OR_RETURN(old.at(i), memory_.Read(address + i * size, size));
    RETURN_IF_ERROR(
        memory_.Write(address + i * size, size, AtomResult(op, shared, old.at(i), b, c)));
  }
  if (first == 0) return Ok();
  const Operands results = Parts(o[0]);
  if (results.size() != parts.size()) return Error(Code::kUnsupported, "elements");
  for (size_t i = 0; i < results.size(); ++i)
    RETURN_IF_ERROR(Write(results[i], op.type, old.at(i)));
  return Ok();
}

// ISA 9.7.9.20: between a space's own addresses and generic ones.
Status Thread::Cvta(const Operation& op, Operands o) {
  ASSIGN_OR_RETURN(const uint64_t a, Fetch(o[1], Type::kU64));
  const uint64_t base = memory_.Generic(op.space, 0);
  return Write(o[0], Type::kU64, op.to ? a - base : a + base);
}

Status Thread::Isspacep(const Operation& op, Operands o) {
  ASSIGN_OR_RETURN(const uint64_t a, Fetch(o[1], Type::kU64));
  // A block that no launch put into a cluster is one by itself: the cluster's .shared is its own.
  const bool cluster = op.space == ptx::Space::kSharedCluster;
  const ptx::Space space = cluster ? ptx::Space::kShared : op.space;
  return Write(o[0], Type::kPred, memory_.IsIn(space, a) ? 1 : 0);
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

}  // namespace

std::optional<std::string> WhyNot(const Operation& op) {
  if (FamilyOf(op) != Family::kNone) return std::nullopt;
  return "not a straight-line instruction that the reference knows";
}

Result<std::vector<BoundedStore>> Run(const ptx::Module& module, const ptx::Function& kernel,
                                      const Launch& launch) {
  std::vector<BoundedStore> stores;
  Memory memory(module, kernel, launch);
  const Extent& block = launch.block;
  for (uint32_t b = 0; b < launch.grid.x * launch.grid.y * launch.grid.z; ++b) {
    Place place;
    place.ctaid = {b % launch.grid.x, b / launch.grid.x % launch.grid.y,
                   b / launch.grid.x / launch.grid.y};
    memory.BeginBlock();
    for (uint32_t t = 0; t < block.x * block.y * block.z; ++t) {
      place.thread = t;
      place.tid = {t % block.x, t / block.x % block.y, t / block.x / block.y};
      memory.BeginThread();
      RETURN_IF_ERROR(Thread(module, kernel, launch, place, memory, stores).Run());
    }
  }
  return stores;
}

}  // namespace souk::reference
