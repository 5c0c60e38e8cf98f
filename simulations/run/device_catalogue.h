// What devices of a class can do, and what it costs them:
// docs/reference/devices.md.
#ifndef SHOAL_SIMULATIONS_RUN_DEVICE_CATALOGUE_H_
#define SHOAL_SIMULATIONS_RUN_DEVICE_CATALOGUE_H_

#include "configuration/device_class.h"
#include "simulations/population.h"

namespace shoal::simulations {

// Of a class as a scenario has it. What it leaves open is that of the built-in
// class of that name (phone, raspberry_pi, gateway, wearable), or of a phone
// where there is none. Without limits: those are the caller's to keep.
// Its battery is there when the class has one written down.
DeviceTraits TraitsOf(const configuration::DeviceClass& kind);

// Of a class that has a battery, written down or not.
BatteryTraits BatteryOf(const configuration::DeviceClass& kind);

// Of a scenario that says nothing of its devices.
configuration::DeviceClass DefaultDeviceClass();

}  // namespace shoal::simulations

#endif  // SHOAL_SIMULATIONS_RUN_DEVICE_CATALOGUE_H_
