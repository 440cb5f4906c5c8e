// The clearing role (R6): keeps a book, holds escrows, pays posts. It moves money only on a
// document that the account's owner signed, or a key that such a document names.
#pragma once

#include <map>
#include <set>

#include "ledger/book/node_book.h"
#include "node/agent/turn.h"

namespace souk::node {

// Loop thread only.
// Invariants: (1) the book is the fold of this log's Booked entries; (2) every transfer but an
// expiry stands in an entry with the document that authorises it.
class Clearing {
 public:
  explicit Clearing(const PeerId& operator_key);

  struct EscrowState {
    Escrow escrow = {};
    Digest document = {};
    uint64_t held_entry = 0;
    uint64_t last_entry = 0;  // where it was last changed: what parties are shown
    bool shown = false;
    Time accept_by = {};     // the escrow's, moved where the node was down (R4)
    Digest lease = {};       // set when shown
    Digest settled_by = {};  // id of the post or void document; the escrow's own id for an expiry
  };

  void Fold(const Entry& entry, const RuleSet& rules);
  void RunTimers(Turn& turn);

  // Documents by their kinds; the agent has checked signer and connection.
  void OnEscrow(Turn& turn, const From& from, const DocumentRef& escrow);
  void OnAccountQuery(Turn& turn, const From& from, const DocumentRef& query);
  void OnEscrowFetch(Turn& turn, const From& from);
  void OnShow(Turn& turn, const From& from);
  void OnPost(Turn& turn, const From& from);
  void OnVoid(Turn& turn, const From& from);
  void OnIssue(Turn& turn, uint64_t command, const IssueCommand& issue);

  const ledger::NodeBook& book() const { return book_; }
  // The keys of accounts that a document has named, by account.
  const std::map<Digest, PublicKey>& owners() const { return owners_; }
  const std::map<Digest, EscrowState>& escrows() const { return escrows_; }

 private:
  void ReplyEscrow(Turn& turn, const From& from, const EscrowState& state) const;
  EscrowState* FindForPayee(Turn& turn, const From& from, const Digest& escrow);
  bool RefuseResult(Turn& turn, const From& from, ledger::TransferResult result) const;

  ledger::NodeBook book_;
  std::map<Digest, EscrowState> escrows_ = {};
  std::map<Digest, PublicKey> owners_ = {};
  std::set<std::string> references_ = {};
  // Escrows that nobody has shown an acceptance for, by accept_by.
  std::set<std::pair<Time, Digest>> unshown_ = {};
};

}  // namespace souk::node
