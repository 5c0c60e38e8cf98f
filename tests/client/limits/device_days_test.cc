// Drives the governor through 10^5 random days of devices that are charged and
// unplugged, rebooted, killed in the middle of anything, and whose clocks are
// wrong; and compares what they spent with buckets that know the truth.
#include <optional>

#include "gtest/gtest.h"
#include "tests/client/limits/device_world.h"
#include "tests/support/status_matchers.h"

namespace shoal::client::testing {
namespace {

constexpr int kNumDevices = 1000;
constexpr int kDaysPerDevice = 100;
constexpr double kRounding = 1e-3;  // of joules and bytes

// What happened to all devices: that the test tests something.
struct Tally {
  int64_t sessions = 0;
  int64_t steps = 0;
  int64_t uploads = 0;
  int64_t deaths = 0;
  int64_t pauses = 0;
  int64_t energy_stops = 0;
  int64_t byte_stops = 0;
  int64_t overdrafts = 0;
};

class Device {
 public:
  Device(uint64_t seed, Tally& tally)
      : rng_(seed),
        tally_(tally),
        traits_(DeviceTraits::Random(rng_)),
        readings_(rng_),
        joules_left_(MakeBucket(traits_.options.budgets.per_day.joules)),
        bytes_left_(MakeBucket(traits_.options.budgets.per_day.metered_bytes)) {
    if (traits_.calendar == Calendar::kNone) clocks_.ForgetCalendar();
  }

  void Live(int days) {
    for (int day = 0; day < days && !::testing::Test::HasFailure(); ++day) {
      for (uint64_t i = 1 + rng_.Below(4); i > 0; --i) {
        Pass(absl::Hours(24.0 * rng_.Uniform() / 2));
        readings_.Change(0.5);
        if (rng_.Below(4) == 0) MoveCalendar();
        if (rng_.Below(10) == 0) Reboot();
        Session();
      }
    }
  }

 private:
  // --- the world -----------------------------------------------------------
  void Pass(absl::Duration time) {
    clocks_.Advance(time);
    joules_left_.Refill(time);
    bytes_left_.Refill(time);
  }

  // A calendar that was wrong in one boot may tell in a later one how long the
  // device was off before: time in which a full bucket would have run over. All
  // days together are within their budgets all the same.
  TrueBucket MakeBucket(double per_day) const {
    return {per_day,
            traits_.calendar == Calendar::kWrong ? kUnlimited : per_day};
  }

  void MoveCalendar() {
    const absl::Duration error = absl::Hours(100 * rng_.Uniform());
    const bool right = rng_.Below(2) == 0;
    const bool ahead = rng_.Below(10) == 0;
    if (traits_.calendar == Calendar::kNone) return;
    clocks_.SetCalendar(right ? absl::ZeroDuration()
                        : ahead && traits_.calendar == Calendar::kWrong
                            ? error
                            : -error);
  }

  void Reboot() {
    limits_.reset();
    Pass(absl::Hours(20 * rng_.Uniform()));
    clocks_.Boot();
    if (traits_.calendar == Calendar::kRightAtBoots) {
      clocks_.SetCalendar(absl::ZeroDuration());
    } else {
      clocks_.ForgetCalendar();
    }
  }

  // Spends without the code under test knowing.
  void Spend(double joules, double bytes) {
    meter_joules_ += joules;
    spent_ = spent_ + Amounts{joules, bytes};
    joules_left_.Spend(joules);
    bytes_left_.Spend(bytes);
  }

  // Does some work, unless the device dies in the middle of it.
  bool Do(Work work) {
    readings_.Change(0.02);
    const bool metered = readings_.now().network == Network::kMetered;
    work.seconds = 0.3 + rng_.Uniform();
    double joules = Joules(traits_.costs, work) *
                    (1 - traits_.noise + 2 * traits_.noise * rng_.Uniform());
    if (rng_.Uniform() < traits_.outliers) joules *= 5;
    const double bytes = metered ? WireBytes(work) : 0;
    largest_ = GreaterOf(largest_, {joules, bytes});
    const bool dies = DiesNow();
    const double part = dies ? rng_.Uniform() : 1;
    Spend(part * joules, part * bytes);
    Pass(absl::Seconds(part * work.seconds));
    if (dies) return false;
    work.seconds = 0;  // the governor has a clock of its own
    done_ = done_ + work;
    return true;
  }

  bool DiesNow() { return rng_.Below(150) == 0; }

  // --- a process -----------------------------------------------------------
  void Start() {
    if (limits_ != nullptr) return;
    ledger_.Revive();
    LimitsParts parts;
    parts.clock = &clocks_.clock();
    parts.moments = &clocks_;
    parts.ledger = &ledger_;
    parts.learned = &learned_;
    parts.meter = traits_.has_meter ? &meter_ : nullptr;
    parts.readings = &readings_;
    auto limits = Limits::Create(traits_.options, parts);
    ASSERT_TRUE(limits.ok()) << limits.status();
    limits_ = *std::move(limits);
  }

  void Session() {
    const absl::Duration later = clocks_.LookForLater();
    joules_left_.Refill(later);
    bytes_left_.Refill(later);
    Start();
    if (rng_.Below(20) == 0) {
      ledger_.DieAtSave(1 + static_cast<int>(rng_.Below(5)),
                        rng_.Below(2) == 0);
    }
    const Amounts counted_before = Counted();
    spent_ = {};
    done_ = {};
    largest_ = {};
    upload_cost_ = {};
    const bool lives = RunSession() && !ledger_.dead();
    if (!lives) {
      ++tally_.deaths;
      limits_.reset();
    } else {
      ledger_.DieAtSave(0, false);
    }
    CheckBook(counted_before, lives);
    CheckBuckets();
  }

  // False when the device died.
  bool RunSession() {
    Governor& governor = limits_->governor();
    const bool resumes = pending_.has_value();
    const Work first = resumes ? upload_ : Work{1, 2000, 2000, 0, 0};
    const std::optional<RoundKey> round =
        resumes ? pending_ : std::optional<RoundKey>();
    const Verdict verdict = governor.BeginSession(first, round);
    if (ledger_.dead()) return false;
    Note(verdict);
    if (!verdict.ok()) return true;
    ++tally_.sessions;
    if (!(resumes ? Upload(governor) : TakePart(governor, first))) return false;
    const absl::Status settled = governor.EndSession(done_);
    if (ledger_.dead()) return false;
    EXPECT_TRUE(settled.ok()) << settled;
    EXPECT_TRUE(limits_->SaveLearned().ok());
    return true;
  }

  bool TakePart(Governor& governor, const Work& check_in) {
    if (!Connected()) return true;
    if (!Do(check_in)) return false;
    PlanCost plan;
    plan.before.bytes_received = 20'000;
    plan.step.flops = 1e9 * (0.2 + 2 * rng_.Uniform());
    plan.num_steps = 2 + static_cast<int64_t>(rng_.Below(12));
    plan.upload = {1, 0, 10'000 + 40'000 * rng_.Uniform(), 0, 0};
    PlanCost half = plan;
    half.step.flops /= 2;
    half.worth = 0.7;
    RoundOffer offer;
    offer.round = {"task", ++round_id_};
    if (rng_.Below(3) == 0) offer.joules = 5 + 20 * rng_.Uniform();
    const auto choice = governor.ChoosePlan(offer, {plan, half}, done_);
    if (ledger_.dead()) return false;
    Note(choice.verdict);
    if (!choice.verdict.ok()) return true;
    upload_ = plan.upload;
    if (!Fetch(governor)) return false;
    int64_t steps = 0;
    if (!Train(governor, (choice.index == 0 ? plan : half).step, plan.num_steps,
               steps)) {
      return false;
    }
    if (steps == 0) return true;
    pending_ = offer.round;
    return Upload(governor);
  }

  bool Fetch(Governor& governor) {
    for (int chunk = 0; chunk < 2; ++chunk) {
      const Verdict verdict = governor.DuringTransfer(done_);
      if (ledger_.dead()) return false;
      Note(verdict);
      if (!verdict.ok() || !Connected()) return true;
      if (!Do({0, 10'000, 0, 0, 0})) return false;
    }
    return true;
  }

  bool Train(Governor& governor, const Work& step, int64_t most,
             int64_t& steps) {
    int pauses = 0;
    while (steps < most) {
      const Verdict verdict = governor.BeforeStep(done_);
      if (ledger_.dead()) return false;
      Note(verdict);
      if (verdict.kind == Verdict::kStop) return true;
      if (verdict.kind == Verdict::kPause) {
        if (++pauses > 60) return true;
        Idle();
        continue;
      }
      // Every step takes longer than readings are kept.
      EXPECT_TRUE(MayWork(traits_.options.rules, readings_.now()));
      ++steps;
      ++tally_.steps;
      if (!Do(step)) return false;
    }
    return true;
  }

  // A second of a pause.
  void Idle() {
    const double joules = Joules(traits_.costs, {0, 0, 0, 0, 1});
    largest_ = GreaterOf(largest_, {joules, 0});
    Spend(joules, 0);
    Pass(absl::Seconds(1));
    readings_.Change(0.1);
  }

  bool Upload(Governor& governor) {
    const Verdict verdict = governor.BeforeUpload(upload_, done_);
    if (ledger_.dead()) return false;
    Note(verdict);
    if (!verdict.ok() || !Connected()) return true;
    const Amounts before = spent_;
    constexpr int kChunks = 2;
    Work chunk = 1.0 / kChunks * upload_;
    chunk.connections = upload_.connections;
    for (int i = 0; i < kChunks; ++i) {
      if (i > 0) {
        const Verdict during = governor.DuringTransfer(done_);
        if (ledger_.dead()) return false;
        Note(during);
        if (!during.ok() || !Connected()) return true;
      }
      const bool lives = Do(chunk);
      upload_cost_ = spent_ - before;
      if (!lives) return false;
      chunk.connections = 0;
      upload_.bytes_sent -= chunk.bytes_sent;
    }
    pending_.reset();
    ++tally_.uploads;
    return true;
  }

  bool Connected() const { return readings_.now().network != Network::kNone; }

  void Note(const Verdict& verdict) {
    if (verdict.ok()) return;
    EXPECT_NE(verdict.why, "");
    tally_.pauses += verdict.kind == Verdict::kPause;
    if (verdict.kind != Verdict::kStop) return;
    tally_.energy_stops += verdict.reason == protocol::AbandonReason::kEnergy;
    tally_.byte_stops += verdict.reason == protocol::AbandonReason::kBytes;
  }

  // --- what must hold ------------------------------------------------------
  // What the book says was spent, were it opened now.
  Amounts Counted() {
    const auto bytes = ledger_.Load();
    if (!bytes.ok()) return {};
    const auto state = DecodeLedger(*bytes);
    EXPECT_TRUE(state.ok()) << state.status();
    Amounts counted = state->spent_ever;
    if (state->reservation.has_value()) {
      counted = counted + state->reservation->amount;
      reserved_ = state->reservation->amount;
    } else {
      reserved_ = {};
    }
    return counted;
  }

  // A spending is never lost, and counted too high by at most a reservation.
  void CheckBook(const Amounts& before, bool lives) {
    const Amounts counted = Counted() - before;
    const Amounts lost = spent_ - counted;
    // Only what a piece of work that was cut short took beyond all that was
    // calculated for it may be missing.
    EXPECT_LE(lost.joules, lives ? kRounding : largest_.joules + kRounding);
    EXPECT_LE(lost.metered_bytes,
              lives ? kRounding : largest_.metered_bytes + kRounding);
    if (!lives) {
      EXPECT_LE(-lost.joules, reserved_.joules + kRounding);
    } else if (traits_.has_meter) {
      EXPECT_NEAR(lost.joules, 0, kRounding);
    }
    joules_left_.Forgive(std::max(lost.joules, 0.0));
    bytes_left_.Forgive(std::max(lost.metered_bytes, 0.0));
  }

  // No device overdraws by more than one mini-batch and its upload.
  void CheckBuckets() {
    const double joules = joules_left_.overdrawn();
    const double bytes = bytes_left_.overdrawn();
    if (spent_ == Amounts()) return;
    tally_.overdrafts += joules > kRounding;
    EXPECT_LE(joules, largest_.joules + upload_cost_.joules + kRounding);
    EXPECT_LE(bytes,
              largest_.metered_bytes + upload_cost_.metered_bytes + kRounding);
  }

  SeededRng rng_;
  Tally& tally_;
  const DeviceTraits traits_;
  DeviceClocks clocks_;
  RandomReadings readings_;
  DyingRecord ledger_;
  MemoryRecord learned_;
  double meter_joules_ = 0;
  CallbackMeter meter_{[this] { return meter_joules_; }};
  std::unique_ptr<Limits> limits_;  // of the process that runs, if one does

  TrueBucket joules_left_;
  TrueBucket bytes_left_;
  // Of the session:
  Work done_;
  Amounts spent_;
  Amounts largest_;  // piece of work
  Amounts upload_cost_;
  Amounts reserved_;  // that a death left open
  // Of the round:
  int64_t round_id_ = 0;
  std::optional<RoundKey> pending_;  // whose upload was cut short
  Work upload_;
};

TEST(DeviceDaysTest, NoDeviceOverdrawsByMoreThanAMiniBatchAndItsUpload) {
  Tally tally;
  for (int i = 0; i < kNumDevices; ++i) {
    SCOPED_TRACE(absl::StrCat("device ", i));
    Device(static_cast<uint64_t>(i), tally).Live(kDaysPerDevice);
  }
  RecordProperty("sessions", static_cast<int>(tally.sessions));
  RecordProperty("overdrafts", static_cast<int>(tally.overdrafts));
  // All of it happened, and often.
  EXPECT_GT(tally.sessions, 100'000);
  EXPECT_GT(tally.steps, 300'000);
  EXPECT_GT(tally.uploads, 30'000);
  EXPECT_GT(tally.deaths, 5'000);
  EXPECT_GT(tally.pauses, 10'000);
  EXPECT_GT(tally.energy_stops, 10'000);
  EXPECT_GT(tally.byte_stops, 1'000);
  EXPECT_GT(tally.overdrafts, 100);
}

}  // namespace
}  // namespace shoal::client::testing
