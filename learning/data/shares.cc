#include "learning/data/shares.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <queue>
#include <utility>

#include "absl/strings/str_cat.h"

namespace shoal::learning {
namespace {

constexpr int64_t kMinimumShare = 10;

}  // namespace

absl::Status CheckEnough(int64_t num_examples, int num_devices) {
  if (num_devices < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("num_devices is ", num_devices, ", expected at least 1"));
  }
  if (num_examples < num_devices) {
    return absl::InvalidArgumentError(absl::StrCat(
        num_examples, " training examples cannot be divided among ",
        num_devices, " devices: each needs one at least"));
  }
  return absl::OkStatus();
}

void SortShares(Shares& shares) {
  for (auto& share : shares) std::sort(share.begin(), share.end());
}

int64_t LeastShare(int64_t num_examples, int num_devices) {
  return std::clamp(num_examples / num_devices / 2, int64_t{1}, kMinimumShare);
}

void FillUp(int64_t minimum, SeededRng& rng, Shares& shares) {
  // The largest first; among equals the first device.
  std::priority_queue<std::pair<size_t, int64_t>> largest;
  for (size_t device = 0; device < shares.size(); ++device) {
    largest.push({shares[device].size(), -static_cast<int64_t>(device)});
  }
  for (auto& share : shares) {
    while (std::ssize(share) < minimum) {
      const int64_t key = largest.top().second;
      auto& donor = shares[-key];
      largest.pop();
      std::swap(donor[rng.Below(donor.size())], donor.back());
      share.push_back(donor.back());
      donor.pop_back();
      largest.push({donor.size(), key});
    }
  }
}

}  // namespace shoal::learning
