#include "client/meters/hwmon_meter.h"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "client/meters/counter_meter.h"
#include "client/meters/power_meter.h"
#include "client/meters/sensor_file.h"

namespace shoal::client {
namespace {

// Labels of the rail that feeds all others of a board.
constexpr absl::string_view kInputLabels[] = {"VDD_IN", "POM_5V_IN"};

struct Channel {
  std::string driver;
  std::string label;        // or the file's name
  std::string energy_path;  // a counter, or
  PowerSensor power;
};

bool Exists(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

// The label of channel `stem` ("power1"), or the stem itself.
std::string LabelOf(const std::string& folder, absl::string_view stem) {
  std::string label = ReadSensorText(absl::StrCat(folder, "/", stem, "_label"));
  return label.empty() ? std::string(stem) : label;
}

// "curr3" of "…/curr3_input"; nothing when it is another file.
std::optional<std::string> StemOf(const std::string& path) {
  std::string name = std::filesystem::path(path).filename().string();
  absl::string_view stem = name;
  if (!absl::ConsumeSuffix(&stem, "_input")) return std::nullopt;
  return std::string(stem);
}

std::vector<Channel> EnergyChannels(const std::string& folder) {
  std::vector<Channel> channels;
  for (const std::string& path : ListSensors(folder, "energy")) {
    const auto stem = StemOf(path);
    if (stem.has_value())
      channels.push_back({"", LabelOf(folder, *stem), path, {}});
  }
  return channels;
}

std::vector<Channel> PowerChannels(const std::string& folder) {
  std::vector<Channel> channels;
  for (const std::string& path : ListSensors(folder, "power")) {
    const auto stem = StemOf(path);
    if (!stem.has_value()) continue;
    channels.push_back({"", LabelOf(folder, *stem), "", {path, "", ""}});
  }
  return channels;
}

// Currents with a voltage of the same number.
std::vector<Channel> CurrentChannels(const std::string& folder) {
  std::vector<Channel> channels;
  for (const std::string& path : ListSensors(folder, "curr")) {
    const auto stem = StemOf(path);
    if (!stem.has_value()) continue;
    const std::string input = absl::StrCat("in", stem->substr(4));
    const std::string voltage = absl::StrCat(folder, "/", input, "_input");
    if (!Exists(voltage)) continue;
    std::string label = LabelOf(folder, *stem);
    if (label == *stem) label = LabelOf(folder, input);
    channels.push_back({"", label, "", {"", path, voltage}});
  }
  return channels;
}

// The channels of one monitor, measured in the best way it offers.
std::vector<Channel> ChannelsOf(const std::string& folder) {
  std::vector<Channel> channels = EnergyChannels(folder);
  if (channels.empty()) channels = PowerChannels(folder);
  if (channels.empty()) channels = CurrentChannels(folder);
  const std::string driver = ReadSensorText(absl::StrCat(folder, "/name"));
  for (Channel& channel : channels) channel.driver = driver;
  return channels;
}

std::string Describe(const std::vector<Channel>& channels) {
  return absl::StrJoin(channels, ", ", [](std::string* out, const Channel& c) {
    absl::StrAppend(out, c.driver, " ", c.label);
  });
}

// Whether the options ask for the channel, labels aside.
bool IsAskedFor(const Channel& channel, const HwmonOptions& options) {
  return options.driver.empty() ? absl::StartsWith(channel.driver, "ina")
                                : channel.driver == options.driver;
}

template <typename Labels>
std::vector<Channel> WithLabels(const std::vector<Channel>& channels,
                                const Labels& labels) {
  std::vector<Channel> some;
  std::copy_if(channels.begin(), channels.end(), std::back_inserter(some),
               [&](const Channel& channel) {
                 return std::find(std::begin(labels), std::end(labels),
                                  channel.label) != std::end(labels);
               });
  return some;
}

absl::StatusOr<std::unique_ptr<EnergyMeter>> MeterOf(
    const std::vector<Channel>& channels, const Clock& clock) {
  const std::string name = absl::StrCat("hwmon (", Describe(channels), ")");
  std::vector<MicrojouleCounter> counters;
  std::vector<PowerSensor> sensors;
  for (const Channel& channel : channels) {
    if (channel.energy_path.empty()) {
      sensors.push_back(channel.power);
    } else {
      counters.emplace_back(channel.energy_path, std::nullopt);
    }
  }
  if (sensors.empty()) return MakeCounterMeter(name, counters, clock);
  if (counters.empty()) return MakePowerMeter(name, sensors, clock);
  return absl::FailedPreconditionError(
      absl::StrCat(name,
                   ": channels that count energy and channels that show "
                   "power cannot be added up: name one kind"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<EnergyMeter>> OpenHwmonMeter(
    const std::string& sysfs_root, const HwmonOptions& options,
    const Clock& clock) {
  const std::string root = absl::StrCat(sysfs_root, "/class/hwmon");
  std::vector<Channel> all;
  std::vector<Channel> chosen;
  for (const std::string& folder : ListSensors(root, "hwmon")) {
    for (Channel& channel : ChannelsOf(folder)) {
      if (IsAskedFor(channel, options)) chosen.push_back(channel);
      all.push_back(std::move(channel));
    }
  }
  if (!options.labels.empty()) {
    chosen = WithLabels(chosen, options.labels);
  } else if (auto input = WithLabels(chosen, kInputLabels); !input.empty()) {
    chosen = std::move(input);
  }
  if (!chosen.empty()) return MeterOf(chosen, clock);
  return absl::NotFoundError(absl::StrCat(
      root, " has no monitor",
      options.driver.empty() ? " of the INA family"
                             : absl::StrCat(" '", options.driver, "'"),
      options.labels.empty()
          ? ""
          : absl::StrCat(" with a channel '",
                         absl::StrJoin(options.labels, "' or '"), "'"),
      all.empty() ? "; there are none at all"
                  : absl::StrCat("; there are ", Describe(all))));
}

}  // namespace shoal::client
