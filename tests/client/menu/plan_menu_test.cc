#include "client/menu/plan_menu.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learning/sub_model.h"
#include "learning/training_flops.h"
#include "learning/update_codec.h"
#include "tests/support/status_matchers.h"

namespace shoal::client {
namespace {

using ::testing::IsEmpty;

class PlanMenuTest : public ::testing::Test {
 protected:
  PlanMenuTest() {
    plan_.model.architecture = learning::MlpSpec{16, {32, 24}, 4};
    plan_.training.epochs = 5;
    plan_.training.batch_size = 20;
    plan_.training.learning_rate = 0.1;
    plan_.training.sub_model_layers = {1};
    auto model = learning::Model::Create(plan_.model);
    SHOAL_EXPECT_OK(model.status());
    model_ = *std::move(model);
    models_ = {{model_.get(), 1, std::nullopt}};
    request_.plan = &plan_;
    request_.num_examples = 100;
    request_.fetched_bytes = 7000;
  }
  std::vector<MenuEntry> Make() { return MakeMenu(request_, models_); }

  protocol::Plan plan_;
  std::unique_ptr<learning::Model> model_;
  std::vector<MenuModel> models_;
  MenuRequest request_;
};

TEST_F(PlanMenuTest, ThePlanItselfComesFirstAndIsWorthMost) {
  const std::vector<MenuEntry> menu = Make();
  ASSERT_FALSE(menu.empty());
  EXPECT_EQ(menu[0].training, plan_.training);
  EXPECT_EQ(menu[0].less, "");
  EXPECT_EQ(menu[0].cost.worth, 1);
  for (size_t i = 1; i < menu.size(); ++i) {
    EXPECT_GT(menu[i].cost.worth, 0);
    EXPECT_LT(menu[i].cost.worth, 1);
    EXPECT_NE(menu[i].less, "");
  }
}

TEST_F(PlanMenuTest, HoldsEveryCombinationOnce) {
  const std::vector<MenuEntry> menu = Make();
  std::set<std::string> texts;
  for (const MenuEntry& entry : menu) texts.insert(entry.less);
  // Epochs 5, 2, 1; mini-batches of 20, 10, 5; all 3 layers or the last.
  EXPECT_EQ(menu.size(), 3u * 3 * 2);
  EXPECT_EQ(texts.size(), menu.size());
  EXPECT_EQ(texts.count("the last layer, 1 of 5 epochs, mini-batches of 5"),
            1u);
}

TEST_F(PlanMenuTest, CostsAreThoseOfTheWork) {
  const PlanCost cost = Make()[0].cost;
  EXPECT_EQ(cost.before.bytes_received, 7000);
  EXPECT_EQ(cost.before.flops,
            2.0 * 100 * static_cast<double>(model_->forward_macs()));
  EXPECT_EQ(cost.num_steps, 5 * 5);
  EXPECT_EQ(cost.upload.connections, 1);
  EXPECT_EQ(cost.upload.bytes_sent,
            learning::EncodedUpdateBytes(plan_.codec,
                                         model_->layout().num_parameters()));
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const learning::MemoryPlan memory,
      learning::PlanLocalUpdate(*model_, plan_.training, 100, std::nullopt));
  EXPECT_EQ(cost.step.flops, 20 * learning::FlopsPerExample(*model_, memory));
}

// The parts of a gradient that is all there is come before its one step, so
// that what is asked of the budget before each of them is no more than one of
// them.
TEST_F(PlanMenuTest, OfOneGradientThereIsOneStep) {
  const PlanCost plain = Make()[0].cost;
  plan_.algorithm = learning::FedSgdLocal{};
  plan_.training.epochs = 1;
  plan_.training.sub_model_layers = {};
  const std::vector<MenuEntry> menu = Make();
  ASSERT_EQ(menu.size(), 1u);
  EXPECT_EQ(menu[0].cost.num_steps, 1);
  EXPECT_DOUBLE_EQ(menu[0].cost.step.flops, plain.step.flops);
  EXPECT_DOUBLE_EQ(menu[0].cost.before.flops,
                   plain.before.flops + 4 * plain.step.flops);
}

TEST_F(PlanMenuTest, ControlVariatesAreSentAndTakeAPassOverTheExamples) {
  plan_.training.sub_model_layers = {};
  const PlanCost plain = Make()[0].cost;
  plan_.algorithm = learning::ScaffoldLocal{10, 2};
  const PlanCost second = Make()[0].cost;
  EXPECT_EQ(second.upload.bytes_sent,
            learning::EncodedUpdateBytes(
                plan_.codec, 2 * model_->layout().num_parameters()));
  EXPECT_EQ(second.before.flops, plain.before.flops);
  plan_.algorithm = learning::ScaffoldLocal{10, 1};
  const PlanCost first = Make()[0].cost;
  EXPECT_DOUBLE_EQ(first.before.flops,
                   plain.before.flops + 5 * plain.step.flops);
}

TEST_F(PlanMenuTest, SmallerMiniBatchesAreAsMuchWorkInSmallerParts) {
  const std::vector<MenuEntry> menu = Make();
  const auto smallest = std::find_if(
      menu.begin(), menu.end(),
      [](const MenuEntry& entry) { return entry.less == "mini-batches of 5"; });
  ASSERT_NE(smallest, menu.end());
  EXPECT_EQ(smallest->cost.num_steps, 4 * menu[0].cost.num_steps);
  EXPECT_DOUBLE_EQ(smallest->cost.step.flops, menu[0].cost.step.flops / 4);
  EXPECT_DOUBLE_EQ(smallest->cost.worth, 0.98 * 0.98);
}

TEST_F(PlanMenuTest, FewerEpochsAreWorthTheRootOfTheirShare) {
  const std::vector<MenuEntry> menu = Make();
  EXPECT_EQ(menu[1].less, "2 of 5 epochs");
  EXPECT_DOUBLE_EQ(menu[1].cost.worth, std::sqrt(0.4));
  EXPECT_EQ(menu[1].cost.num_steps, 2 * 5);
}

TEST_F(PlanMenuTest, LayersAreKeptUnlessThePlanOffersFewer) {
  plan_.training.sub_model_layers = {};
  for (const MenuEntry& entry : Make()) {
    EXPECT_EQ(entry.training.last_layers, 0);
  }
}

TEST_F(PlanMenuTest, FewerLayersSendAndComputeLess) {
  const std::vector<MenuEntry> menu = Make();
  const auto last = std::find_if(
      menu.begin(), menu.end(),
      [](const MenuEntry& entry) { return entry.less == "the last layer"; });
  ASSERT_NE(last, menu.end());
  EXPECT_EQ(last->training.last_layers, 1);
  EXPECT_LT(last->cost.step.flops, menu[0].cost.step.flops);
  EXPECT_EQ(last->cost.upload.bytes_sent,
            learning::EncodedUpdateBytes(plan_.codec, 24 * 4 + 4));
}

TEST_F(PlanMenuTest, SubModelsSendAndComputeLess) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto half,
                             learning::SubModel::Create(*model_, 0.5));
  models_.push_back({half->narrow(), 0.5, std::nullopt});
  const std::vector<MenuEntry> menu = Make();
  const auto narrow =
      std::find_if(menu.begin(), menu.end(),
                   [](const MenuEntry& entry) { return entry.model == 1; });
  ASSERT_NE(narrow, menu.end());
  EXPECT_EQ(narrow->less, "a sub-model of width 0.5");
  EXPECT_LT(narrow->cost.step.flops, menu[0].cost.step.flops);
  EXPECT_LT(narrow->cost.upload.bytes_sent, menu[0].cost.upload.bytes_sent);
  // The whole model is fetched all the same.
  EXPECT_EQ(narrow->cost.before.bytes_received, 7000);
}

TEST_F(PlanMenuTest, WhatDoesNotFitIsNotOffered) {
  const int64_t whole = Make()[0].block_bytes;
  models_[0].block_bytes = whole - 1;
  for (const MenuEntry& entry : Make()) {
    EXPECT_LT(entry.block_bytes, whole);
  }
  models_[0].block_bytes = 100;
  EXPECT_THAT(Make(), IsEmpty());
}

TEST_F(PlanMenuTest, WhatTheMemoryPlanGivesUpIsSaid) {
  plan_.model.architecture =
      learning::CnnSpec{learning::CnnPreset::kMobile, {28, 28, 1}, 4};
  SHOAL_ASSERT_OK_AND_ASSIGN(model_, learning::Model::Create(plan_.model));
  models_[0].model = model_.get();
  models_[0].block_bytes = Make()[0].block_bytes - 1;
  const std::vector<MenuEntry> menu = Make();
  ASSERT_FALSE(menu.empty());
  EXPECT_EQ(menu[0].training, plan_.training);
  EXPECT_EQ(menu[0].less,
            "to fit into memory computes activations again on the way back (a "
            "step takes about a third longer)");
}

TEST_F(PlanMenuTest, UpdateThatIsTooLargeForThePlanIsNotOffered) {
  plan_.limits.upload_bytes = 10;
  EXPECT_THAT(Make(), IsEmpty());
}

}  // namespace
}  // namespace shoal::client
