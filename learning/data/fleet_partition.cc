#include "learning/data/fleet_partition.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <numeric>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/random.h"
#include "base/status_macros.h"

namespace shoal::learning {
namespace {

std::vector<int64_t> InOrder(int64_t size) {
  std::vector<int64_t> numbers(size);
  std::iota(numbers.begin(), numbers.end(), int64_t{0});
  return numbers;
}

// Where part `part` of `parts` equal ones begins; sizes differ by one at most.
int64_t PartBegin(int64_t size, int64_t parts, int64_t part) {
  return size * part / parts;
}

// Which devices have which class.
class ClassDraw {
 public:
  ClassDraw(int64_t num_classes, int64_t num_devices, SeededRng& rng)
      : num_devices_(num_devices),
        num_left_(std::max(num_classes - num_devices, int64_t{0})),
        owners_(num_classes),
        rng_(rng) {}

  // REQUIRES: devices come in their order.
  void AddDevice(int64_t device, int per_device) {
    owners_[device % num_classes()].push_back(device);
    for (int i = 1; i < per_device; ++i) {
      owners_[DrawFurther(device)].push_back(device);
    }
  }

  // [classes] of ascending devices.
  const std::vector<std::vector<int64_t>>& owners() const { return owners_; }

 private:
  int64_t num_classes() const { return std::ssize(owners_); }

  // Uniform among the classes that the device has not; but first among those
  // that are no device's first class and that nobody has.
  int64_t DrawFurther(int64_t device) {
    while (true) {
      const int64_t c = static_cast<int64_t>(rng_.Below(num_classes()));
      const std::vector<int64_t>& owners = owners_[c];
      if (num_left_ == 0) {
        if (owners.empty() || owners.back() != device) return c;
      } else if (c >= num_devices_ && owners.empty()) {
        --num_left_;
        return c;
      }
    }
  }

  const int64_t num_devices_;
  int64_t num_left_;  // classes of num_devices_ and above that nobody has
  std::vector<std::vector<int64_t>> owners_;
  SeededRng& rng_;
};

// Cuts a random permutation in the proportions of `num_devices` weights.
absl::StatusOr<Shares> DivideByWeights(
    int64_t num_examples, int num_devices, SeededRng rng,
    absl::FunctionRef<double(SeededRng&)> draw_weight) {
  SHOAL_RETURN_IF_ERROR(CheckEnough(num_examples, num_devices));
  std::vector<double> ends(num_devices);
  for (double& end : ends) end = draw_weight(rng);
  std::partial_sum(ends.begin(), ends.end(), ends.begin());
  // All weights round to zero where a Dirichlet's alpha is tiny: the limit is
  // one device.
  if (ends.back() <= 0) {
    const uint64_t only = rng.Below(ends.size());
    std::fill(ends.begin() + only, ends.end(), 1.0);
  }
  std::vector<int64_t> order = InOrder(num_examples);
  rng.Shuffle(absl::MakeSpan(order));
  Shares shares(num_devices);
  int64_t begin = 0;
  for (int device = 0; device < num_devices; ++device) {
    const int64_t cut = std::llround(ends[device] / ends.back() * num_examples);
    const int64_t end = std::clamp(cut, begin, num_examples);
    shares[device].assign(order.begin() + begin, order.begin() + end);
    begin = end;
  }
  SHOAL_CHECK(begin == num_examples);
  FillUp(LeastShare(num_examples, num_devices), rng, shares);
  SortShares(shares);
  return shares;
}

absl::Status CheckNumber(absl::string_view what, double value, double above,
                         double most) {
  if (value > above && value <= most) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("the ", what, " is ", value,
                                                 ", expected more than ", above,
                                                 " and at most ", most));
}

}  // namespace

absl::StatusOr<Shares> DivideByShards(absl::Span<const int32_t> labels,
                                      int per_device, int num_devices,
                                      uint64_t seed) {
  const int64_t num_examples = std::ssize(labels);
  SHOAL_RETURN_IF_ERROR(CheckEnough(num_examples, num_devices));
  const int64_t num_shards = int64_t{num_devices} * per_device;
  if (per_device < 1 || num_examples < num_shards) {
    return absl::InvalidArgumentError(absl::StrCat(
        num_examples, " training examples cannot be cut into ", per_device,
        " shards for each of ", num_devices, " devices"));
  }
  std::vector<int64_t> sorted = InOrder(num_examples);
  std::stable_sort(sorted.begin(), sorted.end(),
                   [&](int64_t a, int64_t b) { return labels[a] < labels[b]; });
  SeededRng rng(DeriveSeed(seed, "shards partition"));
  std::vector<int64_t> shards = InOrder(num_shards);
  rng.Shuffle(absl::MakeSpan(shards));
  Shares shares(num_devices);
  for (int64_t i = 0; i < num_shards; ++i) {
    auto& share = shares[i / per_device];
    share.insert(
        share.end(),
        sorted.begin() + PartBegin(num_examples, num_shards, shards[i]),
        sorted.begin() + PartBegin(num_examples, num_shards, shards[i] + 1));
  }
  SortShares(shares);
  return shares;
}

absl::StatusOr<Shares> DivideByClasses(absl::Span<const int32_t> labels,
                                       int num_classes, int per_device,
                                       int num_devices, uint64_t seed) {
  SHOAL_RETURN_IF_ERROR(CheckEnough(std::ssize(labels), num_devices));
  std::vector<std::vector<int64_t>> members(num_classes);
  for (int64_t i = 0; i < std::ssize(labels); ++i) {
    members[labels[i]].push_back(i);
  }
  std::erase_if(
      members, [](const auto& class_members) { return class_members.empty(); });
  const int64_t present = std::ssize(members);
  if (per_device < 1 || per_device > present) {
    return absl::InvalidArgumentError(
        absl::StrCat(per_device, " classes per device, expected 1 to ", present,
                     ": as many as the data have"));
  }
  if (int64_t{num_devices} * per_device < present) {
    return absl::InvalidArgumentError(absl::StrCat(
        num_devices, " devices of ", per_device, " classes each leave some of ",
        present, " classes to nobody: expected more of either"));
  }
  SeededRng rng(DeriveSeed(seed, "classes partition"));
  ClassDraw draw(present, num_devices, rng);
  for (int device = 0; device < num_devices; ++device) {
    draw.AddDevice(device, per_device);
  }
  Shares shares(num_devices);
  for (int64_t c = 0; c < present; ++c) {
    auto& examples = members[c];
    rng.Shuffle(absl::MakeSpan(examples));
    const auto& owners = draw.owners()[c];
    const int64_t size = std::ssize(examples), parts = std::ssize(owners);
    for (int64_t part = 0; part < parts; ++part) {
      auto& share = shares[owners[part]];
      share.insert(share.end(), examples.begin() + PartBegin(size, parts, part),
                   examples.begin() + PartBegin(size, parts, part + 1));
    }
  }
  FillUp(1, rng, shares);
  SortShares(shares);
  return shares;
}

absl::StatusOr<Shares> DivideByDirichletSizes(int64_t num_examples,
                                              double alpha, int num_devices,
                                              uint64_t seed) {
  SHOAL_RETURN_IF_ERROR(
      CheckNumber("alpha of the Dirichlet amounts", alpha, 0, 1e9));
  return DivideByWeights(num_examples, num_devices,
                         SeededRng(DeriveSeed(seed, "Dirichlet sizes")),
                         [&](SeededRng& rng) { return rng.Gamma(alpha); });
}

absl::StatusOr<Shares> DivideByLognormalSizes(int64_t num_examples,
                                              double sigma, int num_devices,
                                              uint64_t seed) {
  SHOAL_RETURN_IF_ERROR(
      CheckNumber("sigma of the log-normal amounts", sigma, 0, 10));
  return DivideByWeights(
      num_examples, num_devices, SeededRng(DeriveSeed(seed, "lognormal sizes")),
      [&](SeededRng& rng) { return std::exp(sigma * rng.Normal()); });
}

absl::StatusOr<Shares> DivideByPowerLawSizes(int64_t num_examples,
                                             double exponent, int num_devices,
                                             uint64_t seed) {
  SHOAL_RETURN_IF_ERROR(
      CheckNumber("exponent of the power law of amounts", exponent, 1, 100));
  // The inverse of P(weight <= w) = 1 - w^(1 - exponent). The logarithm is
  // bounded so that the sum of all stays finite.
  return DivideByWeights(
      num_examples, num_devices, SeededRng(DeriveSeed(seed, "power law sizes")),
      [&](SeededRng& rng) {
        const double log_weight = -std::log(1 - rng.Uniform()) / (exponent - 1);
        return std::exp(std::min(log_weight, 600.0));
      });
}

}  // namespace shoal::learning
