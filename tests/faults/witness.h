// What the world knows of one log: all that it acknowledged, all that it ever signed. The rules
// that no fault may break are checked here.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "ledger/log/diagnose.h"
#include "ledger/log/log.h"

namespace souk::faults {

class Witness {
 public:
  Witness();
  Witness(const Witness&) = delete;
  Witness& operator=(const Witness&) = delete;

  // Signs with the log's key, and remembers every head that it signs.
  ledger::NoteSigner Signer();
  ledger::NoteVerifier Verifier() const { return signer_.Verifier(); }

  // Before a commit; what is written may be found later though it was never acknowledged.
  void Attempts(const std::vector<ledger::Draft>& drafts, uint64_t fact);
  // After Commit returned: from now on it must be found.
  void Acknowledged(const ledger::Committed& committed);
  // The newest checkpoint that was acknowledged, as a counterparty keeps it; empty before the
  // first.
  const std::string& checkpoint() const { return checkpoint_; }
  uint64_t acknowledged() const { return acknowledged_; }

  // A log that was opened: everything acknowledged is in it byte for byte, nothing that nobody
  // wrote is, and it continues every head that was ever signed.
  void Check(const ledger::Log& log, const ledger::Store& store);
  // What is said of a disk's damage: nothing is called lost that is here, nor whole that is not.
  void CheckDiagnosis(const ledger::Diagnosis& found, const ledger::Store* store);
  // An opening or a commit that was refused.
  void CheckRefusal(const Error& error);
  void Violation(std::string what) { violations_.push_back(std::move(what)); }
  const std::vector<std::string>& violations() const { return violations_; }

 private:
  void CheckEntries(const ledger::Log& log);
  void CheckHeads(const ledger::Log& log);
  void CheckFact(const ledger::Store& store);

  ledger::NoteSigner signer_;
  std::vector<ledger::Draft> drafts_;  // acknowledged_ of them, then those of attempts
  uint64_t acknowledged_ = 0;
  uint64_t attempted_ = 0;  // the size with the newest attempt
  uint64_t fact_ = 0;       // acknowledged
  uint64_t next_fact_ = 0;
  std::string checkpoint_;
  std::map<uint64_t, Digest> heads_;
  std::vector<std::string> violations_;
};

// The fact that every commit of a sweep writes beside its entries.
Bytes FactKey();
Bytes FactValue(uint64_t fact);

// Whether an error's text tells its reader what to do.
bool SaysWhatToDo(const std::string& message);

}  // namespace souk::faults
