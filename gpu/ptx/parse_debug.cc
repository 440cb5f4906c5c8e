// Source locations and debug sections (ISA 9.0 sections 11.5.1 to 11.5.4). Of sections only the
// grammar is looked at; nothing else lives in them.
#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "gpu/ptx/parser.h"

namespace souk::ptx {

// .file 1 "name" [, timestamp, size]
Status Parser::File() {
  SourceFile file;
  const uint32_t line = token_.line;
  ASSIGN_OR_RETURN(file.number, ExpectCount("a file number", UINT32_MAX));
  if (token_.kind != TokenKind::kString) return Unexpected("a file name in quotes");
  file.name = std::string(token_.text);
  RETURN_IF_ERROR(CountName());
  Advance();
  for (int i = 0; i < 2 && Accept(","); ++i) {
    if (token_.kind != TokenKind::kInteger) return Unexpected("a number");
    Advance();
  }
  if (!file_numbers_.insert(file.number).second) {
    return At(line, fmt::format("file {} is declared twice", file.number));
  }
  module_.files.push_back(std::move(file));
  return Ok();
}

// .loc file line column [, function_name label [+ offset], inlined_at file line column]
Status Parser::SourceLocation() {
  Location location;
  location.position = static_cast<uint32_t>(function_.body.size());
  ASSIGN_OR_RETURN(location.file, ExpectCount("a file number", UINT32_MAX));
  ASSIGN_OR_RETURN(location.line, ExpectCount("a line number", UINT32_MAX));
  ASSIGN_OR_RETURN(location.column, ExpectCount("a column", UINT32_MAX));
  function_.locations.push_back(location);
  if (Accept(",")) RETURN_IF_ERROR(InlinedAt());
  Place place;
  place.at = {location.file, location.line, location.column};
  place.number = static_cast<uint32_t>(places_.size());
  places_.push_back(place);
  return Ok();
}

// Into a place of which a .loc before it has told, which is looked up in the end.
Status Parser::InlinedAt() {
  const uint32_t first = token_.line;
  ASSIGN_OR_RETURN(const std::string_view word, ExpectWord("'function_name'"));
  if (word != "function_name") return Unexpected("'function_name'");
  ASSIGN_OR_RETURN(const std::string_view label, ExpectWord("a label"));
  function_names_.try_emplace(label, first);
  uint64_t offset = 0;
  RETURN_IF_ERROR(AcceptOffset(offset));
  RETURN_IF_ERROR(Expect(","));
  ASSIGN_OR_RETURN(const std::string_view inlined, ExpectWord("'inlined_at'"));
  if (inlined != "inlined_at") return Unexpected("'inlined_at'");
  Place place;
  place.number = static_cast<uint32_t>(places_.size());
  place.line = first;
  for (uint32_t& number : place.at) {
    ASSIGN_OR_RETURN(number, ExpectCount("a number", UINT32_MAX));
  }
  inlined_.push_back(place);
  return Ok();
}

// .section .debug_str { label: .b8 65, 66 .b32 label+4 … }
Status Parser::Section() {
  if (token_.kind != TokenKind::kDot) return Unexpected("a section's name");
  Advance();
  RETURN_IF_ERROR(Expect("{"));
  while (!Accept("}")) {
    if (token_.kind == TokenKind::kWord && next_.Is(":")) {
      RETURN_IF_ERROR(CountName());
      if (!section_labels_.insert(token_.text).second) {
        return At(token_.line, "label " + Quoted(token_.text) + " is declared twice");
      }
      Advance();
      Advance();
    } else {
      RETURN_IF_ERROR(SectionValues());
    }
  }
  return Ok();
}

// .b8 1, -2 or .b32 label+4: numbers, or one reference.
Status Parser::SectionValues() {
  const bool is_word = token_.IsDot("b32") || token_.IsDot("b64");
  const uint64_t most = token_.IsDot("b8") ? 0xff : token_.IsDot("b16") ? 0xffff : UINT64_MAX;
  if (!is_word && most == UINT64_MAX) return Unexpected("a label, .b8, .b16, .b32 or .b64");
  Advance();
  const bool is_name = token_.kind == TokenKind::kWord || token_.kind == TokenKind::kDot;
  if (is_word && is_name) return SectionReference();
  do {
    const bool negative = Accept("-");
    if (token_.kind != TokenKind::kInteger) return Unexpected("a number");
    if (token_.value > (negative ? most / 2 + 1 : most)) {
      return At(token_.line, "a number that does not fit", Code::kTooLarge);
    }
    Advance();
  } while (Accept(","));
  return Ok();
}

// label, label+4, label-label, .debug_info, .debug_info+4
Status Parser::SectionReference() {
  const bool is_label = token_.kind == TokenKind::kWord;
  Advance();
  if (is_label && Accept("-")) {
    ASSIGN_OR_RETURN([[maybe_unused]] const std::string_view other, ExpectWord("a label"));
  } else if (Accept("+")) {
    ASSIGN_OR_RETURN([[maybe_unused]] const uint32_t offset, ExpectCount("an offset", UINT32_MAX));
  }
  return Ok();
}

Status Parser::CheckDebugLabels() {
  for (const auto& [label, line] : function_names_) {
    if (!section_labels_.contains(label)) return At(line, "unknown label " + Quoted(label));
  }
  const auto before = [](const Place& a, const Place& b) {
    return std::tie(a.at, a.number) < std::tie(b.at, b.number);
  };
  if (!inlined_.empty()) std::sort(places_.begin(), places_.end(), before);
  for (const Place& inlined : inlined_) {
    Place first = inlined;
    first.number = 0;
    const auto at = std::lower_bound(places_.begin(), places_.end(), first, before);
    if (at != places_.end() && at->at == inlined.at && at->number < inlined.number) continue;
    return At(inlined.line, "inlined at a place that no .loc before it names");
  }
  return Ok();
}

}  // namespace souk::ptx
