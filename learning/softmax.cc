#include "learning/softmax.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

namespace shoal::learning {
namespace {

// Subtracts every row's maximum, so that no exponential overflows. What is not
// finite makes the row hold a NaN afterwards.
void ShiftRows(int64_t rows, int64_t classes, float* logits) {
  for (int64_t r = 0; r < rows; ++r) {
    float* row = logits + r * classes;
    float largest = row[0];
    for (int64_t c = 1; c < classes; ++c) largest = std::max(largest, row[c]);
    for (int64_t c = 0; c < classes; ++c) row[c] -= largest;
  }
}

// e^x for x <= 0, within 2 units in the last place; below -87 what it is there
// (1.6e-38, no denormal). Without branches and calls, so that compilers turn
// the loop around it into vector code. Cody and Waite's reduction to
// 2^n e^r, |r| <= ln(2) / 2, and a Taylor polynomial for e^r.
inline float ExpNonPositive(float x) {
  constexpr float kLog2E = 1.44269504f;
  constexpr float kLn2High = 0.693359375f;  // few bits: n times it is exact
  constexpr float kLn2Low = -2.12194440e-4f;
  constexpr float kRound = 0x1.8p23f;  // adding it leaves n in the low bits
  x = x < -87.0f ? -87.0f : x;         // keeps NaN
  const float shifted = x * kLog2E + kRound;
  const float n = shifted - kRound;
  const float r = (x - n * kLn2High) - n * kLn2Low;
  float series = 1.0f / 5040;
  series = series * r + 1.0f / 720;
  series = series * r + 1.0f / 120;
  series = series * r + 1.0f / 24;
  series = series * r + 1.0f / 6;
  series = series * r + 0.5f;
  series = series * r + 1.0f;
  series = series * r + 1.0f;
  const uint32_t exponent =
      std::bit_cast<uint32_t>(shifted) - std::bit_cast<uint32_t>(kRound);
  return series * std::bit_cast<float>((exponent + 127) << 23);
}

// Whether `label` is the lowest class with the largest logit, which ShiftRows
// made zero.
bool IsPrediction(const float* shifted_row, int32_t label) {
  if (shifted_row[label] != 0) return false;
  return std::find(shifted_row, shifted_row + label, 0.0f) ==
         shifted_row + label;
}

void Exponentiate(int64_t size, float* values) {
  for (int64_t i = 0; i < size; ++i) values[i] = ExpNonPositive(values[i]);
}

// Makes the row sum to one; returns its sum before.
float NormaliseRow(int64_t classes, float* row) {
  float sum = 0;
  for (int64_t c = 0; c < classes; ++c) sum += row[c];
  const float scale = 1 / sum;
  for (int64_t c = 0; c < classes; ++c) row[c] *= scale;
  return sum;
}

}  // namespace

Score SoftmaxCrossEntropy(absl::Span<const int32_t> labels, int64_t classes,
                          float* logits) {
  const int64_t rows = labels.size();
  Score score;
  score.num_examples = rows;
  ShiftRows(rows, classes, logits);
  for (int64_t r = 0; r < rows; ++r) {
    const float* row = logits + r * classes;
    score.loss_sum -= row[labels[r]];
    if (IsPrediction(row, labels[r])) ++score.num_correct;
  }
  Exponentiate(rows * classes, logits);
  for (int64_t r = 0; r < rows; ++r) {
    score.loss_sum += std::log(NormaliseRow(classes, logits + r * classes));
  }
  return score;
}

void Softmax(int64_t rows, int64_t classes, float* logits) {
  ShiftRows(rows, classes, logits);
  Exponentiate(rows * classes, logits);
  for (int64_t r = 0; r < rows; ++r)
    NormaliseRow(classes, logits + r * classes);
}

}  // namespace shoal::learning
