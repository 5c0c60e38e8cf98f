// The rows of the memory store that outlive rounds and tasks: devices,
// populations, invitations, keys.
#ifndef SHOAL_COORDINATOR_STORE_MEMORY_DEVICES_H_
#define SHOAL_COORDINATOR_STORE_MEMORY_DEVICES_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "coordinator/engine/rows.h"

namespace shoal::coordinator {

// Thread-compatible. The methods are those of RoundStore with the same names.
class MemoryDevices {
 public:
  absl::Status UpsertDevice(const DeviceRow& device);
  void TouchDevice(const DeviceSighting& sighting);
  absl::StatusOr<DeviceRow> GetDevice(const std::string& id) const;
  absl::StatusOr<DeviceRow> FindDevice(const std::string& text) const;
  std::vector<DeviceRow> ListDevices(int limit,
                                     const std::string& after_id) const;
  int64_t CountDevices(absl::Time seen_since) const;

  Participation GetParticipation(const std::string& population,
                                 const std::string& task,
                                 const std::string& device_id) const;
  // The task has committed this version, with these contributors; those that
  // have been forgotten leave no trace.
  void RecordParticipation(const TaskRow& task, int64_t version,
                           absl::Span<const ContributionRow> contributions);
  // The device is not forgotten.
  void RecordFault(const FaultRow& fault);
  std::vector<FaultRow> ListFaults(const std::string& device_id,
                                   int64_t round_id, int limit) const;
  void ForgetDevice(const std::string& device_id);
  bool IsForgotten(absl::string_view device_id) const;

  absl::Status CreateInvitation(const InvitationRow& row);
  absl::Status UseInvitation(const Digest& token_hash,
                             const std::string& device_id, absl::Time now);

  std::vector<TokenKeyRow> ListTokenKeys() const;
  absl::Status AddTokenKey(const TokenKeyRow& row);
  void DeleteTokenKeysBefore(int64_t id);

 private:
  struct Population {
    int64_t committed_rounds = 0;
    absl::flat_hash_map<std::string, int64_t> last_contributions;  // by id
  };

  // By id. Every check-in looks one up; lists, which people ask for, are sorted
  // when they are made.
  absl::flat_hash_map<std::string, DeviceRow> devices_;
  std::set<Digest> forgotten_;  // fingerprints
  std::map<std::string, Population> populations_;
  // Of tasks with privacy, by device id: the newest version it is in.
  std::map<std::string, absl::flat_hash_map<std::string, int64_t>>
      last_versions_;
  std::map<std::pair<std::string, int64_t>, FaultRow> faults_;  // device, round
  std::map<Digest, InvitationRow> invitations_;
  std::set<std::pair<Digest, std::string>> invitation_uses_;  // by device id
  std::map<int64_t, TokenKeyRow> token_keys_;
};

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_STORE_MEMORY_DEVICES_H_
