// Fetching blobs from a peer: 1 MiB chunks in order, some in flight, resumed where they stopped.
#pragma once

#include <deque>
#include <map>

#include "node/agent/turn.h"

namespace souk::node {

// Loop thread only. Not in the ledger: what has arrived is on the disk, and the roles ask again.
class Blobs {
 public:
  static constexpr Duration kStall = Seconds(2);
  // Transfers that move at once; the others wait in order.
  static constexpr size_t kActive = 4;

  // Idempotent. Nothing happens where the blob is here already.
  void Fetch(Turn& turn, const BlobRef& blob, const PeerId& from, const Digest& job);
  void Forget(const Digest& blob) { transfers_.erase(blob); }
  bool Fetching(const Digest& blob) const { return transfers_.contains(blob); }

  void OnChunk(Turn& turn, const From& from, const BlobChunk& chunk, const SharedBytes& bytes);
  void OnLanded(Turn& turn, const BlobLanded& event);
  // The peer is connected anew: its chunks are asked for again.
  void OnBound(Turn& turn, const PeerId& peer);
  void RunTimers(Turn& turn);

  struct Report {
    uint64_t received = 0;
    uint64_t total = 0;
  };
  Report Progress(const Digest& job) const;

 private:
  struct Transfer {
    BlobRef blob = {};
    PeerId from = {};
    Digest job = {};
    uint64_t received = 0;   // written, from the beginning
    uint64_t requested = 0;  // asked for up to here
    bool active = false;
    Duration last = {};  // monotonic, of the last progress
  };
  void Pump(Turn& turn, Transfer& transfer);
  void Restart(Turn& turn, Transfer& transfer);
  void Activate(Turn& turn);

  std::map<Digest, Transfer> transfers_ = {};
};

}  // namespace souk::node
