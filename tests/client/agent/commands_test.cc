#include "client/agent/commands.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace shoal::client {
namespace {

using ::testing::internal::CaptureStderr;
using ::testing::internal::CaptureStdout;
using ::testing::internal::GetCapturedStderr;
using ::testing::internal::GetCapturedStdout;

// `prog draw --file TEXT [--copies NUMBER] [--colour TEXT | --ink TEXT]
// [--fill]` and `prog wipe`, which fails.
class CommandsTest : public ::testing::Test {
 protected:
  protocol::ExitCode Run(std::vector<const char*> words) {
    words.insert(words.begin(), "/usr/bin/prog");
    const CommandLine line = {
        .program = "prog",
        .version = "prog 1.2",
        .about = "Draws.",
        .commands = {{.name = "draw",
                      .about = "make a picture",
                      .options = {{"--file", &file_, "of the picture", true},
                                  {"--copies", &copies_, "how many"},
                                  {"--colour", &colour_, "of the pen"},
                                  {"--ink", &colour_, "the same"},
                                  {"--fill", &fill_, "areas too"}},
                      .example = "prog draw --file a.png",
                      .run = [&] { return Count(protocol::kExitOk); }},
                     {.name = "wipe",
                      .about = "the pen",
                      .options = {},
                      .example = "prog wipe",
                      .run = [&] { return Count(protocol::kExitFailure); }}}};
    CaptureStderr();
    CaptureStdout();
    const protocol::ExitCode code =
        RunCommandLine(line, static_cast<int>(words.size()), words.data());
    output_ = GetCapturedStdout();
    error_ = GetCapturedStderr();
    return code;
  }

  // No command has run, and `error` was said.
  void ExpectWrong(std::vector<const char*> words, const std::string& error) {
    runs_ = 0;
    EXPECT_EQ(Run(words), protocol::kExitUsage);
    EXPECT_EQ(error_, error);
    EXPECT_EQ(output_, "");
    EXPECT_EQ(runs_, 0);
  }

  protocol::ExitCode Count(protocol::ExitCode code) {
    ++runs_;
    return code;
  }

  std::string file_, colour_;
  int64_t copies_ = 0;
  bool fill_ = false;
  int runs_ = 0;
  std::string output_, error_;
};

TEST_F(CommandsTest, OptionsAreSetBeforeTheCommandRuns) {
  EXPECT_EQ(Run({"draw", "--copies", "3", "--fill", "--file", "a.png"}),
            protocol::kExitOk);
  EXPECT_EQ(runs_, 1);
  EXPECT_EQ(file_, "a.png");
  EXPECT_EQ(copies_, 3);
  EXPECT_TRUE(fill_);
  EXPECT_EQ(colour_, "");
  EXPECT_EQ(error_, "");
}

TEST_F(CommandsTest, ExitCodeIsTheCommands) {
  EXPECT_EQ(Run({"wipe"}), protocol::kExitFailure);
  EXPECT_EQ(runs_, 1);
}

TEST_F(CommandsTest, ValueMayFollowAnEqualsSign) {
  EXPECT_EQ(Run({"draw", "--file=a=b.png", "--colour="}), protocol::kExitOk);
  EXPECT_EQ(file_, "a=b.png");
  EXPECT_EQ(colour_, "");
}

TEST_F(CommandsTest, ValueMayBeginWithADash) {
  EXPECT_EQ(Run({"draw", "--file", "-1,2"}), protocol::kExitOk);
  EXPECT_EQ(file_, "-1,2");
}

TEST_F(CommandsTest, MissingCommandListsThoseThatThereAre) {
  ExpectWrong({},
              "prog: a command is missing, expected one of draw, wipe; see "
              "prog --help\n");
}

TEST_F(CommandsTest, UnknownCommandIsNamed) {
  ExpectWrong({"drow", "--file", "a.png"},
              "prog: unknown command 'drow', expected one of draw, wipe; see "
              "prog --help\n");
}

TEST_F(CommandsTest, RequiredOptionIsNamed) {
  ExpectWrong({"draw", "--fill"},
              "prog draw: --file is required; see prog draw --help\n");
}

TEST_F(CommandsTest, WordsThatAreNoOptionsAreNamed) {
  for (const std::string word :
       {"b.png", "--fil", "--filling", "-f", "", "="}) {
    ExpectWrong(
        {"draw", "--file", "a.png", word.c_str()},
        "prog draw: '" + word + "' was not expected; see prog draw --help\n");
  }
}

TEST_F(CommandsTest, ValueThatIsMissingIsWrong) {
  ExpectWrong({"draw", "--file"},
              "prog draw: --file: its value is missing; see prog draw "
              "--help\n");
}

TEST_F(CommandsTest, FlagWithAValueIsWrong) {
  ExpectWrong({"draw", "--file", "a.png", "--fill=no"},
              "prog draw: --fill takes no value; see prog draw --help\n");
}

TEST_F(CommandsTest, NumbersAreWholeAndPositive) {
  for (const std::string number : {"0", "-1", "1.5", "many", ""}) {
    ExpectWrong({"draw", "--file", "a.png", "--copies", number.c_str()},
                "prog draw: --copies: '" + number +
                    "', expected a whole number of at least 1; see prog draw "
                    "--help\n");
  }
}

TEST_F(CommandsTest, OptionGivenTwiceIsWrong) {
  ExpectWrong({"draw", "--file", "a.png", "--file", "b.png"},
              "prog draw: --file was given twice; see prog draw --help\n");
}

TEST_F(CommandsTest, OptionsThatSetTheSameExcludeEachOther) {
  ExpectWrong({"draw", "--file", "a.png", "--ink", "red", "--colour", "blue"},
              "prog draw: --colour excludes --ink; see prog draw --help\n");
}

TEST_F(CommandsTest, HelpListsTheCommands) {
  for (const char* word : {"--help", "-h"}) {
    EXPECT_EQ(Run({word}), protocol::kExitOk);
    EXPECT_EQ(output_,
              "Draws.\n"
              "Usage: prog COMMAND [OPTIONS]\n\n"
              "Options:\n"
              "  -h, --help                  print this and exit\n"
              "  --version                   print the version and exit\n\n"
              "Commands:\n"
              "  draw                        make a picture\n"
              "  wipe                        the pen\n\n"
              "Examples:\n"
              "  prog draw --file a.png\n"
              "  prog wipe\n");
  }
  EXPECT_EQ(runs_, 0);
}

TEST_F(CommandsTest, HelpOfACommandListsItsOptions) {
  EXPECT_EQ(Run({"draw", "--colour", "red", "--help"}), protocol::kExitOk);
  EXPECT_EQ(output_,
            "make a picture\n"
            "Usage: prog draw [OPTIONS]\n\n"
            "Options:\n"
            "  -h, --help                  print this and exit\n"
            "  --file TEXT REQUIRED        of the picture\n"
            "  --copies NUMBER             how many\n"
            "  --colour TEXT               of the pen\n"
            "  --ink TEXT                  the same\n"
            "  --fill                      areas too\n\n"
            "Example: prog draw --file a.png\n");
  EXPECT_EQ(runs_, 0);
}

TEST_F(CommandsTest, VersionIsPrinted) {
  EXPECT_EQ(Run({"--version"}), protocol::kExitOk);
  EXPECT_EQ(output_, "prog 1.2\n");
}

}  // namespace
}  // namespace shoal::client
