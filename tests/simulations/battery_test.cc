#include "simulations/battery.h"

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learning/dataset.h"
#include "simulations/federation.h"
#include "tests/support/status_matchers.h"

namespace shoal::simulations {
namespace {

using ::shoal::testing::StatusIs;
using ::testing::HasSubstr;

absl::Time At(absl::Duration since_start) {
  return absl::UnixEpoch() + since_start;
}

// Devices with the same few examples, all plugged in between the same times of
// day, or never.
class Home final : public Population {
 public:
  explicit Home(int64_t num_devices) : num_devices_(num_devices) {
    shape_.num_features = 1;
    shape_.num_classes = 2;
    traits_.battery = {
        .capacity_joules = 36'000, .watts_drained = 1, .watts_charging = 3};
  }

  int64_t num_devices() const override { return num_devices_; }
  const learning::DataShape& shape() const override { return shape_; }
  int64_t num_examples(int64_t) const override { return 4; }
  absl::StatusOr<std::shared_ptr<const learning::Dataset>> Load(
      int64_t, const learning::Moment&) const override {
    return std::make_shared<const learning::InMemoryDataset>(
        std::vector<float>{-2, -1, 1, 2}, std::vector<int32_t>{0, 0, 1, 1}, 1,
        2);
  }
  DeviceTraits TraitsOf(int64_t) const override { return traits_; }
  absl::Time PluggedInUntil(int64_t, absl::Time now) const override {
    const absl::Duration hour = HourOf(now);
    return begin_ <= hour && hour < end_ ? now + (end_ - hour) : now;
  }
  absl::Time NextPluggedIn(int64_t, absl::Time now) const override {
    if (begin_ >= end_) return absl::InfiniteFuture();
    const absl::Duration hour = HourOf(now);
    if (hour < begin_) return now + (begin_ - hour);
    return hour < end_ ? now : now + (begin_ + absl::Hours(24) - hour);
  }

  DeviceTraits traits_;
  absl::Duration begin_ = absl::Hours(2);
  absl::Duration end_ = absl::Hours(6);

 private:
  static absl::Duration HourOf(absl::Time now) {
    const absl::Duration hour = (now - absl::UnixEpoch()) % absl::Hours(24);
    return hour < absl::ZeroDuration() ? hour + absl::Hours(24) : hour;
  }
  const int64_t num_devices_;
  learning::DataShape shape_;
};

double Level(const Home& home, absl::Duration from, double joules,
             absl::Duration to) {
  return LevelAt(home.traits_.battery, home, 0, {At(from), joules}, At(to));
}

TEST(BatteryTest, FallsByItsDrainAndRisesByWhatTheChargerGivesBeyondIt) {
  const Home home(1);
  EXPECT_DOUBLE_EQ(Level(home, absl::Hours(10), 20'000, absl::Hours(11)),
                   20'000 - 3600);
  EXPECT_DOUBLE_EQ(Level(home, absl::Hours(3), 10'000, absl::Hours(4)),
                   10'000 + 2 * 3600);
  // Of two hours one is at the charger.
  EXPECT_DOUBLE_EQ(Level(home, absl::Hours(1), 10'000, absl::Hours(3)),
                   10'000 + 3600);
}

TEST(BatteryTest, IsNeverFullerThanFullNorEmptierThanEmpty) {
  const Home home(1);
  EXPECT_DOUBLE_EQ(Level(home, absl::Hours(2), 30'000, absl::Hours(6)), 36'000);
  EXPECT_DOUBLE_EQ(Level(home, absl::Hours(6), 7'000, absl::Hours(9)), 0);
  // Twenty hours without a charger are ten too many; then two at it.
  EXPECT_DOUBLE_EQ(Level(home, absl::Hours(6), 36'000, absl::Hours(28)),
                   2 * 2 * 3600);
}

TEST(BatteryTest, BeginsWhereItsHabitHasLedTo) {
  const Home home(1);
  const BatteryLevel first = FirstLevel(home.traits_.battery);
  // It is empty every evening, and begins every day with four hours at the
  // charger.
  EXPECT_DOUBLE_EQ(
      LevelAt(home.traits_.battery, home, 0, first, At(absl::ZeroDuration())),
      0);
  EXPECT_DOUBLE_EQ(
      LevelAt(home.traits_.battery, home, 0, first, At(absl::Hours(6))),
      4 * 2 * 3600);
}

TEST(BatteryTest, DependsOnNoLookInBetween) {
  const Home home(1);
  double joules = 30'000;
  for (absl::Duration time; time < absl::Hours(60); time += absl::Minutes(7)) {
    joules = Level(home, time, joules, time + absl::Minutes(7));
    const double at_once =
        Level(home, absl::ZeroDuration(), 30'000, time + absl::Minutes(7));
    ASSERT_NEAR(joules, at_once, 1e-6) << time;
  }
}

FederationOptions OptionsFor(const Home& home, int64_t rounds) {
  FederationOptions options;
  options.task.name = "home";
  options.task.population = "test";
  options.task.model.architecture = learning::LogisticSpec{1, 2};
  options.task.training = {.epochs = 1, .batch_size = 2, .learning_rate = 0.1};
  const int devices = static_cast<int>(home.num_devices());
  options.task.round = {.cohort = devices,
                        .over_selection = 1,
                        .min_reports = devices,
                        .deadline = absl::Hours(30)};
  options.task.rounds = rounds;
  options.population = &home;
  return options;
}

// Without a charger in reach a full battery of 36 kJ lasts for ten hours, and
// that was long ago; at two the charger comes.
TEST(BatteryTest, ADeviceWithAnEmptyBatteryIsOffUntilItIsPluggedIn) {
  const Home home(2);
  FederationOptions options = OptionsFor(home, 1);
  std::vector<std::string> words;
  options.on_session = [&](int64_t, const SessionNews& news) {
    words.push_back(news.explanation);
    EXPECT_TRUE(!news.vanished || news.joules == 0);
  };
  SHOAL_ASSERT_OK_AND_ASSIGN(const FederationResult result,
                             RunFederation(options));
  EXPECT_GE(result.simulated_time, absl::Hours(2));
  EXPECT_LT(result.simulated_time, absl::Hours(2) + absl::Minutes(1));
  ASSERT_GE(words.size(), 2u);
  EXPECT_EQ(words[0], "the battery is empty");
}

// On external power the level does not matter.
TEST(BatteryTest, ADeviceWithALowBatteryStaysAwayUntilItIsPluggedIn) {
  Home home(2);
  home.begin_ = absl::Hours(7);
  home.end_ = absl::Hours(18);  // at midnight there are 40 % left
  client::LimitsOptions limits;
  limits.rules.min_battery_fraction = 0.5;
  home.traits_.limits = &limits;
  FederationOptions options = OptionsFor(home, 1);
  std::map<int64_t, std::vector<SessionNews>> sessions;
  options.on_session = [&](int64_t device, const SessionNews& news) {
    sessions[device].push_back(news);
  };
  SHOAL_ASSERT_OK_AND_ASSIGN(const FederationResult result,
                             RunFederation(options));
  EXPECT_GE(result.simulated_time, absl::Hours(7));
  EXPECT_LT(result.simulated_time, absl::Hours(7) + absl::Minutes(1));
  // It asks once, and not every minute until the morning.
  ASSERT_FALSE(sessions[0].empty());
  EXPECT_EQ(sessions[0][0].outcome, SessionReport::kHeldBack);
  EXPECT_EQ(sessions[0][0].explanation,
            "the battery is at 40 %, work starts at 55 %");
  EXPECT_EQ(result.devices.at(0).stayed_away, 1);
  EXPECT_EQ(result.devices.at(0).why_it_stayed_away,
            sessions[0][0].explanation);
}

// A training takes 48 joules.
TEST(BatteryTest, ADeviceWhoseBatteryRunsEmptyVanishesWithWhatItHad) {
  Home home(1);
  home.begin_ = home.end_;  // no charger
  home.traits_.battery = {.capacity_joules = 20};
  home.traits_.compute.flops_per_second = 1;
  home.traits_.energy = {0, 0, 0, 1e9, 0};  // a joule per operation
  FederationOptions options = OptionsFor(home, 1);
  options.time_limit = absl::Hours(1);
  std::vector<SessionNews> sessions;
  options.on_session = [&](int64_t, const SessionNews& news) {
    sessions.push_back(news);
  };
  EXPECT_THAT(RunFederation(options).status(),
              StatusIs(absl::StatusCode::kDeadlineExceeded));
  ASSERT_GE(sessions.size(), 1u);
  EXPECT_TRUE(sessions[0].vanished);
  EXPECT_EQ(sessions[0].explanation,
            "the battery ran empty while the device trained");
  EXPECT_NEAR(sessions[0].joules, 20, 1e-6);
  // Off for good: it never asks again.
  EXPECT_EQ(sessions.size(), 1u);
}

// Sessions drain the battery down to where work stops, and not further than by
// a mini-batch.
TEST(BatteryTest, SessionsStopWhereTheLevelIsTooLow) {
  Home home(1);
  home.begin_ = home.end_;
  home.traits_.battery = {.capacity_joules = 10'000};
  home.traits_.compute.flops_per_second = 10;
  home.traits_.energy = {0, 0, 0, 1e9, 0};
  client::LimitsOptions limits;
  limits.rules.min_battery_fraction = 0.5;
  limits.energy = home.traits_.energy;
  home.traits_.limits = &limits;
  FederationOptions options = OptionsFor(home, 1000);
  options.time_limit = absl::Hours(24);
  double joules = 0;
  std::string last;
  options.on_session = [&](int64_t, const SessionNews& news) {
    joules += news.joules;
    last = news.explanation;
  };
  EXPECT_THAT(RunFederation(options).status(),
              StatusIs(absl::StatusCode::kDeadlineExceeded));
  EXPECT_GT(joules, 4000);
  EXPECT_LT(joules, 5100);
  EXPECT_THAT(last, HasSubstr("work starts at 55 %"));
}

}  // namespace
}  // namespace shoal::simulations
