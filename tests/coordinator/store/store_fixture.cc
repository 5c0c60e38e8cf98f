#include "tests/coordinator/store/store_fixture.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/random.h"
#include "coordinator/store/memory_store.h"
#include "coordinator/store/sqlite_store.h"
#include "tests/coordinator/store/reopening_store.h"
#include "tests/support/status_matchers.h"

namespace shoal::coordinator {
namespace {

using ::shoal::testing::IsOk;

std::string TextOf(const std::optional<double>& x) {
  return x.has_value() ? absl::StrFormat("%.17g", *x) : "absent";
}

}  // namespace

absl::Time Now() { return absl::FromUnixMicros(1'700'000'000'123'457); }

std::string DeviceId(int number) { return absl::StrFormat("%064x", number); }

std::string SomeBytes(int64_t size, uint64_t seed) {
  SeededRng rng(seed);
  std::string bytes;
  bytes.reserve(size + 8);
  while (static_cast<int64_t>(bytes.size()) < size) {
    const uint64_t word = rng.Uint64();
    bytes.append(reinterpret_cast<const char*>(&word), sizeof word);
  }
  bytes.resize(size);
  return bytes;
}

TaskRow MakeTask(const std::string& name, absl::string_view model_bytes) {
  TaskRow row;
  row.name = name;
  row.population = "writers";
  row.definition = std::string("definition\0of", 13) + name;
  row.rounds = 3;
  row.current_model = Sha256(model_bytes);
  row.created = Now();
  row.updated = Now() + absl::Microseconds(1);
  row.note = "fresh";
  return row;
}

ModelRow MakeModel(const std::string& task, int64_t version,
                   absl::string_view bytes) {
  ModelRow row;
  row.digest = Sha256(bytes);
  row.task = task;
  row.version = version;
  row.num_bytes = static_cast<int64_t>(bytes.size());
  row.num_parameters = 7;
  row.created = Now() + absl::Microseconds(version);
  return row;
}

NewRound MakeRoundOf(const TaskRow& task) {
  NewRound row;
  row.task = task.name;
  row.number = task.rounds_committed + 1;
  row.base_model = task.current_model;
  row.cohort = 2;
  row.min_reports = 1;
  row.max_assigned = 4;
  row.norm_bound = 12.25;
  row.opened = Now() + absl::Seconds(1);
  return row;
}

ContributionRow MakeContribution(int device) {
  ContributionRow row;
  row.device_id = DeviceId(device);
  row.update_digest = Sha256(absl::StrCat("update of ", device));
  row.weight = 10 + device;
  row.norm = 0.1 * device;
  return row;
}

RoundResult MakeResult(const RoundRow& round, absl::string_view model_bytes) {
  RoundResult result;
  result.round_id = round.id;
  result.model = MakeModel(round.task, round.number, model_bytes);
  result.model.round_id = round.id;
  result.model.parent = round.base_model;
  result.model.contributors = round.accepted;
  result.optimizer_state =
      std::string("state\0after ", 12) + std::to_string(round.number);
  result.total_examples = 42;
  result.train_loss = 0.1;
  result.median_norm = 1.0 / 3;
  return result;
}

std::string Text(const TaskRow& row) {
  return absl::StrCat(
      row.name, "|", row.population, "|", row.definition, "|",
      ToString(row.state), "|", row.rounds, "|", row.rounds_committed, "|",
      row.rounds_failed, "|", row.rounds_failed_in_a_row, "|",
      row.current_model.ToHex(), "|", absl::FormatTime(row.created), "|",
      absl::FormatTime(row.updated), "|", row.note, "|", row.privacy_budget);
}

std::string Text(const ModelRow& row) {
  return absl::StrCat(row.digest.ToHex(), "|", row.task, "|", row.version, "|",
                      row.num_bytes, "|", row.num_parameters, "|", row.round_id,
                      "|", row.parent.ToHex(), "|",
                      absl::FormatTime(row.created), "|", row.contributors);
}

std::string Text(const RoundRow& row) {
  return absl::StrCat(
      row.id, "|", row.task, "|", row.number, "|", ToString(row.state), "|",
      row.failure, "|", row.base_model.ToHex(), "|", row.cohort, "|",
      row.min_reports, "|", row.max_assigned, "|", TextOf(row.norm_bound), "|",
      row.assigned, "|", row.accepted, "|", absl::FormatTime(row.opened), "|",
      absl::FormatTime(row.deadline), "|", absl::FormatTime(row.finished), "|",
      row.contributors.ToHex(), "|", row.committed_model.ToHex(), "|",
      row.bytes_up, "|", row.total_examples, "|", TextOf(row.train_loss), "|",
      TextOf(row.train_accuracy), "|", TextOf(row.median_norm));
}

std::string Text(const AssignmentRow& row) {
  return absl::StrCat(row.device_id, "|", absl::FormatTime(row.assigned), "|",
                      row.outcome);
}

std::string Text(const ContributionRow& row) {
  return absl::StrCat(row.device_id, "|", row.update_digest.ToHex(), "|",
                      row.segment_id, "|", row.weight, "|", TextOf(row.norm));
}

std::string Text(const DeviceRow& row) {
  return absl::StrCat(
      row.id, "|", row.name, "|", row.population, "|",
      absl::FormatTime(row.enrolled), "|", absl::FormatTime(row.last_seen), "|",
      absl::FormatTime(row.certificate_expires), "|", row.contributions, "|",
      row.sdk_version, "|", row.num_examples);
}

StoreDriver::StoreDriver(StoreKind kind) : path_(folder_.path() + "/store.db") {
  switch (kind) {
    case StoreKind::kMemory:
      store_ = MakeMemoryStore();
      break;
    case StoreKind::kSqlite:
      store_ = Require(OpenSqliteStore(path_));
      break;
    case StoreKind::kSqliteReopened:
      store_ = std::make_unique<ReopeningStore>(path_);
      break;
  }
}

TaskRow StoreDriver::CreateTask(const std::string& name) {
  const std::string model = "initial model of " + name;
  const TaskRow task = MakeTask(name, model);
  SHOAL_EXPECT_OK(store().CreateTask(task, MakeModel(name, 0, model), model));
  TakeLease(name);
  return task;
}

Lease StoreDriver::TakeLease(const std::string& task,
                             const std::string& holder) {
  return Require(store().AcquireLease(task, holder, Now(), kLeaseTime));
}

RoundRow StoreDriver::RoundIn(RoundState state, const std::string& task) {
  const Lease lease = TakeLease(task);
  const int64_t id =
      Require(store().OpenRound(lease, MakeRoundOf(Task(task)))).id;
  if (state == RoundState::kFailed) {
    SHOAL_EXPECT_OK(store().FailRound(lease, id, "min_reports", Now()));
  }
  if (state == RoundState::kOpen || state == RoundState::kFailed) {
    return Round(id);
  }
  SHOAL_EXPECT_OK(store().RecordAssignment(id, DeviceId(1), Now(),
                                           Now() + absl::Minutes(1)));
  if (state == RoundState::kCollecting) return Round(id);
  EXPECT_EQ(Commit(id, {1}).kind, SegmentResult::kCommitted);
  EXPECT_THAT(store().SealRound(lease, id, 1, std::nullopt, Now()), IsOk());
  if (state == RoundState::kSealed) return Round(id);
  SHOAL_EXPECT_OK(store().RevealRound(lease, id, Now()));
  if (state == RoundState::kRevealed) return Round(id);
  const std::string model = absl::StrCat("model of round ", id);
  SHOAL_EXPECT_OK(
      store().CommitRound(lease, MakeResult(Round(id), model), model, Now()));
  return Round(id);
}

SegmentResult StoreDriver::Commit(int64_t round_id,
                                  const std::vector<int>& devices,
                                  absl::string_view sum) {
  NewSegment segment;
  segment.round_id = round_id;
  segment.replica = "us";
  segment.sum = sum;
  segment.bytes_up = 100 * static_cast<int64_t>(devices.size());
  std::vector<ContributionRow> rows;
  for (int device : devices) rows.push_back(MakeContribution(device));
  return Require(store().CommitSegment(segment, rows));
}

RoundRow StoreDriver::Round(int64_t id) {
  return Require(store().GetRound(id));
}

TaskRow StoreDriver::Task(const std::string& name) {
  return Require(store().GetTask(name));
}

namespace {

std::string NameOf(const ::testing::TestParamInfo<StoreKind>& info) {
  switch (info.param) {
    case StoreKind::kMemory:
      return "Memory";
    case StoreKind::kSqlite:
      return "Sqlite";
    case StoreKind::kSqliteReopened:
      return "SqliteReopened";
  }
  return "Unknown";
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(Stores, StoreTest,
                         ::testing::Values(StoreKind::kMemory,
                                           StoreKind::kSqlite,
                                           StoreKind::kSqliteReopened),
                         NameOf);

INSTANTIATE_TEST_SUITE_P(Stores, OpenStoreTest,
                         ::testing::Values(StoreKind::kMemory,
                                           StoreKind::kSqlite),
                         NameOf);

}  // namespace shoal::coordinator
