#include "gpu/workload/symbols.h"

#include <vector>

namespace souk::gpu {
namespace {

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

// <source-name>: a length and as many characters. Empty where there is none; `at` moves behind it.
std::string_view TakeSourceName(std::string_view symbol, size_t& at) {
  size_t length = 0;
  while (at < symbol.size() && IsDigit(symbol[at]) && length <= symbol.size()) {
    length = length * 10 + static_cast<size_t>(symbol[at++] - '0');
  }
  if (length == 0 || length > symbol.size() - at) return {};
  const std::string_view name = symbol.substr(at, length);
  at += length;
  return name;
}

// Of those that fit, the only one; exact names come first.
template <typename T, typename F>
const T* OnlyOneNamed(const std::vector<T>& all, std::string_view name, F fits) {
  const T* found = nullptr;
  size_t count = 0;
  for (const T& one : all) {
    if (!fits(one)) continue;
    if (one.name == name) return &one;
    if (SourceName(one.name) != name) continue;
    found = &one;
    ++count;
  }
  return count == 1 ? found : nullptr;
}

bool CanBeSet(const ptx::Variable& v) {
  return (v.space == ptx::Space::kConst || v.space == ptx::Space::kGlobal) && v.size != 0;
}

std::string NamesOf(const ptx::Module& module) {
  constexpr size_t kMostNamed = 8;
  std::string names;
  size_t count = 0;
  for (const ptx::Variable& v : module.variables) {
    if (!CanBeSet(v)) continue;
    if (++count <= kMostNamed) names += (names.empty() ? "" : ", ") + v.name;
  }
  if (count == 0) return "it has none in .const or .global memory";
  return "it has " + names + (count > kMostNamed ? " and more" : "");
}

}  // namespace

std::string SourceName(std::string_view symbol) {
  if (!symbol.starts_with("_Z")) return std::string(symbol);
  size_t at = 2;
  const bool nested = at < symbol.size() && symbol[at] == 'N';
  if (nested) ++at;
  std::string name;
  while (true) {
    if (at < symbol.size() && symbol[at] == 'L') ++at;  // internal linkage
    const std::string_view part = TakeSourceName(symbol, at);
    if (part.empty()) break;
    // Unnamed namespaces, and nvcc's name for a file's own things.
    if (part.starts_with("_GLOBAL__N_") || part.starts_with("_INTERNAL_")) continue;
    name += (name.empty() ? "" : "::") + std::string(part);
    if (!nested) break;
  }
  return name.empty() ? std::string(symbol) : name;
}

const ptx::Function* FindKernelNamed(const ptx::Module& module, std::string_view name) {
  return OnlyOneNamed(module.functions, name,
                      [](const ptx::Function& f) { return f.is_entry && f.defined; });
}

Status SetVariable(ptx::Module& module, const std::string& name, ByteView bytes) {
  const ptx::Variable* const named = OnlyOneNamed(module.variables, name, CanBeSet);
  if (named == nullptr) {
    return Error(Code::kNotFound, "no variable \"" + name + "\" in the module; " + NamesOf(module));
  }
  ptx::Variable* const found =
      &module.variables[static_cast<size_t>(named - module.variables.data())];
  if (!found->relocations.empty()) {
    return Error(Code::kUnsupported, "the variable \"" + name + "\" holds addresses");
  }
  if (found->size != bytes.size()) {
    return Error(Code::kMismatch, "the variable \"" + name + "\" has " +
                                      std::to_string(found->size) + " bytes, given are " +
                                      std::to_string(bytes.size()));
  }
  found->initialised = true;
  if (found->linkage == ptx::Linkage::kExtern) found->linkage = ptx::Linkage::kVisible;
  found->bytes = ToBytes(bytes);
  while (!found->bytes.empty() && found->bytes.back() == 0) found->bytes.pop_back();
  return Ok();
}

}  // namespace souk::gpu
