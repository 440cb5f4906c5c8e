// Inside the query only: the fields of an offer, and what a parsed query looks like.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/query.h"

namespace souk::query {

// How long and deep a query may be; people type them, strangers never send them, but scripts paste.
inline constexpr size_t kTextBytes = 4096;
inline constexpr size_t kLiteralBytes = 256;
inline constexpr int kDepth = 32;

// What a field's values are, and so how literals for it are written and values shown.
enum class Type {
  kNumber,   // 4, 2.5
  kCredits,  // credits, 0.05
  kRate,     // credits per hour, 2.5
  kBytes,    // 24GiB
  kSeconds,  // 10m
  kBits,     // per second: 500Mbps
  kTime,     // "2026-03-01T14:22:06Z"
  kGrade,    // declared < challenged < attested
  kJail,     // none < landlock < namespaces
  kText,     // compared without case
  kIds,      // a list; an id matches by its beginning, a provider by its name as well
};

struct Field {
  const char* name;
  const char* meaning;
  Type type;
  // For every type but text and ids; NaN where the offer does not say.
  double (*number)(const OfferView& offer) = nullptr;
  std::string_view (*text)(const OfferView& offer) = nullptr;
  // The spellings that name the offer in this field.
  std::vector<std::string> (*ids)(const OfferView& offer) = nullptr;
};

const std::vector<Field>& Fields();
const Field* FindField(std::string_view name);
// A value of the field as people read it: "2.10", "80 GiB", "6h", "–" where the offer does not say.
std::string ShowValue(const Field& field, const OfferView& offer);
bool IsNumeric(Type type);
// "grade" and "jail" levels by name.
std::optional<double> ParseLevel(Type type, std::string_view name);

enum class Op { kEqual, kNotEqual, kLess, kLessEqual, kGreater, kGreaterEqual, kContains, kIn };

struct Literal {
  double number = 0;
  std::string text = {};    // lower case
  std::string source = {};  // as it was typed
};

struct Predicate {
  const Field* field = nullptr;
  Op op = Op::kEqual;
  std::vector<Literal> literals = {};  // one, but for kIn
};

// Boolean nodes and arithmetic nodes live in one array; children come before their parent.
struct Node {
  enum class Kind {
    kPredicate,  // predicate
    kAnd,        // children
    kOr,
    kNot,  // one child
    kNumber,
    kField,
    kNegate,  // one child
    kAdd,     // two children
    kSubtract,
    kMultiply,
    kDivide,
  };
  Kind kind = Kind::kPredicate;
  size_t predicate = 0;
  std::vector<size_t> children = {};
  double number = 0;
  const Field* field = nullptr;
};

struct Tree {
  std::vector<Predicate> predicates = {};
  std::vector<Node> nodes = {};
  std::optional<size_t> where = {};     // absent: every offer matches
  std::optional<size_t> order_by = {};  // arithmetic
  bool descending = false;
  std::optional<size_t> limit = {};
};

Result<Tree> ParseTree(std::string_view text);

std::string LowerCase(std::string_view text);

}  // namespace souk::query
