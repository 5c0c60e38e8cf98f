#include "learning/data/sha256sums.h"

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/learning/data/files.h"
#include "tests/support/status_matchers.h"

namespace shoal::learning {
namespace {

using ::shoal::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;

// SHA-256 of "abc" (FIPS 180-4, appendix B.1).
constexpr char kAbc[] =
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

TEST(Sha256Sums, NothingToCheckWithoutTheFile) {
  TemporaryFolder folder;
  SHOAL_EXPECT_OK(CheckSha256Sums(folder.path(), {"absent"}));
}

TEST(Sha256Sums, MatchingFilesAreAccepted) {
  TemporaryFolder folder;
  WriteFile(folder.path(), "a.txt", "abc");
  WriteFile(folder.path(), "sub/b.bin", "abc");
  WriteFile(folder.path(), "SHA256SUMS",
            absl::StrCat(kAbc, "  a.txt\n", kAbc, " *./sub/b.bin\r\n"));
  SHOAL_EXPECT_OK(CheckSha256Sums(folder.path(), {"a.txt", "sub/b.bin"}));
}

TEST(Sha256Sums, MismatchNamesTheFileAndBothDigests) {
  TemporaryFolder folder;
  WriteFile(folder.path(), "a.txt", "abd");
  WriteFile(folder.path(), "SHA256SUMS", absl::StrCat(kAbc, "  a.txt\n"));
  EXPECT_THAT(CheckSha256Sums(folder.path(), {"a.txt"}),
              StatusIs(absl::StatusCode::kDataLoss,
                       AllOf(HasSubstr("/a.txt: "), HasSubstr(kAbc),
                             HasSubstr(Sha256("abd").ToHex()))));
}

TEST(Sha256Sums, FilesThatAreNotAskedForAreNotChecked) {
  TemporaryFolder folder;
  WriteFile(folder.path(), "a.txt", "abc");
  WriteFile(folder.path(), "SHA256SUMS",
            absl::StrCat(kAbc, "  a.txt\n", kAbc, "  absent\n"));
  SHOAL_EXPECT_OK(CheckSha256Sums(folder.path(), {"a.txt", "unlisted"}));
}

TEST(Sha256Sums, ListedFileThatIsMissingIsNotFound) {
  TemporaryFolder folder;
  WriteFile(folder.path(), "SHA256SUMS", absl::StrCat(kAbc, "  a.txt\n"));
  EXPECT_THAT(CheckSha256Sums(folder.path(), {"a.txt"}),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/a.txt")));
}

TEST(Sha256Sums, MalformedLineIsNamed) {
  TemporaryFolder folder;
  for (const std::string& line :
       {std::string("hello"), std::string(kAbc), absl::StrCat(kAbc, "  "),
        absl::StrCat(kAbc, " a.txt"), absl::StrCat("x", kAbc, "  a.txt")}) {
    WriteFile(folder.path(), "SHA256SUMS",
              absl::StrCat(kAbc, "  b\n", line, "\n"));
    EXPECT_THAT(
        CheckSha256Sums(folder.path(), {"a.txt"}),
        StatusIs(absl::StatusCode::kDataLoss, HasSubstr("SHA256SUMS:2: ")))
        << line;
  }
}

}  // namespace
}  // namespace shoal::learning
