// What a device asks of a plan before it lets its update go into a group.
#ifndef SHOAL_CLIENT_GROUP_POLICY_H_
#define SHOAL_CLIENT_GROUP_POLICY_H_

#include <optional>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "client/include/shoal/client.h"
#include "protocol/messages.h"

namespace shoal::client {

struct GroupPolicy {
  // Of the device's owner.
  std::optional<AggregationDemands> demands;
  // Whether members are verified by roots that the coordinator has no key of.
  bool has_own_roots = false;
};

// FAILED_PRECONDITION says what the plan promises and what is insisted on: less
// than the demands, or the protection from a malicious coordinator that nothing
// but its own CA vouches for. A device that asks for nothing takes the rest.
absl::Status CheckPromises(const protocol::Plan& plan,
                           const GroupPolicy& policy);

// Whether an update that an earlier session has kept may be sent still:
// FAILED_PRECONDITION for one that is not masked, where the owner has come to
// insist on that since.
absl::Status CheckKeptUpdate(absl::string_view update,
                             const GroupPolicy& policy);

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_GROUP_POLICY_H_
