// Which bits of a result another device may give otherwise, where bits of its operands are open so:
// those of a NaN that an operation made, or of what was never written.
//
// Of a NaN its exponent and the bit behind it are fixed: an operation's NaN is quiet (CUDA C++
// Programming Guide, "Floating-Point Standard": "deliver the masked response as defined by
// IEEE-754"). So a test for a NaN, also one by integers or of the upper word of a double, finds one
// whatever the open bits are.
#pragma once

#include <cstdint>

#include "gpu/cpu/ops.h"

namespace souk::gpu::cpu {

// What a lane holds here, and which bits of that are open. A predicate is one bit.
struct OpenValue {
  uint64_t value = 0;
  uint64_t open = 0;
};

// bytes: of a register's lane; 1: a predicate.
constexpr uint64_t BitsOfRegister(uint32_t bytes) {
  return bytes == 1 ? 1 : bytes == 8 ? UINT64_MAX : (uint64_t{1} << 8 * bytes) - 1;
}

constexpr uint64_t LowBits(uint64_t count) {
  return count >= 64 ? UINT64_MAX : (uint64_t{1} << count) - 1;
}

// The open bits of a value that an operation with floats of this type has made: none unless it is a
// NaN. Of a pair each half counts by itself.
uint64_t OpenBitsOfNan(Ty type, uint64_t value);

// Whether open bits leave a float of this type a NaN. Of a pair: every half with open bits.
bool IsNanWhatever(Ty type, const OpenValue& v);

// An operation on registers, as Inst has it; d: its extra operand.
struct OpenOperation {
  Fn fn = Fn::kNone;
  Ty ty = Ty::kNone;
  uint64_t imm = 0;
  OpenValue a = {};
  OpenValue b = {};
  OpenValue c = {};
  OpenValue d = {};
  bool alike = false;  // a and b are one register
};
// Bits beyond the result's width have no meaning. All are open where the operation is none that is
// followed bit by bit and an operand has some.
uint64_t OpenBitsOf(const OpenOperation& op);

// The lowest `bytes` with a sign's open bit spread over what is above them.
uint64_t ExtendOpen(uint64_t open, uint32_t bytes, bool is_signed);

}  // namespace souk::gpu::cpu
