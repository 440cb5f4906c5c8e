// Matrix instructions of a warp (PTX ISA 9.7.14): which spellings are broken down, and where the
// elements of each matrix lie in the lanes' registers.
#pragma once

#include <optional>
#include <string>

#include "gpu/ptx/module.h"

namespace souk::ptx {

enum class MatrixKind : uint8_t {
  kLoad,          // wmma.load
  kStore,         // wmma.store
  kMultiply,      // wmma.mma, mma
  kLoadMatrices,  // ldmatrix
};

// D = A·B + C, of m × k, k × n and m × n elements. ldmatrix has no types and no sizes.
struct Matrix {
  MatrixKind kind = MatrixKind::kMultiply;
  uint32_t m = 0;
  uint32_t n = 0;
  uint32_t k = 0;
  Type a = Type::kNone;
  Type b = Type::kNone;
  Type c = Type::kNone;
  Type d = Type::kNone;
  // wmma.load, wmma.store: which matrix, 'a' to 'd', and whether its rows are contiguous in memory.
  char which = 0;
  bool row_major = true;
  // wmma.mma: the layouts that A and B were loaded with.
  bool a_row_major = true;
  bool b_row_major = true;
  bool twice = false;   // wmma's .f16 operands have 8 registers, whatever they hold
  uint32_t copies = 0;  // ldmatrix: .x1, .x2, .x4
  bool transposed = false;
};

// Nothing where the forms table leaves the instruction open (sparse, block-scaled and sub-byte
// ones, .b1, .m8n8k4 of .f16), and for others.
std::optional<Matrix> MatrixOf(const Operation& operation);

// A matrix in registers. Lane i holds `pieces` of `width` neighbours. Neighbours have one place
// across and follow each other along; across are the rows of A, C and D and the columns of B.
//
// mma's layouts ("Matrix Fragments for mma…") are all of this kind. wmma's are "unspecified": here
// they continue mma's, so that .m16n16k16 is two .m16n8k16 side by side. A vector longer than its
// pieces repeats them.
struct Fragment {
  Type type = Type::kNone;  // of an element
  uint32_t registers = 0;   // of the operand's vector
  uint32_t pieces = 0;
  uint32_t per_piece = 1;    // registers: 2 in C and D, unless they are of .f16
  uint32_t width = 1;        // elements
  uint32_t across = 0;       // elements of the whole matrix
  uint32_t along = 0;        //
  bool along_first = false;  // the next piece is the next along (B), else the next across
};
struct FragmentPlace {
  uint32_t across = 0;
  uint32_t along = 0;
};
Fragment FragmentOf(const Matrix& matrix, char which);
// The first element of a piece of lane 0. Lane i's lies i / 4 further across and i % 4 * width
// further along.
FragmentPlace PlaceOf(const Fragment& fragment, uint32_t piece);

// For operands.cc: OperandSignature's answer, and whether a group of operands is a fragment. 'l':
// what ldmatrix loads.
const char* MatrixSignature(const Operation& operation);
bool IsFragment(const Operation& operation, const Function& function, const Operand& operand,
                char which, bool destination);

}  // namespace souk::ptx
