#include "gpu/conformance/inputs.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <tuple>

namespace souk::gpu::conformance {
namespace {

using ptx::Type;
using Values = std::vector<uint64_t>;

// splitmix64 (Steele, Lea, Flood 2014).
uint64_t Mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

// Zeros, ones, infinities, NaNs (quiet, signalling, with payloads), the subnormal range's ends, the
// largest, neighbours of one, and where conversions to integers clamp.
const Values kF32 = {
    0x00000000, 0x80000000, 0x3f800000, 0xbf800000, 0x7f800000, 0xff800000, 0x7fc00001, 0xffa00000,
    0x7fffffff, 0x00000001, 0x80000001, 0x007fffff, 0x807fffff, 0x00800000, 0x80800000, 0x7f7fffff,
    0xff7fffff, 0x3f7fffff, 0x3f800001, 0x4b000001, 0x4effffff, 0x4f000000, 0xcf000000, 0xcf000001,
    0x4f7fffff, 0x4f800000, 0x5effffff, 0x5f000000, 0xdf000000, 0x5f7fffff, 0x3f000000, 0x3effffff,
    0xbf000000, 0x3fc00000, 0x40200000, 0x40490fdb, 0x34000000, 0x33800000, 0x477fefff, 0x477ff000,
    0x387fc000, 0x33000001, 0x42fe0000, 0x43000000, 0xc3000000, 0x437f8000, 0x46fffe00, 0xc7000000};
const Values kF64 = {
    0x0000000000000000, 0x8000000000000000, 0x3ff0000000000000, 0xbff0000000000000,
    0x7ff0000000000000, 0xfff0000000000000, 0x7ff8000000000001, 0xfff4000000000000,
    0x7fffffffffffffff, 0x0000000000000001, 0x8000000000000001, 0x000fffffffffffff,
    0x0010000000000000, 0x8010000000000000, 0x7fefffffffffffff, 0xffefffffffffffff,
    0x3fefffffffffffff, 0x3ff0000000000001, 0x3fe0000000000000, 0xbfe0000000000000,
    0x3fdfffffffffffff, 0x3ff8000000000000, 0x4004000000000000, 0x400921fb54442d18,
    0x4330000000000001, 0x41dfffffffc00000, 0x41e0000000000000, 0xc1e0000000000000,
    0xc1e0000000200000, 0x41efffffffe00000, 0x43dfffffffffffff, 0x43e0000000000000,
    0xc3e0000000000000, 0x43efffffffffffff, 0x47efffffefffffff, 0x47effffff0000000,
    0x3810000000000000, 0x380fffffffffffff, 0x36a0000000000000, 0x3690000000000001,
    0x40effdffffffffff, 0x40effe0000000000, 0x3e60000000000000, 0x40c3880000000000};
const Values kHalf = {0x0000, 0x8000, 0x3c00, 0xbc00, 0x7c00, 0xfc00, 0x7e01, 0xfd00,
                      0x7fff, 0x0001, 0x8001, 0x03ff, 0x83ff, 0x0400, 0x8400, 0x7bff,
                      0xfbff, 0x3bff, 0x3c01, 0x6400, 0x3800, 0x4200, 0x1400, 0x5bff,
                      0x3f80, 0xbf80, 0x7f80, 0xff80, 0x7f7f, 0xff7f, 0x0080, 0x007f,
                      0x3f7f, 0x3f81, 0x4300, 0x7fc1, 0xff81};
const Values kCounts = {0,   1,      2,      3,       5,          7,         8,   9,   15,
                        16,  17,     23,     24,      30,         31,        32,  33,  47,
                        48,  62,     63,     64,      65,         127,       128, 255, 256,
                        257, 0x8000, 0xffff, 0x10000, 0x80000000, 0xffffffff};

Values Integers(uint32_t bits) {
  const uint64_t all = bits == 64 ? ~uint64_t{0} : (uint64_t{1} << bits) - 1;
  const uint64_t top = uint64_t{1} << (bits - 1);
  Values values = {0,
                   1,
                   2,
                   3,
                   7,
                   10,
                   all,
                   all - 1,
                   all - 2,
                   top,
                   top + 1,
                   top - 1,
                   top >> 1,
                   31,
                   32,
                   33,
                   63,
                   64,
                   100,
                   127,
                   128,
                   129,
                   255,
                   256 & all,
                   0x5555555555555555 & all,
                   0xaaaaaaaaaaaaaaaa & all,
                   0x0123456789abcdef & all,
                   0xfedcba9876543210 & all,
                   0x00ff00ff00ff00ff & all};
  if (bits >= 32) {
    for (const uint64_t v : {0x7fffull, 0x8000ull, 0xffffull, 0x10000ull, 0x7fffffull, 0x800000ull,
                             0xff000000ull, 0x80808080ull, 0x7f7f7f7full}) {
      values.push_back(v);
    }
  }
  if (bits == 64) {
    for (const uint64_t v : {0x7fffffffull, 0x80000000ull, 0xffffffffull, 0x100000000ull,
                             0xffffffff00000000ull, 0xffffffff7fffffffull, 0x20000000000001ull}) {
      values.push_back(v);
    }
  }
  return values;
}

bool IsHalfPair(Type type) {
  return type == Type::kF16x2 || type == Type::kBf16x2;
}

Values EdgesOf(Type type, Role role) {
  if (role == Role::kCount) return kCounts;
  if (type == Type::kPred) return {0, 1};
  if (type == Type::kF32) return kF32;
  if (type == Type::kF64) return kF64;
  if (type == Type::kF16 || type == Type::kBf16) return kHalf;
  if (IsHalfPair(type)) {
    Values pairs;
    for (size_t i = 0; i < kHalf.size(); ++i) {
      pairs.push_back(kHalf[i] << 16 | kHalf[(i * 7 + 3) % kHalf.size()]);
    }
    return pairs;
  }
  return Integers(8 * SlotBytes(type));
}

// Bits to a value that the role allows.
uint64_t Constrain(uint64_t bits, Role role, uint64_t random) {
  switch (role) {
    case Role::kValue:
    case Role::kCount:
      return bits;
    case Role::kBase:
      return bits & 31;
    case Role::kOffset:
      return static_cast<uint32_t>(static_cast<int32_t>(bits % 81) - 40);
    case Role::kAngle: {
      // Special values stay; what is finite gets an exponent below 2^8, where 100 pi lies.
      const uint64_t exponent = bits >> 23 & 0xff;
      if (exponent == 0xff || exponent < 127 + 8) return bits;
      return (bits & 0x807fffff) | (random % 20 + 115) << 23;
    }
    case Role::kOrdinary: {
      const uint64_t exponent = bits >> 23 & 0xff;
      if (exponent == 0xff || (bits & 0x7fffffff) == 0) return bits;
      return (bits & 0x807fffff) | (random % 40 + 107) << 23;
    }
  }
  return bits;
}

// Random bits, but floats mostly of a size where they meet each other.
uint64_t Random(Type type, uint64_t random) {
  const uint64_t which = random >> 60;
  if (type == Type::kF32 && which < 10) return (random & 0x83ffffff) | 0x3c000000;
  if (type == Type::kF64 && which < 10) return (random & 0x803fffffffffffff) | 0x3fc0000000000000;
  return random;
}

Bytes MakeBytes(Type type, Role role, size_t position, uint32_t rows) {
  const Values edges = EdgesOf(type, role);
  const uint32_t width = SlotBytes(type);
  const uint64_t mask = width == 8 ? ~uint64_t{0} : (uint64_t{1} << (8 * width)) - 1;
  Bytes bytes;
  bytes.reserve(size_t{rows} * width);
  for (uint32_t row = 0; row < rows; ++row) {
    const uint64_t random = Mix(uint64_t{row} << 3 | position);
    // Of every four rows three have edges: the first operand runs through its own, the second
    // changes after so many rows that nearly all pairs come up, the others are drawn.
    size_t index = row / 4 * 3 + row % 4;
    if (position == 1) index /= 40;
    if (position >= 2) index = static_cast<size_t>(random >> 8);
    uint64_t value = row % 4 != 3 ? edges[index % edges.size()] : Random(type, random);
    if (type == Type::kPred) value &= 1;
    value = Constrain(value & mask, role, random >> 16) & mask;
    for (uint32_t i = 0; i < width; ++i) bytes.push_back(static_cast<uint8_t>(value >> (8 * i)));
  }
  return bytes;
}

}  // namespace

uint32_t SlotBytes(ptx::Type type) {
  if (type == Type::kPred) return 4;
  return std::max<uint32_t>(2, ptx::TypeBytes(type));
}

Column MakeColumn(ptx::Type type, Role role, size_t position, uint32_t rows) {
  using Key = std::tuple<Type, Role, size_t, uint32_t>;
  static std::mutex mutex;
  static auto* const made = new std::map<Key, Column>();
  const std::lock_guard<std::mutex> lock(mutex);
  Column& column = (*made)[Key(type, role, position, rows)];
  if (!column.bytes) {
    column = {type, std::make_shared<const Bytes>(MakeBytes(type, role, position, rows))};
  }
  return column;
}

}  // namespace souk::gpu::conformance
