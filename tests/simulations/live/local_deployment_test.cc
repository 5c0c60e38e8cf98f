#include "simulations/live/local_deployment.h"

#include <string>
#include <variant>

#include "base/file.h"
#include "configuration/programs.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "simulations/live/live_options.h"
#include "tests/support/status_matchers.h"

namespace shoal::simulations {
namespace {

using ::shoal::testing::StatusIs;
using ::testing::HasSubstr;

TEST(LocalDeploymentTest, CoordinatorConfigurationIsValid) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto config,
                             configuration::ParseCoordinatorConfig(
                                 CoordinatorConfigText("/some where"), "x"));
  EXPECT_EQ(config.listen, "127.0.0.1:0");
  EXPECT_EQ(config.data, "/some where/coordinator");
  EXPECT_EQ(config.enrollment_ca_key, "/some where/ca.key.pem");
  EXPECT_EQ(config.tls->key, "/some where/coordinator.key.pem");
}

TEST(LocalDeploymentTest, AgentConfigurationIsThatOfItsShare) {
  for (const LiveOptions& options : {
           LiveOptions{.seed = 3},
           LiveOptions{.data = "mnist:/a \"b\": c", .partition = "iid"},
           LiveOptions{.data = "har:/h", .partition = "natural"},
           LiveOptions{.data = "csv:/t.csv",
           .label = "class",
           .device = "owner",
           .partition = "dirichlet",
           .alpha = 0.1},
           LiveOptions{.data = "csv:/t.csv", .target = "price"},
           LiveOptions{.data = "text:/t.txt"},
       }) {
    SHOAL_ASSERT_OK_AND_ASSIGN(const auto scenario, ResolveScenario(options));
    SHOAL_ASSERT_OK_AND_ASSIGN(
        const auto config,
        configuration::ParseAgentConfig(
            AgentConfigText(scenario, 7, "127.0.0.1:7600", "/state"), "x"));
    EXPECT_EQ(config.share.index, 7);
    EXPECT_EQ(config.share.devices, 20);
    EXPECT_EQ(config.seed, scenario.seed);
    EXPECT_EQ(config.population, scenario.task.population);
    EXPECT_EQ(config.data->kind.index(), scenario.data.kind.index());
    EXPECT_EQ(config.partition.has_value(), scenario.partition.has_value());
    if (config.partition.has_value()) {
      EXPECT_EQ(config.partition->kind.index(),
                scenario.partition->kind.index());
    }
    std::visit(
        [&](const auto& source) {
          if constexpr (requires { source.path; }) {
            using Source = std::decay_t<decltype(source)>;
            EXPECT_EQ(std::get<Source>(config.data->kind).path, source.path);
          }
          if constexpr (requires { source.target; }) {
            using Source = std::decay_t<decltype(source)>;
            EXPECT_EQ(std::get<Source>(config.data->kind).target,
                      source.target);
          }
        },
        scenario.data.kind);
  }
}

TEST(LocalDeploymentTest, CoordinatorThatEndsAtOnceIsReportedWithItsLog) {
  const TemporaryFolder folder;
  const std::string program = folder.path() + "/shoald";
  SHOAL_ASSERT_OK(WriteFileAtomically(
      program, "#!/bin/sh\necho no room on disk >&2\nexit 7\n", 0755));
  EXPECT_THAT(LocalDeployment::Start(
                  {.folder = folder.path(), .program_folder = folder.path()})
                  .status(),
              StatusIs(absl::StatusCode::kInternal,
                       ::testing::AllOf(HasSubstr("exit code 7"),
                                        HasSubstr("no room on disk"))));
}

TEST(LocalDeploymentTest, CoordinatorThatNeverServesIsGivenUp) {
  const TemporaryFolder folder;
  SHOAL_ASSERT_OK(WriteFileAtomically(folder.path() + "/shoald",
                                      "#!/bin/sh\nexec sleep 60\n", 0755));
  EXPECT_THAT(LocalDeployment::Start({.folder = folder.path(),
                                      .program_folder = folder.path(),
                                      .start_timeout = absl::Milliseconds(50)})
                  .status(),
              StatusIs(absl::StatusCode::kDeadlineExceeded,
                       HasSubstr("does not serve")));
}

TEST(LocalDeploymentTest, MissingProgramIsNotFound) {
  const TemporaryFolder folder;
  EXPECT_THAT(
      LocalDeployment::Start(
          {.folder = folder.path(), .program_folder = "/nowhere"})
          .status(),
      StatusIs(absl::StatusCode::kNotFound, HasSubstr("/nowhere/shoald")));
}

}  // namespace
}  // namespace shoal::simulations
