// What must hold of any text that is given to the PTX parser: the fuzzer asks it of new texts, a
// test of the corpus.
#pragma once

#include <string_view>

namespace souk::ptx {

// Parses, canonicalises, writes, reads back; CHECKs that what was accepted round-trips to the same
// text, and that reports can be made of it. Returns whether the text was accepted.
bool RoundTrip(std::string_view text);

}  // namespace souk::ptx
