// The spellings that PTX ISA 9.0 gives each instruction, and since which version and target.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gpu/ptx/operation.h"

namespace souk::ptx {

// What a spelling needs. version is × 10; target is the number after sm_.
struct Requirement {
  uint32_t version = 0;
  uint32_t target = 0;
  bool known = true;  // false: the table does not break this family down; trust the module's own
};

struct FormMatch {
  bool opcode_known = false;
  bool form_known = false;
  Requirement requirement = {};
};

// modifiers come without their dots. Their order is free, as ptxas takes it ("vote.ballot.sync"),
// except that types keep theirs.
FormMatch MatchForm(Opcode opcode, std::span<const std::string_view> modifiers);

// Every spelling that the table gives an opcode, each once: with and without what may be left out,
// in the table's order. Forms that the table leaves open ("*") have none. Opcodes that access
// memory have hundreds of thousands.
std::vector<std::string> Spellings(Opcode opcode);

Opcode FindOpcode(std::string_view mnemonic);  // kUnknown where there is none
Type FindType(std::string_view name);          // kNone where there is none

}  // namespace souk::ptx
