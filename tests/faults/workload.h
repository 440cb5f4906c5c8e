// The work that a sweep interrupts: runs of a log, each opened, checked, written to and closed.
#pragma once

#include <memory>
#include <optional>

#include "faults/witness.h"
#include "sim/rng.h"

namespace souk::faults {

// Where the log under test is kept.
class Site {
 public:
  virtual ~Site() = default;
  virtual Result<ledger::Log*> Open(ledger::NoteSigner signer, ledger::LogOptions options) = 0;
  virtual const ledger::Store& store() const = 0;
  virtual void Close() = 0;
  // What a refused opening did that it must not; empty where it did nothing.
  virtual std::string Complaint() const { return ""; }
  // Reads what is there, open or not, and tells the witness what is said of it.
  virtual void Examine(Witness& witness) = 0;
};

// What a run may meet.
enum class Disk {
  kFailing,  // faults are planned: an opening may be refused
  kHonest,   // whatever was synced is there: no opening may be refused
  kDamaged,  // bytes were changed or are gone: it may be refused for good
};

struct RunOptions {
  int commits = 12;
  size_t large_bytes = 2000;  // of the larger drafts
  int large_groups = 20;      // per mille of the groups that have some hundred drafts
  bool made = false;          // the slot file was made before the first run
};

// Whether the log opened. It is written to until a commit fails or all are done.
bool RunOnce(Site& site, Witness& witness, sim::Rng& rng, Disk disk, const RunOptions& options);

// Bytes are not empty.
void FlipOneBit(Bytes& bytes, sim::Rng& rng);

// An older copy of the log was put back: it signs nothing by itself, and the counterparty's newer
// copy stops it, unless nothing was added since.
void CheckRestored(Site& site, Witness& witness);

}  // namespace souk::faults
