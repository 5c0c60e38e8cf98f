// How a device's learning rate changes over the rounds of a task.
#ifndef SHOAL_LEARNING_LEARNING_RATE_H_
#define SHOAL_LEARNING_LEARNING_RATE_H_

#include <cstdint>
#include <variant>

#include "absl/status/status.h"

namespace shoal::learning {

struct ConstantRate {
  friend bool operator==(const ConstantRate&, const ConstantRate&) = default;
};

// Falls along half a cosine from 1 to `final_fraction`, and stays there:
// Loshchilov and Hutter 2017 (SGDR), equation 5, without restarts.
struct CosineRate {
  double final_fraction = 0;  // [0, 1]
  int64_t rounds = 0;         // >= 1
  friend bool operator==(const CosineRate&, const CosineRate&) = default;
};

// Times `factor` after every so many rounds.
struct StepRate {
  int64_t every_rounds = 0;  // >= 1
  double factor = 0.1;       // (0, 1]
  friend bool operator==(const StepRate&, const StepRate&) = default;
};

struct LearningRateSchedule {
  std::variant<ConstantRate, CosineRate, StepRate> shape = {};
  // Before that many rounds are over, the rate grows linearly to what `shape`
  // says: Goyal et al. 2017, section 2.2. 0: no warm-up.
  int64_t warmup_rounds = 0;
  friend bool operator==(const LearningRateSchedule&,
                         const LearningRateSchedule&) = default;
};

// INVALID_ARGUMENT names the field that is out of range.
absl::Status CheckSchedule(const LearningRateSchedule& schedule);

// The rate of a step: `base` times the schedule's fraction in [0, 1].
//   round              rounds that were committed before this one, >= 0
//   fraction_of_round  part of this round's steps that is done, [0, 1]
// With t their sum and w the warm-up, the fraction is
//   shape(t) * min(1, (t + 1) / (w + 1)).
// REQUIRES: CheckSchedule(schedule) is OK.
double LearningRate(const LearningRateSchedule& schedule, double base,
                    int64_t round, double fraction_of_round);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_LEARNING_RATE_H_
