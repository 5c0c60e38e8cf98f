// Sessions of a device with budgets and conditions.
#include "client/session_limits.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "client/session_run.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/fake_transport.h"
#include "tests/support/small_examples.h"
#include "tests/support/status_matchers.h"

namespace shoal::client {
namespace {

using protocol::AbandonReason;
using ::testing::Contains;
using ::testing::ElementsAre;
using testing::FakeFleet;
using testing::FakeTransport;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Rpc;
using testing::SmallExamples;

// Energy is calculated; only what a test says costs any.
class SessionLimitsTest : public ::testing::Test, public ReadingsSource {
 protected:
  SessionLimitsTest() {
    options_.population = FakeFleet::kPopulation;
    options_.clock = &clock_;
    options_.permission = [this] {
      ++ticks_;
      clock_.Advance(absl::Milliseconds(300));  // readings are taken anew
      if (ticks_ == veto_at_) readings_.veto = "a call is going on";
      if (ticks_ == veto_ends_at_) readings_.veto = "";
      return Permission::kGoOn;
    };
    options_.on_event = [this](const ClientEvent& event) {
      details_ += event.detail + "\n";
      if (on_event_) on_event_(event.kind);
    };
    limits_options_.energy = {0, 0, 0, 0, 0};
    limits_options_.rules.settle_time = absl::ZeroDuration();
  }

  DeviceReadings Read() override { return readings_; }

  void UseLimits() {
    LimitsParts parts;
    parts.clock = &clock_;
    parts.moments = &moments_;
    parts.ledger = &ledger_;
    parts.learned = &learned_;
    parts.readings = this;
    auto limits = Limits::Create(limits_options_, parts);
    ASSERT_THAT(limits, testing::IsOk());
    limits_ = *std::move(limits);
    options_.limits = limits_.get();
  }

  void UsePlan(const protocol::Plan& plan) {
    fleet_ = std::make_unique<FakeFleet>(plan);
    transport_ = std::make_unique<FakeTransport>(*fleet_);
  }

  SessionReport Run() {
    const auto data = SmallExamples();
    auto result =
        RunSession(options_, *transport_, state_, data,
                   [this](absl::Duration delay) { clock_.Advance(delay); });
    EXPECT_THAT(result, testing::IsOk());
    transport_->Close();
    return result.ok() ? result->report : SessionReport();
  }

  VirtualClock clock_;
  const ClockMoments moments_{clock_};
  MemoryRecord ledger_;
  MemoryRecord learned_;
  DeviceReadings readings_;
  LimitsOptions limits_options_;
  std::unique_ptr<Limits> limits_;
  SessionRunOptions options_;
  std::unique_ptr<FakeFleet> fleet_ = std::make_unique<FakeFleet>();
  std::unique_ptr<FakeTransport> transport_ =
      std::make_unique<FakeTransport>(*fleet_);
  MemoryState state_;
  std::function<void(ClientEvent::Kind)> on_event_;
  int ticks_ = 0;
  int veto_at_ = 0;
  int veto_ends_at_ = 0;
  std::string details_;
};

TEST_F(SessionLimitsTest, WithoutLimitsNoEnergyIsReported) {
  const SessionReport report = Run();
  EXPECT_EQ(report.outcome, SessionReport::kContributed);
  EXPECT_EQ(report.energy_joules, std::nullopt);
}

TEST_F(SessionLimitsTest, SpendingIsReportedAndSettled) {
  limits_options_.energy.joules_per_connection = 3;
  limits_options_.budgets.per_day.joules = 100;
  UseLimits();
  const SessionReport report = Run();
  EXPECT_EQ(report.outcome, SessionReport::kContributed);
  ASSERT_TRUE(report.energy_joules.has_value());
  EXPECT_DOUBLE_EQ(*report.energy_joules, 3);
  EXPECT_DOUBLE_EQ(limits_->Report().spent_ever.joules, 3);
}

TEST_F(SessionLimitsTest, ConditionsThatDoNotHoldKeepTheDeviceSilent) {
  readings_.veto = "a call is going on";
  UseLimits();
  const SessionReport report = Run();
  EXPECT_EQ(report.outcome, SessionReport::kHeldBack);
  EXPECT_THAT(report.explanation, HasSubstr("a call is going on"));
  EXPECT_GT(report.next_check_in, absl::ZeroDuration());
  EXPECT_THAT(transport_->calls(), IsEmpty());
}

TEST_F(SessionLimitsTest, EmptyBudgetKeepsTheDeviceSilent) {
  limits_options_.energy.joules_per_connection = 60;
  limits_options_.budgets.per_day.joules = 200;
  UseLimits();
  EXPECT_EQ(Run().outcome, SessionReport::kContributed);
  // What a round takes is known from the first that is too dear on.
  EXPECT_EQ(Run().outcome, SessionReport::kAbandoned);
  EXPECT_THAT(fleet_->abandoned(), ElementsAre(AbandonReason::kEnergy));
  const size_t calls = transport_->calls().size();
  const SessionReport report = Run();
  EXPECT_EQ(report.outcome, SessionReport::kHeldBack);
  EXPECT_THAT(report.explanation, HasSubstr("the day's energy"));
  EXPECT_GT(report.next_check_in, absl::Hours(1));
  EXPECT_EQ(transport_->calls().size(), calls);
}

TEST_F(SessionLimitsTest, RoundsBudgetThatNeverSufficesTakesNoPlaceAgain) {
  limits_options_.energy.joules_per_connection = 60;
  limits_options_.budgets.per_round.joules = 100;
  UseLimits();
  EXPECT_EQ(Run().outcome, SessionReport::kAbandoned);
  const size_t calls = transport_->calls().size();
  const SessionReport report = Run();
  EXPECT_EQ(report.outcome, SessionReport::kHeldBack);
  EXPECT_THAT(report.explanation, HasSubstr("the round's energy"));
  EXPECT_GT(report.next_check_in, absl::Seconds(30));
  EXPECT_EQ(transport_->calls().size(), calls);
}

TEST_F(SessionLimitsTest, FewerEpochsAreTrainedWhereAllAreTooDear) {
  protocol::Plan plan = testing::SmallPlan();
  plan.training.epochs = 8;
  UsePlan(plan);
  limits_options_.energy.joules_per_gigaflop = 1e6;
  limits_options_.budgets.per_day.joules = 1e6;
  UseLimits();
  const SessionReport all = Run();
  ASSERT_EQ(all.outcome, SessionReport::kContributed);

  UsePlan(plan);
  limits_.reset();
  ledger_ = MemoryRecord();
  learned_ = MemoryRecord();
  limits_options_.budgets.per_day.joules = 0.5 * *all.energy_joules;
  UseLimits();
  const SessionReport some = Run();
  EXPECT_EQ(some.outcome, SessionReport::kContributed);
  EXPECT_LT(some.num_steps, all.num_steps);
  EXPECT_GE(some.num_steps, 1);
  EXPECT_LE(*some.energy_joules, 0.5 * *all.energy_joules);
}

TEST_F(SessionLimitsTest, PlanThatIsTooDearIsGivenUpBeforeTheDownload) {
  limits_options_.energy.joules_per_gigaflop = 1e12;
  limits_options_.budgets.per_day.joules = 1;
  UseLimits();
  EXPECT_EQ(Run().outcome, SessionReport::kAbandoned);
  EXPECT_THAT(fleet_->abandoned(), ElementsAre(AbandonReason::kEnergy));
  EXPECT_THAT(transport_->calls(), ElementsAre(Rpc::kCheckIn, Rpc::kAbandon));
}

TEST_F(SessionLimitsTest, TaskLimitOfEnergyIsKeptByCalculation) {
  protocol::Plan plan = testing::SmallPlan();
  plan.limits.energy_joules = 5;
  UsePlan(plan);
  limits_options_.energy.joules_per_connection = 1;
  UseLimits();
  EXPECT_EQ(Run().outcome, SessionReport::kContributed);
  plan.limits.energy_joules = 0.5;
  UsePlan(plan);
  EXPECT_EQ(Run().outcome, SessionReport::kAbandoned);
  EXPECT_THAT(fleet_->abandoned(), ElementsAre(AbandonReason::kEnergy));
}

TEST_F(SessionLimitsTest, VetoInTheMiddleOfTrainingPausesIt) {
  UseLimits();
  const SessionReport whole = Run();
  on_event_ = [this](ClientEvent::Kind kind) {
    if (kind != ClientEvent::kFetched) return;
    veto_at_ = ticks_ + 6;  // four score the model, eight train it
    veto_ends_at_ = veto_at_ + 5;
  };
  UsePlan(testing::SmallPlan());
  limits_.reset();
  UseLimits();
  const SessionReport report = Run();
  EXPECT_EQ(report.outcome, SessionReport::kContributed);
  EXPECT_EQ(report.num_steps, whole.num_steps);
  EXPECT_THAT(details_, HasSubstr("a call is going on"));
}

TEST_F(SessionLimitsTest, VetoDuringTheUploadEndsTheSessionAndItIsResumed) {
  UseLimits();
  transport_->set_chunk_bytes(8);
  transport_->set_on_call([this](Rpc rpc) {
    if (rpc == Rpc::kUpload) veto_at_ = ticks_ + 3;
  });
  const SessionReport report = Run();
  EXPECT_EQ(report.outcome, SessionReport::kHeldBack);
  EXPECT_THAT(report.explanation, HasSubstr("a call is going on"));
  EXPECT_THAT(fleet_->counted(), IsEmpty());

  readings_.veto = "";
  transport_->set_on_call(nullptr);
  clock_.Advance(absl::Minutes(1));
  EXPECT_EQ(Run().outcome, SessionReport::kContributed);
  EXPECT_EQ(fleet_->counted().size(), 1u);
  EXPECT_THAT(transport_->calls(), Contains(Rpc::kQueryUpload));
}

TEST_F(SessionLimitsTest, SessionThatNobodyEndsIsSettled) {
  limits_options_.energy.joules_per_connection = 3;
  limits_options_.budgets.per_day.joules = 100;
  UseLimits();
  const auto data = SmallExamples();
  {
    SHOAL_ASSERT_OK_AND_ASSIGN(
        const auto run,
        SessionRun::Create(options_, *transport_, state_, data));
    run->Tick(absl::InfiniteDuration());
  }
  EXPECT_DOUBLE_EQ(limits_->Report().spent_ever.joules, 3);
}

// Nothing is masked yet: there is nothing that another session could send.
TEST_F(SessionLimitsTest, ConditionsThatEndInAGroupGiveTheAssignmentUp) {
  protocol::Plan plan = testing::SmallPlan();
  plan.secure_aggregation =
      protocol::SecureAggregation{.min_group = 3,
                                  .max_group = 3,
                                  .adversary_fraction = 0.3,
                                  .dropout_fraction = 0.3};
  UsePlan(plan);
  int asked = 0;
  fleet_->set_aggregate([&](const protocol::AggregateRequest&) {
    if (++asked == 3) readings_.veto = "a call is going on";
    return protocol::AggregateAnswer{
        std::nullopt, protocol::GroupWait{absl::Milliseconds(10)}};
  });
  UseLimits();
  const SessionReport report = Run();
  EXPECT_EQ(report.outcome, SessionReport::kAbandoned);
  EXPECT_EQ(asked, 3);
  EXPECT_THAT(report.explanation, HasSubstr("a call is going on"));
  EXPECT_THAT(fleet_->abandoned(), ElementsAre(AbandonReason::kConditions));
}

}  // namespace
}  // namespace shoal::client
