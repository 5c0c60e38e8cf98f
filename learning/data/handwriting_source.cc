#include "learning/data/handwriting_source.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "learning/data/handwriting.h"

namespace shoal::learning {
namespace {

constexpr int kMaxMeanExamples = 100000;
constexpr int64_t kMinTest = 2000;
constexpr int64_t kMaxTest = 10000;
constexpr int64_t kTestPerWriter = 10;

DataShape HandwritingShape() {
  DataShape shape;
  shape.num_features = Writer::kNumFeatures;
  shape.num_classes = Writer::kNumClasses;
  shape.natural_is_default = true;
  shape.image = {Canvas::kSide, Canvas::kSide, 1};
  return shape;
}

Writer MakeWriter(const HandwritingSource& source, int64_t index) {
  return Writer(source.seed, source.mean_examples, index);
}

// Pictures and labels while they are drawn.
class Pages {
 public:
  explicit Pages(int64_t size)
      : features_(size * Writer::kNumFeatures), labels_(size) {}

  absl::Span<float> Picture(int64_t i) {
    return absl::MakeSpan(features_).subspan(i * Writer::kNumFeatures,
                                             Writer::kNumFeatures);
  }
  int32_t& label(int64_t i) { return labels_[i]; }

  std::unique_ptr<Dataset> Bind() && {
    return std::make_unique<InMemoryDataset>(
        std::move(features_), std::move(labels_), Writer::kNumFeatures,
        Writer::kNumClasses);
  }

 private:
  std::vector<float> features_;
  std::vector<int32_t> labels_;
};

std::unique_ptr<Dataset> DrawTest(const HandwritingSource& source,
                                  int64_t num_writers) {
  const int64_t size =
      std::clamp(kTestPerWriter * num_writers, kMinTest, kMaxTest);
  Pages pages(size);
  std::optional<Writer> writer;
  int64_t current = -1;
  for (int64_t i = 0; i < size; ++i) {
    const int64_t index = i * num_writers / size;
    if (index != current) writer.emplace(MakeWriter(source, index));
    current = index;
    pages.label(i) = static_cast<int32_t>(i % Writer::kNumClasses);
    writer->DrawHeldOut(i, pages.label(i), pages.Picture(i));
  }
  return std::move(pages).Bind();
}

class HandwritingByWriter final : public FederatedData {
 public:
  HandwritingByWriter(const HandwritingSource& source, int num_devices)
      : source_(source),
        num_devices_(num_devices),
        shape_(HandwritingShape()) {}

  const DataShape& shape() const override { return shape_; }
  int num_devices() const override { return num_devices_; }
  int64_t num_device_examples(int device) const override {
    SHOAL_CHECK(device >= 0 && device < num_devices_);
    return Writer::NumExamples(source_.seed, source_.mean_examples, device);
  }
  absl::StatusOr<std::vector<int64_t>> CountLabels(int device) const override {
    SHOAL_CHECK(device >= 0 && device < num_devices_);
    const Writer writer = MakeWriter(source_, device);
    std::vector<int64_t> counts(Writer::kNumClasses);
    for (int64_t i = 0; i < writer.num_examples(); ++i) {
      ++counts[writer.Label(i)];
    }
    return counts;
  }
  absl::StatusOr<std::unique_ptr<Dataset>> LoadDevice(
      int device) const override {
    SHOAL_CHECK(device >= 0 && device < num_devices_);
    const Writer writer = MakeWriter(source_, device);
    Pages pages(writer.num_examples());
    for (int64_t i = 0; i < writer.num_examples(); ++i) {
      pages.label(i) = writer.Label(i);
      writer.Draw(i, pages.Picture(i));
    }
    return std::move(pages).Bind();
  }
  absl::StatusOr<std::unique_ptr<Dataset>> LoadTest() const override {
    return DrawTest(source_, num_devices_);
  }

 private:
  const HandwritingSource source_;
  const int num_devices_;
  const DataShape shape_;
};

class HandwritingPool final : public ExamplePool {
 public:
  HandwritingPool(const HandwritingSource& source, int num_writers)
      : source_(source), shape_(HandwritingShape()), starts_{0} {
    for (int64_t index = 0; index < num_writers; ++index) {
      const Writer writer = MakeWriter(source_, index);
      for (int64_t i = 0; i < writer.num_examples(); ++i) {
        labels_.push_back(writer.Label(i));
      }
      starts_.push_back(labels_.size());
    }
  }

  const DataShape& shape() const override { return shape_; }
  int64_t num_examples() const override { return std::ssize(labels_); }
  absl::Span<const int32_t> groups() const override { return labels_; }
  absl::Span<const int32_t> owners() const override { return {}; }

  absl::StatusOr<std::unique_ptr<Dataset>> Load(
      absl::Span<const int64_t> examples) const override {
    Pages pages(examples.size());
    std::optional<Writer> writer;
    size_t current = 0;
    for (size_t i = 0; i < examples.size(); ++i) {
      // Examples ascend, and so do their writers.
      const bool same =
          writer.has_value() && examples[i] < starts_[current + 1];
      if (!same) {
        while (examples[i] >= starts_[current + 1]) ++current;
        writer.emplace(MakeWriter(source_, current));
      }
      pages.label(i) = labels_[examples[i]];
      writer->Draw(examples[i] - starts_[current], pages.Picture(i));
    }
    return std::move(pages).Bind();
  }
  absl::StatusOr<std::unique_ptr<Dataset>> LoadTest() const override {
    return DrawTest(source_, starts_.size() - 1);
  }

 private:
  const HandwritingSource source_;
  const DataShape shape_;
  std::vector<int32_t> labels_;
  std::vector<int64_t> starts_;  // first example of each writer, then the end
};

}  // namespace

absl::Status CheckHandwriting(const HandwritingSource& source) {
  if (source.mean_examples >= 1 && source.mean_examples <= kMaxMeanExamples) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("mean_examples of handwriting is ", source.mean_examples,
                   ", expected 1 to ", kMaxMeanExamples));
}

std::unique_ptr<FederatedData> MakeHandwritingByWriter(
    const HandwritingSource& source, int num_devices) {
  SHOAL_CHECK(CheckHandwriting(source).ok() && num_devices >= 1);
  return std::make_unique<HandwritingByWriter>(source, num_devices);
}

std::unique_ptr<ExamplePool> MakeHandwritingPool(
    const HandwritingSource& source, int num_writers) {
  SHOAL_CHECK(CheckHandwriting(source).ok() && num_writers >= 1);
  return std::make_unique<HandwritingPool>(source, num_writers);
}

}  // namespace shoal::learning
