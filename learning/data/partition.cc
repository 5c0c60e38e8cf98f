#include "learning/data/partition.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/random.h"
#include "base/status_macros.h"

namespace shoal::learning {
namespace {

// Proportions of one group; devices that are full get none.
std::vector<double> DrawProportions(const Shares& shares, int64_t num_examples,
                                    double alpha, SeededRng& rng) {
  const int64_t num_devices = shares.size();
  std::vector<double> proportions(num_devices);
  std::vector<size_t> open;
  for (int64_t device = 0; device < num_devices; ++device) {
    const double draw = rng.Gamma(alpha);
    const int64_t size = shares[device].size();
    if (size * num_devices >= num_examples) continue;
    proportions[device] = draw;
    open.push_back(device);
  }
  const double total =
      std::accumulate(proportions.begin(), proportions.end(), 0.0);
  // All draws round to zero where alpha is tiny: the limit is one device.
  if (total <= 0) {
    SHOAL_CHECK(!open.empty());
    proportions[open[rng.Below(open.size())]] = 1;
    return proportions;
  }
  for (double& proportion : proportions) proportion /= total;
  return proportions;
}

// Cuts `examples` at the cumulative proportions.
void DealGroup(absl::Span<const int64_t> examples,
               absl::Span<const double> proportions, Shares& shares) {
  // What rounding leaves over belongs to a device that takes part.
  size_t last = proportions.size() - 1;
  while (proportions[last] == 0) --last;
  double cumulative = 0;
  size_t begin = 0;
  for (size_t device = 0; device <= last; ++device) {
    cumulative += proportions[device];
    const size_t cut = std::floor(cumulative * examples.size());
    const size_t end = device == last ? examples.size()
                                      : std::clamp(cut, begin, examples.size());
    shares[device].insert(shares[device].end(), examples.begin() + begin,
                          examples.begin() + end);
    begin = end;
  }
}

}  // namespace

absl::StatusOr<Shares> DivideEvenly(int64_t num_examples, int num_devices,
                                    uint64_t seed) {
  SHOAL_RETURN_IF_ERROR(CheckEnough(num_examples, num_devices));
  std::vector<int64_t> order(num_examples);
  std::iota(order.begin(), order.end(), int64_t{0});
  SeededRng rng(DeriveSeed(seed, "even partition"));
  rng.Shuffle(absl::MakeSpan(order));
  Shares shares(num_devices);
  for (int64_t device = 0; device < num_devices; ++device) {
    shares[device].assign(
        order.begin() + device * num_examples / num_devices,
        order.begin() + (device + 1) * num_examples / num_devices);
  }
  SortShares(shares);
  return shares;
}

absl::StatusOr<Shares> DivideByDirichlet(absl::Span<const int32_t> groups,
                                         int num_groups, double alpha,
                                         int num_devices, uint64_t seed) {
  const int64_t num_examples = groups.size();
  SHOAL_RETURN_IF_ERROR(CheckEnough(num_examples, num_devices));
  if (!(alpha > 0) || !std::isfinite(alpha)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the alpha of a Dirichlet partition is ", alpha, ", expected > 0"));
  }
  std::vector<std::vector<int64_t>> members(num_groups);
  for (int64_t i = 0; i < num_examples; ++i) {
    SHOAL_CHECK(groups[i] >= 0 && groups[i] < num_groups);
    members[groups[i]].push_back(i);
  }
  SeededRng rng(DeriveSeed(seed, "Dirichlet partition"));
  Shares shares(num_devices);
  for (auto& examples : members) {
    if (examples.empty()) continue;
    rng.Shuffle(absl::MakeSpan(examples));
    DealGroup(examples, DrawProportions(shares, num_examples, alpha, rng),
              shares);
  }
  FillUp(LeastShare(num_examples, num_devices), rng, shares);
  SortShares(shares);
  return shares;
}

absl::StatusOr<Shares> DivideInOrder(int64_t num_examples, int num_devices) {
  SHOAL_RETURN_IF_ERROR(CheckEnough(num_examples, num_devices));
  Shares shares(num_devices);
  for (int64_t i = 0; i < num_examples; ++i) {
    shares[i * num_devices / num_examples].push_back(i);
  }
  return shares;
}

absl::StatusOr<Shares> DivideByOwner(absl::Span<const int32_t> owners,
                                     int natural_devices, int num_devices) {
  SHOAL_RETURN_IF_ERROR(CheckEnough(owners.size(), num_devices));
  if (natural_devices < num_devices) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the data have ", natural_devices, " natural devices, fewer than the ",
        num_devices, " devices asked for"));
  }
  Shares shares(num_devices);
  for (size_t i = 0; i < owners.size(); ++i) {
    SHOAL_CHECK(owners[i] >= 0 && owners[i] < natural_devices);
    shares[owners[i] % num_devices].push_back(i);
  }
  return shares;
}

}  // namespace shoal::learning
