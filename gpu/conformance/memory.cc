// Loads and stores of every type, width and state space; asynchronous copies; addresses.
// PTX ISA 9.7.9 "Data Movement and Conversion Instructions".
#include "gpu/conformance/forms.h"

namespace souk::gpu::conformance {
namespace {

using ptx::Type;

constexpr char kMemoryFamily[] = "memory";

struct SpaceRow {
  const char* name;     // as the mnemonic has it
  const char* address;  // of the row's 16 bytes
};
constexpr SpaceRow kSpaces[] = {
    {"global", "%cell"}, {"shared", "%sh"}, {"local", "%loc"}, {"const", "%tab"}};
constexpr const char* kTypes[] = {"b8",  "b16", "b32", "b64", "u8",  "u16", "u32",
                                  "u64", "s8",  "s16", "s32", "s64", "f32", "f64"};

uint32_t BytesOf(const std::string& type) {
  return static_cast<uint32_t>(std::stoul(type.substr(1))) / 8;
}

// "{%v0, %v1}", or "%v0".
std::string Registers(uint32_t count) {
  if (count == 1) return "%v0";
  std::string text = "{%v0";
  for (uint32_t i = 1; i < count; ++i) text += ", %v" + std::to_string(i);
  return text + "}";
}

FormCase MemoryCase(const std::string& form, const std::string& group, const std::string& code,
                    Type result) {
  return {.family = kMemoryFamily,
          .form = form,
          .group = group,
          .code = code,
          .result = result,
          .surroundings = Surroundings::kMemory};
}

// Fills the row's bytes of a space from its inputs.
std::string Fill(const SpaceRow& space) {
  const std::string name = space.name;
  if (name == "const") return "";
  return ".reg .b64 %f<2>; ld.global.v2.b64 {%f0, %f1}, [%in]; st." + name + ".v2.b64 [" +
         space.address + "], {%f0, %f1}; ";
}

std::string ToGeneric(const SpaceRow& space) {
  return ".reg .b64 %g; cvta." + std::string(space.name) + ".u64 %g, " + space.address + "; ";
}

// What each register of a load holds. `before` makes the address that `at` names.
void AddLoad(std::vector<FormCase>& cases, const std::string& spelling, const std::string& note,
             const std::string& before, const std::string& at, const std::string& type,
             uint32_t count) {
  const bool wide = BytesOf(type) == 8;
  for (uint32_t i = 0; i < count; ++i) {
    std::string form = spelling + note;
    if (count > 1) form += ", element " + std::to_string(i);
    const std::string bits = wide ? "64" : "32";
    AddCase(cases, spelling,
            MemoryCase(form, "load " + type,
                       before + ".reg .b" + bits + " %v<4>; " + spelling + " " + Registers(count) +
                           ", [" + at + "]; mov.b" + bits + " %d, %v" + std::to_string(i) + ";",
                       wide ? Type::kB64 : Type::kB32));
  }
}

// All 16 bytes after a store: those beside it must stay zero.
void AddStore(std::vector<FormCase>& cases, const std::string& spelling, const std::string& note,
              const SpaceRow& space, const std::string& before, const std::string& at,
              const std::string& type, uint32_t count) {
  const bool wide = BytesOf(type) == 8;
  const std::string bits = wide ? "64" : "32";
  std::string load = ".reg .b" + bits + " %v<4>; ld.global.v" + (wide ? "2" : "4") + ".b" + bits +
                     " " + Registers(wide ? 2 : 4) + ", [%in]; ";
  for (const char* half : {"0", "8"}) {
    AddCase(cases, spelling,
            MemoryCase(spelling + note + (half[0] == '0' ? ", low bytes" : ", high bytes"),
                       "store " + type,
                       before + load + spelling + " [" + at + "], " + Registers(count) + "; ld." +
                           space.name + ".b64 %d, [" + space.address + "+" + half + "];",
                       Type::kB64));
  }
}

void AddTypes(std::vector<FormCase>& cases) {
  for (const SpaceRow& space : kSpaces) {
    const bool constant = std::string(space.name) == "const";
    for (const std::string type : kTypes) {
      for (const uint32_t count : {1u, 2u, 4u}) {
        if (BytesOf(type) * count > 16) continue;
        const std::string vector = count == 1 ? "" : ".v" + std::to_string(count);
        const std::string tail = "." + std::string(space.name) + vector + "." + type;
        AddLoad(cases, "ld" + tail, "", Fill(space), space.address, type, count);
        if (!constant) AddStore(cases, "st" + tail, "", space, "", space.address, type, count);
        if (count == 2) continue;
        const std::string generic = vector + "." + type;
        const std::string note = std::string(", generic, ") + space.name;
        AddLoad(cases, "ld" + generic, note, Fill(space) + ToGeneric(space), "%g", type, count);
        if (constant) continue;
        AddStore(cases, "st" + generic, note, space, ToGeneric(space), "%g", type, count);
      }
    }
  }
}

// Orders, scopes and cache operators change no result of a thread by itself.
void AddModifiers(std::vector<FormCase>& cases) {
  const SpaceRow& global = kSpaces[0];
  const SpaceRow& shared = kSpaces[1];
  for (const char* spelling :
       {"ld.global.ca.u32", "ld.global.cg.u32", "ld.global.cs.u32", "ld.global.lu.u32",
        "ld.global.cv.u32", "ld.global.nc.u32", "ldu.global.u32", "ld.volatile.global.u32",
        "ld.relaxed.gpu.global.u32", "ld.acquire.gpu.global.u32", "ld.acquire.cta.global.u32",
        "ld.acquire.sys.global.u32", "ld.weak.global.u32", "ld.global.L1::no_allocate.u32"}) {
    AddLoad(cases, spelling, "", "", "%in", "u32", 1);
  }
  for (const char* spelling :
       {"ld.volatile.shared.u32", "ld.relaxed.cta.shared.u32", "ld.acquire.cta.shared.u32"}) {
    AddLoad(cases, spelling, "", Fill(shared), shared.address, "u32", 1);
  }
  for (const char* spelling :
       {"st.global.wb.u32", "st.global.cg.u32", "st.global.cs.u32", "st.global.wt.u32",
        "st.volatile.global.u32", "st.relaxed.gpu.global.u32", "st.release.gpu.global.u32",
        "st.release.sys.global.u32", "st.weak.global.u32"}) {
    AddStore(cases, spelling, "", global, "", global.address, "u32", 1);
  }
  for (const char* spelling : {"st.volatile.shared.u32", "st.release.cta.shared.u32"}) {
    AddStore(cases, spelling, "", shared, "", shared.address, "u32", 1);
  }
}

// The parameter `rows` is 4091 = 0x00000ffb.
void AddParameters(std::vector<FormCase>& cases) {
  for (const std::string type : {"b8", "u8", "s8", "b16", "u16", "s16", "b32", "u32", "s32"}) {
    for (uint32_t at = 0; at < 4; at += BytesOf(type)) {
      AddLoad(cases, "ld.param." + type, " at " + std::to_string(at), "",
              "rows+" + std::to_string(at), type, 1);
    }
  }
}

void AddAsyncCopies(std::vector<FormCase>& cases) {
  const struct {
    const char* cache;
    int bytes;
    int taken;  // the rest is zero
  } rows[] = {{"ca", 4, 4}, {"ca", 8, 8},  {"ca", 16, 16}, {"cg", 16, 16},
              {"ca", 8, 4}, {"ca", 16, 0}, {"cg", 16, 8}};
  for (const auto& row : rows) {
    const std::string spelling = std::string("cp.async.") + row.cache + ".shared.global";
    const std::string size = std::to_string(row.bytes);
    std::string copy = spelling + " [%sh], [%in], " + size;
    if (row.taken != row.bytes) copy += ", " + std::to_string(row.taken);
    for (const char* half : {"0", "8"}) {
      AddCase(
          cases, spelling,
          MemoryCase(
              spelling + " of " + size + ", " + std::to_string(row.taken) + " taken, bytes at " +
                  half,
              "asynchronous copy",
              // What the copy must replace.
              ".reg .b64 %ones; mov.b64 %ones, -1; st.shared.v2.b64 [%sh], {%ones, %ones}; " +
                  copy + "; cp.async.commit_group; cp.async.wait_group 0; ld.shared.b64 %d, [%sh+" +
                  half + "];",
              Type::kB64));
    }
  }
}

void AddAddresses(std::vector<FormCase>& cases) {
  for (const SpaceRow& space : kSpaces) {
    const std::string name = space.name;
    // There and back again.
    AddCase(cases, "cvta." + name + ".u64",
            MemoryCase("cvta." + name + ".u64, cvta.to", "addresses",
                       ToGeneric(space) + "cvta.to." + name + ".u64 %g, %g; sub.s64 %d, %g, " +
                           space.address + ";",
                       Type::kB64));
    for (const char* asked : {"global", "shared", "local", "const"}) {
      // Constant memory may be reached through a generic address or not.
      const bool open = name == "const" || std::string(asked) == "const";
      if (open && name != asked) continue;
      const std::string spelling = std::string("isspacep.") + asked;
      AddCase(cases, spelling,
              MemoryCase(spelling + " of " + name, "addresses",
                         ToGeneric(space) + spelling + " %d, %g;", Type::kPred));
    }
  }
}

}  // namespace

std::vector<FormCase> MemoryForms() {
  std::vector<FormCase> cases;
  AddTypes(cases);
  AddModifiers(cases);
  AddParameters(cases);
  AddAsyncCopies(cases);
  AddAddresses(cases);
  return cases;
}

}  // namespace souk::gpu::conformance
