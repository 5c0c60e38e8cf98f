// The rows of a RoundStore. Plain value types; times are wall-clock times with
// microseconds, InfinitePast where something has not happened.
#ifndef SHOAL_COORDINATOR_ENGINE_ROWS_H_
#define SHOAL_COORDINATOR_ENGINE_ROWS_H_

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/digest.h"
#include "base/secret.h"

namespace shoal::coordinator {

// Numbers are those of the database: never reuse one.
enum class TaskState { kActive = 1, kPaused = 2, kStopped = 3, kCompleted = 4 };
enum class RoundState {
  kOpen = 1,
  kCollecting = 2,
  kSealed = 3,
  kRevealed = 4,
  kCommitted = 5,
  kFailed = 6,
};
absl::string_view ToString(TaskState state);   // "active", …
absl::string_view ToString(RoundState state);  // "collecting", …
bool IsFinal(TaskState state);                 // stopped, completed
bool IsFinal(RoundState state);                // committed, failed

// The right to move a task's time forward, and its fence.
struct Lease {
  std::string task;
  std::string holder;
  int64_t epoch = 0;
};

struct TaskRow {
  std::string name;
  std::string population;
  std::string definition;  // serialised shoal.v1.Task
  TaskState state = TaskState::kActive;
  int64_t rounds = 0;  // committed rounds after which it completes
  int64_t rounds_committed = 0;
  int64_t rounds_failed = 0;
  int64_t rounds_failed_in_a_row = 0;
  Digest current_model;
  absl::Time created = absl::InfinitePast();
  absl::Time updated = absl::InfinitePast();
  std::string note;  // why it stands still, when it does
  // The budget that its population must have; "": it trains without privacy.
  std::string privacy_budget = "";
};

struct ModelRow {
  Digest digest;  // of the serialised model
  std::string task;
  int64_t version = 0;  // committed rounds that led to it
  int64_t num_bytes = 0;
  int64_t num_parameters = 0;
  int64_t round_id = 0;  // 0: initial model
  Digest parent;         // empty: initial model
  absl::Time created = absl::InfinitePast();
  int contributors = 0;
};

struct NewRound {
  std::string task;
  int64_t number = 0;  // version of the model it will make
  Digest base_model;
  int cohort = 0;
  int min_reports = 0;
  int max_assigned = 0;
  double norm_bound = 0;
  absl::Time opened = absl::InfinitePast();
  bool asynchronous = false;
  // InfinitePast: the first assignment sets it. Otherwise the round begins with
  // COLLECTING, because devices of earlier rounds are at work.
  // Nor does a round that draws its devices wait for the first of them.
  absl::Time deadline = absl::InfinitePast();
  // Stored as the task's with it, when it is not empty: what draws the round's
  // devices.
  Secret mechanism_state = {};
};

struct RoundRow {
  int64_t id = 0;
  std::string task;
  int64_t number = 0;
  RoundState state = RoundState::kOpen;
  std::string failure;  // a RoundFailure's name when kFailed
  Digest base_model;
  int cohort = 0;
  int min_reports = 0;
  int max_assigned = 0;   // asynchronous: at work at a time, over all rounds
  double norm_bound = 0;  // of this round, fixed when it opens
  int assigned = 0;
  int accepted = 0;  // contributions committed
  absl::Time opened = absl::InfinitePast();
  absl::Time deadline = absl::InfinitePast();  // set with COLLECTING
  absl::Time finished = absl::InfinitePast();
  Digest contributors;     // set with SEALED
  Digest committed_model;  // set with COMMITTED
  int64_t bytes_up = 0;    // of counted updates
  // Filled in with COMMITTED.
  int64_t total_examples = 0;
  std::optional<double> train_loss;      // of the base model on device data
  std::optional<double> train_accuracy;  // likewise
  double median_norm = 0;
  // It counts `cohort` updates at most, also those of earlier rounds'
  // assignments.
  bool asynchronous = false;

  // The most that it may count.
  int max_accepted() const { return asynchronous ? cohort : max_assigned; }
};

struct AssignmentRow {
  std::string device_id;
  absl::Time assigned = absl::InfinitePast();
  // "", "contributed", "contributed: …", "abandoned: …", "refused: …"
  std::string outcome;
};

// An assignment that may still be reported to a later, asynchronous round.
struct OpenAssignmentRow {
  int64_t round_id = 0;
  int64_t number = 0;  // of its round
  Digest base_model;   // likewise
  AssignmentRow assignment;
};

// The steps of a group of secure aggregation.
inline constexpr std::array<absl::string_view, 4> kGroupSteps = {
    "sharing", "masking", "consistency", "unmasking"};

// What has become of a group. Stays when its rows are deleted, and names no
// device.
struct GroupSummary {
  Digest session;
  int members = 0;
  // Those that it has lost, by the step at which it did.
  std::array<int, kGroupSteps.size()> lost = {};
  std::string burnt;  // why it was; "": it was not
};

// A device has broken the protocol of secure aggregation.
struct FaultRow {
  std::string device_id;
  int64_t round_id = 0;
  absl::Time at = absl::InfinitePast();
  std::string what;  // a sentence
};

// A round and all its assignments, as they were at one moment.
struct RoundSnapshot {
  RoundRow round;
  std::vector<AssignmentRow> assignments;
  // Of an asynchronous round: how many of the updates in its sum are so many
  // versions behind.
  std::map<int64_t, int64_t> staleness = {};
  std::vector<GroupSummary> groups = {};  // in the order of their making
};

// Rows of one group of secure aggregation: what has happened to it, in order;
// opaque to the store.
struct NewGroupRows {
  int64_t round_id = 0;
  Digest session;
  // How many rows of the group its writer knows. When there are others, someone
  // else has written, and nothing is.
  int64_t first = 0;
  std::vector<std::string> rows;
  // Of the round's task: who leads no more writes nothing, not even rows of a
  // group that nobody else knows.
  Lease lease = {};
  // With rows: what has become of the group by now, and which of its members
  // have broken the protocol: of each its first fault in the round stays.
  GroupSummary summary = {};
  std::vector<FaultRow> faults = {};
};

struct GroupRow {
  Digest session;
  std::string row;
};

struct NewSegment {
  int64_t round_id = 0;
  std::string replica;
  // The accumulator's serialised partial sum; opaque to the store.
  absl::string_view sum;
  int64_t bytes_up = 0;
  // Of a masked sum: what the contributions are to their group, written with
  // the segment. Of that round.
  std::optional<NewGroupRows> group = {};
};

struct SegmentRow {
  int64_t id = 0;
  std::string sum;
  Digest session;  // of a masked sum its group; otherwise empty
};

// The outcome of an assignment whose update was counted; with what kept the
// device from all of the plan's work, "contributed: energy".
inline constexpr absl::string_view kContributed = "contributed";

struct ContributionRow {
  std::string device_id;
  Digest update_digest;
  int64_t segment_id = 0;  // filled in by the store
  int64_t weight = 0;      // aggregation weight
  double norm = 0;         // L2 of the update
  // The round of the assignment where that is not the one in whose sum the
  // update is: asynchronous rounds count those of earlier ones. 0: it is.
  int64_t earlier_round = 0;
  // What the store writes into the assignment. Not read back.
  std::string outcome = std::string(kContributed);
};

struct SegmentResult {
  enum Kind { kCommitted, kDuplicates, kClosed };
  Kind kind = kCommitted;
  int64_t segment_id = 0;  // with kCommitted
  int accepted = 0;        // round's counter, with kCommitted
  // With kDuplicates: devices that are counted already, or forgotten.
  std::vector<std::string> duplicates;
};

struct RoundResult {
  int64_t round_id = 0;
  ModelRow model;
  std::string optimizer_state;
  // Of the task's noise after this round; empty: it has none.
  Secret mechanism_state = {};
  int64_t total_examples = 0;
  std::optional<double> train_loss;
  std::optional<double> train_accuracy;
  double median_norm = 0;
};

// What a sealed round leads to.
struct RoundOutput {
  RoundResult result;
  std::string model_bytes;
};

struct DeviceRow {
  std::string id;  // 64 hexadecimal digits
  std::string name;
  std::string population;  // of its last check-in
  absl::Time enrolled = absl::InfinitePast();
  absl::Time last_seen = absl::InfinitePast();
  absl::Time certificate_expires = absl::InfinitePast();
  int64_t contributions = 0;  // in committed rounds
  std::string sdk_version;
  int64_t num_examples = 0;
};

struct DeviceSighting {
  std::string id;
  std::string name;
  std::string population;
  absl::Time seen;
  std::string sdk_version;
  int64_t num_examples = 0;
};

struct Participation {
  int64_t committed_rounds = 0;
  std::optional<int64_t> last_contribution;
  // Of the asked task, where it trains with privacy: the newest version that
  // the device has contributed to.
  std::optional<int64_t> last_version = {};
};

// What a round has cost its population, for good.
struct ChargeRow {
  int64_t id = 0;  // of all charges, in their order
  std::string population;
  std::string task;
  int64_t round_id = 0;
  std::string event;  // privacy::PrivacyEvent::Serialize(); opaque to stores
  absl::Time charged = absl::InfinitePast();
};

// A charge to be made with the seal of a round.
struct NewCharge {
  std::string event;
  // How many charges of the population its writer knows. When there are others,
  // someone else has charged it, and nothing is sealed.
  int64_t known = 0;
  // The state of new noise that is charged here, for all of its rounds; empty:
  // there is none, or it has one.
  Secret mechanism_state = {};
};

struct InvitationRow {
  Digest token_hash;
  std::optional<int64_t> uses_left;  // absent: unlimited
  absl::Time expires;
  std::string label;
  absl::Time created;
};

struct TokenKeyRow {
  int64_t id = 0;
  Secret key;
  absl::Time created;
};

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_ENGINE_ROWS_H_
