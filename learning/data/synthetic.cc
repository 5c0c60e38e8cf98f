#include "learning/data/synthetic.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "base/check.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "learning/data/numpy_random.h"
#include "learning/data/python_random.h"

namespace shoal::learning {
namespace {

constexpr int64_t kFeatures = 60;
constexpr int64_t kClasses = 10;
constexpr double kMaxSpread = 1e6;

// Draws from N(0, 1): NumPy's, or ours.
using Normals = absl::FunctionRef<double()>;

// y = argmax(x W + b).
struct LinearModel {
  std::array<double, kFeatures * kClasses> weight;  // [features, classes]
  std::array<double, kClasses> bias;

  static LinearModel Draw(double mean, Normals normal) {
    LinearModel model;
    for (double& value : model.weight) value = mean + normal();
    for (double& value : model.bias) value = mean + normal();
    return model;
  }

  int32_t ClassOf(absl::Span<const double> x) const {
    std::array<double, kClasses> scores{};
    for (int64_t j = 0; j < kFeatures; ++j) {
      for (int64_t c = 0; c < kClasses; ++c) {
        scores[c] += x[j] * weight[j * kClasses + c];
      }
    }
    for (int64_t c = 0; c < kClasses; ++c) scores[c] += bias[c];
    return static_cast<int32_t>(std::max_element(scores.begin(), scores.end()) -
                                scores.begin());
  }
};

const std::array<double, kFeatures>& Deviations() {
  static const std::array<double, kFeatures> deviations = [] {
    std::array<double, kFeatures> made;
    for (int64_t j = 0; j < kFeatures; ++j) {
      made[j] = std::sqrt(std::pow(static_cast<double>(j + 1), -1.2));
    }
    return made;
  }();
  return deviations;
}

int64_t DrawSize(Normals normal) {
  return static_cast<int64_t>(std::exp(4 + 2 * normal())) + 50;
}

int64_t TrainSize(int64_t size) {
  return static_cast<int64_t>(0.9 * static_cast<double>(size));
}

using Means = std::array<double, kFeatures>;

Means DrawMeans(double centre, Normals normal) {
  Means means;
  for (double& mean : means) mean = centre + normal();
  return means;
}

// Calls `take` with the features, which it may read until it returns, and the
// class of one example after the other.
void DrawExamples(
    const LinearModel& model, const Means& means, int64_t size, Normals normal,
    absl::FunctionRef<void(int64_t, absl::Span<const double>)> take) {
  std::array<double, kFeatures> x;
  for (int64_t i = 0; i < size; ++i) {
    for (int64_t j = 0; j < kFeatures; ++j) {
      x[j] = normal() * Deviations()[j] + means[j];
    }
    take(model.ClassOf(x), x);
  }
}

// What a device's examples are drawn from.
struct Drawn {
  std::vector<float> features;  // [size, kFeatures]
  std::vector<int32_t> labels;

  void Draw(const LinearModel& model, const Means& means, int64_t size,
            Normals normal) {
    features.reserve(size * kFeatures);
    labels.reserve(size);
    DrawExamples(model, means, size, normal,
                 [&](int64_t label, absl::Span<const double> x) {
                   features.insert(features.end(), x.begin(), x.end());
                   labels.push_back(static_cast<int32_t>(label));
                 });
  }
};

// The examples of one device, in the order in which they are shuffled.
struct ShuffledDevice {
  Drawn drawn;
  std::vector<int64_t> order;
};

// How the devices of a federation come about.
class Generator {
 public:
  virtual ~Generator() = default;
  virtual int num_devices() const = 0;
  virtual int64_t Size(int device) const = 0;
  virtual ShuffledDevice Draw(int device) const = 0;
};

// As the published program does.
class PublishedGenerator final : public Generator {
 public:
  PublishedGenerator(const SyntheticSource& source, int num_devices) {
    NumpyRandom numpy(static_cast<uint32_t>(source.seed));
    const auto normal = [&] { return numpy.Normal(0, 1); };
    devices_.resize(num_devices);
    for (Device& device : devices_) device.size = DrawSize(normal);
    if (source.iid) {
      shared_ = LinearModel::Draw(0, normal);
    } else {
      for (Device& device : devices_) {
        device.model_mean = source.alpha * normal();
      }
      std::vector<double> centres(num_devices);
      for (double& centre : centres) centre = source.beta * normal();
      for (int i = 0; i < num_devices; ++i) {
        devices_[i].means = DrawMeans(centres[i], normal);
      }
    }
    PythonRandom python(static_cast<uint32_t>(source.seed));
    for (Device& device : devices_) {
      device.numpy = numpy;
      device.python = python;
      if (!shared_.has_value()) LinearModel::Draw(0, normal);
      for (int64_t i = 0; i < device.size * kFeatures; ++i) normal();
      python.ShuffledRange(device.size);
    }
  }

  int num_devices() const override { return static_cast<int>(devices_.size()); }
  int64_t Size(int device) const override { return devices_[device].size; }
  ShuffledDevice Draw(int number) const override {
    const Device& device = devices_[number];
    NumpyRandom numpy = device.numpy;
    PythonRandom python = device.python;
    const auto normal = [&] { return numpy.Normal(0, 1); };
    ShuffledDevice made;
    const LinearModel model =
        shared_.has_value() ? *shared_
                            : LinearModel::Draw(device.model_mean, normal);
    made.drawn.Draw(model, device.means, device.size, normal);
    made.order = python.ShuffledRange(device.size);
    return made;
  }

 private:
  struct Device {
    int64_t size = 0;
    double model_mean = 0;
    Means means{};
    NumpyRandom numpy{0};  // where its examples begin
    PythonRandom python{0};
  };

  std::vector<Device> devices_;
  std::optional<LinearModel> shared_;
};

// Every device by itself.
class SeparateGenerator final : public Generator {
 public:
  SeparateGenerator(const SyntheticSource& source, int num_devices)
      : source_(source), num_devices_(num_devices) {
    if (!source.iid) return;
    SeededRng rng(DeriveSeed(source.seed, "synthetic model"));
    shared_ = LinearModel::Draw(0, [&] { return rng.Normal(); });
  }

  int num_devices() const override { return num_devices_; }
  int64_t Size(int device) const override {
    SeededRng rng = RngOf("synthetic size", device);
    return DrawSize([&] { return rng.Normal(); });
  }
  ShuffledDevice Draw(int device) const override {
    SeededRng rng = RngOf("synthetic device", device);
    const auto normal = [&] { return rng.Normal(); };
    ShuffledDevice made;
    const int64_t size = Size(device);
    if (shared_.has_value()) {
      made.drawn.Draw(*shared_, Means{}, size, normal);
    } else {
      const LinearModel model =
          LinearModel::Draw(source_.alpha * normal(), normal);
      const double centre = source_.beta * normal();
      made.drawn.Draw(model, DrawMeans(centre, normal), size, normal);
    }
    made.order.resize(size);
    for (int64_t i = 0; i < size; ++i) made.order[i] = i;
    rng.Shuffle(absl::MakeSpan(made.order));
    return made;
  }

 private:
  SeededRng RngOf(absl::string_view purpose, int device) const {
    return SeededRng(
        DeriveSeed(source_.seed, purpose, {static_cast<uint64_t>(device)}));
  }

  const SyntheticSource source_;
  const int num_devices_;
  std::optional<LinearModel> shared_;
};

class SyntheticData final : public FederatedData {
 public:
  explicit SyntheticData(std::unique_ptr<Generator> generator)
      : generator_(std::move(generator)) {
    shape_.num_features = kFeatures;
    shape_.num_classes = kClasses;
    shape_.natural_is_default = true;
  }

  const DataShape& shape() const override { return shape_; }
  int num_devices() const override { return generator_->num_devices(); }
  int64_t num_device_examples(int device) const override {
    SHOAL_CHECK(device >= 0 && device < num_devices());
    return TrainSize(generator_->Size(device));
  }
  absl::StatusOr<std::unique_ptr<Dataset>> LoadDevice(
      int device) const override {
    Drawn taken;
    Take(device, /*held_out=*/false, taken);
    return Bind(std::move(taken));
  }
  absl::StatusOr<std::unique_ptr<Dataset>> LoadTest() const override {
    Drawn taken;
    const int64_t count = std::min(num_devices(), kSyntheticTestDevices);
    for (int64_t i = 0; i < count; ++i) {
      Take(static_cast<int>(i * num_devices() / count), /*held_out=*/true,
           taken);
    }
    return Bind(std::move(taken));
  }
  bool has_device_tests() const override { return true; }
  absl::StatusOr<std::unique_ptr<Dataset>> LoadDeviceTest(
      int device) const override {
    Drawn taken;
    Take(device, /*held_out=*/true, taken);
    return Bind(std::move(taken));
  }

 private:
  // Adds one part of a device's examples to `taken`.
  void Take(int device, bool held_out, Drawn& taken) const {
    SHOAL_CHECK(device >= 0 && device < num_devices());
    const ShuffledDevice made = generator_->Draw(device);
    const int64_t size = static_cast<int64_t>(made.order.size());
    const int64_t begin = held_out ? TrainSize(size) : 0;
    const int64_t end = held_out ? size : TrainSize(size);
    for (int64_t i = begin; i < end; ++i) {
      const auto x = made.drawn.features.begin() + made.order[i] * kFeatures;
      taken.features.insert(taken.features.end(), x, x + kFeatures);
      taken.labels.push_back(made.drawn.labels[made.order[i]]);
    }
  }

  static std::unique_ptr<Dataset> Bind(Drawn taken) {
    return std::make_unique<InMemoryDataset>(std::move(taken.features),
                                             std::move(taken.labels), kFeatures,
                                             kClasses);
  }

  const std::unique_ptr<Generator> generator_;
  DataShape shape_;
};

absl::Status CheckSpread(absl::string_view name, double value, bool iid) {
  if (iid && value != 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "synthetic data with iid have the ", name, " ", value, ", expected 0"));
  }
  if (value >= 0 && value <= kMaxSpread) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "the ", name, " of synthetic data is ", value, ", expected 0 to 1e6"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<FederatedData>> OpenSynthetic(
    const SyntheticSource& source, int num_devices) {
  SHOAL_RETURN_IF_ERROR(CheckSpread("alpha", source.alpha, source.iid));
  SHOAL_RETURN_IF_ERROR(CheckSpread("beta", source.beta, source.iid));
  if (source.seed > UINT32_MAX) {
    return absl::InvalidArgumentError(
        absl::StrCat("the seed of synthetic data is ", source.seed,
                     ", expected at most ", UINT32_MAX));
  }
  std::unique_ptr<Generator> generator;
  if (num_devices <= kPublishedSyntheticDevices) {
    generator = std::make_unique<PublishedGenerator>(source, num_devices);
  } else {
    generator = std::make_unique<SeparateGenerator>(source, num_devices);
  }
  return std::make_unique<SyntheticData>(std::move(generator));
}

}  // namespace shoal::learning
