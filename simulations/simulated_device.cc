#include "simulations/simulated_device.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/digest.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "client/limits/moment.h"
#include "client/limits/record.h"
#include "client/meters/energy_meter.h"

namespace shoal::simulations {
namespace {

// A transfer is one event: nobody looks at it in the middle.
constexpr int64_t kWholeTransfer = int64_t{1} << 40;

}  // namespace

// What the device's work truly costs, as a meter on it would show.
class SimulatedDevice::Meter final : public client::EnergyMeter {
 public:
  explicit Meter(const SimulatedDevice& device) : device_(device) {}
  absl::StatusOr<double> Joules() override {
    return device_.totals_.joules + device_.JoulesOf(device_.WorkDone());
  }
  std::string name() const override { return "simulated"; }

 private:
  const SimulatedDevice& device_;
};

struct SimulatedDevice::Budgets {
  explicit Budgets(const SimulatedDevice& device)
      : meter(device), moments(device.clock_) {}
  Meter meter;
  client::ClockMoments moments;
  client::MemoryRecord ledger;
  client::MemoryRecord learned;
  std::unique_ptr<client::Limits> limits;
};

coordinator::DeviceIdentity IdentityOf(int64_t index) {
  return {.id = Sha256(absl::StrCat("device ", index)).ToHex(),
          .name = absl::StrCat("device-", index)};
}

namespace {

InProcessOptions LinkOf(const DeviceSite& site, int64_t index,
                        const LinkPace& pace, const Clock& clock) {
  InProcessOptions link;
  link.engine = site.engine;
  link.clock = &clock;
  link.models = site.models;
  link.device = IdentityOf(index);
  link.link = pace;
  link.chunk_bytes = kWholeTransfer;
  link.advance = site.advance;
  link.on_receipt = [&site, index] { site.wake(index); };
  return link;
}

DeferredTrainingOptions TrainingOf(const DeviceSite& site, int64_t index,
                                   const ComputePace& pace, DeviceClock& clock,
                                   std::function<bool()> is_wanted,
                                   std::function<int(int)> epochs_of) {
  DeferredTrainingOptions training;
  training.pool = site.pool;
  training.log = site.log;
  training.clock = &clock;
  training.device = index;
  training.pace = pace;
  training.is_wanted = std::move(is_wanted);
  training.epochs_of = std::move(epochs_of);
  training.load = [population = site.population,
                   index](const learning::Moment& moment) {
    return population->Load(index, moment);
  };
  return training;
}

}  // namespace

SimulatedDevice::SimulatedDevice(const DeviceSite& site, int64_t index,
                                 absl::Time now, const DeviceMemo& memo)
    : site_(site),
      index_(index),
      traits_(site.population->TraitsOf(index)),
      examples_(site.population->shape(), site.population->num_examples(index)),
      clock_(now),
      state_(*site.models),
      transport_(LinkOf(site, index, traits_.link, clock_)),
      training_(TrainingOf(
          site, index, traits_.compute, clock_, [this] { return IsWanted(); },
          [this](int epochs) { return EpochsOf(epochs); })),
      earlier_failures_(memo.earlier_failures),
      totals_(memo.totals) {
  state_.set_held(memo.held_model);
}

SimulatedDevice::~SimulatedDevice() = default;

// Whether an update that is begun to be sent now would be looked at.
bool SimulatedDevice::IsWanted() const {
  const auto standing = site_.engine->StandingOf(site_.task);
  return standing.takes_reports &&
         (standing.asynchronous || standing.id == run_->round_id());
}

// How many of the epochs of a training that begins it does.
int SimulatedDevice::EpochsOf(int epochs) {
  if (!site_.straggler) return epochs;
  const auto straggling = site_.straggler(run_->round_id(), index_);
  if (!straggling.has_value()) return epochs;
  drops_ = straggling->drops;
  return std::min(straggling->epochs, epochs);
}

std::optional<DeviceMemo> SimulatedDevice::Memo() const {
  if (!is_idle() || budgets_ != nullptr || !state_.is_light()) {
    return std::nullopt;
  }
  return DeviceMemo{state_.held(), earlier_failures_, totals_};
}

absl::Status SimulatedDevice::OpenBudgets() {
  if (traits_.limits == nullptr || budgets_ != nullptr) return absl::OkStatus();
  auto budgets = std::make_unique<Budgets>(*this);
  client::LimitsParts parts;
  parts.clock = &clock_;
  parts.moments = &budgets->moments;
  parts.ledger = &budgets->ledger;
  parts.learned = &budgets->learned;
  parts.meter = &budgets->meter;
  SHOAL_ASSIGN_OR_RETURN(budgets->limits,
                         client::Limits::Create(*traits_.limits, parts));
  budgets_ = std::move(budgets);
  return absl::OkStatus();
}

client::SessionRunOptions SimulatedDevice::SessionOptions() {
  client::SessionRunOptions options;
  options.population = site_.population_name;
  options.seed = client::DeviceSeed(site_.seed, static_cast<int>(index_));
  options.memory_bytes = traits_.memory_bytes;
  options.earlier_failures = earlier_failures_;
  options.jitter_seed = DeriveSeed(options.seed, "session",
                                   {static_cast<uint64_t>(totals_.sessions)});
  options.limits = budgets_ != nullptr ? budgets_->limits.get() : nullptr;
  options.clock = &clock_;
  options.backend = &training_;
  options.permission = [this] {
    return clock_.Now() < until_ ? client::Permission::kGoOn
                                 : client::Permission::kStop;
  };
  return options;
}

absl::Status SimulatedDevice::Begin(absl::Time now) {
  SHOAL_CHECK(is_idle());
  clock_.AdvanceTo(now);
  SHOAL_RETURN_IF_ERROR(OpenBudgets());
  before_ = Now(now);
  until_ = site_.population->AvailableUntil(index_, now);
  dies_ = absl::InfiniteFuture();
  dies_at_ = 1;
  drops_ = false;
  if (traits_.failure_rate > 0) {
    SeededRng rng(DeriveSeed(site_.seed, "failure",
                             {static_cast<uint64_t>(index_),
                              static_cast<uint64_t>(totals_.sessions)}));
    if (rng.Uniform() < traits_.failure_rate) dies_at_ = rng.Uniform();
  }
  ++totals_.sessions;
  SHOAL_ASSIGN_OR_RETURN(
      run_, client::SessionRun::Create(SessionOptions(), transport_, state_,
                                       examples_));
  return absl::OkStatus();
}

SimulatedDevice::Before SimulatedDevice::Now(absl::Time now) const {
  return {now, transport_.connections(), transport_.bytes_sent(),
          transport_.bytes_received(), training_.flops()};
}

client::Work SimulatedDevice::WorkDone() const {
  client::Work work;
  work.connections =
      static_cast<double>(transport_.connections() - before_.connections);
  work.bytes_sent =
      static_cast<double>(transport_.bytes_sent() - before_.bytes_sent);
  work.bytes_received =
      static_cast<double>(transport_.bytes_received() - before_.bytes_received);
  work.flops = training_.flops() - before_.flops;
  work.seconds = absl::ToDoubleSeconds(clock_.Now() - before_.began);
  return work;
}

absl::StatusOr<SimulatedDevice::Progress> SimulatedDevice::Continue(
    absl::Time now) {
  SHOAL_CHECK(!is_idle());
  if (now >= dies_) {
    Progress progress;
    progress.ended = Vanish(now);
    return progress;
  }
  clock_.AdvanceTo(now);
  while (!run_->over()) {
    const absl::Duration delay = run_->Tick(absl::ZeroDuration());
    if (training_.is_waiting()) return AwaitEndOfTraining();
    if (transport_.is_calling()) {
      const absl::Time next = transport_.next_step();
      if (next > clock_.Now()) return Progress{next, std::nullopt};
    } else if (delay > absl::ZeroDuration()) {
      return Progress{clock_.Now() + delay, std::nullopt};
    }
  }
  SHOAL_ASSIGN_OR_RETURN(const client::SessionResult result, run_->result());
  Progress progress;
  progress.ended = End(result);
  return progress;
}

SimulatedDevice::Progress SimulatedDevice::AwaitEndOfTraining() {
  const absl::Time end = clock_.Now();
  if (dies_at_ < 1 || drops_) {
    dies_ = training_.began() + (end - training_.began()) * dies_at_;
    return {dies_, std::nullopt};
  }
  return {end, std::nullopt};
}

SessionNews SimulatedDevice::Vanish(absl::Time now) {
  clock_.Rewind(now);
  training_.CutShort(dies_at_);
  SessionNews news;
  news.vanished = true;
  news.round_id = run_->round_id();
  news.explanation = "the device vanished while it trained";
  CloseBooks(news);
  return news;
}

SessionNews SimulatedDevice::End(const client::SessionResult& result) {
  earlier_failures_ = result.failures;
  const SessionReport& report = result.report;
  SessionNews news;
  news.round_id = report.round_id;
  news.outcome = report.outcome;
  news.explanation = report.explanation;
  news.next_check_in = report.next_check_in;
  if (report.outcome == SessionReport::kContributed) {
    ++totals_.contributions;
  }
  totals_.steps += report.num_steps;
  CloseBooks(news);
  return news;
}

void SimulatedDevice::CloseBooks(SessionNews& news) {
  const client::Work work = WorkDone();
  news.joules = JoulesOf(work);
  news.bytes_up = static_cast<int64_t>(work.bytes_sent);
  news.bytes_down = static_cast<int64_t>(work.bytes_received);
  if (news.round_id != 0) ++totals_.assignments;
  totals_.joules += news.joules;
  totals_.bytes_up += news.bytes_up;
  totals_.bytes_down += news.bytes_down;
  // A session that is dropped settles its budgets by the meter: what it spent
  // must be there, once.
  before_ = Now(clock_.Now());
  run_.reset();
  transport_.Drop();
  transport_.Close();
}

}  // namespace shoal::simulations
