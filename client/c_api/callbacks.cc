#include "client/c_api/callbacks.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/str_cat.h"

namespace shoal::client {
namespace {

class CExamples final : public ExampleSource {
 public:
  explicit CExamples(const shoal_examples& examples) : c_(examples) {}

  int64_t num_examples() const override { return c_.count(c_.context); }
  int num_features() const override { return c_.num_features; }
  void CopyFeatures(int64_t index, absl::Span<float> out) const override {
    c_.features(c_.context, index, out.data(), out.size());
  }
  int num_classes() const override { return c_.num_classes; }
  int32_t label(int64_t index) const override {
    int32_t label = -1;
    if (c_.labels != nullptr) c_.labels(c_.context, index, &label, 1);
    return label;
  }
  int labels_per_example() const override {
    return std::max(c_.labels_per_example, 1);
  }
  void CopyLabels(int64_t index, absl::Span<int32_t> out) const override {
    c_.labels(c_.context, index, out.data(), out.size());
  }
  int num_targets() const override { return c_.num_targets; }
  void CopyTargets(int64_t index, absl::Span<float> out) const override {
    c_.targets(c_.context, index, out.data(), out.size());
  }

 private:
  const shoal_examples c_;
};

class CClock final : public Clock {
 public:
  explicit CClock(const shoal_callbacks& callbacks) : c_(callbacks) {}
  absl::Time Now() const override {
    return absl::FromUnixNanos(c_.wall_ns(c_.context));
  }
  absl::Duration Monotonic() const override {
    return absl::Nanoseconds(c_.monotonic_ns(c_.context));
  }

 private:
  const shoal_callbacks c_;
};

class CRng final : public SecureRng {
 public:
  explicit CRng(const shoal_callbacks& callbacks) : c_(callbacks) {}
  void Fill(absl::Span<uint8_t> out) override {
    c_.random(c_.context, out.data(), out.size());
  }

 private:
  const shoal_callbacks c_;
};

// Unknown is negative in C; a temperature may be.
constexpr double kUnknown = -1;
constexpr double kUnknownCelsius = -1000;
constexpr double kAbsoluteZero = -273.15;

int32_t FromBool(std::optional<bool> value) {
  return value.has_value() ? *value : -1;
}
std::optional<bool> ToBool(int32_t value) {
  if (value < 0) return std::nullopt;
  return value != 0;
}
std::optional<double> ToFraction(double value) {
  if (!(value >= 0)) return std::nullopt;
  return value;
}

int32_t FromNetwork(std::optional<Network> network) {
  if (!network.has_value()) return SHOAL_NETWORK_UNKNOWN;
  switch (*network) {
    case Network::kNone:
      return SHOAL_NETWORK_NONE;
    case Network::kMetered:
      return SHOAL_NETWORK_METERED;
    case Network::kUnmetered:
      return SHOAL_NETWORK_UNMETERED;
  }
  return SHOAL_NETWORK_UNKNOWN;
}

std::optional<Network> ToNetwork(int32_t network) {
  switch (network) {
    case SHOAL_NETWORK_NONE:
      return Network::kNone;
    case SHOAL_NETWORK_METERED:
      return Network::kMetered;
    case SHOAL_NETWORK_UNMETERED:
      return Network::kUnmetered;
    default:
      return std::nullopt;
  }
}

shoal_device_state ToC(const DeviceReadings& readings) {
  shoal_device_state state = {};
  state.struct_size = sizeof(state);
  state.battery_fraction = readings.battery_fraction.value_or(kUnknown);
  state.external_power = FromBool(readings.external_power);
  state.user_idle = FromBool(readings.user_idle);
  state.celsius = readings.celsius.value_or(kUnknownCelsius);
  state.network = FromNetwork(readings.network);
  state.memory_pressure = readings.memory_pressure.value_or(kUnknown);
  state.available_memory_bytes = readings.available_memory_bytes.value_or(-1);
  state.veto = readings.veto.empty() ? nullptr : readings.veto.c_str();
  return state;
}

DeviceReadings FromC(const shoal_device_state& state) {
  DeviceReadings readings;
  readings.battery_fraction = ToFraction(state.battery_fraction);
  readings.external_power = ToBool(state.external_power);
  readings.user_idle = ToBool(state.user_idle);
  if (state.celsius >= kAbsoluteZero) readings.celsius = state.celsius;
  readings.network = ToNetwork(state.network);
  readings.memory_pressure = ToFraction(state.memory_pressure);
  if (state.available_memory_bytes >= 0) {
    readings.available_memory_bytes = state.available_memory_bytes;
  }
  if (state.veto != nullptr) readings.veto = state.veto;
  return readings;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ExampleSource>> ExamplesFrom(
    const shoal_examples& examples) {
  const auto missing = [](absl::string_view member) {
    return absl::InvalidArgumentError(
        absl::StrCat("examples.", member, ": is NULL, expected a function"));
  };
  if (examples.count == nullptr) return missing("count");
  if (examples.features == nullptr) return missing("features");
  if (examples.num_features < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("examples.num_features: ", examples.num_features,
                     ", expected at least 1"));
  }
  if (examples.num_classes > 0 && examples.labels == nullptr) {
    return missing("labels");
  }
  if (examples.num_targets > 0 && examples.targets == nullptr) {
    return missing("targets");
  }
  return std::make_unique<CExamples>(examples);
}

absl::StatusOr<std::unique_ptr<Clock>> ClockFrom(
    const shoal_callbacks& callbacks) {
  if ((callbacks.monotonic_ns == nullptr) != (callbacks.wall_ns == nullptr)) {
    return absl::InvalidArgumentError(
        "callbacks: one of monotonic_ns and wall_ns is NULL, expected both or "
        "none");
  }
  std::unique_ptr<Clock> clock;
  if (callbacks.wall_ns != nullptr) clock = std::make_unique<CClock>(callbacks);
  return clock;
}

std::unique_ptr<SecureRng> RngFrom(const shoal_callbacks& callbacks) {
  if (callbacks.random == nullptr) return nullptr;
  return std::make_unique<CRng>(callbacks);
}

std::function<void(const ClientEvent&)> EventsFrom(
    const shoal_callbacks& callbacks) {
  if (callbacks.event == nullptr) return nullptr;
  return [callbacks](const ClientEvent& event) {
    callbacks.event(callbacks.context,
                    static_cast<shoal_event_kind>(event.kind),
                    event.detail.c_str());
  };
}

std::function<void(DeviceReadings&)> DeviceStateFrom(
    const shoal_callbacks& callbacks) {
  if (callbacks.device_state == nullptr) return nullptr;
  return [callbacks](DeviceReadings& readings) {
    shoal_device_state state = ToC(readings);
    callbacks.device_state(callbacks.context, &state);
    readings = FromC(state);
  };
}

std::function<absl::StatusOr<double>()> JoulesFrom(
    const shoal_callbacks& callbacks) {
  if (callbacks.joules == nullptr) return nullptr;
  return [callbacks]() -> absl::StatusOr<double> {
    double joules = 0;
    const int32_t failed = callbacks.joules(callbacks.context, &joules);
    if (failed == 0) return joules;
    return absl::UnavailableError(
        absl::StrCat("the product's meter returned ", failed));
  };
}

}  // namespace shoal::client
