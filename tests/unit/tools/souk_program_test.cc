// The programs, for what needs no market: help, command lines, exit codes, the identity, doctor.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "unit/tools/run_program.h"

namespace souk::tools {
namespace {

using nlohmann::json;

struct Program {
  const char* name;
  std::vector<const char*> commands;
};

const Program kPrograms[] = {
    {"souk",
     {"demo", "init", "id", "doctor", "compile", "inspect", "offers", "why", "balance", "rent",
      "leases", "release", "challenge", "challenges", "run", "jobs", "replicas", "logs", "fetch"}},
    {"souk-audit",
     {"verify", "show", "leases", "balances", "key", "challenge", "prove", "replay", "replicas",
      "check-fault", "check-proof"}},
};

TEST(Programs, ExplainEveryCommand) {
  for (const Program& program : kPrograms) {
    const Ran help = RunProgram(std::string(program.name) + " --help");
    EXPECT_EQ(help.code, 0);
    EXPECT_NE(help.out.find("Examples:"), std::string::npos) << program.name;
    for (const char* command : program.commands) {
      EXPECT_NE(help.out.find("\n  " + std::string(command) + " "), std::string::npos)
          << program.name << " --help lacks " << command;
      const Ran one = RunProgram(std::string(program.name) + " " + command + " --help");
      EXPECT_EQ(one.code, 0) << command;
      EXPECT_NE(one.out.find("--json"), std::string::npos) << command;
      EXPECT_EQ(one.err, "") << command;
    }
    EXPECT_EQ(help.out.find("generate"), std::string::npos) << "hidden commands stay hidden";
  }
}

TEST(Programs, FitTheirHelpInto80Columns) {
  for (const Program& program : kPrograms) {
    std::vector<const char*> commands = program.commands;
    commands.push_back("");
    for (const char* command : commands) {
      const std::string line = std::string(program.name) + " " + command + " --help";
      const Ran help = RunProgram(line);
      EXPECT_LE(WidestLine(help.out), 80u) << line << "\n" << help.out;
    }
  }
  for (const char* line : {"soukd --help", "soukd run --help", "soukd init --help"}) {
    EXPECT_LE(WidestLine(RunProgram(line).out), 80u) << line;
  }
}

TEST(Programs, WriteTheirManPagesAndCompletions) {
  for (const Program& program : kPrograms) {
    const std::string name = program.name;
    const Ran man = RunProgram(name + " generate man");
    EXPECT_EQ(man.code, 0);
    EXPECT_EQ(man.out.rfind(".TH ", 0), 0u);
    for (const char* command : program.commands) {
      std::string heading = ".SS " + name + " " + command;
      for (size_t at = heading.find('-'); at != std::string::npos; at = heading.find('-', at + 2)) {
        heading.insert(at, "\\");
      }
      EXPECT_NE(man.out.find(heading), std::string::npos) << heading;
    }
    const Ran completion = RunProgram(name + " generate completion");
    EXPECT_EQ(completion.code, 0);
    const TestFolder folder;
    std::ofstream(folder / "completion") << completion.out;
    EXPECT_EQ(RunProgram("bash -n completion", folder.path()).code, 0);
    const Ran completed = RunProgram(
        "bash -c '. ./completion; COMP_WORDS=(" + name +
            " ver le); "
            "COMP_CWORD=1; COMP_WORDS=(" +
            name + " le); _" + (name == "souk" ? "souk" : "souk_audit") + "; echo ${COMPREPLY[@]}'",
        folder.path());
    EXPECT_EQ(completed.out, "leases\n") << completed.err;
  }
}

TEST(Souk, ExitsTwoWhereTheCommandLineIsWrong) {
  for (const char* line : {"",
                           "ofers",
                           "rent",
                           "rent b071",
                           "rent b071 --for",
                           "compile K.cu",
                           "inspect",
                           "run",
                           "run W.toml --local --lease 9d24",
                           "run W.toml --device cpu",
                           "run W.toml --lease 9d24 --max-cost 1",
                           "run W.toml --local --yes",
                           "run W.toml --local --device gpu",
                           "run W.toml --local --device cuda:",
                           "run W.toml --local --device cuda --check",
                           "run W.toml --check",
                           "run W.toml --yes --lease 9d2x",
                           "release mine",
                           "leases sha256:",
                           "jobs 5ag0",
                           "logs -- -1",
                           "fetch ../x",
                           "challenge 9d24 --size 100",
                           "challenge 9d24 --size 32",
                           "bogus",
                           "offers 'price <'",
                           "why 'prise < 1'",
                           "rent 'prise < 1' --for 1m --yes",
                           "rent b071 --for 10m --slices 0",
                           "init --name '   '",
                           "init --name 'kite\u200b'",
                           "rent b071 --for soon",
                           "rent b071 --for 10m --max-cost lots",
                           "init --bootstrap nonsense"}) {
    const Ran ran = RunProgram(std::string("souk ") + line);
    EXPECT_EQ(ran.code, 2) << line << ran.err;
    EXPECT_TRUE(IsOneLine(ran.err, "souk")) << line;
    EXPECT_EQ(ran.out, "") << line;
  }
}

TEST(Souk, StartsNoProvidersDaemon) {
  const TestFolder folder;
  ASSERT_EQ(RunProgram("soukd init --dir node --roles clearing", folder.path()).code, 0);
  const Ran ran = RunProgram("souk offers --dir node", folder.path());
  EXPECT_EQ(ran.code, 1);
  EXPECT_NE(ran.err.find("soukd run --dir"), std::string::npos) << ran.err;
}

TEST(Souk, NamesTheCommandThatThereIsNot) {
  EXPECT_EQ(RunProgram("souk bogus").err, "souk: there is no command \"bogus\"; see souk --help\n");
}

// CLI11 complains first of what is missing.
TEST(Programs, NameTheOptionThatThereIsNot) {
  const auto error = [](const std::string& line) {
    const Ran ran = RunProgram(line);
    EXPECT_EQ(ran.code, 2) << line;
    return ran.err;
  };
  for (const char* program : {"souk", "souk-audit", "souk-bench", "soukd"}) {
    const std::string name = program;
    for (const char* option : {" --nonsense", " --nonsense=3", " --nonsense 3"}) {
      EXPECT_EQ(error(name + option),
                name + ": there is no option --nonsense; see " + name + " --help\n");
    }
    EXPECT_EQ(error(name), name + ": a command is missing; see " + name + " --help\n");
  }
  EXPECT_EQ(error("souk run --nonsense"),
            "souk: there is no option --nonsense; see souk run --help\n");
  EXPECT_EQ(error("souk --json offers"),
            "souk: --json comes after the command, as in: souk offers --json; see souk offers "
            "--help\n");
  EXPECT_EQ(error("souk-bench kernel --only nonsense"),
            "souk-bench: no kernel's name holds \"nonsense\"\n");
  EXPECT_EQ(error("souk --nonsense run W.toml"),
            "souk: there is no option --nonsense; see souk run --help\n");
}

TEST(Programs, ExplainThemselvesInWhicheverWayTheyAreAsked) {
  for (const char* program : {"souk", "soukd", "souk-audit", "souk-bench", "souk-worker"}) {
    for (const char* option : {" -h", " --help"}) {
      const Ran help = RunProgram(program + std::string(option));
      EXPECT_EQ(help.code, 0) << program << option;
      EXPECT_NE(help.out.find(program), std::string::npos) << help.out;
      EXPECT_EQ(help.err, "") << program << option;
      EXPECT_LE(WidestLine(help.out), 80u) << program;
    }
  }
}

TEST(Programs, SayTheirVersion) {
  for (const char* program : {"souk", "soukd", "souk-audit"}) {
    const Ran ran = RunProgram(std::string(program) + " --version");
    EXPECT_EQ(ran.code, 0) << program;
    EXPECT_EQ(ran.out.rfind(std::string(program) + " ", 0), 0u) << ran.out;
  }
}

TEST(Programs, AnswerFailuresWithOneDocumentWhereAskedForJson) {
  for (const char* line :
       {"souk offers --dir nowhere --json", "souk inspect nowhere.ptx --json",
        "soukd status --dir nowhere --json", "souk-audit show nowhere --json",
        "souk rent b071 --for soon --json", "soukd issue a b --reference c --json"}) {
    const Ran ran = RunProgram(line);
    EXPECT_NE(ran.code, 0) << line;
    const json document = json::parse(ran.out, nullptr, false);
    ASSERT_TRUE(document.is_object()) << line << ran.out;
    EXPECT_EQ(document["ok"], false) << line;
    EXPECT_TRUE(document["code"].is_string()) << line;
    EXPECT_NE(ran.err.find(document["error"].get<std::string>()), std::string::npos) << line;
  }
}

TEST(Programs, FailWhereTheirResultsCannotBeWritten) {
  const TestFolder folder;
  ASSERT_EQ(RunProgram("soukd init --dir node", folder.path()).code, 0);
  for (const char* line : {"sh -c 'souk id --dir node >/dev/full'",
                           "sh -c 'soukd init --dir other --json >/dev/full'"}) {
    const Ran ran = RunProgram(line, folder.path());
    EXPECT_EQ(ran.code, 1) << line;
    EXPECT_NE(ran.err.find("standard output"), std::string::npos) << ran.err;
  }
}

TEST(Programs, WorkWithTheirStandardStreamsClosed) {
  const TestFolder folder;
  for (const std::string line :
       {"soukd init --dir node", "souk id --dir node", "souk-audit --version",
        "souk run " SOUK_SOURCE_DIR "/workloads/reduction/workload.toml --local"}) {
    EXPECT_EQ(RunProgram("sh -c 'exec " + line + " <&- >&- 2>&-'", folder.path()).code, 0) << line;
  }
}

TEST(Programs, SayHowALockedIdentityIsOpened) {
  const TestFolder folder;
  ASSERT_EQ(RunProgram("env SOUK_PASSPHRASE=x souk init --dir node", folder.path()).code, 0);
  EXPECT_EQ(RunProgram("env SOUK_PASSPHRASE=x souk id --dir node", folder.path()).code, 0);
  for (const char* line : {"souk id --dir node", "env SOUK_PASSPHRASE=y souk id --dir node"}) {
    const Ran ran = RunProgram(line, folder.path());
    EXPECT_EQ(ran.code, 1) << line;
    EXPECT_NE(ran.err.find("SOUK_PASSPHRASE"), std::string::npos) << ran.err;
  }
}

TEST(Soukd, OffersNoMoreMemoryThanTheMachineHas) {
  const TestFolder folder;
  ASSERT_EQ(RunProgram("soukd init --dir node --roles provider,clearing --listen 127.0.0.1:0 "
                       "--device cpu",
                       folder.path())
                .code,
            0);
  ASSERT_EQ(RunProgram("sed -i 's/^cpu_memory = .*/cpu_memory = \"900 TiB\"/' node/config.toml",
                       folder.path())
                .code,
            0);
  const Ran ran = RunProgram("timeout 20 soukd run --dir node", folder.path());
  EXPECT_EQ(ran.code, 1) << ran.out;
  EXPECT_NE(ran.err.find("cpu_memory"), std::string::npos) << ran.err;
}

TEST(Programs, SpellOutWhatWouldSteerTheTerminal) {
  const TestFolder folder;
  std::ofstream(folder / "w.toml") << "name = \"x\"\n[[module]]\npath = \"\\u001b[31m.ptx\"\n";
  const Ran ran = RunProgram("souk run w.toml --local", folder.path());
  EXPECT_EQ(ran.code, 1);
  EXPECT_EQ(ran.err.find('\x1b'), std::string::npos) << ran.err;
  EXPECT_NE(ran.err.find("\\x1b[31m.ptx"), std::string::npos) << ran.err;
}

TEST(Soukd, ExitsTwoWithOneLineWhereTheCommandLineIsWrong) {
  for (const char* line :
       {"", "bogus", "issue", "issue souk1x 10 --reference r", "init --price lots --roles provider",
        "init --roles king", "init --listen nowhere", "init --bootstrap nonsense", "init --name ''",
        "init --region germany --roles provider", "run --roles king", "status --dir ''"}) {
    const Ran ran = RunProgram(std::string("env SOUK_DIR=node soukd ") + line);
    EXPECT_EQ(ran.code, 2) << line << ran.err;
    EXPECT_TRUE(IsOneLine(ran.err, "soukd")) << line;
    EXPECT_EQ(ran.out, "") << line;
  }
  const Ran made = RunProgram("souk init --dir node --json");
  const std::string id = json::parse(made.out, nullptr, false).value("id", "");
  for (const char* amount : {"abc", "0", "-- -1"}) {
    EXPECT_EQ(RunProgram("soukd issue --reference r " + id + " " + amount).code, 2) << amount;
  }
  for (const char* reference : {"$'a\\tb'", "$'a\\nb'", "$'\\x1b[2J'", "$'\\u202eab'", "' '"}) {
    const Ran ran =
        RunProgram("bash -c \"soukd issue --dir node " + id + " 1 --reference " + reference + "\"");
    EXPECT_EQ(ran.code, 2) << reference << ran.err;
    EXPECT_NE(ran.err.find("plain text"), std::string::npos) << ran.err;
  }
}

// "$LIMIT" of a shell where LIMIT is not set.
TEST(Souk, AnEmptyValueIsNotAMissingOption) {
  for (const char* line :
       {"rent b071 --for 10m --yes --max-cost ''", "rent '' --for 10m --yes", "release ''",
        "rent b071 --for '' --yes", "run W.toml --yes --max-cost ''", "run W.toml --yes --for ''",
        "run W.toml --yes --lease ''", "run W.toml --yes --book ''", "offers --dir ''",
        "init --name ''", "run W.toml --local -o ''"}) {
    const Ran ran = RunProgram(std::string("souk ") + line);
    EXPECT_EQ(ran.code, 2) << line << ran.err;
    EXPECT_TRUE(IsOneLine(ran.err, "souk")) << line;
    EXPECT_NE(ran.err.find("is empty"), std::string::npos) << ran.err;
  }
}

TEST(Souk, SaysHowToBeginWhereThereIsNoIdentity) {
  for (const char* line : {"offers", "leases", "rent b071 --for 10m --yes", "balance", "jobs"}) {
    const Ran ran = RunProgram(std::string("souk ") + line + " --dir nowhere");
    EXPECT_EQ(ran.code, 1) << line;
    EXPECT_TRUE(IsOneLine(ran.err, "souk")) << line;
    EXPECT_NE(ran.err.find("souk init"), std::string::npos) << ran.err;
  }
}

TEST(Souk, MakesAnIdentityOnce) {
  const TestFolder folder;
  const Ran made = RunProgram("souk init --dir node --name ann --json", folder.path());
  ASSERT_EQ(made.code, 0) << made.err;
  const json node = json::parse(made.out);
  EXPECT_EQ(node["name"], "ann");
  const Ran id = RunProgram("souk id --dir node", folder.path());
  EXPECT_EQ(id.code, 0);
  EXPECT_EQ(id.out, node["id"].get<std::string>() + "\n");
  const Ran again = RunProgram("souk init --dir node", folder.path());
  EXPECT_EQ(again.code, 1);
  EXPECT_TRUE(IsOneLine(again.err, "souk"));
}

TEST(Doctor, FindsTheMissingIdentityAndSaysWhatToDo) {
  const Ran ran = RunProgram("souk doctor --dir nowhere --json");
  EXPECT_EQ(ran.code, 1);
  const json report = json::parse(ran.out);
  EXPECT_EQ(report["ok"], false);
  EXPECT_EQ(report["checks"][0]["name"], "identity");
  EXPECT_EQ(report["checks"][0]["mark"], "problem");
  EXPECT_NE(report["checks"][0]["what"].get<std::string>().find("souk init"), std::string::npos);
}

TEST(Doctor, FindsAPeerThatRefuses) {
  const TestFolder folder;
  ASSERT_EQ(RunProgram("souk init --dir peer --name peer", folder.path()).code, 0);
  const json id = json::parse(RunProgram("souk id --dir peer --json", folder.path()).out);
  const std::string address =
      id["id"].get<std::string>() + "@127.0.0.1:1/" + id["curve"].get<std::string>();
  ASSERT_EQ(RunProgram("souk init --dir node --bootstrap " + address, folder.path()).code, 0);
  const Ran ran = RunProgram("souk doctor --dir node", folder.path());
  EXPECT_EQ(ran.code, 1);
  EXPECT_NE(ran.out.find("✓ identity"), std::string::npos) << ran.out;
  EXPECT_NE(ran.out.find("✗ peers     127.0.0.1:1 refused"), std::string::npos) << ran.out;
}

// With the stand-ins for libcuda and NVML (tests/unit/gpu/cuda).
Ran DoctorWithGpu(const std::string& state) {
  return RunProgram("env LD_LIBRARY_PATH='" SOUK_STANDIN_FOLDER "' SOUK_STANDIN_NVML=" + state +
                    " souk doctor --dir nowhere");
}

TEST(Doctor, SaysHowEachGpuIsAndWhatToDoAboutIt) {
  const Ran well = DoctorWithGpu("well");
  EXPECT_NE(well.out.find("✓ health    Stand-in A, 40 °C, 70 of 700 W, 1200 MHz: fit\n"),
            std::string::npos)
      << well.out;
  EXPECT_NE(well.out.find("✓ gpu       Stand-in A"), std::string::npos) << well.out;
  EXPECT_NE(DoctorWithGpu("hot").out.find("! health    Stand-in A, 90 °C, 70 of 700 W, 1200 MHz: "
                                          "degraded: it slows down at 90 °C: cool it\n"),
            std::string::npos);
  EXPECT_NE(DoctorWithGpu("ecc").out.find("not fit: 3 memory errors that ECC could not correct"),
            std::string::npos);
  EXPECT_NE(DoctorWithGpu("lost").out.find("✗ health    GPU 0: not fit: it has fallen off the bus"),
            std::string::npos);
  EXPECT_NE(DoctorWithGpu("mig").out.find(", 2 MIG instances: fit"), std::string::npos);
}

TEST(Worker, ListsGpusAndMigInstancesForTheDaemon) {
  const auto list = [](const std::string& state) {
    return RunProgram("env LD_LIBRARY_PATH='" SOUK_STANDIN_FOLDER "' SOUK_STANDIN_NVML=" + state +
                      " souk-worker --gpus");
  };
  EXPECT_EQ(list("well").out, "cuda:GPU-00010203-0405-0607-0809-0a0b0c0d0e0f\tfit\n");
  EXPECT_EQ(list("mig").out,
            "cuda:MIG-80818283-8485-8687-8889-8a8b8c8d8e8f\tfit\n"
            "cuda:MIG-90919293-9495-9697-9899-9a9b9c9d9e9f\tfit\n");
  EXPECT_EQ(list("lost").out.rfind("cuda:\tnot fit\tit has fallen off", 0), 0u);
  const Ran none = RunProgram("souk-worker --gpus");
  EXPECT_EQ(none.code, 0) << none.err;
}

}  // namespace
}  // namespace souk::tools
