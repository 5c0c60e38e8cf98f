// Differential privacy to and from protobuf; part of
// configuration/task_proto.h.
#ifndef SHOAL_CONFIGURATION_DIFFERENTIAL_PRIVACY_PROTO_H_
#define SHOAL_CONFIGURATION_DIFFERENTIAL_PRIVACY_PROTO_H_

#include "configuration/differential_privacy.h"
#include "shoal/v1/differential_privacy.pb.h"

namespace shoal::configuration {

// What is absent has its default. REQUIRES: the schema's rules found nothing.
DifferentialPrivacy FromProto(const v1::DifferentialPrivacy& proto);

// With every setting written out that has a value.
v1::DifferentialPrivacy ToProto(const DifferentialPrivacy& privacy);

}  // namespace shoal::configuration

#endif  // SHOAL_CONFIGURATION_DIFFERENTIAL_PRIVACY_PROTO_H_
