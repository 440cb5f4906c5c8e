// Selectors and signs of video instructions' operands (PTX ISA 9.7.17, 9.7.18), as ptxas takes
// them.
#include "gpu/ptx/operands.h"

namespace souk::ptx {
namespace {

bool IsPart(Component component) {
  return component >= Component::kB0 && component <= Component::kH1;
}
bool IsHalf(Component component) {
  return component == Component::kH0 || component == Component::kH1;
}

// d.h0, d.b20: which elements are written; digits fall.
bool IsMask(const Operand& o, uint32_t ways) {
  if (o.component == Component::kAll) return true;
  if (IsPart(o.component)) return IsHalf(o.component) == (ways == 2);
  if (o.component != Component::kPicks) return false;
  const Picks picks = Picks::Decode(o.value);
  if (picks.halves != (ways == 2) || picks.count > ways) return false;
  for (uint32_t i = 0; i < picks.count; ++i) {
    if (picks.at[i] >= ways || (i > 0 && picks.at[i] <= picks.at[i - 1])) return false;
  }
  return true;
}

// a.h32, b.b7654: one place in the row of both sources' elements for each lane.
bool IsSelection(const Operand& o, uint32_t ways) {
  if (o.kind != OperandKind::kRegister) return false;
  if (o.component == Component::kAll) return true;
  if (o.component != Component::kPicks) return false;
  const Picks picks = Picks::Decode(o.value);
  if (picks.halves != (ways == 2) || picks.count != ways) return false;
  for (uint32_t i = 0; i < ways; ++i) {
    if (picks.at[i] >= 2 * ways) return false;
  }
  return true;
}

bool IsScalarSource(const Operand& o) {
  return o.component == Component::kAll || IsPart(o.component);
}

std::string SignFault(const Operation& op, std::span<const Operand> operands) {
  const auto negated = [&](size_t i) { return i < operands.size() && operands[i].negated; };
  const bool product = negated(1) || negated(2);
  if (!product && !negated(3)) return "";
  if (op.opcode != Opcode::kVmad) return "an operand cannot be negated";
  if (op.HasRest("po")) return "an operand cannot be negated beside .po";
  return negated(3) && negated(1) != negated(2)
             ? "either the product or the third source is negated"
             : "";
}

}  // namespace

uint32_t VideoWays(Opcode opcode) {
  const char last = std::string_view(OpcodeName(opcode)).back();
  return last == '2' ? 2 : last == '4' ? 4 : 1;
}

bool IsVideo(Opcode opcode) {
  return opcode >= Opcode::kVabsdiff && opcode <= Opcode::kVsub4 && opcode != Opcode::kVote;
}

std::string VideoOperandFault(const Operation& op, std::span<const Operand> operands) {
  const uint32_t ways = VideoWays(op.opcode);
  const Operand& d = operands[0];
  if (operands.size() > 3 && operands[3].component != Component::kAll) {
    return "the third source has no selector";
  }
  if (ways > 1) {
    if (!IsMask(d, ways)) return "operand 1 must name elements that the instruction writes";
    for (size_t i = 1; i <= 2; ++i) {
      if (!IsSelection(operands[i], ways)) return "selector of operand " + std::to_string(i + 1);
    }
    if (operands[3].kind != OperandKind::kRegister) return "operand 4 must be a register";
    return SignFault(op, operands);
  }
  const bool merges = operands.size() == 4 && op.combine == Combine::kNone;
  const bool may_select = merges && op.opcode != Opcode::kVmad;
  if (d.component != Component::kAll && !(may_select && IsPart(d.component))) {
    return "operand 1 cannot have a selector";
  }
  for (size_t i = 1; i <= 2; ++i) {
    if (!IsScalarSource(operands[i])) return "selector of operand " + std::to_string(i + 1);
  }
  return SignFault(op, operands);
}

}  // namespace souk::ptx
