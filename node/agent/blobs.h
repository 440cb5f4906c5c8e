// Fetching blobs from peers: 1 MiB chunks in order, some in flight, resumed where they stopped.
#pragma once

#include <deque>
#include <map>
#include <optional>

#include "node/agent/turn.h"

namespace souk::node {

// Loop thread only. Not in the ledger: what has arrived is on the disk, and the roles ask again.
// Invariants: (1) a transfer lives as long as a role fetches it in every turn, so that it ends with
// the last job that wants it; (2) peers share nothing: what one sends, or never sends, holds up and
// spoils its own jobs only.
class Blobs {
 public:
  static constexpr Duration kStall = Seconds(2);
  static constexpr Duration kLongestStall = Seconds(64);
  // In a row, without a byte between them: some 20 minutes.
  static constexpr int kStalls = 23;
  // Transfers of one peer that move at once; its others wait in order.
  static constexpr size_t kActive = 4;

  // Called every turn for what a job still lacks of this peer, whether or not another has brought
  // the same; an error where it will not come from this one.
  Status Fetch(Turn& turn, const BlobRef& blob, const PeerId& from, const Digest& job);

  void OnChunk(Turn& turn, const From& from, const BlobChunk& chunk, const SharedBytes& bytes);
  void OnLanded(Turn& turn, const BlobLanded& event);
  // Whether it was one of this role's requests that the peer refused.
  bool OnRefusal(const From& from, const Refusal& refusal);
  // The peer is connected anew: its chunks are asked for again.
  void OnBound(Turn& turn, const PeerId& peer);
  // After the roles have fetched what they want.
  void RunTimers(Turn& turn);

 private:
  struct Transfer {
    BlobRef blob = {};
    PeerId from = {};
    Digest job = {};     // one that wants it: the other side serves jobs
    bool wanted = true;  // in this turn
    std::optional<Error> failure = {};
    uint64_t received = 0;   // written, from the beginning
    uint64_t requested = 0;  // asked for up to here
    bool active = false;
    bool found = false;  // began with bytes that were on the disk
    bool again = false;  // the whole was asked for anew because of that
    Duration last = {};  // monotonic, of the last progress
    Duration patience = kStall;
    int stalls = 0;
    std::deque<Digest> asked = {};  // ids of the newest requests
  };
  static void Fail(Transfer& transfer, Code code, std::string sentence);
  void Pump(Turn& turn, Transfer& transfer);
  void Restart(Turn& turn, Transfer& transfer);
  void Activate(Turn& turn);

  std::map<std::pair<PeerId, Digest>, Transfer> transfers_ = {};
};

}  // namespace souk::node
