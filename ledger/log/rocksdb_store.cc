// The one file that includes RocksDB.
#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/file_checksum.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>

#include "ledger/log/rocksdb_disk.h"
#include "ledger/log/rocksdb_ledger.h"

namespace souk::ledger {
namespace {

rocksdb::Slice ToSlice(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

ByteView FromSlice(const rocksdb::Slice& slice) {
  return {reinterpret_cast<const uint8_t*>(slice.data()), slice.size()};
}

Error ToError(const std::string& doing, const rocksdb::Status& status) {
  Code code = Code::kIo;
  if (status.IsCorruption()) code = Code::kCorrupt;
  if (status.IsNotFound() || status.IsPathNotFound()) code = Code::kNotFound;
  if (status.IsBusy() || status.IsTryAgain()) code = Code::kUnavailable;
  return Error(code, doing + ": " + status.ToString());
}

// RocksDB's own log would be a file that a read-only look writes.
class NoLog : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char*, va_list) override {}
};

rocksdb::Options MakeOptions(OpenMode mode, const LedgerDisk* disk) {
  rocksdb::Options options;
  if (disk != nullptr) {
    options.env = disk->env;
    if (disk->write_buffer_bytes > 0) options.write_buffer_size = disk->write_buffer_bytes;
  }
  options.create_if_missing = mode == OpenMode::kCreate;
  options.paranoid_checks = true;
  // A torn tail after a crash is legitimate, and the stricter modes refuse it. That nothing
  // acknowledged is in the part that was dropped, the generations tell (Inspect).
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  options.info_log = std::make_shared<NoLog>();
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  options.max_background_jobs = 2;
  // Every byte of a table file is under a checksum that the manifest holds.
  options.file_checksum_gen_factory = rocksdb::GetFileChecksumGenCrc32cFactory();
  options.bottommost_compression = rocksdb::kZSTD;
  // Every commit asks whether its ids are new: a filter answers that without a search.
  options.memtable_prefix_bloom_size_ratio = 0.02;
  options.memtable_whole_key_filtering = true;
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(32 << 20);
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

class RocksStore : public Store {
 public:
  explicit RocksStore(std::unique_ptr<rocksdb::DB> db) : db_(std::move(db)) {}

  Result<std::optional<Bytes>> Get(ByteView key) const override {
    rocksdb::PinnableSlice value;
    const rocksdb::Status status =
        db_->Get(rocksdb::ReadOptions(), db_->DefaultColumnFamily(), ToSlice(key), &value);
    if (status.IsNotFound()) return std::optional<Bytes>();
    if (!status.ok()) return ToError("reading the ledger", status);
    return std::optional<Bytes>(ToBytes(FromSlice(value)));
  }

  Status Scan(ByteView begin, ByteView end, const Visitor& visit) const override {
    const rocksdb::Slice bound = ToSlice(end);
    rocksdb::ReadOptions options;
    if (!end.empty()) options.iterate_upper_bound = &bound;
    // A whole pass would push everything else out of the cache.
    options.fill_cache = false;
    options.readahead_size = 1 << 20;
    const std::unique_ptr<rocksdb::Iterator> at(db_->NewIterator(options));
    for (at->Seek(ToSlice(begin)); at->Valid(); at->Next()) {
      if (!visit(FromSlice(at->key()), FromSlice(at->value()))) return Ok();
    }
    if (!at->status().ok()) return ToError("reading the ledger", at->status());
    return Ok();
  }

  Status Write(const WriteBatch& batch, Durability durability) override {
    rocksdb::WriteBatch rocks;
    for (const WriteBatch::Op& op : batch.ops()) {
      const rocksdb::Status status =
          op.value ? rocks.Put(ToSlice(op.key), ToSlice(*op.value)) : rocks.Delete(ToSlice(op.key));
      if (!status.ok()) return ToError("writing the ledger", status);
    }
    rocksdb::WriteOptions options;
    options.sync = durability == Durability::kSynced;
    const rocksdb::Status status = db_->Write(options, &rocks);
    if (!status.ok()) return ToError("writing the ledger", status);
    return Ok();
  }

 private:
  std::unique_ptr<rocksdb::DB> db_;
};

}  // namespace

Result<std::unique_ptr<Store>> OpenRocksDb(const std::filesystem::path& path, OpenMode mode,
                                           FileChecks checks, const LedgerDisk* disk) {
  const std::string doing = "opening " + path.string();
  const rocksdb::Options options = MakeOptions(mode, disk);
  rocksdb::DB* raw = nullptr;
  const rocksdb::Status opened = mode == OpenMode::kReadOnly
                                     ? rocksdb::DB::OpenForReadOnly(options, path.string(), &raw)
                                     : rocksdb::DB::Open(options, path.string(), &raw);
  if (!opened.ok()) return ToError(doing, opened);
  std::unique_ptr<rocksdb::DB> db(raw);
  if (checks == FileChecks::kAll) {
    const rocksdb::Status sound = db->VerifyFileChecksums(rocksdb::ReadOptions());
    if (!sound.ok()) return ToError(doing, sound);
  }
  return std::unique_ptr<Store>(std::make_unique<RocksStore>(std::move(db)));
}

}  // namespace souk::ledger
