// One step's workspace, which the agent lends to its roles.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "node/agent/effect.h"
#include "node/agent/settings.h"
#include "node/agent/view.h"
#include "protocol/limits.h"

namespace souk::node {

class Asks;
class Connections;
class Counterparties;
class Directory;
class Heads;
class Cosigning;

// Who sent what, on which connection; the signer is the connection's identity.
struct From {
  ConnectionId connection = 0;
  PeerId peer = {};
  const DocumentArrived* event = nullptr;

  const DocumentRef& document() const { return event->document; }
};

// Folds an entry into every role's state; implemented by the agent.
class Folder {
 public:
  virtual ~Folder() = default;
  virtual void Fold(const Entry& entry) = 0;
  // The version of the rules in force.
  virtual uint32_t Rules() const = 0;
};

// An entry of another's log, and the signed head of that log under which it was proven.
struct ProvenEntry {
  Entry entry = {};
  uint64_t log_size = 0;
  Digest log_root = {};
  std::string note = {};  // of that head
};

// How long an answer can still matter, in log time.
struct AskFor {
  Time until = limits::kLatest;
  // The answer says what was decided before: money depends on it, however late it comes.
  bool even_after = false;
};

// Loop thread only; lives for one step.
class Turn {
 public:
  // The pieces that every role shares; all outlive the turn.
  struct Parts {
    Folder& folder;
    const Identity& identity;
    const Settings& settings;
    const View& view;
    Connections& connections;
    Counterparties& counterparties;
    Directory& directory;
    Asks& asks;
    Heads& heads;
    Cosigning& cosigning;
  };
  Turn(Parts parts, uint64_t log_size, Time log_time, Now now);

  // Log time (R4): non-decreasing, follows the monotonic clock.
  Time now() const { return log_time_; }
  Duration monotonic() const { return now_.monotonic; }
  Time wall() const { return now_.wall; }
  const Identity& identity() const { return parts_.identity; }
  const PeerId& self() const { return parts_.identity.id(); }
  const Settings& settings() const { return parts_.settings; }
  const View& view() const { return parts_.view; }
  const Directory& directory() const { return parts_.directory; }
  // Puts this node's own card, offer or withdrawal into gossip.
  void Publish(const DocumentRef& document);
  // Puts a head or a fork into gossip; takes one out that says nothing new any more (none:
  // nothing).
  void Relay(const DocumentRef& document);
  void Retire(const DocumentRef& document);
  uint64_t log_size() const { return log_size_; }

  // Appends and folds at once: what follows in this step sees the outcome. The entry is found again
  // by its documents' ids; a document that several roles of one node record is found in the first
  // entry that holds it. Returns the entry's index.
  uint64_t Append(Outcome outcome, const std::vector<DocumentRef>& documents);
  void Remember(std::string key, Bytes value);
  void Do(Work work) { effects_.work.push_back(std::move(work)); }
  void Answer(CommandAnswer answer) { effects_.answers.push_back(std::move(answer)); }

  // Newest proven checkpoint of the peer's log, or ""; the newest that was seen at all.
  const std::string& NoteOf(const PeerId& peer) const;
  const std::string& NewestNoteOf(const PeerId& peer) const;
  void OfferNote(const PeerId& peer, const Card& card, const std::string& note);
  // The entry that a reply's receipt proves to stand in the peer's log; see Counterparties::Check.
  // Where it is not proven consistent with what was seen (an answer between was lost), the peer is
  // told anew what was seen, and the caller keeps asking.
  Result<ProvenEntry> CheckReceipt(const From& from, const SharedBytes& receipt);
  // What is held against the peer's log, or "" (Heads).
  std::string WhyDoubted(const PeerId& peer) const;
  Heads& heads() { return parts_.heads; }

  template <typename Message>
  DocumentRef Sign(const Message& message) const {
    return SignMessage(message, parts_.identity.key());
  }

  // Sent once, where the peer is connected; otherwise it is lost (and a connection is tried).
  void Tell(const PeerId& peer, DocumentRef document, std::vector<DocumentRef> attached = {});
  bool Connected(const PeerId& peer) const;
  void TellConnection(ConnectionId connection, DocumentRef document,
                      std::vector<DocumentRef> attached = {});
  // Sent now and again with growing pauses until `Settle(document->id())`, or to its end.
  void Ask(const PeerId& peer, DocumentRef document, const AskFor& how);
  void Settle(const Digest& document);
  bool Asking(const Digest& document) const;

  void Reply(const From& from, std::vector<DocumentRef> documents,
             std::optional<uint64_t> entry = {});
  // As Reply, when nothing has to be waited for any more.
  void Send(ConnectionId connection, ReplyParts reply);
  void Refuse(const From& from, RefusalCode code, std::string sentence,
              std::string would_accept = "");
  void SendHello(ConnectionId connection, HelloParts hello);
  void SendChunk(ConnectionId connection, ChunkParts chunk);
  void SendEntries(ConnectionId connection, EntriesParts entries);

  Effects TakeEffects() { return std::move(effects_); }

 private:
  Parts parts_;
  uint64_t log_size_;
  Time log_time_;
  Now now_;
  Effects effects_ = {};
  std::set<Digest> indexed_ = {};  // in this turn
};

}  // namespace souk::node
