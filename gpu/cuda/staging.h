// Copies between host and device on a stream of their own, through pinned memory: they go at the
// bus's speed, and beside a kernel that runs.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <thread>

#include "gpu/cuda/driver.h"
#include "gpu/device.h"

namespace souk::gpu::cuda {

// One piece is under way while the host fills or reads the other.
inline constexpr size_t kPieceBytes = 4 << 20;

// The copy stream of the context that is current in every call but the destructor, which needs
// none: the owner calls Close while the context is current. One thread.
// Results are the driver's; kNotReady: the device did not finish within Driver::patience_ms.
// Invariants: (1) pinned memory that the device may still read or write is not touched; (2) what is
// queued runs in order.
class Staging {
 public:
  explicit Staging(const Driver& driver) : driver_(driver) {}
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;

  CUresult Open();
  // Clears the pinned memory, which holds what was copied last. Nothing may be under way, unless
  // the context is broken.
  void Close();

  // Returns when `from` was taken, which is before the device has all of it.
  CUresult Upload(CUdeviceptr to, ByteView from);
  // `take` gets the pieces in order; its first error ends the download and is `taken`.
  CUresult Download(CUdeviceptr from, uint64_t bytes, const Device::TakePiece& take, Status& taken);
  // To zero, when it returns.
  CUresult Clear(CUdeviceptr address, uint64_t bytes);
  // What runs on `stream` from now on sees all that was queued here.
  CUresult Precede(CUstream stream);

 private:
  struct Slot {
    uint8_t* memory = nullptr;
    CUevent done = nullptr;
    bool busy = false;
  };
  CUresult Await(Slot& slot);
  CUresult Mark(Slot& slot);

  const Driver& driver_;
  CUstream stream_ = nullptr;
  CUevent queued_ = nullptr;
  std::array<Slot, 2> slots_ = {};
  size_t next_ = 0;
};

// Spins while the wait is young, as most are over by then, and naps afterwards, but never for so
// long that it would lengthen what it waits for by a hundredth. kNotReady where `query` still says
// so after `milliseconds`.
template <typename Query>
CUresult AwaitReady(uint64_t milliseconds, const Query& query) {
  using Clock = std::chrono::steady_clock;
  constexpr auto kSpin = std::chrono::milliseconds(20);
  constexpr auto kLongestNap = std::chrono::milliseconds(1);
  const Clock::time_point start = Clock::now();
  while (true) {
    const CUresult result = query();
    if (result != kNotReady) return result;
    const auto passed = Clock::now() - start;
    const auto passed_ms = std::chrono::duration_cast<std::chrono::milliseconds>(passed).count();
    if (static_cast<uint64_t>(passed_ms) >= milliseconds) return kNotReady;
    if (passed > kSpin)
      std::this_thread::sleep_for(std::min<Clock::duration>(passed / 400, kLongestNap));
  }
}

}  // namespace souk::gpu::cuda
