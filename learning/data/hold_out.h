// Which examples are held out where the data do not say so themselves.
#ifndef SHOAL_LEARNING_DATA_HOLD_OUT_H_
#define SHOAL_LEARNING_DATA_HOLD_OUT_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace shoal::learning {

inline constexpr int kHoldOutEvery = 5;

// Of every owner's examples each fifth one, in their order: true. `owners`
// gives each example's, by numbers from 0.
std::vector<bool> HoldOutEachFifth(absl::Span<const int32_t> owners);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_DATA_HOLD_OUT_H_
