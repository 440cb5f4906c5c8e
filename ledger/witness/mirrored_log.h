// What a mirror holds of one log.
#pragma once

#include <string>

#include "ledger/c2sp/checkpoint.h"

namespace souk::ledger {

struct MirroredLog {
  uint64_t size = 0;   // entries that are here, durable
  Digest root = {};    // over them
  uint64_t bytes = 0;  // that they and their tiles take
  // The newest checkpoint whose tree is here, whole; empty: none yet.
  Checkpoint head = {};
  std::string note = {};
  // The newest checkpoint for which entries were fetched: not smaller than `head`.
  uint64_t known_size = 0;
  std::string known = {};
  std::string vkey = {};  // of the log

  bool whole() const { return known_size <= head.size; }
};

}  // namespace souk::ledger
