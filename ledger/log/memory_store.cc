#include "ledger/log/memory_store.h"

#include <algorithm>

#include "ledger/log/log_keys.h"
#include "protocol/base/check.h"

namespace souk::ledger {
namespace {
Error DiskError() {
  return Error(Code::kIo, "input/output error");
}

bool LosesBatch(DiskFaults::Kind fault) {
  switch (fault) {
    case DiskFaults::Kind::kNone:
    case DiskFaults::Kind::kApplied:
    case DiskFaults::Kind::kFlipped:
      return false;
    case DiskFaults::Kind::kLost:
    case DiskFaults::Kind::kTorn:
    case DiskFaults::Kind::kZeroed:
      return true;
  }
  return true;
}
}  // namespace

DiskFaults::Kind DiskFaults::Next() {
  const uint64_t write = writes_++;
  if (!fail_at_ || write < *fail_at_) return Kind::kNone;
  if (write == *fail_at_) return kind_;
  return kind_ == Kind::kFlipped ? Kind::kNone : Kind::kLost;
}

Result<std::optional<Bytes>> MemoryStore::Get(ByteView key) const {
  const auto found = contents_.find(ToBytes(key));
  if (found == contents_.end()) return std::optional<Bytes>();
  return std::optional<Bytes>(found->second);
}

Status MemoryStore::Scan(ByteView begin, ByteView end, const Visitor& visit) const {
  const Bytes last = ToBytes(end);
  for (auto at = contents_.lower_bound(ToBytes(begin)); at != contents_.end(); ++at) {
    if (!last.empty() && at->first >= last) break;
    if (!visit(at->first, at->second)) break;
  }
  return Ok();
}

void MemoryStore::Apply(const WriteBatch& batch) {
  for (const WriteBatch::Op& op : batch.ops()) {
    const auto found = contents_.find(op.key);
    undo_.push_back(WriteBatch::Op{
        op.key, found == contents_.end() ? std::nullopt : std::optional<Bytes>(found->second)});
    if (op.value) {
      contents_[op.key] = *op.value;
    } else {
      contents_.erase(op.key);
    }
  }
}

void MemoryStore::FlipOneBit(const WriteBatch& batch) {
  std::vector<Bytes*> values;
  for (const WriteBatch::Op& op : batch.ops()) {
    const uint8_t prefix = op.key[0];
    const bool read_back = prefix == kEntryPrefix || prefix == kTilePrefix || prefix == kHeadPrefix;
    if (read_back && op.value && !op.value->empty()) values.push_back(&contents_.at(op.key));
  }
  if (values.empty()) return;
  Bytes& value = *values[faults_->writes() % values.size()];
  value[faults_->writes() % value.size()] ^= 1;
}

Status MemoryStore::Write(const WriteBatch& batch, Durability durability) {
  const DiskFaults::Kind fault = faults_ ? faults_->Next() : DiskFaults::Kind::kNone;
  if (LosesBatch(fault)) return DiskError();
  Apply(batch);
  if (fault == DiskFaults::Kind::kFlipped) FlipOneBit(batch);
  // Batches reach the disk in order: syncing one syncs all before it.
  if (durability == Durability::kSynced) undo_.clear();
  if (fault == DiskFaults::Kind::kApplied) return DiskError();
  return Ok();
}

void MemoryStore::Crash() {
  for (auto op = undo_.rbegin(); op != undo_.rend(); ++op) {
    if (op->value) {
      contents_[op->key] = *op->value;
    } else {
      contents_.erase(op->key);
    }
  }
  undo_.clear();
}

Status MemorySlotFile::Create(ByteView first_slot) {
  CHECK(first_slot.size() == kSlotBytes);
  const DiskFaults::Kind fault = faults_ ? faults_->Next() : DiskFaults::Kind::kNone;
  // Created under another name and renamed: never torn.
  if (LosesBatch(fault)) return DiskError();
  contents_ = ToBytes(first_slot);
  contents_->resize(2 * kSlotBytes);
  if (fault == DiskFaults::Kind::kApplied) return DiskError();
  return Ok();
}

Status MemorySlotFile::Write(unsigned index, ByteView slot) {
  CHECK(index < 2 && slot.size() == kSlotBytes);
  const DiskFaults::Kind fault = faults_ ? faults_->Next() : DiskFaults::Kind::kNone;
  if (fault == DiskFaults::Kind::kLost) return DiskError();
  if (!contents_ || contents_->size() != 2 * kSlotBytes) {
    return Error(Code::kNotFound, "no slot file");
  }
  const auto start = contents_->begin() + static_cast<ptrdiff_t>(index * kSlotBytes);
  // Where it tears moves with the number of writes, so that sweeps see every kind of half.
  const size_t half = 512 * (faults_ ? faults_->writes() % 8 : 0);
  const bool zeroed = fault == DiskFaults::Kind::kZeroed;
  const bool torn = fault == DiskFaults::Kind::kTorn || zeroed;
  std::copy_n(slot.begin(), torn ? half : slot.size(), start);
  if (zeroed) std::fill(start + static_cast<ptrdiff_t>(half), start + kSlotBytes, uint8_t{0});
  if (fault != DiskFaults::Kind::kNone && fault != DiskFaults::Kind::kFlipped) return DiskError();
  return Ok();
}

}  // namespace souk::ledger
