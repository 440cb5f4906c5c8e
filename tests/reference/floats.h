// What the floating-point families share.
#pragma once

#include "gpu/ptx/operation.h"
#include "reference/number.h"

namespace souk::reference {

Format FormatOf(ptx::Type type);  // of an element: f16x2 is kHalf
Mode ModeOf(ptx::Rounding rounding);
bool IsNanBits(const Format& format, uint64_t bits);
uint64_t FlushInput(const Format& format, uint64_t bits);
uint64_t CanonicalNan(const Format& format);
uint64_t NanResult(const Format& format, const uint64_t* operands, int count);
uint64_t SaturateUnit(const Format& format, uint64_t bits);

}  // namespace souk::reference
