// gRPC's own messages, as lines of our log.
#ifndef SHOAL_COORDINATOR_PROGRAMS_GRPC_LOG_H_
#define SHOAL_COORDINATOR_PROGRAMS_GRPC_LOG_H_

#include "base/logging.h"

namespace shoal::coordinator {

// Sends gRPC's messages to `log` while it lives. Errors become warnings: most
// are a peer's, such as a failed handshake. At most one exists at a time.
class GrpcLog {
 public:
  explicit GrpcLog(Logger& log);
  ~GrpcLog();
  GrpcLog(const GrpcLog&) = delete;
  GrpcLog& operator=(const GrpcLog&) = delete;
};

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_PROGRAMS_GRPC_LOG_H_
