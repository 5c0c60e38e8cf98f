// The experiment of examples/scenarios/fedprox-synthetic.yaml beside the
// reference's curves: Li et al., "Federated Optimization in Heterogeneous
// Networks" (MLSys 2020), figure 1.
#ifndef SHOAL_TESTS_INTEGRATION_FEDPROX_CURVES_H_
#define SHOAL_TESTS_INTEGRATION_FEDPROX_CURVES_H_

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace shoal::testing {

struct FedProxData {
  std::string name;      // in the reference: "synthetic_1_1"
  std::string settings;  // of the source: "alpha: 1, beta: 1, seed: 4"
};

// How the means over three seeds lie, in units of sqrt(s² + r²), where s and r
// are the standard deviations over our and the reference's seeds. Were they
// known and alike, two means of three would differ by 0.58 of that unit; from
// three values each, a difference of 3 units is |t| = 5.2 with 4 degrees of
// freedom: one point in 150.
struct CurveDistances {
  struct Point {
    std::string where;  // for people
    double units = 0;
  };
  std::vector<Point> points;  // losses and accuracies at the recorded rounds

  int CountBeyond(double units) const;
  std::string Worst() const;  // in words
};

// `fraction` as in the reference: "0.0", "0.5", "0.9". Compares what was
// recorded from round 10 on (before, it matters most whether the one device
// with a third of all examples was drawn) up to `rounds`. Runs shoal-sim, which
// must lie in ../bin, with seeds 0, 1 and 2; fails the test when it fails.
CurveDistances CompareFedProx(const FedProxData& data,
                              const std::string& fraction, int rounds);

}  // namespace shoal::testing

#endif  // SHOAL_TESTS_INTEGRATION_FEDPROX_CURVES_H_
