#include "reference/program.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "gpu/cpu/supported.h"
#include "gpu/ptx/forms_table.h"
#include "gpu/ptx/module.h"
#include "gpu/ptx/operands.h"
#include "reference/line.h"
#include "reference/values.h"
#include "unit/gpu/ptx/sample.h"

namespace souk::reference {
namespace {

using ptx::Opcode;
using ptx::Operation;
using ptx::Type;

constexpr size_t kMostSpellings = 1500;  // of one form; ld alone has a quarter of a million

// What takes more than one thread, or leaves the line.
bool IsStraightLine(const Operation& op) {
  switch (op.opcode) {
    case Opcode::kActivemask:
    case Opcode::kBar:
    case Opcode::kBarrier:
    case Opcode::kBra:
    case Opcode::kBrx:
    case Opcode::kCall:
    case Opcode::kCp:
    case Opcode::kElect:
    case Opcode::kMatch:
    case Opcode::kMbarrier:
    case Opcode::kRedux:
    case Opcode::kShfl:
    case Opcode::kTrap:
    case Opcode::kVote:
    case Opcode::kBrkpt:
    case Opcode::kWmma:
    case Opcode::kMma:
    case Opcode::kLdmatrix:
    case Opcode::kStmatrix:
    case Opcode::kMovmatrix:
    case Opcode::kTex:
    case Opcode::kTld4:
    case Opcode::kTxq:
    case Opcode::kSuld:
    case Opcode::kSust:
    case Opcode::kSuq:
    case Opcode::kSured:
    case Opcode::kAlloca:
    case Opcode::kStacksave:
    case Opcode::kStackrestore:
    // Hints about memory, without a result.
    case Opcode::kDiscard:
    case Opcode::kApplypriority:
    case Opcode::kGriddepcontrol:
    case Opcode::kSetmaxnreg:
      return false;
    // Addresses differ between the two: the prologue of every kernel that uses memory has them. So
    // do the bits of cache policies.
    case Opcode::kCvta:
    case Opcode::kCreatepolicy:
      return false;
    case Opcode::kSt:  // a kernel's parameters are read-only
      return op.space != ptx::Space::kParam;
    default:
      return true;
  }
}

bool Begins(const std::string& text, const std::string& prefix) {
  return text.compare(0, prefix.size(), prefix) == 0;
}

struct Touched {
  bool shared = false;
  bool local = false;
  bool constant = false;
};
Touched TouchedBy(const Program& program) {
  Touched t;
  for (const Line& line : program.lines) {
    t.shared |= line.text.find("%sh") != std::string::npos;
    t.local |=
        line.text.find("%lo") != std::string::npos || line.text.find("[lo") != std::string::npos;
    t.constant |= line.text.find("%ct") != std::string::npos;
  }
  return t;
}

uint32_t ThreadsOf(const Program& program) {
  return program.block.x * program.block.y * program.block.z;
}

std::string MoveRecord(const char* op, const char* where, uint32_t scratch) {
  std::string text;
  for (uint32_t i = 0; i < kScratchBytes; i += 16) {
    text += fmt::format(
        "ld.global.v4.b32 {{%t3, %t4, %t5, %t6}}, [%base+{}]; {}.v4.b32 [{}+{}], "
        "{{%t3, %t4, %t5, %t6}};\n",
        scratch + i, op, where, i);
  }
  return text;
}

std::string Prologue(const Program& program, const Layout& layout) {
  std::string text =
      "mov.u32 %t0, %tid.z; mov.u32 %t1, %ntid.y; mov.u32 %t2, %tid.y; mad.lo.u32 %t0, %t0, %t1, "
      "%t2;\nmov.u32 %t3, %ntid.x; mov.u32 %t4, %tid.x; mad.lo.u32 %t0, %t0, %t3, %t4;\n"
      "mov.u32 %t5, %ctaid.x;\n";
  text += fmt::format("mad.lo.u32 %t6, %t5, {}, %t0; mul.wide.u32 %base, %t6, {};\n",
                      ThreadsOf(program), layout.record_bytes);
  text += "ld.param.u64 %wide, [buffer]; add.s64 %base, %base, %wide;\n";
  const Touched touched = TouchedBy(program);
  if (touched.shared) {
    text +=
        fmt::format("mov.u32 %t1, shared_bytes; mad.lo.u32 %shb, %t0, {}, %t1;\n", kScratchBytes);
    text += "cvt.u64.u32 %shl, %shb; cvta.shared.u64 %shg, %shl;\n";
    text += MoveRecord("st.shared", "%shb", layout.scratch);
  }
  if (touched.local) {
    text += "mov.u64 %lol, local_bytes; cvta.local.u64 %log, %lol;\n";
    text += MoveRecord("st.local", "%lol", layout.scratch);
  }
  if (touched.constant) text += "mov.u64 %ctl, constant_bytes;\n";
  return text;
}

// Where the scratch bytes stand is known once all lines are.
std::string WithScratch(std::string text, uint32_t scratch) {
  const std::string name = "SCRATCH+";
  const size_t at = text.find(name);
  if (at == std::string::npos) return text;
  const size_t end = text.find(']', at);
  const uint64_t offset = std::stoull(text.substr(at + name.size(), end - at - name.size()));
  return text.replace(at, end - at, fmt::format("{}", scratch + offset));
}

std::string LoadRegister(uint32_t reg, uint32_t offset) {
  const RegisterRow& row = Registers()[reg];
  if (row.type == Type::kPred) {
    return fmt::format("ld.global.u32 %t0, [%base+{}]; setp.ne.u32 {}, %t0, 0;\n", offset,
                       row.name);
  }
  return fmt::format("ld.global.b{} {}, [%base+{}];\n", ptx::TypeBits(row.type), row.name, offset);
}
std::string StoreRegister(uint32_t reg, uint32_t offset) {
  const RegisterRow& row = Registers()[reg];
  if (row.type == Type::kPred) {
    return fmt::format("selp.u32 %t0, 1, 0, {}; st.global.u32 [%base+{}], %t0;\n", row.name,
                       offset);
  }
  return fmt::format("st.global.b{} [%base+{}], {};\n", ptx::TypeBits(row.type), offset, row.name);
}

}  // namespace

Catalogue::Catalogue(const std::string& prefix) {
  std::set<std::string> seen;
  for (const ptx::FormRow& row : ptx::kForms) {
    const std::string form = row.form;
    if (form.find('*') != std::string::npos) continue;
    const std::string opcode = form.substr(0, form.find(' '));
    if (!Begins(opcode, prefix.substr(0, prefix.find_first_of(". ")))) continue;
    FormSpellings entry{form, {}};
    for (std::string& spelling : ptx::SpellingsOf(form, kMostSpellings)) {
      const Operation op = ptx::DecodeOperation(spelling);
      if (op.opcode == Opcode::kUnknown || !IsStraightLine(op)) continue;
      if (gpu::cpu::WhyUnsupportedOperation(op)) continue;
      if (!Begins(spelling, prefix) && !Begins(form, prefix)) continue;
      if (WhyNot(op)) {
        unknown_.push_back(spelling);
      } else if (CanMakeLine(op) && seen.insert(spelling).second) {
        entry.spellings.push_back(std::move(spelling));
      }
    }
    if (!entry.spellings.empty()) forms_.push_back(std::move(entry));
  }
}

const std::vector<RegisterRow>& Registers() {
  static const auto* const rows = [] {
    auto* made = new std::vector<RegisterRow>;
    const auto add = [&](const char* prefix, int count, Type type, bool approximate = false) {
      for (int i = 0; i < count; ++i) {
        made->push_back({fmt::format("{}{}", prefix, i), type, approximate});
      }
    };
    add("%p", 5, Type::kPred);
    add("%b", 2, Type::kB8);
    add("%h", 5, Type::kB16);
    add("%hu", 2, Type::kU16);
    add("%hs", 2, Type::kS16);
    add("%hf", 2, Type::kF16);
    add("%r", 6, Type::kB32);
    add("%u", 2, Type::kU32);
    add("%i", 2, Type::kS32);
    add("%f", 4, Type::kF32);
    add("%hh", 2, Type::kF16x2);
    add("%l", 6, Type::kB64);
    add("%lu", 2, Type::kU64);
    add("%ls", 2, Type::kS64);
    add("%d", 4, Type::kF64);
    add("%fa", 3, Type::kF32, true);
    add("%da", 2, Type::kF64, true);
    add("%ha", 2, Type::kB16, true);
    add("%ra", 2, Type::kB32, true);
    return made;
  }();
  return *rows;
}

namespace {

Program EmptyProgram(sim::Rng& rng, uint64_t seed) {
  Program program;
  program.seed = seed;
  // Whole warps, partial ones, and blocks of more than one dimension.
  constexpr Extent kShapes[] = {{40, 1, 1}, {32, 1, 1}, {7, 5, 1},  {1, 1, 1},
                                {64, 1, 1}, {11, 3, 2}, {33, 1, 1}, {16, 2, 3}};
  rng.Next();
  program.block = kShapes[rng.Next() % std::size(kShapes)];
  return program;
}

}  // namespace

Program MakeProgramOf(const std::string& spelling, uint64_t seed) {
  sim::Rng rng(seed);
  Program program = EmptyProgram(rng, seed);
  LineMaker maker(rng);
  for (int i = 0; i < 3; ++i) maker.Make(ptx::DecodeOperation(spelling), program.lines);
  return program;
}

Program MakeProgram(const Catalogue& catalogue, uint64_t seed) {
  sim::Rng rng(seed);
  Program program = EmptyProgram(rng, seed);
  LineMaker maker(rng);
  const size_t lines = 4 + rng.Next() % 17;
  // Some make no line: approximations need a register of their own.
  for (size_t tries = 0; program.lines.size() < lines && tries < 4 * lines; ++tries) {
    const FormSpellings& form = catalogue.forms()[rng.Next() % catalogue.forms().size()];
    const std::string& spelling = form.spellings[rng.Next() % form.spellings.size()];
    maker.Make(ptx::DecodeOperation(spelling), program.lines);
  }
  return program;
}

Layout LayoutOf(const Program& program) {
  std::set<uint32_t> used;
  std::set<uint32_t> written;
  for (const Line& line : program.lines) {
    used.insert(line.uses.begin(), line.uses.end());
    written.insert(line.defs.begin(), line.defs.end());
  }
  // A guarded line leaves its destination as it was.
  used.insert(written.begin(), written.end());
  Layout layout;
  layout.used.assign(used.begin(), used.end());
  layout.written.assign(written.begin(), written.end());
  layout.scratch = static_cast<uint32_t>(ptx::AlignUp(8 * layout.used.size(), 32));
  layout.outputs = layout.scratch + kScratchBytes;
  layout.record_bytes =
      static_cast<uint32_t>(ptx::AlignUp(layout.outputs + 8 * layout.written.size(), 32));
  return layout;
}

std::string ModuleHeader() {
  std::string text = ".version 9.0\n.target sm_100a\n.address_size 64\n";
  text += fmt::format(".const .align 32 .b8 constant_bytes[{}] = {{", kScratchBytes);
  sim::Rng rng(5);
  for (uint32_t i = 0; i < kScratchBytes; ++i) {
    text += fmt::format("{}{}", i > 0 ? ", " : "", rng.Next() & 0xff);
  }
  return text + "};\n";
}

std::string KernelText(const Program& program, const std::string& name) {
  const Layout layout = LayoutOf(program);
  std::string text = fmt::format(
      ".visible .entry {}(.param .u64 buffer, .param .align 16 .b8 param_bytes[{}])\n{{\n", name,
      kScratchBytes);
  text += ".reg .b32 %t<7>; .reg .b64 %base, %wide;\n";
  const Touched touched = TouchedBy(program);
  if (touched.shared) {
    text += fmt::format(
        ".reg .b32 %shb; .reg .b64 %shl, %shg; .shared .align 32 .b8 shared_bytes[{}];\n",
        kScratchBytes * ThreadsOf(program));
  }
  if (touched.local) {
    text +=
        fmt::format(".reg .b64 %lol, %log; .local .align 32 .b8 local_bytes[{}];\n", kScratchBytes);
  }
  if (touched.constant) text += ".reg .b64 %ctl;\n";
  for (const uint32_t reg : layout.used) {
    text +=
        fmt::format(".reg .{} {};\n", ptx::TypeName(Registers()[reg].type), Registers()[reg].name);
  }
  text += Prologue(program, layout);
  for (size_t i = 0; i < layout.used.size(); ++i) {
    text += LoadRegister(layout.used[i], static_cast<uint32_t>(8 * i));
  }
  text += "// the program\n";
  for (const Line& line : program.lines) text += WithScratch(line.text, layout.scratch) + "\n";
  text += "// its results\n";
  for (size_t i = 0; i < layout.written.size(); ++i) {
    text += StoreRegister(layout.written[i], layout.outputs + static_cast<uint32_t>(8 * i));
  }
  return text + "ret;\n}\n";
}

Bytes ParamsFor(const Program& program, uint64_t buffer) {
  Bytes params(16 + kScratchBytes, 0);
  std::memcpy(params.data(), &buffer, sizeof buffer);
  sim::Rng rng(program.seed ^ 0x5ca1ab1e);
  for (uint32_t i = 0; i < kScratchBytes; i += 4) {
    const auto word = static_cast<uint32_t>(EdgeValue(rng, 32));
    std::memcpy(params.data() + 16 + i, &word, sizeof word);
  }
  return params;
}

Bytes RecordsFor(const Program& program) {
  const Layout layout = LayoutOf(program);
  const uint32_t threads = kBlocks * ThreadsOf(program);
  Bytes records(size_t{threads} * layout.record_bytes, 0);
  for (uint32_t thread = 0; thread < threads; ++thread) {
    uint8_t* const record = records.data() + size_t{thread} * layout.record_bytes;
    // By name rather than by order, so that a program that is made shorter keeps its inputs.
    for (size_t i = 0; i < layout.used.size(); ++i) {
      sim::Rng rng(program.seed * 1'000'003 + layout.used[i] * 4099 + thread);
      rng.Next();
      const Type type = Registers()[layout.used[i]].type;
      const uint32_t bits = std::max<uint32_t>(ptx::TypeBits(type), 16);
      const uint64_t value = type == Type::kPred ? rng.Next() & 1 : EdgeValue(rng, bits);
      std::memcpy(record + 8 * i, &value, sizeof value);
    }
    sim::Rng rng(program.seed * 1'000'003 + 65'537 + thread);
    for (uint32_t i = 0; i < kScratchBytes; i += 8) {
      const uint64_t value = EdgeValue(rng, 64);
      std::memcpy(record + layout.scratch + i, &value, sizeof value);
    }
  }
  return records;
}

}  // namespace souk::reference
