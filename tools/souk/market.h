// Offers as tables, and renting one: shared by offers, rent, run and demo.
#pragma once

#include "tools/common/terminal.h"
#include "tools/souk/daemon_link.h"

namespace souk::tools {

// The table that `souk offers` prints; every line ends in a newline.
std::string OffersTable(const Json& offers);
// What tells why offers did not match: "souk why 'QUERY'".
std::string WhyCommand(const std::string& query);

// "1 × RTX 4090, driver 550 (PTX ≤ 8.4)".
std::string DeviceLine(const Json& offer, uint32_t slices);
// "2×RTX 4090".
std::string CountedModel(const Json& offer);

struct RentPlan {
  Json offer = {};
  Duration duration = {};
  uint32_t slices = 1;
  std::string book = {};  // souk1…
  std::string book_name = {};
  Credits at_most = {};        // AmountDue over the whole duration
  Credits at_risk = {};        // one interval, as it begins
  Credits later_at_risk = {};  // one interval, as it ends up
};
// What renting that offer would mean. `book`: a name, or souk1…, or empty for the first.
// kUnsupported where the duration or the book is outside the offer's.
Result<RentPlan> PlanRent(const Json& offer, Duration duration, uint32_t slices,
                          const std::string& book);
// The same, and where no book is named the first of the offer's in which this node's account holds
// enough, beside what the plans before take; the first of all where none does.
Result<RentPlan> PlanRentWherePaid(DaemonLink& link, const Json& offer, Duration duration,
                                   uint32_t slices, const std::string& book,
                                   const std::vector<RentPlan>& before = {});
// Whether this node's accounts hold what all plans may cost together, before the first is rented.
// kExhausted. A book that does not answer is no reason to stop: it is asked again for each lease.
Status CanPay(DaemonLink& link, const std::vector<RentPlan>& plans);
// What is at risk, before money moves; four lines.
std::string PlanText(const RentPlan& plan);
// The same, no wider than the terminal on stderr.
std::string PlanLines(const RentPlan& plan);

// Whether a text is an offer's id or the beginning of one, and no query.
bool LooksLikeOfferId(const std::string& text);

// The best offer for a query, or the offer whose id begins so. Where all that match are leased out
// it waits some seconds, and says so on stderr. `fits` may refuse an offer and say why: the error
// is the first one's, one of kDuplicate only where there is no other. kNotFound names the nearest.
Result<Json> ChooseOffer(DaemonLink& link, const std::string& query,
                         const std::function<Status(const Json&)>& fits);

// Rents, and waits until the lease is metering. `step` hears of each phase: its name and how long
// it took. An error says why it was lost; nothing is held then, or it comes back by itself.
// `given_up`: called before an interrupted one is given back, which can take as long as its
// provider has for an answer.
Result<Json> Rent(DaemonLink& link, const RentPlan& plan, std::optional<Credits> max_cost,
                  const std::function<void(const std::string& phase, Duration took)>& step,
                  const std::function<void()>& given_up = {});

// Challenges the devices of these leases at once (ids, whole), and waits for the verdict. `size` 0:
// by the model.
Result<Json> ChallengeDevices(DaemonLink& link, const std::vector<std::string>& leases,
                              uint32_t rows, uint32_t size);
// A table, a line for each challenge; every line ends in a newline.
std::string ChallengesTable(const Json& challenges);
// Whether all of them passed.
bool AllPassed(const Json& challenges);

// Asks for the release and waits until the book has settled it. Where the daemon went away it is
// started again and asked anew; an error names the lease that may still run and be paid for.
Result<Json> Release(DaemonLink& link, const std::string& lease);
// The same of several at once, so that none runs on while another is waited for; they become what
// they were settled as. Goes on after an error, and returns all of them in one.
Status ReleaseAll(DaemonLink& link, std::vector<Json>& leases);

// On stderr, before a release that comes of an interrupt or an error: whoever does not wait for it
// has to know what may still run, and how to end it.
void TellReleasing(const std::string& lease);

// "kite: 5.0 s metered, 0.000583 cr paid, 0.069417 cr returned".
std::string SettledText(const Json& lease);

}  // namespace souk::tools
