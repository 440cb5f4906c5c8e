// numeric.cu, graphs.cu: physics, signals, finance, learning, graphs, dynamic programming.
#include <algorithm>
#include <complex>
#include <numeric>
#include <queue>

#include "zoo/zoo.h"

namespace souk::gpu::zoo {
namespace {

TEST(Numeric, BodiesAttractEachOther) {
  const size_t n = 128;
  const std::vector<float> body = Random(1).Floats(4 * n, -1, 1);
  Zoo zoo("numeric");
  const Arg out = zoo.Zeros<float>(4 * n);
  zoo.Launch("nbody", {2}, {64}, {out, zoo.Add(body), Val(int(n)), Val(0.01f)}, 64 * 16);
  zoo.Run();
  std::vector<float> want;
  for (size_t i = 0; i < n; ++i) {
    float force[3] = {};
    for (size_t k = 0; k < n; ++k) {
      float d[3];
      for (size_t c = 0; c < 3; ++c) d[c] = body[4 * k + c] - body[4 * i + c];
      const float d2 = std::fma(d[2], d[2], std::fma(d[1], d[1], std::fma(d[0], d[0], 0.01f)));
      const float inverse = 1.0f / std::sqrt(d2);
      const float s = body[4 * k + 3] * (inverse * (inverse * inverse));
      for (size_t c = 0; c < 3; ++c) force[c] = std::fma(d[c], s, force[c]);
    }
    want.insert(want.end(), {force[0], force[1], force[2], 0});
  }
  ExpectSame(zoo.Get<float>(out), want, "nbody");
}

TEST(Numeric, TransformsOfFourier) {
  std::vector<double> data = Random(2).Doubles(2 * 512, -1, 1), twiddle;
  for (int k = 0; k < 128; ++k) {
    twiddle.push_back(std::cos(M_PI * k / 128));
    twiddle.push_back(-std::sin(M_PI * k / 128));
  }
  Zoo zoo("numeric");
  const Arg x = zoo.Add(data);
  zoo.Launch("fft", {2}, {128}, {x, zoo.Add(twiddle)});
  zoo.Run();
  const std::vector<double> got = zoo.Get<double>(x);
  for (size_t block = 0; block < 2; ++block) {
    for (size_t k = 0; k < 256; ++k) {
      std::complex<long double> sum = 0;
      for (size_t i = 0; i < 256; ++i) {
        const std::complex<long double> v(data[512 * block + 2 * i], data[512 * block + 2 * i + 1]);
        sum += v * std::polar(1.0L, -2 * 3.14159265358979323846L * (i * k % 256) / 256);
      }
      EXPECT_NEAR(got[512 * block + 2 * k], double(sum.real()), 1e-13);
      EXPECT_NEAR(got[512 * block + 2 * k + 1], double(sum.imag()), 1e-13);
    }
  }
}

double NormCdf(double x) {
  return 0.5 * std::erfc(-x / std::sqrt(2.0));
}

TEST(Numeric, OptionsArePriced) {
  Random random(3);
  const size_t n = 200;
  const std::vector<float> s = random.Floats(n, 5, 30), x = random.Floats(n, 1, 100),
                           t = random.Floats(n, 0.25, 10);
  const std::vector<double> strikes = {80, 95, 100, 105.5, 130};
  const double up = std::exp(0.01), down = 1 / up, pu = 0.503, pd = 0.496;
  Zoo zoo("numeric");
  const Arg out = zoo.Zeros<float>(2 * n), tree = zoo.Zeros<double>(5);
  zoo.Launch("black_scholes", {2}, {128},
             {out, zoo.Add(s), zoo.Add(x), zoo.Add(t), Val(0.02f), Val(0.3f), Val(int(n))});
  zoo.Launch("binomial", {5}, {257},
             {tree, zoo.Add(strikes), Val(up), Val(down), Val(pu), Val(pd), Val(256)});
  const Arg paths = zoo.Zeros<float>(128);
  zoo.Launch("monte_carlo", {2}, {64}, {paths, Val(20), Val(0.001f), Val(0.05f)});
  zoo.Run();
  const std::vector<float> got = zoo.Get<float>(out);
  for (size_t i = 0; i < n; ++i) {
    const double root = std::sqrt(double(t[i]));
    const double d1 = (std::log(double(s[i]) / x[i]) + (0.02 + 0.5 * 0.09) * t[i]) / (0.3 * root);
    const double discount = std::exp(-0.02 * t[i]);
    const double call = s[i] * NormCdf(d1) - x[i] * discount * NormCdf(d1 - 0.3 * root);
    EXPECT_NEAR(got[2 * i], call, 5e-5) << i;
    EXPECT_NEAR(got[2 * i + 1], call + x[i] * discount - s[i], 5e-5) << i;
  }
  std::vector<double> want;
  for (const double strike : strikes) {
    double v[257];
    for (int k = 0; k <= 256; ++k) {
      double price = 100;
      for (int j = 0; j < 256; ++j) price *= j < k ? up : down;
      v[k] = std::max(price - strike, 0.0);
    }
    for (int step = 256; step > 0; --step) {
      for (int k = 0; k < step; ++k) v[k] = std::fma(pu, v[k + 1], pd * v[k]);
    }
    want.push_back(v[0]);
  }
  ExpectSame(zoo.Get<double>(tree), want, "binomial");
  const std::vector<float> prices = zoo.Get<float>(paths);
  for (uint32_t i = 0; i < 128; ++i) {
    uint32_t state = i * 747796405u + 2891336453u;
    const auto uniform = [&state] {
      state ^= state << 13;
      state ^= state >> 17;
      state ^= state << 5;
      return double(float(state >> 8) * 5.9604645e-8f + 2.9802322e-8f);
    };
    double price = 1;
    for (int k = 0; k < 20; ++k) {
      const double r = std::sqrt(-2 * std::log(uniform()));
      price *= std::exp(0.001f + 0.05f * r * std::cos(6.2831853f * uniform()));
    }
    EXPECT_NEAR(prices[i] / price, 1, 2e-5) << i;
  }
}

TEST(Numeric, PointsFindTheirClustersAndNeighbours) {
  Random random(4);
  const size_t n = 300, k = 7, dims = 5;
  const std::vector<float> points = random.Floats(n * dims, -4, 4),
                           centres = random.Floats(k * dims, -4, 4);
  const std::vector<int> places = random.Ints(2 * 500, -1000, 1000),
                         queries = random.Ints(2 * 64, -1000, 1000);
  Zoo zoo("numeric");
  const Arg cluster = zoo.Zeros<int>(n), distance = zoo.Zeros<float>(n),
            near = zoo.Zeros<int>(8 * 64);
  zoo.Launch("kmeans_assign", {3}, {128},
             {cluster, distance, zoo.Add(points), zoo.Add(centres), Val(int(n)), Val(int(k)),
              Val(int(dims))},
             k * dims * 4);
  zoo.Launch("nearest", {2}, {32}, {near, zoo.Add(places), zoo.Add(queries), Val(500)});
  zoo.Run();
  std::vector<int> want, want_near;
  std::vector<float> want_distance;
  for (size_t i = 0; i < n; ++i) {
    int best = 0;
    float least = 3.4e38f;
    for (size_t j = 0; j < k; ++j) {
      float d = 0;
      for (size_t m = 0; m < dims; ++m) {
        const float e = points[m * n + i] - centres[j * dims + m];
        d = std::fma(e, e, d);
      }
      if (d < least) {
        least = d;
        best = int(j);
      }
    }
    want.push_back(best);
    want_distance.push_back(least);
  }
  ExpectSame(zoo.Get<int>(cluster), want, "kmeans");
  ExpectSame(zoo.Get<float>(distance), want_distance, "distances");
  for (size_t q = 0; q < 64; ++q) {
    std::vector<std::pair<int64_t, int>> all;
    for (size_t i = 0; i < 500; ++i) {
      const int64_t dx = places[2 * i] - queries[2 * q],
                    dy = places[2 * i + 1] - queries[2 * q + 1];
      all.emplace_back(dx * dx + dy * dy, int(i));
    }
    std::sort(all.begin(), all.end());
    for (size_t i = 0; i < 8; ++i) want_near.push_back(all[i].second);
  }
  ExpectSame(zoo.Get<int>(near), want_near, "nearest");
}

TEST(Numeric, ParticlesOfNeighbouringBoxes) {
  Random random(5);
  const size_t boxes = 6, each = 64;
  const std::vector<double> particles = random.Doubles(4 * boxes * each, 0, 1);
  std::vector<int> neighbours;
  for (int b = 0; b < 6; ++b) {
    for (const int d : {0, 1, -1, 3, -3}) {
      neighbours.push_back(b + d >= 0 && b + d < 6 ? b + d : -1);
    }
  }
  Zoo zoo("numeric");
  const Arg out = zoo.Zeros<double>(4 * boxes * each);
  zoo.Launch("lava", {boxes}, {each},
             {out, zoo.Add(particles), zoo.Add(neighbours), Val(int(each)), Val(0.5)});
  zoo.Run();
  const std::vector<double> got = zoo.Get<double>(out);
  for (size_t i = 0; i < boxes * each; ++i) {
    const double* p = &particles[4 * i];
    double f[4] = {};
    for (size_t k = 0; k < 5; ++k) {
      const int box = neighbours[i / each * 5 + k];
      for (size_t j = 0; box >= 0 && j < each; ++j) {
        const double* q = &particles[4 * (size_t(box) * each + j)];
        const double d[3] = {p[0] - q[0], p[1] - q[1], p[2] - q[2]};
        const double v = std::exp(-0.5 * (d[0] * d[0] + d[1] * d[1] + d[2] * d[2]));
        f[0] += v * q[3];
        for (size_t c = 0; c < 3; ++c) f[c + 1] += 2 * v * q[3] * d[c];
      }
    }
    for (size_t c = 0; c < 4; ++c) EXPECT_NEAR(got[4 * i + c], f[c], 1e-12);
  }
}

TEST(Numeric, PicturesAndLayers) {
  Random random(6);
  const std::vector<float> in = random.Floats(3 * 20, -1, 1),
                           weight = random.Floats(20 * 40, -1, 1), bias = random.Floats(40, -1, 1),
                           rows = random.Floats(3 * 300, -5, 5);
  Zoo zoo("numeric");
  const Arg picture = zoo.Zeros<uint32_t>(60 * 40), soft = zoo.Zeros<float>(900);
  zoo.Launch("mandelbrot", {8, 5}, {8, 8},
             {picture, Val(60), Val(40), Val(-2.0f), Val(-1.0f), Val(0.05f), Val(100)});
  const Arg x = zoo.Add(in), w = zoo.Add(weight), b = zoo.Add(bias);
  std::vector<Arg> layers;
  for (int kind = 0; kind < 4; ++kind) {
    layers.push_back(zoo.Zeros<float>(3 * 40));
    zoo.Launch("dense_layer", {1, 3}, {64}, {layers.back(), x, w, b, Val(20), Val(40), Val(kind)});
  }
  zoo.Launch("softmax", {3}, {128}, {soft, zoo.Add(rows), Val(300)});
  zoo.Run();
  std::vector<uint32_t> want;
  for (int i = 0; i < 60 * 40; ++i) {
    const float cr = std::fma(0.05f, float(i % 60), -2.0f),
                ci = std::fma(0.05f, float(i / 60), -1.0f);
    float re = 0, im = 0;
    uint32_t k = 0;
    for (; k < 100; ++k) {
      const float re2 = re * re, im2 = im * im;
      if (re2 + im2 > 4.0f) break;
      im = std::fma(2.0f * re, im, ci);
      re = (re2 - im2) + cr;
    }
    want.push_back(k == 100 ? 0 : k * 0x010305u | 0xff000000u);
  }
  ExpectSame(zoo.Get<uint32_t>(picture), want, "mandelbrot");
  for (size_t i = 0; i < 3 * 40; ++i) {
    float sum = bias[i % 40];
    for (size_t k = 0; k < 20; ++k)
      sum = std::fma(in[i / 40 * 20 + k], weight[k * 40 + i % 40], sum);
    const double s = sum;
    const double values[4] = {std::max(s, 0.0), 1 / (1 + std::exp(-s)), std::tanh(s),
                              0.5 * s * (1 + std::erf(s * 0.70710678))};
    for (size_t kind = 0; kind < 4; ++kind) {
      EXPECT_NEAR(zoo.Get<float>(layers[kind])[i], values[kind], kind == 0 ? 0 : 1e-6) << kind;
    }
  }
  for (size_t r = 0; r < 3; ++r) {
    double total = 0;
    for (size_t c = 0; c < 300; ++c) total += std::exp(double(rows[300 * r + c]));
    for (size_t c = 0; c < 300; ++c) {
      const double v = std::exp(double(rows[300 * r + c])) / total;
      EXPECT_NEAR(zoo.Get<float>(soft)[300 * r + c] / v, 1, 1e-5);
    }
  }
}

// ---- Graphs ----

struct Graph {
  int n = 0;
  std::vector<int> start = {}, edge = {};
};
// Both directions of each edge, sorted.
Graph RandomGraph(uint64_t seed, int n, int edges) {
  Random random(seed);
  std::vector<std::vector<int>> to(static_cast<size_t>(n));
  for (int i = 0; i < edges; ++i) {
    const int a = int(random.Below(uint32_t(n))), b = int(random.Below(uint32_t(n)));
    if (a == b) continue;
    to[size_t(a)].push_back(b);
    to[size_t(b)].push_back(a);
  }
  Graph g{n, {0}, {}};
  for (auto& list : to) {
    std::sort(list.begin(), list.end());
    list.erase(std::unique(list.begin(), list.end()), list.end());
    g.edge.insert(g.edge.end(), list.begin(), list.end());
    g.start.push_back(int(g.edge.size()));
  }
  return g;
}
template <typename F>
void ForEachEdge(const Graph& g, int v, F f) {
  for (int e = g.start[size_t(v)]; e < g.start[size_t(v) + 1]; ++e) f(g.edge[size_t(e)], size_t(e));
}

TEST(Graphs, BreadthFirstLevelsAndFrontiers) {
  const Graph g = RandomGraph(7, 400, 700);
  std::vector<int> level(400, -1);
  level[0] = 0;
  std::queue<int> open;
  open.push(0);
  while (!open.empty()) {
    const int v = open.front();
    open.pop();
    ForEachEdge(g, v, [&](int w, size_t) {
      if (level[size_t(w)] >= 0) return;
      level[size_t(w)] = level[size_t(v)] + 1;
      open.push(w);
    });
  }
  std::vector<int> begin(400, -1);
  begin[0] = 0;
  Zoo zoo("graphs");
  const Arg by_level = zoo.Add(begin), by_queue = zoo.Add(begin), changed = zoo.Zeros<int>(1);
  const Arg start = zoo.Add(g.start), edge = zoo.Add(g.edge);
  Arg frontier = zoo.Add(std::vector<int>(400, 0));
  const int deepest = *std::max_element(level.begin(), level.end());
  std::vector<Arg> sizes;
  for (int d = 0; d <= deepest; ++d) {
    zoo.Launch("bfs_level", {4}, {128}, {by_level, changed, start, edge, Val(400), Val(d)});
    const Arg next = zoo.Zeros<int>(400);
    sizes.push_back(zoo.Zeros<int>(1));
    const int size = int(std::count(level.begin(), level.end(), d));
    zoo.Launch("bfs_queue", {4}, {128},
               {by_queue, next, sizes.back(), frontier, Val(size), start, edge, Val(d)});
    frontier = next;
  }
  zoo.Run();
  ExpectSame(zoo.Get<int>(by_level), level, "bfs_level");
  ExpectSame(zoo.Get<int>(by_queue), level, "bfs_queue");
  for (int d = 0; d < deepest; ++d) {
    EXPECT_EQ(zoo.Get<int>(sizes[size_t(d)])[0], std::count(level.begin(), level.end(), d + 1));
  }
}

TEST(Graphs, ShortestPathsRanksAndTriangles) {
  const Graph g = RandomGraph(8, 200, 1200);
  Random random(9);
  const auto weight = Random::Make<uint32_t>(g.edge.size(), [&] { return 1 + random.Below(50); });
  std::vector<uint32_t> distance(200, ~0u);
  distance[0] = 0;
  std::vector<int> degree;
  for (size_t v = 0; v < 200; ++v) degree.push_back(std::max(1, g.start[v + 1] - g.start[v]));
  std::vector<int> apart(60 * 60);
  for (size_t i = 0; i < 3600; ++i)
    apart[i] = i % 61 == 0 ? 0 : 1 + int(random.Below(random.Below(8) == 0 ? 50 : 10000));
  Zoo zoo("graphs");
  const Arg d = zoo.Add(distance), changed = zoo.Zeros<int>(1), count = zoo.Zeros<uint32_t>(1);
  const Arg start = zoo.Add(g.start), edge = zoo.Add(g.edge), w = zoo.Add(weight),
            deg = zoo.Add(degree);
  for (int k = 0; k < 40; ++k)
    zoo.Launch("relax", {2}, {128}, {d, changed, start, edge, w, Val(200)});
  Arg rank = zoo.Add(std::vector<float>(200, 0.005f)), next = zoo.Zeros<float>(200);
  for (int k = 0; k < 5; ++k) {
    zoo.Launch("pagerank", {2}, {128}, {next, rank, start, edge, deg, Val(200), Val(0.85f)});
    std::swap(rank, next);
  }
  zoo.Launch("triangles", {2}, {128}, {count, start, edge, Val(200)});
  const Arg all = zoo.Add(apart);
  zoo.Launch("floyd_warshall", {1}, {16, 16}, {all, Val(60)});
  zoo.Run();
  for (bool more = true; more;) {
    more = false;
    for (int v = 0; v < 200; ++v) {
      ForEachEdge(g, v, [&](int to, size_t e) {
        if (distance[size_t(v)] == ~0u || distance[size_t(v)] + weight[e] >= distance[size_t(to)])
          return;
        distance[size_t(to)] = distance[size_t(v)] + weight[e];
        more = true;
      });
    }
  }
  ExpectSame(zoo.Get<uint32_t>(d), distance, "relax");
  std::vector<float> ranks(200, 0.005f);
  for (int k = 0; k < 5; ++k) {
    std::vector<float> after;
    for (int v = 0; v < 200; ++v) {
      float sum = 0;
      ForEachEdge(g, v, [&](int from, size_t) {
        sum += ranks[size_t(from)] / float(degree[size_t(from)]);
      });
      after.push_back(std::fma(0.85f, sum, (1.0f - 0.85f) / 200.0f));
    }
    ranks = after;
  }
  ExpectSame(zoo.Get<float>(rank), ranks, "pagerank");
  uint32_t triangles = 0;
  const auto joined = [&](int a, int b) {
    return std::binary_search(g.edge.begin() + g.start[size_t(a)],
                              g.edge.begin() + g.start[size_t(a) + 1], b);
  };
  for (int a = 0; a < 200; ++a) {
    for (int b = a + 1; b < 200; ++b) {
      if (!joined(a, b)) continue;
      for (int c = b + 1; c < 200; ++c) triangles += joined(a, c) && joined(b, c) ? 1 : 0;
    }
  }
  ExpectSame(zoo.Get<uint32_t>(count), {triangles}, "triangles");
  for (size_t k = 0; k < 60; ++k) {
    for (size_t i = 0; i < 60; ++i) {
      for (size_t j = 0; j < 60; ++j) {
        apart[60 * i + j] = std::min(apart[60 * i + j], apart[60 * i + k] + apart[60 * k + j]);
      }
    }
  }
  ExpectSame(zoo.Get<int>(all), apart, "floyd_warshall");
}

TEST(Graphs, SequencesAreAligned) {
  Random random(10);
  const int columns = 65;
  std::vector<int> similarity = random.Ints(columns * columns, -5, 6), score(columns * columns, 0);
  for (size_t i = 0; i < columns; ++i) score[i] = score[i * columns] = -3 * int(i);
  const auto query = Random::Make<uint8_t>(4 * 32, [&] { return random.Below(4); });
  const auto target = Random::Make<uint8_t>(4 * 90, [&] { return random.Below(4); });
  const auto a = Random::Make<char>(20 * 24, [&] { return 'a' + random.Below(3); });
  const auto b = Random::Make<char>(20 * 24, [&] { return 'a' + random.Below(3); });
  const int weights[] = {3, 7, 11, 5}, capacity = 50;
  const int64_t values[] = {40, 100, 160, 60};
  Zoo zoo("graphs");
  const Arg s = zoo.Add(score), sim = zoo.Add(similarity), best = zoo.Zeros<int>(4),
            edits = zoo.Zeros<int>(20);
  for (int d = 0; d < 7; ++d) {
    zoo.Launch("needleman", {uint32_t(d < 4 ? d + 1 : 7 - d)}, {16},
               {s, sim, Val(columns), Val(3), Val(d), Val(4)});
  }
  zoo.Launch("smith_waterman", {4}, {32}, {best, zoo.Add(query), zoo.Add(target), Val(90)});
  zoo.Launch("edit_distance", {1}, {20}, {edits, zoo.Add(a), zoo.Add(b), Val(24)}, 20 * 25 * 2);
  Arg sack = zoo.Zeros<int64_t>(capacity + 1), next = zoo.Zeros<int64_t>(capacity + 1);
  for (size_t k = 0; k < 4; ++k) {
    zoo.Launch("knapsack", {1}, {64}, {next, sack, Val(weights[k]), Val(values[k]), Val(capacity)});
    std::swap(sack, next);
  }
  zoo.Run();
  for (size_t y = 1; y < columns; ++y) {
    for (size_t x = 1; x < columns; ++x) {
      score[y * columns + x] =
          std::max(score[(y - 1) * columns + x - 1] + similarity[y * columns + x],
                   std::max(score[y * columns + x - 1], score[(y - 1) * columns + x]) - 3);
    }
  }
  ExpectSame(zoo.Get<int>(s), score, "needleman");
  std::vector<int> want;
  for (size_t pair = 0; pair < 4; ++pair) {
    std::vector<int> h(91, 0), f(91, 0);
    int most = 0;
    for (size_t i = 0; i < 32; ++i) {
      int e = 0, corner = 0, left = 0;
      for (size_t j = 1; j <= 90; ++j) {
        const int match = query[32 * pair + i] == target[90 * pair + j - 1] ? 3 : -2;
        e = std::max(left - 4, e - 1);
        f[j] = std::max(h[j] - 4, f[j] - 1);
        const int here = std::max({0, corner + match, e, f[j]});
        corner = h[j];
        h[j] = left = here;
        most = std::max(most, here);
      }
    }
    want.push_back(most);
  }
  ExpectSame(zoo.Get<int>(best), want, "smith_waterman");
  want.clear();
  for (size_t p = 0; p < 20; ++p) {
    int d[25][25];
    for (int i = 0; i <= 24; ++i) d[i][0] = d[0][i] = i;
    for (size_t i = 1; i <= 24; ++i) {
      for (size_t j = 1; j <= 24; ++j) {
        d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1,
                            d[i - 1][j - 1] + (a[24 * p + i - 1] != b[24 * p + j - 1] ? 1 : 0)});
      }
    }
    want.push_back(d[24][24]);
  }
  ExpectSame(zoo.Get<int>(edits), want, "edit_distance");
  std::vector<int64_t> most(capacity + 1, 0);
  for (int set = 0; set < 16; ++set) {
    int weight = 0;
    int64_t value = 0;
    for (size_t k = 0; k < 4; ++k) {
      if ((set >> k & 1) == 0) continue;
      weight += weights[k];
      value += values[k];
    }
    for (int c = weight; c <= capacity; ++c) most[size_t(c)] = std::max(most[size_t(c)], value);
  }
  ExpectSame(zoo.Get<int64_t>(sack), most, "knapsack");
}

TEST(Numeric, KernelsHaveTheClassesThatTheirCodeAllows) {
  ExpectClasses("numeric", {{"nbody", kExact},
                            {"fft", kExact},
                            {"black_scholes", kTolerant},
                            {"binomial", kExact},
                            {"monte_carlo", kTolerant},
                            {"kmeans_assign", kExact},
                            {"nearest", kExact},
                            {"lava", kExact},  // exp of doubles is made of exact instructions
                            {"mandelbrot", kExact},
                            {"dense_layer", kTolerant},
                            {"softmax", kTolerant}});
  ExpectClasses("graphs", {{"bfs_level", kExact},
                           {"bfs_queue", kOrdered},
                           {"relax", kOrdered},
                           {"pagerank", kExact},
                           {"triangles", kOrdered},
                           {"floyd_warshall", kExact},
                           {"needleman", kExact},
                           {"smith_waterman", kExact},
                           {"edit_distance", kExact},
                           {"knapsack", kOrdered}});  // a 64-bit value may be an address
}

}  // namespace
}  // namespace souk::gpu::zoo
