// One libFuzzer program per target: SOUK_FUZZ_TARGET is its function.
#include "unit/protocol/fuzz_targets.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  souk::fuzz::SOUK_FUZZ_TARGET(souk::ByteView(data, size));
  return 0;
}
