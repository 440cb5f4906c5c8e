#include "gpu/cpu/supported.h"

#include <algorithm>
#include <charconv>

#include "gpu/cpu/choose.h"
#include "gpu/cpu/handlers.h"
#include "gpu/cpu/lower.h"
#include "gpu/cpu/program.h"
#include "gpu/cpu/variables.h"
#include "gpu/ptx/reach.h"

namespace souk::gpu::cpu {

std::optional<std::string> WhyUnsupportedOperation(const ptx::Operation& operation) {
  const Choice choice = Choose(operation);
  if (choice.reason != nullptr) return choice.reason;
  const bool fixed =
      choice.form == Form::kPlain || choice.form == Form::kCarry || choice.form == Form::kCvt;
  if (fixed && Handlers(SimdLevel::kBaseline).At(choice.fn, choice.ty).some == nullptr) {
    return "type";
  }
  return std::nullopt;
}

std::optional<std::string> WhyUnsupported(const ptx::Module& module, const ptx::Function& function,
                                          const ptx::Instruction& instruction) {
  const ptx::Operation& operation = module.OperationOf(instruction);
  if (auto why = WhyUnsupportedOperation(operation)) return why;
  for (const ptx::Operand& operand : function.Operands(instruction)) {
    if (operand.kind == ptx::OperandKind::kSpecial) {
      const auto special = static_cast<ptx::Special>(operand.index);
      if (const char* why = WhyUnsupportedSpecial(special, operand.value)) {
        return ptx::SpecialName(special, operand.value) + ": " + why;
      }
    }
  }
  if (operation.opcode == ptx::Opcode::kCall) {
    const auto operands = function.Operands(instruction);
    if (operands[1].kind != ptx::OperandKind::kFunction) return std::nullopt;
    const ptx::Function& callee = module.functions[operands[1].index];
    if (!callee.defined && FindSystemCall(callee.name) == SystemCall::kNone) {
      return "the function " + callee.name + " is not in the module";
    }
  }
  return std::nullopt;
}

namespace {

// Compile's messages begin "line 7: SPELLING: ", where they are about an instruction.
ptx::Unsupported RowOf(const Error& error) {
  ptx::Unsupported row;
  row.reason = error.message;
  constexpr std::string_view kLine = "line ";
  if (!row.reason.starts_with(kLine)) return row;
  const char* const end = row.reason.data() + row.reason.size();
  const auto [after, failed] = std::from_chars(row.reason.data() + kLine.size(), end, row.line);
  const size_t spelling = static_cast<size_t>(after - row.reason.data()) + 2;
  const size_t colon = row.reason.find(": ", spelling);
  if (failed != std::errc()) return row;
  if (colon == std::string::npos) {
    row.reason = row.reason.substr(std::min(spelling, row.reason.size()));
    return row;
  }
  row.instruction = row.reason.substr(spelling, colon - spelling);
  row.reason = row.reason.substr(colon + 2);
  return row;
}

void MakeOpaque(ptx::KernelReport& report, const Error& error) {
  report.verdict.cls = ptx::Class::kOpaque;
  report.verdict.why = error.message;
  report.unsupported.push_back(RowOf(error));
  report.verdict.line = report.unsupported.back().line;
}

}  // namespace

Status CheckSize(const ptx::Module& module) {
  if (ptx::InlinedSize(module) <= kMostOps) return Ok();
  return Error(Code::kTooLarge,
               "the module's kernels have more than 4,194,304 instructions in all, calls inlined");
}

std::vector<ptx::KernelReport> ReportKernels(const ptx::Module& module) {
  std::vector<ptx::KernelReport> reports;
  const Status fits = CheckSize(module);
  const PlacedVariables placed(module);
  // Any place will do for what Load would give one.
  const AddressOf somewhere = [&](uint32_t function, uint32_t index) {
    return placed.Has({function, index}) ? uint64_t{1} << 40 : uint64_t{0};
  };
  for (const ptx::Function& kernel : module.functions) {
    if (!kernel.is_entry || !kernel.defined) continue;
    ptx::KernelReport report =
        fits ? ptx::Report(module, kernel, &WhyUnsupported) : ptx::Outline(kernel);
    if (!fits) {
      MakeOpaque(report, fits.error());
    } else if (report.unsupported.empty()) {
      const Result<Program> program =
          Compile(module, kernel, somewhere, Handlers(SimdLevel::kBaseline));
      if (program) {
        report.path_instructions = program->path_instructions;
        report.loops = program->loops;
        if (report.verdict.cls == ptx::Class::kExact) {
          const Result<Program> checked = Compile(
              module, kernel, somewhere, Handlers(SimdLevel::kBaseline), Watching::kChecked);
          if (!checked) report.unchecked = checked.error().message;
        }
      } else {
        MakeOpaque(report, program.error());
      }
    }
    reports.push_back(std::move(report));
  }
  return reports;
}

}  // namespace souk::gpu::cpu
