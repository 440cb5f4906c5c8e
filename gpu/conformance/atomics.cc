// Atomic operations: on a cell of each row's own, where the old value is certain, and on cells that
// a block contends for, where only the outcome is. PTX ISA 9.7.13 "Parallel Synchronization and
// Communication Instructions".
#include "gpu/conformance/forms.h"
#include "gpu/ptx/forms.h"

namespace souk::gpu::conformance {
namespace {

using ptx::Type;

constexpr char kAtomics[] = "atomics";

struct OperationRow {
  const char* name;
  const char* types[6];
};
constexpr OperationRow kOperations[] = {{"add", {"u32", "s32", "u64", "f32", "f64"}},
                                        {"add.noftz", {"f16", "f16x2", "bf16", "bf16x2"}},
                                        {"min", {"u32", "s32", "u64", "s64"}},
                                        {"max", {"u32", "s32", "u64", "s64"}},
                                        {"and", {"b32", "b64"}},
                                        {"or", {"b32", "b64"}},
                                        {"xor", {"b32", "b64"}},
                                        {"exch", {"b32", "b64"}},
                                        {"cas", {"b16", "b32", "b64"}},
                                        {"inc", {"u32"}},
                                        {"dec", {"u32"}}};

struct Place {
  const char* space;   // in the mnemonic, with its dot
  const char* memory;  // of the plain accesses
  const char* address;
  const char* before;
};
constexpr Place kPlaces[] = {{".global", "global", "%cell", ""},
                             {".shared", "shared", "%sh", ""},
                             {"", "global", "%g", ".reg .b64 %g; cvta.global.u64 %g, %cell; "},
                             {"", "shared", "%g", ".reg .b64 %g; cvta.shared.u64 %g, %sh; "}};

// The cell holds %a; %b is what comes, for cas %b is what is expected, half of the time %a itself.
void AddPrivate(std::vector<FormCase>& cases, const std::string& order, const std::string& name,
                const std::string& type, const Place& place) {
  const Type value = ptx::FindType(type);
  const std::string bits = std::to_string(8 * SlotBytes(value));
  const bool cas = name == "cas";
  const Role role = type == "f32" ? Role::kOrdinary : Role::kValue;
  const std::string atom = "atom" + order + place.space + "." + name + "." + type;
  const std::string red = "red" + order + place.space + "." + name + "." + type;
  const std::string note = place.space[0] != 0 ? "" : std::string(", generic, ") + place.memory;
  FormCase c{.family = kAtomics,
             .group = name + "." + type,
             .result = value,
             .sources = {{value, role}, {value, role}},
             .surroundings = Surroundings::kMemory};
  // NaN payloads of sums are open.
  if (ptx::IsFloat(value)) c.agreement = Agreement::kAnyNan;
  if (cas) c.sources.push_back({value, role});
  const std::string memory = std::string(place.memory) + ".b" + bits;
  const std::string cell = std::string(place.memory) == "global" ? "%cell" : "%sh";
  std::string start = place.before + ("st." + memory + " [" + cell + "], %a; ");
  std::string operands = std::string(", [") + place.address + "], %b";
  if (cas) {
    start += ".reg .pred %even; .reg .b" + bits +
             " %want; and.b32 %flag, %row, 1; "
             "setp.eq.u32 %even, %flag, 0; selp.b" +
             bits + " %want, %a, %b, %even; ";
    operands = std::string(", [") + place.address + "], %want, %c";
  }
  FormCase old = c;
  old.form = atom + note + ", old value";
  old.code = start + atom + " %d" + operands + ";";
  AddCase(cases, atom, std::move(old));
  FormCase after = c;
  after.form = atom + note + ", new value";
  after.code = start + ".reg .b" + bits + " %t; " + atom + " %t" + operands + "; ld." + memory +
               " %d, [" + cell + "];";
  AddCase(cases, atom, std::move(after));
  if (cas || name == "exch") return;
  FormCase reduced = c;
  reduced.form = red + note;
  reduced.code = start + red + " " + operands.substr(2) + "; ld." + memory + " %d, [" + cell + "];";
  AddCase(cases, red, std::move(reduced));
}

// Threads share seven cells by turns; after the barrier each reads its cell. Integers only, and
// operations whose outcome no order changes.
void AddContended(std::vector<FormCase>& cases) {
  const struct {
    const char* operation;
    const char* type;
    const char* value;  // the second operand
  } rows[] = {{"add", "u32", "%a"},    {"add", "u64", "%wide"}, {"min", "s32", "%a"},
              {"max", "u32", "%a"},    {"or", "b32", "%a"},     {"xor", "b32", "%a"},
              {"xor", "b64", "%wide"}, {"inc", "u32", "5"},     {"dec", "u32", "5"},
              {"max", "s64", "%wide"}};
  for (const auto& row : rows) {
    for (const bool shared : {false, true}) {
      const std::string space = shared ? "shared" : "global";
      const std::string bits = ptx::TypeBits(ptx::FindType(row.type)) == 64 ? "64" : "32";
      const std::string spelling = "red." + space + "." + row.operation + "." + row.type;
      FormCase c{.family = kAtomics,
                 .form = spelling + ", contended",
                 .group = std::string("contended ") + row.operation + "." + row.type,
                 .result = bits == "64" ? Type::kB64 : Type::kB32,
                 .sources = {{Type::kB32, Role::kValue}},
                 .surroundings = Surroundings::kBlock};
      c.code =
          ".reg .b64 %hot, %wide; cvt.s64.s32 %wide, %a; rem.u32 %flag, %self, 7; "
          "mul.wide.u32 %hot, %flag, 8; " +
          std::string(shared ? ".reg .b64 %base; mov.u64 %base, sh; add.s64 %hot, %hot, %base; "
                             : "add.s64 %hot, %hot, %mine; ") +
          spelling + " [%hot], " + row.value + "; bar.sync 0; ld.volatile." + space + ".b" + bits +
          " %d, [%hot]; bar.sync 0;";
      AddCase(cases, spelling, std::move(c));
    }
  }
}

// A counter that hands out numbers: every one of them, each once. The mask of those given out.
void AddTickets(std::vector<FormCase>& cases) {
  const std::string spelling = "atom.shared.add.u32";
  FormCase c{.family = kAtomics,
             .form = spelling + ", as a counter",
             .group = "counter",
             .code = ".reg .b64 %at, %base; .reg .b32 %t; mov.u64 %base, sh; " + spelling +
                     " %t, [%base], 1; add.u32 %t, %t, 1; and.b32 %t, %t, 127; "
                     "mul.wide.u32 %at, %t, 4; add.s64 %at, %at, %base; bar.sync 0; "
                     "st.shared.u32 [%at], 1; bar.sync 0; mul.wide.u32 %at, %self, 4; "
                     "add.s64 %at, %at, %base; ld.shared.u32 %d, [%at]; bar.sync 0;",
             .result = Type::kB32,
             .surroundings = Surroundings::kBlock};
  AddCase(cases, spelling, std::move(c));
}

}  // namespace

std::vector<FormCase> AtomicForms() {
  std::vector<FormCase> cases;
  for (const Place& place : kPlaces) {
    for (const OperationRow& row : kOperations) {
      for (const char* type : row.types) {
        if (type != nullptr) AddPrivate(cases, "", row.name, type, place);
      }
    }
  }
  for (const char* order : {".relaxed.cta", ".relaxed.gpu", ".relaxed.sys", ".acquire.gpu",
                            ".release.gpu", ".acq_rel.cta", ".acq_rel.gpu", ".acq_rel.sys"}) {
    AddPrivate(cases, order, "add", "u32", kPlaces[0]);
    AddPrivate(cases, order, "cas", "b32", kPlaces[1]);
  }
  AddContended(cases);
  AddTickets(cases);
  return cases;
}

}  // namespace souk::gpu::conformance
