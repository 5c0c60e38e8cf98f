#include "base/address.h"

#include "absl/strings/numbers.h"

namespace shoal {

bool IsAddress(absl::string_view text, int least_port) {
  const size_t colon = text.rfind(':');
  if (colon == absl::string_view::npos || colon == 0) return false;
  const absl::string_view host = text.substr(0, colon);
  const bool bracketed = host.front() == '[' && host.back() == ']';
  if (!bracketed && host.find(':') != absl::string_view::npos) return false;
  int port = 0;
  return absl::SimpleAtoi(text.substr(colon + 1), &port) &&
         port >= least_port && port <= 65535;
}

}  // namespace shoal
