#include "gpu/cpu/warp.h"

#include "gpu/cpu/accesses.h"

namespace souk::gpu::cpu {

// Without the instruction, which the baseline has not, the builtin is a call.
uint32_t CountLanes(uint32_t mask) {
  uint32_t v = mask - ((mask >> 1) & 0x55555555);
  v = (v & 0x33333333) + ((v >> 2) & 0x33333333);
  return (((v + (v >> 4)) & 0x0f0f0f0f) * 0x01010101) >> 24;
}

void Warp::Push(uint32_t pc, uint32_t mask) {
  if (mask == 0) return;
  for (uint32_t i = 0; i < ready_count; ++i) {
    if (ready[i].pc == pc) {
      ready[i].mask |= mask;
      return;
    }
  }
  ready[ready_count] = Fragment{pc, mask};
  ++ready_count;
}

namespace {

// Runs fragment `index`; the others are taken up again where next_pc says.
const Op* Take(Warp& w, uint32_t index) {
  const Fragment f = w.ready[index];
  --w.ready_count;
  w.ready[index] = w.ready[w.ready_count];
  w.last_pc = f.pc;
  w.SetActive(f.mask);
  return w.code + f.pc;
}

}  // namespace

const Op* Warp::Pick() {
  if (ready_count == 0) {
    SetActive(0);
    stop = waiting_count != 0 ? Stop::kBlocked : Stop::kDone;
    return nullptr;
  }
  next_pc = kNever;
  if (ready_count == 1 && waiting_count == 0) return Take(*this, 0);
  uint32_t lowest = 0;
  for (uint32_t i = 1; i < ready_count; ++i) {
    if (ready[i].pc < ready[lowest].pc) lowest = i;
  }
  const Op* op = Take(*this, lowest);
  for (uint32_t i = 0; i < ready_count; ++i) {
    if (ready[i].pc < next_pc) next_pc = ready[i].pc;
  }
  for (uint32_t i = 0; i < waiting_count; ++i) {
    const uint32_t skip = waiting[i].skip_pc;
    if (skip == last_pc) waiting[i].skipped |= active;
    if (skip > last_pc && skip < next_pc) next_pc = skip;
  }
  return op;
}

const Op* Warp::PickNext() {
  if (ready_count <= 1) return Pick();
  uint32_t best = ready_count;  // the lowest pc above the last that ran
  uint32_t lowest = 0;
  for (uint32_t i = 0; i < ready_count; ++i) {
    if (ready[i].pc < ready[lowest].pc) lowest = i;
    if (ready[i].pc > last_pc && (best == ready_count || ready[i].pc < ready[best].pc)) best = i;
  }
  const Op* op = Take(*this, best == ready_count ? lowest : best);
  next_pc = kNever;
  return op;
}

const Op* Warp::Exit(const Op* op, uint32_t mask) {
  live &= ~mask;
  released &= ~mask;
  // Members that have exited are not waited for.
  if (waiting_count != 0) ReleaseMembers();
  const uint32_t left = active & ~mask;
  if (left == 0) return Pick();
  SetActive(left);
  return op + 1;
}

bool Warp::PassMembers(const Op* op, uint32_t members, const Op** next) {
  if ((active & ~released) == 0) {
    released &= ~active;
    return true;
  }
  const uint32_t pc = static_cast<uint32_t>(op - code);
  bool merged = false;
  for (uint32_t i = 0; i < waiting_count; ++i) {
    if (waiting[i].pc == pc && waiting[i].members == members) {
      waiting[i].mask |= active;
      merged = true;
    }
  }
  if (!merged) {
    waiting[waiting_count] = Waiting{};
    waiting[waiting_count].pc = pc;
    waiting[waiting_count].mask = active;
    waiting[waiting_count].members = members;
    ++waiting_count;
  }
  ReleaseMembers();
  *next = Pick();
  return false;
}

// Lanes that wait with one member mask meet, at whatever instruction each of them waits (on
// hardware it is the convergence barrier that counts, not the place).
void Warp::ReleaseMembers() {
  for (uint32_t i = 0; i < waiting_count; ++i) {
    const uint32_t members = waiting[i].members;
    if (members == 0) continue;
    uint32_t here = 0;
    for (uint32_t j = i; j < waiting_count; ++j) {
      if (waiting[j].members == members) here |= waiting[j].mask;
    }
    if ((members & live & ~here) != 0) continue;
    uint32_t kept = 0;
    for (uint32_t j = 0; j < waiting_count; ++j) {
      if (waiting[j].members == members) {
        Push(waiting[j].pc, waiting[j].mask);
        released |= waiting[j].mask;
      } else {
        waiting[kept] = waiting[j];
        ++kept;
      }
    }
    waiting_count = kept;
    i = UINT32_MAX;  // from the start
  }
}

const Op* Warp::WaitAtBarrier(const Op* op, uint32_t barrier, uint32_t expected, uint64_t bits) {
  const uint32_t pc = static_cast<uint32_t>(op - code);
  for (uint32_t i = 0; i < waiting_count; ++i) {
    Waiting& other = waiting[i];
    if (other.members == 0 && other.pc == pc && other.barrier == barrier &&
        other.expected == expected) {
      other.mask |= active;
      return Pick();
    }
  }
  Waiting& mine = waiting[waiting_count];
  mine = Waiting{};
  mine.pc = pc;
  mine.mask = active;
  mine.barrier = barrier;
  mine.expected = expected;
  mine.bits = bits;
  if (bits & kBarrierAligned) mine.skip_pc = op->target;
  ++waiting_count;
  return Pick();
}

void Warp::Arrive(uint32_t barrier) {
  has_arrived = true;
  if (active == live && ((partly_arrived >> barrier) & 1) == 0) {
    arrived[barrier] += kLanes;
    return;
  }
  partly_arrived |= uint32_t{1} << barrier;
  for (uint32_t left = active; left != 0; left &= left - 1) {
    uint8_t& times = arriving[barrier][__builtin_ctz(left)];
    if (times != UINT8_MAX) ++times;
  }
  CountArrivals(barrier);
}

uint32_t Warp::Arriving(uint32_t barrier) const {
  if (((partly_arrived >> barrier) & 1) == 0) return 0;
  uint32_t mask = 0;
  for (uint32_t i = 0; i < kLanes; ++i) mask |= uint32_t{arriving[barrier][i] != 0} << i;
  return mask;
}

void Warp::CountArrivals(uint32_t barrier) {
  while (true) {
    const uint32_t came = Arriving(barrier);
    if (came == 0 || !IsWhole(came)) return;
    arrived[barrier] += kLanes;
    TakeArrival(barrier);
  }
}

void Warp::TakeArrival(uint32_t barrier) {
  for (uint32_t left = Arriving(barrier); left != 0; left &= left - 1) {
    --arriving[barrier][__builtin_ctz(left)];
  }
  if (Arriving(barrier) == 0) partly_arrived &= ~(uint32_t{1} << barrier);
}

const Op* Warp::Fail(const Op* op, FaultKind kind, uint32_t lane) {
  fault = Fault{};
  fault.kind = kind;
  fault.pc = static_cast<uint32_t>(op - code);
  fault.warp = index;
  fault.lane = lane;
  stop = Stop::kFault;
  return nullptr;
}

const Op* Warp::FailAccess(const Op* op, FaultKind kind, uint32_t lane, Window window,
                           uint64_t address, uint32_t bytes, bool write) {
  Fail(op, kind, lane);
  fault.window = window;
  fault.address = address;
  fault.bytes = bytes;
  fault.write = write;
  return nullptr;
}

namespace {

struct Place {
  uint64_t begin = 0;
  uint64_t size = 0;
  uint8_t* host = nullptr;
  bool writable = true;
  bool remember = false;
  size_t allocation = SIZE_MAX;
};

// What an address of the generic space, or of .global, lies in. Sorted allocations; the last that
// begins at or before the address.
Place FindAllocation(const Memory& m, uint64_t address) {
  size_t low = 0;
  size_t high = m.allocation_count;
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if (m.allocations[middle].begin <= address) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low == 0) return Place{};
  const Allocation& found = m.allocations[low - 1];
  return Place{found.begin, found.end - found.begin, found.host, found.writable, true, low - 1};
}

Place FindWindow(const Warp& w, uint32_t lane, Window window, uint64_t base) {
  const Memory& m = *w.memory;
  switch (window) {
    case Window::kShared:
      return Place{base, m.shared_bytes, m.shared, true, true};
    case Window::kLocal: {
      const uint64_t thread = uint64_t{w.index} * kLanes + lane;
      return Place{base, m.local_bytes, m.local + thread * m.local_bytes, true, false};
    }
    case Window::kParam:
      return Place{base, m.param_bytes, m.params, false, true};
    case Window::kGeneric:
    case Window::kGlobal:
      break;
  }
  return Place{};
}

}  // namespace

uint8_t* Resolve(Warp& w, const Op* op, uint32_t lane, Window window, uint64_t address,
                 uint32_t bytes, Touch touch) {
  const bool write = touch != Touch::kRead;
  Place place;
  if (window == Window::kGeneric && address >= kSharedBase && address < kGlobalBase) {
    const uint64_t base = address & ~(kSharedBase - 1);
    const Window inside = base == kSharedBase  ? Window::kShared
                          : base == kLocalBase ? Window::kLocal
                                               : Window::kParam;
    place = FindWindow(w, lane, inside, base);
  } else if (window == Window::kGeneric || window == Window::kGlobal) {
    place = FindAllocation(*w.memory, address);
  } else {
    place = FindWindow(w, lane, window, 0);
    place.remember = false;
  }
  const uint64_t offset = address - place.begin;
  if (address < place.begin || place.size < bytes || offset > place.size - bytes) {
    w.FailAccess(op, FaultKind::kOutOfBounds, lane, window, address, bytes, write);
    return nullptr;
  }
  if ((address & (bytes - 1)) != 0) {
    w.FailAccess(op, FaultKind::kMisaligned, lane, window, address, bytes, write);
    return nullptr;
  }
  if (write && !place.writable) {
    w.FailAccess(op, FaultKind::kReadOnly, lane, window, address, bytes, write);
    return nullptr;
  }
  uint8_t notes = 0;
  if (w.memory->accesses != nullptr && place.allocation != SIZE_MAX) {
    ThreadAccesses& accesses = *w.memory->accesses;
    if (!accesses.Note(place.allocation, address, bytes, touch, &notes)) {
      w.Fail(op, FaultKind::kNone, lane);
      return nullptr;
    }
    if (uint8_t* const aside = accesses.AsideOf(place.allocation)) place.host = aside;
  }
  if (place.remember) {
    w.memory->sites[op->target] = Site{place.begin, place.size, place.host, place.writable, notes};
  }
  return place.host + offset;
}

}  // namespace souk::gpu::cpu
