// Plain structs to unpacked single-segment Cap'n Proto with its standard framing, and back (R1).
// Decoding is bounded: traversal limit, nesting, every list and text against limits.h, every enum
// against its range, every time and amount against its bounds; one segment, in which every word is
// reached exactly once. Errors are kMalformed or kTooLarge and name the field. Encoding twice gives
// the same bytes; text for people (names, models, titles, sentences) is made plain and cut to its
// limit, all else is the caller's to keep within limits.h. Thread-safe.
#pragma once

#include "protocol/document.h"
#include "protocol/entry.h"
#include "protocol/messages.h"

namespace souk {

// The document's kind for a message type: kKindOf<Order> == Kind::kOrder. Specialised in this file
// for every struct of messages.h that is a document.
template <typename Message>
struct KindOf;

template <typename Message>
Bytes EncodePayload(const Message& message);
// The document's kind must be the message's; otherwise kInvalidArgument.
template <typename Message>
Result<Message> Decode(const Document& document);

template <typename Message>
DocumentRef SignMessage(const Message& message, const SigningKey& key) {
  return Document::Sign(KindOf<Message>::value, EncodePayload(message), key);
}

// kTooLarge where the leaf would exceed limits::kEntryBytes.
Result<Bytes> EncodeEntry(const Entry& entry);
// kUnsupported, before the outcome is looked at, where its rules are newer than those that are
// known.
Result<Entry> DecodeEntry(ByteView leaf, uint32_t newest_rules = kRulesVersion);
// Under which version of the rules the leaf was decided, known or not; 0 where it is no entry.
uint32_t RulesOfLeaf(ByteView leaf);

Bytes EncodeReceipt(const LogReceipt& receipt);
Result<LogReceipt> DecodeReceipt(ByteView bytes);

// clang-format off
#define SOUK_FOR_EACH_MESSAGE(X)                                                                  \
  X(Card) X(Offer) X(Withdrawal) X(Hello) X(Have) X(Want) X(Bundle) X(Refusal) X(Carry)           \
  X(Reply) X(BlobGet) X(BlobChunk) X(Issue) X(Escrow) X(EscrowFetch) X(Voucher) X(Post)           \
  X(Void) X(Show) X(AccountQuery) X(Statement) X(Order) X(Acceptance) X(Commit) X(Ready)          \
  X(VoucherAck) X(Job) X(Progress) X(JobReceipt) X(Release) X(Close) X(LeaseQuery)                \
  X(Challenge) X(ChallengeRoot) X(ChallengeRows) X(ChallengeOpening) X(ChallengeVerdict) \
  X(JobSeal) X(JobReveal) X(Head) X(Fork) X(ConsistencyGet) X(Consistency) X(AddCheckpoint)       \
  X(Cosigned) X(EntryGet) X(EntriesGet) X(Entries)
// clang-format on

#define SOUK_DECLARE_CODEC(Type)                  \
  template <>                                     \
  struct KindOf<Type> {                           \
    static constexpr Kind value = Kind::k##Type;  \
  };                                              \
  template <>                                     \
  Bytes EncodePayload<Type>(const Type& message); \
  template <>                                     \
  Result<Type> Decode<Type>(const Document& document);
SOUK_FOR_EACH_MESSAGE(SOUK_DECLARE_CODEC)
#undef SOUK_DECLARE_CODEC

}  // namespace souk
