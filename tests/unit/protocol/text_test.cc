// One spelling of amounts, times, sizes and ids, read back exactly.
#include "protocol/text.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>

#include "protocol/limits.h"
#include "protocol/plain_text.h"

namespace souk {
namespace {

TEST(Credits, PrintWithSixDecimals) {
  EXPECT_EQ(FormatCredits(Credits{70'000}), "0.070000");
  EXPECT_EQ(FormatCredits(Credits{0}), "0.000000");
  EXPECT_EQ(FormatCredits(Credits{12'345'678}), "12.345678");
  EXPECT_EQ(FormatCredits(Credits{-1}), "-0.000001");
  EXPECT_EQ(FormatCredits(Credits{INT64_MIN}), "-9223372036854.775808");
}

TEST(Credits, ParseExactlyOrNotAtAll) {
  EXPECT_EQ(ParseCredits("0.5")->micro, 500'000);
  EXPECT_EQ(ParseCredits("12")->micro, 12'000'000);
  EXPECT_EQ(ParseCredits("0.000001")->micro, 1);
  EXPECT_EQ(ParseCredits("0.5000000")->micro, 500'000);
  EXPECT_EQ(ParseCredits("1000000000")->micro, limits::kAmount.micro);
  for (const char* bad : {"", ".", ".5", "5.", "-1", "+1", "1e3", " 1", "1 ", "1,5", "0.0000001",
                          "1.2.3", "0x10", "inf", "nan"}) {
    const auto parsed = ParseCredits(bad);
    ASSERT_FALSE(parsed) << bad;
    EXPECT_EQ(parsed.error().code, Code::kMalformed) << bad;
  }
  for (const char* large : {"1000000000.000001", "99999999999999999999", "999999999999999999"}) {
    const auto parsed = ParseCredits(large);
    ASSERT_FALSE(parsed) << large;
    EXPECT_EQ(parsed.error().code, Code::kTooLarge) << large;
  }
}

RC_GTEST_PROP(Credits, ParseWhatTheyPrint, ()) {
  const Credits amount{*rc::gen::inRange<int64_t>(0, limits::kAmount.micro + 1)};
  RC_ASSERT(ParseCredits(FormatCredits(amount)).value() == amount);
}

TEST(Rate, PrintsTwoDecimalsOrAsManyAsItTakes) {
  EXPECT_EQ(FormatRate(Rate{420'000}), "0.42");
  EXPECT_EQ(FormatRate(Rate{2'100'000}), "2.10");
  EXPECT_EQ(FormatRate(Rate{125}), "0.000125");
  EXPECT_EQ(FormatRate(Rate{0}), "0.00");
}

RC_GTEST_PROP(Rate, ParsesWhatItPrints, ()) {
  const Rate rate{*rc::gen::inRange<int64_t>(0, limits::kPrice.micro_per_hour + 1)};
  RC_ASSERT(ParseRate(FormatRate(rate)).value() == rate);
}

TEST(Duration, PrintsAndParsesItsUnitsInOrder) {
  EXPECT_EQ(FormatDuration(Minutes(10)), "10m");
  EXPECT_EQ(FormatDuration(Minutes(90)), "1h30m");
  EXPECT_EQ(FormatDuration(Millis(500)), "500ms");
  EXPECT_EQ(FormatDuration(Millis(60'250)), "1m250ms");
  EXPECT_EQ(FormatDuration(Hours(25)), "1d1h");
  EXPECT_EQ(FormatDuration(Duration{}), "0s");
  EXPECT_EQ(FormatDuration(Seconds(-5)), "-5s");
  EXPECT_EQ(*ParseDuration("10m"), Minutes(10));
  EXPECT_EQ(*ParseDuration("1h30m"), Minutes(90));
  EXPECT_EQ(*ParseDuration("1.5h"), Minutes(90));
  EXPECT_EQ(*ParseDuration("0.5s"), Millis(500));
  EXPECT_EQ(*ParseDuration("366d"), limits::kLongestLease);
  for (const char* bad : {"", "10", "m", "10x", "10m5", "30m1h", "1h1h", "-1h", "1h 30m", "0.5ms",
                          "1.0001s", "h1", "10 m", "10M"}) {
    const auto parsed = ParseDuration(bad);
    ASSERT_FALSE(parsed) << bad;
    EXPECT_EQ(parsed.error().code, Code::kMalformed) << bad;
  }
  for (const char* large : {"367d", "366d1ms", "999999999999999999h", "9999999999999999999s"}) {
    const auto parsed = ParseDuration(large);
    ASSERT_FALSE(parsed) << large;
    EXPECT_EQ(parsed.error().code, Code::kTooLarge) << large;
  }
}

RC_GTEST_PROP(Duration, ParsesWhatItPrints, ()) {
  const Duration duration{*rc::gen::inRange<int64_t>(0, limits::kLongestLease.ms + 1)};
  RC_ASSERT(ParseDuration(FormatDuration(duration)).value() == duration);
}

TEST(Duration, IsRoughInColumns) {
  EXPECT_EQ(RoughDuration(Minutes(58) + Seconds(59)), "58m");
  EXPECT_EQ(RoughDuration(Hours(80)), "3d");
  EXPECT_EQ(RoughDuration(Millis(12)), "12ms");
  EXPECT_EQ(RoughDuration(Millis(-12)), "0s");
}

TEST(Size, PrintsBinaryUnitsAndParsesBoth) {
  EXPECT_EQ(FormatSize(uint64_t{24} << 30), "24 GiB");
  EXPECT_EQ(FormatSize(1'258'291), "1.2 MiB");
  EXPECT_EQ(FormatSize(0), "0 B");
  EXPECT_EQ(FormatSize(1023), "1023 B");
  EXPECT_EQ(FormatSize(1024 * 1024 - 1), "1 MiB");
  EXPECT_EQ(FormatSize(UINT64_MAX), "16 EiB");
  EXPECT_EQ(*ParseSize("24GiB"), uint64_t{24} << 30);
  EXPECT_EQ(*ParseSize("24 GiB"), uint64_t{24} << 30);
  EXPECT_EQ(*ParseSize("1.5MiB"), 1'572'864u);
  EXPECT_EQ(*ParseSize("2GB"), 2'000'000'000u);
  EXPECT_EQ(*ParseSize("512"), 512u);
  EXPECT_EQ(*ParseSize("79.6GiB"), 85'469'849'190u) << "down to whole bytes";
  EXPECT_EQ(*ParseSize("15.9 EiB"), 18'331'451'923'248'866'918u);
  for (const char* bad : {"", "GiB", "24  GiB", "24gib", "24G", "-1B", "1.5.5MiB"}) {
    EXPECT_FALSE(ParseSize(bad)) << bad;
  }
  EXPECT_EQ(ParseSize("16EiB").error().code, Code::kTooLarge);
  EXPECT_EQ(ParseSize("99999999TiB").error().code, Code::kTooLarge);
}

TEST(Time, PrintsAsIso8601InUtc) {
  EXPECT_EQ(FormatTime(Time{0}), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(FormatTime(Time{-1}), "1969-12-31T23:59:59.999Z");
  EXPECT_EQ(FormatTime(Time{1'709'251'199'113}), "2024-02-29T23:59:59.113Z");
  EXPECT_FALSE(FormatTime(Time{INT64_MAX}).empty());
  EXPECT_FALSE(FormatTime(Time{INT64_MIN}).empty());
  EXPECT_EQ(ParseTime("2024-02-29T23:59:59.113Z")->ms, 1'709'251'199'113);
  EXPECT_EQ(ParseTime("2024-02-29T23:59:59Z")->ms, 1'709'251'199'000);
  for (const char* bad :
       {"", "2024-02-30T00:00:00Z", "2023-02-29T00:00:00Z", "2024-13-01T00:00:00Z",
        "2024-00-01T00:00:00Z", "2024-01-01T24:00:00Z", "2024-01-01T00:60:00Z",
        "2024-01-01T00:00:60Z", "2024-01-01T00:00:00", "2024-01-01 00:00:00Z",
        "2024-01-01T00:00:00.1Z", "2024-01-01T00:00:00ZZ", "1999-12-31T23:59:59Z",
        "2201-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "-024-01-01T00:00:00Z"}) {
    EXPECT_FALSE(ParseTime(bad)) << bad;
  }
}

RC_GTEST_PROP(Time, ParsesWhatItPrints, ()) {
  const Time time{*rc::gen::inRange<int64_t>(limits::kEarliest.ms, limits::kLatest.ms + 1)};
  RC_ASSERT(ParseTime(FormatTime(time)).value() == time);
}

TEST(Time, ShowsTheLocalClock) {
  ::setenv("TZ", "UTC-2", 1);  // two hours east
  ::tzset();
  EXPECT_EQ(LocalClockMillis(Time{1'709'251'199'113}), "01:59:59.113");
  EXPECT_EQ(LocalClock(Time{1'709'251'199'113}), "01:59:59");
  ::unsetenv("TZ");
  ::tzset();
}

Digest FromPrefix(const std::string& hex) {
  return *Digest::Parse(hex + std::string(64 - hex.size(), '0'));
}

TEST(ShortIds, AreTheShortestThatTellApart) {
  const std::vector<Digest> all = {FromPrefix("9d24"), FromPrefix("9d2411"), FromPrefix("b071"),
                                   FromPrefix("9d2412")};
  const std::vector<std::string> expected = {"9d240", "9d2411", "b071", "9d2412"};
  EXPECT_EQ(ShortIds(all), expected);
  for (size_t i = 0; i < all.size(); ++i) EXPECT_EQ(ShortId(all[i], all), expected[i]);
  EXPECT_EQ(ShortId(FromPrefix("1234"), {}), "1234");
}

TEST(ShortIds, CountADuplicateOnce) {
  const Digest id = FromPrefix("9d24");
  EXPECT_EQ(ShortIds({id, id}), (std::vector<std::string>{"9d24", "9d24"}));
  EXPECT_EQ(*ResolveId("9d24", {id, id}), id);
}

RC_GTEST_PROP(ShortIds, ResolveToTheirIds, ()) {
  // Few distinct digits make long common prefixes.
  const auto seeds = *rc::gen::container<std::vector<uint8_t>>(rc::gen::inRange<uint8_t>(0, 40));
  std::vector<Digest> all;
  for (const uint8_t seed : seeds) {
    Digest id;
    for (size_t i = 0; i < 6; ++i) id.bytes[i] = static_cast<uint8_t>(seed >> i & 1);
    all.push_back(id);
  }
  const std::vector<std::string> shown = ShortIds(all);
  for (size_t i = 0; i < all.size(); ++i) {
    RC_ASSERT(shown[i] == ShortId(all[i], all));
    RC_ASSERT(ResolveId(shown[i], all).value() == all[i]);
    if (shown[i].size() > 4) {
      RC_ASSERT(!ResolveId(shown[i].substr(0, shown[i].size() - 1), all).has_value());
    }
  }
}

TEST(ResolveId, NamesTheCandidatesOfAnAmbiguousPrefix) {
  const std::vector<Digest> all = {FromPrefix("9d24"), FromPrefix("9d25"), FromPrefix("b071")};
  const auto ambiguous = ResolveId("9d2", all);
  ASSERT_FALSE(ambiguous);
  EXPECT_EQ(ambiguous.error().code, Code::kConflict);
  EXPECT_NE(ambiguous.error().message.find("9d24, 9d25"), std::string::npos);
  EXPECT_EQ(*ResolveId("B0", all), FromPrefix("b071"));
  EXPECT_EQ(*ResolveId("sha256:b", all), FromPrefix("b071"));
  EXPECT_EQ(*ResolveId(FromPrefix("9d25").Hex(), all), FromPrefix("9d25"));
  EXPECT_EQ(ResolveId("ffff", all).error().code, Code::kNotFound);
  for (const std::string& bad : {std::string(), std::string("xyz"), std::string(65, 'a'),
                                 std::string("sha256:"), std::string(100'000, '0')}) {
    EXPECT_EQ(ResolveId(bad, all).error().code, Code::kMalformed) << bad.substr(0, 70);
  }
}

TEST(SaltedDigest, DependsOnSaltAndValue) {
  std::set<Digest> digests;
  digests.insert(SaltedDigest(Digest{}, {}));
  digests.insert(SaltedDigest(Digest{}, AsBytes("a")));
  digests.insert(SaltedDigest(Sha256({}), {}));
  digests.insert(SaltedDigest(Sha256({}), AsBytes("a")));
  digests.insert(Sha256(AsBytes("a")));
  EXPECT_EQ(digests.size(), 5u);
  Bytes covered = ToBytes(AsBytes("souk/salted"));
  covered.push_back(0);
  Append(covered, Bytes(32));
  Append(covered, AsBytes("a"));
  EXPECT_EQ(SaltedDigest(Digest{}, AsBytes("a")), Sha256(covered));
}

TEST(PlainText, IsUtf8WithoutControlsOrReordering) {
  for (const char* good : {"", "kite", "naïve €5 𝄞", "日本", "a b"}) {
    EXPECT_TRUE(IsPlainText(good)) << good;
  }
  for (const std::string& bad :
       {std::string("a\x1b[2J"), std::string("a\nb"), std::string("a\0b", 3), std::string("\x7f"),
        std::string("\xc2\x9b") /* CSI */, std::string("\xe2\x80\xae") /* RLO */,
        std::string("\xe2\x81\xa6") /* LRI */, std::string("\xc0\xaf"), std::string("\xed\xa0\x80"),
        std::string("\xf4\x90\x80\x80"), std::string("\xe2\x82"), std::string("\x80"),
        std::string("\xff"), std::string("\xe0\x80\x80"), std::string("\xf0\x80\x80\x80")}) {
    EXPECT_FALSE(IsPlainText(bad));
    EXPECT_TRUE(IsPlainText(ToPlainText(bad, 100)));
  }
  EXPECT_TRUE(IsPlainText("a\nb\n", Lines::kMany));
  EXPECT_FALSE(IsPlainText("a\tb", Lines::kMany));
  EXPECT_EQ(ToPlainText("one\ntwo\x1b[2J", 100), "one two [2J");
}

TEST(PlainText, IsCutBetweenCharacters) {
  EXPECT_EQ(ToPlainText("€€", 5), "€");
  EXPECT_EQ(ToPlainText("€€", 6), "€€");
  EXPECT_EQ(ToPlainText("€€", 0), "");
  EXPECT_EQ(ToPlainText(std::string(1000, 'a'), 10).size(), 10u);
}

}  // namespace
}  // namespace souk
