// The optimisers of a device: how a gradient moves the parameters.
#ifndef SHOAL_LEARNING_LOCAL_OPTIMIZER_H_
#define SHOAL_LEARNING_LOCAL_OPTIMIZER_H_

#include <variant>

namespace shoal::learning {

// v = momentum * v + g;  w -= rate * v, with Nesterov rate * (g + momentum v)
// (as Sutskever et al. 2013 in the form that evaluates g at w).
struct SgdOptimizer {
  double momentum = 0;  // [0, 1)
  bool nesterov = false;
  double weight_decay = 0;  // >= 0: g += weight_decay * w
  friend bool operator==(const SgdOptimizer&, const SgdOptimizer&) = default;
};

// Kingma and Ba 2015, algorithm 1. Decoupled: AdamW, Loshchilov and Hutter
// 2019, algorithm 2, w -= rate * weight_decay * w instead of a larger gradient.
struct AdamOptimizer {
  double beta1 = 0.9;     // [0, 1)
  double beta2 = 0.999;   // [0, 1)
  double epsilon = 1e-8;  // > 0
  double weight_decay = 0;
  bool decoupled = false;
  friend bool operator==(const AdamOptimizer&, const AdamOptimizer&) = default;
};

struct LocalOptimizer {
  std::variant<SgdOptimizer, AdamOptimizer> rule;
  double clip_norm = 0;  // > 0: the gradient's L2 norm is cut to this
  friend bool operator==(const LocalOptimizer&,
                         const LocalOptimizer&) = default;

  // Vectors of the trained values that it keeps between steps.
  int num_vectors() const {
    if (const auto* sgd = std::get_if<SgdOptimizer>(&rule)) {
      return sgd->momentum != 0 ? 1 : 0;
    }
    return 2;
  }
};

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_LOCAL_OPTIMIZER_H_
