// souk rent, leases and release.
#include <fmt/format.h>

#include "protocol/limits.h"
#include "protocol/query.h"
#include "protocol/text.h"
#include "tools/souk/market.h"

namespace souk::tools {
namespace {

Duration LeftUntil(const Json& lease) {
  const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
                       std::chrono::system_clock::now().time_since_epoch())
                       .count();
  return Duration{NumberAt(lease, "ends_ms") - now};
}

std::string PaidText(const Json& lease) {
  const bool settled = FlagAt(lease, "settled");
  const Credits paid{NumberAt(lease, settled ? "paid_micro" : "best_micro")};
  return fmt::format("paid {} of {} cr", FormatCredits(paid),
                     FormatCredits({NumberAt(lease, "max_micro")}));
}

std::string EndText(const Json& lease) {
  if (FlagAt(lease, "over")) {
    const std::string sentence = TextAt(lease, "sentence");
    return sentence.empty() ? TextAt(lease, "reason") : sentence;
  }
  // What is closing has ended, and waits for its settlement.
  if (TextAt(lease, "state") == "Closing") return TextAt(lease, "reason");
  if (NumberAt(lease, "ends_ms") == 0) return "";
  return "ends in " + RoughDuration(LeftUntil(lease));
}

void PrintOne(const Json& lease, const std::string& id) {
  PrintFolded(fmt::format("{}  {}  {}  {}×{}  {}  {}\n", id, TextAt(lease, "phase"),
                          TextAt(lease, "peer_name"), NumberAt(lease, "slices"),
                          TextAt(lease, "model"), PaidText(lease), EndText(lease)),
              /*indent=*/6);
  Table table({{"TIME"}, {"WHO"}, {"WHAT"}, {"ENTRY"}});
  for (const Json& row : lease["story"]) {
    table.Add({LocalClockMillis({NumberAt(row, "time_ms")}), TextAt(row, "who"),
               TextAt(row, "what"), TextAt(row, "entry")});
  }
  Print(table);
}

void PrintLeases(const Json& leases) {
  Table table({{"LEASE"},
               {"SIDE"},
               {"WITH"},
               {"GPU"},
               {"CR/H", Align::kRight},
               {"PAID", Align::kRight},
               {"OF", Align::kRight},
               {"PHASE"},
               {"END"}});
  const std::vector<std::string> ids = ShortIdsOf(leases);
  for (size_t i = 0; i < leases.size(); ++i) {
    const Json& lease = leases[i];
    const bool settled = FlagAt(lease, "settled");
    table.Add({ids[i], TextAt(lease, "side"), Shorten(TextAt(lease, "peer_name"), kNameColumns),
               fmt::format("{}×{}", NumberAt(lease, "slices"), TextAt(lease, "model")),
               FormatRate({NumberAt(lease, "price_micro")}),
               FormatCredits({NumberAt(lease, settled ? "paid_micro" : "best_micro")}),
               FormatCredits({NumberAt(lease, "max_micro")}), TextAt(lease, "phase"),
               EndText(lease)});
  }
  Print(table.rows() > 0 ? table.ToText(ColumnsOf(stdout)) : "no leases\n");
}

// A device that does not pass is not what was rented.
Status ChallengeOrRelease(DaemonLink& link, const std::string& lease) {
  const auto challenges = ChallengeDevices(link, {lease}, /*rows=*/64, /*size=*/0);
  if (challenges) fmt::print(stderr, "{}", ChallengesTable(*challenges));
  if (challenges && AllPassed(*challenges)) return Ok();
  const Error why = challenges ? Error(Code::kFault, "the device did not pass its challenge")
                               : challenges.error().Within("the challenge");
  const auto released = Release(link, lease);
  if (!released) return Error(why.code, why.message + "; and " + released.error().message);
  return Error(why.code, why.message + "; released, " + SettledText(*released));
}

}  // namespace

int RunRent(const Common& common, const RentOptions& options) {
  const auto duration = ParseDuration(options.duration);
  if (!duration) return Misuse("--for: " + duration.error().message);
  std::optional<Credits> max_cost;
  if (!options.max_cost.empty()) {
    const auto parsed = ParseCredits(options.max_cost);
    if (!parsed) return Misuse("--max-cost: " + parsed.error().message);
    max_cost = *parsed;
  }
  if (!LooksLikeOfferId(options.query)) {
    if (const auto query = Query::Parse(options.query); !query) {
      return Misuse(query.error().message);
    }
  }
  auto link = DaemonLink::Reach(common, /*for_market=*/true);
  if (!link) return Fail(link.error());
  const auto offer = ChooseOffer(*link, options.query, [](const Json&) { return Ok(); });
  if (!offer) return Fail(offer.error());
  const auto plan = PlanRentWherePaid(*link, *offer, *duration, options.slices, options.book);
  if (!plan) return Fail(plan.error());
  if (max_cost && plan->at_most > *max_cost) {
    return Fail(fmt::format("it may cost {} cr, more than --max-cost {}",
                            FormatCredits(plan->at_most), FormatCredits(*max_cost)));
  }
  fmt::print(stderr, "{}", PlanLines(*plan));
  if (!options.yes) {
    if (!IsTerminal(stdin)) return Misuse("nobody is here to be asked: say --yes to rent");
    if (!Ask("Rent?")) return Fail("not rented");
  }
  bool any = false;
  const InterruptGuard guard;
  const auto lease = Rent(*link, *plan, max_cost, [&](const std::string& phase, Duration took) {
    const bool last = phase == "ready";
    fmt::print(stderr, "{}{} {} {}{}", any ? "   " : "", Styled(stderr, Style::kGood, "✓"), phase,
               FormatElapsed(static_cast<double>(took.ms) / 1000),
               last ? ", paying from now\n" : "");
    any = !last;
  });
  if (any) fmt::print(stderr, "\n");
  if (!lease) return Fail(lease.error());
  if (options.challenge) {
    const Status passed = ChallengeOrRelease(*link, TextAt(*lease, "id"));
    if (!passed) return Fail(passed.error());
  }
  if (common.json) {
    PrintJson(*lease);
    return kDone;
  }
  const auto all = link->Ask({{"do", "leases"}});
  const std::string id = all ? ShortIdOf(*lease, (*all)["leases"]) : TextAt(*lease, "id");
  PrintFolded(fmt::format("Lease {} until {}.  Next: souk run workload.toml --lease {}\n", id,
                          LocalClock({NumberAt(*lease, "ends_ms")}), id));
  return kDone;
}

int RunLeaseList(const Common& common, const std::string& id, bool open) {
  auto link = DaemonLink::Reach(common);
  if (!link) return Fail(link.error());
  const auto all = link->Ask({{"do", "leases"}, {"open", open}});
  if (!all) return Fail(all.error());
  if (id.empty()) {
    if (common.json) {
      PrintJson(*all);
    } else {
      PrintLeases((*all)["leases"]);
    }
    return kDone;
  }
  const auto lease = link->FindLease(id);
  if (!lease) return Fail(lease.error());
  if (common.json) {
    PrintJson(*lease);
  } else {
    PrintOne(*lease, ShortIdOf(*lease, (*all)["leases"]));
  }
  return kDone;
}

int RunRelease(const Common& common, const std::string& id) {
  auto link = DaemonLink::Reach(common);
  if (!link) return Fail(link.error());
  const auto lease = link->FindLease(id);
  if (!lease) return Fail(lease.error());
  const bool over = FlagAt(*lease, "over");
  const auto settled = over ? *lease : Release(*link, TextAt(*lease, "id"));
  if (!settled) return Fail(settled.error());
  if (common.json) {
    PrintJson(*settled);
  } else {
    Print(fmt::format("{} {}\n", over ? "was over already," : "released", SettledText(*settled)));
  }
  return kDone;
}

}  // namespace souk::tools
