// Entries of this node's log for whom R3 lets read them: whole ranges for the mirrors and auditors
// that its card names, a party's own entries one by one. Of a log that this node mirrors, ranges
// for its owner and for whom the owner's card names.
#pragma once

#include <map>

#include "node/agent/turn.h"
#include "protocol/log_access.h"

namespace souk::node {

// Loop thread only. Bounded: one window per bound connection.
class LogReading {
 public:
  // Of one connection. Each answer brings up to a megabyte for a small question.
  static constexpr int kAnswersPerSecond = 64;

  void OnEntriesGet(Turn& turn, const From& from);
  // `document` is the entry-get: what came, or what a `carry` held.
  void OnEntryGet(Turn& turn, const From& from, const DocumentRef& document);
  void OnLost(ConnectionId connection) { windows_.erase(connection); }

 private:
  struct Window {
    Duration begun = {};
    int answers = 0;
  };
  bool MayAnswer(Turn& turn, const From& from);
  static void OnMirroredGet(Turn& turn, const From& from, const EntriesGet& get);

  std::map<ConnectionId, Window> windows_ = {};
};

// Whom this node's own settings name.
LogReaders OwnReaders(const Turn& turn);

}  // namespace souk::node
