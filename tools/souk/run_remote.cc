// souk run on the market: rents where no lease is named, runs, fetches, releases.
#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "gpu/workload/workload_class.h"
#include "protocol/query.h"
#include "protocol/replication.h"
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

// How the job is to be run: under a policy that samples, as it was drawn this once.
struct Manner {
  uint32_t agree = 1;
  uint32_t of = 1;
  uint32_t most = 1;  // as `of`, whatever is drawn
  bool sealed = false;
};

Result<Manner> MannerOf(const gpu::Manifest& manifest, const RunOptions& options) {
  const std::string& text =
      options.replicate.empty() ? manifest.market.replicate : options.replicate;
  if (text.empty()) return Manner();
  const auto policy = ParseReplicationPolicy(text);
  if (!policy) {
    return policy.error().Within(options.replicate.empty()
                                     ? options.manifest.string() + ": market.replicate"
                                     : "--replicate");
  }
  std::random_device random;
  const bool drawn =
      std::uniform_int_distribution<uint32_t>(0, 999'999)(random) < policy->per_million;
  Manner manner{.most = policy->of, .sealed = policy->sealed()};
  if (drawn) manner.agree = policy->agree;
  if (drawn) manner.of = policy->of;
  return manner;
}

// Another provider than those before; and where the kernels' class fixes no result across devices,
// a device of the same make.
Status FitsReplica(const Json& offer, const std::vector<RentPlan>& before, bool any_device) {
  for (const RentPlan& plan : before) {
    if (TextAt(plan.offer, "provider") == TextAt(offer, "provider")) {
      return Error(Code::kDuplicate, "no other provider's offer fits");
    }
    if (any_device) continue;
    for (const char* field : {"kind", "model", "architecture", "driver"}) {
      if (plan.offer[field] == offer[field]) continue;
      return Error(Code::kUnsupported, fmt::format("its {} is another than the first replica's, "
                                                   "and the kernels' results depend on it",
                                                   field));
    }
  }
  return Ok();
}

// `why`: no offer was found for the next replica.
Error WhyNoReplica(const Error& why, const std::vector<RentPlan>& before, uint32_t of) {
  std::string names;
  for (const RentPlan& plan : before) {
    names += (names.empty() ? "" : ", ") + TextAt(plan.offer, "name");
  }
  return why.Within(fmt::format("replica {} of {}, besides {}", before.size() + 1, of, names));
}

Result<std::vector<RentPlan>> PlanRents(DaemonLink& link, const gpu::Manifest& manifest,
                                        const Terms& terms, const Manner& manner,
                                        const RunOptions& options) {
  const ptx::Class claimed = gpu::ClassOfWorkload(manifest.workload, manifest.modules);
  const bool any_device = claimed == ptx::Class::kExact || claimed == ptx::Class::kExactOrdered;
  std::vector<RentPlan> plans;
  Credits at_most = {};
  while (plans.size() < manner.of) {
    const auto offer = ChooseOffer(link, manifest.market.query, [&](const Json& one) -> Status {
      RETURN_IF_ERROR(FitsReplica(one, plans, any_device));
      return FitsOffer(manifest, one);
    });
    if (!offer) {
      return plans.empty() ? offer.error() : WhyNoReplica(offer.error(), plans, manner.of);
    }
    ASSIGN_OR_RETURN(RentPlan plan,
                     PlanRentWherePaid(link, *offer, terms.duration, 1, options.book, plans));
    at_most = at_most + plan.at_most;
    plans.push_back(std::move(plan));
  }
  if (terms.max_cost && at_most > *terms.max_cost) {
    const std::string what =
        plans.size() == 1 ? TextAt(plans[0].offer, "name") : fmt::format("{} leases", plans.size());
    return Error(Code::kExhausted,
                 fmt::format("{} for {} may cost {} cr, more than the {} cr allowed: shorten it "
                             "with --for, or raise --max-cost",
                             what, FormatDuration(terms.duration), FormatCredits(at_most),
                             FormatCredits(*terms.max_cost)));
  }
  RETURN_IF_ERROR(CanPay(link, plans));
  return plans;
}

// Says what it may cost and asks; the leases once they are metering.
// kInvalidArgument only where nobody can be asked.
Result<std::vector<Json>> RentFor(DaemonLink& link, const gpu::Manifest& manifest,
                                  const Terms& terms, const Manner& manner,
                                  const RunOptions& options) {
  ASSIGN_OR_RETURN(const auto plans, PlanRents(link, manifest, terms, manner, options));
  if (!options.yes) {
    for (const RentPlan& plan : plans) fmt::print(stderr, "{}", PlanLines(plan));
    if (!IsTerminal(stdin)) {
      return Error(Code::kInvalidArgument, "nobody is here to be asked: say --yes to rent");
    }
    if (!Ask("Rent and run?")) return Error(Code::kDenied, "not rented");
  }
  std::vector<Json> leases;
  for (const RentPlan& plan : plans) {
    // Those rented before cost by the second.
    bool asked = false;
    const auto give_back = [&] {
      for (const Json& one : leases) {
        if (asked) break;
        TellReleasing(TextAt(one, "id"));
        static_cast<void>(link.Ask({{"do", "release"}, {"lease", TextAt(one, "id")}}));
      }
      asked = true;
    };
    const auto lease = Rent(
        link, plan, terms.max_cost, [](const std::string&, Duration) {}, give_back);
    if (!lease) {
      InterruptGuard::Forget();
      give_back();
      std::string before;
      for (const Json& one : leases) before += ", " + TextAt(one, "id").substr(0, 8);
      const Status released = ReleaseAll(link, leases);
      if (!before.empty() && released) before = "; given back too: " + before.substr(2);
      return Error(lease.error().code,
                   lease.error().message + (released ? before : "; " + released.error().message));
    }
    leases.push_back(*lease);
    // Whatever fails from here on, the caller has a lease to give back.
    const auto all = link.Ask({{"do", "leases"}});
    const auto offers = link.Ask({{"do", "offers"}});
    fmt::print(
        stderr, "rent  {} {}, lease {}, {} cr/h\n", TextAt(*lease, "peer_name"),
        offers ? ShortIdOf(plan.offer, (*offers)["offers"]) : TextAt(plan.offer, "id").substr(0, 8),
        all ? ShortIdOf(*lease, (*all)["leases"]) : TextAt(*lease, "id").substr(0, 8),
        FormatRate({NumberAt(*lease, "price_micro")}));
  }
  return leases;
}

// One for each replica, each of another provider.
Result<std::vector<Json>> FindLeases(DaemonLink& link, const Manner& manner,
                                     const std::vector<std::string>& prefixes) {
  std::vector<Json> leases;
  for (const std::string& prefix : prefixes) {
    ASSIGN_OR_RETURN(Json lease, link.FindLease(prefix));
    leases.push_back(std::move(lease));
  }
  if (leases.size() < manner.of) {
    return Error(Code::kInvalidArgument,
                 fmt::format("{} replicas need {} leases, each with another provider: say --lease "
                             "once for each",
                             manner.of, manner.of));
  }
  if (leases.size() > manner.most) {
    return Error(
        Code::kInvalidArgument,
        fmt::format("{} leases are given and {} used: leave out --lease, or say --replicate",
                    leases.size(), manner.most == 1 ? "one is" : "fewer are"));
  }
  // Under a policy that samples, most jobs need fewer than there are.
  leases.resize(manner.of);
  return leases;
}

struct Outcome {
  std::vector<Json> leases = {};
  Json round = {};          // null where it ran once
  Json job = {};            // whose result holds; null where no result of a round does
  std::string job_id = {};  // short; of the round where there is one
  fs::path dir = {};
  std::vector<ResultFile> files = {};
  std::vector<Credits> costs = {};  // by lease
};

// The lease is paid ahead and by the interval, whoever uses it: a job's share is its time.
Result<std::vector<Credits>> CostsOf(const std::vector<Json>& leases, Duration taken) {
  std::vector<Credits> costs;
  for (const Json& lease : leases) {
    ASSIGN_OR_RETURN(const Credits one,
                     AmountDue({NumberAt(lease, "price_micro")},
                               static_cast<uint32_t>(NumberAt(lease, "slices")), taken));
    costs.push_back(one);
  }
  return costs;
}

Status RunOnce(DaemonLink& link, const gpu::Manifest& manifest, bool sealed, Outcome& out) {
  ASSIGN_OR_RETURN(const std::string id,
                   SubmitJob(link, manifest, TextAt(out.leases[0], "id"), sealed));
  ASSIGN_OR_RETURN(out.job, WatchJob(link, id));
  ASSIGN_OR_RETURN(const Json all, link.Ask({{"do", "jobs"}}));
  out.job_id = ShortIdOf(out.job, all["jobs"]);
  return Ok();
}

Status RunReplicated(DaemonLink& link, const gpu::Manifest& manifest, const Manner& manner,
                     Outcome& out) {
  std::vector<std::string> leases;
  for (const Json& lease : out.leases) leases.push_back(TextAt(lease, "id"));
  ASSIGN_OR_RETURN(const std::string id, SubmitReplicas(link, manifest, leases, manner.agree));
  ASSIGN_OR_RETURN(out.round, WatchRound(link, id));
  out.job_id = id.substr(0, 8);
  if (!out.round.contains("result")) return Ok();
  ASSIGN_OR_RETURN(out.job, link.JobById(TextAt(out.round, "result")));
  return Ok();
}

Result<Outcome> RunOnLeases(DaemonLink& link, const gpu::Manifest& manifest, const Manner& manner,
                            const std::vector<Json>& leases, const RunOptions& options) {
  Outcome out{.leases = leases};
  const auto start = std::chrono::steady_clock::now();
  if (manner.of == 1) {
    RETURN_IF_ERROR(RunOnce(link, manifest, manner.sealed, out));
  } else {
    RETURN_IF_ERROR(RunReplicated(link, manifest, manner, out));
  }
  const Duration taken{std::chrono::duration_cast<std::chrono::milliseconds>(
                           std::chrono::steady_clock::now() - start)
                           .count()};
  ASSIGN_OR_RETURN(out.costs, CostsOf(leases, taken));
  out.dir = options.out.empty() ? fs::path("results") / out.job_id : options.out;
  if (!out.job.is_null() && TextAt(out.job, "state") == "done") {
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

// Of leases that are not settled, this job's share.
Credits PaidFor(const Outcome& out) {
  Credits paid = {};
  for (size_t i = 0; i < out.leases.size(); ++i) {
    const Json& lease = out.leases[i];
    paid =
        paid + (FlagAt(lease, "settled") ? Credits{NumberAt(lease, "paid_micro")} : out.costs[i]);
  }
  return paid;
}

std::string WhyNot(const Outcome& out) {
  if (out.job.is_null()) {
    return fmt::format("round {} {}: {} results of {} were to be the same; see: souk replicas {}",
                       out.job_id, TextAt(out.round, "state"), NumberAt(out.round, "agree"),
                       NumberAt(out.round, "of"), out.job_id);
  }
  return WhyNoResult(out.job);
}

int ReportJson(const Outcome& out, bool done) {
  Json json = {{"ok", done},
               {"job", out.job},
               {"lease", out.leases[0]},
               {"cost_micro", PaidFor(out).micro},
               {"dir", out.dir.string()},
               {"files", FilesJson(out.files)}};
  if (!out.round.is_null()) {
    json["replication"] = out.round;
    json["leases"] = out.leases;
  }
  if (done) {
    PrintJson(json);
    return kDone;
  }
  const std::string why = WhyNot(out);
  json["error"] = why;
  json["code"] = "failed";
  PrintJson(json);
  return Fail(why);
}

int Report(const Common& common, const Outcome& out, const std::string& dir) {
  const bool done = !out.job.is_null() && TextAt(out.job, "state") == "done";
  if (common.json) return ReportJson(out, done);
  const bool replicated = !out.round.is_null();
  if (!done) {
    if (replicated) Print(ReplicasTable(out.round) + SettleHint(out.round, dir));
    return Fail(WhyNot(out));
  }
  const Json& receipt = out.job["receipt"];
  const int64_t spent = NumberAt(receipt, "finished_ms") - NumberAt(receipt, "started_ms");
  const int64_t agreeing =
      replicated
          ? std::count_if(out.round["jobs"].begin(), out.round["jobs"].end(),
                          [](const Json& job) { return TextAt(job, "standing") == "agrees"; })
          : 0;
  PrintFolded(
      fmt::format(
          "done  {} {}, {}{}, {}, {} cr → {}/ ({} file{}, digests match)\n",
          replicated ? "round" : "job", out.job_id,
          replicated ? fmt::format("{} of {} agree, ", agreeing, NumberAt(out.round, "of")) : "",
          TextAt(receipt, "class"), FormatElapsed(static_cast<double>(spent) / 1000),
          FormatCredits(PaidFor(out)), out.dir.string(), out.files.size(),
          out.files.size() == 1 ? "" : "s"),
      kDoneIndent);
  for (const ResultFile& file : out.files) {
    if (!file.scalar.empty()) {
      Print(fmt::format("      {} = {}\n", file.path.stem().string(), file.scalar));
    }
  }
  if (replicated) Print(ReplicasTable(out.round) + SettleHint(out.round, dir));
  return kDone;
}

}  // namespace

int RunRemotely(const Common& common, const RunOptions& options) {
  const bool own = options.leases.empty();
  if (!own && !(options.duration.empty() && options.max_cost.empty() && options.book.empty())) {
    return Misuse("--for, --max-cost and --book are for a new lease; leave them or --lease out");
  }
  const auto manifest = gpu::LoadManifest(options.manifest);
  if (!manifest) return Fail(manifest.error());
  const auto terms = TermsOf(*manifest, options);
  if (!terms) return Misuse(terms.error().message);
  const auto manner = MannerOf(*manifest, options);
  if (!manner) {
    return options.replicate.empty() ? Fail(manner.error()) : Misuse(manner.error().message);
  }
  if (const auto query = Query::Parse(manifest->market.query); !query) {
    return Fail(query.error().Within(options.manifest.string() + ": market.query"));
  }
  // Found out before it costs anything.
  const Status writable = CheckResultsFolder(options.out.empty() ? "results" : options.out);
  if (!writable) return Fail(writable.error());
  auto link = DaemonLink::Reach(common, /*for_market=*/true);
  if (!link) return Fail(link.error());
  const InterruptGuard guard;
  auto leases = own ? RentFor(*link, *manifest, *terms, *manner, options)
                    : FindLeases(*link, *manner, options.leases);
  if (!leases) {
    return leases.error().code == Code::kInvalidArgument ? Misuse(leases.error().message)
                                                         : Fail(leases.error());
  }
  auto outcome = RunOnLeases(*link, *manifest, *manner, *leases, options);
  // Rented for this: given back whatever became of the job.
  InterruptGuard::Forget();
  for (const Json& lease : *leases) {
    if (own && !outcome) TellReleasing(TextAt(lease, "id"));
  }
  const Status settled = own ? ReleaseAll(*link, *leases) : Ok();
  if (!outcome) {
    std::string sentence = outcome.error().message;
    if (!settled) sentence += "; " + settled.error().message;
    if (settled && own) {
      for (const Json& lease : *leases) {
        sentence += "; the lease was released: " + SettledText(lease);
      }
    }
    return Fail(Error(outcome.error().code, sentence));
  }
  outcome->leases = *leases;
  const int code = Report(common, *outcome, link->dir().string());
  // The result is what was asked for; that a provider is gone does not undo it.
  if (!settled) fmt::print(stderr, "souk: {}\n", settled.error().message);
  return code;
}

}  // namespace souk::tools
