#include "gpu/cpu/handlers.h"

namespace souk::gpu::cpu {

namespace baseline {
void RegisterLevel(HandlerTable& table);
}
#if defined(SOUK_HAVE_AVX2)
namespace avx2 {
void RegisterLevel(HandlerTable& table);
}
#endif
#if defined(SOUK_HAVE_AVX512)
namespace avx512 {
void RegisterLevel(HandlerTable& table);
}
#endif

namespace {

const HandlerTable* Build(void (*register_level)(HandlerTable&)) {
  auto* table = new HandlerTable();  // for the life of the process
  register_level(*table);
  RegisterControl(*table);
  RegisterVideo(*table);
  RegisterSystemCalls(*table);
  RegisterMbarriers(*table);
  return table;
}

}  // namespace

bool GoOn() {
  return SOUK_TAIL_CALLS != 0;
}

const HandlerTable& Handlers(SimdLevel level) {
  switch (level) {
#if defined(SOUK_HAVE_AVX512)
    case SimdLevel::kAvx512: {
      static const HandlerTable* const table = Build(&avx512::RegisterLevel);
      return *table;
    }
#endif
#if defined(SOUK_HAVE_AVX2)
    case SimdLevel::kAvx2: {
      static const HandlerTable* const table = Build(&avx2::RegisterLevel);
      return *table;
    }
#endif
    default: {
      static const HandlerTable* const table = Build(&baseline::RegisterLevel);
      return *table;
    }
  }
}

}  // namespace souk::gpu::cpu

namespace souk::gpu {

SimdLevel BestSimdLevel() {
#if defined(SOUK_HAVE_AVX512)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma")) {
    return SimdLevel::kAvx512;
  }
#endif
#if defined(SOUK_HAVE_AVX2)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
      __builtin_cpu_supports("bmi2")) {
    return SimdLevel::kAvx2;
  }
#endif
  return SimdLevel::kBaseline;
}

const char* SimdLevelName(SimdLevel level) {
  switch (level) {
    case SimdLevel::kBaseline:
      return "baseline";
    case SimdLevel::kAvx2:
      return "avx2";
    case SimdLevel::kAvx512:
      return "avx512";
  }
  return "baseline";
}

}  // namespace souk::gpu
