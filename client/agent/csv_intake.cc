#include "client/agent/csv_intake.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/status_macros.h"

namespace shoal::client {
namespace {

constexpr int64_t kValuesPerStep = 1 << 15;

int64_t ValuesPerRow(const ExampleShape& shape) {
  return int64_t{shape.num_features} + shape.labels_per_example +
         shape.num_targets;
}

// "label", or "label_1", "label_2", …
std::string ColumnName(absl::string_view what, int index, int count) {
  return count == 1 ? std::string(what) : absl::StrCat(what, "_", index + 1);
}

}  // namespace

CsvIntake::CsvIntake(std::string path, ExampleStore& store)
    : path_(std::move(path)),
      store_(store),
      rows_per_step_(static_cast<size_t>(std::max<int64_t>(
          1, kValuesPerStep / ValuesPerRow(store.shape())))) {}

std::optional<CsvIntake::End> CsvIntake::Step() {
  if (!reader_.has_value()) {
    if (const absl::Status begun = Begin(); !begun.ok()) return End{begun};
  }
  const absl::StatusOr<std::vector<Row>> rows = ReadRows();
  if (!rows.ok()) return End{rows.status()};
  if (checked_) {
    const absl::Status added = Add(*rows);
    if (!added.ok()) return End{.store = added};
  }
  rows_read_ += std::ssize(*rows);
  if (rows->size() == rows_per_step_) return std::nullopt;
  const absl::StatusOr<uint64_t> identity = Identity();
  if (!identity.ok()) return End{identity.status()};
  if (*identity != identity_) {
    reader_.reset();
    if (!checked_) return std::nullopt;  // once more
    return End{absl::InvalidArgumentError(
        absl::StrCat(path_, ": changed while it was read"))};
  }
  if (checked_) return End{.num_rows = rows_read_};
  checked_ = true;
  reader_.reset();
  return std::nullopt;
}

absl::Status CsvIntake::Begin() {
  if (!checked_) {
    SHOAL_ASSIGN_OR_RETURN(identity_, Identity());
  }
  rows_read_ = 0;
  SHOAL_ASSIGN_OR_RETURN(reader_, learning::CsvReader::Open(path_));
  return ReadHeader();
}

absl::StatusOr<uint64_t> CsvIntake::Identity() const {
  struct stat status;
  if (stat(path_.c_str(), &status) != 0) {
    return ErrnoStatus(errno, path_, "look up");
  }
  std::string facts = path_.substr(path_.rfind('/') + 1);
  for (const uint64_t fact :
       {uint64_t{status.st_ino}, static_cast<uint64_t>(status.st_size),
        static_cast<uint64_t>(status.st_mtim.tv_sec),
        static_cast<uint64_t>(status.st_mtim.tv_nsec)}) {
    AppendU64(facts, fact);
  }
  // 0 stands for no source.
  const Digest digest = Sha256(facts);
  return std::max<uint64_t>(1, LoadU64(digest.AsBytes().data()));
}

absl::StatusOr<size_t> CsvIntake::TakeColumn(const std::string& name) {
  const std::vector<std::string>& names = columns_.names;
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) {
    return absl::InvalidArgumentError(absl::StrCat(
        reader_->Where(), ": the header has no column '", name, "'"));
  }
  return static_cast<size_t>(found - names.begin());
}

absl::Status CsvIntake::ReadHeader() {
  SHOAL_ASSIGN_OR_RETURN(const bool any, reader_->Next());
  if (!any) {
    return absl::InvalidArgumentError(
        absl::StrCat(path_, ": empty, expected a header row"));
  }
  const ExampleShape& shape = store_.shape();
  columns_ = {};
  columns_.names = reader_->fields();
  labels_.clear();
  targets_.clear();
  std::vector<bool> is_feature(columns_.names.size(), true);
  const auto take = [&](absl::string_view what, int count,
                        std::vector<size_t>& columns) -> absl::Status {
    for (int i = 0; i < count; ++i) {
      SHOAL_ASSIGN_OR_RETURN(const size_t column,
                             TakeColumn(ColumnName(what, i, count)));
      columns.push_back(column);
      is_feature[column] = false;
    }
    return absl::OkStatus();
  };
  SHOAL_RETURN_IF_ERROR(take("label", shape.labels_per_example, labels_));
  SHOAL_RETURN_IF_ERROR(take("target", shape.num_targets, targets_));
  for (size_t i = 0; i < is_feature.size(); ++i) {
    if (is_feature[i]) columns_.features.push_back(i);
  }
  if (std::ssize(columns_.features) == shape.num_features) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      reader_->Where(), ": the header has ", columns_.features.size(),
      " columns of features, expected ", shape.num_features));
}

absl::StatusOr<std::vector<CsvIntake::Row>> CsvIntake::ReadRows() {
  std::vector<Row> rows;
  while (rows.size() < rows_per_step_) {
    SHOAL_ASSIGN_OR_RETURN(const bool more,
                           learning::NextCsvRow(*reader_, columns_));
    if (!more) break;
    SHOAL_ASSIGN_OR_RETURN(Row row, ParseRow());
    rows.push_back(std::move(row));
  }
  return rows;
}

absl::StatusOr<CsvIntake::Row> CsvIntake::ParseRow() const {
  Row row;
  const auto numbers = [&](const std::vector<size_t>& columns,
                           std::vector<float>& values) -> absl::Status {
    for (const size_t column : columns) {
      SHOAL_ASSIGN_OR_RETURN(const float value,
                             learning::CsvFeature(*reader_, columns_, column));
      values.push_back(value);
    }
    return absl::OkStatus();
  };
  SHOAL_RETURN_IF_ERROR(numbers(columns_.features, row.features));
  SHOAL_RETURN_IF_ERROR(numbers(targets_, row.targets));
  for (const size_t column : labels_) {
    const std::string& text = reader_->fields()[column];
    int32_t label = 0;
    if (!absl::SimpleAtoi(text, &label)) {
      return absl::InvalidArgumentError(
          absl::StrCat(reader_->Where(), ": column '", columns_.names[column],
                       "': '", text.substr(0, 40), "' is no whole number"));
    }
    row.labels.push_back(label);
  }
  const absl::Status fits = store_.Check(row.view());
  if (fits.ok()) return row;
  return absl::InvalidArgumentError(
      absl::StrCat(reader_->Where(), ": ", fits.message()));
}

absl::Status CsvIntake::Add(const std::vector<Row>& rows) {
  const Origin last = store_.last_origin();
  uint64_t first = static_cast<uint64_t>(rows_read_);
  std::vector<Example> examples;
  for (size_t i = 0; i < rows.size(); ++i) {
    const uint64_t row = static_cast<uint64_t>(rows_read_) + i;
    if (last.source == identity_ && row <= last.row) {
      first = row + 1;
    } else {
      examples.push_back(rows[i].view());
    }
  }
  return store_.Add(examples, {identity_, first});
}

}  // namespace shoal::client
