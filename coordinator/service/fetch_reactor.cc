#include "coordinator/service/fetch_reactor.h"

#include <limits>

#include "absl/strings/str_cat.h"
#include "coordinator/service/grpc_status.h"
#include "coordinator/service/store_errors.h"
#include "protocol/refusal.h"

namespace shoal::coordinator {
namespace {

using protocol::RefusalCode;
using protocol::RefusalError;

class FetchReactor final : public grpc::ServerWriteReactor<v1::ModelChunk> {
 public:
  FetchReactor(const ModelSender& sender, grpc::CallbackServerContext& context,
               const Digest& digest, int64_t offset)
      : models_(sender.models),
        traffic_(sender.traffic),
        transfer_(sender.transfers, context),
        digest_(digest),
        offset_(offset) {
    WriteNext();
  }

  void OnWriteDone(bool ok) override {
    if (!ok) {
      Finish(grpc::Status(grpc::StatusCode::CANCELLED, "the caller went away"));
      return;
    }
    transfer_.Moved();
    traffic_.AddSent(chunk_.data().size());
    offset_ += chunk_.data().size();
    WriteNext();
  }

  void OnDone() override { delete this; }

 private:
  void WriteNext() {
    const absl::StatusOr<ModelCache::Bytes> bytes =
        models_.Read(digest_, offset_);
    if (!bytes.ok() || bytes->data.empty()) {
      Finish(ToGrpc(StoreError(bytes.status())));
      return;
    }
    chunk_.set_offset(offset_);
    chunk_.set_data(bytes->data.data(), bytes->data.size());
    StartWrite(&chunk_);
  }

  ModelCache& models_;
  Traffic& traffic_;
  TransferWatch::Transfer transfer_;
  const Digest digest_;
  int64_t offset_;
  v1::ModelChunk chunk_;  // reused
};

class RefusedFetch final : public grpc::ServerWriteReactor<v1::ModelChunk> {
 public:
  explicit RefusedFetch(const absl::Status& status) { Finish(ToGrpc(status)); }
  void OnDone() override { delete this; }
};

}  // namespace

grpc::ServerWriteReactor<v1::ModelChunk>* StartFetch(
    const FleetDependencies& dependencies, grpc::CallbackServerContext* context,
    const v1::FetchModelRequest& request) {
  const absl::StatusOr<DeviceIdentity> device =
      RequireDevice(dependencies, *context);
  if (!device.ok()) return RefuseModel(device.status());
  const absl::Status welcome =
      dependencies.engine.CheckNotForgotten(device->id);
  if (!welcome.ok()) return RefuseModel(welcome);
  return SendModel(
      {dependencies.models, dependencies.traffic, dependencies.transfers},
      context, request.digest(), request.offset());
}

grpc::ServerWriteReactor<v1::ModelChunk>* SendModel(
    const ModelSender& sender, grpc::CallbackServerContext* context,
    absl::string_view digest_bytes, uint64_t offset) {
  const absl::StatusOr<Digest> digest = Digest::FromBytes(digest_bytes);
  if (!digest.ok()) {
    return RefuseModel(
        RefusalError(RefusalCode::kBadRequest,
                     absl::StrCat("digest: ", digest.status().message())));
  }
  if (offset > std::numeric_limits<int64_t>::max()) {
    return RefuseModel(RefusalError(
        RefusalCode::kBadRequest,
        absl::StrCat("offset: ", offset, " lies beyond every model")));
  }
  return new FetchReactor(sender, *context, *digest,
                          static_cast<int64_t>(offset));
}

grpc::ServerWriteReactor<v1::ModelChunk>* RefuseModel(
    const absl::Status& status) {
  return new RefusedFetch(status);
}

}  // namespace shoal::coordinator
