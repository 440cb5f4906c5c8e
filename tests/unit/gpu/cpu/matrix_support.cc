#include "unit/gpu/cpu/matrix_support.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

namespace souk::gpu::cpu_test {
namespace {

float FloatOfBits(uint32_t bits) {
  float v = 0;
  std::memcpy(&v, &bits, 4);
  return v;
}
uint32_t BitsOfFloat(float v) {
  uint32_t bits = 0;
  std::memcpy(&bits, &v, 4);
  return bits;
}

// By its definition: sign, exponent, fraction.
double HalfValue(uint16_t h) {
  const int exponent = h >> 10 & 31;
  const int fraction = h & 1023;
  const double sign = h & 0x8000 ? -1 : 1;
  if (exponent == 31) return fraction != 0 ? NAN : sign * INFINITY;
  if (exponent == 0) return sign * std::ldexp(fraction, -24);
  return sign * std::ldexp(1024 + fraction, exponent - 25);
}

// The nearest half, ties to even, by looking at both neighbours.
uint16_t NearestHalf(float v) {
  if (std::isnan(v)) return 0x7fff;
  const uint16_t sign = std::signbit(v) ? 0x8000 : 0;
  const double size = std::fabs(static_cast<double>(v));
  if (size >= 65520) return sign | 0x7c00;
  uint16_t low = 0;
  for (int bit = 14; bit >= 0; --bit) {
    const auto tried = static_cast<uint16_t>(low | 1 << bit);
    if (tried < 0x7c00 && HalfValue(tried) <= size) low = tried;
  }
  if (low == 0x7bff) return sign | low;
  const double below = size - HalfValue(low);
  const double above = HalfValue(static_cast<uint16_t>(low + 1)) - size;
  const bool up = above < below || (above == below && (low & 1) != 0);
  return static_cast<uint16_t>(sign | (low + (up ? 1 : 0)));
}

float ValueOf(const Elements& e, size_t i) {
  const uint64_t word = e.words[i];
  if (e.type == "f16") return static_cast<float>(HalfValue(static_cast<uint16_t>(word)));
  if (e.type == "bf16") return FloatOfBits(static_cast<uint32_t>(word) << 16);
  const auto bits = static_cast<uint32_t>(word);
  return FloatOfBits(e.type == "tf32" ? bits >> 13 << 13 : bits);
}
double DoubleOfWord(uint64_t word) {
  double v = 0;
  std::memcpy(&v, &word, 8);
  return v;
}
int64_t IntegerOf(const Elements& e, size_t i) {
  const uint64_t word = e.words[i];
  if (e.type == "u8") return static_cast<int64_t>(word);
  if (e.type == "s8") return static_cast<int8_t>(word);
  return static_cast<int32_t>(word);
}

uint64_t Mixed(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

// A float's bits: special in a few of the seeds only, or everything would be NaN.
uint64_t RandomFloat(const std::string& type, uint64_t random, bool special) {
  const bool wide = type == "f64";
  const uint32_t bits = BitsOfType(type);
  const uint64_t all = bits == 64 ? ~uint64_t{0} : (uint64_t{1} << bits) - 1;
  if (special && random % 61 == 0) return Mixed(random) & all;
  if (special && random % 7 == 0) return 0;
  const double value = static_cast<double>(static_cast<int64_t>(Mixed(random)) >> 40) * 0x1p-21;
  if (wide) {
    uint64_t word = 0;
    std::memcpy(&word, &value, 8);
    return word ^ (random & 0xffff);
  }
  if (type == "f16") return NearestHalf(static_cast<float>(value));
  const uint64_t word = BitsOfFloat(static_cast<float>(value)) ^ (random & 0xff);
  return type == "bf16" ? word >> 16 : word;
}

}  // namespace

uint32_t BitsOfType(const std::string& type) {
  return static_cast<uint32_t>(std::stoul(type.substr(type.find_first_of("0123456789"))));
}

Elements RandomElements(const std::string& type, size_t count, uint64_t seed) {
  Elements e;
  e.bits = BitsOfType(type);
  e.type = type;
  const bool special = seed / 3 % 4 == 1;
  for (size_t i = 0; i < count; ++i) {
    const uint64_t random = Mixed(seed * 1'000'003 + i);
    if (type == "s32") {
      // Near the ends, so that sums wrap or saturate.
      const auto end = static_cast<uint32_t>(random % 2 == 0 ? INT32_MAX : INT32_MIN);
      const auto away = static_cast<uint32_t>(random >> 40);
      e.words.push_back(random % 3 == 0 ? end ^ (away & 0xffff) : away);
    } else if (e.bits == 8) {
      e.words.push_back(random & 0xff);
    } else {
      e.words.push_back(RandomFloat(type, random, special));
    }
  }
  return e;
}

Elements Multiply(const Elements& a, const Elements& b, const Elements& c,
                  const ProductTypes& types, int m, int n, int k, bool satfinite) {
  Elements d;
  d.bits = BitsOfType(types.d);
  d.type = types.d;
  for (int i = 0; i < m; ++i) {
    for (int j = 0; j < n; ++j) {
      const auto at = [](int row, int column, int columns) {
        return static_cast<size_t>(row * columns + column);
      };
      if (types.d == "s32") {
        int64_t sum = IntegerOf(c, at(i, j, n));
        for (int x = 0; x < k; ++x) sum += IntegerOf(a, at(i, x, k)) * IntegerOf(b, at(x, j, n));
        if (satfinite) sum = std::min<int64_t>(std::max<int64_t>(sum, INT32_MIN), INT32_MAX);
        d.words.push_back(static_cast<uint32_t>(sum));
      } else if (types.d == "f64") {
        double sum = DoubleOfWord(c.words[at(i, j, n)]);
        for (int x = 0; x < k; ++x) {
          sum =
              std::fma(DoubleOfWord(a.words[at(i, x, k)]), DoubleOfWord(b.words[at(x, j, n)]), sum);
        }
        uint64_t word = 0;
        std::memcpy(&word, &sum, 8);
        d.words.push_back(word);
      } else {
        float sum = ValueOf(c, at(i, j, n));
        for (int x = 0; x < k; ++x) {
          const float product = ValueOf(a, at(i, x, k)) * ValueOf(b, at(x, j, n));
          sum += product;
        }
        d.words.push_back(types.d == "f16" ? NearestHalf(sum) : BitsOfFloat(sum));
      }
    }
  }
  return d;
}

namespace {

bool IsNan(const Elements& e, size_t i) {
  if (e.type == "f64") return std::isnan(DoubleOfWord(e.words[i]));
  return e.type != "s32" && std::isnan(ValueOf(e, i));
}

}  // namespace

bool HasNan(const Elements& matrix) {
  for (size_t i = 0; i < matrix.words.size(); ++i) {
    if (IsNan(matrix, i)) return true;
  }
  return false;
}

void ExpectElements(const Elements& got, const Elements& want, const std::string& what) {
  ASSERT_EQ(got.words.size(), want.words.size()) << what;
  size_t wrong = 0;
  for (size_t i = 0; i < want.words.size(); ++i) {
    if (got.words[i] == want.words[i] || (IsNan(got, i) && IsNan(want, i))) continue;
    if (++wrong > 3) continue;
    ADD_FAILURE() << what << " [" << i << "] is " << std::hex << got.words[i] << ", not "
                  << want.words[i];
  }
  EXPECT_EQ(wrong, 0u) << what;
}

std::string List(const std::string& prefix, int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += (i > 0 ? ", " : "") + prefix + std::to_string(i);
  return "{" + text + "}";
}

std::string MoveRegisters(bool store, const std::string& prefix, int count, uint32_t bits,
                          int buffer) {
  std::string text = "ld.param.u64 %rd9, [p" + std::to_string(buffer) +
                     "]; mul.wide.u32 %rd8, %r0, " + std::to_string(bits / 8) +
                     "; add.s64 %rd9, %rd9, %rd8;\n";
  for (int i = 0; i < count; ++i) {
    const std::string reg = prefix + std::to_string(i);
    const std::string at = "[%rd9+" + std::to_string(static_cast<uint32_t>(i) * 4 * bits) + "]";
    text += store ? "st.global.b" + std::to_string(bits) + " " + at + ", " + reg + ";\n"
                  : "ld.global.b" + std::to_string(bits) + " " + reg + ", " + at + ";\n";
  }
  return text;
}

const char* const kMatrixHead =
    ".version 9.0\n.target sm_90\n.address_size 64\n.visible .entry k(.param .u64 p0, .param .u64 "
    "p1, .param .u64 p2, .param .u64 p3) {\n.reg .pred %p<4>; .reg .b32 %r<8>; .reg .b64 %rd<16>; "
    "mov.u32 %r0, %tid.x;\n";

}  // namespace souk::gpu::cpu_test
