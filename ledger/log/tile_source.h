// What a log serves by tlog-tiles' paths: its checkpoint, its tree and its entries, up to the size
// that is signed and not one entry further.
#pragma once

#include <string>
#include <string_view>

#include "ledger/c2sp/tile_path.h"
#include "ledger/log/log.h"

namespace souk::ledger {

// The tree head that is served: a signed note, and the size that it says. It may be older than the
// log's own, and carry cosignatures.
struct ServedHead {
  uint64_t size = 0;
  std::string checkpoint;
};
ServedHead NewestHead(const LogReader& log);

struct LogAnswer {
  Bytes body;
  const char* content_type = "";
  // Tiles never change, so that caches may keep them; the checkpoint does.
  bool immutable = false;
};

// A path takes what it names and nothing else: a partial tile or bundle of any width that stands
// under the head, a full one where it is full there. kNotFound for every other path, whether it
// names nothing or something beyond the head; kInvalidArgument where the head is beyond what the
// log has signed; the reader's errors where the log is damaged.
Result<LogAnswer> AnswerLogPath(const LogReader& log, const ServedHead& head,
                                std::string_view path);

}  // namespace souk::ledger
