// The Mandelbrot set as an RGB picture. The _rn intrinsics are never fused, so that a host program
// which does the same multiplications and additions gets the same bits.

extern "C" __global__ void mandelbrot(unsigned char* pixels, unsigned width, unsigned height,
                                      float left, float top, float scale, unsigned limit) {
  const unsigned x = blockIdx.x * blockDim.x + threadIdx.x;
  const unsigned y = blockIdx.y * blockDim.y + threadIdx.y;
  if (x >= width || y >= height) return;
  const float cr = __fadd_rn(left, __fmul_rn(static_cast<float>(x), scale));
  const float ci = __fsub_rn(top, __fmul_rn(static_cast<float>(y), scale));
  float zr = 0.0f;
  float zi = 0.0f;
  unsigned n = 0;
  while (n < limit) {
    const float rr = __fmul_rn(zr, zr);
    const float ii = __fmul_rn(zi, zi);
    if (__fadd_rn(rr, ii) > 4.0f) break;
    zi = __fadd_rn(__fmul_rn(__fmul_rn(2.0f, zr), zi), ci);
    zr = __fadd_rn(__fsub_rn(rr, ii), cr);
    ++n;
  }
  // Inside is black; outside runs from deep blue over white to amber as n grows.
  const unsigned shade = n == limit ? 0u : n * 255u / limit;
  const unsigned glow = n == limit ? 0u : min(255u, 40u + n * 6u);
  unsigned char* pixel = pixels + (y * width + x) * 3;
  pixel[0] = static_cast<unsigned char>(min(255u, shade * 4u));
  pixel[1] = static_cast<unsigned char>(min(255u, glow * 3u / 4u));
  pixel[2] = static_cast<unsigned char>(n == limit ? 0u : 255u - shade);
}
