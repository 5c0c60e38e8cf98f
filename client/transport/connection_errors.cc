#include "client/transport/connection_errors.h"

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/human_duration.h"

namespace shoal::client {

absl::Status NotTrusted(absl::string_view coordinator) {
  return absl::UnavailableError(absl::StrCat(
      "certificate of coordinator ", coordinator,
      " is not signed by the CA that this device trusts, or not valid today, ",
      absl::FormatTime("%Y-%m-%d", absl::Now(), absl::UTCTimeZone()),
      " by this device's clock"));
}

absl::Status WrongName(absl::string_view coordinator) {
  return absl::UnavailableError(
      absl::StrCat("certificate of coordinator ", coordinator,
                   " is not valid for the name that this device connects to"));
}

absl::Status NoTls(absl::string_view coordinator) {
  return absl::UnavailableError(
      absl::StrCat("coordinator ", coordinator, " does not speak TLS"));
}

absl::Status Unreachable(absl::string_view coordinator, absl::string_view why) {
  return absl::UnavailableError(
      absl::StrCat("coordinator ", coordinator, " cannot be reached: ", why));
}

absl::Status NothingMoved(absl::string_view coordinator,
                          absl::Duration window) {
  return absl::UnavailableError(absl::StrCat("coordinator ", coordinator,
                                             ": nothing has moved for ",
                                             HumanDuration(window)));
}

absl::Status EndedTheCall(absl::string_view coordinator) {
  return absl::UnavailableError(
      absl::StrCat("coordinator ", coordinator, " ended the call"));
}

}  // namespace shoal::client
