#include "tools/common/render_entry.h"

#include <gtest/gtest.h>

#include "tools/common/json.h"
#include "unit/ledger/audit/audit_world.h"
#include "unit/protocol/samples.h"

namespace souk::tools {
namespace {

using ledger::AuditWorld;

RenderedEntry Rendered(const Entry& entry) {
  const auto leaf = EncodeEntry(entry);
  EXPECT_TRUE(leaf.has_value());
  auto rendered = RenderEntry(*leaf);
  EXPECT_TRUE(rendered.has_value());
  return std::move(*rendered);
}

TEST(RenderEntry, TellsALeaseStepInOneLineAndInFull) {
  const AuditWorld world;
  const RenderedEntry entry = Rendered(world.ProviderLog()[AuditWorld::kReleased]);
  const std::string lease = world.order_document->id().Short();
  EXPECT_EQ(entry.summary, "lease " + lease + ": released → Closing");
  const std::string text = ToText(entry);
  EXPECT_NE(text.find("entry 13  2027-01-15T08:00:11.000Z  lease-step\n"), std::string::npos)
      << text;
  EXPECT_NE(text.find("  due          0.005000 cr\n"), std::string::npos) << text;
  EXPECT_NE(text.find("✓ release  "), std::string::npos) << text;
  EXPECT_NE(text.find("✓ close  "), std::string::npos) << text;
}

TEST(RenderEntry, GivesProgramsWholeIdsAndUnits) {
  const AuditWorld world;
  const Json json = ToJson(Rendered(world.ProviderLog()[AuditWorld::kReleased]));
  EXPECT_EQ(json["outcome"]["lease"], world.order_document->id().Hex());
  EXPECT_EQ(json["outcome"]["due_micro"], 5000);
  EXPECT_EQ(json["outcome"]["metered_ms"], 5000);
  EXPECT_EQ(json["documents"][1]["kind"], "close");
  EXPECT_EQ(json["documents"][1]["signer"], world.provider.id().ToString());
  EXPECT_EQ(json["documents"][1]["signature_ok"], true);
}

TEST(RenderEntry, ShowsWhatABadlySignedDocumentClaims) {
  const AuditWorld world;
  Entry entry = world.ProviderLog()[AuditWorld::kVoucher1];
  entry.documents[0].back() ^= 1;
  const RenderedEntry rendered = Rendered(entry);
  ASSERT_EQ(rendered.documents.size(), 1u);
  EXPECT_FALSE(rendered.documents[0].opened);
  EXPECT_EQ(rendered.documents[0].kind, "voucher");
  EXPECT_NE(ToText(rendered).find("✗ voucher"), std::string::npos);
  EXPECT_EQ(ToJson(rendered)["documents"][0]["signature_ok"], false);
}

TEST(RenderEntry, ShowsTheVoucherWithinAPost) {
  const AuditWorld world;
  const std::string text = ToText(Rendered(world.BookLog()[AuditWorld::kPosted]));
  EXPECT_NE(text.find("voucher      0.020000 cr"), std::string::npos) << text;
}

TEST(RenderEntry, RendersEveryOutcome) {
  samples::Rng rng(7);
  for (size_t kind = 0; kind < std::variant_size_v<Outcome>; ++kind) {
    for (int i = 0; i < 20; ++i) {
      const Entry entry = samples::AnyEntry(rng, kind);
      const RenderedEntry rendered = Rendered(entry);
      EXPECT_EQ(rendered.kind, OutcomeName(entry.outcome));
      EXPECT_FALSE(rendered.summary.empty());
      const std::string text = ToText(rendered);
      EXPECT_EQ(text.find("unknown"), std::string::npos) << text;
      EXPECT_EQ(text.find("?\n"), std::string::npos) << text;
      const bool says_nothing = std::holds_alternative<Published>(entry.outcome) ||
                                std::holds_alternative<Booked>(entry.outcome);
      EXPECT_TRUE(says_nothing || !rendered.outcome.empty()) << text;
      EXPECT_FALSE(JsonText(ToJson(rendered)).empty());
    }
  }
}

// Whether a document stands in logs: those of its kind are told field by field there.
template <typename Message>
bool StandsInLogs() {
  const std::string_view name = KindName(KindOf<Message>::value);
  for (const char* const other :
       {"hello",          "have",          "want",      "bundle",          "refusal",
        "carry",          "reply",         "blob-get",  "blob-chunk",      "escrow-fetch",
        "show",           "account-query", "statement", "voucher-ack",     "progress",
        "lease-query",    "head",          "fork",      "consistency-get", "consistency",
        "add-checkpoint", "cosigned",      "entry-get", "entries-get",     "entries"}) {
    if (name == other) return false;
  }
  return true;
}

// A run of hex is an id, which a short one stands for in text; longer ones nobody reads.
bool HasHexDump(const std::string& text) {
  size_t run = 0;
  for (const char c : text) {
    run = std::isxdigit(static_cast<unsigned char>(c)) != 0 ? run + 1 : 0;
    if (run > 64) return true;
  }
  return false;
}

template <typename Message>
void ExpectTold(samples::Rng& rng) {
  const SigningKey key = SigningKey::FromSeed({1});
  const std::string name(KindName(KindOf<Message>::value));
  Entry entry{.time = Time{1'800'000'000'000}, .outcome = Published{}};
  entry.documents = {SignMessage(samples::Any<Message>(rng), key)->envelope()};
  if (entry.documents[0].size() > limits::kDocumentBytes) return;
  const RenderedEntry rendered = Rendered(entry);
  ASSERT_EQ(rendered.documents.size(), 1u) << name;
  const RenderedDocument& document = rendered.documents[0];
  EXPECT_TRUE(document.opened) << name << document.problem;
  EXPECT_EQ(document.kind, name);
  EXPECT_FALSE(document.fields.empty()) << name;
  const std::string text = ToText(rendered);
  EXPECT_NE(text.find("✓ " + name + "  "), std::string::npos) << text;
  EXPECT_FALSE(HasHexDump(text)) << text;
  EXPECT_EQ(text.find("unknown"), std::string::npos) << text;
  if (StandsInLogs<Message>()) {
    EXPECT_EQ(text.find("stands in no log"), std::string::npos) << text;
  }
}

TEST(RenderEntry, TellsEveryKindOfDocumentFieldByField) {
  samples::Rng rng(11);
  for (int i = 0; i < 5; ++i) {
#define SOUK_EXPECT_TOLD(Type) ExpectTold<Type>(rng);
    SOUK_FOR_EACH_MESSAGE(SOUK_EXPECT_TOLD)
#undef SOUK_EXPECT_TOLD
  }
}

TEST(RenderEntry, RefusesWhatIsNoEntry) {
  EXPECT_FALSE(RenderEntry(AsBytes("not an entry")).has_value());
}

}  // namespace
}  // namespace souk::tools
