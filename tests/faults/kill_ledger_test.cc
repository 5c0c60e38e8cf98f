// Kills shoald at every transition of a round with differential privacy, starts
// it again, and checks that the ledger has every charge once, and that no noise
// was drawn anew or used again.
#include <cmath>
#include <cstdlib>
#include <memory>
#include <ostream>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "configuration/task.h"
#include "coordinator/engine/failpoints.h"
#include "coordinator/store/sqlite_store.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learning/model.h"
#include "learning/update_codec.h"
#include "privacy/matrix_mechanisms/toeplitz.h"
#include "tests/faults/fault_fleet.h"
#include "tests/faults/shoald_process.h"
#include "tests/support/require.h"
#include "tests/support/status_matchers.h"

namespace shoal::testing {
namespace {

using coordinator::RoundRow;
using coordinator::RoundState;
using coordinator::RoundStore;
using ::testing::AnyOf;

constexpr int kDevices = 4;
constexpr int kRounds = 3;
constexpr absl::Duration kPatience = absl::Seconds(60);
// Far above the norm of any update, so that none is clipped.
constexpr double kClipNorm = 10;

v1::Task PrivateTask(const std::string& name) {
  v1::Task task = FaultTask(name, kDevices, kRounds);
  task.mutable_server_optimizer()->mutable_sgd()->clear_momentum();
  v1::DifferentialPrivacy& privacy = *task.mutable_differential_privacy();
  privacy.set_clip_norm(kClipNorm);
  privacy.mutable_budget()->set_epsilon(100);
  privacy.mutable_budget()->set_delta(1e-5);
  return task;
}

std::vector<float> ParametersOf(RoundStore& store, const Digest& model) {
  const auto row = Require(store.GetModel(model));
  const std::string bytes = Require(store.ReadModel(model, 0, row.num_bytes));
  return Require(learning::ParseModel(bytes)).parameters;
}

// What a committed round's sum has more than its contributions.
std::vector<double> NoiseOf(RoundStore& store, const RoundRow& round,
                            const FaultFleet& fleet) {
  const std::vector<float> before = ParametersOf(store, round.base_model);
  const std::vector<float> after = ParametersOf(store, round.committed_model);
  std::vector<double> noise(before.size());
  for (size_t i = 0; i < noise.size(); ++i) {
    noise[i] = (double{after[i]} - before[i]) * kDevices;
  }
  const auto sent = fleet.sent();
  for (const auto& row : Require(store.ListContributions(round.id))) {
    const auto update = Require(
        learning::DecodeUpdate(sent.at(row.update_digest), noise.size()));
    for (size_t i = 0; i < noise.size(); ++i) noise[i] -= update.delta[i];
  }
  return noise;
}

std::vector<RoundRow> CommittedRounds(RoundStore& store,
                                      const std::string& task) {
  std::vector<RoundRow> committed;
  for (const RoundRow& row : Require(store.ListRounds(task, 1000, 0))) {
    EXPECT_TRUE(IsFinal(row.state)) << "a round is left unfinished";
    if (row.state == RoundState::kCommitted) {
      committed.insert(committed.begin(), row);
    }
  }
  return committed;
}

double Product(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum / static_cast<double>(a.size());
}

// Samples that were drawn once, by a generator that never began again. Each
// check fails by chance once in 26 million.
void ExpectIndependent(const std::vector<std::vector<double>>& samples,
                       double stddev) {
  constexpr double kDeviations = 5.5;
  for (size_t i = 0; i < samples.size(); ++i) {
    const auto length = static_cast<double>(samples[i].size());
    EXPECT_NEAR(Product(samples[i], samples[i]) / (stddev * stddev), 1,
                kDeviations * std::sqrt(2 / length))
        << "round " << i;
    for (size_t j = 0; j < i; ++j) {
      EXPECT_NEAR(Product(samples[i], samples[j]) / (stddev * stddev), 0,
                  kDeviations / std::sqrt(length))
          << "rounds " << j << " and " << i;
    }
  }
}

class KillLedgerTest : public ::testing::TestWithParam<absl::string_view> {
 protected:
  // Runs the task over a kill at the failpoint, and opens its database.
  void Survive(const v1::Task& task) {
    const std::string failpoint = absl::StrCat(GetParam(), ":2");
    SHOAL_ASSERT_OK(shoald_.Start(failpoint));
    EXPECT_THAT(shoald_.CreateTask(task),
                AnyOf(IsOk(), StatusIs(absl::StatusCode::kUnavailable)));
    fleet_ = std::make_unique<FaultFleet>(shoald_, task, kDevices);
    ASSERT_TRUE(shoald_.AwaitDeath(kPatience))
        << "shoald never came by " << failpoint << "\n"
        << shoald_.Log();
    SHOAL_ASSERT_OK(shoald_.Start());
    SHOAL_ASSERT_OK(shoald_.AwaitCompletion(task.name(), kPatience));
    fleet_->Stop();
    EXPECT_THAT(shoald_.Stop(), IsOkAndHolds(0)) << shoald_.Log();
    store_ = Require(coordinator::OpenSqliteStore(shoald_.database()));
    for (const RoundRow& round : CommittedRounds(*store_, task.name())) {
      noise_.push_back(NoiseOf(*store_, round, *fleet_));
    }
    ASSERT_EQ(noise_.size(), kRounds);
  }

  // One for every round at most.
  std::vector<int64_t> ChargedRounds(const std::string& population) {
    std::vector<int64_t> rounds;
    for (const auto& row : Require(store_->ListCharges(population))) {
      rounds.push_back(row.round_id);
    }
    EXPECT_EQ(std::set<int64_t>(rounds.begin(), rounds.end()).size(),
              rounds.size());
    return rounds;
  }

  ShoaldProcess shoald_;
  std::unique_ptr<FaultFleet> fleet_;
  std::unique_ptr<RoundStore> store_;
  std::vector<std::vector<double>> noise_;  // of the committed rounds
};

TEST_P(KillLedgerTest, FreshNoiseIsChargedOnceARoundAndDrawnOnce) {
  v1::Task task = PrivateTask("fresh");
  task.mutable_differential_privacy()->mutable_central()->set_noise_multiplier(
      2);
  Survive(task);
  if (HasFatalFailure()) return;
  std::vector<int64_t> committed;
  for (const RoundRow& round : CommittedRounds(*store_, "fresh")) {
    committed.push_back(round.id);
  }
  EXPECT_EQ(ChargedRounds("fresh"), committed);
  ExpectIndependent(noise_, 2 * kClipNorm);
}

TEST_P(KillLedgerTest, CorrelatedNoiseIsChargedOnceAndGoesOn) {
  v1::Task task = PrivateTask("banded");
  v1::BandedNoise& banded =
      *task.mutable_differential_privacy()->mutable_banded();
  banded.set_noise_multiplier(2);
  banded.set_bands(2);
  Survive(task);
  if (HasFatalFailure()) return;
  EXPECT_THAT(ChargedRounds("banded"), ::testing::SizeIs(1));
  // What the noise was made of: C times it, whose column has a norm of 1 for
  // the multiplier.
  const std::vector<double> column =
      privacy::NormalisedColumn(privacy::SquareRootColumn(2));
  std::vector<std::vector<double>> samples = noise_;
  for (size_t round = 0; round < samples.size(); ++round) {
    for (size_t i = 0; i < samples[round].size(); ++i) {
      samples[round][i] = column[0] * noise_[round][i];
      if (round > 0) samples[round][i] += column[1] * noise_[round - 1][i];
    }
  }
  ExpectIndependent(samples, 2 * kClipNorm);
}

INSTANTIATE_TEST_SUITE_P(EveryTransition, KillLedgerTest,
                         ::testing::ValuesIn(coordinator::kRoundFailpoints),
                         [](const auto& info) {
                           return std::string(info.param);
                         });

}  // namespace
}  // namespace shoal::testing
