#include "ledger/log/tile_source.h"

#include <cstdlib>

#include "ledger/c2sp/entry_bundle.h"

namespace souk::ledger {
namespace {

constexpr const char* kTextType = "text/plain; charset=utf-8";
constexpr const char* kBytesType = "application/octet-stream";
static_assert(kMaxEntryBytes <= kMaxBundledEntryBytes);

Result<Bytes> HashTileBody(const LogReader& log, const LogResource& resource) {
  ASSIGN_OR_RETURN(auto hashes, log.Tile(resource.tile));
  // The log may have grown beyond the head: a partial tile is the beginning of a later one.
  hashes.resize(resource.width);
  return EncodeHashTile(hashes);
}

Result<Bytes> EntryBundleBody(const LogReader& log, const LogResource& resource) {
  Bytes bundle;
  const uint64_t first = resource.tile.index * kTileWidth;
  for (uint64_t i = first; i < first + resource.width; ++i) {
    ASSIGN_OR_RETURN(const Bytes entry, log.Entry(i));
    AppendToBundle(bundle, entry);
  }
  return bundle;
}

}  // namespace

ServedHead NewestHead(const LogReader& log) {
  return ServedHead{log.signed_size(), log.checkpoint()};
}

Result<LogAnswer> AnswerLogPath(const LogReader& log, const ServedHead& head,
                                std::string_view path) {
  if (head.size > log.signed_size()) {
    return Error(Code::kInvalidArgument, "the head to serve is beyond what the log has signed");
  }
  const auto resource = ParseLogPath(path);
  if (!resource) return Error(Code::kNotFound, resource.error().message);
  if (resource->kind == LogResource::Kind::kCheckpoint) {
    return LogAnswer{ToBytes(AsBytes(head.checkpoint)), kTextType, /*immutable=*/false};
  }
  if (resource->width > TileWidthAt(resource->tile, head.size)) {
    return Error(Code::kNotFound, "the log has not grown that far");
  }
  ASSIGN_OR_RETURN(Bytes body, resource->kind == LogResource::Kind::kHashTile
                                   ? HashTileBody(log, *resource)
                                   : EntryBundleBody(log, *resource));
  return LogAnswer{std::move(body), kBytesType, /*immutable=*/true};
}

}  // namespace souk::ledger
