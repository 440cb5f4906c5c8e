// Lowering of what touches memory, and of addresses.
#include "gpu/cpu/lower.h"
#include "gpu/cpu/lower_types.h"

namespace souk::gpu::cpu {

using ptx::Operand;
using ptx::OperandKind;
using ptx::Type;

// A kernel's parameter at a place known now: every lane of every block reads the same value, which
// is put into a register before the launch. Wild ones are left to the access itself.
bool Lowering::IsKernelParam(const Address& address, size_t elements) const {
  const uint64_t size = ptx::TypeBytes(operation_->type);
  return address.window == Window::kParam && address.fixed && address.offset <= ir_.param_bytes &&
         size * elements <= ir_.param_bytes - address.offset &&
         address.offset % (size * elements) == 0;
}

uint32_t Lowering::ParamValue(uint64_t offset, ptx::Type type, uint32_t bytes) {
  const uint64_t size = ptx::TypeBytes(type);
  const bool sign = ptx::IsSigned(type) && size < bytes;
  // What FillWarp reads: offset, size and whether the sign extends.
  const uint64_t value = offset | size << 32 | (sign ? uint64_t{1} << 40 : 0);
  const auto key = std::make_pair(bytes | 0x100, value);
  const auto found = constants_.find(key);
  if (found != constants_.end()) return found->second;
  const uint32_t reg = NewReg(bytes);
  ir_.regs[reg].kind = RegKind::kParam;
  ir_.regs[reg].value = value;
  constants_[key] = reg;
  return reg;
}

Result<Lowering::Moved> Lowering::MovedElements(Operands operand) {
  const bool is_vector = operand[0].kind == OperandKind::kVector;
  Moved moved{is_vector ? at_->function->Elements(operand[0]) : operand,
              NaturalBytes(operation_->type)};
  if (moved.parts.size() != operation_->vector) return Refuse("elements");
  for (const Operand& part : moved.parts) {
    if (part.kind != OperandKind::kRegister) continue;
    ASSIGN_OR_RETURN(const uint32_t reg, Register(part));
    moved.bytes = ir_.regs[reg].bytes;
    break;
  }
  if (moved.bytes < ptx::TypeBytes(operation_->type) || moved.bytes == 1) return Refuse("width");
  return moved;
}

// There are no caches: any policy will do, and accesses leave theirs (their last operand) unread.
Status Lowering::CachePolicy(Operands operands) {
  if (operands.empty()) return Refuse("operands");
  ASSIGN_OR_RETURN(const uint32_t dst, Dest(operands[0], Type::kB64));
  Emit(Fn::kMov, Ty::kU64, dst, Constant(8, 0));
  return Ok();
}

Status Lowering::Load(Operands operands) {
  if (operands.size() != (HasCachePolicy() ? 3 : 2)) return Refuse("operands");
  ASSIGN_OR_RETURN(const Address address, AddressOfOperand(operands[1], operation_->space));
  ASSIGN_OR_RETURN(const auto moved, MovedElements(operands.first(1)));
  const auto [parts, bytes] = moved;
  std::vector<uint32_t> regs;
  for (const Operand& part : parts) {
    ASSIGN_OR_RETURN(const uint32_t reg, Dest(part, UnsignedOfBytes(bytes)));
    regs.push_back(reg);
  }
  if (IsKernelParam(address, parts.size())) {
    const uint32_t size = ptx::TypeBytes(operation_->type);
    for (size_t i = 0; i < regs.size(); ++i) {
      const uint32_t value = ParamValue(address.offset + i * size, operation_->type, bytes);
      Emit(Fn::kMov, TyOf(UnsignedOfBytes(bytes)), regs[i], value);
    }
    return Ok();
  }
  const uint32_t window = static_cast<uint32_t>(address.window);
  Inst& inst = Emit(Fn::kLd + 3 * window + WidthIndex(bytes), MemoryType(operation_->type, bytes));
  inst.a = address.reg;
  inst.imm = address.offset;
  inst.flags = AddressFlags(address.window, address.narrow);
  // ISA ldu: from memory that is read-only, as .nc has it.
  const bool read_only = operation_->nc || operation_->opcode == ptx::Opcode::kLdu;
  if (read_only) inst.flags |= kNonCoherent;
  inst.memory = true;
  inst.count = static_cast<uint16_t>(regs.size());
  if (regs.size() == 1) {
    inst.dst = regs[0];
  } else {
    for (const uint32_t reg : regs) AddExtra(inst, reg, /*is_def=*/true);
  }
  return Ok();
}

Status Lowering::Store(Operands operands) {
  if (operands.size() != (HasCachePolicy() ? 3 : 2)) return Refuse("operands");
  ASSIGN_OR_RETURN(const Address address, AddressOfOperand(operands[0], operation_->space));
  if (address.window == Window::kParam) return Refuse("kernel parameters are read-only");
  ASSIGN_OR_RETURN(const auto moved, MovedElements(operands.subspan(1, 1)));
  const auto [parts, bytes] = moved;
  std::vector<uint32_t> regs;
  for (const Operand& part : parts) {
    const bool literal = part.kind == OperandKind::kFloat32 || part.kind == OperandKind::kFloat64;
    const Type type = literal ? operation_->type : UnsignedOfBytes(bytes);
    ASSIGN_OR_RETURN(const uint32_t reg, Source(part, type));
    if (ir_.regs[reg].bytes != bytes) return Refuse("elements of different widths");
    regs.push_back(reg);
  }
  const uint32_t window = static_cast<uint32_t>(address.window);
  Ty ty = MemoryType(operation_->type, bytes);
  if (ty == Ty::kS8) ty = Ty::kU8;
  if (ty == Ty::kS16) ty = Ty::kU16;
  if (ty == Ty::kS32) ty = Ty::kU32;
  Inst& inst = Emit(Fn::kSt + 3 * window + WidthIndex(bytes), ty);
  inst.a = address.reg;
  inst.imm = address.offset;
  inst.flags = AddressFlags(address.window, address.narrow);
  inst.memory = true;
  inst.count = static_cast<uint16_t>(regs.size());
  if (regs.size() == 1) {
    inst.b = regs[0];
  } else {
    for (const uint32_t reg : regs) AddExtra(inst, reg, /*is_def=*/false);
  }
  return Ok();
}

Inst& Lowering::EmitAtom(const Address& address, uint64_t offset, uint32_t dst, uint32_t b,
                         uint32_t c) {
  Inst& inst = Emit(Fn::kAtom, TyOf(operation_->type));
  inst.dst = dst;
  inst.a = address.reg;
  inst.b = b;
  inst.c = c;
  inst.imm = address.offset + offset;
  inst.flags = AddressFlags(address.window, address.narrow);
  inst.memory = true;
  inst.count = static_cast<uint16_t>(operation_->combine);
  return inst;
}

Status Lowering::Atom(Operands operands, bool has_result) {
  const bool cas = operation_->combine == ptx::Combine::kCas;
  const size_t first = has_result ? 1 : 0;
  if (operands.size() != first + (cas ? 3 : 2)) return Refuse("operands");
  const Type type = operation_->type;
  ASSIGN_OR_RETURN(const Address address, AddressOfOperand(operands[first], operation_->space));
  if (operation_->vector != 1) {
    return VectorAtom(address, has_result ? &operands[0] : nullptr, operands[first + 1]);
  }
  uint32_t dst = kNoReg;
  if (has_result) {
    ASSIGN_OR_RETURN(dst, Dest(operands[0], type));
  } else {
    dst = NewReg(ptx::TypeBytes(type));
  }
  ASSIGN_OR_RETURN(const uint32_t b, Source(operands[first + 1], type));
  uint32_t c = kNoReg;
  if (cas) {
    ASSIGN_OR_RETURN(c, Source(operands[first + 2], type));
  }
  EmitAtom(address, 0, dst, b, c);
  return Ok();
}

// result: null for red. Results are moved once all sources have been read.
Status Lowering::VectorAtom(const Address& address, const Operand* result, const Operand& value) {
  const Type type = operation_->type;
  const uint32_t bytes = ptx::TypeBytes(type);
  if (value.kind != OperandKind::kVector) return Refuse("operands");
  const Operands values = at_->function->Elements(value);
  if (values.size() != operation_->vector) return Refuse("elements");
  std::vector<uint32_t> found;
  for (size_t i = 0; i < values.size(); ++i) {
    ASSIGN_OR_RETURN(const uint32_t b, Source(values[i], type));
    found.push_back(NewReg(bytes));
    EmitAtom(address, i * bytes, found.back(), b, kNoReg);
  }
  if (result == nullptr || result->kind == OperandKind::kSink) return Ok();
  const Operands results = at_->function->Elements(*result);
  if (result->kind != OperandKind::kVector || results.size() != values.size()) {
    return Refuse("elements");
  }
  for (size_t i = 0; i < results.size(); ++i) {
    ASSIGN_OR_RETURN(const uint32_t dst, Dest(results[i], type));
    Emit(Fn::kMov, TyOf(UnsignedOfBytes(bytes)), dst, found[i]);
  }
  return Ok();
}

Status Lowering::CopyAsync(Operands operands) {
  if (operands.size() != 3 && operands.size() != 4) return Refuse("operands");
  if (operands[2].kind != OperandKind::kInteger) return Refuse("the size must be a constant");
  const uint64_t bytes = operands[2].value;
  if (bytes != 4 && bytes != 8 && bytes != 16) return Refuse("size");
  ASSIGN_OR_RETURN(const uint32_t to, AddressValue(operands[0], ptx::Space::kShared));
  ASSIGN_OR_RETURN(const uint32_t from, AddressValue(operands[1], ptx::Space::kGlobal));
  uint32_t read = Constant(4, bytes);
  if (operands.size() == 4) {
    ASSIGN_OR_RETURN(read, Source(operands[3], Type::kU32));
  }
  Inst& inst = Emit(Fn::kCopyAsync, Ty::kNone);
  inst.a = to;
  inst.b = from;
  inst.c = read;
  inst.imm = bytes;
  inst.memory = true;
  return Ok();
}

// Copies are made at once, so that there is nothing to wait for; the checking mode wants to know.
Status Lowering::AsyncGroup(Operands operands) {
  uint64_t what = kAsyncCommit;
  if (operation_->HasRest("wait_all")) what = kAsyncWaitAll;
  if (operation_->HasRest("wait_group")) {
    if (operands.size() != 1 || operands[0].kind != OperandKind::kInteger)
      return Refuse("operands");
    what = kAsyncWait + (operands[0].value & 0xffffffff);
  }
  Emit(Fn::kAsyncGroup, Ty::kNone).imm = what;
  return Ok();
}

Status Lowering::Cvta(Operands operands) {
  if (operands.size() != 2) return Refuse("operands");
  if (ptx::TypeBits(operation_->type) != 64) return Refuse("32-bit addresses");
  ASSIGN_OR_RETURN(const uint32_t dst, Dest(operands[0], Type::kU64));
  uint64_t base = 0;
  switch (operation_->space) {
    case ptx::Space::kShared:
    case ptx::Space::kSharedCluster:  // every block is a cluster of its own
      base = kSharedBase;
      break;
    case ptx::Space::kLocal:
      base = kLocalBase;
      break;
    case ptx::Space::kParam:
      base = at_->function->is_entry ? kParamBase : kLocalBase;
      break;
    case ptx::Space::kGlobal:
    case ptx::Space::kConst:
      break;
    default:
      return Refuse("state space");
  }
  ASSIGN_OR_RETURN(const uint32_t source, Source(operands[1], Type::kU64));
  if (base == 0) {
    Emit(Fn::kMov, Ty::kU64, dst, source);
  } else {
    Emit(operation_->to ? Fn::kSub : Fn::kAdd, Ty::kU64, dst, source, Constant(8, base));
  }
  return Ok();
}

Status Lowering::Isspacep(Operands operands) {
  if (operands.size() != 2) return Refuse("operands");
  ASSIGN_OR_RETURN(const uint32_t dst, Dest(operands[0], Type::kPred));
  ASSIGN_OR_RETURN(const uint32_t source, Source(operands[1], Type::kU64));
  uint64_t base = 0;
  ptx::Compare compare = ptx::Compare::kEq;
  switch (operation_->space) {
    case ptx::Space::kShared:
    case ptx::Space::kSharedCluster:
      base = kSharedBase;
      break;
    case ptx::Space::kLocal:
      base = kLocalBase;
      break;
    case ptx::Space::kParam:
      base = kParamBase;
      break;
    case ptx::Space::kGlobal:
      base = kGlobalBase;
      compare = ptx::Compare::kGe;
      break;
    default:
      return Refuse("state space");
  }
  const uint32_t window = NewReg(8);
  Emit(Fn::kShr, Ty::kU64, window, source, Constant(4, 44));
  return CompareInto(dst, compare, Type::kU64, window, Constant(8, base >> 44));
}

}  // namespace souk::gpu::cpu
