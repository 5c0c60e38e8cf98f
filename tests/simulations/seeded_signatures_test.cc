#include "simulations/seeded_signatures.h"

#include <string>

#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace shoal::simulations {
namespace {

TEST(SeededSignaturesTest, NameWhoSigned) {
  const SeededAuthority authority(1);
  const auto signer = authority.Issue("device-3");
  const auto signature = signer->Sign("keys");
  SHOAL_ASSERT_OK(signature.status());
  const auto device =
      authority.Verify(signer->certificate(), "keys", *signature);
  SHOAL_ASSERT_OK(device.status());
  EXPECT_EQ(*device, "device-3");
}

TEST(SeededSignaturesTest, AreRefusedWhenAnythingIsChanged) {
  const SeededAuthority authority(1);
  const auto signer = authority.Issue("device-3");
  const std::string certificate = signer->certificate();
  const std::string signature = signer->Sign("keys").value_or("");
  const auto code = [&](const std::string& c, const std::string& m,
                        const std::string& s) {
    return authority.Verify(c, m, s).status().code();
  };
  EXPECT_EQ(code(certificate, "keys", signature), absl::StatusCode::kOk);
  const auto lie = absl::StatusCode::kInvalidArgument;
  EXPECT_EQ(code(certificate, "key", signature), lie);
  EXPECT_EQ(code(certificate, "keys", signature.substr(1)), lie);
  EXPECT_EQ(code(certificate, "keys", ""), lie);
  const auto bad = absl::StatusCode::kUnauthenticated;
  EXPECT_EQ(code(certificate + "0", "keys", signature), bad);
  EXPECT_EQ(code(certificate.substr(0, 40), "keys", signature), bad);
  const auto other = authority.Issue("device-4");
  EXPECT_EQ(code(other->certificate(), "keys", signature), lie);
  const SeededAuthority stranger(2);
  EXPECT_EQ(code(stranger.Issue("device-3")->certificate(), "keys",
                 stranger.Issue("device-3")->Sign("keys").value_or("")),
            bad);
}

TEST(SeededSignaturesTest, FollowFromTheSeed) {
  EXPECT_EQ(SeededAuthority(1).Issue("device-3")->certificate(),
            SeededAuthority(1).Issue("device-3")->certificate());
  EXPECT_NE(SeededAuthority(1).Issue("device-3")->certificate(),
            SeededAuthority(2).Issue("device-3")->certificate());
}

}  // namespace
}  // namespace shoal::simulations
