// A PTX module as everything in gpu/ sees it: parsed, names resolved to dense indices, scopes
// flattened. The grammar and meanings are those of PTX ISA 9.0, chapters 4 (syntax), 5 (state
// spaces, types, variables), 9 (instructions) and 11 (directives).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gpu/ptx/operation.h"
#include "protocol/base/bytes.h"
#include "protocol/base/result.h"

namespace souk::ptx {

inline constexpr uint32_t kNoIndex = UINT32_MAX;  // "no index"

// `align` is not 0; the sum must fit.
inline uint64_t AlignUp(uint64_t value, uint64_t align) {
  return (value + align - 1) / align * align;
}

// clang-format off
#define SOUK_PTX_SPECIALS(X) \
  X(kTidX, "%tid.x") X(kTidY, "%tid.y") X(kTidZ, "%tid.z") X(kTidW, "%tid.w") \
  X(kNtidX, "%ntid.x") X(kNtidY, "%ntid.y") X(kNtidZ, "%ntid.z") X(kNtidW, "%ntid.w") \
  X(kCtaidX, "%ctaid.x") X(kCtaidY, "%ctaid.y") X(kCtaidZ, "%ctaid.z") X(kCtaidW, "%ctaid.w") \
  X(kNctaidX, "%nctaid.x") X(kNctaidY, "%nctaid.y") X(kNctaidZ, "%nctaid.z") X(kNctaidW, "%nctaid.w") \
  X(kLaneid, "%laneid") X(kWarpid, "%warpid") X(kNwarpid, "%nwarpid") X(kSmid, "%smid") X(kNsmid, "%nsmid") \
  X(kGridid, "%gridid") X(kLanemaskEq, "%lanemask_eq") X(kLanemaskLe, "%lanemask_le") \
  X(kLanemaskLt, "%lanemask_lt") X(kLanemaskGe, "%lanemask_ge") X(kLanemaskGt, "%lanemask_gt") \
  X(kClock, "%clock") X(kClockHi, "%clock_hi") X(kClock64, "%clock64") X(kGlobaltimer, "%globaltimer") \
  X(kGlobaltimerLo, "%globaltimer_lo") X(kGlobaltimerHi, "%globaltimer_hi") \
  X(kDynamicSmemSize, "%dynamic_smem_size") X(kTotalSmemSize, "%total_smem_size") \
  X(kAggrSmemSize, "%aggr_smem_size") X(kCurrentGraphExec, "%current_graph_exec") \
  X(kIsExplicitCluster, "%is_explicit_cluster") \
  X(kClusteridX, "%clusterid.x") X(kClusteridY, "%clusterid.y") X(kClusteridZ, "%clusterid.z") X(kClusteridW, "%clusterid.w") \
  X(kNclusteridX, "%nclusterid.x") X(kNclusteridY, "%nclusterid.y") X(kNclusteridZ, "%nclusterid.z") X(kNclusteridW, "%nclusterid.w") \
  X(kClusterCtaidX, "%cluster_ctaid.x") X(kClusterCtaidY, "%cluster_ctaid.y") X(kClusterCtaidZ, "%cluster_ctaid.z") X(kClusterCtaidW, "%cluster_ctaid.w") \
  X(kClusterNctaidX, "%cluster_nctaid.x") X(kClusterNctaidY, "%cluster_nctaid.y") X(kClusterNctaidZ, "%cluster_nctaid.z") X(kClusterNctaidW, "%cluster_nctaid.w") \
  X(kClusterCtarank, "%cluster_ctarank") X(kClusterNctarank, "%cluster_nctarank") \
  X(kReservedSmemOffsetBegin, "%reserved_smem_offset_begin") X(kReservedSmemOffsetEnd, "%reserved_smem_offset_end") \
  X(kReservedSmemOffsetCap, "%reserved_smem_offset_cap") X(kReservedSmemOffset0, "%reserved_smem_offset_0") \
  X(kReservedSmemOffset1, "%reserved_smem_offset_1")
// clang-format on

// kEnvreg (%envreg0 … 31) and kPm (%pm0 … 7, %pm0_64 …: 32 + n) hold their number in
// Operand::value. The whole vectors %tid, %ntid, %ctaid, %nctaid (mov.v4.u32) are kTid … with
// component kAll.
enum class Special : uint8_t {
#define X(name, text) name,
  SOUK_PTX_SPECIALS(X)
#undef X
      kEnvreg,
  kPm,
};
std::string SpecialName(Special special, uint64_t number);
inline bool IsClock(Special special) {
  return special >= Special::kClock && special <= Special::kGlobaltimerHi;
}

enum class OperandKind : uint8_t {
  kSink,       // _
  kRegister,   // index: Function::registers; maybe a part of it (component), maybe negated (!p, -r)
  kInteger,    // value: 64 bits, two's complement
  kFloat32,    // value: the 32 bits of 0f…
  kFloat64,    // value: the 64 bits of 0d… or of a decimal literal; see FloatBits
  kSpecial,    // index: Special; value: its number where it has one
  kVariable,   // the address of a variable, plus value; index as Operand::scope says
  kFunction,   // index: Module::functions (call's target, mov of a function's address)
  kLabel,      // index: Function::labels
  kTable,      // index: Function::tables (brx.idx, call)
  kPrototype,  // index: Function::prototypes (indirect call)
  kAddress,    // [base + value]: memory; base says what index is
  kVector,     // {a, b}: Function::Elements
  kTuple,      // (a, b): call's return values and arguments; Elements
  kPair,       // p|q: two elements
  kBracket,    // [a, {b, c}]: textures, surfaces, tensor maps: Elements
};
enum class BaseKind : uint8_t { kNone, kRegister, kVariable };  // of kAddress; kNone: [immediate]
enum class VariableScope : uint8_t { kModule, kFunction };      // Module:: or Function::variables
// Parts of a register: vector elements (.x/.r …) and, in video instructions, bytes and halves.
// kPicks: several of them, in Operand::value (Picks).
enum class Component : uint8_t { kAll, kX, kY, kZ, kW, kB0, kB1, kB2, kB3, kH0, kH1, kPicks };

// What a SIMD video instruction takes its elements from, or which of them it writes: ".h32" and
// ".b7654" name halves and bytes of the sources a and b as one row, ".b20" elements of d (PTX ISA
// "Video Instructions").
struct Picks {
  bool halves = false;
  uint8_t count = 0;             // 1 to 4
  uint8_t at[4] = {0, 0, 0, 0};  // the last digit first
  static Picks Decode(uint64_t value);
  uint64_t Encode() const;
};

struct Operand {
  OperandKind kind = OperandKind::kSink;
  BaseKind base = BaseKind::kNone;
  VariableScope scope = VariableScope::kModule;  // of kVariable, and of kAddress with kVariable
  Component component = Component::kAll;
  bool negated = false;
  uint32_t index = kNoIndex;
  uint32_t count = 0;  // of kVector, kTuple, kPair, kBracket: elements, from index on
  uint64_t value = 0;  // immediates; offsets of kVariable and kAddress (signed 64 bits)

  int64_t offset() const { return static_cast<int64_t>(value); }
};

// The bits of a kFloat32, kFloat64 or kInteger operand read as a constant of `type`, which is
// double precision where it has 64 bits (kF64, kB64), else single: PTX ISA "Constants": literals
// are doubles, rounded to nearest even where single is needed.
uint64_t FloatBits(const Operand& constant, Type type);

struct Instruction {
  uint32_t operation = 0;      // Module::operations
  uint32_t line = 0;           // in the text that was parsed, from 1
  uint32_t first_operand = 0;  // Function::operands
  uint32_t operand_count = 0;  // top level only; elements of vectors and tuples are elsewhere
  uint32_t guard = kNoIndex;   // @p: Function::registers
  bool guard_negated = false;  // @!p
};
// Operands stand as written: destination first. call always has returns (kTuple), callee
// (kFunction or kRegister), arguments (kTuple), then kPrototype or kTable where given.

struct Register {
  std::string name = {};  // with its %
  Type type = Type::kNone;
  uint8_t vector = 1;  // .v2, .v4
};

// An address in an initialiser: the bytes [offset, offset + size) of the variable hold
// (address of target + addend) >> shift.
struct Relocation {
  uint64_t offset = 0;
  uint8_t size = 8;
  uint8_t shift = 0;     // 8 × the index of the byte for the 0xFF(x), 0xFF00(x) … forms
  bool masked = false;   // one of those forms
  bool generic = false;  // generic(x)
  bool is_function = false;
  uint32_t target = kNoIndex;  // Module::variables or Module::functions
  int64_t addend = 0;
};

enum class Linkage : uint8_t { kInternal, kVisible, kExtern, kWeak, kCommon };

struct Variable {
  std::string name = {};
  Space space = Space::kGlobal;
  Type type = Type::kNone;
  uint8_t vector = 1;
  uint32_t align = 1;  // bytes, a power of two; the natural one where none is written
  bool explicit_align = false;
  bool is_array = false;
  uint64_t elements = 1;  // of type × vector, all dimensions multiplied; 0: x[] (extern)
  uint64_t size = 0;      // bytes; 0 for x[]
  Linkage linkage = Linkage::kInternal;
  bool managed = false;  // .attribute(.managed)
  bool initialised = false;
  Bytes bytes = {};  // the initialiser's first bytes; zero from there to size
  std::vector<Relocation> relocations = {};
  uint32_t line = 0;
};

// A parameter or return value. In .entry and in .func with .param it is a variable; old .func
// headers may declare registers.
struct Param {
  bool is_register = false;
  uint32_t index = kNoIndex;  // Function::variables or Function::registers
  uint64_t offset = 0;        // in the function's parameter (or return) space
  bool is_pointer = false;    // .ptr
  Space pointee = Space::kGeneric;
  uint32_t pointee_align = 0;  // 0: not written
};

struct Label {
  std::string name = {};
  uint32_t target = kNoIndex;  // Function::body; body.size() where it stands at the end
};

// .branchtargets: labels. .calltargets: functions.
struct TargetTable {
  std::string name = {};
  bool is_calls = false;
  std::vector<uint32_t> targets = {};  // Function::labels or Module::functions
  uint32_t position = 0;               // stands before this instruction
};

// .callprototype: types, sizes and alignments of returns and parameters.
struct Prototype {
  std::string name = {};
  std::vector<Variable> returns = {};  // space kReg or kParam
  std::vector<Variable> params = {};
  bool noreturn = false;
  uint32_t position = 0;
};

struct Pragma {
  std::string text = {};
  uint32_t position = 0;
};

// Where the compiler's source stands: holds from this instruction to the next location.
struct Location {
  uint32_t position = 0;
  uint32_t file = 0;  // .file number
  uint32_t line = 0;
  uint32_t column = 0;
};

// Performance and launch directives; 0 where absent.
struct Directives {
  uint32_t maxntid[3] = {0, 0, 0};
  uint32_t reqntid[3] = {0, 0, 0};
  uint32_t minnctapersm = 0;
  uint32_t maxnreg = 0;
  uint32_t reqnctapercluster[3] = {0, 0, 0};
  uint32_t maxclusterrank = 0;
  bool explicitcluster = false;
  bool blocksareclusters = false;
  bool noreturn = false;
};

struct Function {
  std::string name = {};
  bool is_entry = false;
  bool forward = false;  // canonical modules: Write declares it before everything else
  bool defined = false;  // false: only declared (.extern, or a forward declaration)
  Linkage linkage = Linkage::kInternal;
  uint32_t line = 0;
  std::vector<Param> returns = {};
  std::vector<Param> params = {};
  uint64_t param_bytes = 0;  // size of the parameter space
  Directives directives = {};

  // Only registers that are used, in order of first use. Nested scopes are flattened: registers and
  // variables of one name in two scopes have two indices.
  std::vector<Register> registers = {};
  // Parameters, .local, .shared, .const, .global and call-frame .param variables.
  std::vector<Variable> variables = {};
  std::vector<Label> labels = {};
  std::vector<TargetTable> tables = {};
  std::vector<Prototype> prototypes = {};
  std::vector<Operand> operands = {};
  std::vector<Instruction> body = {};
  std::vector<Pragma> pragmas = {};
  std::vector<Location> locations = {};  // by position; empty where the text has no .loc

  std::span<const Operand> Operands(const Instruction& instruction) const {
    return {operands.data() + instruction.first_operand, instruction.operand_count};
  }
  // Of kVector, kTuple, kPair, kBracket.
  std::span<const Operand> Elements(const Operand& group) const {
    return {operands.data() + group.index, group.count};
  }
};

struct SourceFile {
  uint32_t number = 0;
  std::string name = {};
};

struct Module {
  uint32_t version = 0;            // × 10: 90 is .version 9.0
  uint32_t target = 0;             // 75 is sm_75
  std::string target_suffix = {};  // "a", "f" or nothing
  bool texmode_independent = false;
  uint32_t address_size = 64;
  bool canonical = false;  // made by Canonicalize
  std::vector<Operation> operations = {};
  std::vector<Variable> variables = {};
  std::vector<Function> functions = {};
  std::vector<SourceFile> files = {};

  const Operation& OperationOf(const Instruction& i) const { return operations[i.operation]; }
  // nullptr where there is none of that name.
  const Function* FindFunction(std::string_view name) const;
  const Function* FindKernel(std::string_view name) const;  // defined .entry only
  const Variable* FindVariable(std::string_view name) const;
};

// What is refused, with kTooLarge, before memory is spent on it.
struct Limits {
  size_t text_bytes = 64u << 20;
  size_t tokens = 16u << 20;
  size_t names = 1u << 20;         // declared or used: registers, variables, labels, functions
  size_t relocations = 1u << 20;   // addresses in initialisers
  size_t identifier_bytes = 4096;  // C++ names of templates grow long
  size_t scope_depth = 64;         // { } inside a function; nvcc writes 2
  size_t expression_depth = 64;    // parentheses in a constant expression
  size_t initialiser_depth = 16;   // { { } } of array initialisers
  size_t initialiser_bytes = 64u << 20;  // all initialisers together
  size_t vector_elements = 256;          // { } operands; wgmma and tcgen05 go up to 128
  size_t parameters = 4096;              // of one function; 32764 bytes is the driver's limit
};

// Reads a whole module. Instructions that are not known do not stop it: they become
// Opcode::kUnknown, so that a report can list every one. Errors are kMalformed ("line 12: …"),
// kTooLarge (Limits, and those of ptxas: sizes.h), and kUnsupported (32-bit addresses, debug forms
// older than ISA 6.0, a .version or .target that targets.h does not have).
Result<Module> Parse(std::string_view text, const Limits& limits = {});

// The canonical form, the one that is hashed, signed and sent to devices:
// unsuffixed add, sub, mul on floating point get .rn, .version falls to the least that the
// instructions need, registers, labels and local variables are renamed by order, nested scopes and
// debug sections go. Source locations stay in memory but are not written. Lines keep meaning the
// text that was parsed. kUnsupported where a needed version cannot be told (unknown instructions
// keep the version written).
Result<Module> Canonicalize(Module module);

// The text of a canonical module (CHECKed). Write(Canonicalize(Parse(Write(m)))) == Write(m).
std::string Write(const Module& module);

// One instruction as Write prints it, without guard's newline or semicolon: for messages.
std::string WriteInstruction(const Module& module, const Function& function,
                             const Instruction& instruction);

}  // namespace souk::ptx
