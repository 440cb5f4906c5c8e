// library.cu, curand.cu, modern.cu: CUB, cuRAND, complex numbers, 8-bit floats; what sm_90 brought.
#include <algorithm>
#include <array>
#include <complex>
#include <numeric>

#include "gpu/ptx/nvrtc.h"
#include "zoo/zoo.h"

namespace souk::gpu::zoo {
namespace {

TEST(Library, CubReducesScansAndSorts) {
  Random random(1);
  const std::vector<int> in = random.Ints(384, -1000, 1000);
  const std::vector<uint32_t> words = random.Words(512);
  const std::vector<float> floats = random.Floats(128, -9, 9);
  Zoo zoo("library");
  const Arg sums = zoo.Zeros<int>(3), prefix = zoo.Zeros<int>(384), keys = zoo.Add(words),
            most = zoo.Zeros<float>(4);
  zoo.Launch("cub_blocks", {3}, {128}, {sums, prefix, zoo.Add(in)});
  zoo.Launch("cub_sort", {2}, {64}, {keys});
  zoo.Launch("cub_warps", {1}, {128}, {most, zoo.Add(floats)});
  zoo.Run();
  std::vector<int> want_sums, want_prefix;
  std::vector<uint32_t> sorted = words;
  std::vector<float> want_most;
  for (auto block = in.begin(); block != in.end(); block += 128) {
    want_sums.push_back(std::accumulate(block, block + 128, 0));
    for (auto i = block; i != block + 128; ++i) want_prefix.push_back(std::accumulate(block, i, 0));
  }
  std::sort(sorted.begin(), sorted.begin() + 256);
  std::sort(sorted.begin() + 256, sorted.end());
  for (auto warp = floats.begin(); warp != floats.end(); warp += 32) {
    want_most.push_back(*std::max_element(warp, warp + 32));
  }
  ExpectSame(zoo.Get<int>(sums), want_sums, "cub_blocks");
  ExpectSame(zoo.Get<int>(prefix), want_prefix, "prefixes");
  ExpectSame(zoo.Get<uint32_t>(keys), sorted, "cub_sort");
  ExpectSame(zoo.Get<float>(most), want_most, "cub_warps");
}

// ---- cuRAND ----

using Quad = std::array<uint32_t, 4>;

// Salmon et al., "Parallel random numbers: as easy as 1, 2, 3": Philox 4 × 32-10.
Quad Philox(Quad c, uint64_t seed) {
  uint32_t k0 = uint32_t(seed), k1 = uint32_t(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    const uint64_t p = uint64_t{0xD2511F53} * c[0], q = uint64_t{0xCD9E8D57} * c[2];
    c = {uint32_t(q >> 32) ^ c[1] ^ k0, uint32_t(q), uint32_t(p >> 32) ^ c[3] ^ k1, uint32_t(p)};
    k0 += 0x9E3779B9;
    k1 += 0xBB67AE85;
  }
  return c;
}

TEST(Library, PhiloxOfCurand) {
  if (ptx::FindToolkit().empty()) GTEST_SKIP() << "no CUDA Toolkit here";
  const uint64_t seed = 0x123456789abcdef;
  Zoo zoo("curand");
  const Arg words = zoo.Zeros<uint32_t>(4 * 64), uniform = zoo.Zeros<float>(64),
            normal = zoo.Zeros<float>(64);
  zoo.Launch("curand_philox", {2}, {32}, {words, uniform, normal, Val(seed)});
  zoo.Run();
  std::vector<uint32_t> want;
  std::vector<float> want_uniform;
  const std::vector<float> got = zoo.Get<float>(normal);
  for (uint32_t i = 0; i < 64; ++i) {
    const Quad first = Philox({0, 0, i, 0}, seed), second = Philox({1, 0, i, 0}, seed);
    want.insert(want.end(), first.begin(), first.end());
    want_uniform.push_back(std::fma(float(second[0]), 0x1p-32f, 0x1p-33f));
    const double u = second[1] * 0x1p-32 + 0x1p-33, v = second[2] * 0x1p-32 + 0x1p-33;
    EXPECT_NEAR(got[i], std::sqrt(-2 * std::log(u)) * std::sin(2 * M_PI * v), 1e-5) << i;
  }
  ExpectSame(zoo.Get<uint32_t>(words), want, "words");
  ExpectSame(zoo.Get<float>(uniform), want_uniform, "uniform");
}

// Marsaglia's xorwow; the shift register is linear over GF(2), so that matrices jump.
using Register = std::array<uint32_t, 5>;
void Step(Register& v) {
  const uint32_t t = v[0] ^ v[0] >> 2;
  v = {v[1], v[2], v[3], v[4], (v[4] ^ v[4] << 4) ^ (t ^ t << 1)};
}
using Matrix = std::vector<Register>;  // what each of 160 bits becomes
Register Apply(const Matrix& m, const Register& v) {
  Register r = {};
  for (size_t bit = 0; bit < 160; ++bit) {
    if ((v[bit / 32] >> bit % 32 & 1) == 0) continue;
    for (size_t k = 0; k < 5; ++k) r[k] ^= m[bit][k];
  }
  return r;
}
Matrix TwoToThe67Steps() {
  Matrix m(160);
  for (size_t bit = 0; bit < 160; ++bit) {
    m[bit][bit / 32] = 1u << bit % 32;
    Step(m[bit]);
  }
  for (int k = 0; k < 67; ++k) {
    Matrix squared;
    for (const Register& row : m) squared.push_back(Apply(m, row));
    m = squared;
  }
  return m;
}

TEST(Library, XorwowOfCurandJumpsToEachThreadsSequence) {
  if (ptx::FindToolkit().empty()) GTEST_SKIP() << "no CUDA Toolkit here";
  const uint32_t seed = 20240607;
  Zoo zoo("curand");
  const Arg words = zoo.Zeros<uint32_t>(4 * 64), uniform = zoo.Zeros<double>(64);
  zoo.Launch("curand_xorwow", {2}, {32}, {words, uniform, Val(seed)});
  zoo.Run();
  const Matrix jump = TwoToThe67Steps();
  const uint32_t t0 = 1099087573u * (seed ^ 0xaad26b49u), t1 = 2591861531u * 0xf7dcefddu;
  Register v = {123456789u + t0, 362436069u ^ t0, 521288629u + t1, 88675123u ^ t1, 5783321u + t0};
  std::vector<uint32_t> want;
  std::vector<double> want_uniform;
  for (size_t i = 0; i < 64; ++i) {
    Register state = v;
    uint32_t d = 6615241u + t1 + t0;
    const auto next = [&] {
      Step(state);
      d += 362437;
      return state[4] + d;
    };
    for (int k = 0; k < 3; ++k) next();
    for (int k = 0; k < 4; ++k) want.push_back(next());
    const uint64_t x = next(), y = next();
    want_uniform.push_back(std::fma(double(x ^ y << 21), 0x1p-53, 0x1p-54));
    v = Apply(jump, v);
  }
  ExpectSame(zoo.Get<uint32_t>(words), want, "words");
  ExpectSame(zoo.Get<double>(uniform), want_uniform, "uniform");
}

TEST(Library, ComplexNumbers) {
  using Complex = std::complex<double>;
  const std::vector<double> in = Random(2).Doubles(64, -3, 3);
  Zoo zoo("library");
  const Arg out = zoo.Zeros<double>(8 * 32);
  zoo.Launch("complex_numbers", {1}, {32}, {out, zoo.Add(in)});
  zoo.Run();
  const std::vector<double> got = zoo.Get<double>(out);
  for (size_t i = 0; i < 32; ++i) {
    const size_t j = (i + 1) % 32;
    const Complex a(in[2 * i], in[2 * i + 1]), b(in[2 * j], in[2 * j + 1]);
    const Complex want[4] = {a + b, a * b, a / b, a * b + std::conj(a) - b * 2.0};
    for (size_t k = 0; k < 4; ++k) {
      const Complex c(got[8 * i + 2 * k], got[8 * i + 2 * k + 1]);
      EXPECT_LE(std::abs(c - want[k]), 1e-14 * (1 + std::abs(want[k]))) << i << ", " << k;
    }
  }
}

// The value of an 8-bit float that is finite.
double Small(uint32_t bits, int mantissa, int bias) {
  const int exponent = int(bits >> mantissa & ((1u << (7 - mantissa)) - 1));
  const double m = bits & ((1u << mantissa) - 1), unit = std::ldexp(1.0, -mantissa);
  const double v =
      exponent == 0 ? std::ldexp(m * unit, 1 - bias) : std::ldexp(1 + m * unit, exponent - bias);
  return (bits & 0x80) != 0 ? -v : v;
}
// The nearest of all, ties to even, the largest one beyond them.
uint32_t ToSmall(float x, int mantissa, int bias, uint32_t largest) {
  uint32_t best = 0;
  const double size = std::fabs(double(x));
  for (uint32_t bits = 0; bits <= largest; ++bits) {
    const double off = std::fabs(Small(bits, mantissa, bias) - size);
    const double least = std::fabs(Small(best, mantissa, bias) - size);
    if (off < least || (off == least && bits % 2 == 0)) best = bits;
  }
  return best | (std::signbit(x) ? 0x80 : 0);
}

TEST(Library, FloatsOfEightBits) {
  Random random(3);
  std::vector<float> in = random.Floats(200, -500, 500);
  for (int k = 0; k < 100; ++k)
    in.push_back(float(std::ldexp(random.Real(-2, 2), -int(random.Below(20)))));
  in.insert(in.end(),
            {0.0f, -0.0f, 448.0f, 464.0f, 465.0f, 1e9f, -1e9f, 57344.0f, 61440.0f, 1.0625f});
  const int n = int(in.size());
  Zoo zoo("library");
  const Arg out = zoo.Zeros<uint32_t>(4 * in.size());
  zoo.Launch("floats_of_8_bits", {5}, {64}, {out, zoo.Add(in), Val(n)});
  zoo.Run();
  std::vector<uint32_t> want;
  for (const float x : in) {
    const uint32_t a = ToSmall(x, 3, 7, 0x7e), b = ToSmall(x, 2, 15, 0x7b);
    want.insert(want.end(), {a, b, BitsOf(float(Small(a, 3, 7))), BitsOf(float(Small(b, 2, 15)))});
  }
  ExpectSame(zoo.Get<uint32_t>(out), want, "floats_of_8_bits");
}

TEST(Modern, VectorAtomicsElectionsAndDependentLaunches) {
  const std::vector<float> in =
      Random::Make<float>(64, [r = Random(4)]() mutable { return r.Below(50); });
  const std::vector<int> ints = Random(5).Ints(64, -9, 9);
  Zoo zoo("modern");
  const Arg f4 = zoo.Zeros<float>(4), f2 = zoo.Zeros<float>(2), h = zoo.Zeros<uint32_t>(1),
            elected = zoo.Zeros<uint32_t>(64), doubled = zoo.Zeros<int>(64);
  zoo.Launch("vector_atomics", {1}, {64}, {f4, f2, h, zoo.Add(in)});
  zoo.Launch("elected", {1}, {64}, {elected});
  zoo.Launch("dependent", {1}, {64}, {doubled, zoo.Add(ints)});
  zoo.Run();
  const float sum = std::accumulate(in.begin(), in.end(), 0.0f);
  ExpectSame(zoo.Get<float>(f4), {sum, 2 * sum, 3 * sum, 64}, "float4");
  ExpectSame(zoo.Get<float>(f2), {sum, 64}, "float2");
  ExpectSame(zoo.Get<uint32_t>(h), {0x58005400}, "half2");  // 64 and 128
  // One lane of each warp; which, the ISA leaves open.
  const std::vector<uint32_t> leaders = zoo.Get<uint32_t>(elected);
  EXPECT_EQ(std::accumulate(leaders.begin(), leaders.begin() + 32, 0u), 1u);
  EXPECT_EQ(std::accumulate(leaders.begin() + 32, leaders.end(), 0u), 1u);
  std::vector<int> want;
  for (const int v : ints) want.push_back(2 * v);
  ExpectSame(zoo.Get<int>(doubled), want, "dependent");
}

TEST(Library, KernelsHaveTheClassesThatTheirCodeAllows) {
  ExpectClasses("library", {{"cub_blocks", kExact},
                            {"cub_sort", kExact},
                            {"cub_warps", kExact},
                            {"complex_numbers", kExact},
                            {"floats_of_8_bits", kExact}});
  ExpectClasses("modern",
                {{"vector_atomics", kOrdered}, {"elected", kOrdered}, {"dependent", kOrdered}});
}

}  // namespace
}  // namespace souk::gpu::zoo
