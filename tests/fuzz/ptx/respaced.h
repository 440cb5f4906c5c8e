// The same tokens in another dress.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace souk::ptx {

// The text with other white space and comments between its tokens, chosen by `seed`; nothing where
// it has characters that PTX does not have.
std::optional<std::string> Respaced(std::string_view text, uint64_t seed);

// CHECKs what must hold of the canonical form of a text that is accepted: it reads back to itself,
// it is the same however the text is spaced, and its instructions are those of the text, in order,
// each as written or with the .rn that keeps it from being fused. Returns whether it was accepted.
bool CheckCanonical(std::string_view text);

}  // namespace souk::ptx
