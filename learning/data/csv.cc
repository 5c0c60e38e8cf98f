#include "learning/data/csv.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "learning/data/csv_reader.h"
#include "learning/data/csv_table.h"
#include "learning/data/sha256sums.h"

namespace shoal::learning {
namespace {

constexpr int kTargetGroups = 10;

// The tenth of all targets that each falls into; equal ones into the same.
std::vector<int32_t> GroupTargets(const std::vector<float>& targets) {
  std::vector<float> sorted = targets;
  std::sort(sorted.begin(), sorted.end());
  std::vector<int32_t> groups;
  groups.reserve(targets.size());
  for (const float target : targets) {
    const int64_t below =
        std::lower_bound(sorted.begin(), sorted.end(), target) - sorted.begin();
    groups.push_back(
        static_cast<int32_t>(below * kTargetGroups / std::ssize(sorted)));
  }
  return groups;
}

class CsvPool final : public ExamplePool {
 public:
  explicit CsvPool(CsvTable table)
      : table_(std::move(table)), target_groups_(GroupsOf(table_)) {
    shape_.num_features = static_cast<int>(table_.columns.features.size());
    shape_.num_classes = table_.num_classes;
    shape_.num_targets = table_.num_classes == 0 ? 1 : 0;
    shape_.missing_values = table_.missing_values;
    shape_.natural_devices = table_.num_owners;
    shape_.natural_is_default = table_.num_owners > 0;
  }

  const DataShape& shape() const override { return shape_; }
  int64_t num_examples() const override { return table_.train.size(); }
  absl::Span<const int32_t> groups() const override {
    return has_targets() ? target_groups_ : table_.train.labels;
  }
  int num_groups() const override {
    return has_targets() ? kTargetGroups : shape_.num_classes;
  }
  absl::Span<const int32_t> owners() const override { return table_.owners; }

  absl::StatusOr<std::unique_ptr<Dataset>> Load(
      absl::Span<const int64_t> examples) const override {
    CsvOutcomes outcomes;
    for (const int64_t example : examples) {
      if (has_targets()) {
        outcomes.targets.push_back(table_.train.targets[example]);
      } else {
        outcomes.labels.push_back(table_.train.labels[example]);
      }
    }
    size_t taken = 0;
    return LoadRows(
        [&](bool held_out, int64_t number) {
          const bool wanted =
              !held_out && taken < examples.size() && examples[taken] == number;
          if (wanted) ++taken;
          return wanted;
        },
        std::move(outcomes));
  }
  absl::StatusOr<std::unique_ptr<Dataset>> LoadTest() const override {
    return LoadRows([](bool held_out, int64_t) { return held_out; },
                    table_.test);
  }

 private:
  static std::vector<int32_t> GroupsOf(const CsvTable& table) {
    if (table.num_classes > 0) return {};
    return GroupTargets(table.train.targets);
  }
  bool has_targets() const { return shape_.num_targets > 0; }

  // `wanted(held_out, number)`: whether to take the row that is the number-th
  // of its kind, from 0.
  template <typename Wanted>
  absl::StatusOr<std::unique_ptr<Dataset>> LoadRows(
      const Wanted& wanted, CsvOutcomes outcomes) const {
    const CsvColumns& columns = table_.columns;
    SHOAL_ASSIGN_OR_RETURN(CsvReader reader, CsvReader::Open(table_.path));
    SHOAL_RETURN_IF_ERROR(reader.Next().status());  // the header
    std::vector<float> features;
    features.reserve(outcomes.size() * shape_.num_features);
    int64_t seen[2] = {0, 0};
    for (int64_t row = 0;; ++row) {
      SHOAL_ASSIGN_OR_RETURN(const bool more, NextCsvRow(reader, columns));
      if (!more) break;
      const bool held_out = IsHeldOutCsvRow(row);
      if (!wanted(held_out, seen[held_out]++)) continue;
      for (const size_t column : columns.features) {
        SHOAL_ASSIGN_OR_RETURN(const float value,
                               CsvFeature(reader, columns, column));
        features.push_back(value);
      }
    }
    if (std::ssize(features) != outcomes.size() * shape_.num_features) {
      return absl::DataLossError(
          absl::StrCat(table_.path, ": changed since it was opened"));
    }
    if (has_targets()) {
      return std::make_unique<InMemoryDataset>(InMemoryDataset::WithTargets(
          std::move(features), std::move(outcomes.targets), shape_.num_features,
          shape_.num_targets));
    }
    return std::make_unique<InMemoryDataset>(
        std::move(features), std::move(outcomes.labels), shape_.num_features,
        shape_.num_classes);
  }

  const CsvTable table_;
  const std::vector<int32_t> target_groups_;  // empty with classes
  DataShape shape_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ExamplePool>> OpenCsv(const CsvSource& source) {
  if (source.label.empty() == source.target.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        source.path, ": expected either a column of labels or one of targets, ",
        source.label.empty() ? "got none" : "got both"));
  }
  SHOAL_RETURN_IF_ERROR(CheckSha256SumOf(source.path));
  SHOAL_ASSIGN_OR_RETURN(CsvTable table, ScanCsv(source));
  return std::make_unique<CsvPool>(std::move(table));
}

}  // namespace shoal::learning
