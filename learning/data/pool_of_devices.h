// Natural devices that are generated, as one pool for other partitions.
#ifndef SHOAL_LEARNING_DATA_POOL_OF_DEVICES_H_
#define SHOAL_LEARNING_DATA_POOL_OF_DEVICES_H_

#include <memory>

#include "absl/status/statusor.h"
#include "learning/data/data_source.h"
#include "learning/data/example_pool.h"

namespace shoal::learning {

// Reads every device once for its labels and keeps these: 4 bytes an example.
// Loading draws again every device that an example is taken from. Errors as
// LoadDevice(). REQUIRES: examples of `data` have one label each.
absl::StatusOr<std::unique_ptr<ExamplePool>> PoolOfDevices(
    std::unique_ptr<FederatedData> data);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_DATA_POOL_OF_DEVICES_H_
