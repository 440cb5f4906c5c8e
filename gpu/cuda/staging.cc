#include "gpu/cuda/staging.h"

#include <algorithm>
#include <cstring>

namespace souk::gpu::cuda {

CUresult Staging::Open() {
  CUresult result = driver_.cuStreamCreate(&stream_, kStreamNonBlocking);
  if (result == kSuccess) result = driver_.cuEventCreate(&queued_, kEventDisableTiming);
  for (Slot& slot : slots_) {
    void* memory = nullptr;
    if (result == kSuccess) result = driver_.cuMemAllocHost_v2(&memory, kPieceBytes);
    slot.memory = static_cast<uint8_t*>(memory);
    if (result == kSuccess) result = driver_.cuEventCreate(&slot.done, kEventDisableTiming);
  }
  return result;
}

void Staging::Close() {
  for (Slot& slot : slots_) {
    if (slot.memory != nullptr) {
      std::memset(slot.memory, 0, kPieceBytes);
      (void)driver_.cuMemFreeHost(slot.memory);
    }
    if (slot.done != nullptr) (void)driver_.cuEventDestroy_v2(slot.done);
    slot = Slot();
  }
  if (queued_ != nullptr) (void)driver_.cuEventDestroy_v2(queued_);
  if (stream_ != nullptr) (void)driver_.cuStreamDestroy_v2(stream_);
  queued_ = nullptr;
  stream_ = nullptr;
}

CUresult Staging::Await(Slot& slot) {
  if (!slot.busy) return kSuccess;
  const CUresult result =
      AwaitReady(driver_.patience_ms, [&] { return driver_.cuEventQuery(slot.done); });
  slot.busy = result == kNotReady;
  return result;
}

CUresult Staging::Mark(Slot& slot) {
  // Even where recording fails a copy may be under way.
  slot.busy = true;
  return driver_.cuEventRecord(slot.done, stream_);
}

CUresult Staging::Upload(CUdeviceptr to, ByteView from) {
  for (size_t at = 0; at < from.size(); at += kPieceBytes) {
    Slot& slot = slots_[next_];
    next_ = (next_ + 1) % slots_.size();
    if (const CUresult result = Await(slot); result != kSuccess) return result;
    const ByteView piece = from.subspan(at, std::min(kPieceBytes, from.size() - at));
    std::memcpy(slot.memory, piece.data(), piece.size());
    CUresult result = driver_.cuMemcpyHtoDAsync_v2(to + at, slot.memory, piece.size(), stream_);
    if (result == kSuccess) result = Mark(slot);
    if (result != kSuccess) return result;
  }
  return kSuccess;
}

CUresult Staging::Download(CUdeviceptr from, uint64_t bytes, const Device::TakePiece& take,
                           Status& taken) {
  const auto piece_bytes = [&](uint64_t at) {
    return static_cast<size_t>(std::min<uint64_t>(kPieceBytes, bytes - at));
  };
  const auto fetch = [&](uint64_t at, Slot& slot) -> CUresult {
    if (const CUresult result = Await(slot); result != kSuccess) return result;
    const CUresult result =
        driver_.cuMemcpyDtoHAsync_v2(slot.memory, from + at, piece_bytes(at), stream_);
    return result == kSuccess ? Mark(slot) : result;
  };
  if (bytes == 0) return kSuccess;
  size_t current = next_;
  CUresult result = fetch(0, slots_[current]);
  for (uint64_t at = 0; result == kSuccess && at < bytes; at += kPieceBytes) {
    Slot& slot = slots_[current];
    current = (current + 1) % slots_.size();
    if (at + kPieceBytes < bytes) result = fetch(at + kPieceBytes, slots_[current]);
    if (result == kSuccess) result = Await(slot);
    if (result != kSuccess) break;
    if (taken = take(ByteView(slot.memory, piece_bytes(at))); !taken) break;
  }
  return result;
}

CUresult Staging::Clear(CUdeviceptr address, uint64_t bytes) {
  CUresult result = driver_.cuMemsetD8Async(address, 0, bytes, stream_);
  if (result == kSuccess) result = driver_.cuEventRecord(queued_, stream_);
  if (result != kSuccess) return result;
  return AwaitReady(driver_.patience_ms, [&] { return driver_.cuEventQuery(queued_); });
}

CUresult Staging::Precede(CUstream stream) {
  const CUresult result = driver_.cuEventRecord(queued_, stream_);
  return result == kSuccess ? driver_.cuStreamWaitEvent(stream, queued_, 0) : result;
}

}  // namespace souk::gpu::cuda
