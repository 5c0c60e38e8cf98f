#include "coordinator/operations/http_endpoint.h"

#include <httplib.h>

#include <atomic>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace shoal::coordinator {
namespace {

using ::shoal::testing::StatusIs;
using ::testing::HasSubstr;

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
