// The simulator: the real agents, logs and runners of some peers on one thread, in virtual time,
// over a network that loses, delays, reorders and duplicates, and disks that crash. Everything
// follows from a seed. What may never happen is in checker.h.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ledger/log/memory_store.h"
#include "node/runner.h"
#include "sim/checker.h"
#include "sim/rng.h"

namespace souk::sim {

// A simulated week.
inline constexpr Duration kKeepResults = Minutes(5);

struct Options {
  uint64_t seed = 1;
  uint64_t steps = 2000;  // agent steps with faults; healing comes after
  int providers = 2;
  int renters = 2;
  bool faults = true;  // false: a quiet network, whole disks, and nobody's errands
  bool verbose = false;
  bool providers_clear = false;  // each has a book of its own, and settles in it first
  // Each peer begins with some others too, so that news need not pass through the book.
  bool meshed = false;
  // The first renters are witnesses of the book's log; its receipts wait for so many of them.
  int witnesses = 0;
  size_t quorum = 0;
  // Whom everyone's card names as readers of its log.
  std::vector<PeerId> readers = {};
  // The first renters mirror the logs of the book, of its providers and of these.
  int mirrors = 0;
  std::vector<PeerId> mirrored = {};
};

struct Outcome {
  Digest trace = {};   // of every step of every agent, and of every log's end
  uint64_t steps = 0;  // with healing
  uint64_t crashes = 0;
  uint64_t disk_faults = 0;
  uint64_t messages = 0;
  uint64_t lost = 0;
  uint64_t leases = 0;     // accepted by a provider
  uint64_t jobs = 0;       // done
  uint64_t passed = 0;     // challenges
  uint64_t caught = 0;     // devices that cheated in one
  uint64_t rounds = 0;     // of replicas
  uint64_t differing = 0;  // with a lie beside an honest result
  std::vector<std::string> violations = {};
};

// Runs one seed to its end, or to the first violation.
Outcome Run(const Options& options);

}  // namespace souk::sim
