#include "protocol/query.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "protocol/base/check.h"
#include "protocol/query_tree.h"

namespace souk {

using query::Literal;
using query::Node;
using query::Op;
using query::Predicate;
using query::Tree;
using query::Type;

struct Query::Parsed {
  Tree tree;
};

namespace {

char Lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
bool SameLetter(char a, char b) {
  return Lower(a) == Lower(b);
}

bool Equals(std::string_view text, std::string_view wanted) {
  return std::equal(text.begin(), text.end(), wanted.begin(), wanted.end(), SameLetter);
}
bool Contains(std::string_view text, std::string_view wanted) {
  return std::search(text.begin(), text.end(), wanted.begin(), wanted.end(), SameLetter) !=
             text.end() ||
         wanted.empty();
}

// For one literal; != and in are made of this by their caller.
bool TextMatches(const Predicate& predicate, const Literal& literal, const OfferView& offer) {
  const bool contains = predicate.op == Op::kContains;
  if (predicate.field->type == Type::kText) {
    const std::string_view text = predicate.field->text(offer);
    return contains ? Contains(text, literal.text) : Equals(text, literal.text);
  }
  // An id is long: its beginning is enough, but nothing at all is not a beginning.
  for (const std::string& name : predicate.field->ids(offer)) {
    if (contains ? Contains(name, literal.text) : Equals(name, literal.text)) return true;
    const bool begins = name.size() > literal.text.size() && literal.text.size() >= 4 &&
                        Equals(std::string_view(name).substr(0, literal.text.size()), literal.text);
    const bool is_id = predicate.field->name != std::string_view("provider") ||
                       literal.text.substr(0, 5) == "souk1";
    if (begins && is_id) return true;
  }
  return false;
}

bool NumberMatches(Op op, double has, double wanted) {
  switch (op) {
    case Op::kEqual:
    case Op::kIn:
      return has == wanted;
    case Op::kNotEqual:
      return has < wanted || has > wanted;  // not for NaN: an offer that does not say never matches
    case Op::kLess:
      return has < wanted;
    case Op::kLessEqual:
      return has <= wanted;
    case Op::kGreater:
      return has > wanted;
    case Op::kGreaterEqual:
      return has >= wanted;
    case Op::kContains:
      break;
  }
  CHECK(false && "numbers do not contain");
  return false;
}

bool Holds(const Predicate& predicate, const OfferView& offer) {
  if (query::IsNumeric(predicate.field->type)) {
    const double has = predicate.field->number(offer);
    return std::any_of(predicate.literals.begin(), predicate.literals.end(), [&](const Literal& l) {
      return NumberMatches(predicate.op, has, l.number);
    });
  }
  const bool any = std::any_of(predicate.literals.begin(), predicate.literals.end(),
                               [&](const Literal& l) { return TextMatches(predicate, l, offer); });
  return predicate.op == Op::kNotEqual ? !any : any;
}

// Recursion is bounded by the parser's depth.
bool Evaluate(const Tree& tree, size_t at, const OfferView& offer) {
  const Node& node = tree.nodes[at];
  const auto holds = [&](size_t child) { return Evaluate(tree, child, offer); };
  switch (node.kind) {
    case Node::Kind::kPredicate:
      return Holds(tree.predicates[node.predicate], offer);
    case Node::Kind::kAnd:
      return std::all_of(node.children.begin(), node.children.end(), holds);
    case Node::Kind::kOr:
      return std::any_of(node.children.begin(), node.children.end(), holds);
    case Node::Kind::kNot:
      return !holds(node.children[0]);
    case Node::Kind::kNumber:
    case Node::Kind::kField:
    case Node::Kind::kNegate:
    case Node::Kind::kAdd:
    case Node::Kind::kSubtract:
    case Node::Kind::kMultiply:
    case Node::Kind::kDivide:
      break;
  }
  CHECK(false && "arithmetic where a predicate belongs");
  return false;
}

// The values of the nodes up to the root, left to right: children stand before their parents, so
// that long sums need no recursion.
double Compute(const Tree& tree, size_t root, const OfferView& offer, std::vector<double>& values) {
  for (size_t at = 0; at <= root; ++at) {
    const Node& node = tree.nodes[at];
    const auto child = [&](size_t i) { return values[node.children[i]]; };
    switch (node.kind) {
      case Node::Kind::kPredicate:
      case Node::Kind::kAnd:
      case Node::Kind::kOr:
      case Node::Kind::kNot:
        break;
      case Node::Kind::kNumber:
        values[at] = node.number;
        break;
      case Node::Kind::kField:
        values[at] = node.field->number(offer);
        break;
      case Node::Kind::kNegate:
        values[at] = -child(0);
        break;
      case Node::Kind::kAdd:
        values[at] = child(0) + child(1);
        break;
      case Node::Kind::kSubtract:
        values[at] = child(0) - child(1);
        break;
      case Node::Kind::kMultiply:
        values[at] = child(0) * child(1);
        break;
      case Node::Kind::kDivide:
        values[at] = child(0) / child(1);
        break;
    }
  }
  return values[root];
}

Op Opposite(Op op) {
  switch (op) {
    case Op::kEqual:
      return Op::kNotEqual;
    case Op::kNotEqual:
      return Op::kEqual;
    case Op::kLess:
      return Op::kGreaterEqual;
    case Op::kLessEqual:
      return Op::kGreater;
    case Op::kGreater:
      return Op::kLessEqual;
    case Op::kGreaterEqual:
      return Op::kLess;
    case Op::kContains:
    case Op::kIn:
      return op;
  }
  CHECK(false && "an unknown comparison");
  return op;
}

const char* OpText(Op op) {
  switch (op) {
    case Op::kEqual:
      return "=";
    case Op::kNotEqual:
      return "!=";
    case Op::kLess:
      return "<";
    case Op::kLessEqual:
      return "<=";
    case Op::kGreater:
      return ">";
    case Op::kGreaterEqual:
      return ">=";
    case Op::kContains:
      return "~";
    case Op::kIn:
      return "in";
  }
  return "?";
}

// What was wanted, as it was typed; under a `not`, as its opposite.
std::string Wanted(const Predicate& predicate, bool negated) {
  const bool has_opposite = Opposite(predicate.op) != predicate.op;
  std::string out = negated && !has_opposite ? "not " : "";
  out += OpText(negated && has_opposite ? Opposite(predicate.op) : predicate.op);
  if (predicate.op != Op::kIn) return out + " " + predicate.literals[0].source;
  out += " (";
  for (size_t i = 0; i < predicate.literals.size(); ++i) {
    out += (i == 0 ? "" : ", ") + predicate.literals[i].source;
  }
  return out + ")";
}

// How far the offer is from the wanted number, relative to it; 1 where that has no meaning.
double OffBy(const Predicate& predicate, const OfferView& offer) {
  const Type type = predicate.field->type;
  const bool measured = query::IsNumeric(type) && type != Type::kGrade && type != Type::kJail &&
                        type != Type::kTime && predicate.op != Op::kIn &&
                        predicate.op != Op::kNotEqual;
  if (!measured) return 1;
  const double wanted = predicate.literals[0].number;
  const double off = std::abs(predicate.field->number(offer) - wanted) / std::abs(wanted);
  return std::isfinite(off) ? off : 1;
}

double Farthest(const std::vector<Query::Failure>& failures) {
  double out = 0;
  for (const Query::Failure& failure : failures) out = std::max(out, failure.off_by);
  return out;
}

// The predicates that would have to change for the node to hold (or, negated, not to hold).
std::vector<Query::Failure> Failures(const Tree& tree, size_t at, const OfferView& offer,
                                     bool negated) {
  const Node& node = tree.nodes[at];
  if (Evaluate(tree, at, offer) != negated) return {};
  if (node.kind == Node::Kind::kNot) return Failures(tree, node.children[0], offer, !negated);
  if (node.kind == Node::Kind::kPredicate) {
    const Predicate& predicate = tree.predicates[node.predicate];
    Query::Failure failure;
    failure.field = predicate.field->name;
    failure.has = query::ShowValue(*predicate.field, offer);
    failure.wanted = Wanted(predicate, negated);
    failure.off_by = OffBy(predicate, offer);
    return {failure};
  }
  // By De Morgan: all of an `and` must hold, and all of a negated `or` must fail.
  const bool needs_all = (node.kind == Node::Kind::kAnd) != negated;
  std::vector<Query::Failure> out;
  for (const size_t child : node.children) {
    std::vector<Query::Failure> more = Failures(tree, child, offer, negated);
    if (needs_all) {
      out.insert(out.end(), more.begin(), more.end());
    } else if (out.empty() || more.size() < out.size() ||
               (more.size() == out.size() && Farthest(more) < Farthest(out))) {
      out = std::move(more);  // one way is enough: the nearest
    }
  }
  return out;
}

struct Ranked {
  double key = 0;
  int64_t price = 0;
  size_t position = 0;
};

}  // namespace

Result<Query> Query::Parse(std::string_view text) {
  ASSIGN_OR_RETURN(Tree tree, query::ParseTree(text));
  auto parsed = std::make_unique<Parsed>();
  parsed->tree = std::move(tree);
  return Query(std::move(parsed));
}

Query::Query(std::unique_ptr<Parsed> parsed) : parsed_(std::move(parsed)) {}
Query::Query(Query&&) noexcept = default;
Query& Query::operator=(Query&&) noexcept = default;
Query::~Query() = default;

bool Query::Matches(const OfferView& offer) const {
  const Tree& tree = parsed_->tree;
  return !tree.where || Evaluate(tree, *tree.where, offer);
}

std::vector<size_t> Query::Select(const std::vector<OfferView>& offers) const {
  const Tree& tree = parsed_->tree;
  std::vector<double> values(tree.nodes.size());
  std::vector<Ranked> ranked;
  for (size_t i = 0; i < offers.size(); ++i) {
    if (!Matches(offers[i])) continue;
    Ranked next;
    next.price = offers[i].offer.price.micro_per_hour;
    next.position = i;
    if (tree.order_by) {
      next.key = Compute(tree, *tree.order_by, offers[i], values);
      if (tree.descending) next.key = -next.key;
      // What cannot be computed comes last, whichever way the order goes.
      if (!std::isfinite(next.key)) next.key = std::numeric_limits<double>::infinity();
    }
    ranked.push_back(next);
  }
  std::sort(ranked.begin(), ranked.end(), [&](const Ranked& a, const Ranked& b) {
    if (a.key != b.key) return a.key < b.key;
    if (a.price != b.price) return a.price < b.price;
    if (offers[a.position].id != offers[b.position].id) {
      return offers[a.position].id < offers[b.position].id;
    }
    return a.position < b.position;
  });
  if (tree.limit && ranked.size() > *tree.limit) ranked.resize(*tree.limit);
  std::vector<size_t> out;
  out.reserve(ranked.size());
  for (const Ranked& each : ranked) out.push_back(each.position);
  return out;
}

std::vector<Query::Failure> Query::Explain(const OfferView& offer) const {
  const Tree& tree = parsed_->tree;
  if (!tree.where) return {};
  std::vector<Failure> out = Failures(tree, *tree.where, offer, /*negated=*/false);
  std::stable_sort(out.begin(), out.end(),
                   [](const Failure& a, const Failure& b) { return a.off_by < b.off_by; });
  return out;
}

}  // namespace souk
