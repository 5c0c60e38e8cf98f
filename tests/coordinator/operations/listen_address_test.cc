#include "coordinator/operations/listen_address.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace shoal::coordinator {
namespace {

using ::shoal::testing::StatusIs;
using ::testing::HasSubstr;

// A socket that listens on a free port of 127.0.0.1.
class TakenPort {
 public:
  TakenPort() : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(listen(fd_, 1), 0);
    getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
  }
  ~TakenPort() { close(fd_); }
  int port() const { return port_; }

 private:
  const int fd_;
  int port_ = 0;
};

TEST(ListenAddressTest, FreePortPasses) {
  SHOAL_EXPECT_OK(CheckCanListen({"127.0.0.1", 0}));
}

TEST(ListenAddressTest, TakenPortIsNamed) {
  const TakenPort taken;
  EXPECT_THAT(CheckCanListen({"127.0.0.1", taken.port()}),
              StatusIs(absl::StatusCode::kAlreadyExists,
                       absl::StrCat("127.0.0.1:", taken.port(),
                                    " is in use by another program")));
}

TEST(ListenAddressTest, AddressOfAnotherMachineIsRefused) {
  EXPECT_THAT(CheckCanListen({"192.0.2.1", 7600}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("not an address of this machine")));
}

TEST(ListenAddressTest, UnknownHostIsRefused) {
  EXPECT_THAT(CheckCanListen({"no.such.host.invalid", 7600}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("no.such.host.invalid")));
}

}  // namespace
}  // namespace shoal::coordinator
