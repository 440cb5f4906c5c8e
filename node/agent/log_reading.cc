#include "node/agent/log_reading.h"

#include "node/agent/directory.h"

namespace souk::node {
namespace {

constexpr const char* kNotAReader =
    "this log is open to those whom its owner's card names as readers; others see checkpoints, and "
    "parties their own entries";

// What an entry-get asks for; the same error where it is not there and where it is not the asker's,
// so that nobody learns of others' entries by asking.
std::optional<uint64_t> FindFor(const Turn& turn, const EntryGet& get, const PublicKey& reader) {
  const std::optional<uint64_t> index =
      get.document ? turn.view().FindEntry(*get.document) : std::optional<uint64_t>(get.index);
  if (!index) return std::nullopt;
  const auto leaf = turn.view().Entry(*index);
  const auto entry = leaf ? DecodeEntry(*leaf) : Result<Entry>(leaf.error());
  if (!entry || !MayReadEntry(OwnReaders(turn), reader, *entry)) return std::nullopt;
  return index;
}

}  // namespace

LogReaders OwnReaders(const Turn& turn) {
  LogReaders out{turn.settings().log.everyone, turn.settings().log.readers};
  out.peers.push_back(turn.self());
  return out;
}

bool LogReading::MayAnswer(Turn& turn, const From& from) {
  Window& window = windows_[from.connection];
  if (window.answers == 0 || turn.monotonic() - window.begun >= Seconds(1)) {
    window = {turn.monotonic(), 0};
  }
  if (++window.answers <= kAnswersPerSecond) return true;
  turn.Refuse(from, RefusalCode::kRateLimited, "so much of a log is read in a second, not more",
              std::to_string(kAnswersPerSecond) + " questions a second");
  return false;
}

void LogReading::OnEntriesGet(Turn& turn, const From& from) {
  const auto get = Decode<EntriesGet>(*from.document());
  if (!get) return turn.Refuse(from, RefusalCode::kMalformed, get.error().message);
  if (!MayAnswer(turn, from)) return;
  if (get->log != turn.self()) return OnMirroredGet(turn, from, *get);
  if (ShareOf(OwnReaders(turn), from.peer) != LogShare::kWhole) {
    return turn.Refuse(from, RefusalCode::kNotYours, kNotAReader);
  }
  if (get->size > turn.log_size()) {
    return turn.Refuse(from, RefusalCode::kNotFound, "this log has not so many entries",
                       std::to_string(turn.log_size()));
  }
  turn.SendEntries(from.connection, {.re = from.document()->id(), .get = *get});
}

void LogReading::OnMirroredGet(Turn& turn, const From& from, const EntriesGet& get) {
  const ledger::MirroredLog* const held = turn.view().Mirrored(LogName(get.log));
  const Directory::KnownCard* const owner = turn.directory().FindCard(get.log);
  const bool may =
      from.peer == get.log ||
      (owner != nullptr && ShareOf(ReadersOf(owner->card), from.peer) == LogShare::kWhole);
  if (held == nullptr || held->note.empty() || !may) {
    return turn.Refuse(from, RefusalCode::kNotYours,
                       "this node mirrors no such log, or its owner does not name you as a reader");
  }
  if (get.size > held->head.size) {
    return turn.Refuse(from, RefusalCode::kNotFound, "the mirror has not so many entries",
                       std::to_string(held->head.size));
  }
  turn.SendEntries(from.connection, {.re = from.document()->id(), .get = get});
}

void LogReading::OnEntryGet(Turn& turn, const From& from, const DocumentRef& document) {
  const auto get = Decode<EntryGet>(*document);
  if (!get) return turn.Refuse(from, RefusalCode::kMalformed, get.error().message);
  if (!MayAnswer(turn, from)) return;
  // Bound to both ends: what somebody's account key once signed is of no use to others.
  if (get->log != turn.self() || get->reader != from.peer) {
    return turn.Refuse(from, RefusalCode::kNotYours,
                       "it asks another node, or was made for another reader");
  }
  const auto index = FindFor(turn, *get, document->signer());
  if (!index) {
    return turn.Refuse(from, RefusalCode::kNotYours,
                       "this log has no such entry, or its documents name others");
  }
  turn.Reply(from, {}, *index);
}

}  // namespace souk::node
