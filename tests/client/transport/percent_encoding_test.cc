#include "client/transport/percent_encoding.h"

#include "gtest/gtest.h"

namespace shoal::client {
namespace {

TEST(PercentEncodingTest, EncodedBytesAreDecoded) {
  EXPECT_EQ(PercentDecode("50%25 of%20it%0a"), "50% of it\n");
  EXPECT_EQ(PercentDecode("%E2%80%A6 und %c3%a4"), "… und ä");
}

TEST(PercentEncodingTest, WhatIsNoEncodingStays) {
  EXPECT_EQ(PercentDecode("100%"), "100%");
  EXPECT_EQ(PercentDecode("%4"), "%4");
  EXPECT_EQ(PercentDecode("%zz%4g"), "%zz%4g");
  EXPECT_EQ(PercentDecode("%%41"), "%A");
  EXPECT_EQ(PercentDecode(""), "");
}

}  // namespace
}  // namespace shoal::client
