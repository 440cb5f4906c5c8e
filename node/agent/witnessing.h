// The witness role (R3): cosigns checkpoints of others' logs that continue those before, as C2SP's
// tlog-witness says. Any connected peer may ask for any log whose owner's card is known.
#pragma once

#include <string>

#include "ledger/witness/witness.h"
#include "node/agent/turn.h"

namespace souk::node {

// The key of a peer's cosignatures, as its card says it.
ledger::NoteVerifier WitnessVerifier(const PeerId& peer, const PublicKey& witness_key);

// Loop thread only. What was cosigned is remembered as a fact, and facts are on the disk before
// anything is sent: so no answer leaves before its head is persisted.
class Witnessing {
 public:
  static constexpr const char* kFactKey = "witness/";

  explicit Witnessing(const Identity& identity);

  // At the start. Damaged values are ignored: their logs are witnessed from nothing again, which
  // the log's owner sees as a conflict of sizes.
  void Restore(std::string_view key, ByteView value);
  void OnAddCheckpoint(Turn& turn, const From& from);

  // Whose log's checkpoint is to be cosigned, and the checkpoint itself; nothing verified.
  struct Asked {
    PeerId owner = {};
    std::string note = {};
  };
  static Result<Asked> WhatIsAsked(const Document& request);

  // Logs that were cosigned, by origin.
  const ledger::WitnessState& logs() const { return state_; }

 private:
  ledger::Witness witness_;
  ledger::WitnessState state_ = {};
};

}  // namespace souk::node
