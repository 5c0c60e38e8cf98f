// A Unix domain socket on which programs of this machine send lines and get a
// line back for each.
#ifndef SHOAL_CLIENT_AGENT_LOCAL_SOCKET_H_
#define SHOAL_CLIENT_AGENT_LOCAL_SOCKET_H_

#include <poll.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace shoal::client {

class LineAnswerer {
 public:
  virtual ~LineAnswerer() = default;
  // In bytes, without its end. What is longer is answered for.
  virtual size_t longest_line() const = 0;
  // Answers the first of `lines`, or more of them, with a line each at the end
  // of `out`; returns how many. REQUIRES: there is a line.
  virtual size_t Answer(absl::Span<const absl::string_view> lines,
                        std::string& out) = 0;
};

// Nobody is waited for: who sends slowly is read when something comes, who does
// not read is not read from. A client costs at most a line, 16 KiB and 64 KiB
// of answers; of more than kMostClients the one that has been silent for
// longest is cut off. One thread.
class LocalSocket {
 public:
  static constexpr size_t kMostClients = 16;

  // Listens at `path`; takes the place of a socket that nobody listens at, and
  // removes it in the end. INVALID_ARGUMENT when the path is too long for a
  // socket, or of something else; FAILED_PRECONDITION when a process listens
  // there. `answerer` must outlive it. `mode` as for chmod.
  static absl::StatusOr<std::unique_ptr<LocalSocket>> Open(
      const std::string& path, uint32_t mode, LineAnswerer& answerer);
  ~LocalSocket();
  LocalSocket(const LocalSocket&) = delete;
  LocalSocket& operator=(const LocalSocket&) = delete;

  // Appends what to poll.
  void AppendTo(std::vector<pollfd>& polled) const;
  // Serves those of AppendTo, as poll has filled them in.
  void Serve(absl::Span<const pollfd> polled);
  // Whether lines are left that need no poll: to be served at once.
  bool has_backlog() const;

 private:
  struct Client {
    int fd = -1;
    std::string in;         // not answered yet
    std::string out;        // not sent yet
    bool skipping = false;  // to the end of a line that is too long
    bool ended = false;     // sends no more
    bool backlog = false;   // `in` holds lines that could be answered
    uint64_t last_heard = 0;
  };

  LocalSocket(std::string path, int fd, LineAnswerer& answerer)
      : path_(std::move(path)), fd_(fd), answerer_(answerer) {}

  // False: the client is to be cut off.
  bool Serve(Client& client, short events);
  bool Receive(Client& client);
  void AnswerLines(Client& client);
  // Answers for lines that are too long where one is the next.
  void CutLongLines(Client& client) const;
  static bool HasLine(const Client& client);
  static bool Send(Client& client);
  static bool WantsInput(const Client& client, size_t longest_line);
  void Accept();

  const std::string path_;
  const int fd_;
  LineAnswerer& answerer_;
  std::vector<Client> clients_;
  uint64_t heard_ = 0;  // counts what has come
};

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_AGENT_LOCAL_SOCKET_H_
