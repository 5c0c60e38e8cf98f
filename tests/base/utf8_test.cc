#include "base/utf8.h"

#include <string>

#include "gtest/gtest.h"

namespace shoal {
namespace {

TEST(Utf8Test, TextOfAllLengthsIsUtf8) {
  EXPECT_TRUE(IsUtf8(""));
  EXPECT_TRUE(IsUtf8("plain"));
  EXPECT_TRUE(IsUtf8(absl::string_view("\0", 1)));
  EXPECT_TRUE(IsUtf8("é \xC2\x80 \xDF\xBF"));
  EXPECT_TRUE(IsUtf8("… \xE0\xA0\x80 \xED\x9F\xBF \xEF\xBF\xBF"));
  EXPECT_TRUE(IsUtf8("🐟 \xF0\x90\x80\x80 \xF4\x8F\xBF\xBF"));
}

TEST(Utf8Test, AnythingElseIsNot) {
  for (const char* bytes : {"\x80",              // a continuation alone
                            "\xC3",              // cut off
                            "\xC3(",             // not continued
                            "\xE2\x80",          // cut off
                            "\xC0\xAF",          // too long a form of '/'
                            "\xC1\xBF",          // too long
                            "\xE0\x9F\xBF",      // too long
                            "\xF0\x8F\xBF\xBF",  // too long
                            "\xED\xA0\x80",      // a surrogate
                            "\xF4\x90\x80\x80",  // beyond U+10FFFF
                            "\xF5\x80\x80\x80",  // beyond U+10FFFF
                            "\xFF"}) {
    EXPECT_FALSE(IsUtf8(bytes)) << bytes;
    EXPECT_FALSE(IsUtf8(std::string("ok ") + bytes)) << bytes;
  }
}

}  // namespace
}  // namespace shoal
