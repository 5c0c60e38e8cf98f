#include "privacy/accounting/calibration.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace shoal::privacy {
namespace {

constexpr double kMaxNoise = 1e6;
constexpr double kMinNoise = 1e-3;
constexpr double kRelative = 1e-6;

absl::Status CheckTarget(double epsilon) {
  if (epsilon > 0 && std::isfinite(epsilon)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "privacy: the target epsilon is ", epsilon, ", expected above 0"));
}

// The logarithm of the noise at which epsilon is the target, between ever
// closer bounds.
class NoiseSearch {
 public:
  NoiseSearch(const EventOfNoise& event, const EpsilonQuery& query,
              double target)
      : event_(event), query_(query), target_(target) {}

  // Finds bounds a factor of 2 apart.
  absl::Status Bracket();
  // Brings the bounds so close together, by Newton's method with the slope
  // between the last two points.
  absl::Status Narrow(double relative, const PldOptions& options);
  // Forgets the bounds, which rough options have found, but not where they are.
  void Restart() {
    low_ = -INFINITY;
    high_ = INFINITY;
  }
  const CalibratedNoise& best() const { return best_; }

 private:
  // How far log epsilon is above the target's. Moves a bound.
  absl::StatusOr<double> Try(double log_noise, const PldOptions& options);

  const EventOfNoise& event_;
  const EpsilonQuery& query_;
  const double target_;
  double low_ = -INFINITY;  // not private
  double high_ = INFINITY;  // private
  double last_ = 0;         // the point that was tried last,
  double miss_ = 0;         // and what came out
  double slope_ = -1;
  CalibratedNoise best_;
};

absl::StatusOr<double> NoiseSearch::Try(double log_noise,
                                        const PldOptions& options) {
  const double noise = std::exp(log_noise);
  SHOAL_ASSIGN_OR_RETURN(const PrivacyEvent event, event_(noise));
  absl::StatusOr<CertifiedBounds> bounds = Epsilon(event, query_, options);
  // So little noise that the loss of one release overflows is not private.
  constexpr double kLittle = 0.1;
  if (absl::IsUnimplemented(bounds.status()) && noise < kLittle) {
    bounds = CertifiedBounds{INFINITY, INFINITY};
  }
  SHOAL_RETURN_IF_ERROR(bounds.status());
  constexpr double kVeryFar = 50;
  constexpr double kTiny = 1e-6;  // of the target: 0 has no logarithm
  const double miss = std::isfinite(bounds->upper)
                          ? std::log(std::max(bounds->upper / target_, kTiny))
                          : kVeryFar;
  if (bounds->upper <= target_) {
    high_ = std::min(high_, log_noise);
    if (high_ == log_noise) best_ = {noise, *bounds};
  } else {
    low_ = std::max(low_, log_noise);
  }
  if (log_noise != last_ && std::isfinite(bounds->upper)) {
    const double slope = (miss - miss_) / (log_noise - last_);
    // Epsilon falls about with the noise, and at most exponentially with it.
    if (slope < -0.2 && slope > -100) slope_ = slope;
  }
  last_ = log_noise;
  miss_ = miss;
  return miss;
}

absl::Status NoiseSearch::Bracket() {
  constexpr PldOptions kRough = {.tolerance = 0.05};
  SHOAL_ASSIGN_OR_RETURN(const double first, Try(0, kRough));
  const double step = first > 0 ? std::log(2.0) : -std::log(2.0);
  for (double x = step; low_ == -INFINITY || high_ == INFINITY; x += step) {
    if (x > std::log(kMaxNoise) || x < std::log(kMinNoise)) {
      return absl::InvalidArgumentError(
          absl::StrCat("privacy: no noise multiplier between ", kMinNoise,
                       " and ", kMaxNoise, " has an epsilon of ", target_));
    }
    SHOAL_RETURN_IF_ERROR(Try(x, kRough).status());
  }
  return absl::OkStatus();
}

absl::Status NoiseSearch::Narrow(double relative, const PldOptions& options) {
  constexpr int kMaxSteps = 200;
  for (int step = 0; step < kMaxSteps && !(high_ - low_ < relative); ++step) {
    double next = last_ - miss_ / slope_;
    // Beyond the root by less than what is asked for, in the direction where
    // a bound is missing or further away.
    const bool down = high_ - next < next - low_;
    next += (down ? -0.4 : 0.4) * relative;
    const bool inside = next > low_ && next < high_;
    if (!inside || (step > 8 && step % 3 == 0)) {
      if (std::isfinite(low_) && std::isfinite(high_)) {
        next = 0.5 * (low_ + high_);
      } else if (!inside) {
        next = std::isfinite(low_) ? low_ + 2 * relative : high_ - 2 * relative;
      }
    }
    SHOAL_RETURN_IF_ERROR(Try(next, options).status());
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<CalibratedNoise> CalibrateNoise(const EventOfNoise& event,
                                               const EpsilonQuery& query,
                                               double target_epsilon) {
  SHOAL_RETURN_IF_ERROR(CheckTarget(target_epsilon));
  NoiseSearch search(event, query, target_epsilon);
  SHOAL_RETURN_IF_ERROR(search.Bracket());
  constexpr double kNear = 1e-3;
  SHOAL_RETURN_IF_ERROR(search.Narrow(kNear, {.tolerance = kNear}));
  search.Restart();
  SHOAL_RETURN_IF_ERROR(search.Narrow(kRelative, {}));
  return search.best();
}

absl::StatusOr<CalibratedRounds> CalibrateRounds(const EventOfRounds& event,
                                                 const EpsilonQuery& query,
                                                 double target_epsilon,
                                                 int64_t max_rounds) {
  SHOAL_RETURN_IF_ERROR(CheckTarget(target_epsilon));
  CalibratedRounds best;
  int64_t too_many = max_rounds + 1;
  // Doubles first, then halves what is left.
  int64_t next = 1;
  while (best.rounds + 1 < too_many) {
    next = std::min(next, too_many - 1);
    SHOAL_ASSIGN_OR_RETURN(const PrivacyEvent made, event(next));
    SHOAL_ASSIGN_OR_RETURN(const CertifiedBounds bounds, Epsilon(made, query));
    if (bounds.upper <= target_epsilon) {
      best = {next, bounds};
      next = too_many > max_rounds ? 2 * next
                                   : best.rounds + (too_many - best.rounds) / 2;
    } else {
      too_many = next;
      next = best.rounds + (too_many - best.rounds) / 2;
    }
  }
  return best;
}

}  // namespace shoal::privacy
