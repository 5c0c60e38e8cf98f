#include "base/random.h"

#include <openssl/rand.h>

#include <cmath>
#include <numbers>

#include "base/bytes.h"
#include "base/check.h"
#include "base/digest.h"

namespace shoal {
namespace {

constexpr double kTwoToMinus53 = 0x1p-53;

uint64_t RotateLeft(uint64_t x, int k) { return (x << k) | (x >> (64 - k)); }

}  // namespace

std::string SecureRng::Bytes(size_t size) {
  std::string bytes(size, '\0');
  Fill(absl::MakeSpan(reinterpret_cast<uint8_t*>(bytes.data()), size));
  return bytes;
}

uint64_t SecureRng::Uint64() { return LoadU64(Bytes(8).data()); }

double SecureRng::Uniform() {
  return static_cast<double>(Uint64() >> 11) * kTwoToMinus53;
}

void SystemRng::Fill(absl::Span<uint8_t> out) {
  SHOAL_CHECK(out.size() <= (size_t{1} << 30));
  SHOAL_CHECK(RAND_bytes(out.data(), static_cast<int>(out.size())) == 1);
}

SeededRng::SeededRng(uint64_t seed) {
  for (uint64_t& word : state_) {
    seed += 0x9e3779b97f4a7c15;
    uint64_t z = seed;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    word = z ^ (z >> 31);
  }
}

uint64_t SeededRng::Uint64() {
  const uint64_t result = RotateLeft(state_[0] + state_[3], 23) + state_[0];
  const uint64_t t = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= t;
  state_[3] = RotateLeft(state_[3], 45);
  return result;
}

uint64_t SeededRng::Below(uint64_t bound) {
  SHOAL_CHECK(bound > 0);
  const uint64_t rejected = (0 - bound) % bound;  // 2^64 mod bound
  while (true) {
    const uint64_t x = Uint64();
    if (x >= rejected) return x % bound;
  }
}

double SeededRng::Uniform() {
  return static_cast<double>(Uint64() >> 11) * kTwoToMinus53;
}

double SeededRng::Normal() {
  if (has_spare_normal_) {
    has_spare_normal_ = false;
    return spare_normal_;
  }
  const double radius = std::sqrt(-2 * std::log(1 - Uniform()));
  const double angle = 2 * std::numbers::pi * Uniform();
  spare_normal_ = radius * std::sin(angle);
  has_spare_normal_ = true;
  return radius * std::cos(angle);
}

double SeededRng::Gamma(double shape) {
  SHOAL_CHECK(shape > 0);
  if (shape < 1) {
    return Gamma(shape + 1) * std::pow(1 - Uniform(), 1 / shape);
  }
  const double d = shape - 1.0 / 3;
  const double c = 1 / std::sqrt(9 * d);
  while (true) {
    const double x = Normal();
    const double v = std::pow(1 + c * x, 3);
    if (v <= 0) continue;
    const double u = 1 - Uniform();
    if (std::log(u) < 0.5 * x * x + d * (1 - v + std::log(v))) return d * v;
  }
}

uint64_t DeriveSeed(uint64_t seed, absl::string_view purpose,
                    absl::Span<const uint64_t> numbers) {
  std::string text;
  AppendU64(text, seed);
  AppendU64(text, purpose.size());
  text.append(purpose.data(), purpose.size());
  for (uint64_t number : numbers) AppendU64(text, number);
  return LoadU64(Sha256(text).AsBytes().data());
}

}  // namespace shoal
