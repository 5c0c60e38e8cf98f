// The device's surroundings at one moment, as conditions look at them.
#ifndef SHOAL_CLIENT_LIMITS_DEVICE_READINGS_H_
#define SHOAL_CLIENT_LIMITS_DEVICE_READINGS_H_

#include <cstdint>
#include <optional>
#include <string>

namespace shoal::client {

enum class Network { kNone, kMetered, kUnmetered };

// Absent: nobody can tell. A condition that asks for it does not hold then.
struct DeviceReadings {
  std::optional<double> battery_fraction;  // [0, 1]
  std::optional<bool> external_power;
  std::optional<double> celsius;  // of the warmest part
  std::optional<Network> network;
  std::optional<bool> user_idle;
  std::optional<double> memory_pressure;  // [0, 1]: of the last seconds
  std::optional<int64_t> available_memory_bytes;
  // Why the embedder does not want training now, as half a sentence: "a call
  // is going on". Empty: it does not mind.
  std::string veto;
};

// Where readings come from. One thread.
class ReadingsSource {
 public:
  virtual ~ReadingsSource() = default;
  virtual DeviceReadings Read() = 0;
};

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_LIMITS_DEVICE_READINGS_H_
