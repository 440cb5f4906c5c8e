#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "faults/sweeps.h"
#include "faults/workload.h"
#include "ledger/log/rocksdb_ledger.h"
#include "protocol/base/check.h"

namespace souk::faults {
namespace fs = std::filesystem;
namespace {

using ledger::Ledger;

// What a process that is going to be killed says of itself, in pieces of one write(2) each.
struct Said {
  enum class What : uint8_t { kAttempt, kAcknowledged } what;
  uint64_t from;
  uint64_t count;
  uint64_t salt;
  uint64_t fact;
  char checkpoint[512];
};
static_assert(sizeof(Said) <= 4096, "a pipe takes it whole");

std::vector<ledger::Draft> DraftsOf(const Said& said) {
  std::vector<ledger::Draft> drafts(said.count);
  for (uint64_t i = 0; i < said.count; ++i) {
    const std::string text = fmt::format("entry {} of {}", said.from + i, said.salt);
    Bytes leaf = ToBytes(AsBytes(text));
    leaf.resize(leaf.size() + (said.salt + i) % 7 * 150);
    drafts[i] = {leaf, {Sha256(leaf)}};
  }
  return drafts;
}

void Say(int pipe, const Said& said) {
  if (::write(pipe, &said, sizeof(said)) != sizeof(said)) ::_exit(5);
}

// Commits as fast as it can until it is killed.
[[noreturn]] void CommitUntilKilled(const fs::path& dir, uint64_t seed, int pipe) {
  Witness own;
  auto opened = Ledger::Open(dir, own.Signer(), {.alone = true});
  if (!opened) ::_exit(3);
  ledger::Log& log = (*opened)->log();
  sim::Rng rng(seed);
  while (true) {
    Said said{Said::What::kAttempt, log.size(),      rng.Next() % 9,
              rng.Next() >> 8,      rng.Next() >> 8, {}};
    if (rng.Chance(30)) said.count += 300;
    Say(pipe, said);
    ledger::WriteBatch extra;
    extra.Put(FactKey(), FactValue(said.fact));
    const auto committed = log.Commit(DraftsOf(said), extra);
    if (!committed) ::_exit(4);
    said.what = Said::What::kAcknowledged;
    committed->checkpoint.copy(said.checkpoint, sizeof(said.checkpoint) - 1);
    Say(pipe, said);
  }
}

// One process from its start to its kill, and what it said.
void OneLife(const fs::path& dir, uint64_t seed, sim::Rng& rng, Witness& witness) {
  int ends[2];
  CHECK(::pipe2(ends, O_CLOEXEC) == 0);
  CHECK(::fcntl(ends[1], F_SETPIPE_SZ, 1 << 20) > 0);
  const pid_t child = ::fork();
  CHECK(child >= 0);
  if (child == 0) {
    ::close(ends[0]);
    CommitUntilKilled(dir, seed, ends[1]);
  }
  ::close(ends[1]);
  const auto take = [&](Said& said) {
    return ::read(ends[0], &said, sizeof(said)) == sizeof(said);
  };
  const auto hear = [&](const Said& said) {
    if (said.what == Said::What::kAttempt) {
      witness.Attempts(DraftsOf(said), said.fact);
    } else {
      witness.Acknowledged({said.from, said.from + said.count, said.checkpoint});
    }
  };
  Said said;
  // Most kills come after something was acknowledged, however slow this machine is.
  for (uint64_t wait = rng.Next() % 6; wait > 0 && take(said); --wait) hear(said);
  ::usleep(static_cast<useconds_t>(rng.Next() % 12'000));
  ::kill(child, SIGKILL);
  int status = 0;
  ::waitpid(child, &status, 0);
  if (!WIFSIGNALED(status)) witness.Violation("a process ended by itself");
  while (take(said)) hear(said);
  ::close(ends[0]);
}

}  // namespace

Tally SweepKills(uint64_t seed, uint64_t kills, const fs::path& folder) {
  Tally tally;
  sim::Rng rng(seed);
  const fs::path dir = folder / "node";
  fs::create_directories(dir);
  Witness witness;
  for (uint64_t kill = 0; kill < kills && witness.violations().empty(); ++kill) {
    OneLife(dir, seed * 1000003 + kill, rng, witness);
    ++tally.points;
    const auto opened = Ledger::Open(dir, witness.Signer(), {.alone = true});
    if (!opened) {
      witness.Violation("a killed process's ledger is refused: " + opened.error().message);
      break;
    }
    witness.Check((*opened)->log(), (*opened)->store());
  }
  for (const std::string& what : witness.violations()) {
    tally.violations.push_back(fmt::format("kill seed {} kill {}: {}", seed, tally.points, what));
  }
  return tally;
}

}  // namespace souk::faults
