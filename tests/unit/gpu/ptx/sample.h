// Instruction text for any spelling, and the toolkit's ptxas to judge it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "gpu/ptx/module.h"

namespace souk::ptx {

// "add.rn.f32 %f0, %f1, %f2", with registers that SampleModule declares. Nothing where the
// instruction's operands are not tabled.
std::optional<std::string> SampleInstruction(const Operation& operation);

// A module with one kernel that holds these lines, the n-th on line SampleLine(n).
std::string SampleModule(uint32_t version, const std::string& target,
                         const std::vector<std::string>& lines);
uint32_t SampleLine(size_t n);

// Every spelling that a form of the table allows, up to `most` of them, spread evenly.
std::vector<std::string> SpellingsOf(const std::string& form, size_t most);

// The machine code of the kernel named k; empty where ptxas refuses.
std::string MachineCode(const std::string& text, const std::string& target);

bool HavePtxas();
// ptxas's messages for text, empty where it accepts.
std::string PtxasErrors(const std::string& text, const std::string& target);

}  // namespace souk::ptx
