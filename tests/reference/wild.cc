#include "reference/wild.h"

#include <fmt/format.h>

#include <sstream>

#include "gpu/ptx/forms_table.h"
#include "gpu/ptx/operands.h"
#include "reference/line.h"
#include "unit/gpu/ptx/sample.h"

namespace souk::reference {
namespace {

// clang-format off
constexpr const char* kOperands[] = {
    "%p0", "!%p1", "%b0", "%h0", "%hu0", "%hs0", "%hf0", "%r0", "%u0", "%i0", "%f0", "%hh0", "%l0",
    "%lu0", "%ls1", "%d0", "-%r1", "-%f1", "%r1.b0", "%r1.h1", "%v.x", "%v.w", "%v", "%w", "%w.y",
    "0", "1", "-1", "7", "16", "31", "32", "63", "64", "128", "255", "256", "-128", "65535", "65536",
    "2147483648", "-2147483649", "4294967295", "4294967296", "0x8000000000000000",
    "18446744073709551615", "5U", "0f3F800000", "0d3FF0000000000000", "1.5", "0.0", "WARP_SZ", "_",
    "{%r0, %r1}", "{%h0, %h1}", "{%f0, %f1, %f2, %f3}", "{%l0, %l1}", "{%r0, %f1}", "{%r2, _}",
    "{%b0, %b1}", "{%h0, %h1, %h2, %h3}", "{_, _}", "{%r0, 5}", "{%d0, %l1}", "{%r0, %r0}",
    "%p0|%p1", "%r0|%p0", "_|%p0", "%p0|_", "%h0|%p1", "%p2|%p2", "!%p0|%p1",
    "[%l0]", "[%l0+4]", "[%l0+-4]", "[%r0]", "[%u0+16]", "[%h0]", "[16]", "[shared_bytes]",
    "[shared_bytes+4]", "[local_bytes+8]", "[constant_bytes]", "[global_bytes+32]", "[param_bytes]",
    "[param_bytes+4]", "[buffer]", "[call_bytes]", "[%l0+4294967296]", "[shared_bytes+1000]",
    "shared_bytes", "shared_bytes+4", "local_bytes", "global_bytes", "global_bytes+8",
    "constant_bytes", "param_bytes", "buffer", "callee",
    "%tid.x", "%tid", "%laneid", "%clock64", "%clock", "%lanemask_lt", "%ctaid.w", "%globaltimer",
    "%dynamic_smem_size", "%envreg3", "%pm0", "%smid", "label", "table", "calls",
    "type"};
// clang-format on

std::vector<std::string> SplitOperands(const std::string& text) {
  std::vector<std::string> parts(1);
  int depth = 0;
  for (const char c : text) {
    depth += c == '{' || c == '[' ? 1 : c == '}' || c == ']' ? -1 : 0;
    if (c == ',' && depth == 0) {
      parts.emplace_back();
    } else if (c != ' ' || !parts.back().empty()) {
      parts.back() += c;
    }
  }
  return parts;
}

constexpr const char* kHead =
    ".version 9.0\n.target sm_100a\n.address_size 64\n"
    ".global .align 32 .b8 global_bytes[64]; .const .align 32 .b8 constant_bytes[64];\n"
    ".func callee(.param .align 16 .b8 func_bytes[64]) { ret; }\n"
    ".visible .entry k(.param .u64 buffer, .param .align 16 .b8 param_bytes[64]) {\n"
    ".reg .pred %p<8>; .reg .b8 %b<4>; .reg .b16 %h<8>; .reg .u16 %hu<4>; .reg .s16 %hs<4>; "
    ".reg .f16 %hf<4>; .reg .b32 %r<8>; .reg .u32 %u<4>; .reg .s32 %i<4>; .reg .f32 %f<8>; "
    ".reg .f16x2 %hh<4>; .reg .b64 %l<8>; .reg .u64 %lu<4>; .reg .s64 %ls<4>; .reg .f64 %d<8>; "
    ".reg .v4 .f32 %v; .reg .v2 .b64 %w; .reg .f32 %fa<4>; .reg .f64 %da<4>; .reg .b16 %ha<4>; "
    ".reg .b32 %ra<4>; "
    ".reg .b64 %base, %shl, %shg, %lol, %log, %ctl; .reg .b32 %shb;\n"
    ".shared .align 32 .b8 shared_bytes[64]; .local .align 32 .b8 local_bytes[64]; "
    ".param .align 16 .b8 call_bytes[64];\n"
    "label:\ntable: .branchtargets label; calls: .calltargets callee; "
    "type: .callprototype _ (.param .align 16 .b8 _[64]);\n";

}  // namespace

std::vector<std::string> KnownSpellings(size_t most) {
  std::vector<std::string> spellings;
  for (const ptx::FormRow& row : ptx::kForms) {
    const std::string form = row.form;
    if (form.find('*') != std::string::npos) continue;
    for (std::string& spelling : ptx::SpellingsOf(form, most)) {
      const ptx::Operation op = ptx::DecodeOperation(spelling);
      if (op.opcode != ptx::Opcode::kUnknown && ptx::OperandSignature(op) != nullptr) {
        spellings.push_back(std::move(spelling));
      }
    }
  }
  return spellings;
}

std::string WildLine(sim::Rng& rng, const ptx::Operation& op) {
  const auto sample = ptx::SampleInstruction(op);
  std::vector<Line> made;
  if (CanMakeLine(op)) LineMaker(rng).Make(op, made);
  std::string text = made.empty() ? (sample ? op.spelling + " " : "") : made.back().text;
  if (text.empty()) return "";
  const size_t scratch = text.find("SCRATCH+");
  if (scratch != std::string::npos) text.erase(scratch, 8);
  if (text.back() == ';') text.pop_back();
  const size_t begin = text.find(op.spelling) + op.spelling.size();
  std::vector<std::string> operands = SplitOperands(text.substr(begin));
  for (uint64_t changes = rng.Next() % 3; changes > 0 && !operands.empty(); --changes) {
    operands[rng.Next() % operands.size()] = kOperands[rng.Next() % std::size(kOperands)];
  }
  if (rng.Chance(20)) operands.push_back(kOperands[rng.Next() % std::size(kOperands)]);
  if (rng.Chance(20) && operands.size() > 1) operands.pop_back();
  text = text.substr(0, begin);
  for (size_t i = 0; i < operands.size(); ++i) text += (i > 0 ? ", " : " ") + operands[i];
  return text + ";";
}

std::string WildModule(const std::vector<std::string>& lines) {
  std::string text = kHead;
  for (const std::string& line : lines) text += line + "\n";
  return text + "ret;\n}\n";
}
uint32_t WildLineNumber(size_t i) {
  uint32_t line = 1;
  for (const char* at = kHead; *at != '\0'; ++at) line += *at == '\n' ? 1 : 0;
  return line + static_cast<uint32_t>(i);
}

std::map<size_t, std::string> RefusedBy(const std::string& ptxas_errors, uint32_t first,
                                        size_t lines) {
  std::map<size_t, std::string> refused;
  std::stringstream stream(ptxas_errors);
  for (std::string line; std::getline(stream, line);) {
    const size_t at = line.find(", line ");
    const size_t text = line.find("; ");
    if (at == std::string::npos || text == std::string::npos) continue;
    // Of a fatal one the line is where the reader stopped.
    if (line.find("; error") == std::string::npos) continue;
    const uint64_t row = std::stoull(line.substr(at + 7)) - first;
    if (row < lines) refused.emplace(row, line.substr(text + 2));
  }
  return refused;
}

namespace {

struct Numbered {
  size_t index = 0;
  std::string text = {};
};

void Judge(std::vector<Numbered> lines, std::map<size_t, std::string>& refused) {
  while (!lines.empty()) {
    std::vector<std::string> texts;
    for (const Numbered& line : lines) texts.push_back(line.text);
    const std::string errors = ptx::PtxasErrors(WildModule(texts), "sm_100a");
    if (errors.empty()) return;
    const auto named = RefusedBy(errors, WildLineNumber(0), lines.size());
    if (named.empty() && lines.size() == 1) {
      refused.emplace(lines[0].index, errors.substr(0, errors.find('\n')));
      return;
    }
    if (named.empty()) {
      const auto middle = lines.begin() + static_cast<std::ptrdiff_t>(lines.size() / 2);
      Judge({lines.begin(), middle}, refused);
      lines.erase(lines.begin(), middle);
      continue;
    }
    std::vector<Numbered> rest;
    for (size_t i = 0; i < lines.size(); ++i) {
      const auto at = named.find(i);
      if (at == named.end()) {
        rest.push_back(lines[i]);
      } else {
        refused.emplace(lines[i].index, at->second);
      }
    }
    lines = std::move(rest);
  }
}

}  // namespace

std::map<size_t, std::string> JudgedByPtxas(const std::vector<std::string>& lines) {
  std::vector<Numbered> numbered;
  for (size_t i = 0; i < lines.size(); ++i) numbered.push_back({i, lines[i]});
  std::map<size_t, std::string> refused;
  Judge(std::move(numbered), refused);
  return refused;
}

}  // namespace souk::reference
