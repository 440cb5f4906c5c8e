#include "gpu/ptx/source_lines.h"

#include <algorithm>

namespace souk::ptx {
namespace {

const std::string* FileName(const Module& module, uint32_t number) {
  const auto found = std::find_if(module.files.begin(), module.files.end(),
                                  [&](const SourceFile& file) { return file.number == number; });
  return found == module.files.end() ? nullptr : &found->name;
}

}  // namespace

std::string PlaceText(const SourceLine& line) {
  return line.file.substr(line.file.rfind('/') + 1) + ":" + std::to_string(line.line);
}

std::map<uint32_t, SourceLine> SourceLinesOf(const Module& module) {
  std::map<uint32_t, SourceLine> lines;
  const bool any = std::any_of(module.functions.begin(), module.functions.end(),
                               [](const Function& f) { return !f.locations.empty(); });
  if (!any) return lines;
  // The text's functions and instructions are the module's, in order.
  const Result<Module> text = Parse(Write(module));
  if (!text || text->functions.size() != module.functions.size()) return lines;
  for (size_t f = 0; f < module.functions.size(); ++f) {
    const Function& with = module.functions[f];
    const Function& written = text->functions[f];
    if (written.body.size() != with.body.size()) continue;
    size_t next = 0;
    for (size_t i = 0; i < with.body.size(); ++i) {
      while (next < with.locations.size() && with.locations[next].position <= i) ++next;
      if (next == 0) continue;
      const Location& location = with.locations[next - 1];
      const std::string* const file = FileName(module, location.file);
      if (file != nullptr && location.line != 0) {
        lines[written.body[i].line] = {*file, location.line};
      }
    }
  }
  return lines;
}

}  // namespace souk::ptx
