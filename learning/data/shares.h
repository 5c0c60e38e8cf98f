// What partitions have in common.
#ifndef SHOAL_LEARNING_DATA_SHARES_H_
#define SHOAL_LEARNING_DATA_SHARES_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "base/random.h"

namespace shoal::learning {

// For every device the numbers of its examples, ascending. Together they are
// every example exactly once, and no device is without any.
using Shares = std::vector<std::vector<int64_t>>;

// INVALID_ARGUMENT unless there are devices, and an example for each.
absl::Status CheckEnough(int64_t num_examples, int num_devices);

void SortShares(Shares& shares);

// Fewest examples of a device: 10, or half of the even part where that is less,
// but at least one. Published partitions that draw amounts draw everything
// again until each device has 10, which for many devices never happens.
int64_t LeastShare(int64_t num_examples, int num_devices);

// Moves random examples of the largest shares to those below `minimum`.
// REQUIRES: there are `minimum` examples for each.
void FillUp(int64_t minimum, SeededRng& rng, Shares& shares);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_DATA_SHARES_H_
