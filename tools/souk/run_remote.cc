// souk run on the market: rents where no lease is named, runs, fetches, releases.
#include <fmt/format.h>

#include "protocol/query.h"
#include "protocol/text.h"
#include "tools/souk/job.h"

namespace souk::tools {
namespace {

namespace fs = std::filesystem;

struct Terms {
  Duration duration = {};
  std::optional<Credits> max_cost = {};
};

// What the command line says, else the manifest.
Result<Terms> TermsOf(const gpu::Manifest& manifest, const RunOptions& options) {
  Terms terms{.duration = Millis(static_cast<int64_t>(manifest.market.duration_ms))};
  if (!options.duration.empty()) {
    const auto parsed = ParseDuration(options.duration);
    if (!parsed) return parsed.error().Within("--for");
    terms.duration = *parsed;
  }
  if (!options.max_cost.empty()) {
    const auto parsed = ParseCredits(options.max_cost);
    if (!parsed) return parsed.error().Within("--max-cost");
    terms.max_cost = *parsed;
  } else if (manifest.market.max_cost_ucredits != 0) {
    terms.max_cost = Credits{static_cast<int64_t>(manifest.market.max_cost_ucredits)};
  }
  return terms;
}

// Says what it may cost and asks; the lease once it is metering.
// kInvalidArgument only where nobody can be asked.
Result<Json> RentFor(DaemonLink& link, const gpu::Manifest& manifest, const Terms& terms,
                     const RunOptions& options) {
  ASSIGN_OR_RETURN(const Json offer, ChooseOffer(link, manifest.market.query, [&](const Json& one) {
                     return FitsOffer(manifest, one);
                   }));
  ASSIGN_OR_RETURN(const RentPlan plan,
                   PlanRentWherePaid(link, offer, terms.duration, 1, options.book));
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
    if (!Ask("Rent and run?")) return Error(Code::kDenied, "not rented");
  }
  ASSIGN_OR_RETURN(const Json lease,
                   Rent(link, plan, terms.max_cost, [](const std::string&, Duration) {}));
  // Whatever fails from here on, the caller has a lease to give back.
  const auto all = link.Ask({{"do", "leases"}});
  const auto offers = link.Ask({{"do", "offers"}});
  fmt::print(stderr, "rent  {} {}, lease {}, {} cr/h\n", TextAt(lease, "peer_name"),
             offers ? ShortIdOf(offer, (*offers)["offers"]) : TextAt(offer, "id").substr(0, 8),
             all ? ShortIdOf(lease, (*all)["leases"]) : TextAt(lease, "id").substr(0, 8),
             FormatRate({NumberAt(lease, "price_micro")}));
  return lease;
}

struct Outcome {
  Json lease = {};
  Json job = {};
  std::string job_id = {};  // short
  fs::path dir = {};
  std::vector<ResultFile> files = {};
  Credits cost = {};
};

Result<Outcome> RunOnLease(DaemonLink& link, const gpu::Manifest& manifest, const Json& lease,
                           const RunOptions& options) {
  Outcome out{.lease = lease};
  const auto start = std::chrono::steady_clock::now();
  ASSIGN_OR_RETURN(const std::string id, SubmitJob(link, manifest, TextAt(lease, "id")));
  ASSIGN_OR_RETURN(out.job, WatchJob(link, id));
  // The lease is paid ahead and by the interval, whoever uses it: a job's share is its time.
  const Duration taken{std::chrono::duration_cast<std::chrono::milliseconds>(
                           std::chrono::steady_clock::now() - start)
                           .count()};
  ASSIGN_OR_RETURN(out.cost, AmountDue({NumberAt(lease, "price_micro")},
                                       static_cast<uint32_t>(NumberAt(lease, "slices")), taken));
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
  const Credits cost =
      FlagAt(out.lease, "settled") ? Credits{NumberAt(out.lease, "paid_micro")} : out.cost;
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
                            WithLineHint(refused.empty() ? TextAt(out.job, "sentence") : refused)));
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
  const bool own = options.lease.empty();
  if (!own && !(options.duration.empty() && options.max_cost.empty() && options.book.empty())) {
    return Misuse("--for, --max-cost and --book are for a new lease; leave them or --lease out");
  }
  const auto manifest = gpu::LoadManifest(options.manifest);
  if (!manifest) return Fail(manifest.error());
  const auto terms = TermsOf(*manifest, options);
  if (!terms) return Misuse(terms.error().message);
  if (const auto query = Query::Parse(manifest->market.query); !query) {
    return Fail(query.error().Within(options.manifest.string() + ": market.query"));
  }
  // Found out before it costs anything.
  const Status writable = CheckResultsFolder(options.out.empty() ? "results" : options.out);
  if (!writable) return Fail(writable.error());
  auto link = DaemonLink::Reach(common, /*for_market=*/true);
  if (!link) return Fail(link.error());
  const InterruptGuard guard;
  const auto lease =
      own ? RentFor(*link, *manifest, *terms, options) : link->FindLease(options.lease);
  if (!lease) {
    return own && lease.error().code == Code::kInvalidArgument ? Misuse(lease.error().message)
                                                               : Fail(lease.error());
  }
  auto outcome = RunOnLease(*link, *manifest, *lease, options);
  // Rented for this: given back whatever became of the job.
  InterruptGuard::Forget();
  const Result<Json> settled = own ? Release(*link, TextAt(*lease, "id")) : *lease;
  if (!outcome) {
    std::string sentence = outcome.error().message;
    if (!settled) sentence += "; " + settled.error().message;
    if (settled && own) sentence += "; the lease was released: " + SettledText(*settled);
    return Fail(Error(outcome.error().code, sentence));
  }
  if (settled) outcome->lease = *settled;
  const int code = Report(common, *outcome);
  return settled ? code : Fail(settled.error());
}

}  // namespace souk::tools
