// Rounds of tasks that train with privacy, step by step.
#ifndef SHOAL_TESTS_COORDINATOR_STORE_PRIVATE_ROUNDS_H_
#define SHOAL_TESTS_COORDINATOR_STORE_PRIVATE_ROUNDS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "coordinator/engine/round_store.h"

namespace shoal::coordinator {

inline constexpr char kBudget[] = "epsilon=8 delta=1e-05 adjacency=add_remove";

// Of 9 rounds and the population "writers", with the budget ("": none).
absl::Status CreateTaskWith(RoundStore& store, const std::string& name,
                            const std::string& budget = kBudget);

NewCharge MakeCharge(int64_t known, absl::string_view event,
                     absl::string_view state = "");

// The task's next round, collecting, with the updates of these devices; its id.
int64_t Collect(RoundStore& store, const std::string& task,
                const std::vector<int>& devices = {1});
absl::StatusOr<RoundRow> Seal(RoundStore& store, int64_t round_id,
                              const std::optional<NewCharge>& charge);
// Commits the round; its model is that of the round when it has no other name.
absl::Status Release(RoundStore& store, int64_t round_id,
                     absl::string_view state = "",
                     absl::string_view model = "");

// Collects, seals with a charge for this event ("": without), and commits.
absl::Status RunRound(RoundStore& store, const std::string& task,
                      absl::string_view event, absl::string_view state = "");

// What was charged to "writers", oldest first.
std::vector<std::string> EventsOf(RoundStore& store);
std::string StateOf(RoundStore& store, const std::string& task);

}  // namespace shoal::coordinator

#endif  // SHOAL_TESTS_COORDINATOR_STORE_PRIVATE_ROUNDS_H_
