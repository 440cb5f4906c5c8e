// Entries of a log as they travel to a mirror: a C2SP entry bundle, and the proof that the log
// which ends with them is continued by one that is signed.
#pragma once

#include <vector>

#include "ledger/log/log.h"

namespace souk::ledger {

struct ProvenEntries {
  uint64_t from = 0;
  uint32_t count = 0;
  Bytes bundle = {};                // entry_bundle.h
  std::vector<Digest> hashes = {};  // PROOF(from + count, D[size])
};

// Entries [from, …) below `size`, as many as a bundle takes (kTileWidth) and `most_bytes` allow, in
// which the longest entry must fit; each is rehashed. Where `from` is `size` there are none.
// kInvalidArgument unless from <= size <= log.size().
Result<ProvenEntries> ReadEntries(const LogReader& log, uint64_t from, uint64_t size,
                                  size_t most_bytes);

}  // namespace souk::ledger
