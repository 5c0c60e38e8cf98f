// Which device of a scenario is of which class.
#ifndef SHOAL_SIMULATIONS_DEVICE_CLASSES_H_
#define SHOAL_SIMULATIONS_DEVICE_CLASSES_H_

#include <string>
#include <vector>

#include "configuration/programs.h"

namespace shoal::simulations {

// Of every device, an index into scenario.classes; empty without classes. Every
// class gets its share of the devices, to within one; who is of which follows
// from the scenario's seed.
std::vector<int> AssignClasses(const configuration::Scenario& scenario);

// "8 gateway, 6 phone, 6 sensor"; "" without classes.
std::string ClassesText(const configuration::Scenario& scenario);

}  // namespace shoal::simulations

#endif  // SHOAL_SIMULATIONS_DEVICE_CLASSES_H_
