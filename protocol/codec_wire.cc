#include "protocol/codec_wire.h"

#include <algorithm>
#include <cstring>

#include "protocol/base/check.h"
#include "protocol/exact_words.h"

namespace souk::wire {
namespace {

constexpr size_t kWordBytes = sizeof(capnp::word);
// One segment: u32 segment count less one (0), u32 words in the segment.
constexpr size_t kFramingBytes = 8;
// The deepest message, an entry, nests root, outcome, list, data; the rest is for later versions.
constexpr int kNesting = 8;
// Every word is read once; the slack covers Cap'n Proto's own accounting.
constexpr uint64_t kWalks = 2;
constexpr uint64_t kSlackWords = 64;
constexpr unsigned kUsualWords = 512;

// The one segment, or why not.
Result<ByteView> OneSegment(ByteView bytes, size_t max_bytes) {
  if (bytes.size() > max_bytes) return TooLarge("too many bytes");
  if (bytes.size() < kFramingBytes + kWordBytes) return Malformed("too short");
  if (GetLe<uint32_t>(bytes.data()) != 0) return Malformed("more than one segment");
  const uint64_t words = GetLe<uint32_t>(bytes.data() + 4);
  if (kFramingBytes + words * kWordBytes != bytes.size()) {
    return Malformed("the framing does not fit the size");
  }
  return bytes.subspan(kFramingBytes);
}

}  // namespace

Status Token::In(capnp::Text::Reader wire, std::string& value) {
  RETURN_IF_ERROR(Text::In(wire, value));
  const bool plain = std::all_of(value.begin(), value.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
  if (!plain) return Malformed("not a word of a-z, 0-9 and '-'");
  return Ok();
}

Status Region::In(capnp::Text::Reader wire, std::string& value) {
  RETURN_IF_ERROR(Text::In(wire, value));
  const bool upper =
      std::all_of(value.begin(), value.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
  if (value.size() == 1 || !upper) return Malformed("not two capital letters (ISO 3166)");
  return Ok();
}

Status ReadFramed(ByteView bytes, size_t max_bytes, ReadBody body, void* into) {
  ASSIGN_OR_RETURN(const ByteView segment, OneSegment(bytes, max_bytes));
  // Copied, because Cap'n Proto reads aligned words only.
  std::vector<uint64_t> words(segment.size() / kWordBytes);
  std::memcpy(words.data(), segment.data(), segment.size());
  RETURN_IF_ERROR(CheckExactWords(words, kNesting));
  const kj::ArrayPtr<const capnp::word> segments[1] = {
      kj::arrayPtr(reinterpret_cast<const capnp::word*>(words.data()), words.size())};
  capnp::ReaderOptions options;
  options.traversalLimitInWords = kWalks * words.size() + kSlackWords;
  options.nestingLimit = kNesting;
  try {
    capnp::SegmentArrayMessageReader reader(kj::arrayPtr(segments, 1), options);
    return body(reader.getRoot<capnp::AnyPointer>(), into);
  } catch (const kj::Exception& e) {
    return Malformed(e.getDescription().cStr());
  }
}

Bytes BuildFramed(BuildBody body, const void* from) {
  unsigned words = kUsualWords;
  // A first segment that was too small shows how much it takes.
  for (int attempt = 0; attempt < 2; ++attempt) {
    capnp::MallocMessageBuilder builder(words);
    body(builder.getRoot<capnp::AnyPointer>(), from);
    const auto segments = builder.getSegmentsForOutput();
    if (segments.size() == 1) {
      Bytes out;
      const auto segment = segments[0].asBytes();
      out.reserve(kFramingBytes + segment.size());
      PutLe(out, uint32_t{0});
      PutLe(out, static_cast<uint32_t>(segments[0].size()));
      out.insert(out.end(), segment.begin(), segment.end());
      return out;
    }
    size_t total = 0;
    for (const auto& segment : segments) total += segment.size();
    words = static_cast<unsigned>(total);
  }
  CHECK(false && "a message does not fit the segment that holds all its words");
  return {};
}

}  // namespace souk::wire
