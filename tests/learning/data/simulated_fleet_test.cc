#include "learning/data/simulated_fleet.h"

#include <set>

#include "base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/learning/data/files.h"
#include "tests/support/status_matchers.h"

namespace shoal::learning {
namespace {

using ::shoal::testing::StatusIs;
using ::testing::HasSubstr;

const DataSource kHandwriting = {HandwritingSource{1, 20}};

std::multiset<std::vector<float>> AllPictures(const Partition& partition) {
  const auto data = FederatedData::Open(kHandwriting, partition, 12, 7).value();
  std::multiset<std::vector<float>> pictures;
  for (int k = 0; k < 12; ++k) {
    const auto share = data->LoadDevice(k).value();
    EXPECT_EQ(share->num_examples(), data->num_device_examples(k));
    for (int64_t i = 0; i < share->num_examples(); ++i) {
      pictures.insert(FeaturesOf(*share, i));
    }
  }
  return pictures;
}

TEST(SimulatedFleet, EveryPartitionGivesAllExamplesAway) {
  const auto written = AllPictures(NaturalPartition{});
  for (const PartitionKind& kind : std::initializer_list<PartitionKind>{
           IidPartition{}, DirichletPartition{0.3}, ShardsPartition{2},
           ClassesPartition{3}, DirichletSizesPartition{0.5},
           LognormalSizesPartition{1}, PowerLawSizesPartition{1.5}}) {
    EXPECT_EQ(AllPictures(Partition(kind)), written) << kind.index();
  }
}

TEST(SimulatedFleet, TextsHaveAmountsButNoClasses) {
  TemporaryFolder folder;
  const DataSource text = {TextSource{
      WriteFile(folder.path(), "t.txt", std::string(3000, 'x')), 10}};
  for (const PartitionKind& kind : std::initializer_list<PartitionKind>{
           ShardsPartition{2}, ClassesPartition{3}}) {
    EXPECT_THAT(FederatedData::Open(text, Partition(kind), 3, 7),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("choose the partition iid or natural")));
  }
  SHOAL_EXPECT_OK(
      FederatedData::Open(text, LognormalSizesPartition{1}, 3, 7).status());
}

TEST(SimulatedFleet, OtherPartitionsLeaveDevicesWithoutTests) {
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const auto data,
      FederatedData::Open({SyntheticSource{}}, ShardsPartition{2}, 5, 7));
  EXPECT_FALSE(data->has_device_tests());
  EXPECT_THAT(
      data->LoadDeviceTest(3),
      StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("device 3")));
  EXPECT_FALSE(data->drifts());
}

}  // namespace
}  // namespace shoal::learning
