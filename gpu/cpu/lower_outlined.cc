// Functions that are not inlined, since they call themselves or their address is taken. Each is
// lowered once and run as on a machine with a stack, every lane with its own (PTX ISA 7.2 "Call of
// functions", 9.7.12 call):
//
//   frame, in .local memory:  where the caller goes on (u32) | the caller's frame (u32)
//                             | parameters, return values | .local and .param variables
//                             | registers of callers that run again
//
// The caller writes a frame's first two parts at the top of the stack and jumps. The callee's
// epilogue is an indexed branch over all places that may have called it. Registers are the
// kernel's: a body that may be entered again before it is left saves those that it still needs
// around its calls. A return into a wrong place, which only a program that overwrites its stack can
// ask for, leads to another of the callee's callers, or is a fault.
#include <algorithm>

#include "gpu/cpu/lower.h"
#include "gpu/cpu/lower_types.h"
#include "gpu/ptx/reach.h"

namespace souk::gpu::cpu {

using ptx::Operand;
using ptx::OperandKind;
using ptx::Type;

namespace {

inline constexpr uint64_t kFrameHeader = 8;
inline constexpr size_t kMostTableEntries = 0xffff;  // Inst::count

}  // namespace

// ---- Which they are ----

// Every cycle of direct calls has an edge back to a function that is being visited: these functions
// are not inlined. Calls through pointers lead to functions that are not either.
void Lowering::FindOutlined(const ptx::Function& kernel) {
  bool names_functions = false;
  bool indirect = false;
  for (const ptx::Function* f : ptx::ReachableFunctions(module_, kernel)) {
    for (const ptx::Instruction& i : f->body) {
      const ptx::Opcode opcode = module_.OperationOf(i).opcode;
      const Operands operands = f->Operands(i);
      if (opcode == ptx::Opcode::kCall) {
        indirect |= operands.size() > 1 && operands[1].kind != OperandKind::kFunction;
        continue;
      }
      has_stack_ |= opcode == ptx::Opcode::kAlloca || opcode == ptx::Opcode::kStacksave ||
                    opcode == ptx::Opcode::kStackrestore;
      for (const Operand& o : operands) names_functions |= o.kind == OperandKind::kFunction;
    }
  }
  if (indirect || names_functions) taken_ = ptx::AddressTaken(module_);
  std::vector<const ptx::Function*> roots = {&kernel};
  if (indirect) {
    for (const uint32_t index : taken_) roots.push_back(&module_.functions[index]);
  }
  FindRecursive(roots);
  has_stack_ |= indirect || !recursive_.empty();
}

void Lowering::FindRecursive(const std::vector<const ptx::Function*>& roots) {
  struct Visit {
    const ptx::Function* function = nullptr;
    size_t next = 0;  // instruction
  };
  std::map<const ptx::Function*, bool> open;  // false: done
  std::vector<Visit> stack;
  for (const ptx::Function* root : roots) {
    if (!open.emplace(root, true).second) continue;
    stack.push_back(Visit{root});
    while (!stack.empty()) {
      Visit& top = stack.back();
      if (top.next == top.function->body.size()) {
        open[top.function] = false;
        stack.pop_back();
        continue;
      }
      const ptx::Instruction& i = top.function->body[top.next++];
      if (module_.OperationOf(i).opcode != ptx::Opcode::kCall) continue;
      const Operands operands = top.function->Operands(i);
      if (operands.size() < 2 || operands[1].kind != OperandKind::kFunction) continue;
      const ptx::Function* callee = &module_.functions[operands[1].index];
      const auto [at, is_new] = open.emplace(callee, true);
      if (is_new) {
        stack.push_back(Visit{callee});
      } else if (at->second) {
        recursive_.insert(callee);
      }
    }
  }
}

Result<Lowering::Outlined*> Lowering::OutlinedOf(const ptx::Function& function) {
  const auto found = std::find_if(outlined_.begin(), outlined_.end(),
                                  [&](const auto& o) { return o->function == &function; });
  if (found != outlined_.end()) return found->get();
  auto outlined = std::make_unique<Outlined>();
  outlined->function = &function;
  ASSIGN_OR_RETURN(outlined->layout, LayoutOf(function));
  outlined->bytes = outlined->layout.bytes;
  outlined->entry = NewLabel();
  for (uint32_t* reg : {&outlined->bytes_reg, &outlined->room_reg}) {
    *reg = NewReg(4);
    ir_.regs[*reg].kind = RegKind::kConstant;
  }
  outlined_.push_back(std::move(outlined));
  return outlined_.back().get();
}

// ---- Frames ----

Status Lowering::LayOutFrame(FrameLayout& layout) {
  uint64_t at = kFrameHeader;
  for (std::vector<FrameSlot>* slots : {&layout.params, &layout.returns}) {
    for (FrameSlot& slot : *slots) {
      if (slot.bytes > kStackBytes || at > kStackBytes) {
        return Error(Code::kTooLarge, "a call's parameters are larger than the stack");
      }
      slot.offset = ptx::AlignUp(at, std::min<uint64_t>(slot.align, kFrameAlign));
      at = slot.offset + slot.bytes;
    }
  }
  layout.bytes = ptx::AlignUp(at, kFrameAlign);
  return Ok();
}

Result<Lowering::FrameLayout> Lowering::LayoutOf(const ptx::Function& function) {
  FrameLayout layout;
  for (const ptx::Param& p : function.params) layout.params.push_back(FormalOf(function, p));
  for (const ptx::Param& p : function.returns) layout.returns.push_back(FormalOf(function, p));
  RETURN_IF_ERROR(LayOutFrame(layout));
  return layout;
}

Result<Lowering::FrameLayout> Lowering::LayoutOf(const ptx::Prototype& prototype) {
  const auto slots = [](const std::vector<ptx::Variable>& variables) {
    std::vector<FrameSlot> made;
    for (const ptx::Variable& v : variables) {
      FrameSlot slot;
      slot.type = v.is_array || v.vector > 1 ? Type::kNone : v.type;
      slot.bytes = v.space == ptx::Space::kReg ? RegisterBytes(v.type) : v.size;
      slot.align = v.space == ptx::Space::kReg ? RegisterBytes(v.type) : std::max(v.align, 1u);
      made.push_back(slot);
    }
    return made;
  };
  FrameLayout layout;
  layout.params = slots(prototype.params);
  layout.returns = slots(prototype.returns);
  RETURN_IF_ERROR(LayOutFrame(layout));
  return layout;
}

// ---- Calls of them ----

// Writes the callee's frame as far as the caller knows it. What jumps comes next.
Result<uint32_t> Lowering::BeginOutlinedCall(const FrameLayout& layout, Operands operands) {
  const Operands given = at_->function->Elements(operands[2]);
  if (given.size() != layout.params.size() ||
      at_->function->Elements(operands[0]).size() != layout.returns.size()) {
    return Refuse("the call's arguments do not fit");
  }
  for (size_t i = 0; i < given.size(); ++i) {
    const FrameSlot& formal = layout.params[i];
    RETURN_IF_ERROR(StoreArgument(given[i], formal, Slot{top_, formal.offset}));
  }
  if (sites_.size() >= kMostTableEntries) {
    return Error(Code::kTooLarge, "kernel of too many calls of functions that are not inlined");
  }
  headroom_ = std::max(headroom_, layout.bytes);
  const auto number = static_cast<uint32_t>(sites_.size());
  StoreLocal(Constant(4, number), Slot{top_, 0}, 4);
  StoreLocal(frame_, Slot{top_, 4}, 4);
  Site site;
  site.owner = inside_;
  site.label = NewLabel();
  site.save = Marker();
  sites_.push_back(site);
  return number;
}

Status Lowering::EndOutlinedCall(uint32_t site, const FrameLayout& layout, Operands operands) {
  PlaceLabel(sites_[site].label);
  sites_[site].restore = Marker();
  const Operands results = at_->function->Elements(operands[0]);
  for (size_t i = 0; i < results.size(); ++i) {
    const FrameSlot& formal = layout.returns[i];
    RETURN_IF_ERROR(LoadResult(results[i], formal, Slot{top_, formal.offset}));
  }
  return Ok();
}

// Which of taken_ the address is of; taken_.size() where it is of none.
Result<uint32_t> Lowering::PositionOfCallee(const Operand& operand) {
  ASSIGN_OR_RETURN(const uint32_t address, Source(operand, Type::kU64));
  const uint32_t from_first = NewReg(8);
  Emit(Fn::kSub, Ty::kU64, from_first, address, Constant(8, CodeAddress(0)));
  // Turned right by four: an address between two becomes a large number.
  const uint32_t high = NewReg(8);
  Emit(Fn::kShl, Ty::kU64, high, from_first, Constant(4, 60));
  const uint32_t low = NewReg(8);
  Emit(Fn::kShr, Ty::kU64, low, from_first, Constant(4, 4));
  const uint32_t position = NewReg(8);
  Emit(Fn::kOr, Ty::kU64, position, low, high);
  const uint32_t bounded = NewReg(8);
  Emit(Fn::kMin, Ty::kU64, bounded, position, Constant(8, taken_.size()));
  const uint32_t narrow = NewReg(4);
  Emit(Fn::kCvt + Index(Ty::kU64), Ty::kU32, narrow, bounded);
  return narrow;
}

Status Lowering::IndirectCall(Operands operands) {
  if (operands.size() < 4) return Refuse("an indirect call without a prototype");
  FrameLayout layout;
  if (operands[3].kind == OperandKind::kPrototype) {
    ASSIGN_OR_RETURN(layout, LayoutOf(at_->function->prototypes[operands[3].index]));
  } else {
    const ptx::TargetTable& table = at_->function->tables[operands[3].index];
    if (!table.is_calls || table.targets.empty()) return Refuse("table");
    ASSIGN_OR_RETURN(layout, LayoutOf(module_.functions[table.targets.front()]));
  }
  if (taken_.size() > kMostTableEntries) return Refuse("a module with over 65,535 functions");
  RETURN_IF_ERROR(Charge(taken_.size()));
  ASSIGN_OR_RETURN(const uint32_t position, PositionOfCallee(operands[1]));
  ASSIGN_OR_RETURN(const uint32_t site, BeginOutlinedCall(layout, operands));
  const std::vector<uint32_t> callees =
      ptx::MayLeadTo(module_, *at_->function, operands[3], taken_);
  const auto first = static_cast<uint32_t>(ir_.tables.size());
  ir_.tables.resize(first + taken_.size(), bad_call_);
  for (const uint32_t index : callees) {
    ASSIGN_OR_RETURN(Outlined* const outlined, OutlinedOf(module_.functions[index]));
    outlined->sites.push_back(site);
    const auto at = std::lower_bound(taken_.begin(), taken_.end(), index) - taken_.begin();
    ir_.tables[first + static_cast<size_t>(at)] = outlined->entry;
  }
  Inst& inst = Emit(Fn::kBranchIndexed, Ty::kNone);
  inst.a = position;
  inst.target = first;
  inst.count = static_cast<uint16_t>(taken_.size());
  inst.imm = static_cast<uint64_t>(FaultKind::kBadCall);
  return EndOutlinedCall(site, layout, operands);
}

// ---- Their bodies ----

Status Lowering::OutlinedBody(Outlined& outlined) {
  const ptx::Function& function = *outlined.function;
  inside_ = &outlined;
  instruction_ = nullptr;
  function_line_ = function.line;
  guard_ = kNoReg;
  guard_flip_ = false;
  counted_ = true;
  outlined.first_reg = static_cast<uint32_t>(ir_.regs.size());
  ASSIGN_OR_RETURN(outlined.instance, MakeInstance(function));
  Instance& instance = outlined.instance;
  instance.after = NewLabel();
  PlaceLabel(outlined.entry);
  Emit(Fn::kMov, Ty::kU32, frame_, top_);
  TrapOver(frame_, outlined.room_reg, FaultKind::kStackOverflow);
  Emit(Fn::kAdd, Ty::kU32, top_, frame_, outlined.bytes_reg);
  const auto place = [&](const std::vector<ptx::Param>& params, const std::vector<FrameSlot>& slots,
                         bool load) {
    for (size_t i = 0; i < params.size(); ++i) {
      if (!params[i].is_register) {
        instance.places[params[i].index] = Place{
            .known = true, .framed = true, .window = Window::kLocal, .address = slots[i].offset};
      } else if (load) {
        LoadLocal(instance.regs[params[i].index], Slot{frame_, slots[i].offset},
                  static_cast<uint32_t>(slots[i].bytes));
      }
    }
  };
  place(function.params, outlined.layout.params, /*load=*/true);
  place(function.returns, outlined.layout.returns, /*load=*/false);
  RETURN_IF_ERROR(Body(instance, 0));
  outlined.last_reg = static_cast<uint32_t>(ir_.regs.size());
  return Ok();
}

Status Lowering::Epilogue(Outlined& outlined) {
  const ptx::Function& function = *outlined.function;
  function_line_ = function.line;
  PlaceLabel(outlined.instance.after);
  for (size_t i = 0; i < function.returns.size(); ++i) {
    const ptx::Param& result = function.returns[i];
    if (!result.is_register) continue;
    const FrameSlot& slot = outlined.layout.returns[i];
    StoreLocal(outlined.instance.regs[result.index], Slot{frame_, slot.offset},
               static_cast<uint32_t>(slot.bytes));
  }
  const uint32_t site = NewReg(4);
  LoadLocal(site, Slot{frame_, 0}, 4);
  const uint32_t caller = NewReg(4);
  LoadLocal(caller, Slot{frame_, 4}, 4);
  Emit(Fn::kMov, Ty::kU32, top_, frame_);
  Emit(Fn::kMov, Ty::kU32, frame_, caller);
  RETURN_IF_ERROR(Charge(outlined.sites.back() + 1));
  const auto first = static_cast<uint32_t>(ir_.tables.size());
  ir_.tables.resize(first + outlined.sites.back() + 1, bad_call_);
  for (const uint32_t s : outlined.sites) ir_.tables[first + s] = sites_[s].label;
  Inst& inst = Emit(Fn::kBranchIndexed, Ty::kNone);
  inst.a = site;
  inst.target = first;
  inst.count = static_cast<uint16_t>(outlined.sites.back() + 1);
  inst.imm = static_cast<uint64_t>(FaultKind::kBadCall);
  return Ok();
}

// Puts stores and loads of what lives across each call in place of the site's markers.
Status Lowering::SaveAcrossCalls() {
  std::vector<uint32_t> points;
  for (const Site& site : sites_) points.push_back(site.restore);
  std::vector<std::vector<uint32_t>> saved(sites_.size());
  if (std::any_of(sites_.begin(), sites_.end(), [](const Site& s) { return s.owner != nullptr; })) {
    ASSIGN_OR_RETURN(const Flow flow, BuildFlow(ir_));
    ASSIGN_OR_RETURN(saved, LiveAtEntry(ir_, flow, points));
  }
  std::map<uint32_t, std::pair<size_t, bool>> markers;  // inst to site, and whether it saves
  for (size_t i = 0; i < sites_.size(); ++i) {
    Outlined* const owner = sites_[i].owner;
    if (owner == nullptr) continue;
    std::erase_if(saved[i],
                  [&](uint32_t r) { return r < owner->first_reg || r >= owner->last_reg; });
    RETURN_IF_ERROR(Charge(2 * saved[i].size()));
    markers[sites_[i].save] = {i, true};
    markers[sites_[i].restore] = {i, false};
  }
  if (markers.empty()) return Ok();
  for (const auto& outlined : outlined_) outlined->saved_at = ptx::AlignUp(outlined->bytes, 8);
  const std::vector<Inst> before = std::move(ir_.insts);
  ir_.insts.clear();
  std::vector<uint32_t> moved(before.size() + 1, 0);
  for (size_t i = 0; i < before.size(); ++i) {
    moved[i] = static_cast<uint32_t>(ir_.insts.size());
    ir_.insts.push_back(before[i]);
    const auto marker = markers.find(static_cast<uint32_t>(i));
    if (marker == markers.end()) continue;
    const auto [site, saves] = marker->second;
    Outlined& owner = *sites_[site].owner;
    uint64_t at = owner.saved_at;
    for (const uint32_t reg : saved[site]) {
      const uint32_t bytes = std::max<uint32_t>(ir_.regs[reg].bytes, 4);
      at = ptx::AlignUp(at, bytes);
      const uint32_t width = ir_.regs[reg].bytes;
      saves ? StoreLocal(reg, Slot{frame_, at}, width) : LoadLocal(reg, Slot{frame_, at}, width);
      at += bytes;
    }
    owner.bytes = std::max(owner.bytes, at);
    for (size_t k = moved[i]; k < ir_.insts.size(); ++k) ir_.insts[k].line = before[i].line;
  }
  moved[before.size()] = static_cast<uint32_t>(ir_.insts.size());
  for (uint32_t& label : ir_.labels) {
    if (label != kNoLabel) label = moved[label];
  }
  return Ok();
}

}  // namespace souk::gpu::cpu
