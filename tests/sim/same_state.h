// Whether an agent that was restored from a log holds what the agent that wrote it holds.
#pragma once

#include <optional>
#include <string>

#include "node/agent/agent.h"

namespace souk::sim {

// The first difference in what Fold owns, as a sentence; none where the two agree. What no entry
// says (open questions, progress, connections) is not compared.
std::optional<std::string> Difference(const node::Agent& live, const node::Agent& restored);

}  // namespace souk::sim
