#include "base/logging.h"

#include <cstdint>
#include <limits>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace shoal {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::internal::CaptureStderr;
using ::testing::internal::GetCapturedStderr;

constexpr char kTime[] =
    "[0-9]+-[0-9]+-[0-9]+T[0-9]+:[0-9]+:[0-9]+\\.[0-9][0-9][0-9]Z";

std::string TextLine(absl::string_view message, Logger::Fields fields) {
  StderrLogger logger(Severity::kDebug);
  CaptureStderr();
  logger.Info(message, fields);
  return GetCapturedStderr();
}

std::string JsonLine(absl::string_view message, Logger::Fields fields) {
  StderrLogger logger(Severity::kDebug, /*json=*/true);
  CaptureStderr();
  logger.Info(message, fields);
  return GetCapturedStderr();
}

TEST(StderrLoggerTest, LineHasTimeSeverityMessageAndFields) {
  EXPECT_THAT(TextLine("round sealed", {{"round", 7}, {"task", "digits"}}),
              MatchesRegex(std::string(kTime) +
                           " INFO round sealed round=7 task=digits\n"));
}

TEST(StderrLoggerTest, ValueThatIsNotOneWordIsQuoted) {
  EXPECT_THAT(TextLine("m", {{"why", "disk full"}}),
              HasSubstr("why=\"disk full\""));
  EXPECT_THAT(TextLine("m", {{"why", ""}}), HasSubstr("why=\"\""));
  EXPECT_THAT(TextLine("m", {{"why", "a=b"}}), HasSubstr("why=\"a=b\""));
}

TEST(StderrLoggerTest, ValueCannotForgeALine) {
  for (absl::string_view value : {"x\n2026-01-01T00:00:00.000Z ERROR forged",
                                  "x\rforged", "x\x1b[2Jforged"}) {
    const std::string line = TextLine("m", {{"name", value}});
    EXPECT_EQ(line.find_first_of("\n\r\x1b"), line.size() - 1) << line;
  }
}

TEST(StderrLoggerTest, MessageCannotForgeALine) {
  const std::string line = TextLine("bad file\nforged", {});
  EXPECT_EQ(line.find('\n'), line.size() - 1) << line;
}

TEST(StderrLoggerTest, JsonLineIsOneObject) {
  EXPECT_THAT(
      JsonLine("round sealed", {{"round", 7}}),
      MatchesRegex(std::string("\\{\"time\":\"") + kTime +
                   "\",\"severity\":\"INFO\",\"message\":\"round sealed\","
                   "\"round\":7\\}\n"));
}

TEST(StderrLoggerTest, JsonHasNumbersAsNumbersAndTextAsText) {
  const std::string line = JsonLine(
      "m", {{"loss", 0.25}, {"id", int64_t{-3}}, {"name", "17"}, {"n", 5u}});
  EXPECT_THAT(line, HasSubstr(R"("loss":0.25,"id":-3,"name":"17","n":5})"));
}

TEST(StderrLoggerTest, JsonHasNoNotationForInfinity) {
  EXPECT_THAT(
      JsonLine("m", {{"loss", std::numeric_limits<double>::infinity()}}),
      HasSubstr(R"("loss":"inf")"));
  EXPECT_THAT(
      JsonLine("m", {{"loss", std::numeric_limits<double>::quiet_NaN()}}),
      HasSubstr(R"("loss":"nan")"));
}

TEST(StderrLoggerTest, JsonEscapesQuotesBackslashesAndControls) {
  EXPECT_THAT(JsonLine("say \"a\\b\"\n\x01", {}),
              HasSubstr(R"("message":"say \"a\\b\"\u000a\u0001")"));
}

TEST(StderrLoggerTest, BelowTheMinimumNothingIsWritten) {
  StderrLogger logger(Severity::kWarning);
  CaptureStderr();
  logger.Debug("no");
  logger.Info("no");
  logger.Warning("yes");
  logger.Error("yes");
  const std::string lines = GetCapturedStderr();
  EXPECT_THAT(lines, ::testing::Not(HasSubstr("no")));
  EXPECT_THAT(lines, HasSubstr("WARNING yes"));
  EXPECT_THAT(lines, HasSubstr("ERROR yes"));
}

TEST(NullLoggerTest, WritesNothing) {
  NullLogger logger;
  CaptureStderr();
  logger.Error("nobody reads this", {{"key", 1}});
  EXPECT_EQ(GetCapturedStderr(), "");
}

}  // namespace
}  // namespace shoal
