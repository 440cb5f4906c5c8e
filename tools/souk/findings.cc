#include "tools/souk/findings.h"

#include <fmt/format.h>

#include <map>

#include "gpu/ptx/source_lines.h"
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

// "kernel.cu:12" of each line of the canonical PTX, module by module, each asked for when needed.
class Sources {
 public:
  explicit Sources(const gpu::Manifest& manifest) : manifest_(manifest) {}

  // Empty where the line has none.
  std::string Of(gpu::ModuleHandle module, uint32_t line) {
    if (module >= manifest_.modules.size()) return "";
    const auto [lines, made] = lines_.try_emplace(module);
    if (made) lines->second = ptx::SourceLinesOf(manifest_.modules[module]);
    const auto found = lines->second.find(line);
    if (found == lines->second.end()) return "";
    return ptx::PlaceText(found->second);
  }

 private:
  const gpu::Manifest& manifest_;
  std::map<gpu::ModuleHandle, std::map<uint32_t, ptx::SourceLine>> lines_ = {};
};

// "store at kernel.cu:12 (PTX line 41), block 3, thread 17".
std::string AccessText(const FindingAccess& access, const Finding& f, Sources& sources) {
  std::string text = access.what;
  const std::string source = sources.Of(f.module, access.line);
  if (!source.empty()) {
    text += fmt::format(" at {} (PTX line {})", source, access.line);
  } else if (access.line != 0) {
    text += fmt::format(" at PTX line {}", access.line);
  }
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
  if (f.space != std::string("global")) return fmt::format("{} + {}", f.space, f.offset);
  const std::string buffer = BufferName(f, workload);
  return fmt::format("{} + {}", buffer.empty() ? "a variable" : Shorten(buffer, kNameColumns),
                     f.offset);
}

Json AccessJson(const FindingAccess& access, const Finding& f, Sources& sources) {
  Json json = {{"what", access.what}};
  json["line"] = access.line != 0 ? Json(access.line) : Json(nullptr);
  const std::string source = sources.Of(f.module, access.line);
  json["source"] = source.empty() ? Json(nullptr) : Json(source);
  json["block"] = access.block != FindingAccess::kUnknown ? Json(access.block) : Json(nullptr);
  json["thread"] = access.thread != FindingAccess::kUnknown ? Json(access.thread) : Json(nullptr);
  return json;
}

}  // namespace

Json FindingsJson(const gpu::CheckReport& report, const gpu::Manifest& manifest) {
  const gpu::Workload& workload = manifest.workload;
  Sources sources(manifest);
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
                        {"first", AccessJson(f.first, f, sources)},
                        {"second", AccessJson(f.second, f, sources)},
                        {"place", std::move(place)},
                        {"times", f.times}});
  }
  return {{"clean", report.clean()},
          {"launches", report.launches},
          {"distinct", report.distinct},
          {"findings", std::move(findings)}};
}

std::string FindingsText(const gpu::CheckReport& report, const gpu::Manifest& manifest) {
  const std::string launches =
      fmt::format("{} launch{}", report.launches, report.launches == 1 ? "" : "es");
  if (report.clean()) return fmt::format("check {}: clean\n", launches);
  Sources sources(manifest);
  std::string text;
  for (const Finding& f : report.findings) {
    text += fmt::format("{} {}: kernel {}, launch {}, {} time{}\n",
                        Styled(stdout, Style::kBad, "✗"), gpu::FindingKindText(f.kind), f.kernel,
                        f.launch + 1, WithCommas(f.times), f.times == 1 ? "" : "s");
    text += "  first  " + AccessText(f.first, f, sources) + "\n";
    text += "  then   " + AccessText(f.second, f, sources) + "\n";
    if (*f.space != '\0') text += "  where  " + PlaceText(f, manifest.workload) + "\n";
  }
  if (report.distinct > report.findings.size()) {
    text += fmt::format("and {} more\n", WithCommas(report.distinct - report.findings.size()));
  }
  return text + fmt::format(
                    "check {}: {} found. The result may be another on another device, and proves "
                    "nothing against anyone. PTX lines are those that souk compile writes.\n",
                    launches, WithCommas(report.distinct));
}

}  // namespace souk::tools
