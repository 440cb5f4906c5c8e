// The asking side of witnesses (R3): this node's checkpoints are shown to the witnesses that its
// owner names, their cosignatures are gathered, and, where a quorum is asked for, a receipt waits
// until so many have cosigned a checkpoint that covers it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "ledger/c2sp/cosignature.h"
#include "node/agent/turn.h"

namespace souk::node {

// Loop thread only. Nothing is remembered: after a restart the witnesses say where they stand.
class Cosigning {
 public:
  // All witnesses are shown the same checkpoint, so that a quorum comes together; the next one when
  // it has, or after kRoundEnds, and never sooner than this.
  static constexpr Duration kEvery = Millis(250);
  static constexpr Duration kRoundEnds = Seconds(3);
  // Held answers; further ones are asked for again by whoever waits.
  static constexpr size_t kHeld = 4096;

  // Answers with the entry's receipt: now, or once a quorum has cosigned a checkpoint above it.
  void Reply(Turn& turn, ConnectionId connection, ReplyParts reply);
  void OnCosigned(Turn& turn, const From& from, const Cosigned& answer);
  void OnLost(ConnectionId connection);
  void RunTimers(Turn& turn);

  // The newest checkpoint that a quorum has cosigned, as a note with the lines of all who have by
  // then; empty: none yet. Where no quorum is asked for, a round waits for all.
  const std::string& note() const { return note_; }
  uint64_t size() const { return size_; }
  // How far each witness is.
  const std::map<PeerId, uint64_t>& stands() const { return stands_; }

 private:
  struct Question {
    Digest id = {};
    std::string note = {};
    uint64_t size = 0;
  };
  struct Held {
    ConnectionId connection = 0;
    ReplyParts reply = {};
  };
  // A checkpoint that some have cosigned.
  struct Gathered {
    std::string note = {};
    std::map<PeerId, ledger::NoteSignature> lines = {};
  };

  struct Round {
    std::string note = {};
    uint64_t size = 0;
    Duration begun = {};
  };

  void BeginRound(Turn& turn);
  void Show(Turn& turn, const PeerId& witness);
  // How many cosignatures end a round.
  static size_t Wanted(const Turn& turn);
  void Publish(Turn& turn, uint64_t size);
  void Release(Turn& turn);

  Round round_ = {};
  std::map<PeerId, uint64_t> stands_ = {};  // size that each has cosigned last
  std::map<PeerId, Question> questions_ = {};
  std::map<PeerId, Duration> next_ = {};
  std::map<uint64_t, Gathered> gathered_ = {};
  std::vector<Held> held_ = {};
  std::string note_ = {};
  uint64_t size_ = 0;
  size_t lines_ = 0;  // of witnesses, in it
};

}  // namespace souk::node
