// The durable book of what this device has spent: a token bucket of joules and
// one of metered bytes. Each holds up to a day's budget and refills evenly,
// over 24 hours; each round has a limit beside them.
//
// Work is reserved before it is done and settled afterwards; both are durable
// when the call returns. A reservation that a crash left open counts as spent
// in full: a spending is never lost, and counted too high by at most that
// reservation. Since buckets start full, n days together may spend up to n + 1
// budgets. (A calendar that was wrong in one boot and is right in a later one
// tells late how long the device was off before; that time counts then, where a
// full bucket would have run over.)
#ifndef SHOAL_CLIENT_LIMITS_BUDGET_LEDGER_H_
#define SHOAL_CLIENT_LIMITS_BUDGET_LEDGER_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/limits/budget.h"
#include "client/limits/ledger_state.h"
#include "client/limits/moment.h"
#include "client/limits/record.h"

namespace shoal::client {

// One thread. One ledger at a time may use a record.
class BudgetLedger {
 public:
  // Takes the book up where it was left, with a reservation that nobody
  // settled counted as spent. A damaged book starts anew with empty buckets,
  // and opening_note() says so. `record` and `moments` must outlive the
  // ledger. Errors are those of the storage.
  static absl::StatusOr<std::unique_ptr<BudgetLedger>> Open(
      const BudgetLimits& limits, Record& record, const MomentSource& moments);

  const BudgetLimits& limits() const { return limits_; }
  // For people: what was wrong with the book when it was opened; else empty.
  const std::string& opening_note() const { return opening_note_; }

  // What the day's buckets hold now, what is reserved included; kUnlimited
  // where there is no limit, below zero when overdrawn.
  Amounts Left();
  // What was settled for that round, over all its sessions.
  Amounts SpentOn(const RoundKey& round) const;
  // How long until Left() is at least `amount`, once `spent` has been settled;
  // in whole seconds, infinite when that is more than a day's budget.
  absl::Duration TimeUntil(const Amounts& amount, const Amounts& spent = {});

  bool is_open() const { return state_.reservation.has_value(); }
  // The open reservation's size; zero when there is none.
  Amounts reserved() const;
  // Opens a reservation, or changes the size and the round of the open one.
  // Nothing is checked: a device that has spent more than it may must be able
  // to write that down. On an error the reservation is what it was before.
  absl::Status Reserve(const Amounts& amount,
                       const std::optional<RoundKey>& round);
  // Closes the reservation; what was not spent goes back into the buckets.
  // When the result cannot be written it counts here all the same, and in the
  // book the whole reservation does. REQUIRES: one is open; `spent` is not
  // negative.
  absl::Status Settle(const Amounts& spent);

  // As written last.
  const LedgerState& state() const { return state_; }

 private:
  BudgetLedger(const BudgetLimits& limits, Record& record,
               const MomentSource& moments)
      : limits_(limits), record_(record), moments_(moments) {}

  absl::Status Load();
  void Refill();
  absl::Status Save(const LedgerState& state);

  const BudgetLimits limits_;
  Record& record_;
  const MomentSource& moments_;
  LedgerState state_;
  std::string opening_note_;
};

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_LIMITS_BUDGET_LEDGER_H_
