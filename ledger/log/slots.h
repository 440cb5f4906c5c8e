// The two-slot checkpoint file (R3): generation g lives in slot g mod 2, so that writing the newer
// never endangers the older.
//
// A slot has 4096 bytes, integers little-endian:
//      0  8  magic "soukslot"
//      8  4  format, 1
//     12  4  length of the payload
//     16  8  generation
//     24  n  payload: the signed checkpoint
//   4056 32  SHA-256 of the first 24 + n bytes
//   4088  8  generation once more: it tells what a damaged slot held
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "protocol/base/bytes.h"

namespace souk::ledger {

inline constexpr size_t kSlotBytes = 4096;
inline constexpr size_t kMaxSlotPayload = kSlotBytes - 24 - 40;

// One slot as it was found.
struct Slot {
  enum class State { kEmpty, kReadable, kUnreadable };
  State state = State::kEmpty;
  uint64_t generation = 0;       // where readable
  std::string payload;           // where readable
  std::vector<uint64_t> claims;  // where unreadable: the generations that its marks name
};

// kTooLarge where the payload does not fit.
Result<Bytes> EncodeSlot(uint64_t generation, std::string_view payload);
// Never fails: what does not fit its checksum is kUnreadable; all zeros is kEmpty.
Slot DecodeSlot(ByteView slot);

// Where the two slots live. One thread.
class SlotFile {
 public:
  virtual ~SlotFile() = default;
  // Both slots, 8192 bytes; none where the file does not exist. A shorter or longer file is
  // returned as it is.
  virtual Result<std::optional<Bytes>> Read() const = 0;
  // Makes the file with slot 0 as given and slot 1 empty, durably and all or nothing.
  virtual Status Create(ByteView first_slot) = 0;
  // Overwrites slot `index` (0 or 1) and returns when it is on the disk.
  virtual Status Write(unsigned index, ByteView slot) = 0;
  // Writes what Read returns anew, durably and all or nothing, with the names beside it: after a
  // sync that failed it may stand in the page cache alone, where no later sync writes it.
  virtual Status Renew() = 0;
};

// The file's bytes as a disk takes them: what WriteAt wrote is there for good after Sync only.
class SlotMedium {
 public:
  virtual ~SlotMedium() = default;
  // None where there is no file.
  virtual Result<std::optional<Bytes>> Read() const = 0;
  // The whole file, durably and all or nothing; syncs its folder.
  virtual Status Replace(ByteView bytes) = 0;
  // Within the file, which exists.
  virtual Status WriteAt(size_t offset, ByteView bytes) = 0;
  virtual Status Sync() = 0;
};
std::unique_ptr<SlotFile> SlotsOn(std::unique_ptr<SlotMedium> medium);

// On the real file; opens nothing before the first call.
std::unique_ptr<SlotFile> OpenSlotFile(std::filesystem::path path);

}  // namespace souk::ledger
