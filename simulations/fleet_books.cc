#include "simulations/fleet_books.h"

#include <optional>

#include "protocol/messages.h"
#include "simulations/outcome_name.h"

namespace shoal::simulations {
namespace {

// Given up for what its limits forbid, as far as that can be told apart.
std::string AbandonedFor(std::optional<protocol::AbandonReason> reason) {
  if (reason == protocol::AbandonReason::kConditions) return "conditions";
  if (reason == protocol::AbandonReason::kEnergy) return "out_of_energy";
  if (reason == protocol::AbandonReason::kBytes) return "out_of_bytes";
  return "abandoned";
}

// "abandoned", "refused", …
std::string OutcomeOf(const SessionNews& news) {
  if (news.is_under_way) return std::string(kUnderWay);
  if (news.vanished) return "vanished";
  if (news.outcome == SessionReport::kAbandoned) {
    return AbandonedFor(news.reason);
  }
  return std::string(OutcomeName(news.outcome));
}

}  // namespace

void FleetBooks::Enter(int64_t device, const SessionNews& news) {
  ++totals_.sessions;
  totals_.bytes_up += news.bytes_up;
  totals_.bytes_down += news.bytes_down;
  totals_.joules += news.joules;
  if (news.round_id == 0 && news.outcome == SessionReport::kHeldBack) {
    ++totals_.stayed_away;
  }
  NoteOutcome(device, news);
}

// A device may come to its assignment more than once: its last session counts.
void FleetBooks::NoteOutcome(int64_t device, const SessionNews& news) {
  if (news.round_id == 0) return;
  RoundOutcomes& outcomes = outcomes_[news.round_id];
  Outcome& last = last_outcomes_[device];
  if (last.round == news.round_id && --outcomes[last.what] == 0) {
    outcomes.erase(last.what);
  }
  last = {news.round_id, OutcomeOf(news)};
  ++outcomes[last.what];
}

RoundOutcomes FleetBooks::OutcomesOf(int64_t round) const {
  const auto found = outcomes_.find(round);
  return found != outcomes_.end() ? found->second : RoundOutcomes();
}

void AddWorkUnderWay(const SimulatedDevice& device, absl::Time now,
                     FleetTotals& totals) {
  const client::Work work = device.WorkDoneBy(now);
  totals.bytes_up += static_cast<int64_t>(work.bytes_sent);
  totals.bytes_down += static_cast<int64_t>(work.bytes_received);
  totals.joules += device.JoulesOf(work);
}

}  // namespace shoal::simulations
