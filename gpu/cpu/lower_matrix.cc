// Lowering of wmma, mma and ldmatrix (PTX ISA 9.7.14). What they move between memory and registers
// becomes loads and stores, which are checked, counted and watched as all others are.
#include <algorithm>

#include "gpu/cpu/lower.h"
#include "gpu/cpu/lower_types.h"
#include "gpu/cpu/matrix.h"

namespace souk::gpu::cpu {
namespace {

using ptx::Matrix;
using ptx::MatrixKind;
using ptx::Operand;
using ptx::OperandKind;
using ptx::Type;

// Ty of kMultiply (matrix.h).
Ty TypesOf(const Matrix& matrix) {
  if (matrix.a == Type::kTf32) return Ty::kF32;
  if (matrix.a == matrix.b) return TyOf(matrix.a);
  return matrix.a == Type::kS8 ? Ty::kS16 : Ty::kU16;
}

// ISA wmma: a fragment may only go where one of the same matrix, shape, type and layout is asked
// for, and its registers in the same order. C and D are one.
uint32_t PartOf(const Matrix& matrix, const ptx::Fragment& fragment, char which, uint32_t index) {
  if (!matrix.twice) return kNoPart;  // where mma's stand is known
  const bool loads = matrix.kind != MatrixKind::kMultiply;
  bool row_major = true;
  if (which == 'a') row_major = loads ? matrix.row_major : matrix.a_row_major;
  if (which == 'b') row_major = loads ? matrix.row_major : matrix.b_row_major;
  const uint32_t kind = which == 'a' ? 1 : which == 'b' ? 2 : 3;
  return index | kind << 5 | (row_major ? 1u : 0u) << 7 | matrix.m / 8 << 8 | matrix.n / 8 << 12 |
         matrix.k / 4 << 16 | static_cast<uint32_t>(fragment.type) << 24;
}

Type RegisterTypeOf(const ptx::Fragment& fragment) {
  return fragment.type == Type::kF64 ? Type::kB64 : Type::kB32;
}

}  // namespace

Status Lowering::MatrixInstruction(Operands operands) {
  const std::optional<Matrix> matrix = ptx::MatrixOf(*operation_);
  if (!matrix) return Refuse("matrix");
  // .sync.aligned: every thread of the warp.
  AddExtra(Emit(Fn::kWholeWarp, Ty::kNone), Constant(4, kAllLanes), false);
  switch (matrix->kind) {
    case MatrixKind::kLoad:
    case MatrixKind::kStore:
      return MoveMatrix(*matrix, operands);
    case MatrixKind::kMultiply:
      return MultiplyMatrices(*matrix, operands);
    case MatrixKind::kLoadMatrices:
      return LoadMatrices(*matrix, operands);
  }
  return Refuse("matrix");
}

Result<std::vector<uint32_t>> Lowering::VectorRegisters(const Operand& operand, Type type,
                                                        bool destination) {
  if (operand.kind != OperandKind::kVector) return Refuse("operands");
  std::vector<uint32_t> regs;
  for (const Operand& part : at_->function->Elements(operand)) {
    if (destination) {
      ASSIGN_OR_RETURN(const uint32_t reg, Dest(part, type));
      regs.push_back(reg);
    } else {
      ASSIGN_OR_RETURN(const uint32_t reg, Source(part, type));
      regs.push_back(reg);
    }
  }
  return regs;
}

Result<uint32_t> Lowering::LaneNumber() {
  Operand lane;
  lane.kind = OperandKind::kSpecial;
  lane.index = static_cast<uint32_t>(ptx::Special::kLaneid);
  return SpecialRegister(lane, Type::kU32);
}

Status Lowering::MultiplyMatrices(const Matrix& matrix, Operands operands) {
  if (operands.size() != 4) return Refuse("operands");
  Product product;
  product.m = matrix.m;
  product.n = matrix.n;
  product.k = matrix.k;
  product.half_c = matrix.c == Type::kF16;
  product.half_d = matrix.d == Type::kF16;
  product.satfinite = operation_->satfinite;
  if (matrix.a == Type::kF64) {
    product.rounding = static_cast<uint8_t>(RoundIndex(*operation_));
  }
  std::vector<ExtraReg> regs;
  constexpr const char* kOperands = "dabc";
  for (size_t i = 0; i < operands.size(); ++i) {
    const ptx::Fragment fragment = ptx::FragmentOf(matrix, kOperands[i]);
    ASSIGN_OR_RETURN(std::vector<uint32_t> parts,
                     VectorRegisters(operands[i], RegisterTypeOf(fragment), i == 0));
    if (parts.size() != fragment.registers) return Refuse("elements");
    // What is beyond the pieces repeats them.
    parts.resize(size_t{fragment.pieces} * fragment.per_piece);
    for (uint32_t r = 0; r < parts.size(); ++r) {
      regs.push_back({parts[r], i == 0, PartOf(matrix, fragment, kOperands[i], r)});
    }
  }
  Inst& inst = Emit(Fn::kMultiply, TypesOf(matrix));
  inst.imm = product.Pack();
  AddParts(inst, regs);
  inst.count = inst.extra_count;
  return Ok();
}

void Lowering::AddParts(Inst& inst, const std::vector<ExtraReg>& regs) {
  for (const ExtraReg& reg : regs) {
    AddExtra(inst, reg.reg, reg.is_def);
    ir_.extras.back().part = reg.part;
  }
}

uint32_t Lowering::Scaled(uint32_t reg, uint64_t factor) {
  if (factor == 1) return reg;
  const uint32_t product = NewReg(8);
  Emit(Fn::kMulLo, Ty::kU64, product, reg, Constant(8, factor));
  return product;
}

uint32_t Lowering::Sum(uint32_t a, uint32_t b) {
  const uint32_t sum = NewReg(8);
  Emit(Fn::kAdd, Ty::kU64, sum, a, b);
  return sum;
}

// Where each lane's elements stand: `first` is the address of its first one, to which steps across
// and along are added.
struct Lowering::MatrixMemory {
  Window window = Window::kGeneric;
  uint32_t first = kNoReg;
  uint32_t bytes = 0;            // of an element
  bool along_is_minor = true;    // neighbours along stand side by side
  uint32_t stride = kNoReg;      // bytes from one row (column) to the next, where it is no constant
  uint64_t stride_constant = 0;  // where it is
  std::map<uint32_t, uint32_t> rows = {};  // addresses so many rows (columns) on
};

Result<Lowering::MatrixMemory> Lowering::MemoryOf(const Matrix& matrix,
                                                  const ptx::Fragment& fragment,
                                                  const Operand& address, const Operand* stride) {
  MatrixMemory memory;
  ASSIGN_OR_RETURN(const Address place, AddressOfOperand(address, operation_->space));
  memory.window = place.window;
  ASSIGN_OR_RETURN(const uint32_t base, AddressValue(address, operation_->space));
  memory.bytes = ptx::TypeBytes(fragment.type);
  memory.along_is_minor = (matrix.which == 'b') != matrix.row_major;
  if (stride == nullptr || stride->kind == OperandKind::kInteger) {
    const uint64_t usual = memory.along_is_minor ? fragment.along : fragment.across;
    memory.stride_constant =
        (stride == nullptr ? usual : stride->value & 0xffffffff) * memory.bytes;
  } else {
    ASSIGN_OR_RETURN(const uint32_t elements, Source(*stride, Type::kU32));
    const uint32_t wide = NewReg(8);
    Emit(Fn::kCvt + Index(Ty::kU32), Ty::kU64, wide, elements);
    memory.stride = Scaled(wide, memory.bytes);
  }
  CheckMatrixAddress(memory, base, fragment, /*write=*/matrix.kind == MatrixKind::kStore);
  ASSIGN_OR_RETURN(const uint32_t narrow_lane, LaneNumber());
  const uint32_t lane = NewReg(8);
  Emit(Fn::kCvt + Index(Ty::kU32), Ty::kU64, lane, narrow_lane);
  const uint32_t across = NewReg(8);
  Emit(Fn::kShr, Ty::kU64, across, lane, Constant(4, 2));
  const uint32_t in_group = NewReg(8);
  Emit(Fn::kAnd, Ty::kU64, in_group, lane, Constant(8, 3));
  const uint32_t along = Scaled(in_group, fragment.width);
  const uint32_t minor = Scaled(memory.along_is_minor ? along : across, memory.bytes);
  uint32_t major = memory.along_is_minor ? across : along;
  if (memory.stride == kNoReg) {
    major = Scaled(major, memory.stride_constant);
  } else {
    const uint32_t product = NewReg(8);
    Emit(Fn::kMulLo, Ty::kU64, product, major, memory.stride);
    major = product;
  }
  memory.first = Sum(Sum(base, minor), major);
  memory.rows[0] = memory.first;
  return memory;
}

// ISA wmma.load: all threads name the same matrix. Rows (columns) are aligned to the fragment's
// size; CUDA C++ asks for no more than 16 bytes, and no device does.
void Lowering::CheckMatrixAddress(const MatrixMemory& memory, uint32_t base,
                                  const ptx::Fragment& fragment, bool write) {
  const uint64_t register_bytes = fragment.type == Type::kF64 ? 8 : 4;
  const uint64_t align = std::min<uint64_t>(16, register_bytes * fragment.registers);
  Inst& inst = Emit(Fn::kMatrixAddress, Ty::kU64);
  inst.a = base;
  inst.b = memory.stride;
  inst.imm = align | memory.stride_constant << 8;
  inst.flags = AddressFlags(memory.window, /*narrow=*/false);
  inst.count = write ? 1 : 0;
}

// One access of the element there, and of the ones beside it where there is more than one register.
void Lowering::MoveElements(MatrixMemory& memory, ptx::FragmentPlace place, bool store,
                            uint32_t access_bytes, const std::vector<ExtraReg>& regs) {
  const uint32_t major = memory.along_is_minor ? place.across : place.along;
  const uint32_t minor = memory.along_is_minor ? place.along : place.across;
  uint32_t address = memory.first;
  uint64_t offset = uint64_t{minor} * memory.bytes;
  if (memory.stride == kNoReg) {
    offset += major * memory.stride_constant;
  } else {
    uint32_t& row = memory.rows.try_emplace(major, kNoReg).first->second;
    if (row == kNoReg) row = Sum(memory.first, Scaled(memory.stride, major));
    address = row;
  }
  const uint32_t register_bytes = ir_.regs[regs[0].reg].bytes;
  const Fn first = store ? Fn::kSt : Fn::kLd;
  Inst& inst = Emit(first + 3 * static_cast<uint32_t>(memory.window) + WidthIndex(register_bytes),
                    access_bytes == 1 ? Ty::kU8 : TyOf(UnsignedOfBytes(access_bytes)));
  inst.a = address;
  inst.imm = offset;
  inst.flags = AddressFlags(memory.window, /*narrow=*/false);
  inst.memory = true;
  inst.count = static_cast<uint16_t>(regs.size());
  if (regs.size() == 1) {
    (store ? inst.b : inst.dst) = regs[0].reg;
    inst.part = regs[0].part;
  } else {
    AddParts(inst, regs);
  }
}

// A piece whose elements do not stand side by side in memory, but share a register.
void Lowering::MoveApart(MatrixMemory& memory, ptx::FragmentPlace place, bool store, uint32_t count,
                         const ExtraReg& reg) {
  std::vector<ExtraReg> halves;
  for (uint32_t e = 0; e < count; ++e) halves.push_back({NewReg(2), /*is_def=*/store});
  const auto packing = [&](Fn fn) {
    Inst& inst = Emit(fn, count == 2 ? Ty::kU16 : Ty::kS8);
    (store ? inst.a : inst.dst) = reg.reg;
    inst.part = reg.part;
    inst.count = static_cast<uint16_t>(count);
    AddParts(inst, halves);
  };
  if (store) packing(Fn::kUnpack);
  for (uint32_t e = 0; e < count; ++e) {
    MoveElements(memory, {place.across, place.along + e}, store, memory.bytes, {halves[e]});
  }
  if (!store) packing(Fn::kPack);
}

Status Lowering::MoveMatrix(const Matrix& matrix, Operands operands) {
  if (operands.size() != 2 && operands.size() != 3) return Refuse("operands");
  const bool store = matrix.kind == MatrixKind::kStore;
  const ptx::Fragment fragment = ptx::FragmentOf(matrix, matrix.which);
  ASSIGN_OR_RETURN(const std::vector<uint32_t> names,
                   VectorRegisters(operands[store ? 1 : 0], RegisterTypeOf(fragment), !store));
  if (names.size() != fragment.registers) return Refuse("elements");
  std::vector<ExtraReg> regs;
  for (uint32_t r = 0; r < names.size(); ++r) {
    regs.push_back({names[r], !store, PartOf(matrix, fragment, matrix.which, r)});
  }
  ASSIGN_OR_RETURN(MatrixMemory memory, MemoryOf(matrix, fragment, operands[store ? 0 : 1],
                                                 operands.size() == 3 ? &operands[2] : nullptr));
  const uint32_t per_piece = fragment.per_piece;
  for (uint32_t p = 0; p < fragment.pieces; ++p) {
    const ptx::FragmentPlace place = ptx::PlaceOf(fragment, p);
    const ExtraReg& reg = regs[size_t{p} * per_piece];
    if (per_piece == 2 && memory.along_is_minor) {
      MoveElements(memory, place, store, memory.bytes, {reg, regs[size_t{p} * 2 + 1]});
    } else if (per_piece == 2) {
      MoveElements(memory, place, store, memory.bytes, {reg});
      MoveElements(memory, {place.across, place.along + 1}, store, memory.bytes,
                   {regs[size_t{p} * 2 + 1]});
    } else if (memory.along_is_minor || fragment.width == 1) {
      MoveElements(memory, place, store, memory.bytes * fragment.width, {reg});
    } else {
      MoveApart(memory, place, store, fragment.width, reg);
    }
  }
  for (uint32_t r = fragment.pieces * per_piece; r < regs.size(); ++r) {
    Inst& copy = Emit(Fn::kMov, Ty::kU32);
    copy.dst = regs[r].reg;
    copy.a = regs[r % fragment.pieces].reg;
    copy.part = regs[r].part;
  }
  return Ok();
}

// Lanes 0 to 7 (15, 31) each load a row of 16 bytes, and all share them out.
Status Lowering::LoadMatrices(const Matrix& matrix, Operands operands) {
  if (operands.size() != 2) return Refuse("operands");
  ASSIGN_OR_RETURN(const std::vector<uint32_t> regs,
                   VectorRegisters(operands[0], Type::kB32, /*destination=*/true));
  if (regs.size() != matrix.copies) return Refuse("elements");
  ASSIGN_OR_RETURN(const Address address, AddressOfOperand(operands[1], operation_->space));
  const uint32_t rows = 8 * matrix.copies;
  uint32_t loads = kNoReg;
  if (rows < kLanes) {
    ASSIGN_OR_RETURN(const uint32_t lane, LaneNumber());
    loads = NewReg(1);
    Emit(Fn::kSetp + static_cast<uint32_t>(ptx::Compare::kLt), Ty::kU32, loads, lane,
         Constant(4, rows));
  }
  uint32_t words[kRowWords] = {};
  for (uint32_t& word : words) word = NewReg(4);
  Inst& load = Emit(Fn::kLd + 3 * static_cast<uint32_t>(address.window) + WidthIndex(4), Ty::kU32);
  load.guard = loads;
  load.a = address.reg;
  load.imm = address.offset;
  load.flags = AddressFlags(address.window, address.narrow);
  load.memory = true;
  load.count = kRowWords;
  for (const uint32_t word : words) AddExtra(load, word, /*is_def=*/true);
  Inst& share = Emit(Fn::kDistribute, Ty::kU32);
  share.imm = matrix.transposed ? kTransposed : 0;
  share.count = static_cast<uint16_t>(regs.size());
  for (const uint32_t reg : regs) AddExtra(share, reg, /*is_def=*/true);
  for (const uint32_t word : words) AddExtra(share, word, /*is_def=*/false);
  return Ok();
}

}  // namespace souk::gpu::cpu
