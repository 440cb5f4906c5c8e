// What the ledger's tests share.
#pragma once

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "ledger/log/log.h"
#include "ledger/log/memory_store.h"
#include "test_folder.h"

namespace souk::ledger {

inline NoteSigner TestSigner(uint8_t seed = 1) {
  std::array<uint8_t, 32> bytes = {};
  bytes.fill(seed);
  return NoteSigner::FromSeed("souk.test/log", bytes);
}

// A witness, "witness.test/<seed>", with a key of its own.
inline NoteSigner TestWitness(uint8_t seed) {
  std::array<uint8_t, 32> bytes = {};
  bytes.fill(seed);
  return NoteSigner::FromSeed("witness.test/" + std::to_string(seed), bytes,
                              NoteKeyType::kCosignature);
}

inline Bytes Leaf(uint64_t n) {
  return ToBytes(AsBytes("entry " + std::to_string(n)));
}

inline Digest IdOf(uint64_t n) {
  return Sha256(AsBytes("id " + std::to_string(n)));
}

// `count` drafts whose leaves and ids are numbered from `first`.
inline std::vector<Draft> Drafts(uint64_t first, uint64_t count) {
  std::vector<Draft> drafts;
  for (uint64_t i = first; i < first + count; ++i) drafts.push_back(Draft{Leaf(i), {IdOf(i)}});
  return drafts;
}

// MTH by RFC 6962's definition, as plainly as it can be said.
inline Digest NaiveRoot(std::span<const Bytes> leaves) {
  if (leaves.empty()) return Sha256({});
  if (leaves.size() == 1) return LeafHash(leaves[0]);
  size_t split = 1;
  while (split * 2 < leaves.size()) split *= 2;
  return NodeHash(NaiveRoot(leaves.subspan(0, split)), NaiveRoot(leaves.subspan(split)));
}

}  // namespace souk::ledger
