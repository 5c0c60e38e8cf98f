#include "learning/data/pool_of_devices.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/learning/data/files.h"
#include "tests/support/status_matchers.h"

namespace shoal::learning {
namespace {

TEST(PoolOfDevices, NumbersExamplesThroughTheDevices) {
  const DataSource source = {SyntheticSource{.alpha = 1, .beta = 1, .seed = 3}};
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto devices,
                             FederatedData::Open(source, {}, 3, 7));
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const auto pool,
      PoolOfDevices(FederatedData::Open(source, {}, 3, 7).value()));
  const int64_t first = devices->num_device_examples(0);
  const int64_t second = devices->num_device_examples(1);
  EXPECT_EQ(pool->num_examples(),
            first + second + devices->num_device_examples(2));
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const auto some, pool->Load({1, first - 1, first, first + second + 2}));
  const auto a = devices->LoadDevice(0).value();
  const auto b = devices->LoadDevice(1).value();
  const auto c = devices->LoadDevice(2).value();
  EXPECT_EQ(FeaturesOf(*some, 0), FeaturesOf(*a, 1));
  EXPECT_EQ(FeaturesOf(*some, 1), FeaturesOf(*a, first - 1));
  EXPECT_EQ(FeaturesOf(*some, 2), FeaturesOf(*b, 0));
  EXPECT_EQ(FeaturesOf(*some, 3), FeaturesOf(*c, 2));
  EXPECT_EQ(some->label(3), c->label(2));
  EXPECT_EQ(pool->groups()[first], b->label(0));
}

}  // namespace
}  // namespace shoal::learning
