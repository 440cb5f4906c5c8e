// The proof that a device is there and computes (R6 "Ready"): it answers a nonce nobody could know
// before. It says nothing of how fast the device is; R7's matrix product does.
//
// The answer is SHA-256 over kChallengeThreads little-endian 64-bit words. Word i is computed on
// the device by thread i of one block: with nonce words n0…n3 (little-endian),
//   x = n[i mod 4] xor (i + 1) · 0x9E3779B97F4A7C15
//   kChallengeRounds times:  x = mix(x + n[(i + round) mod 4])
//   mix(z): z = (z xor z>>30) · 0xBF58476D1CE4E5B9; z = (z xor z>>27) · 0x94D049BB133111EB;
//           z xor z>>31                         (the finalizer of SplitMix64, Steele et al. 2014)
#pragma once

#include <string_view>

#include "gpu/device.h"
#include "gpu/worker/wire.h"

namespace souk::gpu {

inline constexpr uint32_t kChallengeThreads = 256;
inline constexpr uint32_t kChallengeRounds = 64;

// The PTX that the device runs; kernel "souk_challenge".
std::string_view ChallengePtx();

// What an honest device answers; a few microseconds on any CPU.
Digest ExpectedAnswer(const Nonce& nonce);

}  // namespace souk::gpu
