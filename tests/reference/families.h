// Which of the reference's rules an operation is run by, and by which types its operands are read
// and written.
#pragma once

#include <cstddef>
#include <cstdint>

#include "gpu/ptx/operation.h"

namespace souk::reference {

// A family's operations have operands of one shape, and one rule (rules.h) or one of Thread's
// functions.
enum class Family : uint8_t {
  kNone,
  kInteger,
  kCarry,
  kBits,
  kFloat,
  kApproximate,
  kLop3,
  kSelp,
  kSlct,
  kSet,
  kSetp,
  kTestp,
  kMov,
  kCvt,
  kVideo,
  kLoad,
  kStore,
  kAtom,
  kCvta,
  kIsspacep,
  kEnd,
  kNothing,
};

// kNone where the reference does not run the operation.
Family FamilyOf(const ptx::Operation& op);

// The type by which source i (from 0) is read.
ptx::Type SourceType(const ptx::Operation& op, size_t i);
ptx::Type DestinationType(const ptx::Operation& op);

}  // namespace souk::reference
