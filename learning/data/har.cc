#include "learning/data/har.h"

#include <cstdint>
#include <filesystem>
#include <map>
#include <numeric>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "learning/data/har_windows.h"
#include "learning/data/hold_out.h"

namespace shoal::learning {
namespace {

bool Exists(const std::string& path) {
  std::error_code ignored;  // what cannot be looked up is not there
  return std::filesystem::exists(path, ignored);
}

class HarPool final : public ExamplePool {
 public:
  HarPool(HarWindows train, std::optional<HarWindows> test)
      : train_(std::move(train)), test_(std::move(test)) {
    std::map<int64_t, int32_t> subjects;  // to numbers from 0, in order
    for (int64_t subject : train_.subjects) subjects.emplace(subject, 0);
    for (auto& [subject, number] : subjects) number = shape_.natural_devices++;
    std::vector<int32_t> owners;
    for (const int64_t id : train_.subjects) owners.push_back(subjects.at(id));
    const std::vector<bool> held_out = HoldOutEachFifth(owners);
    for (size_t row = 0; row < owners.size(); ++row) {
      if (!test_.has_value() && held_out[row]) {
        test_rows_.push_back(row);
        test_owners_.push_back(owners[row]);
        continue;
      }
      train_rows_.push_back(row);
      labels_.push_back(train_.labels[row]);
      owners_.push_back(owners[row]);
    }
    if (test_.has_value()) {
      test_rows_.resize(test_->labels.size());
      std::iota(test_rows_.begin(), test_rows_.end(), int64_t{0});
    }
    shape_.num_features = kHarFeatures;
    shape_.num_classes = kHarClasses;
    shape_.natural_is_default = true;
  }

  int64_t num_test_examples() const { return test_rows_.size(); }

  const DataShape& shape() const override { return shape_; }
  int64_t num_examples() const override { return std::ssize(labels_); }
  absl::Span<const int32_t> groups() const override { return labels_; }
  absl::Span<const int32_t> owners() const override { return owners_; }
  absl::Span<const int32_t> test_owners() const override {
    return test_owners_;
  }

  absl::StatusOr<std::unique_ptr<Dataset>> Load(
      absl::Span<const int64_t> examples) const override {
    std::vector<int64_t> rows;
    rows.reserve(examples.size());
    for (int64_t example : examples) rows.push_back(train_rows_[example]);
    return LoadWindows(train_, rows);
  }
  absl::StatusOr<std::unique_ptr<Dataset>> LoadTest() const override {
    return LoadWindows(test_.has_value() ? *test_ : train_, test_rows_);
  }
  absl::StatusOr<std::unique_ptr<Dataset>> LoadHeldOut(
      absl::Span<const int64_t> examples) const override {
    std::vector<int64_t> rows;
    rows.reserve(examples.size());
    for (int64_t example : examples) rows.push_back(test_rows_[example]);
    return LoadWindows(train_, rows);
  }

 private:
  const HarWindows train_;
  const std::optional<HarWindows> test_;
  DataShape shape_;
  // Rows of train_; test_rows_ of test_ where that is there.
  std::vector<int64_t> train_rows_;
  std::vector<int64_t> test_rows_;
  std::vector<int32_t> labels_;  // of train_rows_, as owners_
  std::vector<int32_t> owners_;
  // Of test_rows_; empty with a test part, whose subjects are other ones.
  std::vector<int32_t> test_owners_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ExamplePool>> OpenHar(
    const std::string& folder) {
  HarWindows train;
  std::optional<HarWindows> test;
  if (Exists(folder + "/train")) {
    SHOAL_ASSIGN_OR_RETURN(train, OpenHarText(folder, "train"));
    if (Exists(folder + "/test")) {
      SHOAL_ASSIGN_OR_RETURN(test, OpenHarText(folder, "test"));
    }
  } else if (Exists(folder + "/har_x.npy")) {
    SHOAL_ASSIGN_OR_RETURN(train, OpenHarNpy(folder));
  } else {
    return absl::NotFoundError(absl::StrCat(
        folder, ": neither train/X_train.txt nor har_x.npy is there"));
  }
  auto pool = std::make_unique<HarPool>(std::move(train), std::move(test));
  if (pool->num_test_examples() == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(folder, ": no subject has ", kHoldOutEvery,
                     " windows, so none can be held out"));
  }
  return pool;
}

}  // namespace shoal::learning
