#include "bench/torch_peer.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "base/file.h"
#include "base/status_macros.h"

namespace shoal::bench {
namespace {

constexpr char kPython[] = "/usr/bin/python3";
constexpr char kScript[] = SHOAL_TORCH_TRAINING_SCRIPT;

bool HasTorch() {
  return access(kPython, X_OK) == 0 &&
         std::system("/usr/bin/python3 -c 'import torch' 2>/dev/null") == 0;
}

}  // namespace

absl::StatusOr<std::unique_ptr<TorchPeer>> TorchPeer::Start(
    const std::vector<TrainingWorkload>& workloads) {
  if (!HasTorch()) {
    return absl::NotFoundError(absl::StrCat(
        kPython, " cannot import torch (script/bootstrap peers installs it)"));
  }
  std::unique_ptr<TorchPeer> peer(new TorchPeer());
  SHOAL_RETURN_IF_ERROR(WriteWorkloads(workloads, peer->folder_.path()));
  SHOAL_RETURN_IF_ERROR(peer->Spawn());
  SHOAL_ASSIGN_OR_RETURN(peer->version_, peer->ReadLine());
  return peer;
}

absl::StatusOr<std::unique_ptr<TorchPeer>> TorchPeer::StartIfThere(
    const std::vector<TrainingWorkload>& workloads) {
  auto peer = Start(workloads);
  if (absl::IsNotFound(peer.status())) {
    absl::PrintF("Without PyTorch: %s\n", peer.status().message());
    return nullptr;
  }
  if (peer.ok()) {
    absl::PrintF("Beside a plain loop in PyTorch %s\n", (*peer)->version());
  }
  return peer;
}

absl::Status TorchPeer::Spawn() {
  std::array<int, 2> ends;
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return ErrnoStatus(errno, kScript, "cannot make a socket");
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  std::string python = kPython, program = kScript, argument = folder_.path();
  char* arguments[] = {python.data(), program.data(), argument.data(), nullptr};
  const int error =
      posix_spawn(&pid_, kPython, &actions, nullptr, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  if (error != 0) {
    close(ends[0]);
    return ErrnoStatus(error, kPython, "cannot start");
  }
  stream_ = fdopen(ends[0], "r+");
  return absl::OkStatus();
}

TorchPeer::~TorchPeer() {
  if (stream_ == nullptr) return;
  std::fclose(stream_);  // the end of its input ends it
  waitpid(pid_, nullptr, 0);
}

absl::StatusOr<std::string> TorchPeer::ReadLine() {
  std::array<char, 256> line;
  if (std::fgets(line.data(), line.size(), stream_) == nullptr) {
    return absl::InternalError("the PyTorch process has ended");
  }
  return std::string(absl::StripSuffix(line.data(), "\n"));
}

absl::StatusOr<double> TorchPeer::Measure(const std::string& workload,
                                          absl::Duration time) {
  absl::FPrintF(stream_, "%s %g\n", workload, absl::ToDoubleSeconds(time));
  std::fflush(stream_);
  SHOAL_ASSIGN_OR_RETURN(const std::string line, ReadLine());
  double rate = 0;
  if (!absl::SimpleAtod(line, &rate)) {
    return absl::InternalError(
        absl::StrCat("the PyTorch process said '", line, "', not a number"));
  }
  return rate;
}

}  // namespace shoal::bench
