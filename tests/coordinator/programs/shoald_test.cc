// shoald as a process: its arguments, its files, its end.
#include <signal.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/version.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/coordinator/programs/program_run.h"
#include "tests/support/status_matchers.h"

namespace shoal {
namespace {

using ::shoal::testing::ProgramPath;
using ::shoal::testing::ProgramResult;
using ::shoal::testing::RunProgram;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// `shoald --dev` on free ports, with its data in a temporary folder.
class DevCoordinator {
 public:
  explicit DevCoordinator(const std::string& data) : data_(data) {
    auto child = ChildProcess::Start(
        {{ProgramPath("shoald"), "--dev", "--data", data, "--listen",
          "127.0.0.1:0", "--http-listen", "none"},
         {},
         data + ".log"});
    EXPECT_THAT(child, ::shoal::testing::IsOk());
    child_ = *std::move(child);
    while (!ReadFile(endpoints()).ok() && !child_->Poll().has_value()) {
      std::this_thread::yield();
    }
  }

  std::string endpoints() const { return data_ + "/endpoints.json"; }
  std::string address() const {
    return nlohmann::json::parse(*ReadFile(endpoints())).at("grpc");
  }
  std::string Log() const { return *ReadFile(child_->log_path()); }
  ChildProcess& process() { return *child_; }

 private:
  const std::string data_;
  std::unique_ptr<ChildProcess> child_;
};

class ShoaldTest : public ::testing::Test {
 protected:
  std::string data() const { return folder_.path() + "/data"; }
  const TemporaryFolder folder_;
};

TEST_F(ShoaldTest, VersionAndHelpSucceed) {
  EXPECT_THAT(RunProgram("shoald", {"--version"}).output,
              StartsWith("shoald " + Version() + " ("));
  const ProgramResult help = RunProgram("shoald", {"--help"});
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_THAT(help.output, HasSubstr("shoald --config /etc/shoal"));
}

TEST_F(ShoaldTest, WrongArgumentsExitWithTwo) {
  EXPECT_EQ(RunProgram("shoald", {"--frobnicate"}).exit_code, 2);
  EXPECT_EQ(RunProgram("shoald", {}).exit_code, 2);
}

TEST_F(ShoaldTest, WithoutTlsItRefusesToStart) {
  const std::string config = folder_.path() + "/shoald.yaml";
  SHOAL_ASSERT_OK(WriteFileAtomically(
      config, absl::StrCat("data: ", data(), "\nlisten: 127.0.0.1:0\n")));
  const ProgramResult result = RunProgram("shoald", {"--config", config});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.output,
              AllOf(HasSubstr("tls is missing"), HasSubstr("--insecure")));
}

TEST_F(ShoaldTest, MissingConfigurationIsNamed) {
  const ProgramResult result =
      RunProgram("shoald", {"--config", "/no/such/file.yaml"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.output, HasSubstr("/no/such/file.yaml"));
}

TEST_F(ShoaldTest, MissingCertificateIsNamedAsWrongConfiguration) {
  const std::string config = folder_.path() + "/shoald.yaml";
  SHOAL_ASSERT_OK(WriteFileAtomically(
      config, absl::StrCat("data: ", data(), "\nlisten: 127.0.0.1:0\n",
                           "tls: {ca: /no/ca.pem, certificate: /no/c.pem, ",
                           "key: /no/k.pem}\n")));
  const ProgramResult result = RunProgram("shoald", {"--config", config});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.output, HasSubstr("/no/"));
}

TEST_F(ShoaldTest, TakenPortExitsWithOneAndOneSentence) {
  DevCoordinator first(data());
  const std::string address = first.address();
  const ProgramResult result =
      RunProgram("shoald", {"--dev", "--data", folder_.path() + "/other",
                            "--listen", address, "--http-listen", "none"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.output, absl::StrCat("shoald: ", address,
                                        " is in use by another program\n"));
}

TEST_F(ShoaldTest, SecondCoordinatorOnTheSameDataIsRefusedAndHarmless) {
  DevCoordinator first(data());
  const std::string address = first.address();
  const ProgramResult result =
      RunProgram("shoald", {"--dev", "--data", data(), "--listen",
                            "127.0.0.1:0", "--http-listen", "none"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(first.address(), address);
}

TEST_F(ShoaldTest, SigtermEndsItCleanly) {
  DevCoordinator coordinator(data());
  coordinator.process().Signal(SIGTERM);
  const auto exit = coordinator.process().Wait(absl::Seconds(30));
  ASSERT_TRUE(exit.has_value());
  EXPECT_EQ(exit->code, 0);
  EXPECT_FALSE(ReadFile(coordinator.endpoints()).ok());
  EXPECT_THAT(coordinator.Log(), HasSubstr("shutting down signal=SIGTERM"));
}

TEST_F(ShoaldTest, NextOneMayStartOnceTheLastSaysThatItEnded) {
  DevCoordinator first(data());
  first.process().Signal(SIGTERM);
  while (first.Log().find("INFO ended") == std::string::npos) {
    std::this_thread::yield();
  }
  DevCoordinator second(data());
  EXPECT_FALSE(second.process().Poll().has_value()) << second.Log();
}

TEST_F(ShoaldTest, MistakesInTheFileAreLinesOfTheirOwn) {
  const std::string config = folder_.path() + "/shoald.yaml";
  SHOAL_ASSERT_OK(
      WriteFileAtomically(config, "data: /a\nlisten_on: x\ncolour: blue\n"));
  const ProgramResult result = RunProgram("shoald", {"--config", config});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.output,
              AllOf(StartsWith("shoald: " + config + ":2: listen_on: "),
                    HasSubstr("\nshoald: " + config + ":3: colour: ")));
}

TEST_F(ShoaldTest, InsecureSaysSo) {
  auto child = ChildProcess::Start(
      {{ProgramPath("shoald"), "--dev", "--insecure", "--data", data(),
        "--listen", "127.0.0.1:0", "--http-listen", "none"},
       {},
       data() + ".log"});
  SHOAL_ASSERT_OK(child);
  while (!ReadFile(data() + "/endpoints.json").ok()) std::this_thread::yield();
  EXPECT_THAT(*ReadFile(data() + ".log"), HasSubstr("INSECURE"));
}

}  // namespace
}  // namespace shoal
