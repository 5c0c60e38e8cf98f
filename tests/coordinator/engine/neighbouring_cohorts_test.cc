// Rounds of two cohorts that differ in one device, through the whole engine:
// what it releases must not tell them apart better than its ledger says.
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "coordinator/engine/round_engine.h"
#include "privacy/accounting/privacy_event.h"
#include "tests/coordinator/engine/engine_fixture.h"
#include "tests/privacy/differential_privacy/privacy_audit.h"

namespace shoal::coordinator {
namespace {

using configuration::CentralNoise;
using privacy::Adjacency;
using privacy::PrivacyEvent;
using testing::Outcomes;
using testing::Refuted;

// Of each kind and task. More tell more, and no budget allows them.
constexpr int kRounds = 750;
constexpr int kTasks = 5;
constexpr double kNoise = 1;

configuration::Task NeighbouringTask(const std::string& name,
                                     const CentralNoise& noise) {
  configuration::Task task = SmallTask(name);
  task.population = name;
  task.rounds = 2 * kRounds;
  task.round.weighting = configuration::Weighting::kUniform;
  if (noise.sampling_rate.has_value()) {
    task.round.drawn = true;
    task.round.min_reports = 0;
  }
  configuration::DifferentialPrivacy privacy;
  privacy.noise = noise;
  privacy.noise_multiplier = kNoise;
  privacy.clip_norm = 2;
  privacy.epsilon = 1000;
  privacy.delta = 0.01;
  // So many rounds with so little noise are beyond the grids of the other.
  privacy.accountant = privacy::Accountant::kRdp;
  task.differential_privacy = privacy;
  return task;
}

class NeighbouringCohortsTest : public EngineTest {
 protected:
  // What one round adds to the model, times the cohort. Device 1 sends the
  // longest update there may be, or another that is longer still; or nothing
  // but zeros. Device 2 sends the same in all rounds.
  std::vector<double> Released(const std::string& task,
                               const std::vector<float>& update) {
    const std::vector<float> before = Model(task);
    protocol::CheckIn hello = Hello();
    hello.population = task;
    for (int device = 1; device <= 2; ++device) {
      const auto answer =
          Require(engine().CheckIn(Device(device), hello, now_));
      const auto* assigned = std::get_if<protocol::Assignment>(&answer.answer);
      if (assigned == nullptr) continue;  // it was not drawn
      Require(Send(device, assigned->token,
                   Update(device == 1 ? update : std::vector<float>{0, 1})));
    }
    if (is_drawn_) Pass(SmallTask().round.deadline);
    Advance();
    const std::vector<float> after = Model(task);
    std::vector<double> released(after.size());
    for (size_t i = 0; i < after.size(); ++i) {
      released[i] = 2 * (double{after[i]} - before[i]);
    }
    return released;
  }

  void Run(const CentralNoise& noise, const std::vector<float>& update) {
    is_drawn_ = noise.sampling_rate.has_value();
    for (int i = 0; i < kTasks; ++i) {
      const std::string task = absl::StrCat("task-", i);
      CreateTask(NeighbouringTask(task, noise));
      // Turn by turn, so that the model's growth is the same for both.
      for (int round = 0; round < kRounds; ++round) {
        with_.push_back(Released(task, update));
        without_.push_back(Released(task, {}));
      }
      ASSERT_EQ(TaskNamed(task).rounds_committed, 2 * kRounds);
    }
  }

  // What the ledger was charged for one round.
  PrivacyEvent Charged() {
    return Require(
        PrivacyEvent::Parse(memory_->ListCharges("task-0")->back().event));
  }

  bool is_drawn_ = false;
  Outcomes with_;
  Outcomes without_;
};

TEST_F(NeighbouringCohortsTest, AreNotToldApartBetterThanWasCharged) {
  Run(CentralNoise{}, {2});
  EXPECT_FALSE(Refuted(with_, without_, Charged(), Adjacency::kAddRemove));
  // The test would have noticed less noise, or a longer update.
  EXPECT_TRUE(Refuted(with_, without_, *PrivacyEvent::Gaussian(2 * kNoise),
                      Adjacency::kAddRemove));
}

TEST_F(NeighbouringCohortsTest, NorWhenADeviceSendsMoreThanItMay) {
  Run(CentralNoise{}, {2000, -1000});
  EXPECT_FALSE(Refuted(with_, without_, Charged(), Adjacency::kAddRemove));
}

TEST_F(NeighbouringCohortsTest, NorWhenDevicesAreDrawn) {
  constexpr double kRate = 0.5;
  Run(CentralNoise{kRate}, {2});
  EXPECT_FALSE(Refuted(with_, without_, Charged(), Adjacency::kAddRemove));
  // Of a draw that took nearly nobody nothing would be seen.
  privacy::PoissonDraw draw(kRate / 5);
  SHOAL_ASSERT_OK(draw.Release(*PrivacyEvent::Gaussian(kNoise)));
  EXPECT_TRUE(Refuted(with_, without_, Require(std::move(draw).Finish()),
                      Adjacency::kAddRemove));
}

}  // namespace
}  // namespace shoal::coordinator
