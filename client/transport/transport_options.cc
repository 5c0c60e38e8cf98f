#include "client/transport/transport_options.h"

#include <algorithm>
#include <variant>

namespace shoal::client {

absl::Duration WindowAfter(const Answer& answer, absl::Duration window) {
  const auto* check_in = std::get_if<protocol::CheckInAnswer>(&answer);
  if (check_in == nullptr) return window;
  const auto* assignment = std::get_if<protocol::Assignment>(&check_in->answer);
  if (assignment == nullptr) return window;
  return std::min(window, assignment->plan.idle_window);
}

}  // namespace shoal::client
