#include "client/limits/budget_ledger.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status_macros.h"

namespace shoal::client {
namespace {

constexpr absl::Duration kDay = absl::Hours(24);

// Refills a bucket that holds `left`. `room`: for time off.
void RefillBucket(double& left, double& room, double per_day,
                  const PassedTime& passed) {
  if (per_day == kUnlimited || left == kUnlimited) {
    // A limit that is new: the bucket starts full.
    left = per_day;
    room = 0;
    return;
  }
  const double off =
      std::min(room, per_day * absl::FDivDuration(passed.off, kDay));
  left += off;
  room -= off;
  const double awake = per_day * absl::FDivDuration(passed.awake, kDay);
  const double had_it_been_full = std::min(per_day, left + room + awake);
  left = std::min(per_day, left + awake);
  room = std::max(had_it_been_full - left, 0.0);
}

double Room(double left, double per_day) {
  if (per_day == kUnlimited || left >= per_day) return 0;
  return per_day - left;
}

// How long until a bucket holds `amount`: in whole seconds, since who comes
// back a rounding error too early has come for nothing.
absl::Duration TimeToFill(double left, double per_day, double amount) {
  if (left >= amount) return absl::ZeroDuration();
  if (amount > per_day) return absl::InfiniteDuration();
  return absl::Ceil(kDay * ((amount - left) / per_day), absl::Seconds(1));
}

// Counts `spent` for good: ever, and for its round.
void Count(LedgerState& state, const Amounts& spent,
           const std::optional<RoundKey>& round) {
  state.spent_ever = state.spent_ever + spent;
  if (!round.has_value()) return;
  if (!state.round.has_value() || state.round->round != *round) {
    state.round = RoundSpending{*round, {}};
  }
  state.round->spent = state.round->spent + spent;
}

}  // namespace

absl::StatusOr<std::unique_ptr<BudgetLedger>> BudgetLedger::Open(
    const BudgetLimits& limits, Record& record, const MomentSource& moments) {
  auto ledger = absl::WrapUnique(new BudgetLedger(limits, record, moments));
  SHOAL_RETURN_IF_ERROR(ledger->Load());
  return ledger;
}

absl::Status BudgetLedger::Load() {
  absl::StatusOr<std::string> bytes = record_.Load();
  if (absl::IsNotFound(bytes.status())) {
    Refill();
    return absl::OkStatus();
  }
  SHOAL_RETURN_IF_ERROR(bytes.status());
  absl::StatusOr<LedgerState> state = DecodeLedger(*bytes);
  if (!state.ok()) {
    opening_note_ = absl::StrCat(
        "the book of budgets was damaged and starts anew, with empty buckets: ",
        state.status().message());
    state_.left = {0, 0};
    Refill();
    // Else every process would begin with empty buckets.
    return Save(state_);
  }
  state_ = *std::move(state);
  if (state_.reservation.has_value()) {
    Count(state_, state_.reservation->amount, state_.reservation->round);
    state_.reservation.reset();
    ++state_.num_crashes;
  }
  Refill();
  return absl::OkStatus();
}

void BudgetLedger::Refill() {
  const Moment now = moments_.Now();
  // What is reserved has left the bucket, but still takes room in it.
  const Amounts taken = reserved();
  Amounts held = state_.left + taken;
  const Amounts& most = limits_.per_day;
  Amounts& room = state_.room_for_time_off;
  if (state_.time.boot != now.boot) {
    room = {Room(held.joules, most.joules),
            Room(held.metered_bytes, most.metered_bytes)};
  }
  const PassedTime passed = Advance(state_.time, now);
  RefillBucket(held.joules, room.joules, most.joules, passed);
  RefillBucket(held.metered_bytes, room.metered_bytes, most.metered_bytes,
               passed);
  state_.left = held - taken;
}

Amounts BudgetLedger::Left() {
  Refill();
  return state_.left + reserved();
}

Amounts BudgetLedger::SpentOn(const RoundKey& round) const {
  if (!state_.round.has_value() || state_.round->round != round) return {};
  return state_.round->spent;
}

absl::Duration BudgetLedger::TimeUntil(const Amounts& amount,
                                       const Amounts& spent) {
  const Amounts left = Left() - spent;
  return std::max(
      TimeToFill(left.joules, limits_.per_day.joules, amount.joules),
      TimeToFill(left.metered_bytes, limits_.per_day.metered_bytes,
                 amount.metered_bytes));
}

Amounts BudgetLedger::reserved() const {
  return state_.reservation.has_value() ? state_.reservation->amount
                                        : Amounts();
}

absl::Status BudgetLedger::Reserve(const Amounts& amount,
                                   const std::optional<RoundKey>& round) {
  SHOAL_CHECK(std::isfinite(amount.joules) && amount.joules >= 0);
  SHOAL_CHECK(std::isfinite(amount.metered_bytes) && amount.metered_bytes >= 0);
  Refill();
  LedgerState next = state_;
  next.left = next.left + reserved() - amount;
  next.reservation = Reservation{amount, round};
  SHOAL_RETURN_IF_ERROR(Save(next));
  state_ = std::move(next);
  return absl::OkStatus();
}

absl::Status BudgetLedger::Settle(const Amounts& spent) {
  SHOAL_CHECK(state_.reservation.has_value());
  SHOAL_CHECK(spent.joules >= 0 && spent.metered_bytes >= 0);
  Refill();
  state_.left = state_.left + reserved() - spent;
  Count(state_, spent, state_.reservation->round);
  state_.reservation.reset();
  return Save(state_);
}

absl::Status BudgetLedger::Save(const LedgerState& state) {
  const absl::Status saved = record_.Save(EncodeLedger(state));
  if (saved.ok()) return saved;
  return absl::Status(
      saved.code(),
      absl::StrCat("the book of budgets cannot be written: ", saved.message()));
}

}  // namespace shoal::client
