// What a device may spend, in the units of its budgets.
#ifndef SHOAL_CLIENT_LIMITS_BUDGET_H_
#define SHOAL_CLIENT_LIMITS_BUDGET_H_

#include <cstdint>
#include <limits>
#include <optional>
#include <string>

namespace shoal::client {

// Bytes are whole numbers, exact in double up to 2^53; buckets hold fractions
// of them while they refill.
struct Amounts {
  double joules = 0;
  double metered_bytes = 0;  // over networks that cost money

  friend Amounts operator+(const Amounts& a, const Amounts& b) {
    return {a.joules + b.joules, a.metered_bytes + b.metered_bytes};
  }
  friend Amounts operator-(const Amounts& a, const Amounts& b) {
    return {a.joules - b.joules, a.metered_bytes - b.metered_bytes};
  }
  friend bool operator==(const Amounts&, const Amounts&) = default;
};

inline constexpr double kUnlimited = std::numeric_limits<double>::infinity();
inline constexpr Amounts kUnlimitedAmounts = {kUnlimited, kUnlimited};

// The smaller of both, per unit; and the larger.
Amounts LesserOf(const Amounts& a, const Amounts& b);
Amounts GreaterOf(const Amounts& a, const Amounts& b);

// kUnlimited where there is no limit; otherwise > 0.
struct BudgetLimits {
  Amounts per_day = kUnlimitedAmounts;
  Amounts per_round = kUnlimitedAmounts;
  friend bool operator==(const BudgetLimits&, const BudgetLimits&) = default;
};

// A round of a task: what per_round belongs to.
struct RoundKey {
  std::string task;
  int64_t round_id = 0;
  friend bool operator==(const RoundKey&, const RoundKey&) = default;
};

// "1.5 J", "20 mJ", "3.2 kJ"; "34 bytes", "1.2 MB": for people.
std::string JoulesText(double joules);
std::string BytesText(double bytes);

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_LIMITS_BUDGET_H_
