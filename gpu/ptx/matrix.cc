#include "gpu/ptx/matrix.h"

#include <algorithm>
#include <charconv>
#include <vector>

namespace souk::ptx {
namespace {

constexpr uint32_t kGroup = 4;          // lanes that share a place across
constexpr uint32_t kGroups = 8;         // of a warp
constexpr uint32_t kWmmaRegisters = 8;  // of a .f16 operand

// "m16n8k16" into sizes.
bool TakeShape(std::string_view text, Matrix& matrix) {
  const char* at = text.data();
  const char* const end = at + text.size();
  const std::pair<char, uint32_t*> parts[] = {{'m', &matrix.m}, {'n', &matrix.n}, {'k', &matrix.k}};
  for (const auto& [letter, size] : parts) {
    if (at == end || *at != letter) return false;
    const auto [after, failed] = std::from_chars(at + 1, end, *size);
    if (failed != std::errc()) return false;
    at = after;
  }
  return at == end;
}

void TakeProduct(const Operation& op, Matrix& matrix) {
  matrix.kind = MatrixKind::kMultiply;
  matrix.d = op.type;
  if (op.type3 == Type::kNone) {  // wmma.mma.….f32.f16: D and C
    matrix.a = matrix.b = Type::kF16;
    matrix.c = op.type2;
    return;
  }
  matrix.a = op.type2;
  matrix.b = op.type3;
  matrix.c = op.type4;
}

std::optional<Matrix> WmmaOf(const Operation& op) {
  Matrix matrix;
  matrix.twice = true;
  if (op.HasRest("mma")) {
    TakeProduct(op, matrix);
    std::vector<bool> row_major;
    for (const std::string& rest : op.rest) {
      if (rest == "row" || rest == "col") row_major.push_back(rest == "row");
    }
    if (row_major.size() != 2) return std::nullopt;
    matrix.a_row_major = row_major[0];
    matrix.b_row_major = row_major[1];
  } else {
    matrix.kind = op.HasRest("load") ? MatrixKind::kLoad : MatrixKind::kStore;
    matrix.a = matrix.b = matrix.c = matrix.d = op.type;
    matrix.row_major = op.HasRest("row");
    for (const char* const which : {"a", "b", "c", "d"}) {
      if (op.HasRest(which)) matrix.which = which[0];
    }
  }
  for (const std::string& rest : op.rest) {
    if (TakeShape(rest, matrix)) return matrix;
  }
  return std::nullopt;
}

std::optional<Matrix> MmaOf(const Operation& op) {
  Matrix matrix;
  TakeProduct(op, matrix);
  for (const std::string& rest : op.rest) {
    if (TakeShape(rest, matrix)) return matrix;
  }
  return std::nullopt;
}

Matrix LdmatrixOf(const Operation& op) {
  Matrix matrix;
  matrix.kind = MatrixKind::kLoadMatrices;
  matrix.transposed = op.HasRest("trans");
  matrix.copies = op.HasRest("x4") ? 4 : op.HasRest("x2") ? 2 : 1;
  return matrix;
}

// What ptxas 13.0 takes, save that it takes a few more for .s8 and .u8. Beside .b32 all but
// integers are of one type.
bool TakesRegister(Type type, Type reg) {
  switch (type) {
    case Type::kF16:
      return reg == Type::kB32 || reg == Type::kF16x2;
    case Type::kF32:
      return reg == Type::kB32 || reg == Type::kF32;
    case Type::kF64:
      return reg == Type::kB64 || reg == Type::kF64;
    case Type::kU8:
    case Type::kS8:
    case Type::kS32:
      return reg == Type::kB32 || reg == Type::kU32 || reg == Type::kS32;
    default:
      return reg == Type::kB32;
  }
}

}  // namespace

std::optional<Matrix> MatrixOf(const Operation& op) {
  if (!op.version_known) return std::nullopt;
  switch (op.opcode) {
    case Opcode::kWmma:
      return WmmaOf(op);
    case Opcode::kMma:
      return MmaOf(op);
    case Opcode::kLdmatrix:
      return LdmatrixOf(op);
    default:
      return std::nullopt;
  }
}

Fragment FragmentOf(const Matrix& matrix, char which) {
  Fragment fragment;
  const bool multiplicand = which == 'a' || which == 'b';
  fragment.type = which == 'a'   ? matrix.a
                  : which == 'b' ? matrix.b
                  : which == 'c' ? matrix.c
                                 : matrix.d;
  fragment.across = which == 'b' ? matrix.n : matrix.m;
  fragment.along = multiplicand ? matrix.k : matrix.n;
  fragment.along_first = which == 'b';
  const uint32_t bits = TypeBits(fragment.type);
  fragment.width = multiplicand ? std::max(1u, 32 / bits) : 2;
  fragment.pieces = fragment.across / kGroups * (fragment.along / (kGroup * fragment.width));
  fragment.per_piece = multiplicand || bits == 16 ? 1 : 2;
  fragment.registers = fragment.pieces * fragment.per_piece;
  if (multiplicand && matrix.twice && fragment.type == Type::kF16) {
    fragment.registers = kWmmaRegisters;
  }
  return fragment;
}

FragmentPlace PlaceOf(const Fragment& fragment, uint32_t piece) {
  const uint32_t step = kGroup * fragment.width;
  const uint32_t count = fragment.along_first ? fragment.along / step : fragment.across / kGroups;
  const uint32_t inner = piece % count;
  const uint32_t outer = piece / count;
  return fragment.along_first ? FragmentPlace{outer * kGroups, inner * step}
                              : FragmentPlace{inner * kGroups, outer * step};
}

const char* MatrixSignature(const Operation& op) {
  const std::optional<Matrix> matrix = MatrixOf(op);
  if (!matrix) return nullptr;
  switch (matrix->kind) {
    case MatrixKind::kLoad:
      return matrix->which == 'a' ? "Xa A ?S4" : matrix->which == 'b' ? "Xb A ?S4" : "Xc A ?S4";
    case MatrixKind::kStore:
      return "A Xd ?S4";
    case MatrixKind::kMultiply:
      return "Xd Xa Xb Xc";
    case MatrixKind::kLoadMatrices:
      return "Xl A";
  }
  return nullptr;
}

bool IsFragment(const Operation& op, const Function& f, const Operand& operand, char which,
                bool destination) {
  const std::optional<Matrix> matrix = MatrixOf(op);
  if (!matrix || operand.kind != OperandKind::kVector) return false;
  const bool loads_matrices = matrix->kind == MatrixKind::kLoadMatrices;
  Fragment fragment;
  if (!loads_matrices) fragment = FragmentOf(*matrix, which);
  const std::span<const Operand> parts = f.Elements(operand);
  if (parts.size() != (loads_matrices ? matrix->copies : fragment.registers)) return false;
  size_t sinks = 0;
  // ldmatrix: any 32 bits, but of one type beside .b32.
  Type kind = Type::kS32;
  bool has_kind = false;
  for (const Operand& part : parts) {
    if (part.kind == OperandKind::kSink && destination && ++sinks < parts.size()) continue;
    if (part.kind != OperandKind::kRegister || part.negated) return false;
    const Register& reg = f.registers[part.index];
    if (reg.vector != 1 || part.component != Component::kAll) return false;
    if (!loads_matrices) {
      if (!TakesRegister(fragment.type, reg.type)) return false;
      continue;
    }
    if (reg.type == Type::kB32) continue;
    const Type own = reg.type == Type::kU32 ? Type::kS32 : reg.type;
    if (own != Type::kS32 && own != Type::kF32 && own != Type::kF16x2) return false;
    if (has_kind && own != kind) return false;
    kind = own;
    has_kind = true;
  }
  return true;
}

}  // namespace souk::ptx
