// docs/events and the catalogue in docs/webhooks.md are made from the table of event types:
// UPDATE_GOLDEN=1 on notify_tests rewrites them.

#include <cstdlib>
#include <filesystem>
#include <set>

#include <gtest/gtest.h>

#include "core/base/files.hpp"
#include "core/resource/event_type.hpp"

namespace croft {
namespace {

namespace fs = std::filesystem;

const fs::path kDocs = fs::path(CROFT_SOURCE) / "docs";

bool is_update() { return std::getenv("UPDATE_GOLDEN") != nullptr; }

std::string read(const fs::path& file) { return read_file(file, 1U << 20U).value_or(""); }

TEST(CatalogueTest, EachTypeHasItsSchema) {
  std::set<std::string> files;
  for (const EventType& type : event_types()) {
    const fs::path file = kDocs / "events" / (std::string(type.name) + ".json");
    const std::string text = to_pretty_json(schema_of_event(type)) + "\n";
    if (is_update()) {
      ASSERT_TRUE(write_file_atomic(file, text, 0644));
    }
    EXPECT_EQ(read(file), text) << file << "; UPDATE_GOLDEN=1 rewrites it if that is meant";
    files.insert(file.filename());
  }
  for (const auto& entry : fs::directory_iterator(kDocs / "events"))
    EXPECT_TRUE(files.contains(entry.path().filename())) << entry.path() << " is of no type";
}

TEST(CatalogueTest, IsInTheDocumentation) {
  constexpr std::string_view kBegin = "<!-- made by notify_tests: catalogue -->\n";
  constexpr std::string_view kEnd = "<!-- end of the catalogue -->";
  const fs::path file = kDocs / "webhooks.md";
  std::string text = read(file);
  const std::size_t begin = text.find(kBegin);
  const std::size_t end = text.find(kEnd);
  ASSERT_TRUE(begin != std::string::npos && end != std::string::npos && begin < end);
  const std::size_t from = begin + kBegin.size();
  std::string made = text;
  made.replace(from, end - from, event_catalogue());
  if (is_update()) {
    ASSERT_TRUE(write_file_atomic(file, made, 0644));
    text = made;
  }
  EXPECT_EQ(text, made) << "UPDATE_GOLDEN=1 rewrites it if that is meant";
}

}  // namespace
}  // namespace croft
