#include <fmt/format.h>

#include <fstream>
#include <map>

#include "faults/fault_files.h"
#include "faults/sweeps.h"
#include "faults/workload.h"
#include "ledger/log/rocksdb_ledger.h"
#include "protocol/base/file.h"

namespace souk::faults {
namespace fs = std::filesystem;
namespace {

using ledger::Ledger;
using Files = std::map<std::string, Bytes>;

Files FilesIn(const fs::path& dir) {
  Files files;
  for (const auto& entry : fs::recursive_directory_iterator(dir)) {
    if (!entry.is_regular_file()) continue;
    auto bytes = ReadFile(entry.path(), 1 << 28);
    files[entry.path().lexically_relative(dir).string()] = bytes ? std::move(*bytes) : Bytes();
  }
  return files;
}

void PutFiles(const fs::path& dir, const Files& files) {
  for (const auto& entry : fs::directory_iterator(dir)) fs::remove_all(entry.path());
  for (const auto& [name, bytes] : files) {
    fs::create_directories((dir / name).parent_path());
    std::ofstream(dir / name, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
  }
}

class RocksSite : public Site {
 public:
  RocksSite(fs::path dir, uint64_t seed) : dir_(std::move(dir)), seed_(seed) {
    fs::remove_all(dir_);
    fs::create_directories(dir_);
    NewDisk();
  }
  ~RocksSite() override { fs::remove_all(dir_); }

  Result<ledger::Log*> Open(ledger::NoteSigner signer, ledger::LogOptions options) override {
    const bool idle = files_->steps() == quiet_since_ && whole_;
    const Files before = idle ? FilesIn(dir_) : Files();
    auto opened = Ledger::Open(dir_, std::move(signer), options, &faulty_->ledger_disk());
    if (!opened) {
      if (idle && FilesIn(dir_) != before) {
        complaint_ = "a refusal changed files: " + opened.error().message;
      }
      return opened.error();
    }
    ledger_ = std::move(*opened);
    return &ledger_->log();
  }
  const ledger::Store& store() const override { return ledger_->store(); }
  void Close() override { ledger_.reset(); }
  std::string Complaint() const override { return complaint_; }
  void Examine(Witness& witness) override {
    const auto slots = ledger::OpenSlotFile(dir_ / "checkpoint");
    const auto store = ledger::OpenRocksDb(dir_ / "ledger", ledger::OpenMode::kReadOnly,
                                           ledger::FileChecks::kNone);
    const ledger::Remains remains{.store = store ? store->get() : nullptr,
                                  .store_error = store ? "" : store.error().message,
                                  .slots = slots.get()};
    witness.CheckDiagnosis(ledger::Diagnose(remains, witness.Verifier()), remains.store);
  }

  SimDisk& disk() { return *files_; }
  const fs::path& dir() const { return dir_; }
  // What stands in the folder is what the disk holds: after it was changed by hand.
  void NewDisk() {
    faulty_.reset();
    files_ = std::make_unique<SimDisk>(dir_, seed_++);
    faulty_ = std::make_unique<FaultyDisk>(*files_);
  }
  // From here on no fault is planned: a refusal must leave everything as it is.
  void ExpectQuiet() {
    whole_ = true;
    quiet_since_ = files_->steps();
  }

 private:
  fs::path dir_;
  uint64_t seed_;
  uint64_t quiet_since_ = 0;
  bool whole_ = false;
  std::string complaint_;
  std::unique_ptr<SimDisk> files_;
  std::unique_ptr<FaultyDisk> faulty_;
  std::unique_ptr<Ledger> ledger_;
};

constexpr RunOptions kRocksWork{.commits = 10, .large_bytes = 30'000, .large_groups = 120};

RunOptions WorkOf(uint64_t seed) {
  RunOptions work = kRocksWork;
  work.made = seed % 2 == 1;
  return work;
}

// As soukd init does, before any fault.
void Prepare(RocksSite& site, Witness& witness, const RunOptions& work) {
  if (!work.made) return;
  const auto slots = ledger::SlotsOn(site.disk().Slots(site.dir() / "checkpoint"));
  const auto first = ledger::FirstSlot(witness.Signer());
  if (!first || !slots->Create(*first)) witness.Violation("no slot file could be made");
}

void ReportRocks(const Witness& witness, const std::string& where, Tally& tally) {
  for (const std::string& what : witness.violations())
    tally.violations.push_back(where + ": " + what);
}

// The run of a process that ends where the fault stops it; then the power is cut, or only the
// process starts again.
void FailingRun(RocksSite& site, Witness& witness, sim::Rng& rng, uint64_t step, Fault fault,
                const RunOptions& work, Tally& tally) {
  const uint64_t first = site.disk().steps();
  site.disk().FailAt(first + step, fault);
  if (!RunOnce(site, witness, rng, Disk::kFailing, work)) ++tally.refusals;
  tally.points += site.disk().failed() ? 1 : 0;
  if (fault == Fault::kPowerCut || rng.Chance(500)) {
    site.disk().PowerCut();
  } else {
    site.disk().Mend();
  }
}

void TwoFaults(uint64_t seed, uint64_t step, Fault fault, const fs::path& folder, Tally& tally) {
  const RunOptions work = WorkOf(seed);
  sim::Rng rng(seed);
  RocksSite site(folder / "node", seed * 1000003 + step);
  Witness witness;
  Prepare(site, witness, work);
  FailingRun(site, witness, rng, step, fault, work, tally);
  sim::Rng later(seed * 7919 + step * 4 + static_cast<uint64_t>(fault));
  FailingRun(site, witness, later, later.Next() % 60, kFaults[later.Next() % 4], work, tally);
  RunOnce(site, witness, later, Disk::kHonest, {.commits = 1});
  site.disk().PowerCut();
  RunOnce(site, witness, later, Disk::kHonest, {.commits = 1});
  ReportRocks(witness, fmt::format("rocksdb seed {} step {} {}", seed, step, FaultName(fault)),
              tally);
}

// What may befall the files of a disk that is not in use.
void DamageFiles(const fs::path& dir, const Files& older, sim::Rng& rng) {
  const Files files = FilesIn(dir);
  auto victim = files.begin();
  std::advance(victim, rng.Next() % files.size());
  const fs::path path = dir / victim->first;
  switch (rng.Next() % 5) {
    case 0: {
      Bytes bytes = victim->second;
      if (bytes.empty()) return;
      FlipOneBit(bytes, rng);
      std::ofstream(path, std::ios::binary)
          .write(reinterpret_cast<const char*>(bytes.data()),
                 static_cast<std::streamsize>(bytes.size()));
      break;
    }
    case 1:
      fs::resize_file(path, rng.Next() % (victim->second.size() + 1));
      break;
    case 2:
      fs::remove(path);
      break;
    case 3: {  // one file as it was
      const auto old = older.find(victim->first);
      if (old == older.end()) return;
      std::ofstream(path, std::ios::binary)
          .write(reinterpret_cast<const char*>(old->second.data()),
                 static_cast<std::streamsize>(old->second.size()));
      break;
    }
    default: {  // the database of an older copy beside the newest slots
      Files mixed = older;
      if (files.contains("checkpoint")) mixed["checkpoint"] = files.at("checkpoint");
      PutFiles(dir, mixed);
    }
  }
}

void OneDamagedFolder(uint64_t seed, uint64_t number, const fs::path& folder, Tally& tally) {
  const RunOptions work = WorkOf(seed);
  sim::Rng rng(seed * 6151 + number);
  RocksSite site(folder / "node", seed);
  Witness witness;
  Prepare(site, witness, work);
  RunOnce(site, witness, rng, Disk::kHonest, work);
  const Files older = FilesIn(site.dir());
  RunOnce(site, witness, rng, Disk::kHonest, work);
  RunOnce(site, witness, rng, Disk::kHonest, {.commits = 3});
  DamageFiles(site.dir(), older, rng);
  site.Examine(witness);
  site.NewDisk();
  site.ExpectQuiet();
  if (!RunOnce(site, witness, rng, Disk::kDamaged, {.commits = 1})) ++tally.refusals;
  ++tally.damages;
  ReportRocks(witness, fmt::format("rocksdb seed {} damage {}", seed, number), tally);
}

// A read ends early, once, while the ledger is opened.
void OneShortRead(uint64_t seed, uint64_t number, const fs::path& folder, Tally& tally) {
  const RunOptions work = WorkOf(seed);
  sim::Rng rng(seed * 12289 + number);
  RocksSite site(folder / "node", seed);
  Witness witness;
  Prepare(site, witness, work);
  for (int run = 0; run < 2; ++run) RunOnce(site, witness, rng, Disk::kHonest, work);
  site.disk().CutReadAt(site.disk().reads() + number);
  if (!RunOnce(site, witness, rng, Disk::kDamaged, {.commits = 1})) ++tally.refusals;
  if (!site.disk().failed()) return;
  site.disk().Mend();
  // RocksDB takes a short read for its log's end. An opening for writing then drops what it did not
  // read, and from there on the ledger is refused.
  if (!RunOnce(site, witness, rng, Disk::kDamaged, {.commits = 1})) ++tally.refusals;
  ++tally.damages;
  ReportRocks(witness, fmt::format("rocksdb seed {} short read {}", seed, number), tally);
}

// The whole folder is put back as it was some time ago, then as it was last.
void OneRestoredFolder(uint64_t seed, const fs::path& folder, Tally& tally) {
  const RunOptions work = WorkOf(seed);
  sim::Rng rng(seed * 24593);
  RocksSite site(folder / "node", seed);
  Witness witness;
  Prepare(site, witness, work);
  RunOnce(site, witness, rng, Disk::kHonest, work);
  const Files backup = FilesIn(site.dir());
  RunOnce(site, witness, rng, Disk::kHonest, work);
  const Files newest = FilesIn(site.dir());
  PutFiles(site.dir(), backup);
  site.NewDisk();
  CheckRestored(site, witness);
  PutFiles(site.dir(), newest);
  site.NewDisk();
  RunOnce(site, witness, rng, Disk::kHonest, {.commits = 2});
  ++tally.restores;
  ReportRocks(witness, fmt::format("rocksdb seed {} restore", seed), tally);
}

}  // namespace

Tally SweepRocksDb(uint64_t seed, uint64_t points, const fs::path& folder) {
  Tally tally;
  uint64_t steps = 0;
  {
    const RunOptions work = WorkOf(seed);
    sim::Rng rng(seed);
    RocksSite site(folder / "node", seed);
    Witness witness;
    Prepare(site, witness, work);
    const uint64_t first = site.disk().steps();
    RunOnce(site, witness, rng, Disk::kHonest, work);
    steps = site.disk().steps() - first;
    ReportRocks(witness, fmt::format("rocksdb seed {}", seed), tally);
  }
  for (uint64_t point = 0; point < points; ++point) {
    TwoFaults(seed, point * steps / points, kFaults[(seed + point) % std::size(kFaults)], folder,
              tally);
  }
  for (uint64_t number = 0; number < points / 4 + 1; ++number) {
    OneDamagedFolder(seed, number, folder, tally);
    OneShortRead(seed, number * 3, folder, tally);
  }
  OneRestoredFolder(seed, folder, tally);
  return tally;
}

}  // namespace souk::faults
