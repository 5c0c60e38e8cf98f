// A client that predicts what it is asked.
#ifndef SHOAL_TESTS_CLIENT_AGENT_ECHO_CLIENT_H_
#define SHOAL_TESTS_CLIENT_AGENT_ECHO_CLIENT_H_

#include <optional>
#include <vector>

#include "client/include/shoal/client.h"

namespace shoal::testing {

// There is no model for a 9.
class EchoClient final : public Client {
 public:
  absl::StatusOr<SessionReport> RunOnce() override { return SessionReport(); }
  absl::StatusOr<TickResult> Tick(absl::Duration) override {
    return TickResult();
  }
  absl::Status Start() override { return absl::OkStatus(); }
  std::optional<SessionReport> Stop() override { return std::nullopt; }
  absl::StatusOr<ModelValues> NewestModel() override { return ModelValues(); }
  absl::Status AddExample(const Example&) override { return absl::OkStatus(); }
  absl::StatusOr<std::vector<float>> Predict(
      absl::Span<const float> features) override {
    if (features[0] == 9) return absl::FailedPreconditionError("no\nmodel");
    return std::vector<float>(features.begin(), features.end());
  }
};

}  // namespace shoal::testing

#endif  // SHOAL_TESTS_CLIENT_AGENT_ECHO_CLIENT_H_
