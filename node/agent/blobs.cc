#include "node/agent/blobs.h"

#include <algorithm>

namespace souk::node {

Status Blobs::Fetch(Turn& turn, const BlobRef& blob, const PeerId& from, const Digest& job) {
  if (blob.size == 0) {
    if (blob.digest != Sha256({})) return Error(Code::kMismatch, "it cannot be empty");
    // Nothing has to travel.
    turn.Do(WriteChunk{blob.digest, from, 0, 0, std::make_shared<const Bytes>()});
    return Ok();
  }
  const auto [it, is_new] =
      transfers_.try_emplace({from, blob.digest}, Transfer{.blob = blob, .from = from, .job = job});
  Transfer& transfer = it->second;
  if (!transfer.wanted) transfer.job = job;
  transfer.wanted = true;
  if (transfer.failure) return *transfer.failure;
  if (is_new) Activate(turn);
  return Ok();
}

void Blobs::Activate(Turn& turn) {
  std::map<PeerId, size_t> active;
  for (const auto& [key, transfer] : transfers_) active[key.first] += transfer.active ? 1 : 0;
  for (auto& [key, transfer] : transfers_) {
    if (transfer.active || transfer.failure || active[key.first] >= kActive) continue;
    transfer.active = true;
    ++active[key.first];
    Restart(turn, transfer);
  }
}

void Blobs::Fail(Transfer& transfer, Code code, std::string sentence) {
  transfer.failure = Error(code, std::move(sentence));
  transfer.active = false;
}

void Blobs::Restart(Turn& turn, Transfer& transfer) {
  transfer.received = turn.view().PartialBlobSize(transfer.blob.digest, transfer.from);
  // All of it is there, but nobody finished it: its last bytes, come again, do.
  if (transfer.received >= transfer.blob.size) {
    transfer.received =
        transfer.blob.size - std::min<uint64_t>(transfer.blob.size, limits::kBlobChunkBytes);
  }
  transfer.found = transfer.found || transfer.received > 0;
  transfer.requested = transfer.received;
  transfer.last = turn.monotonic();
  Pump(turn, transfer);
}

void Blobs::Pump(Turn& turn, Transfer& transfer) {
  const uint64_t window = limits::kChunksInFlight * limits::kBlobChunkBytes;
  while (transfer.requested < transfer.blob.size &&
         transfer.requested < transfer.received + window) {
    const uint64_t left = transfer.blob.size - transfer.requested;
    const auto length = static_cast<uint32_t>(std::min<uint64_t>(left, limits::kBlobChunkBytes));
    const DocumentRef get = turn.Sign(BlobGet{.blob = transfer.blob.digest,
                                              .offset = transfer.requested,
                                              .length = length,
                                              .job = transfer.job});
    if (transfer.asked.size() >= limits::kChunksInFlight) transfer.asked.pop_front();
    transfer.asked.push_back(get->id());
    turn.Tell(transfer.from, get);
    transfer.requested += length;
  }
}

void Blobs::OnChunk(Turn& turn, const From& from, const BlobChunk& chunk,
                    const SharedBytes& bytes) {
  const auto it = transfers_.find({from.peer, chunk.blob});
  if (it == transfers_.end() || !it->second.active) return;
  Transfer& transfer = it->second;
  // Only the next bytes are taken: a stall starts over from what is on the disk.
  if (chunk.offset != transfer.received || chunk.total != transfer.blob.size || !bytes ||
      bytes->size() > transfer.blob.size - transfer.received || bytes->empty()) {
    return;
  }
  transfer.received += bytes->size();
  transfer.requested = std::max(transfer.requested, transfer.received);
  transfer.last = turn.monotonic();
  // The last bytes bring nothing nearer where they came before: a full disk does not keep them.
  if (transfer.received < transfer.blob.size) {
    transfer.patience = kStall;
    transfer.stalls = 0;
  }
  turn.Do(WriteChunk{transfer.blob.digest, transfer.from, chunk.offset, transfer.blob.size, bytes});
  Pump(turn, transfer);
}

void Blobs::OnLanded(Turn& turn, const BlobLanded& event) {
  const auto it = transfers_.find({event.from, event.blob});
  if (it == transfers_.end() || event.matches) return;
  if (it->second.found && !it->second.again) {
    // What a crash left may be torn. It is gone now, and the whole is asked for once.
    it->second.again = true;
    return Restart(turn, it->second);
  }
  Fail(it->second, Code::kMismatch, "it arrived with other bytes than its digest");
}

bool Blobs::OnRefusal(const From& from, const Refusal& refusal) {
  for (auto& [key, transfer] : transfers_) {
    const auto& asked = transfer.asked;
    if (key.first != from.peer || std::find(asked.begin(), asked.end(), refusal.re) == asked.end())
      continue;
    // Others pass: the peer is busy, or has just started.
    if (refusal.code == RefusalCode::kNotFound || refusal.code == RefusalCode::kNotYours ||
        refusal.code == RefusalCode::kUnsupported) {
      Fail(transfer, Code::kNotFound, "it is refused: " + refusal.sentence);
    }
    return true;
  }
  return false;
}

void Blobs::OnBound(Turn& turn, const PeerId& peer) {
  for (auto& [key, transfer] : transfers_) {
    if (!transfer.active || key.first != peer) continue;
    transfer.patience = kStall;
    Restart(turn, transfer);
  }
}

void Blobs::RunTimers(Turn& turn) {
  for (auto it = transfers_.begin(); it != transfers_.end();) {
    Transfer& transfer = it->second;
    if (!transfer.wanted) {
      turn.Do(DropPartial{transfer.blob.digest, transfer.from});
      it = transfers_.erase(it);
      continue;
    }
    transfer.wanted = false;
    ++it;
    if (!transfer.active || turn.monotonic() - transfer.last < transfer.patience) continue;
    if (++transfer.stalls >= kStalls) {
      // All came, and the store did not keep it.
      const bool came = transfer.received >= transfer.blob.size;
      Fail(transfer, Code::kUnavailable,
           came ? "it cannot be kept: the disk may be full" : "it does not come");
      continue;
    }
    transfer.patience = std::min(transfer.patience * 2, kLongestStall);
    Restart(turn, transfer);
  }
  Activate(turn);
}

}  // namespace souk::node
