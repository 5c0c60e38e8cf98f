#include "simulations/in_process_transport.h"

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/logging.h"
#include "base/random.h"
#include "configuration/task.h"
#include "coordinator/store/memory_store.h"
#include "tests/support/transport_conformance.h"

namespace shoal::testing {
namespace {

// The real engine over a store in memory, with time that stands still unless
// somebody waits.
class InProcessCoordinator final : public TransportCoordinator {
 public:
  InProcessCoordinator() {
    engine_ = *coordinator::RoundEngine::Create(
        {.replica = "test"},
        {.store = *store_, .spool = *spool_, .rng = rng_, .log = log_},
        clock_.Now());
    configuration::Task task;
    task.name = "task";
    task.population = population();
    // Large enough for several chunks.
    task.model.architecture = learning::MlpSpec{100, {900}, 10};
    task.training.learning_rate = 0.1;
    task.round = {.cohort = 1, .over_selection = 1, .min_reports = 1};
    task.rounds = 10;
    SHOAL_EXPECT_OK(engine_->CreateTask(task, "", clock_.Now()));
    engine_->Advance(clock_.Now());
    models_ = std::make_unique<simulations::SharedModels>(*engine_);
  }

  std::unique_ptr<client::Transport> Connect() override {
    simulations::InProcessOptions options;
    options.engine = engine_.get();
    options.clock = &clock_;
    options.models = models_.get();
    options.advance = [this] { engine_->Advance(clock_.Now()); };
    options.wait = [this](absl::Duration d) { clock_.Advance(d); };
    options.device = {std::string(64, 'a'), "device"};
    return std::make_unique<simulations::InProcessTransport>(options);
  }
  std::string population() const override { return "phones"; }

 private:
  VirtualClock clock_;
  NullLogger log_;
  SystemRng rng_;
  const std::unique_ptr<coordinator::RoundStore> store_ =
      coordinator::MakeMemoryStore();
  const std::unique_ptr<coordinator::UploadSpool> spool_ =
      coordinator::MakeMemorySpool(int64_t{1} << 30);
  std::unique_ptr<coordinator::RoundEngine> engine_;
  std::unique_ptr<simulations::SharedModels> models_;
};

INSTANTIATE_TEST_SUITE_P(InProcess, TransportConformanceTest,
                         ::testing::Values([] {
                           return std::make_unique<InProcessCoordinator>();
                         }));

}  // namespace
}  // namespace shoal::testing
