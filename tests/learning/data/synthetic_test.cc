#include "learning/data/synthetic.h"

#include <cmath>
#include <limits>
#include <set>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learning/data/npy.h"
#include "tests/learning/data/files.h"
#include "tests/support/external_data.h"
#include "tests/support/status_matchers.h"

namespace shoal::learning {
namespace {

using ::shoal::testing::StatusIs;
using ::testing::HasSubstr;

DataSource Source(double alpha, double beta, uint64_t seed, bool iid = false) {
  return {SyntheticSource{alpha, beta, seed, iid}};
}

struct PublishedCase {
  const char* name;
  double spread;
  bool iid;
};

class PublishedSynthetic : public ::testing::TestWithParam<PublishedCase> {};

// One half: the arrays of x, y and user, rows grouped by user.
void ExpectHalf(const std::string& prefix, const std::string& half,
                const FederatedData& data) {
  const NpyArray x = OpenNpy(absl::StrCat(prefix, "_x_", half, ".npy")).value();
  const auto y =
      ReadIntegers(OpenNpy(absl::StrCat(prefix, "_y_", half, ".npy")).value())
          .value();
  const auto user =
      ReadIntegers(
          OpenNpy(absl::StrCat(prefix, "_user_", half, ".npy")).value())
          .value();
  std::vector<std::unique_ptr<Dataset>> devices;
  for (int k = 0; k < data.num_devices(); ++k) {
    devices.push_back(half == "train" ? data.LoadDevice(k).value()
                                      : data.LoadDeviceTest(k).value());
  }
  std::vector<int64_t> next(devices.size());
  std::vector<int64_t> rows(y.size());
  for (size_t i = 0; i < rows.size(); ++i) rows[i] = i;
  std::vector<float> expected(60);
  int64_t wrong = 0;
  SHOAL_ASSERT_OK(
      ForEachRow(x.rows, rows, [&](size_t i, absl::Span<const char> bytes) {
        DecodeFloats(x, bytes, absl::MakeSpan(expected));
        const Dataset& device = *devices[user[i]];
        const int64_t index = next[user[i]]++;
        wrong += device.label(index) != y[i] ||
                 FeaturesOf(device, index) != expected;
        return absl::OkStatus();
      }));
  EXPECT_EQ(wrong, 0) << "of " << rows.size() << " examples";
  for (size_t k = 0; k < devices.size(); ++k) {
    EXPECT_EQ(next[k], devices[k]->num_examples());
  }
}

// Arrays of the published generator in NumPy and Python, seed 4.
TEST_P(PublishedSynthetic, IsReproducedToTheLastBit) {
  const std::string prefix = absl::StrCat(
      testing::ReferenceDir(), "/federated/data/synthetic_", GetParam().name);
  SHOAL_SKIP_WITHOUT(prefix + "_x_train.npy");
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const auto data,
      FederatedData::Open(
          Source(GetParam().spread, GetParam().spread, 4, GetParam().iid), {},
          30, 99));
  ExpectHalf(prefix, "train", *data);
  ExpectHalf(prefix, "test", *data);
}

INSTANTIATE_TEST_SUITE_P(AllSets, PublishedSynthetic,
                         ::testing::Values(PublishedCase{"iid", 0, true},
                                           PublishedCase{"0_0", 0, false},
                                           PublishedCase{"0.5_0.5", 0.5, false},
                                           PublishedCase{"1_1", 1, false}),
                         [](const auto& info) {
                           return info.param.iid
                                      ? "Iid"
                                      : absl::StrCat(
                                            "Spread",
                                            static_cast<int>(info.param.spread *
                                                             10));
                         });

TEST(Synthetic, NineTenthsOfADeviceAreForTraining) {
  for (const int devices : {30, 2000}) {
    SHOAL_ASSERT_OK_AND_ASSIGN(
        const auto data, FederatedData::Open(Source(1, 1, 4), {}, devices, 7));
    EXPECT_TRUE(data->has_device_tests());
    for (const int k : {0, 17, devices - 1}) {
      SHOAL_ASSERT_OK_AND_ASSIGN(const auto train, data->LoadDevice(k));
      SHOAL_ASSERT_OK_AND_ASSIGN(const auto test, data->LoadDeviceTest(k));
      EXPECT_EQ(train->num_examples(), data->num_device_examples(k));
      const int64_t all = train->num_examples() + test->num_examples();
      EXPECT_GE(all, 50);
      EXPECT_EQ(train->num_examples(), static_cast<int64_t>(0.9 * all));
    }
  }
}

TEST(Synthetic, TheTestSetIsTheUnionOfTheDevices) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto data,
                             FederatedData::Open(Source(0, 0, 1), {}, 3, 7));
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto all, data->LoadTest());
  int64_t next = 0;
  for (int k = 0; k < 3; ++k) {
    SHOAL_ASSERT_OK_AND_ASSIGN(const auto own, data->LoadDeviceTest(k));
    for (int64_t i = 0; i < own->num_examples(); ++i, ++next) {
      ASSERT_EQ(FeaturesOf(*all, next), FeaturesOf(*own, i));
      ASSERT_EQ(all->label(next), own->label(i));
    }
  }
  EXPECT_EQ(next, all->num_examples());
}

// Moments of many devices, within 6 standard errors: a false failure has a
// probability of about 2e-9 for each of the 62 comparisons.
TEST(Synthetic, DevicesOfAnySizeFollowTheDefinition) {
  constexpr int kDevices = 20000;
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const auto data, FederatedData::Open(Source(0, 0, 5), {}, kDevices, 7));
  // log(n - 50) is normal(4, 2), but for the rounding down.
  double above = 0;
  for (int k = 0; k < kDevices; ++k) {
    above += data->num_device_examples(k) >= 0.9 * (50 + std::exp(4.0)) - 1;
  }
  EXPECT_NEAR(above / kDevices, 0.5, 6 * 0.5 / std::sqrt(kDevices) + 0.01);
  // x_j - v_j has the variance j^-1.2: the spread within one device.
  int large = 0;
  while (data->num_device_examples(large) < 5000) ++large;
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto device, data->LoadDevice(large));
  const double n = static_cast<double>(device->num_examples());
  std::vector<double> sums(60), squares(60);
  for (int64_t i = 0; i < device->num_examples(); ++i) {
    const std::vector<float> x = FeaturesOf(*device, i);
    for (int j = 0; j < 60; ++j) {
      sums[j] += x[j];
      squares[j] += double{x[j]} * x[j];
    }
  }
  for (int j = 0; j < 60; ++j) {
    const double variance = squares[j] / n - sums[j] / n * (sums[j] / n);
    const double expected = std::pow(j + 1, -1.2);
    EXPECT_NEAR(variance / expected, 1, 6 * std::sqrt(2 / n)) << j;
  }
}

TEST(Synthetic, AMillionDevicesAreOpenedAtOnce) {
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const auto data, FederatedData::Open(Source(1, 1, 4), {}, 1000000, 7));
  EXPECT_EQ(data->num_devices(), 1000000);
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto last, data->LoadDevice(999999));
  EXPECT_EQ(last->num_examples(), data->num_device_examples(999999));
}

TEST(Synthetic, FallsByOtherPartitions) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto natural,
                             FederatedData::Open(Source(1, 1, 4), {}, 10, 7));
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const auto even,
      FederatedData::Open(Source(1, 1, 4), IidPartition{}, 10, 7));
  std::multiset<std::vector<float>> before, after;
  for (int k = 0; k < 10; ++k) {
    const auto a = natural->LoadDevice(k).value();
    const auto b = even->LoadDevice(k).value();
    for (int64_t i = 0; i < a->num_examples(); ++i) {
      before.insert(FeaturesOf(*a, i));
    }
    for (int64_t i = 0; i < b->num_examples(); ++i) {
      after.insert(FeaturesOf(*b, i));
    }
  }
  EXPECT_EQ(before, after);
  EXPECT_FALSE(even->has_device_tests());
}

TEST(Synthetic, BadArgumentsAreRefused) {
  const auto open = [](const DataSource& source) {
    return FederatedData::Open(source, {}, 2, 7).status();
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THAT(open(Source(-1, 0, 0)),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("the alpha of synthetic data is -1")));
  EXPECT_THAT(open(Source(0, nan, 0)),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("the beta of synthetic data")));
  EXPECT_THAT(open(Source(1, 0, 0, true)),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("with iid have the alpha 1, expected 0")));
  EXPECT_THAT(open(Source(0, 0, uint64_t{1} << 32)),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("expected at most 4294967295")));
}

}  // namespace
}  // namespace shoal::learning
