#include "protocol/messages.h"

#include <algorithm>

#include "base/check.h"

namespace shoal::protocol {

std::optional<ProtocolVersion> Negotiate(ProtocolVersion ours,
                                         ProtocolVersion theirs) {
  if (ours.major != theirs.major) return std::nullopt;
  return ProtocolVersion{ours.major, std::min(ours.minor, theirs.minor)};
}

std::string ToString(AbandonReason reason) {
  switch (reason) {
    case AbandonReason::kEnergy:
      return "energy";
    case AbandonReason::kMemory:
      return "memory";
    case AbandonReason::kBytes:
      return "bytes";
    case AbandonReason::kConditions:
      return "conditions";
    case AbandonReason::kTraining:
      return "training";
    case AbandonReason::kData:
      return "data";
    case AbandonReason::kShutdown:
      return "shutdown";
  }
  SHOAL_CHECK(false);
}

}  // namespace shoal::protocol
