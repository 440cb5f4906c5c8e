#include "gpu/workload/manifest.h"

#include <toml++/toml.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <system_error>

#include "gpu/ptx/nvrtc.h"
#include "gpu/workload/arguments.h"
#include "gpu/workload/manifest_values.h"
#include "gpu/workload/npy.h"
#include "gpu/workload/schedule.h"
#include "gpu/workload/source_files.h"
#include "gpu/workload/symbols.h"
#include "protocol/base/file.h"

namespace souk::gpu {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kDefaultTimeMs = 600'000;
constexpr uint64_t kDefaultInstructions = 1'000'000'000'000;
constexpr ptrdiff_t kMaxDots = 4096;
constexpr size_t kMaxTableDepth = 16;  // of [[launch.do.do]]

// A TOML node, and how a person would name it: "launch[2].args[1]".
struct Place {
  const toml::node* node = nullptr;
  std::string name = {};
};

class Reader {
 public:
  explicit Reader(const fs::path& path) : path_(path) {}

  Result<Manifest> Read(const toml::table& top) {
    manifest_.path = path_;
    const Place root{&top, ""};
    RETURN_IF_ERROR(OnlyKeys(root, {"name", "module", "buffer", "launch", "limits", "market",
                                    "commit_every", "keep_states"}));
    ASSIGN_OR_RETURN(workload().name, Text(root, "name", path_.stem().string()));
    ASSIGN_OR_RETURN(workload().commit_interval, Whole(root, "commit_every", 0));
    ASSIGN_OR_RETURN(workload().keep_states, Flag(root, "keep_states", false));
    RETURN_IF_ERROR(Each(root, "module", [this](const Place& at) { return ReadModule(at); }));
    RETURN_IF_ERROR(Each(root, "buffer", [this](const Place& at) { return ReadBuffer(at); }));
    RETURN_IF_ERROR(Each(root, "launch",
                         [this](const Place& at) { return ReadStep(at, workload().steps, 0); }));
    RETURN_IF_ERROR(ReadLimits(root));
    RETURN_IF_ERROR(ReadMarket(root));
    if (Status ok = CheckResolved(); !ok) return ok.error().Within(path_.string());
    manifest_.modules = std::move(modules_);
    return std::move(manifest_);
  }

 private:
  Workload& workload() { return manifest_.workload; }

  // ---- reading TOML ----

  Error Wrong(const Place& at, const std::string& what, Code code = Code::kInvalidArgument) const {
    const uint32_t line = at.node != nullptr ? at.node->source().begin.line : 0;
    std::string where = path_.string();
    if (line > 0) where += ":" + std::to_string(line);
    if (!at.name.empty()) where += ": " + at.name;
    return Error(code, where + ": " + what);
  }
  Error Wrong(const Place& at, const Error& error) const {
    return Wrong(at, error.message, error.code);
  }

  static Place Child(const Place& table, const char* key) {
    return {table.node->as_table()->get(key), (table.name.empty() ? "" : table.name + ".") + key};
  }

  Status OnlyKeys(const Place& at, std::initializer_list<std::string_view> keys) const {
    for (const auto& entry : *at.node->as_table()) {
      const std::string_view key = entry.first.str();
      if (std::find(keys.begin(), keys.end(), key) != keys.end()) continue;
      std::string known;
      for (const std::string_view k : keys) known += (known.empty() ? "" : ", ") + std::string(k);
      return Wrong({&entry.second, at.name},
                   "unknown key \"" + std::string(key) + "\"; known are " + known);
    }
    return Ok();
  }

  // Calls use(table) for each of an array of tables; none where the key is absent.
  template <typename F>
  Status Each(const Place& table, const char* key, F use) {
    const Place list = Child(table, key);
    if (list.node == nullptr) return Ok();
    const toml::array* items = list.node->as_array();
    if (items == nullptr) return Wrong(list, std::string("write it as [[") + list.name + "]]");
    for (size_t i = 0; i < items->size(); ++i) {
      const Place item{&(*items)[i], list.name + "[" + std::to_string(i + 1) + "]"};
      if (!item.node->is_table()) return Wrong(item, "is not a table");
      RETURN_IF_ERROR(use(item));
    }
    return Ok();
  }

  Result<std::string> TextOf(const Place& at) const {
    const auto* text = at.node->as_string();
    if (text == nullptr) return Wrong(at, "is not a string");
    return text->get();
  }
  Result<std::string> Text(const Place& table, const char* key,
                           const std::string& otherwise) const {
    const Place at = Child(table, key);
    if (at.node == nullptr) return otherwise;
    return TextOf(at);
  }
  Result<uint64_t> WholeOf(const Place& at) const {
    const auto* value = at.node->as_integer();
    if (value == nullptr) return Wrong(at, "is not an integer");
    if (value->get() < 0) return Wrong(at, "is negative");
    return static_cast<uint64_t>(value->get());
  }
  Result<uint64_t> Whole(const Place& table, const char* key, uint64_t otherwise) const {
    const Place at = Child(table, key);
    if (at.node == nullptr) return otherwise;
    return WholeOf(at);
  }
  Result<bool> Flag(const Place& table, const char* key, bool otherwise) const {
    const Place at = Child(table, key);
    if (at.node == nullptr) return otherwise;
    const auto* value = at.node->as_boolean();
    if (value == nullptr) return Wrong(at, "is neither true nor false");
    return value->get();
  }
  // A number, or text with a unit.
  Result<uint64_t> WithUnit(const Place& table, const char* key, uint64_t otherwise,
                            Result<uint64_t> (*parse)(std::string_view)) const {
    const Place at = Child(table, key);
    if (at.node == nullptr) return otherwise;
    if (!at.node->is_string()) return WholeOf(at);
    Result<uint64_t> value = parse(at.node->as_string()->get());
    if (!value) return Wrong(at, value.error());
    return value;
  }

  // ---- files ----

  // What a manifest names lies in its folder.
  Result<Bytes> ReadBeside(const Place& at, const std::string& name, size_t most) const {
    Result<Bytes> bytes = ReadFileBelow(path_.parent_path(), name, most);
    if (!bytes) return Wrong(at, bytes.error());
    return bytes;
  }

  // ---- modules ----

  Status ReadModule(const Place& at) {
    RETURN_IF_ERROR(OnlyKeys(at, {"name", "path", "arch", "variables"}));
    if (modules_.size() == kMaxModules) return Wrong(at, "too many modules", Code::kTooLarge);
    const Place path = Child(at, "path");
    if (path.node == nullptr) return Wrong(at, "path is missing");
    ASSIGN_OR_RETURN(const std::string name, TextOf(path));
    ASSIGN_OR_RETURN(std::string alias, Text(at, "name", fs::path(name).stem().string()));
    if (std::find(module_names_.begin(), module_names_.end(), alias) != module_names_.end()) {
      return Wrong(at, "the module name \"" + alias + "\" is taken", Code::kDuplicate);
    }
    ASSIGN_OR_RETURN(const Bytes file, ReadBeside(path, name, kMaxModuleBytes));
    std::string text(AsText(file));
    if (name.ends_with(".cu")) {
      ASSIGN_OR_RETURN(text, Compile(at, path, name, text));
    } else if (Child(at, "arch").node != nullptr) {
      return Wrong(Child(at, "arch"), "is for .cu; a .ptx says its .target itself");
    }
    Result<ptx::Module> module = ptx::Parse(text);
    if (module) RETURN_IF_ERROR(ReadVariables(Child(at, "variables"), *module));
    if (module) module = ptx::Canonicalize(std::move(*module));
    if (!module)
      return Wrong(path, "\"" + name + "\": " + module.error().message, module.error().code);
    workload().modules.push_back(manifest_.blobs.Add(ToBytes(AsBytes(ptx::Write(*module)))));
    modules_.push_back(std::move(*module));
    module_names_.push_back(std::move(alias));
    return Ok();
  }

  // { name = "file.npy" }: what the variables hold at first.
  Status ReadVariables(const Place& at, ptx::Module& module) const {
    if (at.node == nullptr) return Ok();
    const toml::table* table = at.node->as_table();
    if (table == nullptr) return Wrong(at, "is not a table: write { name = \"file.npy\" }");
    for (const auto& [key, value] : *table) {
      const Place one{&value, at.name + "." + std::string(key.str())};
      ASSIGN_OR_RETURN(const std::string name, TextOf(one));
      ASSIGN_OR_RETURN(const Bytes file, ReadBeside(one, name, kMaxModuleBytes));
      Result<NpyHeader> header = ParseNpy(file);
      if (!header) return Wrong(one, header.error().Within("\"" + name + "\""));
      const Status set =
          SetVariable(module, std::string(key.str()), ByteView(file).subspan(header->data_offset));
      if (!set) return Wrong(one, set.error());
    }
    return Ok();
  }

  Result<std::string> Compile(const Place& at, const Place& path, const std::string& name,
                              const std::string& source) const {
    ASSIGN_OR_RETURN(const uint64_t arch, Whole(at, "arch", 75));
    if (arch < 50 || arch > 999) return Wrong(Child(at, "arch"), "is no compute capability × 10");
    Result<std::vector<ptx::Header>> headers = HeadersBeside(path_.parent_path(), name, source);
    if (!headers) return Wrong(path, headers.error());
    Result<std::string> text =
        ptx::CompileCuda(source, {.architecture = static_cast<uint32_t>(arch),
                                  .name = name,
                                  .headers = std::move(*headers),
                                  .line_info = true});
    if (!text) return Wrong(path, text.error());
    return text;
  }

  // ---- buffers ----

  Status ReadBuffer(const Place& at) {
    RETURN_IF_ERROR(OnlyKeys(at, {"name", "dtype", "shape", "input", "fill", "output", "image"}));
    if (workload().buffers.size() == kMaxBuffers) {
      return Wrong(at, "too many buffers", Code::kTooLarge);
    }
    Buffer buffer;
    ASSIGN_OR_RETURN(buffer.name, Text(at, "name", ""));
    if (buffer.name.empty()) return Wrong(at, "name is missing");
    if (FindBuffer(buffer.name)) {
      return Wrong(at, "the buffer name \"" + buffer.name + "\" is taken", Code::kDuplicate);
    }
    const bool has_input = Child(at, "input").node != nullptr;
    ASSIGN_OR_RETURN(const std::optional<DType> dtype, ReadDType(at));
    ASSIGN_OR_RETURN(const std::optional<std::vector<uint64_t>> shape, ReadShape(at));
    if (!has_input && (!dtype || !shape)) {
      return Wrong(at, std::string(dtype ? "shape" : "dtype") + " is missing");
    }
    buffer.dtype = dtype.value_or(DType::kF32);
    buffer.shape = shape.value_or(std::vector<uint64_t>());
    if (shape) {
      if (Status ok = CheckShape(*shape, buffer.dtype); !ok) {
        return Wrong(Child(at, "shape"), ok.error());
      }
    }
    if (has_input) RETURN_IF_ERROR(ReadInput(at, dtype, shape, buffer));
    RETURN_IF_ERROR(ReadFill(at, buffer));
    RETURN_IF_ERROR(ReadOutput(at, static_cast<uint32_t>(workload().buffers.size())));
    workload().buffers.push_back(std::move(buffer));
    return Ok();
  }

  Result<std::optional<DType>> ReadDType(const Place& table) const {
    const Place at = Child(table, "dtype");
    if (at.node == nullptr) return std::optional<DType>();
    ASSIGN_OR_RETURN(const std::string name, TextOf(at));
    const std::optional<DType> dtype = ParseDType(name);
    if (!dtype) {
      return Wrong(at, "\"" + name +
                           "\" is none of bool, i8, i16, i32, i64, u8, u16, u32, u64, "
                           "f16, f32, f64");
    }
    return dtype;
  }

  Result<std::optional<std::vector<uint64_t>>> ReadShape(const Place& table) const {
    const Place at = Child(table, "shape");
    if (at.node == nullptr) return std::optional<std::vector<uint64_t>>();
    const toml::array* items = at.node->as_array();
    if (items == nullptr) return Wrong(at, "is not a list of integers");
    std::vector<uint64_t> shape;
    for (const toml::node& item : *items) {
      ASSIGN_OR_RETURN(const uint64_t dimension, WholeOf({&item, at.name}));
      shape.push_back(dimension);
    }
    return std::optional<std::vector<uint64_t>>(std::move(shape));
  }

  Status ReadInput(const Place& table, const std::optional<DType>& dtype,
                   const std::optional<std::vector<uint64_t>>& shape, Buffer& buffer) {
    const Place at = Child(table, "input");
    ASSIGN_OR_RETURN(const std::string name, TextOf(at));
    const size_t most =
        shape && dtype ? BufferBytes(buffer) + kMaxNpyHeaderBytes + 12 : kMaxInputBytes;
    ASSIGN_OR_RETURN(Bytes file, ReadBeside(at, name, most));
    Result<NpyHeader> header = ParseNpy(file);
    if (!header)
      return Wrong(at, "\"" + name + "\": " + header.error().message, header.error().code);
    if (dtype && header->dtype != *dtype) {
      return Wrong(at,
                   "\"" + name + "\" holds " + DTypeName(header->dtype) + ", dtype says " +
                       DTypeName(*dtype),
                   Code::kMismatch);
    }
    if (shape && header->shape != *shape) {
      return Wrong(at,
                   "\"" + name + "\" has shape " + ShapeText(header->shape) + ", the buffer " +
                       ShapeText(*shape),
                   Code::kMismatch);
    }
    buffer.dtype = header->dtype;
    buffer.shape = header->shape;
    buffer.input = manifest_.blobs.Add(std::move(file));
    return Ok();
  }

  Status ReadFill(const Place& table, Buffer& buffer) const {
    const Place at = Child(table, "fill");
    if (at.node == nullptr) return Ok();
    if (buffer.input) return Wrong(at, "a buffer has either an input or a fill value");
    Result<Bytes> element = Error(Code::kInvalidArgument, "is not a number");
    if (const auto* integer = at.node->as_integer()) {
      element = ElementFromInteger(buffer.dtype, integer->get());
    } else if (const auto* real = at.node->as_floating_point()) {
      element = ElementFromReal(buffer.dtype, real->get());
    } else if (const auto* flag = at.node->as_boolean()) {
      element = ElementFromInteger(buffer.dtype, flag->get() ? 1 : 0);
    }
    if (!element) return Wrong(at, element.error());
    buffer.fill = std::move(*element);
    return Ok();
  }

  Status ReadOutput(const Place& table, uint32_t buffer) {
    Output output{.buffer = buffer};
    ASSIGN_OR_RETURN(output.file, Text(table, "output", ""));
    ASSIGN_OR_RETURN(output.image, Text(table, "image", ""));
    const Place file = Child(table, "output");
    if (file.node != nullptr && output.file.empty()) {
      return Wrong(file, "is empty: name a file, or leave it out");
    }
    if (output.file.empty() && output.image.empty()) return Ok();
    if (output.file.empty()) return Wrong(Child(table, "image"), "needs output as well");
    workload().outputs.push_back(std::move(output));
    return Ok();
  }

  std::optional<uint32_t> FindBuffer(const std::string& name) {
    for (size_t i = 0; i < workload().buffers.size(); ++i) {
      if (workload().buffers[i].name == name) return static_cast<uint32_t>(i);
    }
    return std::nullopt;
  }

  // ---- launches ----

  // One [[launch]] or [[launch.do]]: a kernel, or a sequence below it, either repeated or not.
  Status ReadStep(const Place& at, std::vector<Step>& out, size_t depth) {
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
  Status ReadRepeat(const Place& at, Loop& loop) {
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

  static bool IsVariableName(const std::string& name) {
    const auto letter = [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    };
    return !name.empty() && name.size() <= kMaxNameBytes && letter(name[0]) &&
           std::all_of(name.begin(), name.end(),
                       [&letter](char c) { return letter(c) || (c >= '0' && c <= '9'); });
  }

  Status ReadSwaps(const Place& at, Loop& loop) {
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

  Result<uint32_t> BufferNamed(const Place& at) {
    ASSIGN_OR_RETURN(const std::string name, TextOf(at));
    const std::optional<uint32_t> buffer = FindBuffer(name);
    if (!buffer) return Wrong(at, "no buffer \"" + name + "\"", Code::kNotFound);
    return *buffer;
  }

  Status ReadLaunch(const Place& at, std::vector<Step>& out) {
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

  Result<uint32_t> FindModule(const Place& at, const std::string& kernel) const {
    ASSIGN_OR_RETURN(const std::string wanted, Text(at, "module", ""));
    std::optional<uint32_t> found;
    bool known = wanted.empty();
    for (uint32_t i = 0; i < modules_.size(); ++i) {
      if (!wanted.empty() && module_names_[i] != wanted) continue;
      known = true;
      if (FindKernelNamed(modules_[i], kernel) == nullptr) continue;
      if (found)
        return Wrong(at, "two modules have a kernel \"" + kernel + "\": name one by module");
      found = i;
    }
    if (!known) return Wrong(Child(at, "module"), "no module \"" + wanted + "\"", Code::kNotFound);
    if (!found) return Wrong(Child(at, "kernel"), NoKernel(kernel), Code::kNotFound);
    return *found;
  }

  std::string NoKernel(const std::string& kernel) const {
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

  Result<Dim3> ReadDim(const Place& table, const char* key) const {
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

  // ---- arguments ----

  Status ReadArguments(const Place& table, const ptx::Function& kernel, KernelLaunch& launch) {
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
  Result<Argument> ReadArgument(const Place& at, const ptx::Variable* parameter) {
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

  Result<Argument> BareNumber(const Place& at, const ptx::Variable* parameter) const {
    Argument argument{.kind = ArgumentKind::kInteger};
    const bool is_float = parameter != nullptr && (parameter->type == ptx::Type::kF32 ||
                                                   parameter->type == ptx::Type::kF64);
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

  Result<Argument> PointerWithOffset(const Place& at) {
    RETURN_IF_ERROR(OnlyKeys(at, {"buffer", "offset"}));
    ASSIGN_OR_RETURN(const uint32_t buffer, BufferNamed(Child(at, "buffer")));
    Argument argument{
        .kind = ArgumentKind::kPointer, .buffer = buffer, .value = Expression::Integer(0)};
    const Place offset = Child(at, "offset");
    if (offset.node != nullptr) RETURN_IF_ERROR(ReadValue(offset, argument.value));
    return argument;
  }

  Result<Argument> RawBytes(const Place& at) const {
    RETURN_IF_ERROR(OnlyKeys(at, {"bytes"}));
    const Place bytes = Child(at, "bytes");
    ASSIGN_OR_RETURN(const std::string hex, TextOf(bytes));
    Result<Bytes> raw = FromHex(hex);
    if (!raw) return Wrong(bytes, raw.error());
    return Argument{.kind = ArgumentKind::kRaw, .raw = std::move(*raw)};
  }

  Result<Argument> TypedScalar(const Place& at) const {
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

  Status ReadValue(const Place& at, Expression& out) const {
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

  // ---- the rest ----

  Status ReadLimits(const Place& root) {
    uint64_t memory = 0;
    for (const Buffer& buffer : workload().buffers) {
      memory += (BufferBytes(buffer) + kBufferAlignment - 1) / kBufferAlignment * kBufferAlignment;
    }
    workload().limits = {memory, kDefaultTimeMs, kDefaultInstructions};
    const Place at = Child(root, "limits");
    if (at.node == nullptr) return Ok();
    if (!at.node->is_table()) return Wrong(at, "write it as [limits]");
    RETURN_IF_ERROR(OnlyKeys(at, {"memory", "time", "instructions"}));
    Limits& limits = workload().limits;
    ASSIGN_OR_RETURN(limits.memory_bytes, WithUnit(at, "memory", memory, &ParseByteSize));
    ASSIGN_OR_RETURN(limits.milliseconds, Duration(at, "time", kDefaultTimeMs));
    ASSIGN_OR_RETURN(limits.thread_instructions, Whole(at, "instructions", kDefaultInstructions));
    return Ok();
  }

  // Without a unit it could be seconds or milliseconds: refused.
  Result<uint64_t> Duration(const Place& table, const char* key, uint64_t otherwise) const {
    const Place at = Child(table, key);
    if (at.node != nullptr && !at.node->is_string()) {
      return Wrong(at, "is not a duration with its unit, as \"30s\"");
    }
    return WithUnit(table, key, otherwise, &ParseDurationMs);
  }

  Status ReadMarket(const Place& root) {
    const Place at = Child(root, "market");
    if (at.node == nullptr) return Ok();
    if (!at.node->is_table()) return Wrong(at, "write it as [market]");
    RETURN_IF_ERROR(
        OnlyKeys(at, {"query", "duration", "max_cost", "cpu", "allow_weak_jail", "replicate"}));
    MarketWish& market = manifest_.market;
    ASSIGN_OR_RETURN(market.query, Text(at, "query", market.query));
    ASSIGN_OR_RETURN(market.duration_ms, Duration(at, "duration", market.duration_ms));
    ASSIGN_OR_RETURN(market.allow_cpu, Flag(at, "cpu", market.allow_cpu));
    ASSIGN_OR_RETURN(market.allow_weak_jail, Flag(at, "allow_weak_jail", market.allow_weak_jail));
    ASSIGN_OR_RETURN(market.replicate, Text(at, "replicate", market.replicate));
    const Place cost = Child(at, "max_cost");
    if (cost.node == nullptr) return Ok();
    // A TOML float is binary: only text says 0.05 exactly.
    if (!cost.node->is_string()) return Wrong(cost, "is not an amount as text, as \"0.05\"");
    Result<uint64_t> credits = ParseCredits(cost.node->as_string()->get());
    if (!credits) return Wrong(cost, credits.error());
    market.max_cost_ucredits = *credits;
    return Ok();
  }

  // What no single key shows: totals, and every launch's arguments with all loops run through.
  Status CheckResolved() {
    RETURN_IF_ERROR(CheckWorkload(workload()));
    Schedule schedule(workload());
    while (true) {
      ASSIGN_OR_RETURN(const std::optional<ScheduledLaunch> next, schedule.Next());
      if (!next) return Ok();
    }
  }

  const fs::path path_;
  Manifest manifest_;
  std::vector<ptx::Module> modules_;
  std::vector<std::string> module_names_;
  std::vector<std::string> variables_;  // of the loops around the step being read
  size_t steps_ = 0;
};

}  // namespace

Result<Manifest> LoadManifest(const fs::path& path) {
  Result<Bytes> text = ReadFile(path, kMaxManifestBytes);
  if (!text) return text.error();
  return ParseManifest(AsText(*text), path);
}

Result<Manifest> ParseManifest(std::string_view toml, const fs::path& path) {
  if (toml.size() > kMaxManifestBytes) {
    return Error(Code::kTooLarge, path.string() + ": a manifest exceeds 1 MiB");
  }
  // Dotted keys nest without a bound in the parser, whose tables are destroyed recursively.
  if (std::count(toml.begin(), toml.end(), '.') > kMaxDots) {
    return Error(Code::kTooLarge, path.string() + ": a manifest has more than " +
                                      std::to_string(kMaxDots) + " dots");
  }
  toml::table table;
  try {
    table = toml::parse(toml, path.string());
  } catch (const toml::parse_error& error) {
    return Error(Code::kMalformed, path.string() + ":" + std::to_string(error.source().begin.line) +
                                       ": " + std::string(error.description()));
  }
  return Reader(path).Read(table);
}

}  // namespace souk::gpu
