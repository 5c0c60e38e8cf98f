#include "learning/data/hold_out.h"

#include <algorithm>
#include <cstddef>

namespace shoal::learning {

std::vector<bool> HoldOutEachFifth(absl::Span<const int32_t> owners) {
  std::vector<bool> held_out(owners.size());
  if (owners.empty()) return held_out;
  std::vector<int64_t> seen(*std::max_element(owners.begin(), owners.end()) +
                            1);
  for (size_t i = 0; i < owners.size(); ++i) {
    held_out[i] = ++seen[owners[i]] % kHoldOutEvery == 0;
  }
  return held_out;
}

}  // namespace shoal::learning
