#include "client/menu/upload_work.h"

#include "base/status_macros.h"
#include "learning/update_codec.h"
#include "privacy/differential_privacy/update_noise.h"
#include "privacy/secure_aggregation/session_plan.h"
#include "protocol/secure_update.h"

namespace shoal::client {
namespace {

using secure_aggregation::SessionPlan;

// Of a group's messages, for each neighbour: the sealed shares with their three
// hashes, and the share that is revealed in the end.
constexpr double kSentPerNeighbor = 300;
// Its keys, and the shares that it dealt with their hashes.
constexpr double kReceivedPerNeighbor = 320;
// Where they are signed: its name, its certificate, a path in the tree of its
// shares and three signatures.
constexpr double kSignedPerNeighbor = 1600;
// What does not depend on neighbours: keys and frames of the calls; where they
// are signed, the device's own certificate.
constexpr double kExchangeBytes = 1024;
constexpr double kCertificateBytes = 1024;

// The round's name is not known yet, and changes no length.
absl::StatusOr<protocol::SecureUpdate> UpdateOf(const protocol::Plan& plan,
                                                int64_t num_values) {
  protocol::Assignment assignment;
  assignment.plan = plan;
  return protocol::SecureUpdate::Create(SecureRoundOf(assignment, num_values));
}

absl::StatusOr<int64_t> LocalNoiseBytes(const protocol::Plan& plan,
                                        int64_t num_values) {
  if (!plan.device_noise.has_value()) return 0;
  SHOAL_ASSIGN_OR_RETURN(
      const privacy::UpdateNoise noise,
      privacy::UpdateNoise::Create(plan.norm_bound, num_values,
                                   plan.device_noise->noise_multiplier));
  return noise.WorkingBytes() +
         num_values * static_cast<int64_t>(sizeof(float));
}

}  // namespace

absl::StatusOr<Work> UploadWork(const protocol::Plan& plan,
                                int64_t num_values) {
  Work work;
  // Training takes long enough for the connection to be closed.
  work.connections = 1;
  if (!plan.secure_aggregation.has_value()) {
    work.bytes_sent = static_cast<double>(
        learning::EncodedUpdateBytes(plan.codec, num_values));
    return work;
  }
  SHOAL_ASSIGN_OR_RETURN(const protocol::SecureUpdate update,
                         UpdateOf(plan, num_values));
  const SessionPlan& session = update.session();
  SHOAL_ASSIGN_OR_RETURN(
      const secure_aggregation::GraphParameters group,
      secure_aggregation::GroupParameters(session, session.max_group));
  const double neighbors = group.num_neighbors;
  work.bytes_sent =
      static_cast<double>(protocol::MaskedUploadBytes(session, 0)) +
      kExchangeBytes + neighbors * kSentPerNeighbor;
  work.bytes_received = kExchangeBytes + neighbors * kReceivedPerNeighbor;
  if (session.is_signed()) {
    work.bytes_sent += kCertificateBytes;
    work.bytes_received += neighbors * kSignedPerNeighbor;
  }
  return work;
}

bool MaySend(const protocol::Plan& plan, const Work& upload) {
  return !plan.limits.upload_bytes.has_value() ||
         upload.bytes_sent <= static_cast<double>(*plan.limits.upload_bytes);
}

absl::StatusOr<int64_t> MaskingBytes(const protocol::Plan& plan,
                                     int64_t num_values) {
  if (!plan.secure_aggregation.has_value()) {
    return LocalNoiseBytes(plan, num_values);
  }
  SHOAL_ASSIGN_OR_RETURN(const protocol::SecureUpdate update,
                         UpdateOf(plan, num_values));
  return update.MaskingBytes();
}

}  // namespace shoal::client
