#include "node/agent/blobs.h"

#include <algorithm>

namespace souk::node {

void Blobs::Fetch(Turn& turn, const BlobRef& blob, const PeerId& from, const Digest& job) {
  if (transfers_.contains(blob.digest) || turn.view().BlobSize(blob.digest)) return;
  if (blob.size == 0) {
    // Nothing has to travel: it is the empty blob, or a wrong digest.
    turn.Do(WriteChunk{blob.digest, 0, 0, std::make_shared<const Bytes>()});
    return;
  }
  transfers_[blob.digest] = {.blob = blob, .from = from, .job = job};
  Activate(turn);
}

void Blobs::Activate(Turn& turn) {
  size_t active = 0;
  for (const auto& [digest, transfer] : transfers_) active += transfer.active ? 1 : 0;
  for (auto& [digest, transfer] : transfers_) {
    if (active >= kActive) return;
    if (transfer.active) continue;
    transfer.active = true;
    ++active;
    Restart(turn, transfer);
  }
}

void Blobs::Restart(Turn& turn, Transfer& transfer) {
  transfer.received = turn.view().PartialBlobSize(transfer.blob.digest);
  if (transfer.received > transfer.blob.size) transfer.received = 0;
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
    turn.Tell(transfer.from, turn.Sign(BlobGet{.blob = transfer.blob.digest,
                                               .offset = transfer.requested,
                                               .length = length,
                                               .job = transfer.job}));
    transfer.requested += length;
  }
}

void Blobs::OnChunk(Turn& turn, const From& from, const BlobChunk& chunk,
                    const SharedBytes& bytes) {
  const auto it = transfers_.find(chunk.blob);
  if (it == transfers_.end() || it->second.from != from.peer || !it->second.active) return;
  Transfer& transfer = it->second;
  // Only the next bytes are taken: a stall starts over from what is on the disk.
  if (chunk.offset != transfer.received || chunk.total != transfer.blob.size || !bytes ||
      bytes->size() > transfer.blob.size - transfer.received || bytes->empty()) {
    return;
  }
  transfer.received += bytes->size();
  transfer.requested = std::max(transfer.requested, transfer.received);
  transfer.last = turn.monotonic();
  turn.Do(WriteChunk{transfer.blob.digest, chunk.offset, transfer.blob.size, bytes});
  Pump(turn, transfer);
}

void Blobs::OnLanded(Turn& turn, const BlobLanded& event) {
  const auto it = transfers_.find(event.blob);
  if (it == transfers_.end()) return;
  if (event.matches) {
    transfers_.erase(it);
    Activate(turn);
  } else {
    // The role that wants it decides whether to try again; until then nothing is asked.
    transfers_.erase(it);
  }
}

void Blobs::OnBound(Turn& turn, const PeerId& peer) {
  for (auto& [digest, transfer] : transfers_) {
    if (transfer.active && transfer.from == peer) Restart(turn, transfer);
  }
}

void Blobs::RunTimers(Turn& turn) {
  for (auto& [digest, transfer] : transfers_) {
    if (transfer.active && turn.monotonic() - transfer.last >= kStall &&
        transfer.received < transfer.blob.size) {
      Restart(turn, transfer);
    }
  }
}

Blobs::Report Blobs::Progress(const Digest& job) const {
  Report report;
  for (const auto& [digest, transfer] : transfers_) {
    if (transfer.job != job) continue;
    report.received += transfer.received;
    report.total += transfer.blob.size;
  }
  return report;
}

}  // namespace souk::node
