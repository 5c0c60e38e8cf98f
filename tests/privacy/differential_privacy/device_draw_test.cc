#include "privacy/differential_privacy/device_draw.h"

#include <cmath>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace shoal::privacy {
namespace {

constexpr char kKey[] = "0123456789abcdef0123456789abcdef";
constexpr int kDevices = 40'000;

int Drawn(const DeviceDraw& draw) {
  int drawn = 0;
  for (int i = 0; i < kDevices; ++i) {
    drawn += draw.Includes(absl::StrCat("device-", i));
  }
  return drawn;
}

TEST(DeviceDrawTest, DrawsEveryDeviceWithItsProbability) {
  // More than 5.5 standard deviations off once in 26 million keys.
  for (const double rate : {0.001, 0.1, 0.5, 0.9}) {
    EXPECT_NEAR(Drawn(DeviceDraw(kKey, 7, rate)), rate * kDevices,
                5.5 * std::sqrt(kDevices * rate * (1 - rate)))
        << rate;
  }
  EXPECT_EQ(Drawn(DeviceDraw(kKey, 7, 1)), kDevices);
}

TEST(DeviceDrawTest, AnswersTheSameEachTime) {
  const DeviceDraw draw(kKey, 7, 0.5);
  const DeviceDraw again(kKey, 7, 0.5);
  for (int i = 0; i < 100; ++i) {
    const std::string device = absl::StrCat("device-", i);
    EXPECT_EQ(draw.Includes(device), again.Includes(device));
  }
}

// Of two draws that have nothing to do with each other half of the devices get
// the same answer.
TEST(DeviceDrawTest, RoundsAndKeysAreIndependent) {
  const DeviceDraw draw(kKey, 7, 0.5);
  for (const DeviceDraw& other :
       {DeviceDraw(kKey, 8, 0.5),
        DeviceDraw("fedcba9876543210fedcba9876543210", 7, 0.5)}) {
    int same = 0;
    for (int i = 0; i < kDevices; ++i) {
      const std::string device = absl::StrCat("device-", i);
      same += draw.Includes(device) == other.Includes(device);
    }
    EXPECT_NEAR(same, kDevices / 2, 5.5 * std::sqrt(kDevices / 4));
  }
}

}  // namespace
}  // namespace shoal::privacy
