#include "tools/common/terminal.h"

#include <gtest/gtest.h>

#include <cmath>

namespace souk::tools {
namespace {

TEST(Table, AlignsColumnsByWhatIsSeenNotByBytes) {
  Table table({{"GPU"}, {"CR/H", Align::kRight}, {"NOTE"}});
  table.Add({"2×RTX 4090", "0.42", "–"});
  table.Add({"1×H100", "12.10", ""});
  EXPECT_EQ(table.ToText(),
            "GPU          CR/H  NOTE\n"
            "2×RTX 4090   0.42  –\n"
            "1×H100      12.10\n");
}

TEST(Table, FillsMissingCells) {
  Table table({{"A"}, {"B"}});
  table.Add({"x"});
  EXPECT_EQ(table.ToText(), "A  B\nx\n");
}

// The description is what gives way; numbers are never cut.
TEST(Table, GoesOnInLinesBelowWhereItIsTooWide) {
  Table table({{"KERNEL"}, {"PARAMETERS"}, {"A NUMBER", Align::kRight}});
  table.Add({"a", "u64 u64 u32 f32 f32 and so on", "12345678901234"});
  table.Add({"a_name_in_one_word", "u32", "1"});
  EXPECT_EQ(table.ToText(52),
            "KERNEL              PARAMETERS              A NUMBER\n"
            "a                   u64 u64 u32 f32   12345678901234\n"
            "                    f32 and so on\n"
            "a_name_in_one_word  u32                            1\n");
  // Words are cut only where the line would be too wide else.
  EXPECT_EQ(table.ToText(36),
            "KERNEL    PARAMETERS        A NUMBER\n"
            "a         u64 u64     12345678901234\n"
            "          u32 f32\n"
            "          f32 and so\n"
            "          on\n"
            "a_name_i  u32                      1\n"
            "n_one_wo\n"
            "rd\n");
  EXPECT_EQ(table.ToText(10), table.ToText()) << "it cannot fit";
  EXPECT_TRUE(table.Fits(36));
  EXPECT_FALSE(table.Fits(10));
  EXPECT_TRUE(table.Fits(kAllColumns));
}

TEST(Fold, CutsBetweenWordsAndNeverBehindAnArrow) {
  EXPECT_EQ(Fold("done  a job → results/1/ (2 files)\nmore\n", 14, 6),
            "done  a job\n      → results/1/\n      (2 files)\nmore\n");
  EXPECT_EQ(Fold("  a_word_that_is_too_wide x", 8, 4), "  a_word_that_is_too_wide\n    x");
  EXPECT_EQ(Fold("fits", kAllColumns, 0), "fits");
  EXPECT_EQ(Fold("", 3, 0), "");
}

TEST(DisplayWidth, CountsCharactersAndNoEscapes) {
  EXPECT_EQ(DisplayWidth("2×RTX"), 5u);
  EXPECT_EQ(DisplayWidth("\x1b[32m✓\x1b[0m ok"), 4u);
}

TEST(Shorten, CutsBetweenCharacters) {
  EXPECT_EQ(Shorten("kite", 4), "kite");
  EXPECT_EQ(Shorten("×××××", 4), "×××…");
}

TEST(Bar, GrowsByHalves) {
  EXPECT_EQ(Bar(0, 4), "────");
  EXPECT_EQ(Bar(0.125, 4), "╸───");
  EXPECT_EQ(Bar(0.5, 4), "━━──");
  EXPECT_EQ(Bar(0.9, 4), "━━━╸");
  EXPECT_EQ(Bar(1, 4), "━━━━");
}

TEST(Bar, TakesNonsenseAsNothingOrAll) {
  EXPECT_EQ(Bar(-3, 2), "──");
  EXPECT_EQ(Bar(7, 2), "━━");
  EXPECT_EQ(Bar(std::nan(""), 2), "──");
}

TEST(Numbers, CarryCommasAndUnits) {
  EXPECT_EQ(WithCommas(0), "0");
  EXPECT_EQ(WithCommas(999), "999");
  EXPECT_EQ(WithCommas(9412), "9,412");
  EXPECT_EQ(WithCommas(1234567), "1,234,567");
  EXPECT_EQ(FormatElapsed(0.012), "12 ms");
  EXPECT_EQ(FormatElapsed(3.14), "3.1 s");
  EXPECT_EQ(FormatElapsed(72.4), "72 s");
  EXPECT_EQ(FormatElapsed(3600), "60 min");
}

TEST(Style, LeavesTextAloneWhereThereIsNoTerminal) {
  std::FILE* file = std::tmpfile();
  ASSERT_NE(file, nullptr);
  EXPECT_EQ(Styled(file, Style::kBad, "✗"), "✗");
  std::fclose(file);
}

}  // namespace
}  // namespace souk::tools
