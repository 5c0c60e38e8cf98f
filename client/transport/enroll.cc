#include <grpcpp/grpcpp.h>

#include <chrono>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "client/client_options.h"
#include "client/file_state.h"
#include "client/identity.h"
#include "client/include/shoal/client.h"
#include "client/transport/grpc_channel.h"
#include "protocol/certificates.h"
#include "protocol/credentials.h"
#include "protocol/messages.h"
#include "shoal/v1/fleet.grpc.pb.h"

namespace shoal {
namespace {

constexpr std::chrono::seconds kTimeout(30);

absl::StatusOr<v1::EnrollResponse> Call(const std::string& coordinator,
                                        const std::string& ca_pem,
                                        const v1::EnrollRequest& request) {
  const client::ChannelTls tls = {ca_pem, Secret(), ""};
  const auto stub = v1::Fleet::NewStub(client::MakeChannel(coordinator, &tls));
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kTimeout);
  v1::EnrollResponse response;
  SHOAL_RETURN_IF_ERROR(client::FromGrpc(
      stub->Enroll(&context, request, &response), coordinator));
  return response;
}

}  // namespace

absl::StatusOr<std::string> Enroll(const std::string& coordinator,
                                   const std::string& ca_pem,
                                   const std::string& invitation,
                                   const std::string& device_name,
                                   const std::string& state_folder) {
  SHOAL_RETURN_IF_ERROR(client::CheckAddress(coordinator));
  if (const absl::Status ca = protocol::CheckCertificate(ca_pem); !ca.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("ca_pem: ", ca.message()));
  }
  SHOAL_ASSIGN_OR_RETURN(const auto lock,
                         client::FolderLock::Take(state_folder));
  SHOAL_ASSIGN_OR_RETURN(const Secret key, client::LoadOrMakeKey(state_folder));
  v1::EnrollRequest request;
  request.mutable_protocol()->set_major(protocol::kProtocolVersion.major);
  request.mutable_protocol()->set_minor(protocol::kProtocolVersion.minor);
  request.set_invitation(invitation);
  request.set_device_name(device_name);
  SHOAL_ASSIGN_OR_RETURN(*request.mutable_certificate_request(),
                         protocol::MakeRequest(key, device_name));
  SHOAL_ASSIGN_OR_RETURN(const v1::EnrollResponse response,
                         Call(coordinator, ca_pem, request));
  absl::StatusOr<std::string> id = client::StoreCertificate(
      state_folder, key, response.certificate_pem(), ca_pem);
  if (id.ok()) return id;
  return absl::Status(id.status().code(),
                      absl::StrCat("coordinator ", coordinator,
                                   " answered with an unusable certificate: ",
                                   id.status().message()));
}

}  // namespace shoal
