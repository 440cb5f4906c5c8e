// Content-addressed files in DIR/blobs/: sha256/<64 hex> are whole, checked and durable;
// partial/<64 hex>-<64 hex> are on their way from the peer
// with that key.
#pragma once

#include <chrono>
#include <filesystem>
#include <map>

#include "ledger/log/log.h"
#include "ledger/log/mirrors.h"
#include "node/runner.h"

namespace souk::node {

// Loop thread only, but for TakeIn and DropDamaged. The folder is 0700: who can write into sha256/
// is the owner, whose commands put a job's inputs there themselves. Invariants: (1) what stands
// under a digest's name has that digest; (2) partial bytes are the first bytes of a blob, and grow
// in order.
class FileBlobStore : public BlobStore {
 public:
  // Blobs on their way at once; each costs a descriptor and a hash's state.
  static constexpr size_t kPartials = 64;

  // What was put here, or found here by one who would have put it, is as new as this: its job may
  // still be on the way to the agent.
  static constexpr std::chrono::hours kNew{1};

  // Makes the folders, and forgets partial blobs that nobody went on with for a week. `log`
  // outlives the store; it answers what is asked of the log.
  static Result<std::unique_ptr<FileBlobStore>> Open(const std::filesystem::path& dir,
                                                     const ledger::Log& log);
  ~FileBlobStore() override;

  std::optional<uint64_t> BlobSize(const Digest& blob) const override;
  uint64_t PartialBlobSize(const Digest& blob, const PeerId& from) const override;
  bool Indexed(const Digest& id) const override;
  std::string Checkpoint() const override;
  Result<std::vector<Digest>> Consistency(uint64_t from, uint64_t to) const override;
  Result<Bytes> Entry(uint64_t index) const override { return log_.Entry(index); }
  std::optional<uint64_t> FindEntry(const Digest& id) const override;
  const ledger::MirroredLog* Mirrored(const std::string& origin) const override;
  Result<Digest> MirroredRoot(const std::string& origin, uint64_t size) const override;
  uint64_t MirrorBytes() const override { return mirrors_ == nullptr ? 0 : mirrors_->bytes(); }
  // Where this node is a mirror; it outlives the store.
  void SetMirrors(const ledger::Mirrors* mirrors) { mirrors_ = mirrors; }

  // kNotFound; kInvalidArgument for a range outside the blob.
  Result<Bytes> Read(const Digest& blob, uint64_t offset, uint32_t length) const override;
  // Bytes that are there already are passed over, a gap is kInvalidArgument. kMismatch where the
  // whole has another digest: it is thrown away. kIo: the disk failed.
  Result<bool> Write(const WriteChunk& chunk) override;
  void Drop(const DropPartial& drop) override;
  void Remove(const RemoveBlob& remove) override;

  std::filesystem::path PathOf(const Digest& blob) const { return PathOf(dir_, blob); }
  static std::filesystem::path PathOf(const std::filesystem::path& dir, const Digest& blob);

  // Checks a whole file against its digest and gives it a second name in the store, durably and
  // new.
  // Thread-safe, and the same again when it is repeated. The file must be on the same file system.
  static Status TakeIn(const std::filesystem::path& dir, const std::filesystem::path& file,
                       const Digest& blob);

  // Whether a blob had not its digest any more; then it is gone, and can be fetched again.
  // Thread-safe. kIo, kNotFound.
  static Result<bool> DropDamaged(const std::filesystem::path& dir, const Digest& blob);

 private:
  struct Partial {
    int fd = -1;
    uint64_t size = 0;
    Sha256Hasher hasher = {};
    uint64_t last_use = 0;
  };
  FileBlobStore(std::filesystem::path dir, const ledger::Log& log);
  using Source = std::pair<Digest, PeerId>;
  std::filesystem::path PartialPath(const Source& source) const;
  Result<Partial*> Resume(const Source& source);
  void CloseOldest();
  Result<bool> Complete(const Source& source);
  void SweepPartials() const;

  const std::filesystem::path dir_;
  const ledger::Log& log_;
  const ledger::Mirrors* mirrors_ = nullptr;
  std::map<Source, Partial> partials_ = {};
  uint64_t uses_ = 0;
};

}  // namespace souk::node
