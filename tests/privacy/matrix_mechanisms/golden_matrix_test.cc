// Sensitivities and errors beside those of a published implementation.
#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"
#include "privacy/matrix_mechanisms/toeplitz.h"
#include "privacy/matrix_mechanisms/tree.h"
#include "tests/support/external_data.h"
#include "tests/support/reference_table.h"
#include "tests/support/status_matchers.h"

namespace shoal::privacy {
namespace {

using ::shoal::testing::ReferenceRow;
using ::shoal::testing::ReferenceTable;

std::string File(const std::string& name) {
  return testing::ReferenceDir() + "/privacy/" + name + ".csv";
}

std::vector<double> Numbers(const std::string& text) {
  std::vector<double> numbers;
  for (const auto& part : absl::StrSplit(text, ';')) {
    SHOAL_CHECK(absl::SimpleAtod(part, &numbers.emplace_back()));
  }
  return numbers;
}

TEST(GoldenMatrixTest, TreesWithSeparationAgree) {
  SHOAL_SKIP_WITHOUT(File("dpftrl_tree"));
  const ReferenceTable table(File("dpftrl_tree"));
  int checked = 0;
  for (const ReferenceRow& row : table.rows()) {
    if (row.text("mode").find("no_restart") == std::string::npos) continue;
    const auto squared =
        TreeSensitivitySquared({row.integer("steps_per_tree"),
                                row.integer("min_separation_between") + 1,
                                row.integer("max_participation")});
    SHOAL_ASSERT_OK(squared);
    EXPECT_EQ(*squared, std::llround(row.number("sensitivity_sq")))
        << row.ToString();
    ++checked;
  }
  EXPECT_GT(checked, 20);
}

// The same order in every epoch is one of the ways to keep a separation of one
// epoch, so that these are lower bounds, and nearly reached.
TEST(GoldenMatrixTest, TreesWithAFixedOrderAreWithinTheSeparation) {
  SHOAL_SKIP_WITHOUT(File("dpftrl_tree"));
  const ReferenceTable table(File("dpftrl_tree"));
  int checked = 0;
  for (const ReferenceRow& row : table.rows()) {
    const std::string& mode = row.text("mode");
    if (mode.find("fixed_order") == std::string::npos) continue;
    std::string epochs = row.text("num_trees");
    epochs = epochs.substr(1, epochs.size() - 2);
    const int64_t steps = row.integer("steps_per_tree");
    const std::vector<double> trees = Numbers(epochs);
    const int64_t every = steps * static_cast<int64_t>(trees[0]);
    const auto squared = TreeSensitivitySquared(
        {every * static_cast<int64_t>(trees.size()), steps,
         row.integer("max_participation")},
        {.restart_every = every,
         .complete_before_restart = mode == "fixed_order_restart_completion"});
    SHOAL_ASSERT_OK(squared);
    const double peer = row.number("sensitivity_sq");
    EXPECT_GE(static_cast<double>(*squared), peer - 1e-6) << row.ToString();
    EXPECT_LE(static_cast<double>(*squared), 1.025 * peer) << row.ToString();
    ++checked;
  }
  EXPECT_GT(checked, 8);
}

TEST(GoldenMatrixTest, SquareRootCoefficientsAgree) {
  SHOAL_SKIP_WITHOUT(File("toeplitz_sqrt_coefs"));
  const ReferenceTable table(File("toeplitz_sqrt_coefs"));
  const std::vector<double> column = SquareRootColumn(2048);
  const std::vector<double> inverse = InverseColumn(column);
  for (const ReferenceRow& row : table.rows()) {
    const size_t k = row.integer("k");
    const double strategy = row.number("strategy_coef");
    EXPECT_NEAR(column[k], strategy, 1e-13 * strategy);
    EXPECT_NEAR(inverse[k], row.number("noising_coef"), 1e-14);
  }
}

TEST(GoldenMatrixTest, ToeplitzSensitivitiesAgree) {
  SHOAL_SKIP_WITHOUT(File("toeplitz_minsep_sensitivity"));
  const ReferenceTable table(File("toeplitz_minsep_sensitivity"));
  for (const ReferenceRow& row : table.rows()) {
    ASSERT_EQ(row.text("matrix"), "sqrt_toeplitz");
    const int64_t n = row.integer("n");
    const int64_t most = row.text("max_participations") == "None"
                             ? n
                             : row.integer("max_participations");
    const auto squared = ToeplitzSensitivitySquared(
        SquareRootColumn(n), {n, row.integer("min_sep"), most});
    SHOAL_ASSERT_OK(squared);
    const double peer = row.number("sensitivity_sq_peer");
    EXPECT_NEAR(*squared, peer, 1e-12 * peer) << row.ToString();
  }
}

TEST(GoldenMatrixTest, BufferedMatricesAgree) {
  SHOAL_SKIP_WITHOUT(File("blt"));
  const ReferenceTable table(File("blt"));
  for (const ReferenceRow& row : table.rows()) {
    const int64_t n = row.integer("n");
    const BufferedToeplitz matrix = {Numbers(row.text("buf_decay")),
                                     Numbers(row.text("output_scale"))};
    const auto column = BufferedColumn(matrix, n);
    SHOAL_ASSERT_OK(column);
    const auto squared = ToeplitzSensitivitySquared(*column, {n, n, 1});
    SHOAL_ASSERT_OK(squared);
    const double sensitivity = row.number("sensitivity_sq");
    EXPECT_NEAR(*squared, sensitivity, 1e-11 * sensitivity) << row.ToString();
    const double error = row.number("max_error_sq");
    EXPECT_NEAR(ToeplitzPrefixError(*column, n).largest_squared, error,
                1e-8 * error)
        << row.ToString();
  }
}

// "mechanism" begins with "BLT optimised, 3 buffers".
TEST(GoldenMatrixTest, OptimisedBuffersAreAsGoodAsThePeers) {
  SHOAL_SKIP_WITHOUT(File("mf_error_single_participation"));
  const ReferenceTable table(File("mf_error_single_participation"));
  int checked = 0;
  for (const ReferenceRow& row : table.rows()) {
    const std::string& name = row.text("mechanism");
    const int64_t n = row.integer("n");
    std::vector<double> column;
    double slack = 1e-9;
    if (name.find("BLT optimised") == 0) {
      const int64_t buffers = name[15] - '0';
      const auto matrix = OptimisedBuffers(buffers, {n, n, 1});
      SHOAL_ASSERT_OK(matrix);
      column = *BufferedColumn(*matrix, n);
      slack = 1e-6;
    } else if (name.find("sqrt-Toeplitz") == 0) {
      column = SquareRootColumn(n);
    } else if (name.find("identity") == 0) {
      column = {1};
    } else {
      continue;
    }
    const auto squared = ToeplitzSensitivitySquared(column, {n, n, 1});
    SHOAL_ASSERT_OK(squared);
    const PrefixError error = ToeplitzPrefixError(column, n);
    const double largest = std::sqrt(*squared * error.largest_squared);
    const double peer = row.number("rmse_max_at_sens1 = sens*sqrt(max err)");
    EXPECT_NEAR(largest, peer, slack * peer) << row.ToString();
    if (slack == 1e-9) {
      const double mean = std::sqrt(*squared * error.mean_squared);
      EXPECT_NEAR(mean, row.number("rmse_mean_at_sens1 = sens*sqrt(mean err)"),
                  1e-9 * mean);
    }
    ++checked;
  }
  EXPECT_GT(checked, 15);
}

// Rows that say all of their coefficients: four bands, columns of norm 1.
TEST(GoldenMatrixTest, BandedMatricesAgree) {
  SHOAL_SKIP_WITHOUT(File("mf_error_single_participation"));
  const ReferenceTable table(File("mf_error_single_participation"));
  int checked = 0;
  for (const ReferenceRow& row : table.rows()) {
    if (row.text("mechanism") != "banded Toeplitz optimal (mean), b=4") {
      continue;
    }
    const int64_t n = row.integer("n");
    const std::vector<double> column =
        Numbers(row.text("note").substr(std::string("coefs ").size()));
    ASSERT_EQ(column.size(), 4);
    const auto squared = ToeplitzSensitivitySquared(column, {n, n, 1});
    SHOAL_ASSERT_OK(squared);
    EXPECT_NEAR(*squared, 1, 1e-12);
    const PrefixError error = ToeplitzPrefixError(column, n);
    const double largest = row.number("rmse_max_at_sens1 = sens*sqrt(max err)");
    EXPECT_NEAR(std::sqrt(error.largest_squared), largest, 1e-9 * largest)
        << row.ToString();
    const double mean = row.number("rmse_mean_at_sens1 = sens*sqrt(mean err)");
    EXPECT_NEAR(std::sqrt(error.mean_squared), mean, 1e-9 * mean)
        << row.ToString();
    ++checked;
  }
  EXPECT_EQ(checked, 5);
}

// "theta=0.9;0.2 omega=0.3;0.4", with 12 digits: whatever they were chosen for.
TEST(GoldenMatrixTest, BuffersOfManyParticipationsAgree) {
  SHOAL_SKIP_WITHOUT(File("mf_error_multi_participation"));
  const ReferenceTable table(File("mf_error_multi_participation"));
  int checked = 0;
  for (const ReferenceRow& row : table.rows()) {
    if (row.text("mechanism").find("BLT") != 0) continue;
    const std::vector<std::string> parts =
        absl::StrSplit(row.text("params"), absl::ByAnyChar(" ="));
    ASSERT_EQ(parts.size(), 4);
    const Participation participation = {row.integer("n"),
                                         row.integer("min_sep"),
                                         row.integer("max_participations")};
    const auto column = BufferedColumn({Numbers(parts[1]), Numbers(parts[3])},
                                       participation.num_rounds);
    SHOAL_ASSERT_OK(column);
    const auto squared = ToeplitzSensitivitySquared(*column, participation);
    SHOAL_ASSERT_OK(squared);
    const double sensitivity = std::sqrt(*squared);
    EXPECT_NEAR(sensitivity, row.number("sensitivity"), 1e-9 * sensitivity)
        << row.ToString();
    const PrefixError error =
        ToeplitzPrefixError(*column, participation.num_rounds);
    const double largest = row.number("rmse_max_times_sens");
    EXPECT_NEAR(sensitivity * std::sqrt(error.largest_squared), largest,
                1e-9 * largest)
        << row.ToString();
    const double mean = row.number("rmse_mean_times_sens");
    EXPECT_NEAR(sensitivity * std::sqrt(error.mean_squared), mean, 1e-9 * mean)
        << row.ToString();
    ++checked;
  }
  EXPECT_EQ(checked, 12);
}

TEST(GoldenMatrixTest, ManyParticipationsAgree) {
  SHOAL_SKIP_WITHOUT(File("mf_error_multi_participation"));
  const ReferenceTable table(File("mf_error_multi_participation"));
  int checked = 0;
  for (const ReferenceRow& row : table.rows()) {
    const std::string& name = row.text("mechanism");
    const Participation participation = {row.integer("n"),
                                         row.integer("min_sep"),
                                         row.integer("max_participations")};
    std::vector<double> column;
    double slack = 1e-9;
    if (name == "sqrt-Toeplitz") {
      column = SquareRootColumn(participation.num_rounds);
    } else if (name == "sqrt-Toeplitz truncated to min_sep bands") {
      column = SquareRootColumn(participation.min_separation);
    } else if (name == "identity (DP-SGD)") {
      column = {1};
    } else if (name.find("BLT") == 0 && row.text("optimised_for") == "max") {
      const auto matrix = OptimisedBuffers(name[4] - '0', participation);
      SHOAL_ASSERT_OK(matrix);
      column = *BufferedColumn(*matrix, participation.num_rounds);
      slack = 1e-4;  // each search stops somewhere in a flat valley
    } else {
      continue;
    }
    const auto squared = ToeplitzSensitivitySquared(column, participation);
    SHOAL_ASSERT_OK(squared);
    const double error = std::sqrt(
        *squared *
        ToeplitzPrefixError(column, participation.num_rounds).largest_squared);
    const double peer = row.number("rmse_max_times_sens");
    EXPECT_NEAR(error, peer, slack * peer) << row.ToString();
    ++checked;
  }
  EXPECT_GT(checked, 8);
}

}  // namespace
}  // namespace shoal::privacy
