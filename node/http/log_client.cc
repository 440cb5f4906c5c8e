#include "node/http/log_client.h"

#include <fmt/format.h>
#include <httplib.h>

#include <charconv>
#include <optional>

#include "ledger/c2sp/checkpoint.h"
#include "ledger/c2sp/entry_bundle.h"
#include "node/http/bounded_stream.h"
#include "protocol/base/file.h"

namespace souk::node {
namespace fs = std::filesystem;
namespace {

constexpr time_t kConnectSeconds = 10;
constexpr time_t kAnswerSeconds = 30;
// Beside the body: a status line, headers, what chunks cost.
constexpr size_t kMaxHeaderBytes = 32 << 10;

// So much of a disk stays free.
constexpr uint64_t kRoomLeft = uint64_t{1} << 30;
constexpr uint64_t kLookForRoom = uint64_t{64} << 20;

// What one exchange may cost. httplib takes headers, and answers that only announce another one,
// without end.
struct Bounds {
  std::chrono::milliseconds time = {};
  size_t bytes = 0;
  bool broken = false;  // by the last exchange
};

template <typename Base>
class BoundedClient final : public Base {
 public:
  BoundedClient(const std::string& host, int port, Bounds& bounds)
      : Base(host, port), bounds_(bounds) {}

 private:
  bool process_socket(const typename Base::Socket& socket,
                      std::function<bool(httplib::Stream&)> callback) override {
    BoundedStream stream(socket.sock, socket.ssl);
    stream.Allow(bounds_.time, bounds_.bytes);
    const bool done = callback(stream);
    bounds_.broken = !done && stream.IsOver();
    return done;
  }

  Bounds& bounds_;
};

// One server, one file after the other.
class Fetcher {
 public:
  Fetcher(const std::string& url, const fs::path& dir, std::chrono::milliseconds file_time)
      : url_(Trimmed(url)), dir_(dir), file_time_(file_time) {}

  Status Open() {
    const std::string_view scheme = std::string_view(url_).substr(0, url_.find("://"));
    const size_t host = scheme.size() + 3;
    const size_t slash = std::min(url_.find('/', host), url_.size());
    prefix_ = url_.substr(slash);
    const auto at = ParseAuthority(url_.substr(host, slash - host), scheme == "https" ? 443 : 80);
    if (!at) return Error(Code::kInvalidArgument, "\"" + url_ + "\" is no log's URL");
    if (scheme == "https") {
      client_ = std::make_unique<BoundedClient<httplib::SSLClient>>(at->host, at->port, bounds_);
    } else {
      client_ = std::make_unique<BoundedClient<httplib::ClientImpl>>(at->host, at->port, bounds_);
    }
    client_->set_connection_timeout(kConnectSeconds);
    client_->set_read_timeout(kAnswerSeconds);
    client_->set_keep_alive(true);
    client_->set_follow_location(false);
    client_->set_url_encode(false);
    client_->set_decompress(false);
    return Ok();
  }

  // At most `most` bytes: more is cut off where it stands, and refused.
  Result<Bytes> Get(const std::string& name, size_t most) {
    Bytes body;
    bool too_much = false;
    const std::string path = prefix_ + "/" + name;
    bounds_ = {.time = file_time_, .bytes = 2 * most + kMaxHeaderBytes};
    const auto result = client_->Get(path, [&](const char* data, size_t size) {
      too_much = body.size() + size > most;
      if (!too_much) body.insert(body.end(), data, data + size);
      return !too_much;
    });
    if (too_much) {
      return Error(Code::kTooLarge, fmt::format("{}{} has more than {} bytes", url_, path, most));
    }
    if (!result && bounds_.broken) {
      return Error(Code::kUnavailable,
                   fmt::format("{}{} takes longer than {} s, or has headers without end", url_,
                               path, file_time_.count() / 1000));
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
  // `check` says whether it can be what was asked for, so that nonsense ends the fetching.
  Status Keep(const std::string& name, bool full, size_t most,
              const std::function<Status(ByteView)>& check) {
    const fs::path file = dir_ / name;
    std::error_code error;
    if (full && fs::is_regular_file(file, error)) return Ok();
    ASSIGN_OR_RETURN(const Bytes body, Get(name, most));
    if (const Status fits = check(body); !fits) return fits.error().Within(url_ + "/" + name);
    RETURN_IF_ERROR(CheckRoom(body.size()));
    fs::create_directories(file.parent_path(), error);
    if (error) return Error(Code::kIo, file.parent_path().string() + ": " + error.message());
    return WriteFileAtomic(file, body);
  }

 private:
  // Who serves a log says how long it is: it may not fill the disk for everybody else.
  Status CheckRoom(size_t bytes) {
    fetched_ += bytes;
    if (fetched_ < kLookForRoom) return Ok();
    fetched_ = 0;
    std::error_code error;
    const fs::space_info space = fs::space(dir_, error);
    if (error || space.available >= kRoomLeft) return Ok();
    return Error(Code::kExhausted, fmt::format("{} is almost full, and {} goes on: name another "
                                               "folder with TMPDIR",
                                               dir_.string(), url_));
  }

  struct Authority {
    std::string host = {};
    int port = 0;
  };

  static std::string Trimmed(std::string url) {
    while (url.ends_with('/') && !url.ends_with("://")) url.pop_back();
    return url;
  }
  // "host", "host:80", "[::1]:80"; none where it is none of these.
  static std::optional<Authority> ParseAuthority(const std::string& text, int port) {
    const bool v6 = text.starts_with('[');
    const size_t end = v6 ? text.find(']') : std::min(text.find(':'), text.size());
    if (end == std::string::npos) return std::nullopt;
    Authority out{v6 ? text.substr(1, end - 1) : text.substr(0, end), port};
    if (out.host.empty() || text.find_first_of("@ \t\r\n") != std::string::npos)
      return std::nullopt;
    const std::string rest = text.substr(v6 ? end + 1 : end);
    if (rest.empty()) return out;
    const char* const last = rest.data() + rest.size();
    const auto read = std::from_chars(rest.data() + 1, last, out.port);
    const bool whole = rest[0] == ':' && read.ec == std::errc() && read.ptr == last;
    if (!whole || out.port < 1 || out.port > 65'535) return std::nullopt;
    return out;
  }

  std::string url_;
  fs::path dir_;
  const std::chrono::milliseconds file_time_;
  std::string prefix_ = {};
  uint64_t fetched_ = kLookForRoom;  // since it was looked at
  Bounds bounds_ = {};
  std::unique_ptr<httplib::ClientImpl> client_ = {};
};

Status FetchBundles(Fetcher& fetcher, uint64_t size, const FetchOptions& options) {
  for (uint64_t first = 0; first < size; first += ledger::kTileWidth) {
    const uint64_t width = std::min(size - first, ledger::kTileWidth);
    const uint64_t index = first / ledger::kTileWidth;
    const auto check = [&](ByteView body) -> Status {
      const auto entries = ledger::ParseEntryBundle(body, width);
      return entries ? Ok() : Status(entries.error());
    };
    RETURN_IF_ERROR(fetcher.Keep(ledger::EntryBundlePath(index, width), width == ledger::kTileWidth,
                                 ledger::kMaxEntryBundleBytes, check));
    if (options.progress) options.progress(first + width, size);
  }
  return Ok();
}

Status FetchTiles(Fetcher& fetcher, uint64_t size) {
  for (unsigned level = 0; level < ledger::kMaxTileLevels; ++level) {
    for (uint64_t index = 0;; ++index) {
      const uint64_t width = ledger::TileWidthAt({level, index}, size);
      if (width == 0) break;
      const auto check = [&](ByteView body) -> Status {
        if (body.size() == width * sizeof(Digest)) return Ok();
        return Error(Code::kMalformed,
                     fmt::format("{} bytes are not {} hashes", body.size(), width));
      };
      RETURN_IF_ERROR(fetcher.Keep(ledger::TilePath({level, index}, width),
                                   width == ledger::kTileWidth, ledger::kTileBytes, check));
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
  Fetcher fetcher(url, dir, options.file_time);
  RETURN_IF_ERROR(fetcher.Open());
  ASSIGN_OR_RETURN(const Bytes note_bytes, fetcher.Get("checkpoint", ledger::kMaxNoteBytes));
  const auto note = ledger::ParseNote(AsText(note_bytes));
  auto head = note ? ledger::ParseCheckpoint(note->text) : Result<ledger::Checkpoint>(note.error());
  if (head && options.key && head->origin != options.key->name) {
    return Error(Code::kInvalidArgument, fmt::format("the key is that of {}, and {} serves {}",
                                                     options.key->name, url, head->origin));
  }
  if (head && options.key) head = ledger::OpenCheckpoint(AsText(note_bytes), *options.key);
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
