#include "ledger/audit/audit_key.h"

#include "ledger/log/log_keys.h"
#include "protocol/codec.h"

namespace souk::ledger {

Result<LogOwner> ReadLogOwner(const Store& store) {
  ASSIGN_OR_RETURN(const auto leaf, store.Get(EntryKey(0)));
  if (!leaf) return Error(Code::kNotFound, "the ledger holds no entries");
  ASSIGN_OR_RETURN(const Entry entry, DecodeEntry(*leaf));
  const auto* opened = std::get_if<Opened>(&entry.outcome);
  if (opened == nullptr) return Error(Code::kMalformed, "the first entry does not open a log");
  LogOwner owner{.name = opened->name, .peer = opened->peer};
  for (const Bytes& envelope : entry.documents) {
    const auto document = Document::Open(envelope);
    if (!document || (*document)->kind() != Kind::kCard || (*document)->signer() != owner.peer) {
      continue;
    }
    const auto card = Decode<Card>(**document);
    if (card) owner.key = NoteVerifier{card->log_name, card->checkpoint_key.bytes};
  }
  return owner;
}

}  // namespace souk::ledger
