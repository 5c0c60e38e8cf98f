#include "simulations/device_classes.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/types/span.h"
#include "base/random.h"

namespace shoal::simulations {
namespace {

// Devices of every class: the place where its share ends, rounded, less the one
// where it begins.
std::vector<int> CountDevices(const configuration::Scenario& scenario) {
  std::vector<int> counts;
  double end = 0;
  int before = 0;
  for (const configuration::DeviceClass& kind : scenario.classes) {
    end += kind.share;
    const int until =
        std::min(scenario.devices,
                 static_cast<int>(std::lround(end * scenario.devices)));
    counts.push_back(until - before);
    before = until;
  }
  return counts;
}

}  // namespace

std::vector<int> AssignClasses(const configuration::Scenario& scenario) {
  std::vector<int> classes;
  const std::vector<int> counts = CountDevices(scenario);
  for (size_t i = 0; i < counts.size(); ++i) {
    classes.insert(classes.end(), counts[i], static_cast<int>(i));
  }
  SeededRng rng(DeriveSeed(scenario.seed, "device classes"));
  rng.Shuffle(absl::MakeSpan(classes));
  return classes;
}

std::string ClassesText(const configuration::Scenario& scenario) {
  const std::vector<int> counts = CountDevices(scenario);
  std::vector<std::string> parts;
  for (size_t i = 0; i < counts.size(); ++i) {
    parts.push_back(absl::StrCat(counts[i], " ", scenario.classes[i].name));
  }
  return absl::StrJoin(parts, ", ");
}

}  // namespace shoal::simulations
