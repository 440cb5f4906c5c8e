// The observing handlers, and how undefined values pass through registers: one bit a lane for each
// register that may hold one, and where it is set which of the lane's bits are open. How these pass
// through an operation is said in check_bits.h.
#include <cstring>

#include "gpu/cpu/checker.h"
#include "gpu/cpu/matrix.h"

namespace souk::gpu::cpu {
namespace {

// What a handler of these does: tell, then run.
template <void (Checker::*kTell)(Warp&, const Op*, const WatchedOp&)>
const Op* Observe(Warp& w, const Op* op) {
  Checker& checker = *w.memory->checker;
  const WatchedOp& p = checker.PlanOf(w, op);
  (checker.*kTell)(w, op, p);
  return p.run[w.full](w, op);
}

// The same of what may give a NaN, which is seen once it has run.
const Op* ObserveFloat(Warp& w, const Op* op) {
  Checker& checker = *w.memory->checker;
  const WatchedOp& p = checker.PlanOf(w, op);
  const uint32_t mask = w.Mask(op);
  checker.Compute(w, op, p);
  const Op* const next = p.run[w.full](w, op);
  checker.NoteNans(w, op, p, mask);
  return next;
}

// The same of what touches memory, which stops where the records become too many.
template <void (Checker::*kTell)(Warp&, const Op*, const WatchedOp&)>
const Op* ObserveMemory(Warp& w, const Op* op) {
  Checker& checker = *w.memory->checker;
  const WatchedOp& p = checker.PlanOf(w, op);
  (checker.*kTell)(w, op, p);
  if (checker.exhausted()) [[unlikely]]
    return w.Fail(op, FaultKind::kUnchecked, 0);
  return p.run[w.full](w, op);
}

// Whether the active lanes go through a warp-level instruction now: the others that they name are
// there or have exited, or all have met already (Warp::PassMembers).
bool Passes(Warp& w, const Op* op) {
  const uint32_t away = w.live & ~w.active;
  if (away == 0) return true;
  const uint32_t* const m = w.Lanes<uint32_t>(w.extra[op->extra]);
  uint32_t members = 0;
  for (uint32_t left = w.active; left != 0; left &= left - 1) members |= m[__builtin_ctz(left)];
  return (members & away) == 0 || (w.active & ~w.released) == 0;
}

// The same of those between lanes: what comes out is known once the lanes are there.
template <void (Checker::*kTell)(Warp&, const Op*, const WatchedOp&)>
const Op* ObserveMeeting(Warp& w, const Op* op) {
  Checker& checker = *w.memory->checker;
  const WatchedOp& p = checker.PlanOf(w, op);
  if (Passes(w, op)) (checker.*kTell)(w, op, p);
  return p.run[w.full](w, op);
}

// ISA shfl.sync: the lane that lane i reads; its own, with *inside false, beyond its segment.
uint32_t SourceLane(Fn mode, uint32_t lane, uint32_t b, uint32_t c, bool* inside) {
  const uint32_t value = b & 31;
  const uint32_t segment = (c >> 8) & 31;
  const uint32_t clamp = c & 31;
  const uint32_t most = (lane & segment) | (clamp & ~segment);
  uint32_t j = lane;
  switch (mode) {
    case Fn::kShflUp:
      *inside = static_cast<int32_t>(lane - value) >= static_cast<int32_t>(most);
      j = lane - value;
      break;
    case Fn::kShflDown:
      j = lane + value;
      *inside = j <= most;
      break;
    case Fn::kShflBfly:
      j = lane ^ value;
      *inside = j <= most;
      break;
    default:  // kShflIdx
      j = (lane & segment) | (value & ~segment);
      *inside = j <= most;
      break;
  }
  return *inside ? j & 31 : lane;
}

// bytes: of a lane.
uint32_t ZeroLanes(const Warp& w, uint32_t slot, uint32_t bytes) {
  uint32_t lanes = 0;
  for (uint32_t i = 0; i < kLanes; ++i) {
    uint64_t value = 0;
    std::memcpy(&value, w.regs + slot + i * bytes, bytes);
    lanes |= uint32_t{value == 0} << i;
  }
  return lanes;
}

// Lanes of a division whose result no operand fixes.
uint32_t OpenQuotients(Warp& w, const Op* op, const WatchedOp& p) {
  if (p.fn != Fn::kFns) return ZeroLanes(w, op->b, p.bytes);
  const uint32_t* const base = w.Lanes<uint32_t>(op->b);
  uint32_t lanes = 0;
  for (int i = 0; i < kLanes; ++i) lanes |= uint32_t{base[i] > 31} << i;  // "must be <= 31"
  return lanes;
}

// Of the elements of mov's {a, b} (Fn::kPack).
uint32_t BitsOfPart(Ty ty) {
  return ty == Ty::kU8 || ty == Ty::kS8 ? 8 : ty == Ty::kU32 ? 32 : 16;
}

}  // namespace

Handler ObservingHandler(Watch watch) {
  switch (watch) {
    case Watch::kNothing:
      return nullptr;
    case Watch::kPlain:
    case Watch::kPack:
    case Watch::kDivide:
      return &Observe<&Checker::Compute>;
    case Watch::kUnpack:
      return &Observe<&Checker::Unpack>;
    case Watch::kForget:
      return &Observe<&Checker::Forget>;
    case Watch::kFloat:
      return &ObserveFloat;
    case Watch::kLoad:
      return &ObserveMemory<&Checker::Load>;
    case Watch::kStore:
      return &ObserveMemory<&Checker::Store>;
    case Watch::kAtom:
      return &ObserveMemory<&Checker::Atom>;
    case Watch::kCopyAsync:
      return &ObserveMemory<&Checker::CopyAsync>;
    case Watch::kAsyncGroup:
      return &ObserveMemory<&Checker::AsyncGroup>;
    case Watch::kShuffle:
      return &ObserveMeeting<&Checker::Shuffle>;
    case Watch::kVote:
    case Watch::kWholeWarp:  // a vote without a result
      return &ObserveMeeting<&Checker::Vote>;
    case Watch::kMultiply:
      return &Observe<&Checker::Multiply>;
    case Watch::kDistribute:
      return &Observe<&Checker::Distribute>;
    case Watch::kElect:
      return &ObserveMeeting<&Checker::Choose>;
    case Watch::kActivemask:
      return &Observe<&Checker::Choose>;
    case Watch::kWarpSync:
      return &Observe<&Checker::WarpSync>;
    case Watch::kBranch:
    case Watch::kExit:
      return &Observe<&Checker::Branch>;
    case Watch::kBarrier:
      return &ObserveMemory<&Checker::Barrier>;
    case Watch::kPrint:
      return &ObserveMemory<&Checker::Print>;
  }
  return nullptr;
}

void Checker::Undefine(const Warp& w, uint32_t tracked, uint32_t lanes, uint32_t bad,
                       uint32_t origin, const uint64_t* open) {
  if (tracked == kUntracked) return;
  uint32_t& mask = Undefined(w)[tracked];
  mask = (mask & ~lanes) | bad;
  if (bad == 0) return;
  Origin(w)[tracked] = origin;
  uint64_t* const row = Open(w, tracked);
  if (open == row) return;
  for (uint32_t left = bad; left != 0; left &= left - 1) {
    const uint32_t lane = static_cast<uint32_t>(__builtin_ctz(left));
    row[lane] = open != nullptr ? open[lane] : UINT64_MAX;
  }
}

void Checker::Define(Warp& w, const WatchedOp& p, uint32_t lanes) {
  for (uint32_t i = 0; i < p.def_count; ++i) {
    Undefined(w)[plan_->tracked[p.defs + i]] &= ~lanes;
  }
}

void Checker::MustBeDefined(Warp& w, const Op* op, uint32_t tracked, uint32_t lanes,
                            const char* decides) {
  if (tracked == kUntracked) return;
  uint32_t& mask = Undefined(w)[tracked];
  const uint32_t bad = mask & lanes;
  if (bad == 0) return;
  ReportUndefined(Origin(w)[tracked], w, op, static_cast<uint32_t>(__builtin_ctz(bad)), decides);
  mask &= ~lanes;
}

void Checker::AllMustBeDefined(Warp& w, const Op* op, const WatchedOp& p, uint32_t lanes,
                               const char* decides) {
  for (uint32_t i = 0; i < p.use_count; ++i) {
    MustBeDefined(w, op, plan_->tracked[p.uses + i], lanes, decides);
  }
}

OpenValue Checker::ValueOf(Warp& w, uint32_t slot, uint32_t bytes, uint32_t tracked,
                           uint32_t lane) {
  OpenValue v;
  if (bytes == 0) return v;
  if (bytes == 1) {
    v.value = w.Predicate(slot) >> lane & 1;
  } else {
    std::memcpy(&v.value, w.regs + slot + lane * bytes, bytes);
  }
  v.open = OpenIn(w, tracked, lane) & BitsOfRegister(bytes);
  return v;
}

uint64_t Checker::OpenIn(const Warp& w, uint32_t tracked, uint32_t lane) {
  const bool undefined = tracked != kUntracked && (Undefined(w)[tracked] >> lane & 1) != 0;
  return undefined ? Open(w, tracked)[lane] : 0;
}

uint64_t Checker::OpenResult(Warp& w, const Op* op, const WatchedOp& p, uint32_t lane,
                             uint32_t* from) {
  OpenOperation o;
  o.fn = p.fn;
  o.ty = p.ty;
  o.imm = op->imm;
  o.a = ValueOf(w, op->a, p.a_bytes, p.a, lane);
  o.b = ValueOf(w, op->b, p.b_bytes, p.b, lane);
  o.c = ValueOf(w, op->c, p.c_bytes, p.c, lane);
  o.alike = p.a_bytes != 0 && p.a_bytes == p.b_bytes && op->a == op->b;
  uint32_t extra = kUntracked;
  for (uint32_t i = 0; i < p.element_count && o.d.open == 0; ++i) {
    extra = plan_->tracked[p.elements + i];
    o.d.open = OpenIn(w, extra, lane);
  }
  if (p.fn == Fn::kBfi) o.d.value = w.Lanes<uint32_t>(w.extra[op->extra])[lane];
  if (p.reads != Ty::kNone) {
    for (OpenValue* v : {&o.a, &o.b, &o.c}) {
      if (!IsNanWhatever(p.reads, *v)) continue;
      if (p.nan_decides) return 0;
      v->open = 0;
    }
  }
  // What is not chosen has no part in it.
  if (p.fn == Fn::kSelp && o.c.open == 0) (o.c.value != 0 ? o.b : o.a).open = 0;
  *from = o.a.open != 0 ? p.a : o.b.open != 0 ? p.b : o.c.open != 0 ? p.c : extra;
  return OpenBitsOf(o) & BitsOfRegister(p.def_bytes);
}

uint32_t Checker::ComputeOpen(Warp& w, const Op* op, const WatchedOp& p, uint32_t lanes,
                              OpenLanes& open) {
  uint32_t first = kUntracked;
  for (uint32_t left = lanes; left != 0; left &= left - 1) {
    const uint32_t lane = static_cast<uint32_t>(__builtin_ctz(left));
    uint32_t from = kUntracked;
    open[lane] = OpenResult(w, op, p, lane, &from);
    if (open[lane] != 0 && first == kUntracked) first = from;
  }
  return first;
}

uint32_t Checker::PackOpen(Warp& w, const WatchedOp& p, uint32_t lanes, OpenLanes& open) {
  uint32_t first = kUntracked;
  const uint32_t bits = BitsOfPart(p.ty);
  for (uint32_t e = 0; e < p.element_count; ++e) {
    const uint32_t part = plan_->tracked[p.elements + e];
    for (uint32_t left = lanes; left != 0; left &= left - 1) {
      const uint32_t lane = static_cast<uint32_t>(__builtin_ctz(left));
      const uint64_t here = OpenIn(w, part, lane) & LowBits(bits);
      if (here != 0 && first == kUntracked) first = part;
      open[lane] |= here << bits * e;
    }
  }
  return first;
}

void Checker::Unpack(Warp& w, const Op* op, const WatchedOp& p) {
  const uint32_t mask = w.Mask(op);
  const uint32_t unsure = p.guard == kUntracked ? 0 : Undefined(w)[p.guard] & w.active;
  const uint32_t whole = p.a == kUntracked ? 0 : Undefined(w)[p.a] & mask;
  const uint32_t bits = BitsOfPart(p.ty);
  for (uint32_t e = 0; e < p.element_count; ++e) {
    OpenLanes open = {};
    uint32_t bad = unsure;
    for (uint32_t left = unsure | whole; left != 0; left &= left - 1) {
      const uint32_t lane = static_cast<uint32_t>(__builtin_ctz(left));
      const bool wholly = (unsure >> lane & 1) != 0;
      open[lane] = wholly ? UINT64_MAX : OpenIn(w, p.a, lane) >> bits * e & LowBits(bits);
      if (open[lane] != 0) bad |= uint32_t{1} << lane;
    }
    const uint32_t origin = bad == 0      ? kNeverWritten
                            : unsure != 0 ? Origin(w)[p.guard]
                                          : Origin(w)[p.a];
    Undefine(w, plan_->tracked[p.elements + e], mask, bad, origin, open.data());
  }
}

void Checker::Compute(Warp& w, const Op* op, const WatchedOp& p) {
  const uint32_t mask = w.Mask(op);
  uint32_t touched = 0;  // lanes in which an operand is undefined
  for (uint32_t i = 0; i < p.use_count; ++i) {
    touched |= Undefined(w)[plan_->tracked[p.uses + i]] & mask;
  }
  uint32_t wholly = 0;
  uint32_t origin = static_cast<uint32_t>(op - w.code);
  if (p.watch == Watch::kDivide) wholly = OpenQuotients(w, op, p) & mask & ~touched;
  // Whether it is written at all is as undefined as the guard.
  if (p.guard != kUntracked && (Undefined(w)[p.guard] & w.active) != 0) {
    if (wholly == 0) origin = Origin(w)[p.guard];
    wholly |= Undefined(w)[p.guard] & w.active;
  }
  if ((touched | wholly) == 0) return Define(w, p, mask);
  OpenLanes open = {};
  touched &= ~wholly;
  const uint32_t from = p.watch == Watch::kPack ? PackOpen(w, p, touched, open)
                                                : ComputeOpen(w, op, p, touched, open);
  if (from != kUntracked) origin = Origin(w)[from];
  uint32_t bad = wholly;
  for (uint32_t lane = 0; lane < kLanes; ++lane) {
    if ((wholly >> lane & 1) != 0) open[lane] = UINT64_MAX;
    if (open[lane] != 0) bad |= uint32_t{1} << lane;
  }
  for (uint32_t i = 0; i < p.def_count; ++i) {
    Undefine(w, plan_->tracked[p.defs + i], mask, bad, origin, open.data());
  }
}

void Checker::NoteNans(Warp& w, const Op* op, const WatchedOp& p, uint32_t mask) {
  const uint32_t tracked = plan_->tracked[p.defs];
  const uint32_t bytes = ElementBytes(p.makes);
  uint32_t nans = 0;
  for (uint32_t left = mask & ~Undefined(w)[tracked]; left != 0; left &= left - 1) {
    const uint32_t lane = static_cast<uint32_t>(__builtin_ctz(left));
    uint64_t value = 0;
    std::memcpy(&value, w.regs + op->dst + lane * bytes, bytes);
    const uint64_t open = OpenBitsOfNan(p.makes, value);
    if (open == 0) continue;
    Open(w, tracked)[lane] = open;
    nans |= uint32_t{1} << lane;
  }
  if (nans == 0) return;
  Undefined(w)[tracked] |= nans;
  Origin(w)[tracked] = static_cast<uint32_t>(op - w.code);
}

void Checker::Forget(Warp& w, const Op* op, const WatchedOp& p) {
  const uint32_t mask = w.Mask(op);
  for (uint32_t i = 0; i < p.def_count; ++i) {
    Undefine(w, plan_->tracked[p.defs + i], mask, mask, kNeverWritten);
  }
  if (p.forgotten == 0) return;
  for (uint32_t left = mask; left != 0; left &= left - 1) {
    const uint64_t thread = ActorOf(w, op, static_cast<uint32_t>(__builtin_ctz(left))).thread;
    std::memset(local_defined_.data() + thread * local_bytes_ + (p.forgotten & UINT32_MAX),
                kNothing, p.forgotten >> 32);
  }
}

// Every lane that is named must be at this instruction, or have exited, and name itself.
void Checker::CheckMembers(Warp& w, const Op* op, const WatchedOp& p) {
  MustBeDefined(w, op, p.members, w.active, "which lanes take part");
  const uint32_t* const members = w.Lanes<uint32_t>(w.extra[op->extra]);
  const uint32_t away = w.live & ~w.active;
  for (uint32_t left = w.active; left != 0; left &= left - 1) {
    const uint32_t lane = static_cast<uint32_t>(__builtin_ctz(left));
    const bool names_itself = ((members[lane] >> lane) & 1) != 0;
    if (names_itself && (members[lane] & away) == 0) continue;
    return ReportAbsent(w, op, lane);
  }
}

void Checker::ReportAbsent(const Warp& w, const Op* op, uint32_t lane) {
  const auto pc = static_cast<uint32_t>(op - w.code);
  const uint32_t thread = ActorOf(w, op, lane).thread;
  Report(FindingKind::kAbsentLane, pc, block_ - uint64_t{1}, thread, pc, thread, Spot{});
}

void Checker::Shuffle(Warp& w, const Op* op, const WatchedOp& p) {
  CheckMembers(w, op, p);
  const uint32_t active = w.active;
  const uint32_t* const undefined = Undefined(w);
  const auto of = [&](uint32_t tracked) {
    return tracked == kUntracked ? 0 : undefined[tracked] & active;
  };
  const uint32_t value = of(p.a);
  const uint32_t choice = of(p.b) | of(p.c);
  const uint32_t pc = static_cast<uint32_t>(op - w.code);
  const uint32_t* const b = w.Lanes<uint32_t>(op->b);
  const uint32_t* const c = w.Lanes<uint32_t>(op->c);
  const uint32_t* const members = w.Lanes<uint32_t>(w.extra[op->extra]);
  uint32_t absent = 0;
  uint32_t received = 0;
  OpenLanes open = {};
  for (uint32_t left = active; left != 0; left &= left - 1) {
    const uint32_t lane = static_cast<uint32_t>(__builtin_ctz(left));
    bool inside = false;
    const uint32_t from = SourceLane(p.fn, lane, b[lane], c[lane], &inside);
    const bool there = ((active & members[lane]) >> from & 1) != 0;
    open[lane] = UINT64_MAX;
    if (inside && !there) {
      absent |= uint32_t{1} << lane;
    } else if (((value >> from) & 1) != 0) {
      received |= uint32_t{1} << lane;
      if (((choice >> lane) & 1) == 0) open[lane] = Open(w, p.a)[from];
    }
  }
  uint32_t origin = pc;
  if (absent == 0 && received != 0) origin = Origin(w)[p.a];
  if (absent == 0 && received == 0 && choice != 0) {
    origin = of(p.b) != 0 ? Origin(w)[p.b] : Origin(w)[p.c];
  }
  Undefine(w, plan_->tracked[p.elements], active, absent | received | choice, origin, open.data());
  Undefine(w, plan_->tracked[p.elements + 1], active, choice, origin);
}

// Of the lanes that name the same members one undefined operand decides for all.
void Checker::Vote(Warp& w, const Op* op, const WatchedOp& p) {
  CheckMembers(w, op, p);
  uint32_t bad = p.a == kUntracked ? 0 : Undefined(w)[p.a] & w.active;
  uint32_t all = bad;
  const uint32_t* const members = w.Lanes<uint32_t>(w.extra[op->extra]);
  for (; bad != 0; bad &= bad - 1) all |= members[__builtin_ctz(bad)] & w.active;
  const uint32_t origin = all != 0 ? Origin(w)[p.a] : kNeverWritten;
  for (uint32_t i = 0; i < p.def_count; ++i) {
    Undefine(w, plan_->tracked[p.defs + i], w.active, all, origin);
  }
}

// One undefined element makes all of D so: which others it would leave alone is not looked at.
void Checker::Multiply(Warp& w, const Op*, const WatchedOp& p) {
  uint32_t origin = kNeverWritten;
  bool bad = false;
  for (uint32_t i = 0; i < p.use_count && !bad; ++i) {
    const uint32_t tracked = plan_->tracked[p.uses + i];
    bad = Undefined(w)[tracked] != 0;
    if (bad) origin = Origin(w)[tracked];
  }
  for (uint32_t i = 0; i < p.def_count; ++i) {
    Undefine(w, plan_->tracked[p.defs + i], w.active, bad ? w.active : 0, origin);
  }
}

void Checker::Distribute(Warp& w, const Op* op, const WatchedOp& p) {
  const bool transposed = (op->imm & kTransposed) != 0;
  const uint32_t* const elements = plan_->tracked.data() + p.elements;
  uint32_t words[kRowWords] = {};
  uint32_t origins[kRowWords] = {};
  for (uint32_t i = 0; i < kRowWords; ++i) {
    const uint32_t tracked = elements[op->count + i];
    if (tracked == kUntracked) continue;
    words[i] = Undefined(w)[tracked];
    origins[i] = Origin(w)[tracked];
  }
  for (uint32_t matrix = 0; matrix < op->count; ++matrix) {
    uint32_t bad = 0;
    uint32_t origin = kNeverWritten;
    for (uint32_t lane = 0; lane < kLanes; ++lane) {
      for (uint32_t half = 0; half < 2; ++half) {
        const RowPlace from = SourceOf(lane, matrix, half, transposed);
        if ((words[from.word] >> from.lane & 1) == 0) continue;
        bad |= uint32_t{1} << lane;
        origin = origins[from.word];
      }
    }
    Undefine(w, elements[matrix], w.active, bad, origin);
  }
}

// activemask, elect: which lanes run together, or are elected, is the device's affair.
void Checker::Choose(Warp& w, const Op* op, const WatchedOp& p) {
  if (p.watch == Watch::kElect) CheckMembers(w, op, p);
  const uint32_t mask = w.Mask(op);
  for (uint32_t i = 0; i < p.def_count; ++i) {
    Undefine(w, plan_->tracked[p.defs + i], mask, mask, static_cast<uint32_t>(op - w.code));
  }
}

void Checker::Branch(Warp& w, const Op* op, const WatchedOp& p) {
  MustBeDefined(w, op, p.guard, w.active, "which way it goes");
  AllMustBeDefined(w, op, p, w.active, "which way it goes");
  if (!p.uniform) return;
  // ISA bra: .uni is "guaranteed to be non-divergent"; nothing is said of one that is not.
  const uint32_t mask = w.Mask(op);
  bool alike = mask == 0 || mask == w.active;
  if (p.indexed) {
    const uint32_t* const index = w.Lanes<uint32_t>(op->a);
    const uint32_t first = index[__builtin_ctz(w.active)];
    for (uint32_t left = w.active; left != 0; left &= left - 1) {
      alike = alike && index[__builtin_ctz(left)] == first;
    }
  }
  if (alike) return;
  const auto pc = static_cast<uint32_t>(op - w.code);
  const uint64_t thread = ActorOf(w, op, static_cast<uint32_t>(__builtin_ctz(w.active))).thread;
  Report(FindingKind::kUnspecified, pc, block_ - uint64_t{1}, thread, pc, thread, Spot{});
}

// bar.warp.sync orders memory among the lanes that meet (PTX ISA 9.7.13). They may meet at
// different instructions (Warp::ReleaseMembers): those that came first are remembered, and meet
// once the last has come or left, before any of them goes on.
void Checker::WarpSync(Warp& w, const Op* op, const WatchedOp& p) {
  MustBeDefined(w, op, p.members, w.active, "which lanes take part");
  const uint32_t* const m = w.Lanes<uint32_t>(w.extra[op->extra]);
  // A lane that its mask does not name meets nobody (ISA bar.warp.sync: undefined).
  for (uint32_t left = w.active; left != 0; left &= left - 1) {
    const auto lane = static_cast<uint32_t>(__builtin_ctz(left));
    if ((m[lane] >> lane & 1) == 0) return ReportAbsent(w, op, lane);
  }
  uint32_t members = 0;
  for (uint32_t left = w.active; left != 0; left &= left - 1) members |= m[__builtin_ctz(left)];
  std::vector<Meeting>& meetings = meetings_[w.index];
  for (Meeting& meeting : meetings) {
    if (meeting.members != members) continue;
    meeting.lanes |= w.active;
    if ((members & w.live & ~meeting.lanes) != 0) return;
    clocks_.MeetLanes(w.index, meeting.lanes);
    meeting = meetings.back();
    meetings.pop_back();
    return;
  }
  if ((w.active & ~w.released) == 0 && (w.live & ~w.active) != 0) return;  // they have met
  if (!Passes(w, op)) {
    meetings.push_back(Meeting{members, w.active});
    return;
  }
  // Lanes with different masks meet apart.
  for (uint32_t left = w.active; left != 0;) {
    const uint32_t mask = m[__builtin_ctz(left)];
    uint32_t group = 0;
    for (uint32_t rest = left; rest != 0; rest &= rest - 1) {
      const int lane = __builtin_ctz(rest);
      if (m[lane] == mask) group |= uint32_t{1} << lane;
    }
    clocks_.MeetLanes(w.index, group);
    left &= ~group;
  }
  if (clocks_.exhausted()) exhausted_ = true;
}

void Checker::Barrier(Warp& w, const Op* op, const WatchedOp& p) {
  AllMustBeDefined(w, op, p, w.active, "its barrier");
  Define(w, p, w.active);
  if (clocks_.exhausted()) exhausted_ = true;
  if ((op->imm & kBarrierArrive) == 0) return;
  const uint32_t id = w.Lanes<uint32_t>(op->a)[__builtin_ctz(w.active)];
  if (id < kBarriers) clocks_.Arrive(id, w.index, w.active);
}

}  // namespace souk::gpu::cpu
