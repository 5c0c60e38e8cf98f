#include "configuration/device_class.h"

#include "absl/strings/string_view.h"
#include "base/check.h"
#include "protocol/schema/access.h"

namespace shoal::configuration {
namespace {

using protocol::schema::Has;
using protocol::schema::Message;
using protocol::schema::MutablePart;
using protocol::schema::Part;
using protocol::schema::Read;
using protocol::schema::Write;

// Absent stays absent.
template <typename T>
void ReadOptional(const Message& message, absl::string_view name,
                  std::optional<T>& value) {
  if (Has(message, name)) Read(message, name, value.emplace());
}

template <typename T>
void WriteOptional(Message& message, absl::string_view name,
                   const std::optional<T>& value) {
  if (value.has_value()) Write(message, name, *value);
}

AvailabilityModel AvailabilityFrom(const Message& message) {
  const absl::string_view kind = protocol::schema::Chosen(message);
  if (kind == "diurnal") {
    const Message& part = Part(message, kind);
    DiurnalAvailability diurnal;
    Read(part, "start", diurnal.start);
    Read(part, "length", diurnal.length);
    Read(part, "spread", diurnal.spread);
    Read(part, "chance", diurnal.chance);
    Read(part, "around_the_world", diurnal.around_the_world);
    return diurnal;
  }
  if (kind == "trace") {
    TraceAvailability trace;
    Read(Part(message, kind), "path", trace.path);
    Read(Part(message, kind), "repeat", trace.repeat);
    return trace;
  }
  return AlwaysAvailable();
}

void WriteAvailability(const AvailabilityModel& model, Message& message) {
  if (const auto* diurnal = std::get_if<DiurnalAvailability>(&model)) {
    Message& part = MutablePart(message, "diurnal");
    Write(part, "start", diurnal->start);
    Write(part, "length", diurnal->length);
    Write(part, "spread", diurnal->spread);
    Write(part, "chance", diurnal->chance);
    Write(part, "around_the_world", diurnal->around_the_world);
  } else if (const auto* trace = std::get_if<TraceAvailability>(&model)) {
    Message& part = MutablePart(message, "trace");
    Write(part, "path", trace->path);
    if (trace->repeat < absl::InfiniteDuration()) {
      Write(part, "repeat", trace->repeat);
    }
  } else {
    MutablePart(message, "always");
  }
}

BatteryModel BatteryFrom(const Message& message) {
  BatteryModel battery;
  ReadOptional(message, "capacity", battery.capacity_joules);
  ReadOptional(message, "watts_drained", battery.watts_drained);
  ReadOptional(message, "watts_charging", battery.watts_charging);
  if (Has(message, "plugged_in")) {
    battery.plugged_in = AvailabilityFrom(Part(message, "plugged_in"));
  }
  return battery;
}

void WriteBattery(const BatteryModel& battery, Message& message) {
  WriteOptional(message, "capacity", battery.capacity_joules);
  WriteOptional(message, "watts_drained", battery.watts_drained);
  WriteOptional(message, "watts_charging", battery.watts_charging);
  if (battery.plugged_in.has_value()) {
    WriteAvailability(*battery.plugged_in, MutablePart(message, "plugged_in"));
  }
}

}  // namespace

DeviceClass DeviceClassFrom(const Message& message) {
  DeviceClass made;
  Read(message, "class", made.name);
  Read(message, "share", made.share);
  ReadOptional(message, "memory", made.memory_bytes);
  if (Has(message, "limits")) made.limits = Part(message, "limits");
  ReadOptional(message, "gigaflops", made.gigaflops);
  const Message& network = Part(message, "network");
  ReadOptional(network, "latency", made.network.latency);
  ReadOptional(network, "down", made.network.down);
  ReadOptional(network, "up", made.network.up);
  made.availability = AvailabilityFrom(Part(message, "availability"));
  Read(message, "failure_rate", made.failure_rate);
  if (Has(message, "energy")) made.energy = Part(message, "energy");
  Read(message, "spread", made.spread);
  if (Has(message, "battery")) {
    made.battery = BatteryFrom(Part(message, "battery"));
  }
  return made;
}

void WriteDeviceClass(const DeviceClass& kind, Message& message) {
  Write(message, "class", kind.name);
  Write(message, "share", kind.share);
  WriteOptional(message, "memory", kind.memory_bytes);
  if (kind.limits.has_value()) MutablePart(message, "limits") = *kind.limits;
  WriteOptional(message, "gigaflops", kind.gigaflops);
  const NetworkModel& link = kind.network;
  if (link.latency.has_value() || link.down.has_value() ||
      link.up.has_value()) {
    Message& network = MutablePart(message, "network");
    WriteOptional(network, "latency", link.latency);
    WriteOptional(network, "down", link.down);
    WriteOptional(network, "up", link.up);
  }
  WriteAvailability(kind.availability, MutablePart(message, "availability"));
  Write(message, "failure_rate", kind.failure_rate);
  if (kind.energy.has_value()) MutablePart(message, "energy") = *kind.energy;
  Write(message, "spread", kind.spread);
  if (kind.battery.has_value()) {
    WriteBattery(*kind.battery, MutablePart(message, "battery"));
  }
}

}  // namespace shoal::configuration
