#include "fuzz/ptx/round_trip.h"

#include "gpu/ptx/canonical.h"
#include "gpu/ptx/classify.h"
#include "protocol/base/check.h"

namespace souk::ptx {
namespace {

// Small, so that a fuzzer's run stays short and its memory flat.
Limits FuzzLimits() {
  Limits limits;
  limits.tokens = 1u << 16;
  limits.names = 1u << 14;
  limits.initialiser_bytes = 1u << 20;
  return limits;
}

const SupportCheck kAll = [](const Module&, const Function&, const Instruction&) {
  return std::optional<std::string>();
};

}  // namespace

bool RoundTrip(std::string_view text) {
  auto module = Parse(text, FuzzLimits());
  if (!module) {
    CHECK(!module.error().message.empty());
    return false;
  }
  const std::vector<KernelReport> before = ReportAll(*module, kAll);
  auto canonical = Canonicalize(std::move(*module));
  if (!canonical) return false;
  const std::string written = Write(*canonical);
  auto again = Parse(written);
  CHECK(again);
  auto twice = Canonicalize(std::move(*again));
  CHECK(twice);
  CHECK(Write(*twice) == written);
  // What was rewritten is judged as what was written.
  const std::vector<KernelReport> after = ReportAll(*twice, kAll);
  CHECK(before.size() == after.size());
  for (size_t i = 0; i < before.size(); ++i) {
    CHECK(before[i].verdict.cls == after[i].verdict.cls);
    CHECK(before[i].instructions == after[i].instructions);
    CHECK(before[i].shared_bytes == after[i].shared_bytes);
  }
  return true;
}

}  // namespace souk::ptx
