#include "unit/protocol/fuzz_targets.h"

#include "protocol/base/check.h"
#include "protocol/bech32m.h"
#include "protocol/codec.h"
#include "protocol/limits.h"
#include "protocol/plain_text.h"
#include "protocol/query.h"
#include "protocol/text.h"
#include "unit/protocol/samples.h"

namespace souk::fuzz {
namespace {

template <typename Message>
void DecodeAs(const Document& document) {
  const auto message = Decode<Message>(document);
  if (!message) {
    CHECK(!message.error().message.empty());
    return;
  }
  // What a later version said more is gone, so that the rest fits all the more.
  const auto again = samples::Unsigned(document.kind(), EncodePayload(*message));
  CHECK(again);
  const auto back = Decode<Message>(**again);
  CHECK(back && *back == *message);
}

void DecodeAny(const Document& document) {
  switch (document.kind()) {
#define SOUK_DECODE_CASE(Type) \
  case Kind::k##Type:          \
    return DecodeAs<Type>(document);
    SOUK_FOR_EACH_MESSAGE(SOUK_DECODE_CASE)
#undef SOUK_DECODE_CASE
  }
}

std::vector<OfferView> SomeOffers() {
  samples::Rng rng(1);
  std::vector<OfferView> out(5);
  for (OfferView& view : out) {
    view.id = samples::AnyDigest(rng);
    view.provider = samples::AnyKey(rng);
    view.provider_name = "kite";
    view.offer = samples::Any<Offer>(rng);
  }
  out[0].offer = Offer();  // as little said as can be
  return out;
}

// What parses is printed so that it parses to the same.
template <typename Parse, typename Format>
void RoundTrip(std::string_view text, Parse parse, Format format) {
  const auto value = parse(text);
  if (!value) return;
  const auto again = parse(format(*value));
  CHECK(again && *again == *value);
}

}  // namespace

void Envelope(ByteView data) {
  const auto opened = Document::Open(data);
  const auto trusted = Document::OpenTrusted(data);
  CHECK(!opened || trusted);
  if (!trusted) return;
  CHECK((*trusted)->envelope() == ToBytes(data));
  DecodeAny(**trusted);
}

void Payload(ByteView data) {
  if (data.empty()) return;
  const size_t kinds = static_cast<size_t>(kLastKind) + 1;
  const auto document = samples::Unsigned(static_cast<Kind>(data[0] % kinds), data.subspan(1));
  if (document) DecodeAny(**document);
}

void Entry(ByteView data) {
  const auto entry = DecodeEntry(data);
  if (!entry) return;
  CHECK(OutcomeName(entry->outcome) != nullptr);
  const auto leaf = EncodeEntry(*entry);
  CHECK(leaf);
  const auto back = DecodeEntry(*leaf);
  CHECK(back && *back == *entry);
}

void Receipt(ByteView data) {
  const auto receipt = DecodeReceipt(data);
  if (!receipt) return;
  const auto back = DecodeReceipt(EncodeReceipt(*receipt));
  CHECK(back && *back == *receipt);
}

void Query(ByteView data) {
  const auto query = souk::Query::Parse(AsText(data));
  if (!query) {
    CHECK(IsPlainText(query.error().message));
    return;
  }
  static const std::vector<OfferView> offers = SomeOffers();
  size_t matching = 0;
  for (const OfferView& offer : offers) {
    const bool matches = query->Matches(offer);
    matching += matches ? 1 : 0;
    const auto failures = query->Explain(offer);
    CHECK(failures.empty() == matches);
    for (const auto& failure : failures) CHECK(failure.off_by >= 0);
  }
  CHECK(query->Select(offers).size() <= matching);
}

void Text(ByteView data) {
  const std::string_view text = AsText(data);
  RoundTrip(text, ParseCredits, FormatCredits);
  RoundTrip(text, ParseRate, FormatRate);
  RoundTrip(text, ParseDuration, FormatDuration);
  RoundTrip(text, ParseTime, FormatTime);
  RoundTrip(text, PublicKey::Parse, [](const PublicKey& key) { return key.ToString(); });
  // Sizes are printed with one decimal; the very largest round up to one that is too large.
  if (const auto size = ParseSize(text)) {
    const auto again = ParseSize(FormatSize(*size));
    CHECK(again || again.error().code == Code::kTooLarge);
  }
  if (const auto decoded = DecodeBech32m(text)) {
    CHECK(EncodeBech32m(decoded->prefix, decoded->groups).size() == text.size());
  }
  const std::vector<Digest> ids = {Sha256({}), Sha256(data)};
  if (const auto id = ResolveId(text, ids)) CHECK(*id == ids[0] || *id == ids[1]);
  const std::string plain = ToPlainText(text, limits::kSentenceBytes);
  CHECK(IsPlainText(plain) && plain.size() <= limits::kSentenceBytes);
  CHECK(!IsPlainText(text) || text.size() > limits::kSentenceBytes || plain == text);
}

}  // namespace souk::fuzz
