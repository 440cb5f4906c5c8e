// reduce.cu, scan_sort.cu: reductions, scans, compactions, sorts, histograms.
#include <algorithm>
#include <numeric>

#include "zoo/zoo.h"

namespace souk::gpu::zoo {
namespace {

TEST(Reduce, TreesAddInTheOrderThatTheyHave) {
  Random random(1);
  const std::vector<int> ints = random.Ints(5000, -1000000, 1000000);
  const std::vector<float> floats = random.Floats(5000, -1, 1);
  Zoo zoo("reduce");
  const Arg sums = zoo.Zeros<int>(10), unrolled = zoo.Zeros<float>(3);
  zoo.Launch("sum_shared", {10}, {256}, {sums, zoo.Add(ints), Val(5000u)}, 1024);
  zoo.Launch("sum_unrolled", {3}, {256}, {unrolled, zoo.Add(floats), Val(5000u)});
  zoo.Run();
  std::vector<int> want;
  for (size_t b = 0; b < 10; ++b) {
    const size_t end = std::min<size_t>(5000, 512 * (b + 1));
    want.push_back(std::accumulate(ints.begin() + long(512 * b), ints.begin() + long(end), 0));
  }
  ExpectSame(zoo.Get<int>(sums), want, "sum_shared");
  std::vector<float> want_floats;
  for (size_t b = 0; b < 3; ++b) {
    std::vector<float> part(256, 0.0f);
    for (size_t t = 0; t < 256; ++t) {
      for (size_t i = 256 * b + t; i < 5000; i += 768) part[t] += floats[i];
    }
    for (size_t s = 128; s > 0; s /= 2) {
      // Below a warp's width lanes add what lies behind them too.
      std::vector<float> before = part;
      for (size_t t = 0; t < std::max<size_t>(s, 32) && t + s < 256; ++t) {
        part[t] = before[t] + before[t + s];
      }
    }
    want_floats.push_back(part[0]);
  }
  ExpectSame(zoo.Get<float>(unrolled), want_floats, "sum_unrolled");
}

// As BlockReduce combines: by halves within each warp, then between warps.
template <typename T, typename F>
T BlockReduce(std::vector<T> v, T identity, F f) {
  std::vector<T> parts(32, identity);
  for (size_t w = 0; w < v.size() / 32; ++w) {
    for (size_t d = 16; d > 0; d /= 2) {
      for (size_t i = 0; i < d; ++i) v[32 * w + i] = f(v[32 * w + i], v[32 * w + i + d]);
    }
    parts[w] = v[32 * w];
  }
  for (size_t d = 16; d > 0; d /= 2) {
    for (size_t i = 0; i < d; ++i) parts[i] = f(parts[i], parts[i + d]);
  }
  return parts[0];
}

TEST(Reduce, ShufflesReduceDoublesPairsAndProducts) {
  Random random(2);
  const std::vector<double> in = random.Doubles(3000, -10, 10);
  std::vector<float> a = random.Floats(3000, -10, 10), b = random.Floats(3000, -1, 1);
  a[1234] = a[2345] = 11;  // the first counts
  Zoo zoo("reduce");
  const Arg sum = zoo.Zeros<double>(2), where = zoo.Zeros<uint64_t>(1), dot = zoo.Zeros<float>(1),
            range = zoo.Zeros<float>(2), x = zoo.Add(a);
  zoo.Launch("sum_double", {2}, {128}, {sum, zoo.Add(in), Val(3000u)});
  zoo.Launch("max_and_where", {4}, {256}, {where, x, Val(3000u)});
  zoo.Launch("dot", {1}, {1024}, {dot, x, zoo.Add(b), Val(3000u)});
  zoo.Launch("range_of", {1}, {256}, {range, x, Val(3000u)});
  zoo.Run();
  std::vector<double> want;
  for (size_t block = 0; block < 2; ++block) {
    std::vector<double> lanes(128, 0.0);
    for (size_t t = 0; t < 128; ++t) {
      for (size_t i = 128 * block + t; i < 3000; i += 256) lanes[t] += in[i];
    }
    want.push_back(BlockReduce(lanes, 0.0, [](double p, double q) { return p + q; }));
  }
  ExpectSame(zoo.Get<double>(sum), want, "sum_double");
  const uint64_t key = uint64_t{BitsOf(11.0f) ^ 0x80000000u} << 32 | ~uint32_t{1234};
  ExpectSame(zoo.Get<uint64_t>(where), {key}, "max_and_where");
  std::vector<float> lanes(1024, 0.0f);
  for (size_t i = 0; i < 3000; ++i) lanes[i % 1024] = std::fma(a[i], b[i], lanes[i % 1024]);
  ExpectSame(zoo.Get<float>(dot),
             {BlockReduce(lanes, 0.0f, [](float p, float q) { return p + q; })}, "dot");
  const auto [low, high] = std::minmax_element(a.begin(), a.end());
  ExpectSame(zoo.Get<float>(range), {*low, *high}, "range_of");
}

TEST(Reduce, TheLastBlockSeesWhatTheOthersLeft) {
  const std::vector<int> in = Random(3).Ints(20000, -5000, 5000);
  Zoo zoo("reduce");
  const Arg out = zoo.Zeros<int>(1), parts = zoo.Zeros<int>(17);
  const Arg x = zoo.Add(in);
  // Twice: the ticket begins anew.
  for (int k = 0; k < 2; ++k)
    zoo.Launch("sum_last_block", {17}, {128}, {out, parts, x, Val(20000u)});
  zoo.Run();
  ExpectSame(zoo.Get<int>(out), {std::accumulate(in.begin(), in.end(), 0)}, "sum_last_block");
}

TEST(Reduce, MomentsVotesAndSegments) {
  Random random(4);
  const std::vector<float> in = random.Floats(1000, 0, 100);
  const std::vector<int> ints = random.Ints(1000, 0, 1000);
  std::vector<int> start = {0};
  while (start.size() < 41) start.push_back(std::min(1000, start.back() + int(random.Below(60))));
  Zoo zoo("reduce");
  const Arg moments = zoo.Zeros<double>(3), votes = zoo.Zeros<int>(3 * 8),
            segments = zoo.Zeros<int64_t>(40), x = zoo.Add(ints);
  zoo.Launch("moments", {1}, {128}, {moments, zoo.Add(in), Val(1000u)});
  zoo.Launch("votes", {8}, {125}, {votes, x, Val(1000)});
  zoo.Launch("segments", {10}, {128}, {segments, x, zoo.Add(start), Val(40)});
  zoo.Run();
  const double mean = std::accumulate(in.begin(), in.end(), 0.0) / 1000;
  double m2 = 0;
  for (const float v : in) m2 += (v - mean) * (v - mean);
  const std::vector<double> got = zoo.Get<double>(moments);
  EXPECT_EQ(got[0], 1000);
  EXPECT_NEAR(got[1], mean, 1e-11);
  EXPECT_NEAR(got[2], m2, m2 * 1e-12);
  std::vector<int> want;
  for (size_t b = 0; b < 8; ++b) {
    int some = 0, every = 1, count = 0;
    for (size_t i = 125 * b; i < 125 * (b + 1); ++i) {
      some |= ints[i] > 990 ? 1 : 0;
      every &= ints[i] >= 0 ? 1 : 0;
      count += ints[i] % 3 == 0 ? 1 : 0;
    }
    want.insert(want.end(), {some, every, count});
  }
  ExpectSame(zoo.Get<int>(votes), want, "votes");
  std::vector<int64_t> sums;
  for (size_t row = 0; row < 40; ++row) {
    sums.push_back(std::accumulate(ints.begin() + start[row], ints.begin() + start[row + 1], 0));
  }
  ExpectSame(zoo.Get<int64_t>(segments), sums, "segments");
}

TEST(Scan, PrefixesOfEveryKind) {
  Random random(5);
  const std::vector<int> small = random.Ints(200, -100, 100);
  const std::vector<uint32_t> in = random.Words(2048);
  Zoo zoo("scan_sort");
  const Arg hillis = zoo.Zeros<int>(200), blelloch = zoo.Zeros<uint32_t>(2048),
            sums = zoo.Zeros<uint32_t>(4), back = zoo.Zeros<uint64_t>(2048), x = zoo.Add(in);
  // The dynamic array holds two rows of 256.
  zoo.Launch("scan_hillis", {1}, {256}, {hillis, zoo.Add(small), Val(200)}, 4 * (200 + 256));
  zoo.Launch("scan_blelloch", {4}, {256}, {blelloch, sums, x});
  zoo.Launch("scan_look_back", {8}, {256},
             {back, x, zoo.Zeros<uint64_t>(8), zoo.Zeros<uint32_t>(1)});
  zoo.Run();
  std::vector<int> want(200);
  std::partial_sum(small.begin(), small.end(), want.begin());
  ExpectSame(zoo.Get<int>(hillis), want, "scan_hillis");
  std::vector<uint32_t> exclusive, totals;
  std::vector<uint64_t> inclusive;
  uint64_t all = 0;
  uint32_t sum = 0;
  for (size_t i = 0; i < 2048; ++i) {
    if (i % 512 == 0) sum = 0;
    exclusive.push_back(sum);
    sum += in[i];
    inclusive.push_back(all += in[i]);
    if (i % 512 == 511) totals.push_back(sum);
  }
  ExpectSame(zoo.Get<uint32_t>(blelloch), exclusive, "scan_blelloch");
  ExpectSame(zoo.Get<uint32_t>(sums), totals, "sums");
  ExpectSame(zoo.Get<uint64_t>(back), inclusive, "scan_look_back");
}

TEST(Scan, CompactionKeepsWhatItShould) {
  const std::vector<int> in = Random(6).Ints(1500, 0, 100000);
  Zoo zoo("scan_sort");
  const Arg out = zoo.Zeros<int>(1500), count = zoo.Zeros<int>(1);
  zoo.Launch("compact", {6}, {256}, {out, count, zoo.Add(in), Val(1500)});
  zoo.Run();
  std::vector<int> want;
  std::copy_if(in.begin(), in.end(), std::back_inserter(want), [](int v) { return v % 2 == 1; });
  ExpectSame(zoo.Get<int>(count), {int(want.size())}, "count");
  want.resize(1500, 0);
  // The order of blocks is open; the reference device takes them in order.
  ExpectSame(zoo.Get<int>(out), want, "compact");
}

TEST(Sort, NetworksSort) {
  Random random(7);
  const std::vector<int> ints = random.Ints(2048, -1000, 1000);
  const std::vector<float> floats = random.Floats(1024, -5, 5);
  const auto shorts = Random::Make<int16_t>(150, [&] { return random.Next(); });
  Zoo zoo("scan_sort");
  const Arg a = zoo.Add(ints), b = zoo.Add(floats), c = zoo.Add(shorts);
  zoo.Launch("bitonic_shared", {2}, {512}, {a});
  for (uint32_t k = 2; k <= 1024; k *= 2) {
    for (uint32_t j = k / 2; j > 0; j /= 2)
      zoo.Launch("bitonic_step", {4}, {256}, {b, Val(j), Val(k)});
  }
  zoo.Launch("odd_even_sort", {1}, {75}, {c, Val(150)});
  zoo.Run();
  std::vector<int> want = ints;
  std::sort(want.begin(), want.begin() + 1024);
  std::sort(want.begin() + 1024, want.end());
  ExpectSame(zoo.Get<int>(a), want, "bitonic_shared");
  std::vector<float> want_floats = floats;
  std::sort(want_floats.begin(), want_floats.end());
  ExpectSame(zoo.Get<float>(b), want_floats, "bitonic_step");
  std::vector<int16_t> want_shorts = shorts;
  std::sort(want_shorts.begin(), want_shorts.end());
  ExpectSame(zoo.Get<int16_t>(c), want_shorts, "odd_even_sort");
}

TEST(Sort, RadixAndMergePasses) {
  Random random(8);
  const std::vector<uint32_t> words = random.Words(1024);
  const std::vector<int> ints = random.Ints(1000, 0, 300);
  Zoo zoo("scan_sort");
  Arg a = zoo.Add(words), b = zoo.Zeros<uint32_t>(1024), counts = zoo.Zeros<uint32_t>(16 * 4);
  for (int shift = 0; shift < 32; shift += 4) {
    zoo.Launch("radix_count", {4}, {256}, {counts, a, Val(shift)});
    zoo.Launch("radix_scan", {1}, {1}, {counts, Val(64)});
    zoo.Launch("radix_scatter", {4}, {256}, {b, a, counts, Val(shift)});
    std::swap(a, b);
  }
  Arg c = zoo.Add(ints), d = zoo.Zeros<int>(1000);
  for (int width = 1; width < 1000; width *= 2) {
    zoo.Launch("merge_pass", {4}, {256}, {d, c, Val(width), Val(1000)});
    std::swap(c, d);
  }
  zoo.Run();
  std::vector<uint32_t> want = words;
  std::sort(want.begin(), want.end());
  ExpectSame(zoo.Get<uint32_t>(a), want, "radix");
  std::vector<int> want_ints = ints;
  std::sort(want_ints.begin(), want_ints.end());
  ExpectSame(zoo.Get<int>(c), want_ints, "merge");
}

TEST(Sort, HistogramsCountEverything) {
  Random random(9);
  const auto bytes = Random::Make<uint8_t>(7000, [&] { return random.Below(200); });
  const auto words = Random::Make<uint32_t>(3000, [&] { return random.Below(500); });
  Zoo zoo("scan_sort");
  const Arg few = zoo.Zeros<uint32_t>(256), many = zoo.Zeros<uint32_t>(4096);
  zoo.Launch("histogram_shared", {5}, {128}, {few, zoo.Add(bytes), Val(7000)});
  zoo.Launch("histogram_aggregated", {24}, {128}, {many, zoo.Add(words), Val(3000)});
  zoo.Run();
  std::vector<uint32_t> want(256, 0), want_many(4096, 0);
  for (const uint8_t b : bytes) ++want[b];
  for (const uint32_t w : words) ++want_many[w * 2654435761u >> 20];
  ExpectSame(zoo.Get<uint32_t>(few), want, "histogram_shared");
  ExpectSame(zoo.Get<uint32_t>(many), want_many, "histogram_aggregated");
}

TEST(Reduce, KernelsHaveTheClassesThatTheirCodeAllows) {
  ExpectClasses("reduce", {{"sum_shared", kExact},
                           {"sum_unrolled", kExact},
                           {"sum_double", kExact},
                           {"max_and_where", kOrdered},
                           {"range_of", kExact},
                           {"sum_last_block", kOrdered},
                           {"moments", kExact},
                           {"votes", kExact},
                           {"dot", kExact},
                           {"segments", kExact}});
  ExpectClasses("scan_sort", {{"scan_hillis", kExact},
                              {"scan_blelloch", kExact},
                              {"scan_look_back", kOrdered},
                              {"compact", kOrdered},
                              {"bitonic_shared", kExact},
                              {"bitonic_step", kExact},
                              {"radix_count", kExact},
                              {"radix_scan", kExact},
                              {"radix_scatter", kExact},
                              {"merge_pass", kExact},
                              {"odd_even_sort", kExact},
                              {"histogram_shared", kOrdered},
                              {"histogram_aggregated", kOrdered}});
}

}  // namespace
}  // namespace souk::gpu::zoo
