#include "protocol/log_access.h"

#include <algorithm>

#include "protocol/codec.h"

namespace souk {
namespace {

template <typename Message>
void NameAll(const Document& document, std::set<PublicKey>& out,
             std::initializer_list<PublicKey Message::*> fields) {
  const auto message = Decode<Message>(document);
  if (!message) return;
  for (const auto field : fields) out.insert((*message).*field);
}

// A key of zeros stands for nobody.
void AddPartiesOf(const Document& document, std::set<PublicKey>& out) {
  switch (document.kind()) {
    case Kind::kOrder:
      NameAll<Order>(document, out, {&Order::provider, &Order::book, &Order::account});
      break;
    case Kind::kEscrow:
      NameAll<Escrow>(document, out, {&Escrow::book, &Escrow::account, &Escrow::payee});
      break;
    case Kind::kVoucher:
      NameAll<Voucher>(document, out, {&Voucher::book});
      break;
    case Kind::kIssue:
      NameAll<Issue>(document, out, {&Issue::account});
      break;
    case Kind::kChallengeVerdict:
      NameAll<ChallengeVerdict>(document, out, {&ChallengeVerdict::provider});
      break;
    default:
      break;
  }
}

}  // namespace

LogReaders ReadersOf(const Card& owner) {
  LogReaders out{owner.open_log, owner.readers};
  out.peers.push_back(owner.peer);
  return out;
}

LogShare ShareOf(const LogReaders& readers, const std::optional<PublicKey>& reader) {
  if (readers.everyone) return LogShare::kWhole;
  if (!reader) return LogShare::kCheckpoints;
  const bool named =
      std::find(readers.peers.begin(), readers.peers.end(), *reader) != readers.peers.end();
  return named ? LogShare::kWhole : LogShare::kOwnEntries;
}

std::set<PublicKey> PartiesOf(const Entry& entry) {
  std::set<PublicKey> out;
  for (const Bytes& envelope : entry.documents) {
    const auto document = Document::OpenTrusted(envelope);
    if (!document) continue;
    out.insert((*document)->signer());
    AddPartiesOf(**document, out);
  }
  out.erase(PublicKey{});
  return out;
}

bool MayReadEntry(const LogReaders& readers, const std::optional<PublicKey>& reader,
                  const Entry& entry) {
  switch (ShareOf(readers, reader)) {
    case LogShare::kWhole:
      return true;
    case LogShare::kOwnEntries:
      return PartiesOf(entry).contains(*reader);
    case LogShare::kCheckpoints:
      return false;
  }
  return false;
}

}  // namespace souk
