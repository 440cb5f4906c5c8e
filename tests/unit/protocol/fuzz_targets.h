// What the fuzzers of protocol/ run, and what the unit test of their corpora replays. Each takes
// any bytes, and stops the program where a promise is broken: a crash, an exception, or a parser
// that does not read back what its writer wrote.
#pragma once

#include "protocol/base/bytes.h"

namespace souk::fuzz {

// An envelope, trusted and not.
void Envelope(ByteView data);
// The first byte picks the kind, the rest is the payload.
void Payload(ByteView data);
void Entry(ByteView data);
void Receipt(ByteView data);
void Query(ByteView data);
// Amounts, times, sizes, ids and peer ids as people type them.
void Text(ByteView data);

struct Target {
  const char* name;  // of the corpus folder, too
  void (*run)(ByteView data);
};
inline constexpr Target kTargets[] = {
    {"envelope", Envelope}, {"payload", Payload}, {"entry", Entry},
    {"receipt", Receipt},   {"query", Query},     {"text", Text},
};

}  // namespace souk::fuzz
