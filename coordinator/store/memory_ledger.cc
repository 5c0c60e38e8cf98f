#include "coordinator/store/memory_ledger.h"

#include <utility>

#include "absl/algorithm/container.h"

namespace shoal::coordinator {

std::string MemoryLedger::BudgetOf(const std::string& population) const {
  const auto budget = budgets_.find(population);
  return budget != budgets_.end() ? budget->second : "";
}

void MemoryLedger::SetBudget(const std::string& population,
                             const std::string& budget) {
  budgets_.emplace(population, budget);
}

std::vector<ChargeRow> MemoryLedger::ChargesOf(
    const std::string& population) const {
  std::vector<ChargeRow> rows;
  for (const ChargeRow& row : charges_) {
    if (row.population == population) rows.push_back(row);
  }
  return rows;
}

int64_t MemoryLedger::CountCharges(const std::string& population) const {
  return absl::c_count_if(charges_, [&](const ChargeRow& row) {
    return row.population == population;
  });
}

void MemoryLedger::AddCharge(ChargeRow charge) {
  charge.id = static_cast<int64_t>(charges_.size()) + 1;
  charges_.push_back(std::move(charge));
}

Secret MemoryLedger::StateOf(const std::string& task) const {
  const auto state = states_.find(task);
  return state != states_.end() ? state->second.Copy() : Secret();
}

void MemoryLedger::SetState(const std::string& task, const Secret& state) {
  states_.erase(task);
  if (!state.empty()) states_.emplace(task, state.Copy());
}

}  // namespace shoal::coordinator
