// souk run on the market: rents where no lease is named, runs, fetches, releases.
#include <fmt/format.h>

#include "protocol/text.h"
#include "tools/souk/job.h"

namespace souk::tools {
namespace {

namespace fs = std::filesystem;

struct Terms {
  Duration duration = {};
  std::optional<Credits> max_cost = {};
};

Result<Terms> TermsOf(const gpu::Manifest& manifest, const RunOptions& options) {
  Terms terms{.duration = Millis(static_cast<int64_t>(manifest.market.duration_ms))};
  if (!options.duration.empty()) {
    ASSIGN_OR_RETURN(terms.duration, ParseDuration(options.duration));
  }
  if (!options.max_cost.empty()) {
    ASSIGN_OR_RETURN(const Credits parsed, ParseCredits(options.max_cost));
    terms.max_cost = parsed;
  } else if (manifest.market.max_cost_ucredits != 0) {
    terms.max_cost = Credits{static_cast<int64_t>(manifest.market.max_cost_ucredits)};
  }
  return terms;
}

// Says what it may cost and asks; the lease once it is metering.
Result<Json> RentFor(DaemonLink& link, const gpu::Manifest& manifest, const RunOptions& options) {
  ASSIGN_OR_RETURN(const Terms terms, TermsOf(manifest, options));
  ASSIGN_OR_RETURN(const Json offer, ChooseOffer(link, manifest.market.query, [&](const Json& one) {
                     return FitsOffer(manifest, one);
                   }));
  ASSIGN_OR_RETURN(const RentPlan plan, PlanRent(offer, terms.duration, 1, options.book));
  if (terms.max_cost && plan.at_most > *terms.max_cost) {
    return Error(Code::kExhausted,
                 fmt::format("{} for {} may cost {} cr, more than the {} cr allowed: shorten it "
                             "with --for, or raise --max-cost",
                             TextAt(offer, "name"), FormatDuration(terms.duration),
                             FormatCredits(plan.at_most), FormatCredits(*terms.max_cost)));
  }
  if (!options.yes) {
    fmt::print(stderr, "{}", PlanText(plan));
    if (!IsTerminal(stdin)) {
      return Error(Code::kInvalidArgument, "nobody is here to be asked: say --yes to rent");
    }
    if (!Ask("Rent and run?")) return Error(Code::kInvalidArgument, "not rented");
  }
  ASSIGN_OR_RETURN(const Json lease,
                   Rent(link, plan, terms.max_cost, [](const std::string&, Duration) {}));
  ASSIGN_OR_RETURN(const Json all, link.Ask({{"do", "leases"}}));
  ASSIGN_OR_RETURN(const Json offers, link.Ask({{"do", "offers"}}));
  fmt::print(stderr, "rent  {} {}, lease {}, {} cr/h\n", TextAt(lease, "peer_name"),
             ShortIdOf(offer, offers["offers"]), ShortIdOf(lease, all["leases"]),
             FormatRate({NumberAt(lease, "price_micro")}));
  return lease;
}

struct Outcome {
  Json lease = {};
  Json job = {};
  std::string job_id = {};  // short
  fs::path dir = {};
  std::vector<ResultFile> files = {};
  bool released = false;
};

Result<Outcome> RunOnLease(DaemonLink& link, const gpu::Manifest& manifest, const Json& lease,
                           const RunOptions& options) {
  Outcome out{.lease = lease};
  ASSIGN_OR_RETURN(const std::string id, SubmitJob(link, manifest, TextAt(lease, "id")));
  ASSIGN_OR_RETURN(out.job, WatchJob(link, id));
  ASSIGN_OR_RETURN(const Json all, link.Ask({{"do", "jobs"}}));
  out.job_id = ShortIdOf(out.job, all["jobs"]);
  out.dir = options.out.empty() ? fs::path("results") / out.job_id : options.out;
  if (TextAt(out.job, "state") == "done") {
    ASSIGN_OR_RETURN(out.files, FetchResults(link.dir(), out.job, out.dir));
  }
  return out;
}

Json FilesJson(const std::vector<ResultFile>& files) {
  Json list = Json::array();
  for (const ResultFile& file : files) {
    Json one = {
        {"file", file.path.string()}, {"digest", file.digest.ToString()}, {"bytes", file.bytes}};
    if (!file.scalar.empty()) one["value"] = file.scalar;
    list.push_back(std::move(one));
  }
  return list;
}

int Report(const Common& common, const Outcome& out) {
  const bool done = TextAt(out.job, "state") == "done";
  const Credits cost{
      NumberAt(out.lease, FlagAt(out.lease, "settled") ? "paid_micro" : "best_micro")};
  if (common.json) {
    PrintJson({{"ok", done},
               {"job", out.job},
               {"lease", out.lease},
               {"cost_micro", cost.micro},
               {"dir", out.dir.string()},
               {"files", FilesJson(out.files)}});
    return done ? kDone : kFailed;
  }
  if (!done) {
    const std::string refused = TextAt(out.job, "refused");
    return Fail(fmt::format("job {} {}: {}", out.job_id, TextAt(out.job, "state"),
                            refused.empty() ? TextAt(out.job, "sentence") : refused));
  }
  const Json& receipt = out.job["receipt"];
  const int64_t spent = NumberAt(receipt, "finished_ms") - NumberAt(receipt, "started_ms");
  Print(fmt::format("done  job {}, {}, {}, {} cr → {}/ ({} file{}, digests match)\n", out.job_id,
                    TextAt(receipt, "class"), FormatElapsed(static_cast<double>(spent) / 1000),
                    FormatCredits(cost), out.dir.string(), out.files.size(),
                    out.files.size() == 1 ? "" : "s"));
  for (const ResultFile& file : out.files) {
    if (!file.scalar.empty()) {
      Print(fmt::format("      {} = {}\n", file.path.stem().string(), file.scalar));
    }
  }
  return kDone;
}

}  // namespace

int RunRemotely(const Common& common, const RunOptions& options) {
  const auto manifest = gpu::LoadManifest(options.manifest);
  if (!manifest) return Fail(manifest.error());
  if (!options.lease.empty() && !options.duration.empty()) {
    return Misuse("--for is for a new lease; leave it or --lease out");
  }
  auto link = DaemonLink::Reach(common, /*for_market=*/true);
  if (!link) return Fail(link.error());
  const bool own = options.lease.empty();
  const InterruptGuard guard;
  const auto lease = own ? RentFor(*link, *manifest, options) : link->FindLease(options.lease);
  if (!lease) {
    return own && lease.error().code == Code::kInvalidArgument ? Misuse(lease.error().message)
                                                               : Fail(lease.error());
  }
  auto outcome = RunOnLease(*link, *manifest, *lease, options);
  // Rented for this: given back whatever became of the job.
  InterruptGuard::Forget();
  Result<Json> settled = own ? Release(*link, TextAt(*lease, "id")) : *lease;
  if (!outcome) return Fail(outcome.error());
  if (settled) {
    outcome->lease = *settled;
  } else {
    (void)Fail(settled.error());
  }
  const int code = Report(common, *outcome);
  return settled ? code : kFailed;
}

}  // namespace souk::tools
