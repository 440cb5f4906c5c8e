// mbarrier objects (PTX ISA 9.7.13.15): the ISA leaves their form open; this device keeps one in
// the 64 bits that a program gives it.
#pragma once

#include <cstdint>

namespace souk::gpu::cpu {

enum class MbarrierOp : uint8_t {
  kInit,
  kInval,
  kArrive,
  kTestWait,
  kPendingCount,
  kExpectTx,
  kCompleteTx,
};

// Op::imm of kMbarrier: MbarrierOp, and these.
inline constexpr uint64_t kMbarrierDrop = 1 << 8;     // arrive_drop
inline constexpr uint64_t kMbarrierExpect = 1 << 9;   // arrive.expect_tx: the count is of bytes
inline constexpr uint64_t kMbarrierParity = 1 << 10;  // test_wait.parity
inline constexpr uint64_t kMbarrierNoComplete = 1 << 11;

// Counts go to 2^20 - 1 (ISA: "valid range"). Bits, from the lowest: arrivals that are still
// awaited in this phase, 20; arrivals of each phase, 20; the phase's parity; bytes that are still
// awaited, 22, two's complement; a mark that it is one.
struct Mbarrier {
  static constexpr uint32_t kMost = (1u << 20) - 1;
  uint32_t pending = 0;
  uint32_t expected = 0;
  bool parity = false;
  int32_t bytes = 0;

  static Mbarrier Unpack(uint64_t word);
  uint64_t Pack() const;
  static bool IsOne(uint64_t word) { return word >> 63 != 0; }
  // Ends the phase where nothing is awaited any more.
  void Settle();
};

}  // namespace souk::gpu::cpu
