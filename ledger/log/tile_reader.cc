#include "ledger/log/tile_reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "ledger/c2sp/entry_bundle.h"
#include "ledger/log/log_keys.h"
#include "ledger/log/tile_export.h"
#include "protocol/base/file.h"

namespace souk::ledger {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxVkeyBytes = 1024;

// A file that must be there: that it is not is damage.
Result<Bytes> ReadPart(const fs::path& dir, const fs::path& name, size_t max_bytes) {
  auto bytes = ReadFile(dir / name, max_bytes);
  if (!bytes && bytes.error().code == Code::kNotFound) {
    return Error(Code::kCorrupt, name.string() + " is missing");
  }
  return bytes;
}

class TileStore : public Store {
 public:
  // `size` is what the checkpoint says: it names the files at the right edge.
  TileStore(fs::path dir, uint64_t size) : dir_(std::move(dir)), size_(size) {}

  Result<std::optional<Bytes>> Get(ByteView key) const override {
    if (const auto index = ParseEntryKey(key)) {
      if (*index >= size_) return std::optional<Bytes>();
      RETURN_IF_ERROR(LoadBundle(*index / kTileWidth));
      return std::optional<Bytes>(ToBytes(entries_[*index % kTileWidth]));
    }
    if (const auto tile = ParseTileKey(key)) {
      if (TileWidthAt(*tile, size_) < kTileWidth) return std::optional<Bytes>();
      ASSIGN_OR_RETURN(Bytes bytes, ReadPart(dir_, TilePath(*tile, kTileWidth), kTileBytes));
      return std::optional<Bytes>(std::move(bytes));
    }
    return std::optional<Bytes>();
  }
  // Of entries only: nothing else of a log is scanned.
  Status Scan(ByteView begin, ByteView end, const Visitor& visit) const override {
    const auto first = ParseEntryKey(begin);
    if (!first) return Ok();
    const uint64_t stop = std::min(ParseEntryKey(end).value_or(size_), size_);
    for (uint64_t index = *first; index < stop; ++index) {
      RETURN_IF_ERROR(LoadBundle(index / kTileWidth));
      if (!visit(EntryKey(index), entries_[index % kTileWidth])) return Ok();
    }
    return Ok();
  }
  Status Write(const WriteBatch& /*batch*/, Durability /*durability*/) override {
    return Error(Code::kDenied, "tiles are read only");
  }

 private:
  static std::optional<TileId> ParseTileKey(ByteView key) {
    if (key.size() != 10 || key[0] != kTilePrefix || key[1] >= kMaxTileLevels) return std::nullopt;
    Bytes index = {kEntryPrefix};
    Append(index, key.subspan(2));
    return TileId{key[1], *ParseEntryKey(index)};
  }

  Status LoadBundle(uint64_t bundle) const {
    if (loaded_ == bundle) return Ok();
    loaded_.reset();
    const uint64_t width = std::min(size_ - bundle * kTileWidth, kTileWidth);
    const std::string name = EntryBundlePath(bundle, width);
    ASSIGN_OR_RETURN(bytes_, ReadPart(dir_, name, kMaxEntryBundleBytes));
    auto entries = ParseEntryBundle(bytes_, width);
    if (!entries) return Error(Code::kCorrupt, name + ": " + entries.error().message);
    entries_ = std::move(*entries);
    loaded_ = bundle;
    return Ok();
  }

  fs::path dir_;
  uint64_t size_;
  // The bundle read last: entries are mostly asked for in order.
  mutable std::optional<uint64_t> loaded_;
  mutable Bytes bytes_;
  mutable std::vector<ByteView> entries_;
};

// A checkpoint whose signature nobody has looked at yet.
struct UnverifiedHead {
  std::string note = {};
  uint64_t size = 0;
};

Result<UnverifiedHead> ReadCheckpoint(const fs::path& dir) {
  ASSIGN_OR_RETURN(const Bytes note, ReadPart(dir, "checkpoint", kMaxNoteBytes));
  ASSIGN_OR_RETURN(const Note parsed, ParseNote(AsText(note)));
  ASSIGN_OR_RETURN(const Checkpoint head, ParseCheckpoint(parsed.text));
  return UnverifiedHead{std::string(AsText(note)), head.size};
}

Status CompareTile(const fs::path& dir, TileId tile, std::span<const Digest> hashes) {
  const std::string name = TilePath(tile, hashes.size());
  ASSIGN_OR_RETURN(const Bytes stored, ReadPart(dir, name, kTileBytes));
  if (stored == EncodeTile(hashes)) return Ok();
  return Error(Code::kCorrupt, name + " does not fit the entries");
}

// What Inspect finds in a database, found in files.
Result<Inspection> InspectTiles(const Store& store, const fs::path& dir, std::string note,
                                const NoteVerifier& log) {
  Inspection out;
  ASSIGN_OR_RETURN(out.signed_head, OpenCheckpoint(note, log));
  out.checkpoint = std::move(note);
  out.size = out.signed_head.size;
  Status tiles = Ok();
  const auto add = [&](ByteView /*key*/, ByteView entry) {
    out.edge.Append(LeafHash(entry), [&](TileId tile, std::span<const Digest> hashes) {
      if (tiles) tiles = CompareTile(dir, tile, hashes);
    });
    return tiles.has_value();
  };
  RETURN_IF_ERROR(store.Scan(EntryKey(0), EntryKey(out.size), add));
  RETURN_IF_ERROR(tiles);
  for (unsigned level = 0; level < kMaxTileLevels; ++level) {
    const auto hashes = out.edge.PartialTile(level);
    if (hashes.empty()) continue;
    RETURN_IF_ERROR(CompareTile(dir, EdgeTile(level, out.size), hashes));
  }
  out.root = out.edge.Root();
  if (out.edge.size() != out.size || out.root != out.signed_head.root) {
    return Error(Code::kMismatch, "the entries do not lead to the root that the checkpoint signs");
  }
  return out;
}

}  // namespace

bool HoldsTiles(const fs::path& dir) {
  std::error_code error;
  return !fs::exists(dir / "ledger", error) &&
         (fs::exists(dir / "tile", error) || fs::exists(dir / "vkey", error));
}

Result<std::optional<NoteVerifier>> ReadTilesKey(const fs::path& dir) {
  const auto text = ReadFile(dir / "vkey", kMaxVkeyBytes);
  if (!text && text.error().code == Code::kNotFound) return std::optional<NoteVerifier>();
  if (!text) return text.error();
  std::string_view line = AsText(*text);
  if (line.ends_with('\n')) line.remove_suffix(1);
  auto key = NoteVerifier::ParseVkey(line);
  if (!key) return Error(Code::kCorrupt, "vkey: " + key.error().message);
  return std::optional<NoteVerifier>(std::move(*key));
}

Result<std::unique_ptr<Store>> TileView::OpenStore(const fs::path& dir) {
  ASSIGN_OR_RETURN(const UnverifiedHead head, ReadCheckpoint(dir));
  return std::unique_ptr<Store>(std::make_unique<TileStore>(dir, head.size));
}

Result<std::unique_ptr<TileView>> TileView::Open(const fs::path& dir, const FindKey& key) {
  std::unique_ptr<TileView> view(new TileView);
  ASSIGN_OR_RETURN(UnverifiedHead head, ReadCheckpoint(dir));
  view->store_ = std::make_unique<TileStore>(dir, head.size);
  ASSIGN_OR_RETURN(const NoteVerifier log, key(*view->store_));
  ASSIGN_OR_RETURN(Inspection found, InspectTiles(*view->store_, dir, std::move(head.note), log));
  view->reader_ = std::make_unique<LogReader>(*view->store_, std::move(found));
  return view;
}

}  // namespace souk::ledger
