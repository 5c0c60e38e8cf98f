#include "simulations/live/progress.h"

#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace shoal::simulations {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

ProgressState Example() {
  return {.rounds_done = 7,
          .rounds = 30,
          .reports = 16,
          .train_loss = 0.4321,
          .test_accuracy = 0.912,
          .bytes_up = 1'200'000,
          .bytes_down = 3'400,
          .elapsed = absl::Seconds(14)};
}

// What a display writes into a file.
class Output {
 public:
  Output() : file_(std::tmpfile()) {}
  ~Output() { std::fclose(file_); }
  std::FILE* file() { return file_; }
  std::string text() {
    std::rewind(file_);
    std::string text(4096, '\0');
    text.resize(std::fread(text.data(), 1, text.size(), file_));
    return text;
  }

 private:
  std::FILE* const file_;
};

TEST(ProgressTest, TextShowsEverythingThatIsKnown) {
  EXPECT_EQ(ProgressText(Example()),
            "round  7/30  test 91.2 %  46 s left  16 reports  "
            "train loss 0.432  1.2 MB up  3.4 kB down");
}

TEST(ProgressTest, TextLeavesOutWhatIsNotKnown) {
  ProgressState state = {.rounds = 3};
  EXPECT_EQ(ProgressText(state), "round 0/3   0 reports  0 B up  0 B down");
}

TEST(ProgressTest, TimeLeftFollowsThePace) {
  EXPECT_EQ(TimeLeft(Example()), absl::Seconds(46));  // 14 / 7 * 23
  ProgressState state = Example();
  state.rounds_done = 0;
  EXPECT_EQ(TimeLeft(state), std::nullopt);
  state.rounds_done = 30;
  EXPECT_EQ(TimeLeft(state), absl::ZeroDuration());
}

TEST(ProgressTest, BarFillsUp) {
  EXPECT_EQ(ProgressBar(0, 4), "[....]");
  EXPECT_EQ(ProgressBar(0.5, 4), "[##..]");
  EXPECT_EQ(ProgressBar(1, 4), "[####]");
}

TEST(ProgressTest, FilesGetOneLinePerRound) {
  Output output;
  ProgressDisplay display(output.file(), 0);
  display.Update(Example());
  display.RoundDone(Example());
  display.Step("alone", 1, 2);
  display.Step("alone", 2, 2);
  EXPECT_EQ(output.text(), ProgressText(Example()) + "\nalone  2/2\n");
}

TEST(ProgressTest, TerminalsGetOneLineThatIsRedrawnAndFits) {
  Output output;
  {
    ProgressDisplay display(output.file(), 40);
    display.Update(Example());
    display.RoundDone(Example());
    display.Say("done");
  }
  const std::string line = "\r[##..........] round  7/30  test 91.2 %\x1b[K";
  EXPECT_EQ(output.text(), line + line + "\ndone\n");
}

TEST(ProgressTest, TheLineIsEndedOnce) {
  Output output;
  {
    ProgressDisplay display(output.file(), 80);
    display.Step("alone", 1, 2);
    display.Finish();
    display.Finish();
  }
  EXPECT_THAT(output.text(), Not(HasSubstr("\n\n")));
  EXPECT_EQ(output.text().back(), '\n');
}

}  // namespace
}  // namespace shoal::simulations
