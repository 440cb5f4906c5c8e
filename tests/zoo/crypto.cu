// Digests, ciphers, checksums, strings, random numbers.
using u8 = unsigned char;
using u32 = unsigned int;
using u64 = unsigned long long;

__constant__ u32 sha_k[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

__device__ u32 RotateRight(u32 x, int n) { return __funnelshift_r(x, x, n); }

// One message of `length` bytes a thread, padded here.
extern "C" __global__ void sha256(u32* out, const u8* in, int length, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  const u8* message = in + i * length;
  u32 h[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  const int blocks = (length + 9 + 63) / 64;
  for (int block = 0; block < blocks; ++block) {
    u32 w[64];
    for (int k = 0; k < 16; ++k) {
      u32 word = 0;
      for (int b = 0; b < 4; ++b) {
        const int at = block * 64 + 4 * k + b;
        const u32 byte = at < length ? message[at] : at == length ? 0x80 : 0;
        word = word << 8 | byte;
      }
      w[k] = word;
    }
    if (block == blocks - 1) w[15] = static_cast<u32>(length) * 8;
    for (int k = 16; k < 64; ++k) {
      const u32 s0 = RotateRight(w[k - 15], 7) ^ RotateRight(w[k - 15], 18) ^ w[k - 15] >> 3;
      const u32 s1 = RotateRight(w[k - 2], 17) ^ RotateRight(w[k - 2], 19) ^ w[k - 2] >> 10;
      w[k] = w[k - 16] + s0 + w[k - 7] + s1;
    }
    u32 v[8];
    for (int k = 0; k < 8; ++k) v[k] = h[k];
    for (int k = 0; k < 64; ++k) {
      const u32 s1 = RotateRight(v[4], 6) ^ RotateRight(v[4], 11) ^ RotateRight(v[4], 25);
      const u32 t1 = v[7] + s1 + ((v[4] & v[5]) ^ (~v[4] & v[6])) + sha_k[k] + w[k];
      const u32 s0 = RotateRight(v[0], 2) ^ RotateRight(v[0], 13) ^ RotateRight(v[0], 22);
      const u32 t2 = s0 + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
      for (int j = 7; j > 0; --j) v[j] = v[j - 1];
      v[4] += t1;
      v[0] = t1 + t2;
    }
    for (int k = 0; k < 8; ++k) h[k] += v[k];
  }
  for (int k = 0; k < 8; ++k) out[8 * i + k] = h[k];
}
// MD5 of one 64-byte block whose words are at hand; constants from the sine at build time.
__device__ const u32 md5_k[64] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391};
extern "C" __global__ void md5(uint4* out, const u32* in, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  const u8 turns[4][4] = {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};
  u32 a = 0x67452301, b = 0xefcdab89, c = 0x98badcfe, d = 0x10325476;
  for (int k = 0; k < 64; ++k) {
    u32 f;
    int g;
    switch (k / 16) {
      case 0: f = (b & c) | (~b & d); g = k; break;
      case 1: f = (d & b) | (~d & c); g = (5 * k + 1) % 16; break;
      case 2: f = b ^ c ^ d; g = (3 * k + 5) % 16; break;
      default: f = c ^ (b | ~d); g = 7 * k % 16; break;
    }
    f += a + md5_k[k] + in[16 * i + g];
    a = d;
    d = c;
    c = b;
    const int t = turns[k / 16][k % 4];
    b += f << t | f >> (32 - t);
  }
  out[i] = make_uint4(a + 0x67452301, b + 0xefcdab89, c + 0x98badcfe, d + 0x10325476);
}
// CRC-32 by a table that the block makes.
extern "C" __global__ void crc32(u32* out, const u8* in, int length, int n) {
  __shared__ u32 table[256];
  for (int k = threadIdx.x; k < 256; k += blockDim.x) {
    u32 c = k;
    for (int b = 0; b < 8; ++b) c = c & 1 ? 0xedb88320u ^ c >> 1 : c >> 1;
    table[k] = c;
  }
  __syncthreads();
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  u32 c = ~0u;
  for (int k = 0; k < length; ++k) c = table[(c ^ in[i * length + k]) & 255] ^ c >> 8;
  out[i] = ~c;
}
// AES-128, encryption of one block a thread; S-box computed, keys expanded by one warp.
__device__ u8 Times(u8 a, u8 b) {
  u8 r = 0;
  for (; b != 0; b >>= 1) {
    if (b & 1) r ^= a;
    a = static_cast<u8>(a << 1 ^ (a & 0x80 ? 0x1b : 0));
  }
  return r;
}
extern "C" __global__ void aes128(u8* out, const u8* in, const u8* key, int n) {
  __shared__ u8 box[256];
  __shared__ u8 keys[176];
  for (int k = threadIdx.x; k < 256; k += blockDim.x) {
    u8 inverse = 1;
    for (int e = 254, p = k; e != 0; e /= 2, p = Times(p, p)) {
      if (e & 1) inverse = Times(inverse, static_cast<u8>(p));
    }
    if (k == 0) inverse = 0;
    u8 s = 0x63;
    for (int t = 0; t < 5; ++t) s ^= static_cast<u8>(inverse << t | inverse >> (8 - t));
    box[k] = s;
  }
  __syncthreads();
  if (threadIdx.x == 0) {
    for (int k = 0; k < 16; ++k) keys[k] = key[k];
    u8 round = 1;
    for (int k = 16; k < 176; k += 4) {
      u8 t[4] = {keys[k - 4], keys[k - 3], keys[k - 2], keys[k - 1]};
      if (k % 16 == 0) {
        const u8 first = t[0];
        t[0] = box[t[1]] ^ round;
        t[1] = box[t[2]];
        t[2] = box[t[3]];
        t[3] = box[first];
        round = Times(round, 2);
      }
      for (int j = 0; j < 4; ++j) keys[k + j] = keys[k + j - 16] ^ t[j];
    }
  }
  __syncthreads();
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  u8 s[16], t[16];
  for (int k = 0; k < 16; ++k) s[k] = in[16 * i + k] ^ keys[k];
  for (int round = 1; round <= 10; ++round) {
    for (int k = 0; k < 16; ++k) t[k] = box[s[(k + 4 * (k % 4)) % 16]];
    for (int c = 0; c < 4; ++c) {
      for (int r = 0; r < 4; ++r) {
        const u8 mixed = Times(t[4 * c + r], 2) ^ Times(t[4 * c + (r + 1) % 4], 3) ^
                         t[4 * c + (r + 2) % 4] ^ t[4 * c + (r + 3) % 4];
        s[4 * c + r] = (round == 10 ? t[4 * c + r] : mixed) ^ keys[16 * round + 4 * c + r];
      }
    }
  }
  for (int k = 0; k < 16; ++k) out[16 * i + k] = s[k];
}
#define QUARTER(a, b, c, d)                                             \
  x[a] += x[b]; x[d] ^= x[a]; x[d] = __funnelshift_l(x[d], x[d], 16);   \
  x[c] += x[d]; x[b] ^= x[c]; x[b] = __funnelshift_l(x[b], x[b], 12);   \
  x[a] += x[b]; x[d] ^= x[a]; x[d] = __funnelshift_l(x[d], x[d], 8);    \
  x[c] += x[d]; x[b] ^= x[c]; x[b] = __funnelshift_l(x[b], x[b], 7);
extern "C" __global__ void chacha20(u32* out, const u32* key, u32 counter) {
  const u32 i = blockIdx.x * blockDim.x + threadIdx.x;
  u32 x[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
  for (int k = 0; k < 8; ++k) x[4 + k] = key[k];
  x[12] = counter + i;
  x[13] = 0x09000000;
  x[14] = 0x4a000000;
  x[15] = 0;
  u32 start[16];
  for (int k = 0; k < 16; ++k) start[k] = x[k];
  for (int round = 0; round < 10; ++round) {
    QUARTER(0, 4, 8, 12) QUARTER(1, 5, 9, 13) QUARTER(2, 6, 10, 14) QUARTER(3, 7, 11, 15)
    QUARTER(0, 5, 10, 15) QUARTER(1, 6, 11, 12) QUARTER(2, 7, 8, 13) QUARTER(3, 4, 9, 14)
  }
  for (int k = 0; k < 16; ++k) out[16 * i + k] = x[k] + start[k];
}
extern "C" __global__ void siphash(u64* out, const u64* in, int words, u64 k0, u64 k1, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  u64 v0 = k0 ^ 0x736f6d6570736575ull, v1 = k1 ^ 0x646f72616e646f6dull;
  u64 v2 = k0 ^ 0x6c7967656e657261ull, v3 = k1 ^ 0x7465646279746573ull;
  const auto turn = [](u64 x, int b) { return x << b | x >> (64 - b); };
  const auto round = [&] {
    v0 += v1; v1 = turn(v1, 13); v1 ^= v0; v0 = turn(v0, 32);
    v2 += v3; v3 = turn(v3, 16); v3 ^= v2;
    v0 += v3; v3 = turn(v3, 21); v3 ^= v0;
    v2 += v1; v1 = turn(v1, 17); v1 ^= v2; v2 = turn(v2, 32);
  };
  for (int k = 0; k <= words; ++k) {
    const u64 m = k < words ? in[i * words + k] : static_cast<u64>(words) * 8 << 56;
    v3 ^= m;
    round();
    round();
    v0 ^= m;
  }
  v2 ^= 0xff;
  for (int k = 0; k < 4; ++k) round();
  out[i] = v0 ^ v1 ^ v2 ^ v3;
}
// Naive and Horspool search; matches counted by atomics and marked.
extern "C" __global__ void find_string(u8* found, u32* count, const char* text, int n, const char* pattern, int m) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i + m > n) return;
  int k = 0;
  while (k < m && text[i + k] == pattern[k]) ++k;
  found[i] = k == m;
  if (k == m) atomicAdd(count, 1u);
}
// Random numbers: xorshift128+, PCG, Philox 4×32-10, a 64-bit LCG with jump ahead.
__device__ u64 Xorshift(u64& a, u64& b) {
  u64 x = a;
  const u64 y = b;
  a = y;
  x ^= x << 23;
  b = x ^ y ^ x >> 17 ^ y >> 26;
  return b + y;
}
extern "C" __global__ void xorshift(u64* out, int count) {
  const u64 i = blockIdx.x * blockDim.x + threadIdx.x;
  u64 a = (i + 1) * 0x9e3779b97f4a7c15ull, b = a ^ 0xdeadbeefcafef00dull;
  for (int k = 0; k < count; ++k) out[i * count + k] = Xorshift(a, b);
}
extern "C" __global__ void philox(uint4* out, uint2 key, int n) {
  const u32 i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  uint4 c = make_uint4(i, i >> 3, 0x12345, ~i);
  for (int r = 0; r < 10; ++r) {
    const u32 h0 = __umulhi(0xD2511F53u, c.x), l0 = 0xD2511F53u * c.x;
    const u32 h1 = __umulhi(0xCD9E8D57u, c.z), l1 = 0xCD9E8D57u * c.z;
    c = make_uint4(h1 ^ c.y ^ key.x, l1, h0 ^ c.w ^ key.y, l0);
    key.x += 0x9E3779B9u;
    key.y += 0xBB67AE85u;
  }
  out[i] = c;
}
extern "C" __global__ void lcg_jump(u64* out, u64 seed, int n) {
  const u32 i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  u64 a = 6364136223846793005ull, c = 1442695040888963407ull, pa = 1, pc = 0;
  for (u64 k = i * 1000003ull; k != 0; k >>= 1) {
    if (k & 1) {
      pa *= a;
      pc = pc * a + c;
    }
    c *= a + 1;
    a *= a;
  }
  out[i] = pa * seed + pc;
}
extern "C" __global__ void pi_by_throws(u64* inside, int throws) {
  const u64 i = blockIdx.x * blockDim.x + threadIdx.x;
  u64 a = i * 7919 + 1, b = ~i;
  u32 in = 0;
  for (int k = 0; k < throws; ++k) {
    const u64 r = Xorshift(a, b);
    const u64 x = r & 0xffffffff, y = r >> 32;
    in += (x * x >> 1) + (y * y >> 1) < 1ull << 63;
  }
  atomicAdd(inside, static_cast<u64>(in));
}
