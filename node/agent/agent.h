// The agent: one deterministic function, `Step(event, now) → effects`. It reads
// no clock, opens no socket, starts no thread, and iterates over nothing unordered.
#pragma once

#include "node/agent/asks.h"
#include "node/agent/blobs.h"
#include "node/agent/clearing.h"
#include "node/agent/connections.h"
#include "node/agent/cosigning.h"
#include "node/agent/counterparties.h"
#include "node/agent/directory.h"
#include "node/agent/heads.h"
#include "node/agent/holds.h"
#include "node/agent/log_clock.h"
#include "node/agent/log_reading.h"
#include "node/agent/mirroring.h"
#include "node/agent/provider.h"
#include "node/agent/renter.h"
#include "node/agent/witnessing.h"

namespace souk::node {

// Loop thread only. The life of an agent: Restore for every entry of its log, RestoreFact for what
// it remembered; then Step for ever. Until its log may sign (R3) it only says hello and gossips.
class Agent : private Folder {
 public:
  // identity, settings and view outlive the agent.
  Agent(const Identity& identity, Settings settings, const View& view);

  // CHECKs that entries come in order; kCorrupt where an entry does not decode, kUnsupported where
  // its rules are newer than those that are known.
  Status Restore(uint64_t index, ByteView leaf);
  void RestoreFact(std::string_view key, ByteView value);

  // `may_sign`: the log is new, confirmed, or alone. To be called once, before the first Step.
  Effects Begin(Now now, bool may_sign);
  Effects Step(const Event& event, Now now);
  // The owner stops the node: what it still has to say. Nothing is stepped after it.
  Effects End(Now now);

  // For the owner's read-only questions, between steps.
  const Settings& settings() const { return settings_; }
  const Identity& identity() const { return identity_; }
  const Directory& directory() const { return directory_; }
  const Provider& provider() const { return provider_; }
  const Renter& renter() const { return renter_; }
  const Clearing& clearing() const { return clearing_; }
  const Blobs& blobs() const { return blobs_; }
  const Heads& heads() const { return heads_; }
  const Cosigning& cosigning() const { return cosigning_; }
  const Witnessing& witnessing() const { return witnessing_; }
  const Mirroring& mirroring() const { return mirroring_; }
  const Holds& holds() const { return holds_; }
  const Connections& connections() const { return connections_; }
  uint64_t log_size() const { return log_size_; }
  bool may_sign() const { return may_sign_; }
  Time LogTime(Now now) const;
  // R4: why nothing expires and no lease begins; empty where the clocks agree.
  std::string ClockDoubt(Now now) const;
  // Whether an earlier run met the peer: its facts or its log name it. Only such a one can confirm
  // the log (R3).
  bool KnewBefore(const PeerId& peer) const { return earlier_.contains(peer); }

 private:
  void Fold(const Entry& entry) override;
  uint32_t Rules() const override { return rules_; }
  Turn MakeTurn(Now now);
  void NoteEarlierPeers();
  Effects Finish(Turn& turn);
  void Open(Turn& turn);
  void PublishCard(Turn& turn);
  void RunTimers(Turn& turn);
  void RunRoleTimers(Turn& turn);
  void On(Turn& turn, const Event& event);
  void OnDocument(Turn& turn, const DocumentArrived& event);
  void OnBoundDocument(Turn& turn, const From& from);
  void OnCarried(Turn& turn, const From& from);
  void OnBlobGet(Turn& turn, const From& from);
  void HearClock(const Turn& turn, const From& from);
  void OnRefusal(Turn& turn, const From& from);
  void OnConsistencyGet(Turn& turn, const From& from) const;
  void OnAddCheckpoint(Turn& turn, const From& from);
  void OnReply(Turn& turn, const From& from);
  void OnCommand(Turn& turn, const CommandArrived& event);

  const Identity& identity_;
  const Settings settings_;
  const View& view_;
  Connections connections_;
  Counterparties counterparties_;
  Directory directory_;
  Asks asks_;
  Heads heads_;
  Cosigning cosigning_ = {};
  Witnessing witnessing_;
  LogReading log_reading_ = {};
  Mirroring mirroring_ = {};
  Blobs blobs_;
  Holds holds_;
  Provider provider_;
  Renter renter_;
  Clearing clearing_;
  std::set<PeerId> earlier_ = {};
  uint64_t settled_ = 0;  // entries of that kind
  uint64_t log_size_ = 0;
  uint32_t rules_;       // in force: of the newest entry, or what a new log begins with
  Time last_time_ = {};  // of the newest entry
  LogClock clock_ = {};
  Duration next_card_ = {};
  bool may_sign_ = false;
  bool opened_ = false;
};

}  // namespace souk::node
