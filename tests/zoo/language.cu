// What the language asks of a device: calls of every kind, memory of every kind, control flow.
using u32 = unsigned int;
using u64 = unsigned long long;

__device__ int Index() { return blockIdx.x * blockDim.x + threadIdx.x; }

// A dense switch becomes a table of branches, a sparse one a tree.
extern "C" __global__ void switches(int* out, const int* in, int n) {
  const int i = Index();
  if (i >= n) return;
  int v = in[i], r = 0;
  for (int k = 0; k < 4; ++k) {
    switch (v & 15) {
      case 0: r += 3; break;
      case 1: r = r * 5 + v; break;
      case 2: r ^= 0x55; [[fallthrough]];
      case 3: r -= v; break;
      case 4: r = ~r; break;
      case 5: r = r << 3 | static_cast<u32>(r) >> 29; break;
      case 6: if (r > 0) r = -r; break;
      case 7: r += k; continue;
      case 8: r *= v | 1; break;
      case 9: r /= (v & 7) + 1; break;
      case 10: r %= (v & 7) + 2; break;
      case 11: r = r > v ? r : v; break;
      case 12: r |= 1 << k; break;
      case 13: r &= ~(1 << k); break;
      default: r += 1000; break;
    }
    v = v * 1103515245 + 12345;
    switch (r) {
      case -100000: v = 1; break;
      case 17: v += 2; break;
      case 5000: v += 3; break;
      case 123456789: v += 4; break;
    }
  }
  out[i] = r;
}

// Recursion.
__device__ __noinline__ u32 Ackermann(u32 m, u32 n) {
  if (m == 0) return n + 1;
  if (n == 0) return Ackermann(m - 1, 1);
  return Ackermann(m - 1, Ackermann(m, n - 1));
}
__device__ __noinline__ u64 Fibonacci(u32 n) {
  return n < 2 ? n : Fibonacci(n - 1) + Fibonacci(n - 2);
}
__device__ bool IsOdd(u32 n);
__device__ __noinline__ bool IsEven(u32 n) { return n == 0 || IsOdd(n - 1); }
__device__ __noinline__ bool IsOdd(u32 n) { return n != 0 && IsEven(n - 1); }
extern "C" __global__ void recursion(u64* out, int n) {
  const int i = Index();
  if (i >= n) return;
  out[3 * i] = Fibonacci(i % 13);
  out[3 * i + 1] = Ackermann(i % 3, i % 5);
  out[3 * i + 2] = IsEven(i) ? 2 : 1;
}
__device__ __noinline__ void QuickSort(int* x, int low, int high) {
  int i = low, j = high;
  const int pivot = x[(low + high) / 2];
  while (i <= j) {
    while (x[i] < pivot) ++i;
    while (x[j] > pivot) --j;
    if (i <= j) {
      const int t = x[i];
      x[i++] = x[j];
      x[j--] = t;
    }
  }
  if (low < j) QuickSort(x, low, j);
  if (i < high) QuickSort(x, i, high);
}
extern "C" __global__ void quicksort(int* data, int each) {
  int own[48];
  int* mine = data + Index() * each;
  for (int k = 0; k < each; ++k) own[k] = mine[k];
  QuickSort(own, 0, each - 1);
  for (int k = 0; k < each; ++k) mine[k] = own[k];
}
// Permutations by backtracking: a local array passed down by address.
__device__ __noinline__ int Queens(int* columns, int row, int n) {
  if (row == n) return 1;
  int count = 0;
  for (int c = 0; c < n; ++c) {
    bool safe = true;
    for (int r = 0; r < row && safe; ++r) {
      safe = columns[r] != c && columns[r] - c != row - r && c - columns[r] != row - r;
    }
    columns[row] = c;
    if (safe) count += Queens(columns, row + 1, n);
  }
  return count;
}
extern "C" __global__ void queens(int* out) {
  int columns[8];
  columns[0] = threadIdx.x % 8;
  out[threadIdx.x] = threadIdx.x < 8 ? Queens(columns, 1, 8) : Queens(columns, 0, 5);
}

// Function pointers: a table in global memory, one in constant memory, one chosen at run time.
__device__ __noinline__ float Add(float a, float b) { return a + b; }
__device__ __noinline__ float Sub(float a, float b) { return a - b; }
__device__ __noinline__ float Mul(float a, float b) { return __fmul_rn(a, b); }
__device__ __noinline__ float Most(float a, float b) { return fmaxf(a, b); }
using Op = float (*)(float, float);
__device__ Op table[4] = {Add, Sub, Mul, Most};
__constant__ Op constant_table[2] = {Mul, Sub};
extern "C" __global__ void function_pointers(float* out, const float* a, const float* b, const int* which, int n) {
  const int i = Index();
  if (i >= n) return;
  const Op op = table[which[i] & 3];
  const Op other = which[i] & 4 ? constant_table[which[i] >> 3 & 1] : Add;
  out[i] = other(op(a[i], b[i]), b[i]);
}
// Virtual functions: objects made on the device.
struct Shape {
  __device__ virtual int Area() const = 0;
  __device__ virtual int Edges() const { return 0; }
  __device__ virtual ~Shape() {}
};
struct Square : Shape {
  int side;
  __device__ explicit Square(int s) : side(s) {}
  __device__ int Area() const override { return side * side; }
  __device__ int Edges() const override { return 4; }
};
struct Rectangle : Square {
  int other;
  __device__ Rectangle(int s, int o) : Square(s), other(o) {}
  __device__ int Area() const override { return side * other; }
};
struct Disc : Shape {
  int r;
  __device__ explicit Disc(int radius) : r(radius) {}
  __device__ int Area() const override { return 3 * r * r; }
};
__device__ __noinline__ int Measure(const Shape* s) { return s->Area() * 10 + s->Edges(); }
extern "C" __global__ void virtual_functions(int* out, const int* in, int n) {
  const int i = Index();
  if (i >= n) return;
  const Square square(in[i]);
  const Rectangle rectangle(in[i], i);
  const Disc disc(in[i]);
  const Shape* shapes[3] = {&square, &rectangle, &disc};
  out[i] = Measure(shapes[in[i] % 3]);
}
// Arguments and results of every size, by value and by reference.
struct Small { char c; short s; };
struct Large { double d[5]; int tag; };
struct __align__(16) Aligned { float4 v; };
struct Empty {};
__device__ __noinline__ Small MakeSmall(char c, bool flip) { return Small{static_cast<char>(flip ? -c : c), static_cast<short>(c * 3)}; }
__device__ __noinline__ Large MakeLarge(Small s, double seed, Empty) {
  Large l;
  for (int k = 0; k < 5; ++k) l.d[k] = seed * (k + s.c);
  l.tag = s.s;
  return l;
}
__device__ __noinline__ void Change(Large& l, Aligned a, unsigned char byte, u64 wide) {
  l.d[byte % 5] += a.v.x + a.v.w;
  l.tag ^= static_cast<int>(wide >> 32);
}
__device__ __noinline__ Aligned MakeAligned(float x) { return Aligned{make_float4(x, x + 1, x + 2, x + 3)}; }
extern "C" __global__ void structures(double* out, int n) {
  const int i = Index();
  if (i >= n) return;
  const Small s = MakeSmall(static_cast<char>(i), i & 1);
  Large l = MakeLarge(s, 0.5, Empty{});
  Change(l, MakeAligned(static_cast<float>(i)), static_cast<unsigned char>(i), 0x123456789ull * i);
  double sum = l.tag;
  for (int k = 0; k < 5; ++k) sum += l.d[k] * (k + 1);
  out[i] = sum;
}
// Variables: initialised, pointing at each other, const, managed by nobody, arrays in arrays.
struct Node {
  int value;
  const Node* next;
  const char* name;
};
extern __device__ Node third;
__device__ Node first = {1, &third, "first"};
__device__ Node second = {2, nullptr, "second"};
__device__ Node third = {3, &second, "third"};
__device__ int counters[4] = {10, 20};
__device__ int* pointer = &counters[1];
__constant__ double weights[2][3] = {{0.5, 1.5, 2.5}, {-1, -2, -3}};
__constant__ unsigned char letters[] = "abcdefghijklmnop";
__device__ long long sums;
extern "C" __global__ void variables(int* out, double* reals) {
  if (threadIdx.x == 0) {
    int k = 0;
    for (const Node* p = &first; p != nullptr; p = p->next) {
      out[k++] = p->value;
      out[k++] = p->name[0];
      int length = 0;
      while (p->name[length] != 0) ++length;
      out[k++] = length;
    }
    out[k++] = *pointer;
    out[k++] = counters[0] + counters[3];
    out[k++] = letters[15];
    *pointer = 77;
    out[k++] = counters[1];
    counters[1] = 20;
    sums = -5;
    out[k++] = static_cast<int>(sums);
  }
  if (threadIdx.x < 6) reals[threadIdx.x] = weights[threadIdx.x / 3][threadIdx.x % 3] * 2;
}
// Several shared arrays, static and dynamic, carved up by hand.
extern "C" __global__ void shared_arrays(double* out, int n) {
  __shared__ char bytes[37];
  __shared__ double reals[8];
  __shared__ short shorts[2][5];
  extern __shared__ __align__(16) unsigned char pool[];
  int* ints = reinterpret_cast<int*>(pool);
  double* doubles = reinterpret_cast<double*>(pool + sizeof(int) * ((n + 1) & ~1));
  const int t = threadIdx.x;
  if (t < 37) bytes[t] = static_cast<char>(t);
  if (t < 8) reals[t] = t * 0.25;
  if (t < 10) shorts[t / 5][t % 5] = static_cast<short>(-t);
  if (t < n) {
    ints[t] = t * t;
    doubles[t] = 1.0 / (t + 1);
  }
  __syncthreads();
  if (t < n) out[t] = bytes[(t * 7) % 37] + reals[t % 8] + shorts[t % 2][t % 5] + ints[n - 1 - t] + doubles[(t + 1) % n];
}
// Local arrays indexed by data, unions, bit fields, bytes.
union Word {
  u32 word;
  unsigned char byte[4];
  short half[2];
  float real;
};
struct Fields {
  u32 low : 5;
  int middle : 11;
  u32 high : 16;
};
extern "C" __global__ void local_arrays(int* out, const u32* in, int n) {
  const int i = Index();
  if (i >= n) return;
  int heap[32];
  for (int k = 0; k < 32; ++k) heap[k] = 0;
  for (int k = 0; k < 20; ++k) heap[in[(i + k) % n] % 32] += k + 1;
  Word w;
  w.word = in[i];
  w.byte[in[i] % 4] ^= 0x5a;
  w.half[in[i] >> 8 & 1] += 3;
  Fields f = {};
  f.low = in[i];
  f.middle = static_cast<int>(in[i] >> 3);
  f.high = in[i] * 3;
  int sum = static_cast<int>(w.word) + static_cast<int>(f.low) + f.middle + static_cast<int>(f.high);
  for (int k = 0; k < 32; ++k) sum = sum * 31 + heap[k];
  out[i] = sum;
}
// Templates, lambdas, captured state, recursion at compile time.
template <int kN>
struct Power {
  static __device__ double Of(double x) { return x * Power<kN - 1>::Of(x); }
};
template <>
struct Power<0> {
  static __device__ double Of(double) { return 1; }
};
template <typename F>
__device__ __noinline__ int Fold(const int* x, int n, int start, F f) {
  for (int k = 0; k < n; ++k) start = f(start, x[k]);
  return start;
}
template <typename... T>
__device__ int Sum(T... v) { return (v + ... + 0); }
extern "C" __global__ void templates(int* out, double* powers, const int* in, int n) {
  const int i = Index();
  if (i + 4 > n) return;
  const int salt = in[i];
  out[3 * i] = Fold(in + i, 4, 0, [salt](int a, int b) { return a * salt + b; });
  out[3 * i + 1] = Fold(in + i, 4, 1, [&](int a, int b) { return a ^ (b << (i & 7)); });
  out[3 * i + 2] = Sum(in[i], in[i + 1], 3, in[i + 3]);
  powers[i] = Power<5>::Of(i * 0.5);
}
// Loops with breaks, gotos, short circuits, nested divergence, early returns.
extern "C" __global__ void control(int* out, const int* in, int n) {
  const int i = Index();
  if (i >= n) return;
  int v = in[i] & 0xffff, steps = 0;
  while (true) {
    if (v == 1 || steps > 200) break;
    if ((v & 1) == 0) {
      do {
        v >>= 1;
        ++steps;
        if (v == 0) goto out_of_both;
      } while ((v & 1) == 0);
      continue;
    }
    v = 3 * v + 1;
    ++steps;
    for (int k = 0; k < (v & 3); ++k) {
      if (k == 2 && (steps & 1)) goto next;
      steps += k;
    }
  next:
    if (steps % 7 == 3 && (v > 100 || in[(i + 1) % n] > 500)) ++steps;
  }
out_of_both:
  if (steps > 150) {
    out[i] = -steps;
    return;
  }
  out[i] = steps;
}
// Conversions between all the types.
extern "C" __global__ void conversions(long long* out, const double* in, int n) {
  const int i = Index();
  if (i >= n) return;
  const double d = in[i];
  const float f = static_cast<float>(d);
  long long* o = out + 24 * i;
  o[0] = static_cast<int>(d);
  o[1] = static_cast<u32>(static_cast<long long>(d));
  o[2] = static_cast<long long>(d);
  o[3] = static_cast<int>(f);
  o[4] = __double2int_rn(d);
  o[5] = __double2int_ru(d);
  o[6] = __double2int_rd(d);
  o[7] = __float2int_rn(f);
  o[8] = __float2int_ru(f);
  o[9] = __float2ll_rd(f);
  o[10] = __double2ull_rz(fabs(d));
  o[11] = __float_as_int(__double2float_ru(d));
  o[12] = __float_as_int(__double2float_rz(d));
  o[13] = __double_as_longlong(rint(d));
  o[14] = __double_as_longlong(floor(d));
  o[15] = __double_as_longlong(ceil(d));
  o[16] = __double_as_longlong(trunc(d));
  o[17] = __double_as_longlong(static_cast<double>(static_cast<long long>(d) * 3));
  o[18] = __float_as_int(static_cast<float>(static_cast<long long>(d) * 7));
  o[19] = __float_as_int(__int2float_rz(static_cast<int>(static_cast<long long>(d))));
  o[20] = static_cast<signed char>(static_cast<long long>(d));
  o[21] = static_cast<unsigned short>(static_cast<long long>(d));
  o[22] = __double2hiint(d);
  o[23] = __double2loint(d) + (d > 0) + 2 * (d != d);
}
