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

// An offer as queries see it.
struct OfferView {
  Digest id = {};
  PeerId provider = {};
  std::string provider_name = {};
  Offer offer = {};
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
