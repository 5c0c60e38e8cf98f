// shoalctl ca: the deployment's own certificate authority. Works offline.
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/status_macros.h"
#include "coordinator/programs/ca_folder.h"
#include "coordinator/programs/shoalctl/commands.h"

namespace shoal::shoalctl {
namespace {

struct Options {
  std::string out;
  std::vector<std::string> hosts;
};

absl::Status Init(const Options& options) {
  coordinator::CaFolder folder;
  folder.ca = options.out;
  folder.coordinator = options.out + "/coordinator";
  folder.operators = options.out + "/operator";
  if (!options.hosts.empty()) folder.hosts = options.hosts;
  SHOAL_RETURN_IF_ERROR(coordinator::MakeCaFolder(folder, absl::Now()));
  const configuration::TlsFiles tls = folder.tls();
  std::printf(
      "Made a CA in %s. Keep %s safe: who has it can make devices.\n\n"
      "For shoald's configuration:\n\n"
      "tls:\n  ca: %s\n  certificate: %s\n  key: %s\n"
      "enrollment_ca_key: %s\n\n"
      "For you: shoalctl --credentials %s status\n"
      "For devices: %s/ca.pem, and an invitation (shoalctl device invite)\n",
      folder.ca.c_str(), folder.ca_key().c_str(), tls.ca.c_str(),
      tls.certificate.c_str(), tls.key.c_str(), folder.ca_key().c_str(),
      folder.operators.c_str(), folder.ca.c_str());
  return absl::OkStatus();
}

}  // namespace

void AddCaCommands(CLI::App& app, Shell& shell) {
  CLI::App* noun = AddNoun(app, "ca", "the deployment's certificate authority");
  auto options = std::make_shared<Options>();  // shared with the callback
  CLI::App* init =
      AddVerb(*noun, shell, "init",
              "make a CA, a certificate for shoald and one for you (offline)",
              "shoalctl ca init --out /etc/shoal/ca --host fleet.example.org",
              [options] { return Init(*options); });
  init->add_option("--out", options->out, "folder to make")->required();
  init->add_option("--host", options->hosts,
                   "name or address under which devices reach the "
                   "coordinator; may be repeated (default: localhost)");
}

}  // namespace shoal::shoalctl
