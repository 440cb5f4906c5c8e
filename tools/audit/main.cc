// souk-audit: what anyone can check with a ledger's bytes and a public key.
#include <CLI/CLI.hpp>
#include <charconv>

#include "protocol/base/file.h"
#include "tools/audit/commands.h"
#include "tools/common/cli.h"
#include "tools/common/terminal.h"

namespace souk::tools {
namespace {

constexpr const char* kExamples =
    "Examples:\n"
    "  souk-audit verify ~/.local/share/souk\n"
    "  souk-audit show DIR 118\n"
    "  souk-audit export DIR --tiles kite.tiles\n"
    "  souk-audit prove DIR --entry 118 --out 118.proof\n"
    "  souk-audit show DIR 118 --raw > 118.entry\n"
    "  souk-audit check-proof --key \"$(souk-audit key DIR)\" 118.entry 118.proof";

// CLI11 reads "-1", and what is beyond 64 bits, as the largest number.
CLI::Validator WholeNumber(const std::string& what, const std::string& label) {
  return CLI::Validator(
      [what](std::string& text) {
        uint64_t number = 0;
        const char* const end = text.data() + text.size();
        const auto read = std::from_chars(text.data(), end, number);
        const bool whole = read.ec == std::errc() && read.ptr == end;
        return whole ? std::string() : "'" + text + "' is no " + what;
      },
      label);
}
const CLI::Validator kIndex = WholeNumber("index", "INDEX");
const CLI::Validator kCount = WholeNumber("count", "COUNT");

CLI::App* AddCommand(CLI::App& app, const char* name, const char* description,
                     AuditTarget& target) {
  CLI::App* command = app.add_subcommand(name, description);
  command->add_option("DIR", target.dir, "A node's directory, tiles, an evidence bundle or a URL")
      ->required();
  command->add_option("--key", target.vkey, "The log's key (souk-audit key prints it)")
      ->type_name("VKEY");
  command->add_flag("--json", target.json, "One JSON document on stdout");
  return command;
}

// One that may be given again and again, with one value each.
template <typename Value>
CLI::Option* AddEach(CLI::App* command, const char* name, std::vector<Value>& values,
                     const char* description) {
  return command->add_option(name, values, description)
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

void AddTimeLimit(CLI::App* command, std::string& limit) {
  command->add_option("--time-limit", limit, "Give up after so long")
      ->type_name("DURATION")
      ->capture_default_str();
}

int Main(int argc, char** argv) {
  SetProgramName("souk-audit");
  CLI::App app("checks Souk ledgers from their bytes alone", "souk-audit");
  app.footer(kExamples);
  std::function<int()> action;
  AuditTarget target;

  VerifyOptions verify_options;
  CLI::App* verify = AddCommand(
      app, "verify", "Checks every signature, rebuilds the tree and decides every outcome anew",
      target);
  verify->add_option("--threads", verify_options.threads, "Threads; 0 takes every core")
      ->check(CLI::Range(0u, 256u))
      ->capture_default_str();
  CLI::Option* from =
      verify
          ->add_option("--from", verify_options.from,
                       "A checkpoint that was verified before: its signatures are believed")
          ->type_name("FILE");
  verify
      ->add_option("--resume", verify_options.resume,
                   "An audit that was saved: goes on from there and reads only what is new")
      ->type_name("FILE")
      ->excludes(from);
  verify->add_option("--save", verify_options.save, "Saves the audit for --resume")
      ->type_name("FILE");
  verify->add_flag("--full-speed", verify_options.full_speed,
                   "Does not wait for the pauses of a node that is at work here");
  CLI::Option* with = AddEach(verify, "--with", verify_options.with,
                              "A counterparty's ledger: what it has of this log must stand here")
                          ->type_name("DIR");
  AddEach(verify, "--with-key", verify_options.with_keys,
          "The key of such a ledger; once for each that needs one")
      ->type_name("VKEY")
      ->needs(with);
  CLI::Option* witness = AddEach(verify, "--witness", verify_options.witnesses,
                                 "Key of a witness that you trust; once for each")
                             ->type_name("VKEY");
  uint64_t quorum = 0;
  CLI::Option* asked =
      verify
          ->add_option("--quorum", quorum,
                       "How many of them must have cosigned; more than two thirds else")
          ->type_name("K")
          ->check(kCount)
          ->needs(witness);
  AddEach(verify, "--cosigned", verify_options.cosigned,
          "A checkpoint of this log with their lines, beside what the log has")
      ->type_name("FILE")
      ->needs(witness);
  bool repair_plan = false;
  CLI::Option* plan = verify->add_flag(
      "--repair-plan", repair_plan,
      "Of a damaged ledger instead: what is lost, and what to do; changes nothing");
  for (const char* other : {"--from", "--resume", "--save", "--with", "--witness"}) {
    plan->excludes(verify->get_option(other));
  }
  verify->footer(
      "VALID exits 0; INCOMPLETE and INVALID exit 1 and say why. --repair-plan exits 0 where the "
      "ledger opens. Whoever can write a saved audit can have the next one overlook what is in it: "
      "keep it where only you can.");
  verify->callback([&] {
    if (asked->count() > 0) verify_options.quorum = quorum;
    action = [&] {
      return repair_plan ? RunRepairPlan(target) : RunVerify(target, verify_options);
    };
  });

  ShowOptions show_options;
  uint64_t show_entry = 0;
  CLI::App* show =
      AddCommand(app, "show", "Lists the entries, or shows one with its documents", target);
  CLI::Option* entry = show->add_option("ENTRY", show_entry, "Its index")->check(kIndex);
  show->add_flag("--raw", show_options.raw, "The exact bytes of the leaf, to stdout")
      ->needs(entry)
      ->excludes(show->get_option("--json"));
  show->add_option("--from", show_options.from, "The list's first entry")
      ->type_name("N")
      ->check(kIndex);
  show->add_option("--count", show_options.count, "How many of the list; 0: all")
      ->type_name("N")
      ->check(kCount);
  show->callback([&] {
    if (entry->count() > 0) show_options.entry = show_entry;
    action = [&] { return RunShow(target, show_options); };
  });

  ExportCommand export_command;
  CLI::App* exported =
      AddCommand(app, "export", "Writes the whole log in a form that other programs read", target);
  CLI::Option* tiles =
      exported->add_option("--tiles", export_command.tiles, "A new directory of C2SP tlog-tiles")
          ->type_name("DIR");
  CLI::Option* format =
      exported->add_option("--format", export_command.format, "One line for each entry")
          ->type_name("FORMAT")
          ->check(CLI::IsMember({"jsonl", "csv"}))
          ->excludes(tiles);
  exported->add_option("--out", export_command.out, "Where the lines go; stdout else")
      ->type_name("FILE")
      ->needs(format);
  exported->footer(
      "Works on a stopped and on a live node. Nothing is overwritten, and what is written is there "
      "as a whole or not at all. souk-audit verify takes the directory of tiles, too.");
  exported->callback([&] { action = [&] { return RunExport(target, export_command); }; });

  AddCommand(app, "leases", "Every lease as this log tells it", target)->callback([&] {
    action = [&] { return RunLeases(target); };
  });
  AddCommand(app, "balances", "The accounts of this node's books", target)->callback([&] {
    action = [&] { return RunBalances(target); };
  });
  AddCommand(app, "key", "Prints the key of the log's checkpoints, as C2SP verifiers take it",
             target)
      ->callback([&] { action = [&] { return RunKey(target); }; });

  TimelineCommand timeline_command;
  CLI::App* timeline = app.add_subcommand(
      "timeline", "One lease across the ledgers of provider, renter and clearing peer");
  timeline->add_option("DIR", timeline_command.dirs, "Nodes' directories, tiles, bundles or URLs")
      ->required();
  timeline->add_option("--lease", timeline_command.lease, "Its id, or a prefix of it")
      ->required()
      ->type_name("ID")
      ->check(IdPrefix());
  AddEach(timeline, "--key", timeline_command.keys, "A log's key; once for each that needs one")
      ->type_name("VKEY");
  timeline->add_flag("--json", timeline_command.json, "One JSON document on stdout");
  timeline->footer(
      "Exits 0 where the ledgers agree, 1 where one contradicts another or lacks what another "
      "has.");
  timeline->callback([&] { action = [&] { return RunTimeline(timeline_command); }; });

  std::string challenge_lease;
  CLI::App* challenge =
      AddCommand(app, "challenge",
                 "Checks the capability challenges again, from the log and its blobs", target);
  challenge->add_option("--lease", challenge_lease, "Only this lease's")
      ->type_name("ID")
      ->check(IdPrefix());
  challenge->footer(
      "Exits 0 where every verdict holds, 1 where one differs or its rows are not here any more.");
  challenge->callback([&] { action = [&] { return RunChallengeAudit(target, challenge_lease); }; });

  uint64_t prove_entry = 0;
  std::filesystem::path prove_out;
  CLI::App* prove =
      AddCommand(app, "prove", "Writes an entry's inclusion proof (C2SP tlog-proof)", target);
  prove->add_option("--entry", prove_entry, "Its index")->required()->type_name("N")->check(kIndex);
  prove->add_option("--out", prove_out, "Where to; - for stdout")->required()->type_name("FILE");
  prove->callback([&] { action = [&] { return RunProve(target, prove_entry, prove_out); }; });

  ReplayCommand replay_command;
  uint64_t replay_words = 0;
  uint64_t replay_seed = 0;
  CLI::App* replay = AddCommand(
      app, "replay", "Looks at a job's result on this machine's CPU: samples of it, or the whole",
      target);
  replay->add_option("--job", replay_command.job, "The job's id, or a prefix of it")
      ->required()
      ->type_name("ID")
      ->check(IdPrefix());
  replay->add_option("--blocks", replay_command.blocks, "Blocks to run again")
      ->type_name("K")
      ->check(CLI::Range(uint64_t{1}, uint64_t{1} << 32))
      ->capture_default_str();
  CLI::Option* words =
      replay->add_option("--words", replay_words, "Changed words to look at; as many as blocks")
          ->type_name("K")
          ->check(CLI::Range(uint64_t{1}, uint64_t{1} << 32));
  replay->add_flag("--full", replay_command.full, "Everything, from the inputs on");
  replay->add_flag("--check", replay_command.check,
                   "Everything in checking mode; writes a fault document where one can be made");
  replay->add_option("--out", replay_command.out, "Where the fault document goes; ID.fault")
      ->type_name("FILE");
  CLI::Option* seed =
      replay->add_option("--seed", replay_seed, "Draws the same samples again")->type_name("N");
  AddTimeLimit(replay, replay_command.time_limit);
  replay->footer("AGREES exits 0; DIFFERS exits 1 and names what differs.");
  replay->callback([&] {
    if (words->count() > 0) replay_command.words = replay_words;
    if (seed->count() > 0) replay_command.seed = replay_seed;
    action = [&] { return RunReplay(target, replay_command); };
  });

  ReplicasCommand replicas_command;
  CLI::App* replicas = AddCommand(
      app, "replicas", "Jobs that ran on several providers: who agrees, who differs", target);
  replicas->add_option("--round", replicas_command.round, "Only this one; a prefix will do")
      ->type_name("ID")
      ->check(IdPrefix());
  replicas->add_flag("--settle", replicas_command.settle,
                     "Where results differ, runs the whole job here in checking mode and says who "
                     "was wrong");
  replicas->add_option("--out", replicas_command.out, "Folder for fault documents; this one else")
      ->type_name("DIR");
  AddTimeLimit(replicas, replicas_command.time_limit);
  replicas->footer(
      "Exits 0 where every round agreed and nobody differs. With --settle also where the CPU "
      "reference agrees with a result; fault documents are for souk-audit check-fault.");
  replicas->callback([&] { action = [&] { return RunReplicas(target, replicas_command); }; });

  CheckFaultCommand fault_command;
  CLI::App* fault = app.add_subcommand(
      "check-fault", "Checks a fault document (souk-audit replay --check), without a ledger");
  fault->add_option("FILE", fault_command.file, "The document")->required();
  AddTimeLimit(fault, fault_command.time_limit);
  fault->add_flag("--json", fault_command.json, "One JSON document on stdout");
  fault->footer(
      "FAULT PROVEN exits 0; anything else exits 1 and says why, also where the time was up.");
  fault->callback([&] { action = [&] { return RunCheckFault(fault_command); }; });

  CompareCommand compare_command;
  CLI::App* compare = app.add_subcommand("compare", "Whether two copies of a log are one history");
  compare->add_option("A", compare_command.one, "A node's directory, tiles, a bundle or a URL")
      ->required();
  compare->add_option("B", compare_command.other, "Another copy of the same log")->required();
  compare->add_option("--key", compare_command.vkey, "The log's key")->type_name("VKEY");
  compare
      ->add_option("--out", compare_command.out,
                   "Where proof of a fork goes; log.fork, or the next free name")
      ->type_name("FILE");
  compare->add_flag("--json", compare_command.json, "One JSON document on stdout");
  compare->footer(
      "CONSISTENT exits 0; FORK exits 1 and writes proof that anyone can check; INCOMPLETE exits "
      "1: "
      "a copy ends before the checkpoints of an evidence bundle.");
  compare->callback([&] { action = [&] { return RunCompare(compare_command); }; });

  WatchCommand watch_command;
  CLI::App* watch = app.add_subcommand(
      "watch", "Looks at copies of a log again and again, for as long as they are one history");
  watch->add_option("SOURCE", watch_command.sources, "A node's directory, tiles, or a log's URL")
      ->required();
  watch->add_option("--key", watch_command.vkey, "The log's key")->type_name("VKEY");
  watch->add_option("--every", watch_command.every, "Between two looks")
      ->type_name("DURATION")
      ->capture_default_str();
  watch->add_option("--rounds", watch_command.rounds, "End after so many looks; 0 goes on")
      ->check(kCount)
      ->capture_default_str();
  watch
      ->add_option("--out", watch_command.out,
                   "Where proof of a fork goes; log.fork, or the next free name")
      ->type_name("FILE");
  watch->add_flag("--json", watch_command.json, "One JSON document for each look at each source");
  watch->footer("Ends with 1 where a fork was found, and writes proof that anyone can check.");
  watch->callback([&] { action = [&] { return RunWatch(watch_command); }; });

  std::filesystem::path fork_file;
  std::string fork_key;
  bool fork_json = false;
  CLI::App* check_fork =
      app.add_subcommand("check-fork", "Checks proof that a log has forked, without a ledger");
  check_fork->add_option("FILE", fork_file, "As souk forks or souk-audit compare writes it")
      ->required();
  check_fork->add_option("--key", fork_key, "The log's key")->required()->type_name("VKEY");
  check_fork->add_flag("--json", fork_json, "One JSON document on stdout");
  check_fork->footer("FORK PROVEN exits 0; anything else exits 1 and says why.");
  check_fork->callback(
      [&] { action = [&] { return RunCheckFork(fork_file, fork_key, fork_json); }; });

  std::string check_key;
  std::filesystem::path check_entry;
  std::filesystem::path check_proof;
  bool check_json = false;
  CLI::App* check =
      app.add_subcommand("check-proof", "Checks an inclusion proof, without a ledger");
  check->add_option("--key", check_key, "The log's key")->required()->type_name("VKEY");
  check->add_option("ENTRY", check_entry, "The leaf's bytes (souk-audit show --raw)")->required();
  check->add_option("PROOF", check_proof, "As souk-audit prove writes it")->required();
  check->add_flag("--json", check_json, "One JSON document on stdout");
  check->callback([&] {
    action = [&] { return RunCheckProof(check_key, check_entry, check_proof, check_json); };
  });
  return RunCommandLine(app, argc, argv, action);
}

}  // namespace
}  // namespace souk::tools

// Nothing escapes but a mistake in declaring the options, which ends the program.
// NOLINTNEXTLINE(bugprone-exception-escape)
int main(int argc, char** argv) {
  souk::OpenStandardStreams();
  return souk::tools::Main(argc, argv);
}
