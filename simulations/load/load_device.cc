#include "simulations/load/load_device.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/random.h"
#include "simulations/outcome_name.h"

namespace shoal::simulations {
namespace {

using Report = SessionReport;

// As rounds.csv has it, for what ends sessions in both.

bool EndedWell(Report::Outcome outcome) {
  return outcome == Report::kContributed || outcome == Report::kNotAssigned;
}

}  // namespace

LoadDevice::LoadDevice(LoadSite& site, CallLoop& loop, v1::Fleet::Stub& stub,
                       int64_t index)
    : site_(site),
      loop_(loop),
      index_(index),
      traits_(site.population->TraitsOf(index)),
      examples_(site.population->shape(), site.population->num_examples(index)),
      transport_({.stub = &stub,
                  .loop = &loop,
                  .coordinator = site.coordinator,
                  .device = absl::StrCat("device-", index),
                  .on_event = [this] { Continue(); }}),
      measured_(transport_, *site.clock, *site.log),
      training_(
          {.pool = site.pool,
           .load =
               [&site, index](int64_t round) {
                 return site.population->Load(
                     index, {round, site.Now() - absl::UnixEpoch()});
               },
           .is_wanted = [&site] { return !site.stopping; },
           .on_computed = [this] { loop_.Post([this] { OnComputed(); }); }}) {}

// Where the run ends without grace, nobody has taken what was computed.
LoadDevice::~LoadDevice() { training_.Continue(); }

void LoadDevice::BeginAfter(absl::Duration delay) {
  const absl::Time now = site_.Now();
  const absl::Time next = site_.population->NextAvailable(index_, now + delay);
  if (next == absl::InfiniteFuture()) return;
  loop_.At(site_.clock->Monotonic() + (next - now), [this] { Begin(); });
}

client::SessionRunOptions LoadDevice::SessionOptions() {
  client::SessionRunOptions options;
  options.population = site_.population_name;
  options.seed = client::DeviceSeed(site_.seed, static_cast<int>(index_));
  options.memory_bytes = traits_.memory_bytes;
  options.earlier_failures = earlier_failures_;
  options.jitter_seed = DeriveSeed(options.seed, "session", {num_sessions_});
  options.clock = site_.clock;
  options.backend = &training_;
  options.permission = [this] { return MayGoOn(); };
  return options;
}

client::Permission LoadDevice::MayGoOn() const {
  return !site_.stopping && site_.Now() < until_ ? client::Permission::kGoOn
                                                 : client::Permission::kStop;
}

void LoadDevice::Begin() {
  if (site_.stopping) return;
  until_ = site_.population->AvailableUntil(index_, site_.Now());
  ++num_sessions_;
  auto run = client::SessionRun::Create(SessionOptions(), measured_, state_,
                                        examples_);
  // What is in memory can be read.
  SHOAL_CHECK(run.ok());
  run_ = *std::move(run);
  ++site_.sessions_at_work;
  Continue();
}

void LoadDevice::Continue() {
  ++num_waits_;
  while (!run_->over()) {
    const absl::Duration delay = run_->Tick(absl::ZeroDuration());
    if (training_.is_computing() || transport_.is_waiting()) return;
    if (delay > absl::ZeroDuration()) return ContinueAfter(delay);
  }
  End();
}

void LoadDevice::ContinueAfter(absl::Duration delay) {
  loop_.At(site_.clock->Monotonic() + delay, [this, wait = num_waits_] {
    if (wait == num_waits_) Continue();
  });
}

void LoadDevice::LookAround() {
  if (run_ != nullptr && !training_.is_computing()) Continue();
}

void LoadDevice::OnComputed() {
  training_.Continue();
  if (Vanishes()) return Vanish();
  Continue();
}

bool LoadDevice::Vanishes() const {
  if (traits_.failure_rate <= 0) return false;
  SeededRng rng(DeriveSeed(site_.seed, "failure",
                           {static_cast<uint64_t>(index_), num_sessions_}));
  return rng.Uniform() < traits_.failure_rate;
}

void LoadDevice::Vanish() {
  run_.reset();
  --site_.sessions_at_work;
  site_.log->AddSession("vanished", "the device vanished while it trained");
  BeginAfter(site_.absence);
}

void LoadDevice::End() {
  const auto result = run_->result();
  // What is in memory can be written.
  SHOAL_CHECK(result.ok());
  earlier_failures_ = result->failures;
  const Report& report = result->report;
  site_.log->AddSession(OutcomeName(report.outcome),
                        EndedWell(report.outcome) ? "" : report.explanation);
  const absl::Duration delay = report.next_check_in;
  run_.reset();
  --site_.sessions_at_work;
  BeginAfter(delay);
}

}  // namespace shoal::simulations
