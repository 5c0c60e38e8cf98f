#include "coordinator/service/aggregate_reactor.h"

#include <atomic>
#include <memory>
#include <utility>

#include "base/status_macros.h"
#include "coordinator/service/grpc_status.h"
#include "coordinator/service/store_errors.h"
#include "protocol/wire.h"

namespace shoal::coordinator {
namespace {

// gRPC keeps the reactor alive until Finish() was called and the running
// reaction has returned. The engine's callback may outlive it, and whoever
// first sets `claimed_` ends the call.
class AggregateReactor final : public grpc::ServerUnaryReactor {
 public:
  AggregateReactor(const FleetDependencies& dependencies,
                   v1::AggregateResponse& response)
      : d_(dependencies), response_(response) {}

  void Begin(const grpc::ServerContextBase& context,
             const v1::AggregateRequest& request) {
    const absl::Status begun = TryBegin(context, request);
    if (begun.ok()) {
      d_.driver.Poke();
    } else if (!claimed_->exchange(true)) {
      Finish(ToGrpc(StoreError(begun)));
    }
  }

  void OnCancel() override {
    if (claimed_->exchange(true)) return;
    Finish(grpc::Status(grpc::StatusCode::CANCELLED, "the caller went away"));
  }

  void OnDone() override { delete this; }

 private:
  absl::Status TryBegin(const grpc::ServerContextBase& context,
                        const v1::AggregateRequest& request) {
    SHOAL_ASSIGN_OR_RETURN(const DeviceIdentity device,
                           RequireDevice(d_, context));
    SHOAL_ASSIGN_OR_RETURN(const protocol::AggregateRequest message,
                           protocol::FromProto(request));
    return d_.engine.Aggregate(
        device, message, d_.clock.Now(),
        [this, claimed = claimed_](
            const absl::StatusOr<protocol::AggregateAnswer>& answer) {
          if (claimed->exchange(true)) return;
          if (answer.ok()) response_ = protocol::ToProto(*answer);
          Finish(ToGrpc(StoreError(answer.status())));
        });
  }

  const FleetDependencies d_;
  v1::AggregateResponse& response_;
  const std::shared_ptr<std::atomic<bool>> claimed_ =
      std::make_shared<std::atomic<bool>>(false);
};

}  // namespace

grpc::ServerUnaryReactor* StartAggregate(const FleetDependencies& dependencies,
                                         grpc::CallbackServerContext* context,
                                         const v1::AggregateRequest& request,
                                         v1::AggregateResponse* response) {
  auto* reactor = new AggregateReactor(dependencies, *response);
  reactor->Begin(*context, request);
  return reactor;
}

}  // namespace shoal::coordinator
