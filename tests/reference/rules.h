// What each straight-line PTX instruction makes of the bits of its operands: one plain function per
// family, a switch over opcodes in each. Written from the PTX ISA 9.0 alone; shares no code with
// gpu/cpu. Values are the low bits of a uint64_t; results have no bits beyond their type's.
#pragma once

#include <array>
#include <cstdint>

#include "gpu/ptx/operation.h"
#include "reference/number.h"

namespace souk::reference {

using Sources = std::array<uint64_t, 4>;

// The low TypeBits(type) bits.
uint64_t Truncate(ptx::Type type, uint64_t bits);
uint64_t TruncateTo(uint32_t width, Int128 value);
// As the type reads them: two's complement for signed types, else not negative.
Int128 ValueOf(ptx::Type type, uint64_t bits);

// integers.cc: ISA 9.7.1 (add … sad, dp4a, dp2a, mad24), not the carry chains.
uint64_t IntegerResult(const ptx::Operation& op, const Sources& s);
// ISA 9.7.2: d and the carry flag.
struct WithCarry {
  uint64_t bits = 0;
  bool carry = false;
};
WithCarry CarryResult(const ptx::Operation& op, const Sources& s, bool carry);

// bits.cc: ISA 9.7.1 (bfe, bfi, … szext), 9.7.8 (and … lop3, shifts), prmt.
uint64_t BitResult(const ptx::Operation& op, const Sources& s);

// floats.cc: ISA 9.7.3, 9.7.4 (half precision), 9.7.5 (mixed precision): all whose result the ISA
// fixes.
uint64_t FloatResult(const ptx::Operation& op, const Sources& s);
bool TestResult(const ptx::Operation& op, uint64_t bits);  // testp

// compare.cc: ISA 9.7.6, 9.7.7: the comparison of setp and set, of operands of `type`.
bool Holds(const ptx::Operation& op, ptx::Type type, uint64_t a, uint64_t b);
bool SlctTakesFirst(const ptx::Operation& op, uint64_t c);

// convert.cc: ISA 9.7.9.21 (cvt, cvt.pack). The result has the destination type's width.
uint64_t ConvertResult(const ptx::Operation& op, const Sources& s);

// video.cc: ISA 9.7.17. Which part of a register an operand names, and whether it is negated.
enum class Part : uint8_t { kAll, kB0, kB1, kB2, kB3, kH0, kH1 };
struct VideoOperands {
  Sources s = {};  // a, b, c
  Part parts[3] = {Part::kAll, Part::kAll, Part::kAll};
  bool negated[3] = {false, false, false};
  Part destination = Part::kAll;
  // Of SIMD instructions: which element of the row {b, a} each element of a and of b is, and which
  // elements are written.
  uint8_t picks[2][4] = {};
  bool written[4] = {};
};
uint64_t VideoResult(const ptx::Operation& op, const VideoOperands& v);

}  // namespace souk::reference
