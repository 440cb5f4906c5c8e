// souk offers, why and balance.
#include <fmt/format.h>

#include <optional>
#include <set>

#include "protocol/query.h"
#include "protocol/text.h"
#include "tools/souk/market.h"

namespace souk::tools {
namespace {

constexpr size_t kAccountColumns = 24;

// A distance makes sense between numbers only.
std::string OffBy(const Json& row) {
  const std::string has = TextAt(row, "has");
  if (has.empty() || has.find_first_of("0123456789") != 0) return "–";
  return fmt::format("{:+.0f} %", row.value("off_by", 0.0) * 100);
}

}  // namespace

int RunOffers(const Common& common, const std::string& query, size_t limit) {
  if (const auto parsed = Query::Parse(query); !parsed) return Misuse(parsed.error().message);
  auto link = DaemonLink::Reach(common, /*for_market=*/true);
  if (!link) return Fail(link.error());
  const auto found = link->Ask({{"do", "offers"}, {"query", query}, {"limit", limit}});
  if (!found) return Fail(found.error());
  if (common.json) {
    PrintJson(*found);
    return kDone;
  }
  const int64_t matches = NumberAt(*found, "matches");
  const int64_t total = NumberAt(*found, "total");
  if (matches > 0) Print(OffersTable((*found)["offers"]));
  std::string line = fmt::format("{} of {} match", matches, total);
  if (const int64_t leased = NumberAt(*found, "leased"); leased > 0) {
    line += fmt::format("; {} {} leased out now", leased, leased == 1 ? "is" : "are");
  }
  for (const Json& doubted : (*found)["doubted"]) {
    Print(Fold(fmt::format("! {} {}: its offers are left out{}\n", TextAt(doubted, "name"),
                           TextAt(doubted, "why"),
                           doubted.value("forked", false) ? "; the proof: souk forks" : ""),
               ColumnsOf(stdout), 2));
  }
  if (total == 0) line = "no offers known; see: souk doctor";
  if (matches < total) line += "; for the rest: " + WhyCommand(query);
  Print(line + "\n");
  return kDone;
}

int RunWhy(const Common& common, const std::string& query) {
  if (const auto parsed = Query::Parse(query); !parsed) return Misuse(parsed.error().message);
  auto link = DaemonLink::Reach(common, /*for_market=*/true);
  if (!link) return Fail(link.error());
  const auto found = link->Ask({{"do", "why"}, {"query", query}});
  if (!found) return Fail(found.error());
  if (common.json) {
    PrintJson(*found);
    return kDone;
  }
  const Json& nearest = (*found)["nearest"];
  const int64_t matches = NumberAt(*found, "matches");
  const int64_t total = NumberAt(*found, "total");
  Print(fmt::format("{} of {} match.{}\n", matches, total, nearest.empty() ? "" : " Nearest:"));
  Table table({{"OFFER"}, {"PROVIDER"}, {"FAILS ON"}, {"HAS"}, {"WANTED"}, {"OFF BY"}});
  const std::vector<std::string> ids = ShortIdsOf(nearest);
  for (size_t i = 0; i < nearest.size(); ++i) {
    const Json& row = nearest[i];
    table.Add({ids[i], Shorten(TextAt(row, "name"), kNameColumns), TextAt(row, "field"),
               TextAt(row, "has"), TextAt(row, "wanted"), OffBy(row)});
  }
  if (table.rows() > 0) Print(table);
  for (const Json& row : (*found)["fails"]) {
    Print(fmt::format("{} fail{} {}\n", NumberAt(row, "offers"),
                      NumberAt(row, "offers") == 1 ? "s" : "", TextAt(row, "field")));
  }
  return kDone;
}

namespace {

// The books to ask, by identity: the one of that name or identity, else those that this node was
// told of: its own and its bootstrap peers'. Anybody can call itself a clearing peer, and is not
// asked for that alone, but where no other is known.
Result<std::vector<std::string>> FindBooks(DaemonLink& link, const std::string& wanted) {
  ASSIGN_OR_RETURN(const Json id, link.Ask({{"do", "id"}}));
  ASSIGN_OR_RETURN(const Json status, link.Ask({{"do", "status"}}));
  std::set<std::string> chosen = {TextAt(id, "id")};
  for (const Json& peer : status["bootstrap"]) chosen.insert(TextAt(peer, "peer"));
  std::vector<std::string> books;
  std::string known;
  for (const Json& account : id["accounts"]) {
    const std::string book = TextAt(account, "book"), name = TextAt(account, "book_name");
    const bool only = id["accounts"].size() == 1;
    const bool meant =
        wanted.empty() ? only || chosen.contains(book) : wanted == book || wanted == name;
    if (meant) books.push_back(book);
    known += (known.empty() ? "" : ", ") + name;
  }
  if (!books.empty()) return books;
  if (known.empty()) {
    return Error(Code::kNotFound, "no clearing peer is known yet; see: souk doctor");
  }
  return Error(Code::kNotFound,
               wanted.empty() ? "several clearing peers are known: " + known + "; say which: --book"
                              : "no book " + wanted + " is known, but " + known);
}

}  // namespace

int RunBalance(const Common& common, const std::string& book) {
  auto link = DaemonLink::Reach(common, /*for_market=*/true);
  if (!link) return Fail(link.error());
  const auto books = FindBooks(*link, book);
  if (!books) return Fail(books.error());
  Json all = Json::array();
  std::optional<Error> silent;
  for (const std::string& one : *books) {
    auto balance = link->Ask({{"do", "balance"}, {"book", one}}, Seconds(20));
    if (balance) {
      all.push_back(std::move(*balance));
    } else {
      silent = balance.error();
    }
  }
  if (all.empty()) return Fail(*silent);
  if (common.json) {
    Json out = books->size() == 1 ? all[0] : Json{{"books", all}};
    if (silent) out["error"] = silent->message;
    PrintJson(out);
    return silent ? kFailed : kDone;
  }
  // A terminal has no room for a whole account; souk id says it.
  const size_t room = ColumnsOf(stdout) == kAllColumns ? kAllColumns : kAccountColumns;
  Table table({{"BOOK"},
               {"CREDITS", Align::kRight},
               {"HELD", Align::kRight},
               {"INCOMING", Align::kRight},
               {"ACCOUNT"}});
  for (const Json& balance : all) {
    table.Add({TextAt(balance, "book_name"), FormatCredits({NumberAt(balance, "posted_micro")}),
               FormatCredits({NumberAt(balance, "held_micro")}),
               FormatCredits({NumberAt(balance, "incoming_micro")}),
               Shorten(TextAt(balance, "account"), room)});
  }
  Print(table);
  if (!silent) return kDone;
  return Fail(*silent);
}

}  // namespace souk::tools
