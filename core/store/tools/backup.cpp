#include "core/store/tools/backup.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "core/base/value.hpp"
#include "core/store/sql/migrations.hpp"
#include "core/store/tools/access.hpp"
#include "core/store/tools/backup_file.hpp"
#include "core/store/tools/copy.hpp"

namespace croft::store_tools {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFormat = "croft-backup";
constexpr std::int64_t kFormatVersion = 1;

std::string line_of(const BackupHeader& header) {
  return to_json(Value::map({{"format", kFormat},
                             {"version", kFormatVersion},
                             {"croft", header.croft},
                             {"from", header.from},
                             {"schema", header.schema},
                             {"time", format_time(header.time)}}));
}

Value rows_of(const std::vector<TableSum>& tables) {
  Value rows = Value::map();
  for (const TableSum& table : tables) rows.set(table.table, table.rows);
  return rows;
}

/// Writes lines and adds them up.
class BackupWriter {
 public:
  explicit BackupWriter(NewFile file) : file_(std::move(file)) {}

  Result<void> add(std::string line) {
    line += '\n';
    hash_.add(line);
    size_ += static_cast<std::int64_t>(line.size());
    return file_.add(line);
  }
  Result<void> finish(const std::vector<TableSum>& tables, bool may_replace) {
    const Value end = Value::map({{"rows", rows_of(tables)}, {"sha256", hash_.hex()}});
    TRY(add(to_json(Value::map({{"end", end}}))));
    return file_.finish(may_replace);
  }
  Bytes size() const { return Bytes{size_}; }

 private:
  NewFile file_;
  Sha256 hash_;
  std::int64_t size_ = 0;
};

Error not_whole(const fs::path& file, std::string_view why) {
  return Error(ErrorCode::Invalid, fmt::format("{} was cut or changed: {}", file.string(), why))
      .with_hint("take another backup; nothing was written");
}

Result<BackupHeader> parse_header(const fs::path& file, std::string_view line) {
  const Result<Value> value = parse_json(line);
  if (!value || value->text_or("format", "") != kFormat) {
    return fail(Error(ErrorCode::Invalid, fmt::format("{} is no backup of Croft's", file.string()))
                    .with_hint("`croft store backup FILE` makes one"));
  }
  const std::int64_t version = value->integer_or("version", 0);
  if (version != kFormatVersion) {
    return fail(
        Error(ErrorCode::Conflict, fmt::format("{} has format version {}, and this croft knows {}",
                                               file.string(), version, kFormatVersion))
            .with_hint("restore it with the croft that made it"));
  }
  BackupHeader header{.croft = value->text_or("croft", ""),
                      .from = value->text_or("from", ""),
                      .schema = value->integer_or("schema", 0),
                      .time = {}};
  if (const Result<Timestamp> time = parse_time(value->text_or("time", ""))) header.time = *time;
  if (header.schema >= sql::kTablesSince && header.schema <= known_version()) return header;
  return fail(Error(ErrorCode::Conflict,
                    fmt::format("{} is of schema version {}, and this croft knows {} to {}",
                                file.string(), header.schema, sql::kTablesSince, known_version()))
                  .with_hint("restore it with the croft that made it, then start this one"));
}

/// Reads a backup from its first to its last line, and hands its rows over as they come; whether
/// it was whole shows at the end.
class BackupReader {
 public:
  BackupReader(const fs::path& file, LineReader lines) : file_(file), lines_(std::move(lines)) {}

  Result<BackupReport> read(const RowTaker& taker) {
    std::string_view line;
    TRY_ASSIGN(const bool has_header, next(line));
    TRY_ASSIGN(BackupHeader header, parse_header(file_, has_header ? line : std::string_view()));
    take(line);
    for (;;) {
      TRY_ASSIGN(const bool is_more, next(line));
      if (!is_more) return fail(not_whole(file_, "its end is missing"));
      if (line.starts_with(R"({"end":)")) break;
      Result<TableRow> row = parse_line(line);
      if (!row) return fail(not_whole(file_, row.error().message()));
      sums_.add(row->table, line);
      take(line);
      TRY(taker(*row));
    }
    TRY(check_end(line));
    return BackupReport{std::move(header), sums_.all(), Bytes{size_}};
  }

 private:
  Result<bool> next(std::string_view& line) {
    Result<bool> is_more = lines_.next(line);
    if (!is_more && is_more.error().code() == ErrorCode::Invalid)
      return fail(not_whole(file_, is_more.error().message()));
    return is_more;
  }

  void take(std::string_view line) {
    hash_.add(line);
    hash_.add("\n");
    size_ += static_cast<std::int64_t>(line.size()) + 1;
  }

  /// Tables that came with a later schema are not named, and have none.
  bool has_rows(const Value& said) const {
    return std::ranges::all_of(sums_.all(), [&said](const TableSum& sum) {
      return said.integer_or(sum.table, 0) == sum.rows;
    });
  }

  Result<void> check_end(std::string_view line) {
    const Result<Value> end = parse_json(line);
    if (!end) return fail(not_whole(file_, "its end cannot be read"));
    if (end->text_or("end.sha256", "") != hash_.hex())
      return fail(not_whole(file_, "its SHA-256 is another one"));
    const Value* rows = end->at_path("end.rows");
    if (rows == nullptr || !has_rows(*rows))
      return fail(not_whole(file_, "it has more or fewer rows than its end says"));
    size_ += static_cast<std::int64_t>(line.size()) + 1;
    TRY_ASSIGN(const bool is_more, next(line));
    if (is_more) return fail(not_whole(file_, "something follows its end"));
    return {};
  }

  const fs::path& file_;
  LineReader lines_;
  Sums sums_;
  Sha256 hash_;
  std::int64_t size_ = 0;
};

Result<BackupReport> read_backup(const fs::path& file, const RowTaker& taker) {
  TRY_ASSIGN(LineReader lines, LineReader::open(file));
  return BackupReader(file, std::move(lines)).read(taker);
}

}  // namespace

Result<BackupReport> write_backup(const Place& place, const fs::path& file,
                                  const BackupOptions& options) {
  std::error_code ignored;
  if (!options.may_replace && fs::exists(file, ignored)) {
    return fail(Error(ErrorCode::Conflict, fmt::format("{} is there already", file.string()))
                    .with_hint("choose another name, or replace it with --force"));
  }
  TRY_ASSIGN(const auto session, open_to_read(place));
  TRY(begin_snapshot(*session));
  BackupHeader header{.croft = options.croft_version, .from = place.name, .time = options.time};
  TRY_ASSIGN(header.schema, sql::find_schema_version(*session));
  TRY(check_rows_known(header.schema, place));
  TRY_ASSIGN(NewFile made, NewFile::make(file));
  BackupWriter writer(std::move(made));
  TRY(writer.add(line_of(header)));
  Sums sums;
  const auto take = [&](const TableRow& row) {
    std::string line = store_tools::line_of(row);
    sums.add(row.table, line);
    return writer.add(std::move(line));
  };
  TRY(read_rows(*session, take));
  TRY(writer.finish(sums.all(), options.may_replace));
  return BackupReport{std::move(header), sums.all(), writer.size()};
}

Result<BackupReport> verify_backup(const fs::path& file) {
  return read_backup(file, [](const TableRow&) -> Result<void> { return {}; });
}

Result<BackupReport> restore_backup(const Place& place, const fs::path& file) {
  TRY_ASSIGN(BackupReport verified, verify_backup(file));
  TRY_ASSIGN(const auto target, while_doing(Held::take_empty(place), "taking " + place.name));
  const auto source = [&](const RowTaker& taker) -> Result<void> {
    // Once more: the file may have been replaced since.
    TRY(read_backup(file, taker));
    return {};
  };
  TRY_ASSIGN(verified.tables, while_doing(fill_store(*target, source), "restoring " + place.name));
  return verified;
}

}  // namespace croft::store_tools
