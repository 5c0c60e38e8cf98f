// Runs the real shoal-agent against a coordinator inside the test.
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "base/child_process.h"
#include "base/file.h"
#include "base/version.h"
#include "client/agent/socket_address.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learning/feature_statistics.h"
#include "protocol/certificates.h"
#include "protocol/exit_code.h"
#include "tests/client/agent/agent_program_fixture.h"
#include "tests/support/relay.h"
#include "tests/support/status_matchers.h"

namespace shoal::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST_F(AgentProgramTest, OneSessionContributes) {
  Serve();
  EXPECT_EQ(RunOnce(), protocol::kExitOk) << Log();
  EXPECT_EQ(fleet_->counted().size(), 1u);
}

TEST_F(AgentProgramTest, StatusTellsOfTheLastSession) {
  Serve();
  ASSERT_EQ(RunOnce(), protocol::kExitOk) << Log();
  ASSERT_EQ(Run({"status", "--state", State(), "--json"}), protocol::kExitOk);
  const std::string log = Log();
  const auto status =
      nlohmann::json::parse(log.substr(log.find("\n{") + 1), nullptr, false);
  ASSERT_TRUE(status.is_object()) << log;
  EXPECT_EQ(status["last"]["outcome"], "contributed");
  EXPECT_EQ(status["model_version"], 1);
  EXPECT_EQ(status["contributions"], 1);
  EXPECT_EQ(status["pending_upload"], false);
}

TEST_F(AgentProgramTest, VetoHoldsSessionsBackAndStatusSaysWhy) {
  Serve();
  const std::string veto = folder_.path() + "/veto";
  SHOAL_ASSERT_OK(ReplaceFile(veto, "the arm is moving\n"));
  Configure(
      absl::StrCat("insecure: true\nlimits:\n  sensors: {meter: none, "
                   "veto_file: ",
                   veto, "}\n  budgets: {energy_per_day: 1kJ}\n"));
  EXPECT_EQ(Run({"run", "--config", ConfigPath(), "--once"}), 0) << Log();
  EXPECT_EQ(fleet_->counted().size(), 0u);
  Run({"status", "--state", State()});
  EXPECT_THAT(Log(), HasSubstr("held_back: "));
  EXPECT_THAT(Log(), HasSubstr("the arm is moving"));
  EXPECT_THAT(Log(), HasSubstr("left today 1 kJ"));
  std::filesystem::remove(veto);
  EXPECT_EQ(Run({"run", "--config", ConfigPath(), "--once"}), 0) << Log();
  EXPECT_EQ(fleet_->counted().size(), 1u);
}

TEST_F(AgentProgramTest, StatusOfWhatIsNoDevicesFolderIsAnError) {
  EXPECT_EQ(Run({"status", "--state", State()}), protocol::kExitFailure);
}

TEST_F(AgentProgramTest, StatusGoesOnAfterARestart) {
  Serve();
  Configure("insecure: true\nlimits: {budgets: {energy_per_day: 9kJ}}\n");
  ASSERT_EQ(RunOnce(), 0) << Log();
  const nlohmann::json before = Status();
  ASSERT_TRUE(before["model_version"].is_number()) << before;
  ASSERT_EQ(Run({"opt-out", "--config", ConfigPath()}), 0) << Log();
  ASSERT_EQ(RunOnce(), 0) << Log();
  const nlohmann::json after = Status();
  EXPECT_EQ(after["last"]["outcome"], "held_back");
  EXPECT_EQ(after["sessions"], 2);
  EXPECT_EQ(after["contributions"], 1);
  EXPECT_EQ(after["model_version"], before["model_version"]);
  EXPECT_EQ(after["last"]["budgets"]["joules_spent"],
            before["last"]["budgets"]["joules_spent"]);
}

TEST_F(AgentProgramTest, UnreachableCoordinatorHasItsExitCode) {
  Serve();
  server_.reset();
  EXPECT_EQ(RunOnce(), protocol::kExitUnreachable) << Log();
}

TEST_F(AgentProgramTest, WrongUseHasItsExitCode) {
  EXPECT_EQ(Run({}), protocol::kExitUsage);
  EXPECT_EQ(Run({"run"}), protocol::kExitUsage);
  EXPECT_EQ(Run({"run", "--config", "/absent.yaml"}), protocol::kExitUsage);
  EXPECT_EQ(Run({"--help"}), protocol::kExitOk);
  EXPECT_EQ(Run({"--version"}), protocol::kExitOk);
}

TEST_F(AgentProgramTest, UnknownKeyOfTheConfigurationIsNamed) {
  Serve();
  Configure("insecure: true\ncolour: blue\n");
  EXPECT_EQ(RunOnce(), protocol::kExitUsage);
  EXPECT_THAT(Log(), HasSubstr("colour"));
}

TEST_F(AgentProgramTest, DeviceThatIsNotEnrolledIsToldHow) {
  ServeTls();
  EXPECT_EQ(RunOnce(), protocol::kExitUsage);
  EXPECT_THAT(Log(), HasSubstr("shoal-agent enroll"));
}

TEST_F(AgentProgramTest, NoFolderIsMadeForADeviceThatIsNotEnrolled) {
  ServeTls();
  EXPECT_EQ(RunOnce(), protocol::kExitUsage);
  EXPECT_FALSE(std::filesystem::exists(State()));
  SHOAL_ASSERT_OK(ReplaceFile(
      ConfigPath(),
      absl::StrCat("coordinator: ", Coordinator(), "\nstate: ", State(),
                   "\npopulation: ", population_,
                   "\nexamples: {features: 4, classes: 3, socket: ", Socket(),
                   "}\n")));
  EXPECT_EQ(RunOnce(), protocol::kExitUsage);
  EXPECT_THAT(Log(), HasSubstr("enrol this device first"));
  EXPECT_FALSE(std::filesystem::exists(State()));
}

TEST_F(AgentProgramTest, FileInPlaceOfTheStateFolderIsWrongInput) {
  ServeTls();
  SHOAL_ASSERT_OK(ReplaceFile(State(), "a file"));
  EXPECT_EQ(Enroll("welcome"), protocol::kExitUsage);
  EXPECT_THAT(Log(), HasSubstr("/state: "));
  EXPECT_THAT(Log(), HasSubstr("expected a folder for the device's state"));
  EXPECT_EQ(RunOnce(), protocol::kExitUsage);
}

TEST_F(AgentProgramTest, CaThatDidNotSignTheCertificateIsWrongInput) {
  ServeTls();
  ASSERT_EQ(Enroll("welcome"), protocol::kExitOk) << Log();
  SHOAL_ASSERT_OK(ReplaceFile(
      State() + "/ca.pem",
      protocol::MakeCa("other", absl::Now(), absl::Hours(1))->certificate_pem));
  EXPECT_EQ(RunOnce(), protocol::kExitUsage);
  EXPECT_THAT(Log(),
              HasSubstr("/certificate.pem: was not signed by the CA in "));
}

TEST_F(AgentProgramTest, EnrolledDeviceContributesOverTls) {
  ServeTls();
  ASSERT_EQ(Enroll("welcome"), protocol::kExitOk) << Log();
  EXPECT_EQ(RunOnce(), protocol::kExitOk) << Log();
  EXPECT_EQ(fleet_->counted().size(), 1u);
}

// Nobody but the proxy knows a fleet.invalid.
TEST_F(AgentProgramTest, DeviceBehindAProxyEnrolsAndContributes) {
  ServeTls(absl::Now(), "fleet.invalid");
  const Relay proxy({.target = server_->address(), .is_http_proxy = true});
  const std::string url = absl::StrCat("http://", proxy.address());
  coordinator_ = "fleet.invalid:7600";
  Configure(absl::StrCat("proxy: ", url, "\n"));
  ASSERT_EQ(Enroll("welcome", {"--proxy", url}), protocol::kExitOk) << Log();
  ASSERT_EQ(RunOnce(), protocol::kExitOk) << Log();
  Configure("");
  ASSERT_EQ(Run({"run", "--config", ConfigPath(), "--once", "--proxy", url}),
            protocol::kExitOk)
      << Log();
  environment_ = {"https_proxy=" + url};
  ASSERT_EQ(RunOnce(), protocol::kExitOk) << Log();
  EXPECT_EQ(fleet_->counted().size(), 3u);
  EXPECT_EQ(proxy.connections(), 4);
  environment_.push_back("no_proxy=.invalid");
  EXPECT_EQ(RunOnce(), protocol::kExitUnreachable) << Log();
  EXPECT_EQ(proxy.connections(), 4);
}

TEST_F(AgentProgramTest, ProxyThatIsNoneIsWrongInput) {
  Serve();
  EXPECT_EQ(Run({"run", "--config", ConfigPath(), "--once", "--proxy", "p:1"}),
            protocol::kExitUsage);
  EXPECT_THAT(Log(), HasSubstr("proxy: the proxy's address does not start"));
}

TEST_F(AgentProgramTest, InvalidInvitationIsARefusal) {
  ServeTls();
  EXPECT_EQ(Enroll("forged"), protocol::kExitRefused);
  EXPECT_THAT(Log(), HasSubstr("invitation_invalid"));
}

TEST_F(AgentProgramTest, EnrolmentTrustsTheGivenCaAlone) {
  ServeTls();
  WriteCa(
      protocol::MakeCa("other", absl::Now(), absl::Hours(1))->certificate_pem);
  EXPECT_EQ(Enroll("welcome"), protocol::kExitUnreachable);
  EXPECT_THAT(Log(), HasSubstr("is not signed by"));
}

// As a device sees it whose clock is ten years ahead.
TEST_F(AgentProgramTest, EnrolmentByAWrongClockNamesTheClock) {
  ServeTls(absl::Now() - absl::Hours(24 * 3650));
  EXPECT_EQ(Enroll("welcome"), protocol::kExitUnreachable);
  EXPECT_THAT(Log(), HasSubstr("by this device's clock"));
}

TEST_F(AgentProgramTest, CaThatIsNoCertificateIsWrongInputAndNamed) {
  ServeTls(absl::Now());
  SHOAL_ASSERT_OK(
      ReplaceFile(folder_.path() + "/ca.pem", ca_.key_pem.Reveal()));
  EXPECT_EQ(Enroll("welcome"), protocol::kExitUsage);
  EXPECT_THAT(Log(), HasSubstr("/ca.pem: not a certificate"));
}

TEST_F(AgentProgramTest, OperatorsCertificateIsWrongInputAndNamesBothRoles) {
  ServeTls();
  ASSERT_EQ(Enroll("welcome"), protocol::kExitOk) << Log();
  const auto other =
      *protocol::Issue(ca_, "operator", protocol::Role::kOperator, {},
                       absl::Now(), absl::Hours(1));
  SHOAL_ASSERT_OK(
      ReplaceFile(State() + "/certificate.pem", other.certificate_pem));
  SHOAL_ASSERT_OK(ReplaceFile(State() + "/key.pem", other.key_pem.Reveal()));
  EXPECT_EQ(RunOnce(), protocol::kExitUsage);
  EXPECT_THAT(Log(), HasSubstr("certificate.pem: the certificate's role is "
                               "operator, expected device"));
}

TEST_F(AgentProgramTest, VersionHasTheProgramsName) {
  ASSERT_EQ(Run({"--version"}), protocol::kExitOk);
  EXPECT_THAT(Log(), StartsWith("shoal-agent " + Version() + " ("));
}

TEST_F(AgentProgramTest, EveryCommandHasAnExample) {
  for (const std::string command :
       {"run", "enroll", "statistics", "add", "predict", "status"}) {
    ASSERT_EQ(Run({command, "--help"}), protocol::kExitOk);
    EXPECT_THAT(Log(), HasSubstr("Example: shoal-agent " + command));
  }
}

TEST_F(AgentProgramTest, ExamplesFromTheSocketAreTrainedOnAndPredicted) {
  ServeSmall();
  const auto agent = StartListening();
  EXPECT_EQ(Predict("1,0,0,0"), protocol::kExitFailure);  // no model yet
  ASSERT_EQ(Add("0", "1,0,0,0"), protocol::kExitOk) << Log();
  EXPECT_EQ(Run({"add", "--socket", Socket(), "--features", "1,0,0,0"}),
            protocol::kExitFailure);
  EXPECT_THAT(Log(), HasSubstr("neither --label nor --target was given"));
  EXPECT_EQ(Add("3", "1,0,0,0"), protocol::kExitFailure);
  EXPECT_THAT(Log(), HasSubstr("the label 3, expected 0 to 2"));
  AwaitTrue([&] { return !fleet_->counted().empty(); });
  ASSERT_EQ(Predict("1,0,0,0"), protocol::kExitOk) << Log();
  EXPECT_THAT(Log(), HasSubstr("\n0.33333334,0.33333334,0.33333334"));
  AwaitTrue([&] { return Status()["examples"] == 1; });
  ExpectStops(*agent);
  EXPECT_FALSE(std::filesystem::exists(Socket()));
}

// A device without a battery for its clock starts before its time is set.
TEST_F(AgentProgramTest, WrongClockHoldsSessionsBackAndNothingElse) {
  ServeTls(absl::Now(), "127.0.0.1", SmallPlan());
  std::filesystem::create_directory(Inbox());
  ConfigureStore("");
  ASSERT_EQ(Enroll("welcome"), protocol::kExitOk) << Log();
  auto agent = StartListening();
  ASSERT_EQ(Add("1", "0,1,0,0"), protocol::kExitOk) << Log();
  AwaitTrue([&] { return !fleet_->counted().empty(); });
  ExpectStops(*agent);

  // As a clock sees it that is ten years ahead.
  const auto old =
      *protocol::Issue(ca_, "device", protocol::Role::kDevice, {},
                       absl::Now() - absl::Hours(24 * 3650), absl::Hours(1));
  SHOAL_ASSERT_OK(
      ReplaceFile(State() + "/certificate.pem", old.certificate_pem));
  SHOAL_ASSERT_OK(ReplaceFile(State() + "/key.pem", old.key_pem.Reveal()));
  agent = StartListening();
  AwaitTrue([&] { return Status()["last"]["outcome"] == "held_back"; });
  EXPECT_THAT(Status()["last"]["explanation"].get<std::string>(),
              HasSubstr("this device's clock says"));
  EXPECT_EQ(Predict("1,0,0,0"), protocol::kExitOk) << Log();
  EXPECT_EQ(Add("1", "0,1,0,0"), protocol::kExitOk) << Log();
  Put("late.csv", "label,a,b,c,d\n2,0,0,1,0\n");
  AwaitTrue([&] { return Status()["examples"] == 3; });
  ExpectStops(*agent);
}

TEST_F(AgentProgramTest, FilesOfTheFolderAreTrainedOn) {
  ServeSmall();
  Put("early.csv", "label,a,b,c,d\n0,1,0,0,0\n1,0,1,0,0\n");
  Put("wrong.csv", "label,a\n0,1\n");
  const auto agent = StartListening();
  Put("late.csv", "label,a,b,c,d\n2,0,0,1,0\n");
  AwaitTrue([&] { return !fleet_->counted().empty(); });
  AwaitTrue([&] { return Status()["examples"] == 3; });
  EXPECT_TRUE(std::filesystem::exists(Inbox() + "/rejected/wrong.csv.reason"));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(Inbox()), {}), 1);
  ExpectStops(*agent);
  const std::string statistics = folder_.path() + "/statistics";
  ASSERT_EQ(Run({"statistics", "--config", ConfigPath(), "--out", statistics}),
            protocol::kExitOk)
      << Log();
  EXPECT_THAT(Log(), HasSubstr("4 features over 3 examples"));
}

TEST_F(AgentProgramTest, FilesThatAreThereCountInTheFirstSession) {
  ServeSmall();
  for (int i = 0; i < 5; ++i) {
    Put(absl::StrCat(i, ".csv"), "label,a,b,c,d\n0,1,0,0,0\n");
  }
  ASSERT_EQ(RunOnce(), protocol::kExitOk) << Log();
  EXPECT_EQ(fleet_->counted().size(), 1u);
  EXPECT_EQ(Status()["examples"], 5);
}

TEST_F(AgentProgramTest, FirstExampleBringsTheSessionForward) {
  ServeSmall();
  ConfigureStore("insecure: true\n", /*max_backoff=*/"1h");
  const auto agent = StartListening();
  AwaitTrue([&] { return Status().contains("sessions"); });
  EXPECT_EQ(Status()["last"]["outcome"], "held_back");
  ASSERT_EQ(Add("1", "0,1,0,0"), 0) << Log();
  AwaitTrue([&] { return fleet_->counted().size() == 1; });
  ExpectStops(*agent);
}

TEST_F(AgentProgramTest, KilledAgentLeavesExamplesAndASocketThatIsReplaced) {
  ServeSmall();
  population_ = "nobody";
  ConfigureStore();
  auto agent = StartListening();
  ASSERT_EQ(Add("1", "0,1,0,0"), protocol::kExitOk) << Log();
  EXPECT_EQ(Run({"run", "--config", ConfigPath()}), protocol::kExitFailure)
      << "the folder is in use";
  agent->Signal(SIGKILL);
  ASSERT_TRUE(agent->Wait(kPatience).has_value());
  EXPECT_TRUE(std::filesystem::exists(Socket()));
  EXPECT_EQ(Add("1", "0,1,0,0"), protocol::kExitFailure);
  EXPECT_THAT(Log(), HasSubstr("no agent answers there"));
  agent = Start({"run", "--config", ConfigPath()});
  AwaitTrue([&] { return Add("1", "0,1,0,0") == protocol::kExitOk; });
  AwaitTrue([&] { return Status()["examples"] == 2; });
  ExpectStops(*agent);
}

TEST_F(AgentProgramTest, SocketIsAnsweredWhileASessionHangs) {
  ServeSmall();
  service_->set_silent_check_in();
  const auto agent = StartListening();
  ASSERT_EQ(Add("1", "0,1,0,0"), protocol::kExitOk) << Log();
  service_->AwaitCheckIn();
  const absl::Time begin = absl::Now();
  for (int i = 0; i < 20; ++i) {
    ASSERT_EQ(Add("1", "0,1,0,0"), protocol::kExitOk) << Log();
  }
  EXPECT_LT(absl::Now() - begin, kPatience);
  ExpectStops(*agent);
}

TEST_F(AgentProgramTest, StoreThatCannotBeIsWrongInput) {
  ServeSmall();
  std::filesystem::remove(Inbox());
  EXPECT_EQ(RunOnce(), protocol::kExitUsage);
  EXPECT_THAT(Log(), HasSubstr("inbox: is no folder"));
  std::filesystem::create_directory(Inbox());
  SHOAL_ASSERT_OK(ReplaceFile(Socket(), "a file"));
  EXPECT_EQ(RunOnce(), protocol::kExitUsage);
  EXPECT_THAT(Log(), HasSubstr("agent.sock: is there and no socket"));
}

// What a process has and does, as the kernel counts it.
struct ProcessCounts {
  int threads = 0;
  int sockets = 0;
  int64_t sleeps = 0;  // of all threads, of their own accord
};
ProcessCounts CountsOf(pid_t pid) {
  namespace fs = std::filesystem;
  ProcessCounts counts;
  const std::string folder = absl::StrCat("/proc/", pid);
  for (const auto& entry : fs::directory_iterator(folder + "/fd")) {
    std::error_code gone;
    if (fs::read_symlink(entry, gone).native().starts_with("socket:")) {
      ++counts.sockets;
    }
  }
  for (const auto& entry : fs::directory_iterator(folder + "/task")) {
    ++counts.threads;
    std::ifstream status(entry.path() / "status");
    std::string name;
    while (status >> name) {
      int64_t number = 0;
      if (name == "voluntary_ctxt_switches:" && status >> number) {
        counts.sleeps += number;
      }
    }
  }
  return counts;
}

// "RssAnon" and the like, in KiB.
int64_t KibibytesOf(pid_t pid, const std::string& field) {
  std::ifstream status(absl::StrCat("/proc/", pid, "/status"));
  std::string name;
  while (status >> name) {
    int64_t number = 0;
    if (name == field + ":" && status >> number) return number;
  }
  return -1;
}

// A session of 50 000 parameters over TLS.
TEST_F(AgentProgramTest, MemoryIsSmallFromOutside) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers have memory of their own";
#endif
  protocol::Plan plan = HandwritingPlan();
  plan.model.architecture = learning::MlpSpec{784, {63}, 10};
  ServeTls(absl::Now(), "127.0.0.1", plan);
  ASSERT_EQ(Enroll("welcome"), protocol::kExitOk) << Log();
  Configure("memory: 2MiB\n");
  const auto agent = Start({"run", "--config", ConfigPath()});
  ASSERT_NE(agent, nullptr);
  int64_t peak = 0;
  const absl::Time end = absl::Now() + kPatience;
  while (fleet_->counted().empty()) {
    ASSERT_LT(absl::Now(), end) << Log();
    peak = std::max(peak, KibibytesOf(agent->pid(), "RssAnon"));
  }
  EXPECT_LE(peak, 3 * 1024 + 2 * 1024);
  absl::SleepFor(absl::Milliseconds(200));  // what ends a session
  EXPECT_LE(KibibytesOf(agent->pid(), "RssAnon"), 3 * 1024);
  EXPECT_EQ(KibibytesOf(agent->pid(), "Threads"), 1);
  ExpectStops(*agent);
}

// One thread, which waits for signals between sessions.
TEST_F(AgentProgramTest, IdleAgentSleepsWithoutAConnection) {
  population_ = "nobody";  // told to come back in 11 s
  Serve();
  const auto agent = Start({"run", "--config", ConfigPath()});
  ASSERT_NE(agent, nullptr);
  const absl::Time end = absl::Now() + kPatience;
  while (!std::filesystem::exists(State() + "/status.json") ||
         CountsOf(agent->pid()).sockets > 0) {
    ASSERT_LT(absl::Now(), end) << Log();
    absl::SleepFor(absl::Milliseconds(10));
  }
  absl::SleepFor(absl::Milliseconds(200));  // what ends a session
  const ProcessCounts before = CountsOf(agent->pid());
  absl::SleepFor(absl::Seconds(10));
  const ProcessCounts after = CountsOf(agent->pid());
  EXPECT_EQ(after.threads, 1);
  EXPECT_EQ(after.sockets, 0);
  EXPECT_EQ(after.sleeps, before.sleeps);
  ExpectStops(*agent);
}

// A store's socket and folder wake it up when something comes, and not before;
// nor does a program that has connected and is silent.
TEST_F(AgentProgramTest, IdleAgentSleepsWithASocketAndAFolder) {
  population_ = "nobody";
  ServeSmall();
  const auto agent = StartListening();
  Put("a.csv", "label,a,b,c,d\n0,1,0,0,0\n");
  const int silent = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_un address = client::SocketAddress(Socket()).value();
  ASSERT_EQ(connect(silent, reinterpret_cast<const sockaddr*>(&address),
                    sizeof address),
            0);
  // What follows is one session, which is told to come back in 11 s.
  AwaitTrue([&] { return Status()["last"]["outcome"] == "not_assigned"; });
  absl::SleepFor(absl::Seconds(3));  // the status, too, has been written
  const ProcessCounts before = CountsOf(agent->pid());
  absl::SleepFor(absl::Milliseconds(500));
  const ProcessCounts after = CountsOf(agent->pid());
  EXPECT_EQ(after.threads, 1);
  EXPECT_EQ(after.sockets, 2);  // the one that listens, and the silent one
  EXPECT_EQ(after.sleeps, before.sleeps);
  close(silent);
  ExpectStops(*agent);
}

TEST_F(AgentProgramTest, MissingDataAreWrongInput) {
  Serve();
  SHOAL_ASSERT_OK(ReplaceFile(
      ConfigPath(),
      absl::StrCat("coordinator: ", server_->address(), "\nstate: ", State(),
                   "\npopulation: p\n", "data: {csv: {path: ", folder_.path(),
                   ", label: x}}\ninsecure: true\n")));
  EXPECT_EQ(RunOnce(), protocol::kExitUsage);
  EXPECT_THAT(Log(), HasSubstr("agent cannot start"));
}

TEST_F(AgentProgramTest, StatisticsAreOfTheDevicesFeatures) {
  Serve();
  const std::string out = folder_.path() + "/statistics";
  const std::vector<std::string> command = {"statistics", "--config",
                                            ConfigPath(), "--out", out};
  ASSERT_EQ(Run(command), protocol::kExitOk) << Log();
  EXPECT_THAT(Log(), HasSubstr("statistics of 784 features over "));
  SHOAL_ASSERT_OK_AND_ASSIGN(const std::string bytes, ReadFile(out));
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto statistics,
                             learning::FeatureStatistics::Decode(bytes));
  EXPECT_EQ(statistics.num_features(), 784);
  EXPECT_GE(statistics.count(0), 1);
  // They need no coordinator.
  server_.reset();
  EXPECT_EQ(Run(command), protocol::kExitOk) << Log();
  EXPECT_THAT(ReadFile(out), IsOkAndHolds(bytes));
}

// What a service logs while its coordinator is away for three sessions.
TEST_F(AgentProgramTest, AbsentCoordinatorIsOneShortLineASession) {
  Serve();
  Configure("insecure: true\n");
  server_.reset();
  EXPECT_EQ(Run({"run", "--config", ConfigPath(), "--sessions", "3"}),
            protocol::kExitUnreachable);
  const std::string log = Log();
  EXPECT_THAT(log, HasSubstr("WARNING coordinator unreachable attempts=5"));
  EXPECT_THAT(log, HasSubstr("WARNING coordinator still unreachable "
                             "sessions=3 next_check_in="));
  const std::vector<std::string> reasons =
      absl::StrSplit(log, "cannot be reached");
  EXPECT_EQ(reasons.size(), 2u) << log;  // once
}

TEST_F(AgentProgramTest, FolderOfARunningAgentIsNotShared) {
  Serve();
  service_->set_silent_check_in();
  const auto first = Start({"run", "--config", ConfigPath()});
  service_->AwaitCheckIn();
  EXPECT_EQ(RunOnce(), protocol::kExitFailure);
  EXPECT_THAT(Log(), HasSubstr("belongs to a client that is running"));
}

TEST_F(AgentProgramTest, SigtermEndsACallThatHangs) {
  Serve();
  service_->set_silent_check_in();
  const auto agent = Start({"run", "--config", ConfigPath()});
  service_->AwaitCheckIn();
  ExpectStops(*agent);
}

TEST_F(AgentProgramTest, SigtermEndsTheWaitBetweenSessions) {
  population_ = "nobody";  // told to come back in eleven seconds
  Serve();
  const auto agent = Start({"run", "--config", ConfigPath()});
  service_->AwaitCheckIn();
  ExpectStops(*agent);
}

TEST_F(AgentProgramTest, SigtermEndsTrainingAndGivesTheAssignmentUp) {
  protocol::Plan plan = HandwritingPlan();
  plan.model.architecture = learning::MlpSpec{784, {1000}, 10};
  plan.training.epochs = 10'000;  // takes minutes
  Serve(plan);
  const auto agent = Start({"run", "--config", ConfigPath()});
  service_->AwaitFetch();
  ExpectStops(*agent);
  EXPECT_THAT(fleet_->abandoned(),
              ::testing::ElementsAre(protocol::AbandonReason::kShutdown));
}

TEST_F(AgentProgramTest, SigtermKeepsAnUploadWithoutReceipt) {
  Serve();
  service_->set_silent_receipt();
  const auto agent = Start({"run", "--config", ConfigPath()});
  service_->AwaitChunk();
  ExpectStops(*agent);
  EXPECT_TRUE(std::filesystem::exists(State() + "/pending.bin"));
}

class AgentFailpointTest : public AgentProgramTest,
                           public ::testing::WithParamInterface<std::string> {};

TEST_P(AgentFailpointTest, KilledAgentContributesAfterARestart) {
  Serve();
  const auto agent =
      Start({"run", "--config", ConfigPath(), "--once"}, GetParam());
  const auto death = agent->Wait(kPatience);
  ASSERT_TRUE(death.has_value());
  ASSERT_EQ(death->signal, SIGKILL) << Log();
  EXPECT_EQ(RunOnce(), protocol::kExitOk) << Log();
  EXPECT_EQ(fleet_->counted().size(), 1u);
}

INSTANTIATE_TEST_SUITE_P(EveryPlace, AgentFailpointTest,
                         ::testing::Values("after_fetch", "after_train",
                                           "mid_upload", "before_receipt"));

}  // namespace
}  // namespace shoal::testing
