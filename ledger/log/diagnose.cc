// What can be told of a damaged ledger. Every full tile holds the hashes of its entries, so each of
// the two can tell on the other; which of them is right the signed root says.
#include "ledger/log/diagnose.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "ledger/log/diagnose_words.h"
#include "ledger/log/log_keys.h"

namespace souk::ledger {
namespace {

// So many entries in a row that cannot be read end the look: a damaged head may speak of 2^60.
constexpr uint64_t kMostUnreadable = 1 << 16;
// So many tiles that contradict their entries are tried both ways.
constexpr size_t kMostDoubts = 8;

using Hashes = std::vector<std::optional<Digest>>;

// One full tile of level 0 and the entries under it.
struct TileLook {
  std::optional<Digest> by_entries;   // its root, missing entries' hashes taken from the tile
  std::optional<Digest> by_tile;      // the stored tile's own
  std::vector<uint64_t> contradicts;  // entries that are here and that the tile holds otherwise
};

// The tile in which a tree ends, leaf by leaf.
struct EdgeLook {
  Hashes entries;
  Hashes tile;
};

void AddTo(std::vector<EntryRange>& ranges, uint64_t from, uint64_t to) {
  if (from >= to) return;
  if (!ranges.empty() && ranges.back().to == from) {
    ranges.back().to = to;
  } else {
    ranges.push_back({from, to});
  }
}

// Sorted, with what touches joined.
void Tidy(std::vector<EntryRange>& ranges) {
  std::sort(ranges.begin(), ranges.end());
  std::vector<EntryRange> joined;
  for (const EntryRange& range : ranges) {
    if (!joined.empty() && range.from <= joined.back().to) {
      joined.back().to = std::max(joined.back().to, range.to);
    } else {
      joined.push_back(range);
    }
  }
  ranges = std::move(joined);
}

class Look : public HashReader {
 public:
  Look(const Store& store, uint64_t extent, std::vector<uint64_t> sizes)
      : store_(store), extent_(extent), sizes_(std::move(sizes)) {}

  // Reads all entries up to the extent, and one beyond if it is there.
  void ReadEntries();
  // Whether the tree of `size` entries has the root, with some choice between each tile and its
  // entries. The choice stays.
  bool Proves(uint64_t size, const Digest& root);
  // The entries that the choice calls changed, and the tiles that it calls wrong.
  void Judge(Diagnosis& out) const;

  Result<Digest> ReadNode(unsigned level, uint64_t index) const override;
  uint64_t readable() const { return readable_; }
  const std::vector<EntryRange>& missing() const { return missing_; }

 private:
  void Take(uint64_t index, ByteView entry);
  void Miss(uint64_t to);
  void CloseTile();
  bool Holds(uint64_t size, const Digest& root) const;
  std::optional<Digest> RootOf(size_t tile) const;
  void CheckUpperTiles(Diagnosis& out) const;
  Hashes StoredTile(TileId tile) const;

  const Store& store_;
  const uint64_t extent_;
  const std::vector<uint64_t> sizes_;  // where trees end
  uint64_t next_ = 0;
  uint64_t readable_ = 0;
  std::vector<EntryRange> missing_;
  Hashes row_;  // of the tile that is being read
  std::vector<TileLook> tiles_;
  std::map<uint64_t, EdgeLook> edges_;  // by the tile's index
  std::map<size_t, bool> trust_tile_;   // the doubtful tiles, and whether the tile is right
};

Hashes Look::StoredTile(TileId tile) const {
  Hashes hashes(kTileWidth);
  const auto stored = store_.Get(TileKey(tile));
  if (!stored || !*stored) return hashes;
  const auto decoded = DecodeTile(**stored);
  if (decoded) std::copy(decoded->begin(), decoded->end(), hashes.begin());
  return hashes;
}

std::optional<Digest> RootOver(const Hashes& hashes) {
  std::vector<Digest> known;
  known.reserve(hashes.size());
  for (const auto& hash : hashes) {
    if (!hash) return std::nullopt;
    known.push_back(*hash);
  }
  return SubtreeRoot(known);
}

// `row_` is full, or holds what is there of the last tile.
void Look::CloseTile() {
  const uint64_t index = tiles_.size();
  const bool full = row_.size() == kTileWidth;
  const Hashes stored = full ? StoredTile({0, index}) : Hashes(kTileWidth);
  const bool ends_a_tree = std::any_of(sizes_.begin(), sizes_.end(), [&](uint64_t size) {
    return size / kTileWidth == index && size % kTileWidth != 0;
  });
  if (ends_a_tree) edges_[index] = {row_, stored};
  if (full) {
    TileLook look;
    Hashes filled = row_;
    for (size_t i = 0; i < kTileWidth; ++i) {
      if (!filled[i]) filled[i] = stored[i];
      if (row_[i] && stored[i] && *row_[i] != *stored[i]) {
        look.contradicts.push_back(index * kTileWidth + i);
      }
    }
    look.by_entries = RootOver(filled);
    look.by_tile = RootOver(stored);
    // Neither tells: the tile above may.
    if (!look.by_entries) {
      look.by_tile = StoredTile({1, index / kTileWidth})[index % kTileWidth];
    }
    if (!look.contradicts.empty() && look.by_tile) trust_tile_[index] = true;
    tiles_.push_back(std::move(look));
  }
  row_.clear();
}

void Look::Take(uint64_t index, ByteView entry) {
  if (index > next_) Miss(index);
  ++readable_;
  row_.emplace_back(LeafHash(entry));
  ++next_;
  if (row_.size() == kTileWidth) CloseTile();
}

void Look::Miss(uint64_t to) {
  AddTo(missing_, next_, to);
  // What is missing at a stretch is not looked at tile by tile.
  if (to - next_ > kMostUnreadable) {
    if (!row_.empty()) CloseTile();
    next_ = to;
    return;
  }
  for (; next_ < to; ++next_) {
    row_.emplace_back(std::nullopt);
    if (row_.size() == kTileWidth) CloseTile();
  }
}

void Look::ReadEntries() {
  uint64_t unreadable = 0;
  while (next_ < extent_ && unreadable < kMostUnreadable) {
    const uint64_t before = next_;
    const Status scanned =
        store_.Scan(EntryKey(next_), EntryKey(extent_), [&](ByteView key, ByteView value) {
          const auto index = ParseEntryKey(key);
          if (!index || *index - next_ > kMostUnreadable) return false;
          Take(*index, value);
          return true;
        });
    if (scanned && next_ == before) break;  // nothing more, or nothing near
    if (next_ > before) unreadable = 0;
    if (scanned || next_ >= extent_) continue;
    // The place that the scan does not get over.
    const auto entry = store_.Get(EntryKey(next_));
    if (entry && *entry) {
      Take(next_, **entry);
    } else {
      Miss(next_ + 1);
      ++unreadable;
    }
  }
  Miss(extent_);
  if (!row_.empty()) CloseTile();
}

std::optional<Digest> Look::RootOf(size_t tile) const {
  const TileLook& look = tiles_[tile];
  const auto doubt = trust_tile_.find(tile);
  if (doubt != trust_tile_.end() ? doubt->second : !look.by_entries) return look.by_tile;
  return look.by_entries;
}

Result<Digest> Look::ReadNode(unsigned level, uint64_t index) const {
  const Error unknown(Code::kNotFound, "not known");
  std::vector<Digest> row;
  if (level >= kTileHeight) {
    const uint64_t count = uint64_t{1} << (level - kTileHeight);
    if ((index + 1) * count > tiles_.size()) return unknown;
    for (uint64_t i = index * count; i < (index + 1) * count; ++i) {
      const auto root = RootOf(i);
      if (!root) return unknown;
      row.push_back(*root);
    }
    return SubtreeRoot(row);
  }
  const uint64_t first = index << level;
  const auto edge = edges_.find(first / kTileWidth);
  if (edge == edges_.end()) return unknown;
  const auto doubt = trust_tile_.find(first / kTileWidth);
  const bool trust_tile = doubt != trust_tile_.end() && doubt->second;
  for (uint64_t i = first; i < first + (uint64_t{1} << level); ++i) {
    const size_t at = i % kTileWidth;
    if (at >= edge->second.entries.size()) return unknown;
    const auto& entry = edge->second.entries[at];
    const auto& in_tile = edge->second.tile[at];
    const auto& hash = trust_tile || !entry ? in_tile : entry;
    if (!hash) return unknown;
    row.push_back(*hash);
  }
  return SubtreeRoot(row);
}

bool Look::Holds(uint64_t size, const Digest& root) const {
  const auto found = TreeRoot(size, *this);
  return found && *found == root;
}

bool Look::Proves(uint64_t size, const Digest& root) {
  if (size > extent_) return false;
  std::vector<bool*> doubts;
  for (auto& [tile, trust] : trust_tile_) {
    if (tile * kTileWidth < size) doubts.push_back(&trust);
  }
  const size_t tries = size_t{1} << std::min(doubts.size(), kMostDoubts);
  // All tiles right, then all entries, then every mixture.
  for (size_t choice = 0; choice < tries; ++choice) {
    const size_t wrong = choice == 1 ? tries - 1 : choice == tries - 1 ? 1 : choice;
    for (size_t i = 0; i < doubts.size(); ++i) {
      *doubts[i] = i < kMostDoubts ? (wrong >> i & 1) == 0 : wrong == 0;
    }
    if (Holds(size, root)) return true;
  }
  for (bool* trust : doubts) *trust = false;
  return false;
}

void Look::Judge(Diagnosis& out) const {
  for (size_t tile = 0; tile < tiles_.size(); ++tile) {
    const TileLook& look = tiles_[tile];
    const auto doubt = trust_tile_.find(tile);
    if (doubt != trust_tile_.end() && doubt->second) {
      for (const uint64_t entry : look.contradicts) AddTo(out.lost, entry, entry + 1);
    } else if (!look.by_tile || look.by_tile != look.by_entries) {
      out.tiles.push_back({0, tile});
    }
  }
  CheckUpperTiles(out);
}

void Look::CheckUpperTiles(Diagnosis& out) const {
  for (unsigned level = 1; level < kMaxTileLevels; ++level) {
    const uint64_t full = tiles_.size() >> (kTileHeight * level);
    if (full == 0) return;
    for (uint64_t index = 0; index < full; ++index) {
      const Hashes stored = StoredTile({level, index});
      for (uint64_t i = 0; i < kTileWidth; ++i) {
        const auto node = ReadNode(kTileHeight * level, index * kTileWidth + i);
        if (node && stored[i] == *node) continue;
        out.tiles.push_back({level, index});
        break;
      }
    }
  }
}

// What the two slots say.
struct SlotsLook {
  std::optional<Checkpoint> older;
  std::string error;
};

SlotsLook LookAtSlots(const SlotFile& slots, const NoteVerifier& log, Diagnosis& out) {
  SlotsLook look;
  const auto file = slots.Read();
  if (!file) look.error = file.error().message;
  if (!file || !*file) return look;
  for (unsigned index = 0; index < 2; ++index) {
    const size_t start = std::min<size_t>(index * kSlotBytes, (*file)->size());
    const Slot slot =
        DecodeSlot(ByteView(**file).subspan(start, std::min(kSlotBytes, (*file)->size() - start)));
    using State = Diagnosis::SlotState;
    out.slots[index] = slot.state == Slot::State::kEmpty ? State::kEmpty : State::kUnreadable;
    if (slot.state != Slot::State::kReadable || slot.generation % 2 != index) continue;
    auto head = OpenCheckpoint(slot.payload, log);
    out.slots[index] = head ? State::kGood : State::kForeign;
    if (!head) continue;
    if (out.signed_head && out.signed_generation > slot.generation) {
      look.older = std::move(*head);
      continue;
    }
    look.older = std::move(out.signed_head);
    out.signed_head = std::move(*head);
    out.signed_generation = slot.generation;
  }
  return look;
}

// Fills what the tree and the signed roots tell.
void LookAtEntries(const Store& store, const SlotsLook& slots, const std::optional<Head>& head,
                   Diagnosis& out) {
  std::vector<uint64_t> sizes;
  if (out.signed_head) sizes.push_back(out.signed_head->size);
  if (slots.older) sizes.push_back(slots.older->size);
  if (head) sizes.push_back(head->size);
  const uint64_t extent = sizes.empty() ? 0 : *std::max_element(sizes.begin(), sizes.end());
  Look look(store, extent, sizes);
  look.ReadEntries();
  out.entries = look.readable();
  // The newest checkpoint tells of the most, but for what the head says was written after it. Where
  // it does not fit, an older one may, or the head.
  const auto proves = [&](const auto& tree) { return tree && look.Proves(tree->size, tree->root); };
  uint64_t proven = 0;
  if (proves(out.signed_head)) {
    proven = out.signed_head->size;
    if (head && head->size > proven && proves(head)) proven = head->size;
  } else if (proves(slots.older)) {
    proven = slots.older->size;
  } else if (proves(head)) {
    proven = head->size;
  }
  look.Judge(out);
  for (const EntryRange& range : look.missing()) out.lost.push_back(range);
  Tidy(out.lost);
  uint64_t from = proven;
  for (const EntryRange& range : out.lost) {
    if (range.to <= from) continue;
    AddTo(out.unproven, from, range.from);
    from = range.to;
  }
  AddTo(out.unproven, from, extent);
}

}  // namespace

const char* DiagnosisName(Diagnosis::Verdict verdict) {
  switch (verdict) {
    case Diagnosis::Verdict::kWhole:
      return "WHOLE";
    case Diagnosis::Verdict::kHeals:
      return "HEALS";
    case Diagnosis::Verdict::kDerivable:
      return "DERIVABLE";
    case Diagnosis::Verdict::kLost:
      return "LOST";
  }
  return "";
}

Diagnosis Diagnose(const Remains& remains, const NoteVerifier& log) {
  Diagnosis out;
  DiagnosisFacts facts;
  facts.store_error = remains.store == nullptr ? remains.store_error : "";
  if (remains.store != nullptr) {
    const auto found = Inspect(*remains.store, *remains.slots, log);
    facts.refusal = found ? remains.refusal : found.error().message;
    if (found) facts.remarks = found->remarks;
    facts.fresh = found && found->fresh;
  }
  const SlotsLook slots = LookAtSlots(*remains.slots, log, out);
  facts.slots_error = slots.error;
  if (remains.store == nullptr) {
    if (out.signed_head) AddTo(out.lost, 0, out.signed_head->size);
  } else {
    std::optional<Head> head;
    const auto stored = remains.store->Get(HeadKey());
    if (stored && *stored) {
      if (auto decoded = DecodeHead(**stored)) head = *decoded;
    }
    if (head) out.stored_generation = head->generation;
    LookAtEntries(*remains.store, slots, head, out);
  }
  PutIntoWords(facts, out);
  return out;
}

}  // namespace souk::ledger
