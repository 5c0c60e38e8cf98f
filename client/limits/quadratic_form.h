// The smallest value of a quadratic form over coefficients that must not be
// negative.
#ifndef SHOAL_CLIENT_LIMITS_QUADRATIC_FORM_H_
#define SHOAL_CLIENT_LIMITS_QUADRATIC_FORM_H_

#include <array>

#include "client/limits/energy_model.h"

namespace shoal::client {

// w' squares w / 2 - products' w. REQUIRES: `squares` is symmetric and positive
// definite.
struct QuadraticForm {
  std::array<EnergyVector, kNumCoefficients> squares = {};
  EnergyVector products = {};
};

// Where the form is smallest over w >= 0. Exact up to rounding: with so few
// coefficients every choice of those that are zero is tried (non-negative least
// squares: Lawson and Hanson, "Solving Least Squares Problems", chapter 23).
EnergyVector LeastNotNegative(const QuadraticForm& form);

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_LIMITS_QUADRATIC_FORM_H_
