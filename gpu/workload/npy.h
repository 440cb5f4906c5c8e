// NumPy's .npy files: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
// Reads versions 1.0 to 3.0, writes 1.0. Little-endian elements in C order only.
#pragma once

#include "gpu/workload/workload.h"

namespace souk::gpu {

inline constexpr size_t kMaxNpyHeaderBytes = 4096;  // NumPy's own reader stops at 10,000

struct NpyHeader {
  DType dtype = DType::kF32;
  std::vector<uint64_t> shape = {};
  size_t data_offset = 0;
  uint64_t data_bytes = 0;
};

// Checks the whole: magic, version, header, and that exactly the elements follow it.
// kUnsupported for Fortran order, big-endian or other element types; else kMalformed, kTooLarge.
// A bool element that is neither 0 nor 1 is kMalformed.
Result<NpyHeader> ParseNpy(ByteView file);

// As numpy prints it: "(2, 3)", "(3,)", "()".
std::string ShapeText(const std::vector<uint64_t>& shape);

// The header as NumPy writes it: version 1.0, padded so that data starts at a multiple of 64.
Bytes NpyHeaderFor(DType dtype, const std::vector<uint64_t>& shape);
// data.size() must be the elements' bytes.
Bytes WriteNpy(DType dtype, const std::vector<uint64_t>& shape, ByteView data);

}  // namespace souk::gpu
