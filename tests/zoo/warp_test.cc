// warp.cu, atomics.cu, groups.cu, libcuxx.cu, heap.cu, alloca.cu: threads that talk to each other.
#include <algorithm>
#include <numeric>

#include "zoo/zoo.h"

namespace souk::gpu::zoo {
namespace {

// The lane that shfl reads (PTX ISA shfl.sync) in a segment of `width`; the own one where there is
// none.
size_t From(size_t lane, char mode, int by, size_t width) {
  const size_t first = lane / width * width;
  size_t at = lane;
  if (mode == 'i') at = first + size_t(by) % width;
  if (mode == 'u') at = lane >= first + size_t(by) ? lane - size_t(by) : lane;
  if (mode == 'd') at = lane + size_t(by) < first + width ? lane + size_t(by) : lane;
  if (mode == 'x') at = (lane ^ size_t(by)) < first + width ? lane ^ size_t(by) : lane;
  return at;
}

TEST(Warp, ShufflesOfEveryTypeAndWidth) {
  const std::vector<uint64_t> in = Random(1).Longs(64);
  Zoo zoo("warp");
  const Arg out = zoo.Zeros<uint64_t>(16 * 64);
  zoo.Launch("shuffles", {1}, {64}, {out, zoo.Add(in)});
  zoo.Run();
  std::vector<uint64_t> want;
  for (size_t t = 0; t < 64; ++t) {
    const size_t lane = t % 32, warp = t - lane;
    const auto long_of = [&](char mode, int by, size_t width = 32) {
      return in[warp + From(lane, mode, by, width)];
    };
    const auto int_of = [&](char mode, int by, size_t width = 32) {
      return uint64_t{uint32_t(long_of(mode, by, width))};
    };
    want.push_back(int_of('i', 5));
    want.push_back(int_of('i', int(lane) * 7, 8));
    want.push_back(int_of('u', 3));
    want.push_back(int_of('u', 2, 16));
    want.push_back(int_of('d', 9));
    want.push_back(int_of('d', 1, 4));
    want.push_back(int_of('x', 31));
    want.push_back(int_of('x', 5, 8));
    want.push_back(long_of('x', 1));
    want.push_back(long_of('d', 4));
    want.push_back(long_of('x', 2));
    want.push_back(int_of('u', 1));
    want.push_back(int_of('i', int(in[t] & 63)));
    want.push_back(long_of('x', 16));
    uint32_t ballot = 0;
    for (size_t k = lane % 2; k < 32; k += 2) {
      ballot |= uint32_t((in[warp + k] & (lane % 2 == 0 ? 4 : 8)) != 0) << k;
    }
    want.push_back(lane % 2 == 0 ? int_of('d', 2) : int_of('x', 4));
    want.push_back(ballot);
  }
  ExpectSame(zoo.Get<uint64_t>(out), want, "shuffles");
}

TEST(Warp, VotesMatchesAndMasks) {
  const uint32_t n = 100;
  const std::vector<uint32_t> in =
      Random::Make<uint32_t>(n, [r = Random(2)]() mutable { return r.Below(1001); });
  Zoo zoo("warp");
  const Arg out = zoo.Zeros<uint32_t>(8 * 128);
  zoo.Launch("warp_votes", {2}, {64}, {out, zoo.Add(in), Val(int(n))});
  zoo.Run();
  std::vector<uint32_t> want;
  for (uint32_t t = 0; t < 128; ++t) {
    const auto v = [&](uint32_t i) { return i < n ? in[i] : 0; };
    const uint32_t warp = t / 32 * 32, lane = t % 32;
    uint32_t ballot = 0, same = 0, fifths = 0;
    bool all = true, any = false, uniform = true, match = true;
    for (uint32_t k = 0; k < 32; ++k) {
      const uint32_t x = v(warp + k);
      ballot |= (x & 1) << k;
      same |= uint32_t((x & 7) == (v(t) & 7)) << k;
      fifths |= uint32_t(x % 5 == v(t) % 5) << k;
      all &= x < 1000;
      any |= x > 900;
      uniform &= (x >> 9 != 0) == (v(warp) >> 9 != 0);
      match &= x >> 10 == v(warp) >> 10;
    }
    const uint32_t lt = (1u << lane) - 1;
    want.insert(want.end(), {ballot, uint32_t(all) | uint32_t(any) << 1 | uint32_t(uniform) << 2,
                             same, match ? ~0u : 0u, uint32_t(match), fifths, lt ^ ~lt, lane + 32});
  }
  ExpectSame(zoo.Get<uint32_t>(out), want, "warp_votes");
}

TEST(Warp, DivergedLanesComeTogetherAgain) {
  const std::vector<uint32_t> in =
      Random::Make<uint32_t>(64, [r = Random(3)]() mutable { return r.Below(5000); });
  Zoo zoo("warp");
  const Arg out = zoo.Zeros<uint32_t>(64);
  zoo.Launch("divergent", {1}, {64}, {out, zoo.Add(in)});
  zoo.Run();
  std::vector<uint32_t> last = in, rounds(64, 0);
  uint32_t twos = 0;
  for (size_t warp = 0; warp < 64; warp += 32) {
    const auto busy = [&] {
      return std::any_of(last.begin() + long(warp), last.begin() + long(warp) + 32,
                         [](uint32_t v) { return v > 3; });
    };
    for (; busy(); ++rounds[warp]) {
      for (size_t i = warp; i < warp + 32; ++i) {
        if (last[i] > 3) last[i] = (last[i] & 1) != 0 ? last[i] - 3 : last[i] / 2;
      }
    }
    for (size_t i = warp + 1; i < warp + 32; ++i) rounds[i] = rounds[warp];
  }
  for (const uint32_t v : last) twos += v == 2 ? 1 : 0;
  std::vector<uint32_t> got = zoo.Get<uint32_t>(out), want;
  for (size_t t = 0; t < 64; ++t) want.push_back(rounds[t] * 1000 + last[t] * 100 + twos);
  for (size_t t = 0; t < 64; ++t) {
    if (t % 32 < 8 && got[t] == want[t] + 1000) got[t] -= 1000;  // what stood in the queue
  }
  ExpectSame(got, want, "divergent");
}

TEST(Warp, ReductionsOfAWarpInOneInstruction) {
  const std::vector<uint32_t> in = Random(4).Words(64);
  Zoo zoo("warp80");
  const Arg out = zoo.Zeros<uint32_t>(8 * 64);
  zoo.Launch("warp_reductions", {1}, {64}, {out, zoo.Add(in)});
  zoo.Run();
  std::vector<uint32_t> want;
  for (size_t t = 0; t < 64; ++t) {
    uint32_t r[8] = {0, ~0u, 0, 0x7fffffff, 0x80000000, ~0u, 0, 0};
    for (size_t k = t / 32 * 32; k < t / 32 * 32 + 32; ++k) {
      r[0] += in[k];
      r[1] = std::min(r[1], in[k]);
      r[2] = std::max(r[2], in[k]);
      r[3] = uint32_t(std::min(int32_t(r[3]), int32_t(in[k])));
      r[4] = uint32_t(std::max(int32_t(r[4]), int32_t(in[k])));
      r[5] &= in[k];
      r[6] |= in[k] & 0xf0f;
      if (k % 32 < 10 && t % 32 < 10) r[7] ^= in[k];
    }
    want.insert(want.end(), r, r + 8);
  }
  ExpectSame(zoo.Get<uint32_t>(out), want, "warp_reductions");
}

TEST(Atomics, EveryKindOnWordsAndLongs) {
  const std::vector<uint32_t> words = Random(5).Words(256);
  const std::vector<uint64_t> longs = Random(6).Longs(256);
  Zoo zoo("atomics");
  std::vector<uint32_t> x(11, 0);
  std::vector<uint64_t> y(6, 0);
  x[2] = x[4] = ~0u;
  y[1] = y[3] = ~uint64_t{0};
  const Arg a = zoo.Add(x), s = zoo.Zeros<int>(3), b = zoo.Add(y), l = zoo.Zeros<int64_t>(2);
  zoo.Launch("atomics_32", {4}, {64}, {a, s, zoo.Add(words)});
  zoo.Launch("atomics_64", {4}, {64}, {b, l, zoo.Add(longs)});
  zoo.Run();
  std::vector<int> signs(3, 0);
  std::vector<int64_t> long_signs(2, 0);
  for (size_t i = 0; i < 256; ++i) {
    const uint32_t v = words[i];
    x[0] += v;
    x[1] -= v;
    x[2] = std::min(x[2], v);
    x[3] = std::max(x[3], v);
    x[4] &= v | 0xff;
    x[5] |= v & 0xf0f0;
    x[6] ^= v;
    x[7] = x[7] >= 37 ? 0 : x[7] + 1;
    x[8] = x[8] == 0 || x[8] > 41 ? 41 : x[8] - 1;
    x[9] += 2;
    x[10] += 3;
    signs[0] = std::min(signs[0], int(v));
    signs[1] = std::max(signs[1], int(v));
    signs[2] = int(uint32_t(signs[2]) + v);
    const uint64_t w = longs[i];
    y[0] += w;
    y[1] = std::min(y[1], w);
    y[2] = std::max(y[2], w);
    y[3] &= w | 0xff;
    y[4] |= w & 0xf0f0f0f0f0f0f0f0;
    y[5] ^= w;
    long_signs[0] = std::min(long_signs[0], int64_t(w));
    long_signs[1] = std::max(long_signs[1], int64_t(w));
  }
  ExpectSame(zoo.Get<uint32_t>(a), x, "atomics_32");
  ExpectSame(zoo.Get<int>(s), signs, "signed");
  ExpectSame(zoo.Get<uint64_t>(b), y, "atomics_64");
  ExpectSame(zoo.Get<int64_t>(l), long_signs, "signed 64");
}

TEST(Atomics, TicketsAreTakenOnceAndExchangesFormAChain) {
  Zoo zoo("atomics");
  const Arg out = zoo.Zeros<uint32_t>(128), state = zoo.Zeros<uint32_t>(2);
  std::vector<uint64_t> links(129, 0);
  links[128] = 1000;
  const Arg chain = zoo.Add(links);
  zoo.Launch("tickets", {4}, {32}, {out, state, chain});
  zoo.Run();
  std::vector<uint32_t> got = zoo.Get<uint32_t>(out), all(128);
  std::sort(got.begin(), got.end());
  std::iota(all.begin(), all.end(), 0u);
  ExpectSame(got, all, "tickets");
  // Each block's exchanges hand on its start and all of its numbers but the last.
  links = zoo.Get<uint64_t>(chain);
  std::vector<bool> seen(128, false);
  size_t steps = 0;
  uint64_t at = links[128];
  for (; at != 1000 && at < 128 && !seen[at]; ++steps) {
    seen[at] = true;
    at = links[at];
  }
  EXPECT_EQ(at, 1000u);
  EXPECT_EQ(steps, 128u);
}

TEST(Atomics, SumsOfReals) {
  const std::vector<int> in = Random(7).Ints(192, -100, 100);
  Zoo zoo("atomics");
  const Arg f = zoo.Zeros<float>(4), d = zoo.Zeros<double>(1), h = zoo.Zeros<uint32_t>(1),
            s = zoo.Zeros<uint16_t>(2), b = zoo.Zeros<uint32_t>(1);
  const Arg x = zoo.Add(in);
  zoo.Launch("atomics_real", {3}, {64}, {f, d, x});
  zoo.Launch("atomics_half", {1}, {32}, {h, s, b, x});
  zoo.Run();
  std::vector<float> sums = {0, 0, 0, 0};
  int low = 0;
  for (size_t i = 0; i < 192; ++i) {
    sums[0] += float(in[i]);
    sums[1 + i / 64] += float(in[i]);
    if (i < 32) low += in[i] & 3;
  }
  ExpectSame(zoo.Get<float>(f), sums, "floats");
  ExpectSame(zoo.Get<double>(d), {sums[0] * 0.5}, "doubles");
  const auto half = [](float v) {  // of a small integer
    const uint32_t bits = BitsOf(v);
    return v == 0 ? 0u : ((bits >> 23) - 112) << 10 | (bits >> 13 & 0x3ff);
  };
  ExpectSame(zoo.Get<uint32_t>(h), {half(float(low)) | half(32.0f) << 16}, "half2");
  ExpectSame(zoo.Get<uint16_t>(s), {uint16_t(half(float(low))), 0}, "half");
  ExpectSame(zoo.Get<uint32_t>(b),
             {BitsOf(32.0f) >> 16 | (BitsOf(float(low) * 0.5f) & 0xffff0000u)}, "bfloat162");
}

TEST(Atomics, CompareAndSwapLoopsLocksAndTurnstiles) {
  const std::vector<float> in = Random(8).Floats(100, -50, 50);
  Zoo zoo("atomics");
  const Arg most = zoo.Add(std::vector<float>{-100}), product = zoo.Add(std::vector<uint64_t>{1}),
            halves = zoo.Zeros<uint16_t>(4), lock = zoo.Zeros<int>(2), count = zoo.Zeros<int>(1),
            order = zoo.Zeros<int>(6), turn = zoo.Zeros<int>(1), at = zoo.Zeros<int>(1);
  zoo.Launch("cas_loops", {2}, {64}, {most, product, halves, zoo.Add(in), Val(100)});
  zoo.Launch("spin_lock", {2}, {48}, {lock, count, Val(3)});
  zoo.Launch("turnstile", {6}, {32}, {order, turn, at});
  zoo.Run();
  uint64_t power = 1;
  std::vector<uint16_t> sums(4, 0);
  for (size_t i = 0; i < 100; ++i) {
    power *= 3;
    sums[i % 3] = uint16_t(sums[i % 3] + i);
  }
  ExpectSame(zoo.Get<float>(most), {*std::max_element(in.begin(), in.end())}, "most");
  ExpectSame(zoo.Get<uint64_t>(product), {power}, "product");
  ExpectSame(zoo.Get<uint16_t>(halves), sums, "halves");
  ExpectSame(zoo.Get<int>(count), {2 * 48 * 3}, "spin_lock");
  ExpectSame(zoo.Get<int>(order), {0, 10, 20, 30, 40, 50}, "turnstile");
}

TEST(Atomics, HashTablesAndDisjointSets) {
  Random random(9);
  const auto keys = Random::Make<uint32_t>(500, [&] { return 1 + random.Below(200); });
  std::vector<uint32_t> parent(300), edges;
  std::iota(parent.begin(), parent.end(), 0u);
  for (int i = 0; i < 2 * 220; ++i) edges.push_back(random.Below(300));
  Zoo zoo("atomics");
  const Arg slots = zoo.Zeros<uint64_t>(1024), p = zoo.Add(parent);
  zoo.Launch("hash_insert", {4}, {128}, {slots, Val(1024), zoo.Add(keys), Val(500)});
  zoo.Launch("unite", {2}, {128}, {p, zoo.Add(edges), Val(220)});
  zoo.Launch("flatten", {3}, {128}, {p, Val(300)});
  zoo.Run();
  std::map<uint32_t, uint32_t> counts, got;
  for (const uint32_t k : keys) ++counts[k];
  for (const uint64_t s : zoo.Get<uint64_t>(slots)) {
    if (s != 0) got[uint32_t(s >> 32)] += uint32_t(s);
  }
  EXPECT_EQ(got, counts);
  // The least of each set, by relaxation.
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t i = 0; i < edges.size(); i += 2) {
      const uint32_t least = std::min(parent[edges[i]], parent[edges[i + 1]]);
      for (const uint32_t v : {edges[i], edges[i + 1]}) {
        changed |= parent[v] != least;
        parent[v] = least;
      }
    }
  }
  ExpectSame(zoo.Get<uint32_t>(p), parent, "unite");
}

// ---- Cooperative groups ----

TEST(Groups, RanksAndPartitions) {
  Zoo zoo("groups");
  const Arg out = zoo.Zeros<uint32_t>(8 * 128);
  zoo.Launch("group_ranks", {2}, {32, 2}, {out});
  zoo.Run();
  std::vector<uint32_t> want;
  for (uint32_t i = 0; i < 128; ++i) {
    const uint32_t t = i % 64, first = t / 8 * 8;
    uint32_t ballot = 0;
    for (uint32_t k = 0; k < 8; ++k) ballot |= uint32_t((first + k) % 3 == 0) << k;
    want.insert(want.end(), {t, t / 32 * 100 + t % 32, t % 32 / 8 * 100 + t % 8, t ^ 1,
                             i / 64 + 10 * (t / 32), t % 8 + 3 < 8 ? t + 3 : t, ballot,
                             uint32_t(first == 0) + 2 * uint32_t(first > 7)});
  }
  ExpectSame(zoo.Get<uint32_t>(out), want, "group_ranks");
}

TEST(Groups, SumsReductionsAndScans) {
  const std::vector<int> in = Random(10).Ints(128, -1000, 1000);
  for (const std::string file : {"groups", "groups80"}) {
    Zoo zoo(file);
    const Arg sums = zoo.Zeros<int>(2 + 8), out = zoo.Zeros<int>(6 * 128), x = zoo.Add(in);
    zoo.Launch("group_sums", {2}, {64}, {sums, x}, 64 * 4);
    zoo.Launch("group_reduce", {2}, {64}, {out, x});
    zoo.Run();
    const auto sum = [&](size_t first, size_t count) {
      return std::accumulate(in.begin() + long(first), in.begin() + long(first + count), 0);
    };
    std::vector<int> want = {sum(0, 64), sum(64, 64)}, all;
    for (size_t k = 0; k < 8; ++k) want.push_back(sum(16 * k, 16));
    ExpectSame(zoo.Get<int>(sums), want, "group_sums");
    for (size_t i = 0; i < 128; ++i) {
      const size_t tile = i / 32 * 32, four = i / 4 * 4;
      all.push_back(sum(tile, 32));
      all.push_back(*std::max_element(in.begin() + long(tile), in.begin() + long(tile) + 32));
      all.push_back(in[four] ^ in[four + 1] ^ in[four + 2] ^ in[four + 3]);
      all.push_back(sum(tile, i - tile + 1));
      all.push_back(sum(four, i - four));
      all.push_back(9 * sum(four, 4));
    }
    ExpectSame(zoo.Get<int>(out), all, "group_reduce");
  }
}

TEST(Groups, TilesOfSeveralWarpsMeetInMemory) {
  const std::vector<int> in = Random(12).Ints(512, 0, 1000);
  const std::vector<std::pair<std::string, std::string>> kernels = {
      {"groups", "group_large"}, {"groups80", "group_large"}, {"groups80", "group_reserved"}};
  std::vector<int> want;
  for (size_t i = 0; i < 512; ++i) {
    for (const size_t size : {64, 128}) {
      const auto first = in.begin() + long(i / size * size), last = first + long(size);
      want.push_back(int(i % 256 / size * 1000 + i % size));
      want.push_back(std::accumulate(first, last, 0));
      want.push_back(*std::min_element(first, last));
      want.push_back(*(first + 37));
      want.push_back(int(std::any_of(first, last, [](int v) { return v > 990; })) + 2);
    }
  }
  for (const auto& [file, kernel] : kernels) {
    Zoo zoo(file);
    const Arg out = zoo.Zeros<int>(10 * 512);
    zoo.Launch(kernel, {2}, {256}, {out, zoo.Add(in)});
    zoo.Run();
    ExpectSame(zoo.Get<int>(out), want, file + "/" + kernel);
  }
}

TEST(Groups, CoalescedAndLabelledLanes) {
  const std::vector<int> in = Random(11).Ints(128, 0, 1000);
  for (const std::string file : {"groups", "groups80"}) {
    Zoo zoo(file);
    const Arg count = zoo.Zeros<uint32_t>(1), ranks = zoo.Zeros<uint32_t>(128),
              out = zoo.Zeros<uint32_t>(3 * 128), x = zoo.Add(in);
    zoo.Launch("group_coalesced", {2}, {64}, {count, ranks, x});
    zoo.Launch("group_labels", {2}, {64}, {out, x});
    zoo.Run();
    std::vector<uint32_t> got = zoo.Get<uint32_t>(ranks), numbers;
    uint32_t chosen = 0;
    for (size_t i = 0; i < 128; ++i) {
      EXPECT_EQ(got[i] != 0, in[i] % 3 == 0);
      if (got[i] != 0) numbers.push_back(got[i]);
      chosen += in[i] % 3 == 0 ? 1 : 0;
    }
    std::sort(numbers.begin(), numbers.end());
    std::vector<uint32_t> want(chosen);
    std::iota(want.begin(), want.end(), 1u);
    ExpectSame(numbers, want, "group_coalesced");
    ExpectSame(zoo.Get<uint32_t>(count), {chosen}, "count");
    std::vector<uint32_t> labels;
    for (size_t i = 0; i < 128; ++i) {
      uint32_t same = 0, same_rank = 0, half = 0, half_rank = 0, sum = 0;
      for (size_t k = i / 32 * 32; k < i / 32 * 32 + 32; ++k) {
        const bool alike = (in[k] & 3) == (in[i] & 3), side = (in[k] > 500) == (in[i] > 500);
        same += alike ? 1 : 0;
        same_rank += alike && k < i ? 1 : 0;
        half += side ? 1 : 0;
        half_rank += side && k < i ? 1 : 0;
        if (alike) sum += uint32_t(in[k]);
      }
      labels.insert(labels.end(), {same * 100 + same_rank, half * 100 + half_rank, sum});
    }
    ExpectSame(zoo.Get<uint32_t>(out), labels, "group_labels");
  }
}

// ---- libcu++, the heap, alloca ----

TEST(Libcuxx, AtomicsAndTypes) {
  Zoo zoo("libcuxx");
  const Arg x = zoo.Zeros<int>(3), out = zoo.Zeros<uint32_t>(128), types = zoo.Zeros<double>(32);
  zoo.Launch("cxx_atomics", {2}, {64}, {x, out});
  zoo.Launch("cxx_types", {1}, {32}, {types});
  zoo.Run();
  ExpectSame(zoo.Get<int>(x), {127 * 128 / 2, 100, 256}, "atomics");
  ExpectSame(zoo.Get<uint32_t>(out), std::vector<uint32_t>(128, 0x1040), "local");
  std::vector<double> want;
  for (int i = 0; i < 32; ++i) want.push_back(i * 0.5 + 6 + i + 32767);
  ExpectSame(zoo.Get<double>(types), want, "types");
}

TEST(Libcuxx, CopiesThatNobodyWaitsForInVain) {
  std::vector<float> in(4 * 64);
  std::iota(in.begin(), in.end(), 1.0f);
  Zoo zoo("libcuxx");
  const Arg out = zoo.Zeros<float>(32);
  zoo.Launch("raw_pipeline", {1}, {32}, {out, zoo.Add(in)});
  zoo.Run();
  std::vector<float> want;
  for (size_t t = 0; t < 32; ++t) {
    const size_t other = 32 + (t ^ 1);
    const bool whole = (t ^ 1) < 16;  // the rest ends after eight bytes, zeros behind
    want.push_back(in[4 * t] + in[4 * t + 3] + in[4 * other] + in[4 * other + 1] +
                   (whole ? in[4 * other + 2] : 0.0f));
  }
  ExpectSame(zoo.Get<float>(out), want, "raw_pipeline");
}

TEST(Libcuxx, BarriersCopiesAndPipelines) {
  const std::vector<int> in = Random(13).Ints(1024, -1000, 1000);
  for (const std::string file : {"libcuxx", "libcuxx90"}) {
    Zoo zoo(file);
    const Arg met = zoo.Zeros<int>(256), copied = zoo.Zeros<int>(256), piped = zoo.Zeros<int>(128);
    const Arg x = zoo.Add(in);
    zoo.Launch("cxx_barrier", {2}, {128}, {met, x});
    zoo.Launch("cxx_copies", {1}, {256}, {copied, x, Val(4)});
    zoo.Launch("cxx_pipeline", {1}, {128}, {piped, x, Val(8)});
    zoo.Run();
    std::vector<int> want, v(in.begin(), in.begin() + 256);
    for (int k = 0; k < 4; ++k) {
      const std::vector<int> before = v;
      for (size_t i = 0; i < 256; ++i) {
        v[i] = before[i] * 3 + k + before[i / 128 * 128 + (i + 1) % 128];
      }
    }
    ExpectSame(zoo.Get<int>(met), v, "cxx_barrier");
    for (size_t t = 0; t < 256; ++t) {
      int sum = 0;
      for (size_t k = 0; k < 1024; k += 256) {
        sum += in[k + t] + in[k + 255 - t];
        sum ^= in[k + t * 3 % 256];
      }
      want.push_back(sum);
    }
    ExpectSame(zoo.Get<int>(copied), want, "cxx_copies");
    want.clear();
    for (size_t t = 0; t < 128; ++t) {
      uint32_t sum = 0;
      for (size_t k = 0; k < 8; ++k) sum = sum * 3 + uint32_t(in[128 * k + (t + k) % 128]);
      want.push_back(int(sum));
    }
    ExpectSame(zoo.Get<int>(piped), want, "cxx_pipeline");
  }
}

TEST(Heap, MallocAndNewGiveMemoryThatIsTheThreadsOwn) {
  Zoo zoo("heap");
  const Arg lists = zoo.Zeros<int>(64), arrays = zoo.Zeros<int>(64);
  zoo.Launch("heap_lists", {1}, {64}, {lists, Val(9)});
  zoo.Launch("heap_arrays", {1}, {64}, {arrays, Val(100)});
  zoo.Run();
  std::vector<int> want, want_arrays;
  for (int t = 0; t < 64; ++t) {
    uint32_t sum = 0;  // as the device's int wraps
    int total = 0;
    for (int k = 8; k >= 0; --k) sum = sum * 7 + static_cast<uint32_t>(k * t);
    for (int k = 0; k < 100; ++k) total += k ^ t;
    want.push_back(static_cast<int>(sum));
    want_arrays.push_back(total);
  }
  ExpectSame(zoo.Get<int>(lists), want, "heap_lists");
  ExpectSame(zoo.Get<int>(arrays), want_arrays, "heap_arrays");
}

TEST(Alloca, ArraysOfRunTimeSize) {
  Zoo zoo("alloca");
  const Arg out = zoo.Zeros<int>(64), nested = zoo.Zeros<int>(64);
  zoo.Launch("variable_arrays", {1}, {64}, {out, Val(50)});
  zoo.Launch("nested_arrays", {1}, {64}, {nested});
  zoo.Run();
  std::vector<int> want, want_nested;
  for (int i = 0; i < 64; ++i) {
    int sum = 0;
    for (int k = 0; k < 50; ++k) sum += (k % (i + 1) * i + k) * ((i - k % (i + 1)) * i);
    want.push_back(sum);
    uint32_t chain = 0;
    for (int n = i % 20 % 3 == 0 && i % 20 != 0 ? 3 : i % 20 % 3; n <= i % 20; n += 3) {
      for (int k = 0; k < n; ++k) chain = chain * 3 + uint32_t('a' + k % 26);
    }
    want_nested.push_back(int(chain));
  }
  ExpectSame(zoo.Get<int>(out), want, "variable_arrays");
  ExpectSame(zoo.Get<int>(nested), want_nested, "nested_arrays");
}

TEST(Warp, KernelsHaveTheClassesThatTheirCodeAllows) {
  ExpectClasses("warp", {{"shuffles", kExact}, {"warp_votes", kExact}, {"divergent", kOrdered}});
  ExpectClasses("warp80", {{"shuffles", kExact},
                           {"warp_votes", kExact},
                           {"divergent", kOrdered},
                           {"warp_reductions", kExact}});
  ExpectClasses("atomics", {{"atomics_32", kOrdered},
                            {"atomics_64", kOrdered},
                            {"tickets", kOrdered},
                            {"atomics_real", kOrdered},
                            {"cas_loops", kOrdered},
                            {"spin_lock", kOrdered},
                            {"turnstile", kOrdered},
                            {"atomics_half", kOrdered},
                            {"hash_insert", kOrdered},
                            {"unite", kOrdered},
                            {"flatten", kOrdered}});
  std::map<std::string, ptx::Class> groups = {
      {"group_ranks", kExact},       {"group_sums", kExact},   {"group_reduce", kExact},
      {"group_coalesced", kOrdered}, {"group_labels", kExact}, {"group_large", kOrdered}};
  ExpectClasses("groups", groups);
  groups["group_reserved"] = kOrdered;
  ExpectClasses("groups80", groups);
  ExpectClasses("libcuxx", {{"cxx_atomics", kOrdered},
                            {"cxx_barrier", kOrdered},
                            {"cxx_copies", kOrdered},
                            {"cxx_pipeline", kOrdered},
                            {"raw_pipeline", kExact},
                            {"cxx_types", kExact}});
  ExpectClasses("heap", {{"heap_lists", kOrdered}, {"heap_arrays", kOrdered}});
  ExpectClasses("alloca", {{"variable_arrays", kExact}, {"nested_arrays", kExact}});
}

}  // namespace
}  // namespace souk::gpu::zoo
