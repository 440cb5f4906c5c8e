#include "tools/gpucheck/report.h"

#include <cinttypes>
#include <cstdarg>
#include <cstdio>

namespace souk::tools {
namespace {

using gpu::conformance::FamilyReport;
using nlohmann::json;

// Of the differences and groups of one family; the JSON document has them all.
constexpr size_t kShown = 3;

__attribute__((format(printf, 1, 2))) std::string Format(const char* format, ...) {
  char line[512];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(line, sizeof(line), format, arguments);
  va_end(arguments);
  return line;
}

std::string Grouped(uint64_t number) {
  std::string digits = std::to_string(number);
  for (size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, ",");
  return digits;
}

// Exact families differ in nothing or in something; approximate ones by so much.
std::string WorstText(const FamilyReport& report) {
  const auto& c = report.comparison;
  if (c.worst_share == 0) return "0";
  return Format("%.2f ulp, %.0f %% of bound", c.worst_ulp, 100 * c.worst_share);
}

template <typename Items, typename Text>
void AppendSome(std::string& out, const Items& items, const Text& text) {
  for (size_t i = 0; i < items.size() && i < kShown; ++i) out += "  " + text(items[i]) + "\n";
  if (items.size() > kShown) out += Format("  and %zu more\n", items.size() - kShown);
}

uint64_t Total(const std::vector<DeviceCheck>& checks, uint64_t (*of)(const FamilyReport&)) {
  uint64_t total = 0;
  for (const DeviceCheck& check : checks) {
    for (const FamilyReport& report : check.families) total += of(report);
  }
  return total;
}

std::string FailuresText(const std::vector<DeviceCheck>& checks) {
  std::string text;
  for (const DeviceCheck& check : checks) {
    for (const FamilyReport& report : check.families) {
      if (report.Ok()) continue;
      text += (text.empty() ? "" : ", ") + report.family;
      if (checks.size() > 1) text += " on " + check.name;
    }
    if (!check.error.empty()) text += (text.empty() ? "" : ", ") + check.name + " itself";
  }
  return text;
}

}  // namespace

std::string FamilyHeading() {
  return Format("%-16s %6s %12s  %-26s %s\n", "FAMILY", "FORMS", "VALUES", "WORST", "RESULT");
}

std::string FamilyText(const FamilyReport& report) {
  const auto& c = report.comparison;
  std::string result = report.Ok() ? "ok" : "FAIL";
  if (c.wrong > 0) result += ", " + Grouped(c.wrong) + " wrong";
  if (report.skipped > 0) result += Format(", %u forms not on this device", report.skipped);
  if (c.nan_payloads > 0) result += ", " + Grouped(c.nan_payloads) + " NaNs with other payloads";
  std::string text =
      Format("%-16s %6s %12s  %-26s ", report.family.c_str(), Grouped(report.forms).c_str(),
             Grouped(c.values).c_str(), WorstText(report).c_str()) +
      result + "\n";
  if (!report.error.empty()) text += "  " + report.error + "\n";
  AppendSome(text, c.differences, [](const auto& one) { return one.Text(); });
  AppendSome(text, report.unexpected, [](const std::string& group) {
    return "the reference itself is not as expected: " + group;
  });
  return text;
}

std::string TimingHeading() {
  return Format("%-20s %12s %12s  %7s  %s\n", "KERNEL", "DEVICE", "BARE", "RATIO", "");
}

std::string TimingText(const KernelTiming& timing) {
  return Format("%-20s %9.1f us %9.1f us  %7.4f  %s\n", timing.name.c_str(), timing.device_us,
                timing.bare_us, timing.Ratio(),
                timing.Ratio() <= kTimingTarget ? "ok" : "over 1 %");
}

std::string DeviceText(const gpu::DeviceInfo& info) {
  std::string text = Format("%s, sm_%u, PTX %u.%u", info.name.c_str(), info.architecture,
                            info.newest_ptx / 10, info.newest_ptx % 10);
  if (!info.driver.empty()) text += ", driver " + info.driver;
  return text + ", " + info.uuid;
}

std::string Statement(const std::vector<DeviceCheck>& checks, const std::string& why_no_gpu) {
  const std::string forms =
      Grouped(Total(checks, [](const FamilyReport& r) -> uint64_t { return r.forms; })) + " forms";
  const std::string values =
      Grouped(Total(checks, [](const FamilyReport& r) { return r.comparison.values; })) + " values";
  const std::string failures = FailuresText(checks);
  if (!failures.empty()) return "FAIL: " + failures;
  if (!why_no_gpu.empty()) {
    return "NO GPU CHECKED: " + why_no_gpu +
           ". The reference meets its stored expectations and the "
           "ISA's bounds (" +
           forms + ", " + values + "); this says nothing of any GPU.";
  }
  std::string names;
  for (const DeviceCheck& check : checks) names += (names.empty() ? "" : ", ") + check.name;
  const uint64_t skipped =
      Total(checks, [](const FamilyReport& r) -> uint64_t { return r.skipped; });
  return "PASS: " + names + " agrees with the reference on " + forms + ", " + values +
         (skipped > 0 ? "; " + Grouped(skipped) + " forms need a newer GPU or driver" : "");
}

json CheckJson(const DeviceCheck& check) {
  json families = json::array();
  for (const FamilyReport& report : check.families) {
    const auto& c = report.comparison;
    json differences = json::array();
    for (const auto& one : c.differences) {
      differences.push_back({{"form", one.form},
                             {"row", one.row},
                             {"inputs", one.inputs},
                             {"expected", one.expected},
                             {"found", one.found}});
    }
    families.push_back({{"family", report.family},
                        {"forms", report.forms},
                        {"skipped", report.skipped},
                        {"values", c.values},
                        {"wrong", c.wrong},
                        {"nan_payloads", c.nan_payloads},
                        {"worst_ulp", c.worst_ulp},
                        {"worst_share_of_bound", c.worst_share},
                        {"differences", std::move(differences)},
                        {"unexpected", report.unexpected},
                        {"error", report.error},
                        {"ok", report.Ok()}});
  }
  json timings = json::array();
  for (const KernelTiming& timing : check.timings) {
    timings.push_back({{"name", timing.name},
                       {"value", timing.device_us},
                       {"unit", "us"},
                       {"floor", timing.bare_us},
                       {"ratio", timing.Ratio()},
                       {"target", kTimingTarget},
                       {"ok", timing.Ratio() <= kTimingTarget}});
  }
  return {{"device", check.name},
          {"name", check.info.name},
          {"uuid", check.info.uuid},
          {"architecture", check.info.architecture},
          {"newest_ptx", check.info.newest_ptx},
          {"driver", check.info.driver},
          {"families", std::move(families)},
          {"timings", std::move(timings)},
          {"error", check.error},
          {"ok", check.Ok()}};
}

}  // namespace souk::tools
