// souk: what renters hold.
#include <CLI/CLI.hpp>
#include <bit>

#include "gpu/cuda/open_device.h"
#include "protocol/base/file.h"
#include "tools/common/cli.h"
#include "tools/common/terminal.h"
#include "tools/souk/commands.h"

namespace souk::tools {
namespace {

constexpr const char* kExamples =
    "Examples:\n"
    "  souk demo                                       a whole market on this machine\n"
    "  souk offers 'gpu.memory >= 24GiB order by price'\n"
    "  souk rent b071 --for 10m\n"
    "  souk run workload.toml                          rents, runs, fetches, releases\n"
    "  souk run workload.toml --local                  on this machine, no market\n"
    "  souk inspect kernel.ptx";

const CLI::Validator kDevice(
    [](std::string& text) {
      const Status status = gpu::CheckDeviceName(text);
      return status || text.empty() ? std::string() : status.error().message;
    },
    "");

// As limits::kLeastChallenge and kMostChallenge have it.
const CLI::Validator kMatrixSize(
    [](std::string& text) {
      std::string wrong = CLI::Range(64, 65'536)(text);
      if (!wrong.empty()) return wrong;
      return std::has_single_bit(std::stoul(text)) ? wrong : "'" + text + "' is no power of two";
    },
    "");

class CommandLine {
 public:
  CommandLine() : app_("rents GPUs and runs workloads on them", "souk") {
    SetProgramName("souk");
    app_.footer(kExamples);
  }
  int Run(int argc, char** argv);

 private:
  CLI::App* Add(const char* name, const char* description);
  void AddLocal();
  void AddRun();
  void AddMarket();
  void AddLeases();
  void AddChallenges();
  void AddJobs();
  void AddDemo();

  CLI::App app_;
  std::function<int()> action_ = {};
  Common common_ = {};
  InitOptions init_ = {};
  CompileOptions compile_ = {};
  std::filesystem::path inspect_ = {};
  std::filesystem::path forks_out_ = {};
  RunOptions run_ = {};
  RentOptions rent_ = {};
  ChallengeOptions challenge_ = {};
  FetchOptions fetch_ = {};
  DemoOptions demo_ = {};
  std::string query_ = {};
  std::string id_ = {};
  std::string book_ = {};
  size_t limit_ = 1000;
  bool flag_ = false;
};

CLI::App* CommandLine::Add(const char* name, const char* description) {
  CLI::App* command = app_.add_subcommand(name, description);
  command->add_flag("--json", common_.json, "One JSON document on stdout");
  command->add_option("--dir", common_.dir, "The node's directory (else $SOUK_DIR)")
      ->type_name("DIR");
  return command;
}

void CommandLine::AddLocal() {
  CLI::App* init = Add("init", "Makes this node's identity and config.toml");
  init->add_option("--name", init_.name, "How others see it; the host's name by default")
      ->type_name("NAME");
  init->add_option("--bootstrap", init_.bootstrap,
                   "A peer to start from: souk1…@host:port/KEY, as its operator's souk id prints")
      ->type_name("ADDRESS");
  init->footer(
      "Example:\n  souk init --bootstrap souk1…@boot.example:7100/9f3a…\n"
      "With SOUK_PASSPHRASE set the identity is locked; every later command then needs it too.");
  init->callback([this] { action_ = [this] { return RunInit(common_, init_); }; });

  Add("id", "Prints this node's identity, addresses and accounts")->callback([this] {
    action_ = [this] { return RunId(common_); };
  });
  Add("doctor", "Says what on this machine would stop a lease or a job")->callback([this] {
    action_ = [this] { return RunDoctor(common_); };
  });

  CLI::App* compile = Add("compile", "Compiles CUDA C++ to canonical PTX, or rewrites PTX so");
  compile->add_option("SOURCE", compile_.source, "K.cu or K.ptx")->required();
  compile->add_option("-o,--out", compile_.out, "K.ptx; - for stdout")
      ->required()
      ->type_name("FILE");
  compile->add_option("--arch", compile_.arch, "Compute capability × 10")->capture_default_str();
  compile->add_flag("!--no-fmad", compile_.fmad, "Never fuse a * b + c");
  compile->footer(
      "Example:\n  souk compile kernel.cu -o kernel.ptx --arch 80\n"
      "A source that takes more than 10 minutes or 4 GiB of memory is given up.");
  compile->callback([this] { action_ = [this] { return RunCompile(common_, compile_); }; });

  CLI::App* inspect = Add("inspect", "Each kernel's class, why, and what is not supported");
  inspect->add_option("FILE", inspect_, "K.ptx or K.cu")->required();
  inspect->callback([this] { action_ = [this] { return RunInspect(common_, inspect_); }; });
}

void CommandLine::AddRun() {
  CLI::App* run = Add("run", "Runs a workload: on a lease, on a new one, or --local");
  run->add_option("WORKLOAD", run_.manifest, "workload.toml")->required();
  run->add_flag("--local", run_.local, "On this machine's device, without a market");
  run->add_option("--device", run_.device, "With --local: cpu, cuda, cuda:1, or auto, the default")
      ->check(kDevice);
  run->add_flag(
      "--check", run_.check,
      "With --local: find races, conflicts between blocks and uninitialised reads; exit 1 "
      "where there are some");
  run->add_flag("--profile", run_.profile,
                "With --local: where the kernels' work goes, by kernel and source line");
  run->add_option("--lease", run_.leases,
                  "On this lease; else one is rented and released. Once for each replica")
      ->type_name("ID")
      ->check(IdPrefix());
  run->add_option("--for", run_.duration, "Rent for so long; else the manifest's")
      ->type_name("10m");
  run->add_option("--max-cost", run_.max_cost, "Refuse where it could cost more")
      ->type_name("CREDITS");
  run->add_option("--book", run_.book, "The clearing peer to pay through")->type_name("NAME");
  run->add_option("--replicate", run_.replicate,
                  "none; sample P, twice for a share P of jobs; N of M, on M providers of whom N "
                  "must agree. Else the manifest's")
      ->type_name("POLICY");
  run->add_flag("-y,--yes", run_.yes, "Rent without asking");
  run->add_option("-o,--out", run_.out, "Where results go; results/<id> by default")
      ->type_name("DIR");
  run->footer(
      "Examples:\n  souk run workloads/digits/workload.toml --local\n"
      "  souk run workload.toml --lease 9d24\n  souk run workload.toml --yes --max-cost 0.10\n"
      "  souk run workload.toml --yes --replicate '2 of 3'");
  run->callback([this] { action_ = [this] { return RunRun(common_, run_); }; });
}

void CommandLine::AddMarket() {
  CLI::App* offers = Add("offers", "Lists the offers that match, in the query's order");
  offers->add_option("QUERY", query_, "As in: gpu.memory >= 24GiB and price <= 2 order by price");
  offers->add_option("--limit", limit_, "At most so many")->capture_default_str();
  offers->footer(
      "Examples:\n  souk offers\n"
      "  souk offers 'gpu.model ~ \"H100\" and region in (\"DE\",\"FR\") order by price'");
  offers->callback([this] { action_ = [this] { return RunOffers(common_, query_, limit_); }; });

  CLI::App* why = Add("why", "Says why offers did not match, nearest first");
  why->add_option("QUERY", query_, "The same query; without it, what keeps any offer away");
  why->footer("Example:\n  souk why 'gpu.model ~ \"H100\" and price <= 2'");
  why->callback([this] { action_ = [this] { return RunWhy(common_, query_); }; });

  CLI::App* forks = Add("forks", "Proof that a peer signed two histories of its log");
  forks->add_option("--out", forks_out_, "Write each proof to PEER.fork in this folder")
      ->type_name("DIR");
  forks->footer("Anyone can check a proof:\n  souk-audit check-fork FILE --key VKEY");
  forks->callback([this] { action_ = [this] { return RunForks(common_, forks_out_); }; });

  CLI::App* balance = Add("balance", "This node's credits, book by book");
  balance->add_option("--book", book_, "Only this clearing peer's; else all of bootstrap's")
      ->type_name("NAME");
  balance->callback([this] { action_ = [this] { return RunBalance(common_, book_); }; });
}

void CommandLine::AddLeases() {
  CLI::App* rent = Add("rent", "Rents the best offer of a query, or one by its id");
  rent->add_option("QUERY", rent_.query, "A query, or an offer's id")->required();
  rent->add_option("--for", rent_.duration, "How long")->required()->type_name("10m");
  rent->add_option("--max-cost", rent_.max_cost, "Refuse where it could cost more")
      ->type_name("CREDITS");
  rent->add_option("--book", rent_.book, "The clearing peer to pay through")->type_name("NAME");
  rent->add_option("--slices", rent_.slices, "How many")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  rent->add_flag("-y,--yes", rent_.yes, "Rent without asking");
  rent->add_flag("--challenge", rent_.challenge,
                 "Challenge the device at once, and release it where it does not pass");
  rent->footer(
      "Examples:\n  souk rent b071 --for 10m\n  souk rent 'order by price' --for 1h --yes");
  rent->callback([this] { action_ = [this] { return RunRent(common_, rent_); }; });

  CLI::App* leases = Add("leases", "Lists leases, or tells one's story");
  leases->add_option("ID", id_, "A lease")->check(IdPrefix());
  leases->add_flag("--open", flag_, "Only those that live");
  leases->callback([this] { action_ = [this] { return RunLeaseList(common_, id_, flag_); }; });

  CLI::App* release = Add("release", "Ends a lease and waits until it is settled");
  release->add_option("ID", id_, "The lease")->required()->check(IdPrefix());
  release->callback([this] { action_ = [this] { return RunRelease(common_, id_); }; });
}

void CommandLine::AddChallenges() {
  CLI::App* challenge =
      Add("challenge", "Has a lease's device prove that it is as fast as its model (R7)");
  challenge
      ->add_option("LEASE", challenge_.leases,
                   "Leases with one provider: their devices are challenged at once")
      ->required()
      ->check(IdPrefix());
  challenge->add_option("--rows", challenge_.rows, "How many rows of the product are checked")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  challenge
      ->add_option("--size", challenge_.size,
                   "Rows of the matrices, a power of two up to 65536; by the model otherwise")
      ->type_name("N")
      ->check(kMatrixSize);
  challenge->footer(
      "Example:\n  souk challenge 9d24\n"
      "It takes the whole device for a few seconds of the lease. 64 rows leave a device that skips "
      "a tenth of the work a chance of 1 in 850.");
  challenge->callback([this] { action_ = [this] { return RunChallenge(common_, challenge_); }; });

  CLI::App* challenges = Add("challenges", "Lists challenges, and what they came to");
  challenges->add_option("LEASE", id_, "Only this lease's")->check(IdPrefix());
  challenges->callback([this] { action_ = [this] { return RunChallengeList(common_, id_); }; });
}

void CommandLine::AddJobs() {
  CLI::App* jobs = Add("jobs", "Lists jobs, or shows one with its receipt");
  jobs->add_option("ID", id_, "A job")->check(IdPrefix());
  jobs->callback([this] { action_ = [this] { return RunJobs(common_, id_); }; });

  CLI::App* replicas =
      Add("replicas", "Jobs that ran on several providers, and whether these agree");
  replicas->add_option("ROUND", id_, "Only this round")->check(IdPrefix());
  replicas->footer(
      "Each provider commits to its result before any is revealed. Who was right where they differ "
      "says souk-audit replicas DIR --settle.");
  replicas->callback([this] { action_ = [this] { return RunReplicaList(common_, id_); }; });

  CLI::App* logs = Add("logs", "What is known of a job's life, or what its worker printed");
  logs->add_option("ID", id_, "The job")->required()->check(IdPrefix());
  logs->add_flag("-f,--follow", flag_, "Go on until it is over");
  logs->callback([this] { action_ = [this] { return RunLogs(common_, id_, flag_); }; });

  CLI::App* fetch = Add("fetch", "Writes a job's results, each checked against its receipt");
  fetch->add_option("ID", fetch_.job, "The job")->required()->check(IdPrefix());
  fetch->add_option("-o,--out", fetch_.out, "Where to; results/<id> by default")->type_name("DIR");
  fetch->add_flag("--evidence", fetch_.evidence,
                  "Also what a third party needs to judge it: job, receipt, proofs, blobs");
  fetch->callback([this] { action_ = [this] { return RunFetch(common_, fetch_); }; });
}

void CommandLine::AddDemo() {
  CLI::App* demo =
      app_.add_subcommand("demo", "A whole market on this machine: rents, runs, settles, audits");
  demo->add_flag("--json", common_.json, "One JSON document on stdout");
  demo->add_option("--dir", demo_.dir, "Where its nodes live; a new temporary folder by default")
      ->type_name("DIR");
  demo->add_option("--workload", demo_.workload, "Another workload than the digits")
      ->type_name("FILE");
  demo->callback([this] { action_ = [this] { return RunDemo(common_, demo_); }; });
}

int CommandLine::Run(int argc, char** argv) {
  AddDemo();
  AddLocal();
  AddMarket();
  AddLeases();
  AddChallenges();
  AddRun();
  AddJobs();
  return RunCommandLine(app_, argc, argv, action_);
}

}  // namespace
}  // namespace souk::tools

// Nothing escapes but a mistake in declaring the options, which ends the program.
// NOLINTNEXTLINE(bugprone-exception-escape)
int main(int argc, char** argv) {
  souk::OpenStandardStreams();
  return souk::tools::CommandLine().Run(argc, argv);
}
