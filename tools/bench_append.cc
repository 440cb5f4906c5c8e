#include "tools/bench_append.h"

#include <fmt/format.h>
#include <sodium.h>

#include <chrono>
#include <memory>

#include "ledger/log/rocksdb_ledger.h"
#include "protocol/base/check.h"

namespace souk::bench {
namespace {

using ledger::Draft;
using Clock = std::chrono::steady_clock;

// As large as an entry with an order and its acceptance.
constexpr size_t kDocumentBytes = 700;
// Signing is not measured, so some signed documents are made once; every entry adds its number.
constexpr size_t kDocuments = 64;
constexpr double kTarget = 0.9;

struct Document {
  Bytes bytes;
  ledger::Ed25519Signature signature;
};

class Work {
 public:
  Work() : signer_(ledger::NoteSigner::FromSeed("souk.bench/log", {7})) {
    for (size_t i = 0; i < kDocuments; ++i) {
      Document document;
      document.bytes.resize(kDocumentBytes);
      // Does not compress, as signatures and digests do not.
      randombytes_buf_deterministic(document.bytes.data(), kDocumentBytes, Seed(i).data());
      document.signature = *signer_.sign(document.bytes);
      documents_.push_back(std::move(document));
    }
  }

  const ledger::NoteSigner& signer() const { return signer_; }

  // The next group of entries, each with one id.
  std::vector<Draft> Next(size_t count) {
    std::vector<Draft> drafts;
    drafts.reserve(count);
    for (size_t i = 0; i < count; ++i) {
      Draft draft;
      draft.leaf = documents_[number_ % kDocuments].bytes;
      PutLe(draft.leaf, number_);
      Append(draft.leaf, documents_[number_ % kDocuments].signature);
      draft.ids.push_back(Sha256(ByteView(draft.leaf).subspan(kDocumentBytes - 32, 40)));
      drafts.push_back(std::move(draft));
      ++number_;
    }
    return drafts;
  }

  void Verify(const std::vector<Draft>& drafts) const {
    for (const Draft& draft : drafts) {
      CHECK(crypto_sign_verify_detached(&draft.leaf[kDocumentBytes + 8], draft.leaf.data(),
                                        kDocumentBytes, signer_.key.data()) == 0);
    }
  }

 private:
  static std::array<uint8_t, randombytes_SEEDBYTES> Seed(size_t i) {
    std::array<uint8_t, randombytes_SEEDBYTES> seed = {};
    seed[0] = static_cast<uint8_t>(i);
    return seed;
  }

  ledger::NoteSigner signer_;
  std::vector<Document> documents_;
  uint64_t number_ = 0;
};

// The bare work, on a database and a slot file of its own.
class Floor {
 public:
  static Result<std::unique_ptr<Floor>> Open(const std::filesystem::path& dir) {
    std::unique_ptr<Floor> floor(new Floor);
    ASSIGN_OR_RETURN(floor->store_, ledger::OpenRocksDb(dir / "db", ledger::OpenMode::kCreate,
                                                        ledger::FileChecks::kNone));
    floor->slots_ = ledger::OpenSlotFile(dir / "checkpoint");
    RETURN_IF_ERROR(floor->slots_->Create(Bytes(ledger::kSlotBytes)));
    return floor;
  }

  Status Append(Work& work, const std::vector<Draft>& drafts) {
    work.Verify(drafts);
    ledger::WriteBatch batch;
    for (const Draft& draft : drafts) {
      Bytes key = {'e'};
      PutLe(key, __builtin_bswap64(next_++));
      batch.Put(key, draft.leaf);
      Bytes id = {'i'};
      souk::Append(id, draft.ids[0].view());
      batch.Put(std::move(id), Bytes(key.begin() + 1, key.end()));
    }
    RETURN_IF_ERROR(store_->Write(batch, ledger::Durability::kSynced));
    const ledger::Checkpoint head{work.signer().name, next_, Digest{}, {}};
    ASSIGN_OR_RETURN(const auto signature, work.signer().sign(AsBytes(head.ToText())));
    Bytes slot(signature.begin(), signature.end());
    slot.resize(ledger::kSlotBytes);
    return slots_->Write(static_cast<unsigned>(++generation_ % 2), slot);
  }

 private:
  std::unique_ptr<ledger::Store> store_;
  std::unique_ptr<ledger::SlotFile> slots_;
  uint64_t next_ = 0;
  uint64_t generation_ = 0;
};

// Entries and seconds so far.
struct Tally {
  double entries = 0;
  double seconds = 0;
  double Rate() const { return seconds > 0 ? entries / seconds : 0; }
};

// Repeats `append` for about `seconds`; making the entries is not counted.
template <typename AppendGroup>
Status Round(Work& work, size_t group, double seconds, Tally& tally, const AppendGroup& append) {
  double spent = 0;
  while (spent < seconds) {
    const std::vector<Draft> drafts = work.Next(group);
    const auto begin = Clock::now();
    RETURN_IF_ERROR(append(drafts));
    const double took = std::chrono::duration<double>(Clock::now() - begin).count();
    spent += took;
    tally.seconds += took;
    tally.entries += static_cast<double>(group);
  }
  return Ok();
}

Result<BenchRow> MeasureGroup(const std::filesystem::path& dir, size_t group, double seconds) {
  Work work;
  std::error_code error;
  std::filesystem::create_directories(dir / "floor", error);
  std::filesystem::create_directories(dir / "log", error);
  ASSIGN_OR_RETURN(const auto floor, Floor::Open(dir / "floor"));
  ASSIGN_OR_RETURN(const auto node, ledger::Ledger::Open(dir / "log", work.signer()));
  const auto bare = [&](const std::vector<Draft>& drafts) { return floor->Append(work, drafts); };
  const auto whole = [&](const std::vector<Draft>& drafts) -> Status {
    work.Verify(drafts);
    ASSIGN_OR_RETURN(const auto committed, node->log().Commit(drafts));
    return Ok();
  };
  constexpr int kRounds = 20;
  Tally warm_up;
  Tally floor_tally;
  Tally log_tally;
  const double slice = seconds / (2 * kRounds);
  RETURN_IF_ERROR(Round(work, group, slice, warm_up, bare));
  RETURN_IF_ERROR(Round(work, group, slice, warm_up, whole));
  for (int i = 0; i < kRounds; ++i) {
    RETURN_IF_ERROR(Round(work, group, slice, floor_tally, bare));
    RETURN_IF_ERROR(Round(work, group, slice, log_tally, whole));
  }
  BenchRow row;
  row.name = fmt::format("append in groups of {}", group);
  row.value = log_tally.Rate();
  row.unit = "entries/s";
  row.floor = floor_tally.Rate();
  row.ratio = row.value / row.floor;
  row.target = kTarget;
  row.ok = row.ratio >= row.target;
  return row;
}

}  // namespace

Result<std::vector<BenchRow>> RunAppendBench(const AppendBench& options) {
  std::vector<BenchRow> rows;
  for (const size_t group : options.groups) {
    ASSIGN_OR_RETURN(BenchRow row,
                     MeasureGroup(options.dir / std::to_string(group), group, options.seconds));
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace souk::bench
