#include "tests/client/transport/fleet_server.h"

#include <chrono>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/check.h"
#include "protocol/wire.h"

namespace shoal::testing {
namespace {

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()),
                      std::string(status.message()),
                      protocol::ErrorDetails(status));
}

// There is no event to wait for: the synchronous API only offers to ask.
grpc::Status AwaitCaller(const grpc::ServerContext& context) {
  while (!context.IsCancelled()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return grpc::Status::CANCELLED;
}

Digest DigestOf(const std::string& bytes) {
  const auto digest = Digest::FromBytes(bytes);
  SHOAL_CHECK(digest.ok());
  return *digest;
}

}  // namespace

grpc::Status FleetService::Enroll(grpc::ServerContext* context,
                                  const v1::EnrollRequest* request,
                                  v1::EnrollResponse* response) {
  if (!ca_.has_value() || request->invitation() != "welcome") {
    return ToGrpc(protocol::RefusalError(
        protocol::RefusalCode::kInvitationInvalid, "unknown invitation"));
  }
  const auto certificate = protocol::SignDeviceRequest(
      *ca_, request->certificate_request(), request->device_name(), absl::Now(),
      absl::Hours(1));
  if (!certificate.ok()) return ToGrpc(certificate.status());
  const auto identity = protocol::ReadIdentity(*certificate);
  if (!identity.ok()) return ToGrpc(identity.status());
  response->set_certificate_pem(*certificate);
  response->set_ca_pem(ca_->certificate_pem);
  response->set_device_id(identity->id);
  return grpc::Status::OK;
}

grpc::Status FleetService::CheckIn(grpc::ServerContext* context,
                                   const v1::CheckInRequest* request,
                                   v1::CheckInResponse* response) {
  {
    MutexLock lock(mutex_);
    saw_check_in_ = true;
    changed_.NotifyAll();
  }
  if (silent_check_in_) return AwaitCaller(*context);
  const auto name = context->client_metadata().find("shoal-insecure-device");
  if (name != context->client_metadata().end()) {
    MutexLock lock(mutex_);
    insecure_device_ = std::string(name->second.data(), name->second.size());
  }
  const auto message = protocol::FromProto(*request);
  if (!message.ok()) return ToGrpc(message.status());
  *response = protocol::ToProto(fleet_.CheckIn(*message));
  return grpc::Status::OK;
}

grpc::Status FleetService::FetchModel(
    grpc::ServerContext* context, const v1::FetchModelRequest* request,
    grpc::ServerWriter<v1::ModelChunk>* writer) {
  constexpr size_t kChunk = 4096;
  {
    MutexLock lock(mutex_);
    saw_fetch_ = true;
    changed_.NotifyAll();
  }
  const auto bytes = fleet_.ReadModel(DigestOf(request->digest()),
                                      static_cast<int64_t>(request->offset()));
  if (!bytes.ok()) return ToGrpc(bytes.status());
  for (size_t at = 0; at < bytes->size(); at += kChunk) {
    v1::ModelChunk chunk;
    chunk.set_offset(request->offset() + at);
    chunk.set_data(bytes->substr(at, kChunk));
    if (!writer->Write(chunk)) return grpc::Status::CANCELLED;
  }
  return grpc::Status::OK;
}

grpc::Status FleetService::QueryUpload(grpc::ServerContext* context,
                                       const v1::QueryUploadRequest* request,
                                       v1::QueryUploadResponse* response) {
  const auto progress =
      fleet_.QueryUpload(request->token(), DigestOf(request->digest()));
  if (!progress.ok()) return ToGrpc(progress.status());
  *response = protocol::ToProto(*progress);
  return grpc::Status::OK;
}

grpc::Status FleetService::Upload(grpc::ServerContext* context,
                                  grpc::ServerReader<v1::UploadRequest>* reader,
                                  v1::UploadReceipt* response) {
  v1::UploadRequest request;
  if (!reader->Read(&request) || !request.has_header()) {
    return grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "no header");
  }
  const auto header = protocol::FromProto(request.header());
  if (!header.ok()) return ToGrpc(header.status());
  const absl::Status begun = fleet_.BeginUpload(*header);
  if (!begun.ok()) return ToGrpc(begun);
  while (reader->Read(&request)) {
    const v1::UploadChunk& chunk = request.chunk();
    if (Crc32(chunk.data()) != chunk.crc32()) {
      return ToGrpc(protocol::RefusalError(protocol::RefusalCode::kChunkCorrupt,
                                           "wrong checksum"));
    }
    const int64_t offset = static_cast<int64_t>(chunk.offset());
    const absl::Status taken =
        fleet_.AppendUpload(header->token, offset, chunk.data());
    if (!taken.ok()) return ToGrpc(taken);
    MutexLock lock(mutex_);
    chunks_.push_back({offset, static_cast<int64_t>(chunk.data().size())});
    changed_.NotifyAll();
  }
  if (silent_receipt_) return AwaitCaller(*context);
  const auto receipt = fleet_.FinishUpload(*header);
  if (!receipt.ok()) return ToGrpc(receipt.status());
  *response = protocol::ToProto(*receipt);
  return grpc::Status::OK;
}

grpc::Status FleetService::Aggregate(grpc::ServerContext* context,
                                     const v1::AggregateRequest* request,
                                     v1::AggregateResponse* response) {
  const auto message = protocol::FromProto(*request);
  if (!message.ok()) return ToGrpc(message.status());
  const auto answer = fleet_.Aggregate(*message);
  if (!answer.ok()) return ToGrpc(answer.status());
  *response = protocol::ToProto(*answer);
  return grpc::Status::OK;
}

grpc::Status FleetService::Abandon(grpc::ServerContext* context,
                                   const v1::AbandonRequest* request,
                                   v1::AbandonResponse* response) {
  const auto reason = protocol::FromProto(request->reason());
  if (!reason.ok()) return ToGrpc(reason.status());
  const auto delay = fleet_.Abandon(request->token(), *reason);
  if (!delay.ok()) return ToGrpc(delay.status());
  *response->mutable_next_check_in() = protocol::ToProto(*delay);
  return grpc::Status::OK;
}

grpc::Status FleetService::Forget(grpc::ServerContext* context,
                                  const v1::ForgetRequest*,
                                  v1::ForgetResponse*) {
  fleet_.Forget();
  return grpc::Status::OK;
}

FleetServer::FleetServer(FleetService& service,
                         const protocol::KeyAndCertificate* tls,
                         const std::string& client_ca_pem) {
  std::shared_ptr<grpc::ServerCredentials> credentials =
      grpc::InsecureServerCredentials();
  if (tls != nullptr) {
    grpc::SslServerCredentialsOptions options(
        GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY);
    options.pem_root_certs = client_ca_pem;
    options.pem_key_cert_pairs.push_back(
        {std::string(tls->key_pem.Reveal()), tls->certificate_pem});
    credentials = grpc::SslServerCredentials(options);
  }
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", credentials, &port_);
  builder.RegisterService(&service);
  server_ = builder.BuildAndStart();
  SHOAL_CHECK(server_ != nullptr && port_ != 0);
}

FleetServer::~FleetServer() {
  server_->Shutdown(std::chrono::system_clock::now());
}

std::string FleetServer::address() const {
  return absl::StrCat("127.0.0.1:", port_);
}

}  // namespace shoal::testing
