#include "learning/data/feature_skew.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "learning/data/example_buffer.h"
#include "learning/data/image_turn.h"

namespace shoal::learning {
namespace {

constexpr double kMaxVariance = 1e12;

absl::Status CheckRange(absl::string_view what, double value, double least,
                        double most) {
  if (value >= least && value <= most) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(what, " is ", value, ", expected ", least, " to ", most));
}

absl::Status CheckSchedule(const DriftSchedule& schedule) {
  const bool ok = schedule.by_time
                      ? schedule.start_time >= absl::ZeroDuration() &&
                            schedule.start_time < absl::InfiniteDuration() &&
                            schedule.duration > absl::ZeroDuration() &&
                            schedule.duration < absl::InfiniteDuration()
                      : schedule.start_round >= 0 && schedule.num_rounds >= 1;
  if (ok) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "the schedule of a drift begins before 0, or has no length");
}

absl::Status CheckDrift(const Drift& drift) {
  SHOAL_RETURN_IF_ERROR(CheckSchedule(drift.schedule));
  SHOAL_RETURN_IF_ERROR(CheckRange("labels of a drift", drift.labels, 0, 1));
  SHOAL_RETURN_IF_ERROR(CheckRange("rotation_degrees of a drift",
                                   drift.rotation_degrees, -360, 360));
  SHOAL_RETURN_IF_ERROR(
      CheckRange("noise of a drift", drift.noise, 0, kMaxVariance));
  if (drift.labels > 0 || drift.rotation_degrees != 0 || drift.noise > 0) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      "a drift changes nothing, expected labels, rotation_degrees or noise");
}

absl::Status CheckRotation(const Rotation& rotation) {
  if (rotation.groups == 0) {
    return CheckRange("max_degrees of a rotation", rotation.max_degrees, 1e-6,
                      180);
  }
  if (rotation.max_degrees == 0) {
    return CheckRange("groups of a rotation", rotation.groups, 2, 360);
  }
  return absl::InvalidArgumentError(
      "a rotation has both groups and max_degrees, expected one");
}

absl::Status Check(const Partition& partition, const DataShape& shape) {
  bool noise = partition.feature_noise.has_value();
  bool rotation = partition.rotation.has_value();
  if (noise) {
    SHOAL_RETURN_IF_ERROR(CheckRange("sigma of the feature noise",
                                     partition.feature_noise->sigma, 1e-12,
                                     kMaxVariance));
  }
  if (rotation) SHOAL_RETURN_IF_ERROR(CheckRotation(*partition.rotation));
  if (partition.drift.has_value()) {
    SHOAL_RETURN_IF_ERROR(CheckDrift(*partition.drift));
    noise = noise || partition.drift->noise > 0;
    rotation = rotation || partition.drift->rotation_degrees != 0;
  }
  if (noise && shape.tokens) {
    return absl::InvalidArgumentError(
        "noise cannot be added to a text: its features stand for characters");
  }
  if (rotation && shape.image[0] == 0) {
    return absl::InvalidArgumentError(
        "a rotation needs images: handwriting, mnist, fashion_mnist, emnist or "
        "cifar10");
  }
  return absl::OkStatus();
}

void AddNoise(double variance, SeededRng rng, ExampleBuffer& examples) {
  const double deviation = std::sqrt(variance);
  for (int64_t i = 0; i < examples.num_examples(); ++i) {
    for (float& feature : examples.features(i)) {
      feature += static_cast<float>(deviation * rng.Normal());
    }
  }
}

class SkewedData final : public FederatedData {
 public:
  SkewedData(std::unique_ptr<FederatedData> data, const Partition& partition,
             uint64_t seed)
      : data_(std::move(data)),
        noise_(partition.feature_noise),
        rotation_(partition.rotation),
        drift_(partition.drift),
        seed_(seed) {}

  const DataShape& shape() const override { return data_->shape(); }
  int num_devices() const override { return data_->num_devices(); }
  int64_t num_device_examples(int device) const override {
    if (ExchangedAt(Moment{}) == 0) return data_->num_device_examples(device);
    return std::ssize(Held(device, Moment{}));
  }
  absl::StatusOr<std::unique_ptr<Dataset>> LoadDevice(
      int device) const override {
    return LoadDeviceAt(device, Moment{});
  }
  absl::StatusOr<std::unique_ptr<Dataset>> LoadTest() const override {
    return LoadTestAt(Moment{});
  }
  bool has_device_tests() const override { return data_->has_device_tests(); }
  absl::StatusOr<std::unique_ptr<Dataset>> LoadDeviceTest(
      int device) const override {
    return LoadDeviceTestAt(device, Moment{});
  }
  bool drifts() const override { return drift_.has_value(); }

  absl::StatusOr<std::unique_ptr<Dataset>> LoadDeviceAt(
      int device, const Moment& moment) const override {
    ExampleBuffer examples(shape());
    SHOAL_RETURN_IF_ERROR(Gather(device, moment, examples));
    Turn([&](int64_t) { return device; }, moment, examples);
    if (noise_.has_value()) {
      AddNoise(noise_->sigma * (device + 1) / num_devices(),
               Rng("feature noise", device), examples);
    }
    AddDriftNoise("drift noise", device, moment, examples);
    return std::move(examples).Bind();
  }

  absl::StatusOr<std::unique_ptr<Dataset>> LoadTestAt(
      const Moment& moment) const override {
    SHOAL_ASSIGN_OR_RETURN(const auto test, data_->LoadTest());
    ExampleBuffer examples(shape());
    examples.Append(*test);
    Turn([&](int64_t i) { return static_cast<int>(i % num_devices()); }, moment,
         examples);
    AddDriftNoise("test drift noise", 0, moment, examples);
    return std::move(examples).Bind();
  }

  absl::StatusOr<std::unique_ptr<Dataset>> LoadDeviceTestAt(
      int device, const Moment& moment) const override {
    SHOAL_ASSIGN_OR_RETURN(const auto test, data_->LoadDeviceTest(device));
    ExampleBuffer examples(shape());
    examples.Append(*test);
    Turn([&](int64_t) { return device; }, moment, examples);
    AddDriftNoise("device test drift noise", device, moment, examples);
    return std::move(examples).Bind();
  }

  absl::StatusOr<std::vector<int64_t>> CountLabels(int device) const override {
    if (ExchangedAt(Moment{}) == 0) return data_->CountLabels(device);
    return FederatedData::CountLabels(device);
  }

 private:
  // An example of a share: whose, and its place there.
  struct Place {
    int device;
    int64_t index;
  };

  SeededRng Rng(absl::string_view purpose, int device) const {
    return SeededRng(
        DeriveSeed(seed_, purpose, {static_cast<uint64_t>(device)}));
  }

  double ProgressAt(const Moment& moment) const {
    return drift_.has_value() ? DriftProgress(drift_->schedule, moment) : 0;
  }

  // The part of their examples that devices have exchanged.
  double ExchangedAt(const Moment& moment) const {
    const bool exchange = drift_.has_value() && num_devices() > 1;
    return exchange ? drift_->labels * ProgressAt(moment) : 0;
  }

  // Those examples of a share that have (or have not) gone to the device
  // before. Each goes at a point of its own, uniform in [0, 1), and the first
  // one last, so that no device is ever without.
  void AddPlaces(int device, double exchanged, bool gone,
                 std::vector<Place>& places) const {
    SeededRng rng = Rng("label drift", device);
    const int64_t size = data_->num_device_examples(device);
    for (int64_t i = 0; i < size; ++i) {
      const double goes_at = i == 0 ? 1 : rng.Uniform();
      const bool has_gone = goes_at < exchanged || exchanged == 1;
      if (has_gone == gone) places.push_back({device, i});
    }
  }

  std::vector<Place> Held(int device, const Moment& moment) const {
    const double exchanged = ExchangedAt(moment);
    std::vector<Place> places;
    AddPlaces(device, exchanged, /*gone=*/false, places);
    AddPlaces((device + 1) % num_devices(), exchanged, /*gone=*/true, places);
    return places;
  }

  absl::Status Gather(int device, const Moment& moment,
                      ExampleBuffer& examples) const {
    SHOAL_ASSIGN_OR_RETURN(auto own, data_->LoadDevice(device));
    if (ExchangedAt(moment) == 0) {
      examples.Append(*own);
      return absl::OkStatus();
    }
    SHOAL_ASSIGN_OR_RETURN(const auto next,
                           data_->LoadDevice((device + 1) % num_devices()));
    for (const Place& place : Held(device, moment)) {
      examples.Append(place.device == device ? *own : *next, place.index);
    }
    return absl::OkStatus();
  }

  double DegreesOf(int device) const {
    if (!rotation_.has_value()) return 0;
    if (rotation_->groups > 0) {
      return 360.0 * (device % rotation_->groups) / rotation_->groups;
    }
    SeededRng rng = Rng("rotation", device);
    return rotation_->max_degrees * (2 * rng.Uniform() - 1);
  }

  // Turns example i as device_of(i) has it.
  template <typename DeviceOf>
  void Turn(const DeviceOf& device_of, const Moment& moment,
            ExampleBuffer& examples) const {
    const double drifted =
        drift_.has_value() ? drift_->rotation_degrees * ProgressAt(moment) : 0;
    if (!rotation_.has_value() && drifted == 0) return;
    std::vector<float> before(shape().num_features);
    for (int64_t i = 0; i < examples.num_examples(); ++i) {
      const double degrees = DegreesOf(device_of(i)) + drifted;
      if (degrees == 0) continue;
      const absl::Span<float> image = examples.features(i);
      std::copy(image.begin(), image.end(), before.begin());
      TurnImage(before, shape().image, degrees, image);
    }
  }

  void AddDriftNoise(absl::string_view purpose, int device,
                     const Moment& moment, ExampleBuffer& examples) const {
    const double variance =
        drift_.has_value() ? drift_->noise * ProgressAt(moment) : 0;
    if (variance > 0) AddNoise(variance, Rng(purpose, device), examples);
  }

  const std::unique_ptr<FederatedData> data_;
  const std::optional<FeatureNoise> noise_;
  const std::optional<Rotation> rotation_;
  const std::optional<Drift> drift_;
  const uint64_t seed_;
};

}  // namespace

double DriftProgress(const DriftSchedule& schedule, const Moment& moment) {
  const double passed =
      schedule.by_time
          ? absl::FDivDuration(moment.time - schedule.start_time,
                               schedule.duration)
          : static_cast<double>(moment.round - schedule.start_round) /
                static_cast<double>(schedule.num_rounds);
  if (passed < 0) return 0;
  switch (schedule.course) {
    case DriftSchedule::Course::kStep:
      return 1;
    case DriftSchedule::Course::kLinear:
      return std::min(passed, 1.0);
    case DriftSchedule::Course::kPeriodic:
      return (1 -
              std::cos(2 * std::numbers::pi * (passed - std::floor(passed)))) /
             2;
  }
  SHOAL_CHECK(false);
}

absl::StatusOr<std::unique_ptr<FederatedData>> MakeSkewed(
    std::unique_ptr<FederatedData> data, const Partition& partition,
    uint64_t seed) {
  SHOAL_RETURN_IF_ERROR(Check(partition, data->shape()));
  return std::make_unique<SkewedData>(std::move(data), partition, seed);
}

}  // namespace shoal::learning
