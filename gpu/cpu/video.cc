// Lane by lane, in wide integers, step by step as the ISA's pseudo code has it.
#include "gpu/cpu/video.h"

#include <algorithm>

#include "gpu/cpu/handlers.h"

namespace souk::gpu::cpu {
namespace {

using Wide = __int128;

// Packs and unpacks with one list of fields, so that the two cannot differ.
struct BitWriter {
  uint64_t bits = 0;
  uint32_t at = 0;
  template <typename T>
  void Field(T value, uint32_t width) {
    bits |= (static_cast<uint64_t>(value) & ((uint64_t{1} << width) - 1)) << at;
    at += width;
  }
};
struct BitReader {
  uint64_t bits = 0;
  uint32_t at = 0;
  template <typename T>
  void Field(T& value, uint32_t width) {
    value = static_cast<T>(bits >> at & ((uint64_t{1} << width) - 1));
    at += width;
  }
};

// A part is one of seven: all, four bytes, two halves.
uint8_t PartNumber(VideoPart part) {
  if (part.bits == 32) return 0;
  return static_cast<uint8_t>(part.bits == 8 ? 1 + part.shift / 8 : 5 + part.shift / 16);
}
VideoPart PartOf(uint8_t number) {
  if (number == 0) return VideoPart{0, 32};
  if (number < 5) return VideoPart{static_cast<uint8_t>((number - 1) * 8), 8};
  return VideoPart{static_cast<uint8_t>((number - 5) * 16), 16};
}

Wide Extend(uint32_t value, uint32_t bits, bool is_signed) {
  const uint32_t left = 32 - bits;
  if (is_signed) return static_cast<int32_t>(value << left) >> left;
  return value << left >> left;
}
Wide Clamp(Wide value, uint32_t bits, bool is_signed) {
  const Wide top = Wide{1} << (is_signed ? bits - 1 : bits);
  return std::clamp(value, is_signed ? -top : Wide{0}, top - 1);
}

bool Holds(VideoCompare compare, Wide a, Wide b) {
  switch (compare) {
    case VideoCompare::kEq:
      return a == b;
    case VideoCompare::kNe:
      return a != b;
    case VideoCompare::kLt:
      return a < b;
    case VideoCompare::kLe:
      return a <= b;
    case VideoCompare::kGt:
      return a > b;
    case VideoCompare::kGe:
      return a >= b;
  }
  return false;
}

Wide Compute(const VideoSpec& spec, Wide a, Wide b) {
  switch (spec.op) {
    case VideoOp::kAdd:
      return a + b;
    case VideoOp::kSub:
      return a - b;
    case VideoOp::kAbsdiff:
      return a < b ? b - a : a - b;
    case VideoOp::kAverage:  // rounds away from zero where positive, else towards minus infinity
      return a + b >= 0 ? (a + b + 1) >> 1 : (a + b) >> 1;
    case VideoOp::kMin:
      return std::min(a, b);
    case VideoOp::kMax:
      return std::max(a, b);
    case VideoOp::kShl:
    case VideoOp::kShr: {
      const Wide by = spec.wrap ? b & 31 : std::min<Wide>(b, 32);
      return spec.op == VideoOp::kShl ? a << static_cast<int>(by) : a >> static_cast<int>(by);
    }
    case VideoOp::kSet:
      return Holds(spec.compare, a, b) ? 1 : 0;
    case VideoOp::kMad:
      break;
  }
  return 0;
}

Wide Second(VideoSecond second, Wide value, Wide c) {
  switch (second) {
    case VideoSecond::kNone:
      return value;
    case VideoSecond::kAdd:
      return value + c;
    case VideoSecond::kMin:
      return std::min(value, c);
    case VideoSecond::kMax:
      return std::max(value, c);
  }
  return value;
}

uint32_t MulAdd(const VideoSpec& spec, Wide a, Wide b, uint32_t c) {
  const bool is_signed =
      spec.signed_a || spec.signed_b || spec.product_negated || spec.third_negated;
  Wide product = a * b;
  Wide third = is_signed ? Wide{static_cast<int32_t>(c)} : Wide{c};
  if (spec.product_negated) product = -product;
  if (spec.third_negated) third = -third;
  const Wide sum = (product + third + (spec.plus_one ? 1 : 0)) >> spec.scale;
  return static_cast<uint32_t>(spec.sat ? Clamp(sum, 32, is_signed) : sum);
}

uint32_t ScalarVideo(const VideoSpec& spec, uint32_t a, uint32_t b, uint32_t c) {
  const Wide x = Extend(a >> spec.a.shift, spec.a.bits, spec.signed_a);
  const Wide y = Extend(b >> spec.b.shift, spec.b.bits, spec.signed_b);
  if (spec.op == VideoOp::kMad) return MulAdd(spec, x, y, c);
  Wide value = Compute(spec, x, y);
  if (spec.sat) value = Clamp(value, spec.d.bits, spec.signed_d);
  if (spec.d.bits != 32) {
    const uint32_t mask = ((uint32_t{1} << spec.d.bits) - 1) << spec.d.shift;
    return (static_cast<uint32_t>(value) << spec.d.shift & mask) | (c & ~mask);
  }
  // ISA optSecondaryOp: on 33 bits, signed.
  const Wide narrow =
      static_cast<Wide>(static_cast<int64_t>(static_cast<uint64_t>(value) << 31) >> 31);
  return static_cast<uint32_t>(Second(spec.second, narrow, Extend(c, 32, spec.signed_d)));
}

uint32_t SimdVideo(const VideoSpec& spec, uint32_t a, uint32_t b, uint32_t c) {
  const uint32_t bits = 32u / spec.ways;
  const uint64_t row = a | uint64_t{b} << 32;
  const auto element = [&](uint16_t picks, uint32_t i, bool is_signed) {
    const uint32_t pick = picks >> (4 * i) & 7u;
    return Extend(static_cast<uint32_t>(row >> (bits * pick)), bits, is_signed);
  };
  const uint32_t low = (uint32_t{1} << bits) - 1;
  Wide sum = c;
  uint32_t merged = 0;
  for (uint32_t i = 0; i < spec.ways; ++i) {
    if ((spec.mask >> i & 1) == 0) {
      merged |= c & low << (bits * i);
      continue;
    }
    Wide value = Compute(spec, element(spec.picks_a, i, spec.signed_a),
                         element(spec.picks_b, i, spec.signed_b));
    if (spec.sat) value = Clamp(value, bits, spec.signed_d);
    sum += value;
    merged |= (static_cast<uint32_t>(value) & low) << (bits * i);
  }
  return spec.second == VideoSecond::kAdd ? static_cast<uint32_t>(sum) : merged;
}

const Op* Video(Warp& w, const Op* op) {
  const VideoSpec spec = VideoSpec::Unpack(op->imm);
  const uint32_t* a = w.Lanes<uint32_t>(op->a);
  const uint32_t* b = w.Lanes<uint32_t>(op->b);
  const uint32_t* c = w.Lanes<uint32_t>(op->c);
  uint32_t* d = w.Lanes<uint32_t>(op->dst);
  for (uint32_t left = w.Mask(op); left != 0; left &= left - 1) {
    const int lane = __builtin_ctz(left);
    d[lane] = ApplyVideo(spec, a[lane], b[lane], c[lane]);
  }
  return op + 1;
}

template <typename Bits, typename Spec>
void VideoFields(Bits& bits, Spec& spec) {
  bits.Field(spec.op, 4);
  bits.Field(spec.ways, 3);
  bits.Field(spec.signed_d, 1);
  bits.Field(spec.signed_a, 1);
  bits.Field(spec.signed_b, 1);
  bits.Field(spec.sat, 1);
  bits.Field(spec.second, 2);
  bits.Field(spec.compare, 3);
  bits.Field(spec.wrap, 1);
  bits.Field(spec.scale, 4);
  bits.Field(spec.plus_one, 1);
  bits.Field(spec.product_negated, 1);
  bits.Field(spec.third_negated, 1);
  bits.Field(spec.mask, 4);
}

}  // namespace

uint64_t VideoSpec::Pack() const {
  BitWriter bits;
  VideoFields(bits, *this);
  if (ways == 1) {
    for (const VideoPart& part : {d, a, b}) bits.Field(PartNumber(part), 3);
  } else {
    bits.Field(picks_a, 16);
    bits.Field(picks_b, 16);
  }
  return bits.bits;
}

VideoSpec VideoSpec::Unpack(uint64_t imm) {
  VideoSpec spec;
  BitReader bits{imm, 0};
  VideoFields(bits, spec);
  if (spec.ways == 1) {
    for (VideoPart* part : {&spec.d, &spec.a, &spec.b}) {
      uint8_t number = 0;
      bits.Field(number, 3);
      *part = PartOf(number);
    }
  } else {
    bits.Field(spec.picks_a, 16);
    bits.Field(spec.picks_b, 16);
  }
  return spec;
}

uint32_t ApplyVideo(const VideoSpec& spec, uint32_t a, uint32_t b, uint32_t c) {
  return spec.ways == 1 ? ScalarVideo(spec, a, b, c) : SimdVideo(spec, a, b, c);
}

void RegisterVideo(HandlerTable& t) {
  t.At(Fn::kVideo, Ty::kU32) = HandlerPair{&Video, &Video};
}

}  // namespace souk::gpu::cpu
