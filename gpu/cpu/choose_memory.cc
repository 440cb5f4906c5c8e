// The choice for what reaches memory.
#include <string>

#include "gpu/cpu/choices.h"

namespace souk::gpu::cpu {

using ptx::Opcode;
using ptx::Operation;
using ptx::Type;

namespace {

bool IsLaneType(Type t) {
  const Ty ty = TyOf(t);
  return ty != Ty::kNone && ty != Ty::kPred;
}

}  // namespace

Choice ChooseAccess(const Operation& o) {
  switch (o.space) {
    case ptx::Space::kGeneric:
    case ptx::Space::kGlobal:
    case ptx::Space::kConst:
    case ptx::Space::kLocal:
    case ptx::Space::kShared:
    case ptx::Space::kParam:
      break;
    default:
      return NoChoice("state space");
  }
  if (!IsLaneType(o.type)) return NoChoice("type");
  for (const std::string& rest : o.rest) {
    // Cache hints change no result.
    if (rest.rfind("L1::", 0) != 0 && rest.rfind("L2::", 0) != 0 && rest != "unified") {
      return NoChoice("modifier");
    }
    if (rest == "unified") return NoChoice("cache policy");
  }
  return ChoiceOf(o.opcode == Opcode::kSt ? Form::kStore : Form::kLoad);
}

Choice ChooseAtomic(const Operation& o) {
  if (o.space != ptx::Space::kGeneric && o.space != ptx::Space::kGlobal &&
      o.space != ptx::Space::kShared) {
    return NoChoice("state space");
  }
  // Vectors: element by element (ISA atom: "each individual operation is atomic").
  if (o.vector != 1 && o.combine != ptx::Combine::kAdd) return NoChoice("vector atomics");
  if (!o.rest.empty()) return NoChoice("modifier");
  const Ty ty = TyOf(o.type);
  const bool integer = ty == Ty::kU32 || ty == Ty::kS32 || ty == Ty::kU64 || ty == Ty::kS64;
  switch (o.combine) {
    case ptx::Combine::kAdd:
      if (!integer && ty != Ty::kF32 && ty != Ty::kF64 && !IsHalfType(o.type))
        return NoChoice("type");
      break;
    case ptx::Combine::kMin:
    case ptx::Combine::kMax:
    case ptx::Combine::kAnd:
    case ptx::Combine::kOr:
    case ptx::Combine::kXor:
    case ptx::Combine::kExch:
      if (!integer) return NoChoice("type");
      break;
    case ptx::Combine::kCas:
      if (!integer && ty != Ty::kU16) return NoChoice("type");
      break;
    case ptx::Combine::kInc:
    case ptx::Combine::kDec:
      if (ty != Ty::kU32) return NoChoice("type");
      break;
    default:
      return NoChoice("operation");
  }
  return ChoiceOf(o.opcode == Opcode::kRed ? Form::kRed : Form::kAtom);
}

Choice ChooseCopy(const Operation& o) {
  // cp.async.{ca,cg} copies at once; groups then have nothing to wait for.
  if (o.HasRest("reduce") || o.HasRest("tensor")) return NoChoice("bulk copies of this kind");
  if (o.HasRest("bulk")) {
    if (o.HasRest("prefetch") || o.HasRest("commit_group") || o.HasRest("wait_group")) {
      return ChoiceOf(Form::kNothing);
    }
    const bool to_shared =
        o.space2 == ptx::Space::kGlobal && o.HasRest("mbarrier::complete_tx::bytes");
    const bool to_global = o.space == ptx::Space::kGlobal && o.space2 == ptx::Space::kShared;
    if (o.HasRest("multicast::cluster") || (!to_shared && !to_global)) return NoChoice("clusters");
    return ChoiceOf(Form::kCopyBulk);
  }
  if (o.HasRest("mbarrier")) return ChoiceOf(Form::kCopyArrive);
  if (o.HasRest("commit_group") || o.HasRest("wait_group") || o.HasRest("wait_all")) {
    return ChoiceOf(Form::kAsyncGroup);
  }
  if (o.HasRest("L2::cache_hint")) return NoChoice("cache policy");
  return ChoiceOf(Form::kCopyAsync);
}

}  // namespace souk::gpu::cpu
