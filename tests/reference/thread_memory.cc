// Instructions that reach memory, or say where in it an address lies.
#include <array>

#include "reference/thread.h"

namespace souk::reference {

using ptx::Combine;
using ptx::Opcode;
using ptx::Operand;
using ptx::OperandKind;
using ptx::Operation;
using ptx::Type;

namespace {

// atom, red (ISA 9.7.13.4): what is stored for `old`.
uint64_t AtomResult(const Operation& op, bool shared, uint64_t old, uint64_t b, uint64_t c) {
  Operation add = op;
  switch (op.combine) {
    case Combine::kAdd:
      if (!ptx::IsFloat(op.type))
        return IntegerResult({.opcode = Opcode::kAdd, .type = op.type}, {old, b});
      // "atom.add.f32 flushes subnormal inputs and results" in global memory only.
      add = Operation{.opcode = Opcode::kAdd, .type = op.type};
      add.ftz = op.type == Type::kF32 && !shared;
      return FloatResult(add, {old, b});
    case Combine::kMin:
    case Combine::kMax:
      add = Operation{.opcode = op.combine == Combine::kMin ? Opcode::kMin : Opcode::kMax,
                      .type = op.type};
      return IntegerResult(add, {old, b});
    case Combine::kAnd:
      return old & b;
    case Combine::kOr:
      return old | b;
    case Combine::kXor:
      return old ^ b;
    case Combine::kExch:
      return b;
    case Combine::kCas:
      return old == b ? c : old;
    case Combine::kInc:
      return old >= b ? 0 : old + 1;
    case Combine::kDec:
      return old == 0 || old > b ? b : old - 1;
    default:
      return old;
  }
}

}  // namespace

Result<uint64_t> Thread::AddressIn(const Operand& o, ptx::Space space) {
  uint64_t address = o.value;
  if (o.base == ptx::BaseKind::kVariable) {
    ASSIGN_OR_RETURN(const uint64_t base, memory_.AddressOf(o.scope, o.index));
    address += base;
    // A variable's name stands for its address within its own space.
    if (space == ptx::Space::kGeneric) return memory_.Generic(VariableOf(o).space, address);
  } else if (o.base == ptx::BaseKind::kRegister) {
    if (!bounded_[o.index].empty()) return Error(Code::kUnsupported, "an approximate address");
    address += registers_[o.index];
  }
  return memory_.Generic(space, address);
}

Status Thread::Load(const Operation& op, Operands o) {
  ASSIGN_OR_RETURN(const uint64_t address, AddressIn(o[1], op.space));
  const Operands parts = Parts(o[0]);
  const uint32_t size = ptx::TypeBytes(op.type);
  RETURN_IF_ERROR(memory_.Aligned(address, size * op.vector));
  if (parts.size() != op.vector) return Error(Code::kUnsupported, "elements");
  std::array<uint64_t, 8> values = {};
  for (size_t i = 0; i < parts.size(); ++i) {
    ASSIGN_OR_RETURN(values.at(i), memory_.Read(address + i * size, size));
  }
  for (size_t i = 0; i < parts.size(); ++i) RETURN_IF_ERROR(Write(parts[i], op.type, values.at(i)));
  return Ok();
}

// Notes that an approximate result is stored, if the register holds one.
Status Thread::StoreBounded(uint32_t reg, uint64_t address, uint32_t size) {
  const std::vector<Bounded>& parts = bounded_[reg];
  if (parts.empty()) return Ok();
  const uint32_t width = ptx::TypeBytes(parts[0].type);
  if (width * parts.size() != size) return Error(Code::kUnsupported, "part of a result");
  for (size_t i = 0; i < parts.size(); ++i) {
    stores_.push_back({address + i * width, width, parts[i]});
  }
  return Ok();
}

Status Thread::Store(const Operation& op, Operands o) {
  ASSIGN_OR_RETURN(const uint64_t address, AddressIn(o[0], op.space));
  const Operands parts = Parts(o[1]);
  const uint32_t size = ptx::TypeBytes(op.type);
  RETURN_IF_ERROR(memory_.Aligned(address, size * op.vector));
  if (parts.size() != op.vector) return Error(Code::kUnsupported, "elements");
  for (size_t i = 0; i < parts.size(); ++i) {
    const bool is_register = parts[i].kind == OperandKind::kRegister;
    if (is_register) RETURN_IF_ERROR(StoreBounded(parts[i].index, address + i * size, size));
    uint64_t bits = 0;
    if (is_register) {
      bits = registers_[parts[i].index];
    } else {
      ASSIGN_OR_RETURN(bits, Fetch(parts[i], op.type));
    }
    RETURN_IF_ERROR(memory_.Write(address + i * size, size, Truncate(op.type, bits)));
  }
  return Ok();
}

// Of a vector each element by itself; all sources are read before a result is written.
Status Thread::Atom(const Operation& op, Operands o) {
  const size_t first = op.opcode == Opcode::kAtom ? 1 : 0;
  ASSIGN_OR_RETURN(const uint64_t address, AddressIn(o[first], op.space));
  const uint32_t size = ptx::TypeBytes(op.type);
  RETURN_IF_ERROR(memory_.Aligned(address, size * op.vector));
  const Operands parts = Parts(o[first + 1]);
  if (parts.size() != op.vector) return Error(Code::kUnsupported, "elements");
  const bool shared = memory_.IsIn(ptx::Space::kShared, address);
  std::array<uint64_t, 8> old = {};
  for (size_t i = 0; i < parts.size(); ++i) {
    ASSIGN_OR_RETURN(const uint64_t b, Fetch(parts[i], op.type));
    uint64_t c = 0;
    if (op.combine == Combine::kCas) {
      ASSIGN_OR_RETURN(c, Fetch(o[first + 2], op.type));
    }
    ASSIGN_OR_RETURN(old.at(i), memory_.Read(address + i * size, size));
    RETURN_IF_ERROR(
        memory_.Write(address + i * size, size, AtomResult(op, shared, old.at(i), b, c)));
  }
  if (first == 0) return Ok();
  const Operands results = Parts(o[0]);
  if (results.size() != parts.size()) return Error(Code::kUnsupported, "elements");
  for (size_t i = 0; i < results.size(); ++i)
    RETURN_IF_ERROR(Write(results[i], op.type, old.at(i)));
  return Ok();
}

// ISA 9.7.9.20: between a space's own addresses and generic ones.
Status Thread::Cvta(const Operation& op, Operands o) {
  ASSIGN_OR_RETURN(const uint64_t a, Fetch(o[1], Type::kU64));
  const uint64_t base = memory_.Generic(op.space, 0);
  return Write(o[0], Type::kU64, op.to ? a - base : a + base);
}

Status Thread::Isspacep(const Operation& op, Operands o) {
  ASSIGN_OR_RETURN(const uint64_t a, Fetch(o[1], Type::kU64));
  // A block that no launch put into a cluster is one by itself: the cluster's .shared is its own.
  const bool cluster = op.space == ptx::Space::kSharedCluster;
  const ptx::Space space = cluster ? ptx::Space::kShared : op.space;
  return Write(o[0], Type::kPred, memory_.IsIn(space, a) ? 1 : 0);
}

}  // namespace souk::reference
