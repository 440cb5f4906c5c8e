// This node's log over HTTP, read-only, as C2SP tlog-tiles, so that any client of that format reads
// it (R3). https://c2sp.org/tlog-tiles
//
//   GET /checkpoint                  the newest signed checkpoint
//   GET /tile/L/N[.p/W]              hashes
//   GET /tile/entries/N[.p/W]        entries
//   GET /mirror/souk1…/…             the same of a log that this node mirrors, by its owner
//   GET /                            what this is, for people, with the verifier key
//
// Connections are nobody's: what a log's card does not open to everyone is not served here.
#pragma once

#include <memory>
#include <string>

#include "ledger/log/mirrors.h"
#include "ledger/log/tile_source.h"
#include "protocol/log_access.h"

namespace souk::node {

struct LogServerOptions {
  std::string listen = {};  // "127.0.0.1:7180"; port 0 takes a free one
  std::string vkey = {};    // of the log
  // Whom the node's card names (R3). Tiles go to everyone or to nobody here.
  LogReaders readers = {};
};

// Threads of its own serve what the loop's thread published last.
class LogServer {
 public:
  // kInvalidArgument, kUnavailable: nothing can listen there; the sentence says what to do.
  static Result<std::unique_ptr<LogServer>> Open(const LogServerOptions& options);
  ~LogServer();
  LogServer(const LogServer&) = delete;
  LogServer& operator=(const LogServer&) = delete;

  // "http://127.0.0.1:41233".
  const std::string& url() const { return url_; }
  // From the loop's thread, after a commit. The log's store outlives the server, and may be read
  // from any thread.
  // `head`: what is served, which may be older than the log and carry cosignatures.
  void Publish(const ledger::LogReader& log, ledger::ServedHead head);
  // A mirrored log, and whom its owner's card names. Its tiles, too, go to everyone or to nobody.
  void PublishMirror(const PeerId& owner, const std::shared_ptr<const ledger::MirrorReader>& log,
                     const LogReaders& readers);

 private:
  class Impl;
  explicit LogServer(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
  std::string url_;
};

}  // namespace souk::node
