#include "tests/privacy/differential_privacy/privacy_audit.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numeric>
#include <utility>

#include "base/check.h"

namespace shoal::testing {
namespace {

using privacy::Accountant;
using privacy::Adjacency;
using privacy::Epsilon;
using privacy::PrivacyEvent;

// log P(X >= count) for X of num_runs coins of this probability.
double LogTail(int64_t count, int64_t num_runs, double probability) {
  if (count <= 0) return 0;
  if (probability <= 0) return -INFINITY;
  if (probability >= 1) return 0;
  const auto n = static_cast<double>(num_runs);
  const auto log_term = [&](double k) {
    return std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1) +
           k * std::log(probability) + (n - k) * std::log1p(-probability);
  };
  const double mode = std::floor((n + 1) * probability);
  const double largest = log_term(std::max<double>(count, std::min(mode, n)));
  double sum = 0;
  for (double k = count; k <= n; ++k) {
    const double term = std::exp(log_term(k) - largest);
    sum += term;
    if (k > mode && term < 1e-18 * sum) break;
  }
  return std::min(0.0, largest + std::log(sum));
}

using Projected = std::vector<double>;  // onto the discriminant

using Matrix = std::vector<std::vector<double>>;

// Mean and covariance of the first half of the runs.
struct Moments {
  explicit Moments(const Outcomes& outcomes);

  std::vector<double> mean;
  Matrix covariance;
};

Moments::Moments(const Outcomes& outcomes)
    : mean(outcomes[0].size()),
      covariance(mean.size(), std::vector<double>(mean.size())) {
  const size_t end = outcomes.size() / 2;
  const double weight = 1 / static_cast<double>(end);
  for (size_t i = 0; i < end; ++i) {
    for (size_t a = 0; a < mean.size(); ++a) mean[a] += weight * outcomes[i][a];
  }
  for (size_t i = 0; i < end; ++i) {
    for (size_t a = 0; a < mean.size(); ++a) {
      for (size_t b = 0; b < mean.size(); ++b) {
        covariance[a][b] +=
            weight * (outcomes[i][a] - mean[a]) * (outcomes[i][b] - mean[b]);
      }
    }
  }
}

// x of matrix x = right, for a positive definite matrix, by elimination.
std::vector<double> Solved(Matrix matrix, std::vector<double> right) {
  const size_t n = right.size();
  for (size_t a = 0; a < n; ++a) {
    for (size_t b = a + 1; b < n; ++b) {
      const double factor = matrix[b][a] / matrix[a][a];
      for (size_t c = a; c < n; ++c) matrix[b][c] -= factor * matrix[a][c];
      right[b] -= factor * right[a];
    }
  }
  for (size_t a = n; a-- > 0;) {
    for (size_t b = a + 1; b < n; ++b) right[a] -= matrix[a][b] * right[b];
    right[a] /= matrix[a][a];
  }
  return right;
}

// Fisher's: the normal of the half-spaces that tell two normal distributions
// apart best. A little is added where values have no spread of their own.
std::vector<double> Discriminant(const Outcomes& with,
                                 const Outcomes& without) {
  constexpr double kRidge = 1e-9;
  const Moments p(with);
  const Moments q(without);
  Matrix covariance = p.covariance;
  std::vector<double> difference = p.mean;
  double trace = 0;
  for (size_t a = 0; a < difference.size(); ++a) {
    difference[a] -= q.mean[a];
    for (size_t b = 0; b < difference.size(); ++b) {
      covariance[a][b] += q.covariance[a][b];
    }
    trace += covariance[a][a];
  }
  for (size_t a = 0; a < difference.size(); ++a) {
    covariance[a][a] += kRidge * trace + 1e-300;
  }
  return Solved(std::move(covariance), std::move(difference));
}

Projected Project(const Outcomes& outcomes, const std::vector<double>& normal) {
  Projected projected;
  for (const std::vector<double>& outcome : outcomes) {
    projected.push_back(
        std::inner_product(normal.begin(), normal.end(), outcome.begin(), 0.0));
  }
  return projected;
}

// Outcomes beyond a threshold, which one of the two inputs leads to more often.
struct HalfSpace {
  double threshold = 0;
  bool above = true;

  int64_t Count(const Projected& values, bool first_half) const {
    const auto middle = values.begin() + values.size() / 2;
    const auto inside = [&](double v) {
      return above ? v >= threshold : v <= threshold;
    };
    return first_half ? std::count_if(values.begin(), middle, inside)
                      : std::count_if(middle, values.end(), inside);
  }
};

// The half-space whose bound will probably be the largest.
HalfSpace Choose(const Projected& with, const Projected& without,
                 double delta) {
  constexpr int kThresholds = 100;
  constexpr double kDeviations = 5;
  std::vector<double> all(with.begin(), with.begin() + with.size() / 2);
  all.insert(all.end(), without.begin(), without.begin() + without.size() / 2);
  std::sort(all.begin(), all.end());
  HalfSpace best;
  double largest = -INFINITY;
  for (int i = 0; i < kThresholds; ++i) {
    for (const bool above : {true, false}) {
      const HalfSpace set = {all[i * all.size() / kThresholds], above};
      const auto frequency = [&](const Projected& values, double deviations) {
        const double n = static_cast<double>(values.size() / 2);
        const double p = static_cast<double>(set.Count(values, true)) / n;
        return p + deviations * std::sqrt(p * (1 - p) / n) +
               (deviations > 0 ? 10 / n : 0);
      };
      const double p = frequency(above ? with : without, -kDeviations);
      const double q = frequency(above ? without : with, kDeviations);
      const double bound = p > delta ? std::log((p - delta) / q) : -INFINITY;
      if (bound > largest) {
        largest = bound;
        best = set;
      }
    }
  }
  return best;
}

}  // namespace

Outcomes Repeat(int64_t num_runs,
                const std::function<std::vector<double>()>& run) {
  Outcomes outcomes;
  for (int64_t i = 0; i < num_runs; ++i) outcomes.push_back(run());
  return outcomes;
}

double ProbabilityAtLeast(int64_t count, int64_t num_runs, double failure) {
  double low = 0;
  double high = static_cast<double>(count) / static_cast<double>(num_runs);
  for (int i = 0; i < 50; ++i) {
    const double middle = (low + high) / 2;
    const bool likely = LogTail(count, num_runs, middle) > std::log(failure);
    (likely ? high : low) = middle;
  }
  return low;
}

double ProbabilityAtMost(int64_t count, int64_t num_runs, double failure) {
  return 1 - ProbabilityAtLeast(num_runs - count, num_runs, failure);
}

double EpsilonLowerBound(const Outcomes& with, const Outcomes& without,
                         double delta, double failure) {
  SHOAL_CHECK(with.size() >= 100 && without.size() >= 100);
  const std::vector<double> normal = Discriminant(with, without);
  const Projected p_values = Project(with, normal);
  const Projected q_values = Project(without, normal);
  const HalfSpace set = Choose(p_values, q_values, delta);
  const Projected& more = set.above ? p_values : q_values;
  const Projected& less = set.above ? q_values : p_values;
  const double p = ProbabilityAtLeast(
      set.Count(more, false),
      static_cast<int64_t>(more.size() - more.size() / 2), failure / 2);
  const double q = ProbabilityAtMost(
      set.Count(less, false),
      static_cast<int64_t>(less.size() - less.size() / 2), failure / 2);
  return p > delta ? std::max(0.0, std::log((p - delta) / q)) : 0;
}

::testing::AssertionResult Refuted(const Outcomes& with,
                                   const Outcomes& without,
                                   const PrivacyEvent& event,
                                   Adjacency adjacency) {
  constexpr double kDeltas[] = {1e-6, 1e-3, 0.01, 0.05, 0.1, 0.2, 0.3};
  for (const double delta : kDeltas) {
    privacy::EpsilonQuery query = {{privacy::PrivacyUnit::kDevice, adjacency},
                                   delta};
    auto claimed = Epsilon(event, query);
    if (absl::IsUnimplemented(claimed.status())) {  // Skellam noise
      query.accountant = Accountant::kRdp;
      claimed = Epsilon(event, query);
    }
    SHOAL_CHECK(claimed.ok());
    const double found = EpsilonLowerBound(with, without, delta,
                                           kFalseAlarm / std::size(kDeltas));
    if (found > claimed->upper) {
      return ::testing::AssertionSuccess()
             << event.ToString() << " claims epsilon " << claimed->upper
             << " at delta " << delta << ", outcomes show " << found;
    }
  }
  return ::testing::AssertionFailure()
         << "no outcomes refute " << event.ToString();
}

}  // namespace shoal::testing
