// Instructions with operands that may be wrong: what gpu/ptx's parser takes of them, ptxas must
// take too.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "gpu/ptx/operation.h"
#include "sim/rng.h"

namespace souk::reference {

// Spellings of every row of the forms table whose operands are tabled, at most `most` of each.
std::vector<std::string> KnownSpellings(size_t most);

// The operation with operands that suit it, of which one or two are replaced by operands of any
// kind. Empty where none can be made.
std::string WildLine(sim::Rng& rng, const ptx::Operation& op);

// A module whose one kernel holds the lines and declares what they may name; line i of them stands
// on line WildLineNumber(i) of the text.
std::string WildModule(const std::vector<std::string>& lines);
uint32_t WildLineNumber(size_t i);

// Those of the lines that ptxas refuses, with its words. Lines on which it crashes, or of which it
// complains without a line, are found by halving.
std::map<size_t, std::string> JudgedByPtxas(const std::vector<std::string>& lines);

// Which of the lines, each on one line of a text that begins them on `first`, ptxas complains of.
std::map<size_t, std::string> RefusedBy(const std::string& ptxas_errors, uint32_t first,
                                        size_t lines);

}  // namespace souk::reference
