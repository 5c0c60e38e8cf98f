#include "client/device_plan.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/menu/upload_work.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learning/device_memory.h"
#include "tests/support/status_matchers.h"

namespace shoal::client {
namespace {

using protocol::AbandonReason;
using ::testing::HasSubstr;

// So many examples of four features and three classes.
learning::InMemoryDataset Examples(int64_t count) {
  return learning::InMemoryDataset(std::vector<float>(4 * count, 0.5f),
                                   std::vector<int32_t>(count, 1), 4, 3);
}

struct PlanCase {
  std::string name;
  learning::TrainingOptions training;
};

class DeviceMemoryTest : public ::testing::TestWithParam<PlanCase> {
 protected:
  DeviceMemoryTest() {
    plan_.model.architecture = learning::MlpSpec{4, {64}, 3};
    plan_.training = GetParam().training;
    plan_.max_examples = 1000;
    model_ = *learning::Model::Create(plan_.model);
    assignment_.model.num_bytes = 4 * model_->layout().num_parameters();
    assignment_.plan = plan_;
  }
  DeviceMenu Menu(int64_t num_examples, int64_t memory_bytes) const {
    const learning::InMemoryDataset data = Examples(num_examples);
    return MakeDeviceMenu(assignment_, data, memory_bytes, 0);
  }

  protocol::Plan plan_;
  protocol::Assignment assignment_;
  std::unique_ptr<learning::Model> model_;
};

// What coordinators admit devices by is what devices go by: no device is
// admitted that gives up, and none is turned away that could train.
TEST_P(DeviceMemoryTest, TheLeastIsWhereTheMenuEnds) {
  for (const int64_t num_examples : {1, 7, 32, 500}) {
    SHOAL_ASSERT_OK_AND_ASSIGN(
        const int64_t least,
        learning::LeastMemoryBytes(*model_, plan_.training, num_examples));
    EXPECT_FALSE(Menu(num_examples, least).entries.empty()) << num_examples;
    const DeviceMenu none = Menu(num_examples, least - 1);
    EXPECT_TRUE(none.entries.empty()) << num_examples;
    EXPECT_EQ(none.objection.reason, AbandonReason::kMemory);
  }
}

PlanCase Case(std::string name, int batch_size, int micro_batch_size,
              learning::LocalOptimizer optimizer) {
  learning::TrainingOptions training;
  training.learning_rate = 0.1;
  training.batch_size = batch_size;
  training.micro_batch_size = micro_batch_size;
  training.optimizer = optimizer;
  return {std::move(name), training};
}

INSTANTIATE_TEST_SUITE_P(
    Plans, DeviceMemoryTest,
    ::testing::Values(Case("Sgd", 32, 0, {}), Case("One", 1, 0, {}),
                      Case("Parts", 32, 8, {}),
                      Case("Adam", 64, 0, {learning::AdamOptimizer()}),
                      Case("Clipped", 16, 0, {learning::SgdOptimizer(), 1.0})),
    [](const auto& info) { return info.param.name; });

class SecurePlanTest : public ::testing::Test {
 protected:
  SecurePlanTest() {
    protocol::Plan& plan = assignment_.plan;
    plan.model.architecture = learning::MlpSpec{4, {64}, 3};
    plan.training.learning_rate = 0.1;
    plan.norm_bound = 10;
    plan.max_examples = 1000;
    plan.secure_aggregation = protocol::SecureAggregation();
    model_ = *learning::Model::Create(plan.model);
    assignment_.model.num_bytes = 4 * model_->layout().num_parameters();
  }
  DeviceMenu Menu(int64_t memory_bytes = 0) const {
    return MakeDeviceMenu(assignment_, Examples(20), memory_bytes, 0);
  }

  protocol::Assignment assignment_;
  std::unique_ptr<learning::Model> model_;
};

TEST_F(SecurePlanTest, MaskingHasToFitIntoMemoryAsWell) {
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const int64_t masking,
      MaskingBytes(assignment_.plan, model_->layout().num_parameters()));
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const int64_t training,
      learning::LeastMemoryBytes(*model_, assignment_.plan.training, 20));
  ASSERT_GT(masking, training);
  EXPECT_FALSE(Menu(masking).entries.empty());
  const DeviceMenu none = Menu(masking - 1);
  EXPECT_TRUE(none.entries.empty());
  EXPECT_EQ(none.objection.reason, AbandonReason::kMemory);
  EXPECT_THAT(std::string(none.objection.why.message()),
              HasSubstr(absl::StrCat("takes ", masking)));
}

TEST_F(SecurePlanTest, SubModelsAreRefused) {
  assignment_.plan.training.sub_model_layers = {1};
  const DeviceMenu menu = Menu();
  EXPECT_TRUE(menu.entries.empty());
  EXPECT_EQ(menu.objection.reason, AbandonReason::kConditions);
  EXPECT_THAT(std::string(menu.objection.why.message()),
              HasSubstr("secure aggregation or noise and has sub-models"));
}

TEST_F(SecurePlanTest, MessagesCountForTheLimitOfBytes) {
  const double upload = Menu().entries.at(0).cost.upload.bytes_sent;
  assignment_.plan.limits.upload_bytes = static_cast<int64_t>(upload);
  EXPECT_FALSE(Menu().entries.empty());
  assignment_.plan.limits.upload_bytes = static_cast<int64_t>(upload) - 1;
  EXPECT_TRUE(Menu().entries.empty());
  EXPECT_EQ(Menu().objection.reason, AbandonReason::kBytes);
}

TEST_F(SecurePlanTest, GroupsThatCannotBeAreRefused) {
  assignment_.plan.secure_aggregation->dropout_fraction = 0.99;
  const DeviceMenu menu = Menu();
  EXPECT_TRUE(menu.entries.empty());
  EXPECT_EQ(menu.objection.reason, AbandonReason::kConditions);
}

}  // namespace
}  // namespace shoal::client
