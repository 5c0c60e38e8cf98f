// What the budget ledger remembers; docs/reference/formats.md has the bytes.
#ifndef SHOAL_CLIENT_LIMITS_LEDGER_STATE_H_
#define SHOAL_CLIENT_LIMITS_LEDGER_STATE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/limits/budget.h"
#include "client/limits/credited_time.h"

namespace shoal::client {

struct Reservation {
  Amounts amount;
  std::optional<RoundKey> round;  // what it is for, once that is known
  friend bool operator==(const Reservation&, const Reservation&) = default;
};

struct RoundSpending {
  RoundKey round;
  Amounts spent;
  friend bool operator==(const RoundSpending&, const RoundSpending&) = default;
};

struct LedgerState {
  TimeCredit time;
  // Of the day's buckets at `time`, without what is reserved; below zero when
  // overdrawn.
  Amounts left = kUnlimitedAmounts;
  // How much more the buckets would hold, had they been full when this boot
  // came: all that can be added when it becomes known how long the device was
  // off.
  Amounts room_for_time_off;
  std::optional<Reservation> reservation;
  std::optional<RoundSpending> round;  // the newest
  Amounts spent_ever;
  int64_t num_crashes = 0;  // reservations that nobody settled
  friend bool operator==(const LedgerState&, const LedgerState&) = default;
};

std::string EncodeLedger(const LedgerState& state);
// DATA_LOSS when the bytes are not what the function above makes.
absl::StatusOr<LedgerState> DecodeLedger(absl::string_view bytes);

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_LIMITS_LEDGER_STATE_H_
