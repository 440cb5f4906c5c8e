// The query language, parsed in one place:
//   gpu.model ~ "H100" and gpu.count >= 4 and price <= 2.5 and region in ("DE","FR")
//   order by price / gpu.fp32_tflops
// Grammar: [or-expression] ["order by" arithmetic ["asc"|"desc"]] ["limit" N]; predicates compare a
// field with a literal (=, !=, <, <=, >, >=, ~ substring, in (…)); and, or, not, parentheses; text
// is compared without case. Literals: numbers with units (24GiB, 10m, 2.5), strings. An offer that
// leaves a field unsaid fails every comparison of it. Bounded depth and length. Pure.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/messages.h"

namespace souk {

// What an offer claims of its devices' capability beyond what the reader believes (R7).
struct CapabilityClaim {
  Grade grade = Grade::kDeclared;  // as the offer says it
  // Where a verdict of a challenge stands behind it: by whom, and until when. Nobody vouches for
  // either but where `believed`.
  PeerId verifier = {};
  Digest verdict = {};
  Time until = {};
  bool believed = false;  // signed by one whom the reader trusts, for all of the offer's devices
};

// An offer as queries see it.
struct OfferView {
  Digest id = {};
  PeerId provider = {};
  std::string provider_name = {};
  Offer offer = {};  // its grade is the one that the reader believes
  CapabilityClaim claim = {};
};

class Query {
 public:
  // Errors point at the column and say what was expected; an unknown field lists the known ones.
  static Result<Query> Parse(std::string_view text);
  Query(Query&&) noexcept;
  Query& operator=(Query&&) noexcept;
  ~Query();

  bool Matches(const OfferView& offer) const;
  // The matching offers' positions, in the query's order; without "order by" by price, then id.
  std::vector<size_t> Select(const std::vector<OfferView>& offers) const;

  // For `souk why`: the predicates that the offer fails, nearest first; of an `or` only those of
  // the nearest alternative. Empty where the offer matches.
  struct Failure {
    std::string field = {};
    std::string has = {};
    std::string wanted = {};
    double off_by = 0;  // relative, where both are numbers; otherwise 1
  };
  std::vector<Failure> Explain(const OfferView& offer) const;

 private:
  struct Parsed;
  explicit Query(std::unique_ptr<Parsed> parsed);
  std::unique_ptr<Parsed> parsed_;
};

// The fields that a query may name, with what they mean, for help texts.
struct QueryField {
  const char* name;
  const char* meaning;
};
std::vector<QueryField> QueryFields();

}  // namespace souk
