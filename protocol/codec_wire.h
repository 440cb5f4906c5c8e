// Inside the codec only: how each type of field crosses the wire, and the one place that opens
// Cap'n Proto bytes. A codec_*.cc lists a struct's fields once, as a table; the macros below turn
// the table into both directions, so that they cannot disagree.
//
// A table is a macro F(VALUE, LIST, STRUCT, STRUCTS) with rows
//   VALUE(Wire, member, Name)       a field that the wire type `Wire` below reads and checks
//   LIST(Wire, max, member, Name)   a list of such
//   STRUCT(member, Name)            a nested struct that has a table of its own
//   STRUCTS(max, member, Name)      a list of such
// where `member` is the C++ field and `Name` the schema's, with its first letter in upper case.
#pragma once

#include <capnp/any.h>
#include <capnp/message.h>
#include <kj/exception.h>

#include <optional>
#include <string>
#include <vector>

#include "protocol/limits.h"
#include "protocol/messages.h"
#include "protocol/plain_text.h"

namespace souk::wire {

inline Error Malformed(const char* why) {
  return Error(Code::kMalformed, why);
}
inline Error TooLarge(const char* why) {
  return Error(Code::kTooLarge, why);
}

inline capnp::Data::Reader AsData(ByteView bytes) {
  return {bytes.data(), bytes.size()};
}
inline ByteView FromData(capnp::Data::Reader data) {
  return {data.begin(), data.size()};
}

// ---- Numbers ----------------------------------------------------------------------------------

struct Plain {
  template <typename T>
  static T Out(T value) {
    return value;
  }
  template <typename T>
  static Status In(T wire, T& value) {
    value = wire;
    return Ok();
  }
};

template <uint64_t kLeast, uint64_t kMost>
struct Within : Plain {
  template <typename T>
  static Status In(T wire, T& value) {
    if (wire < kLeast) return Malformed("too small");
    if (wire > kMost) return TooLarge("over its limit");
    value = wire;
    return Ok();
  }
};

inline Status InBounded(int64_t wire, int64_t most, int64_t& value) {
  if (wire < 0) return Malformed("negative");
  if (wire > most) return TooLarge("over its limit");
  value = wire;
  return Ok();
}

struct Amount {
  static int64_t Out(Credits value) { return value.micro; }
  static Status In(int64_t wire, Credits& value) {
    return InBounded(wire, limits::kAmount.micro, value.micro);
  }
};

struct Price {
  static int64_t Out(Rate value) { return value.micro_per_hour; }
  static Status In(int64_t wire, Rate& value) {
    return InBounded(wire, limits::kPrice.micro_per_hour, value.micro_per_hour);
  }
};

struct OptionalPrice {
  static constexpr int64_t kNone = -1;
  static int64_t Out(const std::optional<Rate>& value) {
    return value ? value->micro_per_hour : kNone;
  }
  static Status In(int64_t wire, std::optional<Rate>& value) {
    value.reset();
    if (wire == kNone) return Ok();
    return Price::In(wire, value.emplace());
  }
};

struct Span {
  static int64_t Out(Duration value) { return value.ms; }
  static Status In(int64_t wire, Duration& value) {
    return InBounded(wire, limits::kLongestLease.ms, value.ms);
  }
};

struct Moment {
  static int64_t Out(Time value) { return value.ms; }
  static Status In(int64_t wire, Time& value) {
    if (wire < limits::kEarliest.ms || wire > limits::kLatest.ms) {
      return Malformed("not a time between the years 2000 and 2200");
    }
    value.ms = wire;
    return Ok();
  }
};

struct MomentOrZero : Moment {
  static Status In(int64_t wire, Time& value) {
    value = {};
    return wire == 0 ? Ok() : Moment::In(wire, value);
  }
};

// An enum that is numbered from zero, on both sides alike.
template <typename Schema, typename Domain, Domain kLast>
struct Choice {
  static Schema Out(Domain value) { return static_cast<Schema>(value); }
  static Status In(Schema wire, Domain& value) {
    const auto number = static_cast<uint16_t>(wire);
    if (number > static_cast<uint16_t>(kLast)) return Malformed("an unknown value");
    value = static_cast<Domain>(number);
    return Ok();
  }
};

// An enum with gaps: IsKnown() of messages.h decides.
template <typename Domain>
struct Coded {
  static uint16_t Out(Domain value) { return static_cast<uint16_t>(value); }
  static Status In(uint16_t wire, Domain& value) {
    if (!IsKnown(static_cast<Domain>(wire))) return Malformed("an unknown code");
    value = static_cast<Domain>(wire);
    return Ok();
  }
};

// ---- Bytes ------------------------------------------------------------------------------------

// Digest, PublicKey, CurveKey: their 32 bytes.
struct Fixed32 {
  template <typename T>
  static capnp::Data::Reader Out(const T& value) {
    return AsData(value.bytes);
  }
  template <typename T>
  static Status In(capnp::Data::Reader wire, T& value) {
    if (wire.size() != value.bytes.size()) return Malformed("not 32 bytes");
    std::copy(wire.begin(), wire.end(), value.bytes.begin());
    return Ok();
  }
};

// The same, empty where there is none.
struct OptionalFixed32 {
  template <typename T>
  static capnp::Data::Reader Out(const std::optional<T>& value) {
    return value ? AsData(value->bytes) : capnp::Data::Reader();
  }
  template <typename T>
  static Status In(capnp::Data::Reader wire, std::optional<T>& value) {
    value.reset();
    return wire.size() == 0 ? Ok() : Fixed32::In(wire, value.emplace());
  }
};

template <size_t kMost>
struct Blob {
  static capnp::Data::Reader Out(const Bytes& value) { return AsData(value); }
  static Status In(capnp::Data::Reader wire, Bytes& value) {
    if (wire.size() > kMost) return TooLarge("too many bytes");
    value.assign(wire.begin(), wire.end());
    return Ok();
  }
};
using Envelope = Blob<limits::kDocumentBytes>;

// ---- Text -------------------------------------------------------------------------------------

// Keeps what ToPlainText made alive until the setter has copied it.
struct OwnedText {
  std::string text;
  operator capnp::Text::Reader() const { return {text.data(), text.size()}; }  // NOLINT: by design
};

template <size_t kMost, Lines kLines = Lines::kOne>
struct Text {
  static capnp::Text::Reader Out(const std::string& value) { return {value.data(), value.size()}; }
  static Status In(capnp::Text::Reader wire, std::string& value) {
    if (wire.size() > kMost) return TooLarge("too long");
    const std::string_view text(wire.begin(), wire.size());
    if (!IsPlainText(text, kLines)) return Malformed("not plain UTF-8 text");
    value = text;
    return Ok();
  }
};

// Text for people, which may come from anywhere: made plain and cut to its limit when encoded, so
// that a long error message cannot make a document that its receiver must refuse.
template <size_t kMost>
struct Prose : Text<kMost> {
  static OwnedText Out(const std::string& value) { return {ToPlainText(value, kMost)}; }
};
using Name = Prose<limits::kNameBytes>;
using Sentence = Prose<limits::kSentenceBytes>;
using Identifier = Text<limits::kNameBytes>;
using Endpoint = Text<limits::kEndpointBytes>;
using Note = Text<limits::kNoteBytes, Lines::kMany>;

// Lower-case words that programs compare: "cuda", "exact-ordered". May be empty.
struct Token : Text<limits::kNameBytes> {
  static Status In(capnp::Text::Reader wire, std::string& value);
};

// ISO 3166 alpha-2, or empty where unsaid.
struct Region : Text<2> {
  static Status In(capnp::Text::Reader wire, std::string& value);
};

// ---- Lists and structs ------------------------------------------------------------------------

template <typename Wire, typename Builder, typename T>
void PutList(Builder to, const std::vector<T>& from) {
  for (unsigned i = 0; i < to.size(); ++i) to.set(i, Wire::Out(from[i]));
}

template <typename Wire, typename Reader, typename T>
Status GetList(Reader from, size_t most, std::vector<T>& to) {
  if (from.size() > most) return TooLarge("too many");
  to.clear();
  to.resize(from.size());
  for (unsigned i = 0; i < from.size(); ++i) RETURN_IF_ERROR(Wire::In(from[i], to[i]));
  return Ok();
}

// What fields must satisfy together; overloaded beside the tables.
template <typename Message>
Status CheckWhole(const Message&) {
  return Ok();
}

// ---- Messages ---------------------------------------------------------------------------------

// Checks the framing and the one segment's shape (exact_words.h), and runs `body` on the root. No
// exception leaves.
using ReadBody = Status (*)(capnp::AnyPointer::Reader root, void* into);
Status ReadFramed(ByteView bytes, size_t max_bytes, ReadBody body, void* into);

// The framed bytes of the message that `body` builds; always one segment.
using BuildBody = void (*)(capnp::AnyPointer::Builder root, const void* from);
Bytes BuildFramed(BuildBody body, const void* from);

}  // namespace souk::wire

#define SOUK_PUT_VALUE(Wire, member, Name) to.set##Name(Wire::Out(from.member));
#define SOUK_PUT_LIST(Wire, max, member, Name) \
  wire::PutList<Wire>(to.init##Name(static_cast<unsigned>(from.member.size())), from.member);
#define SOUK_PUT_STRUCT(member, Name) Put(to.init##Name(), from.member);
#define SOUK_PUT_STRUCTS(max, member, Name) \
  PutStructs(to.init##Name(static_cast<unsigned>(from.member.size())), from.member);

#define SOUK_GET_(member, expression) \
  if (const Status got = (expression); !got) return got.error().Within(#member);
#define SOUK_GET_VALUE(Wire, member, Name) SOUK_GET_(member, Wire::In(from.get##Name(), to.member))
#define SOUK_GET_LIST(Wire, max, member, Name) \
  SOUK_GET_(member, (wire::GetList<Wire>(from.get##Name(), max, to.member)))
#define SOUK_GET_STRUCT(member, Name) SOUK_GET_(member, Get(from.get##Name(), to.member))
#define SOUK_GET_STRUCTS(max, member, Name) \
  SOUK_GET_(member, GetStructs(from.get##Name(), max, to.member))

// Put() and Get() for one struct, found by their arguments' types.
// clang-format off
#define SOUK_STRUCT_CODEC(Schema, Type, TABLE)                              \
  void Put(schema::Schema::Builder to, const Type& from) {                  \
    TABLE(SOUK_PUT_VALUE, SOUK_PUT_LIST, SOUK_PUT_STRUCT, SOUK_PUT_STRUCTS) \
  }                                                                         \
  Status Get(schema::Schema::Reader from, Type& to) {                       \
    TABLE(SOUK_GET_VALUE, SOUK_GET_LIST, SOUK_GET_STRUCT, SOUK_GET_STRUCTS) \
    return wire::CheckWhole(to);                                            \
  }
// clang-format on

// Lists of structs that have Put() and Get(); used once in each file that needs them, after those.
#define SOUK_STRUCT_LISTS                                                            \
  template <typename Builder, typename T>                                            \
  void PutStructs(Builder to, const std::vector<T>& from) {                          \
    for (unsigned i = 0; i < to.size(); ++i) Put(to[i], from[i]);                    \
  }                                                                                  \
  template <typename Reader, typename T>                                             \
  Status GetStructs(Reader from, size_t most, std::vector<T>& to) {                  \
    if (from.size() > most) return wire::TooLarge("too many");                       \
    to.clear();                                                                      \
    to.resize(from.size());                                                          \
    for (unsigned i = 0; i < from.size(); ++i) RETURN_IF_ERROR(Get(from[i], to[i])); \
    return Ok();                                                                     \
  }

// EncodePayload() and Decode() of codec.h for a struct that has Put() and Get().
#define SOUK_MESSAGE_CODEC(Type, max_bytes)                                                  \
  template <>                                                                                \
  Bytes EncodePayload<Type>(const Type& message) {                                           \
    return wire::BuildFramed(                                                                \
        [](capnp::AnyPointer::Builder root, const void* from) {                              \
          Put(root.initAs<schema::Type>(), *static_cast<const Type*>(from));                 \
        },                                                                                   \
        &message);                                                                           \
  }                                                                                          \
  template <>                                                                                \
  Result<Type> Decode<Type>(const Document& document) {                                      \
    if (document.kind() != KindOf<Type>::value) {                                            \
      return Error(Code::kInvalidArgument, "not the kind of document that was asked for: " + \
                                               std::string(KindName(document.kind())));      \
    }                                                                                        \
    Type message;                                                                            \
    const Status read = wire::ReadFramed(                                                    \
        document.payload(), max_bytes,                                                       \
        [](capnp::AnyPointer::Reader root, void* into) {                                     \
          return Get(root.getAs<schema::Type>(), *static_cast<Type*>(into));                 \
        },                                                                                   \
        &message);                                                                           \
    if (!read) return read.error().Within(std::string(KindName(document.kind())));           \
    return message;                                                                          \
  }
