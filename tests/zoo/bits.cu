// Bit tricks, integer division of every width, carry chains, big integers.
using u8 = unsigned char;
using u16 = unsigned short;
using u32 = unsigned int;
using u64 = unsigned long long;

__device__ u32 Index() { return blockIdx.x * blockDim.x + threadIdx.x; }

// 20 results of each pair.
extern "C" __global__ void bit_intrinsics(u32* out, const u32* a, const u32* b, int n) {
  const u32 i = Index();
  if (i >= n) return;
  const u32 x = a[i], y = b[i];
  u32* o = out + 20 * i;
  o[0] = __popc(x);
  o[1] = __brev(x);
  o[2] = __ffs(x);
  o[3] = __clz(x);
  o[4] = __funnelshift_l(x, y, y & 63);
  o[5] = __funnelshift_r(x, y, y & 63);
  o[6] = __funnelshift_lc(x, y, y & 63);
  o[7] = __funnelshift_rc(x, y, y & 63);
  o[8] = __byte_perm(x, y, y >> 7);
  o[9] = __sad(static_cast<int>(x), static_cast<int>(y), 17u);
  o[10] = __usad(x, y, 5u);
  o[11] = __mulhi(static_cast<int>(x), static_cast<int>(y));
  o[12] = __umulhi(x, y);
  o[13] = __mul24(x, y);
  o[14] = __umul24(x, y);
  o[15] = __hadd(static_cast<int>(x), static_cast<int>(y));
  o[16] = __uhadd(x, y);
  o[17] = __rhadd(static_cast<int>(x), static_cast<int>(y));
  o[18] = __urhadd(x, y);
  o[19] = __fns(x, y & 31, static_cast<int>(y >> 5 & 7) - 3);
}

extern "C" __global__ void bit_intrinsics_64(u64* out, const u64* a, const u64* b, int n) {
  const u32 i = Index();
  if (i >= n) return;
  const u64 x = a[i], y = b[i];
  u64* o = out + 8 * i;
  o[0] = __popcll(x);
  o[1] = __brevll(x);
  o[2] = __ffsll(x);
  o[3] = __clzll(x);
  o[4] = __umul64hi(x, y);
  o[5] = __mul64hi(static_cast<long long>(x), static_cast<long long>(y));
  o[6] = x << (y & 63) | x >> (63 - (y & 63));
  o[7] = static_cast<u64>(static_cast<long long>(x) >> (y & 63));
}

// Quotient and remainder, signed and unsigned, of 8, 16, 32 and 64 bits.
template <typename S, typename U, typename T>
__device__ void Divide(T* o, S a, S b) {
  const bool overflows = b == -1;
  o[0] = static_cast<T>(b == 0 || overflows ? a : a / b);
  o[1] = static_cast<T>(b == 0 || overflows ? 0 : a % b);
  o[2] = static_cast<T>(b == 0 ? 0 : static_cast<U>(a) / static_cast<U>(b));
  o[3] = static_cast<T>(b == 0 ? 0 : static_cast<U>(a) % static_cast<U>(b));
}
extern "C" __global__ void divide(u64* out, const u64* a, const u64* b, int n) {
  const u32 i = Index();
  if (i >= n) return;
  u64* o = out + 16 * i;
  const u64 x = a[i], y = b[i];
  Divide<signed char, u8>(o, static_cast<signed char>(x), static_cast<signed char>(y));
  Divide<short, u16>(o + 4, static_cast<short>(x), static_cast<short>(y));
  Divide<int, u32>(o + 8, static_cast<int>(x), static_cast<int>(y));
  Divide<long long, u64>(o + 12, static_cast<long long>(x), static_cast<long long>(y));
}
// The quotient begins with an approximate reciprocal, so the class is tolerant; the result is exact.
extern "C" __global__ void divide_128(u64* out, const u64* a, const u64* b, int n) {
  const u32 i = Index();
  if (i >= n) return;
  u64* o = out + 8 * i;
  const u64 x = a[i], y = b[i];
  const unsigned __int128 wide = static_cast<unsigned __int128>(x) << 64 | y * 0x9e3779b97f4a7c15ull;
  const unsigned __int128 by = (y & 1) != 0 ? (static_cast<unsigned __int128>(y) << 32) + x + 1 : y + 1;
  const unsigned __int128 q = wide / by;
  const unsigned __int128 r = wide % by;
  o[0] = static_cast<u64>(q);
  o[1] = static_cast<u64>(q >> 64);
  o[2] = static_cast<u64>(r);
  o[3] = static_cast<u64>(r >> 64);
  const __int128 p = static_cast<__int128>(static_cast<long long>(x)) * static_cast<long long>(y);
  o[4] = static_cast<u64>(p);
  o[5] = static_cast<u64>(p >> 64);
  const __int128 m = p - static_cast<__int128>(wide >> 3);
  o[6] = static_cast<u64>(m >> 5);
  o[7] = static_cast<u64>(m >> (y & 127));
}

// 256-bit sums and differences through carry chains, 256 × 256 → 512 bits.
extern "C" __global__ void big_add(u32* sum, u32* difference, const u32* a, const u32* b) {
  const u32 i = Index() * 8;
  u32 s[8], d[8];
  asm("add.cc.u32 %0, %8, %16;\n\taddc.cc.u32 %1, %9, %17;\n\taddc.cc.u32 %2, %10, %18;\n\t"
      "addc.cc.u32 %3, %11, %19;\n\taddc.cc.u32 %4, %12, %20;\n\taddc.cc.u32 %5, %13, %21;\n\t"
      "addc.cc.u32 %6, %14, %22;\n\taddc.u32 %7, %15, %23;"
      : "=r"(s[0]), "=r"(s[1]), "=r"(s[2]), "=r"(s[3]), "=r"(s[4]), "=r"(s[5]), "=r"(s[6]), "=r"(s[7])
      : "r"(a[i]), "r"(a[i + 1]), "r"(a[i + 2]), "r"(a[i + 3]), "r"(a[i + 4]), "r"(a[i + 5]),
        "r"(a[i + 6]), "r"(a[i + 7]), "r"(b[i]), "r"(b[i + 1]), "r"(b[i + 2]), "r"(b[i + 3]),
        "r"(b[i + 4]), "r"(b[i + 5]), "r"(b[i + 6]), "r"(b[i + 7]));
  asm("sub.cc.u32 %0, %8, %16;\n\tsubc.cc.u32 %1, %9, %17;\n\tsubc.cc.u32 %2, %10, %18;\n\t"
      "subc.cc.u32 %3, %11, %19;\n\tsubc.cc.u32 %4, %12, %20;\n\tsubc.cc.u32 %5, %13, %21;\n\t"
      "subc.cc.u32 %6, %14, %22;\n\tsubc.u32 %7, %15, %23;"
      : "=r"(d[0]), "=r"(d[1]), "=r"(d[2]), "=r"(d[3]), "=r"(d[4]), "=r"(d[5]), "=r"(d[6]), "=r"(d[7])
      : "r"(a[i]), "r"(a[i + 1]), "r"(a[i + 2]), "r"(a[i + 3]), "r"(a[i + 4]), "r"(a[i + 5]),
        "r"(a[i + 6]), "r"(a[i + 7]), "r"(b[i]), "r"(b[i + 1]), "r"(b[i + 2]), "r"(b[i + 3]),
        "r"(b[i + 4]), "r"(b[i + 5]), "r"(b[i + 6]), "r"(b[i + 7]));
  for (int k = 0; k < 8; ++k) {
    sum[i + k] = s[k];
    difference[i + k] = d[k];
  }
}
extern "C" __global__ void big_multiply(u32* product, const u32* a, const u32* b) {
  const u32 i = Index();
  u32 p[16] = {};
  for (int j = 0; j < 8; ++j) {
    const u32 y = b[8 * i + j];
    u32 carry = 0;
    for (int k = 0; k < 8; ++k) {
      u32 low, high;
      asm("mad.lo.cc.u32 %0, %2, %3, %4;\n\tmadc.hi.u32 %1, %2, %3, 0;"
          : "=r"(low), "=r"(high)
          : "r"(a[8 * i + k]), "r"(y), "r"(p[j + k]));
      asm("add.cc.u32 %0, %0, %2;\n\taddc.u32 %1, %1, 0;" : "+r"(low), "+r"(high) : "r"(carry));
      p[j + k] = low;
      carry = high;
    }
    p[j + 8] = carry;
  }
  for (int k = 0; k < 16; ++k) product[16 * i + k] = p[k];
}

// x^e mod m by Montgomery's method, m odd.
__device__ u64 Redc(u64 low, u64 high, u64 m, u64 inverse) {
  const u64 q = low * inverse;
  const u64 h = __umul64hi(q, m);
  const u64 t = high - h;
  return high < h ? t + m : t;
}
extern "C" __global__ void modular_power(u64* out, const u64* x, const u64* e, const u64* m, int n) {
  const u32 i = Index();
  if (i >= n) return;
  const u64 mod = m[i] | 1;
  u64 inverse = mod;
  for (int k = 0; k < 5; ++k) inverse *= 2 - mod * inverse;
  u64 one = (~0ull % mod + 1) % mod;  // 2^64 mod m
  u64 square = one;
  for (int k = 0; k < 64; ++k) square = square >= mod - square ? square - (mod - square) : square + square;
  const u64 base = x[i] % mod;
  u64 b = Redc(base * square, __umul64hi(base, square), mod, inverse);
  u64 r = one;
  for (u64 k = e[i]; k != 0; k >>= 1) {
    if (k & 1) r = Redc(r * b, __umul64hi(r, b), mod, inverse);
    b = Redc(b * b, __umul64hi(b, b), mod, inverse);
  }
  out[i] = Redc(r, 0, mod, inverse);
}

// Dot products of bytes and halves: dp4a and dp2a.
extern "C" __global__ void byte_dots(int* out, const int* a, const int* b, int n) {
  const u32 i = Index();
  if (i >= n) return;
  int* o = out + 6 * i;
  o[0] = __dp4a(a[i], b[i], 100);
  o[1] = __dp4a(static_cast<u32>(a[i]), static_cast<u32>(b[i]), 100u);
  o[2] = __dp2a_lo(a[i], b[i], -7);
  o[3] = __dp2a_hi(a[i], b[i], -7);
  o[4] = __dp2a_lo(static_cast<u32>(a[i]), static_cast<u32>(b[i]), 7u);
  o[5] = __dp2a_hi(static_cast<u32>(a[i]), static_cast<u32>(b[i]), 7u);
}

// Bits of fields, gray codes, morton codes, population of ranges, next permutation.
__device__ u32 Spread(u32 x) {
  x = (x | x << 8) & 0x00ff00ff;
  x = (x | x << 4) & 0x0f0f0f0f;
  x = (x | x << 2) & 0x33333333;
  return (x | x << 1) & 0x55555555;
}
extern "C" __global__ void bit_puzzles(u32* out, const u32* a, int n) {
  const u32 i = Index();
  if (i >= n) return;
  const u32 x = a[i];
  u32* o = out + 8 * i;
  u32 field = 0;
  asm("bfe.u32 %0, %1, %2, %3;" : "=r"(field) : "r"(x), "r"(i & 31), "r"(i % 37));
  o[0] = field;
  asm("bfe.s32 %0, %1, %2, %3;" : "=r"(field) : "r"(x), "r"(i & 31), "r"(i % 37));
  o[1] = field;
  asm("bfi.b32 %0, %1, %2, %3, %4;" : "=r"(field) : "r"(x), "r"(~x * 3), "r"(i & 31), "r"(i % 37));
  o[2] = field;
  asm("bfind.u32 %0, %1;" : "=r"(field) : "r"(x));
  o[3] = field;
  asm("lop3.b32 %0, %1, %2, %3, 0xE8;" : "=r"(field) : "r"(x), "r"(x << 3), "r"(x * 5));
  o[4] = field;
  o[5] = Spread(x & 0xffff) | Spread(x >> 16) << 1;
  u32 gray = x ^ x >> 1;
  for (int s = 16; s > 0; s /= 2) gray ^= gray >> s;
  o[6] = gray;
  const u32 t = x | (x - 1);
  o[7] = x == 0 ? 0 : (t + 1) | (((~t & -~t) - 1) >> __ffs(x));
}
