#include "coordinator/engine/fleet_size.h"

#include <algorithm>
#include <cmath>

namespace shoal::coordinator {
namespace {

constexpr int kSlotBits = 18;
constexpr int64_t kSlots = int64_t{1} << kSlotBits;

// FNV-1a, then the finaliser of SplitMix64: the same on every machine. Ids are
// hashes of keys already; nobody gains by choosing them.
uint64_t Hash(absl::string_view text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) {
    hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
  }
  hash = (hash ^ (hash >> 30)) * 0xbf58476d1ce4e5b9;
  hash = (hash ^ (hash >> 27)) * 0x94d049bb133111eb;
  return hash ^ (hash >> 31);
}

}  // namespace

int64_t FleetSize::Sketch::Estimate() const {
  const double zeros = std::max<double>(kSlots - ones, 1);
  return std::llround(-std::log(zeros / kSlots) * kSlots);
}

void FleetSize::Note(absl::string_view device_id, absl::Time now) {
  // Also when the clock has jumped back.
  if (now < started_ || now - started_ >= window_) {
    previous_ = std::move(current_);
    current_ = Sketch();
    current_.words.resize(kSlots / 64);
    started_ = now;
  }
  const uint64_t slot = Hash(device_id) >> (64 - kSlotBits);
  const uint64_t bit = uint64_t{1} << (slot % 64);
  uint64_t& word = current_.words[slot / 64];
  if ((word & bit) != 0) return;
  word |= bit;
  ++current_.ones;
}

int64_t FleetSize::Estimate() const {
  return std::max(current_.Estimate(), previous_.Estimate());
}

}  // namespace shoal::coordinator
