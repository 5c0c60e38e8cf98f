// What work costs where nothing measures it, and before it is done:
//
//   E = wake · connections + rx · received + tx · sent + flop · F + idle · t
//
// with bytes received and sent over the radio, F floating-point operations and
// t the time awake. Small models cost little beside the radio's wake-up; large
// ones the other way round.
#ifndef SHOAL_CLIENT_LIMITS_ENERGY_MODEL_H_
#define SHOAL_CLIENT_LIMITS_ENERGY_MODEL_H_

#include <array>
#include <cstddef>

#include "client/include/shoal/limits.h"

namespace shoal::client {

// What costs energy: done, or planned. All >= 0.
struct Work {
  double connections = 0;
  double bytes_received = 0;
  double bytes_sent = 0;
  double flops = 0;
  double seconds = 0;

  friend Work operator+(const Work& a, const Work& b);
  friend Work operator-(const Work& a, const Work& b);
  friend Work operator*(double factor, const Work& work);
  friend bool operator==(const Work&, const Work&) = default;
};

// Joules per unit of work.
using EnergyCoefficients = DeviceEnergyCosts;

inline constexpr size_t kNumCoefficients = 5;
using EnergyVector = std::array<double, kNumCoefficients>;

// In the units and the order of EnergyCoefficients.
EnergyVector FeaturesOf(const Work& work);
EnergyVector AsVector(const EnergyCoefficients& coefficients);
EnergyCoefficients FromVector(const EnergyVector& values);

double Joules(const EnergyCoefficients& coefficients, const Work& work);

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_LIMITS_ENERGY_MODEL_H_
