#include "learning/data/cifar10.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <numeric>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status_macros.h"
#include "learning/data/row_file.h"
#include "learning/data/sha256sums.h"

namespace shoal::learning {
namespace {

constexpr int kNumBatches = 5;
constexpr int kNumClasses = 10;
constexpr int kSide = 32;
constexpr int kChannels = 3;
constexpr int kPlane = kSide * kSide;
constexpr int kNumFeatures = kPlane * kChannels;
constexpr int64_t kRecordBytes = 1 + kNumFeatures;

std::vector<int64_t> AllRows(const RowFile& file) {
  std::vector<int64_t> rows(file.num_rows);
  std::iota(rows.begin(), rows.end(), int64_t{0});
  return rows;
}

absl::StatusOr<RowFile> OpenBatch(const std::string& folder,
                                  const std::string& name) {
  RowFile file{absl::StrCat(folder, "/", name), 0, 0, kRecordBytes};
  std::error_code error;
  const uint64_t size = std::filesystem::file_size(file.path, error);
  if (error) return ErrnoStatus(error.value(), file.path, "open");
  if (size == 0 || size % kRecordBytes != 0) {
    return absl::DataLossError(
        absl::StrCat(file.path, ": ", size, " bytes, expected a multiple of ",
                     kRecordBytes, ": a label and 32 x 32 x 3 pixels"));
  }
  file.num_rows = static_cast<int64_t>(size) / kRecordBytes;
  SHOAL_RETURN_IF_ERROR(CheckSha256Sums(folder, {name}));
  return file;
}

// Adds the labels of a batch.
absl::Status ReadLabels(const RowFile& file, std::vector<int32_t>& labels) {
  return ForEachRow(
      file, AllRows(file), [&](size_t row, absl::Span<const char> record) {
        const int label = static_cast<unsigned char>(record[0]);
        if (label >= kNumClasses) {
          return absl::DataLossError(absl::StrCat(file.path, ": label ", label,
                                                  " of record ", row,
                                                  ", expected 0 to 9"));
        }
        labels.push_back(label);
        return absl::OkStatus();
      });
}

// Adds the pixels of some records, each once and ascending.
absl::Status ReadPixels(const RowFile& file, absl::Span<const int64_t> rows,
                        std::vector<float>& features) {
  return ForEachRow(file, rows, [&](size_t, absl::Span<const char> record) {
    for (int place = 0; place < kPlane; ++place) {
      for (int channel = 0; channel < kChannels; ++channel) {
        const char pixel = record[1 + channel * kPlane + place];
        features.push_back(static_cast<unsigned char>(pixel) / 255.0f);
      }
    }
    return absl::OkStatus();
  });
}

class Cifar10Pool final : public ExamplePool {
 public:
  static absl::StatusOr<std::unique_ptr<ExamplePool>> Open(
      const std::string& folder) {
    auto pool = std::make_unique<Cifar10Pool>();
    for (int batch = 1; batch <= kNumBatches; ++batch) {
      const std::string name = absl::StrCat("data_batch_", batch, ".bin");
      SHOAL_ASSIGN_OR_RETURN(RowFile file, OpenBatch(folder, name));
      SHOAL_RETURN_IF_ERROR(ReadLabels(file, pool->labels_));
      pool->batches_.push_back(std::move(file));
    }
    SHOAL_ASSIGN_OR_RETURN(pool->test_, OpenBatch(folder, "test_batch.bin"));
    SHOAL_RETURN_IF_ERROR(ReadLabels(pool->test_, pool->test_labels_));
    return pool;
  }

  Cifar10Pool() {
    shape_.num_features = kNumFeatures;
    shape_.num_classes = kNumClasses;
    shape_.image = {kSide, kSide, kChannels};
  }

  const DataShape& shape() const override { return shape_; }
  int64_t num_examples() const override { return std::ssize(labels_); }
  absl::Span<const int32_t> groups() const override { return labels_; }
  absl::Span<const int32_t> owners() const override { return {}; }

  absl::StatusOr<std::unique_ptr<Dataset>> Load(
      absl::Span<const int64_t> examples) const override {
    std::vector<float> features;
    features.reserve(examples.size() * kNumFeatures);
    std::vector<int32_t> labels;
    for (const int64_t example : examples) labels.push_back(labels_[example]);
    int64_t begin = 0;  // of the batch
    size_t next = 0;
    for (const RowFile& batch : batches_) {
      std::vector<int64_t> rows;
      while (next < examples.size() &&
             examples[next] < begin + batch.num_rows) {
        rows.push_back(examples[next++] - begin);
      }
      begin += batch.num_rows;
      if (rows.empty()) continue;
      SHOAL_RETURN_IF_ERROR(ReadPixels(batch, rows, features));
    }
    return Bind(std::move(features), std::move(labels));
  }
  absl::StatusOr<std::unique_ptr<Dataset>> LoadTest() const override {
    std::vector<float> features;
    features.reserve(test_labels_.size() * kNumFeatures);
    SHOAL_RETURN_IF_ERROR(ReadPixels(test_, AllRows(test_), features));
    return Bind(std::move(features), test_labels_);
  }

 private:
  static std::unique_ptr<Dataset> Bind(std::vector<float> features,
                                       std::vector<int32_t> labels) {
    return std::make_unique<InMemoryDataset>(
        std::move(features), std::move(labels), kNumFeatures, kNumClasses);
  }

  std::vector<RowFile> batches_;
  RowFile test_;
  std::vector<int32_t> labels_;  // of all batches
  std::vector<int32_t> test_labels_;
  DataShape shape_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ExamplePool>> OpenCifar10(
    const std::string& folder) {
  return Cifar10Pool::Open(folder);
}

}  // namespace shoal::learning
