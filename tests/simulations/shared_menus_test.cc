#include "simulations/shared_menus.h"

#include <memory>
#include <vector>

#include "client/device_plan.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learning/dataset.h"
#include "learning/model.h"

namespace shoal::simulations {
namespace {

using client::DeviceMenu;
using client::MenuEntry;
using ::testing::IsEmpty;

// So many examples of four features and three classes.
learning::InMemoryDataset Examples(int64_t count) {
  return learning::InMemoryDataset(std::vector<float>(4 * count, 0.5f),
                                   std::vector<int32_t>(count, 1), 4, 3);
}

class SharedMenusTest : public ::testing::Test {
 protected:
  SharedMenusTest() {
    assignment_.plan.model.architecture = learning::MlpSpec{4, {64}, 3};
    assignment_.plan.training.learning_rate = 0.1;
    assignment_.plan.training.epochs = 3;
    assignment_.plan.max_examples = 1000;
    assignment_.model.num_bytes = 2000;
  }
  std::shared_ptr<const DeviceMenu> MenuFor(int64_t num_examples,
                                            int64_t memory_bytes = 0) {
    return menus_.MenuOf(assignment_, Examples(num_examples), memory_bytes);
  }

  protocol::Assignment assignment_;
  SharedMenus menus_;
};

TEST_F(SharedMenusTest, MenuIsTheOneThatADeviceWouldMakeItself) {
  for (const int64_t num_examples : {5, 50}) {
    const auto menu = MenuFor(num_examples);
    const DeviceMenu own = client::MakeDeviceMenu(
        assignment_, Examples(num_examples), 0, assignment_.model.num_bytes);
    ASSERT_EQ(menu->entries.size(), own.entries.size());
    for (size_t i = 0; i < own.entries.size(); ++i) {
      const MenuEntry& shared = menu->entries[i];
      EXPECT_EQ(shared.training, own.entries[i].training);
      EXPECT_EQ(shared.block_bytes, own.entries[i].block_bytes);
      EXPECT_EQ(shared.cost.num_steps, own.entries[i].cost.num_steps);
      EXPECT_EQ(shared.cost.before.flops, own.entries[i].cost.before.flops);
      EXPECT_EQ(shared.less, own.entries[i].less);
    }
  }
}

TEST_F(SharedMenusTest, DevicesThatAreAlikeHaveOneMenu) {
  const auto menu = MenuFor(20);
  EXPECT_EQ(MenuFor(20), menu);
  EXPECT_NE(MenuFor(21), menu);
  EXPECT_NE(MenuFor(20, 1 << 20), menu);
  EXPECT_EQ(MenuFor(20), menu);
}

TEST_F(SharedMenusTest, ObjectionsAreRemembered) {
  const auto menu = MenuFor(20, /*memory_bytes=*/100);
  EXPECT_THAT(menu->entries, IsEmpty());
  EXPECT_EQ(menu->objection.reason, protocol::AbandonReason::kMemory);
  EXPECT_EQ(MenuFor(20, 100), menu);
}

TEST_F(SharedMenusTest, NextRoundHasTheSameMenus) {
  const auto menu = MenuFor(20);
  assignment_.round_number = 2;
  assignment_.plan.norm_bound = 7;
  EXPECT_EQ(MenuFor(20), menu);
}

TEST_F(SharedMenusTest, AnotherPlanHasMenusOfItsOwn) {
  const auto menu = MenuFor(20);
  assignment_.plan.training.epochs = 1;
  const auto other = MenuFor(20);
  EXPECT_NE(other, menu);
  EXPECT_EQ(other->entries[0].training.epochs, 1);
  assignment_.model.num_bytes = int64_t{1} << 40;
  EXPECT_THAT(MenuFor(20)->entries, IsEmpty());
}

}  // namespace
}  // namespace shoal::simulations
