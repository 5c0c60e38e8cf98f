#include "client/client_options.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace shoal::client {
namespace {

using ::testing::StartsWith;
using testing::StatusIs;

ClientOptions Good() {
  ClientOptions options;
  options.coordinator = "fleet.example.org:7600";
  options.state_folder = "/var/lib/shoal";
  options.population = "handwriting";
  return options;
}

void ExpectNamed(const ClientOptions& options, const char* option) {
  EXPECT_THAT(CheckOptions(options),
              StatusIs(absl::StatusCode::kInvalidArgument, StartsWith(option)));
}

TEST(ClientOptionsTest, GoodOptionsPass) {
  SHOAL_EXPECT_OK(CheckOptions(Good()));
}

TEST(ClientOptionsTest, AddressNeedsHostAndPort) {
  for (const char* wrong :
       {"", "host", ":7600", "host:", "host:0", "host:65536", "host:port"}) {
    ClientOptions options = Good();
    options.coordinator = wrong;
    ExpectNamed(options, "coordinator: ");
  }
  SHOAL_EXPECT_OK(CheckAddress("[::1]:7600"));
}

TEST(ClientOptionsTest, WrongOptionIsNamed) {
  ClientOptions options = Good();
  options.state_folder = "";
  ExpectNamed(options, "state_folder: ");
  options = Good();
  options.population = "Hand writing";
  ExpectNamed(options, "population: ");
  options = Good();
  options.memory_bytes = -1;
  ExpectNamed(options, "memory_bytes: ");
  options = Good();
  options.max_backoff = absl::ZeroDuration();
  ExpectNamed(options, "max_backoff: ");
  options = Good();
  options.idle_window = -absl::Seconds(1);
  ExpectNamed(options, "idle_window: ");
}

}  // namespace
}  // namespace shoal::client
