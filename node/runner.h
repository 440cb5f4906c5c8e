// Carries out an agent's effects in the order of R3: a synced batch with all appends, checkpoint
// and slot (several where they are more than a commit takes), then the sends, then the work. The
// loop and the simulator both drive an agent through this, so that whatever a peer has been told is
// already on disk in both.
#pragma once

#include <functional>
#include <map>

#include "ledger/log/log.h"
#include "ledger/log/mirrors.h"
#include "node/agent/agent.h"
#include "node/message.h"

namespace souk::node {

// Where messages go. Sends to connections that are gone lead to ConnectionLost.
class Network {
 public:
  virtual ~Network() = default;
  virtual void Open(const Connect& connect) = 0;
  virtual void Close(const Disconnect& disconnect) = 0;
  virtual void Deliver(ConnectionId to, Frames frames) = 0;
};

// Where leases' workers live. What they do comes back as events.
class Workshop {
 public:
  virtual ~Workshop() = default;
  virtual void Start(const StartWorker& start) = 0;
  virtual void Stop(const StopWorker& stop) = 0;
  virtual void Run(const StartJob& job) = 0;
  virtual void Cancel(const StopJob& job) = 0;
  virtual void Drop(const DropJob& job) = 0;
  virtual void Challenge(const StartChallenge& start) = 0;
  virtual void Open(const OpenRows& open) = 0;
  virtual void GiveUp(const StopChallenge& stop) = 0;
};

// Where the renter's side checks what its challenges were answered with.
class OpeningChecker {
 public:
  virtual ~OpeningChecker() = default;
  virtual void Check(const CheckOpening& check) = 0;
};

// Content-addressed files. Whole blobs are checked and durable.
class BlobStore : public View {
 public:
  // Bytes of a whole blob.
  virtual Result<Bytes> Read(const Digest& blob, uint64_t offset, uint32_t length) const = 0;
  // Appends to a partial blob; true where that completed it: checked against its digest and
  // durable, or thrown away (kMismatch).
  virtual Result<bool> Write(const WriteChunk& chunk) = 0;
  virtual void Drop(const DropPartial& drop) = 0;
  // Leaves alone what was put there a moment ago, unless told otherwise.
  virtual void Remove(const RemoveBlob& remove) = 0;
};

// Loop thread only.
class Runner {
 public:
  struct Parts {
    Agent& agent;
    ledger::Log& log;
    ledger::Store& store;  // the log's own
    Network& network;
    Workshop& workshop;
    BlobStore& blobs;
    OpeningChecker& checker;
    ledger::Mirrors* mirrors = nullptr;  // none where this node is no mirror
  };
  using Answered = std::function<void(const CommandAnswer&)>;

  Runner(Parts parts, Answered answered);

  // An error stops the node: a write failed, the log contradicts a counterparty, or an invariant
  // fell. `follow` gets events that the effects themselves led to; they are for the next step.
  Status Run(const Effects& effects, std::vector<Event>& follow);

  // The connection is gone; its number does not come again.
  void Forget(ConnectionId connection);
  // Bytes of blobs that were sent out for a job, in this run of the node.
  uint64_t Served(const Digest& job) const;

  // What Remember's facts are called in the store.
  static Bytes FactKey(std::string_view key);
  static constexpr uint8_t kFactPrefix = 'n';

 private:
  Status Commit(const Effects& effects);
  Status SendOne(const Send& send);
  Result<Frames> MakeReply(ConnectionId to, const ReplyParts& parts);
  Frames MakeHello(ConnectionId to, const HelloParts& parts);
  Result<Frames> MakeChunk(const ChunkParts& parts);
  Result<Frames> MakeEntries(const EntriesParts& parts) const;
  // Of this node's log, or of one that it mirrors.
  Result<Frames> MakeEntries(const EntriesParts& parts, const ledger::LogReader& log) const;
  Status DoWork(const Work& work, std::vector<Event>& follow);
  Status Store(const StoreEntries& entries, std::vector<Event>& follow);
  Status Confirm(const ConfirmLog& confirm, std::vector<Event>& follow);

  Parts parts_;
  Answered answered_;
  // Size of this node's log that each connection was last shown, and holds.
  std::map<ConnectionId, uint64_t> shown_ = {};
  // Size of this node's log that the last hello on a connection told.
  std::map<ConnectionId, uint64_t> greeted_ = {};
  std::map<Digest, uint64_t> served_ = {};
};

}  // namespace souk::node
