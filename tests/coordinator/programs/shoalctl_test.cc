// shoalctl as a process.
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learning/feature_statistics.h"
#include "learning/model.h"
#include "tests/coordinator/programs/program_run.h"
#include "tests/coordinator/programs/shoalctl_fixture.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_coordinator.h"

namespace shoal {
namespace {

using nlohmann::json;
using protocol::Role;
using ::shoal::testing::ProgramResult;
using ::shoal::testing::RunProgram;
using ::shoal::testing::ShoalctlTest;
using ::shoal::testing::TestCa;
using ::shoal::testing::TestCoordinator;
using ::shoal::testing::TestCoordinatorOptions;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::StartsWith;

TEST_F(ShoalctlTest, TaskIsCreatedListedAndStopped) {
  EXPECT_EQ(Run({"task", "create", task_file_}).exit_code, 0);
  const ProgramResult list = Run({"task", "list"});
  EXPECT_EQ(list.exit_code, 0);
  EXPECT_THAT(
      list.output,
      MatchesRegex("NAME +POPULATION +STATE +ROUNDS +FAILED +NEWEST ROUND +"
                   "MODEL\nsmall +phones +active +0/5 +0 +.*\n"));
  EXPECT_EQ(RunJson({"task", "pause", "small"}).at("state"), "paused");
  EXPECT_EQ(RunJson({"task", "resume", "small"}).at("state"), "active");
  EXPECT_EQ(RunJson({"task", "stop", "small"}).at("state"), "stopped");
  EXPECT_EQ(RunJson({"task", "show", "small"}).at("task").at("rounds"), 5);
}

TEST_F(ShoalctlTest, TaskOfAScenarioIsDeployedUnchanged) {
  EXPECT_EQ(Run({"task", "create", "--from-scenario", task_file_}).exit_code, 2)
      << "it has no population";
  SHOAL_ASSERT_OK(WriteFileAtomically(
      task_file_, absl::StrCat(kTask,
                               "population:\n  devices: 3\n  data: "
                               "{csv: {path: t.csv, label: y}}\n")));
  EXPECT_EQ(Run({"task", "create", "--from-scenario", task_file_}).exit_code,
            0);
  EXPECT_EQ(RunJson({"task", "show", "small"}).at("task").at("rounds"), 5);
  EXPECT_EQ(Run({"task", "create"}).exit_code, 2);
  EXPECT_EQ(Run({"task", "create", task_file_, "--from-scenario", task_file_})
                .exit_code,
            2);
}

TEST_F(ShoalctlTest, ChangeOfATaskPrintsItsNewState) {
  EXPECT_EQ(Run({"task", "create", task_file_}).output,
            "task small is active, 0/5 rounds committed\n");
  EXPECT_EQ(Run({"task", "pause", "small"}).output,
            "task small is paused, 0/5 rounds committed\n");
  EXPECT_EQ(Run({"task", "stop", "small"}).output,
            "task small is stopped, 0/5 rounds committed\n");
}

TEST_F(ShoalctlTest, ShownTaskHasUnitsAndNoJson) {
  ASSERT_EQ(Run({"task", "create", task_file_}).exit_code, 0);
  EXPECT_THAT(Run({"task", "show", "small"}).output,
              AllOf(HasSubstr("logistic.inputs   3"),
                    HasSubstr("deadline        10min"), Not(HasSubstr("{"))));
}

TEST_F(ShoalctlTest, MistakeInATaskFileExitsWithTwoAndItsLine) {
  SHOAL_ASSERT_OK(
      WriteFileAtomically(task_file_, absl::StrCat(kTask, "  colour: blue\n")));
  const ProgramResult result = Run({"task", "create", task_file_});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.output, HasSubstr("small.yaml:8: task.colour"));
}

TEST_F(ShoalctlTest, RoundsAreListedShownAndExplained) {
  ASSERT_EQ(Run({"task", "create", task_file_}).exit_code, 0);
  json rounds;
  while (rounds.empty()) {
    rounds = RunJson({"round", "list", "small"}).at("rounds");
  }
  const std::string id = absl::StrCat(rounds.at(0).at("id").get<int64_t>());
  EXPECT_EQ(rounds.at(0).at("state"), "open");
  EXPECT_THAT(Run({"round", "show", id}).output,
              AllOf(HasSubstr("state            open"),
                    HasSubstr("0 accepted, 2 wanted, 1 needed")));
  EXPECT_THAT(Run({"round", "explain", id}).output,
              HasSubstr("Round " + id + " needed"));
}

TEST_F(ShoalctlTest, WatchEndsWithTheTask) {
  ASSERT_EQ(Run({"task", "create", task_file_}).exit_code, 0);
  ASSERT_EQ(Run({"task", "stop", "small"}).exit_code, 0);
  EXPECT_EQ(Run({"round", "watch", "small"}).exit_code, 0);
}

TEST_F(ShoalctlTest, DownloadedModelIsTheOneThatWasAskedFor) {
  ASSERT_EQ(Run({"task", "create", task_file_}).exit_code, 0);
  const std::string out = coordinator_.folder() + "/model";
  EXPECT_EQ(Run({"model", "download", "small@0", "--out", out}).exit_code, 0);
  const json model = RunJson({"model", "show", "small"});
  EXPECT_EQ(Sha256(*ReadFile(out)).ToHex(), model.at("digest"));
  EXPECT_EQ(RunJson({"model", "list", "small"}).at("models").size(), 1u);
}

TEST_F(ShoalctlTest, DownloadOverwritesOnlyByForce) {
  ASSERT_EQ(Run({"task", "create", task_file_}).exit_code, 0);
  const std::string out = coordinator_.folder() + "/precious";
  SHOAL_ASSERT_OK(WriteFileAtomically(out, "mine"));
  const std::vector<std::string> download = {"model", "download", "small",
                                             "--out", out};
  const ProgramResult refused = Run(download);
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.output, HasSubstr("--force"));
  EXPECT_THAT(ReadFile(out), ::shoal::testing::IsOkAndHolds("mine"));
  std::vector<std::string> forced = download;
  forced.push_back("--force");
  EXPECT_EQ(Run(forced).exit_code, 0);
  EXPECT_NE(*ReadFile(out), "mine");
}

TEST_F(ShoalctlTest, TaskStartsFromAGivenModelVersion) {
  ASSERT_EQ(Run({"task", "create", task_file_}).exit_code, 0);
  const std::string given = coordinator_.folder() + "/given.shoal";
  ASSERT_EQ(Run({"model", "download", "small", "--out", given}).exit_code, 0);
  // The model of another start: one weight differs.
  SHOAL_ASSERT_OK_AND_ASSIGN(std::string bytes, ReadFile(given));
  bytes[bytes.size() - 1] ^= 0x01;
  SHOAL_ASSERT_OK(ReplaceFile(given, bytes));
  std::string other = kTask;
  other.replace(other.find("small"), 5, "other");
  SHOAL_ASSERT_OK(WriteFileAtomically(task_file_, other));
  EXPECT_EQ(
      Run({"task", "create", task_file_, "--initial-model", given}).exit_code,
      0);
  const std::string start = coordinator_.folder() + "/start.shoal";
  ASSERT_EQ(Run({"model", "download", "other", "--out", start}).exit_code, 0);
  EXPECT_THAT(ReadFile(start), ::shoal::testing::IsOkAndHolds(bytes));
  EXPECT_EQ(Run({"task", "create", task_file_, "--initial-model", "/no/model"})
                .exit_code,
            2);
}

TEST_F(ShoalctlTest, TaskStartsFromStatisticsOfItsDevices) {
  SHOAL_ASSERT_OK(WriteFileAtomically(
      task_file_, absl::StrReplaceAll(kTask, {{"outputs: 2}}",
                                               "outputs: 2}, preprocessing: "
                                               "{standardise: true}}"}})));
  ProgramResult result = Run({"task", "create", task_file_});
  EXPECT_EQ(result.exit_code, 2) << result.output;
  EXPECT_THAT(result.output, HasSubstr("--statistics"));

  // Means 2, 20, 200 over both devices; deviations 1, 10, 100.
  const auto write = [&](const std::string& name, std::vector<float> values) {
    learning::FeatureStatistics statistics(values.size());
    statistics.Add(values);
    const std::string path = absl::StrCat(coordinator_.folder(), "/", name);
    SHOAL_EXPECT_OK(WriteFileAtomically(path, statistics.Encode()));
    return path;
  };
  const std::string a = write("a", {1, 10, 100}), b = write("b", {3, 30, 300});
  result = Run({"task", "create", task_file_, "--statistics", a, b});
  ASSERT_EQ(result.exit_code, 0) << result.output;
  const std::string start = coordinator_.folder() + "/start.shoal";
  ASSERT_EQ(Run({"model", "download", "small", "--out", start}).exit_code, 0);
  SHOAL_ASSERT_OK_AND_ASSIGN(const std::string bytes, ReadFile(start));
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto model, learning::ParseModel(bytes));
  std::map<std::string, std::vector<float>> tensors;
  for (size_t i = 0; i < model.layout.tensors().size(); ++i) {
    const learning::TensorShape& tensor = model.layout.tensors()[i];
    const float* values = model.parameters.data() + model.layout.offset(i);
    tensors[tensor.name] = {values, values + tensor.num_values()};
  }
  EXPECT_THAT(tensors["input.mean"], ElementsAre(2, 20, 200));
  EXPECT_THAT(tensors["input.deviation"], ElementsAre(1, 10, 100));

  const std::string other = write("other", {1, 2});
  result = Run({"task", "create", task_file_, "--statistics", a, other});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.output, HasSubstr(other + ": feature statistics of 2"));
  result = Run({"task", "create", task_file_, "--statistics", task_file_});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.output, HasSubstr("do not begin with 'SHFS'"));
}

TEST_F(ShoalctlTest, FailedDownloadLeavesNoFile) {
  ASSERT_EQ(Run({"task", "create", task_file_}).exit_code, 0);
  const std::string folder = coordinator_.folder() + "/downloads";
  SHOAL_ASSERT_OK(MakeFolders(folder));
  EXPECT_EQ(
      Run({"model", "download", "none", "--out", folder + "/model"}).exit_code,
      1);
  EXPECT_EQ(Run({"model", "download", "small", "--out", folder}).exit_code, 2);
  EXPECT_TRUE(std::filesystem::is_empty(folder));
}

TEST_F(ShoalctlTest, InvitationIsPrinted) {
  const json invitation =
      RunJson({"device", "invite", "--uses", "3", "--valid-for", "90s"});
  EXPECT_EQ(invitation.at("token").get<std::string>().size(), 40u);
  EXPECT_EQ(invitation.at("uses"), 3);
  EXPECT_EQ(Run({"device", "invite", "--valid-for", "soon"}).exit_code, 2);
}

TEST_F(ShoalctlTest, DeviceIsForgottenByItsName) {
  coordinator::DeviceRow phone;
  phone.id = std::string(64, 'a');
  phone.name = "phone";
  SHOAL_ASSERT_OK(coordinator_.store().UpsertDevice(phone));
  const ProgramResult unsure = Run({"device", "forget", "phone"});
  EXPECT_EQ(unsure.exit_code, 2);
  EXPECT_THAT(unsure.output, AllOf(HasSubstr(phone.id), HasSubstr("--yes")));
  EXPECT_EQ(RunJson({"status"}).at("devices"), 1);
  EXPECT_EQ(Run({"device", "forget", "phone", "--yes"}).output,
            "device " + phone.id + " is forgotten\n");
  const ProgramResult again = Run({"device", "forget", "phone", "--json"});
  EXPECT_EQ(again.exit_code, 1);
  EXPECT_THAT(again.output, HasSubstr("there is no device 'phone'"));
  EXPECT_EQ(RunJson({"status"}).at("devices"), 0);
}

TEST_F(ShoalctlTest, StatusAndVersionNameTheCoordinator) {
  EXPECT_THAT(Run({"status"}).output,
              AllOf(HasSubstr(coordinator_.address()), HasSubstr("no tasks")));
  EXPECT_THAT(Run({"version"}).output,
              AllOf(HasSubstr("shoalctl "), HasSubstr("shoald ")));
}

TEST_F(ShoalctlTest, WhatDoesNotExistExitsWithOne) {
  const ProgramResult result = Run({"task", "show", "none"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.output, AllOf(HasSubstr("shoalctl: "), HasSubstr("none")));
}

TEST_F(ShoalctlTest, MissingTaskFileExitsWithTwo) {
  EXPECT_EQ(Run({"task", "create", "/no/such/task.yaml"}).exit_code, 2);
  EXPECT_EQ(Run({"task", "create", coordinator_.folder()}).exit_code, 2);
}

TEST_F(ShoalctlTest, EveryMistakeOfAFileIsALineOfItsOwn) {
  SHOAL_ASSERT_OK(WriteFileAtomically(
      task_file_, absl::StrCat(kTask, "  colour: blue\n  size: 3\n")));
  const ProgramResult result = Run({"task", "create", task_file_});
  const std::string name = "shoalctl: " + task_file_;
  EXPECT_THAT(result.output, AllOf(StartsWith(name + ":8: task.colour: "),
                                   HasSubstr("\n" + name + ":9: task.size: ")));
}

TEST_F(ShoalctlTest, WrongArgumentsExitWithTwo) {
  EXPECT_EQ(Run({}).exit_code, 2);
  EXPECT_EQ(Run({"task"}).exit_code, 2);
  EXPECT_EQ(Run({"task", "show"}).exit_code, 2);
  EXPECT_EQ(Run({"round", "show", "seven"}).exit_code, 2);
}

TEST_F(ShoalctlTest, NobodyThereExitsWithThree) {
  const ProgramResult result = Run({"--coordinator", "127.0.0.1:1", "status"});
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_THAT(result.output, AllOf(HasSubstr("cannot reach 127.0.0.1:1"),
                                   HasSubstr("is shoald running")));
}

TEST_F(ShoalctlTest, AddressWithoutPortExitsWithTwo) {
  for (const char* wrong : {"localhost", "localhost:", "localhost:0", "7600"}) {
    const ProgramResult result = Run({"--coordinator", wrong, "status"});
    EXPECT_EQ(result.exit_code, 2) << wrong;
    EXPECT_THAT(result.output,
                HasSubstr(absl::StrCat("--coordinator: '", wrong, "' ")));
  }
}

// A name that no resolver is asked for: it has an empty label.
TEST_F(ShoalctlTest, UnknownHostIsNotACoordinatorThatDied) {
  const ProgramResult result =
      Run({"--coordinator", "no..host:7600", "status"});
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_THAT(result.output, HasSubstr("is the host's name right"));
}

TEST_F(ShoalctlTest, AnotherCaExitsWithThreeAndTheReason) {
  const TestCa other;
  const std::string folder = coordinator_.folder() + "/other";
  other.WriteCredentials(folder, other.Issue("admin", Role::kOperator));
  const ProgramResult result = Run({"--credentials", folder, "status"});
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_THAT(result.output, HasSubstr("is ca.pem in the credentials that of"));
}

TEST_F(ShoalctlTest, CoordinatorWithoutTlsIsSuspected) {
  TestCoordinatorOptions options;
  options.insecure = true;
  const TestCoordinator plain(std::move(options));
  const ProgramResult result =
      Run({"--coordinator", plain.address(), "status"});
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_THAT(result.output,
              AllOf(HasSubstr("--insecure"), HasSubstr("ca.pem")));
}

TEST_F(ShoalctlTest, CertificateOfAnotherRoleExitsWithTwoAndNamesIt) {
  const std::string folder = coordinator_.folder() + "/other";
  for (const auto& [role, name] : {std::pair(Role::kDevice, "device"),
                                   {Role::kCoordinator, "coordinator"}}) {
    coordinator_.ca().WriteCredentials(folder,
                                       coordinator_.Issue("other", role));
    const ProgramResult result = Run({"--credentials", folder, "status"});
    EXPECT_EQ(result.exit_code, 2);
    EXPECT_THAT(result.output,
                HasSubstr(absl::StrCat(folder, "/certificate.pem: its role is ",
                                       name, ", expected operator")));
  }
}

TEST_F(ShoalctlTest, KeyOfAnotherCertificateExitsWithTwoAndNamesIt) {
  const auto other = coordinator_.Issue("other", Role::kOperator);
  SHOAL_ASSERT_OK(
      WriteFileAtomically(credentials_ + "/key.pem", other.key_pem.Reveal()));
  const ProgramResult result = Run({"status"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.output, HasSubstr(credentials_ + "/key.pem: is not the "
                                                      "key of"));
}

TEST_F(ShoalctlTest, MissingCredentialsAreExplained) {
  const ProgramResult result =
      RunProgram("shoalctl", {"status"}, {"SHOAL_CREDENTIALS="});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.output, HasSubstr("--credentials DIR"));
}

TEST(ShoalctlCaTest, CaIsMadeOnceAndItsConfigurationPrinted) {
  const TemporaryFolder folder;
  const std::string out = folder.path() + "/ca";
  const ProgramResult first = RunProgram(
      "shoalctl", {"ca", "init", "--out", out, "--host", "fleet.example.org"});
  EXPECT_EQ(first.exit_code, 0);
  EXPECT_THAT(first.output,
              AllOf(HasSubstr("enrollment_ca_key: " + out + "/ca.key"),
                    HasSubstr("certificate: " + out)));
  const ProgramResult second =
      RunProgram("shoalctl", {"ca", "init", "--out", out});
  EXPECT_EQ(second.exit_code, 1);
  EXPECT_THAT(second.output, HasSubstr("exists already"));
}

// Every command explains itself with an example.
TEST(ShoalctlHelpTest, EveryVerbHasAnExample) {
  const std::vector<std::vector<std::string>> verbs = {
      {"status"},           {"version"},           {"ca", "init"},
      {"device", "list"},   {"device", "show"},    {"device", "forget"},
      {"device", "invite"}, {"task", "create"},    {"task", "list"},
      {"task", "show"},     {"task", "pause"},     {"task", "resume"},
      {"task", "stop"},     {"round", "list"},     {"round", "show"},
      {"round", "explain"}, {"round", "watch"},    {"model", "list"},
      {"model", "show"},    {"model", "download"}, {"model", "export"}};
  for (std::vector<std::string> verb : verbs) {
    std::string command = "shoalctl";
    for (const std::string& word : verb) absl::StrAppend(&command, " ", word);
    verb.push_back("--help");
    const ProgramResult result = RunProgram("shoalctl", verb);
    EXPECT_EQ(result.exit_code, 0) << command;
    EXPECT_THAT(result.output, HasSubstr("Example:\n  " + command));
  }
}

}  // namespace
}  // namespace shoal
