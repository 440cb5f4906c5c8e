// A simulated peer: a real agent, log and runner over disks and workers that live in memory.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "ledger/log/memory_store.h"
#include "ledger/log/mirrors.h"
#include "node/event_queue.h"
#include "node/runner.h"
#include "sim/rng.h"
#include "unit/gpu/challenge/honest.h"

namespace souk::sim {

class World;

// Blobs: whole ones survive a crash, partial ones may not.
class SimBlobs : public node::BlobStore {
 public:
  std::optional<uint64_t> BlobSize(const Digest& blob) const override;
  uint64_t PartialBlobSize(const Digest& blob, const PeerId& from) const override;
  bool Indexed(const Digest& id) const override { return FindEntry(id).has_value(); }
  std::optional<uint64_t> FindEntry(const Digest& id) const override {
    return log != nullptr ? log->FindById(id).value_or(std::nullopt) : std::nullopt;
  }
  const ledger::MirroredLog* Mirrored(const std::string& origin) const override {
    return mirrors != nullptr ? mirrors->Find(origin) : nullptr;
  }
  Result<Digest> MirroredRoot(const std::string& origin, uint64_t size) const override {
    if (mirrors == nullptr) return Error(Code::kNotFound, "no mirror");
    return mirrors->RootAt(origin, size);
  }
  uint64_t MirrorBytes() const override { return mirrors != nullptr ? mirrors->bytes() : 0; }
  Result<Bytes> Entry(uint64_t index) const override {
    if (log == nullptr) return Error(Code::kNotFound, "no log");
    return log->Entry(index);
  }
  std::string Checkpoint() const override {
    return log != nullptr && log->confirmed() && log->head().size > 0 ? log->checkpoint() : "";
  }
  Result<std::vector<Digest>> Consistency(uint64_t from, uint64_t to) const override {
    if (log == nullptr || to > log->size()) return Error(Code::kInvalidArgument, "no such size");
    return ledger::ConsistencyProof(from, to, log->reader());
  }
  Result<Bytes> Read(const Digest& blob, uint64_t offset, uint32_t length) const override;
  Result<bool> Write(const node::WriteChunk& chunk) override;
  void Drop(const node::DropPartial& drop) override { partial_.erase({drop.blob, drop.from}); }
  void Remove(const node::RemoveBlob& remove) override { whole_.erase(remove.blob); }
  BlobRef Put(Bytes bytes);
  void Crash() { partial_.clear(); }
  // What a crash left of a blob that was on its way.
  void Leave(const Digest& blob, const PeerId& from, Bytes bytes) {
    partial_[{blob, from}] = std::move(bytes);
  }

  bool full = false;  // the disk

  const ledger::Log* log = nullptr;
  const ledger::Mirrors* mirrors = nullptr;

 private:
  std::map<Digest, Bytes> whole_ = {};
  std::map<std::pair<Digest, PeerId>, Bytes> partial_ = {};
};

// Workers outlive their node: what they did while it was away is told when it asks again.
class SimWorkshop : public node::Workshop {
 public:
  SimWorkshop(World& world, int peer) : world_(world), peer_(peer) {}
  void Start(const node::StartWorker& start) override;
  void Stop(const node::StopWorker& stop) override;
  void Run(const node::StartJob& job) override;
  void Cancel(const node::StopJob& job) override { running_.erase(job.job); }
  void Drop(const node::DropJob& job) override { ended_.erase(job.job); }
  void Challenge(const node::StartChallenge& start) override;
  void Open(const node::OpenRows& open) override;
  void GiveUp(const node::StopChallenge& stop) override { products_.erase(stop.challenge); }

  // One challenge in three is answered with wrong rows.
  static bool Cheats(const Digest& seed) { return seed.bytes[0] % 3 == 0; }
  // One job in four comes back with a wrong result, the same after every restart.
  static bool Lies(const Digest& job) { return job.bytes[0] % 4 == 0; }
  // For tests: otherwise by the seed, and by chance.
  std::optional<bool> cheats = {};
  std::set<std::string> cheating_devices = {};
  std::optional<Duration> product_takes = {};

  // Dies of itself: an Xid, the OOM killer.
  void KillOne(uint64_t which);
  std::map<std::string, int> WorkersPerDevice() const;

 private:
  friend class World;
  struct Worker {
    std::string device = {};
    uint64_t fence = 0;
    bool stopping = false;
  };
  struct Product {
    Digest lease = {};
    gpu::Rows rows = {};
    bool committed = false;
  };
  World& world_;
  int peer_;
  std::map<Digest, Product> products_ = {};  // by challenge
  std::map<Digest, Worker> workers_ = {};
  std::map<Digest, node::JobEnded> ended_ = {};
  std::map<Digest, Digest> running_ = {};  // job, lease
};

// Checks openings at once, and says so a moment later.
class SimChecker : public node::OpeningChecker {
 public:
  SimChecker(World& world, int peer) : world_(world), peer_(peer) {}
  void Check(const node::CheckOpening& check) override;

 private:
  World& world_;
  int peer_;
};

struct Peer : public node::Network {
  Peer(World& world, int index, Identity identity, node::Settings settings);

  // Network
  void Open(const node::Connect& connect) override;
  void Close(const node::Disconnect& disconnect) override;
  void Deliver(node::ConnectionId to, node::Frames frames) override;

  bool up() const { return agent != nullptr; }
  const std::string& name() const { return settings.name; }

  World& world;
  const int index;
  const Identity identity;
  const node::Settings settings;
  const CurveKey curve;

  int64_t skew_ms = 0;  // of its wall clock
  // The operator says --alone at the next start.
  bool alone = false;

  // What survives a crash.
  std::shared_ptr<ledger::DiskFaults> faults = std::make_shared<ledger::DiskFaults>();
  ledger::MemoryStore store{faults};
  ledger::MemorySlotFile slots{faults};
  ledger::MemoryStore mirror_store{faults};
  bool mirror_lost = false;  // by the test's hand: it may lack what it cosigned
  SimBlobs blobs = {};
  SimWorkshop workshop;
  SimChecker checker;

  // What does not.
  std::unique_ptr<ledger::Log> log = {};
  std::optional<ledger::Mirrors> mirrors = {};
  std::unique_ptr<node::Agent> agent = {};
  std::unique_ptr<node::Runner> runner = {};
  node::EventQueue waiting = {};
  bool turn_due = false;
  struct Link {
    int peer = 0;
    node::ConnectionId theirs = 0;
  };
  std::map<node::ConnectionId, Link> links = {};
  std::map<std::pair<int, node::ConnectionId>, node::ConnectionId> incoming = {};
  node::ConnectionId next_incoming = 1;
  int64_t started_at = 0;
  uint64_t incarnation = 0;
  uint64_t checked_entries = 0;
  // A crash in the middle of a turn: so many more sends leave, then nothing does.
  std::optional<uint64_t> sends_left = {};
};

}  // namespace souk::sim
