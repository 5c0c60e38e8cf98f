#include "client/own_trainer.h"

#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "client/client_state.h"
#include "client/predictor.h"
#include "client/session_run.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learning/update_codec.h"
#include "tests/support/fake_fleet.h"
#include "tests/support/fake_transport.h"
#include "tests/support/status_matchers.h"

namespace shoal::client {
namespace {

using protocol::AbandonReason;
using ::testing::ElementsAre;
using testing::FakeFleet;
using testing::FakeTransport;
using ::testing::HasSubstr;
using testing::StatusIs;

// Adds one to every parameter with every step, and writes down its calls.
class CountingTrainer final : public Trainer {
 public:
  int64_t num_examples() const override { return examples; }

  absl::StatusOr<TrainingCost> Plan(const TrainingTask& task) override {
    if (!refusal.ok()) return refusal;
    TrainingCost cost;
    cost.num_steps = task.epochs * steps_per_epoch;
    cost.memory_bytes = memory_bytes + task.epochs * memory_per_epoch;
    return cost;
  }
  absl::Status Begin(const TrainingTask& asked,
                     absl::Span<const float> base) override {
    task = asked;
    begun_with.assign(base.begin(), base.end());
    steps = 0;
    calls += "begin ";
    return absl::OkStatus();
  }
  absl::Status Step() override {
    calls += "step ";
    ++steps;
    if (on_step) on_step();
    return step_result;
  }
  absl::StatusOr<TrainingMetrics> Finish(absl::Span<float> delta) override {
    calls += "finish ";
    for (float& value : delta) value = step_size * static_cast<float>(steps);
    return metrics;
  }
  void Cancel() override { calls += "cancel "; }

  int64_t examples = 20;
  int64_t steps_per_epoch = 2;
  int64_t memory_bytes = 0;
  int64_t memory_per_epoch = 0;
  float step_size = 1;
  absl::Status refusal;
  absl::Status step_result;
  std::function<void()> on_step;
  TrainingMetrics metrics = {20, 30.0, 5};

  TrainingTask task;
  std::vector<float> begun_with;
  int steps = 0;
  std::string calls;
};

class OwnTrainerTest : public ::testing::Test {
 protected:
  OwnTrainerTest() {
    plan_ = testing::SmallPlan();
    plan_.model.architecture = learning::ExternalSpec{3, 2};
    options_.population = FakeFleet::kPopulation;
    options_.clock = &clock_;
    options_.permission = [this] { return permission_; };
    options_.on_event = [this](const ClientEvent& event) {
      details_ += event.detail + "\n";
    };
  }

  SessionReport Run() {
    fleet_ = std::make_unique<FakeFleet>(plan_);
    FakeTransport transport(*fleet_);
    auto result = RunSession(options_, transport, state_,
                             TrainingSource(trainer_), [](absl::Duration) {});
    EXPECT_THAT(result, testing::IsOk());
    return result.ok() ? result->report : SessionReport();
  }
  learning::DecodedUpdate Counted() {
    const std::vector<std::string> counted = fleet_->counted();
    EXPECT_EQ(counted.size(), 1u);
    update_ = counted.at(0);
    return *learning::DecodeUpdate(update_, 3);
  }

  VirtualClock clock_;
  protocol::Plan plan_;
  SessionRunOptions options_;
  std::unique_ptr<FakeFleet> fleet_;
  MemoryState state_;
  Permission permission_ = Permission::kGoOn;
  CountingTrainer trainer_;
  std::string details_;
  std::string update_;
};

TEST_F(OwnTrainerTest, ItsChangeIsTheUpdate) {
  plan_.algorithm = learning::FedProxLocal{0.5};
  plan_.training.optimizer = {learning::SgdOptimizer{.momentum = 0.25}};
  const SessionReport report = Run();
  EXPECT_EQ(report.outcome, SessionReport::kContributed);
  EXPECT_EQ(report.num_steps, 4);
  EXPECT_EQ(report.base_loss, 1.5);
  EXPECT_EQ(report.base_accuracy, 0.25);
  EXPECT_EQ(trainer_.calls, "begin step step step step finish ");
  EXPECT_THAT(trainer_.begun_with, ElementsAre(0, 0, 0));
  const TrainingTask& task = trainer_.task;
  EXPECT_EQ(task.task, "small-task");
  EXPECT_EQ(task.round_number, 2);
  ASSERT_EQ(task.tensors.size(), 1u);
  EXPECT_EQ(task.tensors[0].name, "values");
  EXPECT_THAT(task.tensors[0].dims, ElementsAre(3));
  EXPECT_EQ(task.num_parameters, 3);
  EXPECT_EQ(task.epochs, 2);
  EXPECT_EQ(task.batch_size, 5);
  EXPECT_EQ(task.learning_rate, 0.1);
  EXPECT_EQ(task.proximal_mu, 0.5);
  EXPECT_EQ(task.momentum, 0.25);
  const learning::DecodedUpdate update = Counted();
  EXPECT_THAT(update.delta, ElementsAre(4, 4, 4));
  EXPECT_EQ(update.report.num_examples, 20);
  EXPECT_EQ(update.report.num_steps, 4);
  EXPECT_EQ(update.report.base_num_correct, 5);
}

TEST_F(OwnTrainerTest, ModelsOfTasksComeAsTheirTensors) {
  plan_.model.architecture = learning::LogisticSpec{4, 3};
  EXPECT_EQ(Run().outcome, SessionReport::kContributed);
  ASSERT_EQ(trainer_.task.tensors.size(), 2u);
  EXPECT_THAT(trainer_.task.tensors[0].dims, ElementsAre(4, 3));
  EXPECT_EQ(trainer_.task.num_parameters, 15);
}

TEST_F(OwnTrainerTest, NewestModelIsThereForWhoeverComputesWithIt) {
  EXPECT_THAT(LoadNewestValues(state_),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  Run();
  SHOAL_ASSERT_OK_AND_ASSIGN(const ModelValues newest,
                             LoadNewestValues(state_));
  EXPECT_EQ(newest.task, "small-task");
  EXPECT_EQ(newest.version, 1);
  EXPECT_THAT(newest.values, ElementsAre(0, 0, 0));
  Predictor predictor(state_);
  EXPECT_THAT(predictor.Predict({1.0f}),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("a product's own")));
}

TEST_F(OwnTrainerTest, FedNovaDividesByItsSteps) {
  plan_.algorithm = learning::FedNovaLocal{};
  EXPECT_EQ(Run().outcome, SessionReport::kContributed);
  const learning::DecodedUpdate update = Counted();
  EXPECT_THAT(update.delta, ElementsAre(1, 1, 1));
  EXPECT_EQ(update.report.divisor, 4);
}

TEST_F(OwnTrainerTest, AlgorithmsThatAreNotAnalysedForItAreRefused) {
  plan_.model.architecture = learning::LogisticSpec{1, 2};
  plan_.algorithm = learning::ScaffoldLocal{10, 2};
  const SessionReport report = Run();
  EXPECT_THAT(fleet_->abandoned(), ElementsAre(AbandonReason::kTraining));
  EXPECT_THAT(report.explanation,
              HasSubstr("scaffold is not known to work with trainers of the "
                        "devices' own"));
}

TEST_F(OwnTrainerTest, WhatTheTaskDoesNotTrainStaysAsItIs) {
  plan_.model.architecture = learning::MlpSpec{2, {1}, 2};
  plan_.training.last_layers = 1;
  EXPECT_EQ(Run().outcome, SessionReport::kContributed);
  ASSERT_EQ(trainer_.task.tensors.size(), 4u);
  EXPECT_FALSE(trainer_.task.tensors[0].trained);
  EXPECT_FALSE(trainer_.task.tensors[1].trained);
  EXPECT_TRUE(trainer_.task.tensors[2].trained);
  EXPECT_TRUE(trainer_.task.tensors[3].trained);
  const std::vector<std::string> counted = fleet_->counted();
  ASSERT_EQ(counted.size(), 1u);
  SHOAL_ASSERT_OK_AND_ASSIGN(const learning::DecodedUpdate update,
                             learning::DecodeUpdate(counted[0], 7));
  EXPECT_THAT(update.delta, ElementsAre(0, 0, 0, 4, 4, 4, 4));
}

TEST_F(OwnTrainerTest, FedNovaTakesNoMoreStepsThanThereCanBe) {
  plan_.algorithm = learning::FedNovaLocal{};
  trainer_.steps_per_epoch = 21;  // of 20 examples
  const SessionReport report = Run();
  EXPECT_THAT(fleet_->abandoned(), ElementsAre(AbandonReason::kTraining));
  EXPECT_THAT(report.explanation,
              HasSubstr("plans 42 steps, with fednova at most 40"));
}

TEST_F(OwnTrainerTest, FedNovaCountsStepsByTheRoundsLearningRate) {
  plan_.algorithm = learning::FedNovaLocal{};
  // Half of the plan's rate in the second of three rounds that warm up.
  plan_.training.schedule.warmup_rounds = 3;
  EXPECT_EQ(Run().outcome, SessionReport::kContributed);
  EXPECT_DOUBLE_EQ(trainer_.task.learning_rate, 0.05);
  EXPECT_DOUBLE_EQ(Counted().report.divisor, 2);
}

TEST_F(OwnTrainerTest, TrainerThatCancelsItselfIsNotAStop) {
  trainer_.step_result = absl::CancelledError("enough");
  const SessionReport report = Run();
  EXPECT_EQ(report.outcome, SessionReport::kAbandoned);
  EXPECT_THAT(report.explanation, HasSubstr("cancelled itself: enough"));
}

TEST_F(OwnTrainerTest, MemoryBeyondEveryDeviceIsNonsense) {
  trainer_.memory_bytes = std::numeric_limits<int64_t>::max();
  options_.memory_bytes = 5000;
  EXPECT_EQ(Run().outcome, SessionReport::kAbandoned);
  EXPECT_TRUE(fleet_->counted().empty());
}

TEST_F(OwnTrainerTest, StepsDoneCountWhenTrainingEndsEarly) {
  trainer_.on_step = [this] { permission_ = Permission::kFinishTraining; };
  EXPECT_EQ(Run().outcome, SessionReport::kContributed);
  EXPECT_EQ(trainer_.calls, "begin step finish ");
  EXPECT_THAT(Counted().delta, ElementsAre(1, 1, 1));
  EXPECT_THAT(details_, HasSubstr("stopped early"));
}

TEST_F(OwnTrainerTest, StoppedSessionCancelsTheTraining) {
  trainer_.on_step = [this] { permission_ = Permission::kStop; };
  EXPECT_EQ(Run().outcome, SessionReport::kCancelled);
  EXPECT_EQ(trainer_.calls, "begin step cancel ");
  EXPECT_TRUE(fleet_->counted().empty());
}

TEST_F(OwnTrainerTest, TaskThatTheEngineCannotDoIsGivenUpBeforeTheDownload) {
  trainer_.refusal = absl::InvalidArgumentError("the engine has four weights");
  const SessionReport report = Run();
  EXPECT_EQ(report.outcome, SessionReport::kAbandoned);
  EXPECT_EQ(report.bytes_received, 0);
  EXPECT_THAT(fleet_->abandoned(), ElementsAre(AbandonReason::kTraining));
  EXPECT_THAT(report.explanation, HasSubstr("the engine has four weights"));
}

TEST_F(OwnTrainerTest, EngineBeyondTheMemoryIsRefusedBeforeTheDownload) {
  trainer_.memory_bytes = 5000;
  options_.memory_bytes = 5000;
  const SessionReport report = Run();
  EXPECT_EQ(report.bytes_received, 0);
  EXPECT_THAT(fleet_->abandoned(), ElementsAre(AbandonReason::kMemory));
  EXPECT_THAT(report.explanation,
              HasSubstr("this device may use 5000 bytes of memory, its trainer "
                        "and the model take 5024"));
}

TEST_F(OwnTrainerTest, FewerEpochsAreTakenWhereAllAreTooMuchMemory) {
  plan_.training.epochs = 4;
  trainer_.memory_per_epoch = 10000;
  options_.memory_bytes = 30000;
  EXPECT_EQ(Run().num_steps, 4) << details_;
  EXPECT_EQ(trainer_.task.epochs, 2);
  EXPECT_THAT(details_, HasSubstr("2 of 4 epochs"));
  EXPECT_EQ(Counted().report.limit, learning::WorkLimit::kMemory);
}

TEST_F(OwnTrainerTest, DeviceWithoutExamplesStaysAway) {
  trainer_.examples = 0;
  Run();
  EXPECT_THAT(fleet_->abandoned(), ElementsAre(AbandonReason::kData));
}

TEST_F(OwnTrainerTest, NonsenseOfTheEngineIsNotSent) {
  const auto refused = [this](const char* sentence) {
    const SessionReport report = Run();
    EXPECT_EQ(report.outcome, SessionReport::kAbandoned);
    EXPECT_THAT(report.explanation, HasSubstr(sentence));
    EXPECT_TRUE(fleet_->counted().empty());
  };
  trainer_.step_size = std::numeric_limits<float>::infinity();
  refused("value 0 is not finite");
  trainer_.step_size = 1;
  trainer_.metrics.num_examples = 0;
  refused("tells of 0 examples");
  trainer_.metrics = {20, -1.0, 5};
  refused("a loss of -1");
  trainer_.metrics = {20, 1.0, 21};
  refused("21 right predictions");
  trainer_.metrics = {20, 1.0, 5};
  trainer_.steps_per_epoch = 0;
  refused("the trainer plans 0 steps");
}

TEST_F(OwnTrainerTest, UnderPrivacyTrainingThatFailsCountsAsZeros) {
  plan_.noisy_sums = true;
  const auto counts_as_zeros = [this](const char* why) {
    EXPECT_EQ(Run().outcome, SessionReport::kContributed);
    EXPECT_THAT(Counted().delta, ElementsAre(0, 0, 0));
    EXPECT_THAT(details_, HasSubstr(why));
    EXPECT_THAT(details_, HasSubstr("zeros count in place of an update"));
    trainer_ = CountingTrainer();
    details_.clear();
  };
  trainer_.step_size = std::numeric_limits<float>::quiet_NaN();
  counts_as_zeros("value 0 is not finite");
  trainer_.metrics.base_loss_sum = std::numeric_limits<double>::infinity();
  counts_as_zeros("a loss of inf");
  trainer_.step_result = absl::AbortedError("weights beyond all bounds");
  counts_as_zeros("weights beyond all bounds");

  // Neither examples that cannot be read nor nonsense do.
  trainer_.step_result = absl::DataLossError("no such file");
  Run();
  EXPECT_THAT(fleet_->abandoned(), ElementsAre(AbandonReason::kData));
  trainer_.step_result = absl::OkStatus();
  trainer_.metrics.num_examples = 0;
  Run();
  EXPECT_THAT(fleet_->abandoned(), ElementsAre(AbandonReason::kTraining));
}

TEST_F(OwnTrainerTest, FailedStepGivesTheAssignmentUp) {
  trainer_.step_result = absl::AbortedError("the engine is on fire");
  const SessionReport report = Run();
  EXPECT_THAT(fleet_->abandoned(), ElementsAre(AbandonReason::kTraining));
  EXPECT_THAT(report.explanation, HasSubstr("the engine is on fire"));
  EXPECT_EQ(trainer_.calls, "begin step cancel ");
}

}  // namespace
}  // namespace shoal::client
