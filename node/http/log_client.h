// Somebody's log from where it is served as C2SP tlog-tiles, into a folder as `souk-audit export
// --tiles` writes it. Nothing of it is believed: ledger/log/tile_reader.h looks at what came.
// https://c2sp.org/tlog-tiles
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "ledger/c2sp/note.h"

namespace souk::node {

// Whether an auditor was handed a URL: "http://" or "https://".
bool IsLogUrl(std::string_view where);

struct FetchOptions {
  // The log's. Where it is known, what it has not signed is refused before anything else is asked
  // for.
  std::optional<ledger::NoteVerifier> key = {};
  // A checkpoint that claims more is refused before anything else is asked for.
  uint64_t most_entries = uint64_t{1} << 26;
  // The longest that one file may take, from the question to its last byte.
  std::chrono::milliseconds file_time = std::chrono::minutes(2);
  // Called after every file, with entries.
  std::function<void(uint64_t done, uint64_t total)> progress = {};
};

// Fetches the checkpoint and every tile and bundle of the tree that it signs. What `dir` holds of
// full tiles already is kept, so that the next time only news is fetched; the checkpoint comes
// last. kUnavailable: nobody answers, or not with what was asked for; kTooLarge; kMalformed;
// kBadSignature;
// kInvalidArgument: another log's key; kExhausted: the disk is almost full; kIo.
Status FetchLog(const std::string& url, const std::filesystem::path& dir,
                const FetchOptions& options = {});

}  // namespace souk::node
