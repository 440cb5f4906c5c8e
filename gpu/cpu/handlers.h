// The handlers of every internal instruction, compiled once for each SimdLevel (lane_ops.h).
#pragma once

#include "gpu/cpu/cpu_device.h"
#include "gpu/cpu/warp.h"

namespace souk::gpu::cpu {

struct HandlerPair {
  Handler some = nullptr;  // the lanes of active that the guard lets through
  Handler full = nullptr;  // all 32
};

struct HandlerTable {
  HandlerPair pairs[Index(Fn::kCount) * kTyCount];

  SOUK_INLINE HandlerPair& At(Fn fn, Ty ty) { return pairs[Index(fn) * kTyCount + Index(ty)]; }
  SOUK_INLINE const HandlerPair& At(Fn fn, Ty ty) const {
    return pairs[Index(fn) * kTyCount + Index(ty)];
  }
};

const HandlerTable& Handlers(SimdLevel level);

// control.cc: the same at each level.
void RegisterControl(HandlerTable& table);
// video.cc, system_calls.cc and mbarrier.cc: likewise.
void RegisterVideo(HandlerTable& table);
void RegisterSystemCalls(HandlerTable& table);
void RegisterMbarriers(HandlerTable& table);

}  // namespace souk::gpu::cpu
