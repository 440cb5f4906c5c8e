// The versions of the market's rules (R3). An entry says under which one it was decided, and is
// judged by that one for ever: a version that was released is never changed and never taken out.
//
// A new version is a new row below, what it changes a new field, which the code that decides looks
// up (RulesOf) instead of a constant. It is written from the first `upgraded` entry on, and gets a
// golden ledger (tests/golden/make.sh).
#pragma once

#include <span>

#include "protocol/limits.h"

namespace souk {

// What differs, or may, between versions.
struct RuleSet {
  uint32_t version = 0;
  Duration window = {};    // R4: from `resumed` to the deadlines that were missed meanwhile
  Duration max_skew = {};  // R6: twice this between the end of a settlement and its escrow's
};

// Rows of versions 1, 2, … in order. Programs know kRuleSets; tests may know more.
using RuleSets = std::span<const RuleSet>;

inline constexpr RuleSet kRuleSets[] = {
    {.version = 1, .window = Seconds(10), .max_skew = Seconds(30)},
};

// What nodes write.
inline constexpr uint32_t kRulesVersion = std::size(kRuleSets);
static_assert(kRuleSets[kRulesVersion - 1].version == kRulesVersion);
// A change of these is a new version.
static_assert(kRuleSets[kRulesVersion - 1].window == limits::kWindow &&
              kRuleSets[kRulesVersion - 1].max_skew == limits::kMaxSkew);

inline constexpr uint32_t NewestOf(RuleSets known) {
  return static_cast<uint32_t>(known.size());
}
// `version` is from 1 to the newest.
inline constexpr const RuleSet& RulesOf(RuleSets known, uint32_t version) {
  return known[version - 1];
}

}  // namespace souk
