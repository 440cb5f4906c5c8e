#include "reference/line.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "gpu/ptx/operands.h"
#include "reference/values.h"

namespace souk::reference {
namespace {

using ptx::Opcode;
using ptx::Operation;
using ptx::Type;

bool IsUntyped(Type t) {
  return t >= Type::kB8 && t <= Type::kB64;
}

// ISA 9.2, tables 25 and 26, as ptxas enforces them.
bool Takes(Type reg, Type wanted, bool wider) {
  if (reg == wanted) return true;
  if (reg == Type::kPred || wanted == Type::kPred) return false;
  const uint32_t have = ptx::TypeBits(reg);
  const uint32_t need = ptx::TypeBits(wanted);
  const bool fits = have == need || (wider && have > need);
  if (wanted == Type::kU16x2 || wanted == Type::kS16x2) return reg == Type::kB32;
  if (wanted == Type::kF32x2) return reg == Type::kB64;
  if (ptx::IsFloat(wanted)) return IsUntyped(reg) && fits;
  if (!fits || (wider && have > need && ptx::IsFloat(reg))) return false;
  return IsUntyped(reg) || IsUntyped(wanted) || !ptx::IsFloat(reg);
}

bool IsClassic(Type t) {
  return !ptx::IsFloat(t) || t == Type::kF16 || t == Type::kF32 || t == Type::kF64;
}
// Registers may be wider than the type.
bool TakesWider(const Operation& op) {
  if (op.opcode == Opcode::kCvt) {
    if (op.ftz && op.type == Type::kF32 && op.type2 == Type::kF64) return false;
    return !op.HasRest("pack") && IsClassic(op.type) && IsClassic(op.type2);
  }
  return op.opcode == Opcode::kLd || op.opcode == Opcode::kSt || op.opcode == Opcode::kLdu;
}

Type WideOf(Type t) {
  switch (t) {
    case Type::kU16:
      return Type::kU32;
    case Type::kS16:
      return Type::kS32;
    case Type::kU32:
      return Type::kU64;
    default:
      return Type::kS64;
  }
}

Type WantedBy(const Operation& op, char type) {
  switch (type) {
    case 't':
      return op.type;
    case 'u':
      return op.type2;
    case 'w':
      return WideOf(op.type);
    case '1':
    case 'r':
      return Type::kPred;
    case '6':
    case 'h':
      return Type::kU64;
    case '4':
    case '8':
    case 'd':
      return Type::kU32;
    default:
      return Type::kB32;
  }
}

bool ReadsCarry(const Operation& op) {
  return op.opcode == Opcode::kAddc || op.opcode == Opcode::kSubc || op.opcode == Opcode::kMadc;
}
bool EndsThread(const Operation& op) {
  return op.opcode == Opcode::kExit || op.opcode == Opcode::kRet;
}

}  // namespace

bool CanMakeLine(const Operation& op) {
  if (op.opcode == Opcode::kRet && op.uni) return false;  // the guard is not uniform
  return ptx::OperandSignature(op) != nullptr;
}

std::string LineMaker::Use(uint32_t reg, Line& line) {
  line.uses.push_back(reg);
  return Registers()[reg].name;
}
std::string LineMaker::Define(uint32_t reg, Line& line) {
  line.defs.push_back(reg);
  return Registers()[reg].name;
}

std::optional<uint32_t> LineMaker::Pick(Type wanted, bool wider,
                                        const std::vector<uint32_t>& taken) {
  std::vector<uint32_t> found;
  for (uint32_t i = 0; i < Registers().size(); ++i) {
    const RegisterRow& row = Registers()[i];
    if (row.approximate || !Takes(row.type, wanted, wider)) continue;
    if (std::find(taken.begin(), taken.end(), i) == taken.end()) found.push_back(i);
  }
  if (found.empty()) return std::nullopt;
  return found[rng_.Next() % found.size()];
}

// A literal of the type.
std::string LineMaker::Constant(Type wanted) {
  const uint32_t bits = ptx::TypeBits(wanted);
  const uint64_t value = EdgeValue(rng_, bits);
  if (wanted == Type::kF32) return fmt::format("0f{:08X}", value);
  if (wanted == Type::kF64) return fmt::format("0d{:016X}", value);
  if (wanted == Type::kB32 && rng_.Chance(200)) return fmt::format("0f{:08X}", value);
  if (wanted == Type::kB64 && rng_.Chance(200)) return fmt::format("0d{:016X}", value);
  const bool negative = bits < 64 ? value >> (bits - 1) != 0 : value >> 63 != 0;
  if (negative && !ptx::IsUnsigned(wanted)) {
    const uint64_t size = bits == 64 ? 0 - value : (uint64_t{1} << bits) - value;
    if (size != uint64_t{1} << (bits - 1)) return fmt::format("-{}", size);
  }
  return rng_.Chance(500) ? fmt::format("0x{:x}", value) : fmt::format("{}", value);
}

std::optional<std::string> LineMaker::Source(const Operation& op, Type wanted, Line& line) {
  if (wanted == Type::kPred) {
    return (rng_.Chance(250) ? "!" : "") + Use(*Pick(wanted, false, {}), line);
  }
  const bool literal = wanted == Type::kF32 || wanted == Type::kF64 ||
                       (!ptx::IsFloat(wanted) && ptx::TypeBits(wanted) >= 16 &&
                        wanted != Type::kU16x2 && wanted != Type::kS16x2);
  if (literal && rng_.Chance(120)) return Constant(wanted);
  const auto reg = Pick(wanted, TakesWider(op), {});
  if (!reg) return std::nullopt;
  return Use(*reg, line);
}

std::optional<std::string> LineMaker::Destination(const Operation& op, Type wanted, Line& line) {
  if (!IsApproximate(op)) {
    const auto reg = Pick(wanted, TakesWider(op), line.defs);
    if (!reg) return std::nullopt;
    return Define(*reg, line);
  }
  const bool pair = wanted == Type::kF16x2 || wanted == Type::kBf16x2;
  const Type type = pair ? Type::kB32 : ptx::TypeBits(wanted) == 16 ? Type::kB16 : wanted;
  for (uint32_t i = 0; i < Registers().size(); ++i) {
    const RegisterRow& row = Registers()[i];
    if (!row.approximate || row.type != type) continue;
    if (std::find(approximate_.begin(), approximate_.end(), i) != approximate_.end()) continue;
    approximate_.push_back(i);
    return Define(i, line);
  }
  return std::nullopt;
}

// What ld writes or st reads: one register or as many as the access is wide.
std::optional<std::string> LineMaker::Accessed(const Operation& op, bool store, Line& line) {
  if (op.vector == 1) {
    return store ? Source(op, op.type, line) : Destination(op, op.type, line);
  }
  // ptxas 13.0 may crash on eight registers that are wider than what is loaded.
  const auto first = Pick(op.type, op.vector < 8, {});
  if (!first) return std::nullopt;
  const Type of_first = Registers()[*first].type;
  std::vector<uint32_t> pool;
  for (uint32_t i = 0; i < Registers().size(); ++i) {
    const RegisterRow& row = Registers()[i];
    const bool agrees = row.type == of_first ||
                        (IsUntyped(row.type) && ptx::TypeBits(row.type) == ptx::TypeBits(of_first));
    if (!row.approximate && agrees && Takes(row.type, op.type, true)) pool.push_back(i);
  }
  if (pool.size() < op.vector) return std::nullopt;
  std::string text = "{";
  for (int i = 0; i < op.vector; ++i) {
    const size_t at = rng_.Next() % pool.size();
    const uint32_t reg = pool[at];
    if (!store) pool.erase(pool.begin() + static_cast<std::ptrdiff_t>(at));
    const bool sink = !store && i > 0 && rng_.Chance(60);
    text += (i > 0 ? ", " : "") + (sink ? "_" : store ? Use(reg, line) : Define(reg, line));
  }
  return text + "}";
}

std::string LineMaker::Unpacked(const Operation& op, bool destination, Line& line) {
  const uint32_t whole = ptx::TypeBits(op.type);
  const uint32_t count = whole == 16 || rng_.Chance(500) ? 2 : 4;
  const uint32_t bits = whole / count;
  const bool floats = rng_.Chance(500);
  const Type kind = bits == 16 ? Type::kF16 : rng_.Chance(500) ? Type::kF32 : Type::kF16x2;
  std::vector<uint32_t> pool;
  for (uint32_t i = 0; i < Registers().size(); ++i) {
    const RegisterRow& row = Registers()[i];
    if (!row.approximate && row.type != Type::kPred && ptx::TypeBits(row.type) == bits &&
        (IsUntyped(row.type) || (floats ? row.type == kind : !ptx::IsFloat(row.type)))) {
      pool.push_back(i);
    }
  }
  std::string text = "{";
  bool any = false;
  for (uint32_t i = 0; i < count; ++i) {
    const bool last = i + 1 == count;
    const bool sink = destination && (pool.empty() || (rng_.Chance(100) && (any || !last)));
    if (i > 0) text += ", ";
    if (sink) {
      text += "_";
      continue;
    }
    any = true;
    const size_t at = rng_.Next() % pool.size();
    const uint32_t reg = pool[at];
    if (destination) pool.erase(pool.begin() + static_cast<std::ptrdiff_t>(at));
    text += destination ? Define(reg, line) : Use(reg, line);
  }
  return text + "}";
}

std::optional<std::string> LineMaker::Moved(const Operation& op, bool destination, Line& line) {
  const bool splits = IsUntyped(op.type) && op.type != Type::kB8;
  if (destination) {
    unpacks_ = splits && rng_.Chance(300);
    if (unpacks_) return Unpacked(op, true, line);
    return Destination(op, op.type, line);
  }
  if (!unpacks_ && splits && rng_.Chance(300)) return Unpacked(op, false, line);
  const bool word = op.type == Type::kU32 || op.type == Type::kB32 || op.type == Type::kS32;
  if (!unpacks_ && word && rng_.Chance(400)) {
    constexpr const char* kSpecials[] = {
        "%tid.x",   "%tid.y",       "%tid.z",       "%ntid.x",      "%ntid.y",      "%ntid.z",
        "%ctaid.x", "%ctaid.y",     "%ctaid.z",     "%nctaid.x",    "%nctaid.y",    "%nctaid.z",
        "%laneid",  "%lanemask_eq", "%lanemask_lt", "%lanemask_le", "%lanemask_gt", "%lanemask_ge"};
    return kSpecials[rng_.Next() % std::size(kSpecials)];
  }
  return unpacks_ ? Use(*Pick(op.type, false, {}), line) : Source(op, op.type, line);
}

// Into the thread's own bytes of the space; aligned.
std::string LineMaker::Address(const Operation& op) {
  const uint32_t size = std::max<uint32_t>(1, ptx::TypeBytes(op.type) * op.vector);
  const uint64_t offset = rng_.Next() % (kScratchBytes / size) * size;
  switch (op.space) {
    case ptx::Space::kShared:
      return fmt::format("[{}+{}]", rng_.Chance(500) ? "%shb" : "%shl", offset);
    case ptx::Space::kLocal:
      return fmt::format("[{}+{}]", rng_.Chance(500) ? "%lol" : "local_bytes", offset);
    case ptx::Space::kConst:
      return fmt::format("[{}+{}]", rng_.Chance(500) ? "%ctl" : "constant_bytes", offset);
    case ptx::Space::kParam:
      return fmt::format("[param_bytes+{}]", offset);
    case ptx::Space::kGeneric:
      if (rng_.Chance(300)) return fmt::format("[%shg+{}]", offset);
      if (rng_.Chance(300) && op.opcode != Opcode::kAtom && op.opcode != Opcode::kRed) {
        return fmt::format("[%log+{}]", offset);
      }
      break;
    default:
      break;
  }
  return fmt::format("[%base+SCRATCH+{}]", offset);
}

// ".h31", ".b7402": for each place an element of both sources' row.
std::string LineMaker::Selection(uint32_t ways) {
  std::string text = ways == 2 ? ".h" : ".b";
  for (uint32_t i = 0; i < ways; ++i) text += std::to_string(rng_.Next() % (2 * ways));
  return text == ".b1024" ? ".b1025" : text;  // a type, to ptxas
}
// ".h1", ".b310": some elements, falling.
std::string LineMaker::ElementMask(uint32_t ways) {
  std::string text = ways == 2 ? ".h" : ".b";
  const uint64_t chosen = 1 + rng_.Next() % ((1u << ways) - 1);
  for (uint32_t i = ways; i-- > 0;) {
    if ((chosen >> i & 1) != 0) text += std::to_string(i);
  }
  return text;
}

void LineMaker::SimdVideo(const Operation& op, uint32_t ways, Line& line) {
  std::string text = Define(*Pick(Type::kU32, false, {}), line);
  if (rng_.Chance(300)) text += ElementMask(ways);
  for (int i = 0; i < 3; ++i) {
    text += ", " + Use(*Pick(Type::kU32, false, {}), line);
    if (i < 2 && rng_.Chance(300)) text += Selection(ways);
  }
  line.text = op.spelling + " " + text;
}

void LineMaker::ScalarVideo(const Operation& op, Line& line) {
  constexpr const char* kParts[] = {".b0", ".b1", ".b2", ".b3", ".h0", ".h1"};
  const bool multiply = op.opcode == Opcode::kVmad;
  const bool second = op.combine != ptx::Combine::kNone;
  const bool merges = !second && !multiply && rng_.Chance(400);
  std::string text = Define(*Pick(Type::kU32, false, {}), line);
  if (merges) text += kParts[rng_.Next() % std::size(kParts)];
  const bool negates = multiply && !op.HasRest("po") && rng_.Chance(400);
  const uint64_t negated = rng_.Next() % 3;
  const uint64_t sources = multiply || second || merges ? 3 : 2;
  for (uint64_t i = 0; i < sources; ++i) {
    text += negates && negated == i ? ", -" : ", ";
    const bool literal = !(negates && negated == i) && rng_.Chance(60);
    text += literal ? Constant(Type::kU32) : Use(*Pick(Type::kU32, false, {}), line);
    if (!literal && i < 2 && rng_.Chance(400)) text += kParts[rng_.Next() % std::size(kParts)];
  }
  line.text = op.spelling + " " + text;
}

std::optional<std::string> LineMaker::One(const Operation& op, char role, char type,
                                          size_t position, Line& line) {
  const Type wanted = WantedBy(op, type);
  if (type == 'p') {
    constexpr const char* kPointers[] = {"%shg", "%log", "%base"};
    return kPointers[rng_.Next() % std::size(kPointers)];
  }
  switch (role) {
    case 'D':
      return Destination(op, wanted, line);
    case 'G':
      if (rng_.Chance(100) && op.type != Type::kBf16 && op.type != Type::kBf16x2) return "_";
      return Destination(op, wanted, line);
    case 'E': {
      // The first may be left out where no guard stands before it.
      if (rng_.Chance(60) && op.type != Type::kF16 && op.type != Type::kBf16) {
        no_guard_ = true;
        return "_|" + *Destination(op, Type::kPred, line);
      }
      std::string text = *Destination(op, Type::kPred, line);
      if (rng_.Chance(300)) text += "|" + *Destination(op, Type::kPred, line);
      return text;
    }
    case 'P': {
      const auto first = Destination(op, wanted, line);
      if (!first) return std::nullopt;
      return *first + "|" + *Destination(op, Type::kPred, line);
    }
    case 'S':
      // A field's position or length: a constant has 8 bits.
      if (type == '8' && rng_.Chance(120)) {
        return fmt::format("{}", rng_.Next() % (rng_.Chance(500) ? 70 : 256));
      }
      if (type == '8') return Use(*Pick(wanted, false, {}), line);
      return Source(op, wanted, line);
    case 'A':
      return Address(op);
    case 'V':
      return Accessed(op, /*store=*/false, line);
    case 'W':
      return Accessed(op, /*store=*/true, line);
    case 'M':
      return Moved(op, position == 0, line);
    case 'I':
      if (op.opcode == ptx::Opcode::kFence) return "128";
      return fmt::format("{}", rng_.Next() & (op.opcode == ptx::Opcode::kPmevent ? 0xf : 0xff));
    default:
      return std::nullopt;
  }
}

bool LineMaker::Operands(const Operation& op, Line& line) {
  if (ptx::IsVideo(op.opcode)) {
    const uint32_t ways = ptx::VideoWays(op.opcode);
    if (ways > 1) {
      SimdVideo(op, ways, line);
    } else {
      ScalarVideo(op, line);
    }
    return true;
  }
  line.text = op.spelling;
  const std::string_view signature = ptx::OperandSignature(op);
  size_t position = 0;
  for (size_t i = 0; i < signature.size();) {
    const size_t end = std::min(signature.find(' ', i), signature.size());
    const std::string_view word = signature.substr(i, end - i);
    i = end + 1;
    if (word.empty() || word[0] == '?') continue;
    // Of an atomic on a vector both are as wide as it.
    const bool is_vector =
        op.vector > 1 && (op.opcode == Opcode::kAtom || op.opcode == Opcode::kRed);
    const char role = !is_vector || word[0] == 'A' ? word[0] : word[0] == 'S' ? 'W' : 'V';
    const auto operand = One(op, role, word.size() > 1 ? word[1] : 'x', position, line);
    if (!operand) return false;
    line.text += (position > 0 ? ", " : " ") + *operand;
    ++position;
  }
  return true;
}

std::string LineMaker::Guard(Line& line) {
  const std::string reg = Use(*Pick(Type::kPred, false, {}), line);
  return (rng_.Chance(400) ? "@!" : "@") + reg + " ";
}

void LineMaker::Make(const Operation& op, std::vector<Line>& lines) {
  if (ReadsCarry(op) && !carry_) {
    Make(ptx::DecodeOperation("add.cc.u32"), lines);
    if (!carry_) return;
  }
  Line line;
  line.spelling = op.spelling;
  no_guard_ = op.cc && !carry_;
  if (!Operands(op, line)) return;
  const bool guarded = EndsThread(op) || (rng_.Chance(250) && !no_guard_);
  if (guarded) line.text = Guard(line) + line.text;
  line.text += ";";
  carry_ |= op.cc;
  lines.push_back(std::move(line));
}

}  // namespace souk::reference
