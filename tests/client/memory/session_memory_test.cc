// What a whole session allocates, over TLS and from a real coordinator in a
// process of its own, so that only the device's memory is counted here.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <regex>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "base/allocation_counter.h"
#include "base/child_process.h"
#include "base/file.h"
#include "client/client_options.h"
#include "client/include/shoal/client.h"
#include "client/transport/lean/openssl_memory.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learning/device_memory.h"
#include "tests/faults/shoald_process.h"
#include "tests/support/status_matchers.h"

namespace shoal::testing {
namespace {

using ::testing::HasSubstr;

constexpr int kFeatures = 784;
constexpr int kExamples = 139;

constexpr char kTask[] =
    "name: digits\npopulation: handwriting\n"
    "model: {mlp: {inputs: 784, hidden: [63], outputs: 10}}\n"
    "training: {learning_rate: 0.05}\n"
    "round: {cohort: 1, over_selection: 1}\nrounds: 1000\n";

// Handwriting in size alone; computed, so that examples take no memory.
class Pictures final : public ExampleSource {
 public:
  int64_t num_examples() const override { return kExamples; }
  int num_features() const override { return kFeatures; }
  int num_classes() const override { return 10; }
  int32_t label(int64_t index) const override {
    return static_cast<int32_t>(index % 10);
  }
  void CopyFeatures(int64_t index, absl::Span<float> out) const override {
    for (int i = 0; i < kFeatures; ++i) {
      out[i] = static_cast<float>((index * 31 + i * 17) % 256) / 256;
    }
  }
};

// All of this process, from its start.
client::lean::CappedMemory* const openssl_memory =
    client::lean::CapOpenSslMemory(std::numeric_limits<size_t>::max());

class SessionMemoryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!CountsAllocations()) GTEST_SKIP() << "this build counts nothing";
    SHOAL_ASSERT_OK(shoald_.Start());
    SHOAL_ASSERT_OK(WriteFileAtomically(folder_.path() + "/task.yaml", kTask));
    Operate({"task", "create", folder_.path() + "/task.yaml"});
    std::smatch token;
    const std::string invitation = Operate({"device", "invite", "--json"});
    ASSERT_TRUE(std::regex_search(invitation, token,
                                  std::regex("\"token\": *\"([^\"]*)\"")));
    SHOAL_ASSERT_OK(Enroll({.coordinator = shoald_.address(),
                            .ca_pem = shoald_.ca().certificate_pem,
                            .invitation = token[1],
                            .device_name = "counted",
                            .state_folder = state_}));
  }

  // What shoalctl prints. In a process of its own, as all of gRPC here.
  std::string Operate(std::vector<std::string> arguments) {
    const std::string log = folder_.path() + "/shoalctl.log";
    std::filesystem::remove(log);
    std::vector<std::string> command = {
        std::filesystem::path(ExecutableFolder())
            .parent_path()
            .append("bin/shoalctl"),
        "--coordinator", shoald_.address(), "--credentials",
        shoald_.credentials()};
    command.insert(command.end(), arguments.begin(), arguments.end());
    const auto process = ChildProcess::Start(
        {.command = command, .environment = {}, .log_path = log});
    EXPECT_THAT(process, IsOk());
    const auto exit = (*process)->Wait(absl::Seconds(30));
    EXPECT_TRUE(exit.has_value() && exit->code == 0) << TailOfFile(log, 20);
    return *ReadFile(log);
  }

  ClientOptions Options() const {
    ClientOptions options;
    options.coordinator = shoald_.address();
    options.state_folder = state_;
    options.population = "handwriting";
    return options;
  }

  enum ExitStatus { kContributed = 3, kFailed = 4 };

  // Runs sessions until one counts: the last round may not be over yet.
  static bool Contribute(Client& client) {
    for (int i = 0; i < 100; ++i) {
      const auto report = client.RunOnce();
      if (!report.ok()) return false;
      if (report->outcome == SessionReport::kContributed) return true;
      if (report->outcome != SessionReport::kNotAssigned) return false;
      absl::SleepFor(absl::Milliseconds(20));
    }
    return false;
  }

  // A session in a child, with so much for OpenSSL.
  int RunWithin(size_t openssl_bytes) {
    openssl_memory->set_limit(openssl_bytes);
    ClientDependencies dependencies;
    dependencies.examples = &pictures_;
    ClientOptions options = Options();
    options.max_backoff = absl::Milliseconds(1);
    const auto client = Client::Create(options, dependencies);
    if (!client.ok()) return kFailed;
    return Contribute(**client) ? kContributed : kFailed;
  }

  TemporaryFolder folder_;
  const std::string state_ = folder_.path() + "/state";
  ShoaldProcess shoald_;
  Pictures pictures_;
};

// The exact least with which a device may train the task, so that training has
// no byte to spare; and more than it can use.
TEST_F(SessionMemoryTest, NoSessionAllocatesMoreThanItsLimit) {
  const auto model =
      *learning::Model::Create({learning::MlpSpec{784, {63}, 10}});
  learning::TrainingOptions training;
  training.learning_rate = 0.05;
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const int64_t least,
      learning::LeastMemoryBytes(*model, training, kExamples));
  ClientDependencies dependencies;
  dependencies.examples = &pictures_;
  for (const int64_t limit :
       {client::kSdkMemoryBytes + least, client::kSdkMemoryBytes + 2 * least}) {
    ClientOptions options = Options();
    options.memory_bytes = limit;
    const int64_t before = AllocatedBytes();
    ResetPeakAllocatedBytes();
    SHOAL_ASSERT_OK_AND_ASSIGN(const auto client,
                               Client::Create(options, dependencies));
    EXPECT_TRUE(Contribute(*client));
    EXPECT_LE(PeakAllocatedBytes() - before, limit);
    // It is no more than it should be by chance alone: most of it is training.
    EXPECT_GE(PeakAllocatedBytes() - before, least / 2);
    // Between sessions next to nothing is held.
    EXPECT_LE(AllocatedBytes() - before, 128 * 1024);
  }
}

TEST_F(SessionMemoryTest, LimitThatIsTooSmallIsRefusedBeforeTheDownload) {
  ClientDependencies dependencies;
  dependencies.examples = &pictures_;
  ClientOptions options = Options();
  options.memory_bytes = client::kSdkMemoryBytes + 100'000;
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto client,
                             Client::Create(options, dependencies));
  const int64_t before = AllocatedBytes();
  ResetPeakAllocatedBytes();
  SHOAL_ASSERT_OK_AND_ASSIGN(const SessionReport report, client->RunOnce());
  EXPECT_EQ(report.outcome, SessionReport::kNotAssigned);
  EXPECT_THAT(report.explanation, HasSubstr("needs at least"));
  EXPECT_LE(PeakAllocatedBytes() - before, client::kSdkMemoryBytes);
}

// Whatever OpenSSL is refused, a session ends with an outcome or an error.
TEST_F(SessionMemoryTest, OpensslWithoutMemoryFailsAndCrashesNothing) {
  ASSERT_NE(openssl_memory, nullptr);
  constexpr size_t kMost = 160 * 1024;  // what a session adds
  int contributed = 0, failed = 0;
  for (size_t more = 0; more < kMost; more += 2048) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) _exit(RunWithin(openssl_memory->bytes() + more));
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status))
        << "signal " << WTERMSIG(status) << " with " << more << " bytes";
    contributed += WEXITSTATUS(status) == kContributed;
    failed += WEXITSTATUS(status) == kFailed;
  }
  EXPECT_GT(failed, 10);
  EXPECT_EQ(contributed + failed, static_cast<int>(kMost / 2048));
}

}  // namespace
}  // namespace shoal::testing
