#include "node/agent/counterparties.h"

namespace souk::node {
namespace {

Result<ledger::Checkpoint> OpenNote(const Card& card, const std::string& note) {
  return ledger::OpenCheckpoint(note, {card.log_name, card.checkpoint_key.bytes});
}

}  // namespace

void Counterparties::Restore(std::string_view key, ByteView value) {
  const std::string_view prefix = kNoteKey;
  if (key.substr(0, prefix.size()) != prefix) return;
  const auto peer = PublicKey::Parse(key.substr(prefix.size()));
  const std::string note(AsText(value));
  // The signature was checked before it was remembered; the next receipt is checked against it.
  const auto parsed = ledger::ParseNote(note);
  if (!peer || !parsed) return;
  auto head = ledger::ParseCheckpoint(parsed->text);
  if (head && head->size > 0) seen_[*peer] = {note, {{head->size, head->root}}};
}

const std::string& Counterparties::Note(const PeerId& peer) const {
  static const std::string none;
  const auto it = seen_.find(peer);
  return it == seen_.end() ? none : it->second.note;
}

void Counterparties::Keep(Turn& turn, const PeerId& peer, std::string note,
                          const ledger::Checkpoint& head) {
  turn.Remember(kNoteKey + peer.ToString(), ToBytes(AsBytes(note)));
  Seen& seen = seen_[peer];
  seen.note = std::move(note);
  seen.heads[head.size] = head.root;
  if (seen.heads.size() > kHeadsKept) seen.heads.erase(seen.heads.begin());
}

void Counterparties::Offer(Turn& turn, const PeerId& peer, const Card& card,
                           const std::string& note) {
  // Strangers fill no disk by saying hello; those whom this node asks are always kept (Check).
  if (seen_.contains(peer) || seen_.size() >= limits::kPeers) return;
  const auto head = OpenNote(card, note);
  // Only the first one is taken on its signature alone: later ones come with consistency proofs.
  if (head && head->size > 0) Keep(turn, peer, note, *head);
}

Status Counterparties::CheckConsistent(const Seen& seen, const ledger::Checkpoint& head,
                                       const LogReceipt& receipt) {
  const auto same = seen.heads.find(head.size);
  if (same != seen.heads.end()) {
    if (same->second == head.root) return Ok();
    return Error(Code::kConflict,
                 "the log has two signed roots at size " + std::to_string(head.size));
  }
  const auto& [newest_size, newest_root] = *seen.heads.rbegin();
  if (head.size < newest_size || receipt.consistent_from != newest_size) {
    return Error(Code::kUnavailable, "the receipt proves no consistency with what was seen");
  }
  return ledger::VerifyConsistency(newest_size, newest_root, head.size, head.root,
                                   receipt.consistency);
}

Result<ProvenEntry> Counterparties::Check(Turn& turn, const PeerId& peer, const Card& card,
                                          ByteView receipt_bytes) {
  ASSIGN_OR_RETURN(const LogReceipt receipt, DecodeReceipt(receipt_bytes));
  ASSIGN_OR_RETURN(const ledger::Checkpoint head, OpenNote(card, receipt.note));
  RETURN_IF_ERROR(ledger::VerifyInclusion(receipt.index, head.size, ledger::LeafHash(receipt.leaf),
                                          receipt.inclusion, head.root));
  const auto it = seen_.find(peer);
  const bool newer = it == seen_.end() || head.size > it->second.heads.rbegin()->first;
  if (it != seen_.end()) RETURN_IF_ERROR(CheckConsistent(it->second, head, receipt));
  ASSIGN_OR_RETURN(Entry entry, DecodeEntry(receipt.leaf));
  if (entry.sequence != receipt.index) {
    return Error(Code::kMismatch, "the entry's sequence is not its index");
  }
  if (newer) Keep(turn, peer, receipt.note, head);
  return ProvenEntry{std::move(entry), head.size, head.root};
}

}  // namespace souk::node
