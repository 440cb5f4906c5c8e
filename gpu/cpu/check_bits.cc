#include "gpu/cpu/check_bits.h"

#include <algorithm>

#include "gpu/ptx/operation.h"

namespace souk::gpu::cpu {
namespace {

using ptx::Compare;

struct FloatFormat {
  uint64_t sign;
  uint64_t exponent;
  uint64_t quiet;
};
// Of pairs: a half's.
constexpr FloatFormat FormatOf(Ty type) {
  switch (type) {
    case Ty::kF64:
      return {uint64_t{1} << 63, 0x7ff0000000000000, 0x0008000000000000};
    case Ty::kF32:
      return {0x80000000, 0x7f800000, 0x00400000};
    case Ty::kF16:
    case Ty::kF16x2:
      return {0x8000, 0x7c00, 0x0200};
    default:  // kBf16, kBf16x2
      return {0x8000, 0x7f80, 0x0040};
  }
}
constexpr bool IsPair(Ty type) {
  return type == Ty::kF16x2 || type == Ty::kBf16x2;
}
constexpr bool IsSignedInteger(Ty ty) {
  return ty == Ty::kS8 || ty == Ty::kS16 || ty == Ty::kS32 || ty == Ty::kS64;
}
constexpr bool IsAnyInteger(Ty ty) {
  return Index(ty) >= Index(Ty::kU8) && Index(ty) <= Index(Ty::kS64);
}

uint64_t OpenOfOneNan(const FloatFormat& format, uint64_t value) {
  if ((value & (format.sign - 1)) <= format.exponent) return 0;
  const uint64_t all = format.sign | (format.sign - 1);
  // What was signalling and only had its sign changed, may stay so.
  return all & ~(format.exponent | (value & format.quiet));
}

// The least and the greatest that it may be, in an order that compares as unsigned.
struct Span {
  uint64_t least;
  uint64_t most;
};
Span SpanOf(const OpenValue& v, Ty ty) {
  const uint64_t bits = BitsOfRegister(ElementBytes(ty));
  const uint64_t flip = IsSignedInteger(ty) ? (bits >> 1) + 1 : 0;
  const uint64_t open = v.open & bits;
  const uint64_t value = (v.value & bits) ^ flip;
  return {value & ~open, value | open};
}

bool IsCompareOpen(Compare compare, Ty ty, const OpenValue& a, const OpenValue& b) {
  const Span x = SpanOf(a, ty);
  const Span y = SpanOf(b, ty);
  switch (compare) {
    case Compare::kEq:
    case Compare::kNe: {
      // They differ for sure where a fixed bit does.
      const uint64_t fixed = ~(a.open | b.open) & BitsOfRegister(ElementBytes(ty));
      return ((a.value ^ b.value) & fixed) == 0;
    }
    case Compare::kLt:
    case Compare::kGe:
      return !(x.most < y.least || x.least >= y.most);
    case Compare::kLe:
    case Compare::kGt:
      return !(x.most <= y.least || x.least > y.most);
    default:
      return true;
  }
}

// Bits that may come out as one, and as zero: those are open that may do both. The row k of the
// table has a, b and c as the bits 2, 1 and 0 of k (ISA lop3).
uint64_t OpenOfLogic(uint64_t table, const OpenValue& a, const OpenValue& b, const OpenValue& c) {
  const auto may_be = [](const OpenValue& v, uint32_t bit) {
    return (bit != 0 ? v.value : ~v.value) | v.open;
  };
  uint64_t ones = 0;
  uint64_t zeros = 0;
  for (uint32_t k = 0; k < 8; ++k) {
    const uint64_t row = may_be(a, k >> 2 & 1) & may_be(b, k >> 1 & 1) & may_be(c, k & 1);
    ((table >> k & 1) != 0 ? ones : zeros) |= row;
  }
  return ones & zeros;
}

// No carry goes further than that of the least and of the greatest operands together.
uint64_t OpenOfSum(bool subtracts, const OpenValue& a, const OpenValue& b) {
  const uint64_t a_least = a.value & ~a.open;
  const uint64_t a_most = a.value | a.open;
  const uint64_t b_least = b.value & ~b.open;
  const uint64_t b_most = b.value | b.open;
  const uint64_t carried =
      subtracts ? (a_least - b_most) ^ (a_most - b_least) : (a_least + b_least) ^ (a_most + b_most);
  return carried | a.open | b.open;
}

uint64_t OpenOfShift(const OpenOperation& op) {
  if (op.b.open != 0) return UINT64_MAX;
  const uint32_t bytes = ElementBytes(op.ty);
  const uint64_t most = 8 * bytes;
  const uint64_t open = op.a.open & BitsOfRegister(bytes);
  const uint64_t amount = op.b.value & UINT32_MAX;
  if (op.fn == Fn::kShl) return amount >= most ? 0 : open << amount;
  if (!IsSignedInteger(op.ty)) return amount >= most ? 0 : open >> amount;
  const auto extended = static_cast<int64_t>(ExtendOpen(open, bytes, /*is_signed=*/true));
  return static_cast<uint64_t>(extended >> std::min<uint64_t>(amount, most - 1));
}

uint64_t OpenOfFunnel(const OpenOperation& op) {
  if (op.c.open != 0) return UINT64_MAX;
  const bool clamps = op.fn == Fn::kShfLeftClamp || op.fn == Fn::kShfRightClamp;
  const bool right = op.fn == Fn::kShfRightWrap || op.fn == Fn::kShfRightClamp;
  const uint64_t given = op.c.value & UINT32_MAX;
  const uint64_t n = clamps ? std::min<uint64_t>(given, 32) : given & 31;
  const uint64_t both = op.b.open << 32 | (op.a.open & UINT32_MAX);
  return right ? both >> n : (both << n) >> 32;
}

uint64_t OpenOfPermutation(const OpenOperation& op) {
  if (op.c.open != 0 || op.ty != Ty::kU32) return UINT64_MAX;
  const uint64_t both = op.b.open << 32 | (op.a.open & UINT32_MAX);
  uint64_t open = 0;
  for (uint32_t i = 0; i < 4; ++i) {
    const uint64_t selector = op.c.value >> 4 * i;
    uint64_t byte = both >> 8 * (selector & 7) & 0xff;
    if ((selector & 8) != 0) byte = (byte & 0x80) != 0 ? 0xff : 0;
    open |= byte << 8 * i;
  }
  return open;
}

uint64_t OpenOfExtract(const OpenOperation& op) {
  if (op.b.open != 0 || op.c.open != 0) return UINT64_MAX;
  const uint32_t bytes = ElementBytes(op.ty);
  const uint64_t most = 8 * bytes;
  const uint64_t open = op.a.open & BitsOfRegister(bytes);
  const uint64_t at = op.b.value & 0xff;
  const uint64_t length = op.c.value & 0xff;
  const uint64_t there = at < most ? std::min(length, most - at) : 0;
  uint64_t out = at < most ? open >> at & LowBits(there) : 0;
  const uint64_t last = std::min(at + length - 1, most - 1);
  if (IsSignedInteger(op.ty) && length != 0 && (open >> last & 1) != 0) out |= ~LowBits(there);
  return out;
}

uint64_t OpenOfInsert(const OpenOperation& op) {
  if (op.c.open != 0 || op.d.open != 0) return UINT64_MAX;
  const uint64_t most = 8 * ElementBytes(op.ty);
  const uint64_t at = op.c.value & 0xff;
  if (at >= most) return op.b.open;
  const uint64_t field = LowBits(std::min(op.d.value & 0xff, most - at)) << at;
  return (op.b.open & ~field) | (op.a.open << at & field);
}

uint64_t OpenOfCopysign(const OpenOperation& op) {
  const uint64_t sign = FormatOf(op.ty).sign;
  return (op.a.open & sign) | (op.b.open & ~sign);
}

uint64_t OpenOfChoice(const OpenValue& a, const OpenValue& b) {
  return a.open | b.open | (a.value ^ b.value);
}

// d = c >= 0 ? a : b; a NaN chooses b (ISA slct).
uint64_t OpenOfSignChoice(const OpenOperation& op) {
  const bool negative = (op.c.value >> 31 & 1) != 0;
  if (op.fn == Fn::kSlctS32) {
    if ((op.c.open >> 31 & 1) != 0) return OpenOfChoice(op.a, op.b);
    return negative ? op.b.open : op.a.open;
  }
  if (IsNanWhatever(Ty::kF32, op.c)) return op.b.open;
  if (op.c.open != 0) return OpenOfChoice(op.a, op.b);
  const uint64_t size = op.c.value & INT32_MAX;
  const bool is_nan = size > 0x7f800000;
  const bool is_zero = size == 0 || ((op.imm & kFtz) != 0 && size < 0x00800000);
  return is_nan || (negative && !is_zero) ? op.b.open : op.a.open;
}

uint64_t OpenOfLesser(bool greater, Ty ty, const OpenValue& a, const OpenValue& b) {
  if (IsCompareOpen(Compare::kLe, ty, a, b)) return OpenOfChoice(a, b);
  const bool first = (SpanOf(a, ty).most <= SpanOf(b, ty).least) != greater;
  return first ? a.open : b.open;
}

// An integer in another width: 8-bit ones stand in 16 bits, with their sign or zeros above.
uint64_t OpenOfWidth(Ty from, Ty to, uint64_t open) {
  const uint64_t wide = ExtendOpen(open, ElementBytes(from), IsSignedInteger(from));
  return ExtendOpen(wide, ElementBytes(to), IsSignedInteger(to));
}

bool IsIn(Fn fn, Fn first, Fn last) {
  return Index(fn) >= Index(first) && Index(fn) <= Index(last);
}

}  // namespace

uint64_t OpenBitsOfNan(Ty type, uint64_t value) {
  const FloatFormat format = FormatOf(type);
  if (!IsPair(type)) return OpenOfOneNan(format, value);
  return OpenOfOneNan(format, value & 0xffff) | OpenOfOneNan(format, value >> 16 & 0xffff) << 16;
}

bool IsNanWhatever(Ty type, const OpenValue& v) {
  const FloatFormat format = FormatOf(type);
  const uint64_t fixed = format.exponent | format.quiet;
  const auto is_nan = [&](uint64_t value, uint64_t open) {
    return (open & fixed) == 0 && (value & fixed) == fixed;
  };
  if (!IsPair(type)) return is_nan(v.value, v.open);
  const auto is_fine = [&](uint32_t shift) {
    return (v.open >> shift & 0xffff) == 0 || is_nan(v.value >> shift, v.open >> shift);
  };
  return is_fine(0) && is_fine(16);
}

uint64_t ExtendOpen(uint64_t open, uint32_t bytes, bool is_signed) {
  const uint64_t bits = bytes == 1 ? 0xff : BitsOfRegister(bytes);
  const uint64_t sign = (bits >> 1) + 1;
  return (open & bits) | (is_signed && (open & sign) != 0 ? ~bits : 0);
}

uint64_t OpenBitsOf(const OpenOperation& op) {
  const uint64_t any = op.a.open | op.b.open | op.c.open | op.d.open;
  if (any == 0) return 0;
  if (IsIn(op.fn, Fn::kSetp, Fn::kSetpLast) && IsAnyInteger(op.ty)) {
    const auto compare = static_cast<Compare>(Index(op.fn) - Index(Fn::kSetp));
    return !op.alike && IsCompareOpen(compare, op.ty, op.a, op.b) ? UINT64_MAX : 0;
  }
  if (IsIn(op.fn, Fn::kCvt, Fn::kCvtLast)) {
    const Ty from = static_cast<Ty>(Index(op.fn) - Index(Fn::kCvt));
    const bool plain = op.imm == 0 && IsAnyInteger(from) && IsAnyInteger(op.ty);
    return plain ? OpenOfWidth(from, op.ty, op.a.open) : UINT64_MAX;
  }
  switch (op.fn) {
    case Fn::kMov:
    case Fn::kNot:
      return op.a.open;
    case Fn::kAnd:
      return OpenOfLogic(0xc0, op.a, op.b, {});
    case Fn::kOr:
      return OpenOfLogic(0xfc, op.a, op.b, {});
    case Fn::kXor:
      return op.alike ? 0 : op.a.open | op.b.open;
    case Fn::kLop3:
      return OpenOfLogic(op.imm, op.a, op.b, op.c);
    case Fn::kAdd:
    case Fn::kSub:
      if (!IsAnyInteger(op.ty)) return UINT64_MAX;
      if (op.alike) return op.fn == Fn::kSub ? 0 : op.a.open << 1;
      return OpenOfSum(op.fn == Fn::kSub, op.a, op.b);
    case Fn::kMin:
    case Fn::kMax:
      return IsAnyInteger(op.ty) ? OpenOfLesser(op.fn == Fn::kMax, op.ty, op.a, op.b) : UINT64_MAX;
    case Fn::kShl:
    case Fn::kShr:
      return OpenOfShift(op);
    case Fn::kShfLeftWrap:
    case Fn::kShfLeftClamp:
    case Fn::kShfRightWrap:
    case Fn::kShfRightClamp:
      return OpenOfFunnel(op);
    case Fn::kPrmt:
      return OpenOfPermutation(op);
    case Fn::kBfe:
      return OpenOfExtract(op);
    case Fn::kBfi:
      return OpenOfInsert(op);
    case Fn::kCopysign:
      return OpenOfCopysign(op);
    case Fn::kSelp:
      if (op.c.open != 0) return OpenOfChoice(op.a, op.b);
      return op.c.value != 0 ? op.a.open : op.b.open;
    case Fn::kSlctS32:
    case Fn::kSlctF32:
      return OpenOfSignChoice(op);
    default:
      return UINT64_MAX;
  }
}

}  // namespace souk::gpu::cpu
