#include "learning/data/feature_skew.h"

#include <cmath>
#include <set>

#include "base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learning/data/image_turn.h"
#include "tests/learning/data/files.h"
#include "tests/support/status_matchers.h"

namespace shoal::learning {
namespace {

using ::shoal::testing::StatusIs;
using ::testing::HasSubstr;

using Course = DriftSchedule::Course;

const DataSource kHandwriting = {HandwritingSource{1, 20}};

std::unique_ptr<FederatedData> Open(const Partition& partition,
                                    int devices = 4) {
  return FederatedData::Open(kHandwriting, partition, devices, 7).value();
}

Partition Natural() { return NaturalPartition{}; }

Partition WithDrift(const Drift& drift,
                    PartitionKind kind = NaturalPartition{}) {
  Partition partition = kind;
  partition.drift = drift;
  return partition;
}

DriftSchedule Rounds(Course course, int64_t start, int64_t length) {
  DriftSchedule schedule;
  schedule.course = course;
  schedule.start_round = start;
  schedule.num_rounds = length;
  return schedule;
}

TEST(DriftProgress, FollowsItsCourse) {
  const auto at = [](Course course, int64_t round) {
    return DriftProgress(Rounds(course, 10, 20), {.round = round});
  };
  for (const Course course :
       {Course::kStep, Course::kLinear, Course::kPeriodic}) {
    EXPECT_EQ(at(course, 0), 0);
    EXPECT_EQ(at(course, 9), 0);
  }
  EXPECT_EQ(at(Course::kStep, 10), 1);
  EXPECT_EQ(at(Course::kStep, 1000), 1);
  EXPECT_EQ(at(Course::kLinear, 10), 0);
  EXPECT_EQ(at(Course::kLinear, 15), 0.25);
  EXPECT_EQ(at(Course::kLinear, 30), 1);
  EXPECT_EQ(at(Course::kLinear, 1000), 1);
  EXPECT_NEAR(at(Course::kPeriodic, 15), 0.5, 1e-12);
  EXPECT_NEAR(at(Course::kPeriodic, 20), 1, 1e-12);
  EXPECT_NEAR(at(Course::kPeriodic, 30), 0, 1e-12);
  EXPECT_NEAR(at(Course::kPeriodic, 40), 1, 1e-12);
}

TEST(DriftProgress, TimeTakesThePlaceOfRounds) {
  DriftSchedule schedule;
  schedule.by_time = true;
  schedule.start_time = absl::Hours(1);
  schedule.duration = absl::Hours(4);
  EXPECT_EQ(DriftProgress(schedule, {.round = 99}), 0);
  EXPECT_EQ(DriftProgress(schedule, {.time = absl::Hours(2)}), 0.25);
}

// 784 features of each of 4 devices: the variance is within 6 standard errors,
// which fails with a probability of 2e-9.
TEST(FeatureNoise, VarianceGrowsWithTheDevice) {
  Partition noisy = Natural();
  noisy.feature_noise = FeatureNoise{0.2};
  const auto clean = Open(Natural()), data = Open(noisy);
  for (int k = 0; k < 4; ++k) {
    const auto before = clean->LoadDevice(k).value();
    const auto after = data->LoadDevice(k).value();
    ASSERT_EQ(before->num_examples(), after->num_examples());
    double squares = 0;
    for (int64_t i = 0; i < before->num_examples(); ++i) {
      const auto x = FeaturesOf(*before, i), y = FeaturesOf(*after, i);
      EXPECT_EQ(before->label(i), after->label(i));
      for (size_t j = 0; j < x.size(); ++j) {
        squares += (y[j] - x[j]) * (y[j] - x[j]);
      }
    }
    const double n = static_cast<double>(before->num_examples()) * 784;
    EXPECT_NEAR(squares / n / (0.2 * (k + 1) / 4), 1, 6 * std::sqrt(2 / n));
  }
  EXPECT_EQ(FeaturesOf(*clean->LoadTest().value(), 3),
            FeaturesOf(*data->LoadTest().value(), 3));
}

TEST(FeatureNoise, AnExampleHasTheSameEveryTime) {
  Partition noisy = Natural();
  noisy.feature_noise = FeatureNoise{0.2};
  const auto data = Open(noisy);
  EXPECT_EQ(FeaturesOf(*data->LoadDevice(1).value(), 3),
            FeaturesOf(*data->LoadDevice(1).value(), 3));
  EXPECT_EQ(FeaturesOf(*data->LoadDevice(1).value(), 3),
            FeaturesOf(*Open(noisy)->LoadDevice(1).value(), 3));
}

std::vector<float> TurnedBy(const std::vector<float>& image, double degrees) {
  std::vector<float> out(image.size());
  TurnImage(image, {28, 28, 1}, degrees, absl::MakeSpan(out));
  return out;
}

TEST(RotationSkew, GroupsOfDevicesTurnAlike) {
  Partition turned = Natural();
  turned.rotation = Rotation{.groups = 4};
  const auto clean = Open(Natural(), 6), data = Open(turned, 6);
  for (int k = 0; k < 6; ++k) {
    EXPECT_EQ(
        FeaturesOf(*data->LoadDevice(k).value(), 2),
        TurnedBy(FeaturesOf(*clean->LoadDevice(k).value(), 2), 90.0 * (k % 4)));
  }
  const auto before = clean->LoadTest().value();
  const auto after = data->LoadTest().value();
  for (const int64_t i : {0, 1, 5, 6, 7}) {
    EXPECT_EQ(FeaturesOf(*after, i),
              TurnedBy(FeaturesOf(*before, i), 90.0 * (i % 6 % 4)));
  }
}

TEST(RotationSkew, DevicesMayTurnEachByItsOwnAngle) {
  Partition turned = Natural();
  turned.rotation = Rotation{.max_degrees = 45};
  const auto clean = Open(Natural()), data = Open(turned);
  for (int k = 0; k < 4; ++k) {
    const auto image = FeaturesOf(*data->LoadDevice(k).value(), 0);
    EXPECT_NE(image, FeaturesOf(*clean->LoadDevice(k).value(), 0));
    EXPECT_EQ(image, FeaturesOf(*Open(turned)->LoadDevice(k).value(), 0));
  }
}

// At any moment, every example is on one device.
TEST(LabelDrift, ExamplesChangeHandsAndNoneIsLost) {
  Drift drift;
  drift.schedule = Rounds(Course::kLinear, 0, 100);
  drift.labels = 1;
  const auto still = Open(DirichletPartition{0.1}, 5);
  const auto data = Open(WithDrift(drift, DirichletPartition{0.1}), 5);
  EXPECT_TRUE(data->drifts());
  EXPECT_FALSE(still->drifts());
  std::multiset<std::vector<float>> all;
  std::vector<std::vector<float>> first;  // of each device
  for (int k = 0; k < 5; ++k) {
    const auto share = still->LoadDevice(k).value();
    first.push_back(FeaturesOf(*share, 0));
    for (int64_t i = 0; i < share->num_examples(); ++i) {
      all.insert(FeaturesOf(*share, i));
    }
  }
  for (const int64_t round : {0, 1, 30, 50, 99, 100, 500}) {
    std::multiset<std::vector<float>> held;
    for (int k = 0; k < 5; ++k) {
      const auto share = data->LoadDeviceAt(k, {.round = round}).value();
      EXPECT_GE(share->num_examples(), 1);
      for (int64_t i = 0; i < share->num_examples(); ++i) {
        held.insert(FeaturesOf(*share, i));
      }
      EXPECT_EQ(FeaturesOf(*share, 0), first[round < 100 ? k : (k + 1) % 5]);
    }
    EXPECT_EQ(held, all) << round;
  }
}

TEST(LabelDrift, AtTheStartNothingHasChanged) {
  Drift drift;
  drift.schedule = Rounds(Course::kLinear, 0, 100);
  drift.labels = 0.5;
  const auto still = Open(Natural()), data = Open(WithDrift(drift));
  for (int k = 0; k < 4; ++k) {
    const auto a = still->LoadDevice(k).value();
    const auto b = data->LoadDevice(k).value();
    EXPECT_EQ(a->num_examples(), data->num_device_examples(k));
    ASSERT_EQ(a->num_examples(), b->num_examples());
    EXPECT_EQ(FeaturesOf(*a, 1), FeaturesOf(*b, 1));
  }
}

// Half of 2000 examples, within 6 standard errors: fails with 2e-9.
TEST(LabelDrift, AsManyChangeHandsAsItSays) {
  Drift drift;
  drift.schedule = Rounds(Course::kStep, 0, 1);
  drift.labels = 0.5;
  const DataSource source = {HandwritingSource{1, 400}};
  const auto still = FederatedData::Open(source, Natural(), 5, 7).value();
  const auto data = FederatedData::Open(source, WithDrift(drift), 5, 7).value();
  double stayed = 0, total = 0;
  for (int k = 0; k < 5; ++k) {
    std::set<std::vector<float>> own;
    const auto before = still->LoadDevice(k).value();
    for (int64_t i = 0; i < before->num_examples(); ++i) {
      own.insert(FeaturesOf(*before, i));
    }
    const auto after = data->LoadDevice(k).value();
    EXPECT_EQ(after->num_examples(), data->num_device_examples(k));
    total += static_cast<double>(before->num_examples());
    for (int64_t i = 0; i < after->num_examples(); ++i) {
      stayed += own.contains(FeaturesOf(*after, i));
    }
  }
  EXPECT_NEAR(stayed / total, 0.5, 6 * 0.5 / std::sqrt(total));
}

TEST(FeatureDrift, ImagesTurnWithTime) {
  Drift drift;
  drift.schedule = Rounds(Course::kLinear, 0, 4);
  drift.rotation_degrees = 360;
  const auto still = Open(Natural()), data = Open(WithDrift(drift));
  const auto before = FeaturesOf(*still->LoadDevice(2).value(), 1);
  const auto test = FeaturesOf(*still->LoadTest().value(), 1);
  for (int64_t round = 0; round < 5; ++round) {
    const Moment moment = {.round = round};
    EXPECT_EQ(FeaturesOf(*data->LoadDeviceAt(2, moment).value(), 1),
              TurnedBy(before, 90.0 * static_cast<double>(round)));
    EXPECT_EQ(FeaturesOf(*data->LoadTestAt(moment).value(), 1),
              TurnedBy(test, 90.0 * static_cast<double>(round)));
  }
}

TEST(FeatureDrift, NoiseGrowsWithTimeForTestsToo) {
  Drift drift;
  drift.schedule = Rounds(Course::kLinear, 0, 10);
  drift.noise = 1;
  const DataSource source = {SyntheticSource{1, 1, 4}};
  const auto still = FederatedData::Open(source, Natural(), 3, 7).value();
  const auto data = FederatedData::Open(source, WithDrift(drift), 3, 7).value();
  const auto difference = [](const Dataset& a, const Dataset& b) {
    double squares = 0;
    for (int64_t i = 0; i < a.num_examples(); ++i) {
      const auto x = FeaturesOf(a, i), y = FeaturesOf(b, i);
      for (size_t j = 0; j < x.size(); ++j) {
        squares += (y[j] - x[j]) * (y[j] - x[j]);
      }
    }
    return squares / static_cast<double>(a.num_examples()) / 60;
  };
  for (const int64_t round : {0, 5, 10}) {
    const Moment moment = {.round = round};
    const double expected = static_cast<double>(round) / 10;
    EXPECT_NEAR(difference(*still->LoadDevice(1).value(),
                           *data->LoadDeviceAt(1, moment).value()),
                expected, 0.2);
    EXPECT_NEAR(difference(*still->LoadDeviceTest(1).value(),
                           *data->LoadDeviceTestAt(1, moment).value()),
                expected, 0.5);
    EXPECT_NEAR(difference(*still->LoadTest().value(),
                           *data->LoadTestAt(moment).value()),
                expected, 0.2);
  }
}

TEST(SkewedData, BadArgumentsAreRefused) {
  const auto open = [](const Partition& partition,
                       const DataSource& source = kHandwriting) {
    return FederatedData::Open(source, partition, 2, 7).status();
  };
  const auto invalid = [](absl::string_view what) {
    return StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(what));
  };
  Partition partition = Natural();
  partition.feature_noise = FeatureNoise{-1};
  EXPECT_THAT(open(partition), invalid("sigma of the feature noise is -1"));
  partition = Natural();
  partition.rotation = Rotation{.groups = 1};
  EXPECT_THAT(open(partition), invalid("groups of a rotation is 1"));
  partition.rotation = Rotation{.groups = 2, .max_degrees = 3};
  EXPECT_THAT(open(partition), invalid("both groups and max_degrees"));
  partition.rotation = Rotation{};
  EXPECT_THAT(open(partition), invalid("max_degrees of a rotation is 0"));
  partition.rotation = Rotation{.groups = 4};
  EXPECT_THAT(open(partition, {SyntheticSource{}}),
              invalid("a rotation needs images"));
  Drift drift;
  EXPECT_THAT(open(WithDrift(drift)), invalid("a drift changes nothing"));
  drift.labels = 1.5;
  EXPECT_THAT(open(WithDrift(drift)), invalid("labels of a drift is 1.5"));
  drift.labels = 1;
  drift.schedule.num_rounds = 0;
  EXPECT_THAT(open(WithDrift(drift)), invalid("has no length"));
}

TEST(SkewedData, TextsHaveNoNoise) {
  TemporaryFolder folder;
  Partition noisy = IidPartition{};
  noisy.feature_noise = FeatureNoise{1};
  EXPECT_THAT(
      FederatedData::Open(
          {TextSource{WriteFile(folder.path(), "t.txt", std::string(1000, 'x')),
                      1}},
          noisy, 2, 7),
      StatusIs(absl::StatusCode::kInvalidArgument,
               HasSubstr("noise cannot be added to a text")));
}

}  // namespace
}  // namespace shoal::learning
