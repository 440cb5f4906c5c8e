#include <fmt/format.h>

#include "ledger/log/log.h"
#include "ledger/log/log_keys.h"

namespace souk::ledger {

LogReader::LogReader(const Store& store, Inspection found)
    : store_(&store), found_(std::move(found)) {}

Result<std::vector<Digest>> LogReader::Tile(TileId tile) const {
  const uint64_t width = TileWidthAt(tile, found_.edge.size());
  if (width == 0) return Error(Code::kNotFound, "the tree has no such tile");
  if (width < kTileWidth) {
    const auto partial = found_.edge.PartialTile(tile.level);
    return std::vector<Digest>(partial.begin(), partial.end());
  }
  if (!cached_.empty() && cached_id_ == tile) return cached_;
  ASSIGN_OR_RETURN(const auto stored, store_->Get(TileKey(tile)));
  if (!stored) {
    return Error(Code::kCorrupt, TilePath(tile, kTileWidth) + " is missing in the database");
  }
  ASSIGN_OR_RETURN(cached_, DecodeTile(*stored));
  cached_id_ = tile;
  return cached_;
}

Result<Digest> LogReader::ReadNode(unsigned level, uint64_t index) const {
  if (found_.edge.Holds(level, index)) return found_.edge.Node(level, index);
  const unsigned row = level % kTileHeight;
  const TileId tile{level / kTileHeight, index >> (kTileHeight - row)};
  ASSIGN_OR_RETURN(const auto hashes, Tile(tile));
  const size_t first = (index << row) % kTileWidth;
  const size_t count = size_t{1} << row;
  if (first + count > hashes.size()) {
    return Error(Code::kInvalidArgument, "the tree is not complete there yet");
  }
  return SubtreeRoot(std::span(hashes).subspan(first, count));
}

Status LogReader::CheckLeaf(uint64_t index, ByteView entry) const {
  ASSIGN_OR_RETURN(const Digest expected, ReadNode(0, index));
  if (LeafHash(entry) == expected) return Ok();
  return Error(Code::kCorrupt, fmt::format("entry {} is not what was written", index));
}

Result<Bytes> LogReader::Entry(uint64_t index) const {
  if (index >= size()) {
    return Error(Code::kNotFound,
                 fmt::format("there is no entry {}: the log has {}", index, size()));
  }
  ASSIGN_OR_RETURN(auto entry, store_->Get(EntryKey(index)));
  if (!entry) return Error(Code::kCorrupt, fmt::format("entry {} is missing", index));
  RETURN_IF_ERROR(CheckLeaf(index, *entry));
  return std::move(*entry);
}

Status LogReader::ForEach(
    uint64_t from, const std::function<Status(uint64_t index, ByteView entry)>& visit) const {
  uint64_t next = from;
  Status status = Ok();
  const auto visit_one = [&](ByteView key, ByteView value) {
    if (ParseEntryKey(key) != next) {
      status = Error(Code::kCorrupt, fmt::format("entry {} is missing", next));
    } else {
      status = CheckLeaf(next, value);
      if (status) status = visit(next, value);
    }
    ++next;
    return status.has_value();
  };
  RETURN_IF_ERROR(store_->Scan(EntryKey(from), EntryKey(size()), visit_one));
  RETURN_IF_ERROR(status);
  if (next < size()) return Error(Code::kCorrupt, fmt::format("entry {} is missing", next));
  return Ok();
}

Result<std::optional<uint64_t>> LogReader::FindById(const Digest& id) const {
  ASSIGN_OR_RETURN(const auto value, store_->Get(IdKey(id)));
  if (!value) return std::optional<uint64_t>();
  ASSIGN_OR_RETURN(const uint64_t index, DecodeIndex(*value));
  if (index >= size()) return Error(Code::kCorrupt, "an id names an entry that is not there");
  return std::optional<uint64_t>(index);
}

Result<TlogProof> LogReader::Proof(uint64_t index) const {
  TlogProof proof;
  proof.index = index;
  ASSIGN_OR_RETURN(proof.hashes, InclusionProof(index, signed_size(), *this));
  proof.checkpoint = found_.checkpoint;
  return proof;
}

Result<std::vector<Digest>> LogReader::Consistency(uint64_t old_size) const {
  return ConsistencyProof(old_size, signed_size(), *this);
}

Result<Digest> LogReader::RootAt(uint64_t tree_size) const {
  if (tree_size > size()) {
    return Error(Code::kInvalidArgument, fmt::format("the log has {} entries only", size()));
  }
  return TreeRoot(tree_size, *this);
}

}  // namespace souk::ledger
