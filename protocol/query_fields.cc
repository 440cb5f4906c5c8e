#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "protocol/base/check.h"
#include "protocol/query_tree.h"
#include "protocol/text.h"

namespace souk::query {
namespace {

constexpr double kMicro = 1e6;
constexpr double kUnsaid = std::numeric_limits<double>::quiet_NaN();

double OrUnsaid(uint64_t value) {
  return value == 0 ? kUnsaid : static_cast<double>(value);
}
double InSeconds(Duration duration) {
  return static_cast<double>(duration.ms) / 1000;
}
double InCredits(int64_t micro) {
  return static_cast<double>(micro) / kMicro;
}

// Rounded back, so that what is shown is what the offer says.
int64_t InMicro(double credits) {
  return std::llround(credits * kMicro);
}

std::string ShowNumber(Type type, double value) {
  if (std::isnan(value)) return "–";
  switch (type) {
    case Type::kNumber:
      return fmt::format("{}", value);
    case Type::kCredits:
      return FormatCredits(Credits{InMicro(value)});
    case Type::kRate:
      return FormatRate(Rate{InMicro(value)});
    case Type::kBytes:
      return FormatSize(static_cast<uint64_t>(value));
    case Type::kSeconds:
      return FormatDuration(Duration{std::llround(value * 1000)});
    case Type::kBits:
      return fmt::format("{}Mbps", value / 1e6);
    case Type::kTime:
      return FormatTime(Time{std::llround(value)});
    case Type::kGrade:
      return GradeName(static_cast<Grade>(value));
    case Type::kJail:
      return JailGradeName(static_cast<JailGrade>(value));
    case Type::kText:
    case Type::kIds:
      break;
  }
  CHECK(false && "not a number");
  return {};
}

std::vector<Field> MakeFields() {
  using V = const OfferView&;
  const auto number = [](const char* name, const char* meaning, Type type, double (*get)(V)) {
    return Field{name, meaning, type, get, nullptr, nullptr};
  };
  const auto text = [](const char* name, const char* meaning, std::string_view (*get)(V)) {
    return Field{name, meaning, Type::kText, nullptr, get, nullptr};
  };
  const auto ids = [](const char* name, const char* meaning, std::vector<std::string> (*get)(V)) {
    return Field{name, meaning, Type::kIds, nullptr, nullptr, get};
  };
  // uint64 memory sizes above 2^53 lose bits as doubles; no device is that large.
  return {
      text("gpu.model", "the device's name, such as \"H100\"",
           [](V v) { return std::string_view(v.offer.model); }),
      text("gpu.kind", "cuda or cpu", [](V v) { return std::string_view(v.offer.device_kind); }),
      number("gpu.count", "devices", Type::kNumber,
             [](V v) { return static_cast<double>(v.offer.count); }),
      number("gpu.slices", "what can be leased at once", Type::kNumber,
             [](V v) { return static_cast<double>(v.offer.slices); }),
      number("gpu.memory", "per device, such as 24GiB", Type::kBytes,
             [](V v) { return static_cast<double>(v.offer.memory_bytes); }),
      number("gpu.arch", "compute capability, such as 9.0", Type::kNumber,
             [](V v) { return OrUnsaid(v.offer.architecture) / 10; }),
      number("gpu.fp32_tflops", "the figure behind the grade", Type::kNumber,
             [](V v) { return OrUnsaid(v.offer.fp32_mflops) / 1e6; }),
      number("gpu.ptx", "the newest PTX that it takes, such as 8.4", Type::kNumber,
             [](V v) { return OrUnsaid(v.offer.newest_ptx) / 10; }),
      text("gpu.driver", "the driver's version",
           [](V v) { return std::string_view(v.offer.driver); }),
      number("price", "credits per slice and hour", Type::kRate,
             [](V v) { return InCredits(v.offer.price.micro_per_hour); }),
      number("price.interruptible", "the same for a lease that may be displaced", Type::kRate,
             [](V v) {
               const auto& price = v.offer.interruptible_price;
               return price ? InCredits(price->micro_per_hour) : kUnsaid;
             }),
      number("price.hold", "the same while paused", Type::kRate,
             [](V v) { return InCredits(v.offer.hold_price.micro_per_hour); }),
      number("bond", "the bond's share behind a lease, in credits", Type::kCredits,
             [](V v) { return InCredits(v.offer.bond_share.micro); }),
      number("grade", "of capability: declared, challenged, attested", Type::kGrade,
             [](V v) { return static_cast<double>(v.offer.grade); }),
      number("jail", "of the worker: none, landlock, namespaces", Type::kJail,
             [](V v) { return static_cast<double>(v.offer.jail); }),
      text("region", "ISO 3166, such as \"FR\"",
           [](V v) { return std::string_view(v.offer.region); }),
      number("duration.min", "the shortest lease, such as 10m", Type::kSeconds,
             [](V v) { return InSeconds(v.offer.min_duration); }),
      number("duration.max", "the longest lease, such as 6h", Type::kSeconds,
             [](V v) { return InSeconds(v.offer.max_duration); }),
      number("bandwidth", "per second, such as 500Mbps", Type::kBits,
             [](V v) { return OrUnsaid(v.offer.bandwidth_kbps) * 1000; }),
      number("expires", "when the offer does, such as \"2026-03-01T14:00:00Z\"", Type::kTime,
             [](V v) { return static_cast<double>(v.offer.expires.ms); }),
      ids("provider", "its name, or the beginning of its id",
          [](V v) {
            return std::vector<std::string>{v.provider_name, v.provider.ToString()};
          }),
      ids("clearing", "a clearing peer that it accepts, by the beginning of its id",
          [](V v) {
            std::vector<std::string> out;
            for (const PeerId& peer : v.offer.clearing_peers) out.push_back(peer.ToString());
            return out;
          }),
      ids("offer", "the beginning of the offer's id",
          [](V v) { return std::vector<std::string>{v.id.Hex()}; }),
  };
}

}  // namespace

const std::vector<Field>& Fields() {
  static const std::vector<Field> fields = MakeFields();
  return fields;
}

const Field* FindField(std::string_view name) {
  const auto& fields = Fields();
  const auto found =
      std::find_if(fields.begin(), fields.end(), [&](const Field& f) { return f.name == name; });
  return found == fields.end() ? nullptr : &*found;
}

bool IsNumeric(Type type) {
  return type != Type::kText && type != Type::kIds;
}

std::string ShowValue(const Field& field, const OfferView& offer) {
  if (field.type == Type::kText) {
    const std::string_view text = field.text(offer);
    return text.empty() ? "–" : std::string(text);
  }
  if (field.type != Type::kIds) return ShowNumber(field.type, field.number(offer));
  const std::vector<std::string> names = field.ids(offer);
  for (const std::string& name : names) {
    if (!name.empty()) return name;
  }
  return "–";
}

std::optional<double> ParseLevel(Type type, std::string_view name) {
  const auto last = type == Type::kGrade ? static_cast<int>(Grade::kAttested)
                                         : static_cast<int>(JailGrade::kNamespaces);
  for (int level = 0; level <= last; ++level) {
    if (ShowNumber(type, level) == name) return level;
  }
  return std::nullopt;
}

std::string LowerCase(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

}  // namespace souk::query

namespace souk {

std::vector<QueryField> QueryFields() {
  std::vector<QueryField> out;
  for (const query::Field& field : query::Fields()) {
    out.push_back(QueryField{field.name, field.meaning});
  }
  return out;
}

}  // namespace souk
