// A diagnosis as sentences. Internal to ledger/.
#pragma once

#include "ledger/log/diagnose.h"

namespace souk::ledger {

// What was found beside the numbers.
struct DiagnosisFacts {
  std::string store_error = {};           // why the database does not open; empty where it does
  std::string slots_error = {};           // why the slot file cannot be read
  std::string refusal = {};               // what Inspect says; empty where it finds nothing wrong
  std::vector<std::string> remarks = {};  // Inspect's
  bool fresh = false;                     // there is no log at all
};

// Decides the verdict and writes the sentences.
void PutIntoWords(const DiagnosisFacts& facts, Diagnosis& out);

}  // namespace souk::ledger
