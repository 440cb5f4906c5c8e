#include "protocol/base/check.h"

#include <cstdio>
#include <cstdlib>

#include "protocol/base/result.h"

namespace souk {

void CheckFailed(const char* file, int line, const char* what) {
  std::fprintf(stderr, "%s:%d: invariant broken: %s\n", file, line, what);
  std::abort();
}

const char* CodeName(Code code) {
  switch (code) {
    case Code::kInvalidArgument:
      return "invalid_argument";
    case Code::kMalformed:
      return "malformed";
    case Code::kTooLarge:
      return "too_large";
    case Code::kBadSignature:
      return "bad_signature";
    case Code::kExpired:
      return "expired";
    case Code::kWrongState:
      return "wrong_state";
    case Code::kNotFound:
      return "not_found";
    case Code::kDuplicate:
      return "duplicate";
    case Code::kConflict:
      return "conflict";
    case Code::kUnsupported:
      return "unsupported";
    case Code::kDenied:
      return "denied";
    case Code::kExhausted:
      return "exhausted";
    case Code::kOverflow:
      return "overflow";
    case Code::kMismatch:
      return "mismatch";
    case Code::kCorrupt:
      return "corrupt";
    case Code::kIo:
      return "io";
    case Code::kUnavailable:
      return "unavailable";
    case Code::kFault:
      return "fault";
  }
  std::abort();
}

}  // namespace souk
