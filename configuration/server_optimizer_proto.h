// Server optimisers to and from protobuf; part of configuration/task_proto.h.
#ifndef SHOAL_CONFIGURATION_SERVER_OPTIMIZER_PROTO_H_
#define SHOAL_CONFIGURATION_SERVER_OPTIMIZER_PROTO_H_

#include "configuration/server_optimizer.h"
#include "shoal/v1/task.pb.h"

namespace shoal::configuration {

// What is absent has its default. REQUIRES: the schema's rules found nothing.
ServerOptimizerOptions FromProto(const v1::ServerOptimizer& proto);

// With every setting written out.
v1::ServerOptimizer ToProto(const ServerOptimizerOptions& options);

}  // namespace shoal::configuration

#endif  // SHOAL_CONFIGURATION_SERVER_OPTIMIZER_PROTO_H_
