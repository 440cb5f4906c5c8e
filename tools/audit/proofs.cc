// souk-audit key, prove and check-proof: C2SP formats that outside tools read.
#include <fmt/format.h>

#include <iostream>
#include <iterator>

#include "ledger/c2sp/proof.h"
#include "protocol/base/file.h"
#include "tools/audit/commands.h"
#include "tools/audit/evidence.h"
#include "tools/audit/open_ledger.h"
#include "tools/common/json.h"
#include "tools/common/terminal.h"

namespace souk::tools {
namespace {

int PrintKey(const ledger::NoteVerifier& key, const std::string& name, const PeerId& peer,
             const std::string& from, const AuditTarget& target) {
  if (target.json) {
    PrintJson({{"key", key.ToVkey()},
               {"name", name.empty() ? Json() : Json(name)},
               {"peer", peer.ToString()},
               {"from", from}});
  } else {
    Print(key.ToVkey() + "\n");
  }
  return kDone;
}

int PutProof(const ledger::TlogProof& proof, const std::string& text, uint64_t size,
             const ledger::NoteVerifier& key, const AuditTarget& target,
             const std::filesystem::path& out) {
  if (out == "-") {
    Print(text);
    return kDone;
  }
  if (const Status written = WriteFileAtomic(out, AsBytes(text)); !written) {
    return Fail(written.error());
  }
  if (target.json) {
    PrintJson({{"entry", proof.index},
               {"size", size},
               {"key", key.ToVkey()},
               {"proof", out.string()},
               {"hashes", proof.hashes.size()}});
  } else {
    Print(fmt::format("entry {} of {} stands under the checkpoint: {} hashes → {}\n", proof.index,
                      size, proof.hashes.size(), out.string()));
    Print(fmt::format(
        "check souk-audit show {} {} --raw > E; souk-audit check-proof --key '{}' E {}\n",
        target.dir.string(), proof.index, key.ToVkey(), out.string()));
  }
  return kDone;
}

// A bundle's proofs stand beside its entries.
int ProveFromEvidence(const AuditTarget& target, uint64_t entry, const std::filesystem::path& out) {
  const auto bundle = OpenSoundEvidence(target.dir, target.vkey);
  if (!bundle) return Fail(bundle.error());
  const auto places = ledger::PlacesOf(bundle->evidence);
  if (!places) return Fail(places.error());
  const auto found = places->find(entry);
  if (found == places->end()) return Fail(fmt::format("entry {} is not here", entry));
  const ledger::EvidenceLeaf& leaf = *found->second;
  const auto proof = ledger::ParseProof(leaf.proof);
  if (!proof) return Fail(proof.error());
  const auto head = ledger::VerifyProof(*proof, leaf.leaf, bundle->key);
  if (!head) return Fail(head.error());
  return PutProof(*proof, leaf.proof, head->size, bundle->key, target, out);
}

}  // namespace

int RunKey(const AuditTarget& target) {
  if (IsEvidence(target.dir)) {
    const auto bundle = OpenEvidence(target.dir, target.vkey);
    if (!bundle) return Fail(bundle.error());
    return PrintKey(bundle->key, "", ledger::PeerOfLog(bundle->key.name), bundle->key_from, target);
  }
  const auto found = FindLedger(target.dir, target.vkey);
  if (!found) return Fail(found.error());
  return PrintKey(found->key, found->name, found->peer, found->key_from, target);
}

int RunProve(const AuditTarget& target, uint64_t entry, const std::filesystem::path& out) {
  if (out == "-" && target.json) return Misuse("--json: the proof itself goes to stdout");
  if (IsEvidence(target.dir)) return ProveFromEvidence(target, entry, out);
  const auto opened = OpenLedger(target.dir, target.vkey);
  if (!opened) return Fail(opened.error());
  const auto& log = opened->log();
  if (entry >= log.signed_size()) {
    return Fail(fmt::format("there is no entry {} under the checkpoint: it signs {}", entry,
                            log.signed_size()));
  }
  const auto proof = log.Proof(entry);
  if (!proof) return Fail(proof.error());
  return PutProof(*proof, proof->ToText(), log.signed_size(), opened->key, target, out);
}

int RunCheckProof(const std::string& vkey, const std::filesystem::path& entry,
                  const std::filesystem::path& proof, bool json) {
  const auto key = ledger::NoteVerifier::ParseVkey(vkey);
  if (!key) return Misuse("--key: " + key.error().message);
  const auto leaf = ReadFile(entry, ledger::kMaxEntryBytes);
  if (!leaf) return Fail(leaf.error());
  const auto text = ReadFile(proof, ledger::kMaxProofBytes);
  if (!text) return Fail(text.error());
  const auto parsed = ledger::ParseProof(AsText(*text));
  Result<ledger::Checkpoint> checked = parsed ? ledger::VerifyProof(*parsed, *leaf, *key)
                                              : Result<ledger::Checkpoint>(parsed.error());
  if (json) {
    Json out = {{"ok", checked.has_value()}};
    if (checked) {
      out["entry"] = parsed->index;
      out["size"] = checked->size;
      out["origin"] = checked->origin;
      out["root"] = ToBase64(checked->root.view());
    } else {
      out["error"] = checked.error().message;
      out["code"] = CodeName(checked.error().code);
    }
    PrintJson(out);
    return checked ? kDone : kFailed;
  }
  if (!checked) {
    Print(fmt::format("{} {}\n", Styled(stdout, Style::kBad, "✗"), checked.error().message));
    return kFailed;
  }
  Print(fmt::format("{} these {} bytes are entry {} of {}, signed by {}\n",
                    Styled(stdout, Style::kGood, "✓"), leaf->size(), parsed->index, checked->size,
                    checked->origin));
  return kDone;
}

}  // namespace souk::tools
