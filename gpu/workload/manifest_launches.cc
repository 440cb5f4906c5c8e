// [[launch]] and [[launch.do]]: kernels, the loops around them, and their arguments.
#include <algorithm>
#include <cmath>

#include "gpu/workload/arguments.h"
#include "gpu/workload/manifest_reader.h"
#include "gpu/workload/symbols.h"

namespace souk::gpu {

namespace {

constexpr size_t kMaxTableDepth = 16;  // of [[launch.do.do]]

bool IsVariableName(const std::string& name) {
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  return !name.empty() && name.size() <= kMaxNameBytes && letter(name[0]) &&
         std::all_of(name.begin(), name.end(),
                     [&letter](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

}  // namespace

// One [[launch]] or [[launch.do]]: a kernel, or a sequence below it, either repeated or not.
Status ManifestReader::ReadStep(const Place& at, std::vector<Step>& out, size_t depth) {
  RETURN_IF_ERROR(OnlyKeys(at, {"kernel", "module", "grid", "block", "shared", "cooperative",
                                "args", "repeat", "var", "swap", "do"}));
  if (++steps_ > kMaxSteps) return Wrong(at, "too many steps", Code::kTooLarge);
  if (depth > kMaxTableDepth) return Wrong(at, "is nested too deeply", Code::kTooLarge);
  const bool has_kernel = Child(at, "kernel").node != nullptr;
  const bool has_body = Child(at, "do").node != nullptr;
  const bool repeats = Child(at, "repeat").node != nullptr;
  if (has_kernel == has_body) return Wrong(at, "needs either kernel or [[… .do]]");
  if (!repeats && (Child(at, "var").node != nullptr || Child(at, "swap").node != nullptr)) {
    return Wrong(at, "var and swap need repeat");
  }
  if (!repeats) {
    if (has_kernel) return ReadLaunch(at, out);
    return Each(at, "do", [this, &out, depth](const Place& inner) {
      return ReadStep(inner, out, depth + 1);
    });
  }
  Loop loop;
  RETURN_IF_ERROR(ReadRepeat(at, loop));
  const Status body = has_kernel ? ReadLaunch(at, loop.body)
                                 : Each(at, "do", [this, &loop, depth](const Place& inner) {
                                     return ReadStep(inner, loop.body, depth + 1);
                                   });
  RETURN_IF_ERROR(body);
  variables_.pop_back();
  Step step;
  step.loop = std::move(loop);
  out.push_back(std::move(step));
  return Ok();
}

// Enters the loop: its variable counts from here on.
Status ManifestReader::ReadRepeat(const Place& at, Loop& loop) {
  if (variables_.size() == kMaxLoopDepth) {
    return Wrong(at, "repeats are nested more than " + std::to_string(kMaxLoopDepth) + " deep",
                 Code::kTooLarge);
  }
  const Place repeat = Child(at, "repeat");
  ASSIGN_OR_RETURN(loop.count, WholeOf(repeat));
  if (loop.count == 0 || loop.count > kMaxLaunches) {
    return Wrong(repeat, "is not between 1 and " + std::to_string(kMaxLaunches), Code::kTooLarge);
  }
  const Place var = Child(at, "var");
  std::string name;
  if (var.node != nullptr) {
    ASSIGN_OR_RETURN(name, TextOf(var));
    if (!IsVariableName(name)) return Wrong(var, "\"" + name + "\" is not a name");
    if (std::find(variables_.begin(), variables_.end(), name) != variables_.end()) {
      return Wrong(var, "\"" + name + "\" is the variable of a loop around it", Code::kDuplicate);
    }
  }
  variables_.push_back(name);
  return ReadSwaps(Child(at, "swap"), loop);
}

Status ManifestReader::ReadSwaps(const Place& at, Loop& loop) {
  if (at.node == nullptr) return Ok();
  const toml::array* pairs = at.node->as_array();
  const Error shape = Wrong(at, "is not a list of pairs of buffers, as [[\"a\", \"b\"]]");
  if (pairs == nullptr) return shape;
  for (const toml::node& node : *pairs) {
    const toml::array* pair = node.as_array();
    if (pair == nullptr || pair->size() != 2) return shape;
    ASSIGN_OR_RETURN(const uint32_t a, BufferNamed({&(*pair)[0], at.name}));
    ASSIGN_OR_RETURN(const uint32_t b, BufferNamed({&(*pair)[1], at.name}));
    loop.swaps.push_back({a, b});
  }
  return Ok();
}

Status ManifestReader::ReadLaunch(const Place& at, std::vector<Step>& out) {
  KernelLaunch launch;
  ASSIGN_OR_RETURN(launch.kernel, TextOf(Child(at, "kernel")));
  ASSIGN_OR_RETURN(launch.module, FindModule(at, launch.kernel));
  launch.kernel = FindKernelNamed(modules_[launch.module], launch.kernel)->name;
  ASSIGN_OR_RETURN(launch.grid, ReadDim(at, "grid"));
  ASSIGN_OR_RETURN(launch.block, ReadDim(at, "block"));
  ASSIGN_OR_RETURN(const uint64_t shared, Whole(at, "shared", 0));
  if (shared > UINT32_MAX) return Wrong(Child(at, "shared"), "is too large", Code::kTooLarge);
  launch.dynamic_shared_bytes = static_cast<uint32_t>(shared);
  ASSIGN_OR_RETURN(launch.cooperative, Flag(at, "cooperative", false));
  const ptx::Function& kernel = *modules_[launch.module].FindKernel(launch.kernel);
  RETURN_IF_ERROR(ReadArguments(at, kernel, launch));
  if (Status ok = CheckArguments(kernel, launch.arguments); !ok) return Wrong(at, ok.error());
  Step step;
  step.launch = std::move(launch);
  out.push_back(std::move(step));
  return Ok();
}

Result<uint32_t> ManifestReader::FindModule(const Place& at, const std::string& kernel) const {
  ASSIGN_OR_RETURN(const std::string wanted, Text(at, "module", ""));
  std::optional<uint32_t> found;
  bool known = wanted.empty();
  for (uint32_t i = 0; i < modules_.size(); ++i) {
    if (!wanted.empty() && module_names_[i] != wanted) continue;
    known = true;
    if (FindKernelNamed(modules_[i], kernel) == nullptr) continue;
    if (found) return Wrong(at, "two modules have a kernel \"" + kernel + "\": name one by module");
    found = i;
  }
  if (!known) return Wrong(Child(at, "module"), "no module \"" + wanted + "\"", Code::kNotFound);
  if (!found) return Wrong(Child(at, "kernel"), NoKernel(kernel), Code::kNotFound);
  return *found;
}

std::string ManifestReader::NoKernel(const std::string& kernel) const {
  std::string text = "no kernel \"" + kernel + "\"; there are";
  for (const ptx::Module& module : modules_) {
    for (const ptx::Function& function : module.functions) {
      if (!function.is_entry || SourceName(function.name) != kernel) continue;
      text = "several kernels are called \"" + kernel + "\"; name one as the PTX does: there are";
    }
  }
  size_t listed = 0;
  for (const ptx::Module& module : modules_) {
    for (const ptx::Function& function : module.functions) {
      if (!function.is_entry || !function.defined || ++listed > 20) continue;
      text += (listed == 1 ? " " : ", ") + function.name;
    }
  }
  return text + (listed == 0 ? " none" : listed > 20 ? ", …" : "");
}

Result<Dim3> ManifestReader::ReadDim(const Place& table, const char* key) const {
  const Place at = Child(table, key);
  if (at.node == nullptr) return Wrong(table, std::string(key) + " is missing");
  uint32_t sizes[3] = {1, 1, 1};
  const toml::array* items = at.node->as_array();
  const size_t count = items == nullptr ? 1 : items->size();
  if (count < 1 || count > 3) return Wrong(at, "has one to three sizes");
  for (size_t i = 0; i < count; ++i) {
    const Place item{items == nullptr ? at.node : &(*items)[i], at.name};
    ASSIGN_OR_RETURN(const uint64_t size, WholeOf(item));
    if (size == 0 || size > INT32_MAX) return Wrong(item, "is zero or too large");
    sizes[i] = static_cast<uint32_t>(size);
  }
  return Dim3{sizes[0], sizes[1], sizes[2]};
}

// ---- Arguments ----

Status ManifestReader::ReadArguments(const Place& table, const ptx::Function& kernel,
                                     KernelLaunch& launch) {
  const Place at = Child(table, "args");
  if (at.node == nullptr) return Ok();
  const toml::array* items = at.node->as_array();
  if (items == nullptr) return Wrong(at, "is not a list");
  if (items->size() > kMaxArguments) return Wrong(at, "has too many", Code::kTooLarge);
  for (size_t i = 0; i < items->size(); ++i) {
    const Place item{&(*items)[i], at.name + "[" + std::to_string(i + 1) + "]"};
    const ptx::Variable* parameter =
        i < kernel.params.size() ? &kernel.variables[kernel.params[i].index] : nullptr;
    ASSIGN_OR_RETURN(Argument argument, ReadArgument(item, parameter));
    launch.arguments.push_back(std::move(argument));
  }
  return Ok();
}

// "buffer", a bare number (its type is the parameter's), or a table with one type as its key.
Result<Argument> ManifestReader::ReadArgument(const Place& at, const ptx::Variable* parameter) {
  if (at.node->is_string()) {
    ASSIGN_OR_RETURN(const uint32_t buffer, BufferNamed(at));
    return Argument{
        .kind = ArgumentKind::kPointer, .buffer = buffer, .value = Expression::Integer(0)};
  }
  if (at.node->is_number()) return BareNumber(at, parameter);
  if (!at.node->is_table()) {
    return Wrong(at, "is neither a buffer's name, a number, nor a table as { u32 = 4 }");
  }
  if (Child(at, "buffer").node != nullptr) return PointerWithOffset(at);
  if (Child(at, "bytes").node != nullptr) return RawBytes(at);
  return TypedScalar(at);
}

Result<Argument> ManifestReader::BareNumber(const Place& at, const ptx::Variable* parameter) const {
  Argument argument{.kind = ArgumentKind::kInteger};
  const bool is_float = parameter != nullptr &&
                        (parameter->type == ptx::Type::kF32 || parameter->type == ptx::Type::kF64);
  if (is_float || at.node->is_floating_point()) argument.kind = ArgumentKind::kFloat;
  const uint64_t size = parameter == nullptr ? 4 : parameter->size;
  if (size != 1 && size != 2 && size != 4 && size != 8) {
    return Wrong(at, "the kernel takes " + std::to_string(size) + " bytes here, not a number",
                 Code::kMismatch);
  }
  argument.width = static_cast<uint8_t>(size);
  RETURN_IF_ERROR(ReadValue(at, argument.value));
  // PTX writes .u32 for int too, so that a negative number has to be taken as it is meant.
  const auto* integer = at.node->as_integer();
  argument.is_signed = argument.kind == ArgumentKind::kInteger && integer->get() < 0;
  return argument;
}

Result<Argument> ManifestReader::PointerWithOffset(const Place& at) {
  RETURN_IF_ERROR(OnlyKeys(at, {"buffer", "offset"}));
  ASSIGN_OR_RETURN(const uint32_t buffer, BufferNamed(Child(at, "buffer")));
  Argument argument{
      .kind = ArgumentKind::kPointer, .buffer = buffer, .value = Expression::Integer(0)};
  const Place offset = Child(at, "offset");
  if (offset.node != nullptr) RETURN_IF_ERROR(ReadValue(offset, argument.value));
  return argument;
}

Result<Argument> ManifestReader::RawBytes(const Place& at) const {
  RETURN_IF_ERROR(OnlyKeys(at, {"bytes"}));
  const Place bytes = Child(at, "bytes");
  ASSIGN_OR_RETURN(const std::string hex, TextOf(bytes));
  Result<Bytes> raw = FromHex(hex);
  if (!raw) return Wrong(bytes, raw.error());
  return Argument{.kind = ArgumentKind::kRaw, .raw = std::move(*raw)};
}

Result<Argument> ManifestReader::TypedScalar(const Place& at) const {
  const toml::table& table = *at.node->as_table();
  struct Type {
    const char* name;
    ArgumentKind kind;
    uint8_t width;
    bool is_signed;
  };
  static constexpr Type kTypes[] = {
      {"u8", ArgumentKind::kInteger, 1, false},  {"u16", ArgumentKind::kInteger, 2, false},
      {"u32", ArgumentKind::kInteger, 4, false}, {"u64", ArgumentKind::kInteger, 8, false},
      {"i8", ArgumentKind::kInteger, 1, true},   {"i16", ArgumentKind::kInteger, 2, true},
      {"i32", ArgumentKind::kInteger, 4, true},  {"i64", ArgumentKind::kInteger, 8, true},
      {"f32", ArgumentKind::kFloat, 4, false},   {"f64", ArgumentKind::kFloat, 8, false}};
  for (const Type& type : kTypes) {
    const Place value = Child(at, type.name);
    if (value.node == nullptr || table.size() != 1) continue;
    Argument argument{.kind = type.kind, .width = type.width, .is_signed = type.is_signed};
    RETURN_IF_ERROR(ReadValue(value, argument.value));
    return argument;
  }
  return Wrong(at,
               "is not { TYPE = value } with one of u8 to u64, i8 to i64, f32, f64, nor "
               "{ buffer = …, offset = … }, nor { bytes = \"hex\" }");
}

Status ManifestReader::ReadValue(const Place& at, Expression& out) const {
  if (const auto* integer = at.node->as_integer()) {
    out = Expression::Integer(integer->get());
    return Ok();
  }
  if (const auto* real = at.node->as_floating_point()) {
    if (!std::isfinite(real->get())) return Wrong(at, "is not finite");
    out = Expression::Float(real->get());
    return Ok();
  }
  const auto* text = at.node->as_string();
  if (text == nullptr) return Wrong(at, "is neither a number nor an expression");
  Result<Expression> expression = ParseExpression(text->get(), variables_);
  if (!expression) return Wrong(at, expression.error());
  out = std::move(*expression);
  return Ok();
}

}  // namespace souk::gpu
