// cvt: PTX ISA 9.7.9.21, cvt.pack: 9.7.9.22.
#include "protocol/base/check.h"
#include "reference/floats.h"
#include "reference/rules.h"

namespace souk::reference {
namespace {

using ptx::Operation;
using ptx::Type;

Int128 LeastOf(Type type) {
  return ptx::IsSigned(type) ? -(Int128{1} << (ptx::TypeBits(type) - 1)) : 0;
}
Int128 MostOf(Type type) {
  return (Int128{1} << (ptx::TypeBits(type) - (ptx::IsSigned(type) ? 1 : 0))) - 1;
}
Int128 ClampTo(Type type, Int128 v) {
  return v < LeastOf(type) ? LeastOf(type) : v > MostOf(type) ? MostOf(type) : v;
}

// Float to integer clamps always. NaN is 0, but the lone highest bit where the source is .f64 or
// the destination has 64 bits ("NaN input results in ... 1 << (BitWidth(dst) - 1)").
uint64_t FloatToInteger(const Operation& op, uint64_t bits) {
  const Number n = Unpack(FormatOf(op.type2), bits);
  const uint32_t width = ptx::TypeBits(op.type);
  if (n.IsNan()) {
    return op.type2 == Type::kF64 || width == 64 ? uint64_t{1} << (width - 1) : 0;
  }
  return TruncateTo(width, ClampTo(op.type, ToInteger(ToIntegral(n, ModeOf(op.rounding)))));
}

bool IsIntegral(ptx::Rounding r) {
  return r == ptx::Rounding::kRni || r == ptx::Rounding::kRzi || r == ptx::Rounding::kRmi ||
         r == ptx::Rounding::kRpi;
}

// A NaN that becomes .f64 keeps sign and payload, made quiet; everything else has a canonical NaN.
uint64_t NanTo(Type to, Type from, uint64_t bits) {
  const Format format = FormatOf(to);
  if (to != Type::kF64) return CanonicalNan(format);
  const Format source = FormatOf(from);
  const uint64_t payload = bits & ((uint64_t{1} << source.fraction_bits) - 1);
  const uint64_t quiet = uint64_t{1} << (format.fraction_bits - 1);
  return ((bits & source.sign()) != 0 ? format.sign() : 0) | format.infinity() | quiet |
         payload << (format.fraction_bits - source.fraction_bits);
}

// .sat, .relu and .satfinite on a rounded float.
uint64_t Limited(const Operation& op, const Format& format, uint64_t d) {
  if (op.sat) d = SaturateUnit(format, d);
  if (op.relu && !IsNanBits(format, d) && (d & format.sign()) != 0) d = 0;
  if (op.satfinite && (d & ~format.sign()) == format.infinity()) d -= 1;
  return d;
}

uint64_t FloatToFloat(const Operation& op, Type to, uint64_t bits) {
  const Format format = FormatOf(to);
  const Number n = Unpack(FormatOf(op.type2), bits);
  if (n.IsNan()) return Limited(op, format, NanTo(to, op.type2, bits));
  const Mode mode = ModeOf(op.rounding);
  const bool flush = op.ftz && to == Type::kF32;
  const Number exact = IsIntegral(op.rounding) ? ToIntegral(n, mode) : n;
  return Limited(op, format, Pack(format, exact, mode, flush));
}

uint64_t OneConversion(const Operation& op, Type to, uint64_t bits) {
  bits = Truncate(op.type2, bits);
  // .ftz is about .f32 alone, on either side.
  if (op.ftz && op.type2 == Type::kF32) bits = FlushInput(kSingle, bits);
  const bool from_float = ptx::IsFloat(op.type2);
  if (from_float && ptx::IsFloat(to)) return FloatToFloat(op, to, bits);
  if (from_float) return FloatToInteger(op, bits);
  const Int128 value = ValueOf(op.type2, bits);
  if (!ptx::IsFloat(to)) {
    return TruncateTo(ptx::TypeBits(to), op.sat ? ClampTo(to, value) : value);
  }
  const Format format = FormatOf(to);
  return Limited(op, format, Pack(format, FromInteger(value), ModeOf(op.rounding), false));
}

// cvt.pack.sat: a to the upper, b to the lower place, c's low bits above them.
uint64_t PackIntegers(const Operation& op, const Sources& s) {
  const uint32_t width = ptx::TypeBits(op.type);
  const auto clamped = [&](uint64_t bits) {
    return TruncateTo(width, ClampTo(op.type, ValueOf(op.type2, bits)));
  };
  const uint64_t pair = clamped(s[0]) << width | clamped(s[1]);
  if (op.type3 == Type::kNone) return pair;
  return TruncateTo(32, static_cast<Int128>(s[2] << (2 * width) | pair));
}

}  // namespace

uint64_t ConvertResult(const Operation& op, const Sources& s) {
  if (op.HasRest("pack")) return PackIntegers(op, s);
  if (op.type == Type::kF16x2 || op.type == Type::kBf16x2) {
    const Type half = op.type == Type::kF16x2 ? Type::kF16 : Type::kBf16;
    return OneConversion(op, half, s[0]) << 16 | OneConversion(op, half, s[1]);
  }
  return OneConversion(op, op.type, s[0]);
}

}  // namespace souk::reference
