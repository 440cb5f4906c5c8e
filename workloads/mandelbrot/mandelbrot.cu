// The Mandelbrot set as an RGB picture. Compiled without contraction, so that a host program that
// does the same multiplications and additions gets the same bits.

extern "C" __global__ void mandelbrot(unsigned char* pixels, unsigned width, unsigned height,
                                      float left, float top, float scale, unsigned limit) {
  const unsigned x = blockIdx.x * blockDim.x + threadIdx.x;
  const unsigned y = blockIdx.y * blockDim.y + threadIdx.y;
  if (x >= width || y >= height) return;
  const float cr = left + static_cast<float>(x) * scale;
  const float ci = top - static_cast<float>(y) * scale;
  float zr = 0.0f;
  float zi = 0.0f;
  unsigned n = 0;
  while (n < limit) {
    const float rr = zr * zr;
    const float ii = zi * zi;
    if (rr + ii > 4.0f) break;
    zi = 2.0f * zr * zi + ci;
    zr = rr - ii + cr;
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
