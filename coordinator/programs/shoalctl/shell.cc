#include "coordinator/programs/shoalctl/shell.h"

#include <cstdio>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/host_port.h"
#include "base/program_error.h"
#include "base/status_macros.h"
#include "protocol/credentials.h"
#include "protocol/exit_code.h"
#include "protocol/json.h"
#include "protocol/refusal.h"
#include "protocol/wire.h"

namespace shoal::shoalctl {
namespace {

// gRPC's own would let a coordinator that is back wait for up to two minutes.
constexpr int kMaxReconnectPauseMs = 5000;

}  // namespace

int Shell::Run() {
  const absl::Status status = command_();
  if (status.ok()) return protocol::kExitOk;
  std::fflush(stdout);
  PrintError("shoalctl", status);
  return protocol::ExitCodeOf(status);
}

absl::StatusOr<v1::Admin::Stub*> Shell::Admin() {
  const absl::Status address =
      ParseServerAddress(options_.coordinator).status();
  if (!address.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--coordinator: ", address.message()));
  }
  if (stub_ == nullptr) {
    SHOAL_ASSIGN_OR_RETURN(const auto credentials, Credentials());
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kMaxReconnectPauseMs);
    stub_ = v1::Admin::NewStub(grpc::CreateCustomChannel(
        options_.coordinator, credentials, arguments));
  }
  return stub_.get();
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> Shell::Credentials()
    const {
  if (options_.insecure) return grpc::InsecureChannelCredentials();
  if (options_.credentials.empty()) {
    return absl::InvalidArgumentError(
        "no credentials: give --credentials DIR or set SHOAL_CREDENTIALS "
        "(`shoald --dev` makes them in DATA/operator, `shoalctl ca init` in "
        "DIR/operator)");
  }
  const std::string& folder = options_.credentials;
  const absl::StatusOr<protocol::Credentials> loaded =
      protocol::LoadCredentials(
          {folder + "/ca.pem", folder + "/certificate.pem",
           folder + "/key.pem"},
          protocol::Role::kOperator, absl::Now());
  if (absl::IsNotFound(loaded.status())) {
    return absl::InvalidArgumentError(
        absl::StrCat(loaded.status().message(),
                     "; --credentials expects a folder with ca.pem, "
                     "certificate.pem and key.pem, as `shoalctl ca init` makes "
                     "it"));
  }
  if (!loaded.ok()) return protocol::AsWrongInput(loaded.status());
  grpc::SslCredentialsOptions ssl;
  ssl.pem_root_certs = loaded->ca_pem;
  ssl.pem_cert_chain = loaded->leaf.certificate_pem;
  ssl.pem_private_key = std::string(loaded->leaf.key_pem.Reveal());
  return grpc::SslCredentials(ssl);
}

absl::Status Shell::FromCall(const grpc::Status& status,
                             absl::string_view request) {
  if (status.ok()) {
    reached_ = true;
    return absl::OkStatus();
  }
  const auto code = static_cast<absl::StatusCode>(status.error_code());
  // As a server dies, or one whose code has thrown answers.
  if (status.error_message().empty() && status.error_details().empty()) {
    return absl::Status(
        code, absl::StrCat(options_.coordinator, " ended the call (", request,
                           ") with ", absl::StatusCodeToString(code),
                           " and no word why; its log may tell more"));
  }
  const absl::Status error = protocol::StatusFromWire(
      code, status.error_message(), status.error_details());
  const bool refused = protocol::RefusalOf(error).has_value();
  if (!refused &&
      (absl::IsUnavailable(error) || absl::IsDeadlineExceeded(error))) {
    return Unreachable(status.error_message());
  }
  reached_ = true;
  return error;
}

absl::Status Shell::Unreachable(const std::string& why) const {
  const char* remedy = "is shoald running, and is the address right?";
  if (absl::StrContains(why, "DNS resolution failed")) {
    remedy = "is the host's name right, and can this machine look names up?";
  } else if (absl::StrContains(why, "andshake")) {
    remedy =
        "is ca.pem in the credentials that of this coordinator, and is its "
        "certificate for this host? Or does it run without TLS (--insecure)?";
    // A connection that was made and is lost was not configured wrongly.
  } else if (reached_ || !absl::StrContains(why, "onnect to all addresses")) {
    remedy = "does shoald still run?";
  } else if (!options_.insecure && absl::StrContains(why, "ocket closed")) {
    remedy = "does the coordinator run without TLS (--insecure)?";
  } else if (options_.insecure && absl::StrContains(why, "ocket closed")) {
    remedy = "does the coordinator run with TLS (--credentials)?";
  }
  return absl::UnavailableError(absl::StrCat(
      "cannot reach ", options_.coordinator, ": ", why, "; ", remedy));
}

void Shell::Print(const google::protobuf::Message& message,
                  const std::function<std::string()>& text) const {
  const std::string out = json() ? protocol::ToJsonText(message) : text();
  std::fwrite(out.data(), 1, out.size(), stdout);
}

void Shell::Print(const std::function<nlohmann::ordered_json()>& json_of,
                  const std::function<std::string()>& text) const {
  // Paths need not be UTF-8.
  const auto dump = [](const nlohmann::ordered_json& value) {
    return value.dump(2, ' ', false,
                      nlohmann::ordered_json::error_handler_t::replace) +
           "\n";
  };
  const std::string out = json() ? dump(json_of()) : text();
  std::fwrite(out.data(), 1, out.size(), stdout);
}

}  // namespace shoal::shoalctl
