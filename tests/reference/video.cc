// Video instructions: PTX ISA 9.7.17.
#include <cstdlib>

#include "gpu/ptx/operands.h"
#include "reference/rules.h"

namespace souk::reference {
namespace {

using ptx::Combine;
using ptx::Opcode;
using ptx::Operation;
using ptx::Type;

int PartBits(Part part) {
  return part == Part::kAll ? 32 : part >= Part::kH0 ? 16 : 8;
}
int PartShift(Part part) {
  if (part == Part::kAll) return 0;
  if (part >= Part::kH0) return 16 * (static_cast<int>(part) - static_cast<int>(Part::kH0));
  return 8 * (static_cast<int>(part) - static_cast<int>(Part::kB0));
}

Int128 Signed(Int128 value, int bits, bool is_signed) {
  value &= (Int128{1} << bits) - 1;
  return is_signed && (value >> (bits - 1)) != 0 ? value - (Int128{1} << bits) : value;
}

Int128 Clamped(Int128 v, int bits, bool is_signed) {
  const Int128 least = is_signed ? -(Int128{1} << (bits - 1)) : 0;
  const Int128 most = (Int128{1} << (bits - (is_signed ? 1 : 0))) - 1;
  return v < least ? least : v > most ? most : v;
}

// The ISA's partSelectSignExtend.
Int128 Selected(const VideoOperands& v, int i, bool is_signed) {
  const auto bits = static_cast<Int128>(v.s[static_cast<size_t>(i)] >> PartShift(v.parts[i]));
  return Signed(bits, PartBits(v.parts[i]), is_signed);
}

bool HoldsBetween(ptx::Compare compare, Int128 a, Int128 b) {
  switch (compare) {
    case ptx::Compare::kEq:
      return a == b;
    case ptx::Compare::kNe:
      return a != b;
    case ptx::Compare::kLt:
      return a < b;
    case ptx::Compare::kLe:
      return a <= b;
    case ptx::Compare::kGt:
      return a > b;
    default:
      return a >= b;
  }
}

// vshl, vshr: amounts above 32 count as 32, or wrap at it.
Int128 VideoShift(const Operation& op, Int128 a, Int128 b) {
  const int amount = static_cast<int>(op.wrap ? b & 31 : b > 32 ? 32 : b);
  return op.opcode == Opcode::kVshl ? a << amount : a >> amount;
}

// What an instruction makes of two elements, before .sat.
Int128 Elementwise(const Operation& op, Int128 a, Int128 b) {
  switch (op.opcode) {
    case Opcode::kVadd:
    case Opcode::kVadd2:
    case Opcode::kVadd4:
      return a + b;
    case Opcode::kVsub:
    case Opcode::kVsub2:
    case Opcode::kVsub4:
      return a - b;
    case Opcode::kVabsdiff:
    case Opcode::kVabsdiff2:
    case Opcode::kVabsdiff4:
      return a < b ? b - a : a - b;
    case Opcode::kVmin:
    case Opcode::kVmin2:
    case Opcode::kVmin4:
      return a < b ? a : b;
    case Opcode::kVmax:
    case Opcode::kVmax2:
    case Opcode::kVmax4:
      return a < b ? b : a;
    case Opcode::kVavrg2:
    case Opcode::kVavrg4:  // the half away from zero where the sum is not negative
      return a + b >= 0 ? (a + b + 1) >> 1 : (a + b) >> 1;
    case Opcode::kVshl:
    case Opcode::kVshr:
      return VideoShift(op, a, b);
    case Opcode::kVset:
    case Opcode::kVset2:
    case Opcode::kVset4:
      return HoldsBetween(op.compare, a, b) ? 1 : 0;
    default:
      break;
  }
  std::abort();  // not a video instruction that the reference knows
}

bool IsSet(Opcode opcode) {
  return opcode == Opcode::kVset || opcode == Opcode::kVset2 || opcode == Opcode::kVset4;
}

// ISA optSecondaryOp, optMerge: on 33 bits, signed. c has the destination's sign.
uint64_t Second(const Operation& op, const VideoOperands& v, Int128 t, bool is_signed) {
  const Int128 c = Signed(static_cast<Int128>(v.s[2]), 32, is_signed);
  const Int128 word = Signed(t, 33, /*is_signed=*/true);
  switch (op.combine) {
    case Combine::kAdd:
      return TruncateTo(32, word + c);
    case Combine::kMin:
      return TruncateTo(32, word < c ? word : c);
    case Combine::kMax:
      return TruncateTo(32, word < c ? c : word);
    default:
      break;
  }
  if (v.destination == Part::kAll) return TruncateTo(32, t);
  const uint64_t field = (uint64_t{1} << PartBits(v.destination)) - 1;
  const int shift = PartShift(v.destination);
  return TruncateTo(
      32, static_cast<Int128>((v.s[2] & ~(field << shift)) | (TruncateTo(32, t) & field) << shift));
}

uint64_t Scalar(const Operation& op, const VideoOperands& v) {
  const bool set = IsSet(op.opcode);
  const bool is_signed = !set && ptx::IsSigned(op.type);
  const Type a_type = set ? op.type : op.type2;
  const Type b_type = set ? op.type2 : op.type3;
  Int128 t =
      Elementwise(op, Selected(v, 0, ptx::IsSigned(a_type)), Selected(v, 1, ptx::IsSigned(b_type)));
  // ISA optSaturate: to the destination's part.
  if (op.sat) t = Clamped(t, PartBits(v.destination), is_signed);
  return Second(op, v, t, is_signed);
}

// ISA 9.7.17.1.4: (a × b) + c in 128 bits.
uint64_t MultiplyAdd(const Operation& op, const VideoOperands& v) {
  const bool a_signed = ptx::IsSigned(op.type2);
  const bool b_signed = ptx::IsSigned(op.type3);
  const bool product_negated = v.negated[0] != v.negated[1];
  const bool is_signed = a_signed || b_signed || product_negated || v.negated[2];
  const bool plus_one = op.HasRest("po");
  Int128 product = Selected(v, 0, a_signed) * Selected(v, 1, b_signed);
  uint64_t c = Truncate(Type::kU32, v.s[2]);
  Int128 least = plus_one ? 1 : 0;
  if (!plus_one && product_negated) {
    product = ~product;
    least = 1;
  } else if (!plus_one && v.negated[2]) {
    c = Truncate(Type::kU32, ~c);
    least = 1;
  }
  Int128 sum = product + Signed(static_cast<Int128>(c), 32, is_signed) + least;
  const int scale = op.HasRest("shr7") ? 7 : op.HasRest("shr15") ? 15 : 0;
  sum >>= scale;
  return TruncateTo(32, op.sat ? Clamped(sum, 32, is_signed) : sum);
}

// ISA 9.7.18: vop2, vop4.
uint64_t Simd(const Operation& op, const VideoOperands& v, int elements) {
  const bool set = IsSet(op.opcode);
  const int bits = 32 / elements;
  const bool is_signed = !set && ptx::IsSigned(op.type);
  const Type types[2] = {set ? op.type : op.type2, set ? op.type2 : op.type3};
  // Element n of the row that both sources make, a's first.
  const auto element = [&](int source, int i) {
    const int n = v.picks[source][i];
    const auto word = static_cast<Int128>(n < elements ? v.s[0] : v.s[1]);
    return Signed(word >> (n % elements * bits), bits, ptx::IsSigned(types[source]));
  };
  Int128 sum = Signed(static_cast<Int128>(v.s[2]), 32, is_signed);
  uint64_t merged = 0;
  for (int i = 0; i < elements; ++i) {
    const int shift = i * bits;
    if (!v.written[i]) {
      merged |= v.s[2] & ((uint64_t{1} << bits) - 1) << shift;
      continue;
    }
    Int128 t = Elementwise(op, element(0, i), element(1, i));
    if (op.sat) t = Clamped(t, bits, is_signed);
    sum += t;
    merged |= TruncateTo(static_cast<uint32_t>(bits), t) << shift;
  }
  return op.combine == Combine::kAdd ? TruncateTo(32, sum) : merged;
}

}  // namespace

uint64_t VideoResult(const Operation& op, const VideoOperands& v) {
  if (op.opcode == Opcode::kVmad) return MultiplyAdd(op, v);
  const uint32_t ways = ptx::VideoWays(op.opcode);
  if (ways > 1) return Simd(op, v, static_cast<int>(ways));
  return Scalar(op, v);
}

}  // namespace souk::reference
