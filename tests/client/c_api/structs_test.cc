#include "client/c_api/structs.h"

#include <cstddef>

#include "client/include/shoal.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace shoal::client {
namespace {

using ::shoal::testing::StatusIs;
using ::testing::HasSubstr;

// A program of an older version has shorter structures, one of a newer longer.
struct Newer {
  shoal_tick_result known;
  int64_t more;
};

TEST(CStructTest, ShorterStructuresAreReadAndWrittenAsFarAsTheyGo) {
  shoal_tick_result given = {};
  given.next_ms = 7;
  given.session_ended = 1;
  given.struct_size = offsetof(shoal_tick_result, session_ended);
  const auto read = ReadStruct(&given, "tick");
  SHOAL_ASSERT_OK(read);
  EXPECT_EQ(read->next_ms, 7);
  EXPECT_EQ(read->session_ended, 0);
  shoal_tick_result values = {};
  values.next_ms = 9;
  values.session_ended = 2;
  WriteStruct(values, &given);
  EXPECT_EQ(given.next_ms, 9);
  EXPECT_EQ(given.session_ended, 1);
}

TEST(CStructTest, LongerStructuresMustNotAskForWhatIsNotKnown) {
  Newer newer = {};
  newer.known.struct_size = sizeof newer;
  SHOAL_EXPECT_OK(ReadStruct(&newer.known, "tick").status());
  newer.more = 1;
  EXPECT_THAT(ReadStruct(&newer.known, "tick"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("tick: sets a member")));
}

// Programs step through an array of them by the size that they were built with.
TEST(CStructTest, TensorsStayAsTheyAre) {
  struct Frozen {
    const char* name;
    const int64_t* dims;
    size_t num_dims;
    int32_t trained;
  };
  EXPECT_EQ(sizeof(shoal_tensor), sizeof(Frozen));
  EXPECT_EQ(offsetof(shoal_tensor, dims), offsetof(Frozen, dims));
  EXPECT_EQ(offsetof(shoal_tensor, num_dims), offsetof(Frozen, num_dims));
  EXPECT_EQ(offsetof(shoal_tensor, trained), offsetof(Frozen, trained));
}

TEST(CStructTest, TextIsCutBetweenCharacters) {
  char out[5];
  CopyText("abcd", out);
  EXPECT_STREQ(out, "abcd");
  CopyText("abcü", out);  // five bytes
  EXPECT_STREQ(out, "abc");
}

}  // namespace
}  // namespace shoal::client
