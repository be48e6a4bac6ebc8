#include "cli/output/terminal.hpp"

#include <gtest/gtest.h>

#include "cli/output/progress.hpp"
#include "tests/cli/captured_terminal.hpp"

namespace croft::cli {
namespace {

TEST(TerminalTest, CountsColumnsNotBytes) {
  EXPECT_EQ(display_width("grün"), 4U);
  EXPECT_EQ(display_width("日本"), 4U);
  EXPECT_EQ(display_width("e\xCC\x81"), 1U) << "a combining accent takes none";
  EXPECT_EQ(display_width("\x1b[31mred\x1b[0m"), 3U);
  EXPECT_EQ(display_width("\xFF\xFE"), 2U) << "what is no UTF-8 is counted by bytes";
}

TEST(TerminalTest, CutsTextWithAnEllipsisThatFits) {
  EXPECT_EQ(truncate_text("Instance/worker", 15), "Instance/worker");
  EXPECT_EQ(truncate_text("Instance/worker", 10), "Instance/…");
  EXPECT_EQ(truncate_text("日本語", 4), "日…") << "a wide character is not cut in two";
  EXPECT_EQ(truncate_text("abc", 1), "…");
  EXPECT_EQ(truncate_text("abc", 0), "");
  EXPECT_EQ(truncate_text("\x1b[31mabcdef\x1b[0m", 3), "\x1b[31mab…\x1b[0m")
      << "the colour ends with the text";
}

TEST(TerminalTest, WrapsAtSpacesAndKeepsParagraphs) {
  EXPECT_EQ(wrap_text("one two three", 9, 2), "  one two\n  three\n");
  EXPECT_EQ(wrap_text("one\n\ntwo", 80, 0), "one\n\ntwo\n");
  EXPECT_EQ(wrap_text("unbreakable-word x", 5, 0), "unbreakable-word\nx\n");
}

TEST(TerminalTest, ShowsControlCharactersInsteadOfObeyingThem) {
  EXPECT_EQ(printable("a\x1b[2Jb\x07"), "a\\x1b[2Jb\\x07");
  EXPECT_EQ(printable("line\r\nnext\ttab\n"), "line\nnext\ttab\n");
  EXPECT_EQ(printable("over\rwritten"), "over\\x0dwritten");
  EXPECT_EQ(printable("\xC2\x9B"
                      "31m"),
            "\\x9b31m")
      << "the one-character form of an escape sequence";
  EXPECT_EQ(printable("\xE2\x80\xAE"), "\\u202e") << "text that runs backwards";
  EXPECT_EQ(printable("grün 日本 ✓"), "grün 日本 ✓");
  EXPECT_EQ(printable("\xFF"), "\\xff");
}

TEST(TerminalTest, PaintsOnlyWhereThereAreColours) {
  CapturedTerminal captured;
  EXPECT_EQ(captured.terminal.paint(Colour::Red, "x"), "x");
  captured.terminal.has_colour = true;
  EXPECT_EQ(captured.terminal.paint(Colour::Red, "x"), "\x1b[31mx\x1b[0m");
}

TEST(ProgressTest, WritesALineWheneverTheTextChangesWhereNobodyLooks) {
  CapturedTerminal captured;
  Progress progress(captured.terminal);
  progress.show("1/2 ready");
  progress.show("1/2 ready");
  progress.show("2/2 ready");
  progress.clear();
  EXPECT_EQ(captured.err.str(), "1/2 ready\n2/2 ready\n");
}

TEST(ProgressTest, RedrawsItsLineForAPersonAndTakesItAway) {
  CapturedTerminal captured;
  captured.terminal.is_interactive = true;
  captured.terminal.width = 20;
  {
    Progress progress(captured.terminal);
    progress.show("waiting for something with a long name");
  }
  EXPECT_EQ(captured.err.str(), "\r\x1b[K| waiting for some…\r\x1b[K");
}

}  // namespace
}  // namespace croft::cli
