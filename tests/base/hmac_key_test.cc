#include "base/hmac_key.h"

#include <string>
#include <utility>

#include "gtest/gtest.h"

namespace shoal {
namespace {

// RFC 4231, test case 2.
TEST(HmacKeyTest, MacOfPublishedVector) {
  EXPECT_EQ(HmacKey("Jefe").Of("what do ya want for nothing?").ToHex(),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

// RFC 4231, test case 6.
TEST(HmacKeyTest, KeyMayBeLongerThanABlock) {
  EXPECT_EQ(HmacKey(std::string(131, '\xaa'))
                .Of("Test Using Larger Than Block-Size Key - Hash Key First")
                .ToHex(),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(HmacKeyTest, MessagesDoNotDisturbEachOther) {
  HmacKey key("Jefe");
  const Digest first = key.Of("a");
  EXPECT_NE(key.Of("b"), first);
  const HmacKey moved = std::move(key);
  EXPECT_EQ(moved.Of("a"), first);
}

}  // namespace
}  // namespace shoal
