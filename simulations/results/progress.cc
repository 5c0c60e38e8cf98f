#include "simulations/results/progress.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/check.h"
#include "base/human_duration.h"

namespace shoal::simulations {
namespace {

constexpr int kBarWidth = 12;
constexpr int kMinBarWidth = 4;
constexpr int kBarFrame = 3;  // brackets and a space

double Fraction(int64_t done, int64_t total) {
  return std::clamp(static_cast<double>(done) / static_cast<double>(total), 0.0,
                    1.0);
}

// "test 91.2 %", "test rmse 0.53".
std::string TestText(const ProgressState& state) {
  const std::string value = ValueText(state.measure, *state.test);
  if (state.measure == Measure::kAccuracy) return absl::StrCat("test ", value);
  return absl::StrCat("test ", NameOf(state.measure), " ", value);
}

// A squared error is shown in the unit of the other one.
std::string TrainText(const ProgressState& state) {
  if (state.measure != Measure::kRmse) {
    return absl::StrFormat("loss %.3f", *state.train_loss);
  }
  return absl::StrCat("train rmse ",
                      ValueText(state.measure, std::sqrt(*state.train_loss)));
}

}  // namespace

std::optional<absl::Duration> TimeLeft(const ProgressState& state) {
  if (state.rounds_done < 1) return std::nullopt;
  return state.elapsed * (state.rounds - state.rounds_done) / state.rounds_done;
}

std::string ProgressText(const ProgressState& state) {
  const int width = static_cast<int>(absl::StrCat(state.rounds).size());
  std::string text =
      absl::StrFormat("round %*d/%d", width, state.rounds_done, state.rounds);
  if (state.test.has_value()) absl::StrAppend(&text, "  ", TestText(state));
  if (state.train_loss.has_value()) {
    absl::StrAppend(&text, "  ", TrainText(state));
  }
  absl::StrAppendFormat(&text, "  %2d reports", state.reports);
  if (state.partial > 0) {
    absl::StrAppendFormat(&text, ", %d partial", state.partial);
  }
  absl::StrAppendFormat(&text, "  %.0f/%.0f MB up/down", state.bytes_up / 1e6,
                        state.bytes_down / 1e6);
  if (const auto left = TimeLeft(state);
      left.has_value() && state.rounds_done < state.rounds) {
    absl::StrAppend(&text, "  ",
                    HumanDuration(absl::Ceil(*left, absl::Seconds(1))),
                    " left");
  }
  return text;
}

std::string ProgressBar(double fraction, int width) {
  SHOAL_CHECK(fraction >= 0 && fraction <= 1);
  const int filled = static_cast<int>(fraction * width);
  return absl::StrCat("[", std::string(filled, '#'),
                      std::string(width - filled, '.'), "]");
}

void ProgressDisplay::Say(absl::string_view line) {
  Finish();
  absl::FPrintF(out_, "%s\n", line);
  std::fflush(out_);
}

void ProgressDisplay::RoundDone(const ProgressState& state) {
  if (columns_ > 0) {
    Update(state);
  } else {
    Say(ProgressText(state));
  }
}

void ProgressDisplay::Update(const ProgressState& state) {
  Redraw(Fraction(state.rounds_done, state.rounds), ProgressText(state));
}

void ProgressDisplay::Step(absl::string_view what, int64_t done,
                           int64_t total) {
  const std::string line = absl::StrCat(what, "  ", done, "/", total);
  if (columns_ > 0) {
    Redraw(Fraction(done, total), line);
  } else if (done == total) {
    Say(line);
  }
}

void ProgressDisplay::Redraw(double fraction, absl::string_view text) {
  if (columns_ <= 0) return;
  // One column stays free: terminals differ in what the last one does. The bar
  // takes what the text leaves.
  const int room = columns_ - 1;
  const int bar =
      std::min(kBarWidth, room - static_cast<int>(text.size()) - kBarFrame);
  std::string line(text);
  if (bar >= kMinBarWidth) {
    line = absl::StrCat(ProgressBar(fraction, bar), " ", text);
  }
  line.resize(std::min<size_t>(line.size(), room));
  // Back to the first column, the line, and what is left of the old one erased.
  absl::FPrintF(out_, "\r%s\x1b[K", line);
  std::fflush(out_);
  line_open_ = true;
}

void ProgressDisplay::Finish() {
  if (!line_open_) return;
  absl::FPrintF(out_, "\n");
  std::fflush(out_);
  line_open_ = false;
}

}  // namespace shoal::simulations
