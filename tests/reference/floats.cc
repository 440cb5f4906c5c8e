// Floating-point instructions whose result the ISA fixes: PTX ISA 9.7.3, 9.7.4, 9.7.5. Exact, then
// rounded once.
#include "reference/floats.h"

#include <cstdlib>

#include "reference/rules.h"

namespace souk::reference {

using ptx::Opcode;
using ptx::Operation;
using ptx::Type;

Format FormatOf(Type type) {
  switch (type) {
    case Type::kF16:
    case Type::kF16x2:
      return kHalf;
    case Type::kBf16:
    case Type::kBf16x2:
      return kBfloat;
    case Type::kF64:
      return kDouble;
    default:
      return kSingle;
  }
}

Mode ModeOf(ptx::Rounding rounding) {
  switch (rounding) {
    case ptx::Rounding::kRz:
    case ptx::Rounding::kRzi:
      return Mode::kTowardZero;
    case ptx::Rounding::kRm:
    case ptx::Rounding::kRmi:
      return Mode::kDown;
    case ptx::Rounding::kRp:
    case ptx::Rounding::kRpi:
      return Mode::kUp;
    default:
      return Mode::kNearestEven;
  }
}

bool IsNanBits(const Format& format, uint64_t bits) {
  return (bits & ~format.sign()) > format.infinity();
}

// ISA 9.7.3, "Subnormal numbers": .ftz makes inputs zeros of their sign.
uint64_t FlushInput(const Format& format, uint64_t bits) {
  return (bits & format.infinity()) == 0 ? bits & format.sign() : bits;
}

uint64_t CanonicalNan(const Format& format) {
  return format.sign() - 1;
}

// Single precision has no NaN payloads: 0x7fffffff; half precision 0x7fff (ISA 9.7.3, 9.7.4). For
// double precision the ISA fixes none; here the first operand that is NaN is kept, made quiet, and
// an invalid operation gives CUDA's 0xfff8000000000000, which is what this repository's devices
// document.
uint64_t NanResult(const Format& format, const uint64_t* operands, int count) {
  if (format.fraction_bits != kDouble.fraction_bits) return CanonicalNan(format);
  const uint64_t quiet = uint64_t{1} << (format.fraction_bits - 1);
  for (int i = 0; i < count; ++i) {
    if (IsNanBits(format, operands[i])) return operands[i] | quiet;
  }
  return format.sign() | format.infinity() | quiet;
}

// ISA .sat: to [+0, 1], NaN to +0.
uint64_t SaturateUnit(const Format& format, uint64_t bits) {
  const uint64_t one = static_cast<uint64_t>(format.bias()) << format.fraction_bits;
  if (IsNanBits(format, bits) || (bits & format.sign()) != 0) return 0;
  return bits > one ? one : bits;
}

namespace {

uint64_t ToFormat(const Format& format, uint64_t bits, const Format& from) {
  return Pack(format, Unpack(from, bits), Mode::kNearestEven, false);
}

// A rounded result with what .ftz, .sat and .relu do to it.
uint64_t FinishFloat(const Operation& op, const Format& format, const Number& exact,
                     const uint64_t* operands, int count) {
  uint64_t d = exact.IsNan() ? NanResult(format, operands, count)
                             : Pack(format, exact, ModeOf(op.rounding), op.ftz);
  if (op.sat) d = SaturateUnit(format, d);
  // fma.relu: "clamps to 0 if the result is negative, NaN to canonical NaN".
  if (op.relu && !IsNanBits(format, d) && (d & format.sign()) != 0) d = 0;
  return d;
}

uint64_t Arithmetic(const Operation& op, const Format& format, const uint64_t* s) {
  const Mode mode = ModeOf(op.rounding);
  const Number a = Unpack(format, s[0]);
  const Number b = Unpack(format, s[1]);
  switch (op.opcode) {
    case Opcode::kAdd:
      return FinishFloat(op, format, Add(a, b, mode), s, 2);
    case Opcode::kSub:
      return FinishFloat(op, format, Add(a, Negate(b), mode), s, 2);
    case Opcode::kMul:
      return FinishFloat(op, format, Multiply(a, b), s, 2);
    case Opcode::kFma:
    case Opcode::kMad:  // ISA 9.7.3.7: on these targets mad.f32 and mad.f64 are fma
      return FinishFloat(op, format, Add(Multiply(a, b), Unpack(format, s[2]), mode), s, 3);
    case Opcode::kDiv:
      return FinishFloat(op, format, Divide(a, b), s, 2);
    case Opcode::kRcp:
      return FinishFloat(op, format, Divide(FromInteger(1), a), s, 1);
    case Opcode::kSqrt:
      return FinishFloat(op, format, SquareRoot(a), s, 1);
    default:
      break;
  }
  std::abort();  // not a float instruction that the reference knows
}

// ISA 9.7.3.11, .12: -0 is less than +0; a number wins over NaN unless .NaN; .xorsign.abs compares
// magnitudes and gives the sign a ^ b. s: flushed where .ftz asks.
uint64_t MinMaxOf(const Operation& op, const Format& format, uint64_t first, uint64_t second) {
  const uint64_t sign = (first ^ second) & format.sign();
  const uint64_t operands[2] = {first, second};
  const uint64_t a = op.abs ? first & ~format.sign() : first;
  const uint64_t b = op.abs ? second & ~format.sign() : second;
  const bool a_nan = IsNanBits(format, a);
  const bool b_nan = IsNanBits(format, b);
  if ((a_nan && b_nan) || (op.nan && (a_nan || b_nan))) return NanResult(format, operands, 2);
  uint64_t d = a_nan ? b : a;
  if (!a_nan && !b_nan) {
    int order = Compare(Unpack(format, a), Unpack(format, b));
    if (order == 0) order = (b & format.sign()) != 0 ? 1 : -1;  // equal: the one with the sign less
    d = (op.opcode == Opcode::kMin) == (order < 0) ? a : b;
  }
  return op.xorsign ? (d & ~format.sign()) | sign : d;
}

uint64_t OneFloat(const Operation& op, Type type, const Sources& sources) {
  const Format format = FormatOf(type);
  Sources s = sources;
  for (uint64_t& bits : s) {
    bits = Truncate(type, bits);
    if (op.ftz) bits = FlushInput(format, bits);
  }
  switch (op.opcode) {
    case Opcode::kMin:
    case Opcode::kMax:
      return MinMaxOf(op, format, s[0], s[1]);
    case Opcode::kAbs:  // ISA 9.7.3.9, .10: the sign alone; a NaN's payload is left open and kept
      return s[0] & ~format.sign();
    case Opcode::kNeg:
      return s[0] ^ format.sign();
    case Opcode::kCopysign:  // ISA 9.7.3.2: a's sign on b
      return (s[0] & format.sign()) | (s[1] & ~format.sign());
    default:
      return Arithmetic(op, format, s.data());
  }
}

// ISA 9.7.5: add, sub, fma .f32.f16 and .f32.bf16: the narrow operands are converted exactly.
uint64_t Mixed(const Operation& op, const Sources& s) {
  const Format narrow = FormatOf(op.type2);
  const auto widened = [&](uint64_t bits) {
    bits = Truncate(op.type2, bits);
    return IsNanBits(narrow, bits) ? CanonicalNan(kSingle) : ToFormat(kSingle, bits, narrow);
  };
  const bool fused = op.opcode == Opcode::kFma;
  const uint64_t wide[3] = {widened(s[0]), fused ? widened(s[1]) : Truncate(Type::kF32, s[1]),
                            Truncate(Type::kF32, s[2])};
  return Arithmetic(op, kSingle, wide);
}

}  // namespace

uint64_t FloatResult(const Operation& op, const Sources& s) {
  if (op.type == Type::kF32 && op.type2 != Type::kNone) return Mixed(op, s);
  uint32_t width = 0;
  Type element = Type::kNone;
  if (op.type == Type::kF16x2) element = Type::kF16;
  if (op.type == Type::kBf16x2) element = Type::kBf16;
  if (op.type == Type::kF32x2) element = Type::kF32;
  if (element == Type::kNone) return OneFloat(op, op.type, s);
  width = ptx::TypeBits(element);
  Sources high = s;
  for (uint64_t& bits : high) bits >>= width;
  return OneFloat(op, element, s) | OneFloat(op, element, high) << width;
}

// ISA 9.7.3.1.
bool TestResult(const Operation& op, uint64_t bits) {
  const Format format = FormatOf(op.type);
  const Number a = Unpack(format, bits);
  const bool normal = a.kind == Kind::kFinite && (bits & format.infinity()) != 0;
  switch (op.test) {
    case ptx::TestProperty::kFinite:
      return a.kind == Kind::kFinite;
    case ptx::TestProperty::kInfinite:
      return a.IsInfinite();
    case ptx::TestProperty::kNumber:
      return !a.IsNan();
    case ptx::TestProperty::kNotanumber:
      return a.IsNan();
    case ptx::TestProperty::kNormal:
      return normal;
    case ptx::TestProperty::kSubnormal:
      return a.kind == Kind::kFinite && !normal && !a.IsZero();
    case ptx::TestProperty::kNone:
      break;
  }
  std::abort();  // not a property
}

}  // namespace souk::reference
