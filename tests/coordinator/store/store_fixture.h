// What the tests of the stores share: a fresh store per test, and rows to put
// into it. The conformance suite runs over every kind of store.
#ifndef SHOAL_TESTS_COORDINATOR_STORE_STORE_FIXTURE_H_
#define SHOAL_TESTS_COORDINATOR_STORE_STORE_FIXTURE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/check.h"
#include "base/file.h"
#include "coordinator/engine/round_store.h"
#include "gtest/gtest.h"
#include "tests/support/require.h"
#include "tests/support/status_matchers.h"

namespace shoal::coordinator {

enum class StoreKind {
  kMemory,
  kSqlite,
  kSqliteReopened,  // opened and closed for every single call
};

using ::shoal::testing::Require;

inline constexpr absl::Duration kLeaseTime = absl::Seconds(15);

// A time with microseconds.
absl::Time Now();

std::string DeviceId(int number);  // 64 hexadecimal digits, ascending
std::string SomeBytes(int64_t size, uint64_t seed);

TaskRow MakeTask(const std::string& name, absl::string_view model_bytes);
ModelRow MakeModel(const std::string& task, int64_t version,
                   absl::string_view bytes);
// Cohort 2, at least 1 report, at most 4 devices.
NewRound MakeRoundOf(const TaskRow& task);
ContributionRow MakeContribution(int device);
RoundResult MakeResult(const RoundRow& round, absl::string_view model_bytes);

// Every field as text: rows are equal when their texts are.
std::string Text(const TaskRow& row);
std::string Text(const ModelRow& row);
std::string Text(const RoundRow& row);
std::string Text(const AssignmentRow& row);
std::string Text(const ContributionRow& row);
std::string Text(const DeviceRow& row);

// A store and short ways to bring rounds into every state. Methods that drive
// fail the test when the store refuses.
class StoreDriver {
 public:
  explicit StoreDriver(StoreKind kind);

  RoundStore& store() { return *store_; }
  const std::string& path() const { return path_; }

  // A task with 3 rounds whose lease this driver holds.
  TaskRow CreateTask(const std::string& name);
  Lease TakeLease(const std::string& task, const std::string& holder = "us");
  // The task's next round in a state: COLLECTING has device 1 assigned, from
  // SEALED on it is counted.
  RoundRow RoundIn(RoundState state, const std::string& task);
  SegmentResult Commit(int64_t round_id, const std::vector<int>& devices,
                       absl::string_view sum = "sum");
  RoundRow Round(int64_t id);
  TaskRow Task(const std::string& name);

 private:
  TemporaryFolder folder_;
  const std::string path_;
  std::unique_ptr<RoundStore> store_;
};

class StoreTest : public ::testing::TestWithParam<StoreKind> {
 protected:
  StoreDriver driver_{GetParam()};
  RoundStore& store() { return driver_.store(); }
};

// For tests that keep a store open, or that take too many calls to open it for
// each: without kSqliteReopened.
class OpenStoreTest : public StoreTest {};

}  // namespace shoal::coordinator

#endif  // SHOAL_TESTS_COORDINATOR_STORE_STORE_FIXTURE_H_
