#include "tools/souk/findings.h"

#include <fmt/format.h>

#include "tools/common/terminal.h"

namespace souk::tools {
namespace {

using gpu::Dim3;
using gpu::Finding;
using gpu::FindingAccess;

std::string Coordinates(uint64_t index, const Dim3& extent) {
  const uint64_t x = index % extent.x;
  const uint64_t y = index / extent.x % extent.y;
  const uint64_t z = index / extent.x / extent.y;
  if (extent.y == 1 && extent.z == 1) return std::to_string(x);
  return extent.z == 1 ? fmt::format("{},{}", x, y) : fmt::format("{},{},{}", x, y, z);
}

// "line 41 store, block 3, thread 17".
std::string AccessText(const FindingAccess& access, const Finding& f) {
  std::string text =
      access.line != 0 ? fmt::format("line {} {}", access.line, access.what) : access.what;
  if (access.block != FindingAccess::kUnknown) {
    text += ", block " + Coordinates(access.block, f.grid);
  }
  if (access.thread != FindingAccess::kUnknown) {
    text += ", thread " + Coordinates(access.thread, f.block);
  }
  return text;
}

// The buffer's name; empty where a module's variable is meant, or no memory of the device.
std::string BufferName(const Finding& f, const gpu::Workload& workload) {
  if (f.space != std::string("global") || f.allocation >= workload.buffers.size()) return "";
  return workload.buffers[f.allocation].name;
}

std::string PlaceText(const Finding& f, const gpu::Workload& workload) {
  if (*f.space == '\0') return "–";
  if (f.space != std::string("global")) return fmt::format("{} + {}", f.space, f.offset);
  const std::string buffer = BufferName(f, workload);
  return fmt::format("{} + {}", buffer.empty() ? "a variable" : Shorten(buffer, kNameColumns),
                     f.offset);
}

Json AccessJson(const FindingAccess& access) {
  Json json = {{"what", access.what}};
  json["line"] = access.line != 0 ? Json(access.line) : Json(nullptr);
  json["block"] = access.block != FindingAccess::kUnknown ? Json(access.block) : Json(nullptr);
  json["thread"] = access.thread != FindingAccess::kUnknown ? Json(access.thread) : Json(nullptr);
  return json;
}

}  // namespace

Json FindingsJson(const gpu::CheckReport& report, const gpu::Workload& workload) {
  Json findings = Json::array();
  for (const Finding& f : report.findings) {
    Json place = nullptr;
    if (*f.space != '\0') {
      const std::string buffer = BufferName(f, workload);
      place = {{"space", f.space},
               {"buffer", buffer.empty() ? Json(nullptr) : Json(buffer)},
               {"offset", f.offset}};
    }
    findings.push_back({{"kind", gpu::FindingKindName(f.kind)},
                        {"kernel", f.kernel},
                        {"launch", f.launch + 1},
                        {"first", AccessJson(f.first)},
                        {"second", AccessJson(f.second)},
                        {"place", std::move(place)},
                        {"times", f.times}});
  }
  return {{"clean", report.clean()},
          {"launches", report.launches},
          {"distinct", report.distinct},
          {"findings", std::move(findings)}};
}

std::string FindingsText(const gpu::CheckReport& report, const gpu::Workload& workload) {
  const std::string launches =
      fmt::format("{} launch{}", report.launches, report.launches == 1 ? "" : "es");
  if (report.clean()) return fmt::format("check {}: clean\n", launches);
  Table table({{.title = "FOUND"},
               {.title = "KERNEL"},
               {.title = "LAUNCH", .align = Align::kRight},
               {.title = "FIRST"},
               {.title = "THEN"},
               {.title = "WHERE"},
               {.title = "TIMES", .align = Align::kRight}});
  for (const Finding& f : report.findings) {
    table.Add({gpu::FindingKindText(f.kind), Shorten(f.kernel, kNameColumns),
               std::to_string(f.launch + 1), AccessText(f.first, f), AccessText(f.second, f),
               PlaceText(f, workload), WithCommas(f.times)});
  }
  std::string text = table.ToText();
  if (report.distinct > report.findings.size()) {
    text += fmt::format("and {} more\n", WithCommas(report.distinct - report.findings.size()));
  }
  return text + fmt::format(
                    "check {}: {} found. The result may be another on another device, and "
                    "proves nothing\nagainst anyone. Lines are those of the canonical PTX.\n",
                    launches, WithCommas(report.distinct));
}

}  // namespace souk::tools
