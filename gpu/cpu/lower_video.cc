// Lowering of video instructions (PTX ISA 9.7.17, 9.7.18).
#include "gpu/cpu/lower.h"
#include "gpu/cpu/video.h"
#include "gpu/ptx/operands.h"

namespace souk::gpu::cpu {
namespace {

using ptx::Component;
using ptx::Opcode;
using ptx::Operand;
using ptx::Operation;
using ptx::Picks;

VideoOp VideoOpOf(Opcode opcode) {
  switch (opcode) {
    case Opcode::kVsub:
    case Opcode::kVsub2:
    case Opcode::kVsub4:
      return VideoOp::kSub;
    case Opcode::kVabsdiff:
    case Opcode::kVabsdiff2:
    case Opcode::kVabsdiff4:
      return VideoOp::kAbsdiff;
    case Opcode::kVavrg2:
    case Opcode::kVavrg4:
      return VideoOp::kAverage;
    case Opcode::kVmin:
    case Opcode::kVmin2:
    case Opcode::kVmin4:
      return VideoOp::kMin;
    case Opcode::kVmax:
    case Opcode::kVmax2:
    case Opcode::kVmax4:
      return VideoOp::kMax;
    case Opcode::kVset:
    case Opcode::kVset2:
    case Opcode::kVset4:
      return VideoOp::kSet;
    case Opcode::kVshl:
      return VideoOp::kShl;
    case Opcode::kVshr:
      return VideoOp::kShr;
    case Opcode::kVmad:
      return VideoOp::kMad;
    default:
      return VideoOp::kAdd;
  }
}

VideoCompare VideoCompareOf(ptx::Compare compare) {
  switch (compare) {
    case ptx::Compare::kNe:
      return VideoCompare::kNe;
    case ptx::Compare::kLt:
      return VideoCompare::kLt;
    case ptx::Compare::kLe:
      return VideoCompare::kLe;
    case ptx::Compare::kGt:
      return VideoCompare::kGt;
    case ptx::Compare::kGe:
      return VideoCompare::kGe;
    default:
      return VideoCompare::kEq;
  }
}

VideoSecond VideoSecondOf(ptx::Combine combine) {
  switch (combine) {
    case ptx::Combine::kAdd:
      return VideoSecond::kAdd;
    case ptx::Combine::kMin:
      return VideoSecond::kMin;
    case ptx::Combine::kMax:
      return VideoSecond::kMax;
    default:
      return VideoSecond::kNone;
  }
}

VideoPart PartOfComponent(Component component) {
  if (component >= Component::kB0 && component <= Component::kB3) {
    const int number = static_cast<int>(component) - static_cast<int>(Component::kB0);
    return VideoPart{static_cast<uint8_t>(8 * number), 8};
  }
  if (component == Component::kH0) return VideoPart{0, 16};
  if (component == Component::kH1) return VideoPart{16, 16};
  return VideoPart{};
}

// Nibbles; without a selector the elements of the operand itself, of which b's follow a's.
uint16_t PicksOf(const Operand& operand, uint32_t ways, uint32_t first) {
  const Picks picks = Picks::Decode(operand.value);
  uint32_t nibbles = 0;
  for (uint32_t i = 0; i < ways; ++i) {
    const uint32_t pick = operand.component == Component::kPicks ? picks.at[i] : first + i;
    nibbles |= pick << (4 * i);
  }
  return static_cast<uint16_t>(nibbles);
}

uint8_t MaskOf(const Operand& d, uint32_t ways) {
  if (d.component == Component::kAll) return static_cast<uint8_t>((1u << ways) - 1);
  if (d.component != Component::kPicks) {
    const VideoPart part = PartOfComponent(d.component);
    return static_cast<uint8_t>(1u << (part.shift / part.bits));
  }
  const Picks picks = Picks::Decode(d.value);
  uint32_t mask = 0;
  for (uint32_t i = 0; i < picks.count; ++i) mask |= 1u << picks.at[i];
  return static_cast<uint8_t>(mask);
}

VideoSpec SpecOf(const Operation& o, std::span<const Operand> operands) {
  VideoSpec spec;
  spec.op = VideoOpOf(o.opcode);
  spec.ways = static_cast<uint8_t>(ptx::VideoWays(o.opcode));
  // ISA vset: the comparison's result is unsigned, and so are d and c.
  const bool is_set = spec.op == VideoOp::kSet;
  spec.signed_d = !is_set && ptx::IsSigned(o.type);
  spec.signed_a = ptx::IsSigned(is_set ? o.type : o.type2);
  spec.signed_b = ptx::IsSigned(is_set ? o.type2 : o.type3);
  spec.sat = o.sat;
  spec.second = VideoSecondOf(o.combine);
  spec.compare = VideoCompareOf(o.compare);
  spec.wrap = o.wrap;
  spec.scale = o.HasRest("shr7") ? 7 : o.HasRest("shr15") ? 15 : 0;
  spec.plus_one = o.HasRest("po");
  spec.product_negated = operands[1].negated != operands[2].negated;
  spec.third_negated = operands.size() > 3 && operands[3].negated;
  if (spec.ways > 1) {
    spec.mask = MaskOf(operands[0], spec.ways);
    spec.picks_a = PicksOf(operands[1], spec.ways, 0);
    spec.picks_b = PicksOf(operands[2], spec.ways, spec.ways);
  } else {
    spec.d = PartOfComponent(operands[0].component);
    spec.a = PartOfComponent(operands[1].component);
    spec.b = PartOfComponent(operands[2].component);
  }
  return spec;
}

}  // namespace

Status Lowering::VideoInstruction(Operands operands) {
  if (operands.size() != 3 && operands.size() != 4) return Refuse("operands");
  const std::string fault = ptx::VideoOperandFault(*operation_, operands);
  if (!fault.empty()) return Refuse(fault);
  const VideoSpec spec = SpecOf(*operation_, operands);
  uint32_t sources[3] = {kNoReg, kNoReg, Constant(4, 0)};
  for (size_t i = 1; i < operands.size(); ++i) {
    Operand whole = operands[i];
    whole.component = Component::kAll;
    whole.negated = false;
    ASSIGN_OR_RETURN(sources[i - 1], Source(whole, ptx::Type::kB32));
  }
  Operand whole = operands[0];
  whole.component = Component::kAll;
  ASSIGN_OR_RETURN(const uint32_t dst, Dest(whole, ptx::Type::kB32));
  Emit(Fn::kVideo, Ty::kU32, dst, sources[0], sources[1], sources[2]).imm = spec.Pack();
  return Ok();
}

}  // namespace souk::gpu::cpu
