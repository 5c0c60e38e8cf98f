#include "learning/data/csv_table.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "base/status_macros.h"

namespace shoal::learning {
namespace {

constexpr int kHoldOutEvery = 5;
constexpr int kMaxClasses = 10000;

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

absl::StatusOr<CsvColumns> ReadHeader(CsvReader& reader,
                                      const CsvSource& source) {
  SHOAL_ASSIGN_OR_RETURN(const bool any, reader.Next());
  if (!any) {
    return absl::InvalidArgumentError(
        absl::StrCat(reader.Where(), ": empty, expected a header row"));
  }
  CsvColumns columns;
  columns.names = reader.fields();
  const std::string where = reader.Where();
  SHOAL_RETURN_IF_ERROR(CheckNamesDiffer(where, columns.names));
  const std::string& outcome =
      source.label.empty() ? source.target : source.label;
  SHOAL_ASSIGN_OR_RETURN(columns.outcome,
                         FindColumn(where, columns.names, outcome));
  columns.device = columns.names.size();
  if (!source.device.empty()) {
    SHOAL_ASSIGN_OR_RETURN(columns.device,
                           FindColumn(where, columns.names, source.device));
  }
  if (columns.device == columns.outcome) {
    return absl::InvalidArgumentError(
        absl::StrCat(where, ": column '", outcome, "' cannot be both ",
                     source.label.empty() ? "target" : "label", " and device"));
  }
  for (size_t i = 0; i < columns.names.size(); ++i) {
    if (i != columns.outcome && i != columns.device) {
      columns.features.push_back(i);
    }
  }
  if (columns.features.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(where, ": the table has no column of features"));
  }
  return columns;
}

absl::Status ColumnError(const CsvReader& reader, const CsvColumns& columns,
                         size_t column, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(
      reader.Where(), ": column '", columns.names[column], "': ", what));
}

absl::Status CheckThere(const CsvReader& reader, const CsvColumns& columns,
                        size_t column) {
  if (!reader.fields()[column].empty()) return absl::OkStatus();
  return ColumnError(reader, columns, column, "the value is missing");
}

absl::StatusOr<float> Number(const CsvReader& reader, const CsvColumns& columns,
                             size_t column) {
  const std::string& text = reader.fields()[column];
  double value = 0;
  if (absl::SimpleAtod(text, &value) &&
      std::abs(value) <= std::numeric_limits<float>::max()) {  // no for NaN
    return static_cast<float>(value);
  }
  return ColumnError(reader, columns, column,
                     absl::StrCat("'", text.substr(0, 40),
                                  "' is no finite number of 32 bits"));
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

// Reads a table row by row.
class Scan {
 public:
  explicit Scan(const CsvSource& source) : source_(source) {
    table_.path = source.path;
  }

  absl::StatusOr<CsvTable> Run() {
    SHOAL_ASSIGN_OR_RETURN(CsvReader reader, CsvReader::Open(source_.path));
    SHOAL_ASSIGN_OR_RETURN(table_.columns, ReadHeader(reader, source_));
    for (int64_t row = 0;; ++row) {
      SHOAL_ASSIGN_OR_RETURN(const bool more,
                             NextCsvRow(reader, table_.columns));
      if (!more) break;
      SHOAL_RETURN_IF_ERROR(AddRow(reader, IsHeldOutCsvRow(row)));
    }
    const std::vector<int32_t> ranks = classes_.Ranks();
    for (int32_t& number : table_.train.labels) number = ranks[number];
    for (int32_t& number : table_.test.labels) number = ranks[number];
    table_.num_classes = classes_.size();
    table_.num_owners = owners_.size();
    SHOAL_RETURN_IF_ERROR(Check());
    return std::move(table_);
  }

 private:
  absl::Status AddRow(const CsvReader& reader, bool held_out) {
    const CsvColumns& columns = table_.columns;
    for (const size_t column : columns.features) {
      SHOAL_ASSIGN_OR_RETURN(const float value,
                             CsvFeature(reader, columns, column));
      table_.missing_values |= std::isnan(value);
    }
    SHOAL_RETURN_IF_ERROR(
        AddOutcome(reader, held_out ? table_.test : table_.train));
    if (source_.device.empty()) return absl::OkStatus();
    SHOAL_RETURN_IF_ERROR(CheckThere(reader, columns, columns.device));
    if (held_out) return absl::OkStatus();
    table_.owners.push_back(owners_.NumberOf(reader.fields()[columns.device]));
    return absl::OkStatus();
  }

  absl::Status AddOutcome(const CsvReader& reader, CsvOutcomes& outcomes) {
    const CsvColumns& columns = table_.columns;
    SHOAL_RETURN_IF_ERROR(CheckThere(reader, columns, columns.outcome));
    if (source_.label.empty()) {
      SHOAL_ASSIGN_OR_RETURN(const float target,
                             Number(reader, columns, columns.outcome));
      outcomes.targets.push_back(target);
      return absl::OkStatus();
    }
    outcomes.labels.push_back(
        classes_.NumberOf(reader.fields()[columns.outcome]));
    if (classes_.size() <= kMaxClasses) return absl::OkStatus();
    return ColumnError(
        reader, columns, columns.outcome,
        absl::StrCat("more than ", kMaxClasses, " classes; is it a target?"));
  }

  absl::Status Check() const {
    if (source_.target.empty() && table_.num_classes < 2) {
      return absl::InvalidArgumentError(absl::StrCat(
          table_.path, ": column '", source_.label, "' has ",
          table_.num_classes, " different values, expected 2 at least"));
    }
    if (table_.train.size() == 0 || table_.test.size() == 0) {
      return absl::InvalidArgumentError(absl::StrCat(
          table_.path, ": ", table_.train.size() + table_.test.size(),
          " rows are too few to train on some and hold others "
          "out"));
    }
    return absl::OkStatus();
  }

  const CsvSource& source_;
  CsvTable table_;
  Names classes_;
  Names owners_;
};

}  // namespace

bool IsHeldOutCsvRow(int64_t row) {
  return DeriveSeed(0, "csv held out", {static_cast<uint64_t>(row)}) %
             kHoldOutEvery ==
         0;
}

absl::StatusOr<CsvTable> ScanCsv(const CsvSource& source) {
  return Scan(source).Run();
}

absl::StatusOr<bool> NextCsvRow(CsvReader& reader, const CsvColumns& columns) {
  SHOAL_ASSIGN_OR_RETURN(const bool more, reader.Next());
  if (!more || reader.fields().size() == columns.names.size()) return more;
  return absl::InvalidArgumentError(
      absl::StrCat(reader.Where(), ": ", reader.fields().size(),
                   " fields, but the header has ", columns.names.size()));
}

absl::StatusOr<float> CsvFeature(const CsvReader& reader,
                                 const CsvColumns& columns, size_t column) {
  if (reader.fields()[column].empty()) {
    return std::numeric_limits<float>::quiet_NaN();
  }
  return Number(reader, columns, column);
}

}  // namespace shoal::learning
