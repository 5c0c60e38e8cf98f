#include "learning/data/pool_of_devices.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/status_macros.h"
#include "learning/data/example_buffer.h"

namespace shoal::learning {
namespace {

class DevicesAsPool final : public ExamplePool {
 public:
  // starts: the first example of each device, then the end.
  DevicesAsPool(std::unique_ptr<FederatedData> data,
                std::vector<int32_t> labels, std::vector<int64_t> starts)
      : data_(std::move(data)),
        labels_(std::move(labels)),
        starts_(std::move(starts)) {}

  const DataShape& shape() const override { return data_->shape(); }
  int64_t num_examples() const override { return std::ssize(labels_); }
  absl::Span<const int32_t> groups() const override { return labels_; }
  absl::Span<const int32_t> owners() const override { return {}; }

  absl::StatusOr<std::unique_ptr<Dataset>> Load(
      absl::Span<const int64_t> examples) const override {
    ExampleBuffer buffer(shape());
    std::unique_ptr<Dataset> device;
    int64_t begin = 0, end = 0;  // its examples
    for (const int64_t example : examples) {
      if (example >= end) {
        const auto after =
            std::upper_bound(starts_.begin(), starts_.end(), example);
        begin = *std::prev(after);
        end = *after;
        const auto number = std::prev(after) - starts_.begin();
        SHOAL_ASSIGN_OR_RETURN(device,
                               data_->LoadDevice(static_cast<int>(number)));
      }
      buffer.Append(*device, example - begin);
    }
    return std::move(buffer).Bind();
  }
  absl::StatusOr<std::unique_ptr<Dataset>> LoadTest() const override {
    return data_->LoadTest();
  }

 private:
  const std::unique_ptr<FederatedData> data_;
  const std::vector<int32_t> labels_;
  const std::vector<int64_t> starts_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ExamplePool>> PoolOfDevices(
    std::unique_ptr<FederatedData> data) {
  SHOAL_CHECK(data->shape().num_classes > 0 &&
              data->shape().labels_per_example == 1);
  std::vector<int32_t> labels;
  std::vector<int64_t> starts = {0};
  for (int device = 0; device < data->num_devices(); ++device) {
    SHOAL_ASSIGN_OR_RETURN(const auto share, data->LoadDevice(device));
    for (int64_t i = 0; i < share->num_examples(); ++i) {
      labels.push_back(share->label(i));
    }
    starts.push_back(std::ssize(labels));
  }
  return std::make_unique<DevicesAsPool>(std::move(data), std::move(labels),
                                         std::move(starts));
}

}  // namespace shoal::learning
