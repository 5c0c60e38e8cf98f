// The rows of the memory store about privacy: budgets and what was charged to
// them, which are kept for good, and the state of noise.
#ifndef SHOAL_COORDINATOR_STORE_MEMORY_LEDGER_H_
#define SHOAL_COORDINATOR_STORE_MEMORY_LEDGER_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/secret.h"
#include "coordinator/engine/rows.h"

namespace shoal::coordinator {

// Thread-compatible.
class MemoryLedger {
 public:
  // "": the population has none.
  std::string BudgetOf(const std::string& population) const;
  // Nothing happens when it has one.
  void SetBudget(const std::string& population, const std::string& budget);

  // Oldest first.
  std::vector<ChargeRow> ChargesOf(const std::string& population) const;
  int64_t CountCharges(const std::string& population) const;
  // Fills in the id.
  void AddCharge(ChargeRow charge);

  // Empty: there is none.
  Secret StateOf(const std::string& task) const;
  void SetState(const std::string& task, const Secret& state);

 private:
  std::map<std::string, std::string> budgets_;  // by population
  std::vector<ChargeRow> charges_;              // oldest first
  std::map<std::string, Secret> states_;        // by task; none is empty
};

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_STORE_MEMORY_LEDGER_H_
