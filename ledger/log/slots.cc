#include "ledger/log/slots.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "protocol/base/check.h"
#include "protocol/base/file.h"
#include "protocol/base/sha256.h"

namespace souk::ledger {
namespace {

constexpr std::string_view kMagic = "soukslot";
constexpr uint32_t kFormat = 1;
constexpr size_t kHeaderBytes = 24;
constexpr size_t kChecksumAt = kSlotBytes - 40;
constexpr size_t kMarkAt = kSlotBytes - 8;

class RealFile : public SlotMedium {
 public:
  explicit RealFile(std::filesystem::path path) : path_(std::move(path)) {}
  ~RealFile() override {
    if (fd_ >= 0) ::close(fd_);
  }

  Result<std::optional<Bytes>> Read() const override {
    auto bytes = ReadFile(path_, 4 * kSlotBytes);
    if (bytes) return std::optional<Bytes>(std::move(*bytes));
    if (bytes.error().code == Code::kNotFound) return std::optional<Bytes>();
    return bytes.error();
  }

  Status Replace(ByteView bytes) override {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
    return WriteFileAtomic(path_, bytes);
  }

  Status WriteAt(size_t offset, ByteView bytes) override {
    if (fd_ < 0) fd_ = ::open(path_.c_str(), O_WRONLY | O_CLOEXEC);
    if (fd_ < 0) return ErrnoError("opening " + path_.string(), errno);
    const auto start = static_cast<off_t>(offset);
    for (size_t done = 0; done < bytes.size();) {
      const ssize_t wrote =
          ::pwrite(fd_, bytes.data() + done, bytes.size() - done, start + static_cast<off_t>(done));
      if (wrote < 0 && errno == EINTR) continue;
      if (wrote <= 0) return ErrnoError("writing " + path_.string(), wrote < 0 ? errno : ENOSPC);
      done += static_cast<size_t>(wrote);
    }
    return Ok();
  }

  Status Sync() override {
    if (::fdatasync(fd_) != 0) return ErrnoError("syncing " + path_.string(), errno);
    return Ok();
  }

 private:
  std::filesystem::path path_;
  int fd_ = -1;
};

class SlotsOnMedium : public SlotFile {
 public:
  explicit SlotsOnMedium(std::unique_ptr<SlotMedium> medium) : medium_(std::move(medium)) {}

  Result<std::optional<Bytes>> Read() const override { return medium_->Read(); }

  Status Create(ByteView first_slot) override {
    CHECK(first_slot.size() == kSlotBytes);
    Bytes both = ToBytes(first_slot);
    both.resize(2 * kSlotBytes);
    return medium_->Replace(both);
  }

  Status Write(unsigned index, ByteView slot) override {
    CHECK(index < 2 && slot.size() == kSlotBytes);
    RETURN_IF_ERROR(medium_->WriteAt(index * kSlotBytes, slot));
    return medium_->Sync();
  }

  Status Renew() override {
    ASSIGN_OR_RETURN(const auto bytes, medium_->Read());
    if (!bytes) return Error(Code::kNotFound, "the checkpoint file is gone");
    return medium_->Replace(*bytes);
  }

 private:
  std::unique_ptr<SlotMedium> medium_;
};

Digest Checksum(ByteView slot, size_t length) {
  return Sha256(slot.subspan(0, kHeaderBytes + length));
}

}  // namespace

Result<Bytes> EncodeSlot(uint64_t generation, std::string_view payload) {
  if (payload.size() > kMaxSlotPayload) {
    return Error(Code::kTooLarge, "a checkpoint of " + std::to_string(payload.size()) +
                                      " bytes does not fit its slot");
  }
  Bytes slot;
  slot.reserve(kSlotBytes);
  Append(slot, AsBytes(kMagic));
  PutLe(slot, kFormat);
  PutLe(slot, static_cast<uint32_t>(payload.size()));
  PutLe(slot, generation);
  Append(slot, AsBytes(payload));
  const Digest checksum = Checksum(slot, payload.size());
  slot.resize(kChecksumAt);
  Append(slot, checksum.view());
  PutLe(slot, generation);
  return slot;
}

Slot DecodeSlot(ByteView slot) {
  Slot out;
  if (slot.size() == kSlotBytes) {
    if (std::all_of(slot.begin(), slot.end(), [](uint8_t b) { return b == 0; })) return out;
    const uint32_t format = GetLe<uint32_t>(&slot[8]);
    const uint32_t length = GetLe<uint32_t>(&slot[12]);
    const uint64_t generation = GetLe<uint64_t>(&slot[16]);
    const ByteView checksum = slot.subspan(kChecksumAt, 32);
    if (AsText(slot.subspan(0, 8)) == kMagic && format == kFormat && length <= kMaxSlotPayload &&
        std::equal(checksum.begin(), checksum.end(), Checksum(slot, length).bytes.begin())) {
      out.state = Slot::State::kReadable;
      out.generation = generation;
      out.payload = AsText(slot.subspan(kHeaderBytes, length));
      return out;
    }
    out.claims = {generation, GetLe<uint64_t>(&slot[kMarkAt])};
  }
  out.state = Slot::State::kUnreadable;
  return out;
}

std::unique_ptr<SlotFile> SlotsOn(std::unique_ptr<SlotMedium> medium) {
  return std::make_unique<SlotsOnMedium>(std::move(medium));
}

std::unique_ptr<SlotFile> OpenSlotFile(std::filesystem::path path) {
  return SlotsOn(std::make_unique<RealFile>(std::move(path)));
}

}  // namespace souk::ledger
