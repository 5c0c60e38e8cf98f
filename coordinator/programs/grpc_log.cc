#include "coordinator/programs/grpc_log.h"

#include <grpc/support/log.h>

#include <atomic>

namespace shoal::coordinator {
namespace {

// gRPC takes a plain function, so the one global of the program is here.
std::atomic<Logger*> grpc_logger = nullptr;

void Forward(gpr_log_func_args* line) {
  Logger* log = grpc_logger.load();
  if (log == nullptr) return;
  if (line->severity == GPR_LOG_SEVERITY_ERROR) {
    log->Warning("grpc", {{"message", line->message}});
  } else {
    log->Debug("grpc", {{"message", line->message}});
  }
}

}  // namespace

GrpcLog::GrpcLog(Logger& log) {
  grpc_logger = &log;
  gpr_set_log_function(Forward);
}

GrpcLog::~GrpcLog() { grpc_logger = nullptr; }

}  // namespace shoal::coordinator
