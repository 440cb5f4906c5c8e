#include "gpu/ptx/declarations.h"

#include <fmt/format.h>

#include "gpu/ptx/targets.h"

namespace souk::ptx {
namespace {

constexpr uint32_t kMostVectorBits = 128;
constexpr uint32_t kMostParamAlign = 128;  // of a function
constexpr uint32_t kMostKernelParamAlign = 1u << 15;

// The fundamental types of variables; all others are types of instructions only.
bool IsFundamental(Type type) {
  switch (type) {
    case Type::kB8:
    case Type::kB16:
    case Type::kB32:
    case Type::kB64:
    case Type::kB128:
    case Type::kU8:
    case Type::kU16:
    case Type::kU32:
    case Type::kU64:
    case Type::kS8:
    case Type::kS16:
    case Type::kS32:
    case Type::kS64:
    case Type::kF16:
    case Type::kF16x2:
    case Type::kF32:
    case Type::kF64:
      return true;
    default:
      return false;
  }
}

bool SameParams(const Function& a, const std::vector<Param>& params, const Function& b,
                const std::vector<Param>& others) {
  if (params.size() != others.size()) return false;
  for (size_t i = 0; i < params.size(); ++i) {
    if (params[i].is_register != others[i].is_register) return false;
    if (params[i].is_register) {
      const Register& x = a.registers[params[i].index];
      const Register& y = b.registers[others[i].index];
      if (x.type != y.type || x.vector != y.vector) return false;
      continue;
    }
    const Variable& x = a.variables[params[i].index];
    const Variable& y = b.variables[others[i].index];
    if (x.type != y.type || x.is_array != y.is_array || x.size != y.size || x.align != y.align) {
      return false;
    }
  }
  return true;
}

// "0x1f", "15": the values that pragmas take.
bool IsNumber(std::string_view text) {
  const bool hex = text.starts_with("0x");
  const std::string_view digits = hex ? text.substr(2) : text;
  return !digits.empty() && digits.find_first_not_of(hex ? "0123456789abcdefABCDEF"
                                                         : "0123456789") == std::string_view::npos;
}

struct PragmaRow {
  const char* name;
  uint32_t version;
  bool has_value;
};
// Beside "nounroll", which may stand anywhere.
constexpr PragmaRow kBodyPragmas[] = {
    {"used_bytes_mask", 83, true}, {"enable_smem_spilling", 87, false}, {"frequency", 90, true}};

}  // namespace

std::string TypeFault(const Module& module, Space space, Site site, Type type, uint8_t vector) {
  if (type == Type::kPred) {
    return space == Space::kReg && vector == 1 ? "" : "predicates live in scalar registers only";
  }
  if (type >= Type::kTexref) {
    const bool at_home = (site == Site::kModule && space == Space::kGlobal) ||
                         (site == Site::kEntryParam && space == Space::kParam);
    if (!at_home || vector > 1) {
      return "textures, samplers and surfaces are .global variables or kernels' parameters only";
    }
    return type == Type::kSamplerref && !module.texmode_independent
               ? ".samplerref needs .target texmode_independent"
               : "";
  }
  if (!IsFundamental(type))
    return fmt::format(".{} is a type of instructions only", TypeName(type));
  if (TypeBits(type) * vector > kMostVectorBits) return "a vector of more than 128 bits";
  if (type == Type::kB128 && module.version < 83) return ".b128 needs .version 8.3";
  if (space == Space::kParam && vector > 1) return "a parameter that is a vector";
  if (space == Space::kParam && type == Type::kF16x2) return "a parameter of .f16x2";
  return "";
}

bool SameTypes(const Function& a, const Function& b) {
  return SameParams(a, a.params, b, b.params) && SameParams(a, a.returns, b, b.returns);
}

std::string RedeclarationFault(const Function& before, const Function& again) {
  if (before.defined)
    return again.defined ? "is defined twice" : "is declared behind its definition";
  if (before.is_entry != again.is_entry || !SameTypes(before, again) ||
      before.directives.noreturn != again.directives.noreturn) {
    return "is declared with different parameters";
  }
  const bool plain = again.linkage == Linkage::kInternal && before.linkage != Linkage::kExtern;
  if (plain || before.linkage == again.linkage) return "";
  return "is declared with different linkage";
}

std::string AliasFault(const Function& alias, const Function& function) {
  if (alias.is_entry || function.is_entry) return "is an alias that has to do with a kernel";
  if (alias.defined || !function.defined) return "is an alias that is defined, or of no function";
  if (function.linkage == Linkage::kWeak) return "is an alias of a .weak function";
  if (!SameTypes(alias, function) || alias.directives.noreturn != function.directives.noreturn) {
    return "is an alias of a function with different parameters";
  }
  return "";
}

std::string DirectivesFault(const Function& f) {
  const Directives& d = f.directives;
  if (d.noreturn && (f.is_entry || !f.returns.empty())) return "has .noreturn, but it returns";
  if (d.maxntid[0] != 0 && d.reqntid[0] != 0) return "has .maxntid beside .reqntid";
  if (d.reqnctapercluster[0] != 0 && d.maxclusterrank != 0) {
    return "has .maxclusterrank beside .reqnctapercluster";
  }
  if (d.blocksareclusters && (d.reqntid[0] == 0 || d.reqnctapercluster[0] == 0)) {
    return "has .blocksareclusters without .reqntid and .reqnctapercluster";
  }
  const uint32_t most = f.is_entry ? kMostKernelParamAlign : kMostParamAlign;
  for (const std::vector<Param>* params : {&f.returns, &f.params}) {
    for (const Param& param : *params) {
      if (param.is_register || f.variables[param.index].align <= most) continue;
      return fmt::format("has a parameter aligned to more than {} bytes", most);
    }
  }
  return "";
}

std::string PragmaFault(std::string_view pragma, PragmaSite site, bool is_entry) {
  if (site == PragmaSite::kModule && pragma != "nounroll") return "a pragma that no module has";
  if (site == PragmaSite::kHeader && !is_entry) return "a pragma in a function's header";
  // Blanks before it do not count.
  pragma.remove_prefix(std::min(pragma.find_first_not_of(' '), pragma.size()));
  for (const PragmaRow& row : kBodyPragmas) {
    const std::string_view name = row.name;
    if (!pragma.starts_with(name)) continue;
    if (site != PragmaSite::kBody) return "a pragma that stands in bodies only";
    if (!row.has_value) return is_entry ? "" : "a pragma that stands in kernels only";
    std::string_view value = pragma.substr(name.size());
    if (!value.starts_with(' ')) return "a pragma without its value";
    value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
    const bool is_zero = value.find_first_not_of("0x") == std::string_view::npos;
    return IsNumber(value) && !(is_zero && name == "frequency") ? "" : "a pragma without its value";
  }
  return "";
}

uint32_t PragmaVersion(std::string_view pragma, uint32_t otherwise) {
  if (pragma == "nounroll") return kOldestVersion;
  pragma.remove_prefix(std::min(pragma.find_first_not_of(' '), pragma.size()));
  for (const PragmaRow& row : kBodyPragmas) {
    if (pragma.starts_with(row.name)) return row.version;
  }
  return otherwise;
}

}  // namespace souk::ptx
