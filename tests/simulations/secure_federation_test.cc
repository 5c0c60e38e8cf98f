// Federations whose devices aggregate securely: what comes of it is the same
// whether the cryptography is computed or skipped, and whoever leaves.
#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learning/model.h"
#include "simulations/federation.h"
#include "tests/simulations/crowd.h"
#include "tests/support/status_matchers.h"

namespace shoal::simulations {
namespace {

using secure_aggregation::CoordinatorTrust;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Key;
using ::testing::Not;

Crowd SlowCrowd(int num_devices) {
  Crowd crowd(num_devices);
  crowd.is_slow_ = true;
  // So slow that the length of a message tells.
  crowd.traits_.link = {.latency = absl::Milliseconds(20),
                        .down_bytes_per_second = 20e3,
                        .up_bytes_per_second = 5e3};
  return crowd;
}

FederationOptions SecureOptions(const Population& population, int cohort,
                                int64_t rounds) {
  FederationOptions options = OptionsFor(population, cohort, rounds);
  options.task.round.over_selection = 1.3;
  options.task.round.min_reports = cohort / 2;
  options.task.round.deadline = absl::Minutes(10);
  options.task.secure_aggregation = protocol::SecureAggregation{
      .min_group = 4, .max_group = 100, .dropout_fraction = 0.3};
  return options;
}

learning::ParameterVector ParametersOf(const FederationResult& result) {
  const auto model = learning::ParseModel(result.final_model);
  SHOAL_EXPECT_OK(model.status());
  return model->parameters;
}

// All that can be told from outside.
void ExpectSame(const FederationResult& a, const FederationResult& b) {
  EXPECT_EQ(a.final_model, b.final_model);
  EXPECT_EQ(a.simulated_time, b.simulated_time);
  EXPECT_EQ(a.outcomes, b.outcomes);
  EXPECT_EQ(a.rounds_failed, b.rounds_failed);
  EXPECT_EQ(a.bytes_up, b.bytes_up);
  EXPECT_EQ(a.bytes_down, b.bytes_down);
  EXPECT_EQ(a.joules, b.joules);
  EXPECT_EQ(a.groups, b.groups);
}

TEST(SecureFederationTest, LearnsWhatPlainSumsLearn) {
  const Crowd crowd(12);
  FederationOptions options = OptionsFor(crowd, 12, 4);
  // With secure aggregation a round that is tried again is shuffled anew.
  options.task.training.keep_order = true;
  SHOAL_ASSERT_OK_AND_ASSIGN(const FederationResult plain,
                             RunFederation(options));
  options.task.secure_aggregation = protocol::SecureAggregation{.bits = 24};
  SHOAL_ASSERT_OK_AND_ASSIGN(const FederationResult secure,
                             RunFederation(options));
  EXPECT_EQ(secure.rounds_failed, 0);
  EXPECT_EQ(secure.groups, (GroupCounts{.formed = 4, .smallest_sum = 12}));
  EXPECT_GT(secure.bytes_up, plain.bytes_up);
  EXPECT_GT(secure.bytes_down, plain.bytes_down);
  const auto expected = ParametersOf(plain);
  const auto actual = ParametersOf(secure);
  ASSERT_EQ(actual.size(), expected.size());
  double moved = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    // Of a norm bound of 1000 in 24 bits, four rounds.
    EXPECT_NEAR(actual[i], expected[i], 4 * 2e3 / (1 << 24));
    moved = std::max(moved, std::abs(double{expected[i]}));
  }
  EXPECT_GT(moved, 0.1);
}

struct Setting {
  std::string name;
  CoordinatorTrust coordinator;
};

class SecureFederationSettingsTest : public ::testing::TestWithParam<Setting> {
};

TEST_P(SecureFederationSettingsTest, SkippingCryptographyChangesNothing) {
  const Crowd crowd = SlowCrowd(30);
  FederationOptions options = SecureOptions(crowd, 12, 3);
  options.task.secure_aggregation->coordinator = GetParam().coordinator;
  SHOAL_ASSERT_OK_AND_ASSIGN(const FederationResult real,
                             RunFederation(options));
  options.skip_crypto = true;
  SHOAL_ASSERT_OK_AND_ASSIGN(const FederationResult skipped,
                             RunFederation(options));
  ExpectSame(real, skipped);
  EXPECT_EQ(real.rounds_failed, 0);
  EXPECT_EQ(real.groups.formed, 3);
}

TEST_P(SecureFederationSettingsTest, NeitherDoesItWhenMembersLeave) {
  const Crowd crowd = SlowCrowd(40);
  FederationOptions options = SecureOptions(crowd, 14, 3);
  options.task.secure_aggregation->coordinator = GetParam().coordinator;
  options.leaving_members = {
      .sharing = 0.05, .masking = 0.05, .consistency = 0.03, .unmasking = 0.03};
  SHOAL_ASSERT_OK_AND_ASSIGN(const FederationResult real,
                             RunFederation(options));
  options.skip_crypto = true;
  options.num_threads = 2;
  SHOAL_ASSERT_OK_AND_ASSIGN(const FederationResult skipped,
                             RunFederation(options));
  ExpectSame(real, skipped);
  int64_t vanished = 0;
  for (const auto& [round, outcomes] : real.outcomes) {
    const auto found = outcomes.find("vanished");
    if (found != outcomes.end()) vanished += found->second;
  }
  EXPECT_GT(vanished, 0);
}

// Noise is drawn by devices in either case, of the same seeds.
TEST_P(SecureFederationSettingsTest, NeitherDoesItWhenDevicesAddNoise) {
  const Crowd crowd = SlowCrowd(40);
  FederationOptions options = SecureOptions(crowd, 14, 3);
  options.task.secure_aggregation->coordinator = GetParam().coordinator;
  options.task.secure_aggregation->adversary_fraction = 0.05;
  options.task.round.weighting = configuration::Weighting::kUniform;
  options.task.update_limits.norm_bound.reset();
  configuration::DifferentialPrivacy& privacy =
      options.task.differential_privacy.emplace();
  privacy.noise = configuration::DistributedNoise{};
  privacy.noise_multiplier = 100;
  privacy.clip_norm = 1;
  privacy.epsilon = 100;
  privacy.delta = 1e-5;
  options.leaving_members = {.sharing = 0.05, .masking = 0.05};
  SHOAL_ASSERT_OK_AND_ASSIGN(const FederationResult real,
                             RunFederation(options));
  options.skip_crypto = true;
  SHOAL_ASSERT_OK_AND_ASSIGN(const FederationResult skipped,
                             RunFederation(options));
  ExpectSame(real, skipped);
  EXPECT_GE(real.groups.formed, 3);
  // Clipped updates move the model by a norm of 3 at most in three rounds.
  double squares = 0;
  for (const float value : ParametersOf(real)) {
    squares += double{value} * value;
  }
  EXPECT_GT(std::sqrt(squares), 3);
}

INSTANTIATE_TEST_SUITE_P(
    Settings, SecureFederationSettingsTest,
    ::testing::Values(Setting{"Honest", CoordinatorTrust::kHonest},
                      Setting{"SemiMalicious",
                              CoordinatorTrust::kSemiMalicious},
                      Setting{"Malicious", CoordinatorTrust::kMalicious}),
    [](const auto& info) { return info.param.name; });

// Who leaves at each step, alone.
TEST(SecureFederationTest, RoundsBearMembersThatLeaveAtAnyStep) {
  const Crowd crowd = SlowCrowd(40);
  const std::map<std::string, LeavingChances> steps = {
      {"sharing", {.sharing = 0.1}},
      {"masking", {.masking = 0.1}},
      {"consistency", {.consistency = 0.08}},
      {"unmasking", {.unmasking = 0.08}}};
  for (const auto& [name, chances] : steps) {
    SCOPED_TRACE(name);
    FederationOptions options = SecureOptions(crowd, 14, 3);
    options.task.secure_aggregation->coordinator =
        CoordinatorTrust::kSemiMalicious;
    options.skip_crypto = true;
    options.leaving_members = chances;
    SHOAL_ASSERT_OK_AND_ASSIGN(const FederationResult result,
                               RunFederation(options));
    EXPECT_EQ(result.models.size(), 4);
  }
}

TEST(SecureFederationTest, GroupsThatLoseTooManyAreBurntAndBegunAfresh) {
  const Crowd crowd(60);
  FederationOptions options = SecureOptions(crowd, 14, 2);
  options.task.secure_aggregation->dropout_fraction = 0.2;
  options.skip_crypto = true;
  options.leaving_members = {.masking = 0.3};
  SHOAL_ASSERT_OK_AND_ASSIGN(const FederationResult result,
                             RunFederation(options));
  EXPECT_EQ(result.models.size(), 3);
  EXPECT_GT(result.groups.burnt, 0);
  EXPECT_GT(result.groups.formed, result.groups.burnt);
  EXPECT_THAT(result.groups.why_burnt,
              HasSubstr("members sent masked input, expected at least"));
}

TEST(SecureFederationTest, ARunWhoseMembersAllLeaveEnds) {
  const Crowd crowd(30);
  FederationOptions options = SecureOptions(crowd, 10, 1);
  options.skip_crypto = true;
  options.leaving_members = {.masking = 1};
  int64_t failures = 0;
  options.on_round = [&](const RoundNews& news) {
    ++failures;
    return absl::OkStatus();
  };
  EXPECT_THAT(
      RunFederation(options),
      testing::StatusIs(absl::StatusCode::kDeadlineExceeded,
                        HasSubstr("100 times although enough devices")));
  EXPECT_EQ(failures, 100);
}

TEST(SecureFederationTest, RoundsFailWhenTooManyLeaveAfterTheSeal) {
  const Crowd crowd = SlowCrowd(30);
  FederationOptions options = SecureOptions(crowd, 10, 1);
  options.task.secure_aggregation->dropout_fraction = 0.1;
  options.skip_crypto = true;
  options.leaving_members = {.unmasking = 0.9};
  options.time_limit = absl::Hours(3);
  std::vector<std::string> failures;
  options.on_round = [&](const RoundNews& news) {
    failures.push_back(news.row.failure);
    return absl::OkStatus();
  };
  EXPECT_EQ(RunFederation(options).status().code(),
            absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(failures, Contains("unmasking"));
}

TEST(SecureFederationTest, LargeCohortsAreSplitIntoGroups) {
  const Crowd crowd(60);
  FederationOptions options = SecureOptions(crowd, 40, 1);
  options.task.secure_aggregation->max_group = 15;
  options.task.round.over_selection = 1;
  options.task.round.min_reports = 40;
  options.skip_crypto = true;
  SHOAL_ASSERT_OK_AND_ASSIGN(const FederationResult result,
                             RunFederation(options));
  EXPECT_GE(result.groups.formed, 3);
  EXPECT_EQ(result.groups.burnt, 0);
  EXPECT_EQ(result.models.back().contributors, 40);
}

// Of eight devices the first four are there for twenty seconds, in which the
// others do not get as far as a group.
class SomeLeaveEarly final : public Population {
 public:
  explicit SomeLeaveEarly(const Crowd& crowd) : crowd_(crowd) {}
  static absl::Time End() { return absl::UnixEpoch() + absl::Seconds(20); }

  int64_t num_devices() const override { return crowd_.num_devices(); }
  const learning::DataShape& shape() const override { return crowd_.shape(); }
  int64_t num_examples(int64_t device) const override {
    return crowd_.num_examples(device);
  }
  absl::StatusOr<std::shared_ptr<const learning::Dataset>> Load(
      int64_t device, const learning::Moment& moment) const override {
    return crowd_.Load(device, moment);
  }
  DeviceTraits TraitsOf(int64_t device) const override {
    DeviceTraits traits = crowd_.TraitsOf(device);
    if (device >= 4) traits.link.latency = absl::Seconds(3);
    return traits;
  }
  absl::Time AvailableUntil(int64_t device, absl::Time now) const override {
    return device >= 4 ? absl::InfiniteFuture() : std::max(now, End());
  }
  absl::Time NextAvailable(int64_t device, absl::Time now) const override {
    return device >= 4 || now < End() ? now : absl::InfiniteFuture();
  }

 private:
  const Crowd& crowd_;
};

TEST(SecureFederationTest, DevicesWaitForTheirGroupWhileTheyAreThere) {
  const Crowd crowd(8);
  const SomeLeaveEarly population(crowd);
  FederationOptions options = SecureOptions(population, 8, 1);
  options.task.round.over_selection = 1;
  options.task.round.min_reports = 4;
  options.skip_crypto = true;
  int num_left = 0;
  options.on_session = [&](int64_t device, const SessionNews& news) {
    if (device >= 4 || news.round_id == 0) return;
    EXPECT_EQ(news.outcome, SessionReport::kCancelled);
    EXPECT_EQ(news.ended, SomeLeaveEarly::End());
    ++num_left;
  };
  SHOAL_ASSERT_OK_AND_ASSIGN(const FederationResult result,
                             RunFederation(options));
  EXPECT_EQ(num_left, 4);
  EXPECT_EQ(result.models.back().contributors, 4);
}

}  // namespace
}  // namespace shoal::simulations
