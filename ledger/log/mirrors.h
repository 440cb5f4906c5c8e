// Copies of others' logs (R3), all in one store of their own.
//
// Keys; integers big-endian:
//   'm' origin                          -> what is held of the log: size, root, notes
//   'l' SHA-256 of the origin, log key  -> an entry ('e') or a full tile ('t'), as log.h has them
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/log/log.h"
#include "ledger/witness/mirrored_log.h"

namespace souk::ledger {

// Entries that came in, and what they are to be proven with.
struct MirrorPart {
  uint64_t from = 0;
  std::vector<ByteView> entries = {};
  std::string note = {};            // signed by the log
  std::vector<Digest> hashes = {};  // PROOF(from + entries, D[the note's size])
};

// One mirrored log as any other log is read, up to its newest whole checkpoint. Lives shorter than
// the store.
class MirrorReader {
 public:
  MirrorReader(std::unique_ptr<Store> entries, Inspection found)
      : entries_(std::move(entries)), log_(*entries_, std::move(found)) {}
  const LogReader& log() const { return log_; }

 private:
  std::unique_ptr<Store> entries_;
  LogReader log_;
};

// Loop thread only; readers where the store says so.
// Invariants: (1) what Append returned is on the disk; (2) entries that are here lead to a root
// that a checkpoint signed by the log continues; (3) after a failed write every later one fails.
class Mirrors {
 public:
  // Looks at every log's record and right edge. kCorrupt where they do not fit: the sentence says
  // what to do. The store outlives this.
  static Result<Mirrors> Open(Store& store);

  // By origin.
  const std::map<std::string, MirroredLog, std::less<>>& logs() const { return logs_; }
  // Null where nothing is held.
  const MirroredLog* Find(std::string_view origin) const;
  uint64_t bytes() const;

  // The log's next entries, which may be none where a note says no more than is here: verified,
  // written, synced and read back. Changes nothing with kBadSignature, kMismatch (they do not lead
  // to the note's root), kConflict (they are not the next ones), kTooLarge (another log's room).
  // Any other error is the disk's.
  Result<MirroredLog> Append(const NoteVerifier& log, const MirrorPart& part);

  // Of the entries that are here. kInvalidArgument beyond them, kNotFound.
  Result<Digest> RootAt(std::string_view origin, uint64_t size) const;
  // Up to the newest whole checkpoint; kNotFound where there is none.
  Result<std::unique_ptr<MirrorReader>> Read(std::string_view origin) const;

  static constexpr size_t kLogs = 256;

 private:
  explicit Mirrors(Store& store) : store_(&store) {}
  Status Load(std::string_view origin, ByteView record);
  Status ReadBack(const WriteBatch& batch) const;

  Store* store_;
  std::map<std::string, MirroredLog, std::less<>> logs_ = {};
  std::map<std::string, TreeEdge, std::less<>> edges_ = {};
  bool stopped_ = false;
};

}  // namespace souk::ledger
