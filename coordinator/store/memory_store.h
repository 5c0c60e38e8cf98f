// A RoundStore that lives and dies with its process: for simulations and tests.
#ifndef SHOAL_COORDINATOR_STORE_MEMORY_STORE_H_
#define SHOAL_COORDINATOR_STORE_MEMORY_STORE_H_

#include <memory>

#include "coordinator/engine/round_store.h"

namespace shoal::coordinator {

// Nothing in it is durable; every other promise of RoundStore holds.
std::unique_ptr<RoundStore> MakeMemoryStore();

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_STORE_MEMORY_STORE_H_
