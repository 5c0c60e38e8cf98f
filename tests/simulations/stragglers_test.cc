#include "simulations/stragglers.h"

#include <map>
#include <memory>
#include <set>
#include <vector>

#include "gtest/gtest.h"
#include "learning/dataset.h"
#include "simulations/federation.h"
#include "tests/support/status_matchers.h"

namespace shoal::simulations {
namespace {

constexpr StragglerOptions kHalf = {.fraction = 0.5,
                                    .min_epochs = 1,
                                    .max_epochs = 19,
                                    .devices_per_round = 10,
                                    .seed = 3};

int CountOf(StragglerRule& rule, int64_t round, int devices) {
  int stragglers = 0;
  for (int i = 0; i < devices; ++i) stragglers += rule(round, i).has_value();
  return stragglers;
}

TEST(StragglersTest, EveryRoundHasAsManyAsSaid) {
  for (const auto& [fraction, expected] :
       std::map<double, int>{{0, 0}, {0.44, 4}, {0.5, 5}, {0.9, 9}, {1, 10}}) {
    StragglerOptions options = kHalf;
    options.fraction = fraction;
    StragglerRule rule = MakeStragglers(options);
    for (int64_t round = 1; round <= 100; ++round) {
      EXPECT_EQ(CountOf(rule, round, 10), expected) << fraction;
    }
  }
}

TEST(StragglersTest, RoundsThatOverlapDoNotDisturbEachOther) {
  StragglerRule alone = MakeStragglers(kHalf);
  StragglerRule mixed = MakeStragglers(kHalf);
  for (int place = 0; place < 10; ++place) {
    const auto expected = alone(7, place);
    const auto found = mixed(7, 100 + place);
    EXPECT_EQ(expected.has_value(), found.has_value());
    EXPECT_EQ(expected.value_or(Straggling{0}).epochs,
              found.value_or(Straggling{0}).epochs);
    mixed(8, place);
  }
}

TEST(StragglersTest, PlacesOfOthersAreCountedAnew) {
  StragglerRule rule = MakeStragglers(kHalf);
  EXPECT_EQ(CountOf(rule, 1, 20), 10);
}

TEST(StragglersTest, WhoBeginsAgainIsWhatItWas) {
  StragglerRule rule = MakeStragglers(kHalf);
  for (int64_t device = 0; device < 10; ++device) {
    const auto first = rule(1, device);
    const auto second = rule(1, device);
    ASSERT_EQ(first.has_value(), second.has_value());
    EXPECT_EQ(first.value_or(Straggling{0}).epochs,
              second.value_or(Straggling{0}).epochs);
  }
  EXPECT_EQ(CountOf(rule, 1, 10), 5);
}

TEST(StragglersTest, EpochsAreUniformAndPlacesAlike) {
  StragglerRule rule = MakeStragglers(kHalf);
  constexpr int kRounds = 4000;
  std::vector<double> epochs(20), places(10);
  for (int64_t round = 1; round <= kRounds; ++round) {
    for (int place = 0; place < 10; ++place) {
      const auto straggling = rule(round, place);
      if (!straggling.has_value()) continue;
      ASSERT_GE(straggling->epochs, 1);
      ASSERT_LE(straggling->epochs, 19);
      ++epochs[straggling->epochs];
      ++places[place];
    }
  }
  const auto chi_square = [](const std::vector<double>& counts, size_t begin) {
    const double expected = kRounds * 5.0 / (counts.size() - begin);
    double sum = 0;
    for (size_t i = begin; i < counts.size(); ++i) {
      sum += (counts[i] - expected) * (counts[i] - expected) / expected;
    }
    return sum;
  };
  // 18 and 9 degrees of freedom (of places fewer, since each round has five):
  // beyond 64 and 46 less than once in a million.
  EXPECT_LT(chi_square(epochs, 1), 64);
  EXPECT_LT(chi_square(places, 0), 46);
}

// Ten devices of 20 examples, four epochs of ten batches, five stragglers.
class StragglersInAFederationTest : public ::testing::Test {
 protected:
  StragglersInAFederationTest() {
    for (int i = 0; i < 10; ++i) {
      std::vector<float> features(40, 0.1f * static_cast<float>(i));
      std::vector<int32_t> labels;
      for (int k = 0; k < 20; ++k) labels.push_back((i + k) % 2);
      data_.push_back(std::make_unique<learning::InMemoryDataset>(
          std::move(features), std::move(labels), 2, 2));
      devices_.push_back(data_.back().get());
    }
    options_.task.name = "stragglers";
    options_.task.population = "test";
    options_.task.model.architecture = learning::LogisticSpec{2, 2};
    options_.task.training = {
        .epochs = 4, .batch_size = 2, .learning_rate = 0.1};
    options_.task.round = {.cohort = 10,
                           .over_selection = 1,
                           .min_reports = 5,
                           .deadline = absl::Minutes(5)};
    options_.task.rounds = 3;
    options_.schedule = {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}};
  }

  FederationResult Run(bool drop) {
    const InMemoryPopulation population(devices_);
    options_.population = &population;
    StragglerOptions stragglers = kHalf;
    stragglers.max_epochs = 1;
    stragglers.drop = drop;
    options_.straggler = MakeStragglers(stragglers);
    auto result = RunFederation(options_);
    EXPECT_THAT(result, testing::IsOk());
    return *std::move(result);
  }

  std::vector<std::unique_ptr<learning::Dataset>> data_;
  std::vector<const learning::Dataset*> devices_;
  FederationOptions options_;
};

TEST_F(StragglersInAFederationTest, PartialWorkCounts) {
  const FederationResult result = Run(/*drop=*/false);
  int64_t steps = 0;
  for (const auto& [device, totals] : result.devices) steps += totals.steps;
  EXPECT_EQ(steps, 3 * (5 * 40 + 5 * 10));
  for (const auto& [round, outcomes] : result.outcomes) {
    EXPECT_EQ(outcomes, (RoundOutcomes{{"contributed", 10}}));
  }
  EXPECT_LT(result.simulated_time, absl::Minutes(5));
}

TEST_F(StragglersInAFederationTest, DroppedOnesAreAwaitedUntilTheDeadline) {
  const FederationResult result = Run(/*drop=*/true);
  EXPECT_EQ(result.rounds_failed, 0);
  for (const auto& [round, outcomes] : result.outcomes) {
    EXPECT_EQ(outcomes, (RoundOutcomes{{"contributed", 5}, {"vanished", 5}}));
  }
  EXPECT_GE(result.simulated_time, 3 * absl::Minutes(5));
  EXPECT_EQ(result.trainings.num_trainings, 3 * 5);
}

}  // namespace
}  // namespace shoal::simulations
