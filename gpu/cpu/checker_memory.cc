// What the checking mode does at each access: looks at the records of what it touches, and joins
// them. A record keeps the last write and the reads (and atomics) since; what is dropped from one
// comes before what stays, so that whoever is ordered after what stays is ordered after all.
#include <algorithm>
#include <cstring>

#include "gpu/cpu/checker.h"

namespace souk::gpu::cpu {

RecordRegion* Checker::FindRegion(uint64_t address, uint64_t bytes) {
  if (last_region_ != nullptr && last_region_->Contains(address, bytes)) return last_region_;
  size_t low = 0;
  size_t high = regions_.size();
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if (regions_[middle].begin <= address) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low == 0 || !regions_[low - 1].Contains(address, bytes)) return nullptr;
  last_region_ = &regions_[low - 1];
  return last_region_;
}

bool Checker::InVariable(const Warp& w, const Op* op, uint32_t lane, Space space, uint64_t address,
                         uint32_t bytes) {
  const bool shared = space == Space::kShared;
  const std::vector<uint64_t>& slots = shared ? shared_slots_ : plan_->local_slots;
  const uint64_t slot = shared ? kSharedSlot : kLocalSlot;
  const uint64_t size = slots[address / slot];
  if (size >= bytes && address % slot <= size - bytes) [[likely]]
    return true;
  const Actor a = ActorOf(w, op, lane);
  const Spot spot = {space, nullptr, address, nullptr};
  Report(FindingKind::kStrayAddress, PcOf(a.who), block_ - uint64_t{1}, a.thread, PcOf(a.who),
         a.thread, spot);
  return false;
}

bool Checker::Locate(const Warp& w, const Op* op, uint32_t lane, Window window, uint64_t address,
                     uint32_t bytes, Spot* spot) {
  if ((address & (bytes - 1)) != 0) return false;
  if (window == Window::kGeneric && address >= kSharedBase && address < kGlobalBase) {
    const uint64_t base = address & ~(kSharedBase - 1);
    window = base == kSharedBase  ? Window::kShared
             : base == kLocalBase ? Window::kLocal
                                  : Window::kParam;
    address -= base;
  }
  switch (window) {
    case Window::kShared:
      if (!shared_.Contains(address, bytes)) return false;
      if (!InVariable(w, op, lane, Space::kShared, address, bytes)) return false;
      *spot = {Space::kShared, &shared_, address, shared_defined_.data() + address};
      return true;
    case Window::kLocal: {
      if (local_bytes_ < bytes || address > local_bytes_ - bytes) return false;
      if (!InVariable(w, op, lane, Space::kLocal, address, bytes)) return false;
      const uint64_t thread = uint64_t{w.index} * kLanes + lane;
      *spot = {Space::kLocal, nullptr, address,
               local_defined_.data() + thread * local_bytes_ + address};
      return true;
    }
    case Window::kParam:
      return false;
    case Window::kGeneric:
    case Window::kGlobal:
      break;
  }
  RecordRegion* const region = FindRegion(address, bytes);
  if (region == nullptr) return false;
  *spot = {Space::kGlobal, region, address - region->begin, nullptr};
  return IsOwn(w, op, PlanOf(w, op), lane, *spot);
}

// Where buffers lie is the device's affair: none may be reached from another.
bool Checker::IsOwn(const Warp& w, const Op* op, const WatchedOp& p, uint32_t lane,
                    const Spot& spot) {
  bool known = false;
  for (uint64_t left = p.sources; left != 0; left &= left - 1) {
    const RecordRegion* const region = sources_[static_cast<size_t>(__builtin_ctzll(left))];
    if (region == spot.region) return true;
    known = known || region != nullptr;
  }
  if (!known) return true;
  const Actor a = ActorOf(w, op, lane);
  Report(FindingKind::kStrayAddress, PcOf(a.who), block_ - uint64_t{1}, a.thread, PcOf(a.who),
         a.thread, spot);
  return true;
}

bool Checker::LocateOperand(const Warp& w, const Op* op, const WatchedOp& p, uint32_t lane,
                            uint32_t bytes, Spot* spot) {
  const bool narrow = (op->flags & kNarrowAddress) != 0;
  uint64_t address = 0;
  if (narrow) {
    std::memcpy(&address, w.regs + op->a + lane * 4, 4);
  } else {
    std::memcpy(&address, w.regs + op->a + lane * 8, 8);
  }
  address += op->imm;
  // Handlers add in 32 bits within the windows.
  const bool in_window = p.window != Window::kGeneric && p.window != Window::kGlobal;
  if (narrow && in_window) address &= 0xffffffff;
  return Locate(w, op, lane, p.window, address, bytes, spot);
}

// Calls act(page, index) for each record of the place. An access is aligned to its size, so that it
// lies in one page.
template <typename F>
void Checker::ForRecords(const Spot& spot, uint32_t bytes, F act) {
  RecordPage& page = spot.region->pages[spot.offset / RecordPage::kBytes];
  const bool whole_words = ((spot.offset | bytes) & 3) == 0;
  if (page.records == nullptr && !page.Make(budget_)) exhausted_ = true;
  if (!exhausted_ && !whole_words && page.shift != 0 && !page.Split(budget_)) exhausted_ = true;
  if (exhausted_) return;
  const auto in_page = static_cast<uint32_t>(spot.offset % RecordPage::kBytes);
  const uint32_t last = (in_page + bytes - 1) >> page.shift;
  for (uint32_t i = in_page >> page.shift; i <= last && !exhausted_; ++i) act(page, i);
}

template <bool kShared>
void Checker::CheckWriter(const AccessRecord& r, const Spot& spot, const Actor& a) {
  if (r.write_block == 0 || (kShared && r.write_block != block_)) return;
  const uint32_t writer = ThreadOf(r.writer);
  if (r.write_block == block_ && clocks_.Ordered(writer, r.write_time, a.thread)) return;
  Report(r.write_block == block_ ? FindingKind::kRace : FindingKind::kBlockConflict, PcOf(r.writer),
         r.write_block - uint64_t{1}, writer, PcOf(a.who), a.thread, spot);
}

// atomics: the actor's is an atomic too, of a kind that does not commute with the party's.
template <bool kShared>
void Checker::CheckParty(const Party& party, const Spot& spot, const Actor& a, bool atomics) {
  if (party.block == 0 || (kShared && party.block != block_)) return;
  const bool foreign = party.block != block_ || party.other_block() != 0;
  const uint32_t warp = ThreadOf(party.who) / kLanes;
  uint64_t thread = FindingAccess::kUnknown;
  if (!foreign) {
    if (party.time < clocks_.floor()) return;
    if (party.warps()) {
      if (clocks_.WarpsOrdered(party.mask, party.time, a.thread)) return;
    } else {
      const uint32_t own = warp == a.warp ? uint32_t{1} << a.lane : 0;
      const uint32_t others = party.mask & ~own;
      if (others == 0 || clocks_.LanesOrdered(warp, others, party.time, a.thread)) return;
      for (uint32_t left = others; left != 0; left &= left - 1) {
        const uint32_t lane = static_cast<uint32_t>(__builtin_ctz(left));
        if (clocks_.LanesOrdered(warp, uint32_t{1} << lane, party.time, a.thread)) continue;
        thread = warp * kLanes + lane;
        break;
      }
    }
  }
  const uint32_t block = party.block != block_ ? party.block
                         : foreign             ? party.other_block()
                                               : party.block;
  const FindingKind kind = atomics   ? FindingKind::kAtomicOrder
                           : foreign ? FindingKind::kBlockConflict
                                     : FindingKind::kRace;
  Report(kind, PcOf(party.who), block - uint64_t{1}, thread, PcOf(a.who), a.thread, spot);
}

template <bool kShared>
void Checker::Join(Party& party, const Actor& a) {
  const uint32_t bit = uint32_t{1} << a.lane;
  const uint32_t now = clocks_.now();
  if (party.block != block_) {
    const uint32_t other = kShared ? 0 : party.block;
    party = {block_, other, now, bit, a.who};
    return;
  }
  const uint32_t warp = ThreadOf(party.who) / kLanes;
  const bool over = party.time < clocks_.floor();
  if (!party.warps() && warp == a.warp) {
    // Of one time, as the lanes of one instruction are: nothing orders them.
    const bool ordered =
        over || (party.time != now && clocks_.LanesOrdered(warp, party.mask, party.time, a.thread));
    party.mask = ordered ? bit : party.mask | bit;
  } else if (over ||
             (party.warps() ? clocks_.WarpsOrdered(party.mask, party.time, a.thread)
                            : clocks_.LanesOrdered(warp, party.mask, party.time, a.thread))) {
    party.mask = bit;
    party.other &= ~Party::kWarps;
  } else {
    if (!party.warps()) party.mask = uint32_t{1} << warp;
    party.mask |= uint32_t{1} << a.warp;
    party.other |= Party::kWarps;
  }
  party.time = now;
  party.who = a.who;
}

template <bool kShared>
void Checker::ReadRecord(RecordPage& page, uint32_t i, const Spot& spot, const Actor& a) {
  AccessRecord& r = page.records[i];
  CheckWriter<kShared>(r, spot, a);
  if (page.atomics != nullptr) {
    CheckParty<kShared>(page.atomics[i].party, spot, a, /*atomics=*/false);
  }
  Join<kShared>(r.readers, a);
}

void Checker::Read(const Spot& spot, uint32_t bytes, const Actor& a) {
  if (spot.space == Space::kShared) {
    ForRecords(spot, bytes,
               [&](RecordPage& page, uint32_t i) { ReadRecord<true>(page, i, spot, a); });
  } else if (spot.space == Space::kGlobal) {
    ForRecords(spot, bytes,
               [&](RecordPage& page, uint32_t i) { ReadRecord<false>(page, i, spot, a); });
  }
}

void Checker::Write(const Spot& spot, uint32_t bytes, const Actor& a, uint32_t time) {
  if (spot.region == nullptr) return;
  const bool shared = spot.space == Space::kShared;
  ForRecords(spot, bytes, [&](RecordPage& page, uint32_t i) {
    AccessRecord& r = page.records[i];
    AtomicRecord* const atomic = page.atomics != nullptr ? &page.atomics[i] : nullptr;
    if (shared) {
      CheckWriter<true>(r, spot, a);
      CheckParty<true>(r.readers, spot, a, /*atomics=*/false);
      if (atomic != nullptr) CheckParty<true>(atomic->party, spot, a, /*atomics=*/false);
    } else {
      CheckWriter<false>(r, spot, a);
      CheckParty<false>(r.readers, spot, a, /*atomics=*/false);
      if (atomic != nullptr) CheckParty<false>(atomic->party, spot, a, /*atomics=*/false);
    }
    r = {block_, time, a.who, {}};
    if (atomic != nullptr) *atomic = {};
  });
}

void Checker::DoAtomic(const Spot& spot, uint32_t bytes, const Actor& a, uint8_t kind) {
  if (spot.region == nullptr) return;
  const bool shared = spot.space == Space::kShared;
  ForRecords(spot, bytes, [&](RecordPage& page, uint32_t i) {
    if (page.atomics == nullptr && !page.MakeAtomics(budget_)) {
      exhausted_ = true;
      return;
    }
    const AccessRecord& r = page.records[i];
    AtomicRecord& atomic = page.atomics[i];
    const bool commutes = kind != kOrderShows && atomic.kind == kind;
    if (shared) {
      CheckWriter<true>(r, spot, a);
      CheckParty<true>(r.readers, spot, a, /*atomics=*/false);
      if (!commutes) CheckParty<true>(atomic.party, spot, a, /*atomics=*/true);
      Join<true>(atomic.party, a);
    } else {
      CheckWriter<false>(r, spot, a);
      CheckParty<false>(r.readers, spot, a, /*atomics=*/false);
      if (!commutes) CheckParty<false>(atomic.party, spot, a, /*atomics=*/true);
      Join<false>(atomic.party, a);
    }
    atomic.kind = kind;
  });
}

uint32_t Checker::UndefinedElements(const Spot& spot, uint32_t bytes, uint32_t count) {
  if (spot.defined == nullptr) return 0;
  uint32_t undefined = 0;
  for (uint32_t e = 0; e < count; ++e) {
    for (uint32_t k = 0; k < bytes; ++k) {
      if (spot.defined[e * bytes + k] != kValue) undefined |= uint32_t{1} << e;
    }
  }
  return undefined;
}

uint64_t Checker::OpenBitsOfElement(const uint8_t* defined, uint32_t bytes) {
  uint64_t open = 0;
  for (uint32_t k = 0; k < bytes; ++k) open |= uint64_t{OpenBitsOfByte(defined[k])} << 8 * k;
  return open;
}

void Checker::Load(Warp& w, const Op* op, const WatchedOp& p) {
  const uint32_t mask = w.Mask(op);
  MustBeDefined(w, op, p.guard, w.active, "whether it runs");
  MustBeDefined(w, op, p.a, mask, "its address");
  const uint32_t count = op->count;
  const auto pc = static_cast<uint32_t>(op - w.code);
  const bool is_signed = p.ty == Ty::kS8 || p.ty == Ty::kS16 || p.ty == Ty::kS32;
  uint32_t undefined[32] = {};  // by element: lanes
  for (uint32_t left = mask; left != 0; left &= left - 1) {
    const uint32_t lane = static_cast<uint32_t>(__builtin_ctz(left));
    Spot spot;
    if (!LocateOperand(w, op, p, lane, p.bytes * count, &spot)) continue;
    if (spot.space != Space::kLocal) Read(spot, p.bytes * count, ActorOf(w, op, lane));
    if (p.non_coherent && spot.space == Space::kGlobal)
      NoteReadOnly(spot, p.bytes * count, w, op, lane);
    const uint32_t elements = UndefinedElements(spot, p.bytes, count);
    if (elements == 0) continue;
    NoteUndefinedLoad(pc, spot, p.bytes * count);
    for (uint32_t e = 0; e < count; ++e) {
      const uint32_t value = plan_->tracked[p.elements + e];
      if (((elements >> e) & 1) == 0 || value == kUntracked) continue;
      undefined[e] |= uint32_t{1} << lane;
      Open(w, value)[lane] =
          ExtendOpen(OpenBitsOfElement(spot.defined + e * p.bytes, p.bytes), p.bytes, is_signed);
    }
  }
  for (uint32_t e = 0; e < count; ++e) {
    const uint32_t value = plan_->tracked[p.elements + e];
    if (value == kUntracked) continue;
    Undefine(w, value, mask, undefined[e], pc, Open(w, value));
  }
}

void Checker::NoteUndefinedLoad(uint32_t pc, const Spot& spot, uint32_t bytes) {
  undefined_loads_.try_emplace(pc, spot);
  const auto of_nan = [](uint8_t what) { return what != kNothing && what != kValue; };
  if (std::any_of(spot.defined, spot.defined + bytes, of_nan)) nan_loads_.insert(pc);
}

// ISA ld.global.nc: the memory is read-only for as long as the kernel runs. What this block wrote
// before, even the same thread, may be read as it was.
void Checker::NoteReadOnly(const Spot& spot, uint32_t bytes, const Warp& w, const Op* op,
                           uint32_t lane) {
  const Actor a = ActorOf(w, op, lane);
  ForRecords(spot, bytes, [&](RecordPage& page, uint32_t i) {
    const AccessRecord& r = page.records[i];
    if (r.write_block != block_) return;  // another block's is a conflict already
    Report(FindingKind::kStaleRead, PcOf(r.writer), block_ - uint64_t{1}, ThreadOf(r.writer),
           PcOf(a.who), a.thread, spot);
  });
}

void Checker::Store(Warp& w, const Op* op, const WatchedOp& p) {
  const uint32_t mask = w.Mask(op);
  MustBeDefined(w, op, p.guard, w.active, "whether it runs");
  MustBeDefined(w, op, p.a, mask, "its address");
  const uint32_t count = op->count;
  const uint32_t* const undefined = Undefined(w);
  for (uint32_t left = mask; left != 0; left &= left - 1) {
    const uint32_t lane = static_cast<uint32_t>(__builtin_ctz(left));
    Spot spot;
    if (!LocateOperand(w, op, p, lane, p.bytes * count, &spot)) continue;
    Write(spot, p.bytes * count, ActorOf(w, op, lane), clocks_.now());
    for (uint32_t e = 0; e < count; ++e) {
      const uint32_t value = plan_->tracked[p.elements + e];
      const bool is_undefined = value != kUntracked && ((undefined[value] >> lane) & 1) != 0;
      const uint64_t open = is_undefined ? Open(w, value)[lane] : 0;
      if (spot.defined != nullptr) {
        StoreOpen(spot.defined + e * p.bytes, p.bytes, open,
                  is_undefined && IsOfNan(Origin(w)[value]));
      } else if ((open & LowBits(8 * p.bytes)) != 0) {
        ReportUndefined(Origin(w)[value], w, op, lane, "what global memory holds");
      }
    }
  }
}

void Checker::StoreOpen(uint8_t* defined, uint32_t bytes, uint64_t open, bool of_nan) {
  for (uint32_t k = 0; k < bytes; ++k) {
    const auto bits = static_cast<uint8_t>(~(open >> 8 * k));
    defined[k] = of_nan ? std::max(bits, kOfNan) : bits == kValue ? kValue : kNothing;
  }
}

void Checker::Atom(Warp& w, const Op* op, const WatchedOp& p) {
  const uint32_t mask = w.Mask(op);
  MustBeDefined(w, op, p.guard, w.active, "whether it runs");
  AllMustBeDefined(w, op, p, mask, "its operand");
  const auto pc = static_cast<uint32_t>(op - w.code);
  for (uint32_t left = mask; left != 0; left &= left - 1) {
    const uint32_t lane = static_cast<uint32_t>(__builtin_ctz(left));
    Spot spot;
    if (!LocateOperand(w, op, p, lane, p.bytes, &spot)) continue;
    DoAtomic(spot, p.bytes, ActorOf(w, op, lane), p.atomic);
    if (UndefinedElements(spot, p.bytes, 1) != 0) {
      NoteUndefinedLoad(pc, spot, p.bytes);
      ReportUndefined(pc, w, op, lane, "what it finds");
    }
    if (spot.defined != nullptr) std::memset(spot.defined, kValue, p.bytes);
  }
  Define(w, p, mask);
}

// What its arguments point at is looked at as it is read.
void Checker::Print(Warp& w, const Op* op, const WatchedOp& p) {
  const uint32_t mask = w.Mask(op);
  MustBeDefined(w, op, p.guard, w.active, "whether it runs");
  AllMustBeDefined(w, op, p, mask, "its operand");
  Define(w, p, mask);
}

void Checker::HandOver(Warp& w, const Op* op, uint32_t lane, uint64_t address, uint32_t bytes) {
  Spot spot;
  if (exhausted_ || !Locate(w, op, lane, Window::kGeneric, address, bytes, &spot)) return;
  Read(spot, bytes, ActorOf(w, op, lane));
  if (UndefinedElements(spot, bytes, 1) == 0) return;
  const auto pc = static_cast<uint32_t>(op - w.code);
  NoteUndefinedLoad(pc, spot, bytes);
  ReportUndefined(pc, w, op, lane, "what is printed");
}

// ---- cp.async (PTX ISA 9.7.9.25): the copy may happen at any time until its thread has waited for
// it. Until then it counts as an access of nobody that any other is ordered with. ----

void Checker::CopyAsync(Warp& w, const Op* op, const WatchedOp& p) {
  const uint32_t mask = w.Mask(op);
  MustBeDefined(w, op, p.guard, w.active, "whether it runs");
  AllMustBeDefined(w, op, p, mask, "its operand");
  const auto bytes = static_cast<uint32_t>(op->imm);
  for (uint32_t left = mask; left != 0; left &= left - 1) {
    const uint32_t lane = static_cast<uint32_t>(__builtin_ctz(left));
    const Actor a = ActorOf(w, op, lane);
    Copy copy;
    copy.shared = w.Lanes<uint64_t>(op->a)[lane];
    copy.global = w.Lanes<uint64_t>(op->b)[lane];
    copy.bytes = bytes;
    copy.read = w.Lanes<uint32_t>(op->c)[lane];
    copy.pc = PcOf(a.who);
    copy.time = clocks_.now();
    Spot to;
    if (!Locate(w, op, lane, Window::kShared, copy.shared, bytes, &to)) continue;
    Write(to, bytes, a, Clocks::kNever);
    std::memset(to.defined, kValue, bytes);
    Spot from;
    if (copy.read != 0 && Locate(w, op, lane, Window::kGlobal, copy.global, bytes, &from)) {
      Read(from, bytes, a);
    }
    if (!budget_.Take(sizeof(Copy))) {
      exhausted_ = true;
      return;
    }
    ThreadCopies& copies = copies_[a.thread];
    copy.group = copies.committed;
    copies.open.push_back(copy);
  }
}

void Checker::AsyncGroup(Warp& w, const Op* op, const WatchedOp& p) {
  MustBeDefined(w, op, p.guard, w.active, "whether it runs");
  for (uint32_t left = w.Mask(op); left != 0; left &= left - 1) {
    const uint32_t lane = static_cast<uint32_t>(__builtin_ctz(left));
    const auto found = copies_.find(w.index * kLanes + lane);
    if (found == copies_.end()) continue;
    ThreadCopies& copies = found->second;
    if (op->imm == kAsyncCommit) {
      ++copies.committed;
    } else if (op->imm == kAsyncWaitAll) {
      CompleteCopies(found->first, copies, copies.committed + 1);
    } else {
      const uint64_t kept = op->imm - kAsyncWait;
      if (kept < copies.committed) {
        CompleteCopies(found->first, copies, copies.committed - static_cast<uint32_t>(kept));
      }
    }
  }
}

// Copies of groups before this one have happened: as if their thread had made them now.
void Checker::CompleteCopies(uint32_t thread, ThreadCopies& copies, uint32_t before) {
  while (!copies.open.empty() && copies.open.front().group < before) {
    const Copy copy = copies.open.front();
    copies.open.pop_front();
    budget_.Give(sizeof(Copy));
    const Actor a = {thread, thread / kLanes, thread % kLanes, MakeOpOfThread(copy.pc, thread)};
    const Spot to = {Space::kShared, &shared_, copy.shared, nullptr};
    ForRecords(to, copy.bytes, [&](RecordPage& page, uint32_t i) {
      AccessRecord& r = page.records[i];
      const bool pending = r.write_block == block_ && r.writer == a.who;
      if (pending && r.write_time == Clocks::kNever) r.write_time = clocks_.now();
    });
    RecordRegion* const region = copy.read != 0 ? FindRegion(copy.global, copy.bytes) : nullptr;
    if (region == nullptr) continue;
    const Spot from = {Space::kGlobal, region, copy.global - region->begin, nullptr};
    Read(from, copy.bytes, a);
    // Nor is it ordered with what its own thread stored there meanwhile.
    ForRecords(from, copy.bytes, [&](RecordPage& page, uint32_t i) {
      const AccessRecord& r = page.records[i];
      const bool own = r.write_block == block_ && ThreadOf(r.writer) == thread;
      if (!own || r.write_time < copy.time) return;
      Report(FindingKind::kRace, copy.pc, block_ - uint64_t{1}, thread, PcOf(r.writer), thread,
             from);
    });
  }
}

}  // namespace souk::gpu::cpu
