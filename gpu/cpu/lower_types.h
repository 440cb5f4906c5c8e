// Small questions about types that lowering asks in several places.
#pragma once

#include "gpu/cpu/choose.h"
#include "gpu/cpu/warp.h"

namespace souk::gpu::cpu {

inline ptx::Type UnsignedOfBytes(uint32_t bytes) {
  return bytes == 1   ? ptx::Type::kPred
         : bytes == 2 ? ptx::Type::kU16
         : bytes == 4 ? ptx::Type::kU32
                      : ptx::Type::kU64;
}
inline ptx::Type SignedOfBytes(uint32_t bytes) {
  return bytes == 2 ? ptx::Type::kS16 : bytes == 4 ? ptx::Type::kS32 : ptx::Type::kS64;
}
// Lane bytes of a register of the type; 0 where the device has no such registers.
inline uint32_t RegisterBytes(ptx::Type type) {
  switch (ptx::TypeBits(type)) {
    case 1:
      return 1;
    case 8:
    case 16:
      return 2;
    case 32:
      return 4;
    case 64:
      return 8;
    default:
      return 0;
  }
}
// Bytes of a register that holds the type exactly; 8-bit types stand in 16 bits.
inline uint32_t NaturalBytes(ptx::Type type) {
  const uint32_t bytes = ptx::TypeBytes(type);
  return bytes == 1 && type != ptx::Type::kPred ? 2 : bytes;
}
// The type by which memory is read into a register of `bytes`: sign matters only where it extends.
inline Ty MemoryType(ptx::Type type, uint32_t bytes) {
  const bool extends = ptx::TypeBytes(type) < bytes;
  const bool is_signed = extends && ptx::IsSigned(type);
  switch (ptx::TypeBits(type)) {
    case 8:
      return ptx::IsSigned(type) ? Ty::kS8 : Ty::kU8;
    case 16:
      return is_signed ? Ty::kS16 : Ty::kU16;
    case 32:
      return is_signed ? Ty::kS32 : Ty::kU32;
    case 64:
      return Ty::kU64;
    default:
      return Ty::kNone;
  }
}
inline uint32_t WidthIndex(uint32_t bytes) {
  return bytes == 2 ? 0 : bytes == 4 ? 1 : 2;
}
inline uint16_t AddressFlags(Window window, bool narrow) {
  return static_cast<uint16_t>(static_cast<uint32_t>(window) << kWindowShift |
                               (narrow ? kNarrowAddress : 0));
}

}  // namespace souk::gpu::cpu
