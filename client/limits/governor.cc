#include "client/limits/governor.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/human_duration.h"

namespace shoal::client {
namespace {

using protocol::AbandonReason;

// Readings take several files, some on slow buses.
constexpr absl::Duration kReadingInterval = absl::Milliseconds(250);
// Of the round's time: the rest is for what takes longer than expected.
constexpr double kUsableTime = 0.8;
// A session that can do less of its plan is not worth its radio.
constexpr double kLeastWorth = 0.05;
// A reservation that has become too small grows by this part at least, so that
// it is not written down at every mini-batch.
constexpr double kGrowth = 0.25;
constexpr absl::Duration kRetryStorage = absl::Minutes(5);
// After a plan that costs more than any round may: what it costs and what a
// round may both change seldom, and asking takes the place of another device.
constexpr absl::Duration kFirstRest = absl::Minutes(1);
constexpr absl::Duration kLongestRest = absl::Hours(6);

bool IsWithin(const Amounts& amount, const Amounts& limit) {
  return amount.joules <= limit.joules &&
         amount.metered_bytes <= limit.metered_bytes;
}

Amounts Times(double factor, const Amounts& amounts) {
  return {factor * amounts.joules, factor * amounts.metered_bytes};
}

Amounts NotNegative(const Amounts& amounts) {
  return GreaterOf(amounts, {0, 0});
}

// What of the work up to `end` is left after `done`.
Work RestOf(const Work& end, const Work& done) {
  const Work rest = end - done;
  return {std::max(rest.connections, 0.0), std::max(rest.bytes_received, 0.0),
          std::max(rest.bytes_sent, 0.0), std::max(rest.flops, 0.0), 0};
}

bool IsLimited(const Amounts& limit) {
  return limit.joules < kUnlimited || limit.metered_bytes < kUnlimited;
}

// How many steps of `each` fit into `left`.
double StepsWithin(const Amounts& left, const Amounts& each) {
  const auto fit = [](double left, double each) {
    if (left < 0) return 0.0;
    return each > 0 ? std::floor(left / each) : kUnlimited;
  };
  return std::min(fit(left.joules, each.joules),
                  fit(left.metered_bytes, each.metered_bytes));
}

Verdict StorageFails(const absl::Status& status) {
  return {Verdict::kStop, AbandonReason::kConditions,
          std::string(status.message()), kRetryStorage};
}

std::string UnitText(bool energy, double amount) {
  return energy ? JoulesText(amount) : BytesText(amount);
}

}  // namespace

Governor::Governor(const GovernorParts& parts) : parts_(parts) {
  SHOAL_CHECK(parts.clock != nullptr && parts.conditions != nullptr);
  SHOAL_CHECK(parts.ledger != nullptr && parts.costs != nullptr);
}

Verdict Governor::CheckConditions(bool working, bool read_again) {
  const absl::Duration now = parts_.clock->Monotonic();
  if (!read_again && time_of_readings_.has_value() &&
      now - *time_of_readings_ < kReadingInterval) {
    return conditions_verdict_;
  }
  time_of_readings_ = now;
  Conditions::Answer answer =
      parts_.conditions->Check(Read(), *parts_.clock, working);
  conditions_verdict_ = {answer.ok() ? Verdict::kGo : Verdict::kPause,
                         AbandonReason::kConditions,
                         std::move(answer.objection), answer.ask_again};
  return conditions_verdict_;
}

DeviceReadings Governor::Read() {
  DeviceReadings readings;
  if (parts_.readings != nullptr) readings = parts_.readings->Read();
  // Where nobody can tell, bytes are taken to cost; a network that is gone cost
  // what it did before.
  if (readings.network != Network::kNone) {
    metered_ = readings.network != Network::kUnmetered;
  }
  return readings;
}

Amounts Governor::CostP90(const Work& work) const {
  return {parts_.costs->JoulesP90(work), metered_ ? WireBytes(work) : 0};
}

Amounts Governor::NextStepCost() const {
  Amounts step = CostP90(step_);
  if (num_steps_ > 0) {
    const double training =
        training_joules_ + (stretch_ == Stretch::kTraining
                                ? spent_.joules - joules_at_stretch_
                                : 0);
    step.joules =
        std::max(step.joules, training / static_cast<double>(num_steps_));
  }
  return step + CostP90(upload_);
}

Governor::Bounds Governor::Available() {
  Bounds bounds{parts_.ledger->Left()};
  if (round_.has_value()) {
    bounds.round = LesserOf(parts_.ledger->limits().per_round, round_limit_) -
                   parts_.ledger->SpentOn(*round_);
  }
  return bounds;
}

absl::Status Governor::Reserve(const Amounts& amount) {
  // Without limits there is no book to keep.
  if (!limited_) return absl::OkStatus();
  return parts_.ledger->Reserve(amount, round_);
}

Verdict Governor::TooDear(const Amounts& needed, const Bounds& bounds) {
  const bool energy = needed.joules > bounds.Both().joules;
  const auto part = [energy](const Amounts& amounts) {
    return energy ? amounts.joules : amounts.metered_bytes;
  };
  // Where both are too small the day's is what to wait for.
  const bool by_round = part(needed) <= part(bounds.day);
  const double left = part(by_round ? bounds.round : bounds.day);
  // The round's budget does not refill: another round may have another.
  const Amounts spent = spending_.has_value() ? spent_ : Amounts();
  const absl::Duration wait =
      by_round ? absl::ZeroDuration() : parts_.ledger->TimeUntil(needed, spent);
  std::string why =
      absl::StrCat(by_round ? "the round's" : "the day's",
                   energy ? " energy does" : " bytes do",
                   " not suffice: ", UnitText(energy, std::max(left, 0.0)),
                   " left, ", UnitText(energy, part(needed)), " needed");
  if (wait > absl::ZeroDuration() && wait < absl::InfiniteDuration()) {
    absl::StrAppend(&why, "; enough in ", HumanDuration(wait));
  }
  return {Verdict::kStop,
          energy ? AbandonReason::kEnergy : AbandonReason::kBytes,
          std::move(why), wait};
}

void Governor::BeginRest(const Verdict& verdict) {
  const absl::Duration length =
      waits_.rest.has_value() ? std::min(2 * waits_.rest->length, kLongestRest)
                              : kFirstRest;
  waits_.rest = {verdict, length, parts_.clock->Monotonic() + length};
}

Verdict Governor::Afford(const Amounts& needed) {
  if (!limited_ || IsWithin(needed, parts_.ledger->reserved())) return {};
  const Bounds bounds = Available();
  if (!IsWithin(needed, bounds.Both())) return TooDear(needed, bounds);
  const absl::Status reserved =
      Reserve(LesserOf(bounds.Both(), Times(1 + kGrowth, needed)));
  return reserved.ok() ? Verdict() : StorageFails(reserved);
}

Verdict Governor::BeginSession(const Work& first,
                               const std::optional<RoundKey>& round) {
  SHOAL_CHECK(!spending_.has_value());
  Verdict verdict = CheckConditions(/*working=*/false, /*read_again=*/true);
  if (!verdict.ok()) return verdict;
  const absl::Duration now = parts_.clock->Monotonic();
  if (!round.has_value() && waits_.rest.has_value() && now < waits_.rest->end) {
    verdict = waits_.rest->verdict;
    verdict.retry_after = waits_.rest->end - now;
    return verdict;
  }
  round_ = round;
  round_limit_ = kUnlimitedAmounts;
  Amounts needed = CostP90(first);
  // Who believes that not even a full bucket pays for asking would never learn
  // better: with a full one it asks.
  if (!round.has_value()) {
    needed.joules =
        std::min(needed.joules, parts_.ledger->limits().per_day.joules);
  }
  const Bounds bounds = Available();
  limited_ = IsLimited(bounds.Both());
  const Amounts wanted =
      round.has_value() ? needed : GreaterOf(needed, waits_.wanted);
  if (!IsWithin(wanted, bounds.Both())) return TooDear(wanted, bounds);
  const absl::Status reserved = Reserve(needed);
  if (!reserved.ok()) return StorageFails(reserved);
  spending_.emplace(*parts_.clock, parts_.meter, parts_.costs->energy,
                    parts_.costs->pace);
  spent_ = {};
  meter_fault_.clear();
  stretch_ = Stretch::kExchange;
  joules_at_stretch_ = 0;
  training_joules_ = 0;
  num_steps_ = 0;
  num_uploads_ = 0;
  upload_ = {};
  upload_end_.reset();
  time_of_step_.reset();
  return {};
}

double Governor::AffordableSteps(const PlanCost& plan, const Amounts& available,
                                 absl::Duration time_left) const {
  const Work fixed = plan.before + plan.upload;
  const WorkPace& pace = parts_.costs->pace;
  const double by_budget =
      StepsWithin(available - spent_ - CostP90(fixed), CostP90(plan.step));
  const double by_time = std::floor(absl::FDivDuration(
      kUsableTime * time_left - pace.Predict(fixed), pace.Predict(plan.step)));
  return std::min({by_budget, by_time, static_cast<double>(plan.num_steps)});
}

Amounts Governor::LeastCost(const PlanCost& plan) const {
  const double steps =
      std::ceil(kLeastWorth / plan.worth * static_cast<double>(plan.num_steps));
  return spent_ +
         CostP90(plan.before + std::max(steps, 1.0) * plan.step + plan.upload);
}

AbandonReason Governor::WhyLess(const PlanCost& plan, const Bounds& bounds) {
  const Amounts cost =
      spent_ +
      CostP90(plan.before + static_cast<double>(plan.num_steps) * plan.step +
              plan.upload);
  return IsWithin(cost, bounds.Both()) ? AbandonReason::kConditions
                                       : TooDear(cost, bounds).reason;
}

Verdict Governor::NothingFits(absl::Span<const PlanCost> menu,
                              const Bounds& bounds, absl::Duration time_left) {
  Amounts least = kUnlimitedAmounts;
  for (const PlanCost& plan : menu) least = LesserOf(least, LeastCost(plan));
  if (IsWithin(least, bounds.Both())) {
    return {Verdict::kStop, AbandonReason::kConditions,
            absl::StrCat("the round ends in ", HumanDuration(time_left),
                         ", which is too short for this device"),
            absl::ZeroDuration()};
  }
  Verdict verdict = TooDear(least, bounds);
  if (verdict.retry_after > absl::ZeroDuration()) {
    waits_.wanted = LesserOf(least, parts_.ledger->limits().per_day);
  }
  // Of another round, which nothing was spent on.
  const Amounts per_round =
      LesserOf(parts_.ledger->limits().per_round, round_limit_);
  if (!IsWithin(least, per_round)) BeginRest(verdict);
  return verdict;
}

Governor::Choice Governor::ChoosePlan(const RoundOffer& offer,
                                      absl::Span<const PlanCost> menu,
                                      const Work& done) {
  SHOAL_CHECK(spending_.has_value() && !menu.empty());
  Verdict verdict = CheckConditions(/*working=*/true, /*read_again=*/true);
  Update(done);
  if (!verdict.ok()) return {std::move(verdict)};
  round_ = offer.round;
  round_limit_ = {offer.joules, kUnlimited};
  waits_.wanted = {};
  const Bounds bounds = Available();
  const Amounts available = bounds.Both();
  limited_ = IsLimited(available);
  Choice best;
  double best_worth = 0;
  for (size_t i = 0; i < menu.size(); ++i) {
    const double steps = AffordableSteps(menu[i], available, offer.time_left);
    if (steps < 1) continue;
    const double worth =
        menu[i].worth * steps / static_cast<double>(menu[i].num_steps);
    if (worth < kLeastWorth || worth <= best_worth) continue;
    best_worth = worth;
    best = {{}, i, static_cast<int64_t>(steps)};
  }
  if (best.num_steps == 0) {
    return {NothingFits(menu, bounds, offer.time_left)};
  }
  waits_.rest.reset();
  if (best.index != 0) best.less_for = WhyLess(menu[0], bounds);
  const PlanCost& plan = menu[best.index];
  step_ = plan.step;
  upload_ = plan.upload;
  const Work rest = plan.before + plan.upload +
                    static_cast<double>(best.num_steps) * plan.step;
  const absl::Status reserved =
      Reserve(LesserOf(available, spent_ + CostP90(rest)));
  if (!reserved.ok()) best.verdict = StorageFails(reserved);
  return best;
}

Verdict Governor::DuringTransfer(const Work& done) {
  Verdict verdict = CheckConditions(/*working=*/true, /*read_again=*/false);
  Enter(verdict.ok() ? Stretch::kExchange : Stretch::kPause, done);
  if (!verdict.ok()) return verdict;
  if (upload_end_.has_value()) return AffordUpload(RestOf(*upload_end_, done));
  return Afford(spent_ + CostP90(upload_));
}

Verdict Governor::BeforeStep(const Work& done) {
  Verdict verdict = CheckConditions(/*working=*/true, /*read_again=*/false);
  Enter(verdict.ok() ? Stretch::kTraining : Stretch::kPause, done);
  const absl::Duration now = parts_.clock->Monotonic();
  if (time_of_step_.has_value()) {
    longest_step_ = std::max(longest_step_, now - *time_of_step_);
  }
  time_of_step_ = now;
  // A pause takes energy too: it ends where only the upload's reserve is left.
  Verdict budget =
      Afford(spent_ + (verdict.ok() ? NextStepCost() : CostP90(upload_)));
  if (!budget.ok()) verdict = std::move(budget);
  if (verdict.ok()) {
    ++num_steps_;
  } else {
    time_of_step_.reset();
  }
  return verdict;
}

Verdict Governor::BeforeUpload(const Work& upload, const Work& done) {
  Verdict verdict = CheckConditions(/*working=*/true, /*read_again=*/true);
  Enter(verdict.ok() ? Stretch::kExchange : Stretch::kPause, done);
  upload_ = upload;
  if (!verdict.ok()) return verdict;
  ++num_uploads_;
  upload_end_ = done + upload;
  return AffordUpload(upload);
}

Verdict Governor::AffordUpload(const Work& rest) {
  const Amounts needed = spent_ + CostP90(rest);
  const bool in_reserve = num_uploads_ == 1 && num_steps_ > 0;
  if (!in_reserve || !limited_) return Afford(needed);
  // Bytes can wait for a network that costs nothing.
  const Amounts bytes = {0, needed.metered_bytes};
  if (const Bounds bounds = Available(); !IsWithin(bytes, bounds.Both())) {
    return TooDear(bytes, bounds);
  }
  // When the last mini-batch took more than was kept for it, that is written
  // down, and the upload follows in any case: else all was in vain.
  const Amounts before = parts_.ledger->reserved();
  if (IsWithin(needed, before)) return {};
  const absl::Status reserved = Reserve(GreaterOf(needed, before));
  return reserved.ok() ? Verdict() : StorageFails(reserved);
}

void Governor::Update(const Work& done) {
  spending_->Update(done, metered_);
  spent_ = NotNegative(spending_->spent());
}

void Governor::Enter(Stretch stretch, const Work& done) {
  if (stretch == stretch_) return Update(done);
  // What a pause takes says nothing about work.
  spending_->EndStretch(done, metered_, stretch_ != Stretch::kPause);
  spent_ = NotNegative(spending_->spent());
  if (stretch_ == Stretch::kTraining) {
    training_joules_ += spent_.joules - joules_at_stretch_;
  }
  joules_at_stretch_ = spent_.joules;
  stretch_ = stretch;
}

absl::Status Governor::EndSession(const Work& done) {
  SHOAL_CHECK(spending_.has_value());
  // The network may have changed since the last look.
  Read();
  spending_->EndStretch(done, metered_, stretch_ != Stretch::kPause);
  spent_ = NotNegative(spending_->spent());
  meter_fault_ = spending_->meter_fault();
  spending_.reset();
  if (!parts_.ledger->is_open()) return absl::OkStatus();
  return parts_.ledger->Settle(spent_);
}

}  // namespace shoal::client
