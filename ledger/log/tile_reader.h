// A directory of C2SP tlog-tiles as a log that can be read and audited (tile_export.h has the
// layout). It may come from anywhere: nothing in it is believed that the key does not vouch for.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>

#include "ledger/log/log.h"

namespace souk::ledger {

// Whether `dir` looks so, whole or not: a folder with `tile` or `vkey`, and no `ledger`.
bool HoldsTiles(const std::filesystem::path& dir);

// What the file `vkey` says; none where there is no such file.
Result<std::optional<NoteVerifier>> ReadTilesKey(const std::filesystem::path& dir);

// One thread. Ids are not in the tiles: LogReader::FindById finds none.
class TileView {
 public:
  // As LedgerView::FindKey.
  using FindKey = std::function<Result<NoteVerifier>(const Store&)>;

  // Takes the checkpoint, the key, every bundle and every tile, full and partial, of the tree that
  // the checkpoint signs, rehashes all of it, and compares. Other files are not looked at.
  // kCorrupt, kBadSignature and the like say what is wrong, also where a file is missing.
  static Result<std::unique_ptr<TileView>> Open(const std::filesystem::path& dir,
                                                const FindKey& key);
  // Entries and full tiles as the files have them, unverified. Reading only.
  static Result<std::unique_ptr<Store>> OpenStore(const std::filesystem::path& dir);

  const LogReader& log() const { return *reader_; }

 private:
  TileView() = default;

  std::unique_ptr<Store> store_;
  std::unique_ptr<LogReader> reader_;
};

}  // namespace souk::ledger
