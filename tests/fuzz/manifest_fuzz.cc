// Any text as workload.toml, beside the sample workloads' files; what resolves encodes.
#include "gpu/workload/manifest.h"
#include "gpu/workload/workload_codec.h"
#include "protocol/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace souk;
  using namespace souk::gpu;
  // Compiling each mutant of a name that ends in .cu would fuzz NVRTC instead.
  const std::string_view text = AsText({data, size});
  if (text.find(".cu") != std::string_view::npos) return 0;
  const Result<Manifest> manifest = ParseManifest(text, "workloads/nbody/workload.toml");
  if (manifest) CHECK(EncodeWorkload(manifest->workload).has_value());
  return 0;
}
