// How many threads are worth having.
#pragma once

namespace souk {

// Processors that this process may run on, at least 1: std::thread counts all that the machine has,
// of which a container or taskset may leave it a few.
unsigned UsableProcessors();

}  // namespace souk
