// What every algorithm's server half keeps to. A new one is one line in the
// table at the end.
#include <algorithm>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "aggregation/accumulator.h"
#include "aggregation/server_algorithm.h"
#include "aggregation/update_validation.h"
#include "base/random.h"
#include "configuration/task.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learning/update_codec.h"
#include "tests/support/status_matchers.h"

namespace shoal::aggregation {
namespace {

using ::shoal::testing::StatusIs;
using ::testing::FloatEq;
using ::testing::Pointwise;

constexpr int kParameters = 7;
constexpr FixedPointRange kRange = {1000, 100, 50};

struct Case {
  std::string name;
  learning::LocalAlgorithm algorithm;
  configuration::ServerOptimizerOptions optimizer = {};
  configuration::Weighting weighting = configuration::Weighting::kExamples;
};

struct Version {
  std::vector<float> parameters;
  std::vector<float> control;
  friend bool operator==(const Version&, const Version&) = default;
};

// An update as a device sends it.
struct Sent {
  std::vector<float> values;
  int64_t num_examples = 1;
  int64_t num_steps = 1;
};

class AlgorithmConformanceTest : public ::testing::TestWithParam<Case> {
 protected:
  AlgorithmConformanceTest() {
    task_.algorithm = GetParam().algorithm;
    task_.server_optimizer = GetParam().optimizer;
    task_.round.weighting = GetParam().weighting;
    task_.training.batch_size = 4;
    version_.parameters = {1, -2, 0.5, 0, 3, -0.25, 8};
    if (traits_.num_vectors == 2) {
      version_.control = {0.1, 0.2, -0.3, 0, 0.5, 0.6, -0.7};
    }
  }

  std::unique_ptr<ServerAlgorithm> Make() const {
    return MakeServerAlgorithm(task_, kParameters);
  }

  std::vector<float> Values(uint64_t seed) const {
    SeededRng rng(seed);
    std::vector<float> values(traits_.num_vectors * kParameters);
    for (float& value : values) value = static_cast<float>(rng.Normal());
    return values;
  }

  absl::StatusOr<ValidUpdate> Validate(const std::string& bytes) const {
    UpdateBounds bounds;
    bounds.num_parameters = {traits_.num_vectors * kParameters};
    bounds.norm_bound = kRange.norm_bound;
    bounds.max_examples = kRange.max_weight;
    bounds.uniform_weights =
        task_.round.weighting == configuration::Weighting::kUniform;
    if (std::holds_alternative<learning::FedNovaLocal>(task_.algorithm)) {
      bounds.divided_steps = &task_.training;
    }
    return ValidateUpdate(bytes, bounds);
  }

  static std::string Encode(const Sent& sent) {
    learning::UpdateReport report;
    report.num_examples = sent.num_examples;
    report.num_steps = sent.num_steps;
    return learning::EncodeUpdate(learning::UpdateCodec::kFloat32, report,
                                  sent.values);
  }

  // A round with these updates, in this order.
  absl::Status Round(const std::vector<Sent>& updates,
                     ServerAlgorithm& algorithm, Version& version) const {
    const int num_values = traits_.num_vectors * kParameters;
    Accumulator sum(kRange, num_values);
    for (const Sent& sent : updates) {
      const std::string bytes = Encode(sent);
      const auto update = Validate(bytes);
      EXPECT_THAT(update, testing::IsOk());
      sum.Add({{update->decoded.delta, update->weight, update->decoded.report}},
              nullptr);
    }
    std::vector<double> mean(num_values);
    sum.Mean(absl::MakeSpan(mean));
    return algorithm.Step({mean, static_cast<int64_t>(updates.size())},
                          absl::MakeSpan(version.parameters),
                          absl::MakeSpan(version.control));
  }

  std::vector<Sent> SomeUpdates(uint64_t seed) const {
    std::vector<Sent> updates;
    for (int k = 0; k < 9; ++k) {
      updates.push_back({Values(10 * seed + k), 5 + 3 * k, 1 + k % 2});
    }
    return updates;
  }

  const learning::AlgorithmTraits traits_ =
      learning::TraitsOf(GetParam().algorithm);
  configuration::Task task_;
  Version version_;
};

TEST_P(AlgorithmConformanceTest, UpdatesOfZeroLeaveTheModel) {
  const auto algorithm = Make();
  const Version before = version_;
  const std::vector<float> zero(traits_.num_vectors * kParameters);
  for (int round = 0; round < 3; ++round) {
    SHOAL_ASSERT_OK(Round({{zero, 3, 1}, {zero, 9, 2}}, *algorithm, version_));
  }
  EXPECT_EQ(version_, before);
}

// Whatever it weighs, the mean of one update is that update.
TEST_P(AlgorithmConformanceTest, OfOneDeviceTheMeanIsItsOwnUpdate) {
  const std::vector<float> values = Values(1);
  const std::vector<double> exact(values.begin(), values.end());
  Version expected = version_;
  SHOAL_ASSERT_OK(Make()->Step({exact, 1}, absl::MakeSpan(expected.parameters),
                               absl::MakeSpan(expected.control)));
  SHOAL_ASSERT_OK(Round({{values, 11, 3}}, *Make(), version_));
  EXPECT_THAT(version_.parameters, Pointwise(FloatEq(), expected.parameters));
  EXPECT_THAT(version_.control, Pointwise(FloatEq(), expected.control));
}

TEST_P(AlgorithmConformanceTest, OrderOfArrivalChangesNoBit) {
  std::vector<Sent> updates = SomeUpdates(1);
  Version first = version_;
  SHOAL_ASSERT_OK(Round(updates, *Make(), first));
  EXPECT_NE(first, version_);
  SeededRng rng(5);
  for (int i = 0; i < 10; ++i) {
    rng.Shuffle(absl::MakeSpan(updates));
    Version other = version_;
    SHOAL_ASSERT_OK(Round(updates, *Make(), other));
    EXPECT_EQ(other, first);
  }
}

TEST_P(AlgorithmConformanceTest, ARunInTwoPartsIsTheRunInOne) {
  const auto whole = Make();
  Version version = version_;
  Version split = version_;
  std::string state;
  for (int round = 0; round < 6; ++round) {
    SHOAL_ASSERT_OK(Round(SomeUpdates(round), *whole, version));
    const auto restarted = Make();
    SHOAL_ASSERT_OK(restarted->Restore(state));
    SHOAL_ASSERT_OK(Round(SomeUpdates(round), *restarted, split));
    state = restarted->Serialize();
    EXPECT_EQ(split, version) << "round " << round;
    EXPECT_EQ(state, whole->Serialize());
  }
}

TEST_P(AlgorithmConformanceTest, NoStateIsTheInitialOne) {
  const auto algorithm = Make();
  const std::string initial = algorithm->Serialize();
  Version version = version_;
  SHOAL_ASSERT_OK(Round(SomeUpdates(1), *algorithm, version));
  SHOAL_ASSERT_OK(algorithm->Restore(""));
  EXPECT_EQ(algorithm->Serialize(), initial);
}

TEST_P(AlgorithmConformanceTest, DamagedStateIsDataLossAndChangesNothing) {
  const auto algorithm = Make();
  Version version = version_;
  SHOAL_ASSERT_OK(Round(SomeUpdates(1), *algorithm, version));
  const std::string state = algorithm->Serialize();
  std::vector<std::string> damaged = {state + "x", "SHSO", "nonsense"};
  for (size_t size = 1; size < state.size(); ++size) {
    damaged.push_back(state.substr(0, size));
  }
  for (size_t i = 0; i < std::min<size_t>(state.size(), 20); ++i) {
    damaged.push_back(state);
    damaged.back()[i] = static_cast<char>(damaged.back()[i] ^ 0x55);
  }
  for (const std::string& bytes : damaged) {
    EXPECT_THAT(algorithm->Restore(bytes),
                StatusIs(absl::StatusCode::kDataLoss));
  }
  EXPECT_EQ(algorithm->Serialize(), state);
}

TEST_P(AlgorithmConformanceTest, StepThatWouldNotBeFiniteChangesNothing) {
  const auto algorithm = Make();
  SHOAL_ASSERT_OK(Round(SomeUpdates(1), *algorithm, version_));
  const std::string state = algorithm->Serialize();
  const Version before = version_;
  for (int place = 0; place < traits_.num_vectors * kParameters; ++place) {
    std::vector<double> mean(traits_.num_vectors * kParameters, 0.5);
    mean[place] = std::numeric_limits<double>::max();
    EXPECT_THAT(algorithm->Step({mean, 50}, absl::MakeSpan(version_.parameters),
                                absl::MakeSpan(version_.control)),
                StatusIs(absl::StatusCode::kOutOfRange))
        << place;
  }
  EXPECT_EQ(version_, before);
  EXPECT_EQ(algorithm->Serialize(), state);
}

TEST_P(AlgorithmConformanceTest, UpdatesThatAreNotFiniteAreRefused) {
  for (int place = 0; place < traits_.num_vectors * kParameters; ++place) {
    Sent sent = {Values(1), 5, 2};
    sent.values[place] = std::numeric_limits<float>::quiet_NaN();
    EXPECT_FALSE(Validate(Encode(sent)).ok()) << place;
  }
}

// A device that has stopped after one of many steps counts.
TEST_P(AlgorithmConformanceTest, PartialWorkIsAccepted) {
  const Sent part = {Values(1), 100, 1};
  EXPECT_THAT(Validate(Encode(part)), testing::IsOk());
}

INSTANTIATE_TEST_SUITE_P(
    All, AlgorithmConformanceTest,
    ::testing::Values(
        Case{"FedAvg", learning::FedAvgLocal{}},
        Case{"FedAvgUniform", learning::FedAvgLocal{},
             configuration::SgdServerOptions{},
             configuration::Weighting::kUniform},
        Case{"FedProx", learning::FedProxLocal{0.1}},
        Case{"FedNova", learning::FedNovaLocal{}},
        Case{"FedSgd", learning::FedSgdLocal{}},
        Case{"FedAvgM", learning::FedAvgLocal{},
             configuration::SgdServerOptions{.momentum = 0.9}},
        Case{
            "FedAvgMNesterov", learning::FedAvgLocal{},
            configuration::SgdServerOptions{.momentum = 0.9, .nesterov = true}},
        Case{"FedAdagrad", learning::FedAvgLocal{},
             configuration::AdagradServerOptions{.learning_rate = 0.1}},
        Case{"FedAdam", learning::FedAvgLocal{},
             configuration::AdamServerOptions{.learning_rate = 0.1}},
        Case{"FedYogi", learning::FedAvgLocal{},
             configuration::YogiServerOptions{.learning_rate = 0.1}},
        Case{"ScaffoldOptionI", learning::ScaffoldLocal{60, 1},
             configuration::SgdServerOptions{},
             configuration::Weighting::kUniform},
        Case{"ScaffoldOptionII", learning::ScaffoldLocal{60, 2},
             configuration::SgdServerOptions{},
             configuration::Weighting::kUniform}),
    [](const ::testing::TestParamInfo<Case>& info) { return info.param.name; });

}  // namespace
}  // namespace shoal::aggregation
