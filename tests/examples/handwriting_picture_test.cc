// The picture of the documentation can be drawn anew.
#include <zlib.h>

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "base/child_process.h"
#include "base/file.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace shoal::testing {
namespace {

// Twelve rows of twenty digits, two pixels a pixel.
constexpr uint32_t kWidth = 20 * 28 * 2;
constexpr uint32_t kHeight = 12 * 28 * 2;

uint32_t BigEndian(absl::string_view bytes) {
  uint32_t value = 0;
  for (int i = 0; i < 4; ++i) {
    value = value << 8 | static_cast<uint8_t>(bytes[i]);
  }
  return value;
}

class HandwritingPictureTest : public ::testing::Test {
 protected:
  int Run(const std::vector<std::string>& arguments) {
    std::vector<std::string> command = {
        std::filesystem::path(ExecutableFolder())
            .parent_path()
            .append("bin/handwriting_picture")};
    command.insert(command.end(), arguments.begin(), arguments.end());
    const auto process =
        ChildProcess::Start({.command = command,
                             .environment = {},
                             .log_path = folder_.path() + "/log"});
    EXPECT_THAT(process, IsOk());
    if (!process.ok()) return -1;
    const auto exit = (*process)->Wait(absl::Seconds(60));
    EXPECT_TRUE(exit.has_value());
    return exit.has_value() ? exit->code : -1;
  }
  std::string Draw(const std::string& seed) {
    EXPECT_EQ(Run({file_, seed}), 0);
    auto picture = ReadFile(file_);
    EXPECT_THAT(picture, IsOk());
    return picture.ok() ? *std::move(picture) : "";
  }

  const TemporaryFolder folder_;
  const std::string file_ = folder_.path() + "/picture.png";
};

TEST_F(HandwritingPictureTest, IsAPngWhoseEveryChunkIsIntact) {
  const std::string picture = Draw("1");
  absl::string_view rest = picture;
  ASSERT_TRUE(absl::StartsWith(rest, "\x89PNG\r\n\x1a\n"));
  rest.remove_prefix(8);
  std::string kinds;
  std::string pixels;
  while (rest.size() >= 12) {
    const uint32_t size = BigEndian(rest);
    ASSERT_LE(size, rest.size() - 12);
    const absl::string_view checked = rest.substr(4, size + 4);
    EXPECT_EQ(BigEndian(rest.substr(8 + size)),
              crc32(0, reinterpret_cast<const Bytef*>(checked.data()),
                    static_cast<uInt>(checked.size())));
    const absl::string_view kind = checked.substr(0, 4);
    kinds.append(kind.data(), kind.size());
    if (kind == "IHDR") {
      EXPECT_EQ(BigEndian(checked.substr(4)), kWidth);
      EXPECT_EQ(BigEndian(checked.substr(8)), kHeight);
    }
    if (kind == "IDAT") {
      pixels.append(checked.data() + 4, checked.size() - 4);
    }
    rest.remove_prefix(size + 12);
  }
  EXPECT_TRUE(rest.empty());
  EXPECT_EQ(kinds, "IHDRIDATIEND");

  // Every row has a byte for its filter.
  std::string raw(kHeight * (kWidth + 1), '\0');
  uLongf raw_size = raw.size();
  EXPECT_EQ(
      uncompress(reinterpret_cast<Bytef*>(raw.data()), &raw_size,
                 reinterpret_cast<const Bytef*>(pixels.data()), pixels.size()),
      Z_OK);
  EXPECT_EQ(raw_size, raw.size());
  EXPECT_GT(std::set<char>(raw.begin(), raw.end()).size(), 100u)
      << "levels of grey";
}

TEST_F(HandwritingPictureTest, SeedDecidesWhatIsDrawn) {
  const std::string first = Draw("1");
  EXPECT_EQ(Draw("1"), first);
  EXPECT_NE(Draw("2"), first);
}

TEST_F(HandwritingPictureTest, WrongArgumentsAreUsageErrors) {
  EXPECT_EQ(Run({}), 2);
  EXPECT_EQ(Run({file_, "no number"}), 2);
}

}  // namespace
}  // namespace shoal::testing
