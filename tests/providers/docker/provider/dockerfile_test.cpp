#include "providers/docker/dockerfile.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace croft::docker {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> images(const char* text,
                                std::map<std::string, std::string> arguments = {}) {
  return images_of_dockerfile(text, arguments).value();
}

TEST(DockerfileTest, FindsWhatItIsMadeFrom) {
  EXPECT_THAT(images("# hello\nFROM --platform=linux/amd64 golang:1.22 AS build\nRUN make\n"
                     "FROM build AS test\nfrom alpine\nCOPY --from=build /a /b\n"
                     "COPY --from=0 /a /c\nCOPY --from=nginx:1 /etc/x /x\n"),
              ElementsAre("golang:1.22", "alpine", "nginx:1"));
  EXPECT_THAT(images("FROM scratch\n"), IsEmpty());
}

TEST(DockerfileTest, FillsVariablesIn) {
  EXPECT_THAT(images("ARG BASE=node\nARG TAG=20\nFROM ${BASE}:$TAG\n"), ElementsAre("node:20"));
  EXPECT_THAT(images("ARG BASE=node\nFROM $BASE\n", {{"BASE", "deno"}}), ElementsAre("deno"));
  EXPECT_THAT(images("ARG BASE\nFROM ${BASE:-bun}\n"), ElementsAre("bun"));
}

TEST(DockerfileTest, JoinsContinuedLines) {
  EXPECT_THAT(images("FROM \\\n  # a comment between\n  alpine\n"), ElementsAre("alpine"));
  EXPECT_THAT(images("# escape=`\nFROM `\n alpine\n"), ElementsAre("alpine"));
}

TEST(DockerfileTest, RefusesIdsAndOthersBuilds) {
  EXPECT_FALSE(check_dockerfile("FROM a1b2\n", {}));
  EXPECT_FALSE(check_dockerfile("FROM alpine\nCOPY --from=0123456789ab / /\n", {}));
  EXPECT_FALSE(check_dockerfile("FROM alpine\nONBUILD COPY --from=abc / /\n", {}));
  EXPECT_FALSE(check_dockerfile("ARG X=ab\nFROM ${X}cd\n", {}));
  EXPECT_FALSE(check_dockerfile("FROM sha256:0123\n", {}));
  EXPECT_FALSE(check_dockerfile("FROM croft-build/0123/4567:key\n", {}));
  EXPECT_TRUE(check_dockerfile("FROM alpine:3.20\n", {}));
  EXPECT_TRUE(check_dockerfile("FROM deadbeef:1\n", {}));
}

struct Bypass {
  const char* what;
  const char* text;
  std::map<std::string, std::string> arguments = {};
};

TEST(DockerfileTest, RefusesWhatEnginesReadInAnotherWay) {
  const std::vector<Bypass> bypasses{
      {"a stage's ARG in FROM", "ARG X=ok:1\nFROM alpine\nARG Y=:1\nFROM af23$Y\n"},
      {"the stage itself", "FROM alpine AS af2g\nCOPY --from=af23 / /\n"},
      {"a stage that may be an id", "FROM alpine AS af23\nCOPY --from=af23 / /\n"},
      {"a stage by a number that is to come", "FROM alpine\nCOPY --from=0 / /\n"},
      {"FROM a number", "FROM alpine\nFROM 0\n"},
      {"an empty expansion", "ARG X=\nFROM ab$X\n"},
      {"an unset expansion", "FROM ${X:+nginx:}af23\n"},
      {"another expansion", "ARG X=zaf23\nFROM ${X#z}\n"},
      {"an expansion of a number", "ARG X=z\nFROM $1af23\n"},
      {"a variable in --from", "ARG X=z\nFROM alpine\nCOPY --from=$X / /\n"},
      {"an ARG twice", "ARG X=b:1\nARG X\nFROM af23${X:+:1}\n"},
      {"an ARG within quotes", "ARG X=\"a Y=b\"\nFROM ${Y:+nginx:}af23\n", {{"Y", "1"}}},
      {"an ARG with escapes", "ARG X=z\\af23\nFROM $X\n"},
      {"a byte order mark",
       "\xEF\xBB\xBF"
       "FROM af23\n"},
      {"a wide space before FROM",
       "\xC2\xA0"
       "FROM af23\n"},
      {"a wide space before a flag", "FROM alpine\nCOPY \xC2\xA0 --from=af23 / /\n"},
      {"a wide space in a continuation", "FROM alpine\nRUN a \\\n\xE2\x80\x83\nFROM b\n"},
      {"letters outside ASCII", "FROM alpine AS \xC3\xA4\n"},
      {"an unknown word", "FROM alpine\nFRON af23\n"},
      {"an escape that does not count",
       "# some words = x\n# escape=`\nFROM alpine\nRUN a `\nFROM af23\n"},
      {"an escape after an empty line", "\n# escape=`\nFROM alpine\nRUN a `\nFROM af23\n"},
      {"a doubled escape", "FROM alpine\nRUN a \\\\\nFROM af23\n"},
      {"a form feed after an escape", "FROM alpine\nRUN a \\\f\nFROM af23\n"},
      {"an instruction after an indented comment", "FROM alpine\nRUN a \\\n # b\nFROM af23\n"},
      {"a here-document", "FROM alpine\nRUN <<\"RUN \\\"\nRUN \\\nFROM af23\n"},
      {"a mount", "FROM alpine\nRUN --mount=type=bind,from=af23,target=/x ls\n"},
      {"a mount after another", "FROM alpine\nRUN --mount=type=tmpfs --mount=from=af23 ls\n"},
      {"a quoted flag", "FROM alpine\nCOPY --\"from\"=af23 / /\n"},
      {"an escaped flag", "FROM alpine\nCOPY --fr\\om=af23 / /\n"},
      {"a flag on the next line", "FROM alpine\nCOPY\\\n --from=af23 / /\n"},
      {"a later build's step", "FROM alpine AS builder\nFROM alpine\nONBUILD COPY --from=0 / /\n"},
      {"--from without a value", "FROM alpine\nCOPY --from af23 /\n"},
  };
  for (const Bypass& bypass : bypasses)
    EXPECT_FALSE(check_dockerfile(bypass.text, bypass.arguments)) << bypass.what;
}

TEST(DockerfileTest, RefusesToAddWhatTheEngineWouldFetch) {
  const std::vector<const char*> bypasses{
      "ADD http://127.0.0.1:18080/ /d\n",
      "add https://example.com/a.tar.gz b /d\n",
      "ADD --chown=1:1 http://127.0.0.1/ /d\n",
      "ADD [\"http://127.0.0.1/\", \"/d\"]\n",
      "ADD [\"http:\\/\\/127.0.0.1/\",\"/d\"]\n",
      "ADD [\"http:\\u002f/127.0.0.1/\",\"/d\"]\n",
      "ADD [\"a\",\"http://127.0.0.1/\",\"/d\"]\n",
      "ADD http:\\/\\/127.0.0.1/ /d\n",
      "ADD \"http:\"//127.0.0.1/ /d\n",
      "ADD ht'tp:/'/127.0.0.1/ /d\n",
      "ADD http:/\"\"/127.0.0.1/ /d\n",
      "ADD http:\\\n//127.0.0.1/ /d\n",
      "# escape=`\nADD http:`/`/127.0.0.1/ /d\n",
      "ENV S=http://127.0.0.1/\nADD $S /d\n",
      "ENV S=http://127.0.0.1/\nADD [\"${S}\",\"/d\"]\n",
      "ENV S=:\nADD http$S//127.0.0.1/ /d\n",
      "ADD git@127.0.0.1:a/b.git /d\n",
      "ADD http://127.0.0.1/ ]\n",
      "ENV S=http://127.0.0.1/\nADD $S ]\n",
      "ADD [ http://127.0.0.1/ ]\n",
      "ADD [x\" http://127.0.0.1/\" ]\n",
      "ADD ssh://git@127.0.0.1/a /d\n",
      "ONBUILD ADD http://127.0.0.1/ /d\n",
      "ONBUILD\tadd [\"http://127.0.0.1/\",\"/d\"]\n",
  };
  for (const char* text : bypasses) {
    const std::string whole = (text[0] == '#' ? "" : "FROM alpine\n") + std::string(text);
    EXPECT_FALSE(check_dockerfile(whole, {})) << text;
    EXPECT_FALSE(check_triggers({text})) << text;
  }
}

TEST(DockerfileTest, SaysWhereAnAddIsRefusedAndWhatToDo) {
  const Result<void> refused =
      check_dockerfile("FROM alpine\n\n# a comment\nADD \\\n  http://example.com/a /a\n", {});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().describe(),
              AllOf(HasSubstr("line 4"), HasSubstr("http://example.com/a"), HasSubstr("RUN step")));
}

TEST(DockerfileTest, TakesAnAddOfTheRepositorysFiles) {
  for (const char* text : {"ADD app.tar.gz a.txt $HOME/\n", "ADD [\"a file\", \"${HOME}/\" ]\n",
                           "ADD . .\n", "ADD --chown=1:1 a/b /c\n", "ONBUILD ADD . /app\n"}) {
    const Result<void> checked = check_dockerfile(std::string("FROM alpine\n") + text, {});
    EXPECT_TRUE(checked) << text << (checked ? "" : checked.error().describe());
  }
}

TEST(DockerfileTest, TakesWhatIsUsual) {
  const std::vector<const char*> usual{
      "# syntax=docker/dockerfile:1\n# escape=`\nFROM alpine\nRUN a `\n b\n",
      "FROM alpine AS Build\nFROM alpine\nCOPY --from=Build /a /b\nCOPY --from=0 /a /b\n",
      "FROM alpine\nRUN apk add \\\n    # what it needs\n    user \\\n\n    git\n",
      "FROM alpine\nRUN --mount=type=cache,target=/c make\nENV NAME=\"gr\xC3\xB6\xC3\x9F"
      "e\"\n",
      "ARG A=\"x y\"\nARG V='3.20'\nFROM alpine:$V\nARG V\nARG W=\"a\\\"b\"\n",
      "FROM alpine\r\nRUN a \\\r\n b\r\n# a\xC2\xA0 comment\n",
  };
  for (const char* text : usual) {
    const Result<void> checked = check_dockerfile(text, {});
    EXPECT_TRUE(checked) << text << "\n" << (checked ? "" : checked.error().describe());
  }
}

TEST(DockerfileTest, StagesCountFromTheNextFromOn) {
  EXPECT_THAT(images("FROM alpine AS tools\nCOPY --from=tools /a /b\nFROM tools\n"),
              ElementsAre("alpine", "tools"));
}

TEST(DockerfileTest, StepsOfBaseImagesTakeNothingFromOthers) {
  EXPECT_TRUE(check_triggers({"COPY . /app", "RUN make"}));
  EXPECT_FALSE(check_triggers({"RUN make", "COPY --from=nginx:1 / /"}));
  EXPECT_FALSE(check_triggers({"COPY --fr\\om=af23 / /"}));
}

}  // namespace
}  // namespace croft::docker
