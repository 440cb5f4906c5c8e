// bits.cu, simd.cu: bit tricks, divisions, big integers, SIMD within a word.
#include <algorithm>

#include "zoo/zoo.h"

namespace souk::gpu::zoo {
namespace {

using Wide = unsigned __int128;
using Signed = __int128;

// Words with corners among them.
std::vector<uint32_t> Words32(uint64_t seed, size_t count) {
  const uint32_t corners[] = {0, 1, 0xffffffff, 0x80000000, 0x7fffffff, 0x00010000, 0x80808080};
  std::vector<uint32_t> words = Random(seed).Words(count);
  for (size_t i = 0; i < 49; ++i) words[i * 3] = corners[seed % 2 == 0 ? i % 7 : i / 7];
  return words;
}
std::vector<uint64_t> Words64(uint64_t seed, size_t count) {
  const uint64_t corners[] = {0, 1, ~uint64_t{0}, uint64_t{1} << 63, (uint64_t{1} << 63) - 1, 255};
  std::vector<uint64_t> words = Random(seed).Longs(count);
  for (size_t i = 0; i < 36; ++i) words[i * 3] = corners[seed % 2 == 0 ? i % 6 : i / 6];
  return words;
}

uint32_t Reversed(uint32_t x) {
  uint32_t r = 0;
  for (int i = 0; i < 32; ++i) r |= (x >> i & 1) << (31 - i);
  return r;
}
// CUDA Math API: the n-th set bit from `base`, upwards for n > 0, downwards for n < 0.
uint32_t Fns(uint32_t mask, uint32_t base, int n) {
  if (n == 0) return (mask >> base & 1) != 0 ? base : ~0u;
  for (int at = int(base), left = std::abs(n); at >= 0 && at<32; at += n> 0 ? 1 : -1) {
    if ((mask >> at & 1) != 0 && --left == 0) return uint32_t(at);
  }
  return ~0u;
}
uint32_t BytePerm(uint32_t x, uint32_t y, uint32_t s) {
  const uint64_t all = uint64_t{y} << 32 | x;
  uint32_t r = 0;
  for (int i = 0; i < 4; ++i) r |= uint32_t(all >> (8 * (s >> (4 * i) & 7)) & 255) << (8 * i);
  return r;
}

TEST(Bits, IntrinsicsAreWhatTheirDefinitionsSay) {
  const auto a = Words32(1, 500), b = Words32(2, 500);
  Zoo zoo("bits");
  const Arg out = zoo.Zeros<uint32_t>(20 * 500);
  zoo.Launch("bit_intrinsics", {4}, {128}, {out, zoo.Add(a), zoo.Add(b), Val(500)});
  zoo.Run();
  std::vector<uint32_t> want;
  for (size_t i = 0; i < 500; ++i) {
    const uint32_t x = a[i], y = b[i];
    const auto sx = int32_t(x), sy = int32_t(y);
    const int64_t lx = sx, ly = sy;
    const uint64_t both = uint64_t{y} << 32 | x;
    const auto put = [&](auto v) { want.push_back(uint32_t(v)); };
    put(__builtin_popcount(x));
    put(Reversed(x));
    put(x == 0 ? 0 : __builtin_ctz(x) + 1);
    put(x == 0 ? 32 : __builtin_clz(x));
    put(both << (y & 31) >> 32);
    put(both >> (y & 31));
    put((y & 63) >= 32 ? x : both << (y & 63) >> 32);
    put((y & 63) >= 32 ? y : both >> (y & 63));
    put(BytePerm(x, y, y >> 7));
    put(std::abs(lx - ly) + 17);
    put((x > y ? x - y : y - x) + 5);
    put(lx * ly >> 32);
    put(uint64_t{x} * y >> 32);
    put((lx << 40 >> 40) * (ly << 40 >> 40));
    put(uint64_t{x & 0xffffff} * (y & 0xffffff));
    put((lx + ly) >> 1);
    put((uint64_t{x} + y) >> 1);
    put((lx + ly + 1) >> 1);
    put((uint64_t{x} + y + 1) >> 1);
    put(Fns(x, y & 31, int(y >> 5 & 7) - 3));
  }
  ExpectSame(zoo.Get<uint32_t>(out), want, "bit_intrinsics");
}

TEST(Bits, IntrinsicsOf64Bits) {
  const auto a = Words64(3, 300), b = Words64(4, 300);
  Zoo zoo("bits");
  const Arg out = zoo.Zeros<uint64_t>(8 * 300);
  zoo.Launch("bit_intrinsics_64", {3}, {128}, {out, zoo.Add(a), zoo.Add(b), Val(300)});
  zoo.Run();
  std::vector<uint64_t> want;
  for (size_t i = 0; i < 300; ++i) {
    const uint64_t x = a[i], y = b[i], s = y & 63;
    want.push_back(uint64_t(__builtin_popcountll(x)));
    want.push_back(uint64_t{Reversed(uint32_t(x))} << 32 | Reversed(uint32_t(x >> 32)));
    want.push_back(x == 0 ? 0 : uint64_t(__builtin_ctzll(x)) + 1);
    want.push_back(x == 0 ? 64 : uint64_t(__builtin_clzll(x)));
    want.push_back(uint64_t(Wide(x) * y >> 64));
    want.push_back(uint64_t(Signed(int64_t(x)) * int64_t(y) >> 64));
    want.push_back(x << s | x >> (63 - s));
    want.push_back(uint64_t(int64_t(x) >> s));
  }
  ExpectSame(zoo.Get<uint64_t>(out), want, "bit_intrinsics_64");
}

template <typename S, typename U>
void PutDivisions(std::vector<uint64_t>& want, uint64_t x, uint64_t y) {
  const S a = S(x), b = S(y);
  const bool odd = b == 0 || b == -1;
  want.push_back(uint64_t(odd ? a : S(a / b)));
  want.push_back(uint64_t(odd ? S(0) : S(a % b)));
  want.push_back(uint64_t(b == 0 ? U(0) : U(U(a) / U(b))));
  want.push_back(uint64_t(b == 0 ? U(0) : U(U(a) % U(b))));
}

TEST(Bits, DivisionsOfEveryWidth) {
  const auto a = Words64(5, 400), b = Words64(6, 400);
  Zoo zoo("bits");
  const Arg out = zoo.Zeros<uint64_t>(16 * 400), wide_out = zoo.Zeros<uint64_t>(8 * 400);
  const Arg p = zoo.Add(a), q = zoo.Add(b);
  zoo.Launch("divide", {4}, {128}, {out, p, q, Val(400)});
  zoo.Launch("divide_128", {4}, {128}, {wide_out, p, q, Val(400)});
  zoo.Run();
  std::vector<uint64_t> want, want_wide;
  for (size_t i = 0; i < 400; ++i) {
    const uint64_t x = a[i], y = b[i];
    PutDivisions<int8_t, uint8_t>(want, x, y);
    PutDivisions<int16_t, uint16_t>(want, x, y);
    PutDivisions<int32_t, uint32_t>(want, x, y);
    PutDivisions<int64_t, uint64_t>(want, x, y);
    const Wide wide = Wide(x) << 64 | y * 0x9e3779b97f4a7c15ull;
    const Wide by = (y & 1) != 0 ? (Wide(y) << 32) + x + 1 : Wide(y + 1);
    const Signed product = Signed(int64_t(x)) * int64_t(y), m = product - Signed(wide >> 3);
    for (const Wide v : {wide / by, wide % by, Wide(product)}) {
      want_wide.push_back(uint64_t(v));
      want_wide.push_back(uint64_t(v >> 64));
    }
    want_wide.push_back(uint64_t(m >> 5));
    want_wide.push_back(uint64_t(m >> (y & 127)));
  }
  ExpectSame(zoo.Get<uint64_t>(wide_out), want_wide, "divide_128");
  ExpectSame(zoo.Get<uint64_t>(out), want, "divide");
}

TEST(Bits, CarriesRunThroughBigIntegers) {
  auto a = Random(7).Words(64 * 8), b = Random(8).Words(64 * 8);
  for (size_t i = 0; i < 64; ++i) {  // long carries and borrows
    a[i] = i % 8 == 0 ? 0xffffffff : i % 3 == 0 ? 0 : 0xffffffff;
    b[i] = i % 8 == 0 ? 1 : i % 3 == 0 ? 0xffffffff : 0;
  }
  Zoo zoo("bits");
  const Arg x = zoo.Add(a), y = zoo.Add(b), sum = zoo.Zeros<uint32_t>(512),
            difference = zoo.Zeros<uint32_t>(512), product = zoo.Zeros<uint32_t>(1024);
  zoo.Launch("big_add", {2}, {32}, {sum, difference, x, y});
  zoo.Launch("big_multiply", {2}, {32}, {product, x, y});
  zoo.Run();
  std::vector<uint32_t> sums, differences, products(1024, 0);
  for (size_t i = 0; i < 512; i += 8) {
    uint64_t carry = 0, borrow = 0;
    for (size_t k = i; k < i + 8; ++k) {
      carry += uint64_t{a[k]} + b[k];
      sums.push_back(uint32_t(carry));
      carry >>= 32;
      const uint64_t d = uint64_t{a[k]} - b[k] - borrow;
      differences.push_back(uint32_t(d));
      borrow = d >> 63;
    }
    for (size_t j = 0; j < 8; ++j) {
      uint64_t c = 0;
      for (size_t k = 0; k < 8; ++k) {
        uint32_t& at = products[2 * i + j + k];
        c += uint64_t{a[i + k]} * b[i + j] + at;
        at = uint32_t(c);
        c >>= 32;
      }
      products[2 * i + j + 8] = uint32_t(c);
    }
  }
  ExpectSame(zoo.Get<uint32_t>(sum), sums, "sums");
  ExpectSame(zoo.Get<uint32_t>(difference), differences, "differences");
  ExpectSame(zoo.Get<uint32_t>(product), products, "products");
}

TEST(Bits, MontgomerysPowersAreThoseOfPlainArithmetic) {
  const auto x = Random(9).Longs(100), e = Random(10).Longs(100), m = Random(11).Longs(100);
  Zoo zoo("bits");
  const Arg out = zoo.Zeros<uint64_t>(100);
  zoo.Launch("modular_power", {1}, {128}, {out, zoo.Add(x), zoo.Add(e), zoo.Add(m), Val(100)});
  zoo.Run();
  std::vector<uint64_t> want;
  for (size_t i = 0; i < 100; ++i) {
    const uint64_t mod = m[i] | 1;
    Wide r = 1 % mod, b = x[i] % mod;
    for (uint64_t k = e[i]; k != 0; k >>= 1) {
      if ((k & 1) != 0) r = r * b % mod;
      b = b * b % mod;
    }
    want.push_back(uint64_t(r));
  }
  ExpectSame(zoo.Get<uint64_t>(out), want, "modular_power");
}

TEST(Bits, DotProductsOfBytesAndHalves) {
  const auto a = Words32(12, 200), b = Words32(13, 200);
  Zoo zoo("bits");
  const Arg out = zoo.Zeros<int>(6 * 200);
  zoo.Launch("byte_dots", {2}, {128}, {out, zoo.Add(a), zoo.Add(b), Val(200)});
  zoo.Run();
  std::vector<int> want;
  for (size_t i = 0; i < 200; ++i) {
    int64_t o[6] = {100, 100, -7, -7, 7, 7};
    for (int k = 0; k < 4; ++k) {
      const uint32_t x = a[i] >> 8 * k & 255, y = b[i] >> 8 * k & 255;
      o[0] += int8_t(x) * int8_t(y);
      o[1] += x * y;
      const auto half = [&](int part) { return a[i] >> 16 * (part & 1) & 0xffff; };
      o[k < 2 ? 2 : 3] += int16_t(half(k)) * int8_t(y);
      o[k < 2 ? 4 : 5] += half(k) * y;
    }
    for (const int64_t v : o) want.push_back(int(v));
  }
  ExpectSame(zoo.Get<int>(out), want, "byte_dots");
}

TEST(Bits, FieldsCodesAndPermutations) {
  const auto a = Words32(14, 300);
  Zoo zoo("bits");
  const Arg out = zoo.Zeros<uint32_t>(8 * 300);
  zoo.Launch("bit_puzzles", {3}, {128}, {out, zoo.Add(a), Val(300)});
  zoo.Run();
  const std::vector<uint32_t> got = zoo.Get<uint32_t>(out);
  std::vector<uint32_t> want;
  for (uint32_t i = 0; i < 300; ++i) {
    const uint32_t x = a[i], from = i & 31, bits = i % 37;
    uint32_t field = 0, into = x, sign = 0;
    if (bits != 0) sign = x >> std::min(31u, from + bits - 1) & 1;
    for (uint32_t k = 0; k < 32; ++k) {
      const bool inside = k < bits && from + k < 32;
      if (inside) field |= (x >> (from + k) & 1) << k;
      if (inside) into = (into & ~(1u << (from + k))) | (~x * 3 >> k & 1) << (from + k);
    }
    (void)into;
    uint32_t extended = field;
    for (uint32_t k = 0; k < 32; ++k) {
      if (k >= bits || from + k >= 32) extended |= sign << k;
    }
    // bfi inserts its first operand, x, into its second.
    uint32_t inserted = ~x * 3;
    for (uint32_t k = 0; k < bits && from + k < 32; ++k) {
      inserted = (inserted & ~(1u << (from + k))) | (x >> k & 1) << (from + k);
    }
    want.push_back(field);
    want.push_back(extended);
    want.push_back(inserted);
    want.push_back(x == 0 ? ~0u : 31 - uint32_t(__builtin_clz(x)));
    const uint32_t p = x << 3, q = x * 5;
    want.push_back((x & p) | (x & q) | (p & q));
    uint32_t morton = 0, binary = 0;
    for (int k = 0; k < 16; ++k) {
      morton |= (x >> k & 1) << (2 * k) | (x >> (16 + k) & 1) << (2 * k + 1);
    }
    want.push_back(morton);
    // The kernel decodes the Gray code of x.
    binary = x;
    want.push_back(binary);
    // The next number with as many ones; where it does not fit, whatever the kernel's formula says
    // is not compared.
    const uint32_t least = x & -x, ripple = x + least;
    want.push_back(x == 0 ? 0 : ripple < x ? got[8 * i + 7] : ripple | ((x ^ ripple) / least >> 2));
  }
  ExpectSame(got, want, "bit_puzzles");
}

TEST(Bits, KernelsAreExact) {
  ExpectClasses("bits", {{"bit_intrinsics", kExact},
                         {"bit_intrinsics_64", kExact},
                         {"divide", kExact},
                         {"divide_128", kTolerant},
                         {"big_add", kExact},
                         {"big_multiply", kExact},
                         {"modular_power", kExact},
                         {"byte_dots", kExact},
                         {"bit_puzzles", kExact}});
  for (const std::string file : {"simd", "simd90"}) {
    ExpectClasses(file, {{"simd_bytes", kExact}, {"simd_halves", kExact}});
  }
}

// ---- SIMD within a word ----

// f of each lane's operands, signed or not, its result cut to the lane.
template <typename F>
uint32_t Lanes(uint32_t x, uint32_t y, int bits, bool is_signed, F f) {
  uint32_t r = 0;
  const uint32_t mask = (1u << bits) - 1;
  for (int at = 0; at < 32; at += bits) {
    int a = int(x >> at & mask), b = int(y >> at & mask);
    if (is_signed && a >> (bits - 1) != 0) a -= 1 << bits;
    if (is_signed && b >> (bits - 1) != 0) b -= 1 << bits;
    r |= (uint32_t(f(a, b)) & mask) << at;
  }
  return r;
}
template <typename F>
uint32_t SumOfLanes(uint32_t x, uint32_t y, int bits, bool is_signed, F f) {
  uint32_t sum = 0;
  Lanes(x, y, bits, is_signed, [&](int a, int b) {
    sum += uint32_t(f(a, b));
    return 0;
  });
  return sum;
}
int Difference(int a, int b) {
  return std::abs(a - b);
}

TEST(Simd, BytesOfAWord) {
  const auto a = Words32(15, 400), b = Words32(16, 400);
  std::vector<uint32_t> want;
  for (size_t i = 0; i < 400; ++i) {
    const uint32_t x = a[i], y = b[i];
    const auto u = [&](auto f) { want.push_back(Lanes(x, y, 8, false, f)); };
    const auto s = [&](auto f) { want.push_back(Lanes(x, y, 8, true, f)); };
    u([](int p, int q) { return p + q; });
    u([](int p, int q) { return p - q; });
    u(Difference);
    s(Difference);
    want.push_back(SumOfLanes(x, y, 8, false, Difference));
    want.push_back(SumOfLanes(x, y, 8, true, Difference));
    u([](int p, int q) { return std::max(p, q); });
    s([](int p, int q) { return std::max(p, q); });
    u([](int p, int q) { return std::min(p, q); });
    s([](int p, int q) { return std::min(p, q); });
    u([](int p, int q) { return std::min(p + q, 255); });
    s([](int p, int q) { return std::clamp(p + q, -128, 127); });
    u([](int p, int q) { return std::max(p - q, 0); });
    s([](int p, int q) { return std::clamp(p - q, -128, 127); });
    u([](int p, int q) { return (p + q + 1) / 2; });
    // Rounds away from zero (CUDA Math API: "signed rounded average").
    s([](int p, int q) { return (p + q + (p + q >= 0 ? 1 : 0)) >> 1; });
    u([](int p, int q) { return (p + q) / 2; });
    u([](int p, int q) { return p == q ? 255 : 0; });
    u([](int p, int q) { return p > q ? 255 : 0; });
    s([](int p, int q) { return p <= q ? 255 : 0; });
    u([](int p, int q) { return p == q; });
    u([](int p, int q) { return p < q; });
    s([](int p, int) { return -p; });
    s([](int p, int) { return std::abs(p); });
  }
  for (const std::string file : {"simd", "simd90"}) {
    Zoo zoo(file);
    const Arg out = zoo.Zeros<uint32_t>(24 * 400);
    zoo.Launch("simd_bytes", {4}, {128}, {out, zoo.Add(a), zoo.Add(b), Val(400)});
    zoo.Run();
    ExpectSame(zoo.Get<uint32_t>(out), want, file + "/simd_bytes");
  }
}

TEST(Simd, HalvesOfAWord) {
  const auto a = Words32(17, 400), b = Words32(18, 400);
  std::vector<uint32_t> want;
  for (size_t i = 0; i < 400; ++i) {
    const uint32_t x = a[i], y = b[i];
    const auto u = [&](auto f) { want.push_back(Lanes(x, y, 16, false, f)); };
    const auto s = [&](auto f) { want.push_back(Lanes(x, y, 16, true, f)); };
    u([](int p, int q) { return p + q; });
    u([](int p, int q) { return p - q; });
    u(Difference);
    s(Difference);
    want.push_back(SumOfLanes(x, y, 16, false, Difference));
    want.push_back(SumOfLanes(x, y, 16, true, Difference));
    s([](int p, int q) { return std::max(p, q); });
    u([](int p, int q) { return std::max(p, q); });
    s([](int p, int q) { return std::min(p, q); });
    u([](int p, int q) { return std::min(p, q); });
    s([](int p, int q) { return std::clamp(p + q, -32768, 32767); });
    u([](int p, int q) { return std::min(p + q, 65535); });
    s([](int p, int q) { return std::clamp(p - q, -32768, 32767); });
    s([](int p, int q) { return (p + q + (p + q >= 0 ? 1 : 0)) >> 1; });
    u([](int p, int q) { return (p + q + 1) / 2; });
    s([](int p, int q) { return p > q ? 0xffff : 0; });
    u([](int p, int q) { return p >= q; });
    s([](int p, int) { return std::min(-p, 32767); });
    s([](int p, int) { return std::min(std::abs(p), 32767); });
    const uint32_t sum = Lanes(x, y, 16, true, [](int p, int q) { return int16_t(p + q); });
    want.push_back(Lanes(sum, 0x00050003, 16, true, [](int p, int q) { return std::max(p, q); }));
  }
  for (const std::string file : {"simd", "simd90"}) {
    Zoo zoo(file);
    const Arg out = zoo.Zeros<uint32_t>(20 * 400);
    zoo.Launch("simd_halves", {4}, {128}, {out, zoo.Add(a), zoo.Add(b), Val(400)});
    zoo.Run();
    ExpectSame(zoo.Get<uint32_t>(out), want, file + "/simd_halves");
  }
}

}  // namespace
}  // namespace souk::gpu::zoo
