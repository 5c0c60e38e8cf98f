#include "client/agent/ask_agent.h"

#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <vector>

#include "base/check.h"
#include "base/file.h"
#include "client/agent/socket_address.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace shoal::client {
namespace {

using ::shoal::testing::IsOkAndHolds;
using ::shoal::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;

// No test waits for it to pass, but for the one of an agent that is silent.
constexpr absl::Duration kPatience = absl::Seconds(30);

// Listens at `path` for one conversation: takes a line, sends the pieces of an
// answer and ends.
class ScriptedAgent {
 public:
  ScriptedAgent(const std::string& path, std::vector<std::string> pieces)
      : fd_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const auto address = SocketAddress(path).value();
    SHOAL_CHECK(bind(fd_, reinterpret_cast<const sockaddr*>(&address),
                     sizeof address) == 0);
    SHOAL_CHECK(listen(fd_, 1) == 0);
    thread_ = std::thread([this, pieces] { Converse(pieces); });
  }
  ~ScriptedAgent() {
    thread_.join();
    close(fd_);
  }
  ScriptedAgent(const ScriptedAgent&) = delete;
  ScriptedAgent& operator=(const ScriptedAgent&) = delete;

 private:
  void Converse(const std::vector<std::string>& pieces) {
    const int fd = accept(fd_, nullptr, nullptr);
    char byte = 0;
    while (byte != '\n' && recv(fd, &byte, 1, 0) == 1) {
    }
    for (const std::string& piece : pieces) {
      send(fd, piece.data(), piece.size(), MSG_NOSIGNAL);
    }
    // Ends with the other side, when there is nothing to be said.
    if (pieces.empty()) recv(fd, &byte, 1, 0);
    close(fd);
  }

  const int fd_;
  std::thread thread_;
};

class AskAgentTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::string> AskOneThatSays(std::vector<std::string> pieces) {
    unlink(Path().c_str());
    const ScriptedAgent agent(Path(), std::move(pieces));
    return AskAgent(Path(), "predict 1,2", kPatience);
  }
  std::string Path() const { return folder_.path() + "/agent.sock"; }

  TemporaryFolder folder_;
};

TEST_F(AskAgentTest, WhatStandsBehindOkIsTheAnswer) {
  EXPECT_THAT(AskOneThatSays({"ok 0.5,0.25\n"}), IsOkAndHolds("0.5,0.25"));
  EXPECT_THAT(AskOneThatSays({"ok\n"}), IsOkAndHolds(""));
  EXPECT_THAT(AskOneThatSays({"o", "k 0.", "5\n"}), IsOkAndHolds("0.5"));
}

TEST_F(AskAgentTest, ErrorIsTheAgentsOwnSentence) {
  const auto answer = AskOneThatSays({"error no model yet\n"});
  ASSERT_THAT(answer, StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ(answer.status().message(), "no model yet");
}

TEST_F(AskAgentTest, AnotherProgramsAnswerIsNamed) {
  EXPECT_THAT(AskOneThatSays({"220 mail ready\n"}),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr(Path()), HasSubstr("no agent's answer"),
                             HasSubstr("220 mail ready"))));
}

TEST_F(AskAgentTest, AnswerThatBreaksOffIsNone) {
  EXPECT_THAT(AskOneThatSays({"ok 0.5"}),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("has ended the conversation")));
}

TEST_F(AskAgentTest, SilentAgentIsNotWaitedForForEver) {
  const ScriptedAgent agent(Path(), {});
  EXPECT_THAT(AskAgent(Path(), "predict 1", absl::Milliseconds(20)),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("out of patience")));
}

TEST_F(AskAgentTest, NobodyAtThePathIsNamed) {
  EXPECT_THAT(AskAgent(Path(), "predict 1", kPatience),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr(Path() + ": no agent answers there")));
}

// A second line would be another request, whose answer nobody reads.
TEST_F(AskAgentTest, LineBreakIsRefused) {
  EXPECT_THAT(AskAgent(Path(), "predict 1\nexample 0 1", kPatience),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(AskAgentTest, PathThatIsTooLongForASocketIsRefused) {
  EXPECT_THAT(AskAgent("/" + std::string(200, 'x'), "predict 1", kPatience),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace shoal::client
