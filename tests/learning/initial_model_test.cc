#include "learning/initial_model.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learning/model.h"
#include "tests/support/status_matchers.h"

namespace shoal::learning {
namespace {

using ::shoal::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

const PreprocessingSpec kStandardise = {.standardise = true};

FeatureStatistics Of(int64_t num_features, const std::vector<float>& values) {
  FeatureStatistics statistics(num_features);
  statistics.Add(values);
  return statistics;
}

// The values of one tensor.
std::vector<float> Tensor(const std::string& bytes, absl::string_view name) {
  const StoredModel model = ParseModel(bytes).value();
  for (size_t i = 0; i < model.layout.tensors().size(); ++i) {
    const TensorShape& tensor = model.layout.tensors()[i];
    if (tensor.name != name) continue;
    const auto begin = model.parameters.begin() + model.layout.offset(i);
    return {begin, begin + tensor.num_values()};
  }
  return {};
}

TEST(InitialModelTest, WeightsAreThoseOfTheSeed) {
  const ModelSpec plain = {MlpSpec{2, {3}, 2}};
  ModelSpec standardising = plain;
  standardising.preprocessing = kStandardise;
  const FeatureStatistics statistics = Of(2, {1, 10, 3, 30});
  SHOAL_ASSERT_OK_AND_ASSIGN(const std::string first,
                             MakeInitialModel(plain, 7, nullptr));
  SHOAL_ASSERT_OK_AND_ASSIGN(const std::string other,
                             MakeInitialModel(plain, 8, nullptr));
  SHOAL_ASSERT_OK_AND_ASSIGN(const std::string with_statistics,
                             MakeInitialModel(standardising, 7, &statistics));
  EXPECT_NE(Tensor(first, "dense1.weight"), Tensor(other, "dense1.weight"));
  EXPECT_EQ(Tensor(first, "dense1.weight"),
            Tensor(with_statistics, "dense1.weight"));
}

TEST(InitialModelTest, StatisticsOfFeaturesBecomeMeanAndDeviation) {
  const FeatureStatistics statistics = Of(2, {1, 10, 3, 30});
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const std::string model,
      MakeInitialModel({LinearSpec{2, 1}, kStandardise}, 1, &statistics));
  EXPECT_THAT(Tensor(model, "input.mean"), ElementsAre(2, 20));
  EXPECT_THAT(Tensor(model, "input.deviation"), ElementsAre(1, 10));
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const std::string imputing,
      MakeInitialModel({LinearSpec{2, 1}, {.impute = true}}, 1, &statistics));
  EXPECT_THAT(Tensor(imputing, "input.mean"), ElementsAre(2, 20));
}

TEST(InitialModelTest, StatisticsOfEveryValueAreTakenTogetherByChannel) {
  LayerListSpec list;
  list.input = {2, 3};  // positions, channels
  list.layers = {{FlattenSpec{}}, {DenseSpec{.units = 2}}};
  const std::vector<float> values = {1, 2, 3, 5, 6, 7, 0, 1, 0, 4, 4, 8};
  const FeatureStatistics by_value = Of(6, values), by_channel = Of(3, values);
  for (const FeatureStatistics* statistics : {&by_value, &by_channel}) {
    SHOAL_ASSERT_OK_AND_ASSIGN(
        const std::string model,
        MakeInitialModel({list, kStandardise}, 1, statistics));
    EXPECT_THAT(Tensor(model, "input.mean"),
                ElementsAreArray(by_channel.Means()));
  }
}

TEST(InitialModelTest, StatisticsThatAreNeededMustBeThere) {
  for (const PreprocessingSpec& preprocessing :
       {kStandardise, PreprocessingSpec{.impute = true}}) {
    EXPECT_THAT(MakeInitialModel({LinearSpec{2, 1}, preprocessing}, 1, nullptr),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("it needs their means and deviations")));
  }
  SHOAL_EXPECT_OK(
      MakeInitialModel({LinearSpec{2, 1}, {.clip = 3}}, 1, nullptr));
}

TEST(InitialModelTest, StatisticsThatDoNotFitAreRefused) {
  const FeatureStatistics two = Of(2, {1, 2}), three = Of(3, {1, 2, 3});
  const FeatureStatistics nothing(2);
  EXPECT_THAT(MakeInitialModel({LinearSpec{2, 1}}, 1, &two),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("neither standardises nor imputes")));
  EXPECT_THAT(MakeInitialModel({LinearSpec{2, 1}, kStandardise}, 1, &three),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("are of 3 features, model linear 2-1 has 2")));
  EXPECT_THAT(MakeInitialModel({LinearSpec{2, 1}, kStandardise}, 1, &nothing),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("of no value at all")));
}

}  // namespace
}  // namespace shoal::learning
