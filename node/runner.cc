#include "node/runner.h"

#include <algorithm>
#include <iterator>
#include <set>

#include "ledger/c2sp/entry_bundle.h"
#include "ledger/log/entry_range.h"
#include "protocol/limits.h"

namespace souk::node {
namespace {

SharedBytes Share(Bytes bytes) {
  return std::make_shared<const Bytes>(std::move(bytes));
}

// The document keeps its envelope alive: no copy.
SharedBytes Envelope(const DocumentRef& document) {
  return {document, &document->envelope()};
}

}  // namespace

Runner::Runner(Parts parts, Answered answered) : parts_(parts), answered_(std::move(answered)) {}

Bytes Runner::FactKey(std::string_view key) {
  Bytes out = {kFactPrefix};
  Append(out, AsBytes(key));
  return out;
}

Status Runner::Commit(const Effects& effects) {
  ledger::WriteBatch facts;
  for (const Remember& fact : effects.remembers) facts.Put(FactKey(fact.key), fact.value);
  if (effects.appends.empty()) {
    // Facts about others' logs need no signature of ours, so they do not wait for permission to
    // sign.
    return facts.empty() ? Ok() : parts_.store.Write(facts, ledger::Durability::kSynced);
  }
  // A turn does not see the ids of the steps that are committed with it: the first entry keeps one.
  std::set<Digest> named;
  std::vector<ledger::Draft> drafts;
  for (auto next = effects.appends.begin(); next != effects.appends.end();) {
    // What fell due at one instant may be more than a commit takes. All parts are on the disk
    // before anything is sent, and a crash between two of them leaves a log that ends a little
    // earlier.
    drafts.clear();
    for (; next != effects.appends.end() && drafts.size() < ledger::kMaxCommitEntries; ++next) {
      ledger::Draft& draft = drafts.emplace_back();
      draft.leaf = next->leaf;
      std::copy_if(next->ids.begin(), next->ids.end(), std::back_inserter(draft.ids),
                   [&](const Digest& id) { return named.insert(id).second; });
    }
    const auto committed = parts_.log.Commit(drafts, facts);
    if (!committed) return committed.error();
    facts = {};
  }
  return Ok();
}

void Runner::Forget(ConnectionId connection) {
  shown_.erase(connection);
  greeted_.erase(connection);
}

uint64_t Runner::Served(const Digest& job) const {
  const auto it = served_.find(job);
  return it == served_.end() ? 0 : it->second;
}

Result<Frames> Runner::MakeReply(ConnectionId to, const ReplyParts& parts) {
  Reply reply{.re = parts.re, .documents = static_cast<uint32_t>(parts.documents.size())};
  SharedBytes receipt_bytes;
  if (parts.entry) {
    LogReceipt receipt;
    ASSIGN_OR_RETURN(receipt.leaf, parts_.log.Entry(*parts.entry));
    receipt.index = *parts.entry;
    receipt.note = parts.note.empty() ? parts_.log.checkpoint() : parts.note;
    ASSIGN_OR_RETURN(const ledger::Note note, ledger::ParseNote(receipt.note));
    ASSIGN_OR_RETURN(const ledger::Checkpoint head, ledger::ParseCheckpoint(note.text));
    ASSIGN_OR_RETURN(receipt.inclusion,
                     ledger::InclusionProof(receipt.index, head.size, parts_.log.reader()));
    uint64_t& shown = shown_[to];
    if (shown > 0 && shown < head.size) {
      receipt.consistent_from = shown;
      ASSIGN_OR_RETURN(receipt.consistency,
                       ledger::ConsistencyProof(shown, head.size, parts_.log.reader()));
    }
    shown = std::max(shown, head.size);
    receipt_bytes = Share(EncodeReceipt(receipt));
    reply.receipt = Sha256(*receipt_bytes);
  }
  Frames frames = {Envelope(SignMessage(reply, parts_.agent.identity().key()))};
  for (const DocumentRef& document : parts.documents) frames.push_back(Envelope(document));
  if (receipt_bytes) frames.push_back(receipt_bytes);
  return frames;
}

Frames Runner::MakeHello(ConnectionId to, const HelloParts& parts) {
  // A log that waits shows nothing: an echo of it must not look like an earlier counterparty's
  // copy.
  const bool shows = parts_.log.confirmed();
  // The first checkpoint of ours that a peer sees, in a hello, it takes on its signature alone.
  if (shows && parts_.log.head().size > 0) greeted_.try_emplace(to, parts_.log.head().size);
  const Hello hello{.card = parts.card->id(),
                    .sent = parts.sent,
                    .your_checkpoint = parts.your_checkpoint,
                    .my_checkpoint = shows ? parts_.log.checkpoint() : "",
                    .answer = parts.answer};
  return {Envelope(SignMessage(hello, parts_.agent.identity().key())), Envelope(parts.card)};
}

Result<Frames> Runner::MakeChunk(const ChunkParts& parts) {
  ASSIGN_OR_RETURN(Bytes bytes, parts_.blobs.Read(parts.blob, parts.offset, parts.length));
  served_[parts.job] += bytes.size();
  const BlobChunk chunk{.blob = parts.blob,
                        .offset = parts.offset,
                        .total = parts_.blobs.BlobSize(parts.blob).value_or(0),
                        .job = parts.job};
  return Frames{Envelope(SignMessage(chunk, parts_.agent.identity().key())),
                Share(std::move(bytes))};
}

Result<Frames> Runner::MakeEntries(const EntriesParts& parts) const {
  if (parts.get.log == parts_.agent.identity().id()) {
    return MakeEntries(parts, parts_.log.reader());
  }
  if (parts_.mirrors == nullptr) return Error(Code::kNotFound, "this node mirrors no log");
  ASSIGN_OR_RETURN(const auto mirrored, parts_.mirrors->Read(LogName(parts.get.log)));
  return MakeEntries(parts, mirrored->log());
}

Result<Frames> Runner::MakeEntries(const EntriesParts& parts, const ledger::LogReader& log) const {
  const EntriesGet& get = parts.get;
  ASSIGN_OR_RETURN(ledger::ProvenEntries range,
                   ledger::ReadEntries(log, get.from, get.size, limits::kBlobChunkBytes));
  Entries entries{.re = parts.re,
                  .log = get.log,
                  .from = get.from,
                  .count = range.count,
                  .size = get.size,
                  .hashes = std::move(range.hashes),
                  .note = log.checkpoint()};
  if (range.count > 0) entries.bundle = Sha256(range.bundle);
  Frames frames = {Envelope(SignMessage(entries, parts_.agent.identity().key()))};
  if (range.count > 0) frames.push_back(Share(std::move(range.bundle)));
  return frames;
}

Status Runner::SendOne(const Send& send) {
  if (const auto* document = std::get_if<DocumentRef>(&send.what)) {
    Frames frames = {Envelope(*document)};
    for (const DocumentRef& attached : send.attached) frames.push_back(Envelope(attached));
    parts_.network.Deliver(send.to, std::move(frames));
    return Ok();
  }
  if (const auto* hello = std::get_if<HelloParts>(&send.what)) {
    parts_.network.Deliver(send.to, MakeHello(send.to, *hello));
    return Ok();
  }
  if (const auto* chunk = std::get_if<ChunkParts>(&send.what)) {
    auto frames = MakeChunk(*chunk);
    // A blob that was removed meanwhile: the other side asks again and is refused.
    if (frames) parts_.network.Deliver(send.to, std::move(*frames));
    return Ok();
  }
  if (const auto* entries = std::get_if<EntriesParts>(&send.what)) {
    auto read = MakeEntries(*entries);
    if (read) {
      parts_.network.Deliver(send.to, std::move(*read));
      return Ok();
    }
    // What became of a copy of another's log stops nobody but its mirror's reader.
    return entries->get.log == parts_.agent.identity().id() ? Status(read.error()) : Ok();
  }
  ASSIGN_OR_RETURN(Frames frames, MakeReply(send.to, std::get<ReplyParts>(send.what)));
  parts_.network.Deliver(send.to, std::move(frames));
  return Ok();
}

Status Runner::Confirm(const ConfirmLog& confirm, std::vector<Event>& follow) {
  shown_[confirm.connection] = 0;
  if (confirm.note.empty()) {
    // It held nothing, so what our hello brought is what it holds now.
    const auto greeted = greeted_.find(confirm.connection);
    if (greeted != greeted_.end()) shown_[confirm.connection] = greeted->second;
    return Ok();
  }
  // Whoever was not known before this start can only say what this run showed to somebody.
  const bool earlier = parts_.agent.KnewBefore(confirm.peer);
  const auto fits = earlier ? parts_.log.Confirm(confirm.note) : parts_.log.Compare(confirm.note);
  if (!fits) {
    // Not signed by this log's key: the other side's mistake, and nothing to us.
    if (fits.error().code == Code::kBadSignature || fits.error().code == Code::kMalformed)
      return Ok();
    return fits.error();
  }
  shown_[confirm.connection] = fits->size;
  if (earlier && !parts_.agent.may_sign()) follow.push_back(LogConfirmed{});
  return Ok();
}

// Nothing is vouched for before the agent hears that it is stored.
Status Runner::Store(const StoreEntries& entries, std::vector<Event>& follow) {
  if (parts_.mirrors == nullptr) return Ok();
  ledger::MirrorPart part{.from = entries.from, .note = entries.note, .hashes = entries.hashes};
  if (entries.count > 0) {
    auto parsed = ledger::ParseEntryBundle(*entries.bundle, entries.count);
    if (!parsed) {
      follow.push_back(MirrorStored{entries.owner, false, parsed.error().message});
      return Ok();
    }
    part.entries = std::move(*parsed);
  }
  const auto stored = parts_.mirrors->Append(entries.key, part);
  if (!stored && stored.error().code == Code::kIo) return stored.error();
  follow.push_back(MirrorStored{entries.owner, stored.has_value(),
                                stored ? std::string() : stored.error().message});
  return Ok();
}

Status Runner::DoWork(const Work& work, std::vector<Event>& follow) {
  if (const auto* connect = std::get_if<Connect>(&work)) {
    parts_.network.Open(*connect);
  } else if (const auto* disconnect = std::get_if<Disconnect>(&work)) {
    Forget(disconnect->connection);
    parts_.network.Close(*disconnect);
  } else if (const auto* start = std::get_if<StartWorker>(&work)) {
    parts_.workshop.Start(*start);
  } else if (const auto* stop = std::get_if<StopWorker>(&work)) {
    parts_.workshop.Stop(*stop);
  } else if (const auto* job = std::get_if<StartJob>(&work)) {
    parts_.workshop.Run(*job);
  } else if (const auto* cancelled = std::get_if<StopJob>(&work)) {
    parts_.workshop.Cancel(*cancelled);
  } else if (const auto* challenge = std::get_if<StartChallenge>(&work)) {
    parts_.workshop.Challenge(*challenge);
  } else if (const auto* open = std::get_if<OpenRows>(&work)) {
    parts_.workshop.Open(*open);
  } else if (const auto* stopped = std::get_if<StopChallenge>(&work)) {
    parts_.workshop.GiveUp(*stopped);
  } else if (const auto* check = std::get_if<CheckOpening>(&work)) {
    parts_.checker.Check(*check);
  } else if (const auto* chunk = std::get_if<WriteChunk>(&work)) {
    const auto whole = parts_.blobs.Write(*chunk);
    if (whole && *whole) follow.push_back(BlobLanded{chunk->blob, chunk->from, true});
    if (!whole && whole.error().code == Code::kMismatch)
      follow.push_back(BlobLanded{chunk->blob, chunk->from, false});
    if (!whole && whole.error().code == Code::kIo) return whole.error();
  } else if (const auto* drop = std::get_if<DropPartial>(&work)) {
    parts_.blobs.Drop(*drop);
  } else if (const auto* remove = std::get_if<RemoveBlob>(&work)) {
    if (!parts_.agent.holds().IsHeld(remove->blob)) parts_.blobs.Remove(*remove);
  } else if (const auto* dropped = std::get_if<DropJob>(&work)) {
    parts_.workshop.Drop(*dropped);
  } else if (const auto* confirm = std::get_if<ConfirmLog>(&work)) {
    return Confirm(*confirm, follow);
  } else if (const auto* seen = std::get_if<CompareLog>(&work)) {
    const auto fits = parts_.log.Compare(seen->note);
    const bool ours =
        fits || (fits.error().code != Code::kBadSignature && fits.error().code != Code::kMalformed);
    if (!fits && ours) return fits.error();
  } else if (const auto* entries = std::get_if<StoreEntries>(&work)) {
    return Store(*entries, follow);
  } else if (const auto* halt = std::get_if<Halt>(&work)) {
    return Error(Code::kConflict, halt->sentence);
  }
  return Ok();
}

Status Runner::Run(const Effects& effects, std::vector<Event>& follow) {
  RETURN_IF_ERROR(Commit(effects));
  // A connection is opened before something is sent to it; nothing is told to anyone by that.
  for (const Work& work : effects.work) {
    if (std::holds_alternative<Connect>(work)) RETURN_IF_ERROR(DoWork(work, follow));
  }
  for (const Send& send : effects.sends) RETURN_IF_ERROR(SendOne(send));
  for (const Work& work : effects.work) {
    if (!std::holds_alternative<Connect>(work)) RETURN_IF_ERROR(DoWork(work, follow));
  }
  for (const CommandAnswer& answer : effects.answers) answered_(answer);
  return Ok();
}

}  // namespace souk::node
