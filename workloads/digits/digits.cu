// A small neural network that learns handwritten digits: 64 pixels, 64 hidden units (ReLU), 10
// classes (softmax), trained by mini-batch gradient descent with momentum.
//
// Every value is written by one thread, sums run in one order, and only correctly rounded
// operations are used (exp is our own polynomial), so that each launch gives the same bits on every
// device. Weights stand as [input][output]; the last input row is the bias.

constexpr int kPixels = 64;
constexpr int kHidden = 64;
constexpr int kClasses = 10;

// SplitMix64's finaliser (Steele, Lea, Flood 2014): decorrelates consecutive numbers.
__device__ unsigned long long Mix(unsigned long long z) {
  z += 0x9e3779b97f4a7c15ull;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

// exp for x <= 0: x = n ln 2 + r, |r| <= ln 2 / 2, Taylor to the seventh power. 0 below 2^-126.
__device__ float Exp(float x) {
  if (x < -87.0f) return 0.0f;
  const float n = rintf(x * 1.44269504f);
  float r = __fmaf_rn(n, -0.693359375f, x);   // ln 2 in two parts: the first has few bits,
  r = __fmaf_rn(n, 2.12194440e-4f, r);        // so that its product is exact
  float p = 1.98412698e-4f;
  p = __fmaf_rn(p, r, 1.38888889e-3f);
  p = __fmaf_rn(p, r, 8.33333333e-3f);
  p = __fmaf_rn(p, r, 4.16666667e-2f);
  p = __fmaf_rn(p, r, 1.66666667e-1f);
  p = __fmaf_rn(p, r, 0.5f);
  p = __fmaf_rn(p, r, 1.0f);
  p = __fmaf_rn(p, r, 1.0f);
  return p * __int_as_float((static_cast<int>(n) + 127) << 23);
}

__device__ float Pixel(const unsigned char* images, unsigned sample, int i) {
  return static_cast<float>(images[sample * kPixels + i]) * 0.0625f;  // 0 … 16 → 0 … 1
}

// Uniform in [-scale, scale), from a hash of the index; biases (the last row) start at zero.
extern "C" __global__ void init_weights(float* weights, unsigned rows, unsigned columns,
                                        float scale, unsigned seed) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= rows * columns) return;
  const unsigned bits = static_cast<unsigned>(Mix((static_cast<unsigned long long>(seed) << 32) + i) >> 40);
  const float unit = static_cast<float>(bits) * 0x1p-23f - 1.0f;  // 24 bits → [-1, 1)
  weights[i] = i / columns == rows - 1 ? 0.0f : unit * scale;
}

// One block per sample of the batch, one thread per hidden unit.
extern "C" __global__ void forward_hidden(const unsigned char* images, const float* w1,
                                          float* hidden, unsigned first) {
  __shared__ float x[kPixels];
  const int j = threadIdx.x;
  x[j] = Pixel(images, first + blockIdx.x, j);
  __syncthreads();
  float sum = w1[kPixels * kHidden + j];
#pragma unroll 16
  for (int i = 0; i < kPixels; ++i) sum = __fmaf_rn(x[i], w1[i * kHidden + j], sum);
  hidden[blockIdx.x * kHidden + j] = fmaxf(sum, 0.0f);
}

// One warp per sample: logits, softmax, and the gradient of the batch's mean loss by each logit.
extern "C" __global__ void forward_output(const float* hidden, const float* w2,
                                          const unsigned char* labels, float* delta,
                                          unsigned first, unsigned batch) {
  const int k = threadIdx.x;
  const unsigned sample = blockIdx.x;
  float logit = -3.0e38f;
  if (k < kClasses) {
    logit = w2[kHidden * kClasses + k];
#pragma unroll 16
    for (int j = 0; j < kHidden; ++j) {
      logit = __fmaf_rn(hidden[sample * kHidden + j], w2[j * kClasses + k], logit);
    }
  }
  float largest = logit;
  for (int step = 16; step > 0; step /= 2) {
    largest = fmaxf(largest, __shfl_xor_sync(0xffffffffu, largest, step));
  }
  const float e = k < kClasses ? Exp(logit - largest) : 0.0f;
  float sum = e;
  for (int step = 16; step > 0; step /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, step);
  if (k >= kClasses) return;
  const float target = labels[first + sample] == k ? 1.0f : 0.0f;
  delta[sample * kClasses + k] = (e / sum - target) / static_cast<float>(batch);
}

// One block per sample, one thread per hidden unit.
extern "C" __global__ void backward_hidden(const float* hidden, const float* w2,
                                           const float* delta, float* delta_hidden) {
  const int j = threadIdx.x;
  const unsigned sample = blockIdx.x;
  float sum = 0.0f;
#pragma unroll
  for (int k = 0; k < kClasses; ++k) {
    sum = __fmaf_rn(w2[j * kClasses + k], delta[sample * kClasses + k], sum);
  }
  delta_hidden[sample * kHidden + j] = hidden[sample * kHidden + j] > 0.0f ? sum : 0.0f;
}

__device__ void Step(float* weight, float* velocity, float gradient, float rate, float momentum) {
  const float v = __fmaf_rn(momentum, *velocity, -(rate * gradient));
  *velocity = v;
  *weight = *weight + v;
}

// One thread per weight: block x is the input row, thread x the output column.
extern "C" __global__ void update_output(const float* hidden, const float* delta, float* w2,
                                         float* v2, unsigned batch, float rate, float momentum) {
  const int j = blockIdx.x;
  const int k = threadIdx.x;
  if (k >= kClasses) return;
  float gradient = 0.0f;
  for (unsigned s = 0; s < batch; ++s) {
    const float input = j < kHidden ? hidden[s * kHidden + j] : 1.0f;
    gradient = __fmaf_rn(input, delta[s * kClasses + k], gradient);
  }
  Step(&w2[j * kClasses + k], &v2[j * kClasses + k], gradient, rate, momentum);
}

extern "C" __global__ void update_hidden(const unsigned char* images, const float* delta_hidden,
                                         float* w1, float* v1, unsigned first, unsigned batch,
                                         float rate, float momentum) {
  const int i = blockIdx.x;
  const int j = threadIdx.x;
  float gradient = 0.0f;
  for (unsigned s = 0; s < batch; ++s) {
    const float input = i < kPixels ? Pixel(images, first + s, i) : 1.0f;
    gradient = __fmaf_rn(input, delta_hidden[s * kHidden + j], gradient);
  }
  Step(&w1[i * kHidden + j], &v1[i * kHidden + j], gradient, rate, momentum);
}

// One block per image: the class with the largest logit, the lowest of equals.
extern "C" __global__ void predict(const unsigned char* images, const float* w1, const float* w2,
                                   unsigned char* predictions) {
  __shared__ float x[kPixels];
  __shared__ float h[kHidden];
  __shared__ float logits[kClasses];
  const int j = threadIdx.x;
  x[j] = Pixel(images, blockIdx.x, j);
  __syncthreads();
  float sum = w1[kPixels * kHidden + j];
#pragma unroll 16
  for (int i = 0; i < kPixels; ++i) sum = __fmaf_rn(x[i], w1[i * kHidden + j], sum);
  h[j] = fmaxf(sum, 0.0f);
  __syncthreads();
  if (j < kClasses) {
    float logit = w2[kHidden * kClasses + j];
#pragma unroll 16
    for (int i = 0; i < kHidden; ++i) logit = __fmaf_rn(h[i], w2[i * kClasses + j], logit);
    logits[j] = logit;
  }
  __syncthreads();
  if (j == 0) {
    int best = 0;
    for (int k = 1; k < kClasses; ++k) {
      if (logits[k] > logits[best]) best = k;
    }
    predictions[blockIdx.x] = static_cast<unsigned char>(best);
  }
}

// One block of 128 threads: thread 10 a + b counts the images of digit a that were called b.
extern "C" __global__ void score(const unsigned char* labels, const unsigned char* predictions,
                                 unsigned count, unsigned* confusion, float* accuracy) {
  __shared__ unsigned cells[kClasses * kClasses];
  const int cell = threadIdx.x;
  if (cell < kClasses * kClasses) {
    unsigned hits = 0;
    for (unsigned s = 0; s < count; ++s) {
      hits += labels[s] * kClasses + predictions[s] == cell ? 1u : 0u;
    }
    cells[cell] = hits;
    confusion[cell] = hits;
  }
  __syncthreads();
  if (cell == 0) {
    unsigned right = 0;
    for (int k = 0; k < kClasses; ++k) right += cells[k * kClasses + k];
    accuracy[0] = static_cast<float>(right) / static_cast<float>(count);
  }
}
