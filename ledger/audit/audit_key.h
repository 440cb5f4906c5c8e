// Whose log it is, from its own first entry: a card beside `opened`, signed by the peer's identity,
// names the key of its checkpoints. Trust then rests on the peer's name, which the reader compares.
#pragma once

#include "ledger/c2sp/note.h"
#include "ledger/log/store.h"
#include "protocol/entry.h"

namespace souk::ledger {

struct LogOwner {
  std::string name = {};
  PeerId peer = {};
  // None where no card stands in the first entry: then the key must come from elsewhere.
  std::optional<NoteVerifier> key = {};
};

// kNotFound where the store holds no entries; kMalformed where the first one is no opening.
Result<LogOwner> ReadLogOwner(const Store& store);

}  // namespace souk::ledger
