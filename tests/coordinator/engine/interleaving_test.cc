// A model test: random devices do random things, the store fails at random,
// the coordinator is restarted at random, and the invariants hold all the time:
//
//  * every acknowledged update is in exactly one committed segment,
//  * no assignment is in two sums,
//  * every model equals the exact integer sum of the contributors' updates,
//  * epochs never fall,
//  * states only move forward (so a round is revealed at most once), and
//    terminal ones stay as they are.
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "aggregation/accumulator.h"
#include "aggregation/server_optimizer.h"
#include "aggregation/staleness.h"
#include "aggregation/update_validation.h"
#include "base/random.h"
#include "coordinator/engine/task_setup.h"
#include "learning/model.h"
#include "tests/coordinator/engine/engine_fixture.h"

namespace shoal::coordinator {
namespace {

using ::shoal::testing::StoreFault;

constexpr int kDevices = 9;

// One device, as forgetful as real ones.
struct SimDevice {
  std::string token;
  int64_t round_id = 0;
  std::string update;
  std::unique_ptr<UploadStream> stream;
  std::vector<std::shared_ptr<Outcome>> outcomes;  // of the streams
  void Forget() {
    token.clear();
    update.clear();
    stream.reset();
    outcomes.clear();
  }
};

configuration::Task SynchronousTask(int seed) {
  configuration::Task task = SmallTask();
  task.round.cohort = 4;
  task.round.min_reports = 2;
  task.round.over_selection = 1.5;
  task.round.deadline = absl::Seconds(20);
  task.round.min_separation = seed % 3;
  task.server_optimizer = configuration::SgdServerOptions{0.5, 0.5};
  task.rounds = 1000;
  return task;
}

configuration::Task AsynchronousTask(int seed) {
  configuration::Task task = SynchronousTask(seed);
  task.round.cohort = 2 + seed % 3;
  task.round.min_separation = seed % 2;
  task.round.weighting = configuration::Weighting::kUniform;
  task.round.asynchronous = configuration::AsynchronousRounds{
      .concurrency = 5 + seed % 4, .max_staleness = seed % 5};
  return task;
}

class InterleavingTest : public EngineTest,
                         public ::testing::WithParamInterface<int> {
 protected:
  explicit InterleavingTest(
      configuration::Task (*make_task)(int seed) = SynchronousTask)
      : random_(GetParam()) {
    const configuration::Task task = make_task(GetParam());
    options_.commit_max_updates = 1 + GetParam() % 4;
    options_.failure_backoff = absl::Milliseconds(100);
    options_.max_failure_backoff = absl::Seconds(1);
    Restart();
    task_ = task;
    CreateTask(task);
  }

  bool Chance(int percent) {
    return random_.Below(100) < static_cast<uint64_t>(percent);
  }

  void SetFaults(int percent) {
    store_.SetFaults([this, percent](absl::string_view method) {
      StoreFault fault = StoreFault::kNone;
      if (Chance(percent)) {
        fault = Chance(50) ? StoreFault::kBefore : StoreFault::kAfter;
      }
      return fault;
    });
  }

  // --- what devices do -------------------------------------------------------

  void Step() {
    now_ += absl::Milliseconds(random_.Below(400));
    if (Chance(1)) now_ += absl::Seconds(30);
    if (Chance(1)) now_ -= absl::Seconds(30);
    if (Chance(2)) Crash();
    const int number = static_cast<int>(random_.Below(kDevices));
    SimDevice& device = devices_[number];
    if (device.token.empty()) {
      TryCheckIn(number, device);
    } else if (Chance(3)) {
      device.Forget();  // it crashed and lost everything
    } else if (Chance(3)) {
      engine()
          .Abandon(Device(number), device.token,
                   protocol::AbandonReason::kEnergy, now_)
          .status()
          .IgnoreError();  // a device that gives up does not care
      device.Forget();
    } else {
      Work(number, device);
    }
    if (Chance(70)) Advance();
    Collect();
  }

  void Crash() {
    for (auto& [number, device] : devices_) {
      device.stream.reset();
      device.outcomes.clear();  // the connections are gone
    }
    // A start over a store that fails is no start.
    const auto faults = percent_;
    store_.SetFaults(nullptr);
    Restart();
    SetFaults(faults);
  }

  void TryCheckIn(int number, SimDevice& device) {
    const auto answer = CheckIn(number);
    if (!answer.ok()) return;
    const auto* assignment = std::get_if<protocol::Assignment>(&answer->answer);
    if (assignment == nullptr) return;
    device.token = assignment->token;
    device.round_id = assignment->round_id;
    device.update = Update({static_cast<float>(random_.Normal()),
                            static_cast<float>(10 * random_.Normal()),
                            static_cast<float>(random_.Normal())},
                           1 + static_cast<int64_t>(random_.Below(50)));
    if (Chance(3)) device.update = Update({2000});  // beyond the norm bound
    updates_[Sha256(device.update)] = device.update;
  }

  void Work(int number, SimDevice& device) {
    if (device.stream == nullptr) {
      if (!device.outcomes.empty() && !Chance(20)) return;  // it waits
      Connect(number, device);
      return;
    }
    const int64_t offset = device.stream->offset();
    const std::string rest = device.update.substr(offset);
    if (rest.empty()) {
      auto outcome = std::make_shared<Outcome>();
      if (Finish(*device.stream, outcome).ok()) {
        device.outcomes.push_back(outcome);
      }
      device.stream.reset();
      return;
    }
    const std::string chunk = rest.substr(0, 1 + random_.Below(40));
    if (!device.stream->Append(offset, chunk, Crc32(chunk)).ok() || Chance(5)) {
      device.stream.reset();
    }
  }

  void Connect(int number, SimDevice& device) {
    const auto progress = Query(number, device.token, device.update);
    if (progress.ok() && progress->receipt.has_value()) {
      Acknowledge(number, device, *progress->receipt);
      return;
    }
    auto start = progress.ok() ? Begin(number, device.token, device.update,
                                       progress->received_bytes)
                               : absl::StatusOr<UploadStart>(progress.status());
    if (!start.ok()) {
      const auto refusal = protocol::RefusalOf(start.status());
      if (refusal.has_value() && !protocol::InfoOf(refusal->code).retry) {
        device.Forget();
      }
      return;
    }
    if (start->receipt.has_value()) {
      Acknowledge(number, device, *start->receipt);
    } else {
      device.stream = std::move(start->stream);
    }
  }

  void Collect() {
    for (auto& [number, device] : devices_) {
      for (const auto& outcome : device.outcomes) {
        if (!outcome->called || !outcome->receipt.ok()) continue;
        Acknowledge(number, device, *outcome->receipt);
        break;
      }
    }
  }

  void Acknowledge(int number, SimDevice& device,
                   const protocol::UploadReceipt& receipt) {
    EXPECT_EQ(receipt.round_id, device.round_id);
    EXPECT_EQ(receipt.digest, Sha256(device.update));
    acknowledged_[{receipt.round_id, Device(number).id}] = receipt;
    device.Forget();
  }

  void Run() {
    for (int step = 0; step < 12'000; ++step) {
      if (step % 100 == 0) {
        percent_ = Chance(40) ? 25 : (Chance(50) ? 2 : 0);
        SetFaults(percent_);
      }
      Step();
      if (step % 10 == 0) CheckRows();
      if (HasFatalFailure()) return;
    }
    store_.SetFaults(nullptr);
    for (int step = 0; step < 200; ++step) Step();
    CheckRows();
    CheckAcknowledged();
    CheckModels();
    EXPECT_GT(TaskNamed().rounds_committed, 10)
        << "the test must test something";
    EXPECT_GT(acknowledged_.size(), 50u);
    for (auto& [number, device] : devices_) device.Forget();
  }

  // --- what must hold --------------------------------------------------------

  void CheckRows() {
    for (const RoundRow& row : Require(memory_->ListRounds("task", 1000, 0))) {
      const auto [place, is_new] = finals_.try_emplace(row.id, row.state);
      if (IsFinal(place->second)) {
        ASSERT_EQ(row.state, place->second) << "round " << row.id;
      }
      ASSERT_GE(row.state, place->second) << "round " << row.id;
      place->second = row.state;
      const auto contributions = Require(memory_->ListContributions(row.id));
      ASSERT_EQ(row.accepted, static_cast<int>(contributions.size()));
      ASSERT_LE(row.accepted, row.max_accepted());
      for (const ContributionRow& counted : contributions) {
        const int64_t assigned =
            counted.earlier_round == 0 ? row.id : counted.earlier_round;
        const auto sum =
            sums_.try_emplace({assigned, counted.device_id}, row.id).first;
        ASSERT_EQ(sum->second, row.id)
            << "round " << assigned << ", " << counted.device_id;
      }
    }
    const Lease lease = Require(memory_->AcquireLease("task", options_.replica,
                                                      now_, absl::Seconds(15)));
    ASSERT_GE(lease.epoch, epoch_);
    epoch_ = lease.epoch;
  }

  void CheckAcknowledged() {
    for (const auto& [key, receipt] : acknowledged_) {
      const auto row = Require(memory_->GetContribution(key.first, key.second));
      ASSERT_TRUE(row.has_value())
          << "round " << key.first << " lost " << key.second;
      EXPECT_EQ(row->update_digest, receipt.digest);
      EXPECT_EQ(row->segment_id, receipt.segment_id);
    }
  }

  int64_t WeightOf(const ContributionRow& row, const RoundRow& round,
                   int64_t weight) {
    if (!round.asynchronous) return weight;
    int64_t behind = 0;
    if (row.earlier_round != 0) {
      behind =
          round.number - Require(memory_->GetRound(row.earlier_round)).number;
    }
    EXPECT_LE(behind, task_.round.asynchronous->max_staleness);
    stale_ += behind > 0;
    return aggregation::StalenessWeight(behind, 0.5);
  }

  // Replays all committed rounds from the updates that devices have made.
  void CheckModels() {
    const auto setup = Require(MakeTaskSetup(task_));
    learning::ParameterVector model(kParameters);
    aggregation::ServerOptimizer optimizer(
        aggregation::MakeServerRule(task_.server_optimizer), kParameters);
    std::vector<RoundRow> rounds =
        Require(memory_->ListRounds("task", 1000, 0));
    std::reverse(rounds.begin(), rounds.end());
    for (const RoundRow& round : rounds) {
      if (round.state != RoundState::kCommitted) continue;
      aggregation::Accumulator sum(RangeOf(task_, round), kParameters);
      for (const ContributionRow& row :
           Require(memory_->ListContributions(round.id))) {
        const auto update = Require(aggregation::ValidateUpdate(
            updates_.at(row.update_digest),
            {{kParameters}, round.norm_bound, 1'000'000}));
        const int64_t weight = WeightOf(row, round, update.weight);
        ASSERT_EQ(row.weight, weight);
        sum.Add({{update.decoded.delta, weight, update.decoded.report}},
                nullptr);
      }
      std::vector<double> mean(kParameters);
      sum.Mean(absl::MakeSpan(mean));
      if (round.asynchronous) {
        for (double& value : mean) {
          value *= aggregation::MeanStalenessWeight(sum.totals());
        }
      }
      SHOAL_ASSERT_OK(optimizer.Step(mean, absl::MakeSpan(model)));
      ASSERT_EQ(Sha256(learning::SerializeModel(setup->layout, model)),
                round.committed_model)
          << "round " << round.id;
    }
    EXPECT_EQ(Model(), model);
  }

  SeededRng random_;
  configuration::Task task_;
  int percent_ = 0;
  std::map<int, SimDevice> devices_;
  std::map<Digest, std::string> updates_;
  std::map<std::pair<int64_t, std::string>, protocol::UploadReceipt>
      acknowledged_;
  std::map<int64_t, RoundState> finals_;
  // The round in whose sum an assignment is.
  std::map<std::pair<int64_t, std::string>, int64_t> sums_;
  int64_t stale_ = 0;  // updates of earlier rounds' assignments
  int64_t epoch_ = 0;
};

TEST_P(InterleavingTest, InvariantsHoldThroughFaultsAndRestarts) { Run(); }

INSTANTIATE_TEST_SUITE_P(Seeds, InterleavingTest, ::testing::Range(1, 13));

class AsynchronousInterleavingTest : public InterleavingTest {
 protected:
  AsynchronousInterleavingTest() : InterleavingTest(AsynchronousTask) {}
};

TEST_P(AsynchronousInterleavingTest, InvariantsHoldThroughFaultsAndRestarts) {
  Run();
  const bool any = task_.round.asynchronous->max_staleness > 0;
  EXPECT_EQ(stale_ > 0, any) << "the test must test something";
}

INSTANTIATE_TEST_SUITE_P(Seeds, AsynchronousInterleavingTest,
                         ::testing::Range(1, 13));

}  // namespace
}  // namespace shoal::coordinator
