// Readings from /sys and /proc, completed by the embedder.
#ifndef SHOAL_CLIENT_LIMITS_SYSTEM_READINGS_H_
#define SHOAL_CLIENT_LIMITS_SYSTEM_READINGS_H_

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "client/limits/device_readings.h"

namespace shoal::client {

struct SystemReadingsOptions {
  std::string sysfs_root = "/sys";
  std::string proc_root = "/proc";
  std::vector<std::string> thermal_types = {};  // which zones count; empty: all
  // Interfaces that cost money. The network is metered while the default
  // route leads over one of them, missing while there is no such route. Empty:
  // nothing is known of the network.
  std::vector<std::string> metered_interfaces = {};
  // While this file exists it is a veto, with its first line as the reason;
  // empty: none.
  std::string veto_file = {};
};

// A device without a battery has a full one and external power.
class SystemReadings final : public ReadingsSource {
 public:
  // `complete` may fill in and overrule what was read; may be empty.
  explicit SystemReadings(SystemReadingsOptions options,
                          std::function<void(DeviceReadings&)> complete = {})
      : options_(std::move(options)), complete_(std::move(complete)) {}

  DeviceReadings Read() override;

 private:
  const SystemReadingsOptions options_;
  const std::function<void(DeviceReadings&)> complete_;
};

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_LIMITS_SYSTEM_READINGS_H_
