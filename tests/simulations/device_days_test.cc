// Days of a fleet whose devices have budgets, batteries and habits of all
// kinds, simulated with the deployed engine, sessions and governors; and what
// they spend, compared with buckets that know the truth.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/random.h"
#include "base/thread_pool.h"
#include "client/limits/spending.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learning/dataset.h"
#include "simulations/federation.h"
#include "tests/support/status_matchers.h"

namespace shoal::simulations {
namespace {

using client::Amounts;
using client::Work;
using ::shoal::testing::StatusIs;

constexpr int kFeatures = 4;
constexpr int kExamples = 12;
constexpr int kBatch = 4;
constexpr int kEpochs = 2;
constexpr int kDays = 50;
constexpr int kParts = 2;  // of the fleet, each with a federation and a thread
constexpr double kRounding = 1e-3;  // of joules and bytes

constexpr double kStepSeconds = 0.3;

// 10'000; the long test sets a million.
int64_t NumDeviceDays() {
  const char* text = std::getenv("SHOAL_DEVICE_DAYS");
  int64_t days = 10'000;
  if (text != nullptr) SHOAL_CHECK(absl::SimpleAtoi(text, &days));
  return days;
}

class Fleet final : public Population {
 public:
  // Devices as they are at random: what they cost, what they may spend, and
  // when they are there. With `step_flops` a mini-batch takes a joule or so.
  // `first`: number of the first of them among all.
  Fleet(int64_t first, int64_t num_devices, double step_flops) {
    shape_.num_features = kFeatures;
    shape_.num_classes = 2;
    devices_.reserve(static_cast<size_t>(num_devices));
    for (int64_t i = 0; i < num_devices; ++i) {
      SeededRng rng(
          DeriveSeed(1, "device", {static_cast<uint64_t>(first + i)}));
      devices_.push_back(MakeDevice(rng, step_flops));
    }
    SeededRng rng(2);
    std::vector<float> features;
    std::vector<int32_t> labels;
    for (int i = 0; i < kExamples; ++i) {
      labels.push_back(static_cast<int32_t>(rng.Below(2)));
      for (int f = 0; f < kFeatures; ++f) {
        features.push_back(static_cast<float>(
            rng.Normal() + (f == 0 ? 2 * labels.back() : 0)));
      }
    }
    data_ = std::make_shared<const learning::InMemoryDataset>(
        std::move(features), std::move(labels), kFeatures, 2);
  }

  int64_t num_devices() const override {
    return static_cast<int64_t>(devices_.size());
  }
  const learning::DataShape& shape() const override { return shape_; }
  int64_t num_examples(int64_t) const override { return kExamples; }
  absl::StatusOr<std::shared_ptr<const learning::Dataset>> Load(
      int64_t, const learning::Moment&) const override {
    return data_;
  }
  DeviceTraits TraitsOf(int64_t device) const override {
    DeviceTraits traits = devices_[device].traits;
    if (has_limits_) traits.limits = &devices_[device].limits;
    return traits;
  }
  absl::Time AvailableUntil(int64_t device, absl::Time now) const override {
    return devices_[device].there.Until(now);
  }
  absl::Time NextAvailable(int64_t device, absl::Time now) const override {
    return devices_[device].there.Next(now);
  }
  absl::Time PluggedInUntil(int64_t device, absl::Time now) const override {
    return devices_[device].plugged_in.Until(now);
  }
  absl::Time NextPluggedIn(int64_t device, absl::Time now) const override {
    return devices_[device].plugged_in.Next(now);
  }

  const client::LimitsOptions& LimitsOf(int64_t device) const {
    return devices_[device].limits;
  }

  bool has_limits_ = true;

 private:
  // The same hours of every day.
  struct Hours {
    absl::Duration begin;
    absl::Duration length = absl::Hours(24);

    absl::Time Until(absl::Time now) const {
      if (length >= absl::Hours(24)) return absl::InfiniteFuture();
      const absl::Duration since = SinceBegin(now);
      return since < length ? now + (length - since) : now;
    }
    absl::Time Next(absl::Time now) const {
      const absl::Duration since = SinceBegin(now);
      return since < length ? now : now + (absl::Hours(24) - since);
    }
    absl::Duration SinceBegin(absl::Time now) const {
      const absl::Duration time =
          (now - absl::UnixEpoch() - begin) % absl::Hours(24);
      return time < absl::ZeroDuration() ? time + absl::Hours(24) : time;
    }
  };
  struct Device {
    DeviceTraits traits;
    client::LimitsOptions limits;
    Hours there;
    Hours plugged_in;
  };

  static Device MakeDevice(SeededRng& rng, double step_flops) {
    const auto coin = [&] { return rng.Below(2) == 0; };
    const auto between = [&](double least, double most) {
      return least + (most - least) * rng.Uniform();
    };
    const auto hours = [&](double most) {
      return Hours{absl::Hours(between(0, 24)), absl::Hours(between(1, most))};
    };
    Device device;
    DeviceTraits& traits = device.traits;
    client::LimitsOptions& limits = device.limits;
    traits.compute.flops_per_second =
        step_flops / kStepSeconds / between(0.3, 3);
    traits.link = {absl::Milliseconds(between(1, 200)), between(2e4, 1e6),
                   between(1e4, 1e6)};
    if (rng.Below(4) == 0) traits.failure_rate = 0.1;
    limits.energy = {0.3, 100, 100, 1e9 / step_flops, 0.1};
    traits.energy = limits.energy;
    traits.has_meter = rng.Below(4) != 0;
    if (traits.has_meter) {  // it is not what is believed
      traits.energy.joules_per_connection *= between(0.2, 3);
      traits.energy.joules_per_sent_megabyte *= between(0.2, 3);
      traits.energy.joules_per_gigaflop *= between(0.2, 8);
      traits.energy.watts_awake *= between(0.2, 3);
    }
    client::BudgetLimits& budgets = limits.budgets;
    budgets.per_day.joules = between(15, 60);
    if (coin()) budgets.per_round.joules = between(8, 30);
    if (coin()) budgets.per_day.metered_bytes = between(25'000, 150'000);
    if (rng.Below(16) != 0) device.there = hours(5);
    limits.rules.time_zone = absl::UTCTimeZone();
    if (coin()) {
      traits.battery = {between(300, 3000), between(0.005, 0.05),
                        between(0.05, 0.5)};
      device.plugged_in = hours(12);
      limits.rules.external_power = rng.Below(4) == 0;
      if (coin()) limits.rules.min_battery_fraction = between(0.2, 0.8);
    }
    return device;
  }

  learning::DataShape shape_;
  std::shared_ptr<const learning::Dataset> data_;
  std::vector<Device> devices_;
};

FederationOptions OptionsFor(const Population& population) {
  FederationOptions options;
  options.task.name = "days";
  options.task.population = "test";
  options.task.model.architecture = learning::LogisticSpec{kFeatures, 2};
  options.task.training = {
      .epochs = kEpochs, .batch_size = kBatch, .learning_rate = 0.01};
  const int cohort =
      std::max(1, static_cast<int>(population.num_devices() / 10));
  options.task.round = {.cohort = cohort,
                        .over_selection = 1.5,
                        .min_reports = 1,
                        .deadline = absl::Minutes(20)};
  options.task.rounds = 1'000'000;
  options.population = &population;
  options.thin_above = 10'000'000;
  options.start_window = absl::Hours(24);
  options.forget_history = true;
  return options;
}

// Floating-point operations of a training of so many epochs.
double FlopsOf(int epochs) {
  Fleet one(0, 1, 1e3);
  one.has_limits_ = false;
  FederationOptions options = OptionsFor(one);
  options.task.training.epochs = epochs;
  options.task.rounds = 2;  // the session is over before the second is
  double flops = 0;
  options.on_session = [&](int64_t, const SessionNews& news) {
    flops = std::max(flops, news.work.flops);
  };
  SHOAL_EXPECT_OK(RunFederation(options).status());
  return flops;
}

// A token bucket that knows everything.
struct TrueBucket {
  double left;

  void Refill(double per_day, absl::Duration passed) {
    if (per_day == client::kUnlimited) return;
    left = std::min(
        per_day, left + per_day * absl::FDivDuration(passed, absl::Hours(24)));
  }
  double overdrawn() const { return std::max(-left, 0.0); }
};

// What one device has really spent.
struct Truth {
  TrueBucket joules;
  TrueBucket bytes;
  absl::Time time;  // of the buckets
  int64_t round_id = 0;
  double joules_of_round = 0;
};

// What happened to all devices: that the test tests something.
struct Tally {
  int64_t sessions = 0;
  int64_t steps = 0;
  int64_t contributed = 0;
  int64_t partial = 0;
  int64_t overdrafts = 0;
  std::map<std::string, int64_t> lost;

  void Add(const Tally& other) {
    sessions += other.sessions;
    steps += other.steps;
    contributed += other.contributed;
    partial += other.partial;
    overdrafts += other.overdrafts;
    for (const auto& [reason, count] : other.lost) lost[reason] += count;
  }
};

class DeviceDays {
 public:
  DeviceDays(const Fleet& fleet, double step_flops)
      : fleet_(fleet), step_flops_(step_flops) {
    for (int64_t i = 0; i < fleet.num_devices(); ++i) {
      const Amounts& day = fleet.LimitsOf(i).budgets.per_day;
      truths_.push_back({{day.joules}, {day.metered_bytes}, absl::UnixEpoch()});
    }
  }

  // Of the session, and of its round, all must be within the budgets, but for
  // a mini-batch and the upload.
  void Check(int64_t index, const SessionNews& news) {
    const DeviceTraits traits = fleet_.TraitsOf(index);
    const client::BudgetLimits& budgets = fleet_.LimitsOf(index).budgets;
    Truth& truth = truths_[static_cast<size_t>(index)];
    Count(news);
    Refill(truth, budgets, news.began);
    truth.joules.left -= news.joules;
    truth.bytes.left -= client::WireBytes(news.work);
    Refill(truth, budgets, news.ended);
    if (news.round_id != truth.round_id) truth.joules_of_round = 0;
    truth.round_id = news.round_id;
    if (news.round_id != 0) truth.joules_of_round += news.joules;

    const Work excess = MiniBatchAndUpload(traits, news);
    const double joules = client::Joules(traits.energy, excess) + kRounding;
    EXPECT_LE(truth.joules.overdrawn(), joules) << Where(index, news);
    EXPECT_LE(truth.joules_of_round, budgets.per_round.joules + joules)
        << Where(index, news);
    EXPECT_LE(truth.bytes.overdrawn(), client::WireBytes(excess) + kRounding)
        << Where(index, news);
    tally_.overdrafts += truth.joules.overdrawn() > kRounding;
  }

  const Tally& tally() const { return tally_; }

 private:
  static void Refill(Truth& truth, const client::BudgetLimits& budgets,
                     absl::Time now) {
    const absl::Duration passed = now - truth.time;
    truth.joules.Refill(budgets.per_day.joules, passed);
    truth.bytes.Refill(budgets.per_day.metered_bytes, passed);
    truth.time = now;
  }

  // The upload is all that the session has sent: besides it there are messages
  // of a kilobyte or two. It may need a connection of its own.
  Work MiniBatchAndUpload(const DeviceTraits& traits,
                          const SessionNews& news) const {
    Work work;
    work.connections = 1;
    work.bytes_sent = news.work.bytes_sent;
    work.flops = step_flops_;
    work.seconds = step_flops_ / traits.compute.flops_per_second +
                   work.bytes_sent / traits.link.up_bytes_per_second +
                   6 * absl::ToDoubleSeconds(traits.link.latency);
    return work;
  }

  void Count(const SessionNews& news) {
    ++tally_.sessions;
    tally_.steps += news.num_steps;
    if (news.outcome == SessionReport::kContributed && !news.vanished) {
      ++tally_.contributed;
      tally_.partial += news.num_steps < kEpochs * (kExamples / kBatch);
    } else if (news.vanished) {
      ++tally_.lost["vanished"];
    } else if (news.reason.has_value()) {
      ++tally_.lost[std::string(protocol::ToString(*news.reason))];
    } else {
      ++tally_.lost["otherwise"];
    }
  }

  static std::string Where(int64_t index, const SessionNews& news) {
    return absl::StrCat("device ", index, ", session from ",
                        absl::FormatTime(news.began, absl::UTCTimeZone()),
                        " on, ", news.joules, " J, ", news.num_steps,
                        " steps: ", news.explanation);
  }

  const Fleet& fleet_;
  const double step_flops_;
  std::vector<Truth> truths_;
  Tally tally_;
};

Tally LiveAndCheck(const Fleet& fleet, double step_flops) {
  DeviceDays days(fleet, step_flops);
  FederationOptions options = OptionsFor(fleet);
  options.time_limit = kDays * absl::Hours(24);
  options.on_session = [&](int64_t device, const SessionNews& news) {
    days.Check(device, news);
  };
  options.keep_going = [] { return !::testing::Test::HasFailure(); };
  EXPECT_THAT(RunFederation(options).status(),
              StatusIs(absl::StatusCode::kDeadlineExceeded));
  return days.tally();
}

TEST(DeviceDaysTest, NoDeviceOverdrawsByMoreThanAMiniBatchAndItsUpload) {
  const double step_flops =
      (FlopsOf(2) - FlopsOf(1)) / (double{kExamples} / kBatch);
  ASSERT_GT(step_flops, 0);
  const int64_t num_devices = NumDeviceDays() / kDays / kParts;
  std::array<Tally, kParts> tallies;
  {
    ThreadPool threads(kParts);
    for (int part = 0; part < kParts; ++part) {
      threads.Schedule([&, part] {
        const Fleet fleet(part * num_devices, num_devices, step_flops);
        tallies[part] = LiveAndCheck(fleet, step_flops);
      });
    }
    threads.WaitUntilIdle();
  }
  Tally tally;
  for (const Tally& part : tallies) tally.Add(part);
  RecordProperty("sessions", absl::StrCat(tally.sessions));
  RecordProperty("overdrafts", absl::StrCat(tally.overdrafts));
  // All of it happened, and often.
  const int64_t num_days = NumDeviceDays();
  EXPECT_GT(tally.sessions, 3 * num_days);
  EXPECT_GT(tally.steps, 10 * num_days);
  EXPECT_GT(tally.contributed, num_days);
  EXPECT_GT(tally.partial, num_days / 2);
  EXPECT_GT(tally.overdrafts, num_days / 10'000);
  const auto lost = [&](const std::string& reason) {
    const auto found = tally.lost.find(reason);
    return found == tally.lost.end() ? 0 : found->second;
  };
  EXPECT_GT(lost("vanished"), num_days / 20);
  EXPECT_GT(lost("energy"), num_days);
  EXPECT_GT(lost("bytes"), num_days / 5);
  EXPECT_GT(lost("conditions"), num_days / 20);
}

}  // namespace
}  // namespace shoal::simulations
