// Of the market: offers, and why some do not match.
#include <algorithm>

#include "node/control/answers.h"

namespace souk::node::control {
namespace {

using nlohmann::json;

constexpr int64_t kMostRows = 10'000;

json NamedPeers(const Asked& asked, const std::vector<PeerId>& peers) {
  json out = json::array();
  for (const PeerId& peer : peers)
    out.push_back({{"id", peer.ToString()}, {"name", asked.NameOf(peer)}});
  return out;
}

// This node's own ended leases with the provider. The device's loss is the provider's to answer
// for.
json Kept(const Asked& asked, const PeerId& provider) {
  uint64_t good = 0, of = 0;
  for (const auto& [id, lease] : asked.agent().renter().leases()) {
    if (lease.order.provider != provider || lease.phase != Renter::Phase::kClosed ||
        !lease.acceptance_document) {
      continue;
    }
    ++of;
    const auto reason = static_cast<uint16_t>(lease.reason);
    const bool fault =
        (reason >= 2000 && reason < 3000) || lease.reason == CloseReason::kDeviceLost;
    if (!fault) ++good;
  }
  return {{"good", good}, {"of", of}};
}

json OfferRow(const Asked& asked, const OfferView& view) {
  const Offer& offer = view.offer;
  json row = {{"id", view.id.Hex()},
              {"provider", view.provider.ToString()},
              {"name", view.provider_name},
              {"own", view.provider == asked.agent().identity().id()},
              {"kind", offer.device_kind},
              {"model", offer.model},
              {"architecture", offer.architecture},
              {"memory_bytes", offer.memory_bytes},
              {"count", offer.count},
              {"slices", offer.slices},
              {"driver", offer.driver},
              {"cuda_version", offer.cuda_version},
              {"newest_ptx", offer.newest_ptx},
              {"grade", GradeName(offer.grade)},
              {"fp32_mflops", offer.fp32_mflops},
              {"jail", JailGradeName(offer.jail)},
              {"price_micro", offer.price.micro_per_hour},
              {"hold_price_micro", offer.hold_price.micro_per_hour},
              {"hold_fee_micro", offer.hold_fee.micro},
              {"grace_in_ms", offer.grace.ms},
              {"notice_in_ms", offer.notice.ms},
              {"longest_interval_in_ms", offer.longest_interval.ms},
              {"min_duration_in_ms", offer.min_duration.ms},
              {"max_duration_in_ms", offer.max_duration.ms},
              {"region", offer.region},
              {"clearing_peers", NamedPeers(asked, offer.clearing_peers)},
              {"bond_share_micro", offer.bond_share.micro},
              {"bandwidth_kbps", offer.bandwidth_kbps},
              {"expires_ms", offer.expires.ms},
              {"kept", Kept(asked, view.provider)}};
  const CapabilityClaim& claim = view.claim;
  if (claim.grade != Grade::kDeclared) {
    json said = {{"grade", GradeName(claim.grade)}, {"believed", claim.believed}};
    if (!claim.verifier.IsZero()) {
      said["verifier"] = claim.verifier.ToString();
      said["verifier_name"] = asked.NameOf(claim.verifier);
      said["verdict"] = claim.verdict.Hex();
      said["until_ms"] = claim.until.ms;
    }
    row["claim"] = std::move(said);
  }
  if (offer.interruptible_price) {
    row["interruptible_price_micro"] = offer.interruptible_price->micro_per_hour;
  }
  return row;
}

// What a query cannot ask for: an offer whose devices are all leased has nothing to let now.
bool IsLeased(const OfferView& view) {
  return view.offer.slices == 0;
}
const Query::Failure kLeased{.field = "free", .has = "0", .wanted = "1", .off_by = -1};

// R3: whoever forked its log, or does not prove that it has not, gets no new leases.
std::string Doubt(const Asked& asked, const OfferView& view) {
  return asked.agent().heads().WhyDoubted(view.provider);
}
const Query::Failure kDoubted{
    .field = "log", .has = "doubted", .wanted = "one history", .off_by = 1};

// Each provider once, with the sentence.
json DoubtedProviders(const Asked& asked, const std::vector<OfferView>& offers) {
  std::map<PeerId, json> rows;
  for (const OfferView& view : offers) {
    const std::string doubt = Doubt(asked, view);
    if (doubt.empty()) continue;
    rows[view.provider] = {{"provider", view.provider.ToString()},
                           {"name", view.provider_name},
                           {"why", doubt},
                           {"forked", asked.agent().heads().forks().contains(view.provider)}};
  }
  json out = json::array();
  for (auto& [peer, row] : rows) out.push_back(std::move(row));
  return out;
}

// An offer that does not match, and all that it fails.
struct Miss {
  const OfferView* offer = nullptr;
  std::vector<Query::Failure> failures = {};
};

std::vector<Miss> Misses(const Asked& asked, const Query& query,
                         const std::vector<OfferView>& offers) {
  std::vector<Miss> out;
  for (const OfferView& offer : offers) {
    const bool doubted = !Doubt(asked, offer).empty();
    if (query.Matches(offer) && !IsLeased(offer) && !doubted) continue;
    Miss miss;
    miss.offer = &offer;
    miss.failures = query.Explain(offer);
    if (IsLeased(offer)) miss.failures.push_back(kLeased);
    if (doubted) miss.failures.push_back(kDoubted);
    if (!miss.failures.empty()) out.push_back(std::move(miss));
  }
  std::stable_sort(out.begin(), out.end(), [](const Miss& a, const Miss& b) {
    if (a.failures.size() != b.failures.size()) return a.failures.size() < b.failures.size();
    return a.failures[0].off_by < b.failures[0].off_by;
  });
  return out;
}

}  // namespace

Answer AnswerOffers(const Asked& asked, Fields& fields) {
  const std::string text = fields.Text("query").value_or("");
  const int64_t limit = fields.Integer("limit").value_or(1000);
  RETURN_IF_ERROR(fields.Done());
  ASSIGN_OR_RETURN(const Query query, Query::Parse(text));
  const std::vector<OfferView> offers = asked.agent().directory().AllOffers(asked.log_time());
  std::vector<size_t> matches = query.Select(offers);
  std::erase_if(matches, [&](size_t match) { return !Doubt(asked, offers[match]).empty(); });
  const size_t leased =
      std::erase_if(matches, [&](size_t match) { return IsLeased(offers[match]); });
  json rows = json::array();
  for (size_t i = 0;
       i < matches.size() && rows.size() < static_cast<size_t>(std::min(limit, kMostRows)); ++i) {
    rows.push_back(OfferRow(asked, offers[matches[i]]));
  }
  return json{{"offers", std::move(rows)},
              {"matches", matches.size()},
              {"leased", leased},
              {"doubted", DoubtedProviders(asked, offers)},
              {"total", offers.size()}};
}

Answer AnswerWhy(const Asked& asked, Fields& fields) {
  const std::string text = fields.Need("query", fields.Text("query"));
  const int64_t limit = fields.Integer("limit").value_or(20);
  RETURN_IF_ERROR(fields.Done());
  ASSIGN_OR_RETURN(const Query query, Query::Parse(text));
  const std::vector<OfferView> offers = asked.agent().directory().AllOffers(asked.log_time());
  const std::vector<Miss> misses = Misses(asked, query, offers);
  json nearest = json::array(), fails = json::array();
  std::map<std::string, uint64_t> by_field;
  for (const Miss& miss : misses) {
    for (const Query::Failure& failure : miss.failures) ++by_field[failure.field];
    if (nearest.size() >= static_cast<size_t>(std::min(limit, kMostRows))) continue;
    const Query::Failure& failure = miss.failures[0];
    nearest.push_back({{"id", miss.offer->id.Hex()},
                       {"provider", miss.offer->provider.ToString()},
                       {"name", miss.offer->provider_name},
                       {"field", failure.field},
                       {"has", failure.has},
                       {"wanted", failure.wanted},
                       {"off_by", failure.off_by}});
  }
  for (const auto& [field, count] : by_field)
    fails.push_back({{"field", field}, {"offers", count}});
  return json{{"matches", offers.size() - misses.size()},
              {"total", offers.size()},
              {"nearest", std::move(nearest)},
              {"fails", std::move(fails)}};
}

}  // namespace souk::node::control
