#include "client/transport.h"

#include <utility>

namespace shoal::client {

absl::StatusOr<Answer> Perform(Transport& transport, Call call) {
  transport.Start(std::move(call));
  while (true) {
    auto answer = transport.Step(absl::InfiniteDuration());
    if (answer.has_value()) return *std::move(answer);
  }
}

}  // namespace shoal::client
