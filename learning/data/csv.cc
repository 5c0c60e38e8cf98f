#include "learning/data/csv.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "learning/data/csv_reader.h"
#include "learning/data/sha256sums.h"

namespace shoal::learning {
namespace {

constexpr int kHoldOutEvery = 5;
constexpr int kMaxClasses = 10000;

bool IsHeldOut(int64_t row) {
  return DeriveSeed(0, "csv held out", {static_cast<uint64_t>(row)}) %
             kHoldOutEvery ==
         0;
}

// What the columns of a table are.
struct Columns {
  std::vector<std::string> names;
  size_t label = 0;
  size_t device = 0;  // names.size() when there is none
  std::vector<size_t> features;
};

// Mean and deviation of one column (Welford's recurrence).
struct Moments {
  void Add(double value) {
    ++count;
    const double difference = value - mean;
    mean += difference / count;
    squares += difference * (value - mean);
  }
  float Standardise(double value) const {
    if (squares <= 0) return 0;
    return static_cast<float>((value - mean) / std::sqrt(squares / count));
  }

  int64_t count = 0;
  double mean = 0;
  double squares = 0;  // sum of squared differences from the mean
};

// Everything about the table but its features.
struct Table {
  std::string path;
  Columns columns;
  std::vector<Moments> moments;  // [features]
  std::vector<int32_t> labels;   // of training rows
  std::vector<int32_t> owners;   // of training rows; empty without devices
  std::vector<int32_t> test_labels;
  int num_classes = 0;
  int num_owners = 0;
};

absl::Status CheckNamesDiffer(const std::string& where,
                              const std::vector<std::string>& names) {
  std::set<std::string> known;
  for (const std::string& name : names) {
    if (known.insert(name).second) continue;
    return absl::InvalidArgumentError(
        absl::StrCat(where, ": the header has two columns '", name, "'"));
  }
  return absl::OkStatus();
}

absl::StatusOr<size_t> FindColumn(const std::string& where,
                                  const std::vector<std::string>& names,
                                  const std::string& name) {
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) {
    return absl::InvalidArgumentError(
        absl::StrCat(where, ": the header has no column '", name, "'"));
  }
  return static_cast<size_t>(found - names.begin());
}

absl::StatusOr<Columns> ReadHeader(CsvReader& reader, const std::string& label,
                                   const std::string& device) {
  SHOAL_ASSIGN_OR_RETURN(const bool any, reader.Next());
  if (!any) {
    return absl::InvalidArgumentError(
        absl::StrCat(reader.Where(), ": empty, expected a header row"));
  }
  Columns columns;
  columns.names = reader.fields();
  const std::string where = reader.Where();
  SHOAL_RETURN_IF_ERROR(CheckNamesDiffer(where, columns.names));
  SHOAL_ASSIGN_OR_RETURN(columns.label,
                         FindColumn(where, columns.names, label));
  columns.device = columns.names.size();
  if (!device.empty()) {
    SHOAL_ASSIGN_OR_RETURN(columns.device,
                           FindColumn(where, columns.names, device));
  }
  if (columns.device == columns.label) {
    return absl::InvalidArgumentError(absl::StrCat(
        where, ": column '", label, "' cannot be both label and device"));
  }
  for (size_t i = 0; i < columns.names.size(); ++i) {
    if (i != columns.label && i != columns.device)
      columns.features.push_back(i);
  }
  if (columns.features.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(where, ": the table has no column of features"));
  }
  return columns;
}

absl::Status ColumnError(const CsvReader& reader, const Columns& columns,
                         size_t column, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(
      reader.Where(), ": column '", columns.names[column], "': ", what));
}

// The next row, whole; false at the end.
absl::StatusOr<bool> NextRow(CsvReader& reader, const Columns& columns) {
  SHOAL_ASSIGN_OR_RETURN(const bool more, reader.Next());
  if (!more) return false;
  if (reader.fields().size() != columns.names.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat(reader.Where(), ": ", reader.fields().size(),
                     " fields, but the header has ", columns.names.size()));
  }
  for (size_t i = 0; i < columns.names.size(); ++i) {
    if (reader.fields()[i].empty()) {
      return ColumnError(reader, columns, i, "the value is missing");
    }
  }
  return true;
}

absl::StatusOr<double> Number(const CsvReader& reader, const Columns& columns,
                              size_t column) {
  const std::string& text = reader.fields()[column];
  double value = 0;
  if (absl::SimpleAtod(text, &value) && std::isfinite(value)) return value;
  return ColumnError(
      reader, columns, column,
      absl::StrCat("'", text.substr(0, 40), "' is no finite number"));
}

// Numbers for names, in the order in which they are first seen.
class Names {
 public:
  int32_t NumberOf(const std::string& name) {
    return numbers_.emplace(name, static_cast<int32_t>(numbers_.size()))
        .first->second;
  }
  int size() const { return static_cast<int>(numbers_.size()); }

  // For every number its rank among the names: as integers where all are.
  // Different spellings of one integer stay different.
  std::vector<int32_t> Ranks() const {
    std::vector<std::pair<int64_t, int32_t>> order;  // key, number
    bool integers = true;
    for (const auto& [name, number] : numbers_) {  // in the order of bytes
      int64_t key = 0;
      integers = integers && absl::SimpleAtoi(name, &key);
      order.emplace_back(key, number);
    }
    if (integers) {
      std::stable_sort(
          order.begin(), order.end(),
          [](const auto& a, const auto& b) { return a.first < b.first; });
    }
    std::vector<int32_t> ranks(order.size());
    for (size_t i = 0; i < order.size(); ++i) ranks[order[i].second] = i;
    return ranks;
  }

 private:
  std::map<std::string, int32_t> numbers_;
};

absl::Status CheckTable(const Table& table) {
  if (table.num_classes < 2) {
    return absl::InvalidArgumentError(absl::StrCat(
        table.path, ": column '", table.columns.names[table.columns.label],
        "' has ", table.num_classes,
        " different values, expected 2 at "
        "least"));
  }
  if (table.labels.empty() || table.test_labels.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        table.path, ": ", table.labels.size() + table.test_labels.size(),
        " rows are too few to train on some and hold others out"));
  }
  return absl::OkStatus();
}

absl::StatusOr<Table> ScanTable(const std::string& path,
                                const std::string& label,
                                const std::string& device) {
  SHOAL_ASSIGN_OR_RETURN(CsvReader reader, CsvReader::Open(path));
  Table table;
  table.path = path;
  SHOAL_ASSIGN_OR_RETURN(table.columns, ReadHeader(reader, label, device));
  const Columns& columns = table.columns;
  table.moments.resize(columns.features.size());
  Names classes, owners;
  for (int64_t row = 0;; ++row) {
    SHOAL_ASSIGN_OR_RETURN(const bool more, NextRow(reader, columns));
    if (!more) break;
    const bool held_out = IsHeldOut(row);
    for (size_t i = 0; i < columns.features.size(); ++i) {
      SHOAL_ASSIGN_OR_RETURN(const double value,
                             Number(reader, columns, columns.features[i]));
      if (!held_out) table.moments[i].Add(value);
    }
    const int32_t number = classes.NumberOf(reader.fields()[columns.label]);
    if (classes.size() > kMaxClasses) {
      return ColumnError(reader, columns, columns.label,
                         absl::StrCat("more than ", kMaxClasses, " classes"));
    }
    (held_out ? table.test_labels : table.labels).push_back(number);
    if (held_out || device.empty()) continue;
    table.owners.push_back(owners.NumberOf(reader.fields()[columns.device]));
  }
  const std::vector<int32_t> ranks = classes.Ranks();
  for (int32_t& number : table.labels) number = ranks[number];
  for (int32_t& number : table.test_labels) number = ranks[number];
  table.num_classes = classes.size();
  table.num_owners = owners.size();
  SHOAL_RETURN_IF_ERROR(CheckTable(table));
  return table;
}

class CsvPool final : public ExamplePool {
 public:
  explicit CsvPool(Table table) : table_(std::move(table)) {
    shape_.num_features = static_cast<int>(table_.columns.features.size());
    shape_.num_classes = table_.num_classes;
    shape_.natural_devices = table_.num_owners;
    shape_.natural_is_default = table_.num_owners > 0;
  }

  const DataShape& shape() const override { return shape_; }
  absl::Span<const int32_t> labels() const override { return table_.labels; }
  absl::Span<const int32_t> owners() const override { return table_.owners; }

  absl::StatusOr<std::unique_ptr<Dataset>> Load(
      absl::Span<const int64_t> examples) const override {
    std::vector<int32_t> labels;
    labels.reserve(examples.size());
    for (int64_t example : examples) labels.push_back(table_.labels[example]);
    size_t taken = 0;
    return LoadRows(
        [&](bool held_out, int64_t number) {
          const bool wanted =
              !held_out && taken < examples.size() && examples[taken] == number;
          if (wanted) ++taken;
          return wanted;
        },
        std::move(labels));
  }
  absl::StatusOr<std::unique_ptr<Dataset>> LoadTest() const override {
    return LoadRows([](bool held_out, int64_t) { return held_out; },
                    table_.test_labels);
  }

 private:
  // `wanted(held_out, number)`: whether to take the row that is the number-th
  // of its kind, from 0.
  template <typename Wanted>
  absl::StatusOr<std::unique_ptr<Dataset>> LoadRows(
      const Wanted& wanted, std::vector<int32_t> labels) const {
    SHOAL_ASSIGN_OR_RETURN(CsvReader reader, CsvReader::Open(table_.path));
    SHOAL_RETURN_IF_ERROR(reader.Next().status());  // the header
    std::vector<float> features;
    features.reserve(labels.size() * shape_.num_features);
    int64_t seen[2] = {0, 0};
    for (int64_t row = 0;; ++row) {
      SHOAL_ASSIGN_OR_RETURN(const bool more, NextRow(reader, table_.columns));
      if (!more) break;
      const bool held_out = IsHeldOut(row);
      if (!wanted(held_out, seen[held_out]++)) continue;
      for (size_t i = 0; i < table_.columns.features.size(); ++i) {
        SHOAL_ASSIGN_OR_RETURN(
            const double value,
            Number(reader, table_.columns, table_.columns.features[i]));
        features.push_back(table_.moments[i].Standardise(value));
      }
    }
    if (features.size() != labels.size() * shape_.num_features) {
      return absl::DataLossError(
          absl::StrCat(table_.path, ": changed since it was opened"));
    }
    return std::make_unique<InMemoryDataset>(
        std::move(features), std::move(labels), shape_.num_features,
        shape_.num_classes);
  }

  const Table table_;
  DataShape shape_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ExamplePool>> OpenCsv(
    const std::string& path, const std::string& label,
    const std::string& device) {
  const std::filesystem::path file(path);
  const std::string folder =
      file.has_parent_path() ? file.parent_path().string() : ".";
  SHOAL_RETURN_IF_ERROR(CheckSha256Sums(folder, {file.filename().string()}));
  SHOAL_ASSIGN_OR_RETURN(Table table, ScanTable(path, label, device));
  return std::make_unique<CsvPool>(std::move(table));
}

}  // namespace shoal::learning
