// Random kernels, judged by the definition of a race: every pair of accesses, with what comes
// before what kept as plain sets.
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <iostream>
#include <random>
#include <set>

#include "gpu/cpu/checking.h"
#include "gpu/ptx/module.h"
#include "sanitized.h"
#include "unit/gpu/cpu/run_ptx.h"

namespace souk::gpu::cpu_test {
namespace {

constexpr uint32_t kWords = 48;

// A kernel of one block on kWords words of shared memory, and what happens in it.
class RandomKernel {
 public:
  explicit RandomKernel(uint32_t seed) : random_(seed) {
    warps_ = 1 + Random(4);
    threads_ = warps_ * 32 - (Random(3) == 0 ? Random(8) : 0);
    before_.resize(threads_);
    // Each word is written once, and a barrier passed.
    text_ += "setp.lt.u32 %p1, %r1, " + std::to_string(kWords) +
             "; shl.b32 %r2, %r1, 2; add.s32 %r2, %r2, %r9; @%p1 st.shared.u32 [%r2], %r1; ";
    text_ += "add.s32 %r3, %r1, " + std::to_string(threads_) + "; setp.lt.u32 %p1, %r3, " +
             std::to_string(kWords) +
             "; shl.b32 %r2, %r3, 2; add.s32 %r2, %r2, %r9; @%p1 st.shared.u32 [%r2], %r1;\n";
    text_ += "bar.sync 0;\n";
    const uint32_t steps = 4 + Random(10);
    for (uint32_t i = 0; i < steps; ++i) Step();
  }

  std::string Text() const {
    return std::string(
        ".visible .entry k() { .reg .pred %p<4>; .reg .b32 %r<16>; "
        ".shared .align 4 .b8 x[" +
        std::to_string(kWords * 4) + "];\nmov.u32 %r1, %tid.x; mov.u32 %r9, x;\n" + text_ +
        "ret; }");
  }
  uint32_t threads() const { return threads_; }
  bool races() const { return races_; }

 private:
  enum class Kind : uint8_t { kLoad, kStore, kAdd };
  struct Access {
    uint32_t thread;
    uint32_t byte;
    uint32_t bytes;
    Kind kind;
  };

  uint32_t Random(uint32_t n) { return static_cast<uint32_t>(random_() % n); }

  void Step() {
    switch (Random(8)) {
      case 0: {
        text_ += "bar.sync 0;\n";
        std::vector<uint32_t> all;
        for (uint32_t t = 0; t < threads_; ++t) all.push_back(t);
        return Meet(all);
      }
      case 1:
      case 2: {
        text_ += "bar.warp.sync -1;\n";
        for (uint32_t w = 0; w < warps_; ++w) Meet(Lanes(w));
        return;
      }
      case 3:
        return NamedBarrier();
      default:
        return AccessStep();
    }
  }

  std::vector<uint32_t> Lanes(uint32_t warp) const {
    std::vector<uint32_t> lanes;
    for (uint32_t t = warp * 32; t < std::min(threads_, warp * 32 + 32); ++t) lanes.push_back(t);
    return lanes;
  }

  // Two warps, one of which may only arrive.
  void NamedBarrier() {
    if (warps_ < 2) return;
    const uint32_t a = Random(warps_);
    const uint32_t b = (a + 1 + Random(warps_ - 1)) % warps_;
    const bool arrive = Random(2) == 0;
    const std::string id = std::to_string(1 + used_barriers_++ % 15);
    const auto of = [](uint32_t warp, const std::string& what) {
      return "shr.u32 %r4, %r1, 5; setp.eq.u32 %p2, %r4, " + std::to_string(warp) + "; @%p2 " +
             what + " ";
    };
    text_ += of(a, std::string("bar.") + (arrive ? "arrive " : "sync ") + id + ", 64;") +
             of(b, "bar.sync " + id + ", 64;") + "\n";
    std::vector<uint32_t> both = Lanes(a);
    const std::vector<uint32_t> second = Lanes(b);
    both.insert(both.end(), second.begin(), second.end());
    const std::vector<std::set<uint32_t>> old = before_;
    Meet(both);
    for (const uint32_t t : Lanes(a)) {
      if (arrive) before_[t] = old[t];
    }
  }

  void Meet(const std::vector<uint32_t>& threads) {
    std::set<uint32_t> all;
    for (const uint32_t t : threads) all.insert(before_[t].begin(), before_[t].end());
    for (const uint32_t t : threads) before_[t] = all;
  }

  // Threads whose number has some bits; a place that depends on the thread's number.
  void AccessStep() {
    const uint32_t mask = std::array<uint32_t, 5>{0, 1, 31, 32, 63}[Random(5)];
    const uint32_t value = Random(64) & mask;
    const uint32_t shift = Random(4) == 0 ? 5 : 0;
    const uint32_t spread = std::array<uint32_t, 3>{0, 1, 1}[Random(3)];
    const uint32_t add = Random(2) == 0 ? 0 : Random(kWords);
    const Kind kind = static_cast<Kind>(Random(3));
    const uint32_t bytes = kind == Kind::kAdd ? 4 : std::array<uint32_t, 3>{1, 4, 4}[Random(3)];
    const uint32_t step = bytes == 1 && Random(2) == 0 ? 1 : 4;
    const std::string width = bytes == 1 ? "u8" : "u32";
    text_ += "and.b32 %r4, %r1, " + std::to_string(mask) + "; setp.eq.u32 %p3, %r4, " +
             std::to_string(value) + "; shr.u32 %r5, %r1, " + std::to_string(shift) +
             "; mad.lo.s32 %r5, %r5, " + std::to_string(spread) + ", " + std::to_string(add) +
             "; rem.u32 %r5, %r5, " + std::to_string(kWords) + "; mad.lo.s32 %r5, %r5, " +
             std::to_string(step) + ", %r9;\n@%p3 ";
    if (kind == Kind::kLoad) text_ += "ld.shared." + width + " %r7, [%r5];\n";
    if (kind == Kind::kStore) text_ += "st.shared." + width + " [%r5], %r1;\n";
    if (kind == Kind::kAdd) text_ += "red.shared.add.u32 [%r5], 1;\n";
    for (uint32_t t = 0; t < threads_; ++t) {
      if ((t & mask) != value) continue;
      Judge({t, ((t >> shift) * spread + add) % kWords * step, bytes, kind});
    }
  }

  void Judge(const Access& now) {
    for (uint32_t i = 0; i < accesses_.size() && !races_; ++i) {
      const Access& then = accesses_[i];
      const bool meet = then.byte < now.byte + now.bytes && now.byte < then.byte + then.bytes;
      const bool agree = then.kind == now.kind && now.kind != Kind::kStore;
      if (then.thread == now.thread || !meet || agree) continue;
      races_ = !before_[now.thread].contains(i);
    }
    before_[now.thread].insert(static_cast<uint32_t>(accesses_.size()));
    accesses_.push_back(now);
  }

  std::mt19937 random_;
  uint32_t warps_ = 1;
  uint32_t threads_ = 32;
  uint32_t used_barriers_ = 0;
  std::string text_ = {};
  std::vector<std::set<uint32_t>> before_ = {};  // by thread: accesses
  std::vector<Access> accesses_ = {};
  bool races_ = false;
};

TEST(CheckingRandomKernels, FindsARaceWhereTheDefinitionSeesOne) {
  const char* const asked = std::getenv("SOUK_CHECKED_KERNELS");
  const size_t count = asked != nullptr ? std::stoul(asked) : Thinned(600);
  size_t racy = 0;
  size_t clean = 0;
  std::vector<uint32_t> suspected;  // seeds
  for (uint32_t seed = 1; seed <= count; ++seed) {
    const RandomKernel kernel(seed);
    const std::unique_ptr<CheckingDevice> device = MakeCheckingDevice();
    const Result<ModuleHandle> module = LoadText(*device, kernel.Text());
    ASSERT_TRUE(module) << module.error().message << kernel.Text();
    LaunchRequest request;
    request.kernel = "k";
    request.block = Dim3{kernel.threads()};
    const Result<LaunchStats> stats = device->Launch(*module, request, {});
    ASSERT_TRUE(stats) << stats.error().message << kernel.Text();
    const CheckReport report = device->TakeReport();
    ++(kernel.races() ? racy : clean);
    if (kernel.races()) {
      ASSERT_FALSE(report.clean()) << "seed " << seed << "\n" << kernel.Text();
    } else if (!report.clean()) {
      // Lanes or warps of one set of readers are taken to have read as late as the last of them.
      suspected.push_back(seed);
    }
    for (const Finding& f : report.findings) EXPECT_EQ(f.kind, FindingKind::kRace) << seed;
  }
  std::cout << racy << " with races, all found; of " << clean << " without, " << suspected.size()
            << " suspected";
  for (const uint32_t seed : suspected) std::cout << " " << seed;
  std::cout << "\n";
  EXPECT_GT(clean, count / 10);
  EXPECT_GT(racy, count / 10);
  EXPECT_LE(suspected.size() * 20, clean);
}

}  // namespace
}  // namespace souk::gpu::cpu_test
