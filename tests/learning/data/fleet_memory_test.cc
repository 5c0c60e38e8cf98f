// A device of a generated fleet costs no memory before it is loaded. Skipped
// under sanitizers, whose allocator cannot be counted.
#include "base/allocation_counter.h"
#include "gtest/gtest.h"
#include "learning/data/data_source.h"
#include "tests/support/status_matchers.h"

namespace shoal::learning {
namespace {

class FleetMemory : public ::testing::TestWithParam<DataSource> {
 protected:
  void SetUp() override {
    if (!CountsAllocations()) GTEST_SKIP() << "this build does not count";
  }
};

TEST_P(FleetMemory, DevicesTakeLessThanHalfAByteEach) {
  const int64_t before = AllocatedBytes();
  Partition partition = NaturalPartition{};
  partition.feature_noise = FeatureNoise{0.1};
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const auto data, FederatedData::Open(GetParam(), partition, 1000000, 7));
  EXPECT_LT(AllocatedBytes() - before, 500000);
  EXPECT_GT(data->num_device_examples(999999), 0);
  EXPECT_LT(AllocatedBytes() - before, 500000);
  SHOAL_ASSERT_OK(data->LoadDevice(123456).status());
  EXPECT_LT(AllocatedBytes() - before, 500000);
}

TEST_P(FleetMemory, CountingExamplesAllocatesLittle) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto data,
                             FederatedData::Open(GetParam(), {}, 1000000, 7));
  const int64_t before = NumAllocations();
  for (int k = 0; k < 1000; ++k) data->num_device_examples(999 * k);
  // What the seed of a device is derived from.
  EXPECT_LE(NumAllocations() - before, 8000);
}

INSTANTIATE_TEST_SUITE_P(Generated, FleetMemory,
                         ::testing::Values(DataSource{HandwritingSource{1,
                                                                        200}},
                                           DataSource{SyntheticSource{1, 1}}),
                         [](const auto& info) {
                           return info.index == 0 ? "Handwriting" : "Synthetic";
                         });

}  // namespace
}  // namespace shoal::learning
