// Contributions as integer vectors of a bounded norm, which is what noise has
// to hide.
#ifndef SHOAL_PRIVACY_DIFFERENTIAL_PRIVACY_INTEGER_GRID_H_
#define SHOAL_PRIVACY_DIFFERENTIAL_PRIVACY_INTEGER_GRID_H_

#include <cstdint>

namespace shoal::privacy {

struct IntegerGrid {
  int64_t length = 0;  // values of a contribution, >= 1
  // In steps: no contribution has a longer L2 norm, after rounding.
  double bound = 0;
};

}  // namespace shoal::privacy

#endif  // SHOAL_PRIVACY_DIFFERENTIAL_PRIVACY_INTEGER_GRID_H_
