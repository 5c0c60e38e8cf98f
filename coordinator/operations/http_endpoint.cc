#include "coordinator/operations/http_endpoint.h"

#include <httplib.h>

#include <atomic>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "coordinator/operations/listen_address.h"
#include "coordinator/operations/local_call.h"
#include "coordinator/operations/timed_server.h"

namespace shoal::coordinator {
namespace {

// A connection on which nothing is said, or slowly, has a thread for 5 s: so
// many of them hold up probes that long.
constexpr int kThreads = 32;
constexpr char kText[] = "text/plain; charset=utf-8";

// Scripts, styles and data of this port alone, and in nobody's frame.
constexpr char kPolicy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src "
    "'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

// Two programs must not share the port, which the library would allow.
void UseExclusivePort(socket_t socket) {
  const int yes = 1;
  setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
}

void Serve(const LocalPage& page, const httplib::Request& request,
           httplib::Response& out) {
  out.set_header("Cache-Control", "no-store");
  out.set_header("Content-Security-Policy", kPolicy);
  out.set_header("X-Content-Type-Options", "nosniff");
  if (!IsLocalCall(request.remote_addr, request.get_header_value("Host"))) {
    out.status = 403;
    const std::string here = absl::StrCat("localhost:", request.local_port);
    out.set_content(
        absl::StrCat("the dashboard is for callers on the coordinator's own "
                     "machine, as localhost; from elsewhere: ssh -L ",
                     request.local_port, ":", here, " MACHINE, then http://",
                     here, "/\n"),
        kText);
    return;
  }
  const absl::StatusOr<std::string> content = page.content();
  if (content.ok()) {
    out.set_content(*content, page.type);
    return;
  }
  out.status = 503;
  out.set_content(absl::StrCat(content.status().message(), "\n"), kText);
}

void Configure(httplib::Server& server, const HttpEndpointOptions& options) {
  server.new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
  server.set_socket_options(UseExclusivePort);
  // The library puts the parts of a range together in memory, however often
  // one asks for the same.
  server.set_pre_routing_handler(
      [](const httplib::Request& request, httplib::Response& out) {
        if (!request.has_header("Range")) {
          return httplib::Server::HandlerResponse::Unhandled;
        }
        out.status = 416;
        out.set_header("Accept-Ranges", "none");
        return httplib::Server::HandlerResponse::Handled;
      });
  server.set_payload_max_length(1024);
  server.Get("/healthz", [](const httplib::Request&, httplib::Response& out) {
    out.set_content("ok\n", kText);
  });
  server.Get("/readyz", [ready = options.ready](const httplib::Request&,
                                                httplib::Response& out) {
    const absl::Status status = ready();
    out.status = status.ok() ? 200 : 503;
    out.set_content(status.ok()
                        ? "ok\n"
                        : absl::StrCat("not ready: ", status.message(), "\n"),
                    kText);
  });
  server.Get("/version", [version = options.version](const httplib::Request&,
                                                     httplib::Response& out) {
    out.set_content(version + "\n", kText);
  });
  for (const LocalPage& page : options.pages) {
    server.Get(page.path,
               [page](const httplib::Request& request, httplib::Response& out) {
                 Serve(page, request, out);
               });
  }
}

}  // namespace

struct HttpEndpoint::State {
  TimedServer server;
  std::string address;
  std::atomic<bool> ended = false;
  std::thread thread;
};

HttpEndpoint::HttpEndpoint(std::unique_ptr<State> state)
    : state_(std::move(state)) {}

absl::StatusOr<std::unique_ptr<HttpEndpoint>> HttpEndpoint::Start(
    HttpEndpointOptions options) {
  SHOAL_ASSIGN_OR_RETURN(HostPort address, ParseHostPort(options.listen));
  SHOAL_RETURN_IF_ERROR(CheckCanListen(address));
  auto state = std::make_unique<State>();
  Configure(state->server, options);
  if (address.port == 0) {
    address.port = state->server.bind_to_any_port(address.host);
  } else if (!state->server.bind_to_port(address.host, address.port)) {
    address.port = -1;
  }
  if (address.port < 0) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", options.listen));
  }
  state->address = address.ToString();
  state->thread = std::thread([state = state.get()] {
    state->server.listen_after_bind();
    state->ended = true;
  });
  // stop() does nothing to a server that has not begun to listen.
  while (!state->server.is_running() && !state->ended) {
    std::this_thread::yield();
  }
  return std::unique_ptr<HttpEndpoint>(new HttpEndpoint(std::move(state)));
}

HttpEndpoint::~HttpEndpoint() {
  state_->server.stop();
  state_->server.CutConnections();
  state_->thread.join();
}

const std::string& HttpEndpoint::address() const { return state_->address; }

}  // namespace shoal::coordinator
