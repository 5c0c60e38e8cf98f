// Training on a device must not touch the heap. Under sanitizers these tests
// only look for errors.
#include <algorithm>
#include <cstdlib>
#include <vector>

#include "base/allocation_counter.h"
#include "gtest/gtest.h"
#include "learning/predictor.h"
#include "tests/learning/model_examples.h"

namespace shoal::learning {
namespace {

class AllocationTest : public ::testing::TestWithParam<NamedModel> {};

TEST_P(AllocationTest, NothingIsAllocatedOnceTrainingStarts) {
  const auto model = MakeModel(GetParam().spec);
  const ParameterVector start = RandomParameters(*model, 1);
  const Examples examples(*model, 8, 2);
  const LocalOptimizer optimizers[] = {
      {SgdOptimizer{}},
      {SgdOptimizer{.momentum = 0.9, .weight_decay = 0.1}},
      {AdamOptimizer{}},
      {AdamOptimizer{.decoupled = true}, /*clip_norm=*/1}};
  for (const LocalOptimizer& optimizer : optimizers) {
    for (const bool recompute : {false, true}) {
      for (const int64_t micro : {8, 3}) {
        TestTrainer trainer(
            *model, optimizer,
            {.batch_rows = 8, .micro_rows = micro, .recompute = recompute},
            start);
        const int64_t before = NumAllocations();
        trainer->ResetOptimizer();
        trainer->StartStep(8, {.learning_rate = 0.01f});
        for (int64_t at = 0; at < 8; at += micro) {
          trainer->AddPart(examples.part(at, std::min<int64_t>(micro, 8 - at)));
        }
        trainer->FinishStep();
        EXPECT_EQ(NumAllocations() - before, 0);
      }
    }
  }
}

TEST_P(AllocationTest, NothingIsAllocatedOncePredictionStarts) {
  const auto model = MakeModel(GetParam().spec);
  const ParameterVector parameters = RandomParameters(*model, 1);
  const Examples examples(*model, 8, 2);
  OwnedPredictor predictor(*model, 8);
  const int64_t before = NumAllocations();
  predictor->Predict(parameters, examples.batch().features);
  predictor->Evaluate(parameters, examples.batch());
  predictor->Predict(parameters, examples.part(0, 1).features);
  EXPECT_EQ(NumAllocations() - before, 0);
}

INSTANTIATE_TEST_SUITE_P(Models, AllocationTest,
                         ::testing::ValuesIn(EveryModel()),
                         [](const auto& info) { return info.param.name; });

TEST(AllocationCounterTest, CountsAllocations) {
  if (!CountsAllocations()) GTEST_SKIP() << "this build does not count";
  const int64_t before = NumAllocations();
  volatile size_t size = 10;
  std::free(std::malloc(size));
  delete new int(1);
  const std::vector<float> values(size);
  const Block block(1000);
  EXPECT_GE(NumAllocations() - before, 4);
}

}  // namespace
}  // namespace shoal::learning
