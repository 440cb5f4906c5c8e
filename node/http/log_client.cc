#include "node/http/log_client.h"

#include <fmt/format.h>
#include <httplib.h>

#include "ledger/c2sp/checkpoint.h"
#include "ledger/c2sp/entry_bundle.h"
#include "protocol/base/file.h"

namespace souk::node {
namespace fs = std::filesystem;
namespace {

constexpr time_t kConnectSeconds = 10;
constexpr time_t kAnswerSeconds = 30;

// One server, one file after the other.
class Fetcher {
 public:
  Fetcher(const std::string& url, const fs::path& dir) : url_(Trimmed(url)), dir_(dir) {
    const size_t host = url_.find("://") + 3;
    const size_t slash = url_.find('/', host);
    prefix_ = slash == std::string::npos ? "" : url_.substr(slash);
    client_ = std::make_unique<httplib::Client>(url_.substr(0, slash));
    client_->set_connection_timeout(kConnectSeconds);
    client_->set_read_timeout(kAnswerSeconds);
    client_->set_keep_alive(true);
    client_->set_follow_location(false);
    client_->set_url_encode(false);
    client_->set_decompress(false);
  }

  // At most `most` bytes: more is cut off where it stands, and refused.
  Result<Bytes> Get(const std::string& name, size_t most) {
    Bytes body;
    bool too_much = false;
    const std::string path = prefix_ + "/" + name;
    const auto result = client_->Get(path, [&](const char* data, size_t size) {
      too_much = body.size() + size > most;
      if (!too_much) body.insert(body.end(), data, data + size);
      return !too_much;
    });
    if (too_much) {
      return Error(Code::kTooLarge, fmt::format("{}{} has more than {} bytes", url_, path, most));
    }
    if (!result) {
      return Error(Code::kUnavailable,
                   fmt::format("{} does not answer: {}", url_, httplib::to_string(result.error())));
    }
    if (result->status != 200) {
      std::string why(AsText(body).substr(0, 200));
      why = why.substr(0, why.find('\n'));
      return Error(Code::kUnavailable, fmt::format("{}/{}: HTTP {}{}", url_, name, result->status,
                                                   why.empty() ? "" : ": " + why));
    }
    return body;
  }

  // A part of the tree: full ones never change, so one that is there is taken for what it is.
  Status Keep(const std::string& name, bool full, size_t most) {
    const fs::path file = dir_ / name;
    std::error_code error;
    if (full && fs::is_regular_file(file, error)) return Ok();
    ASSIGN_OR_RETURN(const Bytes body, Get(name, most));
    fs::create_directories(file.parent_path(), error);
    if (error) return Error(Code::kIo, file.parent_path().string() + ": " + error.message());
    return WriteFileAtomic(file, body);
  }

 private:
  static std::string Trimmed(std::string url) {
    while (url.ends_with('/')) url.pop_back();
    return url;
  }

  std::string url_;
  fs::path dir_;
  std::string prefix_ = {};
  std::unique_ptr<httplib::Client> client_ = {};
};

Status FetchBundles(Fetcher& fetcher, uint64_t size, const FetchOptions& options) {
  for (uint64_t first = 0; first < size; first += ledger::kTileWidth) {
    const uint64_t width = std::min(size - first, ledger::kTileWidth);
    const uint64_t index = first / ledger::kTileWidth;
    RETURN_IF_ERROR(fetcher.Keep(ledger::EntryBundlePath(index, width), width == ledger::kTileWidth,
                                 ledger::kMaxEntryBundleBytes));
    if (options.progress) options.progress(first + width, size);
  }
  return Ok();
}

Status FetchTiles(Fetcher& fetcher, uint64_t size) {
  for (unsigned level = 0; level < ledger::kMaxTileLevels; ++level) {
    for (uint64_t index = 0;; ++index) {
      const uint64_t width = ledger::TileWidthAt({level, index}, size);
      if (width == 0) break;
      RETURN_IF_ERROR(fetcher.Keep(ledger::TilePath({level, index}, width),
                                   width == ledger::kTileWidth, ledger::kTileBytes));
      if (width < ledger::kTileWidth) break;
    }
  }
  return Ok();
}

}  // namespace

bool IsLogUrl(std::string_view where) {
  return where.starts_with("http://") || where.starts_with("https://");
}

Status FetchLog(const std::string& url, const fs::path& dir, const FetchOptions& options) {
  if (!IsLogUrl(url)) return Error(Code::kInvalidArgument, "\"" + url + "\" is no http:// URL");
  Fetcher fetcher(url, dir);
  ASSIGN_OR_RETURN(const Bytes note_bytes, fetcher.Get("checkpoint", ledger::kMaxNoteBytes));
  const auto note = ledger::ParseNote(AsText(note_bytes));
  const auto head =
      note ? ledger::ParseCheckpoint(note->text) : Result<ledger::Checkpoint>(note.error());
  if (!head) return head.error().Within(url + "/checkpoint");
  if (head->size > options.most_entries) {
    return Error(Code::kTooLarge, fmt::format("{} claims {} entries, at most {} are fetched", url,
                                              head->size, options.most_entries));
  }
  std::error_code error;
  fs::create_directories(dir / "tile", error);
  if (error) return Error(Code::kIo, (dir / "tile").string() + ": " + error.message());
  RETURN_IF_ERROR(FetchBundles(fetcher, head->size, options));
  RETURN_IF_ERROR(FetchTiles(fetcher, head->size));
  return WriteFileAtomic(dir / "checkpoint", note_bytes);
}

}  // namespace souk::node
