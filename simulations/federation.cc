#include "simulations/federation.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <queue>
#include <set>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "base/human_duration.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "client/private_values.h"
#include "coordinator/engine/round_engine.h"
#include "coordinator/engine/upload_spool.h"
#include "coordinator/store/memory_store.h"
#include "learning/model.h"
#include "privacy/differential_privacy/kept_tables.h"
#include "privacy/secure_aggregation/group.h"
#include "simulations/absences.h"
#include "simulations/arrivals.h"
#include "simulations/initial_model.h"
#include "simulations/insecure_rng.h"
#include "simulations/patience.h"
#include "simulations/privacy_books.h"
#include "simulations/seeded_signatures.h"
#include "simulations/shared_menus.h"
#include "simulations/shared_models.h"
#include "simulations/simulated_state.h"
#include "simulations/skipped_groups.h"

namespace shoal::simulations {
namespace {

using coordinator::RoundRow;

constexpr int64_t kSpoolBytes = int64_t{1} << 40;  // nothing is ever refused
constexpr int kRoundsPerRead = 64;
// Without history: late devices ask for rounds and models that are over.
constexpr int kKeptRounds = 8;
// Devices in groups of that many sizes draw noise from tables in common.
constexpr size_t kKeptTables = 16;

int KeptRounds(const FederationOptions& options) {
  if (!options.forget_history) return 0;
  const auto& asynchronous = options.task.round.asynchronous;
  return kKeptRounds +
         (asynchronous.has_value() ? asynchronous->max_staleness : 0);
}

// Versions of the model from which updates are trained that may still be
// counted, when a round has just been committed.
int NumLiveModels(const FederationOptions& options) {
  const auto& asynchronous = options.task.round.asynchronous;
  return asynchronous.has_value() ? asynchronous->max_staleness + 1 : 1;
}

// A device may go on. Devices change their plans: an event that is not the
// newest of its device is passed over.
struct Event {
  absl::Time time;
  int64_t device;
  friend bool operator>(const Event& a, const Event& b) {
    return a.time != b.time ? a.time > b.time : a.device > b.device;
  }
};

coordinator::EngineOptions EngineOptionsOf(const FederationOptions& options) {
  coordinator::EngineOptions engine;
  engine.replica = "simulation";
  // Devices that wait for their group cost an event each time they ask.
  engine.max_hold = absl::Hours(1);
  // Nobody else wants it.
  engine.lease_duration = options.time_limit * 4;
  engine.token_key_lifetime = options.time_limit * 4;
  return engine;
}

AbsenceOptions AbsencesOf(const FederationOptions& options) {
  const auto& round = options.task.round;
  return {.seed = options.seed,
          .check_in_interval = options.check_in_interval,
          .deadline = round.deadline,
          .asynchronous = round.asynchronous.has_value()};
}

class Federation {
 public:
  explicit Federation(const FederationOptions& options)
      : options_(options),
        rng_(DeriveSeed(options.seed, "coordinator")),
        group_rng_(DeriveSeed(options.seed, "groups")),
        noise_rng_(DeriveSeed(options.seed, "noise")),
        authority_(DeriveSeed(options.seed, "authority")),
        groups_(options.skip_crypto ? SkippedGroups()
                                    : secure_aggregation::RealGroups()),
        store_(coordinator::MakeMemoryStore(
            {.keep_newest = KeptRounds(options), .keep_sums = false})),
        absences_(AbsencesOf(options)) {}

  absl::StatusOr<FederationResult> Run();

 private:
  // A device and when it goes on.
  struct Seat {
    std::unique_ptr<SimulatedDevice> device;  // null: idle, see memos_
    absl::Time next = absl::InfiniteFuture();
  };

  absl::Status Start();
  absl::Status RunToItsEnd();
  void MakeSite();
  std::optional<GroupTerms> Groups() const;
  std::unique_ptr<Arrivals> MakeArrivals();
  absl::Status Step();
  void Plan(absl::Time time, int64_t device);
  absl::Status GoOn(int64_t device);
  absl::Status OnSessionEnd(int64_t device, const SessionNews& news);
  // Lets the engine move on at the present time.
  void Advance();
  absl::Status FollowRounds();
  absl::Status OnRoundOver(const RoundRow& row);
  absl::Status TellOf(const RoundRow& row);
  // Makes a checkpoint of the run.
  absl::Status Save(const RoundRow& row);
  TrainingPool::Totals Trainings() const;
  absl::StatusOr<PrivateValues> CollectPrivateValues();
  absl::StatusOr<std::vector<std::string>> ContributorsOf(const RoundRow& row);
  absl::StatusOr<FederationResult> Collect();
  absl::Status TimeLimitError();

  const FederationOptions& options_;
  NullLogger null_log_;
  InsecureSeededRng rng_;  // of keys, tokens and the coordinator's delays
  InsecureSeededRng group_rng_;
  InsecureSeededRng noise_rng_;
  const SeededAuthority authority_;  // of devices that sign
  CountedGroups groups_;
  const std::unique_ptr<coordinator::RoundStore> store_;
  const std::unique_ptr<coordinator::UploadSpool> spool_ =
      coordinator::MakeMemorySpool(kSpoolBytes);
  std::unique_ptr<coordinator::RoundEngine> engine_;
  std::unique_ptr<SharedModels> models_;
  SharedMenus menus_;
  std::unique_ptr<TrainingPool> pool_;
  DeviceSite site_;

  absl::Time now_ = absl::UnixEpoch();
  absl::Time engine_next_ = absl::InfinitePast();
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::unique_ptr<Arrivals> arrivals_;
  absl::flat_hash_map<int64_t, Seat> seats_;
  absl::flat_hash_map<int64_t, DeviceMemo> memos_;
  std::set<int64_t> busy_;  // with a session under way
  Absences absences_;

  coordinator::RoundStanding standing_;
  bool round_moved_ = false;
  bool is_over_ = false;
  int64_t rounds_seen_ = 0;
  Patience patience_;
  FleetBooks books_;
  std::unique_ptr<PrivacyBooks> privacy_;  // null: the task asks for none
};

void Federation::MakeSite() {
  site_.population = options_.population;
  site_.population_name = options_.task.population;
  site_.task = options_.task.name;
  site_.seed = options_.seed;
  site_.engine = engine_.get();
  site_.models = models_.get();
  site_.menus = &menus_;
  site_.pool = pool_.get();
  site_.log = options_.run_log;
  if (const auto& asynchronous = options_.task.round.asynchronous;
      asynchronous.has_value()) {
    site_.max_staleness = asynchronous->max_staleness;
  }
  site_.straggler = options_.straggler;
  site_.crafted = options_.crafted;
  site_.groups = Groups();
  site_.advance = [this] { Advance(); };
  site_.wake = [this](int64_t device) { Plan(now_, device); };
}

std::optional<GroupTerms> Federation::Groups() const {
  const auto& settings = options_.task.secure_aggregation;
  if (!settings.has_value()) return std::nullopt;
  GroupTerms terms;
  terms.members = options_.skip_crypto ? &SkippedMembers()
                                       : &secure_aggregation::RealMembers();
  terms.leaving = options_.leaving_members;
  if (settings->coordinator != secure_aggregation::CoordinatorTrust::kHonest) {
    terms.authority = &authority_;
  }
  return terms;
}

std::unique_ptr<Arrivals> Federation::MakeArrivals() {
  ArrivalSite site;
  site.population = options_.population;
  site.seed = options_.seed;
  site.plan = [this](const Arrival& arrival) {
    Plan(arrival.time, arrival.device);
  };
  site.is_busy = [this](int64_t device) {
    return busy_.contains(device) || absences_.IsAway(device, now_);
  };
  site.standing = [this] { return standing_; };
  site.refusal_joules = [this](int64_t device) {
    const DeviceTraits traits = options_.population->TraitsOf(device);
    client::Work work;
    work.connections = 1;
    work.seconds = absl::ToDoubleSeconds(CheckInTime(traits.link));
    return client::Joules(traits.energy, work);
  };
  if (!options_.schedule.empty()) return MakeScheduled(site, options_.schedule);
  if (options_.thin_above == 0) return MakeDrawn(site);
  return options_.population->num_devices() > options_.thin_above
             ? MakeThinned(site,
                           {.window = options_.start_window,
                            .interval = options_.check_in_interval,
                            .admitted_per_round =
                                configuration::DevicesPerRound(options_.task)})
             : MakeEveryDevice(site, options_.start_window);
}

absl::Status Federation::Start() {
  privacy::KeepTables(kKeptTables);
  Logger& log = options_.log != nullptr ? *options_.log : null_log_;
  coordinator::EngineDependencies dependencies = {.store = *store_,
                                                  .spool = *spool_,
                                                  .rng = rng_,
                                                  .log = log,
                                                  .group_rng = &group_rng_,
                                                  .verifier = &authority_,
                                                  .group_maker = &groups_};
  dependencies.noise_rng = &noise_rng_;
  if (RunLog* const run_log = options_.run_log; run_log != nullptr) {
    dependencies.output_of = [run_log](const RoundRow& round,
                                       const auto& compute) {
      return run_log->Output(round, compute);
    };
  }
  SHOAL_ASSIGN_OR_RETURN(
      engine_, coordinator::RoundEngine::Create(EngineOptionsOf(options_),
                                                dependencies, now_));
  models_ = std::make_unique<SharedModels>(*engine_);
  TrainingPool::Options pool;
  pool.num_threads = options_.num_threads;
  pool.crew = options_.crew;
  // (Asynchronous rounds want what is computed now, whatever happens.)
  if (!options_.task.round.asynchronous.has_value()) {
    pool.num_wanted = [this] {
      return int64_t{engine_->StandingOf(options_.task.name).missing_reports};
    };
  }
  pool_ = std::make_unique<TrainingPool>(std::move(pool));
  MakeSite();
  std::string initial = options_.initial_model;
  if (initial.empty()) {
    SHOAL_ASSIGN_OR_RETURN(initial,
                           InitialModelOf(options_.task, *options_.population));
  }
  SHOAL_RETURN_IF_ERROR(engine_->CreateTask(options_.task, initial, now_));
  if (options_.run_log != nullptr) {
    SHOAL_ASSIGN_OR_RETURN(const coordinator::TaskRow row,
                           store_->GetTask(options_.task.name));
    SHOAL_ASSIGN_OR_RETURN(const SharedModel model,
                           models_->Get(row.current_model));
    options_.run_log->SetInitialModel(*model.bytes);
  }
  if (options_.task.differential_privacy.has_value()) {
    SHOAL_ASSIGN_OR_RETURN(privacy_,
                           PrivacyBooks::Open(options_.task, *store_));
  }
  arrivals_ = MakeArrivals();
  return absl::OkStatus();
}

void Federation::Plan(absl::Time time, int64_t device) {
  seats_[device].next = time;
  events_.push({time, device});
}

void Federation::Advance() {
  engine_next_ = engine_->Advance(now_);
  // At least a step, in case the engine wants to be called again at once.
  engine_next_ = std::max(engine_next_, now_ + absl::Milliseconds(1));
  const auto standing = engine_->StandingOf(options_.task.name);
  if (standing.id != standing_.id ||
      (standing.free_places == 0) != (standing_.free_places == 0)) {
    round_moved_ = true;
  }
  standing_ = standing;
}

absl::Status Federation::FollowRounds() {
  round_moved_ = false;
  SHOAL_ASSIGN_OR_RETURN(const coordinator::TaskRow row,
                         store_->GetTask(options_.task.name));
  is_over_ = coordinator::IsFinal(row.state);
  SHOAL_RETURN_IF_ERROR(Patience::Check(row));
  const int64_t finished = row.rounds_committed + row.rounds_failed;
  if (finished > rounds_seen_) {
    // Newest first; the one that is not over comes first of all.
    SHOAL_ASSIGN_OR_RETURN(
        std::vector<RoundRow> rounds,
        store_->ListRounds(row.name, kRoundsPerRead, /*before_id=*/0));
    std::reverse(rounds.begin(), rounds.end());
    for (const RoundRow& round : rounds) {
      if (round.id <= rounds_seen_ || !coordinator::IsFinal(round.state)) {
        continue;
      }
      rounds_seen_ = round.id;
      SHOAL_RETURN_IF_ERROR(OnRoundOver(round));
      SHOAL_RETURN_IF_ERROR(patience_.OnRoundOver(round));
    }
  }
  arrivals_->OnRound(standing_, now_);
  return absl::OkStatus();
}

absl::Status Federation::OnRoundOver(const RoundRow& row) {
  absences_.TakeBack(row.id, now_, *arrivals_);
  SHOAL_RETURN_IF_ERROR(TellOf(row));
  const bool is_committed = row.state == coordinator::RoundState::kCommitted;
  if (options_.run_log == nullptr || !is_committed) return absl::OkStatus();
  if (auto values = options_.run_log->TakeDeviceValues(); values.has_value()) {
    for (const auto& [index, bytes] : *values) {
      const auto seat = seats_.find(index);
      if (seat == seats_.end() || seat->second.device == nullptr) {
        return absl::DataLossError(absl::StrCat(
            "the run's log has values of device ", index, ", which has none"));
      }
      SHOAL_RETURN_IF_ERROR(seat->second.device->SetValues(bytes));
    }
  }
  return options_.run_log->IsDue() ? Save(row) : absl::OkStatus();
}

absl::Status Federation::Save(const RoundRow& row) {
  Checkpoint checkpoint;
  checkpoint.round = row.number;
  checkpoint.trainings = Trainings();
  SHOAL_ASSIGN_OR_RETURN(const auto models,
                         store_->ListModels(row.task, NumLiveModels(options_)));
  for (const coordinator::ModelRow& model : models) {
    SHOAL_ASSIGN_OR_RETURN(checkpoint.models.emplace_back(),
                           store_->ReadModel(model.digest, 0, model.num_bytes));
  }
  SHOAL_ASSIGN_OR_RETURN(checkpoint.optimizer_state,
                         store_->GetOptimizerState(row.task));
  for (auto& [index, seat] : seats_) {
    if (seat.device == nullptr) continue;
    std::string values = seat.device->Values();
    if (!values.empty()) checkpoint.device_values[index] = std::move(values);
    if (!row.asynchronous) continue;
    const int64_t unsettled = seat.device->unsettled(row.number);
    if (unsettled > 0) checkpoint.unsettled.insert(unsettled);
    if (const std::string& begin = seat.device->values_at_begin();
        !begin.empty()) {
      checkpoint.values_at_begin[index] = begin;
    }
  }
  return options_.run_log->Save(checkpoint);
}

absl::Status Federation::TellOf(const RoundRow& row) {
  if (!options_.on_round) return absl::OkStatus();
  RoundNews news;
  news.row = row;
  news.time = now_ - absl::UnixEpoch();
  news.totals = books_.totals();
  news.totals.joules += arrivals_->refused_joules(now_);
  for (const int64_t index : busy_) {
    AddWorkUnderWay(*seats_[index].device, now_, news.totals);
  }
  news.outcomes = books_.OutcomesOf(row.id);
  if (row.state == coordinator::RoundState::kCommitted) {
    SHOAL_ASSIGN_OR_RETURN(const SharedModel model,
                           models_->Get(row.committed_model));
    news.model = *model.bytes;
  }
  news.private_values = [this] { return CollectPrivateValues(); };
  news.contributors = [this, &row] { return ContributorsOf(row); };
  if (privacy_ != nullptr) {
    news.spent_epsilon = [this] { return privacy_->SpentEpsilon(); };
  }
  return options_.on_round(news);
}

absl::Status Federation::GoOn(int64_t index) {
  Seat& seat = seats_[index];
  if (seat.device == nullptr) {
    seat.device =
        std::make_unique<SimulatedDevice>(site_, index, now_, memos_[index]);
  }
  SimulatedDevice& device = *seat.device;
  if (device.is_idle()) {
    // What a training that must be computed once more begins with. (For
    // earlier ones it does not matter.)
    const RunLog* const log = options_.run_log;
    if (log != nullptr && log->is_replaying()) {
      if (const auto* values = log->ValuesAtBegin(index); values != nullptr) {
        SHOAL_RETURN_IF_ERROR(device.SetValues(*values));
      }
    }
    SHOAL_RETURN_IF_ERROR(device.Begin(now_));
    busy_.insert(index);
  }
  SHOAL_ASSIGN_OR_RETURN(const SimulatedDevice::Progress progress,
                         device.Continue(now_));
  if (progress.ended.has_value()) return OnSessionEnd(index, *progress.ended);
  if (progress.next < absl::InfiniteFuture()) Plan(progress.next, index);
  return absl::OkStatus();
}

absl::Status Federation::OnSessionEnd(int64_t index, const SessionNews& news) {
  busy_.erase(index);
  if (options_.on_session) options_.on_session(index, news);
  books_.Enter(index, news);
  const auto seat = seats_.find(index);
  // A wake-up that has come too late must not begin a session.
  seat->second.next = absl::InfiniteFuture();
  if (auto memo = seat->second.device->Memo(); memo.has_value()) {
    memos_[index] = *std::move(memo);
    seats_.erase(seat);
  }
  if (news.vanished) {
    absences_.Send(index, news, now_, *arrivals_);
  } else {
    arrivals_->OnIdle(index, now_, news.next_check_in);
  }
  return absl::OkStatus();
}

absl::Status Federation::TimeLimitError() {
  SHOAL_ASSIGN_OR_RETURN(const coordinator::TaskRow row,
                         store_->GetTask(options_.task.name));
  return absl::DeadlineExceededError(absl::StrCat(
      "task ", row.name, " has ", row.rounds_committed, " of ", row.rounds,
      " rounds after ", HumanDuration(options_.time_limit),
      " of simulated time; ", row.rounds_failed, " rounds failed"));
}

absl::Status Federation::Step() {
  // The engine first, then who comes, then who is there.
  const absl::Time event =
      events_.empty() ? absl::InfiniteFuture() : events_.top().time;
  const absl::Time next = std::min({engine_next_, arrivals_->next(), event});
  if (next - absl::UnixEpoch() > options_.time_limit) return TimeLimitError();
  now_ = std::max(now_, next);
  if (engine_next_ <= next) {
    Advance();
  } else if (arrivals_->next() <= next) {
    arrivals_->OnRound(standing_, now_);
  } else {
    const int64_t device = events_.top().device;
    events_.pop();
    const auto seat = seats_.find(device);
    if (seat == seats_.end() || seat->second.next != event) {
      return absl::OkStatus();
    }
    seat->second.next = absl::InfiniteFuture();
    SHOAL_RETURN_IF_ERROR(GoOn(device));
  }
  return round_moved_ ? FollowRounds() : absl::OkStatus();
}

TrainingPool::Totals Federation::Trainings() const {
  TrainingPool::Totals totals = pool_->totals();
  if (options_.run_log != nullptr) {
    totals += options_.run_log->earlier_trainings();
  }
  return totals;
}

absl::StatusOr<PrivateValues> Federation::CollectPrivateValues() {
  const std::string& task = options_.task.name;
  SHOAL_ASSIGN_OR_RETURN(const auto model,
                         learning::Model::Create(options_.task.model));
  PrivateValues all;
  if (model->private_layout().num_parameters() == 0) return all;
  for (const auto& [index, seat] : seats_) {
    if (seat.device == nullptr) continue;
    const std::string bytes = seat.device->Values();
    if (bytes.empty()) continue;
    SimulatedState state(*models_);
    SHOAL_RETURN_IF_ERROR(state.SetValues(task, bytes));
    SHOAL_ASSIGN_OR_RETURN(all[index],
                           client::LoadPrivateValues(state, task, *model));
  }
  return all;
}

absl::StatusOr<std::vector<std::string>> Federation::ContributorsOf(
    const RoundRow& row) {
  SHOAL_ASSIGN_OR_RETURN(const auto contributions,
                         store_->ListContributions(row.id));
  std::vector<std::string> ids;
  ids.reserve(contributions.size());
  for (const auto& contribution : contributions) {
    ids.push_back(contribution.device_id);
  }
  return ids;
}

absl::StatusOr<FederationResult> Federation::Collect() {
  FederationResult result;
  for (const int64_t index : busy_) {
    books_.Enter(index, seats_.at(index).device->EndOfTime(now_));
  }
  busy_.clear();
  const int limit = static_cast<int>(options_.task.rounds) + 1;
  SHOAL_ASSIGN_OR_RETURN(result.models,
                         store_->ListModels(options_.task.name, limit));
  std::reverse(result.models.begin(), result.models.end());
  SHOAL_ASSIGN_OR_RETURN(const coordinator::TaskRow row,
                         store_->GetTask(options_.task.name));
  result.rounds_failed = row.rounds_failed;
  if (row.state != coordinator::TaskState::kCompleted) result.note = row.note;
  if (privacy_ != nullptr) {
    SHOAL_ASSIGN_OR_RETURN(result.privacy, privacy_->Report());
  }
  const coordinator::ModelRow& last = result.models.back();
  SHOAL_ASSIGN_OR_RETURN(result.final_model,
                         store_->ReadModel(last.digest, 0, last.num_bytes));
  const FleetTotals& totals = books_.totals();
  result.bytes_up = totals.bytes_up;
  result.bytes_down = totals.bytes_down;
  result.joules = totals.joules + arrivals_->refused_joules(now_);
  result.simulated_time = now_ - absl::UnixEpoch();
  for (const auto& [index, memo] : memos_) result.devices[index] = memo.totals;
  for (const auto& [index, seat] : seats_) {
    if (seat.device != nullptr) {
      result.devices[index] = seat.device->totals();
    }
  }
  result.outcomes = books_.outcomes();
  result.trainings = Trainings();
  result.groups = groups_.counts();
  SHOAL_ASSIGN_OR_RETURN(result.private_values, CollectPrivateValues());
  return result;
}

absl::Status Federation::RunToItsEnd() {
  arrivals_->Start(now_);
  Advance();
  SHOAL_RETURN_IF_ERROR(FollowRounds());
  while (!is_over_) {
    if (options_.keep_going && !options_.keep_going()) {
      return absl::CancelledError("interrupted");
    }
    SHOAL_RETURN_IF_ERROR(Step());
    if (options_.run_log != nullptr) {
      SHOAL_RETURN_IF_ERROR(options_.run_log->status());
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<FederationResult> Federation::Run() {
  if (options_.population == nullptr ||
      options_.population->num_devices() < 1) {
    return absl::InvalidArgumentError("a federation needs at least one device");
  }
  SHOAL_RETURN_IF_ERROR(Start());
  const absl::Status end = RunToItsEnd();
  if (end.ok()) return Collect();
  if (options_.on_unfinished) {
    if (auto result = Collect(); result.ok()) {
      options_.on_unfinished(*std::move(result));
    }
  }
  return end;
}

}  // namespace

absl::StatusOr<FederationResult> RunFederation(
    const FederationOptions& options) {
  return Federation(options).Run();
}

}  // namespace shoal::simulations
