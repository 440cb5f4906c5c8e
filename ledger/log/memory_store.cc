#include "ledger/log/memory_store.h"

#include <algorithm>

#include "protocol/base/check.h"

namespace souk::ledger {
namespace {
Error DiskError() {
  return Error(Code::kIo, "input/output error");
}
}  // namespace

DiskFaults::Kind DiskFaults::Next() {
  const uint64_t write = writes_++;
  if (!fail_at_ || write < *fail_at_) return Kind::kNone;
  return write == *fail_at_ ? kind_ : Kind::kLost;
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

Status MemoryStore::Write(const WriteBatch& batch, Durability durability) {
  const DiskFaults::Kind fault = faults_ ? faults_->Next() : DiskFaults::Kind::kNone;
  if (fault == DiskFaults::Kind::kLost || fault == DiskFaults::Kind::kTorn) return DiskError();
  Apply(batch);
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
  if (fault == DiskFaults::Kind::kLost || fault == DiskFaults::Kind::kTorn) return DiskError();
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
  // Where it tears moves with the number of writes, so that sweeps see every kind of half.
  size_t bytes = slot.size();
  if (fault == DiskFaults::Kind::kTorn) bytes = 512 * (faults_->writes() % 8);
  std::copy_n(slot.begin(), bytes, contents_->begin() + static_cast<ptrdiff_t>(index * kSlotBytes));
  if (fault != DiskFaults::Kind::kNone) return DiskError();
  return Ok();
}

}  // namespace souk::ledger
