#include "coordinator/operations/http_endpoint.h"

#include <arpa/inet.h>
#include <httplib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/host_port.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace shoal::coordinator {
namespace {

using ::shoal::testing::StatusIs;
using ::testing::HasSubstr;

std::vector<int> OpenConnections(const std::string& address, int count) {
  const HostPort to = *ParseHostPort(address);
  sockaddr_in name = {};
  name.sin_family = AF_INET;
  name.sin_port = htons(static_cast<uint16_t>(to.port));
  inet_pton(AF_INET, to.host.c_str(), &name.sin_addr);
  std::vector<int> sockets;
  for (int i = 0; i < count; ++i) {
    sockets.push_back(socket(AF_INET, SOCK_STREAM, 0));
    EXPECT_EQ(connect(sockets.back(), reinterpret_cast<sockaddr*>(&name),
                      sizeof name),
              0);
  }
  return sockets;
}

HttpEndpointOptions Options() {
  HttpEndpointOptions options;
  options.listen = "127.0.0.1:0";
  options.ready = [] { return absl::OkStatus(); };
  options.version = "1.2.3";
  return options;
}

TEST(HttpEndpointTest, LivingProcessIsHealthy) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto endpoint,
                             HttpEndpoint::Start(Options()));
  const auto answer =
      httplib::Client("http://" + endpoint->address()).Get("/healthz");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->body, "ok\n");
}

TEST(HttpEndpointTest, ReadinessFollowsItsCheckAndSaysWhyNot) {
  std::atomic<bool> full = false;
  HttpEndpointOptions options = Options();
  options.ready = [&full] {
    return full ? absl::ResourceExhaustedError("the disk is full")
                : absl::OkStatus();
  };
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto endpoint, HttpEndpoint::Start(options));
  httplib::Client client("http://" + endpoint->address());
  EXPECT_EQ(client.Get("/readyz")->status, 200);
  full = true;
  const auto answer = client.Get("/readyz");
  EXPECT_EQ(answer->status, 503);
  EXPECT_THAT(answer->body, HasSubstr("the disk is full"));
}

TEST(HttpEndpointTest, VersionIsTold) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto endpoint,
                             HttpEndpoint::Start(Options()));
  EXPECT_EQ(
      httplib::Client("http://" + endpoint->address()).Get("/version")->body,
      "1.2.3\n");
}

TEST(HttpEndpointTest, UnknownPathsAreNotFound) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto endpoint,
                             HttpEndpoint::Start(Options()));
  EXPECT_EQ(httplib::Client("http://" + endpoint->address()).Get("/x")->status,
            404);
}

HttpEndpointOptions WithPage() {
  HttpEndpointOptions options = Options();
  options.pages.push_back(
      {"/", "text/html",
       []() -> absl::StatusOr<std::string> { return "<p>page</p>"; }});
  return options;
}

TEST(HttpEndpointTest, PageIsServedToThisMachine) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto endpoint,
                             HttpEndpoint::Start(WithPage()));
  const auto answer = httplib::Client("http://" + endpoint->address()).Get("/");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->body, "<p>page</p>");
  EXPECT_EQ(answer->get_header_value("Content-Type"), "text/html");
  EXPECT_EQ(answer->get_header_value("Cache-Control"), "no-store");
  EXPECT_THAT(answer->get_header_value("Content-Security-Policy"),
              HasSubstr("default-src 'none'"));
}

TEST(HttpEndpointTest, PageIsNotServedUnderOtherNames) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto endpoint,
                             HttpEndpoint::Start(WithPage()));
  httplib::Client client("http://" + endpoint->address());
  const auto answer = client.Get("/", {{"Host", "shoald.example"}});
  EXPECT_EQ(answer->status, 403);
  EXPECT_THAT(answer->body, HasSubstr("ssh -L"));
  // Probes come under any name.
  EXPECT_EQ(client.Get("/healthz", {{"Host", "shoald.example"}})->status, 200);
}

TEST(HttpEndpointTest, PageThatCannotBeMadeSaysWhy) {
  HttpEndpointOptions options = Options();
  options.pages.push_back(
      {"/", "text/html", []() -> absl::StatusOr<std::string> {
         return absl::UnavailableError("the disk is full");
       }});
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto endpoint, HttpEndpoint::Start(options));
  const auto answer = httplib::Client("http://" + endpoint->address()).Get("/");
  EXPECT_EQ(answer->status, 503);
  EXPECT_EQ(answer->body, "the disk is full\n");
}

// With the port that it has.
TEST(HttpEndpointTest, WhoIsRefusedIsToldATunnel) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto endpoint,
                             HttpEndpoint::Start(WithPage()));
  httplib::Client client("http://" + endpoint->address());
  const std::string port =
      absl::StrCat(ParseHostPort(endpoint->address())->port);
  EXPECT_THAT(client.Get("/", {{"Host", "shoald.example"}})->body,
              HasSubstr("ssh -L " + port + ":localhost:" + port + " MACHINE"));
}

// The parts of many ranges would be put together in memory.
TEST(HttpEndpointTest, PartsOfAPageAreNotServed) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto endpoint,
                             HttpEndpoint::Start(WithPage()));
  httplib::Client client("http://" + endpoint->address());
  std::string ranges = "bytes=0-";
  for (int i = 0; i < 1000; ++i) ranges += ",0-";
  for (const std::string& range : {std::string("bytes=0-1"), ranges}) {
    for (const char* path : {"/", "/healthz"}) {
      const auto answer = client.Get(path, {{"Range", range}});
      ASSERT_TRUE(answer);
      EXPECT_EQ(answer->status, 416);
      EXPECT_LT(answer->body.size(), 100u);
    }
  }
}

// Sends a byte from time to time, and never a whole request.
TEST(HttpEndpointTest, SlowClientsAreCutAndDoNotHoldUpTheEnd) {
  SHOAL_ASSERT_OK_AND_ASSIGN(auto endpoint, HttpEndpoint::Start(WithPage()));
  const int socket = OpenConnections(endpoint->address(), 1)[0];
  const auto send_byte = [socket](char byte) {
    return send(socket, &byte, 1, MSG_NOSIGNAL) == 1;
  };
  for (const char byte : std::string("GET / HTTP/1.1\r\nX: ")) {
    ASSERT_TRUE(send_byte(byte));
  }
  // The first byte that comes after the end is refused, the second one noticed.
  bool is_open = true;
  for (int i = 0; i < 300 && is_open; ++i) {
    is_open = send_byte('x');
    absl::SleepFor(absl::Milliseconds(100));
  }
  EXPECT_FALSE(is_open);
  close(socket);

  const std::vector<int> silent = OpenConnections(endpoint->address(), 3);
  absl::SleepFor(absl::Milliseconds(50));
  const absl::Time begin = absl::Now();
  endpoint.reset();
  EXPECT_LT(absl::Now() - begin, absl::Milliseconds(4500));
  for (const int each : silent) close(each);
}

// Browsers open some and say nothing on them.
TEST(HttpEndpointTest, SilentConnectionsDoNotHoldUpProbes) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto endpoint,
                             HttpEndpoint::Start(Options()));
  const std::vector<int> silent = OpenConnections(endpoint->address(), 12);
  httplib::Client client("http://" + endpoint->address());
  client.set_read_timeout(2);
  const auto answer = client.Get("/healthz");
  for (const int socket : silent) close(socket);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200);
}

TEST(HttpEndpointTest, PortOfAnotherEndpointIsTaken) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto first, HttpEndpoint::Start(Options()));
  HttpEndpointOptions options = Options();
  options.listen = first->address();
  EXPECT_THAT(HttpEndpoint::Start(options),
              StatusIs(absl::StatusCode::kAlreadyExists,
                       HasSubstr("is in use by another program")));
}

}  // namespace
}  // namespace shoal::coordinator
