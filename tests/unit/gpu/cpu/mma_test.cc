// mma (PTX ISA 9.7.14.5) against products on the host, with the fragments as the ISA's own formulas
// have them, shape by shape; and what all matrix instructions refuse.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cfenv>
#include <cmath>
#include <cstring>

#include "gpu/cpu/profile.h"
#include "unit/gpu/cpu/matrix_support.h"
#include "unit/gpu/cpu/run_ptx.h"

namespace souk::gpu::cpu_test {
namespace {

struct At {
  int row;
  int column;
};
// Of element i of a lane's fragment; g: groupID, t: threadID_in_group.
using FragmentLayout = At (*)(int g, int t, int i);

struct MmaShape {
  int m, n, k;
  FragmentLayout a, b, c;
};

At Sums16(int g, int t, int i) {
  return {i < 2 ? g : g + 8, t * 2 + (i & 1)};
}
At Sums8(int g, int t, int i) {
  return {g, t * 2 + i};
}
const MmaShape kHalves8 = {16,
                           8,
                           8,
                           [](int g, int t, int i) -> At {
                             return {i < 2 ? g : g + 8, t * 2 + (i & 1)};
                           },
                           [](int g, int t, int i) -> At {
                             return {t * 2 + i, g};
                           },
                           Sums16};
const MmaShape kHalves16 = {16,
                            8,
                            16,
                            [](int g, int t, int i) -> At {
                              const bool upper = i < 2 || (4 <= i && i < 6);
                              return {upper ? g : g + 8, t * 2 + (i & 1) + (i < 4 ? 0 : 8)};
                            },
                            [](int g, int t, int i) -> At {
                              return {t * 2 + (i & 1) + (i < 2 ? 0 : 8), g};
                            },
                            Sums16};
const MmaShape kTf32By4 = {16,
                           8,
                           4,
                           [](int g, int t, int i) -> At {
                             return {i == 0 ? g : g + 8, t};
                           },
                           [](int g, int t, int) -> At {
                             return {t, g};
                           },
                           Sums16};
const MmaShape kTf32By8 = {16,
                           8,
                           8,
                           [](int g, int t, int i) -> At {
                             return {i == 0 || i == 2 ? g : g + 8, i < 2 ? t : t + 4};
                           },
                           [](int g, int t, int i) -> At {
                             return {i == 0 ? t : t + 4, g};
                           },
                           Sums16};
const MmaShape kBytes8 = {8,
                          8,
                          16,
                          [](int g, int t, int i) -> At {
                            return {g, t * 4 + i};
                          },
                          [](int g, int t, int i) -> At {
                            return {t * 4 + i, g};
                          },
                          Sums8};
const MmaShape kBytes16 = {16,
                           8,
                           16,
                           [](int g, int t, int i) -> At {
                             return {i < 4 ? g : g + 8, t * 4 + (i & 3)};
                           },
                           [](int g, int t, int i) -> At {
                             return {t * 4 + i, g};
                           },
                           Sums16};
const MmaShape kBytes32 = {16,
                           8,
                           32,
                           [](int g, int t, int i) -> At {
                             const bool upper = i < 4 || (8 <= i && i < 12);
                             return {upper ? g : g + 8, t * 4 + (i & 3) + (i < 8 ? 0 : 16)};
                           },
                           [](int g, int t, int i) -> At {
                             return {t * 4 + (i & 3) + (i < 4 ? 0 : 16), g};
                           },
                           Sums16};
const MmaShape kDoubles8 = {8,
                            8,
                            4,
                            [](int g, int t, int) -> At {
                              return {g, t};
                            },
                            [](int g, int t, int) -> At {
                              return {t, g};
                            },
                            Sums8};
const MmaShape kDoubles16By4 = {16, 8, 4, kTf32By4.a, kTf32By4.b, Sums16};
const MmaShape kDoubles16By8 = {16, 8, 8, kTf32By8.a, kTf32By8.b, Sums16};
const MmaShape kDoubles16By16 = {16,
                                 8,
                                 16,
                                 [](int g, int t, int i) -> At {
                                   return {i % 2 == 0 ? g : g + 8, i / 2 * 4 + t};
                                 },
                                 [](int g, int t, int i) -> At {
                                   return {t + i * 4, g};
                                 },
                                 Sums16};

// Registers of `bits` that hold the matrix: register after register, 32 lanes each.
Bytes Spread(const Elements& matrix, int rows, int columns, FragmentLayout layout, uint32_t bits) {
  const int each = rows * columns / 32;
  const int per_register = static_cast<int>(std::max(1u, bits / matrix.bits));
  Bytes bytes(static_cast<size_t>(rows * columns) * matrix.bits / 8);
  for (int lane = 0; lane < 32; ++lane) {
    for (int i = 0; i < each; ++i) {
      const At at = layout(lane / 4, lane % 4, i);
      const int reg = i / per_register;
      const size_t offset = static_cast<size_t>(reg * 32 + lane) * (bits / 8) +
                            static_cast<size_t>(i % per_register) * matrix.bits / 8;
      std::memcpy(bytes.data() + offset,
                  &matrix.words[static_cast<size_t>(at.row * columns + at.column)],
                  matrix.bits / 8);
    }
  }
  return bytes;
}
Elements Collect(const Bytes& bytes, Elements like, int rows, int columns, FragmentLayout layout,
                 uint32_t bits) {
  const int per_register = static_cast<int>(std::max(1u, bits / like.bits));
  for (int lane = 0; lane < 32; ++lane) {
    for (int i = 0; i < rows * columns / 32; ++i) {
      const At at = layout(lane / 4, lane % 4, i);
      const size_t offset = static_cast<size_t>(i / per_register * 32 + lane) * (bits / 8) +
                            static_cast<size_t>(i % per_register) * like.bits / 8;
      uint64_t& word = like.words[static_cast<size_t>(at.row * columns + at.column)];
      word = 0;
      std::memcpy(&word, bytes.data() + offset, like.bits / 8);
    }
  }
  return like;
}

int HostModeOf(const std::string& spelling) {
  if (spelling.find(".rz.") != std::string::npos) return FE_TOWARDZERO;
  if (spelling.find(".rm.") != std::string::npos) return FE_DOWNWARD;
  return spelling.find(".rp.") != std::string::npos ? FE_UPWARD : FE_TONEAREST;
}

void ExpectMma(const std::string& spelling, const MmaShape& s, const ProductTypes& types,
               bool satfinite, uint64_t seed) {
  const Elements a = RandomElements(types.a, static_cast<size_t>(s.m * s.k), seed);
  const Elements b = RandomElements(types.b, static_cast<size_t>(s.k * s.n), seed + 1);
  const Elements c = RandomElements(types.c, static_cast<size_t>(s.m * s.n), seed + 2);
  const uint32_t bits = types.d == "f64" ? 64 : 32;
  const auto registers = [&](int rows, int columns, const std::string& type) {
    return rows * columns / 32 / static_cast<int>(std::max(1u, bits / BitsOfType(type)));
  };
  const int counts[] = {registers(s.m, s.n, types.d), registers(s.m, s.k, types.a),
                        registers(s.k, s.n, types.b), registers(s.m, s.n, types.c)};
  std::string text = kMatrixHead;
  const std::string kind = bits == 64 ? ".b64" : ".b32";
  text += ".reg " + kind + " %d<16>, %a<16>, %b<16>, %c<16>;\n";
  text += MoveRegisters(false, "%a", counts[1], bits, 1) +
          MoveRegisters(false, "%b", counts[2], bits, 2) +
          MoveRegisters(false, "%c", counts[3], bits, 3);
  text += spelling + " " + List("%d", counts[0]) + ", " + List("%a", counts[1]) + ", " +
          List("%b", counts[2]) + ", " + List("%c", counts[3]) + ";\n";
  text += MoveRegisters(true, "%d", counts[0], bits, 0) + "ret;\n}\n";
  fesetround(HostModeOf(spelling));
  const Elements want = Multiply(a, b, c, types, s.m, s.n, s.k, satfinite);
  fesetround(FE_TONEAREST);
  for (const SimdLevel level : Levels()) {
    PtxRun run;
    run.text = text;
    run.whole = true;
    run.block = {32};
    run.level = level;
    run.buffers = {Bytes(static_cast<size_t>(counts[0]) * 32 * bits / 8, 0xee),
                   Spread(a, s.m, s.k, s.a, bits), Spread(b, s.k, s.n, s.b, bits),
                   Spread(c, s.m, s.n, s.c, bits)};
    const auto stats = run.Go();
    ASSERT_TRUE(stats) << spelling << ": " << stats.error().message;
    const Elements got = Collect(run.buffers[0], want, s.m, s.n, s.c, bits);
    ExpectElements(got, want, spelling);
  }
}

TEST(Mma, HalvesIntoFloatsAndHalves) {
  for (uint64_t seed = 1; seed < 40; seed += 3) {
    for (const char* type : {"f32", "f16"}) {
      const ProductTypes types = {"f16", "f16", type, type};
      const std::string tail = std::string(".") + type + ".f16.f16." + type;
      ExpectMma("mma.sync.aligned.m16n8k8.row.col" + tail, kHalves8, types, false, seed);
      ExpectMma("mma.sync.aligned.m16n8k16.row.col" + tail, kHalves16, types, false, seed);
    }
  }
}

TEST(Mma, Bf16AndTf32) {
  const ProductTypes bf16 = {"bf16", "bf16", "f32", "f32"};
  const ProductTypes tf32 = {"tf32", "tf32", "f32", "f32"};
  const std::string base = "mma.sync.aligned.m16n8k";
  for (uint64_t seed = 1; seed < 40; seed += 3) {
    ExpectMma(base + "8.row.col.f32.bf16.bf16.f32", kHalves8, bf16, false, seed);
    ExpectMma(base + "16.row.col.f32.bf16.bf16.f32", kHalves16, bf16, false, seed);
    ExpectMma(base + "4.row.col.f32.tf32.tf32.f32", kTf32By4, tf32, false, seed);
    ExpectMma(base + "8.row.col.f32.tf32.tf32.f32", kTf32By8, tf32, false, seed);
  }
}

TEST(Mma, BytesOfEitherSignWrapOrSaturate) {
  for (const std::string a : {"u8", "s8"}) {
    for (const std::string b : {"u8", "s8"}) {
      for (const bool satfinite : {false, true}) {
        const ProductTypes types = {a, b, "s32", "s32"};
        const std::string tail = std::string(".row.col") + (satfinite ? ".satfinite" : "") +
                                 ".s32." + a + "." + b + ".s32";
        for (uint64_t seed = 1; seed < 20; seed += 3) {
          ExpectMma("mma.sync.aligned.m8n8k16" + tail, kBytes8, types, satfinite, seed);
          ExpectMma("mma.sync.aligned.m16n8k16" + tail, kBytes16, types, satfinite, seed);
          ExpectMma("mma.sync.aligned.m16n8k32" + tail, kBytes32, types, satfinite, seed);
        }
      }
    }
  }
}

TEST(Mma, Doubles) {
  const ProductTypes types = {"f64", "f64", "f64", "f64"};
  const std::string tail = ".row.col.f64.f64.f64.f64";
  for (uint64_t seed = 1; seed < 40; seed += 3) {
    ExpectMma("mma.sync.aligned.m8n8k4" + tail, kDoubles8, types, false, seed);
    for (const char* rounding : {"rn", "rz", "rm", "rp"}) {
      const std::string directed = std::string(".row.col.") + rounding + ".f64.f64.f64.f64";
      ExpectMma("mma.sync.aligned.m8n8k4" + directed, kDoubles8, types, false, seed);
      ExpectMma("mma.sync.aligned.m16n8k8" + directed, kDoubles16By8, types, false, seed);
    }
    ExpectMma("mma.sync.aligned.m16n8k4" + tail, kDoubles16By4, types, false, seed);
    ExpectMma("mma.sync.aligned.m16n8k8" + tail, kDoubles16By8, types, false, seed);
    ExpectMma("mma.sync.aligned.m16n8k16" + tail, kDoubles16By16, types, false, seed);
  }
}

// D may be in the registers of C, of A and of B.
TEST(Mma, ReadsAllBeforeItWrites) {
  PtxRun run;
  run.text =
      std::string(kMatrixHead) +
      "mad.lo.u32 %r1, %r0, 0x01010101, 0x7f; mul.lo.u32 %r2, %r0, 0x03050709; mov.u32 %r3, "
      "%r0;\n.reg .b32 %q<4>;\n"
      "mma.sync.aligned.m8n8k16.row.col.s32.s8.s8.s32 {%q0, %q1}, {%r1}, {%r2}, {%r3, %r1};\n"
      "mma.sync.aligned.m8n8k16.row.col.s32.s8.s8.s32 {%r2, %r1}, {%r1}, {%r2}, {%r3, %r1};\n"
      "setp.eq.u32 %p1, %q0, %r2; setp.eq.and.u32 %p1, %q1, %r1, %p1; selp.u32 %r4, 1, 0, "
      "%p1;\nmul.wide.u32 %rd1, %r0, 4; ld.param.u64 %rd2, [p0]; add.s64 %rd2, %rd2, %rd1; "
      "st.global.u32 [%rd2], %r4;\nret;\n}\n";
  run.whole = true;
  run.block = {32};
  run.buffers = {Bytes(128), Bytes(4), Bytes(4), Bytes(4)};
  const auto stats = run.Go();
  ASSERT_TRUE(stats) << stats.error().message;
  EXPECT_THAT(FromBuffer<uint32_t>(run.buffers[0]), testing::Each(1u));
}

// ---- what is wrong ----

std::string MessageOf(const std::string& body, Dim3 block) {
  PtxRun run;
  run.text = std::string(kMatrixHead) +
             ".reg .b32 %c<8>; .shared .align 16 .b8 rows[512];\n"
             "ld.param.u64 %rd1, [p1];\n" +
             body + "\nret;\n}\n";
  run.whole = true;
  run.block = block;
  run.buffers = {Bytes(4), Bytes(1024), Bytes(4), Bytes(4)};
  const auto stats = run.Go();
  if (stats) return "";
  EXPECT_EQ(stats.error().code, Code::kFault);
  return stats.error().message;
}

const std::string kSquare =
    "mma.sync.aligned.m8n8k16.row.col.s32.s8.s8.s32 {%c0, %c1}, {%c2}, {%c3}, {%c0, %c1};";

TEST(Matrix, WantsTheWholeWarp) {
  using testing::HasSubstr;
  const char* const partly = "not all 32 threads of the warp came to it";
  EXPECT_EQ(MessageOf(kSquare, {64}), "");
  EXPECT_THAT(MessageOf(kSquare, {48}), HasSubstr(partly));
  EXPECT_THAT(MessageOf("setp.lt.u32 %p1, %r0, 7; @%p1 exit; " + kSquare, {32}), HasSubstr(partly));
  EXPECT_THAT(MessageOf("setp.lt.u32 %p1, %r0, 7; @%p1 " + kSquare, {32}), HasSubstr(partly));
  // Two places are not one.
  EXPECT_THAT(MessageOf("setp.lt.u32 %p1, %r0, 7; @%p1 bra L; " + kSquare +
                            " bra M; L: " + kSquare + " M: ",
                        {32}),
              HasSubstr(partly));
  // Lanes that come later are waited for; where none comes at all, nothing happens.
  EXPECT_EQ(
      MessageOf("setp.lt.u32 %p1, %r0, 7; @%p1 bra L; add.u32 %c2, %c2, 1; L: " + kSquare, {32}),
      "");
  EXPECT_EQ(MessageOf("setp.lt.u32 %p1, %r0, 0; @%p1 " + kSquare, {32}), "");
}

TEST(Matrix, AccessesAreCheckedAsAllOthers) {
  using testing::HasSubstr;
  const auto load = [](const std::string& at) {
    return MessageOf(
        "wmma.load.c.sync.aligned.row.m16n16k16.global.s32 {%c0, %c1, %c2, %c3, %c4, "
        "%c5, %c6, %c7}, " +
            at + ";",
        {32});
  };
  EXPECT_EQ(load("[%rd1], 16"), "");
  EXPECT_THAT(load("[%rd1], 20"), HasSubstr("is outside every allocation"));
  EXPECT_THAT(load("[%rd1+32], 16"), HasSubstr("is outside every allocation"));
  EXPECT_THAT(load("[%rd1+4], 12"), HasSubstr("is misaligned"));
  EXPECT_THAT(load("[%rd1+8], 16"),
              HasSubstr("load of 16 bytes at global address 0x400000000108 is misaligned"));
  EXPECT_THAT(load("[%rd1], 6"), HasSubstr("is misaligned"));
  const char* const differ = "the threads of the warp name different matrices";
  EXPECT_THAT(MessageOf("shr.u32 %r1, %r0, 4; mul.wide.u32 %rd2, %r1, 32; add.s64 %rd1, %rd1, "
                        "%rd2; wmma.load.a.sync.aligned.row.m16n16k16.global.s8 {%c0, %c1}, "
                        "[%rd1];",
                        {32}),
              HasSubstr(differ));
  EXPECT_THAT(MessageOf("and.b32 %r1, %r0, 16; add.u32 %r1, %r1, 16; "
                        "wmma.store.d.sync.aligned.row.m8n8k4.global.f64 [%rd1], {%rd2, %rd3}, "
                        "%r1;",
                        {32}),
              HasSubstr(differ));
  EXPECT_THAT(load("[%rd1], -16"), HasSubstr("is outside every allocation"));
  EXPECT_THAT(
      MessageOf("wmma.store.d.sync.aligned.row.m16n16k16.global.s32 [%rd1+1024], {%c0, %c1, "
                "%c2, %c3, %c4, %c5, %c6, %c7};",
                {32}),
      HasSubstr("store of 8 bytes"));
  const auto rows = [](const std::string& address) {
    return MessageOf(address +
                         " ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%c0, %c1, %c2, %c3}, "
                         "[%r1];",
                     {32});
  };
  EXPECT_EQ(rows("mov.u32 %r2, rows; mad.lo.u32 %r1, %r0, 16, %r2;"), "");
  EXPECT_THAT(rows("mov.u32 %r2, rows; mad.lo.u32 %r1, %r0, 8, %r2;"),
              HasSubstr("load of 16 bytes at shared address 0x8 is misaligned"));
  EXPECT_THAT(rows("mov.u32 %r2, rows; mad.lo.u32 %r1, %r0, 32, %r2;"),
              HasSubstr("thread (16,0,0): load of 16 bytes at shared address 0x200 is outside"));
}

TEST(Matrix, CountsWhatItMovesInProfiles) {
  Profile profile;
  const std::unique_ptr<Device> device = MakeProfilingDevice(CpuDeviceOptions{}, profile);
  const auto module = LoadWhole(
      *device, std::string(kMatrixHead) +
                   ".reg .b32 %c<8>; .shared .align 16 .b8 rows[512]; ld.param.u64 %rd1, [p0];\n"
                   "wmma.load.a.sync.aligned.col.m16n16k16.global.s8 {%c0, %c1}, [%rd1];\n"
                   "ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%c2, %c3}, [rows];\n" +
                   kSquare + "\nret;\n}\n");
  ASSERT_TRUE(module) << module.error().message;
  const auto memory = device->Allocate(256);
  ASSERT_TRUE(memory);
  const Bytes params = Params().U64(*memory).U64(0).U64(0).U64(0).bytes();
  ASSERT_TRUE(device->Launch(*module, {.kernel = "k", .block = {64}, .params = params}, {}));
  const KernelProfile& kernel = profile.begin()->second;
  std::vector<std::pair<uint64_t, uint64_t>> counts;
  for (const auto& [line, count] : kernel.lines) {
    counts.emplace_back(count.thread_instructions, count.bytes);
  }
  // The matrix of 256 bytes and 16 rows of 16, by each of two warps.
  const std::pair<uint64_t, uint64_t> load = {64, 512};
  EXPECT_THAT(counts, testing::Contains(load).Times(2));
  EXPECT_EQ(kernel.bytes, 1024u);
}

}  // namespace
}  // namespace souk::gpu::cpu_test
