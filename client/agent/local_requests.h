// What programs of this machine ask an agent, a line each
// (docs/reference/agent-socket.md).
#ifndef SHOAL_CLIENT_AGENT_LOCAL_REQUESTS_H_
#define SHOAL_CLIENT_AGENT_LOCAL_REQUESTS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "client/agent/local_socket.h"
#include "client/example_segment.h"
#include "client/example_store.h"
#include "client/include/shoal/client.h"

namespace shoal::client {

// "example LABELS VALUES"; in place of labels targets, or neither.
struct AddRequest {
  std::vector<float> features;
  std::vector<int32_t> labels;
  std::vector<float> targets;

  Example view() const { return {features, labels, targets}; }
};
// "predict VALUES"
struct PredictRequest {
  std::vector<float> features;
};
using LocalRequest = std::variant<AddRequest, PredictRequest>;

// INVALID_ARGUMENT, in one line, for what is no request or has not as many
// values as the shape. Whether the store takes them is the store's to say.
absl::StatusOr<LocalRequest> ParseRequest(absl::string_view line,
                                          const ExampleShape& shape);

// The values with commas between them, as few digits as give them back.
std::string ValuesText(absl::Span<const float> values);

// Answers them. One thread.
class LocalRequests final : public LineAnswerer {
 public:
  // Both must outlive it.
  LocalRequests(ExampleStore& store, Client& client)
      : store_(store), client_(client) {}

  size_t longest_line() const override;
  // Takes a prediction, or all examples up to the next one: they become durable
  // together, but for those that the store refuses. "ok" is said of those that
  // are durable, and of no other.
  size_t Answer(absl::Span<const absl::string_view> lines,
                std::string& out) override;

 private:
  // An example that the store refuses is an error, too.
  absl::StatusOr<LocalRequest> Parse(absl::string_view line) const;
  void AnswerPrediction(const PredictRequest& request, std::string& out);

  ExampleStore& store_;
  Client& client_;
};

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_AGENT_LOCAL_REQUESTS_H_
