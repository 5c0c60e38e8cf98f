#include "client/agent/local_socket.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/check.h"
#include "base/file.h"
#include "client/agent/ask_agent.h"
#include "client/agent/socket_address.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace shoal::client {
namespace {

using ::shoal::testing::StatusIs;
using ::testing::HasSubstr;

constexpr size_t kLongest = 100;

// Answers a line with itself; some of them with a lot.
class Echo final : public LineAnswerer {
 public:
  size_t longest_line() const override { return kLongest; }
  size_t Answer(absl::Span<const absl::string_view> lines,
                std::string& out) override {
    EXPECT_LE(lines[0].size(), kLongest);
    const std::string big = lines[0] == "much" ? std::string(9999, 'x') : "";
    absl::StrAppend(&out, "ok ", lines[0], big, "\n");
    ++answered;
    return 1;
  }
  int answered = 0;
};

// A program that talks to the socket; its calls do not block.
class Peer {
 public:
  explicit Peer(const std::string& path)
      : fd_(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    const sockaddr_un address = SocketAddress(path).value();
    SHOAL_CHECK(connect(fd_, reinterpret_cast<const sockaddr*>(&address),
                        sizeof address) == 0);
  }
  ~Peer() { close(fd_); }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  // How much of it went out.
  size_t Send(absl::string_view bytes) {
    return std::max<ssize_t>(
        send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL), 0);
  }
  void EndSending() { shutdown(fd_, SHUT_WR); }
  // What has come since; sets ended().
  std::string Receive() {
    std::string got;
    char buffer[4096];
    while (true) {
      const ssize_t size = recv(fd_, buffer, sizeof buffer, 0);
      ended_ |= size == 0 || (size < 0 && errno != EAGAIN);
      if (size <= 0) return got;
      got.append(buffer, size);
    }
  }
  bool ended() const { return ended_; }

 private:
  const int fd_;
  bool ended_ = false;
};

class LocalSocketTest : public ::testing::Test {
 protected:
  void Open() {
    auto opened = LocalSocket::Open(path_, 0600, echo_);
    SHOAL_ASSERT_OK(opened);
    socket_ = *std::move(opened);
  }
  // As an agent does, until nothing more is to be done at once. Returns how
  // often it was woken up.
  int Serve() {
    for (int i = 0;; ++i) {
      SHOAL_CHECK(i < 10000);
      std::vector<pollfd> polled;
      socket_->AppendTo(polled);
      if (poll(polled.data(), polled.size(), 0) == 0 &&
          !socket_->has_backlog()) {
        return i;
      }
      socket_->Serve(polled);
    }
  }

  TemporaryFolder folder_;
  const std::string path_ = folder_.path() + "/agent.sock";
  Echo echo_;
  std::unique_ptr<LocalSocket> socket_;
};

TEST_F(LocalSocketTest, LinesAreAnsweredHoweverTheyCome) {
  Open();
  Peer peer(path_);
  peer.Send("one\ntwo\nth");
  Serve();
  EXPECT_EQ(peer.Receive(), "ok one\nok two\n");
  peer.Send("ree");
  Serve();
  EXPECT_EQ(peer.Receive(), "");
  peer.Send("\n");
  Serve();
  EXPECT_EQ(peer.Receive(), "ok three\n");
  EXPECT_FALSE(peer.ended());
}

TEST_F(LocalSocketTest, WhatCameBeforeTheEndIsAnswered) {
  Open();
  Peer peer(path_);
  peer.Send("one\ntwo");
  peer.EndSending();
  Serve();
  EXPECT_EQ(peer.Receive(), "ok one\nerror the last line does not end\n");
  EXPECT_TRUE(peer.ended());
}

TEST_F(LocalSocketTest, ManyLinesAtOnceAreAllAnswered) {
  Open();
  Peer peer(path_);
  std::string lines;
  for (int i = 0; i < 2000; ++i) absl::StrAppend(&lines, i, "\n");
  ASSERT_EQ(peer.Send(lines), lines.size());
  peer.EndSending();
  std::string got;
  while (!peer.ended()) {
    Serve();
    got += peer.Receive();
  }
  const std::vector<std::string> answers = absl::StrSplit(got, '\n');
  ASSERT_EQ(answers.size(), 2001u);
  EXPECT_EQ(answers[1999], "ok 1999");
}

TEST_F(LocalSocketTest, LongLineIsAnErrorAndTheNextOneIsAnswered) {
  Open();
  Peer peer(path_);
  const std::string error = "error the line is longer than 100 bytes\n";
  peer.Send(absl::StrCat("a\n", std::string(101, 'x'), "\nb\n"));
  Serve();
  EXPECT_EQ(peer.Receive(), "ok a\n" + error + "ok b\n");
  // It need not come to its end for that, and costs no memory.
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(peer.Send(std::string(9999, 'y')), 9999u);
    Serve();
  }
  EXPECT_EQ(peer.Receive(), error);
  peer.Send("\nc\n");
  Serve();
  EXPECT_EQ(peer.Receive(), "ok c\n");
  peer.Send(std::string(100, 'z') + "\n");
  Serve();
  EXPECT_THAT(peer.Receive(), HasSubstr("ok zzz"));
}

TEST_F(LocalSocketTest, WhoDoesNotReadIsNotReadFromAndHoldsNobodyUp) {
  Open();
  Peer lazy(path_);
  const std::string much = "much\n";
  std::string lines;
  for (int i = 0; i < 2000; ++i) lines += much;
  size_t sent = 0;
  for (int i = 0; i < 1000; ++i) {
    sent += lazy.Send(absl::string_view(lines).substr(sent % much.size()));
    Serve();
  }
  const int answered = echo_.answered;
  EXPECT_LT(answered, 200);  // of two million, into the kernel's buffers
  EXPECT_EQ(Serve(), 0);     // nothing wakes the agent up
  Peer other(path_);
  other.Send("one\n");
  Serve();
  EXPECT_EQ(other.Receive(), "ok one\n");
  // It goes on where it was.
  std::string got;
  lazy.EndSending();
  while (!lazy.ended()) {
    got += lazy.Receive();
    Serve();
  }
  EXPECT_EQ(std::count(got.begin(), got.end(), '\n'),
            static_cast<int64_t>((sent + much.size() - 1) / much.size()));
}

TEST_F(LocalSocketTest, OfTooManyTheOneThatIsSilentForLongestGoes) {
  Open();
  std::vector<std::unique_ptr<Peer>> peers;
  for (size_t i = 0; i < LocalSocket::kMostClients; ++i) {
    peers.push_back(std::make_unique<Peer>(path_));
    Serve();
  }
  peers[0]->Send("here\n");
  Serve();
  Peer last(path_);
  last.Send("new\n");
  Serve();
  EXPECT_EQ(last.Receive(), "ok new\n");
  for (size_t i = 0; i < peers.size(); ++i) {
    peers[i]->Receive();
    EXPECT_EQ(peers[i]->ended(), i == 1) << i;
  }
}

TEST_F(LocalSocketTest, PeerThatVanishesIsForgotten) {
  Open();
  for (int i = 0; i < 3; ++i) {
    Peer peer(path_);
    peer.Send("much\nmuch\n");
    if (i > 0) Serve();
  }
  Serve();
  std::vector<pollfd> polled;
  socket_->AppendTo(polled);
  EXPECT_EQ(polled.size(), 1u);
}

TEST_F(LocalSocketTest, SocketIsClosedToOthersAndGoesInTheEnd) {
  Open();
  struct stat status;
  ASSERT_EQ(stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  socket_.reset();
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(LocalSocketTest, StaleSocketIsReplacedALiveOneIsNot) {
  {
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_un address = SocketAddress(path_).value();
    ASSERT_EQ(
        bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address),
        0);
    close(fd);  // as a killed process leaves it
  }
  Open();
  EXPECT_THAT(LocalSocket::Open(path_, 0600, echo_).status(),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("another process listens there")));
  Peer peer(path_);
  peer.Send("one\n");
  Serve();
  EXPECT_EQ(peer.Receive(), "ok one\n");
}

TEST_F(LocalSocketTest, OtherFilesAndLongPathsAreRefused) {
  SHOAL_ASSERT_OK(ReplaceFile(path_, "precious"));
  EXPECT_THAT(LocalSocket::Open(path_, 0600, echo_).status(),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("is there and no socket")));
  EXPECT_THAT(
      LocalSocket::Open("/" + std::string(107, 'x'), 0600, echo_).status(),
      StatusIs(absl::StatusCode::kInvalidArgument,
               HasSubstr("has 108 bytes, but a socket's path has 1 to 107")));
}

TEST_F(LocalSocketTest, AskingWhereNobodyListensIsAnError) {
  EXPECT_THAT(AskAgent(path_, "x", absl::Seconds(1)).status(),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("agent.sock: no agent answers there")));
  Open();  // and does not serve
  EXPECT_THAT(AskAgent(path_, "x", absl::Milliseconds(50)).status(),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("out of patience")));
}

}  // namespace
}  // namespace shoal::client
