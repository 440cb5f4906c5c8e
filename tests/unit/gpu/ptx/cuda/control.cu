// Branches, tables, calls, recursion, function pointers, printf, assert, inline PTX scopes.
extern "C" __device__ void __assertfail(const char* text, const char* file, unsigned line,
                                        const char* function, size_t size);

__device__ __noinline__ int triple(int x) { return x * 3; }
__device__ __noinline__ int halve(int x) { return x / 2; }
__device__ int (*const functions[2])(int) = {triple, halve};
__device__ __noinline__ int factorial(int n) { return n < 2 ? 1 : n * factorial(n - 1); }
struct Pair { double a; float b[5]; };
__device__ __noinline__ Pair combine(Pair p, int n) { p.b[n] += 1; p.a *= p.b[0]; return p; }

extern "C" __global__ void branches(int* x, int n) {
  switch (n) {
    case 0: x[0] = 7; break;
    case 1: x[1] = triple(n); break;
    case 2: x[2] = 5; x[3] = 1; break;
    case 3: x[9] += 2; break;
    case 4: x[n] = 3; break;
    case 5: x[5] = x[6]; break;
    case 6: return;
  }
#pragma unroll 1
  for (int i = 0; i < n; ++i) {
    if (x[i] == 3) continue;
    if (x[i] == 4) break;
    x[i] = functions[n & 1](x[i]) + factorial(n);
  }
  Pair p = {1.0, {2.0f}};
  x[1] = (int)combine(p, n % 5).a;
  if (n == 77) printf("n is %d, x is %f\n", n, (double)x[0]);
  if (n == 99) __assertfail("n != 99", "control.cu", 41, "branches", 1);
  asm volatile("{ .reg .pred p; again: setp.eq.s32 p, %0, 3; @p bra again; }" ::"r"(x[0]));
  asm volatile("{ .reg .pred p; again: setp.eq.s32 p, %0, 4; @p bra again; }" ::"r"(x[1]));
  if (n == 100) __trap();
  __nanosleep(100);
}

template <int n> __global__ void sized(int* x) { x[n] = n; }
template __global__ void sized<4>(int*);
__global__ void __launch_bounds__(256, 2) bounded(float* x) { x[threadIdx.x] += 1; }
