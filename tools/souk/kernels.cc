// souk compile and inspect: CUDA to canonical PTX, and what can be promised of each kernel.
#include <fmt/format.h>

#include "gpu/cpu/supported.h"
#include "gpu/ptx/classify.h"
#include "gpu/ptx/nvrtc.h"
#include "gpu/workload/source_files.h"
#include "protocol/base/file.h"
#include "protocol/base/sha256.h"
#include "protocol/text.h"
#include "tools/common/json.h"
#include "tools/common/terminal.h"
#include "tools/souk/commands.h"

namespace souk::tools {
namespace {

namespace fs = std::filesystem;

constexpr size_t kSourceBytes = 64u << 20;

Result<std::string> ReadText(const fs::path& path) {
  ASSIGN_OR_RETURN(const Bytes bytes, ReadFile(path, kSourceBytes));
  return std::string(AsText(bytes));
}

Result<ptx::Module> Canonical(const std::string& text, const fs::path& path) {
  auto module = ptx::Parse(text);
  if (!module) return module.error().Within(path.string());
  auto canonical = ptx::Canonicalize(std::move(*module));
  if (!canonical) return canonical.error().Within(path.string());
  return canonical;
}

Result<std::string> CompileFile(const CompileOptions& options) {
  ASSIGN_OR_RETURN(const std::string text, ReadText(options.source));
  if (options.source.extension() == ".ptx") return text;
  // By the rule that manifests have: the source may be a stranger's.
  auto headers =
      gpu::HeadersBeside(options.source.parent_path(), options.source.filename().string(), text);
  if (!headers) return headers.error().Within(options.source.string());
  return ptx::CompileCuda(text, {.architecture = options.arch,
                                 .name = options.source.string(),
                                 .headers = std::move(*headers),
                                 .fmad = options.fmad});
}

std::string DottedVersion(uint32_t times_ten) {
  return fmt::format("{}.{}", times_ten / 10, times_ten % 10);
}

uint64_t RegistersOf(const ptx::KernelReport& kernel) {
  uint64_t sum = 0;
  for (const ptx::RegisterCount& count : kernel.registers) sum += count.count;
  return sum;
}

Json KernelJson(const ptx::KernelReport& kernel) {
  Json parameters = Json::array();
  for (const ptx::ParameterReport& one : kernel.parameters) {
    parameters.push_back(
        {{"name", one.name}, {"type", one.type}, {"size", one.size}, {"offset", one.offset}});
  }
  Json registers = Json::object();
  for (const ptx::RegisterCount& one : kernel.registers) registers[one.type] = one.count;
  Json unsupported = Json::array();
  for (const ptx::Unsupported& one : kernel.unsupported) {
    Json row = {{"reason", one.reason}};
    if (one.line != 0) row["line"] = one.line;
    if (!one.instruction.empty()) row["instruction"] = one.instruction;
    unsupported.push_back(std::move(row));
  }
  Json row = {{"name", kernel.name},
              {"class", ptx::ClassName(kernel.verdict.cls)},
              {"why", kernel.verdict.why},
              {"parameters", std::move(parameters)},
              {"parameter_bytes", kernel.parameter_bytes},
              {"instructions", kernel.instructions},
              {"path_instructions", kernel.path_instructions},
              {"loops", kernel.loops},
              {"registers", RegistersOf(kernel)},
              {"registers_by_type", std::move(registers)},
              {"shared_bytes", kernel.shared_bytes},
              {"dynamic_shared", kernel.dynamic_shared},
              {"local_bytes", kernel.local_bytes},
              {"calls", kernel.calls},
              {"unsupported", std::move(unsupported)}};
  if (kernel.verdict.line != 0) row["line"] = kernel.verdict.line;
  if (!kernel.unchecked.empty()) row["unchecked"] = kernel.unchecked;
  return row;
}

// What a thread takes of a budget, every loop once: "38", "61, 2 loops".
std::string ThreadText(const ptx::KernelReport& kernel) {
  if (kernel.path_instructions == 0) return "";
  std::string path = std::to_string(kernel.path_instructions);
  if (kernel.loops == 0) return path;
  return fmt::format("{}, {} loop{}", path, kernel.loops, kernel.loops == 1 ? "" : "s");
}

// "3×u64 u32 2×f32".
std::string ParametersText(const ptx::KernelReport& kernel) {
  std::string text;
  for (size_t i = 0; i < kernel.parameters.size();) {
    const std::string& type = kernel.parameters[i].type;
    size_t same = 1;
    while (i + same < kernel.parameters.size() && kernel.parameters[i + same].type == type) ++same;
    if (!text.empty()) text += " ";
    text += same == 1 ? type : fmt::format("{}×{}", same, type);
    i += same;
  }
  return text;
}

// CODE: instructions of the kernel. A THREAD: what one runs where it goes through each loop once.
void PrintKernels(const std::vector<ptx::KernelReport>& kernels) {
  Table table({{"KERNEL"},
               {"CLASS"},
               {"PARAMETERS"},
               {"CODE", Align::kRight},
               {"A THREAD", Align::kRight},
               {"REGS", Align::kRight},
               {"SHARED", Align::kRight}});
  for (const ptx::KernelReport& kernel : kernels) {
    table.Add({kernel.name, ptx::ClassName(kernel.verdict.cls), ParametersText(kernel),
               std::to_string(kernel.instructions), ThreadText(kernel),
               std::to_string(RegistersOf(kernel)),
               FormatSize(kernel.shared_bytes) + (kernel.dynamic_shared ? " + dynamic" : "")});
  }
  Print(table);
  for (const ptx::KernelReport& kernel : kernels) {
    if (kernel.verdict.cls != ptx::Class::kExact && !kernel.verdict.why.empty()) {
      PrintFolded(fmt::format("{} {} is {}: {}\n", Styled(stdout, Style::kWarn, "?"), kernel.name,
                              ptx::ClassName(kernel.verdict.cls), kernel.verdict.why));
    }
    if (!kernel.unchecked.empty()) {
      Print(fmt::format("{} {} is {}, but cannot be checked, so that no fault can be proven: {}\n",
                        Styled(stdout, Style::kWarn, "?"), kernel.name,
                        ptx::ClassName(kernel.verdict.cls), kernel.unchecked));
    }
    for (const ptx::Unsupported& one : kernel.unsupported) {
      // A refusal for the whole kernel's size or shape has no line and no instruction.
      std::string where = one.line == 0 ? "" : fmt::format(" line {}", one.line);
      if (!one.instruction.empty()) where += ": " + one.instruction;
      PrintFolded(fmt::format("{} {}{}: {}\n", Styled(stdout, Style::kBad, "✗"), kernel.name, where,
                              one.reason));
    }
  }
}

}  // namespace

int RunCompile(const Common& common, const CompileOptions& options) {
  const bool is_ptx = options.source.extension() == ".ptx";
  const CompileOptions usual;
  if (is_ptx && (options.arch != usual.arch || options.fmad != usual.fmad)) {
    return Misuse("--arch and --no-fmad are for CUDA C++; PTX says its .target itself");
  }
  std::error_code error;
  if (!is_ptx && fs::equivalent(options.source, options.out, error)) {
    return Misuse("--out is the source: the PTX needs a file of its own");
  }
  if (common.json && options.out == "-") return Misuse("--json and --out - both want stdout");
  const auto compiled = CompileFile(options);
  if (!compiled) return Fail(compiled.error());
  const auto module = Canonical(*compiled, options.source);
  if (!module) return Fail(module.error());
  const std::string text = ptx::Write(*module);
  if (options.out == "-") {
    Print(text);
    return kDone;
  }
  if (const Status written = WriteFileAtomic(options.out, AsBytes(text)); !written) {
    return Fail(written.error());
  }
  const auto kernels = gpu::cpu::ReportKernels(*module);
  const Digest digest = Sha256(AsBytes(text));
  if (common.json) {
    Json list = Json::array();
    for (const ptx::KernelReport& kernel : kernels) list.push_back(KernelJson(kernel));
    PrintJson({{"out", options.out.string()},
               {"digest", digest.ToString()},
               {"version", DottedVersion(module->version)},
               {"target", fmt::format("sm_{}", module->target)},
               {"kernels", std::move(list)}});
    return kDone;
  }
  PrintFolded(fmt::format("{} → {}: {} kernel{}, .version {}, sm_{}, {}\n", options.source.string(),
                          options.out.string(), kernels.size(), kernels.size() == 1 ? "" : "s",
                          DottedVersion(module->version), module->target,
                          digest.ToString().substr(0, 15)));
  return kDone;
}

int RunInspect(const Common& common, const fs::path& file) {
  const auto text = file.extension() == ".cu" ? CompileFile({.source = file}) : ReadText(file);
  if (!text) return Fail(text.error());
  const auto parsed = ptx::Parse(*text);
  if (!parsed) return Fail(parsed.error().Within(file.string()));
  // A spelling that nobody knows keeps the file from being run anywhere; the report is still
  // wanted.
  auto rewritten = ptx::Canonicalize(*parsed);
  if (!rewritten && rewritten.error().code != Code::kUnsupported) {
    return Fail(rewritten.error().Within(file.string()));
  }
  const ptx::Module& module = rewritten ? *rewritten : *parsed;
  const auto kernels = gpu::cpu::ReportKernels(module);
  const std::string canonical = rewritten ? ptx::Write(*rewritten) : "";
  const bool already = canonical == *text;
  const std::string target = fmt::format("sm_{}{}", module.target, module.target_suffix);
  if (common.json) {
    Json list = Json::array();
    for (const ptx::KernelReport& kernel : kernels) list.push_back(KernelJson(kernel));
    Json out = {{"file", file.string()}, {"canonical", already}};
    if (rewritten) {
      out["digest"] = Sha256(AsBytes(canonical)).ToString();
    } else {
      out["canonical_why"] = rewritten.error().message;
    }
    out["version"] = DottedVersion(module.version);
    out["target"] = target;
    out["kernels"] = std::move(list);
    PrintJson(out);
    return kDone;
  }
  std::string form = "canonical";
  if (!already) form = "not canonical (souk run rewrites it)";
  if (file.extension() == ".cu") form = "compiled here";
  if (!rewritten) form = "cannot be run: " + rewritten.error().message;
  PrintFolded(fmt::format("{}  .version {}  {}  {}\n", file.string(), DottedVersion(module.version),
                          target, form));
  PrintKernels(kernels);
  return kDone;
}

}  // namespace souk::tools
