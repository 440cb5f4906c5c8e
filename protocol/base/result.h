// Errors are values (STYLE 2): Result<T> is either a T or an Error that says what to do.
#pragma once

#include <cstdint>
#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace souk {

// What kind of failure it is, so that callers can branch; people read Error::message.
enum class Code : uint16_t {
  kInvalidArgument,  // the caller asked for something that makes no sense
  kMalformed,        // bytes that do not parse
  kTooLarge,         // over a bound of limits.h
  kBadSignature,
  kExpired,
  kWrongState,
  kNotFound,
  kDuplicate,
  kConflict,
  kUnsupported,
  kDenied,       // not yours to ask for
  kExhausted,    // a budget, quota or capacity is used up
  kOverflow,     // integer arithmetic left its range
  kMismatch,     // a digest, root or proof does not fit
  kCorrupt,      // stored bytes are not what was written
  kIo,           // the operating system refused
  kUnavailable,  // try again later, or start what is missing
  kFault,        // a workload did something its device refuses: wild access, trap, divergence
};

// The code's name as machines see it: "bad_signature".
const char* CodeName(Code code);

struct Error {
  Code code = Code::kInvalidArgument;
  std::string message;

  Error(Code c, std::string m) : code(c), message(std::move(m)) {}
  // The same error seen from one level up: "reading config: no such file".
  Error Within(const std::string& context) const { return Error(code, context + ": " + message); }
};

template <typename T>
class [[nodiscard]] Result : public tl::expected<T, Error> {
 public:
  using Base = tl::expected<T, Error>;
  using Base::Base;
  Result(Error error) : Base(tl::unexpect, std::move(error)) {}  // NOLINT: implicit by design
};

template <>
class [[nodiscard]] Result<void> : public tl::expected<void, Error> {
 public:
  using Base = tl::expected<void, Error>;
  using Base::Base;
  Result() = default;
  Result(Error error) : Base(tl::unexpect, std::move(error)) {}  // NOLINT: implicit by design
};

using Status = Result<void>;
inline Status Ok() {
  return {};
}

}  // namespace souk

#define SOUK_CONCAT_(a, b) a##b
#define SOUK_CONCAT(a, b) SOUK_CONCAT_(a, b)
// RETURN_IF_ERROR(DoIt());
#define RETURN_IF_ERROR(expr)                                                \
  do {                                                                       \
    if (auto souk_status = (expr); !souk_status) return souk_status.error(); \
  } while (false)
// ASSIGN_OR_RETURN(auto value, Compute());
#define ASSIGN_OR_RETURN(decl, expr) \
  ASSIGN_OR_RETURN_(SOUK_CONCAT(souk_result_, __LINE__), decl, expr)
#define ASSIGN_OR_RETURN_(tmp, decl, expr) \
  auto tmp = (expr);                       \
  if (!tmp) return tmp.error();            \
  decl = std::move(*tmp)
