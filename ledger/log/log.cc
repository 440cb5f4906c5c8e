#include "ledger/log/log.h"

#include <fmt/format.h>

#include <set>

#include "ledger/log/log_keys.h"
#include "ledger/log/start.h"
#include "protocol/base/check.h"

namespace souk::ledger {
namespace {

constexpr size_t kFewEntries = 8;

}  // namespace

Log::Log(Store& store, SlotFile& slots, NoteSigner signer, Inspection found)
    : store_(&store),
      slots_(&slots),
      signer_(std::move(signer)),
      reader_(std::make_unique<LogReader>(store, std::move(found))) {}

Result<Bytes> FirstSlot(const NoteSigner& signer) {
  ASSIGN_OR_RETURN(const std::string checkpoint,
                   SignCheckpoint(Checkpoint{signer.name, 0, EmptyRoot(), {}}, signer));
  return EncodeSlot(0, checkpoint);
}

Result<Log> Log::Open(Store& store, SlotFile& slots, NoteSigner signer, LogOptions options) {
  ASSIGN_OR_RETURN(Inspection found, Inspect(store, slots, signer.Verifier()));
  if (options.fits != nullptr) RETURN_IF_ERROR(options.fits(LogReader(store, found)));
  return OpenInspected(store, slots, std::move(signer), options, std::move(found));
}

Status CheckMayBegin(const Inspection& found, const LogOptions& options) {
  if (!found.fresh || !options.made || options.alone) return Ok();
  return Error(Code::kNotFound,
               "the ledger and its checkpoint file are missing: a second log under the same key "
               "would contradict the first. Put both back, make them again from a copy of the log "
               "(soukd rebuild --from COPY), or begin anew elsewhere: soukd init --dir OTHER. If "
               "this node never ran: soukd run --alone");
}

Result<Log> Log::OpenInspected(Store& store, SlotFile& slots, NoteSigner signer, LogOptions options,
                               Inspection found) {
  RETURN_IF_ERROR(CheckMayBegin(found, options));
  const bool fresh = found.fresh;
  Log log(store, slots, std::move(signer), std::move(found));
  if (fresh) {
    // The slot file first: a crash right after it leaves a log of generation 0, which is whole.
    Inspection& state = log.reader_->found_;
    state.fresh = false;
    ASSIGN_OR_RETURN(state.checkpoint, SignCheckpoint(state.signed_head, log.signer_));
    ASSIGN_OR_RETURN(const Bytes slot, FirstSlot(log.signer_));
    RETURN_IF_ERROR(slots.Create(slot));
  } else {
    // The next commit overwrites the other slot, and relies on this one. It makes the folder of a
    // new database durable too: RocksDB syncs what is in its folder, not the folder's name.
    RETURN_IF_ERROR(slots.Renew());
  }
  // A log without entries has told nobody anything that a second start could contradict.
  log.confirmed_ = options.alone || log.size() == 0;
  if (log.confirmed_) RETURN_IF_ERROR(log.SignHead());
  return log;
}

Error Log::Stop(const Error& why) {
  if (!stopped_) {
    // What contradicts another's copy does so after a restart too.
    const bool again = why.code == Code::kConflict;
    stopped_ = Error(why.code, (again ? "the ledger has stopped: "
                                      : "the ledger has stopped, restart the node: ") +
                                   why.message);
  }
  return *stopped_;
}

Status Log::health() const {
  if (stopped_) return *stopped_;
  return Ok();
}

// Brings the slots up to the store's generation. Signing twice gives the same bytes (RFC 8032), so
// a checkpoint lost with its slot is the same checkpoint again.
Status Log::SignHead() {
  Inspection& state = reader_->found_;
  if (state.slot_generation == state.generation) return Ok();
  Checkpoint head{signer_.name, state.size, state.root, {}};
  ASSIGN_OR_RETURN(std::string note, SignCheckpoint(head, signer_));
  ASSIGN_OR_RETURN(const Bytes slot, EncodeSlot(state.generation, note));
  RETURN_IF_ERROR(slots_->Write(static_cast<unsigned>(state.generation % 2), slot));
  state.slot_generation = state.generation;
  state.signed_head = std::move(head);
  state.checkpoint = std::move(note);
  return Ok();
}

Status Log::CheckDrafts(const std::vector<Draft>& drafts, const WriteBatch& extra) const {
  if (drafts.size() > kMaxCommitEntries) {
    return Error(Code::kTooLarge, fmt::format("{} entries in one commit, at most {} are taken",
                                              drafts.size(), kMaxCommitEntries));
  }
  if (size() > kMaxTreeSize - drafts.size()) return Error(Code::kTooLarge, "the log is full");
  std::set<Digest> ids;
  for (const Draft& draft : drafts) {
    if (draft.leaf.size() > kMaxEntryBytes) {
      return Error(Code::kTooLarge, fmt::format("an entry of {} bytes, at most {} are taken",
                                                draft.leaf.size(), kMaxEntryBytes));
    }
    if (draft.ids.size() > kMaxIdsPerEntry) {
      return Error(Code::kTooLarge, fmt::format("an entry with {} ids, at most {} are taken",
                                                draft.ids.size(), kMaxIdsPerEntry));
    }
    for (const Digest& id : draft.ids) {
      ASSIGN_OR_RETURN(const auto taken, store_->Get(IdKey(id)));
      if (taken || !ids.insert(id).second) {
        return Error(Code::kDuplicate, "the id " + id.ToString() + " names an entry already");
      }
    }
  }
  for (const WriteBatch::Op& op : extra.ops()) {
    if (!IsCallerKey(op.key)) {
      return Error(Code::kInvalidArgument, "the key belongs to the log");
    }
  }
  return Ok();
}

// What a reader will find is what was hashed: a store that changed a byte on its way must not get
// that byte signed.
Status Log::ReadBack(uint64_t first, const std::vector<Digest>& leaf_hashes,
                     const WriteBatch& records) const {
  size_t same = 0;
  const auto rehash = [&](ByteView key, ByteView entry) {
    if (ParseEntryKey(key) != first + same || LeafHash(entry) != leaf_hashes[same]) return false;
    return ++same < leaf_hashes.size();
  };
  // To make an iterator costs more than to find a few entries one by one.
  if (leaf_hashes.size() > kFewEntries) {
    RETURN_IF_ERROR(store_->Scan(EntryKey(first), EntryKey(first + leaf_hashes.size()), rehash));
  } else {
    for (uint64_t i = 0; i < leaf_hashes.size() && same == i; ++i) {
      ASSIGN_OR_RETURN(const auto entry, store_->Get(EntryKey(first + i)));
      if (entry) rehash(EntryKey(first + i), *entry);
    }
  }
  if (same != leaf_hashes.size()) {
    return Error(Code::kCorrupt,
                 fmt::format("entry {} reads back otherwise than it was written", first + same));
  }
  for (const WriteBatch::Op& op : records.ops()) {
    ASSIGN_OR_RETURN(const auto value, store_->Get(op.key));
    if (value != op.value) {
      return Error(Code::kCorrupt, "the head or a tile reads back otherwise than it was written");
    }
  }
  return Ok();
}

Result<Committed> Log::Commit(const std::vector<Draft>& drafts, const WriteBatch& extra) {
  RETURN_IF_ERROR(health());
  if (!confirmed_) {
    return Error(Code::kUnavailable,
                 "no counterparty has confirmed this log since the restart: connect to one, or "
                 "start with --alone if no other copy of this ledger has run");
  }
  Inspection& state = reader_->found_;
  const uint64_t first = state.size;
  if (drafts.empty() && extra.empty()) return Committed{first, state.size, state.checkpoint};
  RETURN_IF_ERROR(CheckDrafts(drafts, extra));

  WriteBatch batch;
  WriteBatch records;  // tiles and head
  std::vector<Digest> leaf_hashes;
  leaf_hashes.reserve(drafts.size());
  for (size_t i = 0; i < drafts.size(); ++i) {
    leaf_hashes.push_back(LeafHash(drafts[i].leaf));
    batch.Put(EntryKey(first + i), drafts[i].leaf);
    for (const Digest& id : drafts[i].ids) batch.Put(IdKey(id), EncodeIndex(first + i));
    state.edge.Append(leaf_hashes.back(), [&](TileId tile, std::span<const Digest> hashes) {
      records.Put(TileKey(tile), EncodeTile(hashes));
    });
  }
  const Head head{state.generation + 1, first + drafts.size(), state.edge.Root()};
  records.Put(HeadKey(), EncodeHead(head));
  batch.Append(records);
  batch.Append(extra);
  if (auto wrote = store_->Write(batch, Durability::kSynced); !wrote) return Stop(wrote.error());
  if (auto same = ReadBack(first, leaf_hashes, records); !same) return Stop(same.error());
  state.generation = head.generation;
  state.size = head.size;
  state.root = head.root;
  if (auto is_signed = SignHead(); !is_signed) return Stop(is_signed.error());
  return Committed{first, state.size, state.checkpoint};
}

Result<Checkpoint> Log::Compare(std::string_view signed_checkpoint) {
  RETURN_IF_ERROR(health());
  ASSIGN_OR_RETURN(const Checkpoint theirs, OpenCheckpoint(signed_checkpoint, signer_.Verifier()));
  if (theirs.size > size()) {
    return Stop(Error(Code::kConflict,
                      fmt::format("a counterparty holds this node's checkpoint of {} entries, but "
                                  "only {} are here: this is an older copy of the ledger. Put the "
                                  "newer one back, or begin anew elsewhere: soukd init --dir OTHER",
                                  theirs.size, size())));
  }
  const auto ours = reader_->RootAt(theirs.size);
  if (!ours) return Stop(ours.error());
  if (*ours != theirs.root) {
    return Stop(Error(Code::kConflict,
                      fmt::format("a counterparty holds this node's checkpoint of {} entries with "
                                  "another root: this ledger is a fork. Put the other copy back, "
                                  "or begin anew elsewhere: soukd init --dir OTHER",
                                  theirs.size)));
  }
  return theirs;
}

Result<Checkpoint> Log::Confirm(std::string_view signed_checkpoint) {
  ASSIGN_OR_RETURN(Checkpoint theirs, Compare(signed_checkpoint));
  confirmed_ = true;
  if (auto is_signed = SignHead(); !is_signed) return Stop(is_signed.error());
  return theirs;
}

Result<Bytes> Log::Entry(uint64_t index) const {
  RETURN_IF_ERROR(health());
  return reader_->Entry(index);
}

Result<std::optional<uint64_t>> Log::FindById(const Digest& id) const {
  RETURN_IF_ERROR(health());
  return reader_->FindById(id);
}

Result<TlogProof> Log::Proof(uint64_t index) const {
  RETURN_IF_ERROR(health());
  return reader_->Proof(index);
}

Result<std::vector<Digest>> Log::Consistency(uint64_t old_size) const {
  RETURN_IF_ERROR(health());
  return reader_->Consistency(old_size);
}

}  // namespace souk::ledger
