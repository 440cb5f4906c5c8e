// SIMD within a word: what CUDA compiles to video instructions or emulates.
using u32 = unsigned int;

extern "C" __global__ void simd_bytes(u32* out, const u32* a, const u32* b, int n) {
  const u32 i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  const u32 x = a[i], y = b[i];
  u32* o = out + 24 * i;
  o[0] = __vadd4(x, y);
  o[1] = __vsub4(x, y);
  o[2] = __vabsdiffu4(x, y);
  o[3] = __vabsdiffs4(x, y);
  o[4] = __vsadu4(x, y);
  o[5] = __vsads4(x, y);
  o[6] = __vmaxu4(x, y);
  o[7] = __vmaxs4(x, y);
  o[8] = __vminu4(x, y);
  o[9] = __vmins4(x, y);
  o[10] = __vaddus4(x, y);
  o[11] = __vaddss4(x, y);
  o[12] = __vsubus4(x, y);
  o[13] = __vsubss4(x, y);
  o[14] = __vavgu4(x, y);
  o[15] = __vavgs4(x, y);
  o[16] = __vhaddu4(x, y);
  o[17] = __vcmpeq4(x, y);
  o[18] = __vcmpgtu4(x, y);
  o[19] = __vcmples4(x, y);
  o[20] = __vseteq4(x, y);
  o[21] = __vsetltu4(x, y);
  o[22] = __vneg4(x);
  o[23] = __vabs4(x);
}

extern "C" __global__ void simd_halves(u32* out, const u32* a, const u32* b, int n) {
  const u32 i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  const u32 x = a[i], y = b[i];
  u32* o = out + 20 * i;
  o[0] = __vadd2(x, y);
  o[1] = __vsub2(x, y);
  o[2] = __vabsdiffu2(x, y);
  o[3] = __vabsdiffs2(x, y);
  o[4] = __vsadu2(x, y);
  o[5] = __vsads2(x, y);
  o[6] = __vmaxs2(x, y);
  o[7] = __vmaxu2(x, y);
  o[8] = __vmins2(x, y);
  o[9] = __vminu2(x, y);
  o[10] = __vaddss2(x, y);
  o[11] = __vaddus2(x, y);
  o[12] = __vsubss2(x, y);
  o[13] = __vavgs2(x, y);
  o[14] = __vavgu2(x, y);
  o[15] = __vcmpgts2(x, y);
  o[16] = __vsetgeu2(x, y);
  o[17] = __vnegss2(x);
  o[18] = __vabsss2(x);
  o[19] = __viaddmax_s16x2(x, y, 0x00050003u);
}
