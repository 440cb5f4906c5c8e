#include "fuzz/ptx/program_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "reference/line.h"
#include "reference/program.h"
#include "reference/wild.h"

namespace souk::ptx {
namespace {

constexpr size_t kMostStatements = 48;

// What ties threads together, in terms of the registers that WildModule declares. L and P stand for
// a label and a predicate.
constexpr const char* kTogether[] = {"@P bra L;",
                                     "@!P bra L;",
                                     "bra L;",
                                     "brx.idx %r0, table;",
                                     "bar.sync 0;",
                                     "@P bar.sync 1;",
                                     "bar.sync 1, 64;",
                                     "bar.arrive 2, 64;",
                                     "bar.red.popc.u32 %r1, 0, P;",
                                     "bar.red.and.pred %p1, 0, P;",
                                     "bar.warp.sync -1;",
                                     "bar.warp.sync %r2;",
                                     "shfl.sync.bfly.b32 %r1|%p2, %r2, 1, 31, -1;",
                                     "shfl.sync.idx.b32 %r3, %r2, %r1, 0x1c1f, %r0;",
                                     "@P shfl.sync.up.b32 %r2, %r1, 1, 0, -1;",
                                     "vote.sync.ballot.b32 %r0, P, -1;",
                                     "@P vote.sync.all.pred %p1, P, %r1;",
                                     "match.any.sync.b32 %r1, %r2, -1;",
                                     "match.all.sync.b64 %r1|%p3, %l2, -1;",
                                     "redux.sync.add.u32 %r2, %r1, -1;",
                                     "redux.sync.max.s32 %r2, %r1, %r3;",
                                     "activemask.b32 %r1;",
                                     "elect.sync %r1|%p2, -1;",
                                     "atom.global.add.u32 %r1, [%l0], %r2;",
                                     "atom.global.cas.b64 %l1, [%l0+8], %l2, %l3;",
                                     "atom.shared.max.s32 %r1, [%shb], %r2;",
                                     "red.global.add.f32 [%l0+4], %f1;",
                                     "@P atom.global.exch.b32 %r1, [global_bytes+4], %r2;",
                                     "ld.global.u32 %r1, [%l1];",
                                     "ld.u64 %l2, [%l3+4];",
                                     "st.global.v4.u32 [%l2+16], {%r0, %r1, %r2, %r3};",
                                     "st.u8 [%l1+-1], %r2;",
                                     "ld.shared.u16 %h0, [%r1+2];",
                                     "st.shared.v2.f32 [%r2], {%f0, %f1};",
                                     "ld.local.b64 %l1, [%r3];",
                                     "st.local.u32 [%l1], %r1;",
                                     "ld.param.u64 %l0, [buffer];",
                                     "ld.const.v4.u32 {%r0, %r1, %r2, %r3}, [%r1];",
                                     "and.b64 %l1, %l1, 8184; add.s64 %l1, %l1, %l0;",
                                     "and.b32 %r1, %r1, 60; add.s32 %r1, %r1, %shb;",
                                     "mov.u32 %r0, %tid.x; mov.u32 %r1, %laneid;",
                                     "mov.u32 %r0, %clock; mov.u64 %l1, %globaltimer;",
                                     "{ .param .b32 x; .param .b32 y; st.param.b32 [x], %r1; call "
                                     "(y), twice, (x); ld.param.b32 %r2, "
                                     "[y]; }",
                                     "@P call noreturn_path;",
                                     "cp.async.ca.shared.global [shared_bytes], [%l0], 16;",
                                     "cp.async.wait_all;",
                                     "membar.gl;",
                                     "@P exit;",
                                     "@P ret;",
                                     "@P trap;"};

const reference::Catalogue& Forms() {
  static const auto* const forms = new reference::Catalogue("");
  return *forms;
}

std::string Filled(std::string text, size_t statements, sim::Rng& rng) {
  for (size_t at = 0; at < text.size(); ++at) {
    const bool alone = at == 0 || text[at - 1] == ' ' || text[at - 1] == '@' || text[at - 1] == '!';
    const bool ends =
        at + 1 < text.size() && (text[at + 1] == ';' || text[at + 1] == ' ' || text[at + 1] == ',');
    if (!alone || !ends) continue;
    if (text[at] == 'L') text.replace(at, 1, fmt::format("L{}", rng.Next() % (statements + 1)));
    if (text[at] == 'P') text.replace(at, 1, fmt::format("%p{}", rng.Next() % 4));
  }
  return text;
}

std::string Statement(std::span<const uint8_t> bytes, size_t statements) {
  const uint64_t kind = bytes[0];
  const uint64_t seed = bytes[1] | bytes[2] << 8 | bytes[3] << 16;
  sim::Rng rng(seed);
  rng.Next();
  if (kind >= 128) {
    constexpr size_t kCount = std::size(kTogether);
    return Filled(kTogether[kind % kCount], statements, rng);
  }
  // The kind and a byte choose the form, the rest its operands.
  const auto& forms = Forms().forms();
  const reference::FormSpellings& form = forms[(kind << 8 | bytes[1]) % forms.size()];
  const std::string& spelling = form.spellings[rng.Next() % form.spellings.size()];
  std::vector<reference::Line> lines;
  reference::LineMaker(rng).Make(DecodeOperation(spelling), lines);
  std::string text;
  for (const reference::Line& line : lines) text += line.text + " ";
  const size_t scratch = text.find("SCRATCH+");
  return scratch == std::string::npos ? text : text.erase(scratch, 8);
}

}  // namespace

std::string ProgramText(std::span<const uint8_t> bytes) {
  const size_t statements = std::min(bytes.size() / kStatementBytes, kMostStatements);
  std::vector<std::string> lines = {
      "mov.u32 %r0, %tid.x; mov.u32 %r1, %laneid; ld.param.u64 %l0, [buffer]; mov.u64 %base, %l0;",
      "mov.u32 %shb, shared_bytes; cvt.u64.u32 %shl, %shb; cvta.shared.u64 %shg, %shl;",
      "mov.u64 %lol, local_bytes; cvta.local.u64 %log, %lol; mov.u64 %ctl, constant_bytes;",
      "and.b32 %r3, %r0, 1; setp.eq.u32 %p0, %r3, 0; setp.lt.u32 %p1, %r1, 9; mov.u64 %l1, %l0;",
      "setp.ne.u32 %p3, %r0, 0;"};
  for (size_t i = 0; i < statements; ++i) {
    lines.push_back(fmt::format(
        "L{}: {}", i, Statement(bytes.subspan(i * kStatementBytes, kStatementBytes), statements)));
  }
  lines.push_back(
      fmt::format("L{}: st.global.v4.u32 [%base], {{%r0, %r1, %r2, %r3}};", statements));
  std::string text = reference::WildModule(lines);
  const std::string functions =
      ".func (.param .b32 r) twice(.param .b32 a) { .reg .b32 %x; ld.param.b32 %x, [a]; add.u32 "
      "%x, "
      "%x, %x; st.param.b32 [r], %x; ret; }\n.func noreturn_path() { exit; }\n";
  const size_t at = text.find(".visible .entry");
  return text.insert(at, functions);
}

}  // namespace souk::ptx
