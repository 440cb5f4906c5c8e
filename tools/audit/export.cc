// souk-audit export: a whole log as C2SP tiles, or as one line for each entry.
#include <fcntl.h>
#include <fmt/format.h>
#include <stdio.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <functional>

#include "ledger/audit/audit_timeline.h"
#include "ledger/log/tile_export.h"
#include "protocol/base/file.h"
#include "tools/audit/commands.h"
#include "tools/audit/evidence.h"
#include "tools/audit/open_ledger.h"
#include "tools/common/json.h"
#include "tools/common/terminal.h"

namespace souk::tools {
namespace {

namespace fs = std::filesystem;
using SteadyClock = std::chrono::steady_clock;

// How far it is, on a terminal.
class ExportLine {
 public:
  void At(uint64_t done, uint64_t total) {
    if (!IsTerminal(stderr)) return;
    const double share = total == 0 ? 1 : static_cast<double>(done) / static_cast<double>(total);
    const double spent = std::chrono::duration<double>(SteadyClock::now() - start_).count();
    std::string left;
    if (share > 0.02 && spent > 0.5) left = FormatElapsed(spent * (1 - share) / share) + " left";
    line_.Show("write", fmt::format("entry {}", WithCommas(done)), share, left);
  }

 private:
  SteadyClock::time_point start_ = SteadyClock::now();
  ProgressLine line_ = {};
};

// ---- Tiles -----------------------------------------------------------------------------------

int ExportAsTiles(const OpenedLedger& opened, const AuditTarget& target, const fs::path& out) {
  ExportLine line;
  const auto written = ledger::ExportTiles(
      opened.log(), opened.key, out, [&](uint64_t done, uint64_t total) { line.At(done, total); });
  if (!written) return Fail(written.error());
  if (target.json) {
    PrintJson({{"tiles", out.string()},
               {"key", opened.key.ToVkey()},
               {"entries", written->entries},
               {"root", ToBase64(opened.log().head().root.view())},
               {"files", written->files},
               {"bytes", written->bytes}});
    return kDone;
  }
  Print(fmt::format("{} entr{} → {} ({} files, {} bytes)\n", WithCommas(written->entries),
                    written->entries == 1 ? "y" : "ies", out.string(), WithCommas(written->files),
                    WithCommas(written->bytes)));
  Print(fmt::format("check souk-audit verify {} --key '{}'\n", out.string(), opened.key.ToVkey()));
  return kDone;
}

// ---- Lines -----------------------------------------------------------------------------------

// stdout, or a new file that is there as a whole or not at all.
class LineSink {
 public:
  explicit LineSink(fs::path out) : out_(std::move(out)) {}
  ~LineSink() {
    if (fd_ < 0) return;
    ::close(fd_);
    ::unlink(beside_.c_str());
  }
  LineSink(const LineSink&) = delete;
  LineSink& operator=(const LineSink&) = delete;

  Status Open() {
    if (out_.empty()) return Ok();
    std::error_code error;
    if (fs::symlink_status(out_, error).type() != fs::file_type::not_found) {
      return Error(Code::kDuplicate, out_.string() + " is there already: nothing is overwritten");
    }
    beside_ = out_.string() + ".partial" + std::to_string(::getpid());
    fd_ = ::open(beside_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return fd_ < 0 ? Status(ErrnoError("writing " + out_.string(), errno)) : Ok();
  }
  Status Add(std::string_view text) {
    buffer_ += text;
    return buffer_.size() < kBuffered ? Ok() : Flush();
  }
  Status Finish() {
    RETURN_IF_ERROR(Flush());
    if (out_.empty()) return Ok();
    if (::fsync(fd_) != 0 ||
        ::renameat2(AT_FDCWD, beside_.c_str(), AT_FDCWD, out_.c_str(), RENAME_NOREPLACE) != 0) {
      return ErrnoError("writing " + out_.string(), errno);
    }
    ::close(std::exchange(fd_, -1));
    return Ok();
  }

 private:
  static constexpr size_t kBuffered = 1 << 16;

  Status Flush() {
    std::string_view rest = buffer_;
    if (out_.empty()) Print(rest);
    while (!out_.empty() && !rest.empty()) {
      const ssize_t wrote = ::write(fd_, rest.data(), rest.size());
      if (wrote < 0 && errno == EINTR) continue;
      if (wrote < 0) return ErrnoError("writing " + out_.string(), errno);
      rest.remove_prefix(static_cast<size_t>(wrote));
    }
    buffer_.clear();
    return Ok();
  }

  fs::path out_;
  fs::path beside_ = {};
  int fd_ = -1;
  std::string buffer_ = {};
};

std::string OneLine(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string JsonLine(uint64_t index, const RenderedEntry& entry) {
  Json line = {{"entry", index}};
  line.update(ToJson(entry));
  return OneLine(line) + "\n";
}

// docs/ledger-format.md describes the columns. RFC 4180: lines end in CR LF.
constexpr const char* kCsvHeader =
    "entry,time,rules,kind,summary,bytes,documents,ids,signers,outcome\r\n";

std::string CsvField(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + "\"";
}

std::string CsvLine(uint64_t index, const RenderedEntry& entry) {
  const Json time = JsonTime(entry.time);
  std::string kinds, ids, signers;
  for (const RenderedDocument& document : entry.documents) {
    const char* const space = kinds.empty() ? "" : " ";
    kinds += space + std::string(document.opened ? "" : "!") + document.kind;
    ids += space + document.id.Hex();
    signers += space + document.signer.ToString();
  }
  return fmt::format("{},{},{},{},{},{},{},{},{},{}\r\n", index,
                     time.is_null() ? "" : time.get<std::string>(), entry.rules, entry.kind,
                     CsvField(entry.summary), entry.bytes, CsvField(kinds), ids, signers,
                     CsvField(OneLine(ToJson(entry)["outcome"])));
}

// Hands on each entry and where it stands.
using EachLeaf = std::function<Status(const std::function<Status(uint64_t, ByteView)>&)>;

int ExportAsLines(const EachLeaf& for_each, uint64_t size, const AuditTarget& target,
                  const ExportCommand& command) {
  const bool csv = command.format == "csv";
  LineSink sink(command.out);
  if (const Status open = sink.Open(); !open) return Fail(open.error());
  ExportLine line;
  uint64_t entries = 0;
  if (csv) {
    if (const Status added = sink.Add(kCsvHeader); !added) return Fail(added.error());
  }
  Status written = for_each([&](uint64_t index, ByteView leaf) {
    const RenderedEntry entry = RenderAnyEntry(index, leaf);
    ++entries;
    if (entries % 256 == 0) line.At(entries, size);
    return sink.Add(csv ? CsvLine(index, entry) : JsonLine(index, entry));
  });
  if (written) written = sink.Finish();
  if (!written) return Fail(written.error());
  if (command.out.empty()) return kDone;
  if (target.json) {
    PrintJson({{"file", command.out.string()}, {"format", command.format}, {"entries", entries}});
  } else {
    Print(fmt::format("{} entr{} → {}\n", WithCommas(entries), entries == 1 ? "y" : "ies",
                      command.out.string()));
  }
  return kDone;
}

}  // namespace

int RunExport(const AuditTarget& target, const ExportCommand& command) {
  if (command.tiles.empty() && command.format.empty()) {
    return Misuse("say what to write: --tiles DIR, --format jsonl or --format csv");
  }
  if (!command.format.empty() && command.out.empty() && target.json) {
    return Misuse("--json: the entries themselves go to stdout");
  }
  if (command.tiles.empty() && IsEvidence(target.dir)) {
    const auto bundle = OpenSoundEvidence(target.dir, target.vkey);
    if (!bundle) return Fail(bundle.error());
    const auto part = ledger::PartOfLog(bundle->evidence, bundle->key);
    return ExportAsLines(part.for_each, part.entries, target, command);
  }
  const auto opened = OpenLedger(target.dir, target.vkey);
  if (!opened) return Fail(opened.error());
  if (!command.tiles.empty()) return ExportAsTiles(*opened, target, command.tiles);
  const auto whole = ledger::WholeLog(opened->log());
  return ExportAsLines(whole.for_each, whole.entries, target, command);
}

}  // namespace souk::tools
