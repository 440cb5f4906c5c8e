// What the sources of Choose (choose*.cc) share: how a Choice is made, and what is asked of types.
// Private to them.
#pragma once

#include "gpu/cpu/choose.h"

namespace souk::gpu::cpu {

// The device does not run it; `reason` is a literal, as in "type".
inline Choice NoChoice(const char* reason) {
  Choice c;
  c.reason = reason;
  return c;
}
// Lowering reads the operands itself.
inline Choice ChoiceOf(Form form) {
  Choice c;
  c.form = form;
  return c;
}
// d and `sources` operands, all of one type.
inline Choice PlainChoice(Fn fn, ptx::Type type, uint8_t sources) {
  Choice c;
  c.fn = fn;
  c.ty = TyOf(type);
  c.dst = type;
  c.sources = sources;
  for (ptx::Type& t : c.source) t = type;
  return c;
}

// The unsigned lane type of the same width; kNone where there is none.
Ty UntypedOf(ptx::Type type);
// PlainChoice of the untyped lane type: only the bits count.
inline Choice BitwiseChoice(Fn fn, ptx::Type type, uint8_t sources) {
  Choice c = PlainChoice(fn, type, sources);
  c.ty = UntypedOf(type);
  return c;
}

inline bool IsHalfType(ptx::Type t) {
  return t == ptx::Type::kF16 || t == ptx::Type::kF16x2 || t == ptx::Type::kBf16 ||
         t == ptx::Type::kBf16x2;
}
// Of 16 to 64 bits, and no pair.
inline bool IsIntegerType(ptx::Type t) {
  const Ty ty = TyOf(t);
  return ty >= Ty::kU16 && ty <= Ty::kS64;
}
inline bool Is32BitType(ptx::Type t) {
  return t == ptx::Type::kU32 || t == ptx::Type::kS32 || t == ptx::Type::kB32;
}

// Each for the opcodes that Choose gives it.
// choose_arithmetic.cc
Choice ChooseArithmetic(const ptx::Operation& o);  // add, sub, mul, mad, fma, mul24, mad24
Choice ChooseCarry(const ptx::Operation& o);       // those that read or write the carry flag
Choice ChooseDivision(const ptx::Operation& o);    // div, rem, rcp, sqrt
Choice ChooseMinMax(const ptx::Operation& o);      // min, max, abs, neg, copysign
Choice ChooseApproximation(const ptx::Operation& o);
// choose_bits.cc
Choice ChooseBits(const ptx::Operation& o);  // logic, shifts, fields of bits, dp4a, dp2a
// choose_memory.cc
Choice ChooseAccess(const ptx::Operation& o);  // ld, ldu, st
Choice ChooseAtomic(const ptx::Operation& o);  // atom, red
Choice ChooseCopy(const ptx::Operation& o);    // cp

}  // namespace souk::gpu::cpu
