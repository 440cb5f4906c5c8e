// Video instructions (PTX ISA 9.7.17 scalar, 9.7.18 SIMD): what one of them does, packed into
// Op::imm by lowering and unpacked by its handler.
#pragma once

#include <cstdint>

namespace souk::gpu::cpu {

enum class VideoOp : uint8_t { kAdd, kSub, kAbsdiff, kAverage, kMin, kMax, kShl, kShr, kMad, kSet };
enum class VideoSecond : uint8_t { kNone, kAdd, kMin, kMax };
enum class VideoCompare : uint8_t { kEq, kNe, kLt, kLe, kGt, kGe };

// A byte or half of a 32-bit register; bits: 32 where all of it is meant.
struct VideoPart {
  uint8_t shift = 0;
  uint8_t bits = 32;
};

// Bit by bit what Op::imm holds; see Pack.
struct VideoSpec {
  VideoOp op = VideoOp::kAdd;
  uint8_t ways = 1;  // elements of a register: 1, 2 or 4
  bool signed_d = false;
  bool signed_a = false;
  bool signed_b = false;
  bool sat = false;
  VideoSecond second = VideoSecond::kNone;
  VideoCompare compare = VideoCompare::kEq;
  bool wrap = false;      // shifts: modulo 32, else clamped to 32
  uint8_t scale = 0;      // vmad: the sum is shifted right by it
  bool plus_one = false;  // vmad.po
  bool product_negated = false;
  bool third_negated = false;
  // Scalar: parts. SIMD: nibbles, the lowest element's first, that pick from the row of a's and
  // b's elements; mask: elements that are written.
  VideoPart d = {};
  VideoPart a = {};
  VideoPart b = {};
  uint16_t picks_a = 0;
  uint16_t picks_b = 0;
  uint8_t mask = 15;

  uint64_t Pack() const;
  static VideoSpec Unpack(uint64_t imm);
};

uint32_t ApplyVideo(const VideoSpec& spec, uint32_t a, uint32_t b, uint32_t c);

}  // namespace souk::gpu::cpu
