#include "client/agent/example_intake.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/file.h"
#include "client/agent/socket_address.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/agent/echo_client.h"
#include "tests/support/status_matchers.h"

namespace shoal::client {
namespace {

namespace fs = std::filesystem;
using ::shoal::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// Until `done`, which needs no more than some pieces.
template <typename Done>
void ServeUntil(ExampleIntake& intake, Done done) {
  constexpr int kTimeoutMs = 20;
  std::vector<pollfd> polled;
  for (int piece = 0; !done(); ++piece) {
    ASSERT_LT(piece, 1000);
    polled.clear();
    intake.AppendTo(polled);
    const bool now = intake.Due() <= absl::ZeroDuration();
    poll(polled.data(), polled.size(), now ? 0 : kTimeoutMs);
    intake.Serve(polled);
  }
}

// A program of the same machine.
class Speaker {
 public:
  explicit Speaker(const std::string& path)
      : fd_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const auto address = SocketAddress(path).value();
    SHOAL_CHECK(connect(fd_, reinterpret_cast<const sockaddr*>(&address),
                        sizeof address) == 0);
  }
  ~Speaker() { close(fd_); }
  Speaker(const Speaker&) = delete;
  Speaker& operator=(const Speaker&) = delete;

  void Say(const std::string& lines) const {
    SHOAL_CHECK(send(fd_, lines.data(), lines.size(), 0) == std::ssize(lines));
  }
  // What is said to it while `intake` is served, up to so many lines.
  std::string Hear(ExampleIntake& intake, int num_lines) const {
    std::string heard;
    ServeUntil(intake, [&] {
      char buffer[4096];
      const ssize_t size = recv(fd_, buffer, sizeof buffer, MSG_DONTWAIT);
      if (size > 0) heard.append(buffer, size);
      return std::count(heard.begin(), heard.end(), '\n') >= num_lines;
    });
    return heard;
  }

 private:
  const int fd_;
};

class ExampleIntakeTest : public ::testing::Test {
 protected:
  ExampleIntakeTest() {
    fs::create_directory(state_);
    fs::create_directory(inbox_);
    examples_.store.num_features = 2;
    examples_.store.num_classes = 3;
    examples_.folder = inbox_;
  }

  absl::StatusOr<std::unique_ptr<ExampleIntake>> Open() {
    return ExampleIntake::Open(examples_, state_, clock_, log_);
  }

  std::string Socket() const { return folder_.path() + "/agent.sock"; }

  TemporaryFolder folder_;
  const std::string state_ = folder_.path() + "/state";
  const std::string inbox_ = folder_.path() + "/inbox";
  VirtualClock clock_{absl::FromUnixSeconds(1'700'000'000)};
  NullLogger log_;
  testing::EchoClient client_;
  AgentExamples examples_;
};

// The agent would move its own key to the rejected files.
TEST_F(ExampleIntakeTest, FolderThatSharesFilesWithTheStateIsRefused) {
  fs::create_directory_symlink(state_, folder_.path() + "/link");
  fs::create_directory(state_ + "/inbox");
  for (const std::string& folder :
       {state_, state_ + "/", state_ + "/../state", folder_.path() + "/link",
        state_ + "/inbox", folder_.path() + "/link/inbox", state_ + "/examples",
        folder_.path(), std::string("/")}) {
    examples_.folder = folder;
    EXPECT_THAT(Open().status(),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         AllOf(HasSubstr(folder + ": "),
                               HasSubstr("state folder " + state_))))
        << folder;
  }
}

TEST_F(ExampleIntakeTest, FolderBesideTheStateIsWatched) {
  // Names that begin alike are no folders within each other.
  examples_.folder = state_ + "-inbox";
  fs::create_directory(examples_.folder);
  SHOAL_EXPECT_OK(Open());
}

TEST_F(ExampleIntakeTest, StoreAloneHasNothingToPollAndNothingToDo) {
  examples_.folder.clear();
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto intake, Open());
  SHOAL_ASSERT_OK(intake->Listen(client_));
  EXPECT_FALSE(intake->listens());
  EXPECT_FALSE(intake->has_files());
  std::vector<pollfd> polled;
  intake->AppendTo(polled);
  EXPECT_THAT(polled, IsEmpty());
  intake->Serve(polled);
  EXPECT_EQ(intake->Due(), absl::InfiniteDuration());
}

// Which of the descriptors is whose depends on what there is.
TEST_F(ExampleIntakeTest, FolderAndSocketAreServedFromOnePoll) {
  examples_.socket = Socket();
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto intake, Open());
  SHOAL_ASSERT_OK(intake->Listen(client_));
  SHOAL_ASSERT_OK(ReplaceFile(inbox_ + "/a.csv", "label,a,b\n1,2,3\n"));
  const Speaker speaker(Socket());
  speaker.Say("example 2 0,1\npredict 5,6\n");
  EXPECT_EQ(speaker.Hear(*intake, 2), "ok\nok 5,6\n");
  ServeUntil(*intake, [&] { return intake->store()->num_examples() == 2; });
  EXPECT_TRUE(fs::is_empty(inbox_));
}

TEST_F(ExampleIntakeTest, SocketWithoutAFolderIsServed) {
  examples_.folder.clear();
  examples_.socket = Socket();
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto intake, Open());
  SHOAL_ASSERT_OK(intake->Listen(client_));
  const Speaker speaker(Socket());
  speaker.Say("predict 5,6\n");
  EXPECT_EQ(speaker.Hear(*intake, 1), "ok 5,6\n");
}

// Lines that have been read are not told by any poll.
TEST_F(ExampleIntakeTest, LinesThatWaitAreDueAtOnce) {
  examples_.socket = Socket();
  examples_.folder.clear();
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto intake, Open());
  SHOAL_ASSERT_OK(intake->Listen(client_));
  const Speaker speaker(Socket());
  constexpr int kLines = 1000;
  std::string lines;
  for (int i = 0; i < kLines; ++i) lines += "predict 1,2\n";
  speaker.Say(lines);
  EXPECT_EQ(intake->Due(), absl::InfiniteDuration());
  ServeUntil(*intake, [&] { return intake->Due() == absl::ZeroDuration(); });
  EXPECT_THAT(speaker.Hear(*intake, kLines), SizeIs(kLines * 7));  // "ok 1,2"
  EXPECT_EQ(intake->Due(), absl::InfiniteDuration());
}

TEST_F(ExampleIntakeTest, FilesThatTheStoreCannotKeepAreNotWaitedFor) {
  SHOAL_ASSERT_OK(ReplaceFile(inbox_ + "/a.csv", "label,a,b\n1,2,3\n"));
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto intake, Open());
  EXPECT_TRUE(intake->has_files());
  const std::string obstacle = state_ + "/examples/000000000001.examples";
  fs::create_directories(obstacle + "/x");
  ServeUntil(*intake, [&] { return !intake->has_files(); });
  EXPECT_GT(intake->Due(), absl::ZeroDuration());
  EXPECT_LT(intake->Due(), absl::InfiniteDuration());
  fs::remove_all(obstacle);
  clock_.Advance(intake->Due());
  EXPECT_TRUE(intake->has_files());
  ServeUntil(*intake, [&] { return !intake->has_files(); });
  EXPECT_EQ(intake->store()->num_examples(), 1);
}

}  // namespace
}  // namespace shoal::client
