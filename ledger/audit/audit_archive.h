// Plain values to bytes and back, for the state that an audit saves (audit_state.h). Internal to
// the auditor.
//
// A type says its fields once, for both directions: a class by a member Keep(archive), a struct by
// a static member Keep(archive, value), or KeepFields(archive, value) where it is another
// library's. They take a struct apart with a structured binding, so that a field that is added
// later breaks the build there, and not a resumed audit.
//
// Integers are little-endian; texts, lists and maps begin with a count of 4 bytes; maps and sets
// stand in the order of their keys. What is read is hostile: counts are never allocated for, enums
// keep to their range, times and amounts to bounds within which the auditor's sums cannot overflow.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "ledger/book/book.h"
#include "protocol/entry.h"
#include "protocol/limits.h"

namespace souk::ledger {

// The last value of an enum whose values have no gaps.
template <typename Enum>
struct LastOf;
template <>
struct LastOf<LeaseState> {
  static constexpr auto value = LeaseState::kClosed;
};
template <>
struct LastOf<JobStep::Event> {
  static constexpr auto value = JobStep::Event::kRevealed;
};
template <>
struct LastOf<ChallengeStep::Event> {
  static constexpr auto value = ChallengeStep::Event::kLapsed;
};
template <>
struct LastOf<TransferKind> {
  static constexpr auto value = TransferKind::kVoid;
};
template <>
struct LastOf<Grade> {
  static constexpr auto value = Grade::kAttested;
};
template <>
struct LastOf<JailGrade> {
  static constexpr auto value = JailGrade::kNamespaces;
};

template <typename Archive, typename T>
concept Keeps = requires(Archive& archive, T& value) {
  value.Keep(archive);
};
template <typename Archive, typename T>
concept KeepsFields = requires(Archive& archive, T& value) {
  T::Keep(archive, value);
};
template <typename Archive, typename T>
concept HasFields = requires(Archive& archive, T& value) {
  KeepFields(archive, value);
};

class StateWriter {
 public:
  static constexpr bool kReads = false;

  template <typename... T>
  void operator()(T&... values) {
    (One(values), ...);
  }
  Bytes Take() { return std::move(out_); }

 private:
  template <typename T>
  void One(T& value) {
    if constexpr (Keeps<StateWriter, T>) {
      value.Keep(*this);
    } else if constexpr (KeepsFields<StateWriter, T>) {
      T::Keep(*this, value);
    } else if constexpr (HasFields<StateWriter, T>) {
      KeepFields(*this, value);
    } else if constexpr (std::is_same_v<T, bool>) {
      PutLe(out_, static_cast<uint8_t>(value));
    } else if constexpr (std::is_enum_v<T>) {
      PutLe(out_, static_cast<uint16_t>(value));
    } else if constexpr (std::is_integral_v<T>) {
      PutLe(out_, value);
    } else {
      Put(value);
    }
  }
  void Put(const Digest& value) { Append(out_, value.view()); }
  void Put(const PublicKey& value) { Append(out_, value.view()); }
  void Put(const Time& value) { PutLe(out_, value.ms); }
  void Put(const Duration& value) { PutLe(out_, value.ms); }
  void Put(const Credits& value) { PutLe(out_, value.micro); }
  void Put(const Rate& value) { PutLe(out_, value.micro_per_hour); }
  void Put(const std::string& value) {
    PutCount(value.size());
    Append(out_, AsBytes(value));
  }
  void Put(const Bytes& value) {
    PutCount(value.size());
    Append(out_, value);
  }
  template <typename T>
  void Put(std::optional<T>& value) {
    PutLe(out_, static_cast<uint8_t>(value.has_value()));
    if (value) One(*value);
  }
  template <typename T>
  void Put(std::vector<T>& values) {
    PutCount(values.size());
    for (T& value : values) One(value);
  }
  template <typename K, typename V>
  void Put(std::map<K, V>& values) {
    PutCount(values.size());
    for (auto& [key, value] : values) {
      One(key);
      One(value);
    }
  }
  template <typename K, typename V, typename H>
  void Put(std::unordered_map<K, V, H>& values) {
    std::vector<std::pair<const K*, V*>> sorted;
    sorted.reserve(values.size());
    for (auto& [key, value] : values) sorted.emplace_back(&key, &value);
    std::sort(sorted.begin(), sorted.end(),
              [](const auto& a, const auto& b) { return *a.first < *b.first; });
    PutCount(sorted.size());
    for (auto& [key, value] : sorted) {
      One(*key);
      One(*value);
    }
  }
  template <typename... T>
  void Put(std::variant<T...>& value) {
    PutLe(out_, static_cast<uint8_t>(value.index()));
    std::visit([this](auto& alternative) { this->One(alternative); }, value);
  }
  void PutCount(size_t count) { PutLe(out_, static_cast<uint32_t>(count)); }

  Bytes out_ = {};
};

// After a failure every further value is left as it was.
class StateReader {
 public:
  static constexpr bool kReads = true;

  explicit StateReader(ByteView bytes) : rest_(bytes) {}

  template <typename... T>
  void operator()(T&... values) {
    (One(values), ...);
  }
  bool ok() const { return ok_; }
  bool Complete() const { return ok_ && rest_.empty(); }
  void Require(bool holds) { ok_ = ok_ && holds; }

 private:
  template <typename T>
  void One(T& value) {
    if (!ok_) return;
    if constexpr (Keeps<StateReader, T>) {
      value.Keep(*this);
    } else if constexpr (KeepsFields<StateReader, T>) {
      T::Keep(*this, value);
    } else if constexpr (HasFields<StateReader, T>) {
      KeepFields(*this, value);
    } else if constexpr (std::is_same_v<T, bool>) {
      const auto byte = Int<uint8_t>();
      Require(byte <= 1);
      value = byte == 1;
    } else if constexpr (std::is_same_v<T, CloseReason>) {
      const auto code = static_cast<CloseReason>(Int<uint16_t>());
      Require(code == CloseReason::kNone || IsKnown(code));
      if (ok_) value = code;
    } else if constexpr (std::is_enum_v<T>) {
      const auto wire = Int<uint16_t>();
      Require(wire <= static_cast<uint16_t>(LastOf<T>::value));
      if (ok_) value = static_cast<T>(wire);
    } else if constexpr (std::is_integral_v<T>) {
      value = Int<T>();
    } else {
      Get(value);
    }
  }
  ByteView Raw(size_t size) {
    Require(size <= rest_.size());
    if (!ok_) return {};
    const ByteView taken = rest_.first(size);
    rest_ = rest_.subspan(size);
    return taken;
  }
  template <typename T>
  T Int() {
    const ByteView raw = Raw(sizeof(T));
    return ok_ ? GetLe<T>(raw.data()) : T{};
  }
  // Of things that take at least a byte each.
  uint32_t Count() {
    const auto count = Int<uint32_t>();
    Require(count <= rest_.size());
    return ok_ ? count : 0;
  }
  int64_t Within(int64_t least, int64_t most) {
    const auto value = Int<int64_t>();
    Require(value >= least && value <= most);
    return ok_ ? value : 0;
  }
  static constexpr int64_t kMostMs = 2 * limits::kLatest.ms;
  static constexpr int64_t kMost = int64_t{1} << 60;

  template <size_t N>
  void Get(std::array<uint8_t, N>& value) {
    const ByteView raw = Raw(N);
    if (ok_) std::copy(raw.begin(), raw.end(), value.begin());
  }
  void Get(Digest& value) { Get(value.bytes); }
  void Get(PublicKey& value) { Get(value.bytes); }
  void Get(Time& value) { value.ms = Within(0, kMostMs); }
  void Get(Duration& value) { value.ms = Within(-kMostMs, kMostMs); }
  void Get(Credits& value) { value.micro = Within(-kMost, kMost); }
  void Get(Rate& value) { value.micro_per_hour = Within(0, kMost); }
  void Get(std::string& value) { value = AsText(Raw(Count())); }
  void Get(Bytes& value) { value = ToBytes(Raw(Count())); }
  template <typename T>
  void Get(std::optional<T>& value) {
    bool there = false;
    One(there);
    if (there) One(value.emplace());
  }
  template <typename T>
  void Get(std::vector<T>& values) {
    const uint32_t count = Count();
    for (uint32_t i = 0; ok_ && i < count; ++i) One(values.emplace_back());
  }
  template <typename K, typename V>
  void Get(std::map<K, V>& values) {
    GetMap(values);
  }
  template <typename K, typename V, typename H>
  void Get(std::unordered_map<K, V, H>& values) {
    GetMap(values);
  }
  template <typename... T>
  void Get(std::variant<T...>& value) {
    const auto index = Int<uint8_t>();
    Require(index < sizeof...(T));
    if (ok_) GetAlternative(value, index, std::index_sequence_for<T...>());
  }
  template <typename Variant, size_t... I>
  void GetAlternative(Variant& value, size_t index, std::index_sequence<I...>) {
    ((I == index ? One(value.template emplace<I>()) : void()), ...);
  }
  template <typename Map>
  void GetMap(Map& values) {
    const uint32_t count = Count();
    std::optional<typename Map::key_type> last;
    for (uint32_t i = 0; ok_ && i < count; ++i) {
      typename Map::key_type key = {};
      One(key);
      Require(!last || *last < key);
      if (!ok_) return;
      One(values[key]);
      last = std::move(key);
    }
  }

  ByteView rest_;
  bool ok_ = true;
};

}  // namespace souk::ledger
