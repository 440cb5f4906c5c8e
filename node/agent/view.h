// What `step` may read besides its own state: a synchronous const view of the node's store.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ledger/witness/mirrored_log.h"
#include "protocol/base/sha256.h"
#include "protocol/messages.h"

namespace souk::node {

class View {
 public:
  virtual ~View() = default;
  // Size of a blob that is whole, checked and durable here.
  virtual std::optional<uint64_t> BlobSize(const Digest& blob) const = 0;
  // Bytes of a blob that is still arriving from that peer, from its beginning; 0 where nothing is
  // there. What several peers send of one blob stays apart: until it is whole, any of them may lie.
  virtual uint64_t PartialBlobSize(const Digest& blob, const PeerId& from) const = 0;
  // Whether an entry of this node's log is found by this id already.
  virtual bool Indexed(const Digest& id) const = 0;
  // This node's newest checkpoint that is on the disk, a signed note; "" while the log may sign
  // nothing (R3) or is empty.
  virtual std::string Checkpoint() const = 0;
  // Between two sizes of the log as it is on the disk: RFC 6962 section 2.1.2. kInvalidArgument
  // beyond it.
  virtual Result<std::vector<Digest>> Consistency(uint64_t from, uint64_t to) const = 0;
  // An entry of the log as it is on the disk; kNotFound beyond it.
  virtual Result<Bytes> Entry(uint64_t index) const = 0;
  // The entry that this id names.
  virtual std::optional<uint64_t> FindEntry(const Digest& id) const = 0;
  // What this node's mirror holds of that log, durably; null where it holds nothing.
  virtual const ledger::MirroredLog* Mirrored(const std::string& origin) const = 0;
  // Over the first `size` entries that it holds.
  virtual Result<Digest> MirroredRoot(const std::string& origin, uint64_t size) const = 0;
  virtual uint64_t MirrorBytes() const = 0;
};

}  // namespace souk::node
