#include "gpu/challenge/plan.h"

#include <algorithm>
#include <cctype>
#include <string>

#include "gpu/challenge/matrix.h"

namespace souk::gpu {
namespace {

constexpr uint64_t kAround = 2'000;  // ms
constexpr uint64_t kAimed = 2'000;   // ms of computation at kShare of the peak
constexpr uint64_t kShare = 4;       // a fourth of the peak
constexpr uint64_t kMostDeadline = 600'000;
constexpr uint32_t kCpuProduct = 512;
// The CPU reference interprets: a tenth of what one core does, so that a loaded machine passes.
constexpr uint64_t kCpuMegaOps = 50;
// Where nothing is known of a GPU: less than any that takes dp4a.
constexpr uint64_t kLeastGigaOps = 2'000;

struct KnownModel {
  std::string_view part;  // of the name, in lower case; the first that fits
  uint64_t giga_ops;
};

// SMs · dp4a per clock and SM · 8 operations · boost clock. dp4a per clock: CUDA C++ Programming
// Guide, "Arithmetic Instructions" (64 from compute capability 7.0 on, 128 in the 6.1 parts by
// their data sheets); SMs and clocks from NVIDIA's data sheets.
constexpr KnownModel kKnownModels[] = {
    {"b200", 148'000},      {"b100", 130'000},
    {"gh200", 118'000},     {"h200", 118'000},
    {"h100 pcie", 102'000}, {"h100", 118'000},
    {"h800", 118'000},      {"h20", 79'000},
    {"a100", 77'000},       {"a800", 77'000},
    {"a30", 41'000},        {"a40", 74'000},
    {"a10", 62'000},        {"a16", 18'000},
    {"a2", 9'000},          {"l40", 183'000},
    {"l4", 62'000},         {"v100", 62'000},
    {"t4", 32'000},         {"p40", 47'000},
    {"p4", 22'000},         {"rtx 6000 ada", 182'000},
    {"rtx a6000", 77'000},  {"rtx a5000", 55'000},
    {"rtx a4000", 38'000},  {"rtx 5090", 209'000},
    {"rtx 5080", 112'000},  {"rtx 4090", 165'000},
    {"rtx 4080", 97'000},   {"rtx 4070", 58'000},
    {"rtx 4060", 30'000},   {"rtx 3090", 71'000},
    {"rtx 3080", 59'000},   {"rtx 3070", 40'000},
    {"rtx 3060", 25'000},   {"rtx 2080 ti", 53'000},
    {"rtx 2080", 40'000},   {"rtx 2070", 29'000},
    {"rtx 2060", 25'000},   {"gtx 1080 ti", 45'000},
    {"gtx 1080", 35'000},   {"gtx 1070", 25'000},
    {"gtx 1060", 17'000},
};

std::string Lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

// Whole words at the part's end: an "a2" is no "a2000".
bool Names(const std::string& model, std::string_view part) {
  for (size_t at = model.find(part); at != std::string::npos; at = model.find(part, at + 1)) {
    const size_t end = at + part.size();
    const bool begins = at == 0 || std::isalnum(static_cast<unsigned char>(model[at - 1])) == 0;
    // "L40S" and "A100-SXM4" are what they begin with, "A1000" is not.
    const bool ends =
        end == model.size() || std::isdigit(static_cast<unsigned char>(model[end])) == 0;
    if (begins && ends) return true;
  }
  return false;
}

uint64_t MillisecondsFor(uint32_t size, uint64_t mega_ops) {
  const auto n = uint64_t{size};
  // 2n³ ≤ 2^49 operations; per millisecond a thousandth of the rate.
  return 2 * n * n * n / (mega_ops * 1000) + 1;
}

}  // namespace

uint64_t Int8GigaOps(const ClaimedDevice& device) {
  const std::string model = Lower(device.model);
  for (const KnownModel& known : kKnownModels) {
    if (Names(model, known.part)) return known.giga_ops;
  }
  // dp4a has half the lanes of FP32 and four times its operations on what is sold since 2020.
  return 2 * (device.fp32_mflops / 1000);
}

uint64_t ProductBytes(uint32_t size) {
  const auto n = uint64_t{size};
  return n * n * 6 + n * n / 2;  // A, Bᵀ: 1 each; C: 4; the segments' digests: 32 for each 64
}

Result<ChallengePlan> PlanChallenge(const ClaimedDevice& device, std::optional<uint32_t> wished) {
  if (wished && !IsProductSize(*wished)) {
    return Error(Code::kInvalidArgument, "a challenge's size is a power of two from " +
                                             std::to_string(kLeastProduct) + " to " +
                                             std::to_string(kMostProduct));
  }
  const bool gpu = device.kind == "cuda";
  const uint64_t known = Int8GigaOps(device);
  const uint64_t mega_ops =
      gpu ? std::max(known == 0 ? kLeastGigaOps : known, uint64_t{1}) * 1000 / kShare : kCpuMegaOps;
  uint32_t size = wished.value_or(kCpuProduct);
  if (gpu && !wished) {
    size = kLeastProduct;
    while (size < kMostProduct && MillisecondsFor(size, mega_ops) < kAimed &&
           ProductBytes(size * 2) <= device.memory_bytes / 2) {
      size *= 2;
    }
  }
  const uint64_t milliseconds = MillisecondsFor(size, mega_ops);
  const uint64_t deadline = kAround + milliseconds + milliseconds / 2;
  if (device.memory_bytes != 0 && ProductBytes(size) > device.memory_bytes) {
    return Error(Code::kInvalidArgument, "a challenge of " + std::to_string(size) + " takes " +
                                             std::to_string(ProductBytes(size) >> 20) +
                                             " MiB, more than the device has");
  }
  if (deadline > kMostDeadline) {
    return Error(Code::kInvalidArgument, "a challenge of " + std::to_string(size) +
                                             " would take that device more than ten minutes");
  }
  return ChallengePlan{size, deadline};
}

}  // namespace souk::gpu
