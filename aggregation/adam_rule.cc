#include "aggregation/adam_rule.h"

#include <cmath>

namespace shoal::aggregation {
namespace {

class AdamRule final : public ServerRule {
 public:
  explicit AdamRule(const configuration::AdamServerOptions& options)
      : options_(options) {}

  uint32_t number() const override { return 3; }

  std::vector<double> InitialState() const override {
    return {0, options_.tau * options_.tau};
  }

  void Compute(absl::Span<double> update,
               absl::Span<const absl::Span<double>> state) const override {
    const auto& [rate, beta1, beta2, tau] = options_;
    const absl::Span<double> m = state[0];
    const absl::Span<double> v = state[1];
    for (size_t i = 0; i < update.size(); ++i) {
      const double d = update[i];
      m[i] = beta1 * m[i] + (1 - beta1) * d;
      v[i] = beta2 * v[i] + (1 - beta2) * (d * d);
      update[i] = rate * m[i] / (std::sqrt(v[i]) + tau);
    }
  }

 private:
  const configuration::AdamServerOptions options_;
};

}  // namespace

std::unique_ptr<ServerRule> MakeRule(
    const configuration::AdamServerOptions& options) {
  return std::make_unique<AdamRule>(options);
}

}  // namespace shoal::aggregation
