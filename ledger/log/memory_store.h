// The store and the slot file in memory, with the losses that a crash brings. For the simulator
// and for tests; deterministic.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "ledger/log/slots.h"
#include "ledger/log/store.h"

namespace souk::ledger {

// What happens to the writes of one simulated disk. Shared by its store and its slot file, so that
// "the n-th write" counts both.
class DiskFaults {
 public:
  enum class Kind {
    kNone,
    kLost,     // the write fails, and nothing of it is there after a crash
    kTorn,     // the write fails half-way: a slot keeps new and old bytes, a batch stays whole (its
               // log is checksummed) and is lost
    kApplied,  // the write fails, and yet all of it is there
    kZeroed,   // the write fails, and a slot holds zeros in its place; a batch is lost
    kFlipped,  // the write succeeds, with one bit changed in an entry, a tile or the head
  };

  // The write with this number (from 0) and every later one fails, until Restart().
  void FailAt(uint64_t write, Kind kind) {
    fail_at_ = write;
    kind_ = kind;
  }
  void Restart() { fail_at_.reset(); }
  uint64_t writes() const { return writes_; }
  // Counts a write and says what becomes of it; after the chosen one all are kLost, but kFlipped is
  // followed by kNone.
  Kind Next();

 private:
  uint64_t writes_ = 0;
  std::optional<uint64_t> fail_at_;
  Kind kind_ = Kind::kNone;
};

class MemoryStore : public Store {
 public:
  explicit MemoryStore(std::shared_ptr<DiskFaults> faults = nullptr) : faults_(std::move(faults)) {}

  Result<std::optional<Bytes>> Get(ByteView key) const override;
  Status Scan(ByteView begin, ByteView end, const Visitor& visit) const override;
  Status Write(const WriteBatch& batch, Durability durability) override;

  // Loses every batch written since the last synced one.
  void Crash();
  // All of it, for tests that damage it and for digests of a simulation's state.
  std::map<Bytes, Bytes>& contents() { return contents_; }
  const std::map<Bytes, Bytes>& contents() const { return contents_; }

 private:
  void Apply(const WriteBatch& batch);
  // Of the newest batch.
  void FlipOneBit(const WriteBatch& batch);

  std::shared_ptr<DiskFaults> faults_;
  std::map<Bytes, Bytes> contents_;
  // What the unsynced batches overwrote, oldest first.
  std::vector<WriteBatch::Op> undo_;
};

class MemorySlotFile : public SlotFile {
 public:
  explicit MemorySlotFile(std::shared_ptr<DiskFaults> faults = nullptr)
      : faults_(std::move(faults)) {}

  Result<std::optional<Bytes>> Read() const override { return contents_; }
  Status Create(ByteView first_slot) override;
  Status Write(unsigned index, ByteView slot) override;
  // Nothing lies between this memory and its reader.
  Status Renew() override { return Ok(); }

  std::optional<Bytes>& contents() { return contents_; }

 private:
  std::shared_ptr<DiskFaults> faults_;
  std::optional<Bytes> contents_;
};

}  // namespace souk::ledger
