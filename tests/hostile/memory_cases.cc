// Accesses where nothing is: every state space, width and edge (PTX ISA 5.1, "State Spaces"; 6.4.1,
// alignment).
#include "hostile/hostile_set.h"

namespace souk::gpu::hostile {
namespace {

// A thousand bytes or so of one space: `declare` makes them, [`base`+offset] reaches into them.
struct Place {
  const char* space;
  const char* declare;
  const char* base;
  int end;
};
constexpr Place kPlaces[] = {
    {"global", "", "%rd0", 1000},
    {"shared", ".shared .align 16 .b8 s[1000]; ", "s", 1000},
    {"local", ".local .align 16 .b8 l[1008]; ", "l", 1008},
};

// A vector or scalar access of `bytes`, and the registers that it moves.
struct Width {
  int bytes;
  const char* type;
  const char* registers;
};
constexpr Width kWidths[] = {
    {1, ".u8", "%h1"},
    {2, ".u16", "%h1"},
    {4, ".u32", "%r1"},
    {8, ".u64", "%rd1"},
    {8, ".v2.u32", "{%r1, %r2}"},
    {16, ".v4.u32", "{%r1, %r2, %r3, %r4}"},
    {16, ".v2.u64", "{%rd1, %rd2}"},
};

std::string Access(const Place& place, const Width& width, int offset, bool store) {
  const std::string address =
      std::string("[") + place.base + (offset < 0 ? "" : "+") + std::to_string(offset) + "]";
  const std::string head = std::string(store ? "st." : "ld.") + place.space + width.type + " ";
  return place.declare +
         (store ? head + address + ", " + width.registers
                : head + width.registers + ", " + address) +
         ";";
}

Case Faults(const std::string& name, const std::string& body, const std::string& sentence,
            const std::string& before = "", uint32_t dynamic_shared_bytes = 0) {
  return {.name = "memory-" + name,
          .make =
              [=] {
                return JobOf(Kernel{
                    .before = before, .body = body, .dynamic_shared_bytes = dynamic_shared_bytes});
              },
          .code = Code::kFault,
          .sentence = sentence};
}

std::string TypeName(const Width& width) {
  std::string name = width.type;
  for (char& c : name) {
    if (c == '.') c = '-';
  }
  return name;
}

void AddPlaces(std::vector<Case>& out) {
  for (const Place& place : kPlaces) {
    for (const Width& width : kWidths) {
      const std::string name = place.space + TypeName(width);
      if (width.bytes > 1) {
        // Half a width off, well within.
        out.push_back(Faults("misaligned-" + name,
                             Access(place, width, 16 + width.bytes / 2, width.bytes == 8),
                             "(load|store) of .* is misaligned"));
      }
      // The last byte lies behind the end; where the end is a multiple of the width, all do.
      const int over = (place.end / width.bytes) * width.bytes;
      out.push_back(Faults("end-" + name, Access(place, width, over, width.bytes == 4),
                           "(load|store) of .* is outside every allocation"));
    }
    out.push_back(Faults(std::string("before-") + place.space,
                         place.space == std::string("global")
                             ? "ld.global.u32 %r1, [%rd0+-4];"
                             : std::string(place.declare) + "mov.u64 %rd1, " + place.base +
                                   "; ld." + place.space + ".u32 %r1, [%rd1+-4];",
                         "outside every allocation"));
  }
}

void AddGlobal(std::vector<Case>& out) {
  const char* const kOutside = "outside every allocation";
  out.push_back(Faults("global-null", "mov.u64 %rd1, 0; ld.global.u32 %r1, [%rd1];", kOutside));
  out.push_back(
      Faults("global-null-store", "mov.u64 %rd1, 0; st.global.u8 [%rd1], %h1;", kOutside));
  out.push_back(Faults("global-all-ones", "mov.u64 %rd1, -1; ld.global.u8 %h1, [%rd1];", kOutside));
  out.push_back(
      Faults("global-last-word", "mov.u64 %rd1, -8; st.global.u64 [%rd1], %rd1;", kOutside));
  out.push_back(Faults("global-offset-wraps-to-null",
                       "mov.u64 %rd1, -16; ld.global.v4.u32 {%r1,%r2,%r3,%r4}, [%rd1+16];",
                       kOutside));
  out.push_back(Faults("global-offset-wraps-below",
                       "mov.u64 %rd1, 0; ld.global.u32 %r1, [%rd1+-2147483648];", kOutside));
  out.push_back(Faults("global-top-bit-set",
                       "or.b64 %rd1, %rd0, 0x8000000000000000; ld.global.u32 %r1, [%rd1];",
                       kOutside));
  out.push_back(Faults("global-one-below-the-base",
                       "mov.u64 %rd1, 0x3fffffffffff; ld.global.u8 %h1, [%rd1];", kOutside));
  out.push_back(Faults("global-between-two-buffers", "st.global.u32 [%rd0+1012], %r0;", kOutside));
  out.push_back(Faults("global-far-behind-all-buffers",
                       "add.s64 %rd1, %rd8, 0x100000; ld.global.u32 %r1, [%rd1];", kOutside));
  out.push_back(Faults("global-terabytes-behind",
                       "add.s64 %rd1, %rd0, 0x70000000000; st.global.u64 [%rd1], %rd1;", kOutside));
  out.push_back(Faults("global-one-lane-of-many",
                       "setp.eq.u32 %p1, %r0, 37; mov.u64 %rd1, %rd0; @%p1 mov.u64 %rd1, 64; "
                       "ld.global.u32 %r1, [%rd1];",
                       "thread \\(37,0,0\\)"));
  out.push_back(Faults("global-behind-a-variable", "mov.u64 %rd1, g; st.global.u32 [%rd1+16], %r0;",
                       kOutside, ".global .b32 g[4];\n"));
}

// The windows of the generic address space, and one space's addresses in another.
void AddGeneric(std::vector<Case>& out) {
  const char* const kOutside = "generic address .* is outside every allocation";
  const std::string shared = ".shared .b32 s[4]; mov.u64 %rd1, s; cvta.shared.u64 %rd1, %rd1; ";
  const std::string local = ".local .b32 l[4]; mov.u64 %rd1, l; cvta.local.u64 %rd1, %rd1; ";
  out.push_back(Faults("generic-null", "mov.u64 %rd1, 0; ld.u32 %r1, [%rd1];", kOutside));
  out.push_back(Faults("generic-shared-end", shared + "st.u32 [%rd1+16], %r0;", kOutside));
  out.push_back(Faults("generic-shared-before", shared + "ld.u32 %r1, [%rd1+-4];", kOutside));
  out.push_back(Faults("generic-local-end", local + "st.u32 [%rd1+16], %r0;", kOutside));
  out.push_back(Faults("generic-local-before", local + "ld.u8 %h1, [%rd1+-1];", kOutside));
  out.push_back(
      Faults("generic-local-of-the-next-thread", local + "ld.u32 %r1, [%rd1+32];", kOutside));
  out.push_back(
      Faults("generic-param-end", "cvta.param.u64 %rd1, 16; ld.u32 %r1, [%rd1];", kOutside));
  out.push_back(Faults("generic-param-store", "cvta.param.u64 %rd1, 0; st.u32 [%rd1], %r0;",
                       "is to read-only memory"));
  out.push_back(Faults("generic-window-s-last-byte",
                       "mov.u64 %rd1, 0x1fffffffffff; ld.u8 %h1, [%rd1];", kOutside));
  out.push_back(Faults("generic-misaligned", "ld.u64 %rd1, [%rd0+4];", "is misaligned"));
  out.push_back(Faults("shared-address-as-global", shared + "st.global.u32 [%rd1], %r0;",
                       "outside every allocation"));
  out.push_back(Faults("local-address-as-global", local + "ld.global.u32 %r1, [%rd1];",
                       "outside every allocation"));
  out.push_back(Faults("global-address-as-shared",
                       ".shared .b32 s[4]; cvt.u32.u64 %r1, %rd0; st.shared.u32 [%r1+1024], %r0;",
                       "outside every allocation"));
  out.push_back(Faults("shared-without-any", "mov.u32 %r1, 0; ld.shared.u32 %r1, [%r1];",
                       "outside every allocation"));
  out.push_back(Faults("shared-wraps-at-32-bits",
                       ".shared .b32 s[4]; mov.u32 %r1, -4; ld.shared.u32 %r1, [%r1];",
                       "outside every allocation"));
  out.push_back(Faults("shared-dynamic-end", "st.shared.u32 [d+64], %r0;",
                       "outside every allocation", ".extern .shared .align 16 .b8 d[];\n", 64));
  out.push_back(Faults("shared-dynamic-of-no-bytes", "ld.shared.u8 %h1, [d];",
                       "outside every allocation", ".extern .shared .align 16 .b8 d[];\n"));
  out.push_back(Faults("param-end", "ld.param.u32 %r1, [p1+8];", "outside every allocation"));
}

void AddConstants(std::vector<Case>& out) {
  const std::string constants = ".const .b32 c[4] = {1, 2, 3, 4};\n";
  const std::string generic = "mov.u64 %rd1, c; cvta.const.u64 %rd1, %rd1; ";
  out.push_back(Faults("const-store", generic + "st.u32 [%rd1], %r0;", "read-only", constants));
  out.push_back(
      Faults("const-atomic", generic + "atom.add.u32 %r1, [%rd1], 1;", "read-only", constants));
  out.push_back(Faults("const-end", "ld.const.u32 %r1, [c+16];", "outside every", constants));
  out.push_back(
      Faults("const-null", "mov.u64 %rd1, 0; ld.const.u32 %r1, [%rd1];", "outside every"));
}

void AddAtomics(std::vector<Case>& out) {
  const char* const kOutside = "outside every allocation";
  out.push_back(
      Faults("atomic-null", "mov.u64 %rd1, 0; atom.global.add.u32 %r1, [%rd1], 1;", kOutside));
  out.push_back(Faults("atomic-misaligned", "atom.global.add.u32 %r1, [%rd0+2], 1;", "misaligned"));
  out.push_back(
      Faults("atomic-misaligned-64", "atom.global.cas.b64 %rd1, [%rd0+4], 0, 1;", "misaligned"));
  out.push_back(Faults("atomic-end", "atom.global.exch.b32 %r1, [%rd0+1000], %r0;", kOutside));
  out.push_back(
      Faults("atomic-end-double", "atom.global.add.f64 %fd1, [%rd0+1000], %fd2;", kOutside));
  out.push_back(Faults("atomic-reduction-end", "red.global.max.s32 [%rd0+1000], %r0;", kOutside));
  out.push_back(Faults("atomic-shared-end",
                       ".shared .b32 s[4]; atom.shared.add.u32 %r1, [s+16], 1;", kOutside));
  out.push_back(Faults("atomic-shared-misaligned",
                       ".shared .b32 s[4]; atom.shared.add.u32 %r1, [s+2], 1;", "misaligned"));
  out.push_back(Faults("atomic-generic-wild",
                       "mov.u64 %rd1, 0x123456789abc; atom.add.u32 %r1, [%rd1], 1;", kOutside));
  const std::string copy = ".shared .align 16 .b8 s[64]; mov.u32 %r1, s; ";
  out.push_back(Faults("copy-async-from-null",
                       copy + "mov.u64 %rd1, 0; cp.async.ca.shared.global [%r1], [%rd1], 16;",
                       kOutside));
  out.push_back(Faults("copy-async-over-the-end",
                       copy + "cp.async.cg.shared.global [%r1], [%rd0+992], 16;", kOutside));
  out.push_back(Faults("copy-async-to-nowhere",
                       copy + "cp.async.ca.shared.global [%r1+64], [%rd0], 4;", kOutside));
  out.push_back(Faults("copy-async-misaligned",
                       copy + "cp.async.ca.shared.global [%r1], [%rd0+4], 8;", "misaligned"));
  out.push_back(Faults("copy-async-misaligned-target",
                       copy + "cp.async.cg.shared.global [%r1+8], [%rd0], 16;", "misaligned"));
  out.push_back(Faults("copy-async-of-more-than-it-copies",
                       copy + "mov.u32 %r2, 17; cp.async.cg.shared.global [%r1], [%rd0], 16, %r2;",
                       "reads more than it copies"));
}

// An index that each thread has for itself: [p0 + index * scale], as compilers write a[i].
void AddIndices(std::vector<Case>& out) {
  const auto at = [](const std::string& index, const std::string& type, int scale) {
    return index + " mul.wide." + type + " %rd1, %r1, " + std::to_string(scale) +
           "; add.s64 %rd2, %rd0, %rd1; ";
  };
  const std::string load = "ld.global.u32 %r2, [%rd2];";
  const std::string store = "st.global.u32 [%rd2], %r0;";
  const char* const kOutside = "outside every allocation";
  out.push_back(Faults("index-of-the-last-lane", at("add.u32 %r1, %r0, 187;", "u32", 4) + store,
                       "thread \\(63,0,0\\): store .* is outside every allocation"));
  out.push_back(Faults("index-of-all-ones", at("mov.u32 %r1, -1;", "u32", 4) + load, kOutside));
  out.push_back(Faults("index-before", at("sub.s32 %r1, %r0, 63;", "s32", 4) + store,
                       "thread \\(0,0,0\\): store .* is outside every allocation"));
  out.push_back(Faults("index-that-wraps-between-lanes",
                       at("add.u32 %r1, %r0, 0xfffffff0;", "u32", 4) + load, kOutside));
  out.push_back(Faults("index-whose-sign-turns-between-lanes",
                       at("add.u32 %r1, %r0, 0x7ffffff0;", "s32", 4) + load, kOutside));
  out.push_back(Faults("index-least", at("mov.u32 %r1, 0x80000000;", "s32", 4) + store, kOutside));
  out.push_back(
      Faults("index-times-all-that-fits", at("mov.u32 %r1, -1;", "u32", 65535) + load, kOutside));
  out.push_back(
      Faults("index-of-one-lane-of-many",
             at("setp.eq.u32 %p1, %r0, 13; selp.b32 %r1, 0x10000000, %r0, %p1;", "u32", 4) + store,
             "thread \\(13,0,0\\)"));
  out.push_back(
      Faults("index-of-three-bytes", at("mov.u32 %r1, %r0;", "u32", 3) + load, "is misaligned"));
  out.push_back(
      Faults("index-of-a-vector-over-the-end",
             at("mov.u32 %r1, %r0;", "u32", 16) + "ld.global.v4.u32 {%r2, %r3, %r4, %r5}, [%rd2];",
             "thread \\(62,0,0\\)"));
  out.push_back(Faults("index-from-a-null-base",
                       "mov.u64 %rd0, 0; " + at("mov.u32 %r1, %r0;", "u32", 4) + load, kOutside));
  // What a lane does not do harms nobody.
  out.push_back({.name = "memory-index-of-a-lane-that-does-not-run",
                 .make =
                     [=] {
                       return JobOf(Kernel{.body = at("setp.eq.u32 %p1, %r0, 13; "
                                                      "selp.b32 %r1, 0x70000000, %r0, %p1;",
                                                      "u32", 4) +
                                                   "@!%p1 st.global.u32 [%rd2], %r0;"});
                     },
                 .words = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0, 14}});
}

}  // namespace

std::vector<Case> MemoryCases() {
  std::vector<Case> out;
  AddPlaces(out);
  AddGlobal(out);
  AddGeneric(out);
  AddConstants(out);
  AddAtomics(out);
  AddIndices(out);
  // Windows must not be reached by an offset that wraps in the handlers' 32 bits.
  const auto refused = [&](const std::string& space, const std::string& body) {
    out.push_back({.name = "memory-offset-of-33-bits-" + space,
                   .make = [=] { return JobOf(Kernel{.body = body}); },
                   .code = Code::kUnsupported,
                   .sentence = "offset"});
  };
  refused("shared", ".shared .b32 s[4]; ld.shared.u32 %r1, [s+4294967296];");
  refused("local", ".local .b32 l[4]; st.local.u32 [l+4294967296], %r0;");
  refused("param", "ld.param.u64 %rd1, [p0+4294967296];");
  return out;
}

}  // namespace souk::gpu::hostile
