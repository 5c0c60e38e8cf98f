#include "simulations/live/progress.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/check.h"
#include "simulations/live/summary.h"

namespace shoal::simulations {
namespace {

constexpr int kBarWidth = 12;

double Fraction(int64_t done, int64_t total) {
  return std::clamp(static_cast<double>(done) / static_cast<double>(total), 0.0,
                    1.0);
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
  if (state.test_accuracy.has_value()) {
    absl::StrAppendFormat(&text, "  test %.1f %%", 100 * *state.test_accuracy);
  }
  if (const auto left = TimeLeft(state); left.has_value()) {
    absl::StrAppend(&text, "  ", FormatSeconds(*left), " left");
  }
  absl::StrAppendFormat(&text, "  %2d reports", state.reports);
  if (state.train_loss.has_value()) {
    absl::StrAppendFormat(&text, "  train loss %.3f", *state.train_loss);
  }
  absl::StrAppend(&text, "  ", FormatBytes(state.bytes_up), " up  ",
                  FormatBytes(state.bytes_down), " down");
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
  // One column stays free: terminals differ in what the last one does.
  const std::string line =
      absl::StrCat(ProgressBar(fraction, kBarWidth), " ", text)
          .substr(0, columns_ - 1);
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
