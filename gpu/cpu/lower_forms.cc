// Lowering of each form of instruction (choose.h): operands in, internal instructions out.
#include <cstdlib>

#include "gpu/cpu/lower.h"
#include "gpu/cpu/lower_types.h"

namespace souk::gpu::cpu {

using ptx::Operand;
using ptx::OperandKind;
using ptx::Type;

Status Lowering::Plain(const Choice& choice, Operands operands) {
  const bool lop3 = choice.fn == Fn::kLop3;
  if (operands.size() != size_t{1} + choice.sources + (lop3 ? 1 : 0)) return Refuse("operands");
  ASSIGN_OR_RETURN(const uint32_t dst, Dest(operands[0], choice.dst));
  uint32_t source[4] = {kNoReg, kNoReg, kNoReg, kNoReg};
  for (size_t i = 0; i < choice.sources; ++i) {
    const Operand& operand = operands[i + 1];
    if (choice.source[i] == Type::kPred) {
      ASSIGN_OR_RETURN(source[i], Condition(operand));
    } else {
      ASSIGN_OR_RETURN(source[i], Source(operand, choice.source[i]));
    }
  }
  uint64_t imm = choice.imm;
  if (lop3) {
    if (operands[4].kind != OperandKind::kInteger) return Refuse("the table must be a constant");
    imm = operands[4].value & 0xff;
  }
  Inst& inst = Emit(choice.fn, choice.ty, dst, source[0], source[1], source[2]);
  inst.imm = imm;
  if (source[3] != kNoReg) AddExtra(inst, source[3], false);
  return Ok();
}

Status Lowering::Carry(const Choice& choice, Operands operands) {
  if (operands.size() != size_t{1} + choice.sources) return Refuse("operands");
  ASSIGN_OR_RETURN(const uint32_t dst, Dest(operands[0], choice.dst));
  uint32_t source[3] = {kNoReg, kNoReg, kNoReg};
  for (size_t i = 0; i < choice.sources; ++i) {
    ASSIGN_OR_RETURN(source[i], Source(operands[i + 1], choice.source[i]));
  }
  Inst& inst = Emit(choice.fn, choice.ty, dst, source[0], source[1], at_->carry);
  inst.imm = choice.imm;
  if (source[2] != kNoReg) AddExtra(inst, source[2], false);
  return Ok();
}

Status Lowering::MovVector(Operands operands) {
  const bool packs = operands[1].kind == OperandKind::kVector;
  const Operands parts = at_->function->Elements(operands[packs ? 1 : 0]);
  const uint32_t whole_bits = ptx::TypeBits(operation_->type);
  if (parts.empty() || whole_bits % parts.size() != 0) return Refuse("elements");
  const uint32_t bits = whole_bits / static_cast<uint32_t>(parts.size());
  Ty ty = Ty::kNone;
  if (whole_bits == 32 && bits == 16) ty = Ty::kU16;
  if (whole_bits == 64 && bits == 32) ty = Ty::kU32;
  if (whole_bits == 64 && bits == 16) ty = Ty::kU64;
  if (whole_bits == 16 && bits == 8) ty = Ty::kU8;
  if (whole_bits == 32 && bits == 8) ty = Ty::kS8;
  if (ty == Ty::kNone) return Refuse("elements of this width");
  const Type element = bits == 8 ? Type::kU8 : UnsignedOfBytes(bits / 8);
  std::vector<uint32_t> regs;
  for (const Operand& part : parts) {
    if (packs) {
      ASSIGN_OR_RETURN(const uint32_t reg, Source(part, element));
      regs.push_back(reg);
    } else {
      ASSIGN_OR_RETURN(const uint32_t reg, Dest(part, element));
      regs.push_back(reg);
    }
  }
  uint32_t whole = kNoReg;
  if (packs) {
    ASSIGN_OR_RETURN(whole, Dest(operands[0], operation_->type));
  } else {
    ASSIGN_OR_RETURN(whole, Source(operands[1], operation_->type));
  }
  Inst& inst = Emit(packs ? Fn::kPack : Fn::kUnpack, ty);
  (packs ? inst.dst : inst.a) = whole;
  inst.count = static_cast<uint16_t>(regs.size());
  for (const uint32_t reg : regs) AddExtra(inst, reg, /*is_def=*/!packs);
  return Ok();
}

Status Lowering::Mov(Operands operands) {
  if (operands.size() != 2) return Refuse("operands");
  if (operands[0].kind == OperandKind::kVector || operands[1].kind == OperandKind::kVector) {
    return MovVector(operands);
  }
  const Type type = UnsignedOfBytes(NaturalBytes(operation_->type));
  ASSIGN_OR_RETURN(const uint32_t dst, Dest(operands[0], operation_->type));
  uint32_t source = kNoReg;
  if (type == Type::kPred) {
    ASSIGN_OR_RETURN(source, Condition(operands[1]));
  } else {
    ASSIGN_OR_RETURN(source, Source(operands[1], operation_->type));
  }
  Emit(Fn::kMov, TyOf(type), dst, source);
  return Ok();
}

Status Lowering::Cvt(const Choice& choice, Operands operands) {
  if (operands.size() != size_t{1} + choice.sources) return Refuse("operands");
  if (choice.fn == Fn::kCvtPack) {
    ASSIGN_OR_RETURN(const uint32_t pair, Dest(operands[0], Type::kB32));
    ASSIGN_OR_RETURN(const uint32_t high, Source(operands[1], Type::kF32));
    ASSIGN_OR_RETURN(const uint32_t low, Source(operands[2], Type::kF32));
    Emit(choice.fn, choice.ty, pair, high, low).imm = choice.imm;
    return Ok();
  }
  const uint32_t source_bytes = NaturalBytes(choice.source[0]);
  ASSIGN_OR_RETURN(uint32_t source, WideSource(operands[1], choice.source[0]));
  if (ir_.regs[source].bytes != source_bytes) {
    const uint32_t low = NewReg(source_bytes);
    Emit(Fn::kCvt + Index(TyOf(UnsignedOfBytes(ir_.regs[source].bytes))),
         TyOf(UnsignedOfBytes(source_bytes)), low, source);
    source = low;
  }
  const uint32_t natural = NaturalBytes(choice.dst);
  if (operands[0].kind != OperandKind::kRegister) return Refuse("destination");
  ASSIGN_OR_RETURN(const uint32_t dst, Register(operands[0]));
  const uint32_t bytes = ir_.regs[dst].bytes;
  if (bytes < natural || bytes == 1) return Refuse("destination width");
  const uint32_t result = bytes == natural ? dst : NewReg(natural);
  Emit(choice.fn, choice.ty, result, source).imm = choice.imm;
  if (bytes != natural) {
    const bool is_signed = ptx::IsSigned(choice.dst);
    const Type from = is_signed ? SignedOfBytes(natural) : UnsignedOfBytes(natural);
    const Type to = is_signed ? SignedOfBytes(bytes) : UnsignedOfBytes(bytes);
    Emit(Fn::kCvt + Index(TyOf(from)), TyOf(to), dst, result);
  }
  return Ok();
}

Status Lowering::CompareInto(uint32_t dst, ptx::Compare compare, Type type, uint32_t a,
                             uint32_t b) {
  using ptx::Compare;
  Type t = type;
  if (compare == Compare::kLo) compare = Compare::kLt;
  if (compare == Compare::kLs) compare = Compare::kLe;
  if (compare == Compare::kHi) compare = Compare::kGt;
  if (compare == Compare::kHs) compare = Compare::kGe;
  if (!ptx::IsFloat(type) && (compare == Compare::kEq || compare == Compare::kNe)) {
    t = UnsignedOfBytes(ptx::TypeBytes(type));
  }
  const Ty ty = TyOf(t);
  const auto index = static_cast<uint32_t>(compare);
  if (ty == Ty::kF16 || ty == Ty::kBf16) {
    Emit(Fn::kSetp, ty, dst, a, b).imm = index | (operation_->ftz ? kFtz << 8 : 0);
  } else if (ty == Ty::kF32 && operation_->ftz) {
    Emit(Fn::kSetp + index, Ty::kNone, dst, a, b);
  } else {
    Emit(Fn::kSetp + index, ty, dst, a, b);
  }
  return Ok();
}

// pred = pred BOOL c, where the operation has a third source (setp.lt.and, set.gt.or).
Status Lowering::Combined(uint32_t pred, Operands operands, size_t third) {
  Fn fn = Fn::kNone;
  switch (operation_->combine) {
    case ptx::Combine::kNone:
      return operands.size() == third ? Ok() : Refuse("operands");
    case ptx::Combine::kAnd:
      fn = Fn::kAnd;
      break;
    case ptx::Combine::kOr:
      fn = Fn::kOr;
      break;
    case ptx::Combine::kXor:
      fn = Fn::kXor;
      break;
    default:
      return Refuse("operation");
  }
  if (operands.size() != third + 1) return Refuse("operands");
  ASSIGN_OR_RETURN(const uint32_t c, Condition(operands[third]));
  Emit(fn, Ty::kPred, pred, pred, c);
  return Ok();
}

// p = (a CMP b) BOOL c, q = !(a CMP b) BOOL c.
Status Lowering::Setp(Operands operands) {
  if (operands.size() < 3) return Refuse("operands");
  uint32_t p = kNoReg;
  uint32_t q = kNoReg;
  RETURN_IF_ERROR(PairDest(operands[0], Type::kPred, &p, &q));
  ASSIGN_OR_RETURN(const uint32_t a, Source(operands[1], operation_->type));
  ASSIGN_OR_RETURN(const uint32_t b, Source(operands[2], operation_->type));
  if (q == kNoReg && operation_->combine == ptx::Combine::kNone) {
    if (operands.size() != 3) return Refuse("operands");
    return CompareInto(p, operation_->compare, operation_->type, a, b);
  }
  const uint32_t holds = NewReg(1);
  RETURN_IF_ERROR(CompareInto(holds, operation_->compare, operation_->type, a, b));
  const uint32_t fails = NewReg(1);
  if (q != kNoReg) Emit(Fn::kNot, Ty::kPred, fails, holds);
  RETURN_IF_ERROR(Combined(holds, operands, 3));
  if (q != kNoReg) RETURN_IF_ERROR(Combined(fails, operands, 3));
  // The guard is read by both moves: where one writes it, that one comes last.
  const bool q_first = q != kNoReg && p == guard_;
  if (q_first) Emit(Fn::kMov, Ty::kPred, q, fails);
  Emit(Fn::kMov, Ty::kPred, p, holds);
  if (q != kNoReg && !q_first) Emit(Fn::kMov, Ty::kPred, q, fails);
  return Ok();
}

Status Lowering::Set(Operands operands) {
  if (operands.size() < 3) return Refuse("operands");
  const Type to = operation_->type;
  const Type from = operation_->type2;
  ASSIGN_OR_RETURN(const uint32_t dst, Dest(operands[0], to));
  ASSIGN_OR_RETURN(const uint32_t a, Source(operands[1], from));
  ASSIGN_OR_RETURN(const uint32_t b, Source(operands[2], from));
  const uint32_t holds = NewReg(1);
  RETURN_IF_ERROR(CompareInto(holds, operation_->compare, from, a, b));
  RETURN_IF_ERROR(Combined(holds, operands, 3));
  uint64_t one = ~uint64_t{0};
  if (to == Type::kF32) one = 0x3f800000;
  if (to == Type::kF16) one = 0x3c00;
  if (to == Type::kBf16) one = 0x3f80;
  const uint32_t bytes = NaturalBytes(to);
  Emit(Fn::kSelp, TyOf(UnsignedOfBytes(bytes)), dst, Constant(bytes, one), Constant(bytes, 0),
       holds);
  return Ok();
}

// set.CMP.f16x2.f16x2 and bf16x2: each half by itself. With u32 or s32 for a result each half of it
// is all ones where the comparison holds.
Status Lowering::HalfPairSet(Operands operands) {
  const Type pair = operation_->type2;
  const bool is_mask = operation_->type == Type::kU32 || operation_->type == Type::kS32;
  if (operands.size() < 3 || (operation_->type != pair && !is_mask)) return Refuse("type");
  const Type half = pair == Type::kF16x2 ? Type::kF16 : Type::kBf16;
  uint64_t one = half == Type::kF16 ? 0x3c00 : 0x3f80;
  if (is_mask) one = 0xffff;
  ASSIGN_OR_RETURN(const uint32_t dst, Dest(operands[0], operation_->type));
  uint32_t parts[2][2] = {};
  RETURN_IF_ERROR(UnpackPairs(operands, pair, parts));
  uint32_t results[2] = {NewReg(2), NewReg(2)};
  for (size_t i = 0; i < 2; ++i) {
    const uint32_t holds = NewReg(1);
    RETURN_IF_ERROR(CompareInto(holds, operation_->compare, half, parts[0][i], parts[1][i]));
    RETURN_IF_ERROR(Combined(holds, operands, 3));
    Emit(Fn::kSelp, Ty::kU16, results[i], Constant(2, one), Constant(2, 0), holds);
  }
  PackPair(dst, results);
  return Ok();
}

// The halves of operands 1 and 2, in registers of this instruction's own.
Status Lowering::UnpackPairs(Operands operands, Type pair, uint32_t (&parts)[2][2]) {
  for (size_t i = 0; i < 2; ++i) {
    ASSIGN_OR_RETURN(const uint32_t whole, Source(operands[i + 1], pair));
    for (uint32_t& part : parts[i]) part = NewReg(2);
    Inst& unpack = Emit(Fn::kUnpack, Ty::kU16);
    unpack.guard = kNoReg;
    unpack.guard_flip = false;
    unpack.a = whole;
    unpack.count = 2;
    AddExtra(unpack, parts[i][0], true);
    AddExtra(unpack, parts[i][1], true);
  }
  return Ok();
}

void Lowering::PackPair(uint32_t dst, const uint32_t (&halves)[2]) {
  Inst& pack = Emit(Fn::kPack, Ty::kU16);
  pack.dst = dst;
  pack.count = 2;
  AddExtra(pack, halves[0], false);
  AddExtra(pack, halves[1], false);
}

// add, min, max of .u16x2 and .s16x2.
Status Lowering::IntegerPair(const Choice& choice, Operands operands) {
  if (operands.size() != 3) return Refuse("operands");
  ASSIGN_OR_RETURN(const uint32_t dst, Dest(operands[0], Type::kB32));
  uint32_t parts[2][2] = {};
  RETURN_IF_ERROR(UnpackPairs(operands, Type::kB32, parts));
  uint32_t results[2] = {};
  for (size_t i = 0; i < 2; ++i) {
    results[i] = NewReg(2);
    Emit(choice.fn, choice.ty, results[i], parts[0][i], parts[1][i]);
    if (!operation_->relu) continue;
    const uint32_t positive = NewReg(2);
    Emit(Fn::kMax, Ty::kS16, positive, results[i], Constant(2, 0));
    results[i] = positive;
  }
  PackPair(dst, results);
  return Ok();
}

Status Lowering::Testp(Operands operands) {
  if (operands.size() != 2) return Refuse("operands");
  ASSIGN_OR_RETURN(const uint32_t dst, Dest(operands[0], Type::kPred));
  ASSIGN_OR_RETURN(const uint32_t a, Source(operands[1], operation_->type));
  Emit(Fn::kTestp, TyOf(operation_->type), dst, a).imm = static_cast<uint64_t>(operation_->test);
  return Ok();
}

// ---- Between lanes: the guard is branched around (One), so these are unguarded. ----

Status Lowering::Shuffle(Operands operands) {
  if (operands.size() != 5) return Refuse("operands");
  uint32_t dst = kNoReg;
  uint32_t pred = kNoReg;
  RETURN_IF_ERROR(PairDest(operands[0], Type::kB32, &dst, &pred));
  ASSIGN_OR_RETURN(const uint32_t a, Source(operands[1], Type::kB32));
  ASSIGN_OR_RETURN(const uint32_t b, Source(operands[2], Type::kB32));
  ASSIGN_OR_RETURN(const uint32_t c, Source(operands[3], Type::kB32));
  ASSIGN_OR_RETURN(const uint32_t members, Source(operands[4], Type::kB32));
  Fn fn = Fn::kShflIdx;
  if (operation_->shuffle == ptx::ShuffleMode::kUp) fn = Fn::kShflUp;
  if (operation_->shuffle == ptx::ShuffleMode::kDown) fn = Fn::kShflDown;
  if (operation_->shuffle == ptx::ShuffleMode::kBfly) fn = Fn::kShflBfly;
  Inst& inst = Emit(fn, Ty::kU32);
  inst.dst = dst;
  inst.a = a;
  inst.b = b;
  inst.c = c;
  AddExtra(inst, members, false);
  if (pred != kNoReg) AddExtra(inst, pred, true);
  inst.count = inst.extra_count;
  return Ok();
}

Status Lowering::Vote(Operands operands) {
  if (operands.size() != 3) return Refuse("operands");
  const bool ballot = operation_->vote == ptx::VoteMode::kBallot;
  ASSIGN_OR_RETURN(const uint32_t dst, Dest(operands[0], ballot ? Type::kB32 : Type::kPred));
  ASSIGN_OR_RETURN(const uint32_t a, Condition(operands[1]));
  ASSIGN_OR_RETURN(const uint32_t members, Source(operands[2], Type::kB32));
  Fn fn = Fn::kVoteBallot;
  if (operation_->vote == ptx::VoteMode::kAll) fn = Fn::kVoteAll;
  if (operation_->vote == ptx::VoteMode::kAny) fn = Fn::kVoteAny;
  if (operation_->vote == ptx::VoteMode::kUni) fn = Fn::kVoteUni;
  Inst& inst = Emit(fn, ballot ? Ty::kU32 : Ty::kPred);
  inst.dst = dst;
  inst.a = a;
  AddExtra(inst, members, false);
  return Ok();
}

Status Lowering::Match(Operands operands) {
  if (operands.size() != 3) return Refuse("operands");
  uint32_t dst = kNoReg;
  uint32_t pred = kNoReg;
  RETURN_IF_ERROR(PairDest(operands[0], Type::kB32, &dst, &pred));
  ASSIGN_OR_RETURN(const uint32_t a, Source(operands[1], operation_->type));
  ASSIGN_OR_RETURN(const uint32_t members, Source(operands[2], Type::kB32));
  const bool all = operation_->vote == ptx::VoteMode::kAll;
  Inst& inst = Emit(all ? Fn::kMatchAll : Fn::kMatchAny,
                    ptx::TypeBits(operation_->type) == 64 ? Ty::kU64 : Ty::kU32);
  inst.dst = dst;
  inst.a = a;
  AddExtra(inst, members, false);
  if (pred != kNoReg) AddExtra(inst, pred, true);
  inst.count = inst.extra_count;
  return Ok();
}

Status Lowering::Redux(Operands operands) {
  if (operands.size() != 3) return Refuse("operands");
  ASSIGN_OR_RETURN(const uint32_t dst, Dest(operands[0], operation_->type));
  ASSIGN_OR_RETURN(const uint32_t a, Source(operands[1], operation_->type));
  ASSIGN_OR_RETURN(const uint32_t members, Source(operands[2], Type::kB32));
  Inst& inst = Emit(Fn::kRedux, TyOf(operation_->type));
  inst.dst = dst;
  inst.a = a;
  inst.imm = static_cast<uint64_t>(operation_->combine);
  AddExtra(inst, members, false);
  return Ok();
}

Status Lowering::Elect(Operands operands) {
  if (operands.size() != 2) return Refuse("operands");
  uint32_t dst = kNoReg;
  uint32_t pred = kNoReg;
  RETURN_IF_ERROR(PairDest(operands[0], Type::kB32, &dst, &pred));
  ASSIGN_OR_RETURN(const uint32_t members, Source(operands[1], Type::kB32));
  if (pred == kNoReg) pred = NewReg(1);
  Inst& inst = Emit(Fn::kElect, Ty::kU32);
  inst.dst = dst;
  AddExtra(inst, members, false);
  AddExtra(inst, pred, true);
  return Ok();
}

Status Lowering::WarpSync(Operands operands) {
  if (operands.size() != 1) return Refuse("operands");
  ASSIGN_OR_RETURN(const uint32_t members, Source(operands[0], Type::kB32));
  AddExtra(Emit(Fn::kWarpSync, Ty::kNone), members, false);
  return Ok();
}

Status Lowering::Barrier(Operands operands) {
  const bool red = operation_->barrier == ptx::BarrierMode::kRed;
  uint64_t bits = operation_->aligned ? kBarrierAligned : 0;
  if (operation_->barrier == ptx::BarrierMode::kArrive) bits |= kBarrierArrive;
  uint32_t dst = kNoReg;
  uint32_t pred = kNoReg;
  Operands rest = operands;
  if (red) {
    if (operands.size() < 3) return Refuse("operands");
    const bool popc = operation_->combine == ptx::Combine::kPopc;
    ASSIGN_OR_RETURN(dst, Dest(operands[0], popc ? Type::kU32 : Type::kPred));
    ASSIGN_OR_RETURN(pred, Condition(operands.back()));
    bits |= popc                                        ? kBarrierRedPopc
            : operation_->combine == ptx::Combine::kAnd ? kBarrierRedAnd
                                                        : kBarrierRedOr;
    rest = operands.subspan(1, operands.size() - 2);
  }
  if (rest.empty() || rest.size() > 2) return Refuse("operands");
  ASSIGN_OR_RETURN(const uint32_t id, Source(rest[0], Type::kU32));
  uint32_t threads = kNoReg;
  if (rest.size() == 2) {
    ASSIGN_OR_RETURN(threads, Source(rest[1], Type::kU32));
    bits |= kBarrierCounted;
  }
  Inst& inst = Emit(Fn::kBarrier, Ty::kNone);
  inst.dst = dst;
  inst.a = id;
  inst.b = threads;
  inst.c = pred;
  inst.imm = bits;
  return Ok();
}

// ---- Control ----

Status Lowering::Branch(Operands operands) {
  if (operands.size() != 1 || operands[0].kind != OperandKind::kLabel) return Refuse("operands");
  Emit(guard_ == kNoReg ? Fn::kJump : Fn::kBranch, Ty::kNone).target =
      at_->labels[operands[0].index];
  return Ok();
}

Status Lowering::BranchIndexed(Operands operands) {
  if (operands.size() != 2 || operands[1].kind != OperandKind::kTable) return Refuse("operands");
  const ptx::TargetTable& table = at_->function->tables[operands[1].index];
  if (table.is_calls || table.targets.empty() || table.targets.size() > 0xffff) {
    return Refuse("table");
  }
  ASSIGN_OR_RETURN(const uint32_t index, Source(operands[0], Type::kU32));
  // Each branch has an edge to each target, though the table itself stands once.
  RETURN_IF_ERROR(Charge(table.targets.size()));
  uint32_t& first = at_->tables[operands[1].index];
  if (first == kNoReg) {
    first = static_cast<uint32_t>(ir_.tables.size());
    for (const uint32_t label : table.targets) ir_.tables.push_back(at_->labels[label]);
  }
  Inst& inst = Emit(Fn::kBranchIndexed, Ty::kNone);
  inst.a = index;
  inst.target = first;
  inst.count = static_cast<uint16_t>(table.targets.size());
  return Ok();
}

Status Lowering::Dispatch(const Choice& choice, Operands operands, uint32_t depth) {
  switch (choice.form) {
    case Form::kPlain:
      return Plain(choice, operands);
    case Form::kNothing:
      return Ok();
    case Form::kMov:
      return Mov(operands);
    case Form::kLoad:
      return Load(operands);
    case Form::kStore:
      return Store(operands);
    case Form::kAtom:
      return Atom(operands, /*has_result=*/true);
    case Form::kRed:
      return Atom(operands, /*has_result=*/false);
    case Form::kCvt:
      return Cvt(choice, operands);
    case Form::kCvta:
      return Cvta(operands);
    case Form::kIsspacep:
      return Isspacep(operands);
    case Form::kSetp:
      return Setp(operands);
    case Form::kSet:
      return Set(operands);
    case Form::kTestp:
      return Testp(operands);
    case Form::kHalfPairSet:
      return HalfPairSet(operands);
    case Form::kIntegerPair:
      return IntegerPair(choice, operands);
    case Form::kVideo:
      return VideoInstruction(operands);
    case Form::kCarry:
      return Carry(choice, operands);
    case Form::kShuffle:
      return Shuffle(operands);
    case Form::kVote:
      return Vote(operands);
    case Form::kMatch:
      return Match(operands);
    case Form::kRedux:
      return Redux(operands);
    case Form::kElect:
      return Elect(operands);
    case Form::kWarpSync:
      return WarpSync(operands);
    case Form::kMatrix:
      return MatrixInstruction(operands);
    case Form::kBarrier:
      return Barrier(operands);
    case Form::kCopyAsync:
      return CopyAsync(operands);
    case Form::kCopyArrive:
      return CopyArrive(operands);
    case Form::kCopyBulk:
      return CopyBulk(operands);
    case Form::kMbarrier:
      return MbarrierInstruction(operands);
    case Form::kAsyncGroup:
      return AsyncGroup(operands);
    case Form::kBranch:
      return Branch(operands);
    case Form::kBranchIndexed:
      return BranchIndexed(operands);
    case Form::kExit:
      Emit(Fn::kExit, Ty::kNone);
      return Ok();
    case Form::kReturn:
      if (at_->after == kNoLabel) {
        Emit(Fn::kExit, Ty::kNone);
      } else {
        Emit(guard_ == kNoReg ? Fn::kJump : Fn::kBranch, Ty::kNone).target = at_->after;
      }
      return Ok();
    case Form::kTrap:
      Emit(Fn::kTrap, Ty::kNone);
      return Ok();
    case Form::kCall:
      return Call(operands, depth);
    case Form::kAlloca:
      return Alloca(operands);
    case Form::kStackSave:
      return StackSave(operands);
    case Form::kStackRestore:
      return StackRestore(operands);
    case Form::kCachePolicy:
      return CachePolicy(operands);
  }
  std::abort();
}

}  // namespace souk::gpu::cpu
