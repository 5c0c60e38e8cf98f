// The same contributors with the same updates give the bit-identical model,
// whatever the order of arrival, the batches and the threads.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/random.h"
#include "coordinator/engine/task_setup.h"
#include "tests/coordinator/engine/engine_fixture.h"

namespace shoal::coordinator {
namespace {

constexpr int kDevices = 12;
constexpr int kInputs = 60;
constexpr int kValues = (kInputs + 1) * 2;

struct Contribution {
  std::vector<float> delta;
  int64_t num_examples;
};

std::vector<Contribution> SomeContributions(uint64_t seed) {
  SeededRng rng(seed);
  std::vector<Contribution> contributions(kDevices);
  for (Contribution& one : contributions) {
    one.num_examples = 1 + static_cast<int64_t>(rng.Below(5000));
    const double size = std::exp(4 * rng.Normal());
    for (int i = 0; i < kValues; ++i) {
      one.delta.push_back(
          static_cast<float>(std::clamp(size * rng.Normal(), -50.0, 50.0)));
    }
  }
  return contributions;
}

std::string Encode(const Contribution& one) {
  learning::UpdateReport report;
  report.num_examples = one.num_examples;
  return learning::EncodeUpdate(learning::UpdateCodec::kFloat32, report,
                                one.delta);
}

class BitIdentityTest : public EngineTest {
 protected:
  configuration::Task WideTask() {
    configuration::Task task = SmallTask();
    task.model = learning::ModelSpec{learning::LogisticSpec{kInputs, 2}};
    task.round.cohort = kDevices;
    task.round.over_selection = 1;
    task.server_optimizer = configuration::SgdServerOptions{0.7, 0.9};
    return task;
  }

  // Sends the contributions in a random order, some at the same time, with a
  // restart now and then; returns the model that results.
  void RunRound(const std::vector<Contribution>& contributions, uint64_t seed) {
    SeededRng rng(seed);
    std::vector<int> order(kDevices);
    std::iota(order.begin(), order.end(), 0);
    rng.Shuffle(absl::MakeSpan(order));
    std::vector<std::string> tokens;
    for (int device = 0; device < kDevices; ++device) {
      tokens.push_back(Assign(device).token);
    }
    for (const int device : order) {
      Require(Send(device, tokens[device], Encode(contributions[device])));
      if (rng.Below(3) == 0) Advance();
      if (rng.Below(8) == 0) {
        Advance();  // what is complete is counted
        Restart();
      }
    }
    Advance();
  }

  std::vector<float> ModelAfter(int max_updates, int threads, uint64_t seed) {
    options_.commit_max_updates = max_updates;
    pool_ = threads > 1 ? std::make_unique<ThreadPool>(threads) : nullptr;
    Restart();
    const std::string name =
        absl::StrCat("task", max_updates, "-", threads, "-", seed);
    configuration::Task task = WideTask();
    task.name = name;
    task.rounds = 2;
    CreateTask(task);
    RunRound(SomeContributions(1), seed);
    RunRound(SomeContributions(2), seed + 1);
    EXPECT_EQ(TaskNamed(name).rounds_committed, 2);
    return Model(name);
  }
};

TEST_F(BitIdentityTest, ModelDependsOnNeitherOrderNorBatchesNorThreads) {
  const std::vector<float> expected = ModelAfter(64, 1, 1);
  uint64_t seed = 2;
  for (int max_updates = 1; max_updates <= kDevices; ++max_updates) {
    for (int threads = 1; threads <= 4; ++threads) {
      ASSERT_EQ(ModelAfter(max_updates, threads, ++seed), expected)
          << max_updates << " updates per batch, " << threads << " threads";
    }
  }
}

TEST_F(BitIdentityTest, MeanIsWithinTheStatedBoundOfTheExactOne) {
  configuration::Task task = WideTask();
  task.server_optimizer = configuration::SgdServerOptions{1, 0};
  CreateTask(task);
  const RoundRow round = Round();
  const std::vector<Contribution> contributions = SomeContributions(3);
  RunRound(contributions, 4);
  ASSERT_EQ(TaskNamed().rounds_committed, 1);

  long double weight = 0;
  for (const Contribution& one : contributions) weight += one.num_examples;
  // aggregation/accumulator.h: n / (2 scale W), and two roundings of the mean;
  // then one to float.
  const double absolute = kDevices / (2 * RangeOf(task, round).Scale() *
                                      static_cast<double>(weight));
  const std::vector<float> model = Model();
  for (int i = 0; i < kValues; ++i) {
    long double mean = 0;
    for (const Contribution& one : contributions) {
      mean += static_cast<long double>(one.delta[i]) * one.num_examples;
    }
    mean /= weight;
    const double bound =
        absolute + std::abs(static_cast<double>(mean)) * (0x1p-52 + 0x1p-24);
    EXPECT_NEAR(model[i], static_cast<double>(mean), bound * 1.001) << i;
  }
}

}  // namespace
}  // namespace shoal::coordinator
