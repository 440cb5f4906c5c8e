#include "gpu/conformance/batch.h"

#include <algorithm>
#include <cstdlib>
#include <tuple>

namespace souk::gpu::conformance {
namespace {

using ptx::Type;

// Enough to make loading the inputs cheap; few enough for a compiler's registers and patience.
constexpr size_t kFormsPerKernel = 64;
// Whole blocks of 128.
constexpr uint32_t kBlockRows = 4096;

const char* const kNames[] = {"%a", "%b", "%c", "%e"};

std::string LoadSource(size_t index, const FormCase::Source& source) {
  const std::string n = std::to_string(index);
  const uint32_t bytes = SlotBytes(source.type);
  std::string text = "  ld.param.u64 %at, [in" + n + "]; mul.wide.u32 %step, %row, " +
                     std::to_string(bytes) + "; add.s64 %at, %at, %step;\n";
  if (source.type == Type::kPred) {
    return text + "  ld.global.b32 %flag, [%at]; setp.ne.u32 " + kNames[index] + ", %flag, 0;\n";
  }
  return text + "  ld.global.b" + std::to_string(8 * bytes) + " " + kNames[index] + ", [%at];\n";
}

std::string ApplyForm(const FormCase& form, uint64_t offset) {
  const std::string bits = std::to_string(8 * SlotBytes(form.result));
  const std::string at = "[%out" + bits + "+" + std::to_string(offset) + "]";
  std::string text = "  { .reg ." + RegisterType(form.result) + " %d; " + form.code;
  if (form.result == Type::kPred) {
    return text + " selp.u32 %flag, 1, 0, %d; st.global.b32 " + at + ", %flag; }\n";
  }
  return text + " st.global.b" + bits + " " + at + ", %d; }\n";
}

// What FormCase::Surroundings promises: of the module, and of a kernel.
std::string ModuleSurroundings(Surroundings surroundings) {
  if (surroundings == Surroundings::kRegisters) return "";
  std::string text = ".global .align 16 .b8 cells[" + std::to_string(16 * kBlockRows) + "];\n";
  if (surroundings == Surroundings::kBlock) return text;
  text += ".const .align 16 .b8 table[64] = {";
  for (int i = 0; i < 64; ++i) text += (i == 0 ? "" : ", ") + std::to_string((i * 37 + 129) % 256);
  return text + "};\n";
}

std::string KernelSurroundings(Surroundings surroundings) {
  switch (surroundings) {
    case Surroundings::kRegisters:
      return "";
    case Surroundings::kMemory:
      return "  .shared .align 16 .b8 sh[4096]; .local .align 16 .b8 loc[16];\n"
             "  .reg .b64 %in, %cell, %sh, %loc, %tab, %zero;\n"
             "  ld.param.u64 %in, [mem]; mul.wide.u32 %step, %row, 16; add.s64 %in, %in, %step;\n"
             "  mov.u64 %cell, cells; add.s64 %cell, %cell, %step; mov.u64 %zero, 0;\n"
             "  mul.wide.u32 %step, %thread, 16; mov.u64 %sh, sh; add.s64 %sh, %sh, %step;\n"
             "  mov.u64 %loc, loc; and.b32 %flag, %row, 3; mul.wide.u32 %step, %flag, 16;\n"
             "  mov.u64 %tab, table; add.s64 %tab, %tab, %step;\n";
    case Surroundings::kBlock:
      return "  .shared .align 16 .b8 sh[1024];\n"
             "  .reg .b32 %lane, %self; .reg .b64 %mine, %slot, %own, %zero;\n"
             "  mov.u32 %self, %tid.x; and.b32 %lane, %self, 31; mov.u64 %zero, 0;\n"
             "  mov.u64 %mine, cells; mul.wide.u32 %step, %block, 1024;\n"
             "  add.s64 %mine, %mine, %step; mul.wide.u32 %step, %self, 8;\n"
             "  mov.u64 %slot, sh; add.s64 %slot, %slot, %step; add.s64 %own, %mine, %step;\n";
  }
  std::abort();
}

std::string BeforeCase(Surroundings surroundings) {
  switch (surroundings) {
    case Surroundings::kRegisters:
      return "";
    case Surroundings::kMemory:
      return "  st.global.v2.b64 [%cell], {%zero, %zero}; st.shared.v2.b64 [%sh], {%zero, %zero};\n"
             "  st.local.v2.b64 [%loc], {%zero, %zero};\n";
    case Surroundings::kBlock:
      return "  bar.sync 0; st.shared.b64 [%slot], %zero; st.global.b64 [%own], %zero;\n"
             "  bar.sync 0;\n";
  }
  std::abort();
}

std::string Prologue(const std::string& name, const std::vector<FormCase::Source>& sources,
                     Surroundings surroundings) {
  std::string text = ".visible .entry " + name + "(.param .u64 out";
  for (size_t i = 0; i < sources.size(); ++i) text += ", .param .u64 in" + std::to_string(i);
  if (surroundings == Surroundings::kMemory) text += ", .param .u64 mem";
  text +=
      ", .param .u32 rows)\n{\n"
      "  .reg .pred %past; .reg .b32 %row, %size, %block, %thread, %flag;\n"
      "  .reg .b64 %at, %step, %out, %out16, %out32, %out64;\n";
  for (size_t i = 0; i < sources.size(); ++i) {
    text += "  .reg ." + RegisterType(sources[i].type) + " " + kNames[i] + ";\n";
  }
  text +=
      "  mov.u32 %block, %ctaid.x; mov.u32 %size, %ntid.x; mov.u32 %thread, %tid.x;\n"
      "  mad.lo.s32 %row, %block, %size, %thread; ld.param.u32 %size, [rows];\n"
      "  setp.ge.u32 %past, %row, %size; @%past ret;\n"
      "  ld.param.u64 %out, [out];\n";
  for (const char* bytes : {"2", "4", "8"}) {
    const std::string bits = std::to_string(8 * std::stoi(bytes));
    text += std::string("  mul.wide.u32 %step, %row, ") + bytes + "; add.s64 %out" + bits +
            ", %out, %step;\n";
  }
  for (size_t i = 0; i < sources.size(); ++i) text += LoadSource(i, sources[i]);
  return text + KernelSurroundings(surroundings);
}

Slot SlotFor(const FormCase& form, uint64_t offset, uint32_t rows) {
  return {.form = form.form,
          .group = form.family + ": " + form.group,
          .type = form.result,
          .offset = offset,
          .rows = rows,
          .agreement = form.agreement,
          .approximation = form.approximation,
          .ftz = form.ftz};
}

// One kernel at the end of the module.
void AddKernel(Module& module, std::span<const FormCase> forms) {
  KernelRun run;
  run.kernel = "k" + std::to_string(module.runs.size());
  const Surroundings surroundings = forms[0].surroundings;
  const bool whole = surroundings == Surroundings::kBlock;
  run.any_block = !whole;
  run.rows = whole ? kBlockRows : kRows;
  run.block = {whole ? 128u : 256u, 1, 1};
  run.grid = {(run.rows + run.block.x - 1) / run.block.x, 1, 1};
  const std::vector<FormCase::Source>& sources = forms[0].sources;
  for (size_t i = 0; i < sources.size(); ++i) {
    run.inputs.push_back(MakeColumn(sources[i].type, sources[i].role, i, run.rows));
  }
  if (surroundings == Surroundings::kMemory) {
    run.inputs.push_back(MakeColumn(Type::kB64, Role::kValue, 0, 2 * run.rows));
  }
  module.text += Prologue(run.kernel, sources, surroundings);
  for (const FormCase& form : forms) {
    module.text += BeforeCase(surroundings) + ApplyForm(form, run.output_bytes);
    run.slots.push_back(SlotFor(form, run.output_bytes, run.rows));
    run.output_bytes += (uint64_t{run.rows} * SlotBytes(form.result) + 255) / 256 * 256;
    module.version = std::max(module.version, form.version);
  }
  module.text += "  ret;\n}\n";
  module.runs.push_back(std::move(run));
}

// What forms must share to share a kernel.
std::vector<std::pair<Type, Role>> SignatureOf(const FormCase& form) {
  std::vector<std::pair<Type, Role>> signature;
  for (const FormCase::Source& source : form.sources) {
    signature.emplace_back(source.type, source.role);
  }
  return signature;
}

}  // namespace

std::string RegisterType(Type type) {
  return type == Type::kPred ? "pred" : "b" + std::to_string(8 * SlotBytes(type));
}

std::string ModuleHeader(uint32_t version, uint32_t target) {
  return ".version " + std::to_string(version / 10) + "." + std::to_string(version % 10) +
         "\n.target sm_" + std::to_string(target) + "\n.address_size 64\n";
}

std::vector<Module> BatchForms(std::vector<FormCase> forms) {
  std::stable_sort(forms.begin(), forms.end(), [](const FormCase& x, const FormCase& y) {
    return std::tuple(x.family, x.target, x.surroundings, SignatureOf(x)) <
           std::tuple(y.family, y.target, y.surroundings, SignatureOf(y));
  });
  std::vector<Module> modules;
  for (size_t at = 0; at < forms.size();) {
    const FormCase& first = forms[at];
    const auto shares = [&](const FormCase& form) {
      return form.family == first.family && form.target == first.target &&
             form.surroundings == first.surroundings && SignatureOf(form) == SignatureOf(first);
    };
    size_t end = at;
    while (end < forms.size() && end - at < kFormsPerKernel && shares(forms[end])) ++end;
    if (modules.empty() || modules.back().family != first.family ||
        modules.back().target != first.target) {
      modules.push_back({.family = first.family, .target = first.target});
      modules.back().text = ModuleSurroundings(first.surroundings);
    }
    AddKernel(modules.back(), std::span(forms).subspan(at, end - at));
    at = end;
  }
  for (Module& module : modules) {
    module.text = ModuleHeader(module.version, module.target) + module.text;
  }
  return modules;
}

}  // namespace souk::gpu::conformance
