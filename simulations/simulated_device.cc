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
#include "simulations/insecure_rng.h"

namespace shoal::simulations {
namespace {

// A transfer is one event: nobody looks at it in the middle.
constexpr int64_t kWholeTransfer = int64_t{1} << 40;
// Who is never charged need not ask for ever.
constexpr absl::Duration kLongestWait = absl::Hours(24 * 365);

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

// What it can tell of its power; of its network and its user it tells nothing.
class SimulatedDevice::Readings final : public client::ReadingsSource {
 public:
  explicit Readings(const SimulatedDevice& device) : device_(device) {}
  DeviceReadings Read() override {
    const BatteryTraits& battery = device_.traits_.battery;
    DeviceReadings readings;
    readings.battery_fraction = 1;
    readings.external_power = true;
    if (battery.exists()) {
      const double joules =
          device_.JoulesLeft(device_.clock_.Now(), device_.WorkDone());
      readings.battery_fraction =
          std::max(joules, 0.0) / battery.capacity_joules;
      readings.external_power = device_.IsPluggedIn();
    }
    return readings;
  }

 private:
  const SimulatedDevice& device_;
};

struct SimulatedDevice::Budgets {
  explicit Budgets(const SimulatedDevice& device)
      : meter(device), readings(device), moments(device.clock_) {}
  Meter meter;
  Readings readings;
  client::ClockMoments moments;
  client::MemoryRecord ledger;
  client::MemoryRecord learned;
  std::unique_ptr<client::Limits> limits;
};

// What it draws in one session, and what it brings to the groups of that.
struct SimulatedDevice::SessionPart {
  explicit SessionPart(uint64_t seed) : rng(DeriveSeed(seed, "groups")) {}

  InsecureSeededRng rng;
  std::optional<LeavingMembers> members;  // absent: there are no groups
  std::unique_ptr<secure_aggregation::MemberSigner> signer;
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
  link.on_answer = [&site, index] { site.wake(index); };
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
  training.crafted = site.crafted;
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
      limits_memo_(memo.limits),
      battery_(memo.battery.value_or(FirstLevel(traits_.battery))),
      earlier_failures_(memo.earlier_failures),
      totals_(memo.totals) {
  state_.set_held(memo.held_model);
}

SimulatedDevice::~SimulatedDevice() = default;

// Whether an update that is begun to be sent now would be looked at.
bool SimulatedDevice::IsWanted() const {
  const auto standing = site_.engine->StandingOf(site_.task);
  if (!standing.takes_reports) return false;
  if (!standing.asynchronous) return standing.id == run_->round_id();
  return IsLive(training_.base_version(), standing.number - 1);
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
  if (!is_idle() || !state_.is_light()) return std::nullopt;
  DeviceMemo memo = {state_.held(), earlier_failures_, totals_};
  if (budgets_ != nullptr) memo.limits = MemoOfLimits();
  if (traits_.battery.exists()) memo.battery = battery_;
  return memo;
}

LimitsMemo SimulatedDevice::MemoOfLimits() const {
  // What was never saved is empty.
  return {budgets_->ledger.Load().value_or(""),
          budgets_->learned.Load().value_or(""), budgets_->limits->memory()};
}

absl::Status SimulatedDevice::OpenBudgets() {
  if (traits_.limits == nullptr || budgets_ != nullptr) return absl::OkStatus();
  auto budgets = std::make_unique<Budgets>(*this);
  if (limits_memo_.has_value()) {
    const LimitsMemo& memo = *limits_memo_;
    if (!memo.ledger.empty()) {
      SHOAL_RETURN_IF_ERROR(budgets->ledger.Save(memo.ledger));
    }
    if (!memo.learned.empty()) {
      SHOAL_RETURN_IF_ERROR(budgets->learned.Save(memo.learned));
    }
  }
  client::LimitsParts parts;
  parts.clock = &clock_;
  parts.moments = &budgets->moments;
  parts.ledger = &budgets->ledger;
  parts.learned = &budgets->learned;
  if (traits_.has_meter) parts.meter = &budgets->meter;
  parts.readings = &budgets->readings;
  SHOAL_ASSIGN_OR_RETURN(budgets->limits,
                         client::Limits::Create(*traits_.limits, parts));
  if (limits_memo_.has_value()) {
    budgets->limits->set_memory(std::move(limits_memo_->memory));
    limits_memo_.reset();
  }
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
  options.menus = site_.menus;
  options.permission = [this] {
    return clock_.Now() < until_ ? client::Permission::kGoOn
                                 : client::Permission::kStop;
  };
  return options;
}

// Keys and absences are drawn for the session alone: what one draws makes no
// difference to another.
void SimulatedDevice::MakeSessionPart(client::SessionRunOptions& options) {
  part_ = std::make_unique<SessionPart>(options.jitter_seed);
  options.secure_rng = &part_->rng;
  if (!site_.groups.has_value()) return;
  options.device_id = IdentityOf(index_).id;
  part_->members.emplace(*site_.groups->members, site_.groups->leaving,
                         DeriveSeed(options.jitter_seed, "leaving"));
  options.member_maker = &*part_->members;
  if (site_.groups->authority == nullptr) return;
  part_->signer = site_.groups->authority->Issue(options.device_id);
  options.signer = part_->signer.get();
  // It stands for a CA that the coordinator has no key of.
  options.group_policy.has_own_roots = true;
  options.verifier = site_.groups->authority;
}

absl::Status SimulatedDevice::Begin(absl::Time now) {
  SHOAL_CHECK(is_idle());
  clock_.AdvanceTo(now);
  SHOAL_RETURN_IF_ERROR(OpenBudgets());
  if (!state_.has_pending()) {
    training_.Forget();
    if (site_.log != nullptr) values_at_begin_ = Values();
  }
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
  why_it_dies_ = "the device vanished while it trained";
  ++totals_.sessions;
  client::SessionRunOptions options = SessionOptions();
  MakeSessionPart(options);
  SHOAL_ASSIGN_OR_RETURN(
      run_, client::SessionRun::Create(std::move(options), transport_, state_,
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

client::Work SimulatedDevice::WorkDoneBy(absl::Time now) const {
  client::Work work = WorkDone();
  const absl::Time end = clock_.Now();
  if (now >= end) return work;
  // Its clock has run ahead to the end of its training.
  const double left = absl::FDivDuration(end - now, end - training_.began());
  work.flops -= std::min(left, 1.0) * training_.last_flops();
  work.seconds -= absl::ToDoubleSeconds(end - now);
  return work;
}

double SimulatedDevice::JoulesLeft(absl::Time now,
                                   const client::Work& work) const {
  return LevelAt(traits_.battery, *site_.population, index_, battery_, now) -
         JoulesOf(work);
}

bool SimulatedDevice::IsPluggedIn() const {
  const absl::Time now = clock_.Now();
  return site_.population->PluggedInUntil(index_, now) > now;
}

bool SimulatedDevice::IsOff() const {
  return traits_.battery.exists() &&
         JoulesLeft(clock_.Now(), WorkDone()) <= 0 && !IsPluggedIn();
}

bool SimulatedDevice::NeedsCharger() const {
  if (!traits_.battery.exists() || IsPluggedIn()) return false;
  client::ConditionRules rules;
  rules.min_battery_fraction = traits_.limits->rules.min_battery_fraction;
  rules.external_power = traits_.limits->rules.external_power;
  return !client::Conditions(rules)
              .Check(budgets_->readings.Read(), clock_, /*working=*/false)
              .ok();
}

absl::Duration SimulatedDevice::UntilPluggedIn() const {
  const absl::Time now = clock_.Now();
  return std::min(site_.population->NextPluggedIn(index_, now) - now,
                  kLongestWait);
}

absl::StatusOr<SimulatedDevice::Progress> SimulatedDevice::Continue(
    absl::Time now) {
  SHOAL_CHECK(!is_idle());
  Progress progress;
  if (now >= dies_) {
    progress.ended = Vanish(now, why_it_dies_);
    return progress;
  }
  clock_.AdvanceTo(now);
  if (IsOff()) {
    progress.ended = Vanish(clock_.Now(), "the battery is empty");
    return progress;
  }
  while (!run_->over()) {
    const absl::Duration delay = run_->Tick(absl::ZeroDuration());
    if (training_.is_waiting()) return AwaitEndOfTraining();
    if (transport_.is_calling()) {
      const absl::Time next = transport_.next_step();
      if (next > clock_.Now()) return Progress{WakeUp(next), std::nullopt};
    } else if (delay > absl::ZeroDuration()) {
      return Progress{clock_.Now() + delay, std::nullopt};
    }
  }
  SHOAL_ASSIGN_OR_RETURN(const client::SessionResult result, run_->result());
  if (part_->members.has_value() && part_->members->has_left()) {
    progress.ended = Vanish(clock_.Now(), "the device has left its group");
    return progress;
  }
  progress.ended = End(result);
  return progress;
}

// A device waits for its group while it is available.
absl::Time SimulatedDevice::WakeUp(absl::Time next) const {
  const bool may_leave =
      transport_.is_waiting_for_group() && until_ > clock_.Now();
  return may_leave ? std::min(next, until_) : next;
}

SimulatedDevice::Progress SimulatedDevice::AwaitEndOfTraining() {
  const absl::Time end = clock_.Now();
  if (IsOff()) DieOfBattery();
  if (dies_at_ < 1 || drops_) {
    dies_ = training_.began() + (end - training_.began()) * dies_at_;
    return {dies_, std::nullopt};
  }
  return {end, std::nullopt};
}

// The level falls evenly while it trains.
void SimulatedDevice::DieOfBattery() {
  const client::Work all = WorkDone();
  client::Work before = all;
  before.flops -= training_.last_flops();
  before.seconds = absl::ToDoubleSeconds(training_.began() - before_.began);
  const double left = JoulesLeft(training_.began(), before);
  const double missing = -JoulesLeft(clock_.Now(), all);
  const double part = left > 0 ? left / (left + missing) : 0;
  if (part >= dies_at_) return;
  dies_at_ = part;
  why_it_dies_ = "the battery ran empty while the device trained";
}

SessionNews SimulatedDevice::EndOfTime(absl::Time now) {
  SessionNews news;
  news.round_id = run_->round_id();
  news.is_under_way = !transport_.has_receipt();
  if (!news.is_under_way) {
    news.outcome = SessionReport::kContributed;
    ++totals_.contributions;
  }
  const client::Work work = WorkDoneBy(now);
  if (clock_.Now() > now) {
    const double undone = WorkDone().flops - work.flops;
    if (undone > 0) training_.CutShort(1 - undone / training_.last_flops());
    clock_.Rewind(now);
  }
  CloseBooks(news);
  return news;
}

SessionNews SimulatedDevice::Vanish(absl::Time now, absl::string_view why) {
  const bool was_training = dies_ < absl::InfiniteFuture();
  clock_.Rewind(now);
  if (was_training) training_.CutShort(dies_at_);
  SessionNews news;
  news.vanished = true;
  news.stays_away = drops_;
  news.round_id = run_->round_id();
  news.explanation = std::string(why);
  CloseBooks(news);
  if (IsOff()) news.next_check_in = UntilPluggedIn();
  return news;
}

SessionNews SimulatedDevice::End(const client::SessionResult& result) {
  earlier_failures_ = result.failures;
  const SessionReport& report = result.report;
  SessionNews news;
  news.round_id = report.round_id;
  news.outcome = report.outcome;
  news.reason = result.reason;
  news.explanation = report.explanation;
  news.next_check_in = report.next_check_in;
  news.num_steps = report.num_steps;
  if (report.outcome == SessionReport::kContributed) {
    ++totals_.contributions;
  }
  totals_.steps += report.num_steps;
  const bool stays_away =
      report.outcome == SessionReport::kHeldBack && report.round_id == 0;
  if (stays_away) {
    ++totals_.stayed_away;
    totals_.why_it_stayed_away = report.explanation;
  }
  CloseBooks(news);
  // Asking every minute would not charge it.
  if (stays_away && NeedsCharger()) {
    news.next_check_in = std::max(news.next_check_in, UntilPluggedIn());
  }
  return news;
}

void SimulatedDevice::CloseBooks(SessionNews& news) {
  const client::Work work = WorkDone();
  news.began = before_.began;
  news.ended = clock_.Now();
  news.work = work;
  news.joules = JoulesOf(work);
  news.bytes_up = static_cast<int64_t>(work.bytes_sent);
  news.bytes_down = static_cast<int64_t>(work.bytes_received);
  if (news.round_id != 0) ++totals_.assignments;
  totals_.joules += news.joules;
  totals_.bytes_up += news.bytes_up;
  totals_.bytes_down += news.bytes_down;
  if (traits_.battery.exists()) {
    battery_ = {clock_.Now(), std::max(JoulesLeft(clock_.Now(), work), 0.0)};
  }
  // A session that is dropped settles its budgets by the meter: what it spent
  // must be there, once.
  before_ = Now(clock_.Now());
  run_.reset();
  part_.reset();
  transport_.Drop();
  transport_.Close();
}

}  // namespace shoal::simulations
