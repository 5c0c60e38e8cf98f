#include "configuration/command_line.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace shoal::configuration {
namespace {

using ::testing::HasSubstr;
using ::testing::Optional;
using ::testing::internal::CaptureStderr;
using ::testing::internal::CaptureStdout;
using ::testing::internal::GetCapturedStderr;
using ::testing::internal::GetCapturedStdout;

// `prog [--level N] pen {draw FILE, wipe}` and `prog ink`.
class CommandLineTest : public ::testing::Test {
 protected:
  CommandLineTest() {
    app_.add_option("--level", level_);
    app_.require_subcommand(1);
    app_.set_version_flag("--version", "prog 1.2");
    CLI::App* pen = app_.add_subcommand("pen", "");
    pen->require_subcommand(1);
    pen->fallthrough();
    pen->add_subcommand("draw", "")->add_option("FILE", file_)->required();
    pen->add_subcommand("wipe", "");
    app_.add_subcommand("ink", "");
  }

  std::optional<protocol::ExitCode> Parse(std::vector<const char*> words) {
    words.insert(words.begin(), "prog");
    CaptureStderr();
    CaptureStdout();
    const auto code =
        ParseCommandLine(app_, static_cast<int>(words.size()), words.data());
    output_ = GetCapturedStdout();
    error_ = GetCapturedStderr();
    return code;
  }

  CLI::App app_{"", "prog"};
  int level_ = 0;
  std::string file_;
  std::string output_;
  std::string error_;
};

TEST_F(CommandLineTest, WhatIsRightGoesOn) {
  EXPECT_EQ(Parse({"--level", "3", "pen", "draw", "a.png"}), std::nullopt);
  EXPECT_EQ(level_, 3);
  EXPECT_EQ(error_, "");
}

TEST_F(CommandLineTest, MissingCommandListsThoseThatThereAre) {
  EXPECT_THAT(Parse({}), Optional(protocol::kExitUsage));
  EXPECT_EQ(error_,
            "prog: a command is missing, expected one of pen, ink; see prog "
            "--help\n");
  EXPECT_THAT(Parse({"pen"}), Optional(protocol::kExitUsage));
  EXPECT_EQ(error_,
            "prog pen: a command is missing, expected one of draw, wipe; see "
            "prog pen --help\n");
}

TEST_F(CommandLineTest, UnknownCommandIsNamed) {
  EXPECT_THAT(Parse({"pencil"}), Optional(protocol::kExitUsage));
  EXPECT_THAT(error_, HasSubstr("unknown command 'pencil', expected one of "
                                "pen, ink"));
  EXPECT_THAT(Parse({"pen", "erase"}), Optional(protocol::kExitUsage));
  EXPECT_THAT(error_, HasSubstr("unknown command 'erase', expected one of "
                                "draw, wipe"));
}

TEST_F(CommandLineTest, WrongOptionIsNamed) {
  EXPECT_THAT(Parse({"--level", "high", "ink"}),
              Optional(protocol::kExitUsage));
  EXPECT_THAT(error_, HasSubstr("--level"));
  EXPECT_THAT(Parse({"pen", "draw"}), Optional(protocol::kExitUsage));
  EXPECT_THAT(error_, HasSubstr("prog pen draw: FILE"));
}

TEST_F(CommandLineTest, HelpAndVersionEndWithSuccess) {
  EXPECT_THAT(Parse({"--version"}), Optional(protocol::kExitOk));
  EXPECT_EQ(output_, "prog 1.2\n");
  EXPECT_THAT(Parse({"pen", "--help"}), Optional(protocol::kExitOk));
  EXPECT_THAT(output_, HasSubstr("draw"));
}

}  // namespace
}  // namespace shoal::configuration
