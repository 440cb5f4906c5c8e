#include "tools/souk/market.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <thread>

#include "protocol/text.h"

namespace souk::tools {
namespace {

// The rent command's own deadlines end a lease that does not come about; this is beyond them.
constexpr Duration kRentWait = Minutes(3);
constexpr Duration kSettleWait = Seconds(60);
// For a leased device to come free.
constexpr Duration kFreeWait = Seconds(10);
constexpr int kReachAgain = 5;

std::string MaxDuration(int64_t ms) {
  return RoughDuration(Millis(ms));
}

// "ZZ" is ISO 3166's own word for a place that is not said.
std::string RegionText(const std::string& region) {
  return region.empty() || region == "ZZ" ? "–" : region;
}

Time TimeAt(const Json& json, const char* key) {
  return Time{NumberAt(json, key)};
}

// When something happened, by the lease's own story; zero where it did not yet.
Time WhenStory(const Json& lease, const char* what) {
  for (const Json& row : lease["story"]) {
    if (TextAt(row, "what").rfind(what, 0) == 0) return TimeAt(row, "time_ms");
  }
  return {};
}

Time NowWall() {
  return Time{std::chrono::duration_cast<std::chrono::milliseconds>(
                  std::chrono::system_clock::now().time_since_epoch())
                  .count()};
}

}  // namespace

bool LooksLikeOfferId(const std::string& text) {
  return text.size() >= 4 && text.size() <= 64 &&
         text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

std::string CountedModel(const Json& offer) {
  return fmt::format("{}×{}", NumberAt(offer, "count"), TextAt(offer, "model"));
}

// What this node believes, by whom; what it does not prints as the offer's own claim.
std::string GradeText(const Json& offer) {
  const auto claim = offer.find("claim");
  if (claim == offer.end()) return TextAt(offer, "grade");
  const bool named = claim->contains("verifier_name");
  const std::string by =
      named ? " by " + Shorten(TextAt(*claim, "verifier_name"), kNameColumns) : "";
  if (FlagAt(*claim, "believed")) return TextAt(offer, "grade") + by;
  return TextAt(offer, "grade") + ", claims " + TextAt(*claim, "grade") + by;
}

std::string OffersTable(const Json& offers) {
  Table table({{"OFFER"},
               {"PROVIDER"},
               {"GPU"},
               {"MEM", Align::kRight},
               {"CR/H", Align::kRight},
               {"GRADE"},
               {"MAX", Align::kRight},
               {"REGION"},
               {"KEPT"},
               {"EXPIRES", Align::kRight}});
  const std::vector<std::string> ids = ShortIdsOf(offers);
  const Time now = NowWall();
  for (size_t i = 0; i < offers.size(); ++i) {
    const Json& offer = offers[i];
    const Json& kept = offer["kept"];
    table.Add({ids[i], Shorten(TextAt(offer, "name"), kNameColumns), CountedModel(offer),
               FormatSize(static_cast<uint64_t>(NumberAt(offer, "memory_bytes"))),
               FormatRate({NumberAt(offer, "price_micro")}), GradeText(offer),
               MaxDuration(NumberAt(offer, "max_duration_in_ms")),
               RegionText(TextAt(offer, "region")),
               NumberAt(kept, "of") == 0
                   ? "–"
                   : fmt::format("{}/{}", NumberAt(kept, "good"), NumberAt(kept, "of")),
               RoughDuration(TimeAt(offer, "expires_ms") - now)});
  }
  return table.ToText(ColumnsOf(stdout));
}

std::string WhyCommand(const std::string& query) {
  return query.empty() ? "souk why" : "souk why '" + query + "'";
}

std::string DeviceLine(const Json& offer, uint32_t slices) {
  std::string out = fmt::format("{} × {}", slices, TextAt(offer, "model"));
  const std::string driver = TextAt(offer, "driver");
  if (!driver.empty()) out += ", driver " + driver;
  const int64_t ptx = NumberAt(offer, "newest_ptx");
  if (ptx != 0) out += fmt::format(" (PTX ≤ {}.{})", ptx / 10, ptx % 10);
  return out;
}

Result<RentPlan> PlanRent(const Json& offer, Duration duration, uint32_t slices,
                          const std::string& book) {
  RentPlan plan{.offer = offer, .duration = duration, .slices = slices};
  const Duration least = Millis(NumberAt(offer, "min_duration_in_ms"));
  const Duration most = Millis(NumberAt(offer, "max_duration_in_ms"));
  if (duration < least || duration > most) {
    return Error(Code::kUnsupported, fmt::format("{} rents for {} to {}, not for {}",
                                                 TextAt(offer, "name"), FormatDuration(least),
                                                 FormatDuration(most), FormatDuration(duration)));
  }
  const int64_t most_slices = NumberAt(offer, "slices");
  if (slices == 0 || slices > most_slices) {
    return Error(Code::kUnsupported, fmt::format("the offer has {} slice{}, not {}", most_slices,
                                                 most_slices == 1 ? "" : "s", slices));
  }
  std::string known;
  for (const Json& peer : offer["clearing_peers"]) {
    const std::string id = TextAt(peer, "id");
    const std::string name = TextAt(peer, "name");
    known += (known.empty() ? "" : ", ") + name;
    if (!plan.book.empty() || (!book.empty() && book != id && book != name)) continue;
    plan.book = id;
    plan.book_name = name;
  }
  if (plan.book.empty()) {
    return Error(Code::kUnsupported, book.empty()
                                         ? "the offer names no clearing peer"
                                         : fmt::format("{} does not settle in {}, but in {}",
                                                       TextAt(offer, "name"), book, known));
  }
  const Rate price{NumberAt(offer, "price_micro")};
  ASSIGN_OR_RETURN(plan.at_most, AmountDue(price, slices, duration));
  const Duration longest = Millis(NumberAt(offer, "longest_interval_in_ms"));
  ASSIGN_OR_RETURN(plan.at_risk, AmountDue(price, slices, std::min(duration, Seconds(1))));
  ASSIGN_OR_RETURN(plan.later_at_risk, AmountDue(price, slices, std::min(duration, longest)));
  return plan;
}

namespace {

// What this node's account in a book has beside what is held.
Result<Credits> FreeIn(DaemonLink& link, const std::string& book) {
  ASSIGN_OR_RETURN(const Json balance, link.Ask({{"do", "balance"}, {"book", book}}, Seconds(5)));
  return Credits{NumberAt(balance, "posted_micro") - NumberAt(balance, "held_micro")};
}

Credits CostIn(const std::string& book, const std::vector<RentPlan>& plans) {
  Credits cost = {};
  for (const RentPlan& plan : plans) {
    if (plan.book == book) cost = cost + plan.at_most;
  }
  return cost;
}

}  // namespace

Result<RentPlan> PlanRentWherePaid(DaemonLink& link, const Json& offer, Duration duration,
                                   uint32_t slices, const std::string& book,
                                   const std::vector<RentPlan>& before) {
  ASSIGN_OR_RETURN(RentPlan plan, PlanRent(offer, duration, slices, book));
  if (!book.empty() || offer["clearing_peers"].size() < 2) return plan;
  for (const Json& peer : offer["clearing_peers"]) {
    const std::string id = TextAt(peer, "id");
    // A book that does not answer is no reason to stop: another may.
    const auto free = FreeIn(link, id);
    if (free && *free >= CostIn(id, before) + plan.at_most) {
      return PlanRent(offer, duration, slices, id);
    }
  }
  return plan;
}

Status CanPay(DaemonLink& link, const std::vector<RentPlan>& plans) {
  std::set<std::string> asked;
  for (const RentPlan& plan : plans) {
    if (!asked.insert(plan.book).second) continue;
    const auto free = FreeIn(link, plan.book);
    const Credits cost = CostIn(plan.book, plans);
    if (!free || *free >= cost) continue;
    const auto leases = std::count_if(plans.begin(), plans.end(),
                                      [&](const RentPlan& one) { return one.book == plan.book; });
    return Error(Code::kExhausted,
                 fmt::format("{} in book {} may cost {} cr, and this node's account there has {} "
                             "cr left: shorten it with --for; souk balance shows the account to "
                             "which the book's operator can issue more",
                             leases == 1 ? "the lease" : fmt::format("{} leases", leases),
                             plan.book_name, FormatCredits(cost), FormatCredits(*free)));
  }
  return Ok();
}

std::string PlanText(const RentPlan& plan) {
  const Json& offer = plan.offer;
  const int64_t bond = NumberAt(offer, "bond_share_micro");
  std::string out = fmt::format("  device   {}\n", DeviceLine(offer, plan.slices));
  out += fmt::format("  price    {} cr/h, at most {} cr for {}, held in book {}\n",
                     FormatRate({NumberAt(offer, "price_micro")}), FormatCredits(plan.at_most),
                     FormatDuration(plan.duration), plan.book_name);
  out +=
      fmt::format("  at risk  {} cr (one interval; it grows to {} cr){}\n",
                  FormatCredits(plan.at_risk), FormatCredits(plan.later_at_risk),
                  bond == 0 ? "; no bond stands behind it"
                            : fmt::format("; bond share behind it {} cr", FormatCredits({bond})));
  out += fmt::format("  note     {} can read what you compute on\n", TextAt(offer, "name"));
  return out;
}

std::string PlanLines(const RentPlan& plan) {
  constexpr size_t kValueColumn = 11;
  return Fold(PlanText(plan), ColumnsOf(stderr), kValueColumn);
}

Result<Json> ChooseOffer(DaemonLink& link, const std::string& query,
                         const std::function<Status(const Json&)>& fits) {
  if (LooksLikeOfferId(query)) {
    ASSIGN_OR_RETURN(const Json all, link.Ask({{"do", "offers"}}));
    std::vector<Digest> ids;
    for (const Json& offer : all["offers"]) {
      ids.push_back(Digest::Parse(TextAt(offer, "id")).value_or(Digest{}));
    }
    const auto id = ResolveId(query, ids);
    if (!id && id.error().code == Code::kNotFound) {
      return Error(Code::kNotFound, "there is no live offer " + query + "; see: souk offers");
    }
    if (!id) return id.error();
    for (const Json& offer : all["offers"]) {
      if (TextAt(offer, "id") != id->Hex()) continue;
      RETURN_IF_ERROR(fits(offer));
      return offer;
    }
  }
  Json found;
  bool waits = false;
  const auto any = WaitUntil(kFreeWait, Millis(200), [&]() -> Result<bool> {
    ASSIGN_OR_RETURN(found, link.Ask({{"do", "offers"}, {"query", query}}));
    const int64_t leased = NumberAt(found, "leased");
    if (!found["offers"].empty() || leased == 0) return true;
    if (!waits) {
      fmt::print(stderr, "every offer that matches is leased; waiting up to {} for one of {}\n",
                 FormatDuration(kFreeWait), leased);
    }
    waits = true;
    return false;
  });
  if (!any) return any.error();
  if (!*any) {
    return Error(Code::kUnavailable,
                 "every offer that matches is leased now; see: " + WhyCommand(query));
  }
  if (found["offers"].empty()) {
    const int64_t total = NumberAt(found, "total");
    return Error(Code::kNotFound, total == 0 ? "no offers known; see: souk doctor"
                                             : fmt::format("no offer of {} matches; see: {}", total,
                                                           WhyCommand(query)));
  }
  std::optional<Error> refused;
  for (const Json& offer : found["offers"]) {
    if (FlagAt(offer, "own")) continue;
    const Status status = fits(offer);
    if (status) return offer;
    if (refused && (refused->code != Code::kDuplicate || status.error().code == Code::kDuplicate)) {
      continue;
    }
    refused = status.error();
    if (refused->code != Code::kDuplicate) {
      refused = refused->Within("offer of " + TextAt(offer, "name"));
    }
  }
  if (!refused) return Error(Code::kNotFound, "only offers of this node itself match");
  const int64_t leased = NumberAt(found, "leased");
  if (leased == 0) return *refused;
  return Error(refused->code, fmt::format("{}; {} more that {} leased now", refused->message,
                                          leased, leased == 1 ? "matches is" : "match are"));
}

Result<Json> Rent(DaemonLink& link, const RentPlan& plan, std::optional<Credits> max_cost,
                  const std::function<void(const std::string&, Duration)>& step,
                  const std::function<void()>& given_up) {
  Json request = {{"do", "rent"},
                  {"offer", TextAt(plan.offer, "id")},
                  {"book", plan.book},
                  {"slices", plan.slices},
                  {"duration_in_ms", plan.duration.ms}};
  if (max_cost) request["max_cost_micro"] = max_cost->micro;
  ASSIGN_OR_RETURN(const Json begun, link.Ask(request));
  const std::string id = TextAt(begun, "lease");
  Json lease;
  bool lost = false;
  std::set<std::string> told;
  const auto tell = [&](const char* phase, const char* from, const char* what) {
    const Time at = WhenStory(lease, what);
    if (at.ms == 0 || !told.insert(phase).second) return;
    step(phase, at - WhenStory(lease, from));
  };
  const auto done = WaitUntil(kRentWait, Millis(0), [&]() -> Result<bool> {
    ASSIGN_OR_RETURN(lease, link.WatchLease(id, TextAt(lease, "phase"), Millis(100)));
    tell("reserved", "order", "accepted");
    tell("committed", "accepted", "committed");
    tell("ready", "committed", "ready");
    const std::string state = TextAt(lease, "state");
    if (state == "Metering") return true;
    const std::string why = TextAt(lease, "sentence");
    if (!why.empty() || FlagAt(lease, "over") || state == "Closing" || state == "Closed") {
      lost = true;
      const std::string sentence = why.empty() ? TextAt(lease, "reason") : why;
      const char* rest = "";
      if (WhenStory(lease, "escrow held").ms != 0) rest = "; what was held comes back";
      if (sentence.find("exceeds_credits") != std::string::npos) {
        rest = "; souk balance shows the account to which the book's operator can issue more";
      }
      return Error(Code::kUnavailable, fmt::format("{} did not lease: {}{}",
                                                   TextAt(lease, "peer_name"), sentence, rest));
    }
    return false;
  });
  if (!done) {
    if (lost) return done.error();
    // Nobody is there to use it.
    InterruptGuard::Forget();
    if (given_up) given_up();
    TellReleasing(id);
    if (const auto released = Release(link, id); !released) return released.error();
    return Error(done.error().code,
                 fmt::format("{}; lease {} was given back", done.error().message, id.substr(0, 8)));
  }
  if (!*done) {
    return Error(Code::kUnavailable, "the lease did not begin in time; see: souk leases " + id);
  }
  return lease;
}

namespace {

Result<Json> ReleaseOnce(DaemonLink& link, const std::string& id) {
  ASSIGN_OR_RETURN(const Json asked, link.Ask({{"do", "release"}, {"lease", id}}));
  Json lease;
  const auto done = WaitUntil(kSettleWait, Millis(0), [&]() -> Result<bool> {
    ASSIGN_OR_RETURN(lease, link.WatchLease(id, TextAt(lease, "phase"), Millis(100)));
    return FlagAt(lease, "over");
  });
  if (!done) return done.error();
  if (!*done) {
    return Error(Code::kWrongState, fmt::format("released, but not settled yet; see: souk leases "
                                                "{}",
                                                id.substr(0, 8)));
  }
  return lease;
}

}  // namespace

Result<Json> Release(DaemonLink& link, const std::string& id) {
  auto lease = ReleaseOnce(link, id);
  if (lease || lease.error().code == Code::kWrongState) return lease;
  // For the market: until a counterparty has answered it signs nothing, a release neither. Not
  // once: the socket of a daemon that is dying still takes connections.
  for (int i = 0; i < kReachAgain && lease.error().code == Code::kUnavailable; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    auto again = DaemonLink::Reach({.dir = link.dir().string()}, /*for_market=*/true);
    if (!again) continue;
    link = std::move(*again);
    lease = ReleaseOnce(link, id);
    if (lease || lease.error().code == Code::kWrongState) return lease;
  }
  return Error(lease.error().code,
               fmt::format("lease {} may still run and be paid for: {}; to end it: souk release {}",
                           id.substr(0, 8), lease.error().message, id.substr(0, 8)));
}

Status ReleaseAll(DaemonLink& link, std::vector<Json>& leases) {
  std::optional<Error> failed;
  for (const Json& lease : leases) {
    // What fails here is asked again, and reported, below.
    static_cast<void>(link.Ask({{"do", "release"}, {"lease", TextAt(lease, "id")}}));
  }
  for (Json& lease : leases) {
    auto settled = Release(link, TextAt(lease, "id"));
    if (settled) lease = *settled;
    if (settled) continue;
    const std::string before = failed ? failed->message + "; " : "";
    failed = Error(failed ? failed->code : settled.error().code, before + settled.error().message);
  }
  return failed ? Status(*failed) : Ok();
}

void TellReleasing(const std::string& lease) {
  const std::string id = lease.substr(0, 8);
  fmt::print(stderr, "releasing lease {}; where this is cut short: souk release {}\n", id, id);
}

std::string SettledText(const Json& lease) {
  const Credits paid{NumberAt(lease, "paid_micro")};
  const Credits held{NumberAt(lease, "max_micro")};
  return fmt::format("{}: {} cr paid, {} cr returned", TextAt(lease, "peer_name"),
                     FormatCredits(paid), FormatCredits(held - paid));
}

}  // namespace souk::tools
