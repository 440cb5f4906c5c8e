// linear.cu, grids.cu: linear algebra, stencils, images. Multiplications that are followed by an
// addition are fused on both sides, so that results are the same to the bit.
#include <algorithm>
#include <numeric>

#include "zoo/zoo.h"

namespace souk::gpu::zoo {
namespace {

template <typename T>
std::vector<T> Product(const std::vector<T>& a, const std::vector<T>& b, size_t m, size_t n,
                       size_t k) {
  std::vector<T> c(m * n, T(0));
  for (size_t i = 0; i < m; ++i) {
    for (size_t j = 0; j < n; ++j) {
      for (size_t x = 0; x < k; ++x)
        c[i * n + j] = std::fma(a[i * k + x], b[x * n + j], c[i * n + j]);
    }
  }
  return c;
}

TEST(Linear, ProductsOfMatrices) {
  Random random(1);
  const std::vector<float> a = random.Floats(37 * 45, -2, 2), b = random.Floats(45 * 29, -2, 2);
  const std::vector<double> p = random.Doubles(20 * 21, -2, 2), q = random.Doubles(21 * 19, -2, 2);
  const std::vector<float> u = random.Floats(32 * 32, -2, 2), v = random.Floats(32 * 32, -2, 2);
  Zoo zoo("linear");
  const Arg c = zoo.Zeros<float>(37 * 29), r = zoo.Zeros<double>(20 * 19),
            w = zoo.Zeros<float>(1024);
  zoo.Launch("product_f32", {2, 3}, {16, 16},
             {c, zoo.Add(a), zoo.Add(b), Val(37), Val(29), Val(45)});
  zoo.Launch("product_f64", {3, 3}, {8, 8}, {r, zoo.Add(p), zoo.Add(q), Val(20), Val(19), Val(21)});
  zoo.Launch("product_blocked", {2, 2}, {4, 4}, {w, zoo.Add(u), zoo.Add(v), Val(32)});
  zoo.Run();
  ExpectSame(zoo.Get<float>(c), Product(a, b, 37, 29, 45), "product_f32");
  ExpectSame(zoo.Get<double>(r), Product(p, q, 20, 19, 21), "product_f64");
  ExpectSame(zoo.Get<float>(w), Product(u, v, 32, 32, 32), "product_blocked");
}

// Small integers as halves: every product and sum is exact.
uint16_t HalfOf(int v) {
  if (v == 0) return 0;
  const int size = std::abs(v), top = 31 - __builtin_clz(unsigned(size));
  return uint16_t((v < 0 ? 0x8000 : 0) | (top + 15) << 10 | ((size << (10 - top)) & 0x3ff));
}

TEST(Linear, ProductsOfBytesAndHalves) {
  Random random(2);
  const auto a = Random::Make<int8_t>(24 * 32, [&] { return random.Next(); });
  const auto b = Random::Make<int8_t>(24 * 32, [&] { return random.Next(); });
  const std::vector<int> x = random.Ints(16 * 16, -4, 5), y = random.Ints(16 * 16, -4, 5);
  std::vector<uint16_t> hx, hy;
  for (const int v : x) hx.push_back(HalfOf(v));
  for (const int v : y) hy.push_back(HalfOf(v));
  Zoo zoo("linear");
  const Arg c = zoo.Zeros<int>(24 * 24), h = zoo.Zeros<uint16_t>(16 * 16);
  zoo.Launch("product_int8", {3, 3}, {8, 8}, {c, zoo.Add(a), zoo.Add(b), Val(24), Val(8)});
  zoo.Launch("product_half", {2, 2}, {8, 8}, {h, zoo.Add(hx), zoo.Add(hy), Val(16), Val(8)});
  zoo.Run();
  std::vector<int> want;
  for (size_t i = 0; i < 24; ++i) {
    for (size_t j = 0; j < 24; ++j) {
      int sum = 0;
      for (size_t k = 0; k < 32; ++k) sum += a[i * 32 + k] * b[j * 32 + k];
      want.push_back(sum);
    }
  }
  ExpectSame(zoo.Get<int>(c), want, "product_int8");
  std::vector<uint16_t> halves;
  for (size_t i = 0; i < 16; ++i) {
    for (size_t j = 0; j < 16; ++j) {
      int sum = 0;
      for (size_t k = 0; k < 16; ++k) sum += x[i * 16 + k] * y[j * 16 + k];
      halves.push_back(HalfOf(sum));
    }
  }
  ExpectSame(zoo.Get<uint16_t>(h), halves, "product_half");
}

TEST(Linear, TransposesAndPowers) {
  const std::vector<float> in = Random(3).Floats(70 * 45, -1, 1);
  const float base[9] = {0.5f, 0.25f, -0.125f, 1, -0.5f, 0.3f, 0.1f, 0.2f, 0.7f};
  struct Matrix3 {
    float m[9];
  } matrix;
  std::copy(base, base + 9, matrix.m);
  Zoo zoo("linear");
  const Arg out = zoo.Zeros<float>(70 * 45), powers = zoo.Zeros<float>(9 * 40);
  zoo.Launch("transpose", {3, 2}, {32, 8}, {out, zoo.Add(in), Val(70), Val(45)});
  zoo.Launch("matrix_power", {2}, {32}, {powers, Val(matrix), Val(40)});
  zoo.Run();
  std::vector<float> want(70 * 45);
  for (size_t y = 0; y < 45; ++y) {
    for (size_t x = 0; x < 70; ++x) want[x * 45 + y] = in[y * 70 + x];
  }
  ExpectSame(zoo.Get<float>(out), want, "transpose");
  const auto multiply = [](const Matrix3& a, const Matrix3& b) {
    Matrix3 c;
    for (int i = 0; i < 3; ++i) {
      for (int j = 0; j < 3; ++j) {
        c.m[3 * i + j] = std::fma(a.m[3 * i + 2], b.m[6 + j],
                                  std::fma(a.m[3 * i + 1], b.m[3 + j], a.m[3 * i] * b.m[j]));
      }
    }
    return c;
  };
  std::vector<float> want_powers;
  for (int i = 0; i < 40; ++i) {
    Matrix3 r{{1, 0, 0, 0, 1, 0, 0, 0, 1}}, b = matrix;
    for (int e = i; e != 0; e /= 2) {
      if ((e & 1) != 0) r = multiply(r, b);
      b = multiply(b, b);
    }
    want_powers.insert(want_powers.end(), r.m, r.m + 9);
  }
  ExpectSame(zoo.Get<float>(powers), want_powers, "matrix_power");
}

TEST(Linear, FactorisationsToTheBit) {
  Random random(4);
  std::vector<double> lu = random.Doubles(3 * 1024, -1, 1);
  for (size_t i = 0; i < 3 * 32; ++i) lu[i / 32 * 1024 + i % 32 * 33] += 40;
  const size_t n = 20;
  std::vector<float> spd(2 * n * n);
  for (size_t m = 0; m < 2; ++m) {
    for (size_t i = 0; i < n * n; ++i) {
      spd[m * n * n + i] = 1.0f / float(1 + i / n + i % n + m) + (i % (n + 1) == 0 ? 3.0f : 0.0f);
    }
  }
  const std::vector<double> qr = random.Doubles(n * n, -1, 1);
  Zoo zoo("linear");
  const Arg a = zoo.Add(lu), b = zoo.Add(spd), c = zoo.Add(qr);
  zoo.Launch("lu", {3}, {32, 32}, {a});
  zoo.Launch("cholesky", {2}, {64}, {b, Val(int(n))}, 4 * n * n);
  zoo.Launch("qr_givens", {1}, {32}, {c, Val(int(n))});
  zoo.Run();
  for (size_t m = 0; m < 3; ++m) {
    double* d = lu.data() + m * 1024;
    for (size_t k = 0; k < 31; ++k) {
      for (size_t i = k + 1; i < 32; ++i) d[i * 32 + k] /= d[k * 33];
      for (size_t i = k + 1; i < 32; ++i) {
        for (size_t j = k + 1; j < 32; ++j) {
          d[i * 32 + j] = std::fma(-d[i * 32 + k], d[k * 32 + j], d[i * 32 + j]);
        }
      }
    }
  }
  ExpectSame(zoo.Get<double>(a), lu, "lu");
  for (size_t m = 0; m < 2; ++m) {
    float* d = spd.data() + m * n * n;
    for (size_t k = 0; k < n; ++k) {
      d[k * n + k] = std::sqrt(d[k * n + k]);
      for (size_t i = k + 1; i < n; ++i) d[i * n + k] /= d[k * n + k];
      for (size_t j = k + 1; j < n; ++j) {
        for (size_t i = j; i < n; ++i)
          d[i * n + j] = std::fma(-d[i * n + k], d[j * n + k], d[i * n + j]);
      }
    }
    for (size_t i = 0; i < n * n; ++i) d[i] = i % n > i / n ? 0.0f : d[i];
  }
  ExpectSame(zoo.Get<float>(b), spd, "cholesky");
  std::vector<double> r = qr;
  for (size_t j = 0; j < n; ++j) {
    for (size_t i = n - 1; i > j; --i) {
      const double p = r[(i - 1) * n + j], q = r[i * n + j];
      const double length = std::sqrt(std::fma(p, p, q * q));
      const double cosine = p / length, sine = q / length;
      for (size_t col = j; col < n; ++col) {
        const double u = r[(i - 1) * n + col], v = r[i * n + col];
        r[(i - 1) * n + col] = std::fma(cosine, u, sine * v);
        r[i * n + col] = std::fma(cosine, v, -(sine * u));
      }
    }
  }
  ExpectSame(zoo.Get<double>(c), r, "qr_givens");
}

TEST(Linear, SparseRowsAndSolvers) {
  Random random(5);
  const int n = 128;
  // A Laplacian on a ring with a few chords, positive definite.
  std::vector<int> start = {0}, column;
  std::vector<double> value;
  for (int i = 0; i < n; ++i) {
    for (const int j : {i, (i + 1) % n, (i + n - 1) % n, (n - i) % n}) {
      if (j == (n - i) % n && (j == i || std::abs(i - j) % (n - 2) == 1)) continue;
      column.push_back(j);
      value.push_back(j == i ? 5.0 : -1.0);
    }
    start.push_back(int(column.size()));
  }
  const std::vector<double> b = random.Doubles(n, -1, 1);
  std::vector<float> ell(3 * n), x = random.Floats(n, -1, 1), dense(n * n, 0.0f);
  std::vector<int> ell_column(3 * n, -1);
  for (size_t i = 0; i < 3 * n; ++i) {
    ell[i] = float(random.Real(-1, 1));
    if (random.Below(4) != 0) ell_column[i] = int(random.Below(n));
  }
  for (float& v : dense) v = float(random.Real(-0.01, 0.01));
  for (size_t i = 0; i < n; ++i) dense[i * n + i] = 3;
  const std::vector<float> rhs = random.Floats(n, -1, 1);
  Zoo zoo("linear");
  const Arg solution = zoo.Zeros<double>(n), y = zoo.Zeros<float>(n);
  Arg old_x = zoo.Add(x), new_x = zoo.Zeros<float>(n);
  zoo.Launch("conjugate_gradients", {1}, {n},
             {solution, zoo.Add(start), zoo.Add(column), zoo.Add(value), zoo.Add(b), Val(30)});
  zoo.Launch("spmv_ell", {2}, {64}, {y, zoo.Add(ell), zoo.Add(ell_column), old_x, Val(n), Val(3)});
  const Arg a = zoo.Add(dense), c = zoo.Add(rhs);
  for (int k = 0; k < 4; ++k) {
    zoo.Launch("jacobi", {2}, {64}, {new_x, a, c, old_x, Val(n)});
    std::swap(old_x, new_x);
  }
  zoo.Run();
  // What was solved for is met.
  const std::vector<double> got = zoo.Get<double>(solution);
  for (int i = 0; i < n; ++i) {
    double sum = 0;
    for (int e = start[size_t(i)]; e < start[size_t(i) + 1]; ++e) {
      sum += value[size_t(e)] * got[size_t(column[size_t(e)])];
    }
    EXPECT_NEAR(sum, b[size_t(i)], 1e-9);
  }
  std::vector<float> want(n, 0.0f);
  for (size_t i = 0; i < n; ++i) {
    for (size_t k = 0; k < 3; ++k) {
      const int at = ell_column[k * n + i];
      if (at >= 0) want[i] = std::fma(ell[k * n + i], x[size_t(at)], want[i]);
    }
  }
  ExpectSame(zoo.Get<float>(y), want, "spmv_ell");
  for (int k = 0; k < 4; ++k) {
    std::vector<float> next(n);
    for (size_t i = 0; i < n; ++i) {
      float sum = rhs[i];
      for (size_t j = 0; j < n; ++j) {
        if (j != i) sum = std::fma(-dense[i * n + j], x[j], sum);
      }
      next[i] = sum / dense[i * n + i];
    }
    x = next;
  }
  ExpectSame(zoo.Get<float>(old_x), x, "jacobi");
}

// ---- Grids ----

TEST(Grids, StencilsInOneTwoAndThreeDimensions) {
  Random random(6);
  const std::vector<int> line = random.Ints(700, -100, 100);
  std::vector<double> plane = random.Doubles(40 * 30, 0, 100);
  const std::vector<float> box = random.Floats(64 * 16 * 6, 0, 1);
  Zoo zoo("grids");
  const Arg sums = zoo.Zeros<int>(700), out = zoo.Zeros<float>(64 * 16 * 6);
  Arg hot = zoo.Add(plane), next = zoo.Zeros<double>(40 * 30);
  zoo.Launch("stencil_1d", {3}, {256}, {sums, zoo.Add(line), Val(700)});
  for (int k = 0; k < 5; ++k) {
    zoo.Launch("heat_2d", {5, 4}, {8, 8}, {next, hot, Val(40), Val(30), Val(0.2)});
    std::swap(hot, next);
  }
  zoo.Launch("stencil_3d", {2, 2}, {32, 8}, {out, zoo.Add(box), Val(64), Val(16), Val(6)});
  zoo.Run();
  std::vector<int> want;
  for (int i = 0; i < 700; ++i) {
    int sum = 0;
    for (int k = std::max(0, i - 3); k <= std::min(699, i + 3); ++k) sum += line[size_t(k)];
    want.push_back(sum);
  }
  ExpectSame(zoo.Get<int>(sums), want, "stencil_1d");
  for (int k = 0; k < 5; ++k) {
    std::vector<double> after(plane.size());
    for (int y = 0; y < 30; ++y) {
      for (int x = 0; x < 40; ++x) {
        const auto at = [&](int u, int v) {
          return plane[size_t(std::clamp(v, 0, 29) * 40 + std::clamp(u, 0, 39))];
        };
        const double c = at(x, y);
        after[size_t(y * 40 + x)] = std::fma(
            0.2, ((at(x - 1, y) + at(x + 1, y)) + (at(x, y - 1) + at(x, y + 1))) + -4.0 * c, c);
      }
    }
    plane = after;
  }
  ExpectSame(zoo.Get<double>(hot), plane, "heat_2d");
  std::vector<float> want_box(box.size(), 0.0f);
  for (size_t z = 1; z < 5; ++z) {
    for (size_t y = 1; y < 15; ++y) {
      for (size_t x = 1; x < 63; ++x) {
        const size_t i = (z * 16 + y) * 64 + x;
        const float sum =
            box[i - 1024] + box[i + 1024] + box[i - 64] + box[i + 64] + box[i - 1] + box[i + 1];
        want_box[i] = std::fma(0.1f, sum, 0.4f * box[i]);
      }
    }
  }
  ExpectSame(zoo.Get<float>(out), want_box, "stencil_3d");
}

TEST(Grids, ImagesAreFiltered) {
  Random random(7);
  const int w = 50, h = 33;
  const std::vector<float> floats = random.Floats(size_t(w * h), 0, 1),
                           taps = random.Floats(9, 0, 1);
  const auto pixels = Random::Make<uint8_t>(size_t(4 * w * h), [&] { return random.Next(); });
  const auto grey = Random::Make<uint8_t>(size_t(w * h), [&] { return random.Next(); });
  Zoo zoo("grids");
  const Arg rows = zoo.Zeros<float>(size_t(w * h)), sharp = zoo.Zeros<uint8_t>(size_t(4 * w * h)),
            edges = zoo.Zeros<uint8_t>(size_t(w * h)), median = zoo.Zeros<uint8_t>(size_t(w * h)),
            g = zoo.Add(grey);
  zoo.Launch("convolve_rows", {1, 33}, {128},
             {rows, zoo.Add(floats), Val(w), Val(h), zoo.Add(taps)});
  zoo.Launch("sharpen_image", {7, 5}, {8, 8}, {sharp, zoo.Add(pixels), Val(w), Val(h)});
  zoo.Launch("sobel", {7, 5}, {8, 8}, {edges, g, Val(w), Val(h)});
  zoo.Launch("median_3x3", {7, 5}, {8, 8}, {median, g, Val(w), Val(h)});
  zoo.Run();
  std::vector<float> want_rows;
  std::vector<uint8_t> want_sharp, want_edges(size_t(w * h), 0), want_median(size_t(w * h), 0);
  for (int y = 0; y < h; ++y) {
    for (int x = 0; x < w; ++x) {
      float sum = 0;
      for (int k = 0; k < 9; ++k) {
        const int at = x + k - 4;
        sum = std::fma(taps[size_t(k)], at >= 0 && at < w ? floats[size_t(y * w + at)] : 0.0f, sum);
      }
      want_rows.push_back(sum);
      for (int c = 0; c < 4; ++c) {
        const auto p = [&](int u, int v) {
          return int{
              pixels[size_t(4 * (std::clamp(v, 0, h - 1) * w + std::clamp(u, 0, w - 1)) + c)]};
        };
        const int v = 5 * p(x, y) - p(x - 1, y) - p(x + 1, y) - p(x, y - 1) - p(x, y + 1);
        want_sharp.push_back(uint8_t(c == 3 ? p(x, y) : std::clamp(v, 0, 255)));
      }
      if (x == 0 || y == 0 || x == w - 1 || y == h - 1) continue;
      const auto p = [&](int u, int v) { return int{grey[size_t((y + v) * w + x + u)]}; };
      const int gx = p(1, -1) + 2 * p(1, 0) + p(1, 1) - p(-1, -1) - 2 * p(-1, 0) - p(-1, 1);
      const int gy = p(-1, 1) + 2 * p(0, 1) + p(1, 1) - p(-1, -1) - 2 * p(0, -1) - p(1, -1);
      want_edges[size_t(y * w + x)] = uint8_t(std::min(255, std::abs(gx) + std::abs(gy)));
      std::vector<int> nine;
      for (int k = 0; k < 9; ++k) nine.push_back(p(k % 3 - 1, k / 3 - 1));
      std::nth_element(nine.begin(), nine.begin() + 4, nine.end());
      want_median[size_t(y * w + x)] = uint8_t(nine[4]);
    }
  }
  ExpectSame(zoo.Get<float>(rows), want_rows, "convolve_rows");
  ExpectSame(zoo.Get<uint8_t>(sharp), want_sharp, "sharpen_image");
  ExpectSame(zoo.Get<uint8_t>(edges), want_edges, "sobel");
  ExpectSame(zoo.Get<uint8_t>(median), want_median, "median_3x3");
}

TEST(Grids, AutomataFractalsAndPaths) {
  Random random(8);
  const int w = 36, h = 20;
  std::vector<uint8_t> cells =
      Random::Make<uint8_t>(size_t(w * h), [&] { return random.Below(2); });
  const std::vector<int> wall = random.Ints(300 * 9, 0, 10);
  Zoo zoo("grids");
  Arg now = zoo.Add(cells), then = zoo.Zeros<uint8_t>(size_t(w * h));
  for (int k = 0; k < 6; ++k) {
    zoo.Launch("life", {5, 3}, {8, 8}, {then, now, Val(w), Val(h)});
    std::swap(now, then);
  }
  const Arg julia = zoo.Zeros<uint16_t>(60 * 40);
  zoo.Launch("julia", {8, 5}, {8, 8}, {julia, Val(60), Val(40), Val(-0.8), Val(0.156), Val(120)});
  const Arg walls = zoo.Add(wall), path = zoo.Zeros<int>(300);
  Arg from = zoo.Add(std::vector<int>(wall.begin(), wall.begin() + 300)), to = path;
  zoo.Launch("pathfinder", {2}, {256}, {to, walls, from, Val(300), Val(1), Val(4)});
  zoo.Launch("pathfinder", {2}, {256}, {from, walls, to, Val(300), Val(5), Val(4)});
  const Arg constants = zoo.Zeros<float>(9);
  zoo.Launch("set_taps_by_copy", {1}, {32}, {constants});
  zoo.Run();
  for (int k = 0; k < 6; ++k) {
    std::vector<uint8_t> next;
    for (int i = 0; i < w * h; ++i) {
      int n = -cells[size_t(i)];
      for (int d = 0; d < 9; ++d) {
        n += cells[size_t((i / w + d / 3 - 1 + h) % h * w + (i % w + d % 3 - 1 + w) % w)];
      }
      next.push_back(n == 3 || (cells[size_t(i)] != 0 && n == 2) ? 1 : 0);
    }
    cells = next;
  }
  ExpectSame(zoo.Get<uint8_t>(now), cells, "life");
  std::vector<uint16_t> want;
  for (int i = 0; i < 60 * 40; ++i) {
    double re = std::fma(3.0 / 60, double(i % 60), -1.5),
           im = std::fma(2.0 / 40, double(i / 60), -1.0);
    uint16_t k = 0;
    for (; k < 120 && std::fma(re, re, im * im) < 4; ++k) {
      const double t = std::fma(re, re, -(im * im)) + -0.8;
      im = std::fma(2 * re, im, 0.156);
      re = t;
    }
    want.push_back(k);
  }
  ExpectSame(zoo.Get<uint16_t>(julia), want, "julia");
  std::vector<int> least(wall.begin(), wall.begin() + 300);
  for (int row = 1; row < 9; ++row) {
    std::vector<int> next;
    for (int x = 0; x < 300; ++x) {
      int best = least[size_t(x)];
      if (x > 0) best = std::min(best, least[size_t(x - 1)]);
      if (x < 299) best = std::min(best, least[size_t(x + 1)]);
      next.push_back(best + wall[size_t(row * 300 + x)]);
    }
    least = next;
  }
  ExpectSame(zoo.Get<int>(from), least, "pathfinder");
  ExpectSame(zoo.Get<float>(constants), std::vector<float>(9, 0.0f), "taps");
}

TEST(Grids, HeatOfAChipAndSpeckles) {
  Random random(9);
  const int n = 30;
  const std::vector<float> heat = random.Floats(900, 300, 340), power = random.Floats(900, 0, 1);
  const std::vector<float> grey = random.Floats(900, 0, 255);
  Zoo zoo("grids");
  const Arg out = zoo.Zeros<float>(900), image = zoo.Add(grey), coefficient = zoo.Zeros<float>(900);
  zoo.Launch(
      "hotspot", {4, 4}, {8, 8},
      {out, zoo.Add(heat), zoo.Add(power), Val(n), Val(0.01f), Val(0.3f), Val(0.4f), Val(0.05f)});
  zoo.Launch("srad_prepare", {8}, {128}, {image, Val(900)});
  zoo.Launch("srad_coefficient", {4, 4}, {8, 8}, {coefficient, image, Val(n), Val(n), Val(0.5f)});
  zoo.Run();
  const auto at = [n](const std::vector<float>& v, int x, int y) {
    return v[size_t(std::clamp(y, 0, n - 1) * n + std::clamp(x, 0, n - 1))];
  };
  std::vector<float> want, want_c;
  const std::vector<float> j = zoo.Get<float>(image);
  for (int i = 0; i < 900; ++i) {
    // expf: 1 ulp (CUDA C++ Programming Guide, "Mathematical Functions").
    EXPECT_LE(UlpsOff(j[size_t(i)], std::exp(static_cast<long double>(grey[size_t(i)] / 255.0f))),
              1);
    const int x = i % n, y = i / n;
    const float c = heat[size_t(i)];
    float d = power[size_t(i)];
    d = std::fma(std::fma(-2.0f, c, at(heat, x, y + 1) + at(heat, x, y - 1)), 0.4f, d);
    d = std::fma(std::fma(-2.0f, c, at(heat, x + 1, y) + at(heat, x - 1, y)), 0.3f, d);
    d = std::fma(80.0f - c, 0.05f, d);
    want.push_back(std::fma(0.01f, d, c));
    const float p = j[size_t(i)];
    const float dn = at(j, x, y - 1) - p, ds = at(j, x, y + 1) - p;
    const float dw = at(j, x - 1, y) - p, de = at(j, x + 1, y) - p;
    const float g2 = std::fma(de, de, std::fma(dw, dw, std::fma(ds, ds, dn * dn))) / (p * p);
    const float l = ((dn + ds) + (dw + de)) / p;
    const float num = std::fma(0.5f, g2, -(0.0625f * (l * l))), den = std::fma(0.25f, l, 1.0f);
    const float q = num / (den * den);
    want_c.push_back(std::clamp(1.0f / (1.0f + (q - 0.5f) / (0.5f * 1.5f)), 0.0f, 1.0f));
  }
  ExpectSame(zoo.Get<float>(out), want, "hotspot");
  ExpectSame(zoo.Get<float>(coefficient), want_c, "srad_coefficient");
}

TEST(Linear, KernelsHaveTheClassesThatTheirCodeAllows) {
  ExpectClasses("linear", {{"product_f32", kExact},
                           {"product_f64", kExact},
                           {"product_blocked", kExact},
                           {"product_int8", kExact},
                           {"product_half", kExact},
                           {"transpose", kExact},
                           {"lu", kExact},
                           {"cholesky", kExact},
                           {"qr_givens", kExact},
                           {"jacobi", kExact},
                           {"conjugate_gradients", kExact},
                           {"spmv_ell", kExact},
                           {"matrix_power", kExact}});
  ExpectClasses("grids", {{"set_taps_by_copy", kExact},
                          {"stencil_1d", kExact},
                          {"heat_2d", kExact},
                          {"stencil_3d", kExact},
                          {"convolve_rows", kExact},
                          {"sharpen_image", kExact},
                          {"sobel", kExact},
                          {"median_3x3", kExact},
                          {"life", kExact},
                          {"hotspot", kExact},
                          {"srad_prepare", kTolerant},
                          {"srad_coefficient", kExact},
                          {"pathfinder", kExact},
                          {"julia", kExact}});
}

}  // namespace
}  // namespace souk::gpu::zoo
