#include "tools/audit/log_source.h"

namespace souk::tools {
namespace {

// With whichever of the keys is the log's own.
Result<OpenedLedger> OpenWithKeys(const std::filesystem::path& dir,
                                  const std::vector<std::string>& keys) {
  Error last(Code::kNotFound, "");
  for (const std::string& key : keys) {
    auto opened = OpenLedger(dir, key);
    if (opened) return opened;
    last = opened.error();
    if (last.code != Code::kInvalidArgument) return last;
  }
  if (keys.empty()) return OpenLedger(dir, "");
  auto opened = OpenLedger(dir, "");
  return opened ? std::move(opened) : Result<OpenedLedger>(last);
}

// A bundle under another's key shows nothing: the first key under which it is sound is its own.
Result<OpenedEvidence> OpenEvidenceWithKeys(const std::filesystem::path& dir,
                                            const std::vector<std::string>& keys) {
  for (const std::string& key : keys) {
    auto opened = OpenSoundEvidence(dir, key);
    if (opened) return opened;
  }
  return OpenSoundEvidence(dir, "");
}

}  // namespace

ledger::LogPart LogSource::Part() const {
  ledger::LogPart part =
      ledger ? ledger::WholeLog(ledger->log()) : ledger::PartOfLog(bundle->evidence, bundle->key);
  part.vouched = ledger && ledger->vouched();
  part.key_from = ledger ? ledger->key_from : bundle->key_from;
  return part;
}

Result<std::unique_ptr<LogSource>> OpenLogSource(const std::filesystem::path& dir,
                                                 const std::vector<std::string>& keys) {
  auto source = std::make_unique<LogSource>();
  if (IsEvidence(dir)) {
    auto bundle = OpenEvidenceWithKeys(dir, keys);
    if (!bundle) return bundle.error().Within(dir.string());
    source->bundle = std::move(*bundle);
  } else {
    auto ledger = OpenWithKeys(dir, keys);
    if (!ledger) return ledger.error().Within(dir.string());
    source->ledger = std::move(*ledger);
  }
  return source;
}

}  // namespace souk::tools
