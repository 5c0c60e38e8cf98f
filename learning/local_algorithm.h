// The device's part of a task's algorithm: which one, with its settings.
// learning/algorithms/ has what each of them does.
#ifndef SHOAL_LEARNING_LOCAL_ALGORITHM_H_
#define SHOAL_LEARNING_LOCAL_ALGORITHM_H_

#include <cstdint>
#include <variant>

#include "absl/strings/string_view.h"

namespace shoal::learning {

// What an algorithm asks of everything around it.
struct AlgorithmTraits {
  absl::string_view name;  // as task files have it
  // Vectors of the model's size in a version of the model, and in an update: 2
  // where a control variate goes with it.
  int num_vectors = 1;
  // Vectors of that size that training takes besides its start and its block.
  int kept_vectors = 0;
  // The gradient of all examples at the round's model comes first.
  bool full_gradient = false;
  bool trains = true;              // false: that gradient is all there is
  bool corrects_gradient = false;  // of every mini-batch
  // The algorithm is known for devices that compute all of the model with SGD
  // without momentum, weight decay and clipping: no sub-models, no private
  // layers, no trainers of their own.
  bool plain_sgd_only = false;
};

struct FedAvgLocal {
  AlgorithmTraits traits() const { return {.name = "fedavg"}; }
  friend bool operator==(const FedAvgLocal&, const FedAvgLocal&) = default;
};
struct FedProxLocal {
  double mu = 0;  // >= 0
  AlgorithmTraits traits() const { return {.name = "fedprox"}; }
  friend bool operator==(const FedProxLocal&, const FedProxLocal&) = default;
};
struct FedNovaLocal {  // only with SgdOptimizer
  AlgorithmTraits traits() const { return {.name = "fednova"}; }
  friend bool operator==(const FedNovaLocal&, const FedNovaLocal&) = default;
};
struct FedSgdLocal {
  AlgorithmTraits traits() const {
    return {.name = "fedsgd",
            .full_gradient = true,
            .trains = false,
            .plain_sgd_only = true};
  }
  friend bool operator==(const FedSgdLocal&, const FedSgdLocal&) = default;
};
struct ScaffoldLocal {
  int64_t num_devices = 0;  // >= 1: of the population, N of the paper
  int option = 2;           // of the paper, for control variates: 1 or 2
  AlgorithmTraits traits() const {
    return {.name = "scaffold",
            .num_vectors = 2,
            .kept_vectors = option == 1 ? 2 : 1,
            .full_gradient = option == 1,
            .corrects_gradient = true,
            .plain_sgd_only = true};
  }
  friend bool operator==(const ScaffoldLocal&, const ScaffoldLocal&) = default;
};

using LocalAlgorithm = std::variant<FedAvgLocal, FedProxLocal, FedNovaLocal,
                                    FedSgdLocal, ScaffoldLocal>;

inline AlgorithmTraits TraitsOf(const LocalAlgorithm& algorithm) {
  return std::visit([](const auto& local) { return local.traits(); },
                    algorithm);
}

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_LOCAL_ALGORITHM_H_
