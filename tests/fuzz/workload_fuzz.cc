// What decodes encodes to the same bytes, and its whole schedule can be walked.
#include "gpu/workload/schedule.h"
#include "gpu/workload/workload_codec.h"
#include "protocol/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace souk;
  using namespace souk::gpu;
  const Result<Workload> workload = DecodeWorkload({data, size});
  if (!workload) return 0;
  const Result<Bytes> again = EncodeWorkload(*workload);
  CHECK(again && *again == Bytes(data, data + size));
  Schedule schedule(*workload);
  for (int launches = 0; launches < 10'000; ++launches) {
    const Result<std::optional<ScheduledLaunch>> next = schedule.Next();
    if (!next || !*next) break;
  }
  return 0;
}
