#include "learning/feature_statistics.h"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace shoal::learning {
namespace {

using ::shoal::testing::IsOk;
using ::shoal::testing::StatusIs;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::FloatEq;
using ::testing::HasSubstr;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

FeatureStatistics Of(int64_t num_features, const std::vector<float>& values) {
  FeatureStatistics statistics(num_features);
  statistics.Add(values);
  return statistics;
}

TEST(FeatureStatisticsTest, GivesMeanAndDeviationOfEveryFeature) {
  // 1 3 and 10 30: squared differences 1 and 100 from the means.
  const FeatureStatistics statistics = Of(2, {1, 10, 3, 30});
  EXPECT_THAT(statistics.Means(), ElementsAre(2, 20));
  EXPECT_THAT(statistics.Deviations(), ElementsAre(1, 10));
}

TEST(FeatureStatisticsTest, MissingAndInfiniteValuesDoNotCount) {
  const FeatureStatistics statistics =
      Of(2, {1, kNan, kNan, 10, kInfinity, 30, 3, -kInfinity});
  EXPECT_EQ(statistics.count(0), 2);
  EXPECT_EQ(statistics.count(1), 2);
  EXPECT_THAT(statistics.Means(), ElementsAre(2, 20));
  EXPECT_THAT(statistics.Deviations(), ElementsAre(1, 10));
}

TEST(FeatureStatisticsTest, FeaturesOfAChannelAreTakenTogether) {
  // Two positions of three channels, twice.
  const std::vector<float> values = {1, 10, 5,  3, 30, kNan,
                                     5, 50, 25, 7, 70, kNan};
  SHOAL_ASSERT_OK_AND_ASSIGN(const FeatureStatistics channels,
                             Of(6, values).PerChannel(3));
  const FeatureStatistics expected = Of(3, values);
  EXPECT_EQ(channels.count(0), 4);
  EXPECT_EQ(channels.count(2), 2);
  EXPECT_THAT(channels.Means(), ElementsAreArray(expected.Means()));
  EXPECT_THAT(channels.Deviations(), ElementsAreArray(expected.Deviations()));
  EXPECT_THAT(Of(6, values).PerChannel(4),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("expected a multiple of 4 channels")));
}

TEST(FeatureStatisticsTest, ThoseOfADatasetAreOfItsFeatures) {
  const InMemoryDataset data({1, 10, 3, 30}, {0, 1}, 2, 2);
  SHOAL_ASSERT_OK_AND_ASSIGN(const FeatureStatistics statistics,
                             StatisticsOf(data));
  EXPECT_THAT(statistics.Means(), ElementsAre(2, 20));
  EXPECT_THAT(statistics.Deviations(), ElementsAre(1, 10));
  EXPECT_EQ(statistics.count(0), 2);
}

TEST(FeatureStatisticsTest, AConstantFeatureHasDeviationOne) {
  // 0.1f and its neighbour: nothing but rounding.
  const float neighbour = std::nextafter(0.1f, 1.0f);
  const FeatureStatistics statistics =
      Of(3, {7, 0.1f, kNan, 7, neighbour, kNan, 7, 0.1f, kNan});
  EXPECT_THAT(statistics.Deviations(), Each(1));
  EXPECT_THAT(statistics.Means(), ElementsAre(7, FloatEq(0.1f), 0));
}

TEST(FeatureStatisticsTest, SmallDeviationsOfSmallFeaturesAreKept) {
  EXPECT_THAT(Of(1, {-1e-20f, 1e-20f}).Deviations(),
              ElementsAre(FloatEq(1e-20f)));
}

TEST(FeatureStatisticsTest, MergedIsAsIfAllHadBeenAddedAtOnce) {
  constexpr int kFeatures = 5;
  SeededRng rng(1);
  FeatureStatistics all(kFeatures), merged(kFeatures);
  for (int device = 0; device < 20; ++device) {
    FeatureStatistics part(kFeatures);
    const uint64_t examples = rng.Below(30);  // none on some devices
    for (uint64_t i = 0; i < examples; ++i) {
      std::vector<float> example(kFeatures);
      for (int f = 0; f < kFeatures; ++f) {
        example[f] = static_cast<float>(1000 * f + device + rng.Normal());
      }
      if (rng.Below(4) == 0) example[rng.Below(kFeatures)] = kNan;
      all.Add(example);
      part.Add(example);
    }
    EXPECT_THAT(merged.Merge(part), IsOk());
  }
  for (int f = 0; f < kFeatures; ++f) {
    EXPECT_EQ(merged.count(f), all.count(f));
    EXPECT_NEAR(merged.Means()[f], all.Means()[f], 1e-6 * (1 + 1000 * f));
    EXPECT_NEAR(merged.Deviations()[f], all.Deviations()[f], 1e-5);
  }
}

TEST(FeatureStatisticsTest, AFarMeanDoesNotDrownTheDeviation) {
  FeatureStatistics statistics(1);
  for (int i = 0; i < 1000; ++i) {
    statistics.Add({1048576.0f + (i % 2 == 0 ? 2.0f : -2.0f)});
  }
  EXPECT_THAT(statistics.Deviations(), ElementsAre(FloatEq(2)));
}

TEST(FeatureStatisticsTest, MergeRefusesOtherFeatures) {
  FeatureStatistics statistics = Of(2, {1, 2});
  EXPECT_THAT(statistics.Merge(Of(3, {1, 2, 3})),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("of 3 features, expected 2")));
  EXPECT_EQ(statistics.count(0), 1);
}

// "SHFS", version, reserved, one feature.
std::string Encoded(uint64_t count, double mean, double squares) {
  std::string bytes("SHFS");
  AppendU16(bytes, 1);
  AppendU16(bytes, 0);
  AppendU32(bytes, 1);
  AppendU64(bytes, count);
  AppendF64(bytes, mean);
  AppendF64(bytes, squares);
  return bytes;
}

TEST(FeatureStatisticsTest, BytesAreAsDocumented) {
  EXPECT_EQ(Of(1, {1, 3}).Encode(), Encoded(2, 2, 2));
}

TEST(FeatureStatisticsTest, DecodesWhatItEncoded) {
  const FeatureStatistics statistics = Of(3, {1, 2, kNan, 4, 9, kNan});
  SHOAL_ASSERT_OK_AND_ASSIGN(const FeatureStatistics decoded,
                             FeatureStatistics::Decode(statistics.Encode()));
  EXPECT_EQ(decoded.Encode(), statistics.Encode());
  EXPECT_EQ(decoded.count(2), 0);
}

TEST(FeatureStatisticsTest, RefusesTruncatedAndLongerBytes) {
  const std::string bytes = Of(2, {1, 2, 3, 4}).Encode();
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THAT(FeatureStatistics::Decode(bytes.substr(0, size)),
                StatusIs(absl::StatusCode::kDataLoss))
        << size;
  }
  EXPECT_THAT(FeatureStatistics::Decode(bytes + '\0'),
              StatusIs(absl::StatusCode::kDataLoss));
}

TEST(FeatureStatisticsTest, RefusesAnotherHeader) {
  const std::string bytes = Encoded(2, 2, 2);
  for (size_t i : {0, 4, 6}) {
    std::string other = bytes;
    other[i] ^= 1;
    EXPECT_THAT(FeatureStatistics::Decode(other),
                StatusIs(absl::StatusCode::kDataLoss))
        << i;
  }
  std::string none = bytes.substr(0, 8);
  AppendU32(none, 0);
  EXPECT_THAT(
      FeatureStatistics::Decode(none),
      StatusIs(absl::StatusCode::kDataLoss, HasSubstr("of 0 features")));
  // A size that would overflow 32 bits.
  std::string many = bytes.substr(0, 8);
  AppendU32(many, 0xffffffff);
  EXPECT_THAT(FeatureStatistics::Decode(many),
              StatusIs(absl::StatusCode::kDataLoss));
}

TEST(FeatureStatisticsTest, RefusesWhatNoDataCanGive) {
  const double infinity = std::numeric_limits<double>::infinity();
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THAT(FeatureStatistics::Decode(Encoded(1, 5, 0)), IsOk());
  const std::vector<std::string> impossible = {
      Encoded(0, 1, 0),         Encoded(0, 0, 1),
      Encoded(1, 5, 1),         Encoded(2, nan, 0),
      Encoded(2, infinity, 0),  Encoded(2, 1e39, 0),
      Encoded(2, 0, -1),        Encoded(2, 0, nan),
      Encoded(2, 0, infinity),  Encoded(~0ull, 0, 0),
      Encoded(2, 0, 1e100),     Encoded(1, 0, nan),
      Encoded(1ull << 54, 0, 0)};
  for (const std::string& bytes : impossible) {
    EXPECT_THAT(
        FeatureStatistics::Decode(bytes),
        StatusIs(absl::StatusCode::kDataLoss, HasSubstr("no data can give")));
  }
}

TEST(FeatureStatisticsTest, MergeRefusesCountsBeyondTheBound) {
  SHOAL_ASSERT_OK_AND_ASSIGN(
      FeatureStatistics statistics,
      FeatureStatistics::Decode(Encoded(1ull << 53, 0, 0)));
  EXPECT_THAT(
      statistics.Merge(Of(1, {1})),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("feature 0")));
}

TEST(ApplyStatisticsTest, WritesTheTensorsOfPreprocessingOnly) {
  const ParameterLayout layout({{"input.mean", {2}},
                                {"input.deviation", {2}},
                                {"dense1.weight", {2, 1}}});
  ParameterVector parameters(6, 9.0f);
  EXPECT_THAT(ApplyStatistics(layout, Of(2, {1, 10, 3, 30}), parameters),
              IsOk());
  EXPECT_THAT(parameters, ElementsAre(2, 20, 1, 10, 9, 9));
}

TEST(ApplyStatisticsTest, ImputationAloneHasNoDeviation) {
  const ParameterLayout layout({{"input.mean", {1}}, {"dense1.bias", {1}}});
  ParameterVector parameters(2, 9.0f);
  EXPECT_THAT(ApplyStatistics(layout, Of(1, {1, 3}), parameters), IsOk());
  EXPECT_THAT(parameters, ElementsAre(2, 9));
}

TEST(ApplyStatisticsTest, RefusesWhatDoesNotFit) {
  const ParameterLayout layout({{"input.mean", {2}}});
  ParameterVector parameters(2, 9.0f);
  EXPECT_THAT(ApplyStatistics(layout, Of(1, {1}), parameters),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("of 1 features, input.mean is of 2")));
  ParameterVector short_one(1);
  EXPECT_THAT(ApplyStatistics(layout, Of(2, {1, 2}), short_one),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("1 parameters, expected 2")));
  EXPECT_THAT(ApplyStatistics(ParameterLayout({{"dense1.bias", {2}}}),
                              Of(2, {1, 2}), parameters),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("no preprocessing")));
  EXPECT_THAT(parameters, Each(9));
}

}  // namespace
}  // namespace shoal::learning
