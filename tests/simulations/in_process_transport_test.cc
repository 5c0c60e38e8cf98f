#include "simulations/in_process_transport.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/logging.h"
#include "base/random.h"
#include "configuration/task.h"
#include "coordinator/store/memory_store.h"
#include "tests/support/aggregate_conformance.h"
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

// Answers what devices say to groups; nothing else is asked of it.
class GroupEngine final : public coordinator::RoundEngine {
 public:
  explicit GroupEngine(ScriptedGroup& group) : group_(group) {}

  absl::Status Aggregate(const coordinator::DeviceIdentity&,
                         const protocol::AggregateRequest& request, absl::Time,
                         coordinator::AggregateDone done) override {
    group_.Receive(request);
    waiting_.push_back(std::move(done));
    return absl::OkStatus();
  }
  absl::Time Advance(absl::Time) override {
    if (!group_.is_held()) {
      for (const auto& done : std::exchange(waiting_, {})) {
        done(group_.answer());
      }
    }
    return absl::InfiniteFuture();
  }

  absl::Status CreateTask(const configuration::Task&, absl::string_view,
                          absl::Time) override {
    return Unasked();
  }
  absl::Status SetTaskState(const std::string&, coordinator::TaskState,
                            absl::Time) override {
    return Unasked();
  }
  absl::StatusOr<coordinator::PrivacyReport> PrivacyOf(
      const std::string&) override {
    return Unasked();
  }
  absl::StatusOr<protocol::CheckInAnswer> CheckIn(
      const coordinator::DeviceIdentity&, const protocol::CheckIn&,
      absl::Time) override {
    return Unasked();
  }
  absl::StatusOr<std::string> ReadModel(const Digest&, int64_t) override {
    return Unasked();
  }
  absl::StatusOr<protocol::UploadProgress> QueryUpload(
      const coordinator::DeviceIdentity&, absl::string_view, const Digest&,
      absl::Time) override {
    return Unasked();
  }
  absl::StatusOr<coordinator::UploadStart> BeginUpload(
      const coordinator::DeviceIdentity&, const protocol::UploadHeader&,
      absl::Time) override {
    return Unasked();
  }
  absl::StatusOr<absl::Duration> Abandon(const coordinator::DeviceIdentity&,
                                         absl::string_view,
                                         protocol::AbandonReason,
                                         absl::Time) override {
    return Unasked();
  }
  absl::Status ForgetDevice(const std::string&) override { return Unasked(); }
  absl::Status CheckNotForgotten(const std::string&) override {
    return Unasked();
  }
  void StopAdmitting() override {}
  absl::Status LastError() const override { return absl::OkStatus(); }
  int64_t uploads_in_progress() const override { return 0; }
  coordinator::RoundStanding StandingOf(const std::string&) const override {
    return {};
  }
  coordinator::TaskNotices NoticesOf(const std::string&,
                                     int64_t) const override {
    return {};
  }

 private:
  static absl::Status Unasked() {
    return absl::UnimplementedError("not part of this test");
  }

  ScriptedGroup& group_;
  std::vector<coordinator::AggregateDone> waiting_;
};

class InProcessGroups final : public GroupCoordinator {
 public:
  std::unique_ptr<client::Transport> Connect() override {
    simulations::InProcessOptions options;
    options.engine = &engine_;
    options.clock = &clock_;
    options.models = &models_;
    options.advance = [this] { engine_.Advance(clock_.Now()); };
    options.wait = [this](absl::Duration d) { clock_.Advance(d); };
    options.device = {std::string(64, 'a'), "device"};
    return std::make_unique<simulations::InProcessTransport>(options);
  }

 private:
  VirtualClock clock_;
  GroupEngine engine_{group()};
  simulations::SharedModels models_{engine_};
};

INSTANTIATE_TEST_SUITE_P(InProcess, AggregateConformanceTest,
                         ::testing::Values([] {
                           return std::make_unique<InProcessGroups>();
                         }));

INSTANTIATE_TEST_SUITE_P(InProcess, TransportConformanceTest,
                         ::testing::Values([] {
                           return std::make_unique<InProcessCoordinator>();
                         }));

}  // namespace
}  // namespace shoal::testing
