// Bits one by one: PTX ISA 9.7.1.14 … .26, 9.7.8.
#include <cstdlib>

#include "reference/rules.h"

namespace souk::reference {
namespace {

using ptx::Opcode;
using ptx::Operation;
using ptx::PermuteMode;
using ptx::Type;

bool Bit(uint64_t value, int64_t place) {
  return place >= 0 && place < 64 && (value >> place & 1) != 0;
}

// ISA 9.7.8.7, .8: amounts beyond the width count as the width.
uint64_t Shift(const Operation& op, const Sources& s) {
  const int64_t width = ptx::TypeBits(op.type);
  const auto amount = static_cast<int64_t>(s[1] & 0xffffffff);
  const bool fill = ptx::IsSigned(op.type) && Bit(s[0], width - 1);
  uint64_t d = 0;
  for (int64_t i = 0; i < width; ++i) {
    const int64_t from = op.opcode == Opcode::kShl ? i - amount : i + amount;
    const bool bit = from >= width ? fill : Bit(s[0], from);
    d |= uint64_t{bit} << i;
  }
  return d;
}

// ISA 9.7.8.6: shifts {b, a}; .l gives the upper word, .r the lower one.
uint64_t FunnelShift(const Operation& op, const Sources& s) {
  const uint64_t amount = op.wrap ? s[2] & 31 : (s[2] & 0xffffffff) > 32 ? 32 : s[2] & 63;
  const Uint128 both = static_cast<Uint128>(s[1]) << 32 | s[0];
  const Uint128 shifted = op.right ? both >> amount : (both << amount) >> 32;
  return TruncateTo(32, static_cast<Int128>(shifted));
}

// ISA 9.7.1.18: position and length are 8 bits; beyond the value stands its extension.
uint64_t ExtractField(const Operation& op, const Sources& s) {
  const int64_t width = ptx::TypeBits(op.type);
  const auto position = static_cast<int64_t>(s[1] & 0xff);
  const auto length = static_cast<int64_t>(s[2] & 0xff);
  const int64_t last = position + length - 1 < width - 1 ? position + length - 1 : width - 1;
  const bool fill = ptx::IsSigned(op.type) && length != 0 && Bit(s[0], last);
  uint64_t d = 0;
  for (int64_t i = 0; i < width; ++i) {
    const bool inside = i < length && position + i < width;
    const bool bit = inside ? Bit(s[0], position + i) : fill;
    d |= uint64_t{bit} << i;
  }
  return d;
}

// ISA 9.7.1.19: a's low bits into b.
uint64_t InsertField(const Operation& op, const Sources& s) {
  const int64_t width = ptx::TypeBits(op.type);
  const auto position = static_cast<int64_t>(s[2] & 0xff);
  const auto length = static_cast<int64_t>(s[3] & 0xff);
  uint64_t d = s[1];
  for (int64_t i = 0; i < length && position + i < width; ++i) {
    const uint64_t place = uint64_t{1} << (position + i);
    d = Bit(s[0], i) ? d | place : d & ~place;
  }
  return Truncate(op.type, d);
}

// ISA 9.7.1.16: the highest bit that differs from the sign; .shiftamt: how far left to bring it up.
uint64_t FindHighest(const Operation& op, uint64_t a) {
  const int64_t width = ptx::TypeBits(op.type);
  const bool sign = ptx::IsSigned(op.type) && Bit(a, width - 1);
  for (int64_t i = width - 1; i >= 0; --i) {
    if (Bit(a, i) != sign) return static_cast<uint64_t>(op.shiftamt ? width - 1 - i : i);
  }
  return 0xffffffff;
}

// ISA 9.7.1.17: the |offset|-th set bit counted from base, upwards or downwards.
uint64_t FindNth(const Sources& s) {
  const uint64_t mask = s[0];
  const Int128 offset = ValueOf(Type::kS32, s[2]);
  auto place = static_cast<int64_t>(s[1] & 0xffffffff);
  if (offset == 0) return place < 32 && Bit(mask, place) ? s[1] : 0xffffffff;
  Int128 count = (offset < 0 ? -offset : offset) - 1;
  for (; place >= 0 && place < 32; place += offset < 0 ? -1 : 1) {
    if (!Bit(mask, place)) continue;
    if (count == 0) return static_cast<uint64_t>(place);
    --count;
  }
  return 0xffffffff;
}

// ISA 9.7.1.21: ones in [a, a + b).
uint64_t BitMask(const Operation& op, const Sources& s) {
  const uint64_t first = op.wrap ? s[0] & 31 : s[0] & 0xffffffff;
  const uint64_t count = op.wrap ? s[1] & 31 : s[1] & 0xffffffff;
  uint64_t d = 0;
  for (uint64_t i = 0; i < 32; ++i) d |= uint64_t{i >= first && i < first + count} << i;
  return d;
}

// ISA 9.7.1.22: the low b bits, extended.
uint64_t Extend(const Operation& op, const Sources& s) {
  const uint64_t count = s[1] & 0xffffffff;
  if (op.clamp && count >= 32) return s[0];
  const uint64_t low = count & 31;
  const bool fill = op.type == Type::kS32 && low != 0 && Bit(s[0], static_cast<int64_t>(low) - 1);
  uint64_t d = 0;
  for (uint64_t i = 0; i < 32; ++i) {
    d |= uint64_t{i < low ? Bit(s[0], static_cast<int64_t>(i)) : fill} << i;
  }
  return d;
}

// ISA 9.7.9.8, its table of modes: which of the eight bytes of {b, a} goes to each place.
constexpr uint8_t kPermutations[6][4][4] = {
    {{0, 1, 2, 3}, {1, 2, 3, 4}, {2, 3, 4, 5}, {3, 4, 5, 6}},  // f4e
    {{0, 7, 6, 5}, {1, 0, 7, 6}, {2, 1, 0, 7}, {3, 2, 1, 0}},  // b4e
    {{0, 0, 0, 0}, {1, 1, 1, 1}, {2, 2, 2, 2}, {3, 3, 3, 3}},  // rc8
    {{0, 1, 2, 3}, {1, 1, 2, 3}, {2, 2, 2, 3}, {3, 3, 3, 3}},  // ecl
    {{0, 0, 0, 0}, {0, 1, 1, 1}, {0, 1, 2, 2}, {0, 1, 2, 3}},  // ecr
    {{0, 1, 0, 1}, {2, 3, 2, 3}, {0, 1, 0, 1}, {2, 3, 2, 3}},  // rc16
};
uint64_t Permute(const Operation& op, const Sources& s) {
  const uint64_t both = s[1] << 32 | s[0];
  uint64_t d = 0;
  for (int i = 0; i < 4; ++i) {
    uint64_t control = s[2] >> (4 * i) & 0xf;
    if (op.permute != PermuteMode::kNone) {
      const int mode = static_cast<int>(op.permute) - static_cast<int>(PermuteMode::kF4e);
      control = kPermutations[mode][s[2] & 3][i];
    }
    uint64_t byte = both >> (8 * (control & 7)) & 0xff;
    if ((control & 8) != 0) byte = (byte & 0x80) != 0 ? 0xff : 0;
    d |= byte << (8 * i);
  }
  return d;
}

uint64_t CountOnes(const Operation& op, uint64_t a) {
  uint64_t count = 0;
  for (int64_t i = 0; i < ptx::TypeBits(op.type); ++i) count += Bit(a, i) ? 1 : 0;
  return count;
}
uint64_t LeadingZeros(const Operation& op, uint64_t a) {
  uint64_t count = 0;
  for (int64_t i = ptx::TypeBits(op.type) - 1; i >= 0 && !Bit(a, i); --i) ++count;
  return count;
}
uint64_t Reverse(const Operation& op, uint64_t a) {
  const int64_t width = ptx::TypeBits(op.type);
  uint64_t d = 0;
  for (int64_t i = 0; i < width; ++i) d |= uint64_t{Bit(a, width - 1 - i)} << i;
  return d;
}
// ISA 9.7.8.5 (lop3); s[3]: the table. Bit abc of it is the result.
uint64_t LookUp(const Sources& s) {
  uint64_t d = 0;
  for (int64_t i = 0; i < 32; ++i) {
    const int row = (Bit(s[0], i) ? 4 : 0) + (Bit(s[1], i) ? 2 : 0) + (Bit(s[2], i) ? 1 : 0);
    d |= uint64_t{Bit(s[3], row)} << i;
  }
  return d;
}

}  // namespace

uint64_t BitResult(const Operation& op, const Sources& s) {
  switch (op.opcode) {
    case Opcode::kAnd:
      return Truncate(op.type, s[0] & s[1]);
    case Opcode::kOr:
      return Truncate(op.type, s[0] | s[1]);
    case Opcode::kXor:
      return Truncate(op.type, s[0] ^ s[1]);
    case Opcode::kNot:
      return Truncate(op.type, ~s[0]);
    case Opcode::kCnot:  // ISA 9.7.8.4: C's !
      return Truncate(op.type, s[0]) == 0 ? 1 : 0;
    case Opcode::kShl:
    case Opcode::kShr:
      return Shift(op, s);
    case Opcode::kShf:
      return FunnelShift(op, s);
    case Opcode::kBfe:
      return ExtractField(op, s);
    case Opcode::kBfi:
      return InsertField(op, s);
    case Opcode::kBfind:
      return FindHighest(op, s[0]);
    case Opcode::kFns:
      return FindNth(s);
    case Opcode::kBmsk:
      return BitMask(op, s);
    case Opcode::kSzext:
      return Extend(op, s);
    case Opcode::kPrmt:
      return Permute(op, s);
    case Opcode::kPopc:
      return CountOnes(op, s[0]);
    case Opcode::kClz:
      return LeadingZeros(op, s[0]);
    case Opcode::kBrev:
      return Reverse(op, s[0]);
    case Opcode::kLop3:
      return LookUp(s);
    default:
      break;
  }
  std::abort();  // not a bit instruction that the reference knows
}

}  // namespace souk::reference
