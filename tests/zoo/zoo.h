// Runs kernels of the zoo (tests/zoo/*.cu, *.ptx) as a workload would: parsed, canonicalised,
// loaded, launched one after another on the same buffers, at every level of vector instructions,
// with one and two threads, and in the checking mode. All of these must leave the same bytes.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "gpu/device.h"
#include "gpu/ptx/classify.h"

namespace souk::gpu::zoo {

inline constexpr auto kExact = ptx::Class::kExact;
inline constexpr auto kOrdered = ptx::Class::kExactOrdered;
inline constexpr auto kTolerant = ptx::Class::kTolerant;

// An argument: a buffer's address, or a value.
struct Arg {
  int buffer = -1;
  Bytes value = {};
};
template <typename T>
Arg Val(const T& v) {
  Arg arg;
  arg.value.resize(sizeof(T));
  std::memcpy(arg.value.data(), &v, sizeof(T));
  return arg;
}

class Zoo {
 public:
  // file: "bits" for tests/zoo/bits.ptx; where there is none, NVRTC makes it of bits.cu.
  explicit Zoo(const std::string& file);

  // A buffer that holds the values when the first launch begins.
  template <typename T>
  Arg Add(const std::vector<T>& values) {
    Bytes bytes(values.size() * sizeof(T));
    std::memcpy(bytes.data(), values.data(), bytes.size());
    return AddBytes(std::move(bytes));
  }
  template <typename T>
  Arg Zeros(size_t count) {
    return AddBytes(Bytes(count * sizeof(T), 0));
  }
  void Launch(const std::string& kernel, Dim3 grid, Dim3 block, std::vector<Arg> args,
              uint32_t dynamic_shared_bytes = 0);

  // Runs the launches everywhere, and in the checking mode where it follows them: there too they
  // leave the same bytes, and it finds nothing where all of the kernels are exact.
  void Run();
  // Exact by their instructions, but threads meet in memory by design.
  void LetThreadsRace() { may_race_ = true; }
  // The same, where the launches end in an error: its message.
  std::string RunToError();

  template <typename T>
  std::vector<T> Get(const Arg& buffer) const {
    const Bytes& bytes = after_[static_cast<size_t>(buffer.buffer)];
    std::vector<T> values(bytes.size() / sizeof(T));
    std::memcpy(values.data(), bytes.data(), values.size() * sizeof(T));
    return values;
  }

 private:
  struct Step {
    LaunchRequest request = {};
    std::vector<Arg> args = {};
  };
  Arg AddBytes(Bytes bytes);
  Status RunOn(Device& device, std::vector<Bytes>& buffers) const;
  void Check();

  ptx::Module module_ = {};
  std::vector<Bytes> before_ = {};
  std::vector<Bytes> after_ = {};
  std::vector<Step> steps_ = {};
  bool may_race_ = false;
};

// Every kernel of the file is in the list, with its class.
void ExpectClasses(const std::string& file, const std::map<std::string, ptx::Class>& expected);

template <typename T>
auto BitsOf(T v) {
  if constexpr (sizeof(T) == 4) {
    uint32_t bits = 0;
    std::memcpy(&bits, &v, 4);
    return bits;
  } else {
    uint64_t bits = 0;
    std::memcpy(&bits, &v, 8);
    return bits;
  }
}

// Bit for bit; NaNs are alike.
template <typename T>
void ExpectSame(const std::vector<T>& got, const std::vector<T>& want, const std::string& what) {
  ASSERT_EQ(got.size(), want.size()) << what;
  size_t wrong = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    bool same = std::memcmp(&got[i], &want[i], sizeof(T)) == 0;
    if constexpr (std::is_floating_point_v<T>) same |= std::isnan(got[i]) && std::isnan(want[i]);
    if (same || ++wrong > 4) continue;
    if constexpr (std::is_integral_v<T> || std::is_floating_point_v<T>) {
      ADD_FAILURE() << what << "[" << i << "] is " << +got[i] << ", not " << +want[i];
    } else {
      ADD_FAILURE() << what << "[" << i << "] differs";
    }
  }
  EXPECT_EQ(wrong, 0u) << what;
}

// How many units in the last place of T the value is from the one that should have been given, the
// nearest to `want`: so CUDA counts its errors.
template <typename T>
long double UlpsOff(T got, long double want) {
  const T rounded = static_cast<T>(want);
  if (std::isnan(got) || std::isnan(want)) return std::isnan(got) && std::isnan(want) ? 0 : 1e30L;
  if (got == rounded) return 0;
  if (std::isinf(got) || std::isinf(rounded)) return 1e30L;
  const T from = std::fabs(rounded);
  const T step = from < std::numeric_limits<T>::min()
                     ? std::numeric_limits<T>::denorm_min()
                     : std::nextafter(from, std::numeric_limits<T>::infinity()) - from;
  return std::fabs(static_cast<long double>(got) - static_cast<long double>(rounded)) /
         static_cast<long double>(step);
}

// A stream of pseudo-random numbers.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15 + 1) {}
  uint64_t Next() {
    state_ += 0x9e3779b97f4a7c15;
    uint64_t x = state_;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
  }
  uint32_t Below(uint32_t n) { return static_cast<uint32_t>((Next() >> 32) * n >> 32); }
  // In [low, high).
  double Real(double low, double high) {
    return low + (high - low) * static_cast<double>(Next() >> 11) * 0x1p-53;
  }
  template <typename T, typename F>
  static std::vector<T> Make(size_t count, F f) {
    std::vector<T> values;
    for (size_t i = 0; i < count; ++i) values.push_back(static_cast<T>(f()));
    return values;
  }
  std::vector<int> Ints(size_t count, int low, int high) {
    return Make<int>(count, [&] { return low + int(Below(uint32_t(high - low))); });
  }
  std::vector<uint32_t> Words(size_t count) {
    return Make<uint32_t>(count, [&] { return Next(); });
  }
  std::vector<uint64_t> Longs(size_t count) {
    return Make<uint64_t>(count, [&] { return Next(); });
  }
  std::vector<float> Floats(size_t count, double low, double high) {
    return Make<float>(count, [&] { return Real(low, high); });
  }
  std::vector<double> Doubles(size_t count, double low, double high) {
    return Make<double>(count, [&] { return Real(low, high); });
  }

 private:
  uint64_t state_;
};

}  // namespace souk::gpu::zoo
