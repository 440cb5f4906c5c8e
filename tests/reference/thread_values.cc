// Instructions on registers alone: sources in, a rule's result out.
#include <span>

#include "gpu/ptx/operands.h"
#include "reference/thread.h"

namespace souk::reference {

using ptx::Combine;
using ptx::Opcode;
using ptx::Operand;
using ptx::OperandKind;
using ptx::Operation;
using ptx::Type;

namespace {

// What set writes for true: all ones, or 1.0 (ISA 9.7.6.1, 9.7.7.1).
uint64_t TrueOf(Type type) {
  switch (type) {
    case Type::kF32:
      return 0x3f800000;
    case Type::kF16:
      return 0x3c00;
    case Type::kBf16:
      return 0x3f80;
    default:
      return Truncate(type, ~uint64_t{0});
  }
}

bool Combined(Combine combine, bool a, bool b) {
  switch (combine) {
    case Combine::kAnd:
      return a && b;
    case Combine::kOr:
      return a || b;
    case Combine::kXor:
      return a != b;
    default:
      return a;
  }
}

Part PartOf(ptx::Component component) {
  switch (component) {
    case ptx::Component::kB0:
      return Part::kB0;
    case ptx::Component::kB1:
      return Part::kB1;
    case ptx::Component::kB2:
      return Part::kB2;
    case ptx::Component::kB3:
      return Part::kB3;
    case ptx::Component::kH0:
      return Part::kH0;
    case ptx::Component::kH1:
      return Part::kH1;
    default:
      return Part::kAll;
  }
}

// ".h32", ".b7654" of a source: an element of the row {b, a} for each place; by default a's own,
// and b's own. Of the destination, ".h0", ".b20": which elements are written; by default all.
void FillSimd(std::span<const Operand> o, uint8_t ways, VideoOperands& v) {
  for (uint8_t i = 0; i < ways; ++i) {
    v.picks[0][i] = i;
    v.picks[1][i] = static_cast<uint8_t>(ways + i);
    v.written[i] = o[0].component == ptx::Component::kAll;
  }
  for (size_t source = 0; source < 2; ++source) {
    if (o[source + 1].component != ptx::Component::kPicks) continue;
    const ptx::Picks picks = ptx::Picks::Decode(o[source + 1].value);
    for (uint8_t i = 0; i < ways; ++i) v.picks[source][i] = picks.at[i];
  }
  if (o[0].component == ptx::Component::kPicks) {
    const ptx::Picks picks = ptx::Picks::Decode(o[0].value);
    for (uint8_t i = 0; i < picks.count; ++i) v.written[picks.at[i]] = true;
  } else if (o[0].component != ptx::Component::kAll) {
    const ptx::Component first = ways == 2 ? ptx::Component::kH0 : ptx::Component::kB0;
    v.written[static_cast<int>(o[0].component) - static_cast<int>(first)] = true;
  }
}

}  // namespace

Status Thread::Plain(const Operation& op, Operands o, Family family) {
  Sources s = {};
  if (o.empty() || o.size() - 1 > s.size()) return Error(Code::kUnsupported, "operands");
  for (size_t i = 0; i + 1 < o.size(); ++i) {
    ASSIGN_OR_RETURN(s[i], Fetch(o[i + 1], SourceType(op, i)));
  }
  const Type type = DestinationType(op);
  switch (family) {
    case Family::kInteger:
      return Write(o[0], type, IntegerResult(op, s));
    case Family::kBits:
      return Write(o[0], type, BitResult(op, s));
    case Family::kFloat: {
      // min, max of three (ISA 9.7.3.11): the first two, then the third.
      const bool three = (op.opcode == Opcode::kMin || op.opcode == Opcode::kMax) && o.size() == 4;
      const uint64_t first = FloatResult(op, s);
      return Write(o[0], type, three ? FloatResult(op, {first, s[2]}) : first);
    }
    case Family::kCvt:
      return Write(o[0], type, ConvertResult(op, s));
    case Family::kTestp:
      return Write(o[0], Type::kPred, TestResult(op, s[0]) ? 1 : 0);
    case Family::kSlct:
      return Write(o[0], type, SlctTakesFirst(op, s[2]) ? s[0] : s[1]);
    default: {
      const WithCarry r = CarryResult(op, s, carry_);
      if (op.cc) carry_ = r.carry;
      return Write(o[0], type, r.bits);
    }
  }
}

Status Thread::Approximation(const Operation& op, Operands o) {
  Sources s = {};
  for (size_t i = 0; i + 1 < o.size(); ++i) {
    ASSIGN_OR_RETURN(s[i], Fetch(o[i + 1], op.type));
  }
  // Of a pair each half by itself.
  Operation part = op;
  if (op.type == Type::kF16x2) part.type = Type::kF16;
  if (op.type == Type::kBf16x2) part.type = Type::kBf16;
  const uint32_t width = ptx::TypeBits(part.type);
  std::vector<Bounded> results;
  uint64_t bits = 0;
  for (uint32_t at = 0; at < ptx::TypeBits(op.type); at += width) {
    results.push_back(Approximate(part, {s[0] >> at, s[1] >> at}));
    bits |= Truncate(part.type, results.back().bits) << at;
  }
  RETURN_IF_ERROR(Write(o[0], op.type, bits));
  if (o[0].kind == OperandKind::kRegister) bounded_[o[0].index] = std::move(results);
  return Ok();
}

// ISA 9.7.8.5: d, and with a Boolean operation p = (d != 0) BoolOp q.
Status Thread::Lop3(const Operation& op, Operands o) {
  Sources s = {};
  for (size_t i = 0; i < 3; ++i) {
    ASSIGN_OR_RETURN(s[i], Fetch(o[i + 1], Type::kB32));
  }
  s[3] = o[4].value;
  const uint64_t d = BitResult(op, s);
  if (op.combine == Combine::kNone) return Write(o[0], Type::kB32, d);
  ASSIGN_OR_RETURN(const uint64_t q, Fetch(o[5], Type::kPred));
  const Operands pair = Parts(o[0]);
  RETURN_IF_ERROR(Write(pair[0], Type::kB32, d));
  return Write(pair[1], Type::kPred, Combined(op.combine, d != 0, q != 0) ? 1 : 0);
}

// ISA 9.7.6.1, 9.7.7.1: pairs compare half by half; with an integer result each half is all ones.
Status Thread::Set(const Operation& op, Operands o) {
  ASSIGN_OR_RETURN(const uint64_t a, Fetch(o[1], op.type2));
  ASSIGN_OR_RETURN(const uint64_t b, Fetch(o[2], op.type2));
  uint64_t c = 0;
  if (op.combine != Combine::kNone) {
    ASSIGN_OR_RETURN(c, Fetch(o[3], Type::kPred));
  }
  const bool pair = op.type2 == Type::kF16x2 || op.type2 == Type::kBf16x2;
  if (!pair) {
    const bool holds = Combined(op.combine, Holds(op, op.type2, a, b), c != 0);
    return Write(o[0], op.type, holds ? TrueOf(op.type) : 0);
  }
  const Type half = op.type2 == Type::kF16x2 ? Type::kF16 : Type::kBf16;
  const uint64_t one = ptx::IsFloat(op.type) ? TrueOf(half) : 0xffff;
  const bool low = Combined(op.combine, Holds(op, half, a, b), c != 0);
  const bool high = Combined(op.combine, Holds(op, half, a >> 16, b >> 16), c != 0);
  return Write(o[0], op.type, (high ? one << 16 : 0) | (low ? one : 0));
}

// ISA 9.7.6.2: p = (a CMP b) BoolOp c, q = !(a CMP b) BoolOp c; of pairs (9.7.7.2) p is the low
// half's, q the high half's.
Status Thread::Setp(const Operation& op, Operands o) {
  ASSIGN_OR_RETURN(const uint64_t a, Fetch(o[1], op.type));
  ASSIGN_OR_RETURN(const uint64_t b, Fetch(o[2], op.type));
  uint64_t c = 0;
  if (op.combine != Combine::kNone) {
    ASSIGN_OR_RETURN(c, Fetch(o[3], Type::kPred));
  }
  bool first = false;
  bool second = false;
  if (op.type == Type::kF16x2 || op.type == Type::kBf16x2) {
    const Type half = op.type == Type::kF16x2 ? Type::kF16 : Type::kBf16;
    first = Holds(op, half, a, b);
    second = Holds(op, half, a >> 16, b >> 16);
  } else {
    first = Holds(op, op.type, a, b);
    second = !first;
  }
  const Operands pair = Parts(o[0]);
  RETURN_IF_ERROR(Write(pair[0], Type::kPred, Combined(op.combine, first, c != 0) ? 1 : 0));
  if (pair.size() == 1) return Ok();
  return Write(pair[1], Type::kPred, Combined(op.combine, second, c != 0) ? 1 : 0);
}

// ISA 9.7.9.3, .4: elements pack low first.
Status Thread::Mov(const Operation& op, Operands o) {
  const uint32_t whole = ptx::TypeBits(op.type);
  const auto part_type = [&](size_t parts) {
    switch (whole / parts) {
      case 8:
        return Type::kB8;
      case 16:
        return Type::kB16;
      default:
        return Type::kB32;
    }
  };
  if (o[1].kind == OperandKind::kVector) {
    const Operands parts = Parts(o[1]);
    uint64_t bits = 0;
    for (size_t i = 0; i < parts.size(); ++i) {
      ASSIGN_OR_RETURN(const uint64_t part, Fetch(parts[i], part_type(parts.size())));
      bits |= part << (i * whole / parts.size());
    }
    return Write(o[0], op.type, bits);
  }
  ASSIGN_OR_RETURN(const uint64_t bits, Fetch(o[1], op.type));
  if (o[0].kind != OperandKind::kVector) return Write(o[0], op.type, bits);
  const Operands parts = Parts(o[0]);
  const Type type = part_type(parts.size());
  for (size_t i = 0; i < parts.size(); ++i) {
    RETURN_IF_ERROR(Write(parts[i], type, Truncate(type, bits >> (i * whole / parts.size()))));
  }
  return Ok();
}

Status Thread::Video(const Operation& op, Operands o) {
  VideoOperands v;
  v.destination = PartOf(o[0].component);
  for (size_t i = 0; i + 1 < o.size(); ++i) {
    ASSIGN_OR_RETURN(v.s[i], Fetch(o[i + 1], Type::kB32));
    v.parts[i] = PartOf(o[i + 1].component);
    v.negated[i] = o[i + 1].negated;
  }
  const auto ways = static_cast<uint8_t>(ptx::VideoWays(op.opcode));
  if (ways > 1) FillSimd(o, ways, v);
  Operand whole = o[0];
  whole.component = ptx::Component::kAll;
  return Write(whole, Type::kB32, VideoResult(op, v));
}

}  // namespace souk::reference
