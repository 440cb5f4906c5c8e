// souk demo: a whole market on this machine, from offer to audited receipt.
#include <fmt/format.h>
#include <unistd.h>

#include "ledger/audit/audit.h"
#include "protocol/text.h"
#include "tools/audit/open_ledger.h"
#include "tools/souk/demo_market.h"
#include "tools/souk/job.h"
#include "tools/souk/programs.h"

namespace souk::tools {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using Balances = std::vector<std::pair<std::string, Credits>>;

constexpr Credits kIssued{10'000'000};
// The network learns the digits; less means that something computed wrongly.
constexpr double kLeastAccuracy = 0.95;

struct Audited {
  std::string name = {};
  ledger::AuditReport report = {};
};

// Everything that the demo saw, for the page and for --json.
struct Story {
  fs::path dir = {};
  Json offers = {};
  Balances before = {};
  Balances after = {};
  Json lease = {};
  Json job = {};
  std::vector<ResultFile> files = {};
  std::string accuracy = {};
  std::vector<Audited> audits = {};
  double seconds = 0;
  bool held = true;  // everything that had to hold
};

class Demo {
 public:
  Demo(const Common& common, const DemoOptions& options) : common_(common), options_(options) {}

  Status Run();
  const Story& story() const { return story_; }

 private:
  void Say(const std::string& line) const {
    if (!common_.json) PrintFolded(line + "\n", kDoneIndent);
  }
  void Hold(bool holds, const std::string& what);
  Status Open();
  Status RentAndRun();
  Status CheckAccuracy();
  Status CheckBalances();
  Status AuditAll();

  const Common& common_;
  const DemoOptions& options_;
  gpu::Manifest manifest_ = {};
  std::unique_ptr<DemoMarket> market_ = {};
  Clock::time_point start_ = Clock::now();
  Story story_ = {};
};

std::string GoodMark() {
  return Styled(stdout, Style::kGood, "✓");
}

void Demo::Hold(bool holds, const std::string& what) {
  story_.held = story_.held && holds;
  Say((holds ? GoodMark() : Styled(stdout, Style::kBad, "✗")) + " " + what);
}

Result<fs::path> DemoFolder(const DemoOptions& options) {
  std::error_code error;
  if (!options.dir.empty()) {
    if (fs::exists(options.dir, error) && !fs::is_empty(options.dir, error)) {
      return Error(Code::kDuplicate,
                   options.dir.string() + " is not empty: name another --dir, or remove it");
    }
    return fs::absolute(options.dir, error);
  }
  std::string pattern = (fs::temp_directory_path(error) / "souk-demo-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) {
    return Error(Code::kIo, "no folder could be made in " + fs::temp_directory_path().string());
  }
  return fs::path(pattern);
}

Status Demo::Open() {
  fs::path workload = options_.workload;
  if (workload.empty()) {
    ASSIGN_OR_RETURN(workload, FindSampleWorkload("digits"));
  }
  ASSIGN_OR_RETURN(manifest_, gpu::LoadManifest(workload));
  ASSIGN_OR_RETURN(story_.dir, DemoFolder(options_));
  Say(fmt::format("A market in {}: coop clears, kite and helio provide, ann rents",
                  story_.dir.string()));
  ASSIGN_OR_RETURN(market_, DemoMarket::Start(story_.dir));
  Say(fmt::format("{} 4 nodes up, {}", GoodMark(),
                  FormatElapsed(std::chrono::duration<double>(Clock::now() - start_).count())));
  RETURN_IF_ERROR(market_->IssueToRenter(kIssued, "demo"));
  Say(fmt::format("{} coop issued {} cr to ann\n", GoodMark(), FormatCredits(kIssued)));
  ASSIGN_OR_RETURN(const Json found,
                   market_->renter().link->Ask({{"do", "offers"}, {"query", "order by price"}}));
  story_.offers = found["offers"];
  Say("$ souk offers 'order by price'\n" + OffersTable(story_.offers));
  ASSIGN_OR_RETURN(story_.before, market_->Balances());
  return Ok();
}

Status Demo::RentAndRun() {
  DaemonLink& link = *market_->renter().link;
  const auto fits = [&](const Json& offer) { return FitsOffer(manifest_, offer); };
  ASSIGN_OR_RETURN(const Json offer, ChooseOffer(link, manifest_.market.query, fits));
  const Duration duration = Millis(static_cast<int64_t>(manifest_.market.duration_ms));
  ASSIGN_OR_RETURN(const RentPlan plan, PlanRent(offer, duration, 1, ""));
  const std::string offer_id = ShortIdOf(offer, story_.offers);
  Say(fmt::format("$ souk rent {} --for {}\n{}", offer_id, FormatDuration(duration),
                  PlanText(plan).substr(0, PlanText(plan).size() - 1)));
  std::string phases;
  ASSIGN_OR_RETURN(
      story_.lease, Rent(link, plan, plan.at_most, [&](const std::string& phase, Duration took) {
        phases += fmt::format("{}{} {} {}", phases.empty() ? "" : "   ", GoodMark(), phase,
                              FormatElapsed(static_cast<double>(took.ms) / 1000));
      }));
  const std::string lease = TextAt(story_.lease, "id").substr(0, 4);
  Say(phases + ", paying from now\n");
  Say(fmt::format("$ souk run {} --lease {}", manifest_.path.string(), lease));
  ASSIGN_OR_RETURN(const std::string id, SubmitJob(link, manifest_, TextAt(story_.lease, "id")));
  ASSIGN_OR_RETURN(story_.job, WatchJob(link, id));
  if (TextAt(story_.job, "state") != "done") {
    return Error(Code::kFault, fmt::format("the job {}: {}", TextAt(story_.job, "state"),
                                           TextAt(story_.job, "sentence")));
  }
  const fs::path results = story_.dir / "results" / id.substr(0, 4);
  ASSIGN_OR_RETURN(story_.files, FetchResults(link.dir(), story_.job, results));
  ASSIGN_OR_RETURN(story_.lease, Release(link, TextAt(story_.lease, "id")));
  const Json& receipt = story_.job["receipt"];
  const int64_t took = NumberAt(receipt, "finished_ms") - NumberAt(receipt, "started_ms");
  Say(fmt::format("done  job {}, {}, {}, {} cr → {}/ ({} files, digests match)", id.substr(0, 4),
                  TextAt(receipt, "class"), FormatElapsed(static_cast<double>(took) / 1000),
                  FormatCredits({NumberAt(story_.lease, "paid_micro")}), results.string(),
                  story_.files.size()));
  return Ok();
}

Status Demo::CheckAccuracy() {
  for (const ResultFile& file : story_.files) {
    if (file.path.filename() == "accuracy.npy") story_.accuracy = file.scalar;
  }
  if (story_.accuracy.empty()) {
    if (options_.workload.empty()) {
      return Error(Code::kNotFound, "the workload handed back no accuracy.npy");
    }
    return Ok();
  }
  const double accuracy = std::stod(story_.accuracy);
  Hold(accuracy >= kLeastAccuracy,
       fmt::format("accuracy {:.1f} % on images that it had not seen\n", accuracy * 100));
  return Ok();
}

Status Demo::CheckBalances() {
  RETURN_IF_ERROR(market_->WaitUntilQuiet());
  ASSIGN_OR_RETURN(story_.after, market_->Balances());
  Table table({{"BOOK coop"},
               {"BEFORE", Align::kRight},
               {"AFTER", Align::kRight},
               {"CHANGE", Align::kRight}});
  Credits changes = {};
  Credits sum = {};
  for (size_t i = 0; i < story_.after.size(); ++i) {
    const Credits change = story_.after[i].second - story_.before[i].second;
    changes = changes + change;
    sum = sum + story_.after[i].second;
    table.Add({story_.after[i].first, FormatCredits(story_.before[i].second),
               FormatCredits(story_.after[i].second),
               (change.micro > 0 ? "+" : "") + FormatCredits(change)});
  }
  Say(table.ToText().substr(0, table.ToText().size() - 1));
  const Credits paid{NumberAt(story_.lease, "paid_micro")};
  const auto change_of = [&](const char* name) {
    for (size_t i = 0; i < story_.after.size(); ++i) {
      if (story_.after[i].first == name) return story_.after[i].second - story_.before[i].second;
    }
    return Credits{};
  };
  const bool moved = change_of("ann") == Credits{} - paid &&
                     change_of(TextAt(story_.lease, "peer_name").c_str()) == paid;
  Hold(changes.micro == 0 && sum.micro == 0 && paid.micro > 0 && moved,
       fmt::format("ann paid {} what the book took from her; all accounts sum to {}\n",
                   TextAt(story_.lease, "peer_name"), FormatCredits(sum)));
  return Ok();
}

Status Demo::AuditAll() {
  RETURN_IF_ERROR(market_->Stop());
  Hold(true, "4 nodes stopped cleanly");
  for (const auto& node : market_->nodes()) {
    ASSIGN_OR_RETURN(const OpenedLedger opened, OpenLedger(node->dir, ""));
    Audited audited{node->name, ledger::Audit(opened.log())};
    const bool valid = audited.report.verdict == ledger::Verdict::kValid;
    Hold(valid, fmt::format("souk-audit verify {}: {} entries, {} signatures, {}",
                            node->dir.string(), audited.report.entries, audited.report.signatures,
                            ledger::VerdictName(audited.report.verdict)));
    for (const ledger::Finding& finding : audited.report.findings) {
      Say(fmt::format("  entry {} breaks {} \"{}\": {}", finding.entry, finding.rule, finding.name,
                      finding.what));
    }
    story_.audits.push_back(std::move(audited));
  }
  return Ok();
}

Status Demo::Run() {
  RETURN_IF_ERROR(Open());
  RETURN_IF_ERROR(RentAndRun());
  RETURN_IF_ERROR(CheckAccuracy());
  RETURN_IF_ERROR(CheckBalances());
  RETURN_IF_ERROR(AuditAll());
  story_.seconds = std::chrono::duration<double>(Clock::now() - start_).count();
  Say(fmt::format("\n{} in {}.  Look around: souk-audit show {}",
                  story_.held ? "Everything held" : "Not everything held",
                  FormatElapsed(story_.seconds), (story_.dir / "kite").string()));
  return Ok();
}

Json BalancesJson(const Story& story) {
  Json list = Json::array();
  for (size_t i = 0; i < story.after.size(); ++i) {
    list.push_back({{"node", story.after[i].first},
                    {"before_micro", story.before[i].second.micro},
                    {"after_micro", story.after[i].second.micro}});
  }
  return list;
}

Json StoryJson(const Story& story) {
  Json audits = Json::array();
  for (const Audited& one : story.audits) {
    Json findings = Json::array();
    for (const ledger::Finding& finding : one.report.findings) {
      findings.push_back(fmt::format("entry {}: {} {}: {}", finding.entry, finding.rule,
                                     finding.name, finding.what));
    }
    audits.push_back({{"peer", one.report.peer.ToString()},
                      {"name", one.name},
                      {"entries", one.report.entries},
                      {"signatures", one.report.signatures},
                      {"verdict", ledger::VerdictName(one.report.verdict)},
                      {"ok", one.report.verdict == ledger::Verdict::kValid},
                      {"findings", std::move(findings)}});
  }
  const int64_t paid = NumberAt(story.lease, "paid_micro");
  Json files = Json::array();
  for (const ResultFile& file : story.files) {
    files.push_back({{"file", file.path.string()}, {"digest", file.digest.ToString()}});
  }
  return {{"ok", story.held},
          {"accuracy", story.accuracy.empty() ? Json() : Json(std::stod(story.accuracy))},
          {"cost", static_cast<double>(paid) / 1e6},
          {"cost_micro", paid},
          {"lease", TextAt(story.lease, "id")},
          {"provider", TextAt(story.lease, "peer_name")},
          {"job", TextAt(story.job, "id")},
          {"class", TextAt(story.job["receipt"], "class")},
          {"files", std::move(files)},
          {"audits", std::move(audits)},
          {"offers", story.offers},
          {"balances", BalancesJson(story)},
          {"dir", story.dir.string()},
          {"seconds", story.seconds}};
}

}  // namespace

int RunDemo(const Common& common, const DemoOptions& options) {
  Demo demo(common, options);
  const Status ran = demo.Run();
  if (!ran) {
    const int code = Fail(ran.error());
    if (!demo.story().dir.empty()) {
      fmt::print(stderr, "what there is lies in {}\n", demo.story().dir.string());
    }
    return code;
  }
  if (common.json) PrintJson(StoryJson(demo.story()));
  return demo.story().held ? kDone : kFailed;
}

}  // namespace souk::tools
