// The HTTP port: for orchestrators /healthz (the process is alive), /readyz (it
// can serve; 503 and the reason otherwise) and /version; for people on the same
// machine the dashboard.
#ifndef SHOAL_COORDINATOR_OPERATIONS_HTTP_ENDPOINT_H_
#define SHOAL_COORDINATOR_OPERATIONS_HTTP_ENDPOINT_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace shoal::coordinator {

// What only callers on this machine get (a tunnel's end is one, too), and only
// under a name of this machine: 403 for others. A page of somebody else that a
// browser here has open cannot read it.
struct LocalPage {
  std::string path;  // "/"
  std::string type;  // "text/html"
  // Called on threads of the endpoint, several at a time; an error is answered
  // with 503.
  std::function<absl::StatusOr<std::string>()> content;
};

struct HttpEndpointOptions {
  std::string listen;                   // HOST:PORT
  std::function<absl::Status()> ready;  // called on threads of the endpoint
  std::string version;
  std::vector<LocalPage> pages = {};
};

// Serves on threads of its own until it dies. Plain HTTP: bind it to loopback
// or to a network of the operators.
class HttpEndpoint {
 public:
  // Errors of ParseHostPort and CheckCanListen.
  static absl::StatusOr<std::unique_ptr<HttpEndpoint>> Start(
      HttpEndpointOptions options);
  ~HttpEndpoint();
  HttpEndpoint(const HttpEndpoint&) = delete;
  HttpEndpoint& operator=(const HttpEndpoint&) = delete;

  // HOST:PORT with the port that it got.
  const std::string& address() const;

 private:
  struct State;
  explicit HttpEndpoint(std::unique_ptr<State> state);
  const std::unique_ptr<State> state_;
};

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_OPERATIONS_HTTP_ENDPOINT_H_
