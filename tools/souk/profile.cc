#include "tools/souk/profile.h"

#include <fmt/format.h>

#include <algorithm>

#include "gpu/ptx/source_lines.h"
#include "protocol/text.h"
#include "tools/common/terminal.h"

namespace souk::tools {
namespace {

constexpr size_t kHottest = 5;

// A line of the source where that is known, of the PTX where no line's is; all instructions whose
// is not; and at the end all that is not among the hottest, so that the shares sum up to 1.
struct HotLine {
  std::string where = {};
  uint64_t thread_instructions = 0;
  uint64_t bytes = 0;
};

std::string PlaceOf(uint32_t line, const std::map<uint32_t, ptx::SourceLine>& sources) {
  const auto source = sources.find(line);
  if (source != sources.end()) {
    return ptx::PlaceText(source->second);
  }
  return sources.empty() ? fmt::format("line {} of the PTX", line) : "no line of the source";
}

std::vector<HotLine> HotLines(const gpu::KernelProfile& kernel,
                              const std::map<uint32_t, ptx::SourceLine>& sources) {
  std::map<std::string, HotLine> by_place;
  for (const auto& [line, count] : kernel.lines) {
    const std::string where = PlaceOf(line, sources);
    HotLine& hot = by_place[where];
    hot.where = where;
    hot.thread_instructions += count.thread_instructions;
    hot.bytes += count.bytes;
  }
  std::vector<HotLine> lines;
  lines.reserve(by_place.size());
  for (auto& [where, hot] : by_place) lines.push_back(std::move(hot));
  std::stable_sort(lines.begin(), lines.end(), [](const HotLine& x, const HotLine& y) {
    return x.thread_instructions > y.thread_instructions;
  });
  const size_t others = lines.size() - std::min(lines.size(), kHottest);
  lines.resize(lines.size() - others);
  HotLine rest{
      others == 0 ? "elsewhere" : fmt::format("{} other line{}", others, others == 1 ? "" : "s"),
      kernel.thread_instructions, kernel.bytes};
  for (const HotLine& line : lines) {
    rest.thread_instructions -= std::min(rest.thread_instructions, line.thread_instructions);
    rest.bytes -= std::min(rest.bytes, line.bytes);
  }
  if (rest.thread_instructions != 0 || rest.bytes != 0) lines.push_back(std::move(rest));
  return lines;
}

std::map<uint32_t, ptx::SourceLine> SourcesOf(const std::vector<ptx::Module>& modules,
                                              uint32_t module) {
  return module < modules.size() ? ptx::SourceLinesOf(modules[module])
                                 : std::map<uint32_t, ptx::SourceLine>();
}

double Seconds(const gpu::KernelProfile& kernel) {
  return static_cast<double>(kernel.nanoseconds) * 1e-9;
}

}  // namespace

Json ProfileJson(const gpu::Profile& profile, const std::vector<ptx::Module>& modules) {
  Json kernels = Json::array();
  for (const auto& [key, kernel] : profile) {
    Json lines = Json::array();
    for (const HotLine& hot : HotLines(kernel, SourcesOf(modules, key.first))) {
      lines.push_back({{"where", hot.where},
                       {"thread_instructions", hot.thread_instructions},
                       {"bytes", hot.bytes}});
    }
    kernels.push_back({{"module", key.first},
                       {"kernel", key.second},
                       {"launches", kernel.launches},
                       {"seconds", Seconds(kernel)},
                       {"thread_instructions", kernel.thread_instructions},
                       {"bytes", kernel.bytes},
                       {"hottest", std::move(lines)}});
  }
  return kernels;
}

std::string ProfileText(const gpu::Profile& profile, const std::vector<ptx::Module>& modules) {
  std::vector<std::pair<gpu::Profile::key_type, const gpu::KernelProfile*>> kernels;
  for (const auto& [key, kernel] : profile) kernels.emplace_back(key, &kernel);
  std::stable_sort(kernels.begin(), kernels.end(), [](const auto& x, const auto& y) {
    return x.second->nanoseconds > y.second->nanoseconds;
  });
  Table table({{"KERNEL"},
               {"LAUNCHES", Align::kRight},
               {"TIME", Align::kRight},
               {"INSTRUCTIONS", Align::kRight},
               {"MOVED", Align::kRight}});
  for (const auto& [key, kernel] : kernels) {
    table.Add({key.second, WithCommas(kernel->launches), FormatElapsed(Seconds(*kernel)),
               WithCommas(kernel->thread_instructions), FormatSize(kernel->bytes)});
  }
  std::string text = table.ToText();
  for (const auto& [key, kernel] : kernels) {
    Table hot({{"OF " + key.second, Align::kRight}, {"WHERE"}, {"MOVED", Align::kRight}});
    for (const HotLine& line : HotLines(*kernel, SourcesOf(modules, key.first))) {
      const double share = kernel->thread_instructions == 0
                               ? 0
                               : static_cast<double>(line.thread_instructions) /
                                     static_cast<double>(kernel->thread_instructions);
      hot.Add({fmt::format("{:.1f} %", 100 * share), line.where,
               line.bytes == 0 ? "" : FormatSize(line.bytes)});
    }
    text += "\n" + hot.ToText();
  }
  return text;
}

}  // namespace souk::tools
