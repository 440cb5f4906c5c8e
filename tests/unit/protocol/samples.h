// Random but valid messages, one maker per kind, for round trips, corpora and benchmarks.
#pragma once

#include <random>

#include "protocol/codec.h"

namespace souk::samples {

// The same seed makes the same messages on every machine: only the engine itself is used, since the
// standard's distributions differ between libraries.
class Rng {
 public:
  explicit Rng(uint64_t seed) : engine_(seed) {}
  uint64_t Below(uint64_t bound) { return engine_() % bound; }
  uint64_t Any() { return engine_(); }
  bool Coin() { return (engine_() >> 32 & 1) != 0; }

 private:
  std::mt19937_64 engine_;
};

Digest AnyDigest(Rng& rng);
PublicKey AnyKey(Rng& rng);
Time AnyTime(Rng& rng);
Duration AnyDuration(Rng& rng);
Credits AnyCredits(Rng& rng);
Rate AnyRate(Rng& rng);
std::string AnyText(Rng& rng, size_t most);
std::string AnyToken(Rng& rng);
Bytes AnyBytes(Rng& rng, size_t most);
TransferRecord AnyTransfer(Rng& rng);

// A document whose signature nobody checked: quick to make, for what decodes payloads.
Result<DocumentRef> Unsigned(Kind kind, ByteView payload);

// Specialised for every message of codec.h.
template <typename Message>
Message Any(Rng& rng);

// `index` picks the alternative of the variant.
Outcome AnyOutcome(Rng& rng, size_t index);
Entry AnyEntry(Rng& rng, size_t outcome_index);
LogReceipt AnyReceipt(Rng& rng);

}  // namespace souk::samples
