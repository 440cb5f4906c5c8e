// Lowering of mbarrier (PTX ISA 9.7.13.15), of cp.async.mbarrier.arrive and of cp.async.bulk.
#include "gpu/cpu/lower.h"
#include "gpu/cpu/lower_types.h"
#include "gpu/cpu/mbarrier.h"

namespace souk::gpu::cpu {
namespace {

using ptx::Operand;
using ptx::Operation;
using ptx::Type;

uint64_t MbarrierBits(const Operation& o) {
  if (o.HasRest("init")) return static_cast<uint64_t>(MbarrierOp::kInit);
  if (o.HasRest("inval")) return static_cast<uint64_t>(MbarrierOp::kInval);
  if (o.HasRest("pending_count")) return static_cast<uint64_t>(MbarrierOp::kPendingCount);
  uint64_t bits = (o.HasRest("expect_tx") ? kMbarrierExpect : 0) |
                  (o.HasRest("parity") ? kMbarrierParity : 0) |
                  (o.HasRest("noComplete") ? kMbarrierNoComplete : 0);
  if (o.HasRest("arrive_drop")) {
    return bits | kMbarrierDrop | static_cast<uint64_t>(MbarrierOp::kArrive);
  }
  if (o.HasRest("arrive")) return bits | static_cast<uint64_t>(MbarrierOp::kArrive);
  if (o.HasRest("test_wait") || o.HasRest("try_wait")) {
    return bits | static_cast<uint64_t>(MbarrierOp::kTestWait);
  }
  return static_cast<uint64_t>(o.HasRest("complete_tx") ? MbarrierOp::kCompleteTx
                                                        : MbarrierOp::kExpectTx);
}

}  // namespace

Status Lowering::MbarrierAccess(uint64_t bits, const Operand& address, uint32_t dst, uint32_t count,
                                uint32_t state) {
  return MbarrierAccess(bits, address, dst, count, state, operation_->space);
}

Status Lowering::MbarrierAccess(uint64_t bits, const Operand& address, uint32_t dst, uint32_t count,
                                uint32_t state, ptx::Space space) {
  ASSIGN_OR_RETURN(const uint32_t at, AddressValue(address, space));
  Inst& inst = Emit(Fn::kMbarrier, Ty::kNone);
  inst.dst = dst;
  inst.a = at;
  inst.b = count;
  inst.c = state;
  inst.imm = bits;
  const bool shared = space == ptx::Space::kShared;
  inst.flags = AddressFlags(shared ? Window::kShared : Window::kGeneric, /*narrow=*/false);
  inst.memory = true;
  return Ok();
}

Status Lowering::MbarrierInstruction(Operands operands) {
  const uint64_t bits = MbarrierBits(*operation_);
  const auto what = static_cast<MbarrierOp>(bits & 0xff);
  const uint32_t none = Constant(4, 0);
  const uint32_t no_state = Constant(8, 0);
  switch (what) {
    case MbarrierOp::kInit:
    case MbarrierOp::kExpectTx:
    case MbarrierOp::kCompleteTx: {
      if (operands.size() != 2) return Refuse("operands");
      ASSIGN_OR_RETURN(const uint32_t count, Source(operands[1], Type::kU32));
      return MbarrierAccess(bits, operands[0], NewReg(8), count, no_state);
    }
    case MbarrierOp::kInval:
      if (operands.size() != 1) return Refuse("operands");
      return MbarrierAccess(bits, operands[0], NewReg(8), none, no_state);
    case MbarrierOp::kArrive: {
      // The state may be left out, or be a sink.
      const bool has_state = operands[0].kind != ptx::OperandKind::kAddress;
      const size_t first = has_state ? 1 : 0;
      if (operands.size() < first + 1 || operands.size() > first + 2) return Refuse("operands");
      uint32_t dst = kNoReg;
      if (has_state) {
        ASSIGN_OR_RETURN(dst, Dest(operands[0], Type::kB64));
      } else {
        dst = NewReg(8);
      }
      uint32_t count = Constant(4, 1);
      if (operands.size() == first + 2) {
        ASSIGN_OR_RETURN(count, Source(operands[first + 1], Type::kU32));
      }
      return MbarrierAccess(bits, operands[first], dst, count, no_state);
    }
    case MbarrierOp::kTestWait: {
      // try_wait may have a hint of how long to sleep.
      if (operands.size() != 3 && operands.size() != 4) return Refuse("operands");
      ASSIGN_OR_RETURN(const uint32_t dst, Dest(operands[0], Type::kPred));
      uint32_t parity = none;
      uint32_t state = no_state;
      if (bits & kMbarrierParity) {
        ASSIGN_OR_RETURN(parity, Source(operands[2], Type::kU32));
      } else {
        ASSIGN_OR_RETURN(state, Source(operands[2], Type::kB64));
      }
      return MbarrierAccess(bits, operands[1], dst, parity, state);
    }
    case MbarrierOp::kPendingCount: {
      if (operands.size() != 2) return Refuse("operands");
      ASSIGN_OR_RETURN(const uint32_t dst, Dest(operands[0], Type::kU32));
      ASSIGN_OR_RETURN(const uint32_t state, Source(operands[1], Type::kB64));
      Emit(Fn::kMbarrierCount, Ty::kNone, dst, state);
      return Ok();
    }
  }
  return Refuse("operation");
}

// This device's cp.async has copied when it is over, so the arrival that it would trigger comes at
// once. Without .noinc the barrier first awaits one more, which is that arrival: nothing changes.
Status Lowering::CopyArrive(Operands operands) {
  if (operands.size() != 1) return Refuse("operands");
  if (!operation_->HasRest("noinc")) return Ok();
  return MbarrierAccess(static_cast<uint64_t>(MbarrierOp::kArrive), operands[0], NewReg(8),
                        Constant(4, 1), Constant(8, 0));
}

// cp.async.bulk (ISA 9.7.9.25.4): copied at once as well. Into .shared the barrier learns of it by
// complete_tx; out of it a group that is waited for is always complete. Every block is a cluster of
// its own, so that .shared::cluster is its own .shared.
Status Lowering::CopyBulk(Operands operands) {
  const bool to_shared = operation_->space2 == ptx::Space::kGlobal;
  if (operands.size() < (to_shared ? 4 : 3)) return Refuse("operands");
  const auto space = [&](bool shared) {
    return shared ? ptx::Space::kShared : ptx::Space::kGlobal;
  };
  ASSIGN_OR_RETURN(const uint32_t to, AddressValue(operands[0], space(to_shared)));
  ASSIGN_OR_RETURN(const uint32_t from, AddressValue(operands[1], space(!to_shared)));
  ASSIGN_OR_RETURN(const uint32_t bytes, Source(operands[2], Type::kU32));
  Inst& inst = Emit(Fn::kCopyBulk, Ty::kNone);
  inst.a = to;
  inst.b = from;
  inst.c = bytes;
  inst.imm = to_shared ? 1 : 0;
  inst.memory = true;
  if (!to_shared) return Ok();
  return MbarrierAccess(static_cast<uint64_t>(MbarrierOp::kCompleteTx), operands[3], NewReg(8),
                        bytes, Constant(8, 0), ptx::Space::kShared);
}

}  // namespace souk::gpu::cpu
