// What messages of several kinds are made of. Internal to samples.
#pragma once

#include "protocol/limits.h"
#include "unit/protocol/samples.h"

namespace souk::samples {

inline std::string Name(Rng& rng) {
  return AnyText(rng, limits::kNameBytes);
}
inline std::string Sentence(Rng& rng) {
  return AnyText(rng, limits::kSentenceBytes);
}
inline uint32_t Any32(Rng& rng) {
  return static_cast<uint32_t>(rng.Any());
}
inline uint32_t Slices(Rng& rng) {
  return static_cast<uint32_t>(1 + rng.Below(limits::kSlices));
}

template <typename Enum>
Enum UpTo(Rng& rng, Enum last) {
  return static_cast<Enum>(rng.Below(static_cast<uint64_t>(last) + 1));
}

template <typename Enum>
Enum AnyKnown(Rng& rng) {
  while (true) {
    const auto code = static_cast<Enum>(rng.Below(4000));
    if (IsKnown(code)) return code;
  }
}

template <typename Make>
auto ListOf(Rng& rng, size_t most, Make make) {
  std::vector<decltype(make(rng))> out;
  const size_t size = rng.Below(most + 1);
  for (size_t i = 0; i < size; ++i) out.push_back(make(rng));
  return out;
}

inline BlobRef AnyBlob(Rng& rng) {
  BlobRef out;
  out.digest = AnyDigest(rng);
  out.size = rng.Below(limits::kBlobBytes + 1);
  return out;
}

inline JobOutput AnyOutput(Rng& rng) {
  JobOutput out;
  out.name = Name(rng);
  out.blob = AnyBlob(rng);
  return out;
}

// Distinct by their ends.
inline std::vector<std::string> AnyDevices(Rng& rng) {
  std::vector<std::string> out;
  const size_t count = 1 + rng.Below(limits::kChallengeDevices);
  for (size_t i = 0; i < count; ++i) {
    out.push_back(AnyText(rng, limits::kNameBytes - 4) + "-" + std::to_string(i));
  }
  return out;
}

inline uint32_t AnyMatrixSize(Rng& rng) {
  return limits::kLeastChallenge << rng.Below(11);
}

inline std::string Note(Rng& rng) {
  return AnyText(rng, 100) + "\n" + AnyText(rng, 100) + "\n\n— " + AnyText(rng, 100) + "\n";
}

inline Bytes NestedEnvelope(Rng& rng) {
  return AnyBytes(rng, limits::kNestedBytes);
}

}  // namespace souk::samples
