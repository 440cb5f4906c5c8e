#include "node/agent/turn.h"

#include "node/agent/asks.h"
#include "node/agent/connections.h"
#include "node/agent/cosigning.h"
#include "node/agent/counterparties.h"
#include "node/agent/directory.h"
#include "node/agent/heads.h"
#include "protocol/base/check.h"

namespace souk::node {

Turn::Turn(Parts parts, uint64_t log_size, Time log_time, Now now)
    : parts_(parts), log_size_(log_size), log_time_(log_time), now_(now) {}

uint64_t Turn::Append(Outcome outcome, const std::vector<DocumentRef>& documents) {
  // An upgrade is the first entry of the version that it starts.
  const auto* upgraded = std::get_if<Upgraded>(&outcome);
  const uint32_t rules = upgraded != nullptr ? upgraded->to : parts_.folder.Rules();
  Entry entry = {
      .sequence = log_size_, .time = log_time_, .rules = rules, .outcome = std::move(outcome)};
  std::vector<Digest> ids;
  for (const DocumentRef& document : documents) {
    entry.documents.push_back(document->envelope());
    if (parts_.view.Indexed(document->id()) || !indexed_.insert(document->id()).second) continue;
    ids.push_back(document->id());
  }
  Result<Bytes> leaf = EncodeEntry(entry);
  // Documents are at most 16 KiB each and roles put at most three of them into an entry.
  CHECK(leaf.has_value());
  effects_.appends.push_back({.leaf = std::move(*leaf), .ids = std::move(ids)});
  ++log_size_;
  parts_.folder.Fold(entry);
  return entry.sequence;
}

void Turn::Publish(const DocumentRef& document) {
  parts_.directory.Publish(*this, document, parts_.connections.AllBound());
}

void Turn::Relay(const DocumentRef& document) {
  parts_.directory.Relay(*this, document, parts_.connections.AllBound());
}

void Turn::Retire(const DocumentRef& document) {
  parts_.directory.Retire(document);
}

std::string Turn::WhyDoubted(const PeerId& peer) const {
  return parts_.heads.WhyDoubted(peer);
}

bool Turn::Connected(const PeerId& peer) const {
  return parts_.connections.Newest(peer).has_value();
}

const std::string& Turn::NoteOf(const PeerId& peer) const {
  return parts_.counterparties.Note(peer);
}

const std::string& Turn::NewestNoteOf(const PeerId& peer) const {
  return parts_.counterparties.NewestNote(peer);
}

void Turn::OfferNote(const PeerId& peer, const Card& card, const std::string& note) {
  if (note.empty()) return;
  parts_.counterparties.Offer(*this, peer, card, note);
  parts_.heads.Observe(*this, peer, card, note);
}

Result<ProvenEntry> Turn::CheckReceipt(const From& from, const SharedBytes& receipt) {
  const Directory::KnownCard* known = directory().FindCard(from.peer);
  if (known == nullptr) return Error(Code::kNotFound, "the peer's card is not known");
  if (!receipt) return Error(Code::kNotFound, "the answer came without a log receipt");
  Result<ProvenEntry> proven = parts_.counterparties.Check(*this, from.peer, known->card, *receipt);
  if (proven) parts_.heads.ObserveProven(*this, from.peer, proven->note);
  // Two roots at one size: both are kept as evidence.
  if (!proven && proven.error().code == Code::kConflict) {
    parts_.heads.Observe(*this, from.peer, known->card, DecodeReceipt(*receipt)->note);
  }
  if (!proven && proven.error().code == Code::kUnavailable) {
    parts_.connections.SayHello(*this, from.connection, from.peer, /*answer=*/false);
  }
  return proven;
}

void Turn::Remember(std::string key, Bytes value) {
  effects_.remembers.push_back({std::move(key), std::move(value)});
}

void Turn::Tell(const PeerId& peer, DocumentRef document, std::vector<DocumentRef> attached) {
  if (const auto connection = parts_.connections.Reach(*this, peer)) {
    TellConnection(*connection, std::move(document), std::move(attached));
  }
}

void Turn::TellConnection(ConnectionId connection, DocumentRef document,
                          std::vector<DocumentRef> attached) {
  effects_.sends.push_back({connection, std::move(document), std::move(attached)});
}

void Turn::Ask(const PeerId& peer, DocumentRef document, const AskFor& how) {
  parts_.asks.Add(*this, peer, std::move(document), how);
}
void Turn::Settle(const Digest& document) {
  parts_.asks.Remove(document);
}
bool Turn::Asking(const Digest& document) const {
  return parts_.asks.Has(document);
}

void Turn::Reply(const From& from, std::vector<DocumentRef> documents,
                 std::optional<uint64_t> entry) {
  parts_.cosigning.Reply(
      *this, from.connection,
      {.re = from.document()->id(), .documents = std::move(documents), .entry = entry});
}

void Turn::Send(ConnectionId connection, ReplyParts reply) {
  effects_.sends.push_back({connection, std::move(reply), {}});
}

void Turn::Refuse(const From& from, RefusalCode code, std::string sentence,
                  std::string would_accept) {
  TellConnection(from.connection, Sign(Refusal{.re = from.document()->id(),
                                               .code = code,
                                               .sentence = std::move(sentence),
                                               .would_accept = std::move(would_accept)}));
}

void Turn::SendHello(ConnectionId connection, HelloParts hello) {
  effects_.sends.push_back({connection, std::move(hello), {}});
}

void Turn::SendChunk(ConnectionId connection, ChunkParts chunk) {
  effects_.sends.push_back({connection, chunk, {}});
}

void Turn::SendEntries(ConnectionId connection, EntriesParts entries) {
  effects_.sends.push_back({connection, entries, {}});
}

}  // namespace souk::node
