#include "ledger/c2sp/tile_path.h"

#include <cstdlib>
#include <optional>

#include "ledger/c2sp/checkpoint.h"

namespace souk::ledger {
namespace {

constexpr std::string_view kCheckpointPath = "checkpoint";

Error NoSuchPath() {
  return Error(Code::kMalformed,
               "not a path of a log: checkpoint, tile/LEVEL/INDEX[.p/WIDTH] or "
               "tile/entries/INDEX[.p/WIDTH]");
}

// Cuts off what stands before the separator, and it.
std::optional<std::string_view> TakeUntil(std::string_view& text, char separator) {
  const size_t end = text.find(separator);
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(end + 1);
  return part;
}

// Three digits; none where it is anything else.
std::optional<uint64_t> ParseGroup(std::string_view group) {
  if (group.size() != 3) return std::nullopt;
  uint64_t value = 0;
  for (const char c : group) {
    if (c < '0' || c > '9') return std::nullopt;
    value = 10 * value + static_cast<uint64_t>(c - '0');
  }
  return value;
}

// "x001/x234/067": every group but the last begins with an x, and the first of several is not 000.
std::optional<uint64_t> ParseTileIndex(std::string_view text) {
  uint64_t index = 0;
  for (bool first = true; text.starts_with('x'); first = false) {
    text.remove_prefix(1);
    const auto part = TakeUntil(text, '/');
    const auto group = part ? ParseGroup(*part) : std::nullopt;
    if (!group || (first && *group == 0)) return std::nullopt;
    if (index > kMaxTreeSize / 1000) return std::nullopt;
    index = index * 1000 + *group;
  }
  const auto group = ParseGroup(text);
  if (!group || index > kMaxTreeSize / 1000) return std::nullopt;
  index = index * 1000 + *group;
  if (index > kMaxTreeSize) return std::nullopt;
  return index;
}

// A decimal number of one to three digits without leading zeros, in a range.
std::optional<uint64_t> ParseSmall(std::string_view text, uint64_t least, uint64_t most) {
  const auto value = ParseTreeSize(text);
  if (!value || *value < least || *value > most) return std::nullopt;
  return *value;
}

}  // namespace

std::string LogResource::ToPath() const {
  switch (kind) {
    case Kind::kCheckpoint:
      return std::string(kCheckpointPath);
    case Kind::kHashTile:
      return TilePath(tile, width);
    case Kind::kEntryBundle:
      return EntryBundlePath(tile.index, width);
  }
  std::abort();
}

Result<LogResource> ParseLogPath(std::string_view path) {
  if (path == kCheckpointPath) return LogResource{};
  if (path.size() > kMaxLogPath) return NoSuchPath();
  if (TakeUntil(path, '/') != "tile") return NoSuchPath();
  const auto level = TakeUntil(path, '/');
  if (!level) return NoSuchPath();
  LogResource out;
  if (*level == "entries") {
    out.kind = LogResource::Kind::kEntryBundle;
  } else {
    out.kind = LogResource::Kind::kHashTile;
    const auto number = ParseSmall(*level, 0, kHighestTileLevel);
    if (!number) return NoSuchPath();
    out.tile.level = static_cast<unsigned>(*number);
  }
  if (const size_t partial = path.find(".p/"); partial != std::string_view::npos) {
    const auto width = ParseSmall(path.substr(partial + 3), 1, kTileWidth - 1);
    if (!width) return NoSuchPath();
    out.width = *width;
    path = path.substr(0, partial);
  }
  const auto index = ParseTileIndex(path);
  if (!index) return NoSuchPath();
  out.tile.index = *index;
  return out;
}

}  // namespace souk::ledger
