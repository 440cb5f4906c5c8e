// What a kernel's instructions say of the addresses that they access in device memory, before
// anything is known of a launch.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "gpu/cpu/ir.h"
#include "gpu/ptx/operation.h"

namespace souk::gpu::cpu {

// A register's value as a function of the launch, the block and the thread: what its only write
// computes. Terms stand behind those that they are made of.
struct Term {
  enum class Kind : uint8_t {
    kUnknown,
    kNumber,
    kParam,    // value: where it stands
    kSpecial,  // value: ptx::Special
    kSum,
    kDifference,
    kProduct,
    kExtend,  // of 32 bits to 64
    kNarrow,  // of 64 bits to 32
  };
  Kind kind = Kind::kUnknown;
  uint8_t bits = 32;       // 32 or 64, which the value is modulo a power of two of
  bool is_signed = false;  // kExtend, and a kParam of fewer than 8 bytes
  uint8_t bytes = 4;       // of a kParam
  uint64_t value = 0;
  uint32_t a = 0;
  uint32_t b = 0;
};

// What holds wherever an access is made: left COMPARE right is `holds`. 32-bit terms.
struct Condition {
  uint32_t left = 0;
  uint32_t right = 0;
  ptx::Compare compare = ptx::Compare::kEq;
  bool is_signed = false;
  bool holds = true;
};

struct AccessPlan {
  uint32_t address = 0;  // term
  uint64_t offset = 0;
  uint32_t bytes = 0;
  bool reads = false;
  bool writes = false;
  std::vector<Condition> conditions = {};
};

// Of a kernel. Immutable.
struct AddressPlan {
  std::vector<Term> terms = {};
  std::vector<AccessPlan> accesses = {};  // all that touch device memory
};

// nullptr where some access cannot be followed whatever the launch. Wants the instructions as they
// were lowered, with copies forwarded.
std::shared_ptr<const AddressPlan> FollowAddresses(const Ir& ir, const Flow& flow);

}  // namespace souk::gpu::cpu
