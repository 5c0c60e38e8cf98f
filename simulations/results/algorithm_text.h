// What an algorithm is called in tables and reports.
#ifndef SHOAL_SIMULATIONS_RESULTS_ALGORITHM_TEXT_H_
#define SHOAL_SIMULATIONS_RESULTS_ALGORITHM_TEXT_H_

#include <string>
#include <variant>

#include "absl/strings/str_cat.h"
#include "learning/local_algorithm.h"

namespace shoal::simulations {

// "fedavg", "fedprox (mu 0.1)".
inline std::string AlgorithmText(const learning::LocalAlgorithm& algorithm) {
  if (const auto* prox = std::get_if<learning::FedProxLocal>(&algorithm)) {
    return absl::StrCat("fedprox (mu ", prox->mu, ")");
  }
  return std::string(learning::TraitsOf(algorithm).name);
}

}  // namespace shoal::simulations

#endif  // SHOAL_SIMULATIONS_RESULTS_ALGORITHM_TEXT_H_
