#include "aggregation/server_optimizer.h"

#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace shoal::aggregation {
namespace {

using ::shoal::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::unique_ptr<ServerOptimizer> Sgd(double learning_rate, double momentum,
                                     int64_t num_parameters) {
  return std::make_unique<ServerOptimizer>(
      MakeServerRule(configuration::SgdServerOptions{
          .learning_rate = learning_rate, .momentum = momentum}),
      num_parameters);
}

TEST(ServerOptimizerTest, PlainAveragingAddsTheMeanUpdate) {
  const auto optimizer = Sgd(1, 0, 2);
  std::vector<float> model = {1, -2};
  SHOAL_ASSERT_OK(
      optimizer->Step(std::vector<double>{0.5, 0.25}, absl::MakeSpan(model)));
  EXPECT_THAT(model, ElementsAre(1.5f, -1.75f));
}

TEST(ServerOptimizerTest, MomentumKeepsAVelocityAcrossSteps) {
  const auto optimizer = Sgd(0.5, 0.5, 1);
  std::vector<float> model = {0};
  // v = 2, w = 1; v = 0.5 * 2 + 2 = 3, w = 2.5; v = 1.5, w = 3.25.
  for (const double mean : {2.0, 2.0, 0.0}) {
    SHOAL_ASSERT_OK(
        optimizer->Step(std::vector<double>{mean}, absl::MakeSpan(model)));
  }
  EXPECT_THAT(model, ElementsAre(3.25f));
}

TEST(ServerOptimizerTest, SumIsRoundedOnceToFloat) {
  const auto optimizer = Sgd(1, 0, 1);
  std::vector<float> model = {1};
  // Half a unit in the last place of 1.0f and a little more: rounds up, which
  // an update that had been rounded to float first would not.
  SHOAL_ASSERT_OK(optimizer->Step(std::vector<double>{0x1p-24 + 0x1p-50},
                                  absl::MakeSpan(model)));
  EXPECT_THAT(model, ElementsAre(1 + 0x1p-23f));
}

TEST(ServerOptimizerTest, StepThatWouldNotBeFiniteChangesNothing) {
  const auto optimizer = Sgd(1, 0.9, 2);
  std::vector<float> model = {0, 1};
  SHOAL_ASSERT_OK(
      optimizer->Step(std::vector<double>{1, 1}, absl::MakeSpan(model)));
  const std::string state = optimizer->Serialize();
  EXPECT_THAT(
      optimizer->Step(std::vector<double>{1, 1e39}, absl::MakeSpan(model)),
      StatusIs(absl::StatusCode::kOutOfRange, HasSubstr("parameter 1")));
  EXPECT_THAT(model, ElementsAre(1, 2));
  EXPECT_EQ(optimizer->Serialize(), state);
}

TEST(ServerOptimizerTest, RestoredStateContinuesBitForBit) {
  const auto original = Sgd(0.3, 0.9, 3);
  std::vector<float> model = {0.1f, 0.2f, 0.3f};
  const std::vector<double> mean = {1.0 / 3, -1.0 / 7, 1e-9};
  SHOAL_ASSERT_OK(original->Step(mean, absl::MakeSpan(model)));
  const auto restored = Sgd(0.3, 0.9, 3);
  SHOAL_ASSERT_OK(restored->Restore(original->Serialize()));
  std::vector<float> copy = model;
  SHOAL_ASSERT_OK(original->Step(mean, absl::MakeSpan(model)));
  SHOAL_ASSERT_OK(restored->Step(mean, absl::MakeSpan(copy)));
  EXPECT_EQ(model, copy);
  EXPECT_EQ(restored->Serialize(), original->Serialize());
}

TEST(ServerOptimizerTest, EmptyStateIsTheInitialOne) {
  const auto optimizer = Sgd(1, 0.5, 1);
  const std::string initial = optimizer->Serialize();
  std::vector<float> model = {0};
  SHOAL_ASSERT_OK(
      optimizer->Step(std::vector<double>{1}, absl::MakeSpan(model)));
  EXPECT_NE(optimizer->Serialize(), initial);
  SHOAL_ASSERT_OK(optimizer->Restore(""));
  EXPECT_EQ(optimizer->Serialize(), initial);
}

TEST(ServerOptimizerTest, MalformedStateIsDataLossAndChangesNothing) {
  const auto optimizer = Sgd(1, 0.5, 2);
  const std::string good = optimizer->Serialize();
  for (size_t size = 1; size < good.size(); ++size) {
    EXPECT_THAT(optimizer->Restore(good.substr(0, size)),
                StatusIs(absl::StatusCode::kDataLoss))
        << size;
  }
  EXPECT_THAT(optimizer->Restore(good + "x"),
              StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(optimizer->Restore(Sgd(1, 0.5, 3)->Serialize()),
              StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(optimizer->Restore(Sgd(1, 0, 2)->Serialize()),
              StatusIs(absl::StatusCode::kDataLoss));
  std::string infinite = good;
  const double inf = std::numeric_limits<double>::infinity();
  std::memcpy(infinite.data() + infinite.size() - sizeof inf, &inf, sizeof inf);
  EXPECT_THAT(optimizer->Restore(infinite),
              StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_EQ(optimizer->Serialize(), good);
}

}  // namespace
}  // namespace shoal::aggregation
