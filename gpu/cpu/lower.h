// PTX to the internal instructions. Calls are inlined: each call site gets an instance of its
// callee with registers, labels and .local variables of its own; .param variables of a call become
// .local ones that caller and callee share. Functions that call themselves, or that are called
// through a pointer, stand once and have frames on a stack in local memory (lower_outlined.cc).
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "gpu/cpu/choose.h"
#include "gpu/cpu/ir.h"
#include "gpu/cpu/program.h"
#include "gpu/cpu/system_calls.h"
#include "gpu/ptx/matrix.h"

namespace souk::gpu::cpu {

// What is refused with kTooLarge, before memory is spent on it.
inline constexpr size_t kMostInstructions = 1u << 20;  // of one kernel, calls inlined
// Registers, labels and variables of inlined functions, and entries of branch tables: what a few
// bytes of PTX can ask for again and again. An entry becomes up to 40 bytes.
inline constexpr uint64_t kMostLowered = 1u << 23;
inline constexpr uint32_t kDeepestCall = 64;
inline constexpr uint64_t kMostSharedBytes = 227 * 1024;  // the ISA's largest (sm_90)
inline constexpr uint64_t kMostLocalBytes = 512 * 1024;   // of a thread
// What the driver keeps for itself of .shared, from sm_80 on (ISA "%reserved_smem_offset_…"):
// groups of several warps meet there. Where a kernel names none of it, it has none.
inline constexpr uint64_t kReservedSharedBytes = 1024;
// For frames and alloca, of a thread, where a kernel needs any. An odd number of cache lines:
// threads at one depth must not all meet in one set of the cache.
inline constexpr uint64_t kStackBytes = 64 * 1024 - 64;
// Frames, and what alloca gives, begin at multiples of it.
inline constexpr uint64_t kFrameAlign = 16;

// apart: .shared and .local variables stand in slots of their own, so that it shows where an access
// leaves the one it began in: how a device packs them is its own affair.
Result<Ir> Lower(const ptx::Module& module, const ptx::Function& kernel,
                 const AddressOf& address_of, const HandlerTable& handlers, bool apart);

// Null where the cpu device has the register. number: of kEnvreg and kPm.
const char* WhyUnsupportedSpecial(ptx::Special special, uint64_t number);

class Lowering {
 public:
  Lowering(const ptx::Module& module, const AddressOf& address_of, const HandlerTable& handlers,
           bool apart)
      : module_(module), address_of_(address_of), handlers_(handlers), apart_(apart) {}

  Result<Ir> Run(const ptx::Function& kernel);

 private:
  // Where a variable stands: an offset into its window, or a device address (kGlobal).
  struct Place {
    bool known = false;
    bool framed = false;  // the offset is from the frame's beginning (kLocal)
    Window window = Window::kGlobal;
    uint64_t address = 0;
  };
  // One inlined copy of a function.
  struct Instance {
    const ptx::Function* function = nullptr;
    std::vector<uint32_t> regs = {};    // first virtual register of each register
    std::vector<uint32_t> labels = {};  // of each label
    std::vector<Place> places = {};     // of each variable
    std::vector<uint32_t> tables = {};  // of each table: first in Ir::tables, or kNoReg
    uint32_t carry = kNoReg;
    uint32_t after = kNoLabel;  // where ret goes; none in a kernel
  };
  // A parameter or return value in a callee's frame. type: kNone for arrays.
  struct FrameSlot {
    ptx::Type type = ptx::Type::kNone;
    uint64_t bytes = 0;
    uint64_t align = 1;
    uint64_t offset = 0;
  };
  struct FrameLayout {
    std::vector<FrameSlot> params = {};
    std::vector<FrameSlot> returns = {};
    uint64_t bytes = 0;  // with the header
  };
  // Where something stands in .local: a register's value and an offset.
  struct Slot {
    uint32_t base = kNoReg;
    uint64_t offset = 0;
  };
  // A function that is not inlined.
  struct Outlined {
    const ptx::Function* function = nullptr;
    FrameLayout layout = {};
    Instance instance = {};
    uint32_t entry = kNoLabel;
    uint32_t bytes_reg = kNoReg;  // constants known last: the frame's size,
    uint32_t room_reg = kNoReg;   // and where the last frame may begin
    uint64_t bytes = 0;           // of the frame, as far as it is known
    uint64_t saved_at = 0;        // in the frame: registers saved across calls
    uint32_t first_reg = 0;       // registers that its body owns: [first_reg, last_reg)
    uint32_t last_reg = 0;
    std::vector<uint32_t> sites = {};  // calls that may lead here, of sites_, ascending
  };
  // A call of functions that are not inlined. Between the two markers runs the callee, perhaps the
  // caller again: what is alive at the second is saved at the first.
  struct Site {
    Outlined* owner = nullptr;  // whose body it stands in; none: the kernel's
    uint32_t label = kNoLabel;  // where it goes on
    uint32_t save = 0;          // markers, in Ir::insts
    uint32_t restore = 0;
  };
  using Operands = std::span<const ptx::Operand>;

  Status Body(Instance& instance, uint32_t depth);
  Status One(const ptx::Instruction& instruction, uint32_t depth);
  Status Dispatch(const Choice& choice, Operands operands, uint32_t depth);
  Status LayOutShared(const ptx::Function& kernel);
  Result<uint64_t> TakeSlot(std::vector<uint64_t>& slots, uint64_t slot, uint64_t bytes);

  // lower_calls.cc
  Status Charge(uint64_t count);
  Result<Instance> MakeInstance(const ptx::Function& function);
  Status Call(Operands operands, uint32_t depth);
  Status InlineCall(const ptx::Function& callee, Operands operands, uint32_t depth);
  Status BindParams(Instance& callee, const std::vector<ptx::Param>& formal,
                    const ptx::Operand& actual);
  Status MoveParams(Instance& callee, const std::vector<ptx::Param>& formal,
                    const ptx::Operand& actual, bool returns);
  static FrameSlot FormalOf(const ptx::Function& function, const ptx::Param& param);
  Result<Place> ParamPlace(const ptx::Operand& operand, uint64_t bytes);
  Slot SlotOf(const Place& place);
  Status StoreArgument(const ptx::Operand& actual, const FrameSlot& formal, Slot to);
  Status LoadResult(const ptx::Operand& actual, const FrameSlot& formal, Slot from);
  // Emits what the checking mode takes for the end of their values (Inst::forgets).
  void Forget(const std::vector<uint32_t>& registers);
  Status ForgetVariables(Instance& instance);
  std::vector<uint32_t> RegistersOf(const Instance& instance) const;
  // lower_system.cc
  Status CallSystem(SystemCall call, const ptx::Function& callee, Operands operands);
  // The value of a call's argument in a register of its size.
  Result<uint32_t> ArgumentValue(const ptx::Operand& argument, uint32_t bytes);

  // lower_outlined.cc: functions that are not inlined
  void FindOutlined(const ptx::Function& kernel);
  void FindRecursive(const std::vector<const ptx::Function*>& roots);
  Result<Outlined*> OutlinedOf(const ptx::Function& function);
  static Status LayOutFrame(FrameLayout& layout);
  static Result<FrameLayout> LayoutOf(const ptx::Function& function);
  static Result<FrameLayout> LayoutOf(const ptx::Prototype& prototype);
  Result<uint32_t> BeginOutlinedCall(const FrameLayout& layout, Operands operands);
  Status EndOutlinedCall(uint32_t site, const FrameLayout& layout, Operands operands);
  Status IndirectCall(Operands operands);
  Result<uint32_t> PositionOfCallee(const ptx::Operand& operand);
  Status OutlinedBody(Outlined& outlined);
  Status Epilogue(Outlined& outlined);
  Status SaveAcrossCalls();
  // lower_stack.cc: their stack, and what alloca takes of it
  void BeginStack();
  Status FinishStack(const ptx::Function& kernel);
  void LoadLocal(uint32_t reg, Slot from, uint32_t bytes);
  void StoreLocal(uint32_t reg, Slot to, uint32_t bytes);
  void CopyLocal(Slot to, Slot from, uint64_t bytes);
  void TrapOver(uint32_t value, uint32_t limit, FaultKind kind);
  uint32_t Marker();
  uint32_t Widened(uint32_t reg);
  uint32_t Aligned(uint32_t reg, uint64_t align);
  Status Alloca(Operands operands);
  Status StackSave(Operands operands);
  Status StackRestore(Operands operands);

  Status Plain(const Choice& choice, Operands operands);
  Status Carry(const Choice& choice, Operands operands);
  Status Mov(Operands operands);
  Status MovVector(Operands operands);
  // What a load or store moves: a vector's elements, or the operand itself. All have the width of
  // the first register among them.
  struct Moved {
    Operands parts;
    uint32_t bytes;
  };
  Result<Moved> MovedElements(Operands operand);
  bool HasCachePolicy() const { return operation_->HasRest("L2::cache_hint"); }
  Status CachePolicy(Operands operands);
  Status Load(Operands operands);
  Status Store(Operands operands);
  Status Atom(Operands operands, bool has_result);
  Status Cvt(const Choice& choice, Operands operands);
  Status Cvta(Operands operands);
  Status Isspacep(Operands operands);
  Status Setp(Operands operands);
  Status Set(Operands operands);
  Status HalfPairSet(Operands operands);
  Status IntegerPair(const Choice& choice, Operands operands);
  Status UnpackPairs(Operands operands, ptx::Type pair, uint32_t (&parts)[2][2]);
  void PackPair(uint32_t dst, const uint32_t (&halves)[2]);
  Status VideoInstruction(Operands operands);
  Status Testp(Operands operands);
  Status Shuffle(Operands operands);
  Status Vote(Operands operands);
  Status Match(Operands operands);
  Status Redux(Operands operands);
  Status Elect(Operands operands);
  Status WarpSync(Operands operands);
  Status Barrier(Operands operands);
  Status CopyAsync(Operands operands);
  Status CopyArrive(Operands operands);
  Status CopyBulk(Operands operands);
  Status MbarrierInstruction(Operands operands);
  Status MbarrierAccess(uint64_t bits, const ptx::Operand& address, uint32_t dst, uint32_t count,
                        uint32_t state);
  Status MbarrierAccess(uint64_t bits, const ptx::Operand& address, uint32_t dst, uint32_t count,
                        uint32_t state, ptx::Space space);
  Status AsyncGroup(Operands operands);
  // lower_matrix.cc
  struct MatrixMemory;
  Status MatrixInstruction(Operands operands);
  Status MultiplyMatrices(const ptx::Matrix& matrix, Operands operands);
  Status MoveMatrix(const ptx::Matrix& matrix, Operands operands);
  Status LoadMatrices(const ptx::Matrix& matrix, Operands operands);
  Result<MatrixMemory> MemoryOf(const ptx::Matrix& matrix, const ptx::Fragment& fragment,
                                const ptx::Operand& address, const ptx::Operand* stride);
  void MoveElements(MatrixMemory& memory, ptx::FragmentPlace place, bool store,
                    uint32_t access_bytes, const std::vector<ExtraReg>& regs);
  void MoveApart(MatrixMemory& memory, ptx::FragmentPlace place, bool store, uint32_t count,
                 const ExtraReg& reg);
  void CheckMatrixAddress(const MatrixMemory& memory, uint32_t base, const ptx::Fragment& fragment,
                          bool write);
  void AddParts(Inst& inst, const std::vector<ExtraReg>& regs);
  Result<std::vector<uint32_t>> VectorRegisters(const ptx::Operand& operand, ptx::Type type,
                                                bool destination);
  Result<uint32_t> LaneNumber();
  uint32_t Scaled(uint32_t reg, uint64_t factor);
  uint32_t Sum(uint32_t a, uint32_t b);
  Status Branch(Operands operands);
  Status BranchIndexed(Operands operands);

  // Operands.
  Result<uint32_t> Register(const ptx::Operand& operand);
  Result<uint32_t> Source(const ptx::Operand& operand, ptx::Type type);
  // Also a register wider than the type (ISA "Operand Size Exceeding Instruction-Type Size").
  Result<uint32_t> WideSource(const ptx::Operand& operand, ptx::Type type);
  Result<uint32_t> Dest(const ptx::Operand& operand, ptx::Type type);
  // A predicate, negated where the operand is.
  Result<uint32_t> Condition(const ptx::Operand& operand);
  Result<uint32_t> SpecialRegister(const ptx::Operand& operand, ptx::Type type);
  Result<uint32_t> Clock(ptx::Special special, uint32_t bytes);
  Result<Place> PlaceOf(ptx::VariableScope scope, uint32_t index);
  Result<Place> AllocateVariable(const ptx::Variable& variable, uint32_t function, uint32_t index);
  struct Address {
    uint32_t reg = kNoReg;
    bool narrow = false;
    bool fixed = false;  // no register has a part in it
    uint64_t offset = 0;
    Window window = Window::kGeneric;
  };
  Result<Address> AddressOfOperand(const ptx::Operand& operand, ptx::Space space);
  Inst& EmitAtom(const Address& address, uint64_t offset, uint32_t dst, uint32_t b, uint32_t c);
  Status VectorAtom(const Address& address, const ptx::Operand* result, const ptx::Operand& value);
  bool IsKernelParam(const Address& address, size_t elements) const;
  uint32_t ParamValue(uint64_t offset, ptx::Type type, uint32_t bytes);
  // The address in a 64-bit register.
  Result<uint32_t> AddressValue(const ptx::Operand& operand, ptx::Space space);
  // dst, and the predicate of d|p (kNoReg where there is none).
  Status PairDest(const ptx::Operand& operand, ptx::Type type, uint32_t* dst, uint32_t* pred);
  Status CompareInto(uint32_t dst, ptx::Compare compare, ptx::Type type, uint32_t a, uint32_t b);
  Status Combined(uint32_t pred, Operands operands, size_t third);

  // Registers and instructions.
  uint32_t NewReg(uint32_t bytes);
  uint32_t Constant(uint32_t bytes, uint64_t value);
  Inst& Emit(Fn fn, Ty ty);
  Inst& Emit(Fn fn, Ty ty, uint32_t dst, uint32_t a, uint32_t b = kNoReg, uint32_t c = kNoReg);
  void AddExtra(Inst& inst, uint32_t reg, bool is_def);
  uint32_t NewLabel();
  void PlaceLabel(uint32_t label);
  Error Refuse(const std::string& why) const;

  const ptx::Module& module_;
  const AddressOf& address_of_;
  const HandlerTable& handlers_;
  const bool apart_;
  Ir ir_ = {};
  std::map<std::pair<uint32_t, uint64_t>, uint32_t> constants_ = {};
  std::map<std::pair<uint32_t, uint64_t>, uint32_t> specials_ = {};  // Special, its number
  // .shared variables stand once in a kernel, however often their function is inlined.
  std::map<std::pair<uint32_t, uint32_t>, uint64_t> shared_ = {};  // function or kNone, variable

  // The stack, where a kernel needs one: registers of the running frame's beginning, and of the
  // first free byte behind it.
  bool has_stack_ = false;
  uint32_t frame_ = kNoReg;
  uint32_t top_ = kNoReg;
  uint32_t stack_begin_ = kNoReg;  // constants known last
  uint32_t stack_end_ = kNoReg;
  uint32_t bad_call_ = kNoLabel;      // a trap
  uint64_t headroom_ = 0;             // callers write so far behind the top before it is checked
  std::vector<uint32_t> taken_ = {};  // functions whose address is taken, ascending
  std::set<const ptx::Function*> recursive_ = {};
  std::vector<std::unique_ptr<Outlined>> outlined_ = {};
  std::vector<Site> sites_ = {};
  Outlined* inside_ = nullptr;  // whose body is being lowered

  // The instruction being lowered.
  Instance* at_ = nullptr;
  const ptx::Instruction* instruction_ = nullptr;
  uint32_t function_line_ = 0;  // of what stands before and after a body's instructions
  const ptx::Operation* operation_ = nullptr;
  uint32_t guard_ = kNoReg;
  bool guard_flip_ = false;
  bool counted_ = false;      // its cost stands on an inst already
  uint32_t temporaries_ = 0;  // registers from here on are this instruction's own
  bool missing_ = false;      // an Emit found no handler
  uint64_t lowered_ = 0;      // of kMostLowered
};

}  // namespace souk::gpu::cpu
