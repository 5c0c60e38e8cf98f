// Runs that are interrupted and resumed come to the end of those that are not.
#include "simulations/run_log.h"

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/status_macros.h"
#include "client/limits/limits.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "simulations/federation.h"
#include "tests/simulations/crowd.h"
#include "tests/support/status_matchers.h"

namespace shoal::simulations {
namespace {

using ::testing::HasSubstr;
using testing::StatusIs;

// All of a run that a user sees.
struct Story {
  FederationResult result;
  std::vector<std::string> rounds;
};

std::string Line(const RoundNews& news) {
  std::string text = absl::StrCat(
      news.row.id, " ", news.row.number, " ", news.row.failure, " ",
      news.row.accepted, " ", news.row.assigned, " ", news.row.total_examples,
      " ", absl::FormatDuration(news.time), " ", news.totals.bytes_up, " ",
      news.totals.bytes_down, " ", news.totals.joules);
  absl::StrAppend(&text, " ", news.row.train_loss.value_or(-1), " ",
                  news.row.norm_bound, " ", news.row.median_norm);
  for (const auto& [outcome, count] : news.outcomes) {
    absl::StrAppend(&text, " ", outcome, "=", count);
  }
  return text;
}

void ExpectSame(const Story& a, const Story& b) {
  EXPECT_EQ(a.rounds, b.rounds);
  EXPECT_TRUE(a.result.final_model == b.result.final_model);
  EXPECT_EQ(a.result.simulated_time, b.result.simulated_time);
  EXPECT_EQ(a.result.joules, b.result.joules);
  EXPECT_EQ(a.result.bytes_up, b.result.bytes_up);
  EXPECT_EQ(a.result.bytes_down, b.result.bytes_down);
  EXPECT_EQ(a.result.outcomes, b.result.outcomes);
  ASSERT_EQ(a.result.devices.size(), b.result.devices.size());
  for (const auto& [device, totals] : a.result.devices) {
    const DeviceTotals& other = b.result.devices.at(device);
    EXPECT_EQ(totals.sessions, other.sessions) << device;
    EXPECT_EQ(totals.contributions, other.contributions) << device;
    EXPECT_EQ(totals.steps, other.steps) << device;
    EXPECT_EQ(totals.joules, other.joules) << device;
  }
}

class RunLogTest : public ::testing::Test {
 protected:
  static absl::StatusOr<Story> Tell(FederationOptions options) {
    Story story;
    options.forget_history = true;
    options.on_round = [&](const RoundNews& news) {
      story.rounds.push_back(Line(news));
      return absl::OkStatus();
    };
    SHOAL_ASSIGN_OR_RETURN(story.result, RunFederation(options));
    return story;
  }

  // A run that is stopped again and again, a little later each time.
  absl::StatusOr<Story> TellWithInterruptions(FederationOptions options) {
    for (int64_t events = 50;; events = events * 3 / 2) {
      ++parts_;
      SHOAL_ASSIGN_OR_RETURN(const auto log,
                             RunLog::Resume(folder_.path(), "a test"));
      log->set_save_interval(absl::ZeroDuration());
      known_rounds_ = log->known_rounds();
      int64_t count = 0;
      options.run_log = log.get();
      options.keep_going = [&] { return ++count < events; };
      options.num_threads = 1 + parts_ % 3;
      absl::StatusOr<Story> story = Tell(options);
      if (!absl::IsCancelled(story.status())) return story;
    }
  }

  void ExpectResumes(const FederationOptions& options) {
    SHOAL_ASSERT_OK_AND_ASSIGN(const Story whole, Tell(options));
    SHOAL_ASSERT_OK_AND_ASSIGN(const Story parts,
                               TellWithInterruptions(options));
    ExpectSame(whole, parts);
    EXPECT_GT(parts_, 2);
    EXPECT_GT(known_rounds_, 0) << "the last part began with what was known";
    EXPECT_LT(parts.result.trainings.num_trainings,
              whole.result.trainings.num_trainings * 3);
  }

  const TemporaryFolder folder_;
  int parts_ = 0;
  int64_t known_rounds_ = 0;
};

Crowd SlowCrowd(int64_t num_devices) {
  Crowd crowd(num_devices);
  crowd.is_slow_ = true;
  crowd.traits_.link.latency = absl::Milliseconds(20);
  crowd.traits_.energy.joules_per_gigaflop = 3;
  return crowd;
}

learning::LayerListSpec PrivateFirstLayer() {
  learning::LayerListSpec list;
  list.input = {kFeatures};
  list.layers = {{.kind = learning::DenseSpec{.units = 3}, .is_private = true},
                 {learning::DenseSpec{.units = 2}}};
  return list;
}

TEST_F(RunLogTest, StragglersAndFailingDevices) {
  Crowd crowd = SlowCrowd(40);
  crowd.traits_.failure_rate = 0.1;
  FederationOptions options = OptionsFor(crowd, 12, 20);
  options.task.round.over_selection = 1.5;
  options.task.round.min_reports = 8;
  ExpectResumes(options);
}

TEST_F(RunLogTest, RoundsThatFail) {
  Crowd crowd = SlowCrowd(30);
  crowd.traits_.failure_rate = 0.3;
  FederationOptions options = OptionsFor(crowd, 8, 12);
  options.task.round.min_reports = 6;
  options.task.round.deadline = absl::Seconds(3);
  ExpectResumes(options);
}

TEST_F(RunLogTest, StateOfTheServersOptimiser) {
  const Crowd crowd = SlowCrowd(20);
  FederationOptions options = OptionsFor(crowd, 6, 15);
  options.task.server_optimizer =
      configuration::AdamServerOptions{.learning_rate = 0.1};
  ExpectResumes(options);
}

TEST_F(RunLogTest, ControlVariatesOnDevices) {
  const Crowd crowd = SlowCrowd(20);
  FederationOptions options = OptionsFor(crowd, 6, 15);
  options.task.algorithm = learning::ScaffoldLocal{20, 2};
  options.task.round.weighting = configuration::Weighting::kUniform;
  options.task.round.over_selection = 1.4;
  ExpectResumes(options);
}

TEST_F(RunLogTest, PrivateLayers) {
  const Crowd crowd = SlowCrowd(20);
  FederationOptions options = OptionsFor(crowd, 6, 15);
  options.task.model.architecture = PrivateFirstLayer();
  ExpectResumes(options);
}

TEST_F(RunLogTest, ThinnedCheckIns) {
  const Crowd crowd = SlowCrowd(3000);
  FederationOptions options = OptionsFor(crowd, 10, 15);
  options.thin_above = 100;
  ExpectResumes(options);
}

// Updates are on their way when a round is committed, trained from several
// versions of the model.
TEST_F(RunLogTest, AsynchronousRounds) {
  Crowd crowd = SlowCrowd(40);
  crowd.traits_.link.up_bytes_per_second = 200;  // some are sending
  crowd.traits_.failure_rate = 0.05;
  FederationOptions options = OptionsFor(crowd, 4, 60);
  options.task.round.weighting = configuration::Weighting::kUniform;
  options.task.round.asynchronous = {.concurrency = 15, .max_staleness = 3};
  ExpectResumes(options);
}

TEST_F(RunLogTest, AsynchronousRoundsWithPrivateLayers) {
  Crowd crowd = SlowCrowd(25);
  crowd.traits_.link.up_bytes_per_second = 200;
  FederationOptions options = OptionsFor(crowd, 4, 50);
  options.task.round.weighting = configuration::Weighting::kUniform;
  options.task.round.asynchronous = {.concurrency = 15, .max_staleness = 5};
  options.task.model.architecture = PrivateFirstLayer();
  ExpectResumes(options);
}

// Their updates are refused for their norms, which are in the log.
TEST_F(RunLogTest, UpdatesThatAreRefused) {
  const Crowd crowd = SlowCrowd(30);
  FederationOptions options = OptionsFor(crowd, 8, 12);
  options.task.round.min_reports = 2;
  options.task.update_limits.norm_bound = 0.5;
  options.task.round.deadline = absl::Minutes(1);
  options.time_limit = absl::Hours(24);
  SHOAL_ASSERT_OK_AND_ASSIGN(const Story whole, Tell(options));
  int64_t refused = 0;
  for (const auto& [round, outcomes] : whole.result.outcomes) {
    const auto found = outcomes.find("refused");
    if (found != outcomes.end()) refused += found->second;
  }
  EXPECT_GT(refused, 0);
  ExpectResumes(options);
}

TEST_F(RunLogTest, AnotherRunIsRefused) {
  const Crowd crowd = SlowCrowd(20);
  FederationOptions options = OptionsFor(crowd, 6, 5);
  {
    SHOAL_ASSERT_OK_AND_ASSIGN(const auto log,
                               RunLog::Begin(folder_.path(), "a test"));
    log->set_save_interval(absl::ZeroDuration());
    options.run_log = log.get();
    SHOAL_ASSERT_OK(RunFederation(options).status());
    EXPECT_THAT(RunLog::Resume(folder_.path(), "a test"),
                StatusIs(absl::StatusCode::kFailedPrecondition,
                         HasSubstr("another process")));
  }
  EXPECT_THAT(RunLog::Resume(folder_.path(), "another test"),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("another scenario")));
  // The same name for something else, as data that have changed are.
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto log,
                             RunLog::Resume(folder_.path(), "a test"));
  options.run_log = log.get();
  options.seed = 12345;
  EXPECT_THAT(RunFederation(options),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("does not fit")));
}

TEST_F(RunLogTest, DamagedCheckpointIsFound) {
  const Crowd crowd = SlowCrowd(20);
  FederationOptions options = OptionsFor(crowd, 6, 3);
  {
    SHOAL_ASSERT_OK_AND_ASSIGN(const auto log,
                               RunLog::Begin(folder_.path(), "a test"));
    log->set_save_interval(absl::ZeroDuration());
    options.run_log = log.get();
    SHOAL_ASSERT_OK(RunFederation(options).status());
  }
  const std::string path = folder_.path() + "/checkpoint";
  SHOAL_ASSERT_OK_AND_ASSIGN(const std::string bytes, ReadFile(path));
  for (size_t i = 0; i < bytes.size(); i += 7) {
    std::string damaged = bytes;
    damaged[i] ^= 4;
    SHOAL_ASSERT_OK(WriteFileAtomically(path, damaged));
    EXPECT_THAT(RunLog::Resume(folder_.path(), "a test"),
                StatusIs(absl::StatusCode::kDataLoss, HasSubstr("damaged")))
        << i;
  }
  SHOAL_ASSERT_OK(RunLog::Remove(folder_.path()));
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto log,
                             RunLog::Resume(folder_.path(), "a test"));
  EXPECT_FALSE(log->is_replaying());
}

}  // namespace
}  // namespace shoal::simulations
