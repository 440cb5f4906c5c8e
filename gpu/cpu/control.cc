// Branches, exits and barriers: PTX ISA 9.7.12 (control flow), 9.7.13 (bar, barrier). Not vector
// code: the same at every level.
#include "gpu/cpu/handlers.h"

namespace souk::gpu::cpu {
namespace {

// imm: a FaultKind where it is not the op's usual one.
FaultKind KindOf(const Op* op, FaultKind usual) {
  return op->imm == 0 ? usual : static_cast<FaultKind>(op->imm);
}

template <bool kGoesOn>
const Op* Jump(Warp& w, const Op* op) {
  Count(w, op);
  return GoTo<kGoesOn>(w, op->target);
}

template <bool kGoesOn>
const Op* Branch(Warp& w, const Op* op) {
  return Divide<kGoesOn>(w, op, w.Mask(op));
}

const Op* BranchIndexed(Warp& w, const Op* op) {
  Count(w, op);
  const uint32_t* index = w.Lanes<uint32_t>(op->a);
  for (uint32_t left = w.active; left != 0; left &= left - 1) {
    const uint32_t lane = static_cast<uint32_t>(__builtin_ctz(left));
    if (index[lane] >= op->count) return w.Fail(op, KindOf(op, FaultKind::kBadBranchIndex), lane);
    w.Push(w.extra[op->extra + index[lane]], uint32_t{1} << lane);
  }
  if (w.executed >= w.limit) {
    w.stop = Stop::kSlice;
    return nullptr;
  }
  return w.Pick();
}

template <bool kGoesOn>
const Op* Exit(Warp& w, const Op* op) {
  return EndLanes<kGoesOn>(w, op, w.Mask(op));
}

const Op* Trap(Warp& w, const Op* op) {
  const uint32_t mask = w.Mask(op);
  if (mask == 0) return op + 1;
  return w.Fail(op, KindOf(op, FaultKind::kTrap), static_cast<uint32_t>(__builtin_ctz(mask)));
}

// Clocks count this warp's thread-instructions: a function of the program alone, which never stands
// still in a loop that waits for it.
template <typename T>
const Op* Clock(Warp& w, const Op* op) {
  const uint32_t mask = w.Mask(op);
  T* d = w.Lanes<T>(op->dst);
  for (int i = 0; i < kLanes; ++i) {
    if ((mask >> i) & 1) d[i] = static_cast<T>(w.executed >> op->imm);
  }
  return op + 1;
}

// a: the barrier's number, b: how many threads take part.
const Op* Barrier(Warp& w, const Op* op) {
  Count(w, op);
  const uint32_t lane = static_cast<uint32_t>(__builtin_ctz(w.active));
  const uint32_t id = w.Lanes<uint32_t>(op->a)[lane];
  const uint32_t expected = op->imm & kBarrierCounted ? w.Lanes<uint32_t>(op->b)[lane] : 0;
  const bool bad_count = (op->imm & kBarrierCounted) && (expected == 0 || expected % kLanes != 0);
  if (id >= kBarriers || bad_count) return w.Fail(op, FaultKind::kBadBarrier, lane);
  if (op->imm & kBarrierArrive) {
    w.Arrive(id);
    return op + 1;
  }
  return w.WaitAtBarrier(op, id, expected, op->imm);
}

const Op* AsyncGroup(Warp&, const Op* op) {
  return op + 1;
}

void Put(HandlerTable& t, Fn fn, Handler handler) {
  t.At(fn, Ty::kNone) = HandlerPair{handler, handler};
}

}  // namespace

const Op* DivideLanes(Warp& w, const Op* op, uint32_t taken) {
  w.Push(op->target, taken);
  w.Push(static_cast<uint32_t>(op - w.code) + 1, w.active & ~taken);
  if (w.executed >= w.limit) {
    w.stop = Stop::kSlice;
    return nullptr;
  }
  return w.Pick();
}

void RegisterControl(HandlerTable& t) {
  t.At(Fn::kJump, Ty::kNone) = HandlerPair{&Jump<false>, &Jump<true>};
  t.At(Fn::kBranch, Ty::kNone) = HandlerPair{&Branch<false>, &Branch<true>};
  Put(t, Fn::kBranchIndexed, &BranchIndexed);
  t.At(Fn::kExit, Ty::kNone) = HandlerPair{&Exit<false>, &Exit<true>};
  Put(t, Fn::kTrap, &Trap);
  Put(t, Fn::kBarrier, &Barrier);
  t.At(Fn::kClock, Ty::kU32) = HandlerPair{&Clock<uint32_t>, &Clock<uint32_t>};
  t.At(Fn::kClock, Ty::kU64) = HandlerPair{&Clock<uint64_t>, &Clock<uint64_t>};
  Put(t, Fn::kAsyncGroup, &AsyncGroup);
}

}  // namespace souk::gpu::cpu
