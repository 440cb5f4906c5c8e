// Instructions whose result the ISA only bounds (.approx, .full): the value in the host's long
// double (64 bits of significand, by glibc's functions: errors near 2^-63), and how far from it a
// result may be.
#pragma once

#include <cstdint>

#include "gpu/ptx/operation.h"
#include "reference/rules.h"

namespace souk::reference {

struct Bounded {
  enum class Kind : uint8_t {
    kExact,   // these bits
    kWithin,  // |result - value| <= error, plus one unit of the least subnormal
    kUnit,    // anything in [-1, 1]
    kAny,     // the ISA says nothing
  };
  Kind kind = Kind::kExact;
  ptx::Type type = ptx::Type::kF32;  // of the result; a scalar
  uint64_t bits = 0;
  long double value = 0;
  long double error = 0;
  bool flush = false;       // a subnormal result may be a zero of its sign
  bool upper_word = false;  // .ftz.f64: the lower 32 bits are zero
};

bool IsApproximate(const ptx::Operation& op);
// Of a scalar f32, f64, f16 or bf16 instruction.
Bounded Approximate(const ptx::Operation& op, const Sources& s);
bool Accepts(const Bounded& bounded, uint64_t bits);

}  // namespace souk::reference
