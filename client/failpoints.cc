#include "client/failpoints.h"

#include <signal.h>
#include <unistd.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace shoal::client {
namespace {

struct NamedFailpoint {
  absl::string_view name;
  Failpoint place;
};

constexpr NamedFailpoint kFailpoints[] = {
    {"after_fetch", Failpoint::kAfterFetch},
    {"after_train", Failpoint::kAfterTrain},
    {"mid_upload", Failpoint::kMidUpload},
    {"before_receipt", Failpoint::kBeforeReceipt},
    {"forget_begun", Failpoint::kForgetBegun},
    {"forget_local_data", Failpoint::kForgetLocalData},
    {"forget_confirmed", Failpoint::kForgetConfirmed},
    {"forget_identity", Failpoint::kForgetIdentity},
};

}  // namespace

absl::StatusOr<Failpoints> Failpoints::Parse(absl::string_view name) {
  Failpoints failpoints;
  if (name.empty()) return failpoints;
  std::string known;
  for (const NamedFailpoint& row : kFailpoints) {
    if (row.name == name) {
      failpoints.armed_ = row.place;
      return failpoints;
    }
    absl::StrAppend(&known, known.empty() ? "" : ", ", row.name);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("unknown failpoint '", name, "', expected one of ", known));
}

void Failpoints::Reach(Failpoint place) const {
  if (armed_ == place) kill(getpid(), SIGKILL);
}

}  // namespace shoal::client
