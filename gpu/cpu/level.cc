// All handlers of one level.
#include "gpu/cpu/lane_ops.h"

namespace souk::gpu::cpu::SOUK_SIMD {

void RegisterLevel(HandlerTable& table) {
  RegisterIntegers(table);
  RegisterBits(table);
  RegisterCompares(table);
  RegisterFloats(table);
  RegisterHalves(table);
  RegisterApproximations(table);
  RegisterConversions(table);
  RegisterMemory(table);
  RegisterArrayMemory(table);
  RegisterAtomics(table);
  RegisterWarp(table);
  RegisterMatrices(table);
}

}  // namespace souk::gpu::cpu::SOUK_SIMD
