// Calls, memory, control flow, conversions: language.cu, alloca.cu, against the same in C++.
#include <algorithm>
#include <numeric>

#include "zoo/zoo.h"

namespace souk::gpu::zoo {
namespace {

int WrapMul(int a, int b) {
  return int(uint32_t(a) * uint32_t(b));
}
int WrapAdd(int a, int b) {
  return int(uint32_t(a) + uint32_t(b));
}

int SwitchesOf(int v) {
  int r = 0;
  for (int k = 0; k < 4; ++k) {
    bool next = false;
    switch (v & 15) {
      case 0:
        r = WrapAdd(r, 3);
        break;
      case 1:
        r = WrapAdd(WrapMul(r, 5), v);
        break;
      case 2:
        r ^= 0x55;
        r = WrapAdd(r, -v);
        break;
      case 3:
        r = WrapAdd(r, -v);
        break;
      case 4:
        r = ~r;
        break;
      case 5:
        r = int(uint32_t(r) << 3 | uint32_t(r) >> 29);
        break;
      case 6:
        if (r > 0) r = -r;
        break;
      case 7:
        r = WrapAdd(r, k);
        next = true;
        break;
      case 8:
        r = WrapMul(r, v | 1);
        break;
      case 9:
        r /= (v & 7) + 1;
        break;
      case 10:
        r %= (v & 7) + 2;
        break;
      case 11:
        r = std::max(r, v);
        break;
      case 12:
        r |= 1 << k;
        break;
      case 13:
        r &= ~(1 << k);
        break;
      default:
        r = WrapAdd(r, 1000);
        break;
    }
    if (next) continue;
    v = WrapAdd(WrapMul(v, 1103515245), 12345);
    if (r == -100000)
      v = 1;
    else if (r == 17)
      v = WrapAdd(v, 2);
    else if (r == 5000)
      v = WrapAdd(v, 3);
    else if (r == 123456789)
      v = WrapAdd(v, 4);
  }
  return r;
}

TEST(Language, SwitchesTakeTheCaseOfEachLane) {
  const std::vector<int> in =
      Random(1).Make<int>(1000, [r = Random(7)]() mutable { return r.Next(); });
  Zoo zoo("language");
  const Arg out = zoo.Zeros<int>(in.size()), a = zoo.Add(in);
  zoo.Launch("switches", {8}, {128}, {out, a, Val(1000)});
  zoo.Run();
  std::vector<int> want;
  for (const int v : in) want.push_back(SwitchesOf(v));
  ExpectSame(zoo.Get<int>(out), want, "switches");
}

uint32_t Ackermann(uint32_t m, uint32_t n) {
  return m == 0 ? n + 1 : n == 0 ? Ackermann(m - 1, 1) : Ackermann(m - 1, Ackermann(m, n - 1));
}

TEST(Language, RecursionReturnsToEachCaller) {
  Zoo zoo("language");
  const Arg out = zoo.Zeros<uint64_t>(3 * 100);
  zoo.Launch("recursion", {2}, {64}, {out, Val(100)});
  zoo.Run();
  uint64_t fibonacci[13] = {0, 1};
  for (int k = 2; k < 13; ++k) fibonacci[k] = fibonacci[k - 1] + fibonacci[k - 2];
  std::vector<uint64_t> want;
  for (uint32_t i = 0; i < 100; ++i) {
    want.push_back(fibonacci[i % 13]);
    want.push_back(Ackermann(i % 3, i % 5));
    want.push_back(i % 2 == 0 ? 2 : 1);
  }
  ExpectSame(zoo.Get<uint64_t>(out), want, "recursion");
}

TEST(Language, QuicksortSortsEachThreadsArray) {
  const std::vector<int> in = Random(2).Ints(96 * 40, -1000, 1000);
  Zoo zoo("language");
  const Arg data = zoo.Add(in);
  zoo.Launch("quicksort", {3}, {32}, {data, Val(40)});
  zoo.Run();
  std::vector<int> want = in;
  for (size_t i = 0; i < want.size(); i += 40) {
    std::sort(want.begin() + long(i), want.begin() + long(i) + 40);
  }
  ExpectSame(zoo.Get<int>(data), want, "quicksort");
}

TEST(Language, BacktrackingSharesTheCallersArray) {
  Zoo zoo("language");
  const Arg out = zoo.Zeros<int>(16);
  zoo.Launch("queens", {1}, {16}, {out});
  zoo.Run();
  // 92 boards of eight by the first queen's column; ten of five.
  ExpectSame(zoo.Get<int>(out), {4, 8, 16, 18, 18, 16, 8, 4, 10, 10, 10, 10, 10, 10, 10, 10},
             "queens");
}

TEST(Language, FunctionPointersLeadWhereTheyPoint) {
  Random random(3);
  const std::vector<float> a = random.Floats(500, -8, 8), b = random.Floats(500, -8, 8);
  const std::vector<int> which = random.Ints(500, 0, 16);
  Zoo zoo("language");
  const Arg out = zoo.Zeros<float>(500);
  zoo.Launch("function_pointers", {4}, {128},
             {out, zoo.Add(a), zoo.Add(b), zoo.Add(which), Val(500)});
  zoo.Run();
  const auto apply = [](int op, float x, float y) {
    return op == 0 ? x + y : op == 1 ? x - y : op == 2 ? x * y : std::max(x, y);
  };
  std::vector<float> want;
  for (size_t i = 0; i < 500; ++i) {
    const float first = apply(which[i] & 3, a[i], b[i]);
    want.push_back(apply((which[i] & 4) == 0 ? 0 : (which[i] & 8) == 0 ? 2 : 1, first, b[i]));
  }
  ExpectSame(zoo.Get<float>(out), want, "function_pointers");
}

TEST(Language, VirtualFunctionsAreThoseOfTheObject) {
  const std::vector<int> in = Random(4).Ints(300, 1, 1000);
  Zoo zoo("language");
  const Arg out = zoo.Zeros<int>(300);
  zoo.Launch("virtual_functions", {3}, {128}, {out, zoo.Add(in), Val(300)});
  zoo.Run();
  std::vector<int> want;
  for (int i = 0; i < 300; ++i) {
    const int s = in[size_t(i)];
    want.push_back(s % 3 == 0 ? s * s * 10 + 4 : s % 3 == 1 ? s * i * 10 + 4 : 30 * s * s);
  }
  ExpectSame(zoo.Get<int>(out), want, "virtual_functions");
}

TEST(Language, StructuresPassByValueAndByReference) {
  Zoo zoo("language");
  const Arg out = zoo.Zeros<double>(200);
  zoo.Launch("structures", {2}, {128}, {out, Val(200)});
  zoo.Run();
  std::vector<double> want;
  for (int i = 0; i < 200; ++i) {
    const auto c = static_cast<signed char>(i);
    const auto flipped = static_cast<signed char>((i & 1) != 0 ? -c : c);
    const auto s = static_cast<short>(c * 3);
    double d[5];
    for (int k = 0; k < 5; ++k) d[k] = 0.5 * (k + flipped);
    d[i % 256 % 5] += static_cast<float>(i) + (static_cast<float>(i) + 3);
    double sum = s ^ static_cast<int>(0x123456789ull * uint64_t(i) >> 32);
    for (int k = 0; k < 5; ++k) sum += d[k] * (k + 1);
    want.push_back(sum);
  }
  ExpectSame(zoo.Get<double>(out), want, "structures");
}

TEST(Language, VariablesHoldTheirInitialisersAndEachOthersAddresses) {
  Zoo zoo("language");
  const Arg out = zoo.Zeros<int>(14), reals = zoo.Zeros<double>(6);
  zoo.Launch("variables", {1}, {32}, {out, reals});
  zoo.Run();
  ExpectSame(zoo.Get<int>(out), {1, 'f', 5, 3, 't', 5, 2, 's', 6, 20, 10, 'p', 77, -5},
             "variables");
  ExpectSame(zoo.Get<double>(reals), {1, 3, 5, -2, -4, -6}, "weights");
}

TEST(Language, SharedArraysLieSideBySide) {
  const int n = 50;
  Zoo zoo("language");
  const Arg out = zoo.Zeros<double>(n);
  zoo.Launch("shared_arrays", {1}, {64}, {out, Val(n)}, 4 * n + 8 * n);
  zoo.Run();
  std::vector<double> want;
  for (int t = 0; t < n; ++t) {
    want.push_back((t * 7) % 37 + (t % 8) * 0.25 - (t % 2 * 5 + t % 5) + (n - 1 - t) * (n - 1 - t) +
                   1.0 / ((t + 1) % n + 1));
  }
  ExpectSame(zoo.Get<double>(out), want, "shared_arrays");
}

TEST(Language, LocalArraysAndUnionsAreIndexedByData) {
  const uint32_t n = 300;
  const std::vector<uint32_t> in = Random(5).Words(n);
  Zoo zoo("language");
  const Arg out = zoo.Zeros<int>(n);
  zoo.Launch("local_arrays", {3}, {128}, {out, zoo.Add(in), Val(n)});
  zoo.Run();
  std::vector<int> want;
  for (uint32_t i = 0; i < n; ++i) {
    int heap[32] = {};
    for (uint32_t k = 0; k < 20; ++k) heap[in[(i + k) % n] % 32] += int(k) + 1;
    uint32_t word = in[i] ^ 0x5au << (8 * (in[i] % 4));
    const uint32_t shift = 16 * (in[i] >> 8 & 1);
    const uint32_t half = (word >> shift) + 3;
    word = (word & ~(0xffffu << shift)) | (half & 0xffff) << shift;
    const int middle = int((in[i] >> 3) << 21) >> 21;
    int sum = int(word + (in[i] & 31) + uint32_t(middle) + (in[i] * 3 & 0xffff));
    for (const int h : heap) sum = WrapAdd(WrapMul(sum, 31), h);
    want.push_back(sum);
  }
  ExpectSame(zoo.Get<int>(out), want, "local_arrays");
}

TEST(Language, TemplatesAndLambdasCarryTheirState) {
  const int n = 100;
  const std::vector<int> in = Random(6).Ints(n, -50, 50);
  Zoo zoo("language");
  const Arg out = zoo.Zeros<int>(3 * n), powers = zoo.Zeros<double>(n);
  zoo.Launch("templates", {1}, {128}, {out, powers, zoo.Add(in), Val(n)});
  zoo.Run();
  std::vector<int> want(3 * n, 0);
  std::vector<double> want_powers(n, 0.0);
  for (int i = 0; i + 4 <= n; ++i) {
    const int* x = in.data() + i;
    int fold = 0, other = 1;
    for (int k = 0; k < 4; ++k) {
      fold = fold * x[0] + x[k];
      other ^= int(uint32_t(x[k]) << (i & 7));
    }
    want[size_t(3 * i)] = fold;
    want[size_t(3 * i + 1)] = other;
    want[size_t(3 * i + 2)] = x[0] + x[1] + 3 + x[3];
    const double b = i * 0.5;
    want_powers[size_t(i)] = b * (b * (b * (b * b)));
  }
  ExpectSame(zoo.Get<int>(out), want, "templates");
  ExpectSame(zoo.Get<double>(powers), want_powers, "powers");
}

TEST(Language, BreaksAndGotosOfDivergedLanesMeetAgain) {
  const int n = 700;
  const std::vector<int> in = Random(8).Ints(n, 0, 70000);
  Zoo zoo("language");
  const Arg out = zoo.Zeros<int>(n);
  zoo.Launch("control", {6}, {128}, {out, zoo.Add(in), Val(n)});
  zoo.Run();
  std::vector<int> want;
  for (int i = 0; i < n; ++i) {
    int v = in[size_t(i)] & 0xffff, steps = 0;
    while (v != 1 && steps <= 200) {
      if ((v & 1) == 0) {
        while ((v & 1) == 0 && v != 0) {
          v >>= 1;
          ++steps;
        }
        if (v == 0) {
          ++steps;
          break;
        }
        continue;
      }
      v = 3 * v + 1;
      ++steps;
      for (int k = 0; k < (v & 3); ++k) {
        if (k == 2 && (steps & 1) != 0) break;
        steps += k;
      }
      if (steps % 7 == 3 && (v > 100 || in[size_t((i + 1) % n)] > 500)) ++steps;
    }
    want.push_back(steps > 150 ? -steps : steps);
  }
  ExpectSame(zoo.Get<int>(out), want, "control");
}

}  // namespace

TEST(Language, KernelsHaveTheClassesThatTheirCodeAllows) {
  ExpectClasses("language", {{"switches", kExact},
                             {"recursion", kExact},
                             {"quicksort", kExact},
                             {"queens", kExact},
                             {"function_pointers", kOrdered},  // tables in .global memory
                             {"virtual_functions", kOrdered},
                             {"structures", kExact},
                             {"variables", kOrdered},
                             {"shared_arrays", kExact},
                             {"local_arrays", kExact},
                             {"templates", kExact},
                             {"control", kExact},
                             {"conversions", kExact}});
}

}  // namespace souk::gpu::zoo
