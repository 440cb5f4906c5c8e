// Lowering of calls to the driver's functions (system_calls.h).
#include "gpu/cpu/lower.h"
#include "gpu/cpu/lower_types.h"

namespace souk::gpu::cpu {
namespace {

using ptx::Operand;
using ptx::OperandKind;

struct SystemSignature {
  SystemCall call;
  Fn fn;
  uint8_t result;  // bytes; 0: none
  std::vector<uint8_t> arguments;
};

const SystemSignature& SignatureOf(SystemCall call) {
  static const auto* const all = new std::vector<SystemSignature>{
      {SystemCall::kPrintf, Fn::kPrintf, 4, {8, 8}},
      {SystemCall::kMalloc, Fn::kMalloc, 8, {8}},
      {SystemCall::kFree, Fn::kFree, 0, {8}},
      {SystemCall::kAssertFail, Fn::kAssertFail, 0, {8, 8, 4, 8, 8}},
  };
  size_t at = 0;
  while (all->at(at).call != call) ++at;
  return (*all)[at];
}

}  // namespace

Result<uint32_t> Lowering::ArgumentValue(const Operand& argument, uint32_t bytes) {
  if (argument.kind != OperandKind::kVariable) return Source(argument, UnsignedOfBytes(bytes));
  ASSIGN_OR_RETURN(const Place place, ParamPlace(argument, bytes));
  const uint32_t value = NewReg(bytes);
  LoadLocal(value, SlotOf(place), bytes);
  return value;
}

Status Lowering::CallSystem(SystemCall call, const ptx::Function& callee, Operands operands) {
  const SystemSignature& signature = SignatureOf(call);
  const Operands results = at_->function->Elements(operands[0]);
  const Operands arguments = at_->function->Elements(operands[2]);
  const auto size_of = [&](const ptx::Param& p) {
    return p.is_register ? uint64_t{0} : callee.variables[p.index].size;
  };
  bool fits = arguments.size() == signature.arguments.size() &&
              callee.params.size() == arguments.size() &&
              callee.returns.size() == (signature.result != 0 ? 1u : 0u);
  for (size_t i = 0; fits && i < arguments.size(); ++i) {
    fits = size_of(callee.params[i]) == signature.arguments[i];
  }
  if (fits && signature.result != 0) fits = size_of(callee.returns[0]) == signature.result;
  if (!fits) return Refuse(callee.name + " is declared in another way than the driver has it");
  uint32_t values[5] = {kNoReg, kNoReg, kNoReg, kNoReg, kNoReg};
  for (size_t i = 0; i < arguments.size(); ++i) {
    ASSIGN_OR_RETURN(values[i], ArgumentValue(arguments[i], signature.arguments[i]));
  }
  const uint32_t result = signature.result != 0 ? NewReg(signature.result) : kNoReg;
  Inst& inst = Emit(signature.fn, Ty::kNone, result, values[0], values[1], values[2]);
  inst.memory = true;  // it reads what its arguments point at
  if (call == SystemCall::kAssertFail) AddExtra(inst, values[3], /*is_def=*/false);
  if (result == kNoReg || results.empty() || results[0].kind == OperandKind::kSink) return Ok();
  if (results[0].kind == OperandKind::kVariable) {
    ASSIGN_OR_RETURN(const Place place, ParamPlace(results[0], signature.result));
    StoreLocal(result, SlotOf(place), signature.result);
    return Ok();
  }
  const ptx::Type type = UnsignedOfBytes(signature.result);
  ASSIGN_OR_RETURN(const uint32_t dst, Dest(results[0], type));
  Emit(Fn::kMov, TyOf(type), dst, result);
  return Ok();
}

}  // namespace souk::gpu::cpu
