// The kernels are written by loops: what a hand-written kernel unrolls stands here once.
#include "gpu/challenge/kernels.h"

#include <array>
#include <string_view>

#include "gpu/challenge/product_tree.h"

namespace souk::gpu {
namespace {

// Appends to a kernel, with $0 … $9 replaced by the arguments in order.
class Ptx {
 public:
  template <typename... Args>
  Ptx& Line(std::string_view text, const Args&... args) {
    const std::array<std::string, sizeof...(args) + 1> values = {ToText(args)..., std::string()};
    for (size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '$' && i + 1 < text.size()) {
        text_ += values[static_cast<size_t>(text[++i] - '0')];
      } else {
        text_ += text[i];
      }
    }
    text_ += '\n';
    return *this;
  }
  std::string Take() { return std::move(text_); }

 private:
  static std::string ToText(const char* text) { return text; }
  static std::string ToText(const std::string& text) { return text; }
  static std::string ToText(uint32_t number) { return std::to_string(number); }
  std::string text_ = {};
};

// ---- souk_fill -------------------------------------------------------------------------------

std::string FillKernel() {
  Ptx out;
  out.Line(R"(
.visible .entry souk_fill(.param .u64 out, .param .u32 key0, .param .u32 key1,
    .param .u32 matrix, .param .u32 high0, .param .u32 high1, .param .u32 blocks)
{
	.reg .pred %p;
	.reg .b32 %c<4>, %k<2>, %h<2>, %l<2>, %r<4>;
	.reg .b64 %d<3>;
	mov.u32 %r0, %ctaid.x;
	mov.u32 %r1, %ntid.x;
	mov.u32 %r2, %tid.x;
	mad.lo.u32 %c0, %r0, %r1, %r2;
	ld.param.u32 %r3, [blocks];
	setp.ge.u32 %p, %c0, %r3;
	@%p ret;
	ld.param.u64 %d0, [out];
	cvta.to.global.u64 %d0, %d0;
	mul.wide.u32 %d1, %c0, 16;
	add.u64 %d2, %d0, %d1;
	ld.param.u32 %k0, [key0];
	ld.param.u32 %k1, [key1];
	ld.param.u32 %c1, [matrix];
	ld.param.u32 %c2, [high0];
	ld.param.u32 %c3, [high1];)");
  for (int round = 0; round < 10; ++round) {
    if (round > 0) out.Line("	add.u32 %k0, %k0, 0x9E3779B9;\n	add.u32 %k1, %k1, 0xBB67AE85;");
    out.Line(R"(	mul.hi.u32 %h0, %c0, 0xD2511F53;
	mul.lo.u32 %l0, %c0, 0xD2511F53;
	mul.hi.u32 %h1, %c2, 0xCD9E8D57;
	mul.lo.u32 %l1, %c2, 0xCD9E8D57;
	xor.b32 %c0, %h1, %c1;
	xor.b32 %c0, %c0, %k0;
	mov.u32 %c1, %l1;
	xor.b32 %c2, %h0, %c3;
	xor.b32 %c2, %c2, %k1;
	mov.u32 %c3, %l0;)");
  }
  out.Line("	st.global.v4.u32 [%d2], {%c0, %c1, %c2, %c3};\n	ret;\n}");
  return out.Take();
}

// ---- souk_multiply ---------------------------------------------------------------------------

constexpr uint32_t kTileWords = 16;               // of four elements along the sum
constexpr uint32_t kStride = kTileWords + 1;      // in words: no two rows in one bank
constexpr uint32_t kEach = kTile / kTileThreads;  // elements of C along each side of a thread

// Shared memory in bytes from a thread's own base: row 16·i, word w.
uint32_t InTile(uint32_t i, uint32_t w) {
  return (i * kTileThreads * kStride + w) * 4;
}

void WriteTileProduct(Ptx& out) {
  for (uint32_t w = 0; w < kTileWords; ++w) {
    for (uint32_t i = 0; i < kEach; ++i)
      out.Line("	ld.shared.u32 %a$0, [%pa+$1];", i, InTile(i, w));
    for (uint32_t j = 0; j < kEach; ++j)
      out.Line("	ld.shared.u32 %b$0, [%pb+$1];", j, InTile(j, w));
    for (uint32_t i = 0; i < kEach; ++i) {
      for (uint32_t j = 0; j < kEach; ++j) {
        out.Line("	dp4a.s32.s32 %s$0, %a$1, %b$2, %s$0;", i * kEach + j, i, j);
      }
    }
  }
}

std::string MultiplyKernel() {
  Ptx out;
  out.Line(R"(
.visible .entry souk_multiply(.param .u64 a, .param .u64 b, .param .u64 c, .param .u32 n,
    .param .u32 first_tile)
{
	.shared .align 4 .b8 tile_a[$0];
	.shared .align 4 .b8 tile_b[$0];
	.reg .pred %p;
	.reg .b32 %s<16>, %a<4>, %b<4>, %r<16>, %pa, %pb, %ta, %tb;
	.reg .b64 %d<18>;
	mov.u32 %r0, %tid.x;
	mov.u32 %r1, %tid.y;
	mov.u32 %r2, %ctaid.x;
	mov.u32 %r3, %ctaid.y;
	ld.param.u32 %r4, [first_tile];
	add.u32 %r3, %r3, %r4;
	ld.param.u32 %r4, [n];
	shl.b32 %r2, %r2, 6;
	shl.b32 %r3, %r3, 6;
	mov.u32 %ta, tile_a;
	mov.u32 %tb, tile_b;
	mad.lo.u32 %pa, %r1, $1, %ta;
	mad.lo.u32 %pb, %r0, $1, %tb;)",
           kTile * kStride * 4, kStride * 4);
  // Thread (x, y) brings word x of rows y, y + 16, … of both tiles. What moves along the sum are
  // offsets, not addresses: so the classifier sees that nothing depends on where the memory lies.
  out.Line(R"(	mad.lo.u32 %r5, %r1, $0, %r0;
	mad.lo.u32 %ta, %r5, 4, %ta;
	mad.lo.u32 %tb, %r5, 4, %tb;
	mul.wide.u32 %d11, %r0, 4;
	ld.param.u64 %d8, [a];
	cvta.to.global.u64 %d8, %d8;
	ld.param.u64 %d9, [b];
	cvta.to.global.u64 %d9, %d9;
	add.u32 %r6, %r3, %r1;
	mul.wide.u32 %d0, %r6, %r4;
	add.u64 %d0, %d0, %d11;
	add.u32 %r6, %r2, %r1;
	mul.wide.u32 %d4, %r6, %r4;
	add.u64 %d4, %d4, %d11;
	mul.wide.u32 %d10, %r4, $1;)",
           kStride, kTileThreads);
  for (uint32_t i = 1; i < kEach; ++i) {
    out.Line("	add.u64 %d$0, %d$1, %d10;\n	add.u64 %d$2, %d$3, %d10;", i, i - 1, 4 + i, 3 + i);
  }
  for (uint32_t i = 0; i < kEach * kEach; ++i) out.Line("	mov.u32 %s$0, 0;", i);
  out.Line("	mov.u32 %r7, 0;\nNext:");
  for (uint32_t i = 0; i < kEach; ++i) {
    for (const uint32_t matrix : {0u, 1u}) {
      const uint32_t offset = 4 * matrix + i, to = 8 + offset;
      out.Line("	add.u64 %d12, %d$0, %d$1;\n	ld.global.u32 %r$2, [%d12];", 8 + matrix,
               offset, to);
      out.Line("	st.shared.u32 [%t$0+$1], %r$2;", matrix == 0 ? "a" : "b", InTile(i, 0), to);
      out.Line("	add.u64 %d$0, %d$0, $1;", offset, kTileWords * 4);
    }
  }
  out.Line("	bar.sync 0;");
  WriteTileProduct(out);
  out.Line(R"(	bar.sync 0;
	add.u32 %r7, %r7, $0;
	setp.lt.u32 %p, %r7, %r4;
	@%p bra Next;
	ld.param.u64 %d13, [c];
	cvta.to.global.u64 %d13, %d13;
	add.u32 %r6, %r3, %r1;
	mul.wide.u32 %d14, %r6, %r4;
	add.u32 %r6, %r2, %r0;
	cvt.u64.u32 %d15, %r6;
	add.u64 %d14, %d14, %d15;
	shl.b64 %d14, %d14, 2;
	add.u64 %d17, %d14, %d13;
	shl.b64 %d16, %d10, 2;)",
           kTileWords * 4);
  for (uint32_t i = 0; i < kEach; ++i) {
    for (uint32_t j = 0; j < kEach; ++j) {
      out.Line("	st.global.u32 [%d17+$0], %s$1;", j * kTileThreads * 4, i * kEach + j);
    }
    if (i + 1 < kEach) out.Line("	add.u64 %d17, %d17, %d16;");
  }
  out.Line("	ret;\n}");
  return out.Take();
}

// ---- souk_hash -------------------------------------------------------------------------------

// FIPS 180-4 sections 4.2.2 and 5.3.3.
constexpr uint32_t kSha256K[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};
constexpr uint32_t kSha256Start[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
constexpr uint32_t kBlockWords = 16;
constexpr uint32_t kDataBlocks = kSegmentElements / kBlockWords;

// w[i mod 16] for the message schedule from round 16 on.
void WriteSchedule(Ptx& out, uint32_t i) {
  const auto rotations = [&](uint32_t of, uint32_t first, uint32_t second, uint32_t shift) {
    out.Line("	shf.r.wrap.b32 %t0, %w$0, %w$0, $1;", of, first);
    out.Line("	shf.r.wrap.b32 %t1, %w$0, %w$0, $1;", of, second);
    out.Line(
        "	xor.b32 %t0, %t0, %t1;\n	shr.u32 %t1, %w$0, $1;\n	xor.b32 %t0, %t0, "
        "%t1;",
        of, shift);
  };
  rotations((i + 1) % 16, 7, 18, 3);
  out.Line("	add.u32 %w$0, %w$0, %t0;", i % 16);
  rotations((i + 14) % 16, 17, 19, 10);
  out.Line("	add.u32 %w$0, %w$0, %t0;\n	add.u32 %w$0, %w$0, %w$1;", i % 16, (i + 9) % 16);
}

// v0 … v7 are a … h, which move by one register a round.
void WriteRound(Ptx& out, uint32_t i) {
  const auto v = [&](uint32_t letter) { return (letter + 64 - i) % 8; };
  const uint32_t a = v(0), b = v(1), c = v(2), d = v(3), e = v(4), f = v(5), g = v(6), h = v(7);
  out.Line("	shf.r.wrap.b32 %t0, %v$0, %v$0, 6;\n	shf.r.wrap.b32 %t1, %v$0, %v$0, 11;", e);
  out.Line("	xor.b32 %t0, %t0, %t1;\n	shf.r.wrap.b32 %t1, %v$0, %v$0, 25;", e);
  out.Line("	xor.b32 %t0, %t0, %t1;\n	add.u32 %v$0, %v$0, %t0;", h);
  out.Line(
      "	xor.b32 %t0, %v$0, %v$1;\n	and.b32 %t0, %t0, %v$2;\n	xor.b32 %t0, %t0, %v$1;", f,
      g, e);
  out.Line(
      "	add.u32 %v$0, %v$0, %t0;\n	add.u32 %v$0, %v$0, %w$1;\n	add.u32 %v$0, %v$0, $2;", h,
      i % 16, kSha256K[i]);
  out.Line("	add.u32 %v$0, %v$0, %v$1;", d, h);
  out.Line("	shf.r.wrap.b32 %t0, %v$0, %v$0, 2;\n	shf.r.wrap.b32 %t1, %v$0, %v$0, 13;", a);
  out.Line("	xor.b32 %t0, %t0, %t1;\n	shf.r.wrap.b32 %t1, %v$0, %v$0, 22;", a);
  out.Line("	xor.b32 %t0, %t0, %t1;\n	add.u32 %v$0, %v$0, %t0;", h);
  out.Line(
      "	or.b32 %t0, %v$0, %v$1;\n	and.b32 %t0, %t0, %v$2;\n	and.b32 %t1, %v$0, %v$1;",
      a, b, c);
  out.Line("	or.b32 %t0, %t0, %t1;\n	add.u32 %v$0, %v$0, %t0;", h);
}

std::string HashKernel() {
  Ptx out;
  out.Line(R"(
.visible .entry souk_hash(.param .u64 c, .param .u64 out, .param .u32 segments)
{
	.reg .pred %p;
	.reg .b32 %w<16>, %v<8>, %h<8>, %t<2>, %r<4>;
	.reg .b64 %d<4>;
	mov.u32 %r0, %ctaid.x;
	mov.u32 %r1, %ntid.x;
	mov.u32 %r2, %tid.x;
	mad.lo.u32 %r0, %r0, %r1, %r2;
	ld.param.u32 %r1, [segments];
	setp.ge.u32 %p, %r0, %r1;
	@%p ret;
	ld.param.u64 %d0, [c];
	cvta.to.global.u64 %d0, %d0;
	ld.param.u64 %d1, [out];
	cvta.to.global.u64 %d1, %d1;
	mul.wide.u32 %d2, %r0, 32;
	add.u64 %d1, %d1, %d2;
	mul.wide.u32 %d2, %r0, $0;
	mov.u32 %r2, 0;)",
           kSegmentElements * 4);
  for (uint32_t i = 0; i < 8; ++i) out.Line("	mov.u32 %h$0, $1;", i, kSha256Start[i]);
  out.Line("Block:\n	setp.eq.u32 %p, %r2, $0;\n	@%p bra Padding;", kDataBlocks);
  out.Line("	add.u64 %d3, %d0, %d2;");
  for (uint32_t i = 0; i < kBlockWords; ++i) {
    // SHA-256 reads its bytes as big-endian words.
    out.Line("	ld.global.u32 %w$0, [%d3+$1];\n	prmt.b32 %w$0, %w$0, 0, 0x0123;", i, i * 4);
  }
  out.Line("	add.u64 %d2, %d2, 64;\n	bra Compress;\nPadding:");
  for (uint32_t i = 0; i < kBlockWords; ++i) {
    const uint32_t word = i == 0 ? 0x8000'0000 : i == 15 ? kSegmentElements * 32 : 0;
    out.Line("	mov.u32 %w$0, $1;", i, word);
  }
  out.Line("Compress:");
  for (uint32_t i = 0; i < 8; ++i) out.Line("	mov.u32 %v$0, %h$0;", i);
  for (uint32_t i = 0; i < 64; ++i) {
    if (i >= kBlockWords) WriteSchedule(out, i);
    WriteRound(out, i);
  }
  for (uint32_t i = 0; i < 8; ++i) out.Line("	add.u32 %h$0, %h$0, %v$0;", i);
  out.Line("	add.u32 %r2, %r2, 1;\n	setp.le.u32 %p, %r2, $0;\n	@%p bra Block;",
           kDataBlocks);
  for (uint32_t i = 0; i < 8; ++i) {
    out.Line("	prmt.b32 %h$0, %h$0, 0, 0x0123;\n	st.global.u32 [%d1+$1], %h$0;", i, i * 4);
  }
  out.Line("	ret;\n}");
  return out.Take();
}

}  // namespace

std::string ChallengeKernels() {
  return ".version 6.3\n.target sm_61\n.address_size 64\n" + FillKernel() + MultiplyKernel() +
         HashKernel();
}

}  // namespace souk::gpu
