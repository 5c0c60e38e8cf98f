#include "simulations/federation.h"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learning/dataset.h"
#include "learning/device_memory.h"
#include "learning/initial_model.h"
#include "learning/model.h"
#include "learning/update_codec.h"
#include "tests/support/status_matchers.h"

namespace shoal::simulations {
namespace {

using ::shoal::testing::StatusIs;
using ::testing::HasSubstr;

constexpr int kFeatures = 4;
constexpr int kClasses = 3;

// Class c lies around the c-th unit vector.
std::unique_ptr<learning::Dataset> Blobs(int num_examples, uint64_t seed) {
  SeededRng rng(seed);
  std::vector<float> features;
  std::vector<int32_t> labels;
  for (int i = 0; i < num_examples; ++i) {
    const auto label = static_cast<int32_t>(rng.Below(kClasses));
    for (int f = 0; f < kFeatures; ++f) {
      features.push_back(
          static_cast<float>((f == label ? 1 : 0) + 0.3 * rng.Normal()));
    }
    labels.push_back(label);
  }
  return std::make_unique<learning::InMemoryDataset>(
      std::move(features), std::move(labels), kFeatures, kClasses);
}

class FederationTest : public ::testing::Test {
 protected:
  FederationTest() {
    for (int i = 0; i < 6; ++i) data_.push_back(Blobs(20 + 7 * i, 100 + i));
    options_.task.name = "blobs";
    options_.task.population = "test";
    options_.task.model.architecture =
        learning::MlpSpec{kFeatures, {8}, kClasses};
    options_.task.training = {
        .epochs = 2, .batch_size = 5, .learning_rate = 0.2};
    options_.task.round = {.cohort = 6,
                           .over_selection = 1,
                           .min_reports = 6,
                           .deadline = absl::Minutes(1)};
    options_.task.rounds = 5;
    for (const auto& data : data_) devices_.push_back(data.get());
  }

  absl::StatusOr<FederationResult> Run() {
    if (devices_.empty()) return RunFederation(options_);
    const InMemoryPopulation population(devices_, memory_bytes_);
    options_.population = &population;
    return RunFederation(options_);
  }

  double Accuracy(const std::string& bytes) {
    auto model = *learning::Model::Create(options_.task.model);
    auto stored = *learning::ParseModel(bytes);
    return learning::EvaluateDataset(*model, stored.parameters,
                                     *Blobs(500, 999))
        ->accuracy()
        .value();
  }

  std::vector<std::unique_ptr<learning::Dataset>> data_;
  std::vector<const learning::Dataset*> devices_;  // of data_
  std::vector<int64_t> memory_bytes_;
  FederationOptions options_;
};

// Half of the devices have room for a quarter of the hidden units only.
TEST_F(FederationTest, DevicesOfTwoSizesTrainOneModel) {
  options_.task.model.architecture =
      learning::MlpSpec{kFeatures, {64}, kClasses};
  options_.task.training.sub_model_widths = {0.5, 0.25};
  memory_bytes_ = {0, 3000, 0, 3000, 0, 3000};
  SHOAL_ASSERT_OK_AND_ASSIGN(const FederationResult mixed, Run());
  EXPECT_EQ(mixed.rounds_failed, 0);
  EXPECT_GT(Accuracy(mixed.final_model), 0.85);
  memory_bytes_.clear();
  SHOAL_ASSERT_OK_AND_ASSIGN(const FederationResult whole, Run());
  EXPECT_LT(mixed.bytes_up, whole.bytes_up * 3 / 4);
  EXPECT_NE(mixed.final_model, whole.final_model);
}

// Half of the devices have room for the last layer only.
TEST_F(FederationTest, DevicesThatTrainTheLastLayerAloneCountThereAlone) {
  options_.task.model.architecture =
      learning::MlpSpec{kFeatures, {64}, kClasses};
  options_.task.training.sub_model_layers = {1};
  const auto model = *learning::Model::Create(options_.task.model);
  learning::TrainingOptions training = options_.task.training;
  SHOAL_ASSERT_OK_AND_ASSIGN(const int64_t whole_bytes,
                             learning::LeastMemoryBytes(*model, training, 100));
  training.last_layers = 1;
  SHOAL_ASSERT_OK_AND_ASSIGN(const int64_t last_bytes,
                             learning::LeastMemoryBytes(*model, training, 100));
  ASSERT_LT(last_bytes, whole_bytes);
  memory_bytes_ = {0, last_bytes, 0, last_bytes, 0, last_bytes};
  SHOAL_ASSERT_OK_AND_ASSIGN(const FederationResult mixed, Run());
  EXPECT_EQ(mixed.rounds_failed, 0);
  EXPECT_GT(Accuracy(mixed.final_model), 0.85);
  memory_bytes_.clear();
  SHOAL_ASSERT_OK_AND_ASSIGN(const FederationResult whole, Run());
  EXPECT_LT(mixed.bytes_up, whole.bytes_up * 3 / 4);
}

// All devices do the same number of steps: dividing by it and multiplying by
// its mean changes nothing but the last bits.
TEST_F(FederationTest, FedNovaIsFedAvgWhereAllDoTheSameWork) {
  for (int i = 0; i < 6; ++i) {
    data_[i] = Blobs(30, 100 + i);
    devices_[i] = data_[i].get();
  }
  SHOAL_ASSERT_OK_AND_ASSIGN(const FederationResult average, Run());
  options_.task.algorithm = learning::FedNovaLocal{};
  SHOAL_ASSERT_OK_AND_ASSIGN(const FederationResult nova, Run());
  const auto first = *learning::ParseModel(average.final_model);
  const auto second = *learning::ParseModel(nova.final_model);
  for (size_t i = 0; i < first.parameters.size(); ++i) {
    EXPECT_NEAR(first.parameters[i], second.parameters[i], 1e-4) << i;
  }
}

TEST_F(FederationTest, TaskRunsToItsEndAndLearns) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const FederationResult result, Run());
  ASSERT_EQ(result.models.size(), 6u);
  for (size_t version = 0; version < result.models.size(); ++version) {
    EXPECT_EQ(result.models[version].version, static_cast<int64_t>(version));
    EXPECT_EQ(result.models[version].contributors, version == 0 ? 0 : 6);
  }
  EXPECT_EQ(result.rounds_failed, 0);
  EXPECT_EQ(Sha256(result.final_model), result.models.back().digest);
  EXPECT_GT(Accuracy(result.final_model), 0.9);
}

// With its first layer at random a model knows nothing of its device.
TEST_F(FederationTest, PrivateLayersOfDevicesAreThoseThatTheyTrained) {
  learning::LayerListSpec list;
  list.input = {kFeatures};
  list.layers = {{.kind = learning::DenseSpec{.units = 16}, .is_private = true},
                 {learning::DenseSpec{.units = kClasses}}};
  options_.task.model.architecture = list;
  options_.task.rounds = 10;
  SHOAL_ASSERT_OK_AND_ASSIGN(const FederationResult result, Run());
  ASSERT_EQ(result.private_values.size(), 6u);
  const auto model = *learning::Model::Create(options_.task.model);
  const auto stored = *learning::ParseModel(result.final_model);
  for (const auto& [device, own] : result.private_values) {
    learning::ParameterVector values = stored.parameters;
    values.insert(values.end(), own.begin(), own.end());
    SHOAL_ASSERT_OK_AND_ASSIGN(
        const learning::Score score,
        learning::EvaluateDataset(*model, values, *data_[device]));
    EXPECT_GT(score.accuracy().value(), 0.85) << device;
    EXPECT_NE(own, model->InitialPrivateValues());
  }
}

TEST_F(FederationTest, ModelsWithoutPrivateLayersLeaveNoneOnDevices) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const FederationResult result, Run());
  EXPECT_TRUE(result.private_values.empty());
}

TEST_F(FederationTest, SameOptionsLeadToTheSameModels) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const FederationResult first, Run());
  SHOAL_ASSERT_OK_AND_ASSIGN(const FederationResult second, Run());
  EXPECT_EQ(first.final_model, second.final_model);
  EXPECT_EQ(first.bytes_up, second.bytes_up);
  options_.seed = 1;
  SHOAL_ASSERT_OK_AND_ASSIGN(const FederationResult other, Run());
  EXPECT_NE(first.final_model, other.final_model);
}

TEST_F(FederationTest, EveryUpdateTravelsOnce) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const FederationResult result, Run());
  const int64_t parameters = result.models[0].num_parameters;
  EXPECT_EQ(result.bytes_up,
            5 * 6 *
                learning::EncodedUpdateBytes(learning::UpdateCodec::kFloat32,
                                             parameters));
  EXPECT_EQ(result.bytes_down, 5 * 6 * result.models[0].num_bytes);
}

TEST_F(FederationTest, TooFewDevicesEndAtTheTimeLimit) {
  devices_.resize(5);
  options_.time_limit = absl::Hours(1);
  EXPECT_THAT(Run().status(), StatusIs(absl::StatusCode::kDeadlineExceeded,
                                       HasSubstr("0 of 5 rounds")));
}

// Every device counts 0, 1, 2, 3, 4, 0, … from another number on.
TEST_F(FederationTest, SequencesAreLearnt) {
  data_.clear();
  devices_.clear();
  constexpr int kTokens = 5, kLength = 4;
  for (int device = 0; device < 6; ++device) {
    std::vector<float> features;
    std::vector<int32_t> labels;
    for (int i = 0; i < 10 * kLength; ++i) {
      features.push_back(static_cast<float>((device + i) % kTokens));
      labels.push_back((device + i + 1) % kTokens);
    }
    data_.push_back(std::make_unique<learning::InMemoryDataset>(
        learning::InMemoryDataset::WithSequences(std::move(features),
                                                 std::move(labels), kLength,
                                                 kLength, kTokens)));
    devices_.push_back(data_.back().get());
  }
  options_.task.model.architecture =
      learning::GruLanguageModelSpec{kTokens, kLength, 4, 8};
  options_.task.training.learning_rate = 2;
  options_.task.rounds = 10;
  SHOAL_ASSERT_OK_AND_ASSIGN(const FederationResult result, Run());
  EXPECT_EQ(result.rounds_failed, 0);
  const auto model = *learning::Model::Create(options_.task.model);
  const auto stored = *learning::ParseModel(result.final_model);
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const learning::Score score,
      learning::EvaluateDataset(*model, stored.parameters, *data_[0]));
  EXPECT_EQ(score.num_examples, 10 * kLength);
  EXPECT_EQ(score.accuracy(), 1);
}

// y = x / 1000 - 3, of one feature near a million whose mean is another on
// every device.
TEST_F(FederationTest, ValuesAreLearntFromStandardisedFeatures) {
  data_.clear();
  devices_.clear();
  for (int device = 0; device < 6; ++device) {
    std::vector<float> features, targets;
    for (int i = 0; i < 40; ++i) {
      features.push_back(static_cast<float>(1e6 + 1000 * device + 50 * i));
      targets.push_back(features.back() / 1000 - 3);
    }
    data_.push_back(std::make_unique<learning::InMemoryDataset>(
        learning::InMemoryDataset::WithTargets(std::move(features),
                                               std::move(targets), 1, 1)));
    devices_.push_back(data_.back().get());
  }
  options_.task.model.architecture = learning::LinearSpec{1, 1};
  options_.task.model.preprocessing.standardise = true;
  options_.task.training.learning_rate = 0.05;
  options_.task.rounds = 30;
  SHOAL_ASSERT_OK_AND_ASSIGN(const FederationResult result, Run());
  EXPECT_EQ(result.rounds_failed, 0);
  const auto model = *learning::Model::Create(options_.task.model);
  const auto stored = *learning::ParseModel(result.final_model);
  for (const auto& data : data_) {
    SHOAL_ASSERT_OK_AND_ASSIGN(
        const learning::Score score,
        learning::EvaluateDataset(*model, stored.parameters, *data));
    EXPECT_EQ(score.accuracy(), std::nullopt);
    EXPECT_LT(score.loss(), 0.01);  // of values that deviate by 1.8
  }
}

TEST_F(FederationTest, RoundsTellWhoseUpdatesTheyCount) {
  options_.task.round.cohort = 3;
  options_.task.round.min_reports = 3;
  std::map<std::string, int> counted;
  options_.on_round = [&](const RoundNews& news) {
    const auto ids = *news.contributors();
    EXPECT_EQ(ids.size(), 3u);
    for (const std::string& id : ids) ++counted[id];
    return absl::OkStatus();
  };
  SHOAL_ASSERT_OK_AND_ASSIGN(const FederationResult result, Run());
  for (const auto& [device, totals] : result.devices) {
    EXPECT_EQ(totals.contributions, counted[IdentityOf(device).id]) << device;
  }
}

// All send the same: the model moves by it, round after round.
TEST_F(FederationTest, CraftedUpdatesAreSentInPlaceOfTrainedOnes) {
  options_.crafted = [](int64_t, absl::Span<float> delta) {
    for (size_t i = 0; i < delta.size(); ++i) {
      delta[i] = i % 2 == 0 ? 0.5F : -0.25F;
    }
    return true;
  };
  SHOAL_ASSERT_OK_AND_ASSIGN(const FederationResult crafted, Run());
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const std::string initial,
      learning::MakeInitialModel(options_.task.model, options_.task.seed,
                                 nullptr));
  const auto before = *learning::ParseModel(initial);
  const auto after = *learning::ParseModel(crafted.final_model);
  for (size_t i = 0; i < before.parameters.size(); ++i) {
    EXPECT_NEAR(after.parameters[i] - before.parameters[i],
                i % 2 == 0 ? 2.5 : -1.25, 1e-5)
        << i;
  }
  options_.crafted = {};
  SHOAL_ASSERT_OK_AND_ASSIGN(const FederationResult trained, Run());
  EXPECT_EQ(crafted.simulated_time, trained.simulated_time);
  EXPECT_EQ(crafted.bytes_up, trained.bytes_up);
}

TEST_F(FederationTest, DevicesThatAreSaidNoToTrainAsEver) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const FederationResult trained, Run());
  options_.crafted = [](int64_t, absl::Span<float>) { return false; };
  SHOAL_ASSERT_OK_AND_ASSIGN(const FederationResult refused, Run());
  EXPECT_EQ(refused.final_model, trained.final_model);
}

TEST_F(FederationTest, NoDevicesAreRefused) {
  devices_.clear();
  EXPECT_THAT(Run().status(), StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace shoal::simulations
