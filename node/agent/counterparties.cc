#include "node/agent/counterparties.h"

#include <algorithm>

namespace souk::node {
namespace {

Result<ledger::Checkpoint> OpenNote(const Card& card, const std::string& note) {
  return ledger::OpenCheckpoint(note, LogKeyOf(card));
}

}  // namespace

ledger::NoteVerifier LogKeyOf(const Card& card) {
  return {card.log_name, card.checkpoint_key.bytes};
}

void Counterparties::Restore(std::string_view key, ByteView value) {
  const bool proven = key.starts_with(kNoteKey);
  if (!proven && !key.starts_with(kSeenKey)) return;
  const auto peer = PublicKey::Parse(key.substr(key.find('/') + 1));
  const std::string note(AsText(value));
  // The signature was checked before it was remembered; the next receipt is checked against it.
  const auto parsed = ledger::ParseNote(note);
  if (!peer || !parsed) return;
  auto head = ledger::ParseCheckpoint(parsed->text);
  if (!head || head->size == 0) return;
  if (proven) {
    seen_[*peer] = {.note = note, .heads = {{head->size, head->root}}};
  } else if (const auto it = seen_.find(*peer); it != seen_.end()) {
    // Facts come in the order of their keys: what was proven is here already.
    Show(it->second, note, *head);
  }
}

bool Counterparties::Show(Seen& seen, const std::string& note, const ledger::Checkpoint& head) {
  const uint64_t newest = std::max(seen.heads.rbegin()->first, seen.shown_head.size);
  if (head.size <= newest) return false;
  seen.shown = note;
  seen.shown_head = head;
  return true;
}

const std::string& Counterparties::Note(const PeerId& peer) const {
  static const std::string none;
  const auto it = seen_.find(peer);
  return it == seen_.end() ? none : it->second.note;
}

const std::string& Counterparties::NewestNote(const PeerId& peer) const {
  const auto it = seen_.find(peer);
  return it == seen_.end() || it->second.shown.empty() ? Note(peer) : it->second.shown;
}

void Counterparties::Keep(Turn& turn, const PeerId& peer, std::string note,
                          const ledger::Checkpoint& head) {
  turn.Remember(kNoteKey + peer.ToString(), ToBytes(AsBytes(note)));
  Seen& seen = seen_[peer];
  seen.note = std::move(note);
  seen.heads[head.size] = head.root;
  if (seen.shown_head.size <= head.size) seen.shown.clear();
  if (seen.heads.size() > kHeadsKept) seen.heads.erase(seen.heads.begin());
}

void Counterparties::Offer(Turn& turn, const PeerId& peer, const Card& card,
                           const std::string& note) {
  const auto it = seen_.find(peer);
  // Strangers fill no disk by saying hello; those whom this node asks are always kept (Check).
  if (it == seen_.end() && seen_.size() >= limits::kPeers) return;
  const auto head = OpenNote(card, note);
  if (!head || head->size == 0) return;
  // Only the first one is taken on its signature alone: receipts prove that others continue it.
  if (it == seen_.end()) return Keep(turn, peer, note, *head);
  if (Show(it->second, note, *head)) {
    turn.Remember(kSeenKey + peer.ToString(), ToBytes(AsBytes(note)));
  }
}

Status Counterparties::CheckConsistent(const Seen& seen, const ledger::Checkpoint& head,
                                       const LogReceipt& receipt) {
  const auto same = seen.heads.find(head.size);
  if (same != seen.heads.end()) {
    if (same->second == head.root) return Ok();
    return Error(Code::kConflict,
                 "the log has two signed roots at size " + std::to_string(head.size));
  }
  if (head.size == seen.shown_head.size && head.root != seen.shown_head.root) {
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
  return ProvenEntry{std::move(entry), head.size, head.root, receipt.note};
}

}  // namespace souk::node
