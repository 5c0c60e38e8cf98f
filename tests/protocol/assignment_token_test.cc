#include "protocol/assignment_token.h"

#include <utility>

#include "base/hmac_key.h"
#include "gtest/gtest.h"
#include "protocol/messages.h"
#include "protocol/refusal.h"
#include "tests/support/status_matchers.h"

namespace shoal::protocol {
namespace {

using ::shoal::testing::IsOkAndHolds;

TokenKey Key(int64_t id, char fill) {
  return TokenKey{id, Secret(std::string(32, fill))};
}

TokenSigner SignerWith(TokenKey key) {
  std::vector<TokenKey> keys;
  keys.push_back(std::move(key));
  return TokenSigner(keys);
}

TokenClaims Claims() {
  TokenClaims claims;
  claims.task = "digits";
  claims.round_id = 42;
  claims.device_id = std::string(64, 'd');
  claims.base_model = Sha256("model");
  claims.deadline = absl::FromUnixMicros(1'700'000'000'123'456);
  return claims;
}

void ExpectRefused(const absl::StatusOr<TokenClaims>& verified) {
  ASSERT_FALSE(verified.ok());
  const std::optional<Refusal> refusal = RefusalOf(verified.status());
  ASSERT_TRUE(refusal.has_value());
  EXPECT_EQ(refusal->code, RefusalCode::kTokenInvalid);
}

TEST(TokenSignerTest, ClaimsComeBackAsTheyWereSigned) {
  const TokenSigner signer = SignerWith(Key(1, 'a'));
  EXPECT_THAT(signer.Verify(signer.Sign(Claims())), IsOkAndHolds(Claims()));
}

TEST(TokenSignerTest, AnExpiredTokenIsStillAuthentic) {
  const TokenSigner signer = SignerWith(Key(1, 'a'));
  TokenClaims claims = Claims();
  claims.deadline = absl::UnixEpoch() - absl::Hours(1);
  EXPECT_THAT(signer.Verify(signer.Sign(claims)), IsOkAndHolds(claims));
}

TEST(TokenSignerTest, TheLongestClaimsFitIntoATokensLimit) {
  const TokenSigner signer = SignerWith(Key(1, 'a'));
  TokenClaims claims = Claims();
  claims.task = std::string(200, 't');
  claims.device_id = std::string(200, 'd');
  EXPECT_LE(signer.Sign(claims).size(), kMaxTokenBytes);
}

TEST(TokenSignerTest, TheNewestKeySignsAndOldOnesStillVerify) {
  const std::string old_token = SignerWith(Key(1, 'a')).Sign(Claims());
  std::vector<TokenKey> keys;
  keys.push_back(Key(1, 'a'));
  keys.push_back(Key(2, 'b'));
  const TokenSigner rotated(std::move(keys));
  EXPECT_THAT(rotated.Verify(old_token), IsOkAndHolds(Claims()));
  const std::string new_token = rotated.Sign(Claims());
  EXPECT_THAT(SignerWith(Key(2, 'b')).Verify(new_token),
              IsOkAndHolds(Claims()));
  ExpectRefused(SignerWith(Key(1, 'a')).Verify(new_token));
}

TEST(TokenSignerTest, ATokenUnderAnotherKeyIsRefused) {
  ExpectRefused(
      SignerWith(Key(1, 'b')).Verify(SignerWith(Key(1, 'a')).Sign(Claims())));
}

TEST(TokenSignerTest, ATokenWithoutTheKeysPurposeIsRefused) {
  const std::string token = SignerWith(Key(1, 'a')).Sign(Claims());
  std::string forged = token.substr(0, token.size() - Digest::kSize);
  forged += std::string(HmacKey(std::string(32, 'a')).Of(forged).AsBytes());
  ExpectRefused(SignerWith(Key(1, 'a')).Verify(forged));
}

TEST(TokenSignerTest, EveryTruncationIsRefused) {
  const TokenSigner signer = SignerWith(Key(1, 'a'));
  const std::string token = signer.Sign(Claims());
  for (size_t size = 0; size < token.size(); ++size) {
    ExpectRefused(signer.Verify(token.substr(0, size)));
  }
}

TEST(TokenSignerTest, EveryFlippedBitIsRefused) {
  const TokenSigner signer = SignerWith(Key(1, 'a'));
  const std::string token = signer.Sign(Claims());
  for (size_t bit = 0; bit < 8 * token.size(); ++bit) {
    std::string flipped = token;
    flipped[bit / 8] ^= static_cast<char>(1 << (bit % 8));
    ExpectRefused(signer.Verify(flipped));
  }
}

TEST(TokenSignerTest, BytesAfterTheEndAreRefused) {
  const TokenSigner signer = SignerWith(Key(1, 'a'));
  ExpectRefused(signer.Verify(signer.Sign(Claims()) + "x"));
  ExpectRefused(signer.Verify(std::string(1 << 20, 'x')));
}

TEST(TokenSignerTest, TheRefusalDoesNotTellWhatWasWrong) {
  const TokenSigner signer = SignerWith(Key(1, 'a'));
  std::string wrong_mac = signer.Sign(Claims());
  wrong_mac.back() ^= 1;
  EXPECT_EQ(signer.Verify(wrong_mac).status(), signer.Verify("").status());
}

}  // namespace
}  // namespace shoal::protocol
