// The read-only look that R3 asks for before anything is opened for writing.
#include <fmt/format.h>

#include <algorithm>

#include "ledger/log/log.h"
#include "ledger/log/log_keys.h"
#include "ledger/log/start.h"
#include "ledger/log/stored_hashes.h"

namespace souk::ledger {
namespace {

Error Refuse(Code code, const std::string& why) {
  return Error(code, why + kRefusalAdvice + ".");
}

// What the two slots say together.
struct SlotPair {
  uint64_t generation = 0;  // of the newest readable slot
  std::string checkpoint;
  Checkpoint head;
  std::optional<Checkpoint> older;  // the other slot's, where readable
  bool other_unreadable = false;
  std::vector<uint64_t> claims;  // generations that the unreadable one's marks name
};

// The slot at its place in the file; what is cut off reads as damaged.
Slot SlotAt(ByteView file, unsigned index) {
  const size_t start = index * kSlotBytes;
  if (file.size() < start + kSlotBytes) return DecodeSlot({});
  Slot slot = DecodeSlot(file.subspan(start, kSlotBytes));
  if (slot.state == Slot::State::kReadable && slot.generation % 2 != index) {
    slot.state = Slot::State::kUnreadable;
    slot.claims = {slot.generation};
  }
  return slot;
}

Result<SlotPair> ReadSlots(ByteView file, const NoteVerifier& log) {
  Slot newer = SlotAt(file, 0);
  Slot older = SlotAt(file, 1);
  const auto readable = [](const Slot& s) { return s.state == Slot::State::kReadable; };
  if (!readable(newer) || (readable(older) && older.generation > newer.generation)) {
    std::swap(newer, older);
  }
  if (!readable(newer)) {
    return Refuse(Code::kCorrupt, "neither slot of the checkpoint file can be read");
  }
  SlotPair pair;
  pair.generation = newer.generation;
  pair.checkpoint = newer.payload;
  auto head = OpenCheckpoint(newer.payload, log);
  if (!head) return Refuse(head.error().code, "the checkpoint file: " + head.error().message);
  pair.head = std::move(*head);
  if (readable(older)) {
    if (older.generation + 1 != newer.generation) {
      return Refuse(Code::kCorrupt, fmt::format("the checkpoint file holds generations {} and {}, "
                                                "which do not follow each other",
                                                older.generation, newer.generation));
    }
    auto before = OpenCheckpoint(older.payload, log);
    if (!before)
      return Refuse(before.error().code, "the checkpoint file: " + before.error().message);
    pair.older = std::move(*before);
  } else if (older.state == Slot::State::kUnreadable || newer.generation > 0) {
    // Empty is how slot 1 begins; later it means that the slot was wiped.
    pair.other_unreadable = true;
    pair.claims = older.claims;
  }
  return pair;
}

// R3: the store holds the readable slot's generation, or the one that was being committed.
Status CheckGenerations(const SlotPair& slots, const Head& head, const InspectOptions& options) {
  if (head.generation < slots.generation) {
    return Refuse(Code::kCorrupt,
                  fmt::format("the database ends at generation {} with {} entries, but generation "
                              "{} with {} entries was signed: acknowledged entries are missing",
                              head.generation, head.size, slots.generation, slots.head.size));
  }
  if (options.live) return Ok();
  if (head.generation > slots.generation + 1) {
    return Refuse(
        Code::kCorrupt,
        fmt::format("the database is at generation {}, but the newest readable checkpoint "
                    "is of generation {}: the checkpoint file is older than the database",
                    head.generation, slots.generation));
  }
  // The damaged slot may be the newer one: then the database must hold what it signed.
  const bool was_newer = std::find(slots.claims.begin(), slots.claims.end(),
                                   slots.generation + 1) != slots.claims.end();
  if (slots.other_unreadable && was_newer && head.generation == slots.generation) {
    return Refuse(Code::kCorrupt,
                  fmt::format("a damaged checkpoint names generation {}, but the database ends at "
                              "generation {}: acknowledged entries are missing",
                              slots.generation + 1, head.generation));
  }
  return Ok();
}

// What a tree of so many entries has to look like, and who says so.
struct Expected {
  Checkpoint head = {};
  const char* signer = "the checkpoint signs";
};

// Builds the tree from the entries' bytes and compares every full tile with the stored one.
class Rehash {
 public:
  Rehash(const Store& store, std::vector<Expected> expected)
      : store_(store), expected_(std::move(expected)) {}

  // From where `edge` ends.
  Status Run(TreeEdge& edge) {
    RETURN_IF_ERROR(CheckRoots(edge));
    Status scan = store_.Scan(EntryKey(edge.size()), Bytes{kEntryPrefix + 1},
                              [&](ByteView key, ByteView value) {
                                status_ = Add(key, value, edge);
                                return status_.has_value();
                              });
    RETURN_IF_ERROR(status_);
    return scan;
  }

 private:
  Status Add(ByteView key, ByteView value, TreeEdge& edge) {
    if (ParseEntryKey(key) != edge.size()) {
      return Refuse(Code::kCorrupt, fmt::format("entry {} is missing", edge.size()));
    }
    if (value.size() > kMaxEntryBytes) {
      return Refuse(Code::kCorrupt, fmt::format("entry {} is too long", edge.size()));
    }
    Status tiles = Ok();
    edge.Append(LeafHash(value), [&](TileId tile, std::span<const Digest> hashes) {
      if (tiles) tiles = CheckTile(tile, hashes);
    });
    RETURN_IF_ERROR(tiles);
    return CheckRoots(edge);
  }

  Status CheckTile(TileId tile, std::span<const Digest> hashes) {
    const Bytes key = TileKey(tile);
    ASSIGN_OR_RETURN(const auto stored, store_.Get(key));
    if (stored && *stored == EncodeTile(hashes)) return Ok();
    const uint64_t entries = kTileWidth << (kTileHeight * tile.level);
    return Refuse(Code::kCorrupt, fmt::format("tile {} does not fit the entries from {} to {}",
                                              TilePath(tile, kTileWidth), tile.index * entries,
                                              (tile.index + 1) * entries - 1));
  }

  Status CheckRoots(const TreeEdge& edge) {
    for (const Expected& one : expected_) {
      if (one.head.size != edge.size() || one.head.root == edge.Root()) continue;
      return Refuse(Code::kCorrupt, fmt::format("the first {} entries are not those that {}",
                                                one.head.size, one.signer));
    }
    return Ok();
  }

  const Store& store_;
  std::vector<Expected> expected_;
  Status status_;
};

Result<bool> HoldsLogKeys(const Store& store) {
  for (const uint8_t prefix : {kEntryPrefix, kTilePrefix, kIdPrefix, kHeadPrefix}) {
    bool any = false;
    RETURN_IF_ERROR(store.Scan(Bytes{prefix}, Bytes{static_cast<uint8_t>(prefix + 1)},
                               [&any](ByteView, ByteView) {
                                 any = true;
                                 return false;
                               }));
    if (any) return true;
  }
  return false;
}

}  // namespace

Result<Inspection> Inspect(const Store& store, const SlotFile& slots, const NoteVerifier& log,
                           InspectOptions options) {
  ASSIGN_OR_RETURN(const auto file, slots.Read());
  ASSIGN_OR_RETURN(const auto stored_head, store.Get(HeadKey()));
  Inspection out;
  if (!file || !stored_head) {
    ASSIGN_OR_RETURN(const bool holds_log, HoldsLogKeys(store));
    if (!file && !holds_log) {
      out.fresh = true;
      out.root = EmptyRoot();
      out.signed_head = Checkpoint{log.name, 0, EmptyRoot(), {}};
      return out;
    }
    if (!file) {
      return Refuse(Code::kNotFound,
                    "the checkpoint file is missing beside a log: without it nobody can tell "
                    "whether the log is whole");
    }
    if (holds_log) return Refuse(Code::kCorrupt, "the database has lost the log's head");
  }
  // A log of generation 0 has its first checkpoint and no head in the store yet.
  Head head;
  head.root = EmptyRoot();
  if (stored_head) {
    auto decoded = DecodeHead(*stored_head);
    if (!decoded) return Refuse(Code::kCorrupt, decoded.error().message);
    head = *decoded;
  }
  ASSIGN_OR_RETURN(SlotPair pair, ReadSlots(*file, log));
  RETURN_IF_ERROR(CheckGenerations(pair, head, options));

  std::vector<Expected> expected = {{pair.head}};
  if (pair.older) expected.push_back({*pair.older});
  if (options.known) {
    const uint64_t known = options.known->size;
    expected.push_back({*options.known, "an earlier checkpoint of this log signs"});
    if (known > pair.head.size) {
      return Refuse(Code::kConflict,
                    fmt::format("the checkpoint signs {} entries, but an earlier one of this log "
                                "signs {}: this is an older copy, or a fork",
                                pair.head.size, known));
    }
    if (options.skip_known) {
      auto edge = TreeEdge::At(known, StoredHashes(store));
      if (!edge) return Refuse(edge.error().code, edge.error().message);
      out.edge = std::move(*edge);
    }
  }
  RETURN_IF_ERROR(Rehash(store, expected).Run(out.edge));
  // What was signed within the part that was not read is compared with its tiles.
  for (const Expected& one : expected) {
    if (!options.skip_known || !options.known || one.head.size >= options.known->size) continue;
    const LogReader tiles(store, Inspection{.edge = out.edge});
    ASSIGN_OR_RETURN(const Digest root, TreeRoot(one.head.size, tiles));
    if (root == one.head.root) continue;
    return Refuse(Code::kCorrupt, fmt::format("the first {} entries are not those that {}",
                                              one.head.size, one.signer));
  }
  if (out.edge.size() < pair.head.size) {
    return Refuse(Code::kCorrupt, fmt::format("{} entries are there, but the checkpoint signs {}",
                                              out.edge.size(), pair.head.size));
  }
  if (out.edge.size() != head.size || out.edge.Root() != head.root) {
    return Refuse(
        Code::kCorrupt,
        fmt::format("the {} entries beyond the checkpoint are not those that were written",
                    head.size - std::min(head.size, pair.head.size)));
  }
  if (pair.older && pair.older->size > pair.head.size) {
    return Refuse(Code::kCorrupt, "the newer checkpoint signs fewer entries than the older");
  }
  if (pair.other_unreadable) {
    out.remarks.emplace_back(
        "one slot of the checkpoint file was damaged; the next commit heals it");
  }
  if (head.size > pair.head.size) {
    out.remarks.push_back(
        fmt::format("{} entries beyond the checkpoint were kept", head.size - pair.head.size));
  }
  out.generation = head.generation;
  out.size = head.size;
  out.root = head.root;
  out.slot_generation = pair.generation;
  out.checkpoint = std::move(pair.checkpoint);
  out.signed_head = std::move(pair.head);
  return out;
}

}  // namespace souk::ledger
