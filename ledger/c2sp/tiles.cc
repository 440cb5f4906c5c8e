#include "ledger/c2sp/tiles.h"

#include <fmt/format.h>

#include <bit>

#include "protocol/base/check.h"

namespace souk::ledger {
namespace {

// x >> shift, also where that shifts everything out.
uint64_t ShiftDown(uint64_t x, unsigned shift) {
  return shift >= 64 ? 0 : x >> shift;
}

// 1234 -> "x001/x234/".
std::string ParentPath(uint64_t index) {
  std::string path;
  uint64_t unit = 1;
  while (index / unit >= 1000) unit *= 1000;
  for (; unit > 0; unit /= 1000) path += fmt::format("x{:03}/", index / unit % 1000);
  return path;
}

// 1234067 -> "x001/x234/067".
std::string IndexPath(uint64_t index) {
  const std::string last = fmt::format("{:03}", index % 1000);
  return index < 1000 ? last : ParentPath(index / 1000) + last;
}

std::string WithWidth(std::string path, uint64_t width) {
  if (width < kTileWidth) path += fmt::format(".p/{}", width);
  return path;
}

}  // namespace

uint64_t TileWidthAt(TileId tile, uint64_t size) {
  const uint64_t hashes = ShiftDown(size, kTileHeight * tile.level);
  if (tile.index > hashes / kTileWidth) return 0;
  return std::min(hashes - tile.index * kTileWidth, kTileWidth);
}

std::string TilePath(TileId tile, uint64_t width) {
  return WithWidth(fmt::format("tile/{}/", tile.level) + IndexPath(tile.index), width);
}

std::string EntryBundlePath(uint64_t index, uint64_t width) {
  return WithWidth("tile/entries/" + IndexPath(index), width);
}

Digest SubtreeRoot(std::span<const Digest> hashes) {
  CHECK(std::has_single_bit(hashes.size()));
  std::vector<Digest> row(hashes.begin(), hashes.end());
  while (row.size() > 1) {
    for (size_t i = 0; i < row.size() / 2; ++i) row[i] = NodeHash(row[2 * i], row[2 * i + 1]);
    row.resize(row.size() / 2);
  }
  return row.front();
}

void TreeEdge::Append(const Digest& leaf_hash, const TileSink& full_tile) {
  CHECK(size_ < kMaxTreeSize);
  Digest hash = leaf_hash;
  for (unsigned level = 0;; ++level) {
    if (level == levels_.size()) levels_.emplace_back();
    auto& rows = levels_[level].rows;
    rows[0].push_back(hash);
    // Every pair that has become complete gives a node one row up.
    unsigned row = 0;
    while (rows[row].size() % 2 == 0) {
      hash = NodeHash(rows[row][rows[row].size() - 2], rows[row].back());
      if (++row == kTileHeight) break;
      rows[row].push_back(hash);
    }
    if (row < kTileHeight) break;
    full_tile(TileId{level, ShiftDown(size_, kTileHeight * (level + 1))}, rows[0]);
    for (auto& nodes : rows) nodes.clear();
  }
  ++size_;
}

Result<TreeEdge> TreeEdge::At(uint64_t size, const HashReader& hashes) {
  TreeEdge edge;
  edge.size_ = size;
  for (unsigned level = 0; ShiftDown(size, kTileHeight * level) > 0; ++level) {
    auto& rows = edge.levels_.emplace_back().rows;
    const uint64_t end = ShiftDown(size, kTileHeight * level);
    for (uint64_t i = end - end % kTileWidth; i < end; ++i) {
      ASSIGN_OR_RETURN(Digest hash, hashes.ReadNode(kTileHeight * level, i));
      rows[0].push_back(hash);
      for (unsigned row = 0; rows[row].size() % 2 == 0; ++row) {
        hash = NodeHash(rows[row][rows[row].size() - 2], rows[row].back());
        rows[row + 1].push_back(hash);  // a partial tile never completes its root
      }
    }
  }
  return edge;
}

Digest TreeEdge::Root() const {
  if (size_ == 0) return EmptyRoot();
  bool any = false;
  Digest root;
  for (unsigned bit = 0; bit < 63; ++bit) {
    if ((size_ >> bit & 1) == 0) continue;
    const Digest& node = levels_[bit / kTileHeight].rows[bit % kTileHeight].back();
    root = any ? NodeHash(node, root) : node;
    any = true;
  }
  return root;
}

bool TreeEdge::Holds(unsigned level, uint64_t index) const {
  const unsigned tile_level = level / kTileHeight;
  const unsigned row = level % kTileHeight;
  if (tile_level >= levels_.size()) return false;
  const uint64_t full = ShiftDown(size_, kTileHeight * (tile_level + 1));
  const uint64_t first = full << (kTileHeight - row);
  return index >= first && index - first < levels_[tile_level].rows[row].size();
}

const Digest& TreeEdge::Node(unsigned level, uint64_t index) const {
  CHECK(Holds(level, index));
  const unsigned tile_level = level / kTileHeight;
  const unsigned row = level % kTileHeight;
  const uint64_t full = ShiftDown(size_, kTileHeight * (tile_level + 1));
  return levels_[tile_level].rows[row][index - (full << (kTileHeight - row))];
}

std::span<const Digest> TreeEdge::PartialTile(unsigned tile_level) const {
  if (tile_level >= levels_.size()) return {};
  return levels_[tile_level].rows[0];
}

}  // namespace souk::ledger
