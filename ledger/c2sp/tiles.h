// C2SP tlog-tiles: the tree cut into tiles of height 8, and the right edge that still grows.
// https://c2sp.org/tlog-tiles
#pragma once

#include <array>
#include <functional>
#include <string>
#include <vector>

#include "ledger/c2sp/merkle.h"

namespace souk::ledger {

inline constexpr unsigned kTileHeight = 8;
inline constexpr uint64_t kTileWidth = 256;
inline constexpr size_t kTileBytes = kTileWidth * 32;
// Tile levels that a tree of less than 2^63 leaves can have.
inline constexpr unsigned kMaxTileLevels = 8;

// Tile `index` of `level` holds the hashes MTH(D[(index * 256 + i) * 256^level, ... + 256^level)).
struct TileId {
  unsigned level = 0;
  uint64_t index = 0;

  auto operator<=>(const TileId&) const = default;
};

// How many hashes of the tile stand in a tree of `size` leaves: 0 (none) to 256 (full).
uint64_t TileWidthAt(TileId tile, uint64_t size);

// "tile/0/x001/x234/067", with ".p/<width>" where width is below 256.
std::string TilePath(TileId tile, uint64_t width);
// "tile/entries/x001/067[.p/<width>]".
std::string EntryBundlePath(uint64_t index, uint64_t width);

// The root over a tile's hashes; `hashes` has 1, 2, 4 ... or 256 of them.
Digest SubtreeRoot(std::span<const Digest> hashes);

// The right edge of a growing tree: on every tile level the one tile that is not full yet, with its
// inner nodes, so that appending costs one hash on average and a root about log2(size) of them.
class TreeEdge {
 public:
  // A tile became full: its 256 hashes.
  using TileSink = std::function<void(TileId, std::span<const Digest>)>;

  // The edge of a tree that stands already. Asks `hashes` for levels that are multiples of
  // kTileHeight only: leaf hashes, and roots of full tiles.
  static Result<TreeEdge> At(uint64_t size, const HashReader& hashes);

  uint64_t size() const { return size_; }
  // Adds one leaf; full tiles go to the sink, lowest level first. CHECKs size < kMaxTreeSize.
  void Append(const Digest& leaf_hash, const TileSink& full_tile);
  Digest Root() const;
  // Whether the edge itself holds this node; it holds the nodes of its partial tiles.
  bool Holds(unsigned level, uint64_t index) const;
  // CHECKs Holds().
  const Digest& Node(unsigned level, uint64_t index) const;
  // The hashes of the partial tile on this tile level; empty where the level has none.
  std::span<const Digest> PartialTile(unsigned tile_level) const;

 private:
  // rows[k][i] is the node k levels above the tile's hashes.
  struct Partial {
    std::array<std::vector<Digest>, kTileHeight> rows;
  };
  std::vector<Partial> levels_;
  uint64_t size_ = 0;
};

}  // namespace souk::ledger
