#include "aggregation/yogi_rule.h"

#include <cmath>

namespace shoal::aggregation {
namespace {

double Sign(double value) { return (value > 0) - (value < 0); }

class YogiRule final : public ServerRule {
 public:
  explicit YogiRule(const configuration::YogiServerOptions& options)
      : options_(options) {}

  uint32_t number() const override { return 4; }

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
      const double square = d * d;
      m[i] = beta1 * m[i] + (1 - beta1) * d;
      v[i] = v[i] - (1 - beta2) * square * Sign(v[i] - square);
      update[i] = rate * m[i] / (std::sqrt(v[i]) + tau);
    }
  }

 private:
  const configuration::YogiServerOptions options_;
};

}  // namespace

std::unique_ptr<ServerRule> MakeRule(
    const configuration::YogiServerOptions& options) {
  return std::make_unique<YogiRule>(options);
}

}  // namespace shoal::aggregation
