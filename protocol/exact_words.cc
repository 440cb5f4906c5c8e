#include "protocol/exact_words.h"

#include <algorithm>
#include <vector>

namespace souk {
namespace {

Error Malformed(const char* why) {
  return Error(Code::kMalformed, why);
}

// The two low bits of a pointer.
constexpr uint64_t kStruct = 0;
constexpr uint64_t kList = 1;

// Bits of one element by the pointer's code; 6 is a pointer, 7 a struct.
constexpr uint64_t kElementBits[] = {0, 1, 8, 16, 32, 64, 64};
constexpr uint64_t kPointerElements = 6;
constexpr uint64_t kCompositeElements = 7;

class Walk {
 public:
  explicit Walk(std::span<const uint64_t> words) : words_(words), reached_(words.size()) {}

  Status Run(int nesting) {
    RETURN_IF_ERROR(Reach(0, 1));
    RETURN_IF_ERROR(Pointer(0, nesting));
    if (!std::all_of(reached_.begin(), reached_.end(), [](bool reached) { return reached; })) {
      return Malformed("words that nothing reaches");
    }
    return Ok();
  }

 private:
  Status Reach(int64_t at, uint64_t count) {
    const auto size = static_cast<int64_t>(words_.size());
    if (at < 0 || at > size || count > static_cast<uint64_t>(size - at)) {
      return Malformed("a pointer that leaves the segment");
    }
    for (size_t i = static_cast<size_t>(at); i < static_cast<size_t>(at) + count; ++i) {
      if (reached_[i]) return Malformed("a word that is reached twice");
      reached_[i] = true;
    }
    return Ok();
  }

  Status Pointer(size_t at, int nesting) {
    const uint64_t word = words_[at];
    if (word == 0) return Ok();
    if (nesting == 0) return Malformed("nested too deeply");
    // Counted from the word behind the pointer.
    const int64_t target = static_cast<int64_t>(at) + 1 + (static_cast<int32_t>(word) >> 2);
    switch (word & 3) {
      case kStruct: {
        const uint64_t data = word >> 32 & 0xffff;
        const uint64_t pointers = word >> 48;
        RETURN_IF_ERROR(Reach(target, data + pointers));
        return Pointers(static_cast<size_t>(target) + data, pointers, nesting - 1);
      }
      case kList:
        return List(word, target, nesting - 1);
      default:
        return Malformed("a far pointer or a capability");
    }
  }

  Status Pointers(size_t at, uint64_t count, int nesting) {
    for (size_t i = at; i < at + count; ++i) RETURN_IF_ERROR(Pointer(i, nesting));
    return Ok();
  }

  Status List(uint64_t word, int64_t target, int nesting) {
    const uint64_t element = word >> 32 & 7;
    const uint64_t count = word >> 35;  // of elements; of words without the tag where composite
    if (element == kCompositeElements) return Composite(target, count, nesting);
    RETURN_IF_ERROR(Reach(target, (count * kElementBits[element] + 63) / 64));
    if (element != kPointerElements) return Ok();
    return Pointers(static_cast<size_t>(target), count, nesting);
  }

  // A tag in the form of a struct pointer, whose offset is the count of elements, and the elements.
  Status Composite(int64_t target, uint64_t total, int nesting) {
    RETURN_IF_ERROR(Reach(target, total + 1));
    const auto tag_at = static_cast<size_t>(target);
    const uint64_t tag = words_[tag_at];
    const uint64_t count = static_cast<uint32_t>(tag) >> 2;
    const uint64_t data = tag >> 32 & 0xffff;
    const uint64_t pointers = tag >> 48;
    if ((tag & 3) != kStruct || count * (data + pointers) != total) {
      return Malformed("a list whose tag does not fit its size");
    }
    if (pointers == 0) return Ok();  // also: elements without size, however many are claimed
    for (uint64_t i = 0; i < count; ++i) {
      const size_t element = tag_at + 1 + i * (data + pointers);
      RETURN_IF_ERROR(Pointers(element + data, pointers, nesting));
    }
    return Ok();
  }

  std::span<const uint64_t> words_;
  std::vector<bool> reached_;
};

}  // namespace

Status CheckExactWords(std::span<const uint64_t> words, int nesting) {
  return Walk(words).Run(nesting);
}

}  // namespace souk
