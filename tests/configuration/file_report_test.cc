#include "configuration/file_report.h"

#include <string>

#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace shoal::configuration {
namespace {

TEST(FileReportTest, WithoutErrorsItIsOk) {
  SHOAL_EXPECT_OK(FileReport("a.yaml").ToStatus());
}

TEST(FileReportTest, ErrorsComeInTheOrderOfTheirLines) {
  FileReport report("a.yaml");
  report.SetLine("late", 9);
  report.SetLine("early", 2);
  report.Add("late", "wrong");
  report.Add("early", "wrong too");
  EXPECT_EQ(std::string(report.ToStatus().message()),
            "a.yaml:2: early: wrong too\na.yaml:9: late: wrong");
}

TEST(FileReportTest, AnAbsentKeyStandsWhereTheMappingAroundItDoes) {
  FileReport report("a.yaml");
  EXPECT_EQ(report.LineOf("model.mlp.inputs"), 1);
  report.SetLine("", 2);
  report.SetLine("model", 5);
  EXPECT_EQ(report.LineOf("model.mlp.inputs"), 5);
  EXPECT_EQ(report.LineOf("model[3]"), 5);
  EXPECT_EQ(report.LineOf("modelling"), 2);
}

TEST(FileReportTest, AnErrorExplainsWhatIsInside) {
  FileReport report("a.yaml");
  report.Add("round.cohort", "wrong");
  report.Explain("model");
  EXPECT_TRUE(report.IsExplained("round.cohort"));
  EXPECT_TRUE(report.IsExplained("round.cohort[1]"));
  EXPECT_TRUE(report.IsExplained("model.mlp"));
  EXPECT_FALSE(report.IsExplained("round"));
  EXPECT_FALSE(report.IsExplained("round.cohort_size"));
}

TEST(FileReportTest, AnErrorOfTheWholeFileExplainsEverything) {
  FileReport report("a.yaml");
  report.AddAt(1, "", "not YAML");
  EXPECT_TRUE(report.IsExplained("round.cohort"));
}

}  // namespace
}  // namespace shoal::configuration
