#include "client/limits/energy_model.h"

#include <numeric>

namespace shoal::client {
namespace {

constexpr double kMega = 1e6;
constexpr double kGiga = 1e9;

}  // namespace

Work operator+(const Work& a, const Work& b) {
  return {a.connections + b.connections, a.bytes_received + b.bytes_received,
          a.bytes_sent + b.bytes_sent, a.flops + b.flops,
          a.seconds + b.seconds};
}

Work operator-(const Work& a, const Work& b) { return a + -1.0 * b; }

Work operator*(double factor, const Work& work) {
  return {factor * work.connections, factor * work.bytes_received,
          factor * work.bytes_sent, factor * work.flops, factor * work.seconds};
}

EnergyVector FeaturesOf(const Work& work) {
  return {work.connections, work.bytes_received / kMega,
          work.bytes_sent / kMega, work.flops / kGiga, work.seconds};
}

EnergyVector AsVector(const EnergyCoefficients& coefficients) {
  return {coefficients.joules_per_connection,
          coefficients.joules_per_received_megabyte,
          coefficients.joules_per_sent_megabyte,
          coefficients.joules_per_gigaflop, coefficients.watts_awake};
}

EnergyCoefficients FromVector(const EnergyVector& values) {
  return {values[0], values[1], values[2], values[3], values[4]};
}

double Joules(const EnergyCoefficients& coefficients, const Work& work) {
  const EnergyVector weights = AsVector(coefficients);
  const EnergyVector features = FeaturesOf(work);
  return std::inner_product(weights.begin(), weights.end(), features.begin(),
                            0.0);
}

}  // namespace shoal::client
