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
      EXPECT_FALSE(ToText(rendered).empty());
      EXPECT_FALSE(JsonText(ToJson(rendered)).empty());
    }
  }
}

TEST(RenderEntry, RefusesWhatIsNoEntry) {
  EXPECT_FALSE(RenderEntry(AsBytes("not an entry")).has_value());
}

}  // namespace
}  // namespace souk::tools
