#include "protocol/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <numeric>

#include "protocol/limits.h"

namespace souk {
namespace {

constexpr int64_t kMicro = 1'000'000;
constexpr size_t kShortestId = 4;
constexpr int64_t kMsPerDay = 86'400'000;

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

// A decimal number without a sign, as digits and the power of ten that they are to be divided by.
struct Decimal {
  uint64_t digits = 0;
  int places = 0;
};

Error NotANumber(std::string_view text) {
  return Error(Code::kMalformed, "not a number: '" + std::string(text.substr(0, 40)) + "'");
}

// Takes "12", "12.5" or ".5"-less forms off the front. Eighteen digits fit 64 bits.
Result<Decimal> TakeDecimal(std::string_view& text) {
  const std::string_view whole = text;
  Decimal out;
  size_t digits = 0;
  bool point = false;
  size_t at = 0;
  for (; at < text.size(); ++at) {
    if (text[at] == '.' && !point && at > 0) {
      point = true;
      continue;
    }
    if (!IsDigit(text[at])) break;
    if (++digits > 18) return Error(Code::kTooLarge, "a number has at most 18 digits");
    out.digits = out.digits * 10 + static_cast<uint64_t>(text[at] - '0');
    if (point) ++out.places;
  }
  if (digits == 0 || text[at - 1] == '.') return NotANumber(whole);
  text.remove_prefix(at);
  return out;
}

// The decimal times `unit`, where that is a whole number of at most `most`.
Result<int64_t> Scale(Decimal number, int64_t unit, int64_t most) {
  using Wide = unsigned __int128;
  Wide scaled = static_cast<Wide>(number.digits) * static_cast<Wide>(unit);
  for (int i = 0; i < number.places; ++i) {
    if (scaled % 10 != 0) return Error(Code::kMalformed, "more decimals than can be kept");
    scaled /= 10;
  }
  if (scaled > static_cast<Wide>(most)) return Error(Code::kTooLarge, "the number is too large");
  return static_cast<int64_t>(scaled);
}

Result<int64_t> ParseMicro(std::string_view text, int64_t most) {
  std::string_view rest = text;
  ASSIGN_OR_RETURN(const Decimal number, TakeDecimal(rest));
  if (!rest.empty()) return NotANumber(text);
  return Scale(number, kMicro, most);
}

struct Unit {
  std::string_view name;
  int64_t size;
};
constexpr Unit kDurationUnits[] = {
    {"d", kMsPerDay}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1000}, {"ms", 1},
};
constexpr Unit kSizeUnits[] = {
    {"B", 1},
    {"KiB", int64_t{1} << 10},
    {"MiB", int64_t{1} << 20},
    {"GiB", int64_t{1} << 30},
    {"TiB", int64_t{1} << 40},
    {"PiB", int64_t{1} << 50},
    {"EiB", int64_t{1} << 60},
    {"kB", 1000},
    {"MB", 1'000'000},
    {"GB", 1'000'000'000},
    {"TB", 1'000'000'000'000},
    {"PB", 1'000'000'000'000'000},
    {"EB", 1'000'000'000'000'000'000},
};

std::string_view TakeLetters(std::string_view& text) {
  size_t size = 0;
  while (size < text.size() && !IsDigit(text[size]) && text[size] != '.') ++size;
  const std::string_view letters = text.substr(0, size);
  text.remove_prefix(size);
  return letters;
}

// Two digits or four, and the mark behind them.
Result<int64_t> TakeField(std::string_view& text, size_t digits, std::string_view mark) {
  const Error wrong(Code::kMalformed, "not a time such as 2026-03-01T14:22:06Z");
  if (text.size() < digits + mark.size() || text.substr(digits, mark.size()) != mark) return wrong;
  int64_t value = 0;
  for (const char c : text.substr(0, digits)) {
    if (!IsDigit(c)) return wrong;
    value = value * 10 + (c - '0');
  }
  text.remove_prefix(digits + mark.size());
  return value;
}

// Days since 1970-01-01 of a date in the Gregorian calendar (H. Hinnant, "chrono-compatible
// low-level date algorithms", days_from_civil).
int64_t DaysSinceEpoch(int64_t year, int64_t month, int64_t day) {
  const int64_t y = month <= 2 ? year - 1 : year;
  const int64_t era = y / 400;
  const int64_t year_of_era = y - era * 400;
  const int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  const int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146'097 + day_of_era - 719'468;
}

int64_t DaysIn(int64_t year, int64_t month) {
  constexpr std::array<int64_t, 12> kDays = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return kDays[static_cast<size_t>(month - 1)] + (month == 2 && leap ? 1 : 0);
}

// Whole seconds and the milliseconds above them, also before 1970.
std::pair<time_t, int64_t> SplitSeconds(Time time) {
  const int64_t ms = time.ms % 1000;
  if (ms >= 0) return {static_cast<time_t>(time.ms / 1000), ms};
  return {static_cast<time_t>(time.ms / 1000 - 1), ms + 1000};
}

std::tm LocalTime(time_t seconds) {
  std::tm out = {};
  ::localtime_r(&seconds, &out);
  return out;
}

size_t CommonDigits(const std::string& a, const std::string& b) {
  const size_t size = std::min(a.size(), b.size());
  return static_cast<size_t>(
      std::mismatch(a.begin(), a.begin() + static_cast<ptrdiff_t>(size), b.begin()).first -
      a.begin());
}

}  // namespace

std::string FormatCredits(Credits amount) {
  const bool negative = amount.micro < 0;
  const uint64_t micro =
      negative ? uint64_t{0} - static_cast<uint64_t>(amount.micro) : uint64_t(amount.micro);
  return fmt::format("{}{}.{:06}", negative ? "-" : "", micro / kMicro, micro % kMicro);
}

Result<Credits> ParseCredits(std::string_view text) {
  ASSIGN_OR_RETURN(const int64_t micro, ParseMicro(text, limits::kAmount.micro));
  return Credits{micro};
}

std::string FormatRate(Rate rate) {
  std::string out = FormatCredits(Credits{rate.micro_per_hour});
  const size_t shortest = out.find('.') + 3;
  while (out.size() > shortest && out.back() == '0') out.pop_back();
  return out;
}

Result<Rate> ParseRate(std::string_view text) {
  ASSIGN_OR_RETURN(const int64_t micro, ParseMicro(text, limits::kPrice.micro_per_hour));
  return Rate{micro};
}

std::string FormatDuration(Duration duration) {
  if (duration.ms == 0) return "0s";
  std::string out = duration.ms < 0 ? "-" : "";
  uint64_t rest =
      duration.ms < 0 ? uint64_t{0} - static_cast<uint64_t>(duration.ms) : uint64_t(duration.ms);
  for (const Unit& unit : kDurationUnits) {
    const auto size = static_cast<uint64_t>(unit.size);
    if (rest >= size) out += fmt::format("{}{}", rest / size, unit.name);
    rest %= size;
  }
  return out;
}

Result<Duration> ParseDuration(std::string_view text) {
  const Error malformed(Code::kMalformed, "not a duration such as 10m, 1h30m or 500ms: '" +
                                              std::string(text.substr(0, 40)) + "'");
  if (text.empty()) return malformed;
  std::string_view rest = text;
  int64_t total = 0;
  const Unit* next = std::begin(kDurationUnits);
  while (!rest.empty()) {
    const auto number = TakeDecimal(rest);
    if (!number) return number.error().code == Code::kTooLarge ? number.error() : malformed;
    const std::string_view name = TakeLetters(rest);
    const Unit* const unit =
        std::find_if(next, std::end(kDurationUnits), [&](const Unit& u) { return u.name == name; });
    if (unit == std::end(kDurationUnits)) return malformed;
    next = unit + 1;
    const int64_t left = limits::kLongestLease.ms - total;
    ASSIGN_OR_RETURN(const int64_t part, Scale(*number, unit->size, left));
    total += part;
  }
  return Duration{total};
}

std::string RoughDuration(Duration duration) {
  for (const Unit& unit : kDurationUnits) {
    if (duration.ms >= unit.size) return fmt::format("{}{}", duration.ms / unit.size, unit.name);
  }
  return "0s";
}

std::string FormatSize(uint64_t bytes) {
  if (bytes < 1024) return fmt::format("{} B", bytes);
  constexpr const char* kNames[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  for (value /= 1024; value >= 1023.95 && unit + 1 < std::size(kNames); ++unit) value /= 1024;
  std::string out = fmt::format("{:.1f}", value);
  if (out.substr(out.size() - 2) == ".0") out.resize(out.size() - 2);
  return out + " " + kNames[unit];
}

Result<uint64_t> ParseSize(std::string_view text) {
  const Error malformed(Code::kMalformed, "not a size such as 24GiB or 512MB: '" +
                                              std::string(text.substr(0, 40)) + "'");
  std::string_view rest = text;
  const auto number = TakeDecimal(rest);
  if (!number) return number.error().code == Code::kTooLarge ? number.error() : malformed;
  if (!rest.empty() && rest[0] == ' ') rest.remove_prefix(1);
  if (rest.empty()) rest = "B";
  const Unit* const unit = std::find_if(std::begin(kSizeUnits), std::end(kSizeUnits),
                                        [&](const Unit& u) { return u.name == rest; });
  if (unit == std::end(kSizeUnits)) return malformed;
  // 79.6 GiB is what people read, so they may write it, though it is no whole number of bytes.
  unsigned __int128 bytes = static_cast<unsigned __int128>(number->digits) * unit->size;
  for (int i = 0; i < number->places; ++i) bytes /= 10;
  if (bytes > UINT64_MAX) return Error(Code::kTooLarge, "the size is too large");
  return static_cast<uint64_t>(bytes);
}

std::string FormatTime(Time time) {
  const auto [seconds, ms] = SplitSeconds(time);
  std::tm parts = {};
  if (::gmtime_r(&seconds, &parts) == nullptr) return fmt::format("{} ms", time.ms);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", parts.tm_year + 1900,
                     parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                     ms);
}

Result<Time> ParseTime(std::string_view text) {
  const Error wrong(Code::kMalformed, "not a time such as 2026-03-01T14:22:06Z: '" +
                                          std::string(text.substr(0, 40)) + "'");
  std::string_view rest = text;
  ASSIGN_OR_RETURN(const int64_t year, TakeField(rest, 4, "-"));
  ASSIGN_OR_RETURN(const int64_t month, TakeField(rest, 2, "-"));
  ASSIGN_OR_RETURN(const int64_t day, TakeField(rest, 2, "T"));
  ASSIGN_OR_RETURN(const int64_t hour, TakeField(rest, 2, ":"));
  ASSIGN_OR_RETURN(const int64_t minute, TakeField(rest, 2, ":"));
  const bool fraction = rest.size() > 2 && rest[2] == '.';
  ASSIGN_OR_RETURN(const int64_t second, TakeField(rest, 2, fraction ? "." : "Z"));
  int64_t ms = 0;
  if (fraction) {
    ASSIGN_OR_RETURN(ms, TakeField(rest, 3, "Z"));
  }
  const bool date = month >= 1 && month <= 12 && day >= 1 && day <= DaysIn(year, month);
  if (!date || hour > 23 || minute > 59 || second > 59 || !rest.empty()) return wrong;
  const Time time{DaysSinceEpoch(year, month, day) * kMsPerDay + hour * 3'600'000 +
                  minute * 60'000 + second * 1000 + ms};
  if (time < limits::kEarliest || time > limits::kLatest) {
    return Error(Code::kTooLarge, "a time lies between the years 2000 and 2200");
  }
  return time;
}

std::string LocalClockMillis(Time time) {
  return fmt::format("{}.{:03}", LocalClock(time), SplitSeconds(time).second);
}

std::string LocalClock(Time time) {
  const std::tm parts = LocalTime(SplitSeconds(time).first);
  return fmt::format("{:02}:{:02}:{:02}", parts.tm_hour, parts.tm_min, parts.tm_sec);
}

std::string ShortId(const Digest& id, const std::vector<Digest>& all) {
  const std::string hex = id.Hex();
  size_t size = kShortestId;
  for (const Digest& other : all) {
    if (other != id) size = std::max(size, CommonDigits(hex, other.Hex()) + 1);
  }
  return hex.substr(0, size);
}

std::vector<std::string> ShortIds(const std::vector<Digest>& all) {
  // Sorted, the longest prefix that an id shares with another it shares with a neighbour.
  std::vector<size_t> order(all.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return all[a] < all[b]; });
  std::vector<std::string> out(all.size());
  for (const size_t i : order) out[i] = all[i].Hex();
  std::vector<size_t> sizes(all.size(), kShortestId);
  for (size_t i = 1; i < order.size(); ++i) {
    const size_t a = order[i - 1];
    const size_t b = order[i];
    if (all[a] == all[b]) {
      sizes[b] = sizes[a];  // what sets the first of equals apart from those before it
      continue;
    }
    const size_t needed = CommonDigits(out[a], out[b]) + 1;
    sizes[b] = std::max(sizes[b], needed);
    for (size_t j = i; j-- > 0 && all[order[j]] == all[a];) {
      sizes[order[j]] = std::max(sizes[order[j]], needed);
    }
  }
  for (size_t i = 0; i < all.size(); ++i) out[i].resize(sizes[i]);
  return out;
}

Result<Digest> ResolveId(std::string_view prefix, const std::vector<Digest>& all) {
  constexpr std::string_view kScheme = "sha256:";
  if (prefix.substr(0, kScheme.size()) == kScheme) prefix.remove_prefix(kScheme.size());
  std::string wanted(prefix.substr(0, 65));
  for (char& c : wanted) {
    if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
    if (!IsDigit(c) && (c < 'a' || c > 'f')) {
      return Error(Code::kMalformed, "an id is written in hex digits");
    }
  }
  if (wanted.empty() || wanted.size() > 64) {
    return Error(Code::kMalformed, "an id has 1 to 64 hex digits");
  }
  std::vector<Digest> found;
  for (const Digest& id : all) {
    if (id.Hex().compare(0, wanted.size(), wanted) == 0) found.push_back(id);
  }
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  if (found.empty()) return Error(Code::kNotFound, "nothing begins with " + wanted);
  if (found.size() == 1) return found[0];
  std::string names;
  const std::vector<std::string> shown = ShortIds(found);
  for (size_t i = 0; i < shown.size() && i < 4; ++i) names += (i == 0 ? "" : ", ") + shown[i];
  if (shown.size() > 4) names += "…";
  return Error(Code::kConflict,
               fmt::format("{} ids begin with {}: {}", found.size(), wanted, names));
}

Digest SaltedDigest(const Digest& salt, ByteView value) {
  constexpr std::string_view kDomain("souk/salted\0", 12);
  return Sha256Hasher().Update(AsBytes(kDomain)).Update(salt.view()).Update(value).Finish();
}

}  // namespace souk
