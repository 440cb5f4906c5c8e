// Rows of inputs: first the values where instructions go wrong, paired with each other, then
// pseudo-random ones. The same on every machine.
#pragma once

#include "gpu/conformance/case.h"

namespace souk::gpu::conformance {

// Not a multiple of a warp, so that the last one is partly there.
inline constexpr uint32_t kRows = 4091;

// What a source operand is for, where its type does not say it all.
enum class Role : uint8_t {
  kValue,
  kCount,    // of bits: a shift, a position, a length
  kBase,     // 0 to 31: fns
  kOffset,   // small and signed: fns
  kAngle,    // within ±100 pi: where sin.approx has a bound
  kOrdinary  // f32 whose sums are never subnormal: atomics may flush those
};

// `position`: which source operand it is, so that operands of one instruction differ.
Column MakeColumn(ptx::Type type, Role role, size_t position, uint32_t rows);

}  // namespace souk::gpu::conformance
