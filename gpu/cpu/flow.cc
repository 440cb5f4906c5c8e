// Basic blocks, dominators, loops, and the order of blocks.
//
// The order is a reverse post-order of a depth-first search that enters a block's successors
// outside its loops first: what is finished first stands last, so code after a loop stands behind
// the loop's body, and code where two branches meet stands behind both.
#include <algorithm>

#include "gpu/cpu/ir.h"

namespace souk::gpu::cpu {
namespace {

// Steps up dominator trees: about a second. A compiler's kernels take a few for each branch; a
// hostile one with n branches to one place asks for n squared.
constexpr uint64_t kMostSteps = uint64_t{1} << 28;

Error TooManySteps() {
  return Error(Code::kTooLarge, "kernel with too many branches to one place");
}

bool EndsBlock(const Inst& inst) {
  switch (inst.fn) {
    case Fn::kJump:
    case Fn::kBranch:
    case Fn::kBranchIndexed:
      return true;
    case Fn::kExit:
    case Fn::kTrap:
      return inst.guard == kNoReg;
    default:
      return false;
  }
}

void FindBlocks(const Ir& ir, Flow& flow) {
  const size_t n = ir.insts.size();
  std::vector<bool> leader(n + 1, false);
  leader[0] = true;
  const auto lead = [&](uint32_t label) { leader[ir.labels[label]] = true; };
  for (size_t i = 0; i < n; ++i) {
    const Inst& inst = ir.insts[i];
    if (inst.fn == Fn::kJump || inst.fn == Fn::kBranch) lead(inst.target);
    if (inst.fn == Fn::kBranchIndexed) {
      for (uint32_t k = 0; k < inst.count; ++k) lead(ir.tables[inst.target + k]);
    }
    if (EndsBlock(inst)) leader[i + 1] = true;
  }
  flow.block_of.resize(n);
  for (size_t i = 0; i < n; ++i) {
    if (leader[i]) {
      Block block;
      block.begin = static_cast<uint32_t>(i);
      flow.blocks.push_back(std::move(block));
    }
    flow.block_of[i] = static_cast<uint32_t>(flow.blocks.size() - 1);
    flow.blocks.back().end = static_cast<uint32_t>(i + 1);
  }
}

void FindEdges(const Ir& ir, Flow& flow) {
  for (uint32_t b = 0; b < flow.blocks.size(); ++b) {
    Block& block = flow.blocks[b];
    const Inst& last = ir.insts[block.end - 1];
    // Lowering ends every path in an exit, so that a label never stands behind the last inst.
    const auto to = [&](uint32_t label) { block.succ.push_back(flow.block_of[ir.labels[label]]); };
    switch (last.fn) {
      case Fn::kJump:
        to(last.target);
        break;
      case Fn::kBranch:
        to(last.target);
        block.succ.push_back(b + 1);
        break;
      case Fn::kBranchIndexed:
        for (uint32_t k = 0; k < last.count; ++k) to(ir.tables[last.target + k]);
        std::sort(block.succ.begin(), block.succ.end());
        block.succ.erase(std::unique(block.succ.begin(), block.succ.end()), block.succ.end());
        break;
      default:
        if (!EndsBlock(last)) block.succ.push_back(b + 1);
        break;
    }
  }
}

// Post-order of what is reachable; successors in the order that `rank` gives (low first).
template <typename Rank>
std::vector<uint32_t> ReversePostOrder(const Flow& flow, Rank rank) {
  struct Frame {
    uint32_t block;
    std::vector<uint32_t> succ;
    size_t next;
  };
  std::vector<uint32_t> order;
  std::vector<bool> seen(flow.blocks.size(), false);
  std::vector<Frame> stack;
  const auto enter = [&](uint32_t b) {
    seen[b] = true;
    std::vector<uint32_t> succ = flow.blocks[b].succ;
    std::stable_sort(succ.begin(), succ.end(),
                     [&](uint32_t x, uint32_t y) { return rank(b, x) < rank(b, y); });
    stack.push_back(Frame{b, std::move(succ), 0});
  };
  enter(0);
  while (!stack.empty()) {
    Frame& top = stack.back();
    if (top.next == top.succ.size()) {
      order.push_back(top.block);
      stack.pop_back();
      continue;
    }
    const uint32_t s = top.succ[top.next++];
    if (!seen[s]) enter(s);
  }
  std::reverse(order.begin(), order.end());
  return order;
}

// Cooper, Harvey, Kennedy: "A Simple, Fast Dominance Algorithm".
Status FindDominators(Flow& flow) {
  std::vector<Block>& blocks = flow.blocks;
  for (size_t i = 0; i < flow.order.size(); ++i) {
    blocks[flow.order[i]].position = static_cast<uint32_t>(i);
  }
  for (const uint32_t b : flow.order) {
    for (const uint32_t s : blocks[b].succ) blocks[s].pred.push_back(b);
  }
  uint64_t steps = 0;
  const auto meet = [&](uint32_t x, uint32_t y) {
    for (; x != y; ++steps) {
      uint32_t& lower = blocks[x].position > blocks[y].position ? x : y;
      lower = blocks[lower].dominator;
    }
    return x;
  };
  blocks[0].dominator = 0;
  bool changed = true;
  while (changed) {
    changed = false;
    for (const uint32_t b : flow.order) {
      if (b == 0) continue;
      uint32_t dominator = kNoReg;
      for (const uint32_t p : blocks[b].pred) {
        if (blocks[p].dominator == kNoReg) continue;
        dominator = dominator == kNoReg ? p : meet(p, dominator);
        if (steps > kMostSteps) return TooManySteps();
      }
      if (blocks[b].dominator != dominator) {
        blocks[b].dominator = dominator;
        changed = true;
      }
    }
  }
  return Ok();
}

// Where each block stands in the dominator tree: its descendants' numbers follow its own.
class DominatorTree {
 public:
  explicit DominatorTree(const Flow& flow)
      : number_(flow.blocks.size(), 0), size_(flow.blocks.size(), 1) {
    // A block stands behind its dominator in the order.
    for (size_t i = flow.order.size(); i-- > 1;) {
      size_[flow.blocks[flow.order[i]].dominator] += size_[flow.order[i]];
    }
    std::vector<uint32_t> next(flow.blocks.size(), 1);
    for (size_t i = 1; i < flow.order.size(); ++i) {
      const uint32_t b = flow.order[i];
      uint32_t& free = next[flow.blocks[b].dominator];
      number_[b] = free;
      free += size_[b];
      next[b] = number_[b] + 1;
    }
  }
  bool Dominates(uint32_t a, uint32_t b) const {
    return number_[a] <= number_[b] && number_[b] - number_[a] < size_[a];
  }

 private:
  std::vector<uint32_t> number_;
  std::vector<uint32_t> size_;
};

struct Loops {
  std::vector<uint32_t> header = {};  // of each block's innermost loop, or kNoReg
  std::vector<uint32_t> parent = {};  // of each header's loop: the next header outwards
};

// Natural loops. Work is bounded: a program that nests loops absurdly deep runs correctly, only
// its blocks stand in a worse order.
Loops FindLoops(const Flow& flow) {
  const size_t n = flow.blocks.size();
  const DominatorTree tree(flow);
  Loops loops;
  loops.header.assign(n, kNoReg);
  loops.parent.assign(n, kNoReg);
  size_t budget = size_t{1} << 26;
  // Outer headers come first in the order, so an inner loop overwrites what the outer one set.
  std::vector<uint32_t> seen(n, kNoReg);
  for (const uint32_t h : flow.order) {
    std::vector<uint32_t> work;
    for (const uint32_t p : flow.blocks[h].pred) {
      if (tree.Dominates(h, p)) work.push_back(p);
    }
    if (work.empty()) continue;
    loops.parent[h] = loops.header[h];
    seen[h] = h;
    std::vector<uint32_t> body = {h};
    while (!work.empty()) {
      const uint32_t b = work.back();
      work.pop_back();
      if (seen[b] == h) continue;
      seen[b] = h;
      body.push_back(b);
      for (const uint32_t p : flow.blocks[b].pred) work.push_back(p);
      const size_t cost = 1 + flow.blocks[b].pred.size();
      if (budget < cost) return loops;
      budget -= cost;
    }
    for (const uint32_t b : body) loops.header[b] = h;
  }
  return loops;
}

}  // namespace

Result<Flow> BuildFlow(const Ir& ir) {
  Flow flow;
  FindBlocks(ir, flow);
  FindEdges(ir, flow);
  flow.order = ReversePostOrder(flow, [](uint32_t, uint32_t) { return 0; });
  RETURN_IF_ERROR(FindDominators(flow));
  const Loops loops = FindLoops(flow);
  // How many of the loops around `from` also hold `to`: what leaves more of them is entered first.
  const auto rank = [&](uint32_t from, uint32_t to) {
    uint32_t depth = 0;
    uint32_t outer = 0;
    std::vector<uint32_t> around;
    for (uint32_t h = loops.header[from]; h != kNoReg && depth < 64; h = loops.parent[h]) {
      around.push_back(h);
      ++depth;
    }
    uint32_t steps = 0;
    for (uint32_t h = loops.header[to]; h != kNoReg && steps < 64; h = loops.parent[h], ++steps) {
      const auto found = std::find(around.begin(), around.end(), h);
      if (found != around.end()) {
        outer = static_cast<uint32_t>(around.end() - found);
        break;
      }
    }
    return outer;
  };
  flow.order = ReversePostOrder(flow, rank);
  for (size_t i = 0; i < flow.order.size(); ++i) {
    flow.blocks[flow.order[i]].position = static_cast<uint32_t>(i);
  }
  return flow;
}

// The same algorithm as for dominators, on the reversed graph with one end behind all exits.
Result<std::vector<uint32_t>> PostDominators(const Flow& flow) {
  const auto n = static_cast<uint32_t>(flow.blocks.size());
  const uint32_t end = n;
  std::vector<uint32_t> number(n + 1, kNoReg);  // in post-order of the reversed graph
  std::vector<uint32_t> order;                  // reverse of that, `end` first
  std::vector<std::vector<uint32_t>> back(n + 1);
  for (const uint32_t b : flow.order) {
    if (flow.blocks[b].succ.empty()) back[end].push_back(b);
    for (const uint32_t s : flow.blocks[b].succ) back[s].push_back(b);
  }
  std::vector<std::pair<uint32_t, size_t>> stack = {{end, 0}};
  std::vector<bool> seen(n + 1, false);
  seen[end] = true;
  while (!stack.empty()) {
    const uint32_t b = stack.back().first;
    if (stack.back().second == back[b].size()) {
      order.push_back(b);
      stack.pop_back();
      continue;
    }
    const uint32_t p = back[b][stack.back().second++];
    if (!seen[p]) {
      seen[p] = true;
      stack.emplace_back(p, 0);
    }
  }
  std::reverse(order.begin(), order.end());
  for (size_t i = 0; i < order.size(); ++i) number[order[i]] = static_cast<uint32_t>(i);
  std::vector<uint32_t> nearest(n + 1, kNoReg);
  nearest[end] = end;
  uint64_t steps = 0;
  bool changed = true;
  while (changed) {
    changed = false;
    for (const uint32_t b : order) {
      if (b == end) continue;
      uint32_t found = flow.blocks[b].succ.empty() ? end : kNoReg;
      for (const uint32_t s : flow.blocks[b].succ) {
        if (nearest[s] == kNoReg) continue;
        uint32_t x = s;
        uint32_t y = found == kNoReg ? s : found;
        for (; x != y; ++steps) {
          uint32_t& lower = number[x] > number[y] ? x : y;
          lower = nearest[lower];
        }
        found = x;
        if (steps > kMostSteps) return TooManySteps();
      }
      if (nearest[b] != found) {
        nearest[b] = found;
        changed = true;
      }
    }
  }
  nearest.pop_back();
  for (uint32_t& b : nearest) {
    if (b == end) b = kNoReg;
  }
  return nearest;
}

bool ComesBefore(const Flow& flow, uint32_t first, uint32_t second) {
  constexpr int kMostSteps = 256;
  const uint32_t x = flow.block_of[first];
  uint32_t y = flow.block_of[second];
  if (x == y) return first < second;
  for (int steps = 0; steps < kMostSteps && y != 0; ++steps) {
    y = flow.blocks[y].dominator;
    if (y == x) return true;
  }
  return false;
}

Definitions FindDefinitions(const Ir& ir, const Flow& flow) {
  Definitions defs;
  defs.count.assign(ir.regs.size(), 0);
  defs.inst.assign(ir.regs.size(), kNoReg);
  for (const uint32_t b : flow.order) {
    for (uint32_t i = flow.blocks[b].begin; i < flow.blocks[b].end; ++i) {
      const Inst& inst = ir.insts[i];
      ForEachDef(ir, inst, [&](uint32_t r) {
        defs.count[r] += inst.guard == kNoReg ? 1 : 2;
        defs.inst[r] = i;
      });
    }
  }
  return defs;
}

// d = a where each has one definition, a's dominates d's, and d's dominates every use of d: then
// every use sees the a that the copy saw.
void ForwardCopies(Ir& ir, const Flow& flow) {
  const Definitions defs = FindDefinitions(ir, flow);
  const auto comes_before = [&](uint32_t first, uint32_t second) {
    return ComesBefore(flow, first, second);
  };
  std::vector<uint32_t> copy_of(ir.regs.size(), kNoReg);
  for (const uint32_t b : flow.order) {
    for (uint32_t i = flow.blocks[b].begin; i < flow.blocks[b].end; ++i) {
      const Inst& inst = ir.insts[i];
      if (inst.fn != Fn::kMov || inst.guard != kNoReg || defs.count[inst.dst] != 1) continue;
      if (inst.forgets) continue;
      const bool variable = ir.regs[inst.a].kind == RegKind::kVariable;
      if (variable && (defs.count[inst.a] != 1 || !comes_before(defs.inst[inst.a], i))) continue;
      copy_of[inst.dst] = inst.a;
    }
  }
  for (const uint32_t b : flow.order) {
    for (uint32_t i = flow.blocks[b].begin; i < flow.blocks[b].end; ++i) {
      ForEachUse(ir, ir.insts[i], [&](uint32_t r) {
        if (copy_of[r] != kNoReg && !comes_before(defs.inst[r], i)) copy_of[r] = kNoReg;
      });
    }
  }
  const auto origin = [&](uint32_t r) {
    while (r != kNoReg && copy_of[r] != kNoReg) r = copy_of[r];
    return r;
  };
  for (Inst& inst : ir.insts) {
    if (inst.fn == Fn::kMov && inst.guard == kNoReg && copy_of[inst.dst] != kNoReg) {
      inst.fn = Fn::kNone;  // counted, not run
      inst.dst = inst.a = kNoReg;
      continue;
    }
    inst.a = origin(inst.a);
    inst.b = origin(inst.b);
    if (!IsCarry(inst.fn)) inst.c = origin(inst.c);
    inst.guard = origin(inst.guard);
  }
  for (ExtraReg& extra : ir.extras) {
    if (!extra.is_def) extra.reg = origin(extra.reg);
  }
}

void DropUnreadPredicates(Ir& ir) {
  std::vector<bool> read(ir.regs.size(), false);
  for (const Inst& inst : ir.insts) {
    ForEachUse(ir, inst, [&](uint32_t r) { read[r] = true; });
  }
  for (Inst& inst : ir.insts) {
    const bool shuffle = inst.fn == Fn::kShflUp || inst.fn == Fn::kShflDown ||
                         inst.fn == Fn::kShflBfly || inst.fn == Fn::kShflIdx;
    if (!shuffle || inst.extra_count < 2 || read[ir.extras[inst.extra + 1].reg]) continue;
    inst.extra_count = 1;
    inst.count = 1;
  }
}

}  // namespace souk::gpu::cpu
