// Memory whose size is known at run time only: the stack pointer, malloc and new.
extern "C" __global__ void variable_arrays(int* out, int n) {
  const int i = threadIdx.x;
  int* a = static_cast<int*>(alloca(sizeof(int) * (i + 1)));
  for (int k = 0; k <= i; ++k) a[k] = k * i;
  short* b = static_cast<short*>(alloca(2 * n));
  for (int k = 0; k < n; ++k) b[k] = static_cast<short>(a[k % (i + 1)] + k);
  int sum = 0;
  for (int k = 0; k < n; ++k) sum += b[k] * a[(i - k % (i + 1))];
  out[i] = sum;
}
__device__ __noinline__ int Nested(int n) {
  char* text = static_cast<char*>(alloca(n + 1));
  for (int k = 0; k < n; ++k) text[k] = static_cast<char>('a' + k % 26);
  text[n] = 0;
  int sum = n > 3 ? Nested(n - 3) : 0;
  for (int k = 0; text[k] != 0; ++k) sum = sum * 3 + text[k];
  return sum;
}
extern "C" __global__ void nested_arrays(int* out) { out[threadIdx.x] = Nested(threadIdx.x % 20); }
