// Register slots: a warp's registers must stay in the L1 cache, so registers that are not alive at
// once share a slot (linear scan over live intervals, Poletto and Sarkar). A lane that does not run
// keeps its own part of a slot, so intervals may be reasoned about as for one thread.
#include <algorithm>
#include <queue>
#include <set>

#include "gpu/cpu/ir.h"

namespace souk::gpu::cpu {
namespace {

using Words = std::vector<uint64_t>;
inline constexpr size_t kMostLivenessBits = size_t{1} << 29;
// Words of liveness carried along edges, in all passes: half a second. Compilers' kernels have two
// edges a block; in a hostile one each block may branch to all.
inline constexpr uint64_t kMostCarriedWords = uint64_t{1} << 29;

struct Interval {
  uint32_t reg = 0;
  uint32_t begin = UINT32_MAX;
  uint32_t end = 0;
};

class Liveness {
 public:
  Liveness(const Ir& ir, const Flow& flow) : ir_(ir), flow_(flow) {}

  Status Run() {
    NumberGlobals();
    words_ = (globals_ + 63) / 64;
    if (words_ * 64 * flow_.blocks.size() > kMostLivenessBits) {
      return Error(Code::kTooLarge, "the kernel has too many registers for its length");
    }
    FindLocals();
    return Iterate();
  }

  // In the order's numbering: inst k of the order reads at 2k and writes at 2k + 1.
  std::vector<Interval> Intervals() const;
  bool LiveAtEntry(uint32_t reg) const {
    const uint32_t g = global_[reg];
    return g != kNoReg && (in_[0][g / 64] >> (g % 64) & 1) != 0;
  }
  // By their numbers among globals.
  const Words& LiveInto(uint32_t block) const { return in_[block]; }
  std::vector<uint32_t> RegistersOfGlobals() const {
    std::vector<uint32_t> registers(globals_, 0);
    for (uint32_t r = 0; r < global_.size(); ++r) {
      if (global_[r] != kNoReg) registers[global_[r]] = r;
    }
    return registers;
  }

 private:
  // Registers that more than one block names, or that may be read before they are written.
  void NumberGlobals() {
    std::vector<uint32_t> block(ir_.regs.size(), kNoReg);
    global_.assign(ir_.regs.size(), kNoReg);
    const auto note = [&](uint32_t reg) {
      if (global_[reg] == kNoReg) global_[reg] = globals_++;
    };
    for (const uint32_t b : flow_.order) {
      for (uint32_t i = flow_.blocks[b].begin; i < flow_.blocks[b].end; ++i) {
        const Inst& inst = ir_.insts[i];
        ForEachUse(ir_, inst, [&](uint32_t r) {
          if (ir_.regs[r].kind == RegKind::kVariable && block[r] != b) note(r);
        });
        ForEachDef(ir_, inst, [&](uint32_t r) {
          if (block[r] != kNoReg && block[r] != b) note(r);
          if (block[r] == kNoReg && inst.guard != kNoReg) note(r);
          block[r] = b;
        });
      }
    }
  }

  void FindLocals() {
    used_.assign(flow_.blocks.size(), Words(words_, 0));
    defined_.assign(flow_.blocks.size(), Words(words_, 0));
    for (const uint32_t b : flow_.order) {
      for (uint32_t i = flow_.blocks[b].begin; i < flow_.blocks[b].end; ++i) {
        const Inst& inst = ir_.insts[i];
        const auto use = [&](uint32_t r) {
          const uint32_t g = global_[r];
          if (g == kNoReg) return;
          if ((defined_[b][g / 64] >> (g % 64) & 1) == 0)
            used_[b][g / 64] |= uint64_t{1} << (g % 64);
        };
        ForEachUse(ir_, inst, use);
        ForEachDef(ir_, inst, [&](uint32_t r) {
          const uint32_t g = global_[r];
          if (g == kNoReg) return;
          // Under a guard the old value may stay: as good as a read.
          if (inst.guard != kNoReg) {
            use(r);
          } else {
            defined_[b][g / 64] |= uint64_t{1} << (g % 64);
          }
        });
      }
    }
  }

  Status Iterate() {
    in_ = used_;
    out_.assign(flow_.blocks.size(), Words(words_, 0));
    uint64_t edges = 0;
    for (const uint32_t b : flow_.order) edges += flow_.blocks[b].succ.size();
    uint64_t carried = 0;
    bool changed = true;
    for (int passes = 0; changed; ++passes) {
      // Passes are about as many as loops nest.
      if (passes > 1000) return Error(Code::kTooLarge, "the kernel's loops nest too deep");
      carried += edges * words_;
      if (carried > kMostCarriedWords) {
        return Error(Code::kTooLarge, "the kernel has too many registers for its branches");
      }
      changed = false;
      for (size_t k = flow_.order.size(); k-- > 0;) {
        const uint32_t b = flow_.order[k];
        for (size_t w = 0; w < words_; ++w) {
          uint64_t out = 0;
          for (const uint32_t s : flow_.blocks[b].succ) out |= in_[s][w];
          const uint64_t in = used_[b][w] | (out & ~defined_[b][w]);
          if (out != out_[b][w] || in != in_[b][w]) changed = true;
          out_[b][w] = out;
          in_[b][w] = in;
        }
      }
    }
    return Ok();
  }

  const Ir& ir_;
  const Flow& flow_;
  std::vector<uint32_t> global_ = {};
  uint32_t globals_ = 0;
  size_t words_ = 0;
  std::vector<Words> used_ = {};
  std::vector<Words> defined_ = {};
  std::vector<Words> in_ = {};
  std::vector<Words> out_ = {};
};

std::vector<Interval> Liveness::Intervals() const {
  std::vector<Interval> intervals(ir_.regs.size());
  const auto touch = [&](uint32_t reg, uint32_t from, uint32_t to) {
    Interval& interval = intervals[reg];
    interval.reg = reg;
    interval.begin = std::min(interval.begin, from);
    interval.end = std::max(interval.end, to);
  };
  const std::vector<uint32_t> reg_of = RegistersOfGlobals();
  uint32_t at = 2;  // 0 and 1: before the kernel begins
  for (const uint32_t b : flow_.order) {
    const uint32_t first = at;
    for (uint32_t i = flow_.blocks[b].begin; i < flow_.blocks[b].end; ++i) {
      const Inst& inst = ir_.insts[i];
      // Where a handler writes one result before it has read all (warp and vector operations),
      // its sources outlive the write.
      const uint32_t read_end = inst.extra_count != 0 ? at + 1 : at;
      ForEachUse(ir_, inst, [&](uint32_t r) { touch(r, at, read_end); });
      ForEachDef(ir_, inst, [&](uint32_t r) { touch(r, at + 1, at + 1); });
      at += 2;
    }
    for (size_t w = 0; w < words_; ++w) {
      for (uint64_t bits = in_[b][w]; bits != 0; bits &= bits - 1) {
        const uint32_t r = reg_of[w * 64 + static_cast<size_t>(__builtin_ctzll(bits))];
        touch(r, b == 0 ? 0 : first, first);
      }
      for (uint64_t bits = out_[b][w]; bits != 0; bits &= bits - 1) {
        touch(reg_of[w * 64 + static_cast<size_t>(__builtin_ctzll(bits))], at - 1, at);
      }
    }
  }
  std::vector<Interval> used;
  for (uint32_t r = 0; r < intervals.size(); ++r) {
    if (ir_.regs[r].kind == RegKind::kVariable && intervals[r].begin != UINT32_MAX) {
      used.push_back(intervals[r]);
    }
  }
  return used;
}

// Slots of one width. Widths do not mix: a register never overlaps half of another.
struct Pool {
  uint32_t bytes = 0;  // of a slot
  std::vector<uint32_t> free = {};
  uint32_t count = 0;
};
size_t PoolOf(uint8_t bytes) {
  return bytes == 1 ? 0 : bytes == 2 ? 1 : bytes == 4 ? 2 : 3;
}

}  // namespace

Result<std::vector<std::vector<uint32_t>>> LiveAtEntry(const Ir& ir, const Flow& flow,
                                                       const std::vector<uint32_t>& insts) {
  Liveness liveness(ir, flow);
  RETURN_IF_ERROR(liveness.Run());
  const std::vector<uint32_t> registers = liveness.RegistersOfGlobals();
  std::vector<std::vector<uint32_t>> live;
  for (const uint32_t inst : insts) {
    std::vector<uint32_t>& here = live.emplace_back();
    const Words& words = liveness.LiveInto(flow.block_of[inst]);
    for (size_t w = 0; w < words.size(); ++w) {
      for (uint64_t bits = words[w]; bits != 0; bits &= bits - 1) {
        here.push_back(registers[w * 64 + static_cast<size_t>(__builtin_ctzll(bits))]);
      }
    }
  }
  return live;
}

Status DropIdleForgets(Ir& ir, const Flow& flow) {
  std::vector<uint32_t> behind;  // the inst behind each run of them
  for (uint32_t i = 1; i < ir.insts.size(); ++i) {
    if (ir.insts[i].fn == Fn::kJump && ir.insts[i - 1].forgets) behind.push_back(i + 1);
  }
  ASSIGN_OR_RETURN(const auto live, LiveAtEntry(ir, flow, behind));
  for (size_t k = 0; k < behind.size(); ++k) {
    const std::set<uint32_t> needed(live[k].begin(), live[k].end());
    for (uint32_t i = behind[k] - 1; i > 0 && ir.insts[i - 1].forgets; --i) {
      Inst& inst = ir.insts[i - 1];
      if (needed.contains(inst.dst) || inst.imm != 0) continue;
      inst.fn = Fn::kNone;
      inst.dst = inst.a = kNoReg;
      inst.forgets = false;
    }
  }
  return Ok();
}

Result<Slots> AssignSlots(const Ir& ir, const Flow& flow, uint32_t limit) {
  Liveness liveness(ir, flow);
  RETURN_IF_ERROR(liveness.Run());
  std::vector<Interval> intervals = liveness.Intervals();
  std::sort(intervals.begin(), intervals.end(), [](const Interval& x, const Interval& y) {
    return x.begin != y.begin ? x.begin < y.begin : x.reg < y.reg;
  });
  Pool pools[4];
  const uint32_t widths[4] = {4, 64, 128, 256};
  for (size_t p = 0; p < 4; ++p) pools[p].bytes = widths[p];
  std::vector<uint32_t> index(ir.regs.size(), kNoReg);
  using End = std::pair<uint32_t, uint32_t>;  // end, register
  std::priority_queue<End, std::vector<End>, std::greater<>> active;
  for (const Interval& interval : intervals) {
    while (!active.empty() && active.top().first < interval.begin) {
      const uint32_t reg = active.top().second;
      active.pop();
      pools[PoolOf(ir.regs[reg].bytes)].free.push_back(index[reg]);
    }
    Pool& pool = pools[PoolOf(ir.regs[interval.reg].bytes)];
    if (pool.free.empty()) {
      index[interval.reg] = pool.count++;
    } else {
      index[interval.reg] = pool.free.back();
      pool.free.pop_back();
    }
    active.emplace(interval.end, interval.reg);
  }
  // Constants and special registers hold their value for good.
  std::vector<bool> read(ir.regs.size(), false);
  for (const uint32_t b : flow.order) {
    for (uint32_t i = flow.blocks[b].begin; i < flow.blocks[b].end; ++i) {
      ForEachUse(ir, ir.insts[i], [&](uint32_t r) { read[r] = true; });
    }
  }
  for (uint32_t r = 0; r < ir.regs.size(); ++r) {
    if (ir.regs[r].kind != RegKind::kVariable &&
        (read[r] || ir.regs[r].kind == RegKind::kInvariant)) {
      index[r] = pools[PoolOf(ir.regs[r].bytes)].count++;
    }
  }
  Slots slots;
  uint64_t at = 64;  // the first word is the predicate that is always true
  uint64_t start[4] = {};
  for (size_t p = 0; p < 4; ++p) {
    start[p] = at;
    at += uint64_t{pools[p].bytes} * pools[p].count;
    at = (at + 63) / 64 * 64;
  }
  if (at > limit) return Error(Code::kTooLarge, "the kernel needs too many registers");
  slots.bytes = static_cast<uint32_t>(at);
  slots.offset.assign(ir.regs.size(), kNoReg);
  for (uint32_t r = 0; r < ir.regs.size(); ++r) {
    if (index[r] == kNoReg) continue;
    const size_t p = PoolOf(ir.regs[r].bytes);
    slots.offset[r] = static_cast<uint32_t>(start[p] + uint64_t{pools[p].bytes} * index[r]);
    if (ir.regs[r].kind == RegKind::kVariable && liveness.LiveAtEntry(r))
      slots.cleared.push_back(r);
  }
  return slots;
}

}  // namespace souk::gpu::cpu
