#include "ledger/log/mirrors.h"

#include <fmt/format.h>

#include "ledger/c2sp/note.h"
#include "ledger/log/log_keys.h"
#include "ledger/log/stored_hashes.h"

namespace souk::ledger {
namespace {

constexpr uint8_t kRecordPrefix = 'm';
constexpr uint8_t kLogPrefix = 'l';
constexpr const char* kMirrorAdvice =
    ". Move the mirror's folder away and start again: what it held is fetched anew";

Error Damaged(std::string_view origin, const std::string& what) {
  return Error(Code::kCorrupt, fmt::format("the mirror of {}: {}{}", origin, what, kMirrorAdvice));
}

Bytes RecordKey(std::string_view origin) {
  Bytes key = {kRecordPrefix};
  Append(key, AsBytes(origin));
  return key;
}

Bytes PrefixOf(std::string_view origin) {
  Bytes key = {kLogPrefix};
  Append(key, Sha256(AsBytes(origin)).view());
  return key;
}

Bytes Joined(ByteView prefix, ByteView key) {
  Bytes out = ToBytes(prefix);
  Append(out, key);
  return out;
}

// One log's keys within the store. Reading only.
class OneLog : public Store {
 public:
  OneLog(const Store& store, std::string_view origin) : store_(store), prefix_(PrefixOf(origin)) {}

  Result<std::optional<Bytes>> Get(ByteView key) const override {
    return store_.Get(Joined(prefix_, key));
  }
  Status Scan(ByteView begin, ByteView end, const Visitor& visit) const override {
    // Bounds of its own: entries are all that is scanned of a log.
    return store_.Scan(
        Joined(prefix_, begin), Joined(prefix_, end),
        [&](ByteView key, ByteView value) { return visit(key.subspan(prefix_.size()), value); });
  }
  Status Write(const WriteBatch& /*batch*/, Durability /*durability*/) override {
    return Error(Code::kDenied, "a mirrored log is written by Append");
  }

 private:
  const Store& store_;
  const Bytes prefix_;
};

// A record: head(48, log_keys.h, with the bytes for its generation), then three texts, each after
// its length in 4 bytes.
Bytes EncodeRecord(const MirroredLog& log) {
  Bytes out = EncodeHead(Head{log.bytes, log.size, log.root});
  for (const std::string* text : {&log.vkey, &log.note, &log.known}) {
    PutLe(out, static_cast<uint32_t>(text->size()));
    Append(out, AsBytes(*text));
  }
  return out;
}

Result<MirroredLog> DecodeRecord(ByteView bytes) {
  constexpr size_t kHead = 48;
  if (bytes.size() < kHead) return Error(Code::kCorrupt, "its record is too short");
  ASSIGN_OR_RETURN(const Head head, DecodeHead(bytes.first(kHead)));
  MirroredLog out{.size = head.size, .root = head.root, .bytes = head.generation};
  bytes = bytes.subspan(kHead);
  for (std::string* text : {&out.vkey, &out.note, &out.known}) {
    if (bytes.size() < 4) return Error(Code::kCorrupt, "its record is too short");
    const size_t length = GetLe<uint32_t>(bytes.data());
    bytes = bytes.subspan(4);
    if (length > kMaxNoteBytes || length > bytes.size()) {
      return Error(Code::kCorrupt, "its record names more bytes than it has");
    }
    *text = std::string(AsText(bytes.first(length)));
    bytes = bytes.subspan(length);
  }
  if (!bytes.empty()) return Error(Code::kCorrupt, "its record has bytes too many");
  return out;
}

Result<Checkpoint> OpenKept(const std::string& note, const NoteVerifier& key) {
  if (note.empty()) return Checkpoint{};
  return OpenCheckpoint(note, key);
}

}  // namespace

Result<Mirrors> Mirrors::Open(Store& store) {
  Mirrors out(store);
  Status loaded = Ok();
  const Bytes begin = {kRecordPrefix}, end = {kRecordPrefix + 1};
  RETURN_IF_ERROR(store.Scan(begin, end, [&](ByteView key, ByteView value) {
    loaded = out.Load(AsText(key.subspan(1)), value);
    return loaded.has_value();
  }));
  RETURN_IF_ERROR(loaded);
  return out;
}

Status Mirrors::Load(std::string_view origin, ByteView record) {
  auto log = DecodeRecord(record);
  if (!log) return Damaged(origin, log.error().message);
  const auto key = NoteVerifier::ParseVkey(log->vkey);
  if (!key || key->name != origin) return Damaged(origin, "its key is another's");
  auto head = OpenKept(log->note, *key);
  const auto known = OpenKept(log->known, *key);
  if (!head || !known) return Damaged(origin, "a checkpoint in it is not the log's");
  auto edge = TreeEdge::At(log->size, StoredHashes(OneLog(*store_, origin)));
  if (!edge) return Damaged(origin, edge.error().message);
  if (edge->Root() != log->root || head->size > log->size || known->size < head->size) {
    return Damaged(origin, "its entries are not those that were written");
  }
  log->head = std::move(*head);
  log->known_size = known->size;
  edges_.emplace(origin, std::move(*edge));
  logs_.emplace(origin, std::move(*log));
  return Ok();
}

const MirroredLog* Mirrors::Find(std::string_view origin) const {
  const auto it = logs_.find(origin);
  return it == logs_.end() ? nullptr : &it->second;
}

uint64_t Mirrors::bytes() const {
  uint64_t total = 0;
  for (const auto& [origin, log] : logs_) total += log.bytes;
  return total;
}

// What a bad disk made of it must not be vouched for.
Status Mirrors::ReadBack(const WriteBatch& batch) const {
  for (const WriteBatch::Op& op : batch.ops()) {
    ASSIGN_OR_RETURN(const auto stored, store_->Get(op.key));
    if (stored != op.value) return Error(Code::kCorrupt, "the mirror's disk changed what it took");
  }
  return Ok();
}

Result<MirroredLog> Mirrors::Append(const NoteVerifier& log, const MirrorPart& part) {
  if (stopped_) return Error(Code::kIo, "the mirror has stopped, restart the node");
  ASSIGN_OR_RETURN(const Checkpoint head, OpenCheckpoint(part.note, log));
  if (!logs_.contains(log.name) && logs_.size() >= kLogs) {
    return Error(Code::kTooLarge, fmt::format("this node mirrors {} logs already", kLogs));
  }
  const auto held = logs_.find(log.name);
  MirroredLog next = held == logs_.end() ? MirroredLog{.root = EmptyRoot()} : held->second;
  TreeEdge edge = held == logs_.end() ? TreeEdge() : edges_.find(log.name)->second;
  if (part.from != next.size || head.size < part.from + part.entries.size()) {
    return Error(Code::kConflict, "these are not the next entries of what is mirrored");
  }
  const Bytes prefix = PrefixOf(log.name);
  WriteBatch batch;
  const auto put = [&](const Bytes& key, Bytes value) {
    next.bytes += value.size();
    batch.Put(Joined(prefix, key), std::move(value));
  };
  for (const ByteView entry : part.entries) {
    put(EntryKey(edge.size()), ToBytes(entry));
    edge.Append(LeafHash(entry), [&](TileId tile, std::span<const Digest> hashes) {
      put(TileKey(tile), EncodeTile(hashes));
    });
  }
  next.size = edge.size();
  next.root = edge.Root();
  RETURN_IF_ERROR(VerifyConsistency(next.size, next.root, head.size, head.root, part.hashes));
  next.vkey = log.ToVkey();
  if (head.size == next.size) {
    next.head = head;
    next.note = part.note;
  }
  if (head.size >= next.known_size) {
    next.known_size = head.size;
    next.known = part.note;
  }
  batch.Put(RecordKey(log.name), EncodeRecord(next));
  Status written = store_->Write(batch, Durability::kSynced);
  if (written) written = ReadBack(batch);
  if (!written) {
    stopped_ = true;
    return Error(Code::kIo, written.error().message);
  }
  edges_[log.name] = std::move(edge);
  logs_[log.name] = next;
  return next;
}

Result<Digest> Mirrors::RootAt(std::string_view origin, uint64_t size) const {
  const MirroredLog* const log = Find(origin);
  if (log == nullptr) return Error(Code::kNotFound, "that log is not mirrored here");
  const OneLog entries(*store_, origin);
  const LogReader reader(entries,
                         Inspection{.size = log->size, .edge = edges_.find(origin)->second});
  return reader.RootAt(size);
}

Result<std::unique_ptr<MirrorReader>> Mirrors::Read(std::string_view origin) const {
  const MirroredLog* const log = Find(origin);
  if (log == nullptr || log->note.empty()) {
    return Error(Code::kNotFound, "no checkpoint of that log is whole here");
  }
  auto entries = std::make_unique<OneLog>(*store_, origin);
  Inspection found{.size = log->head.size,
                   .root = log->head.root,
                   .checkpoint = log->note,
                   .signed_head = log->head};
  // Further ones may be here, on the way to a newer checkpoint.
  ASSIGN_OR_RETURN(found.edge, TreeEdge::At(log->head.size, StoredHashes(*entries)));
  return std::make_unique<MirrorReader>(std::move(entries), std::move(found));
}

}  // namespace souk::ledger
