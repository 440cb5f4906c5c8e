// The mirror role (R3): keeps copies of the logs that its owner names, and cosigns a checkpoint of
// them only once every entry under it is durable here.
//
// The life of a mirrored entry: the log's owner, or gossip, shows a newer head -> `entries-get` up
// to it -> the answer is verified and synced (StoreEntries, ledger/log/mirrors.h) -> MirrorStored
// -> the next part, until the head is whole -> an `add-checkpoint` that waited for it is cosigned.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "node/agent/turn.h"

namespace souk::node {

// Loop thread only. What is held is the view's; nothing here survives a restart, nor needs to.
// Bounded: limits::kMirrored logs, one question and one waiting add-checkpoint of each.
class Mirroring {
 public:
  // The owner is asked for its newest checkpoint this often: gossip may bring none.
  static constexpr Duration kPoll = Seconds(2);
  static constexpr Duration kAnswerWithin = Seconds(10);
  // After a refusal, or an answer that proves nothing.
  static constexpr Duration kRetry = Seconds(10);
  // Who is to be followed follows from offers, which change.
  static constexpr Duration kLookAround = Seconds(5);

  struct Log {
    struct Question {
      Digest id = {};
      uint64_t from = 0;
      uint64_t size = 0;
      std::string note = {};  // that says so; empty where only the newest is asked for
      Duration asked = {};
      bool storing = false;  // the answer is on its way to the disk
    };
    std::optional<Question> question = {};
    std::optional<DocumentArrived> waiting = {};  // an add-checkpoint
    ledger::Checkpoint waiting_for = {};
    std::string waiting_note = {};
    Duration next = {};
    bool observed = false;     // what an earlier run held was compared with what is seen now
    std::string trouble = {};  // for people: why it does not go on
  };

  // Whether checkpoints of that peer's log are cosigned only with their entries.
  bool Follows(const PeerId& owner) const { return logs_.contains(owner); }
  // Whether this add-checkpoint can be decided now. Where entries are missing it is kept, and
  // TakeReady gives it back; where the log has forked, or is another than the one that is held, it
  // is refused here.
  bool Ready(Turn& turn, const From& from, const PeerId& owner, const std::string& note);
  std::vector<DocumentArrived> TakeReady(Turn& turn);

  void OnEntries(Turn& turn, const From& from, const Entries& answer);
  void OnRefusal(Turn& turn, const From& from, const Refusal& refusal);
  void OnStored(Turn& turn, const MirrorStored& stored);
  void RunTimers(Turn& turn);

  const std::map<PeerId, Log>& logs() const { return logs_; }

 private:
  void LookAround(Turn& turn);
  void Fetch(Turn& turn, const PeerId& owner, Log& log);
  // Why nothing is fetched, or nothing.
  static std::string WhyNot(Turn& turn, const PeerId& owner, bool for_entries);

  std::map<PeerId, Log> logs_ = {};
  Duration next_look_ = {};
};

}  // namespace souk::node
