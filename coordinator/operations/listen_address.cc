#include "coordinator/operations/listen_address.h"

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status_macros.h"

namespace shoal::coordinator {
namespace {

struct AddressInfoFreer {
  void operator()(addrinfo* info) const { freeaddrinfo(info); }
};
using AddressInfo = std::unique_ptr<addrinfo, AddressInfoFreer>;

absl::StatusOr<AddressInfo> Resolve(const HostPort& address) {
  addrinfo hints = {};
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(
      address.host.c_str(), absl::StrCat(address.port).c_str(), &hints, &found);
  if (error != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot listen on ", address.ToString(), ": the host '",
                     address.host, "' is unknown: ", gai_strerror(error)));
  }
  return AddressInfo(found);
}

absl::Status BindError(int error, const HostPort& address) {
  const std::string text = address.ToString();
  switch (error) {
    case EADDRINUSE:
      return absl::AlreadyExistsError(
          absl::StrCat(text, " is in use by another program"));
    case EACCES:
      return absl::PermissionDeniedError(
          absl::StrCat("cannot listen on ", text,
                       ": ports below 1024 need a privilege; choose another"));
    case EADDRNOTAVAIL:
      return absl::InvalidArgumentError(
          absl::StrCat("cannot listen on ", text, ": ", address.host,
                       " is not an address of this machine"));
    default:
      return ErrnoStatus(error, text, "bind");
  }
}

}  // namespace

absl::Status CheckCanListen(const HostPort& address) {
  SHOAL_ASSIGN_OR_RETURN(const AddressInfo info, Resolve(address));
  const int fd = socket(info->ai_family, info->ai_socktype | SOCK_CLOEXEC,
                        info->ai_protocol);
  if (fd < 0) return ErrnoStatus(errno, address.ToString(), "socket");
  const int yes = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  absl::Status status;
  if (bind(fd, info->ai_addr, info->ai_addrlen) != 0 || listen(fd, 1) != 0) {
    status = BindError(errno, address);
  }
  close(fd);
  return status;
}

}  // namespace shoal::coordinator
