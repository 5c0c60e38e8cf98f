#include "coordinator/store/memory_store.h"

#include "coordinator/store/memory_tables.h"

namespace shoal::coordinator {

std::unique_ptr<RoundStore> MakeMemoryStore() {
  return std::make_unique<MemoryStore>();
}

}  // namespace shoal::coordinator
