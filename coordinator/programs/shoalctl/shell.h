// What all commands of shoalctl share: the global options, the connection and
// the way errors end the program.
#ifndef SHOAL_COORDINATOR_PROGRAMS_SHOALCTL_SHELL_H_
#define SHOAL_COORDINATOR_PROGRAMS_SHOALCTL_SHELL_H_

#include <grpcpp/grpcpp.h>

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "google/protobuf/message.h"
#include "shoal/v1/admin.grpc.pb.h"

namespace shoal::shoalctl {

struct GlobalOptions {
  std::string coordinator = "127.0.0.1:7600";
  std::string credentials;  // folder with ca.pem, certificate.pem, key.pem
  bool insecure = false;
  bool json = false;
};

// One run of the program. Thread-compatible.
class Shell {
 public:
  GlobalOptions& options() { return options_; }
  bool json() const { return options_.json; }

  // Commands are parsed first and run afterwards.
  void SetCommand(std::function<absl::Status()> command) {
    command_ = std::move(command);
  }
  // Runs the command; prints its error. Returns the exit code.
  int Run();

  static constexpr absl::Duration kCallTimeout = absl::Seconds(30);

  // Calls the coordinator:
  //   shell.Call(&v1::Admin::Stub::GetTask, request, response)
  template <typename Request, typename Response>
  absl::Status Call(grpc::Status (v1::Admin::Stub::*method)(
                        grpc::ClientContext*, const Request&, Response*),
                    const Request& request, Response& response,
                    absl::Duration timeout = kCallTimeout) {
    const absl::StatusOr<v1::Admin::Stub*> stub = Admin();
    if (!stub.ok()) return stub.status();
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + timeout));
    return FromCall(((*stub)->*method)(&context, request, &response),
                    Request::descriptor()->name());
  }

  // For streams, which have no deadline.
  absl::StatusOr<v1::Admin::Stub*> Admin();
  // The next call opens a new connection: one that was lost takes its time to
  // notice that the coordinator is back.
  void Disconnect() { stub_.reset(); }
  // The error of a call with that request, with a remedy.
  absl::Status FromCall(const grpc::Status& status, absl::string_view request);

  // With --json prints the message, otherwise what `text` returns.
  void Print(const google::protobuf::Message& message,
             const std::function<std::string()>& text) const;
  // The same with JSON that is no message of the schema.
  void Print(const std::function<nlohmann::ordered_json()>& json,
             const std::function<std::string()>& text) const;

 private:
  absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> Credentials() const;
  absl::Status Unreachable(const std::string& why) const;

  GlobalOptions options_;
  std::function<absl::Status()> command_;
  std::unique_ptr<v1::Admin::Stub> stub_;
  bool reached_ = false;  // the coordinator has answered a call
};

}  // namespace shoal::shoalctl

#endif  // SHOAL_COORDINATOR_PROGRAMS_SHOALCTL_SHELL_H_
