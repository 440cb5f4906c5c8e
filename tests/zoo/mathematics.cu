// The mathematical libraries of double and single precision, one column a function.
extern "C" __global__ void math_f64_1(double* out, const double* in, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  const double x = in[i], p = fabs(x);
  int c = 0;
#define PUT(value) out[c++ * n + i] = value;
  PUT(sin(x)) PUT(cos(x)) PUT(tan(x)) PUT(asin(x / 8)) PUT(acos(x / 8)) PUT(atan(x))
  PUT(sinh(x)) PUT(cosh(x)) PUT(tanh(x)) PUT(asinh(x)) PUT(acosh(1 + p)) PUT(atanh(x / 8))
  PUT(exp(x)) PUT(exp2(x)) PUT(exp10(x)) PUT(expm1(x)) PUT(log(p)) PUT(log2(p)) PUT(log10(p)) PUT(log1p(p))
  PUT(sqrt(p)) PUT(rsqrt(p)) PUT(cbrt(x)) PUT(rcbrt(x)) PUT(erf(x)) PUT(erfc(x)) PUT(tgamma(x)) PUT(lgamma(x))
  PUT(j0(x)) PUT(j1(x)) PUT(y0(p)) PUT(y1(p)) PUT(sinpi(x)) PUT(cospi(x)) PUT(normcdf(x)) PUT(erfinv(x / 8))
  PUT(logb(x)) PUT(round(x * 10)) PUT(nearbyint(x * 10)) PUT(erfcx(x)) PUT(normcdfinv(p / 8))
}
extern "C" __global__ void math_f64_2(double* out, const double* a, const double* b, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  const double x = a[i], y = b[i];
  int c = 0;
  int quotient = 0, exponent = 0;
  double whole = 0, sine = 0, cosine = 0;
  PUT(pow(fabs(x), y)) PUT(atan2(x, y)) PUT(hypot(x, y)) PUT(fmod(x * 1000, y)) PUT(remainder(x * 1000, y))
  PUT(remquo(x * 10, y, &quotient)) PUT(quotient & 7) PUT(fdim(x, y)) PUT(fmin(x, y)) PUT(fmax(x, y))
  PUT(copysign(x, y)) PUT(nextafter(x, y)) PUT(ldexp(x, static_cast<int>(y * 5))) PUT(frexp(x, &exponent))
  PUT(exponent) PUT(modf(x * 7, &whole)) PUT(whole) PUT(scalbn(x, 12)) PUT(ilogb(y)) PUT(fma(x, y, x))
  sincos(x, &sine, &cosine);
  PUT(sine) PUT(cosine) PUT(rhypot(x, y)) PUT(norm3d(x, y, 1.0)) PUT(x / y) PUT(jn(3, x)) PUT(pow(-fabs(x), 3.0))
  PUT(__dadd_ru(x, y)) PUT(__dmul_rd(x, y)) PUT(__ddiv_rz(x, y)) PUT(__fma_ru(x, y, 0.1)) PUT(__dsqrt_rd(fabs(x)))
}
extern "C" __global__ void math_f32_1(float* out, const float* in, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  const float x = in[i], p = fabsf(x);
  int c = 0;
  PUT(sinf(x)) PUT(cosf(x)) PUT(tanf(x)) PUT(asinf(x / 8)) PUT(acosf(x / 8)) PUT(atanf(x))
  PUT(sinhf(x)) PUT(coshf(x)) PUT(tanhf(x)) PUT(asinhf(x)) PUT(acoshf(1 + p)) PUT(atanhf(x / 8))
  PUT(expf(x)) PUT(exp2f(x)) PUT(exp10f(x)) PUT(expm1f(x)) PUT(logf(p)) PUT(log2f(p)) PUT(log10f(p)) PUT(log1pf(p))
  PUT(sqrtf(p)) PUT(rsqrtf(p)) PUT(cbrtf(x)) PUT(rcbrtf(x)) PUT(erff(x)) PUT(erfcf(x)) PUT(tgammaf(x)) PUT(lgammaf(x))
  PUT(j0f(x)) PUT(j1f(x)) PUT(y0f(p)) PUT(y1f(p)) PUT(sinpif(x)) PUT(cospif(x)) PUT(normcdff(x)) PUT(erfinvf(x / 8))
  PUT(logbf(x)) PUT(roundf(x * 10)) PUT(rintf(x * 10)) PUT(erfcxf(x)) PUT(sinf(x * 1e6f)) PUT(cosf(x * 3e9f)) PUT(tanf(x * 1e5f))
}
extern "C" __global__ void math_f32_2(float* out, const float* a, const float* b, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  const float x = a[i], y = b[i];
  int c = 0;
  int quotient = 0, exponent = 0;
  float whole = 0, sine = 0, cosine = 0;
  PUT(powf(fabsf(x), y)) PUT(atan2f(x, y)) PUT(hypotf(x, y)) PUT(fmodf(x * 1000, y)) PUT(remainderf(x * 1000, y))
  PUT(remquof(x * 10, y, &quotient)) PUT(quotient & 7) PUT(fdimf(x, y)) PUT(fminf(x, y)) PUT(fmaxf(x, y))
  PUT(copysignf(x, y)) PUT(nextafterf(x, y)) PUT(ldexpf(x, static_cast<int>(y * 5))) PUT(frexpf(x, &exponent))
  PUT(exponent) PUT(modff(x * 7, &whole)) PUT(whole) PUT(scalbnf(x, 12)) PUT(ilogbf(y)) PUT(fmaf(x, y, x))
  sincosf(x, &sine, &cosine);
  PUT(sine) PUT(cosine) PUT(x / y) PUT(norm3df(x, y, 1.0f)) PUT(__fdiv_ru(x, y)) PUT(__fsqrt_rz(fabsf(x))) PUT(__frcp_rd(y))
  PUT(__fadd_rz(x, y)) PUT(__fmul_ru(x, y)) PUT(__fmaf_rd(x, y, 0.1f)) PUT(__frsqrt_rn(fabsf(x))) PUT(__saturatef(x))
}
// The intrinsics that trade accuracy for speed.
extern "C" __global__ void math_fast(float* out, const float* a, const float* b, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  const float x = a[i], y = b[i], p = fabsf(x);
  int c = 0;
  PUT(__sinf(x)) PUT(__cosf(x)) PUT(__expf(x)) PUT(__exp10f(x)) PUT(__logf(p)) PUT(__log2f(p)) PUT(__log10f(p))
  PUT(__powf(p, y)) PUT(__fdividef(x, y)) PUT(__tanf(x)) PUT(__frcp_rn(y)) PUT(rsqrtf(p)) PUT(__tanhf(x))
}
