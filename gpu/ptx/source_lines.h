// From lines of canonical PTX back to the compiler's source, where the text that was parsed had
// .loc.
#pragma once

#include <map>
#include <string>

#include "gpu/ptx/module.h"

namespace souk::ptx {

struct SourceLine {
  std::string file = {};  // as .file names it
  uint32_t line = 0;
};

// "kernel.cu:12": the folder, which the compiler writes too, says nothing to whoever has the
// source.
std::string PlaceText(const SourceLine& line);

// By line of Write(module). module: canonical, as Canonicalize left it, which keeps the locations
// that Write does not write. Empty where it has none.
std::map<uint32_t, SourceLine> SourceLinesOf(const Module& module);

}  // namespace souk::ptx
