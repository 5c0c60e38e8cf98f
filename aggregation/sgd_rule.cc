#include "aggregation/sgd_rule.h"

namespace shoal::aggregation {
namespace {

class SgdRule final : public ServerRule {
 public:
  explicit SgdRule(const configuration::SgdServerOptions& options)
      : options_(options) {}

  uint32_t number() const override { return 1; }

  // The velocity; without momentum there is nothing to remember.
  std::vector<double> InitialState() const override {
    if (options_.momentum == 0) return {};
    return {0};
  }

  void Compute(absl::Span<double> update,
               absl::Span<const absl::Span<double>> state) const override {
    const double rate = options_.learning_rate;
    if (state.empty()) {
      for (double& value : update) value = rate * value;
      return;
    }
    const double momentum = options_.momentum;
    const absl::Span<double> velocity = state[0];
    for (size_t i = 0; i < update.size(); ++i) {
      velocity[i] = update[i] + momentum * velocity[i];
      const double ahead = update[i] + momentum * velocity[i];
      update[i] = rate * (options_.nesterov ? ahead : velocity[i]);
    }
  }

 private:
  const configuration::SgdServerOptions options_;
};

}  // namespace

std::unique_ptr<ServerRule> MakeRule(
    const configuration::SgdServerOptions& options) {
  return std::make_unique<SgdRule>(options);
}

}  // namespace shoal::aggregation
