// A RoundStore that lives and dies with its process: for simulations and tests.
#ifndef SHOAL_COORDINATOR_STORE_MEMORY_STORE_H_
#define SHOAL_COORDINATOR_STORE_MEMORY_STORE_H_

#include <memory>

#include "coordinator/engine/round_store.h"

namespace shoal::coordinator {

struct MemoryStoreOptions {
  // The newest rounds and versions of every task of which everything is kept;
  // of older ones the rows of rounds and versions stay, without their devices
  // and bytes. 0: all.
  int keep_newest = 0;
  // Whether the sums of segments are kept: a coordinator that dies with its
  // store never reads them.
  bool keep_sums = true;
};

// Nothing in it is durable; every other promise of RoundStore holds, for what
// is kept.
std::unique_ptr<RoundStore> MakeMemoryStore(
    const MemoryStoreOptions& options = {});

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_STORE_MEMORY_STORE_H_
