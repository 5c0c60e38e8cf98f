#include <algorithm>
#include <utility>
#include <vector>

#include "absl/numeric/int128.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "privacy/differential_privacy/noise_matrices.h"

namespace shoal::privacy {
namespace {

// A node's estimate is w times its own noise and 1 - w times its children's
// estimates. Both are of the same sum, so that a change of the data moves them,
// and the integer that the mean is rounded to, by the same integer: rounding is
// part of the post-processing.
constexpr int kWeightBits = 32;
constexpr int64_t kOne = int64_t{1} << kWeightBits;

class TreeNoise final : public CorrelatedNoise {
 public:
  TreeNoise(const CorrelatedNoiseOptions& options,
            DiscreteGaussianSampler sampler, const TreeMatrix& tree)
      : CorrelatedNoise(options, std::move(sampler)),
        tree_(tree),
        own_(options.length) {}

  double rounding_sensitivity() const override { return 0; }
  std::vector<double> column() const override { return {}; }

 private:
  void NextRound(int64_t round, absl::Span<int64_t> noise) override;
  // The weight of a node of 2^height rounds, for the smallest variance.
  static int64_t Weight(int height);
  void Join(int64_t weight, absl::Span<const int64_t> left,
            std::vector<int64_t>& node) const;

  TreeMatrix tree_;
  // Estimates of the complete nodes that the next prefix sum is made of, by
  // height; others mean nothing.
  std::vector<std::vector<int64_t>> nodes_;
  std::vector<int64_t> own_;  // of the node that is being joined
};

int64_t TreeNoise::Weight(int height) {
  double variance = 1;
  for (int h = 1; h <= height; ++h)
    variance = 2 * variance / (1 + 2 * variance);
  // A node's variance is its weight: v = w^2 + (1 - w)^2 2 u for w = 2 u / (1 +
  // 2 u), where u is the children's.
  return static_cast<int64_t>(variance * static_cast<double>(kOne) + 0.5);
}

// node, the right child, becomes its parent.
void TreeNoise::Join(int64_t weight, absl::Span<const int64_t> left,
                     std::vector<int64_t>& node) const {
  for (size_t i = 0; i < node.size(); ++i) {
    const absl::int128 mean =
        absl::int128(weight) * own_[i] +
        absl::int128(kOne - weight) * (left[i] + node[i]) + kOne / 2;
    node[i] = static_cast<int64_t>(mean >> kWeightBits);
  }
}

void TreeNoise::NextRound(int64_t round, absl::Span<int64_t> noise) {
  const int64_t before =
      tree_.restart_every > 0 ? round % tree_.restart_every : round;
  std::vector<int64_t> node(noise.size());
  Draw(round, 0, absl::MakeSpan(node));
  std::fill(noise.begin(), noise.end(), 0);
  int height = 0;
  for (; (before >> height & 1) != 0; ++height) {
    const std::vector<int64_t>& left = nodes_[height];
    // The prefix is made of the joined node now, no longer of this one.
    for (size_t i = 0; i < noise.size(); ++i) noise[i] -= left[i];
    Draw(round, height + 1, absl::MakeSpan(own_));
    Join(tree_.reduce_variance ? Weight(height + 1) : kOne, left, node);
  }
  for (size_t i = 0; i < noise.size(); ++i) noise[i] += node[i];
  if (static_cast<size_t>(height) == nodes_.size()) nodes_.emplace_back();
  nodes_[height] = std::move(node);
}

}  // namespace

absl::StatusOr<std::unique_ptr<CorrelatedNoise>> MakeTreeNoise(
    const CorrelatedNoiseOptions& options, const TreeMatrix& tree) {
  if (tree.restart_every < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("correlated noise: a restart every ", tree.restart_every,
                     " rounds, expected 0 or more"));
  }
  SHOAL_ASSIGN_OR_RETURN(DiscreteGaussianSampler sampler,
                         DiscreteGaussianSampler::Create(options.sigma));
  return std::make_unique<TreeNoise>(options, std::move(sampler), tree);
}

}  // namespace shoal::privacy
