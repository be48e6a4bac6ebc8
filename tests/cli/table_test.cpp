#include "cli/output/table.hpp"

#include <sstream>

#include <gtest/gtest.h>

#include "tests/cli/captured_terminal.hpp"

namespace croft::cli {
namespace {

Table make_table() {
  Table table({{"REF", 8}, {"READY"}, {"URL", 8}, {"", 6}});
  table.add({{"Instance/api"}, {"True"}, {"http://alice-api.localhost:8080"}, {""}});
  table.add({{"Instance/worker"}, {"False"}, {"-"}, {"CrashLoop: exit 1, next try in 40s"}});
  return table;
}

std::string print(std::size_t width) {
  CapturedTerminal captured;
  captured.terminal.width = width;
  make_table().print(captured.terminal);
  return captured.out.str();
}

TEST(TableTest, IsAsWideAsItsContentWhereThereIsRoom) {
  EXPECT_EQ(print(0),
            "REF               READY   URL\n"
            "Instance/api      True    http://alice-api.localhost:8080\n"
            "Instance/worker   False   -                                 CrashLoop: exit 1, next "
            "try in 40s\n");
}

TEST(TableTest, FitsTheTerminalByCuttingTheWidestColumns) {
  const std::string text = print(72);
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(display_width(line), 72U) << line;
  EXPECT_NE(text.find("Instance/worker"), std::string::npos) << text;
  EXPECT_NE(text.find("…"), std::string::npos) << text;
}

TEST(TableTest, KeepsWhatMustNotBeCutEvenIfItDoesNotFit) {
  const std::string text = print(20);
  EXPECT_NE(text.find("READY"), std::string::npos) << text;
  EXPECT_NE(text.find("False"), std::string::npos) << text;
}

TEST(TableTest, PaintsCellsWithoutChangingTheirWidth) {
  CapturedTerminal captured;
  captured.terminal.has_colour = true;
  Table table({{"A"}, {"B"}});
  table.add({{"x", {Colour::Green}}, {"y"}});
  table.add({{"long"}, {"y"}});
  table.print(captured.terminal);
  EXPECT_NE(captured.out.str().find("\x1b[32mx\x1b[0m      y"), std::string::npos)
      << captured.out.str();
}

}  // namespace
}  // namespace croft::cli
