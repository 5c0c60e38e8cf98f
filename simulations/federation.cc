#include "simulations/federation.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <queue>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/human_duration.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "client/client_state.h"
#include "client/session_run.h"
#include "coordinator/engine/round_engine.h"
#include "coordinator/engine/upload_spool.h"
#include "coordinator/store/memory_store.h"
#include "learning/feature_statistics.h"
#include "learning/initial_model.h"
#include "simulations/in_process_transport.h"

namespace shoal::simulations {
namespace {

constexpr int64_t kSpoolBytes = int64_t{1} << 40;  // nothing is ever refused

// When a device starts its next session; ties go to the lower index.
struct Wakeup {
  absl::Time time;
  int device;
  friend bool operator>(const Wakeup& a, const Wakeup& b) {
    return a.time != b.time ? a.time > b.time : a.device > b.device;
  }
};

class SimulatedDevice {
 public:
  SimulatedDevice(const FederationOptions& options, int index,
                  coordinator::RoundEngine& engine, VirtualClock& clock)
      : data_(*options.devices[index]),
        wait_([&clock](absl::Duration d) { clock.Advance(d); }),
        transport_(
            {.engine = &engine,
             .clock = &clock,
             .wait = wait_,
             .device = {.id = Sha256(absl::StrCat("device ", index)).ToHex(),
                        .name = absl::StrCat("device-", index)}}) {
    driver_.population = options.task.population;
    driver_.seed = client::DeviceSeed(options.seed, index);
    if (!options.memory_bytes.empty()) {
      driver_.memory_bytes = options.memory_bytes[index];
    }
    driver_.jitter_seed = driver_.seed;
    driver_.clock = &clock;
    driver_.permission = [] { return client::Permission::kGoOn; };
  }

  // One session; returns when to run the next.
  absl::StatusOr<absl::Duration> Run() {
    SHOAL_ASSIGN_OR_RETURN(
        const client::SessionResult result,
        client::RunSession(driver_, transport_, state_, data_, wait_));
    driver_.earlier_failures = result.failures;
    return result.report.next_check_in;
  }

  int64_t bytes_sent() const { return transport_.bytes_sent(); }
  int64_t bytes_received() const { return transport_.bytes_received(); }

 private:
  const learning::Dataset& data_;
  const std::function<void(absl::Duration)> wait_;
  InProcessTransport transport_;
  client::MemoryState state_;
  client::SessionRunOptions driver_;
};

class Federation {
 public:
  explicit Federation(const FederationOptions& options) : options_(options) {}

  absl::StatusOr<FederationResult> Run();

 private:
  absl::Status Start();
  // Moves the clock to `time`, waking the engine whenever it wants to be.
  void AdvanceTo(absl::Time time);
  absl::StatusOr<bool> IsOver();
  absl::Status TimeLimitError();
  absl::StatusOr<FederationResult> Collect();

  const FederationOptions& options_;
  NullLogger null_log_;
  SystemRng rng_;  // keys and tokens only: no result depends on it
  VirtualClock clock_;
  const std::unique_ptr<coordinator::RoundStore> store_ =
      coordinator::MakeMemoryStore();
  const std::unique_ptr<coordinator::UploadSpool> spool_ =
      coordinator::MakeMemorySpool(kSpoolBytes);
  std::unique_ptr<coordinator::RoundEngine> engine_;
  std::vector<std::unique_ptr<SimulatedDevice>> devices_;
  std::priority_queue<Wakeup, std::vector<Wakeup>, std::greater<>> wakeups_;
};

// Of the features of all devices, where the model needs them.
absl::StatusOr<std::string> InitialModel(const FederationOptions& options) {
  const learning::ModelSpec& model = options.task.model;
  std::optional<learning::FeatureStatistics> all;
  if (model.preprocessing.needs_statistics()) {
    for (const learning::Dataset* data : options.devices) {
      SHOAL_ASSIGN_OR_RETURN(const learning::FeatureStatistics own,
                             learning::StatisticsOf(*data));
      if (!all.has_value()) all.emplace(own.num_features());
      SHOAL_RETURN_IF_ERROR(all->Merge(own));
    }
  }
  return learning::MakeInitialModel(model, options.task.seed,
                                    all.has_value() ? &*all : nullptr);
}

absl::Status Federation::Start() {
  if (!options_.memory_bytes.empty() &&
      options_.memory_bytes.size() != options_.devices.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("memory is given for ", options_.memory_bytes.size(),
                     " devices, expected ", options_.devices.size()));
  }
  Logger& log = options_.log != nullptr ? *options_.log : null_log_;
  SHOAL_ASSIGN_OR_RETURN(
      engine_,
      coordinator::RoundEngine::Create(
          {.replica = "simulation"},
          {.store = *store_, .spool = *spool_, .rng = rng_, .log = log},
          clock_.Now()));
  SHOAL_ASSIGN_OR_RETURN(const std::string initial, InitialModel(options_));
  SHOAL_RETURN_IF_ERROR(
      engine_->CreateTask(options_.task, initial, clock_.Now()));
  engine_->Advance(clock_.Now());
  for (size_t i = 0; i < options_.devices.size(); ++i) {
    const int index = static_cast<int>(i);
    devices_.push_back(
        std::make_unique<SimulatedDevice>(options_, index, *engine_, clock_));
    wakeups_.push({clock_.Now(), index});
  }
  return absl::OkStatus();
}

void Federation::AdvanceTo(absl::Time time) {
  absl::Time now = clock_.Now();
  while (true) {
    const absl::Time next = engine_->Advance(now);
    if (now >= time) return;
    // At least a step, in case the engine wants to be called again at once.
    const absl::Time until =
        std::min(time, std::max(next, now + absl::Milliseconds(1)));
    clock_.Advance(until - now);
    now = clock_.Now();
  }
}

absl::StatusOr<bool> Federation::IsOver() {
  SHOAL_ASSIGN_OR_RETURN(const coordinator::TaskRow row,
                         store_->GetTask(options_.task.name));
  return coordinator::IsFinal(row.state);
}

absl::Status Federation::TimeLimitError() {
  SHOAL_ASSIGN_OR_RETURN(const coordinator::TaskRow row,
                         store_->GetTask(options_.task.name));
  return absl::DeadlineExceededError(absl::StrCat(
      "task ", row.name, " has ", row.rounds_committed, " of ", row.rounds,
      " rounds after ", HumanDuration(options_.time_limit),
      " of simulated time; ", row.rounds_failed, " rounds failed"));
}

absl::StatusOr<FederationResult> Federation::Collect() {
  FederationResult result;
  const int limit = static_cast<int>(options_.task.rounds) + 1;
  SHOAL_ASSIGN_OR_RETURN(result.models,
                         store_->ListModels(options_.task.name, limit));
  std::reverse(result.models.begin(), result.models.end());
  SHOAL_ASSIGN_OR_RETURN(const coordinator::TaskRow row,
                         store_->GetTask(options_.task.name));
  result.rounds_failed = row.rounds_failed;
  const coordinator::ModelRow& last = result.models.back();
  SHOAL_ASSIGN_OR_RETURN(result.final_model,
                         store_->ReadModel(last.digest, 0, last.num_bytes));
  for (const auto& device : devices_) {
    result.bytes_up += device->bytes_sent();
    result.bytes_down += device->bytes_received();
  }
  result.simulated_time = clock_.Monotonic();
  return result;
}

absl::StatusOr<FederationResult> Federation::Run() {
  if (options_.devices.empty()) {
    return absl::InvalidArgumentError("a federation needs at least one device");
  }
  SHOAL_RETURN_IF_ERROR(Start());
  while (true) {
    SHOAL_ASSIGN_OR_RETURN(const bool over, IsOver());
    if (over) return Collect();
    const Wakeup wakeup = wakeups_.top();
    if (wakeup.time - absl::UnixEpoch() > options_.time_limit) {
      return TimeLimitError();
    }
    wakeups_.pop();
    AdvanceTo(wakeup.time);
    SHOAL_ASSIGN_OR_RETURN(const absl::Duration delay,
                           devices_[wakeup.device]->Run());
    wakeups_.push({clock_.Now() + delay, wakeup.device});
  }
}

}  // namespace

absl::StatusOr<FederationResult> RunFederation(
    const FederationOptions& options) {
  return Federation(options).Run();
}

}  // namespace shoal::simulations
