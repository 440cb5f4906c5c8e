#include "reference/values.h"

#include <iterator>

#include "reference/number.h"

namespace souk::reference {
namespace {

uint64_t Mask(uint32_t bits) {
  return bits >= 64 ? ~uint64_t{0} : (uint64_t{1} << bits) - 1;
}

uint64_t IntegerCorner(sim::Rng& rng, uint32_t bits) {
  const uint64_t place = uint64_t{1} << (rng.Next() % bits);
  switch (rng.Next() % 8) {
    case 0:
      return 0;
    case 1:
      return Mask(bits);
    case 2:
      return uint64_t{1} << (bits - 1);
    case 3:
      return Mask(bits) >> 1;
    case 4:
      return place;
    case 5:
      return place - 1;
    case 6:
      return ~place & Mask(bits);
    default:
      return (0 - place) & Mask(bits);
  }
}

uint64_t SmallInteger(sim::Rng& rng, uint32_t bits) {
  return static_cast<uint64_t>(rng.Between(-9, 70)) & Mask(bits);
}

uint64_t FloatCorner(sim::Rng& rng, const Format& format) {
  const uint64_t one = static_cast<uint64_t>(format.bias()) << format.fraction_bits;
  const uint64_t unit = uint64_t{1} << format.fraction_bits;
  const uint64_t sizes[] = {0,
                            1,
                            unit / 2,
                            unit - 1,
                            unit,
                            unit + 1,
                            one,
                            one - 1,
                            one + 1,
                            one + unit / 2,
                            one - unit,
                            format.infinity() - 1,
                            format.infinity(),
                            format.infinity() + 1,
                            format.infinity() | unit / 2,
                            format.sign() - 1};
  const uint64_t sign = rng.Chance(500) ? format.sign() : 0;
  return sign | sizes[rng.Next() % std::size(sizes)];
}

// Exponents in [first, last], as the field counts them; any fraction, sometimes a plain one.
uint64_t FloatBetween(sim::Rng& rng, const Format& format, int first, int last) {
  const auto exponent = static_cast<uint64_t>(rng.Between(first, last));
  uint64_t fraction = rng.Next() & ((uint64_t{1} << format.fraction_bits) - 1);
  if (rng.Chance(300)) fraction &= fraction << (format.fraction_bits - 4);
  const uint64_t sign = rng.Chance(500) ? format.sign() : 0;
  return sign | exponent << format.fraction_bits |
         (fraction & ((uint64_t{1} << format.fraction_bits) - 1));
}

uint64_t Float(sim::Rng& rng, const Format& format) {
  const int bias = format.bias();
  switch (rng.Next() % 6) {
    case 0:
    case 1:
      return FloatCorner(rng, format);
    case 2:  // subnormal or just not
      return FloatBetween(rng, format, 0, 3);
    case 3:  // near infinity
      return FloatBetween(rng, format, 2 * bias - 3, 2 * bias);
    case 4:  // near one, or as large as integers are
      return FloatBetween(rng, format, bias - 3, bias + 8);
    default: {  // where halves and singles have their limits, and integers theirs
      const int reach = bias < 70 ? bias - 1 : 70;
      return FloatBetween(rng, format, bias - reach, bias + reach);
    }
  }
}

uint64_t HalfOrBfloat(sim::Rng& rng) {
  return Float(rng, rng.Chance(600) ? kHalf : kBfloat);
}

}  // namespace

uint64_t EdgeValue(sim::Rng& rng, uint32_t bits) {
  const uint64_t kind = rng.Next() % 10;
  if (kind == 0) return rng.Next() & Mask(bits);
  if (kind <= 2) return IntegerCorner(rng, bits);
  if (kind == 3) return SmallInteger(rng, bits);
  if (bits == 16) return HalfOrBfloat(rng);
  if (bits == 32) {
    return kind <= 7 ? Float(rng, kSingle) : HalfOrBfloat(rng) << 16 | HalfOrBfloat(rng);
  }
  if (kind == 4) return Float(rng, kSingle);  // its upper half is zero
  // What rounds to a single's limits, seen as double.
  if (kind == 5) {
    return FloatBetween(rng, kDouble, kDouble.bias() - 151, kDouble.bias() - 124);
  }
  return Float(rng, kDouble);
}

}  // namespace souk::reference
