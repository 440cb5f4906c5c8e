#include "gpu/ptx/operands.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <string_view>

#include "gpu/ptx/matrix.h"

namespace souk::ptx {
namespace {

constexpr uint64_t kBarriers = 16;                   // of one block: ISA 9.7.13.1
constexpr uint64_t kWarpThreads = 32;                // a barrier waits for whole warps
constexpr uint64_t kFieldLimit = 255;                // bfe, bfi: position and length are 8 bits
constexpr uint64_t kBulkGrain = 16;                  // bytes: cp.async.bulk
constexpr uint64_t kMostBulkBytes = (1u << 20) - 1;  // what an mbarrier can count

bool IsUntyped(Type type) {
  return type >= Type::kB8 && type <= Type::kB128;
}

// ISA table 25: sizes agree; untyped registers take all; integers of either sign mix; floats do not
// mix with integers. `wider`: the register may be wider (table 26; ld, st, cvt). Where ptxas (CUDA
// 13.0) and the table differ, this is what ptxas does: formats of half size and packed ones live in
// registers of their own type and in untyped ones only.
bool Suits(Type reg, Type wanted, bool wider) {
  if (wanted == Type::kNone || reg == wanted) return true;
  if (reg == Type::kPred || wanted == Type::kPred) return false;
  const uint32_t have = TypeBits(reg);
  const uint32_t need = TypeBits(wanted);
  if (wanted == Type::kU16x2 || wanted == Type::kS16x2) {
    return reg == Type::kB32 || reg == Type::kF16x2;
  }
  if (IsFloat(wanted)) {
    return IsUntyped(reg) && (have == need || (wider && have > need));
  }
  if (have != need && !(wider && have > need && !IsFloat(reg))) return false;
  return reg == Type::kF16x2 || IsUntyped(reg) || IsUntyped(wanted) || !IsFloat(reg);
}

bool IsClassic(Type type) {
  return !IsFloat(type) || type == Type::kF16 || type == Type::kF16x2 || type == Type::kF32 ||
         type == Type::kF64;
}

Type AnyIfBf16(Type type) {
  if (type == Type::kBf16) return Type::kB16;
  return type == Type::kBf16x2 ? Type::kB32 : type;
}

// Whether an instruction on this space may name a variable of that one.
bool SpaceSuits(Space instruction, Space variable) {
  switch (instruction) {
    case Space::kGeneric:
      return variable != Space::kConst && variable != Space::kParam;
    case Space::kSharedCluster:
      return variable == Space::kShared || variable == Space::kSharedCluster;
    default:
      return variable == instruction;
  }
}

Type Widened(Type type) {
  switch (type) {
    case Type::kU16:
      return Type::kU32;
    case Type::kS16:
      return Type::kS32;
    case Type::kU32:
      return Type::kU64;
    case Type::kS32:
      return Type::kS64;
    default:
      return Type::kNone;
  }
}

// %pm0_64 … have 64 (SpecialName).
uint32_t SpecialBits(Special special, uint64_t number) {
  switch (special) {
    case Special::kClock64:
    case Special::kGlobaltimer:
    case Special::kGridid:
    case Special::kCurrentGraphExec:
      return 64;
    case Special::kIsExplicitCluster:
      return 1;
    case Special::kPm:
      return number >= 32 ? 64 : 32;
    default:
      return 32;
  }
}

class OperandChecker {
 public:
  OperandChecker(const Operation& op, const Module& m, const Function& f) : op_(op), m_(m), f_(f) {
    wider_ = op.opcode == Opcode::kLd || op.opcode == Opcode::kSt || op.opcode == Opcode::kLdu ||
             (op.opcode == Opcode::kCvt && IsClassic(op.type) && IsClassic(op.type2));
  }

  std::string Check(std::string_view signature, std::span<const Operand> operands);

 private:
  Type Wanted(char type) const {
    switch (type) {
      case 't':
        return TakesAnyForBf16(/*first_type=*/true) ? AnyIfBf16(op_.type) : op_.type;
      case 'u':
        return TakesAnyForBf16(/*first_type=*/false) ? AnyIfBf16(op_.type2) : op_.type2;
      case 'w':
        return Widened(op_.type);
      case '1':
        return Type::kPred;
      case '3':
        return Type::kB32;
      case '4':
      case '8':
      case 'b':
      case 'c':
      case 'd':
      case 'm':
      case 'n':
      case 'v':
      case 'y':
      case 'z':
        return Type::kU32;
      case '5':
        return Type::kU16;
      case 'f':
        return Type::kF32;
      case 'r':
        return Type::kPred;
      case '6':
      case 'h':
        return Type::kU64;
      default:
        return Type::kNone;
    }
  }

  bool IsPtxasRoutine() const {
    const bool directed =
        op_.type == Type::kF64 && op_.rounding != Rounding::kNone && op_.rounding != Rounding::kRn;
    return op_.opcode == Opcode::kDiv || op_.opcode == Opcode::kRem ||
           (directed && (op_.opcode == Opcode::kRcp || op_.opcode == Opcode::kSqrt));
  }

  bool IsRegister(const Operand& o, Type wanted) const {
    if (o.kind != OperandKind::kRegister) return false;
    const Register& reg = f_.registers[o.index];
    const bool element = o.component >= Component::kX && o.component <= Component::kW;
    if (o.component != Component::kAll && !element) return false;
    // Ptxas's own routines for these take no element of a vector.
    if (element && IsPtxasRoutine()) return false;
    if (element != (reg.vector > 1)) return false;
    if (element && static_cast<int>(o.component) - static_cast<int>(Component::kX) >= reg.vector) {
      return false;
    }
    return Suits(reg.type, wanted, wider_);
  }

  // Where ptxas takes any register of the size for .bf16 and .bf16x2.
  bool TakesAnyForBf16(bool first_type) const {
    switch (op_.opcode) {
      case Opcode::kSet:
        return first_type;
      case Opcode::kAdd:
      case Opcode::kSub:
      case Opcode::kFma:
        return !first_type;
      case Opcode::kCvt:
        return op_.type == Type::kUe8m0x2 || op_.type2 == Type::kUe8m0x2;
      default:
        return false;
    }
  }

  Space SpaceOf(const Operand& o) const {
    return o.scope == VariableScope::kModule ? m_.variables[o.index].space
                                             : f_.variables[o.index].space;
  }

  // mov reads a special register whole; those that once had 16 bits may be read so.
  bool MovesSpecial(const Operand& o) const {
    const auto special = static_cast<Special>(o.index);
    const uint32_t bits = TypeBits(op_.type);
    if (bits == 16) return special <= Special::kNctaidW || special == Special::kGridid;
    return bits == SpecialBits(special, o.value);
  }

  // An address or a special register stands for a value in few instructions. A variable with an
  // offset is a constant to ptxas, which may stand wherever an integer may.
  bool MayBeNamed(const Operand& o) const {
    switch (o.kind) {
      case OperandKind::kSpecial:
        if (op_.opcode == Opcode::kMov) return MovesSpecial(o);
        return op_.opcode == Opcode::kCvt && !IsFloat(op_.type) && !op_.HasRest("pack") &&
               TypeBits(op_.type2) <= SpecialBits(static_cast<Special>(o.index), o.value);
      case OperandKind::kFunction:
        return op_.opcode == Opcode::kMov;
      case OperandKind::kVariable:
        if (op_.opcode == Opcode::kCvta && !op_.to) return SpaceSuits(op_.space, SpaceOf(o));
        if (o.value != 0) return !(IsPtxasRoutine() && TypeBits(op_.type) == 64);
        return op_.opcode == Opcode::kMov &&
               (TypeBits(op_.type) == 64 || SpaceOf(o) != Space::kGlobal);
      default:
        return true;
    }
  }

  bool IsSource(const Operand& o, Type wanted) const {
    switch (o.kind) {
      case OperandKind::kRegister:
        return IsRegister(o, wanted) && (!o.negated || wanted == Type::kPred);
      case OperandKind::kInteger:
        return !IsFloat(wanted) && wanted != Type::kU16x2 && wanted != Type::kS16x2;
      case OperandKind::kFloat32:
      case OperandKind::kFloat64:
        return wanted == Type::kF32 || wanted == Type::kF64 || wanted == Type::kNone ||
               (wanted == Type::kB32 && o.kind == OperandKind::kFloat32) ||
               (wanted == Type::kB64 && o.kind == OperandKind::kFloat64);
      case OperandKind::kSpecial:
        // %is_explicit_cluster
        if (wanted == Type::kPred) return op_.opcode == Opcode::kMov && MovesSpecial(o);
        [[fallthrough]];
      case OperandKind::kVariable:
      case OperandKind::kFunction:
        return MayBeNamed(o) && !IsFloat(wanted) && wanted != Type::kPred &&
               wanted != Type::kU16x2 && wanted != Type::kS16x2 &&
               (wanted == Type::kNone || TypeBits(wanted) >= 16);
      default:
        return false;
    }
  }

  bool IsPairOf(const Operand& o, Type first, Type second) const {
    if (o.kind != OperandKind::kPair) return false;
    const std::span<const Operand> parts = f_.Elements(o);
    return IsRegisterOrSink(parts[0], first) && IsRegisterOrSink(parts[1], second);
  }

  bool IsRegisterOrSink(const Operand& o, Type wanted) const {
    return o.kind == OperandKind::kSink || (IsRegister(o, wanted) && !o.negated);
  }

  // {a, b}: as many as the access is wide, or a whole vector register.
  bool IsAccess(const Operand& o, bool store) const {
    const auto fits = [&](const Operand& part) {
      return store ? IsSource(part, op_.type) && part.kind != OperandKind::kSpecial
                   : IsRegisterOrSink(part, op_.type);
    };
    if (op_.vector == 1) return fits(o) && o.kind != OperandKind::kSink;
    if (o.kind == OperandKind::kRegister) {
      const Register& reg = f_.registers[o.index];
      return reg.vector == op_.vector && o.component == Component::kAll && !o.negated &&
             Suits(reg.type, op_.type, wider_);
    }
    if (o.kind != OperandKind::kVector) return false;
    const std::span<const Operand> parts = f_.Elements(o);
    const bool untyped = std::any_of(parts.begin(), parts.end(), [&](const Operand& part) {
      return IsRegister(part, op_.type) && IsUntyped(f_.registers[part.index].type);
    });
    // An untyped register makes the vector untyped: then AgreeInType has said enough of the rest.
    return parts.size() == op_.vector && AgreeInType(parts) &&
           std::all_of(parts.begin(), parts.end(), [&](const Operand& part) {
             return fits(part) || (untyped && IsRegister(part, Type::kNone) && !part.negated);
           });
  }

  static bool AreSinks(std::span<const Operand> parts) {
    return std::all_of(parts.begin(), parts.end(),
                       [](const Operand& part) { return part.kind == OperandKind::kSink; });
  }

  // The registers of one access have one size, and are not floats and integers together unless an
  // untyped one is among them. At least one is there that is not _.
  bool AgreeInType(std::span<const Operand> parts) const {
    uint32_t bits = 0;
    bool floats = false;
    bool integers = false;
    bool untyped = false;
    for (const Operand& part : parts) {
      Type type = Type::kNone;
      if (part.kind == OperandKind::kRegister) type = f_.registers[part.index].type;
      integers |= part.kind == OperandKind::kInteger;
      if (type == Type::kNone) continue;
      if (bits != 0 && bits != TypeBits(type)) return false;
      bits = TypeBits(type);
      untyped |= IsUntyped(type);
      floats |= IsFloat(type);
      integers |= !IsUntyped(type) && !IsFloat(type);
    }
    return !AreSinks(parts) && (untyped || !floats || !integers);
  }

  // What mov packs and unpacks: integers, or floats of one type; untyped registers are either.
  bool AreOfOneKind(std::span<const Operand> parts) const {
    Type kind = Type::kNone;
    for (const Operand& part : parts) {
      Type type = Type::kU32;
      if (part.kind == OperandKind::kSink) continue;
      if (part.kind == OperandKind::kRegister) {
        const Type declared = f_.registers[part.index].type;
        if (IsUntyped(declared)) continue;
        if (IsFloat(declared)) type = declared;
      }
      if (kind != Type::kNone && kind != type) return false;
      kind = type;
    }
    return true;
  }

  // mov packs and unpacks: the parts' sizes add up to the whole.
  bool IsMoved(const Operand& o, bool destination) const {
    if (o.kind != OperandKind::kVector) {
      return destination ? IsRegister(o, op_.type) && !o.negated : IsSource(o, op_.type);
    }
    const std::span<const Operand> parts = f_.Elements(o);
    if ((parts.size() != 2 && parts.size() != 4) || !IsUntyped(op_.type)) return false;
    const uint32_t bits = TypeBits(op_.type) / static_cast<uint32_t>(parts.size());
    if (AreSinks(parts) || !AreOfOneKind(parts)) return false;
    return std::all_of(parts.begin(), parts.end(), [&](const Operand& part) {
      if (part.kind == OperandKind::kSink) return destination;
      if (part.kind == OperandKind::kInteger) return !destination;
      return IsRegister(part, Type::kNone) && !part.negated &&
             TypeBits(f_.registers[part.index].type) == bits;
    });
  }

  bool Fits(char role, char type, const Operand& o, size_t position) const {
    if (role == 'X') return IsFragment(op_, f_, o, type, /*destination=*/position == 0);
    const Type wanted = Wanted(type);
    if (type == 'p') return IsPointer(o);
    if (type == 'v') return IsVideoOperand(role, o, position);
    if (o.kind == OperandKind::kInteger && type == 'b') return o.value < kBarriers;
    if (o.kind == OperandKind::kInteger && type == 'c') {
      const bool arrives = op_.barrier == BarrierMode::kArrive;
      return o.value % kWarpThreads == 0 && (o.value != 0 || !arrives);
    }
    if (o.kind == OperandKind::kInteger && type == '8') return o.value <= kFieldLimit;
    if (o.kind == OperandKind::kInteger && type == 'm') {
      return o.value % kBulkGrain == 0 && o.value <= kMostBulkBytes;
    }
    if (o.kind == OperandKind::kInteger && type == 'n') return static_cast<int64_t>(o.value) > 0;
    // These take no address for a number.
    const bool no_variable = type == '5' || type == '6' || op_.opcode == Opcode::kCreatepolicy;
    if (no_variable && o.kind == OperandKind::kVariable) return false;
    if (o.kind == OperandKind::kInteger && type == 'y') return o.value <= 1;
    if (type == 'f' && o.kind != OperandKind::kRegister) return IsFraction(o);
    if (type == 'z') return IsCopiedSize(o);
    // Where 32 bits are a number, and not any word, ptxas takes no f16x2 register.
    if (std::string_view("48bcmny").find(type) != std::string_view::npos && IsHalfPair(o)) {
      return false;
    }
    if (IsRefusedForBf16(type, o)) return false;
    if (type == 'u' && IsFloat(op_.type2) && IsNoLiteral(o)) return false;
    if (type == 'r' && o.kind != OperandKind::kRegister) return false;
    if (type == 'h' && o.kind != OperandKind::kRegister) return o.kind == OperandKind::kInteger;
    switch (role) {
      case 'D':
        return IsRegister(o, wanted) && !o.negated && !IsRefusedResult(f_.registers[o.index].type);
      case 'G':
        // ptxas 13.0 crashes on a bf16 result that nobody wants.
        return IsRegisterOrSink(o, wanted) && (o.kind != OperandKind::kSink || !HasBf16(op_));
      case 'N':
        return o.kind == OperandKind::kSink;
      case 'Q':
        if (IsRegister(o, wanted)) return !o.negated;
        return IsPairOf(o, wanted, Type::kPred) && !AreSinks(f_.Elements(o)) &&
               (op_.opcode != Opcode::kShfl || f_.Elements(o)[0].kind != OperandKind::kSink);
      case 'P':
        return IsPairOf(o, wanted, Type::kPred) && f_.Elements(o)[1].kind != OperandKind::kSink;
      case 'E':
        return (IsRegister(o, Type::kPred) && !o.negated) ||
               (IsPairOf(o, Type::kPred, Type::kPred) && !AreSinks(f_.Elements(o)));
      case 'S':
        return IsSource(o, wanted);
      case 'A':
        return o.kind == OperandKind::kAddress && AddressFits(o, position);
      case 'V':
        return IsAccess(o, /*store=*/false);
      case 'W':
        return IsAccess(o, /*store=*/true);
      case 'M':
        return IsMoved(o, /*destination=*/position == 0);
      case 'L':
        return o.kind == OperandKind::kLabel;
      case 'B':
        return o.kind == OperandKind::kLabel || o.kind == OperandKind::kTable;
      default:
        return o.kind == OperandKind::kInteger && IsAllowedConstant(o.value);
    }
  }

  // Registers for a result that the tables allow and ptxas 13.0 does not.
  bool IsRefusedResult(Type reg) const {
    const bool narrows =
        op_.opcode == Opcode::kCvt && op_.ftz && op_.type == Type::kF32 && op_.type2 == Type::kF64;
    return narrows && TypeBits(reg) == 64;
  }
  // Any register of 16 bits holds a bf16 there, save those of the other format.
  bool IsRefusedForBf16(char type, const Operand& o) const {
    if ((type != 't' && type != 'u') || o.kind != OperandKind::kRegister) return false;
    const Type wanted = type == 't' ? op_.type : op_.type2;
    return wanted == Type::kBf16 && f_.registers[o.index].type == Type::kF16;
  }

  // Of a float's bits an address is none, nor in cvt a number, nor in cvt.rna a double.
  bool IsNoLiteral(const Operand& o) const {
    return o.kind == OperandKind::kVariable ||
           (o.kind == OperandKind::kInteger && op_.opcode == Opcode::kCvt) ||
           (o.kind == OperandKind::kFloat64 && op_.rounding == Rounding::kRna);
  }

  bool IsHalfPair(const Operand& o) const {
    if (o.kind == OperandKind::kPair) return IsHalfPair(f_.Elements(o)[0]);
    return o.kind == OperandKind::kRegister && f_.registers[o.index].type == Type::kF16x2;
  }

  // The values that an instruction with an integer constant takes.
  bool IsAllowedConstant(uint64_t value) const {
    switch (op_.opcode) {
      case Opcode::kApplypriority:
      case Opcode::kDiscard:
        return value == 128;
      case Opcode::kFence:
        return value == 128;
      case Opcode::kPmevent:
        return value <= (op_.HasRest("mask") ? 0xffff : 15);
      case Opcode::kSetmaxnreg:
        return value >= 24 && value <= 256 && value % 8 == 0;
      case Opcode::kCp:
        if (op_.HasRest("wait_group")) return true;
        return value == 16 || (op_.cache != CacheOp::kCg && (value == 4 || value == 8));
      default:
        return true;
    }
  }

  // cp.async's fourth operand: how many bytes are read, or the predicate under which none are.
  bool IsCopiedSize(const Operand& o) const {
    if (o.kind == OperandKind::kInteger) return o.value <= 16;
    if (o.kind != OperandKind::kRegister || IsHalfPair(o)) return false;
    return IsRegister(o, Type::kPred) || (!o.negated && IsRegister(o, Type::kU32));
  }

  // createpolicy's: above 0, up to 1.
  static bool IsFraction(const Operand& o) {
    if (o.kind != OperandKind::kFloat32 && o.kind != OperandKind::kFloat64) return false;
    const float value = std::bit_cast<float>(static_cast<uint32_t>(FloatBits(o, Type::kF32)));
    return value > 0.0f && value <= 1.0f;
  }

  // Of a video instruction: a register of 32 bits, or in a scalar one a constant. Parts and signs
  // are VideoOperandFault's.
  bool IsVideoOperand(char role, const Operand& o, size_t position) const {
    if (o.kind != OperandKind::kRegister) {
      if (VideoWays(op_.opcode) > 1 || role == 'D') return false;
      return o.kind == OperandKind::kInteger || (position == 3 && IsSource(o, Type::kU32));
    }
    const bool sets =
        op_.opcode == Opcode::kVset || op_.opcode == Opcode::kVset2 || op_.opcode == Opcode::kVset4;
    if (sets && (position == 0 || position == 3) && IsHalfPair(o)) return false;
    if (role == 'D' && o.negated) return false;
    const Register& reg = f_.registers[o.index];
    return reg.vector == 1 && Suits(reg.type, Type::kU32, /*wider=*/false);
  }

  bool IsPointer(const Operand& o) const {
    if (o.kind == OperandKind::kInteger) return true;
    if (o.kind == OperandKind::kVariable) return MayBeNamed(o);
    return !o.negated && !IsHalfPair(o) && (IsRegister(o, Type::kU64) || IsRegister(o, Type::kU32));
  }

  bool AddressFits(const Operand& o, size_t position) const {
    const bool copies = op_.opcode == Opcode::kCp;
    const Space space = copies && position == 3   ? Space::kShared  // the mbarrier
                        : copies && position == 1 ? op_.space2
                                                  : op_.space;
    if (o.base == BaseKind::kNone) return space == Space::kLocal;
    if (o.base == BaseKind::kVariable) {
      if (op_.opcode == Opcode::kMbarrier) return SpaceOf(o) == Space::kShared;
      // ISA 9.7.13, atom, red: they are for global and shared memory (ptxas takes these, or
      // crashes).
      const bool is_atomic = op_.opcode == Opcode::kAtom || op_.opcode == Opcode::kRed;
      if (is_atomic && SpaceOf(o) == Space::kLocal) return false;
      const bool fetches = op_.opcode == Opcode::kPrefetch || op_.opcode == Opcode::kPrefetchu;
      if (fetches && space == Space::kGeneric) return SpaceOf(o) == Space::kGlobal;
      return SpaceSuits(space, SpaceOf(o));
    }
    const Register& reg = f_.registers[o.index];
    if (reg.vector != 1 || IsFloat(reg.type)) return false;
    // Global memory has 64-bit addresses only: no target has the 32-bit ABI any more. (ptxas lets
    // cp.async's source pass.)
    const bool narrow = space != Space::kGeneric && space != Space::kGlobal;
    return TypeBits(reg.type) == 64 ||
           (TypeBits(reg.type) == 32 && (narrow || op_.opcode == Opcode::kCp));
  }

  const Operation& op_;
  const Module& m_;
  const Function& f_;
  bool wider_ = false;
};

const char* RoleName(char role, char type) {
  if (role == 'X') return "as many registers of the matrix's type as the instruction takes";
  if (type == 'b') return "a barrier's number, from 0 to 15 or in an integer register";
  if (type == 'c') return "a number of threads, a multiple of 32 or in an integer register";
  if (type == 'p') return "a pointer in an integer register";
  if (type == '8') return "a number up to 255 or in an integer register";
  if (type == 'r') return "a predicate register";
  if (type == 'h') return "a cache policy in a register of 64 bits";
  if (type == 'z') return "a number of bytes up to 16 or a predicate";
  if (type == 'm') return "a number of bytes, a multiple of 16 or in an integer register";
  if (type == 'n') return "a number above 0 or in an integer register";
  if (type == 'y') return "0, 1 or an integer register";
  if (type == 'f') return "a fraction up to 1";
  if (type == 'v') return "a register of 32 bits, or a part of it where the instruction takes one";
  switch (role) {
    case 'N':
      return "'_'";
    case 'A':
      return "an address that the instruction takes";
    case 'L':
      return "a label";
    case 'B':
      return "a branch table";
    case 'I':
      return "a constant that the instruction takes";
    case 'V':
      return "registers that suit the access";
    case 'W':
      return "values that suit the access";
    case 'S':
    case 'M':
      return "a value of the instruction's type";
    default:
      return "a register of the instruction's type";
  }
}

std::string OperandChecker::Check(std::string_view signature, std::span<const Operand> operands) {
  const size_t least =
      static_cast<size_t>(std::count_if(signature.begin(), signature.end(), [](char c) {
        return std::string_view("DGNQPESAVWMLBIX").find(c) != std::string_view::npos;
      }));
  const size_t optional = static_cast<size_t>(std::count(signature.begin(), signature.end(), '?'));
  const auto is_vector = [](const Operand& o) { return o.kind == OperandKind::kVector; };
  if (op_.opcode == Opcode::kMov && std::all_of(operands.begin(), operands.end(), is_vector)) {
    return "a vector is moved to or from a scalar";
  }
  if (operands.size() > least || operands.size() + optional < least) {
    return fmt::format("it takes {} operands, not {}", least, operands.size());
  }
  size_t absent = least - operands.size();  // optional ones are left out from the back
  size_t remaining = optional;
  size_t at = 0;
  for (size_t i = 0; i < signature.size(); ++i) {
    if (signature[i] == ' ') continue;
    if (signature[i] == '?') {
      // The last `absent` optional operands are the ones that are not there.
      if (remaining-- <= absent) {
        i = std::min(signature.find(' ', i), signature.size());
      }
      continue;
    }
    const char role = signature[i];
    const bool typed = i + 1 < signature.size() && signature[i + 1] != ' ';
    const char type = typed ? signature[++i] : 'x';
    if (!Fits(role, type, operands[at], at)) {
      return fmt::format("operand {} must be {}", at + 1, RoleName(role, type));
    }
    ++at;
  }
  return "";
}

// Of two constants that must suit each other. `operands` are right one by one.
std::string ConstantsFault(const Operation& op, std::span<const Operand> operands) {
  const auto are_constants = [&](size_t a, size_t b) {
    return operands.size() > b && operands[a].kind == OperandKind::kInteger &&
           operands[b].kind == OperandKind::kInteger;
  };
  if (op.opcode == Opcode::kCreatepolicy && are_constants(2, 3) &&
      static_cast<uint32_t>(operands[2].value) > static_cast<uint32_t>(operands[3].value)) {
    return "its first size is over its second one";
  }
  const bool copies = op.opcode == Opcode::kCp && !op.HasRest("bulk");
  if (copies && are_constants(2, 3) && operands[3].value > operands[2].value) {
    return "it reads more bytes than it copies";
  }
  return "";
}

}  // namespace

std::string OperandFault(const Operation& op, const Module& m, const Function& f,
                         std::span<const Operand> operands, bool guarded) {
  const bool old_form = (op.opcode == Opcode::kVote || op.opcode == Opcode::kShfl) && !op.sync;
  if (old_form && m.target >= 70 && m.version >= 64) {
    return "without .sync it is not there for sm_70 and newer since .version 6.4";
  }
  const char* const signature = OperandSignature(op);
  if (signature == nullptr) return "";
  std::string fault = OperandChecker(op, m, f).Check(signature, operands);
  if (!fault.empty()) return fault;
  // ptxas 13.0 crashes on it.
  if (guarded && op.opcode == Opcode::kSetp && operands[0].kind == OperandKind::kPair &&
      f.Elements(operands[0])[0].kind == OperandKind::kSink) {
    return "a guarded instruction has a first result";
  }
  fault = ConstantsFault(op, operands);
  if (!fault.empty()) return fault;
  return IsVideo(op.opcode) ? VideoOperandFault(op, operands) : "";
}

}  // namespace souk::ptx
