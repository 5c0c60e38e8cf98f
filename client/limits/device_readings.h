// Where a governor learns of the device's surroundings.
#ifndef SHOAL_CLIENT_LIMITS_DEVICE_READINGS_H_
#define SHOAL_CLIENT_LIMITS_DEVICE_READINGS_H_

#include "client/include/shoal/limits.h"

namespace shoal::client {

// One thread.
class ReadingsSource {
 public:
  virtual ~ReadingsSource() = default;
  virtual DeviceReadings Read() = 0;
};

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_LIMITS_DEVICE_READINGS_H_
