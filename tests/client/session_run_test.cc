#include "client/session_run.h"

#include <functional>
#include <limits>
#include <utility>

#include "base/random.h"
#include "client/device_plan.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learning/device_memory.h"
#include "learning/local_update.h"
#include "learning/update_codec.h"
#include "protocol/refusal.h"
#include "tests/support/fake_transport.h"
#include "tests/support/small_examples.h"
#include "tests/support/status_matchers.h"

namespace shoal::client {
namespace {

using protocol::AbandonReason;
using ::testing::ElementsAre;
using testing::FakeFleet;
using testing::FakeTransport;
using ::testing::HasSubstr;
using testing::Rpc;
using testing::SmallExamples;

absl::Status Unavailable() { return absl::UnavailableError("gone"); }

// A device, a coordinator and everything between them.
class SessionRunTest : public ::testing::Test {
 protected:
  SessionRunTest() {
    options_.population = FakeFleet::kPopulation;
    options_.seed = 5;
    options_.clock = &clock_;
    options_.permission = [this] { return permission_; };
    options_.on_event = [this](const ClientEvent& event) {
      events_.push_back(event.kind);
      details_ += event.detail + "\n";
    };
  }

  void UsePlan(const protocol::Plan& plan) {
    fleet_ = std::make_unique<FakeFleet>(plan);
    transport_ = std::make_unique<FakeTransport>(*fleet_);
  }

  SessionReport Run(const learning::Dataset& data = SmallExamples()) {
    auto result = RunSession(options_, *transport_, state_, data, wait_);
    EXPECT_THAT(result, testing::IsOk());
    return result.ok() ? result->report : SessionReport();
  }

  VirtualClock clock_;
  SessionRunOptions options_;
  std::unique_ptr<FakeFleet> fleet_ = std::make_unique<FakeFleet>();
  std::unique_ptr<FakeTransport> transport_ =
      std::make_unique<FakeTransport>(*fleet_);
  MemoryState state_;
  Permission permission_ = Permission::kGoOn;
  std::function<void(absl::Duration)> wait_ = [this](absl::Duration delay) {
    waited_.push_back(delay);
    clock_.Advance(delay);
  };
  std::vector<absl::Duration> waited_;
  std::vector<ClientEvent::Kind> events_;
  std::string details_;
};

TEST_F(SessionRunTest, ContributesWhatTrainingComputes) {
  const auto data = SmallExamples();
  const SessionReport report = Run(data);
  EXPECT_EQ(report.outcome, SessionReport::kContributed);
  EXPECT_EQ(report.next_check_in, FakeFleet::kNextCheckIn);

  const protocol::Plan plan = testing::SmallPlan();
  SHOAL_ASSERT_OK_AND_ASSIGN(auto model, learning::Model::Create(plan.model));
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto base,
                             learning::ParseModel(fleet_->model()));
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const learning::LocalUpdate expected,
      learning::ComputeLocalUpdate(
          *model, base.parameters, data, plan.training, plan.algorithm,
          {.seed = DeriveSeed(5, "train", {2}), .round = 1}));
  const std::vector<std::string> counted = fleet_->counted();
  ASSERT_EQ(counted.size(), 1u);
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const auto update,
      learning::DecodeUpdate(counted[0], base.parameters.size()));
  EXPECT_EQ(std::vector<float>(update.delta.begin(), update.delta.end()),
            expected.delta);
  EXPECT_EQ(update.report.num_examples, 20);
  EXPECT_EQ(update.report.num_steps, 8);
  EXPECT_DOUBLE_EQ(update.report.base_loss_sum, expected.base_score.loss_sum);
}

TEST_F(SessionRunTest, ReportsWhatHappened) {
  const SessionReport report = Run();
  EXPECT_EQ(report.task, "small-task");
  EXPECT_EQ(report.round_id, 3);
  EXPECT_EQ(report.model_version, 1);
  EXPECT_EQ(report.num_steps, 8);
  EXPECT_NEAR(report.base_loss, std::log(3.0), 1e-6);  // all parameters zero
  EXPECT_EQ(report.bytes_received,
            static_cast<int64_t>(fleet_->model().size()));
  EXPECT_EQ(report.bytes_sent,
            static_cast<int64_t>(fleet_->counted()[0].size()));
  EXPECT_THAT(events_,
              ElementsAre(ClientEvent::kCheckedIn, ClientEvent::kAssigned,
                          ClientEvent::kFetched, ClientEvent::kTrained,
                          ClientEvent::kUploaded, ClientEvent::kEnded));
}

TEST_F(SessionRunTest, CheckInSaysWhatTheDeviceHas) {
  options_.memory_bytes = 1 << 20;
  Run();
  const protocol::CheckIn& message = transport_->check_ins().front();
  EXPECT_EQ(message.population, FakeFleet::kPopulation);
  EXPECT_EQ(message.num_examples, 20);
  EXPECT_EQ(message.memory_bytes, 1 << 20);
  EXPECT_THAT(message.codecs, ElementsAre(learning::UpdateCodec::kFloat32));
}

TEST_F(SessionRunTest, WithoutATaskItIsToldToComeBack) {
  options_.population = "nobody";
  const SessionReport report = Run();
  EXPECT_EQ(report.outcome, SessionReport::kNotAssigned);
  EXPECT_EQ(report.next_check_in, FakeFleet::kNoTaskDelay);
  EXPECT_THAT(report.explanation, HasSubstr("no_task"));
}

TEST_F(SessionRunTest, InterruptedDownloadGoesOn) {
  transport_->set_bytes_before_failure(40);
  transport_->FailNext(Rpc::kFetchModel, Unavailable());
  EXPECT_EQ(Run().outcome, SessionReport::kContributed);
  EXPECT_EQ(transport_->offsets()[1], 40);
  EXPECT_EQ(transport_->bytes_received(),
            static_cast<int64_t>(fleet_->model().size()));
}

TEST_F(SessionRunTest, DownloadThatEndsEarlyGoesOn) {
  const std::string whole = fleet_->model();
  int fetches = 0;
  transport_->set_on_call([&](Rpc rpc) {
    if (rpc != Rpc::kFetchModel) return;
    transport_->set_served_model(++fetches == 1 ? whole.substr(0, 40) : whole);
  });
  EXPECT_EQ(Run().outcome, SessionReport::kContributed);
  EXPECT_EQ(transport_->offsets()[1], 40);
}

TEST_F(SessionRunTest, HeldModelIsNotFetchedAgain) {
  Run();
  const int64_t received = transport_->bytes_received();
  EXPECT_EQ(Run().outcome, SessionReport::kContributed);
  EXPECT_EQ(transport_->bytes_received(), received);
}

TEST_F(SessionRunTest, DamagedModelIsFetchedAgain) {
  std::string damaged = fleet_->model();
  damaged.back() ^= 1;
  int fetches = 0;
  transport_->set_on_call([&](Rpc rpc) {
    if (rpc != Rpc::kFetchModel) return;
    transport_->set_served_model(++fetches == 1 ? damaged : fleet_->model());
  });
  EXPECT_EQ(Run().outcome, SessionReport::kContributed);
  EXPECT_EQ(fetches, 2);
  EXPECT_THAT(details_, HasSubstr("SHA-256"));
}

TEST_F(SessionRunTest, ModelThatStaysDamagedIsGivenUp) {
  std::string damaged = fleet_->model();
  damaged.back() ^= 1;
  transport_->set_served_model(damaged);
  EXPECT_EQ(Run().outcome, SessionReport::kAbandoned);
  EXPECT_THAT(fleet_->abandoned(), ElementsAre(AbandonReason::kTraining));
}

TEST_F(SessionRunTest, ModelLongerThanAnnouncedIsNotKept) {
  transport_->set_served_model(fleet_->model() + "more");
  EXPECT_EQ(Run().outcome, SessionReport::kAbandoned);
  EXPECT_THAT(details_, HasSubstr("longer than the announced"));
}

TEST_F(SessionRunTest, ModelOfAnotherShapeIsGivenUpAndBothAreNamed) {
  learning::ModelSpec other;
  other.architecture = learning::LogisticSpec{5, 3};
  SHOAL_ASSERT_OK_AND_ASSIGN(auto model, learning::Model::Create(other));
  SeededRng rng(1);
  fleet_->SetModel(
      learning::SerializeModel(model->layout(), model->Initialise(rng)));
  const SessionReport report = Run();
  EXPECT_EQ(report.outcome, SessionReport::kAbandoned);
  EXPECT_THAT(fleet_->abandoned(), ElementsAre(AbandonReason::kTraining));
  EXPECT_THAT(report.explanation, HasSubstr("[5, 3]"));
  EXPECT_THAT(report.explanation, HasSubstr("[4, 3]"));
}

TEST_F(SessionRunTest, ExamplesThatDoNotFitAreSaidSoBeforeTheDownload) {
  const SessionReport report = Run(SmallExamples(20, 7));
  EXPECT_EQ(report.outcome, SessionReport::kAbandoned);
  EXPECT_THAT(fleet_->abandoned(), ElementsAre(AbandonReason::kData));
  EXPECT_THAT(report.explanation, HasSubstr("7 features"));
  EXPECT_EQ(report.bytes_received, 0);
}

TEST_F(SessionRunTest, AMissingFeatureIsTheFaultOfTheData) {
  std::vector<float> features(4 * 4, 0.5f);
  features[6] = std::numeric_limits<float>::quiet_NaN();
  const learning::InMemoryDataset data(std::move(features), {0, 1, 2, 0}, 4, 3);
  const SessionReport report = Run(data);
  EXPECT_EQ(report.outcome, SessionReport::kAbandoned);
  EXPECT_THAT(fleet_->abandoned(), ElementsAre(AbandonReason::kData));
  EXPECT_THAT(report.explanation, HasSubstr("a feature is missing (NaN)"));
}

TEST_F(SessionRunTest, AnInfiniteFeatureIsTheFaultOfTheData) {
  std::vector<float> features(4 * 4, 0.5f);
  features[9] = std::numeric_limits<float>::infinity();
  const learning::InMemoryDataset data(std::move(features), {0, 1, 2, 0}, 4, 3);
  EXPECT_EQ(Run(data).outcome, SessionReport::kAbandoned);
  EXPECT_THAT(fleet_->abandoned(), ElementsAre(AbandonReason::kData));
}

TEST_F(SessionRunTest, WhatWasGivenUpForMemoryIsToldWithTheTraining) {
  protocol::Plan plan = testing::SmallPlan();
  plan.model.architecture = learning::MlpSpec{4, std::vector<int>(12, 8), 3};
  plan.training.batch_size = 20;
  UsePlan(plan);
  SHOAL_ASSERT_OK_AND_ASSIGN(auto model, learning::Model::Create(plan.model));
  SeededRng rng(1);
  fleet_->SetModel(
      learning::SerializeModel(model->layout(), model->Initialise(rng)));
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const learning::MemoryPlan whole,
      learning::PlanLocalUpdate(*model, plan.training, 20, std::nullopt));
  options_.memory_bytes = learning::PeakMemoryBytes(*model, whole) - 1;
  EXPECT_EQ(Run().outcome, SessionReport::kContributed) << details_;
  EXPECT_THAT(details_, HasSubstr("steps on 20 examples, to fit into memory "
                                  "computes activations again"));
}

TEST_F(SessionRunTest, PlanBeyondTheMemoryIsGivenUpBeforeTheDownload) {
  options_.memory_bytes = 100;
  const SessionReport report = Run();
  EXPECT_EQ(report.outcome, SessionReport::kAbandoned);
  EXPECT_THAT(fleet_->abandoned(), ElementsAre(AbandonReason::kMemory));
  EXPECT_EQ(report.bytes_received, 0);
}

TEST_F(SessionRunTest, SubModelIsTrainedWhereTheModelHasNoRoom) {
  protocol::Plan plan = testing::SmallPlan();
  plan.model.architecture = learning::MlpSpec{4, {64}, 3};
  plan.training.sub_model_widths = {0.5, 0.25};
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto half,
                             DeviceModel::Create(plan.model, 0.5));
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const learning::MemoryPlan least,
      learning::PlanLocalUpdate(half->model(), plan.training, 20, {}));
  UsePlan(plan);
  options_.memory_bytes = learning::PeakMemoryBytes(half->model(), least);
  const SessionReport report = Run();
  EXPECT_EQ(report.outcome, SessionReport::kContributed);
  EXPECT_THAT(details_, HasSubstr("a sub-model of width 0.5"));
  const std::vector<std::string> counted = fleet_->counted();
  ASSERT_EQ(counted.size(), 1u);
  SHOAL_EXPECT_OK(learning::DecodeUpdate(
      counted[0], half->model().layout().num_parameters()));
  SHOAL_ASSERT_OK_AND_ASSIGN(const NewestModel newest, state_.LoadNewest());
  EXPECT_EQ(newest.width, 0.5);
}

TEST_F(SessionRunTest, RefusalNamesTheLeastThatTheNarrowestWouldTake) {
  protocol::Plan plan = testing::SmallPlan();
  plan.model.architecture = learning::MlpSpec{4, {64}, 3};
  plan.training.sub_model_widths = {0.5};
  UsePlan(plan);
  options_.memory_bytes = 100;
  const SessionReport report = Run();
  EXPECT_THAT(fleet_->abandoned(), ElementsAre(AbandonReason::kMemory));
  EXPECT_EQ(report.bytes_received, 0);
  EXPECT_THAT(report.explanation, HasSubstr("this device may use 100 bytes"));
}

TEST_F(SessionRunTest, SubModelIsUploadedWhereTheModelsUpdateIsTooLong) {
  protocol::Plan plan = testing::SmallPlan();
  plan.model.architecture = learning::MlpSpec{4, {64}, 3};
  plan.training.sub_model_widths = {0.5};
  plan.limits.upload_bytes = 1500;  // of 4 * 64 + 64 + 64 * 3 + 3 values: 2116
  UsePlan(plan);
  EXPECT_EQ(Run().outcome, SessionReport::kContributed);
  EXPECT_LT(fleet_->counted().at(0).size(), 1500u);
}

TEST_F(SessionRunTest, LastLayersAloneAreUploadedWhereThePlanOffersThem) {
  protocol::Plan plan = testing::SmallPlan();
  plan.model.architecture = learning::MlpSpec{4, {64}, 3};
  plan.training.sub_model_layers = {1};
  plan.limits.upload_bytes = 1500;  // of 4 * 64 + 64 + 64 * 3 + 3 values: 2116
  UsePlan(plan);
  EXPECT_EQ(Run().outcome, SessionReport::kContributed);
  EXPECT_THAT(details_, HasSubstr("the last layer"));
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const learning::DecodedUpdate update,
      learning::DecodeUpdate(fleet_->counted().at(0), 64 * 3 + 3));
  EXPECT_GT(update.report.num_steps, 0);
}

TEST_F(SessionRunTest, SubModelsThatCannotBeAreGivenUp) {
  protocol::Plan plan = testing::SmallPlan();
  plan.training.sub_model_layers = {9};
  UsePlan(plan);
  EXPECT_EQ(Run().outcome, SessionReport::kAbandoned);
  EXPECT_THAT(fleet_->abandoned(), ElementsAre(AbandonReason::kTraining));
}

TEST_F(SessionRunTest, DivergedTrainingIsGivenUp) {
  protocol::Plan plan = testing::SmallPlan();
  plan.training.learning_rate = 1e38;
  UsePlan(plan);
  const learning::InMemoryDataset large({100, 0, 0, 0}, {1}, 4, 3);
  const SessionReport report = Run(large);
  EXPECT_EQ(report.outcome, SessionReport::kAbandoned);
  EXPECT_THAT(fleet_->abandoned(), ElementsAre(AbandonReason::kTraining));
  EXPECT_THAT(report.explanation, HasSubstr("non-finite"));
}

TEST_F(SessionRunTest, UnderPrivacyDivergedTrainingCountsAsZeros) {
  protocol::Plan plan = testing::SmallPlan();
  plan.training.learning_rate = 1e38;
  plan.noisy_sums = true;
  UsePlan(plan);
  const learning::InMemoryDataset large({100, 0, 0, 0}, {1}, 4, 3);
  EXPECT_EQ(Run(large).outcome, SessionReport::kContributed);
  const auto counted = fleet_->counted();
  ASSERT_EQ(counted.size(), 1u);
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto base,
                             learning::ParseModel(fleet_->model()));
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const auto update,
      learning::DecodeUpdate(counted[0], base.parameters.size()));
  EXPECT_THAT(update.delta, ::testing::Each(0));
  EXPECT_THAT(details_, HasSubstr("non-finite"));
  EXPECT_THAT(details_, HasSubstr("zeros count in place of an update"));
}

TEST_F(SessionRunTest, GroupThatNeverEndsIsLeft) {
  protocol::Plan plan = testing::SmallPlan();
  plan.secure_aggregation =
      protocol::SecureAggregation{.min_group = 3,
                                  .max_group = 3,
                                  .adversary_fraction = 0.3,
                                  .dropout_fraction = 0.3};
  for (const absl::Duration delay :
       {absl::ZeroDuration(), absl::InfiniteDuration()}) {
    UsePlan(plan);
    int asked = 0;
    fleet_->set_aggregate([&](const protocol::AggregateRequest&) {
      ++asked;
      return protocol::AggregateAnswer{std::nullopt,
                                       protocol::GroupWait{delay}};
    });
    const absl::Duration began = clock_.Monotonic();
    const SessionReport report = Run();
    EXPECT_EQ(report.outcome, SessionReport::kAbandoned);
    EXPECT_THAT(report.explanation, HasSubstr("deadline is long over"));
    EXPECT_GE(asked, 1);
    EXPECT_LE(asked, (clock_.Monotonic() - began) / absl::Milliseconds(20) + 1);
  }
}

TEST_F(SessionRunTest, MissingFeatureThatTheModelDoesNotImputeIsNamed) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const learning::InMemoryDataset broken({nan, 0, 0, 0}, {1}, 4, 3);
  const SessionReport report = Run(broken);
  EXPECT_EQ(report.outcome, SessionReport::kAbandoned);
  EXPECT_THAT(report.explanation, HasSubstr("does not impute"));
}

TEST_F(SessionRunTest, LimitsThatCannotBeKeptAreNotAccepted) {
  protocol::Plan plan = testing::SmallPlan();
  plan.limits.upload_bytes = 50;
  UsePlan(plan);
  EXPECT_EQ(Run().outcome, SessionReport::kAbandoned);
  EXPECT_THAT(fleet_->abandoned(), ElementsAre(AbandonReason::kBytes));
  plan.limits.upload_bytes.reset();
  plan.limits.energy_joules = 5;
  UsePlan(plan);
  EXPECT_EQ(Run().outcome, SessionReport::kAbandoned);
  EXPECT_THAT(fleet_->abandoned(), ElementsAre(AbandonReason::kEnergy));
}

TEST_F(SessionRunTest, MoreExamplesThanThePlanTakesAreGivenUp) {
  protocol::Plan plan = testing::SmallPlan();
  plan.max_examples = 19;
  UsePlan(plan);
  EXPECT_EQ(Run().outcome, SessionReport::kAbandoned);
  EXPECT_THAT(fleet_->abandoned(), ElementsAre(AbandonReason::kData));
}

TEST_F(SessionRunTest, RefusalEndsTheSessionAndDropsTheUpdate) {
  transport_->FailNext(Rpc::kUpload,
                       protocol::RefusalError(protocol::RefusalCode::kNormBound,
                                              "too large", absl::Seconds(42)));
  const SessionReport report = Run();
  EXPECT_EQ(report.outcome, SessionReport::kRefused);
  EXPECT_EQ(report.next_check_in, absl::Seconds(42));
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto pending, state_.LoadPending());
  EXPECT_FALSE(pending.has_value());
}

TEST_F(SessionRunTest, InterruptedUploadGoesOnInTheSession) {
  transport_->set_bytes_before_failure(32);
  transport_->FailNext(Rpc::kUpload, Unavailable());
  EXPECT_EQ(Run().outcome, SessionReport::kContributed);
  EXPECT_EQ(transport_->offsets().back(), 32);
  EXPECT_EQ(transport_->bytes_sent(),
            static_cast<int64_t>(fleet_->counted()[0].size()));
}

TEST_F(SessionRunTest, UpdateOutlivesAnUnreachableCoordinator) {
  transport_->set_bytes_before_failure(16);
  transport_->FailNext(Rpc::kUpload, Unavailable());
  transport_->FailAlways(Rpc::kQueryUpload, Unavailable());
  EXPECT_EQ(Run().outcome, SessionReport::kUnreachable);

  FakeTransport later(*fleet_);
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const SessionResult result,
      RunSession(options_, later, state_, SmallExamples(), wait_));
  EXPECT_EQ(result.report.outcome, SessionReport::kContributed);
  EXPECT_THAT(later.calls(), ElementsAre(Rpc::kQueryUpload, Rpc::kUpload));
  EXPECT_THAT(later.offsets(), ElementsAre(16));
  EXPECT_EQ(result.report.task, "small-task");
}

TEST_F(SessionRunTest, LostReceiptIsFoundByQuery) {
  const size_t everything = std::numeric_limits<int32_t>::max();
  transport_->set_bytes_before_failure(everything);
  transport_->FailNext(Rpc::kUpload, Unavailable());
  EXPECT_EQ(Run().outcome, SessionReport::kContributed);
  EXPECT_EQ(fleet_->counted().size(), 1u);
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto pending, state_.LoadPending());
  EXPECT_FALSE(pending.has_value());
}

TEST_F(SessionRunTest, StopInTrainingEndsWithinAMiniBatch) {
  int asked = 0;
  bool training = false;
  options_.permission = [&] {
    return training && ++asked > 2 ? Permission::kStop : Permission::kGoOn;
  };
  options_.on_event = [&](const ClientEvent& event) {
    training |= event.kind == ClientEvent::kFetched;
  };
  const SessionReport report = Run();
  EXPECT_EQ(report.outcome, SessionReport::kCancelled);
  EXPECT_THAT(fleet_->abandoned(), ElementsAre(AbandonReason::kShutdown));
  EXPECT_LE(asked, 7);
}

TEST_F(SessionRunTest, StopInTheDownloadAbandons) {
  transport_->set_on_call([this](Rpc rpc) {
    if (rpc == Rpc::kFetchModel) permission_ = Permission::kStop;
  });
  EXPECT_EQ(Run().outcome, SessionReport::kCancelled);
  EXPECT_THAT(fleet_->abandoned(), ElementsAre(AbandonReason::kShutdown));
}

TEST_F(SessionRunTest, StopInTheUploadKeepsTheUpdate) {
  transport_->set_on_call([this](Rpc rpc) {
    if (rpc != Rpc::kUpload) return;
    permission_ = Permission::kStop;
    transport_->Cancel();
  });
  EXPECT_EQ(Run().outcome, SessionReport::kCancelled);
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto pending, state_.LoadPending());
  EXPECT_TRUE(pending.has_value());
}

TEST_F(SessionRunTest, StopWhileWaitingEndsTheSession) {
  transport_->FailAlways(Rpc::kCheckIn, Unavailable());
  wait_ = [this](absl::Duration) { permission_ = Permission::kStop; };
  EXPECT_EQ(Run().outcome, SessionReport::kCancelled);
  EXPECT_EQ(transport_->calls().size(), 1u);
}

TEST_F(SessionRunTest, EveryTickOfTrainingIsOneMiniBatch) {
  // 20 examples in batches of 5: four to score the base, eight to train.
  bool training = false;
  int ticks = 0;
  options_.on_event = [&](const ClientEvent& event) {
    training = event.kind == ClientEvent::kFetched;
  };
  const auto data = SmallExamples();
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const auto run, SessionRun::Create(options_, *transport_, state_, data));
  while (!run->over()) {
    ticks += training;
    EXPECT_EQ(run->Tick(absl::ZeroDuration()) > absl::Milliseconds(5), false);
  }
  EXPECT_EQ(ticks, 4 + 8 + 1);
}

TEST_F(SessionRunTest, UnfinishedRunDropsItsCall) {
  const auto data = SmallExamples();
  {
    SHOAL_ASSERT_OK_AND_ASSIGN(
        const auto run,
        SessionRun::Create(options_, *transport_, state_, data));
    while (transport_->bytes_received() == 0) {
      run->Tick(absl::ZeroDuration());
    }
  }
  EXPECT_EQ(transport_->num_dropped(), 1);
}

TEST_F(SessionRunTest, PausedTrainingGoesOnWithItsOptimiser) {
  protocol::Plan plan = testing::SmallPlan();
  plan.training.optimizer.rule = learning::AdamOptimizer{};
  UsePlan(plan);
  ASSERT_EQ(Run().outcome, SessionReport::kContributed);
  const std::string expected = fleet_->counted()[0];

  UsePlan(plan);
  int asked = 0;
  options_.permission = [&] {
    return ++asked % 2 == 0 ? Permission::kPause : Permission::kGoOn;
  };
  EXPECT_EQ(Run().outcome, SessionReport::kContributed);
  EXPECT_THAT(fleet_->counted(), ElementsAre(expected));
  EXPECT_THAT(events_, ::testing::Contains(ClientEvent::kPaused));
  EXPECT_THAT(events_, ::testing::Contains(ClientEvent::kResumed));
}

TEST_F(SessionRunTest, PauseBreaksTheDownloadOffAndClosesTheConnection) {
  bool rested = false;
  options_.permission = [&] {
    if (transport_->bytes_received() == 0 || std::exchange(rested, true)) {
      return Permission::kGoOn;
    }
    return Permission::kPause;
  };
  EXPECT_EQ(Run().outcome, SessionReport::kContributed);
  EXPECT_EQ(transport_->num_dropped(), 1);
  EXPECT_EQ(transport_->num_closed(), 1);
  EXPECT_THAT(transport_->offsets(), ElementsAre(0, 16, 0));
  EXPECT_EQ(transport_->bytes_received(),
            static_cast<int64_t>(fleet_->model().size()));
}

TEST_F(SessionRunTest, NothingIsAskedOfTheNetworkWhileItRests) {
  permission_ = Permission::kPause;
  const auto data = SmallExamples();
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const auto run, SessionRun::Create(options_, *transport_, state_, data));
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(run->Tick(absl::InfiniteDuration()), options_.pause_interval);
  }
  EXPECT_THAT(transport_->calls(), ElementsAre());
}

TEST_F(SessionRunTest, PauseUntilTheDeadlineSendsWhatIsTrained) {
  // Half of the training, then a rest that the deadline ends.
  int asked = 0;
  bool training = false;
  options_.permission = [&] {
    return training && ++asked > 8 ? Permission::kPause : Permission::kGoOn;
  };
  options_.on_event = [&](const ClientEvent& event) {
    if (event.kind == ClientEvent::kFetched) training = true;
    if (event.kind == ClientEvent::kTrained) training = false;
  };
  const SessionReport report = Run();
  EXPECT_EQ(report.outcome, SessionReport::kContributed);
  EXPECT_EQ(report.num_steps, 4);
  EXPECT_GE(clock_.Monotonic(), absl::Minutes(9));
}

TEST_F(SessionRunTest, TrainingThatIsToFinishSendsWhatIsTrained) {
  int asked = 0;
  options_.permission = [&] {
    return asked > 0 && ++asked > 7 ? Permission::kFinishTraining
                                    : Permission::kGoOn;
  };
  options_.on_event = [&](const ClientEvent& event) {
    if (event.kind == ClientEvent::kFetched) asked = 1;
  };
  const SessionReport report = Run();
  EXPECT_EQ(report.outcome, SessionReport::kContributed);
  EXPECT_EQ(report.num_steps, 2);
}

TEST_F(SessionRunTest, TrainingThatIsToFinishAtOnceIsGivenUp) {
  permission_ = Permission::kFinishTraining;
  EXPECT_EQ(Run().outcome, SessionReport::kAbandoned);
  EXPECT_THAT(fleet_->abandoned(), ElementsAre(AbandonReason::kConditions));
}

// A data set whose examples take time.
class SlowExamples final : public learning::Dataset {
 public:
  explicit SlowExamples(VirtualClock& clock) : clock_(clock) {}
  int64_t num_examples() const override { return 20; }
  int num_features() const override { return 4; }
  int num_classes() const override { return 3; }
  int32_t label(int64_t index) const override { return index % 3; }
  void CopyFeatures(int64_t index, absl::Span<float> out) const override {
    clock_.Advance(absl::Seconds(12));
    std::fill(out.begin(), out.end(), 1.0f);
  }

 private:
  VirtualClock& clock_;
};

TEST_F(SessionRunTest, DeadlineEndsTrainingAndThePartCounts) {
  // Ten minutes are left, of which one is kept for the upload; the evaluation
  // of the base and every epoch take four.
  const SessionReport report = Run(SlowExamples(clock_));
  EXPECT_EQ(report.outcome, SessionReport::kContributed);
  EXPECT_GT(report.num_steps, 0);
  EXPECT_LT(report.num_steps, 8);
  EXPECT_THAT(details_, HasSubstr("stopped early"));
}

// SCAFFOLD: the device's control variate follows what the coordinator has.
class ScaffoldSessionTest : public SessionRunTest {
 protected:
  ScaffoldSessionTest() {
    plan_.algorithm = learning::ScaffoldLocal{10, 2};
    model_ = *learning::Model::Create(plan_.model);
    UsePlan(plan_);
    const int64_t size = model_->layout().num_parameters();
    SeededRng rng(7);
    base_ = model_->Initialise(rng);
    control_.assign(size, 0.125);
    fleet_->SetModel(
        learning::SerializeModel(model_->layout(), base_, control_));
  }

  learning::LocalUpdate Expected(const learning::ParameterVector& own) {
    return *learning::ComputeLocalUpdate(*model_, base_, SmallExamples(),
                                         plan_.training, plan_.algorithm,
                                         {.seed = DeriveSeed(5, "train", {2}),
                                          .round = 1,
                                          .control = control_,
                                          .own_control = own});
  }

  protocol::Plan plan_ = testing::SmallPlan();
  std::unique_ptr<learning::Model> model_;
  learning::ParameterVector base_;
  learning::ParameterVector control_;
};

TEST_F(ScaffoldSessionTest, BothVectorsAreSentAndTheNextSessionGoesOn) {
  EXPECT_EQ(Run().outcome, SessionReport::kContributed);
  const learning::LocalUpdate first = Expected({});
  EXPECT_EQ(state_.LoadControl("small-task")->parameters, first.control);
  EXPECT_EQ(Run().outcome, SessionReport::kContributed);
  const learning::LocalUpdate second = Expected(first.control);
  EXPECT_EQ(state_.LoadControl("small-task")->parameters, second.control);
  const std::vector<std::string> counted = fleet_->counted();
  ASSERT_EQ(counted.size(), 2u);
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const auto update,
      learning::DecodeUpdate(counted[1], second.delta.size()));
  EXPECT_EQ(std::vector<float>(update.delta.begin(), update.delta.end()),
            second.delta);
}

TEST_F(ScaffoldSessionTest, RefusedUpdateLeavesTheControlVariateAsItWas) {
  EXPECT_EQ(Run().outcome, SessionReport::kContributed);
  const auto before = state_.LoadControl("small-task")->parameters;
  transport_->FailNext(
      Rpc::kUpload,
      protocol::RefusalError(protocol::RefusalCode::kRoundOver, "too late"));
  EXPECT_NE(Run().outcome, SessionReport::kContributed);
  EXPECT_EQ(state_.LoadControl("small-task")->parameters, before);
}

// The receipt of an upload that a later session has resumed counts as well.
TEST_F(ScaffoldSessionTest, ResumedUploadBringsItsControlVariate) {
  options_.max_attempts = 1;
  transport_->FailNext(Rpc::kUpload, Unavailable());
  EXPECT_NE(Run().outcome, SessionReport::kContributed);
  EXPECT_FALSE(state_.LoadControl("small-task").ok());
  EXPECT_EQ(Run().outcome, SessionReport::kContributed);
  EXPECT_EQ(state_.LoadControl("small-task")->parameters, Expected({}).control);
}

TEST_F(ScaffoldSessionTest, ModelWithoutControlVariatesIsRefused) {
  fleet_->SetModel(learning::SerializeModel(model_->layout(), base_));
  const SessionReport report = Run();
  EXPECT_EQ(report.outcome, SessionReport::kAbandoned);
  EXPECT_THAT(report.explanation, HasSubstr("no control variates"));
}

TEST_F(SessionRunTest, DamagedSavedUploadIsDroppedAndSaidSo) {
  class DamagedState final : public MemoryState {
   public:
    absl::Status SavePending(const PendingUpload& pending,
                             const EncodedUpdate& update) override {
      return absl::ResourceExhaustedError("disk full");
    }
    absl::StatusOr<std::optional<SavedUpload>> LoadPending() override {
      return absl::DataLossError("wrong checksum");
    }
    absl::Status ClearPending() override {
      ++cleared;
      return absl::OkStatus();
    }
    int cleared = 0;
  };
  DamagedState state;
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const SessionResult result,
      RunSession(options_, *transport_, state, SmallExamples(), wait_));
  EXPECT_EQ(state.cleared, 1);
  EXPECT_THAT(details_, HasSubstr("wrong checksum"));
  // And a full disk makes the device give the assignment up.
  EXPECT_EQ(result.report.outcome, SessionReport::kAbandoned);
  EXPECT_THAT(fleet_->abandoned(), ElementsAre(AbandonReason::kConditions));
}

TEST_F(SessionRunTest, NothingLeavesADeviceWhoseOwnerInsistsOnGroups) {
  options_.group_policy.demands.emplace();
  const SessionReport report = Run();
  EXPECT_EQ(report.outcome, SessionReport::kAbandoned);
  EXPECT_THAT(report.explanation, HasSubstr("insists on secure aggregation"));
  EXPECT_THAT(fleet_->abandoned(), ElementsAre(AbandonReason::kConditions));
  EXPECT_EQ(report.bytes_received, 0);  // nor is anything fetched
  EXPECT_TRUE(fleet_->counted().empty());
}

TEST_F(SessionRunTest, WhatTheOwnerForbidsSinceIsNotSentAnyMore) {
  transport_->FailAlways(Rpc::kUpload, Unavailable());
  EXPECT_EQ(Run().outcome, SessionReport::kUnreachable);
  SHOAL_ASSERT_OK_AND_ASSIGN(auto pending, state_.LoadPending());
  ASSERT_TRUE(pending.has_value());
  transport_ = std::make_unique<FakeTransport>(*fleet_);
  options_.group_policy.demands.emplace();
  EXPECT_EQ(Run().outcome, SessionReport::kAbandoned);
  EXPECT_THAT(details_, HasSubstr("is not masked"));
  SHOAL_ASSERT_OK_AND_ASSIGN(pending, state_.LoadPending());
  EXPECT_FALSE(pending.has_value());
  EXPECT_TRUE(fleet_->counted().empty());
}

TEST_F(SessionRunTest, UnreachableSessionsAreCounted) {
  transport_->FailAlways(Rpc::kCheckIn, Unavailable());
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const SessionResult result,
      RunSession(options_, *transport_, state_, SmallExamples(), wait_));
  EXPECT_EQ(result.report.outcome, SessionReport::kUnreachable);
  EXPECT_EQ(result.failures, options_.max_attempts);
  EXPECT_EQ(waited_.size(), 4u);
}

TEST(DeviceSeedTest, DiffersBetweenDevicesAndFederations) {
  EXPECT_NE(DeviceSeed(1, 0), DeviceSeed(1, 1));
  EXPECT_NE(DeviceSeed(1, 0), DeviceSeed(2, 0));
}

}  // namespace
}  // namespace shoal::client
