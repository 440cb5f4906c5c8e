// A node's log (R3): entries under an RFC 6962 tree, committed in the order that makes whatever a
// peer has been told already be on disk.
//
// The life of a commit: one synced batch (entries, full tiles, ids, the caller's own keys, head of
// generation g) -> read back and rehash -> sign the checkpoint -> slot g mod 2, fsynced -> return.
//
// Keys in the store; integers big-endian, so that they sort:
//   'e' index(8)            -> the entry's bytes
//   't' level(1) index(8)   -> a full tile, 8192 bytes
//   'i' id(32)              -> index(8) of the entry that the id names
//   'h'                     -> head: generation(8) size(8) root(32)
// Other first bytes belong to the callers.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/c2sp/checkpoint.h"
#include "ledger/c2sp/proof.h"
#include "ledger/c2sp/tiles.h"
#include "ledger/log/slots.h"
#include "ledger/log/store.h"

namespace souk::ledger {

// tlog-tiles' entry bundles carry lengths in 16 bits.
inline constexpr size_t kMaxEntryBytes = 65535;
// One batch stays below some hundred MiB even where every entry is as large as allowed.
inline constexpr size_t kMaxCommitEntries = 4096;
inline constexpr size_t kMaxIdsPerEntry = 64;

// Whether a caller may use this key in Commit's `extra`.
bool IsCallerKey(ByteView key);

struct Draft {
  Bytes leaf;               // at most kMaxEntryBytes; opaque to the log
  std::vector<Digest> ids;  // each names this entry and no other: FindById
};

struct Committed {
  uint64_t first = 0;      // index of the first new entry; the size before, where there was none
  uint64_t size = 0;       // entries under the checkpoint
  std::string checkpoint;  // signed note
};

// What a look at a stored log found; nothing was written for it.
struct Inspection {
  bool fresh = false;  // neither entries nor slots: a log may be begun here
  uint64_t generation = 0;
  uint64_t size = 0;  // entries in the store
  Digest root;        // over all of them
  TreeEdge edge;
  uint64_t slot_generation = 0;
  std::string checkpoint;            // the newest readable slot's signed note
  Checkpoint signed_head;            // what it says
  std::vector<std::string> remarks;  // what was odd but harmless, as sentences
};

struct InspectOptions {
  // Another process is writing: the slots were read before the store was opened, so the store may
  // be any number of generations ahead.
  bool live = false;
  // A checkpoint of this log that the reader trusts: the log must be one that continues it.
  std::optional<Checkpoint> known = {};
  // Its entries are not read; that they lead to the known root is believed of their tiles.
  bool skip_known = false;
};

// R3's read-only look: the slots, the store's generation, every entry up to the end rehashed, every
// stored tile compared, the checkpoint's root matched. An error says what is wrong and what to do.
Result<Inspection> Inspect(const Store& store, const SlotFile& slots, const NoteVerifier& log,
                           InspectOptions options = {});

// Reads a log without writing to it. The store outlives the reader. The threads that may read are
// the store's.
class LogReader : public HashReader {
 public:
  LogReader(const Store& store, Inspection found);

  // Entries held; those below signed_size() stand under the checkpoint.
  uint64_t size() const { return found_.size; }
  uint64_t signed_size() const { return found_.signed_head.size; }
  uint64_t generation() const { return found_.generation; }
  const Checkpoint& head() const { return found_.signed_head; }
  // The signed note of head().
  const std::string& checkpoint() const { return found_.checkpoint; }
  const std::vector<std::string>& remarks() const { return found_.remarks; }

  // The exact bytes, rehashed against the tree: kCorrupt where they do not fit.
  Result<Bytes> Entry(uint64_t index) const;
  // Visits entries [from, size()) in order, each rehashed; stops at the visitor's first error.
  Status ForEach(uint64_t from,
                 const std::function<Status(uint64_t index, ByteView entry)>& visit) const;
  // None where no entry has the id.
  Result<std::optional<uint64_t>> FindById(const Digest& id) const;

  // Under head().
  Result<TlogProof> Proof(uint64_t index) const;
  // From the tree of old_size entries to head().
  Result<std::vector<Digest>> Consistency(uint64_t old_size) const;
  Result<Digest> RootAt(uint64_t size) const;

  Result<Digest> ReadNode(unsigned level, uint64_t index) const override;
  // 1 to 256 hashes as they stand in the tree of size() leaves; kNotFound where there are none.
  Result<std::vector<Digest>> Tile(TileId tile) const;

 private:
  friend class Log;
  Status CheckLeaf(uint64_t index, ByteView entry) const;

  const Store* store_;
  Inspection found_;

  // The full tile read last: entries and proofs are mostly asked for in order. One per thread is
  // not needed: the log lives on the loop's thread.
  mutable TileId cached_id_;
  mutable std::vector<Digest> cached_;
};

// The slot file of a log of generation 0, which holds nothing yet: SlotFile::Create.
Result<Bytes> FirstSlot(const NoteSigner& signer);

struct LogOptions {
  // The operator vouches that no counterparty holds a newer checkpoint than this disk (R3).
  bool alone = false;
  // The slot file was made before the first start, so where there is none a log was lost: nothing
  // is begun anew under the same key.
  bool made = false;
  // Whether the program may go on with this log: asked after the look, before anything is written.
  Status (*fits)(const LogReader&) = nullptr;
};

// The writing side. Loop thread only.
// Invariants: (1) what Commit returned is on the disk, and every later Open finds it or refuses;
// (2) two checkpoints that this log ever signed are consistent; (3) after a failed write every
// later call fails: the node stops, and a restart finds out what reached the disk.
class Log {
 public:
  // Looks (Inspect) before it writes, and writes nothing where it refuses. Begins a new log where
  // the store is empty and there is no slot file (see LogOptions::made). Entries beyond the
  // checkpoint, which a crash between batch and slot leaves, are kept, and signed as soon as
  // signing is allowed. Store and slots outlive the log.
  static Result<Log> Open(Store& store, SlotFile& slots, NoteSigner signer,
                          LogOptions options = {});
  // The same with a look that was taken already, under a lock that was held since.
  static Result<Log> OpenInspected(Store& store, SlotFile& slots, NoteSigner signer,
                                   LogOptions options, Inspection found);

  // All or nothing. `extra` may only hold keys with IsCallerKey. kTooLarge, kDuplicate (an id is
  // taken) and kInvalidArgument change nothing; kUnavailable: not confirmed yet; anything else
  // stops the log.
  Result<Committed> Commit(const std::vector<Draft>& drafts, const WriteBatch& extra = {});

  // Whether new checkpoints may be signed: a log that held entries when it was opened waits for
  // Confirm or LogOptions::alone.
  bool confirmed() const { return confirmed_; }
  // Somebody's copy of a checkpoint of this log. kBadSignature: not ours, ignored. kConflict: we
  // hold less, or another tree, than we once signed; the log stops. Returns what it says.
  Result<Checkpoint> Compare(std::string_view signed_checkpoint);
  // As Compare, from a counterparty of an earlier run: one that fits allows signing.
  Result<Checkpoint> Confirm(std::string_view signed_checkpoint);

  // Why the log stopped; ok while it runs.
  Status health() const;
  const LogReader& reader() const { return *reader_; }
  const NoteSigner& signer() const { return signer_; }

  // As LogReader, and failing once the log has stopped.
  uint64_t size() const { return reader_->size(); }
  const Checkpoint& head() const { return reader_->head(); }
  const std::string& checkpoint() const { return reader_->checkpoint(); }
  Result<Bytes> Entry(uint64_t index) const;
  Result<std::optional<uint64_t>> FindById(const Digest& id) const;
  Result<TlogProof> Proof(uint64_t index) const;
  Result<std::vector<Digest>> Consistency(uint64_t old_size) const;

 private:
  Log(Store& store, SlotFile& slots, NoteSigner signer, Inspection found);
  Status CheckDrafts(const std::vector<Draft>& drafts, const WriteBatch& extra) const;
  Status ReadBack(uint64_t first, const std::vector<Digest>& leaf_hashes,
                  const WriteBatch& records) const;
  Status SignHead();
  Error Stop(const Error& why);

  Store* store_;
  SlotFile* slots_;
  NoteSigner signer_;
  std::unique_ptr<LogReader> reader_;
  bool confirmed_ = false;
  std::optional<Error> stopped_;
};

}  // namespace souk::ledger
