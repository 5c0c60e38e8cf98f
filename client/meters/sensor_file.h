// Numbers in the small files by which a kernel shows its sensors. They vanish,
// are empty, or hold nonsense while a driver wakes up: every error says which
// file held what.
#ifndef SHOAL_CLIENT_METERS_SENSOR_FILE_H_
#define SHOAL_CLIENT_METERS_SENSOR_FILE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace shoal::client {

// Beyond it no reading of a device's sensor is believed.
inline constexpr double kMostWatts = 2000;

// The file's number. NOT_FOUND when there is no such file, UNAVAILABLE when it
// cannot be read or holds anything but one integer. Allocates only for errors.
absl::StatusOr<int64_t> ReadSensor(const std::string& path);

// The same, where a driver has no sensible number below zero.
absl::StatusOr<int64_t> ReadSensorNotNegative(const std::string& path);

// The file's first line without white space around it; "" when there is none.
std::string ReadSensorText(const std::string& path);

// Reads up to buffer.size() bytes of a file. NOT_FOUND, UNAVAILABLE.
absl::StatusOr<absl::string_view> ReadSensorBytes(const std::string& path,
                                                  absl::Span<char> buffer);

// The paths of the folder's entries whose names begin with `prefix`, sorted;
// none when there is no such folder.
std::vector<std::string> ListSensors(const std::string& folder,
                                     absl::string_view prefix = "");

// "PATH holds VALUE, expected EXPECTED".
absl::Status Absurd(const std::string& path, int64_t value,
                    absl::string_view expected);

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_METERS_SENSOR_FILE_H_
