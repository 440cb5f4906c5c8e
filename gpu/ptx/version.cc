// The version table of what is not an instruction's spelling: directives, special registers,
// operands. From "PTX ISA Notes" throughout ISA 9.0 and chapter 13, "Release Notes".
#include <fmt/format.h>

#include <algorithm>

#include "gpu/ptx/canonical.h"
#include "gpu/ptx/declarations.h"
#include "gpu/ptx/lexer.h"
#include "gpu/ptx/targets.h"

namespace souk::ptx {
namespace {

constexpr uint32_t kFloor = kOldestVersion;

uint32_t TypeVersion(Type type) {
  return type == Type::kB128 ? 83 : kFloor;
}

uint32_t DirectivesVersion(const Directives& d) {
  if (d.blocksareclusters) return 90;
  if (d.reqnctapercluster[0] != 0 || d.maxclusterrank != 0 || d.explicitcluster) return 78;
  return d.noreturn ? 64 : kFloor;
}

uint32_t SpecialVersion(const Operand& operand) {
  const auto special = static_cast<Special>(operand.index);
  if (special == Special::kAggrSmemSize) return 81;
  if (special == Special::kCurrentGraphExec) return 80;
  if (special >= Special::kIsExplicitCluster && special <= Special::kClusterNctarank) return 78;
  if (special >= Special::kReservedSmemOffsetBegin && special <= Special::kReservedSmemOffset1) {
    return 76;
  }
  return kFloor;
}

bool HasArriveCount(const Operation& op, std::span<const Operand> operands) {
  return op.opcode == Opcode::kMbarrier && (op.HasRest("arrive") || op.HasRest("arrive_drop")) &&
         operands.size() > 2 && !op.HasRest("noComplete");
}

// Forms that differ in their operands only.
uint32_t OperandsVersion(const Function& f, const Operation& op,
                         std::span<const Operand> operands) {
  switch (op.opcode) {
    case Opcode::kMin:
    case Opcode::kMax:
      return operands.size() > 3 ? 88 : kFloor;
    case Opcode::kCp:  // the predicate ignore-src
      return op.HasRest("async") && operands.size() > 3 &&
                     operands[3].kind == OperandKind::kRegister &&
                     f.registers[operands[3].index].type == Type::kPred
                 ? 75
                 : kFloor;
    case Opcode::kMbarrier:
      if (!op.HasRest("arrive") && !op.HasRest("arrive_drop")) return kFloor;
      if (HasArriveCount(op, operands)) return 78;
      return !operands.empty() && operands[0].kind == OperandKind::kSink ? 71 : kFloor;
    default:
      return kFloor;
  }
}

constexpr uint64_t kOldParameterBytes = 4352;
constexpr uint64_t kMostParameterBytes = 32764;

uint32_t SpecialTarget(const Operand& operand) {
  const auto special = static_cast<Special>(operand.index);
  if (special == Special::kAggrSmemSize) return 90;
  if (special >= Special::kIsExplicitCluster && special <= Special::kClusterNctarank) return 90;
  const bool reserved =
      special >= Special::kReservedSmemOffsetBegin && special <= Special::kReservedSmemOffset1;
  return reserved ? 80 : 0;
}

// Of its header, special registers and operands; instructions' spellings have theirs.
uint32_t FunctionTarget(const Module& module, const Function& f) {
  const Directives& d = f.directives;
  const bool clusters = d.blocksareclusters || d.explicitcluster || d.maxclusterrank != 0 ||
                        d.reqnctapercluster[0] != 0;
  uint32_t target = clusters ? 90 : f.is_entry && f.param_bytes > kOldParameterBytes ? 70 : 0;
  for (const Operand& operand : f.operands) {
    if (operand.kind == OperandKind::kSpecial) target = std::max(target, SpecialTarget(operand));
  }
  for (const Instruction& i : f.body) {
    if (HasArriveCount(module.OperationOf(i), f.Operands(i))) target = std::max(target, 90u);
  }
  return target;
}

uint32_t FunctionVersion(const Module& module, const Function& f) {
  uint32_t version = DirectivesVersion(f.directives);
  if (f.is_entry && f.param_bytes > kOldParameterBytes) version = std::max(version, 81u);
  for (const Prototype& prototype : f.prototypes) {
    if (prototype.noreturn) version = std::max(version, 64u);
    for (const std::vector<Variable>* list : {&prototype.returns, &prototype.params}) {
      for (const Variable& v : *list) version = std::max(version, TypeVersion(v.type));
    }
  }
  for (const Register& reg : f.registers) {
    version = std::max(version, TypeVersion(reg.type));
  }
  for (const Variable& v : f.variables) version = std::max(version, TypeVersion(v.type));
  for (const Pragma& pragma : f.pragmas) {
    version = std::max(version, PragmaVersion(pragma.text, module.version));
  }
  for (const Operand& operand : f.operands) {
    if (operand.kind == OperandKind::kSpecial) version = std::max(version, SpecialVersion(operand));
  }
  for (const Instruction& i : f.body) {
    const Operation& op = module.OperationOf(i);
    version = std::max({version, op.needs_version, OperandsVersion(f, op, f.Operands(i))});
    if (!op.version_known) version = std::max(version, module.version);
  }
  return version;
}

}  // namespace

uint32_t LeastVersion(const Module& module) {
  uint32_t version = std::max(kFloor, FirstVersionWith(module.target, module.target_suffix));
  for (const Variable& v : module.variables) {
    for (const Relocation& r : v.relocations) version = std::max(version, r.masked ? 71u : kFloor);
    version = std::max(version, TypeVersion(v.type));
  }
  for (const Function& f : module.functions)
    version = std::max(version, FunctionVersion(module, f));
  return version;
}

Status CheckNeeds(const Module& module) {
  for (const Function& f : module.functions) {
    const auto refuse = [&](const std::string& what, Code code = Code::kMalformed) {
      return Error(code, fmt::format("line {}: {} {}", f.line, Quoted(f.name), what));
    };
    if (const uint32_t target = FunctionTarget(module, f); target > module.target) {
      return refuse(fmt::format("needs .target sm_{}", target));
    }
    if (const uint32_t version = FunctionVersion(module, f); version > module.version) {
      return refuse(fmt::format("needs .version {}.{}", version / 10, version % 10));
    }
    if (f.is_entry && f.param_bytes > kMostParameterBytes) {
      return refuse(fmt::format("has {} bytes of parameters; {} are the most", f.param_bytes,
                                kMostParameterBytes),
                    Code::kTooLarge);
    }
  }
  if (const uint32_t version = LeastVersion(module); version > module.version) {
    return Error(Code::kMalformed, fmt::format("the module's variables need .version {}.{}",
                                               version / 10, version % 10));
  }
  return Ok();
}

}  // namespace souk::ptx
