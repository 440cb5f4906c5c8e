// What is known of other peers' logs: the newest checkpoint of each, and how their log receipts are
// checked against it (R3).
#pragma once

#include <map>

#include "ledger/c2sp/checkpoint.h"
#include "node/agent/turn.h"

namespace souk::node {

// What the card's owner signs its log's checkpoints with.
ledger::NoteVerifier LogKeyOf(const Card& card);

// Loop thread only. Checkpoints survive a restart through Turn::Remember.
class Counterparties {
 public:
  static constexpr const char* kNoteKey = "note/";
  static constexpr const char* kSeenKey = "seen/";
  static constexpr const char* kCardKey = "card/";

  // At the start: what an earlier run remembered. Damaged values are ignored.
  void Restore(std::string_view key, ByteView value);

  // Newest signed note of the peer's log that was proven consistent with those before, or "".
  const std::string& Note(const PeerId& peer) const;
  // Newest one that the peer's log ever signed as far as this node saw; shown to that peer, so that
  // a log which holds less stops (R3).
  const std::string& NewestNote(const PeerId& peer) const;

  // The peer showed its own newest checkpoint in a hello; kept where it is newer and validly
  // signed.
  void Offer(Turn& turn, const PeerId& peer, const Card& card, const std::string& note);

  // The entry that the receipt proves: signed by the card's checkpoint key, included, and
  // consistent with what was seen of this log before. kBadSignature, kMismatch, kMalformed;
  // kUnavailable where consistency is not shown; kConflict where two signed roots contradict each
  // other.
  Result<ProvenEntry> Check(Turn& turn, const PeerId& peer, const Card& card, ByteView receipt);

 private:
  // Heads that were proven consistent with each other; a late answer shows an older one again.
  static constexpr size_t kHeadsKept = 32;
  struct Seen {
    std::string note = {};
    std::map<uint64_t, Digest> heads = {};  // size, root; never empty; the last is the note's
    std::string shown = {};                 // newer than `note` and not proven yet, or ""
    ledger::Checkpoint shown_head = {};
  };
  static Status CheckConsistent(const Seen& seen, const ledger::Checkpoint& head,
                                const LogReceipt& receipt);
  static bool Show(Seen& seen, const std::string& note, const ledger::Checkpoint& head);
  void Keep(Turn& turn, const PeerId& peer, std::string note, const ledger::Checkpoint& head);
  std::map<PeerId, Seen> seen_ = {};
};

}  // namespace souk::node
