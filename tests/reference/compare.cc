// Comparisons: PTX ISA 9.7.6 (set, setp, slct), 9.7.7 (half precision), 9.3.1 (their table).
#include <cstdlib>

#include "reference/floats.h"
#include "reference/rules.h"

namespace souk::reference {
namespace {

using ptx::Compare;
using ptx::Operation;
using ptx::Type;

// order: -1, 0, 1 of two numbers; unordered: one is NaN (ISA table 21, 22).
bool HoldsFor(ptx::Compare compare, int order, bool unordered) {
  switch (compare) {
    case Compare::kEq:
      return !unordered && order == 0;
    case Compare::kNe:
      return !unordered && order != 0;
    case Compare::kLt:
    case Compare::kLo:
      return !unordered && order < 0;
    case Compare::kLe:
    case Compare::kLs:
      return !unordered && order <= 0;
    case Compare::kGt:
    case Compare::kHi:
      return !unordered && order > 0;
    case Compare::kGe:
    case Compare::kHs:
      return !unordered && order >= 0;
    case Compare::kEqu:
      return unordered || order == 0;
    case Compare::kNeu:
      return unordered || order != 0;
    case Compare::kLtu:
      return unordered || order < 0;
    case Compare::kLeu:
      return unordered || order <= 0;
    case Compare::kGtu:
      return unordered || order > 0;
    case Compare::kGeu:
      return unordered || order >= 0;
    case Compare::kNum:
      return !unordered;
    case Compare::kNan:
      return unordered;
    case Compare::kNone:
      break;
  }
  std::abort();  // not a comparison
}

}  // namespace

bool Holds(const Operation& op, Type type, uint64_t a, uint64_t b) {
  a = Truncate(type, a);
  b = Truncate(type, b);
  if (!ptx::IsFloat(type)) {
    const Int128 x = ValueOf(type, a);
    const Int128 y = ValueOf(type, b);
    return HoldsFor(op.compare, x < y ? -1 : x > y ? 1 : 0, false);
  }
  const Format format = FormatOf(type);
  if (op.ftz) {
    a = FlushInput(format, a);
    b = FlushInput(format, b);
  }
  const Number x = Unpack(format, a);
  const Number y = Unpack(format, b);
  const bool unordered = x.IsNan() || y.IsNan();
  return HoldsFor(op.compare, unordered ? 0 : reference::Compare(x, y), unordered);
}

// ISA 9.7.6.4: a where c >= 0; a NaN chooses b, -0 is 0.
bool SlctTakesFirst(const Operation& op, uint64_t c) {
  if (!ptx::IsFloat(op.type2)) return ValueOf(Type::kS32, c) >= 0;
  c = Truncate(Type::kF32, c);
  const Number n = Unpack(kSingle, op.ftz ? FlushInput(kSingle, c) : c);
  return !n.IsNan() && (!n.negative || n.IsZero());
}

}  // namespace souk::reference
