// One query language for offers, the command line and manifests.
#include "protocol/query.h"

#include <gtest/gtest.h>

#include "protocol/limits.h"

namespace souk {
namespace {

OfferView Kite() {
  OfferView view;
  view.id = Sha256(AsBytes("kite's offer"));
  view.provider = SigningKey::FromSeed({1}).public_key();
  view.provider_name = "Kite";
  Offer& offer = view.offer;
  offer.device_kind = "cuda";
  offer.model = "NVIDIA RTX 4090";
  offer.architecture = 89;
  offer.memory_bytes = uint64_t{24} << 30;
  offer.count = 2;
  offer.slices = 2;
  offer.driver = "550.54";
  offer.newest_ptx = 84;
  offer.grade = Grade::kChallenged;
  offer.fp32_mflops = 82'600'000;
  offer.jail = JailGrade::kNamespaces;
  offer.price = Rate{420'000};
  offer.interruptible_price = Rate{200'000};
  offer.min_duration = Minutes(1);
  offer.max_duration = Hours(6);
  offer.region = "FR";
  offer.clearing_peers = {SigningKey::FromSeed({9}).public_key()};
  offer.bond_share = Credits{500'000};
  offer.bandwidth_kbps = 500'000;
  offer.expires = Time{1'900'000'000'000};
  return view;
}

OfferView Helio() {
  OfferView view = Kite();
  view.id = Sha256(AsBytes("helio's offer"));
  view.provider = SigningKey::FromSeed({2}).public_key();
  view.provider_name = "helio";
  view.offer.model = "NVIDIA H100 80GB HBM3";
  view.offer.architecture = 90;
  view.offer.memory_bytes = uint64_t{80} << 30;
  view.offer.count = 1;
  view.offer.fp32_mflops = 67'000'000;
  view.offer.price = Rate{2'100'000};
  view.offer.interruptible_price.reset();
  view.offer.max_duration = Hours(24);
  view.offer.region = "DE";
  view.offer.grade = Grade::kDeclared;
  return view;
}

// A CPU that leaves most unsaid.
OfferView Plain() {
  OfferView view;
  view.id = Sha256(AsBytes("plain offer"));
  view.provider = SigningKey::FromSeed({3}).public_key();
  view.provider_name = "plain";
  view.offer.device_kind = "cpu";
  view.offer.model = "Xeon";
  view.offer.price = Rate{50'000};
  view.offer.count = 1;
  view.offer.slices = 1;
  return view;
}

bool Matches(const std::string& text, const OfferView& offer) {
  const auto query = Query::Parse(text);
  EXPECT_TRUE(query) << text << ": " << (query ? "" : query.error().message);
  return query && query->Matches(offer);
}

std::string ErrorOf(std::string_view text) {
  const auto query = Query::Parse(text);
  EXPECT_FALSE(query) << text;
  return query ? "" : query.error().message;
}

TEST(Query, ReadsTheExamplesOfTheDesign) {
  const std::string text =
      "gpu.model ~ \"H100\" and gpu.count >= 1 and price <= 2.5 and region in (\"DE\",\"FR\") "
      "order by price / gpu.fp32_tflops";
  EXPECT_TRUE(Matches(text, Helio()));
  EXPECT_FALSE(Matches(text, Kite()));
  const auto query = Query::Parse("gpu.memory >= 24GiB order by price / gpu.fp32_tflops");
  ASSERT_TRUE(query);
  EXPECT_EQ(query->Select({Helio(), Plain(), Kite()}), (std::vector<size_t>{2, 0}));
}

TEST(Query, MatchesEverythingWhenItIsEmpty) {
  EXPECT_TRUE(Matches("", Kite()));
  EXPECT_TRUE(Matches("  \t\n ", Plain()));
  EXPECT_EQ(Query::Parse("")->Select({Helio(), Plain(), Kite()}), (std::vector<size_t>{1, 2, 0}));
}

TEST(Query, ComparesEveryFieldInItsUnit) {
  for (const char* text : {"gpu.model ~ \"4090\"",
                           "gpu.model = \"nvidia rtx 4090\"",
                           "gpu.kind = 'CUDA'",
                           "gpu.count = 2",
                           "gpu.slices != 1",
                           "gpu.slices ≠ 1",
                           "gpu.count ≤ 2",
                           "gpu.count≥2",
                           "gpu.memory = 24GiB",
                           "gpu.memory < 25.0GiB",
                           "gpu.memory > 25GB",
                           "gpu.arch >= 8.9",
                           "gpu.arch < 9",
                           "gpu.fp32_tflops > 82.5",
                           "gpu.ptx >= 8.4",
                           "gpu.driver ~ \"550\"",
                           "price = 0.42",
                           "price <= 0.42",
                           "price < 0.420001",
                           "price.interruptible < 0.3",
                           "price.hold = 0",
                           "bond >= 0.5",
                           "grade >= challenged",
                           "grade = Challenged",
                           "grade < \"attested\"",
                           "grade in (challenged, attested)",
                           "jail = namespaces",
                           "jail > landlock",
                           "region = \"fr\"",
                           "region != \"DE\"",
                           "duration.min <= 1m",
                           "duration.max >= 6h",
                           "duration.max = 360m",
                           "duration.max < 1d",
                           "bandwidth >= 500Mbps",
                           "bandwidth < 1Gbps",
                           "expires > \"2026-01-01T00:00:00Z\"",
                           "provider = \"kite\"",
                           "provider ~ \"it\"",
                           "provider in (\"x\", \"kite\")",
                           "price in (0.1, 0.42)",
                           "gpu.memory in (24GiB)"}) {
    EXPECT_TRUE(Matches(text, Kite())) << text;
    EXPECT_FALSE(Matches(std::string("not ") + text, Kite())) << text;
    EXPECT_FALSE(Matches(std::string("not (") + text + ")", Kite())) << text;
  }
}

TEST(Query, KnowsPeersAndOffersByTheBeginningsOfTheirIds) {
  const OfferView kite = Kite();
  const std::string id = kite.provider.ToString();
  const std::string clearing = kite.offer.clearing_peers[0].ToString();
  EXPECT_TRUE(Matches("provider = \"" + id + "\"", kite));
  EXPECT_TRUE(Matches("provider = \"" + id.substr(0, 12) + "\"", kite));
  EXPECT_FALSE(Matches("provider = \"" + id.substr(0, 12) + "\"", Helio()));
  EXPECT_TRUE(Matches("clearing = \"" + clearing.substr(0, 20) + "\"", kite));
  EXPECT_TRUE(Matches("clearing != \"" + id + "\"", kite));
  EXPECT_FALSE(Matches("clearing = \"" + clearing + "\"", Plain()));
  EXPECT_TRUE(Matches("offer = \"" + kite.id.Hex().substr(0, 4) + "\"", kite));
  EXPECT_FALSE(Matches("offer = \"" + kite.id.Hex().substr(0, 3) + "\"", kite)) << "too short";
  EXPECT_FALSE(Matches("provider = \"kit\"", kite)) << "names are whole";
  EXPECT_FALSE(Matches("provider = \"\"", kite));
}

TEST(Query, NeverMatchesWhatAnOfferLeavesUnsaid) {
  for (const char* text :
       {"gpu.fp32_tflops >= 0", "gpu.fp32_tflops < 1", "gpu.fp32_tflops != 5",
        "price.interruptible <= 1000", "bandwidth != 0", "gpu.arch < 100", "gpu.ptx = 0"}) {
    EXPECT_FALSE(Matches(text, Plain())) << text;
    EXPECT_TRUE(Matches(std::string("not ") + text, Plain())) << text;
  }
}

TEST(Query, BindsNotBeforeAndBeforeOr) {
  EXPECT_TRUE(Matches("price < 0 and price < 0 or price > 0", Kite()));
  EXPECT_FALSE(Matches("price < 0 and (price < 0 or price > 0)", Kite()));
  EXPECT_TRUE(Matches("not price < 0 and price > 0", Kite()));
  EXPECT_FALSE(Matches("not (price < 0 or price > 0)", Kite()));
  EXPECT_TRUE(Matches("NOT not Price > 0 AND gpu.count IN (1, 2)", Kite()));
}

TEST(Query, OrdersByArithmeticAndThenByPriceAndId) {
  const std::vector<OfferView> offers = {Helio(), Plain(), Kite()};
  const auto order = [&](const std::string& text) {
    const auto query = Query::Parse(text);
    EXPECT_TRUE(query) << text << ": " << (query ? "" : query.error().message);
    return query->Select(offers);
  };
  using Order = std::vector<size_t>;
  EXPECT_EQ(order("order by price"), (Order{1, 2, 0}));
  EXPECT_EQ(order("order by price desc"), (Order{0, 2, 1}));
  EXPECT_EQ(order("order by -price asc"), (Order{0, 2, 1}));
  EXPECT_EQ(order("order by 0 * price"), (Order{1, 2, 0}));
  EXPECT_EQ(order("order by (1 + 2) * price - price / 2 limit 2"), (Order{1, 2}));
  EXPECT_EQ(order("limit 1"), (Order{1}));
  EXPECT_EQ(order("limit 0"), Order{});
  // What cannot be computed comes last both ways.
  EXPECT_EQ(order("order by gpu.fp32_tflops"), (Order{0, 2, 1}));
  EXPECT_EQ(order("order by gpu.fp32_tflops desc"), (Order{2, 0, 1}));
  EXPECT_EQ(order("order by 1 / gpu.memory desc limit 3"), (Order{2, 0, 1}));
}

TEST(Query, GivesTheSameOrderWhateverTheOrderOfTheOffers) {
  std::vector<OfferView> offers;
  for (int i = 0; i < 20; ++i) {
    OfferView view = Plain();
    view.id = Sha256(Bytes{static_cast<uint8_t>(i)});
    offers.push_back(view);
  }
  const auto query = Query::Parse("order by price");
  ASSERT_TRUE(query);
  const auto ids = [&](const std::vector<OfferView>& from) {
    std::vector<Digest> out;
    for (const size_t at : query->Select(from)) out.push_back(from[at].id);
    return out;
  };
  const std::vector<Digest> forwards = ids(offers);
  std::reverse(offers.begin(), offers.end());
  EXPECT_EQ(ids(offers), forwards);
}

// ---- explain

std::vector<Query::Failure> Explain(const std::string& text, const OfferView& offer) {
  const auto query = Query::Parse(text);
  EXPECT_TRUE(query) << text << ": " << (query ? "" : query.error().message);
  auto failures = query->Explain(offer);
  EXPECT_EQ(failures.empty(), query->Matches(offer)) << text;
  return failures;
}

TEST(QueryExplain, SaysWhatWasWantedAndByHowMuchItIsMissed) {
  const auto failures = Explain("gpu.model ~ \"H100\" and price <= 2", Helio());
  ASSERT_EQ(failures.size(), 1u);
  EXPECT_EQ(failures[0].field, "price");
  EXPECT_EQ(failures[0].has, "2.10");
  EXPECT_EQ(failures[0].wanted, "<= 2");
  EXPECT_NEAR(failures[0].off_by, 0.05, 1e-9);
}

TEST(QueryExplain, PutsTheNearestFirst) {
  const auto failures =
      Explain("gpu.model ~ \"H100\" and price <= 0.4 and gpu.memory >= 80GiB", Kite());
  ASSERT_EQ(failures.size(), 3u);
  EXPECT_EQ(failures[0].field, "price");
  EXPECT_EQ(failures[1].field, "gpu.memory");
  EXPECT_EQ(failures[1].has, "24 GiB");
  EXPECT_EQ(failures[1].wanted, ">= 80GiB");
  EXPECT_NEAR(failures[1].off_by, 0.7, 1e-9);
  EXPECT_EQ(failures[2].field, "gpu.model");
  EXPECT_EQ(failures[2].has, "NVIDIA RTX 4090");
  EXPECT_EQ(failures[2].wanted, "~ \"H100\"");
  EXPECT_EQ(failures[2].off_by, 1);
}

TEST(QueryExplain, NamesOfAnOrOnlyTheNearestAlternative) {
  const auto failures = Explain("price < 0.1 or price < 0.4 or region = \"DE\"", Kite());
  ASSERT_EQ(failures.size(), 1u);
  EXPECT_EQ(failures[0].wanted, "< 0.4");
}

TEST(QueryExplain, TurnsNegationsRound) {
  auto failures = Explain("not price < 1", Kite());
  ASSERT_EQ(failures.size(), 1u);
  EXPECT_EQ(failures[0].wanted, ">= 1");
  failures = Explain("not (region in (\"FR\", \"DE\") or price < 1)", Kite());
  ASSERT_EQ(failures.size(), 2u);
  EXPECT_EQ(failures[0].wanted, ">= 1");
  EXPECT_EQ(failures[1].wanted, "not in (\"FR\", \"DE\")");
  failures = Explain("not (price < 1 and region = \"fr\")", Kite());
  ASSERT_EQ(failures.size(), 1u);
  EXPECT_EQ(failures[0].field, "price");
}

TEST(QueryExplain, ShowsADashForWhatIsUnsaid) {
  const auto failures = Explain("gpu.fp32_tflops > 10 and grade = attested", Plain());
  ASSERT_EQ(failures.size(), 2u);
  EXPECT_EQ(failures[0].has, "–");
  EXPECT_EQ(failures[1].has, "declared");
}

// ---- errors

TEST(QueryParse, PointsAtTheColumn) {
  EXPECT_EQ(ErrorOf("price <= "),
            "column 10: expected credits such as 2.5 for price, not the end of the query");
  EXPECT_NE(ErrorOf("price <= 2 region").find("column 12: expected 'and'"), std::string::npos);
  EXPECT_NE(ErrorOf("price ! 2").find("column 7"), std::string::npos);
  EXPECT_NE(ErrorOf("price ! €").find("column 7"), std::string::npos);
  EXPECT_EQ(ErrorOf("price = €"), "column 9: '€' has no meaning here");
  EXPECT_NE(ErrorOf("region = \"FR").find("column 10: the text that begins here has no end"),
            std::string::npos);
}

TEST(QueryParse, ListsTheFieldsForAnUnknownOne) {
  const std::string error = ErrorOf("gpu.modle ~ \"H100\"");
  EXPECT_NE(error.find("no field 'gpu.modle'"), std::string::npos);
  for (const QueryField& field : QueryFields()) {
    EXPECT_NE(error.find(field.name), std::string::npos) << field.name;
    EXPECT_NE(std::string(field.meaning), "");
  }
}

TEST(QueryParse, RefusesWhatItDoesNotMean) {
  for (const char* text : {"price",
                           "price <=",
                           "price <= \"2\"",
                           "price <= two",
                           "price ~ 2",
                           "price < 1 and",
                           "price < 1 or or price < 2",
                           "and",
                           "not",
                           "(",
                           ")",
                           "(price < 1",
                           "price < 1)",
                           "price in 1",
                           "price in (",
                           "price in (1",
                           "price in ()",
                           "price in (1,)",
                           "price == 1",
                           "1 < price",
                           "region < \"FR\"",
                           "region = FR",
                           "gpu.memory >= 24",
                           "gpu.memory >= 10m",
                           "duration.max >= 24GiB",
                           "duration.max >= 10",
                           "bandwidth >= 5",
                           "grade = best",
                           "grade = 2",
                           "expires > 10m",
                           "expires > \"soon\"",
                           "order",
                           "order by",
                           "order by region",
                           "order by price +",
                           "order by 10m",
                           "order by (price",
                           "limit",
                           "limit x",
                           "limit 1.5",
                           "limit -1",
                           "limit 99999999999999999999",
                           "limit 1 order by price",
                           "price < 1 limit 1 2",
                           "price < 1; drop",
                           "price < 1e5",
                           "price < 1.2.3",
                           "price < .5",
                           "price < 0x10",
                           "@",
                           "\x1b[2J",
                           "\xff",
                           "provider = \"a\nb\"",
                           "price < 'x"}) {
    const std::string error = ErrorOf(text);
    EXPECT_NE(error.find("column "), std::string::npos) << text;
    EXPECT_EQ(error.find('\x1b'), std::string::npos);
  }
}

TEST(QueryParse, RefusesNumbersOutOfRange) {
  const std::string digits(400, '9');
  const std::vector<std::string> texts = {"price < " + digits,
                                          "price < " + digits + "." + digits,
                                          "gpu.memory > " + digits + "GiB",
                                          "gpu.memory > 99999999TiB",
                                          "duration.max > 999999999999h",
                                          "order by " + digits,
                                          "bandwidth > " + digits + "Mbps"};
  for (const std::string& text : texts) {
    EXPECT_FALSE(Query::Parse(text)) << text.substr(0, 40);
  }
}

TEST(QueryParse, BoundsDepthAndLength) {
  const auto nested = [](const std::string& open, const std::string& inner,
                         const std::string& close, int depth) {
    std::string text;
    for (int i = 0; i < depth; ++i) text += open;
    text += inner;
    for (int i = 0; i < depth; ++i) text += close;
    return text;
  };
  EXPECT_TRUE(Query::Parse(nested("(", "price < 1", ")", 30)));
  EXPECT_TRUE(Query::Parse(nested("not ", "price < 1", "", 30)));
  EXPECT_TRUE(Query::Parse("order by " + nested("(", "price", ")", 30)));
  for (const int depth : {40, 1000}) {
    EXPECT_NE(ErrorOf(nested("(", "price < 1", ")", depth)).find("nested"), std::string::npos);
    EXPECT_NE(ErrorOf(nested("not ", "price < 1", "", depth)).find("nested"), std::string::npos);
    EXPECT_NE(ErrorOf("order by " + nested("(", "price", ")", depth)).find("nested"),
              std::string::npos);
    EXPECT_NE(ErrorOf("order by " + nested("-", "price", "", depth)).find("nested"),
              std::string::npos);
  }
  EXPECT_EQ(Query::Parse(std::string(5000, ' ')).error().code, Code::kTooLarge);
  EXPECT_EQ(Query::Parse(std::string(8'000'000, '(')).error().code, Code::kTooLarge);
  // Long, but flat.
  std::string wide = "price < 1";
  while (wide.size() + 14 < 4096) wide += " or price < 1";
  EXPECT_TRUE(Matches(wide, Kite()));
  std::string sum = "order by price";
  while (sum.size() + 8 < 4096) sum += " + price";
  EXPECT_EQ(Query::Parse(sum)->Select({Helio(), Kite()}), (std::vector<size_t>{1, 0}));
}

}  // namespace
}  // namespace souk
