#include "learning/data/workloads.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "learning/data/numpy_random.h"

namespace shoal::learning {
namespace {

constexpr int64_t kClasses = 10;
constexpr int64_t kFeatures = 60;  // of W1 and W4
constexpr int64_t kSide = 28;
constexpr int64_t kPixels = kSide * kSide;
constexpr int64_t kTrainImages = 60'000;
constexpr int64_t kTestImages = 2'000;

// The shape of what a dense layer reads, which other programs flatten with
// channels first.
struct Image {
  int64_t height = 1;
  int64_t width = 1;
  int64_t channels = 0;
};

// Initial weights: uniform within 1 / sqrt(inputs of a unit), drawn in the
// order [outputs, inputs] and weights before biases.
class InitialWeights {
 public:
  void AddDense(const Image& input, int64_t outputs) {
    const int64_t positions = input.height * input.width;
    const int64_t inputs = positions * input.channels;
    const size_t begin = values_.size();
    values_.resize(begin + inputs * outputs);
    for (int64_t output = 0; output < outputs; ++output) {
      for (int64_t channel = 0; channel < input.channels; ++channel) {
        for (int64_t position = 0; position < positions; ++position) {
          const int64_t row = position * input.channels + channel;
          values_[begin + row * outputs + output] = Draw(inputs);
        }
      }
    }
    AddBias(inputs, outputs);
  }

  void AddConvolution(int64_t kernel, int64_t channels, int64_t filters) {
    const int64_t area = kernel * kernel;
    const size_t begin = values_.size();
    values_.resize(begin + area * channels * filters);
    for (int64_t filter = 0; filter < filters; ++filter) {
      for (int64_t channel = 0; channel < channels; ++channel) {
        for (int64_t place = 0; place < area; ++place) {
          values_[begin + (place * channels + channel) * filters + filter] =
              Draw(area * channels);
        }
      }
    }
    AddBias(area * channels, filters);
  }

  ParameterVector Take() { return std::move(values_); }

 private:
  float Draw(int64_t inputs) {
    const double bound = 1 / std::sqrt(static_cast<double>(inputs));
    return static_cast<float>(random_.Uniform(-bound, bound));
  }
  void AddBias(int64_t inputs, int64_t outputs) {
    for (int64_t i = 0; i < outputs; ++i) values_.push_back(Draw(inputs));
  }

  NumpyRandom random_{7};
  ParameterVector values_;
};

std::vector<std::vector<int64_t>> DrawRounds(int64_t users, int64_t per_round,
                                             int64_t rounds) {
  NumpyRandom random(123);
  std::vector<std::vector<int64_t>> drawn;
  for (int64_t round = 0; round < rounds; ++round) {
    drawn.push_back(random.Permutation(users));
    drawn.back().resize(per_round);
  }
  return drawn;
}

std::vector<int64_t> EvenOffsets(int64_t users, int64_t examples) {
  std::vector<int64_t> offsets;
  for (int64_t user = 0; user <= users; ++user) {
    offsets.push_back(user * examples);
  }
  return offsets;
}

Workload LogisticWorkload(std::string name, int epochs) {
  InitialWeights weights;
  weights.AddDense({.channels = kFeatures}, kClasses);
  Workload workload;
  workload.name = std::move(name);
  workload.spec = {LogisticSpec{kFeatures, kClasses}};
  workload.epochs = epochs;
  workload.learning_rate = 0.01;
  workload.initial = weights.Take();
  return workload;
}

// Variances of Synthetic(1, 1) fall with the feature's number.
std::array<double, kFeatures> Deviations() {
  std::array<double, kFeatures> deviations;
  for (int64_t j = 0; j < kFeatures; ++j) {
    deviations[j] = std::sqrt(std::pow(static_cast<double>(j + 1), -1.2));
  }
  return deviations;
}

std::vector<double> Normals(NumpyRandom& random, double mean, int64_t size) {
  std::vector<double> values(size);
  for (double& value : values) value = random.Normal(mean, 1);
  return values;
}

// argmax(x W + b), W [features, classes].
int32_t ClassOf(absl::Span<const double> x, absl::Span<const double> weight,
                absl::Span<const double> bias) {
  std::array<double, kClasses> scores{};
  for (size_t j = 0; j < x.size(); ++j) {
    for (int64_t c = 0; c < kClasses; ++c) {
      scores[c] += x[j] * weight[j * kClasses + c];
    }
  }
  for (size_t c = 0; c < bias.size(); ++c) scores[c] += bias[c];
  return static_cast<int32_t>(std::max_element(scores.begin(), scores.end()) -
                              scores.begin());
}

// Images of one class are a template of 7 x 7 squares and noise.
struct Images {
  std::vector<float> features, test_features;
  std::vector<int32_t> labels, test_labels;
  std::vector<int64_t> w2_order, w3_order;
};

void DrawImages(NumpyRandom& random, absl::Span<const double> squares,
                int64_t per_class, std::vector<float>& features,
                std::vector<int32_t>& labels) {
  features.reserve(kClasses * per_class * kPixels);
  for (int64_t c = 0; c < kClasses; ++c) {
    for (int64_t i = 0; i < per_class; ++i) {
      labels.push_back(static_cast<int32_t>(c));
      for (int64_t pixel = 0; pixel < kPixels; ++pixel) {
        const int64_t row = pixel / kSide / 4;
        const int64_t column = pixel % kSide / 4;
        const double ink = squares[c * 49 + row * 7 + column] * .6 + .2;
        features.push_back(static_cast<float>(
            std::clamp(ink + random.Normal(0, .35), 0.0, 1.0)));
      }
    }
  }
}

// 200 shards of 300 images sorted by label, two for each user, shuffled.
std::vector<int64_t> ShardedOrder(NumpyRandom& random) {
  const std::vector<int64_t> shards = random.Permutation(200);
  std::vector<int64_t> order;
  for (size_t user = 0; user < 100; ++user) {
    std::vector<int64_t> examples;
    for (size_t k = 0; k < 2; ++k) {
      for (int64_t i = 0; i < 300; ++i) {
        examples.push_back(shards[2 * user + k] * 300 + i);
      }
    }
    random.Shuffle(examples);
    order.insert(order.end(), examples.begin(), examples.end());
  }
  return order;
}

Images MakeImages() {
  NumpyRandom random(1);
  std::array<double, kClasses * 49> squares;
  for (double& square : squares) square = random.Uniform();
  Images images;
  DrawImages(random, squares, kTrainImages / kClasses, images.features,
             images.labels);
  DrawImages(random, squares, kTestImages / kClasses, images.test_features,
             images.test_labels);
  images.w2_order = ShardedOrder(random);
  images.w3_order = random.Permutation(kTrainImages);
  return images;
}

void TakeImages(Images images, absl::Span<const int64_t> order,
                Workload& workload) {
  workload.features.reserve(images.features.size());
  for (const int64_t i : order) {
    const auto image = images.features.begin() + i * kPixels;
    workload.features.insert(workload.features.end(), image, image + kPixels);
    workload.labels.push_back(images.labels[i]);
  }
  workload.test_features = std::move(images.test_features);
  workload.test_labels = std::move(images.test_labels);
}

}  // namespace

Batch Workload::Slice(int64_t begin, int64_t end) const {
  const int64_t width = static_cast<int64_t>(features.size() / labels.size());
  return {absl::MakeConstSpan(features).subspan(begin * width,
                                                (end - begin) * width),
          absl::MakeConstSpan(labels).subspan(begin, end - begin),
          {},
          {}};
}

Workload MakeW1() {
  constexpr int64_t kUsers = 30;
  Workload workload = LogisticWorkload("W1", 20);
  NumpyRandom random(0);
  std::array<int64_t, kUsers> sizes;
  for (int64_t& size : sizes) {
    size = static_cast<int64_t>(std::exp(random.Normal(4, 2))) + 50;
  }
  const std::vector<double> model_means = Normals(random, 0, kUsers);
  const std::vector<double> feature_means = Normals(random, 0, kUsers);
  const std::array<double, kFeatures> deviations = Deviations();
  std::vector<std::vector<double>> centres;
  for (const double mean : feature_means) {
    centres.push_back(Normals(random, mean, kFeatures));
  }
  workload.offsets = {0};
  std::array<double, kFeatures> x;
  for (int64_t user = 0; user < kUsers; ++user) {
    const std::vector<double> weight =
        Normals(random, model_means[user], kFeatures * kClasses);
    const std::vector<double> bias =
        Normals(random, model_means[user], kClasses);
    const int64_t kept = static_cast<int64_t>(0.9 * sizes[user]);
    for (int64_t i = 0; i < sizes[user]; ++i) {
      for (int64_t j = 0; j < kFeatures; ++j) {
        x[j] = centres[user][j] + random.Normal(0, 1) * deviations[j];
      }
      (i < kept ? workload.labels : workload.test_labels)
          .push_back(ClassOf(x, weight, bias));
      auto& features = i < kept ? workload.features : workload.test_features;
      features.insert(features.end(), x.begin(), x.end());
    }
    workload.offsets.push_back(workload.offsets.back() + kept);
  }
  workload.rounds = DrawRounds(kUsers, 10, 400);
  return workload;
}

Workload MakeW2() {
  Workload workload;
  workload.name = "W2";
  workload.spec = {MlpSpec{kPixels, {200, 200}, kClasses}};
  workload.epochs = 5;
  workload.learning_rate = 0.05;
  workload.offsets = EvenOffsets(100, 600);
  workload.rounds = DrawRounds(100, 10, 200);
  InitialWeights weights;
  weights.AddDense({.channels = kPixels}, 200);
  weights.AddDense({.channels = 200}, 200);
  weights.AddDense({.channels = 200}, kClasses);
  workload.initial = weights.Take();
  Images images = MakeImages();
  const std::vector<int64_t> order = std::move(images.w2_order);
  TakeImages(std::move(images), order, workload);
  return workload;
}

Workload MakeW3() {
  Workload workload;
  workload.name = "W3";
  workload.spec = {CnnSpec{CnnPreset::kMcmahan, {kSide, kSide, 1}, kClasses}};
  workload.learning_rate = 0.05;
  workload.offsets = EvenOffsets(1000, 60);
  workload.rounds = DrawRounds(1000, 100, 50);
  InitialWeights weights;
  weights.AddConvolution(5, 1, 32);
  weights.AddConvolution(5, 32, 64);
  weights.AddDense({.height = 7, .width = 7, .channels = 64}, 512);
  weights.AddDense({.channels = 512}, kClasses);
  workload.initial = weights.Take();
  Images images = MakeImages();
  const std::vector<int64_t> order = std::move(images.w3_order);
  TakeImages(std::move(images), order, workload);
  return workload;
}

Workload MakeW4() {
  constexpr int64_t kUsers = 10'000;
  constexpr int64_t kExamples = 20;
  Workload workload = LogisticWorkload("W4", 1);
  NumpyRandom random(4);
  const std::array<double, kFeatures> deviations = Deviations();
  std::vector<double> x(kUsers * kExamples * kFeatures);
  for (size_t i = 0; i < x.size(); ++i) {
    x[i] = random.Normal(0, 1) * deviations[i % kFeatures];
  }
  const std::vector<double> weight = Normals(random, 0, kFeatures * kClasses);
  for (int64_t i = 0; i < kUsers * kExamples; ++i) {
    workload.labels.push_back(ClassOf(
        absl::MakeConstSpan(x).subspan(i * kFeatures, kFeatures), weight, {}));
  }
  workload.features.assign(x.begin(), x.end());
  workload.test_features.assign(x.begin(), x.begin() + 2000 * kFeatures);
  workload.test_labels.assign(workload.labels.begin(),
                              workload.labels.begin() + 2000);
  workload.offsets = EvenOffsets(kUsers, kExamples);
  workload.rounds = DrawRounds(kUsers, 1000, 20);
  return workload;
}

}  // namespace shoal::learning
