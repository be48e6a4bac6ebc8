#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/core/manifest/loading.hpp"

// YAML's traps, one by one: each is either read as its author meant it, or refused with words that
// say what to do.

namespace croft::manifest {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::string instance(std::string_view spec) {
  return "apiVersion: croft/v1\nkind: Instance\nmetadata: {name: api}\nspec:\n  command: [run]\n" +
         std::string(spec);
}

// The spec of the one resource in the text; fails the test if there is none.
Value spec_in(const std::string& text) {
  const LoadedSet set = load_text(text);
  EXPECT_EQ(complaints(set), "");
  return set.resources.empty() ? Value() : *set.resources[0].spec;
}

std::string complaints_of(const std::string& text) { return complaints(load_text(text)); }

TEST(YamlTrapsTest, TextStaysTextHoweverItLooks) {
  const Value spec =
      spec_in(instance("  env: {A: no, B: 012, C: 1e3, D: true, E: 0x1F, F: 1_000, G: 22:22, H: "
                       "2026-11-21, I: .5}\n"));
  EXPECT_EQ(
      to_json(*spec.find("env")),
      R"({"A":"no","B":"012","C":"1e3","D":"true","E":"0x1F","F":"1_000","G":"22:22","H":"2026-11-21","I":".5"})");
}

TEST(YamlTrapsTest, QuotesDoNotChangeAType) {
  const Value spec = spec_in(instance("  http: {port: \"8080\"}\n  grace: '15s'\n"));
  EXPECT_EQ(spec.integer_or("http.port", 0), 8080);
  EXPECT_EQ(spec.integer_or("grace", 0), 15000);
}

TEST(YamlTrapsTest, NoIsNotFalse) {
  const std::string text =
      complaints(load_text("apiVersion: croft/v1\nkind: Provider\nmetadata: {name: p}\nspec: "
                           "{adapter: process, default: no}\n",
                           SourceScope::Platform));
  EXPECT_THAT(text,
              StartsWith("hosting.yaml:4:35: error: default must be true or false, got 'no'\n"));
  EXPECT_THAT(text, HasSubstr("write false"));
}

TEST(YamlTrapsTest, IntegersAreDecimalAndPlain) {
  EXPECT_THAT(complaints_of(instance("  http: {port: 012}\n")),
              HasSubstr("http.port must be an integer, got '012'"));
  EXPECT_THAT(complaints_of(instance("  http: {port: 012}\n")), HasSubstr("write 12"));
  for (const char* number :
       {"1e3", "0x10", "1_000", "+5", "5.0", "''", "99999999999999999999", "1 2"}) {
    EXPECT_THAT(complaints_of(instance(std::string("  http: {port: ") + number + "}\n")),
                HasSubstr("http.port must be an integer"))
        << number;
  }
}

TEST(YamlTrapsTest, NullIsNoValue) {
  EXPECT_THAT(complaints_of(instance("  env:\n  grace: 5s\n")),
              StartsWith("hosting.yaml:6:3: error: env has no value\n"));
  EXPECT_THAT(complaints_of(instance("  env: {A: ~}\n")),
              HasSubstr("6:12: error: env.A is null, which no field takes"));
  EXPECT_THAT(complaints_of(instance("  env: {A: null}\n")),
              HasSubstr("put it in quotes if you mean the text"));
  EXPECT_THAT(complaints_of(instance("  env: {A: }\n")),
              HasSubstr("6:9: error: env.A has no value"));
  EXPECT_EQ(spec_in(instance("  env: {A: \"\", B: 'null'}\n")).text_or("env.B", ""), "null");
}

TEST(YamlTrapsTest, DuplicateKeysNameBothPlaces) {
  EXPECT_EQ(complaints_of(instance("  env: {A: x}\n  grace: 5s\n  env: {B: y}\n")),
            "hosting.yaml:8:3: error: the key 'env' is given twice; first at line 6, column 3\n"
            "   8 |   env: {B: y}\n"
            "     |   ^~~\n"
            "1 error in 1 file. Nothing was changed.\n");
  EXPECT_THAT(complaints_of(instance("  env: {A: x, A: y}\n")),
              HasSubstr("6:15: error: the key 'A' is given twice; first at line 6, column 9"));
  std::string many = "  env:\n";
  for (int i = 0; i < 100; ++i) many += "    V" + std::to_string(i % 99) + ": x\n";
  EXPECT_THAT(complaints_of(instance(many)),
              HasSubstr("106:5: error: the key 'V0' is given twice; first at line 7, column 5"));
}

TEST(YamlTrapsTest, MergeKeysAreRefusedWithTheWayOut) {
  const std::string text = complaints_of(instance("  env:\n    <<: {A: x}\n    B: y\n"));
  EXPECT_THAT(text, HasSubstr("hosting.yaml:7:5: error: merge keys ('<<') are not supported\n"));
  EXPECT_THAT(text, HasSubstr("write the fields out"));
}

TEST(YamlTrapsTest, AliasesRepeatAWholeValue) {
  const Value spec = spec_in(instance(
      "  env: {A: &greeting hello, B: *greeting}\n  dependsOn: &none []\n  ignore: *none\n"));
  EXPECT_EQ(spec.text_or("env.B", ""), "hello");
  EXPECT_EQ(spec.find("ignore")->size(), 0u);
}

TEST(YamlTrapsTest, AnAliasWithoutItsAnchorIsAnError) {
  EXPECT_THAT(complaints_of(instance("  env: {A: *nothing}\n")),
              HasSubstr("this alias names no anchor given before it"));
  // Anchors do not reach over documents.
  EXPECT_FALSE(
      load_text(instance("  env: &e {A: x}\n") + "---\n" + instance("  env: *e\n")).is_usable());
}

TEST(YamlTrapsTest, AnAliasInsideOfItselfIsAnError) {
  EXPECT_THAT(complaints_of(instance("  env: &e {A: *e}\n")),
              HasSubstr("this alias stands inside of what it names"));
}

TEST(YamlTrapsTest, AliasBombsAreBounded) {
  std::string bomb = "  env:\n    A0: &a0 [x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 30; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    bomb += "    A" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before;
    for (int k = 0; k < 8; ++k) bomb += ", " + before;
    bomb += "]\n";
  }
  EXPECT_THAT(complaints_of(instance(bomb)), HasSubstr("aliases expand to more than 10000 values"));
}

TEST(YamlTrapsTest, AliasesCannotNestDeeperThanText) {
  std::string deep = "  env:\n    A0: &a0 [x]\n";
  for (int i = 1; i < 80; ++i)
    deep += "    A" + std::to_string(i) + ": &a" + std::to_string(i) + " [*a" +
            std::to_string(i - 1) + "]\n";
  EXPECT_THAT(complaints_of(instance(deep)), HasSubstr("aliases nest deeper than 64 levels"));
}

TEST(YamlTrapsTest, TabsInTheIndentationAreNamed) {
  EXPECT_EQ(complaints_of(instance("  env:\n\tA: x\n")),
            "hosting.yaml:7:1: error: a tab in the indentation\n"
            "   7 |  A: x\n"
            "     | ^ YAML allows only spaces there\n"
            "1 error in 1 file. Nothing was changed.\n");
  EXPECT_THAT(complaints_of(instance("  env:\n   \t A: x\n")),
              HasSubstr("7:4: error: a tab in the indentation"));
  EXPECT_EQ(spec_in(instance("  env:\n    A:\tx # tabs elsewhere are fine\n    B: \"a\tb\"\n    C: "
                             "|\n      x\n      \ty\n"))
                .text_or("env.C", ""),
            "x\n\ty\n");
}

TEST(YamlTrapsTest, AByteOrderMarkAndCarriageReturnsDoNotMatter) {
  std::string text = "\xEF\xBB\xBF" + instance("  env: {A: x}\n");
  for (std::size_t i = 0; (i = text.find('\n', i)) != std::string::npos; i += 2)
    text.insert(i, "\r");
  EXPECT_EQ(spec_in(text).text_or("env.A", ""), "x");
  text.insert(text.find("env"), "oops: 1\r\n  ");
  EXPECT_EQ(complaints_of(text),
            "hosting.yaml:6:3: error: unknown field 'oops' in Instance spec\n"
            "   6 |   oops: 1\n"
            "     |   ^~~~\n"
            "1 error in 1 file. Nothing was changed.\n");
}

TEST(YamlTrapsTest, ALoneCarriageReturnIsAnError) {
  EXPECT_THAT(complaints_of(instance("  env: {A: x}\r  grace: 5s\n")),
              HasSubstr("6:14: error: a carriage return without a line feed"));
}

TEST(YamlTrapsTest, WhatIsNoUtf8IsAnErrorWithItsPlace) {
  EXPECT_THAT(complaints_of(instance("  env: {A: caf\xE9}\n")),
              HasSubstr("6:15: error: the byte 0xE9 is not UTF-8"));
  for (const char* bytes : {"\xC0\xAF", "\xED\xA0\x80", "\xF8\x88\x80\x80\x80", "\xE2\x82"}) {
    EXPECT_FALSE(load_text(instance("  env: {A: \"" + std::string(bytes) + "\"}\n")).is_usable());
  }
  EXPECT_EQ(spec_in(instance("  env: {A: caf\xC3\xA9}\n")).text_or("env.A", ""), "caf\xC3\xA9");
}

TEST(YamlTrapsTest, Utf16IsNamed) {
  std::string wide = "\xFF\xFE";
  for (const char c : instance("")) wide += std::string{c, '\0'};
  EXPECT_THAT(complaints_of(wide), StartsWith("hosting.yaml: error: the file is UTF-16\n"));
}

TEST(YamlTrapsTest, NulAndControlCharactersAreErrors) {
  std::string text = instance("  env: {A: x}\n");
  text[text.find("x}")] = '\0';
  EXPECT_THAT(complaints_of(text), HasSubstr("6:12: error: a NUL byte"));
  EXPECT_THAT(complaints_of(instance("  env: {A: \x1b[31m}\n")),
              HasSubstr("the control character 0x1B"));
  EXPECT_THAT(complaints_of(instance("  env: {A: \"\\0\"}\n")), HasSubstr("env.A holds a NUL"));
  EXPECT_EQ(complaints_of(instance("  env: {A: \x1b[31m}\n")).find('\x1b'), std::string::npos);
}

// YAML 1.1 would end a line there, and with it a comment, where no editor shows one.
TEST(YamlTrapsTest, InvisibleLineBreaksAreErrors) {
  EXPECT_THAT(complaints_of(instance("  # off\u2028  grace: 5s\n")),
              HasSubstr("6:8: error: the invisible character U+2028"));
  EXPECT_THAT(complaints_of(instance("  env: {A: x\u0085y}\n")),
              HasSubstr("the invisible character U+0085"));
  EXPECT_THAT(complaints_of(instance("  env: {A: \uFFFF}\n")), HasSubstr("U+FFFF"));
  EXPECT_EQ(spec_in(instance("  env: {A: \"\\u2028\"}\n")).text_or("env.A", ""), "\u2028");
}

TEST(YamlTrapsTest, AFileOfTenMegabytesIsRefusedWithoutBeingParsed) {
  const std::string text = complaints_of(instance("") + std::string(10 << 20, '#') + "\n");
  EXPECT_THAT(text, HasSubstr("hosting.yaml: error: the file has 104858"));
  EXPECT_THAT(text, HasSubstr("a manifest has at most 1048576"));
}

TEST(YamlTrapsTest, DepthIsBounded) {
  EXPECT_THAT(
      complaints_of(instance("  env: {A: " + std::string(65, '[') + std::string(65, ']') + "}\n")),
      HasSubstr("nested deeper than 64 levels"));
  EXPECT_THAT(complaints_of(instance("  env: {A: " + std::string(200'000, '[') +
                                     std::string(200'000, ']') + "}\n")),
              HasSubstr("nested deeper than 64 levels"));
  EXPECT_THAT(complaints_of(instance("  env:\n    - " + std::string(5000, '-') + "\n")),
              HasSubstr("env must be a map"));
  std::string dashes = "  env:\n    ";
  for (int i = 0; i < 5000; ++i) dashes += "- ";
  EXPECT_THAT(complaints_of(instance(dashes + "x\n")), HasSubstr("nested deeper than 64 levels"));
}

TEST(YamlTrapsTest, EmptyDocumentsAreNothing) {
  const LoadedSet set =
      load_text("---\n---\n# only a comment\n...\n---\n" + instance("") + "---\n");
  EXPECT_EQ(complaints(set), "");
  ASSERT_EQ(set.resources.size(), 1u);
  EXPECT_EQ(set.resources[0].origin.document, 2u);
  EXPECT_EQ(complaints_of(""), "");
}

TEST(YamlTrapsTest, TagsThatSayAnotherTypeAreErrors) {
  EXPECT_THAT(complaints_of(instance("  env: {A: !!int 5}\n")),
              HasSubstr("6:18: error: the tag '!!int' has no meaning here"));
  EXPECT_THAT(complaints_of(instance("  env: {A: !secret x}\n")),
              HasSubstr("the tag '!secret' has no meaning here"));
  EXPECT_THAT(complaints_of(instance("  env: !!set {A: x}\n")),
              HasSubstr("the tag '!!set' has no meaning here"));
  EXPECT_EQ(spec_in(instance("  env: {A: !!str 5}\n")).text_or("env.A", ""), "5");
}

TEST(YamlTrapsTest, AQuoteThatIsNeverClosedIsFoundWhereItOpens) {
  EXPECT_THAT(complaints_of(instance("  env: {A: \"x}\n")), HasSubstr("error: "));
  EXPECT_THAT(complaints_of(instance("  env:\n    A: \"x\n    B: y\n")),
              HasSubstr("7:8: error: this quote is never closed"));
}

TEST(YamlTrapsTest, BrokenSyntaxSaysWhatToDo) {
  EXPECT_THAT(complaints_of(instance("  env: a: b\n")), HasSubstr("a ':' cannot stand here"));
  EXPECT_THAT(complaints_of(instance("  env: @x\n")), HasSubstr("put the text in quotes"));
  EXPECT_THAT(complaints_of(instance("  env: {A: x\n  grace: 5s\n")), HasSubstr("is never closed"));
  EXPECT_THAT(complaints_of(instance(" env: {A: x}\n")), HasSubstr("does not fit the indentation"));
  EXPECT_THAT(complaints_of(instance("  env: {A: x}\n- b\n")), HasSubstr("does not fit"));
  EXPECT_THAT(complaints_of(instance("  env: {A: x}}\n")), HasSubstr("6:14: error: "));
}

TEST(YamlTrapsTest, DocumentsBeforeASyntaxErrorAreStillChecked) {
  const LoadedSet set = load_text(instance("  oops: 1\n") + "---\n" + instance("  env: a: b\n"));
  EXPECT_EQ(set.diagnostics.errors, 2u);
}

TEST(YamlTrapsTest, KeysMustBeText) {
  EXPECT_THAT(complaints_of(instance("  env: {[a]: x}\n")), HasSubstr("a key must be text"));
  EXPECT_THAT(complaints_of(instance("  env:\n    ? {a: b}\n    : x\n")),
              HasSubstr("a key must be text"));
  EXPECT_THAT(complaints_of(instance("  env: {~: x}\n")), HasSubstr("a key must be text"));
}

TEST(YamlTrapsTest, TextOverSeveralLinesReadsAsYamlSays) {
  const Value spec =
      spec_in(instance("  env:\n    A: one\n      two\n    B: >-\n      folded\n      text\n    C: "
                       "'it''s'\n    D: \"\\u00e9\\n\"\n"));
  EXPECT_EQ(spec.text_or("env.A", ""), "one two");
  EXPECT_EQ(spec.text_or("env.B", ""), "folded text");
  EXPECT_EQ(spec.text_or("env.C", ""), "it's");
  EXPECT_EQ(spec.text_or("env.D", ""), "\xC3\xA9\n");
}

}  // namespace
}  // namespace croft::manifest
