// Groups of secure aggregation without the cryptography, for large sweeps: the
// same steps, the same graphs and rules about who is left, messages of the same
// length, and therefore the same contributors; but no keys, shares or masks.
// Vectors are summed as they are.
#ifndef SHOAL_SIMULATIONS_SKIPPED_GROUPS_H_
#define SHOAL_SIMULATIONS_SKIPPED_GROUPS_H_

#include "privacy/secure_aggregation/group.h"

namespace shoal::simulations {

// Whose devices are the members below, and nobody else's. They draw what real
// ones draw. Nothing is signed or verified: a verifier is not looked at.
secure_aggregation::GroupMaker& SkippedGroups();

// Where messages would be signed, certificates count with their length.
secure_aggregation::MemberMaker& SkippedMembers();

}  // namespace shoal::simulations

#endif  // SHOAL_SIMULATIONS_SKIPPED_GROUPS_H_
