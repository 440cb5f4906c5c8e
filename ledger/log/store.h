// What the log asks of its database: ordered byte keys and atomic, synced batches.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "protocol/base/bytes.h"

namespace souk::ledger {

// Changes that are applied all or not at all, in order.
class WriteBatch {
 public:
  struct Op {
    Bytes key;
    std::optional<Bytes> value;  // none: delete the key
  };

  void Put(Bytes key, Bytes value) { ops_.push_back(Op{std::move(key), std::move(value)}); }
  void Delete(Bytes key) { ops_.push_back(Op{std::move(key), std::nullopt}); }
  void Append(const WriteBatch& more) {
    ops_.insert(ops_.end(), more.ops_.begin(), more.ops_.end());
  }
  const std::vector<Op>& ops() const { return ops_; }
  bool empty() const { return ops_.empty(); }

 private:
  std::vector<Op> ops_;
};

// Whether a batch must be on the disk when Write returns.
enum class Durability { kUnsynced, kSynced };

// An ordered map from bytes to bytes. Writes come from one thread; reads may come from others where
// the implementation says so. Keys order as unsigned bytes.
class Store {
 public:
  // Returns false to stop. The views live for the call.
  using Visitor = std::function<bool(ByteView key, ByteView value)>;

  virtual ~Store() = default;
  virtual Result<std::optional<Bytes>> Get(ByteView key) const = 0;
  // Visits begin <= key < end in ascending order; an empty `end` means no bound.
  virtual Status Scan(ByteView begin, ByteView end, const Visitor& visit) const = 0;
  // After an error nothing is known about what reached the disk: the caller stops.
  virtual Status Write(const WriteBatch& batch, Durability durability) = 0;
};

}  // namespace souk::ledger
