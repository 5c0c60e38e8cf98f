#include "learning/data/npy_source.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "learning/data/hold_out.h"
#include "learning/data/npy.h"
#include "learning/data/sha256sums.h"

namespace shoal::learning {
namespace {

constexpr int64_t kMaxClasses = 10000;

// The arrays of one half; users are empty where there are none.
struct NpyPart {
  NpyArray features;
  std::vector<int32_t> labels;
  std::vector<int64_t> users;
};

absl::StatusOr<NpyArray> OpenArray(const std::string& path) {
  SHOAL_RETURN_IF_ERROR(CheckSha256SumOf(path));
  return OpenNpy(path);
}

// One integer for each of `num_rows` examples.
absl::StatusOr<std::vector<int64_t>> ReadColumn(const std::string& path,
                                                int64_t num_rows) {
  SHOAL_ASSIGN_OR_RETURN(const NpyArray array, OpenArray(path));
  if (array.rows.num_rows != num_rows) {
    return absl::DataLossError(absl::StrCat(path, ": ", array.rows.num_rows,
                                            " rows, but the features have ",
                                            num_rows));
  }
  return ReadIntegers(array);
}

absl::StatusOr<NpyPart> OpenPart(const std::string& features,
                                 const std::string& labels,
                                 const std::string& users) {
  NpyPart part;
  SHOAL_ASSIGN_OR_RETURN(part.features, OpenArray(features));
  const int64_t num_rows = part.features.rows.num_rows;
  SHOAL_ASSIGN_OR_RETURN(const auto read, ReadColumn(labels, num_rows));
  for (int64_t row = 0; row < num_rows; ++row) {
    if (read[row] < 0 || read[row] >= kMaxClasses) {
      return absl::DataLossError(
          absl::StrCat(labels, ": label ", read[row], " in row ", row,
                       ", expected 0 to ", kMaxClasses - 1));
    }
    part.labels.push_back(static_cast<int32_t>(read[row]));
  }
  if (users.empty()) return part;
  SHOAL_ASSIGN_OR_RETURN(part.users, ReadColumn(users, num_rows));
  return part;
}

int NumClasses(const std::vector<int32_t>& labels) {
  if (labels.empty()) return 0;
  return *std::max_element(labels.begin(), labels.end()) + 1;
}

class NpyPool final : public ExamplePool {
 public:
  NpyPool(NpyPart train, std::optional<NpyPart> test)
      : train_(std::move(train)), test_(std::move(test)) {
    std::map<int64_t, int32_t> numbers;  // of users, in their order
    for (const int64_t user : train_.users) numbers.emplace(user, 0);
    for (auto& [user, number] : numbers) number = shape_.natural_devices++;
    const bool owned = !numbers.empty();
    std::vector<int32_t> owners(train_.labels.size());  // of one, unless owned
    for (size_t row = 0; owned && row < owners.size(); ++row) {
      owners[row] = numbers.at(train_.users[row]);
    }
    const std::vector<bool> held_out = HoldOutEachFifth(owners);
    for (size_t row = 0; row < owners.size(); ++row) {
      const bool is_test = !test_.has_value() && held_out[row];
      (is_test ? test_rows_ : train_rows_).push_back(row);
      if (!is_test) labels_.push_back(train_.labels[row]);
      if (owned) (is_test ? test_owners_ : owners_).push_back(owners[row]);
    }
    if (test_.has_value()) {
      test_rows_.resize(test_->labels.size());
      std::iota(test_rows_.begin(), test_rows_.end(), int64_t{0});
      for (const int64_t user : test_->users) {
        const auto found = numbers.find(user);
        test_owners_.push_back(found == numbers.end() ? -1 : found->second);
      }
    }
    shape_.num_features = static_cast<int>(train_.features.num_columns);
    shape_.num_classes =
        std::max(NumClasses(train_.labels),
                 test_.has_value() ? NumClasses(test_->labels) : 0);
    shape_.natural_is_default = shape_.natural_devices > 0;
  }

  int64_t num_held_out() const { return std::ssize(test_rows_); }

  const DataShape& shape() const override { return shape_; }
  int64_t num_examples() const override { return std::ssize(labels_); }
  absl::Span<const int32_t> groups() const override { return labels_; }
  absl::Span<const int32_t> owners() const override { return owners_; }
  absl::Span<const int32_t> test_owners() const override {
    return test_owners_;
  }

  absl::StatusOr<std::unique_ptr<Dataset>> Load(
      absl::Span<const int64_t> examples) const override {
    return LoadRows(train_, train_rows_, examples);
  }
  absl::StatusOr<std::unique_ptr<Dataset>> LoadTest() const override {
    std::vector<int64_t> all(test_rows_.size());
    std::iota(all.begin(), all.end(), int64_t{0});
    return LoadHeldOut(all);
  }
  absl::StatusOr<std::unique_ptr<Dataset>> LoadHeldOut(
      absl::Span<const int64_t> examples) const override {
    return LoadRows(test_.has_value() ? *test_ : train_, test_rows_, examples);
  }

 private:
  absl::StatusOr<std::unique_ptr<Dataset>> LoadRows(
      const NpyPart& part, const std::vector<int64_t>& rows_of_examples,
      absl::Span<const int64_t> examples) const {
    std::vector<int64_t> rows;
    std::vector<int32_t> labels;
    for (const int64_t example : examples) {
      rows.push_back(rows_of_examples[example]);
      labels.push_back(part.labels[rows.back()]);
    }
    const int64_t width = shape_.num_features;
    std::vector<float> features(rows.size() * width);
    SHOAL_RETURN_IF_ERROR(ForEachRow(
        part.features.rows, rows, [&](size_t i, absl::Span<const char> bytes) {
          const auto out = absl::MakeSpan(features).subspan(i * width, width);
          DecodeFloats(part.features, bytes, out);
          const bool finite = std::all_of(
              out.begin(), out.end(), [](float x) { return std::isfinite(x); });
          if (finite) return absl::OkStatus();
          return absl::DataLossError(
              absl::StrCat(part.features.rows.path, ": row ", rows[i],
                           " has a value that is no finite number of float32"));
        }));
    return std::make_unique<InMemoryDataset>(
        std::move(features), std::move(labels), shape_.num_features,
        shape_.num_classes);
  }

  const NpyPart train_;
  const std::optional<NpyPart> test_;
  DataShape shape_;
  // Rows of train_; test_rows_ of test_ where that is there.
  std::vector<int64_t> train_rows_;
  std::vector<int64_t> test_rows_;
  std::vector<int32_t> labels_;  // of train_rows_, as owners_
  std::vector<int32_t> owners_;
  std::vector<int32_t> test_owners_;  // of test_rows_; empty: nobody's
};

absl::Status CheckFiles(const NpySource& source) {
  const bool test = !source.test_features.empty();
  if (test == source.test_labels.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(source.features, ": ",
                     test ? "test_features without test_labels"
                          : "test_labels without test_features",
                     ", expected both or neither"));
  }
  if (source.test_users.empty() || (test && !source.users.empty())) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat(source.features, ": test_users without ",
                   test ? "users" : "test_features and test_labels"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<ExamplePool>> OpenNpySource(
    const NpySource& source) {
  SHOAL_RETURN_IF_ERROR(CheckFiles(source));
  SHOAL_ASSIGN_OR_RETURN(
      NpyPart train, OpenPart(source.features, source.labels, source.users));
  std::optional<NpyPart> test;
  if (!source.test_features.empty()) {
    SHOAL_ASSIGN_OR_RETURN(
        test,
        OpenPart(source.test_features, source.test_labels, source.test_users));
    if (test->features.num_columns != train.features.num_columns) {
      return absl::DataLossError(
          absl::StrCat(source.test_features, ": ", test->features.num_columns,
                       " columns, but the training features have ",
                       train.features.num_columns));
    }
  }
  auto pool = std::make_unique<NpyPool>(std::move(train), std::move(test));
  if (pool->num_held_out() == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(source.features, ": no fifth example to hold out",
                     source.users.empty() ? "" : " of any user",
                     ": give test_features and test_labels"));
  }
  if (pool->shape().num_classes < 2) {
    return absl::InvalidArgumentError(absl::StrCat(
        source.labels, ": all labels are 0, expected two classes or more"));
  }
  return pool;
}

}  // namespace shoal::learning
