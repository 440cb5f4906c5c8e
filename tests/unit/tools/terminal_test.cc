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
