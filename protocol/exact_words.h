// The shape of a Cap'n Proto segment, checked before the library reads it. Pure.
#pragma once

#include <cstdint>
#include <span>

#include "protocol/base/result.h"

namespace souk {

// Walks every pointer from the root (word 0) and marks what it reaches. kMalformed unless every
// word is reached exactly once, within `nesting` levels of pointers, and no far pointer or
// capability is met. So a small message cannot unfold into a large one by pointing at one thing
// twice, and nobody signs words that no reader sees. Fields of later versions are walked like any
// other. Time and memory are linear in the words. Encoding: capnproto.org/encoding.html.
Status CheckExactWords(std::span<const uint64_t> words, int nesting);

}  // namespace souk
