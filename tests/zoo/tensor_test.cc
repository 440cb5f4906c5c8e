// tensor.cu: products by matrix instructions. Halves are small integers, so that every sum is exact
// in whatever order it is taken.
#include <algorithm>

#include "zoo/zoo.h"

namespace souk::gpu::zoo {
namespace {

uint16_t TensorHalf(int v) {
  if (v == 0) return 0;
  const int size = std::abs(v), top = 31 - __builtin_clz(unsigned(size));
  return uint16_t((v < 0 ? 0x8000 : 0) | (top + 15) << 10 | ((size << (10 - top)) & 0x3ff));
}
std::vector<uint16_t> Halves(const std::vector<int>& values) {
  std::vector<uint16_t> halves;
  for (const int v : values) halves.push_back(TensorHalf(v));
  return halves;
}

// at(i, x), at(x, j): elements of A and B.
template <typename T, typename A, typename B>
std::vector<T> Product(int m, int n, int k, A a, B b) {
  std::vector<T> c;
  for (int i = 0; i < m; ++i) {
    for (int j = 0; j < n; ++j) {
      int sum = 0;
      for (int x = 0; x < k; ++x) sum += a(i, x) * b(x, j);
      c.push_back(static_cast<T>(sum));
    }
  }
  return c;
}
template <typename T>
auto Rows(const std::vector<T>& v, int columns) {
  return [&v, columns](int i, int j) { return int(v[size_t(i * columns + j)]); };
}

TEST(Tensor, ProductsOfAnySizeByWmma) {
  const struct { int m, n, k; } sizes[] = {{64, 32, 48}, {70, 19, 33}, {5, 7, 3}, {16, 16, 16}};
  for (const char* file : {"tensor", "tensor80"}) {
    for (const auto& [m, n, k] : sizes) {
      Random random(uint64_t(m + n));
      const std::vector<int> a = random.Ints(size_t(m * k), -8, 9);
      const std::vector<int> b = random.Ints(size_t(k * n), -8, 9);
      const auto p = Random::Make<int8_t>(size_t(m * k), [&] { return random.Next(); });
      const auto q = Random::Make<int8_t>(size_t(k * n), [&] { return random.Next(); });
      Zoo zoo(file);
      const Arg c = zoo.Zeros<float>(size_t(m * n)), r = zoo.Zeros<int>(size_t(m * n));
      const Dim3 grid = {uint32_t(n + 15) / 16, uint32_t(m + 63) / 64};
      zoo.Launch("product_half", grid, {128},
                 {c, zoo.Add(Halves(a)), zoo.Add(Halves(b)), Val(m), Val(n), Val(k)});
      zoo.Launch("product_bytes", grid, {128}, {r, zoo.Add(p), zoo.Add(q), Val(m), Val(n), Val(k)});
      zoo.Run();
      ExpectSame(zoo.Get<float>(c), Product<float>(m, n, k, Rows(a, k), Rows(b, n)), file);
      ExpectSame(zoo.Get<int>(r), Product<int>(m, n, k, Rows(p, k), Rows(q, n)), file);
    }
  }
}

// Exact ones alone are looked at for races and undefined values.
TEST(Tensor, ProductsOfBytesHaveNoFindings) {
  const int m = 70, n = 19, k = 33;
  Random random(1);
  const auto p = Random::Make<int8_t>(size_t(m * k), [&] { return random.Next(); });
  const auto q = Random::Make<int8_t>(size_t(k * n), [&] { return random.Next(); });
  Zoo zoo("tensor");
  const Arg r = zoo.Zeros<int>(size_t(m * n));
  zoo.Launch("product_bytes", {2, 2}, {128}, {r, zoo.Add(p), zoo.Add(q), Val(m), Val(n), Val(k)});
  zoo.Run();
  ExpectSame(zoo.Get<int>(r), Product<int>(m, n, k, Rows(p, k), Rows(q, n)), "product_bytes");
}

TEST(Tensor, ScalesFragmentsElementByElement) {
  Random random(3);
  const std::vector<int> a = random.Ints(32 * 16, -4, 5), b = random.Ints(16 * 32, -4, 5);
  const std::vector<int> tall = random.Ints(32 * 8, -50, 51), wide = random.Ints(8 * 32, -50, 51);
  for (const char* file : {"tensor", "tensor80"}) {
    Zoo zoo(file);
    const Arg t = zoo.Add(Halves(tall)), w = zoo.Add(Halves(wide));
    zoo.Launch("scaled_half", {1}, {64},
               {t, w, zoo.Add(Halves(a)), zoo.Add(Halves(b)), Val(2.0f), Val(-3.0f)});
    zoo.Run();
    // A by columns of kM, B by columns of 16; C is read by rows and written by columns.
    const auto check = [&](const Arg& out, const std::vector<int>& before, int m, int n,
                           const std::vector<int>& x, const std::vector<int>& y) {
      const std::vector<int> products = Product<int>(
          m, n, 16, [&](int i, int k) { return x[size_t(k * m + i)]; },
          [&](int k, int j) { return y[size_t(j * 16 + k)]; });
      std::vector<int> want(size_t(m * n));
      for (int i = 0; i < m; ++i) {
        for (int j = 0; j < n; ++j) {
          want[size_t(j * m + i)] = 2 * products[size_t(i * n + j)] - 3 * before[size_t(i * n + j)];
        }
      }
      ExpectSame(zoo.Get<uint16_t>(out), Halves(want), file);
    };
    check(t, tall, 32, 8, a, b);
    check(w, wide, 8, 32, b, a);
  }
}

TEST(Tensor, ProductsByMmaAndLdmatrix) {
  Random random(4);
  const int k = 48;
  const std::vector<int> a = random.Ints(size_t(64 * k), -8, 9);
  const std::vector<int> b = random.Ints(size_t(k * 96), -8, 9);
  Zoo zoo("tensor80");
  const Arg c = zoo.Zeros<float>(64 * 96);
  zoo.Launch("mma_half", {3, 2}, {32}, {c, zoo.Add(Halves(a)), zoo.Add(Halves(b)), Val(k)});
  zoo.Run();
  ExpectSame(zoo.Get<float>(c), Product<float>(64, 96, k, Rows(a, k), Rows(b, 96)), "mma_half");
}

TEST(Tensor, ProductsOfSignedAndUnsignedBytesByMma) {
  Random random(5);
  const int k = 96;
  const auto a = Random::Make<int8_t>(size_t(32 * k), [&] { return random.Next(); });
  const auto b = Random::Make<uint8_t>(size_t(24 * k), [&] { return random.Next(); });
  Zoo zoo("tensor80");
  const Arg c = zoo.Zeros<int>(32 * 24);
  zoo.Launch("mma_bytes", {3, 2}, {32}, {c, zoo.Add(a), zoo.Add(b), Val(k)});
  zoo.Run();
  const auto transposed = [&](int x, int j) { return int(b[size_t(j * k + x)]); };
  ExpectSame(zoo.Get<int>(c), Product<int>(32, 24, k, Rows(a, k), transposed), "mma_bytes");
}

TEST(Tensor, Classes) {
  ExpectClasses(
      "tensor",
      {{"product_half", kTolerant}, {"product_bytes", kExact}, {"scaled_half", kTolerant}});
  ExpectClasses("tensor80", {{"product_half", kTolerant},
                             {"product_bytes", kExact},
                             {"scaled_half", kTolerant},
                             {"mma_half", kTolerant},
                             {"mma_bytes", kExact}});
}

}  // namespace
}  // namespace souk::gpu::zoo
