#include "coordinator/service/upload_reactor.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "coordinator/service/grpc_status.h"
#include "coordinator/service/store_errors.h"
#include "protocol/refusal.h"
#include "protocol/wire.h"

namespace shoal::coordinator {
namespace {

using protocol::RefusalCode;
using protocol::RefusalError;

// Decides who ends a call: the engine with a receipt, or a caller who went
// away while waiting for it. It is shared with the engine's callback, which may
// outlive the reactor. Thread-safe; of all that return true only one does.
class Ending {
 public:
  bool Claim() SHOAL_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return ClaimLocked();
  }
  // All bytes are here; from now on a cancellation ends the call.
  bool WaitForReceipt() SHOAL_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    waiting_ = true;
    return cancelled_ && ClaimLocked();
  }
  bool Cancel() SHOAL_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    cancelled_ = true;
    return waiting_ && ClaimLocked();
  }

 private:
  bool ClaimLocked() SHOAL_REQUIRES(mutex_) {
    return !std::exchange(claimed_, true);
  }

  Mutex mutex_;
  bool claimed_ SHOAL_GUARDED_BY(mutex_) = false;
  bool waiting_ SHOAL_GUARDED_BY(mutex_) = false;
  bool cancelled_ SHOAL_GUARDED_BY(mutex_) = false;
};

// gRPC keeps the reactor alive until Finish() was called and the running
// reaction has returned; after that only who claims the ending may use it.
class UploadReactor final : public grpc::ServerReadReactor<v1::UploadRequest> {
 public:
  UploadReactor(const FleetDependencies& dependencies,
                grpc::CallbackServerContext& context,
                v1::UploadReceipt& response)
      : d_(dependencies),
        context_(context),
        response_(response),
        transfer_(dependencies.transfers, context) {
    StartRead(&request_);
  }

  void OnReadDone(bool ok) override {
    if (!ok) {
      OnReadsOver();
      return;
    }
    transfer_.Moved();
    const absl::Status status = Take();
    if (!status.ok()) {
      End(status);
    } else if (!ended_) {
      StartRead(&request_);
    }
  }

  void OnCancel() override {
    if (ending_->Cancel()) FinishCancelled();
  }

  void OnDone() override {
    EngineDriver& driver = d_.driver;
    delete this;
    driver.Poke();  // the engine may wait for uploads in progress
  }

 private:
  absl::Status Take() {
    switch (request_.part_case()) {
      case v1::UploadRequest::kHeader:
        return TakeHeader(request_.header());
      case v1::UploadRequest::kChunk:
        return TakeChunk(request_.chunk());
      case v1::UploadRequest::PART_NOT_SET:
        break;
    }
    return RefusalError(RefusalCode::kBadRequest,
                        "the message holds neither a header nor a chunk");
  }

  absl::Status TakeHeader(const v1::UploadHeader& proto) {
    if (stream_ != nullptr) {
      return RefusalError(RefusalCode::kBadRequest,
                          "a second header, expected a chunk");
    }
    SHOAL_ASSIGN_OR_RETURN(const DeviceIdentity device,
                           RequireDevice(d_, context_));
    SHOAL_ASSIGN_OR_RETURN(const protocol::UploadHeader header,
                           protocol::FromProto(proto));
    SHOAL_ASSIGN_OR_RETURN(
        UploadStart start,
        d_.engine.BeginUpload(device, header, d_.clock.Now()));
    if (start.receipt.has_value()) {
      End(*start.receipt);
    } else {
      stream_ = std::move(start.stream);
    }
    return absl::OkStatus();
  }

  absl::Status TakeChunk(const v1::UploadChunk& chunk) {
    if (stream_ == nullptr) {
      return RefusalError(RefusalCode::kBadRequest,
                          "a chunk before the header");
    }
    if (chunk.data().size() > protocol::kMaxChunkBytes) {
      return RefusalError(
          RefusalCode::kBadRequest,
          absl::StrCat("chunk.data: has ", chunk.data().size(),
                       " bytes, expected at most ", protocol::kMaxChunkBytes));
    }
    d_.traffic.AddReceived(chunk.data().size());
    // An offset beyond 2^63 becomes negative, which is never where we are.
    return stream_->Append(static_cast<int64_t>(chunk.offset()), chunk.data(),
                           chunk.crc32());
  }

  // The caller has sent everything, or is gone.
  void OnReadsOver() {
    transfer_.Rest();
    if (context_.IsCancelled()) {
      End(absl::CancelledError("the caller went away"));
      return;
    }
    if (stream_ == nullptr) {
      End(RefusalError(RefusalCode::kBadRequest, "the upload has no header"));
      return;
    }
    const std::unique_ptr<UploadStream> stream = std::move(stream_);
    const absl::Status status = stream->Finish(
        d_.clock.Now(),
        [this, ending = ending_](
            const absl::StatusOr<protocol::UploadReceipt>& receipt) {
          if (ending->Claim()) FinishWith(receipt);
        });
    if (!status.ok()) {
      End(status);
      return;
    }
    d_.driver.Poke();
    if (ending_->WaitForReceipt()) FinishCancelled();
  }

  void End(const absl::StatusOr<protocol::UploadReceipt>& receipt) {
    ended_ = true;
    if (ending_->Claim()) FinishWith(receipt);
  }

  void FinishWith(const absl::StatusOr<protocol::UploadReceipt>& receipt) {
    if (receipt.ok()) response_ = protocol::ToProto(*receipt);
    Finish(ToGrpc(StoreError(receipt.status())));
  }

  void FinishCancelled() {
    Finish(grpc::Status(grpc::StatusCode::CANCELLED, "the caller went away"));
  }

  const FleetDependencies d_;
  grpc::CallbackServerContext& context_;
  v1::UploadReceipt& response_;
  TransferWatch::Transfer transfer_;
  const std::shared_ptr<Ending> ending_ = std::make_shared<Ending>();
  v1::UploadRequest request_;  // reused
  std::unique_ptr<UploadStream> stream_;
  bool ended_ = false;  // used only while reading
};

}  // namespace

grpc::ServerReadReactor<v1::UploadRequest>* StartUpload(
    const FleetDependencies& dependencies, grpc::CallbackServerContext* context,
    v1::UploadReceipt* response) {
  return new UploadReactor(dependencies, *context, *response);
}

}  // namespace shoal::coordinator
