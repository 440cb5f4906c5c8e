// Lanes act one after the other, lowest first. A wait never blocks: one that has to wait gives the
// other warps their turn at the next branch, and is asked again.
#include "gpu/cpu/mbarrier.h"

#include <cstring>

#include "gpu/cpu/handlers.h"

namespace souk::gpu::cpu {
namespace {

constexpr uint32_t kTwentyBits = Mbarrier::kMost;

const Op* BadMbarrier(Warp& w, const Op* op, uint32_t lane) {
  return w.Fail(op, FaultKind::kBadMbarrier, lane);
}

// What one lane does to the barrier. False: a count outside its range, or more arrivals than are
// awaited.
bool Arrive(Mbarrier& barrier, uint64_t imm, uint32_t count) {
  uint32_t arrivals = count;
  if (imm & kMbarrierExpect) {
    if (count > kTwentyBits) return false;
    barrier.bytes += static_cast<int32_t>(count);
    arrivals = 1;
  }
  if (arrivals == 0 || arrivals > barrier.pending) return false;
  if ((imm & kMbarrierNoComplete) != 0 && arrivals == barrier.pending) return false;
  if (imm & kMbarrierDrop) {
    if (arrivals > barrier.expected) return false;
    barrier.expected -= arrivals;
  }
  barrier.pending -= arrivals;
  return true;
}

bool Awaits(Mbarrier& barrier, int64_t bytes) {
  const int64_t sum = barrier.bytes + bytes;
  if (sum > static_cast<int64_t>(kTwentyBits) || sum < -static_cast<int64_t>(kTwentyBits)) {
    return false;
  }
  barrier.bytes = static_cast<int32_t>(sum);
  return true;
}

// a: address, b: count, bytes, state's place (c) or parity; c: state; dst: state, or a predicate.
const Op* Access(Warp& w, const Op* op) {
  const auto what = static_cast<MbarrierOp>(op->imm & 0xff);
  const uint64_t* address = w.Lanes<uint64_t>(op->a);
  const uint32_t* count = w.Lanes<uint32_t>(op->b);
  const uint64_t* state = w.Lanes<uint64_t>(op->c);
  for (uint32_t left = w.Mask(op); left != 0; left &= left - 1) {
    const auto lane = static_cast<uint32_t>(__builtin_ctz(left));
    const auto window = static_cast<Window>(op->flags >> kWindowShift);
    uint8_t* const at = Resolve(w, op, lane, window, address[lane], 8, Touch::kUpdate);
    if (at == nullptr) return nullptr;
    uint64_t& word = *reinterpret_cast<uint64_t*>(at);
    if (what == MbarrierOp::kInit) {
      if (count[lane] == 0 || count[lane] > kTwentyBits) return BadMbarrier(w, op, lane);
      word = Mbarrier{count[lane], count[lane], false, 0}.Pack();
      continue;
    }
    if (!Mbarrier::IsOne(word)) return BadMbarrier(w, op, lane);
    Mbarrier barrier = Mbarrier::Unpack(word);
    bool fits = true;
    switch (what) {
      case MbarrierOp::kInval:
        word = 0;
        continue;
      case MbarrierOp::kTestWait: {
        const bool asked = op->imm & kMbarrierParity ? (count[lane] & 1) != 0
                                                     : Mbarrier::Unpack(state[lane]).parity;
        const bool over = barrier.parity != asked;
        uint32_t& d = w.Predicate(op->dst);
        const uint32_t bit = uint32_t{1} << lane;
        d = over ? d | bit : d & ~bit;
        if (!over) w.limit = w.executed;
        continue;
      }
      case MbarrierOp::kArrive:
        w.Lanes<uint64_t>(op->dst)[lane] = word;
        fits = Arrive(barrier, op->imm, count[lane]);
        break;
      case MbarrierOp::kExpectTx:
        fits = Awaits(barrier, count[lane]);
        break;
      case MbarrierOp::kCompleteTx:
        fits = Awaits(barrier, -int64_t{count[lane]});
        break;
      case MbarrierOp::kInit:
      case MbarrierOp::kPendingCount:
        break;
    }
    if (!fits) return BadMbarrier(w, op, lane);
    barrier.Settle();
    word = barrier.Pack();
  }
  return op + 1;
}

const Op* CopyBulk(Warp& w, const Op* op) {
  constexpr uint32_t kPiece = 16;  // ISA: sizes and addresses are multiples of it
  const uint64_t* to = w.Lanes<uint64_t>(op->a);
  const uint64_t* from = w.Lanes<uint64_t>(op->b);
  const uint32_t* bytes = w.Lanes<uint32_t>(op->c);
  const bool into_shared = (op->imm & 1) != 0;
  for (uint32_t left = w.Mask(op); left != 0; left &= left - 1) {
    const auto lane = static_cast<uint32_t>(__builtin_ctz(left));
    if (bytes[lane] % kPiece != 0 || bytes[lane] > kTwentyBits) {
      return w.Fail(op, FaultKind::kAsyncSize, lane);
    }
    w.executed += bytes[lane] / kPiece;
    for (uint32_t k = 0; k < bytes[lane]; k += kPiece) {
      const auto window = [&](bool shared) { return shared ? Window::kShared : Window::kGlobal; };
      const uint8_t* const source =
          Resolve(w, op, lane, window(!into_shared), from[lane] + k, kPiece, Touch::kRead);
      if (source == nullptr) return nullptr;
      uint8_t* const place =
          Resolve(w, op, lane, window(into_shared), to[lane] + k, kPiece, Touch::kWrite);
      if (place == nullptr) return nullptr;
      std::memcpy(place, source, kPiece);
    }
  }
  return op + 1;
}

// a: the state.
const Op* PendingCount(Warp& w, const Op* op) {
  const uint64_t* a = w.Lanes<uint64_t>(op->a);
  uint32_t* d = w.Lanes<uint32_t>(op->dst);
  for (uint32_t left = w.Mask(op); left != 0; left &= left - 1) {
    const int lane = __builtin_ctz(left);
    d[lane] = Mbarrier::Unpack(a[lane]).pending;
  }
  return op + 1;
}

}  // namespace

Mbarrier Mbarrier::Unpack(uint64_t word) {
  Mbarrier barrier;
  barrier.pending = word & kMost;
  barrier.expected = word >> 20 & kMost;
  barrier.parity = (word >> 40 & 1) != 0;
  barrier.bytes = static_cast<int32_t>(static_cast<uint32_t>(word >> 41) << 10) >> 10;
  return barrier;
}

uint64_t Mbarrier::Pack() const {
  return uint64_t{pending} | uint64_t{expected} << 20 | uint64_t{parity} << 40 |
         uint64_t{static_cast<uint32_t>(bytes) & 0x3fffff} << 41 | uint64_t{1} << 63;
}

void Mbarrier::Settle() {
  if (pending != 0 || bytes != 0) return;
  parity = !parity;
  pending = expected;
}

void RegisterMbarriers(HandlerTable& t) {
  t.At(Fn::kMbarrier, Ty::kNone) = HandlerPair{&Access, &Access};
  t.At(Fn::kCopyBulk, Ty::kNone) = HandlerPair{&CopyBulk, &CopyBulk};
  t.At(Fn::kMbarrierCount, Ty::kNone) = HandlerPair{&PendingCount, &PendingCount};
}

}  // namespace souk::gpu::cpu
