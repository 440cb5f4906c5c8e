#include "gpu/cpu/supported.h"

#include "gpu/cpu/choose.h"
#include "gpu/cpu/handlers.h"
#include "gpu/cpu/lower.h"

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
      if (const char* why = WhyUnsupportedSpecial(special)) {
        return ptx::SpecialName(special, operand.value) + ": " + why;
      }
    }
  }
  if (operation.opcode == ptx::Opcode::kCall) {
    const auto operands = function.Operands(instruction);
    if (operands.size() < 2 || operands[1].kind != ptx::OperandKind::kFunction) {
      return "indirect calls";
    }
    const ptx::Function& callee = module.functions[operands[1].index];
    if (!callee.defined) return "the function " + callee.name + " is not in the module";
  }
  return std::nullopt;
}

}  // namespace souk::gpu::cpu
