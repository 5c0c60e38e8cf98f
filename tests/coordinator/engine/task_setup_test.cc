#include "coordinator/engine/task_setup.h"

#include "absl/strings/str_cat.h"
#include "base/units.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learning/device_memory.h"
#include "learning/feature_statistics.h"
#include "learning/initial_model.h"
#include "learning/model.h"
#include "tests/coordinator/engine/engine_fixture.h"

namespace shoal::coordinator {
namespace {

using ::shoal::testing::IsOk;
using ::shoal::testing::StatusIs;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

// The narrowest sub-model may fit where the model does not.
TEST(TaskSetupTest, MemoryLimitHasToLetSomeDeviceTrain) {
  configuration::Task task = SmallTask();
  task.model = {learning::MlpSpec{4, {64}, 2}};
  const auto model = Require(learning::Model::Create(task.model));
  const int64_t least =
      Require(learning::LeastMemoryBytes(*model, task.training, 1));
  task.device_limits.memory_bytes = least;
  EXPECT_THAT(MakeTaskSetup(task), IsOk());
  task.device_limits.memory_bytes = least - 1;
  EXPECT_THAT(MakeTaskSetup(task),
              StatusIs(kInvalid, HasSubstr(absl::StrCat(
                                     "device_limits.memory: ", least - 1,
                                     "B lets no device train this model, "
                                     "expected at least ",
                                     SizeText(least)))));
  task.training.sub_model_widths = {0.5};
  EXPECT_THAT(MakeTaskSetup(task), IsOk());
}

TEST(TaskSetupTest, UpdatesAreOfTheModelOrOfItsSubModels) {
  configuration::Task task = SmallTask();
  EXPECT_THAT(Require(MakeTaskSetup(task))->update_values,
              ElementsAre(kParameters));
  task.model = {learning::MlpSpec{4, {8}, 2}};
  task.training.sub_model_widths = {0.5, 0.25};
  EXPECT_THAT(Require(MakeTaskSetup(task))->update_values,
              ElementsAre(4 * 8 + 8 + 8 * 2 + 2, 4 * 4 + 4 + 4 * 2 + 2,
                          4 * 2 + 2 + 2 * 2 + 2));
}

TEST(TaskSetupTest, PrivacyThatNobodyHasAnalysedIsRefused) {
  configuration::Task task = SmallTask();
  task.differential_privacy.emplace();
  task.round.weighting = configuration::Weighting::kExamples;
  EXPECT_THAT(MakeTaskSetup(task),
              StatusIs(kInvalid, HasSubstr("differential_privacy: needs "
                                           "round.weighting uniform")));
}

TEST(TaskSetupTest, ImpossibleModelIsRefused) {
  configuration::Task task = SmallTask();
  task.model = learning::ModelSpec{learning::LogisticSpec{0, 2}};
  EXPECT_THAT(MakeTaskSetup(task), StatusIs(kInvalid));
}

TEST(TaskSetupTest, BoundsThatTheSumCannotHoldPreciselyAreRefused) {
  configuration::Task task = SmallTask();
  task.update_limits.norm_bound = 1e12;
  EXPECT_THAT(MakeTaskSetup(task),
              StatusIs(kInvalid, AllOf(HasSubstr("norm_bound"),
                                       HasSubstr("max_examples"))));
  task.update_limits.max_examples = 100;
  EXPECT_THAT(MakeTaskSetup(task), IsOk());
}

TEST(TaskSetupTest, ImpossibleNormBoundsAreRefused) {
  configuration::Task task = SmallTask();
  for (const double bound : {0.0, -1.0, std::nan(""), HUGE_VAL}) {
    task.update_limits.norm_bound = bound;
    EXPECT_THAT(MakeTaskSetup(task), StatusIs(kInvalid)) << bound;
  }
}

TEST(TaskSetupTest, EveryBoundThatIsAcceptedHasTheScaleThatIsPromised) {
  configuration::Task task = SmallTask();
  RoundRow round;
  round.max_assigned = task.round.max_assigned();
  for (double bound = 1e-6; bound < 1e15; bound *= 3) {
    task.update_limits.norm_bound = bound;
    if (!MakeTaskSetup(task).ok()) continue;
    round.norm_bound = bound;
    EXPECT_GE(RangeOf(task, round).Scale(), kMinScale) << bound;
  }
}

TEST(TaskSetupTest, AutomaticNormBoundStaysPrecise) {
  const configuration::Task task = SmallTask();
  RoundRow round;
  round.max_assigned = task.round.max_assigned();
  round.norm_bound = NormBound(task, 1e30);
  EXPECT_LT(round.norm_bound, 1e12);
  EXPECT_GE(RangeOf(task, round).Scale(), kMinScale);
}

TEST(TaskSetupTest, ModelThatStandardisesHasNoInitialModelOfItsOwn) {
  configuration::Task task = SmallTask();
  task.model.preprocessing.standardise = true;
  const auto setup = Require(MakeTaskSetup(task));
  EXPECT_THAT(InitialModel(*setup, ""),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("create the task with --statistics")));
  learning::FeatureStatistics statistics(2);
  statistics.Add({1, 10, 3, 30});
  const std::string given =
      Require(learning::MakeInitialModel(task.model, 1, &statistics));
  EXPECT_EQ(Require(InitialModel(*setup, given)), given);
}

TEST(TaskSetupTest, InitialModelComesFromTheSeed) {
  configuration::Task task = SmallTask();
  task.model = learning::ModelSpec{learning::MlpSpec{2, {3}, 2}};
  task.seed = 1;
  const auto one = Require(MakeTaskSetup(task));
  task.seed = 2;
  const auto two = Require(MakeTaskSetup(task));
  EXPECT_EQ(Require(InitialModel(*one, "")), Require(InitialModel(*one, "")));
  EXPECT_NE(Require(InitialModel(*one, "")), Require(InitialModel(*two, "")));
}

configuration::Task ScaffoldTask() {
  configuration::Task task = SmallTask();
  task.algorithm = learning::ScaffoldLocal{100, 2};
  task.round.weighting = configuration::Weighting::kUniform;
  return task;
}

TEST(TaskSetupTest, ScaffoldDoublesUpdatesAndBeginsWithoutControl) {
  const auto setup = Require(MakeTaskSetup(ScaffoldTask()));
  EXPECT_THAT(setup->update_values, ElementsAre(2 * kParameters));
  const auto model =
      Require(learning::ParseModel(Require(InitialModel(*setup, ""))));
  EXPECT_EQ(model.control, learning::ParameterVector(kParameters));
  // Control variates of another task are none of this one's.
  const std::string given =
      learning::SerializeModel(setup->layout, model.parameters,
                               learning::ParameterVector(kParameters, 1));
  EXPECT_EQ(Require(learning::ParseModel(Require(InitialModel(*setup, given))))
                .control,
            learning::ParameterVector(kParameters));
  const auto plain = Require(MakeTaskSetup(SmallTask()));
  EXPECT_TRUE(
      Require(learning::ParseModel(Require(InitialModel(*plain, given))))
          .control.empty());
}

TEST(TaskSetupTest, ScaffoldWithWeightsOrMomentumIsRefused) {
  configuration::Task task = ScaffoldTask();
  task.round.weighting = configuration::Weighting::kExamples;
  EXPECT_THAT(MakeTaskSetup(task),
              StatusIs(kInvalid, HasSubstr("needs round.weighting uniform")));
  task = ScaffoldTask();
  task.server_optimizer = configuration::SgdServerOptions{.momentum = 0.5};
  EXPECT_THAT(MakeTaskSetup(task),
              StatusIs(kInvalid, HasSubstr("without momentum")));
}

// A weight of 1 leaves more of the fixed point for the values.
TEST(TaskSetupTest, UniformWeightsAreSummedUpMorePrecisely) {
  configuration::Task task = SmallTask();
  RoundRow round;
  round.norm_bound = 10;
  round.max_assigned = 4;
  const double weighted = RangeOf(task, round).Scale();
  task.round.weighting = configuration::Weighting::kUniform;
  EXPECT_EQ(RangeOf(task, round).max_weight, 1);
  EXPECT_GT(RangeOf(task, round).Scale(), weighted);
}

TEST(TaskSetupTest, GivenModelMustFitTheTask) {
  const auto setup = Require(MakeTaskSetup(SmallTask()));
  EXPECT_THAT(InitialModel(*setup, "rubbish"),
              StatusIs(kInvalid, HasSubstr("initial model")));
  const auto other =
      Require(learning::Model::Create({learning::LogisticSpec{3, 2}}));
  const std::string bytes = learning::SerializeModel(
      other->layout(),
      learning::ParameterVector(other->layout().num_parameters()));
  EXPECT_THAT(InitialModel(*setup, bytes),
              StatusIs(kInvalid, HasSubstr("tensor 1 is ")));
}

}  // namespace
}  // namespace shoal::coordinator
