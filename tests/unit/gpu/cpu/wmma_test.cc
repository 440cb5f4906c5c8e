// wmma and ldmatrix (PTX ISA 9.7.14) against products on the host, from every layout in memory.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "unit/gpu/cpu/matrix_support.h"
#include "unit/gpu/cpu/run_ptx.h"

namespace souk::gpu::cpu_test {
namespace {

struct WmmaCase {
  int m, n, k;
  ProductTypes types;
  bool a_row, b_row, c_row, d_row;
  std::string space;  // ".global", ".shared", ""
  bool satfinite = false;
  bool strides = true;  // else rows (columns) stand side by side
};

// The matrix in memory, each row (column) `stride` elements after the last; what lies between is
// 0xee.
Bytes InMemory(const Elements& matrix, int rows, int columns, bool row_major, int stride) {
  const int majors = row_major ? rows : columns;
  const size_t size = matrix.bits / 8;
  Bytes bytes(static_cast<size_t>(majors * stride) * size, 0xee);
  for (int r = 0; r < rows; ++r) {
    for (int c = 0; c < columns; ++c) {
      const int at = row_major ? r * stride + c : c * stride + r;
      std::memcpy(bytes.data() + static_cast<size_t>(at) * size,
                  &matrix.words[static_cast<size_t>(r * columns + c)], size);
    }
  }
  return bytes;
}

std::string CopyShared(bool out, int buffer, size_t bytes) {
  const std::string n = std::to_string(buffer);
  const std::string loop = (out ? "OUT" : "IN") + n;
  std::string text = "ld.param.u64 %rd1, [p" + n + "]; mov.u32 %r2, shared" + n +
                     "; mov.u32 %r3, 0; cvt.u64.u32 %rd2, %r0; mul.lo.u64 %rd2, %rd2, 4; add.s64 "
                     "%rd1, %rd1, %rd2; mad.lo.u32 %r2, %r0, 4, %r2;\n" +
                     loop + ": mad.lo.u32 %r4, %r0, 4, %r3; setp.ge.u32 %p1, %r4, " +
                     std::to_string(bytes) + ";\n";
  text += out ? "@!%p1 ld.shared.u32 %r5, [%r2]; @!%p1 st.global.u32 [%rd1], %r5;\n"
              : "@!%p1 ld.global.u32 %r5, [%rd1]; @!%p1 st.shared.u32 [%r2], %r5;\n";
  text +=
      "add.u32 %r3, %r3, 128; add.u32 %r2, %r2, 128; add.s64 %rd1, %rd1, 128; setp.lt.u32 "
      "%p2, %r3, " +
      std::to_string(bytes) + "; @%p2 bra " + loop + ";\n";
  return text;
}

void ExpectWmma(const WmmaCase& w, uint64_t seed) {
  const ProductTypes& t = w.types;
  const Elements a = RandomElements(t.a, static_cast<size_t>(w.m * w.k), seed);
  const Elements b = RandomElements(t.b, static_cast<size_t>(w.k * w.n), seed + 1);
  const Elements c = RandomElements(t.c, static_cast<size_t>(w.m * w.n), seed + 2);
  const Elements want = Multiply(a, b, c, t, w.m, w.n, w.k, w.satfinite);
  const auto stride = [&](int contiguous, const std::string& type) {
    return w.strides ? contiguous + static_cast<int>(128 / BitsOfType(type)) : contiguous;
  };
  const int strides[] = {stride(w.d_row ? w.n : w.m, t.d), stride(w.a_row ? w.k : w.m, t.a),
                         stride(w.b_row ? w.n : w.k, t.b), stride(w.c_row ? w.n : w.m, t.c)};
  Elements blank = want;
  std::fill(blank.words.begin(), blank.words.end(), 0xeeeeeeeeeeeeeeee);
  const std::vector<Bytes> buffers = {
      InMemory(blank, w.m, w.n, w.d_row, strides[0]), InMemory(a, w.m, w.k, w.a_row, strides[1]),
      InMemory(b, w.k, w.n, w.b_row, strides[2]), InMemory(c, w.m, w.n, w.c_row, strides[3])};

  const std::string shape =
      "m" + std::to_string(w.m) + "n" + std::to_string(w.n) + "k" + std::to_string(w.k);
  const auto layout = [](bool row) { return std::string(row ? ".row" : ".col"); };
  const bool wide = t.d == "f64";
  const auto count = [&](int across, int along, const std::string& type, bool multiplicand) {
    if (multiplicand && type == "f16") return 8;
    return across * along / 32 /
           static_cast<int>(std::max(1u, (wide ? 64 : 32) / BitsOfType(type)));
  };
  const int counts[] = {count(w.m, w.n, t.d, false), count(w.m, w.k, t.a, true),
                        count(w.k, w.n, t.b, true), count(w.m, w.n, t.c, false)};
  std::string text = kMatrixHead;
  text += std::string(".reg ") + (wide ? ".b64" : ".b32") + " %d<16>, %a<16>, %b<16>, %c<16>;\n";
  for (size_t i = 0; i < 4; ++i) {
    const std::string n = std::to_string(i);
    if (w.space == ".shared") {
      text += ".shared .align 32 .b8 shared" + n + "[" + std::to_string(buffers[i].size()) + "];\n";
      text += CopyShared(false, static_cast<int>(i), buffers[i].size());
      text += "mov.u64 %rd1" + n + ", shared" + n + ";\n";
    } else {
      text += "ld.param.u64 %rd1" + n + ", [p" + n + "];\n";
    }
  }
  // One stride in a register, the others constants; none where rows stand side by side.
  text += "bar.warp.sync -1; mov.u32 %r1, " + std::to_string(strides[1]) + ";\n";
  const auto third = [&](size_t i) {
    if (!w.strides) return std::string();
    return i == 1 ? std::string(", %r1") : ", " + std::to_string(strides[i]);
  };
  const char* const names[] = {"d", "a", "b", "c"};
  const bool rows[] = {w.d_row, w.a_row, w.b_row, w.c_row};
  const std::string types[] = {t.d, t.a, t.b, t.c};
  for (size_t i = 1; i < 4; ++i) {
    text += std::string("wmma.load.") + names[i] + ".sync.aligned" + layout(rows[i]) + "." + shape +
            w.space + "." + types[i] + " " + List(std::string("%") + names[i], counts[i]) +
            ", [%rd1" + std::to_string(i) + "]" + third(i) + ";\n";
  }
  const std::string product =
      t.a == "f16" ? "." + t.d + "." + t.c : "." + t.d + "." + t.a + "." + t.b + "." + t.c;
  text += "wmma.mma.sync.aligned" + layout(w.a_row) + layout(w.b_row) + "." + shape + product +
          (w.satfinite ? ".satfinite " : " ") + List("%d", counts[0]) + ", " +
          List("%a", counts[1]) + ", " + List("%b", counts[2]) + ", " + List("%c", counts[3]) +
          ";\n";
  text += "wmma.store.d.sync.aligned" + layout(w.d_row) + "." + shape + w.space + "." + t.d +
          " [%rd10], " + List("%d", counts[0]) + third(0) + ";\n";
  if (w.space == ".shared") text += "bar.warp.sync -1;\n" + CopyShared(true, 0, buffers[0].size());
  text += "ret;\n}\n";
  for (const SimdLevel level : Levels()) {
    PtxRun run;
    run.text = text;
    run.whole = true;
    run.block = {32};
    run.level = level;
    run.buffers = buffers;
    const auto stats = run.Go();
    ASSERT_TRUE(stats) << text << stats.error().message;
    Elements got = want;
    for (int r = 0; r < w.m; ++r) {
      for (int col = 0; col < w.n; ++col) {
        const int at = w.d_row ? r * strides[0] + col : col * strides[0] + r;
        uint64_t& word = got.words[static_cast<size_t>(r * w.n + col)];
        word = 0;
        std::memcpy(&word, run.buffers[0].data() + static_cast<size_t>(at) * want.bits / 8,
                    want.bits / 8);
      }
    }
    ExpectElements(got, want, shape + product + layout(w.a_row) + layout(w.b_row) + w.space);
    if (!HasNan(want)) {
      EXPECT_EQ(run.buffers[0], InMemory(want, w.m, w.n, w.d_row, strides[0])) << "around D";
    }
  }
}

// Every combination of layouts, each with the next space and with and without strides.
void ExpectWmmaEverywhere(int m, int n, int k, const ProductTypes& types, bool satfinite = false) {
  const char* const spaces[] = {".global", ".shared", ""};
  for (uint32_t i = 0; i < 16; ++i) {
    WmmaCase w = {m, n, k, types, (i & 1) != 0, (i & 2) != 0, (i & 4) != 0, (i & 8) != 0, ""};
    w.space = spaces[(i + static_cast<uint32_t>(m)) % 3];
    w.satfinite = satfinite;
    w.strides = i % 5 != 0;
    ExpectWmma(w, 100 + i);
  }
}

constexpr std::array<std::array<int, 3>, 3> kWmmaShapes = {
    {{16, 16, 16}, {8, 32, 16}, {32, 8, 16}}};

TEST(Wmma, Halves) {
  for (const auto& [m, n, k] : kWmmaShapes) {
    for (const char* c : {"f16", "f32"}) {
      for (const char* d : {"f16", "f32"}) ExpectWmmaEverywhere(m, n, k, {"f16", "f16", c, d});
    }
  }
}

TEST(Wmma, Bytes) {
  for (const auto& [m, n, k] : kWmmaShapes) {
    ExpectWmmaEverywhere(m, n, k, {"u8", "u8", "s32", "s32"});
    ExpectWmmaEverywhere(m, n, k, {"s8", "s8", "s32", "s32"});
    ExpectWmmaEverywhere(m, n, k, {"s8", "s8", "s32", "s32"}, /*satfinite=*/true);
  }
}

TEST(Wmma, Bf16Tf32AndDoubles) {
  for (const auto& [m, n, k] : kWmmaShapes) {
    ExpectWmmaEverywhere(m, n, k, {"bf16", "bf16", "f32", "f32"});
  }
  ExpectWmmaEverywhere(16, 16, 8, {"tf32", "tf32", "f32", "f32"});
  ExpectWmmaEverywhere(8, 8, 4, {"f64", "f64", "f64", "f64"});
}

// A register that a load writes may be its stride, or part of its address.
TEST(Wmma, LoadsOverItsOwnStride) {
  PtxRun run;
  run.text =
      std::string(kMatrixHead) +
      ".reg .b32 %c<8>, %e<8>; ld.param.u64 %rd1, [p1]; mov.u32 %c0, 24;\n"
      "wmma.load.c.sync.aligned.row.m16n16k16.global.s32 {%c0, %c1, %c2, %c3, %c4, %c5, %c6, "
      "%c7}, [%rd1], %c0;\n"
      "wmma.load.c.sync.aligned.row.m16n16k16.global.s32 {%e0, %e1, %e2, %e3, %e4, %e5, %e6, "
      "%e7}, [%rd1], 24;\nxor.b32 %r1, %c0, %e0;\n";
  for (const char* i : {"1", "2", "3", "4", "5", "6", "7"}) {
    run.text += std::string("xor.b32 %r2, %c") + i + ", %e" + i + "; or.b32 %r1, %r1, %r2;\n";
  }
  run.text +=
      "mul.wide.u32 %rd1, %r0, 4; ld.param.u64 %rd2, [p0]; add.s64 %rd2, %rd2, %rd1; "
      "st.global.u32 [%rd2], %r1;\nret;\n}\n";
  run.whole = true;
  run.block = {32};
  std::vector<uint32_t> values(24 * 16);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<uint32_t>(i * 2654435761u);
  run.buffers = {Bytes(128, 0xff), ToBuffer(values), Bytes(4), Bytes(4)};
  const auto stats = run.Go();
  ASSERT_TRUE(stats) << stats.error().message;
  EXPECT_THAT(FromBuffer<uint32_t>(run.buffers[0]), testing::Each(0u));
}

// ---- ldmatrix ----

TEST(Ldmatrix, SharesRowsOutAsTheyAreAndTransposed) {
  std::vector<uint16_t> halves(32 * 8);
  for (size_t i = 0; i < halves.size(); ++i) halves[i] = static_cast<uint16_t>(i * 40503 + 7);
  for (const uint32_t count : {1u, 2u, 4u}) {
    for (const bool transposed : {false, true}) {
      for (const bool generic : {false, true}) {
        PtxRun run;
        run.text = kMatrixHead;
        run.text += ".shared .align 16 .b8 rows[512]; .reg .b32 %d<4>;\n";
        // Lane i copies row i, and names row 5 i + 3 of them.
        run.text +=
            "ld.param.u64 %rd1, [p1]; mul.wide.u32 %rd2, %r0, 16; add.s64 %rd1, %rd1, %rd2;\n"
            "ld.global.v4.u32 {%d0, %d1, %d2, %d3}, [%rd1]; mov.u32 %r1, rows; mad.lo.u32 "
            "%r2, %r0, 16, %r1;\nst.shared.v4.u32 [%r2], {%d0, %d1, %d2, %d3}; "
            "bar.warp.sync -1;\nmad.lo.u32 %r3, %r0, 5, 3; and.b32 %r3, %r3, 31; mad.lo.u32 "
            "%r3, %r3, 16, %r1; cvt.u64.u32 %rd3, %r3; cvta.shared.u64 %rd3, %rd3;\n";
        // Lanes whose rows are not asked for may name anything.
        run.text += "setp.ge.u32 %p1, %r0, " + std::to_string(8 * count) +
                    "; @%p1 mov.u32 %r3, 3; @%p1 mov.u64 %rd3, 3;\n";
        run.text += "ldmatrix.sync.aligned.m8n8.x" + std::to_string(count) +
                    (transposed ? ".trans" : "") + (generic ? "" : ".shared") + ".b16 " +
                    List("%d", static_cast<int>(count)) + (generic ? ", [%rd3];\n" : ", [%r3];\n");
        run.text += MoveRegisters(true, "%d", static_cast<int>(count), 32, 0) + "ret;\n}\n";
        run.whole = true;
        run.block = {32};
        run.buffers = {Bytes(128 * count), ToBuffer(halves), Bytes(4), Bytes(4)};
        const auto stats = run.Go();
        ASSERT_TRUE(stats) << stats.error().message;
        std::vector<uint16_t> want;
        for (uint32_t matrix = 0; matrix < count; ++matrix) {
          for (uint32_t lane = 0; lane < 32; ++lane) {
            for (uint32_t e = 0; e < 2; ++e) {
              const uint32_t r = lane / 4;
              const uint32_t c = lane % 4 * 2 + e;
              const uint32_t named = ((8 * matrix + (transposed ? c : r)) * 5 + 3) % 32;
              want.push_back(halves[named * 8 + (transposed ? r : c)]);
            }
          }
        }
        EXPECT_EQ(FromBuffer<uint16_t>(run.buffers[0]), want)
            << "x" << count << (transposed ? ".trans" : "") << (generic ? " generic" : "");
      }
    }
  }
}

}  // namespace
}  // namespace souk::gpu::cpu_test
