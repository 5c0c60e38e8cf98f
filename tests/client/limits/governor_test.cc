#include "client/limits/governor.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace shoal::client {
namespace {

using protocol::AbandonReason;
using ::testing::HasSubstr;

// One joule per connection and per step of 1 GFLOP, nothing else.
constexpr EnergyCoefficients kSimple = {1, 0, 0, 1, 0};
// 1.5: the margin of an estimator that has seen nothing.
constexpr double kMargin = 1.5;
const Work kCheckIn = {1, 1000, 1000, 0, 0};
const RoundKey kRound = {"digits", 3};

PlanCost Plan(int64_t num_steps) {
  PlanCost plan;
  plan.step.flops = 1e9;
  plan.num_steps = num_steps;
  plan.upload.connections = 1;
  plan.upload.bytes_sent = 1000;
  return plan;
}

class FixedReadings final : public ReadingsSource {
 public:
  DeviceReadings Read() override {
    ++num_reads;
    return readings;
  }
  DeviceReadings readings;
  int num_reads = 0;
};

// Time passes between any two looks, as it does on a device.
class PassingMoments final : public MomentSource {
 public:
  explicit PassingMoments(VirtualClock& clock) : clock_(clock) {}
  Moment Now() const override {
    clock_.Advance(absl::Milliseconds(1));
    return {"clock", clock_.Monotonic(), clock_.Now()};
  }

 private:
  VirtualClock& clock_;
};

// A device whose meter shows what the test says.
class GovernorTest : public ::testing::Test {
 protected:
  GovernorTest() { readings_.readings.network = Network::kUnmetered; }

  void Make(const BudgetLimits& limits, const ConditionRules& rules = {}) {
    Make(limits, rules, moments_);
  }
  void Make(const BudgetLimits& limits, const ConditionRules& rules,
            const MomentSource& moments) {
    auto ledger = BudgetLedger::Open(limits, record_, moments);
    SHOAL_ASSERT_OK(ledger.status());
    ledger_ = *std::move(ledger);
    conditions_.emplace(rules);
    GovernorParts parts;
    parts.clock = &clock_;
    parts.meter = &meter_;
    parts.readings = &readings_;
    parts.conditions = &*conditions_;
    parts.ledger = ledger_.get();
    parts.costs = &costs_;
    governor_.emplace(parts);
  }
  static BudgetLimits PerDay(double joules) {
    BudgetLimits limits;
    limits.per_day.joules = joules;
    return limits;
  }
  // Something is done that takes so much by the meter.
  void Do(const Work& work, double joules) {
    done_ = done_ + work;
    joules_ += joules;
    clock_.Advance(absl::Milliseconds(100));
  }
  static BudgetLimits PerRound(double joules) {
    BudgetLimits limits;
    limits.per_round.joules = joules;
    return limits;
  }
  // Checks in and is offered a plan of `num_steps` steps; gives it up if it is
  // too dear.
  Verdict Offer(int64_t num_steps, int64_t round_id = kRound.round_id) {
    done_ = {};
    const Verdict begun = governor_->BeginSession(kCheckIn, std::nullopt);
    if (!begun.ok()) return begun;
    Do(kCheckIn, 1);
    RoundOffer offer;
    offer.round = {kRound.task, round_id};
    const auto choice = governor_->ChoosePlan(offer, {Plan(num_steps)}, done_);
    SHOAL_EXPECT_OK(governor_->EndSession(done_));
    return choice.verdict;
  }
  // Checks in and takes a plan of `num_steps` steps.
  void Begin(int64_t num_steps, double round_joules = kUnlimited) {
    ASSERT_TRUE(governor_->BeginSession(kCheckIn, std::nullopt).ok());
    Do(kCheckIn, 1);
    RoundOffer offer;
    offer.round = kRound;
    offer.joules = round_joules;
    const auto choice = governor_->ChoosePlan(offer, {Plan(num_steps)}, done_);
    ASSERT_TRUE(choice.verdict.ok()) << choice.verdict.why;
  }
  // Steps until the governor says no; returns how many.
  int Train(int most, double joules_per_step = 1) {
    for (int i = 0; i < most; ++i) {
      verdict_ = governor_->BeforeStep(done_);
      if (!verdict_.ok()) return i;
      Do({0, 0, 0, 1e9, 0}, joules_per_step);
    }
    return most;
  }

  VirtualClock clock_;
  const ClockMoments moments_{clock_};
  MemoryRecord record_;
  double joules_ = 0;
  CallbackMeter meter_{[this] { return joules_; }};
  FixedReadings readings_;
  std::optional<Conditions> conditions_;
  std::unique_ptr<BudgetLedger> ledger_;
  LearnedCosts costs_{EnergyEstimator(kSimple), WorkPace()};
  std::optional<Governor> governor_;
  Work done_;
  Verdict verdict_;
};

TEST_F(GovernorTest, SessionSettlesWhatTheMeterSaw) {
  Make(PerDay(100));
  Begin(10);
  EXPECT_EQ(Train(10), 10);
  ASSERT_TRUE(governor_->BeforeUpload(Plan(1).upload, done_).ok());
  Do(Plan(1).upload, 2.5);
  SHOAL_ASSERT_OK(governor_->EndSession(done_));
  EXPECT_DOUBLE_EQ(governor_->spent().joules, 1 + 10 + 2.5);
  EXPECT_NEAR(ledger_->Left().joules, 100 - 13.5, 0.01);
  EXPECT_EQ(ledger_->SpentOn(kRound).joules, governor_->spent().joules);
}

TEST_F(GovernorTest, StopsWhereOnlyTheUploadsReserveIsLeft) {
  Make(PerDay(20));
  Begin(100);
  // Before step k: 1 + k spent, and k + 1 + 1.5 · (1 + 1) must be within 20.
  const int steps = Train(100);
  EXPECT_EQ(steps, 17);
  EXPECT_EQ(verdict_.kind, Verdict::kStop);
  EXPECT_EQ(verdict_.reason, AbandonReason::kEnergy);
  EXPECT_THAT(verdict_.why, HasSubstr("the day's energy does not suffice"));
  ASSERT_TRUE(governor_->BeforeUpload(Plan(1).upload, done_).ok());
  Do(Plan(1).upload, 1);
  SHOAL_ASSERT_OK(governor_->EndSession(done_));
  EXPECT_GE(ledger_->Left().joules, 0);
}

TEST_F(GovernorTest, RoundsLimitOfTheTaskHolds) {
  Make(PerDay(1000));
  Begin(100, /*round_joules=*/10);
  EXPECT_EQ(Train(100), 7);
  EXPECT_THAT(verdict_.why, HasSubstr("the round's energy"));
}

TEST_F(GovernorTest, TasksLimitHoldsOnADeviceWithoutLimits) {
  Make({});
  Begin(100, /*round_joules=*/10);
  EXPECT_EQ(Train(100), 7);
}

TEST_F(GovernorTest, WithoutAnyLimitNothingIsWritten) {
  Make({});
  Begin(5);
  EXPECT_EQ(Train(5), 5);
  SHOAL_ASSERT_OK(governor_->EndSession(done_));
  EXPECT_TRUE(absl::IsNotFound(record_.Load().status()));
}

TEST_F(GovernorTest, StepThatTakesMuchMoreThanCalculatedIsTheLast) {
  Make(PerDay(50));
  Begin(30);
  EXPECT_EQ(Train(5), 5);
  EXPECT_EQ(Train(30, /*joules_per_step=*/60), 1);
  // The update goes out all the same, once.
  ASSERT_TRUE(governor_->BeforeUpload(Plan(1).upload, done_).ok());
  EXPECT_GE(ledger_->reserved().joules, 66);
  Do(Plan(1).upload, 1);
  EXPECT_FALSE(governor_->BeforeUpload(Plan(1).upload, done_).ok());
  SHOAL_ASSERT_OK(governor_->EndSession(done_));
  EXPECT_NEAR(ledger_->Left().joules, 50 - 67, 0.1);
  const Verdict next = governor_->BeginSession(kCheckIn, std::nullopt);
  EXPECT_EQ(next.reason, AbandonReason::kEnergy);
  // From -17 J to the 1.5 J of a check-in, at 50 J a day.
  EXPECT_NEAR(absl::ToDoubleHours(next.retry_after), 24 * 18.5 / 50, 0.1);
}

TEST_F(GovernorTest, BestAffordablePlanIsChosen) {
  Make(PerDay(20));
  ASSERT_TRUE(governor_->BeginSession(kCheckIn, std::nullopt).ok());
  Do(kCheckIn, 1);
  PlanCost narrow = Plan(40);
  narrow.worth = 0.3;
  narrow.step.flops = 0.1e9;
  PlanCost half = Plan(20);
  half.worth = 0.5;
  RoundOffer offer;
  offer.round = kRound;
  // Of 40 steps 17.5 / 1.5 = 11 can be afforded, worth 11 / 40.
  const auto choice =
      governor_->ChoosePlan(offer, {Plan(40), half, narrow}, done_);
  ASSERT_TRUE(choice.verdict.ok());
  EXPECT_EQ(choice.index, 2u);
  EXPECT_EQ(choice.num_steps, 40);
  EXPECT_DOUBLE_EQ(ledger_->reserved().joules, 1 + kMargin * (1 + 4));
}

TEST_F(GovernorTest, PlanThatIsTooDearIsGivenUpAndRemembered) {
  Make(PerDay(100));
  SHOAL_ASSERT_OK(ledger_->Reserve({96, 0}, std::nullopt));
  SHOAL_ASSERT_OK(ledger_->Settle({96, 0}));
  ASSERT_TRUE(governor_->BeginSession(kCheckIn, std::nullopt).ok());
  Do(kCheckIn, 1);
  RoundOffer offer;
  offer.round = kRound;
  const auto choice = governor_->ChoosePlan(offer, {Plan(40)}, done_);
  EXPECT_EQ(choice.verdict.reason, AbandonReason::kEnergy);
  // A check-in, the twentieth part of the plan and the upload.
  EXPECT_THAT(choice.verdict.why, HasSubstr("4 J left, 5.5 J needed"));
  SHOAL_ASSERT_OK(governor_->EndSession(done_));
  done_ = {};
  // A check-in alone could be afforded; but it would lead to nothing.
  EXPECT_FALSE(governor_->BeginSession(kCheckIn, std::nullopt).ok());
  clock_.Advance(choice.verdict.retry_after - absl::Minutes(1));
  EXPECT_FALSE(governor_->BeginSession(kCheckIn, std::nullopt).ok());
  clock_.Advance(absl::Minutes(1));
  EXPECT_TRUE(governor_->BeginSession(kCheckIn, std::nullopt).ok());
}

// What is believed may be wrong, and only asking can teach better.
TEST_F(GovernorTest, WhoBelievesThatNoDayPaysForAskingAsksWithAFullBucket) {
  ASSERT_GT(kMargin, 1);
  Make(PerDay(1));
  ASSERT_TRUE(governor_->BeginSession(kCheckIn, std::nullopt).ok());
  Do(kCheckIn, 0.9);
  SHOAL_ASSERT_OK(governor_->EndSession(done_));
  done_ = {};
  const Verdict verdict = governor_->BeginSession(kCheckIn, std::nullopt);
  EXPECT_EQ(verdict.reason, AbandonReason::kEnergy);
  EXPECT_GT(verdict.retry_after, absl::Hours(21));
  EXPECT_LT(verdict.retry_after, absl::Hours(22));
  clock_.Advance(verdict.retry_after);
  EXPECT_TRUE(governor_->BeginSession(kCheckIn, std::nullopt).ok());
  SHOAL_EXPECT_OK(governor_->EndSession(done_));
}

TEST_F(GovernorTest, DayThatIsTooShortIsToldWhileItRefills) {
  const PassingMoments passing(clock_);
  Make(PerDay(100), {}, passing);
  SHOAL_ASSERT_OK(ledger_->Reserve({96, 0}, std::nullopt));
  SHOAL_ASSERT_OK(ledger_->Settle({96, 0}));
  const Verdict verdict = Offer(40);
  EXPECT_THAT(verdict.why, HasSubstr("the day's energy does not suffice"));
  EXPECT_GT(verdict.retry_after, absl::Minutes(10));
  // No other round's place is taken meanwhile.
  EXPECT_FALSE(governor_->BeginSession(kCheckIn, std::nullopt).ok());
}

TEST_F(GovernorTest, StepTheDayCannotPayIsNotTakenForTheRounds) {
  const PassingMoments passing(clock_);
  Make(PerDay(20), {}, passing);
  Begin(100);
  EXPECT_LT(Train(100), 20);
  EXPECT_THAT(verdict_.why, HasSubstr("the day's energy does not suffice"));
}

TEST_F(GovernorTest, PlanThatNoRoundAllowsIsNotAskedForInEveryRound) {
  Make(PerRound(4));
  EXPECT_THAT(Offer(40, 1).why, HasSubstr("the round's energy"));
  absl::Duration last;
  for (int round_id = 2; round_id < 6; ++round_id) {
    const Verdict rest = governor_->BeginSession(kCheckIn, std::nullopt);
    ASSERT_EQ(rest.kind, Verdict::kStop);
    EXPECT_EQ(rest.reason, AbandonReason::kEnergy);
    EXPECT_THAT(rest.why, HasSubstr("the round's energy does not suffice"));
    EXPECT_GE(rest.retry_after, 2 * last);  // it doubles
    last = rest.retry_after;
    clock_.Advance(rest.retry_after);
    EXPECT_THAT(Offer(40, round_id).why, HasSubstr("the round's energy"));
  }
}

TEST_F(GovernorTest, RoundThatAllowsItsPlanEndsTheRest) {
  Make(PerRound(4));
  EXPECT_FALSE(Offer(40, 1).ok());
  const Verdict rest = governor_->BeginSession(kCheckIn, std::nullopt);
  clock_.Advance(rest.retry_after);
  EXPECT_TRUE(Offer(1, 2).ok());
  EXPECT_FALSE(Offer(40, 3).ok());
  EXPECT_EQ(governor_->BeginSession(kCheckIn, std::nullopt).retry_after,
            rest.retry_after);
}

TEST_F(GovernorTest, RoundThatEarlierSessionsUsedUpLeavesTheNextOpen) {
  Make(PerRound(6));
  Begin(2);
  EXPECT_EQ(Train(2), 2);
  SHOAL_ASSERT_OK(governor_->EndSession(done_));
  EXPECT_THAT(Offer(1).why, HasSubstr("the round's energy"));
  EXPECT_TRUE(Offer(1, kRound.round_id + 1).ok());
}

TEST_F(GovernorTest, RestDoesNotDelayAnUpdateThatWaits) {
  Make(PerRound(4));
  EXPECT_FALSE(Offer(40, 1).ok());
  EXPECT_TRUE(governor_->BeginSession(Plan(1).upload, kRound).ok());
}

TEST_F(GovernorTest, RoundThatIsTooShortIsNotBegun) {
  Make(PerDay(1000));
  ASSERT_TRUE(governor_->BeginSession(kCheckIn, std::nullopt).ok());
  RoundOffer offer;
  offer.round = kRound;
  offer.time_left = absl::Milliseconds(900);
  const auto choice = governor_->ChoosePlan(offer, {Plan(40)}, done_);
  EXPECT_EQ(choice.verdict.reason, AbandonReason::kConditions);
  EXPECT_THAT(choice.verdict.why, HasSubstr("too short"));
}

TEST_F(GovernorTest, ConditionsPauseWorkWithinTheReadingInterval) {
  ConditionRules rules;
  rules.external_power = true;
  readings_.readings.external_power = true;
  Make(PerDay(1000), rules);
  Begin(100);
  EXPECT_EQ(Train(5), 5);
  readings_.readings.external_power = false;
  EXPECT_LE(Train(100), 3);  // steps of 100 ms, readings every 250 ms
  EXPECT_EQ(verdict_.kind, Verdict::kPause);
  EXPECT_EQ(verdict_.why, "there is no external power");
  readings_.readings.external_power = true;
  clock_.Advance(absl::Seconds(1));
  EXPECT_EQ(Train(5), 5);
  EXPECT_EQ(governor_->longest_step(), absl::Milliseconds(100));
}

TEST_F(GovernorTest, PauseEndsWhereOnlyTheUploadsReserveIsLeft) {
  ConditionRules rules;
  rules.external_power = true;
  readings_.readings.external_power = true;
  Make(PerDay(20), rules);
  Begin(100);
  EXPECT_EQ(Train(5), 5);
  readings_.readings.external_power = false;
  int seconds = 0;
  for (; seconds < 100; ++seconds) {
    Do({}, 1);
    clock_.Advance(absl::Seconds(1));
    verdict_ = governor_->BeforeStep(done_);
    if (verdict_.kind != Verdict::kPause) break;
  }
  EXPECT_EQ(verdict_.reason, AbandonReason::kEnergy);
  // 6 J at first, and 1.5 J for the upload must be left of 20.
  EXPECT_EQ(seconds, 12);
}

TEST_F(GovernorTest, PauseTeachesNothing) {
  ConditionRules rules;
  rules.external_power = true;
  readings_.readings.external_power = true;
  Make(PerDay(1000), rules);
  Begin(100);
  EXPECT_EQ(Train(5), 5);
  readings_.readings.external_power = false;
  clock_.Advance(absl::Seconds(1));
  EXPECT_EQ(Train(1), 0);
  const LearnedCosts before = costs_;
  Do({}, 500);
  clock_.Advance(absl::Hours(1));
  readings_.readings.external_power = true;
  EXPECT_EQ(Train(1), 1);
  EXPECT_EQ(costs_.energy.Serialize(), before.energy.Serialize());
  EXPECT_EQ(costs_.pace.Serialize(), before.pace.Serialize());
  // What mini-batches take is known without the pause.
  EXPECT_EQ(Train(50), 50);
}

TEST_F(GovernorTest, NothingBeginsAgainstTheConditions) {
  ConditionRules rules;
  rules.external_power = true;
  readings_.readings.external_power = false;
  Make(PerDay(1000), rules);
  const Verdict verdict = governor_->BeginSession(kCheckIn, std::nullopt);
  EXPECT_EQ(verdict.kind, Verdict::kPause);
  EXPECT_EQ(verdict.why, "there is no external power");
  EXPECT_FALSE(ledger_->is_open());
}

TEST_F(GovernorTest, BytesCountOnlyOverANetworkThatCosts) {
  BudgetLimits limits;
  limits.per_day.metered_bytes = 100'000;
  Make(limits);
  Begin(3);
  SHOAL_ASSERT_OK(governor_->EndSession(done_));
  EXPECT_EQ(governor_->spent().metered_bytes, 0);

  done_ = {};
  readings_.readings.network = Network::kMetered;
  Begin(3);
  SHOAL_ASSERT_OK(governor_->EndSession(done_));
  EXPECT_DOUBLE_EQ(governor_->spent().metered_bytes, WireBytes(kCheckIn));
}

TEST_F(GovernorTest, BytesCountWhereNobodyCanTell) {
  BudgetLimits limits;
  limits.per_day.metered_bytes = 15'000;
  readings_.readings.network.reset();
  Make(limits);
  ASSERT_TRUE(governor_->BeginSession(kCheckIn, std::nullopt).ok());
  Do(kCheckIn, 1);
  RoundOffer offer;
  offer.round = kRound;
  // 10 252 bytes are spent, an upload takes 9222.
  const auto choice = governor_->ChoosePlan(offer, {Plan(3)}, done_);
  EXPECT_EQ(choice.verdict.reason, AbandonReason::kBytes);
  EXPECT_THAT(choice.verdict.why,
              HasSubstr("the day's bytes do not suffice: 15 kB left, 19.5 kB"));
  SHOAL_ASSERT_OK(governor_->EndSession(done_));
  EXPECT_DOUBLE_EQ(governor_->spent().metered_bytes, WireBytes(kCheckIn));
}

TEST_F(GovernorTest, UpdateWaitsWhenTheNetworkHasBecomeTooDear) {
  BudgetLimits limits;
  limits.per_day.metered_bytes = 500;
  Make(limits);
  Begin(3);
  EXPECT_EQ(Train(3), 3);
  readings_.readings.network = Network::kMetered;
  const Verdict verdict = governor_->BeforeUpload(Plan(1).upload, done_);
  EXPECT_EQ(verdict.reason, AbandonReason::kBytes);
  SHOAL_ASSERT_OK(governor_->EndSession(done_));
}

TEST_F(GovernorTest, ResumedUploadBelongsToItsRound) {
  BudgetLimits limits = PerDay(100);
  limits.per_round.joules = 6;
  Make(limits);
  Begin(2);
  EXPECT_EQ(Train(2), 2);
  SHOAL_ASSERT_OK(governor_->EndSession(done_));
  done_ = {};
  ASSERT_TRUE(governor_->BeginSession(Plan(1).upload, kRound).ok());
  ASSERT_TRUE(governor_->BeforeUpload(Plan(1).upload, done_).ok());
  Do(Plan(1).upload, 2);
  SHOAL_ASSERT_OK(governor_->EndSession(done_));
  EXPECT_DOUBLE_EQ(ledger_->SpentOn(kRound).joules, 1 + 2 + 2);
  // 1 J of the round's 6 is left, 1.5 needed.
  EXPECT_FALSE(governor_->BeginSession(Plan(1).upload, kRound).ok());
}

TEST_F(GovernorTest, EstimatorLearnsFromEveryStretch) {
  Make(PerDay(1000));
  Begin(4);
  EXPECT_EQ(Train(4, /*joules_per_step=*/2), 4);
  ASSERT_TRUE(governor_->BeforeUpload(Plan(1).upload, done_).ok());
  Do(Plan(1).upload, 3);
  SHOAL_ASSERT_OK(governor_->EndSession(done_));
  EXPECT_EQ(costs_.energy.num_observations(), 3);
  EXPECT_GT(costs_.energy.coefficients().joules_per_gigaflop, 1.5);
}

TEST_F(GovernorTest, FailingMeterIsToldAndEnergyCalculatedMeanwhile) {
  Make(PerDay(1000));
  Begin(4);
  EXPECT_EQ(Train(2), 2);
  joules_ = -1000;  // falls: the callback meter objects
  EXPECT_EQ(Train(2, 0), 2);
  SHOAL_ASSERT_OK(governor_->EndSession(done_));
  EXPECT_THAT(governor_->meter_fault(), HasSubstr("the energy callback"));
  EXPECT_GE(governor_->spent().joules, 1 + 2 + 1);
}

TEST_F(GovernorTest, MeterThatNeverMovesIsNotBelieved) {
  Make(PerDay(1000));
  ASSERT_TRUE(governor_->BeginSession(kCheckIn, std::nullopt).ok());
  Do(kCheckIn, 0);
  SHOAL_ASSERT_OK(governor_->EndSession(done_));
  EXPECT_DOUBLE_EQ(governor_->spent().joules, 1);
}

}  // namespace
}  // namespace shoal::client
