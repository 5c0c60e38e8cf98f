// Tries to falsify a claim of privacy: runs of a mechanism on two neighbouring
// inputs give a lower bound on its epsilon, from Clopper and Pearson's bounds
// on two probabilities as in Jagielski, Ullman, Oprea, "Auditing Differentially
// Private Machine Learning", NeurIPS 2020. Half of the runs choose the outcomes
// that are looked at, so that any choice is as good as one made beforehand.
#ifndef SHOAL_TESTS_PRIVACY_DIFFERENTIAL_PRIVACY_PRIVACY_AUDIT_H_
#define SHOAL_TESTS_PRIVACY_DIFFERENTIAL_PRIVACY_PRIVACY_AUDIT_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "privacy/accounting/epsilon.h"

namespace shoal::testing {

// What a mechanism released: one row of as many values for every run.
using Outcomes = std::vector<std::vector<double>>;

// `num_runs` independent outcomes.
Outcomes Repeat(int64_t num_runs,
                const std::function<std::vector<double>()>& run);

// Clopper and Pearson 1934: a bound on a probability of which `count` of
// `num_runs` runs are a sample, wrong with probability `failure` at most.
double ProbabilityAtLeast(int64_t count, int64_t num_runs, double failure);
double ProbabilityAtMost(int64_t count, int64_t num_runs, double failure);

// An epsilon that every true one for `delta` is above, but for a probability of
// `failure`: from P(S | with) <= e^epsilon P(S | without) + delta and the
// same with the two in exchange. S is a half-space of outcomes, at right angles
// to Fisher's discriminant; it is chosen with the first half of the runs, and
// its probabilities are bounded with the second.
double EpsilonLowerBound(const Outcomes& with, const Outcomes& without,
                         double delta, double failure);

// Whether the outcomes refute that the event is what the mechanism costs, for
// any of several deltas. A right claim is refuted with a probability of at most
// kFalseAlarm.
inline constexpr double kFalseAlarm = 1e-6;
::testing::AssertionResult Refuted(const Outcomes& with,
                                   const Outcomes& without,
                                   const privacy::PrivacyEvent& event,
                                   privacy::Adjacency adjacency);

}  // namespace shoal::testing

#endif  // SHOAL_TESTS_PRIVACY_DIFFERENTIAL_PRIVACY_PRIVACY_AUDIT_H_
